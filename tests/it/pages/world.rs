//! A shop with a tree, people and secrets, as a small team has them; and one whose every text is an attack.

use std::time::Duration;

use holdfast::types::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::support::app::{Client, PASSWORD, TestApp, at};

/// What must never run.
pub(super) const ATTACK: &str =
    "\"'><img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>{{7*7}}";

/// The appliance's people and places.
pub(super) struct World {
    /// Holds everything.
    pub(super) owner: Client,
    /// May look.
    pub(super) viewer: Client,
    /// A place of the ledger at which half of it was there.
    middle: String,
    /// A request that waits.
    waits: String,
}

/// The addresses one's own pages are looked at under.
fn own(route: &str) -> Vec<Value> {
    let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
    match route {
        "/account" => vec![page("account", route), page("account-done", "/account?done=changed")],
        "/device" => vec![page("device", "/device?code=BCDF-GHJK")],
        "/step-up" => vec![page("step-up", "/step-up?next=/account")],
        other => vec![page(&other[1..].replace('/', "-"), other)],
    }
}

impl World {
    pub(super) fn build(app: &TestApp) -> Self {
        let owner = app.owner();
        let body = json!({ "slug": "shop", "name": "Shop", "description": "Storefront, checkout and what they need." });
        owner.post("/projects", body).expect(201);
        owner.create_project("billing");
        owner.create_environment("billing", "development", None);
        environments(&owner);
        secrets(&owner);
        let middle = owner.get("/audit/events?limit=1&action=secret.write").expect(200)["items"][0]["seq"].to_string();
        owner.set_secret("shop/staging", "LATER", "value-of-LATER");
        owner.set_secret("shop/staging", "REDIS_URL", "redis://cache.staging.example:6379/0");
        let uat = at("shop/uat");
        owner.put(&format!("{uat}/approval-rules"), json!({ "acts": ["write"], "approvals": 1 })).expect(200);
        let waits =
            owner.put(&format!("{uat}/secrets/FEATURE"), json!({ "value": "on", "comment": ATTACK })).expect(409);
        let waits = waits["errors"][0]["detail"].as_str().expect("an id").to_owned();
        app.service_account("ci", "developer", "shop/staging");
        governance(&owner);
        blueprints(&owner);
        cared(&owner);
        clusters(&owner);
        running(app, &owner);
        quotas(&owner);
        crate::http_appliance::ran(app);
        let viewer = member(app, &owner, "grace@example.com", "viewer");
        Self { owner, viewer, middle, waits }
    }

    /// A change of the owner's address that waits, where mail is sent.
    pub(super) fn ask_for_an_address(app: &TestApp) {
        let session = json!({ "email": "ada@example.com", "password": PASSWORD });
        let session = app.nobody().post("/sessions", session).expect(201);
        let ada = app.client(session["token"].as_str().expect("a token"));
        let long = json!({ "email": "a.rather.long.address.of.ada@mail.of.the.shop.example.com" });
        ada.post("/account/email", long).expect(202);
    }

    /// The addresses a route is looked at under.
    pub(super) fn samples(&self, route: &str) -> Vec<Value> {
        let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
        match route {
            "/" => vec![page("home", "/")],
            "/search" => vec![page("search", "/search?q=url"), page("search-none", "/search?q=nothing-is-called-this")],
            "/sign-in" => vec![page("sign-in", "/sign-in?next=/projects/shop")],
            "/new-project" => vec![page("new-project", route)],
            "/projects/{project}" => vec![page("project", "/projects/shop")],
            "/projects/{project}/new-environment" => vec![page("new-environment", "/projects/shop/new-environment")],
            "/projects/{project}/compare" => vec![
                page("compare", "/projects/shop/compare?left=staging&right=production"),
                page("compare-choose", "/projects/shop/compare"),
            ],
            "/approvals" => vec![page("approvals", route), page("approvals-all", "/approvals?state=all")],
            "/approvals/{approval}" => vec![page("approval", &format!("/approvals/{}", self.waits))],
            "/members" => vec![page("members", route)],
            "/members/{user}/remove" => {
                let page_of = self.owner.get("/members").expect(200);
                let mut grace = page_of["items"].as_array().expect("a list").iter();
                let grace = grace.find(|m| m["user"]["email"] == "grace@example.com").expect("a member");
                vec![page(
                    "member-remove",
                    &format!("/members/{}/remove", grace["user"]["id"].as_str().expect("an id")),
                )]
            }
            "/machines" => vec![page("machines", route)],
            "/machines/{machine}" => vec![page("machine", "/machines/ci")],
            "/running" => vec![page("running", route), page("running-none", "/running?state=moving&project=billing")],
            "/clusters" => vec![page("clusters", route)],
            "/clusters/{cluster}" => {
                vec![page("cluster", "/clusters/frankfurt"), page("cluster-untested", "/clusters/helsinki")]
            }
            "/audit" => vec![page("audit", route), page("audit-denied", "/audit?outcome=denied&action=secret.reveal")],
            "/audit/{event}" => {
                let newest = self.owner.get("/audit/events?limit=1").expect(200)["items"][0]["id"].clone();
                vec![page("audit-event", &format!("/audit/{}", newest.as_str().expect("an id")))]
            }
            "/setup" | "/invite" | "/welcome" | "/join" | "/jobs" | "/health" | "/forgot" | "/reset" | "/email" => {
                vec![page(&route[1..], route)]
            }
            other => self.of_environments(other),
        }
    }

