//! One-time links.

use actix_web::web::Data;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::token::Life;
use super::{Answer, List, created, ok};
use crate::http::error::Problem;
use crate::http::extract::{Anonymous, DryRun, Json, Known, ListQuery, Names, Query};
use crate::http::schema::{LinkId, UserId};
use crate::http::state::State;
use crate::links::{self, Link, LinkError, NewLink};
use crate::types::{Id, ParseError, SecretString, Timestamp};

/// What has become of a link.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkState {
    /// It can be opened.
    Open,
    /// Its last view was used.
    Opened,
    /// Its maker took it back.
    Revoked,
    /// Its time was over.
    Expired,
    /// Too many wrong keys or passphrases.
    Blocked,
}

/// A link, as its maker sees it. The key is not in it: only who made the link has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkAnswer {
    /// Its id.
    id: LinkId,
    /// Its address without the key, which goes behind a `#`.
    url: String,
    /// What its maker calls it.
    note: String,
    /// What has become of it.
    state: LinkState,
    /// Bytes of ciphertext.
    size: u32,
    /// Whether a passphrase is needed besides the key.
    passphrase: bool,
    /// How often it could be opened.
    views: u32,
    /// How often it still can be.
    views_left: u32,
    /// Who made it.
    created_by: UserId,
    /// When it was made.
    created_at: Timestamp,
    /// When it ends at the latest.
    expires_at: Timestamp,
    /// When it was opened last.
    opened_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Option<Timestamp>,
}

impl LinkAnswer {
    fn of(state: &State, link: Link, now: Timestamp) -> Self {
        // Between its last moment and the job that notes it, it is expired already.
        let (ended_at, how) = match link.end {
            Some((at, how)) => (Some(at), Some(how)),
            None if link.expires_at <= now => (Some(link.expires_at), Some(links::End::Expired)),
            None => (None, None),
        };
        Self {
            id: link.id,
            url: format!("{}/l/{}", state.public_url, link.id),
            note: link.note,
            state: match how {
                None => LinkState::Open,
                Some(links::End::Opened) => LinkState::Opened,
                Some(links::End::Revoked) => LinkState::Revoked,
                Some(links::End::Expired) => LinkState::Expired,
                Some(links::End::Blocked) => LinkState::Blocked,
            },
            size: link.size,
            passphrase: link.passphrase,
            views: link.views,
            views_left: link.views_left,
            created_by: link.created_by,
            created_at: link.created_at,
            expires_at: link.expires_at,
            opened_at: link.opened_at,
            ended_at,
        }
    }
}

/// What a client sealed, and how it may be opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkCreate {
    /// The ciphertext in base64; its form is in the manual.
    #[schema(
        min_length = 40,
        max_length = 1_398_500,
        pattern = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
    )]
    ciphertext: String,
    /// What whoever has key and passphrase can show, in base64: 32 bytes.
    #[schema(value_type = String, write_only, min_length = 44, max_length = 44, pattern = "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
    proof: SecretString,
    /// Whether a passphrase is needed besides the key.
    #[serde(default)]
    #[schema(required = false)]
    passphrase: bool,
    /// How often it may be opened; once when not said.
    #[schema(minimum = 1, maximum = 100)]
    views: Option<u32>,
    /// How long it lasts, 30 days at most; a day when not said.
    expires_in: Option<Life>,
    /// What to call it; never shown to who opens it.
    #[schema(max_length = 100, pattern = "^[ -~]*$")]
    note: Option<String>,
}

/// What anybody who has the address is told.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkFactsAnswer {
    /// Whether a passphrase is needed besides the key.
    passphrase: bool,
    /// How often it still can be opened.
    views_left: u32,
    /// When it ends at the latest.
    expires_at: Timestamp,
}

/// The proof that comes with key and passphrase.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkOpen {
    /// In base64: 32 bytes.
    #[schema(value_type = String, write_only, min_length = 44, max_length = 44, pattern = "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
    proof: SecretString,
}

