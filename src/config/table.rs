//! The table of every key of the server's configuration file.

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number within these limits.
    Integer {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An IP address and a port.
    Address,
    /// An `http` or `https` URL without a path.
    Url,
    /// A path; in a file, relative to that file's directory, else to the working directory.
    Path,
    /// A list of texts; in a variable, a JSON array.
    List,
    /// Networks and addresses; in a variable, a JSON array.
    Networks,
    /// A Sentry DSN: secret.
    Dsn,
    /// A host name or an IP address.
    Host,
    /// An e-mail address.
    Email,
    /// A text of one line.
    Text,
}

impl Kind {
    /// What a value must be, with its article, for messages and the manual.
    pub fn expected(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { min, max } => format!("a number from {min} to {max}"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Address => "an IP address and port like 127.0.0.1:8420".to_owned(),
            Self::Url => "a URL like https://holdfast.example.com, without a path".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::List => "a list like [\"program\", \"argument\"]".to_owned(),
            Self::Networks => "a list like [\"10.0.0.0/8\", \"192.0.2.7\"]".to_owned(),
            Self::Dsn => "a Sentry DSN like https://KEY@HOST/PROJECT".to_owned(),
            Self::Host => "a host name like mail.example.com".to_owned(),
            Self::Email => "an e-mail address like holdfast@example.com".to_owned(),
            Self::Text => "a text of one line".to_owned(),
        }
    }

    /// Whether the value must never be shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Dsn)
    }
}

/// What holds when a key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// Something found out at start, in words.
    Computed(&'static str),
    /// Nothing: what it is for is off.
    None,
}

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The TOML table it stands in.
    pub section: &'static str,
    /// Its name in that table.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub fallback: Fallback,
    /// One line on what it does.
    pub help: &'static str,
}

impl Key {
    /// `section.name`, as messages and `config show` write it.
    pub fn dotted(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `HOLDFAST_SECTION_NAME`.
    pub fn variable(&self) -> String {
        format!("HOLDFAST_{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    /// The key's row in the manual's table. A test holds the manual to it.
    pub fn manual_row(&self) -> String {
        let default = match self.fallback {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Computed(words) => words.to_owned(),
            Fallback::None => "not set".to_owned(),
        };
        format!(
            "| `{}` | `{}` | {} | {default} | {} |",
            self.dotted(),
            self.variable(),
            self.kind.expected().replace('|', "\\|"),
            self.help
        )
    }
}

/// Every key, in the order of the manual.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [
        super::server::KEYS,
        super::tls::KEYS,
        super::data::KEYS,
        super::keys::KEYS,
        super::vault::KEYS,
        super::sessions::KEYS,
        super::rate_limits::KEYS,
        super::ledger::KEYS,
        super::retention::KEYS,
        super::jobs::KEYS,
        super::log::KEYS,
        super::metrics::KEYS,
        super::sentry::KEYS,
        super::mail::KEYS,
        super::cluster::KEYS,
    ]
    .into_iter()
    .flat_map(|section| section.iter().copied())
}
