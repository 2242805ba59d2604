//! What uses a secret, where else its value is, and the value that is only one's own.

use askama::Template;
use serde::Deserialize;

use super::{PlaceQuery, Which};
use crate::http::api::Answer;
use crate::http::api::secret::usage::count;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::environment::{Head, Tab};
use crate::http::pages::failure::Told;
use crate::http::pages::form::Form;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::types::SecretString;
use crate::vault::VaultError;
use crate::vault::lookup::{self, Lookup};
use crate::vault::personal;
use crate::vault::usage::{self, Dependence, Usage};

/// The page.
#[derive(Template)]
#[template(path = "uses.html")]
struct UsesPage {
    frame: Frame,
    head: Head,
    name: String,
    /// The address of the secret without its query, and the query.
    base: String,
    query: String,
    usage: Usage,
    /// Whether whoever looks has a value of their own here.
    has_own: bool,
    found: Option<Lookup>,
    told: Option<Told>,
    show_as: ShowAs,
}

impl UsesPage {
    /// The page of something that is built from it.
    fn href(one: &Dependence) -> String {
        let (project, environment) = one.environment.split_once('/').unwrap_or_default();
        let path = if one.path.is_root() { String::new() } else { format!("?path={}", ui::part(one.path.as_str())) };
        format!("/projects/{project}/environments/{environment}/secrets/{}{path}", ui::part(one.name.as_str()))
    }

    /// The page of an environment beneath, named as `project/environment`.
    fn place_href(path: &str) -> String {
        let (project, environment) = path.split_once('/').unwrap_or_default();
        format!("/projects/{project}/environments/{environment}")
    }

    fn slug(path: &str) -> &str {
        path.split_once('/').map_or(path, |(_, slug)| slug)
    }

    fn project(&self) -> &str {
        self.head.placed.environment.project_slug.as_str()
    }
}

/// Shows what uses it.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
) -> Answer {
    let done = query.done.clone();
    show(&visitor, Which { project, environment, name, path: query.path }, done.as_deref(), None, None).await
}

async fn show(
    visitor: &Visitor,
    which: Which,
    done: Option<&str>,
    found: Option<Lookup>,
    told: Option<Told>,
) -> Answer {
    let Which { project, environment, name, path } = which;
    let title = format!("Uses of {name}");
    let (frame, head) = Head::of(visitor, &project, &environment, Tab::Secrets, &title).await?;
    let usage = usage::secret_usage(&visitor.op, &project, &environment, &path, &name).await?;
    let own = personal::Which { project, environment, path: path.clone(), name: name.clone() };
    let has_own = match personal::personal_get(&visitor.op, &own, false).await {
        Ok(_) => true,
        Err(VaultError::NotFound { .. } | VaultError::NoPerson) => false,
        Err(error) if head.may_use() => return Err(error.into()),
        Err(_) => false,
    };
    let base = format!("{}/secrets/{}", head.base, ui::part(&name));
    let query = if path.is_empty() || path == "/" { String::new() } else { format!("?path={}", ui::part(&path)) };
    let frame = frame.crumb(name.clone(), format!("{base}{query}")).crumb("Uses", format!("{base}/uses{query}"));
    let e = &head.placed.environment;
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast secrets usage NAME --project {} --environment {}", e.project_slug, e.slug),
        ("GET", &format!("/projects/{}/environments/{}/secrets/<NAME>/usage", e.project_slug, e.slug)),
        "",
        "name: <NAME>",
    );
    let frame = frame.help("arranging").notice(done);
    let status = super::super::governance::status_of(told.as_ref());
    visitor.show_as(status, &UsesPage { frame, head, name, base, query, usage, has_own, found, told, show_as })
}

/// A value, never shown again.
#[derive(Deserialize)]
pub(in crate::http::pages) struct ValueForm {
    #[serde(default)]
    value: Option<SecretString>,
    /// `everywhere` looks in every project; `remove` takes one's own value away.
    #[serde(default)]
    act: String,
}

impl ValueForm {
    fn bytes(self) -> Result<crate::types::SecretBytes, Problem> {
        let missing = || Problem::invalid("missing_field", "type a value").field("value", "missing_field");
        let value = self.value.filter(|v| !v.expose().is_empty()).ok_or_else(missing)?;
        Ok(super::change::lines(value).into_bytes())
    }
}

/// Says which secrets hold exactly the value that is typed.
pub(in crate::http::pages) async fn look(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, form): Form<ValueForm>,
) -> Answer {
    count(&visitor.state, &visitor.op)?;
    let within = (form.act != "everywhere").then(|| project.clone());
    let found = match form.bytes() {
        Ok(value) => lookup::value_lookup(&visitor.op, within.as_deref(), &value).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let which = Which { project, environment, name, path: query.path };
    match found {
        Ok(found) => show(&visitor, which, None, Some(found), None).await,
        Err(problem) if matches!(problem.status().as_u16(), 400 | 403 | 422) => {
            show(&visitor, which, None, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Sets or takes away the value that is only one's own.
pub(in crate::http::pages) async fn own(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, form): Form<ValueForm>,
) -> Answer {
    let own = || personal::Which {
        project: project.clone(),
        environment: environment.clone(),
        path: query.path.clone(),
        name: name.clone(),
    };
    let done = if form.act == "remove" {
        personal::personal_delete(&visitor.op, own(), false).await.map(|_| "removed").map_err(Problem::from)
    } else {
        match form.bytes() {
            Ok(value) => {
                personal::personal_set(&visitor.op, own(), value, true).await.map(|_| "changed").map_err(Problem::from)
            }
            Err(problem) => Err(problem),
        }
    };
    match done {
        Ok(word) => {
            let path = if query.path.is_empty() { String::new() } else { format!("&path={}", ui::part(&query.path)) };
            let (project, environment) = (ui::part(&project), ui::part(&environment));
            let base = format!("/projects/{project}/environments/{environment}/secrets/{}", ui::part(&name));
            Visitor::go(&format!("{base}/uses?done={word}{path}"))
        }
        Err(problem) if matches!(problem.status().as_u16(), 400 | 403 | 409 | 422) => {
            let which = Which { project, environment, name, path: query.path };
            show(&visitor, which, None, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
