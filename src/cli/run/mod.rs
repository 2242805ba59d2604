//! `holdfast run`: one request, then this process becomes the program. No process stays in between, so signals,
//! the terminal and the exit code are the program's own.
//!
//! With `--watch` or `--mount` somebody has to stay, to start the program again or to take the file away: then this
//! process is the program's parent, hands signals on and ends as the program did (see `supervise`).

mod fallback;
mod mount;
mod supervise;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;

use self::fallback::{Fallback, shown_age};
use self::mount::Mount;
use super::args::{AtArg, FolderArg};
use super::client::Client;
use super::context::Context;
use super::error::{CliError, Exit};
use super::format::ExportFormat;
use super::variables::{Asked, Fetched, Variables};
use crate::types::{Clock, SystemClock};
pub(in crate::cli) use fallback::parse_age;

/// What this client's own credential is called in its environment. The program gets variables, not the right
/// to fetch others.
const CREDENTIALS: [&str; 2] = ["HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE"];

const RUN_HELP: &str = "\
The program keeps this process's environment, and the variables override it. HOLDFAST_TOKEN and
HOLDFAST_TOKEN_FILE are taken out unless --keep-token is given. The exit code is the program's own;
127 says that there is no such program, 126 that it cannot be executed.

Examples:
  holdfast run -- ./server --port 8080
  holdfast run -e staging --only DATABASE_URL -- psql
  holdfast run --watch -- ./server
  holdfast run --fallback .holdfast-cache --fallback-max-age 24h -- ./server
  holdfast run --fallback .holdfast-cache --offline -- ./server
  holdfast run --mount app.env -- docker compose --env-file app.env up
  holdfast run -- sh -c 'echo \"$GREETING\"'";

/// What to run, and with what.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of a command line")]
pub struct RunArgs {
    /// Only these names; may be given again
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// All but these names; may be given again
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with = "only")]
    exclude: Vec<String>,
    /// Leave out restricted values in place of failing
    #[arg(long)]
    omit_withheld: bool,
    /// Leave HOLDFAST_TOKEN in the program's environment
    #[arg(long)]
    keep_token: bool,
    /// Start the program again when its variables change
    #[arg(long, conflicts_with = "at")]
    watch: bool,
    /// With --watch: how long the program gets to end before it is killed, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(..=3600))]
    grace: u16,
    /// Keep the variables in this file, encrypted for this token, and use them while the server cannot be reached
    #[arg(long, value_name = "FILE")]
    fallback: Option<PathBuf>,
    /// The oldest variables of that file to use, like 90m, 24h or 7d
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = parse_age)]
    fallback_max_age: Duration,
    /// Do not ask the server: use the variables of the fallback, whatever changed since
    #[arg(long, requires = "fallback", conflicts_with = "watch")]
    offline: bool,
    /// Write the variables into this file in place of the environment; it is removed when the program has ended
    #[arg(long, value_name = "FILE")]
    mount: Option<PathBuf>,
    /// The format of that file [default: from its name, else dotenv]
    #[arg(long, value_name = "FORMAT", requires = "mount", hide_possible_values = true)]
    mount_format: Option<ExportFormat>,
    /// Make that file a named pipe, so that no value is on a disk
    #[arg(long, requires = "mount")]
    mount_fifo: bool,
    /// When.
    #[command(flatten)]
    at: AtArg,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the program, and ends as it does.
///
/// # Errors
/// What the server refuses, a value no environment can hold, a program that cannot be started.
pub fn run(context: &Context, args: &RunArgs) -> Result<ExitCode, CliError> {
    let source = Source::new(context, args)?;
    let mount = args.mount.as_ref().map(|path| Mount::new(path, args, &source.asked.place)).transpose()?;
    let (variables, etag) = source.first(context)?;
    if !variables.withheld.is_empty() {
        context.output.warn(&format!("{} restricted values are left out", variables.withheld.len()));
    }
    let variables = variables.choose(&args.only, &args.exclude)?;
    if args.watch || mount.is_some() {
        return supervise::supervise(context, args, supervise::Start { source, mount, variables, etag });
    }
    let mut command = args.program(Some(&variables))?;
    let error = command.exec();
    Err(not_started(command.get_program(), &error))
}

impl RunArgs {
    /// The program, with these variables in its environment.
    fn program(&self, variables: Option<&Variables>) -> Result<Command, CliError> {
        let (program, rest) = self.command.split_first().ok_or_else(|| CliError::usage("no program is named"))?;
        let mut command = Command::new(program);
        command.args(rest);
        if !self.keep_token {
            for name in CREDENTIALS {
                command.env_remove(name);
            }
        }
        if let Some(variables) = variables {
            command.envs(variables.injected()?);
        }
        Ok(command)
    }
}

