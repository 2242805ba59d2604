//! The way every importer goes: map the names, compare with what is there, show the plan, write in batches.
//!
//! Nothing is kept here between two runs: how far an import came is read from the comments of what it wrote. So it
//! goes on after a kill, on another machine and after a year, and adds nothing twice.

use std::collections::HashMap;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::args::{FolderArg, body};
use crate::cli::client::{Client, Request};
use crate::cli::context::{Context, Place};
use crate::cli::error::CliError;
use crate::cli::output::Column;
use crate::types::Failure as _;
use crate::vault::importers::{
    Action, Found, ImportError, MAX_NAMES, MapRules, MappedVersion, Plan, PlannedName, RemarkKind, Step, There, map,
};
use crate::vault::model::{FolderPath, SecretName};

/// Bytes of one batch, as JSON: a quarter of what the server takes.
const BATCH_BYTES: usize = 8 << 20;
/// Remarks that are shown to a person; all are in the answer with --json.
const REMARKS_SHOWN: usize = 200;

const COLUMNS: &[Column] =
    &[("action", "/action"), ("name", "/name"), ("path", "/path"), ("versions", "/versions"), ("from", "/place")];

/// How to import, whatever the source.
#[derive(Debug, Clone, Args)]
pub struct TransferArgs {
    /// Where it goes.
    #[command(flatten)]
    folder: FolderArg,
    /// Take ${NAME} in the values for references; without it they are text
    #[arg(long)]
    interpolate: bool,
    /// Show what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Secrets of one write; each is whole or not there
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
}

/// Where an import goes: found before the source is asked, so that what is wrong here is said first.
pub struct Target<'a> {
    context: &'a Context,
    args: &'a TransferArgs,
    client: Client,
    place: Place,
    rules: MapRules,
}

/// What is done with the answer to a batch.
type Each<'a> = dyn FnMut(&[Step], Value) -> Result<(), CliError> + 'a;

/// What was done, or would be.
#[derive(Default)]
struct Done {
    /// Of each name: the versions written, and whether anything differed.
    versions: Vec<(usize, bool)>,
    warnings: Vec<Value>,
}

