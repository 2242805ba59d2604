//! What a transaction sees: the connection, and the numbers that travel with commits.
//!
//! A number says how far something has moved: rights, values. It is known without asking SQLite, so a request whose
//! answer is still in memory touches the database only to record that it left. It is published after the commit that
//! moved it and before that commit's callers are answered: whoever asks after an answer sees it moved.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::DbError;

/// Which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// The authorization epoch.
    Rights,
    /// Moves whenever a stored value or what belongs to it changes.
    Values,
}

const NUMBERS: usize = 2;

/// The numbers as of one moment; none where nothing was published yet.
type Numbers = [Option<u64>; NUMBERS];

/// The numbers of the newest commit.
#[derive(Default)]
pub(super) struct Published([AtomicU64; NUMBERS]);

impl Published {
    /// The numbers as they are now.
    pub(super) fn now(&self) -> Numbers {
        // One more is stored: 0 says that there is none.
        std::array::from_fn(|at| self.0[at].load(Ordering::Acquire).checked_sub(1))
    }

    /// Publishes what a commit moved.
    pub(super) fn set(&self, numbers: &Numbers) {
        for (slot, number) in self.0.iter().zip(numbers) {
            if let Some(number) = number {
                slot.store(number.saturating_add(1), Ordering::Release);
            }
        }
    }

    /// Begins a number; without effect once a commit has published it.
    pub(super) fn begin(&self, which: Number, number: u64) {
        let first = number.saturating_add(1);
        // Lost to a commit that published meanwhile: what it said is newer.
        let _newer = self.0[which as usize].compare_exchange(0, first, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// One transaction's side of a connection.
pub(super) struct View {
    numbers: Cell<Numbers>,
    /// None on the writer, whose transaction is begun by its own hand.
    lazy: Option<Lazy>,
}

/// A read transaction that begins with its first statement, if there is one.
#[derive(Default)]
struct Lazy {
    begun: Cell<bool>,
    failure: RefCell<Option<DbError>>,
}

impl View {
    /// A snapshot, of the moment of its first statement. `numbers` are from before: never ahead of what it shows.
    pub(super) fn snapshot(numbers: Numbers) -> Self {
        Self { numbers: Cell::new(numbers), lazy: Some(Lazy::default()) }
    }

    /// The writer's open transaction.
    pub(super) fn writer(numbers: Numbers) -> Self {
        Self { numbers: Cell::new(numbers), lazy: None }
    }

    pub(super) fn numbers(&self) -> Numbers {
        self.numbers.get()
    }

    pub(super) fn set_numbers(&self, numbers: Numbers) {
        self.numbers.set(numbers);
    }

    pub(super) fn number(&self, which: Number) -> Option<u64> {
        self.numbers.get()[which as usize]
    }

    pub(super) fn note(&self, which: Number, number: u64) {
        let mut numbers = self.numbers.get();
        numbers[which as usize] = Some(number);
        self.numbers.set(numbers);
    }

    pub(super) fn is_snapshot(&self) -> bool {
        self.lazy.is_some()
    }

    /// Begins a snapshot that was not begun.
    pub(super) fn begin(&self, conn: &Connection) {
        let Some(lazy) = &self.lazy else { return };
        if !lazy.begun.replace(true)
            && let Err(error) = conn.prepare_cached("BEGIN").and_then(|mut s| s.execute([]))
        {
            lazy.failure.replace(Some(error.into()));
        }
    }

    /// Whether the transaction was begun and is to be ended.
    pub(super) fn has_begun(&self) -> bool {
        self.lazy.as_ref().is_some_and(|lazy| lazy.begun.get())
    }

    /// Why it could not be begun: what was read then is no snapshot, and nobody may have it.
    pub(super) fn failure(&self) -> Option<DbError> {
        self.lazy.as_ref().and_then(|lazy| lazy.failure.take())
    }
}
