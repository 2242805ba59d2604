//! Two environments side by side: names always, values only as same or different.

use askama::Template;
use serde::Deserialize;

use super::environment::address;
use super::form::filled;
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::extract::{Names, Query};
use crate::types::Limit;
use crate::vault::compare::{Cell, Comparison, Row, environment_compare};

/// Most names that are shown.
const ROWS: u32 = 500;

/// What is compared, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CompareQuery {
    #[serde(default)]
    left: String,
    #[serde(default)]
    right: String,
    /// Whether names that are the same are shown too.
    #[serde(default)]
    all: String,
}

/// What was found.
struct Found {
    rows: Vec<Row>,
    /// The same, different, missing somewhere, unknown.
    counts: [usize; 4],
    is_cut: bool,
}

impl Found {
    fn summary(&self) -> String {
        let [same, different, missing, unknown] = self.counts;
        let hidden = if unknown > 0 { format!(" · {unknown} you may not compare") } else { String::new() };
        format!("{different} different · {missing} missing in one · {same} the same{hidden}")
    }
}

/// The page.
#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage {
    frame: Frame,
    project: String,
    query: CompareQuery,
    found: Option<Found>,
}

impl ComparePage {
    /// The page of a name on one of the sides.
    fn link(&self, side: &usize, row: &Row) -> String {
        let environment = if *side == 0 { &self.query.left } else { &self.query.right };
        let base = format!("/projects/{}/environments/{}", self.project, ui::part(environment));
        address(&base, row.name.as_str(), row.path.as_str())
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Names([project]): Names<1>, Query(query): Query<CompareQuery>) -> Answer {
    let project = crate::orgs::project::project_get(&visitor.op, &project).await?.slug.to_string();
    let frame = visitor.frame(format!("Compare · {project}"), Section::Projects, Some(&project)).await?;
    let here = format!("/projects/{project}");
    let frame =
        frame.crumb("Home", "/").crumb(&project, &here).crumb("Compare", format!("{here}/compare")).help("arranging");
    let found = match (filled(&query.left), filled(&query.right)) {
        (Some(left), Some(right)) if left != right => {
            let environments = vec![left, right];
            let differences = query.all.is_empty();
            let ask = Comparison { project: project.clone(), environments, path: String::new(), differences };
            let compared = environment_compare(&visitor.op, &ask, Limit::parse(ROWS)?, None).await?;
            Some(Found { is_cut: compared.page.next.is_some(), rows: compared.page.items, counts: compared.counts })
        }
        _ => None,
    };
    visitor.show(&ComparePage { frame, project, query, found })
}
