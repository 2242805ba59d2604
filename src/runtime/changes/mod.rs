//! What would change in a cluster: objects as they are beside objects as they have to be.
//!
//! Invariants, and what each one stops:
//! - Only what is ours is compared: a field that the cluster filled in, or somebody else owns, is no change. What we set
//!   before and no longer set is one, as far as the object says who set what (`managedFields`).
//! - Two ways to write one amount, an empty list and none, are the same: a plan that changes nothing shows nothing.
//! - The number of a deploy is no change by itself.
//! - No value of a Secret is here: Secrets are on neither side, and a pod names them only.

mod quantity;
#[cfg(test)]
mod tests;
mod why;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::render::{LABEL_REVISION, Object};
use crate::cluster::{MANAGED_BY, Resource};

/// One object that would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// How it changes.
    pub kind: ChangeKind,
    /// Which service starts anew because of it, and why, as one sentence.
    pub restarts: Option<String>,
}

/// How an object changes.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeKind {
    /// It is not there.
    Added,
    /// These fields of it change, in the order of the object.
    Changed(Vec<FieldChange>),
    /// It is ours and no longer wanted.
    Removed,
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Where, as people read it: `spec.template.spec.containers[api].image`.
    pub path: String,
    /// What is there; none where nothing is.
    pub from: Option<Value>,
    /// What comes; none where it goes.
    pub to: Option<Value>,
}

/// Kinds that are on neither side: made by others of ours, or not to be read.
const NOT_OURS: &[Resource] =
    &[Resource::Secret, Resource::Pod, Resource::ReplicaSet, Resource::Event, Resource::Lease, Resource::Node];

/// What has to happen to `live` for it to be `desired`, in the order of `desired`; what goes comes last. `live` are the
/// objects with our labels, as the cluster tells them.
pub fn changes(live: &[Value], desired: &[Object]) -> Vec<Change> {
    let mut all = Vec::new();
    for object in desired.iter().filter(|o| !NOT_OURS.contains(&o.resource)) {
        match live.iter().find(|live| is(live, object)) {
            None => all.push(change(object, ChangeKind::Added, None)),
            Some(live) => {
                let fields = compare(live, &object.body);
                if !fields.is_empty() {
                    let restarts = why::restarts(object, &fields);
                    all.push(change(object, ChangeKind::Changed(fields), restarts));
                }
            }
        }
    }
    for live in live.iter().filter(|live| !desired.iter().any(|object| is(live, object))) {
        let kind = live["kind"].as_str().and_then(Resource::of_kind);
        if let (Some(resource), Some(name)) =
            (kind.filter(|k| !NOT_OURS.contains(k)), live["metadata"]["name"].as_str())
        {
            all.push(Change { resource, name: name.to_owned(), kind: ChangeKind::Removed, restarts: None });
        }
    }
    all
}

fn change(object: &Object, kind: ChangeKind, restarts: Option<String>) -> Change {
    Change { resource: object.resource, name: object.name.clone(), kind, restarts }
}

fn is(live: &Value, object: &Object) -> bool {
    live["kind"] == object.resource.kind()
        && live["metadata"]["name"] == object.name.as_str()
        && live["metadata"]["namespace"].as_str() == object.namespace()
}

/// The fields of `desired` that `live` has otherwise, and those that are ours in `live` and not in `desired`.
fn compare(live: &Value, desired: &Value) -> Vec<FieldChange> {
    let mut found = Found::default();
    found.value("", Some(live), desired);
    if let Some(owned) = owned(live) {
        found.gone("", live, desired, owned);
    }
    let is_said = |path: &str| {
        let is_own = ["apiVersion", "kind"].contains(&path);
        is_own || path.strip_prefix("metadata.labels.").is_some_and(|label| label == LABEL_REVISION)
    };
    found.fields.retain(|field| !is_said(&field.path));
    found.fields
}

/// What we set of an object, as the cluster keeps it.
fn owned(live: &Value) -> Option<&Value> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let ours = |entry: &&Value| {
        entry["manager"] == MANAGED_BY && entry["operation"] == "Apply" && entry.get("subresource").is_none()
    };
    entries.iter().find(ours).map(|entry| &entry["fieldsV1"])
}

#[derive(Debug, Default)]
struct Found {
    fields: Vec<FieldChange>,
}

