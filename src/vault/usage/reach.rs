//! Who can have the value of one secret: wherever it goes, whoever may use or see values there, and by which grant.

use super::graph::{Graph, Node, graph, home, inheritors};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access::{self, Reaching, principal_facts, review_at, review_principals};
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Limit, Page};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::source::StoreSource;

/// Most places one review looks at, each for everybody of a page.
const PLACES_MAX: usize = 200;

/// How a value comes into an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// It is stored there.
    Stored,
    /// It comes from above.
    Inherited,
    /// Another secret of that environment, its own or inherited, is built from it.
    Reference(String),
}

/// Somebody who can have the value in one environment.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// `shop/staging`.
    pub environment: String,
    /// How it comes there.
    pub through: Through,
    /// Who, and by which grants. Their one action says in which way they can have it.
    pub reaching: Reaching,
}

/// Who can have a value: a page of people and machines, each with every environment where they can.
#[derive(Debug, Clone)]
pub struct SecretReach {
    /// The environment that stores it.
    pub stored_in: Placed,
    /// Who may see it.
    pub visibility: Visibility,
    /// Everybody of this page.
    pub page: Page<Arrival>,
    /// How many more environments it comes to whose access whoever asks may not have explained.
    pub hidden_environments: usize,
    /// Whether this is every place it comes to; a very long answer is cut.
    pub complete: bool,
}

/// An environment a value comes to, and how strict it is there.
struct Place {
    placed: Placed,
    path: FolderPath,
    through: Through,
    visibility: Visibility,
}

/// Who can have the value of one secret of an environment, its own or inherited: where it is stored, where it is
/// inherited, and where something is built from it. A page of principals at a time.
///
/// # Errors
/// Unknown or not visible; `access.explain` is not held where it is stored.
pub async fn secret_reach(
    op: &Op,
    (project, environment): (&str, &str),
    (path, name): (&str, &str),
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<SecretReach, VaultError> {
    let path = FolderPath::parse(if path.is_empty() { "/" } else { path })?;
    let parsed = SecretName::parse_any(name)?;
    op.read(|reader| {
        let asked = access::environment(op, reader, project, environment)?;
        op.authorize(reader, Action::AccessExplain, &asked.resource())?;
        let source = StoreSource::new(reader, op.keyring().organization(reader, asked.environment.organization)?);
        let missing = || VaultError::not_found("secret", name);
        let home = home(reader, &source, asked, &path, &parsed)?.ok_or_else(missing)?;
        op.authorize(reader, Action::AccessExplain, &home.placed.resource())?;
        let graph = graph(reader, &source, home.placed.clone(), path, parsed)?;
        let (mut places, mut hidden, mut complete) = (Vec::new(), 0, graph.complete);
        for node in &graph.nodes {
            let (found, all) = places_of(op, &source, reader, (&graph, node), home.visibility)?;
            complete &= all;
            for place in found {
                if !op.permits(reader, Action::AccessExplain, &place.placed.resource())? {
                    hidden += 1;
                } else if places.len() < PLACES_MAX {
                    places.push(place);
                } else {
                    complete = false;
                }
            }
        }
        let page = review_principals(op, reader, limit, cursor.as_ref())?;
        let mut items = Vec::new();
        for id in page.items {
            let Some(facts) = principal_facts(reader, home.placed.environment.organization, id)? else { continue };
            for place in &places {
                let resource = place.placed.resource().with_path(place.path.as_str());
                for action in ways(place.visibility) {
                    if let Some(reaching) = review_at(op, reader, &facts, &resource, Some(*action))? {
                        let (environment, through) = (place.placed.path(), place.through.clone());
                        items.push(Arrival { environment, through, reaching });
                    }
                }
            }
        }
        let page = Page { items, next: page.next };
        let (stored_in, visibility) = (home.placed, home.visibility);
        Ok(SecretReach { stored_in, visibility, page, hidden_environments: hidden, complete })
    })
    .await
}

/// In which ways a value can be had, by what it is.
const fn ways(visibility: Visibility) -> &'static [Action] {
    match visibility {
        Visibility::Restricted => &[Action::SecretUseRestricted],
        Visibility::Masked | Visibility::Unmasked => &[Action::SecretUse, Action::SecretReveal],
    }
}

/// The environments that have a secret of the graph, its own first; and whether all were looked at.
fn places_of(
    op: &Op,
    source: &StoreSource<'_>,
    reader: &Reader<'_>,
    (graph, node): (&Graph, &Node),
    least: Visibility,
) -> Result<(Vec<Place>, bool), VaultError> {
    let is_first = node.distance == 0;
    let own = home(reader, source, node.placed.clone(), &node.path, &node.name)?;
    // Whatever is built from something restricted is restricted.
    let visibility = own.map_or(least, |h| h.visibility).max(least);
    let shown = op.permits(reader, Action::SecretList, &node.placed.resource())?;
    let through = |first: Through| match (is_first, shown) {
        (true, _) => first,
        (false, true) => Through::Reference(node.place()),
        (false, false) => Through::Reference(String::new()),
    };
    let place = |placed, through| Place { placed, path: node.path.clone(), through, visibility };
    let mut places = vec![place(node.placed.clone(), through(Through::Stored))];
    let (inheritors, all) = inheritors(reader, source, &node.placed, &node.path, &node.name)?;
    for placed in inheritors {
        if graph.leads_home(source, node, placed.environment.id)? {
            places.push(place(placed, through(Through::Inherited)));
        }
    }
    Ok((places, all))
}
