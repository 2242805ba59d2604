//! Saving a blueprint.

use super::{BlueprintError, COMMENT_MAX, Version};
use crate::db::{Reader, WriteTx};
use crate::ledger::{Details, Event};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::runtime::blueprint::lint::{self, Finding};
use crate::runtime::blueprint::{self, Document};
use crate::types::ParseError;

/// A blueprint that can be read, and its text.
#[derive(Debug)]
pub struct Draft {
    text: String,
    document: Document,
}

impl Draft {
    /// Reads a text.
    ///
    /// # Errors
    /// [`BlueprintError::Invalid`] with everything that is wrong.
    pub fn read(text: String) -> Result<Self, BlueprintError> {
        let document = blueprint::read(&text).map_err(BlueprintError::Invalid)?;
        Ok(Self { text, document })
    }

    /// What it says.
    pub fn into_blueprint(self) -> blueprint::Blueprint {
        self.document.blueprint
    }

    /// What is allowed in it and still not wise. The variables of the environment are not compared.
    pub fn findings(&self) -> Vec<Finding> {
        lint::lint(&self.text, &self.document, None)
    }
}

/// A blueprint that shall be saved.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Its text.
    pub text: String,
    /// What was changed, in words.
    pub comment: String,
    /// The version the change was made for; 0: there must be none.
    pub base_version: Option<u32>,
    /// Whether only to check it.
    pub dry_run: bool,
}

/// A blueprint that was saved, or would be.
#[derive(Debug)]
pub struct Saved {
    /// The version.
    pub version: Version,
    /// Whether it is a new one; otherwise the newest has this text already.
    pub is_new: bool,
    /// What is allowed in it and still not wise.
    pub findings: Vec<Finding>,
}

/// Saves a blueprint as a new version, or only checks it.
///
/// # Errors
/// Unknown or not allowed; locked; it is not valid; changed meanwhile.
pub async fn blueprint_put(op: &Op, project: &str, environment: &str, wish: Wish) -> Result<Saved, BlueprintError> {
    // Before the work of reading it: who may not save it must not cost that. The writer thread is spared it, too.
    op.read(|reader| {
        let placed = access::environment(op, reader, project, environment)?;
        authorize(op, reader, &placed).map(drop)
    })
    .await?;
    if wish.comment.chars().count() > COMMENT_MAX {
        return Err(ParseError::new("comment", format!("must have at most {COMMENT_MAX} characters")).into());
    }
    let draft = Draft::read(wish.text)?;
    let findings = draft.findings();
    let (project, environment) = (project.to_owned(), environment.to_owned());
    let (version, is_new) = op
        .write(move |op, tx| {
            let placed = access::environment(op, tx, &project, &environment)?;
            let Some(kept) = kept(op, tx, &placed, draft, wish.comment, wish.base_version)? else {
                return newest(tx, &placed);
            };
            if !wish.dry_run {
                keep(op, tx, &placed, &kept)?;
            }
            Ok((kept.version, true))
        })
        .await?;
    Ok(Saved { version, is_new, findings })
}

/// The same within another operation's transaction. The same text as the newest makes no new version.
///
/// # Errors
/// Not allowed; locked; changed meanwhile; the database failed.
pub fn store(
    op: &Op,
    tx: &mut WriteTx<'_>,
    placed: &Placed,
    draft: Draft,
    comment: &str,
    base_version: Option<u32>,
) -> Result<Version, BlueprintError> {
    match kept(op, tx, placed, draft, comment.to_owned(), base_version)? {
        None => Ok(newest(tx, placed)?.0),
        Some(kept) => {
            keep(op, tx, placed, &kept)?;
            Ok(kept.version)
        }
    }
}

fn authorize(op: &Op, reader: &Reader<'_>, placed: &Placed) -> Result<Event, BlueprintError> {
    Ok(op.authorize(reader, Action::BlueprintWrite, &placed.resource())?)
}

/// A version that is to be added.
struct Kept {
    event: Event,
    version: Version,
    digest: [u8; 32],
}

/// The version that a draft makes; none where the newest has this text.
fn kept(
    op: &Op,
    tx: &WriteTx<'_>,
    placed: &Placed,
    draft: Draft,
    comment: String,
    base_version: Option<u32>,
) -> Result<Option<Kept>, BlueprintError> {
    let event = authorize(op, tx, placed)?;
    access::require_unlocked(placed)?;
    let newest = super::store::version_newest(tx, placed.environment.id)?;
    let current = newest.as_ref().map_or(0, |v| v.version);
    if base_version.is_some_and(|base| base != current) {
        return Err(BlueprintError::Stale { current });
    }
    if newest.is_some_and(|newest| newest.text == draft.text) {
        return Ok(None);
    }
    let digest = crate::keys::sha256(draft.text.as_bytes());
    let version = Version {
        version: current + 1,
        text: draft.text,
        comment,
        digest: data_encoding::HEXLOWER.encode(&digest),
        author: op.author(),
        at: event.at(),
    };
    Ok(Some(Kept { event, version, digest }))
}

fn keep(op: &Op, tx: &mut WriteTx<'_>, placed: &Placed, kept: &Kept) -> Result<(), BlueprintError> {
    super::store::version_insert(tx, placed.environment.id, &kept.version, &kept.digest)?;
    let details = Details::new().with("version", kept.version.version).with("digest", kept.version.digest.as_str());
    op.record(tx, kept.event.clone().details(details))?;
    Ok(())
}

/// The newest version, which is there.
fn newest(tx: &WriteTx<'_>, placed: &Placed) -> Result<(Version, bool), BlueprintError> {
    let found = super::store::version_newest(tx, placed.environment.id)?;
    found.map(|version| (version, false)).ok_or_else(|| BlueprintError::None(placed.path()))
}
