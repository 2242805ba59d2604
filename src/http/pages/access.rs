//! Who can reach an environment, with what, and why.

use askama::Template;

use super::environment::{Head, Tab};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::extract::Names;
use crate::orgs::access::{self, Place, Reaching, ReviewWish};
use crate::policy::{Action, PrincipalId};
use crate::types::Limit;

/// What a row says at a glance, in the order people ask.
pub(super) const TOLD: &[(Action, &str)] = &[
    (Action::SecretList, "see names"),
    (Action::SecretUse, "use values"),
    (Action::SecretReveal, "see values"),
    (Action::SecretWrite, "write"),
    (Action::SecretDelete, "delete"),
    (Action::GrantManage, "give access"),
];

/// Somebody who reaches it.
struct Row {
    name: String,
    is_machine: bool,
    holds: Vec<bool>,
    ways: Vec<String>,
    denied_by: Vec<String>,
}

impl Row {
    fn of(reaching: Reaching) -> Self {
        Self {
            is_machine: matches!(reaching.principal, PrincipalId::ServiceAccount(_)),
            holds: TOLD.iter().map(|(action, _)| reaching.actions.contains(action)).collect(),
            ways: reaching.ways.iter().map(way_of).collect(),
            denied_by: reaching.denied_by,
            name: reaching.name,
        }
    }
}

/// A grant and how somebody has it, in words.
pub(super) fn way_of(way: &access::Way) -> String {
    let through = way.team.as_ref().map(|team| format!(", as part of {team}")).unwrap_or_default();
    format!("{} on {}{through}", way.grant.role, place(&way.place))
}

/// Somewhere that somebody reaches, as a row of their own page.
pub(super) struct Reach {
    pub(super) place: String,
    /// The page of what is reached; nothing for the organization.
    pub(super) href: String,
    pub(super) is_protected: bool,
    pub(super) holds: Vec<bool>,
    pub(super) ways: Vec<String>,
}

impl Reach {
    pub(super) fn of(reached: access::Reached) -> Self {
        let at = &reached.place;
        let href = match (&at.project, &at.environment) {
            (Some((_, project)), Some((_, environment))) => format!("/projects/{project}/environments/{environment}"),
            (Some((_, project)), None) => format!("/projects/{project}"),
            (None, _) => String::new(),
        };
        let (place, is_protected) = (place(at), reached.protected);
        let row = Row::of(reached.reaching);
        Self { place, href, is_protected, holds: row.holds, ways: row.ways }
    }
}

/// A node in words.
pub(super) fn place(place: &Place) -> String {
    match (&place.project, &place.environment) {
        (Some((_, project)), Some((_, environment))) => format!("{project}/{environment}"),
        (Some((_, project)), None) => project.to_string(),
        (None, _) => "the organization".to_owned(),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage {
    frame: Frame,
    head: Head,
    rows: Vec<Row>,
    is_cut: bool,
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Names([project, environment]): Names<2>) -> Answer {
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Access, "Access").await?;
    let wish = ReviewWish { project: Some(project), environment: Some(environment), action: None, path: None };
    let page = access::review(&visitor.op, &wish, Limit::parse(200)?, None).await?;
    let is_cut = page.next.is_some();
    let rows = page.items.into_iter().map(Row::of).collect();
    let frame = frame.crumb("Access", format!("{}/access", head.base)).help("access");
    visitor.show(&AccessPage { frame, head, rows, is_cut })
}
