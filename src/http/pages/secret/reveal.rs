//! Showing a value: by POST, after the ledger has it, in an answer nobody keeps.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::{PlaceQuery, Which, With, show};
use crate::http::api::Answer;
use crate::http::api::secret::encode;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::form::Form;
use crate::vault::secret::{self, ReadSecret};

/// Which value.
#[derive(Deserialize)]
pub(in crate::http::pages) struct Wanted {
    /// A version; the newest when empty.
    #[serde(default)]
    version: String,
    /// Whether references are to be applied.
    #[serde(default)]
    resolve: String,
}

/// A value for the script of the page, which shows it as text.
#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
    /// Whether it is base64 of bytes that are no text.
    is_base64: bool,
}

/// The value as it is stored, or as a program gets it.
pub(in crate::http::pages) async fn reveal(
    req: HttpRequest,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, wanted): Form<Wanted>,
) -> Answer {
    let version = match wanted.version.as_str() {
        "" => None,
        text => Some(text.parse::<u32>().map_err(|_| Problem::invalid("form_invalid", "a version is a number"))?),
    };
    let resolve = !wanted.resolve.is_empty();
    let which = Which { project, environment, name, path: query.path };
    let ask = ReadSecret {
        project: which.project.clone(),
        environment: which.environment.clone(),
        path: which.path.clone(),
        name: which.name.clone(),
        reveal: true,
        resolve,
        version,
        at: None,
    };
    let read = secret::secret_get(&visitor.op, &visitor.state.uses, &ask).await?;
    let given = if resolve { read.resolved.or(read.value) } else { read.value };
    let (text, encoding) = given.as_ref().map(encode).unwrap_or_default();
    if wants_json(&req) {
        let answer = Value { value: &text, is_base64: encoding.is_some() };
        return Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer));
    }
    show(&visitor, which, StatusCode::OK, None, Some(With::Value(text))).await
}

fn wants_json(req: &HttpRequest) -> bool {
    req.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.starts_with("application/json"))
}
