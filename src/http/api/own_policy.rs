//! The organization's own policies: they only forbid.

use std::net::IpAddr;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Answer, List, created, ok};
use crate::governance::policy::{self, Draft, OrgPolicy, PolicyWish, Simulated};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query, page_of};
use crate::http::schema::PolicyId;
use crate::policy::{Case, CaseActor, CaseResource, Mode, schema_source};
use crate::types::{Slug, Timestamp};

/// What a policy does where it is satisfied.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PolicyMode)]
pub(crate) enum ModeForm {
    /// It denies.
    Enforce,
    /// The event says that it would have denied.
    Observe,
}

impl From<ModeForm> for Mode {
    fn from(form: ModeForm) -> Self {
        match form {
            ModeForm::Enforce => Self::Enforce,
            ModeForm::Observe => Self::Observe,
        }
    }
}

impl From<Mode> for ModeForm {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Enforce => Self::Enforce,
            Mode::Observe => Self::Observe,
        }
    }
}

/// What must come of a test.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expectation {
    /// The policy lets it pass.
    Allow,
    /// The policy denies it.
    Deny,
}

/// A test of a policy.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTest {
    /// What it shows.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Who acts; a person who is an owner when not said.
    #[serde(default)]
    #[schema(required = false)]
    actor: PolicyTestActor,
    /// The name of the action.
    #[schema(example = "secret.reveal")]
    action: String,
    /// On what; the organization when not said.
    #[serde(default)]
    #[schema(required = false)]
    resource: PolicyTestResource,
    /// When and from where.
    #[serde(default)]
    #[schema(required = false)]
    context: PolicyTestContext,
    /// What must come of it.
    expect: Expectation,
}

/// Who acts in a test.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTestActor {
    /// Whether it is a service account.
    #[serde(default)]
    #[schema(required = false)]
    machine: bool,
    /// The built-in role they hold on the organization; owner when not said.
    role: Option<String>,
    /// Their id, for a policy that names somebody.
    id: Option<String>,
}

/// What is acted on in a test: an environment when it has a tier, a project when it has only that, else the
/// organization.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTestResource {
    /// The tier of the environment.
    tier: Option<String>,
    /// Whether it is protected.
    #[serde(default)]
    #[schema(required = false)]
    protected: bool,
    /// Whether it is locked.
    #[serde(default)]
    #[schema(required = false)]
    locked: bool,
    /// The id of its project, for a policy that names one.
    project: Option<String>,
    /// Its id, for a policy that names one.
    environment: Option<String>,
}

/// When and from where a test acts.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyTestContext {
    /// When.
    at: Option<Timestamp>,
    /// From which address.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// The folder of the secret.
    path: Option<String>,
}

impl From<PolicyTest> for Case {
    fn from(form: PolicyTest) -> Self {
        let role = form.actor.role.unwrap_or_else(|| "owner".to_owned());
        Self {
            name: form.name,
            actor: CaseActor { machine: form.actor.machine, role, id: form.actor.id },
            action: form.action,
            resource: CaseResource {
                tier: form.resource.tier,
                protected: form.resource.protected,
                locked: form.resource.locked,
                project: form.resource.project,
                environment: form.resource.environment,
                path: form.context.path,
            },
            at: form.context.at,
            address: form.context.address,
            denied: form.expect == Expectation::Deny,
        }
    }
}

impl From<Case> for PolicyTest {
    fn from(case: Case) -> Self {
        let resource = case.resource;
        Self {
            name: case.name,
            actor: PolicyTestActor { machine: case.actor.machine, role: Some(case.actor.role), id: case.actor.id },
            action: case.action,
            resource: PolicyTestResource {
                tier: resource.tier,
                protected: resource.protected,
                locked: resource.locked,
                project: resource.project,
                environment: resource.environment,
            },
            context: PolicyTestContext { at: case.at, address: case.address, path: resource.path },
            expect: if case.denied { Expectation::Deny } else { Expectation::Allow },
        }
    }
}

/// A policy, as of one version.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyAnswer {
    /// Its id.
    id: PolicyId,
    /// Its name; in decisions it is `policy.NAME`.
    name: Slug,
    /// The version.
    version: u32,
    /// What it does where it is satisfied.
    mode: ModeForm,
    /// What it is for.
    description: String,
    /// One Cedar `forbid`.
    source: String,
    /// The tests that passed when it was saved.
    tests: Vec<PolicyTest>,
    /// When the version was saved.
    saved_at: Timestamp,
    /// By whom.
    saved_by: String,
}

