//! As much of a Kubernetes as entering a pod takes: its pods, commands in them and connections to their ports. What a real
//! one does is told by `on_cluster`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Where it listens, and what it is known by.
pub(super) struct Kube {
    pub(super) server: String,
    pub(super) authority: String,
}

impl Kube {
    /// One that answers until the tests end.
    pub(super) fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("a key of it");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = format!("https://127.0.0.1:{}", listener.local_addr().expect("an address").port());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                thread::spawn(move || answer(StreamOwned::new(connection, stream)));
            }
        });
        Self { server, authority: certificate }
    }
}

/// The head of a request; none at the end of the connection.
fn head(tls: &mut Tls) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        tls.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn answer(mut tls: Tls) {
    while let Some(head) = head(&mut tls) {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if let Some(key) = header(&head, "sec-websocket-key") {
            let protocol = if target.contains("/exec?") { "v5.channel.k8s.io" } else { "v4.channel.k8s.io" };
            let accept = derive_accept_key(key.as_bytes());
            let begun = write!(
                tls,
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                 sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {protocol}\r\n\r\n"
            );
            begun.and_then(|()| tls.flush()).expect("the client reads");
            let mut socket = WebSocket::from_raw_socket(tls, Role::Server, None);
            if target.contains("/exec?") {
                command(&mut socket, &target);
            } else {
                port(&mut socket, &target);
            }
            drop(socket.close(None));
            while socket.read().is_ok() {}
            return;
        }
        let (status, body) = if target.contains("/pods?") {
            ("200 OK", pods(target.contains("service%3Dapi")))
        } else {
            ("404 Not Found", json!({ "kind": "Status", "code": 404, "reason": "NotFound", "message": "nothing" }))
        };
        let body = body.to_string();
        let length = body.len();
        let whole =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        if tls.write_all(whole.as_bytes()).and_then(|()| tls.flush()).is_err() {
            return;
        }
    }
}

/// Two pods of `api`, of which one is ready; none of anything else.
fn pods(is_api: bool) -> Value {
    let pod = |name: &str, began: &str, ready: &str| {
        json!({
            "metadata": { "name": name, "creationTimestamp": began },
            "spec": { "containers": [{ "name": "api" }] },
            "status": {
                "containerStatuses": [{ "name": "api", "state": { "running": {} } }],
                "conditions": [{ "type": "Ready", "status": ready }],
            },
        })
    };
    let pods = [pod("api-old", "2026-11-27T08:00:00Z", "False"), pod("api-new", "2026-11-27T08:00:01Z", "True")];
    json!({ "kind": "PodList", "metadata": { "resourceVersion": "1" }, "items": if is_api { &pods[..] } else { &[] } })
}

fn send(socket: &mut WebSocket<Tls>, channel: u8, bytes: &[u8]) {
    let message = [&[channel], bytes].concat();
    // Whoever asked may be gone.
    drop(socket.send(Message::binary(message)));
}

/// Does what the words of a command stand for, and says how it ended.
fn command(socket: &mut WebSocket<Tls>, target: &str) {
    let words: Vec<_> = target.split('&').filter_map(|pair| pair.strip_prefix("command=")).collect();
    let failed = |cause: &str| {
        let causes = json!([{ "reason": "ExitCode", "message": cause }]);
        json!({ "status": "Failure", "reason": "NonZeroExitCode", "details": { "causes": causes } })
    };
    let status = match words.as_slice() {
        ["where"] => {
            send(socket, 1, target.split("/pods/").nth(1).unwrap_or_default().as_bytes());
            json!({ "status": "Success" })
        }
        ["both", ..] => {
            send(socket, 1, b"out\n");
            send(socket, 2, b"bad\n");
            failed("7")
        }
        ["cat"] => {
            while let Ok(message) = socket.read() {
                match &message.into_data()[..] {
                    [0, bytes @ ..] => send(socket, 1, bytes),
                    [255, 0] => break,
                    [4, size @ ..] => send(socket, 1, size),
                    _ => {}
                }
            }
            json!({ "status": "Success" })
        }
        ["sleep"] => {
            while socket.read().is_ok() {}
            return;
        }
        _ => {
            let message = "OCI runtime exec failed: exec: \"nope\": executable file not found in $PATH: unknown";
            json!({ "status": "Failure", "reason": "InternalError", "message": message })
        }
    };
    send(socket, 3, status.to_string().as_bytes());
}

/// A port that answers one request, and one that nothing listens on.
fn port(socket: &mut WebSocket<Tls>, target: &str) {
    let number: u16 = target.split("ports=").nth(1).and_then(|rest| rest.parse().ok()).expect("a port");
    for channel in [0, 1] {
        send(socket, channel, &number.to_le_bytes());
    }
    if number == 9 {
        return send(socket, 1, b"error forwarding port 9: connection refused");
    }
    while let Ok(message) = socket.read() {
        if let [0, bytes @ ..] = &message.into_data()[..]
            && bytes.ends_with(b"\r\n\r\n")
        {
            let body = format!("port {number}");
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            return send(socket, 0, answer.as_bytes());
        }
    }
}
