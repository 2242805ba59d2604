//! API v1: one file per resource. A handler reads, calls one operation, answers; everything else is elsewhere.
#![expect(unused_qualifications, reason = "utoipa's macros write paths out")]

pub(crate) mod account;
pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod blueprint;
pub(crate) mod cluster;
pub(crate) mod condition;
pub(crate) mod deletion;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod environment;
pub(crate) mod folder;
pub(crate) mod follow;
pub(crate) mod format;
pub(crate) mod grant;
pub(crate) mod health;
pub(crate) mod instance;
pub(crate) mod invitation;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod mail;
pub(crate) mod member;
pub(crate) mod organization;
pub(crate) mod own_policy;
pub(crate) mod place;
pub(crate) mod policy;
pub(crate) mod project;
pub(crate) mod quota;
pub(crate) mod reset;
pub(crate) mod review;
pub(crate) mod role;
pub(crate) mod runtime;
pub(crate) mod scan;
pub(crate) mod secret;
pub(crate) mod service_account;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod team;
pub(crate) mod time;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod variables;
pub(crate) mod whoami;

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problem;
use super::extract::{etag, not_modified};
use crate::keys::MacPurpose;
use crate::op::Op;
use crate::types::Page;

/// What a handler gives.
pub(crate) type Answer = Result<HttpResponse, Problem>;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items, in the list's order.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page with each item in its JSON form.
    pub(crate) fn of<U>(page: Page<U>, form: impl FnMut(U) -> T) -> Self {
        let page = page.map(form);
        Self { items: page.items, next_cursor: page.next.map(|c| c.encode()) }
    }

    /// A list that has one page only.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// 200 with a body.
#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(crate) fn ok(body: &impl Serialize) -> Answer {
    Ok(HttpResponse::Ok().json(body))
}

/// 201 with a body.
#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
pub(crate) fn created(body: &impl Serialize) -> Answer {
    Ok(HttpResponse::Created().json(body))
}

/// 200 with a body and its tag, or 304 to who has it.
pub(crate) fn tagged(req: &HttpRequest, op: &Op, version: u32, body: &impl Serialize) -> Answer {
    let text = serde_json::to_string(body).map_err(|e| Problem::internal(e.to_string()))?;
    let hash = op.keyring().instance().mac_key().mac(MacPurpose::Etag, &[text.as_bytes()]).to_hex(8);
    let tag = etag(version, &hash);
    let known = not_modified(req, &tag);
    let mut builder = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    builder.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "private, no-cache"));
    if known { Ok(builder.finish()) } else { Ok(builder.content_type("application/json").body(text)) }
}
