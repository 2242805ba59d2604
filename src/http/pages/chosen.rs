//! Several secrets at once: those ticked in the table are tagged, deleted, copied or moved, after a plan.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::{Form, tags};
use super::frame::{Frame, Section};
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Names;
use crate::types::ParseError;
use crate::vault::care::{BulkChange, BulkEdit, BulkFilter, Marks, secret_edit};
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::secret::PlannedAction;
use crate::vault::transfer::{Destination, Mode, Transfer, What, secret_transfer};

/// Every field of the form in its order: a ticked row sends `secret` once more.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Pairs(Vec<(String, String)>);

/// What is done to the chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Tag,
    Copy,
    Move,
    Delete,
}

impl Act {
    fn parse(text: &str) -> Result<Self, ParseError> {
        match text {
            "tag" => Ok(Self::Tag),
            "copy" => Ok(Self::Copy),
            "move" => Ok(Self::Move),
            "delete" => Ok(Self::Delete),
            _ => Err(ParseError::new("act", "must be tag, copy, move or delete")),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Copy => "copy",
            Self::Move => "move",
            Self::Delete => "delete",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Tag => "Tag",
            Self::Copy => "Copy",
            Self::Move => "Move",
            Self::Delete => "Delete",
        }
    }
}

/// What was chosen and typed; it is never a value.
#[derive(Debug, Clone)]
struct Wish {
    act: Act,
    step: String,
    chosen: Vec<(FolderPath, SecretName)>,
    add_tags: String,
    remove_tags: String,
    to_environment: String,
    to_folder: String,
    rewrites: bool,
    replaces: bool,
    force: bool,
}

