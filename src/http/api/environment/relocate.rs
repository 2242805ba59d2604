//! Moving an environment, and the plan of a move.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{EnvironmentAnswer, answer};
use crate::http::api::{Answer, ok};
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::orgs::environment;
use crate::vault::impact::{self, VariableImpact};

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveRequest {
    /// The new parent, by id or slug; null makes it a root.
    #[serde(deserialize_with = "required")]
    #[schema(required = true)]
    parent: Option<String>,
}

/// A field that must be there, though it may be null: leaving it out must not move anything.
fn required<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// An environment after a move, and what the move means.
#[derive(Serialize, ToSchema)]
pub(crate) struct Moved {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The environment as it is now, or would be.
    environment: EnvironmentAnswer,
    /// What changes.
    plan: MovePlan,
}

/// What a move changes.
#[derive(Serialize, ToSchema)]
pub(crate) struct MovePlan {
    /// Variables that come, go or come from elsewhere; in the environments whose names you may list.
    variables: Vec<VariableChange>,
    /// Who may do more or less there.
    access: Vec<AccessChange>,
}

/// What becomes of a variable.
#[derive(Serialize, ToSchema)]
pub(crate) struct VariableChange {
    /// `project/environment`.
    environment: String,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// `gained`, `lost` or `changed`.
    change: &'static str,
}

impl From<VariableImpact> for VariableChange {
    fn from(i: VariableImpact) -> Self {
        let (path, name) = (i.path.to_string(), i.name.to_string());
        Self { environment: i.environment, path, name, change: i.change.as_str() }
    }
}

/// What somebody gains and loses.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccessChange {
    /// Who, by id.
    actor: String,
    /// Actions they may do now.
    gained: Vec<&'static str>,
    /// Actions they may not do any more.
    lost: Vec<&'static str>,
}

/// Moves an environment, with everything beneath it, to another parent of its project.
#[utoipa::path(post, path = "/projects/{project}/environments/{environment}/move", operation_id = "environment_move",
    params(DryRun), request_body = MoveRequest,
    responses((status = 200, description = "The environment, and what changed.", body = Moved)))]
pub(crate) async fn relocate(
    Known(op, _): Known,
    Names([project, name]): Names<2>,
    Query(query): Query<DryRun>,
    Json(body): Json<MoveRequest>,
) -> Answer {
    let dry_run = query.dry_run;
    let moved = environment::environment_move(&op, project, name, body.parent, dry_run).await?;
    let variables = impact::of_move(&op, &moved.before, &moved.after).await?;
    let variables = variables.into_iter().map(VariableChange::from).collect();
    let access = moved.access.into_iter();
    let access = access.map(|c| AccessChange { actor: c.principal.to_string(), gained: c.gained, lost: c.lost });
    let plan = MovePlan { variables, access: access.collect() };
    ok(&Moved { dry_run, environment: answer(&op, moved.after)?, plan })
}
