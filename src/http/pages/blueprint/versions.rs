//! The versions of an environment's blueprint: what each one changed, and going back to one.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::super::environment::{Head, Tab};
use super::super::failure::Told;
use super::super::form::Form;
use super::super::frame::{Frame, Section};
use super::super::governance::{DiffLine, lines};
use super::super::ui;
use super::super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::runtime::stored::{self, BlueprintError, Version, Wish};
use crate::vault::secret::author_names;

/// Which versions are compared, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http::pages) struct VersionsQuery {
    from: Option<u32>,
    to: Option<u32>,
    done: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "blueprint_versions.html")]
struct VersionsPage {
    frame: Frame,
    head: Head,
    now: u32,
    versions: Vec<(Version, String)>,
    from: u32,
    to: u32,
    lines: Vec<DiffLine>,
    told: Option<Told>,
}

/// Shows them.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<VersionsQuery>,
) -> Answer {
    show(&visitor, &project, &environment, query, None).await
}

async fn show(visitor: &Visitor, project: &str, environment: &str, query: VersionsQuery, told: Option<Told>) -> Answer {
    let op = &visitor.op;
    let (frame, head) = Head::of(visitor, project, environment, Tab::Blueprint, "Versions of the blueprint").await?;
    let here = format!("{}/blueprint", head.base);
    let frame = frame.crumb("Blueprint", here.as_str()).crumb("Versions", format!("{here}/versions"));
    let frame = frame.help("blueprints").notice(query.done.as_deref());
    let versions = stored::blueprint_versions(op, project, environment).await?;
    let names = author_names(op, versions.iter().map(|v| v.author.clone()).collect()).await?;
    let now = versions.first().map_or(0, |v| v.version);
    let (from, to, diff) = match stored::blueprint_diff(op, project, environment, query.from, query.to).await {
        Ok(found) => found,
        Err(BlueprintError::None(_)) => (0, 0, String::new()),
        Err(error) => return Err(error.into()),
    };
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    let versions = versions.into_iter().zip(names).collect();
    visitor.show_as(status, &VersionsPage { frame, head, now, versions, from, to, lines: lines(&diff), told })
}

/// Which version is the newest again.
#[derive(Debug, Deserialize)]
pub(in crate::http::pages) struct BackForm {
    version: u32,
    /// The newest one when the page was shown.
    now: Option<u32>,
}

/// Saves an older version again, as a new one that passes the same checks.
pub(in crate::http::pages) async fn back(
    Names([project, environment]): Names<2>,
    Form(visitor, form): Form<BackForm>,
) -> Answer {
    let done = put_back(&visitor, &project, &environment, &form).await.map_err(Problem::from);
    match done {
        Ok(()) => {
            let place = (ui::part(&project), ui::part(&environment));
            Visitor::go(&format!("/projects/{}/environments/{}/blueprint/versions?done=rolled-back", place.0, place.1))
        }
        Err(problem) if matches!(problem.status().as_u16(), 409 | 412 | 422) => {
            show(&visitor, &project, &environment, VersionsQuery::default(), Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

async fn put_back(visitor: &Visitor, project: &str, environment: &str, form: &BackForm) -> Result<(), BlueprintError> {
    let old = stored::blueprint_get(&visitor.op, project, environment, Some(form.version)).await?.version;
    let wish = Wish {
        text: old.text,
        comment: format!("back to version {}", form.version),
        base_version: form.now,
        dry_run: false,
    };
    stored::blueprint_put(&visitor.op, project, environment, wish).await.map(drop)
}
