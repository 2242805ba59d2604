//! What every request shares.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::api::socket::Sockets;
use super::api::stream::Streams;
use super::middleware::limits::Limits;
use crate::auth::AuthError;
use crate::auth::passkey::Passkeys;
use crate::auth::password::Passwords;
use crate::config::{BaseUrl, Settings};
use crate::db::DbError;
use crate::governance::health::Examiner;
use crate::notify::Mailer;
use crate::op::Core;
use crate::orgs::access::Sessions;
use crate::orgs::session::{self, Tickets};
use crate::orgs::setup;
use crate::runtime::controller::Bell;
use crate::telemetry::Metrics;
use crate::types::{Id, kinds};
use crate::vault::uses::Uses;
use crate::vault::variables::Etags;

/// What the server is started with.
#[derive(Clone)]
pub struct ServerParts {
    /// The appliance.
    pub core: Arc<Core>,
    /// Checks bearer tokens.
    pub sessions: Arc<Sessions>,
    /// Computes password hashes, two at a time.
    pub passwords: Arc<Passwords>,
    /// Sends mails, when an SMTP server is configured.
    pub mailer: Arc<Mailer>,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The numbers at `/metrics`.
    pub metrics: Arc<Metrics>,
    /// Looks at the appliance itself.
    pub examiner: Arc<Examiner>,
    /// Tells the controller that something else is to run now.
    pub bell: Bell,
}

/// What every worker sees.
pub(crate) struct State {
    /// What the server was started with.
    pub(crate) parts: ServerParts,
    /// How often an actor may ask.
    pub(crate) limits: Limits,
    /// The URL people and machines reach this server by.
    pub(crate) public_url: BaseUrl,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Whether it has a certificate of its own.
    pub(crate) tls: bool,
    /// What was noted of last uses lately.
    pub(crate) uses: Uses,
    /// Streams that are open.
    pub(crate) streams: Arc<Streams>,
    /// Who is inside what runs.
    pub(crate) sockets: Arc<Sockets>,
    /// Tags of answers.
    pub(crate) etags: Etags,
    /// Sign-ins between their two steps.
    pub(crate) tickets: Tickets,
    /// Passkeys; none where the server's address has no name.
    pub(crate) passkeys: Option<Arc<Passkeys>>,
    /// Tells this process from those before it on the same data.
    pub(crate) process: [u8; 16],
    /// Once true it stays: the first owner is never unmade.
    set_up: AtomicBool,
    stopping: AtomicBool,
}

impl State {
    pub(crate) fn new(parts: ServerParts, public_url: BaseUrl, listen: SocketAddr) -> Self {
        let limits = Limits::new(&parts.settings.rate_limits);
        let tls = parts.settings.tls.is_some();
        let process = *Id::<kinds::Request>::new(parts.core.clock.now()).as_bytes();
        let passkeys = Passkeys::new(public_url.as_str()).map(Arc::new);
        Self {
            parts,
            limits,
            public_url,
            listen,
            tls,
            uses: Uses::default(),
            streams: Arc::default(),
            sockets: Arc::default(),
            etags: Etags::default(),
            tickets: session::tickets(),
            passkeys,
            process,
            set_up: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether the first owner is there; asked of the database only until it is.
    pub(crate) fn is_set_up(&self) -> Result<bool, DbError> {
        if self.set_up.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let now = self.parts.core.db.read(setup::is_set_up)?;
        self.set_up.store(now, Ordering::Relaxed);
        Ok(now)
    }

    /// What asks for passkeys and checks them.
    ///
    /// # Errors
    /// Browsers make none for this server.
    pub(crate) fn passkeys(&self) -> Result<&Arc<Passkeys>, AuthError> {
        self.passkeys.as_ref().ok_or(AuthError::PasskeysUnavailable)
    }

    /// Requests that run are finished, and the load balancer is told to send no more.
    pub(crate) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
