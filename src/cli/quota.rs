//! `holdfast quota`: what may run, how much of it is used, and what it costs.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// Show and set what an organization and its environments may run, and what it costs.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Show the limits and how much of them is used; with --environment, of that environment
    #[command(after_help = SHOW_HELP)]
    Show,
    /// Set limits; with --environment, of that environment in place of the organization's default
    #[command(after_help = SET_HELP)]
    Set(SetArgs),
    /// Show or set what running costs, by the core and GiB
    #[command(after_help = PRICES_HELP)]
    Prices(PricesArgs),
}

const SHOW_HELP: &str = "\
What counts is what is wished for, at its limits. What was stopped keeps its storage and its hosts.

Examples:
  holdfast quota show
  holdfast quota show -p shop -e staging --json | jq .demand.total";

const SET_HELP: &str = "\
An amount is written as in a blueprint: 500m or 4, 8Gi, 20; none takes a limit away, and for one
environment default goes back to the organization's. What is not named stays. A limit below what
runs ends nothing: nothing is added to it.

Examples:
  holdfast quota set --cpu 16 --memory 64Gi --environments 20
  holdfast quota set --each-cpu 4 --each-memory 8Gi --dry-run
  holdfast quota set -p shop -e staging --cpu 8 --memory none";

const PRICES_HELP: &str = "\
A price is a number like 0.025. The cost is that of an hour and of thirty days, of what is kept
free for what runs and of what it may use at most.

Examples:
  holdfast quota prices --currency EUR --cpu 0.03 --memory 0.004 --storage 0.1
  holdfast quota prices --none";

/// Limits.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct SetArgs {
    /// Processor time: 500m, 4
    #[arg(long, value_name = "AMOUNT")]
    cpu: Option<String>,
    /// Memory: 8Gi
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<String>,
    /// Storage that stays: 100Gi
    #[arg(long, value_name = "AMOUNT")]
    storage: Option<String>,
    /// Environments that run
    #[arg(long, value_name = "N")]
    environments: Option<String>,
    /// Hosts that are reached from outside
    #[arg(long, value_name = "N")]
    hosts: Option<String>,
    /// Processor time of each environment that has no limit of its own
    #[arg(long, value_name = "AMOUNT")]
    each_cpu: Option<String>,
    /// Memory of each environment
    #[arg(long, value_name = "AMOUNT")]
    each_memory: Option<String>,
    /// Storage of each environment
    #[arg(long, value_name = "AMOUNT")]
    each_storage: Option<String>,
    /// Hosts of each environment
    #[arg(long, value_name = "N")]
    each_hosts: Option<String>,
    /// Only show how it would be
    #[arg(long)]
    dry_run: bool,
}

impl SetArgs {
    /// What is named of the whole, or of one environment.
    fn named(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("cpu", self.cpu.as_deref()),
            ("memory", self.memory.as_deref()),
            ("storage", self.storage.as_deref()),
            ("environments", self.environments.as_deref()),
            ("hosts", self.hosts.as_deref()),
        ]
    }

    /// What is named of each environment.
    fn each(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("cpu", self.each_cpu.as_deref()),
            ("memory", self.each_memory.as_deref()),
            ("storage", self.each_storage.as_deref()),
            ("hosts", self.each_hosts.as_deref()),
        ]
    }
}

/// Prices.
#[derive(Debug, Args)]
pub struct PricesArgs {
    /// The currency, by its three letters
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// One core for one hour
    #[arg(long, value_name = "PRICE")]
    cpu: Option<String>,
    /// One GiB of memory for one hour
    #[arg(long, value_name = "PRICE")]
    memory: Option<String>,
    /// One GiB of storage for thirty days
    #[arg(long, value_name = "PRICE")]
    storage: Option<String>,
    /// Take the prices away: no cost is shown
    #[arg(long, conflicts_with_all = ["currency", "cpu", "memory", "storage"])]
    none: bool,
}

const USAGE: &[Column] = &[("what", "/what"), ("used", "/used"), ("most", "/most"), ("", "/note")];

const SERVICES: &[Column] = &[
    ("service", "/service"),
    ("pods", "/pods"),
    ("cpu", "/cpu"),
    ("memory", "/memory"),
    ("storage", "/storage"),
    ("hosts", "/hosts"),
];

