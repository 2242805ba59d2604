//! How secrets look in JSON.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::generate::{Generate, Generated};
use crate::http::error::Problem;
use crate::http::schema::{EnvironmentId, SecretId};
use crate::http::state::State;
use crate::op::Op;
use crate::types::{self, SecretBytes, SecretString, Timestamp};
use crate::vault::model::{Origin, Visibility};
use crate::vault::secret::{self, BatchOutcome, NamedOrigin, ReadSecret, SecretRead, SecretView, Wish};
use crate::vault::store::VersionState;

/// How a value is written when it is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// Base64 with padding (RFC 4648, section 4).
    Base64,
}

/// What a write makes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateWish {
    /// It has a value.
    Set,
    /// It hides what would be inherited.
    Unset,
}

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SecretState {
    /// It has a value.
    Set,
    /// It hides what would be inherited.
    Unset,
    /// The name is gone.
    Deleted,
}

impl From<VersionState> for SecretState {
    fn from(state: VersionState) -> Self {
        match state {
            VersionState::Set => Self::Set,
            VersionState::Unset => Self::Unset,
            VersionState::Deleted => Self::Deleted,
        }
    }
}

/// A tag, for the document.
pub(crate) struct Tag;

impl PartialSchema for Tag {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_.:-]{1,64}$")).into()
    }
}

impl ToSchema for Tag {}

/// A secret; with its value only when that was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretAnswer {
    /// Its id.
    id: SecretId,
    /// Its name.
    name: String,
    /// Its folder.
    path: String,
    /// The version told of.
    version: u32,
    /// Where the environment has it from.
    origin: OriginForm,
    /// Who may see it.
    visibility: Visibility,
    /// Whether `${` begins a reference in it.
    interpolate: bool,
    /// Set, unset or deleted.
    state: SecretState,
    /// What its writer said.
    comment: String,
    /// Its tags.
    tags: Vec<String>,
    /// The names it refers to, in full: `${/HOST}`, `${shop.base:/HOST}`; without those you may not see.
    references: Vec<String>,
    /// When the secret was first written.
    created_at: Timestamp,
    /// When this version was.
    updated_at: Timestamp,
    /// By whom.
    updated_by: String,
    /// When its value stops being good; null when that was not said.
    expires_at: Option<Timestamp>,
    /// When somebody had the value last, to the minute.
    last_accessed_at: Option<Timestamp>,
    /// Who had it last.
    last_accessed_by: Option<String>,
    /// The value as stored; with `reveal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    value: Option<String>,
    /// `base64` when `value` is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    encoding: Option<Encoding>,
    /// The value with references applied; with `resolve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    resolved: Option<String>,
    /// `base64` when `resolved` is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    resolved_encoding: Option<Encoding>,
}

/// Where an environment has a name from.
#[derive(Serialize, ToSchema)]
pub(crate) struct OriginForm {
    /// `own`, `inherited`, `overrides`, or `personal`: your own override of it.
    kind: &'static str,
    /// The environment it is inherited from, whose value it replaces, or that you set it at; null when you may not see it.
    environment: Option<OriginEnvironment>,
}

/// An environment a name comes from.
#[derive(Serialize, ToSchema)]
pub(crate) struct OriginEnvironment {
    /// Its id.
    id: EnvironmentId,
    /// Its project's slug.
    project: String,
    /// Its slug.
    slug: String,
}

impl From<NamedOrigin> for OriginForm {
    fn from(named: NamedOrigin) -> Self {
        let kind = match named.origin {
            Origin::Own => "own",
            Origin::Inherited { .. } => "inherited",
            Origin::Overrides { .. } => "overrides",
            Origin::Personal { .. } => "personal",
        };
        let environment = named.environment.map(|e| {
            let (project, slug) = e.path.split_once('/').unwrap_or(("", &e.path));
            OriginEnvironment { id: e.id, project: project.to_owned(), slug: slug.to_owned() }
        });
        Self { kind, environment }
    }
}

impl SecretAnswer {
    /// Without a value.
    pub(crate) fn of(view: SecretView) -> Self {
        let (last_accessed_at, last_accessed_by) = view.last_accessed.unzip();
        Self {
            id: view.id,
            name: view.name.to_string(),
            path: view.path.to_string(),
            version: view.version,
            origin: view.origin.into(),
            visibility: view.visibility,
            interpolate: view.interpolate,
            state: view.state.into(),
            comment: view.comment,
            tags: view.tags,
            references: view.references,
            created_at: view.created_at,
            updated_at: view.updated_at,
            updated_by: view.updated_by,
            expires_at: view.expires_at,
            last_accessed_at,
            last_accessed_by,
            value: None,
            encoding: None,
            resolved: None,
            resolved_encoding: None,
        }
    }

