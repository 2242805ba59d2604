//! Looking at a blueprint and its versions.

use std::time::Duration;

use similar::TextDiff;

use super::{BlueprintError, Version, store};
use crate::db::Reader;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::runtime::blueprint::lint::{self, Finding};
use crate::runtime::blueprint::{self, Diagnostic};

/// How long the shortest difference is searched for; after that a longer one is shown.
const DIFF_TIME: Duration = Duration::from_millis(200);

/// A version, and what there is to say about it.
#[derive(Debug)]
pub struct Look {
    /// The version.
    pub version: Version,
    /// What is wrong with it by the rules of today.
    pub errors: Vec<Diagnostic>,
    /// What is allowed in it and still not wise.
    pub findings: Vec<Finding>,
}

impl Look {
    fn at(version: Version) -> Self {
        match blueprint::read(&version.text) {
            Ok(document) => {
                let findings = lint::lint(&version.text, &document, None);
                Self { version, errors: Vec::new(), findings }
            }
            Err(errors) => Self { version, errors, findings: Vec::new() },
        }
    }
}

fn authorized(op: &Op, reader: &Reader<'_>, project: &str, environment: &str) -> Result<Placed, BlueprintError> {
    let placed = access::environment(op, reader, project, environment)?;
    op.authorize(reader, Action::BlueprintRead, &placed.resource())?;
    Ok(placed)
}

/// The blueprint of an environment: this version, or the newest.
///
/// # Errors
/// Unknown or not allowed; there is none, or no such version.
pub async fn blueprint_get(
    op: &Op,
    project: &str,
    environment: &str,
    version: Option<u32>,
) -> Result<Look, BlueprintError> {
    let found = op
        .read(|reader| {
            let placed = authorized(op, reader, project, environment)?;
            let id = placed.environment.id;
            match version {
                None => store::version_newest(reader, id)?.ok_or_else(|| BlueprintError::None(placed.path())),
                Some(version) => wanted(reader, &placed, version),
            }
        })
        .await?;
    Ok(Look::at(found))
}

/// The kept versions of an environment's blueprint, newest first, each without its text.
///
/// # Errors
/// Unknown or not allowed.
pub async fn blueprint_versions(op: &Op, project: &str, environment: &str) -> Result<Vec<Version>, BlueprintError> {
    op.read(|reader| {
        let placed = authorized(op, reader, project, environment)?;
        Ok(store::version_list(reader, placed.environment.id)?)
    })
    .await
}

/// What changed from one version to another, as a unified diff; the newest and the one before it when none is named.
///
/// # Errors
/// Unknown or not allowed; there is none, or no such version.
pub async fn blueprint_diff(
    op: &Op,
    project: &str,
    environment: &str,
    from: Option<u32>,
    to: Option<u32>,
) -> Result<(u32, u32, String), BlueprintError> {
    let (from, to, before, after) = op
        .read(|reader| {
            let placed = authorized(op, reader, project, environment)?;
            let newest = store::version_newest(reader, placed.environment.id)?;
            let newest = newest.ok_or_else(|| BlueprintError::None(placed.path()))?;
            let to = to.unwrap_or(newest.version);
            let from = from.unwrap_or_else(|| to.saturating_sub(1));
            let text = |version: u32| match version {
                0 => Ok(String::new()),
                same if same == newest.version => Ok(newest.text.clone()),
                other => wanted(reader, &placed, other).map(|v| v.text),
            };
            Ok::<_, BlueprintError>((from, to, text(from)?, text(to)?))
        })
        .await?;
    let (left, right) = (format!("version {from}"), format!("version {to}"));
    let diff = TextDiff::configure()
        .timeout(DIFF_TIME)
        .diff_lines(&before, &after)
        .unified_diff()
        .header(&left, &right)
        .to_string();
    Ok((from, to, diff))
}

fn wanted(reader: &Reader<'_>, placed: &Placed, version: u32) -> Result<Version, BlueprintError> {
    let missing = || BlueprintError::NoVersion { environment: placed.path(), version };
    store::version_get(reader, placed.environment.id, version)?.ok_or_else(missing)
}
