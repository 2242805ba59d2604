//! Looking at policies and their versions.

use similar::TextDiff;

use super::{Draft, OrgPolicy, named, not_found, store};
use crate::db::Reader;
use crate::governance::GovernanceError;
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;

fn authorize(op: &Op, reader: &Reader<'_>) -> Result<(), GovernanceError> {
    op.authorize(reader, Action::PolicyManage, &access::own_organization(op)?)?;
    Ok(())
}

/// Every policy of the organization, by name.
///
/// # Errors
/// Not allowed.
pub async fn policy_list(op: &Op) -> Result<Vec<OrgPolicy>, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader)?;
        Ok(store::policy_list(reader, op.organization()?)?)
    })
    .await
}

/// A policy by its name or id, as of its newest version.
///
/// # Errors
/// Unknown; not allowed.
pub async fn policy_get(op: &Op, name: &str) -> Result<OrgPolicy, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader)?;
        named(reader, op.organization()?, name)
    })
    .await
}

/// The kept versions of a policy, newest first.
///
/// # Errors
/// Unknown; not allowed.
pub async fn policy_versions(op: &Op, name: &str) -> Result<Vec<OrgPolicy>, GovernanceError> {
    op.read(|reader| {
        authorize(op, reader)?;
        let policy = named(reader, op.organization()?, name)?;
        Ok(store::version_list(reader, policy.id)?)
    })
    .await
}

/// What changed from one version to another, as a unified diff of mode, description, text and tests; the newest
/// version and the one before it when none is named.
///
/// # Errors
/// Unknown, or no such version; not allowed.
pub async fn policy_diff(
    op: &Op,
    name: &str,
    from: Option<u32>,
    to: Option<u32>,
) -> Result<(u32, u32, String), GovernanceError> {
    op.read(|reader| {
        authorize(op, reader)?;
        let policy = named(reader, op.organization()?, name)?;
        let to = to.unwrap_or(policy.version);
        let from = from.unwrap_or_else(|| to.saturating_sub(1));
        let text = |version: u32| {
            let found = store::version_get(reader, policy.id, version)?;
            let found = found.ok_or_else(|| not_found(&format!("{} version {version}", policy.name)))?;
            Ok::<_, GovernanceError>(written(&found.draft))
        };
        let before = if from == 0 { String::new() } else { text(from)? };
        let after = text(to)?;
        let (left, right) = (format!("version {from}"), format!("version {to}"));
        let diff = TextDiff::from_lines(&before, &after).unified_diff().header(&left, &right).to_string();
        Ok((from, to, diff))
    })
    .await
}

pub(super) fn written(draft: &Draft) -> String {
    let cases = serde_json::to_string_pretty(&draft.cases).unwrap_or_default();
    format!(
        "mode: {}\ndescription: {}\n\n{}\n\ntests: {cases}\n",
        draft.mode,
        draft.description,
        draft.source.trim_end()
    )
}
