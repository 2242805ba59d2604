//! The one layer around every handler: request id, who asks, how often, the setup gate, headers, numbers, log.
//!
//! One layer and not seven: each is a boxed future and a pass over the headers, and a read of one secret must not
//! cost more than its work.

pub(crate) mod admit;
mod answer;
mod browser;
pub(crate) mod limits;
mod request_id;

use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::{Error, HttpMessage as _};
use futures_util::FutureExt as _;

use super::error::Problem;
use super::extract::Caller;
use super::idempotency;
use super::state::State;
use limits::Standing;
use request_id::RequestId;

/// The layer.
pub(crate) struct Gate(pub(crate) Arc<State>);

impl<S> Transform<S, ServiceRequest> for Gate
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type InitError = ();
    type Transform = GateService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(GateService { service: Rc::new(service), state: Arc::clone(&self.0) }))
    }
}

/// The layer around one worker's handlers.
pub(crate) struct GateService<S> {
    service: Rc<S>,
    state: Arc<State>,
}

/// What the layer found out before the handler ran.
pub(crate) struct Seen {
    pub(crate) begun: Instant,
    pub(crate) id: RequestId,
    pub(crate) standing: Option<Standing>,
    pub(crate) actor: Option<crate::policy::PrincipalId>,
}

impl<S> Service<ServiceRequest> for GateService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        let (service, state) = (Rc::clone(&self.service), Arc::clone(&self.state));
        Box::pin(async move {
            let id = RequestId::of(&req, state.parts.core.clock.now());
            let mut seen = Seen { begun: Instant::now(), id, standing: None, actor: None };
            let outcome = match admit::admit(&state, &mut req, &mut seen) {
                Err(problem) => Ok(req.into_response(problem.into_response())),
                Ok(()) => run(&service, &state, req).await,
            };
            match outcome {
                Ok(response) => Ok(answer::finish(&state, &seen, response)),
                Err(problem) => {
                    let response = answer::without_request(&state, &seen, &problem);
                    Err(InternalError::from_response(problem, response).into())
                }
            }
        })
    }
}

async fn run<S>(service: &Rc<S>, state: &Arc<State>, req: ServiceRequest) -> Result<ServiceResponse<BoxBody>, Problem>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    let wish = match req.extensions().get::<Caller>() {
        Some(Caller::Known(op, credential)) => idempotency::wish(&req, op, credential),
        _ => Ok(None),
    };
    match wish {
        Ok(None) => call(service, req).await,
        Ok(Some(wish)) => {
            let service = Rc::clone(service);
            idempotency::once(Arc::clone(state), wish, req, move |req| async move { call(&service, req).await }).await
        }
        Err(problem) => Ok(req.into_response(problem.into_response())),
    }
}

/// Calls the handler; its panic is this request's failure and nobody else's.
async fn call<S>(service: &Rc<S>, req: ServiceRequest) -> Result<ServiceResponse<BoxBody>, Problem>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    match AssertUnwindSafe(service.call(req)).catch_unwind().await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(Problem::internal(error.to_string())),
        Err(_) => Err(Problem::internal("a handler panicked; the log has its place")),
    }
}
