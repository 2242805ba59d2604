//! Compose files, taken over as blueprints.
//!
//! What has no counterpart is named with its line and left out; nothing is left out silently, and nothing is guessed
//! without saying so. What comes out is always a valid blueprint. Values that look like secrets become variables of the
//! environment: the file that held them stays the only one that does.

mod entries;
mod interpolate;
mod ports;
mod service;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) use self::interpolate::words;
use super::check::check;
use super::diagnostic::{Diagnostic, Place};
use super::lint::Suspicion;
use super::model::{Blueprint, Service};
use super::scalar::{Label, VariableName};
use super::shape::Filled;
use super::tree::{self, Kind, Limits, Node};
use super::write::comment;
use super::{MAX_DIAGNOSTICS, MAX_SERVICES, Notes, write};

/// Largest Compose file, in bytes.
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 24, nodes: 100_000, anchors: 1_000 };
/// Most remarks; a file with more has no counterpart.
const REMARKS_MAX: usize = 2_000;

/// Something that could not be taken over as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line in the Compose file, from 1.
    pub line: usize,
    /// What, and what to do about it.
    pub text: String,
}

/// A blueprint made of a Compose file.
#[derive(Debug)]
pub struct Imported {
    /// The blueprint.
    pub blueprint: Blueprint,
    /// What is not in it, or not as it was, by line.
    pub remarks: Vec<Remark>,
}

impl Imported {
    /// The blueprint as YAML, with the remarks above it.
    pub fn to_yaml(&self, source: &str) -> String {
        let mut out = format!("# Made of {}", comment(source));
        if self.remarks.is_empty() {
            out.push_str(".\n");
        } else {
            out.push_str(". Not taken over, or not as it was:\n");
            for remark in &self.remarks {
                let _infallible = writeln!(out, "#   line {}: {}", remark.line, comment(&remark.text));
            }
        }
        out + &write(&self.blueprint, &Notes::new())
    }
}

/// Reads a Compose file. `name` is the blueprint's, unless the file has one.
///
/// # Errors
/// It is not YAML, or describes no service.
pub fn import(text: &str, name: &str) -> Result<Imported, Vec<Diagnostic>> {
    let tree = tree::read(text, LIMITS)?;
    let services = tree.get("services").filter(|s| matches!(s.kind, Kind::Map(_)));
    let Some(services) = services.filter(|s| !s.entries().is_empty()) else {
        return Err(vec![refusal(&tree, "there are no services in it", "a Compose file has them under `services`")]);
    };
    if let Some(beyond) = services.entries().get(MAX_SERVICES) {
        let message = format!("there are more than {MAX_SERVICES} services");
        return Err(vec![Diagnostic { at: beyond.key_at, ..refusal(&tree, &message, "split the file") }]);
    }
    let mut importer = Importer::new(&tree, services);
    importer.top_level();
    let made: Vec<Service> = services.entries().iter().filter_map(|entry| importer.service(entry)).collect();
    let name = tree.get("name").and_then(Node::text).unwrap_or(name);
    let name = Label::near(name).or_else(|| Label::parse("app").ok());
    let (Some(name), Some(made)) = (name, Filled::new(made)) else {
        let mut errors = vec![refusal(&tree, "none of its services could be taken over", "the reasons are below")];
        let said = importer.remarks.iter().take(MAX_DIAGNOSTICS);
        errors.extend(said.map(|remark| {
            let at = Place { line: remark.line, column: 1, start: 0, end: 0 };
            Diagnostic { at, ..refusal(&tree, &remark.text, "put it right in the Compose file") }
        }));
        return Err(errors);
    };
    let blueprint = importer.settled(Blueprint::new(name, made));
    let Some(blueprint) = blueprint else {
        return Err(vec![refusal(
            &tree,
            "none of its services could be taken over",
            "each contradicts itself: see `depends_on` and `deploy`",
        )]);
    };
    let mut remarks = importer.remarks;
    remarks.sort_by(|a, b| (a.line, &a.text).cmp(&(b.line, &b.text)));
    remarks.dedup();
    Ok(Imported { blueprint, remarks })
}

