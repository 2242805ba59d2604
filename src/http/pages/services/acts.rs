//! What is done with what runs, by forms.

use serde::Deserialize;

use super::{Planned, REPLICAS_MAX, With, answer, refused, show};
use crate::http::api::Answer;
use crate::http::api::runtime::lasting;
use crate::http::error::Problem;
use crate::http::extract::Names;
use crate::http::pages::form::{Form, filled};
use crate::runtime::insight::deploy_plan;
use crate::runtime::lifecycle::{self, At, Change, DeployWish, Extension, OnFailure};

/// One of the acts, and what it needs. A field of another act is empty.
#[derive(Default, Deserialize)]
pub(in crate::http::pages) struct ActForm {
    /// `deploy`, `plan`, `stop`, `resume`, `retry`, `restart`, `scale`, `rollback` or `extend`.
    #[serde(default)]
    act: String,
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    plan: String,
    #[serde(default)]
    on_failure: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    replicas: String,
    #[serde(default)]
    revision: String,
    /// How long from now, `never`, or nothing for as long as its blueprint says.
    #[serde(default)]
    time: String,
}

/// A number of a form; none where it was left empty.
fn number(text: &str, field: &'static str) -> Result<Option<u32>, Problem> {
    let Some(text) = filled(text) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let problem = Problem::invalid("form_invalid", format!("a number is needed; of pods at most {REPLICAS_MAX}"));
        problem.field(field, "form_invalid")
    })
}

impl ActForm {
    /// The change of the revision that runs; none for what is another act.
    fn change(&self) -> Result<Option<Change>, Problem> {
        Ok(match self.act.as_str() {
            "retry" => Some(Change::Retry),
            "restart" => Some(Change::Restart(filled(&self.service).into_iter().collect())),
            "scale" => Some(Change::Scale(self.service.clone(), number(&self.replicas, "replicas")?)),
            "rollback" => Some(Change::Rollback(number(&self.revision, "revision")?)),
            _ => None,
        })
    }
}

fn extension(time: &str) -> Result<Extension, Problem> {
    Ok(match time {
        "" => Extension::Usual,
        "never" => Extension::Never,
        time => Extension::For(lasting(time)?),
    })
}

/// Does one of the acts.
pub(in crate::http::pages) async fn act(
    Names([project, environment]): Names<2>,
    Form(visitor, form): Form<ActForm>,
) -> Answer {
    let op = &visitor.op;
    let at = At { project: project.clone(), environment: environment.clone() };
    let place = [project.as_str(), environment.as_str()];
    if let Some(change) = form.change()? {
        let done = lifecycle::change(op, at, change).await.map_err(Problem::from);
        return answer(&visitor, place, done, "wished").await;
    }
    match form.act.as_str() {
        "deploy" | "plan" => {
            let on_failure = if form.on_failure == "rollback" { OnFailure::Rollback } else { OnFailure::Stay };
            let wish = DeployWish {
                project: project.clone(),
                environment: environment.clone(),
                cluster: filled(&form.cluster),
                plan: filled(&form.plan),
                on_failure,
            };
            if form.act == "deploy" {
                let done = lifecycle::deploy(op, wish).await.map_err(Problem::from);
                return answer(&visitor, place, done, "wished").await;
            }
            match deploy_plan(op, wish, None).await {
                Ok(plan) => {
                    let with = With { plan: Some(Planned::of(plan)), ..With::default() };
                    show(&visitor, &project, &environment, with).await
                }
                Err(error) => refused(&visitor, place, error.into()).await,
            }
        }
        "stop" => answer(&visitor, place, lifecycle::stop(op, at).await.map_err(Problem::from), "wished").await,
        "resume" => answer(&visitor, place, lifecycle::resume(op, at).await.map_err(Problem::from), "wished").await,
        "extend" => {
            let done = match extension(&form.time) {
                Ok(extension) => lifecycle::extend(op, at, extension).await.map_err(Problem::from),
                Err(problem) => Err(problem),
            };
            answer(&visitor, place, done, "changed").await
        }
        _ => Err(Problem::invalid("form_invalid", "the form does not say what to do").field("act", "form_invalid")),
    }
}

/// The name, typed to show that it is meant.
#[derive(Deserialize)]
pub(in crate::http::pages) struct DestroyForm {
    #[serde(default)]
    confirm: String,
}

/// Destroys all that runs.
pub(in crate::http::pages) async fn destroy(
    Names([project, environment]): Names<2>,
    Form(visitor, form): Form<DestroyForm>,
) -> Answer {
    let at = At { project: project.clone(), environment: environment.clone() };
    let done = lifecycle::destroy(&visitor.op, at, form.confirm.trim()).await.map_err(Problem::from);
    answer(&visitor, [&project, &environment], done, "wished").await
}
