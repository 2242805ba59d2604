//! `holdfast secrets copy|move|rename` and `holdfast folders copy|move`.

use clap::Args;
use serde_json::{Value, json};

use super::args::{FolderArg, body};
use super::client::Request;
use super::confirm::PlanArgs;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// How references and names that are there are treated.
#[derive(Debug, Clone, Copy, Args)]
pub struct HowArgs {
    /// Write references anew so that they mean what they meant
    #[arg(long)]
    rewrite_references: bool,
    /// Overwrite what is there already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    plan: PlanArgs,
}

/// Secrets and where they go.
#[derive(Debug, Args)]
pub struct SecretTransferArgs {
    /// Its name, or several
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Where they are.
    #[command(flatten)]
    folder: FolderArg,
    /// The name it gets, of one [default: the same]
    #[arg(long, value_name = "NAME")]
    to_name: Option<String>,
    /// Where it goes.
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// Where something goes.
#[derive(Debug, Args)]
pub struct ToArgs {
    /// The folder it goes to [default: the same]
    #[arg(long, value_name = "FOLDER")]
    to_path: Option<String>,
    /// The environment it goes to, as ENVIRONMENT or PROJECT/ENVIRONMENT [default: the same]
    #[arg(long, value_name = "ENVIRONMENT")]
    to_environment: Option<String>,
}

/// A folder and where it goes.
#[derive(Debug, Args)]
pub struct FolderTransferArgs {
    /// Its path, like /api
    path: String,
    /// Where it goes.
    #[command(flatten)]
    to: ToArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// A move that may leave broken references behind.
#[derive(Debug, Args)]
pub struct MoveArgs<T: Args> {
    /// What, and where to.
    #[command(flatten)]
    what: T,
    /// Even if references to it break
    #[arg(long)]
    force: bool,
}

/// A secret and its new name.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Its new name
    #[arg(value_name = "NEW_NAME")]
    new: String,
    /// Where it is.
    #[command(flatten)]
    folder: FolderArg,
    /// Even if references to it break
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    how: HowArgs,
}

const ITEMS: &[Column] = &[
    ("action", "/action"),
    ("from", "/from_name"),
    ("in", "/from_path"),
    ("to", "/name"),
    ("path", "/path"),
    ("version", "/version"),
];

const REFERENCES: &[Column] = &[
    ("environment", "/environment"),
    ("path", "/path"),
    ("name", "/name"),
    ("reference", "/reference"),
    ("becomes", "/becomes"),
];

/// `secrets copy`.
///
/// # Errors
/// What the server refuses.
pub fn secret_copy(context: &Context, args: &SecretTransferArgs) -> Result<(), CliError> {
    secret(context, args, "copy", false)
}

/// `secrets move`.
///
/// # Errors
/// What the server refuses.
pub fn secret_move(context: &Context, args: &MoveArgs<SecretTransferArgs>) -> Result<(), CliError> {
    secret(context, &args.what, "move", args.force)
}

/// `secrets rename`.
///
/// # Errors
/// What the server refuses.
pub fn rename(context: &Context, args: &RenameArgs) -> Result<(), CliError> {
    let to = json!({ "name": args.new });
    on_secret(context, (&args.name, &args.folder), "move", (to, args.how), args.force)
}

/// `folders copy`.
///
/// # Errors
/// What the server refuses.
pub fn folder_copy(context: &Context, args: &FolderTransferArgs) -> Result<(), CliError> {
    folder(context, args, "copy", false)
}

/// `folders move`.
///
/// # Errors
/// What the server refuses.
pub fn folder_move(context: &Context, args: &MoveArgs<FolderTransferArgs>) -> Result<(), CliError> {
    folder(context, &args.what, "move", args.force)
}

fn secret(context: &Context, args: &SecretTransferArgs, verb: &str, force: bool) -> Result<(), CliError> {
    let mut to = args.to.fields();
    if let Some(name) = &args.to_name {
        to["name"] = json!(name);
    }
    match (args.names.as_slice(), &args.to_name) {
        ([name], _) => on_secret(context, (name, &args.folder), verb, (to, args.how), force),
        (_, Some(_)) => Err(CliError::usage("--to-name is for one secret, not for several")),
        (names, None) => on_secrets(context, (names, &args.folder), verb, (&to, args.how), force),
    }
}

fn on_secrets(
    context: &Context,
    (names, folder): (&[String], &FolderArg),
    verb: &str,
    (to, how): (&Value, HowArgs),
    force: bool,
) -> Result<(), CliError> {
    let place = context.place(None)?;
    let path = context.path(folder.path.as_deref())?;
    let secrets: Vec<_> = names.iter().map(|name| json!({ "path": path, "name": name })).collect();
    send(context, how, |how| {
        let fields = json!({ "mode": verb, "secrets": secrets, "to": to });
        Request::post(&place.below(&["transfer"])).body(&how.fields(fields, force))
    })
}

fn on_secret(
    context: &Context,
    (name, folder): (&str, &FolderArg),
    verb: &str,
    (to, how): (Value, HowArgs),
    force: bool,
) -> Result<(), CliError> {
    let place = context.place(None)?;
    let path = context.path(folder.path.as_deref())?;
    send(context, how, |how| {
        let request = Request::post(&place.below(&["secrets", name, verb])).query("path", &path);
        request.body(&how.fields(json!({ "to": to }), force))
    })
}

fn folder(context: &Context, args: &FolderTransferArgs, verb: &str, force: bool) -> Result<(), CliError> {
    let place = context.place(None)?;
    send(context, args.how, |how| {
        let fields = how.fields(json!({ "path": args.path, "to": args.to.fields() }), force);
        Request::post(&place.below(&["folders", verb])).body(&fields)
    })
}

fn send(context: &Context, mut how: HowArgs, request: impl Fn(HowArgs) -> Request) -> Result<(), CliError> {
    let output = &context.output;
    if !how.plan.dry_run && !how.rewrite_references && context.input.interactive() {
        let plan = context.ask(&request(how).flag("dry_run", true))?;
        if followers(&plan) > 0 {
            output.show_plan(&plan);
            how.rewrite_references = context.input.yes("Write these references anew, so that they follow?")?;
        }
    }
    let answer = context.ask(&request(how).flag("dry_run", how.plan.dry_run))?;
    output.warnings(&answer);
    if output.structured() {
        return output.answer(&answer);
    }
    output.list(&answer, ITEMS)?;
    let references = answer["references"].as_array().map_or(0, Vec::len);
    if references > 0 {
        output.list(&json!({ "items": answer["references"] }), REFERENCES)?;
        if answer["references_rewritten"] != true {
            output.say("these references point at it; --rewrite-references makes them follow");
        }
    }
    if let Some(hidden) = answer["hidden_references"].as_u64().filter(|n| *n > 0) {
        output.warn(&format!("{hidden} more secrets that you may not see refer to it"));
    }
    Ok(())
}

/// How many references could be made to follow.
fn followers(plan: &Value) -> usize {
    let references = plan["references"].as_array().map_or(&[][..], Vec::as_slice);
    references.iter().filter(|reference| reference["becomes"].is_string()).count()
}

impl ToArgs {
    fn fields(&self) -> Value {
        let (project, environment) = match self.to_environment.as_deref() {
            Some(text) => match text.split_once('/') {
                Some((project, environment)) => (Some(project), Some(environment)),
                None => (None, Some(text)),
            },
            None => (None, None),
        };
        body(json!({ "project": project, "environment": environment, "path": self.to_path }))
    }
}

impl HowArgs {
    fn fields(self, mut fields: Value, force: bool) -> Value {
        fields["rewrite_references"] = json!(self.rewrite_references);
        fields["replace"] = json!(self.replace);
        fields["force"] = json!(force);
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_that_can_follow_are_offered() {
        let plan = json!({ "references": [{ "becomes": "${A}" }, { "becomes": null }] });
        assert_eq!((followers(&plan), followers(&json!({}))), (1, 0));
    }

    #[test]
    fn an_environment_may_be_named_with_its_project() {
        let to = |text: &str| ToArgs { to_path: None, to_environment: Some(text.to_owned()) }.fields();
        assert_eq!(to("qa"), json!({ "environment": "qa" }));
        assert_eq!(to("web/qa"), json!({ "project": "web", "environment": "qa" }));
        assert_eq!(ToArgs { to_path: Some("/x".into()), to_environment: None }.fields(), json!({ "path": "/x" }));
    }
}
