//! `holdfast keys`: the server's own keys. (Keys of machines are `service-accounts keys`.)

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::{LimitArg, body};
use super::client::Request;
use super::context::Context;
use super::error::{CliError, Exit};
use super::offline::{self, DataDirArgs, DataPlace};
use super::output::Column;
use crate::config::write_private_file;

/// The server's own keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys there are and were: the organization's, or all of the server's
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Replace the root key (instance operators); the old one opens the data until it is retired
    RotateRoot(RotateRootArgs),
    /// Retire a root key that was replaced (instance operators): it opens nothing from then on
    RetireRoot {
        /// Its fingerprint
        fingerprint: String,
    },
    /// Give the organization a new key; what is sealed under the old one is sealed anew in the background
    RotateOrg,
    /// Show how far the rotation of the organization's key is
    Progress,
    /// Stop the background work of the rotation
    Pause,
    /// Let the rotation go on
    Resume,
    /// Open every value of the organization and say which do not open; none is shown
    Verify(VerifyArgs),
    /// Make a root key in a new file, mode 0400, without a server: for `rotate-root --new-root-key-file`
    GenerateRoot {
        /// The file; it must not exist
        file: PathBuf,
    },
    /// Write the recovery kit, once: what brings the data back when the root key is lost
    RecoveryKit(RecoveryKitArgs),
    /// Get a lost root key back with a recovery kit, without a server
    Recover(RecoverArgs),
    /// Show the fingerprints of the root key and of the ledger's public key, without a server
    Fingerprint(DataDirArgs),
}

/// Where the values are.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Without a server: every organization of this data directory, or of a copy of one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The server's configuration file, for where its root key is
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    config: Option<PathBuf>,
    /// The file with the root key [default: the one `holdfast serve` would read]
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    root_key_file: Option<PathBuf>,
}

/// Which keys to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// All keys of the server, the root keys among them (instance operators)
    #[arg(long)]
    instance: bool,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

/// Where the new root key comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct RotateRootArgs {
    /// A key file on the server's machine, where the server cannot write one itself
    #[arg(long, value_name = "FILE")]
    new_root_key_file: Option<String>,
    /// A file with a new passphrase on the server's machine
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<String>,
}

const COLUMNS: &[Column] = &[
    ("kind", "/kind"),
    ("owner", "/owner"),
    ("version", "/version"),
    ("fingerprint", "/fingerprint"),
    ("state", "/state"),
    ("made", "/created_at"),
    ("by", "/created_by"),
    ("retired", "/retired_at"),
    ("destroyed", "/destroyed_at"),
];

const ROTATION: &[Column] = &[
    ("state", "/state"),
    ("to version", "/to_version"),
    ("rows", "/total"),
    ("looked at", "/seen"),
    ("sealed anew", "/sealed"),
    ("do not open", "/unopened"),
    ("reason", "/reason"),
    ("began", "/started_at"),
    ("by", "/started_by"),
    ("old key destroyed", "/finished_at"),
];

/// What to get back, with what, and where to.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Write the root key into this file, mode 0400; it must not exist
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Take the recovery key from this file, `-` for stdin, in place of a prompt
    #[arg(long, value_name = "FILE")]
    kit_file: Option<PathBuf>,
    #[command(flatten)]
    place: DataDirArgs,
}

/// Where the kit goes.
#[derive(Debug, Args)]
pub struct RecoveryKitArgs {
    /// Write into this file, readable by you only, in place of stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// Not an instance operator, or not signed in recently; a data directory that cannot be read.
pub fn run(context: &Context, command: KeysCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        KeysCommand::RecoveryKit(args) => {
            if let Some(taken) = args.file.as_deref().filter(|f| f.exists()) {
                return Err(CliError::failed(format!("{} is there already", taken.display())));
            }
            let answer = context.ask(&Request::post(&["instance", "recovery-kit"]))?;
            match (&args.file, output.structured()) {
                (None, true) => output.answer(&answer),
                (None, false) => output.data(kit(&answer).as_bytes()),
                (Some(file), _) => {
                    write_private_file(file, kit(&answer).as_bytes())?;
                    output.say(&format!("wrote {}; print it and keep it away from the server", file.display()));
                    Ok(())
                }
            }
        }
        KeysCommand::List(ListArgs { instance, limit }) => {
            let path: &[&str] = if instance { &["instance", "keys"] } else { &["keys"] };
            output.list(&context.ask_list(|| Request::get(path), limit.items())?, COLUMNS)
        }
        KeysCommand::RotateRoot(args) => rotate_root(context, args),
        KeysCommand::RetireRoot { fingerprint } => {
            let fields = json!({ "fingerprint": fingerprint });
            let answer = context.ask(&Request::post(&["instance", "root-key", "retire"]).body(&fields))?;
            output.say("it opens nothing of this data any more; copies of the data from before still need it");
            output.answer(&answer)
        }
        KeysCommand::RotateOrg => {
            output.item(&context.ask(&Request::post(&["keys", "rotate"]))?, ROTATION)?;
            output.next("holdfast keys progress");
            Ok(())
        }
        KeysCommand::Progress => output.item(&context.ask(&Request::get(&["keys", "rotation"]))?, ROTATION),
        KeysCommand::Pause => output.item(&context.ask(&Request::post(&["keys", "rotation", "pause"]))?, ROTATION),
        KeysCommand::Resume => output.item(&context.ask(&Request::post(&["keys", "rotation", "resume"]))?, ROTATION),
        KeysCommand::Verify(VerifyArgs { data_dir: None, .. }) => verify(context),
        KeysCommand::Verify(VerifyArgs { data_dir, config, root_key_file }) => {
            verify_offline(context, &DataPlace { data_dir, config, root_key_file })
        }
        KeysCommand::GenerateRoot { file } => {
            let answer = offline::generate_root(&file)?;
            output.say(&format!("wrote {}; nothing can be read again without it once it is in use", file.display()));
            output.answer(&answer)
        }
        KeysCommand::Recover(RecoverArgs { file, kit_file, place }) => {
            let key = context.input.line(kit_file.as_deref(), "Recovery key (HFRK1-…):", "--kit-file")?;
            let answer = offline::recover(&place.into(), &key, &file)?;
            output.say(&format!("wrote {}; the server takes it with --root-key-file", file.display()));
            output.answer(&answer)
        }
        KeysCommand::Fingerprint(args) => output.answer(&offline::fingerprint(&args.into())?),
    }
}

