//! Access reviews: who can do something somewhere and by which grant, and what somebody may do and never did.

use askama::Template;
use serde::Deserialize;

use super::matrix::nodes;
use super::{csv, node_text};
use crate::governance::{HeldUse, Use, permission_use};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::http::pages::access::place;
use crate::http::pages::form::filled;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::members::node;
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::op::Op;
use crate::orgs::access::{self, PrincipalName, Reaching, ReviewWish, Way};
use crate::orgs::member::member_list;
use crate::policy::{Action, PrincipalId};
use crate::types::{Cursor, Limit, Page};

/// Rows of a page.
const ROWS: u32 = 200;
/// Pages of a file, at most.
const PAGES_MAX: usize = 200;

/// Of what, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct ReviewQuery {
    #[serde(default)]
    node: String,
    #[serde(default)]
    action: String,
    /// `csv` for a file.
    #[serde(default)]
    format: String,
    cursor: Option<String>,
}

impl ReviewQuery {
    fn wish(&self) -> Result<ReviewWish, Problem> {
        let (project, environment) = node(&self.node);
        let action = filled(&self.action).map(|text| Action::parse(&text)).transpose()?;
        Ok(ReviewWish { project, environment, action, path: None })
    }

    fn address(&self) -> String {
        format!("/access/review?node={}&action={}", ui::part(self.node.trim()), ui::part(self.action.trim()))
    }
}

/// The page.
#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    query: ReviewQuery,
    nodes: Vec<String>,
    rows: Vec<Reaching>,
    next: Option<String>,
    show_as: ShowAs,
}

impl ReviewPage {
    fn way(way: &Way) -> String {
        let through = way.team.as_ref().map(|team| format!(", as part of {team}")).unwrap_or_default();
        format!("{} on {}{through}", way.grant.role, place(&way.place))
    }

    fn is_machine(row: &Reaching) -> bool {
        matches!(row.principal, PrincipalId::ServiceAccount(_))
    }

    fn href(row: &Reaching) -> String {
        match row.principal {
            PrincipalId::User(id) => format!("/members/{id}"),
            PrincipalId::ServiceAccount(id) => format!("/machines/{id}"),
        }
    }

    fn is_on(&self, action: &Action) -> bool {
        self.query.action.trim() == action.as_str()
    }
}

/// Shows who can do something at a node, or writes it as a file.
pub(super) async fn review(visitor: Visitor, Query(query): Query<ReviewQuery>) -> Answer {
    let (op, wish) = (&visitor.op, query.wish()?);
    if query.format == "csv" {
        return review_file(op, &wish, &query).await;
    }
    let cursor = query.cursor.as_deref().map(Cursor::parse).transpose()?;
    let Page { items: rows, next } = access::review(op, &wish, Limit::parse(ROWS)?, cursor).await?;
    let next = next.map(|next| format!("{}&cursor={}", query.address(), next.encode()));
    let frame = visitor.frame("Access review", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Access review", "/access/review").help("access");
    let nodes = nodes(&visitor).await?;
    let show_as = ShowAs::of(
        &visitor,
        "holdfast access review --permission secret.reveal --project PROJECT --environment ENVIRONMENT --csv",
        ("GET", "/access/review?project=<PROJECT>&environment=<ENVIRONMENT>&permission=secret.reveal"),
        "",
        "project: <PROJECT>\nenvironment: <ENVIRONMENT>\npermission: secret.reveal",
    );
    visitor.show(&ReviewPage { frame, query, nodes, rows, next, show_as })
}

/// A line per grant that reaches.
async fn review_file(op: &Op, wish: &ReviewWish, query: &ReviewQuery) -> Answer {
    let (mut rows, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = access::review(op, wish, Limit::parse(u32::from(Limit::MAX))?, cursor).await?;
        for row in page.items {
            let kind = if ReviewPage::is_machine(&row) { "service_account" } else { "user" };
            let permissions = row.actions.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(" ");
            for way in &row.ways {
                rows.push(vec![
                    kind.to_owned(),
                    row.name.clone(),
                    permissions.clone(),
                    way.grant.role.to_string(),
                    way.team.as_ref().map(ToString::to_string).unwrap_or_default(),
                    node_text(&way.place),
                    row.denied_by.join(" "),
                ]);
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let name = if query.node.trim().is_empty() { "organization".to_owned() } else { query.node.replace('/', "-") };
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let heading = ["kind", "name", "permissions", "role", "team", "given_on", "denied_by"];
    Ok(csv::file(&format!("access-review-{name}"), &heading, &rows))
}

/// Whose, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct UnusedQuery {
    /// An address, or `machine:` and a name; whoever looks when empty.
    #[serde(default)]
    who: String,
    #[serde(default)]
    days: Option<u32>,
    /// `all` shows what was used, too.
    #[serde(default)]
    show: String,
    /// `csv` for a file.
    #[serde(default)]
    format: String,
}

/// The page.
#[derive(Template)]
#[template(path = "unused.html")]
struct UnusedPage {
    frame: Frame,
    who: String,
    days: u32,
    shows_all: bool,
    people: Vec<String>,
    uses: Vec<HeldUse>,
    held: usize,
    unused: usize,
    show_as: ShowAs,
}

impl UnusedPage {
    fn word(used: &Use) -> &'static str {
        match used {
            Use::Used(_) => "used",
            Use::Unused => "unused",
            Use::Unrecorded => "not recorded",
            Use::Unknown => "unknown",
        }
    }

    fn csv(&self) -> String {
        format!("/access/unused?who={}&days={}&show=all&format=csv", ui::part(&self.who), self.days)
    }
}

/// Shows what somebody may do and has not done, or writes it as a file.
pub(super) async fn unused(visitor: Visitor, Query(query): Query<UnusedQuery>) -> Answer {
    let op = &visitor.op;
    let frame = visitor.frame("Unused permissions", Section::Members, None).await?;
    let who = filled(&query.who).unwrap_or_else(|| frame.actor.clone());
    let about = match who.split_once(':') {
        Some(("machine", name)) => PrincipalName::ServiceAccount(name.to_owned()),
        _ if op.is_machine() && query.who.is_empty() => PrincipalName::Own,
        _ => PrincipalName::User(who.clone()),
    };
    let days = query.days.unwrap_or(90);
    let (_, _, all) = permission_use(op, &about, days).await?;
    if query.format == "csv" {
        let row = |held: &HeldUse| {
            let at = if let Use::Used(at) = held.used { at.to_string() } else { String::new() };
            vec![held.action.to_string(), UnusedPage::word(&held.used).to_owned(), at]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        return Ok(csv::file("unused-permissions", &["permission", "state", "last_used_at"], &rows));
    }
    let shows_all = query.show == "all";
    let (held, unused) = (all.len(), all.iter().filter(|h| h.used == Use::Unused).count());
    let uses = all.into_iter().filter(|h| shows_all || h.used == Use::Unused).collect();
    let people = member_list(op, Limit::parse(u32::from(Limit::MAX))?, None).await?.items;
    let people = people.into_iter().map(|m| m.user.email.to_string()).collect();
    let show_as = ShowAs::of(
        &visitor,
        "holdfast access unused --user ADDRESS --days 90 --csv",
        ("GET", "/access/unused?user=<ADDRESS>&days=90"),
        "",
        "user: <ADDRESS>\ndays: 90",
    );
    let frame = frame.crumb("Home", "/").crumb("Unused permissions", "/access/unused").help("access");
    visitor.show(&UnusedPage { frame, who, days, shows_all, people, uses, held, unused, show_as })
}
