//! What runs in an environment: its state, its services, its revisions, and what may be done with it.
//!
//! The state is a region of its own, put in place anew when the stream of the API tells that it changed; without a script
//! the page shows it as of when it was asked for.

mod acts;
mod logs;
mod planned;
mod room;

pub(super) use acts::{act, destroy};
pub(super) use logs::{events, logs};
pub(super) use planned::Planned;
pub(super) use room::own_quota;

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::frame::{Frame, Section};
use super::governance::status_of;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::api::runtime::clusters;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::orgs::environment::Environment;
use crate::policy::Action;
use crate::runtime::blueprint::{Protocol, Service};
use crate::runtime::insight::{DestroyPlan, destroy_plan};
use crate::runtime::lifecycle::{
    At, Condition, ConditionKind, REPLICAS_MAX, Revision, RevisionState, Runtime, RuntimeError, RuntimeView,
    ServiceState, ServiceWord, Status, Wish, Word, revision_list, runtime_get,
};
use crate::runtime::quota::What;
use crate::runtime::stored;
use crate::types::Timestamp;
use crate::vault::secret::author_names;
use room::Room;

/// Revisions the page shows: as many as are kept.
const REVISIONS: usize = 50;
/// Ports of a service that the page shows how to forward.
const PORTS: usize = 4;

/// What was done before.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ServicesQuery {
    done: Option<String>,
}

/// What whoever looks may do with what runs.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five rights, each of which may be there without the others")]
struct Rights {
    deploy: bool,
    /// To move the end of what runs: also where a lock keeps from deploying.
    extend: bool,
    stop: bool,
    destroy: bool,
    logs: bool,
    exec: bool,
}

impl Rights {
    fn of(head: &Head) -> Self {
        let may = |action| head.may.contains(&action);
        let is_open = head.placed.environment.lock.is_none();
        let deploy = may(head.deploy_action());
        Self {
            deploy: head.may_deploy(),
            extend: deploy,
            stop: may(Action::RuntimeStop),
            destroy: is_open && !head.placed.protected && may(Action::RuntimeDestroy),
            logs: may(Action::RuntimeLogsRead),
            exec: may(Action::RuntimeExec),
        }
    }
}

/// What the page has to show.
struct Shown {
    view: RuntimeView,
    /// Who wished for what is.
    by: String,
    rights: Rights,
    now: Timestamp,
    csrf: String,
    base: String,
}

impl Shown {
    fn word(&self) -> Word {
        self.view.runtime.word
    }

    fn is_stopped(&self) -> bool {
        self.view.runtime.wish == Wish::Stopped
    }

    fn is_failed(&self) -> bool {
        self.view.revision.state == RevisionState::Failed
    }

    fn wished(&self) -> bool {
        self.view.runtime.wish == Wish::Running
    }

    /// The badge of a service's word.
    fn tone(service: &ServiceState) -> &'static str {
        match service.word {
            ServiceWord::Ready => "ok",
            ServiceWord::Failing => "danger",
            ServiceWord::Stopped => "",
            _ => "warn",
        }
    }

    /// Whether a condition is told above the services: what the services themselves say is not said twice.
    fn is_told(&self, condition: &Condition) -> bool {
        // What somebody changed and what stays so, they do not know.
        let is_theirs = condition.kind == ConditionKind::WorkloadsAvailable
            || condition.kind == ConditionKind::Degraded && condition.status == Status::True;
        let is_said = condition.kind == ConditionKind::Suspended || is_theirs && !self.view.services.is_empty();
        !Self::is_well(condition) && !condition.message.is_empty() && !is_said
    }

    /// An image with as much of its digest as tells it from others.
    fn short(image: &str) -> String {
        match image.split_once("sha256:") {
            Some((name, digest)) => format!("{name}sha256:{}…", digest.get(..12).unwrap_or(digest)),
            None => image.to_owned(),
        }
    }

    /// Whether a condition is as when all is well.
    fn is_well(condition: &Condition) -> bool {
        let well = match condition.kind {
            ConditionKind::Suspended
            | ConditionKind::PolicyBlocked
            | ConditionKind::Degraded
            | ConditionKind::Terminating => Status::False,
            _ => Status::True,
        };
        condition.status == well
    }
}

/// The colour of a word's chip: its family.
pub(super) fn chip(word: &Word) -> &'static str {
    match word.family().as_str() {
        "wrong" => "danger",
        "moving" => "warn",
        _ => "ok",
    }
}

/// The state alone, as it is put into the page that is there.
#[derive(Template)]
#[template(path = "services_state.html")]
struct StateRegion {
    shown: Shown,
}

/// A revision as a row.
struct RevisionRow {
    revision: Revision,
    by: String,
    may_return: bool,
}

