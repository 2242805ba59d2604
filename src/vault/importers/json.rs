//! JSON of other products: of any shape, bounded, and with no name twice in one object, because a reader that takes the
//! last of two loses the first silently.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::ImportError;
use crate::vault::format::MAX_INPUT_BYTES;

/// Reads one document.
///
/// # Errors
/// Too large, cut off, no JSON, nested too deep, or a name twice: with the line, never with a piece of it.
pub(super) fn document(input: &[u8]) -> Result<Value, ImportError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(ImportError::TooMuch);
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut reader = serde_json::Deserializer::from_slice(input);
    let read = Strict::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map(|Strict(value)| value).map_err(|e| {
        let problem = match e.classify() {
            serde_json::error::Category::Eof => "the file ends in the middle of it",
            serde_json::error::Category::Data => "a name is there twice in one object",
            _ => "not JSON, or nested too deep",
        };
        ImportError::shape(&format!("line {}", e.line()), problem)
    })
}

/// Whether an input is meant to be JSON.
pub(super) fn is_json(input: &[u8]) -> bool {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    matches!(input.iter().find(|b| !b.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// A value as text, and what is to be said of that. None for a null.
pub(super) fn text(value: Value) -> Option<(String, Option<&'static str>)> {
    match value {
        Value::Null => None,
        Value::String(text) => Some((text, None)),
        Value::Bool(_) => Some((value.to_string(), None)),
        Value::Number(ref number) => {
            let altered = "is a fraction or a very large number: its digits may be written otherwise";
            Some((number.to_string(), number.is_f64().then_some(altered)))
        }
        Value::Array(_) | Value::Object(_) => {
            Some((value.to_string(), Some("is a list or an object: its JSON text is stored")))
        }
    }
}

/// The text of a field, empty where there is none.
pub(super) fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A value without a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(Value::Object(all))
    }
}
