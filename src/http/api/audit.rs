//! The ledger, as its readers see it.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::{Bytes, Data};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::secret::history::HistoryQuery;
use super::{Answer, List, ok};
use crate::governance::{self, AuditQuery, ExportForm, SeenEvent};
use crate::http::error::Problem;
use crate::http::extract::{Known, Names, OptionalJson, Query, page_of};
use crate::http::state::State;
use crate::ledger::Outcome;
use crate::types::Timestamp;
use crate::vault::secret::{ReadSecret, secret_get};

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// The actor's id, a member's address, or a job's name.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    actor: Option<String>,
    /// The action: `secret.reveal`.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    action: Option<String>,
    /// The target's id.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    target: Option<String>,
    /// Whether it was allowed.
    #[param(inline)]
    decision: Option<DecisionFilter>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Not after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment, by id, or by slug with its project.
    environment: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Whether it was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DecisionFilter {
    /// It was.
    Allow,
    /// It was not.
    Deny,
}

impl DecisionFilter {
    /// How it ended then.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Allow => Outcome::Allowed,
            Self::Deny => Outcome::Denied,
        }
    }
}

/// Which events to export.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// How they are written.
    #[serde(default)]
    #[param(required = false, inline)]
    format: LinesFormat,
    /// The actor's id, a member's address, or a job's name.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    actor: Option<String>,
    /// The action: `secret.reveal`.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    action: Option<String>,
    /// The target's id.
    #[param(min_length = 1, max_length = 512, pattern = "^[!-~]+$")]
    target: Option<String>,
    /// Whether it was allowed.
    #[param(inline)]
    decision: Option<DecisionFilter>,
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment, by id, or by slug with its project.
    environment: Option<String>,
    /// Not before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Not after this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Formats of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinesFormat {
    /// One JSON object a line, with the bytes whose hash is the leaf.
    #[default]
    Jsonl,
    /// A table with a line of names first.
    Csv,
}

/// An entry of the ledger.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// Its place, from 0.
    seq: u64,
    /// Its hash in the tree, lower-case hex; what the proof begins with.
    leaf_hash: String,
    /// Its id.
    id: String,
    /// When, by the clock of that moment; the order is `seq`.
    at: Timestamp,
    /// What.
    action: String,
    /// `allowed`, `denied` or `failed`.
    outcome: &'static str,
    /// `allow` or `deny`.
    decision: &'static str,
    /// The policies that decided.
    policies: Vec<String>,
    /// The policies that are only observed and would have denied it.
    would_deny: Vec<String>,
    /// Who.
    actor: EventActor,
    /// The credential that was used.
    credential: Option<String>,
    /// The organization.
    organization: Option<String>,
    /// The project.
    project: Option<String>,
    /// The environment.
    environment: Option<String>,
    /// To what.
    target: Option<EventTarget>,
    /// The request it was part of.
    request_id: Option<String>,
    /// From where; null when it was erased.
    address: Option<String>,
    /// With which client; null when it was erased.
    user_agent: Option<String>,
    /// The code of the error, when it did not end well.
    code: Option<String>,
    /// Ids, counts, versions and names.
    #[schema(value_type = Object)]
    details: serde_json::Map<String, serde_json::Value>,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventActor {
    /// `user`, `service_account`, `job`, `system`, `local` or `anonymous`.
    kind: String,
    /// Their id, or what stands for one.
    id: String,
    /// An e-mail address or a service account's name, as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    name: Option<String>,
}

/// What it was done to.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventTarget {
    /// Its kind.
    kind: String,
    /// Its id.
    id: String,
}

impl EventAnswer {
    /// Its place.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }
}

impl From<SeenEvent> for EventAnswer {
    fn from(seen: SeenEvent) -> Self {
        let e = seen.event;
        let personal = e.personal.unwrap_or_default();
        Self {
            seq: e.seq,
            leaf_hash: e.leaf_hash,
            id: e.id,
            at: e.at,
            action: e.action,
            outcome: e.outcome.as_str(),
            decision: if e.outcome == Outcome::Denied { "deny" } else { "allow" },
            policies: e.policies,
            would_deny: e.would_deny,
            actor: EventActor { kind: e.actor.kind.into_owned(), id: e.actor.id.into_owned(), name: seen.actor_name },
            credential: e.credential,
            organization: e.organization,
            project: e.project,
            environment: e.environment,
            target: e.target.map(|t| EventTarget { kind: t.kind.into_owned(), id: t.id.into_owned() }),
            request_id: e.request,
            address: personal.address,
            user_agent: personal.user_agent,
            code: e.code,
            details: e.details,
        }
    }
}

/// That an event is in the log (RFC 9162, section 2.1.3). Hashes are lower-case hex.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProofAnswer {
    /// The event's place.
    seq: u64,
    /// The size of the tree.
    size: u64,
    /// The root the proof leads to.
    root: String,
    /// The event's hash.
    leaf_hash: String,
    /// The siblings from the leaf up.
    path: Vec<String>,
    /// The signed note of that tree; null when none covers the event yet.
    checkpoint: Option<String>,
}

/// A checkpoint that was kept.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// The signed note, as it was given out.
    #[schema(max_length = 4096)]
    checkpoint: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifyAnswer {
    /// Whether there is no problem.
    ok: bool,
    /// Events in the log.
    size: u64,
    /// The root of the tree, computed from the records, lower-case hex.
    root: String,
    /// The newest epoch.
    epoch: u64,
    /// Events covered by a checkpoint whose signature was verified.
    signed_size: u64,
    /// The problems, the first 1,000.
    problems: Vec<VerifyProblem>,
    /// Problems beyond those.
    more: u64,
}

