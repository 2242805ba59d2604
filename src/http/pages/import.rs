//! Many names at once: a pasted file, what it would change, and the way out again as a file.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, HeaderValue};
use askama::Template;
use serde::Deserialize;

use super::environment::{Head, Tab};
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Names;
use crate::types::SecretString;
use crate::vault::VaultError;
use crate::vault::format::{self, Format, ObjectName};
use crate::vault::import::{Import, import};
use crate::vault::secret::{BatchOutcome, PlannedAction};
use crate::vault::variables::{self, ReadVariables, Variables};

/// Most names of a plan that are shown: what changes is first.
const ROWS: usize = 500;

/// What a browser sends.
#[derive(Deserialize)]
pub(super) struct ImportForm {
    #[serde(default)]
    format: String,
    content: SecretString,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    replace: String,
    /// `plan`, or `apply`.
    #[serde(default)]
    step: String,
}

/// What was chosen, kept when it is not taken. Never the file.
#[derive(Debug, Clone, Default)]
struct Typed {
    format: String,
    folder: String,
    is_replace: bool,
}

/// What an import would do.
struct Plan {
    rows: Vec<(PlannedAction, String)>,
    /// How many more there are.
    rest: usize,
    counts: [usize; 5],
    warnings: Vec<String>,
}

impl Plan {
    fn of(outcome: BatchOutcome) -> Self {
        let mut counts = [0; 5];
        let mut rows = Vec::new();
        for item in outcome.items {
            let index = match item.action {
                PlannedAction::Add => 0,
                PlannedAction::Change => 1,
                PlannedAction::Delete => 2,
                PlannedAction::Unset => 3,
                PlannedAction::Same => 4,
            };
            counts[index] += 1;
            let place =
                if item.path.is_root() { item.name.to_string() } else { format!("{}/{}", item.path, item.name) };
            rows.push((item.action, place));
        }
        rows.sort_by_key(|(action, _)| *action == PlannedAction::Same);
        let rest = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        let warnings = outcome.warnings.into_iter().map(|w| w.detail).collect();
        Self { rows, rest, counts, warnings }
    }

    fn changes(&self) -> usize {
        self.counts[..4].iter().sum()
    }

    fn summary(&self) -> String {
        let [added, changed, deleted, hidden, same] = self.counts;
        format!("{added} added · {changed} changed · {deleted} deleted · {hidden} hidden · {same} the same")
    }
}

/// The page.
#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    head: Head,
    typed: Typed,
    told: Option<Told>,
    plan: Option<Plan>,
}

/// The same beside the table, where something was pasted.
#[derive(Template)]
#[template(path = "import_panel.html")]
struct ImportPanel {
    frame: Frame,
    head: Head,
    typed: Typed,
    told: Option<Told>,
    plan: Option<Plan>,
}

/// What it would do, to be put below the form.
#[derive(Template)]
#[template(path = "import_plan.html")]
struct PlanRegion {
    told: Option<Told>,
    plan: Option<Plan>,
}

/// An empty form.
pub(super) async fn page(visitor: Visitor, Names([project, environment]): Names<2>) -> Answer {
    show(&visitor, [&project, &environment], StatusCode::OK, Typed::default(), None, None).await
}

async fn show(
    visitor: &Visitor,
    [project, environment]: [&str; 2],
    status: StatusCode,
    typed: Typed,
    told: Option<Told>,
    plan: Option<Plan>,
) -> Answer {
    let (frame, head) = Head::of(visitor, project, environment, Tab::Import, "Import and export").await?;
    let frame = frame.crumb("Import and export", format!("{}/import", head.base)).help("dotenv");
    if visitor.is_partial {
        visitor.show_as(status, &ImportPanel { frame, head, typed, told, plan })
    } else {
        visitor.show_as(status, &ImportPage { frame, head, typed, told, plan })
    }
}

/// Tells what a file would change, or applies it.
pub(super) async fn submit(Names([project, environment]): Names<2>, Form(visitor, form): Form<ImportForm>) -> Answer {
    let typed =
        Typed { format: form.format.clone(), folder: form.folder.clone(), is_replace: !form.replace.is_empty() };
    let is_plan = form.step != "apply";
    let done = match wish(&project, &environment, form, is_plan) {
        Ok(wish) => import(&visitor.op, wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let place = [project.as_str(), environment.as_str()];
    match done {
        Ok(outcome) if is_plan => {
            let plan = Some(Plan::of(outcome));
            if visitor.is_partial {
                return visitor.show(&PlanRegion { told: None, plan });
            }
            show(&visitor, place, StatusCode::OK, typed, None, plan).await
        }
        Ok(_) => Visitor::go(&format!(
            "/projects/{}/environments/{}?done=imported",
            ui::part(&project),
            ui::part(&environment)
        )),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 409 | 413 | 422) => {
            let (status, told) = (problem.status(), Some(Told::of(&problem)));
            if visitor.is_partial {
                return visitor.show_as(status, &PlanRegion { told, plan: None });
            }
            show(&visitor, place, status, typed, told, None).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(project: &str, environment: &str, form: ImportForm, dry_run: bool) -> Result<Import, Problem> {
    let format = filled(&form.format).unwrap_or_else(|| "dotenv".to_owned());
    let format = Format::parse(&format).map_err(VaultError::from)?;
    let content = if form.content.expose().contains("\r\n") {
        SecretString::new(form.content.expose().replace("\r\n", "\n"))
    } else {
        form.content
    };
    Ok(Import {
        project: project.to_owned(),
        environment: environment.to_owned(),
        path: filled(&form.folder).unwrap_or_else(|| "/".to_owned()),
        format,
        content: content.into_bytes(),
        replace: !form.replace.is_empty(),
        dry_run,
    })
}

/// How to write a file.
#[derive(Deserialize)]
pub(super) struct ExportForm {
    #[serde(default)]
    format: String,
    #[serde(default)]
    folder: String,
}

/// The resolved variables as a file, after the ledger has it. Restricted ones are left out: no person receives them.
pub(super) async fn export(Names([project, environment]): Names<2>, Form(visitor, form): Form<ExportForm>) -> Answer {
    let format =
        Format::parse(&filled(&form.format).unwrap_or_else(|| "dotenv".to_owned())).map_err(VaultError::from)?;
    let object = ObjectName::of(&project, &environment);
    let name = format!("{environment}.{}", extension(format));
    let ask = ReadVariables {
        project,
        environment,
        path: filled(&form.folder).unwrap_or_default(),
        variant: format!("{format} {}", object.as_str()),
        omit_withheld: true,
        refuse_restricted: false,
        at: None,
        if_none_match: None,
    };
    let state = &visitor.state;
    let Variables::Changed { variables, .. } =
        variables::variables(&visitor.op, &state.uses, &state.etags, &ask).await?
    else {
        return Err(Problem::internal("an answer nobody had was not sent"));
    };
    let listed: Vec<_> =
        variables.iter().map(|v| format::Variable { name: &v.name, value: v.value.expose() }).collect();
    let text = format::write(format, &object, &listed)?;
    let safe: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{safe}\""));
    let disposition = disposition.map_err(|_| Problem::internal("a file name has no form as a header"))?;
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(text.expose().clone()))
}

const fn extension(format: Format) -> &'static str {
    match format {
        Format::Dotenv => "env",
        Format::Json => "json",
        Format::Toml => "toml",
        Format::Csv => "csv",
        Format::Properties => "properties",
        Format::Ini => "ini",
        Format::Yaml | Format::Compose | Format::KubernetesSecret | Format::KubernetesConfigmap => "yaml",
        _ => "txt",
    }
}
