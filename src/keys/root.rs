//! The root key: where it comes from, how it is told apart, how a first one is made.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::aead::KEY_LEN;
use super::passphrase::{PASSPHRASE_MIN, PassphraseParameters};
use super::{KeyError, command, random};
use crate::types::{Secret, SecretString};

/// What the one line of a key file begins with.
const PREFIX: &str = "holdfast-root-key-v1:";
/// The name of the credential systemd hands in.
const CREDENTIAL: &str = "holdfast-root-key";
/// A key file is one line; nothing longer is read.
const FILE_MAX: u64 = 4_096;

/// The key above all others: 32 bytes, never in the database.
pub struct RootKey {
    key: Secret<[u8; KEY_LEN]>,
    passphrase: Option<PassphraseParameters>,
}

impl RootKey {
    /// A new random key.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate() -> Result<Self, KeyError> {
        random().map(Self::from_bytes)
    }

    pub(super) fn expose(&self) -> &[u8; KEY_LEN] {
        self.key.expose()
    }

    pub(super) fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self { key: Secret::new(bytes), passphrase: None }
    }

    /// Which key this is, without telling anything about it.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(self.expose())
    }

    pub(super) const fn passphrase_parameters(&self) -> Option<&PassphraseParameters> {
        self.passphrase.as_ref()
    }

    /// Reads the line of a key file: `holdfast-root-key-v1:` and 44 characters of base64.
    fn parse(text: &[u8], source: &Source) -> Result<Self, KeyError> {
        let malformed = || KeyError::RootKeyMalformed { source_name: source.to_string() };
        let encoded = text.trim_ascii().strip_prefix(PREFIX.as_bytes()).ok_or_else(malformed)?;
        let bytes = Zeroizing::new(BASE64.decode(encoded).map_err(|_| malformed())?);
        <[u8; KEY_LEN]>::try_from(bytes.as_slice()).map(Self::from_bytes).map_err(|_| malformed())
    }

    fn to_line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(PREFIX.len() + 45));
        line.push_str(PREFIX);
        BASE64.encode_append(self.expose(), &mut line);
        line.push('\n');
        line
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.fingerprint())
    }
}

/// Which key: 8 bytes, printed as `1f2e-3d4c-5b6a-7988`. Says nothing about the key itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pair) in self.0.chunks(2).enumerate() {
            if index > 0 {
                f.write_str("-")?;
            }
            f.write_str(&data_encoding::HEXLOWER.encode(pair))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first 8 bytes of SHA-256 over a domain-separated hash of the key.
pub(super) fn fingerprint_of(key: &[u8; KEY_LEN]) -> Fingerprint {
    let separated = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"holdfast/v1 key fingerprint");
    let hash = digest::digest(&digest::SHA256, separated.as_ref());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    Fingerprint(first)
}

/// Where a root key may come from, in the order in which they are asked. The configuration fills it.
#[derive(Debug, Default)]
pub struct RootKeySources {
    /// `--root-key-file`.
    pub root_key_file: Option<PathBuf>,
    /// `$CREDENTIALS_DIRECTORY`; its file `holdfast-root-key` is taken when it is there.
    pub credentials_directory: Option<PathBuf>,
    /// `HOLDFAST_ROOT_KEY_FILE` or the configuration file.
    pub configured_key_file: Option<PathBuf>,
    /// A passphrase, read from wherever the configuration says.
    pub passphrase: Option<SecretString>,
    /// A program and its arguments that prints the key line; empty for none.
    pub command: Vec<String>,
    /// `<data dir>/root.key`: taken when it is there, made at the first start.
    pub default_file: PathBuf,
}

/// Where the root key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file that was named.
    File(PathBuf),
    /// A systemd credential.
    Credential(PathBuf),
    /// A passphrase.
    Passphrase,
    /// A command; its program.
    Command(String),
    /// The file beside the database: a stolen disk is readable until the key lives elsewhere.
    DefaultFile(PathBuf),
}

