//! Why an operation did not come to act.

use crate::db::DbError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::policy::{Action, Decision, InstancePermission};
use crate::types::{Class, Failure};

/// A failure every operation can have.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// No role of theirs allows it here, or something forbids it.
    #[error("{message}")]
    Denied {
        /// What was asked.
        action: Action,
        /// Why not, in words.
        message: String,
        /// Who could give what is missing.
        hint: String,
    },
    /// Only instance operators may.
    #[error("{} is for instance operators", .0.as_str())]
    OperatorsOnly(InstancePermission),
    /// It asks for a fresh sign-in.
    #[error("this needs a fresh sign-in")]
    StepUp,
    /// It needs somebody who is known.
    #[error("this needs a token")]
    Anonymous,
    /// The credential was revoked, expired, or its owner was removed, in the middle of the request.
    #[error("the token is not valid any more")]
    CredentialGone,
    /// Rights changed again and again while it was tried.
    #[error("rights are changing too fast to answer safely")]
    Contended,
    /// The ledger refused the event.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The keys failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl OpError {
    /// A denial in words, from the decision.
    pub fn denied(action: Action, decision: &Decision) -> Self {
        let missing = decision.missing.map_or_else(|| action.as_str().to_owned(), |p| p.as_str().to_owned());
        let message = match decision.missing {
            Some(_) => format!("this needs the permission {missing}"),
            None => decision.reasons.first().cloned().unwrap_or_else(|| format!("{missing} is not allowed here")),
        };
        Self::Denied { action, message, hint: decision.hint().unwrap_or_default() }
    }
}

impl Failure for OpError {
    fn class(&self) -> Class {
        match self {
            Self::Denied { .. } | Self::OperatorsOnly(_) | Self::StepUp => Class::Forbidden,
            Self::Anonymous | Self::CredentialGone => Class::Unauthenticated,
            Self::Contended => Class::Unavailable,
            Self::Ledger(_) => Class::Internal,
            Self::Keys(e) => e.class(),
            Self::Db(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied { .. } | Self::OperatorsOnly(_) => "permission_denied",
            Self::StepUp => "step_up_required",
            Self::Anonymous => "authentication_required",
            Self::CredentialGone => "token_invalid",
            Self::Contended => "contended",
            Self::Ledger(e) => e.code(),
            Self::Keys(e) => Failure::code(e),
            Self::Db(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Denied { hint, .. } => hint.clone(),
            Self::OperatorsOnly(_) => "ask whoever set this instance up".into(),
            Self::StepUp => "sign in again with: holdfast login".into(),
            Self::Anonymous => "send `Authorization: Bearer hf_…`; on the command line: holdfast login".into(),
            Self::CredentialGone => "make a new one with: holdfast login".into(),
            Self::Contended => "try again in a second".into(),
            Self::Ledger(e) => e.hint().to_owned(),
            Self::Keys(e) => Failure::hint(e),
            Self::Db(e) => e.hint().to_owned(),
        }
    }
}
