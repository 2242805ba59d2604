//! Reads: a connection per thread and database, one RAII transaction per call, begun by its first statement.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::DbError;
use super::view::{Number, Published, View};

/// How many databases a thread keeps connections to. A server has one; tests have many.
const KEPT_PER_THREAD: usize = 4;
/// Prepared statements kept per connection: all the SQL of the hot paths fits.
pub(super) const STATEMENTS_KEPT: usize = 192;

thread_local! {
    static READERS: RefCell<Vec<(u64, Connection)>> = const { RefCell::new(Vec::new()) };
}

/// A consistent view of the database: what every store function that only reads takes.
#[derive(Clone, Copy)]
pub struct Reader<'c> {
    conn: &'c Connection,
    view: &'c View,
}

impl<'c> Reader<'c> {
    pub(super) const fn new(conn: &'c Connection, view: &'c View) -> Self {
        Self { conn, view }
    }

    /// The connection, for the SQL in a `store.rs`. The first call begins the snapshot.
    pub fn sql(&self) -> &'c Connection {
        self.view.begin(self.conn);
        self.conn
    }

    /// Whether this is a snapshot of what is committed, and so stays as it is. On the writer thread it is not: what is
    /// read there may still be undone.
    pub fn is_snapshot(&self) -> bool {
        self.view.is_snapshot()
    }

    /// A number as it was before this snapshot, or as this write has moved it; none when nothing was published yet.
    pub fn number(&self, which: Number) -> Option<u64> {
        self.view.number(which)
    }

    /// Remembers a number that was read in this transaction, for whoever asks next.
    pub fn note_number(&self, which: Number, number: u64) {
        self.view.note(which, number);
    }
}

/// Ends the transaction whatever happens.
struct Snapshot<'c> {
    conn: &'c Connection,
    view: &'c View,
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if !self.view.has_begun() {
            return;
        }
        let ended = self.conn.prepare_cached("ROLLBACK").and_then(|mut s| s.execute([]));
        if let Err(error) = ended {
            tracing::error!(%error, "a read transaction did not end");
        }
    }
}

pub(super) fn with<T, E: From<DbError>>(
    number: u64,
    path: &Path,
    published: &Published,
    f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
) -> Result<T, E> {
    asked(f, |ask| on_kept(number, path, published, ask))
}

pub(super) fn offline<T, E: From<DbError>>(path: &Path, f: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
    asked(f, |ask| in_snapshot(&open(path)?, View::snapshot([None; 2]), ask))
}

/// What is asked of a reader, without its types: what is around it is compiled once, and not for each of hundreds.
type Ask<'a> = &'a mut dyn FnMut(&Reader<'_>);

fn asked<T, E: From<DbError>>(
    f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    around: impl FnOnce(Ask<'_>) -> Result<(), DbError>,
) -> Result<T, E> {
    let (mut f, mut result) = (Some(f), None);
    around(&mut |reader| result = f.take().map(|f| f(reader)))?;
    result.unwrap_or_else(|| Err(DbError::Panicked.into()))
}

fn on_kept(number: u64, path: &Path, published: &Published, ask: Ask<'_>) -> Result<(), DbError> {
    let kept = READERS.with_borrow_mut(|all| all.iter().position(|(n, _)| *n == number).map(|i| all.swap_remove(i).1));
    let conn = kept.map_or_else(|| open(path), Ok)?;
    let result = in_snapshot(&conn, View::snapshot(published.now()), ask);
    if conn.is_autocommit() {
        READERS.with_borrow_mut(|all| {
            if all.len() >= KEPT_PER_THREAD {
                all.remove(0);
            }
            all.push((number, conn));
        });
    }
    result
}

fn in_snapshot(conn: &Connection, view: View, ask: Ask<'_>) -> Result<(), DbError> {
    let snapshot = Snapshot { conn, view: &view };
    ask(&Reader::new(snapshot.conn, snapshot.view));
    snapshot.view.failure().map_or(Ok(()), Err)
}

fn open(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A plan must not depend on what was bound: else SQLite prepares kept statements anew at every use.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(
        "PRAGMA busy_timeout=5000; PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON;",
    )?;
    Ok(conn)
}
