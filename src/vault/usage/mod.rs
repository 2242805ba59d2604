//! What becomes of a secret: who refers to it, who refers to those, which environments inherit it, and so who can
//! have its value.

mod graph;
mod reach;

pub use reach::{Arrival, SecretReach, Through, secret_reach};

use graph::{Node, graph, home, inheritors};

use super::VaultError;
use super::model::{FolderPath, SecretName};
use super::source::StoreSource;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;

/// A secret whose value is built from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependence {
    /// `shop/staging`.
    pub environment: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// References in a row from it to the secret asked for; 1 when it refers to it itself.
    pub distance: usize,
    /// What it refers to on that way, as `shop/staging:/api/HOST`; none for one that may not be seen.
    pub through: Option<String>,
}

/// All that uses a secret.
#[derive(Debug, Clone)]
pub struct Usage {
    /// The environment that stores it.
    pub stored_in: Placed,
    /// Secrets built from it, nearest first.
    pub items: Vec<Dependence>,
    /// Environments beneath that have it from here, by their slugs.
    pub inherited_by: Vec<String>,
    /// How many more secrets are built from it that whoever asks may not see.
    pub hidden: usize,
    /// How many more environments inherit it that whoever asks may not see.
    pub hidden_environments: usize,
    /// Whether this is all; a very long answer is cut.
    pub complete: bool,
}

/// What uses one secret of an environment, its own or inherited, through any number of references.
///
/// # Errors
/// Unknown or not visible; not allowed.
pub async fn secret_usage(
    op: &Op,
    project: &str,
    environment: &str,
    path: &str,
    name: &str,
) -> Result<Usage, VaultError> {
    let path = FolderPath::parse(if path.is_empty() { "/" } else { path })?;
    let parsed = SecretName::parse_any(name)?;
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let lists = |placed: &Placed| op.permits(reader, Action::SecretList, &placed.resource());
        let source = StoreSource::new(reader, op.keyring().organization(reader, placed.environment.organization)?);
        let missing = || VaultError::not_found("secret", name);
        let stored_in = home(reader, &source, placed, &path, &parsed)?.ok_or_else(missing)?.placed;
        if !lists(&stored_in)? {
            return Err(missing());
        }
        let (inheritors, all_inheritors) = inheritors(reader, &source, &stored_in, &path, &parsed)?;
        let graph = graph(reader, &source, stored_in.clone(), path, parsed)?;
        let mut usage = Usage {
            stored_in,
            items: Vec::new(),
            inherited_by: Vec::new(),
            hidden: 0,
            hidden_environments: 0,
            complete: graph.complete && all_inheritors,
        };
        for placed in inheritors {
            if op.permits(reader, Action::EnvironmentRead, &placed.resource())? {
                usage.inherited_by.push(placed.path());
            } else {
                usage.hidden_environments += 1;
            }
        }
        usage.inherited_by.sort_unstable();
        for node in &graph.nodes[1..] {
            let Node { placed, path, name, distance, through, late: _ } = node;
            if !lists(placed)? {
                usage.hidden += 1;
                continue;
            }
            let before = &graph.nodes[*through];
            let through = if lists(&before.placed)? { Some(before.place()) } else { None };
            let (environment, path, name) = (placed.path(), path.clone(), name.clone());
            usage.items.push(Dependence { environment, path, name, distance: *distance, through });
        }
        Ok(usage)
    })
    .await
}
