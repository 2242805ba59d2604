//! Doppler: what `doppler secrets download` writes (JSON, dotenv), `doppler secrets --json`, and the answer of its API.

use serde_json::Value;

use super::json::{self, field};
use super::{Dollar, Found, ImportError, Remark};
use crate::types::SecretBytes;
use crate::vault::format::{self, Format};

/// Names that Doppler adds to every config.
const OWN: &[&str] = &["DOPPLER_PROJECT", "DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT"];
const PLACE: &str = "doppler";

/// Reads a file; `guess` is the format its name suggests.
///
/// # Errors
/// A file that is cut off, of another product or too large, with the line or the name.
pub fn doppler(input: &[u8], guess: Format) -> Result<Found, ImportError> {
    let mut found = Found::default();
    if json::is_json(input) {
        let document = json::document(input)?;
        // The API's answer has its secrets one level down; a secret of that name would be a text or have a value.
        let inner = document.get("secrets").filter(|s| s.as_object().is_some_and(|o| !o.contains_key("computed")));
        let wrong = || ImportError::shape("the file", "no object of secrets, as `doppler secrets download` writes it");
        for (name, value) in inner.unwrap_or(&document).as_object().ok_or_else(wrong)? {
            one(name, value, &mut found)?;
        }
    } else {
        let entries = match guess {
            Format::Yaml => format::parse_yaml(input)?,
            _ => format::parse_dotenv_literal(input)?,
        };
        // References are resolved before Doppler writes a file.
        for entry in entries {
            found.push(PLACE, Vec::new(), &entry.name, entry.value, Dollar::Unknown);
        }
    }
    found.items.retain(|i| !OWN.contains(&i.key.as_str()));
    Ok(found)
}

fn one(name: &str, value: &Value, found: &mut Found) -> Result<(), ImportError> {
    let place = format!("{PLACE}: {name}");
    if let Value::Object(_) = value {
        if value.get("computed").is_none() && value.get("raw").is_none() {
            return Err(ImportError::shape(&place, "an object without `computed`: not an export of Doppler"));
        }
        let (computed, raw) = (value.get("computed"), value.get("raw"));
        let Some(text) = computed.and_then(Value::as_str) else {
            found.remarks.push(Remark::skipped(&place, "its value is restricted and not in the file"));
            return Ok(());
        };
        if raw.and_then(Value::as_str).is_some_and(|raw| raw != text) {
            let detail = "refers to other secrets: what it came to is imported, not the reference";
            found.remarks.push(Remark::changed(&place, detail));
        }
        found.push(PLACE, Vec::new(), name, SecretBytes::new(text.as_bytes().to_vec()), Dollar::Unknown);
        if let Some(item) = found.items.last_mut() {
            field(value, "note").clone_into(&mut item.comment);
        }
        return Ok(());
    }
    let Some((text, altered)) = json::text(value.clone()) else {
        found.remarks.push(Remark::skipped(&place, "its value is restricted and not in the file"));
        return Ok(());
    };
    found.remarks.extend(altered.map(|what| Remark::changed(&place, what)));
    found.push(PLACE, Vec::new(), name, SecretBytes::new(text.into_bytes()), Dollar::Unknown);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(found: &Found) -> Vec<String> {
        let value = |i: &super::super::SourceItem| String::from_utf8_lossy(i.versions[0].value.expose()).into_owned();
        found.items.iter().map(|i| format!("{}={}", i.key, value(i))).collect()
    }

    #[test]
    fn a_download_is_read_without_dopplers_own_names() {
        let json = br#"{"API_KEY":"a ${b}","DOPPLER_CONFIG":"dev","DOPPLER_PROJECT":"shop","PORT":"80"}"#;
        assert_eq!(values(&doppler(json, Format::Json).expect("an export")), ["API_KEY=a ${b}", "PORT=80"]);
        let dotenv = b"API_KEY=\"a \\\"${b}\\\"\\nc\"\nDOPPLER_ENVIRONMENT=\"dev\"\n";
        assert_eq!(values(&doppler(dotenv, Format::Dotenv).expect("an export")), ["API_KEY=a \"${b}\"\nc"]);
    }

    #[test]
    fn values_with_their_facts_are_read_and_what_is_not_there_is_named() {
        let secrets = r#"{"URL":{"computed":"http://h","raw":"http://${HOST}","note":"ours"},
            "HIDDEN":{"computed":null,"raw":null},"PLAIN":{"computed":"x","raw":"x","note":""}}"#;
        for text in [secrets.to_owned(), format!("{{\"secrets\":{secrets},\"success\":true}}")] {
            let found = doppler(text.as_bytes(), Format::Json).expect("an export");
            assert_eq!(values(&found), ["URL=http://h", "PLAIN=x"]);
            assert_eq!(found.items[0].comment, "ours");
            let remarks: Vec<_> = found.remarks.iter().map(|r| r.place.as_str()).collect();
            assert_eq!(remarks, ["doppler: URL", "doppler: HIDDEN"]);
        }
    }

    #[test]
    fn what_is_cut_off_or_of_another_product_is_refused_with_its_place() {
        let cases: [(&[u8], &str); 5] = [
            (b"{\"A\":\"s3cret", "line 1: the file ends"),
            (b"[\"s3cret\"]", "no object of secrets"),
            (b"{\"A\":{\"value\":\"s3cret\"}}", "doppler: A"),
            (b"{\"A\":\"s3cret\",\n\"A\":\"s3cret\"}", "line 2: a name is there twice"),
            (b"A=\"s3cret\nB=2\n", "line 1"),
        ];
        for (input, words) in cases {
            let error = doppler(input, Format::Dotenv).expect_err("broken").to_string();
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
    }
}
