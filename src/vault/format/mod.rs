//! Import and export: bytes in, entries out, and back. Pure; nothing here knows an environment or a policy.
//!
//! Invariants, and what each one stops:
//! - All or nothing: an error anywhere returns no entry, so half a file is never imported.
//! - What a format can hold survives export and import byte for byte; what it cannot hold is an error that
//!   names the variable. A value is never altered silently.
//! - A value is never taken for a reference by accident, nor a reference for a literal: each entry says whether
//!   its text is a template ([`Entry::interpolate`]), and [`literal_to_template`] is the only escape.
//! - Input, number of entries, values, nesting and alias expansion are bounded before memory is spent, so a
//!   JSON or YAML bomb costs a bounded scan.
//! - No error message quotes the input: a broken line may be the middle of a key.
//!
//! It does not check names against the vault's rules, look at references, or pick what to export.

mod csv;
mod dotenv;
mod error;
mod ini;
mod json;
mod manifest;
mod properties;
mod toml;
mod write;
mod yaml;

use std::collections::HashMap;
use std::fmt;

pub use error::FormatError;

pub(in crate::vault) use self::csv::{Record, csv_records};
pub use self::csv::{parse_csv, write_csv};
pub use self::dotenv::{parse_dotenv, parse_dotenv_literal};
pub use self::ini::{parse_ini, write_ini};
pub use self::json::{parse_json, write_json};
pub use self::manifest::{
    ObjectName, parse_compose, parse_kubernetes_configmap, parse_kubernetes_secret, write_compose,
    write_kubernetes_configmap, write_kubernetes_secret,
};
pub use self::properties::{parse_properties, write_properties};
pub use self::toml::{parse_toml, write_toml};
pub use self::write::{write_docker_env_file, write_dotenv, write_github_masks, write_shell};
pub use self::yaml::{parse_yaml, write_yaml};
use crate::types::SecretBytes;

/// Largest input of one import, in bytes.
pub const MAX_INPUT_BYTES: usize = 32 * 1024 * 1024;

/// Most variables in one import.
pub const MAX_ENTRIES: usize = 10_000;

/// Largest value, in bytes, after decoding.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// One variable read from a file.
#[derive(Debug)]
pub struct Entry {
    /// The name as the file has it; the vault decides whether it allows it.
    pub name: String,
    /// The value; a template in UTF-8 when `interpolate` is set.
    pub value: SecretBytes,
    /// Whether `${…}` in the value is a reference and `$${` a literal `${`.
    pub interpolate: bool,
    /// Where it begins, from 1.
    pub line: u32,
    /// The line of an earlier entry of the same name that this one replaced (dotenv: the last one wins).
    pub replaces: Option<u32>,
}

/// One resolved variable to write. Borrowed: an export keeps no copy of its own.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    /// The name.
    pub name: &'a str,
    /// The bytes a program would receive.
    pub value: &'a [u8],
}

/// A file format of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `.env` lines, the dialect of the manual page `dotenv`.
    Dotenv,
    /// One flat JSON object.
    Json,
    /// One flat YAML mapping.
    Yaml,
    /// One flat TOML table.
    Toml,
    /// `name,value` records under a heading.
    Csv,
    /// Java properties.
    Properties,
    /// `name=value` lines as `.npmrc` has them.
    Ini,
    /// The `environment:` of a Compose service.
    Compose,
    /// A Secret of Kubernetes.
    KubernetesSecret,
    /// A ConfigMap of Kubernetes: readable to many, so restricted values go in only when that is said.
    KubernetesConfigmap,
    /// `export NAME='value'` lines for a POSIX shell; export only.
    Shell,
    /// `docker run --env-file`: raw `NAME=value` lines; export only.
    Docker,
    /// `::add-mask::` lines for a job of GitHub Actions; export only.
    GithubMask,
}

impl Format {
    /// Every format, in the order messages name them.
    pub const ALL: [Self; 13] = [
        Self::Dotenv,
        Self::Json,
        Self::Yaml,
        Self::Toml,
        Self::Csv,
        Self::Properties,
        Self::Ini,
        Self::Compose,
        Self::KubernetesSecret,
        Self::KubernetesConfigmap,
        Self::Shell,
        Self::Docker,
        Self::GithubMask,
    ];

