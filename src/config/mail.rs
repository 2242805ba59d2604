//! `[mail]`: the SMTP server that carries mail to people. Without it, links are handed over by an instance operator.

use std::path::PathBuf;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};
use crate::types::Email;

static HOST: Key = Key {
    section: "mail",
    name: "host",
    kind: Kind::Host,
    fallback: Fallback::None,
    help: "The SMTP server. With `mail.from` it turns mail on.",
};
static PORT: Key = Key {
    section: "mail",
    name: "port",
    kind: Kind::Integer { min: 1, max: 65_535 },
    fallback: Fallback::Computed("587 for starttls, 465 for tls, 25 for none"),
    help: "The SMTP server's port.",
};
static SECURITY: Key = Key {
    section: "mail",
    name: "security",
    kind: Kind::Choice(&["starttls", "tls", "none"]),
    fallback: Fallback::Value("starttls"),
    help: "How the connection is protected; `none` sends no password and is for a relay on this machine.",
};
static FROM: Key = Key {
    section: "mail",
    name: "from",
    kind: Kind::Email,
    fallback: Fallback::None,
    help: "The address mails come from.",
};
static USERNAME: Key = Key {
    section: "mail",
    name: "username",
    kind: Kind::Text,
    fallback: Fallback::None,
    help: "The name to sign in to the SMTP server with. Needs `mail.password_file`.",
};
static PASSWORD_FILE: Key = Key {
    section: "mail",
    name: "password_file",
    kind: Kind::Path,
    fallback: Fallback::None,
    help: "File with the password for the SMTP server, mode 0600.",
};
static CA_FILE: Key = Key {
    section: "mail",
    name: "ca_file",
    kind: Kind::Path,
    fallback: Fallback::None,
    help: "PEM file with the certificate authority of the SMTP server, beside those the system trusts.",
};

pub(super) const KEYS: &[&Key] = &[&HOST, &PORT, &SECURITY, &FROM, &USERNAME, &PASSWORD_FILE, &CA_FILE];

/// How the connection to the SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS begins with STARTTLS (RFC 3207), and nothing is sent without it.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None: for a relay on this machine.
    None,
}

/// The SMTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// The address mails come from.
    pub from: Email,
    /// The name to sign in with, and the file with its password; to be read with [`super::read_secret_file`].
    pub login: Option<(String, PathBuf)>,
    /// A certificate authority beside those the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl MailConfig {
    /// `None` when mail is off.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, ConfigError> {
        let host = reader.parsed(&HOST, host)?;
        let port = reader.optional_integer(&PORT)?.and_then(|port| u16::try_from(port).ok());
        let security = reader.choice(&SECURITY, security)?;
        let from = reader.parsed(&FROM, |text| Email::parse(text).ok())?;
        let username = reader.parsed(&USERNAME, text)?;
        let password_file = reader.path(&PASSWORD_FILE)?;
        let ca_file = reader.path(&CA_FILE)?;
        let together = |given: &Key, missing: &Key| ConfigError::Incomplete {
            section: "mail",
            given: given.name,
            missing: missing.name,
        };
        let login = match (username, password_file) {
            (Some(name), Some(file)) => Some((name, file)),
            (None, None) => None,
            (Some(_), None) => return Err(together(&USERNAME, &PASSWORD_FILE)),
            (None, Some(_)) => return Err(together(&PASSWORD_FILE, &USERNAME)),
        };
        let (host, from) = match (host, from) {
            (Some(host), Some(from)) => (host, from),
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(together(&HOST, &FROM)),
            (None, Some(_)) => return Err(together(&FROM, &HOST)),
        };
        if login.is_some() && security == MailSecurity::None {
            return Err(ConfigError::MailPasswordInClear);
        }
        let usual = match security {
            MailSecurity::StartTls => 587,
            MailSecurity::Tls => 465,
            MailSecurity::None => 25,
        };
        let port = port.unwrap_or(usual);
        reader.found_out(&PORT, port.to_string());
        Ok(Some(Self { host, port, security, from, login, ca_file }))
    }
}

fn security(word: &str) -> Option<MailSecurity> {
    Some(match word {
        "starttls" => MailSecurity::StartTls,
        "tls" => MailSecurity::Tls,
        "none" => MailSecurity::None,
        _ => return None,
    })
}

fn host(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    fits.then(|| text.to_owned())
}

fn text(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
