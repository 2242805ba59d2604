//! Looking after secrets: those nobody reads, those whose end is near, and changing many at once.
//!
//! - A list shows names and times, never values, of environments whoever asks may list.
//! - That a secret expires is told, not enforced: a program that still runs on it goes on.
//! - A change of many is planned by doing it and undoing it, and goes the one way of every write.

mod bulk;
mod expiry;
mod remind;
mod store;
mod unread;

#[cfg(test)]
mod tests;

pub use bulk::{BulkChange, BulkEdit, BulkFilter, BulkOutcome, End, Marks, secret_edit};
pub use expiry::{Expiring, Which, expiry_get, expiry_set, secret_expiring, secret_put_until};
pub(in crate::vault) use expiry::{end_written, expires_at};
pub use remind::{ACTIONS, Ends, Reminder, Told, expiry_remind, remind_by_mail};
pub use unread::{Stale, secret_stale};

use std::time::Duration;

use super::VaultError;
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::{self, Placed};
use crate::orgs::project;
use crate::policy::Action;
use crate::types::ParseError;

/// Most days a list looks back or ahead: ten years.
const DAYS_MAX: u32 = 3_650;
/// Most projects a list looks into.
const PROJECTS_MAX: usize = 10_000;

/// Where a list looks: everywhere, in a project, or in one environment of it.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The project, by id or slug.
    pub project: Option<String>,
    /// The environment, by id or slug.
    pub environment: Option<String>,
}

/// The environments of a scope whoever asks may list, by project and slug. One that is named must be listable.
fn places(op: &Op, reader: &Reader<'_>, scope: &Scope) -> Result<Vec<Placed>, VaultError> {
    let projects = match (&scope.project, &scope.environment) {
        (None, Some(_)) => return Err(ParseError::new("environment", "name its project too").into()),
        (Some(project), Some(environment)) => {
            let placed = access::environment(op, reader, project, environment)?;
            if !op.permits(reader, Action::SecretList, &placed.resource())? {
                op.authorize(reader, Action::SecretList, &placed.resource())?;
            }
            return Ok(vec![placed]);
        }
        (Some(project), None) => vec![access::project(op, reader, project)?],
        (None, None) => project::store::project_list(reader, op.organization()?, "", PROJECTS_MAX)?,
    };
    let mut places = Vec::new();
    for project in projects {
        for environment in environment::store::environment_list(reader, project.id)? {
            let placed = environment::store::place(reader, environment)?;
            if op.permits(reader, Action::SecretList, &placed.resource())? {
                places.push(placed);
            }
        }
    }
    Ok(places)
}

/// So many days.
fn days(name: &'static str, count: u32) -> Result<Duration, ParseError> {
    if (1..=DAYS_MAX).contains(&count) {
        Ok(Duration::from_hours(u64::from(count) * 24))
    } else {
        Err(ParseError::new(name, format!("must be 1 to {DAYS_MAX}")))
    }
}
