//! The keys everything is sealed under: which there are and were, and replacing them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, List, created, ok};
use crate::governance::{self, NewRootKey};
use crate::http::error::Problem;
use crate::http::extract::{Json, Known, ListQuery, OptionalJson, Query};
use crate::http::schema::UserId;
use crate::http::state::State;
use crate::keys::replace::NewRoot;
use crate::keys::{Fingerprint, HistoryEntry, Source};
use crate::types::{Id, ParseError, Timestamp, kinds};
use crate::vault::rekey::{self, Counts, KeyRotation, Verification};

/// A key of the past or the present. Nothing of it can be told from this.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    /// `root`, `instance` or `organization`.
    kind: String,
    /// Whose it is: the id of the instance or organization; null for a root key.
    owner: Option<String>,
    /// Its number among its owner's keys.
    version: u32,
    /// Which key it is.
    fingerprint: String,
    /// `current` seals, `readable` still opens what it sealed, `retired` and `destroyed` do neither.
    state: &'static str,
    /// When it was made.
    created_at: Timestamp,
    /// Who asked for it; null for the instance itself.
    created_by: Option<UserId>,
    /// Of a root key: since when it opens nothing; of another key: since when it seals nothing new.
    retired_at: Option<Timestamp>,
    /// Since when it no longer exists.
    destroyed_at: Option<Timestamp>,
}

impl From<HistoryEntry> for KeyAnswer {
    fn from(key: HistoryEntry) -> Self {
        let owner = key.owner.map(|owner| match key.kind.as_str() {
            "organization" => Id::<kinds::Organization>::from_bytes(owner).to_string(),
            _ => Id::<kinds::Instance>::from_bytes(owner).to_string(),
        });
        Self {
            owner,
            version: key.version,
            fingerprint: key.fingerprint.to_string(),
            state: key.state(),
            created_at: key.created_at,
            created_by: key.created_by,
            retired_at: key.retired_at,
            destroyed_at: key.destroyed_at,
            kind: key.kind,
        }
    }
}

/// Where a new root key comes from; the server makes one and puts it in its place when nothing is said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootKeyRotate {
    /// A key file on the server's machine, mode 0400: where the server cannot write (a systemd credential, a command).
    #[schema(min_length = 1, max_length = 4096)]
    new_root_key_file: Option<String>,
    /// A file on the server's machine with a new passphrase, mode 0400.
    #[schema(min_length = 1, max_length = 4096)]
    new_passphrase_file: Option<String>,
}

impl RootKeyRotate {
    fn parse(self) -> Result<NewRoot, ParseError> {
        let path = |field: &'static str, text: String| {
            let path = PathBuf::from(&text);
            if path.is_absolute() && text.len() <= 4_096 && !text.contains('\0') {
                return Ok(path);
            }
            Err(ParseError::new(field, "must be an absolute path on the server's machine"))
        };
        match (self.new_root_key_file, self.new_passphrase_file) {
            (None, None) => Ok(NewRoot::Generate),
            (Some(file), None) => path("new_root_key_file", file).map(NewRoot::KeyFile),
            (None, Some(file)) => path("new_passphrase_file", file).map(NewRoot::PassphraseFile),
            (Some(_), Some(_)) => Err(ParseError::new("new_passphrase_file", "name one file, not two")),
        }
    }
}

/// A new root key.
#[derive(Serialize, ToSchema)]
pub(crate) struct RootKeyAnswer {
    /// Its number.
    version: u32,
    /// Which key it is.
    fingerprint: String,
    /// The key before; it opens the database until it is retired.
    previous_fingerprint: String,
    /// Keys that were wrapped anew.
    rewrapped: u32,
    /// Whether the recovery kit gives it back; false when there is no kit.
    recovery_sealed: bool,
    /// Whether the next start takes it by itself. False: put it where the server takes its root key from.
    in_place: bool,
    /// Where the server put the file with the key before.
    previous_file: Option<String>,
}

