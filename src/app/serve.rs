//! From nothing to a listener, and back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::control::Control;
use super::doctor::Doctor;
use super::{AppError, Opened, jobs, open, setup_token};
use crate::auth::password::Passwords;
use crate::config::{Env, Overrides, Settings, write_private_file};
use crate::db::DbError;
use crate::governance::health::Examiner;
use crate::http::{self, ServerError, ServerParts};
use crate::jobs::Runner;
use crate::notify::Mailer;
use crate::op::{Op, Origin, Who};
use crate::orgs::OrgError;
use crate::orgs::access::Sessions;
use crate::orgs::setup;
use crate::runtime::controller::{self, Bell};
use crate::telemetry::{self, Metrics, Output, PanicNotice};
use crate::types::{Clock, Failure as _, Id, SystemClock};

/// How long the doors have to finish what they do; the rest of the ten seconds is for what comes after them.
const DOORS_STOP_MAX: Duration = Duration::from_secs(8);
/// How long threads of the runtime may take to end.
const RUNTIME_STOP_MAX: Duration = Duration::from_secs(1);

/// How to run the server.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// What the command line says of settings.
    pub overrides: Overrides,
    /// What stdout is.
    pub output: Output,
}

/// A door that answers.
pub(super) struct Door {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Ends it: no new connections, and what runs may end.
    pub(super) stop: BoxFuture<'static, ()>,
}

