//! The forms of a new project and a new environment.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::orgs::environment::{self, EnvironmentCreate, FlowWish};
use crate::orgs::project::{self, ProjectCreate};
use crate::policy::Tier;
use crate::types::Slug;
use crate::vault::demo::demo_create;

/// What a new project is called.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ProjectForm {
    #[serde(default)]
    slug: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    /// Set where it is to be the demo project.
    #[serde(default)]
    demo: String,
}

/// The page.
#[derive(Template)]
#[template(path = "new_project.html")]
struct NewProject {
    frame: Frame,
    typed: ProjectForm,
    told: Option<Told>,
    show_as: ShowAs,
}

/// The empty form of a project.
pub(super) async fn project(visitor: Visitor) -> Answer {
    show_project(&visitor, StatusCode::OK, ProjectForm::default(), None).await
}

async fn show_project(visitor: &Visitor, status: StatusCode, typed: ProjectForm, told: Option<Told>) -> Answer {
    let frame = visitor.frame("New project", Section::Projects, None).await?;
    let frame = frame.crumb("Home", "/").crumb("New project", "/new-project").help("access");
    let show_as = ShowAs::project(visitor.state.public_url.as_str());
    visitor.show_as(status, &NewProject { frame, typed, told, show_as })
}

/// Makes a project.
pub(super) async fn project_create(Form(visitor, form): Form<ProjectForm>) -> Answer {
    let made = match Slug::parse(form.slug.trim()) {
        Ok(slug) => {
            let (name, description) = (filled(&form.name), filled(&form.description));
            let new = ProjectCreate { slug, name, description };
            if form.demo.is_empty() {
                project::project_create(&visitor.op, new).await.map_err(Problem::from)
            } else {
                demo_create(&visitor.op, new).await.map_err(Problem::from)
            }
        }
        Err(error) => Err(Problem::from(error).field("slug", "slug_invalid")),
    };
    match made {
        Ok(made) => Visitor::go(&format!("/projects/{}?done=created", made.slug)),
        Err(problem) if is_shown(&problem) => {
            show_project(&visitor, problem.status(), form, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

fn is_shown(problem: &Problem) -> bool {
    matches!(problem.status().as_u16(), 400 | 409 | 422)
}

/// What a new environment shall be.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct EnvironmentForm {
    #[serde(default)]
    slug: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parent: String,
    #[serde(default)]
    tier: String,
    /// `yes`, `no`, or as the tier says.
    #[serde(default)]
    protected: String,
    /// `tree`, `closed`, or as the protection says.
    #[serde(default)]
    flow: String,
}

/// What may be chosen already in the address.
#[derive(Deserialize)]
pub(super) struct EnvironmentQuery {
    #[serde(default)]
    parent: String,
}

/// The page.
#[derive(Template)]
#[template(path = "new_environment.html")]
struct NewEnvironment {
    frame: Frame,
    project: String,
    typed: EnvironmentForm,
    told: Option<Told>,
    show_as: ShowAs,
}

/// The empty form of an environment.
pub(super) async fn environment(
    visitor: Visitor,
    Names([project]): Names<1>,
    Query(query): Query<EnvironmentQuery>,
) -> Answer {
    let typed = EnvironmentForm { parent: query.parent, ..EnvironmentForm::default() };
    show_environment(&visitor, &project, StatusCode::OK, typed, None).await
}

async fn show_environment(
    visitor: &Visitor,
    name: &str,
    status: StatusCode,
    typed: EnvironmentForm,
    told: Option<Told>,
) -> Answer {
    let project = project::project_get(&visitor.op, name).await?.slug.to_string();
    let frame = visitor.frame("New environment", Section::Projects, Some(&project)).await?;
    let here = format!("/projects/{project}");
    let frame = frame.crumb("Home", "/").crumb(&project, &here);
    let frame = frame.crumb("New environment", format!("{here}/new-environment")).help("access");
    let show_as = ShowAs::environment(visitor.state.public_url.as_str(), &project);
    visitor.show_as(status, &NewEnvironment { frame, project, typed, told, show_as })
}

/// Makes an environment.
pub(super) async fn environment_create(
    Names([project]): Names<1>,
    Form(visitor, form): Form<EnvironmentForm>,
) -> Answer {
    let made = match wish(&project, &form) {
        Ok(new) => environment::environment_create(&visitor.op, new).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match made {
        Ok(made) => {
            let e = made.environment;
            Visitor::go(&format!("/projects/{}/environments/{}?done=created", e.project_slug, e.slug))
        }
        Err(problem) if is_shown(&problem) => {
            let (status, told) = (problem.status(), Told::of(&problem));
            show_environment(&visitor, &project, status, form, Some(told)).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(project: &str, form: &EnvironmentForm) -> Result<EnvironmentCreate, Problem> {
    let slug = Slug::parse(form.slug.trim()).map_err(|e| Problem::from(e).field("slug", "slug_invalid"))?;
    let tier = filled(&form.tier).map(|tier| Tier::parse(&tier)).transpose()?;
    let flow = filled(&form.flow).map(|mode| FlowWish { mode, environments: Vec::new() });
    Ok(EnvironmentCreate {
        project: project.to_owned(),
        slug,
        name: filled(&form.name),
        description: filled(&form.description),
        parent: filled(&form.parent),
        tier,
        protected: match form.protected.as_str() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        flow,
        any_names: false,
    })
}
