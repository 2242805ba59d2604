//! Severe acts: the plan first, then the name typed by a person, or `--confirm NAME` by a script.

use clap::Args;
use serde_json::Value;

use super::client::Request;
use super::context::Context;
use super::error::CliError;

/// Flags of a severe act.
#[derive(Debug, Clone, Default, Args)]
pub struct SevereArgs {
    /// Show what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking; NAME must be the name of what is acted on
    #[arg(long, value_name = "NAME", conflicts_with = "dry_run")]
    pub confirm: Option<String>,
}

/// Flags of an act that can be planned and undone.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PlanArgs {
    /// Show what would happen and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What the flags and the surroundings lead to.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Plan,
    Act,
    Ask,
}

fn decide(args: &SevereArgs, act: &str, name: &str, interactive: bool) -> Result<Decision, CliError> {
    match &args.confirm {
        _ if args.dry_run => Ok(Decision::Plan),
        Some(typed) if typed == name => Ok(Decision::Act),
        Some(typed) => Err(CliError::usage(format!("--confirm {typed} is not {name}, whose name it must be"))),
        None if interactive => Ok(Decision::Ask),
        None => Err(CliError::usage(format!("this would {act} {name}, and nobody can be asked"))
            .hint(format!("--dry-run shows what would happen; --confirm {name} does it"))),
    }
}

/// Does a severe act, like `delete the project`, on what is called `name`; `request` makes its request.
/// Answers `None` when only the plan was asked for: it is printed.
///
/// # Errors
/// Not confirmed, or refused by the server.
pub fn severe(
    context: &Context,
    args: &SevereArgs,
    act: &str,
    name: &str,
    request: impl Fn() -> Request,
) -> Result<Option<Value>, CliError> {
    let plan = || context.ask(&request().flag("dry_run", true));
    match decide(args, act, name, context.input.interactive())? {
        Decision::Plan => {
            context.output.answer(&plan()?)?;
            return Ok(None);
        }
        Decision::Ask => {
            context.output.show_plan(&plan()?);
            let typed = context.input.text(None, &format!("Type {name} to {act}:"), "--confirm")?;
            if typed.trim() != name {
                return Err(CliError::failed("that is not its name; nothing was done"));
            }
        }
        Decision::Act => {}
    }
    context.ask(&request()).map(Some)
}

/// Does an act that can be undone, or prints its plan. Answers `None` for the plan.
///
/// # Errors
/// Refused by the server.
pub fn planned(context: &Context, args: PlanArgs, request: Request) -> Result<Option<Value>, CliError> {
    let answer = context.ask(&request.flag("dry_run", args.dry_run))?;
    if args.dry_run {
        context.output.answer(&answer)?;
        return Ok(None);
    }
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Exit;

    fn args(dry_run: bool, confirm: Option<&str>) -> SevereArgs {
        SevereArgs { dry_run, confirm: confirm.map(str::to_owned) }
    }

    #[test]
    fn a_script_must_name_what_it_deletes() {
        for interactive in [false, true] {
            assert_eq!(
                decide(&args(false, Some("shop")), "delete the project", "shop", interactive).unwrap(),
                Decision::Act
            );
            let wrong = decide(&args(false, Some("shpo")), "delete the project", "shop", interactive).unwrap_err();
            assert_eq!(wrong.exit(), Exit::Usage);
        }
        let silent = decide(&args(false, None), "delete the project", "shop", false).unwrap_err();
        assert_eq!(silent.exit(), Exit::Usage);
        assert!(silent.lines()[1].contains("--confirm shop"), "{:?}", silent.lines());
    }

    #[test]
    fn a_person_is_asked_and_a_plan_needs_nobody() {
        assert_eq!(decide(&args(false, None), "delete the project", "shop", true).unwrap(), Decision::Ask);
        for interactive in [false, true] {
            assert_eq!(decide(&args(true, None), "delete the project", "shop", interactive).unwrap(), Decision::Plan);
        }
    }
}
