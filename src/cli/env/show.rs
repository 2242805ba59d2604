//! What runs, as tables.

use serde_json::{Value, json};

use super::{Family, ListArgs};
use crate::cli::client::Request;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::output::Column;

const STATUS: &[Column] = &[
    ("environment", "/environment/path"),
    ("state", "/state"),
    ("cluster", "/cluster/name"),
    ("namespace", "/namespace"),
    ("revision", "/revision/revision"),
    ("blueprint", "/revision/blueprint_version"),
    ("plan", "/revision/plan"),
    ("changed", "/changed_at"),
    ("as of", "/seen_at"),
    ("until", "/expires_at"),
];

const SERVICES: &[Column] = &[
    ("service", "/name"),
    ("state", "/state"),
    ("ready", "/pods"),
    ("restarts", "/restarts"),
    ("image", "/image"),
    ("message", "/message"),
];

/// Characters of a digest that a table shows.
const DIGEST_SHOWN: usize = 12;

const REVISIONS: &[Column] = &[
    ("revision", "/revision"),
    ("state", "/state"),
    ("blueprint", "/blueprint_version"),
    ("plan", "/plan"),
    ("images", "/images_short"),
    ("deployed", "/created_at"),
    ("by", "/created_by"),
    ("reason", "/reason"),
];

const EVENTS: &[Column] = &[
    ("at", "/at"),
    ("warning", "/warning"),
    ("reason", "/reason"),
    ("object", "/object"),
    ("times", "/count"),
    ("message", "/message"),
];

const LIST: &[Column] = &[
    ("environment", "/environment/path"),
    ("state", "/state"),
    ("cluster", "/cluster/name"),
    ("revision", "/revision"),
    ("ready", "/services"),
    ("since", "/changed_at"),
    ("as of", "/seen_at"),
    ("until", "/expires_at"),
];

/// What is so when all is well: everything else is shown.
const NOT_WHEN_WELL: &[&str] = &["Suspended", "PolicyBlocked", "Degraded", "Terminating"];

/// Conditions that are not as when all is well, a line each.
pub(super) fn conditions(status: &Value) -> Vec<String> {
    let all = status["conditions"].as_array().into_iter().flatten();
    let wrong = all.filter(|condition| {
        let kind = condition["kind"].as_str().unwrap_or_default();
        let well = if NOT_WHEN_WELL.contains(&kind) { "false" } else { "true" };
        condition["status"] != well
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |c: &Value| {
        let message = text(&c["message"]);
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        format!("{} is {}, {}{message}", text(&c["kind"]), text(&c["status"]), text(&c["reason"]))
    };
    wrong.map(line).collect()
}

/// Writes a status.
///
/// # Errors
/// As all output.
pub(super) fn write(context: &Context, status: &Value) -> Result<(), CliError> {
    let output = &context.output;
    if output.structured() {
        return output.answer(status);
    }
    output.item(status, STATUS)?;
    let mut services = status["services"].as_array().cloned().unwrap_or_default();
    for service in &mut services {
        service["pods"] = json!(pods(service));
    }
    if !services.is_empty() {
        if output.is_terminal() {
            output.line("")?;
        }
        output.list(&json!({ "items": services }), SERVICES)?;
    }
    for line in conditions(status) {
        output.warn(&line);
    }
    if let Some(line) = ending(status) {
        output.warn(&line);
    }
    Ok(())
}

/// That it ends soon, and what to do about it.
fn ending(status: &Value) -> Option<String> {
    let at = status["expires_at"].as_str().filter(|_| status["ends_soon"] == true)?;
    Some(format!("it is destroyed by itself at {at}; to keep it: holdfast env extend --for 2d"))
}

/// How many pods are ready, of how many.
pub(super) fn pods(service: &Value) -> String {
    let number = |name: &str| service[name].as_u64().unwrap_or_default();
    format!("{}/{}", number("ready"), number("wanted"))
}

/// `env status`.
pub(super) fn status(context: &Context) -> Result<(), CliError> {
    let place = context.place(None)?;
    write(context, &context.ask(&Request::get(&place.below(&["runtime"])))?)
}

/// `env revisions`.
pub(super) fn revisions(context: &Context) -> Result<(), CliError> {
    let place = context.place(None)?;
    let mut answer = context.ask(&Request::get(&place.below(&["runtime", "revisions"])))?;
    if !context.output.structured() {
        for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            item["images_short"] = Value::String(images_short(&item["images"]));
        }
    }
    context.output.list(&answer, REVISIONS)
}

/// Images by service with the beginning of their digests, as a table has room for.
fn images_short(images: &Value) -> String {
    let short = |(service, image): (&String, &Value)| {
        let (_, hex) = image.as_str()?.rsplit_once("sha256:")?;
        Some(format!("{service} {}", hex.get(..DIGEST_SHOWN).unwrap_or(hex)))
    };
    let all: Vec<_> = images.as_object().into_iter().flatten().filter_map(short).collect();
    all.join(", ")
}

/// Which services of a rollback run by digest, and which keep their tag.
pub(super) fn pinned(wished: &Value) -> Option<String> {
    let pinned = wished["revision"]["pinned"].as_object()?;
    let services = wished["services"].as_array().into_iter().flatten().filter_map(|s| s["name"].as_str());
    let kept: Vec<_> = services.filter(|name| !pinned.contains_key(*name)).collect();
    let by_digest: Vec<_> = pinned.keys().map(String::as_str).collect();
    match (by_digest.is_empty(), kept.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("with the tag of the blueprint: {}", kept.join(", "))),
        (false, true) => Some(format!("by digest: {}", by_digest.join(", "))),
        (false, false) => {
            Some(format!("by digest: {}; with the tag of the blueprint: {}", by_digest.join(", "), kept.join(", ")))
        }
    }
}

