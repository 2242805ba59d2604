//! The blueprint of an environment: its text in an editor, what is wrong with it, what is not wise.

pub(super) mod versions;

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::assets;
use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::Form;
use super::frame::Frame;
use super::services::Planned;
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::frame::Section;
use crate::runtime::blueprint::lint::{Finding, Severity};
use crate::runtime::blueprint::{Diagnostic, MAX_BYTES};
use crate::runtime::insight::deploy_plan;
use crate::runtime::lifecycle::{DeployWish, OnFailure, RuntimeError};
use crate::runtime::stored::{self, BlueprintError, COMMENT_MAX, Draft, Version, Wish};
use crate::vault::secret::author_names;

/// What was done before.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

/// What is typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct BlueprintForm {
    #[serde(default)]
    text: String,
    #[serde(default)]
    comment: String,
    /// The version the change was made for; 0 where there was none.
    version: Option<u32>,
    /// `check` only checks, `plan` tells what a deploy of it would change; else it is saved.
    #[serde(default)]
    act: String,
}

impl BlueprintForm {
    fn is_check(&self) -> bool {
        self.act == "check"
    }

    fn wish(&self) -> Wish {
        Wish {
            text: self.text.replace("\r\n", "\n"),
            comment: self.comment.trim().to_owned(),
            base_version: self.version,
            dry_run: self.is_check(),
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "blueprint.html")]
struct BlueprintPage {
    frame: Frame,
    head: Head,
    /// The newest version; none where the environment has none yet.
    version: Option<Version>,
    by: String,
    typed: BlueprintForm,
    told: Option<Told>,
    faults: Vec<Diagnostic>,
    findings: Vec<Finding>,
    /// After a check: whether saving it would make a new version.
    checked: Option<bool>,
    /// What a deploy of what is typed would change, when that was asked for.
    plan: Option<Planned>,
    editor: String,
    show_as: ShowAs,
}

/// What a page is shown with besides what is saved.
#[derive(Default)]
struct With {
    typed: Option<BlueprintForm>,
    told: Option<Told>,
    faults: Vec<Diagnostic>,
    findings: Option<Vec<Finding>>,
    checked: Option<bool>,
    plan: Option<Planned>,
}

/// Shows it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<Done>,
) -> Answer {
    show(&visitor, &project, &environment, query.done.as_deref(), With::default()).await
}

async fn show(visitor: &Visitor, project: &str, environment: &str, done: Option<&str>, with: With) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Blueprint, "Blueprint").await?;
    let frame = frame.crumb("Blueprint", format!("{}/blueprint", head.base)).help("blueprints").notice(done);
    let look = match stored::blueprint_get(&visitor.op, project, environment, None).await {
        Ok(look) => Some(look),
        Err(BlueprintError::None(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let (version, errors, found) = match look {
        Some(look) => (Some(look.version), look.errors, look.findings),
        None => (None, Vec::new(), Vec::new()),
    };
    let by = author_names(&visitor.op, version.iter().map(|v| v.author.clone()).collect()).await?;
    let With { typed, told, faults, findings, checked, plan } = with;
    // What is wrong with what is typed; else with what is saved.
    let (faults, findings) = if typed.is_some() { (faults, findings.unwrap_or_default()) } else { (errors, found) };
    let typed = typed.unwrap_or_else(|| BlueprintForm {
        text: version.as_ref().map(|v| v.text.clone()).unwrap_or_default(),
        version: Some(version.as_ref().map_or(0, |v| v.version)),
        ..BlueprintForm::default()
    });
    let e = &head.placed.environment;
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast blueprint push blueprint.yaml --project {} --environment {}", e.project_slug, e.slug),
        ("PUT", &format!("{}/blueprint", head.base)),
        "{\"text\": \"<YAML>\"}",
        "text: |\n  <YAML>",
    );
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    let (by, editor) = (by.into_iter().next().unwrap_or_default(), assets::url("editor.js"));
    let page =
        BlueprintPage { frame, head, version, by, typed, told, faults, findings, checked, plan, editor, show_as };
    visitor.show_as(status, &page)
}

/// Saves what is typed as a new version, or only checks it, or tells what deploying it would change.
pub(super) async fn save(Names([project, environment]): Names<2>, Form(visitor, form): Form<BlueprintForm>) -> Answer {
    if form.act == "plan" {
        let with = planned(&visitor, &project, &environment, &form).await?;
        return show(&visitor, &project, &environment, None, With { typed: Some(form), ..with }).await;
    }
    let with = match stored::blueprint_put(&visitor.op, &project, &environment, form.wish()).await {
        Ok(saved) if !form.is_check() => {
            let done = if saved.is_new { "saved" } else { "same" };
            let place = (ui::part(&project), ui::part(&environment));
            return Visitor::go(&format!("/projects/{}/environments/{}/blueprint?done={done}", place.0, place.1));
        }
        Ok(saved) => With { findings: Some(saved.findings), checked: Some(saved.is_new), ..With::default() },
        Err(error) => told(error)?,
    };
    show(&visitor, &project, &environment, None, With { typed: Some(form), ..with }).await
}

/// What deploying what is typed would change, on the cluster it runs on, or the only one.
async fn planned(visitor: &Visitor, project: &str, environment: &str, form: &BlueprintForm) -> Result<With, Problem> {
    let text = form.wish().text;
    let findings = Draft::read(text.clone()).ok().map(|draft| draft.findings());
    let wish = DeployWish {
        project: project.to_owned(),
        environment: environment.to_owned(),
        cluster: None,
        plan: None,
        on_failure: OnFailure::Stay,
    };
    let with = match deploy_plan(&visitor.op, wish, Some(text)).await {
        Ok(plan) => With { plan: Some(Planned::of(plan)), ..With::default() },
        Err(RuntimeError::Stored(error)) => told(error)?,
        Err(error) => {
            let problem = Problem::from(error);
            if !matches!(problem.status().as_u16(), 400 | 404 | 409 | 422) {
                return Err(problem);
            }
            With { told: Some(Told::of(&problem)), ..With::default() }
        }
    };
    Ok(With { findings, ..with })
}

/// A failure that is shown beside the form; any other is a page of its own.
fn told(error: BlueprintError) -> Result<With, Problem> {
    let faults = match &error {
        BlueprintError::Invalid(errors) => errors.clone(),
        _ => Vec::new(),
    };
    let problem = Problem::from(error);
    if !matches!(problem.status().as_u16(), 400 | 409 | 412 | 422) {
        return Err(problem);
    }
    let mut told = Told::of(&problem);
    if !faults.is_empty() {
        // They stand in a list of their own, with links to their lines.
        told.items.clear();
    }
    Ok(With { told: Some(told), faults, ..With::default() })
}