impl Source {
    /// Whether the key lies beside the data it guards.
    pub const fn is_beside_database(&self) -> bool {
        matches!(self, Self::DefaultFile(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::DefaultFile(path) => write!(f, "the file {}", path.display()),
            Self::Credential(path) => write!(f, "the credential {}", path.display()),
            Self::Passphrase => f.write_str("the passphrase"),
            Self::Command(program) => write!(f, "the command `{program}`"),
        }
    }
}

/// Takes the root key from the first source that is there; none when there is no source at all.
///
/// `stored` are the passphrase parameters of the database ([`PassphraseParameters::stored`]). A source that is
/// named but fails is an error: the next one is not tried in its place.
///
/// # Errors
/// See [`KeyError`]: the file is readable by others, missing or malformed, the command failed, …
pub fn load(
    sources: &RootKeySources,
    stored: Option<&PassphraseParameters>,
) -> Result<Option<(RootKey, Source)>, KeyError> {
    if let Some(path) = &sources.root_key_file {
        return read_file(path, Source::File(path.clone()), OTHERS).map(Some);
    }
    if let Some(path) = sources.credentials_directory.as_ref().map(|dir| dir.join(CREDENTIAL)).filter(|p| p.exists()) {
        // systemd shows the mask of its access list as the group's bits.
        return read_file(&path, Source::Credential(path.clone()), WORLD).map(Some);
    }
    if let Some(path) = &sources.configured_key_file {
        return read_file(path, Source::File(path.clone()), OTHERS).map(Some);
    }
    if let Some(passphrase) = &sources.passphrase {
        return from_passphrase(passphrase, stored).map(|key| Some((key, Source::Passphrase)));
    }
    if let Some(program) = sources.command.first() {
        let source = Source::Command(program.clone());
        let printed = command::output(&sources.command)?;
        return RootKey::parse(&printed, &source).map(|key| Some((key, source)));
    }
    let path = &sources.default_file;
    if path.try_exists().map_err(|problem| KeyError::KeyFile { path: path.clone(), problem })? {
        return read_file(path, Source::DefaultFile(path.clone()), OTHERS).map(Some);
    }
    Ok(None)
}

/// [`load`], and the rule for when there is none: with data that wants a key it is missing; without data a first
/// one is made in the default file. The last answer says whether it was made.
///
/// `wanted` is the fingerprint the database wants ([`super::wanted`]).
///
/// # Errors
/// Those of [`load`] and [`create`], [`KeyError::RootKeyMissing`] and [`KeyError::RootKeyWrong`].
pub fn load_or_create(
    sources: &RootKeySources,
    stored: Option<&PassphraseParameters>,
    wanted: Option<Fingerprint>,
) -> Result<(RootKey, Source, bool), KeyError> {
    match (load(sources, stored)?, wanted) {
        (Some((key, source)), _) => Ok((key, source, false)),
        (None, Some(wanted)) => Err(KeyError::RootKeyMissing { wanted }),
        (None, None) => {
            let key = create(&sources.default_file)?;
            Ok((key, Source::DefaultFile(sources.default_file.clone()), true))
        }
    }
}

/// Makes a new root key and writes it to `path`, mode 0400.
///
/// # Errors
/// [`KeyError::KeyFileExists`]: nothing is ever overwritten.
pub fn create(path: &Path) -> Result<RootKey, KeyError> {
    let key = RootKey::generate()?;
    save(path, &key)?;
    Ok(key)
}

/// Writes `key` to a new file `path`, mode 0400, whole or not at all, on disk when this returns.
///
/// # Errors
/// [`KeyError::KeyFileExists`], or the file system failed.
pub fn save(path: &Path, key: &RootKey) -> Result<(), KeyError> {
    let failed = |problem: std::io::Error| match problem.kind() {
        std::io::ErrorKind::AlreadyExists => KeyError::KeyFileExists(path.to_owned()),
        _ => KeyError::KeyFile { path: path.to_owned(), problem },
    };
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = directory.join(format!(".root-key-{}.tmp", data_encoding::HEXLOWER.encode(&random::<8>()?)));
    let written = write_new(&temporary, key.to_line().as_bytes())
        // A hard link fails when the name is taken, where a rename would replace it.
        .and_then(|()| std::fs::hard_link(&temporary, path));
    let removed = std::fs::remove_file(&temporary);
    written.and(removed).and_then(|()| File::open(directory)?.sync_all()).map_err(failed)
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Bits by which the group or the world could read or change the file.
const OTHERS: u32 = 0o077;
/// Bits by which the world could.
const WORLD: u32 = 0o007;

fn read_file(path: &Path, source: Source, refused: u32) -> Result<(RootKey, Source), KeyError> {
    let failed = |problem| KeyError::KeyFile { path: path.to_owned(), problem };
    let file = File::open(path).map_err(failed)?;
    // Of the open file: the one that is read is the one that was looked at.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & refused != 0 {
        return Err(KeyError::KeyFileReadable { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    file.take(FILE_MAX).read_to_end(&mut bytes).map_err(failed)?;
    RootKey::parse(&bytes, &source).map(|key| (key, source))
}

fn from_passphrase(passphrase: &SecretString, stored: Option<&PassphraseParameters>) -> Result<RootKey, KeyError> {
    let parameters = match stored {
        Some(parameters) => parameters.clone(),
        None if passphrase.expose().chars().count() < PASSPHRASE_MIN => {
            return Err(KeyError::PassphraseShort { minimum: PASSPHRASE_MIN });
        }
        None => PassphraseParameters::fresh()?,
    };
    let key = parameters.stretch(passphrase)?;
    Ok(RootKey { key: Secret::new(*key), passphrase: Some(parameters) })
}
