//! The root key and the ledger's key, from the machine itself: which ones they are, and getting one back.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::actions::KIT_MADE;
use super::open::{Known, suite};
use super::{AppError, Opened, Place, database_path, open_existing};
use crate::config::{Env, Settings};
use crate::db::{self, Reader};
use crate::keys::recovery::{self, RecoveryKit};
use crate::keys::{self, Keyring, PassphraseParameters, RootKey, Source};
use crate::ledger::{self, Outcome};
use crate::op::{Op, OpError, Origin, Who};
use crate::types::{Id, SecretString, SystemClock};
use crate::vault::rekey;

/// Which keys these are; nothing of them can be told from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprints {
    /// Of the root key the database wants.
    pub root_key_wanted: String,
    /// Of the root key that is given now; none when there is none.
    pub root_key: Option<String>,
    /// The ledger's public key, as it is pinned; none when the root key does not open the database.
    pub ledger_public_key: Option<String>,
    /// The instance.
    pub instance: Option<String>,
}

/// The fingerprints of the keys of this data, with or without a running server.
///
/// # Errors
/// There is no database; the root key cannot be read.
pub fn fingerprints(place: &Place) -> Result<Fingerprints, AppError> {
    fingerprints_of(&place.load(&Env::from_process())?.settings)
}

pub(super) fn fingerprints_of(settings: &Settings) -> Result<Fingerprints, AppError> {
    let path = existing(&settings.data.dir)?;
    db::read_offline(&path, |reader| {
        let known = Known { wanted: keys::wanted(reader)?, passphrase: PassphraseParameters::stored(reader)? };
        let wanted = known.wanted.ok_or_else(|| AppError::NoData(settings.data.dir.clone()))?;
        let given = keys::root::load(&Source::from(&settings.keys.source), known.passphrase.as_ref())?;
        let root_key = given.as_ref().map(|key| key.fingerprint().to_string());
        let opened = given.and_then(|root| Keyring::unlock(reader, root, suite(settings)).ok());
        let instance = opened.as_ref().map(Keyring::instance);
        Ok(Fingerprints {
            root_key_wanted: wanted.to_string(),
            root_key,
            ledger_public_key: instance.map(|i| ledger::public_key_text(i.id(), &i.ledger_signer().public_key())),
            instance: instance.map(|i| i.id().to_string()),
        })
    })
}

/// What is wrong with the values of an organization, or that nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedValues {
    /// The organization.
    pub organization: String,
    /// Values opened.
    pub checked: u64,
    /// Values that are not as they should be.
    pub unopened: u64,
    /// Values whose comment, tags, author and time are not under the seal: an earlier Holdfast wrote them.
    pub unbound: u64,
    /// How many are sealed under which version of the organization's key.
    pub by_key_version: BTreeMap<u32, u64>,
    /// Whether its keys were destroyed with it: nothing of it opens, and nothing should.
    pub shredded: bool,
}

/// A value that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueProblem {
    /// The organization.
    pub organization: String,
    /// Which row.
    pub row: String,
    /// The stable code of what is wrong with it.
    pub code: &'static str,
}

/// What a verification of values found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether every value opens.
    pub ok: bool,
    /// Each organization.
    pub organizations: Vec<VerifiedValues>,
    /// The problems, the first 1,000.
    pub problems: Vec<ValueProblem>,
}

/// Most problems that are kept.
const PROBLEMS_MAX: usize = 1_000;

/// Opens every value of a data directory, or of a copy of one, without its server; nothing is shown or changed.
///
/// # Errors
/// There is no database; the root key cannot be read or is another one. What does not open is in the answer.
pub fn verify(place: &Place) -> Result<Verified, AppError> {
    verify_of(&place.load(&Env::from_process())?.settings)
}

pub(super) fn verify_of(settings: &Settings) -> Result<Verified, AppError> {
    let path = existing(&settings.data.dir)?;
    db::read_offline(&path, |reader| {
        let keyring = unlock(reader, settings)?;
        let mut problems = Vec::new();
        let found = rekey::verify_all(reader, &keyring, &mut |organization, one| {
            if problems.len() < PROBLEMS_MAX {
                let (organization, row) = (organization.to_owned(), one.row.clone());
                problems.push(ValueProblem { organization, row, code: one.code });
            }
        })?;
        let organizations: Vec<_> = found.into_iter().map(VerifiedValues::from).collect();
        let ok = organizations.iter().all(|o| o.unopened == 0);
        Ok(Verified { ok, organizations, problems })
    })
}

