//! Teams: all of them, and one with its people, the teams it is nested with, and what it was given.

use askama::Template;
use serde::Deserialize;

use super::{Confirm, Done, is_told, status_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::access::place;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::access;
use crate::orgs::grant::GrantView;
use crate::orgs::member::member_list;
use crate::orgs::team::{self, DEPTH_MAX, Member, MemberName, TeamChange, TeamRemoval, TeamView};
use crate::policy::Action;
use crate::types::{Limit, Slug};

/// How many teams and grants a row of the list names.
const NAMED: usize = 8;

/// What is typed of a team.
#[derive(Clone, Default, Deserialize)]
pub(super) struct TeamForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
}

/// Every team.
#[derive(Template)]
#[template(path = "teams.html")]
struct TeamsPage {
    frame: Frame,
    teams: Vec<TeamView>,
    typed: TeamForm,
    told: Option<Told>,
    may_manage: bool,
    show_as: ShowAs,
}

impl TeamsPage {
    fn people(team: &TeamView) -> usize {
        team.members.iter().filter(|m| matches!(m.member, Member::User(_))).count()
    }

    fn inner(team: &TeamView) -> Vec<String> {
        let inner = team.members.iter().filter(|m| matches!(m.member, Member::Team(_)));
        some(inner.map(|m| m.name.clone()))
    }

    fn holds(team: &TeamView) -> Vec<String> {
        some(team.grants.iter().map(|g| format!("{} on {}", g.grant.role, place(&g.place))))
    }
}

/// The first of them, and how many more there are: a row stays a row.
fn some(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<_> = all.collect();
    if all.len() > NAMED {
        let rest = format!("{} more", ui::number(all.len() - NAMED));
        all.truncate(NAMED);
        all.push(rest);
    }
    all
}

/// Shows all.
pub(super) async fn list(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    show_all(&visitor, query.done.as_deref(), TeamForm::default(), None).await
}

