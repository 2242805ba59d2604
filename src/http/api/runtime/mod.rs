//! What runs in environments: deployed, changed, stopped, destroyed, and looked at. Each act is answered as soon as it is
//! written down, with 202: how it goes on is told by the status and its stream.

mod door;
mod form;
mod live;
mod plan;

pub(crate) use door::*;
pub(crate) use form::clusters;
pub(crate) use live::*;
pub(crate) use plan::*;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Answer, List, ok};
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, OptionalJson, Query, page_of};
use crate::http::state::State;
use crate::op::Op;
use crate::runtime::blueprint::Lasting;
use crate::runtime::insight::{destroy_plan, runtime_events};
use crate::runtime::lifecycle::{self, At, Change, DeployWish, Extension, Family, RunningFilter};
use crate::types::Timestamp;
use form::{
    DeployAnswer, DestroyAnswer, HappeningAnswer, OnFailureForm, RevisionAnswer, RunningAnswer, RuntimeAnswer,
    WishedAnswer,
};

/// 202 with a body: it is written down, and comes true.
#[expect(clippy::unnecessary_wraps, reason = "handlers end with it")]
fn accepted(body: &impl Serialize) -> Answer {
    Ok(HttpResponse::Accepted().json(body))
}

/// What is to be deployed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeployBody {
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
}

/// Services.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestartBody {
    /// Which; all when none is named.
    #[serde(default)]
    #[schema(required = false, max_items = 200)]
    services: Vec<String>,
}

/// How often a service runs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaleBody {
    /// The service.
    #[schema(max_length = 64)]
    service: String,
    /// How many pods; as the blueprint says when null.
    #[schema(maximum = 100)]
    replicas: Option<u32>,
}

/// Where to go back to.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RuntimeRollbackBody)]
pub(crate) struct RollbackBody {
    /// A revision that was ready; the last one before this when none.
    #[schema(minimum = 1)]
    revision: Option<u32>,
}

/// When what runs shall end; as its blueprint says, from now, when nothing is named.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendBody {
    /// How long from now: `12h`, `2d`; at most 366 days.
    #[serde(rename = "for")]
    #[schema(max_length = 8)]
    lasting: Option<String>,
    /// The moment, at most 366 days from now.
    until: Option<Timestamp>,
    /// Whether it never ends by itself.
    #[serde(default)]
    #[schema(required = false)]
    never: bool,
}

impl ExtendBody {
    fn extension(self) -> Result<Extension, Problem> {
        match self {
            Self { lasting: None, until: None, never: false } => Ok(Extension::Usual),
            Self { lasting: None, until: None, never: true } => Ok(Extension::Never),
            Self { lasting: None, until: Some(at), never: false } => Ok(Extension::Until(at)),
            Self { lasting: Some(text), until: None, never: false } => Ok(Extension::For(lasting(&text)?)),
            _ => {
                let problem = Problem::invalid("body_invalid", "only one of `for`, `until` and `never` can be meant");
                Err(problem.field("until", "body_invalid"))
            }
        }
    }
}

/// A length of time, as a blueprint writes it.
pub(crate) fn lasting(text: &str) -> Result<Lasting, Problem> {
    Lasting::parse(text).map_err(|_| {
        let problem = Problem::invalid("invalid_value", "a time is a number with s, m, h or d, at most 366d");
        problem.field("for", "invalid_value").hint("like 12h or 2d")
    })
}

/// The name of what is destroyed, said once more.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DestroyBody {
    /// The environment's slug, or `project/environment`.
    #[serde(default)]
    #[schema(required = false, max_length = 128)]
    confirm: String,
}

/// Which of what runs, and which page of it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunningQuery {
    /// Only what is wrong, moves, or is settled.
    #[param(inline)]
    state: Option<FamilyFilter>,
    /// The cluster, by id or name.
    #[param(max_length = 64)]
    cluster: Option<String>,
    /// The project, by id or slug.
    #[param(max_length = 64)]
    project: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A family of states.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FamilyFilter {
    /// Queued, provisioning, stopping, waking, deleting.
    Moving,
    /// Degraded, failed, blocked, unreachable.
    Wrong,
    /// Ready, sleeping, stopped.
    Settled,
}

impl From<FamilyFilter> for Family {
    fn from(form: FamilyFilter) -> Self {
        match form {
            FamilyFilter::Moving => Self::Moving,
            FamilyFilter::Wrong => Self::Wrong,
            FamilyFilter::Settled => Self::Settled,
        }
    }
}

/// What runs of the organization, of what you may see: what is wrong first, then what moves, then what is settled, each in
/// order of path. What changes its state between two pages may be on both or on neither. An organization runs at most
/// 500 environments.
#[utoipa::path(get, path = "/runtimes", operation_id = "runtime_list", params(RunningQuery),
    responses((status = 200, description = "A page of it.", body = List<RunningAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<RunningQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let filter =
        RunningFilter { family: query.state.map(Family::from), cluster: query.cluster, project: query.project };
    let running = lifecycle::runtime_list(&op, &filter, limit, cursor).await?;
    let clusters = clusters(&op)?;
    ok(&List::of(running, |one| RunningAnswer::of(one, &clusters)))
}

/// What runs in an environment, as it was last seen.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime", operation_id = "runtime_get",
    responses((status = 200, description = "The status.", body = RuntimeAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let view = lifecycle::runtime_get(&op, &At { project, environment }).await?;
    ok(&RuntimeAnswer::from(view))
}

/// The revisions of an environment, newest first, at most fifty.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/revisions",
    operation_id = "runtime_revisions",
    responses((status = 200, description = "The revisions.", body = List<RevisionAnswer>)))]
