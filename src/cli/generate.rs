//! `holdfast generate` and `holdfast secrets generate`: values nobody thinks up, made here or stored by the server.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::body;
use super::context::Context;
use super::error::CliError;
use crate::config::write_private_file;
use crate::keys;
use crate::types::ParseError;
use crate::vault::generate::{Algorithm, Alphabet, Recipe, Subject};

/// What to make, and where it goes.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// What to make.
    #[command(subcommand)]
    kind: Kind,
    /// Write the value into this new file, mode 0600, in place of stdout
    #[arg(long, global = true, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the public half into this new file [default with --out: FILE.pub]
    #[arg(long, global = true, value_name = "FILE")]
    public_out: Option<PathBuf>,
}

/// What can be made.
#[derive(Debug, Clone, Subcommand)]
pub enum Kind {
    /// A UUID of version 4
    Uuid,
    /// Random characters, each drawn evenly
    Random {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 32)]
        length: usize,
        /// Which
        #[arg(long, value_enum, default_value_t = AlphabetName::Alphanumeric)]
        alphabet: AlphabetName,
        /// Exactly these, in place of an alphabet
        #[arg(long, value_name = "TEXT", conflicts_with = "alphabet")]
        characters: Option<String>,
    },
    /// Random bytes as hexadecimal digits
    Hex {
        /// How many bytes
        #[arg(long, value_name = "N", default_value_t = 32)]
        bytes: usize,
    },
    /// Random bytes as base64
    Base64 {
        /// How many bytes
        #[arg(long, value_name = "N", default_value_t = 32)]
        bytes: usize,
        /// With - and _, and without padding
        #[arg(long)]
        url_safe: bool,
    },
    /// Words of the EFF's large list
    Passphrase {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 6)]
        words: usize,
        /// What stands between two
        #[arg(long, value_name = "TEXT", default_value = "-", allow_hyphen_values = true)]
        separator: String,
    },
    /// An Ed25519 key pair as OpenSSH writes it
    SshKey {
        /// What stands after the public key
        #[arg(long, value_name = "TEXT", default_value = "")]
        comment: String,
    },
    /// A key pair of age
    AgeKey,
    /// A private key and a certificate signing request for it
    Csr {
        /// Whom the certificate is for
        #[arg(long, value_name = "NAME")]
        common_name: String,
        /// A DNS name or address; may be given again [default: the common name]
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
        /// The organization
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
        /// Two capital letters
        #[arg(long, value_name = "CODE")]
        country: Option<String>,
        /// The kind of key
        #[arg(long, value_enum, default_value_t = AlgorithmName::EcdsaP256)]
        algorithm: AlgorithmName,
    },
}

/// Characters to draw from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlphabetName {
    /// A-Z a-z 0-9
    Alphanumeric,
    /// A-Z a-z
    Letters,
    /// 0-9
    Digits,
    /// Alphanumeric without 0 O 1 I l
    Unambiguous,
    /// Printable ASCII without space, quotes, backslash, backtick and $
    Symbols,
}

/// A kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AlgorithmName {
    /// ECDSA on P-256
    #[value(name = "ecdsa_p256", alias = "ecdsa-p256")]
    EcdsaP256,
    /// Ed25519
    Ed25519,
}

impl Kind {
    /// What the server is asked for.
    pub(super) fn asked(&self) -> Value {
        body(match self {
            Self::Uuid => json!({ "kind": "uuid" }),
            Self::Random { length, characters: Some(characters), .. } => {
                json!({ "kind": "random", "length": length, "characters": characters })
            }
            Self::Random { length, alphabet, .. } => {
                json!({ "kind": "random", "length": length, "alphabet": word(alphabet) })
            }
            Self::Hex { bytes } => json!({ "kind": "hex", "bytes": bytes }),
            Self::Base64 { bytes, url_safe } => json!({ "kind": "base64", "bytes": bytes, "url_safe": url_safe }),
            Self::Passphrase { words, separator } => {
                json!({ "kind": "passphrase", "words": words, "separator": separator })
            }
            Self::SshKey { comment } => json!({ "kind": "ssh_key", "comment": comment }),
            Self::AgeKey => json!({ "kind": "age_key" }),
            Self::Csr { common_name, names, organization, country, algorithm } => json!({
                "kind": "csr",
                "common_name": common_name,
                "names": Some(names).filter(|n| !n.is_empty()),
                "organization": organization,
                "country": country,
                "algorithm": word(algorithm),
            }),
        })
    }

