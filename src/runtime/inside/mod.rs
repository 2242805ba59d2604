//! Into and towards what runs: a command in a container of a service, and a connection to a port of a pod.
//!
//! Invariants, and what each one stops:
//! - Whoever enters is in the ledger before anything is opened: who, which service and pod, which program or port. The
//!   arguments of a command may hold a secret: only how many there are is kept.
//! - What is given to a service can be read by whoever enters it: where restricted values were passed on, the right to use
//!   those is asked for, too.
//! - Who is inside is looked at anew for as long as they are ([`Pass::still`]).
//! - Only pods with this environment's id are entered, whatever they are called.
//!
//! How many may be inside, for how long, and what goes over the wire to them is the business of whoever opens the door.

mod frame;
mod pod;

pub use frame::{Ending, Frame, FrameError, PAYLOAD_MAX, PROTOCOL_EXEC, PROTOCOL_FORWARD, Window};

use crate::cluster::{self, Access, Client, Exec, Forward, Resource as Kind};
use crate::db::Reader;
use crate::ledger::{Details, Event};
use crate::op::Op;
use crate::orgs::{OrgError, access};
use crate::policy::Action;
use crate::runtime::blueprint::{Label, Protocol, Service};
use crate::runtime::insight::{goes_on, is_restricted, running, told};
use crate::runtime::lifecycle::{At, Runtime, RuntimeError, Wish, store};
use crate::runtime::render::{LABEL_ENVIRONMENT, LABEL_ROLE, LABEL_SERVICE, ROLE_SERVICE};
use crate::runtime::stored;
use crate::types::{Class, Failure as _, ParseError};
use pod::{Chosen, Pod};

/// Most words of a command.
pub const WORDS_MAX: usize = 256;
/// Most bytes of a command.
pub const COMMAND_MAX: usize = 16 << 10;
/// Longest name of a program that the ledger keeps, in bytes.
const PROGRAM_MAX: usize = 64;
/// Longest message about a service that is told on, in characters.
const MESSAGE_MAX: usize = 300;

/// A command to run.
#[derive(Debug, Clone, Default)]
pub struct ExecAsk {
    /// The service.
    pub service: String,
    /// A pod of it: its name, or its number counted from 0, oldest first; one that is ready when none.
    pub pod: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether it reads anything.
    pub stdin: bool,
}

/// A port to reach.
#[derive(Debug, Clone, Default)]
pub struct ForwardAsk {
    /// The service.
    pub service: String,
    /// As of [`ExecAsk`].
    pub pod: Option<String>,
    /// The port: its name in the blueprint, or any number.
    pub port: String,
}

/// What let somebody in.
pub struct Pass {
    op: Op,
    at: At,
    /// What the environment was called.
    path: String,
}

/// A command that runs.
pub struct Inside {
    /// The pod it runs in.
    pub pod: String,
    /// What goes to and fro.
    pub process: Exec,
    /// Whether it may go on.
    pub pass: Pass,
}

/// A connection to a port.
pub struct Towards {
    /// What was reached.
    pub place: PortPlace,
    /// What goes to and fro.
    pub forward: Forward,
    /// Whether it may go on.
    pub pass: Pass,
}

/// A port of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortPlace {
    /// The service.
    pub service: String,
    /// The pod.
    pub pod: String,
    /// The port's number.
    pub port: u16,
}

/// What the check of the rights leaves.
struct Opened {
    access: Access,
    runtime: Runtime,
    service: Service,
    /// What the service does, as it was last seen.
    doing: String,
    at: At,
    path: String,
}

/// A pod that was chosen, and the way to it.
struct Found {
    client: Client,
    opened: Opened,
    pod: Pod,
}

/// Whether somebody may enter at all: for who asks how it is done before doing it.
///
/// # Errors
/// Unknown or not allowed.
pub async fn runtime_enter(op: &Op, at: &At) -> Result<(), RuntimeError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &at.project, &at.environment)?;
        op.authorize(reader, Action::RuntimeExec, &placed.resource())?;
        Ok(())
    })
    .await
}

/// Runs a command in a container of a service.
///
/// # Errors
/// Unknown or not allowed, also to use restricted values where some were passed on; nothing runs; no such service or pod;
/// none that is ready; a command that is none; the cluster does not do it.
pub async fn runtime_exec(op: &Op, at: At, ask: ExecAsk) -> Result<Inside, RuntimeError> {
    checked(&ask.command)?;
    let found = find(op, &at, &ask.service, ask.pod.as_deref()).await?;
    let details = Details::new()
        .with("act", "exec")
        .with("service", &ask.service)
        .with("pod", &found.pod.name)
        .with("program", program(&ask.command))
        .with("arguments", ask.command.len().saturating_sub(1))
        .with("tty", ask.tty);
    note(op, &found, details).await?;
    let Found { client, opened, pod } = found;
    let container = (opened.runtime.namespace.as_str(), pod.name.as_str(), pod.container.as_str());
    let process = client.exec(container, &ask.command, ask.stdin || ask.tty, ask.tty).await?;
    Ok(Inside { pod: pod.name, process, pass: Pass { op: op.clone(), at: opened.at, path: opened.path } })
}

