//! How a cluster is reached: its address, whom to trust, and what proves who we are.
//!
//! Neither printed nor copied: what opens a cluster opens every environment on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::types::{Class, Failure, SecretString};

/// Longest server address, in bytes.
const SERVER_MAX: usize = 2_048;
/// Largest bundle of authorities, in bytes, and most certificates in it.
const AUTHORITY_MAX: usize = 256 << 10;
const CERTIFICATES_MAX: usize = 64;
/// Longest token, in bytes. Those of service accounts have about one kilobyte.
const TOKEN_MAX: usize = 16 << 10;

/// How to reach a cluster, opened.
pub struct Access {
    pub(super) server: String,
    pub(super) authority: Option<String>,
    pub(super) credential: Credential,
}

/// What proves who we are.
pub(super) enum Credential {
    /// A bearer token of a service account.
    Token(SecretString),
    /// A client certificate and its key, both PEM.
    Certificate { chain: String, key: SecretString },
}

/// What is given cannot be used to reach a cluster.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It is no kubeconfig.
    #[error("this is no kubeconfig: {0}")]
    Unreadable(String),
    /// The context is not in it.
    #[error("the kubeconfig has no context `{asked}`")]
    Context {
        /// What was asked for, or what its `current-context` says.
        asked: String,
        /// Which ones it has.
        known: Vec<String>,
    },
    /// It wants what we do not do.
    #[error("the kubeconfig cannot be used: {what}")]
    Refused {
        /// What it is.
        what: &'static str,
        /// What to do in its place.
        hint: &'static str,
    },
    /// The address of the server cannot be used.
    #[error("the address of the server cannot be used: {0}")]
    Server(&'static str),
    /// The certificate authority cannot be used.
    #[error("the certificate authority cannot be used: {0}")]
    Authority(&'static str),
    /// The credential cannot be used.
    #[error("the credential cannot be used: {0}")]
    Credential(&'static str),
}

impl Failure for AccessError {
    fn class(&self) -> Class {
        Class::Invalid
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "kubeconfig_invalid",
            Self::Context { .. } => "kubeconfig_context_unknown",
            Self::Refused { .. } => "kubeconfig_refused",
            Self::Server(_) => "cluster_server_invalid",
            Self::Authority(_) => "cluster_authority_invalid",
            Self::Credential(_) => "cluster_credential_invalid",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Unreadable(_) => "take what this prints: kubectl config view --raw --flatten --minify".into(),
            Self::Context { known, .. } if known.is_empty() => "the kubeconfig has no contexts at all".into(),
            Self::Context { known, .. } => format!("name one of: {}", known.join(", ")),
            Self::Refused { hint, .. } => (*hint).into(),
            Self::Server(_) => "it is like https://10.0.0.1:6443".into(),
            Self::Authority(_) => "it is the PEM text of `certificate-authority-data`, decoded".into(),
            Self::Credential(_) => {
                "take the token of the account that `holdfast cluster manifest` makes; the manual has the two commands"
                    .into()
            }
        }
    }
}

impl Access {
    /// By a token. `authority` is PEM; without one the machine's own authorities are trusted.
    ///
    /// # Errors
    /// An address that is not `https://`, a bundle without certificates, a token that is none.
    pub fn by_token(server: &str, authority: Option<&str>, token: SecretString) -> Result<Self, AccessError> {
        Self::new(server, authority, Credential::Token(token))
    }

    /// By a client certificate, PEM like its key.
    ///
    /// # Errors
    /// As [`by_token`](Self::by_token); a certificate or key that is none.
    pub fn by_certificate(
        server: &str,
        authority: Option<&str>,
        chain: String,
        key: SecretString,
    ) -> Result<Self, AccessError> {
        Self::new(server, authority, Credential::Certificate { chain, key })
    }

    pub(super) fn new(server: &str, authority: Option<&str>, credential: Credential) -> Result<Self, AccessError> {
        let server = require_server(server)?;
        let authority = authority.filter(|pem| !pem.trim().is_empty()).map(str::to_owned);
        if let Some(pem) = &authority {
            certificates(pem).map_err(AccessError::Authority)?;
        }
        match &credential {
            Credential::Token(token) => require_token(token)?,
            Credential::Certificate { chain, key } => {
                certificates(chain).map_err(AccessError::Credential)?;
                PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
                    .map_err(|_| AccessError::Credential("the key of the client certificate is not PEM"))?;
            }
        }
        Ok(Self { server, authority, credential })
    }

    /// The address of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The certificates of the authority; none where the machine's own are trusted.
    pub(super) fn roots(&self) -> Option<Vec<Vec<u8>>> {
        self.authority.as_deref().and_then(|pem| certificates(pem).ok())
    }
}

/// `https://host[:port][/path]`, without a slash at the end.
fn require_server(text: &str) -> Result<String, AccessError> {
    let text = text.trim().trim_end_matches('/');
    if text.len() > SERVER_MAX {
        return Err(AccessError::Server("it is too long"));
    }
    if text.starts_with("http://") {
        return Err(AccessError::Server("it must be https://: a credential never goes over an open connection"));
    }
    let uri = text.parse::<http::Uri>().map_err(|_| AccessError::Server("it is no address"))?;
    let Some(authority) = uri.authority().filter(|_| uri.scheme_str() == Some("https")) else {
        return Err(AccessError::Server("it does not begin with https://"));
    };
    if authority.as_str().contains('@') || uri.query().is_some() {
        return Err(AccessError::Server("it holds more than a host, a port and a path"));
    }
    let address = authority.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if address.is_ok_and(is_closed) {
        return Err(AccessError::Server(
            "no cluster answers there: it is an address of metadata, of a group or of nobody",
        ));
    }
    Ok(text.to_owned())
}

/// Whether an address is one where machines are told who they are (link-local, and those of single clouds), or none that
/// answers; one of IPv6 that carries such an address of IPv4 to it is the same. Private and loopback addresses are where
/// clusters are. A name that leads to such an address is refused by the client when it connects.
pub(super) fn is_closed(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let is_cloud = matches!(v4.octets(), [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, 192]);
            v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() || is_cloud
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = carried(v6) {
                return is_closed(v4.into());
            }
            let is_cloud = v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || is_cloud
        }
    }
}

/// The address of IPv4 that translators and tunnels take out of one of IPv6: NAT64 (RFC 6052), 6to4 (RFC 3056), and the
/// old compatible form (RFC 4291), which loopback and nobody's address only look like.
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = v6.octets();
    let at = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => 12,
        [0x2002, ..] => 2,
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => 12,
        _ => return None,
    };
    Some(Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]))
}

fn require_token(token: &SecretString) -> Result<(), AccessError> {
    let text = token.expose();
    if text.is_empty() || text.len() > TOKEN_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(AccessError::Credential("a token is one line without blanks"));
    }
    Ok(())
}

/// The certificates of a PEM text.
fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    if pem.len() > AUTHORITY_MAX {
        return Err("it is too long");
    }
    let found: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .take(CERTIFICATES_MAX)
        .map(|one| one.map(|der| der.as_ref().to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|_| "it is not PEM")?;
    if found.is_empty() {
        return Err("it holds no certificate");
    }
    Ok(found)
}
