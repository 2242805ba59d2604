//! `holdfast scan`: secrets in files, staged changes or a history. The rules are in the library's `scan`; here files
//! are walked, git is called, the server is asked about own values, and the report is written.

mod collect;
mod git;
mod hook;
mod own;
mod walk;

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::json;

use self::collect::Collector;
use super::context::Context;
use super::error::{CliError, Exit};
use crate::config::write_shared_file;
use crate::keys;
use crate::scan::baseline::{self, Baseline};
use crate::scan::report::{self, Located, Scanned};
use crate::scan::{Scanner, catalogue};

/// The baseline that is read when none is named.
const BASELINE: &str = ".holdfast-scan.json";
/// Findings that are listed; the rest is counted.
const SHOWN: usize = 1_000;

const AFTER_HELP: &str = "\
A line with `holdfast:ignore` in a comment passes, `holdfast:ignore[RULE]` for one rule; so does the line
below `holdfast:ignore-next-line`. Files named in .gitignore or .holdfastignore are left out.

Exit codes: 0 nothing new, 7 secrets found, 1 something could not be scanned, and those of every command.

Examples:
  holdfast scan --write-baseline          accept what is there, once
  holdfast scan --install-hook            before every commit: holdfast scan --staged
  holdfast scan --since origin/main --sarif > scan.sarif
  holdfast scan --own                     your own values, too, without telling them";

/// What to scan.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group(ArgGroup::new("source").args(["staged", "since", "history", "list_rules", "install_hook"])))]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct ScanArgs {
    /// The directory or file
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only lines that are staged for the next commit
    #[arg(long)]
    staged: bool,
    /// Only lines that commits since this one added
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Lines that any commit of any branch added
    #[arg(long)]
    history: bool,
    /// Compare with your own secrets, too: the server is told keyed hashes, never text
    #[arg(long)]
    own: bool,
    /// What is known and not reported [default: .holdfast-scan.json, if it is there]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Make everything found known, and succeed
    #[arg(long)]
    write_baseline: bool,
    /// Leave out paths that match, as in .gitignore; may be given again
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Scan files that .gitignore names, too
    #[arg(long)]
    no_ignore: bool,
    /// Leave out larger files
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    max_size: u32,
    /// Files scanned at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Write SARIF 2.1.0 to stdout
    #[arg(long, conflicts_with_all = ["json", "output"])]
    sarif: bool,
    /// Install a pre-commit hook that scans what is staged (with --own, against your own secrets, too)
    #[arg(long)]
    install_hook: bool,
    /// List the rules
    #[arg(long)]
    list_rules: bool,
}

/// Runs the command.
///
/// # Errors
/// Secrets were found (exit code 7); something could not be scanned; git or the server failed.
pub fn run(context: &Context, args: &ScanArgs) -> Result<(), CliError> {
    if args.list_rules {
        let items: Vec<_> = catalogue().iter().map(|r| json!({ "id": r.id, "title": r.title })).collect();
        return context.output.list(&json!({ "items": items }), &[("rule", "/id"), ("finds", "/title")]);
    }
    if args.install_hook {
        return hook::install(context, &args.path, args.own);
    }
    // Asked for before anything is read: nobody waits for a scan in order to learn that they are not logged in.
    let client = if args.own { Some(context.client()?) } else { None };
    let (file, mut baseline) = read_baseline(args)?;
    let key = keys::random::<32>().map_err(|e| CliError::failed(e.to_string()))?;
    let collector = Collector::new(Scanner::new(), args.own.then_some(&key), walk::shown(&file));
    let progress = context.output.progress("scanning", None);
    match (&args.since, args.staged, args.history) {
        (Some(rev), ..) => git::since(&collector, &args.path, rev, &args.exclude)?,
        (None, true, _) => git::staged(&collector, &args.path, &args.exclude)?,
        (None, _, true) => git::history(&collector, &args.path, &args.exclude)?,
        _ => walk::tree(&collector, &walk::Tree::of(args))?,
    }
    let (mut found, mut scanned, candidates) = collector.finish();
    if let Some(client) = &client {
        let scope =
            own::Scope { project: context.flags.project.clone(), environment: context.flags.environment.clone() };
        scanned.compared = Some(own::compare(client, &scope, &key, candidates, &mut found)?);
    }
    drop(progress);
    if args.write_baseline {
        return write_baseline(context, &file, baseline, &found);
    }
    if let Some(baseline) = &mut baseline {
        let before = found.len();
        found.retain(|f| !baseline.knows(&f.path, &f.finding));
        scanned.known = u64::try_from(before - found.len()).unwrap_or(u64::MAX);
    }
    show(context, args, &found, &scanned)
}

