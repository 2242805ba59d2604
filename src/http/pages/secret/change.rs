//! Writing, deleting and going back: the same writes as every door's.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::reads::day;
use super::{PlaceQuery, Typed, Which, With, show};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::environment::{Head, Tab};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{self, Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::types::{SecretString, Timestamp};
use crate::vault::care::{BulkChange, BulkEdit, BulkFilter, Marks, secret_edit, secret_put_until};
use crate::vault::generate::{Alphabet, Recipe};
use crate::vault::model::Visibility;
use crate::vault::secret::{self, BatchRequest, Item, Wish};

/// The editor's fields.
#[derive(Deserialize)]
pub(in crate::http::pages) struct Edited {
    /// The name, of a new one.
    #[serde(default)]
    name: String,
    /// The folder, of a new one.
    #[serde(default)]
    folder: String,
    /// The value; as it is when empty and `keep` is not.
    #[serde(default)]
    value: Option<SecretString>,
    /// `value`, `keep`, `generate`, `empty` or `unset`.
    #[serde(default)]
    what: String,
    /// What is drawn, with `generate`.
    #[serde(default)]
    recipe: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    visibility: String,
    /// Whether `${` is text.
    #[serde(default)]
    text: String,
    /// The version the change was made for.
    #[serde(default)]
    base_version: String,
    /// Until when the value is good, of a new one: a day; without an end when empty.
    #[serde(default)]
    until: String,
}

impl Edited {
    fn typed(&self) -> Typed {
        Typed {
            name: self.name.clone(),
            path: self.folder.clone(),
            comment: self.comment.clone(),
            tags: self.tags.clone(),
            visibility: Visibility::parse(&self.visibility).unwrap_or_default(),
            is_text: !self.text.is_empty(),
        }
    }

    fn item(self, name: String, path: &str) -> Result<Item, Problem> {
        let (tags, interpolate) = (form::tags(&self.tags), self.text.is_empty());
        let visibility = Visibility::parse(&self.visibility).ok();
        let value = self.value.unwrap_or_else(|| SecretString::new(String::new()));
        let wish = match (self.what.as_str(), value.expose().is_empty()) {
            ("generate", _) => Wish::Generate { recipe: recipe(&self.recipe)?, visibility },
            ("unset", _) => visibility.map_or(Wish::Unset, Wish::UnsetAs),
            ("empty", _) | (_, false) => Wish::Set { value: lines(value).into_bytes(), interpolate, visibility },
            _ => {
                let problem = Problem::invalid("missing_field", "type a value");
                return Err(problem
                    .hint("an empty value and a hidden name are choices of their own, below")
                    .field("value", "missing_field"));
            }
        };
        let base_version = match self.base_version.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|_| Problem::invalid("form_invalid", "a version is a number"))?),
        };
        let path = filled(path);
        Ok(Item { name, path, wish, comment: Some(self.comment), tags: Some(tags), base_version })
    }
}

/// What is drawn: the kinds a form offers, in the sizes the manual names.
fn recipe(kind: &str) -> Result<Recipe, Problem> {
    Ok(match kind {
        "random" | "" => Recipe::random(32, Alphabet::alphanumeric())?,
        "uuid" => Recipe::uuid(),
        "hex" => Recipe::hex(32)?,
        "base64" => Recipe::base64(32, false)?,
        "passphrase" => Recipe::passphrase(6, "-".to_owned())?,
        "ssh_key" => Recipe::ssh_key(String::new())?,
        "age_key" => Recipe::age_key(),
        _ => {
            return Err(
                Problem::invalid("generate_invalid", "no such kind of value").field("recipe", "generate_invalid")
            );
        }
    })
}

/// A browser sends every end of a line as CR LF; values have the ends that were typed.
pub(super) fn lines(value: SecretString) -> SecretString {
    if value.expose().contains("\r\n") { SecretString::new(value.expose().replace("\r\n", "\n")) } else { value }
}

/// The form of a new secret.
struct New {
    typed: Typed,
    told: Option<Told>,
    show_as: ShowAs,
}

