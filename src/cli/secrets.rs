//! `holdfast secrets`. A value comes by stdin, file or prompt, never as an argument: arguments stand in the
//! process list and in the shell's history.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::{AtArg, FolderArg, LimitArg, body};
use super::client::Request;
use super::confirm::{PlanArgs, planned};
use super::context::Context;
use super::error::{CliError, Exit};
use super::generate::{Kind, word};
use super::output::Column;
use super::run::parse_age;
use super::{care, lookup, transfer};
use crate::types::{Clock as _, SystemClock};

/// List, read and change secrets.
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// List names, versions and where each value comes from; never values
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Write a secret's value to stdout
    Get(GetArgs),
    /// Set a secret; the value is read from stdin, a file or a prompt
    #[command(after_help = SET_HELP)]
    Set(SetArgs),
    /// Have the server draw a value that nobody sees; a key pair's public half is answered
    #[command(after_help = GENERATE_HELP)]
    Generate(GenerateArgs),
    /// Hide the value inherited from a parent
    Unset(NameArgs),
    /// Delete a secret; 30 days are left to undelete it
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Bring a deleted secret back
    Undelete(NameArgs),
    /// List the versions of a secret
    History(NameArgs),
    /// Make an earlier version the newest one
    Rollback {
        /// Which secret.
        #[command(flatten)]
        name: NameArgs,
        /// The version to go back to
        #[arg(long = "to", value_name = "VERSION")]
        version: u64,
    },
    /// Copy a secret to another name, folder or environment
    #[command(visible_alias = "cp")]
    Copy(transfer::SecretTransferArgs),
    /// Move a secret to another name, folder or environment
    #[command(visible_alias = "mv")]
    Move(transfer::MoveArgs<transfer::SecretTransferArgs>),
    /// Give a secret another name
    Rename(transfer::RenameArgs),
    /// Find secrets by name, comment or tag in the whole project or organization
    Search(lookup::SearchArgs),
    /// List secrets that nobody reads
    Stale(care::StaleArgs),
    /// List secrets that expire soon or have expired
    Expiring(care::ExpiringArgs),
    /// Say when a secret's value stops being good
    Expire(care::ExpireArgs),
    /// Tag, comment, show, end or delete all secrets that a filter finds
    #[command(after_help = EDIT_HELP)]
    Edit(care::EditArgs),
    /// List what else uses a secret: what refers to it, and who inherits it
    Usage(lookup::UsageArgs),
    /// List the secrets that hold one exact value, read from stdin, a file or a prompt
    Lookup(lookup::LookupArgs),
    /// List who read a secret last
    Accesses(NameArgs),
}

const SET_HELP: &str = "\
From stdin exactly one line end is stripped, which is what `echo` adds; --raw keeps it. A file is
taken byte for byte. A value that is not UTF-8 is stored as it is, without references.

Examples:
  printf %s \"$VALUE\" | holdfast secrets set API_KEY
  holdfast secrets set TLS_KEY --value-file server.key
  holdfast secrets set DATABASE_URL        asks, and does not echo";

const EDIT_HELP: &str = "\
Find first, then change: --dry-run shows what would be done.

Examples:
  holdfast secrets edit --tag legacy --add-tag review --dry-run
  holdfast secrets edit -r --stale-days 180 --delete --dry-run
  holdfast secrets edit --search STRIPE --expires-at 2027-01-31T00:00:00Z";
const GENERATE_HELP: &str = "\
Flags of the secret stand before the kind. With --base-version 0 a value that is there stays.

Examples:
  holdfast secrets generate SESSION_KEY base64
  holdfast secrets generate --base-version 0 DB_PASSWORD random --length 40 --alphabet symbols
  holdfast secrets generate DEPLOY_KEY ssh-key --comment deploy@shop";

/// A secret.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
}

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
    /// Those in the folders beneath, too
    #[arg(short, long)]
    recursive: bool,
    /// Only names with this part
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// When.
    #[command(flatten)]
    at: AtArg,
    /// How many.
    #[command(flatten)]
    limit: LimitArg,
}

/// What to read.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Which secret.
    #[command(flatten)]
    name: NameArgs,
    /// Show what is known of it, and not its value (asks for secret.list only)
    #[arg(long, conflicts_with_all = ["version", "resolve"])]
    no_value: bool,
    /// This version in place of the newest
    #[arg(long, value_name = "N", conflicts_with = "at")]
    version: Option<u64>,
    /// When.
    #[command(flatten)]
    at: AtArg,
    /// With its references resolved
    #[arg(long)]
    resolve: bool,
    /// Your own override of it, not what everybody has
    #[arg(long, conflicts_with_all = ["version", "resolve"])]
    personal: bool,
}

