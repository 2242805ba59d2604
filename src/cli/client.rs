//! The HTTP client: one request at a time on a current-thread runtime, everything bounded.
//!
//! Redirects are never followed and no proxy is used, so a token goes to the URL that was named and to
//! nowhere else. A token that is over is replaced where the login left what replaces it (`renew`). [`foreign`] is the client of servers that are not ours. An http:// URL loads no TLS roots: start-up is part of the cost of `holdfast run`.

pub mod foreign;
mod renew;
mod socket;

pub use renew::Renewing;
pub use socket::{Hearing, PING_EVERY, Socket, Telling};

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use serde::Serialize;
use serde_json::Value;

use super::error::{CliError, Exit};
use crate::types::{Clock, Id, SecretString, SystemClock, kinds};

/// Largest answer read into memory, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How often a request that is safe to repeat is sent again.
const RETRIES: u32 = 2;
/// How often a patient request waits when the server says it came too often.
const PATIENCE: u32 = 100;
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Items of one page, the most the API gives.
const PAGE: usize = 500;

/// One request, before it has a server.
#[derive(Debug)]
pub struct Request {
    method: Method,
    segments: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    if_match: Option<String>,
    if_none_match: Option<String>,
    idempotency_key: Option<String>,
    patient: bool,
    upgrade: Option<socket::Upgrade>,
}

impl Request {
    fn new(method: Method, segments: &[&str]) -> Self {
        Self {
            method,
            segments: segments.iter().map(|&s| s.to_owned()).collect(),
            query: Vec::new(),
            body: None,
            if_match: None,
            if_none_match: None,
            idempotency_key: None,
            patient: false,
            upgrade: None,
        }
    }

    /// Reads the resource at these path segments below `/api/v1`.
    pub fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// Creates or acts. Carries an `Idempotency-Key`, so that it may be sent again.
    pub fn post(segments: &[&str]) -> Self {
        let key = Id::<kinds::Request>::new(SystemClock.now()).to_string();
        Self { idempotency_key: Some(key), ..Self::new(Method::POST, segments) }
    }

    /// Writes the resource whole.
    pub fn put(segments: &[&str]) -> Self {
        Self::new(Method::PUT, segments)
    }

    /// Changes a part of the resource.
    pub fn patch(segments: &[&str]) -> Self {
        Self::new(Method::PATCH, segments)
    }

