//! What can go wrong with mail.

use crate::types::{Class, Failure};

/// A mail that was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// No SMTP server is configured.
    #[error("this instance sends no mail: no SMTP server is configured")]
    NotConfigured,
    /// The configuration names a file that cannot be used.
    #[error("the mail configuration cannot be used: {0}")]
    Configuration(String),
    /// The address is none a mail can be sent to.
    #[error("no mail can be sent to this address")]
    Address,
    /// The SMTP server could not be reached, or said no for now.
    #[error("the SMTP server did not take the mail: {0}")]
    Undelivered(String),
    /// The SMTP server said no for good.
    #[error("the SMTP server refused the mail: {0}")]
    Refused(String),
    /// More mails wait than may.
    #[error("too many mails are waiting to be sent")]
    Full,
}

impl Failure for MailError {
    fn class(&self) -> Class {
        match self {
            Self::NotConfigured => Class::Conflict,
            Self::Address => Class::Invalid,
            Self::Configuration(_) => Class::Internal,
            Self::Undelivered(_) | Self::Refused(_) | Self::Full => Class::Unavailable,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured => "mail_not_configured",
            Self::Configuration(_) => "mail_misconfigured",
            Self::Address => "mail_address",
            Self::Undelivered(_) => "mail_undelivered",
            Self::Refused(_) => "mail_refused",
            Self::Full => "mail_queue_full",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotConfigured => {
                "set mail.host and mail.from; until then an instance operator hands links over: holdfast password link EMAIL"
                    .into()
            }
            Self::Configuration(_) => "check the [mail] section with: holdfast config check".into(),
            Self::Address => "check the address".into(),
            Self::Undelivered(_) => "check mail.host, mail.port and mail.security, then: holdfast mail test".into(),
            Self::Refused(_) => "check mail.from, mail.username and mail.password_file".into(),
            Self::Full => "try again in a minute".into(),
        }
    }
}
