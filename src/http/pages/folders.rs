//! The folders of an environment, and the end of one with all that is in it.

use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::governance::{is_told, status_of};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::vault::folder::{folder_delete, folder_list};
use crate::vault::secret::PlannedAction;
use crate::vault::store::Folder;

/// How many folders a page shows.
const ROWS: u32 = 200;

/// Which folders, or which one is to go.
#[derive(Default, Deserialize)]
pub(super) struct FoldersQuery {
    cursor: Option<String>,
    done: Option<String>,
    /// The folder whose end is asked for.
    #[serde(default)]
    delete: String,
}

/// What would go with a folder.
struct Toll {
    path: String,
    names: Vec<String>,
    warnings: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "folders.html")]
struct FoldersPage {
    frame: Frame,
    head: Head,
    folders: Vec<Folder>,
    next: Option<String>,
    toll: Option<Toll>,
    told: Option<Told>,
}

impl FoldersPage {
    fn depth(folder: &Folder) -> usize {
        folder.path.as_str().matches('/').count().saturating_sub(1)
    }
}

/// Shows the folders; with one to delete also what would go with it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<FoldersQuery>,
) -> Answer {
    show(&visitor, [&project, &environment], query, None).await
}

async fn show(visitor: &Visitor, [project, environment]: [&str; 2], query: FoldersQuery, told: Option<Told>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let found = folder_list(&visitor.op, project, environment, "/", limit, cursor).await?;
    let (frame, head) = Head::of(visitor, project, environment, Tab::Secrets, "Folders").await?;
    let here = format!("{}/folders", head.base);
    let frame = frame.crumb("Folders", here.clone()).help("arranging").notice(query.done.as_deref());
    let next = found.next.map(|next| format!("{here}?cursor={}", next.encode()));
    let folders = found.items.into_iter().filter(|folder| !folder.path.is_root()).collect();
    let (mut toll, mut told) = (None, told);
    if let Some(path) = filled(&query.delete).filter(|_| head.may_delete()) {
        match plan(visitor, [project, environment], path).await {
            Ok(planned) => toll = Some(planned),
            Err(problem) if is_told(&problem) => told = told.or_else(|| Some(Told::of(&problem))),
            Err(problem) => return Err(problem),
        }
    }
    visitor.show_as(status_of(told.as_ref()), &FoldersPage { frame, head, folders, next, toll, told })
}

async fn plan(visitor: &Visitor, [project, environment]: [&str; 2], path: String) -> Result<Toll, Problem> {
    let (project, environment) = (project.to_owned(), environment.to_owned());
    let outcome = folder_delete(&visitor.op, project, environment, path.clone(), true, true).await?;
    let gone = outcome.items.iter().filter(|item| item.action == PlannedAction::Delete);
    let names = gone.map(|item| format!("{}/{}", item.path, item.name)).collect();
    Ok(Toll { path, names, warnings: outcome.warnings.into_iter().map(|warning| warning.detail).collect() })
}

/// Which folder, typed once more to show that it is meant.
#[derive(Deserialize)]
pub(super) struct DeleteForm {
    #[serde(default)]
    path: String,
    #[serde(default)]
    confirm: String,
    /// Whether to delete what others refer to.
    #[serde(default)]
    force: String,
}

/// Deletes a folder with what is in it and beneath it; each name can be brought back.
pub(super) async fn delete(Names([project, environment]): Names<2>, Form(visitor, form): Form<DeleteForm>) -> Answer {
    let done = if form.confirm.trim() == form.path.trim() {
        let (project, environment, path) = (project.clone(), environment.clone(), form.path.trim().to_owned());
        let force = !form.force.is_empty();
        folder_delete(&visitor.op, project, environment, path, force, false).await.map_err(Problem::from)
    } else {
        let problem = Problem::invalid("confirmation_wrong", "type the path of the folder to show that it is meant");
        Err(problem.field("confirm", "confirmation_wrong"))
    };
    match done {
        Ok(_) => {
            let (project, environment) = (ui::part(&project), ui::part(&environment));
            let base = format!("/projects/{project}/environments/{environment}");
            Visitor::go(&format!("{base}/deleted?path={}", ui::part(form.path.trim())))
        }
        Err(problem) if is_told(&problem) => {
            let query = FoldersQuery { delete: form.path, ..FoldersQuery::default() };
            show(&visitor, [&project, &environment], query, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
