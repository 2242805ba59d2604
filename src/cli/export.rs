//! `holdfast export`: the resolved variables, in a format other programs read. The server writes the format, so
//! that what one door writes every door can import.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::args::FolderArg;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Format;
use crate::config::write_private_file;

/// A format of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// NAME="value" lines
    Dotenv,
    /// One JSON object of names and values
    Json,
    /// One YAML mapping of names and values
    Yaml,
    /// export NAME='value' lines for a POSIX shell
    Shell,
    /// NAME=value lines for docker run --env-file
    Docker,
}

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// How to write it [default: dotenv, or what --json or -o say]
    #[arg(long, value_enum)]
    format: Option<ExportFormat>,
    /// Write into this file, readable by you only, in place of stdout
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Leave out restricted values in place of failing
    #[arg(long)]
    omit_withheld: bool,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; a value the format cannot hold.
pub fn run(context: &Context, args: &ExportArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let format = args.format.unwrap_or_else(|| default_format(context));
    let request = Request::get(&place.below(&["variables"]))
        .query("path", context.path(args.folder.path.as_deref())?)
        .query_opt("format", format.to_possible_value().map(|v| v.get_name().to_owned()))
        .query_opt("withheld", args.omit_withheld.then_some("omit"));
    let answer = context.client()?.send(&request)?;
    let text = match format {
        ExportFormat::Json => flat(&answer.json()?)?.into_bytes(),
        _ => answer.bytes().to_vec(),
    };
    match &args.file {
        Some(file) => {
            write_private_file(file, &text)?;
            context.output.say(&format!("wrote {}", file.display()));
            Ok(())
        }
        None => context.output.data(&text),
    }
}

fn default_format(context: &Context) -> ExportFormat {
    match (context.flags.json, context.flags.output) {
        (true, _) | (_, Some(Format::Json)) => ExportFormat::Json,
        (_, Some(Format::Yaml)) => ExportFormat::Yaml,
        _ => ExportFormat::Dotenv,
    }
}

/// The variables alone, as one object: what `import` and other programs read.
fn flat(answer: &Value) -> Result<String, CliError> {
    if let Some((name, _)) = answer.get("encodings").and_then(Value::as_object).and_then(|e| e.iter().next()) {
        return Err(CliError::failed(format!("{name} is not UTF-8: JSON cannot hold it"))
            .hint(format!("holdfast secrets get {name} > FILE writes it alone")));
    }
    let variables = answer.get("variables").unwrap_or(&Value::Null);
    let text = serde_json::to_string_pretty(variables);
    Ok(text.map_err(|e| CliError::failed(format!("cannot write JSON: {e}")))? + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_a_flat_object() {
        let text = flat(&json!({"variables": {"A": "1\n"}, "encodings": {}, "withheld": []})).unwrap();
        assert_eq!(text, "{\n  \"A\": \"1\\n\"\n}\n");
    }

    #[test]
    fn bytes_that_json_cannot_hold_are_named() {
        let answer = json!({"variables": {"A": "/w=="}, "encodings": {"A": "base64"}});
        assert!(flat(&answer).unwrap_err().to_string().starts_with("A is not UTF-8"));
    }
}
