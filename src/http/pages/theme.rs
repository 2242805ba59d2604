//! Light, dark, or as the system says: remembered by a cookie, so that the first byte is drawn right.

use actix_web::http::header::{HeaderValue, SET_COOKIE};
use serde::Deserialize;

use super::form::Form;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::csrf;
use crate::http::error::Problem;
use crate::http::extract::Query;

/// What was chosen.
#[derive(Deserialize)]
pub(super) struct Choice {
    theme: String,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

/// Remembers the choice and leads back.
pub(super) async fn set(Query(query): Query<Back>, Form(visitor, choice): Form<Choice>) -> Answer {
    let cookie = Theme::parse(&choice.theme).cookie(visitor.state.public_url.is_https()).to_string();
    let cookie = HeaderValue::try_from(cookie).map_err(|_| Problem::internal("a cookie has no form as a header"))?;
    let mut response = Visitor::go(csrf::local_path(&query.back))?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}
