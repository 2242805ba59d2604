//! The JSON schema, from the forms themselves.

use serde_json::{Value, json};

use super::form::{Definitions, Form as _};
use super::model::Blueprint;

/// The JSON schema (2020-12) of a blueprint, for editors and other tools. It says everything about one field at a time;
/// what fields say about each other, like a service that is not there, is `validate`'s.
pub fn schema() -> Value {
    let mut definitions = Definitions::default();
    let root = Blueprint::schema(&mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Holdfast blueprint",
        "allOf": [root],
        "$defs": definitions.finish(),
    })
}
