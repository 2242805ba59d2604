//! Machines: service accounts, what they hold, and their keys. A new key is shown once, in the answer that makes it.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::access::place;
use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::governance::{Confirm, is_told, status_of};
use super::members::node;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::auth::Credential;
use crate::auth::credential::Wishes;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::orgs::OrgError;
use crate::orgs::access;
use crate::orgs::grant::GrantWish;
use crate::orgs::role::{self, RoleView};
use crate::orgs::service_account::{
    ServiceAccountCreate, ServiceAccountRemoval, ServiceAccountUpdate, ServiceAccountView, key_list, key_mint,
    key_revoke, service_account_create, service_account_delete, service_account_get, service_account_list,
    service_account_update,
};
use crate::policy::Action;
use crate::types::{Id, Slug, Timestamp};

/// How many machines a page shows.
const ROWS: u32 = 200;
/// The lives a key may be given, in days.
const LIVES: &[(&str, u64)] = &[("30 days", 30), ("90 days", 90), ("a year", 365)];

/// Which page.
#[derive(Deserialize)]
pub(super) struct MachinesQuery {
    cursor: Option<String>,
    done: Option<String>,
}

/// A new machine.
#[derive(Clone, Default, Deserialize)]
pub(super) struct MachineForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    node: String,
}

/// The page.
#[derive(Template)]
#[template(path = "machines.html")]
struct MachinesPage {
    frame: Frame,
    machines: Vec<ServiceAccountView>,
    roles: Vec<RoleView>,
    typed: MachineForm,
    told: Option<Told>,
    next: Option<String>,
    may_manage: bool,
}

impl MachinesPage {
    fn holds(machine: &ServiceAccountView) -> Vec<String> {
        holds(machine)
    }

    fn place(machine: &ServiceAccountView) -> String {
        place(&machine.place)
    }
}

fn holds(machine: &ServiceAccountView) -> Vec<String> {
    machine.grants.iter().map(|g| format!("{} on {}", g.grant.role, place(&g.place))).collect()
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<MachinesQuery>) -> Answer {
    show(&visitor, StatusCode::OK, query, MachineForm::default(), None).await
}

async fn show(
    visitor: &Visitor,
    status: StatusCode,
    query: MachinesQuery,
    typed: MachineForm,
    told: Option<Told>,
) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let page = service_account_list(&visitor.op, limit, cursor).await?;
    let roles = role::role_list(&visitor.op).await?;
    let may = access::may(&visitor.op, None, None, &[Action::ServiceaccountManage]).await?;
    let frame = visitor.frame("Machines", Section::Machines, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Machines", "/machines").help("access").notice(query.done.as_deref());
    let next = page.next.map(|next| format!("/machines?cursor={}", next.encode()));
    let (machines, may_manage) = (page.items, !may.is_empty());
    visitor.show_as(status, &MachinesPage { frame, machines, roles, typed, told, next, may_manage })
}

