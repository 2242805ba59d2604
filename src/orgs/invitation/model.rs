//! An invitation, and what is asked of one.

use crate::policy::PrincipalId;
use crate::types::{Email, Id, SecretString, Slug, Timestamp, kinds};

/// How an invitation ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Somebody joined with it.
    Accepted,
    /// It was taken back.
    Revoked,
}

impl Ended {
    /// The word in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Accepted, Self::Revoked].into_iter().find(|ended| ended.as_str() == text)
    }
}

/// Who shall join, and what they will be given.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Its id.
    pub id: Id<kinds::Invitation>,
    /// Into which organization.
    pub organization: Id<kinds::Organization>,
    /// Whom.
    pub email: Email,
    /// The role that will be given, by name.
    pub role: Option<Slug>,
    /// The project it is given on; none: the organization.
    pub project: Option<Id<kinds::Project>>,
    /// The environment it is given on.
    pub environment: Option<Id<kinds::Environment>>,
    /// Teams they will be in.
    pub teams: Vec<Id<kinds::Team>>,
    /// Whether the link went to the address only.
    pub mailed: bool,
    /// Whose rights give it.
    pub invited_by: PrincipalId,
    /// The credential it was made with.
    pub credential: Id<kinds::Credential>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// When and how it ended.
    pub ended: Option<(Timestamp, Ended)>,
}

impl Invitation {
    /// What has become of it, in a word.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.ended {
            Some((_, ended)) => ended.as_str(),
            None if self.expires_at <= now => "expired",
            None => "open",
        }
    }
}

/// An invitation with the names of what it is about.
#[derive(Debug, Clone)]
pub struct InvitationView {
    /// The invitation.
    pub invitation: Invitation,
    /// Where the role is given.
    pub place: crate::orgs::access::Place,
    /// The teams, by name; those that are gone are left out.
    pub teams: Vec<Slug>,
    /// Who invited, by name.
    pub invited_by: String,
    /// What has become of it.
    pub state: &'static str,
}

/// The row and the keyed hash of its token.
pub(super) struct Stored {
    pub(super) invitation: Invitation,
    pub(super) hash: Vec<u8>,
}

/// Who shall be invited.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Whom.
    pub email: Email,
    /// The role they will have, by name.
    pub role: Option<Slug>,
    /// The project the role is given on, by id or slug.
    pub project: Option<String>,
    /// The environment of it, by id or slug.
    pub environment: Option<String>,
    /// Teams they will be in, by name or id.
    pub teams: Vec<String>,
    /// How long it can be accepted; seven days when none.
    pub life: Option<std::time::Duration>,
    /// Whether the link shall be handed over rather than mailed.
    pub by_link: bool,
}

/// A new invitation.
pub struct Invited {
    /// The invitation.
    pub view: InvitationView,
    /// The address to hand over, when it was not mailed; shown this once.
    pub link: Option<SecretString>,
}

/// What somebody says who accepts.
pub struct Accept {
    /// The token of the invitation.
    pub token: SecretString,
    /// How they are called; the part before the `@` when none.
    pub name: Option<String>,
    /// A new password; of somebody who has one, that one. Not needed by who is signed in as the invited person.
    pub password: Option<SecretString>,
}

/// What a token opens, for the page that accepts it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The organization's name.
    pub organization: String,
    /// The invited address.
    pub email: Email,
    /// The role, when one is given.
    pub role: Option<Slug>,
    /// Until when.
    pub expires_at: Timestamp,
}