/// Who may see it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Visibility {
    /// Hidden until revealed
    Masked,
    /// Shown
    Unmasked,
    /// Never shown to a person again, only injected
    Restricted,
}

/// What to set.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Which secret.
    #[command(flatten)]
    name: NameArgs,
    /// Refused with an explanation: a value is never an argument
    #[arg(hide = true, value_name = "VALUE")]
    refused: Vec<String>,
    /// Take the value from this file, byte for byte
    #[arg(long, visible_alias = "file", value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Keep the line end of stdin
    #[arg(long)]
    raw: bool,
    /// `${` is text, not a reference
    #[arg(long)]
    literal: bool,
    /// What it is
    #[arg(long)]
    comment: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Who may see it
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// Only if this is still its version; 0 if there must be none
    #[arg(long, value_name = "N")]
    base_version: Option<u64>,
    /// When the value stops being good, like 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<String>,
    /// The same from now on, like 12h or 90d
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    expires_in: Option<Duration>,
    /// Only for yourself, in place of what everybody has
    #[arg(long, conflicts_with_all = ["comment", "tags", "visibility", "base_version", "expires_at", "expires_in"])]
    personal: bool,
}

/// What to have drawn.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Which secret.
    #[command(flatten)]
    name: NameArgs,
    /// What it is
    #[arg(long)]
    comment: Option<String>,
    /// A tag; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Who may see it
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// Only if this is still its version; 0 if there must be none
    #[arg(long, value_name = "N")]
    base_version: Option<u64>,
    /// What to draw.
    #[command(subcommand)]
    kind: Kind,
}

/// What to delete.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Which secret.
    #[command(flatten)]
    name: NameArgs,
    /// Even if other secrets refer to it
    #[arg(long)]
    force: bool,
    /// Your own override of it, not what everybody has
    #[arg(long, conflicts_with = "force")]
    personal: bool,
    #[command(flatten)]
    plan: PlanArgs,
}

const LIST: &[Column] = &[
    ("name", "/name"),
    ("path", "/path"),
    ("version", "/version"),
    ("origin", "/origin/kind"),
    ("from", "/origin/environment"),
    ("visibility", "/visibility"),
    ("expires", "/expires_at"),
    ("updated", "/updated_at"),
    ("by", "/updated_by"),
];

const FIELDS: &[Column] = &[
    ("name", "/name"),
    ("path", "/path"),
    ("version", "/version"),
    ("state", "/state"),
    ("origin", "/origin/kind"),
    ("from", "/origin/environment"),
    ("visibility", "/visibility"),
    ("interpolate", "/interpolate"),
    ("comment", "/comment"),
    ("tags", "/tags"),
    ("references", "/references"),
    ("expires", "/expires_at"),
    ("updated", "/updated_at"),
    ("by", "/updated_by"),
    ("last read", "/last_accessed_at"),
    ("read by", "/last_accessed_by"),
    ("id", "/id"),
];

const VERSIONS: &[Column] = &[
    ("version", "/version"),
    ("state", "/state"),
    ("visibility", "/visibility"),
    ("at", "/created_at"),
    ("by", "/created_by"),
    ("comment", "/comment"),
];

