//! Putting a new root key where the old one is, so that a kill at any moment leaves a file that opens the database.
//!
//! ```text
//! 1  root.key.new                 written, on disk
//! 2  the database                 wants the new key and still takes the old one
//! 3  root.key -> root.key.<fingerprint of the old one>, root.key.new -> root.key
//! ```
//!
//! Killed before 2, `root.key.new` opens nothing and is written anew by the next rotation. Killed before or within 3,
//! the next start finishes it. No key that opens something is ever overwritten or removed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::KeyError;
use super::passphrase::PassphraseParameters;
use super::root::{self, Fingerprint, RootKey, Source};

/// Where a new root key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewRoot {
    /// It is made, and written where the configured source is.
    Generate,
    /// Somebody put it into this file, in the form of a key file.
    KeyFile(PathBuf),
    /// Somebody put a passphrase into this file.
    PassphraseFile(PathBuf),
}

/// Takes or makes the new root key. A made one is beside the one in use when this returns, not in its place.
///
/// `stored` are the passphrase parameters of the database, `standing` the root keys that open it, newest first.
///
/// # Errors
/// [`KeyError::RootKeyNotWritable`] when the source is nothing that can be written; what the file lacks.
pub fn prepare(
    new: &NewRoot,
    source: &Source,
    stored: Option<&PassphraseParameters>,
    standing: &[Fingerprint],
) -> Result<RootKey, KeyError> {
    match new {
        NewRoot::KeyFile(path) => root::load_file(path),
        NewRoot::PassphraseFile(path) => root::load_passphrase(path, stored),
        NewRoot::Generate => {
            let path = writable(source)?;
            let fresh = beside(path, "new");
            if fresh.exists() {
                let left = root::load_file(&fresh)?;
                if standing.contains(&left.fingerprint()) {
                    return Err(KeyError::KeyFileExists(fresh));
                }
                // Of a rotation that did not come to its end: it opens nothing.
                fs::remove_file(&fresh).map_err(|problem| KeyError::KeyFile { path: fresh.clone(), problem })?;
            }
            root::create(&fresh)
        }
    }
}

/// Puts a made key in its place once the database wants it (`newest`), keeping the old one beside it. Answers where
/// the old one is; none when there was nothing to do.
///
/// # Errors
/// The file system failed; the next start tries again.
pub fn finish(source: &Source, newest: Fingerprint) -> Result<Option<PathBuf>, KeyError> {
    let Ok(path) = writable(source) else { return Ok(None) };
    let fresh = beside(path, "new");
    if !fresh.exists() || root::load_file(&fresh)?.fingerprint() != newest {
        return Ok(None);
    }
    let old = root::load_file(path)?.fingerprint();
    let kept = beside(path, &old.to_string());
    let failed = |problem| KeyError::KeyFile { path: path.to_owned(), problem };
    if let Err(problem) = fs::hard_link(path, &kept)
        && problem.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(failed(problem));
    }
    fs::rename(&fresh, path).map_err(failed)?;
    File::open(directory(path)).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(Some(kept))
}

/// Takes a made key away again whose rotation was refused.
pub fn abandon(source: &Source, refused: Fingerprint) {
    let Ok(path) = writable(source) else { return };
    let fresh = beside(path, "new");
    if root::load_file(&fresh).is_ok_and(|key| key.fingerprint() == refused) {
        // What stays opens nothing, and the next rotation removes it.
        let _stays = fs::remove_file(&fresh);
    }
}

/// The file of a source that the server may replace. A link is not: the key would land on another disk.
fn writable(source: &Source) -> Result<&Path, KeyError> {
    match source {
        Source::File(path) | Source::DefaultFile(path)
            if fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_file()) =>
        {
            Ok(path)
        }
        other => Err(KeyError::RootKeyNotWritable { source_name: other.to_string() }),
    }
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `root.key` and a word: `root.key.new`.
fn beside(path: &Path, word: &str) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(word);
    path.with_file_name(name)
}
