//! The organization itself: what only its owners do.

use askama::Template;
use serde::Deserialize;

use super::{is_told, status_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::member::member_list;
use crate::orgs::organization::{Organization, TransferWish, organization_own, ownership_transfer};
use crate::policy::BuiltinRole;
use crate::types::{Limit, Slug};

/// To whom, and what one keeps.
#[derive(Clone, Default, Deserialize)]
pub(super) struct TransferForm {
    #[serde(default)]
    to: String,
    #[serde(default)]
    keep: String,
    /// The organization's slug, typed to show that it is meant.
    #[serde(default)]
    confirm: String,
}

/// Handing ownership over.
#[derive(Template)]
#[template(path = "transfer.html")]
struct TransferPage {
    frame: Frame,
    organization: Organization,
    people: Vec<String>,
    typed: TransferForm,
    told: Option<Told>,
    show_as: ShowAs,
}

/// Asks whether it is meant.
pub(super) async fn transfer(visitor: Visitor, Query(form): Query<TransferForm>) -> Answer {
    let typed = TransferForm { keep: BuiltinRole::Admin.to_string(), ..form };
    show(&visitor, typed, None).await
}

async fn show(visitor: &Visitor, typed: TransferForm, told: Option<Told>) -> Answer {
    let organization = organization_own(&visitor.op).await?;
    let people = member_list(&visitor.op, Limit::parse(u32::from(Limit::MAX))?, None).await?.items;
    let frame = visitor.frame("Transfer ownership", Section::Members, None).await?;
    let people = people.into_iter().map(|m| m.user.email.to_string()).filter(|email| *email != frame.actor).collect();
    let frame = frame.crumb("Home", "/").crumb("Members", "/members").crumb("Transfer", "/organization/transfer");
    let slug = &organization.slug;
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast organizations transfer {slug} --to ADDRESS --keep admin"),
        ("POST", &format!("/organizations/{slug}/transfer")),
        "{\"user\": \"<ADDRESS>\", \"role\": \"admin\"}",
        "user: <ADDRESS>\nrole: admin",
    );
    let status = status_of(told.as_ref());
    let page = TransferPage { frame: frame.help("people"), organization, people, typed, told, show_as };
    visitor.show_as(status, &page)
}

/// Hands it over.
pub(super) async fn transferred(Form(visitor, form): Form<TransferForm>) -> Answer {
    let slug = organization_own(&visitor.op).await?.slug;
    let done = match wish(&form, &slug) {
        Ok(wish) => ownership_transfer(&visitor.op, slug.to_string(), wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(done) => Visitor::go(&format!("/members/{}?done=changed", done.owner.id)),
        Err(problem) if is_told(&problem) => {
            show(&visitor, TransferForm { confirm: String::new(), ..form }, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(form: &TransferForm, slug: &Slug) -> Result<TransferWish, Problem> {
    if form.confirm.trim() != slug.as_str() {
        let problem = Problem::invalid("confirmation_wrong", format!("type {slug} to show that it is meant"));
        return Err(problem.field("confirm", "confirmation_wrong"));
    }
    let missing = || Problem::invalid("missing_field", "say who shall own it").field("to", "missing_field");
    let to = filled(&form.to).ok_or_else(missing)?;
    let keep = filled(&form.keep).map(|role| Slug::parse(&role)).transpose()?;
    Ok(TransferWish { to, keep, dry_run: false })
}