const ACCESSES: &[Column] = &[("at", "/at"), ("actor", "/actor"), ("action", "/action")];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: SecretsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        SecretsCommand::List(args) => list(context, &args),
        SecretsCommand::Get(args) => get(context, &args),
        SecretsCommand::Set(args) => set(context, &args),
        SecretsCommand::Generate(args) => generate(context, &args),
        SecretsCommand::Unset(name) => {
            let answer = context.ask(&on(context, &name, Request::put, &[])?.body(&json!({ "state": "unset" })))?;
            output.warnings(&answer);
            output.item(&answer, FIELDS)
        }
        SecretsCommand::Delete(DeleteArgs { name, force, personal, plan }) => {
            let request = on(context, &name, Request::delete, &[])?.flag("force", force).flag("personal", personal);
            match planned(context, plan, request)? {
                Some(deleted) => output.answer(&deleted),
                None => Ok(()),
            }
        }
        SecretsCommand::Undelete(name) => {
            output.item(&context.ask(&on(context, &name, Request::post, &["undelete"])?)?, FIELDS)
        }
        SecretsCommand::History(name) => on_list(context, &name, "history", VERSIONS),
        SecretsCommand::Rollback { name, version } => {
            let request = on(context, &name, Request::post, &["rollback"])?.body(&json!({ "version": version }));
            let answer = context.ask(&request)?;
            output.warnings(&answer);
            output.item(&answer, FIELDS)
        }
        SecretsCommand::Copy(args) => transfer::secret_copy(context, &args),
        SecretsCommand::Move(args) => transfer::secret_move(context, &args),
        SecretsCommand::Rename(args) => transfer::rename(context, &args),
        SecretsCommand::Search(args) => lookup::search(context, &args),
        SecretsCommand::Stale(args) => care::stale(context, &args),
        SecretsCommand::Expiring(args) => care::expiring(context, &args),
        SecretsCommand::Expire(args) => care::expire(context, &args),
        SecretsCommand::Edit(args) => care::edit(context, &args),
        SecretsCommand::Usage(args) => lookup::usage(context, &args),
        SecretsCommand::Lookup(args) => lookup::lookup(context, &args),
        SecretsCommand::Accesses(name) => on_list(context, &name, "accesses", ACCESSES),
    }
}

/// A request on a secret, or on something below it.
fn on(context: &Context, name: &NameArgs, verb: fn(&[&str]) -> Request, below: &[&str]) -> Result<Request, CliError> {
    check_name(&name.name)?;
    let place = context.place(None)?;
    let mut segments = place.below(&["secrets", &name.name]);
    segments.extend_from_slice(below);
    Ok(verb(&segments).query("path", context.path(name.folder.path.as_deref())?))
}

fn on_list(context: &Context, name: &NameArgs, what: &str, columns: &[Column]) -> Result<(), CliError> {
    check_name(&name.name)?;
    let place = context.place(None)?;
    let path = context.path(name.folder.path.as_deref())?;
    let segments = place.below(&["secrets", &name.name, what]);
    let answer = context.ask_list(|| Request::get(&segments).query("path", &path), 1_000)?;
    context.output.list(&answer, columns)
}

fn check_name(name: &str) -> Result<(), CliError> {
    match name.split_once('=') {
        Some((name, _)) => Err(argument_refused(name)),
        None => Ok(()),
    }
}

fn argument_refused(name: &str) -> CliError {
    CliError::usage("a value is never taken as an argument: the process list and the shell's history would show it")
        .hint(format!("printf %s \"$VALUE\" | holdfast secrets set {name}, or --value-file FILE"))
}

fn list(context: &Context, args: &ListArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let path = context.path(args.folder.path.as_deref())?;
    let request = || {
        let request = Request::get(&place.below(&["secrets"])).query("path", &path);
        let request = request.flag("recursive", args.recursive).query_opt("search", args.search.as_deref());
        request.query_opt("at", args.at.at.as_deref())
    };
    context.output.list(&context.ask_list(request, args.limit.items())?, LIST)
}

fn get(context: &Context, args: &GetArgs) -> Result<(), CliError> {
    let request = on(context, &args.name, Request::get, &[])?
        .flag("reveal", !args.no_value)
        .query_opt("version", args.version.map(|v| v.to_string()))
        .query_opt("at", args.at.at.as_deref())
        .flag("resolve", args.resolve)
        .flag("personal", args.personal);
    let answer = context.ask(&request)?;
    if args.no_value || context.output.structured() {
        return context.output.item(&answer, FIELDS);
    }
    let value = if args.resolve { answer.get("resolved").or_else(|| answer.get("value")) } else { answer.get("value") };
    context.output.value(&decode(&args.name.name, value, answer.get("encoding"))?)
}

/// The bytes of a value as the API sends it: text, or base64 beside `encoding: "base64"`.
///
/// # Errors
/// There is none (the name is unset), or it is not what its encoding says.
pub fn decode(name: &str, value: Option<&Value>, encoding: Option<&Value>) -> Result<Vec<u8>, CliError> {
    let Some(text) = value.and_then(Value::as_str) else {
        return Err(CliError::new(Exit::NotFound, format!("{name} has no value here: it is unset")));
    };
    match encoding.and_then(Value::as_str) {
        None => Ok(text.as_bytes().to_vec()),
        Some("base64") => data_encoding::BASE64
            .decode(text.as_bytes())
            .map_err(|_| CliError::failed(format!("{name}: the server's base64 is broken"))),
        Some(other) => Err(CliError::failed(format!("{name}: this client does not know the encoding {other}"))),
    }
}

