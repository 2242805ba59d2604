//! Who can have the value of one secret, and why.

use askama::Template;

use super::PlaceQuery;
use crate::http::api::Answer;
use crate::http::extract::{Names, Query};
use crate::http::pages::access::way_of;
use crate::http::pages::environment::{Head, Tab, address};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::policy::{Action, PrincipalId};
use crate::types::Limit;
use crate::vault::usage::{Arrival, Through, secret_reach};

/// How many people and machines a page looks at.
const ROWS: u32 = 200;

/// Somebody, in one environment.
struct Row {
    name: String,
    is_machine: bool,
    /// In which ways; several where everything else is the same.
    how: Vec<&'static str>,
    environment: String,
    through: String,
    ways: Vec<String>,
    denied_by: Vec<String>,
}

impl Row {
    fn of(arrival: Arrival) -> Self {
        let reaching = arrival.reaching;
        let how = match reaching.actions.first() {
            Some(Action::SecretReveal) => "see",
            Some(Action::SecretUseRestricted) => "use, never see",
            _ => "use",
        };
        let through = match arrival.through {
            Through::Stored => "stored there".to_owned(),
            Through::Inherited => "inherited".to_owned(),
            Through::Reference(place) if place.is_empty() => "in a secret you may not see".to_owned(),
            Through::Reference(place) => format!("in {place}"),
        };
        Self {
            is_machine: matches!(reaching.principal, PrincipalId::ServiceAccount(_)),
            name: reaching.name,
            how: vec![how],
            environment: arrival.environment,
            through,
            ways: reaching.ways.iter().map(way_of).collect(),
            denied_by: reaching.denied_by,
        }
    }
}

/// One row where somebody can have it in more than one way for the same reason.
fn joined(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    for mut row in rows {
        let how = std::mem::take(&mut row.how);
        let same = all.last_mut().filter(|last| {
            (&last.name, last.is_machine, &last.environment, &last.through, &last.ways, &last.denied_by)
                == (&row.name, row.is_machine, &row.environment, &row.through, &row.ways, &row.denied_by)
        });
        match same {
            Some(last) => last.how.extend(how),
            None => all.push(Row { how, ..row }),
        }
    }
    all
}

/// The page.
#[derive(Template)]
#[template(path = "secret_access.html")]
struct SecretAccessPage {
    frame: Frame,
    head: Head,
    /// The secret, as `/api/KEY`.
    shown: String,
    stored_in: String,
    rows: Vec<Row>,
    hidden: usize,
    is_cut: bool,
}

/// Shows it.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<PlaceQuery>,
) -> Answer {
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Secrets, "Access").await?;
    let found =
        secret_reach(&visitor.op, (&project, &environment), (&query.path, &name), Limit::parse(ROWS)?, None).await?;
    let folder = if query.path.is_empty() || query.path == "/" { "" } else { &query.path };
    let secret = address(&head.base, &name, folder);
    let (place, query) = secret.split_once('?').unwrap_or((&secret, ""));
    let here = format!("{place}/access{}{query}", if query.is_empty() { "" } else { "?" });
    let frame = frame.crumb(name.clone(), secret.clone()).crumb("Access", here).help("access");
    visitor.show(&SecretAccessPage {
        frame,
        head,
        shown: if folder.is_empty() { name } else { format!("{folder}/{name}") },
        stored_in: found.stored_in.path(),
        is_cut: found.page.next.is_some() || !found.complete,
        rows: joined(found.page.items.into_iter().map(Row::of)),
        hidden: found.hidden_environments,
    })
}
