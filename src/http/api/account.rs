//! One's own account.

use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, List, created, ok};
use crate::auth::User;
use crate::auth::factor::Factors;
use crate::auth::passkey::{Answered, Asked, Passkey};
use crate::http::extract::{Json, Known, Names};
use crate::http::schema::{OrganizationId, PasskeyId, UserId};
use crate::http::state::State;
use crate::orgs::OrgError;
use crate::orgs::account::{self, Notice};
use crate::orgs::session::{self, PasswordChange};
use crate::types::{Email, Id, Secret, SecretString, Timestamp};

/// Your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountAnswer {
    /// Your id.
    id: UserId,
    /// Your address.
    email: Email,
    /// How you are called.
    name: String,
    /// When a mailed link showed last that the address is yours; null: none did.
    email_verified_at: Option<Timestamp>,
    /// Since when you are known here.
    created_at: Timestamp,
}

impl From<User> for AccountAnswer {
    fn from(user: User) -> Self {
        let User { id, email, name, email_verified_at, created_at, .. } = user;
        Self { id, email, name, email_verified_at, created_at }
    }
}

/// Your account.
#[utoipa::path(get, path = "/account", operation_id = "account_get",
    responses((status = 200, description = "It.", body = AccountAnswer)))]
pub(crate) async fn get(Known(op, _): Known) -> Answer {
    ok(&AccountAnswer::from(account::account_get(&op).await?))
}

/// What may be changed of your account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountUpdate {
    /// How you are called.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: String,
}

/// Changes how you are called.
#[utoipa::path(patch, path = "/account", operation_id = "account_rename", request_body = AccountUpdate,
    responses((status = 200, description = "Your account.", body = AccountAnswer)))]
pub(crate) async fn rename(Known(op, _): Known, Json(body): Json<AccountUpdate>) -> Answer {
    ok(&AccountAnswer::from(account::account_rename(&op, body.name).await?))
}

/// Something that happened to your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeAnswer {
    /// When.
    at: Timestamp,
    /// What, by the name it has in the ledger.
    action: String,
    /// Whether it came to pass; false: it was refused.
    allowed: bool,
    /// From where.
    address: Option<String>,
    /// What the client called itself.
    device: Option<String>,
}

/// What happened to your account in this organization lately: sign-ins, failed ones, and what they are made with.
#[utoipa::path(get, path = "/account/notices", operation_id = "account_notices",
    responses((status = 200, description = "The newest, at most 50.", body = List<NoticeAnswer>)))]
pub(crate) async fn notices(Known(op, _): Known) -> Answer {
    let answer = |notice: Notice| {
        let Notice { at, action, allowed, address, device } = notice;
        NoticeAnswer { at, action, allowed, address, device }
    };
    ok(&List::whole(account::notice_list(&op).await?.into_iter().map(answer).collect()))
}

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
    /// Passkeys that open this organization.
    passkeys: usize,
    /// Passkeys that would, but are disabled because there may be a copy of them.
    passkeys_disabled: usize,
}

impl From<Factors> for FactorsAnswer {
    fn from(found: Factors) -> Self {
        let Factors { authenticator_since, recovery_codes, passkeys, passkeys_disabled } = found;
        Self { authenticator_since, recovery_codes, passkeys, passkeys_disabled }
    }
}

/// Your second factors.
#[utoipa::path(get, path = "/account/factors", operation_id = "account_factors",
    responses((status = 200, description = "Which there are.", body = FactorsAnswer)))]
pub(crate) async fn factors(Known(op, _): Known) -> Answer {
    ok(&FactorsAnswer::from(session::factor_list(&op).await?))
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

/// Takes your authenticator away, and with your last factor the recovery codes.
#[utoipa::path(delete, path = "/account/factors/authenticator", operation_id = "authenticator_remove",
    responses((status = 200, description = "What is left.", body = FactorsAnswer)))]
pub(crate) async fn authenticator_remove(Known(op, _): Known) -> Answer {
    session::factor_remove(&op).await?;
    ok(&FactorsAnswer::from(session::factor_list(&op).await?))
}

/// Ten new recovery codes; those before are void.
#[utoipa::path(post, path = "/account/factors/recovery-codes", operation_id = "recovery_codes_renew",
    responses((status = 201, description = "The codes, shown this once.", body = RecoveryCodesAnswer)))]
pub(crate) async fn recovery_codes(Known(op, _): Known) -> Answer {
    created(&RecoveryCodesAnswer::of(&session::recovery_codes_renew(&op).await?))
}

/// What the browser is asked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AskedAnswer {
    /// Brought back with the browser's answer, within five minutes.
    ceremony: String,
    /// What `navigator.credentials` takes, as JSON (WebAuthn level 3).
    #[schema(value_type = Object)]
    options: serde_json::Value,
}

