//! Reading and writing files that matter: with limits, the owner's eyes only, and never half.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::ConfigError;
use crate::types::{Secret, SecretBytes};

/// Largest key, token, password or credential file, in bytes.
pub const SECRET_FILE_LIMIT: usize = 64 * 1024;

/// Temporary names tried before giving up: more than the writers that can die half way.
const TEMPORARY_NAMES: u32 = 16;

/// Reads a file with a key, a passphrase or a stored token: at most 64 KiB, and nobody but its owner may read it.
///
/// # Errors
/// Others may read it ([`ConfigError::Exposed`], whose hint is the chmod command), it is no regular file, too
/// large, or cannot be read.
pub fn read_secret_file(path: &Path) -> Result<SecretBytes, ConfigError> {
    // Below systemd's credentials directory the group bits are the mask of an access list for the service's
    // user, and the directory itself is closed to others.
    let is_credential = path.starts_with("/run/credentials");
    read(path, SECRET_FILE_LIMIT, if is_credential { 0o007 } else { 0o077 })
}

/// Reads a file handed to a command (`--password-file`, a value): any mode, at most `limit` bytes, and one line
/// end at its end, which editors add, is taken off.
///
/// # Errors
/// It is no regular file or pipe, larger than `limit` bytes without that line end, or cannot be read.
pub fn read_input_file(path: &Path, limit: usize) -> Result<SecretBytes, ConfigError> {
    let content = read(path, limit.saturating_add(2), 0)?;
    let bytes = content.expose();
    let bytes = bytes.strip_suffix(b"\n").map_or(bytes.as_slice(), |rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    if bytes.len() > limit {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(Secret::new(bytes.to_vec()))
}

/// Reads a file handed to a command as it is, byte for byte: any mode, at most `limit` bytes.
///
/// # Errors
/// It is no regular file or pipe, larger than `limit` bytes, or cannot be read.
pub fn read_whole_file(path: &Path, limit: usize) -> Result<SecretBytes, ConfigError> {
    read(path, limit, 0)
}

/// Reads UTF-8 text without a byte order mark; wiped on drop, since it may hold a DSN.
pub(super) fn read_text_file(path: &Path, limit: usize) -> Result<Zeroizing<String>, ConfigError> {
    text_of(path, &read(path, limit, 0)?)
}

/// A secret file's text.
pub(super) fn read_secret_text(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    text_of(path, &read_secret_file(path)?)
}

fn text_of(path: &Path, bytes: &SecretBytes) -> Result<Zeroizing<String>, ConfigError> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| ConfigError::NotText { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned()))
}

/// Reads at most `limit` bytes of a file none of whose `forbidden` permission bits are set. Asks the opened
/// file, not the path, so nobody can swap it in between.
fn read(path: &Path, limit: usize, forbidden: u32) -> Result<SecretBytes, ConfigError> {
    let io = |source| ConfigError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if metadata.is_dir() || (forbidden != 0 && !metadata.is_file()) {
        return Err(ConfigError::NotA { path: path.to_owned(), wanted: "file" });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & forbidden != 0 {
        return Err(ConfigError::Exposed { path: path.to_owned(), mode });
    }
    let too_large = || ConfigError::TooLarge { path: path.to_owned(), limit };
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large());
    }
    // Room for all of it at once: a buffer that grows leaves copies behind. A pipe tells no size.
    let room = if metadata.is_file() { size.saturating_add(1) } else { limit.saturating_add(1).min(1 << 20) };
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut content).map_err(io)?;
    if content.len() > limit {
        return Err(too_large());
    }
    Ok(Secret::new(std::mem::take(&mut *content)))
}

/// Writes a file only its owner may read (mode 0600), all or nothing: a new file beside it, made durable and
/// put in its place. Its directory must exist.
///
/// # Errors
/// The directory is not there or not writable, or the disk is full; the old file is then unchanged.
pub fn write_private_file(path: &Path, content: &[u8]) -> Result<(), ConfigError> {
    write_file(path, content, 0o600)
}

