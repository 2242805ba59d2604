//! `holdfast run`: one request, then this process becomes the program. No process stays in between, so signals,
//! the terminal and the exit code are the program's own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::args::{AtArg, FolderArg};
use super::client::Request;
use super::context::Context;
use super::error::{CliError, Exit};
use super::secrets::decode;

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
  holdfast run -- sh -c 'echo \"$GREETING\"'";

/// What to run, and with what.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
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

/// The answer of `variables`.
#[derive(Deserialize)]
struct Variables {
    #[serde(rename = "variables")]
    values: BTreeMap<String, Value>,
    #[serde(default)]
    encodings: BTreeMap<String, Value>,
    #[serde(default)]
    withheld: Vec<Value>,
}

/// Runs the command; returns only if the program could not be started.
///
/// # Errors
/// What the server refuses, a value no environment can hold, a program that cannot be started.
pub fn run(context: &Context, args: &RunArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let request = Request::get(&place.below(&["variables"]))
        .query("path", context.path(args.folder.path.as_deref())?)
        .query_opt("withheld", args.omit_withheld.then_some("omit"))
        .query_opt("at", args.at.at.as_deref());
    let answer: Variables = context.client()?.send(&request)?.json()?;
    if !answer.withheld.is_empty() {
        let count = answer.withheld.len();
        context.output.warn(&format!("{count} restricted values are left out"));
    }
    let Some((program, rest)) = args.command.split_first() else {
        return Err(CliError::usage("no program is named"));
    };
    let mut command = Command::new(program);
    command.args(rest);
    if !args.keep_token {
        for name in CREDENTIALS {
            command.env_remove(name);
        }
    }
    command.envs(injected(answer, &args.only, &args.exclude)?);
    Err(not_started(program, &command.exec()))
}

/// The variables for the program, chosen and decoded.
///
/// # Errors
/// A name in `only` that does not exist, a name or value that no process environment can hold.
fn injected(answer: Variables, only: &[String], exclude: &[String]) -> Result<Vec<(String, OsString)>, CliError> {
    if let Some(missing) = only.iter().find(|name| !answer.values.contains_key(*name)) {
        return Err(CliError::new(Exit::NotFound, format!("there is no variable {missing} here"))
            .hint("holdfast secrets list shows the names"));
    }
    let only: BTreeSet<_> = only.iter().collect();
    let exclude: BTreeSet<_> = exclude.iter().collect();
    let wanted = |name: &String| (only.is_empty() || only.contains(name)) && !exclude.contains(name);
    let mut variables = Vec::with_capacity(answer.values.len());
    for (name, value) in answer.values.into_iter().filter(|(name, _)| wanted(name)) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(CliError::failed(format!("the name {name:?} cannot stand in a program's environment"))
                .hint(format!("--exclude {name:?} leaves it out")));
        }
        let bytes = decode(&name, Some(&value), answer.encodings.get(&name))?;
        if bytes.contains(&0) {
            return Err(CliError::failed(format!("{name} holds a NUL byte, which no program's environment can hold"))
                .hint(format!("--exclude {name}, and in the program: holdfast secrets get {name}")));
        }
        variables.push((name, OsString::from_vec(bytes)));
    }
    Ok(variables)
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
    use serde_json::json;

    use super::*;
    use crate::cli::args::{Cli, Command as CliCommand};

    fn answer(value: Value) -> Variables {
        serde_json::from_value(value).unwrap()
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn only_and_exclude_choose() {
        let abc = || answer(json!({"variables": {"A": "1", "B": "2", "C": "3"}}));
        let chosen = |only: &[&str], exclude: &[&str]| {
            let variables = injected(abc(), &names(only), &names(exclude)).unwrap();
            variables.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[], &[]), ["A", "B", "C"]);
        assert_eq!(chosen(&["C", "A"], &[]), ["A", "C"]);
        assert_eq!(chosen(&[], &["B", "Z"]), ["A", "C"]);
        let missing = injected(abc(), &names(&["A", "Z"]), &[]).unwrap_err();
        assert_eq!(missing.exit(), Exit::NotFound);
        assert!(missing.to_string().contains('Z'));
    }

    #[test]
    fn bytes_arrive_as_they_are_and_a_nul_is_refused_by_name() {
        let given = json!({"variables": {"A": "/w=="}, "encodings": {"A": "base64"}});
        let variables = injected(answer(given), &[], &[]).unwrap();
        assert_eq!(variables[0].1.clone().into_vec(), [0xff]);
        for (value, encodings) in [("a\0b", json!({})), ("AA==", json!({"KEY": "base64"}))] {
            let given = answer(json!({"variables": {"KEY": value}, "encodings": encodings}));
            assert!(injected(given, &[], &[]).unwrap_err().to_string().starts_with("KEY "));
        }
        let excluded = answer(json!({"variables": {"KEY": "a\0b"}}));
        assert!(injected(excluded, &[], &names(&["KEY"])).unwrap().is_empty());
        assert!(injected(answer(json!({"variables": {"A=B": "x"}})), &[], &[]).is_err());
    }

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
    }
}
