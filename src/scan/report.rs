//! What was found, as JSON and as SARIF 2.1.0. Never the text of a secret.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::engine::Finding;
use super::rules::{RuleInfo, catalogue};
use crate::keys::{MacKey, MacPurpose};

/// A finding and where it is.
#[derive(Debug)]
pub struct Located {
    /// The file, with `/`.
    pub path: String,
    /// The commit that brought it, in a history.
    pub commit: Option<String>,
    /// What it is.
    pub finding: Finding,
    /// Which of the organization's secrets it is: `shop/staging:/NAME`.
    pub own: Option<String>,
}

/// Something that was not scanned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// Why, in words.
    pub reason: String,
    /// Whether the answer is incomplete without it.
    pub is_problem: bool,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Files or pieces of a diff.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Findings of the baseline.
    pub known: u64,
    /// Own values compared with, when that was asked.
    pub compared: Option<u64>,
    /// Whether there were more findings than a report holds.
    pub cut: bool,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// The report as JSON.
pub fn json(found: &[Located], scanned: &Scanned) -> Value {
    let finding = |f: &Located| {
        json!({
            "rule": f.finding.rule.id,
            "title": f.finding.rule.title,
            "path": f.path,
            "line": f.finding.line,
            "column": f.finding.column,
            "length": f.finding.secret.expose().len(),
            "commit": f.commit,
            "secret": f.own,
            "fingerprint": fingerprint(f),
        })
    };
    let skipped = |s: &Skipped| json!({ "path": s.path, "reason": s.reason, "problem": s.is_problem });
    json!({
        "findings": found.iter().map(finding).collect::<Vec<_>>(),
        "files": scanned.files,
        "bytes": scanned.bytes,
        "known": scanned.known,
        "compared": scanned.compared,
        "cut": scanned.cut,
        "skipped": scanned.skipped.iter().map(skipped).collect::<Vec<_>>(),
    })
}

/// The report as SARIF 2.1.0, for code hosts.
pub fn sarif(found: &[Located], scanned: &Scanned, version: &str) -> Value {
    let used: BTreeSet<&str> = found.iter().map(|f| f.finding.rule.id).collect();
    let mut rules: Vec<RuleInfo> = catalogue();
    rules.retain(|r| used.contains(r.id));
    let described = rules.iter().map(|r| json!({ "id": r.id, "shortDescription": { "text": r.title } }));
    let index = |id: &str| rules.iter().position(|r| r.id == id);
    let result = |f: &Located| {
        json!({
            "ruleId": f.finding.rule.id,
            "ruleIndex": index(f.finding.rule.id),
            "level": "error",
            "message": { "text": message(f) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&f.path) },
                    "region": { "startLine": f.finding.line, "startColumn": f.finding.column },
                }
            }],
            "partialFingerprints": { "holdfast/v1": fingerprint(f) },
        })
    };
    let notes = scanned
        .skipped
        .iter()
        .filter(|s| s.is_problem)
        .take(1_000)
        .map(|s| json!({ "level": "warning", "message": { "text": format!("{}: {}", s.path, s.reason) } }));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "holdfast scan",
                "version": version,
                "rules": described.collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": !scanned.skipped.iter().any(|s| s.is_problem),
                "toolExecutionNotifications": notes.collect::<Vec<_>>(),
            }],
            "results": found.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

/// A sentence for people.
pub fn message(f: &Located) -> String {
    let mut text = f.finding.rule.title.to_owned();
    if let Some(own) = &f.own {
        text = format!("the value of {own}");
    }
    if let Some(commit) = &f.commit {
        text.push_str(" in commit ");
        text.push_str(&commit[..commit.len().min(12)]);
    }
    text
}

/// What tells a finding from others over runs: 8 bytes of a hash of rule, file and one byte of the secret's
/// own hash. Of the secret itself it tells next to nothing.
fn fingerprint(f: &Located) -> String {
    let key = MacKey::shared(&[0; 32]);
    let secret = key.mac(MacPurpose::ScanTag, &[f.finding.secret.expose()]).as_bytes()[0];
    let parts = [f.finding.rule.id.as_bytes(), f.path.as_bytes(), &[secret]];
    key.mac(MacPurpose::ScanTag, &parts).to_hex(8)
}

/// A path as a relative URI reference (RFC 3986): everything but unreserved characters and `/` escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}
