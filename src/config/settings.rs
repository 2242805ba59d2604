//! All settings of the server, read at once.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::client::client_variables;
use super::document::{Document, Entry, Raw};
use super::error::{ConfigError, Origin, Warning};
use super::keys::ROOT_KEY_FILE_VARIABLE;
use super::nearest::nearest;
use super::reader::{Effective, Reader};
use super::table::keys;
use super::{
    ClusterConfig, DataConfig, Env, JobsConfig, KeysConfig, LedgerConfig, LogConfig, MailConfig, MetricsConfig,
    RateLimitsConfig, RetentionConfig, SentryConfig, ServerConfig, SessionsConfig, TlsConfig, VaultConfig,
};

/// Variables of the test suite; never read by the program, never warned of.
const TEST_VARIABLES: &str = "HOLDFAST_TEST_";

/// What the command line said; every field wins over variables and files.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen ADDR:PORT`.
    pub listen: Option<String>,
    /// `--public-url URL`.
    pub public_url: Option<String>,
    /// `--insecure-listen`.
    pub insecure_listen: bool,
    /// `--data-dir DIR`.
    pub data_dir: Option<PathBuf>,
    /// `--root-key-file FILE`.
    pub root_key_file: Option<PathBuf>,
    /// `--log-format FORMAT`.
    pub log_format: Option<String>,
    /// `--log-level LEVEL`.
    pub log_level: Option<String>,
}

impl Overrides {
    fn entries(self) -> BTreeMap<String, Entry> {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let given = [
            ("server.listen", "--listen", self.listen),
            ("server.public_url", "--public-url", self.public_url),
            ("server.insecure_listen", "--insecure-listen", self.insecure_listen.then(|| "true".to_owned())),
            ("data.dir", "--data-dir", self.data_dir.map(path)),
            ("keys.root_key_file", "--root-key-file", self.root_key_file.map(path)),
            ("log.format", "--log-format", self.log_format),
            ("log.level", "--log-level", self.log_level),
        ];
        given
            .into_iter()
            .filter_map(|(key, flag, value)| {
                Some((key.to_owned(), Entry { raw: Raw::text(value?), origin: Origin::Flag(flag) }))
            })
            .collect()
    }
}

/// Everything the server can be told.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens and how it stops.
    pub server: ServerConfig,
    /// Its certificate; `None` is plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Where its data is.
    pub data: DataConfig,
    /// Where the root key comes from.
    pub keys: KeysConfig,
    /// How values are sealed.
    pub vault: VaultConfig,
    /// How long a sign-in with a browser lasts.
    pub sessions: SessionsConfig,
    /// How many requests an actor may make.
    pub rate_limits: RateLimitsConfig,
    /// How often the ledger is signed.
    pub ledger: LedgerConfig,
    /// How long what was deleted can be brought back.
    pub retention: RetentionConfig,
    /// Scheduled work.
    pub jobs: JobsConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Where the metrics are.
    pub metrics: MetricsConfig,
    /// Where error reports go.
    pub sentry: SentryConfig,
    /// The SMTP server; `None` sends no mail.
    pub mail: Option<MailConfig>,
    /// The Kubernetes on this machine.
    pub cluster: ClusterConfig,
}

/// Settings that were read, and what there is to say about them.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Odd things that do not stop the server.
    pub warnings: Vec<Warning>,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// The value of every key and where it comes from, for `config show`.
    pub effective: Vec<Effective>,
}

impl Settings {
    /// Reads flags, variables and the file: `config_path` when given, else `/etc/holdfast/holdfast.toml` when
    /// there is one, else none.
    ///
    /// # Errors
    /// See [`ConfigError`]: an unknown key or a bad value, with its place; a file that cannot be read; settings
    /// that contradict each other.
    pub fn load(env: &Env, config_path: Option<&Path>, overrides: Overrides) -> Result<Loaded, ConfigError> {
        let file = config_file(env, config_path)?;
        let (path, document) = file.unzip();
        let mut reader = Reader::new(env, overrides.entries(), path.as_deref(), document);
        let settings = Self::read(&mut reader)?;
        let mut warnings = reader.warnings;
        warnings.extend(unknown_variables(env));
        Ok(Loaded { settings, warnings, file: path, effective: reader.effective })
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let server = ServerConfig::read(reader)?;
        let tls = TlsConfig::read(reader)?;
        server.check_reach(tls.is_some())?;
        let data = DataConfig::read(reader)?;
        let keys = KeysConfig::read(reader, &data.dir)?;
        Ok(Self {
            server,
            tls,
            data,
            keys,
            vault: VaultConfig::read(reader)?,
            sessions: SessionsConfig::read(reader)?,
            rate_limits: RateLimitsConfig::read(reader)?,
            ledger: LedgerConfig::read(reader)?,
            retention: RetentionConfig::read(reader)?,
            jobs: JobsConfig::read(reader)?,
            log: LogConfig::read(reader)?,
            metrics: MetricsConfig::read(reader)?,
            sentry: SentryConfig::read(reader)?,
            mail: MailConfig::read(reader)?,
            cluster: ClusterConfig::read(reader)?,
        })
    }
}

fn config_file(env: &Env, given: Option<&Path>) -> Result<Option<(PathBuf, Document)>, ConfigError> {
    let known: Vec<String> = keys().map(super::Key::dotted).collect();
    if let Some(path) = given {
        return Document::read(path, &known).map(|document| Some((path.to_owned(), document)));
    }
    let path = env.system_dir().join("holdfast.toml");
    match Document::read(&path, &known) {
        Ok(document) => Ok(Some((path, document))),
        Err(ConfigError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One warning for each `HOLDFAST_…` variable that nothing reads. The client's are known to the server and the
/// other way round: both run from one shell.
pub(super) fn unknown_variables(env: &Env) -> Vec<Warning> {
    let mut known: Vec<String> = keys().map(super::Key::variable).collect();
    known.push(ROOT_KEY_FILE_VARIABLE.to_owned());
    known.extend(client_variables().iter().map(|variable| variable.name.to_owned()));
    env.names()
        .filter(|name| name.starts_with("HOLDFAST_") && !name.starts_with(TEST_VARIABLES))
        .filter(|name| !known.iter().any(|known| known == name))
        .map(|name| Warning {
            code: "config_unknown_variable",
            message: format!("nothing reads the variable {name}"),
            hint: nearest(name, known.iter().map(String::as_str))
                .map_or_else(|| "unset it".to_owned(), |nearest| format!("did you mean {nearest}?")),
        })
        .collect()
}
