//! The palette and its page: names, environments and pages that hold what is typed.

use askama::Template;
use serde::Deserialize;

use super::environment::address;
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::extract::Query;
use crate::orgs::access::{self, Spot};
use crate::vault::secret;

/// How many secrets are found at most.
const SECRETS: usize = 20;
/// How many environments.
const PLACES: usize = 12;

/// What is typed.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
}

/// Something found.
struct Hit {
    href: String,
    icon: &'static str,
    words: String,
    place: String,
    tier: &'static str,
}

/// The page.
#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    q: String,
    hits: Vec<Hit>,
}

/// The list inside the palette.
#[derive(Template)]
#[template(path = "search_list.html")]
struct SearchList {
    q: String,
    hits: Vec<Hit>,
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<SearchQuery>) -> Answer {
    let q: String = query.q.trim().chars().take(255).collect();
    let frame = visitor.frame("Search", Section::Home, None).await?.crumb("Home", "/").crumb("Search", "/search");
    let mut hits = Vec::new();
    if q.is_empty() {
        hits.extend(acts(&frame, ""));
        hits.extend(access::spot(&visitor.op, "", PLACES).await?.iter().map(place));
    } else {
        let lower = q.to_lowercase();
        hits.extend(access::spot(&visitor.op, &lower, PLACES).await?.iter().map(place));
        for spotted in secret::secret_spot(&visitor.op, &q, SECRETS).await? {
            let (project, environment) = spotted.environment.split_once('/').unwrap_or(("", &spotted.environment));
            let base = format!("/projects/{project}/environments/{environment}");
            let href = address(&base, &spotted.name, &spotted.path);
            let folder = if spotted.path == "/" { String::new() } else { format!(" {}", spotted.path) };
            let place = format!("{}{folder}", spotted.environment);
            hits.push(Hit { href, icon: "key-round", words: spotted.name, place, tier: "" });
        }
        hits.extend(acts(&frame, &lower));
    }
    if visitor.is_partial {
        visitor.show(&SearchList { q, hits })
    } else {
        visitor.show(&SearchPage { frame, q, hits })
    }
}

/// Pages and acts whose name holds `words`.
fn acts(frame: &Frame, words: &str) -> Vec<Hit> {
    let fixed = [
        ("/", "house", "Home"),
        ("/new-project", "plus", "New project"),
        ("/stale", "hourglass", "Stale secrets"),
        ("/deleted", "trash-2", "Deleted projects and environments"),
    ];
    let operators = [("/instance/organizations", "building-2", "Organizations of this instance")];
    let operators = operators.into_iter().filter(|_| frame.is_operator);
    let entries = frame.entries();
    let all = fixed.into_iter().chain(operators).chain(entries.iter().map(|e| (e.href, e.icon, e.label)));
    let found = all.filter(|(_, _, label)| label.to_lowercase().contains(words));
    let hit = |(href, icon, label): (&str, &'static str, &str)| Hit {
        href: href.to_owned(),
        icon,
        words: label.to_owned(),
        place: "go to".to_owned(),
        tier: "",
    };
    found.map(hit).collect()
}

/// A project or an environment that was found.
fn place(spot: &Spot) -> Hit {
    match spot {
        Spot::Project(project) => Hit {
            href: format!("/projects/{}", project.slug),
            icon: "box",
            words: project.slug.to_string(),
            place: "project".to_owned(),
            tier: "",
        },
        Spot::Environment(placed) => Hit {
            href: format!("/projects/{}/environments/{}", placed.environment.project_slug, placed.environment.slug),
            icon: "layers",
            words: placed.environment.slug.to_string(),
            place: placed.environment.project_slug.to_string(),
            tier: placed.environment.tier.as_str(),
        },
    }
}
