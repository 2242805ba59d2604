//! A plan of a deploy, as it is shown.

use serde_json::Value;

use crate::http::pages::ui;
use crate::runtime::changes::{Change, ChangeKind, FieldChange};
use crate::runtime::insight::DeployPlan;
use crate::runtime::quota::{Excess, Micros};

/// Objects that are shown at most; the API tells them all.
const ROWS_MAX: usize = 200;
/// Fields of one object that are shown at most.
const FIELDS_MAX: usize = 12;
/// Longest value that is shown, in characters.
const VALUE_MAX: usize = 120;

/// A plan with the words of the page.
pub(in crate::http::pages) struct Planned {
    pub(in crate::http::pages) plan: DeployPlan,
}

/// An object that would change.
pub(in crate::http::pages) struct PlannedRow<'a> {
    pub(in crate::http::pages) act: &'static str,
    pub(in crate::http::pages) word: &'static str,
    pub(in crate::http::pages) kind: &'static str,
    pub(in crate::http::pages) name: &'a str,
    /// What of it, a line each.
    pub(in crate::http::pages) fields: Vec<String>,
}

impl Planned {
    pub(in crate::http::pages) const fn of(plan: DeployPlan) -> Self {
        Self { plan }
    }

    pub(in crate::http::pages) const fn unchanged(&self) -> bool {
        self.plan.unchanged
    }

    pub(in crate::http::pages) const fn revision(&self) -> u32 {
        self.plan.revision.number
    }

    pub(in crate::http::pages) fn summary(&self) -> String {
        let plan = &self.plan;
        let cluster = &plan.cluster.name;
        if plan.unchanged {
            return format!("What runs on {cluster} is what the blueprint and the variables ask for.");
        }
        let count = |wanted: fn(&ChangeKind) -> bool| plan.changes.iter().filter(|c| wanted(&c.kind)).count();
        let asked = if plan.is_new {
            "Nothing of it is there yet, so the cluster was not asked whether it would take it.".to_owned()
        } else if plan.unasked > 0 {
            format!("The cluster was not asked about {} of them.", plan.unasked)
        } else {
            String::new()
        };
        let told = format!(
            "Version {} of the blueprint on {cluster}: {} added, {} changed, {} removed. Nothing was done. {asked}",
            plan.revision.blueprint,
            ui::count(count(|k| *k == ChangeKind::Added), "object"),
            count(|k| matches!(k, ChangeKind::Changed(_))),
            count(|k| *k == ChangeKind::Removed),
        );
        told.trim_end().to_owned()
    }

    /// What of the quotas it would pass.
    pub(in crate::http::pages) fn excesses(&self) -> Vec<String> {
        self.plan.excesses.iter().map(Excess::words).collect()
    }

    /// What thirty days of it cost.
    pub(in crate::http::pages) fn cost(&self) -> Option<String> {
        let (prices, costs) = self.plan.costs.as_ref()?;
        let [least, most] = [costs.requests, costs.limits].map(|cost| Micros(cost.month).told());
        Some(format!("Thirty days of it cost {least} to {most} {}.", prices.currency.as_str()))
    }

    /// Which services start anew, and why.
    pub(in crate::http::pages) fn restarts(&self) -> Vec<&str> {
        self.plan.changes.iter().filter_map(|change| change.restarts.as_deref()).collect()
    }

    pub(in crate::http::pages) fn rows(&self) -> Vec<PlannedRow<'_>> {
        self.plan.changes.iter().take(ROWS_MAX).map(row).collect()
    }

    pub(in crate::http::pages) fn omitted(&self) -> usize {
        self.plan.changes.len().saturating_sub(ROWS_MAX)
    }
}

fn row(change: &Change) -> PlannedRow<'_> {
    let (act, word, fields) = match &change.kind {
        ChangeKind::Added => ("add", "added", Vec::new()),
        ChangeKind::Removed => ("delete", "removed", Vec::new()),
        ChangeKind::Changed(fields) => ("change", "changed", told(fields)),
    };
    PlannedRow { act, word, kind: change.resource.kind(), name: &change.name, fields }
}

fn told(fields: &[FieldChange]) -> Vec<String> {
    let line = |field: &FieldChange| {
        format!("{}: {} \u{2192} {}", field.path, shown(field.from.as_ref()), shown(field.to.as_ref()))
    };
    let mut lines: Vec<String> = fields.iter().take(FIELDS_MAX).map(line).collect();
    if fields.len() > FIELDS_MAX {
        lines.push(format!("and {} more", fields.len() - FIELDS_MAX));
    }
    lines
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    let cut: String = text.chars().take(VALUE_MAX).collect();
    format!("{cut}\u{2026}")
}
