//! Building blocks of the route table: a path, its methods, and for every other method a 405 that names them.

use actix_web::dev::HttpServiceFactory;
use actix_web::guard::Guard;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route};

use super::error::Problem;
use super::middleware::RouteLabel;

/// A path of the table.
pub(super) struct At {
    resource: Resource,
    methods: Vec<&'static str>,
}

/// Begins a path.
pub(super) fn at(path: &'static str) -> At {
    At { resource: web::resource(path).app_data(RouteLabel(path)), methods: Vec::new() }
}

macro_rules! methods {
    ($($name:ident $method:ident;)*) => {$(
        #[doc = concat!("What answers ", stringify!($method), ".")]
        pub(super) fn $name<F, Args>(mut self, handler: F) -> Self
        where
            F: Handler<Args>,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.methods.push(stringify!($method));
            self.resource = self.resource.route(web::method(Method::$method).to(handler));
            self
        }
    )*};
}

impl At {
    methods! {
        get GET;
        post POST;
        put PUT;
        patch PATCH;
        delete DELETE;
    }

    /// Ends a path that only some requests take: others look further down the table.
    pub(super) fn only(self, guard: impl Guard + 'static) -> impl HttpServiceFactory + 'static {
        self.resource.guard(guard)
    }

    /// Ends the path.
    pub(super) fn done(self) -> impl HttpServiceFactory + 'static {
        let allow = self.methods.join(", ");
        self.resource.default_service(web::to(move || {
            let problem =
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("this path takes {allow}"));
            let problem = problem.allow(allow.clone());
            async move { Err::<HttpResponse, _>(problem) }
        }))
    }
}

/// A group of paths with a common beginning.
pub(super) fn under(prefix: &'static str, paths: impl FnOnce(&mut ServiceConfig)) -> impl HttpServiceFactory + 'static {
    web::scope(prefix).configure(paths).default_service(not_found())
}

/// What answers where there is no path.
pub(super) fn not_found() -> Route {
    web::to(|| async {
        let problem = Problem::new(StatusCode::NOT_FOUND, "endpoint_not_found", "there is no such endpoint");
        Err::<HttpResponse, _>(problem.hint("the endpoints are listed in /api/v1/openapi.json"))
    })
}
