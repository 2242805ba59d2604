//! The one object with values in it.

use std::fmt;

use serde_json::{Map, Value, json};
use zeroize::Zeroize as _;

use super::Names;
use super::names::LABEL_SERVICE;
use crate::cluster::Resource;
use crate::runtime::blueprint::Label;
use crate::types::SecretBytes;

/// The JSON of a Secret. It is not printed and not copied, and its values are wiped when it goes.
pub struct SecretBody(Value);

impl SecretBody {
    /// The object, to be sent and for nothing else.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBody(…)")
    }
}

impl Drop for SecretBody {
    fn drop(&mut self) {
        if let Some(Value::Object(data)) = self.0.get_mut("data") {
            for (_, value) in data.iter_mut() {
                if let Value::String(text) = value {
                    text.zeroize();
                }
            }
        }
    }
}

/// The Secret of a service: immutable, so that nobody changes under a running pod what its name vouches for. It has no
/// revision: it is the same object for as long as its values are.
pub fn secret(names: &Names, service: &Label, name: &str, values: &[(String, SecretBytes)]) -> SecretBody {
    let mut labels = names.labels();
    labels.insert(LABEL_SERVICE.to_owned(), json!(service.as_str()));
    let data: Map<String, Value> = values
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(data_encoding::BASE64.encode(value.expose()))))
        .collect();
    let mut body = json!({
        "apiVersion": Resource::Secret.api_version(),
        "kind": Resource::Secret.kind(),
        "metadata": { "name": name, "namespace": names.namespace, "labels": labels },
        "type": "Opaque",
        "immutable": true,
    });
    body["data"] = Value::Object(data);
    SecretBody(body)
}