    /// With what of its value was asked for.
    pub(super) fn with_value(read: SecretRead) -> Self {
        let (value, encoding) = read.value.as_ref().map(encode).unzip();
        let (resolved, resolved_encoding) = read.resolved.as_ref().map(encode).unzip();
        let encoding = encoding.flatten();
        let resolved_encoding = resolved_encoding.flatten();
        Self { value, encoding, resolved, resolved_encoding, ..Self::of(read.view) }
    }
}

/// A value as text, or base64 where it is none.
pub(crate) fn encode(value: &SecretBytes) -> (String, Option<Encoding>) {
    match std::str::from_utf8(value.expose()) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(value.expose()), Some(Encoding::Base64)),
    }
}

/// Whether the environment stores it itself: only then its version is one to write against.
pub(super) fn is_own(view: &SecretView) -> bool {
    !matches!(view.origin.origin, Origin::Inherited { .. })
}

/// A secret as it was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretWritten {
    /// The secret.
    #[serde(flatten)]
    secret: SecretAnswer,
    /// What is told of a value that was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    generated: Option<Generated>,
    /// What the write breaks or changes elsewhere.
    warnings: Vec<Warning>,
}

impl SecretWritten {
    /// One that breaks nothing elsewhere.
    pub(super) fn of(view: SecretView) -> Self {
        Self { secret: SecretAnswer::of(view), generated: None, warnings: Vec::new() }
    }
}

/// Something a write breaks or changes elsewhere.
#[derive(Serialize, ToSchema)]
pub(crate) struct Warning {
    /// Where.
    field: String,
    /// The stable code.
    code: String,
    /// In words.
    detail: String,
}

impl From<types::Problem> for Warning {
    fn from(p: types::Problem) -> Self {
        Self { field: p.field, code: p.code, detail: p.detail }
    }
}

/// The secret a write of one item made, as it is now.
pub(super) async fn written(op: &Op, state: &State, outcome: BatchOutcome) -> Result<SecretWritten, Problem> {
    let warnings = outcome.warnings.into_iter().map(Warning::from).collect();
    let item = outcome.items.into_iter().next().ok_or_else(|| Problem::internal("a write of one item made none"))?;
    let generated = item.generated.map(Generated::from);
    let ask = ReadSecret {
        project: outcome.placed.environment.project.to_string(),
        environment: outcome.placed.environment.id.to_string(),
        path: item.path.to_string(),
        name: item.name.to_string(),
        version: Some(item.version),
        ..ReadSecret::default()
    };
    let read = secret::secret_get(op, &state.uses, &ask).await?;
    Ok(SecretWritten { secret: SecretAnswer::of(read.view), generated, warnings })
}

/// What is wished, from the fields of a body.
pub(super) fn wish(
    state: Option<StateWish>,
    value: Option<SecretString>,
    encoding: Option<Encoding>,
    interpolate: Option<bool>,
    visibility: Option<Visibility>,
    generate: Option<Generate>,
) -> Result<Wish, Problem> {
    if let Some(generate) = generate {
        if value.is_some() || encoding.is_some() || state.is_some() || interpolate == Some(true) {
            let detail = "a generated value comes without value, encoding, state and interpolate";
            return Err(Problem::invalid("value_unexpected", detail).field("generate", "value_unexpected"));
        }
        return Ok(Wish::Generate { recipe: generate.recipe()?, visibility });
    }
    match (state.unwrap_or(StateWish::Set), value) {
        (StateWish::Unset, None) => Ok(Wish::Unset),
        (StateWish::Unset, Some(_)) => {
            Err(Problem::invalid("value_unexpected", "an unset name has no value").field("value", "value_unexpected"))
        }
        (StateWish::Set, None) => {
            let problem = Problem::invalid("missing_field", "missing field `value`");
            Err(problem
                .hint("send `generate` to have one drawn, state `unset` to hide what is inherited")
                .field("value", "missing_field"))
        }
        (StateWish::Set, Some(value)) => {
            let interpolate = interpolate.unwrap_or(encoding.is_none());
            Ok(Wish::Set { value: read_value(value, encoding)?, interpolate, visibility })
        }
    }
}

/// The bytes of a value.
pub(crate) fn read_value(value: SecretString, encoding: Option<Encoding>) -> Result<SecretBytes, Problem> {
    match encoding {
        None => Ok(value.into_bytes()),
        Some(Encoding::Base64) => BASE64.decode(value.expose().as_bytes()).map(SecretBytes::new).map_err(|_| {
            Problem::invalid("base64_invalid", "the value is no base64 with padding").field("value", "base64_invalid")
        }),
    }
}

/// A folder that may be left out.
pub(crate) fn folder(path: String) -> Option<String> {
    Some(path).filter(|p| !p.is_empty())
}