impl<'a> Target<'a> {
    /// Finds the environment and what names it allows.
    ///
    /// # Errors
    /// Not logged in; no environment named, or none that is visible; the folder is none.
    pub fn find(context: &'a Context, args: &'a TransferArgs) -> Result<Self, CliError> {
        let place = context.place(None)?;
        let folder = context.path(args.folder.path.as_deref())?;
        let folder = FolderPath::parse(&folder).map_err(|e| CliError::usage(e.to_string()))?;
        let client = context.client()?;
        let environment = client.json(&Request::get(&place.below(&[])))?;
        let any_names = environment.get("any_names").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { context, args, client, place, rules: MapRules { folder, any_names, interpolate: args.interpolate } })
    }

    /// Imports what was found in `source`.
    ///
    /// # Errors
    /// More than one import takes; not confirmed; what the server refuses.
    pub fn take(&self, source: &'static str, found: Found) -> Result<(), CliError> {
        let mapped = map(found, &self.rules)?;
        let mut plan = Plan::new(mapped, &self.there()?);
        if plan.names.is_empty() {
            self.remarks(&plan);
            return Err(CliError::failed(format!("{source}: nothing there can be imported")));
        }
        let done = if self.args.dry_run {
            self.rehearse(&plan)?
        } else {
            self.confirm(&plan)?;
            self.write(&mut plan)?
        };
        self.show(source, &plan, &done)
    }

    /// What the environment stores beneath the folder.
    fn there(&self) -> Result<HashMap<(FolderPath, SecretName), There>, CliError> {
        let segments = self.place.below(&["secrets"]);
        let request =
            || Request::get(&segments).query("path", self.rules.folder.as_str()).flag("recursive", true).patient();
        let listed = self.client.list(request, 2 * MAX_NAMES)?;
        let mut there = HashMap::new();
        for item in listed.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let version = item.get("version").and_then(Value::as_u64).and_then(|v| u32::try_from(v).ok());
            let (Ok(path), Ok(name)) = (FolderPath::parse(text("/path")), SecretName::parse_any(text("/name"))) else {
                continue;
            };
            if let (Some(version), "own" | "overrides") = (version, text("/origin/kind")) {
                there.insert((path, name), There { version, comment: text("/comment").to_owned() });
            }
        }
        Ok(there)
    }

    fn confirm(&self, plan: &Plan) -> Result<(), CliError> {
        let steps = plan.steps();
        if self.args.yes || steps == 0 {
            return Ok(());
        }
        if !self.context.input.interactive() {
            return Err(CliError::usage("nobody can be asked whether the plan is right")
                .hint("--dry-run shows the plan; --yes does it"));
        }
        self.context.output.show_plan(&json!({ "plan": counts(plan) }));
        self.remarks(plan);
        let into = format!("{}/{}:{}", self.place.project, self.place.environment, self.rules.folder);
        if self.context.input.yes(&format!("Write {steps} versions to {into}?"))? {
            return Ok(());
        }
        Err(CliError::failed("nothing was imported"))
    }

    /// Asks the server what the newest version of each name would do. Older ones are not sent.
    fn rehearse(&self, plan: &Plan) -> Result<Done, CliError> {
        let last =
            |(name, n): (usize, &PlannedName)| n.left().len().checked_sub(1).map(|version| Step { name, version });
        let steps: Vec<_> = plan.names.iter().enumerate().filter_map(last).collect();
        let mut done = Done { versions: vec![(0, false); plan.names.len()], ..Done::default() };
        let progress = self.context.output.progress("checking", u64::try_from(steps.len()).ok());
        self.in_batches(plan, &steps, true, &mut |batch, answer| {
            for (step, item) in batch.iter().zip(items_of(&answer)) {
                done.versions[step.name] = (plan.names[step.name].left().len(), changes(item));
            }
            done.warnings.extend(warnings_of(answer));
            progress.advance(u64::try_from(batch.len()).unwrap_or(0));
            Ok(())
        })?;
        Ok(done)
    }

    /// Writes all that is left, round by round.
    fn write(&self, plan: &mut Plan) -> Result<Done, CliError> {
        let steps = plan.steps();
        let mut done = Done { versions: vec![(0, false); plan.names.len()], ..Done::default() };
        let progress = self.context.output.progress("importing", u64::try_from(steps).ok());
        let mut written = 0;
        for round in plan.rounds().collect::<Vec<_>>() {
            let mut versions = Vec::with_capacity(round.len());
            let outcome = self.in_batches(plan, &round, false, &mut |batch, answer| {
                for (step, item) in batch.iter().zip(items_of(&answer)) {
                    let seen = &mut done.versions[step.name];
                    *seen = (seen.0 + 1, seen.1 || changes(item));
                    let version = item.get("version").and_then(Value::as_u64).and_then(|v| u32::try_from(v).ok());
                    versions.push((step.name, version.unwrap_or(0)));
                }
                done.warnings.extend(warnings_of(answer));
                written += batch.len();
                progress.advance(u64::try_from(batch.len()).unwrap_or(0));
                Ok(())
            });
            if outcome.is_err() && written > 0 {
                let so_far = format!("{written} of {steps} versions are written; the same command goes on from there");
                self.context.output.warn(&so_far);
            }
            outcome?;
            for (name, version) in versions {
                plan.names[name].base_version = version;
            }
        }
        Ok(done)
    }

    /// Sends steps of different names, as many at a time as one batch may hold.
    fn in_batches(&self, plan: &Plan, steps: &[Step], dry_run: bool, each: &mut Each<'_>) -> Result<(), CliError> {
        let segments = self.place.below(&["secrets", "batch"]);
        let mut begun = 0;
        let (mut items, mut bytes) = (Vec::new(), 0);
        for (at, step) in steps.iter().enumerate() {
            let name = &plan.names[step.name];
            let item = Self::item(name, &name.left()[step.version]);
            bytes += item.to_string().len();
            items.push(item);
            let full = items.len() >= usize::from(self.args.batch) || bytes >= BATCH_BYTES;
            if full || at + 1 == steps.len() {
                let fields = json!({ "items": std::mem::take(&mut items), "dry_run": dry_run });
                let answer = self.client.json(&Request::post(&segments).body(&fields).patient())?;
                each(&steps[begun..=at], answer)?;
                (begun, bytes) = (at + 1, 0);
            }
        }
        Ok(())
    }

    fn item(name: &PlannedName, version: &MappedVersion) -> Value {
        let bytes = version.value.expose();
        let text = std::str::from_utf8(bytes);
        let encoded = || data_encoding::BASE64.encode(bytes);
        body(json!({
            "name": name.mapped.name,
            "path": name.mapped.path,
            "value": text.map_or_else(|_| encoded(), str::to_owned),
            "encoding": text.is_err().then_some("base64"),
            "interpolate": version.interpolate,
            "comment": version.comment,
            "tags": name.mapped.tags,
            "base_version": name.base_version,
        }))
    }

    /// Names what is not imported, or not as it was.
    fn remarks(&self, plan: &Plan) {
        for remark in plan.remarks.iter().take(REMARKS_SHOWN) {
            let what = match remark.kind {
                RemarkKind::Skipped => "not imported",
                RemarkKind::Changed => "imported otherwise",
            };
            self.context.output.warn(&format!("{what}: {}: {}", remark.place, remark.detail));
        }
        if plan.remarks.len() > REMARKS_SHOWN {
            let more = plan.remarks.len() - REMARKS_SHOWN;
            self.context.output.warn(&format!("and {more} more; --dry-run --json names them all"));
        }
    }

    fn show(&self, source: &'static str, plan: &Plan, done: &Done) -> Result<(), CliError> {
        let output = &self.context.output;
        let items: Vec<_> = plan.names.iter().zip(&done.versions).map(|(n, seen)| shown(n, *seen)).collect();
        let same = items.iter().filter(|i| i["action"] == "same").count();
        let mut counts = counts(plan);
        counts["same"] = json!(same);
        counts["change"] = json!(plan.count(Action::Change) - same);
        counts["versions"] = json!(done.versions.iter().filter(|(_, changed)| *changed).map(|(n, _)| n).sum::<usize>());
        let answer = json!({
            "source": source,
            "dry_run": self.args.dry_run,
            "applied": !self.args.dry_run,
            "counts": counts,
            "items": items,
            "remarks": plan.remarks,
            "warnings": done.warnings,
        });
        output.warnings(&answer);
        if output.structured() {
            return output.answer(&answer);
        }
        if !self.args.yes || self.args.dry_run {
            self.remarks(plan);
        }
        output.list(&answer, COLUMNS)?;
        output.say(&summary(&answer));
        if !self.args.dry_run {
            output.next("holdfast secrets list --recursive");
        }
        Ok(())
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        Self::failed(error.to_string()).hint(error.hint())
    }
}