    /// What is made here.
    fn recipe(&self) -> Result<Recipe, ParseError> {
        match self.clone() {
            Self::Uuid => Ok(Recipe::uuid()),
            Self::Random { length, alphabet, characters } => {
                let characters = characters.map(|c| Alphabet::parse(&c)).transpose()?;
                Recipe::random(length, characters.unwrap_or_else(|| alphabet.characters()))
            }
            Self::Hex { bytes } => Recipe::hex(bytes),
            Self::Base64 { bytes, url_safe } => Recipe::base64(bytes, url_safe),
            Self::Passphrase { words, separator } => Recipe::passphrase(words, separator),
            Self::SshKey { comment } => Recipe::ssh_key(comment),
            Self::AgeKey => Ok(Recipe::age_key()),
            Self::Csr { common_name, names, organization, country, algorithm } => {
                let algorithm = match algorithm {
                    AlgorithmName::EcdsaP256 => Algorithm::EcdsaP256,
                    AlgorithmName::Ed25519 => Algorithm::Ed25519,
                };
                Subject::parse(common_name, names, organization, country, algorithm).map(Recipe::csr)
            }
        }
    }
}

/// The word a choice is written with.
pub(super) fn word(choice: &impl ValueEnum) -> Option<String> {
    choice.to_possible_value().map(|v| v.get_name().to_owned())
}

impl AlphabetName {
    fn characters(self) -> Alphabet {
        match self {
            Self::Alphanumeric => Alphabet::alphanumeric(),
            Self::Letters => Alphabet::letters(),
            Self::Digits => Alphabet::digits(),
            Self::Unambiguous => Alphabet::unambiguous(),
            Self::Symbols => Alphabet::symbols(),
        }
    }
}

/// Runs `holdfast generate`: no server is asked.
///
/// # Errors
/// What cannot be made; a file that is there already or cannot be written.
pub fn run(context: &Context, args: &GenerateArgs) -> Result<(), CliError> {
    let recipe = args.kind.recipe().map_err(|e| CliError::usage(e.to_string()))?;
    let public_out = public_file(args);
    for file in args.out.iter().chain(&public_out) {
        // A link that leads nowhere is there, too.
        if std::fs::symlink_metadata(file).is_ok() {
            return Err(CliError::failed(format!("{} is there already", file.display())));
        }
    }
    let made = recipe.draw(&mut keys::fill_random).map_err(|e| CliError::failed(e.to_string()))?;
    let (value, told) = (made.value.expose(), made.told);
    let output = &context.output;
    if let (Some(file), Some(public)) = (&public_out, &told.public) {
        write_private_file(file, format!("{}\n", public.trim_end()).as_bytes())?;
    }
    if let Some(file) = &args.out {
        let text = if value.ends_with(b"\n") { value.clone() } else { [value, &b"\n"[..]].concat() };
        write_private_file(file, &zeroize::Zeroizing::new(text))?;
    }
    if output.structured() {
        let value = args.out.is_none().then(|| String::from_utf8_lossy(value));
        let answer = json!({ "kind": told.kind, "bits": told.bits, "value": value, "public": told.public });
        return output.answer(&body(answer));
    }
    for file in args.out.iter().chain(public_out.iter().filter(|_| told.public.is_some())) {
        output.say(&format!("wrote {}", file.display()));
    }
    if args.out.is_none() {
        output.line(String::from_utf8_lossy(value).trim_end_matches('\n'))?;
        if public_out.is_none() {
            told.public.iter().for_each(|public| output.say(public.trim_end()));
        }
    }
    Ok(())
}

/// Where the public half goes, if there is one and it goes into a file.
fn public_file(args: &GenerateArgs) -> Option<PathBuf> {
    let has_public = matches!(args.kind, Kind::SshKey { .. } | Kind::AgeKey | Kind::Csr { .. });
    let beside = |file: &Path| {
        let mut name = file.as_os_str().to_owned();
        name.push(if matches!(args.kind, Kind::Csr { .. }) { ".csr" } else { ".pub" });
        PathBuf::from(name)
    };
    args.public_out.clone().or_else(|| args.out.as_deref().map(beside)).filter(|_| has_public)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn kind(line: &str) -> Kind {
        let words = ["holdfast", "generate"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Generate(args) => args.kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_asked_of_a_server_is_what_would_be_made_here() {
        for (line, asked) in [
            ("uuid", json!({"kind": "uuid"})),
            ("random", json!({"kind": "random", "length": 32, "alphabet": "alphanumeric"})),
            ("random --length 8 --characters ab", json!({"kind": "random", "length": 8, "characters": "ab"})),
            ("base64 --url-safe --bytes 9", json!({"kind": "base64", "bytes": 9, "url_safe": true})),
            ("passphrase --separator -", json!({"kind": "passphrase", "words": 6, "separator": "-"})),
            ("ssh-key --comment a@b", json!({"kind": "ssh_key", "comment": "a@b"})),
            (
                "csr --common-name a.example",
                json!({"kind": "csr", "common_name": "a.example", "algorithm": "ecdsa_p256"}),
            ),
        ] {
            let kind = kind(line);
            assert_eq!(kind.asked(), asked, "{line}");
            assert_eq!(kind.recipe().unwrap().kind(), asked["kind"].as_str().unwrap(), "{line}");
        }
        assert!(kind("random --length 0").recipe().is_err());
    }
}
