//! What was given on a node of the tree: given and taken here, and only what whoever gives holds themselves.

use askama::Template;
use serde::Deserialize;

use super::{is_told, node_text, status_of};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::http::pages::access::place;
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::members::node;
use crate::http::pages::show_as::ShowAs;
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::OrgError;
use crate::orgs::access::{self, PrincipalName};
use crate::orgs::grant::{self, GrantFilter, GrantView, GrantWish, Holder, HolderName};
use crate::orgs::member::member_list;
use crate::orgs::service_account::service_account_list;
use crate::orgs::team::team_list;
use crate::policy::{Action, PrincipalId, Role};
use crate::types::{Id, Limit, Slug};

/// How many grants a page shows.
const ROWS: u32 = 200;

/// Where, and to whom, as the address says it.
#[derive(Clone, Default, Deserialize)]
pub(super) struct GrantsQuery {
    /// `project/environment`, `project`, or nothing for the organization.
    #[serde(default)]
    node: String,
    /// Whom a new grant would be for.
    #[serde(default)]
    to: String,
    cursor: Option<String>,
    done: Option<String>,
}

/// Whom what is given to, as a form names them.
#[derive(Clone, Default, Deserialize)]
pub(super) struct GrantForm {
    #[serde(default)]
    node: String,
    /// An address, `team:NAME` or `machine:NAME`.
    #[serde(default)]
    to: String,
    #[serde(default)]
    role: String,
}

/// The page.
#[derive(Template)]
#[template(path = "grants.html")]
struct GrantsPage {
    frame: Frame,
    /// The node, as a form names it.
    node: String,
    /// The nodes there are, by the same names.
    nodes: Vec<String>,
    grants: Vec<GrantView>,
    /// What whoever looks may give here.
    roles: Vec<Role>,
    /// Who can be given something, as a form names them.
    holders: Vec<String>,
    typed: GrantForm,
    told: Option<Told>,
    next: Option<String>,
    show_as: ShowAs,
}

impl GrantsPage {
    fn place(grant: &GrantView) -> String {
        place(&grant.place)
    }

    fn node_of(grant: &GrantView) -> String {
        ui::part(&node_text(&grant.place))
    }

    /// The word and the icon of whoever has it.
    fn kind(grant: &GrantView) -> (&'static str, &'static str) {
        match grant.grant.holder {
            Holder::Principal(PrincipalId::User(_)) => ("person", "circle-user-round"),
            Holder::Principal(PrincipalId::ServiceAccount(_)) => ("machine", "bot"),
            Holder::Team(_) => ("team", "users-round"),
        }
    }

