//! Service accounts and their keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::{GrantAnswer, PlaceAnswer};
use super::token::{CredentialAnswer, Life, MintedAnswer, RevokedAnswer, wishes};
use super::{Answer, List, created, ok};
use crate::http::extract::{DryRun, Json, Known, ListQuery, Names, OptionalJson, Query};
use crate::http::schema::ServiceAccountId;
use crate::orgs::OrgError;
use crate::orgs::grant::GrantWish;
use crate::orgs::service_account::{self, ServiceAccountView};
use crate::types::{Id, Slug, Timestamp};

/// A machine identity.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountAnswer {
    /// Its id.
    id: ServiceAccountId,
    /// Its name, unique in the organization.
    name: String,
    /// The node it belongs to.
    node: PlaceAnswer,
    /// What it was given.
    grants: Vec<GrantAnswer>,
    /// When it was made.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
    /// Whether its keys do not work.
    disabled: bool,
}

impl From<ServiceAccountView> for ServiceAccountAnswer {
    fn from(view: ServiceAccountView) -> Self {
        Self {
            id: view.account.id,
            name: view.account.name,
            node: view.place.into(),
            grants: view.grants.into_iter().map(GrantAnswer::from).collect(),
            created_at: view.account.created_at,
            created_by: view.account.created_by,
            disabled: view.account.disabled_at.is_some(),
        }
    }
}

/// What a new service account shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAccountCreate {
    /// Its name, unique in the organization.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: String,
    /// The project it belongs to, by id or slug; none: the organization.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
    /// What it shall hold; a role without a node is given on its own.
    #[serde(default)]
    #[schema(required = false, max_items = 32)]
    grants: Vec<ServiceAccountGrant>,
}

/// A role for a new service account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAccountGrant {
    /// The role, built in or the organization's own.
    role: Slug,
    /// The project, by id or slug.
    project: Option<String>,
    /// The environment of it, by id or slug.
    environment: Option<String>,
}

/// What may change of a service account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAccountUpdate {
    /// Its name.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: Option<String>,
    /// Whether its keys stop working.
    disabled: Option<bool>,
}

/// What goes, or would go, with a service account.
#[derive(Serialize, ToSchema)]
pub(crate) struct ServiceAccountRemoved {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The account.
    id: ServiceAccountId,
    /// Its name.
    name: String,
    /// Grants taken.
    grants: usize,
    /// Keys that stop working.
    keys: usize,
}

/// What a new key shall be.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyCreate {
    /// What to call it; `key` when none.
    #[schema(min_length = 1, max_length = 100, pattern = "^[!-~]([ -~]*[!-~])?$")]
    name: Option<String>,
    /// How long it works; for ever when neither this nor `expires_at` is given.
    expires_in: Option<Life>,
    /// When it ends.
    expires_at: Option<Timestamp>,
    /// Networks it may be used from; from anywhere when none.
    #[serde(default)]
    #[schema(required = false, max_items = 64)]
    cidrs: Vec<String>,
}

/// The service accounts you manage.
#[utoipa::path(get, path = "/service-accounts", operation_id = "service_account_list", params(ListQuery),
    responses((status = 200, description = "A page of service accounts.", body = List<ServiceAccountAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<ListQuery>) -> Answer {
    let (limit, cursor) = query.page()?;
    let page = service_account::service_account_list(&op, limit, cursor).await?;
    ok(&List::of(page, ServiceAccountAnswer::from))
}

/// Makes a service account on a node, with its first grants.
#[utoipa::path(post, path = "/service-accounts", operation_id = "service_account_create",
    request_body = ServiceAccountCreate,
    responses((status = 201, description = "The service account.", body = ServiceAccountAnswer)))]
pub(crate) async fn create(Known(op, _): Known, Json(body): Json<ServiceAccountCreate>) -> Answer {
    let grants = body.grants.into_iter();
    let new = service_account::ServiceAccountCreate {
        name: body.name,
        project: body.project,
        environment: body.environment,
        grants: grants.map(|g| GrantWish { role: g.role, project: g.project, environment: g.environment }).collect(),
    };
    created(&ServiceAccountAnswer::from(service_account::service_account_create(&op, new).await?))
}

/// A service account by id or name.
#[utoipa::path(get, path = "/service-accounts/{service_account}", operation_id = "service_account_get",
    responses((status = 200, description = "The service account.", body = ServiceAccountAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&ServiceAccountAnswer::from(service_account::service_account_get(&op, &name).await?))
}

/// Renames, disables or enables a service account.
#[utoipa::path(patch, path = "/service-accounts/{service_account}", operation_id = "service_account_update",
    request_body = ServiceAccountUpdate,
    responses((status = 200, description = "The service account.", body = ServiceAccountAnswer)))]
pub(crate) async fn update(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Json(body): Json<ServiceAccountUpdate>,
) -> Answer {
    let change = service_account::ServiceAccountUpdate { name: body.name, disabled: body.disabled };
    ok(&ServiceAccountAnswer::from(service_account::service_account_update(&op, name, change).await?))
}

/// Removes a service account with its grants and keys, for good.
#[utoipa::path(delete, path = "/service-accounts/{service_account}", operation_id = "service_account_delete",
    params(DryRun), responses((status = 200, description = "What went with it.", body = ServiceAccountRemoved)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let gone = service_account::service_account_delete(&op, name, query.dry_run).await?;
    ok(&ServiceAccountRemoved {
        dry_run: query.dry_run,
        id: gone.account.id,
        name: gone.account.name,
        grants: gone.grants,
        keys: gone.keys,
    })
}

/// The keys of a service account, newest first.
#[utoipa::path(get, path = "/service-accounts/{service_account}/keys", operation_id = "service_account_key_list",
    params(ListQuery), responses((status = 200, description = "A page of keys.", body = List<CredentialAnswer>)))]
pub(crate) async fn key_list(
    Known(op, _): Known,
    Names([account]): Names<1>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let (limit, cursor) = query.page()?;
    ok(&List::of(service_account::key_list(&op, &account, limit, cursor).await?, CredentialAnswer::of))
}

/// Mints a key of a service account.
#[utoipa::path(post, path = "/service-accounts/{service_account}/keys", operation_id = "service_account_key_create",
    request_body = Option<KeyCreate>,
    responses((status = 201, description = "The key, shown this once.", body = MintedAnswer)))]
pub(crate) async fn key_create(
    Known(op, _): Known,
    Names([account]): Names<1>,
    OptionalJson(body): OptionalJson<KeyCreate>,
) -> Answer {
    let name = body.name.as_deref().unwrap_or("key");
    let wishes = wishes(&op, name, body.expires_in.as_ref(), body.expires_at, &body.cidrs)?;
    created(&MintedAnswer::from(service_account::key_mint(&op, account, wishes).await?))
}

/// Revokes a key at once.
#[utoipa::path(delete, path = "/service-accounts/{service_account}/keys/{key}",
    operation_id = "service_account_key_delete", params(DryRun),
    responses((status = 200, description = "The key's record.", body = RevokedAnswer)))]
pub(crate) async fn key_delete(
    Known(op, _): Known,
    Names([account, key]): Names<2>,
    Query(query): Query<DryRun>,
) -> Answer {
    let key = Id::parse(&key).map_err(|_| OrgError::not_found("key", key))?;
    let credential = service_account::key_revoke(&op, account, key, query.dry_run).await?;
    ok(&RevokedAnswer { dry_run: query.dry_run, credential: CredentialAnswer::of((credential, None)) })
}