/// The page of it.
#[derive(Template)]
#[template(path = "new_secret.html")]
struct NewPage {
    frame: Frame,
    head: Head,
    new: New,
}

/// The panel of it.
#[derive(Template)]
#[template(path = "new_secret_panel.html")]
struct NewPanel {
    frame: Frame,
    head: Head,
    new: New,
}

/// An empty form.
pub(in crate::http::pages) async fn fresh(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<PlaceQuery>,
) -> Answer {
    let typed = Typed { path: query.path, ..Typed::default() };
    show_new(&visitor, [&project, &environment], StatusCode::OK, typed, None).await
}

async fn show_new(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    status: StatusCode,
    typed: Typed,
    told: Option<Told>,
) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Secrets, "New secret").await?;
    let frame = frame.crumb("New secret", format!("{}/new-secret", head.base)).help("dotenv");
    let e = &head.placed.environment;
    let place = (e.project_slug.as_str(), e.slug.as_str());
    let show_as = ShowAs::secret(visitor.state.public_url.as_str(), place, &typed.name, &typed.path);
    let new = New { typed, told, show_as };
    if visitor.is_partial {
        visitor.show_as(status, &NewPanel { frame, head, new })
    } else {
        visitor.show_as(status, &NewPage { frame, head, new })
    }
}

