//! Accepting.

use std::sync::Arc;

use super::model::{Accept, Ended, Invitation, Offer, Stored};
use super::{ACCEPTED, store};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, User};
use crate::db::{Reader, WriteTx};
use crate::keys::{PlainToken, TokenKind};
use crate::ledger::{Actor, Details, Event, Outcome, Target};
use crate::op::{Identity, Op, OpError, Who, epoch, epoch_raise};
use crate::orgs::organization::{Organization, display_name};
use crate::orgs::{OrgError, access, grant, organization, team};
use crate::policy::PrincipalId;
use crate::types::SecretString;

/// Who joined, and where.
pub struct Joined {
    /// Who.
    pub user: User,
    /// Where.
    pub organization: Organization,
    /// Whether they are new here.
    pub is_new: bool,
}

/// An invitation that can be accepted, and what it is into.
struct Standing {
    invitation: Invitation,
    organization: Organization,
}

/// How whoever accepts shows who they are.
enum Proof {
    /// They are signed in as the invited person.
    SignedIn(User),
    /// They gave the password they have.
    Password(User, PasswordHash),
    /// They have none yet: this one is new.
    New(PasswordHash),
}

fn standing(op: &Op, reader: &Reader<'_>, token: &SecretString) -> Result<Standing, OrgError> {
    let parsed = PlainToken::parse(token.expose().trim()).map_err(|_| OrgError::InvitationToken)?;
    if parsed.kind() != TokenKind::Invitation {
        return Err(OrgError::InvitationToken);
    }
    let found = store::invitation_by_public_id(reader, parsed.public_id().as_str())?;
    let Stored { invitation, hash } = found.ok_or(OrgError::InvitationToken)?;
    let organization = organization::store::organization_get(reader, invitation.organization)?;
    let organization = organization.filter(|o| o.deletion.is_none()).ok_or(OrgError::InvitationToken)?;
    let keys = op.keyring().organization(reader, organization.id)?;
    let stands = parsed.hash(keys.mac_key()).verify(&hash) && invitation.state(op.now()) == "open";
    if stands { Ok(Standing { invitation, organization }) } else { Err(OrgError::InvitationToken) }
}

/// What a token opens; nothing is used up.
///
/// # Errors
/// [`OrgError::InvitationToken`].
pub async fn invitation_offer(op: &Op, token: SecretString) -> Result<Offer, OrgError> {
    op.read(|reader| {
        let Standing { invitation, organization } = standing(op, reader, &token)?;
        Ok(Offer {
            organization: organization.name,
            email: invitation.email,
            role: invitation.role,
            expires_at: invitation.expires_at,
        })
    })
    .await
}

/// Joins the organization with what the invitation promises.
///
/// # Errors
/// [`OrgError::InvitationToken`]; the password is needed, wrong or too weak; the inviter may not give it any more.
pub async fn invitation_accept(op: &Op, passwords: &Passwords, accept: Accept) -> Result<Joined, OrgError> {
    let name = accept.name.as_deref().map(display_name).transpose()?;
    let token = accept.token;
    let (stands, known) = op.core().db.read(|reader| {
        let stands = standing(op, reader, &token)?;
        let known = auth::store::user_by_email(reader, &stands.invitation.email)?;
        let hash = known.as_ref().map(|u| auth::store::password_hash(reader, u.id)).transpose()?.flatten();
        let is_signed_in = known.as_ref().is_some_and(|user| is_acting(op, user));
        Ok::<_, OrgError>((stands, known.map(|user| (user, hash, is_signed_in))))
    })?;
    if known.as_ref().is_some_and(|(user, ..)| user.disabled_at.is_some()) {
        return Err(OrgError::InvitationToken);
    }
    let email = stands.invitation.email.clone();
    let needed = || OrgError::InvitationPassword { email: email.clone() };
    let proof = match (known, accept.password) {
        (Some((user, _, true)), _) => Proof::SignedIn(user),
        (Some((user, Some(hash), false)), Some(password)) => {
            let stored = PasswordHash::from_stored(hash.clone());
            if !passwords.verify(Some(stored), password).await? {
                return Err(wrong(op, &stands.invitation, &user).await);
            }
            Proof::Password(user, PasswordHash::from_stored(hash))
        }
        (Some((_, None, false)) | None, Some(password)) => {
            let about = [email.as_str(), name.as_deref().unwrap_or_default()];
            Proof::New(passwords.hash(password, &about).await?)
        }
        (Some((_, _, false)) | None, None) => return Err(needed()),
    };
    op.write(move |op, tx| {
        // Again: what was read may have been used, revoked or changed meanwhile.
        let stands = standing(op, tx, &token)?;
        join(op, tx, stands, name, proof)
    })
    .await
}

fn is_acting(op: &Op, user: &User) -> bool {
    matches!(op.who(), Who::Known(identity) if identity.principal.id == PrincipalId::User(user.id))
}

async fn wrong(op: &Op, invitation: &Invitation, user: &User) -> OrgError {
    let event = event(op, invitation, user, Outcome::Denied).code("credentials_wrong");
    let recorded = op.write(move |op, tx| op.record(tx, event)).await;
    recorded.err().map_or_else(|| auth::AuthError::Password.into(), OrgError::from)
}

