//! Asking the server which texts are its own values. It is sent short prefixes of keyed hashes first, and whole hashes
//! of those only that may be its own.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::collect::{Candidates, Text};
use crate::cli::args::body;
use crate::cli::client::{Client, Request};
use crate::cli::error::CliError;
use crate::scan::own::{DIGEST_LEN, PREFIX_LEN};
use crate::scan::report::Located;
use crate::scan::{Finding, OWN};
use crate::types::SecretBytes;

/// Prefixes in one request; the server takes no more.
const PREFIXES: usize = 100_000;
/// Whole hashes in one request; the server takes no more.
const DIGESTS: usize = 10_000;

/// Whose values.
pub(super) struct Scope {
    pub(super) project: Option<String>,
    pub(super) environment: Option<String>,
}

/// Adds the own values among the texts to what was found; answers with how many values they were compared.
pub(super) fn compare(
    client: &Client,
    scope: &Scope,
    key: &[u8; 32],
    mut texts: Candidates,
    found: &mut Vec<Located>,
) -> Result<u64, CliError> {
    let key = HEXLOWER.encode(key);
    let ask = |what: &str, field: &str, hashes: &[String]| {
        let fields = json!({ "key": key, field: hashes, "project": scope.project, "environment": scope.environment });
        client.json(&Request::post(&["scan", what]).body(&body(fields)))
    };
    let prefixes: HashSet<[u8; PREFIX_LEN]> = texts.keys().map(prefix).collect();
    let prefixes: Vec<_> = prefixes.iter().map(|p| HEXLOWER.encode(p)).collect();
    let mut compared = 0;
    let mut hits = HashSet::new();
    for chunk in chunks(&prefixes, PREFIXES) {
        let answer = ask("candidates", "prefixes", chunk)?;
        compared = answer.get("compared").and_then(Value::as_u64).unwrap_or(0);
        hits.extend(list(&answer, "candidates").filter_map(Value::as_str).map(str::to_owned));
    }
    texts.retain(|digest, _| hits.contains(&HEXLOWER.encode(&prefix(digest))));
    let digests: Vec<_> = texts.keys().map(|d| HEXLOWER.encode(d)).collect();
    for chunk in digests.chunks(DIGESTS) {
        let answer = ask("matches", "digests", chunk)?;
        for found_one in list(&answer, "matches") {
            let digest = found_one.get("digest").and_then(Value::as_str).and_then(parse);
            let Some(text) = digest.and_then(|d| texts.remove(&d)) else { continue };
            add(found, &text, &named(found_one));
        }
    }
    Ok(compared)
}

/// At least one piece: a scan of nothing still says with how many values it was compared.
fn chunks(all: &[String], most: usize) -> impl Iterator<Item = &[String]> {
    all.chunks(most).chain(all.is_empty().then_some(all))
}

fn prefix(digest: &[u8; DIGEST_LEN]) -> [u8; PREFIX_LEN] {
    std::array::from_fn(|n| digest[n])
}

fn parse(hex: &str) -> Option<[u8; DIGEST_LEN]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

fn list<'v>(answer: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    answer.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// `shop/staging:/NAME`, for the first of the secrets with this value, and how many more there are.
fn named(found: &Value) -> String {
    let secrets: Vec<_> = list(found, "secrets").collect();
    let text = |v: &Value, at: &str| v.get(at).and_then(Value::as_str).unwrap_or("?").to_owned();
    let first = secrets.first().map_or_else(
        || "?".to_owned(),
        |s| {
            let folder = text(s, "path");
            format!(
                "{}/{}:{}/{}",
                text(s, "project"),
                text(s, "environment"),
                folder.trim_end_matches('/'),
                text(s, "name")
            )
        },
    );
    if secrets.len() > 1 { format!("{first} and {} more", secrets.len() - 1) } else { first }
}

/// What a rule found already, whole or the body of a key, is told whose it is; everything else is a finding of its own.
fn add(found: &mut Vec<Located>, text: &Text, own: &str) {
    for (index, place) in text.places.iter().enumerate() {
        // A history brings the same line with each merge: the first commit is the one to tell.
        if place.commit.is_some() && text.places[..index].iter().any(|p| p.path == place.path) {
            continue;
        }
        let same = found.iter_mut().find(|f| {
            f.path == place.path
                && f.commit == place.commit
                && f.finding.line == place.line
                && memchr::memmem::find(text.value.expose(), f.finding.secret.expose().trim_ascii()).is_some()
        });
        if let Some(same) = same {
            same.own = Some(own.to_owned());
            continue;
        }
        let secret = SecretBytes::new(text.value.expose().clone());
        let finding = Finding { rule: OWN, line: place.line, column: place.column, secret };
        let (path, commit) = (place.path.clone(), place.commit.clone());
        found.push(Located { path, commit, finding, own: Some(own.to_owned()) });
    }
}
