//! Another environment like one that is there: its settings and folders, and its secrets with or without their values.
//!
//! With values it is a copy like any other: asked of whoever may use them, and only where they may flow. Without, a name
//! that comes from above is inherited there, and any other is there without a value until it is set.

use super::VaultError;
use super::model::{Flow, FolderPath, SecretName, Visibility};
use super::rehearsal;
use super::resolve::locate;
use super::secret::{BATCH_MAX, BatchRequest, Item, Wish, apply};
use super::source::StoreSource;
use super::store::{self, SecretVersion, VersionState};
use super::transfer::require_flow;
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::{self, EnvironmentCreate, FlowWish, Placed};
use crate::policy::Action;
use crate::types::{Problem, Slug};

/// Most bytes of values one duplicate holds in memory.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is duplicated, and how.
#[derive(Debug, Clone)]
pub struct Duplicate {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The new one's slug.
    pub slug: Slug,
    /// Its name; the slug when none.
    pub name: Option<String>,
    /// What it inherits from.
    pub parent: Beneath,
    /// Whether the values come along.
    pub values: bool,
    /// Whether only to say what it would do.
    pub dry_run: bool,
}

/// What a duplicate inherits from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beneath {
    /// The same as what is duplicated.
    Same,
    /// Nothing.
    Nothing,
    /// This one, by id or slug.
    This(String),
}

/// What becomes of a name in the duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// It has the same value.
    Copied,
    /// It hides what it would inherit, as in what was duplicated.
    Unset,
    /// It is there without a value.
    Placeholder,
    /// It is inherited.
    Inherited,
}

impl Became {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Unset => "unset",
            Self::Placeholder => "placeholder",
            Self::Inherited => "inherited",
        }
    }
}

/// A duplicate.
#[derive(Debug, Clone)]
pub struct Duplicated {
    /// The new environment.
    pub placed: Placed,
    /// What became of every name, by folder and name.
    pub names: Vec<(FolderPath, SecretName, Became)>,
    /// What the new values break, or what could not be taken over.
    pub warnings: Vec<Problem>,
    /// Whether it was done.
    pub applied: bool,
}

/// Makes an environment like another one.
///
/// # Errors
/// As making an environment; with values: not allowed to use them, or they may not flow there.
pub async fn environment_duplicate(op: &Op, ask: Duplicate) -> Result<Duplicated, VaultError> {
    let dry_run = ask.dry_run;
    let mut done = rehearsal::run(op, dry_run, move |op, tx| duplicate(op, tx, &ask)).await?;
    done.applied = !dry_run;
    Ok(done)
}

fn duplicate(op: &Op, tx: &mut WriteTx<'_>, ask: &Duplicate) -> Result<Duplicated, VaultError> {
    let from = access::environment(op, tx, &ask.project, &ask.environment)?;
    let event = authorize(op, tx, ask, &from)?;
    let mut warnings = Vec::new();
    let new = like(op, tx, ask, &from, &mut warnings)?;
    let made = environment::environment_create_in(op, tx, new)?;
    let versions = listed(tx, &from)?;
    if ask.values && !versions.is_empty() {
        require_flow(&from, &made)?;
        if versions.iter().any(|v| v.visibility == Visibility::Restricted) {
            op.authorize(tx, Action::SecretUseRestricted, &from.resource())?;
        }
    }
    for folder in store::folder_list(tx, from.environment.id, &FolderPath::root(), "", BATCH_MAX)? {
        store::folder_insert(tx, made.environment.id, &folder.path, op.now())?;
    }
    let (names, items) = plan(op, tx, ask.values, &made, &versions)?;
    if !items.is_empty() {
        let request = BatchRequest {
            project: ask.project.clone(),
            environment: made.environment.id.to_string(),
            items,
            skip_same: true,
            force: false,
            dry_run: false,
        };
        warnings.extend(apply(op, tx, &made, request)?.warnings);
    }
    record(op, tx, event, &made, &versions, ask.values)?;
    Ok(Duplicated { placed: made, names, warnings, applied: true })
}

/// Its names are seen by whoever may list them, its values go to whoever may use them.
fn authorize(op: &Op, tx: &WriteTx<'_>, ask: &Duplicate, from: &Placed) -> Result<Event, VaultError> {
    let action = if ask.values { Action::SecretUse } else { Action::SecretList };
    Ok(op.authorize(tx, action, &from.resource())?)
}