    /// The same of the pages of an environment.
    fn of_environments(&self, route: &str) -> Vec<Value> {
        let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
        let staging = "/projects/shop/environments/staging";
        match route {
            "/projects/{project}/environments/{environment}" => vec![
                page("environment", staging),
                page("environment-child", "/projects/shop/environments/feat-checkout"),
                page("environment-production", "/projects/shop/environments/production"),
                page("environment-locked", "/projects/shop/environments/qa"),
                page("environment-filter", &format!("{staging}?q=stripe&show=own")),
                page("environment-deleted", &format!("{staging}?deleted=OLD&done=deleted")),
                page("environment-empty", "/projects/billing/environments/development"),
            ],
            "/projects/{project}/environments/{environment}/new-secret" => {
                vec![page("new-secret", &format!("{staging}/new-secret"))]
            }
            "/projects/{project}/environments/{environment}/secrets/{name}" => vec![
                page("secret", &format!("{staging}/secrets/DATABASE_URL")),
                page("secret-folder", &format!("{staging}/secrets/TOKEN?path=/api/v2")),
                page("secret-inherited", "/projects/shop/environments/feat-checkout/secrets/SENTRY_DSN"),
                page("secret-restricted", "/projects/shop/environments/production/secrets/SIGNING_KEY"),
            ],
            "/projects/{project}/environments/{environment}/import" => {
                vec![page("import", &format!("{staging}/import"))]
            }
            "/projects/{project}/environments/{environment}/history" => vec![
                page("history", &format!("{staging}/history")),
                page("history-at", &format!("{staging}/history?at={}", self.middle)),
                page("environment-at", &format!("{staging}?at={}", self.middle)),
            ],
            "/projects/{project}/environments/{environment}/access" => {
                vec![page("access", &format!("{staging}/access"))]
            }
            "/projects/{project}/environments/{environment}/settings" => vec![
                page("settings", &format!("{staging}/settings")),
                page("settings-locked", "/projects/shop/environments/qa/settings"),
            ],
            other => self.of_what_runs(other),
        }
    }

    /// The same of the pages of what runs in one.
    fn of_what_runs(&self, route: &str) -> Vec<Value> {
        let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
        let staging = "/projects/shop/environments/staging";
        match route {
            "/projects/{project}/environments/{environment}/services" => vec![
                page("services", "/projects/shop/environments/feat-checkout/services"),
                page("services-stopped", "/projects/shop/environments/pr-212/services"),
                page("services-deploy", &format!("{staging}/services")),
                page("services-production", "/projects/shop/environments/production/services"),
                page("services-none", "/projects/billing/environments/development/services"),
            ],
            "/projects/{project}/environments/{environment}/services/events" => {
                vec![page("services-events", "/projects/shop/environments/feat-checkout/services/events")]
            }
            "/projects/{project}/environments/{environment}/services/{service}/logs" => vec![
                page("services-logs", "/projects/shop/environments/feat-checkout/services/api/logs"),
                page("services-logs-none", "/projects/billing/environments/development/services/-/logs"),
            ],
            "/projects/{project}/environments/{environment}/blueprint" => vec![
                page("blueprint", &format!("{staging}/blueprint")),
                page("blueprint-none", "/projects/shop/environments/production/blueprint"),
            ],
            "/projects/{project}/environments/{environment}/blueprint/versions" => vec![
                page("blueprint-versions", &format!("{staging}/blueprint/versions")),
                page("blueprint-versions-none", "/projects/shop/environments/production/blueprint/versions"),
            ],
            other => self.governed(other),
        }
    }

