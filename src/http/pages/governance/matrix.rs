//! The matrix of roles and permissions as the policies decide it, the same of people and environments, and why.

use askama::Template;
use serde::Deserialize;

use super::roles::GROUPS;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Query, page_of};
use crate::http::pages::form::filled;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::members::node;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::access::{self, Evaluation, PrincipalName, Question, ReviewWish, RoleAt};
use crate::policy::{Action, PrincipalId};
use crate::types::{Limit, Page, Slug};

/// How many people and machines the view of people shows.
const PEOPLE: u32 = 200;
/// How many roles a page shows beside each other.
const ROLES: u32 = 24;
/// How many environments it shows.
const COLUMNS: usize = 12;

/// Of what, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct MatrixQuery {
    /// `environment`, `protected`, `organization`, or a node as `project/environment`.
    #[serde(default)]
    on: String,
    cursor: Option<String>,
}

/// A row: an action, and whether each role may do it.
struct Row {
    action: Action,
    cells: Vec<bool>,
}

/// The page.
#[derive(Template)]
#[template(path = "matrix.html")]
struct MatrixPage {
    frame: Frame,
    /// What it is of, as the address has it.
    on: String,
    nodes: Vec<String>,
    roles: Vec<String>,
    /// Where the other roles are.
    next: Option<String>,
    groups: Vec<(&'static str, Vec<Row>)>,
}

impl MatrixPage {
    fn why(&self, role: &str, action: &Action) -> String {
        format!("/access/why?role={}&action={action}&on={}", ui::part(role), ui::part(&self.on))
    }
}

/// The nodes there are, as addresses name them.
pub(super) async fn nodes(visitor: &Visitor) -> Result<Vec<String>, Problem> {
    let mut nodes = Vec::new();
    for (project, tree) in access::forest(&visitor.op).await? {
        nodes.push(project.slug.to_string());
        nodes.extend(tree.iter().map(|(placed, _)| format!("{}/{}", project.slug, placed.environment.slug)));
    }
    Ok(nodes)
}

/// Shows roles and what they may do.
pub(super) async fn page(visitor: Visitor, Query(query): Query<MatrixQuery>) -> Answer {
    let op = &visitor.op;
    let on = filled(&query.on).unwrap_or_else(|| "environment".to_owned());
    let (found, column) = match on.as_str() {
        "organization" => (access::matrix(op, None, None).await?, 0),
        "environment" => (access::matrix(op, None, None).await?, 2),
        "protected" => (access::matrix(op, None, None).await?, 3),
        text => {
            let (project, environment) = node(text);
            (access::matrix(op, project.as_deref(), environment.as_deref()).await?, 0)
        }
    };
    let (limit, cursor) = page_of(Some(ROLES), query.cursor.as_deref())?;
    let from =
        cursor.and_then(|cursor| found.roles.iter().position(|role| role == cursor.key())).map_or(0, |at| at + 1);
    let roles = found.roles.iter().skip(from).take(limit.rows() + 1).cloned().collect();
    let Page { items: roles, next } = Page::cut(roles, limit, Clone::clone);
    let next = next.map(|next| format!("/access?on={}&cursor={}", ui::part(&on), next.encode()));
    let row = |action: &Action| Row {
        action: *action,
        cells: roles.iter().map(|role| found.allows(role, *action, column)).collect(),
    };
    let rest = ("Only owners", Action::OrgDelete, Action::BillingManage);
    let groups = GROUPS.iter().chain([&rest]).map(|(title, first, last)| {
        let inside = Action::ALL.iter().filter(|a| (*first..=*last).contains(*a));
        (*title, inside.map(row).collect())
    });
    let groups = groups.collect();
    let frame = visitor.frame("Access matrix", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Access matrix", "/access").help("access");
    let nodes = nodes(&visitor).await?;
    visitor.show(&MatrixPage { frame, on, nodes, roles, next, groups })
}

/// What is asked, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct WhyQuery {
    #[serde(default)]
    role: String,
    /// An address, or `machine:` and an id.
    #[serde(default)]
    who: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    on: String,
}

/// The answer, beside the matrix or as a page.
#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    frame: Frame,
    about: String,
    action: Action,
    place: String,
    back: String,
    found: Evaluation,
}

/// The same as a panel.
#[derive(Template)]
#[template(path = "why_panel.html")]
struct WhyPanel {
    about: String,
    action: Action,
    place: String,
    back: String,
    found: Evaluation,
}

