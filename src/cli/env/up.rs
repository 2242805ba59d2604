//! `holdfast env up`.

use serde_json::{Value, json};

use super::wait::{self, Goal};
use super::{OnFailure, UpArgs, plan};
use crate::cli::args::body;
use crate::cli::blueprint::require_valid;
use crate::cli::client::Request;
use crate::cli::context::{Context, Place};
use crate::cli::error::CliError;

/// Stores the blueprint when one is given, deploys the newest, and waits.
///
/// # Errors
/// A blueprint that is none; what the server refuses; it did not become ready.
pub(super) fn run(context: &Context, args: &UpArgs) -> Result<(), CliError> {
    let place = context.place(None)?;
    let mut draft = None;
    if let Some(file) = &args.file {
        let text = context.input.document(file)?;
        require_valid(context, file, &text)?;
        if args.plan {
            draft = Some(text);
        } else {
            store(context, &place, &text)?;
        }
    }
    let on_failure = args.on_failure.map(|what| match what {
        OnFailure::Rollback => "rollback",
        OnFailure::Stay => "stay",
    });
    let fields = json!({ "cluster": args.cluster, "plan": args.plan_size, "on_failure": on_failure, "text": draft });
    if args.plan {
        let request = Request::post(&place.below(&["runtime", "plan"])).body(&body(fields));
        return plan::write(context, &place, &context.ask(&request)?);
    }
    let request = Request::post(&place.below(&["runtime", "deploy"])).body(&body(fields));
    let begun = context.ask(&request)?;
    let is_unchanged = begun["unchanged"] == true;
    let revision = begun["revision"].as_u64().unwrap_or_default();
    let of = format!("{}/{}", place.project, place.environment);
    context.output.say(&if is_unchanged {
        format!("nothing differs from revision {revision} of {of}")
    } else {
        let cluster = begun["cluster"]["name"].as_str().unwrap_or("its cluster");
        format!("revision {revision} of {of} on {}", context.output.cell(cluster))
    });
    if is_unchanged && begun["state"] == "ready" && !args.wait.is_wanted(context) {
        return wait::began(context, &begun);
    }
    wait::after(context, &place, &args.wait, &begun, Goal::Ready)
}

fn store(context: &Context, place: &Place, text: &str) -> Result<(), CliError> {
    let stored: Value = context.ask(&Request::put(&place.below(&["blueprint"])).body(&json!({ "text": text })))?;
    if let Some(version) = stored["version"].as_u64() {
        context.output.say(&format!("blueprint version {version}"));
    }
    context.output.warnings(&stored);
    Ok(())
}
