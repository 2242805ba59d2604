//! Query parameters, read as strictly as bodies.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::path::require_text;
use crate::http::error::Problem;
use crate::types::{Cursor, Limit};

/// The query parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(req.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    require_text(query)?;
    web::Query::<T>::from_query(query).map(web::Query::into_inner).map_err(|error| unreadable(&error))
}

fn unreadable(error: &QueryPayloadError) -> Problem {
    let message = error.to_string();
    let message = message.strip_prefix("Query deserialize error: ").unwrap_or(&message).to_owned();
    let field = message.split('`').nth(1).map(|f| f.chars().take(64).collect::<String>());
    let problem = Problem::invalid("query_invalid", format!("a query parameter is wrong: {message}"));
    match field {
        Some(field) => problem.field(field, "query_invalid"),
        None => problem,
    }
}

/// `limit` and `cursor` of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// How many items at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListQuery {
    /// The page asked for.
    pub(crate) fn page(&self) -> Result<(Limit, Option<Cursor>), Problem> {
        page_of(self.limit, self.cursor.as_deref())
    }
}

/// A page from its parameters.
pub(crate) fn page_of(limit: Option<u32>, cursor: Option<&str>) -> Result<(Limit, Option<Cursor>), Problem> {
    let limit = limit.map_or(Ok(Limit::default()), Limit::parse)?;
    let cursor = cursor.map(Cursor::parse).transpose()?;
    Ok((limit, cursor))
}

/// `dry_run` of something destructive.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// Only tell what it would do.
    #[serde(default)]
    #[param(required = false)]
    pub(crate) dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_doubled_and_wrong_parameters_are_refused() {
        for bad in ["limt=1", "limit=1&limit=2", "limit=many", "limit=%ff", "cursor=%00", "limit=-1"] {
            assert!(parse::<ListQuery>(bad).is_err(), "{bad}");
        }
        assert!(parse::<ListQuery>("limit=0").unwrap().page().is_err());
        assert!(parse::<ListQuery>("limit=500").unwrap().page().is_ok());
        assert!(parse::<DryRun>("dry_run=yes").is_err());
        assert!(parse::<DryRun>("dry_run=true").unwrap().dry_run);
        assert!(!parse::<DryRun>("").unwrap().dry_run);
    }
}