impl RevisionRow {
    fn tone(&self) -> &'static str {
        match self.revision.state {
            RevisionState::Rolling => "warn",
            RevisionState::Healthy => "ok",
            RevisionState::Failed => "danger",
            RevisionState::Superseded => "",
        }
    }

    /// The images that ran, with their services before them.
    fn images(&self) -> Vec<String> {
        self.revision.images.iter().map(|(service, image)| format!("{} {image}", service.as_str())).collect()
    }
}

/// The ways into a service, as commands.
struct DoorRow {
    service: String,
    shell: String,
    forwards: Vec<String>,
}

impl DoorRow {
    fn of(service: &Service, place: &Environment) -> Self {
        let (name, rest) =
            (service.name.as_str(), format!("--project {} --environment {}", place.project_slug, place.slug));
        let ports = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp).take(PORTS);
        let ports = ports.map(|port| match port.container_port.get() {
            // A port that only root may listen on.
            number @ ..1024 => format!("{}:{}", number + 8_000, port.name.as_str()),
            _ => port.name.as_str().to_owned(),
        });
        let mut ports: Vec<_> = ports.collect();
        if ports.is_empty() {
            ports.push("<PORT>".to_owned());
        }
        Self {
            service: name.to_owned(),
            shell: format!("holdfast env exec {name} {rest}"),
            forwards: ports.iter().map(|port| format!("holdfast env port-forward {name} {port} {rest}")).collect(),
        }
    }
}

/// What a deploy can choose from.
struct Choice {
    /// The names of the organization's clusters; the one it runs on only, when it runs.
    clusters: Vec<String>,
    /// The version of the newest blueprint, and its plans.
    blueprint: Option<(u32, Vec<String>)>,
    /// The plan that was chosen last.
    plan: String,
}

impl Choice {
    fn first(&self) -> &str {
        self.clusters.first().map_or("", String::as_str)
    }
}

/// The page.
#[derive(Template)]
#[template(path = "services.html")]
struct ServicesPage {
    frame: Frame,
    head: Head,
    told: Option<Told>,
    /// Whether whoever looks may see what runs.
    is_readable: bool,
    rights: Rights,
    shown: Option<Shown>,
    choice: Option<Choice>,
    revisions: Vec<RevisionRow>,
    /// The ways into what runs, for whoever may take them.
    doors: Vec<DoorRow>,
    /// What destroying takes.
    toll: Option<DestroyPlan>,
    /// What a deploy would change, when that was asked for.
    plan: Option<Planned>,
    /// How much of its quota it uses.
    room: Option<Room>,
    /// Where the state is followed.
    stream: String,
}

impl ServicesPage {
    fn may_add_clusters(&self) -> bool {
        self.frame.permissions.permits(Action::ClusterManage, false)
    }

    /// What runs, where whoever looks may move its end.
    fn movable(&self) -> Option<&Runtime> {
        let runtime = self.shown.as_ref().map(|shown| &shown.view.runtime);
        runtime.filter(|runtime| self.rights.extend && runtime.wish != Wish::Destroyed)
    }

    /// Services that can be scaled, with how often they run now.
    fn scalable(&self) -> Vec<(&str, u32)> {
        let shown = self.shown.iter().flat_map(|shown| &shown.view.services);
        shown.map(|service| (service.service.as_str(), service.wanted)).collect()
    }
}

/// Shows it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<ServicesQuery>,
) -> Answer {
    let with = With { done: query.done, ..With::default() };
    show(&visitor, &project, &environment, with).await
}

/// What the page is shown with besides what runs.
#[derive(Default)]
struct With {
    /// What was done before.
    done: Option<String>,
    /// Why an act was not taken.
    told: Option<Told>,
    plan: Option<Planned>,
}

async fn show(visitor: &Visitor, project: &str, environment: &str, with: With) -> Answer {
    let With { done, told, plan } = with;
    let (frame, head) = Head::of(visitor, project, environment, Tab::Services, "Services").await?;
    let frame = frame.crumb("Services", format!("{}/services", head.base)).help("environments").notice(done.as_deref());
    let at = At { project: project.to_owned(), environment: environment.to_owned() };
    let rights = Rights::of(&head);
    let is_readable = head.may.contains(&Action::RuntimeRead);
    let shown = if is_readable { shown(visitor, &at, &head, rights).await? } else { None };
    if visitor.is_partial
        && let Some(shown) = shown
    {
        return visitor.show(&StateRegion { shown });
    }
    let choice = if is_readable && rights.deploy { Some(choice(visitor, &head, shown.as_ref())?) } else { None };
    let is_running = shown.as_ref().is_some_and(|shown| shown.word() != Word::Deleted);
    let revisions = if shown.is_some() { revisions(visitor, &at, rights, shown.as_ref()).await? } else { Vec::new() };
    let toll = if is_running && rights.destroy { Some(destroy_plan(&visitor.op, &at).await?) } else { None };
    let is_open = rights.exec && shown.as_ref().is_some_and(|shown| shown.wished() && shown.word() != Word::Deleted);
    let doors = if is_open { doors(visitor, &head, shown.as_ref())? } else { Vec::new() };
    let room = if is_readable { Some(Room::of(visitor, &at).await?) } else { None };
    let stream = format!("/api/v1{}/runtime/follow", head.base);
    let status = status_of(told.as_ref());
    let page = ServicesPage {
        frame,
        head,
        told,
        is_readable,
        rights,
        shown,
        choice,
        revisions,
        doors,
        toll,
        plan,
        room,
        stream,
    };
    visitor.show_as(status, &page)
}