    /// The same of the pages of who may do what.
    fn governed(&self, route: &str) -> Vec<Value> {
        let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
        let staging = "/projects/shop/environments/staging";
        match route {
            "/jobs/{job}" => vec![page("job", "/jobs/reseal_secrets"), page("job-new", "/jobs/expire_tokens")],
            "/members/{user}" => {
                let owner = self.owner.get("/whoami").expect(200)["actor"]["id"].clone();
                let grace = self.owner.get("/members/grace@example.com").expect(200)["user"]["id"].clone();
                let url = |id: &Value| format!("/members/{}", id.as_str().expect("an id"));
                vec![page("member", &url(&grace)), page("member-owner", &url(&owner))]
            }
            "/teams" => vec![page("teams", route)],
            "/teams/{team}" => vec![page("team", "/teams/web")],
            "/roles" => vec![page("roles", route)],
            "/new-role" => vec![page("new-role", route)],
            "/roles/{role}" => vec![page("role", "/roles/release-manager"), page("role-built-in", "/roles/developer")],
            "/grants" => vec![
                page("grants", route),
                page("grants-node", "/grants?node=shop/staging&to=grace@example.com"),
                page("grants-empty", "/grants?node=billing"),
            ],
            "/access" => vec![page("matrix", route), page("matrix-node", "/access?on=shop/production")],
            "/access/why" => vec![
                page("why", "/access/why?role=developer&action=secret.reveal&on=protected"),
                page("why-person", "/access/why?who=grace@example.com&action=secret.use&on=shop/staging"),
            ],
            "/access/people" => vec![page("matrix-people", "/access/people?project=shop&action=secret.list")],
            "/access/review" => vec![
                page("review", "/access/review?node=shop/staging"),
                page("review-one", "/access/review?node=shop/production&action=secret.reveal"),
            ],
            "/access/unused" => vec![page("unused", route), page("unused-all", "/access/unused?show=all&days=30")],
            "/policies" => vec![page("policies", route)],
            "/new-policy" => {
                vec![page("new-policy", route), page("new-policy-template", "/new-policy?template=working-hours")]
            }
            "/policies/{policy}" => vec![page("policy", "/policies/working-hours")],
            "/policies/{policy}/versions" => vec![page("policy-versions", "/policies/working-hours/versions")],
            "/organization" => vec![page("organization", route)],
            "/organization/quota" => vec![page("quota", route), page("quota-done", "/organization/quota?done=changed")],
            "/organization/keys" => vec![page("keys", route)],
            "/organization/transfer" => vec![page("transfer", "/organization/transfer?to=grace@example.com")],
            "/projects/{project}/environments/{environment}/secrets/{name}/uses" => {
                vec![page("uses", &format!("{staging}/secrets/DATABASE_PASSWORD/uses"))]
            }
            "/projects/{project}/branches" => vec![page("branches", "/projects/shop/branches")],
            other => samples_of_secret(other),
        }
    }