    fn holder_href(grant: &GrantView) -> String {
        match grant.grant.holder {
            Holder::Principal(PrincipalId::User(id)) => format!("/members/{id}"),
            Holder::Principal(PrincipalId::ServiceAccount(id)) => format!("/machines/{id}"),
            Holder::Team(id) => format!("/teams/{id}"),
        }
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<GrantsQuery>) -> Answer {
    let typed = GrantForm { node: query.node.clone(), to: query.to.clone(), role: String::new() };
    show(&visitor, query, typed, None).await
}

async fn show(visitor: &Visitor, query: GrantsQuery, typed: GrantForm, told: Option<Told>) -> Answer {
    let op = &visitor.op;
    let (project, environment) = node(&query.node);
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let filter = GrantFilter { holder: None, project: project.clone(), environment: environment.clone() };
    let page = grant::grant_list(op, filter, limit, cursor).await?;
    let here = format!("/grants?node={}", ui::part(&query.node));
    let next = page.next.map(|next| format!("{here}&cursor={}", next.encode()));
    let roles = grant::givable(op, project.as_deref(), environment.as_deref()).await?;
    let holders = if roles.is_empty() { Vec::new() } else { holders(visitor).await? };
    let mut nodes = Vec::new();
    for (project, tree) in access::forest(op).await? {
        nodes.push(project.slug.to_string());
        nodes.extend(tree.iter().map(|(placed, _)| format!("{}/{}", project.slug, placed.environment.slug)));
    }
    let frame = visitor.frame("Grants", Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Grants", here).help("access").notice(query.done.as_deref());
    let flags = match (&project, &environment) {
        (Some(p), Some(e)) => format!(" --project {} --environment {}", ui::part(p), ui::part(e)),
        (Some(p), None) => format!(" --project {}", ui::part(p)),
        _ => String::new(),
    };
    let show_as = ShowAs::of(
        visitor,
        format!("holdfast grants create ROLE --user ADDRESS{flags}"),
        ("POST", "/grants"),
        "{\"user\": \"<ADDRESS>\", \"role\": \"<ROLE>\", \"project\": \"<PROJECT>\", \"environment\": \"<ENVIRONMENT>\"}",
        "user: <ADDRESS>\nrole: <ROLE>\nproject: <PROJECT>\nenvironment: <ENVIRONMENT>",
    );
    let status = status_of(told.as_ref());
    let (node, grants) = (query.node.trim().to_owned(), page.items);
    visitor.show_as(status, &GrantsPage { frame, node, nodes, grants, roles, holders, typed, told, next, show_as })
}

/// Who can be given something: the first of each kind, for anybody else can be typed.
async fn holders(visitor: &Visitor) -> Result<Vec<String>, Problem> {
    let (op, most) = (&visitor.op, Limit::parse(u32::from(Limit::MAX))?);
    let people = member_list(op, most, None).await?.items;
    let mut all: Vec<_> = people.into_iter().map(|m| m.user.email.to_string()).collect();
    all.extend(team_list(op).await?.into_iter().map(|t| format!("team:{}", t.team.name)));
    let machines = service_account_list(op, most, None).await?.items;
    all.extend(machines.into_iter().map(|m| format!("machine:{}", m.account.name)));
    Ok(all)
}

/// Whom a form names.
fn holder(text: &str) -> Result<HolderName, Problem> {
    let text = text.trim();
    let missing = || Problem::invalid("missing_field", "say who it is for").field("to", "missing_field");
    Ok(match text.split_once(':') {
        _ if text.is_empty() => return Err(missing()),
        Some(("team", name)) => HolderName::Team(name.trim().to_owned()),
        Some(("machine", name)) => PrincipalName::ServiceAccount(name.trim().to_owned()).into(),
        _ => PrincipalName::User(text.to_owned()).into(),
    })
}

fn wish(form: &GrantForm) -> Result<(HolderName, GrantWish), Problem> {
    let (project, environment) = node(&form.node);
    let to = holder(&form.to)?;
    let missing = || Problem::invalid("missing_field", "choose the role").field("role", "missing_field");
    let role = Slug::parse(&filled(&form.role).ok_or_else(missing)?)?;
    Ok((to, GrantWish { role, project, environment }))
}

/// Gives a role.
pub(super) async fn give(Form(visitor, form): Form<GrantForm>) -> Answer {
    let done = match wish(&form) {
        Ok((to, wish)) => grant::grant_create(&visitor.op, to, wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(given) => Visitor::go(&format!("/grants?node={}&done=created", ui::part(&node_text(&given.place)))),
        Err(problem) if is_told(&problem) => {
            let query = GrantsQuery { node: form.node.clone(), ..GrantsQuery::default() };
            // Where the node itself is what is wrong, its page cannot be shown: the failure has one of its own.
            match show(&visitor, query, form, Some(Told::of(&problem))).await {
                Ok(page) => Ok(page),
                Err(_) => Err(problem),
            }
        }
        Err(problem) => Err(problem),
    }
}

/// Where one was when something was taken.
#[derive(Deserialize)]
pub(super) struct TakeForm {
    /// `holder`: back to whoever had it; else to where it was given.
    #[serde(default)]
    back: String,
}

/// Takes a grant away.
pub(super) async fn take(Names([id]): Names<1>, Form(visitor, form): Form<TakeForm>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("grant", id))?;
    let taken = grant::grant_delete(&visitor.op, id, false).await?;
    let node = ui::part(&node_text(&taken.place));
    Visitor::go(&match form.back.as_str() {
        "holder" => format!("{}?done=removed", GrantsPage::holder_href(&taken)),
        _ => format!("/grants?node={node}&done=removed"),
    })
}
