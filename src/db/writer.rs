//! The writer thread: what waits is put into one commit, each operation in its own savepoint.

use std::any::Any;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{mpsc, oneshot};

use super::fold::Folder;
use super::reader::STATEMENTS_KEPT;
use super::view::{Number, Published, View};
use super::{DbError, Reader};

/// Operations in one commit at most. More gains nothing measurable and delays the first.
const BATCH_MAX: usize = 64;
/// Operations waiting at most; a caller beyond that waits to be queued.
const QUEUE_MAX: usize = 1_024;

/// State in memory that must follow the transaction: forward with a commit, back with a rollback.
///
/// The ledger keeps the frontier of its tree in one.
pub trait TxState: Any + Send {
    /// A savepoint begins: remember where we are.
    fn mark(&mut self);
    /// The savepoint was undone: go back to the last mark.
    fn revert(&mut self);
    /// The transaction is about to commit: write what was kept in memory.
    ///
    /// # Errors
    /// The SQL failed; the whole batch is undone.
    fn flush(&mut self, sql: &Reader<'_>) -> Result<(), DbError>;
    /// The commit is on disk.
    fn committed(&mut self);
    /// The whole batch was undone: go back to the last commit.
    fn aborted(&mut self);
}

/// What an operation may do on the writer thread. Reads through it see its own writes.
pub struct WriteTx<'c> {
    reader: Reader<'c>,
    view: &'c View,
    state: Option<&'c mut (dyn TxState + 'static)>,
    on_rollback: Vec<OnRollback>,
}

type OnRollback = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<(), DbError> + Send>;

impl<'c> Deref for WriteTx<'c> {
    type Target = Reader<'c>;
    fn deref(&self) -> &Reader<'c> {
        &self.reader
    }
}

impl<'c> WriteTx<'c> {
    /// The reader and the attached state, when it is an `S`.
    pub fn parts<S: TxState>(&mut self) -> (Reader<'c>, Option<&mut S>) {
        let state = self.state.as_deref_mut().and_then(|s| (s as &mut dyn Any).downcast_mut::<S>());
        (self.reader, state)
    }

    /// Keeps `f` for the case that this operation fails: it then runs in a savepoint of its own, after the
    /// operation's changes were undone. This is how a denied attempt is recorded.
    pub fn on_rollback(&mut self, f: impl FnOnce(&mut WriteTx<'_>) -> Result<(), DbError> + Send + 'static) {
        self.on_rollback.push(Box::new(f));
    }

    /// Forgets what was to be kept so far: a rehearsal leaves nothing behind.
    pub fn keep_nothing(&mut self) {
        self.on_rollback.clear();
    }

    /// Moves a number: it is published once the commit is on disk, before anybody is answered, and is as before when
    /// this operation is undone.
    pub fn set_number(&self, which: Number, number: u64) {
        self.reader.note_number(which, number);
    }

    /// Moves a number that only has to differ from what it was.
    pub fn raise_number(&self, which: Number) {
        self.set_number(which, self.reader.number(which).unwrap_or(0).saturating_add(1));
    }
}

/// Counters of the writer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commits made.
    pub commits: u64,
    /// Operations in them.
    pub operations: u64,
    /// Operations that wait now.
    pub waiting: u64,
}

trait Job: Send {
    /// Whether its changes are undone alone when it fails; else those of the whole batch are.
    fn is_undone_alone(&self) -> bool;
    /// Runs the operation; false when its changes are to be undone.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Answers the caller, after the commit or instead of it.
    fn answer(self: Box<Self>, failure: Option<DbError>);
}

struct Operation<F, T, E> {
    undone_alone: bool,
    f: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Operation<F, T, E>
where
    F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn is_undone_alone(&self) -> bool {
        self.undone_alone
    }

    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        let Some(f) = self.f.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| f(tx))).unwrap_or_else(|_| Err(DbError::Panicked.into()));
        let ok = result.is_ok();
        self.result = Some(result);
        ok
    }

    fn answer(self: Box<Self>, failure: Option<DbError>) {
        let result = match (failure, self.result) {
            // It is what the commit failed by, and knows best why.
            (Some(_), Some(Err(own))) if !self.undone_alone => Err(own),
            (Some(failure), _) => Err(failure.into()),
            (None, Some(result)) => result,
            (None, None) => Err(DbError::Panicked.into()),
        };
        // A caller that went away does not undo what it asked for.
        let _gone = self.reply.send(result);
    }
}

enum Message {
    Run(Box<dyn Job>),
    Close,
}

/// The connection that writes, until the database is closed.
type Shared = Arc<Mutex<Option<Committer>>>;

pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    committer: Shared,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    operations: AtomicU64,
    /// Operations in the newest commit.
    newest: AtomicUsize,
    published: Published,
}

impl Writer {
    pub(super) fn start(mut conn: Connection, path: &Path) -> Result<Self, DbError> {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let counters = Arc::new(Counters::default());
        let folder = Folder::start(&mut conn, path)?;
        let committer = Committer { conn, folder, state: None, counters: Arc::clone(&counters) };
        let committer = Arc::new(Mutex::new(Some(committer)));
        let theirs = Arc::clone(&committer);
        let thread = std::thread::Builder::new().name("db-writer".into()).spawn(move || run(&theirs, waiting))?;
        Ok(Self { queue, committer, thread: Mutex::new(Some(thread)), counters })
    }

    pub(super) async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (job, answer) = operation(true, f);
        self.enqueue(job, answer).await
    }

    pub(super) async fn write_surely<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (job, mut answer) = operation(false, f);
        let Some(job) = self.commit_here(job) else {
            return answer.try_recv().unwrap_or_else(|_| Err(DbError::Stopped.into()));
        };
        self.enqueue(job, answer).await
    }

    async fn enqueue<T, E: From<DbError>>(&self, job: Box<dyn Job>, answer: Answer<T, E>) -> Result<T, E> {
        if self.queue.send(Message::Run(job)).await.is_err() {
            return Err(DbError::Stopped.into());
        }
        answer.await.unwrap_or_else(|_| Err(DbError::Stopped.into()))
    }

    /// Commits an operation in this thread when nobody else writes: then the way to the writer thread and back, two
    /// threads woken, costs more than the commit. Gives it back when others do, for they share a commit there. Whoever
    /// waits for this thread meanwhile waits for one commit.
    fn commit_here(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        let is_alone = self.counters.newest.load(Ordering::Relaxed) <= 1;
        if !is_alone || self.queue.capacity() < QUEUE_MAX {
            return Some(job);
        }
        let mut committer = match self.committer.try_lock() {
            Ok(committer) => committer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Some(job),
        };
        let Some(committer) = &mut *committer else { return Some(job) };
        committer.commit(&mut vec![job]);
        None
    }

    pub(super) fn write_blocking<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (job, answer) = operation(true, f);
        if self.queue.blocking_send(Message::Run(job)).is_err() {
            return Err(DbError::Stopped.into());
        }
        answer.blocking_recv().unwrap_or_else(|_| Err(DbError::Stopped.into()))
    }

    pub(super) fn attach(&self, state: Box<dyn TxState>) -> Result<(), DbError> {
        let mut committer = lock(&self.committer);
        committer.as_mut().ok_or(DbError::Stopped)?.state = Some(state);
        Ok(())
    }

    pub(super) fn stats(&self) -> WriterStats {
        WriterStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            operations: self.counters.operations.load(Ordering::Relaxed),
            waiting: QUEUE_MAX.saturating_sub(self.queue.capacity()) as u64,
        }
    }

    pub(super) fn published(&self) -> &Published {
        &self.counters.published
    }

    pub(super) fn close(&self) {
        let thread = self.thread.lock().map(|mut t| t.take()).unwrap_or_default();
        let Some(thread) = thread else { return };
        let mut message = Message::Close;
        while let Err(mpsc::error::TrySendError::Full(back)) = self.queue.try_send(message) {
            message = back;
            std::thread::yield_now();
        }
        let _panicked = thread.join();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

type Answer<T, E> = oneshot::Receiver<Result<T, E>>;

fn operation<T, E, F>(undone_alone: bool, f: F) -> (Box<dyn Job>, Answer<T, E>)
where
    F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Operation { undone_alone, f: Some(f), result: None, reply }), answer)
}

/// The writer thread: takes what waits, and commits it together.
fn run(committer: &Mutex<Option<Committer>>, mut waiting: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    // Gone when all senders are.
    while let Some(first) = waiting.blocking_recv() {
        let mut closing = false;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Run(job) => batch.push(job),
                Message::Close => closing = true,
            }
            if batch.len() < BATCH_MAX && !closing {
                next = waiting.try_recv().ok();
            }
        }
        if !batch.is_empty()
            && let Some(committer) = &mut *lock(committer)
        {
            committer.commit(&mut batch);
        }
        if closing {
            if let Some(mut committer) = lock(committer).take() {
                committer.folder.stop();
                committer.fold_log();
            }
            return;
        }
    }
}