/// Makes a machine with its first role.
pub(super) async fn create(Form(visitor, form): Form<MachineForm>) -> Answer {
    let done = match wish(&form) {
        Ok(wish) => service_account_create(&visitor.op, wish).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(made) => Visitor::go(&format!("/machines/{}?done=created", made.account.id)),
        Err(problem) if matches!(problem.status().as_u16(), 400 | 404 | 409 | 422) => {
            let query = MachinesQuery { cursor: None, done: None };
            show(&visitor, problem.status(), query, form, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

fn wish(form: &MachineForm) -> Result<ServiceAccountCreate, Problem> {
    let (project, environment) = node(&form.node);
    let role = filled(&form.role).map(|role| Slug::parse(&role)).transpose()?;
    let grants = role.map(|role| GrantWish { role, project: None, environment: None }).into_iter().collect();
    Ok(ServiceAccountCreate { name: form.name.trim().to_owned(), project, environment, grants })
}

/// A key as a row.
struct Key {
    credential: Credential,
    used: Option<(Timestamp, String)>,
}

/// One machine.
#[derive(Template)]
#[template(path = "machine.html")]
struct MachinePage {
    frame: Frame,
    machine: ServiceAccountView,
    holds: Vec<String>,
    keys: Vec<Key>,
    next: Option<String>,
    /// The token of a key that was made by this request.
    token: Option<String>,
    told: Option<Told>,
}

impl MachinePage {
    fn place(&self) -> String {
        place(&self.machine.place)
    }
}

/// What was done before, and where the list of keys goes on.
#[derive(Default, Deserialize)]
pub(super) struct MachineQuery {
    done: Option<String>,
    cursor: Option<String>,
}

/// Shows one machine.
pub(super) async fn one(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<MachineQuery>) -> Answer {
    show_one(&visitor, &name, query, None, None).await
}

async fn show_one(
    visitor: &Visitor,
    name: &str,
    query: MachineQuery,
    token: Option<String>,
    told: Option<Told>,
) -> Answer {
    let machine = service_account_get(&visitor.op, name).await?;
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let found = key_list(&visitor.op, name, limit, cursor).await?;
    let keys = found.items.into_iter().map(|(credential, used)| Key { credential, used }).collect();
    let frame = visitor.frame(machine.account.name.clone(), Section::Machines, None).await?;
    let here = format!("/machines/{}", machine.account.id);
    let frame =
        frame.crumb("Home", "/").crumb("Machines", "/machines").crumb(machine.account.name.clone(), here.clone());
    let frame = frame.help("access").notice(query.done.as_deref());
    let next = found.next.map(|next| format!("{here}?cursor={}", next.encode()));
    let holds = holds(&machine);
    let status = told.as_ref().and_then(|t| StatusCode::from_u16(t.status).ok()).unwrap_or(StatusCode::OK);
    visitor.show_as(status, &MachinePage { frame, machine, holds, keys, next, token, told })
}

/// What it is called, and whether its keys work.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    #[serde(default)]
    name: String,
    /// `yes` or `no`; as it is when empty.
    #[serde(default)]
    disabled: String,
}

/// Renames it, or lets its keys work no more, or again.
pub(super) async fn update(Names([name]): Names<1>, Form(visitor, form): Form<SettingsForm>) -> Answer {
    let disabled = match form.disabled.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let change = ServiceAccountUpdate { name: filled(&form.name), disabled };
    let done = service_account_update(&visitor.op, name.clone(), change).await.map_err(Problem::from);
    match done {
        Ok(machine) => Visitor::go(&format!("/machines/{}?done=changed", machine.account.id)),
        Err(problem) if is_told(&problem) && problem.status() != StatusCode::NOT_FOUND => {
            show_one(&visitor, &name, MachineQuery::default(), None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// What goes with a machine, before it goes.
#[derive(Template)]
#[template(path = "machine_delete.html")]
struct DeletePage {
    frame: Frame,
    gone: ServiceAccountRemoval,
    told: Option<Told>,
}

/// Asks whether it is meant. A page of its own: planning it asks for the right to do it, and whoever only looks at a
/// machine shall not be recorded as somebody who tried.
pub(super) async fn delete(visitor: Visitor, Names([name]): Names<1>) -> Answer {
    show_delete(&visitor, name, None).await
}

async fn show_delete(visitor: &Visitor, name: String, told: Option<Told>) -> Answer {
    let gone = service_account_delete(&visitor.op, name, true).await?;
    let (name, here) = (gone.account.name.clone(), format!("/machines/{}", gone.account.id));
    let frame = visitor.frame(format!("Delete {name}"), Section::Machines, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Machines", "/machines").crumb(name, here.clone());
    let frame = frame.crumb("Delete", format!("{here}/delete")).help("access");
    visitor.show_as(status_of(told.as_ref()), &DeletePage { frame, gone, told })
}

/// Deletes it with its keys, when its name was typed.
pub(super) async fn deleted(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let machine = service_account_get(&visitor.op, &name).await?;
    if let Err(problem) = form.require(&machine.account.name) {
        return show_delete(&visitor, name, Some(Told::of(&problem))).await;
    }
    service_account_delete(&visitor.op, name, false).await?;
    Visitor::go("/machines?done=removed")
}

/// A new key.
#[derive(Deserialize)]
pub(super) struct KeyForm {
    #[serde(default)]
    name: String,
    /// In days; for ever when empty.
    #[serde(default)]
    life: String,
}

/// Makes a key and shows it, this once.
pub(super) async fn key_create(Names([name]): Names<1>, Form(visitor, form): Form<KeyForm>) -> Answer {
    let life = filled(&form.life).map(|days| days.parse::<u64>());
    let life = life.transpose().map_err(|_| Problem::invalid("form_invalid", "a life is a number of days"))?;
    let life = life.map(|days| std::time::Duration::from_hours(days.min(3_650) * 24));
    let label = filled(&form.name).unwrap_or_else(|| "key".to_owned());
    let made = match Wishes::parse(&label, life, None, &[], visitor.op.now()) {
        Ok(wishes) => key_mint(&visitor.op, name.clone(), wishes).await.map_err(Problem::from),
        Err(error) => Err(error.into()),
    };
    match made {
        Ok(minted) => {
            show_one(&visitor, &name, MachineQuery::default(), Some(minted.token.expose().clone()), None).await
        }
        Err(problem) if matches!(problem.status().as_u16(), 400 | 409 | 422) => {
            show_one(&visitor, &name, MachineQuery::default(), None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Revokes a key at once.
pub(super) async fn key_delete(Names([name, key]): Names<2>, Form(visitor, _): Form<Vec<(String, String)>>) -> Answer {
    let id = Id::parse(&key).map_err(|_| OrgError::not_found("key", key))?;
    key_revoke(&visitor.op, name.clone(), id, false).await?;
    Visitor::go(&format!("/machines/{}?done=removed", ui::part(&name)))
}
