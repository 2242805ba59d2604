//! The real binary, serving a data directory of its own until dropped.

use super::http::{self, Response};
use super::variable;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// The word of the log line that says the listener is open; the file `address` is written before it.
const LISTENING: &str = "listening";
/// Where a test's server listens.
const ANY_PORT: &str = "127.0.0.1:0";
/// How long a start may take on a busy machine before the test gives up.
const START: Duration = Duration::from_mins(1);
/// How long a stop may take: the promise is 10 s, the rest is for a busy machine.
const STOP: Duration = Duration::from_secs(20);
/// Lines of the log kept to show when a test fails.
const LINES_KEPT: usize = 400;

/// A running server. Dropping it kills the process by its id.
pub(crate) struct Server {
    child: Child,
    base: String,
    data: PathBuf,
    events: Receiver<Event>,
    log: Arc<Log>,
    /// Whether the child is a tracer: the server itself is then the process that holds the data directory's lock.
    traced: bool,
    /// The directory's guard, where the server owns it: removed after the process has ended.
    owned_data: Option<tempfile::TempDir>,
}

/// What the process has said so far, and a bell for those who wait for a line.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

/// How a server that did not start said so.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// What it said to people.
    pub(crate) stderr: String,
    /// What it logged.
    pub(crate) stdout: String,
}

enum Event {
    Listening,
    /// The process closed its standard output: it is ending.
    Closed,
}

impl Server {
    /// A server on a fresh data directory that goes with it.
    pub(crate) fn start() -> Self {
        let owned = tempfile::tempdir().expect("a temporary directory");
        let data = owned.path().join("data");
        let mut server = Self::start_in(&data, &[]);
        server.owned_data = Some(owned);
        server
    }

    /// A server on this data directory, with these variables on top of the usual ones.
    pub(crate) fn start_in(data: &Path, variables: &[(&str, &str)]) -> Self {
        Self::try_start_in(data, variables).unwrap_or_else(|log| panic!("the server did not start:\n{log}"))
    }

    /// Like [`Server::start_in`]; the error is what the process said before it ended.
    pub(crate) fn try_start_in(data: &Path, variables: &[(&str, &str)]) -> Result<Self, String> {
        Self::launch(Command::new(env!("CARGO_BIN_EXE_holdfast")), data, variables)
    }

    /// A server run by `tracer`, a program with arguments that takes the command to run as the rest of them.
    pub(crate) fn start_traced(tracer: &[&str], data: &Path) -> Self {
        let (program, arguments) = tracer.split_first().expect("a tracer has a name");
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_holdfast"));
        let mut server = Self::launch(command, data, &[]).unwrap_or_else(|log| panic!("it did not start:\n{log}"));
        server.traced = true;
        server
    }

    /// How a server on this data directory refuses to start. Panics where it starts.
    pub(crate) fn refused(data: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Refusal {
        let command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        let listen = if arguments.contains(&"--listen") { None } else { Some(ANY_PORT) };
        let mut child = serve(command, data, listen, variables).args(arguments).spawn().expect("it was built");
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            said.push(line);
            if said.last().is_some_and(|line| line.contains(LISTENING)) {
                child.kill().and_then(|()| child.wait()).expect("the process is ours");
                panic!("it started:\n{}", said.join("\n"));
            }
        }
        let output = child.wait_with_output().expect("the process is ours");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Refusal { code: output.status.code(), stderr, stdout: said.join("\n") }
    }

