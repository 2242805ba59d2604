//! `holdfast env up --plan`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::context::{Context, Place};
use crate::cli::error::CliError;

/// Longest value of a field that is shown, in characters.
const VALUE_MAX: usize = 100;

/// Writes a plan.
///
/// # Errors
/// The cluster would refuse some of it; as all output.
pub(super) fn write(context: &Context, place: &Place, plan: &Value) -> Result<(), CliError> {
    let output = &context.output;
    if output.structured() {
        output.answer(plan)?;
    } else {
        for line in lines(&format!("{}/{}", place.project, place.environment), plan) {
            output.line(&output.cell(&line))?;
        }
    }
    let refusals = list(&plan["refusals"]);
    for refusal in refusals {
        output.warn(&format!("{} {}: {}", text(&refusal["kind"]), text(&refusal["name"]), text(&refusal["message"])));
    }
    let exceeded = list(&plan["quota_exceeded"]);
    for words in exceeded {
        output.warn(text(words));
    }
    if !exceeded.is_empty() {
        return Err(CliError::failed("there is no room for it: a deploy would be refused")
            .hint("nothing was done; see the limits with: holdfast quota show"));
    }
    if refusals.is_empty() {
        return Ok(());
    }
    Err(CliError::failed(format!("the cluster would refuse {} of the objects", refusals.len()))
        .hint("nothing was done; what the cluster says is above"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn names(value: &Value) -> String {
    list(value).iter().map(text).collect::<Vec<_>>().join(", ")
}

/// The plan, line by line.
fn lines(of: &str, plan: &Value) -> Vec<String> {
    let cluster = text(&plan["cluster"]["name"]);
    let mut lines = Vec::new();
    if plan["unchanged"] == true {
        lines.push(format!("nothing of {of} on {cluster} would change"));
        return lines;
    }
    let (revision, version) = (&plan["revision"], &plan["blueprint_version"]);
    lines.push(format!("revision {revision} of {of} on {cluster}, from version {version} of the blueprint:"));
    let changes = list(&plan["changes"]);
    lines.extend(added(changes));
    for change in changes.iter().filter(|c| c["change"] != "added") {
        let sign = if change["change"] == "removed" { '-' } else { '~' };
        lines.push(format!("  {sign} {} {}", text(&change["kind"]), text(&change["name"])));
        for field in list(&change["fields"]) {
            lines.push(format!("      {}: {} -> {}", text(&field["path"]), shown(&field["from"]), shown(&field["to"])));
        }
        if let Some(restarts) = change["restarts"].as_str() {
            lines.push(format!("    {restarts}"));
        }
    }
    if changes.is_empty() {
        lines.push("  no object changes".to_owned());
    }
    let omitted = plan["changes_omitted"].as_u64().unwrap_or_default();
    if omitted > 0 {
        lines.push(format!("  and {omitted} more changes"));
    }
    for (what, field) in
        [("drawn in the vault first", "drawn"), ("storage that stays, though no service has it any more", "kept")]
    {
        if !list(&plan[field]).is_empty() {
            lines.push(format!("{what}: {}", names(&plan[field])));
        }
    }
    lines.extend(asked(plan));
    let count = |word: &str| changes.iter().filter(|c| c["change"] == word).count();
    lines.push(format!(
        "{} added, {} changed, {} removed; nothing was done",
        count("added"),
        count("changed"),
        count("removed")
    ));
    lines
}

/// What it asks for and costs, in all.
fn asked(plan: &Value) -> Vec<String> {
    let total = &plan["demand"]["total"];
    let amount = |field: &str| text(&total[field]);
    let span = |least: &str, most: &str| format!("{} to {}", amount(least), amount(most));
    let mut lines = Vec::new();
    if total.is_object() {
        let (cpu, memory) = (span("cpu_requests", "cpu_limits"), span("memory_requests", "memory_limits"));
        lines.push(format!("asks for {cpu} of cpu, {memory} of memory, {} of storage", amount("storage")));
    }
    if plan["cost"].is_object() {
        let cost = |which: &str| text(&plan["cost"][which]["month"]);
        let currency = text(&plan["cost"]["currency"]);
        lines.push(format!("thirty days cost {} to {} {currency}", cost("requests"), cost("limits")));
    }
    lines
}

/// What is added, a line for each kind.
fn added(changes: &[Value]) -> Vec<String> {
    let mut kinds: Vec<&str> = Vec::new();
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in changes.iter().filter(|c| c["change"] == "added") {
        let kind = text(&change["kind"]);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        of.entry(kind).or_default().push(text(&change["name"]));
    }
    let line = |kind: &str| format!("  + {kind} {}", of.get(kind).map_or_else(String::new, |names| names.join(", ")));
    kinds.into_iter().map(line).collect()
}

/// A value as one short line.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => shorter(text),
        other => shorter(&other.to_string()),
    }
}

fn shorter(text: &str) -> String {
    if text.chars().count() <= VALUE_MAX {
        return text.to_owned();
    }
    let cut: String = text.chars().take(VALUE_MAX).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_tells_what_comes_what_changes_and_who_restarts() {
        let plan = json!({
            "revision": 3, "blueprint_version": 2, "cluster": {"name": "home"}, "unchanged": false,
            "changes": [
                {"change": "added", "kind": "Service", "name": "worker"},
                {"change": "added", "kind": "Deployment", "name": "worker"},
                {"change": "added", "kind": "Service", "name": "mail"},
                {"change": "changed", "kind": "Deployment", "name": "api", "restarts": "api restarts: its image is a:2",
                 "fields": [{"path": "spec.image", "from": "a:1", "to": "a:2"}, {"path": "spec.x", "from": null, "to": 3}]},
                {"change": "removed", "kind": "Service", "name": "old"}],
            "drawn": ["SESSION_KEY"], "kept": ["data"],
            "demand": {"total": {"cpu_requests": "50m", "cpu_limits": "1", "memory_requests": "64Mi",
                "memory_limits": "1Gi", "storage": "1Gi"}},
            "cost": {"currency": "EUR", "requests": {"month": "1.50"}, "limits": {"month": "9"}}});
        assert_eq!(
            lines("shop/dev", &plan),
            [
                "revision 3 of shop/dev on home, from version 2 of the blueprint:",
                "  + Service worker, mail",
                "  + Deployment worker",
                "  ~ Deployment api",
                "      spec.image: a:1 -> a:2",
                "      spec.x: none -> 3",
                "    api restarts: its image is a:2",
                "  - Service old",
                "drawn in the vault first: SESSION_KEY",
                "storage that stays, though no service has it any more: data",
                "asks for 50m to 1 of cpu, 64Mi to 1Gi of memory, 1Gi of storage",
                "thirty days cost 1.50 to 9 EUR",
                "3 added, 1 changed, 1 removed; nothing was done",
            ]
        );
        let same = json!({"unchanged": true, "cluster": {"name": "home"}});
        assert_eq!(lines("shop/dev", &same), ["nothing of shop/dev on home would change"]);
    }
}
