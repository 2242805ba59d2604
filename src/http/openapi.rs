//! The OpenAPI 3.1 document: handlers say what is theirs, this file adds what is everybody's.
//!
//! Each operation gets its path parameters, the failures its method can answer, the headers writes accept and the
//! token it needs, so that no handler can forget one.

use std::io::Read as _;
use std::sync::OnceLock;

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::api::secret::{batch, care, history, reach, transfer, usage};
use super::api::{
    account, audit, deletion, environment, folder, grant, health, instance, job, key, member, organization, policy,
    project, role, scan, secret, service_account, session, setup, team, time, token, user, variables, whoami,
};
use super::api::{approval, blueprint, link};
use super::error::{PROBLEM_JSON, ProblemBody};

use crate::http::api::{
    cluster, condition, device, email, follow, invitation, mail, own_policy, quota, reset, review, runtime,
};

const PREFIX: &str = "/api/v1";
/// Operations that need no token.
const PUBLIC: &[&str] = &[
    "device_authorize",
    "device_token",
    "setup",
    "session_create",
    "session_refresh",
    "openapi",
    "blueprint_schema",
    "healthz",
    "readyz",
    "link_get",
    "link_open",
    "password_reset_request",
    "password_reset_complete",
    "invitation_offer",
    "invitation_accept",
    "email_change_offer",
    "email_change_confirm",
    "email_change_cancel",
];
/// Operations that look at If-Match.
const CONDITIONAL: &[&str] = &["project_update", "environment_update", "secret_put", "blueprint_put"];

#[derive(OpenApi)]
#[openapi(
    paths(
        health::healthz,
        health::readyz,
        serve,
        blueprint::schema,
        blueprint::get,
        blueprint::put,
        blueprint::versions,
        blueprint::diff,
        setup::setup,
        whoami::whoami,
        instance::get,
        instance::recovery_kit,
        condition::get,
        condition::check,
        key::list,
        key::rotate,
        key::rotation,
        key::pause,
        key::resume,
        key::verify,
        key::instance_list,
        key::rotate_root,
        key::retire_root,
        job::list,
        job::history,
        job::run,
        session::list,
        session::create,
        session::end_others,
        session::delete,
        session::end_one,
        session::step_up,
        session::step_up_passkey,
        session::refresh,
        device::authorize,
        device::token,
        device::lookup,
        device::approve,
        device::deny,
        account::get,
        account::rename,
        account::notices,
        account::password,
        account::factors,
        account::authenticator_begin,
        account::authenticator_confirm,
        account::authenticator_remove,
        account::recovery_codes,
        account::passkeys,
        account::passkey_begin,
        account::passkey_add,
        account::passkey_rename,
        account::passkey_remove,
        account::passkey_enable,
        user::list,
        user::disable,
        user::enable,
        user::reset_factor,
        user::enable_passkeys,
        token::list,
        token::create,
        token::delete,
        link::list,
        link::create,
        link::get,
        link::delete,
        link::open,
        organization::list,
        organization::create,
        organization::get,
        organization::update,
        organization::delete,
        organization::restore,
        organization::security_get,
        organization::security_set,
        organization::transfer,
        project::list,
        project::create,
        project::get,
        project::update,
        project::delete,
        project::restore,
        environment::list,
        environment::create,
        environment::get,
        environment::update,
        environment::delete,
        environment::lock,
        environment::unlock,
        environment::relocate,
        environment::restore,
        environment::arrange::compare,
        environment::arrange::duplicate,
        secret::list,
        secret::get,
        secret::reveal,
        secret::put,
        secret::delete,
        batch::batch,
        batch::import,
        history::history,
        history::rollback,
        history::undelete,
        transfer::secret_copy,
        transfer::secret_move,
        transfer::secrets_transfer,
        transfer::folder_copy,
        transfer::folder_move,
        usage::secret_usage,
        reach::secret_access,
        usage::value_lookup,
        care::stale,
        care::expiring,
        care::expiry_get,
        care::expiry_put,
        care::edit,
        audit::accesses,
        variables::get,
        scan::candidates,
        scan::matches,
        approval::rule_list,
        approval::rule_set,
        approval::rule_remove,
        approval::organization_rule_list,
        approval::organization_rule_set,
        approval::organization_rule_remove,
        approval::list,
        approval::get,
        approval::approve,
        approval::reject,
        approval::withdraw,
        approval::pass,
        approval::comment,
        folder::list,
        folder::create,
        folder::delete,
        folder::search,
        folder::search_all,
        time::diff,
        time::revert,
        time::undelete,
        invitation::list,
        invitation::create,
        invitation::delete,
        invitation::offer,
        invitation::accept,
        reset::request,
        reset::complete,
        reset::link,
        email::get,
        email::change,
        email::withdraw,
        email::offer,
        email::confirm,
        email::cancel,
        email::links,
        mail::get,
        mail::test,
        member::list,
        member::create,
        member::get,
        member::delete,
        grant::list,
        grant::create,
        grant::delete,
        service_account::list,
        service_account::create,
        service_account::get,
        service_account::update,
        service_account::delete,
        service_account::key_list,
        service_account::key_create,
        service_account::key_delete,
        role::list,
        role::create,
        role::get,
        role::update,
        role::delete,
        team::list,
        team::create,
        team::get,
        team::update,
        team::delete,
        team::member_add,
        team::member_remove,
        cluster::list,
        cluster::create,
        cluster::get,
        cluster::update,
        cluster::delete,
        cluster::credential,
        cluster::test,
        cluster::manifest,
        own_policy::list,
        own_policy::get,
        own_policy::put,
        own_policy::delete,
        own_policy::versions,
        own_policy::diff,
        own_policy::rollback,
        own_policy::simulate,
        own_policy::templates,
        own_policy::schema,
        policy::evaluate,
        policy::matrix,
        review::review,
        review::reach,
        review::unused,
        runtime::list,
        runtime::get,
        runtime::destroy,
        runtime::follow,
        runtime::deploy,
        runtime::plan,
        runtime::stop,
        runtime::resume,
        runtime::retry,
        runtime::restart,
        runtime::scale,
        runtime::rollback,
        runtime::extend,
        runtime::revisions,
        runtime::events,
        runtime::logs,
        quota::get,
        quota::set,
        quota::own_get,
        quota::own_set,
        quota::prices_get,
        quota::prices_set,
        runtime::exec,
        runtime::port_forward,
        audit::list,
        follow::follow,
        audit::get,
        audit::proof,
        audit::export,
        audit::checkpoint,
        audit::verify,
        deletion::list,
        deletion::restore,
    ),
    components(schemas(ProblemBody))
)]
struct Described;

