//! An environment at a moment: what has changed since, and the way back.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::types::{Limit, Page, ParseError};
use crate::vault::secret::PlannedAction;
use crate::vault::time::{self, Diff, Difference, Instant, Revert, Side};

/// Most differences that are shown.
const ROWS: u32 = 500;

/// The moment, as the address says it.
#[derive(Deserialize)]
pub(super) struct MomentQuery {
    #[serde(default)]
    at: String,
}

/// The page.
#[derive(Template)]
#[template(path = "past.html")]
struct PastPage {
    frame: Frame,
    head: Head,
    at: String,
    told: Option<Told>,
    differences: Option<Vec<Difference>>,
    /// Whether there are more.
    is_cut: bool,
    /// What going back would do, in words; none where there is nothing to do, or no right to.
    plan: Option<String>,
}

/// A moment as a browser's field has it, or in full, or an event.
fn instant(text: &str) -> Result<Instant, ParseError> {
    let full = if text.len() == 16 && text.contains('T') { format!("{text}:00Z") } else { text.to_owned() };
    Instant::parse(&full)
}

/// Shows what has changed since a moment.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<MomentQuery>,
) -> Answer {
    show(&visitor, &project, &environment, query.at, None).await
}

async fn show(visitor: &Visitor, project: &str, environment: &str, at: String, told: Option<Told>) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Time, "History").await?;
    let frame = frame.crumb("History", format!("{}/history", head.base)).help("time");
    let (mut told, mut differences, mut plan, mut is_cut) = (told, None, None, false);
    if let Some(text) = filled(&at) {
        match look(visitor, project, environment, &text, head.may_write()).await {
            Ok((found, planned)) => {
                is_cut = found.next.is_some();
                (differences, plan) = (Some(found.items), planned);
            }
            Err(problem) if matches!(problem.status().as_u16(), 400 | 404 | 409 | 422) => {
                told = told.or_else(|| Some(Told::of(&problem)));
            }
            Err(problem) => return Err(problem),
        }
    }
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    visitor.show_as(status, &PastPage { frame, head, at, told, differences, is_cut, plan })
}

type Looked = (Page<Difference>, Option<String>);

async fn look(
    visitor: &Visitor,
    project: &str,
    environment: &str,
    at: &str,
    may_write: bool,
) -> Result<Looked, Problem> {
    let at = instant(at)?;
    let side = |at| Side { project: project.to_owned(), environment: environment.to_owned(), at };
    let ask = Diff { before: side(Some(at)), after: side(None), path: "/".to_owned(), fingerprints: false };
    let found = time::environment_diff(&visitor.op, &ask, Limit::parse(ROWS)?, None).await?;
    if !may_write || found.items.is_empty() {
        return Ok((found, None));
    }
    let ask = Revert {
        project: project.to_owned(),
        environment: environment.to_owned(),
        path: "/".to_owned(),
        at,
        force: true,
        dry_run: true,
        plan: None,
    };
    let outcome = time::environment_revert(&visitor.op, ask).await?.outcome;
    let deletes = outcome.items.iter().filter(|i| i.action == PlannedAction::Delete).count();
    let writes = outcome.items.iter().filter(|i| i.action != PlannedAction::Same).count() - deletes;
    let words = format!("Writes {} anew and deletes {deletes}", ui::count(writes, "name"));
    Ok((found, (writes + deletes > 0).then_some(words)))
}

/// Where to go back to.
#[derive(Deserialize)]
pub(super) struct RevertForm {
    at: String,
    #[serde(default)]
    force: String,
}

/// Makes the environment's own names what they were.
pub(super) async fn revert(Names([project, environment]): Names<2>, Form(visitor, form): Form<RevertForm>) -> Answer {
    let done = match instant(form.at.trim()) {
        Ok(at) => {
            let ask = Revert {
                project: project.clone(),
                environment: environment.clone(),
                path: "/".to_owned(),
                at,
                force: !form.force.is_empty(),
                dry_run: false,
                plan: None,
            };
            time::environment_revert(&visitor.op, ask).await.map_err(Problem::from)
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(_) => Visitor::go(&format!(
            "/projects/{}/environments/{}?done=reverted",
            ui::part(&project),
            ui::part(&environment)
        )),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 409 | 422) => {
            show(&visitor, &project, &environment, form.at, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
