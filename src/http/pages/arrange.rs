//! Arranging the tree: an environment made like another, and one moved elsewhere. Each is planned first, and done by a
//! second press.

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
use crate::http::extract::Names;
use crate::orgs::access;
use crate::orgs::environment::environment_move;
use crate::policy::Action;
use crate::types::Slug;
use crate::vault::duplicate::{Became, Beneath, Duplicate, Duplicated, environment_duplicate};
use crate::vault::impact::{VariableChange, VariableImpact, of_move};
use crate::vault::secret::author_names;

/// What stands for no parent in a form: no slug has this form.
const ROOT: &str = "/";

/// What the new one shall be.
#[derive(Clone, Default, Deserialize)]
pub(super) struct DuplicateForm {
    #[serde(default)]
    slug: String,
    #[serde(default)]
    name: String,
    /// The same as the first's when empty, `/` for none, or a slug.
    #[serde(default)]
    parent: String,
    #[serde(default)]
    values: String,
    /// `plan`, or `apply`.
    #[serde(default)]
    step: String,
}

/// What a duplicate would have.
struct Copied {
    rows: Vec<(String, Became)>,
    warnings: Vec<String>,
}

impl Copied {
    fn of(done: Duplicated) -> Self {
        let rows = done.names.into_iter().map(|(path, name, became)| {
            let shown = if path.is_root() { name.to_string() } else { format!("{path}/{name}") };
            (shown, became)
        });
        Self { rows: rows.collect(), warnings: done.warnings.into_iter().map(|warning| warning.detail).collect() }
    }

    fn count(&self, became: Became) -> usize {
        self.rows.iter().filter(|(_, one)| *one == became).count()
    }

    /// How a row of the plan is drawn.
    const fn act(became: &Became) -> &'static str {
        match became {
            Became::Copied => "add",
            Became::Unset => "delete",
            Became::Placeholder => "change",
            Became::Inherited => "same",
        }
    }

    const fn words(became: &Became) -> &'static str {
        match became {
            Became::Copied => "copied",
            Became::Unset => "hidden, as there",
            Became::Placeholder => "there, without a value",
            Became::Inherited => "inherited",
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "duplicate.html")]
struct DuplicatePage {
    frame: Frame,
    head: Head,
    typed: DuplicateForm,
    plan: Option<Copied>,
    told: Option<Told>,
    may: bool,
}

/// The empty form.
pub(super) async fn duplicate(visitor: Visitor, Names([project, environment]): Names<2>) -> Answer {
    show_duplicate(&visitor, [&project, &environment], DuplicateForm::default(), None, None).await
}

async fn show_duplicate(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    typed: DuplicateForm,
    plan: Option<Copied>,
    told: Option<Told>,
) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Settings, "Duplicate").await?;
    let frame = frame.crumb("Duplicate", format!("{}/duplicate", head.base)).help("arranging");
    let may = may(visitor, &head, Action::EnvironmentCreate).await?;
    let status = status_of(told.as_ref());
    visitor.show_as(status, &DuplicatePage { frame, head, typed, plan, told, may })
}

/// Whether an act may be possible here or elsewhere in the project; where it is sent, the operation decides.
async fn may(visitor: &Visitor, head: &Head, action: Action) -> Result<bool, Problem> {
    let project = head.placed.environment.project_slug.as_str();
    Ok(head.may.contains(&action) || !access::may(&visitor.op, Some(project), None, &[action]).await?.is_empty())
}