/// Writes a file everybody may read (mode 0644), in the same way: one that is meant to be committed.
///
/// # Errors
/// As [`write_private_file`].
pub fn write_shared_file(path: &Path, content: &[u8]) -> Result<(), ConfigError> {
    write_file(path, content, 0o644)
}

/// The same with a mode of one's own.
pub(super) fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), ConfigError> {
    let io = |source| ConfigError::Io { action: "write", path: path.to_owned(), source };
    let (temporary, mut file) = create_beside(path, mode).map_err(io)?;
    let written = file
        // The mode given at creation is cut by the umask, which must not decide here.
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .and_then(|()| file.write_all(content))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // Best effort: the error that matters is the one reported.
        let _ = std::fs::remove_file(&temporary);
        return Err(io(error));
    }
    // The rename itself is durable when the directory is.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
}

fn create_beside(path: &Path, mode: u32) -> std::io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let process = std::process::id();
    for attempt in 0..TEMPORARY_NAMES {
        let temporary = path.with_file_name(format!(".{name}.{process}-{attempt}.tmp"));
        // create_new follows no symbolic link somebody may have put there.
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Makes a directory of the user's own, mode 0700, with the ones above it.
///
/// # Errors
/// One of them cannot be made.
pub fn create_private_dir(dir: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| ConfigError::Io {
        action: "create",
        path: dir.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("file");
        std::fs::write(&path, content).expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        (dir, path)
    }

    #[test]
    fn a_secret_file_others_can_read_is_refused_with_the_command_that_fixes_it() {
        for mode in [0o644, 0o640, 0o604, 0o660, 0o610] {
            let (_dir, path) = file(b"sesame", mode);
            let error = read_secret_file(&path).expect_err("exposed");
            assert_eq!((error.code(), error.hint()), ("file_exposed", format!("chmod 600 {}", path.display())));
            assert!(!error.to_string().contains("sesame"));
        }
        for mode in [0o600, 0o400] {
            let (_dir, path) = file(b"sesame\n", mode);
            assert_eq!(read_secret_file(&path).expect("private").expose(), b"sesame\n");
        }
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let (_dir, path) = file(&vec![b'a'; SECRET_FILE_LIMIT], 0o600);
        assert_eq!(read_secret_file(&path).expect("at the limit").expose().len(), SECRET_FILE_LIMIT);
        let (_dir, path) = file(&vec![b'a'; SECRET_FILE_LIMIT + 1], 0o600);
        assert_eq!(read_secret_file(&path).expect_err("beyond").code(), "file_too_large");
        let (_dir, path) = file(b"1234\r\n", 0o644);
        assert_eq!(read_input_file(&path, 4).expect("line end does not count").expose(), b"1234");
        assert_eq!(read_input_file(&path, 3).expect_err("beyond").code(), "file_too_large");
        assert_eq!(read_whole_file(&path, 5).expect_err("beyond").code(), "file_too_large");
    }

    #[test]
    fn exactly_one_line_end_is_taken_off_an_input_file() {
        for (content, kept) in
            [("a\n\n", "a\n"), ("a\r\n", "a"), ("a\n", "a"), ("a", "a"), ("a\r", "a\r"), ("\n", ""), ("", "")]
        {
            let (_dir, path) = file(content.as_bytes(), 0o644);
            assert_eq!(read_input_file(&path, 10).expect("readable").expose(), kept.as_bytes(), "{content:?}");
        }
    }

    #[test]
    fn missing_files_and_directories_are_named() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(read_secret_file(dir.path()).expect_err("a directory").code(), "file_wrong_kind");
        let error = read_secret_file(&dir.path().join("none")).expect_err("missing");
        assert_eq!(error.code(), "file_unavailable");
        assert!(error.to_string().contains("none"), "{error}");
    }

    #[test]
    fn a_private_file_replaces_the_old_one_whole_and_leaves_nothing_beside_it() {
        let (dir, path) = file(b"old and longer", 0o644);
        write_private_file(&path, b"new").expect("written");
        assert_eq!(read_secret_file(&path).expect("now private").expose(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let target = dir.path().join("taken");
        std::fs::create_dir(&target).expect("a directory in its place");
        assert_eq!(write_private_file(&target, b"new").expect_err("a directory").code(), "file_unavailable");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 1);
    }
}
