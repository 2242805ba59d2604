//! The route table: paths, their methods and what answers them. It is built once and shared by every worker.
//!
//! A path is looked up in a radix tree, so the order of the table says nothing: where a word and a name in braces both
//! fit, the word is meant. A router of actix-web compiles a regular expression for each path in each worker; for a table
//! of this length that is more memory than everything else an idle server holds.
//!
//! What is looked up is the path as actix-web has it, escapes resolved but for `%`, `/` and `+`: an escaped slash never
//! ends a segment. A name in braces is one whole segment with at least one byte, and is not stored: it is where the
//! pattern says (see [`matched`]).

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, Responder};
use matchit::Router;

use super::error::Problem;

/// What becomes of a request.
pub(super) type Answered = Pin<Box<dyn Future<Output = Result<ServiceResponse, Error>>>>;
type Answering = Box<dyn Fn(ServiceRequest) -> Answered + Send + Sync>;

/// A path of the table, and what answers its methods.
pub(super) struct At {
    path: &'static str,
    methods: Vec<(Method, Answering)>,
}

/// Begins a path.
pub(super) fn at(path: &'static str) -> At {
    At { path, methods: Vec::new() }
}

macro_rules! methods {
    ($($name:ident $method:ident;)*) => {$(
        #[doc = concat!("What answers ", stringify!($method), ".")]
        pub(super) fn $name<F, Args>(mut self, handler: F) -> Self
        where
            F: Handler<Args> + Send + Sync,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            self.methods.push((Method::$method, answering(handler)));
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

    /// Ends a path that is there for its own methods only: with another the same words are a name, and elsewhere.
    pub(super) fn only(self) -> Row {
        Row { at: self, prefix: "", is_narrow: true }
    }

    /// Ends the path: every other method is answered with 405, which names those it has.
    pub(super) fn done(self) -> Row {
        Row { at: self, prefix: "", is_narrow: false }
    }
}

/// A handler, with what it asks of a request, as one function.
fn answering<F, Args>(handler: F) -> Answering
where
    F: Handler<Args> + Send + Sync,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Box::new(move |req| {
        let handler = handler.clone();
        Box::pin(async move {
            let (req, mut payload) = req.into_parts();
            let response = match Args::from_request(&req, &mut payload).await {
                Ok(args) => handler.call(args).await.respond_to(&req).map_into_boxed_body(),
                Err(error) => HttpResponse::from_error(error),
            };
            Ok(ServiceResponse::new(req, response))
        })
    })
}

/// A path that is complete.
pub(super) struct Row {
    at: At,
    prefix: &'static str,
    is_narrow: bool,
}

impl Row {
    fn answering(&self, method: &Method) -> Option<&Answering> {
        self.at.methods.iter().find(|(known, _)| known == method).map(|(_, answering)| answering)
    }

    fn not_allowed(&self) -> Problem {
        let methods: Vec<_> = self.at.methods.iter().map(|(method, _)| method.as_str()).collect();
        let allow = methods.join(", ");
        let problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("this path takes {allow}"));
        problem.allow(allow)
    }
}

/// The table.
#[derive(Default)]
pub(super) struct Routes {
    /// Before the paths that are being added.
    prefix: &'static str,
    paths: Router<Row>,
    /// Paths that are there for their own methods only, and those methods: looked at first, and by no other request.
    narrow: Router<Row>,
    narrow_methods: Vec<Method>,
}

impl Routes {
    /// The table of these paths.
    pub(super) fn of(paths: impl FnOnce(&mut Self)) -> Arc<Self> {
        let mut table = Self::default();
        paths(&mut table);
        Arc::new(table)
    }

    /// Adds a path.
    ///
    /// # Panics
    /// The path is in the table already: a mistake that no server starts with.
    pub(super) fn service(&mut self, row: Row) {
        let row = Row { prefix: self.prefix, ..row };
        let pattern = format!("{}{}", row.prefix, row.at.path);
        let paths = if row.is_narrow { &mut self.narrow } else { &mut self.paths };
        let methods = row.at.methods.iter().map(|(method, _)| method.clone());
        self.narrow_methods.extend(methods.filter(|_| row.is_narrow));
        paths.insert(pattern, row).expect("each path is in the table once");
    }

