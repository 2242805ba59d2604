//! What a cluster answers when it does not do what was asked.

use std::error::Error;
use std::net::IpAddr;

use serde::Deserialize;

use super::guard::{self, Closed};
use crate::cluster::Resource;
use crate::types::{Class, Failure};

/// Longest text of the cluster's that is told on, in characters.
const MESSAGE_MAX: usize = 600;
/// Fields that are named of an object that is refused.
const FIELDS_MAX: usize = 6;

/// A call to a cluster that failed. Never repeats the content of an object.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there, or somebody we do not trust.
    #[error("the cluster cannot be reached: {0}")]
    Unreachable(String),
    /// Its name leads to where nothing is ever sent.
    #[error(
        "the cluster is not called: `{host}` leads to {address}, and addresses of metadata, link-local ones, those of a \
         group and of nobody are never connected to"
    )]
    Closed {
        /// The host of its address.
        host: String,
        /// Where that leads.
        address: IpAddr,
    },
    /// The cluster does not know our credential.
    #[error("the cluster does not accept the credential: {0}")]
    Unauthorized(String),
    /// Our account may not do this.
    #[error("the cluster does not allow this: {0}")]
    Forbidden(String),
    /// Somebody else changed it meanwhile.
    #[error("the cluster has a conflict: {0}")]
    Conflict(String),
    /// The cluster does not take the object.
    #[error("the cluster does not take the object: {0}")]
    Invalid(String),
    /// What it is about is not there.
    #[error("not on the cluster: {0}")]
    NotFound(String),
    /// What was to be continued is too old.
    #[error("the cluster has forgotten where the list was: begin again")]
    Expired,
    /// The cluster is too busy.
    #[error("the cluster is too busy and says to ask later")]
    Throttled,
    /// Anything else it says no to.
    #[error("the cluster refused ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The answer is larger than it may be.
    #[error("the cluster's answer is larger than it may be")]
    TooLarge,
    /// The answer is none.
    #[error("the cluster's answer cannot be used: {0}")]
    Broken(String),
}

impl Failure for ClientError {
    fn class(&self) -> Class {
        match self {
            Self::Unreachable(_) | Self::Expired | Self::Throttled | Self::Broken(_) => Class::Unavailable,
            Self::Closed { .. }
            | Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::Invalid(_)
            | Self::Refused { .. }
            | Self::TooLarge => Class::Unprocessable,
            Self::Conflict(_) => Class::Conflict,
            Self::NotFound(_) => Class::NotFound,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "cluster_unreachable",
            Self::Closed { .. } => "cluster_address_closed",
            Self::Unauthorized(_) => "cluster_unauthorized",
            Self::Forbidden(_) => "cluster_forbidden",
            Self::Conflict(_) => "cluster_conflict",
            Self::Invalid(_) => "cluster_object_invalid",
            Self::NotFound(_) => "cluster_object_not_found",
            Self::Expired => "cluster_expired",
            Self::Throttled => "cluster_busy",
            Self::Refused { .. } => "cluster_refused",
            Self::TooLarge => "cluster_answer_too_large",
            Self::Broken(_) => "cluster_answer_broken",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Unreachable(_) => {
                "see that this machine reaches the address, then: holdfast clusters test NAME".into()
            }
            Self::Closed { .. } => {
                "let its name lead to the address of the API server alone, or add the cluster by that address".into()
            }
            Self::Unauthorized(_) => "give it a new credential: holdfast clusters rotate NAME".into(),
            Self::Forbidden(_) => "apply the account again: holdfast cluster manifest | kubectl apply -f -".into(),
            Self::Conflict(_) | Self::Expired | Self::Throttled => "it is tried again by itself".into(),
            Self::Invalid(_) | Self::NotFound(_) => String::new(),
            Self::Refused { .. } | Self::TooLarge | Self::Broken(_) => {
                "look at it with: holdfast clusters test NAME".into()
            }
        }
    }
}

/// What the API server says when it does not do something (`metav1.Status`).
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::cluster) struct Status {
    pub(in crate::cluster) message: String,
    pub(in crate::cluster) reason: String,
    pub(in crate::cluster) code: u16,
    details: Details,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    causes: Vec<Cause>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
    field: String,
}

impl ClientError {
    /// What an answer with this status and body means. `about` is the kind of object it was about.
    pub(super) fn of_answer(status: u16, body: &[u8], about: Option<Resource>) -> Self {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        Self::of_status(status, &said, about)
    }

    /// What the API server says means.
    pub(super) fn of_status(status: u16, said: &Status, about: Option<Resource>) -> Self {
        let message = || match about {
            // A word of the cluster's about a Secret could repeat what is in it.
            Some(Resource::Secret) => shown(&said.reason),
            _ if said.message.is_empty() => format!("it says nothing but {status}"),
            _ => shown(&said.message),
        };
        match status {
            401 => Self::Unauthorized(message()),
            403 => Self::Forbidden(message()),
            404 => Self::NotFound(message()),
            409 => Self::Conflict(message()),
            410 => Self::Expired,
            413 => Self::TooLarge,
            422 => Self::Invalid(fields(said, about)),
            429 => Self::Throttled,
            502..=504 => Self::Unreachable(format!("it answers {status}: {}", message())),
            _ => Self::Refused { status, message: message() },
        }
    }