/// What runs; none when nothing was ever deployed.
async fn shown(visitor: &Visitor, at: &At, head: &Head, rights: Rights) -> Result<Option<Shown>, Problem> {
    let view = match runtime_get(&visitor.op, at).await {
        Ok(view) => view,
        Err(RuntimeError::NotDeployed(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let by = author_names(&visitor.op, vec![view.runtime.changed_by.clone()]).await?.pop().unwrap_or_default();
    let (now, csrf, base) = (visitor.op.now(), visitor.csrf.clone(), head.base.clone());
    Ok(Some(Shown { view, by, rights, now, csrf, base }))
}

async fn revisions(
    visitor: &Visitor,
    at: &At,
    rights: Rights,
    shown: Option<&Shown>,
) -> Result<Vec<RevisionRow>, Problem> {
    let mut found = revision_list(&visitor.op, at).await?;
    found.truncate(REVISIONS);
    let names = author_names(&visitor.op, found.iter().map(|r| r.author.clone()).collect()).await?;
    let running = shown.filter(|shown| shown.view.runtime.wish != Wish::Destroyed);
    let rows = found.into_iter().zip(names).map(|(revision, by)| {
        let is_older = running.is_some_and(|shown| revision.number < shown.view.runtime.revision);
        let may_return = rights.deploy && is_older && revision.state == RevisionState::Healthy;
        RevisionRow { revision, by, may_return }
    });
    Ok(rows.collect())
}

/// The ways into the services of the revision that runs.
fn doors(visitor: &Visitor, head: &Head, shown: Option<&Shown>) -> Result<Vec<DoorRow>, Problem> {
    let (Some(shown), place) = (shown, &head.placed.environment) else { return Ok(Vec::new()) };
    let version = shown.view.revision.blueprint;
    let found = visitor.op.core().db.read(|r| stored::version(r, place.id, version).map_err(RuntimeError::from))?;
    Ok(found.iter().flat_map(|found| found.blueprint.services.iter().map(|s| DoorRow::of(s, place))).collect())
}

/// What there is to deploy, and where.
fn choice(visitor: &Visitor, head: &Head, shown: Option<&Shown>) -> Result<Choice, Problem> {
    let running = shown.filter(|shown| shown.word() != Word::Deleted);
    let clusters = match running {
        Some(shown) => shown.view.cluster.iter().map(|cluster| cluster.name.to_string()).collect(),
        None => clusters(&visitor.op)?.into_iter().map(|cluster| cluster.name.to_string()).collect(),
    };
    let environment = head.placed.environment.id;
    let found = visitor.op.core().db.read(|reader| stored::current(reader, environment).map_err(RuntimeError::from))?;
    let plans = |blueprint: &crate::runtime::blueprint::Blueprint| {
        blueprint.plans.keys().map(|plan| plan.as_str().to_owned()).collect()
    };
    let plan = running.and_then(|shown| shown.view.revision.plan.as_ref()).map(|plan| plan.as_str().to_owned());
    Ok(Choice {
        clusters,
        blueprint: found.map(|found| (found.version, plans(&found.blueprint))),
        plan: plan.unwrap_or_default(),
    })
}

/// Where an act leads: on, or back to the page with why it was not taken.
async fn answer<T>(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    done: Result<T, Problem>,
    said: &str,
) -> Answer {
    let Err(problem) = done else {
        visitor.state.parts.bell.ring();
        let base = format!("/projects/{}/environments/{}", ui::part(project), ui::part(environment));
        return Visitor::go(&format!("{base}/services?done={said}"));
    };
    refused(visitor, [project, environment], problem).await
}

/// The page with why something was not taken; a failure that has a page of its own is passed on.
async fn refused(visitor: &Visitor, [project, environment]: [&str; 2], problem: Problem) -> Answer {
    let is_told = matches!(
        problem.status(),
        StatusCode::BAD_REQUEST
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY
    );
    if !is_told {
        return Err(problem);
    }
    let with = With { told: Some(Told::of(&problem)), ..With::default() };
    show(visitor, project, environment, with).await
}
