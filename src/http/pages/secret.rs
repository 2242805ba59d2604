//! One secret: beside the table as a panel, or as a page of its own. Its value is in neither until it is revealed.

mod change;
mod reach;
mod reads;
mod reveal;
pub(super) mod uses;

pub(super) use change::{create, delete, fresh, rollback, save, undelete};
pub(super) use reach::page as access;
pub(super) use reads::{expire, page as reads};
pub(super) use reveal::reveal;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use askama::Template;
use serde::Deserialize;

use super::environment::{Badge, Head, Tab};
use super::failure::Told;
use super::frame::{Frame, Section};
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::types::Limit;
use crate::vault::VaultError;
use crate::vault::care::{self, Expiring, expiry_get};
use crate::vault::model::Visibility;
use crate::vault::secret::{self, ReadSecret, SecretVersionView, SecretView};
use crate::vault::store::VersionState;

/// Tells the table that something in it changed.
const HX_TRIGGER: HeaderName = HeaderName::from_static("hx-trigger");
/// How many versions a panel lists.
const VERSIONS: u32 = 50;

/// The folder of the secret a page is about.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PlaceQuery {
    #[serde(default)]
    pub(super) path: String,
    /// What was done before.
    pub(super) done: Option<String>,
}

/// A secret's names, as an address has them.
#[derive(Debug, Clone)]
pub(super) struct Which {
    pub(super) project: String,
    pub(super) environment: String,
    pub(super) name: String,
    pub(super) path: String,
}

impl Which {
    /// The same, as what looks after secrets names it.
    fn as_care(&self) -> care::Which {
        care::Which {
            project: self.project.clone(),
            environment: self.environment.clone(),
            path: self.path.clone(),
            name: self.name.clone(),
        }
    }
}

/// What is typed into the editor, kept when it is not taken. Never the value.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) comment: String,
    pub(super) tags: String,
    pub(super) visibility: Visibility,
    pub(super) is_text: bool,
}

/// A version in the history.
struct Version {
    view: SecretVersionView,
    by: String,
}

/// What the panel and the page of a secret show.
struct Shown {
    /// The address of the secret without its query, for what is done to it.
    base: String,
    /// `?path=…`, or nothing.
    query: String,
    secret: SecretView,
    badge: Badge,
    by: String,
    versions: Vec<Version>,
    typed: Typed,
    told: Option<Told>,
    show_as: ShowAs,
    /// Until when its value is good, if that was said.
    end: Option<Expiring>,
    /// The value, only in the answer to a reveal.
    value: Option<String>,
}

impl Shown {
    fn is_own(&self) -> bool {
        matches!(self.badge.kind, "own" | "overrides")
    }
}

/// The page.
#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    head: Head,
    shown: Shown,
}

/// The panel.
#[derive(Template)]
#[template(path = "secret_panel.html")]
struct SecretPanel {
    frame: Frame,
    head: Head,
    shown: Shown,
}

/// Shows it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
) -> Answer {
    let which = Which { project, environment, name, path: query.path };
    show(&visitor, which, StatusCode::OK, query.done.as_deref(), None).await
}

/// What a form that was not taken is shown with again, or what a reveal gave.
enum With {
    Refused(Box<(Typed, Told)>),
    Told(Told),
    Value(String),
}

async fn show(visitor: &Visitor, which: Which, status: StatusCode, done: Option<&str>, with: Option<With>) -> Answer {
    let (frame, head) = Head::of(visitor, &which.project, &which.environment, Tab::Secrets, &which.name).await?;
    let shown = look(visitor, which, &head, with).await?;
    let here = format!("{}{}", shown.base, shown.query);
    let frame = frame.crumb(shown.secret.name.to_string(), here).help("time").notice(done);
    let changed = done.is_some();
    let mut response = if visitor.is_partial {
        visitor.show_as(status, &SecretPanel { frame, head, shown })?
    } else {
        visitor.show_as(status, &SecretPage { frame, head, shown })?
    };
    if changed {
        response.headers_mut().insert(HX_TRIGGER, HeaderValue::from_static("secrets-changed"));
    }
    Ok(response)
}

async fn look(visitor: &Visitor, which: Which, head: &Head, with: Option<With>) -> Result<Shown, Problem> {
    let ask = ReadSecret {
        project: which.project.clone(),
        environment: which.environment.clone(),
        path: which.path.clone(),
        name: which.name.clone(),
        ..ReadSecret::default()
    };
    let read = secret::secret_get(&visitor.op, &visitor.state.uses, &ask).await;
    let secret = match read {
        Ok(read) => read.view,
        Err(VaultError::NotFound { .. }) => deleted(visitor, &ask).await?,
        Err(other) => return Err(other.into()),
    };
    let badge = Badge::of(&secret.origin);
    let (mut versions, mut end) = (Vec::new(), None);
    if matches!(badge.kind, "own" | "overrides") {
        let limit = Limit::parse(VERSIONS)?;
        let page = secret::secret_history(
            &visitor.op,
            &which.project,
            &which.environment,
            &which.path,
            &which.name,
            limit,
            None,
        );
        versions = page.await?.items;
        if secret.state != VersionState::Deleted {
            end = expiry_get(&visitor.op, &which.as_care()).await?;
        }
    }
    let authors: Vec<_> = versions.iter().map(|v| v.created_by.clone()).chain([secret.updated_by.clone()]).collect();
    let mut names = secret::author_names(&visitor.op, authors).await?;
    let by = names.pop().unwrap_or_default();
    let versions = versions.into_iter().zip(names).map(|(view, by)| Version { view, by }).collect();
    let (mut typed, mut told, mut value) = (typed_of(&secret), None, None);
    match with {
        Some(With::Refused(kept)) => (typed, told) = (kept.0, Some(kept.1)),
        Some(With::Told(why)) => told = Some(why),
        Some(With::Value(text)) => value = Some(text),
        None => {}
    }
    let folder = if secret.path.is_root() { String::new() } else { secret.path.to_string() };
    let base = format!("{}/secrets/{}", head.base, ui::part(&which.name));
    let query = if folder.is_empty() { String::new() } else { format!("?path={}", ui::part(&folder)) };
    let e = &head.placed.environment;
    let place = (e.project_slug.as_str(), e.slug.as_str());
    let show_as = ShowAs::secret(visitor.state.public_url.as_str(), place, secret.name.as_str(), &folder);
    Ok(Shown { base, query, secret, badge, by, versions, typed, told, show_as, end, value })
}

/// A deleted secret is shown by the version before its deletion: it can be brought back.
async fn deleted(visitor: &Visitor, ask: &ReadSecret) -> Result<SecretView, Problem> {
    let limit = Limit::parse(1)?;
    let page =
        secret::secret_history(&visitor.op, &ask.project, &ask.environment, &ask.path, &ask.name, limit, None).await?;
    let version = page.items.first().map(|v| v.version);
    let ask = ReadSecret { version, ..ask.clone() };
    Ok(secret::secret_get(&visitor.op, &visitor.state.uses, &ask).await?.view)
}

fn typed_of(secret: &SecretView) -> Typed {
    Typed {
        name: secret.name.to_string(),
        path: secret.path.to_string(),
        comment: secret.comment.clone(),
        tags: secret.tags.join(", "),
        visibility: secret.visibility,
        is_text: !secret.interpolate,
    }
}