/// Plans a duplicate, or makes it.
pub(super) async fn duplicated(
    Names([project, environment]): Names<2>,
    Form(visitor, form): Form<DuplicateForm>,
) -> Answer {
    let is_plan = form.step != "apply";
    let done = match wish(&project, &environment, &form, is_plan) {
        Ok(ask) => environment_duplicate(&visitor.op, ask).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(done) if is_plan => {
            show_duplicate(&visitor, [&project, &environment], form, Some(Copied::of(done)), None).await
        }
        Ok(done) => {
            let e = done.placed.environment;
            Visitor::go(&format!("/projects/{}/environments/{}?done=created", e.project_slug, e.slug))
        }
        Err(problem) if is_told(&problem) => {
            show_duplicate(&visitor, [&project, &environment], form, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(project: &str, environment: &str, form: &DuplicateForm, dry_run: bool) -> Result<Duplicate, Problem> {
    let slug = Slug::parse(form.slug.trim()).map_err(|e| Problem::from(e).field("slug", "slug_invalid"))?;
    let parent = match filled(&form.parent) {
        None => Beneath::Same,
        Some(name) if name == ROOT => Beneath::Nothing,
        Some(name) => Beneath::This(name),
    };
    Ok(Duplicate {
        project: project.to_owned(),
        environment: environment.to_owned(),
        slug,
        name: filled(&form.name),
        parent,
        values: !form.values.is_empty(),
        dry_run,
    })
}

/// Where to.
#[derive(Clone, Default, Deserialize)]
pub(super) struct MoveForm {
    /// The new parent's slug, or `/` for none.
    #[serde(default)]
    parent: String,
    /// `plan`, or `apply`.
    #[serde(default)]
    step: String,
}

/// What somebody gains and loses.
struct Change {
    who: String,
    gained: Vec<&'static str>,
    lost: Vec<&'static str>,
}

/// What a move means.
struct Moved {
    variables: Vec<VariableImpact>,
    people: Vec<Change>,
}

impl Moved {
    fn is_nothing(&self) -> bool {
        self.variables.is_empty() && self.people.is_empty()
    }

    /// How a row of the plan is drawn.
    const fn act(change: &VariableChange) -> &'static str {
        match change {
            VariableChange::Gained => "add",
            VariableChange::Lost => "delete",
            VariableChange::Changed => "change",
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "move.html")]
struct MovePage {
    frame: Frame,
    head: Head,
    typed: MoveForm,
    plan: Option<Moved>,
    told: Option<Told>,
    may: bool,
}

impl MovePage {
    /// Where it may go: everywhere but where it is, to itself and beneath itself.
    fn targets(&self) -> Vec<(&str, usize)> {
        let own = self.frame.siblings().iter().find(|b| b.is_here).map_or(0, |b| b.depth);
        let mut is_beneath = false;
        let targets = self.frame.siblings().iter().filter(|branch| {
            is_beneath = branch.is_here || (is_beneath && branch.depth > own);
            !is_beneath && self.head.parent.as_deref() != Some(branch.slug.as_str())
        });
        targets.map(|branch| (branch.slug.as_str(), branch.depth)).collect()
    }
}

/// The empty form.
pub(super) async fn relocate(visitor: Visitor, Names([project, environment]): Names<2>) -> Answer {
    show_move(&visitor, [&project, &environment], MoveForm::default(), None, None).await
}

async fn show_move(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    typed: MoveForm,
    plan: Option<Moved>,
    told: Option<Told>,
) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Settings, "Move").await?;
    let frame = frame.crumb("Move", format!("{}/move", head.base)).help("arranging");
    let may = head.may.contains(&Action::EnvironmentMove) && head.placed.environment.lock.is_none();
    let status = status_of(told.as_ref());
    visitor.show_as(status, &MovePage { frame, head, typed, plan, told, may })
}

/// Plans a move, or makes it.
pub(super) async fn relocated(Names([project, environment]): Names<2>, Form(visitor, form): Form<MoveForm>) -> Answer {
    let is_plan = form.step != "apply";
    match carry_out(&visitor, &project, &environment, &form, is_plan).await {
        Ok(plan) if is_plan => show_move(&visitor, [&project, &environment], form, Some(plan), None).await,
        Ok(_) => {
            let (project, environment) = (ui::part(&project), ui::part(&environment));
            Visitor::go(&format!("/projects/{project}/environments/{environment}?done=moved"))
        }
        Err(problem) if is_told(&problem) => {
            show_move(&visitor, [&project, &environment], form, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

async fn carry_out(
    visitor: &Visitor,
    project: &str,
    environment: &str,
    form: &MoveForm,
    dry_run: bool,
) -> Result<Moved, Problem> {
    let missing = || Problem::invalid("missing_field", "say where to").field("parent", "missing_field");
    let parent = filled(&form.parent).ok_or_else(missing)?;
    let parent = (parent != ROOT).then_some(parent);
    let moved = environment_move(&visitor.op, project.to_owned(), environment.to_owned(), parent, dry_run).await?;
    if !dry_run {
        return Ok(Moved { variables: Vec::new(), people: Vec::new() });
    }
    let variables = of_move(&visitor.op, &moved.before, &moved.after).await?;
    let ids = moved.access.iter().map(|change| change.principal.to_string()).collect();
    let names = author_names(&visitor.op, ids).await?;
    let people = moved.access.into_iter().zip(names);
    let people = people.map(|(change, who)| Change { who, gained: change.gained, lost: change.lost }).collect();
    Ok(Moved { variables, people })
}
