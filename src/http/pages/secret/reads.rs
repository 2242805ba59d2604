//! Who had the value of a secret, and when its value stops being good.

use askama::Template;
use serde::Deserialize;

use super::{PlaceQuery, Which, With, show as show_secret};
use crate::governance::{SeenEvent, secret_accesses};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::http::pages::environment::{Head, Tab};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::governance::place_names;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::types::{ParseError, Timestamp};
use crate::vault::care::expiry_set;
use crate::vault::secret::{ReadSecret, secret_get};

/// How many reads a page looks at.
const ROWS: u32 = 100;

/// Which secret, and where the list goes on.
#[derive(Default, Deserialize)]
pub(in crate::http::pages) struct ReadsQuery {
    #[serde(default)]
    path: String,
    cursor: Option<String>,
}

/// A read as a row.
struct Read {
    seen: SeenEvent,
    who: String,
    place: String,
}

impl Read {
    /// What it was, in a word.
    fn how(&self) -> &'static str {
        if self.seen.event.action == "secret.reveal" { "shown" } else { "used" }
    }

    /// Where the request came from, if that is still known.
    fn address(&self) -> &str {
        let personal = self.seen.event.personal.as_ref();
        personal.and_then(|personal| personal.address.as_deref()).unwrap_or_default()
    }
}

/// The page.
#[derive(Template)]
#[template(path = "secret_reads.html")]
struct ReadsPage {
    frame: Frame,
    head: Head,
    /// The secret, as `/api/KEY`.
    shown: String,
    id: String,
    reads: Vec<Read>,
    next: Option<String>,
}

/// Shows who had it.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<ReadsQuery>,
) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Secrets, "Reads").await?;
    let ask = ReadSecret {
        project: project.clone(),
        environment: environment.clone(),
        path: query.path,
        name,
        ..ReadSecret::default()
    };
    let view = secret_get(&visitor.op, &visitor.state.uses, &ask).await?.view;
    let found = secret_accesses(&visitor.op, &project, &environment, view.id, limit, cursor).await?;
    let places = place_names(&visitor).await?;
    let folder = if view.path.is_root() { "" } else { view.path.as_str() };
    let place = if folder.is_empty() { String::new() } else { format!("?path={}", ui::part(folder)) };
    let secret = format!("{}/secrets/{}", head.base, ui::part(view.name.as_str()));
    let here = format!("{secret}/reads{place}");
    let next =
        found.next.map(|next| format!("{here}{}cursor={}", if place.is_empty() { "?" } else { "&" }, next.encode()));
    let frame = frame.crumb(view.name.to_string(), format!("{secret}{place}")).crumb("Reads", here).help("access");
    let reads = found.items.into_iter().map(|seen| {
        let actor = &seen.event.actor;
        let who = seen
            .actor_name
            .clone()
            .unwrap_or_else(|| if actor.id.is_empty() { actor.kind.to_string() } else { actor.id.to_string() });
        // A read that names no environment found the value in this one.
        let id = seen.event.environment.as_ref();
        let place = id.map_or_else(|| head.placed.path(), |id| places.get(id).cloned().unwrap_or_default());
        Read { seen, who, place }
    });
    let shown = if folder.is_empty() { view.name.to_string() } else { format!("{folder}/{}", view.name) };
    let (id, reads) = (view.id.to_string(), reads.collect());
    visitor.show(&ReadsPage { frame, head, shown, id, reads, next })
}

/// Until when a value is good.
#[derive(Deserialize)]
pub(in crate::http::pages) struct ExpiryForm {
    /// A day, or a moment; without an end when empty.
    #[serde(default)]
    until: String,
    /// Set where it shall have no end.
    #[serde(default)]
    never: String,
}

/// A day as a browser's field has it, or a moment in full. The value is good until that day begins, in UTC.
pub(super) fn day(text: &str) -> Result<Timestamp, ParseError> {
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse(&full)
}

/// Says when a secret expires, or that it does not.
pub(in crate::http::pages) async fn expire(
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
    Form(visitor, form): Form<ExpiryForm>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    let until = match filled(&form.until).filter(|_| form.never.is_empty()) {
        Some(text) => day(&text).map(Some).map_err(|e| Problem::from(e).field("until", "time_invalid")),
        None if form.never.is_empty() => {
            Err(Problem::invalid("missing_field", "say until when it is good").field("until", "missing_field"))
        }
        None => Ok(None),
    };
    let done = match until {
        Ok(until) => expiry_set(&visitor.op, which.as_care(), until).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go(&format!("{}{}", which.address(), which.query("changed"))),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 403 | 409 | 422) => {
            let (status, told) = (problem.status(), Told::of(&problem));
            show_secret(&visitor, which, status, None, Some(With::Told(told))).await
        }
        Err(problem) => Err(problem),
    }
}