/// A connection to a port of a service.
///
/// # Errors
/// As [`runtime_exec`]; no such port.
pub async fn runtime_forward(op: &Op, at: At, ask: ForwardAsk) -> Result<Towards, RuntimeError> {
    let found = find(op, &at, &ask.service, ask.pod.as_deref()).await?;
    let place = place(&found, &ask)?;
    let details = Details::new()
        .with("act", "port-forward")
        .with("service", &ask.service)
        .with("pod", &place.pod)
        .with("port", place.port);
    note(op, &found, details).await?;
    let Found { client, opened, .. } = found;
    let forward = client.forward(&opened.runtime.namespace, &place.pod, place.port).await?;
    Ok(Towards { place, forward, pass: Pass { op: op.clone(), at: opened.at, path: opened.path } })
}

/// What [`runtime_forward`] would reach; nothing is opened, and nothing recorded.
///
/// # Errors
/// As [`runtime_forward`].
pub async fn forward_plan(op: &Op, at: &At, ask: &ForwardAsk) -> Result<PortPlace, RuntimeError> {
    let found = find(op, at, &ask.service, ask.pod.as_deref()).await?;
    place(&found, ask)
}

impl Pass {
    /// Whether whoever is inside may stay.
    ///
    /// # Errors
    /// The credential ended; a right was taken away; the environment or what runs in it is gone; the database failed.
    pub async fn still(&self) -> Result<(), RuntimeError> {
        let Self { op, at, path } = self;
        op.read(|reader| {
            let placed = access::environment(op, reader, &at.project, &at.environment);
            // Nobody knows it by its id.
            let gone = |error: OrgError| match error.class() {
                Class::NotFound => OrgError::not_found("environment", path.clone()),
                _ => error,
            };
            let placed = placed.map_err(gone)?;
            let resource = placed.resource();
            goes_on(op, reader, Action::RuntimeExec, &resource)?;
            let (runtime, revision) = running(reader, &placed)?;
            if is_restricted(reader, &runtime, &revision)? {
                goes_on(op, reader, Action::SecretUseRestricted, &resource)?;
            }
            Ok(())
        })
        .await
    }
}

/// Asks for the rights, and looks up what is entered.
fn open(op: &Op, reader: &Reader<'_>, at: &At, service: &str) -> Result<(Event, Opened), RuntimeError> {
    let placed = access::environment(op, reader, &at.project, &at.environment)?;
    let resource = placed.resource();
    let event = op.authorize(reader, Action::RuntimeExec, &resource)?;
    let (runtime, revision) = running(reader, &placed)?;
    if is_restricted(reader, &runtime, &revision)? {
        op.authorize(reader, Action::SecretUseRestricted, &resource)?;
    }
    let stored = stored::version(reader, runtime.environment, revision.blueprint)?;
    let services: Vec<Service> = stored.map(|stored| stored.blueprint.services.to_vec()).unwrap_or_default();
    let there: Vec<Label> = services.iter().map(|service| service.name.clone()).collect();
    let found = services.into_iter().find(|one| one.name.as_str() == service);
    let service = found.ok_or_else(|| RuntimeError::NoService { name: told(Some(service), PROGRAM_MAX), there })?;
    let doing = doing(reader, &runtime, &service.name)?;
    let access = cluster::access(reader, op.keyring(), runtime.cluster)?;
    // By ids: a new name is no reason to be put out.
    let environment = &placed.environment;
    let at = At { project: environment.project.to_string(), environment: environment.id.to_string() };
    Ok((event, Opened { access, runtime, service, doing, at, path: placed.path() }))
}

/// What a service does, in words.
fn doing(reader: &Reader<'_>, runtime: &Runtime, service: &Label) -> Result<String, RuntimeError> {
    if runtime.wish != Wish::Running {
        return Ok(runtime.wish.as_str().to_owned());
    }
    let states = store::service_list(reader, runtime.environment)?;
    let Some(state) = states.into_iter().find(|state| state.service == *service) else {
        return Ok("not seen yet".to_owned());
    };
    let message = told(Some(&state.message), MESSAGE_MAX);
    let word = state.word.as_str();
    Ok(if message.is_empty() { word.to_owned() } else { format!("{word}: {message}") })
}

