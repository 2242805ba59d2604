//! Signing in and out, and one's sign-ins.

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::{AskedAnswer, PasskeyAnswered};
use super::setup::{CredentialName, OrganizationName, UserName};
use super::{Answer, List, created, ok};
use crate::auth::CredentialKind;
use crate::http::error::Problem;
use crate::http::extract::{Anonymous, DryRun, Json, Known, Names, Query};
use crate::http::schema::{CredentialId, OrganizationId};
use crate::http::sign_in::{CLEAR_SITE_DATA, KEPT_DATA};
use crate::http::state::State;
use crate::http::{cookie, proxy};
use crate::orgs::OrgError;
use crate::orgs::session::{self, Ended, Gives, Proof, SessionView, SignIn};
use crate::types::{Email, Id, SecretString, Timestamp};

/// What somebody says who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionCreate {
    /// Their address.
    email: Email,
    /// Their password.
    #[schema(value_type = String, write_only)]
    password: SecretString,
    /// A code of your authenticator, or a recovery code.
    #[schema(value_type = Option<String>, write_only)]
    code: Option<SecretString>,
    /// The organization, by id or slug; the one they joined first when none.
    organization: Option<String>,
    /// What to call the token.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: Option<String>,
    /// Whether the token shall work for an hour only and come with a `refresh_token` that replaces it.
    #[serde(default)]
    #[schema(required = false)]
    refresh: bool,
}

/// A token, who and where it is of, and what replaces it.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedInAnswer {
    /// The token; shown this once.
    pub(crate) token: String,
    /// What replaces it, where it is short-lived; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// Until when the token works, where that is sooner than the end of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_until: Option<Timestamp>,
    /// The organization.
    pub(crate) organization: OrganizationName,
    /// Whose it is.
    pub(crate) user: UserName,
    /// The token's record.
    pub(crate) credential: CredentialName,
}

/// A session that ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionEnded {
    /// The credential that stopped working.
    credential: CredentialId,
}

/// Signs in with a password: a token for as long as `sessions.token_hours` says, or one that is replaced each hour.
#[utoipa::path(post, path = "/sessions", operation_id = "session_create", request_body = SessionCreate,
    responses((status = 201, description = "The token, shown this once.", body = SignedInAnswer)))]
pub(crate) async fn create(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<SessionCreate>) -> Answer {
    let life = (!body.refresh).then_some(state.parts.settings.sessions.token);
    let gives = Gives::Token { name: body.name, life };
    let SessionCreate { email, password, code, organization, .. } = body;
    let wish = SignIn { email, password, code, organization, gives };
    let done = session::sign_in(&op, &state.parts.passwords, wish).await?;
    let organization =
        OrganizationName { id: done.organization.id, slug: done.organization.slug, name: done.organization.name };
    created(&SignedInAnswer {
        token: done.minted.token.expose().clone(),
        refresh_token: done.refresh_token.map(|token| token.expose().clone()),
        organization,
        user: UserName { id: done.user.id, email: done.user.email },
        token_until: done.minted.credential.token_until,
        credential: CredentialName::from(done.minted.credential),
    })
}

/// What replaces a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// The `refresh_token` that came with the token.
    #[schema(value_type = String, write_only)]
    refresh_token: SecretString,
}

/// Replaces the token of a login while that stands, thirty days at most. What is given for it is spent: using it again
/// after ten minutes ends the login, for two have it.
#[utoipa::path(post, path = "/sessions/refresh", operation_id = "session_refresh", request_body = RefreshRequest,
    responses((status = 201, description = "The next tokens, shown this once.", body = SignedInAnswer)))]
pub(crate) async fn refresh(Anonymous(op): Anonymous, Json(body): Json<RefreshRequest>) -> Answer {
    let done = session::session_refresh(&op, body.refresh_token).await?;
    let organization =
        OrganizationName { id: done.organization.id, slug: done.organization.slug, name: done.organization.name };
    created(&SignedInAnswer {
        token: done.renewed.token.expose().clone(),
        refresh_token: Some(done.renewed.refresh_token.expose().clone()),
        organization,
        user: UserName { id: done.user.id, email: done.user.email },
        token_until: done.renewed.credential.token_until,
        credential: CredentialName::from(done.renewed.credential),
    })
}

/// Signs out: this very token or session stops working.
#[utoipa::path(delete, path = "/sessions/current", operation_id = "session_delete",
    responses((status = 200, description = "It stopped working.", body = SessionEnded)))]
pub(crate) async fn delete(state: Data<State>, req: HttpRequest, Known(op, credential): Known) -> Answer {
    session::session_end(&op).await?;
    let mut answer = actix_web::HttpResponse::Ok();
    if credential.kind == CredentialKind::Session {
        let cookie = cookie::clear(proxy::is_secure(&state, &req));
        answer.cookie(cookie).insert_header((CLEAR_SITE_DATA, KEPT_DATA));
    }
    Ok(answer.json(SessionEnded { credential: credential.id }))
}

