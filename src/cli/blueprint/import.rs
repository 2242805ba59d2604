//! `holdfast blueprint import`.

use std::path::Path;

use super::ImportArgs;
use super::check::{show, shown};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::runtime::blueprint::compose;
use serde_json::json;

/// Writes the blueprint to stdout and what is not in it to stderr.
pub(super) fn run(context: &Context, args: &ImportArgs) -> Result<(), CliError> {
    let text = context.input.document(&args.file)?;
    let file = shown(&args.file);
    let name = args.name.clone().unwrap_or_else(|| folder_of(&args.file));
    let imported = match compose::import(&text, &name) {
        Ok(imported) => imported,
        Err(errors) => {
            show(context, &file, &text, &errors)?;
            return Err(CliError::reported(Exit::Failed));
        }
    };
    let yaml = imported.to_yaml(&file);
    if context.output.structured() {
        let remarks: Vec<_> = imported.remarks.iter().map(|r| json!({ "line": r.line, "text": r.text })).collect();
        return context.output.answer(&json!({ "blueprint": yaml, "remarks": remarks }));
    }
    for remark in &imported.remarks {
        context.output.say(&context.output.cell(&format!("{file}:{}: {}", remark.line, remark.text)));
    }
    context.output.data(yaml.as_bytes())
}

/// The name of the folder a file is in.
pub(super) fn folder_of(file: &Path) -> String {
    let folder =
        file.canonicalize().ok().and_then(|file| Some(file.parent()?.file_name()?.to_string_lossy().into_owned()));
    folder.unwrap_or_else(|| "app".to_owned())
}
