//! The organization's own policies: all of them, and one with its text, its tests and what it would change.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::policy_tests::{Row, UNREADABLE};
use super::{Confirm, Done, is_told, place_names, status_of};
use crate::governance::policy::{self, Change, Changed, Draft, OrgPolicy, PolicyWish, Template as Start};
use crate::http::api::Answer;
use crate::http::api::own_policy::PolicyTest;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::http::pages::assets;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::policy::{Action, BuiltinRole, Case, Mode, Tier};
use crate::types::{Cursor, Limit, Slug, Timestamp};
use crate::vault::approval::{OrganizationAct, RequestKind, RequestState, RequestView, approval_list};
use crate::vault::secret::author_names;

/// What says that the tests are rows of the form.
const ROWS: &str = "rows";
/// How many parts of the ledger one simulation looks at before it says how far it came.
const PARTS_MAX: usize = 40;
/// How many decisions that would have been others are listed.
const CHANGES_MAX: usize = 200;

/// Every policy.
#[derive(Template)]
#[template(path = "policies.html")]
struct PoliciesPage {
    frame: Frame,
    policies: Vec<(OrgPolicy, String)>,
    templates: Vec<Start>,
    waiting: Vec<RequestView>,
}

/// Shows all.
pub(super) async fn list(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    let op = &visitor.op;
    let policies = policy::policy_list(op).await?;
    let names = author_names(op, policies.iter().map(|p| p.saved_by.clone()).collect()).await?;
    let policies = policies.into_iter().zip(names).collect();
    let waiting = waiting(&visitor).await?;
    let frame = visitor.frame("Policies", Section::Policies, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Policies", "/policies").help("access").notice(query.done.as_deref());
    visitor.show(&PoliciesPage { frame, policies, templates: policy::templates(), waiting })
}

/// The changes of policies that wait for others.
async fn waiting(visitor: &Visitor) -> Result<Vec<RequestView>, Problem> {
    let limit = Limit::parse(100)?;
    let open = approval_list(&visitor.op, Some(RequestState::Open), limit, None).await?.items;
    let is_ours = |r: &RequestView| r.request.kind == RequestKind::Act(OrganizationAct::Policy) && !r.is_late;
    Ok(open.into_iter().filter(is_ours).collect())
}

/// What is typed of a policy.
#[derive(Clone, Default, Deserialize)]
pub(super) struct PolicyForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    source: String,
    /// A list of tests as the API has them, in JSON.
    #[serde(default)]
    tests: String,
    /// `rows` when the tests are rows of the form; else they are JSON.
    #[serde(default)]
    tests_as: String,
    /// The version the change was made for.
    #[serde(default)]
    version: String,
    /// `check` only checks; `add`, `drop-0`, `json` and `rows` change how the tests are shown; else it is saved.
    #[serde(default)]
    act: String,
    /// How far back a simulation looks.
    #[serde(default)]
    days: String,
    /// The fields of the rows.
    #[serde(flatten)]
    fields: BTreeMap<String, String>,
    /// The rows that are shown.
    #[serde(skip)]
    rows: Vec<Row>,
}

impl PolicyForm {
    fn of(policy: &OrgPolicy) -> Self {
        let version = policy.version.to_string();
        Self { name: policy.name.to_string(), version, ..Self::begin(policy.draft.clone()) }
    }

    fn begin(draft: Draft) -> Self {
        Self {
            description: draft.description,
            mode: draft.mode.to_string(),
            source: draft.source,
            tests_as: ROWS.to_owned(),
            rows: rows_of(draft.cases),
            ..Self::default()
        }
    }

    /// The form as it was sent, with its rows.
    fn sent(mut self) -> Self {
        if !self.is_json() {
            self.rows = Row::read(&self.fields);
        }
        self
    }

    /// Whether the tests are a text; else they are rows.
    fn is_json(&self) -> bool {
        self.tests_as != ROWS
    }

    fn version(&self) -> Option<u32> {
        self.version.trim().parse().ok()
    }

    fn days(&self) -> u32 {
        self.days.parse().unwrap_or(30)
    }

    /// Whether only the form itself is to be another one.
    fn is_shaping(&self) -> bool {
        matches!(self.act.as_str(), "add" | "json" | "rows") || self.act.starts_with("drop-")
    }