/// A sign-in of yours.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    /// Its credential.
    id: CredentialId,
    /// `session`: of a browser; `cli_token`: of the command line.
    kind: &'static str,
    /// What you call it.
    name: String,
    /// Whether this request was made with it.
    current: bool,
    /// The organization it was made in.
    organization: OrganizationId,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends at the latest; null: never.
    expires_at: Option<Timestamp>,
    /// What the client called itself when it was made.
    device: Option<String>,
    /// From where it was made.
    address: Option<String>,
    /// The second factor it was proven by: `totp`, `passkey` or `recovery_code`.
    factor: Option<String>,
    /// When it was used last, to the minute.
    last_used_at: Option<Timestamp>,
    /// From where it was used last.
    last_used_address: Option<String>,
}

impl From<SessionView> for SessionAnswer {
    fn from(SessionView { sign_in, current }: SessionView) -> Self {
        let (last_used_at, last_used_address) = sign_in.last_use.unzip();
        let credential = sign_in.credential;
        Self {
            id: credential.id,
            kind: credential.kind.words(),
            name: credential.name,
            current,
            organization: credential.organization,
            created_at: credential.created_at,
            expires_at: credential.expires_at,
            device: sign_in.facts.device,
            address: sign_in.facts.address,
            factor: sign_in.facts.factor,
            last_used_at,
            last_used_address,
        }
    }
}

/// What ended, or would end.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsEnded {
    /// Whether nothing was changed.
    dry_run: bool,
    /// How many sign-ins.
    ended: usize,
    /// Whether the one this request was made with is among them.
    current: bool,
}

impl SessionsEnded {
    fn of(Ended { ended, current }: Ended, dry_run: bool) -> Self {
        Self { dry_run, ended, current }
    }
}

/// Your sign-ins that stand, newest first: of browsers and of the command line.
#[utoipa::path(get, path = "/sessions", operation_id = "session_list",
    responses((status = 200, description = "The sign-ins, at most 500.", body = List<SessionAnswer>)))]
pub(crate) async fn list(state: Data<State>, Known(op, _): Known) -> Answer {
    let found = session::session_list(&op, state.parts.sessions.idle()).await?;
    ok(&List::whole(found.into_iter().map(SessionAnswer::from).collect()))
}

/// Ends one of your sign-ins at once.
#[utoipa::path(delete, path = "/sessions/{session}", operation_id = "session_end", params(DryRun),
    responses((status = 200, description = "It stopped working.", body = SessionsEnded)))]
pub(crate) async fn end_one(Known(op, _): Known, Names([id]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("session", id))?;
    let ended = session::session_end_one(&op, id, query.dry_run).await?;
    ok(&SessionsEnded::of(ended, query.dry_run))
}

/// Ends all of your sign-ins but this one.
#[utoipa::path(delete, path = "/sessions", operation_id = "session_end_others", params(DryRun),
    responses((status = 200, description = "How many ended.", body = SessionsEnded)))]
pub(crate) async fn end_others(state: Data<State>, Known(op, _): Known, Query(query): Query<DryRun>) -> Answer {
    let ended = session::session_end_others(&op, state.parts.sessions.idle(), query.dry_run).await?;
    ok(&SessionsEnded::of(ended, query.dry_run))
}

/// What shows again who you are: one of the three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepUpRequest {
    /// Your password.
    #[schema(value_type = Option<String>, write_only)]
    password: Option<SecretString>,
    /// A code of your authenticator, or a recovery code.
    #[schema(value_type = Option<String>, write_only)]
    code: Option<SecretString>,
    /// A passkey, as the browser answered what `/sessions/current/step-up/passkey` asked.
    passkey: Option<PasskeyAnswered>,
}

/// A sign-in that is fresh again.
#[derive(Serialize, ToSchema)]
pub(crate) struct SteppedUp {
    /// Until when it counts as freshly signed in.
    stepped_up_until: Timestamp,
}

/// Shows again who you are: this very session or login counts as freshly signed in for ten minutes.
#[utoipa::path(post, path = "/sessions/current/step-up", operation_id = "session_step_up", request_body = StepUpRequest,
    responses((status = 200, description = "It is fresh.", body = SteppedUp)))]
pub(crate) async fn step_up(state: Data<State>, Known(op, _): Known, Json(body): Json<StepUpRequest>) -> Answer {
    let proof = match (body.password, body.code, body.passkey) {
        (Some(password), None, None) => Proof::Password(password),
        (None, Some(code), None) => Proof::Code(code),
        (None, None, Some(passkey)) => Proof::Passkey(passkey.into()),
        _ => return Err(Problem::invalid("body_invalid", "give a password, a code or a passkey, one of the three")),
    };
    let passkeys = state.passkeys.as_deref();
    let stepped_up_until = session::step_up(&op, &state.parts.passwords, passkeys, proof).await?;
    ok(&SteppedUp { stepped_up_until })
}

/// Asks the browser for one of your passkeys, to show again who you are.
#[utoipa::path(post, path = "/sessions/current/step-up/passkey", operation_id = "session_step_up_passkey",
    responses((status = 201, description = "What the browser is asked.", body = AskedAnswer)))]
pub(crate) async fn step_up_passkey(state: Data<State>, Known(op, _): Known) -> Answer {
    created(&AskedAnswer::from(session::passkey_ask_again(&op, state.passkeys()?).await?))
}
