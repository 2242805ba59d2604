//! How environments look in JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::DbError;
use crate::http::error::Problem;
use crate::http::schema::{EnvironmentId, ProjectId};
use crate::op::Op;
use crate::orgs::environment::{Environment, Flow, FlowWish, Placed};
use crate::orgs::{OrgError, access};
use crate::policy::{Action, Node, Tier};
use crate::types::{Slug, Timestamp};

/// A node of a project's tree.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of an answer, not states of one thing")]
pub(crate) struct EnvironmentAnswer {
    /// Its id.
    id: EnvironmentId,
    /// Its slug.
    slug: Slug,
    /// Its name.
    name: String,
    /// What it is for, in words.
    description: String,
    /// Its project.
    project: ProjectRef,
    /// What it inherits from; null for a root.
    parent: Option<EnvironmentRef>,
    /// What it is for.
    tier: TierForm,
    /// Whether it is protected by itself.
    protected: bool,
    /// Whether it, or one above it, is protected.
    effective_protected: bool,
    /// Whether it is locked.
    locked: bool,
    /// The lock; null when there is none.
    lock: Option<LockForm>,
    /// Where its values may go.
    flow: FlowForm,
    /// Whether names beyond `[A-Z_][A-Z0-9_]*` are allowed.
    any_names: bool,
    /// Its level: a root has 1.
    depth: usize,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
    /// Counts its changes.
    version: u32,
}

/// A project, by its names.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProjectRef {
    /// Its id.
    pub(crate) id: ProjectId,
    /// Its slug.
    pub(crate) slug: Slug,
}

/// An environment of the same project, by its names.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentRef {
    /// Its id.
    pub(crate) id: EnvironmentId,
    /// Its slug.
    pub(crate) slug: Slug,
}

/// An environment, by its names.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnvironmentName {
    /// Its id.
    pub(crate) id: EnvironmentId,
    /// `project/environment`.
    pub(crate) path: String,
}

impl From<Environment> for EnvironmentName {
    fn from(e: Environment) -> Self {
        Self { id: e.id, path: format!("{}/{}", e.project_slug, e.slug) }
    }
}

/// A lock.
#[derive(Serialize, ToSchema)]
pub(crate) struct LockForm {
    /// Since when.
    at: Timestamp,
    /// By whom.
    by: String,
    /// Why.
    reason: String,
}

/// Where values may go.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlowForm {
    /// `tree`, `listed` or `closed`.
    mode: &'static str,
    /// The environments named, for `listed`.
    environments: Vec<Admitted>,
}

/// An environment a flow names.
#[derive(Serialize, ToSchema)]
pub(crate) struct Admitted {
    /// Its id.
    id: EnvironmentId,
    /// `project/environment`; null when you may not see it.
    path: Option<String>,
}

/// What an environment is for.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Tier)]
pub(crate) enum TierForm {
    /// Where one works.
    Development,
    /// Of a change.
    Preview,
    /// For testers.
    Qa,
    /// The last step before production.
    Staging,
    /// For acceptance.
    Uat,
    /// What customers use.
    Production,
}

impl From<TierForm> for Tier {
    fn from(form: TierForm) -> Self {
        match form {
            TierForm::Development => Self::Development,
            TierForm::Preview => Self::Preview,
            TierForm::Qa => Self::Qa,
            TierForm::Staging => Self::Staging,
            TierForm::Uat => Self::Uat,
            TierForm::Production => Self::Production,
        }
    }
}

impl From<Tier> for TierForm {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Development => Self::Development,
            Tier::Preview => Self::Preview,
            Tier::Qa => Self::Qa,
            Tier::Staging => Self::Staging,
            Tier::Uat => Self::Uat,
            Tier::Production => Self::Production,
        }
    }
}

/// Where values shall go: a mode, or with `listed` the environments too.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "a flow is \"tree\", \"closed\", or {\"mode\": …, \"environments\": [ … ]}")]
#[schema(as = FlowWish)]
pub(crate) enum FlowWishForm {
    /// `tree` or `closed`.
    Word(FlowMode),
    /// A mode with its environments.
    Full(FlowWishFull),
}

/// How values may leave.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FlowMode {
    /// To descendants, and references of the same project.
    Tree,
    /// To the environments named, with their descendants.
    Listed,
    /// Nowhere.
    Closed,
}

/// A mode with its environments.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowWishFull {
    /// The mode.
    mode: FlowMode,
    /// For `listed`: ids, slugs or `project/environment`.
    #[serde(default)]
    #[schema(required = false, max_items = 256)]
    environments: Vec<String>,
}

impl From<FlowWishForm> for FlowWish {
    fn from(form: FlowWishForm) -> Self {
        let (mode, environments) = match form {
            FlowWishForm::Word(mode) => (mode, Vec::new()),
            FlowWishForm::Full(full) => (full.mode, full.environments),
        };
        let mode = match mode {
            FlowMode::Tree => "tree",
            FlowMode::Listed => "listed",
            FlowMode::Closed => "closed",
        };
        Self { mode: mode.into(), environments }
    }
}

/// The JSON form of an environment, for whoever asks.
pub(super) fn answer(op: &Op, placed: Placed) -> Result<EnvironmentAnswer, Problem> {
    let parent_id = placed.environment.parent;
    let (parent, environments) = op.core().db.read(|reader| {
        let parent = match parent_id {
            Some(id) => access::placed(reader, placed.environment.organization, id)?.map(|p| p.environment.slug),
            None => None,
        };
        let mut admitted = Vec::new();
        if let Flow::Listed(listed) = &placed.environment.flow {
            for id in listed {
                admitted.push(Admitted { id: *id, path: visible_path(op, reader, *id)? });
            }
        }
        Ok::<_, OrgError>((parent, admitted))
    })?;
    let e = placed.environment;
    Ok(EnvironmentAnswer {
        id: e.id,
        slug: e.slug,
        name: e.name,
        description: e.description,
        project: ProjectRef { id: e.project, slug: e.project_slug },
        parent: parent_id.zip(parent).map(|(id, slug)| EnvironmentRef { id, slug }),
        tier: e.tier.into(),
        protected: e.protected,
        effective_protected: placed.protected,
        locked: e.lock.is_some(),
        lock: e.lock.map(|l| LockForm { at: l.at, by: l.by, reason: l.reason }),
        flow: FlowForm { mode: e.flow.as_str(), environments },
        any_names: e.any_names,
        depth: placed.parents.len() + 1,
        created_at: e.created_at,
        updated_at: e.updated_at,
        version: e.version,
    })
}

fn visible_path(op: &Op, reader: &crate::db::Reader<'_>, id: EnvironmentId) -> Result<Option<String>, OrgError> {
    let node = Node::Environment(id);
    let Some(resource) = access::resource_of(reader, op.organization()?, node)? else { return Ok(None) };
    if !op.permits(reader, Action::EnvironmentRead, &resource)? {
        return Ok(None);
    }
    access::node_name(reader, node).map_err(|e: DbError| e.into())
}

/// Parents before children, siblings by slug.
pub(super) fn in_tree_order(found: Vec<Placed>) -> Vec<Placed> {
    let slugs: std::collections::HashMap<_, _> =
        found.iter().map(|p| (p.environment.id, p.environment.slug.to_string())).collect();
    let path = |p: &Placed| -> Vec<String> {
        let above = p.parents.iter().rev().map(|id| slugs.get(id).cloned().unwrap_or_default());
        above.chain([p.environment.slug.to_string()]).collect()
    };
    let mut keyed: Vec<_> = found.into_iter().map(|p| (path(&p), p)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.into_iter().map(|(_, p)| p).collect()
}
