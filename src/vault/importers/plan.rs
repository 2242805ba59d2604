//! What is left to write: the mapped names against what the environment holds.

use std::collections::HashMap;

use super::Remark;
use super::map::{Mapped, MappedName, MappedVersion};
use crate::vault::model::{FolderPath, SecretName};

/// What an environment holds under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// Its newest version.
    pub version: u32,
    /// The comment of that version.
    pub comment: String,
}

/// What an import does with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Add,
    /// It is there, from elsewhere: the versions come on top.
    Change,
    /// An earlier import brought some of its versions.
    Continue,
    /// An earlier import brought all of them.
    Done,
}

/// One name of a plan.
#[derive(Debug)]
pub struct PlannedName {
    /// What it is.
    pub mapped: MappedName,
    /// What is done with it.
    pub action: Action,
    /// The version the next write is made for; 0 for a new name.
    pub base_version: u32,
    /// The first version that is still to be written.
    next: usize,
}

impl PlannedName {
    /// The versions still to be written.
    pub fn left(&self) -> &[MappedVersion] {
        &self.mapped.versions[self.next..]
    }
}

/// One version of one name, by their places in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The name, in [`Plan::names`].
    pub name: usize,
    /// The version, in its [`PlannedName::left`].
    pub version: usize,
}

/// A whole import, before anything is written.
#[derive(Debug)]
pub struct Plan {
    /// Every name, by folder and name.
    pub names: Vec<PlannedName>,
    /// What cannot be imported, or not as it was.
    pub remarks: Vec<Remark>,
}

impl Plan {
    /// Compares what is to be written with what is there. A version whose mark is the first line of the newest
    /// comment was written by an earlier import, and so was every version before it.
    pub fn new<S: std::hash::BuildHasher>(mapped: Mapped, there: &HashMap<(FolderPath, SecretName), There, S>) -> Self {
        let place = |m: &MappedName| (m.path.clone(), m.name.clone());
        let plan_one = |mapped: MappedName| {
            let now = there.get(&place(&mapped));
            let mark = now.and_then(|t| t.comment.lines().next());
            let known = mark.and_then(|m| mapped.versions.iter().rposition(|v| v.mark.as_deref() == Some(m)));
            let next = known.map_or(0, |at| at + 1);
            let action = match (now, known) {
                (None, _) => Action::Add,
                (Some(_), None) => Action::Change,
                (Some(_), Some(_)) if next == mapped.versions.len() => Action::Done,
                (Some(_), Some(_)) => Action::Continue,
            };
            PlannedName { mapped, action, base_version: now.map_or(0, |t| t.version), next }
        };
        Self { names: mapped.names.into_iter().map(plan_one).collect(), remarks: mapped.remarks }
    }

    /// Every version to write, the oldest of all names first: no two steps of one round are of one name.
    pub fn rounds(&self) -> impl Iterator<Item = Vec<Step>> {
        let most = self.names.iter().map(|n| n.left().len()).max().unwrap_or(0);
        (0..most).map(|version| {
            let has = |(_, n): &(usize, &PlannedName)| n.left().len() > version;
            self.names.iter().enumerate().filter(has).map(|(name, _)| Step { name, version }).collect()
        })
    }

    /// How many versions are to be written.
    pub fn steps(&self) -> usize {
        self.names.iter().map(|n| n.left().len()).sum()
    }

    /// How many names have this action.
    pub fn count(&self, action: Action) -> usize {
        self.names.iter().filter(|n| n.action == action).count()
    }
}
