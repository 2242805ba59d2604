//! `holdfast export`: the resolved variables, in a format other programs read. The server writes the format, so
//! that what one door writes every door can import.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::args::{AtArg, FolderArg};
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::format::ExportFormat;
use super::output;
use crate::config::write_private_file;
use crate::vault::format::Format;

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
    /// Put restricted values into a kubernetes-configmap, where many can read them
    #[arg(long)]
    include_restricted: bool,
    /// The name of the Kubernetes object [default: PROJECT-ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// When.
    #[command(flatten)]
    at: AtArg,
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
    let format = args.format.map_or_else(|| default_format(context), |ExportFormat(format)| format);
    let request = Request::get(&place.below(&["variables"]))
        .query("path", context.path(args.folder.path.as_deref())?)
        .query("format", format.as_str())
        .query_opt("name", args.name.as_deref())
        .query_opt("restricted", args.include_restricted.then_some("include"))
        .query_opt("withheld", args.omit_withheld.then_some("omit"))
        .query_opt("at", args.at.at.as_deref());
    let answer = context.client()?.send(&request)?;
    let text = match format {
        Format::Json => flat(&answer.json()?)?.into_bytes(),
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

fn default_format(context: &Context) -> Format {
    match (context.flags.json, context.flags.output) {
        (true, _) | (_, Some(output::Format::Json)) => Format::Json,
        (_, Some(output::Format::Yaml)) => Format::Yaml,
        _ => Format::Dotenv,
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
