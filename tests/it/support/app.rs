//! An appliance in this process, answering real HTTP on a port of its own, with verbs for what tests do most.

use std::sync::Arc;

use holdfast::app::doctor::Doctor;
use holdfast::auth::password::Passwords;
use holdfast::config::{Env, Overrides, Settings};
use holdfast::db::Db;
use holdfast::governance::OwnPolicies;
use holdfast::governance::health::Examiner;
use holdfast::http::{Running, ServerParts};
use holdfast::keys::{Keyring, RootKey, Suite};
use holdfast::ledger::{self, ActionName, Registry};
use holdfast::links;
use holdfast::notify::Mailer;
use holdfast::op::{Core, Op, Origin, Remembered, Who};
use holdfast::orgs::access::{Sessions, TreePrincipals};
use holdfast::orgs::{ACTIONS, OrgError, setup};
use holdfast::policy::{Action, DecisionCache, Engine, InstancePermission};
use holdfast::runtime::controller::{self, Bell};
use holdfast::runtime::lifecycle;
use holdfast::telemetry::Metrics;
use holdfast::types::{Id, ManualClock, Timestamp};
use holdfast::vault;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::http::{self, Response};

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
/// The password of everybody who has one.
pub(crate) const PASSWORD: &str = "a few unrelated words";

/// A running appliance. Dropping it stops it.
pub(crate) struct TestApp {
    /// `http://127.0.0.1:port`.
    pub(crate) base: String,
    /// Its clock, which stands still.
    pub(crate) clock: Arc<ManualClock>,
    /// The appliance itself, for what no door does.
    pub(crate) core: Arc<Core>,
    token: String,
    runtime: Runtime,
    running: Option<Running>,
    _dir: TempDir,
}

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    /// The token; empty for nobody.
    pub(crate) token: String,
}

impl Client {
    /// Any request to a path below `/api/v1`.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let token = (!self.token.is_empty()).then_some(self.token.as_str());
        http::request(&self.base, method, &format!("/api/v1{path}"), token, body)
    }

    /// Any request with headers of its own.
    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("content-type", "application/json"), ("authorization", bearer.as_str())];
        all.extend(headers);
        let bytes = body.map(Value::to_string).unwrap_or_default();
        http::send(&self.base, method, &format!("/api/v1{path}"), &all, bytes.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Response {
        self.send("POST", path, Some(&body))
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Response {
        self.send("PUT", path, Some(&body))
    }

    pub(crate) fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, None)
    }

    /// Makes a project.
    pub(crate) fn create_project(&self, slug: &str) -> Value {
        self.post("/projects", json!({ "slug": slug })).expect(201)
    }

    /// Makes an environment of a project, beneath a parent or as a root.
    pub(crate) fn create_environment(&self, project: &str, slug: &str, parent: Option<&str>) -> Value {
        let body = json!({ "slug": slug, "parent": parent });
        self.post(&format!("/projects/{project}/environments"), body).expect(201)
    }

    /// Writes a value at `project/environment`.
    pub(crate) fn set_secret(&self, place: &str, name: &str, value: &str) -> Value {
        let response = self.put(&format!("{}/secrets/{name}", at(place)), json!({ "value": value }));
        assert!(matches!(response.status, 200 | 201), "{}", response.text());
        response.json()
    }

    /// The resolved variables of `project/environment`.
    pub(crate) fn variables(&self, place: &str) -> Value {
        self.get(&format!("{}/variables", at(place))).expect(200)["variables"].clone()
    }
}

/// The path of `project/environment`.
pub(crate) fn at(place: &str) -> String {
    let (project, environment) = place.split_once('/').expect("project/environment");
    format!("/projects/{project}/environments/{environment}")
}