fn event(op: &Op, invitation: &Invitation, user: &User, outcome: Outcome) -> Event {
    let actor = if outcome == Outcome::Allowed { Actor::User(user.id) } else { Actor::Anonymous };
    Event::new(op.now(), ACCEPTED, outcome, actor)
        .request(op.request())
        .organization(invitation.organization)
        .target(Target::new("invitation", invitation.id))
        .personal(op.personal(None))
}

fn join(
    op: &Op,
    tx: &mut WriteTx<'_>,
    stands: Standing,
    name: Option<String>,
    proof: Proof,
) -> Result<Joined, OrgError> {
    let Standing { invitation, organization } = stands;
    let (mut user, is_new) = person(op, tx, &invitation, name, &proof)?;
    if organization::store::member_since(tx, organization.id, user.id)?.is_some() {
        return Err(OrgError::Taken { what: "member", name: invitation.email.to_string() });
    }
    organization::store::member_insert(tx, organization.id, user.id, op.now())?;
    if let Proof::New(hash) = &proof {
        // A link only the mailbox saw proves who has it; any other makes nobody who they say they are elsewhere.
        if !(invitation.mailed && store::own_password_set_first(tx, user.id, hash.as_stored())?) {
            organization::store::member_password_set(tx, organization.id, user.id, hash.as_stored())?;
        }
    }
    if invitation.mailed {
        auth::store::user_email_verified(tx, user.id, op.now())?;
        user.email_verified_at = Some(op.now());
    }
    if !store::invitation_end(tx, invitation.id, Ended::Accepted, op.now())? {
        return Err(OrgError::InvitationToken);
    }
    let given = give(op, tx, &invitation, &user);
    if matches!(given, Err(OrgError::InvitationLost)) {
        op.refuse(&event(op, &invitation, &user, Outcome::Allowed), "invitation_lost");
    }
    let given = given?;
    epoch_raise(tx)?;
    let details = Details::new().with("user", user.id).with("new", is_new).with("role", given);
    op.record(tx, event(op, &invitation, &user, Outcome::Allowed).details(details))?;
    Ok(Joined { user, organization, is_new })
}

/// Who joins: whoever proved to be it, or somebody new.
fn person(
    op: &Op,
    tx: &WriteTx<'_>,
    invitation: &Invitation,
    name: Option<String>,
    proof: &Proof,
) -> Result<(User, bool), OrgError> {
    let there = auth::store::user_by_email(tx, &invitation.email)?.filter(|u| u.disabled_at.is_none());
    let own = there.as_ref().map(|u| auth::store::password_hash(tx, u.id)).transpose()?.flatten();
    match (proof, there) {
        (Proof::SignedIn(user), Some(there)) if there.id == user.id => Ok((there, false)),
        (Proof::Password(user, hash), Some(there))
            if there.id == user.id && own.as_deref() == Some(hash.as_stored()) =>
        {
            Ok((there, false))
        }
        (Proof::New(_), Some(there)) if own.is_none() => Ok((there, false)),
        (Proof::New(_), None) => {
            let (now, email) = (op.now(), invitation.email.clone());
            let name = name.unwrap_or_else(|| email.as_str().split('@').next().unwrap_or_default().to_owned());
            let new = User::new(email, name, now);
            auth::store::user_insert(tx, &new, None)?;
            Ok((new, true))
        }
        _ => Err(OrgError::InvitationPassword { email: invitation.email.clone() }),
    }
}

/// Gives role and teams with the rights the inviter has now.
fn give(op: &Op, tx: &mut WriteTx<'_>, invitation: &Invitation, user: &User) -> Result<Option<String>, OrgError> {
    let facts = access::principal_facts(tx, invitation.organization, invitation.invited_by)?;
    let identity = Identity {
        principal: Arc::new(facts.ok_or(OrgError::InvitationLost)?),
        epoch: epoch(tx).map_err(OpError::from)?,
        credential: invitation.credential,
        stepped_up_until: None,
    };
    let inviter = op.on_behalf(identity);
    let lost = |error| match error {
        OrgError::Op(OpError::Denied { .. }) | OrgError::CannotGrantMore { .. } | OrgError::NotFound { .. } => {
            OrgError::InvitationLost
        }
        other => other,
    };
    let project = invitation.project.map(|id| id.to_string());
    let environment = invitation.environment.map(|id| id.to_string());
    let resource = access::node(&inviter, tx, project.as_deref(), environment.as_deref()).map_err(lost)?;
    if let Err(error) = inviter.authorize(tx, crate::policy::Action::MemberInvite, &resource) {
        return Err(lost(error.into()));
    }
    if let Some(role) = &invitation.role {
        grant::give(&inviter, tx, PrincipalId::User(user.id), role, &resource).map_err(lost)?;
    }
    for id in &invitation.teams {
        // A team that is gone meanwhile gives nothing.
        if team::store::team_get(tx, invitation.organization, *id)?.is_some() {
            let (team, event) = team::require_adding(&inviter, tx, &id.to_string()).map_err(lost)?;
            team::put(&inviter, tx, &team, event, team::Member::User(user.id))?;
        }
    }
    Ok(invitation.role.as_ref().map(ToString::to_string))
}