/// The file of the baseline, and what it says when it is there.
fn read_baseline(args: &ScanArgs) -> Result<(PathBuf, Option<Baseline>), CliError> {
    let named = args.baseline.clone();
    let file = named.clone().unwrap_or_else(|| PathBuf::from(BASELINE));
    let bytes = match std::fs::metadata(&file) {
        Ok(found) if found.len() > baseline::FILE_MAX as u64 => return Err(broken(&file, "it is too large")),
        Ok(_) => std::fs::read(&file).map_err(|e| broken(&file, &e.to_string()))?,
        Err(_) if named.is_none() || args.write_baseline => return Ok((file, None)),
        Err(e) => return Err(broken(&file, &e.to_string())),
    };
    let baseline = Baseline::parse(&bytes).map_err(|e| broken(&file, &e.to_string()))?;
    Ok((file, Some(baseline)))
}

fn broken(file: &Path, why: &str) -> CliError {
    CliError::failed(format!("cannot use the baseline {}: {why}", file.display()))
        .hint("holdfast scan --write-baseline makes a new one")
}

/// A baseline of exactly what was found: what is gone from the tree goes from it, too. Its salt stays.
fn write_baseline(context: &Context, file: &Path, old: Option<Baseline>, found: &[Located]) -> Result<(), CliError> {
    let mut baseline = match old {
        Some(old) => old.emptied(),
        None => Baseline::new(keys::random().map_err(|e| CliError::failed(e.to_string()))?),
    };
    for f in found {
        baseline.add(&f.path, &f.finding);
    }
    write_shared_file(file, baseline.to_text().as_bytes())?;
    context.output.say(&format!("wrote {}: {} known; commit it", file.display(), found.len()));
    Ok(())
}

fn show(context: &Context, args: &ScanArgs, found: &[Located], scanned: &Scanned) -> Result<(), CliError> {
    let output = &context.output;
    if args.sarif {
        let report = report::sarif(found, scanned, env!("CARGO_PKG_VERSION"));
        output.line(&serde_json::to_string_pretty(&report).unwrap_or_default())?;
    } else if output.structured() {
        output.answer(&report::json(found, scanned))?;
    } else {
        let row = |f: &Located| {
            let place = format!("{}:{}:{}", f.path, f.finding.line, f.finding.column);
            vec![output.cell(&place), f.finding.rule.id.to_owned(), output.cell(&report::message(f))]
        };
        output.table(&["place", "rule", "what"], found.iter().take(SHOWN).map(row).collect())?;
    }
    let problems: Vec<_> = scanned.skipped.iter().filter(|s| s.is_problem).collect();
    for problem in problems.iter().take(20) {
        output.warn(&format!("not scanned: {}: {}", problem.path, problem.reason));
    }
    output.say(&summary(found, scanned));
    if !found.is_empty() {
        if !args.sarif && !output.structured() {
            output.say("take them out and rotate them; a false alarm gets `holdfast:ignore` in a comment on its line");
        }
        return Err(CliError::reported(Exit::Found));
    }
    if problems.is_empty() { Ok(()) } else { Err(CliError::reported(Exit::Failed)) }
}

fn summary(found: &[Located], scanned: &Scanned) -> String {
    let mut parts = vec![format!("{} found in {} files", found.len(), scanned.files)];
    if scanned.known > 0 {
        parts.push(format!("{} known", scanned.known));
    }
    if let Some(compared) = scanned.compared {
        parts.push(format!("compared with {compared} own values"));
    }
    let left_out = scanned.skipped.iter().filter(|s| !s.is_problem).count();
    if left_out > 0 {
        parts.push(format!("{left_out} binary or large files left out"));
    }
    if scanned.cut {
        parts.push("there are more: the report is full".to_owned());
    }
    parts.join(", ")
}
