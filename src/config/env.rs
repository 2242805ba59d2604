//! The process's surroundings, captured once: variables, working directory, who runs it. The only file that
//! calls `std::env`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ConfigError, Origin};

/// Variables that are captured besides `HOLDFAST_…` and `XDG_…`. Everything else of the process's environment
/// (which may hold other programs' secrets) is left where it is.
const CAPTURED: &[&str] =
    &["HOME", "CREDENTIALS_DIRECTORY", "NO_COLOR", "TERM", "EDITOR", "VISUAL", "SHELL", "COLUMNS"];

/// What the clients of other secret managers read, for importing from them.
const CAPTURED_FOR_IMPORT: &[&str] = &[
    "VAULT_ADDR",
    "VAULT_TOKEN",
    "VAULT_NAMESPACE",
    "VAULT_CACERT",
    "BAO_ADDR",
    "BAO_TOKEN",
    "BAO_NAMESPACE",
    "BAO_CACERT",
];

/// What a process finds around it. Debug shows names only: a value may be a token.
pub struct Env {
    variables: BTreeMap<String, OsString>,
    working_dir: PathBuf,
    system_dir: PathBuf,
    service_data_dir: PathBuf,
    is_root: bool,
}

impl Env {
    /// Captures this process's surroundings. The only call into `std::env` in the program, but for [`Env::exported`] and
    /// the environment the CLI hands to a child.
    pub fn from_process() -> Self {
        let listed = |name: &str| CAPTURED.contains(&name) || CAPTURED_FOR_IMPORT.contains(&name);
        let wanted = |name: &str| name.starts_with("HOLDFAST_") || name.starts_with("XDG_") || listed(name);
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| wanted(name))
            .collect();
        Self {
            variables,
            working_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            system_dir: PathBuf::from("/etc/holdfast"),
            service_data_dir: PathBuf::from("/var/lib/holdfast"),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// Every variable of this process with a name in UTF-8, as the shell that started it exports them: for the hook, which
    /// has to put back what it replaces.
    pub fn exported() -> BTreeMap<String, OsString> {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// Surroundings made up by hand: not root, working directory and system directories below `root`.
    pub fn from_variables<N, V>(root: &Path, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        Self {
            variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            working_dir: root.to_owned(),
            system_dir: root.join("etc/holdfast"),
            service_data_dir: root.join("var/lib/holdfast"),
            is_root: false,
        }
    }

    /// The same, run by root or not.
    #[must_use]
    pub fn with_root(mut self, is_root: bool) -> Self {
        self.is_root = is_root;
        self
    }

    /// The same, in another working directory.
    #[must_use]
    pub fn with_working_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.working_dir = dir.into();
        self
    }

    /// The text of a variable. An empty one counts as not set, as the XDG specification has it.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.variables.get(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).ok_or_else(|| ConfigError::BadValue {
                key: name.to_owned(),
                origin: Origin::Variable(name.to_owned()),
                got: None,
                expected: "UTF-8 text".to_owned(),
            }),
        }
    }

    /// Whether a variable is set to something, whatever it is (`NO_COLOR`).
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| !value.is_empty())
    }

    /// A variable that is an absolute path; a relative one is ignored, as the XDG specification has it.
    pub fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Names of all captured variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Where the process was started.
    pub fn working_dir(&self) -> &Path {
        &self.working_dir
    }

    /// `/etc/holdfast`.
    pub fn system_dir(&self) -> &Path {
        &self.system_dir
    }

    /// `/var/lib/holdfast`: the data folder of the system's service.
    pub fn service_data_dir(&self) -> &Path {
        &self.service_data_dir
    }

    /// Whether the effective user is root.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// `$XDG_DATA_HOME/holdfast`, else `~/.local/share/holdfast`.
    ///
    /// # Errors
    /// Neither variable is set.
    pub fn xdg_data_dir(&self) -> Result<PathBuf, ConfigError> {
        self.xdg("XDG_DATA_HOME", ".local/share", "data folder", "HOLDFAST_DATA_DIR")
    }

    /// `$HOLDFAST_CONFIG_DIR`, else `$XDG_CONFIG_HOME/holdfast`, else `~/.config/holdfast`: the user's own
    /// settings and credentials. A relative `HOLDFAST_CONFIG_DIR` is taken from the working directory.
    ///
    /// # Errors
    /// None of them is set, or it is not UTF-8.
    pub fn user_config_dir(&self) -> Result<PathBuf, ConfigError> {
        if let Some(dir) = self.text("HOLDFAST_CONFIG_DIR")? {
            return Ok(self.working_dir.join(dir));
        }
        self.xdg("XDG_CONFIG_HOME", ".config", "settings folder", "HOLDFAST_CONFIG_DIR")
    }

    /// `$XDG_CACHE_HOME/holdfast`, else `~/.cache/holdfast`.
    ///
    /// # Errors
    /// Neither variable is set.
    pub fn cache_dir(&self) -> Result<PathBuf, ConfigError> {
        self.xdg("XDG_CACHE_HOME", ".cache", "cache folder", "XDG_CACHE_HOME")
    }

    fn xdg(&self, base: &str, below_home: &str, what: &'static str, set: &'static str) -> Result<PathBuf, ConfigError> {
        self.absolute_path(base)
            .or_else(|| self.absolute_path("HOME").map(|home| home.join(below_home)))
            .map(|dir| dir.join("holdfast"))
            .ok_or(ConfigError::NoHome { what, set })
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("working_dir", &self.working_dir)
            .field("is_root", &self.is_root)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        Env::from_variables(Path::new("/work"), pairs.iter().copied())
    }

    #[test]
    fn xdg_folders_come_before_home_and_relative_ones_are_ignored() {
        let both = env(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "/data")]);
        assert_eq!(both.xdg_data_dir().expect("set"), Path::new("/data/holdfast"));
        let relative = env(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "data")]);
        assert_eq!(relative.xdg_data_dir().expect("set"), Path::new("/home/ada/.local/share/holdfast"));
        assert!(matches!(env(&[]).xdg_data_dir(), Err(ConfigError::NoHome { .. })));
    }

    #[test]
    fn the_settings_folder_can_be_named_relative_to_the_working_directory() {
        let env = env(&[("HOLDFAST_CONFIG_DIR", "conf"), ("HOME", "/home/ada")]);
        assert_eq!(env.user_config_dir().expect("set"), Path::new("/work/conf"));
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let shown = format!("{:?}", env(&[("HOLDFAST_TOKEN", "sesame")]));
        assert!(shown.contains("HOLDFAST_TOKEN") && !shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn an_empty_variable_is_not_set_and_one_outside_utf8_is_an_error_without_its_value() {
        use std::os::unix::ffi::OsStringExt;
        assert_eq!(env(&[("HOLDFAST_URL", "")]).text("HOLDFAST_URL").expect("readable"), None);
        let bytes = OsString::from_vec(vec![b'x', 0xff]);
        let env = Env::from_variables(Path::new("/"), [("HOLDFAST_URL", bytes)]);
        let error = env.text("HOLDFAST_URL").expect_err("not UTF-8");
        assert_eq!(error.to_string(), "HOLDFAST_URL: the value is not UTF-8 text");
    }
}
