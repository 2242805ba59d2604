//! One's own tokens.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{Answer, List, created, ok};
use crate::auth::credential::{Listed, Minted, Wishes, parse_life};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, ListQuery, Names, Query};
use crate::http::schema::CredentialId;
use crate::op::Op;
use crate::orgs::{OrgError, token};
use crate::types::{Id, Timestamp};

/// A bearer token, without the token.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialAnswer {
    /// Its id.
    id: CredentialId,
    /// `personal_token`, `service_account_key`, `cli_token` or `federated_token`.
    kind: &'static str,
    /// What its owner calls it.
    name: String,
    /// The part of the token that may be shown.
    public_id: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends; null: never.
    expires_at: Option<Timestamp>,
    /// Since when it is void by hand.
    revoked_at: Option<Timestamp>,
    /// Networks it may be used from; empty: anywhere.
    cidrs: Vec<String>,
    /// Until when it counts as freshly signed in.
    stepped_up_until: Option<Timestamp>,
    /// When it was used last, to the minute.
    last_used_at: Option<Timestamp>,
    /// From where it was used last.
    last_used_address: Option<String>,
}

impl CredentialAnswer {
    pub(crate) fn of((credential, used): Listed) -> Self {
        let (last_used_at, last_used_address) = used.unzip();
        Self {
            id: credential.id,
            kind: credential.kind.words(),
            name: credential.name,
            public_id: credential.public_id,
            created_at: credential.created_at,
            expires_at: credential.expires_at,
            revoked_at: credential.revoked_at,
            cidrs: credential.cidrs.to_texts(),
            stepped_up_until: credential.stepped_up_until,
            last_used_at,
            last_used_address,
        }
    }
}

/// A new token: the only answer that shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MintedAnswer {
    /// The token's record.
    #[serde(flatten)]
    credential: CredentialAnswer,
    /// The token; not in a replay.
    #[schema(required = false)]
    token: String,
}

impl From<Minted> for MintedAnswer {
    fn from(minted: Minted) -> Self {
        let token = minted.token.expose().clone();
        Self { credential: CredentialAnswer::of((minted.credential, None)), token }
    }
}

/// A revoked token, or the one that would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevokedAnswer {
    /// Whether nothing was changed.
    pub(crate) dry_run: bool,
    /// The token's record.
    pub(crate) credential: CredentialAnswer,
}

/// What a new token shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenCreate {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: String,
    /// How long it works; for ever when neither this nor `expires_at` is given.
    expires_in: Option<Life>,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// How long it counts as freshly signed in, at most 24 hours; asks for a fresh sign-in.
    stepped_up_for: Option<Life>,
    /// Networks it may be used from; from anywhere when none.
    #[serde(default)]
    #[schema(required = false, max_items = 64)]
    cidrs: Vec<String>,
}

/// A length of time: seconds, or a text like `15m`, `12h`, `30d`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "seconds, or a text like \"30d\"")]
pub(crate) enum Life {
    /// Seconds.
    Seconds(u32),
    /// A number with a unit.
    Text(String),
}

impl PartialSchema for Life {
    fn schema() -> RefOr<Schema> {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(315_360_000));
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[1-9][0-9]{0,2}[smhdw]$"));
        OneOfBuilder::new()
            .description(Some("Seconds, or a number with a unit: `15m`, `12h`, `30d`."))
            .item(seconds)
            .item(text)
            .into()
    }
}

impl ToSchema for Life {}

impl Life {
    pub(crate) fn read(&self) -> Result<Duration, Problem> {
        let text = match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        };
        parse_life(&text).map_err(|e| Problem::from(e).field("expires_in", "invalid_value"))
    }
}

/// What is wished of a new credential.
pub(crate) fn wishes(
    op: &Op,
    name: &str,
    expires_in: Option<&Life>,
    expires_at: Option<Timestamp>,
    cidrs: &[String],
) -> Result<Wishes, Problem> {
    let life = expires_in.map(Life::read).transpose()?;
    Ok(Wishes::parse(name, life, expires_at, cidrs, op.now())?)
}

/// Your own tokens in this organization, newest first.
#[utoipa::path(get, path = "/tokens", operation_id = "token_list", params(ListQuery),
    responses((status = 200, description = "A page of tokens.", body = List<CredentialAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(token::token_list(&op, limit, cursor).await?, CredentialAnswer::of))
}

/// Makes a personal token, no wider than the one it is made with.
#[utoipa::path(post, path = "/tokens", operation_id = "token_create", request_body = TokenCreate,
    responses((status = 201, description = "The token, shown this once.", body = MintedAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<TokenCreate>) -> Answer {
    let mut wishes = wishes(&op, &body.name, body.expires_in.as_ref(), body.expires_at, &body.cidrs)?;
    wishes.stepped_up = body.stepped_up_for.as_ref().map(Life::read).transpose()?;
    created(&MintedAnswer::from(token::token_create(&op, wishes).await?))
}

/// Revokes one of your own tokens at once.
#[utoipa::path(delete, path = "/tokens/{token}", operation_id = "token_delete", params(DryRun),
    responses((status = 200, description = "The token's record.", body = RevokedAnswer)))]
pub(crate) async fn delete(Known(op, _): Known, Names([id]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("token", id))?;
    let credential = token::token_revoke(&op, id, query.dry_run).await?;
    ok(&RevokedAnswer { dry_run: query.dry_run, credential: CredentialAnswer::of((credential, None)) })
}
