//! WebSockets (RFC 6455): what is asked to become one, how many there may be, and the way from a request to messages.
//!
//! Only with a bearer token: a page of somebody else could ask a browser to open one with its cookie, and no header of
//! ours would go with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse, rt};
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, Join};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::auth::{Credential, CredentialKind};
use crate::http::error::Problem;
use crate::runtime::inside::PAYLOAD_MAX;
use crate::types::{Id, kinds};

/// Sockets of one organization: a browser that is led to a page through a forwarded port opens half a dozen.
const SOCKETS_PER_ORGANIZATION: u32 = 48;
/// Sockets of everybody.
const SOCKETS_MAX: u32 = 192;
/// What waits between the connection and the messages, in bytes, each way.
const BUFFER: usize = 64 << 10;
/// Bytes that are read or written at once.
const PIECE: usize = 16 << 10;

/// A connection as messages.
pub(crate) type Socket = WebSocketStream<Join<DuplexStream, DuplexStream>>;

/// Sockets that are open, by organization.
#[derive(Default)]
pub(crate) struct Sockets(Mutex<HashMap<Id<kinds::Organization>, u32>>);

/// One open socket; gone when this is dropped.
pub(crate) struct Seat {
    sockets: Arc<Sockets>,
    organization: Id<kinds::Organization>,
}

impl Sockets {
    /// A place for one more socket.
    pub(crate) fn enter(self: &Arc<Self>, organization: Id<kinds::Organization>) -> Result<Seat, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let own = open.get(&organization).copied().unwrap_or(0);
        if own >= SOCKETS_PER_ORGANIZATION || all >= SOCKETS_MAX {
            let detail = format!(
                "there are {SOCKETS_PER_ORGANIZATION} commands and forwarded connections at once for each organization, \
                 and {SOCKETS_MAX} in all"
            );
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_sockets", detail);
            return Err(problem.hint("end one of them").retry_after(5));
        }
        open.insert(organization, own + 1);
        Ok(Seat { sockets: Arc::clone(self), organization })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.sockets.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.organization) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.organization);
            }
        }
    }
}

/// A request that asks for a socket.
#[derive(Debug)]
pub(crate) struct Asked {
    accept: String,
    protocol: &'static str,
}

/// Refuses cookies.
///
/// # Errors
/// A browser's session asks.
pub(crate) fn token_only(credential: &Credential) -> Result<(), Problem> {
    if credential.kind != CredentialKind::Session {
        return Ok(());
    }
    let detail = "this takes a bearer token, and no session of a browser";
    Err(Problem::new(StatusCode::FORBIDDEN, "token_required", detail).hint("ask with the command line: holdfast env"))
}

/// What a request asks for; none when it asks for no socket.
///
/// # Errors
/// It asks for one in a way that is none of ours.
pub(crate) fn asked(req: &HttpRequest, protocol: &'static str) -> Result<Option<Asked>, Problem> {
    let headers = req.headers();
    let is_asked = has(headers, &header::UPGRADE, |w| w.eq_ignore_ascii_case("websocket"))
        && has(headers, &header::CONNECTION, |w| w.eq_ignore_ascii_case("upgrade"));
    if !is_asked {
        return Ok(None);
    }
    let wrong = |code, detail: &str| Err(Problem::invalid(code, detail));
    if !has(headers, &header::SEC_WEBSOCKET_VERSION, |w| w == "13") {
        return wrong("websocket_invalid", "the version of WebSocket is 13");
    }
    if !has(headers, &header::SEC_WEBSOCKET_PROTOCOL, |w| w == protocol) {
        let detail = format!("the subprotocol here is {protocol}: name it in Sec-WebSocket-Protocol");
        return wrong("websocket_protocol", &detail);
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY);
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.as_bytes(),
        _ => &[],
    };
    if data_encoding::BASE64.decode(key).ok().is_none_or(|nonce| nonce.len() != 16) {
        return wrong("websocket_invalid", "Sec-WebSocket-Key is 16 bytes in base64");
    }
    Ok(Some(Asked { accept: derive_accept_key(key), protocol }))
}

/// Whether one of the words of a header, which may stand several times, is as wanted.
fn has(headers: &HeaderMap, name: &HeaderName, is_wanted: impl Fn(&str) -> bool) -> bool {
    let texts = headers.get_all(name).filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|word| is_wanted(word.trim()))
}

/// For who asks without asking for a socket.
pub(crate) fn required(command: &str) -> Problem {
    let detail = "this goes both ways: ask for it with `Upgrade: websocket`";
    Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
        .hint(format!("or use the command: {command}"))
}

