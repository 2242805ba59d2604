//! Answers that do not end: what changes, and what a container writes.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::Method;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

use super::error::Status;
use super::{ANSWER_MAX, CALL, Client, ClientError, place, query, readable};
use crate::cluster::Resource;
use crate::types::Timestamp;

/// How long the cluster keeps a watch open; whoever watches begins a new one where it ended.
const WATCH: Duration = Duration::from_mins(4);
/// How long a watch may be silent: a bookmark comes about every minute.
const SILENCE: Duration = Duration::from_secs(150);

/// What a watch tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// It is new or has changed: as it is now.
    Changed(Value),
    /// It is gone: as it was last.
    Gone(Value),
    /// Nothing happened up to this version.
    Mark(String),
}

/// Which lines of a container are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogAsk {
    /// Which container of the pod.
    pub container: String,
    /// Whether to stay and tell what is written from now on.
    pub follow: bool,
    /// Whether it is about the container before the last restart.
    pub previous: bool,
    /// Only lines written after this moment.
    pub since: Option<Timestamp>,
    /// Only so many of the last lines.
    pub tail: Option<u32>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
}

impl LogAsk {
    fn query(&self) -> String {
        let mut text = format!("?{}", query("container", &self.container).trim_start_matches('&'));
        for (on, flag) in [(self.follow, "follow"), (self.previous, "previous"), (self.timestamps, "timestamps")] {
            if on {
                text.push_str(&query(flag, "true"));
            }
        }
        if let Some(since) = self.since {
            text.push_str(&query("sinceTime", &since.to_string()));
        }
        if let Some(lines) = self.tail {
            text.push_str(&query("tailLines", &lines.to_string()));
        }
        text
    }
}

#[derive(Deserialize)]
struct WatchLine {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl Client {
    /// What changes from version `from` on, of the objects in the namespace (or everywhere) that the selector fits.
    /// Ends after some minutes: then watch again from the last version that was told.
    ///
    /// # Errors
    /// As every call, then per item; [`ClientError::Expired`] when `from` is too old: list again. Secrets are never read.
    pub async fn watch(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: &str,
        from: &str,
    ) -> Result<impl Stream<Item = Result<Watched, ClientError>> + Send + use<>, ClientError> {
        let path = place(readable(resource)?, namespace, None)?;
        let path = format!(
            "{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}{}{}",
            WATCH.as_secs(),
            query("resourceVersion", from),
            query("labelSelector", selector),
        );
        let body = self.open(&path, resource).await?;
        let lines = Lines { client: self.clone(), body, held: Vec::new(), looked: 0, over: false };
        Ok(stream::unfold(lines, |mut lines| async move {
            let item = match lines.next().await? {
                Ok(line) => told(&line),
                Err(error) => Err(error),
            };
            lines.over |= item.is_err();
            Some((item, lines))
        })
        .boxed())
    }

    /// What a container writes, in pieces as they come.
    ///
    /// # Errors
    /// As every call, then per piece.
    pub async fn logs(
        &self,
        namespace: &str,
        pod: &str,
        ask: &LogAsk,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Send + use<>, ClientError> {
        let path = format!("{}/log{}", place(Resource::Pod, Some(namespace), Some(pod))?, ask.query());
        let body = self.open(&path, Resource::Pod).await?;
        let server = std::sync::Arc::clone(&self.server);
        Ok(body
            .into_data_stream()
            .map(move |piece| piece.map_err(|error| ClientError::of_kube(&error, &server)))
            .boxed())
    }

    /// Opens a stream: the answer has to begin in time.
    async fn open(&self, path: &str, about: Resource) -> Result<Body, ClientError> {
        let call = async {
            let response = self.send(Method::GET, path, None).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response.into_body());
            }
            let said = self.collect(response.into_body()).await?;
            Err(ClientError::of_answer(status.as_u16(), &said, Some(about)))
        };
        tokio::time::timeout(CALL, call).await.unwrap_or_else(|_| Err(self.silent()))
    }
}

/// A body cut at its line feeds.
struct Lines {
    client: Client,
    body: Body,
    held: Vec<u8>,
    /// Bytes of `held` that are known to have no line feed.
    looked: usize,
    over: bool,
}

impl Lines {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ClientError>> {
        loop {
            if self.over {
                return None;
            }
            if let Some(at) = memchr::memchr(b'\n', &self.held[self.looked..]) {
                let rest = self.held.split_off(self.looked + at + 1);
                let line = std::mem::replace(&mut self.held, rest);
                self.looked = 0;
                return Some(Ok(line));
            }
            self.looked = self.held.len();
            match tokio::time::timeout(SILENCE, self.body.frame()).await {
                Err(_) => return Some(Err(self.client.silent())),
                // A line that is cut off is told again by the next watch.
                Ok(None) => self.over = true,
                Ok(Some(Err(error))) => return Some(Err(ClientError::of_kube(&error, &self.client.server))),
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if self.held.len() + data.len() > ANSWER_MAX {
                        return Some(Err(ClientError::TooLarge));
                    }
                    self.held.extend_from_slice(&data);
                }
            }
        }
    }
}

/// What one line of a watch says.
fn told(line: &[u8]) -> Result<Watched, ClientError> {
    let broken = || ClientError::Broken("a line of the watch is not JSON".into());
    let line: WatchLine = serde_json::from_slice(line).map_err(|_| broken())?;
    match line.kind.as_str() {
        "ADDED" | "MODIFIED" => Ok(Watched::Changed(line.object)),
        "DELETED" => Ok(Watched::Gone(line.object)),
        "BOOKMARK" => {
            let version = line.object["metadata"]["resourceVersion"].as_str().ok_or_else(broken)?;
            Ok(Watched::Mark(version.to_owned()))
        }
        _ => {
            let said: Status = serde_json::from_value(line.object).unwrap_or_default();
            Err(ClientError::of_status(said.code, &said, None))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_watch_are_read() {
        let line = br#"{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}"#;
        assert_eq!(told(line).expect("reads"), Watched::Changed(serde_json::json!({"metadata": {"name": "a"}})));
        let line = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}"#;
        assert_eq!(told(line).expect("reads"), Watched::Mark("7".into()));
        let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#;
        assert!(matches!(told(line), Err(ClientError::Expired)));
        assert!(matches!(told(b"<html>"), Err(ClientError::Broken(_))));
    }

    #[test]
    fn a_question_for_logs_names_only_what_is_wanted() {
        let ask = LogAsk { container: "api".into(), follow: true, tail: Some(5), ..LogAsk::default() };
        assert_eq!(ask.query(), "?container=api&follow=true&tailLines=5");
    }
}