impl From<NewRootKey> for RootKeyAnswer {
    fn from(new: NewRootKey) -> Self {
        Self {
            version: new.rotated.version,
            fingerprint: new.rotated.fingerprint.to_string(),
            previous_fingerprint: new.rotated.previous.to_string(),
            rewrapped: new.rotated.rewrapped,
            recovery_sealed: new.rotated.recovery_sealed,
            in_place: new.in_place,
            previous_file: new.previous_file.map(|file| file.display().to_string()),
        }
    }
}

/// Which root key to retire.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootKeyRetire {
    /// Its fingerprint.
    #[schema(pattern = "^[0-9a-f]{4}(-[0-9a-f]{4}){3}$")]
    fingerprint: String,
}

/// A root key that opens nothing any more.
#[derive(Serialize, ToSchema)]
pub(crate) struct RootKeyRetired {
    /// Its fingerprint.
    fingerprint: String,
}

/// How far the rotation of the organization's key is.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyRotationAnswer {
    /// The version of the key everything is sealed under at the end.
    to_version: u32,
    /// `running`, `paused`, `waiting` (for a backup that needs the old key) or `done`.
    state: &'static str,
    /// Rows there were when it began.
    total: u64,
    /// Rows looked at so far.
    seen: u64,
    /// Rows that were sealed anew.
    sealed: u64,
    /// Rows that do not open; they keep the old key from being destroyed.
    unopened: u64,
    /// Why it does not go on by itself; null while it does.
    reason: Option<String>,
    /// When it began.
    started_at: Timestamp,
    /// Who asked for it.
    started_by: String,
    /// When it last went on.
    updated_at: Timestamp,
    /// When the old key was destroyed; null before.
    finished_at: Option<Timestamp>,
}

impl From<KeyRotation> for KeyRotationAnswer {
    fn from(r: KeyRotation) -> Self {
        Self {
            to_version: r.to_version,
            state: r.state.as_str(),
            total: r.total,
            seen: r.seen,
            sealed: r.sealed,
            unopened: r.unopened,
            reason: r.reason,
            started_at: r.started_at,
            started_by: r.started_by,
            updated_at: r.updated_at,
            finished_at: r.finished_at,
        }
    }
}

/// The organization's keys, newest first.
#[utoipa::path(get, path = "/keys", operation_id = "key_list", params(ListQuery),
    responses((status = 200, description = "A page of keys.", body = List<KeyAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(rekey::key_list(&op, limit, cursor).await?, KeyAnswer::from))
}

/// Gives the organization a new key; what is sealed under the old one is sealed anew in the background. For who signed
/// in recently.
#[utoipa::path(post, path = "/keys/rotate", operation_id = "key_rotate",
    responses((status = 201, description = "The rotation, which has begun.", body = KeyRotationAnswer)))]
pub(crate) async fn rotate(Known(op, _): Known) -> Answer {
    created(&KeyRotationAnswer::from(rekey::key_rotate(&op).await?))
}

/// The organization's newest rotation, and how far it is.
#[utoipa::path(get, path = "/keys/rotation", operation_id = "key_rotation_get",
    responses((status = 200, description = "The rotation.", body = KeyRotationAnswer)))]
pub(crate) async fn rotation(Known(op, _): Known) -> Answer {
    ok(&KeyRotationAnswer::from(rekey::rotation_get(&op).await?))
}

/// Stops the background work of the rotation until it is resumed. For who signed in recently.
#[utoipa::path(post, path = "/keys/rotation/pause", operation_id = "key_rotation_pause",
    responses((status = 200, description = "The rotation.", body = KeyRotationAnswer)))]
pub(crate) async fn pause(Known(op, _): Known) -> Answer {
    ok(&KeyRotationAnswer::from(rekey::rotation_pause(&op).await?))
}

/// Lets the rotation go on. For who signed in recently.
#[utoipa::path(post, path = "/keys/rotation/resume", operation_id = "key_rotation_resume",
    responses((status = 200, description = "The rotation.", body = KeyRotationAnswer)))]
pub(crate) async fn resume(Known(op, _): Known) -> Answer {
    ok(&KeyRotationAnswer::from(rekey::rotation_resume(&op).await?))
}

