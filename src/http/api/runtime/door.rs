//! Into and towards what runs, over a WebSocket: a command in a container, and a connection to a port.
//!
//! While it lasts, it is looked up anew whether whoever is inside may stay; it ends when nothing goes to or fro for half
//! an hour, when the other side is silent, and when the server stops. Nothing is kept that a slow reader has not taken: the
//! command waits.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, rt};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use utoipa::{IntoParams, ToSchema};

use crate::cluster::{Ended, Exec, Forward};
use crate::http::api::socket::{self, Seat, Socket};
use crate::http::api::{Answer, ok};
use crate::http::error::Problem;
use crate::http::extract::{Known, Names, Query};
use crate::http::state::State;
use crate::runtime::inside::{
    Ending, ExecAsk, ForwardAsk, Frame, PROTOCOL_EXEC, PROTOCOL_FORWARD, Pass, PortPlace, forward_plan, runtime_enter,
    runtime_exec, runtime_forward,
};
use crate::runtime::lifecycle::At;

/// How often it is looked whether whoever is inside may stay.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long nothing may go to or fro.
const IDLE: Duration = Duration::from_mins(30);
/// How often the other side is asked whether it is still there, and how long it may be silent.
const PING_EVERY: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(70);
/// How long what a command wrote last is waited for after its end, and what a port says after the other side has said all.
const LAST_WORDS: Duration = Duration::from_secs(2);
const HALF_CLOSED: Duration = Duration::from_secs(5);
/// How long the other side may take for the last message.
const FAREWELL: Duration = Duration::from_secs(5);
/// Bytes that are handed on at once.
const PIECE: usize = 32 << 10;

type Telling = SplitSink<Socket, Message>;
type Hearing = SplitStream<Socket>;

/// What to run, and where.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExecQuery {
    /// The service.
    service: String,
    /// A pod of it: its name, or its number counted from 0, oldest first. One that is ready when none is named.
    pod: Option<String>,
    /// The program; given again, its arguments, in order. At most 256 words and 16 KiB. Proxies may write addresses into
    /// their logs: a secret belongs on stdin.
    command: Vec<String>,
    /// Give it a terminal; then both of its outputs are one.
    #[param(required = false)]
    tty: bool,
    /// Let it read what is sent. A terminal always does.
    #[param(required = false)]
    stdin: bool,
}

/// Which port.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForwardQuery {
    /// The service.
    service: String,
    /// A pod of it: its name, or its number counted from 0, oldest first. One that is ready when none is named.
    pod: Option<String>,
    /// The port: its name in the blueprint, or a number.
    port: String,
    /// Only say what would be reached. Takes no upgrade.
    #[param(required = false)]
    dry_run: bool,
}

/// What a port leads to.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForwardPlanAnswer {
    /// The service.
    service: String,
    /// The pod.
    pod: String,
    /// The number of the port.
    port: u16,
}

impl ForwardPlanAnswer {
    fn of(place: PortPlace) -> Self {
        let PortPlace { service, pod, port } = place;
        Self { service, pod, port }
    }
}

impl ExecQuery {
    fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let pairs = Pairs(pairs).known(&["service", "pod", "command", "tty", "stdin"])?;
        Ok(Self {
            service: pairs.one("service")?,
            pod: pairs.maybe("pod")?,
            command: pairs.all("command"),
            tty: pairs.flag("tty")?,
            stdin: pairs.flag("stdin")?,
        })
    }
}

impl ForwardQuery {
    fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let pairs = Pairs(pairs).known(&["service", "pod", "port", "dry_run"])?;
        Ok(Self {
            service: pairs.one("service")?,
            pod: pairs.maybe("pod")?,
            port: pairs.one("port")?,
            dry_run: pairs.flag("dry_run")?,
        })
    }
}

/// Query parameters of which one may stand several times.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn known(self, names: &[&str]) -> Result<Self, Problem> {
        if self.0.iter().all(|(name, _)| names.contains(&name.as_str())) {
            return Ok(self);
        }
        let detail = format!("a query parameter is unknown; there are {}", names.join(", "));
        Err(Problem::invalid("query_invalid", detail))
    }

    fn all(&self, wanted: &str) -> Vec<String> {
        self.0.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.clone()).collect()
    }

    fn maybe(&self, wanted: &'static str) -> Result<Option<String>, Problem> {
        let mut all = self.all(wanted);
        match all.len() {
            0 | 1 => Ok(all.pop()),
            _ => {
                Err(Problem::invalid("query_invalid", format!("{wanted} is given once")).field(wanted, "query_invalid"))
            }
        }
    }

    fn one(&self, wanted: &'static str) -> Result<String, Problem> {
        let missing =
            || Problem::invalid("query_invalid", format!("{wanted} is missing")).field(wanted, "query_invalid");
        self.maybe(wanted)?.filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    fn flag(&self, wanted: &'static str) -> Result<bool, Problem> {
        match self.maybe(wanted)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let problem = Problem::invalid("query_invalid", format!("{wanted} is true or false"));
                Err(problem.field(wanted, "query_invalid"))
            }
        }
    }
}

