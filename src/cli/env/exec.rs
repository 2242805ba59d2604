//! `holdfast env exec`: a command in a container of a service, as if it ran here.

use std::io::Read as _;
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

use crate::cli::client::{Hearing, PING_EVERY, Request, Socket, Telling};
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::terminal::{self, Raw};
use crate::runtime::inside::{Ending, Frame, PROTOCOL_EXEC};

/// Bytes of stdin that are sent at once, and how many such pieces wait.
const PIECE: usize = 16 << 10;
const PIECES: usize = 8;
/// What a shell adds to the number of a signal that ended something.
const SIGNALED: u8 = 128;

/// What to run, and where.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    /// A pod of it, by name or by number from 0, oldest first [default: one that is ready]
    #[arg(long, value_name = "POD")]
    pod: Option<String>,
    /// Give the command a terminal [default: where stdin and stdout are one]
    #[arg(long, short)]
    tty: bool,
    /// Give it none
    #[arg(long, short = 'T', conflicts_with = "tty")]
    no_tty: bool,
    /// Hand stdin on also where it is no terminal
    #[arg(long, short = 'i')]
    stdin: bool,
    /// The program and its arguments
    #[arg(last = true, value_name = "COMMAND", default_value = "sh")]
    command: Vec<String>,
}

/// Runs the command, and ends as it does.
///
/// # Errors
/// What the server refuses; the connection broke; the container has no such program.
pub(in crate::cli) fn run(context: &Context, args: &ExecArgs) -> Result<ExitCode, CliError> {
    let (place, client) = (context.place(None)?, context.client()?);
    let has_terminal = terminal::is_there();
    if args.tty && !has_terminal {
        return Err(CliError::usage("a terminal is asked for, and stdin or stdout is none").hint("leave out --tty"));
    }
    let tty = has_terminal && !args.no_tty;
    let reads = tty || args.stdin;
    let mut request = Request::get(&place.below(&["runtime", "exec"]))
        .query("service", &args.service)
        .query_opt("pod", args.pod.as_deref())
        .flag("tty", tty)
        .flag("stdin", reads);
    for word in &args.command {
        request = request.query("command", word);
    }
    let ended = client.block_on(async {
        let socket = client.socket(request, PROTOCOL_EXEC).await?;
        let raw = tty.then(Raw::enter).transpose()?;
        let input = reads.then(stdin);
        let ended = tokio::select! {
            ended = talk(socket, input, tty, &context.output) => ended?,
            ended = signaled(tty) => ended?,
            () = client.keep_renewed() => return Err(CliError::failed("the connection ended")),
        };
        drop(raw);
        Ok::<_, CliError>(ended)
    })?;
    match ended {
        Over::Command(ending) => end(&args.service, &args.command, ending),
        Over::Signal(number) => Ok(ExitCode::from(SIGNALED + number)),
    }
}

/// What ended it.
#[derive(Debug, PartialEq)]
enum Over {
    Command(Ending),
    Signal(u8),
}

/// The exit code, or why there is none.
fn end(service: &str, command: &[String], ending: Ending) -> Result<ExitCode, CliError> {
    let program = command.first().map_or("", String::as_str);
    match (ending.code.as_str(), ending.exit_code) {
        ("", Some(code)) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        ("command_not_found", _) => {
            let error =
                CliError::new(Exit::CommandNotFound, format!("`{program}` is not in the container of {service}"));
            Err(error.hint("an image without a shell has only its own programs"))
        }
        ("command_not_executable", _) => Err(CliError::new(
            Exit::CannotExecute,
            format!("`{program}` cannot be executed in the container of {service}"),
        )),
        (code, _) => Err(ended_by_server(code, &ending.detail)),
    }
}

/// Why the server ended a connection.
pub(super) fn ended_by_server(code: &str, detail: &str) -> CliError {
    let exit = match code {
        "" | "command_lost" | "server_stopping" => Exit::Unreachable,
        "permission_denied" | "credential_gone" | "token_expired" | "token_revoked" | "token_invalid" => {
            Exit::Forbidden
        }
        code if code.ends_with("_not_found") => Exit::NotFound,
        _ => Exit::Failed,
    };
    let detail = if detail.is_empty() { "the connection ended" } else { detail };
    CliError::new(exit, detail.to_owned())
}

