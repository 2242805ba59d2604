//! A blueprint: which services an environment runs, as YAML a person writes.
//!
//! Invariants, and what each one stops:
//! - One table of fields (`form`) makes the type, its reader, its writer and its part of the JSON schema: none of them
//!   can know a field that another does not.
//! - An unknown field, a field twice, a value of the wrong kind are errors: a mistyped name is never a setting left out.
//! - Size, depth, nodes, aliases and lists have limits, and each is told with the line that goes over it.
//! - Every error has a code that stays, a place, and a hint; several are told at once.
//! - No value of `env` is repeated in a message: it may be a secret that stands in the wrong place ([`lint`] says so).
//! - A fix changes the characters it is about and no others: comments and layout are the author's.
//!
//! It knows no server, no cluster and no other file: names of variables, other files and folders are handed in.

mod check;
pub mod compose;
mod diagnostic;
pub mod discover;
mod form;
pub mod lint;
mod model;
mod scalar;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod tree;
mod write;

pub use check::usual_port;
pub use diagnostic::{CODES, Diagnostic, Place};
pub use model::{
    Blueprint, Delivery, Init, InitKind, OnDrift, Override, Plan, Port, Probes, Protocol, Quantities, Resources,
    Routing, RoutingMode, Secret, SecretValue, Security, SecurityProfile, Service, Services,
};
pub use scalar::{
    Argument, Cpu, DnsName, EnvName, EnvValue, Failures, HttpPath, Image, Label, Lasting, Memory, Minutes, MountPath,
    PortName, PortNumber, Replicas, Script, SecretLength, UserId, VariableName, VariablePattern,
};
pub use schema::schema;
pub use shape::{
    Auth, Check, Egress, Expose, Exposure, Filled, PortRef, Probe, Target, Variables, Volume, VolumeSource,
};
pub use write::{Notes, write};

use self::form::{Form as _, Reader};
use self::tree::{Limits, Node};

/// Largest blueprint, in bytes.
pub const MAX_BYTES: usize = 512 << 10;
/// Most services of one blueprint.
pub const MAX_SERVICES: usize = 200;
/// Most mistakes told at once.
pub const MAX_DIAGNOSTICS: usize = 50;

const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 24, nodes: 100_000, anchors: 200 };

/// A blueprint that was read, and the tree of its text for whoever has something to say about a place in it.
#[derive(Debug)]
pub struct Document {
    /// What it says.
    pub blueprint: Blueprint,
    tree: Node,
}

/// Reads a blueprint.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text, at most [`MAX_DIAGNOSTICS`].
pub fn read(text: &str) -> Result<Document, Vec<Diagnostic>> {
    let tree = tree::read(text, LIMITS).map_err(in_order)?;
    let mut reader = Reader::new();
    let blueprint = Blueprint::read(&tree, &mut reader);
    let errors = reader.finish();
    match blueprint {
        Some(blueprint) if errors.is_empty() => {
            let errors = check::check(&blueprint, &tree);
            if errors.is_empty() { Ok(Document { blueprint, tree }) } else { Err(in_order(errors)) }
        }
        _ => Err(in_order(errors)),
    }
}

fn in_order(mut errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    errors.sort_by_key(|e| (e.at.line, e.at.column));
    errors.truncate(MAX_DIAGNOSTICS);
    errors
}
