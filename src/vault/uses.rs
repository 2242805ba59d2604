//! Who had a value last: kept to the minute, so that a read does not cost a write of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::store;
use crate::op::{Note, Op};
use crate::types::{ById, Id, Timestamp, kinds};

/// How often one secret's last use is written at most.
const EVERY: Duration = Duration::from_mins(1);
/// Secrets remembered; beyond that all are forgotten, which only writes a little sooner.
const KEPT_MAX: usize = 131_072;

/// Remembers what was written lately.
#[derive(Default)]
pub struct Uses {
    written: Mutex<HashMap<Id<kinds::SecretRow>, Use, ById>>,
}

/// When and by whom a secret was used, as it was written.
#[derive(Clone)]
struct Use {
    at: Timestamp,
    by: Arc<str>,
}

impl Uses {
    /// What to write in the commit of the event about these secrets; none when all were written within the minute.
    pub fn note(&self, secrets: Vec<Id<kinds::SecretRow>>, op: &Op) -> Option<Note> {
        let now = op.now();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() > KEPT_MAX {
            written.clear();
        }
        let mut due = secrets;
        // A clock set back must not keep a use from being written for long.
        due.retain(|id| written.get(id).is_none_or(|used| used.at > now || now.since(used.at) >= EVERY));
        if due.is_empty() {
            return None;
        }
        let by: Arc<str> = op.author().into();
        written.extend(due.iter().map(|id| (*id, Use { at: now, by: Arc::clone(&by) })));
        Some(Box::new(move |tx| store::uses_set(tx, &due, now, &by)))
    }

    /// The last use of a secret, where it was written lately; none: ask the database.
    pub(super) fn last(&self, secret: Id<kinds::SecretRow>) -> Option<(Timestamp, String)> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(&secret).map(|used| (used.at, used.by.to_string()))
    }
}
