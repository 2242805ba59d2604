//! What can go wrong with approvals.

use crate::types::{Class, Failure, Id, Problem, kinds};

/// Why something waits, or why a request is not decided so.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Others must approve first; what was wished is kept as a request.
    #[error("{place} asks for {approvals} approval{s} first{waits}", s = if *.approvals == 1 { "" } else { "s" },
        waits = .request.map_or_else(String::new, |id| format!("; the request {id} waits for them")))]
    Required {
        /// The environment, as `project/environment`.
        place: String,
        /// How many.
        approvals: u32,
        /// The request; none while it is not made yet.
        request: Option<Id<kinds::Approval>>,
    },
    /// A value is built from one that is shown only after approval.
    #[error("{name} is built from values that are shown only after approval")]
    OfParts {
        /// The name.
        name: String,
    },
    /// One's own request, or that of a service account one made.
    #[error("this is your own request, or that of a service account you made: others decide on it")]
    Own,
    /// Somebody else's request.
    #[error("only who made a request can withdraw it")]
    NotYours,
    /// The same person again.
    #[error("you have decided on this request already")]
    Twice,
    /// There is nothing to decide any more.
    #[error("this request is {state} already")]
    Ended {
        /// What has become of it.
        state: &'static str,
    },
    /// What it was about changed meanwhile.
    #[error("{name} was changed after this request was made: it is stale")]
    Stale {
        /// The first name that changed.
        name: String,
    },
    /// Whoever asked may not do it any more.
    #[error("whoever made this request may not do it any more")]
    RequesterLost,
}

impl Failure for ApprovalError {
    fn class(&self) -> Class {
        match self {
            Self::OfParts { .. } | Self::Own | Self::NotYours => Class::Forbidden,
            Self::Required { .. } | Self::Twice | Self::Ended { .. } | Self::Stale { .. } | Self::RequesterLost => {
                Class::Conflict
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Required { .. } => "approval_required",
            Self::OfParts { .. } => "approval_of_parts",
            Self::Own => "approval_own_request",
            Self::NotYours => "approval_not_yours",
            Self::Twice => "approval_repeated",
            Self::Ended { .. } => "approval_ended",
            Self::Stale { .. } => "approval_stale",
            Self::RequesterLost => "approval_requester_lost",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Required { request: Some(id), .. } => {
                format!(
                    "others decide with: holdfast approvals approve {id}; follow it with: holdfast approvals show {id}"
                )
            }
            Self::Required { .. } => "ask for it with: holdfast secrets get".into(),
            Self::OfParts { .. } => "ask for each of them where it is stored".into(),
            Self::Own => "in an emergency an owner or admin can: holdfast approvals override".into(),
            Self::NotYours => "say no to it with: holdfast approvals reject".into(),
            Self::Twice | Self::Ended { .. } => "see where it stands with: holdfast approvals show".into(),
            Self::Stale { .. } => "look at what is there now, and ask again".into(),
            Self::RequesterLost => "reject it; whoever holds the right can ask again".into(),
        }
    }

    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Required { request: Some(id), .. } => {
                vec![Problem { field: "approval".into(), code: "approval_request".into(), detail: id.to_string() }]
            }
            _ => Vec::new(),
        }
    }
}
