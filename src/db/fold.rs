//! Folding the write-ahead log into the file, beside the writer instead of in it.
//!
//! SQLite would do it in the commit that passes a thousand pages: megabytes are copied and synced while everybody
//! waits. Here a thread of its own copies (writes may go on meanwhile), and the writer only copies what came after,
//! which lets the next write begin the log anew. So the log stays bounded, and nobody waits for more than a few pages.
//!
//! A failed sync of the file is harmless as long as the log is there, and the log is begun anew only after a sync that
//! succeeded. It ends the process all the same: a disk that does not sync is not to be written on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::DbError;
use super::writer::{leave, open_connection};

/// Pages in the log before it is folded, as SQLite's own default.
const PAGES: u32 = 1_000;
/// Pages in the log before the writer folds it all, because the thread does not keep up.
const PAGES_MAX: u32 = 16 * PAGES;

/// Decides when the log is folded, and has it done.
pub(super) struct Folder {
    /// Pages in the log after the newest commit.
    pages: Arc<AtomicU32>,
    /// The thread has done its part.
    done: Arc<AtomicBool>,
    work: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Whether the thread is at it.
    is_running: bool,
    /// Pages at which it begins next. More than usual while a reader keeps the log from being begun anew.
    next: u32,
}

impl Folder {
    /// Takes folding over from `writer`, the connection of all commits.
    pub(super) fn start(writer: &mut Connection, path: &Path) -> Result<Self, DbError> {
        let pages = Arc::new(AtomicU32::new(0));
        let theirs = Arc::clone(&pages);
        // The hook takes the place of SQLite's own, which folds.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, now: std::ffi::c_int| {
            theirs.store(u32::try_from(now).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let done = Arc::new(AtomicBool::new(false));
        let (work, wanted) = sync_channel(1);
        let (conn, theirs) = (open_connection(path)?, Arc::clone(&done));
        let thread = std::thread::Builder::new().name("db-fold".into()).spawn(move || run(&conn, &wanted, &theirs))?;
        Ok(Self { pages, done, work: Some(work), thread: Some(thread), is_running: false, next: PAGES })
    }

    /// After a commit: begins, or ends, a folding when it is time.
    pub(super) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if self.is_running {
            if !self.done.swap(false, Ordering::AcqRel) && pages < PAGES_MAX {
                return;
            }
            self.is_running = false;
            // What could not be folded is tried again after as many pages more, not with every commit.
            self.next = fold(writer).unwrap_or(pages) + PAGES;
        } else if pages >= self.next {
            self.is_running = self.work.as_ref().is_some_and(|work| work.try_send(()).is_ok());
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(conn: &Connection, wanted: &Receiver<()>, done: &AtomicBool) {
    while wanted.recv().is_ok() {
        fold(conn);
        done.store(true, Ordering::Release);
    }
}

/// Copies what can be copied without waiting for anybody; answers how many pages are left, none when it failed.
fn fold(conn: &Connection) -> Option<u32> {
    let folded = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
        let count = |column| row.get::<_, i64>(column).map(|n| u32::try_from(n).unwrap_or(0));
        Ok((count(1)?, count(2)?))
    });
    match folded.map_err(DbError::from) {
        Ok((pages, copied)) => Some(pages.saturating_sub(copied)),
        Err(error) if error.is_io() => leave(&error),
        Err(error) => {
            tracing::warn!(%error, "the write-ahead log was not folded in; it is tried again");
            None
        }
    }
}
