//! Bitwarden: the CSV and the unencrypted JSON it exports. An item becomes a folder, each of its values a name in it; old
//! passwords become versions.

use std::collections::HashMap;

use serde_json::Value;

use super::json::{self, field};
use super::{Dollar, Found, ImportError, MAX_NAMES, MAX_VERSIONS, Remark, SourceItem, SourceVersion, shown};
use crate::types::SecretBytes;
use crate::vault::format::{Record, csv_records};

/// The objects of an item that hold values, besides its own notes and fields.
const PARTS: &[&str] = &["login", "card", "identity", "sshKey"];

/// Reads a file.
///
/// # Errors
/// A file that is encrypted, cut off or of another product: with the line or the item.
pub fn bitwarden(input: &[u8]) -> Result<Found, ImportError> {
    if json::is_json(input) { of_json(&json::document(input)?) } else { of_csv(input) }
}

fn of_json(document: &Value) -> Result<Found, ImportError> {
    if document.get("encrypted").and_then(Value::as_bool) == Some(true) {
        return Err(ImportError::shape("the file", "it is encrypted: export it as .json, not as encrypted .json"));
    }
    let wrong = || ImportError::shape("the file", "no list of items, as Bitwarden exports it");
    let items = document.get("items").and_then(Value::as_array).ok_or_else(wrong)?;
    let list = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
    let folders: HashMap<&str, &str> =
        list("folders").chain(list("collections")).map(|f| (field(f, "id"), field(f, "name"))).collect();
    let mut found = Found::default();
    for (at, item) in items.iter().enumerate() {
        let number = at + 1;
        if !item.is_object() || field(item, "name").is_empty() {
            return Err(ImportError::shape(&format!("item {number}"), "it has no name: not an export of Bitwarden"));
        }
        let id = match field(item, "folderId") {
            "" => item.pointer("/collectionIds/0").and_then(Value::as_str).unwrap_or_default(),
            id => id,
        };
        let mut folder = segments(folders.get(id).copied().unwrap_or_default());
        folder.push(field(item, "name").to_owned());
        one(item, number, folder, &mut found);
    }
    Ok(found)
}

/// The folders of a name with slashes.
fn segments(name: &str) -> Vec<String> {
    name.split('/').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

fn one(item: &Value, number: usize, folder: Vec<String>, found: &mut Found) {
    let place = format!("item {number}, {}", shown(field(item, "name")));
    if item.get("deletedDate").is_some_and(|d| !d.is_null()) {
        found.remarks.push(Remark::skipped(&place, "is in the trash"));
        return;
    }
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            found.push(&place, folder.clone(), key, SecretBytes::new(value.as_bytes().to_vec()), Dollar::Unknown);
        }
    };
    add("NOTES", field(item, "notes"));
    for custom in item.get("fields").and_then(Value::as_array).into_iter().flatten() {
        add(field(custom, "name"), field(custom, "value"));
    }
    for part in PARTS {
        for (key, value) in item.get(part).and_then(Value::as_object).into_iter().flatten() {
            // A password has versions; what is no text is told of below.
            if let (Some(value), true) = (value.as_str(), key != "password") {
                add(key, value);
            }
        }
    }
    for uri in item.pointer("/login/uris").and_then(Value::as_array).into_iter().flatten().take(1) {
        add("uri", field(uri, "uri"));
    }
    let more = item.pointer("/login/uris").and_then(Value::as_array).map_or(0, Vec::len);
    if more > 1 {
        found.remarks.push(Remark::skipped(&format!("{place}: uris"), "only the first address is imported"));
    }
    if item.pointer("/login/fido2Credentials").and_then(Value::as_array).is_some_and(|c| !c.is_empty()) {
        found.remarks.push(Remark::skipped(&format!("{place}: passkeys"), "a passkey is not a value"));
    }
    passwords(item, &place, folder, found);
}

/// The password and those before it, oldest first.
fn passwords(item: &Value, place: &str, folder: Vec<String>, found: &mut Found) {
    let now = item.pointer("/login/password").and_then(Value::as_str).filter(|p| !p.is_empty());
    let Some(now) = now else { return };
    let history = item.get("passwordHistory").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut old: Vec<(&str, &str)> = history.iter().map(|h| (field(h, "lastUsedDate"), field(h, "password"))).collect();
    old.sort_unstable_by_key(|(until, _)| *until);
    let skip = old.len().saturating_sub(MAX_VERSIONS - 1);
    let version = |value: &str, label: Option<String>| SourceVersion {
        value: SecretBytes::new(value.as_bytes().to_vec()),
        label,
        dollar: Dollar::Unknown,
    };
    let mut versions: Vec<_> =
        old[skip..].iter().map(|(until, value)| version(value, Some(format!("password until {until}")))).collect();
    let label = (!versions.is_empty()).then(|| format!("password of {}", field(item, "revisionDate")));
    versions.push(version(now, label));
    let (place, key) = (place.to_owned(), "password".to_owned());
    found.items.push(SourceItem { place, folder, key, versions, comment: String::new(), facts: Vec::new() });
}

