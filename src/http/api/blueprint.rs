//! What blueprints look like.

use std::sync::OnceLock;

use actix_web::HttpResponse;

use crate::runtime::blueprint;

/// The JSON schema of a blueprint.
#[utoipa::path(get, path = "/blueprint-schema", operation_id = "blueprint_schema",
    responses((status = 200, description = "A JSON schema (2020-12).", body = serde_json::Value)))]
pub(crate) async fn schema() -> HttpResponse {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| blueprint::schema().to_string());
    HttpResponse::Ok().content_type("application/json").body(text.as_str())
}
