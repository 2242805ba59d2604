//! The socket in the data directory: what only somebody on this machine, with the server's own rights, may ask.
//!
//! One line of JSON each way: `{"op":"setup-token-new"}` is answered `{"path":"…"}`, or `{"error":{…}}`.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::{AppError, setup_token};
use crate::op::Op;
use crate::types::Failure as _;

/// The longest line either side reads.
const LINE_MAX: u64 = 4_096;
/// How long a client may take. One is served after the other, so this is also how long the next one waits.
const TALK_MAX: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
enum Request {
    SetupTokenNew {},
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Path(PathBuf),
    Error(Refusal),
}

#[derive(Serialize, Deserialize)]
struct Refusal {
    code: String,
    message: String,
    hint: String,
}

impl Answer {
    fn refusal(code: &str, message: String, hint: String) -> Self {
        Self::Error(Refusal { code: code.to_owned(), message, hint })
    }
}

/// Where the socket of a data directory is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("control.sock")
}

/// The listening socket; its name goes with it.
pub(super) struct Control {
    listener: UnixListener,
    dir: PathBuf,
}

impl Control {
    /// Listens in the data directory, whose lock the caller holds: a socket that is there is a dead process's.
    pub(super) fn listen(dir: &Path) -> Result<Self, AppError> {
        let path = path(dir);
        let _absent = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(AppError::io("listen on", &path))?;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, owner_only).map_err(AppError::io("protect", &path))?;
        Ok(Self { listener, dir: dir.to_owned() })
    }

    /// Answers, one after the other, until it is dropped. `op` makes the context of one request.
    pub(super) async fn serve(self, op: impl Fn() -> Op) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => self.talk(stream, op()).await,
                // Out of descriptors, most likely: let others give some back before the next try.
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept");
                    tokio::time::sleep(TALK_MAX).await;
                }
            }
        }
    }

    async fn talk(&self, mut stream: UnixStream, op: Op) {
        // The file's mode says so already; it may have been changed.
        let own = rustix::process::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0) {
            return;
        }
        let talk = async {
            let mut line = Vec::new();
            let (reading, mut writing) = stream.split();
            BufReader::new(reading.take(LINE_MAX)).read_until(b'\n', &mut line).await?;
            let answer = match serde_json::from_slice(&line) {
                Ok(request) => self.answer(request, &op).await,
                Err(_) => Answer::refusal("invalid_request", "this is no request of this socket".into(), String::new()),
            };
            let mut text = serde_json::to_vec(&answer)?;
            text.push(b'\n');
            writing.write_all(&text).await?;
            writing.shutdown().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(TALK_MAX, talk).await {
            tracing::debug!(%error, "a client of the control socket went away");
        }
    }

    async fn answer(&self, request: Request, op: &Op) -> Answer {
        let Request::SetupTokenNew {} = request;
        match setup_token::create(op, &self.dir).await {
            Ok(_) => Answer::Path(setup_token::path(&self.dir)),
            Err(error) => Answer::refusal(error.code(), error.to_string(), error.hint()),
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(path(&self.dir));
    }
}

/// Asks the server on this data for a new setup token; answers the file it is in.
///
/// # Errors
/// No server runs there, or it refused: the instance has its owner.
pub fn setup_token_new(dir: &Path) -> Result<PathBuf, AppError> {
    let path = path(dir);
    let mut stream = connect(&path).ok_or_else(|| AppError::NotRunning(dir.to_owned()))?;
    let mut talk = || {
        stream.set_read_timeout(Some(TALK_MAX * 2))?;
        stream.set_write_timeout(Some(TALK_MAX))?;
        let mut line = serde_json::to_vec(&Request::SetupTokenNew {})?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = Vec::new();
        (&stream).take(LINE_MAX).read_to_end(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    };
    match talk().map_err(AppError::io("ask the server over", &path))? {
        Answer::Path(path) => Ok(path),
        Answer::Error(refusal) => Err(AppError::Refused { message: refusal.message, hint: refusal.hint }),
    }
}

/// Whether a server answers on this data.
pub(super) fn is_running(dir: &Path) -> bool {
    connect(&path(dir)).is_some()
}

fn connect(path: &Path) -> Option<std::os::unix::net::UnixStream> {
    std::os::unix::net::UnixStream::connect(path).ok()
}
