//! What can be wrong with a configuration, said so that it can be put right.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command line flag, with its dashes.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// A place in a file; line and column count from 1, the column in characters.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key.
        line: usize,
        /// The column of the key.
        column: usize,
    },
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something odd that does not stop the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable name of the kind of warning.
    pub code: &'static str,
    /// What is odd.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

/// Why a configuration is refused. No message holds the value of a secret key or a line of a file.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("{origin}: not valid TOML: {problem}")]
    Syntax {
        /// Where the parser stopped.
        origin: Origin,
        /// What it expected, without quoting the file.
        problem: String,
    },
    /// A file has a key Holdfast does not know.
    #[error("{origin}: unknown key `{key}`{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// Where it stands.
        origin: Origin,
        /// The key as written, with its section.
        key: String,
        /// The known key it resembles most.
        nearest: Option<String>,
    },
    /// A value is not of the kind its key asks for.
    #[error("{}: {} is not {expected}", place(key, origin), got.as_ref().map_or("the value".to_owned(), |text| format!("`{text}`")))]
    BadValue {
        /// The key.
        key: String,
        /// Where it was set.
        origin: Origin,
        /// The value, shortened; `None` when it is secret or not text.
        got: Option<String>,
        /// What would be right, with its article: `a number from 1 to 10`.
        expected: String,
    },
    /// One of two keys that need each other without the other.
    #[error("{section}.{given} is set, but {section}.{missing} is not")]
    Incomplete {
        /// The section of both.
        section: &'static str,
        /// The key that is set.
        given: &'static str,
        /// The key that is missing.
        missing: &'static str,
    },
    /// A password for the SMTP server, and no TLS to send it through.
    #[error("mail.username is set, but mail.security is `none`: the password would travel in clear text")]
    MailPasswordInClear,
    /// Plain HTTP on an address others can reach.
    #[error(
        "server.listen is {listen}, which other machines can reach, and there is no TLS: tokens and values would travel in clear text"
    )]
    InsecureListen {
        /// The address.
        listen: std::net::SocketAddr,
    },
    /// A secret file that others can read.
    #[error("{} can be read by others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file beyond its limit.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Something that should be a regular file is not one.
    #[error("{} is not a {wanted}", path.display())]
    NotA {
        /// The path.
        path: PathBuf,
        /// `file` or `directory`.
        wanted: &'static str,
    },
    /// The credential file does not read as one.
    #[error("{} is not a credential file of this version", path.display())]
    BadCredentials {
        /// The file.
        path: PathBuf,
    },
    /// A file that is needed is not text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Its answer.
        source: std::io::Error,
    },
    /// No home directory to put something into.
    #[error("no place for the {what}: neither HOME nor an XDG folder is set")]
    NoHome {
        /// What needs a place.
        what: &'static str,
        /// The variable that would name one.
        set: &'static str,
    },
    /// A token of the environment and a server that only a project file names.
    #[error("the token of {token} would be sent to {url}, which only {origin} names")]
    UntrustedUrl {
        /// Where the token comes from.
        token: Origin,
        /// The server.
        url: String,
        /// The project file.
        origin: Origin,
    },
}

impl ConfigError {
    /// Stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "config_syntax",
            Self::UnknownKey { .. } => "config_unknown_key",
            Self::BadValue { .. } => "config_bad_value",
            Self::Incomplete { section: "tls", .. } => "config_tls_incomplete",
            Self::Incomplete { .. } => "config_incomplete",
            Self::MailPasswordInClear => "config_mail_password_in_clear",
            Self::InsecureListen { .. } => "config_insecure_listen",
            Self::Exposed { .. } => "file_exposed",
            Self::TooLarge { .. } => "file_too_large",
            Self::NotA { .. } => "file_wrong_kind",
            Self::BadCredentials { .. } => "credentials_broken",
            Self::NotText { .. } => "file_not_text",
            Self::Io { .. } => "file_unavailable",
            Self::NoHome { .. } => "no_home",
            Self::UntrustedUrl { .. } => "url_untrusted",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Syntax { .. } => "correct the file, then `holdfast config check`".to_owned(),
            Self::UnknownKey { nearest: Some(nearest), .. } => format!("rename it to `{nearest}` or remove it"),
            Self::UnknownKey { nearest: None, .. } => "remove it; `holdfast config show` lists every key".to_owned(),
            Self::BadValue { origin, expected, .. } => format!("set {expected} in {origin}"),
            Self::Incomplete { section, missing, .. } => format!("set {section}.{missing} too, or remove both"),
            Self::MailPasswordInClear => "set mail.security to starttls or tls, or remove mail.username".to_owned(),
            Self::InsecureListen { listen } => format!(
                "set tls.cert and tls.key, or listen on 127.0.0.1:{} behind a proxy that has TLS, or say --insecure-listen",
                listen.port()
            ),
            Self::Exposed { path, .. } => format!("chmod 600 {}", shell_quote(path)),
            Self::TooLarge { .. } => "check that it is the file you mean".to_owned(),
            Self::NotA { wanted, .. } => format!("name a {wanted}"),
            Self::BadCredentials { path } => format!("rm {} && holdfast login", shell_quote(path)),
            Self::NotText { .. } => "save it as UTF-8".to_owned(),
            Self::Io { action: "read", path, .. } => {
                format!("check that it exists and that this user may read it: ls -l {}", shell_quote(path))
            }
            Self::Io { path, .. } => {
                let parent = path.parent().unwrap_or(path);
                format!("check the permissions and the free space of {}", shell_quote(parent))
            }
            Self::NoHome { set, .. } => format!("set {set}"),
            Self::UntrustedUrl { url, .. } => {
                format!("if you trust that server: export HOLDFAST_URL={url}, or `holdfast login --url {url}`")
            }
        }
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

/// `key (from origin)`, or the key alone when the origin is the key itself.
fn place(key: &str, origin: &Origin) -> String {
    match origin {
        Origin::Variable(name) if name == key => key.to_owned(),
        Origin::Flag(name) if *name == key => key.to_owned(),
        _ => format!("{key} (from {origin})"),
    }
}

/// A path as one word of a shell command.
fn shell_quote(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) && !text.is_empty() { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chmod_command_survives_odd_paths() {
        let error = ConfigError::Exposed { path: PathBuf::from("/tmp/it's here"), mode: 0o644 };
        assert_eq!(error.to_string(), "/tmp/it's here can be read by others (mode 0644)");
        assert_eq!(error.hint(), r"chmod 600 '/tmp/it'\''s here'");
    }

    #[test]
    fn a_value_that_is_not_shown_is_called_the_value() {
        let error = ConfigError::BadValue {
            key: "sentry.dsn".to_owned(),
            origin: Origin::Variable("HOLDFAST_SENTRY_DSN".to_owned()),
            got: None,
            expected: "a DSN".to_owned(),
        };
        assert_eq!(error.to_string(), "sentry.dsn (from HOLDFAST_SENTRY_DSN): the value is not a DSN");
    }
}
