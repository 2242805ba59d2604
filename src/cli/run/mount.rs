//! Variables as a file for programs that read one: mode 0600, there while the program runs, removed at its end. As a named
//! pipe no value is ever on a disk.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::RunArgs;
use crate::cli::context::Place;
use crate::cli::error::CliError;
use crate::cli::variables::Variables;
use crate::config::write_private_file;
use crate::types::SecretBytes;
use crate::vault::format::{self, Format, ObjectName, Variable};

/// Where the file is to be, and how it is written.
pub(super) struct Mount {
    path: PathBuf,
    format: Format,
    object: ObjectName,
    fifo: bool,
}

impl Mount {
    pub(super) fn new(path: &Path, args: &RunArgs, place: &Place) -> Result<Self, CliError> {
        let guessed = || Format::guess(&path.to_string_lossy());
        let format = args.mount_format.map_or_else(guessed, |chosen| chosen.0);
        if format.is_public() {
            return Err(CliError::usage(format!("{format} is not for a file of a program"))
                .hint("holdfast export --format kubernetes-configmap writes one, without restricted values"));
        }
        let object = ObjectName::of(&place.project, &place.environment);
        Ok(Self { path: path.to_owned(), format, object, fifo: args.mount_fifo })
    }

    /// Puts the file there.
    ///
    /// # Errors
    /// Something is there already, a value the format cannot hold, no place to write.
    pub(super) fn put(&self, variables: &Variables) -> Result<Mounted, CliError> {
        let content = self.content(variables)?;
        if self.fifo {
            return self.pipe(content);
        }
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&self.path);
        let mut file = opened.map_err(|error| self.not_put(&error))?;
        let mounted = Mounted { path: self.path.clone(), shared: None };
        file.write_all(content.expose()).map_err(|error| self.not_put(&error))?;
        Ok(mounted)
    }

    /// What the file holds for these variables.
    pub(super) fn content(&self, variables: &Variables) -> Result<SecretBytes, CliError> {
        let listed: Vec<_> =
            variables.values.iter().map(|(name, value)| Variable { name, value: value.expose() }).collect();
        format::write(self.format, &self.object, &listed).map_err(|error| {
            CliError::failed(error.to_string()).hint("--mount-format json holds every value; --exclude leaves it out")
        })
    }

    fn pipe(&self, content: SecretBytes) -> Result<Mounted, CliError> {
        make_pipe(&self.path).map_err(|error| self.not_put(&error))?;
        let shared = Arc::new(Mutex::new(Shared { content: Arc::new(content), ended: false }));
        let mounted = Mounted { path: self.path.clone(), shared: Some(Arc::clone(&shared)) };
        let path = self.path.clone();
        // Nobody joins it: at the end it waits for a reader that will never come, and goes with the process.
        std::thread::Builder::new()
            .name("mount".to_owned())
            .spawn(move || while serve_one(&path, &shared).is_ok() {})
            .map_err(|error| self.not_put(&error))?;
        Ok(mounted)
    }

    fn not_put(&self, error: &std::io::Error) -> CliError {
        let name = self.path.display();
        match error.kind() {
            ErrorKind::AlreadyExists => CliError::failed(format!("--mount: {name} is there already"))
                .hint("name a file that is not there; what an earlier run left behind can be removed"),
            _ => CliError::failed(format!("--mount: cannot write {name}: {error}")),
        }
    }
}

/// A file that is there until this is dropped.
pub(super) struct Mounted {
    path: PathBuf,
    shared: Option<Arc<Mutex<Shared>>>,
}

/// What the thread behind a pipe hands out.
struct Shared {
    content: Arc<SecretBytes>,
    ended: bool,
}

impl Mounted {
    /// Gives the file other content, all or nothing.
    ///
    /// # Errors
    /// No place to write; the old content is then unchanged.
    pub(super) fn replace(&self, content: SecretBytes) -> Result<(), CliError> {
        match &self.shared {
            Some(shared) => shared.lock().unwrap_or_else(PoisonError::into_inner).content = Arc::new(content),
            None => write_private_file(&self.path, content.expose())?,
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        }
        // The program may have taken it away itself.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Waits for one reader and gives it all. The next reader gets a pipe of its own: on the same one the first would never see
/// an end.
fn serve_one(path: &Path, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut pipe = File::options().write(true).open(path)?;
    let content = {
        let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.ended {
            return Err(ErrorKind::NotFound.into());
        }
        let beside = path.with_added_extension(format!("{}.pipe", std::process::id()));
        make_pipe(&beside)?;
        std::fs::rename(&beside, path)?;
        Arc::clone(&shared.content)
    };
    // A reader that stops half way has what it wanted.
    let _ = pipe.write_all(content.expose());
    Ok(())
}

fn make_pipe(path: &Path) -> std::io::Result<()> {
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

    use super::*;

    fn mount(dir: &Path, name: &str, fifo: bool) -> Mount {
        let path = dir.join(name);
        Mount { format: Format::guess(name), path, object: ObjectName::of("shop", "staging"), fifo }
    }

    fn variables(value: &str) -> Variables {
        let answer = serde_json::json!({ "variables": { "A": value } });
        Variables::read(answer.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_file_is_the_owners_and_goes_with_its_guard() {
        let dir = tempfile::tempdir().unwrap();
        let mount = mount(dir.path(), "app.json", false);
        let mounted = mount.put(&variables("1")).unwrap();
        let read = || std::fs::read_to_string(&mount.path).unwrap();
        assert_eq!(read(), "{\n  \"A\": \"1\"\n}\n");
        assert_eq!(std::fs::metadata(&mount.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(mount.put(&variables("2")).err().unwrap().to_string().contains("there already"));
        assert_eq!(read(), "{\n  \"A\": \"1\"\n}\n", "what was there is kept");
        mounted.replace(mount.content(&variables("2")).unwrap()).unwrap();
        assert!(read().contains("\"2\""));
        drop(mounted);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_value_the_format_cannot_hold_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = mount(dir.path(), "app.env", false).put(&variables("a\0b")).err().unwrap();
        assert!(error.to_string().contains("`A`"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_reader_of_a_pipe_gets_all_of_the_newest_and_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let mount = mount(dir.path(), "app.env", true);
        let mounted = mount.put(&variables("1")).unwrap();
        assert!(std::fs::symlink_metadata(&mount.path).unwrap().file_type().is_fifo());
        for _ in 0..20 {
            assert_eq!(std::fs::read_to_string(&mount.path).unwrap(), "A='1'\n");
        }
        mounted.replace(mount.content(&variables("2")).unwrap()).unwrap();
        assert_eq!(std::fs::read_to_string(&mount.path).unwrap(), "A='2'\n");
        drop(mounted);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