pub(crate) async fn revisions(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let found = lifecycle::revision_list(&op, &At { project, environment }).await?;
    ok(&List::whole(found.into_iter().map(RevisionAnswer::from).collect()))
}

/// What the cluster says happened in an environment, newest first, at most 200.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/events",
    operation_id = "runtime_events", responses(
        (status = 200, description = "What happened.", body = List<HappeningAnswer>),
        (status = 422, description = "The cluster does not tell.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn events(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let happened = runtime_events(&op, &At { project, environment }).await?;
    ok(&List::whole(happened.into_iter().map(HappeningAnswer::from).collect()))
}

/// Deploys the newest blueprint of an environment, with the variables you may pass on to its services.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/deploy",
    operation_id = "runtime_deploy", request_body = DeployBody,
    responses((status = 202, description = "What was begun.", body = DeployAnswer)))]
pub(crate) async fn deploy(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    OptionalJson(body): OptionalJson<DeployBody>,
) -> Answer {
    let DeployBody { cluster, plan, on_failure } = body;
    let wish = DeployWish { project, environment, cluster, plan, on_failure: on_failure.into() };
    let deployed = lifecycle::deploy(&op, wish).await?;
    state.parts.bell.ring();
    accepted(&DeployAnswer::from(deployed))
}

/// Stops all services of an environment; volumes, values and the revision stay.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/stop",
    operation_id = "runtime_stop",
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn stop(state: Data<State>, Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let runtime = lifecycle::stop(&op, At { project, environment }).await?;
    state.parts.bell.ring();
    accepted(&WishedAnswer::from(runtime))
}

/// Starts what was stopped, as it was.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/resume",
    operation_id = "runtime_resume",
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn resume(state: Data<State>, Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let runtime = lifecycle::resume(&op, At { project, environment }).await?;
    state.parts.bell.ring();
    accepted(&WishedAnswer::from(runtime))
}

/// Makes a new revision of the one that runs.
async fn change(state: &State, op: &Op, [project, environment]: [String; 2], change: Change) -> Answer {
    let (runtime, _) = lifecycle::change(op, At { project, environment }, change).await?;
    state.parts.bell.ring();
    accepted(&WishedAnswer::from(runtime))
}

/// Tries again what failed.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/retry",
    operation_id = "runtime_retry",
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn retry(state: Data<State>, Known(op, _): Known, Names(place): Names<2>) -> Answer {
    change(&state, &op, place, Change::Retry).await
}

/// Starts services anew, one pod after the other where there are several.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/restart",
    operation_id = "runtime_restart", request_body = RestartBody,
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn restart(
    state: Data<State>,
    Known(op, _): Known,
    Names(place): Names<2>,
    OptionalJson(body): OptionalJson<RestartBody>,
) -> Answer {
    change(&state, &op, place, Change::Restart(body.services)).await
}

/// Runs a service more or less often than its blueprint says, until it is scaled again.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/scale",
    operation_id = "runtime_scale", request_body = ScaleBody,
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn scale(
    state: Data<State>,
    Known(op, _): Known,
    Names(place): Names<2>,
    Json(body): Json<ScaleBody>,
) -> Answer {
    change(&state, &op, place, Change::Scale(body.service, body.replicas)).await
}

/// Runs a revision again that was ready.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/rollback",
    operation_id = "runtime_rollback", request_body = RollbackBody,
    responses((status = 202, description = "What is wished for now.", body = WishedAnswer)))]
pub(crate) async fn rollback(
    state: Data<State>,
    Known(op, _): Known,
    Names(place): Names<2>,
    OptionalJson(body): OptionalJson<RollbackBody>,
) -> Answer {
    change(&state, &op, place, Change::Rollback(body.revision)).await
}

/// Moves the end of what runs: to any time in the next 366 days, or to never. It holds until the next deploy, which sets it
/// as the blueprint says.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/runtime/extend",
    operation_id = "runtime_extend", request_body = ExtendBody,
    responses((status = 200, description = "When it ends now.", body = WishedAnswer)))]
pub(crate) async fn extend(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    OptionalJson(body): OptionalJson<ExtendBody>,
) -> Answer {
    let runtime = lifecycle::extend(&op, At { project, environment }, body.extension()?).await?;
    ok(&WishedAnswer::from(runtime))
}

/// Destroys all that runs in an environment, volumes too. The blueprint and the secrets stay.
#[utoipa::path(delete, path = "/projects/{project}/environments/{environment}/runtime",
    operation_id = "runtime_destroy", params(DryRun), request_body = DestroyBody, responses(
        (status = 202, description = "What is wished for now.", body = WishedAnswer),
        (status = 200, description = "The plan.", body = DestroyAnswer)))]
pub(crate) async fn destroy(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<DryRun>,
    OptionalJson(body): OptionalJson<DestroyBody>,
) -> Answer {
    let at = At { project, environment };
    if query.dry_run {
        return ok(&DestroyAnswer::from(destroy_plan(&op, &at).await?));
    }
    let runtime = lifecycle::destroy(&op, at, &body.confirm).await?;
    state.parts.bell.ring();
    accepted(&WishedAnswer::from(runtime))
}
