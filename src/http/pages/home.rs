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
    let is_operator = visitor.op.identity()?.principal.instance_operator;
    let page = access::groves(&visitor.op, limit, cursor).await?;
    let next = page.next.map(|next| format!("/?cursor={}", next.encode()));
    visitor.show(&HomePage { frame, groves: page.items, next, recent, may_create, is_operator })
}
