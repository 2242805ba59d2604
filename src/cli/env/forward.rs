//! `holdfast env port-forward`: ports of a service as ports of this machine, one connection to the server for each that is
//! made here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use clap::Args;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, future};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use super::exec::ended_by_server;
use crate::cli::client::{Client, Hearing, PING_EVERY, Request, Socket, Telling};
use crate::cli::context::{Context, Place};
use crate::cli::error::{CliError, Exit};
use crate::runtime::inside::{Frame, PROTOCOL_FORWARD};

/// Connections at once; more wait for one of them to end.
const CONNECTIONS: usize = 32;
/// Bytes that are handed on at once.
const PIECE: usize = 32 << 10;

/// Which ports, and where they are here.
#[derive(Debug, Args)]
pub struct ForwardArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// A port of it, by its name in the blueprint or by number; before it, where it is here: 8080:http, 0:5432
    #[arg(required = true, value_name = "[LOCAL:]REMOTE", num_args = 1..=16, value_parser = Mapping::parse)]
    ports: Vec<Mapping>,
    /// A pod of it, by name or by number from 0, oldest first [default: one that is ready]
    #[arg(long, value_name = "POD")]
    pod: Option<String>,
    /// Where to listen on this machine; anything but a loopback address lets others in
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
}

/// A port there, and where it is here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mapping {
    /// The same as there when none; any that is free when 0.
    local: Option<u16>,
    remote: String,
}

impl Mapping {
    fn parse(text: &str) -> Result<Self, String> {
        let (local, remote) = match text.split_once(':') {
            Some((local, remote)) => (Some(local), remote),
            None => (None, text),
        };
        let local = local.map(|port| port.parse().map_err(|_| "LOCAL is a number up to 65535; 0 is any that is free"));
        let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && text.len() <= 63;
        if remote.is_empty() || !is_name(remote) || remote.parse::<u32>().is_ok_and(|n| n == 0 || n > 65_535) {
            return Err("REMOTE is the name of a port, or a number from 1 to 65535".to_owned());
        }
        Ok(Self { local: local.transpose()?, remote: remote.to_owned() })
    }
}

/// A port that is listened on.
struct Listening {
    listener: TcpListener,
    remote: String,
}

/// What every connection needs.
struct Way<'a> {
    client: &'a Client,
    place: Place,
    args: &'a ForwardArgs,
}

impl Way<'_> {
    fn ask(&self, remote: &str) -> Request {
        Request::get(&self.place.below(&["runtime", "port-forward"]))
            .query("service", &self.args.service)
            .query_opt("pod", self.args.pod.as_deref())
            .query("port", remote)
    }
}

/// Runs the command, until it is interrupted.
///
/// # Errors
/// What the server refuses; a port that is taken; the right or the credential ended.
pub(super) fn run(context: &Context, args: &ForwardArgs) -> Result<(), CliError> {
    let (place, client) = (context.place(None)?, context.client()?);
    let way = Way { client: &client, place, args };
    // Asked before anything listens: what is wrong with service, pod or port is told at once.
    let mut planned = Vec::new();
    for mapping in &args.ports {
        planned.push((mapping, client.json(&way.ask(&mapping.remote).flag("dry_run", true))?));
    }
    if !args.address.is_loopback() {
        context
            .output
            .warn(&format!("whoever reaches {} reaches {} with your right to it", args.address, args.service));
    }
    client.block_on(async {
        let mut listening = Vec::new();
        for (mapping, plan) in planned {
            listening.push(listen(context, args, mapping, &plan).await?);
        }
        tokio::select! {
            ended = serve(context, &way, listening) => ended,
            ended = interrupted() => ended,
            () = client.keep_renewed() => Ok(()),
        }
    })
}

async fn listen(context: &Context, args: &ForwardArgs, mapping: &Mapping, plan: &Value) -> Result<Listening, CliError> {
    let number = plan["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let number = number.ok_or_else(|| CliError::failed("the server's answer has no port"))?;
    let wanted = SocketAddr::new(args.address, mapping.local.unwrap_or(number));
    let taken = |error: std::io::Error| {
        CliError::failed(format!("cannot listen on {wanted}: {error}"))
            .hint(format!("choose another port: 0:{} takes any that is free", mapping.remote))
    };
    let listener = TcpListener::bind(wanted).await.map_err(taken)?;
    let local = listener.local_addr().map_err(taken)?;
    let output = &context.output;
    if output.structured() {
        let told = json!({ "local": local.to_string(), "service": args.service, "pod": plan["pod"], "port": number });
        output.line(&told.to_string())?;
    } else {
        output.line(&format!("{local} -> {}:{number}", args.service))?;
    }
    Ok(Listening { listener, remote: mapping.remote.clone() })
}

async fn interrupted() -> Result<(), CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::failed(format!("no signals: {error}")));
    let (mut interrupt, mut end) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = end.recv() => Ok(()),
    }
}

