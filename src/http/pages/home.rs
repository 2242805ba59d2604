//! The first page: the projects with their environments, and what happened lately.

use askama::Template;

use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::governance::{AuditQuery, SeenEvent, audit_list};
use crate::http::api::Answer;
use crate::ledger::Outcome;
use crate::orgs::access::{self, Grove};
use crate::policy::Action;
use crate::types::Limit;

/// How many events are shown.
const RECENT: u32 = 12;

/// The page.
#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    groves: Vec<Grove>,
    recent: Vec<SeenEvent>,
    may_create: bool,
    is_operator: bool,
}

/// Shows it.
pub(super) async fn page(visitor: Visitor) -> Answer {
    let frame = visitor.frame("Home", Section::Home, None).await?.crumb("Home", "/").help("access");
    let may_create = frame.permissions.permits(Action::ProjectCreate, false);
    let recent = if frame.permissions.permits(Action::AuditRead, false) {
        audit_list(&visitor.op, &AuditQuery::default(), Limit::parse(RECENT)?, None).await?.items
    } else {
        Vec::new()
    };
    let is_operator = visitor.op.identity()?.principal.instance_operator;
    let groves = access::forest(&visitor.op).await?;
    visitor.show(&HomePage { frame, groves, recent, may_create, is_operator })
}
