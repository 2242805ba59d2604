//! Inviting somebody, and the invitations that are out.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::orgs::OrgError;
use crate::orgs::invitation::{self, InvitationView, Invite};
use crate::orgs::role;
use crate::types::{Email, Id, Slug};

/// How many invitations a page shows.
const ROWS: u32 = 100;

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct InviteQuery {
    cursor: Option<String>,
}

/// Who shall be invited, as typed.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct InviteForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    /// `project` or `project/environment`; everywhere when empty.
    #[serde(default)]
    node: String,
    #[serde(default)]
    link: String,
}

/// The page.
#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage {
    frame: Frame,
    typed: InviteForm,
    told: Option<Told>,
    roles: Vec<String>,
    invitations: Vec<InvitationView>,
    next: Option<String>,
    has_mail: bool,
    /// The one that was made just now, and its link when it is to be handed over.
    made: Option<(String, Option<String>)>,
}

/// The form, and what is out.
pub(super) async fn page(visitor: Visitor, Query(query): Query<InviteQuery>) -> Answer {
    show(&visitor, StatusCode::OK, query, InviteForm::default(), None, None).await
}

async fn show(
    visitor: &Visitor,
    status: StatusCode,
    query: InviteQuery,
    typed: InviteForm,
    told: Option<Told>,
    made: Option<(String, Option<String>)>,
) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let listed = invitation::invitation_list(&visitor.op, limit, cursor).await?;
    let frame = visitor.frame("Invite", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Members", "/members").crumb("Invite", "/invite").help("people");
    let roles = role::role_list(&visitor.op).await?.into_iter().map(|role| role.name.to_string());
    let page = InvitePage {
        frame,
        typed,
        told,
        roles: roles.filter(|name| name != "owner").collect(),
        next: listed.next.map(|next| format!("/invite?cursor={}", next.encode())),
        invitations: listed.items,
        has_mail: visitor.state.parts.mailer.is_configured(),
        made,
    };
    visitor.show_as(status, &page)
}

/// Invites somebody.
pub(super) async fn create(Form(visitor, form): Form<InviteForm>) -> Answer {
    let first = InviteQuery::default();
    match invite(&visitor, &form).await {
        Ok(made) => show(&visitor, StatusCode::OK, first, InviteForm::default(), None, Some(made)).await,
        Err(problem) if matches!(problem.status().as_u16(), 400 | 403 | 404 | 409 | 422) => {
            show(&visitor, problem.status(), first, form, Some(Told::of(&problem)), None).await
        }
        Err(problem) => Err(problem),
    }
}

async fn invite(visitor: &Visitor, form: &InviteForm) -> Result<(String, Option<String>), Problem> {
    let role = filled(&form.role).map(|role| Slug::parse(&role));
    let node = filled(&form.node).unwrap_or_default();
    let (project, environment) = match node.split_once('/') {
        Some((project, environment)) => (Some(project.to_owned()), Some(environment.to_owned())),
        None => (filled(&node), None),
    };
    let wish = Invite {
        email: Email::parse(&form.email).map_err(|e| Problem::from(e).field("email", "email_invalid"))?,
        role: role.transpose().map_err(|e| Problem::from(e).field("role", "role_invalid"))?,
        project,
        environment,
        teams: Vec::new(),
        life: None,
        by_link: form.link == "yes",
    };
    let state = &visitor.state;
    let done = invitation::invitation_create(&visitor.op, &state.parts.mailer, state.public_url.as_str(), wish).await?;
    Ok((done.view.invitation.email.to_string(), done.link.map(|link| link.expose().clone())))
}

/// A form without fields of its own.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// Takes one back.
pub(super) async fn revoke(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("invitation", id))?;
    invitation::invitation_revoke(&visitor.op, id).await?;
    Visitor::go("/invite")
}