/// Writes a new name.
pub(in crate::http::pages) async fn create(
    Names([project, environment]): Names<2>,
    Form(visitor, edited): Form<Edited>,
) -> Answer {
    let (typed, name, folder) = (edited.typed(), edited.name.trim().to_owned(), edited.folder.trim().to_owned());
    let which = Which { project, environment, name, path: folder };
    let base_version = Some(0);
    let until = filled(&edited.until).map(|text| day(&text)).transpose();
    let until = until.map_err(|e| Problem::from(e).field("until", "time_invalid"));
    let item = edited.item(which.name.clone(), &which.path).map(|item| Item { base_version, ..item });
    let done = match until {
        Ok(until) => write(&visitor, &which, item, until).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go(&format!("{}{}", which.address(), which.query("created"))),
        Err(problem) if is_shown(&problem) => {
            let place = [which.project.as_str(), which.environment.as_str()];
            show_new(&visitor, place, problem.status(), typed, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Writes a new version, or only what is said of the secret where no value was typed.
pub(in crate::http::pages) async fn save(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, edited): Form<Edited>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    let typed = Typed { name: which.name.clone(), path: which.path.clone(), ..edited.typed() };
    let keeps = edited.what == "keep" && edited.value.as_ref().is_none_or(|v| v.expose().is_empty());
    let done = if keeps {
        mark(&visitor, &which, &edited).await
    } else {
        let item = edited.item(which.name.clone(), &which.path);
        write(&visitor, &which, item, None).await
    };
    match done {
        Ok(done) => Visitor::go(&format!("{}{}", which.address(), which.query(done))),
        Err(problem) if is_shown(&problem) => {
            let (status, told) = (problem.status(), Told::of(&problem));
            show(&visitor, which, status, None, Some(With::Refused(Box::new((typed, told))))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Whether a failure belongs beside the form that led to it.
fn is_shown(problem: &Problem) -> bool {
    matches!(problem.status().as_u16(), 400 | 409 | 412 | 413 | 422)
}

async fn write(
    visitor: &Visitor,
    which: &Which,
    item: Result<Item, Problem>,
    until: Option<Timestamp>,
) -> Result<&'static str, Problem> {
    let items = vec![item?];
    let (project, environment) = (which.project.clone(), which.environment.clone());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    let outcome = match until {
        Some(until) => secret_put_until(&visitor.op, request, until).await?,
        None => secret::secret_batch(&visitor.op, request).await?,
    };
    let is_same = outcome.items.iter().all(|item| item.action == secret::PlannedAction::Same);
    Ok(if is_same { "same" } else { "saved" })
}

/// Changes comment, tags and visibility, and leaves the value as it is: nobody has to see it for that.
async fn mark(visitor: &Visitor, which: &Which, edited: &Edited) -> Result<&'static str, Problem> {
    let ask = secret::ReadSecret {
        project: which.project.clone(),
        environment: which.environment.clone(),
        path: which.path.clone(),
        name: which.name.clone(),
        ..secret::ReadSecret::default()
    };
    let before = secret::secret_get(&visitor.op, &visitor.state.uses, &ask).await?.view;
    let tags = form::tags(&edited.tags);
    let marks = Marks {
        add_tags: tags.iter().filter(|tag| !before.tags.contains(tag)).cloned().collect(),
        remove_tags: before.tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect(),
        comment: (before.comment != edited.comment).then(|| edited.comment.clone()),
        visibility: Visibility::parse(&edited.visibility).ok().filter(|v| *v != before.visibility),
        ..Marks::default()
    };
    if marks.add_tags.is_empty()
        && marks.remove_tags.is_empty()
        && marks.comment.is_none()
        && marks.visibility.is_none()
    {
        return Ok("same");
    }
    let names = vec![(before.path.clone(), before.name.clone())];
    let filter = BulkFilter { names, ..BulkFilter::default() };
    let edit = BulkEdit {
        project: which.project.clone(),
        environment: which.environment.clone(),
        filter,
        change: BulkChange::Mark(marks),
        force: false,
        dry_run: false,
    };
    secret_edit(&visitor.op, edit).await?;
    Ok("changed")
}

/// How to delete.
#[derive(Deserialize)]
pub(in crate::http::pages) struct Deletion {
    /// Whether to delete although others refer to it.
    #[serde(default)]
    force: String,
}

/// Deletes the name; it can be brought back.
pub(in crate::http::pages) async fn delete(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, form): Form<Deletion>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    let path = filled(&which.path);
    let item =
        Item { name: which.name.clone(), path, wish: Wish::Delete, comment: None, tags: None, base_version: None };
    let (project, environment) = (which.project.clone(), which.environment.clone());
    let force = !form.force.is_empty();
    let request = BatchRequest { project, environment, items: vec![item], skip_same: false, force, dry_run: false };
    match secret::secret_batch(&visitor.op, request).await.map_err(Problem::from) {
        Ok(_) => {
            let base = format!("/projects/{}/environments/{}", ui::part(&which.project), ui::part(&which.environment));
            let path = if which.path.is_empty() { String::new() } else { format!("&path={}", ui::part(&which.path)) };
            Visitor::go(&format!("{base}?deleted={}{path}", ui::part(&which.name)))
        }
        Err(problem) if is_shown(&problem) => {
            let (status, told) = (problem.status(), Told::of(&problem));
            let typed = Typed { name: which.name.clone(), path: which.path.clone(), ..Typed::default() };
            show(&visitor, which, status, None, Some(With::Refused(Box::new((typed, told))))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Which version becomes the newest again.
#[derive(Deserialize)]
pub(in crate::http::pages) struct Back {
    version: u32,
}

/// Makes an old version the newest.
pub(in crate::http::pages) async fn rollback(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, back): Form<Back>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    let w = which.clone();
    secret::secret_rollback(&visitor.op, w.project, w.environment, w.path, w.name, back.version).await?;
    Visitor::go(&format!("{}{}", which.address(), which.query("rolled-back")))
}

/// Brings a deleted name back.
pub(in crate::http::pages) async fn undelete(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, _): Form<Vec<(String, String)>>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    let w = which.clone();
    secret::secret_undelete(&visitor.op, w.project, w.environment, w.path, w.name).await?;
    Visitor::go(&format!("{}{}", which.address(), which.query("restored")))
}

impl Which {
    /// The address of its page, without a query.
    pub(super) fn address(&self) -> String {
        let (project, environment) = (ui::part(&self.project), ui::part(&self.environment));
        format!("/projects/{project}/environments/{environment}/secrets/{}", ui::part(&self.name))
    }

    /// The query of its page, after something was done.
    pub(super) fn query(&self, done: &str) -> String {
        if self.path.is_empty() || self.path == "/" {
            format!("?done={done}")
        } else {
            format!("?path={}&done={done}", ui::part(&self.path))
        }
    }
}