    /// Reads the name of a format, as [`Format::as_str`] writes it.
    ///
    /// # Errors
    /// [`FormatError::UnknownFormat`], whose hint lists the known names.
    pub fn parse(name: &str) -> Result<Self, FormatError> {
        let known = Self::ALL.into_iter().find(|format| format.as_str() == name);
        known.ok_or_else(|| FormatError::UnknownFormat { given: error::shown(name) })
    }

    /// The format a file name suggests, in any case: by its extension, `.npmrc` and the usual names of Compose files;
    /// else dotenv.
    pub fn guess(file_name: &str) -> Self {
        let name = file_name.rsplit('/').next().unwrap_or(file_name).to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name.as_str(), ""));
        match extension {
            "json" => Self::Json,
            "yaml" | "yml" if matches!(stem, "compose" | "docker-compose") => Self::Compose,
            "yaml" | "yml" => Self::Yaml,
            "toml" => Self::Toml,
            "csv" => Self::Csv,
            "properties" => Self::Properties,
            "ini" | "npmrc" => Self::Ini,
            _ => Self::Dotenv,
        }
    }

    /// The name, as [`Format::parse`] reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Csv => "csv",
            Self::Properties => "properties",
            Self::Ini => "ini",
            Self::Compose => "compose",
            Self::KubernetesSecret => "kubernetes-secret",
            Self::KubernetesConfigmap => "kubernetes-configmap",
            Self::Shell => "shell",
            Self::Docker => "docker",
            Self::GithubMask => "github-mask",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Dotenv => "NAME=\"value\" lines",
            Self::Json => "One JSON object of names and values",
            Self::Yaml => "One YAML mapping of names and values",
            Self::Toml => "One TOML table of names and values",
            Self::Csv => "name,value records under a heading",
            Self::Properties => "Java properties",
            Self::Ini => "name=value lines, as in .npmrc",
            Self::Compose => "The environment: of a Compose service",
            Self::KubernetesSecret => "A Secret of Kubernetes",
            Self::KubernetesConfigmap => "A ConfigMap of Kubernetes",
            Self::Shell => "export NAME='value' lines for a POSIX shell",
            Self::Docker => "NAME=value lines for docker run --env-file",
            Self::GithubMask => "::add-mask:: lines for a job of GitHub Actions",
        }
    }

    /// Whether files of it are read, not only written.
    pub fn can_import(self) -> bool {
        !matches!(self, Self::Shell | Self::Docker | Self::GithubMask)
    }

    /// Whether what is written is usually readable to more people than a secret is.
    pub fn is_public(self) -> bool {
        self == Self::KubernetesConfigmap
    }

    /// The media type of an export.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Yaml | Self::Compose | Self::KubernetesSecret | Self::KubernetesConfigmap => "application/yaml",
            Self::Toml => "application/toml",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Dotenv | Self::Properties | Self::Ini | Self::Shell | Self::Docker | Self::GithubMask => {
                "text/plain; charset=utf-8"
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads a whole file of variables. At most [`MAX_INPUT_BYTES`], [`MAX_ENTRIES`] and [`MAX_VALUE_BYTES`].
///
/// # Errors
/// Any [`FormatError`]; [`FormatError::ExportOnly`] for `shell`, `docker` and `github-mask`.
pub fn parse(format: Format, input: &[u8]) -> Result<Vec<Entry>, FormatError> {
    match format {
        Format::Dotenv => parse_dotenv(input),
        Format::Json => parse_json(input),
        Format::Yaml => parse_yaml(input),
        Format::Toml => parse_toml(input),
        Format::Csv => parse_csv(input),
        Format::Properties => parse_properties(input),
        Format::Ini => parse_ini(input),
        Format::Compose => parse_compose(input),
        Format::KubernetesSecret => parse_kubernetes_secret(input),
        Format::KubernetesConfigmap => parse_kubernetes_configmap(input),
        Format::Shell | Format::Docker | Format::GithubMask => Err(FormatError::ExportOnly { format }),
    }
}

/// Writes variables in the order given; `object` is the name of a Kubernetes object, for the formats that are one. The
/// result is as secret as the variables are.
///
/// # Errors
/// [`FormatError::NotRepresentable`] with the first variable the format cannot hold.
pub fn write(format: Format, object: &ObjectName, variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    match format {
        Format::Dotenv => write_dotenv(variables),
        Format::Json => Ok(write_json(variables)),
        Format::Yaml => Ok(write_yaml(variables)),
        Format::Toml => Ok(write_toml(variables)),
        Format::Csv => Ok(write_csv(variables)),
        Format::Properties => write_properties(variables),
        Format::Ini => write_ini(variables),
        Format::Compose => write_compose(variables),
        Format::KubernetesSecret => write_kubernetes_secret(object, variables),
        Format::KubernetesConfigmap => write_kubernetes_configmap(object, variables),
        Format::Shell => write_shell(variables),
        Format::Docker => write_docker_env_file(variables),
        Format::GithubMask => write_github_masks(variables),
    }
}

/// The template that resolves to exactly `text`: every `${` becomes `$${`.
///
/// The resolver reads left to right: `$${` is a literal `${`, another `${` begins a reference, any other `$` is
/// itself. A run of k dollars before `{` becomes k + 1 dollars; all but the last two are themselves, the last two
/// and the brace are one literal `${`: k dollars again.
pub fn literal_to_template(text: &str) -> String {
    text.replace("${", "$${")
}

/// Checks the size and the encoding of an input, and drops a byte order mark.
fn checked_text(input: &[u8]) -> Result<&str, FormatError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(FormatError::InputTooLarge);
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    std::str::from_utf8(input).map_err(|e| {
        let valid = String::from_utf8_lossy(&input[..e.valid_up_to()]);
        FormatError::InvalidUtf8 { line: 1_u32.saturating_add(line_breaks(&valid)) }
    })
}