/// Where variables come from: the server, and a file for when it cannot be reached.
struct Source {
    client: Client,
    asked: Asked,
    fallback: Option<Fallback>,
    offline: bool,
}

impl Source {
    fn new(context: &Context, args: &RunArgs) -> Result<Self, CliError> {
        let asked = Asked {
            place: context.place(None)?,
            path: context.path(args.folder.path.as_deref())?,
            omit_withheld: args.omit_withheld,
            at: args.at.at.clone(),
        };
        let client = context.client()?;
        let fallback = match &args.fallback {
            Some(path) => Some(Fallback::new(context, path, &asked, args.fallback_max_age)?),
            None => None,
        };
        Ok(Self { client, asked, fallback, offline: args.offline })
    }

    /// The variables to begin with, and their ETag where the server said it.
    ///
    /// The file is used only where nothing answers: a refusal must not be overruled by what was once allowed.
    fn first(&self, context: &Context) -> Result<(Variables, Option<String>), CliError> {
        if let Some(fallback) = self.fallback.as_ref().filter(|_| self.offline) {
            let unasked = CliError::new(Exit::Unreachable, "--offline: the server is not asked");
            let (variables, age) = fallback.open(SystemClock.now(), &unasked)?;
            context.output.warn(&format!("these are the variables of {} ago", shown_age(age)));
            return Ok((variables, None));
        }
        let error = match self.asked.send(&self.client, None) {
            Ok(fetched) => {
                let fetched = fetched.ok_or_else(|| CliError::failed("the server's answer has no variables"))?;
                if let Err(error) = self.keep(&fetched) {
                    context.output.warn(&format!("the fallback is not up to date: {error}"));
                }
                return Ok((fetched.variables, fetched.etag));
            }
            Err(error) => error,
        };
        let Some(fallback) = self.fallback.as_ref().filter(|_| error.exit() == Exit::Unreachable) else {
            return Err(error);
        };
        let (variables, age) = fallback.open(SystemClock.now(), &error)?;
        context.output.warn(&format!("{error}; these are the variables of {} ago", shown_age(age)));
        Ok((variables, None))
    }

    /// Keeps an answer for when the server cannot be reached.
    fn keep(&self, fetched: &Fetched) -> Result<(), CliError> {
        match &self.fallback {
            Some(fallback) => fallback.keep(SystemClock.now(), &fetched.body),
            None => Ok(()),
        }
    }
}

fn not_started(program: &OsStr, error: &std::io::Error) -> CliError {
    let name = program.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => CliError::new(Exit::CommandNotFound, format!("{name}: command not found")),
        std::io::ErrorKind::ArgumentListTooLong => CliError::new(
            Exit::CannotExecute,
            format!("{name}: the variables are more than the system lets a program have"),
        )
        .hint("--only NAME,… passes fewer"),
        _ => CliError::new(Exit::CannotExecute, format!("{name}: cannot execute: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command as CliCommand};

    #[test]
    fn a_program_that_does_not_start_ends_as_in_a_shell() {
        let exit = |kind: ErrorKind| not_started(OsStr::new("x"), &Error::from(kind)).exit() as u8;
        assert_eq!(exit(ErrorKind::NotFound), 127);
        assert_eq!(exit(ErrorKind::PermissionDenied), 126);
        assert_eq!(exit(ErrorKind::ArgumentListTooLong), 126);
    }

    #[test]
    fn what_follows_the_program_is_its_own() {
        for line in [
            &["run", "--only", "A,B", "--", "prog", "--json", "-e"][..],
            &["run", "--only=A,B", "prog", "--json", "-e"],
        ] {
            let cli = Cli::try_parse_from(["holdfast"].iter().chain(line)).unwrap();
            assert!(!cli.globals.json);
            let CliCommand::Run(args) = cli.command else { panic!("not run") };
            assert_eq!(args.command, ["prog", "--json", "-e"]);
            assert_eq!(args.only, ["A", "B"]);
        }
        assert!(Cli::try_parse_from(["holdfast", "run"]).is_err());
        assert!(Cli::try_parse_from(["holdfast", "run", "--mount-fifo", "prog"]).is_err());
        assert!(Cli::try_parse_from(["holdfast", "run", "--fallback-max-age", "soon", "prog"]).is_err());
    }
}