/// The reviewed document, packed by `make assets`.
const PACKED: &[u8] = include_bytes!("../../assets/built/openapi.json.gz");

/// The document, as it is served. What makes it is several megabytes of code that runs once: a release has the reviewed
/// document in its place, which a test holds against [`described`].
pub fn document() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| if cfg!(debug_assertions) { described() } else { packed() })
}

/// The document, as the handlers describe it.
#[expect(clippy::missing_panics_doc, reason = "the document is made of strings and maps")]
pub fn described() -> String {
    let mut document = serde_json::to_value(Described::openapi()).expect("the document is JSON");
    complete(&mut document);
    serde_json::to_string(&document).expect("the document is JSON")
}

/// The document, as it was reviewed.
#[expect(clippy::missing_panics_doc, reason = "the document is packed by our own build and read by a test")]
pub fn packed() -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text).expect("it is packed text");
    text
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub(crate) async fn serve() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document())
}

fn complete(document: &mut Value) {
    document["info"] = json!({
        "title": "Holdfast",
        "version": "v1",
        "description": "Secrets in a tree of environments. Failures are problem+json (RFC 9457) with stable codes.",
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/" }]);
    document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
    document["components"]["headers"] = headers();
    let Some(Value::Object(paths)) = document.get_mut("paths").map(Value::take) else { return };
    let mut completed = Map::new();
    for (path, mut item) in paths {
        let is_probe = path == "/healthz" || path == "/readyz";
        let path = if is_probe { path } else { format!("{PREFIX}{path}") };
        if let Value::Object(operations) = &mut item {
            for (method, operation) in operations.iter_mut() {
                operation_complete(&path, method, operation, is_probe);
            }
        }
        completed.insert(path, item);
    }
    document["paths"] = Value::Object(completed);
}

fn operation_complete(path: &str, method: &str, operation: &mut Value, is_probe: bool) {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let is_public = PUBLIC.contains(&id.as_str());
    let writes = method != "get";
    operation["tags"] = json!([tag(path)]);
    if !is_public {
        operation["security"] = json!([{ "token": [] }]);
    }
    let mut parameters = path_parameters(path);
    if let Some(Value::Array(own)) = operation.get("parameters") {
        parameters.extend(own.iter().filter(|p| p["in"] != "path").cloned().map(plain));
    }
    if writes && !is_public {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes a repetition of this request harmless for 24 hours.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
    if CONDITIONAL.contains(&id.as_str()) {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false,
            "description": "The ETag the change was made for, or `*`.",
            "schema": { "type": "string", "pattern": "^(\\*|\"[1-9][0-9]{0,8}(-[0-9a-f]+)?\")$" },
        }));
    }
    operation["parameters"] = Value::Array(parameters);
    if !is_probe {
        let statuses = failures(method, is_public);
        for (status, words) in statuses {
            let response = &mut operation["responses"][status];
            if response.is_null() {
                *response = failure(words);
            }
        }
    }
    if let Value::Object(responses) = &mut operation["responses"] {
        for response in responses.values_mut() {
            response["headers"]["X-Request-Id"] = json!({ "$ref": "#/components/headers/X-Request-Id" });
        }
    }
}

