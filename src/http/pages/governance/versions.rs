//! The versions of a policy: what each one changed, and going back to one.

use askama::Template;
use serde::Deserialize;

use super::{is_told, status_of};
use crate::governance::policy::{self, OrgPolicy};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::failure::Told;
use crate::http::pages::form::Form;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::vault::secret::author_names;

/// Which versions are compared, as the address says it.
#[derive(Default, Deserialize)]
pub(super) struct DiffQuery {
    from: Option<u32>,
    to: Option<u32>,
    done: Option<String>,
}

/// A line of a difference.
pub(in crate::http::pages) struct DiffLine {
    /// `add`, `delete`, `place` or `same`.
    pub(in crate::http::pages) kind: &'static str,
    pub(in crate::http::pages) text: String,
}

/// A unified diff as lines to be shown.
pub(in crate::http::pages) fn lines(diff: &str) -> Vec<DiffLine> {
    let line = |text: &str| {
        let kind = match text.as_bytes().first() {
            _ if text.starts_with("+++") || text.starts_with("---") => "head",
            Some(b'+') => "add",
            Some(b'-') => "delete",
            Some(b'@') => "place",
            _ => "same",
        };
        DiffLine { kind, text: text.to_owned() }
    };
    diff.lines().map(line).collect()
}

/// The page.
#[derive(Template)]
#[template(path = "policy_versions.html")]
struct VersionsPage {
    frame: Frame,
    name: String,
    now: u32,
    versions: Vec<(OrgPolicy, String)>,
    from: u32,
    to: u32,
    lines: Vec<DiffLine>,
    told: Option<Told>,
}

/// Shows them.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<DiffQuery>) -> Answer {
    show(&visitor, &name, query, None).await
}

async fn show(visitor: &Visitor, name: &str, query: DiffQuery, told: Option<Told>) -> Answer {
    let op = &visitor.op;
    let versions = policy::policy_versions(op, name).await?;
    let names = author_names(op, versions.iter().map(|v| v.saved_by.clone()).collect()).await?;
    let slug = versions.first().map_or_else(|| name.to_owned(), |v| v.name.to_string());
    let now = versions.first().map_or(0, |v| v.version);
    let (from, to, diff) = policy::policy_diff(op, name, query.from, query.to).await?;
    let frame = visitor.frame(format!("Versions of {slug}"), Section::Policies, None).await?;
    let here = format!("/policies/{slug}");
    let frame = frame.crumb("Home", "/").crumb("Policies", "/policies").crumb(slug.as_str(), here.as_str());
    let frame = frame.crumb("Versions", format!("{here}/versions")).help("access").notice(query.done.as_deref());
    let versions = versions.into_iter().zip(names).collect();
    let status = status_of(told.as_ref());
    let page = VersionsPage { frame, name: slug, now, versions, from, to, lines: lines(&diff), told };
    visitor.show_as(status, &page)
}

/// Which version is the newest again.
#[derive(Deserialize)]
pub(super) struct RollbackForm {
    version: u32,
}

/// Saves an older version again, as a new one that passes the same checks.
pub(super) async fn rollback(Names([name]): Names<1>, Form(visitor, form): Form<RollbackForm>) -> Answer {
    let done = policy::policy_rollback(&visitor.op, &name, form.version, false).await.map_err(Problem::from);
    match done {
        Ok(saved) => Visitor::go(&format!("/policies/{}/versions?done=rolled-back", saved.policy.name)),
        Err(problem) if is_told(&problem) => {
            show(&visitor, &name, DiffQuery::default(), Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
