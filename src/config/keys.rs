//! `[keys]`: where the root key comes from. Never the key itself: a setting ends up in backups, process lists
//! and chats.

use std::path::PathBuf;

use super::env::Env;
use super::error::{ConfigError, Origin};
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

/// File name of the root key in systemd's credentials directory.
const CREDENTIAL: &str = "holdfast-root-key";

/// Short name of `HOLDFAST_KEYS_ROOT_KEY_FILE`.
pub(super) const ROOT_KEY_FILE_VARIABLE: &str = "HOLDFAST_ROOT_KEY_FILE";

static ROOT_KEY_FILE: Key = Key {
    section: "keys",
    name: "root_key_file",
    kind: Kind::Path,
    fallback: Fallback::Computed("`<data folder>/root.key`, made at first start"),
    help: "File with the root key, mode 0400, best kept off the disk with the database. Also `HOLDFAST_ROOT_KEY_FILE`.",
};
static PASSPHRASE_FILE: Key = Key {
    section: "keys",
    name: "passphrase_file",
    kind: Kind::Path,
    fallback: Fallback::None,
    help: "File with a passphrase the root key is derived from, mode 0400.",
};
static COMMAND: Key = Key {
    section: "keys",
    name: "command",
    kind: Kind::List,
    fallback: Fallback::None,
    help: "Program and arguments that print the root key (KMS, TPM). Run without a shell.",
};

pub(super) const KEYS: &[&Key] = &[&ROOT_KEY_FILE, &PASSPHRASE_FILE, &COMMAND];

/// Where the root key is to be taken from. Exactly one source; the ones after it are ignored with a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootKeySource {
    /// A key file somebody named.
    File(PathBuf),
    /// systemd's `$CREDENTIALS_DIRECTORY/holdfast-root-key`.
    Credential(PathBuf),
    /// A file with a passphrase.
    Passphrase(PathBuf),
    /// Program and arguments; never empty.
    Command(Vec<String>),
    /// Nobody named one: `root.key` in the data folder, made at first start.
    DataDir(PathBuf),
}

/// Where the root key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysConfig {
    /// The first source in the order flag, systemd credential, file, passphrase, command, data folder.
    pub source: RootKeySource,
}

impl KeysConfig {
    pub(super) fn read(reader: &mut Reader<'_>, data_dir: &std::path::Path) -> Result<Self, ConfigError> {
        let file = reader.path(&ROOT_KEY_FILE)?;
        let origin = reader.effective.last().map(|shown| shown.origin.clone());
        let (file, by_flag) = match (file, origin) {
            (Some(file), Some(Origin::Flag(_))) => (Some(file), true),
            // The short variable is as good as the long one; the long one wins when both are set.
            (Some(file), Some(Origin::Variable(_))) => (Some(file), false),
            (file, _) => match reader.env.text(ROOT_KEY_FILE_VARIABLE)? {
                None => (file, false),
                Some(path) => {
                    let path = reader.env.working_dir().join(path);
                    reader.found_at(
                        &ROOT_KEY_FILE,
                        path.display().to_string(),
                        Origin::Variable(ROOT_KEY_FILE_VARIABLE.into()),
                    );
                    (Some(path), false)
                }
            },
        };
        let passphrase = reader.path(&PASSPHRASE_FILE)?.map(RootKeySource::Passphrase);
        let command = reader.list(&COMMAND)?.map(RootKeySource::Command);
        let credential = credential_file(reader.env).map(RootKeySource::Credential);
        let file = file.map(RootKeySource::File);
        let order =
            if by_flag { [file, credential, passphrase, command] } else { [credential, file, passphrase, command] };
        let mut given = order.into_iter().flatten();
        let Some(source) = given.next() else {
            return Ok(Self { source: RootKeySource::DataDir(data_dir.join("root.key")) });
        };
        for ignored in given {
            reader.warn(
                "root_key_source_ignored",
                format!("the root key comes from {}; {} is ignored", source.name(), ignored.name()),
                "name one source only".to_owned(),
            );
        }
        Ok(Self { source })
    }
}

impl RootKeySource {
    /// What it is, in words; names the file or the program, not its arguments.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => format!("the key file {}", path.display()),
            Self::Credential(path) => format!("the systemd credential {}", path.display()),
            Self::Passphrase(path) => format!("the passphrase file {}", path.display()),
            Self::Command(command) => format!("the command {}", command.first().map_or("", String::as_str)),
            Self::DataDir(path) => format!("{}", path.display()),
        }
    }
}

fn credential_file(env: &Env) -> Option<PathBuf> {
    let path = env.absolute_path("CREDENTIALS_DIRECTORY")?.join(CREDENTIAL);
    path.exists().then_some(path)
}
