//! Infisical: what `infisical export` writes (JSON, CSV, YAML, dotenv), and the list of secrets of its API.

use serde_json::Value;

use super::json::{self, field};
use super::{Dollar, Found, ImportError, Remark, SourceItem, SourceVersion, shown};
use crate::types::SecretBytes;
use crate::vault::format::{self, Format};

/// Reads a file; `guess` is the format its name suggests.
///
/// # Errors
/// A file that is cut off, of another product or too large, with the line or the number of the secret.
pub fn infisical(input: &[u8], guess: Format) -> Result<Found, ImportError> {
    let mut found = Found::default();
    if json::is_json(input) {
        let document = json::document(input)?;
        let secrets = document.get("secrets").unwrap_or(&document);
        let wrong =
            || ImportError::shape("the file", "no list of secrets, as `infisical export --format json` writes it");
        for (at, secret) in secrets.as_array().ok_or_else(wrong)?.iter().enumerate() {
            one(secret, at + 1, &mut found)?;
        }
        for import in document.get("imports").and_then(Value::as_array).into_iter().flatten() {
            let place = format!("{}:{}", field(import, "environment"), field(import, "secretPath"));
            let detail = "is imported from another environment or folder of Infisical; import that one by itself";
            found.remarks.push(Remark::skipped(&place, detail));
        }
        return Ok(found);
    }
    let entries = match (guess, heading(input)) {
        (Format::Csv, _) | (_, true) => format::parse_csv(input)?,
        (Format::Yaml, _) => format::parse_yaml(input)?,
        _ => format::parse_dotenv_literal(input)?,
    };
    found.push_entries("infisical", entries);
    Ok(found)
}

/// Whether the first line is the heading of a CSV export.
fn heading(input: &[u8]) -> bool {
    let line = input.split(|b| matches!(b, b'\n' | b'\r')).next().unwrap_or_default();
    line.eq_ignore_ascii_case(b"key,value")
}

fn one(secret: &Value, number: usize, found: &mut Found) -> Result<(), ImportError> {
    let either = |cli: &str, api: &str| match field(secret, cli) {
        "" => field(secret, api).to_owned(),
        text => text.to_owned(),
    };
    let key = either("key", "secretKey");
    if key.is_empty() {
        return Err(ImportError::shape(&format!("secret {number}"), "it has no key: not an export of Infisical"));
    }
    let path = either("secretPath", "path");
    let folder: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    let place = if folder.is_empty() { "infisical".to_owned() } else { format!("infisical/{}", folder.join("/")) };
    let named = format!("{place}: {}", shown(&key));
    if field(secret, "type") == "personal" {
        found.remarks.push(Remark::skipped(&named, "is one person's override of the shared value"));
        return Ok(());
    }
    let hidden = secret.get("secretValueHidden").and_then(Value::as_bool) == Some(true);
    let value = secret.get("value").or_else(|| secret.get("secretValue")).and_then(Value::as_str);
    let Some(value) = value.filter(|_| !hidden) else {
        found.remarks.push(Remark::skipped(&named, "its value is not in the file"));
        return Ok(());
    };
    let list = |name: &str| secret.get(name).and_then(Value::as_array).into_iter().flatten();
    let tag = |tag: &Value| match field(tag, "slug") {
        "" => field(tag, "name").to_owned(),
        slug => slug.to_owned(),
    };
    let tags = list("tags").map(tag).filter(|t| !t.is_empty()).map(|t| (t, String::new()));
    let facts = list("secretMetadata").map(|m| (field(m, "key").to_owned(), field(m, "value").to_owned()));
    let value = SecretBytes::new(value.as_bytes().to_vec());
    found.items.push(SourceItem {
        place,
        folder,
        key,
        versions: vec![SourceVersion { value, label: None, dollar: Dollar::Reference }],
        comment: either("comment", "secretComment"),
        facts: tags.chain(facts.filter(|(key, _)| !key.is_empty())).collect(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &Found) -> Vec<String> {
        found.items.iter().map(|i| format!("{} {}", i.folder.join("/"), i.key)).collect()
    }

    #[test]
    fn the_json_of_the_command_is_read() {
        let export = br#"[{"key":"A","workspace":"w","value":"1 ${B}","type":"shared","_id":"x",
            "tags":[{"slug":"billing"}],"comment":"by hand"},
            {"key":"B","value":"","type":"shared"},{"key":"B","value":"mine","type":"personal"}]"#;
        let found = infisical(export, Format::Json).expect("an export");
        assert_eq!(names(&found), [" A", " B"]);
        assert_eq!(found.items[0].versions[0].value.expose(), b"1 ${B}");
        assert_eq!((found.items[0].comment.as_str(), found.items[0].facts.len()), ("by hand", 1));
        assert_eq!(found.remarks.len(), 1, "{:?}", found.remarks);
    }

    #[test]
    fn the_answer_of_the_api_is_read_with_its_folders_and_its_imports_are_named() {
        let answer = br#"{"secrets":[{"secretKey":"A","secretValue":"1","secretPath":"/api/v2","secretComment":"c",
            "secretMetadata":[{"key":"owner","value":"payments"}],"type":"shared"},
            {"secretKey":"H","secretValue":"<hidden>","secretValueHidden":true}],
            "imports":[{"secretPath":"/common","environment":"dev","secrets":[]}]}"#;
        let found = infisical(answer, Format::Dotenv).expect("an answer");
        assert_eq!(names(&found), ["api/v2 A"]);
        let remarks: Vec<_> = found.remarks.iter().map(|r| r.place.as_str()).collect();
        assert_eq!(remarks, ["infisical: H", "dev:/common"]);
    }

    #[test]
    fn csv_yaml_and_dotenv_are_read_without_taking_a_dollar_for_a_reference() {
        let cases: [(&[u8], Format); 4] = [
            (b"Key,Value\nA,\"x ${Y}\"\n", Format::Dotenv),
            (b"A: \"x ${Y}\"\n", Format::Yaml),
            (b"A='x ${Y}'\n", Format::Dotenv),
            (b"export A=\"x \\${Y}\"\n", Format::Dotenv),
        ];
        for (input, guess) in cases {
            let found = infisical(input, guess).expect("an export");
            assert_eq!(found.items[0].versions[0].value.expose(), b"x ${Y}");
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_product_is_refused_with_its_place() {
        let cases: [(&[u8], &str); 7] = [
            (b"[{\"key\":\"A\",\n\"value\":\"s3cret", "line 2"),
            (b"[{\"key\":\"A\",\"value\":\"s3cret\"}", "line 1"),
            (b"{\"s3cret\":\"s3cret\"}", "no list of secrets"),
            (b"[{\"name\":\"s3cret\"}]", "secret 1"),
            (b"[\"s3cret\"]", "secret 1"),
            (b"{\"secrets\":[],\n\"secrets\":[]}", "line 2: a name is there twice"),
            (b"A='s3cret", "line 1"),
        ];
        for (input, words) in cases {
            let error = infisical(input, Format::Dotenv).expect_err("broken").to_string();
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert!(infisical(&deep, Format::Json).is_err());
        assert!(infisical(&vec![b' '; format::MAX_INPUT_BYTES + 1], Format::Json).is_err());
    }
}
