//! The organization's settings: its name, what it asks of those who sign in, its mail, and its end.

use askama::Template;
use serde::Deserialize;

use super::{Confirm, Done, is_told, status_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::access;
use crate::orgs::deletion::{Deletion, Shredding};
use crate::orgs::organization::{
    Extent, Organization, Security, organization_delete, organization_extent, organization_own, organization_update,
    security_get, security_set,
};
use crate::policy::Action;
use crate::vault::approval::{OrganizationAct, OrganizationRule, organization_rule_list};
use crate::vault::approval::{organization_rule_remove, organization_rule_set};

/// What goes with an organization.
struct Toll {
    extent: Extent,
    deletion: Deletion,
    shredding: Shredding,
}

/// The page.
#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each part of the page is shown by a right of its own")]
#[template(path = "organization.html")]
struct SettingsPage {
    frame: Frame,
    organization: Organization,
    name: String,
    security: Security,
    rules: Option<Vec<OrganizationRule>>,
    mail: Option<String>,
    has_mail: bool,
    may_update: bool,
    may_own: bool,
    may_rule: bool,
    is_operator: bool,
    toll: Option<Toll>,
    told: Option<Told>,
    show_as: ShowAs,
}

impl SettingsPage {
    /// How many approvals an act of the organization asks for.
    fn asked(&self, act: &OrganizationAct) -> usize {
        let rules = self.rules.as_deref().unwrap_or_default();
        let found = rules.iter().find(|r| r.act == *act);
        found.map_or(0, |r| usize::try_from(r.approvals).unwrap_or(usize::MAX))
    }
}

/// Shows them.
pub(super) async fn page(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    show(&visitor, query.done.as_deref(), None, None).await
}

async fn show(visitor: &Visitor, done: Option<&str>, name: Option<String>, told: Option<Told>) -> Answer {
    let (op, state) = (&visitor.op, &visitor.state);
    let organization = organization_own(op).await?;
    let slug = organization.slug.to_string();
    let security = security_get(op, slug.clone()).await?;
    let asked =
        [Action::OrgUpdate, Action::OrgDelete, Action::OwnerGrant, Action::PolicyManage, Action::ApprovalDecide];
    let may = access::may(op, None, None, &asked).await?;
    let may_see_rules = may.contains(&Action::PolicyManage) || may.contains(&Action::ApprovalDecide);
    let rules = if may_see_rules { Some(organization_rule_list(op).await?) } else { None };
    let toll = if may.contains(&Action::OrgDelete) { toll(visitor, &slug).await } else { None };
    let frame = visitor.frame("Settings", Section::Settings, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Settings", "/organization").help("people").notice(done);
    let show_as = ShowAs::of(
        visitor,
        format!(
            "holdfast organizations update {slug} --name NAME\nholdfast organizations security {slug} --require-second-factor true"
        ),
        ("PATCH", &format!("/organizations/{slug}")),
        "{\"name\": \"<NAME>\"}",
        "name: <NAME>",
    );
    let status = status_of(told.as_ref());
    let page = SettingsPage {
        name: name.unwrap_or_else(|| organization.name.clone()),
        mail: state.parts.settings.mail.as_ref().map(|mail| mail.from.to_string()),
        has_mail: state.parts.mailer.is_configured(),
        may_update: may.contains(&Action::OrgUpdate),
        may_own: may.contains(&Action::OwnerGrant),
        may_rule: may.contains(&Action::PolicyManage),
        is_operator: op.identity()?.principal.instance_operator,
        frame,
        organization,
        security,
        rules,
        toll,
        told,
        show_as,
    };
    visitor.show_as(status, &page)
}

/// What would go; none for who is asked to sign in again for it.
async fn toll(visitor: &Visitor, slug: &str) -> Option<Toll> {
    let op = &visitor.op;
    let (deletion, shredding) = organization_delete(op, slug.to_owned(), true).await.ok()?;
    Some(Toll { extent: organization_extent(op).await.ok()?, deletion, shredding })
}

/// Where a change of the settings leads: on, or back with what is wrong.
async fn answer<T>(visitor: &Visitor, done: Result<T, Problem>, name: Option<String>) -> Answer {
    match done {
        Ok(_) => Visitor::go("/organization?done=changed"),
        Err(problem) if is_told(&problem) => show(visitor, None, name, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// How it shall be called.
#[derive(Deserialize)]
pub(super) struct NameForm {
    #[serde(default)]
    name: String,
}

/// Renames it.
pub(super) async fn rename(Form(visitor, form): Form<NameForm>) -> Answer {
    let slug = organization_own(&visitor.op).await?.slug.to_string();
    let done = organization_update(&visitor.op, slug, form.name.clone()).await.map_err(Problem::from);
    answer(&visitor, done, Some(form.name)).await
}

/// What it shall ask of those who sign in.
#[derive(Deserialize)]
pub(super) struct SecurityForm {
    #[serde(default)]
    second_factor: String,
}

/// Changes what it asks of those who sign in.
pub(super) async fn secure(Form(visitor, form): Form<SecurityForm>) -> Answer {
    let slug = organization_own(&visitor.op).await?.slug.to_string();
    let wish = Security { second_factor_required: form.second_factor == "yes" };
    let done = security_set(&visitor.op, slug, wish).await.map_err(Problem::from);
    answer(&visitor, done, None).await
}

/// How many others must agree on an act of the organization.
#[derive(Deserialize)]
pub(super) struct RuleForm {
    #[serde(default)]
    act: String,
    /// 0 takes the rule away.
    #[serde(default)]
    approvals: u32,
    /// Why it is made weaker.
    #[serde(default)]
    reason: String,
}

/// Sets or takes away a rule of the organization itself.
pub(super) async fn rule(Form(visitor, form): Form<RuleForm>) -> Answer {
    let (op, reason) = (&visitor.op, filled(&form.reason));
    let done = match OrganizationAct::parse(&form.act) {
        Ok(act) if form.approvals == 0 => organization_rule_remove(op, act, reason).await.map_err(Problem::from),
        Ok(act) => organization_rule_set(op, act, form.approvals, None, reason).await.map_err(Problem::from),
        Err(error) => Err(error.into()),
    };
    answer(&visitor, done, None).await
}

/// It was deleted: nothing of it answers any more.
#[derive(Template)]
#[template(path = "organization_deleted.html")]
struct DeletedPage {
    title: &'static str,
    theme: Theme,
    style: String,
    name: String,
    until: String,
    gone: String,
}

/// Deletes it, when its name was typed; its tokens, the one that asks included, stop working at once.
pub(super) async fn delete(Form(visitor, form): Form<Confirm>) -> Answer {
    let organization = organization_own(&visitor.op).await?;
    let slug = organization.slug.to_string();
    let done = match form.require(&slug) {
        Ok(()) => organization_delete(&visitor.op, slug, false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok((deletion, shredding)) => visitor.show(&DeletedPage {
            title: "Deleted",
            theme: visitor.theme(),
            style: crate::http::pages::assets::url("app.css"),
            name: organization.name,
            until: deletion.restorable_until.to_string(),
            gone: shredding.complete_at.map(|at| at.to_string()).unwrap_or_default(),
        }),
        Err(problem) => answer::<()>(&visitor, Err(problem), None).await,
    }
}