/// Something that is not as it should be.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifyProblem {
    /// The event it is about, or the first of them.
    seq: Option<u64>,
    /// The stable code.
    code: &'static str,
    /// What it means.
    detail: String,
}

fn query(query: EventQuery) -> AuditQuery {
    AuditQuery {
        actor: query.actor,
        action: query.action,
        target: query.target,
        outcome: query.decision.map(DecisionFilter::outcome),
        from: query.from,
        to: query.to,
        project: query.project,
        environment: query.environment,
    }
}

/// The organization's events, newest first. A page may be short and still name a next one.
#[utoipa::path(get, path = "/audit/events", operation_id = "audit_list", params(EventQuery),
    responses((status = 200, description = "A page of events.", body = List<EventAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(ask): Query<EventQuery>) -> Answer {
    let (limit, cursor) = page_of(ask.limit, ask.cursor.as_deref())?;
    let page = governance::audit_list(&op, &query(ask), limit, cursor).await?;
    ok(&List::of(page, EventAnswer::from))
}

/// One event, by its id or its place.
#[utoipa::path(get, path = "/audit/events/{event}", operation_id = "audit_event",
    responses((status = 200, description = "The event.", body = EventAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&EventAnswer::from(governance::audit_event(&op, &name).await?))
}

/// The proof that an event is in the log.
#[utoipa::path(get, path = "/audit/events/{event}/proof", operation_id = "audit_proof",
    responses((status = 200, description = "The proof.", body = ProofAnswer)))]
pub(crate) async fn proof(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    let found = governance::audit_proof(&op, &name).await?;
    let root = found.proof.root().ok_or_else(|| Problem::internal("a proof that leads nowhere"))?;
    ok(&ProofAnswer {
        seq: found.proof.seq,
        size: found.proof.size,
        root: HEXLOWER.encode(&root),
        leaf_hash: HEXLOWER.encode(&found.proof.leaf_hash),
        path: found.proof.hashes.iter().map(|h| HEXLOWER.encode(h)).collect(),
        checkpoint: found.checkpoint.map(|c| c.note().to_owned()),
    })
}

/// The organization's events as a file, oldest first: JSON lines or CSV.
#[utoipa::path(get, path = "/audit/export", operation_id = "audit_export", params(ExportQuery),
    responses((status = 200, description = "The lines.", content(
        (String = "application/jsonl"),
        (String = "text/csv"),
    ))))]
pub(crate) async fn export(Known(op, _): Known, Query(ask): Query<ExportQuery>) -> Answer {
    let query = AuditQuery {
        actor: ask.actor,
        action: ask.action,
        target: ask.target,
        outcome: ask.decision.map(DecisionFilter::outcome),
        from: ask.from,
        to: ask.to,
        project: ask.project,
        environment: ask.environment,
    };
    let (form, kind, name) = match ask.format {
        LinesFormat::Jsonl => (ExportForm::JsonLines, "application/jsonl", "attachment; filename=\"events.jsonl\""),
        LinesFormat::Csv => (ExportForm::Csv, "text/csv; charset=utf-8", "attachment; filename=\"events.csv\""),
    };
    let export = governance::audit_export(&op, query, form).await?;
    let lines = futures_util::stream::try_unfold(export, |mut export| async move {
        let chunk = export.next().await.map_err(Problem::from)?;
        Ok::<_, Problem>(chunk.map(|chunk| (Bytes::from(chunk), export)))
    });
    Ok(HttpResponse::Ok().content_type(kind).insert_header((CONTENT_DISPOSITION, name)).streaming(lines))
}

/// The signed note of the log as it is now.
#[utoipa::path(get, path = "/audit/checkpoint", operation_id = "audit_checkpoint",
    responses((status = 200, description = "A signed note (C2SP).", body = String, content_type = "text/plain")))]
pub(crate) async fn checkpoint(Known(op, _): Known) -> Answer {
    let made = governance::audit_checkpoint(&op).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(made.note().to_owned()))
}

/// Recomputes the whole log and compares it with its checkpoints, and with one you kept.
#[utoipa::path(post, path = "/audit/verify", operation_id = "audit_verify", request_body = Option<VerifyRequest>,
    responses((status = 200, description = "What was found.", body = VerifyAnswer)))]
pub(crate) async fn verify(Known(op, _): Known, OptionalJson(body): OptionalJson<VerifyRequest>) -> Answer {
    let report = governance::audit_verify(&op, body.checkpoint).await?;
    let problems = report.problems.into_iter();
    ok(&VerifyAnswer {
        ok: report.ok,
        size: report.size,
        root: HEXLOWER.encode(&report.root),
        epoch: report.epoch,
        signed_size: report.signed_size,
        problems: problems.map(|p| VerifyProblem { seq: p.seq, code: p.code, detail: p.words }).collect(),
        more: report.more,
    })
}

/// The last reads of a secret's value, newest first.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}/accesses",
    operation_id = "secret_accesses", params(HistoryQuery),
    responses((status = 200, description = "A page of reads.", body = List<EventAnswer>)))]
pub(crate) async fn accesses(
    state: Data<State>,
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(ask): Query<HistoryQuery>,
) -> Answer {
    let (limit, cursor) = page_of(ask.limit, ask.cursor.as_deref())?;
    let find = ReadSecret {
        project: project.clone(),
        environment: environment.clone(),
        path: ask.path,
        name,
        ..ReadSecret::default()
    };
    let secret = secret_get(&op, &state.uses, &find).await?.view.id;
    let page = governance::secret_accesses(&op, &project, &environment, secret, limit, cursor).await?;
    ok(&List::of(page, EventAnswer::from))
}
