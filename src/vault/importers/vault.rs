//! Vault and OpenBao: the answers of the key-value engine, versions 1 and 2.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Dollar, Found, ImportError, Remark, SourceItem, SourceVersion, json, shown};
use crate::types::SecretBytes;

/// A version of the key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvVersion {
    /// One value a path, no history.
    V1,
    /// Versions and metadata.
    V2,
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// A secret.
    Secret(String),
    /// A folder.
    Folder(String),
}

/// What the engine knows of a secret.
#[derive(Debug)]
pub struct KvMetadata {
    /// Each version with its time, and whether it is destroyed, oldest first. One that is deleted is told from one that
    /// will be only by reading it: `deletion_time` may lie ahead.
    pub versions: Vec<(u32, String, bool)>,
    /// What its users noted.
    pub custom: Vec<(String, String)>,
    /// Rules of the secret that Holdfast has no place for, in words.
    pub rules: Vec<String>,
}

/// Reads `sys/internal/ui/mounts/PATH`: where the mount begins, and its version.
///
/// # Errors
/// Another shape; another kind of mount.
pub fn mount(answer: &Value) -> Result<(String, KvVersion), ImportError> {
    let wrong = || ImportError::shape("sys/internal/ui/mounts", "the answer is not one of Vault");
    let data = answer.get("data").ok_or_else(wrong)?;
    let path = data.get("path").and_then(Value::as_str).ok_or_else(wrong)?;
    let kind = data.get("type").and_then(Value::as_str).ok_or_else(wrong)?;
    if !matches!(kind, "kv" | "generic") {
        return Err(ImportError::NotKeyValue { mount: shown(path), kind: shown(kind) });
    }
    let version = data.pointer("/options/version").and_then(Value::as_str);
    Ok((path.trim_end_matches('/').to_owned(), if version == Some("2") { KvVersion::V2 } else { KvVersion::V1 }))
}

/// Reads a listing.
///
/// # Errors
/// Another shape.
pub fn listing(place: &str, answer: &Value) -> Result<Vec<Listed>, ImportError> {
    let wrong = || ImportError::shape(place, "the listing is not one of Vault");
    let keys = answer.pointer("/data/keys").and_then(Value::as_array).ok_or_else(wrong)?;
    let read = |key: &Value| match key.as_str().ok_or_else(wrong)? {
        "" | "/" => Err(wrong()),
        key => Ok(match key.strip_suffix('/') {
            Some(folder) => Listed::Folder(folder.to_owned()),
            None => Listed::Secret(key.to_owned()),
        }),
    };
    keys.iter().map(read).collect()
}

/// Reads the metadata of a secret.
///
/// # Errors
/// Another shape.
pub fn metadata(place: &str, answer: &Value) -> Result<KvMetadata, ImportError> {
    let wrong = || ImportError::shape(place, "the metadata is not as Vault writes it");
    let data = answer.get("data").ok_or_else(wrong)?;
    let listed = data.get("versions").and_then(Value::as_object).ok_or_else(wrong)?;
    let mut versions = Vec::with_capacity(listed.len());
    for (number, facts) in listed {
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let created = facts.get("created_time").and_then(Value::as_str).ok_or_else(wrong)?;
        let destroyed = facts.get("destroyed").and_then(Value::as_bool).ok_or_else(wrong)?;
        versions.push((number, created.to_owned(), destroyed));
    }
    versions.sort_unstable_by_key(|(number, ..)| *number);
    let custom = data.get("custom_metadata").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().to_owned());
    let custom = custom.into_iter().flatten().map(text).collect();
    let mut rules = Vec::new();
    if data.get("cas_required").and_then(Value::as_bool) == Some(true) {
        rules.push("cas_required is not kept: give --base-version with each write".to_owned());
    }
    if let Some(after) = data.get("delete_version_after").and_then(Value::as_str).filter(|a| !matches!(*a, "" | "0s")) {
        rules.push(format!("delete_version_after {} is not kept: versions stay", shown(after)));
    }
    Ok(KvMetadata { versions, custom, rules })
}

/// The keys and values of an answer of version 1.
///
/// # Errors
/// Another shape.
pub fn v1_values(place: &str, answer: &mut Value) -> Result<Map<String, Value>, ImportError> {
    match answer.get_mut("data").map(Value::take) {
        Some(Value::Object(values)) => Ok(values),
        _ => Err(ImportError::shape(place, "the secret is not as Vault writes it")),
    }
}

/// The keys and values of an answer of version 2, with the number and the time of the version.
///
/// # Errors
/// Another shape.
pub fn v2_values(place: &str, answer: &mut Value) -> Result<(u32, String, Map<String, Value>), ImportError> {
    let wrong = || ImportError::shape(place, "the secret is not as Vault writes it");
    let data = answer.get_mut("data").ok_or_else(wrong)?;
    let number = data.pointer("/metadata/version").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let created = data.pointer("/metadata/created_time").and_then(Value::as_str).map(str::to_owned);
    let (Some(number), Some(created)) = (number, created) else { return Err(wrong()) };
    match data.get_mut("data").map(Value::take) {
        Some(Value::Object(values)) => Ok((number, created, values)),
        _ => Err(wrong()),
    }
}

/// The names a secret becomes: one for each key of its newest version, with the versions in which the value of that
/// key changed. `versions` are those that can be read, oldest first; the label is none for version 1 of the engine. `dollar`
/// is what `${` is to the source.
pub fn kv_names(
    place: &str,
    folder: &[String],
    custom: &[(String, String)],
    versions: Vec<(Option<String>, Map<String, Value>)>,
    dollar: Dollar,
) -> Found {
    let mut found = Found::default();
    let of = |key: &str| format!("{place}: {key}");
    let Some((_, last)) = versions.last() else { return found };
    let newest: BTreeSet<String> = last.iter().filter(|(_, v)| !v.is_null()).map(|(key, _)| key.clone()).collect();
    for (key, _) in last.iter().filter(|(_, v)| v.is_null()) {
        found.remarks.push(Remark::skipped(&of(key), "a null is no value"));
    }
    let mut gone: BTreeSet<String> = BTreeSet::new();
    let mut altered: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut kept: BTreeMap<String, Vec<SourceVersion>> = BTreeMap::new();
    let nulls: BTreeSet<String> = last.keys().filter(|key| !newest.contains(*key)).cloned().collect();
    for (label, values) in versions {
        for (key, value) in values.into_iter().filter(|(key, v)| !v.is_null() && !nulls.contains(key)) {
            if !newest.contains(&key) {
                gone.insert(key);
                continue;
            }
            let Some((text, remark)) = json::text(value) else { continue };
            if let Some(remark) = remark {
                altered.insert(key.clone(), remark);
            }
            let history = kept.entry(key).or_default();
            if history.last().is_none_or(|last| last.value.expose() != text.as_bytes()) {
                let (value, label) = (SecretBytes::new(text.into_bytes()), label.clone());
                history.push(SourceVersion { value, label, dollar });
            }
        }
    }
    for key in &gone {
        let detail = "older versions have this key and the newest has not; its history is not imported";
        found.remarks.push(Remark::skipped(&of(key), detail));
    }
    for (key, what) in altered {
        found.remarks.push(Remark::changed(&of(&key), what));
    }
    found.items.extend(kept.into_iter().map(|(key, versions)| SourceItem {
        place: place.to_owned(),
        folder: folder.to_vec(),
        key,
        versions,
        comment: String::new(),
        facts: custom.to_vec(),
    }));
    found
}
