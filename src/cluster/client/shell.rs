//! A command in a container, and a port of a pod.

use std::pin::Pin;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::shown;
use super::{CALL, Client, ClientError, place};
use crate::cluster::Resource;

/// What waits in one direction of a command, in bytes.
const BUFFER: usize = 64 << 10;

/// A command that runs in a container.
pub struct Exec {
    /// What it reads, until it is shut down; none where it was to read nothing.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// What it writes.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it writes to its errors; none with a terminal, where both are one.
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// How it ended. What comes of it ends when this is dropped.
    pub status: Pin<Box<dyn Future<Output = Ended> + Send>>,
    /// Tells the terminal its columns and rows; does nothing without one.
    pub resize: Box<dyn FnMut(u16, u16) + Send>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Exit(i32),
    /// It did not begin: the container has no such program.
    NotFound,
    /// It did not begin: the program may not be executed.
    NotExecutable,
    /// Nobody knows; what the cluster says, which may be nothing.
    Unknown(String),
}

/// A connection to a port of a pod.
pub struct Forward {
    /// What goes to and fro.
    pub stream: Box<dyn Duplex>,
    /// What the cluster says when there is no connection; none when it ended by itself.
    pub failed: Pin<Box<dyn Future<Output = Option<String>> + Send>>,
}

/// Something that is read from and written to.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Client {
    /// Runs a command in a container; `stdin` says whether it reads anything, `tty` whether it gets a terminal.
    ///
    /// # Errors
    /// As every call: the pod or container is not there, or not running.
    pub async fn exec(
        &self,
        (namespace, pod, container): (&str, &str, &str),
        command: &[String],
        stdin: bool,
        tty: bool,
    ) -> Result<Exec, ClientError> {
        place(Resource::Pod, Some(namespace), Some(pod))?;
        let ask = AttachParams {
            container: Some(container.to_owned()),
            stdin,
            stdout: true,
            stderr: !tty,
            tty,
            max_stdin_buf_size: Some(BUFFER),
            max_stdout_buf_size: Some(BUFFER),
            max_stderr_buf_size: Some(BUFFER),
        };
        let pods: Api<Pod> = Api::namespaced(self.kube.clone(), namespace);
        let opened = tokio::time::timeout(CALL, pods.exec(pod, command.iter().map(String::as_str), &ask)).await;
        let mut process =
            opened.map_err(|_| self.silent())?.map_err(|error| ClientError::of_kube(&error, &self.server))?;
        let none = || ClientError::Broken("the stream has no channels".into());
        let stdin = process.stdin().map(|writer| Box::new(writer) as Box<dyn AsyncWrite + Send + Unpin>);
        let stdout = Box::new(process.stdout().ok_or_else(none)?);
        let stderr = process.stderr().map(|reader| Box::new(reader) as Box<dyn AsyncRead + Send + Unpin>);
        let mut window = process.terminal_size();
        let status = process.take_status().ok_or_else(none)?;
        let status = Box::pin(async move {
            let status = status.await;
            if status.is_some() {
                // It hands over what is left, and ends; dropped, it would be cut off.
                drop(process.join().await);
            }
            status.map_or(Ended::Unknown(String::new()), |status| ended(&status))
        });
        let resize = Box::new(move |width, height| {
            if let Some(window) = &mut window {
                // A command that has ended has no terminal to tell.
                drop(window.try_send(TerminalSize { width, height }));
            }
        });
        Ok(Exec { stdin, stdout, stderr, status, resize })
    }

    /// A connection to a port of a pod.
    ///
    /// # Errors
    /// As every call: the pod is not there, or not running.
    pub async fn forward(&self, namespace: &str, pod: &str, port: u16) -> Result<Forward, ClientError> {
        place(Resource::Pod, Some(namespace), Some(pod))?;
        let pods: Api<Pod> = Api::namespaced(self.kube.clone(), namespace);
        let opened = tokio::time::timeout(CALL, pods.portforward(pod, &[port])).await;
        let mut opened =
            opened.map_err(|_| self.silent())?.map_err(|error| ClientError::of_kube(&error, &self.server))?;
        let none = || ClientError::Broken("the stream has no channels".into());
        let stream = Box::new(opened.take_stream(port).ok_or_else(none)?);
        let failed = Box::pin(opened.take_error(port).ok_or_else(none)?);
        Ok(Forward { stream, failed })
    }
}

/// How a command ended of which the cluster says this. Runtimes of containers say in words only that one did not begin.
fn ended(status: &Status) -> Ended {
    if status.status.as_deref() == Some("Success") {
        return Ended::Exit(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    if let Some(code) = code.and_then(|cause| cause.message.as_deref()?.parse().ok()) {
        return Ended::Exit(code);
    }
    let said = status.message.as_deref().unwrap_or_default();
    let words = said.to_ascii_lowercase();
    let is_of_program = words.contains("exec");
    if is_of_program && words.contains("permission denied") {
        Ended::NotExecutable
    } else if is_of_program && (words.contains("no such file or directory") || words.contains("not found in $path")) {
        Ended::NotFound
    } else {
        Ended::Unknown(shown(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_command_ended_is_in_what_the_cluster_says() {
        let ended = |text: &str| ended(&serde_json::from_str(text).expect("a status"));
        assert_eq!(ended(r#"{"status":"Success"}"#), Ended::Exit(0));
        let failed = r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;
        assert_eq!(ended(failed), Ended::Exit(7));
        let said = |words: &str| {
            ended(&serde_json::json!({"status": "Failure", "reason": "InternalError", "message": words}).to_string())
        };
        for words in [
            "failed to exec in container: OCI runtime exec failed: exec: \"nope\": executable file not found in $PATH: unknown",
            "exec failed: executable file `nope` not found in $PATH: No such file or directory: OCI runtime error",
            "failed to exec: exec: \"/nope\": stat /nope: no such file or directory: unknown",
        ] {
            assert_eq!(said(words), Ended::NotFound, "{words}");
        }
        assert_eq!(said("OCI runtime exec failed: exec: \"/etc/passwd\": permission denied"), Ended::NotExecutable);
        assert_eq!(said("the node is\ngone"), Ended::Unknown("the node is gone".into()));
    }
}
