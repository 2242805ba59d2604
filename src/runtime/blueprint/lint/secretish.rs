//! What looks like a secret: what the scanner finds in a line of configuration, and what has the name of one. The scanner
//! alone is not enough: it passes `PASSWORD: postgres` by, because in a tree of sources that is an example; in what is
//! deployed it is a password.

use std::sync::LazyLock;

use crate::scan::Scanner;

/// Ends of names that say their value is secret.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "_PASS",
    "_PWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "SECRET_KEY",
    "PRIVATE_KEY",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
    "MASTER_KEY",
    "SECRET_KEY_BASE",
    "CREDENTIALS",
];

/// Knows secrets by their form and by their name.
pub(in crate::runtime::blueprint) struct Suspicion(&'static Scanner);

impl Suspicion {
    pub(in crate::runtime::blueprint) fn new() -> Self {
        static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);
        Self(&SCANNER)
    }

    /// Whether this value of a variable looks like a secret.
    pub(in crate::runtime::blueprint) fn of_variable(&self, name: &str, value: &str) -> bool {
        has_secret_name(name, value) || self.finds(&format!("{name}={value}"))
    }

    /// Whether there is something in this text that looks like one.
    pub(in crate::runtime::blueprint) fn of_text(&self, text: &str) -> bool {
        self.finds(text)
    }

    fn finds(&self, text: &str) -> bool {
        !self.0.scan("blueprint.env", text.as_bytes()).is_empty()
    }
}

fn has_secret_name(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_named = NAMES.iter().any(|end| upper.ends_with(end)) || upper == "PASS" || upper == "PWD";
    // A switch, a number, a path, an address, and what is taken from a variable are about a secret, not one.
    let is_about = ["", "true", "false", "yes", "no", "on", "off", "none"].contains(&value)
        || value.bytes().all(|b| b.is_ascii_digit())
        || value.starts_with('/')
        || value.starts_with("http://")
        || value.starts_with("https://")
        || value.contains("${");
    is_named && !is_about
}
