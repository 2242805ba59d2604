//! `[data]`: the folder that holds the database and everything else the server writes.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Warning};
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static DIR: Key = Key {
    section: "data",
    name: "dir",
    kind: Kind::Path,
    fallback: Fallback::Computed(
        "`$XDG_DATA_HOME/holdfast` or `~/.local/share/holdfast`; for root `/var/lib/holdfast` where it exists or a configuration file is used",
    ),
    help: "The folder with the database. Made with mode 0700.",
};

pub(super) const KEYS: &[&Key] = &[&DIR];

/// Where the server keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataConfig {
    /// The data folder, absolute. [`prepare_data_dir`] makes it.
    pub dir: PathBuf,
}

impl DataConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        if let Some(dir) = reader.path(&DIR)? {
            return Ok(Self { dir });
        }
        let service = reader.env.service_data_dir();
        let dir = if reader.env.is_root() && (reader.has_file() || service.is_dir()) {
            service.to_owned()
        } else {
            reader.env.xdg_data_dir()?
        };
        reader.found_out(&DIR, dir.display().to_string());
        Ok(Self { dir })
    }
}

/// Makes the data folder, mode 0700, where it is not there yet. One that others may enter is kept as it is
/// (systemd makes 0755 ones) and warned of: the files in it have modes of their own.
///
/// # Errors
/// It cannot be made, or something else has its name.
pub fn prepare_data_dir(dir: &Path) -> Result<Option<Warning>, ConfigError> {
    let io = |action| move |source| ConfigError::Io { action, path: dir.to_owned(), source };
    if !dir.exists() {
        if let Some(parent) = dir.parent() {
            std::fs::create_dir_all(parent).map_err(io("create"))?;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other.map_err(io("create"))?,
        }
    }
    let metadata = std::fs::metadata(dir).map_err(io("read"))?;
    if !metadata.is_dir() {
        return Err(ConfigError::NotA { path: dir.to_owned(), wanted: "directory" });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then(|| Warning {
        code: "data_dir_open",
        message: format!("others may enter the data folder {} (mode {mode:04o})", dir.display()),
        hint: format!("chmod 700 {}", dir.display()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_data_folder_is_closed_to_others_and_an_open_one_is_warned_of() {
        let root = tempfile::tempdir().expect("temporary directory");
        let dir = root.path().join("a/b/data");
        assert_eq!(prepare_data_dir(&dir).expect("made"), None);
        assert_eq!(std::fs::metadata(&dir).expect("there").permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        assert_eq!(prepare_data_dir(&dir).expect("kept").expect("warned").code, "data_dir_open");
    }

    #[test]
    fn a_file_in_its_place_is_refused() {
        let root = tempfile::tempdir().expect("temporary directory");
        let path = root.path().join("data");
        std::fs::write(&path, "").expect("write");
        assert_eq!(prepare_data_dir(&path).expect_err("a file").code(), "file_wrong_kind");
    }
}