/// Becomes the socket that was asked for: the answer to send, and the messages after it.
pub(crate) async fn open(asked: Asked, mut payload: Payload) -> (HttpResponse, Socket) {
    // Two pipes and not one: that nobody takes what is sent is seen also while what came waits.
    let (mut incoming, heard) = tokio::io::duplex(BUFFER);
    let (told, outgoing) = tokio::io::duplex(BUFFER);
    rt::spawn(async move {
        while let Some(Ok(piece)) = payload.next().await {
            if incoming.write_all(&piece).await.is_err() {
                break;
            }
        }
        // Whoever reads the messages sees that there are no more.
        drop(incoming.shutdown().await);
    });
    let body = stream::unfold(outgoing, |mut outgoing| async move {
        let mut piece = vec![0; PIECE];
        match outgoing.read(&mut piece).await {
            Ok(0) | Err(_) => None,
            Ok(length) => {
                piece.truncate(length);
                Some((Ok::<_, Problem>(Bytes::from(piece)), outgoing))
            }
        }
    });
    let answer = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS)
        .upgrade("websocket")
        .insert_header((header::SEC_WEBSOCKET_ACCEPT, asked.accept))
        .insert_header((header::SEC_WEBSOCKET_PROTOCOL, asked.protocol))
        .streaming(body);
    let config = WebSocketConfig::default()
        .read_buffer_size(PIECE)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * (PAYLOAD_MAX + 1))
        .max_message_size(Some(PAYLOAD_MAX + 1))
        .max_frame_size(Some(PAYLOAD_MAX + 1));
    (answer, WebSocketStream::from_raw_socket(tokio::io::join(heard, told), Role::Server, Some(config)).await)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::{App, HttpServer, web};
    use futures_util::SinkExt as _;
    use tokio_tungstenite::client_async;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    use tokio_tungstenite::tungstenite::{Error, Message};

    use super::*;
    use crate::types::Timestamp;

    const PROTOCOL: &str = "holdfast.test.v1";

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let request = headers.iter().fold(TestRequest::get(), |request, header| request.append_header(*header));
        request.to_http_request()
    }

    #[test]
    fn what_asks_for_no_socket_gets_none() {
        let full = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "other, holdfast.test.v1"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let accept = asked(&request(&full), PROTOCOL).unwrap().unwrap().accept;
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "the sample of the RFC");
        assert!(asked(&request(&full[1..]), PROTOCOL).unwrap().is_none());
        assert!(asked(&request(&[]), PROTOCOL).unwrap().is_none());
        for (field, wrong, code) in [
            ("sec-websocket-version", "8", "websocket_invalid"),
            ("sec-websocket-protocol", "other", "websocket_protocol"),
            ("sec-websocket-key", "dGhl", "websocket_invalid"),
            ("sec-websocket-key", "not base64", "websocket_invalid"),
        ] {
            let headers = full.map(|(name, value)| (name, if name == field { wrong } else { value }));
            assert_eq!(asked(&request(&headers), PROTOCOL).unwrap_err().code(), code, "{field}: {wrong}");
        }
    }

    #[test]
    fn an_organization_has_some_sockets_and_gets_them_back() {
        let organization = |n| Id::<kinds::Organization>::new(Timestamp::from_micros(n));
        let (sockets, one) = (Arc::new(Sockets::default()), organization(1));
        let open: Vec<_> = (0..SOCKETS_PER_ORGANIZATION).map(|_| sockets.enter(one).ok().unwrap()).collect();
        assert_eq!(sockets.enter(one).err().unwrap().code(), "too_many_sockets");
        drop(sockets.enter(organization(2)).ok().unwrap());
        drop(open);
        assert!(sockets.0.lock().unwrap().is_empty());
        let open: Vec<_> = (0..SOCKETS_MAX).map(|n| sockets.enter(organization(i64::from(n))).ok().unwrap()).collect();
        assert_eq!(sockets.enter(one).err().unwrap().code(), "too_many_sockets");
        drop(open);
    }

    async fn echo(req: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
        let asked = asked(&req, PROTOCOL)?.ok_or_else(|| required("x"))?;
        let (answer, mut socket) = open(asked, payload).await;
        rt::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if message.is_binary() && socket.send(message).await.is_err() {
                    break;
                }
            }
        });
        Ok(answer)
    }

    #[test]
    fn messages_go_to_and_fro_within_their_size() {
        rt::System::new().block_on(async {
            let server = HttpServer::new(|| App::new().route("/", web::get().to(echo))).workers(1);
            let server = server.bind(("127.0.0.1", 0)).unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            let handle = server.handle();
            rt::spawn(server);
            let connect = async || {
                let mut request = format!("ws://{address}/").into_client_request().unwrap();
                request.headers_mut().insert("sec-websocket-protocol", PROTOCOL.parse().unwrap());
                let stream = tokio::net::TcpStream::connect(address).await.unwrap();
                client_async(request, stream).await.unwrap().0
            };
            let mut socket = connect().await;
            for size in [0, 1, 125, 126, 4_000, PAYLOAD_MAX + 1] {
                let sent = Message::binary(vec![7; size]);
                socket.send(sent.clone()).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), sent, "{size} bytes");
            }
            socket.close(None).await.unwrap();
            while let Some(Ok(_)) = socket.next().await {}
            let mut socket = connect().await;
            socket.send(Message::binary(vec![7; PAYLOAD_MAX + 2])).await.unwrap();
            let over = loop {
                match socket.next().await {
                    Some(Ok(_)) => {}
                    other => break other,
                }
            };
            assert!(matches!(over, None | Some(Err(Error::Protocol(_) | Error::Io(_)))), "{over:?}");
            handle.stop(false).await;
        });
    }
}