/// The failures a method can answer; not all of them on every path.
fn failures(method: &str, is_public: bool) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("400", "The request cannot be read."),
        ("404", "It is not there, or not visible to you."),
        ("429", "Too often; see Retry-After."),
        ("500", "A failure inside; the log has it under the request id."),
        ("503", "Not now: not set up yet, stopping, or rights are changing."),
    ];
    all.extend([("401", "No token, or one that is not valid."), ("403", "Not allowed.")]);
    if method != "get" {
        all.extend([
            ("409", "It does not fit what is there now."),
            ("413", "The body is larger than its limit."),
            ("415", "The body is not JSON."),
            ("422", "It can be read and cannot be done."),
            ("507", "The disk is full."),
        ]);
        if !is_public {
            all.push(("412", "The version named is not the current one."));
        }
    }
    all
}

fn failure(words: &str) -> Value {
    json!({
        "description": words,
        "content": { PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn headers() -> Value {
    json!({
        "X-Request-Id": { "description": "The request, as the log knows it.", "schema": { "type": "string" } },
    })
}

/// Parameters are absent, never null.
fn plain(mut parameter: Value) -> Value {
    if let Some(Value::Array(types)) = parameter["schema"].get("type").cloned() {
        let left: Vec<_> = types.into_iter().filter(|t| t != "null").collect();
        if let [only] = left.as_slice() {
            parameter["schema"]["type"] = only.clone();
        }
    }
    if let Some(Value::Array(choices)) = parameter["schema"].get("oneOf").cloned() {
        let left: Vec<_> = choices.into_iter().filter(|c| c["type"] != "null").collect();
        if let [only] = left.as_slice() {
            parameter["schema"] = only.clone();
        }
    }
    parameter
}

fn path_parameters(path: &str) -> Vec<Value> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let (words, schema) = match name {
                "organization" | "project" | "environment" | "role" | "team" | "policy" | "cluster" => {
                    ("Its id or slug.", json!({ "type": "string", "minLength": 1, "pattern": "^[a-z][a-z0-9_-]*$" }))
                }
                "service" => (
                    "The name of the service, or `-` for every one.",
                    json!({ "type": "string", "maxLength": 40, "pattern": "^(-|[a-z]([-a-z0-9]*[a-z0-9])?)$" }),
                ),
                "name" => (
                    "The name of the secret; an environment may allow more than this.",
                    json!({ "type": "string", "maxLength": 255, "pattern": "^[A-Z_][A-Z0-9_]*$" }),
                ),
                _ => ("Its id.", json!({ "type": "string", "minLength": 1, "pattern": "^[0-9A-Za-z_]+$" })),
            };
            json!({ "name": name, "in": "path", "required": true, "description": words, "schema": schema })
        })
        .collect()
}

/// The chapter of an operation: the last word of its path that is no parameter and no verb.
fn tag(path: &str) -> &str {
    let words: Vec<_> = path.trim_start_matches(PREFIX).split('/').filter(|p| !p.is_empty()).collect();
    if words.iter().any(|word| matches!(*word, "runtime" | "runtimes")) {
        return "runtime";
    }
    let verbs = [
        "restore",
        "lock",
        "unlock",
        "move",
        "copy",
        "compare",
        "duplicate",
        "usage",
        "lookup",
        "expiry",
        "edit",
        "stale",
        "expiring",
        "rollback",
        "undelete",
        "history",
        "batch",
        "import",
        "accesses",
        "run",
        "reveal",
        "disable",
        "enable",
        "reset-factor",
        "step-up",
        "confirm",
        "recovery-kit",
        "open",
        "approve",
        "reject",
        "withdraw",
        "override",
        "comments",
    ];
    let nouns = words.iter().filter(|w| !w.starts_with('{') && !verbs.contains(w));
    nouns.copied().next_back().unwrap_or("instance")
}
