//! `[tls]`: the server's certificate.

use std::path::PathBuf;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};

static CERT: Key = Key {
    section: "tls",
    name: "cert",
    kind: Kind::Path,
    fallback: Fallback::None,
    help: "PEM file with the server's certificate chain. With `tls.key` it turns TLS on.",
};
static KEY: Key = Key {
    section: "tls",
    name: "key",
    kind: Kind::Path,
    fallback: Fallback::None,
    help: "PEM file with the certificate's private key, mode 0600.",
};

pub(super) const KEYS: &[&Key] = &[&CERT, &KEY];

/// The files of the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM certificate chain, the server's own first.
    pub cert: PathBuf,
    /// PEM private key; to be read with [`super::read_secret_file`].
    pub key: PathBuf,
}

impl TlsConfig {
    /// `None` when TLS is off.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, ConfigError> {
        match (reader.path(&CERT)?, reader.path(&KEY)?) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::Incomplete { section: "tls", given: CERT.name, missing: KEY.name }),
            (None, Some(_)) => Err(ConfigError::Incomplete { section: "tls", given: KEY.name, missing: CERT.name }),
        }
    }
}
