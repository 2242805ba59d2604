//! Where a server's data is, as a tool beside it is told.

use std::path::PathBuf;

use super::AppError;
use crate::config::{Env, Loaded, Overrides, Settings};

/// The data directory and configuration of a server, as far as the command line says. The rest comes from variables
/// and files, exactly as `holdfast serve` would read them.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--root-key-file`.
    pub root_key_file: Option<PathBuf>,
}

impl Place {
    /// The settings of the server there.
    ///
    /// # Errors
    /// The configuration is refused.
    pub fn load(&self, env: &Env) -> Result<Loaded, AppError> {
        let overrides = Overrides {
            data_dir: self.data_dir.clone(),
            root_key_file: self.root_key_file.clone(),
            ..Overrides::default()
        };
        Ok(Settings::load(env, self.config.as_deref(), overrides)?)
    }
}