/// Runs a command in a container of a service, over a WebSocket of the subprotocol `holdfast.exec.v1`. It needs
/// `runtime.exec`, and `secret.use.restricted` where restricted values were passed on; a browser's session is refused. Who
/// runs what where is in the ledger before it begins: the program and how many arguments it has, never the arguments.
///
/// Messages are binary. The first byte says what the others are: `0` stdin, `1` stdout, `2` stderr, `3` how it ended as
/// JSON (`exit_code`, or `code` and `detail`), the last message; `4` the size of the terminal as JSON (`columns`, `rows`);
/// `5` stdin is at its end. One has at most 64 KiB after its first byte. A program that the container does not have ends
/// with 127, one that cannot be executed with 126. The connection ends with the right, the credential, and after half an
/// hour in which nothing went to or fro.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/exec",
    operation_id = "runtime_exec", params(ExecQuery), responses(
        (status = 101, description = "Messages from here on."),
        (status = 409, description = "No pod of the service is ready.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The cluster does not do it.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json"),
        (status = 426, description = "It was not asked for as a WebSocket.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn exec(
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment]): Names<2>,
    Query(pairs): Query<Vec<(String, String)>>,
    req: HttpRequest,
    payload: Payload,
) -> Answer {
    socket::token_only(&credential)?;
    let at = At { project, environment };
    let Some(asked) = socket::asked(&req, PROTOCOL_EXEC)? else {
        runtime_enter(&op, &at).await?;
        return Err(socket::required("holdfast env exec SERVICE -- COMMAND"));
    };
    let ExecQuery { service, pod, command, tty, stdin } = ExecQuery::of(pairs)?;
    let ask = ExecAsk { service, pod, command, tty, stdin };
    let seat = state.sockets.enter(op.organization()?)?;
    let inside = runtime_exec(&op, at, ask).await?;
    let (answer, socket) = socket::open(asked, payload).await;
    let watch = Watch { state, pass: inside.pass, quiet: Quiet::new(), _seat: seat };
    rt::spawn(run(socket, inside.process, watch));
    Ok(answer)
}

