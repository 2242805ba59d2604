//! The client of a server that is not ours: what is to be imported is asked for, several questions at once.
//!
//! As strict as the client of our own server: no redirect, no proxy, every answer bounded. The credential goes to the
//! address that was named, in a header, and to nowhere else.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Url};
use serde_json::Value;

use super::{chain, header, parse_base, root_cause};
use crate::cli::error::{CliError, Exit};
use crate::types::SecretString;

/// Largest answer, in bytes.
const MAX_ANSWER: usize = 32 << 20;
/// Questions on their way at once.
const AT_ONCE: usize = 16;
/// How often a question is asked at most, when the server is busy or away.
const TRIES: u32 = 6;
/// The wait before the second try; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A question: the path below the address, and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The segments of the path.
    pub segments: Vec<String>,
    /// The parameters.
    pub query: Vec<(&'static str, String)>,
}

impl Question {
    /// Asks for what is at these segments.
    pub fn new(segments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { segments: segments.into_iter().map(Into::into).collect(), query: Vec::new() }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    fn url(&self, base: &Url) -> Result<Url, CliError> {
        let mut url = base.clone();
        {
            let cannot = || CliError::usage(format!("{base} cannot have a path"));
            let mut path = url.path_segments_mut().map_err(|()| cannot())?;
            path.pop_if_empty();
            for segment in &self.segments {
                if matches!(segment.as_str(), "" | "." | "..") {
                    return Err(CliError::failed(format!("`{segment}` in a path would address something else")));
                }
                path.push(segment);
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// What was told.
#[derive(Debug)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The body; null where it is empty.
    pub body: Value,
}

/// A connection to a foreign server.
pub struct Foreign {
    base: Url,
    headers: HeaderMap,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Foreign {
    /// A client of the server at `base` that sends these headers. With `ca` only certificates of these authorities (PEM)
    /// are trusted, else the machine's.
    ///
    /// # Errors
    /// No address, no certificates, or a header no request can carry.
    pub fn new(base: &str, ca: Option<&[u8]>, headers: &[(&'static str, SecretString)]) -> Result<Self, CliError> {
        let base = parse_base(base)?;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = ca {
            let trusted = Certificate::from_pem_bundle(pem).ok().filter(|c| !c.is_empty());
            let none = || CliError::failed("the CA file holds no PEM certificate");
            builder = builder.tls_certs_only(trusted.ok_or_else(none)?);
        } else if base.scheme() == "http" {
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let http =
            builder.build().map_err(|e| CliError::failed(format!("the HTTP client does not start: {}", chain(&e))))?;
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let refused = || CliError::usage(format!("what is given for {name} has characters no header can carry"));
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
            value.set_sensitive(true);
            map.insert(HeaderName::from_static(name), value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| CliError::failed(format!("no runtime: {e}")))?;
        Ok(Self { base, headers: map, http, runtime })
    }

    /// Whether what is sent could be read on the way to another machine.
    pub fn in_the_clear(&self) -> bool {
        let here = |host: &str| host == "localhost" || host.starts_with("127.") || host == "[::1]";
        self.base.scheme() == "http" && !self.base.host_str().is_some_and(here)
    }

    /// Asks one question.
    ///
    /// # Errors
    /// No answer, or one that is not JSON or too large.
    pub fn ask(&self, question: &Question) -> Result<Told, CliError> {
        self.runtime.block_on(self.told(question))
    }

    /// Asks many questions, several at once; `each` gets the answers in the order of the questions.
    ///
    /// # Errors
    /// As [`Foreign::ask`], and what `each` answers: the rest is not asked.
    pub fn ask_all(
        &self,
        questions: &[Question],
        each: &mut dyn FnMut(usize, Told) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        self.runtime.block_on(async {
            let mut answers = futures_util::stream::iter(questions.iter().map(|q| self.told(q))).buffered(AT_ONCE);
            let mut index = 0;
            while let Some(told) = answers.next().await {
                each(index, told?)?;
                index += 1;
            }
            Ok(())
        })
    }

    async fn told(&self, question: &Question) -> Result<Told, CliError> {
        let url = question.url(&self.base)?;
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.attempt(url.clone()).await {
                Ok(response) if !matches!(response.status().as_u16(), 412 | 429 | 503) => {
                    return self.read(response).await;
                }
                Ok(response) => {
                    let asked = header(&response, "retry-after").and_then(|s| s.parse().ok()).map(Duration::from_secs);
                    wait = asked.unwrap_or(wait).min(LONGEST_WAIT);
                }
                Err(e) if e.is_connect() => {}
                Err(e) => return Err(self.unreachable(&e)),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        match self.attempt(url).await {
            Ok(response) => self.read(response).await,
            Err(e) => Err(self.unreachable(&e)),
        }
    }

    async fn attempt(&self, url: Url) -> Result<reqwest::Response, reqwest::Error> {
        self.http.get(url).headers(self.headers.clone()).header("accept", "application/json").send().await
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Told, CliError> {
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(CliError::failed(format!("an answer of {} is larger than 32 MiB", self.base)));
            }
            body.extend_from_slice(&chunk);
        }
        if body.is_empty() {
            return Ok(Told { status, body: Value::Null });
        }
        // The parser's own message may quote what it could not read.
        let body = serde_json::from_slice(&body).map_err(|_| {
            CliError::failed(format!("{} answered {status}, and not with JSON", self.base))
                .hint("is this the address of its API, without anything in between?")
        })?;
        Ok(Told { status, body })
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let what = if error.is_timeout() {
            "did not answer in time".to_owned()
        } else if error.is_connect() {
            format!("cannot be reached: {}", root_cause(error))
        } else {
            format!("broke off: {}", root_cause(error))
        };
        CliError::new(Exit::Unreachable, format!("{} {what}", self.base))
    }
}
