//! What a service writes, and what the cluster says happened: both asked of the cluster when the page is.

use std::time::Duration;

use actix_web::rt;
use askama::Template;
use serde::Deserialize;

use super::super::environment::{Head, Tab};
use super::super::failure::Told;
use super::super::frame::{Frame, Section};
use super::super::show_as::ShowAs;
use super::super::ui;
use super::super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::api::runtime::EVERY;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::runtime::insight::{Happening, Logs, LogsAsk, runtime_events, runtime_logs};
use crate::runtime::lifecycle::At;

/// Lines the page shows.
const LINES: u32 = 500;
/// Bytes the page shows at most: lines may be long.
const BYTES_MAX: usize = 512 << 10;
/// How long a page waits for what a cluster gives slowly.
const PATIENCE: Duration = Duration::from_secs(8);

/// Which lines.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http::pages) struct LogsQuery {
    /// `yes`: of the containers before their last restart.
    #[serde(default)]
    previous: String,
}

/// The page.
#[derive(Template)]
#[template(path = "services_logs.html")]
struct LogsPage {
    frame: Frame,
    head: Head,
    /// The service; nothing for every one.
    service: String,
    is_previous: bool,
    lines: String,
    /// Whether there are more than are shown.
    is_cut: bool,
    told: Option<Told>,
    /// Where it is followed.
    stream: String,
    show_as: ShowAs,
}

/// What may be told of a failure on a page of its own: what runs is told beside it.
fn told(problem: Problem) -> Result<Told, Problem> {
    let is_told = matches!(problem.status().as_u16(), 404 | 409 | 422 | 503);
    // Whether the environment is there at all was answered by the head of the page.
    if is_told { Ok(Told::of(&problem)) } else { Err(problem) }
}

/// Shows the last lines of a service, or of every one.
pub(in crate::http::pages) async fn logs(
    visitor: Visitor,
    Names([project, environment, service]): Names<3>,
    Query(query): Query<LogsQuery>,
) -> Answer {
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Services, "Logs").await?;
    let is_previous = query.previous == "yes";
    let service = if service == EVERY { String::new() } else { service };
    let ask = LogsAsk {
        service: Some(service.clone()).filter(|name| !name.is_empty()),
        previous: is_previous,
        tail: Some(LINES),
        ..LogsAsk::default()
    };
    let (lines, is_cut, failure) = match runtime_logs(&visitor.op, At { project, environment }, ask).await {
        Ok(logs) => {
            let (lines, is_cut) = read(logs).await?;
            (lines, is_cut, None)
        }
        Err(error) => (String::new(), false, Some(told(error.into())?)),
    };
    let place = &head.placed.environment;
    let part = if service.is_empty() { EVERY.to_owned() } else { ui::part(&service) };
    let path = format!("{}/runtime/services/{part}/logs", head.base);
    let flag = if is_previous { " --previous" } else { "" };
    let show_as = ShowAs::of(
        &visitor,
        format!("holdfast env logs {service}{flag} --project {} --environment {}", place.project_slug, place.slug)
            .replace("logs  ", "logs "),
        ("GET", &format!("{path}?tail={LINES}")),
        "",
        "",
    );
    let stream = format!("/api/v1{path}?follow=true&tail=0");
    let frame = frame.crumb("Services", format!("{}/services", head.base));
    let frame = frame.crumb("Logs", format!("{}/services/{part}/logs", head.base)).help("environments");
    let page = LogsPage { frame, head, service, is_previous, lines, is_cut, told: failure, stream, show_as };
    visitor.show(&page)
}

/// Reads what there is, as far as a page shows it.
async fn read(mut logs: Logs) -> Result<(String, bool), Problem> {
    let mut bytes = Vec::new();
    let mut is_cut = false;
    let all = async {
        while let Some(more) = logs.next().await {
            bytes.extend_from_slice(&more?);
            if bytes.len() > BYTES_MAX {
                return Ok(true);
            }
        }
        Ok::<_, Problem>(false)
    };
    match rt::time::timeout(PATIENCE, all).await {
        Ok(cut) => is_cut |= cut?,
        Err(_) => is_cut = true,
    }
    bytes.truncate(BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes);
    // What moves a cursor or hides text says nothing on a page.
    Ok((text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect(), is_cut))
}

/// The page of what happened.
#[derive(Template)]
#[template(path = "services_events.html")]
struct EventsPage {
    frame: Frame,
    head: Head,
    happened: Vec<Happening>,
    told: Option<Told>,
}

/// Shows what the cluster says happened.
pub(in crate::http::pages) async fn events(visitor: Visitor, Names([project, environment]): Names<2>) -> Answer {
    let (frame, head) = Head::of(&visitor, &project, &environment, Tab::Services, "Events").await?;
    let (happened, failure) = match runtime_events(&visitor.op, &At { project, environment }).await {
        Ok(happened) => (happened, None),
        Err(error) => (Vec::new(), Some(told(error.into())?)),
    };
    let frame = frame.crumb("Services", format!("{}/services", head.base));
    let frame = frame.crumb("Events", format!("{}/services/events", head.base)).help("environments");
    visitor.show(&EventsPage { frame, head, happened, told: failure })
}