impl From<Asked> for AskedAnswer {
    fn from(asked: Asked) -> Self {
        Self { ceremony: asked.ceremony.expose().clone(), options: asked.options }
    }
}

/// What the browser answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyAnswered {
    /// As it was asked.
    #[schema(value_type = String, write_only)]
    ceremony: SecretString,
    /// What `navigator.credentials` gave, as JSON.
    #[schema(value_type = Object, write_only)]
    credential: serde_json::Value,
}

impl From<PasskeyAnswered> for Answered {
    fn from(answered: PasskeyAnswered) -> Self {
        Self { ceremony: answered.ceremony, credential: answered.credential }
    }
}

/// A passkey of yours.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeyAnswer {
    /// Its id.
    id: PasskeyId,
    /// What you call it.
    name: String,
    /// The only organization it opens; null: every one you are in.
    organization: Option<OrganizationId>,
    /// When it was added.
    created_at: Timestamp,
    /// When it was used last.
    last_used_at: Option<Timestamp>,
    /// Since when it opens nothing, because there may be a copy of it; null: it opens.
    disabled_at: Option<Timestamp>,
}

impl From<Passkey> for PasskeyAnswer {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, organization, name, created_at, used_at, disabled_at, .. } = passkey;
        Self { id, name, organization, created_at, last_used_at: used_at, disabled_at }
    }
}

/// Your passkeys, newest first.
#[utoipa::path(get, path = "/account/passkeys", operation_id = "passkey_list",
    responses((status = 200, description = "All of them.", body = List<PasskeyAnswer>)))]
pub(crate) async fn passkeys(Known(op, _): Known) -> Answer {
    let found = session::passkey_list(&op).await?;
    ok(&List::whole(found.into_iter().map(PasskeyAnswer::from).collect()))
}

/// Asks the browser for a new passkey. Asks for a fresh sign-in.
#[utoipa::path(post, path = "/account/passkeys/begin", operation_id = "passkey_begin",
    responses((status = 201, description = "What the browser is asked.", body = AskedAnswer)))]
pub(crate) async fn passkey_begin(state: Data<State>, Known(op, _): Known) -> Answer {
    created(&AskedAnswer::from(session::passkey_begin(&op, state.passkeys()?).await?))
}

/// A new passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyCreate {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: String,
    /// As it was asked.
    #[schema(value_type = String, write_only)]
    ceremony: SecretString,
    /// What `navigator.credentials.create` gave, as JSON.
    #[schema(value_type = Object, write_only)]
    credential: serde_json::Value,
}

/// Adds the passkey the browser made. It opens what this sign-in opens: every organization, or this one.
#[utoipa::path(post, path = "/account/passkeys", operation_id = "passkey_add", request_body = PasskeyCreate,
    responses((status = 201, description = "It is yours.", body = PasskeyAnswer)))]
pub(crate) async fn passkey_add(state: Data<State>, Known(op, _): Known, Json(body): Json<PasskeyCreate>) -> Answer {
    let answered = Answered { ceremony: body.ceremony, credential: body.credential };
    let added = session::passkey_add(&op, state.passkeys()?, answered, body.name).await?;
    created(&PasskeyAnswer::from(added))
}

/// Another name for a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyUpdate {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: String,
}

fn passkey_id(text: &str) -> Result<PasskeyId, OrgError> {
    Id::parse(text).map_err(|_| OrgError::not_found("passkey", text))
}

/// Gives a passkey another name.
#[utoipa::path(patch, path = "/account/passkeys/{passkey}", operation_id = "passkey_rename",
    request_body = PasskeyUpdate,
    responses((status = 200, description = "The passkey.", body = PasskeyAnswer)))]
pub(crate) async fn passkey_rename(
    Known(op, _): Known,
    Names([id]): Names<1>,
    Json(body): Json<PasskeyUpdate>,
) -> Answer {
    ok(&PasskeyAnswer::from(session::passkey_rename(&op, passkey_id(&id)?, body.name).await?))
}

/// Takes a passkey away. Asks for a fresh sign-in.
#[utoipa::path(delete, path = "/account/passkeys/{passkey}", operation_id = "passkey_remove",
    responses((status = 200, description = "What was taken away.", body = PasskeyAnswer)))]
pub(crate) async fn passkey_remove(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    ok(&PasskeyAnswer::from(session::passkey_remove(&op, passkey_id(&id)?).await?))
}

/// Lets a passkey open again that was disabled because there may be a copy of it. Asks for a fresh sign-in.
#[utoipa::path(post, path = "/account/passkeys/{passkey}/enable", operation_id = "passkey_enable",
    responses((status = 200, description = "The passkey.", body = PasskeyAnswer)))]
pub(crate) async fn passkey_enable(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    ok(&PasskeyAnswer::from(session::passkey_enable(&op, passkey_id(&id)?).await?))
}
