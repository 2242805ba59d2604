//! The promises of the writer and the readers, on a real file.

use super::*;

fn fresh() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("t.db")).unwrap();
    db.write_blocking(|tx| {
        tx.sql().execute_batch("CREATE TABLE t (v INTEGER NOT NULL UNIQUE) STRICT").map_err(DbError::from)
    })
    .unwrap();
    (dir, db)
}

fn insert(tx: &WriteTx<'_>, v: i64) -> Result<(), DbError> {
    tx.sql().prepare_cached("INSERT INTO t VALUES (?1)")?.execute([v])?;
    Ok(())
}

fn values(db: &Db) -> Vec<i64> {
    db.read(|r| {
        let mut statement = r.sql().prepare_cached("SELECT v FROM t ORDER BY v")?;
        let rows = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
        Ok::<_, DbError>(rows)
    })
    .unwrap()
}

#[test]
fn a_failed_operation_undoes_only_itself_and_keeps_its_record() {
    let (_dir, db) = fresh();
    db.write_blocking(|tx| insert(tx, 1)).unwrap();
    let failed: Result<(), DbError> = db.write_blocking(|tx| {
        insert(tx, 2)?;
        tx.on_rollback(|tx| insert(tx, 99));
        insert(tx, 1)
    });
    assert!(failed.unwrap_err().is_unique_violation());
    assert_eq!(values(&db), [1, 99]);
}

#[test]
fn a_panic_is_an_error_and_the_writer_goes_on() {
    let (_dir, db) = fresh();
    let failed: Result<(), DbError> = db.write_blocking(|tx| {
        insert(tx, 5)?;
        panic!("inside an operation");
    });
    assert!(matches!(failed, Err(DbError::Panicked)));
    db.write_blocking(|tx| insert(tx, 6)).unwrap();
    assert_eq!(values(&db), [6]);
}

#[test]
fn readers_cannot_write_and_leave_no_transaction_open() {
    let (_dir, db) = fresh();
    let refused: Result<usize, DbError> = db.read(|r| Ok(r.sql().execute("INSERT INTO t VALUES (1)", [])?));
    assert!(refused.is_err());
    db.write_blocking(|tx| insert(tx, 7)).unwrap();
    assert_eq!(values(&db), [7], "the failed read must not have kept its snapshot");
}

#[test]
fn waiting_operations_share_commits() {
    let (_dir, db) = fresh();
    let before = db.writer_stats();
    block_on(async {
        let all = (0..200).map(|v| db.write(move |tx| insert(tx, v)));
        for result in futures_util::future::join_all(all).await {
            result.unwrap();
        }
    });
    let after = db.writer_stats();
    assert_eq!(after.operations - before.operations, 200);
    assert!(after.commits - before.commits < 100, "{} commits for 200 operations", after.commits - before.commits);
}

/// What changes in the header of the write-ahead log when it is begun anew.
fn log_salt(db: &Db) -> Vec<u8> {
    let mut name = db.path().as_os_str().to_owned();
    name.push("-wal");
    std::fs::read(name).unwrap()[16..24].to_vec()
}

#[test]
fn the_log_is_begun_anew_while_writes_go_on_and_loses_none() {
    let (_dir, db) = fresh();
    db.write_blocking(|tx| tx.sql().execute_batch("CREATE TABLE big (b BLOB)").map_err(DbError::from)).unwrap();
    let (first, mut written) = (log_salt(&db), 0);
    while log_salt(&db) == first {
        db.write_blocking(|tx| {
            tx.sql().execute("INSERT INTO big VALUES (zeroblob(100000))", []).map_err(DbError::from)
        })
        .unwrap();
        written += 1;
        assert!(written < 2_000, "200 MB in the log");
    }
    let stored: i64 =
        db.read(|r| Ok::<_, DbError>(r.sql().query_row("SELECT count(*) FROM big", [], |row| row.get(0))?)).unwrap();
    assert_eq!(stored, written);
}

#[derive(Default)]
struct Count {
    now: u32,
    marked: u32,
    durable: u32,
}

