//! `holdfast import`: a file of variables, which the server parses so that every door reads it the same way; and what
//! other secret managers keep, which is read here, where their addresses and keys are known, and written like any
//! other batch.

pub mod files;
pub mod git;
pub mod transfer;
pub mod vault;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::files::Product;
use super::args::{FolderArg, body};
use super::client::{Client, Request};
use super::context::{Context, Place};
use super::error::CliError;
use super::format::ImportFormat;
use super::output::Column;
use crate::vault::format::Format;

/// From this size on an import is worth a progress line, in bytes.
const LONG: usize = 32 << 10;

/// Where to import from, other than a file of variables.
#[derive(Debug, Subcommand)]
pub enum ImportSource {
    /// Import from Vault or OpenBao over its API, with all versions
    Vault(vault::VaultArgs),
    /// Import what `infisical export` wrote, or a list of secrets of its API
    Infisical(files::FileArgs),
    /// Import what `doppler secrets download` or `doppler secrets --json` wrote
    Doppler(files::FileArgs),
    /// Import a CSV export of 1Password
    #[command(name = "onepassword", visible_alias = "1password")]
    OnePassword(files::FileArgs),
    /// Import a CSV or JSON export of Bitwarden
    Bitwarden(files::FileArgs),
    /// Import a file that dotenvx encrypted, with its private keys
    Dotenvx(files::DotenvxArgs),
    /// Import a file that SOPS encrypted to an age recipient, with the identity
    Sops(files::SopsArgs),
    /// Import a dotenv file from the history of a Git repository, each commit a version
    Git(git::GitArgs),
}

impl ImportSource {
    fn run(&self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Vault(args) => vault::run(context, args),
            Self::Infisical(args) => files::run(context, Product::Infisical, args),
            Self::Doppler(args) => files::run(context, Product::Doppler, args),
            Self::OnePassword(args) => files::run(context, Product::OnePassword, args),
            Self::Bitwarden(args) => files::run(context, Product::Bitwarden, args),
            Self::Dotenvx(args) => files::run_dotenvx(context, args),
            Self::Sops(args) => files::run_sops(context, args),
            Self::Git(args) => git::run(context, args),
        }
    }
}

/// What to import.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true, subcommand_value_name = "SOURCE")]
pub struct ImportArgs {
    #[command(subcommand)]
    source: Option<ImportSource>,
    /// The file; - is stdin
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Its format [default: from its name, else dotenv]
    #[arg(long, value_enum)]
    format: Option<ImportFormat>,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
    /// Delete what the folder has and the file does not
    #[arg(long)]
    replace: bool,
    /// With --replace: do not ask
    #[arg(long, requires = "replace")]
    yes: bool,
    /// Show what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
}

const COLUMNS: &[Column] = &[("action", "/action"), ("name", "/name"), ("path", "/path"), ("version", "/version")];

/// Runs the command.
///
/// # Errors
/// An unreadable file, a line that does not parse, what the server refuses.
pub fn run(context: &Context, args: &ImportArgs) -> Result<(), CliError> {
    let of_a_file = args.file.is_some() || args.format.is_some() || args.folder.path.is_some();
    match (&args.source, &args.file) {
        (Some(_), _) if of_a_file || args.replace || args.dry_run => {
            Err(CliError::usage("options of a source stand behind its name, and there is no file beside it"))
        }
        (Some(source), _) => source.run(context),
        (None, Some(file)) => variables(context, args, file),
        (None, None) => Err(CliError::usage("name a file or a source to import from")),
    }
}

fn variables(context: &Context, args: &ImportArgs, file: &Path) -> Result<(), CliError> {
    let place = context.place(None)?;
    let path = context.path(args.folder.path.as_deref())?;
    let client = context.client()?;
    let content = context.input.document(file)?;
    let format = args.format.map_or_else(|| Format::guess(&file.to_string_lossy()), |ImportFormat(format)| format);
    let import = Import { client, place, path, format, content };
    let output = &context.output;
    if args.dry_run {
        return show(context, &import.send(args.replace, true)?);
    }
    if args.replace && !args.yes {
        let plan = import.send(true, true)?;
        let deleted = plan.pointer("/counts/delete").and_then(Value::as_u64).unwrap_or(0);
        if deleted > 0 {
            confirm(context, &plan, deleted)?;
        }
    }
    let progress = (import.content.len() > LONG).then(|| output.progress("importing", None));
    let answer = import.send(args.replace, false)?;
    drop(progress);
    show(context, &answer)?;
    output.next("holdfast run -- YOUR-PROGRAM");
    Ok(())
}

struct Import {
    client: Client,
    place: Place,
    path: String,
    format: Format,
    content: String,
}

impl Import {
    fn send(&self, replace: bool, dry_run: bool) -> Result<Value, CliError> {
        let fields = body(json!({
            "format": self.format.as_str(),
            "content": self.content,
            "path": self.path,
            "replace": replace.then_some(true),
            "dry_run": dry_run.then_some(true),
        }));
        self.client.json(&Request::post(&self.place.below(&["import"])).body(&fields))
    }
}

fn confirm(context: &Context, plan: &Value, deleted: u64) -> Result<(), CliError> {
    if !context.input.interactive() {
        return Err(CliError::usage(format!("--replace would delete {deleted}, and nobody can be asked"))
            .hint("--dry-run shows which; --yes does it"));
    }
    context.output.show_plan(plan);
    if context.input.yes(&format!("Delete {deleted}?"))? {
        return Ok(());
    }
    Err(CliError::failed("nothing was imported"))
}

fn show(context: &Context, answer: &Value) -> Result<(), CliError> {
    context.output.warnings(answer);
    if context.output.structured() {
        return context.output.answer(answer);
    }
    context.output.list(answer, COLUMNS)?;
    context.output.say(&summary(answer));
    Ok(())
}

fn summary(answer: &Value) -> String {
    let count = |what: &str| answer.pointer(&format!("/counts/{what}")).and_then(Value::as_u64).unwrap_or(0);
    let did = if answer.get("dry_run").and_then(Value::as_bool) == Some(true) { "would be " } else { "" };
    let (added, changed, same, deleted) = (count("add"), count("change"), count("same"), count("delete"));
    format!("{did}{added} added, {changed} changed, {deleted} deleted; {same} as they were")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        let counts = json!({"add": 2, "change": 1, "same": 3, "delete": 0});
        assert_eq!(summary(&json!({ "counts": counts })), "2 added, 1 changed, 0 deleted; 3 as they were");
        assert!(summary(&json!({"dry_run": true, "counts": counts})).starts_with("would be 2 added"));
    }
}
