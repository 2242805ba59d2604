//! `holdfast blueprint push`, `show`, `versions` and `diff`: the blueprint a server keeps for an environment.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::check::{show as show_errors, shown};
use crate::cli::args::body;
use crate::cli::client::Request;
use crate::cli::confirm::{PlanArgs, planned};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::Column;
use crate::runtime::blueprint::{Diagnostic, read};

/// What to save.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// The file; - is stdin
    #[arg(value_name = "FILE", default_value = "blueprint.yaml")]
    file: PathBuf,
    /// What was changed, in words
    #[arg(long)]
    comment: Option<String>,
    /// Only if the newest version is still this one; 0: only if there is none
    #[arg(long, value_name = "VERSION")]
    base_version: Option<u32>,
    /// Whether it is only checked.
    #[command(flatten)]
    plan: PlanArgs,
}

const BLUEPRINT: &str = "blueprint";
const SAVED: &[Column] =
    &[("version", "/version"), ("new", "/new"), ("checked only", "/dry_run"), ("digest", "/digest")];
const VERSIONS: &[Column] = &[
    ("version", "/version"),
    ("saved", "/saved_at"),
    ("by", "/saved_by"),
    ("comment", "/comment"),
    ("digest", "/digest"),
];

/// `blueprint push`.
pub(super) fn push(context: &Context, args: &PushArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let text = context.input.document(&args.file)?;
    // The same reader as the server's: here it can show the lines.
    if let Err(errors) = read(&text) {
        let name = shown(&args.file);
        if context.output.structured() {
            let errors: Vec<_> = errors.iter().map(Diagnostic::json).collect();
            context.output.answer(&json!({ "file": name, "valid": false, "errors": errors }))?;
        } else {
            show_errors(context, &name, &text, &errors)?;
            context.output.say("not valid: nothing was saved");
        }
        return Err(CliError::reported(Exit::Failed));
    }
    let fields = body(json!({ "text": text, "comment": args.comment, "base_version": args.base_version }));
    let request = Request::put(&place.below(&[BLUEPRINT])).body(&fields);
    let Some(saved) = planned(context, args.plan, request)? else { return Ok(()) };
    let findings = saved.get("findings").and_then(Value::as_array).map_or(0, Vec::len);
    context.output.item(&saved, SAVED)?;
    if findings > 0 {
        let plural = if findings == 1 { "" } else { "s" };
        context.output.say(&format!("{findings} finding{plural}: holdfast blueprint lint shows them"));
    }
    Ok(())
}

/// `blueprint show`: the text as it was saved.
pub(super) fn show(context: &Context, version: Option<u32>) -> Result<(), CliError> {
    let place = context.place(None)?;
    let request =
        Request::get(&place.below(&[BLUEPRINT])).query_opt("version", version.map(|version| version.to_string()));
    text_of(context, &context.ask(&request)?, "/text")
}

/// `blueprint versions`.
pub(super) fn versions(context: &Context) -> Result<(), CliError> {
    let place = context.place(None)?;
    context.output.list(&context.ask(&Request::get(&place.below(&[BLUEPRINT, "versions"])))?, VERSIONS)
}

/// `blueprint diff`.
pub(super) fn diff(context: &Context, from: Option<u32>, to: Option<u32>) -> Result<(), CliError> {
    let place = context.place(None)?;
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    let request = Request::get(&place.below(&[BLUEPRINT, "diff"]));
    let request = request.query_opt("from", number(from)).query_opt("to", number(to));
    text_of(context, &context.ask(&request)?, "/diff")
}

fn text_of(context: &Context, answer: &Value, at: &str) -> Result<(), CliError> {
    if context.output.structured() {
        return context.output.answer(answer);
    }
    context.output.data(answer.pointer(at).and_then(Value::as_str).unwrap_or_default().as_bytes())
}
