//! What an environment is, its lock, and its end.

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
use crate::orgs::environment::{
    self, EnvironmentUpdate, Flow, FlowWish, environment_delete, environment_lock, environment_unlock,
};
use crate::policy::{Action, Tier};
use crate::vault::approval::{self, Rule, RuleWish};
use crate::vault::impact;

/// What was done before.
#[derive(Deserialize)]
pub(super) struct SettingsQuery {
    done: Option<String>,
}

/// What deleting it takes along.
struct Toll {
    environments: usize,
    secrets: usize,
}

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    head: Head,
    told: Option<Told>,
    toll: Option<Toll>,
    /// What others must agree on here.
    rules: Vec<Rule>,
}

impl SettingsPage {
    fn may(&self, action: Action) -> bool {
        self.head.may.contains(&action)
    }
}

/// Shows it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<SettingsQuery>,
) -> Answer {
    show(&visitor, &project, &environment, query.done.as_deref(), None).await
}

async fn show(visitor: &Visitor, project: &str, environment: &str, done: Option<&str>, told: Option<Told>) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Settings, "Settings").await?;
    let frame = frame.crumb("Settings", format!("{}/settings", head.base)).help("access").notice(done);
    let toll = if head.may.contains(&Action::EnvironmentDelete) && head.placed.environment.lock.is_none() {
        // A plan that cannot be made, because something beneath is locked, is no reason to hide the rest.
        let plan = environment_delete(&visitor.op, project.to_owned(), environment.to_owned(), true).await;
        match plan {
            Ok((_, inside)) => {
                let secrets = impact::of_delete(&visitor.op, &inside).await?;
                Some(Toll { environments: inside.len(), secrets: usize::try_from(secrets).unwrap_or(usize::MAX) })
            }
            Err(_) => None,
        }
    } else {
        None
    };
    let rules = approval::rule_list(&visitor.op, project, environment).await.unwrap_or_default();
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    visitor.show_as(status, &SettingsPage { frame, head, told, toll, rules })
}

/// The address of an environment's page.
fn base(project: &str, environment: &str) -> String {
    format!("/projects/{}/environments/{}", ui::part(project), ui::part(environment))
}

/// Where a change leads: on, or back to the form with what is wrong.
async fn answer<T>(visitor: &Visitor, [project, environment]: [&str; 2], done: Result<T, Problem>, on: &str) -> Answer {
    match done {
        Ok(_) => Visitor::go(on),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 409 | 412 | 422) => {
            show(visitor, project, environment, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// What it shall be.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tier: String,
    #[serde(default)]
    protected: String,
    #[serde(default)]
    flow: String,
    version: u32,
}

/// Changes what it is.
pub(super) async fn update(Names([project, environment]): Names<2>, Form(visitor, form): Form<SettingsForm>) -> Answer {
    let change = change(&visitor, &project, &environment, &form).await;
    let done = match change {
        Ok(change) => environment::environment_update(&visitor.op, project.clone(), environment.clone(), change)
            .await
            .map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let on = format!("{}/settings?done=changed", base(&project, &environment));
    answer(&visitor, [&project, &environment], done, &on).await
}

/// Only what differs is asked for: each part has a right of its own.
async fn change(
    visitor: &Visitor,
    project: &str,
    environment: &str,
    form: &SettingsForm,
) -> Result<EnvironmentUpdate, Problem> {
    let now = environment::environment_get(&visitor.op, project, environment).await?.environment;
    let tier = filled(&form.tier).map(|tier| Tier::parse(&tier)).transpose()?;
    let protected = match form.protected.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let flow = filled(&form.flow).filter(|mode| *mode != now.flow.as_str());
    Ok(EnvironmentUpdate {
        name: filled(&form.name).filter(|name| *name != now.name),
        description: Some(form.description.replace("\r\n", "\n")).filter(|text| *text != now.description),
        tier: tier.filter(|tier| *tier != now.tier),
        protected: protected.filter(|is| *is != now.protected),
        flow: flow.map(|mode| FlowWish { mode, environments: Vec::new() }),
        any_names: None,
        if_version: Some(form.version),
        dry_run: false,
    })
}

/// Why it is locked, or that it is not any more.
#[derive(Deserialize)]
pub(super) struct LockForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    unlock: String,
}

/// Locks or unlocks it.
pub(super) async fn lock(Names([project, environment]): Names<2>, Form(visitor, form): Form<LockForm>) -> Answer {
    let (p, e) = (project.clone(), environment.clone());
    let (done, word) = if form.unlock.is_empty() {
        (environment_lock(&visitor.op, p, e, form.reason).await, "locked")
    } else {
        (environment_unlock(&visitor.op, p, e).await, "unlocked")
    };
    let on = format!("{}/settings?done={word}", base(&project, &environment));
    answer(&visitor, [&project, &environment], done.map_err(Problem::from), &on).await
}

/// What others shall agree on, in a folder of the environment.
#[derive(Default)]
struct RuleForm {
    path: String,
    acts: Vec<String>,
    approvals: u32,
    reason: Option<String>,
    removes: bool,
}

impl RuleForm {
    fn of(fields: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut form = Self { path: "/".to_owned(), ..Self::default() };
        for (name, value) in fields {
            match name.as_str() {
                "path" => form.path = filled(&value).unwrap_or_else(|| "/".to_owned()),
                "acts" => form.acts.push(value),
                "approvals" => {
                    let wrong = |_| Problem::invalid("form_invalid", "approvals are a number");
                    form.approvals = value.trim().parse().map_err(wrong)?;
                }
                "reason" => form.reason = filled(&value),
                "act" => form.removes = value == "remove",
                _ => {}
            }
        }
        Ok(form)
    }
}

/// Sets the rule of a folder, or takes it away.
pub(super) async fn rule(
    Names([project, environment]): Names<2>,
    Form(visitor, fields): Form<Vec<(String, String)>>,
) -> Answer {
    let form = RuleForm::of(fields)?;
    let (op, p, e) = (&visitor.op, project.clone(), environment.clone());
    let done = if form.removes {
        approval::rule_remove(op, p, e, form.path, form.reason).await
    } else {
        let RuleForm { path, acts, approvals, reason, .. } = form;
        approval::rule_set(op, p, e, RuleWish { path, acts, approvals, life: None, reason }).await
    };
    let on = format!("{}/settings?done=changed", base(&project, &environment));
    answer(&visitor, [&project, &environment], done.map_err(Problem::from), &on).await
}

/// The name, typed to show that it is meant.
#[derive(Deserialize)]
pub(super) struct DeleteForm {
    #[serde(default)]
    confirm: String,
}

/// Deletes it with what is beneath; it can be restored until its date.
pub(super) async fn delete(Names([project, environment]): Names<2>, Form(visitor, form): Form<DeleteForm>) -> Answer {
    let slug = environment::environment_get(&visitor.op, &project, &environment).await?.environment.slug;
    let done = if form.confirm.trim() == slug.as_str() {
        let gone = environment_delete(&visitor.op, project.clone(), environment.clone(), false).await;
        gone.map_err(Problem::from)
    } else {
        let problem = Problem::invalid("confirmation_wrong", format!("type {slug} to delete it"));
        Err(problem.field("confirm", "confirmation_wrong"))
    };
    let on = format!("/projects/{}?done=removed", ui::part(&project));
    answer(&visitor, [&project, &environment], done, &on).await
}
