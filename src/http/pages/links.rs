//! One-time links: one's own, a new one, and one of a secret's value.
//!
//! What is sent is sealed by the page's script and never by this server: a form without the script has no field that
//! would carry it here. The key of a link is in the browser only, which shows it once.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use askama::Template;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::assets;
use super::environment::{Head, Tab};
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::secret::PlaceQuery;
use super::ui;
use super::visitor::{Theme, Visitor};
use super::welcome::Nothing;
use crate::auth::credential::parse_life;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::links::{Link, LinkError, NOTE_MAX, NewLink, VIEWS_MAX, link_create, link_list, link_revoke};
use crate::types::{Id, ParseError, SecretString, Timestamp};
use crate::vault::model::Visibility;
use crate::vault::secret::{ReadSecret, secret_get};
use crate::vault::store::VersionState;

/// How many links a page shows.
const ROWS: u32 = 100;
/// The lives a link may be given.
const LIVES: &[(&str, &str)] =
    &[("an hour", "1h"), ("8 hours", "8h"), ("a day", "1d"), ("3 days", "3d"), ("7 days", "7d"), ("30 days", "30d")];

/// Which page, and what was done before.
#[derive(Default, Deserialize)]
pub(super) struct LinksQuery {
    cursor: Option<String>,
    done: Option<String>,
}

/// A link as a row.
struct Row {
    link: Link,
    /// What has become of it.
    state: &'static str,
}

impl Row {
    fn of(link: Link, now: Timestamp) -> Self {
        // Between its last moment and the job that notes it, it is expired already.
        let state = match link.end {
            Some((_, how)) => how.as_str(),
            None if link.expires_at <= now => "expired",
            None => "open",
        };
        Self { link, state }
    }

    fn is_open(&self) -> bool {
        self.state == "open"
    }

    fn ends_at(&self) -> &Timestamp {
        self.link.end.as_ref().map_or(&self.link.expires_at, |(at, _)| at)
    }
}

/// The page.
#[derive(Template)]
#[template(path = "links.html")]
struct LinksPage {
    frame: Frame,
    links: Vec<Row>,
    next: Option<String>,
    now: Timestamp,
    csrf: String,
    note: String,
    script: String,
}

/// The table alone, as it is put into the page that is there.
#[derive(Template)]
#[template(path = "links_table.html")]
struct LinksRegion {
    links: Vec<Row>,
    next: Option<String>,
    now: Timestamp,
    csrf: String,
}

/// Shows one's own links.
pub(super) async fn page(visitor: Visitor, Query(query): Query<LinksQuery>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let found = link_list(&visitor.op, limit, cursor).await?;
    let (now, csrf) = (visitor.op.now(), visitor.csrf.clone());
    let next = found.next.map(|next| format!("/links?cursor={}", next.encode()));
    let links = found.items.into_iter().map(|link| Row::of(link, now)).collect();
    if visitor.is_partial {
        return visitor.show(&LinksRegion { links, next, now, csrf });
    }
    let frame = visitor.frame("One-time links", Section::Links, None).await?;
    let frame = frame.crumb("Home", "/").crumb("One-time links", "/links");
    let frame = frame.help("links").notice(query.done.as_deref());
    let (note, script) = (String::new(), assets::url("seal.js"));
    visitor.show(&LinksPage { frame, links, next, now, csrf, note, script })
}

/// What the browser sealed, and how it may be opened.
#[derive(Deserialize)]
pub(super) struct SealedForm {
    #[serde(default)]
    ciphertext: String,
    #[serde(default)]
    proof: Option<SecretString>,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    life: String,
    #[serde(default)]
    views: String,
    #[serde(default)]
    note: String,
}

impl SealedForm {
    fn read(self, now: Timestamp) -> Result<NewLink, Problem> {
        if self.ciphertext.is_empty() {
            let problem = Problem::invalid("missing_field", "nothing was sealed");
            return Err(problem.hint("the page seals with JavaScript; without it: holdfast link create"));
        }
        let bytes = |field: &'static str, text: &str| {
            let wrong = |_| ParseError::new(field, "must be base64 with padding");
            BASE64.decode(text.as_bytes()).map_err(wrong)
        };
        let ciphertext = bytes("ciphertext", &self.ciphertext)?;
        let proof = self.proof.as_ref().map_or("", |proof| proof.expose().as_str());
        let proof = bytes("proof", proof)?;
        let life = filled(&self.life).map(|life| parse_life(&life)).transpose()?;
        let views = filled(&self.views).map(|views| views.parse::<u32>());
        let views = views.transpose().map_err(|_| ParseError::new("views", format!("must be 1 to {VIEWS_MAX}")))?;
        let note = filled(&self.note);
        Ok(NewLink::parse(ciphertext, &proof, !self.passphrase.is_empty(), views, life, note, now)?)
    }
}

/// A link for the script of the page, which knows its key.
#[derive(Serialize)]
struct Made {
    /// Its address, without the key.
    url: String,
}

/// Keeps what the browser sealed.
pub(super) async fn create(Form(visitor, form): Form<SealedForm>) -> Answer {
    let link = link_create(&visitor.op, form.read(visitor.op.now())?).await?;
    let url = format!("{}/l/{}", visitor.state.public_url, link.id);
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(Made { url }))
}

/// Takes one back at once.
pub(super) async fn revoke(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let id = Id::parse(&id).map_err(|_| LinkError::not_found(&id))?;
    link_revoke(&visitor.op, id, false).await?;
    Visitor::go("/links?done=revoked")
}

/// Sending a secret.
#[derive(Template)]
#[template(path = "secret_link.html")]
struct SecretLinkPage {
    frame: Frame,
    head: Head,
    /// The secret, as `/api/KEY`.
    shown: String,
    /// The address of its page.
    secret: String,
    /// Where the browser asks for its value.
    reveal: String,
    note: String,
    is_restricted: bool,
    has_value: bool,
    may_send: bool,
    script: String,
}

/// The form that sends a secret's value.
pub(super) async fn of_secret(
    visitor: Visitor,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
) -> Answer {
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Secrets, "Send").await?;
    let ask = ReadSecret { project, environment, path: query.path, name, ..ReadSecret::default() };
    let view = secret_get(&visitor.op, &visitor.state.uses, &ask).await?.view;
    let folder = if view.path.is_root() { "" } else { view.path.as_str() };
    let place = if folder.is_empty() { String::new() } else { format!("?path={}", ui::part(folder)) };
    let base = format!("{}/secrets/{}", head.base, ui::part(view.name.as_str()));
    let secret = format!("{base}{place}");
    let frame = frame.crumb(view.name.to_string(), secret.clone());
    let frame = frame.crumb("Send", format!("{base}/link{place}")).help("links");
    let is_restricted = view.visibility == Visibility::Restricted;
    let has_value = view.state == VersionState::Set;
    let shown = if folder.is_empty() { view.name.to_string() } else { format!("{folder}/{}", view.name) };
    let note = format!("{} {shown}", head.placed.path()).chars().take(NOTE_MAX).collect();
    visitor.show(&SecretLinkPage {
        may_send: head.may_reveal() && has_value && !is_restricted,
        frame,
        head,
        shown,
        secret,
        reveal: format!("{base}/reveal{place}"),
        note,
        is_restricted,
        has_value,
        script: assets::url("seal.js"),
    })
}
