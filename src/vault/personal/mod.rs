//! Personal overrides: a person's own value for a name, at one environment.
//!
//! - It counts for credentials of its owner and for nobody else's, whatever their role; machines have none. Nobody but
//!   the owner can list it, either.
//! - It stands in for the secret of its environment, so the resolver needs no rule for it: nearest environment first,
//!   with the flow of the environment it is set at.
//! - It gives nobody more than they may have: setting one asks for `secret.use` where it is set and wherever its
//!   references lead, and what is built from something restricted stays withheld.
//!
//! It has no history: it is nobody else's to ask what it was.

pub(in crate::vault) mod store;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;

pub(in crate::vault) use store::Override;

use super::VaultError;
use super::model::{FolderPath, Origin, SecretName, Visibility};
use super::reference::{Reference, Scope};
use super::resolve::check::{Change, NewSecret, Proposed};
use super::resolve::{Options, SecretFacts, SecretId, Source as _, State, resolve_one};
use super::secret::{EnvironmentName, NamedOrigin, SecretView, check_value, parse_name};
use super::source::{StoreSource, environment_facts};
use super::store::{VersionState, content_version_raise};
use crate::db::{Reader, WriteTx};
use crate::keys::SecretAad;
use crate::ledger::{ActionName, Details, Event, Outcome, Target};
use crate::op::{Op, Released, Who, about};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::{Action, PrincipalId};
use crate::types::{Id, ParseError, SecretBytes, kinds};

/// Most overrides of one person in an organization: all of them are read for a list of variables.
pub const OVERRIDES_MAX: usize = 200;

/// Which override.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder; `/` when empty.
    pub path: String,
    /// The name.
    pub name: String,
}

/// What whoever asks has set for themselves in their organization.
#[derive(Default)]
pub(super) struct Overrides {
    rows: HashMap<SecretId, Override>,
}

