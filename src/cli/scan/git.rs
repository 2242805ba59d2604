//! What git knows: staged lines and those of a history. git is asked so that nothing the repository configures is run.

use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use ignore::overrides::Override;

use super::collect::{Collector, Origin};
use super::walk::excluded;
use crate::cli::error::CliError;
use crate::scan::diff::{self, Added};

/// Bytes of git's own words that are shown.
const WORDS_MAX: u64 = 4 * 1024;
/// Most commits of a history.
const COMMITS_MAX: &str = "--max-count=200000";

/// How every diff is asked for: no colours, no renames, no program of the repository's configuration.
const DIFF: &[&str] = &[
    "--unified=0",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
    "--diff-filter=AMT",
];

/// Scans lines that are staged. An attribute that says a file is binary hides nothing: it is read as text.
pub(super) fn staged(collector: &Collector, path: &Path, exclude: &[String]) -> Result<(), CliError> {
    let arguments = [&["diff", "--cached", "--text"], DIFF, &["--", "."]].concat();
    read(collector, path, exclude, &arguments)
}

/// Scans lines that commits after `rev` added.
pub(super) fn since(collector: &Collector, path: &Path, rev: &str, exclude: &[String]) -> Result<(), CliError> {
    let wanted = format!("{rev}^{{commit}}");
    let found = ask(path, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])
        .map_err(|_| CliError::usage(format!("git knows no commit {rev}")))?;
    log(collector, path, exclude, &format!("{found}..HEAD"))
}

/// Scans lines that any commit added.
pub(super) fn history(collector: &Collector, path: &Path, exclude: &[String]) -> Result<(), CliError> {
    log(collector, path, exclude, "--all")
}

/// The oldest commit first: a secret is reported where it came in, once. What a merge itself changed is seen, too.
fn log(collector: &Collector, path: &Path, exclude: &[String], which: &str) -> Result<(), CliError> {
    let how: &[&str] = &[
        "log",
        "--patch",
        "--reverse",
        COMMITS_MAX,
        "--format=commit %H",
        "--no-notes",
        "--no-show-signature",
        "--diff-merges=first-parent",
    ];
    let arguments = [how, DIFF, &[which, "--", "."]].concat();
    read(collector, path, exclude, &arguments)
}

/// git in this directory, with nothing in between that the repository could name a program for.
fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(path);
    command.args(["--no-pager", "--no-optional-locks", "-c", "core.quotePath=true", "-c", "core.fsmonitor=false"]);
    command.args(["-c", "log.showSignature=false", "-c", "diff.trustExitCode=false"]);
    command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    for name in ["GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_PAGER", "GIT_TRACE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn missing(error: &std::io::Error) -> CliError {
    CliError::failed(format!("cannot run git: {error}")).hint("install git, or scan the directory without --staged")
}

/// One line that git answers.
pub(super) fn ask(path: &Path, arguments: &[&str]) -> Result<String, CliError> {
    let output = git(path).args(arguments).output().map_err(|e| missing(&e))?;
    if !output.status.success() {
        return Err(failed(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn failed(words: &[u8]) -> CliError {
    let words = String::from_utf8_lossy(words);
    let first = words.lines().next().unwrap_or("it did not say why").trim_start_matches("fatal: ").to_owned();
    CliError::failed(format!("git failed: {first}"))
}

fn read(collector: &Collector, path: &Path, exclude: &[String], arguments: &[&str]) -> Result<(), CliError> {
    let excluded = excluded(Path::new(""), exclude)?;
    let mut child = git(path).args(arguments).spawn().map_err(|e| missing(&e))?;
    let words = child.stderr.take();
    // Read beside the diff: git must not wait for somebody to read its words.
    let words = std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut words) = words {
            drop(words.by_ref().take(WORDS_MAX).read_to_end(&mut kept));
            drop(std::io::copy(&mut words, &mut std::io::sink()));
        }
        kept
    });
    let mut stopped = false;
    let mut result = Ok(());
    if let Some(stdout) = child.stdout.take() {
        result = diff::added(BufReader::with_capacity(1 << 16, stdout), |added| {
            take(collector, &excluded, added);
            stopped = collector.is_full();
            !stopped
        });
    }
    if stopped || result.is_err() {
        // It may have ended by itself.
        drop(child.kill());
    }
    let status = child.wait().map_err(|e| missing(&e))?;
    let words = words.join().unwrap_or_default();
    result.map_err(|e| CliError::failed(format!("cannot read what git writes: {e}")))?;
    if status.success() || stopped { Ok(()) } else { Err(failed(&words)) }
}

fn take(collector: &Collector, excluded: &Override, added: &Added) {
    if excluded.matched(&added.path, false).is_ignore() {
        return;
    }
    let from = Origin { path: &added.path, commit: added.commit.as_deref() };
    collector.text(from, &added.text, |line| added.line(line));
}
