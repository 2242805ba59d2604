//! `holdfast import git`: the versions of a dotenv file in the history of a repository. The `git` of the machine is asked.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::transfer::{Target, TransferArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::vault::format::MAX_INPUT_BYTES;
use crate::vault::importers::{Commit, MAX_VERSIONS, Remark, git_history};

/// Most bytes of a list of commits.
const LOG_BYTES: usize = 4 << 20;

/// What to import from a history.
#[derive(Debug, Args)]
pub struct GitArgs {
    /// The file in the repository, like app/.env; it may be deleted by now
    file: PathBuf,
    /// The repository, or a directory of it
    #[arg(long, value_name = "DIR", default_value = ".")]
    repository: PathBuf,
    /// The newest commit that counts
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    revision: String,
    #[command(flatten)]
    transfer: TransferArgs,
}

/// Runs the command.
///
/// # Errors
/// No git, no repository, no commit with the file; what the target refuses.
pub fn run(context: &Context, args: &GitArgs) -> Result<(), CliError> {
    let target = Target::find(context, &args.transfer)?;
    let file = args.file.to_str().filter(|f| !f.is_empty() && !Path::new(f).is_absolute());
    let file = file.ok_or_else(|| CliError::usage("FILE is named as seen from the repository's directory"))?;
    if args.revision.starts_with('-') {
        return Err(CliError::usage("--revision is a branch, a tag or a commit"));
    }
    let (mut commits, more) = commits(args, file)?;
    let progress = context.output.progress("reading commits", u64::try_from(commits.len()).ok());
    for commit in &mut commits {
        commit.content = git(args, &["cat-file", "blob", &format!("{}:./{file}", commit.hash)], MAX_INPUT_BYTES)?;
        progress.advance(1);
    }
    drop(progress);
    let mut found = git_history(file, commits);
    if more {
        let detail = format!("has more than {MAX_VERSIONS} commits: older ones are not imported");
        found.remarks.push(Remark::skipped(file, detail));
    }
    target.take("git", found)
}

/// The commits that changed the file, oldest first, and whether there are more than one import takes.
fn commits(args: &GitArgs, file: &str) -> Result<(Vec<Commit>, bool), CliError> {
    let most = format!("--max-count={}", MAX_VERSIONS + 1);
    let command = ["log", "--no-show-signature", "--format=%H%x09%cI%x09%an", &most, &args.revision, "--", file];
    let none = || {
        CliError::failed(format!("{}: no commit of {} has {file}", args.repository.display(), args.revision))
            .hint("is --repository one, and the file named as seen from there?")
    };
    let listed = git(args, &command, LOG_BYTES)?.ok_or_else(none)?;
    let listed = String::from_utf8_lossy(&listed);
    let read = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let (hash, at, author) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Commit { hash: hash.to_owned(), at: at.to_owned(), author: author.to_owned(), content: None })
    };
    let mut commits: Vec<_> = listed.lines().filter_map(read).collect();
    if commits.is_empty() {
        return Err(none());
    }
    let more = commits.len() > MAX_VERSIONS;
    commits.truncate(MAX_VERSIONS);
    commits.reverse();
    Ok((commits, more))
}

/// What git says, at most `most` bytes; none when it ends with an error. Nothing a repository configures is run.
fn git(args: &GitArgs, command: &[&str], most: usize) -> Result<Option<Vec<u8>>, CliError> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(&args.repository)
        .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(command)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| CliError::failed(format!("cannot run git: {e}")).hint("install git"))?;
    let mut said = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = child.stdout.take().map_or(Ok(0), |out| out.take(limit).read_to_end(&mut said));
    if said.len() > most {
        // It would wait for a reader for ever.
        drop(child.kill());
    }
    let ended = child.wait().map_err(|e| CliError::failed(format!("git: {e}")))?;
    read.map_err(|e| CliError::failed(format!("git: {e}")))?;
    if said.len() > most {
        return Err(CliError::failed(format!("git said more than {} MiB", most >> 20)));
    }
    Ok(ended.success().then_some(said))
}
