//! People, for instance operators.

use serde::Serialize;
use utoipa::ToSchema;

use super::member::UserAnswer;
use super::{Answer, ok};
use crate::http::extract::{DryRun, Known, Names, Query};
use crate::orgs::user;

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
