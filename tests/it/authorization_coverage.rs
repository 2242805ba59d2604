//! Every endpoint of the OpenAPI document, asked by whoever must not be answered: nobody, the owner of another
//! organization, and a member who was given nothing. An endpoint without a case here fails the test.

use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp};

/// Endpoints that answer without a token.
/// A link is opened by who shows the proof that comes with its key, whoever they are.
/// So is a password reset, an invitation and a change of an address by who has its token.
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
/// Endpoints every member may call for themselves, whatever they were given; what they show is theirs.
const OWN: &[&str] = &[
    "whoami",
    "instance_get",
    "mail_get",
    "invitation_list",
    "organization_list",
    "organization_get",
    "project_list",
    "deletion_list",
    "member_list",
    "service_account_list",
    "grant_list",
    "role_list",
    "runtime_list",
    "role_get",
    "team_list",
    "team_get",
    "member_get",
    "policy_evaluate",
    "policy_templates",
    "policy_schema",
    "access_matrix",
    "organization_search",
    "secret_stale",
    "secret_expiring",
    "access_reach",
    "token_list",
    "token_create",
    "approval_list",
    "link_list",
    "link_create",
    "session_delete",
    "session_list",
    "session_end_others",
    "account_password",
    "account_factors",
    "account_get",
    "account_email",
    "account_email_withdraw",
    "account_rename",
    "account_notices",
    "cluster_manifest",
    "passkey_list",
    "passkey_begin",
    "passkey_add",
    "session_step_up_passkey",
    "organization_security_get",
];

/// An id of a user that nobody has: people of the instance belong to no organization.
const NOBODY: &str = "usr_00000000000000000000000000";

/// The things of one organization, by the names of path parameters.
struct Things {
    owner: Client,
    ids: Value,
}

impl Things {
    fn make(owner: Client, slug: &str) -> Self {
        let me = owner.get("/whoami").expect(200);
        owner.create_project(slug);
        let dev = owner.create_environment(slug, "dev", None);
        owner.create_environment(slug, "gone", None);
        owner.set_secret(&format!("{slug}/dev"), "KEY", "value");
        let project = owner.get(&format!("/projects/{slug}")).expect(200);
        let body = json!({ "name": "ci", "grants": [{ "role": "viewer" }] });
        let account = owner.post("/service-accounts", body).expect(201);
        let path = format!("/service-accounts/{}/keys", text(&account["id"]));
        let key = owner.send("POST", &path, None).expect(201);
        // The owner of one organization may own another: somebody who is in this one only.
        let member = owner.post("/members", json!({ "email": format!("bob@{slug}.example") })).expect(201);
        let role = json!({ "name": "readers", "permissions": ["secret.list"] });
        let role = owner.post("/roles", role).expect(201);
        let team = owner.post("/teams", json!({ "name": "web" })).expect(201);
        let joined = json!({ "user": member["user"]["id"] });
        owner.post(&format!("/teams/{}/members", text(&team["id"])), joined).expect(200);
        let source = "forbid (principal, action == Action::\"secret.rotate\", resource);";
        let policy = owner.put("/policies/rotation", json!({ "source": source, "mode": "observe" })).expect(201);
        let deleted = owner.delete(&format!("/projects/{slug}/environments/gone")).expect(200);
        let link = owner.post("/links", link()).expect(201);
        let cluster = owner.post("/clusters", cluster("home")).expect(201);
        owner.create_environment(slug, "held", None);
        let held = format!("/projects/{slug}/environments/held");
        owner.put(&format!("{held}/approval-rules"), json!({ "acts": ["write"], "approvals": 1 })).expect(200);
        let waits = owner.put(&format!("{held}/secrets/KEY"), json!({ "value": "v" })).expect(409);
        let invited = owner.post("/invitations", json!({ "email": format!("gus@{slug}.example") })).expect(201);
        let event = owner.get("/audit/events?limit=1").expect(200)["items"][0]["id"].clone();
        let ids = json!({
            "organization": me["organization"]["id"], "project": project["id"], "environment": dev["id"],
            "name": "KEY", "user": member["user"]["id"], "token": me["credential"]["id"],
            "service_account": account["id"], "key": key["id"], "grant": account["grants"][0]["id"],
            "role": role["id"], "team": team["id"], "member": member["user"]["id"],
            "policy": policy["policy"]["id"],
            "deletion": deleted["deletion"]["id"], "event": event, "job": "no_such_job", "act": "policy",
            "cluster": cluster["id"],
            "link": link["id"], "approval": waits["errors"][0]["detail"],
            "invitation": invited["id"],
            "service": "api",
            "account": NOBODY, "session": me["credential"]["id"],
            "passkey": "psk_00000000000000000000000000",
        });
        Self { owner, ids }
    }