    /// The form with a test more or less, or its tests as a text or as rows.
    fn shaped(mut self) -> (Self, Option<Problem>) {
        match self.act.as_str() {
            "add" => self.rows.push(Row::fresh()),
            "json" | "rows" => match self.cases() {
                Ok(cases) if self.act == "json" => {
                    self.tests = json_of(cases);
                    "json".clone_into(&mut self.tests_as);
                }
                Ok(cases) => {
                    self.rows = rows_of(cases);
                    ROWS.clone_into(&mut self.tests_as);
                }
                Err(problem) => return (self, Some(problem)),
            },
            other => {
                let index = other.strip_prefix("drop-").and_then(|text| text.parse::<usize>().ok());
                if let Some(index) = index.filter(|index| *index < self.rows.len()) {
                    self.rows.remove(index);
                }
            }
        }
        (self, None)
    }

    fn cases(&self) -> Result<Vec<Case>, Problem> {
        if !self.is_json() {
            let filled_in = self.rows.iter().enumerate().filter(|(_, row)| !row.is_empty());
            return filled_in.map(|(index, row)| row.case(index)).collect();
        }
        let tests = filled(&self.tests).unwrap_or_else(|| "[]".to_owned());
        let tests: Vec<PolicyTest> = serde_json::from_str(&tests).map_err(|error| {
            let detail = format!("the tests are no list of tests: {error}");
            Problem::invalid(UNREADABLE, detail)
                .hint("a test has a name, an action, and expects `allow` or `deny`")
                .field("tests", UNREADABLE)
        })?;
        Ok(tests.into_iter().map(Case::from).collect())
    }

    fn source(&self) -> String {
        self.source.replace("\r\n", "\n")
    }

    fn draft(&self) -> Result<Draft, Problem> {
        Ok(Draft {
            mode: Mode::parse(&self.mode)?,
            description: self.description.trim().to_owned(),
            source: self.source(),
            cases: self.cases()?,
        })
    }
}

/// The tests as rows; an empty one where there are none.
fn rows_of(cases: Vec<Case>) -> Vec<Row> {
    if cases.is_empty() { vec![Row::fresh()] } else { cases.into_iter().map(Row::from).collect() }
}

/// The tests as the API has them.
fn json_of(cases: Vec<Case>) -> String {
    let tests: Vec<PolicyTest> = cases.into_iter().map(PolicyTest::from).collect();
    let mut tests = serde_json::to_value(tests).unwrap_or_default();
    leave_out(&mut tests);
    serde_json::to_string_pretty(&tests).unwrap_or_default()
}

/// Leaves out of tests what is not said in them.
fn leave_out(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(leave_out),
        Value::Object(fields) => {
            fields.values_mut().for_each(leave_out);
            let is_said = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != json!({});
            fields.retain(|_, value| is_said(value));
        }
        _ => {}
    }
}

/// A place in the text where something is wrong.
struct Fault {
    line: usize,
    column: usize,
    problem: String,
}

/// What would have been decided otherwise.
struct Simulation {
    days: u32,
    decisions: usize,
    /// With where each happened.
    changes: Vec<(Change, String)>,
    is_cut: bool,
    /// How far back it came, when it did not come to the end.
    reached: Option<Timestamp>,
}

/// One policy, or a new one.
#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    frame: Frame,
    /// The policy as it is saved; none for a new one.
    policy: Option<OrgPolicy>,
    by: String,
    typed: PolicyForm,
    told: Option<Told>,
    faults: Vec<Fault>,
    /// What a check found, when all is well.
    checked: Option<Changed>,
    simulation: Option<Simulation>,
    waiting: Vec<RequestView>,
    editor: String,
    show_as: ShowAs,
}

impl PolicyPage {
    fn whole(n: &u32) -> usize {
        usize::try_from(*n).unwrap_or(usize::MAX)
    }
}

/// What a page is shown with besides the policy.
#[derive(Default)]
struct With {
    typed: Option<PolicyForm>,
    told: Option<Told>,
    checked: Option<Changed>,
    simulation: Option<Simulation>,
}

impl With {
    fn shaped(form: PolicyForm) -> Self {
        let (typed, problem) = form.shaped();
        Self { typed: Some(typed), told: problem.as_ref().map(Told::of), ..Self::default() }
    }
}

/// `line 3, column 5: what is wrong`, as the failure of a policy tells its places.
fn faults(told: Option<&Told>) -> Vec<Fault> {
    let place = |text: &str| {
        let (line, rest) = text.strip_prefix("line ")?.split_once(", column ")?;
        let (column, problem) = rest.split_once(": ")?;
        Some(Fault { line: line.parse().ok()?, column: column.parse().ok()?, problem: problem.to_owned() })
    };
    let items = told.map(|t| t.items.as_slice()).unwrap_or_default();
    items.iter().filter(|i| i.field == "source").filter_map(|i| place(&i.detail)).collect()
}

/// Which template a new policy begins with.
#[derive(Deserialize)]
pub(super) struct StartQuery {
    #[serde(default)]
    template: String,
}

