//! What features loaded, kept in memory until a number moves: where a name of the tree leads until rights change, how
//! a secret is stored until one is written. The answer to what is asked most needs no statement then.
//!
//! What is kept may depend only on what moves the number in the same commit. It is read after the number, so it is
//! never older than its label; and only from a snapshot: what the writer sees may be undone.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::db::{DbError, Number, Reader};
use crate::policy::EpochCache;
use crate::types::{Id, kinds};

/// Facts of the tree kept at most; some 600 bytes each.
const FACTS_MAX: usize = 16_384;
/// Stored secrets kept at most; whoever keeps them bounds their size.
const VALUES_MAX: usize = 4_096;

/// Whose it is, of which type, and the words it was found by.
type Key = (Id<kinds::Organization>, TypeId, String);

/// What is kept, of all organizations.
pub struct Remembered {
    until: Number,
    kept: EpochCache<Key, Arc<dyn Any + Send + Sync>>,
}

impl Remembered {
    /// Until rights change.
    pub fn of_rights() -> Self {
        Self { until: Number::Rights, kept: EpochCache::new(FACTS_MAX) }
    }

    /// Until a value is written.
    pub fn of_values() -> Self {
        Self { until: Number::Values, kept: EpochCache::new(VALUES_MAX) }
    }

    /// What `load` finds for `words` in the organization, kept when it says that it is worth it.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn get_or_load<T, E>(
        &self,
        reader: &Reader<'_>,
        organization: Id<kinds::Organization>,
        words: String,
        load: impl FnOnce() -> Result<(T, Keep), E>,
    ) -> Result<Arc<T>, E>
    where
        T: Any + Send + Sync,
        E: From<DbError>,
    {
        let number = reader.number(self.until).filter(|_| reader.is_snapshot());
        let Some(number) = number else { return Ok(Arc::new(load()?.0)) };
        let key = (organization, TypeId::of::<T>(), words);
        if let Some(found) = self.kept.get(number, &key).and_then(|found| found.downcast::<T>().ok()) {
            return Ok(found);
        }
        let (found, keep) = load()?;
        let found = Arc::new(found);
        if keep == Keep::Yes {
            let any: Arc<dyn Any + Send + Sync> = found.clone();
            self.kept.put(number, key, any);
        }
        Ok(found)
    }
}

/// Whether something is worth the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is.
    Yes,
    /// It is too large, or it is the answer to a name that leads nowhere, of which there are endlessly many.
    No,
}
