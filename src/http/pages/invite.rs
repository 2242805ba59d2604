//! Inviting somebody, and the invitations that are out.

use std::time::Duration;

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
use crate::orgs::team;
use crate::types::{Email, Id, Slug, Timestamp};

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
    /// Names of teams, between commas.
    #[serde(default)]
    teams: String,
    /// For how many days it can be accepted; seven when empty.
    #[serde(default)]
    days: String,
    #[serde(default)]
    link: String,
}

/// How long an invitation may stand, in days, and in words.
const LIVES: &[(&str, &str)] = &[("1", "a day"), ("3", "3 days"), ("7", "7 days"), ("30", "30 days")];

/// One that was made just now.
struct Made {
    email: String,
    /// What is handed over; none when it was mailed.
    link: Option<String>,
    until: Timestamp,
}

/// The page.
#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage {
    frame: Frame,
    typed: InviteForm,
    told: Option<Told>,
    roles: Vec<String>,
    /// The names of teams, to choose from.
    teams: Vec<String>,
    invitations: Vec<InvitationView>,
    next: Option<String>,
    has_mail: bool,
    made: Option<Made>,
}

impl InvitePage {
    fn is_life(&self, days: &str) -> bool {
        if self.typed.days.is_empty() { days == "7" } else { self.typed.days == days }
    }

    fn others(view: &InvitationView) -> String {
        view.teams.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
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
    made: Option<Made>,
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
        teams: team::team_list(&visitor.op).await?.into_iter().map(|view| view.team.name.to_string()).collect(),
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

async fn invite(visitor: &Visitor, form: &InviteForm) -> Result<Made, Problem> {
    let role = filled(&form.role).map(|role| Slug::parse(&role));
    let node = filled(&form.node).unwrap_or_default();
    let (project, environment) = match node.split_once('/') {
        Some((project, environment)) => (Some(project.to_owned()), Some(environment.to_owned())),
        None => (filled(&node), None),
    };
    let wrong = |_| Problem::invalid("form_invalid", "days are a number").field("days", "form_invalid");
    let days = filled(&form.days).map(|days| days.parse::<u32>()).transpose().map_err(wrong)?;
    let wish = Invite {
        email: Email::parse(&form.email).map_err(|e| Problem::from(e).field("email", "email_invalid"))?,
        role: role.transpose().map_err(|e| Problem::from(e).field("role", "role_invalid"))?,
        project,
        environment,
        teams: form.teams.split(',').filter_map(filled).collect(),
        life: days.map(|days| Duration::from_hours(u64::from(days) * 24)),
        by_link: form.link == "yes",
    };
    let state = &visitor.state;
    let done = invitation::invitation_create(&visitor.op, &state.parts.mailer, state.public_url.as_str(), wish).await?;
    let (email, until) = (done.view.invitation.email.to_string(), done.view.invitation.expires_at);
    Ok(Made { email, link: done.link.map(|link| link.expose().clone()), until })
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