    /// The pages that show what an attacker called things.
    pub(super) fn hostile(&self, _app: &TestApp) -> Value {
        let short: String = ATTACK.chars().take(100).collect();
        let body = json!({ "slug": "evil", "name": short, "description": ATTACK });
        self.owner.post("/projects", body).expect(201);
        let body = json!({ "slug": "dev", "name": short, "description": ATTACK, "any_names": true });
        self.owner.post("/projects/evil/environments", body).expect(201);
        let name: String = ATTACK.replace('=', "");
        let path = format!("{}/secrets/{}", at("evil/dev"), percent(&name));
        let body = json!({ "value": ATTACK, "comment": ATTACK, "interpolate": false, "visibility": "unmasked" });
        self.owner.put(&path, body).expect(201);
        let about: String = ATTACK.chars().take(400).collect();
        self.owner.post("/teams", json!({ "name": "evil", "description": about })).expect(201);
        let role = json!({ "name": "evil", "description": about, "permissions": ["secret.list"] });
        self.owner.post("/roles", role).expect(201);
        let source = format!("forbid (principal, action == Action::\"quota.manage\", resource); // {ATTACK}");
        let policy = json!({ "source": source, "mode": "observe", "description": about });
        self.owner.put("/policies/evil", policy).expect(201);
        let text = format!("name: evil\nservices: [{{name: web, image: nginx:latest}}]\n# {ATTACK}\n");
        self.owner.put(&format!("{}/blueprint", at("evil/dev")), json!({ "text": text, "comment": about })).expect(201);
        let note: String = ATTACK.chars().take(100).collect();
        link(&self.owner, &note, json!({}));
        let base = "/projects/evil/environments/dev";
        let attack = percent(ATTACK);
        let urls = [
            "/".to_owned(),
            "/projects/evil".to_owned(),
            base.to_owned(),
            format!("{base}?q={attack}&show={attack}"),
            format!("{base}?deleted={attack}&path={attack}&done={attack}"),
            format!("{base}/blueprint?done={attack}"),
            format!("{base}/blueprint/versions"),
            format!("{base}/secrets/{}", percent(&name)),
            format!("{base}/secrets/{attack}"),
            format!("{base}/new-secret?path={attack}"),
            format!("/search?q={attack}"),
            "/teams".to_owned(),
            "/teams/evil".to_owned(),
            "/roles/evil".to_owned(),
            "/policies".to_owned(),
            "/policies/evil".to_owned(),
            "/policies/evil/versions".to_owned(),
            format!("/grants?node={attack}&to={attack}"),
            format!("/grants?to={attack}"),
            format!("/access?on={attack}"),
            format!("/access/why?who={attack}&action=secret.use&on={attack}"),
            format!("/access/people?project={attack}"),
            format!("/access/review?node={attack}&action={attack}"),
            format!("/access/unused?who={attack}"),
            format!("/new-policy?template={attack}"),
            format!("/organization/transfer?to={attack}"),
            format!("{base}/secrets/{}/uses", percent(&name)),
            format!("/projects/{attack}"),
            "/links".to_owned(),
            "/projects/evil/settings".to_owned(),
            format!("{base}/secrets/{}/link", percent(&name)),
            format!("{base}/secrets/{}/reads", percent(&name)),
            format!("{base}/services?done={attack}"),
            format!("{base}/services/{attack}/logs?previous={attack}"),
            format!("{base}/services/events"),
            format!("{base}/duplicate"),
            format!("{base}/move"),
            format!("{base}/folders?delete={attack}"),
            format!("{base}/deleted?path={attack}&which={attack}"),
            format!("/expiring?days=3650&project={attack}&environment={attack}"),
            format!("/stale?days={attack}"),
            format!("/instance/users/{attack}"),
            format!("/instance/users?search={attack}"),
            format!("/nothing/{attack}"),
        ];
        json!(urls.as_slice())
    }
}

/// The demo shop's blueprint, in two versions, the newer with something to find.
fn blueprints(owner: &Client) {
    let path = format!("{}/blueprint", at("shop/staging"));
    let text = include_str!("../../../packaging/demo/blueprint.yaml");
    owner.put(&path, json!({ "text": text, "comment": "the shop as it is sold" })).expect(201);
    let newer =
        text.replace("shop-web:1", "shop-web:latest").replace("catalog: {replicas: 3}", "catalog: {replicas: 4}");
    owner.put(&path, json!({ "text": newer, "comment": "the newest front" })).expect(200);
}