/// A panic under the lock is one of the commit itself: the next one fails on its open transaction, which is undone then.
fn lock(committer: &Mutex<Option<Committer>>) -> MutexGuard<'_, Option<Committer>> {
    committer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one connection that writes.
struct Committer {
    conn: Connection,
    folder: Folder,
    state: Option<Box<dyn TxState>>,
    counters: Arc<Counters>,
}

impl Committer {
    /// Moves the write-ahead log into the file, so that the next start has nothing to recover. A reader that is still
    /// there only makes it incomplete: the log stays and loses nothing.
    fn fold_log(&self) {
        if let Err(error) = self.conn.execute_batch("PRAGMA busy_timeout=500; PRAGMA wal_checkpoint(TRUNCATE);") {
            tracing::warn!(%error, "the write-ahead log was not folded in; the next start does it");
        }
    }

    fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) {
        let view = View::writer(self.counters.published.now());
        match self.transaction(batch, &view) {
            Ok(()) => {
                self.counters.published.set(&view.numbers());
                if let Some(state) = &mut self.state {
                    state.committed();
                }
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.operations.fetch_add(batch.len() as u64, Ordering::Relaxed);
                self.counters.newest.store(batch.len(), Ordering::Relaxed);
                batch.drain(..).for_each(|job| job.answer(None));
                self.folder.after_commit(&self.conn);
            }
            Err(error) if error.is_io() => leave(&error),
            Err(error) => {
                let _already = self.conn.execute_batch("ROLLBACK");
                if let Some(state) = &mut self.state {
                    state.aborted();
                }
                let full = error.is_full();
                tracing::error!(%error, "a batch of writes was undone");
                for job in batch.drain(..) {
                    job.answer(Some(if full { DbError::Full } else { DbError::Corrupt(error.to_string()) }));
                }
            }
        }
    }

    fn transaction(&mut self, batch: &mut [Box<dyn Job>], view: &View) -> Result<(), DbError> {
        execute(&self.conn, "BEGIN IMMEDIATE")?;
        for job in batch.iter_mut() {
            let reader = Reader::new(&self.conn, view);
            let mut tx = WriteTx { reader, view, state: self.state.as_deref_mut(), on_rollback: Vec::new() };
            if job.is_undone_alone() {
                tx.in_savepoint(|tx| job.run(tx))?;
            } else if !job.run(&mut tx) {
                if self.conn.is_autocommit() {
                    return Err(DbError::Full);
                }
                return Err(DbError::Corrupt("an operation that was not to fail did".into()));
            }
            for kept in std::mem::take(&mut tx.on_rollback) {
                let mut failure = None;
                tx.in_savepoint(|tx| kept(tx).map_err(|e| failure = Some(e)).is_ok())?;
                // What was promised to be recorded could not be: nobody in this batch may be answered.
                failure.map_or(Ok(()), Err)?;
            }
        }
        if let Some(state) = &mut self.state {
            state.flush(&Reader::new(&self.conn, view))?;
        }
        execute(&self.conn, "COMMIT")
    }
}

impl WriteTx<'_> {
    /// Runs `f` between a savepoint and its release, or its undoing when `f` says false.
    fn in_savepoint(&mut self, f: impl FnOnce(&mut Self) -> bool) -> Result<(), DbError> {
        let conn = self.reader.sql();
        let before = self.view.numbers();
        execute(conn, "SAVEPOINT operation")?;
        if let Some(state) = self.state.as_deref_mut() {
            state.mark();
        }
        if f(self) {
            self.on_rollback.clear();
        } else {
            if conn.is_autocommit() {
                // SQLite itself ended the transaction (disk full, I/O error): nothing of the batch is left.
                return Err(DbError::Full);
            }
            execute(conn, "ROLLBACK TO operation")?;
            self.view.set_numbers(before);
            if let Some(state) = self.state.as_deref_mut() {
                state.revert();
            }
        }
        execute(conn, "RELEASE operation")
    }
}

/// Ends the process: what the disk holds is no longer known, and a retry could make it worse.
pub(super) fn leave(error: &DbError) -> ! {
    tracing::error!(%error, code = "storage_io", "the disk failed under a commit; exiting, nothing unwritten was acknowledged");
    #[expect(clippy::disallowed_methods, reason = "no destructor may run: none can know what is on disk")]
    std::process::exit(1)
}

fn execute(conn: &Connection, sql: &str) -> Result<(), DbError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

pub(super) fn open_connection(path: &Path) -> Result<Connection, DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A plan must not depend on what was bound: else SQLite prepares kept statements anew at every use.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.execute_batch(
        "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;
         PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;
         PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;",
    )?;
    Ok(conn)
}
