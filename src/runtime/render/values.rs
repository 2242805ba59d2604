//! Which values a service gets, under which keys of its Secret, and how they reach its processes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::One;
use crate::runtime::blueprint::{Delivery, EnvValue, Service, VariableName, Variables, VolumeSource};

/// The key of a volume's file, before the volume's name. No variable has such a name: they do not begin with a dot.
pub(super) const FILE_KEY: &str = ".volume.";

/// A key of a service's Secret, and what its value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The key.
    pub key: String,
    /// What its value is.
    pub from: WantedFrom,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WantedFrom {
    /// The variable of this name.
    Variable(String),
    /// A text of a blueprint with `${NAME}` in it; `$${` in it is a `${`.
    Composed(EnvValue),
    /// The generated secret of this name in the blueprint.
    Generated(String),
}

/// Everything that the Secret of a service has to hold, by key. `names` are the variables the environment has; a variable
/// that is listed by its name is wanted even when it is not among them, for that is the deployer's mistake to be told.
pub fn wanted<'n>(service: &Service, names: impl Iterator<Item = &'n str>) -> Vec<Wanted> {
    let mut keys: BTreeMap<String, WantedFrom> = BTreeMap::new();
    let mut variable = |name: &str| keys.insert(name.to_owned(), WantedFrom::Variable(name.to_owned()));
    let names: BTreeSet<&str> = names.collect();
    match &service.variables {
        Variables::All => names.into_iter().for_each(|name| drop(variable(name))),
        Variables::Listed(patterns) => {
            for pattern in patterns {
                if pattern.is_name() {
                    variable(pattern.as_str());
                }
                names.iter().filter(|name| pattern.matches(name)).for_each(|name| drop(variable(name)));
            }
        }
    }
    for secret in &service.secrets {
        keys.insert(secret.env_key.as_str().to_owned(), WantedFrom::Generated(secret.name.as_str().to_owned()));
    }
    for (name, value) in &service.env {
        if value.references().is_empty() {
            // A plain text in place of a variable of the same name: the variable reaches nobody.
            keys.remove(name.as_str());
        } else {
            keys.insert(name.as_str().to_owned(), WantedFrom::Composed(value.clone()));
        }
    }
    for volume in &service.volumes {
        if let VolumeSource::File { variable } = &volume.source {
            let from = WantedFrom::Variable(VariableName::as_str(variable).to_owned());
            keys.insert(format!("{FILE_KEY}{}", volume.name.as_str()), from);
        }
    }
    keys.into_iter().map(|(key, from)| Wanted { key, from }).collect()
}

/// Whether a key holds a variable as the environment calls it: what `delivery` is about.
pub(super) fn is_variable(service: &Service, key: &str) -> bool {
    !key.starts_with(FILE_KEY)
        && !service.env.keys().any(|name| name.as_str() == key)
        && !service.secrets.iter().any(|secret| secret.env_key.as_str() == key)
}

/// The environment variables of a container, by name. `delivery: files` is about variables only: a name in `env` or an
/// `envKey` is the name of an environment variable in any case.
pub(super) fn environment(one: &One<'_>) -> Vec<Value> {
    let mut all: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, value) in &one.service.env {
        if value.references().is_empty() {
            all.insert(name.as_str(), json!({ "name": name.as_str(), "value": plain(value) }));
        }
    }
    if let Some(provided) = one.provided {
        let in_files = one.service.delivery == Delivery::Files;
        for key in provided.keys.iter().filter(|key| !key.starts_with(FILE_KEY)) {
            if !(in_files && is_variable(one.service, key)) {
                let from = json!({ "secretKeyRef": { "name": provided.object, "key": key } });
                all.entry(key).or_insert_with(|| json!({ "name": key, "valueFrom": from }));
            }
        }
    }
    all.into_values().collect()
}

/// A text without references, as it is meant: `$${` is `${`.
fn plain(value: &EnvValue) -> String {
    literal(&value.as_str().replace("$${", "${"))
}

/// A text that the kubelet leaves as it is: it would take `$(NAME)` for a variable, and `$$` for a `$`.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}