impl Wish {
    fn read(pairs: &[(String, String)]) -> Result<Self, Problem> {
        let text = |name: &str| {
            let found = pairs.iter().rev().find(|(n, _)| n == name);
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let chosen = pairs.iter().filter(|(name, _)| name == "secret").map(|(_, value)| place(value));
        let chosen: Vec<_> = chosen.collect::<Result<_, _>>()?;
        if chosen.is_empty() {
            return Err(Problem::invalid("nothing_chosen", "no secret is ticked").hint("tick some in the table first"));
        }
        Ok(Self {
            act: Act::parse(&text("act"))?,
            step: text("step"),
            chosen,
            add_tags: text("add_tags"),
            remove_tags: text("remove_tags"),
            to_environment: text("to_environment"),
            to_folder: text("to_folder"),
            rewrites: !text("rewrite_references").is_empty(),
            replaces: !text("replace").is_empty(),
            force: !text("force").is_empty(),
        })
    }

    /// What the ticked rows are called, as their boxes say it.
    fn names(&self) -> Vec<String> {
        self.chosen.iter().map(|(path, name)| shown(path, name)).collect()
    }
}

/// `/api/KEY` as folder and name.
fn place(text: &str) -> Result<(FolderPath, SecretName), ParseError> {
    let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
    Ok((FolderPath::parse(if folder.is_empty() { "/" } else { folder })?, SecretName::parse_any(name)?))
}

fn shown(path: &FolderPath, name: &SecretName) -> String {
    if path.is_root() { format!("/{name}") } else { format!("{path}/{name}") }
}

/// What it would do, or did.
struct Plan {
    rows: Vec<(PlannedAction, String)>,
    warnings: Vec<String>,
}

impl Plan {
    fn changes(&self) -> usize {
        self.rows.iter().filter(|(action, _)| *action != PlannedAction::Same).count()
    }
}

/// The page.
#[derive(Template)]
#[template(path = "chosen.html")]
struct ChosenPage {
    frame: Frame,
    head: Head,
    wish: Wish,
    names: Vec<String>,
    told: Option<Told>,
    plan: Option<Plan>,
    show_as: ShowAs,
}

/// Asks for what is missing, tells what it would do, or does it.
pub(super) async fn submit(Names([project, environment]): Names<2>, Form(visitor, pairs): Form<Pairs>) -> Answer {
    let wish = Wish::read(&pairs.0)?;
    let is_apply = wish.step == "apply";
    // Tagging and moving ask first for what and where.
    if wish.step.is_empty() && wish.act != Act::Delete {
        return show(&visitor, (&project, &environment), StatusCode::OK, wish, None, None).await;
    }
    match carry_out(&visitor, (&project, &environment), &wish, !is_apply).await {
        Ok(_) if is_apply => {
            let base = format!("/projects/{}/environments/{}", ui::part(&project), ui::part(&environment));
            Visitor::go(&format!("{base}?done={}", if wish.act == Act::Delete { "deleted-many" } else { "changed" }))
        }
        Ok(plan) => show(&visitor, (&project, &environment), StatusCode::OK, wish, None, Some(plan)).await,
        Err(problem) if matches!(problem.status().as_u16(), 400 | 409 | 422) => {
            let (status, told) = (problem.status(), Some(Told::of(&problem)));
            show(&visitor, (&project, &environment), status, wish, told, None).await
        }
        Err(problem) => Err(problem),
    }
}

async fn show(
    visitor: &Visitor,
    (project, environment): (&str, &str),
    status: StatusCode,
    wish: Wish,
    told: Option<Told>,
    plan: Option<Plan>,
) -> Answer {
    let title = format!("{} {}", wish.act.title(), ui::count(wish.chosen.len(), "secret"));
    let (frame, head) = Head::of(visitor, project, environment, Tab::Secrets, &title).await?;
    let frame = frame.crumb(title, head.base.clone()).help("arranging");
    let show_as = ShowAs::chosen(visitor.state.public_url.as_str(), (project, environment), wish.act.word());
    let names = wish.names();
    visitor.show_as(status, &ChosenPage { frame, head, wish, names, told, plan, show_as })
}

async fn carry_out(
    visitor: &Visitor,
    (project, environment): (&str, &str),
    wish: &Wish,
    dry_run: bool,
) -> Result<Plan, Problem> {
    let (project, environment) = (project.to_owned(), environment.to_owned());
    let mode = match wish.act {
        Act::Copy => Mode::Copy,
        Act::Move => Mode::Move,
        Act::Tag | Act::Delete => return edit(visitor, (project, environment), wish, dry_run).await,
    };
    let to = match wish.to_environment.split_once('/') {
        Some((project, environment)) => (Some(project.to_owned()), Some(environment.to_owned())),
        None => (None, Some(wish.to_environment.clone()).filter(|e| !e.is_empty())),
    };
    let path = Some(wish.to_folder.clone()).filter(|folder| !folder.is_empty());
    let ask = Transfer {
        project,
        environment,
        what: What::Secrets(wish.chosen.clone()),
        to: Destination { project: to.0, environment: to.1, path, name: None },
        mode,
        rewrite_references: wish.rewrites,
        replace: wish.replaces,
        force: wish.force,
        dry_run,
    };
    let done = secret_transfer(&visitor.op, ask).await?;
    let to = done.to.path();
    let rows = done.items.iter().map(|item| (item.action, format!("{to}:{}", shown(&item.to.0, &item.to.1))));
    let mut warnings: Vec<_> = done.warnings.into_iter().map(|w| w.detail).collect();
    if !done.references.is_empty() && !wish.rewrites {
        let pointing = ui::count(done.references.len(), "reference");
        warnings.push(format!("{pointing} that point at them stay as they are unless they are written anew"));
    }
    Ok(Plan { rows: rows.collect(), warnings })
}

async fn edit(
    visitor: &Visitor,
    (project, environment): (String, String),
    wish: &Wish,
    dry_run: bool,
) -> Result<Plan, Problem> {
    let change = match wish.act {
        Act::Delete => BulkChange::Delete,
        _ => BulkChange::Mark(Marks {
            add_tags: tags(&wish.add_tags),
            remove_tags: tags(&wish.remove_tags),
            ..Marks::default()
        }),
    };
    let filter = BulkFilter { names: wish.chosen.clone(), ..BulkFilter::default() };
    let ask = BulkEdit { project, environment, filter, change, force: wish.force, dry_run };
    let batch = secret_edit(&visitor.op, ask).await?.batch;
    let rows = batch.items.iter().map(|item| (item.action, shown(&item.path, &item.name))).collect();
    Ok(Plan { rows, warnings: batch.warnings.into_iter().map(|w| w.detail).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticked_row_is_a_folder_and_a_name() {
        let read = |text: &str| place(text).map(|(path, name)| shown(&path, &name)).ok();
        assert_eq!(read("/KEY").as_deref(), Some("/KEY"));
        assert_eq!(read("/api/v2/KEY").as_deref(), Some("/api/v2/KEY"));
        assert_eq!(read("KEY").as_deref(), Some("/KEY"));
        assert_eq!((read("/../KEY"), read("/api/"), read("")), (None, None, None));
    }

    #[test]
    fn nothing_ticked_and_an_act_that_is_none_are_refused() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert!(Wish::read(&[pair("act", "tag")]).is_err());
        assert!(Wish::read(&[pair("act", "burn"), pair("secret", "/KEY")]).is_err());
        let wish =
            Wish::read(&[pair("act", "move"), pair("secret", "/A"), pair("secret", "/x/B"), pair("force", "yes")]);
        let wish = wish.unwrap();
        assert!(wish.force && !wish.replaces && wish.names() == ["/A", "/x/B"]);
    }
}
