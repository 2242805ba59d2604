//! The real binary, serving a data directory of its own until dropped.

use super::http::{self, Response};
use super::variable;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The word of the log line that says the listener is open; the file `address` is written before it.
const LISTENING: &str = "listening";
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
    log: Arc<Mutex<Vec<String>>>,
    /// The directory's guard, where the server owns it: removed after the process has ended.
    owned_data: Option<tempfile::TempDir>,
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
        let address = data.join("address");
        // An old one would name a port of the past.
        if address.exists() {
            fs::remove_file(&address).expect("the data directory is ours");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        // Nothing of the person who runs the tests reaches the server.
        command
            .env_clear()
            .envs(["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, variable(name)?))));
        command.env("HOLDFAST_RATE_LIMITS_ENABLED", "false").envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, events) = mpsc::channel();
        read_lines(child.stdout.take().expect("piped"), Arc::clone(&log), Some(sender));
        read_lines(child.stderr.take().expect("piped"), Arc::clone(&log), None);
        let mut server = Self { child, base: String::new(), data: data.to_owned(), events, log, owned_data: None };
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
        self.log.lock().expect("no reader panics").join("\n")
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

    /// Ends the server as an init system does, and waits for it.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .expect("the process is ours and not yet waited for");
        assert!(self.closes_in_time(), "still running {} s after SIGTERM:\n{}", STOP.as_secs(), self.log());
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
        // Either it runs, or it has ended already: both are what is asked.
        let _ = self.child.kill();
        let _ = self.child.wait();
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

/// Keeps the lines of one stream and tells what they mean; reading on keeps the server from blocking on a full pipe.
fn read_lines(stream: impl Read + Send + 'static, log: Arc<Mutex<Vec<String>>>, events: Option<Sender<Event>>) {
    thread::spawn(move || {
        let mut announced = false;
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let listening = !announced && line.contains(LISTENING);
            {
                let mut lines = log.lock().expect("no reader panics");
                if lines.len() == LINES_KEPT {
                    lines.remove(0);
                }
                lines.push(line);
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
