//! Inviting, listing and taking back.

use super::model::{Ended, Invitation, InvitationView, Invite, Invited};
use super::{KEPT, LIFE, LIFE_MAX, OPEN_MAX, REVOKED, TEAMS_MAX, store};
use crate::auth;
use crate::db::{Reader, WriteTx};
use crate::keys::{PlainToken, TokenKind};
use crate::ledger::{Details, Event, Outcome, Target};
use crate::notify::{Letter, Mailer};
use crate::op::{Op, about};
use crate::orgs::{OrgError, access, grant, organization, team};
use crate::policy::{Action, Node};
use crate::types::{Cursor, Id, Limit, Page, ParseError, SecretString, Timestamp, kinds};

/// Invites somebody. The link is mailed; it is answered instead when this instance sends no mail, or when asked.
///
/// # Errors
/// Not allowed at the node; the role or a team gives more than is held; a member already; too many open ones; the
/// mail could not be put on its way.
pub async fn invitation_create(op: &Op, mailer: &Mailer, server: &str, wish: Invite) -> Result<Invited, OrgError> {
    let life = wish.life.unwrap_or(LIFE);
    if life > LIFE_MAX {
        return Err(ParseError::new("expires_in", "at most 30 days").into());
    }
    if wish.teams.len() > TEAMS_MAX {
        return Err(ParseError::new("teams", format!("at most {TEAMS_MAX}")).into());
    }
    if wish.role.is_none() && (wish.project.is_some() || wish.environment.is_some()) {
        return Err(ParseError::new("role", "name the role to give there").into());
    }
    let mailed = mailer.is_configured() && !wish.by_link;
    let token = PlainToken::generate(TokenKind::Invitation)?;
    let link = SecretString::new(format!("{server}/join#{}", token.expose_text()));
    let (view, name) = op.write(move |op, tx| create(op, tx, &wish, mailed, &token, op.now().plus(life))).await?;
    if mailed {
        mailer.post(letter(&view, &name, link).to(view.invitation.email.clone(), server)?)?;
        return Ok(Invited { view, link: None });
    }
    Ok(Invited { view, link: Some(link) })
}

fn create(
    op: &Op,
    tx: &mut WriteTx<'_>,
    wish: &Invite,
    mailed: bool,
    token: &PlainToken,
    expires_at: Timestamp,
) -> Result<(InvitationView, String), OrgError> {
    let organization = op.organization()?;
    let resource = access::node(op, tx, wish.project.as_deref(), wish.environment.as_deref())?;
    let event = op.authorize(tx, Action::MemberInvite, &resource)?;
    if let Some(role) = &wish.role {
        let (role, _) = grant::require_giving(op, tx, role, &resource, None)?;
        if role.is_owner() {
            return Err(ParseError::new("role", "ownership is given to a member, not promised to a guest").into());
        }
    }
    let teams = wish.teams.iter().map(|name| team::require_adding(op, tx, name).map(|(team, _)| team.id));
    let teams = teams.collect::<Result<Vec<_>, _>>()?;
    if let Some(user) = auth::store::user_by_email(tx, &wish.email)?
        && organization::store::member_since(tx, organization, user.id)?.is_some()
    {
        return Err(OrgError::Taken { what: "member", name: wish.email.to_string() });
    }
    if store::invitation_open_count(tx, organization, op.now())? >= OPEN_MAX {
        return Err(OrgError::TooMany { what: "invitation", max: OPEN_MAX });
    }
    let place = access::place_of(tx, resource.node())?;
    let identity = op.identity()?;
    let invitation = Invitation {
        id: Id::new(op.now()),
        organization,
        email: wish.email.clone(),
        role: wish.role.clone(),
        project: place.project.as_ref().map(|(id, _)| *id),
        environment: place.environment.as_ref().map(|(id, _)| *id),
        teams,
        mailed,
        invited_by: identity.principal.id,
        credential: identity.credential,
        created_at: op.now(),
        expires_at,
        ended: None,
    };
    let keys = op.keyring().organization(tx, organization)?;
    store::invitation_insert(tx, &invitation, (token.public_id().as_str(), token.hash(keys.mac_key()).as_bytes()))?;
    let details = Details::new().with("role", &invitation.role).with("mailed", mailed).with("expires_at", expires_at);
    op.record(tx, event.target(Target::new("invitation", invitation.id)).details(details))?;
    let name = organization::store::organization_get(tx, organization)?.map(|o| o.name).unwrap_or_default();
    Ok((view(op, tx, invitation)?, name))
}

