//! Variables: everything an environment has, resolved, ready to inject.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::BASE64;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::Answer;
use super::format::ExportFormat;
use super::secret;
use super::time::moment;
use crate::http::error::ProblemBody;
use crate::http::extract::{Known, Names, Query};
use crate::http::state::State;
use crate::vault::VaultError;
use crate::vault::format::{self, Format, ObjectName};
use crate::vault::variables::{self, ReadVariables, Variable, Variables};

/// What is wanted of an environment's variables.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VariablesQuery {
    /// The folder, exactly this one; `/` when none.
    #[serde(default)]
    #[param(required = false, default = "/", pattern = "^/", max_length = 1024)]
    path: String,
    /// How to write them; `json` when none.
    #[serde(default)]
    #[param(required = false, inline)]
    format: ExportFormat,
    /// `omit` leaves restricted values out; otherwise they are an error.
    #[param(inline)]
    withheld: Option<Withheld>,
    /// `include` puts restricted values into a `kubernetes-configmap`, where many can read them; otherwise they are an
    /// error there. Other formats have what this credential may have.
    #[param(inline)]
    restricted: Option<Restricted>,
    /// The name of the object, for `kubernetes-secret` and `kubernetes-configmap`; `project-environment` when none.
    #[param(example = "shop-staging", max_length = 253)]
    name: Option<String>,
    /// A moment, in place of now: a time like 2026-11-23T08:00:00Z, or an event (its number or id).
    #[param(max_length = 64)]
    at: Option<String>,
}

/// What to do with restricted values in a format that many can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Restricted {
    /// Put them in.
    Include,
}

/// What to do with restricted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Withheld {
    /// Leave them out.
    Omit,
}

/// The variables, by name.
#[derive(Serialize, ToSchema)]
pub(crate) struct VariablesAnswer<'a> {
    /// Each name with its value.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    variables: Values<'a>,
    /// Names whose value is base64, because it is no text.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    encodings: Encodings<'a>,
    /// Names left out because they are restricted.
    withheld: &'a [String],
}

/// Serialized straight from the resolver's answer: no copy of any value but the body.
struct Values<'a>(&'a [Variable]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for variable in self.0 {
            match std::str::from_utf8(variable.value.expose()) {
                Ok(text) => map.serialize_entry(&variable.name, text)?,
                Err(_) => map.serialize_entry(&variable.name, &BASE64.encode(variable.value.expose()))?,
            }
        }
        map.end()
    }
}

struct Encodings<'a>(&'a [Variable]);

impl Serialize for Encodings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = self.0.iter().filter(|v| std::str::from_utf8(v.value.expose()).is_err());
        serializer.collect_map(encoded.map(|v| (&v.name, "base64")))
    }
}

/// The resolved variables of a folder of an environment, after the ledger has them.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/variables",
    operation_id = "variables", params(VariablesQuery), responses(
        (status = 200, description = "The variables.", content(
            (VariablesAnswer<'static> = "application/json"), (String = "text/plain"),
            (String = "text/csv"), (String = "application/toml"),
            (serde_json::Value = "application/yaml"))),
        (status = 304, description = "They are as you have them."),
        (status = 422, description = "References lead nowhere: one error for each name.", body = ProblemBody,
            content_type = "application/problem+json")))]
pub(crate) async fn get(
    req: HttpRequest,
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<VariablesQuery>,
) -> Answer {
    secret::refuse_cookie(&credential)?;
    let format = query.format.of_vault();
    let object = match &query.name {
        Some(name) => ObjectName::parse(name).map_err(VaultError::from)?,
        None => ObjectName::of(&project, &environment),
    };
    let known = req.headers().get(IF_NONE_MATCH).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let ask = ReadVariables {
        project,
        environment,
        path: query.path,
        variant: format.map_or_else(|| "api".to_owned(), |format| format!("{format} {}", object.as_str())),
        omit_withheld: query.withheld.is_some(),
        refuse_restricted: format.is_some_and(Format::is_public) && query.restricted.is_none(),
        at: moment(query.at.as_deref())?,
        if_none_match: known,
    };
    match variables::variables(&op, &state.uses, &state.etags, &ask).await? {
        Variables::Unchanged { etag } => Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish()),
        Variables::Changed { variables, withheld, etag } => {
            let mut builder = HttpResponse::Ok();
            builder.insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, "no-store"));
            let Some(format) = format else {
                let (variables, encodings) = (Values(&variables), Encodings(&variables));
                return Ok(builder.json(VariablesAnswer { variables, encodings, withheld: &withheld }));
            };
            let listed: Vec<_> =
                variables.iter().map(|v| format::Variable { name: &v.name, value: v.value.expose() }).collect();
            let text = format::write(format, &object, &listed)?;
            Ok(builder.content_type(format.media_type()).body(text.expose().clone()))
        }
    }
}
