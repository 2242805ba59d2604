//! What is allowed in a blueprint and still not wise, as numbered rules.
//!
//! A rule keeps its number for good. A line with `# holdfast:ignore` passes, `# holdfast:ignore[HF003]` for one rule.
//! A fix says which characters to put where; what it is not certain of it leaves to the author.

mod checks;
mod fix;
mod rules;
mod secretish;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub use fix::{Edit, apply};
pub use rules::{RULES, Rule, Severity, rule};
pub(super) use secretish::Suspicion;

use super::diagnostic::Diagnostic;
use super::{Document, Place};

/// Something a rule has to say.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// What, where, and what to do.
    pub said: Diagnostic,
    /// What would put it right.
    pub fix: Option<Edit>,
}

impl Finding {
    /// The same for programs.
    pub fn json(&self) -> Value {
        let mut json = self.said.json();
        json["severity"] = json!(self.rule.severity.as_str());
        json["name"] = json!(self.rule.name);
        json["fixable"] = json!(self.fix.is_some());
        json
    }
}

/// Applies the rules. `names` are those of the environment's variables, where they are known.
pub fn lint(text: &str, document: &Document, names: Option<&BTreeSet<String>>) -> Vec<Finding> {
    let mut linter = Linter { text, document, findings: Vec::new() };
    linter.run(names);
    let mut findings = linter.findings;
    findings.retain(|finding| !is_ignored(text, finding.said.at, finding.rule.id));
    findings.sort_by_key(|finding| (finding.said.at.line, finding.said.at.column, finding.rule.id));
    findings.truncate(MAX_FINDINGS);
    findings
}

/// Most findings of one file.
const MAX_FINDINGS: usize = 1_000;

struct Linter<'a> {
    text: &'a str,
    document: &'a Document,
    findings: Vec<Finding>,
}

/// Whether a comment on the line says that it is meant.
fn is_ignored(text: &str, at: Place, rule: &str) -> bool {
    const MARK: &str = "holdfast:ignore";
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    let Some((_, comment)) = line.split_once('#') else { return false };
    let Some((_, rest)) = comment.split_once(MARK) else { return false };
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((rules, _)) => rules.split(',').any(|one| one.trim() == rule),
        None => true,
    }
}

/// How many findings each rule has.
pub fn counts(findings: &[Finding]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.rule.id).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