    /// Deletes the resource.
    pub fn delete(segments: &[&str]) -> Self {
        Self::new(Method::DELETE, segments)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn query_opt(self, key: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// Adds `key=true` if `on`.
    #[must_use]
    pub fn flag(self, key: &'static str, on: bool) -> Self {
        if on { self.query(key, "true") } else { self }
    }

    /// Sends this JSON body. Fields that are null are left out by the caller's types.
    #[must_use]
    pub fn body(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(body).ok();
        self
    }

    /// Only if the resource still has this ETag.
    #[must_use]
    pub fn if_match(mut self, etag: Option<String>) -> Self {
        self.if_match = etag;
        self
    }

    /// Waits and asks again where the server says there were too many requests: for long work that nobody watches.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Only if the resource has no longer this ETag; an answer that it has is [`Answer::unchanged`].
    #[must_use]
    pub fn if_none_match(mut self, etag: Option<&str>) -> Self {
        self.if_none_match = etag.map(str::to_owned);
        self
    }

    /// The URL of this request on the server `base`.
    ///
    /// # Errors
    /// A segment that would change the path itself: empty, `.` or `..` would address the parent, so that
    /// `projects delete ..` must not become a request on the list of projects.
    fn url(&self, base: &Url) -> Result<Url, CliError> {
        let mut url = base.clone();
        {
            let mut path =
                url.path_segments_mut().map_err(|()| CliError::usage("the server URL cannot have a path"))?;
            path.pop_if_empty().extend(["api", "v1"]);
            for segment in &self.segments {
                if matches!(segment.as_str(), "" | "." | "..") {
                    return Err(CliError::usage(format!("`{segment}` is not a name")));
                }
                path.push(segment);
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }

    fn may_repeat(&self) -> bool {
        self.method != Method::POST && self.method != Method::PATCH || self.idempotency_key.is_some()
    }
}

/// A successful answer.
#[derive(Debug)]
pub struct Answer {
    /// The ETag, where the resource has one.
    pub etag: Option<String>,
    /// Whether the resource is as the request said it is known.
    pub unchanged: bool,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; an empty body is null.
    ///
    /// # Errors
    /// The body is not JSON: this is not a Holdfast server.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, CliError> {
        let body = if self.body.is_empty() { &b"null"[..] } else { &self.body };
        serde_json::from_slice(body).map_err(|e| {
            CliError::failed(format!("the server's answer is not what Holdfast answers: {e}"))
                .hint("check --url (or HOLDFAST_URL), and that client and server have the same version")
        })
    }

    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }
}

/// A connection to one server, with at most one credential.
pub struct Client {
    base: Url,
    token: Mutex<Option<SecretString>>,
    renewing: Option<Renewing>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// A client of the server at `base`; nothing is sent yet.
    ///
    /// # Errors
    /// The URL is not one, or the machine's TLS roots cannot be read.
    pub fn new(base: &str, token: Option<SecretString>) -> Result<Self, CliError> {
        let base = parse_base(base)?;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .user_agent(agent());
        if base.scheme() == "http" {
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let http =
            builder.build().map_err(|e| CliError::failed(format!("the HTTP client does not start: {}", chain(&e))))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|e| CliError::failed(format!("no runtime: {e}")))?;
        Ok(Self { base, token: Mutex::new(token), renewing: None, http, runtime })
    }

    /// The base URL, without a trailing slash.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether a credential goes with the requests.
    pub fn has_token(&self) -> bool {
        self.token().is_some()
    }

    /// The same client, which replaces its token when that is over.
    #[must_use]
    pub fn renewing(self, renewing: Renewing) -> Self {
        Self { renewing: Some(renewing), ..self }
    }

    fn token(&self) -> MutexGuard<'_, Option<SecretString>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs what goes both ways at once.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Lets time pass between two questions to a server that said how long.
    pub fn pause(&self, wait: Duration) {
        self.runtime.block_on(tokio::time::sleep(wait));
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// No connection, an error status, an answer over 64 MiB.
    pub fn send(&self, request: &Request) -> Result<Answer, CliError> {
        let mut body = Vec::new();
        let (etag, unchanged) = self.runtime.block_on(async {
            let response = self.start(request).await?;
            let (etag, unchanged) = (header(&response, "etag"), response.status().as_u16() == 304);
            self.read(response, &mut |chunk| {
                if body.len() + chunk.len() > MAX_ANSWER {
                    return Err(
                        CliError::failed("the server's answer is larger than 64 MiB").hint("ask for less at once")
                    );
                }
                body.extend_from_slice(chunk);
                Ok(())
            })
            .await?;
            Ok::<_, CliError>((etag, unchanged))
        })?;
        Ok(Answer { etag, unchanged, body })
    }

    /// Sends `request` and reads the answer as JSON.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Answer::json`].
    pub fn json(&self, request: &Request) -> Result<Value, CliError> {
        self.send(request)?.json()
    }

    /// Sends `request` and hands the answer on in pieces, without keeping it.
    ///
    /// # Errors
    /// As [`Client::send`], without a bound on the size; and what `sink` refuses.
    pub fn stream(
        &self,
        request: &Request,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        self.runtime.block_on(async {
            let response = self.start(request).await?;
            self.read(response, sink).await
        })
    }

    /// All items of a list, page by page, at most `limit`. `next_cursor` of the answer is set if there are more.
    ///
    /// # Errors
    /// As [`Client::json`].
    pub fn list(&self, request: impl Fn() -> Request, limit: usize) -> Result<Value, CliError> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = PAGE.min(limit - items.len());
            let request = request().query("limit", page.to_string()).query_opt("cursor", cursor.as_deref());
            let mut answer = self.json(&request)?;
            let Some(Value::Array(mut more)) = answer.get_mut("items").map(Value::take) else {
                return Err(CliError::failed("the server's answer is not a list"));
            };
            // A server that gives empty pages for ever must not keep us for ever.
            let ended = more.is_empty();
            items.append(&mut more);
            cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if ended || cursor.is_none() || items.len() >= limit {
                items.truncate(limit);
                return Ok(serde_json::json!({ "items": items, "next_cursor": cursor }));
            }
        }
    }

    async fn start(&self, request: &Request) -> Result<reqwest::Response, CliError> {
        match self.once(request).await {
            // Over, or replaced meanwhile by another command.
            Err(error) if matches!(error.code(), Some("token_expired" | "token_invalid")) && self.renew().await? => {
                self.once(request).await
            }
            answer => answer,
        }
    }

    async fn once(&self, request: &Request) -> Result<reqwest::Response, CliError> {
        let url = request.url(&self.base)?;
        let mut left = if request.may_repeat() { RETRIES } else { 0 };
        let mut patience = if request.patient { PATIENCE } else { 0 };
        let response = loop {
            let wait = match self.attempt(request, url.clone()).await {
                Ok(response) if patience > 0 && response.status().as_u16() == 429 => {
                    patience -= 1;
                    let asked = header(&response, "retry-after").and_then(|s| s.parse().ok()).unwrap_or(1);
                    Duration::from_secs(asked).min(LONGEST_WAIT)
                }
                Ok(response) => break response,
                Err(e) if e.is_connect() && left > 0 => {
                    left -= 1;
                    Duration::from_millis(50)
                }
                Err(e) => return Err(self.unreachable(&e)),
            };
            tokio::time::sleep(wait).await;
        };
        let status = response.status();
        if status.is_success() || matches!(status.as_u16(), 101 | 304) {
            return Ok(response);
        }
        let request_id = header(&response, "x-request-id");
        let location = header(&response, "location");
        let retry_after = header(&response, "retry-after");
        let mut body = Vec::new();
        // An error page may be anything: a megabyte of it is enough to find the sentence.
        let mut sink = |chunk: &[u8]| {
            let room = (1 << 20) - body.len().min(1 << 20);
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if room < chunk.len() { Err(CliError::failed("long")) } else { Ok(()) }
        };
        drop(self.read(response, &mut sink).await);
        let error = CliError::from_answer(status.as_u16(), request_id, location.as_deref(), &body);
        Err(match retry_after {
            Some(seconds) if status.as_u16() == 429 => error.hint(format!("try again in {seconds} seconds")),
            _ if status.as_u16() == 401 && self.token().is_none() => {
                error.hint("holdfast login, or set HOLDFAST_TOKEN")
            }
            _ => error,
        })
    }

    async fn attempt(&self, request: &Request, url: Url) -> Result<reqwest::Response, reqwest::Error> {
        let mut builder =
            self.http.request(request.method.clone(), url).header("accept", "application/json, */*;q=0.1");
        if let Some(token) = self.token().as_ref() {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(etag) = &request.if_match {
            builder = builder.header("if-match", etag);
        }
        if let Some(etag) = &request.if_none_match {
            builder = builder.header("if-none-match", etag);
        }
        if let Some(upgrade) = &request.upgrade {
            builder = upgrade.headers(builder);
        }
        if let Some(body) = &request.body {
            builder = builder.header("content-type", "application/json").body(body.clone());
        }
        builder.send().await
    }

    async fn read(
        &self,
        mut response: reqwest::Response,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            sink(&chunk)?;
        }
        Ok(())
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let what = if error.is_timeout() {
            "did not answer in time".to_owned()
        } else if error.is_connect() {
            format!("cannot be reached: {}", root_cause(error))
        } else {
            format!("broke off: {}", root_cause(error))
        };
        CliError::new(Exit::Unreachable, format!("{} {what}", self.base()))
            .hint("is the server running there? --url and HOLDFAST_URL say where it is")
    }
}

/// What this client calls itself, with the name of its machine: who confirms a login or looks through their sign-ins knows
/// it by that.
fn agent() -> String {
    let machine = rustix::system::uname();
    let name = machine.nodename().to_string_lossy();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).take(64).collect();
    format!("holdfast/{} ({name})", env!("CARGO_PKG_VERSION"))
}

/// Reads a server URL: http or https, with a host, without credentials, query or fragment.
///
/// # Errors
/// Anything else.
pub fn parse_base(text: &str) -> Result<Url, CliError> {
    let wrong = |why: &str| {
        CliError::usage(format!("`{text}` is not a server URL: {why}")).hint("like https://holdfast.example.com")
    };
    let url = Url::parse(text).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("http:// or https:// and a host are needed"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a name or password does not belong into it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it ends before any ? or #"));
    }
    Ok(url)
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}

#[cfg(test)]
mod tests;
