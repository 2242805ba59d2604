//! What happened: the ledger with its filters in the address, and one event with the proof that it is in the log.

use std::collections::HashMap;

use askama::Template;
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::form::filled;
use super::frame::{Frame, Section};
use super::operate::clock;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::governance::{self, AuditQuery, SeenEvent};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::ledger::{EventView, Outcome};
use crate::orgs::access;
use crate::policy::Action;
use crate::types::{ParseError, Timestamp};

/// How many events a page shows.
const ROWS: u32 = 100;
/// How many places a script is told the names of; others it shows by id.
const PLACES_MAX: usize = 500;

/// Which events, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AuditFilter {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    environment: String,
    cursor: Option<String>,
}

impl AuditFilter {
    fn query(&self) -> Result<AuditQuery, Problem> {
        let outcome = filled(&self.outcome)
            .map(|word| Outcome::parse(&word).ok_or_else(|| ParseError::new("outcome", "allowed, denied or failed")));
        Ok(AuditQuery {
            actor: filled(&self.actor),
            action: filled(&self.action),
            target: filled(&self.target),
            outcome: outcome.transpose()?,
            from: filled(&self.from).map(|at| time(&at)).transpose()?,
            to: filled(&self.to).map(|at| time(&at)).transpose()?,
            project: filled(&self.project),
            environment: filled(&self.environment),
        })
    }

    /// The address of this list, with one thing more.
    fn address(&self, name: &str, value: &str) -> String {
        let all = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("target", &self.target),
            ("outcome", &self.outcome),
            ("from", &self.from),
            ("to", &self.to),
            ("project", &self.project),
            ("environment", &self.environment),
        ];
        let kept = all.into_iter().filter(|(key, text)| *key != name && !text.is_empty());
        let parts = kept.map(|(key, text)| format!("{key}={}", ui::part(text)));
        let mut parts: Vec<_> = parts.collect();
        parts.push(format!("{name}={}", ui::part(value)));
        format!("/audit?{}", parts.join("&"))
    }

    /// The same filters as the API has them.
    fn parameters(&self) -> String {
        let decision = match self.outcome.as_str() {
            "allowed" => "allow",
            "denied" => "deny",
            _ => "",
        };
        let full = |text: &str| filled(text).and_then(|t| time(&t).ok()).map(|t| t.to_string()).unwrap_or_default();
        let all = [
            ("actor", self.actor.trim().to_owned()),
            ("action", self.action.trim().to_owned()),
            ("target", self.target.trim().to_owned()),
            ("decision", decision.to_owned()),
            ("from", full(&self.from)),
            ("to", full(&self.to)),
            ("project", self.project.trim().to_owned()),
            ("environment", self.environment.trim().to_owned()),
        ];
        let set = all.iter().filter(|(_, text)| !text.is_empty());
        set.flat_map(|(name, text)| ["&", *name, "=", &ui::part(text)].map(str::to_owned)).collect()
    }

    /// Whether what comes can match: not a page further back, not a span that has an end, not what the stream cannot
    /// tell apart.
    fn may_follow(&self) -> bool {
        self.cursor.is_none() && self.to.is_empty() && self.outcome != "failed"
    }

    fn is_set(&self) -> bool {
        let all = [&self.actor, &self.action, &self.target, &self.outcome, &self.from, &self.to];
        all.into_iter().chain([&self.project, &self.environment]).any(|text| !text.is_empty())
    }
}

/// A time as a browser's field has it, `2026-11-23T08:00`, or in full.
fn time(text: &str) -> Result<Timestamp, ParseError> {
    let full = if text.len() == 16 { format!("{text}:00Z") } else { text.to_owned() };
    Timestamp::parse(&full)
}

/// An event as a row.
struct Row {
    seen: SeenEvent,
    who: String,
    place: String,
    /// What of the details says most: a name.
    about: String,
}

