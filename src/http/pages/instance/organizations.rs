//! The organizations of an instance: a new one, and one that is brought back.

use askama::Template;
use serde::Deserialize;

use super::{Tab, frame};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::governance::{Done, is_told, status_of};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::organization::{Organization, organization_create, organization_list, organization_restore};
use crate::types::Slug;

/// What is typed of an organization.
#[derive(Clone, Default, Deserialize)]
pub(in crate::http::pages) struct OrganizationForm {
    #[serde(default)]
    slug: String,
    #[serde(default)]
    name: String,
}

/// One that was made by this request.
struct Made {
    organization: Organization,
    token: String,
}

/// The page.
#[derive(Template)]
#[template(path = "instance_organizations.html")]
struct OrganizationsPage {
    frame: Frame,
    tab: Tab,
    own: Vec<Organization>,
    typed: OrganizationForm,
    /// Which was to be brought back.
    restored: String,
    made: Option<Made>,
    told: Option<Told>,
}

/// Shows them.
pub(in crate::http::pages) async fn page(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    show(&visitor, query.done.as_deref(), Kept::default(), None, None).await
}

/// What is shown again when it is not taken.
#[derive(Default)]
struct Kept {
    typed: OrganizationForm,
    restored: String,
}

async fn show(visitor: &Visitor, done: Option<&str>, kept: Kept, made: Option<Made>, told: Option<Told>) -> Answer {
    let own = organization_list(&visitor.op).await?;
    let frame = frame(visitor, Tab::Organizations, done).await?;
    let Kept { typed, restored } = kept;
    let status = status_of(told.as_ref());
    let page = OrganizationsPage { frame, tab: Tab::Organizations, own, typed, restored, made, told };
    visitor.show_as(status, &page)
}

/// Makes one, and shows its first token, this once.
pub(in crate::http::pages) async fn create(Form(visitor, form): Form<OrganizationForm>) -> Answer {
    let made = match Slug::parse(form.slug.trim()) {
        Ok(slug) => organization_create(&visitor.op, slug, filled(&form.name)).await.map_err(Problem::from),
        Err(error) => Err(Problem::from(error).field("slug", "slug_invalid")),
    };
    match made {
        Ok((organization, minted)) => {
            let made = Made { organization, token: minted.token.expose().clone() };
            show(&visitor, None, Kept::default(), Some(made), None).await
        }
        Err(problem) if is_told(&problem) => {
            let kept = Kept { typed: form, restored: String::new() };
            show(&visitor, None, kept, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Brings a deleted one back.
pub(in crate::http::pages) async fn restore(Form(visitor, form): Form<OrganizationForm>) -> Answer {
    match organization_restore(&visitor.op, form.slug.trim().to_owned()).await.map_err(Problem::from) {
        Ok(_) => Visitor::go("/instance/organizations?done=restored"),
        Err(problem) if is_told(&problem) => {
            let kept = Kept { typed: OrganizationForm::default(), restored: form.slug };
            show(&visitor, None, kept, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
