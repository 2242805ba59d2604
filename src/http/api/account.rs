//! One's own account.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, ok};
use crate::http::extract::{Json, Known};
use crate::http::state::State;
use crate::orgs::session::{self, PasswordChange};
use crate::types::SecretString;

/// A password for another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordPut {
    /// The one there is.
    #[schema(value_type = String, write_only)]
    current_password: SecretString,
    /// The one there shall be: 8 characters at least, 15 or more are advised.
    #[schema(value_type = String, write_only, min_length = 8, max_length = 256)]
    new_password: SecretString,
}

/// What a changed password ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasswordChanged {
    /// Other sign-ins that ended.
    ended: usize,
    /// Whether it opens every organization you are in, or this one only.
    everywhere: bool,
}

/// Changes your own password, and ends your other sign-ins. Tokens you made stay.
#[utoipa::path(put, path = "/account/password", operation_id = "account_password", request_body = PasswordPut,
    responses((status = 200, description = "It is changed.", body = PasswordChanged)))]
pub(crate) async fn password(state: Data<State>, Known(op, _): Known, Json(body): Json<PasswordPut>) -> Answer {
    let wish = PasswordChange { current: body.current_password, new: body.new_password };
    let done = session::password_change(&op, &state.parts.passwords, wish).await?;
    ok(&PasswordChanged { ended: done.ended, everywhere: done.everywhere })
}
