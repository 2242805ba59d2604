//! The one SQLite file: reads where they are asked for, writes through one thread that groups them.
//!
//! Invariants, and what each one stops:
//! - An acknowledged write is on disk: WAL, `synchronous=FULL`, and the answer is sent after the commit. A power
//!   cut loses nothing that was promised.
//! - One connection writes. Waiting operations share a commit, each in a savepoint of its own: one failure does not
//!   touch its neighbours, and no operation waits for a fuller batch. What fails only as the database does needs no
//!   savepoint ([`Db::write_surely`]), and when nobody else writes, not even the way to the writer thread.
//! - A read runs in the calling thread on that thread's connection, inside one transaction that ends when the
//!   guard is dropped: an early return cannot leave a snapshot open that would serve revoked credentials.
//! - After an fsync or write error at commit the process exits. The kernel may have dropped the dirty pages, so a
//!   retry could acknowledge what is not there.
//! - Reader connections are `query_only`: SQL that writes fails anywhere but on the writer.
//!
//! It knows no table: features bring their SQL in `store.rs`, and the only names here are the migrations.

mod error;
mod fold;
mod migrate;
mod reader;
mod values;
mod view;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use error::DbError;
pub use reader::Reader;
pub use view::Number;
pub use writer::{TxState, WriteTx, WriterStats};

/// The oldest SQLite this runs on: earlier ones have WAL and corruption fixes missing.
const SQLITE_MIN: i32 = 3_051_003;

/// A handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// Tells this database from others of the process in the thread-local table of readers.
    number: u64,
    writer: writer::Writer,
}

impl Db {
    /// Opens the file, brings its schema up to date and starts the writer thread.
    ///
    /// # Errors
    /// The file cannot be opened, is no database, was written by a newer Holdfast, or SQLite is too old.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        if rusqlite::version_number() < SQLITE_MIN {
            return Err(DbError::SqliteTooOld(rusqlite::version()));
        }
        let mut conn = writer::open_connection(path)?;
        migrate::run(&mut conn)?;
        let writer = writer::Writer::start(conn, path)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), number, writer }) })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `f` in one read transaction on this thread's connection, which begins with the first statement: what
    /// needs none costs nothing.
    ///
    /// Keep it short and never await inside: it holds a snapshot.
    pub fn read<T, E: From<DbError>>(&self, f: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
        reader::with(self.inner.number, &self.inner.path, self.inner.writer.published(), f)
    }

    /// Runs `f` on the writer thread in a savepoint and answers once its commit is on disk.
    ///
    /// When `f` fails, its changes are undone and only what it left with [`WriteTx::on_rollback`] is kept.
    /// `f` must not block on anything but the database: every other write waits for it.
    pub async fn write<T, E>(&self, f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        writer::typed(self.inner.writer.write(writer::work(f)).await)
    }

    /// [`Db::write`] without a savepoint of its own, for the commonest write there is: the event of a read. When `f` fails
    /// after it wrote, everything that waits for the same commit fails with it, so `f` may fail only where the database
    /// does: what can be wrong with an event is looked at before.
    pub async fn write_surely<T, E>(
        &self,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        writer::typed(self.inner.writer.write_surely(writer::work(f)).await)
    }

    /// [`Db::write`] for threads without an async runtime: start-up, offline commands, tests.
    pub fn write_blocking<T, E>(
        &self,
        f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        writer::typed(self.inner.writer.write_blocking(writer::work(f)))
    }

    /// Hands the writer the state that travels with its transactions; later calls replace it.
    ///
    /// # Errors
    /// The writer has stopped.
    pub fn attach(&self, state: Box<dyn TxState>) -> Result<(), DbError> {
        self.inner.writer.attach(state)
    }

    /// A number as the newest commit left it: never behind a write that was acknowledged. None before the first.
    pub fn number(&self, which: Number) -> Option<u64> {
        self.inner.writer.published().now()[which as usize]
    }

    /// Begins a number with what is stored; without effect once a commit has published it.
    pub fn begin_number(&self, which: Number, number: u64) {
        self.inner.writer.published().begin(which, number);
    }

    /// Counters of the writer since the start.
    pub fn writer_stats(&self) -> WriterStats {
        self.inner.writer.stats()
    }

    /// Finishes what is queued and stops the writer; later writes fail with [`DbError::Stopped`].
    pub fn close(&self) {
        self.inner.writer.close();
    }

    /// The version of the SQLite compiled in.
    pub fn sqlite_version() -> &'static str {
        rusqlite::version()
    }

    /// The newest schema version this binary knows.
    pub fn schema_version() -> u32 {
        migrate::newest()
    }
}

/// Opens the file for reading only, without migrating or starting a writer: for offline tools on a copy.
///
/// # Errors
/// The file cannot be opened, or is no database.
pub fn read_offline<T, E: From<DbError>>(path: &Path, f: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
    reader::offline(path, f)
}

/// The schema version a file has; 0 for a new one.
///
/// # Errors
/// The database failed.
pub fn applied_version(reader: &Reader<'_>) -> Result<u32, DbError> {
    migrate::applied(reader.sql())
}

/// What SQLite finds wrong with the file itself, at most `most` lines; nothing when it is sound. Reads all of it.
///
/// # Errors
/// The database failed.
pub fn quick_check(reader: &Reader<'_>, most: u32) -> Result<Vec<String>, DbError> {
    let mut statement = reader.sql().prepare(&format!("PRAGMA quick_check({most})"))?;
    let lines = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

#[cfg(test)]
mod tests;
