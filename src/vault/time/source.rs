//! What the resolver is told of the past: older versions and older parents, under the flow and the strictness of today.

use std::sync::Arc;

use crate::db::Reader;
use crate::orgs::environment::{self, Environment};
use crate::orgs::past::{self, Cut};
use crate::vault::VaultError;
use crate::vault::model::{Flow, FolderPath, SecretName};
use crate::vault::resolve::{EnvironmentFacts, EnvironmentId, SecretFacts, State, StoredSecret};
use crate::vault::source::{environment_facts, facts};
use crate::vault::store::{SecretVersion, VersionState};

use super::store::{self, Listed, Then};

/// The world at one place of the ledger.
#[derive(Clone, Copy)]
pub(in crate::vault) struct Past {
    cut: Cut,
    /// Whether everything that is listed is opened next.
    opens: bool,
}

/// A version of then with what is known of it today.
pub(in crate::vault) struct Found {
    pub(in crate::vault) version: Arc<SecretVersion>,
    pub(in crate::vault) facts: SecretFacts,
}

impl Found {
    /// A value that was made stricter since is as strict in the past.
    fn of(then: Then) -> Self {
        let mut facts = facts(&then.version);
        facts.visibility = facts.visibility.max(then.newest);
        Self { version: then.version, facts }
    }
}

impl Past {
    /// The world at a place.
    pub(in crate::vault) const fn at(cut: Cut) -> Self {
        Self { cut, opens: false }
    }

    /// The same, for who opens everything that is listed.
    pub(in crate::vault) const fn opening(self) -> Self {
        Self { opens: true, ..self }
    }

    /// An environment with the parent of then; none when it was not there yet. One that is deleted today gives
    /// nothing to others.
    pub(in crate::vault) fn environment(
        self,
        reader: &Reader<'_>,
        today: &Environment,
    ) -> Result<Option<EnvironmentFacts>, VaultError> {
        let Some(parent) = past::store::parent_at(reader, today.id, self.cut)? else { return Ok(None) };
        let mut places = environment::store::environment_parents(reader, today)?.0;
        places.push(today.id);
        let flow = if today.deletion.is_some() { Flow::Closed } else { today.flow.clone() };
        Ok(Some(EnvironmentFacts { parent, flow, listed_as: Some(places), ..environment_facts(today) }))
    }

    /// Whether an environment was there.
    pub(in crate::vault) fn has(self, reader: &Reader<'_>, environment: EnvironmentId) -> Result<bool, VaultError> {
        Ok(past::store::parent_at(reader, environment, self.cut)?.is_some())
    }

    /// What a name held.
    pub(in crate::vault) fn secret(
        self,
        reader: &Reader<'_>,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<Found>, VaultError> {
        let then = store::secret_at(reader, environment, path, name, self.cut)?;
        Ok(then.filter(|t| t.version.state != VersionState::Deleted).map(Found::of))
    }

    /// What the names of a folder held, whole: none unless they are opened next.
    pub(in crate::vault) fn whole(
        self,
        reader: &Reader<'_>,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Option<Vec<Found>>, VaultError> {
        if !self.opens {
            return Ok(None);
        }
        let then = store::secret_list_whole_at(reader, environment, path, beneath, self.cut)?;
        Ok(Some(then.into_iter().map(Found::of).collect()))
    }

    /// What the names of a folder held.
    pub(in crate::vault) fn secrets(
        self,
        reader: &Reader<'_>,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, VaultError> {
        let then = store::secret_list_at(reader, environment, path, beneath, self.cut)?;
        let there = then.into_iter().filter(|l| l.state != VersionState::Deleted);
        Ok(there.map(|l| StoredSecret { facts: l.facts(), path: l.path, name: l.name }).collect())
    }
}

impl Listed {
    fn facts(&self) -> SecretFacts {
        SecretFacts {
            id: self.id,
            version: self.version,
            visibility: self.visibility.max(self.newest),
            interpolate: self.interpolate,
            state: if self.state == VersionState::Set { State::Value } else { State::Unset },
        }
    }
}
