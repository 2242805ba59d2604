//! `holdfast env`: what runs in an environment.

mod exec;
mod forward;
mod logs;
mod plan;
mod show;
mod up;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::args::{LimitArg, body};
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::CliError;
use wait::{Goal, WaitArgs};

/// Run what an environment's blueprint says: up, status, logs, exec, stop, rollback, destroy.
#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    /// Deploy the environment's blueprint, or say that nothing differs
    #[command(after_help = UP_HELP)]
    Up(UpArgs),
    /// Show what runs: the state, each service, and what is not as it should be
    #[command(after_help = STATUS_HELP)]
    Status {
        /// Stay, and show each change
        #[arg(long)]
        follow: bool,
    },
    /// Write what services write
    #[command(after_help = LOGS_HELP)]
    Logs(logs::LogsArgs),
    /// Run a command in a container of a service, or open a shell
    #[command(after_help = EXEC_HELP)]
    Exec(exec::ExecArgs),
    /// Reach ports of a service on this machine
    #[command(after_help = FORWARD_HELP)]
    PortForward(forward::ForwardArgs),
    /// List what the cluster says happened, newest first
    Events,
    /// Stop all services; volumes, values and the revision stay
    Stop(WaitArgs),
    /// Start what was stopped, as it was
    Resume(WaitArgs),
    /// Try again what failed
    Retry(WaitArgs),
    /// Start services anew
    Restart {
        /// The services [default: all]
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Run a service more or less often than its blueprint says
    Scale {
        /// The service
        #[arg(value_name = "SERVICE")]
        service: String,
        /// How many pods [default: as the blueprint says]
        #[arg(value_name = "N")]
        replicas: Option<u32>,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Run a revision again that was ready
    Rollback {
        /// Its number [default: the last one that was ready before this]
        #[arg(value_name = "REVISION")]
        revision: Option<u32>,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Move when it is destroyed by itself [default: as its blueprint says, from now]
    #[command(after_help = EXTEND_HELP)]
    Extend(ExtendArgs),
    /// List the revisions, newest first
    Revisions,
    /// Destroy all that runs, volumes too; the blueprint and the secrets stay
    Destroy {
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// List what runs of the organization, what is wrong first
    #[command(visible_alias = "ls", after_help = LIST_HELP)]
    List(ListArgs),
}

const LIST_HELP: &str = "\
It lists every project, or the one that --project names on the line; ready is services, of those that
are to run.

Examples:
  holdfast env list --state wrong
  holdfast env list -p shop --cluster home";

const UP_HELP: &str = "\
With --file the blueprint is stored first, as a new version if it differs from the newest. Waiting,
it tells each service as it moves. Exit codes: 0 ready (or, without waiting, begun); 1 it did not
become ready, with the services that fail and why. With --plan: 1 the cluster would refuse some of it.

Examples:
  holdfast env up --file blueprint.yaml
  holdfast env up --file blueprint.yaml --plan
  holdfast env up -p shop -e staging --cluster home --plan-size small
  holdfast env up --on-failure rollback --wait --timeout 5m";

const STATUS_HELP: &str = "\
Examples:
  holdfast env status
  holdfast env status --json | jq -r '.services[] | select(.state != \"ready\") | .message'";

const EXTEND_HELP: &str = "\
It holds until the next deploy, which sets the time as the blueprint says. Whoever deployed is told
before what runs ends: a fifth of its time before, at most a day.

Examples:
  holdfast env extend --for 2d
  holdfast env extend --until 2026-12-24T18:00:00Z
  holdfast env extend --never";

const LOGS_HELP: &str = "\
Following ends with Ctrl-C, and a connection that breaks is taken up again where it was. What was
passed on to a service may stand in what it writes: that somebody reads it is recorded, and where
restricted values were passed on, secret.use.restricted is needed, too.

Examples:
  holdfast env logs api --tail 50
  holdfast env logs --follow
  holdfast env logs worker --previous
  holdfast env logs api --since 10m";

const EXEC_HELP: &str = "\
Without a command it is a shell. The exit code is the command's own; 127 says that the container has
no such program, 126 that it cannot be executed. It needs runtime.exec, and secret.use.restricted
where restricted values were passed on. The program, and not its arguments, is recorded; yet they
travel in an address, so a secret belongs on stdin. Ending this does not always end the command.

Examples:
  holdfast env exec api
  holdfast env exec api -- env
  holdfast env exec db -i -- psql < fix.sql
  holdfast env exec worker --pod 1 -T -- cat /etc/hosts";

const FORWARD_HELP: &str = "\
It listens on 127.0.0.1 until Ctrl-C. Where it listens is written on stdout, a line for each port.
It needs what exec needs, and each connection is recorded.

Examples:
  holdfast env port-forward db 5432
  holdfast env port-forward web 8080:http
  holdfast env port-forward api 0:http 0:9090 --json | jq -r .local";

/// What is done when a revision does not become ready.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OnFailure {
    /// Deploy the last revision that was ready
    Rollback,
    /// Leave it as it is, to look at
    Stay,
}

/// A family of states.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Family {
    /// Degraded, failed, blocked or unreachable
    Wrong,
    /// On its way: queued, provisioning, stopping, waking, deleting
    Moving,
    /// Ready, sleeping or stopped
    Settled,
}

impl Family {
    const fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Moving => "moving",
            Self::Settled => "settled",
        }
    }
}

