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
use crate::config::RootKeySource;
use crate::types::{ParseError, Secret};

/// What the one line of a key file begins with.
const PREFIX: &str = "holdfast-root-key-v1:";
/// A key file is one line; nothing longer is read.
const FILE_MAX: usize = 4_096;

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

    /// Reads what [`Fingerprint`]'s `Display` prints; hyphens may be left out.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("fingerprint", "must be 16 hex digits like 1f2e-3d4c-5b6a-7988");
        if text.len() > 32 {
            return Err(wrong());
        }
        let digits = text.replace('-', "").to_ascii_lowercase();
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).map_err(|_| wrong())?;
        bytes.try_into().map(Self).map_err(|_| wrong())
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

/// Where the root key comes from: exactly one place, which the configuration chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A key file that was named.
    File(PathBuf),
    /// A systemd credential: `$CREDENTIALS_DIRECTORY/holdfast-root-key`.
    Credential(PathBuf),
    /// A file with a passphrase.
    PassphraseFile(PathBuf),
    /// Program and arguments that print the key line; run without a shell, at most 10 s.
    Command(Vec<String>),
    /// `root.key` beside the database, made at the first start: a stolen disk is readable until it lives elsewhere.
    DefaultFile(PathBuf),
}

impl Source {
    /// Whether the key lies beside the data it guards.
    pub const fn is_beside_database(&self) -> bool {
        matches!(self, Self::DefaultFile(_))
    }
}

impl From<&RootKeySource> for Source {
    fn from(configured: &RootKeySource) -> Self {
        match configured {
            RootKeySource::File(path) => Self::File(path.clone()),
            RootKeySource::Credential(path) => Self::Credential(path.clone()),
            RootKeySource::Passphrase(path) => Self::PassphraseFile(path.clone()),
            RootKeySource::Command(command) => Self::Command(command.clone()),
            RootKeySource::DataDir(path) => Self::DefaultFile(path.clone()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::DefaultFile(path) => write!(f, "the root key file {}", path.display()),
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
            Self::PassphraseFile(path) => write!(f, "the passphrase file {}", path.display()),
            Self::Command(command) => write!(f, "the command `{}`", command.first().map_or("", String::as_str)),
        }
    }
}

/// Takes the root key from `source`. None only when the default file was not made yet: a place that somebody named
/// and that is empty is an error, never passed over.
///
/// `stored` are the passphrase parameters of the database ([`PassphraseParameters::stored`]); without them a
/// passphrase gets fresh ones, which [`super::Keyring::create`] keeps.
///
/// # Errors
/// See [`KeyError`]: the file is readable by others, missing or malformed, the command failed, …
pub fn load(source: &Source, stored: Option<&PassphraseParameters>) -> Result<Option<RootKey>, KeyError> {
    let text = match source {
        Source::DefaultFile(path) => {
            if !path.try_exists().map_err(|problem| KeyError::KeyFile { path: path.clone(), problem })? {
                return Ok(None);
            }
            read_file(path, OTHERS)?
        }
        Source::File(path) => read_file(path, OTHERS)?,
        // systemd shows the mask of its access list as the group's bits.
        Source::Credential(path) => read_file(path, WORLD)?,
        Source::PassphraseFile(path) => return from_passphrase(&read_file(path, OTHERS)?, stored).map(Some),
        Source::Command(command) => command::output(command)?,
    };
    RootKey::parse(&text, source).map(Some)
}

/// The root key of a key file.
pub(super) fn load_file(path: &Path) -> Result<RootKey, KeyError> {
    RootKey::parse(&read_file(path, OTHERS)?, &Source::File(path.to_owned()))
}

/// The root key of a passphrase that is new to this database; `stored` are the parameters of an earlier one.
pub(super) fn load_passphrase(path: &Path, stored: Option<&PassphraseParameters>) -> Result<RootKey, KeyError> {
    let text = read_file(path, OTHERS)?;
    require_long(&text)?;
    from_passphrase(&text, stored)
}

/// [`load`], and the rule for when there is no key: with data that wants one it is missing; without data a first one
/// is made in the default file. The second answer says whether it was made.
///
/// `wanted` is the fingerprint the database wants ([`super::wanted`]).
///
/// # Errors
/// Those of [`load`] and [`create`], and [`KeyError::RootKeyMissing`].
pub fn load_or_create(
    source: &Source,
    stored: Option<&PassphraseParameters>,
    wanted: Option<Fingerprint>,
) -> Result<(RootKey, bool), KeyError> {
    match (load(source, stored), wanted) {
        (Ok(Some(key)), _) => Ok((key, false)),
        (Ok(None), None) => match source {
            Source::DefaultFile(path) => create(path).map(|key| (key, true)),
            // Not reached: only the default file may be absent.
            other => Err(KeyError::RootKeyMalformed { source_name: other.to_string() }),
        },
        (Ok(None), Some(wanted)) => Err(KeyError::RootKeyMissing { wanted, source_name: source.to_string() }),
        (Err(KeyError::KeyFile { problem, .. }), Some(wanted)) if problem.kind() == std::io::ErrorKind::NotFound => {
            Err(KeyError::RootKeyMissing { wanted, source_name: source.to_string() })
        }
        (Err(error), _) => Err(error),
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

fn read_file(path: &Path, refused: u32) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let failed = |problem| KeyError::KeyFile { path: path.to_owned(), problem };
    let file = File::open(path).map_err(failed)?;
    // Of the open file: the one that is read is the one that was looked at.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & refused != 0 {
        return Err(KeyError::KeyFileReadable { path: path.to_owned(), mode });
    }
    // Room for all of it at once: no half-grown copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_MAX + 1));
    file.take(FILE_MAX as u64).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The passphrase is the file's content without the line end.
fn passphrase_of(text: &[u8]) -> &[u8] {
    let passphrase = text.strip_suffix(b"\n").unwrap_or(text);
    passphrase.strip_suffix(b"\r").unwrap_or(passphrase)
}

fn require_long(text: &[u8]) -> Result<(), KeyError> {
    if passphrase_of(text).len() < PASSPHRASE_MIN {
        return Err(KeyError::PassphraseShort { minimum: PASSPHRASE_MIN });
    }
    Ok(())
}

fn from_passphrase(text: &[u8], stored: Option<&PassphraseParameters>) -> Result<RootKey, KeyError> {
    let parameters = if let Some(parameters) = stored {
        parameters.clone()
    } else {
        require_long(text)?;
        PassphraseParameters::fresh()?
    };
    let key = parameters.stretch(passphrase_of(text))?;
    Ok(RootKey { key: Secret::new(*key), passphrase: Some(parameters) })
}
