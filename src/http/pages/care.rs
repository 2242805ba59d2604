//! Secrets to look after: those whose value stops being good, and those nobody reads.

use askama::Template;
use serde::Deserialize;

use super::environment::address;
use super::form::filled;
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Query, page_of};
use crate::types::Timestamp;
use crate::vault::care::{Expiring, Scope, Stale, secret_expiring, secret_stale};
use crate::vault::secret::author_names;

/// How many secrets a page shows.
const ROWS: u32 = 200;
/// The spans that can be chosen, in days.
const SPANS: &[u32] = &[7, 30, 90, 180, 365];

/// Which secrets, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CareQuery {
    /// In how many days; a span of its own for each list when empty.
    #[serde(default)]
    days: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    environment: String,
    cursor: Option<String>,
}

impl CareQuery {
    fn span(&self, fallback: u32) -> Result<u32, Problem> {
        let days = filled(&self.days).map(|days| days.parse::<u32>()).transpose();
        Ok(days.map_err(|_| Problem::invalid("form_invalid", "days are a number"))?.unwrap_or(fallback))
    }

    fn scope(&self) -> Scope {
        Scope { project: filled(&self.project), environment: filled(&self.environment) }
    }

    /// The address of the page after this one.
    fn next(&self, path: &str, cursor: &str) -> String {
        let all = [("days", &self.days), ("project", &self.project), ("environment", &self.environment)];
        let kept = all.into_iter().filter(|(_, text)| !text.is_empty());
        let mut parts: Vec<_> = kept.map(|(name, text)| format!("{name}={}", ui::part(text))).collect();
        parts.push(format!("cursor={cursor}"));
        format!("{path}?{}", parts.join("&"))
    }
}

/// A secret as a row.
struct Row {
    name: String,
    folder: String,
    environment: String,
    href: String,
    /// Its end, or when it was written last.
    at: Timestamp,
    is_over: bool,
    /// Who said when it ends, or who read it last.
    by: String,
    read_at: Option<Timestamp>,
}

impl Row {
    fn expiring(one: Expiring, by: String) -> Self {
        let href = href(&one.environment, one.name.as_str(), one.path.as_str());
        let folder = if one.path.is_root() { String::new() } else { one.path.to_string() };
        let (name, environment) = (one.name.to_string(), one.environment);
        Self { name, folder, environment, href, at: one.expires_at, is_over: one.is_over, by, read_at: None }
    }

    fn stale(one: Stale, by: String) -> Self {
        let href = href(&one.environment, one.name.as_str(), one.path.as_str());
        let folder = if one.path.is_root() { String::new() } else { one.path.to_string() };
        let (name, environment) = (one.name.to_string(), one.environment);
        let read_at = one.last_accessed.map(|(at, _)| at);
        Self { name, folder, environment, href, at: one.updated_at, is_over: false, by, read_at }
    }
}

/// The page of a secret that `project/environment` stores.
fn href(environment: &str, name: &str, folder: &str) -> String {
    let (project, environment) = environment.split_once('/').unwrap_or(("", environment));
    address(&format!("/projects/{project}/environments/{environment}"), name, folder)
}

/// The page.
#[derive(Template)]
#[template(path = "care.html")]
struct CarePage {
    frame: Frame,
    query: CareQuery,
    days: u32,
    is_stale: bool,
    rows: Vec<Row>,
    next: Option<String>,
}

impl CarePage {
    fn path(&self) -> &'static str {
        if self.is_stale { "/stale" } else { "/expiring" }
    }

    fn is_narrowed(&self) -> bool {
        [&self.query.days, &self.query.project, &self.query.environment].iter().any(|text| !text.is_empty())
    }
}

/// Shows the secrets that expire soon, or did.
pub(super) async fn expiring(visitor: Visitor, Query(query): Query<CareQuery>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let days = query.span(30)?;
    let found = secret_expiring(&visitor.op, &query.scope(), days, limit, cursor).await?;
    let next = found.next.map(|next| query.next("/expiring", &next.encode()));
    let names = author_names(&visitor.op, found.items.iter().map(|one| one.set_by.clone()).collect()).await?;
    let rows = found.items.into_iter().zip(names).map(|(one, by)| Row::expiring(one, by)).collect();
    show(&visitor, query, days, false, rows, next).await
}

/// Shows the secrets nobody reads.
pub(super) async fn stale(visitor: Visitor, Query(query): Query<CareQuery>) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let days = query.span(90)?;
    let found = secret_stale(&visitor.op, &query.scope(), days, limit, cursor).await?;
    let next = found.next.map(|next| query.next("/stale", &next.encode()));
    let readers = found.items.iter().map(|one| one.last_accessed.clone().map(|(_, by)| by).unwrap_or_default());
    let names = author_names(&visitor.op, readers.collect()).await?;
    let rows = found.items.into_iter().zip(names).map(|(one, by)| Row::stale(one, by)).collect();
    show(&visitor, query, days, true, rows, next).await
}

async fn show(
    visitor: &Visitor,
    query: CareQuery,
    days: u32,
    is_stale: bool,
    rows: Vec<Row>,
    next: Option<String>,
) -> Answer {
    let (title, here) = if is_stale { ("Stale secrets", "/stale") } else { ("Expiring secrets", "/expiring") };
    let frame = visitor.frame(title, Section::Care, None).await?;
    let frame = frame.crumb("Home", "/").crumb(title, here).help("arranging");
    visitor.show(&CarePage { frame, query, days, is_stale, rows, next })
}