/// Which of what runs.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only what is in such a state
    #[arg(long, value_enum)]
    state: Option<Family>,
    /// Only what is on this cluster
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

/// What to deploy, and how.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Store this blueprint first; - is stdin
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what would change on the cluster and which services restart, and do nothing; --file is not stored
    #[arg(long, conflicts_with_all = ["wait", "timeout"])]
    plan: bool,
    /// The cluster to run on [default: where it runs, or the only one]
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    /// A plan of the blueprint [default: the sizes the services name]
    #[arg(long, value_name = "NAME")]
    plan_size: Option<String>,
    /// What to do when it does not become ready [default: stay]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_failure: Option<OnFailure>,
    #[command(flatten)]
    wait: WaitArgs,
}

/// When it shall end.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct ExtendArgs {
    /// So long from now: 12h, 2d; at most 366d
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<String>,
    /// At a time like 2026-12-24T18:00:00Z
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only when somebody destroys it
    #[arg(long)]
    never: bool,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; what was waited for did not come.
pub fn run(context: &Context, command: EnvCommand) -> Result<(), CliError> {
    let act = |verb: &'static str, fields: serde_json::Value, args: &WaitArgs, goal: Goal| {
        let place = context.place(None)?;
        let request = Request::post(&place.below(&["runtime", verb])).body(&body(fields));
        let wished = context.ask(&request)?;
        if verb == "rollback"
            && let Some(told) = show::pinned(&wished)
        {
            context.output.say(&told);
        }
        wait::after(context, &place, args, &wished, goal)
    };
    match command {
        EnvCommand::Up(args) => up::run(context, &args),
        EnvCommand::Status { follow: false } => show::status(context),
        EnvCommand::Status { follow: true } => wait::follow(context),
        EnvCommand::Logs(args) => logs::run(context, &args),
        EnvCommand::Exec(args) => exec(context, &args).map(drop),
        EnvCommand::PortForward(args) => forward::run(context, &args),
        EnvCommand::Events => show::events(context),
        EnvCommand::Stop(args) => act("stop", json!({}), &args, Goal::Stopped),
        EnvCommand::Resume(args) => act("resume", json!({}), &args, Goal::Ready),
        EnvCommand::Retry(args) => act("retry", json!({}), &args, Goal::Ready),
        EnvCommand::Restart { services, wait } => act("restart", json!({ "services": services }), &wait, Goal::Ready),
        EnvCommand::Scale { service, replicas, wait } => {
            act("scale", json!({ "service": service, "replicas": replicas }), &wait, Goal::Ready)
        }
        EnvCommand::Rollback { revision, wait } => act("rollback", json!({ "revision": revision }), &wait, Goal::Ready),
        EnvCommand::Extend(args) => extend(context, &args),
        EnvCommand::Revisions => show::revisions(context),
        EnvCommand::Destroy { severe: args, wait } => destroy(context, &args, &wait),
        EnvCommand::List(args) => show::list(context, &args),
    }
}

fn extend(context: &Context, args: &ExtendArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let fields = json!({ "for": args.lasting, "until": args.until, "never": args.never.then_some(true) });
    let request = Request::post(&place.below(&["runtime", "extend"])).body(&body(fields));
    let wished = context.ask(&request)?;
    if wished["expires_at"].is_null() {
        context.output.say("it runs until somebody destroys it");
    }
    wait::began(context, &wished)
}

/// Runs a command in a container, and ends as it does.
///
/// # Errors
/// What the server refuses; the connection broke; the container has no such program.
pub fn exec(context: &Context, args: &exec::ExecArgs) -> Result<ExitCode, CliError> {
    exec::run(context, args)
}

fn destroy(context: &Context, args: &SevereArgs, wait: &WaitArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let name = place.environment.clone();
    let request = || Request::delete(&place.below(&["runtime"])).body(&json!({ "confirm": name }));
    match severe(context, args, "destroy what runs in", &name, request)? {
        Some(wished) => wait::after(context, &place, wait, &wished, Goal::Deleted),
        None => Ok(()),
    }
}
