//! `holdfast jobs`: what the server does on a schedule.

use clap::Subcommand;

use super::args::LimitArg;
use super::client::Request;
use super::context::Context;
use super::error::CliError;
use super::output::Column;

/// List and run the server's scheduled jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, their schedules and their last runs
    #[command(visible_alias = "ls")]
    List(LimitArg),
    /// Run a job now
    Run {
        /// Its name
        name: String,
    },
    /// List a job's runs
    History {
        /// Its name
        name: String,
        /// How many.
        #[command(flatten)]
        limit: LimitArg,
    },
}

const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("schedule", "/schedule"),
    ("next run", "/next_run_at"),
    ("last run", "/last_run/finished_at"),
    ("outcome", "/last_run/outcome"),
    ("done", "/last_run/progress/done"),
    ("of", "/last_run/progress/total"),
    ("detail", "/last_run/detail"),
];

const RUNS: &[Column] = &[
    ("started", "/started_at"),
    ("finished", "/finished_at"),
    ("outcome", "/outcome"),
    ("done", "/progress/done"),
    ("of", "/progress/total"),
    ("detail", "/detail"),
];

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub fn run(context: &Context, command: JobsCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        JobsCommand::List(limit) => output.list(&context.ask_list(|| Request::get(&["jobs"]), limit.items())?, COLUMNS),
        JobsCommand::Run { name } => output.answer(&context.ask(&Request::post(&["jobs", &name, "run"]))?),
        JobsCommand::History { name, limit } => {
            output.list(&context.ask_list(|| Request::get(&["jobs", &name, "history"]), limit.items())?, RUNS)
        }
    }
}