/// What was sealed.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkOpenedAnswer {
    /// The ciphertext in base64; not in a replay.
    #[schema(required = false)]
    ciphertext: String,
    /// How often it still can be opened; with 0 this was the only copy.
    views_left: u32,
}

/// A link taken back, or the one that would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkRevokedAnswer {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The link.
    link: LinkAnswer,
}

fn base64(field: &'static str, text: &str) -> Result<Vec<u8>, Problem> {
    let bytes = BASE64.decode(text.as_bytes());
    let wrong = |_| ParseError::new(field, "must be base64 with padding");
    bytes.map_err(wrong).map_err(|e| Problem::from(e).field(field, "invalid_value"))
}

/// Your own links in this organization, newest first; those that ended stay 30 days.
#[utoipa::path(get, path = "/links", operation_id = "link_list", params(ListQuery),
    responses((status = 200, description = "A page of links.", body = List<LinkAnswer>)))]
pub(crate) async fn list(state: Data<State>, Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    let page = links::link_list(&op, limit, cursor).await?;
    ok(&List::of(page, |link| LinkAnswer::of(&state, link, op.now())))
}

/// Makes a link of what the client sealed; the key stays with the client.
#[utoipa::path(post, path = "/links", operation_id = "link_create", request_body = LinkCreate,
    responses((status = 201, description = "The link.", body = LinkAnswer)))]
pub(crate) async fn create(state: Data<State>, Known(op, _): Known, Json(body): Json<LinkCreate>) -> Answer {
    let (ciphertext, proof) = (base64("ciphertext", &body.ciphertext)?, base64("proof", body.proof.expose())?);
    let life = body.expires_in.as_ref().map(Life::read).transpose()?;
    let new = NewLink::parse(ciphertext, &proof, body.passphrase, body.views, life, body.note, op.now())?;
    let link = links::link_create(&op, new).await?;
    created(&LinkAnswer::of(&state, link, op.now()))
}

/// Takes back one of your own links at once.
#[utoipa::path(delete, path = "/links/{link}", operation_id = "link_delete", params(DryRun),
    responses((status = 200, description = "The link.", body = LinkRevokedAnswer)))]
pub(crate) async fn delete(
    state: Data<State>,
    Known(op, _): Known,
    Names([id]): Names<1>,
    Query(query): Query<DryRun>,
) -> Answer {
    let id = Id::parse(&id).map_err(|_| LinkError::not_found(&id))?;
    let link = links::link_revoke(&op, id, query.dry_run).await?;
    ok(&LinkRevokedAnswer { dry_run: query.dry_run, link: LinkAnswer::of(&state, link, op.now()) })
}

/// Whether a link can be opened, and what for. Needs no token, and changes nothing.
#[utoipa::path(get, path = "/links/{link}", operation_id = "link_get",
    responses((status = 200, description = "What the link needs.", body = LinkFactsAnswer)))]
pub(crate) async fn get(Anonymous(op): Anonymous, Names([id]): Names<1>) -> Answer {
    let id = Id::parse(&id).map_err(|_| LinkError::Gone)?;
    let facts = links::link_get(&op, id).await?;
    ok(&LinkFactsAnswer { passphrase: facts.passphrase, views_left: facts.views_left, expires_at: facts.expires_at })
}

/// Opens a link: uses up a view. Needs no token, but the proof that comes with the link's key.
#[utoipa::path(post, path = "/links/{link}/open", operation_id = "link_open", request_body = LinkOpen,
    responses((status = 200, description = "What was sealed.", body = LinkOpenedAnswer)))]
pub(crate) async fn open(Anonymous(op): Anonymous, Names([id]): Names<1>, Json(body): Json<LinkOpen>) -> Answer {
    let proof = base64("proof", body.proof.expose())?;
    let id = Id::parse(&id).map_err(|_| LinkError::Gone)?;
    let opened = links::link_open(&op, id, &proof).await?;
    ok(&LinkOpenedAnswer { ciphertext: BASE64.encode(&opened.ciphertext), views_left: opened.views_left })
}
