//! Certificate signing requests (PKCS #10, RFC 2986), each with a new key.

use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
use zeroize::Zeroizing;

use super::draw::Draw;
use crate::keys::KeyError;
use crate::types::{ParseError, SecretBytes, SecretString};

/// Most names of one request.
const NAMES_MAX: usize = 100;
/// Longest name, in bytes.
const NAME_MAX: usize = 253;
/// Longest part of a subject, in characters (RFC 5280, upper bounds).
const PART_MAX: usize = 64;

/// What stands before the 32 bytes of an Ed25519 key: version 0, the algorithm, two headings of octets.
const PKCS8_ED25519: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The kind of key a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// ECDSA on P-256: what every authority takes.
    #[default]
    EcdsaP256,
    /// Ed25519.
    Ed25519,
}

/// Whom a certificate is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    common_name: String,
    names: Vec<String>,
    organization: Option<String>,
    country: Option<String>,
    algorithm: Algorithm,
}

impl Subject {
    /// A subject with these alternative names, DNS names (`*.example.com` too) and addresses; the common name is one
    /// of them when none are given and it is one.
    ///
    /// # Errors
    /// An empty or overlong part, a name that is none, too many, a country that is not two letters.
    pub fn parse(
        common_name: String,
        names: Vec<String>,
        organization: Option<String>,
        country: Option<String>,
        algorithm: Algorithm,
    ) -> Result<Self, ParseError> {
        part("common name", &common_name)?;
        if let Some(organization) = &organization {
            part("organization", organization)?;
        }
        if country.as_ref().is_some_and(|c| c.len() != 2 || !c.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(ParseError::new("country", "two capital letters (ISO 3166)"));
        }
        if names.len() > NAMES_MAX || !names.iter().all(|n| is_name(n)) {
            let right = format!("at most {NAMES_MAX} DNS names or addresses of at most {NAME_MAX} characters");
            return Err(ParseError::new("names", right));
        }
        let names = if names.is_empty() && is_name(&common_name) { vec![common_name.clone()] } else { names };
        Ok(Self { common_name, names, organization, country, algorithm })
    }
}

fn part(what: &'static str, text: &str) -> Result<(), ParseError> {
    if (1..=PART_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ParseError::new(what, format!("1 to {PART_MAX} characters, none of them a control character")))
}

/// Whether it is an address or a DNS name, the leftmost label of which may be `*`.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    text.len() <= NAME_MAX && name.split('.').all(is_label)
}

/// The private key (PKCS #8, PEM) and the request (PEM).
pub(super) fn request(draw: &mut Draw<'_, '_>, subject: &Subject) -> Result<(SecretBytes, String), KeyError> {
    let failed = |_| KeyError::Cipher;
    let key = match subject.algorithm {
        Algorithm::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed)?,
        Algorithm::Ed25519 => ed25519(draw)?,
    };
    let mut params = CertificateParams::new(subject.names.clone()).map_err(failed)?;
    let mut name = DistinguishedName::new();
    if let Some(country) = &subject.country {
        let country = country.as_str().try_into().map_err(failed)?;
        name.push(DnType::CountryName, DnValue::PrintableString(country));
    }
    if let Some(organization) = &subject.organization {
        name.push(DnType::OrganizationName, organization.as_str());
    }
    name.push(DnType::CommonName, subject.common_name.as_str());
    params.distinguished_name = name;
    let request = params.serialize_request(&key).and_then(|r| r.pem()).map_err(failed)?;
    Ok((SecretString::new(key.serialize_pem()).into_bytes(), unix_lines(&request)))
}

/// A key in the first version of PKCS #8 (RFC 8410, section 7): OpenSSL reads no other one of Ed25519.
fn ed25519(draw: &mut Draw<'_, '_>) -> Result<KeyPair, KeyError> {
    let mut document = Zeroizing::new([0; PKCS8_ED25519.len() + 32]);
    document[..PKCS8_ED25519.len()].copy_from_slice(PKCS8_ED25519);
    draw.fill_all(&mut document[PKCS8_ED25519.len()..])?;
    KeyPair::try_from(&document[..]).map_err(|_| KeyError::Cipher)
}

/// PEM with the line ends of the platform it is read on, not of mail.
fn unix_lines(pem: &str) -> String {
    pem.replace("\r\n", "\n")
}