/// How many lines end in `text`; CR, LF and CRLF each end one.
fn line_breaks(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let ends = |(at, byte): (usize, &u8)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    u32::try_from(bytes.iter().enumerate().filter(|pair| ends(*pair)).count()).unwrap_or(u32::MAX)
}

/// What to do with a name that comes twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeated {
    /// The last one counts and says which line it replaced.
    LastWins,
    /// An error.
    Refused,
}

/// Collects entries under the limits every format shares.
struct Collector {
    repeated: Repeated,
    entries: Vec<Option<Entry>>,
    by_name: HashMap<String, usize>,
    total_bytes: usize,
}

impl Collector {
    fn new(repeated: Repeated) -> Self {
        Self { repeated, entries: Vec::new(), by_name: HashMap::new(), total_bytes: 0 }
    }

    /// Takes one entry; counts every one read, also those a later one replaces.
    fn add(&mut self, mut entry: Entry) -> Result<(), FormatError> {
        let line = entry.line;
        if self.entries.len() >= MAX_ENTRIES {
            return Err(FormatError::TooManyEntries { line });
        }
        let size = entry.value.expose().len();
        if size > MAX_VALUE_BYTES {
            return Err(FormatError::ValueTooLarge { name: error::shown(&entry.name), line });
        }
        self.total_bytes += size;
        if self.total_bytes > MAX_INPUT_BYTES {
            return Err(FormatError::InputTooLarge);
        }
        let at = self.entries.len();
        if let Some(earlier) = self.by_name.insert(entry.name.clone(), at).and_then(|i| self.entries[i].take()) {
            if self.repeated == Repeated::Refused {
                let name = error::shown(&entry.name);
                return Err(FormatError::Duplicate { name, line, first: earlier.line });
            }
            entry.replaces = Some(earlier.line);
        }
        self.entries.push(Some(entry));
        Ok(())
    }

    fn finish(self) -> Vec<Entry> {
        self.entries.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod structured_tests;
#[cfg(test)]
mod tests;
