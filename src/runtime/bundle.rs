//! The values a service gets, and the name of the object that holds them.

use std::collections::{BTreeMap, BTreeSet};

use crate::keys::{MacKey, MacPurpose};
use crate::runtime::blueprint::{Blueprint, Label, Service};
use crate::runtime::lifecycle::{Granted, drawn_name, passed_on};
use crate::runtime::render::{Provided, Wanted, WantedFrom, wanted};
use crate::types::{Id, SecretBytes, kinds};
use crate::vault::injection::Injected;
use crate::vault::resolve::Part;

/// What one service gets.
pub(in crate::runtime) struct Bundle {
    pub(in crate::runtime) service: Label,
    /// The name of its object: a keyed hash of everything in it, so that a changed value is another object.
    pub(in crate::runtime) object: String,
    pub(in crate::runtime) values: Vec<(String, SecretBytes)>,
    /// Every version that went into it.
    pub(in crate::runtime) parts: Vec<Part>,
}

impl Bundle {
    pub(in crate::runtime) fn provided(&self) -> Provided {
        let keys = self.values.iter().map(|(key, _)| key.clone()).collect();
        Provided { service: self.service.clone(), object: self.object.clone(), keys }
    }
}

/// How the variables that are there differ from what was passed on when it was deployed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Drift {
    /// Not in what the services get.
    None,
    /// Somebody has to deploy: these names came, went, or are restricted now.
    NeedsDeploy(Vec<String>),
}

/// Compares what the services would get now with what was passed on.
pub(in crate::runtime) fn drift(blueprint: &Blueprint, granted: &[Granted], there: &[Injected]) -> Drift {
    let names = || there.iter().map(|v| v.name.as_str());
    let wanted: BTreeSet<String> = blueprint.services.iter().flat_map(|s| passed_on(s, names())).collect();
    let before: BTreeMap<&str, bool> = granted.iter().map(|g| (g.name.as_str(), g.restricted)).collect();
    let mut differing = BTreeSet::new();
    for name in &wanted {
        let now = there.iter().find(|v| v.name == *name);
        match (now, before.get(name.as_str())) {
            // It is restricted now, and whoever deployed did not pass on a restricted one.
            (Some(now), Some(was)) if now.restricted && !was => differing.insert(name.clone()),
            (Some(_), Some(_)) => false,
            _ => differing.insert(name.clone()),
        };
    }
    differing.extend(before.keys().filter(|name| !names().any(|n| n == **name)).map(|name| (*name).to_owned()));
    if differing.is_empty() { Drift::None } else { Drift::NeedsDeploy(differing.into_iter().collect()) }
}

/// What every service gets that gets anything, of exactly the names that were passed on.
pub(in crate::runtime) fn bundles(
    blueprint: &Blueprint,
    granted: &[Granted],
    there: &[Injected],
    key: &MacKey,
    environment: Id<kinds::Environment>,
) -> Vec<Bundle> {
    let granted: BTreeSet<&str> = granted.iter().map(|g| g.name.as_str()).collect();
    let there: BTreeMap<&str, &Injected> =
        there.iter().filter(|v| granted.contains(v.name.as_str())).map(|v| (v.name.as_str(), v)).collect();
    blueprint.services.iter().filter_map(|service| bundle(service, &there, key, environment)).collect()
}

fn bundle(
    service: &Service,
    there: &BTreeMap<&str, &Injected>,
    key: &MacKey,
    environment: Id<kinds::Environment>,
) -> Option<Bundle> {
    let mut values: BTreeMap<String, SecretBytes> = BTreeMap::new();
    let mut parts = Vec::new();
    for Wanted { key, from } in wanted(service, there.keys().copied()) {
        let names: Vec<String> = match &from {
            WantedFrom::Variable(name) => vec![name.clone()],
            WantedFrom::Generated(label) => vec![drawn_name(label)],
            WantedFrom::Composed(text) => text.references().iter().map(|n| n.as_str().to_owned()).collect(),
        };
        let found: Vec<&&Injected> = names.iter().filter_map(|name| there.get(name.as_str())).collect();
        if found.len() < names.len() {
            continue;
        }
        parts.extend(found.iter().flat_map(|v| v.parts.iter().copied()));
        let value = match &from {
            WantedFrom::Composed(text) => filled(text.as_str(), there),
            WantedFrom::Variable(_) | WantedFrom::Generated(_) => copy(&found.first()?.value),
        };
        values.insert(key, value);
    }
    if values.is_empty() {
        return None;
    }
    parts.sort_unstable();
    parts.dedup();
    let mut mac = key.begin(MacPurpose::ExternalName);
    mac.part(environment.as_bytes());
    mac.part(service.name.as_str().as_bytes());
    for (name, value) in &values {
        mac.part(name.as_bytes());
        mac.part(value.expose());
    }
    let object = format!("{}-{}", service.name.as_str(), mac.finish().to_hex(8));
    Some(Bundle { service: service.name.clone(), object, values: values.into_iter().collect(), parts })
}

