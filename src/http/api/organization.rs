//! Organizations: a token opens one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deletion::Deleted;
use super::member::UserAnswer;
use super::{Answer, List, created, ok};
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::OrganizationId;
use crate::orgs::organization::{self, Organization, Security, TransferWish};
use crate::types::{Slug, Timestamp};

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationAnswer {
    /// Its id.
    id: OrganizationId,
    /// Its slug.
    slug: Slug,
    /// Its name.
    name: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl From<Organization> for OrganizationAnswer {
    fn from(o: Organization) -> Self {
        Self { id: o.id, slug: o.slug, name: o.name, created_at: o.created_at, updated_at: o.updated_at }
    }
}

/// What a new organization is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationCreate {
    /// Its slug.
    slug: Slug,
    /// Its name; the slug when none.
    #[schema(max_length = 100)]
    name: Option<String>,
}

/// A new organization and the maker's token for it.
#[derive(Serialize, ToSchema)]
pub(crate) struct OrganizationCreated {
    /// The organization.
    organization: OrganizationAnswer,
    /// A token of its owner; shown this once.
    #[schema(required = false)]
    token: String,
}

/// What may change of an organization.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationUpdate {
    /// Its name.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// The organizations this token opens: one.
#[utoipa::path(get, path = "/organizations", operation_id = "organization_list",
    responses((status = 200, description = "The token's organization.", body = List<OrganizationAnswer>)))]
pub(crate) async fn list(Known(op, _): Known) -> Answer {
    let found = organization::organization_list(&op).await?;
    ok(&List::whole(found.into_iter().map(OrganizationAnswer::from).collect()))
}

/// Makes an organization; for instance operators.
#[utoipa::path(post, path = "/organizations", operation_id = "organization_create", request_body = OrganizationCreate,
    responses((status = 201, description = "The organization and a token.", body = OrganizationCreated)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<OrganizationCreate>) -> Answer {
    let (organization, minted) = organization::organization_create(&op, body.slug, body.name).await?;
    let token = minted.token.expose().clone();
    created(&OrganizationCreated { organization: organization.into(), token })
}

/// The token's organization, by id or slug.
#[utoipa::path(get, path = "/organizations/{organization}", operation_id = "organization_get",
    responses((status = 200, description = "The organization.", body = OrganizationAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&OrganizationAnswer::from(organization::organization_get(&op, &name).await?))
}

/// Renames the organization.
#[utoipa::path(patch, path = "/organizations/{organization}", operation_id = "organization_update",
    request_body = OrganizationUpdate,
    responses((status = 200, description = "The organization.", body = OrganizationAnswer)))]
pub(crate) async fn update(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Json(body): Json<OrganizationUpdate>,
) -> Answer {
    ok(&OrganizationAnswer::from(organization::organization_update(&op, name, body.name).await?))
}

/// Deletes the organization, restorable until its date; its tokens stop working. After the date its keys are destroyed.
#[utoipa::path(delete, path = "/organizations/{organization}", operation_id = "organization_delete", params(DryRun),
    responses((status = 200, description = "The deletion.", body = Deleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let dry_run = query.dry_run;
    let (deletion, shredding) = organization::organization_delete(&op, name, dry_run).await?;
    ok(&Deleted::of(&op, deletion, Vec::new(), dry_run).await?.shredded(shredding))
}

/// Brings a deleted organization back; for instance operators.
#[utoipa::path(post, path = "/organizations/{organization}/restore", operation_id = "organization_restore",
    responses((status = 200, description = "The organization.", body = OrganizationAnswer)))]
pub(crate) async fn restore(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&OrganizationAnswer::from(organization::organization_restore(&op, name).await?))
}

/// What an organization asks of those who sign in.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecurityBody {
    /// Whether a sign-in without a second factor holds nothing.
    second_factor_required: bool,
}

/// What the organization asks of those who sign in.
#[utoipa::path(get, path = "/organizations/{organization}/security", operation_id = "organization_security_get",
    responses((status = 200, description = "What it asks.", body = SecurityBody)))]
pub(crate) async fn security_get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    let Security { second_factor_required } = organization::security_get(&op, name).await?;
    ok(&SecurityBody { second_factor_required })
}

/// Changes what the organization asks of those who sign in.
#[utoipa::path(put, path = "/organizations/{organization}/security", operation_id = "organization_security_set",
    request_body = SecurityBody,
    responses((status = 200, description = "What it asks now.", body = SecurityBody)))]
pub(crate) async fn security_set(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Json(body): Json<SecurityBody>,
) -> Answer {
    let wish = Security { second_factor_required: body.second_factor_required };
    let Security { second_factor_required } = organization::security_set(&op, name, wish).await?;
    ok(&SecurityBody { second_factor_required })
}

/// Who shall own the organization in your place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferBody {
    /// A member, by id or e-mail address.
    user: String,
    /// The role you keep on the organization; none: no role of its own there.
    role: Option<Slug>,
}

/// Ownership that changed hands, or would.
#[derive(Serialize, ToSchema)]
pub(crate) struct Transferred {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Who owns the organization now.
    owner: UserAnswer,
    /// Whether they did before.
    owned_before: bool,
    /// The role you keep.
    role: Option<Slug>,
}

/// Hands ownership over: a member becomes an owner, and you stop being one.
#[utoipa::path(post, path = "/organizations/{organization}/transfer", operation_id = "organization_transfer",
    params(DryRun), request_body = TransferBody,
    responses((status = 200, description = "Who owns it now.", body = Transferred)))]
pub(crate) async fn transfer(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Query(query): Query<DryRun>,
    Json(body): Json<TransferBody>,
) -> Answer {
    let dry_run = query.dry_run;
    let wish = TransferWish { to: body.user, keep: body.role, dry_run };
    let done = organization::ownership_transfer(&op, name, wish).await?;
    ok(&Transferred { dry_run, owner: done.owner.into(), owned_before: done.owned_before, role: done.keeps })
}