fn set(context: &Context, args: &SetArgs) -> Result<(), CliError> {
    check_name(&args.name.name)?;
    if !args.refused.is_empty() {
        return Err(argument_refused(&args.name.name));
    }
    // Asked for before the value is read: nobody types a secret in order to learn that no project is named.
    let request = on(context, &args.name, Request::put, &[])?.flag("personal", args.personal);
    let client = context.client()?;
    let value = context.input.value(&args.name.name, args.value_file.as_deref(), args.raw)?;
    let answer = client.json(&request.body(&fields(args, value.expose())))?;
    context.output.warnings(&answer);
    context.output.item(&answer, FIELDS)
}

fn generate(context: &Context, args: &GenerateArgs) -> Result<(), CliError> {
    let fields = body(json!({
        "generate": args.kind.asked(),
        "comment": args.comment,
        "tags": Some(&args.tags).filter(|t| !t.is_empty()),
        "visibility": args.visibility.as_ref().and_then(word),
        "base_version": args.base_version,
    }));
    let answer = context.ask(&on(context, &args.name, Request::put, &[])?.body(&fields))?;
    let output = &context.output;
    output.warnings(&answer);
    if output.structured() {
        return output.answer(&answer);
    }
    match answer.pointer("/generated/public").and_then(Value::as_str) {
        Some(public) => output.line(public.trim_end()),
        None => output.item(&answer, FIELDS),
    }
}

/// The body that sets `value`.
fn fields(args: &SetArgs, value: &[u8]) -> Value {
    let text = std::str::from_utf8(value).ok();
    let encoded = || data_encoding::BASE64.encode(value);
    let expires_in = args.expires_in.map(|life| SystemClock.now().plus(life).to_string());
    body(json!({
        "value": text.map_or_else(encoded, str::to_owned),
        "encoding": text.is_none().then_some("base64"),
        "interpolate": (args.literal || text.is_none()).then_some(false),
        "comment": args.comment,
        "tags": Some(&args.tags).filter(|t| !t.is_empty()),
        "visibility": args.visibility.as_ref().and_then(word),
        "base_version": args.base_version,
        "expires_at": args.expires_at.clone().or(expires_in),
    }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn set_args(line: &[&str]) -> SetArgs {
        let words = ["holdfast", "secrets", "set"].iter().chain(line);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Secrets(SecretsCommand::Set(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_as_an_argument_is_recognized_so_that_it_can_be_explained() {
        assert_eq!(set_args(&["A", "s3cret"]).refused, ["s3cret"]);
        let error = check_name("A=s3cret").unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(!error.lines().concat().contains("s3cret"), "the value must not be repeated");
    }

    #[test]
    fn text_is_sent_as_text_and_bytes_as_base64() {
        assert_eq!(fields(&set_args(&["A"]), b"x${B}"), json!({"value": "x${B}"}));
        assert_eq!(fields(&set_args(&["A", "--literal"]), b"x"), json!({"value": "x", "interpolate": false}));
        let binary = json!({"value": "/wA=", "encoding": "base64", "interpolate": false});
        assert_eq!(fields(&set_args(&["A"]), &[0xff, 0]), binary);
        let line =
            ["A", "--comment", "c", "--tag", "t", "--tag", "u", "--visibility", "restricted", "--base-version", "0"];
        let all =
            json!({"value": "", "comment": "c", "tags": ["t", "u"], "visibility": "restricted", "base_version": 0});
        assert_eq!(fields(&set_args(&line), b""), all);
    }

    #[test]
    fn a_value_is_decoded_as_its_encoding_says() {
        let base64 = json!("base64");
        assert_eq!(decode("A", Some(&json!("/wA=")), Some(&base64)).unwrap(), [0xff, 0]);
        assert_eq!(decode("A", Some(&json!("/wA=")), None).unwrap(), b"/wA=");
        assert_eq!(decode("A", None, None).unwrap_err().exit(), Exit::NotFound);
        assert!(decode("A", Some(&json!("?")), Some(&base64)).is_err());
        assert!(decode("A", Some(&json!("x")), Some(&json!("rot13"))).is_err());
    }
}
