//! Who can have the value of one secret.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::api::review::ReachingAnswer;
use crate::http::api::{Answer, ok};
use crate::http::extract::{Known, Names, Query, page_of};
use crate::vault::usage::{Arrival, Through, secret_reach};

/// Which secret, and where the page begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretReachQuery {
    /// Its folder; `/` when none is named.
    #[serde(default)]
    #[param(pattern = "^/", max_length = 1024, required = false)]
    path: String,
    /// How many people and machines are looked at, at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who can have a value.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretReachAnswer {
    /// The environment that stores the secret, `project/environment`.
    stored_in: String,
    /// Who may see it.
    visibility: &'static str,
    /// Everybody of this page, once for each environment and way.
    items: Vec<ArrivalAnswer>,
    /// How many more environments it comes to whose access you may not have explained.
    hidden_environments: usize,
    /// Whether these are all places it comes to; a very long answer is cut.
    complete: bool,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

/// Somebody who can have it in one environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArrivalAnswer {
    /// The environment where they can, `project/environment`.
    environment: String,
    /// How the value comes there: `stored`, `inherited` or `reference`.
    through: &'static str,
    /// The secret that is built from it; null when it is the secret itself, or one you may not see.
    reference: Option<String>,
    /// Who, by which grant; their one permission says how they can have it.
    #[serde(flatten)]
    who: ReachingAnswer,
}

impl From<Arrival> for ArrivalAnswer {
    fn from(arrival: Arrival) -> Self {
        let (through, reference) = match arrival.through {
            Through::Stored => ("stored", None),
            Through::Inherited => ("inherited", None),
            Through::Reference(place) => ("reference", Some(place).filter(|p| !p.is_empty())),
        };
        Self { environment: arrival.environment, through, reference, who: arrival.reaching.into() }
    }
}

/// Who can have the value of a secret and by which grant: where it is stored, where it is inherited, and where another
/// secret is built from it.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/secrets/{name}/access",
    operation_id = "secret_access", params(SecretReachQuery),
    responses((status = 200, description = "A page of people and machines.", body = SecretReachAnswer)))]
pub(crate) async fn secret_access(
    Known(op, _): Known,
    Names([project, environment, name]): Names<3>,
    Query(query): Query<SecretReachQuery>,
) -> Answer {
    let (limit, cursor) = page_of(query.limit, query.cursor.as_deref())?;
    let found = secret_reach(&op, (&project, &environment), (&query.path, &name), limit, cursor).await?;
    ok(&SecretReachAnswer {
        stored_in: found.stored_in.path(),
        visibility: found.visibility.as_str(),
        items: found.page.items.into_iter().map(Into::into).collect(),
        hidden_environments: found.hidden_environments,
        complete: found.complete,
        next_cursor: found.page.next.map(|next| next.encode()),
    })
}