impl From<OrgPolicy> for PolicyAnswer {
    fn from(policy: OrgPolicy) -> Self {
        let Draft { mode, description, source, cases } = policy.draft;
        Self {
            id: policy.id,
            name: policy.name,
            version: policy.version,
            mode: mode.into(),
            description,
            source,
            tests: cases.into_iter().map(PolicyTest::from).collect(),
            saved_at: policy.saved_at,
            saved_by: policy.saved_by,
        }
    }
}

/// What a policy shall say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyPut {
    /// One Cedar `forbid`.
    #[schema(max_length = 16384, example = "forbid (principal, action == Action::\"secret.reveal\", resource);")]
    source: String,
    /// What it does where it is satisfied.
    mode: ModeForm,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// The tests that must pass; an enforced policy has one that expects `deny`.
    #[serde(default)]
    #[schema(required = false, max_items = 50)]
    tests: Vec<PolicyTest>,
    /// The version the change was made for, 0 for a new policy; any when none.
    base_version: Option<u32>,
}

/// A policy that was saved or deleted, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyChanged {
    /// Whether nothing was changed.
    dry_run: bool,
    /// How many others must approve it first, in a plan; 0: it waits for nobody.
    approvals: u32,
    /// The policy.
    policy: PolicyAnswer,
}

impl PolicyChanged {
    fn of(changed: policy::Changed, dry_run: bool) -> Self {
        Self { dry_run, approvals: changed.approvals, policy: changed.policy.into() }
    }
}

/// Which version is saved again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRollback {
    /// The version.
    #[schema(minimum = 1)]
    version: u32,
}

/// Which versions are compared.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// From this one; 0 is nothing. The one before `to` when not said.
    from: Option<u32>,
    /// To this one; the newest when not said.
    #[param(minimum = 1)]
    to: Option<u32>,
}

/// What changed between two versions.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyDiff {
    /// The one.
    from: u32,
    /// The other.
    to: u32,
    /// A unified diff of mode, description, text and tests.
    diff: String,
}

/// What is simulated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicySimulate {
    /// The name of the policy.
    name: Slug,
    /// Its text; as it is saved when not said.
    #[schema(max_length = 16384)]
    source: Option<String>,
    /// How many days back.
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of a simulation.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimulationAnswer {
    /// Decisions that were decided again.
    decisions: usize,
    /// Those that would have been other ones, newest first.
    changes: Vec<SimulatedChange>,
    /// The oldest moment that was looked at; null when there was nothing.
    reached: Option<Timestamp>,
    /// Where the simulation begins; it goes back to there.
    from: Timestamp,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A decision that would have been another one.
#[derive(Serialize, ToSchema)]
pub(crate) struct SimulatedChange {
    /// The event's id.
    event: String,
    /// When.
    at: Timestamp,
    /// The action.
    action: String,
    /// The actor's id.
    actor: String,
    /// How the actor is called now; null when they are gone.
    actor_name: Option<String>,
    /// The project it happened in.
    project: Option<String>,
    /// The environment it happened in.
    environment: Option<String>,
    /// What it would have been.
    would_be: Expectation,
}

impl From<Simulated> for SimulationAnswer {
    fn from(found: Simulated) -> Self {
        let change = |c: policy::Change| SimulatedChange {
            event: c.event.id,
            at: c.event.at,
            action: c.event.action,
            actor: c.event.actor.id.into_owned(),
            actor_name: c.actor_name,
            project: c.event.project,
            environment: c.event.environment,
            would_be: if c.denied { Expectation::Deny } else { Expectation::Allow },
        };
        Self {
            decisions: found.decisions,
            changes: found.changes.into_iter().map(change).collect(),
            reached: found.reached,
            from: found.from,
            next_cursor: found.next.map(|c| c.encode()),
        }
    }
}

/// A policy to begin with.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyTemplate {
    /// Its name.
    name: &'static str,
    /// What it is for, and what to change in it.
    about: &'static str,
    /// One Cedar `forbid`; null where a policy cannot say it.
    source: Option<String>,
    /// Its tests.
    tests: Vec<PolicyTest>,
}

/// Every policy of the organization.
#[utoipa::path(get, path = "/policies", operation_id = "policy_list",
    responses((status = 200, description = "All policies.", body = List<PolicyAnswer>)))]
pub(crate) async fn list(Known(op, _): Known) -> Answer {
    ok(&List::whole(policy::policy_list(&op).await?.into_iter().map(PolicyAnswer::from).collect()))
}

/// A policy, as of its newest version.
#[utoipa::path(get, path = "/policies/{policy}", operation_id = "policy_get",
    responses((status = 200, description = "The policy.", body = PolicyAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&PolicyAnswer::from(policy::policy_get(&op, &name).await?))
}

