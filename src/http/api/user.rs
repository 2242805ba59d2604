//! People, for instance operators.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::member::UserAnswer;
use super::{Answer, List, ok};
use crate::http::extract::{DryRun, Known, Names, Query, page_of};
use crate::orgs::user::{self, UserView};
use crate::types::Timestamp;

/// Which people to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// A part of their address or name.
    #[param(max_length = 254, pattern = "^[ -~]*$")]
    search: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Somebody of the instance.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceUserAnswer {
    /// Who.
    user: UserAnswer,
    /// Whether they operate this instance.
    instance_operator: bool,
    /// How many organizations they are in.
    organizations: usize,
    /// Since when they are known here.
    created_at: Timestamp,
    /// Since when they may not sign in; null: they may.
    disabled_at: Option<Timestamp>,
}

impl From<UserView> for InstanceUserAnswer {
    fn from(UserView { user, organizations }: UserView) -> Self {
        let (instance_operator, created_at, disabled_at) = (user.instance_operator, user.created_at, user.disabled_at);
        Self { user: user.into(), instance_operator, organizations, created_at, disabled_at }
    }
}

/// Everybody on this instance, of whichever organization, by address; for instance operators.
#[utoipa::path(get, path = "/instance/users", operation_id = "user_list", params(UserQuery),
    responses((status = 200, description = "A page of people.", body = List<InstanceUserAnswer>)))]
pub(crate) async fn list(Known(op, _): Known, Query(query): Query<UserQuery>) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    ok(&List::of(user::user_list(&op, query.search, limit, cursor).await?, InstanceUserAnswer::from))
}

/// Somebody who may sign in no more, or may again.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserChangedAnswer {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Who.
    user: UserAnswer,
    /// Credentials that stop working, in every organization.
    credentials: usize,
}

/// Lets a person sign in no more: their sessions, tokens and logins end at once, in every organization.
#[utoipa::path(post, path = "/instance/users/{account}/disable", operation_id = "user_disable", params(DryRun),
    responses((status = 200, description = "Who, and what ended.", body = UserChangedAnswer)))]
pub(crate) async fn disable(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let done = user::user_disable(&op, name, query.dry_run).await?;
    ok(&UserChangedAnswer { dry_run: query.dry_run, user: done.user.into(), credentials: done.credentials })
}

/// Lets a person sign in again. What ended stays ended.
#[utoipa::path(post, path = "/instance/users/{account}/enable", operation_id = "user_enable",
    responses((status = 200, description = "Who.", body = UserChangedAnswer)))]
pub(crate) async fn enable(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    let done = user::user_enable(&op, name).await?;
    ok(&UserChangedAnswer { dry_run: false, user: done.user.into(), credentials: done.credentials })
}

/// Takes the second factors of somebody who lost them away, and ends their sign-ins.
#[utoipa::path(post, path = "/instance/users/{account}/reset-factor", operation_id = "user_factor_reset",
    params(DryRun),
    responses((status = 200, description = "Who, and what ended.", body = UserChangedAnswer)))]
pub(crate) async fn reset_factor(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let done = user::user_factor_reset(&op, name, query.dry_run).await?;
    ok(&UserChangedAnswer { dry_run: query.dry_run, user: done.user.into(), credentials: done.credentials })
}

/// Passkeys of somebody that open again.
#[derive(Serialize, ToSchema)]
pub(crate) struct PasskeysEnabledAnswer {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Who.
    user: UserAnswer,
    /// How many.
    passkeys: usize,
}

/// Lets the passkeys of somebody open again that were disabled because there may be a copy of them.
#[utoipa::path(post, path = "/instance/users/{account}/enable-passkeys", operation_id = "user_passkeys_enable",
    params(DryRun),
    responses((status = 200, description = "Whose, and how many.", body = PasskeysEnabledAnswer)))]
pub(crate) async fn enable_passkeys(
    Known(op, _): Known,
    Names([name]): Names<1>,
    Query(query): Query<DryRun>,
) -> Answer {
    let (user, passkeys) = user::user_passkeys_enable(&op, name, query.dry_run).await?;
    ok(&PasskeysEnabledAnswer { dry_run: query.dry_run, user: user.into(), passkeys })
}
