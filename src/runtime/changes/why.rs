//! Why a service starts anew, in words.

use serde_json::Value;

use super::FieldChange;
use crate::cluster::Resource;
use crate::runtime::render::Object;

/// Most reasons that are named; the others are counted.
const MOST: usize = 3;

/// The sentence for a Deployment whose pods are replaced; none where they stay.
pub(super) fn restarts(object: &Object, fields: &[FieldChange]) -> Option<String> {
    if object.resource != Resource::Deployment {
        return None;
    }
    let mut reasons: Vec<String> = Vec::new();
    for field in fields {
        if let Some(path) = field.path.strip_prefix("spec.template.") {
            let reason = reason(path, field);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    let more = reasons.len().saturating_sub(MOST);
    reasons.truncate(MOST);
    if more > 0 {
        reasons.push(format!("{more} more"));
    }
    let said = match reasons.split_last()? {
        (last, []) => last.clone(),
        (last, rest) => format!("{} and {last}", rest.join(", ")),
    };
    Some(format!("{} restarts: {said}", object.name))
}

fn reason(path: &str, field: &FieldChange) -> String {
    let own = path.strip_prefix("spec.containers[").and_then(|rest| rest.split_once(']')).map(|(_, rest)| rest);
    let Some(own) = own else {
        return match path {
            _ if path.starts_with("spec.initContainers[gate]") => "its gate changes".to_owned(),
            _ if path.ends_with(".secret.secretName") => "values of its variables change".to_owned(),
            _ if path.starts_with("spec.volumes[") => format!("the volume {} {}", within(path), verb(field)),
            _ if path.starts_with("spec.securityContext.") => "its user changes".to_owned(),
            _ if path.starts_with("metadata.labels.") => "its labels change".to_owned(),
            _ => format!("{path} changes"),
        };
    };
    let own = own.trim_start_matches('.');
    match own.split(['.', '[']).next().unwrap_or_default() {
        "image" => format!("its image is {} in place of {}", text(field.to.as_ref()), text(field.from.as_ref())),
        "env" if own.ends_with(".secretKeyRef.name") => "values of its variables change".to_owned(),
        "env" => format!("the variable {} {}", within(own), verb(field)),
        "volumeMounts" => format!("what is mounted at {} {}", within(own), verb(field)),
        "ports" => "its ports change".to_owned(),
        "resources" => "what it asks for or may use changes".to_owned(),
        "command" | "args" | "workingDir" => "its command changes".to_owned(),
        "readinessProbe" | "livenessProbe" | "startupProbe" => "its probes change".to_owned(),
        _ => format!("{own} changes"),
    }
}

/// The name in the first brackets.
fn within(path: &str) -> &str {
    path.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(name, _)| name)
}

/// Whether the thing itself comes or goes, or something of it changes.
fn verb(field: &FieldChange) -> &'static str {
    let is_whole = field.path.ends_with(']');
    match (&field.from, &field.to) {
        (None, Some(_)) if is_whole => "is added",
        (Some(_), None) if is_whole => "is removed",
        _ => "changes",
    }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or("none").to_owned()
}
