//! What can go wrong with keys and what is sealed under them.

use std::path::PathBuf;

use super::Fingerprint;
use crate::db::DbError;
use crate::types::{Class, Failure, Id, Timestamp, kinds};

/// A failure of the keyring. No message holds key bytes or plaintext.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The root key given is not the one the database was made with.
    #[error("wrong root key: the database wants {wanted}, given was {given}")]
    RootKeyWrong {
        /// Fingerprint of the key the database wants.
        wanted: Fingerprint,
        /// Fingerprint of the key that was given.
        given: Fingerprint,
    },
    /// The database has data and there is no root key where it should be.
    #[error("the root key is missing: the database wants {wanted}, given was none ({source_name} is not there)")]
    RootKeyMissing {
        /// Fingerprint of the key the database wants.
        wanted: Fingerprint,
        /// Where it was looked for, in words.
        source_name: String,
    },
    /// Others than its owner can read the key file.
    #[error("the root key file {} can be read by others (mode {mode:04o})", path.display())]
    KeyFileReadable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file exists where a new one was to be written.
    #[error("{} exists already; a root key is never overwritten", .0.display())]
    KeyFileExists(PathBuf),
    /// The key file could not be read or written.
    #[error("the root key file {}: {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        problem: std::io::Error,
    },
    /// A source holds something that is not a root key.
    #[error("{source_name} holds no root key")]
    RootKeyMalformed {
        /// The source, in words.
        source_name: String,
    },
    /// The command that should print the root key failed.
    #[error("the root key command `{program}` {problem}")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// What happened.
        problem: String,
    },
    /// A passphrase is too short for a new database.
    #[error("the root passphrase is shorter than {minimum} characters")]
    PassphraseShort {
        /// The fewest bytes allowed.
        minimum: usize,
    },
    /// The stored parameters of the passphrase are outside what is sane.
    #[error("the stored parameters of the root passphrase are out of bounds")]
    PassphraseParameters,
    /// Keys were to be made in a database that has some.
    #[error("the database has keys already; a fresh key is never made over existing data")]
    AlreadyCreated,
    /// Keys were asked for in a database that has none.
    #[error("the database has no keys yet")]
    NotCreated,
    /// This organization has no keys: it never existed or its keys were destroyed.
    #[error("{0} has no keys; they were destroyed with it, or it never existed")]
    OrganizationUnknown(Id<kinds::Organization>),
    /// Sealed with a key version that is not held.
    #[error("sealed with key version {0}, which is not held")]
    VersionUnknown(u32),
    /// Not a form of ciphertext this binary knows.
    #[error("the stored ciphertext has a form this holdfast does not know")]
    FormatUnknown,
    /// It does not open: changed, moved, relabelled, or another key.
    #[error("the stored ciphertext does not open: it was changed or does not belong here")]
    Unsealable,
    /// More bytes than are ever sealed at once.
    #[error("{0} bytes are more than can be sealed at once")]
    TooLarge(usize),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness,
    /// A cipher refused well-formed input.
    #[error("a cipher failed inside")]
    Cipher,
    /// The text is not the private key of a recovery kit.
    #[error("this is not the recovery key of a kit: {0}")]
    RecoveryKeyMalformed(&'static str),
    /// The recovery key does not open this database's root key.
    #[error("this recovery kit does not belong to this database, or was replaced by a newer one")]
    RecoveryKeyWrong,
    /// No recovery kit was ever made.
    #[error("no recovery kit was made for this database")]
    RecoveryNone,
    /// The process runs on a root key that was replaced.
    #[error("the server runs on the root key {given}, which {newest} replaced")]
    RootKeySuperseded {
        /// The newest root key.
        newest: Fingerprint,
        /// The one in use.
        given: Fingerprint,
    },
    /// A root key that was used before was given as a new one.
    #[error("{0} is no new root key: this database has or had it")]
    RootKeyKnown(Fingerprint),
    /// Too many root keys open the database.
    #[error("{0} root keys open this database already")]
    RootKeysMany(usize),
    /// The server cannot write a new key where it takes the root key from.
    #[error("the server cannot write a new root key to {source_name}")]
    RootKeyNotWritable {
        /// The source, in words.
        source_name: String,
    },
    /// No root key of this database that stands has this fingerprint.
    #[error("no root key that opens this database has the fingerprint {0}")]
    RootKeyUnknown(Fingerprint),
    /// The newest root key was to be retired.
    #[error("{0} is the newest root key")]
    RootKeyInUse(Fingerprint),
    /// The next start would be given an old root key.
    #[error("the root key's source gives {given}, and the newest is {newest}: the next start would fail")]
    RootKeyNotInPlace {
        /// The newest root key.
        newest: Fingerprint,
        /// The one the source gives.
        given: Fingerprint,
    },
    /// Somebody changes the root key at this moment.
    #[error("the root key is being changed already")]
    RootKeyBusy,
    /// A retained backup needs the key.
    #[error("{holder} needs this key{}", .until.map(|until| format!(" until {until}")).unwrap_or_default())]
    Held {
        /// Who holds it.
        holder: String,
        /// Until when, if it has an end.
        until: Option<Timestamp>,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Failure for KeyError {
    fn class(&self) -> Class {
        match self {
            Self::Db(db) => db.class(),
            Self::TooLarge(_) => Class::TooLarge,
            Self::AlreadyCreated
            | Self::KeyFileExists(_)
            | Self::RootKeySuperseded { .. }
            | Self::RootKeyKnown(_)
            | Self::RootKeysMany(_)
            | Self::RootKeyInUse(_)
            | Self::RootKeyNotInPlace { .. }
            | Self::Held { .. } => Class::Conflict,
            Self::RootKeyUnknown(_) => Class::NotFound,
            Self::NotCreated | Self::RootKeyBusy => Class::Unavailable,
            Self::RecoveryKeyMalformed(_) => Class::Invalid,
            Self::RootKeyNotWritable { .. } | Self::RecoveryKeyWrong | Self::RecoveryNone => Class::Unprocessable,
            Self::Unsealable | Self::FormatUnknown => Class::Damaged,
            _ => Class::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::RootKeyWrong { .. } => "root_key_wrong",
            Self::RootKeyMissing { .. } => "root_key_missing",
            Self::KeyFileReadable { .. } => "root_key_readable_by_others",
            Self::KeyFileExists(_) => "root_key_exists",
            Self::KeyFile { .. } => "root_key_file",
            Self::RootKeyMalformed { .. } => "root_key_malformed",
            Self::Command { .. } => "root_key_command",
            Self::PassphraseShort { .. } => "root_passphrase_short",
            Self::PassphraseParameters => "root_passphrase_parameters",
            Self::AlreadyCreated => "keys_exist",
            Self::NotCreated => "keys_missing",
            Self::OrganizationUnknown(_) => "organization_keys_missing",
            Self::VersionUnknown(_) => "key_version_unknown",
            Self::FormatUnknown => "ciphertext_unknown",
            Self::Unsealable => "ciphertext_invalid",
            Self::TooLarge(_) => "too_large_to_seal",
            Self::Randomness => "no_randomness",
            Self::Cipher => "cipher_failed",
            Self::RecoveryKeyMalformed(_) => "recovery_key_malformed",
            Self::RecoveryKeyWrong => "recovery_key_wrong",
            Self::RecoveryNone => "recovery_kit_missing",
            Self::RootKeySuperseded { .. } => "root_key_superseded",
            Self::RootKeyKnown(_) => "root_key_known",
            Self::RootKeysMany(_) => "root_keys_many",
            Self::RootKeyNotWritable { .. } => "root_key_not_writable",
            Self::RootKeyUnknown(_) => "root_key_unknown",
            Self::RootKeyInUse(_) => "root_key_in_use",
            Self::RootKeyNotInPlace { .. } => "root_key_not_in_place",
            Self::RootKeyBusy => "root_key_busy",
            Self::Held { .. } => "key_held",
            Self::Db(db) => db.code(),
        }
    }

    fn hint(&self) -> String {
        let text = match self {
            Self::RootKeyWrong { .. } => "give the key the database wants; see: holdfast serve --root-key-file",
            Self::RootKeyMissing { .. } => {
                "put it back or name its file with --root-key-file; a recovery kit restores it: holdfast keys recover"
            }
            Self::KeyFileReadable { path, .. } => return format!("run: chmod 0400 '{}'", path.display()),
            Self::KeyFileExists(_) => "move the old key away first, if nothing needs it any more",
            Self::KeyFile { .. } => "check that the path is right and readable by the user holdfast runs as",
            Self::RootKeyMalformed { .. } => "it must be one line: holdfast-root-key-v1: and 44 characters of base64",
            Self::Command { .. } => "run the command by hand; it must print the key line and exit with 0 within 10 s",
            Self::PassphraseShort { .. } => "choose a longer one: it guards everything",
            Self::PassphraseParameters | Self::FormatUnknown | Self::Unsealable => {
                "run: holdfast doctor; a backup holds the unchanged row"
            }
            Self::AlreadyCreated => "start with the key it has",
            Self::NotCreated => "start the server once: holdfast serve",
            Self::OrganizationUnknown(_) => "restore the organization from a backup that still holds its keys",
            Self::VersionUnknown(_) => {
                "a rotation destroyed or just made this version: try again, then run: holdfast doctor"
            }
            Self::TooLarge(_) => "store less in one value",
            Self::Randomness | Self::Cipher => "report this with the request id",
            Self::RecoveryKeyMalformed(_) => "type the recovery key as it is printed on the page",
            Self::RecoveryKeyWrong => "use the page printed last by: holdfast keys recovery-kit",
            Self::RecoveryNone => "run: holdfast keys recovery-kit",
            Self::RootKeySuperseded { .. } => {
                "put the newest root key where the server takes it from, and start it again"
            }
            Self::RootKeyKnown(_) => "make a new one with: holdfast keys generate-root FILE",
            Self::RootKeysMany(_) => "retire the older ones with: holdfast keys retire-root FINGERPRINT",
            Self::RootKeyNotWritable { .. } => {
                "put a key on the server with `holdfast keys generate-root FILE` and name it: --new-root-key-file FILE"
            }
            Self::RootKeyUnknown(_) => "list them with: holdfast keys list --instance",
            Self::RootKeyInUse(_) => "replace it first with: holdfast keys rotate-root",
            Self::RootKeyNotInPlace { .. } => "put the newest key there, then retire the old one",
            Self::RootKeyBusy => "try again in a second",
            Self::Held { .. } => "try again when that backup has expired, or delete it first",
            Self::Db(db) => db.hint(),
        };
        text.to_owned()
    }
}
