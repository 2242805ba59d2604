//! Which organization the pages show, for people in several: remembered in a cookie, decided anew with each request.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::Deserialize;

use super::form::Form;
use crate::http::api::Answer;
use crate::http::{cookie, proxy};

/// The organization that is meant, by its slug.
#[derive(Deserialize)]
pub(super) struct SwitchForm {
    #[serde(default)]
    organization: String,
}

/// Remembers it, and begins at its home. Whether it is open to whoever asks is seen there.
pub(super) async fn set(req: HttpRequest, Form(visitor, form): Form<SwitchForm>) -> Answer {
    let is_secure = proxy::is_secure(&visitor.state, &req);
    let chosen = cookie::choose(is_secure, &form.organization);
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/")).cookie(chosen).finish())
}