    fn launch(command: Command, data: &Path, variables: &[(&str, &str)]) -> Result<Self, String> {
        let address = data.join("address");
        // An old one would name a port of the past.
        if address.exists() {
            fs::remove_file(&address).expect("the data directory is ours");
        }
        let mut child =
            serve(command, data, Some(ANY_PORT), variables).spawn().expect("the binary was built for this test");
        let log = Arc::new(Log::default());
        let (sender, events) = mpsc::channel();
        read_lines(child.stdout.take().expect("piped"), Arc::clone(&log), Some(sender));
        read_lines(child.stderr.take().expect("piped"), Arc::clone(&log), None);
        let data = data.to_owned();
        let mut server = Self { child, base: String::new(), data, events, log, traced: false, owned_data: None };
        if let Ok(Event::Listening) = server.events.recv_timeout(START) {
            let text = fs::read_to_string(&address).expect("`address` is written before the server says it listens");
            text.trim().clone_into(&mut server.base);
            return Ok(server);
        }
        server.kill();
        Err(server.log())
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has said, at most the last lines.
    pub(crate) fn log(&self) -> String {
        self.log.lines.lock().expect("no reader panics").join("\n")
    }

    /// Waits until the server has said a line with `words`; panics where it does not in time.
    pub(crate) fn wait_for(&self, words: &str) {
        let lines = self.log.lines.lock().expect("no reader panics");
        let absent = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let (lines, waited) = self.log.more.wait_timeout_while(lines, STOP, absent).expect("no reader panics");
        assert!(!waited.timed_out(), "{words:?} was not said:\n{}", lines.join("\n"));
    }

    /// A JSON request to this server.
    pub(crate) fn request(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Response {
        http::request(&self.base, method, path, token, body)
    }

    /// Makes the first organization and its owner; returns the owner's token.
    pub(crate) fn set_up(&self) -> String {
        let setup_token = fs::read_to_string(self.data.join("setup-token")).expect("there before the listener is");
        let body = json!({
            "setup_token": setup_token.trim(),
            "organization": "acme",
            "email": "ada@example.com",
            "password": "four words of a test",
        });
        let answer = self.request("POST", "/api/v1/setup", None, Some(&body)).expect(201);
        answer["token"].as_str().expect("set-up answers a token").to_owned()
    }

    /// Asks the server to stop, as an init system does.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("the process is ours and not yet waited for");
    }

    /// Ends the server as an init system does, and waits for it.
    pub(crate) fn stop(self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    /// Waits until the server has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        assert!(self.closes_in_time(), "still running after {} s:\n{}", STOP.as_secs(), self.log());
        self.child.wait().expect("the process is ours")
    }

    fn closes_in_time(&self) -> bool {
        loop {
            match self.events.recv_timeout(STOP) {
                Ok(Event::Listening) => {}
                Ok(Event::Closed) | Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    /// Ends the server as a power cut does; the data directory stays while `self` does.
    pub(crate) fn kill(&mut self) {
        // A tracer ends with its tracee; one that has ended left nothing, and its ids may be somebody else's by now.
        if self.traced && matches!(self.child.try_wait(), Ok(None)) {
            self.kill_traced();
        }
        // Either it runs, or it has ended already: both are what is asked.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// A tracer that is killed lets go of the server, which would stay: it is ended by the id it left in its lock.
    fn kill_traced(&self) {
        let pid = fs::read_to_string(self.data.join("lock")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "a failing test shows what the server said")]
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("---- what the server said\n{}", self.log());
        }
    }
}

/// The command that serves `data` on a free port; nothing of the person who runs the tests reaches it.
fn serve(mut command: Command, data: &Path, listen: Option<&str>, variables: &[(&str, &str)]) -> Command {
    command.args(["serve", "--data-dir"]).arg(data);
    command.args(listen.into_iter().flat_map(|listen| ["--listen", listen]));
    command.env_clear().envs(["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, variable(name)?))));
    command.env("HOLDFAST_RATE_LIMITS_ENABLED", "false").envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Keeps the lines of one stream and tells what they mean; reading on keeps the server from blocking on a full pipe.
fn read_lines(stream: impl Read + Send + 'static, log: Arc<Log>, events: Option<Sender<Event>>) {
    thread::spawn(move || {
        let mut announced = false;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let listening = !announced && line.contains(LISTENING);
            {
                let mut lines = log.lines.lock().expect("no reader panics");
                if lines.len() == LINES_KEPT {
                    lines.remove(0);
                }
                lines.push(line);
                log.more.notify_all();
            }
            if let (true, Some(events)) = (listening, &events) {
                announced = true;
                // The test may have given up already.
                let _ = events.send(Event::Listening);
            }
        }
        if let Some(events) = events {
            let _ = events.send(Event::Closed);
        }
    });
}
