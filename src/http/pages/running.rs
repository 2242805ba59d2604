//! All that runs of the organization, what is wrong first, with the filters in the address.

use std::collections::BTreeSet;

use askama::Template;
use serde::Deserialize;

use super::form::filled;
use super::frame::{Frame, Section};
use super::services::chip;
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::api::runtime::clusters;
use crate::http::extract::{Query, page_of};
use crate::policy::Action;
use crate::runtime::lifecycle::{Family, Running, RunningFilter, runtime_list};

/// How many environments a page shows.
const ROWS: u32 = 100;

/// Which environments, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RunningForm {
    /// A family of states; any when empty.
    #[serde(default)]
    state: String,
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    project: String,
    cursor: Option<String>,
}

impl RunningForm {
    fn is_set(&self) -> bool {
        [&self.state, &self.cluster, &self.project].into_iter().any(|text| filled(text).is_some())
    }

    /// The filters of the address, without the page.
    fn parameters(&self) -> String {
        let all = [("state", &self.state), ("cluster", &self.cluster), ("project", &self.project)];
        let set = all.into_iter().filter_map(|(name, text)| Some((name, filled(text)?)));
        let set: Vec<_> = set.map(|(name, text)| format!("{name}={}", ui::part(&text))).collect();
        set.join("&")
    }
}

/// An environment as a row.
struct Row {
    running: Running,
    /// The name of its cluster; none when that was taken away.
    cluster: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "running.html")]
struct RunningPage {
    frame: Frame,
    rows: Vec<Row>,
    filter: RunningForm,
    /// The clusters to choose from: all, or those that rows name.
    clusters: BTreeSet<String>,
    next: Option<String>,
    may_see_all: bool,
    show_as: ShowAs,
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(form): Query<RunningForm>) -> Answer {
    let family = filled(&form.state).map(|word| Family::parse(&word)).transpose()?;
    let filter = RunningFilter { family, cluster: filled(&form.cluster), project: filled(&form.project) };
    let (limit, cursor) = page_of(Some(ROWS), form.cursor.as_deref())?;
    let found = runtime_list(&visitor.op, &filter, limit, cursor).await?;
    let frame = visitor.frame("Running", Section::Running, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Running", "/running").help("environments");
    let parameters = form.parameters();
    let next = found.next.map(|next| {
        let and = if parameters.is_empty() { "" } else { "&" };
        format!("/running?{parameters}{and}cursor={}", next.encode())
    });
    let known = clusters(&visitor.op)?;
    let row = |running: Running| {
        let cluster = known.iter().find(|c| c.id == running.runtime.cluster).map(|c| c.name.to_string());
        Row { running, cluster }
    };
    let rows: Vec<_> = found.items.into_iter().map(row).collect();
    let mut clusters: BTreeSet<_> = rows.iter().filter_map(|row| row.cluster.clone()).collect();
    if frame.permissions.permits(Action::EnvironmentRead, false) {
        clusters.extend(known.iter().map(|c| c.name.to_string()));
    }
    clusters.extend(filter.cluster);
    let may_see_all = frame.permissions.permits(Action::RuntimeRead, false);
    let show_as = ShowAs::of(
        &visitor,
        "holdfast env list\nholdfast env list --state wrong\nholdfast env list --cluster CLUSTER --project PROJECT",
        ("GET", "/runtimes?state=wrong"),
        "",
        "",
    );
    visitor.show(&RunningPage { frame, rows, filter: form, clusters, next, may_see_all, show_as })
}