fn copy(value: &SecretBytes) -> SecretBytes {
    SecretBytes::new(value.expose().clone())
}

/// A value of `env` with its variables put in: `${NAME}` is one, `$${` is `${`.
fn filled(text: &str, there: &BTreeMap<&str, &Injected>) -> SecretBytes {
    let value = |name: &str| there.get(name).map_or(&[][..], |v| v.value.expose().as_slice());
    // The whole length first: growing would leave copies of a value behind.
    let pieces = pieces(text);
    let length = pieces.iter().map(|p| if p.is_name { value(p.text).len() } else { p.text.len() }).sum();
    let mut bytes = Vec::with_capacity(length);
    for piece in pieces {
        bytes.extend_from_slice(if piece.is_name { value(piece.text) } else { piece.text.as_bytes() });
    }
    SecretBytes::new(bytes)
}

struct Piece<'a> {
    text: &'a str,
    is_name: bool,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            pieces.push(Piece { text: &rest[..at - 1], is_name: false });
            pieces.push(Piece { text: "${", is_name: false });
            rest = &rest[at + 2..];
            continue;
        }
        pieces.push(Piece { text: &rest[..at], is_name: false });
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else { break };
        pieces.push(Piece { text: &inside[..end], is_name: true });
        rest = &inside[end + 1..];
    }
    pieces.push(Piece { text: rest, is_name: false });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::blueprint;

    fn variable(name: &str, value: &str) -> Injected {
        let value = SecretBytes::new(value.as_bytes().to_vec());
        Injected { name: name.to_owned(), restricted: false, value, parts: Vec::new() }
    }

    #[test]
    fn env_takes_its_variables_and_keeps_what_is_escaped() {
        let there = [variable("HOST", "db"), variable("PORT", "5432")];
        let there: BTreeMap<&str, &Injected> = there.iter().map(|v| (v.name.as_str(), v)).collect();
        let text = |text| String::from_utf8(filled(text, &there).expose().clone()).expect("text");
        assert_eq!(text("tcp://${HOST}:${PORT}/x"), "tcp://db:5432/x");
        assert_eq!(text("a $${HOST} $5"), "a ${HOST} $5");
        assert_eq!(text("plain"), "plain");
    }

    #[test]
    fn a_name_that_came_or_went_needs_a_deploy() {
        let text = "name: a\nservices:\n  - {name: api, image: a:1, variables: [\"DB_*\"]}\n";
        let document = blueprint::read(text).expect("a blueprint");
        let granted = [Granted { name: "DB_URL".into(), restricted: false }];
        let same = [variable("DB_URL", "x"), variable("OTHER", "y")];
        assert_eq!(drift(&document.blueprint, &granted, &same), Drift::None);
        let more = [variable("DB_URL", "x"), variable("DB_USER", "y")];
        assert_eq!(drift(&document.blueprint, &granted, &more), Drift::NeedsDeploy(vec!["DB_USER".into()]));
        assert_eq!(drift(&document.blueprint, &granted, &[]), Drift::NeedsDeploy(vec!["DB_URL".into()]));
        let mut stricter = variable("DB_URL", "x");
        stricter.restricted = true;
        assert_eq!(drift(&document.blueprint, &granted, &[stricter]), Drift::NeedsDeploy(vec!["DB_URL".into()]));
    }
}