impl Overrides {
    /// Those of whoever asks; none for machines.
    pub(super) fn of(op: &Op, reader: &Reader<'_>) -> Result<Self, VaultError> {
        let rows = match owner(op) {
            Some(owner) => store::override_list(reader, op.organization()?, owner, OVERRIDES_MAX)?,
            None => Vec::new(),
        };
        Ok(Self { rows: rows.into_iter().map(|row| (row.id, row)).collect() })
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The one with this id.
    pub(super) fn get(&self, id: SecretId) -> Option<&Override> {
        self.rows.get(&id)
    }

    /// The world with them in the places of what they override.
    pub(super) fn over<'s, 'r>(
        &self,
        source: &'s StoreSource<'r>,
    ) -> Result<Proposed<'s, StoreSource<'r>>, VaultError> {
        let mut changes = Vec::with_capacity(self.rows.len());
        for row in self.rows.values() {
            changes.push(Change {
                environment: row.environment,
                path: row.path.clone(),
                name: row.name.clone(),
                becomes: Some(NewSecret { facts: facts(row), value: Rc::new(open(source, row)?) }),
            });
        }
        Ok(Proposed::new(source, changes))
    }

    fn at(&self, environment: Id<kinds::Environment>, path: &FolderPath, name: &SecretName) -> Option<&Override> {
        self.rows.values().find(|row| row.environment == environment && row.path == *path && row.name == *name)
    }
}

/// The person who asks with a credential of their own.
pub(super) fn owner(op: &Op) -> Option<Id<kinds::User>> {
    match op.who() {
        Who::Known(identity) => match identity.principal.id {
            PrincipalId::User(id) => Some(id),
            PrincipalId::ServiceAccount(_) => None,
        },
        _ => None,
    }
}

fn facts(row: &Override) -> SecretFacts {
    SecretFacts {
        id: row.id,
        version: row.version,
        visibility: Visibility::Masked,
        interpolate: row.interpolate,
        state: State::Value,
    }
}

fn open(source: &StoreSource<'_>, row: &Override) -> Result<SecretBytes, VaultError> {
    let owner = row.owner.to_string();
    source.open_bound(row.environment, &aad(row, &owner), &row.ciphertext)
}

/// Bound to its owner too: given to somebody else by hand it does not open.
pub(in crate::vault) fn aad<'a>(row: &'a Override, owner: &'a str) -> SecretAad<'a> {
    SecretAad {
        row: row.id,
        version: row.version,
        field: "personal",
        state: owner,
        path: row.path.as_str(),
        name: row.name.as_str(),
        visibility: Visibility::Masked.as_str(),
        interpolate: row.interpolate,
        beside: None,
    }
}

/// What is told of an override, to its owner.
pub(super) fn view(row: &Override, environment: Option<EnvironmentName>) -> SecretView {
    SecretView {
        id: row.id,
        path: row.path.clone(),
        name: row.name.clone(),
        version: row.version,
        origin: NamedOrigin { origin: Origin::Personal { at: row.environment }, environment },
        state: VersionState::Set,
        visibility: Visibility::Masked,
        interpolate: row.interpolate,
        comment: String::new(),
        tags: Vec::new(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        updated_by: row.owner.to_string(),
        references: Vec::new(),
        expires_at: None,
        last_accessed: None,
    }
}

fn named(placed: &Placed) -> EnvironmentName {
    EnvironmentName { id: placed.environment.id, path: placed.path() }
}

/// Sets one's own value for a name; true when there was none.
///
/// # Errors
/// A machine asks; unknown or not allowed, there or where a reference points; no name, value or reference; too many;
/// what the environment gives its owner would break.
pub async fn personal_set(
    op: &Op,
    which: Which,
    value: SecretBytes,
    interpolate: bool,
) -> Result<(SecretView, bool), VaultError> {
    op.write(move |op, tx| {
        let owner = owner(op).ok_or(VaultError::NoPerson)?;
        let placed = access::environment(op, tx, &which.project, &which.environment)?;
        op.authorize(tx, Action::SecretUse, &placed.resource())?;
        let (path, name) = place(&placed, &which)?;
        let references = check_value(&name, &value, interpolate)?;
        let organization = placed.environment.organization;
        let source = StoreSource::new(tx, op.keyring().organization(tx, organization)?);
        require_reference_rights(op, tx, &source, &placed, &references)?;
        let mine = Overrides::of(op, tx)?;
        let before = mine.at(placed.environment.id, &path, &name);
        if before.is_none() && mine.rows.len() >= OVERRIDES_MAX {
            return Err(ParseError::new("personal", format!("one person has at most {OVERRIDES_MAX} overrides")).into());
        }
        let now = op.now();
        let mut row = Override {
            id: before.map_or_else(|| Id::new(now), |b| b.id),
            environment: placed.environment.id,
            owner,
            path,
            name,
            version: before.map_or(1, |b| b.version + 1),
            interpolate,
            ciphertext: Vec::new(),
            created_at: before.map_or(now, |b| b.created_at),
            updated_at: now,
        };
        let cipher = source.cipher(row.environment)?;
        row.ciphertext = cipher.seal(&aad(&row, &owner.to_string()), value.expose())?.into_bytes();
        drop(source);
        store::override_put(tx, organization, &row)?;
        require_whole(op, tx, &row)?;
        content_version_raise(tx, organization, now)?;
        let event = event(op, Action::SecretWrite, &placed, &row);
        op.record(tx, event)?;
        Ok((view(&row, Some(named(&placed))), row.version == 1))
    })
    .await
}

/// One's own override of a name, with `reveal` its value.
///
/// # Errors
/// A machine asks; unknown; not allowed to use values there.
pub async fn personal_get(
    op: &Op,
    which: &Which,
    reveal: bool,
) -> Result<(SecretView, Option<SecretBytes>), VaultError> {
    op.read_value(|reader| {
        let (placed, row) = find(op, reader, which)?;
        let shown = view(&row, Some(named(&placed)));
        if !reveal {
            return Ok(Released { value: (shown, None), event: None, note: None });
        }
        op.authorize(reader, Action::SecretUse, &placed.resource())?;
        let source = StoreSource::new(reader, op.keyring().organization(reader, placed.environment.organization)?);
        let value = open(&source, &row)?;
        let event = event(op, Action::SecretReveal, &placed, &row);
        Ok(Released { value: (shown, Some(value)), event: Some(event), note: None })
    })
    .await
}

/// Takes one's own override of a name away, for good.
///
/// # Errors
/// A machine asks; unknown.
pub async fn personal_delete(op: &Op, which: Which, dry_run: bool) -> Result<SecretView, VaultError> {
    op.write(move |op, tx| {
        let (placed, row) = find(op, tx, &which)?;
        if !dry_run {
            store::override_delete(tx, row.id)?;
            content_version_raise(tx, placed.environment.organization, op.now())?;
            let event = event(op, Action::SecretDelete, &placed, &row);
            op.record(tx, event)?;
        }
        Ok(view(&row, Some(named(&placed))))
    })
    .await
}

fn find(op: &Op, reader: &Reader<'_>, which: &Which) -> Result<(Placed, Override), VaultError> {
    owner(op).ok_or(VaultError::NoPerson)?;
    let placed = access::environment(op, reader, &which.project, &which.environment)?;
    let (path, name) = place(&placed, which)?;
    let mine = Overrides::of(op, reader)?;
    let row = mine.at(placed.environment.id, &path, &name).cloned();
    Ok((placed, row.ok_or_else(|| VaultError::not_found("personal override", &which.name))?))
}

fn place(placed: &Placed, which: &Which) -> Result<(FolderPath, SecretName), VaultError> {
    let path = FolderPath::parse(if which.path.is_empty() { "/" } else { &which.path })?;
    Ok((path, parse_name(&placed.environment, &which.name)?))
}

/// Like any writer, its owner must be allowed to use what it refers to; what may not be seen is not there.
fn require_reference_rights(
    op: &Op,
    reader: &Reader<'_>,
    source: &StoreSource<'_>,
    placed: &Placed,
    references: &[Reference],
) -> Result<(), VaultError> {
    let own = environment_facts(&placed.environment);
    for reference in references {
        let target = match &reference.scope {
            Scope::Late => continue,
            Scope::Environment(slug) => source.find_environment(&own, None, slug)?,
            Scope::Project(project, slug) => source.find_environment(&own, Some(project), slug)?,
        };
        let missing = || VaultError::not_found("environment", reference.to_string());
        let target = access::placed(reader, placed.environment.organization, target.ok_or_else(missing)?)?;
        let target = target.ok_or_else(missing)?;
        if !op.permits(reader, Action::EnvironmentRead, &target.resource())? {
            return Err(missing());
        }
        op.authorize(reader, Action::SecretUse, &target.resource())?;
    }
    Ok(())
}

/// An override that cannot be resolved would keep its owner from having anything.
fn require_whole(op: &Op, tx: &WriteTx<'_>, row: &Override) -> Result<(), VaultError> {
    let source = StoreSource::new(tx, op.keyring().organization(tx, op.organization()?)?);
    let world = Overrides::of(op, tx)?.over(&source)?;
    let options = Options { may_use_restricted: true };
    resolve_one(&world, row.environment, &row.path, &row.name, options)?;
    Ok(())
}

/// The event about an override: where and what, and that it is a personal one.
fn event(op: &Op, action: Action, placed: &Placed, row: &Override) -> Event {
    let details = Details::new().with("personal", true).with("name", row.name.as_str()).with("path", row.path.as_str());
    about(op.event(ActionName::new(action.as_str()), Outcome::Allowed), &placed.resource())
        .target(Target::new("secret", row.id))
        .details(details.with("version", row.version))
}
