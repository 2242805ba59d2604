//! Approvals: rules of an environment, and requests that wait.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::token::Life;
use super::{Answer, List, ok};
use crate::http::extract::{Json, Known, Names, OptionalJson, Query, page_of};
use crate::http::schema::{ApprovalId, ApprovalRuleId, EnvironmentId, SecretId, UserId};
use crate::op::Op;
use crate::types::{Id, Timestamp, kinds};
use crate::vault::VaultError;
use crate::vault::approval::{
    self, Act, ActWish, ItemView, OrganizationAct, OrganizationRule, RequestKind, RequestNote, RequestState,
    RequestView, Rule, RuleWish, Verdict,
};
use crate::vault::model::Visibility;

/// Something a rule may make wait.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActForm {
    /// A new value, or hiding an inherited one.
    Write,
    /// A name that goes.
    Delete,
    /// A value shown to a person.
    Reveal,
}

impl From<ActForm> for Act {
    fn from(form: ActForm) -> Self {
        match form {
            ActForm::Write => Self::Write,
            ActForm::Delete => Self::Delete,
            ActForm::Reveal => Self::Reveal,
        }
    }
}

/// That acts on a folder of an environment, and beneath it, wait for others.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuleAnswer {
    /// Its id.
    id: ApprovalRuleId,
    /// The folder.
    path: String,
    /// The acts.
    acts: Vec<ActForm>,
    /// How many others must approve.
    approvals: u32,
    /// How long a request stands, in seconds.
    expires_in: u64,
    /// When it was set.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

impl From<Rule> for RuleAnswer {
    fn from(rule: Rule) -> Self {
        let all = [ActForm::Write, ActForm::Delete, ActForm::Reveal];
        Self {
            id: rule.id,
            path: rule.path.to_string(),
            acts: all.into_iter().filter(|a| rule.acts.contains((*a).into())).collect(),
            approvals: rule.approvals,
            expires_in: rule.life.as_secs(),
            created_at: rule.created_at,
            created_by: rule.created_by,
        }
    }
}

/// What a rule shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleForm {
    /// The folder; `/` when none: all of the environment.
    #[schema(pattern = "^/", max_length = 512)]
    path: Option<String>,
    /// The acts.
    #[schema(min_items = 1, max_items = 3)]
    acts: Vec<ActForm>,
    /// How many others must approve.
    #[schema(minimum = 1, maximum = 10)]
    approvals: u32,
    /// How long a request stands, 30 days at most; three days when not said.
    expires_in: Option<Life>,
    /// Why a rule that is there is made weaker; that needs `governance.override`.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Something of the organization itself that may have to wait.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrganizationActForm {
    /// One of its policies is saved, rolled back or deleted.
    Policy,
    /// Its key is replaced.
    Rotation,
}

impl From<OrganizationAct> for OrganizationActForm {
    fn from(act: OrganizationAct) -> Self {
        match act {
            OrganizationAct::Policy => Self::Policy,
            OrganizationAct::Rotation => Self::Rotation,
        }
    }
}

/// That an act on the organization itself waits for others.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationRuleAnswer {
    /// Its id.
    id: ApprovalRuleId,
    /// The act.
    act: OrganizationActForm,
    /// How many others must approve.
    approvals: u32,
    /// How long a request stands, in seconds.
    expires_in: u64,
    /// When it was set.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

impl From<OrganizationRule> for OrganizationRuleAnswer {
    fn from(rule: OrganizationRule) -> Self {
        Self {
            id: rule.id,
            act: rule.act.into(),
            approvals: rule.approvals,
            expires_in: rule.life.as_secs(),
            created_at: rule.created_at,
            created_by: rule.created_by,
        }
    }
}

/// What a rule of the organization shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationRuleForm {
    /// How many others must approve.
    #[schema(minimum = 1, maximum = 10)]
    approvals: u32,
    /// How long a request stands, 30 days at most; three days when not said.
    expires_in: Option<Life>,
    /// Why a rule that is there is made weaker; that needs `governance.override`.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Why a rule of the organization is taken away.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReasonQuery {
    /// Why.
    #[param(max_length = 1000)]
    reason: Option<String>,
}

/// Which rule is taken away, and why.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RuleQuery {
    /// The folder; `/` when none.
    #[param(pattern = "^/", max_length = 512)]
    path: Option<String>,
    /// Why.
    #[param(max_length = 1000)]
    reason: Option<String>,
}

/// What has become of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalState {
    /// It waits.
    Open,
    /// The change was made.
    Executed,
    /// The value may be shown.
    Granted,
    /// Somebody said no.
    Rejected,
    /// The requester gave it up.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
    /// What it was about changed meanwhile.
    Stale,
}

