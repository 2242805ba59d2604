//! Invitations into the organization.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::PlaceAnswer;
use super::setup::{OrganizationName, UserName};
use super::token::Life;
use super::{Answer, List, created, ok};
use crate::http::extract::{Anonymous, Json, Known, ListQuery, Names, Query};
use crate::http::schema::InvitationId;
use crate::http::state::State;
use crate::orgs::OrgError;
use crate::orgs::invitation::{self, Accept, InvitationView, Invite};
use crate::types::{Email, Id, SecretString, Slug, Timestamp};

/// An invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationAnswer {
    /// Its id.
    id: InvitationId,
    /// Whom.
    email: Email,
    /// The role that will be given; null: only membership.
    role: Option<Slug>,
    /// Where the role is given.
    at: PlaceAnswer,
    /// Teams they will be in.
    teams: Vec<Slug>,
    /// Whether the link was mailed to the address and shown to nobody else.
    mailed: bool,
    /// Who invited.
    invited_by: String,
    /// `open`, `accepted`, `revoked` or `expired`.
    state: &'static str,
    /// Since when.
    created_at: Timestamp,
    /// Until when it can be accepted.
    expires_at: Timestamp,
    /// When it was accepted or taken back.
    ended_at: Option<Timestamp>,
}

impl From<InvitationView> for InvitationAnswer {
    fn from(view: InvitationView) -> Self {
        let invitation = view.invitation;
        Self {
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            at: view.place.into(),
            teams: view.teams,
            mailed: invitation.mailed,
            invited_by: view.invited_by,
            state: view.state,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            ended_at: invitation.ended.map(|(at, _)| at),
        }
    }
}

/// Who shall be invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationCreate {
    /// Whom.
    email: Email,
    /// The role they will have, built in or the organization's own; not `owner`.
    role: Option<Slug>,
    /// The project the role is given on, by id or slug.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
    /// Teams they will be in, by name or id.
    #[serde(default)]
    #[schema(required = false, max_items = 20)]
    teams: Vec<String>,
    /// How long it can be accepted: seven days when not given, thirty at most.
    expires_in: Option<Life>,
    /// Whether to answer the link, to be handed over, instead of mailing it.
    #[serde(default)]
    #[schema(required = false)]
    link: bool,
}

/// A new invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitedAnswer {
    /// The invitation.
    #[serde(flatten)]
    invitation: InvitationAnswer,
    /// The link to hand over, shown this once; absent when it was mailed, and in a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// Invites somebody, by mail or by a link to hand over.
#[utoipa::path(post, path = "/invitations", operation_id = "invitation_create", request_body = InvitationCreate,
    responses((status = 201, description = "The invitation.", body = InvitedAnswer)))]
pub(crate) async fn create(state: Data<State>, Known(op, _): Known, Json(body): Json<InvitationCreate>) -> Answer {
    let wish = Invite {
        email: body.email,
        role: body.role,
        project: body.project,
        environment: body.environment,
        teams: body.teams,
        life: body.expires_in.map(|life| life.read()).transpose()?,
        by_link: body.link,
    };
    let done = invitation::invitation_create(&op, &state.parts.mailer, state.public_url.as_str(), wish).await?;
    let url = done.link.map(|link| link.expose().clone());
    let mut response = created(&InvitedAnswer { invitation: done.view.into(), url })?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Invitations you may know of, newest first: your own, and all of them for who invites into the organization.
#[utoipa::path(get, path = "/invitations", operation_id = "invitation_list", params(ListQuery),
    responses((status = 200, description = "A page of invitations.", body = List<InvitationAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(invitation::invitation_list(&op, limit, cursor).await?, InvitationAnswer::from))
}

/// Takes an invitation back at once.
#[utoipa::path(delete, path = "/invitations/{invitation}", operation_id = "invitation_delete",
    responses((status = 200, description = "The invitation.", body = InvitationAnswer)))]
pub(crate) async fn delete(Known(op, _): Known, Names([id]): Names<1>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("invitation", id))?;
    ok(&InvitationAnswer::from(invitation::invitation_revoke(&op, id).await?))
}

/// The token of an invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationToken {
    /// The part of the link behind `#`.
    #[schema(value_type = String, write_only)]
    token: SecretString,
}

/// What a token opens.
#[derive(Serialize, ToSchema)]
pub(crate) struct OfferAnswer {
    /// The organization's name.
    organization: String,
    /// The invited address.
    email: Email,
    /// The role that will be given.
    role: Option<Slug>,
    /// Until when.
    expires_at: Timestamp,
}

/// Tells what an invitation is into. Nothing is used up.
#[utoipa::path(post, path = "/invitations/offer", operation_id = "invitation_offer", request_body = InvitationToken,
    responses((status = 200, description = "What it is into.", body = OfferAnswer)))]
pub(crate) async fn offer(Anonymous(op): Anonymous, Json(body): Json<InvitationToken>) -> Answer {
    let offer = invitation::invitation_offer(&op, body.token).await?;
    ok(&OfferAnswer {
        organization: offer.organization,
        email: offer.email,
        role: offer.role,
        expires_at: offer.expires_at,
    })
}

/// Who accepts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationAccept {
    /// The part of the link behind `#`.
    #[schema(value_type = String, write_only)]
    token: SecretString,
    /// How you are called; the part before the `@` when none.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: Option<String>,
    /// A new password, or the one you have. Not needed by who is signed in as the invited person.
    #[schema(value_type = Option<String>, write_only, min_length = 8, max_length = 256)]
    password: Option<SecretString>,
}

/// Who joined, and where.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinedAnswer {
    /// Who.
    user: UserName,
    /// Where.
    organization: OrganizationName,
    /// Whether they are new on this server.
    new: bool,
}

/// Joins the organization.
#[utoipa::path(post, path = "/invitations/accept", operation_id = "invitation_accept",
    request_body = InvitationAccept,
    responses((status = 201, description = "Who joined, and where.", body = JoinedAnswer)))]
pub(crate) async fn accept(state: Data<State>, Anonymous(op): Anonymous, Json(body): Json<InvitationAccept>) -> Answer {
    let accept = Accept { token: body.token, name: body.name, password: body.password };
    let joined = invitation::invitation_accept(&op, &state.parts.passwords, accept).await?;
    created(&JoinedAnswer {
        user: UserName { id: joined.user.id, email: joined.user.email },
        organization: OrganizationName {
            id: joined.organization.id,
            slug: joined.organization.slug,
            name: joined.organization.name,
        },
        new: joined.is_new,
    })
}