/// A line of a verification.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    /// A row that is not as it should be.
    Problem { row: &'a str, code: &'a str },
    /// How far it is.
    Progress { checked: u64 },
    /// The end.
    Report { ok: bool, checked: u64, unopened: u64, unbound: u64, by_key_version: &'a BTreeMap<u32, u64> },
}

fn line(out: &mut Vec<u8>, line: &Line<'_>) -> Result<(), Problem> {
    serde_json::to_writer(&mut *out, line).map_err(|e| Problem::internal(e.to_string()))?;
    out.push(b'\n');
    Ok(())
}

/// The lines of the next rows, and those of the end.
async fn lines(running: &mut Verification) -> Result<(Vec<u8>, bool), Problem> {
    let mut out = Vec::new();
    let found = running.next().await?;
    for problem in found.iter().flatten() {
        line(&mut out, &Line::Problem { row: &problem.row, code: problem.code })?;
    }
    let Counts { checked, unopened, unbound, ref by_version } = running.counts;
    line(
        &mut out,
        &match &found {
            Some(_) => Line::Progress { checked },
            None => Line::Report { ok: unopened == 0, checked, unopened, unbound, by_key_version: by_version },
        },
    )?;
    Ok((out, found.is_none()))
}

/// Opens every value of the organization and says which do not open, as JSON lines: a `problem` for each, `progress` in
/// between, and a `report` at the end. `unbound` counts rows of an earlier Holdfast, whose comment, tags and author are
/// not under the seal until a rotation seals them anew. No value leaves.
#[utoipa::path(get, path = "/keys/verification", operation_id = "key_verify",
    responses((status = 200, description = "The lines.", body = String, content_type = "application/jsonl")))]
pub(crate) async fn verify(Known(op, _): Known) -> Answer {
    let begun = rekey::key_verify(&op).await?;
    let lines = futures_util::stream::try_unfold(Some(begun), |running| async move {
        let Some(mut running) = running else { return Ok(None) };
        let (chunk, ended) = lines(&mut running).await?;
        Ok::<_, Problem>(Some((Bytes::from(chunk), (!ended).then_some(running))))
    });
    Ok(HttpResponse::Ok().content_type("application/jsonl").streaming(lines))
}

/// All keys there ever were, newest first; for instance operators.
#[utoipa::path(get, path = "/instance/keys", operation_id = "instance_key_list", params(ListQuery),
    responses((status = 200, description = "A page of keys.", body = List<KeyAnswer>)))]
pub(crate) async fn instance_list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(governance::key_list(&op, limit, cursor).await?, KeyAnswer::from))
}

/// Replaces the root key; the old one opens the database until it is retired. For instance operators who signed in
/// recently.
#[utoipa::path(post, path = "/instance/root-key/rotate", operation_id = "root_key_rotate",
    request_body = Option<RootKeyRotate>,
    responses((status = 201, description = "The new root key.", body = RootKeyAnswer)))]
pub(crate) async fn rotate_root(
    state: Data<State>,
    Known(op, _): Known,
    OptionalJson(body): OptionalJson<RootKeyRotate>,
) -> Answer {
    let new = body.parse().map_err(Problem::from)?;
    let source = Source::from(&state.parts.settings.keys.source);
    created(&RootKeyAnswer::from(governance::root_key_rotate(&op, source, new).await?))
}

/// Retires a root key that was replaced: it opens nothing from then on. For instance operators who signed in recently.
#[utoipa::path(post, path = "/instance/root-key/retire", operation_id = "root_key_retire",
    request_body = RootKeyRetire,
    responses((status = 200, description = "It is retired.", body = RootKeyRetired)))]
pub(crate) async fn retire_root(state: Data<State>, Known(op, _): Known, Json(body): Json<RootKeyRetire>) -> Answer {
    let fingerprint = Fingerprint::parse(&body.fingerprint).map_err(Problem::from)?;
    let source = Source::from(&state.parts.settings.keys.source);
    governance::root_key_retire(&op, source, fingerprint).await?;
    ok(&RootKeyRetired { fingerprint: fingerprint.to_string() })
}
