//! Who asks. The middleware found it out; handlers say what they need.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::auth::{AuthError, Credential};
use crate::http::csrf;
use crate::http::error::Problem;
use crate::op::Op;
use std::sync::Arc;

/// What the middleware found.
pub(crate) enum Caller {
    /// A token that is good, and what it is.
    Known(Op, Arc<Credential>),
    /// No token.
    Anonymous(Op),
    /// A token that is not good.
    Refused(Problem),
    /// A session whose request changes something and has not shown that its owner meant it: a page's form may still do
    /// so (`csrf::proven`), and to everybody else it is nobody.
    Unproven(Op, Arc<Credential>),
    /// A cookie that is good no more: who needs somebody is told so, and everybody else goes on with nobody.
    Lapsed(Op, Problem),
}

/// Somebody with a good token.
pub(crate) struct Known(pub(crate) Op, pub(crate) Arc<Credential>);

impl FromRequest for Known {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match req.extensions_mut().remove::<Caller>() {
            Some(Caller::Known(op, credential)) => Ok(Self(op, credential)),
            Some(Caller::Refused(problem) | Caller::Lapsed(_, problem)) => Err(problem),
            Some(Caller::Unproven(..)) => Err(csrf::refused()),
            Some(Caller::Anonymous(_)) | None => Err(AuthError::Missing.into()),
        })
    }
}

/// Anybody: for what is done before there is a token.
pub(crate) struct Anonymous(pub(crate) Op);

impl FromRequest for Anonymous {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match req.extensions_mut().remove::<Caller>() {
            Some(Caller::Known(op, _) | Caller::Anonymous(op) | Caller::Lapsed(op, _)) => Ok(Self(op)),
            Some(Caller::Unproven(op, _)) => Ok(Self(op.as_nobody())),
            Some(Caller::Refused(problem)) => Err(problem),
            None => Err(Problem::internal("a handler ran outside of the middleware")),
        })
    }
}