    /// A failure below HTTP.
    pub(super) fn of_kube(error: &kube::Error, server: &str) -> Self {
        match error {
            kube::Error::Api(status) => {
                let said =
                    Status { message: status.message.clone(), reason: status.reason.clone(), ..Status::default() };
                Self::of_status(status.code, &said, None)
            }
            kube::Error::UpgradeConnection(error) => Self::Broken(format!("no stream: {}", shown(&error.to_string()))),
            kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => Self::Invalid("a name that is none".into()),
            other => match guard::closed(other) {
                Some(closed) => Self::of_closed(closed),
                None => Self::Unreachable(format!("{server}: {}", why(other))),
            },
        }
    }

    /// Nothing was sent: where its name leads is closed.
    pub(super) fn of_closed(closed: &Closed) -> Self {
        Self::Closed { host: shown(&closed.host), address: closed.address }
    }
}

/// The fields of an object that the cluster does not take, and why; values it repeats are left out.
fn fields(said: &Status, about: Option<Resource>) -> String {
    let named: Vec<String> = said
        .details
        .causes
        .iter()
        .take(FIELDS_MAX)
        .map(|cause| match (about, without_value(&cause.message)) {
            (Some(Resource::Secret), _) | (_, None) => format!("{}: {}", cause.field, cause.reason),
            (_, Some(words)) => format!("{}: {words}", cause.field),
        })
        .collect();
    if named.is_empty() { shown(&said.reason) } else { shown(&named.join("; ")) }
}

/// `Invalid value: "…": must be …` without the value; none where it cannot be told where that ends.
fn without_value(message: &str) -> Option<&str> {
    if !message.contains(" value: ") {
        return Some(message);
    }
    message.rfind("\": ").map(|at| &message[at + 3..])
}

/// A text from outside, on one line and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect();
    if text.chars().count() > MESSAGE_MAX {
        line.push('…');
    }
    line
}

/// The innermost cause of a failed connection, in words people have for it.
fn why(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    let mut words = String::new();
    // Causes do not nest deeply; a circle must not hold us.
    for _ in 0..16 {
        let Some(cause) = next else { break };
        if let Some(said) = of_tls(cause).or_else(|| of_io(cause)) {
            return said;
        }
        words = cause.to_string();
        next = cause.source();
    }
    shown(&words)
}

fn of_tls(cause: &(dyn Error + 'static)) -> Option<String> {
    let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let tls = match inner {
        Some(inner) => inner.downcast_ref::<rustls::Error>()?,
        None => cause.downcast_ref::<rustls::Error>()?,
    };
    Some(match tls {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "its certificate is not of the authority that was given".into()
        }
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name or address".into(),
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired".into(),
        other => format!("TLS: {}", shown(&other.to_string())),
    })
}

fn of_io(cause: &(dyn Error + 'static)) -> Option<String> {
    let error = cause.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Some("nothing listens there (connection refused)".into()),
        std::io::ErrorKind::TimedOut => Some("it does not answer in time".into()),
        std::io::ErrorKind::ConnectionReset => Some("it ended the connection".into()),
        std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
            Some("there is no way to that address".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVALID: &str = r#"{"kind":"Status","reason":"Invalid","code":422,"message":"Secret \"x\" is invalid: data: Invalid value: \"swordfish-1\": no",
        "details":{"causes":[{"reason":"FieldValueInvalid","message":"Invalid value: \"swordfish-1\": must be short","field":"data[a]"}]}}"#;

    #[test]
    fn a_refused_object_is_told_by_field_and_never_by_value() {
        let error = ClientError::of_answer(422, INVALID.as_bytes(), Some(Resource::Deployment));
        assert_eq!(error.to_string(), "the cluster does not take the object: data[a]: must be short");
        let error = ClientError::of_answer(422, INVALID.as_bytes(), Some(Resource::Secret));
        assert_eq!(error.to_string(), "the cluster does not take the object: data[a]: FieldValueInvalid");
    }

    #[test]
    fn no_word_about_a_secret_is_repeated() {
        for status in [400, 403, 409, 422, 500, 503] {
            let error = ClientError::of_answer(status, INVALID.as_bytes(), Some(Resource::Secret));
            assert!(!error.to_string().contains("swordfish"), "{error}");
        }
    }

    #[test]
    fn an_answer_that_is_no_status_is_told_by_its_number() {
        let error = ClientError::of_answer(500, b"<html>", Some(Resource::Pod));
        assert_eq!(error.to_string(), "the cluster refused (500): it says nothing but 500");
        assert!(matches!(ClientError::of_answer(503, b"", None), ClientError::Unreachable(_)));
        assert!(matches!(ClientError::of_answer(410, b"", None), ClientError::Expired));
    }
}
