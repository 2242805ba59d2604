//! All that runs of an organization, in pages: what is wrong comes first.

use std::collections::HashMap;

use super::deploy::RUNTIMES_MAX;
use super::error::RuntimeError;
use super::model::{Family, Runtime, Word};
use super::store;
use crate::cluster::{self, ClusterError};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Id, Limit, Page, kinds};

/// An environment of which something runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// The environment.
    pub placed: Placed,
    /// What is wished for.
    pub runtime: Runtime,
    /// How many of its services have all their pods ready.
    pub ready: u32,
    /// How many of its services are to run.
    pub wanted: u32,
}

/// Which of what runs is meant; all of it when nothing is named.
#[derive(Debug, Clone, Default)]
pub struct RunningFilter {
    /// Only what is in a state of this family.
    pub family: Option<Family>,
    /// Only what is on this cluster, by id or name.
    pub cluster: Option<String>,
    /// Only what is of this project, by id or slug.
    pub project: Option<String>,
}

/// A page of what runs of the organization, of what whoever asks may see: what is wrong first, then what moves, then
/// what is settled, each in order of path. What changes its state between two pages may be on both or on neither.
///
/// States are the controller's and move at any time, so no index has this order: at most `RUNTIMES_MAX` rows of the
/// organization are read and put in order for each page.
///
/// # Errors
/// Nobody is known; the project or the cluster is not there, or nothing of it is visible; the database failed.
pub async fn runtime_list(
    op: &Op,
    filter: &RunningFilter,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<Running>, RuntimeError> {
    op.read(|reader| {
        let mut rows = visible(op, reader, filter)?;
        rows.sort_by_cached_key(|(placed, runtime)| key(runtime.word, &placed.path()));
        let after = cursor.as_ref().map_or("", Cursor::key);
        let rest = rows.into_iter().skip_while(|(placed, runtime)| *key(runtime.word, &placed.path()) <= *after);
        let page = Page::cut(rest.take(limit.rows() + 1).collect(), limit, |(placed, runtime)| {
            key(runtime.word, &placed.path())
        });
        let ids: Vec<_> = page.items.iter().map(|(_, runtime)| runtime.environment).collect();
        let counts = store::service_counts(reader, &ids)?;
        Ok(page.map(|(placed, runtime)| {
            let (ready, wanted) = counts.get(&runtime.environment).copied().unwrap_or_default();
            Running { placed, runtime, ready, wanted }
        }))
    })
    .await
}

/// What of the organization matches and may be seen, in no order.
fn visible(op: &Op, reader: &Reader<'_>, filter: &RunningFilter) -> Result<Vec<(Placed, Runtime)>, RuntimeError> {
    let organization = op.organization()?;
    let project = filter.project.as_deref().map(|name| access::project(op, reader, name)).transpose()?;
    let cluster = filter.cluster.as_deref().map(|name| cluster::find(reader, organization, name)).transpose()?;
    let rows = u32::try_from(RUNTIMES_MAX).unwrap_or(u32::MAX);
    let mut seen = Vec::new();
    let mut is_cluster_known = false;
    for runtime in store::runtime_list(reader, organization, rows)? {
        let is_there = cluster.as_ref().is_none_or(|c| c.id == runtime.cluster);
        let is_meant = filter.family.is_none_or(|family| family == runtime.word.family());
        // Of a cluster that is named every row is asked for: one that may be seen tells that the cluster is there.
        if !is_there || (!is_meant && (cluster.is_none() || is_cluster_known)) {
            continue;
        }
        let Some(placed) = access::placed(reader, organization, runtime.environment)? else { continue };
        if !op.permits(reader, Action::RuntimeRead, &placed.resource())? {
            continue;
        }
        is_cluster_known = true;
        if is_meant && project.as_ref().is_none_or(|p| p.id == placed.environment.project) {
            seen.push((placed, runtime));
        }
    }
    if let (Some(name), false) = (filter.cluster.as_deref(), is_cluster_known)
        && !op.permits(reader, Action::EnvironmentRead, &access::own_organization(op)?)?
    {
        return Err(ClusterError::not_found(name).into());
    }
    Ok(seen)
}

/// What the list is sorted by: one digit for the family, and the path.
fn key(word: Word, path: &str) -> String {
    let rank = match word.family() {
        Family::Wrong => 0,
        Family::Moving => 1,
        Family::Settled => 2,
    };
    format!("{rank}{path}")
}

/// How many services are ready and how many are to run, by environment.
pub(super) type Counts = HashMap<Id<kinds::Environment>, (u32, u32)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_first_and_then_what_moves() {
        let mut all: Vec<_> = Word::ALL.iter().flat_map(|word| [(*word, "shop/b"), (*word, "shop/a")]).collect();
        all.sort_by_key(|(word, path)| key(*word, path));
        let families: Vec<_> = all.iter().map(|(word, _)| word.family()).collect();
        let expected = [Family::Wrong, Family::Moving, Family::Settled];
        let mut met = families.clone();
        met.dedup();
        assert_eq!(met, expected);
        for family in expected {
            let paths: Vec<_> = all.iter().filter(|(word, _)| word.family() == family).map(|(_, path)| *path).collect();
            assert!(paths.is_sorted(), "{family:?}: {paths:?}");
        }
    }

    #[test]
    fn a_family_is_read_by_its_word() {
        for family in [Family::Moving, Family::Wrong, Family::Settled] {
            assert_eq!(Family::parse(family.as_str()).expect("a word"), family);
        }
        assert!(Family::parse("ready").is_err());
    }
}
