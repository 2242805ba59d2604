//! A command in a container, and a port of a pod.

use std::pin::Pin;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{CALL, Client, ClientError, place};
use crate::cluster::Resource;

/// What waits in one direction of a command, in bytes.
const BUFFER: usize = 64 << 10;

/// A command that runs in a container.
pub struct Exec {
    /// What it reads.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it writes.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it writes to its errors; none with a terminal, where both are one.
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Its exit code; -1 when it is not known. The command ends when this is dropped.
    pub status: Pin<Box<dyn Future<Output = i32> + Send>>,
    /// Tells the terminal its columns and rows; does nothing without one.
    pub resize: Box<dyn FnMut(u16, u16) + Send>,
}

impl Client {
    /// Runs a command in a container.
    ///
    /// # Errors
    /// As every call: the pod or container is not there, or not running.
    pub async fn exec(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        command: &[String],
        tty: bool,
    ) -> Result<Exec, ClientError> {
        place(Resource::Pod, Some(namespace), Some(pod))?;
        let ask = AttachParams {
            container: Some(container.to_owned()),
            stdin: true,
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
        let stdin = Box::new(process.stdin().ok_or_else(none)?);
        let stdout = Box::new(process.stdout().ok_or_else(none)?);
        let stderr = process.stderr().map(|reader| Box::new(reader) as Box<dyn AsyncRead + Send + Unpin>);
        let mut window = process.terminal_size();
        let ended = process.take_status().ok_or_else(none)?;
        let status = Box::pin(async move {
            let status = ended.await;
            // Held until here: what goes to and fro ends with it.
            drop(process);
            status.map_or(-1, |status| exit_code(&status))
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
    pub async fn forward(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, ClientError> {
        place(Resource::Pod, Some(namespace), Some(pod))?;
        let pods: Api<Pod> = Api::namespaced(self.kube.clone(), namespace);
        let opened = tokio::time::timeout(CALL, pods.portforward(pod, &[port])).await;
        let mut opened =
            opened.map_err(|_| self.silent())?.map_err(|error| ClientError::of_kube(&error, &self.server))?;
        opened.take_stream(port).ok_or_else(|| ClientError::Broken("the stream has no channels".into()))
    }
}

/// The exit code of a command that ended with this word of the cluster's.
fn exit_code(status: &Status) -> i32 {
    if status.status.as_deref() == Some("Success") {
        return 0;
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    code.and_then(|cause| cause.message.as_deref()?.parse().ok()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_in_what_the_cluster_says() {
        let status = |text: &str| exit_code(&serde_json::from_str(text).expect("a status"));
        assert_eq!(status(r#"{"status":"Success"}"#), 0);
        let failed = r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;
        assert_eq!(status(failed), 7);
        assert_eq!(status(r#"{"status":"Failure","reason":"InternalError"}"#), -1);
    }
}