const PRICES: &[Column] = &[
    ("currency", "/prices/currency"),
    ("core, an hour", "/prices/cpu_core_hour"),
    ("GiB memory, an hour", "/prices/memory_gib_hour"),
    ("GiB storage, 30 days", "/prices/storage_gib_month"),
    ("cost an hour", "/cost/hour"),
    ("cost of 30 days", "/cost/month"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: QuotaCommand) -> Result<(), CliError> {
    // Only what is said here: a directory that is bound to an environment does not change what a quota is of.
    let is_of_environment = context.flags.environment.is_some();
    match command {
        QuotaCommand::Show if is_of_environment => {
            let place = context.place(None)?;
            let answer = context.ask(&Request::get(&place.below(&["quota"])))?;
            write(context, &answer)
        }
        QuotaCommand::Show => write(context, &context.ask(&Request::get(&["quota"]))?),
        QuotaCommand::Set(args) if is_of_environment => set_own(context, &args),
        QuotaCommand::Set(args) => set(context, &args),
        QuotaCommand::Prices(args) => prices(context, &args),
    }
}

/// Puts what was named over what is there.
fn merge(fields: &mut Value, named: &[(&'static str, Option<&str>)], gone: &str) {
    if !fields.is_object() {
        *fields = Value::Object(Map::new());
    }
    for (field, text) in named {
        if let Some(text) = text {
            fields[*field] = if *text == gone { Value::Null } else { json!(text) };
        }
    }
}

fn set(context: &Context, args: &SetArgs) -> Result<(), CliError> {
    let mut quota = context.ask(&Request::get(&["quota"]))?["quota"].take();
    merge(&mut quota, &args.named(), "none");
    merge(&mut quota["each"], &args.each(), "none");
    let request = Request::put(&["quota"]).body(&quota).flag("dry_run", args.dry_run);
    write(context, &context.ask(&request)?)
}

fn set_own(context: &Context, args: &SetArgs) -> Result<(), CliError> {
    if args.environments.is_some() || args.each().iter().any(|(_, text)| text.is_some()) {
        return Err(CliError::usage("one environment has no limit of environments, and no default for each")
            .hint("leave --environment out to set those of the organization"));
    }
    let place = context.place(None)?;
    let path = place.below(&["quota"]);
    let mut own = context.ask(&Request::get(&path))?["own"].take();
    merge(&mut own, &args.named(), "default");
    let request = Request::put(&path).body(&own).flag("dry_run", args.dry_run);
    write(context, &context.ask(&request)?)
}

/// Writes limits, and what uses them.
fn write(context: &Context, answer: &Value) -> Result<(), CliError> {
    let output = &context.output;
    if output.structured() {
        return output.answer(answer);
    }
    if answer["dry_run"] == true {
        output.say("nothing is changed; it would be:");
    }
    let mut usage = answer["usage"].as_array().cloned().unwrap_or_default();
    for row in &mut usage {
        if row["most"].is_null() {
            row["most"] = json!("no limit");
        }
        row["note"] = json!(if row["over"] == true { "over: nothing is added" } else { "" });
    }
    output.list(&json!({ "items": usage }), USAGE)?;
    let each = answer["quota"]["each"].as_object().into_iter().flatten();
    let each: Vec<_> = each.filter_map(|(what, most)| Some(format!("{what} {}", most.as_str()?))).collect();
    if !each.is_empty() {
        output.say(&format!("each environment that has no limit of its own: {}", each.join(", ")));
    }
    services(context, &answer["demand"])?;
    cost(context, &answer["cost"]);
    Ok(())
}

/// Writes what each service asks for: what is kept free for it, and what it may use.
fn services(context: &Context, demand: &Value) -> Result<(), CliError> {
    let output = &context.output;
    let mut rows = demand["services"].as_array().cloned().unwrap_or_default();
    if rows.is_empty() {
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for row in &mut rows {
        for what in ["cpu", "memory"] {
            let (requests, limits) = (text(&row[format!("{what}_requests")]), text(&row[format!("{what}_limits")]));
            row[what] = json!(format!("{requests} to {limits}"));
        }
    }
    if output.is_terminal() {
        output.line("")?;
    }
    output.list(&json!({ "items": rows }), SERVICES)
}

fn cost(context: &Context, cost: &Value) {
    let text = |at: &str| cost.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    if cost.is_object() {
        let (least, most) = (text("/requests/month"), text("/limits/month"));
        context.output.say(&format!("thirty days cost {least} to {most} {}", text("/currency")));
    }
}

fn prices(context: &Context, args: &PricesArgs) -> Result<(), CliError> {
    let named = [
        ("currency", args.currency.as_deref()),
        ("cpu_core_hour", args.cpu.as_deref()),
        ("memory_gib_hour", args.memory.as_deref()),
        ("storage_gib_month", args.storage.as_deref()),
    ];
    let there = || context.ask(&Request::get(&["prices"]));
    let mut answer = if args.none {
        context.ask(&Request::put(&["prices"]).body(&json!({ "prices": null })))?
    } else if named.iter().any(|(_, text)| text.is_some()) {
        let mut prices = there()?["prices"].take();
        merge(&mut prices, &named, "");
        for (field, _) in &named[1..] {
            if prices[*field].is_null() {
                prices[*field] = json!("0");
            }
        }
        if prices["currency"].is_null() {
            return Err(CliError::usage("no currency is named").hint("--currency EUR"));
        }
        context.ask(&Request::put(&["prices"]).body(&json!({ "prices": prices })))?
    } else {
        there()?
    };
    let output = &context.output;
    if output.structured() {
        return output.answer(&answer);
    }
    if answer["prices"].is_null() {
        output.say("there are no prices; set them with: holdfast quota prices --currency EUR --cpu 0.03");
        return Ok(());
    }
    for time in ["hour", "month"] {
        let text = |at: String| answer.pointer(&at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (least, most) = (text(format!("/cost/requests/{time}")), text(format!("/cost/limits/{time}")));
        answer["cost"][time] = json!(format!("{least} to {most}"));
    }
    output.item(&answer, PRICES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_a_word_takes_a_limit_away() {
        let mut quota = json!({ "cpu": "4", "memory": "8Gi", "each": { "cpu": "1" } });
        merge(&mut quota, &[("cpu", Some("none")), ("storage", Some("1Gi")), ("memory", None)], "none");
        assert_eq!(quota, json!({ "cpu": null, "memory": "8Gi", "storage": "1Gi", "each": { "cpu": "1" } }));
        let mut own = Value::Null;
        merge(&mut own, &[("cpu", Some("none"))], "default");
        assert_eq!(own, json!({ "cpu": "none" }), "of an environment that is a limit, too");
        merge(&mut own, &[("cpu", Some("default"))], "default");
        assert_eq!(own, json!({ "cpu": null }));
    }
}
