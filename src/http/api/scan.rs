//! Comparing a scan's texts with own values, by keyed hash.

use std::collections::BTreeSet;

use actix_web::web::Data;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{Json, Known};
use crate::http::schema::SecretId;
use crate::http::state::State;
use crate::scan::own::ScanKey;
use crate::vault::scan::{self, DIGESTS_MAX, Match, PREFIXES_MAX, Scope};

/// Beginnings of hashes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidatesBody {
    /// The key of this scan: 32 random bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    key: String,
    /// The first three bytes of each text's hash.
    #[schema(max_items = 100_000)]
    prefixes: Vec<String>,
    /// The project; all you may see when none.
    #[schema(min_length = 1)]
    project: Option<String>,
    /// The environment, with its project; all of it when none.
    #[schema(min_length = 1)]
    environment: Option<String>,
}

/// Whole hashes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchesBody {
    /// The key of this scan: 32 random bytes in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    key: String,
    /// Each text's hash: HMAC-SHA-256 in hexadecimal digits.
    #[schema(max_items = 10_000)]
    digests: Vec<String>,
    /// The project; all you may see when none.
    #[schema(min_length = 1)]
    project: Option<String>,
    /// The environment, with its project; all of it when none.
    #[schema(min_length = 1)]
    environment: Option<String>,
}

/// Which prefixes to ask in full.
#[derive(Serialize, ToSchema)]
pub(crate) struct CandidatesAnswer {
    /// How many values they were compared with.
    compared: usize,
    /// The prefixes some value's hash begins with.
    candidates: Vec<String>,
}

/// Whose values the hashes are.
#[derive(Serialize, ToSchema)]
pub(crate) struct MatchesAnswer {
    /// How many values they were compared with.
    compared: usize,
    /// The hashes of values, each with the secrets that have it.
    matches: Vec<MatchAnswer>,
}

/// A hash that is of a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct MatchAnswer {
    /// The hash.
    digest: String,
    /// The secrets with this value.
    secrets: Vec<MatchedSecret>,
}

/// A secret whose value was in a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct MatchedSecret {
    /// The secret.
    id: SecretId,
    /// Its project's slug.
    project: String,
    /// The slug of the environment that stores it.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// The version compared.
    version: u32,
}

/// Tells which prefixes of keyed hashes are worth asking in full. No value and no hash of one is in the answer.
#[utoipa::path(post, path = "/scan/candidates", operation_id = "scan_candidates", request_body = CandidatesBody,
    responses((status = 200, description = "The prefixes that a value shares.", body = CandidatesAnswer)))]
pub(crate) async fn candidates(Known(op, _): Known, Json(body): Json<CandidatesBody>) -> Answer {
    let prefixes = hashes("prefixes", &body.prefixes, PREFIXES_MAX)?;
    let scope = Scope { project: body.project, environment: body.environment };
    let found = scan::scan_candidates(&op, &scope, &key(&body.key)?, &prefixes).await?;
    let candidates = found.prefixes.iter().map(|p| HEXLOWER.encode(p)).collect();
    ok(&CandidatesAnswer { compared: found.compared, candidates })
}

/// Tells whose values keyed hashes are, among those you may be shown.
#[utoipa::path(post, path = "/scan/matches", operation_id = "scan_matches", request_body = MatchesBody,
    responses((status = 200, description = "The hashes of values.", body = MatchesAnswer)))]
pub(crate) async fn matches(state: Data<State>, Known(op, _): Known, Json(body): Json<MatchesBody>) -> Answer {
    let digests = hashes("digests", &body.digests, DIGESTS_MAX)?;
    let scope = Scope { project: body.project, environment: body.environment };
    let mut found = scan::scan_matches(&op, &state.uses, &scope, &key(&body.key)?, &digests).await?;
    found.found.sort_by(|a, b| (a.digest, &a.project, &a.environment).cmp(&(b.digest, &b.project, &b.environment)));
    let same = |a: &Match, b: &Match| a.digest == b.digest;
    let matches = found.found.chunk_by(same).map(|of_one| MatchAnswer {
        digest: of_one.first().map(|m| HEXLOWER.encode(&m.digest)).unwrap_or_default(),
        secrets: of_one.iter().map(MatchedSecret::from).collect(),
    });
    ok(&MatchesAnswer { compared: found.compared, matches: matches.collect() })
}

impl From<&Match> for MatchedSecret {
    fn from(m: &Match) -> Self {
        Self {
            id: m.id,
            project: m.project.clone(),
            environment: m.environment.clone(),
            path: m.path.to_string(),
            name: m.name.to_string(),
            version: m.version,
        }
    }
}

fn key(hex: &str) -> Result<ScanKey, Problem> {
    Ok(ScanKey::new(&bytes("key", hex)?))
}

fn hashes<const N: usize>(field: &'static str, all: &[String], most: usize) -> Result<BTreeSet<[u8; N]>, Problem> {
    if all.len() > most {
        let problem =
            Problem::invalid("scan_too_long", format!("{} {field}; one request has at most {most}", all.len()));
        return Err(problem.hint("ask in several requests").field(field, "scan_too_long"));
    }
    all.iter().map(|hex| bytes(field, hex)).collect()
}

fn bytes<const N: usize>(field: &'static str, hex: &str) -> Result<[u8; N], Problem> {
    let read = HEXLOWER.decode(hex.as_bytes()).ok().and_then(|b| <[u8; N]>::try_from(b).ok());
    read.ok_or_else(|| {
        let detail = format!("{field}: not {N} bytes as lower-case hexadecimal digits");
        Problem::invalid("hash_invalid", detail).field(field, "hash_invalid")
    })
}
