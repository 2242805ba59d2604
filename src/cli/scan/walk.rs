//! The files of a tree: as .gitignore says, links not followed, several at once.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::ScanArgs;
use super::collect::{Collector, Origin};
use crate::cli::error::{CliError, Exit};

/// A file of our own beside .gitignore.
const IGNORE_FILE: &str = ".holdfastignore";

/// A tree to scan.
pub(super) struct Tree<'a> {
    root: &'a Path,
    exclude: &'a [String],
    no_ignore: bool,
    max_bytes: u64,
    threads: usize,
}

impl<'a> Tree<'a> {
    pub(super) fn of(args: &'a ScanArgs) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            root: &args.path,
            exclude: &args.exclude,
            no_ignore: args.no_ignore,
            max_bytes: u64::from(args.max_size) << 20,
            threads: args.threads.map_or_else(cores, usize::from),
        }
    }
}

/// Scans the tree.
///
/// # Errors
/// There is no such path; a pattern to exclude is none.
pub(super) fn tree(collector: &Collector, tree: &Tree<'_>) -> Result<(), CliError> {
    if std::fs::symlink_metadata(tree.root).is_err() {
        return Err(CliError::new(Exit::NotFound, format!("there is no {}", tree.root.display())));
    }
    let excluded = excluded(tree.root, tree.exclude)?;
    let walk = WalkBuilder::new(tree.root)
        .hidden(false)
        .follow_links(false)
        .standard_filters(false)
        .git_ignore(!tree.no_ignore)
        .git_exclude(!tree.no_ignore)
        .parents(!tree.no_ignore)
        .add_custom_ignore_filename(IGNORE_FILE)
        .overrides(excluded)
        .filter_entry(|entry| entry.file_name() != ".git")
        .threads(tree.threads)
        .build_parallel();
    walk.run(|| {
        let mut buffer = Vec::new();
        Box::new(move |entry| match entry {
            _ if collector.is_full() => WalkState::Quit,
            Ok(entry) => {
                file(collector, tree, &entry, &mut buffer);
                WalkState::Continue
            }
            Err(error) => {
                collector.left_out("", &error.to_string(), true);
                WalkState::Continue
            }
        })
    });
    Ok(())
}

/// What `--exclude` names, as the walk takes it.
pub(super) fn excluded(root: &Path, globs: &[String]) -> Result<Override, CliError> {
    let wrong = |e: ignore::Error| CliError::usage(format!("--exclude: {e}"));
    let mut builder = OverrideBuilder::new(root);
    for glob in globs {
        // There, a pattern is what to take unless it begins with `!`.
        builder.add(&format!("!{}", glob.trim_start_matches('!'))).map_err(wrong)?;
    }
    builder.build().map_err(wrong)
}

fn file(collector: &Collector, tree: &Tree<'_>, entry: &DirEntry, buffer: &mut Vec<u8>) {
    // A pipe or a device would never end; the root itself may be a link.
    let is_file =
        if entry.depth() == 0 { entry.path().is_file() } else { entry.file_type().is_some_and(|kind| kind.is_file()) };
    if !is_file {
        return;
    }
    let path = shown(entry.path());
    buffer.clear();
    let read = File::open(entry.path()).and_then(|f| f.take(tree.max_bytes + 1).read_to_end(buffer));
    match read {
        Ok(_) if u64::try_from(buffer.len()).unwrap_or(u64::MAX) > tree.max_bytes => {
            collector.left_out(&path, &format!("larger than {} MiB", tree.max_bytes >> 20), false);
        }
        Ok(_) => collector.text(Origin { path: &path, commit: None }, buffer, |line| line),
        Err(error) => collector.left_out(&path, &error.to_string(), true),
    }
}

/// The path as reports name it: with `/`, and without `./` before it.
pub(super) fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").map_or_else(|_| path.to_path_buf(), PathBuf::from);
    path.to_string_lossy().into_owned()
}
