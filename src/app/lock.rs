//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::AppError;

/// The most bytes read of the lock file: a process id and a line end.
const PID_MAX: u64 = 16;

/// The lock on `<data dir>/lock`, held until this is dropped; the kernel gives it back when the process dies.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock, and writes this process's id where others find it.
    ///
    /// # Errors
    /// [`AppError::Busy`] when another process holds it; the file cannot be made.
    pub fn take(dir: &Path) -> Result<Self, AppError> {
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(AppError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AppError::Busy { pid: holder(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(AppError::io("lock", &path)(source)),
        }
        give_to_owner(&file, dir);
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
        written.map_err(AppError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Root may run a tool on a service's data before the service ever started: the file must stay the service's.
fn give_to_owner(file: &File, dir: &Path) {
    let (Ok(own), Ok(dir)) = (file.metadata(), std::fs::metadata(dir)) else { return };
    if own.uid() != dir.uid() {
        // Best effort: only root can, and only root needs to.
        let _refused = std::os::unix::fs::fchown(file, Some(dir.uid()), Some(dir.gid()));
    }
}