fn refusal(tree: &Node, message: &str, hint: &str) -> Diagnostic {
    let at = Place { end: tree.at.start, ..tree.at };
    Diagnostic { code: "syntax", message: message.to_owned(), hint: hint.to_owned(), at, path: String::new() }
}

/// What is known while services are taken over.
struct Importer<'a> {
    tree: &'a Node,
    suspicion: Suspicion,
    remarks: Vec<Remark>,
    /// The services' names here, by their names there.
    names: BTreeMap<&'a str, Label>,
    /// The lines of services, by their names here.
    lines: BTreeMap<Label, usize>,
    /// The volumes' names here, by their names there.
    volumes: BTreeMap<String, Label>,
    /// Values that became variables, to see when one name has two.
    secrets: BTreeMap<VariableName, String>,
}

impl<'a> Importer<'a> {
    fn new(tree: &'a Node, services: &'a Node) -> Self {
        let mut importer = Self {
            tree,
            suspicion: Suspicion::new(),
            remarks: Vec::new(),
            names: BTreeMap::new(),
            lines: BTreeMap::new(),
            volumes: BTreeMap::new(),
            secrets: BTreeMap::new(),
        };
        for entry in services.entries() {
            let label = Label::near(&entry.key).filter(|label| !importer.lines.contains_key(label));
            let Some(label) = label else {
                importer.remark(entry.key_at, format!("the service `{}` has no name that fits: rename it", entry.key));
                continue;
            };
            if label.as_str() != entry.key {
                let text =
                    format!("the service `{}` is `{}` now: change addresses that name it", entry.key, label.as_str());
                importer.remark(entry.key_at, text);
            }
            importer.lines.insert(label.clone(), entry.key_at.line);
            importer.names.insert(&entry.key, label);
        }
        importer
    }

    fn remark(&mut self, at: Place, text: impl Into<String>) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(Remark { line: at.line, text: text.into() });
        }
    }

    /// What stands beside the services.
    fn top_level(&mut self) {
        let tree = self.tree;
        for entry in tree.entries() {
            match entry.key.as_str() {
                "services" | "name" | "version" | "secrets" | "configs" => {}
                "volumes" => self.volume_definitions(&entry.value),
                "networks" => {
                    let text =
                        "networks: all services of an environment reach one another, and nothing else reaches them";
                    self.remark(entry.key_at, text);
                }
                "include" => {
                    let text = "include: other files are not read; give the merged file: `docker compose config`";
                    self.remark(entry.key_at, text);
                }
                key if key.starts_with("x-") => {}
                key => self.remark(entry.key_at, format!("{key}: has no counterpart")),
            }
        }
    }

    /// The blueprint without what fields say against each other; each is remarked.
    fn settled(&mut self, mut blueprint: Blueprint) -> Option<Blueprint> {
        // Every round takes something away: a list of dependencies, or a service.
        for _ in 0..3 * MAX_SERVICES {
            let text = write(&blueprint, &Notes::new());
            let errors = match tree::read(&text, super::LIMITS) {
                Ok(tree) => check(&blueprint, &tree),
                Err(errors) => errors,
            };
            let Some(error) = errors.first() else { return Some(blueprint) };
            let index = error.path.strip_prefix("services[").and_then(|rest| rest.split(']').next()?.parse().ok());
            let index: usize = index.filter(|index| *index < blueprint.services.len()).unwrap_or(0);
            let name = blueprint.services[index].name.clone();
            let line = self.lines.get(&name).copied().unwrap_or(1);
            let at = Place { line, column: 1, start: 0, end: 0 };
            let mut services = blueprint.services.to_vec();
            if services[index].depends_on.is_empty() || !error.path.contains("dependsOn") {
                self.remark(at, format!("the service `{}` is left out: {}", name.as_str(), error.message));
                services.remove(index);
            } else {
                self.remark(at, format!("depends_on of `{}` is left out: {}", name.as_str(), error.message));
                services[index].depends_on = Vec::new();
            }
            blueprint.services = Filled::new(services)?;
        }
        None
    }
}