impl Row {
    fn of(seen: SeenEvent, places: &HashMap<String, String>) -> Self {
        let event = &seen.event;
        let known = |id: &Option<String>| id.as_ref().map(|id| places.get(id).cloned().unwrap_or_else(|| id.clone()));
        let place = known(&event.environment).or_else(|| known(&event.project)).unwrap_or_default();
        let text = |name: &str| event.details.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let about = ["name", "slug", "role", "kind"].into_iter().map(text).find(|t| !t.is_empty()).unwrap_or_default();
        Self { who: who(&seen), place, about, seen }
    }
}

/// How whoever acted is called.
fn who(seen: &SeenEvent) -> String {
    let actor = &seen.event.actor;
    seen.actor_name
        .clone()
        .unwrap_or_else(|| if actor.id.is_empty() { actor.kind.to_string() } else { actor.id.to_string() })
}

/// The page.
#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    filter: AuditFilter,
    rows: Vec<Row>,
    older: Option<String>,
    may_export: bool,
    /// Where the stream of what comes begins; none where nothing can come.
    stream: Option<String>,
    /// What projects and environments are called, for rows that a script adds.
    places: String,
    clock: String,
}

/// Shows the list.
pub(super) async fn list(visitor: Visitor, Query(filter): Query<AuditFilter>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), filter.cursor.as_deref())?;
    let page = governance::audit_list(&visitor.op, &filter.query()?, limit, cursor).await?;
    let places = places(&visitor).await?;
    let rows: Vec<_> = page.items.into_iter().map(|seen| Row::of(seen, &places)).collect();
    let begin = rows.first().map_or_else(|| "recent=0".to_owned(), |row| format!("after={}", row.seen.event.seq));
    let stream = filter.may_follow().then(|| format!("/api/v1/audit/events/stream?{begin}{}", filter.parameters()));
    let known = places.into_iter().take(PLACES_MAX).collect::<HashMap<_, _>>();
    let places = serde_json::to_string(&known).unwrap_or_default();
    let older = page.next.map(|next| filter.address("cursor", &next.encode()));
    let frame = visitor.frame("Audit", Section::Audit, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Audit", "/audit").help("access");
    let may_export = frame.permissions.permits(Action::AuditExport, false);
    let clock = clock(visitor.op.now());
    visitor.show(&AuditPage { frame, filter, rows, older, may_export, stream, places, clock })
}

/// What projects and environments are called, by their ids.
async fn places(visitor: &Visitor) -> Result<HashMap<String, String>, Problem> {
    let mut places = HashMap::new();
    for (project, tree) in access::forest(&visitor.op).await? {
        places.insert(project.id.to_string(), project.slug.to_string());
        places.extend(tree.iter().map(|(placed, _)| (placed.environment.id.to_string(), placed.path())));
    }
    Ok(places)
}

/// One event.
#[derive(Template)]
#[template(path = "audit_event.html")]
struct EventPage {
    frame: Frame,
    event: EventView,
    who: String,
    place: String,
    details: Vec<(String, String)>,
    index: u64,
    size: u64,
    siblings: Vec<String>,
    is_signed: bool,
}

/// Shows one event.
pub(super) async fn event(visitor: Visitor, Names([name]): Names<1>) -> Answer {
    let seen = governance::audit_event(&visitor.op, &name).await?;
    let proof = governance::audit_proof(&visitor.op, &name).await?;
    let places = places(&visitor).await?;
    let row = Row::of(seen, &places);
    let event = row.seen.event;
    let details = event.details.iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), text)
    });
    let details = details.collect();
    let frame = visitor.frame(event.action.clone(), Section::Audit, None).await?;
    let here = format!("/audit/{}", event.id);
    let frame = frame.crumb("Home", "/").crumb("Audit", "/audit").crumb(event.action.clone(), here).help("access");
    let siblings = proof.proof.hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect();
    let (index, size, is_signed) = (proof.proof.seq, proof.proof.size, proof.checkpoint.is_some());
    visitor.show(&EventPage { frame, event, who: row.who, place: row.place, details, index, size, siblings, is_signed })
}
