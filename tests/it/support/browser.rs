//! A browser, as far as a server can tell: it keeps the cookie it was given, sends it along, and says where a request
//! comes from.

use serde_json::{Value, json};

use super::app::{PASSWORD, TestApp};
use super::http::{self, Response};

/// A browser with at most one cookie.
#[derive(Clone)]
pub(crate) struct Browser {
    base: String,
    /// `name=value`; empty for none.
    pub(crate) cookie: String,
    /// What requests that change something show.
    pub(crate) csrf: String,
    /// Headers of every request.
    pub(crate) extra: Vec<(String, String)>,
}

impl Browser {
    /// A browser nobody signed in with.
    pub(crate) fn new(app: &TestApp) -> Self {
        Self { base: app.base.clone(), cookie: String::new(), csrf: String::new(), extra: Vec::new() }
    }

    /// A browser somebody signed in with, by the password everybody has.
    pub(crate) fn signed_in(app: &TestApp, email: &str) -> Self {
        let mut browser = Self::new(app);
        browser.sign_in(json!({ "email": email, "password": PASSWORD })).expect(200);
        browser
    }

    /// Signs in with JSON, as a script of a page does; keeps what it gets.
    pub(crate) fn sign_in(&mut self, body: Value) -> Response {
        let answer = self.raw("POST", "/sign-in", &[("content-type", "application/json")], body.to_string().as_bytes());
        self.keep(&answer);
        if answer.status == 200 {
            answer.json()["csrf_token"].as_str().expect("a token").clone_into(&mut self.csrf);
        }
        answer
    }

    /// Keeps the cookie of an answer.
    pub(crate) fn keep(&mut self, answer: &Response) {
        if let Some(set) = answer.header("set-cookie") {
            set.split(';').next().expect("a pair").clone_into(&mut self.cookie);
        }
    }

    /// Any request of a page of the server itself, below `/api/v1`.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let csrf = [("x-csrf-token", self.csrf.as_str())];
        let csrf = if method == "GET" || self.csrf.is_empty() { &[][..] } else { &csrf[..] };
        self.send_with(method, path, csrf, body)
    }

    /// The same with these headers and no others.
    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        let bytes = body.map(Value::to_string).unwrap_or_default();
        self.raw(method, &format!("/api/v1{path}"), &all, bytes.as_bytes())
    }

    /// Any request, with the cookie.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut all = headers.to_vec();
        if !self.cookie.is_empty() {
            all.push(("cookie", &self.cookie));
        }
        all.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        http::send(&self.base, method, path, &all, body)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Response {
        self.send("POST", path, Some(&body))
    }

    pub(crate) fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, None)
    }
}
