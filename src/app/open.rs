//! From settings to an appliance that can act: lock, root key, database, keys, ledger.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AppError, DataLock, registry};
use crate::config::{Cipher, Settings, Warning, prepare_data_dir};
use crate::db::{self, Db, DbError, Number};
use crate::governance::OwnPolicies;
use crate::keys::{self, Fingerprint, Keyring, PassphraseParameters, RootKey, Source, Suite};
use crate::ledger;
use crate::op::{Core, Decided, Remembered, epoch};
use crate::orgs::access::TreePrincipals;
use crate::orgs::setup;
use crate::policy::{DecisionCache, Engine};
use crate::types::{Clock, Failure as _, Id, kinds};

/// Where the database of a data directory is.
pub fn database_path(dir: &Path) -> PathBuf {
    dir.join("holdfast.db")
}

/// An appliance that can act. Dropping it closes the database, then gives the lock back.
pub struct Opened {
    /// What operations need.
    pub core: Arc<Core>,
    /// The settings it was opened with.
    pub settings: Arc<Settings>,
    /// The instance.
    pub instance: Id<kinds::Instance>,
    /// Odd things that do not stop it.
    pub warnings: Vec<Warning>,
    /// Whether the keys were made just now.
    pub is_new: bool,
    /// The root key file, when it was made just now.
    pub new_root_key: Option<PathBuf>,
    _lock: DataLock,
}

impl Opened {
    /// The ledger's public key as it is printed and pinned.
    pub fn ledger_key_text(&self) -> String {
        ledger::public_key_text(self.instance, &self.core.keyring.instance().ledger_signer().public_key())
    }
}

/// Opens the data, making what is not there yet. Blocks: call it outside of an async runtime.
///
/// # Errors
/// Another process has the data; the root key is wrong, missing or readable by others; the database is newer or
/// damaged.
pub fn open(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> Result<Opened, AppError> {
    let dir = &settings.data.dir;
    let mut warnings: Vec<Warning> = prepare_data_dir(dir)?.into_iter().collect();
    let lock = DataLock::take(dir)?;
    let path = database_path(dir);
    let source = Source::from(&settings.keys.source);
    let known = look(&path)?;
    if let Some(newest) = known.wanted {
        warnings.extend(finish_rotation(&source, newest));
    }
    let (root, made) = keys::root::load_or_create(&source, known.passphrase.as_ref(), known.wanted)?;
    create_private(&path)?;
    let db = Db::open(&path)?;
    let suite = suite(&settings);
    let is_new = known.wanted.is_none();
    let keyring = if is_new {
        create(&db, root, suite, &*clock)?
    } else {
        db.read(|reader| Keyring::unlock(reader, root, suite))?
    };
    let instance = keyring.instance().id();
    warnings.extend(known.wanted.and_then(|newest| superseded_warning(newest, keyring.fingerprint())));
    let started = ledger::start(&db, registry()?, instance)?;
    db.begin_number(Number::Rights, db.read(epoch)?);
    db.begin_number(Number::Values, 0);
    warnings.extend(key_warning(&source, dir));
    warnings.extend(ledger_warning(&started));
    let core = Core {
        db,
        keyring: Arc::new(keyring),
        policy: Engine::new(),
        decisions: DecisionCache::default(),
        facts: Remembered::of_rights(),
        values: Remembered::of_values(),
        clock,
        principals: Box::new(TreePrincipals),
        policies: Box::new(OwnPolicies::default()),
        restore_window: settings.retention.restore_window,
        decided: Decided::default(),
    };
    let new_root_key = source_file(&source).filter(|_| made).map(Path::to_owned);
    Ok(Opened { core: Arc::new(core), settings, instance, warnings, is_new, new_root_key, _lock: lock })
}

/// [`open`], for tools that must not begin a new appliance.
///
/// # Errors
/// Those of [`open`], and [`AppError::NoData`].
pub fn open_existing(settings: Arc<Settings>, clock: Arc<dyn Clock>) -> Result<Opened, AppError> {
    let dir = &settings.data.dir;
    if !database_path(dir).is_file() {
        return Err(AppError::NoData(dir.clone()));
    }
    open(settings, clock)
}

/// What a database asks of the root key.
#[derive(Default)]
pub(super) struct Known {
    pub(super) wanted: Option<Fingerprint>,
    pub(super) passphrase: Option<PassphraseParameters>,
}

/// Looks into the database before anything is written: whose root key it wants.
fn look(path: &Path) -> Result<Known, AppError> {
    if !path.try_exists().map_err(AppError::io("read", path))? {
        return Ok(Known::default());
    }
    db::read_offline(path, |reader| {
        let (found, known) = (db::applied_version(reader)?, Db::schema_version());
        if found > known {
            return Err(DbError::Newer { found, known }.into());
        }
        // Killed in the middle of its first start: no tables, no keys.
        if found < KEY_TABLES {
            return Ok(Known::default());
        }
        Ok(Known { wanted: keys::wanted(reader)?, passphrase: PassphraseParameters::stored(reader)? })
    })
}

/// The schema version from which on there are tables of keys.
pub(super) const KEY_TABLES: u32 = 2;

/// Makes an empty database file for its owner only, where there is none; SQLite gives the files beside it its mode.
fn create_private(path: &Path) -> Result<(), AppError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(AppError::io("create", path)(error)),
        _ => Ok(()),
    }
}