fn letter(view: &InvitationView, organization: &str, link: SecretString) -> Letter {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
    Letter {
        subject: "You are invited to an organization at Holdfast",
        paragraphs: vec![format!(
            "{} invites you to {}. The link works once, until {}.",
            plain(&view.invited_by),
            plain(organization),
            view.invitation.expires_at
        )],
        action: Some(("Accept the invitation", link)),
        note: "If you do not know who that is, do nothing.",
    }
}

/// The names of what an invitation is about.
pub(super) fn view(op: &Op, reader: &Reader<'_>, invitation: Invitation) -> Result<InvitationView, OrgError> {
    let node = match (invitation.project, invitation.environment) {
        (_, Some(environment)) => Node::Environment(environment),
        (Some(project), None) => Node::Project(project),
        (None, None) => Node::Organization(invitation.organization),
    };
    let mut teams = Vec::with_capacity(invitation.teams.len());
    for id in &invitation.teams {
        teams.extend(team::store::team_get(reader, invitation.organization, *id)?.map(|team| team.name));
    }
    Ok(InvitationView {
        place: access::place_of(reader, node)?,
        teams,
        invited_by: access::principal_label(reader, invitation.invited_by)?.unwrap_or_default(),
        state: invitation.state(op.now()),
        invitation,
    })
}

/// Whether whoever asks may know of an invitation and take it back: their own, or they invite into the organization.
fn is_visible(op: &Op, reader: &Reader<'_>, invitation: &Invitation) -> Result<bool, OrgError> {
    let own = op.principal(reader)?.1.id;
    Ok(invitation.invited_by == own || op.permits(reader, Action::MemberInvite, &access::own_organization(op)?)?)
}

/// A page of the organization's invitations that whoever asks may know of, newest first.
///
/// # Errors
/// Nobody is known; the cursor is of another list.
pub async fn invitation_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<InvitationView>, OrgError> {
    op.read(|reader| {
        op.principal(reader)?;
        let before = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let rows = store::invitation_list(reader, op.organization()?, before, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |i| i.id.to_string());
        let mut items = Vec::with_capacity(page.items.len());
        for invitation in page.items {
            if is_visible(op, reader, &invitation)? {
                items.push(view(op, reader, invitation)?);
            }
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// Takes an invitation back at once; one that has ended stays as it is.
///
/// # Errors
/// Unknown or not visible.
pub async fn invitation_revoke(op: &Op, id: Id<kinds::Invitation>) -> Result<InvitationView, OrgError> {
    op.write(move |op, tx| {
        let missing = || OrgError::not_found("invitation", id.to_string());
        let organization = op.organization()?;
        let mut found = store::invitation_get(tx, organization, id)?.ok_or_else(missing)?;
        if !is_visible(op, tx, &found)? {
            return Err(missing());
        }
        if store::invitation_end(tx, id, Ended::Revoked, op.now())? {
            found.ended = Some((op.now(), Ended::Revoked));
            op.record(tx, revoked(op, id)?)?;
        }
        view(op, tx, found)
    })
    .await
}

fn revoked(op: &Op, id: Id<kinds::Invitation>) -> Result<Event, OrgError> {
    let event = about(op.event(REVOKED, Outcome::Allowed), &access::own_organization(op)?);
    Ok(event.target(Target::new("invitation", id)))
}

/// The job: forgets invitations that ended long ago, at most `at_once`; how many it were.
///
/// # Errors
/// The database failed.
pub async fn invitation_purge(op: &Op, at_once: u32) -> Result<usize, OrgError> {
    op.write(move |op, tx| Ok(store::invitation_purge(tx, op.now().minus(KEPT), at_once)?)).await
}
