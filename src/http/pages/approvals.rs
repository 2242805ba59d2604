//! What waits for others: the inbox, one request with what it would do, and the decisions.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::governance::{DiffLine, lines};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::types::{Id, ParseError, kinds};
use crate::vault::VaultError;
use crate::vault::approval::{
    OrganizationAct, RequestKind, RequestState, RequestView, approval_approve, approval_comment, approval_get,
    approval_list, approval_override, approval_reject, approval_withdraw,
};

/// How many requests a page shows.
const ROWS: u32 = 100;

/// Which requests, as the address says it.
#[derive(Deserialize)]
pub(super) struct ApprovalFilter {
    /// A state, `all`, or those that are open.
    #[serde(default)]
    state: String,
    cursor: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    state: String,
    /// What each is for, and the request.
    requests: Vec<(&'static str, RequestView)>,
    next: Option<String>,
}

/// Shows the list.
pub(super) async fn list(visitor: Visitor, Query(filter): Query<ApprovalFilter>) -> Answer {
    let state = match filter.state.as_str() {
        "" => Some(RequestState::Open),
        "all" => None,
        word => Some(RequestState::parse(word)?),
    };
    let (limit, cursor) = page_of(Some(ROWS), filter.cursor.as_deref())?;
    let page = approval_list(&visitor.op, state, limit, cursor).await?;
    let next = page.next.map(|next| format!("/approvals?state={}&cursor={}", ui::part(&filter.state), next.encode()));
    let frame = visitor.frame("Approvals", Section::Approvals, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Approvals", "/approvals").help("approvals");
    let requests = page.items.into_iter().map(|view| (wished(view.request.kind), view)).collect();
    visitor.show(&ApprovalsPage { frame, state: filter.state, requests, next })
}

/// What a request is for, in a list.
const fn wished(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Reveal => "see a value",
        RequestKind::Change => "change secrets",
        RequestKind::Act(OrganizationAct::Policy) => "change a policy",
        RequestKind::Act(OrganizationAct::Rotation) => "replace the key",
    }
}

/// One request.
#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    frame: Frame,
    title: String,
    view: RequestView,
    is_open: bool,
    told: Option<Told>,
}

impl ApprovalPage {
    fn lines(diff: &str) -> Vec<DiffLine> {
        lines(diff)
    }
}

/// What was done before.
#[derive(Deserialize)]
pub(super) struct ApprovalQuery {
    done: Option<String>,
}

fn id_of(text: &str) -> Result<Id<kinds::Approval>, Problem> {
    Ok(Id::parse(text).map_err(|_: ParseError| VaultError::not_found("approval", text))?)
}

/// Shows one.
pub(super) async fn one(visitor: Visitor, Names([id]): Names<1>, Query(query): Query<ApprovalQuery>) -> Answer {
    show(&visitor, &id, query.done.as_deref(), None).await
}

async fn show(visitor: &Visitor, id: &str, done: Option<&str>, told: Option<Told>) -> Answer {
    let view = approval_get(&visitor.op, id_of(id)?).await?;
    let frame = visitor.frame("Approval", Section::Approvals, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Approvals", "/approvals");
    let frame = frame.crumb(view.environment.clone(), format!("/approvals/{id}")).help("approvals").notice(done);
    let title = match view.request.kind {
        RequestKind::Reveal => format!("To see a value in {}", view.environment),
        RequestKind::Change => format!("To change secrets in {}", view.environment),
        RequestKind::Act(OrganizationAct::Policy) => format!("To change a policy of {}", view.environment),
        RequestKind::Act(OrganizationAct::Rotation) => format!("To replace the key of {}", view.environment),
    };
    let is_open = view.request.state == RequestState::Open && !view.is_late;
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    visitor.show_as(status, &ApprovalPage { frame, title, view, is_open, told })
}

/// A decision, and what is said with it.
#[derive(Deserialize)]
pub(super) struct Decision {
    /// `approve`, `reject`, `withdraw`, `override` or `comment`.
    #[serde(default)]
    act: String,
    #[serde(default)]
    comment: String,
}

/// Decides, or says something.
pub(super) async fn decide(Names([text]): Names<1>, Form(visitor, form): Form<Decision>) -> Answer {
    let id = id_of(&text)?;
    let comment = filled(&form.comment);
    let op = &visitor.op;
    let done = match form.act.as_str() {
        "approve" => approval_approve(op, id, comment).await,
        "reject" => approval_reject(op, id, comment).await,
        "withdraw" => approval_withdraw(op, id).await,
        "override" => approval_override(op, id, comment.unwrap_or_default()).await,
        _ => approval_comment(op, id, comment.unwrap_or_default()).await,
    };
    match done.map_err(Problem::from) {
        Ok(()) => Visitor::go(&format!("/approvals/{id}?done=decided")),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 403 | 409 | 422) => {
            show(&visitor, &text, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
