//! The command line of the real binary, in a directory and with a user's settings of its own.

use super::variable;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A person at a shell: a home of their own, a working directory, and the server they speak to.
pub(crate) struct Shell {
    home: tempfile::TempDir,
    url: Option<String>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Panics with what was said unless the command ended with this exit code; returns its data.
    pub(crate) fn expect(&self, code: i32) -> &str {
        assert_eq!(self.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        &self.stdout
    }

    /// Panics unless the command failed with this exit code and these words, in one sentence without a value.
    pub(crate) fn refused(&self, code: i32, words: &str) -> &str {
        self.expect(code);
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(words), "{words:?} in:\n{}", self.stderr);
        &self.stderr
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// The data as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

impl Shell {
    /// Somebody who speaks to the server at `url`.
    pub(crate) fn new(url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::offline() }
    }

    /// Somebody on the server's own machine, for commands that ask no server.
    pub(crate) fn offline() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary directory"), url: None }
    }

    /// The working directory.
    pub(crate) fn dir(&self) -> PathBuf {
        let dir = self.home.path().join("work");
        std::fs::create_dir_all(&dir).expect("the directory is ours");
        dir
    }

    /// A file in the working directory, readable by its owner only.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir().join(name);
        std::fs::write(&path, content).expect("the directory is ours");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the file is ours");
        path
    }

    /// A command of this person, not run yet. Nothing of whoever runs the tests reaches it.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.program(Path::new(env!("CARGO_BIN_EXE_holdfast")));
        command.args(arguments);
        command
    }

    /// Any program in this person's surroundings.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(variable("PATH").map(|path| ("PATH", path)));
        command.env("HOME", self.home.path()).env("HOLDFAST_CONFIG_DIR", self.home.path().join("settings"));
        command.envs(self.url.iter().map(|url| ("HOLDFAST_URL", url)));
        command.current_dir(self.dir()).stdin(Stdio::null());
        command
    }

    /// Runs a command line: words without quotes, split at spaces.
    pub(crate) fn run(&self, line: &str) -> Done {
        self.call(line.split_whitespace(), b"")
    }

    /// Runs a command that reads `input`.
    pub(crate) fn feed(&self, line: &str, input: &[u8]) -> Done {
        self.call(line.split_whitespace(), input)
    }

    /// Runs a command with these arguments and this input.
    pub(crate) fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Done {
        finish(self.command(arguments), input)
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Done {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is there");
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    let output = child.wait_with_output().expect("the process is ours");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
