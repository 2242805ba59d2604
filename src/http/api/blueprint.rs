//! What blueprints look like, and those of environments.

use std::sync::OnceLock;

use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Answer, List, created, ok, tagged};
use crate::http::extract::{DryRun, IfMatch, Json, Known, Names, Query};
use crate::runtime::blueprint::lint::Finding;
use crate::runtime::blueprint::{self, Diagnostic};
use crate::runtime::stored::{self, Version, Wish};
use crate::types::Timestamp;

/// Something to say about a place in a blueprint.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlueprintRemark {
    /// The stable code of a mistake, or the number of a rule.
    #[schema(example = "unknown_field")]
    code: &'static str,
    /// `error` or `warning`.
    severity: &'static str,
    /// What it is about, in one sentence.
    message: String,
    /// What to do about it.
    hint: String,
    /// The line, from 1.
    line: usize,
    /// The column, from 1.
    column: usize,
    /// The same as a path of fields.
    #[schema(example = "services[2].probes")]
    path: String,
}

impl BlueprintRemark {
    fn of(said: Diagnostic, severity: &'static str) -> Self {
        let Diagnostic { code, message, hint, at, path } = said;
        Self { code, severity, message, hint, line: at.line, column: at.column, path }
    }

    fn findings(found: Vec<Finding>) -> Vec<Self> {
        found.into_iter().map(|f| Self { code: f.rule.id, ..Self::of(f.said, f.rule.severity.as_str()) }).collect()
    }
}

/// A version of a blueprint, without its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlueprintVersion {
    /// Its number.
    #[schema(minimum = 1)]
    version: u32,
    /// What was changed, in words.
    comment: String,
    /// SHA-256 of the text.
    digest: String,
    /// When it was saved.
    saved_at: Timestamp,
    /// By whom.
    saved_by: String,
}

impl From<Version> for BlueprintVersion {
    fn from(v: Version) -> Self {
        Self { version: v.version, comment: v.comment, digest: v.digest, saved_at: v.at, saved_by: v.author }
    }
}

/// The blueprint of an environment.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlueprintAnswer {
    /// The version.
    #[serde(flatten)]
    version: BlueprintVersion,
    /// The text.
    text: String,
    /// What is wrong with it by the rules of today: one that newer rules refuse can be read, and not deployed.
    errors: Vec<BlueprintRemark>,
    /// What is allowed in it and still not wise. Its variables are not compared with those of the environment.
    findings: Vec<BlueprintRemark>,
}

/// A blueprint that was saved, or would be.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlueprintSaved {
    /// Whether nothing was changed.
    dry_run: bool,
    /// Whether it is a new version; otherwise the newest has this text already.
    new: bool,
    /// The version.
    #[serde(flatten)]
    version: BlueprintVersion,
    /// What is allowed in it and still not wise.
    findings: Vec<BlueprintRemark>,
}

/// A blueprint to save.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlueprintPut {
    /// The text, in YAML.
    #[schema(max_length = 524_288, example = "name: shop\nservices:\n  - {name: web, image: nginx:1.27}\n")]
    text: String,
    /// What was changed, in words.
    #[schema(max_length = 500)]
    comment: Option<String>,
    /// The version the change was made for, 0 where there must be none; any when none. `If-Match` says the same.
    base_version: Option<u32>,
}

/// Which version.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlueprintQuery {
    /// This one; the newest when not said.
    #[param(minimum = 1)]
    version: Option<u32>,
}

/// Which versions are compared.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlueprintDiffQuery {
    /// From this one; 0 is nothing. The one before `to` when not said.
    from: Option<u32>,
    /// To this one; the newest when not said.
    #[param(minimum = 1)]
    to: Option<u32>,
}

/// What changed between two versions.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlueprintDiff {
    /// The one.
    from: u32,
    /// The other.
    to: u32,
    /// A unified diff of the texts.
    diff: String,
}

/// The blueprint of an environment: the newest version, or the one that is named.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/blueprint", operation_id = "blueprint_get",
    params(BlueprintQuery), responses((status = 200, description = "The blueprint.", body = BlueprintAnswer)))]
pub(crate) async fn get(
    req: HttpRequest,
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<BlueprintQuery>,
) -> Answer {
    let look = stored::blueprint_get(&op, &project, &environment, query.version).await?;
    let (number, text) = (look.version.version, look.version.text.clone());
    let answer = BlueprintAnswer {
        version: look.version.into(),
        text,
        errors: look.errors.into_iter().map(|e| BlueprintRemark::of(e, "error")).collect(),
        findings: BlueprintRemark::findings(look.findings),
    };
    tagged(&req, &op, number, &answer)
}

/// Saves the blueprint of an environment as a new version. The same text again makes none.
#[utoipa::path(put, path = "/projects/{project}/environments/{environment}/blueprint", operation_id = "blueprint_put",
    request_body = BlueprintPut, params(DryRun),
    responses((status = 200, description = "The version.", body = BlueprintSaved),
        (status = 201, description = "The first version.", body = BlueprintSaved)))]
pub(crate) async fn put(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    IfMatch(if_match): IfMatch,
    Query(query): Query<DryRun>,
    Json(body): Json<BlueprintPut>,
) -> Answer {
    let wish = Wish {
        text: body.text,
        comment: body.comment.unwrap_or_default(),
        base_version: body.base_version.or(if_match),
        dry_run: query.dry_run,
    };
    let saved = stored::blueprint_put(&op, &project, &environment, wish).await?;
    let is_first = saved.is_new && saved.version.version == 1 && !query.dry_run;
    let answer = BlueprintSaved {
        dry_run: query.dry_run,
        new: saved.is_new,
        version: saved.version.into(),
        findings: BlueprintRemark::findings(saved.findings),
    };
    if is_first { created(&answer) } else { ok(&answer) }
}

/// The kept versions of an environment's blueprint, newest first, without their texts.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/blueprint/versions",
    operation_id = "blueprint_versions",
    responses((status = 200, description = "The versions.", body = List<BlueprintVersion>)))]
pub(crate) async fn versions(Known(op, _): Known, Names([project, environment]): Names<2>) -> Answer {
    let all = stored::blueprint_versions(&op, &project, &environment).await?;
    ok(&List::whole(all.into_iter().map(BlueprintVersion::from).collect()))
}

/// What changed from one version of an environment's blueprint to another.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/blueprint/diff",
    operation_id = "blueprint_diff", params(BlueprintDiffQuery),
    responses((status = 200, description = "The difference.", body = BlueprintDiff)))]
pub(crate) async fn diff(
    Known(op, _): Known,
    Names([project, environment]): Names<2>,
    Query(query): Query<BlueprintDiffQuery>,
) -> Answer {
    let (from, to, diff) = stored::blueprint_diff(&op, &project, &environment, query.from, query.to).await?;
    ok(&BlueprintDiff { from, to, diff })
}

/// The JSON schema of a blueprint.
#[utoipa::path(get, path = "/blueprint-schema", operation_id = "blueprint_schema",
    responses((status = 200, description = "A JSON schema (2020-12).", body = serde_json::Value)))]
pub(crate) async fn schema() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| blueprint::schema().to_string());
    HttpResponse::Ok().content_type("application/json").body(text.as_str())
}
