//! One's own account.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, created, ok};
use crate::http::extract::{Json, Known};
use crate::http::state::State;
use crate::orgs::session::{self, PasswordChange};
use crate::types::{Secret, SecretString, Timestamp};

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

/// Your second factors.
#[derive(Serialize, ToSchema)]
pub(crate) struct FactorsAnswer {
    /// Since when you have an authenticator; null: you have none.
    authenticator_since: Option<Timestamp>,
    /// Recovery codes that were not used.
    recovery_codes: usize,
}

/// Your second factors.
#[utoipa::path(get, path = "/account/factors", operation_id = "account_factors",
    responses((status = 200, description = "Which there are.", body = FactorsAnswer)))]
pub(crate) async fn factors(Known(op, _): Known) -> Answer {
    let found = session::factor_list(&op).await?;
    ok(&FactorsAnswer { authenticator_since: found.authenticator_since, recovery_codes: found.recovery_codes })
}

/// A new authenticator: the only answer that shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthenticatorAnswer {
    /// The secret in base32, to be typed; not in a replay.
    #[schema(required = false)]
    secret: String,
    /// The same for a QR code; not in a replay.
    #[schema(required = false)]
    uri: String,
}

/// Begins an authenticator: it counts once a code of it was confirmed.
#[utoipa::path(post, path = "/account/factors/authenticator", operation_id = "authenticator_begin",
    responses((status = 201, description = "Its secret, shown this once.", body = AuthenticatorAnswer)))]
pub(crate) async fn authenticator_begin(Known(op, _): Known) -> Answer {
    let new = session::authenticator_begin(&op).await?;
    created(&AuthenticatorAnswer { secret: new.secret.expose().clone(), uri: new.uri.expose().clone() })
}

/// A code of an authenticator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeBody {
    /// Six digits.
    #[schema(value_type = String, write_only)]
    code: SecretString,
}

/// Recovery codes: the only answer that shows them.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodesAnswer {
    /// Ten, each good once; not in a replay.
    #[schema(required = false)]
    recovery_codes: Vec<String>,
}

impl RecoveryCodesAnswer {
    fn of(codes: &[SecretString]) -> Self {
        Self { recovery_codes: codes.iter().map(Secret::expose).cloned().collect() }
    }
}

/// Makes the authenticator that was begun yours, and gives ten recovery codes.
#[utoipa::path(post, path = "/account/factors/authenticator/confirm", operation_id = "authenticator_confirm",
    request_body = CodeBody,
    responses((status = 201, description = "The recovery codes, shown this once.", body = RecoveryCodesAnswer)))]
pub(crate) async fn authenticator_confirm(Known(op, _): Known, Json(body): Json<CodeBody>) -> Answer {
    created(&RecoveryCodesAnswer::of(&session::authenticator_confirm(&op, body.code).await?))
}

/// Takes your authenticator and recovery codes away.
#[utoipa::path(delete, path = "/account/factors/authenticator", operation_id = "authenticator_remove",
    responses((status = 200, description = "What is left.", body = FactorsAnswer)))]
pub(crate) async fn authenticator_remove(Known(op, _): Known) -> Answer {
    session::factor_remove(&op).await?;
    ok(&FactorsAnswer { authenticator_since: None, recovery_codes: 0 })
}

/// Ten new recovery codes; those before are void.
#[utoipa::path(post, path = "/account/factors/recovery-codes", operation_id = "recovery_codes_renew",
    responses((status = 201, description = "The codes, shown this once.", body = RecoveryCodesAnswer)))]
pub(crate) async fn recovery_codes(Known(op, _): Known) -> Answer {
    created(&RecoveryCodesAnswer::of(&session::recovery_codes_renew(&op).await?))
}