    /// Adds a group of paths with a common beginning, which has no names.
    pub(super) fn under(&mut self, prefix: &'static str, paths: impl FnOnce(&mut Self)) {
        self.prefix = prefix;
        paths(self);
        self.prefix = "";
    }

    fn find(&self, method: &Method, path: &str) -> Option<&Row> {
        if self.narrow_methods.contains(method)
            && let Ok(found) = self.narrow.at(path)
            && found.value.answering(method).is_some()
        {
            return Some(found.value);
        }
        self.paths.at(path).ok().map(|found| found.value)
    }

    /// Answers a request, or says why not.
    pub(super) fn answer(&self, mut req: ServiceRequest) -> Answered {
        let Some(row) = self.find(req.method(), req.match_info().as_str()) else {
            return refused(req, not_found());
        };
        req.match_info_mut().add_static(row.prefix, row.at.path);
        match row.answering(req.method()) {
            Some(answering) => answering(req),
            None => refused(req, row.not_allowed()),
        }
    }
}

fn refused(req: ServiceRequest, problem: Problem) -> Answered {
    Box::pin(ready(Ok(req.into_response(problem.into_response()))))
}

/// What is answered where there is no path.
fn not_found() -> Problem {
    let problem = Problem::new(StatusCode::NOT_FOUND, "endpoint_not_found", "there is no such endpoint");
    problem.hint("the endpoints are listed in /api/v1/openapi.json")
}

/// The pattern of the table a request found, never a request's own path; and the part of the path it is about: segment
/// for segment the same, but for names.
pub(super) fn matched(req: &HttpRequest) -> Option<(&str, &str)> {
    let path = req.match_info();
    let (prefix, pattern) = path.iter().next()?;
    Some((pattern, path.as_str().get(prefix.len()..)?))
}

#[cfg(test)]
mod tests {
    use actix_web::body::{BoxBody, to_bytes};
    use actix_web::http::header::ALLOW;
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;

    use super::*;
    use crate::http::extract::Names;

    const SECRET: &str = "/projects/{project}/environments/{environment}/secrets/{name}";

    async fn three(Names(names): Names<3>) -> HttpResponse {
        HttpResponse::Ok().body(names.join("|"))
    }

    async fn one(Names([name]): Names<1>) -> HttpResponse {
        HttpResponse::Ok().body(name)
    }