/// Runs the server until SIGTERM or SIGINT. Once per process, on its main thread, outside of any async runtime.
///
/// # Errors
/// It cannot start: [`AppError::line`] is the one line that says why.
pub fn serve(options: ServeOptions) -> Result<ExitCode, AppError> {
    let loaded = Settings::load(&Env::from_process(), options.config.as_deref(), options.overrides)?;
    harden();
    // Somebody else may have installed the same one: then there is nothing to do.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let _reports = telemetry::init(&loaded.settings.log, options.output, &loaded.settings.sentry)?;
    telemetry::install_panic_hook(PanicNotice::log);
    for warning in &loaded.warnings {
        tracing::warn!(code = warning.code, "{warning}");
    }
    // One Argon2 computation, beside the opening and not after it.
    let passwords = std::thread::spawn(Passwords::new);
    let opened = Arc::new(open(Arc::new(loaded.settings), Arc::new(SystemClock))?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Requests have threads of their own: this one is for jobs, signals and the socket.
        .worker_threads(1)
        .thread_name("holdfast")
        .enable_all()
        .build()
        .map_err(AppError::io("start threads for", &opened.settings.data.dir))?;
    let stop = runtime.block_on(async { Stop::new() })?;
    let passwords = passwords.join().map_err(|_| DbError::Panicked)?.map_err(OrgError::from)?;
    let result = runtime.block_on(run(Arc::clone(&opened), http, Arc::new(passwords), stop));
    runtime.shutdown_timeout(RUNTIME_STOP_MAX);
    opened.core.db.close();
    result.map(|()| ExitCode::SUCCESS)
}

pub(super) fn http(parts: ServerParts) -> Result<Door, AppError> {
    let listen =
        |error: ServerError| AppError::Listen { message: error.to_string(), code: error.code(), hint: error.hint() };
    let running = http::start(parts).map_err(listen)?;
    // The first is the server's own; metrics may have another.
    let address = running.addresses.first().copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
    Ok(Door { address, stop: running.stop().boxed() })
}

/// Keeps what is in memory off the disk, and what is written to its owner.
fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be limited");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "the process could not be made undumpable");
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// What asks the server to stop.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> Result<Self, AppError> {
        let listen = |kind| signal(kind).map_err(AppError::io("wait for signals of", "the system"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Starts everything in its order, waits, and stops it in the other.
pub(super) async fn run(
    opened: Arc<Opened>,
    http: impl FnOnce(ServerParts) -> Result<Door, AppError>,
    passwords: Arc<Passwords>,
    mut stop: impl Asked,
) -> Result<(), AppError> {
    let dir = opened.settings.data.dir.clone();
    announce(&opened);
    let system = op_maker(&opened, Who::System);
    let token = setup_token::ensure(&system(), &dir).await?;
    if opened.is_new || !opened.core.db.read(setup::is_set_up)? {
        // From here on, a ledger without a checkpoint is one somebody took them from. Before there is an owner nobody
        // can have: a first start that was killed before this line is made good by the second.
        jobs::checkpoint(&opened.core).await?;
    }
    let metrics = Arc::new(Metrics::new());
    let mailer = Arc::new(Mailer::new(opened.settings.mail.as_ref())?);
    let bell = Bell::default();
    let parts = ServerParts {
        core: Arc::clone(&opened.core),
        sessions: Arc::new(Sessions::with_idle(opened.settings.sessions.idle)),
        passwords,
        mailer: Arc::clone(&mailer),
        settings: Arc::clone(&opened.settings),
        metrics: Arc::clone(&metrics),
        examiner: Arc::new(Examiner::new(Doctor::new(Arc::clone(&opened.settings), Arc::clone(&opened.core.clock)))),
        bell: bell.clone(),
    };
    // Before the listener is announced: who waits for that may ask here at once.
    let control = listen_control(&dir);
    let door = http(parts)?;
    let address = Address::write(&dir, door.address, opened.settings.tls.is_some())?;
    let url = opened.settings.server.public_url(door.address.port(), opened.settings.tls.is_some());
    if let Some(token) = token {
        // The one token a log may carry: who reads this log has the machine.
        let file = setup_token::path(&dir);
        let page = format!("{url}/setup#{}", token.expose());
        tracing::info!(open = %page, file = %file.display(), "no owner yet: open this page, or run holdfast init");
    }
    tracing::info!(address = %address.url, pid = std::process::id(), version = telemetry::VERSION, "listening");
    let (stopping, stopped) = watch::channel(false);
    let control = tokio::spawn(serve_control(control, op_maker(&opened, Who::Local), stopped.clone()));
    let jobs_post = jobs::Post { mailer: Arc::clone(&mailer), server: url.to_string() };
    let post = tokio::spawn(mailer.run());
    let runner = tokio::spawn(run_jobs(Arc::clone(&opened), metrics, jobs_post, stopped));
    let tending = tokio::spawn(tend(Arc::clone(&opened), bell));

    stop.asked().await;
    tracing::info!("stopping");
    post.abort();
    tending.abort();
    drop(address);
    let _nobody_waits = stopping.send(true);
    let doors = futures_util::future::join3(door.stop, control, runner);
    tokio::select! {
        _ = tokio::time::timeout(DOORS_STOP_MAX, doors) => {}
        () = stop.asked() => tracing::warn!("asked twice: what runs is cut off"),
    }
    match jobs::checkpoint(&opened.core).await {
        Ok(size) => tracing::info!(events = size, "stopped"),
        Err(error) => tracing::error!(%error, "stopped without a last checkpoint"),
    }
    Ok(())
}

/// Something that says when to stop; twice if it is urgent.
pub(super) trait Asked {
    /// Ready when the server is asked to stop.
    fn asked(&mut self) -> impl Future<Output = ()> + Send;
}

impl Asked for Stop {
    fn asked(&mut self) -> impl Future<Output = ()> + Send {
        Self::asked(self)
    }
}

/// Makes the contexts of what nobody with a token asks for.
fn op_maker(opened: &Arc<Opened>, who: Who) -> impl Fn() -> Op + Send + Sync + use<> {
    let core = Arc::clone(&opened.core);
    move || Op::new(Arc::clone(&core), who.clone(), Origin::default(), Id::new(core.clock.now()))
}

fn announce(opened: &Opened) {
    for warning in &opened.warnings {
        tracing::warn!(code = warning.code, "{warning}");
    }
    if let Some(file) = &opened.new_root_key {
        let fingerprint = opened.core.keyring.fingerprint();
        tracing::warn!(
            file = %file.display(),
            %fingerprint,
            "a root key was made: without this file nothing can be read again; keep a copy elsewhere"
        );
    }
    if opened.is_new {
        tracing::info!(key = opened.ledger_key_text(), "the ledger's public key; keep it to verify the ledger");
    }
}

/// The file that says where the server listens; gone when this is dropped.
struct Address {
    file: PathBuf,
    url: String,
}

impl Address {
    fn write(dir: &Path, at: SocketAddr, tls: bool) -> Result<Self, AppError> {
        let reached = match at.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", SocketAddr::new(reached, at.port()));
        let file = dir.join("address");
        write_private_file(&file, format!("{url}\n").as_bytes())?;
        Ok(Self { file, url })
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.file);
    }
}

fn listen_control(dir: &Path) -> Option<Control> {
    let listening = Control::listen(dir);
    if let Err(error) = &listening {
        // The name of a socket has 107 bytes at most; the server itself needs none.
        tracing::warn!(%error, "no control socket: `holdfast setup-token --new` will not work; use a shorter path");
    }
    listening.ok()
}

async fn serve_control(control: Option<Control>, op: impl Fn() -> Op, mut stopped: watch::Receiver<bool>) {
    let Some(control) = control else { return };
    tokio::select! {
        () = control.serve(op) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

async fn run_jobs(opened: Arc<Opened>, metrics: Arc<Metrics>, post: jobs::Post, mut stopped: watch::Receiver<bool>) {
    if !opened.settings.jobs.enabled {
        tracing::warn!(
            "scheduled work is off (jobs.enabled): nothing expires, is purged or signed, and no environment is tended"
        );
        return;
    }
    let core = &opened.core;
    let clock: Arc<dyn Clock> = Arc::clone(&core.clock);
    let runner = Runner::new(core.db.clone(), clock, metrics, jobs::all(&opened, post));
    if let Err(error) = runner.register().await {
        tracing::error!(%error, "scheduled work does not run");
        return;
    }
    runner.run(async { drop(stopped.wait_for(|stop| *stop).await) }).await;
}

/// Makes true on the clusters what is wished for, until it is dropped: it can be cut off anywhere.
async fn tend(opened: Arc<Opened>, bell: Bell) {
    if opened.settings.jobs.enabled {
        controller::run(Arc::clone(&opened.core), bell).await;
    }
}