    fn id(&self, name: &str) -> &str {
        self.ids[name].as_str().unwrap_or_else(|| panic!("no sample of the path parameter `{name}`"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// One endpoint of the document.
struct Endpoint {
    id: String,
    method: String,
    path: String,
    takes_body: bool,
}

impl Endpoint {
    fn all() -> Vec<Self> {
        let document: Value = serde_json::from_str(holdfast::http::document()).expect("JSON");
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                all.push(Self {
                    id: text(&operation["operationId"]).to_owned(),
                    method: method.to_uppercase(),
                    path: path.trim_start_matches("/api/v1").to_owned(),
                    takes_body: operation.get("requestBody").is_some(),
                });
            }
        }
        all.retain(|e| !PUBLIC.contains(&e.id.as_str()));
        assert!(all.len() > 50, "the document lost its endpoints");
        all
    }

    fn parameters(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// The path with each parameter from the things `of` chooses.
    fn filled<'a>(&self, of: impl Fn(&str) -> &'a Things) -> String {
        let parts = self.path.split('/').map(|part| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) => of(name).id(name),
            None => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        format!("{path}{}", query(&self.id))
    }

    /// A body that can be read, naming things of `things`.
    fn body(&self, things: &Things) -> Option<Value> {
        self.takes_body.then(|| body(&self.id, things))
    }
}

/// Query parameters an endpoint cannot do without.
fn query(id: &str) -> &'static str {
    match id {
        "secret_search" | "organization_search" => "?q=KEY",
        "folder_delete" => "?path=/api",
        "environment_compare" => "?environments=dev,other",
        "environment_diff" => "?from=0",
        "runtime_exec" => "?service=api&command=true",
        "runtime_port_forward" => "?service=api&port=80",
        _ => "",
    }
}

/// A link with something sealed in it, as far as the server can tell.
fn link() -> Value {
    let sealed = |len| data_encoding::BASE64.encode(&vec![7; len]);
    json!({ "ciphertext": sealed(64), "proof": sealed(32) })
}

/// A cluster that nobody has asked yet: nothing listens there.
fn cluster(name: &str) -> Value {
    json!({ "name": name, "server": "https://127.0.0.1:1", "token": "token-of-the-account", "unasked": true })
}

/// Operations whose body may say nothing.
const EMPTY: &[&str] = &[
    "environment_lock",
    "service_account_key_create",
    "audit_verify",
    "approval_approve",
    "approval_reject",
    "secret_reveal",
    "root_key_rotate",
    "runtime_deploy",
    "runtime_plan",
    "runtime_extend",
    "quota_set",
    "environment_quota_set",
    "runtime_restart",
    "runtime_rollback",
];

fn body(id: &str, t: &Things) -> Value {
    match id {
        "organization_create" | "project_create" | "environment_create" | "environment_duplicate" => {
            json!({ "slug": "another" })
        }
        "organization_update" | "project_update" | "environment_update" | "service_account_update" => {
            json!({ "name": "Another" })
        }
        _ if EMPTY.contains(&id) => json!({}),
        "prices_set" => json!({ "prices": null }),
        "runtime_scale" => json!({ "service": "api", "replicas": 1 }),
        "runtime_destroy" => json!({ "confirm": "dev" }),
        "root_key_retire" => json!({ "fingerprint": "0000-0000-0000-0000" }),
        "email_change_links" => json!({ "email": "eve@example.com", "new_email": "gus@example.com" }),
        "device_lookup" | "device_approve" | "device_deny" => json!({ "user_code": "BCDF-GHJK" }),
        "session_step_up" => json!({ "password": "not the right one" }),
        "authenticator_confirm" => json!({ "code": "000000" }),
        "account_rename" | "passkey_rename" => json!({ "name": "Another" }),
        "passkey_add" => json!({ "name": "Laptop", "ceremony": "none", "credential": {} }),
        "organization_security_set" => json!({ "second_factor_required": false }),
        "account_password" => json!({ "current_password": "not the right one", "new_password": PASSWORD }),
        "environment_move" => json!({ "parent": null }),
        "environment_revert" => json!({ "at": "0" }),
        "secret_put" => json!({ "value": "v" }),
        "secret_batch" => json!({ "items": [{ "name": "KEY", "value": "v" }] }),
        "secret_import" => json!({ "format": "dotenv", "content": "KEY=v" }),
        "secret_rollback" | "policy_rollback" => json!({ "version": 1 }),
        "secret_copy" | "secret_move" => json!({ "to": { "name": "OTHER" } }),
        "folder_copy" | "folder_move" => json!({ "path": "/", "to": { "path": "/api" } }),
        "secrets_transfer" => several(json!({ "path": "/api" })),
        "value_lookup" => json!({ "value": "value" }),
        "secret_expiry_set" => json!({ "expires_at": null }),
        "secret_edit" => json!({ "change": { "add_tags": ["t"] } }),
        "folder_create" => json!({ "path": "/api" }),
        "account_email_change" | "member_create" | "invitation_create" | "password_reset_link" => {
            json!({ "email": "eve@example.com" })
        }
        "link_create" => link(),
        "cluster_add" => cluster("another"),
        "cluster_update" => json!({ "image": "registry.example/holdfast:1" }),
        "cluster_rotate" => json!({ "server": "https://127.0.0.1:1", "token": "another" }),
        "approval_organization_rule_set" => json!({ "approvals": 1 }),
        "approval_rule_set" => json!({ "acts": ["write"], "approvals": 1 }),
        "approval_override" => json!({ "reason": "it burns" }),
        "approval_comment" => json!({ "comment": "why" }),
        "token_create" => json!({ "name": "mine" }),
        "service_account_create" | "team_create" => json!({ "name": "another" }),
        "grant_create" => json!({ "user": t.id("user"), "role": "viewer" }),
        "role_create" => json!({ "name": "another", "permissions": ["secret.list"] }),
        "role_update" | "team_update" => json!({ "description": "Another" }),
        "team_member_add" | "organization_transfer" => json!({ "user": t.id("user") }),
        "policy_put" => json!({ "source": "forbid (principal, action, resource);", "mode": "observe" }),
        "blueprint_put" => json!({ "text": "name: shop\nservices: [{name: web, image: nginx:1.27}]\n" }),
        "policy_simulate" => json!({ "name": "rotation", "source": "forbid (principal, action, resource);" }),
        "policy_evaluate" => json!({ "action": "secret.use" }),
        "scan_candidates" => json!({ "key": "0".repeat(64), "prefixes": [] }),
        "scan_matches" => json!({ "key": "0".repeat(64), "digests": [] }),
        other => panic!("{other} takes a body: give a sample of it"),
    }
}

/// A secret on its way to somewhere.
fn several(to: Value) -> Value {
    json!({ "mode": "copy", "secrets": [{ "name": "KEY" }], "to": to })
}

/// Requests of an endpoint that name something of `other` in their query or body; everything else is `own`.
fn naming(endpoint: &Endpoint, own: &Things, other: &Things) -> Vec<(String, Option<Value>)> {
    let path = endpoint.filled(|_| own);
    let (project, environment) = (other.id("project"), other.id("environment"));
    let place = [("project", project), ("environment", environment)];
    let principals = [("user", other.id("user")), ("service_account", other.id("service_account"))];
    let holders = [principals[0], principals[1], ("team", other.id("team"))];
    let queries = |names: &[(&str, &str)]| {
        names.iter().map(|(name, id)| (format!("{path}?{name}={id}"), None)).collect::<Vec<_>>()
    };
    let bodies = |all: Vec<Value>| all.into_iter().map(|b| (path.clone(), Some(b))).collect::<Vec<_>>();
    match endpoint.id.as_str() {
        "environment_create" => bodies(vec![
            json!({ "slug": "x", "parent": environment }),
            json!({ "slug": "x", "flow": { "mode": "listed", "environments": [environment] } }),
        ]),
        "environment_update" => bodies(vec![json!({ "flow": { "mode": "listed", "environments": [environment] } })]),
        "environment_move" => bodies(vec![json!({ "parent": environment })]),
        "environment_duplicate" => bodies(vec![json!({ "slug": "x", "parent": environment })]),
        "environment_compare" => vec![(path.replace("other", environment), None)],
        "value_lookup" => bodies(vec![json!({ "value": "value", "project": project })]),
        "secret_copy" | "secret_move" => bodies(vec![
            json!({ "to": { "environment": environment } }),
            json!({ "to": { "project": project, "environment": environment } }),
        ]),
        "folder_copy" | "folder_move" => bodies(vec![
            json!({ "path": "/", "to": { "environment": environment } }),
            json!({ "path": "/", "to": { "project": project, "environment": environment } }),
        ]),
        "secrets_transfer" => bodies(vec![several(json!({ "project": project, "environment": environment }))]),
        "member_create" | "invitation_create" => bodies(
            place.iter().map(|(n, id)| json!({ "email": "eve@example.com", "role": "viewer", *n: id })).collect(),
        ),
        "service_account_create" => {
            let mut all: Vec<_> = place.iter().map(|(n, id)| json!({ "name": "x", *n: id })).collect();
            all.extend(place.iter().map(|(n, id)| json!({ "name": "x", "grants": [{ "role": "viewer", *n: id }] })));
            bodies(all)
        }
        "grant_create" => {
            let mut all: Vec<_> =
                place.iter().map(|(n, id)| json!({ "user": own.id("user"), "role": "viewer", *n: id })).collect();
            all.extend(holders.iter().map(|(n, id)| json!({ "role": "viewer", *n: id })));
            bodies(all)
        }
        "policy_evaluate" => {
            let ask = |key: &str, value: Value| json!({ "action": "secret.use", key: value });
            let mut all: Vec<_> = place.iter().map(|(n, id)| ask("resource", json!({ *n: id }))).collect();
            all.extend(principals.iter().map(|(n, id)| ask("actor", json!({ *n: id }))));
            bodies(all)
        }
        "team_member_add" => bodies(vec![json!({ "user": other.id("user") }), json!({ "team": other.id("team") })]),
        "organization_transfer" => bodies(vec![json!({ "user": other.id("user") })]),
        "scan_candidates" | "scan_matches" => {
            let mut whole = body(&endpoint.id, own);
            whole["project"] = json!(project);
            let mut one = whole.clone();
            one["environment"] = json!(environment);
            bodies(vec![whole, one])
        }
        "grant_list" => [queries(&place), queries(&holders)].concat(),
        "secret_stale" | "secret_expiring" => {
            vec![
                (format!("{path}?project={project}"), None),
                (format!("{path}?project={project}&environment={environment}"), None),
            ]
        }
        "access_matrix" | "audit_list" | "audit_follow" | "audit_export" | "access_review" => queries(&place),
        "access_reach" | "access_unused" => queries(&principals),
        "environment_diff" => vec![(format!("{path}&with={project}/{environment}"), None)],
        _ => Vec::new(),
    }
}

#[test]
fn nobody_without_a_token_is_answered() {
    let app = TestApp::start();
    let acme = Things::make(app.owner(), "shop");
    for endpoint in Endpoint::all() {
        let body = endpoint.body(&acme);
        let answer = app.nobody().send(&endpoint.method, &endpoint.filled(|_| &acme), body.as_ref());
        assert_eq!(answer.status, 401, "{}: {}", endpoint.id, answer.text());
        assert_eq!(answer.json()["code"], "authentication_required", "{}", endpoint.id);
    }
}

#[test]
fn another_organizations_things_are_not_there() {
    let app = TestApp::start();
    let acme = Things::make(app.owner(), "shop");
    let umbrella = Things::make(app.second_organization(), "store");
    let mut asked = 0;
    for endpoint in Endpoint::all() {
        let mut requests = naming(&endpoint, &umbrella, &acme);
        for foreign in endpoint.parameters().into_iter().filter(|p| !["name", "act", "service"].contains(p)) {
            let path = endpoint.filled(|name| if name == foreign { &acme } else { &umbrella });
            requests.push((path, endpoint.body(&umbrella)));
        }
        for (path, body) in requests {
            let answer = umbrella.owner.send(&endpoint.method, &path, body.as_ref());
            assert_eq!(answer.status, 404, "{} {path} {body:?}: {}", endpoint.id, answer.text());
            asked += 1;
        }
    }
    assert!(asked > 60, "only {asked} requests named something foreign");
    let me = umbrella.owner.get("/whoami").expect(200);
    assert_eq!(me["organization"]["slug"], "umbrella");
    for list in [
        "/projects",
        "/members",
        "/grants",
        "/service-accounts",
        "/deletions",
        "/tokens",
        "/audit/events",
        "/links",
        "/approvals",
        "/roles",
        "/teams",
        "/policies",
        "/invitations",
        "/clusters",
    ] {
        let answer = umbrella.owner.get(list);
        assert_eq!(answer.status, 200, "{list}");
        for name in
            ["organization", "project", "environment", "service_account", "grant", "role", "team", "policy", "cluster"]
        {
            assert!(!answer.text().contains(acme.id(name)), "{list} shows the other's {name}");
        }
    }
}

#[test]
fn a_member_who_was_given_nothing_may_nothing() {
    let app = TestApp::start();
    let acme = Things::make(app.owner(), "shop");
    let email = "bob@example.com";
    acme.owner.post("/members", json!({ "email": email, "password": PASSWORD })).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    let bob = app.client(text(&session["token"]));
    for endpoint in Endpoint::all() {
        if OWN.contains(&endpoint.id.as_str()) {
            continue;
        }
        let body = endpoint.body(&acme);
        let answer = bob.send(&endpoint.method, &endpoint.filled(|_| &acme), body.as_ref());
        assert!(matches!(answer.status, 403 | 404), "{}: {} {}", endpoint.id, answer.status, answer.text());
    }
    for list in ["/projects", "/grants", "/service-accounts", "/deletions"] {
        assert_eq!(bob.get(list).expect(200)["items"], json!([]), "{list}");
    }
    assert_eq!(acme.owner.variables("shop/dev"), json!({ "KEY": "value" }));
}