/// Shows a form for a new policy.
pub(super) async fn fresh(visitor: Visitor, Query(query): Query<StartQuery>) -> Answer {
    let start = policy::templates().into_iter().find(|t| t.name == query.template);
    let typed = match start.and_then(|t| t.draft.map(|draft| (t.name, draft))) {
        Some((name, draft)) => PolicyForm { name: name.to_owned(), ..PolicyForm::begin(draft) },
        None => PolicyForm {
            mode: Mode::Observe.to_string(),
            tests_as: ROWS.to_owned(),
            rows: rows_of(Vec::new()),
            ..PolicyForm::default()
        },
    };
    show_fresh(&visitor, With { typed: Some(typed), ..With::default() }).await
}

async fn show_fresh(visitor: &Visitor, with: With) -> Answer {
    // Who may not manage policies is told so before anything is typed.
    policy::policy_list(&visitor.op).await?;
    let frame = visitor.frame("New policy", Section::Policies, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Policies", "/policies").crumb("New policy", "/new-policy");
    show_with(visitor, frame.help("access"), None, with).await
}

/// Makes a policy, or only checks it.
pub(super) async fn create(Form(visitor, form): Form<PolicyForm>) -> Answer {
    let form = form.sent();
    if form.is_shaping() {
        return show_fresh(&visitor, With::shaped(form)).await;
    }
    let done = match Slug::parse(form.name.trim()) {
        Ok(name) => put(&visitor, name.as_str(), &form, Some(0)).await,
        Err(error) => Err(Problem::from(error).field("name", "slug_invalid")),
    };
    match done {
        Ok(checked) if form.act == "check" => {
            show_fresh(&visitor, With { typed: Some(form), checked: Some(checked), ..With::default() }).await
        }
        Ok(saved) => Visitor::go(&format!("/policies/{}?done=created", saved.policy.name)),
        Err(problem) if is_told(&problem) || problem.status().as_u16() == 413 => {
            show_fresh(&visitor, With { typed: Some(form), told: Some(Told::of(&problem)), ..With::default() }).await
        }
        Err(problem) => Err(problem),
    }
}

async fn put(visitor: &Visitor, name: &str, form: &PolicyForm, base_version: Option<u32>) -> Result<Changed, Problem> {
    let wish = PolicyWish { draft: form.draft()?, base_version, dry_run: form.act == "check" };
    Ok(policy::policy_put(&visitor.op, name, wish).await?)
}

/// Shows one.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<Done>) -> Answer {
    show(&visitor, &name, query.done.as_deref(), With::default()).await
}

async fn show(visitor: &Visitor, name: &str, done: Option<&str>, with: With) -> Answer {
    let policy = policy::policy_get(&visitor.op, name).await?;
    let slug = policy.name.to_string();
    let frame = visitor.frame(slug.as_str(), Section::Policies, None).await?;
    let here = format!("/policies/{slug}");
    let frame = frame.crumb("Home", "/").crumb("Policies", "/policies").crumb(slug, here);
    show_with(visitor, frame.help("access").notice(done), Some(policy), with).await
}

async fn show_with(visitor: &Visitor, frame: Frame, policy: Option<OrgPolicy>, with: With) -> Answer {
    let With { typed, told, checked, simulation } = with;
    let saved_by = policy.iter().map(|p| p.saved_by.clone()).collect();
    let by = author_names(&visitor.op, saved_by).await?.pop().unwrap_or_default();
    let typed = typed.unwrap_or_else(|| policy.as_ref().map(PolicyForm::of).unwrap_or_default());
    let name = policy.as_ref().map_or_else(|| "NAME".to_owned(), |p| p.name.to_string());
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast policy put {name} --source FILE --tests FILE --mode observe"),
        ("PUT", &format!("/policies/{name}")),
        "{\"mode\": \"observe\", \"source\": \"<CEDAR>\", \"tests\": []}",
        format!("name: {name}\nmode: observe\nsource: |\n  <CEDAR>\ntests: []"),
    );
    let (faults, waiting) = (faults(told.as_ref()), waiting(visitor).await?);
    let status = status_of(told.as_ref());
    let editor = assets::url("editor.js");
    let page = PolicyPage { frame, policy, by, typed, told, faults, checked, simulation, waiting, editor, show_as };
    visitor.show_as(status, &page)
}

/// Where a change of a policy leads: on, or back to its page with what is wrong.
async fn answer<T>(
    visitor: &Visitor,
    name: &str,
    done: Result<T, Problem>,
    on: &str,
    typed: Option<PolicyForm>,
) -> Answer {
    match done {
        Ok(_) => Visitor::go(on),
        Err(problem) if is_told(&problem) || problem.status().as_u16() == 413 => {
            show(visitor, name, None, With { typed, told: Some(Told::of(&problem)), ..With::default() }).await
        }
        Err(problem) => Err(problem),
    }
}

