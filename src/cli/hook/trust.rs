//! Which project files the user said yes or no to. A yes is for a path and what the file held then: changed by anybody, the
//! file is asked about again. A no is for the path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::error::CliError;
use crate::config::{ConfigError, Env, create_private_dir, read_secret_file, read_whole_file, write_private_file};
use crate::keys::offline::digest;

/// Largest project file, in bytes: four lines.
const MAX_PROJECT_FILE: usize = 64 << 10;
/// The file in the user's settings folder.
const FILE: &str = "hook.json";

/// What was said of a project file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Yes, as it is now.
    Allowed,
    /// No, whatever it holds.
    Denied,
    /// Nothing, or yes to something else.
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    /// The digest of path and content.
    Allow(String),
    Deny,
}

/// All decisions of this user.
pub(super) struct Trusts {
    path: PathBuf,
    decisions: BTreeMap<String, Decision>,
}

/// Where the decisions are kept; empty where the user has no settings folder.
pub(super) fn path(env: &Env) -> PathBuf {
    env.user_config_dir().map(|dir| dir.join(FILE)).unwrap_or_default()
}

impl Trusts {
    /// Reads them; others than the user may not have a word in it.
    pub(super) fn load(env: &Env) -> Result<Self, CliError> {
        let path = env.user_config_dir()?.join(FILE);
        let decisions = match read_secret_file(&path) {
            Ok(text) => serde_json::from_slice(text.expose()).map_err(|_| {
                CliError::failed(format!("{} is damaged", path.display())).hint("remove it and allow anew")
            })?,
            Err(ConfigError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, decisions })
    }

    pub(super) fn of(&self, file: &Path) -> Result<Trust, CliError> {
        let (name, now) = identify(file)?;
        Ok(match self.decisions.get(&name) {
            Some(Decision::Deny) => Trust::Denied,
            Some(Decision::Allow(then)) if *then == now => Trust::Allowed,
            _ => Trust::Unknown,
        })
    }

    pub(super) fn decide(&mut self, file: &Path, allow: bool) -> Result<(), CliError> {
        let (name, now) = identify(file)?;
        // What is gone needs no answer: the file does not grow for ever.
        self.decisions.retain(|path, _| Path::new(path).exists());
        self.decisions.insert(name, if allow { Decision::Allow(now) } else { Decision::Deny });
        Ok(())
    }

    pub(super) fn save(&self) -> Result<(), CliError> {
        if let Some(dir) = self.path.parent() {
            create_private_dir(dir)?;
        }
        let text = serde_json::to_vec_pretty(&self.decisions)
            .map_err(|error| CliError::failed(format!("cannot write {}: {error}", self.path.display())))?;
        Ok(write_private_file(&self.path, &text)?)
    }
}

/// The one name of a file, and the digest of where it is and what it holds.
fn identify(file: &Path) -> Result<(String, String), CliError> {
    let cannot = |error: &dyn std::fmt::Display| CliError::failed(format!("{}: {error}", file.display()));
    let path = file.canonicalize().map_err(|error| cannot(&error))?;
    let name = path.to_str().ok_or_else(|| cannot(&"a path that is not UTF-8 cannot be trusted"))?.to_owned();
    let content = read_whole_file(&path, MAX_PROJECT_FILE)?;
    let digest = data_encoding::HEXLOWER.encode(&digest(&[b"hook", name.as_bytes(), content.expose()]));
    Ok((name, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_for_this_path_and_this_content() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::from_variables(dir.path(), [("HOLDFAST_CONFIG_DIR", dir.path().join("settings"))]);
        let file = dir.path().join("holdfast.toml");
        let other = dir.path().join("other.toml");
        std::fs::write(&file, "project = 'shop'").unwrap();
        std::fs::write(&other, "project = 'shop'").unwrap();
        let of = |file: &Path| Trusts::load(&env).unwrap().of(file).unwrap();
        let decide = |file: &Path, allow| {
            let mut trusts = Trusts::load(&env).unwrap();
            trusts.decide(file, allow).unwrap();
            trusts.save().unwrap();
        };
        assert_eq!(of(&file), Trust::Unknown);
        decide(&file, true);
        assert_eq!((of(&file), of(&other)), (Trust::Allowed, Trust::Unknown));
        std::fs::write(&file, "project = 'shot'").unwrap();
        assert_eq!(of(&file), Trust::Unknown);
        decide(&file, false);
        assert_eq!(of(&file), Trust::Denied);
        std::fs::write(&file, "project = 'shop'").unwrap();
        assert_eq!(of(&file), Trust::Denied, "a no stays a no");
        decide(&file, true);
        assert_eq!(of(&file), Trust::Allowed);
    }

    #[test]
    fn decisions_others_could_have_written_do_not_count() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let env = Env::from_variables(dir.path(), [("HOLDFAST_CONFIG_DIR", dir.path())]);
        let file = dir.path().join("hook.json");
        std::fs::write(&file, "{}").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(Trusts::load(&env).is_err());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Trusts::load(&env).is_ok());
        std::fs::write(&file, "nonsense").unwrap();
        assert!(Trusts::load(&env).is_err());
    }
}