impl From<RequestState> for ApprovalState {
    fn from(state: RequestState) -> Self {
        match state {
            RequestState::Open => Self::Open,
            RequestState::Executed => Self::Executed,
            RequestState::Granted => Self::Granted,
            RequestState::Rejected => Self::Rejected,
            RequestState::Withdrawn => Self::Withdrawn,
            RequestState::Expired => Self::Expired,
            RequestState::Stale => Self::Stale,
        }
    }
}

/// What a request is for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalKind {
    /// Names are written or deleted when the last approval is given.
    Change,
    /// A value may be shown to the requester for an hour.
    Reveal,
    /// A policy of the organization is saved or deleted when the last approval is given.
    Policy,
    /// The organization's key is replaced when the last approval is given.
    Rotation,
}

impl From<RequestKind> for ApprovalKind {
    fn from(kind: RequestKind) -> Self {
        match kind {
            RequestKind::Change => Self::Change,
            RequestKind::Reveal => Self::Reveal,
            RequestKind::Act(OrganizationAct::Policy) => Self::Policy,
            RequestKind::Act(OrganizationAct::Rotation) => Self::Rotation,
        }
    }
}

/// What a request would do to the organization itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalActAnswer {
    /// `save`, `delete` or `rotate`.
    action: &'static str,
    /// The policy's name, or what the key is of.
    subject: String,
    /// The version it was made for; 0: there was none.
    base_version: u32,
    /// The version that is there now.
    current_version: u32,
    /// A unified diff of what was there and what would be.
    diff: String,
}

impl From<(ActWish, u32)> for ApprovalActAnswer {
    fn from((wish, current_version): (ActWish, u32)) -> Self {
        let ActWish { action, subject, base_version, diff, .. } = wish;
        Self { action, subject, base_version, current_version, diff }
    }
}

/// What a request would do to one name; never a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalItemAnswer {
    /// The secret that is there; null for a new name.
    secret: Option<SecretId>,
    /// Its folder.
    path: String,
    /// Its name.
    name: String,
    /// `add`, `change`, `delete`, `unset` or `reveal`.
    action: String,
    /// The version it was made for; 0: there was none.
    base_version: u32,
    /// The version that is there now.
    current_version: u32,
    /// Who may see the value afterwards.
    visibility: Visibility,
    /// What its writer says.
    comment: String,
    /// Its tags afterwards.
    tags: Vec<String>,
    /// Tells the value that is there from others; null when you may not be shown it.
    current_fingerprint: Option<String>,
    /// Tells the proposed value from others; null when you may not be shown it.
    fingerprint: Option<String>,
}

impl From<ItemView> for ApprovalItemAnswer {
    fn from(view: ItemView) -> Self {
        let item = view.item;
        Self {
            secret: item.secret,
            path: item.path.to_string(),
            name: item.name.to_string(),
            action: item.action,
            base_version: item.base_version,
            current_version: view.current_version,
            visibility: item.visibility,
            comment: item.comment,
            tags: item.tags,
            current_fingerprint: view.current_fingerprint,
            fingerprint: view.fingerprint,
        }
    }
}

/// What somebody said to a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalNoteAnswer {
    /// When.
    at: Timestamp,
    /// Who.
    user: UserId,
    /// How they are called.
    name: Option<String>,
    /// `approve`, `reject` or `override`; null for a comment.
    verdict: Option<String>,
    /// In words.
    comment: String,
}

impl From<(RequestNote, Option<String>)> for ApprovalNoteAnswer {
    fn from((note, name): (RequestNote, Option<String>)) -> Self {
        let verdict = note.verdict.map(|v| Verdict::as_str(v).to_owned());
        Self { at: note.at, user: note.user, name, verdict, comment: note.comment }
    }
}

/// A request, and where it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApprovalAnswer {
    /// Its id.
    id: ApprovalId,
    /// What for.
    kind: ApprovalKind,
    /// What has become of it.
    state: ApprovalState,
    /// The environment; null when it is about the organization itself.
    environment: Option<EnvironmentId>,
    /// How it is called: `shop/production`, or the organization's slug.
    environment_name: String,
    /// Who asks: a user or a service account.
    requester: String,
    /// How they are called.
    requester_name: Option<String>,
    /// How many others must approve.
    approvals: u32,
    /// How many did.
    approved: usize,
    /// When it was made.
    created_at: Timestamp,
    /// Until when it can be decided.
    expires_at: Timestamp,
    /// When it ended.
    ended_at: Option<Timestamp>,
    /// Until when a granted value may be shown.
    usable_until: Option<Timestamp>,
    /// Until when the values it would write are good; null where nothing was said of that.
    good_until: Option<Timestamp>,
    /// What it would do; empty in a list.
    items: Vec<ApprovalItemAnswer>,
    /// What it would do to the organization itself; null in a list, and for requests about an environment.
    act: Option<ApprovalActAnswer>,
    /// What was said to it; empty in a list.
    notes: Vec<ApprovalNoteAnswer>,
}

