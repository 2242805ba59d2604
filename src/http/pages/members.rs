//! The people of the organization: who they are, what they hold, and who comes and goes.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::access::place;
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::orgs::access;
use crate::orgs::member::{self, Member, MemberAdd};
use crate::orgs::role::{self, RoleView};
use crate::policy::Action;
use crate::types::{Email, SecretString, Slug};

/// How many people a page shows.
const ROWS: u32 = 200;

/// Which page, and what was done before.
#[derive(Deserialize)]
pub(super) struct MembersQuery {
    cursor: Option<String>,
    done: Option<String>,
}

/// Somebody new.
#[derive(Default, Deserialize)]
pub(super) struct MemberForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default)]
    role: String,
    /// `project` or `project/environment`; the organization when empty.
    #[serde(default)]
    node: String,
}

/// What of it is shown again when it is not taken.
#[derive(Default)]
struct Typed {
    email: String,
    name: String,
    role: String,
    node: String,
}

/// The page.
#[derive(Template)]
#[template(path = "members.html")]
struct MembersPage {
    frame: Frame,
    members: Vec<Member>,
    roles: Vec<RoleView>,
    typed: Typed,
    told: Option<Told>,
    next: Option<String>,
    may_invite: bool,
    may_remove: bool,
}

impl MembersPage {
    /// What somebody holds, in words.
    fn holds(member: &Member) -> Vec<String> {
        member.grants.iter().map(|g| format!("{} on {}", g.grant.role, place(&g.place))).collect()
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<MembersQuery>) -> Answer {
    show(&visitor, StatusCode::OK, query, Typed::default(), None).await
}

async fn show(visitor: &Visitor, status: StatusCode, query: MembersQuery, typed: Typed, told: Option<Told>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let page = member::member_list(&visitor.op, limit, cursor).await?;
    let roles = role::role_list(&visitor.op).await?;
    let may = access::may(&visitor.op, None, None, &[Action::MemberInvite, Action::MemberRemove]).await?;
    let frame = visitor.frame("Members", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Members", "/members").help("access").notice(query.done.as_deref());
    let next = page.next.map(|next| format!("/members?cursor={}", next.encode()));
    let (may_invite, may_remove) = (may.contains(&Action::MemberInvite), may.contains(&Action::MemberRemove));
    let members = page.items;
    visitor.show_as(status, &MembersPage { frame, members, roles, typed, told, next, may_invite, may_remove })
}

/// A node as a form names it.
pub(super) fn node(text: &str) -> (Option<String>, Option<String>) {
    match text.trim().split_once('/') {
        Some((project, environment)) => (filled(project), filled(environment)),
        None => (filled(text), None),
    }
}

/// Adds somebody.
pub(super) async fn add(Form(visitor, form): Form<MemberForm>) -> Answer {
    let typed =
        Typed { email: form.email.clone(), name: form.name.clone(), role: form.role.clone(), node: form.node.clone() };
    let done = match wish(form) {
        Ok(wish) => member::member_add(&visitor.op, &visitor.state.parts.passwords, wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go("/members?done=created"),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 404 | 409 | 422) => {
            let query = MembersQuery { cursor: None, done: None };
            show(&visitor, problem.status(), query, typed, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(form: MemberForm) -> Result<MemberAdd, Problem> {
    let (project, environment) = node(&form.node);
    Ok(MemberAdd {
        email: Email::parse(form.email.trim()).map_err(|e| Problem::from(e).field("email", "email_invalid"))?,
        name: filled(&form.name),
        password: form.password.filter(|p| !p.expose().is_empty()),
        role: filled(&form.role).map(|role| Slug::parse(&role)).transpose()?,
        project,
        environment,
    })
}

/// The address, typed to show that it is meant.
#[derive(Deserialize)]
pub(super) struct RemoveForm {
    #[serde(default)]
    confirm: String,
}

/// What goes with somebody, before it goes.
#[derive(Template)]
#[template(path = "member_remove.html")]
struct RemovePage {
    frame: Frame,
    email: String,
    id: String,
    grants: usize,
    teams: usize,
    credentials: usize,
    told: Option<Told>,
}

/// Asks whether it is meant.
pub(super) async fn remove(visitor: Visitor, Names([user]): Names<1>) -> Answer {
    show_remove(&visitor, user, None).await
}

async fn show_remove(visitor: &Visitor, user: String, told: Option<Told>) -> Answer {
    let plan = member::member_remove(&visitor.op, user, true).await?;
    let (email, id) = (plan.user.email.to_string(), plan.user.id.to_string());
    let frame = visitor.frame(format!("Remove {email}"), Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Members", "/members").crumb("Remove", format!("/members/{id}/remove"));
    let status = told.as_ref().map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    let (grants, teams, credentials) = (plan.grants, plan.teams, plan.credentials);
    visitor.show_as(status, &RemovePage { frame, email, id, grants, teams, credentials, told })
}

/// Removes somebody with all they hold here.
pub(super) async fn removed(Names([user]): Names<1>, Form(visitor, form): Form<RemoveForm>) -> Answer {
    let plan = member::member_remove(&visitor.op, user.clone(), true).await?;
    if form.confirm.trim() != plan.user.email.as_str() {
        let problem = Problem::invalid("confirmation_wrong", "type the address to remove them");
        return show_remove(&visitor, user, Some(Told::of(&problem))).await;
    }
    member::member_remove(&visitor.op, user, false).await?;
    Visitor::go("/members?done=removed")
}