/// Saves a policy as a new version, or only checks it.
pub(super) async fn save(Names([name]): Names<1>, Form(visitor, form): Form<PolicyForm>) -> Answer {
    let form = form.sent();
    if form.is_shaping() {
        return show(&visitor, &name, None, With::shaped(form)).await;
    }
    let done = put(&visitor, &name, &form, form.version()).await;
    match done {
        Ok(checked) if form.act == "check" => {
            let with = With { typed: Some(form), checked: Some(checked), ..With::default() };
            show(&visitor, &name, None, with).await
        }
        done => answer(&visitor, &name, done, &format!("/policies/{}?done=saved", ui::part(&name)), Some(form)).await,
    }
}

/// What a policy shall do where it is satisfied.
#[derive(Deserialize)]
pub(super) struct ModeForm {
    #[serde(default)]
    mode: String,
}

/// Switches between enforcing and observing: a new version that differs in nothing else.
pub(super) async fn switch(Names([name]): Names<1>, Form(visitor, form): Form<ModeForm>) -> Answer {
    let now = policy::policy_get(&visitor.op, &name).await?;
    let draft = Mode::parse(&form.mode).map(|mode| Draft { mode, ..now.draft });
    let done = match draft {
        Ok(draft) => {
            let wish = PolicyWish { draft, base_version: Some(now.version), dry_run: false };
            policy::policy_put(&visitor.op, now.name.as_str(), wish).await.map_err(Problem::from)
        }
        Err(error) => Err(error.into()),
    };
    answer(&visitor, &name, done, &format!("/policies/{}?done=saved", ui::part(&name)), None).await
}

/// Deletes it with its versions, when its name was typed.
pub(super) async fn delete(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let slug = policy::policy_get(&visitor.op, &name).await?.name;
    let done = match form.require(slug.as_str()) {
        Ok(()) => policy::policy_delete(&visitor.op, name.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, &name, done, "/policies?done=removed", None).await
}

/// Says what the text that is typed would have changed of past decisions.
pub(super) async fn simulate(Names([name]): Names<1>, Form(visitor, form): Form<PolicyForm>) -> Answer {
    let slug = policy::policy_get(&visitor.op, &name).await?.name;
    let form = form.sent();
    let days = form.days();
    let mut with = With { typed: Some(form.clone()), ..With::default() };
    match simulation(&visitor, slug, form.source(), days).await {
        Ok(found) => with.simulation = Some(found),
        Err(problem) if is_told(&problem) || problem.status().as_u16() == 413 => with.told = Some(Told::of(&problem)),
        Err(problem) => return Err(problem),
    }
    show(&visitor, &name, None, with).await
}

async fn simulation(visitor: &Visitor, name: Slug, source: String, days: u32) -> Result<Simulation, Problem> {
    let places = place_names(visitor).await?;
    let place = |change: &Change| {
        let event = &change.event;
        let known = |id: &Option<String>| id.as_ref().map(|id| places.get(id).cloned().unwrap_or_else(|| id.clone()));
        known(&event.environment).or_else(|| known(&event.project)).unwrap_or_else(|| "the organization".to_owned())
    };
    let mut all = Simulation { days, decisions: 0, changes: Vec::new(), is_cut: false, reached: None };
    let mut cursor: Option<Cursor> = None;
    for _ in 0..PARTS_MAX {
        let part = policy::policy_simulate(&visitor.op, name.clone(), Some(source.clone()), days, cursor).await?;
        all.decisions += part.decisions;
        for change in part.changes {
            if all.changes.len() == CHANGES_MAX {
                all.is_cut = true;
                break;
            }
            let at = place(&change);
            all.changes.push((change, at));
        }
        cursor = part.next;
        if cursor.is_none() || all.is_cut {
            break;
        }
        all.reached = part.reached;
    }
    if cursor.is_none() {
        all.reached = None;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_fault_is_read_from_what_is_told() {
        let problem = Problem::invalid("policy_invalid", "line 3, column 12: no such attribute: tear");
        let told = Told::of(&problem.field("source", "policy_invalid"));
        let found = faults(Some(&told));
        assert_eq!((found[0].line, found[0].column), (3, 12));
        assert_eq!(found[0].problem, "no such attribute: tear");
        let other = Problem::invalid("policy_tests_failed", "denied").field("at night", "policy_test_failed");
        assert!(faults(Some(&Told::of(&other))).is_empty());
    }
}