/// `env events`.
pub(super) fn events(context: &Context) -> Result<(), CliError> {
    let place = context.place(None)?;
    context.output.list(&context.ask(&Request::get(&place.below(&["runtime", "events"])))?, EVENTS)
}

/// `env list`.
pub(super) fn list(context: &Context, args: &ListArgs) -> Result<(), CliError> {
    // Only what is said on the line: a directory's project would hide the rest of the organization.
    let named = context.flags.project.as_deref();
    let request = || {
        Request::get(&["runtimes"])
            .query_opt("state", args.state.map(Family::word))
            .query_opt("cluster", args.cluster.as_deref())
            .query_opt("project", named)
    };
    let mut answer = context.ask_list(request, args.limit.items())?;
    if !context.output.structured() {
        for item in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            item["services"] = json!(services(item));
        }
    }
    context.output.list(&answer, LIST)
}

/// How many services are ready, of how many that are to run.
fn services(running: &Value) -> String {
    let number = |name: &str| running[name].as_u64().unwrap_or_default();
    format!("{}/{}", number("services_ready"), number("services_wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_when_it_is_near() {
        let at = "2026-12-24T18:00:00.000000Z";
        assert_eq!(ending(&json!({ "expires_at": at, "ends_soon": false })), None);
        assert_eq!(ending(&json!({ "expires_at": null, "ends_soon": true })), None);
        let told = ending(&json!({ "expires_at": at, "ends_soon": true })).expect("a warning");
        assert!(told.contains(at) && told.contains("env extend"), "{told}");
    }

    #[test]
    fn images_are_told_by_digest_or_tag() {
        let hex = "a1".repeat(32);
        assert_eq!(images_short(&json!({ "api": format!("nginx@sha256:{hex}") })), "api a1a1a1a1a1a1");
        assert_eq!(images_short(&Value::Null), "");
        let wished =
            json!({ "revision": { "pinned": { "api": "x" } }, "services": [{ "name": "api" }, { "name": "db" }] });
        let told = pinned(&wished);
        assert_eq!(told.as_deref(), Some("by digest: api; with the tag of the blueprint: db"));
        assert_eq!(pinned(&json!({})), None);
    }

    #[test]
    fn only_what_is_not_well_is_told() {
        let status = json!({ "conditions": [
            { "kind": "Accepted", "status": "true", "reason": "Taken", "message": "" },
            { "kind": "Degraded", "status": "false", "reason": "AllReady", "message": "" },
            { "kind": "NetworkIsolated", "status": "false", "reason": "PolicyNotEnforced", "message": "not enforced" },
            { "kind": "Suspended", "status": "true", "reason": "Stopped", "message": "" },
        ] });
        assert_eq!(
            conditions(&status),
            ["NetworkIsolated is false, PolicyNotEnforced: not enforced", "Suspended is true, Stopped"]
        );
    }
}