impl From<RequestView> for ApprovalAnswer {
    fn from(view: RequestView) -> Self {
        let request = view.request;
        Self {
            id: request.id,
            kind: request.kind.into(),
            state: if view.is_late { ApprovalState::Expired } else { request.state.into() },
            environment: request.environment,
            environment_name: view.environment,
            requester: request.requester.to_string(),
            requester_name: view.requester,
            approvals: request.approvals,
            approved: view.approved,
            created_at: request.created_at,
            expires_at: request.expires_at,
            ended_at: request.ended_at,
            usable_until: request.usable_until,
            good_until: request.good_until,
            items: view.items.into_iter().map(ApprovalItemAnswer::from).collect(),
            act: view.act.map(ApprovalActAnswer::from),
            notes: view.notes.into_iter().map(ApprovalNoteAnswer::from).collect(),
        }
    }
}

/// Which requests are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApprovalQuery {
    /// Only those in this state: `open`, `executed`, `granted`, `rejected`, `withdrawn`, `expired`, `stale`.
    #[param(pattern = "^(open|executed|granted|rejected|withdrawn|expired|stale)$")]
    state: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is said with a decision.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionForm {
    /// In words.
    #[schema(max_length = 1000)]
    comment: Option<String>,
}

/// Why a request does not wait.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverrideForm {
    /// In words; it stays in the ledger.
    #[schema(min_length = 1, max_length = 1000, pattern = "[!-~]")]
    reason: String,
}

/// What is said to a request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommentForm {
    /// In words.
    #[schema(min_length = 1, max_length = 1000, pattern = "[!-~]")]
    comment: String,
}

/// The rules of an environment, by folder.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/approval-rules",
    operation_id = "approval_rule_list",
    responses((status = 200, description = "The rules.", body = List<RuleAnswer>)))]
pub(crate) async fn rule_list(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let rules = approval::rule_list(&op, &project, &environment).await?;
    ok(&List::whole(rules.into_iter().map(RuleAnswer::from).collect()))
}

/// Sets the rule of a folder, in place of the one it has.
#[utoipa::path(put, path = "/projects/{project}/environments/{environment}/approval-rules",
    operation_id = "approval_rule_set", request_body = RuleForm,
    responses((status = 200, description = "The rule.", body = RuleAnswer)))]
pub(crate) async fn rule_set(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Json(body): Json<RuleForm>,
) -> Answer {
    let wish = RuleWish {
        path: body.path.unwrap_or_else(|| "/".into()),
        acts: body.acts.into_iter().map(|a| Act::from(a).as_str().to_owned()).collect(),
        approvals: body.approvals,
        life: body.expires_in.as_ref().map(Life::read).transpose()?,
        reason: body.reason,
    };
    ok(&RuleAnswer::from(approval::rule_set(&op, project, environment, wish).await?))
}

/// Takes the rule of a folder away; needs `governance.override` and a reason.
#[utoipa::path(delete, path = "/projects/{project}/environments/{environment}/approval-rules",
    operation_id = "approval_rule_remove", params(RuleQuery),
    responses((status = 200, description = "The rule that was there.", body = RuleAnswer)))]
pub(crate) async fn rule_remove(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<RuleQuery>,
) -> Answer {
    let path = query.path.unwrap_or_else(|| "/".into());
    ok(&RuleAnswer::from(approval::rule_remove(&op, project, environment, path, query.reason).await?))
}

/// The rules of the organization itself: which acts on it wait for others.
#[utoipa::path(get, path = "/approval-rules", operation_id = "approval_organization_rule_list",
    responses((status = 200, description = "The rules.", body = List<OrganizationRuleAnswer>)))]
pub(crate) async fn organization_rule_list(Known(op, _): Known) -> Answer {
    let rules = approval::organization_rule_list(&op).await?;
    ok(&List::whole(rules.into_iter().map(OrganizationRuleAnswer::from).collect()))
}

