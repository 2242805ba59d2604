//! Personal overrides: the same paths as secrets, with `personal=true`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

use super::form::{self, SecretAnswer, SecretWritten};
use super::{SecretDeleted, SecretPut};
use crate::http::api::{Answer, created, ok};
use crate::http::error::Problem;
use crate::op::Op;
use crate::vault::personal::{self, Which};
use crate::vault::secret::{SecretRead, Wish};

/// Which override, from a path and a folder.
pub(super) fn which([project, environment, name]: [String; 3], path: String) -> Which {
    Which { project, environment, path, name }
}

/// Sets one's own value.
pub(super) async fn put(op: &Op, which: Which, body: SecretPut) -> Answer {
    let more = body.comment.is_some() || body.tags.is_some() || body.visibility.is_some();
    if more || body.base_version.is_some() {
        let problem = Problem::invalid("value_unexpected", "a personal override is a value and nothing more");
        return Err(problem.field("personal", "value_unexpected"));
    }
    let wish = form::wish(body.state, body.value, body.encoding, body.interpolate, None, body.generate)?;
    let Wish::Set { value, interpolate, .. } = wish else {
        let problem = Problem::invalid("value_unexpected", "a personal override has a value");
        return Err(problem.hint("delete it to have what everybody has").field("state", "value_unexpected"));
    };
    let (view, is_new) = personal::personal_set(op, which, value, interpolate).await?;
    let answer = SecretWritten::of(view);
    if is_new { created(&answer) } else { ok(&answer) }
}

/// Shows one's own override.
pub(super) async fn get(op: &Op, which: &Which, reveal: bool) -> Answer {
    let (view, value) = personal::personal_get(op, which, reveal).await?;
    let answer = SecretAnswer::with_value(SecretRead { view, value, resolved: None });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}

/// Takes one's own override away.
pub(super) async fn delete(op: &Op, which: Which, dry_run: bool) -> Answer {
    let gone = personal::personal_delete(op, which, dry_run).await?;
    let (name, path) = (gone.name.to_string(), gone.path.to_string());
    ok(&SecretDeleted { dry_run, name, path, version: gone.version, warnings: Vec::new() })
}