/// Makes the instance and its keys: both or neither.
fn create(db: &Db, root: RootKey, suite: Suite, clock: &dyn Clock) -> Result<Keyring, AppError> {
    let now = clock.now();
    db.write_blocking(move |tx| {
        let id = if let Some(id) = setup::instance_id(tx)? {
            id
        } else {
            let id = Id::new(now);
            setup::instance_create(tx, id, now)?;
            id
        };
        Ok(Keyring::create(tx, root, id, suite, now)?)
    })
}

/// The file the key is in, when it is in one.
pub(super) fn source_file(source: &Source) -> Option<&Path> {
    match source {
        Source::File(path) | Source::Credential(path) | Source::PassphraseFile(path) | Source::DefaultFile(path) => {
            Some(path)
        }
        Source::Command(_) => None,
    }
}

pub(super) fn suite(settings: &Settings) -> Suite {
    match settings.vault.cipher {
        Cipher::XChaCha20Poly1305 => Suite::XChaCha20Poly1305,
        Cipher::Aes256Gcm => Suite::Aes256Gcm,
    }
}

/// The warning of a key that lies with the data it guards.
pub(super) fn key_warning(source: &Source, dir: &Path) -> Option<Warning> {
    let file = source_file(source)?;
    (source.is_beside_database() || file.starts_with(dir)).then(|| Warning {
        code: "root_key_beside_database",
        message: format!("the root key {} lies beside the database: a stolen disk is readable", file.display()),
        hint: format!(
            "move it to another disk, then: holdfast serve --root-key-file FILE (mv '{}' FILE)",
            file.display()
        ),
    })
}

/// Puts a root key in its place whose rotation was cut off after the database took it.
fn finish_rotation(source: &Source, newest: Fingerprint) -> Option<Warning> {
    match keys::replace::finish(source, newest) {
        Ok(None) => None,
        Ok(Some(old)) => Some(Warning {
            code: "root_key_placed",
            message: format!("a rotation of the root key was finished; the old key is {}", old.display()),
            hint: format!("retire it when nothing needs it: holdfast keys list --instance ({newest} is the newest)"),
        }),
        Err(error) => Some(Warning {
            code: "root_key_not_placed",
            message: format!("the new root key {newest} is not in its place: {error}"),
            hint: error.hint(),
        }),
    }
}

/// The warning of a server that was given a root key that was replaced.
fn superseded_warning(newest: Fingerprint, given: Fingerprint) -> Option<Warning> {
    (given != newest).then(|| Warning {
        code: "root_key_superseded",
        message: format!("the root key {given} was replaced by {newest}; no keys can be made until that is in use"),
        hint: "put the newest root key where the server takes it from, and start it again".to_owned(),
    })
}

fn ledger_warning(started: &ledger::Started) -> Option<Warning> {
    (!started.changed.is_empty()).then(|| Warning {
        code: "ledger_changed",
        message: format!("events of the ledger were changed behind its back: {:?}", started.changed),
        hint: "run: holdfast audit verify, and keep a copy of the data directory".to_owned(),
    })
}
