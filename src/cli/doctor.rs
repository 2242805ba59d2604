//! `holdfast doctor`.

use clap::Args;
use serde_json::Value;

use super::client::Request;
use super::context::Context;
use super::error::{CliError, Exit};
use super::offline::{self, DataDirArgs};

/// Where to look.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    place: DataDirArgs,
    /// Ask the running server in place of looking at the data here
    #[arg(long, conflicts_with_all = ["data_dir", "config", "root_key_file"])]
    server: bool,
}

/// Runs the command. The report is `{ok, checks: [{name, ok, detail, fix}]}`.
///
/// # Errors
/// A problem was found (exit code 1), or the machine cannot be looked at.
pub fn run(context: &Context, args: DoctorArgs) -> Result<(), CliError> {
    let report = if args.server {
        context.ask(&Request::post(&["instance", "health", "check"]))?
    } else {
        offline::doctor(&args.place.into())?
    };
    let output = &context.output;
    if output.structured() {
        output.answer(&report)?;
    } else {
        output.data(lines(&report).as_bytes())?;
    }
    match report.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => Err(CliError::reported(Exit::Failed)),
    }
}

fn lines(report: &Value) -> String {
    let checks = report.get("checks").and_then(Value::as_array).into_iter().flatten();
    let lines = checks.map(|check| {
        let field = |key: &str| check.get(key).and_then(Value::as_str).unwrap_or("");
        let ok = check.get("ok").and_then(Value::as_bool) == Some(true);
        let mark = if ok { "ok     " } else { "problem" };
        let fix =
            if ok || field("fix").is_empty() { String::new() } else { format!("         fix: {}\n", field("fix")) };
        format!("{mark}  {}: {}\n{fix}", field("name"), field("detail"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_problem_comes_with_its_fix() {
        let report = json!({"ok": false, "checks": [
            {"name": "disk", "ok": true, "detail": "12 GiB free", "fix": null},
            {"name": "key", "ok": false, "detail": "others can read it", "fix": "chmod 600 root.key"},
        ]});
        let expected =
            "ok       disk: 12 GiB free\nproblem  key: others can read it\n         fix: chmod 600 root.key\n";
        assert_eq!(lines(&report), expected);
    }
}