fn rotate_root(context: &Context, args: RotateRootArgs) -> Result<(), CliError> {
    let output = &context.output;
    let RotateRootArgs { new_root_key_file, new_passphrase_file } = args;
    let fields = body(json!({ "new_root_key_file": new_root_key_file, "new_passphrase_file": new_passphrase_file }));
    let answer = context.ask(&Request::post(&["instance", "root-key", "rotate"]).body(&fields))?;
    let said = |field: &str| answer.get(field).and_then(Value::as_bool) == Some(true);
    let previous = answer.get("previous_fingerprint").and_then(Value::as_str).unwrap_or("?");
    if !said("in_place") {
        output.warn("put the new key where the server takes its root key from before the next start");
    }
    if !said("recovery_sealed") {
        output.warn("there is no recovery kit: run `holdfast keys recovery-kit`");
    }
    output.answer(&answer)?;
    output.next(&format!("holdfast keys retire-root {previous}"));
    Ok(())
}

/// Longest line of a verification that is kept until it is whole.
const LINE_MAX: usize = 64 * 1024;

/// Reads the lines as they come: problems are said at once, the report is the answer.
fn verify(context: &Context) -> Result<(), CliError> {
    let output = &context.output;
    let progress = output.progress("opening", None);
    let (mut rest, mut checked, mut report) = (Vec::new(), 0, None);
    context.client()?.stream(&Request::get(&["keys", "verification"]), &mut |chunk| {
        rest.extend_from_slice(chunk);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line: Value = serde_json::from_slice(&line)
                .map_err(|e| CliError::failed(format!("the server's answer is not what Holdfast answers: {e}")))?;
            let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or("?");
            match text("kind") {
                "problem" => output.warn(&format!("{}: {}", text("row"), text("code"))),
                "report" => report = Some(line.clone()),
                _ => {
                    let now = line.get("checked").and_then(Value::as_u64).unwrap_or(checked);
                    progress.advance(now.saturating_sub(checked));
                    checked = now;
                }
            }
        }
        if rest.len() > LINE_MAX {
            return Err(CliError::failed("the server's answer has a line that does not end"));
        }
        Ok(())
    })?;
    drop(progress);
    let report = report.ok_or_else(|| CliError::failed("the server ended before it had opened everything"))?;
    output.answer(&report)?;
    if report.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    output.warn("not every value opens");
    Err(CliError::reported(Exit::Failed))
}

/// Opens everything on this machine: problems first, the report is the answer.
fn verify_offline(context: &Context, place: &DataPlace) -> Result<(), CliError> {
    const COLUMNS: &[Column] = &[
        ("organization", "/organization"),
        ("checked", "/checked"),
        ("unopened", "/unopened"),
        ("unbound", "/unbound"),
        ("shredded", "/shredded"),
    ];
    let output = &context.output;
    let report = offline::keys_verify(place)?;
    for problem in report.get("problems").and_then(Value::as_array).into_iter().flatten() {
        let text = |field: &str| problem.get(field).and_then(Value::as_str).unwrap_or("?");
        output.warn(&format!("{}: {}: {}", text("organization"), text("row"), text("code")));
    }
    if output.structured() {
        output.answer(&report)?;
    } else {
        output.list(&json!({ "items": report.get("organizations"), "next_cursor": null }), COLUMNS)?;
    }
    if report.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    output.warn("not every value opens");
    Err(CliError::reported(Exit::Failed))
}

/// The kit as text to print: the server's own, or all it answered.
fn kit(answer: &Value) -> String {
    let text = ["text", "kit"].iter().find_map(|key| answer.get(*key).and_then(Value::as_str));
    let mut text = text.map_or_else(|| format!("{answer:#}"), str::to_owned);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
