//! Verbs of the HTTP API for tests: what a client does, in the words of the product.

use super::http::{self, Response};
use serde_json::{Value, json};

/// Somebody with a token, and where the server is.
#[derive(Clone)]
pub(crate) struct Api {
    base: String,
    token: Option<String>,
}

impl Api {
    /// Speaks to the server at `base` (`http://host:port`) with this token.
    pub(crate) fn new(base: &str, token: &str) -> Self {
        Self { base: base.to_owned(), token: Some(token.to_owned()) }
    }

    /// The same server, with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self::new(&self.base, token)
    }

    /// The token it speaks with.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or("")
    }

    /// A request below `/api/v1`, with a JSON body or none.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        http::request(&self.base, method, &format!("/api/v1{path}"), self.token.as_deref(), body)
    }

    /// A JSON request below `/api/v1` with more headers.
    pub(crate) fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let bearer = format!("Bearer {}", self.token());
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.raw(method, path, &all, body.to_string().as_bytes())
    }

    /// A request below `/api/v1` with exactly these headers and bytes.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        http::send(&self.base, method, &format!("/api/v1{path}"), headers, body)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Response {
        self.send("POST", path, Some(&body))
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Response {
        self.send("PATCH", path, Some(&body))
    }

    pub(crate) fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, None)
    }

    /// Makes a project.
    pub(crate) fn project(&self, slug: &str) {
        self.post("/projects", json!({ "slug": slug })).expect(201);
    }

    /// Makes an environment `project/environment`, with more fields.
    pub(crate) fn environment(&self, place: &str, mut fields: Value) -> Value {
        let (project, slug) = parts(place);
        fields["slug"] = json!(slug);
        self.post(&format!("/projects/{project}/environments"), fields).expect(201)
    }

    /// Writes a secret, which may be new; answers what the server said of it.
    pub(crate) fn set(&self, place: &str, name: &str, value: &str) -> Value {
        self.write(place, name, json!({ "value": value }))
    }

    /// Writes a secret with all there is to say of it.
    pub(crate) fn write(&self, place: &str, name: &str, fields: Value) -> Value {
        let answer = self.put(place, name, fields);
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        answer.json()
    }

    /// Tries to write a secret of the top folder.
    pub(crate) fn put(&self, place: &str, name: &str, fields: Value) -> Response {
        self.send("PUT", &secret(place, name), Some(&fields))
    }

    /// Tries to read a secret's value.
    pub(crate) fn reveal(&self, place: &str, name: &str) -> Response {
        self.get(&format!("{}?reveal=true", secret(place, name)))
    }

    /// The value of a secret.
    pub(crate) fn value(&self, place: &str, name: &str) -> String {
        let answer = self.reveal(place, name).expect(200);
        answer["value"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Tries to read the resolved variables of an environment.
    pub(crate) fn variables(&self, place: &str) -> Response {
        self.get(&format!("{}/variables", environment(place)))
    }

    /// All secrets of an environment, of every folder, page by page.
    pub(crate) fn list(&self, place: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("{}/secrets?recursive=true&limit=500{cursor}", environment(place));
            let page = self.get(&path).expect(200);
            items.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// A service account of the organization with one role on one node (`{}` is the whole organization), and its key.
    pub(crate) fn machine(&self, name: &str, role: &str, node: Value) -> Self {
        self.with_token(&self.machine_key(name, role, node, json!({})))
    }

    /// The token of a new service account's key, made with these fields.
    pub(crate) fn machine_key(&self, name: &str, role: &str, mut node: Value, key: Value) -> String {
        node["role"] = json!(role);
        let account = self.post("/service-accounts", json!({ "name": name, "grants": [node] })).expect(201);
        let id = account["id"].as_str().expect("an id");
        let key = self.post(&format!("/service-accounts/{id}/keys"), key).expect(201);
        key["token"].as_str().expect("shown once").to_owned()
    }

    /// A person with one role, signed in by password.
    pub(crate) fn person(&self, email: &str, role: &str, node: Value) -> Self {
        let mut fields = node;
        fields["email"] = json!(email);
        fields["password"] = json!("four words of a test");
        fields["role"] = json!(role);
        self.post("/members", fields).expect(201);
        self.sign_in(email)
    }

    /// Signs a person in.
    pub(crate) fn sign_in(&self, email: &str) -> Self {
        let body = json!({ "email": email, "password": "four words of a test" });
        let answer = http::request(&self.base, "POST", "/api/v1/sessions", None, Some(&body)).expect(201);
        self.with_token(answer["token"].as_str().expect("shown once"))
    }
}

/// `/projects/P/environments/E` of `P/E`.
pub(crate) fn environment(place: &str) -> String {
    let (project, environment) = parts(place);
    format!("/projects/{project}/environments/{environment}")
}

/// `/projects/P/environments/E/secrets/NAME` of `P/E`.
pub(crate) fn secret(place: &str, name: &str) -> String {
    format!("{}/secrets/{name}", environment(place))
}

fn parts(place: &str) -> (&str, &str) {
    place.split_once('/').expect("a place is project/environment")
}

/// Panics with the answer unless it is this refusal: the status, the stable code, a sentence and a request to ask
/// after.
pub(crate) fn refused(answer: &Response, status: u16, code: &str) -> Value {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    problem
}