async fn show_all(visitor: &Visitor, done: Option<&str>, typed: TeamForm, told: Option<Told>) -> Answer {
    let teams = team::team_list(&visitor.op).await?;
    let frame = visitor.frame("Teams", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Teams", "/teams").help("access").notice(done);
    let may_manage = frame.permissions.permits(Action::TeamManage, false);
    let show_as = ShowAs::of(
        visitor,
        "holdfast teams create NAME --description TEXT",
        ("POST", "/teams"),
        "{\"name\": \"<NAME>\", \"description\": \"<TEXT>\"}",
        "name: <NAME>\ndescription: <TEXT>",
    );
    let status = status_of(told.as_ref());
    visitor.show_as(status, &TeamsPage { frame, teams, typed, told, may_manage, show_as })
}

/// Makes a team.
pub(super) async fn create(Form(visitor, form): Form<TeamForm>) -> Answer {
    let made = match Slug::parse(form.name.trim()) {
        Ok(name) => team::team_create(&visitor.op, name, filled(&form.description)).await.map_err(Problem::from),
        Err(error) => Err(Problem::from(error).field("name", "slug_invalid")),
    };
    match made {
        Ok(made) => Visitor::go(&format!("/teams/{}?done=created", made.team.id)),
        Err(problem) if is_told(&problem) => show_all(&visitor, None, form, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// One team.
#[derive(Template)]
#[template(path = "team.html")]
struct TeamPage {
    frame: Frame,
    view: TeamView,
    /// What may be put into it, as a form names it: addresses, then other teams.
    people: Vec<String>,
    others: Vec<Slug>,
    typed: TeamForm,
    /// What goes with it; none where it may not be deleted.
    toll: Option<TeamRemoval>,
    told: Option<Told>,
    may_manage: bool,
    may_grant: bool,
    show_as: ShowAs,
}

impl TeamPage {
    fn place(grant: &GrantView) -> String {
        place(&grant.place)
    }

    fn is_team(member: &Member) -> bool {
        matches!(member, Member::Team(_))
    }

    fn member_id(member: &Member) -> String {
        match member {
            Member::User(id) => id.to_string(),
            Member::Team(id) => id.to_string(),
        }
    }

    fn member_href(member: &Member) -> String {
        match member {
            Member::User(id) => format!("/members/{id}"),
            Member::Team(id) => format!("/teams/{id}"),
        }
    }
}

/// Shows one.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<Done>) -> Answer {
    show(&visitor, &name, query.done.as_deref(), None, None).await
}

async fn show(
    visitor: &Visitor,
    name: &str,
    done: Option<&str>,
    typed: Option<TeamForm>,
    told: Option<Told>,
) -> Answer {
    let op = &visitor.op;
    let view = team::team_get(op, name).await?;
    let may = access::may(op, None, None, &[Action::TeamManage, Action::GrantManage]).await?;
    let (may_manage, may_grant) = (may.contains(&Action::TeamManage), may.contains(&Action::GrantManage));
    let (mut people, mut others, mut toll) = (Vec::new(), Vec::new(), None);
    if may_manage {
        let is_in = |name: &str| view.members.iter().any(|m| m.name == name);
        let all = member_list(op, Limit::parse(u32::from(Limit::MAX))?, None).await?.items;
        people = all.into_iter().map(|m| m.user.email.to_string()).filter(|email| !is_in(email)).collect();
        let teams = team::team_list(op).await?.into_iter().map(|t| t.team.name);
        others = teams.filter(|t| *t != view.team.name && !is_in(t.as_str()) && !view.within.contains(t)).collect();
        // Who may not take all of it may not delete it: no reason to hide the rest.
        toll = team::team_delete(op, view.team.id.to_string(), true).await.ok();
    }
    let here = format!("/teams/{}", view.team.id);
    let frame = visitor.frame(view.team.name.as_str(), Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Teams", "/teams").crumb(view.team.name.as_str(), here);
    let frame = frame.help("access").notice(done);
    let fallback = || TeamForm { name: view.team.name.to_string(), description: view.team.description.clone() };
    let typed = typed.unwrap_or_else(fallback);
    let team = view.team.name.as_str();
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast teams add {team} --user ADDRESS"),
        ("POST", &format!("/teams/{team}/members")),
        "{\"user\": \"<ADDRESS>\"}",
        "user: <ADDRESS>",
    );
    let status = status_of(told.as_ref());
    let page = TeamPage { frame, view, people, others, typed, toll, told, may_manage, may_grant, show_as };
    visitor.show_as(status, &page)
}

/// Where a change of a team leads: on, or back to its page with what is wrong.
async fn answer<T>(
    visitor: &Visitor,
    name: &str,
    done: Result<T, Problem>,
    on: &str,
    typed: Option<TeamForm>,
) -> Answer {
    match done {
        Ok(_) => Visitor::go(on),
        Err(problem) if is_told(&problem) => show(visitor, name, None, typed, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

/// Changes how it is called and what it is for.
pub(super) async fn update(Names([name]): Names<1>, Form(visitor, form): Form<TeamForm>) -> Answer {
    let id = team::team_get(&visitor.op, &name).await?.team.id.to_string();
    let done = match Slug::parse(form.name.trim()) {
        Ok(new) => {
            let change = TeamChange { name: Some(new), description: Some(form.description.replace("\r\n", "\n")) };
            team::team_update(&visitor.op, id.clone(), change).await.map_err(Problem::from)
        }
        Err(error) => Err(Problem::from(error).field("name", "slug_invalid")),
    };
    answer(&visitor, &id, done, &format!("/teams/{id}?done=changed"), Some(form)).await
}

/// Who shall be in it.
#[derive(Deserialize)]
pub(super) struct JoinForm {
    /// An address, or a team's name.
    #[serde(default)]
    member: String,
}

/// Puts somebody, or another team, into it.
pub(super) async fn member_add(Names([name]): Names<1>, Form(visitor, form): Form<JoinForm>) -> Answer {
    let member = MemberName::parse(form.member.trim());
    let done = team::member_add(&visitor.op, name.clone(), member).await.map_err(Problem::from);
    answer(&visitor, &name, done, &format!("/teams/{}?done=changed", ui::part(&name)), None).await
}

/// Takes somebody, or another team, out of it.
pub(super) async fn member_remove(
    Names([name, member]): Names<2>,
    Form(visitor, _): Form<Vec<(String, String)>>,
) -> Answer {
    let done = team::member_remove(&visitor.op, name.clone(), MemberName::parse(&member)).await.map_err(Problem::from);
    answer(&visitor, &name, done, &format!("/teams/{}?done=removed", ui::part(&name)), None).await
}

/// Deletes it with its grants, when its name was typed.
pub(super) async fn delete(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let slug = team::team_get(&visitor.op, &name).await?.team.name;
    let done = match form.require(slug.as_str()) {
        Ok(()) => team::team_delete(&visitor.op, name.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, &name, done, "/teams?done=removed", None).await
}