/// Saves a policy as a new version, when its text is valid, its tests pass and it does not lock the owners out.
#[utoipa::path(put, path = "/policies/{policy}", operation_id = "policy_put", request_body = PolicyPut, params(DryRun),
    responses((status = 200, description = "The policy.", body = PolicyChanged),
        (status = 201, description = "The new policy.", body = PolicyChanged)))]
pub(crate) async fn put(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Query(query): Query<DryRun>,
    Json(body): Json<PolicyPut>,
) -> Answer {
    let draft = Draft {
        mode: body.mode.into(),
        description: body.description.unwrap_or_default(),
        source: body.source,
        cases: body.tests.into_iter().map(Case::from).collect(),
    };
    let wish = PolicyWish { draft, base_version: body.base_version, dry_run: query.dry_run };
    let saved = policy::policy_put(&op, &name, wish).await?;
    let is_new = saved.policy.version == 1 && !query.dry_run;
    let answer = PolicyChanged::of(saved, query.dry_run);
    if is_new { created(&answer) } else { ok(&answer) }
}

/// Deletes a policy with its versions.
#[utoipa::path(delete, path = "/policies/{policy}", operation_id = "policy_delete", params(DryRun),
    responses((status = 200, description = "The policy.", body = PolicyChanged)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let gone = policy::policy_delete(&op, name, query.dry_run).await?;
    ok(&PolicyChanged::of(gone, query.dry_run))
}

/// The kept versions of a policy, newest first.
#[utoipa::path(get, path = "/policies/{policy}/versions", operation_id = "policy_versions",
    responses((status = 200, description = "The versions.", body = List<PolicyAnswer>)))]
pub(crate) async fn versions(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&List::whole(policy::policy_versions(&op, &name).await?.into_iter().map(PolicyAnswer::from).collect()))
}

/// What changed from one version of a policy to another.
#[utoipa::path(get, path = "/policies/{policy}/diff", operation_id = "policy_diff", params(DiffQuery),
    responses((status = 200, description = "The difference.", body = PolicyDiff)))]
pub(crate) async fn diff(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DiffQuery>) -> Answer {
    let (from, to, diff) = policy::policy_diff(&op, &name, query.from, query.to).await?;
    ok(&PolicyDiff { from, to, diff })
}

/// Saves an older version of a policy again, as a new one.
#[utoipa::path(post, path = "/policies/{policy}/rollback", operation_id = "policy_rollback",
    request_body = PolicyRollback, params(DryRun),
    responses((status = 200, description = "The policy.", body = PolicyChanged)))]
pub(crate) async fn rollback(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Query(query): Query<DryRun>,
    Json(body): Json<PolicyRollback>,
) -> Answer {
    let saved = policy::policy_rollback(&op, &name, body.version, query.dry_run).await?;
    ok(&PolicyChanged::of(saved, query.dry_run))
}

/// What a policy would have changed of the decisions of the last days, a page at a time.
#[utoipa::path(post, path = "/policy/simulate", operation_id = "policy_simulate", request_body = PolicySimulate,
    responses((status = 200, description = "A page of what would have changed.", body = SimulationAnswer)))]
pub(crate) async fn simulate(Known(op, _): Known, Json(body): Json<PolicySimulate>) -> Answer {
    let (_, cursor) = page_of(None, body.cursor.as_deref())?;
    let days = body.days.unwrap_or(30);
    ok(&SimulationAnswer::from(policy::policy_simulate(&op, body.name, body.source, days, cursor).await?))
}

/// Policies to begin with.
#[utoipa::path(get, path = "/policy/templates", operation_id = "policy_templates",
    responses((status = 200, description = "All templates.", body = List<PolicyTemplate>)))]
pub(crate) async fn templates(Known(_op, _): Known) -> Answer {
    let form = |t: policy::Template| {
        let (source, cases) = t.draft.map_or((None, Vec::new()), |d| (Some(d.source), d.cases));
        let tests = cases.into_iter().map(PolicyTest::from).collect();
        PolicyTemplate { name: t.name, about: t.about, source, tests }
    };
    ok(&List::whole(policy::templates().into_iter().map(form).collect()))
}

/// What a policy may speak of: the Cedar schema.
#[utoipa::path(get, path = "/policy/schema", operation_id = "policy_schema",
    responses((status = 200, description = "A Cedar schema.", body = String, content_type = "text/plain")))]
pub(crate) async fn schema(Known(_op, _): Known) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(schema_source()))
}
