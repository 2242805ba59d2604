//! The pre-commit hook.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::git;
use crate::cli::context::Context;
use crate::cli::error::CliError;

/// By this line we know our own.
const MARK: &str = "# Installed by `holdfast scan --install-hook`.";

/// Writes the hook of the repository at `path`; one of somebody else stays.
pub(super) fn install(context: &Context, path: &Path, own: bool) -> Result<(), CliError> {
    let named = git::ask(path, &["rev-parse", "--git-path", "hooks/pre-commit"])?;
    let file = path.join(named);
    let cannot = |e: std::io::Error| CliError::failed(format!("cannot write {}: {e}", file.display()));
    let command = if own { "holdfast scan --staged --own" } else { "holdfast scan --staged" };
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.contains(MARK) => {
            return Err(CliError::failed(format!("{} is there already, and is not ours", file.display()))
                .hint(format!("add this line to it: {command} || exit 1")));
        }
        Ok(_) => std::fs::remove_file(&file).map_err(cannot)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(cannot(e)),
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let text = format!("#!/bin/sh\n{MARK} `git commit --no-verify` passes it by.\nexec {command}\n");
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&file).map_err(cannot)?;
    new.write_all(text.as_bytes()).map_err(cannot)?;
    context.output.say(&format!("wrote {}: every commit is scanned before it is made", file.display()));
    Ok(())
}