/// What is read from stdin, by a thread of its own: reading from a terminal cannot be interrupted. It ends with the process.
fn stdin() -> Receiver<Bytes> {
    let (sender, receiver) = channel(PIECES);
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        // At its end, or when nobody takes it any more.
        while let Ok(length) = std::io::stdin().lock().read(&mut piece) {
            if length == 0 || sender.blocking_send(Bytes::copy_from_slice(&piece[..length])).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Waits for a signal that ends this process: then the terminal is put back first. With a terminal, Ctrl-C is a key that
/// the command gets.
async fn signaled(tty: bool) -> Result<Over, CliError> {
    let listen = |kind| signal(kind).map_err(|error| CliError::failed(format!("no signals: {error}")));
    let (mut end, mut hangup) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::select! {
        _ = end.recv() => Ok(Over::Signal(15)),
        _ = hangup.recv() => Ok(Over::Signal(1)),
        _ = interrupt.recv(), if !tty => Ok(Over::Signal(2)),
    }
}

/// Goes between this process and the command, until that ends.
async fn talk(socket: Socket, input: Option<Receiver<Bytes>>, tty: bool, output: &Output) -> Result<Over, CliError> {
    let Socket { mut telling, mut hearing } = socket;
    let over = tokio::select! {
        ending = hear(&mut hearing, output) => Ok(Over::Command(ending?)),
        error = tell(&mut telling, input, tty) => Err(error),
    };
    telling.close().await;
    over
}

/// Hands on what is typed and the size of the terminal. Ends with the connection only.
async fn tell(telling: &mut Telling, mut input: Option<Receiver<Bytes>>, tty: bool) -> CliError {
    let told = async {
        let mut resized =
            signal(SignalKind::window_change()).map_err(|e| CliError::failed(format!("no signals: {e}")))?;
        if let Some(window) = terminal::window().filter(|_| tty) {
            telling.tell(&Frame::Resize(window)).await?;
        }
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            let typed = async {
                match &mut input {
                    Some(input) => input.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                typed = typed => if let Some(bytes) = typed {
                    telling.tell(&Frame::Stdin(bytes)).await?;
                } else {
                    input = None;
                    telling.tell(&Frame::StdinEnd).await?;
                },
                _ = ping.tick() => telling.ping().await?,
                _ = resized.recv(), if tty => if let Some(window) = terminal::window() {
                    telling.tell(&Frame::Resize(window)).await?;
                },
            }
        }
    };
    let broke: Result<std::convert::Infallible, CliError> = told.await;
    match broke {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

/// Writes what the command writes, and says how it ended.
async fn hear(hearing: &mut Hearing, output: &Output) -> Result<Ending, CliError> {
    loop {
        match hearing.next().await? {
            Some(Frame::Stdout(bytes)) => output.data(&bytes)?,
            Some(Frame::Stderr(bytes)) => output.passed_on(&bytes),
            Some(Frame::Status(ending)) => return Ok(ending),
            Some(Frame::Stdin(_) | Frame::Resize(_) | Frame::StdinEnd) => {}
            None => return Ok(Ending::failed("command_lost", "the connection to the command broke; it may run on")),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::cli::output::Format;

    fn with_server<F: Future>(
        server: impl FnOnce(WebSocketStream<tokio::io::DuplexStream>) -> F,
        input: &[&'static [u8]],
    ) -> (Result<Over, CliError>, F::Output) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (ours, theirs) = tokio::io::duplex(1 << 10);
            let server = server(WebSocketStream::from_raw_socket(theirs, Role::Server, None).await);
            let (sender, receiver) = channel(PIECES);
            for piece in input {
                sender.try_send(Bytes::from_static(piece)).expect("room");
            }
            drop(sender);
            let socket = Socket::of(ours, Role::Client).await;
            let output = Output::new(Format::Table, true, true);
            futures_util::future::join(talk(socket, Some(receiver), false, &output), server).await
        })
    }

    async fn next(server: &mut WebSocketStream<tokio::io::DuplexStream>) -> Frame {
        loop {
            if let Message::Binary(bytes) = server.next().await.expect("open").expect("a message") {
                return Frame::read(bytes).expect("a frame");
            }
        }
    }

    #[test]
    fn what_is_typed_arrives_and_how_it_ended_comes_back() {
        let (over, heard) = with_server(
            async |mut server| {
                let heard = [next(&mut server).await, next(&mut server).await, next(&mut server).await];
                server.send(Message::Ping(Bytes::new())).await.expect("sent");
                server.send(Message::Binary(Frame::Status(Ending::exit(7)).encode())).await.expect("sent");
                while let Some(Ok(_)) = server.next().await {}
                heard
            },
            &[b"one", b"two"],
        );
        assert_eq!(over.expect("ends"), Over::Command(Ending::exit(7)));
        let sent = |bytes: &'static [u8]| Frame::Stdin(Bytes::from_static(bytes));
        assert_eq!(heard, [sent(b"one"), sent(b"two"), Frame::StdinEnd]);
    }

    #[test]
    fn a_connection_that_breaks_is_no_success() {
        let (over, ()) = with_server(async |server| drop(server), &[]);
        let broke = match over {
            Ok(Over::Command(ending)) => end("api", &["sh".to_owned()], ending).expect_err("broke"),
            Ok(other) => panic!("{other:?}"),
            Err(error) => error,
        };
        assert_eq!(broke.exit(), Exit::Unreachable);
        let (over, ()) = with_server(
            async |mut server| {
                server.send(Message::binary(vec![9, 9])).await.expect("sent");
                while let Some(Ok(_)) = server.next().await {}
            },
            &[],
        );
        assert_eq!(over.expect_err("no message of ours").exit(), Exit::Failed);
    }

    #[test]
    fn a_program_that_is_not_there_ends_as_shells_say_it() {
        let ended =
            |code: &str, exit_code| end("api", &["nope".to_owned()], Ending { exit_code, ..Ending::failed(code, "") });
        assert_eq!(ended("command_not_found", Some(127)).expect_err("none").exit(), Exit::CommandNotFound);
        assert_eq!(ended("command_not_executable", Some(126)).expect_err("none").exit(), Exit::CannotExecute);
        assert_eq!(ended("permission_denied", None).expect_err("over").exit(), Exit::Forbidden);
        assert!(ended("", Some(3)).is_ok());
    }
}
