//! Following the ledger: what is there, then what comes, for as long as whoever follows may read it.

use super::GovernanceError;
use super::audit::{AuditQuery, Names, SeenEvent, authorize, filter};
use crate::ledger::{self, Details, EventFilter};
use crate::op::{Op, OpError};
use crate::orgs::access;
use crate::policy::Action;
use crate::types::Limit;

/// Events that are handed out at once; more follow with the next question.
const AT_ONCE: usize = 200;

/// Where following begins.
#[derive(Debug, Clone, Copy)]
pub enum FollowFrom {
    /// With the newest events that match, at most so many, then what comes.
    Recent(u32),
    /// Behind the event at this place of the log.
    After(u64),
}

/// Somebody who follows the ledger.
pub struct Follow {
    op: Op,
    filter: EventFilter,
    ready: Vec<SeenEvent>,
    next: u64,
    commits: Option<u64>,
}

/// Begins to follow the organization's events; that somebody follows is recorded, once.
///
/// # Errors
/// Not allowed; a project or environment that is not there.
pub async fn audit_follow(op: &Op, query: AuditQuery, from: FollowFrom) -> Result<Follow, GovernanceError> {
    let (filter, ready, next) = op
        .write(move |op, tx| {
            let event = op.authorize(tx, Action::AuditRead, &access::own_organization(op)?)?;
            let filter = filter(op, tx, &query)?;
            let size = ledger::size(tx)?;
            let (mut ready, mut next) = (Vec::new(), size);
            match from {
                FollowFrom::After(seq) => next = seq.saturating_add(1).min(size),
                FollowFrom::Recent(0) => {}
                FollowFrom::Recent(most) => {
                    let mut names = Names::new(tx);
                    for event in ledger::list(tx, &filter, Limit::parse(most)?, None)?.items.into_iter().rev() {
                        ready.push(names.see(event)?);
                    }
                }
            }
            op.record(tx, event.details(Details::new().with("follow", true)))?;
            Ok::<_, GovernanceError>((filter, ready, next))
        })
        .await?;
    Ok(Follow { op: op.clone(), filter, ready, next, commits: None })
}

impl Follow {
    /// What came since the last question, oldest first; empty when nothing did. Who follows is looked up anew each
    /// time: whoever signed out, was disabled or lost the right gets nothing more.
    ///
    /// # Errors
    /// The credential ended; the right was taken away; the database failed.
    pub async fn next(&mut self) -> Result<Vec<SeenEvent>, GovernanceError> {
        let Self { op, filter, ready, next, commits } = self;
        let seen = op.core().db.writer_stats().commits;
        let is_news = commits.replace(seen) != Some(seen);
        let begun = std::mem::take(ready);
        let (events, place, is_behind) = op
            .read(|reader| {
                if !op.still_permits(reader, Action::AuditRead, &access::own_organization(op)?)? {
                    // Asked once more as an act, so that the refusal is recorded and worded like any other.
                    authorize(op, reader, Action::AuditRead)?;
                    return Err(OpError::CredentialGone.into());
                }
                if !begun.is_empty() || !is_news {
                    return Ok::<_, GovernanceError>((Vec::new(), *next, !begun.is_empty()));
                }
                let (events, place) = ledger::since(reader, filter, *next, AT_ONCE)?;
                let mut names = Names::new(reader);
                let events = events.into_iter().map(|e| names.see(e)).collect::<Result<Vec<_>, _>>()?;
                Ok((events, place, place < ledger::size(reader)?))
            })
            .await?;
        // More is there than is handed out at once: the next question looks without waiting for a commit.
        if is_behind {
            *commits = None;
        }
        *next = place;
        Ok(if begun.is_empty() { events } else { begun })
    }
}
