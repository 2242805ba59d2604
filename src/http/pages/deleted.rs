//! What was deleted and can be brought back: projects and environments, each as a whole, and the names of an environment.

use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::governance::{is_told, status_of};
use super::ui;
use super::visitor::{Theme, Visitor};
use super::welcome::Nothing;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::orgs::OrgError;
use crate::orgs::deletion::{Deletion, DeletionKind, deletion_list, deletion_restore};
use crate::types::Id;
use crate::vault::VaultError;
use crate::vault::secret::{BatchOutcome, author_names};
use crate::vault::time::{Undelete, folder_undelete};

/// How many deletions a page shows.
const ROWS: u32 = 200;
/// Deleted names a page shows; all of them come back.
const NAMES: usize = 500;

/// Which page, and what was done before.
#[derive(Default, Deserialize)]
pub(super) struct DeletedQuery {
    cursor: Option<String>,
    done: Option<String>,
}

/// A deletion as a row.
struct Row {
    deletion: Deletion,
    by: String,
}

impl Row {
    fn icon(&self) -> &'static str {
        match self.deletion.kind {
            DeletionKind::Organization => "building-2",
            DeletionKind::Project => "box",
            DeletionKind::Environment => "layers",
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "deleted.html")]
struct DeletedPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    told: Option<Told>,
}

/// Shows what can be restored.
pub(super) async fn page(visitor: Visitor, Query(query): Query<DeletedQuery>) -> Answer {
    show(&visitor, query, None).await
}

async fn show(visitor: &Visitor, query: DeletedQuery, told: Option<Told>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let found = deletion_list(&visitor.op, limit, cursor).await?;
    let next = found.next.map(|next| format!("/deleted?cursor={}", next.encode()));
    let authors = found.items.iter().map(|deletion| deletion.deleted_by.clone()).collect();
    let names = author_names(&visitor.op, authors).await?;
    let rows = found.items.into_iter().zip(names).map(|(deletion, by)| Row { deletion, by }).collect();
    let frame = visitor.frame("Deleted", Section::Projects, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Deleted", "/deleted").help("arranging").notice(query.done.as_deref());
    visitor.show_as(status_of(told.as_ref()), &DeletedPage { frame, rows, next, told })
}

/// Brings a deletion back as a whole, and leads to it.
pub(super) async fn restore(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let done = match Id::parse(&id) {
        Ok(id) => deletion_restore(&visitor.op, id).await,
        Err(_) => Err(OrgError::not_found("deletion", id)),
    };
    match done.map_err(Problem::from) {
        Ok(back) => Visitor::go(&match (back.kind, back.name.split_once('/')) {
            (DeletionKind::Environment, Some((project, environment))) => {
                format!("/projects/{}/environments/{}?done=restored", ui::part(project), ui::part(environment))
            }
            (DeletionKind::Project, _) => format!("/projects/{}?done=restored", ui::part(&back.name)),
            _ => "/deleted?done=restored".to_owned(),
        }),
        Err(problem) if is_told(&problem) => show(&visitor, DeletedQuery::default(), Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Which deleted names: of a folder and beneath it, all of them or only what the last deletion took.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct NamesForm {
    #[serde(default)]
    path: String,
    /// `all`; what the last deletion took when empty.
    #[serde(default)]
    which: String,
}

impl NamesForm {
    fn ask(&self, project: &str, environment: &str, dry_run: bool) -> Undelete {
        Undelete {
            project: project.to_owned(),
            environment: environment.to_owned(),
            path: filled(&self.path).unwrap_or_else(|| "/".to_owned()),
            all: self.which == "all",
            dry_run,
        }
    }
}

/// The deleted names of an environment.
#[derive(Template)]
#[template(path = "deleted_names.html")]
struct NamesPage {
    frame: Frame,
    head: Head,
    typed: NamesForm,
    /// What would come back; none where that cannot be told.
    names: Option<Vec<String>>,
    /// How many of them are not shown.
    rest: usize,
    warnings: Vec<String>,
    told: Option<Told>,
}

impl NamesPage {
    /// How many would come back.
    fn all(&self) -> usize {
        self.names.as_ref().map_or(0, Vec::len) + self.rest
    }
}

/// Shows the deleted names of an environment.
pub(super) async fn names(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(form): Query<NamesForm>,
) -> Answer {
    show_names(&visitor, [&project, &environment], form, None).await
}

async fn show_names(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    typed: NamesForm,
    told: Option<Told>,
) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Secrets, "Deleted secrets").await?;
    let frame = frame.crumb("Deleted secrets", format!("{}/deleted", head.base)).help("time");
    let (mut names, mut rest, mut warnings, mut told) = (None, 0, Vec::new(), told);
    if head.may_write() {
        match folder_undelete(&visitor.op, typed.ask(project, environment, true)).await {
            Ok(outcome) => {
                names = Some(shown(&outcome));
                rest = outcome.items.len().saturating_sub(NAMES);
                warnings = outcome.warnings.into_iter().map(|warning| warning.detail).collect();
            }
            Err(VaultError::NotFound { .. }) => names = Some(Vec::new()),
            Err(error) => {
                let problem = Problem::from(error);
                if !is_told(&problem) {
                    return Err(problem);
                }
                told = told.or_else(|| Some(Told::of(&problem)));
            }
        }
    }
    let status = status_of(told.as_ref());
    visitor.show_as(status, &NamesPage { frame, head, typed, names, rest, warnings, told })
}

fn shown(outcome: &BatchOutcome) -> Vec<String> {
    let name = |item: &crate::vault::secret::ItemOutcome| {
        if item.path.is_root() { item.name.to_string() } else { format!("{}/{}", item.path, item.name) }
    };
    outcome.items.iter().take(NAMES).map(name).collect()
}

/// Brings deleted names back, as they were before.
pub(super) async fn undelete(Names([project, environment]): Names<2>, Form(visitor, form): Form<NamesForm>) -> Answer {
    let done = folder_undelete(&visitor.op, form.ask(&project, &environment, false)).await;
    match done.map_err(Problem::from) {
        Ok(_) => {
            let (project, environment) = (ui::part(&project), ui::part(&environment));
            Visitor::go(&format!("/projects/{project}/environments/{environment}?done=restored"))
        }
        Err(problem) if is_told(&problem) => {
            show_names(&visitor, [&project, &environment], form, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