/// Says why.
pub(super) async fn why(visitor: Visitor, Query(query): Query<WhyQuery>) -> Answer {
    let op = &visitor.op;
    let (project, environment) = match query.on.as_str() {
        "organization" | "environment" | "protected" => (None, None),
        text => node(text),
    };
    let place = match query.on.as_str() {
        "" | "organization" => "the organization".to_owned(),
        "environment" => "an environment".to_owned(),
        "protected" => "a protected environment".to_owned(),
        text => text.to_owned(),
    };
    let action = Action::parse(&query.action)?;
    let (about, found, back) = if query.role.is_empty() {
        let actor = match query.who.split_once(':') {
            Some(("machine", id)) => PrincipalName::ServiceAccount(id.to_owned()),
            _ => PrincipalName::User(query.who.clone()),
        };
        let about = query.who.trim_start_matches("machine:").to_owned();
        let back = format!("/access/people?project={}&action={action}", ui::part(project.as_deref().unwrap_or("")));
        let question = Question { actor, action: query.action.clone(), project, environment };
        (about, access::evaluate(op, question).await?, back)
    } else {
        let at = match query.on.as_str() {
            "environment" => RoleAt::Environment { protected: false },
            "protected" => RoleAt::Environment { protected: true },
            _ => RoleAt::Node(project, environment),
        };
        let role = Slug::parse(&query.role)?;
        let found = access::evaluate_role(op, &role, action, &at).await?;
        (format!("whoever is {role}"), found, format!("/access?on={}", ui::part(&query.on)))
    };
    let frame = visitor.frame("Why", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Access matrix", "/access").crumb("Why", visitor.here.clone());
    let frame = frame.help("access");
    if visitor.is_partial {
        return visitor.show(&WhyPanel { about, action, place, back, found });
    }
    visitor.show(&WhyPage { frame, about, action, place, back, found })
}

/// Which project and permission, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct PeopleQuery {
    #[serde(default)]
    project: String,
    #[serde(default)]
    action: String,
}

/// Whether somebody may, in one environment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    No,
    Yes,
    /// Their roles say yes, a policy of the organization says no.
    Forbidden,
}

/// Somebody as a row.
struct Person {
    name: String,
    /// As the question why names them.
    key: String,
    is_machine: bool,
    marks: Vec<Mark>,
}

/// The view of people.
#[derive(Template)]
#[template(path = "matrix_people.html")]
struct PeoplePage {
    frame: Frame,
    project: String,
    action: Action,
    environments: Vec<(Slug, crate::policy::Tier)>,
    people: Vec<Person>,
    hidden: usize,
}

/// Shows who may do one thing in each environment of a project.
pub(super) async fn people(visitor: Visitor, Query(query): Query<PeopleQuery>) -> Answer {
    let op = &visitor.op;
    let frame = visitor.frame("People and environments", Section::Members, filled(&query.project).as_deref()).await?;
    let action = Action::parse(&filled(&query.action).unwrap_or_else(|| Action::SecretReveal.as_str().to_owned()))?;
    let first = frame.trunks.first().map(|t| t.slug.to_string());
    let project = filled(&query.project).or(first).unwrap_or_default();
    let tree = access::outline(op, Some(&project)).await?.project.map(|(_, tree)| tree).unwrap_or_default();
    let hidden = tree.len().saturating_sub(COLUMNS);
    let environments: Vec<_> =
        tree.iter().take(COLUMNS).map(|(p, _)| (p.environment.slug.clone(), p.environment.tier)).collect();
    let mut people: Vec<Person> = Vec::new();
    for (column, (environment, _)) in environments.iter().enumerate() {
        let (project, environment) = (Some(project.clone()), Some(environment.to_string()));
        let wish = ReviewWish { project, environment, action: Some(action), path: None };
        for reaching in access::review(op, &wish, Limit::parse(PEOPLE)?, None).await?.items {
            let mark = if reaching.denied_by.is_empty() { Mark::Yes } else { Mark::Forbidden };
            let is_machine = matches!(reaching.principal, PrincipalId::ServiceAccount(_));
            let key = if is_machine { format!("machine:{}", reaching.name) } else { reaching.name.clone() };
            let at = people.iter().position(|p| p.key == key).unwrap_or_else(|| {
                let marks = vec![Mark::No; environments.len()];
                people.push(Person { name: reaching.name, key, is_machine, marks });
                people.len() - 1
            });
            people[at].marks[column] = mark;
        }
    }
    people.sort_by(|a, b| (a.is_machine, &a.name).cmp(&(b.is_machine, &b.name)));
    let frame = frame.crumb("Home", "/").crumb("Access matrix", "/access").crumb("People", "/access/people");
    visitor.show(&PeoplePage { frame: frame.help("access"), project, action, environments, people, hidden })
}