/// Takes connections and leads them on. One that fails is told and ends; where the right is gone, all of it ends.
async fn serve(context: &Context, way: &Way<'_>, listening: Vec<Listening>) -> Result<(), CliError> {
    let mut open = FuturesUnordered::new();
    loop {
        let has_room = open.len() < CONNECTIONS;
        let accept = async {
            let accepts =
                listening.iter().map(|one| Box::pin(async move { (one.listener.accept().await, &one.remote) }));
            future::select_all(accepts).await.0
        };
        tokio::select! {
            (accepted, remote) = accept, if has_room => match accepted {
                Ok((stream, _)) => open.push(connection(way, remote, stream)),
                // Such as too many open files: what is open goes on, and makes room.
                Err(error) => {
                    context.output.warn(&format!("a connection was not taken: {error}"));
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            },
            Some(ended) = open.next(), if !open.is_empty() => {
                let Err(error) = ended else { continue };
                if matches!(error.exit(), Exit::Forbidden | Exit::NotFound) {
                    return Err(error);
                }
                context.output.warn(&error.to_string());
            }
        }
    }
}

/// How long the last words of a server are waited for that takes nothing any more.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);

/// One connection, from its beginning to its end.
async fn connection(way: &Way<'_>, remote: &str, stream: TcpStream) -> Result<(), CliError> {
    let socket = way.client.socket(way.ask(remote), PROTOCOL_FORWARD).await?;
    // What is sent byte by byte is meant so.
    drop(stream.set_nodelay(true));
    lead(socket, stream).await
}

async fn lead(socket: Socket, stream: TcpStream) -> Result<(), CliError> {
    let Socket { mut telling, mut hearing } = socket;
    let (mut reader, mut writer) = stream.into_split();
    let over = {
        let mut heard = std::pin::pin!(hear(&mut hearing, &mut writer));
        tokio::select! {
            over = &mut heard => over,
            // Why the server closed may be on its way still, and says more than that it did.
            error = tell(&mut telling, &mut reader) => {
                tokio::time::timeout(LAST_WORDS, heard).await.unwrap_or(Err(error))
            }
        }
    };
    telling.close().await;
    over
}

/// Hands on what comes from here. Ends with the connection only.
async fn tell(telling: &mut Telling, reader: &mut OwnedReadHalf) -> CliError {
    let mut piece = vec![0; PIECE];
    let mut ping = tokio::time::interval(PING_EVERY);
    let mut is_open = true;
    loop {
        let told = tokio::select! {
            length = reader.read(&mut piece), if is_open => match length {
                Ok(length) if length > 0 => telling.tell(&Frame::Stdin(Bytes::copy_from_slice(&piece[..length]))).await,
                Ok(_) | Err(_) => {
                    is_open = false;
                    telling.tell(&Frame::StdinEnd).await
                }
            },
            _ = ping.tick() => telling.ping().await,
        };
        if let Err(error) = told {
            return error;
        }
    }
}

/// Hands on what comes from there. Whoever is gone here ends it.
async fn hear(hearing: &mut Hearing, writer: &mut OwnedWriteHalf) -> Result<(), CliError> {
    loop {
        match hearing.next().await? {
            Some(Frame::Stdout(bytes)) => {
                if writer.write_all(&bytes).await.is_err() {
                    return Ok(());
                }
            }
            Some(Frame::Status(ending)) if ending.code.is_empty() => return Ok(()),
            Some(Frame::Status(ending)) => return Err(ended_by_server(&ending.code, &ending.detail)),
            Some(Frame::Stdin(_) | Frame::Stderr(_) | Frame::Resize(_) | Frame::StdinEnd) => {}
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::SinkExt as _;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::runtime::inside::Ending;

    #[test]
    fn a_port_is_named_or_numbered_and_may_be_elsewhere_here() {
        let mapping = |local, remote: &str| Ok(Mapping { local, remote: remote.to_owned() });
        assert_eq!(Mapping::parse("8080"), mapping(None, "8080"));
        assert_eq!(Mapping::parse("http"), mapping(None, "http"));
        assert_eq!(Mapping::parse("8080:http"), mapping(Some(8080), "http"));
        assert_eq!(Mapping::parse("0:5432"), mapping(Some(0), "5432"));
        for bad in ["", ":", "8080:", ":80", "x:80", "70000:80", "0", "65536", "8080:65536", "1:2:3", "a b"] {
            assert!(Mapping::parse(bad).is_err(), "{bad}");
        }
    }

    /// What a server does that answers each message with itself, and ends so.
    async fn led(ending: Ending) -> (Result<(), CliError>, Vec<u8>) {
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        let mut server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let here = async {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            stream.write_all(b"there and back").await.expect("sent");
            let mut back = vec![0; 14];
            stream.read_exact(&mut back).await.expect("read");
            stream.shutdown().await.expect("half closed");
            stream.read_to_end(&mut back).await.expect("closed");
            back
        };
        let there = async {
            while let Some(Ok(message)) = server.next().await {
                let bytes = match message {
                    Message::Binary(bytes) => bytes,
                    Message::Ping(_) | Message::Pong(_) => continue,
                    _ => break,
                };
                let answer = match Frame::read(bytes).expect("a frame") {
                    Frame::Stdin(bytes) => Frame::Stdout(bytes),
                    _ => Frame::Status(ending.clone()),
                };
                server.send(Message::Binary(answer.encode())).await.expect("sent");
            }
        };
        let between = async {
            let (stream, _) = listener.accept().await.expect("a connection");
            lead(Socket::of(ours, Role::Client).await, stream).await
        };
        let (over, back, ()) = future::join3(between, here, there).await;
        (over, back)
    }

    #[test]
    fn what_is_sent_here_arrives_there_and_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (over, back) = runtime.block_on(led(Ending::default()));
        assert_eq!((over.is_ok(), &back[..]), (true, &b"there and back"[..]));
        let (over, _) = runtime.block_on(led(Ending::failed("port_refused", "nothing answers on port 9 of api-1")));
        assert_eq!(over.expect_err("refused").to_string(), "nothing answers on port 9 of api-1");
    }
}