impl TestApp {
    /// An appliance with the organization `acme` and its owner.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same, with settings as their variables; rate limits are off unless told.
    pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
        let mut app = Self::bare(variables);
        let body = json!({
            "setup_token": app.setup_token(), "organization": "acme",
            "email": "ada@example.com", "password": PASSWORD,
        });
        let done = app.nobody().post("/setup", body).expect(201);
        done["token"].as_str().expect("a token").clone_into(&mut app.token);
        app
    }

    /// An appliance without an owner.
    pub(crate) fn bare(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let runtime = Runtime::new().expect("a runtime");
        let clock = Arc::new(ManualClock::at(START));
        let core = Arc::new(compose(&dir, Arc::clone(&clock)));
        let mut all = vec![
            ("HOLDFAST_SERVER_WORKERS", "1"),
            ("HOLDFAST_SERVER_GRACEFUL_STOP_SECONDS", "1"),
            ("HOLDFAST_RATE_LIMITS_ENABLED", "false"),
        ];
        all.extend(variables);
        let env = Env::from_variables(dir.path(), all);
        let data = dir.path().join("data");
        let overrides = Overrides { listen: Some("127.0.0.1:0".into()), data_dir: Some(data), ..Overrides::default() };
        let settings = Settings::load(&env, None, overrides).expect("settings").settings;
        let settings = Arc::new(settings);
        let mailer = Arc::new(Mailer::new(settings.mail.as_ref()).expect("a mail configuration"));
        let parts = ServerParts {
            core: Arc::clone(&core),
            sessions: Arc::new(Sessions::with_idle(settings.sessions.idle)),
            passwords: Arc::new(Passwords::new().expect("randomness")),
            mailer: Arc::clone(&mailer),
            settings: Arc::clone(&settings),
            examiner: Arc::new(Examiner::new(Doctor::new(settings, Arc::clone(&core.clock)))),
            metrics: Arc::new(Metrics::new()),
            bell: Bell::default(),
        };
        runtime.spawn(mailer.run());
        let running = runtime.block_on(async { holdfast::http::start(parts) }).expect("a server");
        let base = format!("http://{}", running.addresses[0]);
        Self { base, clock, core, token: String::new(), runtime, running: Some(running), _dir: dir }
    }

    /// The appliance itself, as its jobs act.
    pub(crate) fn system(&self) -> Op {
        Op::new(Arc::clone(&self.core), Who::System, Origin::default(), Id::new(START))
    }

    /// A new setup token.
    pub(crate) fn setup_token(&self) -> String {
        let token = self.runtime.block_on(setup::token_create(&self.system())).expect("a setup token");
        token.expose().clone()
    }

    /// The owner of `acme`, an instance operator.
    pub(crate) fn owner(&self) -> Client {
        self.client(&self.token)
    }

    /// Whoever has no token.
    pub(crate) fn nobody(&self) -> Client {
        self.client("")
    }

    /// Whoever has this token.
    pub(crate) fn client(&self, token: &str) -> Client {
        Client { base: self.base.clone(), token: token.to_owned() }
    }

    /// A machine with a role on a node (`""`, `shop` or `shop/dev`).
    pub(crate) fn service_account(&self, name: &str, role: &str, node: &str) -> Client {
        let mut parts = node.split('/').filter(|p| !p.is_empty());
        let (project, environment) = (parts.next(), parts.next());
        let body = json!({
            "name": name, "project": project, "environment": environment, "grants": [{ "role": role }],
        });
        self.owner().post("/service-accounts", body).expect(201);
        let key = self.owner().send("POST", &format!("/service-accounts/{name}/keys"), None).expect(201);
        self.client(key["token"].as_str().expect("a token"))
    }

    /// The owner of another organization, `umbrella`.
    pub(crate) fn second_organization(&self) -> Client {
        let made = self.owner().post("/organizations", json!({ "slug": "umbrella" })).expect(201);
        self.client(made["token"].as_str().expect("a token"))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

fn compose(dir: &TempDir, clock: Arc<ManualClock>) -> Core {
    let db = Db::open(&dir.path().join("holdfast.db")).expect("a database");
    let instance = Id::new(START);
    let keyring = db.write_blocking(move |tx| {
        setup::instance_create(tx, instance, START)?;
        let root = RootKey::generate()?;
        Ok::<_, OrgError>(Keyring::create(tx, root, instance, Suite::XChaCha20Poly1305, START)?)
    });
    ledger::start(&db, registry(), instance).expect("a ledger");
    Core {
        db,
        keyring: Arc::new(keyring.expect("keys")),
        policy: Engine::new(),
        decisions: DecisionCache::default(),
        facts: Remembered::of_rights(),
        values: Remembered::of_values(),
        clock,
        principals: Box::new(TreePrincipals),
        policies: Box::new(OwnPolicies::default()),
        restore_window: std::time::Duration::from_hours(30 * 24),
        decided: holdfast::op::Decided::default(),
    }
}

fn registry() -> Registry {
    let asked: Vec<_> = Action::ALL
        .iter()
        .map(|action| action.as_str())
        .chain(InstancePermission::ALL.iter().map(|permission| permission.as_str()))
        .map(ActionName::new)
        .collect();
    let more = [vault::approval::ACTIONS, vault::scan::ACTIONS, controller::ACTIONS, lifecycle::ACTIONS];
    let lists: Vec<_> =
        [asked.as_slice(), links::ACTIONS].into_iter().chain(more).chain(ACTIONS.iter().copied()).collect();
    Registry::freeze(&lists).expect("no name twice")
}
