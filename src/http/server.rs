//! Binding, TLS, workers, and the stop.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, fn_service};
use actix_web::{App, HttpServer, web};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::JoinHandle;

use super::middleware::Gate;
use super::routes::Routes;
use super::state::{ServerParts, State};
use super::{api, routes};
use crate::config::{BaseUrl, ConfigError, TlsConfig, read_input_file, read_secret_file};
use crate::types::{Class, Failure};

/// Connections one worker holds at most.
const CONNECTIONS_PER_WORKER: usize = 4_096;
/// How long a client may take for its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: longer than proxies do, so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Largest certificate chain, in bytes.
const CHAIN_MAX: usize = 1024 * 1024;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The certificate or its key is none, or they do not belong together.
    #[error("the TLS certificate or key cannot be used: {0}")]
    Tls(String),
    /// The threads could not be started.
    #[error("the server did not start: {0}")]
    Start(std::io::Error),
}

impl Failure for ServerError {
    fn class(&self) -> Class {
        Class::Internal
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "listen_failed",
            Self::File(_) => "tls_file_unreadable",
            Self::Tls(_) => "tls_unusable",
            Self::Start(_) => "server_failed",
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Bind { .. } => "stop what listens there, or choose another address with --listen".into(),
            Self::File(_) | Self::Tls(_) => {
                "check tls.cert and tls.key: PEM, the server's own certificate first".into()
            }
            Self::Start(_) => "see the log".into(),
        }
    }
}

/// A server that answers.
pub struct Running {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The URL it is reached by.
    pub public_url: BaseUrl,
    state: Arc<State>,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
}

impl Running {
    /// Stops: no new connections, and what runs has the configured seconds (ten at most) to end.
    pub async fn stop(self) {
        self.state.begin_stop();
        for (handle, _) in &self.servers {
            handle.stop(true).await;
        }
        for (_, task) in self.servers {
            if let Err(error) = task.await {
                tracing::error!(%error, "the server ended badly");
            }
        }
    }
}

/// Binds and answers. Must be called inside a tokio runtime.
///
/// # Errors
/// The address is taken, or the certificate cannot be used.
pub fn start(parts: ServerParts) -> Result<Running, ServerError> {
    let settings = Arc::clone(&parts.settings);
    let tls = settings.tls.as_ref().map(tls).transpose()?;
    let (listener, address) = bind(settings.server.listen)?;
    let public_url = settings.server.public_url(address.port(), tls.is_some());
    let state = Arc::new(State::new(parts, public_url.clone(), address));
    let mut addresses = vec![address];
    let mut servers = vec![spawn(main_server(&state, listener, tls)?)];
    if let Some(wanted) = settings.metrics.listen {
        let (listener, address) = bind(wanted)?;
        addresses.push(address);
        servers.push(spawn(metrics_server(&state, listener)?));
    }
    Ok(Running { addresses, public_url, state, servers })
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let refused = |source| ServerError::Bind { address, source };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

fn spawn(server: Server) -> (ServerHandle, JoinHandle<std::io::Result<()>>) {
    (server.handle(), tokio::spawn(server))
}

fn main_server(
    state: &Arc<State>,
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
) -> Result<Server, ServerError> {
    let settings = Arc::clone(&state.parts.settings);
    let shared = Arc::clone(state);
    let own_metrics = settings.metrics.listen.is_none();
    let table = Routes::of(|table| {
        routes(table);
        if own_metrics {
            api::health::metrics_route(table);
        }
    });
    let server = HttpServer::new(move || {
        let table = Arc::clone(&table);
        let app = App::new().app_data(web::Data::from(Arc::clone(&shared))).wrap(Gate(Arc::clone(&shared)));
        app.default_service(fn_service(move |req| table.answer(req)))
    });
    let mut server = server
        .disable_signals()
        .shutdown_timeout(settings.server.graceful_stop.as_secs())
        .max_connections(CONNECTIONS_PER_WORKER)
        .client_request_timeout(HEADERS_TIMEOUT)
        .keep_alive(KEEP_ALIVE);
    if let Some(workers) = settings.server.workers {
        server = server.workers(workers.get());
    }
    let listening = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls),
        None => server.listen(listener),
    };
    Ok(listening.map_err(ServerError::Start)?.run())
}

fn metrics_server(state: &Arc<State>, listener: TcpListener) -> Result<Server, ServerError> {
    let shared = Arc::clone(state);
    let table = Routes::of(api::health::metrics_route);
    let server = HttpServer::new(move || {
        let table = Arc::clone(&table);
        let app = App::new().app_data(web::Data::from(Arc::clone(&shared))).wrap(Gate(Arc::clone(&shared)));
        app.default_service(fn_service(move |req| table.answer(req)))
    });
    let server = server.disable_signals().workers(1).shutdown_timeout(1).client_request_timeout(HEADERS_TIMEOUT);
    Ok(server.listen(listener).map_err(ServerError::Start)?.run())
}

/// TLS 1.2 and 1.3 by rustls with ring.
fn tls(config: &TlsConfig) -> Result<rustls::ServerConfig, ServerError> {
    let unusable = |error: &dyn std::fmt::Display| ServerError::Tls(error.to_string());
    let chain = read_input_file(&config.cert, CHAIN_MAX)?;
    let chain = CertificateDer::pem_slice_iter(chain.expose()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| unusable(&e))?;
    let key = read_secret_file(&config.key)?;
    let key = PrivateKeyDer::from_pem_slice(key.expose()).map_err(|e| unusable(&e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(&e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| unusable(&e))
}
