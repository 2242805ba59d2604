//! How a value to be drawn looks in JSON, and what is told of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::error::Problem;
use crate::types::ParseError;
use crate::vault::generate::{Algorithm, Alphabet, Recipe, Subject, Told};

/// A value nobody thinks up. It is never in an answer; of a key pair the public half is.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Generate {
    /// A UUID of version 4.
    Uuid {},
    /// Random characters.
    Random {
        /// How many; 32 when none.
        #[schema(minimum = 1, maximum = 4096)]
        length: Option<usize>,
        /// Which; `alphanumeric` when none.
        alphabet: Option<AlphabetName>,
        /// Exactly these, in place of `alphabet`.
        #[schema(min_length = 2, max_length = 256)]
        characters: Option<String>,
    },
    /// Random bytes as hexadecimal digits.
    Hex {
        /// How many bytes; 32 when none.
        #[schema(minimum = 1, maximum = 4096)]
        bytes: Option<usize>,
    },
    /// Random bytes as base64.
    Base64 {
        /// How many bytes; 32 when none.
        #[schema(minimum = 1, maximum = 4096)]
        bytes: Option<usize>,
        /// With `-` and `_`, and without padding.
        #[serde(default)]
        #[schema(required = false)]
        url_safe: bool,
    },
    /// Words of the EFF's large list.
    Passphrase {
        /// How many; 6 when none.
        #[schema(minimum = 4, maximum = 64)]
        words: Option<usize>,
        /// What stands between two; `-` when none.
        #[schema(max_length = 8)]
        separator: Option<String>,
    },
    /// An Ed25519 key pair as OpenSSH writes it: the private key is kept, the line for `authorized_keys` answered.
    SshKey {
        /// What stands after the key.
        #[schema(max_length = 255)]
        comment: Option<String>,
    },
    /// A key pair of age: the identity is kept, the recipient answered.
    AgeKey {},
    /// A certificate signing request: the private key (PKCS #8) is kept, the request answered.
    Csr {
        /// Whom it is for.
        #[schema(min_length = 1, max_length = 64)]
        common_name: String,
        /// DNS names and addresses; the common name when none.
        #[schema(max_items = 100)]
        names: Option<Vec<String>>,
        /// The organization.
        #[schema(min_length = 1, max_length = 64)]
        organization: Option<String>,
        /// Two capital letters.
        #[schema(pattern = "^[A-Z]{2}$")]
        country: Option<String>,
        /// The kind of key; `ecdsa_p256` when none.
        algorithm: Option<AlgorithmName>,
    },
}

/// Characters to draw from.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlphabetName {
    /// `A-Z a-z 0-9`.
    Alphanumeric,
    /// `A-Z a-z`.
    Letters,
    /// `0-9`.
    Digits,
    /// Alphanumeric without `0 O 1 I l`.
    Unambiguous,
    /// Printable ASCII without space, quotes, backslash, backtick and `$`.
    Symbols,
}

/// A kind of key.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlgorithmName {
    /// ECDSA on P-256.
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

impl Generate {
    /// The recipe it asks for.
    pub(super) fn recipe(self) -> Result<Recipe, Problem> {
        let wrong = |e: ParseError| Problem::from(e).field("generate", "generate_invalid");
        match self {
            Self::Uuid {} => Ok(Recipe::uuid()),
            Self::Random { alphabet: Some(_), characters: Some(_), .. } => {
                let problem = Problem::invalid("generate_invalid", "either `alphabet` or `characters`");
                Err(problem.field("generate", "generate_invalid"))
            }
            Self::Random { length, alphabet, characters } => {
                let alphabet = match characters {
                    Some(characters) => Alphabet::parse(&characters).map_err(wrong)?,
                    None => named(alphabet.unwrap_or(AlphabetName::Alphanumeric)),
                };
                Recipe::random(length.unwrap_or(32), alphabet).map_err(wrong)
            }
            Self::Hex { bytes } => Recipe::hex(bytes.unwrap_or(32)).map_err(wrong),
            Self::Base64 { bytes, url_safe } => Recipe::base64(bytes.unwrap_or(32), url_safe).map_err(wrong),
            Self::Passphrase { words, separator } => {
                Recipe::passphrase(words.unwrap_or(6), separator.unwrap_or_else(|| "-".into())).map_err(wrong)
            }
            Self::SshKey { comment } => Recipe::ssh_key(comment.unwrap_or_default()).map_err(wrong),
            Self::AgeKey {} => Ok(Recipe::age_key()),
            Self::Csr { common_name, names, organization, country, algorithm } => {
                let algorithm = match algorithm {
                    None | Some(AlgorithmName::EcdsaP256) => Algorithm::EcdsaP256,
                    Some(AlgorithmName::Ed25519) => Algorithm::Ed25519,
                };
                let subject = Subject::parse(common_name, names.unwrap_or_default(), organization, country, algorithm);
                Ok(Recipe::csr(subject.map_err(wrong)?))
            }
        }
    }
}

fn named(name: AlphabetName) -> Alphabet {
    match name {
        AlphabetName::Alphanumeric => Alphabet::alphanumeric(),
        AlphabetName::Letters => Alphabet::letters(),
        AlphabetName::Digits => Alphabet::digits(),
        AlphabetName::Unambiguous => Alphabet::unambiguous(),
        AlphabetName::Symbols => Alphabet::symbols(),
    }
}

/// What is told of a drawn value.
#[derive(Serialize, ToSchema)]
pub(crate) struct Generated {
    /// The kind that was asked for.
    kind: &'static str,
    /// Random bits in the value, rounded down.
    bits: u32,
    /// The half that others get: a line for `authorized_keys`, an age recipient, a request in PEM.
    public: Option<String>,
}

impl From<Told> for Generated {
    fn from(told: Told) -> Self {
        Self { kind: told.kind, bits: told.bits, public: told.public }
    }
}
