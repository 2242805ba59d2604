//! The pages of who may do what, and why: members, teams, roles and grants, the matrix and
//! the reviews of access, policies, and the organization itself.
//!
//! They offer only what whoever looks may give, and decide nothing: what is sent is decided by the operation, also
//! when it was never offered.

mod csv;
mod grants;
mod keys;
mod matrix;
mod member;
mod organization;
mod policies;
mod policy_tests;
mod quotas;
mod review;
mod roles;
mod settings;
mod teams;
mod versions;

pub(super) use versions::{DiffLine, lines};

use actix_web::http::StatusCode;

use std::collections::HashMap;

use super::failure::Told;
use super::project;
use super::secret::uses;
use super::settings as environment_settings;
use super::visitor::Visitor;
use crate::http::error::Problem;
use crate::http::routes::{Routes, at};
use crate::orgs::access::{self, Place};

/// The routes of these pages.
pub(super) fn governance_routes(app: &mut Routes) {
    app.service(at("/members/{user}").get(member::page).done());
    app.service(at("/teams").get(teams::list).post(teams::create).done());
    app.service(at("/teams/{team}").get(teams::page).post(teams::update).done());
    app.service(at("/teams/{team}/members").post(teams::member_add).done());
    app.service(at("/teams/{team}/members/{member}/remove").post(teams::member_remove).done());
    app.service(at("/teams/{team}/delete").post(teams::delete).done());
    app.service(at("/roles").get(roles::list).done());
    app.service(at("/new-role").get(roles::fresh).post(roles::create).done());
    app.service(at("/roles/{role}").get(roles::page).post(roles::update).done());
    app.service(at("/roles/{role}/delete").post(roles::delete).done());
    app.service(at("/grants").get(grants::page).post(grants::give).done());
    app.service(at("/grants/{grant}/take").post(grants::take).done());
    app.service(at("/access").get(matrix::page).done());
    app.service(at("/access/why").get(matrix::why).done());
    app.service(at("/access/people").get(matrix::people).done());
    app.service(at("/access/review").get(review::review).done());
    app.service(at("/access/unused").get(review::unused).done());
    app.service(at("/policies").get(policies::list).done());
    app.service(at("/new-policy").get(policies::fresh).post(policies::create).done());
    app.service(at("/policies/{policy}").get(policies::page).post(policies::save).done());
    app.service(at("/policies/{policy}/mode").post(policies::switch).done());
    app.service(at("/policies/{policy}/simulate").post(policies::simulate).done());
    app.service(at("/policies/{policy}/delete").post(policies::delete).done());
    app.service(at("/policies/{policy}/versions").get(versions::page).done());
    app.service(at("/policies/{policy}/rollback").post(versions::rollback).done());
    app.service(at("/organization").get(settings::page).done());
    app.service(at("/organization/name").post(settings::rename).done());
    app.service(at("/organization/security").post(settings::secure).done());
    app.service(at("/organization/rules").post(settings::rule).done());
    app.service(at("/organization/delete").post(settings::delete).done());
    app.service(at("/organization/quota").get(quotas::page).post(quotas::set).done());
    app.service(at("/organization/prices").post(quotas::price).done());
    app.service(at("/organization/keys").get(keys::page).post(keys::act).done());
    app.service(at("/organization/transfer").get(organization::transfer).post(organization::transferred).done());
}

/// The tree of a project in the rail, what an environment asks others about, what uses a secret, and the value that is only one's own.
pub(super) fn usage_routes(app: &mut Routes) {
    app.service(at("/projects/{project}/branches").get(project::branches).done());
    app.service(
        at("/projects/{project}/environments/{environment}/approval-rules").post(environment_settings::rule).done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/uses")
            .get(uses::page)
            .post(uses::look)
            .done(),
    );
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/own").post(uses::own).done());
}

/// Whether a refusal is told beside the form that led to it, with what was typed.
pub(super) fn is_told(problem: &Problem) -> bool {
    matches!(problem.status().as_u16(), 400 | 401 | 403 | 404 | 409 | 412 | 422)
}

/// The status of a page that shows a form, perhaps with why it was not taken.
pub(super) fn status_of(told: Option<&Told>) -> StatusCode {
    told.and_then(|told| StatusCode::from_u16(told.status).ok()).unwrap_or(StatusCode::OK)
}

/// A name that was typed to show that something is meant.
#[derive(serde::Deserialize)]
pub(super) struct Confirm {
    #[serde(default)]
    confirm: String,
}

impl Confirm {
    /// Whether it is the name of what is acted on.
    pub(super) fn require(&self, name: &str) -> Result<(), Problem> {
        if self.confirm.trim() == name {
            return Ok(());
        }
        let problem = Problem::invalid("confirmation_wrong", format!("type {name} to show that it is meant"));
        Err(problem.field("confirm", "confirmation_wrong"))
    }
}

/// What was done before, as the address says it.
#[derive(Default, serde::Deserialize)]
pub(super) struct Done {
    pub(super) done: Option<String>,
}

/// A node as forms and addresses name it: `shop/staging`, `shop`, or nothing for the organization.
fn node_text(place: &Place) -> String {
    match (&place.project, &place.environment) {
        (Some((_, project)), Some((_, environment))) => format!("{project}/{environment}"),
        (Some((_, project)), None) => project.to_string(),
        (None, _) => String::new(),
    }
}

/// Projects and environments whoever looks may see, by id.
pub(super) async fn place_names(visitor: &Visitor) -> Result<HashMap<String, String>, Problem> {
    let mut places = HashMap::new();
    for (project, tree) in access::forest(&visitor.op).await? {
        places.insert(project.id.to_string(), project.slug.to_string());
        places.extend(tree.iter().map(|(placed, _)| (placed.environment.id.to_string(), placed.path())));
    }
    Ok(places)
}