impl From<rekey::VerifiedOrganization> for VerifiedValues {
    fn from(found: rekey::VerifiedOrganization) -> Self {
        let shredded = found.counts.is_none();
        let rekey::Counts { checked, unopened, unbound, by_version } = found.counts.unwrap_or_default();
        Self { organization: found.slug, checked, unopened, unbound, by_key_version: by_version, shredded }
    }
}

/// The keys of data that no server has.
fn unlock(reader: &Reader<'_>, settings: &Settings) -> Result<Keyring, AppError> {
    let known = Known { wanted: keys::wanted(reader)?, passphrase: PassphraseParameters::stored(reader)? };
    let wanted = known.wanted.ok_or_else(|| AppError::NoData(settings.data.dir.clone()))?;
    // Over data that wants a key, none is made.
    let source = Source::from(&settings.keys.source);
    let (root, _) = keys::root::load_or_create(&source, known.passphrase.as_ref(), Some(wanted))?;
    Ok(Keyring::unlock(reader, root, suite(settings))?)
}

/// Makes a root key in a new file, mode 0400: for a rotation where the server cannot write one. Answers its
/// fingerprint.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn generate_root(to: &Path) -> Result<String, AppError> {
    Ok(keys::root::create(to)?.fingerprint().to_string())
}

fn existing(dir: &Path) -> Result<PathBuf, AppError> {
    let path = database_path(dir);
    if path.is_file() { Ok(path) } else { Err(AppError::NoData(dir.to_owned())) }
}

/// Gets the root key back with the private key of a recovery kit, and writes it to a new file, mode 0400. Works on
/// data whose root key is lost, or on a copy of it.
///
/// # Errors
/// The kit is mistyped, of another database or void; the file exists.
pub fn recover(place: &Place, private_key: &SecretString, to: &Path) -> Result<String, AppError> {
    recover_in(&place.load(&Env::from_process())?.settings.data.dir, private_key, to)
}

pub(super) fn recover_in(dir: &Path, private_key: &SecretString, to: &Path) -> Result<String, AppError> {
    let root: RootKey = db::read_offline(&existing(dir)?, |reader| {
        let root = recovery::recover(private_key, &recovery::sealed(reader)?)?;
        let given = root.fingerprint();
        match keys::wanted(reader)? {
            Some(wanted) if wanted != given => {
                Err(AppError::KitOutdated { given: given.to_string(), wanted: wanted.to_string() })
            }
            _ => Ok(root),
        }
    })?;
    keys::root::save(to, &root)?;
    Ok(root.fingerprint().to_string())
}

/// Makes a recovery kit with the server stopped; the kits before it are void.
///
/// # Errors
/// A server has the data; the root key is wrong.
pub fn recovery_kit(place: &Place) -> Result<RecoveryKit, AppError> {
    let settings = place.load(&Env::from_process())?.settings;
    recovery_kit_in(&open_existing(Arc::new(settings), Arc::new(SystemClock))?)
}

pub(super) fn recovery_kit_in(opened: &Opened) -> Result<RecoveryKit, AppError> {
    let op = Op::new(Arc::clone(&opened.core), Who::Local, Origin::default(), Id::new(opened.core.clock.now()));
    let kit = opened.core.db.write_blocking(move |tx| {
        let kit = recovery::kit_create(tx, op.keyring(), None, op.now())?;
        op.record(tx, op.event(KIT_MADE, Outcome::Allowed))?;
        Ok::<_, OpError>(kit)
    })?;
    opened.core.db.close();
    Ok(kit)
}

/// Runs one operation of a tool.
pub(super) fn block_on<F: Future>(opened: &Opened, operation: F) -> Result<F::Output, AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    Ok(runtime.map_err(AppError::io("start threads for", &opened.settings.data.dir))?.block_on(operation))
}