impl TxState for Count {
    fn mark(&mut self) {
        self.marked = self.now;
    }
    fn revert(&mut self) {
        self.now = self.marked;
    }
    fn flush(&mut self, _: &Reader<'_>) -> Result<(), DbError> {
        Ok(())
    }
    fn committed(&mut self) {
        self.durable = self.now;
    }
    fn aborted(&mut self) {
        self.now = self.durable;
    }
}

#[test]
fn state_follows_the_savepoint_back() {
    let (_dir, db) = fresh();
    db.attach(Box::new(Count::default())).unwrap();
    let bump = |fail: bool| {
        move |tx: &mut WriteTx<'_>| {
            let (_, count) = tx.parts::<Count>();
            count.expect("attached").now += 1;
            if fail { Err(DbError::Corrupt("asked to".into())) } else { Ok(()) }
        }
    };
    db.write_blocking(bump(false)).unwrap();
    db.write_blocking(bump(true)).unwrap_err();
    db.write_blocking(bump(false)).unwrap();
    let now = db.write_blocking(|tx| Ok::<_, DbError>(tx.parts::<Count>().1.expect("attached").now)).unwrap();
    assert_eq!(now, 2);
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn who_writes_alone_commits_without_the_way_to_the_writer() {
    let (_dir, db) = fresh();
    let surely = |v| db.write_surely(move |tx| insert(tx, v).map(|()| std::thread::current().id()));
    let here = std::thread::current().id();
    assert_eq!(block_on(surely(1)).unwrap(), here);
    let there = busy(&db, 2, async || surely(3).await.unwrap());
    assert_ne!(there, here, "others write: they share a commit");
    assert_eq!(values(&db), [1, 2, 3]);
    db.close();
    assert!(matches!(block_on(surely(4)), Err(DbError::Stopped)));
}

/// Runs `work` while the writer is at an operation that inserts `v`, and which ends when `work` waits.
fn busy<T>(db: &Db, v: i64, work: impl AsyncFnOnce() -> T) -> T {
    let ((begun, has_begun), (release, released)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let operation = db.write(move |tx| {
        begun.send(()).expect("awaited");
        released.recv().expect("released");
        insert(tx, v)
    });
    let beside = async {
        has_begun.recv().expect("it begins");
        tokio::join!(work(), async move { release.send(()).expect("the writer waits") }).0
    };
    let (done, answer) = block_on(async { tokio::join!(operation, beside) });
    done.unwrap();
    answer
}

#[test]
fn what_was_not_to_fail_takes_its_commit_along_and_nothing_else() {
    let (_dir, db) = fresh();
    let failing = || {
        db.write_surely(|tx| {
            insert(tx, 1)?;
            insert(tx, 1)
        })
    };
    assert!(block_on(failing()).unwrap_err().is_unique_violation(), "it says why itself");
    let (beside, failed) = busy(&db, 2, async || tokio::join!(db.write(|tx| insert(tx, 3)), failing()));
    assert!(failed.unwrap_err().is_unique_violation());
    assert!(matches!(beside, Err(DbError::Corrupt(_))), "one commit, undone as one");
    block_on(db.write_surely(|tx| insert(tx, 4))).unwrap();
    assert_eq!(values(&db), [2, 4]);
}

#[test]
fn a_newer_database_is_refused() {
    let (dir, db) = fresh();
    db.write_blocking(|tx| {
        tx.sql()
            .execute(
                "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (9999, 'x', '2026-01-01T00:00:00Z', '1')",
                [],
            )
            .map_err(DbError::from)
    })
    .unwrap();
    db.close();
    let again = Db::open(&dir.path().join("t.db"));
    assert!(matches!(again.err(), Some(DbError::Newer { found: 9999, .. })));
}

#[test]
fn writes_after_close_fail_cleanly() {
    let (_dir, db) = fresh();
    db.close();
    assert!(matches!(db.write_blocking(|tx| insert(tx, 1)), Err(DbError::Stopped)));
}