/// A connection to a port of a service, over a WebSocket of the subprotocol `holdfast.port-forward.v1`; one for each
/// connection. Rights, ledger and limits are those of a command.
///
/// Messages are as for a command: `0` to the port, `1` from it, `5` no more comes to it, `3` how it ended as JSON: nothing
/// where the port ended it, or `code` and `detail`. With `dry_run` it only says which pod and port would be reached.
#[utoipa::path(get, path = "/projects/{project}/environments/{environment}/runtime/port-forward",
    operation_id = "runtime_port_forward", params(ForwardQuery), responses(
        (status = 101, description = "Messages from here on."),
        (status = 200, description = "With `dry_run`: what would be reached.", body = ForwardPlanAnswer),
        (status = 409, description = "No pod of the service is ready.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The cluster does not do it.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json"),
        (status = 426, description = "It was not asked for as a WebSocket.",
            body = crate::http::error::ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn port_forward(
    state: Data<State>,
    Known(op, credential): Known,
    Names([project, environment]): Names<2>,
    Query(pairs): Query<Vec<(String, String)>>,
    req: HttpRequest,
    payload: Payload,
) -> Answer {
    socket::token_only(&credential)?;
    let at = At { project, environment };
    let asked = socket::asked(&req, PROTOCOL_FORWARD)?;
    let ForwardQuery { service, pod, port, dry_run } = ForwardQuery::of(pairs)?;
    let ask = ForwardAsk { service, pod, port };
    if dry_run {
        return ok(&ForwardPlanAnswer::of(forward_plan(&op, &at, &ask).await?));
    }
    let Some(asked) = asked else {
        runtime_enter(&op, &at).await?;
        return Err(socket::required("holdfast env port-forward SERVICE PORT"));
    };
    let seat = state.sockets.enter(op.organization()?)?;
    let towards = runtime_forward(&op, at, ask).await?;
    let (answer, socket) = socket::open(asked, payload).await;
    let watch = Watch { state, pass: towards.pass, quiet: Quiet::new(), _seat: seat };
    rt::spawn(lead(socket, towards.place, towards.forward, watch));
    Ok(answer)
}

/// When something went to or fro last.
#[derive(Clone)]
struct Quiet(Rc<Cell<Instant>>);

impl Quiet {
    fn new() -> Self {
        Self(Rc::new(Cell::new(Instant::now())))
    }

    fn note(&self) {
        self.0.set(Instant::now());
    }
}

/// What looks whether it may go on.
struct Watch {
    state: Data<State>,
    pass: Pass,
    quiet: Quiet,
    _seat: Seat,
}

impl Watch {
    /// Why it may not go on; waits until then.
    async fn end(&self) -> Ending {
        loop {
            rt::time::sleep(LOOK_EVERY).await;
            if self.state.is_stopping() {
                return Ending::failed("server_stopping", "the server stops; try again in a moment");
            }
            if self.quiet.0.get().elapsed() >= IDLE {
                return Ending::failed("idle", "nothing went to or fro for half an hour");
            }
            if let Err(error) = self.pass.still().await {
                let problem = Problem::from(error);
                return Ending::failed(problem.code(), problem.to_string());
            }
        }
    }
}

/// The other side is gone, or says what is no message.
enum Left {
    Gone,
    Wrong(Ending),
}

/// A command and whoever runs it, until one of them ends.
async fn run(socket: Socket, process: Exec, watch: Watch) {
    let (mut to, mut from) = socket.split();
    let Exec { stdin, stdout, stderr, status, resize } = process;
    let ending = {
        let heard = pin!(hear(&mut from, stdin, resize, &watch.quiet));
        let told = pin!(tell(&mut to, (stdout, stderr), status, &watch.quiet));
        tokio::select! {
            left = heard => match left { Left::Gone => None, Left::Wrong(ending) => Some(ending) },
            ending = told => ending,
            ending = watch.end() => Some(ending),
        }
    };
    part(to, from, ending).await;
}

/// The next message; waits until one comes.
async fn next(from: &mut Hearing) -> Result<Frame, Left> {
    loop {
        let Ok(Some(Ok(message))) = rt::time::timeout(SILENCE, from.next()).await else { return Err(Left::Gone) };
        let wrong = |detail: &str| Err(Left::Wrong(Ending::failed("message_invalid", detail)));
        match message {
            Message::Binary(bytes) => match Frame::read(bytes) {
                Ok(Frame::Stdout(_) | Frame::Stderr(_) | Frame::Status(_)) => {
                    return wrong("only the server sends messages of 1, 2 and 3");
                }
                Ok(frame) => return Ok(frame),
                Err(error) => return wrong(&error.to_string()),
            },
            Message::Text(_) => return wrong("messages are binary"),
            Message::Close(_) => return Err(Left::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// Hands on what comes.
async fn hear(
    from: &mut Hearing,
    mut stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    mut resize: Box<dyn FnMut(u16, u16) + Send>,
    quiet: &Quiet,
) -> Left {
    loop {
        let frame = match next(from).await {
            Ok(frame) => frame,
            Err(left) => return left,
        };
        quiet.note();
        match frame {
            Frame::Stdin(bytes) => {
                // A command that reads no more is no failure: it may have more to say.
                if let Some(writer) = &mut stdin
                    && (writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err())
                {
                    stdin = None;
                }
            }
            Frame::StdinEnd => {
                if let Some(mut writer) = stdin.take() {
                    drop(writer.shutdown().await);
                }
            }
            Frame::Resize(window) => resize(window.columns, window.rows),
            Frame::Stdout(_) | Frame::Stderr(_) | Frame::Status(_) => {}
        }
    }
}

/// Tells what a command writes, and then how it ended; none when nobody takes it.
async fn tell(
    to: &mut Telling,
    (mut stdout, stderr): (Box<dyn AsyncRead + Send + Unpin>, Option<Box<dyn AsyncRead + Send + Unpin>>),
    mut status: std::pin::Pin<Box<dyn Future<Output = Ended> + Send>>,
    quiet: &Quiet,
) -> Option<Ending> {
    let (mut out, mut err) = (vec![0; PIECE], vec![0; PIECE]);
    let (mut is_out_open, mut is_err_open) = (true, stderr.is_some());
    let mut stderr = stderr.unwrap_or_else(|| Box::new(tokio::io::empty()));
    let mut ended = None;
    let mut ping = rt::time::interval(PING_EVERY);
    while ended.is_none() || is_out_open || is_err_open {
        let frame = tokio::select! {
            length = stdout.read(&mut out), if is_out_open => match length {
                Ok(length) if length > 0 => Some(Frame::Stdout(Bytes::copy_from_slice(&out[..length]))),
                _ => { is_out_open = false; None }
            },
            length = stderr.read(&mut err), if is_err_open => match length {
                Ok(length) if length > 0 => Some(Frame::Stderr(Bytes::copy_from_slice(&err[..length]))),
                _ => { is_err_open = false; None }
            },
            how = &mut status, if ended.is_none() => { ended = Some(how); None },
            // Where the connection to the cluster broke, what it wrote has no end.
            () = rt::time::sleep(LAST_WORDS), if ended.is_some() => break,
            _ = ping.tick() => { to.send(Message::Ping(Bytes::new())).await.ok()?; None }
        };
        if let Some(frame) = frame {
            quiet.note();
            to.send(Message::Binary(frame.encode())).await.ok()?;
        }
    }
    Some(match ended? {
        Ended::Exit(code) => Ending::exit(code),
        Ended::NotFound => {
            Ending { exit_code: Some(127), ..Ending::failed("command_not_found", "the container has no such program") }
        }
        Ended::NotExecutable => Ending {
            exit_code: Some(126),
            ..Ending::failed("command_not_executable", "the program cannot be executed in the container")
        },
        Ended::Unknown(said) if said.is_empty() => {
            Ending::failed("command_lost", "the connection to the command broke; it may run on")
        }
        Ended::Unknown(said) => Ending::failed("command_failed", format!("the cluster says: {said}")),
    })
}

/// A port and whoever speaks to it, until one of them ends.
async fn lead(socket: Socket, place: PortPlace, forward: Forward, watch: Watch) {
    let (mut to, mut from) = socket.split();
    let Forward { stream, mut failed } = forward;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let quiet = &watch.quiet;
    let half_closed = tokio::sync::Notify::new();
    let ending = {
        let heard = pin!(async {
            loop {
                match next(&mut from).await {
                    Ok(Frame::Stdin(bytes)) => {
                        quiet.note();
                        // The port's end is told by what is read from it.
                        if writer.write_all(&bytes).await.is_err() {
                            std::future::pending::<()>().await;
                        }
                    }
                    // Closed for one way, the connection to the cluster would be closed for both.
                    Ok(Frame::StdinEnd) => half_closed.notify_one(),
                    Ok(_) => {}
                    Err(Left::Gone) => return None,
                    Err(Left::Wrong(ending)) => return Some(ending),
                }
            }
        });
        let told = pin!(async {
            let mut piece = vec![0; PIECE];
            let mut ping = rt::time::interval(PING_EVERY);
            let (mut is_half, mut is_refused) = (false, None);
            loop {
                tokio::select! {
                    length = reader.read(&mut piece) => match length {
                        Ok(length) if length > 0 => {
                            quiet.note();
                            let frame = Frame::Stdout(Bytes::copy_from_slice(&piece[..length]));
                            to.send(Message::Binary(frame.encode())).await.ok()?;
                        }
                        // What the cluster says of a connection that failed comes before its end.
                        _ => return Some(is_refused.or_else(|| failed.as_mut().now_or_never()).flatten()),
                    },
                    said = &mut failed, if is_refused.is_none() => match said {
                        Some(said) => return Some(Some(said)),
                        None => is_refused = Some(None),
                    },
                    _ = ping.tick() => to.send(Message::Ping(Bytes::new())).await.ok()?,
                    () = half_closed.notified() => is_half = true,
                    () = rt::time::sleep(HALF_CLOSED), if is_half => return Some(None),
                }
            }
        });
        tokio::select! {
            ending = heard => ending,
            refused = told => refused.map(|refused| ended_by_port(&place, refused)),
            ending = watch.end() => Some(ending),
        }
    };
    part(to, from, ending).await;
}

/// How a connection to a port ended: by itself, or because there was none.
fn ended_by_port(place: &PortPlace, refused: Option<String>) -> Ending {
    let Some(said) = refused else { return Ending::default() };
    tracing::debug!(pod = place.pod, port = place.port, said, "a port was not reached");
    Ending::failed("port_refused", format!("nothing answers on port {} of {}", place.port, place.pod))
}

/// Says how it ended, and closes.
async fn part(mut to: Telling, mut from: Hearing, ending: Option<Ending>) {
    let Some(ending) = ending else { return };
    let farewell = async {
        to.send(Message::Binary(Frame::Status(ending).encode())).await.ok()?;
        to.close().await.ok()?;
        // What is not taken by the other side yet would be lost with the connection.
        while let Some(Ok(_)) = from.next().await {}
        Some(())
    };
    let _whoever_does_not_listen = rt::time::timeout(FAREWELL, farewell).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        Pairs(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_query_is_read_strictly_and_a_command_in_order() {
        let query =
            pairs(&[("command", "sh"), ("service", "api"), ("command", ""), ("command", "sh"), ("tty", "true")]);
        assert_eq!(query.all("command"), ["sh", "", "sh"]);
        assert_eq!(query.one("service").unwrap(), "api");
        assert!(query.flag("tty").unwrap() && !query.flag("stdin").unwrap());
        assert!(query.known(&["service"]).is_err());
        assert!(pairs(&[("service", "a"), ("service", "b")]).one("service").is_err());
        assert!(pairs(&[("service", "")]).one("service").is_err());
        assert!(pairs(&[]).one("service").is_err());
        assert!(pairs(&[("tty", "yes")]).flag("tty").is_err());
    }
}
