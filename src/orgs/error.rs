//! What can go wrong with the tree and the people on it.

use crate::auth::AuthError;
use crate::db::DbError;
use crate::keys::KeyError;
use crate::ledger::LedgerError;
use crate::notify::MailError;
use crate::op::OpError;
use crate::types::{Class, Failure, ParseError, Problem};

/// A failure of an operation on organizations, projects, environments, members, grants or service accounts.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// Unknown, deleted, of another organization, or not visible to who asks: nobody learns which.
    #[error("there is no {what} `{name}` here")]
    NotFound {
        /// The kind in words.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The slug or name is in use.
    #[error("a {what} called `{name}` is there already")]
    Taken {
        /// The kind in words.
        what: &'static str,
        /// The slug or name.
        name: String,
    },
    /// The slug belongs to something deleted.
    #[error("the slug `{slug}` belongs to a deleted {what}")]
    Reserved {
        /// The kind in words.
        what: &'static str,
        /// The slug.
        slug: String,
    },
    /// The parent lets nothing flow out.
    #[error("{parent} is closed: nothing can be put beneath it")]
    ParentClosed {
        /// The parent, as `project/environment`.
        parent: String,
    },
    /// The tree would be deeper than it may be.
    #[error("environments are at most {max} deep", max = super::environment::DEPTH_MAX)]
    TooDeep,
    /// The new parent is the environment itself or beneath it.
    #[error("{parent} is beneath {environment}: that would make a circle")]
    Circle {
        /// What was to be moved.
        environment: String,
        /// Where to.
        parent: String,
    },
    /// It is locked.
    #[error("{environment} is locked by {by}{reason}")]
    Locked {
        /// The environment, as `project/environment`.
        environment: String,
        /// Who locked it.
        by: String,
        /// Why, with a colon in front; or empty.
        reason: String,
    },
    /// The version named is not the current one.
    #[error("the {what} was changed meanwhile: it has version {current} now")]
    Stale {
        /// The kind in words.
        what: &'static str,
        /// Its version now.
        current: u32,
    },
    /// More would be given than is held.
    #[error("nobody can give more than they hold: {} missing", .missing.join(", "))]
    CannotGrantMore {
        /// The permissions lacking.
        missing: Vec<String>,
    },
    /// The organization would be without an owner.
    #[error("this is the last owner; an organization keeps one")]
    LastOwner,
    /// It would be one too many.
    #[error("there are {max} {what}s already: that is the limit")]
    TooMany {
        /// The kind in words.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// Grants give the role.
    #[error("the role `{role}` is given by {grants} grants")]
    RoleInUse {
        /// The role.
        role: String,
        /// How many grants give it.
        grants: usize,
    },
    /// Only people have it; the caller is a service account.
    #[error("service accounts have no {what}")]
    PeopleOnly {
        /// What they do not have, in words.
        what: &'static str,
    },
    /// The restore window is over, or the parent is gone.
    #[error("{name} cannot be restored: {why}")]
    NotRestorable {
        /// What was to be restored.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// The appliance has its first owner already.
    #[error("this instance is set up already")]
    SetUpAlready,
    /// The set-up token is wrong, used or expired. One message for all.
    #[error("the setup token is not valid")]
    SetupToken,
    /// A reset token is wrong, used or expired. One message for all.
    #[error("this link to set a password is not valid any more")]
    ResetToken,
    /// A link of a change of an address is wrong, used, stopped or expired. One message for all.
    #[error("this link of an e-mail address is not valid any more")]
    EmailToken,
    /// Another address was asked for a moment ago.
    #[error("an address was asked for less than a minute ago")]
    EmailTooSoon,
    /// A link to confirm an address would have to be mailed.
    #[error("this instance sends no mail: an address cannot be confirmed by one")]
    EmailWithoutMail,
    /// An invitation is wrong, used, revoked or expired. One message for all.
    #[error("this invitation is not valid any more")]
    InvitationToken,
    /// Whoever invited may not give what was promised any more.
    #[error("whoever sent this invitation may not give what it promises any more")]
    InvitationLost,
    /// An invitation for somebody who has a password: it is asked for.
    #[error("{email} has an account here already: its password is needed")]
    InvitationPassword {
        /// The invited address.
        email: crate::types::Email,
    },
    /// A mail could not be sent.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// Nobody confirmed the login yet.
    #[error("the login is not confirmed yet")]
    DevicePending,
    /// It asked again too soon.
    #[error("this was asked again too soon")]
    DeviceTooFast,
    /// Somebody said that it is not theirs, or whoever confirmed it may not any more.
    #[error("the login was refused")]
    DeviceDenied,
    /// Unknown, used, or its time is over. One message for all.
    #[error("the login is over")]
    DeviceOver,
    /// A field is wrong.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A credential or a password is wrong.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// What every operation can fail with.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl OrgError {
    /// Nothing of this kind answers to this name.
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        let name: String = name.into();
        Self::NotFound { what, name: name.chars().filter(|c| !c.is_control()).take(64).collect() }
    }
}

impl From<DbError> for OrgError {
    fn from(error: DbError) -> Self {
        Self::Op(error.into())
    }
}

impl From<KeyError> for OrgError {
    fn from(error: KeyError) -> Self {
        Self::Op(error.into())
    }
}

impl From<LedgerError> for OrgError {
    fn from(error: LedgerError) -> Self {
        Self::Op(error.into())
    }
}

impl Failure for OrgError {
    fn class(&self) -> Class {
        match self {
            Self::NotFound { .. } => Class::NotFound,
            Self::Taken { .. }
            | Self::Reserved { .. }
            | Self::ParentClosed { .. }
            | Self::Circle { .. }
            | Self::Locked { .. }
            | Self::LastOwner
            | Self::RoleInUse { .. }
            | Self::NotRestorable { .. }
            | Self::SetUpAlready
            | Self::EmailWithoutMail
            | Self::InvitationLost => Class::Conflict,
            Self::TooDeep | Self::TooMany { .. } => Class::Unprocessable,
            Self::Stale { .. } => Class::Stale,
            Self::CannotGrantMore { .. } | Self::PeopleOnly { .. } | Self::DeviceDenied => Class::Forbidden,
            Self::SetupToken
            | Self::ResetToken
            | Self::EmailToken
            | Self::InvitationToken
            | Self::InvitationPassword { .. } => Class::Unauthenticated,
            Self::Mail(e) => e.class(),
            Self::DevicePending | Self::DeviceOver => Class::Invalid,
            Self::DeviceTooFast | Self::EmailTooSoon => Class::TooMany,
            Self::Parse(e) => e.class(),
            Self::Auth(e) => e.class(),
            Self::Op(e) => e.class(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { what: "organization", .. } => "organization_not_found",
            Self::NotFound { what: "project", .. } => "project_not_found",
            Self::NotFound { what: "environment", .. } => "environment_not_found",
            Self::NotFound { .. } => "not_found",
            Self::Taken { .. } => "already_exists",
            Self::Reserved { .. } => "slug_reserved",
            Self::ParentClosed { .. } => "parent_closed",
            Self::TooDeep => "tree_too_deep",
            Self::Circle { .. } => "parent_cycle",
            Self::Locked { .. } => "environment_locked",
            Self::Stale { .. } => "version_mismatch",
            Self::CannotGrantMore { .. } => "cannot_grant_more",
            Self::LastOwner => "last_owner",
            Self::RoleInUse { .. } => "role_in_use",
            Self::TooMany { .. } => "limit_reached",
            Self::PeopleOnly { .. } => "people_only",
            Self::NotRestorable { .. } => "not_restorable",
            Self::SetUpAlready => "already_set_up",
            Self::SetupToken => "setup_token_invalid",
            Self::ResetToken => "reset_token_invalid",
            Self::EmailToken => "email_change_invalid",
            Self::EmailTooSoon => "email_change_too_soon",
            Self::EmailWithoutMail => "mail_not_configured",
            Self::InvitationToken => "invitation_invalid",
            Self::InvitationLost => "invitation_lost",
            Self::InvitationPassword { .. } => "invitation_password_needed",
            Self::Mail(e) => e.code(),
            Self::DevicePending => "authorization_pending",
            Self::DeviceTooFast => "slow_down",
            Self::DeviceDenied => "access_denied",
            Self::DeviceOver => "expired_token",
            Self::Parse(e) => e.code(),
            Self::Auth(e) => e.code(),
            Self::Op(e) => e.code(),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotFound { what, .. } => {
                format!("list what you may see with: holdfast {}s list", what.replace(' ', "-"))
            }
            Self::Taken { .. } => "choose another name".into(),
            Self::Reserved { .. } => "choose another slug, or restore it: holdfast deletions list".into(),
            Self::ParentClosed { .. } => "its maintainers can open it: holdfast environments update --flow tree".into(),
            Self::TooDeep => "put it beneath an environment higher up".into(),
            Self::Circle { .. } => "choose a parent outside its own subtree".into(),
            Self::Locked { .. } => "a maintainer takes the lock away with: holdfast environments unlock".into(),
            Self::Stale { .. } => "read it again, then repeat the change".into(),
            Self::CannotGrantMore { .. } => "ask somebody who holds it, or give a smaller role".into(),
            Self::LastOwner => "make somebody else an owner first".into(),
            Self::RoleInUse { .. } => "take those grants away first: holdfast grants list shows them".into(),
            Self::TooMany { .. } => "remove what is not needed any more".into(),
            Self::PeopleOnly { .. } => "sign in as a person with: holdfast login".into(),
            Self::NotRestorable { .. } => "see what can be restored with: holdfast deletions list".into(),
            Self::SetUpAlready => "sign in with: holdfast login".into(),
            Self::SetupToken => "make a new one on the server with: holdfast setup-token --new".into(),
            Self::ResetToken => "ask for a new one: holdfast password forgot EMAIL".into(),
            Self::EmailToken => "ask for a new one: holdfast account email change NEW".into(),
            Self::EmailTooSoon => "wait a minute; the mails of before may still come".into(),
            Self::EmailWithoutMail => {
                "set mail.host and mail.from; until then an instance operator hands the links over: \
                 holdfast users email OLD NEW"
                    .into()
            }
            Self::InvitationToken | Self::InvitationLost => "ask whoever invited you for a new one".into(),
            Self::InvitationPassword { .. } => "give the password you sign in with, or sign in first".into(),
            Self::Mail(e) => e.hint(),
            Self::DevicePending => "confirm its code where you are signed in, then ask again".into(),
            Self::DeviceTooFast => "wait five seconds between two questions".into(),
            Self::DeviceDenied | Self::DeviceOver => "begin again with: holdfast login --device".into(),
            Self::Parse(e) => e.hint(),
            Self::Auth(e) => e.hint(),
            Self::Op(e) => e.hint(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Auth(e) => e.retry_after(),
            Self::DeviceTooFast => Some(super::device::INTERVAL.as_secs()),
            Self::EmailTooSoon => Some(super::email::MAIL_EVERY.as_secs()),
            _ => None,
        }
    }

    fn problems(&self) -> Vec<Problem> {
        match self {
            Self::CannotGrantMore { missing } => missing
                .iter()
                .map(|p| Problem {
                    field: "role".into(),
                    code: "permission_missing".into(),
                    detail: format!("you do not hold {p}"),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}
