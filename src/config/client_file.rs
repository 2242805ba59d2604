//! The files of client commands: the project file found upwards from the working directory, the user's and the
//! system's. They have the same four keys and never a token.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::client::Sourced;
use super::document::{Document, Raw, shorten};
use super::error::ConfigError;
use super::files::write_file;
use super::url::BaseUrl;

/// Names of a project file, the first one found in a directory counts.
const PROJECT_FILES: [&str; 2] = ["holdfast.toml", ".holdfast.toml"];

/// Directories searched upwards.
const MAX_DEPTH: usize = 64;

/// What a client file may say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFile {
    /// The server.
    pub url: Option<Sourced<BaseUrl>>,
    /// The project, by slug or id.
    pub project: Option<Sourced<String>>,
    /// The environment, by slug or id.
    pub environment: Option<Sourced<String>>,
    /// The folder.
    pub path: Option<Sourced<String>>,
}

impl ClientFile {
    /// Reads one; a file that is not there says nothing.
    ///
    /// # Errors
    /// It cannot be read, has an unknown key or a bad value.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let known = ["url", "project", "environment", "path"].map(str::to_owned);
        let mut document = match Document::read(path, &known) {
            Err(ConfigError::Io { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self::default());
            }
            other => other?,
        };
        Ok(Self {
            url: take(&mut document, "url", URL, |text| BaseUrl::parse(text).ok())?,
            project: take(&mut document, "project", NAME, parse_name)?,
            environment: take(&mut document, "environment", NAME, parse_name)?,
            path: take(&mut document, "path", FOLDER, parse_folder)?,
        })
    }
}

pub(super) const URL: &str = "a URL like https://holdfast.example.com, without a path";
pub(super) const NAME: &str = "a slug or an id";
pub(super) const FOLDER: &str = "a folder like /api";

/// A slug or an id: what may stand in a URL path without escapes. The server decides whether it exists.
pub(super) fn parse_name(text: &str) -> Option<String> {
    let fits =
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| text.to_owned())
}

/// An absolute folder path. The server knows the rest of the rules.
pub(super) fn parse_folder(text: &str) -> Option<String> {
    let fits = text.starts_with('/') && text.len() <= 1024 && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
}

fn take<T>(
    document: &mut Document,
    key: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<Sourced<T>>, ConfigError> {
    let Some(entry) = document.take(key) else { return Ok(None) };
    let value = match &entry.raw {
        Raw::Text(text) => parse(text),
        _ => None,
    };
    match value {
        Some(value) => Ok(Some(Sourced { value, origin: entry.origin })),
        None => Err(ConfigError::BadValue {
            key: key.to_owned(),
            origin: entry.origin,
            got: Some(shorten(&entry.raw.shown())),
            expected: expected.to_owned(),
        }),
    }
}

/// The nearest `holdfast.toml` or `.holdfast.toml` in `start` or above it, at most 64 directories up.
pub fn find_project_file(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .take(MAX_DEPTH)
        .flat_map(|dir| PROJECT_FILES.map(|name| dir.join(name)))
        .find(|path| path.is_file())
}

/// What `holdfast setup` writes into a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// The server, when the directory is bound to one.
    pub url: Option<BaseUrl>,
    /// Slug or id.
    pub project: String,
    /// Slug or id.
    pub environment: String,
    /// The folder, when it is not `/`.
    pub path: Option<String>,
}

/// Writes `holdfast.toml` into `dir`, mode 0644, in place of the one there. It holds names only: it belongs into
/// version control.
///
/// # Errors
/// The directory cannot be written to.
pub fn write_project_file(dir: &Path, content: &ProjectFile) -> Result<PathBuf, ConfigError> {
    let url = content.url.as_ref().map(BaseUrl::as_str);
    let lines = [
        ("url", url),
        ("project", Some(content.project.as_str())),
        ("environment", Some(content.environment.as_str())),
        ("path", content.path.as_deref()),
    ];
    let text: String =
        lines.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", toml::Value::from(value?)))).collect();
    let path = dir.join(PROJECT_FILES[0]);
    write_file(&path, text.as_bytes(), 0o644)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_nearest_project_file_upwards_counts() {
        let root = tempfile::tempdir().expect("temporary directory");
        let deep = root.path().join("a/b/c");
        std::fs::create_dir_all(&deep).expect("directories");
        std::fs::write(root.path().join("holdfast.toml"), "").expect("write");
        assert_eq!(find_project_file(&deep), Some(root.path().join("holdfast.toml")));
        std::fs::write(root.path().join("a/.holdfast.toml"), "").expect("write");
        assert_eq!(find_project_file(&deep), Some(root.path().join("a/.holdfast.toml")));
        // A directory of that name (a data folder) is not a project file.
        std::fs::create_dir(deep.join("holdfast.toml")).expect("directory");
        assert_eq!(find_project_file(&deep), Some(root.path().join("a/.holdfast.toml")));
    }

    #[test]
    fn what_setup_writes_is_what_is_read() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let written = ProjectFile {
            url: Some(BaseUrl::localhost(8420, false)),
            project: "shop".to_owned(),
            environment: "staging".to_owned(),
            path: Some("/a\"b".to_owned()),
        };
        let path = write_project_file(dir.path(), &written).expect("written");
        let read = ClientFile::read(&path).expect("readable");
        assert_eq!(read.url.expect("url").value, BaseUrl::localhost(8420, false));
        assert_eq!(read.project.expect("project").value, "shop");
        assert_eq!(read.environment.expect("environment").value, "staging");
        assert_eq!(read.path.expect("path").value, "/a\"b");
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors_with_their_place() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("holdfast.toml");
        let refused = |text: &str| {
            std::fs::write(&path, text).expect("write");
            let message = ClientFile::read(&path).expect_err("refused").to_string();
            message.replace(&path.display().to_string(), "F")
        };
        assert_eq!(
            refused("project = 'a'\nenvironmnt = 'b'"),
            "F:2:1: unknown key `environmnt`; did you mean `environment`?"
        );
        assert_eq!(refused("project = 'a/../b'"), "project (from F:1:1): `a/../b` is not a slug or an id");
        assert_eq!(refused("token = 'x'"), "F:1:1: unknown key `token`");
        assert_eq!(refused("path = 'api'"), "path (from F:1:1): `api` is not a folder like /api");
        assert_eq!(
            refused("url = 1"),
            "url (from F:1:1): `1` is not a URL like https://holdfast.example.com, without a path"
        );
    }

    proptest! {
        #[test]
        fn accepted_names_are_one_path_segment(text in ".{0,70}") {
            if let Some(name) = parse_name(&text) {
                prop_assert!(!name.is_empty() && !name.contains(['/', '.', '%', '?', '#', ' ']));
            }
        }
    }
}