/// Chooses a pod.
async fn find(op: &Op, at: &At, service: &str, named: Option<&str>) -> Result<Found, RuntimeError> {
    let opened = op.read(|reader| open(op, reader, at, service).map(|(_, opened)| opened)).await?;
    let client = Client::new(&opened.access)?;
    let selector = format!(
        "{LABEL_ENVIRONMENT}={},{LABEL_SERVICE}={},{LABEL_ROLE}={ROLE_SERVICE}",
        opened.runtime.environment,
        opened.service.name.as_str()
    );
    let listed = client.list(Kind::Pod, Some(&opened.runtime.namespace), &selector, "").await?;
    let pods = pod::read(&listed.items);
    let service = || opened.service.name.as_str().to_owned();
    let pod = match pod::choose(&pods, named) {
        Chosen::One(pod) => pod.clone(),
        Chosen::Unknown { name, there } => return Err(RuntimeError::NoPod { service: service(), name, there }),
        Chosen::NoneReady { running } => {
            return Err(RuntimeError::NotReady { service: service(), doing: opened.doing.clone(), running });
        }
    };
    Ok(Found { client, opened, pod })
}

/// Writes down that somebody enters. The rights are asked once more: the cluster may have taken its time.
async fn note(op: &Op, found: &Found, details: Details) -> Result<(), RuntimeError> {
    let (at, service) = (found.opened.at.clone(), found.opened.service.name.as_str().to_owned());
    op.write(move |op, tx| {
        let (event, _) = open(op, tx, &at, &service)?;
        op.record(tx, event.details(details))?;
        Ok::<_, RuntimeError>(())
    })
    .await
}

/// The port that is meant.
fn place(found: &Found, ask: &ForwardAsk) -> Result<PortPlace, RuntimeError> {
    let service = &found.opened.service;
    let of_tcp = || service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let by_name = of_tcp().find(|port| port.name.as_str() == ask.port).map(|port| port.container_port.get());
    // A number may be of a port that the blueprint does not list: whoever enters reaches it anyway.
    let port = by_name.or_else(|| ask.port.parse().ok().filter(|port| *port > 0));
    let port = port.ok_or_else(|| RuntimeError::NoPort {
        service: service.name.as_str().to_owned(),
        name: told(Some(&ask.port), PROGRAM_MAX),
        there: of_tcp().map(|port| format!("{} ({})", port.name.as_str(), port.container_port.get())).collect(),
    })?;
    Ok(PortPlace { service: service.name.as_str().to_owned(), pod: found.pod.name.clone(), port })
}

fn checked(command: &[String]) -> Result<(), RuntimeError> {
    let wrong = |why: &str| Err(ParseError::new("command", why).into());
    let bytes: usize = command.iter().map(String::len).sum();
    if command.first().is_none_or(String::is_empty) {
        wrong("names a program")
    } else if command.len() > WORDS_MAX || bytes > COMMAND_MAX {
        wrong("has at most 256 words and 16 KiB")
    } else if command.iter().any(|word| word.contains('\0')) {
        wrong("has no NUL byte")
    } else {
        Ok(())
    }
}

/// The program as the ledger keeps it: what is no plain name may be a whole line with a secret in it.
fn program(command: &[String]) -> &str {
    let first = command.first().map_or("", String::as_str);
    let name = first.rsplit('/').next().unwrap_or(first);
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b));
    if name.len() <= PROGRAM_MAX && is_plain(name) { name } else { "-" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_ledger_keeps_a_plain_name_of_a_program_and_nothing_else() {
        for (command, kept) in [
            (words("psql -c hush"), "psql"),
            (words("/usr/bin/env A=b sh"), "env"),
            (vec!["PASSWORD=hush psql".to_owned()], "-"),
            (vec!["hush;sh".to_owned()], "-"),
            (vec!["x".repeat(PROGRAM_MAX + 1)], "-"),
        ] {
            assert_eq!(program(&command), kept, "{command:?}");
        }
    }

    #[test]
    fn a_command_has_words_without_nul_and_within_limits() {
        assert!(checked(&words("sh -c true")).is_ok());
        assert!(checked(&["sh".to_owned(), String::new()]).is_ok(), "an argument may be empty");
        for bad in [
            vec![],
            vec![String::new()],
            vec!["a\0b".to_owned()],
            vec!["a".to_owned(); WORDS_MAX + 1],
            vec!["a".repeat(COMMAND_MAX + 1)],
        ] {
            assert!(checked(&bad).is_err());
        }
    }
}
