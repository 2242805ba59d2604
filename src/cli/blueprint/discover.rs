//! `holdfast blueprint discover`: walks the folders and reads the files; what they tell is the library's to say.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ignore::WalkBuilder;
use serde_json::json;

use super::DiscoverArgs;
use super::check::show;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::runtime::blueprint::discover::{
    MAX_DEPTH, MAX_FILE_BYTES, MAX_FILES, Source, is_passed, is_wanted, propose,
};

/// Most entries of folders that are looked at.
const ENTRIES_MAX: usize = 50_000;

/// Writes a proposal to stdout.
pub(super) fn run(context: &Context, args: &DiscoverArgs) -> Result<(), CliError> {
    if !args.dir.is_dir() {
        return Err(CliError::new(Exit::NotFound, format!("there is no folder {}", args.dir.display())));
    }
    let sources = sources(context, &args.dir);
    let folder = args.dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()));
    let name = args.name.clone().or(folder).unwrap_or_else(|| "app".to_owned());
    let proposal = match propose(&name, &sources) {
        Ok(Some(proposal)) => proposal,
        Ok(None) => {
            let hint = "it looks for a Dockerfile, a Compose file, package.json, Procfile, pyproject.toml, requirements.txt, go.mod";
            return Err(CliError::new(Exit::NotFound, "no file here tells of a service").hint(hint));
        }
        Err((path, errors)) => {
            let text = sources.iter().find(|s| s.path == path).map(|s| s.text.clone()).unwrap_or_default();
            show(context, &path, &text, &errors)?;
            return Err(CliError::reported(Exit::Failed));
        }
    };
    let yaml = proposal.to_yaml();
    if context.output.structured() {
        let read: Vec<_> = sources.iter().map(|s| &s.path).collect();
        return context.output.answer(&json!({ "blueprint": yaml, "remarks": proposal.remarks, "files": read }));
    }
    context.output.data(yaml.as_bytes())?;
    context.output.say(&format!("{} services from {} files", proposal.blueprint.services.len(), sources.len()));
    Ok(())
}

/// The files that may tell something, in the order of their paths. Links are not followed.
fn sources(context: &Context, dir: &Path) -> Vec<Source> {
    let walk = WalkBuilder::new(dir)
        .hidden(true)
        .follow_links(false)
        .max_depth(Some(MAX_DEPTH + 1))
        .filter_entry(|entry| !is_passed(&entry.file_name().to_string_lossy()))
        .sort_by_file_path(Path::cmp)
        .build();
    let mut sources = Vec::new();
    for entry in walk.filter_map(Result::ok).take(ENTRIES_MAX) {
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if !is_file || !is_wanted(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if sources.len() >= MAX_FILES {
            context.output.warn(&format!("only the first {MAX_FILES} files are read"));
            break;
        }
        let path = entry.path().strip_prefix(dir).unwrap_or(entry.path()).to_string_lossy().into_owned();
        match read(entry.path()) {
            Some(text) => sources.push(Source { path, text }),
            None => context.output.warn(&format!("{path} is not read: too large, or no text")),
        }
    }
    sources
}

fn read(path: &Path) -> Option<String> {
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    File::open(path).ok()?.take(most + 1).read_to_string(&mut text).ok()?;
    (text.len() <= MAX_FILE_BYTES).then_some(text)
}
