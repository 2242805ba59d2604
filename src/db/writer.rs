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

/// What an operation came to: a `Result<T, E>` whose types only its caller knows.
pub(super) struct Made {
    is_ok: bool,
    result: Box<dyn Any + Send>,
}

/// An operation without its types: the way to the commit and back is compiled once, and not for each of hundreds.
pub(super) type Work = Box<dyn FnOnce(&mut WriteTx<'_>) -> Made + Send>;

/// Takes the types off an operation; [`typed`] puts them on its answer.
pub(super) fn work<T, E>(f: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static) -> Work
where
    T: Send + 'static,
    E: Send + 'static,
{
    Box::new(move |tx| {
        let result = f(tx);
        Made { is_ok: result.is_ok(), result: Box::new(result) }
    })
}

/// The answer of an operation as its caller knows it: its own, or why there is none.
pub(super) fn typed<T: 'static, E: From<DbError> + 'static>(answer: Result<Made, DbError>) -> Result<T, E> {
    match answer.map(|made| made.result.downcast::<Result<T, E>>()) {
        Ok(Ok(result)) => *result,
        Ok(Err(_)) => Err(DbError::Panicked.into()),
        Err(failure) => Err(failure.into()),
    }
}

struct Operation {
    /// Whether its changes are undone alone when it fails; else those of the whole batch are.
    undone_alone: bool,
    work: Option<Work>,
    made: Option<Made>,
    reply: oneshot::Sender<Result<Made, DbError>>,
}

impl Operation {
    fn new(undone_alone: bool, work: Work) -> (Self, oneshot::Receiver<Result<Made, DbError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { undone_alone, work: Some(work), made: None, reply }, answer)
    }

    /// Runs it; false when its changes are to be undone.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        self.made = catch_unwind(AssertUnwindSafe(|| work(tx))).ok();
        self.made.as_ref().is_some_and(|made| made.is_ok)
    }

    /// Answers the caller, after the commit or instead of it.
    fn answer(self, failure: Option<DbError>) {
        let answer = match (failure, self.made) {
            // It is what the commit failed by, and knows best why.
            (Some(_), Some(own)) if !self.undone_alone && !own.is_ok => Ok(own),
            (Some(failure), _) => Err(failure),
            (None, Some(made)) => Ok(made),
            (None, None) => Err(DbError::Panicked),
        };
        // A caller that went away does not undo what it asked for.
        let _gone = self.reply.send(answer);
    }
}

enum Message {
    Run(Operation),
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

    pub(super) async fn write(&self, work: Work) -> Result<Made, DbError> {
        let (operation, answer) = Operation::new(true, work);
        self.enqueue(operation, answer).await
    }

    pub(super) async fn write_surely(&self, work: Work) -> Result<Made, DbError> {
        let (operation, mut answer) = Operation::new(false, work);
        let Some(operation) = self.commit_here(operation) else {
            return answer.try_recv().unwrap_or(Err(DbError::Stopped));
        };
        self.enqueue(operation, answer).await
    }

    async fn enqueue(
        &self,
        operation: Operation,
        answer: oneshot::Receiver<Result<Made, DbError>>,
    ) -> Result<Made, DbError> {
        if self.queue.send(Message::Run(operation)).await.is_err() {
            return Err(DbError::Stopped);
        }
        answer.await.unwrap_or(Err(DbError::Stopped))
    }

    /// Commits an operation in this thread when nobody else writes: then the way to the writer thread and back, two
    /// threads woken, costs more than the commit. Gives it back when others do, for they share a commit there. Whoever
    /// waits for this thread meanwhile waits for one commit.
    fn commit_here(&self, operation: Operation) -> Option<Operation> {
        let is_alone = self.counters.newest.load(Ordering::Relaxed) <= 1;
        if !is_alone || self.queue.capacity() < QUEUE_MAX {
            return Some(operation);
        }
        let mut committer = match self.committer.try_lock() {
            Ok(committer) => committer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Some(operation),
        };
        let Some(committer) = &mut *committer else { return Some(operation) };
        committer.commit(&mut vec![operation]);
        None
    }

    pub(super) fn write_blocking(&self, work: Work) -> Result<Made, DbError> {
        let (operation, answer) = Operation::new(true, work);
        if self.queue.blocking_send(Message::Run(operation)).is_err() {
            return Err(DbError::Stopped);
        }
        answer.blocking_recv().unwrap_or(Err(DbError::Stopped))
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

/// The writer thread: takes what waits, and commits it together.
fn run(committer: &Mutex<Option<Committer>>, mut waiting: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    // Gone when all senders are.
    while let Some(first) = waiting.blocking_recv() {
        let mut closing = false;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Run(operation) => batch.push(operation),
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

    fn commit(&mut self, batch: &mut Vec<Operation>) {
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
                batch.drain(..).for_each(|operation| operation.answer(None));
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
                for operation in batch.drain(..) {
                    operation.answer(Some(if full { DbError::Full } else { DbError::Corrupt(error.to_string()) }));
                }
            }
        }
    }

    fn transaction(&mut self, batch: &mut [Operation], view: &View) -> Result<(), DbError> {
        execute(&self.conn, "BEGIN IMMEDIATE")?;
        for operation in batch.iter_mut() {
            let reader = Reader::new(&self.conn, view);
            let mut tx = WriteTx { reader, view, state: self.state.as_deref_mut(), on_rollback: Vec::new() };
            if operation.undone_alone {
                tx.in_savepoint(|tx| operation.run(tx))?;
            } else if !operation.run(&mut tx) {
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