/// Sets the organization's rule of an act, `policy` or `rotation`. For who signed in recently.
#[utoipa::path(put, path = "/approval-rules/{act}", operation_id = "approval_organization_rule_set",
    request_body = OrganizationRuleForm,
    responses((status = 200, description = "The rule.", body = OrganizationRuleAnswer)))]
pub(crate) async fn organization_rule_set(
    Known(op, _): Known,
    Names([act]): Names<1>,
    Json(body): Json<OrganizationRuleForm>,
) -> Answer {
    let act = OrganizationAct::parse(&act)?;
    let life = body.expires_in.as_ref().map(Life::read).transpose()?;
    let rule = approval::organization_rule_set(&op, act, body.approvals, life, body.reason).await?;
    ok(&OrganizationRuleAnswer::from(rule))
}

/// Takes the organization's rule of an act away; needs `governance.override`, a reason and a fresh sign-in.
#[utoipa::path(delete, path = "/approval-rules/{act}", operation_id = "approval_organization_rule_remove",
    params(ReasonQuery), responses((status = 200, description = "The rule that was there.", body = OrganizationRuleAnswer)))]
pub(crate) async fn organization_rule_remove(
    Known(op, _): Known,
    Names([act]): Names<1>,
    Query(query): Query<ReasonQuery>,
) -> Answer {
    let act = OrganizationAct::parse(&act)?;
    ok(&OrganizationRuleAnswer::from(approval::organization_rule_remove(&op, act, query.reason).await?))
}

/// Requests you may know of, newest first: your own, those of environments whose secrets you may list, and those of the
/// organization where you may decide on them.
#[utoipa::path(get, path = "/approvals", operation_id = "approval_list", params(ApprovalQuery),
    responses((status = 200, description = "A page of requests.", body = List<ApprovalAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ApprovalQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let state = query.state.as_deref().map(RequestState::parse).transpose()?;
    ok(&List::of(approval::approval_list(&op, state, limit, cursor).await?, ApprovalAnswer::from))
}

/// One request: what it would do, and what was said to it.
#[utoipa::path(get, path = "/approvals/{approval}", operation_id = "approval_get",
    responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    show(&op, parse(&id)?).await
}

/// Approves; the last approval does what was asked for.
#[utoipa::path(post, path = "/approvals/{approval}/approve", operation_id = "approval_approve",
    request_body = DecisionForm, responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn approve(
    Known(op, _): Known,
    Names([id]): Names<1>,
    OptionalJson(body): OptionalJson<DecisionForm>,
) -> Answer {
    let id = parse(&id)?;
    approval::approval_approve(&op, id, body.comment).await?;
    show(&op, id).await
}

/// Says no, which ends the request.
#[utoipa::path(post, path = "/approvals/{approval}/reject", operation_id = "approval_reject",
    request_body = DecisionForm, responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn reject(
    Known(op, _): Known,
    Names([id]): Names<1>,
    OptionalJson(body): OptionalJson<DecisionForm>,
) -> Answer {
    let id = parse(&id)?;
    approval::approval_reject(&op, id, body.comment).await?;
    show(&op, id).await
}

/// Gives your own request up.
#[utoipa::path(post, path = "/approvals/{approval}/withdraw", operation_id = "approval_withdraw",
    responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn withdraw(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    let id = parse(&id)?;
    approval::approval_withdraw(&op, id).await?;
    show(&op, id).await
}

/// Does it without waiting for the others; needs `governance.override` and a fresh sign-in.
#[utoipa::path(post, path = "/approvals/{approval}/override", operation_id = "approval_override",
    request_body = OverrideForm, responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn pass(Known(op, _): Known, Names([id]): Names<1>, Json(body): Json<OverrideForm>) -> Answer {
    let id = parse(&id)?;
    approval::approval_override(&op, id, body.reason).await?;
    show(&op, id).await
}

/// Says something to a request.
#[utoipa::path(post, path = "/approvals/{approval}/comments", operation_id = "approval_comment",
    request_body = CommentForm, responses((status = 200, description = "The request.", body = ApprovalAnswer)))]
pub(crate) async fn comment(Known(op, _): Known, Names([id]): Names<1>, Json(body): Json<CommentForm>) -> Answer {
    let id = parse(&id)?;
    approval::approval_comment(&op, id, body.comment).await?;
    show(&op, id).await
}

async fn show(op: &Op, id: Id<kinds::Approval>) -> Answer {
    ok(&ApprovalAnswer::from(approval::approval_get(op, id).await?))
}

fn parse(id: &str) -> Result<Id<kinds::Approval>, VaultError> {
    Id::parse(id).map_err(|_| VaultError::not_found("approval request", id))
}
