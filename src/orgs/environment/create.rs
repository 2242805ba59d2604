//! Making an environment.

use super::model::{DEPTH_MAX, Environment, Flow, Placed};
use super::{require_open, store};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Target};
use crate::op::{Op, epoch_raise};
use crate::orgs::organization::{description, display_name};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, Tier};
use crate::types::{Id, Slug, kinds};

/// Where values may go, as it is asked for: environments by id, slug or `project/environment`.
#[derive(Debug, Clone)]
pub struct FlowWish {
    /// `tree`, `listed` or `closed`.
    pub mode: String,
    /// The environments, for `listed`.
    pub environments: Vec<String>,
}

/// What a new environment shall be.
#[derive(Debug, Clone)]
pub struct EnvironmentCreate {
    /// Its project, by id or slug.
    pub project: String,
    /// Its slug.
    pub slug: Slug,
    /// Its name; the slug when none.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it inherits from, by id or slug.
    pub parent: Option<String>,
    /// Its tier; guessed from the slug when none.
    pub tier: Option<Tier>,
    /// Whether it is protected; production is when nothing is said.
    pub protected: Option<bool>,
    /// Where its values may go; closed when protected, the tree when not.
    pub flow: Option<FlowWish>,
    /// Whether names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    pub any_names: bool,
}

/// Makes an environment, beneath a parent or as a root.
///
/// # Errors
/// Not allowed, here or at the parent; the parent is closed; the slug is taken or reserved; the tree too deep.
pub async fn environment_create(op: &Op, new: EnvironmentCreate) -> Result<Placed, OrgError> {
    op.write(move |op, tx| environment_create_in(op, tx, new)).await
}

/// The same within a transaction, for operations that fill what they make.
///
/// # Errors
/// As [`environment_create`].
pub(crate) fn environment_create_in(op: &Op, tx: &mut WriteTx<'_>, new: EnvironmentCreate) -> Result<Placed, OrgError> {
    let project = access::project(op, tx, &new.project)?;
    let parent = match &new.parent {
        Some(name) => Some(access::environment(op, tx, &new.project, name)?),
        None => None,
    };
    let above = parent.as_ref().map_or_else(|| project.resource(), Placed::resource);
    let event = op.authorize(tx, Action::EnvironmentCreate, &above)?;
    if let Some(parent) = &parent {
        // What the parent has becomes part of the child: whoever makes it must be allowed to use it.
        op.authorize(tx, Action::SecretUse, &above)?;
        require_open(tx, parent)?;
        if parent.parents.len() + 2 > DEPTH_MAX {
            return Err(OrgError::TooDeep);
        }
    }
    if let Some(deleted) = store::environment_slug_taken(tx, project.id, &new.slug)? {
        let slug = new.slug.to_string();
        return Err(if deleted {
            OrgError::Reserved { what: "environment", slug }
        } else {
            OrgError::Taken { what: "environment", name: slug }
        });
    }
    let environment = build(op, tx, &project, parent.as_ref(), new)?;
    store::environment_insert(tx, &environment)?;
    epoch_raise(tx)?;
    let placed = store::place(tx, environment)?;
    let e = &placed.environment;
    let event = event.environment(e.id).target(Target::new("environment", e.id));
    let details = Details::new().with("slug", &e.slug).with("tier", e.tier.as_str()).with("flow", e.flow.as_str());
    op.record(tx, event.details(details.with("parent", e.parent).with("protected", e.protected)))?;
    Ok(placed)
}

fn build(
    op: &Op,
    reader: &Reader<'_>,
    project: &crate::orgs::project::Project,
    parent: Option<&Placed>,
    new: EnvironmentCreate,
) -> Result<Environment, OrgError> {
    let now = op.now();
    let tier = new.tier.unwrap_or_else(|| guess_tier(new.slug.as_str()));
    let protected = new.protected.unwrap_or(tier == Tier::Production);
    let guarded = protected || parent.is_some_and(|p| p.protected);
    let flow = match &new.flow {
        Some(wish) => parse_flow(op, reader, &project.slug.to_string(), wish)?,
        None if guarded => Flow::Closed,
        None => Flow::Tree,
    };
    Ok(Environment {
        id: Id::new(now),
        organization: project.organization,
        project: project.id,
        project_slug: project.slug.clone(),
        parent: parent.map(|p| p.environment.id),
        name: new.name.map_or_else(|| Ok(new.slug.to_string()), |n| display_name(&n))?,
        description: new.description.map_or_else(|| Ok(String::new()), |d| description(&d))?,
        slug: new.slug,
        tier,
        protected,
        flow,
        any_names: new.any_names,
        lock: None,
        created_at: now,
        updated_at: now,
        version: 1,
        deletion: None,
    })
}

/// Reads a flow; the environments named must be visible to whoever asks.
pub(super) fn parse_flow(op: &Op, reader: &Reader<'_>, project: &str, wish: &FlowWish) -> Result<Flow, OrgError> {
    let mut listed: Vec<Id<kinds::Environment>> = Vec::with_capacity(wish.environments.len());
    for name in wish.environments.iter().take(super::LISTED_MAX + 1) {
        let id = if Id::<kinds::Environment>::looks_like(name) {
            let id = Id::parse(name)?;
            let found = access::placed(reader, op.organization()?, id)?;
            let found = found.ok_or_else(|| OrgError::not_found("environment", name))?;
            access::environment(op, reader, &found.environment.project.to_string(), name)?.environment.id
        } else {
            let (project, environment) = name.split_once('/').unwrap_or((project, name));
            access::environment(op, reader, project, environment)?.environment.id
        };
        if !listed.contains(&id) {
            listed.push(id);
        }
    }
    listed.sort_unstable();
    Ok(Flow::parse(&wish.mode, listed)?)
}

/// The tier a slug speaks of.
fn guess_tier(slug: &str) -> Tier {
    match slug {
        "production" | "prod" | "live" => Tier::Production,
        "staging" | "stage" => Tier::Staging,
        "qa" | "test" | "testing" => Tier::Qa,
        "uat" | "acceptance" => Tier::Uat,
        _ if slug.starts_with("pr-") || slug.starts_with("preview") => Tier::Preview,
        _ => Tier::Development,
    }
}