/// How many names of each action there are, and what else the plan amounts to.
fn counts(plan: &Plan) -> Value {
    let remarks = |kind: RemarkKind| plan.remarks.iter().filter(|r| r.kind == kind).count();
    json!({
        "add": plan.count(Action::Add),
        "change": plan.count(Action::Change),
        "continue": plan.count(Action::Continue),
        "done": plan.count(Action::Done),
        "versions": plan.steps(),
        "skipped": remarks(RemarkKind::Skipped),
        "changed_on_the_way": remarks(RemarkKind::Changed),
    })
}

fn items_of(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn warnings_of(mut answer: Value) -> Vec<Value> {
    match answer.get_mut("warnings").map(Value::take) {
        Some(Value::Array(warnings)) => warnings,
        _ => Vec::new(),
    }
}

fn changes(item: &Value) -> bool {
    item.get("action").and_then(Value::as_str) != Some("same")
}

/// One line of the answer.
fn shown(name: &PlannedName, (versions, changed): (usize, bool)) -> Value {
    let action = match name.action {
        Action::Change if !changed => json!("same"),
        action => json!(action),
    };
    let versions = if changed { versions } else { 0 };
    let mapped = &name.mapped;
    json!({
        "place": mapped.place, "path": mapped.path, "name": mapped.name, "action": action, "versions": versions,
    })
}

fn summary(answer: &Value) -> String {
    let count = |what: &str| answer.pointer(&format!("/counts/{what}")).and_then(Value::as_u64).unwrap_or(0);
    let would = if answer.get("dry_run").and_then(Value::as_bool) == Some(true) { "would be " } else { "" };
    let (added, changed, went_on) = (count("add"), count("change"), count("continue"));
    let (same, skipped) = (count("same") + count("done"), count("skipped"));
    format!("{would}{added} added, {changed} changed, {went_on} continued; {same} as they were, {skipped} not imported")
}