/// Every byte that is no letter and no digit, escaped.
fn percent(text: &str) -> String {
    let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

/// Somebody with a role on the organization.
fn member(app: &TestApp, owner: &Client, email: &str, role: &str) -> Client {
    let body = json!({ "email": email, "password": PASSWORD, "role": role });
    owner.post("/members", body).expect(201);
    let session = app.nobody().post("/sessions", json!({ "email": email, "password": PASSWORD })).expect(201);
    app.client(session["token"].as_str().expect("a token"))
}

/// A one-time link of bytes that nobody can open.
fn link(owner: &Client, note: &str, more: Value) -> String {
    let sealed = data_encoding::BASE64.encode(&[1; 64]);
    let mut body = json!({ "ciphertext": sealed, "proof": data_encoding::BASE64.encode(&[2; 32]), "note": note });
    body.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    owner.post("/links", body).expect(201)["id"].as_str().expect("an id").to_owned()
}

/// Services as they were seen last.
const SEEN: &[(&str, &str, &str)] = &[
    ("web", "ready", ""),
    ("api", "waiting", "waits for db"),
    (
        "worker",
        "failing",
        "cannot pull registry.example/a/rather/long/path/of/an/image/worker:2026-11-27.1: there is no such image, or no right to have it",
    ),
];
/// What they are to be.
const BLUEPRINT: &str = "name: shop
services:
  - {name: web, image: registry.example/web:1}
  - {name: api, image: registry.example/api:1, volumes: [{name: data, mountPath: /d, type: pvc, size: 1Gi}]}
  - {name: worker, image: registry.example/worker:1}
plans:
  small: {services: {api: {replicas: 1}}}
ttl: 7d
";

/// What may run: of one thing less than does, of another more, and what it costs.
fn quotas(owner: &Client) {
    let each = json!({ "cpu": "4", "memory": "4Gi", "hosts": "2" });
    let quota = json!({ "cpu": "2500m", "memory": "64Gi", "storage": "100Gi", "environments": "20", "each": each });
    owner.put("/quota", quota).expect(200);
    let own = json!({ "cpu": "3", "memory": "none" });
    owner.put(&format!("{}/quota", at("shop/feat-checkout")), own).expect(200);
    let prices = json!({
        "currency": "EUR", "cpu_core_hour": "0.03", "memory_gib_hour": "0.004", "storage_gib_month": "0.1",
    });
    owner.put("/prices", json!({ "prices": prices })).expect(200);
}

/// What runs, as a look at a cluster that has just gone away left it.
fn running(app: &TestApp, owner: &Client) {
    for place in ["shop/pr-212", "shop/feat-checkout"] {
        crate::runtime::store_blueprint(owner, place, BLUEPRINT);
        let deploy = json!({ "cluster": "frankfurt", "plan": "small", "on_failure": "rollback" });
        owner.post(&format!("{}/runtime/deploy", at(place)), deploy).expect(202);
    }
    let scale = json!({ "service": "api", "replicas": 3 });
    owner.post(&format!("{}/runtime/scale", at("shop/feat-checkout")), scale).expect(202);
    crate::runtime::seen(app, "degraded", SEEN);
    owner.post(&format!("{}/runtime/stop", at("shop/pr-212")), json!({})).expect(202);
}

/// Links, what ends, and what was deleted.
fn cared(owner: &Client) {
    link(
        owner,
        "shop/staging STRIPE_SECRET_KEY, for the supplier whose name goes on for longer than a line",
        json!({}),
    );
    link(owner, "", json!({ "views": 3, "passphrase": true, "expires_in": "7d" }));
    let back = link(owner, "sent to the wrong person", json!({}));
    owner.delete(&format!("/links/{back}")).expect(200);
    let expires_at = SystemClock.now().plus(Duration::from_hours(20 * 24));
    for name in ["SMTP_PASSWORD", "A_NAME_OF_SIXTY_CHARACTERS_IS_STILL_A_NAME_THAT_FITS_ITS_ROW"] {
        let path = format!("{}/secrets/{name}/expiry", at("shop/staging"));
        owner.put(&path, json!({ "expires_at": expires_at })).expect(200);
    }
    owner.create_project("legacy");
    owner.create_environment("legacy", "production", None);
    owner.delete("/projects/legacy").expect(200);
    owner.create_environment("shop", "pr-199", Some("staging"));
    owner.delete("/projects/shop/environments/pr-199").expect(200);
}

/// Teams in teams, a role of one's own, and what they were given.
fn governance(owner: &Client) {
    let about = "Everybody who builds the storefront, with a description that goes on for longer than a line has room";
    owner.post("/teams", json!({ "name": "engineering" })).expect(201);
    owner.post("/teams", json!({ "name": "web", "description": about })).expect(201);
    owner.post("/teams/engineering/members", json!({ "team": "web" })).expect(200);
    owner.post("/members", json!({ "email": "lin@example.com", "name": "Lin" })).expect(201);
    owner.post("/teams/web/members", json!({ "user": "lin@example.com" })).expect(200);
    let permissions = json!(["project.read", "environment.read", "secret.list", "deploy.production"]);
    let role = json!({ "name": "release-manager", "description": "Ships on Tuesdays", "permissions": permissions });
    owner.post("/roles", role).expect(201);
    let given = json!({ "team": "web", "role": "developer", "project": "shop", "environment": "staging" });
    owner.post("/grants", given).expect(201);
    owner.post("/grants", json!({ "team": "engineering", "role": "release-manager", "project": "shop" })).expect(201);
    let templates = owner.get("/policy/templates").expect(200);
    let start = templates["items"].as_array().expect("a list").iter().find(|t| t["name"] == "working-hours");
    let start = start.expect("a template");
    let put = |name: &str, mode: &str, about: &str| {
        let body = json!({
            "source": start["source"], "tests": start["tests"], "mode": mode, "description": about,
        });
        let answer = owner.put(&format!("/policies/{name}"), body);
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    };
    put("working-hours", "observe", "Looks on first");
    put("working-hours", "enforce", "No value of production is shown outside working hours");
    put("night", "observe", "");
}

fn environments(owner: &Client) {
    let make = |slug: &str, parent: Option<&str>, tier: &str| {
        let body = json!({ "slug": slug, "parent": parent, "tier": tier });
        owner.post("/projects/shop/environments", body).expect(201);
    };
    make("staging", None, "staging");
    make("feat-checkout", Some("staging"), "preview");
    make("pr-212", Some("staging"), "preview");
    make("a-rather-long-name-of-a-branch-x", Some("feat-checkout"), "preview");
    make("qa", Some("staging"), "qa");
    make("uat", None, "uat");
    make("production", None, "production");
}

fn secrets(owner: &Client) {
    let put = |place: &str, name: &str, mut body: Value| {
        if body.get("value").is_none() {
            body["value"] = json!(format!("value-of-{name}"));
        }
        let response = owner.put(&format!("{}/secrets/{name}", at(place)), body);
        assert!(matches!(response.status, 200 | 201), "{}", response.text());
    };
    let staging = "shop/staging";
    let url = "postgres://shop:${DATABASE_PASSWORD}@db.staging.example/shop";
    put(staging, "DATABASE_PASSWORD", json!({}));
    put(
        staging,
        "DATABASE_URL",
        json!({ "value": url, "comment": "Primary; the replica has its own", "tags": ["db"] }),
    );
    put(staging, "DATABASE_URL", json!({ "value": format!("{url}?sslmode=require"), "comment": "TLS from now on" }));
    put(staging, "STRIPE_SECRET_KEY", json!({ "tags": ["payments", "pci"] }));
    put(staging, "STRIPE_WEBHOOK_SECRET", json!({ "tags": ["payments"] }));
    put(staging, "SENTRY_DSN", json!({ "visibility": "unmasked" }));
    put(staging, "FEATURE_FLAGS_URL", json!({ "comment": "The flag service of everybody" }));
    put(staging, "SMTP_PASSWORD", json!({}));
    put(staging, "REDIS_URL", json!({ "value": "redis://cache.staging.example:6379/0" }));
    put(staging, "SIGNING_KEY", json!({ "visibility": "restricted" }));
    put(staging, "A_NAME_OF_SIXTY_CHARACTERS_IS_STILL_A_NAME_THAT_FITS_ITS_ROW", json!({}));
    put(staging, "GREETING", json!({ "value": "مرحبا بالعالم" }));
    put(staging, "OLD", json!({}));
    put(staging, "TOKEN?path=/api/v2", json!({ "comment": "For the second version of the API" }));
    owner.delete(&format!("{}/secrets/OLD", at(staging))).expect(200);
    put("shop/feat-checkout", "STRIPE_SECRET_KEY", json!({ "comment": "The test account of the branch" }));
    put("shop/feat-checkout", "CHECKOUT_V2", json!({ "value": "true" }));
    owner.put(&format!("{}/secrets/SMTP_PASSWORD", at("shop/feat-checkout")), json!({ "state": "unset" })).expect(201);
    put("shop/production", "DATABASE_URL", json!({}));
    put("shop/production", "SIGNING_KEY", json!({ "visibility": "restricted" }));
    owner.get(&format!("{}/secrets/REDIS_URL?reveal=true", at(staging))).expect(200);
    let lock = json!({ "reason": "Freeze until the audit is done" });
    owner.post(&format!("{}/lock", at("shop/qa")), lock).expect(200);
}

/// The addresses of pages about one secret, oneself and the manual.
fn samples_of_secret(route: &str) -> Vec<Value> {
    let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
    let secrets = "/projects/shop/environments/staging/secrets";
    match route {
        "/projects/{project}/environments/{environment}/secrets/{name}/access" => vec![
            page("secret-access", &format!("{secrets}/DATABASE_URL/access")),
            page("secret-access-folder", &format!("{secrets}/TOKEN/access?path=/api/v2")),
        ],
        "/account" | "/account/sessions" | "/account/tokens" | "/account/notices" | "/device" | "/step-up" => {
            own(route)
        }
        "/help" => vec![page("help", "/help"), page("help-search", "/help?q=reveal")],
        "/help/{page}" => vec![page("help-page", "/help/access"), page("help-code", "/help/cli")],
        other => samples_of_care(other),
    }
}

/// Two clusters, of which one was tested; nothing listens at either.
fn clusters(owner: &Client) {
    for (name, server) in [("frankfurt", "https://127.0.0.1:1"), ("helsinki", "https://127.0.0.1:2")] {
        let body = json!({ "name": name, "server": server, "token": "token-of-the-account", "unasked": true });
        owner.post("/clusters", body).expect(201);
    }
    let image = json!({ "image": "registry.of.the.shop.example.com/platform/holdfast:1.4.2" });
    owner.send("PATCH", "/clusters/frankfurt", Some(&image)).expect(200);
    owner.send("POST", "/clusters/frankfurt/test", None).expect(200);
}

/// The addresses of what is cared for and arranged, and of the instance.
fn samples_of_care(route: &str) -> Vec<Value> {
    let page = |name: &str, url: &str| json!({ "route": route, "name": name, "url": url });
    let staging = "/projects/shop/environments/staging";
    match route {
        "/links" | "/deleted" | "/instance/users" | "/instance/organizations" => {
            vec![page(&route[1..].replace('/', "-"), route)]
        }
        "/instance/users/{user}" => vec![
            page("instance-user", "/instance/users/grace@example.com"),
            page("instance-user-own", "/instance/users/ada@example.com"),
        ],
        "/expiring" => vec![page("expiring", "/expiring"), page("expiring-none", "/expiring?days=7")],
        "/stale" => vec![page("stale", route)],
        "/machines/{machine}/delete" => vec![page("machine-delete", "/machines/ci/delete")],
        "/projects/{project}/settings" => vec![page("project-settings", "/projects/shop/settings")],
        "/projects/{project}/environments/{environment}/deleted" => vec![
            page("deleted-names", &format!("{staging}/deleted?which=all")),
            page("deleted-names-none", "/projects/billing/environments/development/deleted"),
        ],
        "/projects/{project}/environments/{environment}/duplicate" => {
            vec![page("duplicate", &format!("{staging}/duplicate"))]
        }
        "/projects/{project}/environments/{environment}/move" => {
            vec![page("move", "/projects/shop/environments/feat-checkout/move")]
        }
        "/projects/{project}/environments/{environment}/folders" => vec![
            page("folders", &format!("{staging}/folders")),
            page("folders-delete", &format!("{staging}/folders?delete=/api/v2")),
            page("folders-none", "/projects/billing/environments/development/folders"),
        ],
        "/projects/{project}/environments/{environment}/secrets/{name}/link" => vec![
            page("secret-link", &format!("{staging}/secrets/TOKEN/link?path=/api/v2")),
            page("secret-link-restricted", &format!("{staging}/secrets/SIGNING_KEY/link")),
        ],
        "/projects/{project}/environments/{environment}/secrets/{name}/reads" => {
            vec![page("secret-reads", &format!("{staging}/secrets/REDIS_URL/reads"))]
        }
        other => panic!("no sample of the page {other}"),
    }
}
