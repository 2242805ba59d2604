//! What a project is called, and its end.

use askama::Template;
use serde::Deserialize;

use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::governance::{Confirm, Done, is_told, status_of};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::access;
use crate::orgs::project::{Project, ProjectUpdate, project_delete, project_get, project_update};
use crate::policy::Action;
use crate::types::Timestamp;
use crate::vault::impact;

/// What deleting it takes along.
struct Toll {
    environments: usize,
    secrets: usize,
    until: Timestamp,
}

/// What it shall be called.
#[derive(Clone, Deserialize)]
pub(in crate::http::pages) struct SettingsForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    version: u32,
}

/// The page.
#[derive(Template)]
#[template(path = "project_settings.html")]
struct SettingsPage {
    frame: Frame,
    project: Project,
    typed: SettingsForm,
    toll: Option<Toll>,
    told: Option<Told>,
    may_update: bool,
    may_delete: bool,
}

/// Shows it.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([name]): Names<1>,
    Query(query): Query<Done>,
) -> Answer {
    show(&visitor, &name, query.done.as_deref(), None, None).await
}

async fn show(
    visitor: &Visitor,
    name: &str,
    done: Option<&str>,
    typed: Option<SettingsForm>,
    told: Option<Told>,
) -> Answer {
    let project = project_get(&visitor.op, name).await?;
    let slug = project.slug.to_string();
    let may = access::may(&visitor.op, Some(&slug), None, &[Action::ProjectUpdate, Action::ProjectDelete]).await?;
    let (may_update, may_delete) = (may.contains(&Action::ProjectUpdate), may.contains(&Action::ProjectDelete));
    let toll = if may_delete { toll(visitor, &slug).await? } else { None };
    let frame = visitor.frame(format!("Settings · {slug}"), Section::Projects, Some(&slug)).await?;
    let frame = frame.crumb("Home", "/").crumb(&slug, format!("/projects/{slug}"));
    let frame = frame.crumb("Settings", format!("/projects/{slug}/settings")).help("access").notice(done);
    let own = || SettingsForm {
        name: project.name.clone(),
        description: project.description.clone(),
        version: project.version,
    };
    let typed = typed.unwrap_or_else(own);
    let status = status_of(told.as_ref());
    visitor.show_as(status, &SettingsPage { frame, project, typed, toll, told, may_update, may_delete })
}

/// What would go with it; none where that cannot be done now, because something in it is locked.
async fn toll(visitor: &Visitor, slug: &str) -> Result<Option<Toll>, Problem> {
    let Ok((deletion, inside)) = project_delete(&visitor.op, slug.to_owned(), true).await else { return Ok(None) };
    let secrets = usize::try_from(impact::of_delete(&visitor.op, &inside).await?).unwrap_or(usize::MAX);
    Ok(Some(Toll { environments: inside.len(), secrets, until: deletion.restorable_until }))
}

/// Changes what it is called and what it is for.
pub(in crate::http::pages) async fn update(Names([name]): Names<1>, Form(visitor, form): Form<SettingsForm>) -> Answer {
    let change = ProjectUpdate {
        name: filled(&form.name),
        description: Some(form.description.replace("\r\n", "\n")),
        if_version: Some(form.version),
    };
    match project_update(&visitor.op, name.clone(), change).await.map_err(Problem::from) {
        Ok(project) => Visitor::go(&format!("/projects/{}/settings?done=changed", project.slug)),
        Err(problem) if is_told(&problem) => show(&visitor, &name, None, Some(form), Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Deletes it with its environments, when its slug was typed; it can be restored until its date.
pub(in crate::http::pages) async fn delete(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let slug = project_get(&visitor.op, &name).await?.slug;
    let done = match form.require(slug.as_str()) {
        Ok(()) => project_delete(&visitor.op, slug.to_string(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go("/deleted?done=deleted-whole"),
        Err(problem) if is_told(&problem) => show(&visitor, &name, None, None, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}
