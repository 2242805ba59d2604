//! The tests of a policy as rows of a form: who does what where, and what must come of it. The same tests are there as
//! JSON; a button turns one into the other, and nothing that is typed is lost by it.

use std::collections::BTreeMap;

use crate::http::error::Problem;
use crate::http::pages::form::filled;
use crate::policy::{BuiltinRole, Case, CaseActor, CaseResource, Tier};
use crate::types::Timestamp;

/// The code of what cannot be read.
pub(super) const UNREADABLE: &str = "policy_tests_unreadable";

/// A test as it is typed.
#[expect(clippy::struct_excessive_bools, reason = "four boxes of a form, which say nothing of each other")]
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) machine: bool,
    /// The role; an owner when empty.
    pub(super) role: String,
    pub(super) id: String,
    pub(super) action: String,
    /// Of the environment; empty for the organization, or a project that is named.
    pub(super) tier: String,
    pub(super) protected: bool,
    pub(super) locked: bool,
    pub(super) project: String,
    pub(super) environment: String,
    pub(super) path: String,
    pub(super) at: String,
    pub(super) address: String,
    pub(super) denied: bool,
}

impl Row {
    /// A row with nothing in it yet.
    pub(super) fn fresh() -> Self {
        Self { role: "owner".to_owned(), denied: true, ..Self::default() }
    }

    /// The rows of a form: `t0-name`, `t0-action` and so on.
    pub(super) fn read(fields: &BTreeMap<String, String>) -> Vec<Self> {
        let mut rows = Vec::new();
        for index in 0.. {
            let value = |field: &str| fields.get(&format!("t{index}-{field}")).map(String::as_str);
            if value("name").is_none() {
                break;
            }
            let text = |field: &str| value(field).unwrap_or_default().trim().to_owned();
            rows.push(Self {
                name: text("name"),
                machine: text("who") == "machine",
                role: text("role"),
                id: text("id"),
                action: text("action"),
                tier: text("tier"),
                protected: value("protected").is_some(),
                locked: value("locked").is_some(),
                project: text("project"),
                environment: text("environment"),
                path: text("path"),
                at: text("at"),
                address: text("address"),
                denied: text("expect") != "allow",
            });
        }
        rows
    }

    /// Whether nobody has filled it in.
    pub(super) fn is_empty(&self) -> bool {
        self.name.is_empty() && self.action.is_empty()
    }

    /// Whether the role is none of the built-in ones: it is shown as it is.
    pub(super) fn is_other_role(&self) -> bool {
        BuiltinRole::ALL.iter().all(|role| role.as_str() != self.role)
    }

    /// Whether the tier is none of ours.
    pub(super) fn is_other_tier(&self) -> bool {
        !self.tier.is_empty() && Tier::ALL.iter().all(|tier| tier.as_str() != self.tier)
    }

    /// Whether something is said that the form keeps out of sight.
    pub(super) fn says_more(&self) -> bool {
        let rest = [&self.id, &self.project, &self.environment, &self.path, &self.at, &self.address];
        self.locked || rest.iter().any(|text| !text.is_empty())
    }

    /// The test; `index` counts from 0.
    ///
    /// # Errors
    /// Its time or its address is none.
    pub(super) fn case(&self, index: usize) -> Result<Case, Problem> {
        let wrong = |field: &str, detail: String| {
            let detail = format!("test {}: {detail}", index + 1);
            Problem::invalid(UNREADABLE, detail).field(format!("t{index}-{field}"), UNREADABLE)
        };
        let at = filled(&self.at).map(|text| Timestamp::parse(&text)).transpose();
        let address = filled(&self.address).map(|text| text.parse().map_err(|_| text)).transpose();
        Ok(Case {
            name: self.name.clone(),
            actor: CaseActor {
                machine: self.machine,
                role: filled(&self.role).unwrap_or_else(|| "owner".to_owned()),
                id: filled(&self.id),
            },
            action: self.action.clone(),
            resource: CaseResource {
                tier: filled(&self.tier),
                protected: self.protected,
                locked: self.locked,
                project: filled(&self.project),
                environment: filled(&self.environment),
                path: filled(&self.path),
            },
            at: at.map_err(|error| wrong("at", error.to_string()))?,
            address: address.map_err(|text| wrong("address", format!("`{text}` is no address")))?,
            denied: self.denied,
        })
    }
}

impl From<Case> for Row {
    fn from(case: Case) -> Self {
        let text = |value: Option<String>| value.unwrap_or_default();
        Self {
            name: case.name,
            machine: case.actor.machine,
            role: case.actor.role,
            id: text(case.actor.id),
            action: case.action,
            tier: text(case.resource.tier),
            protected: case.resource.protected,
            locked: case.resource.locked,
            project: text(case.resource.project),
            environment: text(case.resource.environment),
            path: text(case.resource.path),
            at: text(case.at.map(|at| at.to_string())),
            address: text(case.address.map(|address| address.to_string())),
            denied: case.denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_test_is_the_same_after_it_was_a_row() {
        let case = Case {
            name: "at night".to_owned(),
            actor: CaseActor { machine: true, role: "developer".to_owned(), id: Some("sva_x".to_owned()) },
            action: "secret.reveal".to_owned(),
            resource: CaseResource {
                tier: Some("production".to_owned()),
                protected: true,
                locked: true,
                project: Some("prj_x".to_owned()),
                environment: Some("env_x".to_owned()),
                path: Some("/api".to_owned()),
            },
            at: Some(Timestamp::from_micros(1_767_225_600_000_000)),
            address: Some("192.0.2.1".parse().unwrap()),
            denied: false,
        };
        let row = Row::from(case.clone());
        assert!(row.says_more());
        assert_eq!(row.case(0).ok().unwrap(), case);
    }

    #[test]
    fn rows_are_read_in_order_and_what_is_no_time_is_named() {
        let read = Row::read(&fields(&[
            ("t0-name", ""),
            ("t0-action", ""),
            ("t0-expect", "deny"),
            ("t1-name", "no"),
            ("t1-action", "secret.write"),
            ("t1-expect", "deny"),
            ("t1-at", "noon"),
            ("t3-name", "behind a gap"),
        ]));
        assert_eq!(read.len(), 2);
        assert!(read[0].is_empty() && !read[1].is_empty());
        assert!(read[1].denied && !read[1].machine);
        let problem = read[1].case(1).err().unwrap();
        assert_eq!(problem.code(), UNREADABLE);
    }
}
