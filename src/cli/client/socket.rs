//! WebSockets (RFC 6455) to the same server, over the same client: the same TLS, the same credential, the same failures.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Client, Request, header};
use crate::cli::error::{CliError, Exit};
use crate::runtime::inside::{Frame, PAYLOAD_MAX};

/// How long the server may be silent: it asks for a sign of life three times in that.
const SILENCE: Duration = Duration::from_secs(70);
/// How often this side gives a sign of life.
pub const PING_EVERY: Duration = Duration::from_secs(20);
/// When a token is replaced first, and then how often: it works for an hour, and the connection lasts no longer than it.
const RENEW_FIRST: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_mins(20);

/// What a request becomes a socket with.
#[derive(Debug)]
pub(super) struct Upgrade {
    protocol: &'static str,
    key: String,
}

impl Upgrade {
    /// The headers that ask for it.
    pub(super) fn headers(&self, builder: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        builder
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &self.key)
            .header("sec-websocket-protocol", self.protocol)
    }
}

/// A connection as messages.
pub struct Socket {
    /// What is told to the server.
    pub telling: Telling,
    /// What the server tells.
    pub hearing: Hearing,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Stream = WebSocketStream<Box<dyn Duplex>>;

/// The half of a socket that tells.
pub struct Telling(SplitSink<Stream, Message>);

/// The half of a socket that hears.
pub struct Hearing(SplitStream<Stream>);

impl Request {
    /// Asks for a socket of this subprotocol.
    #[must_use]
    fn upgrade(mut self, protocol: &'static str) -> Self {
        self.upgrade = Some(Upgrade { protocol, key: generate_key() });
        self
    }
}

impl Client {
    /// Opens a socket.
    ///
    /// # Errors
    /// As every request; whoever answers speaks no WebSocket, such as a proxy in between.
    pub async fn socket(&self, request: Request, protocol: &'static str) -> Result<Socket, CliError> {
        let request = request.upgrade(protocol);
        let response = self.start(&request).await?;
        let none = || {
            CliError::failed("the server's answer is no WebSocket")
                .hint("a proxy in between has to pass on `Upgrade` and `Connection`")
        };
        let accept = request.upgrade.as_ref().map(|upgrade| derive_accept_key(upgrade.key.as_bytes()));
        if response.status().as_u16() != 101 || header(&response, "sec-websocket-accept") != accept {
            return Err(none());
        }
        let stream = response.upgrade().await.map_err(|_| none())?;
        Ok(Socket::of(stream, Role::Client).await)
    }

    /// Replaces the token for as long as a connection lasts that would end with it. Never ends.
    pub async fn keep_renewed(&self) {
        tokio::time::sleep(RENEW_FIRST).await;
        loop {
            // What cannot be replaced now may be later; at its end, the server says so.
            drop(self.renew().await);
            tokio::time::sleep(RENEW_EVERY).await;
        }
    }
}

impl Socket {
    /// Messages over a connection that has become one.
    pub(in crate::cli) async fn of(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, role: Role) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(PAYLOAD_MAX)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * (PAYLOAD_MAX + 1))
            .max_message_size(Some(PAYLOAD_MAX + 1))
            .max_frame_size(Some(PAYLOAD_MAX + 1));
        let stream: Box<dyn Duplex> = Box::new(stream);
        let (telling, hearing) = WebSocketStream::from_raw_socket(stream, role, Some(config)).await.split();
        Self { telling: Telling(telling), hearing: Hearing(hearing) }
    }
}

impl Telling {
    /// Tells the server something, as fast as it takes it.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn tell(&mut self, frame: &Frame) -> Result<(), CliError> {
        self.0.send(Message::Binary(frame.encode())).await.map_err(|_| broke())
    }

    /// Gives a sign of life, also while what comes is not taken: a reader may stop for a while.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn ping(&mut self) -> Result<(), CliError> {
        self.0.send(Message::Ping(Bytes::new())).await.map_err(|_| broke())
    }

    /// Says that there is nothing more to tell.
    pub async fn close(&mut self) {
        // Whoever is gone needs no farewell.
        drop(tokio::time::timeout(Duration::from_secs(1), self.0.close()).await);
    }
}

impl Hearing {
    /// What the server tells next; none when it has closed.
    ///
    /// # Errors
    /// The connection is gone or silent; what came is none of our messages.
    pub async fn next(&mut self) -> Result<Option<Frame>, CliError> {
        loop {
            let message = match tokio::time::timeout(SILENCE, self.0.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) | Err(_) => return Err(broke()),
            };
            match message {
                Message::Binary(bytes) => return read(bytes).map(Some),
                Message::Close(_) => return Ok(None),
                Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

fn read(bytes: Bytes) -> Result<Frame, CliError> {
    Frame::read(bytes).map_err(|error| CliError::failed(format!("the server's message cannot be read: {error}")))
}

/// The connection broke off.
pub(super) fn broke() -> CliError {
    CliError::new(Exit::Unreachable, "the connection to the server broke off")
}
