//! The first page: the projects with their environments, and what happened lately.

use askama::Template;
use serde::Deserialize;

use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::governance::{AuditQuery, SeenEvent, audit_list};
use crate::http::api::Answer;
use crate::http::extract::{Query, page_of};
use crate::ledger::Outcome;
use crate::orgs::access::{self, Grove};
use crate::policy::Action;
use crate::runtime::lifecycle::{Family, RunningFilter, runtime_list};
use crate::types::Limit;

/// How many events are shown.
const RECENT: u32 = 12;
/// How many projects a page shows.
const ROWS: u32 = 50;

/// Where the list goes on.
#[derive(Default, Deserialize)]
pub(super) struct HomeQuery {
    cursor: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    groves: Vec<Grove>,
    next: Option<String>,
    recent: Vec<SeenEvent>,
    may_create: bool,
    is_operator: bool,
    /// How many environments that run are wrong.
    wrong: usize,
}

impl HomePage {
    /// `2 environments need a look`.
    fn look(&self) -> String {
        let verb = if self.wrong == 1 { "needs" } else { "need" };
        format!("{} {verb} a look", ui::count(self.wrong, "environment"))
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<HomeQuery>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let is_first = cursor.is_none();
    let frame = visitor.frame("Home", Section::Home, None).await?.crumb("Home", "/").help("access");
    let may_create = frame.permissions.permits(Action::ProjectCreate, false);
    let recent = if is_first && frame.permissions.permits(Action::AuditRead, false) {
        audit_list(&visitor.op, &AuditQuery::default(), Limit::parse(RECENT)?, None).await?.items
    } else {
        Vec::new()
    };
    // At most as many rows as an organization may run, of which only those that are wrong are looked into.
    let wrong = if is_first {
        let filter = RunningFilter { family: Some(Family::Wrong), ..RunningFilter::default() };
        runtime_list(&visitor.op, &filter, Limit::parse(u32::from(Limit::MAX))?, None).await?.items.len()
    } else {
        0
    };
    let is_operator = visitor.op.identity()?.principal.instance_operator;
    let page = access::groves(&visitor.op, limit, cursor).await?;
    let next = page.next.map(|next| format!("/?cursor={}", next.encode()));
    visitor.show(&HomePage { frame, groves: page.items, next, recent, may_create, is_operator, wrong })
}
