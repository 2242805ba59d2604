//! `holdfast blueprint validate` and `lint`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::{LintArgs, ValidateArgs};
use crate::cli::client::Request;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::config::{write_private_file, write_shared_file};
use crate::runtime::blueprint::lint::{self, Edit, Finding, Severity};
use crate::runtime::blueprint::{Diagnostic, Document, read};

/// Most variables of an environment that are compared.
const NAMES_MAX: usize = 20_000;
/// How often fixes are applied: one may make room for another.
const ROUNDS: usize = 8;

/// The name of a file in messages.
pub(super) fn shown(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// `blueprint validate`.
pub(super) fn validate(context: &Context, args: &ValidateArgs) -> Result<(), CliError> {
    let mut files = Vec::new();
    let mut wrong = 0_usize;
    for path in &args.files {
        let text = context.input.document(path)?;
        let (name, errors) = (shown(path), read(&text).err().unwrap_or_default());
        wrong += usize::from(!errors.is_empty());
        if !context.output.structured() {
            if errors.is_empty() {
                context.output.say(&format!("{name}: good"));
            } else {
                show(context, &name, &text, &errors)?;
            }
        }
        let errors: Vec<_> = errors.iter().map(Diagnostic::json).collect();
        files.push(json!({ "file": name, "valid": errors.is_empty(), "errors": errors }));
    }
    if context.output.structured() {
        context.output.answer(&json!({ "files": files }))?;
    } else if wrong > 0 {
        context.output.say(&format!("{wrong} of {} not valid", args.files.len()));
    }
    if wrong > 0 { Err(CliError::reported(Exit::Failed)) } else { Ok(()) }
}

pub(super) fn show(context: &Context, name: &str, text: &str, errors: &[Diagnostic]) -> Result<(), CliError> {
    for error in errors {
        context.output.report(&error.show("error", name, text))?;
    }
    Ok(())
}

/// `blueprint lint`.
pub(super) fn lint(context: &Context, args: &LintArgs) -> Result<(), CliError> {
    let is_stdin = args.file == Path::new("-");
    if args.fix && is_stdin {
        return Err(CliError::usage("--fix writes into the file, and stdin is none"));
    }
    // Asked for before anything is read: nobody waits for a report that then lacks a rule.
    let names = names(context)?;
    let text = context.input.document(&args.file)?;
    let name = shown(&args.file);
    let document = match read(&text) {
        Ok(document) => document,
        Err(errors) => return refused(context, &name, &text, &errors),
    };
    if names.is_none() {
        context.output.say("HF006 is left out: name an environment (-e) to compare variables with those it has");
    }
    let (text, document, fixed) =
        if args.fix { fix(context, args, text, document, names.as_ref())? } else { (text, document, 0) };
    let findings = lint::lint(&text, &document, names.as_ref());
    report(context, &name, &text, &findings, names.is_some(), fixed)?;
    let is_bad = |finding: &Finding| args.strict || finding.rule.severity == Severity::Error;
    if findings.iter().any(is_bad) { Err(CliError::reported(Exit::Failed)) } else { Ok(()) }
}

/// A file that is not valid has no rules applied to it.
fn refused(context: &Context, name: &str, text: &str, errors: &[Diagnostic]) -> Result<(), CliError> {
    if context.output.structured() {
        let errors: Vec<_> = errors.iter().map(Diagnostic::json).collect();
        context.output.answer(&json!({ "file": name, "valid": false, "errors": errors, "findings": [] }))?;
    } else {
        show(context, name, text, errors)?;
        context.output.say("not valid: no rule was applied");
    }
    Err(CliError::reported(Exit::Failed))
}

/// The names of the variables of the environment that is named, as far as this person may see them.
fn names(context: &Context) -> Result<Option<BTreeSet<String>>, CliError> {
    if context.flags.environment.is_none() {
        return Ok(None);
    }
    let place = context.place(None)?;
    let path = context.path(None)?;
    let request = || Request::get(&place.below(&["secrets"])).query("path", &path);
    let answer = context.ask_list(request, NAMES_MAX)?;
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let set = items.filter(|item| item.get("state").and_then(Value::as_str) == Some("set"));
    let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
    Ok(Some(set.filter_map(name).collect()))
}

/// Applies what is safe until nothing is left, and writes the file when what came out is still valid.
fn fix(
    context: &Context,
    args: &LintArgs,
    text: String,
    document: Document,
    names: Option<&BTreeSet<String>>,
) -> Result<(String, Document, usize), CliError> {
    let (mut now, mut read_now, mut fixed) = (text, document, 0);
    for _ in 0..ROUNDS {
        let edits: Vec<Edit> = lint::lint(&now, &read_now, names).into_iter().filter_map(|f| f.fix).collect();
        let (after, count) = lint::apply(&now, edits);
        if count == 0 {
            break;
        }
        let Ok(again) = read(&after) else {
            return Err(CliError::failed("a fix would make the blueprint invalid; nothing was written")
                .hint("put it right by hand: holdfast blueprint lint shows the lines"));
        };
        (now, read_now, fixed) = (after, again, fixed + count);
    }
    if fixed > 0 {
        write_over(&args.file, &now)?;
        context.output.say(&format!("fixed {fixed} in {}", args.file.display()));
    }
    Ok((now, read_now, fixed))
}

/// Puts a text in the place of a file's, with the file's own permissions. What a link leads to is written, not the link.
fn write_over(path: &Path, text: &str) -> Result<(), CliError> {
    let cannot = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", path.display()));
    let target = path.canonicalize().map_err(cannot)?;
    let permissions = std::fs::metadata(&target).map_err(cannot)?.permissions();
    let is_private = permissions.mode().trailing_zeros() >= 6;
    if is_private {
        write_private_file(&target, text.as_bytes())?;
    } else {
        write_shared_file(&target, text.as_bytes())?;
    }
    std::fs::set_permissions(&target, permissions).map_err(cannot)
}

fn report(
    context: &Context,
    name: &str,
    text: &str,
    findings: &[Finding],
    is_compared: bool,
    fixed: usize,
) -> Result<(), CliError> {
    if context.output.structured() {
        return context.output.answer(&json!({
            "file": name,
            "valid": true,
            "errors": [],
            "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "fixed": fixed,
            "variables_compared": is_compared,
        }));
    }
    for finding in findings {
        context.output.report(&finding.said.show(finding.rule.severity.as_str(), name, text))?;
    }
    let errors = findings.iter().filter(|f| f.rule.severity == Severity::Error).count();
    let fixable = findings.iter().filter(|f| f.fix.is_some()).count();
    let counted = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let offer = if fixable > 0 { format!("; --fix puts {fixable} right") } else { String::new() };
    let (errors, warnings) = (counted(errors, "error"), counted(findings.len() - errors, "warning"));
    context.output.say(&format!("{errors}, {warnings}{offer}"));
    Ok(())
}