fn of_csv(input: &[u8]) -> Result<Found, ImportError> {
    let mut records = csv_records(input, MAX_NAMES)?.into_iter();
    let wrong = || ImportError::shape("line 1", "no heading with a column name, as Bitwarden exports it");
    let (heading, _) = records.next().ok_or_else(wrong)?;
    let column = |name: &str| heading.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let name = column("name").ok_or_else(wrong)?;
    let (folder, fields) = (column("folder").or_else(|| column("collections")), column("fields"));
    let mut found = Found::default();
    for (record, line) in records {
        if record.len() != heading.len() {
            return Err(ImportError::shape(
                &format!("line {line}"),
                "a record with more or fewer fields than the heading",
            ));
        }
        let place = format!("line {line}, {}", shown(&record[name]));
        let mut path = segments(folder.map_or("", |at| record[at].as_str()));
        path.push(if record[name].trim().is_empty() { format!("item-{line}") } else { record[name].trim().to_owned() });
        for (at, value) in record.iter().enumerate().filter(|(at, v)| !v.is_empty() && Some(*at) != folder) {
            let title = heading[at].trim().to_ascii_lowercase();
            if at == name || matches!(title.as_str(), "favorite" | "type" | "reprompt") {
                continue;
            }
            if Some(at) == fields {
                custom(&record, at, &place, &path, &mut found);
                continue;
            }
            let key = title.strip_prefix("login_").unwrap_or(&title);
            found.push(&place, path.clone(), key, SecretBytes::new(value.as_bytes().to_vec()), Dollar::Unknown);
        }
    }
    Ok(found)
}

/// The fields a person added: `name: value` lines in one column.
fn custom(record: &Record, at: usize, place: &str, path: &[String], found: &mut Found) {
    for line in record[at].lines().filter(|l| !l.trim().is_empty()) {
        match line.split_once(": ") {
            Some((key, value)) if !value.is_empty() => {
                found.push(place, path.to_vec(), key, SecretBytes::new(value.as_bytes().to_vec()), Dollar::Unknown);
            }
            _ => found.remarks.push(Remark::skipped(&format!("{place}: fields"), "a line of it is no `name: value`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &Found) -> Vec<String> {
        let mut names: Vec<_> = found.items.iter().map(|i| format!("{}/{}", i.folder.join("/"), i.key)).collect();
        names.sort();
        names
    }

    #[test]
    fn a_json_export_is_read_with_old_passwords_as_versions() {
        let json = br#"{"encrypted":false,"folders":[{"id":"f1","name":"Team/Web"}],"items":[
            {"id":"1","folderId":"f1","type":1,"name":"Host","notes":"n","revisionDate":"2026-03-01T00:00:00Z",
             "fields":[{"name":"pin","value":"12","type":1}],
             "login":{"username":"ada","password":"new","totp":null,"uris":[{"uri":"https://a"},{"uri":"https://b"}],
                      "fido2Credentials":[{}]},
             "passwordHistory":[{"lastUsedDate":"2026-02-01T00:00:00Z","password":"mid"},
                                {"lastUsedDate":"2026-01-01T00:00:00Z","password":"old"}]},
            {"id":"2","type":5,"name":"Key","sshKey":{"privateKey":"k","publicKey":"p"}},
            {"id":"3","type":2,"name":"Gone","notes":"x","deletedDate":"2026-01-01T00:00:00Z"}]}"#;
        let found = bitwarden(json).expect("an export");
        let expected = [
            "Key/privateKey",
            "Key/publicKey",
            "Team/Web/Host/NOTES",
            "Team/Web/Host/password",
            "Team/Web/Host/pin",
            "Team/Web/Host/uri",
            "Team/Web/Host/username",
        ];
        assert_eq!(names(&found), expected);
        let password = found.items.iter().find(|i| i.key == "password").expect("there");
        let versions: Vec<_> = password.versions.iter().map(|v| v.value.expose().as_slice()).collect();
        assert_eq!(versions, [b"old", b"mid", b"new"]);
        assert_eq!(password.versions[1].label.as_deref(), Some("password until 2026-02-01T00:00:00Z"));
        assert_eq!(found.remarks.len(), 3, "{:?}", found.remarks);
    }

    #[test]
    fn a_csv_export_is_read_with_its_own_fields() {
        let csv =
            b"folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\n\
            Team/Web,,login,Host,,\"pin: 12\nbroken\",0,https://a,ada,pw,\n";
        let found = bitwarden(csv).expect("an export");
        let expected = ["Team/Web/Host/password", "Team/Web/Host/pin", "Team/Web/Host/uri", "Team/Web/Host/username"];
        assert_eq!(names(&found), expected);
        assert_eq!(found.remarks.len(), 1);
    }

    #[test]
    fn what_is_encrypted_cut_off_or_of_another_product_is_refused() {
        let cases: [(&[u8], &str); 7] = [
            (br#"{"encrypted":true,"items":[]}"#, "it is encrypted"),
            (br#"{"items":"s3cret"}"#, "no list of items"),
            (br#"{"items":[{"login":{"password":"s3cret"}}]}"#, "item 1"),
            (br#"{"items":["s3cret"]}"#, "item 1"),
            (br#"{"items":[{"name":"s3cret"#, "the file ends"),
            (b"name,login_password\na,\"s3cret", "line 2"),
            (b"title\ns3cret\n", "line 1"),
        ];
        for (input, words) in cases {
            let error = bitwarden(input).expect_err("broken").to_string();
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
    }
}
