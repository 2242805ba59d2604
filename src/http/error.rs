//! From a failure to `application/problem+json` (RFC 9457).
//!
//! What a client is told and what the log is told are two texts: of an internal failure the client gets the stable
//! code and the request id, the log gets the chain of causes under the same id.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::types::{Class, Failure, Problem as Wrong, chain};

/// `Content-Type` of every failure.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A failure on its way out. The middleware adds the request id and writes the body.
pub struct Problem(Box<Inner>);

struct Inner {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: String,
    errors: Vec<Wrong>,
    cause: Option<String>,
    retry_after: Option<u64>,
    allow: Option<String>,
}

/// The body of a failure, as clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// A URI that names the kind of failure.
    #[schema(example = "urn:holdfast:problem:project_not_found")]
    r#type: String,
    /// The kind of failure in words.
    #[schema(example = "Not Found")]
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What failed, for people.
    detail: String,
    /// The stable code, for programs.
    #[schema(example = "project_not_found")]
    code: String,
    /// What to do about it; empty when there is nothing to say.
    hint: String,
    /// The request, as the log and the ledger know it.
    request_id: String,
    /// The single things wrong, when there are several.
    errors: Vec<ProblemItem>,
}

/// One of several things wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemItem {
    /// Where: a field, a name, a path.
    field: String,
    /// The stable code.
    code: String,
    /// In words.
    detail: String,
}

impl ProblemBody {
    /// Status, code, detail, hint, request id, and the single things wrong as field and detail: for a page.
    pub(crate) fn into_parts(self) -> (u16, String, String, String, String, Vec<(String, String)>) {
        let errors = self.errors.into_iter().map(|item| (item.field, item.detail)).collect();
        (self.status, self.code, self.detail, self.hint, self.request_id, errors)
    }
}

impl Problem {
    /// A failure of the door itself.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            status,
            code,
            detail: detail.into(),
            hint: String::new(),
            errors: Vec::new(),
            cause: None,
            retry_after: None,
            allow: None,
        }))
    }

    /// A request that cannot be read.
    pub(crate) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// A failure inside; the cause goes to the log only.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL);
        problem.0.hint = INTERNAL_HINT.into();
        problem.0.cause = Some(cause.into());
        problem
    }

    /// The same, with what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into();
        self
    }

    /// The same, about one field.
    pub(crate) fn field(mut self, field: impl Into<String>, code: &str) -> Self {
        let detail = self.0.detail.clone();
        self.0.errors.push(Wrong { field: field.into(), code: code.into(), detail });
        self
    }

    /// The same, to be tried again after some seconds.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The same, with the methods that are allowed.
    pub(crate) fn allow(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// What only the log is told.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// For a response some library made without saying why.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::BAD_REQUEST => "bad_request",
            StatusCode::NOT_FOUND => "endpoint_not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::REQUEST_TIMEOUT => "request_timeout",
            StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
            status if status.is_server_error() => return Self::internal(format!("a library answered {status}")),
            _ => "request_refused",
        };
        Self::new(status, code, status.canonical_reason().unwrap_or("refused"))
    }

    /// The body.
    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        let inner = &self.0;
        let item = |w: &Wrong| ProblemItem { field: w.field.clone(), code: w.code.clone(), detail: w.detail.clone() };
        ProblemBody {
            r#type: format!("urn:holdfast:problem:{}", inner.code),
            title: inner.status.canonical_reason().unwrap_or("Failure").into(),
            status: inner.status.as_u16(),
            detail: inner.detail.clone(),
            code: inner.code.into(),
            hint: inner.hint.clone(),
            request_id: request_id.into(),
            errors: inner.errors.iter().map(item).collect(),
        }
    }

    /// The response, still without its body.
    pub(crate) fn into_response(self) -> HttpResponse {
        let inner = &self.0;
        let mut builder = HttpResponse::build(inner.status);
        builder.content_type(PROBLEM_JSON);
        if inner.status == StatusCode::UNAUTHORIZED {
            builder.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"holdfast\""));
        }
        if inner.status == StatusCode::UPGRADE_REQUIRED {
            builder.insert_header((header::UPGRADE, "websocket"));
        }
        if let Some(seconds) = inner.retry_after {
            builder.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(methods) = &inner.allow {
            builder.insert_header((header::ALLOW, methods.as_str()));
        }
        let mut response = builder.finish();
        response.extensions_mut().insert(self);
        response
    }

    fn copy(&self) -> Self {
        let i = &self.0;
        Self(Box::new(Inner {
            status: i.status,
            code: i.code,
            detail: i.detail.clone(),
            hint: i.hint.clone(),
            errors: i.errors.clone(),
            cause: i.cause.clone(),
            retry_after: i.retry_after,
            allow: i.allow.clone(),
        }))
    }
}

const INTERNAL: &str = "something failed inside; nothing more is told here";
const INTERNAL_HINT: &str = "report it with the request id: the server's log has the cause under it";

/// The status of a class.
const fn status(class: Class) -> StatusCode {
    match class {
        Class::Invalid => StatusCode::BAD_REQUEST,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Stale => StatusCode::PRECONDITION_FAILED,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Class::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Class::Damaged | Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl<E: Failure> From<E> for Problem {
    fn from(error: E) -> Self {
        of_failure(&error)
    }
}

/// Compiled once, and not for each error at each `?` of each handler.
#[inline(never)]
fn of_failure(error: &dyn Failure) -> Problem {
    let class = error.class();
    let is_internal = class == Class::Internal;
    Problem(Box::new(Inner {
        status: status(class),
        code: error.code(),
        detail: if is_internal { INTERNAL.into() } else { error.to_string() },
        hint: if is_internal { INTERNAL_HINT.into() } else { error.hint() },
        errors: error.problems(),
        cause: (is_internal || class == Class::Damaged).then(|| chain(error)),
        retry_after: error.retry_after().or(matches!(class, Class::Unavailable | Class::TooMany).then_some(1)),
        allow: None,
    }))
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({} {})", self.0.status.as_u16(), self.0.code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.copy().into_response()
    }
}