impl Found {
    fn push(&mut self, path: &str, from: Option<&Value>, to: Option<&Value>) {
        self.fields.push(FieldChange { path: path.to_owned(), from: from.cloned(), to: to.cloned() });
    }

    fn value(&mut self, path: &str, live: Option<&Value>, desired: &Value) {
        match (live, desired) {
            (Some(Value::Object(live)), Value::Object(desired)) => {
                for (key, desired) in desired {
                    self.value(&join(path, key), live.get(key), desired);
                }
            }
            (Some(Value::Array(live)), Value::Array(desired)) => self.list(path, live, desired),
            (None | Some(Value::Null), desired) if is_nothing(desired) => {}
            (Some(live), desired) if live == desired || quantity::same(path, live, desired) => {}
            (live, desired) => self.push(path, live.filter(|v| !v.is_null()), Some(desired)),
        }
    }

    fn list(&mut self, path: &str, live: &[Value], desired: &[Value]) {
        let Some(key) = key(path, live, desired) else {
            // Without a key a list is one value: its order says something.
            let mut inner = Self::default();
            if live.len() == desired.len() {
                for (index, (live, desired)) in live.iter().zip(desired).enumerate() {
                    inner.value(&format!("{path}[{index}]"), Some(live), desired);
                }
                self.fields.extend(inner.fields);
            } else {
                self.push(path, Some(&Value::from(live)), Some(&Value::from(desired)));
            }
            return;
        };
        for item in desired {
            let here = live.iter().find(|live| key.is_same(live, item));
            let path = format!("{path}[{}]", key.shown(item));
            match here {
                Some(live) => self.value(&path, Some(live), item),
                None => self.push(&path, None, Some(item)),
            }
        }
        for item in live.iter().filter(|live| !desired.iter().any(|item| key.is_same(live, item))) {
            self.push(&format!("{path}[{}]", key.shown(item)), Some(item), None);
        }
    }

    /// Fields that are ours in `live` and not in `desired`. Members of lists with a key were told by [`Self::list`].
    fn gone(&mut self, path: &str, live: &Value, desired: &Value, owned: &Value) {
        let Value::Object(owned) = owned else { return };
        for (step, beneath) in owned {
            if let Some(name) = step.strip_prefix("f:") {
                let Some(here) = live.get(name) else { continue };
                let path = join(path, name);
                match desired.get(name) {
                    Some(desired) => self.gone(&path, here, desired, beneath),
                    None if !is_nothing(here) => self.push(&path, Some(here), None),
                    None => {}
                }
            } else if let Some(keys) = step.strip_prefix("k:") {
                let Ok(Value::Object(keys)) = serde_json::from_str(keys) else { continue };
                let fits = |item: &&Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
                let find = |list: &'_ Value| list.as_array().and_then(|list| list.iter().find(fits).cloned());
                if let (Some(here), Some(desired)) = (find(live), find(desired)) {
                    let shown = shown(&keys);
                    self.gone(&format!("{path}[{shown}]"), &here, &desired, beneath);
                }
            }
        }
    }
}

/// By what the members of a list are told apart.
struct Key(&'static [&'static str]);

impl Key {
    fn is_same(&self, a: &Value, b: &Value) -> bool {
        self.0.iter().all(|field| a.get(field) == b.get(field))
    }

    fn shown(&self, item: &Value) -> String {
        let parts = self.0.iter().filter_map(|field| item.get(*field)).map(word);
        parts.collect::<Vec<_>>().join("/")
    }
}

fn shown(keys: &Map<String, Value>) -> String {
    keys.values().map(word).collect::<Vec<_>>().join("/")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The key of a list, as the API has it, where every member has one of its own.
fn key(path: &str, live: &[Value], desired: &[Value]) -> Option<Key> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let key: Key = match name {
        "containers" | "initContainers" | "env" | "volumes" => Key(&["name"]),
        "volumeMounts" => Key(&["mountPath"]),
        "ports" if path.contains("containers[") => Key(&["containerPort", "protocol"]),
        "ports" if path == "spec.ports" => Key(&["port", "protocol"]),
        _ => return None,
    };
    let is_unique = |list: &[Value]| {
        let mut known = BTreeSet::new();
        list.iter().all(|item| known.insert(key.shown(item)))
    };
    (is_unique(live) && is_unique(desired)).then_some(key)
}

/// What a cluster leaves out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
