//! What a deploy would change.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::form::{ClusterForm, OnFailureForm};
use crate::http::api::environment::EnvironmentName;
use crate::http::api::quota::{CostAnswer, DemandAnswer};
use crate::http::api::{Answer, ok};
use crate::http::extract::{Known, Names, OptionalJson};
use crate::runtime::changes::{Change, ChangeKind, FieldChange};
use crate::runtime::insight::{DeployPlan, Refusal, deploy_plan};
use crate::runtime::lifecycle::DeployWish;
use crate::runtime::quota::Excess;

/// Changes of an answer at most; the others are counted.
const CHANGES_MAX: usize = 1_000;
/// Fields of one change at most.
const FIELDS_MAX: usize = 50;

/// What would be deployed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RuntimePlanBody)]
pub(crate) struct PlanBody {
    /// The cluster, by id or name; where it runs already, or the only one, when none.
    #[schema(max_length = 64)]
    cluster: Option<String>,
    /// A plan of the blueprint; the sizes the services name when none.
    #[schema(max_length = 64)]
    plan: Option<String>,
    /// What is done when it does not become ready.
    #[serde(default)]
    #[schema(required = false, inline)]
    on_failure: OnFailureForm,
    /// A blueprint to plan in place of the newest. It is not stored.
    #[schema(max_length = 524_288)]
    text: Option<String>,
}

/// What a deploy would do. Nothing was done.
#[derive(Serialize, ToSchema)]
#[schema(as = RuntimePlanAnswer)]
pub(crate) struct PlanAnswer {
    /// The environment.
    environment: EnvironmentName,
    /// Where it would run.
    cluster: ClusterForm,
    /// The revision it would make.
    revision: u32,
    /// The version the blueprint has, or would have.
    blueprint_version: u32,
    /// The plan of the blueprint; null for the sizes the services name.
    plan: Option<String>,
    /// Whether nothing would be done at all.
    unchanged: bool,
    /// Whether nothing of it is on the cluster yet.
    new: bool,
    /// What would change, in the order it would be done.
    changes: Vec<PlanChange>,
    /// Changes that are left out because they are too many.
    changes_omitted: usize,
    /// The names of the variables that would be passed on; never values.
    variables: Vec<String>,
    /// Secrets that would be drawn in the vault first.
    drawn: Vec<String>,
    /// Storage that the blueprint does not have any more, and that stays until the environment is destroyed.
    kept: Vec<String>,
    /// What the cluster says no to, by dry runs.
    refusals: Vec<PlanRefusal>,
    /// Objects it was not asked about, because they are too many or their namespace is not there yet.
    unasked: usize,
    /// What it would ask for.
    demand: DemandAnswer,
    /// What of the quotas it would pass, in words: a deploy would be refused with `quota_exceeded`.
    quota_exceeded: Vec<String>,
    /// What that costs; null where the organization has no prices.
    cost: Option<CostAnswer>,
}

/// An object that would change.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanChange {
    /// `added`, `changed` or `removed`.
    change: &'static str,
    /// Its kind.
    kind: &'static str,
    /// Its name.
    name: String,
    /// Which service starts anew because of it, and why; null when none does.
    restarts: Option<String>,
    /// Its fields that change, at most fifty; of an object that comes or goes none.
    fields: Vec<PlanField>,
}

/// A field that would change.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanField {
    /// Where: `spec.template.spec.containers[api].image`.
    path: String,
    /// What is there; null where nothing is.
    from: Value,
    /// What comes; null where it goes.
    to: Value,
}

/// An object that the cluster would not take.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanRefusal {
    /// Its kind.
    kind: &'static str,
    /// Its name.
    name: String,
    /// Why.
    message: String,
}

impl From<FieldChange> for PlanField {
    fn from(field: FieldChange) -> Self {
        Self { path: field.path, from: field.from.unwrap_or(Value::Null), to: field.to.unwrap_or(Value::Null) }
    }
}

impl From<Change> for PlanChange {
    fn from(change: Change) -> Self {
        let (word, fields) = match change.kind {
            ChangeKind::Added => ("added", Vec::new()),
            ChangeKind::Removed => ("removed", Vec::new()),
            ChangeKind::Changed(fields) => ("changed", fields),
        };
        Self {
            change: word,
            kind: change.resource.kind(),
            name: change.name,
            restarts: change.restarts,
            fields: fields.into_iter().take(FIELDS_MAX).map(Into::into).collect(),
        }
    }
}

impl From<Refusal> for PlanRefusal {
    fn from(refusal: Refusal) -> Self {
        Self { kind: refusal.resource.kind(), name: refusal.name, message: refusal.message }
    }
}

impl From<DeployPlan> for PlanAnswer {
    fn from(plan: DeployPlan) -> Self {
        let omitted = plan.changes.len().saturating_sub(CHANGES_MAX);
        Self {
            environment: plan.placed.environment.into(),
            cluster: ClusterForm::of(plan.cluster.id, Some(&plan.cluster)),
            revision: plan.revision.number,
            blueprint_version: plan.revision.blueprint,
            plan: plan.revision.plan.map(|plan| plan.as_str().to_owned()),
            unchanged: plan.unchanged,
            new: plan.is_new,
            changes: plan.changes.into_iter().take(CHANGES_MAX).map(Into::into).collect(),
            changes_omitted: omitted,
            variables: plan.revision.names.into_iter().map(|name| name.name).collect(),
            drawn: plan.drawn,
            kept: plan.kept,
            refusals: plan.refusals.into_iter().map(Into::into).collect(),
            unasked: plan.unasked,
            demand: (&plan.demand).into(),
            quota_exceeded: plan.excesses.iter().map(Excess::words).collect(),
            cost: plan.costs.map(|(prices, costs)| CostAnswer::of(&prices, costs)),
        }
    }
}

/// What a deploy would change on the cluster, held against what is there, and asked of it by dry runs. Nothing is stored,
/// drawn or sent. It takes the rights of a deploy.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/plan",
    operation_id = "runtime_plan", request_body = PlanBody, responses(
        (status = 200, description = "The plan.", body = PlanAnswer),
        (status = 422, description = "It could not be deployed, or the cluster cannot be asked.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn plan(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    OptionalJson(body): OptionalJson<PlanBody>,
) -> Answer {
    let PlanBody { cluster, plan, on_failure, text } = body;
    let wish = DeployWish { project, environment, cluster, plan, on_failure: on_failure.into() };
    ok(&PlanAnswer::from(deploy_plan(&op, wish, text).await?))
}
