//! `holdfast blueprint`: reads files here, where whoever asks has them; the server is asked for names of variables, and
//! keeps the blueprint of each environment.

mod check;
mod discover;
mod import;
mod stored;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use self::stored::PushArgs;
use super::context::Context;
use super::error::{CliError, Exit};
use crate::config::nearest;
use crate::runtime::blueprint::lint::{RULES, rule};
use crate::runtime::blueprint::schema;

/// Check, lint, import and propose blueprints: which services an environment runs.
#[derive(Debug, Subcommand)]
pub enum BlueprintCommand {
    /// Say what is wrong with blueprints, with line and column
    #[command(after_help = VALIDATE_HELP)]
    Validate(ValidateArgs),
    /// Say what is allowed in a blueprint and still not wise, and put right what is safe
    #[command(after_help = LINT_HELP)]
    Lint(LintArgs),
    /// Say why a rule of lint is there, and how to put it right
    Explain {
        /// Its number or name [default: list the rules]
        rule: Option<String>,
    },
    /// Write a blueprint made of a Compose file to stdout
    #[command(after_help = IMPORT_HELP)]
    Import(ImportArgs),
    /// Propose a blueprint for a repository on stdout
    #[command(after_help = DISCOVER_HELP)]
    Discover(DiscoverArgs),
    /// Save the blueprint of an environment as a new version
    #[command(after_help = PUSH_HELP)]
    Push(PushArgs),
    /// Write the blueprint of an environment to stdout, as it was saved
    Show {
        /// This version [default: the newest]
        #[arg(long, value_name = "VERSION")]
        version: Option<u32>,
    },
    /// List the versions of the blueprint of an environment
    Versions,
    /// Show what changed from one version to another [default: to the newest, from the one before]
    Diff {
        /// From this version; 0 is nothing
        #[arg(long, value_name = "VERSION")]
        from: Option<u32>,
        /// To this version
        #[arg(long, value_name = "VERSION")]
        to: Option<u32>,
    },
    /// Write the JSON schema of blueprints to stdout, for editors
    #[command(after_help = SCHEMA_HELP)]
    Schema,
}

const VALIDATE_HELP: &str = "\
Exit codes: 0 all are good, 1 one is not, 3 there is no such file.

Examples:
  holdfast blueprint validate blueprint.yaml
  holdfast blueprint import compose.yaml | holdfast blueprint validate -
  holdfast blueprint validate --json */blueprint.yaml";

const LINT_HELP: &str = "\
A line passes with `# holdfast:ignore[HF003]` behind it. With --environment (and a project, named or
bound) the server is asked for the names of variables you may see; otherwise HF006 is left out.

Exit codes: 0 nothing, or only warnings; 1 errors (with --strict, warnings too).

Examples:
  holdfast blueprint lint blueprint.yaml
  holdfast blueprint lint blueprint.yaml -p shop -e staging --strict
  holdfast blueprint lint blueprint.yaml --fix
  holdfast blueprint explain HF003";

const IMPORT_HELP: &str = "\
What cannot be taken over is named with its line, on stderr and at the top of what is written.
Values that look like secrets become variables of the environment: store them with
`holdfast secrets set`.

Examples:
  holdfast blueprint import compose.yaml > blueprint.yaml
  docker compose config | holdfast blueprint import -";

const DISCOVER_HELP: &str = "\
Looks at Dockerfile, Compose file, package.json, Procfile, pyproject.toml, requirements.txt and
go.mod, three folders deep. Nothing is run. Each line says what it comes from.

Examples:
  holdfast blueprint discover
  holdfast blueprint discover services/api > blueprint.yaml";

const PUSH_HELP: &str = "\
The same text as the newest version makes no new one. Nothing is deployed by it.

Exit codes: 0 saved, or the same already; 1 not valid.

Examples:
  holdfast blueprint push blueprint.yaml -p shop -e staging --comment 'two workers'
  holdfast blueprint show --version 3 | holdfast blueprint push - --comment 'back to version 3'
  holdfast blueprint push --dry-run";

const SCHEMA_HELP: &str = "\
A server has the same at /api/v1/blueprint-schema.

Examples:
  holdfast blueprint schema > blueprint.schema.json
  # in the first line of a blueprint, for editors with the YAML language server:
  # yaml-language-server: $schema=./blueprint.schema.json";

/// What to validate.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The files; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What to lint.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// The file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Write what is safe to put right into the file; comments and layout stay
    #[arg(long)]
    fix: bool,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
}

/// What to import.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The Compose file; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The blueprint's name [default: the Compose file's, or its folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct DiscoverArgs {
    /// The folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The blueprint's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A file that cannot be read or is wrong; findings.
pub fn run(context: &Context, command: BlueprintCommand) -> Result<(), CliError> {
    match command {
        BlueprintCommand::Validate(args) => check::validate(context, &args),
        BlueprintCommand::Lint(args) => check::lint(context, &args),
        BlueprintCommand::Explain { rule } => explain(context, rule.as_deref()),
        BlueprintCommand::Import(args) => import::run(context, &args),
        BlueprintCommand::Discover(args) => discover::run(context, &args),
        BlueprintCommand::Push(args) => stored::push(context, &args),
        BlueprintCommand::Show { version } => stored::show(context, version),
        BlueprintCommand::Versions => stored::versions(context),
        BlueprintCommand::Diff { from, to } => stored::diff(context, from, to),
        BlueprintCommand::Schema => {
            let text = serde_json::to_string_pretty(&schema()).map_err(|e| CliError::failed(e.to_string()))?;
            context.output.line(&text)
        }
    }
}

/// Shows what is wrong with a blueprint, if anything is, as `validate` does.
///
/// # Errors
/// It is not valid; everything is told already.
pub fn require_valid(context: &Context, file: &std::path::Path, text: &str) -> Result<(), CliError> {
    let Err(errors) = crate::runtime::blueprint::read(text) else { return Ok(()) };
    check::show(context, &check::shown(file), text, &errors)?;
    Err(CliError::failed(format!("{} is no valid blueprint", check::shown(file))))
}

fn explain(context: &Context, word: Option<&str>) -> Result<(), CliError> {
    let json = |rule: &crate::runtime::blueprint::lint::Rule| {
        json!({
            "id": rule.id,
            "name": rule.name,
            "severity": rule.severity.as_str(),
            "finds": rule.finds,
            "why": rule.why,
            "remedy": rule.remedy,
            "fixable": rule.is_fixable,
        })
    };
    let Some(word) = word else {
        let columns =
            [("rule", "/id"), ("severity", "/severity"), ("name", "/name"), ("finds", "/finds"), ("fix", "/fixable")];
        return context.output.list(&json!({ "items": RULES.iter().map(json).collect::<Vec<_>>() }), &columns);
    };
    let Some(found) = rule(word) else {
        let known = RULES.iter().flat_map(|r| [r.id, r.name]);
        let near = nearest(word, known)
            .map_or_else(|| "holdfast blueprint explain lists them".to_owned(), |near| format!("did you mean {near}?"));
        return Err(CliError::new(Exit::NotFound, format!("there is no rule {word}")).hint(near));
    };
    if context.output.structured() {
        return context.output.answer(&json(found));
    }
    let fix = if found.is_fixable { "\n\n`holdfast blueprint lint --fix` does it." } else { "" };
    let severity = found.severity.as_str();
    let text =
        format!("{} {} ({severity}): {}\n\n{}\n\n{}{fix}", found.id, found.name, found.finds, found.why, found.remedy);
    context.output.line(&text)
}
