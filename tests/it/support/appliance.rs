//! The appliance inside the test's own process: for what needs its clock, or a moment no client can hit from outside.

use super::api::Api;
use holdfast::app::{self, Opened};
use holdfast::auth::password::Passwords;
use holdfast::config::{Env, Overrides, Settings};
use holdfast::http::{Running, ServerParts};
use holdfast::op::{Op, Origin, Who};
use holdfast::orgs::{access::Sessions, setup};
use holdfast::telemetry::Metrics;
use holdfast::types::{Clock, Id, ManualClock, SecretString, Timestamp};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

/// When these appliances begin, unless a test says otherwise.
pub(crate) const BEGIN: &str = "2026-03-01T12:00:00Z";

/// A served appliance whose clock stands still until the test moves it.
pub(crate) struct Appliance {
    pub(crate) clock: Arc<ManualClock>,
    opened: Arc<Opened>,
    sessions: Arc<Sessions>,
    runtime: tokio::runtime::Runtime,
    running: Option<Running>,
    base: String,
    _owned: Option<tempfile::TempDir>,
}

impl Appliance {
    /// One on a fresh data directory, at [`BEGIN`], with its owner.
    pub(crate) fn start() -> (Self, Api) {
        let owned = tempfile::tempdir().expect("a temporary directory");
        let at = Timestamp::parse(BEGIN).expect("a moment");
        let mut appliance = Self::open(&owned.path().join("data"), at);
        appliance._owned = Some(owned);
        let owner = appliance.set_up();
        (appliance, owner)
    }

    /// One on this data, at this moment.
    pub(crate) fn open(data: &Path, at: Timestamp) -> Self {
        let variables = [
            ("HOLDFAST_DATA_DIR", data.display().to_string()),
            ("HOLDFAST_SERVER_LISTEN", "127.0.0.1:0".to_owned()),
            ("HOLDFAST_SERVER_WORKERS", "1".to_owned()),
            ("HOLDFAST_RATE_LIMITS_ENABLED", "false".to_owned()),
        ];
        let env = Env::from_variables(data, variables);
        let settings = Settings::load(&env, None, Overrides::default()).expect("settings that are right").settings;
        let settings = Arc::new(settings);
        let clock = Arc::new(ManualClock::at(at));
        let opened = app::open(Arc::clone(&settings), Arc::clone(&clock) as Arc<dyn Clock>).expect("it opens");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads");
        let sessions = Arc::new(Sessions::default());
        let parts = ServerParts {
            core: Arc::clone(&opened.core),
            sessions: Arc::clone(&sessions),
            passwords: Arc::new(Passwords::new().expect("randomness")),
            settings,
            metrics: Arc::new(Metrics::new()),
        };
        let running = runtime.block_on(async { holdfast::http::start(parts) }).expect("a free port");
        let base = format!("http://{}", running.addresses[0]);
        Self { clock, opened: Arc::new(opened), sessions, runtime, running: Some(running), base, _owned: None }
    }

    fn set_up(&self) -> Api {
        let token = self.runtime.block_on(setup::token_create(&self.op(Who::System))).expect("it has no owner yet");
        let body = json!({
            "setup_token": token.expose(),
            "organization": "acme",
            "email": "ada@example.com",
            "password": "four words of a test",
        });
        let answer = super::http::request(&self.base, "POST", "/api/v1/setup", None, Some(&body)).expect(201);
        self.api(answer["token"].as_str().expect("shown once"))
    }

    /// Somebody with this token.
    pub(crate) fn api(&self, token: &str) -> Api {
        Api::new(&self.base, token)
    }

    /// A context of somebody's next request, as the door makes it: the token is checked now.
    pub(crate) fn op_of(&self, api: &Api) -> Op {
        let token = SecretString::new(api.token().to_owned());
        let core = &self.opened.core;
        let session = self.sessions.check(&core.db, &core.keyring, &token, None, self.clock.now());
        self.op(Who::Known(session.expect("the token stands").identity))
    }

    fn op(&self, who: Who) -> Op {
        let core = Arc::clone(&self.opened.core);
        Op::new(core, who, Origin::default(), Id::new(self.clock.now()))
    }

    /// Keeps the writer busy until what is returned is dropped: what is queued meanwhile runs in one batch.
    pub(crate) fn hold_writer(&self) -> mpsc::Sender<()> {
        let (entered, is_held) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let db = self.opened.core.db.clone();
        self.runtime.spawn(async move {
            db.write(move |_| {
                entered.send(()).expect("the test waits");
                // The sender is dropped: an error, and the end of the wait.
                let _ = released.recv();
                Ok::<_, holdfast::db::DbError>(())
            })
            .await
        });
        is_held.recv().expect("the writer runs");
        release
    }

    /// Runs the future on this thread, polled in its written order.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
        self.opened.core.db.close();
    }
}