/// The new environment, with the settings of the old one.
fn like(
    op: &Op,
    reader: &Reader<'_>,
    ask: &Duplicate,
    from: &Placed,
    warnings: &mut Vec<Problem>,
) -> Result<EnvironmentCreate, VaultError> {
    let old = &from.environment;
    let parent = match &ask.parent {
        Beneath::Same => old.parent.map(|id| id.to_string()),
        Beneath::Nothing => None,
        Beneath::This(name) => Some(name.clone()),
    };
    let mut environments = Vec::new();
    if let Flow::Listed(listed) = &old.flow {
        for id in listed {
            let placed = access::placed(reader, old.organization, *id)?;
            match placed {
                Some(p) if op.permits(reader, Action::EnvironmentRead, &p.resource())? => {
                    environments.push(id.to_string());
                }
                _ => {}
            }
        }
        if environments.len() < listed.len() {
            let detail = format!(
                "its flow names {} environments fewer: you may not see them",
                listed.len() - environments.len()
            );
            warnings.push(Problem { field: "flow".into(), code: "flow_narrowed".into(), detail });
        }
    }
    Ok(EnvironmentCreate {
        project: ask.project.clone(),
        slug: ask.slug.clone(),
        name: ask.name.clone(),
        description: Some(old.description.clone()),
        parent,
        tier: Some(old.tier),
        protected: Some(old.protected),
        flow: Some(FlowWish { mode: old.flow.as_str().into(), environments }),
        any_names: old.any_names,
    })
}

fn listed(reader: &Reader<'_>, from: &Placed) -> Result<Vec<SecretVersion>, VaultError> {
    let mut versions = store::secret_list(reader, from.environment.id, &FolderPath::root(), true)?;
    if versions.len() > BATCH_MAX {
        return Err(VaultError::TooMany { len: versions.len() });
    }
    if versions.iter().map(|v| v.ciphertext.len()).sum::<usize>() > BYTES_MAX {
        return Err(VaultError::TooMuch);
    }
    versions.sort_unstable_by(|a, b| (&a.path, &a.name).cmp(&(&b.path, &b.name)));
    Ok(versions)
}

type Plan = (Vec<(FolderPath, SecretName, Became)>, Vec<Item>);

/// What becomes of each name, and the writes that make it so.
fn plan(
    op: &Op,
    reader: &Reader<'_>,
    values: bool,
    made: &Placed,
    versions: &[SecretVersion],
) -> Result<Plan, VaultError> {
    let source = StoreSource::new(reader, op.keyring().organization(reader, made.environment.organization)?);
    let (mut names, mut items) = (Vec::with_capacity(versions.len()), Vec::new());
    for version in versions {
        let (became, wish) = match version.state {
            VersionState::Unset | VersionState::Deleted => (Became::Unset, Some(Wish::UnsetAs(version.visibility))),
            VersionState::Set if values => {
                let (interpolate, visibility) = (version.interpolate, Some(version.visibility));
                (Became::Copied, Some(Wish::Set { value: source.open(version)?, interpolate, visibility }))
            }
            VersionState::Set => match made.environment.parent {
                Some(parent) if locate(&source, parent, &version.path, &version.name)?.is_some() => {
                    (Became::Inherited, None)
                }
                _ => (Became::Placeholder, Some(Wish::UnsetAs(version.visibility))),
            },
        };
        names.push((version.path.clone(), version.name.clone(), became));
        items.extend(wish.map(|wish| Item {
            name: version.name.to_string(),
            path: Some(version.path.to_string()),
            wish,
            comment: Some(version.comment.clone()),
            tags: Some(version.tags.clone()),
            base_version: None,
        }));
    }
    Ok((names, items))
}

/// One event at what was duplicated; with values it lists the versions that were used.
fn record(
    op: &Op,
    tx: &mut WriteTx<'_>,
    event: Event,
    made: &Placed,
    versions: &[SecretVersion],
    values: bool,
) -> Result<(), VaultError> {
    let details = Details::large().with("as", "duplicate").with("to", made.environment.id).with("values", values);
    let used: Vec<_> = versions.iter().filter(|_| values).map(|v| (v.id, v.version)).collect();
    op.record(tx, event.details(details.with("count", versions.len()).with("secrets", used)))?;
    Ok(())
}