    async fn word() -> &'static str {
        "word"
    }

    /// The one that matters is in the middle of the others: their order says nothing.
    fn table() -> Arc<Routes> {
        Routes::of(|app| {
            app.service(at("/").get(word).done());
            app.under("/api/v1", |v1| {
                v1.service(at(SECRET).get(three).put(three).delete(three).done());
                v1.service(at("/projects/{project}/environments/{environment}/secrets/batch").post(word).only());
                v1.service(at("/projects/{project}/environments/{environment}/secrets").get(word).done());
                v1.service(at("/projects/{project}/environments/{environment}/secrets/{name}/copy").post(three).done());
                v1.service(at("/sessions/{session}").delete(one).done());
                v1.service(at("/sessions/current").get(word).done());
                v1.service(at("/sessions/{session}/end").post(one).done());
            });
            app.service(at("/files/{file}").get(one).done());
        })
    }

    async fn ask(method: Method, path: &str) -> (ServiceResponse<()>, Bytes) {
        let req = TestRequest::with_uri(path).method(method).to_srv_request();
        let answered: ServiceResponse<BoxBody> = table().answer(req).await.expect("an answer");
        let (req, response) = answered.into_parts();
        let (response, body) = response.into_parts();
        (ServiceResponse::new(req, response), to_bytes(body).await.expect("a body"))
    }

    async fn said(method: Method, path: &str) -> String {
        let (response, body) = ask(method, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[actix_web::test]
    async fn words_go_before_names_and_names_take_what_is_left() {
        let at = |rest: &str| format!("/api/v1/projects/shop/environments/dev/secrets{rest}");
        assert_eq!(said(Method::GET, &at("/KEY")).await, "shop|dev|KEY");
        assert_eq!(said(Method::GET, &at("")).await, "word");
        assert_eq!(said(Method::POST, &at("/batch/copy")).await, "shop|dev|batch");
        assert_eq!(said(Method::GET, "/api/v1/sessions/current").await, "word");
        assert_eq!(said(Method::DELETE, "/api/v1/sessions/curr").await, "curr");
        assert_eq!(said(Method::POST, "/api/v1/sessions/current/end").await, "current");
        assert_eq!(said(Method::GET, "/files/..").await, "..");
        assert_eq!(said(Method::GET, "/").await, "word");
    }

    #[actix_web::test]
    async fn a_secret_may_be_called_batch() {
        let path = "/api/v1/projects/shop/environments/dev/secrets/batch";
        assert_eq!(said(Method::POST, path).await, "word");
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(said(method, path).await, "shop|dev|batch");
        }
        let (response, _) = ask(Method::PATCH, path).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers().get(ALLOW).expect("methods"), "GET, PUT, DELETE");
    }

    #[actix_web::test]
    async fn names_are_decoded_once_and_an_escaped_slash_is_no_slash() {
        for (given, name) in [
            ("a%2Fb", "a/b"),
            ("a%2fb", "a/b"),
            ("%2e%2e%2fb", "../b"),
            ("a%252Fb", "a%2Fb"),
            ("a%2Bb", "a+b"),
            ("a+b", "a+b"),
            ("%41%0a", "A\n"),
            ("%c3%a4", "ä"),
            ("b%61tch", "batch"),
        ] {
            let path = format!("/api/v1/projects/s%68op/environments/dev/secrets/{given}");
            assert_eq!(said(Method::GET, &path).await, format!("shop|dev|{name}"), "{given}");
        }
        for bad in ["%zz", "%ff", "a%00", "%"] {
            let (response, _) = ask(Method::GET, &format!("/files/{bad}")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{bad}");
        }
    }

    #[actix_web::test]
    async fn what_is_no_path_is_not_found_and_has_no_pattern() {
        for path in [
            "/api/v1",
            "/api/v1/",
            "/api/v10/sessions/current",
            "/sessions/current",
            "/files",
            "/files/",
            "//files/a",
            "/files/a/",
            "/files//a",
            "/files/a/b",
            "/FILES/a",
            "/api/v1/projects//environments/dev/secrets",
            "/api/v1/projects/shop/environments/dev/secrets/",
            "/api/v1/projects/shop/environments/dev/secrets//copy",
            "/{file}",
        ] {
            let (response, _) = ask(Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            let told = response.response().extensions();
            assert_eq!(told.get::<Problem>().expect("a problem").code(), "endpoint_not_found");
            assert_eq!(matched(response.request()), None, "{path}");
        }
    }

    #[actix_web::test]
    async fn another_method_is_told_which_there_are() {
        for method in [Method::POST, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            let (response, _) = ask(method, "/api/v1/sessions/current").await;
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers().get(ALLOW).expect("methods"), "GET");
            let told = response.response().extensions();
            assert_eq!(told.get::<Problem>().expect("a problem").code(), "method_not_allowed");
            assert_eq!(matched(response.request()), Some(("/sessions/current", "/sessions/current")));
        }
    }

    #[test]
    #[should_panic(expected = "once")]
    fn a_path_is_in_the_table_once() {
        Routes::of(|app| {
            app.service(at("/members/{user}").get(one).done());
            app.service(at("/members/{member}").post(one).done());
        });
    }

    #[test]
    fn the_whole_table_fits_together() {
        let table = Routes::of(|app| {
            crate::http::routes(app);
            crate::http::api::health::metrics_route(app);
        });
        let pattern = |method, path| table.find(&method, path).map(|row| (row.prefix, row.at.path));
        assert_eq!(pattern(Method::GET, "/projects/a/environments/b/secrets/c"), Some(("", SECRET)));
        assert_eq!(pattern(Method::GET, "/api/v1/projects/a/environments/b/secrets/c"), Some(("/api/v1", SECRET)));
        assert_eq!(pattern(Method::GET, "/api/v1/audit/events/stream"), Some(("/api/v1", "/audit/events/stream")));
        assert_eq!(pattern(Method::GET, "/metrics"), Some(("", "/metrics")));
        assert_eq!(pattern(Method::GET, "/nothing"), None);
    }
}
