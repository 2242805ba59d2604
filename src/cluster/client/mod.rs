//! The one client of Kubernetes.
//!
//! Every call has a time limit, every answer a size limit, and a failure says what was wrong in words of ours. It asks once:
//! whoever wants to try again knows better when. Secrets are created and deleted by it and never read, and what the
//! cluster answers to their creation is thrown away unread.

mod error;
mod guard;
mod shell;
mod stream;

pub use error::ClientError;
pub use shell::{Duplex, Ended, Exec, Forward};
pub use stream::{LogAsk, Watched};

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::Value;
use zeroize::Zeroizing;

use self::guard::Guard;
use super::access::{Access, Credential};
use super::resource::{MANAGED_BY, Resource};

/// How long one call may take, with its answer.
const CALL: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// Largest answer read into memory, in bytes.
const ANSWER_MAX: usize = 16 << 20;
/// Objects of one page of a list, and most pages.
const PAGE: u32 = 500;
const PAGES_MAX: u32 = 20;
/// Longest name of an object or namespace.
const NAME_MAX: usize = 253;

/// A cluster to speak to. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Client {
    kube: kube::Client,
    server: Arc<str>,
}

/// What became of a creation.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new, and this is it; null for a Secret.
    New(Value),
    /// One of that name was there, and is as it was.
    Exists,
}

/// A whole list.
#[derive(Debug)]
pub struct Listed {
    /// The objects.
    pub items: Vec<Value>,
    /// Of what version of the cluster's world: where a watch goes on.
    pub version: String,
}

/// An answer, not read further.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What time the cluster says it is.
    pub(super) date: Option<String>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Client {
    /// A client of this cluster. Connects with the first call. Must be called where tokio runs.
    ///
    /// # Errors
    /// The authority or the credential cannot be used; its address is one that is never connected to.
    pub fn new(access: &Access) -> Result<Self, ClientError> {
        Self::guarded(access, Guard::of_this_machine())
    }

    fn guarded(access: &Access, guard: Guard) -> Result<Self, ClientError> {
        let wrong = |what: &str| ClientError::Invalid(what.to_owned());
        let uri = access.server.parse().map_err(|_| wrong("the address of the server is none"))?;
        guard::require_open(&uri).map_err(|closed| ClientError::of_closed(&closed))?;
        let mut config = kube::Config::new(uri);
        config.root_cert = access.roots();
        config.connect_timeout = Some(CONNECT);
        config.write_timeout = Some(CALL);
        config.default_retry = false;
        match &access.credential {
            Credential::Token(token) => config.auth_info.token = Some(token.expose().as_str().into()),
            Credential::Certificate { chain, key } => {
                let base64 = &data_encoding::BASE64;
                config.auth_info.client_certificate_data = Some(base64.encode(chain.as_bytes()));
                config.auth_info.client_key_data = Some(base64.encode(key.expose().as_bytes()).into());
            }
        }
        let kube = guard.client(&config).map_err(|_| wrong("its authority or client certificate is no use"))?;
        Ok(Self { kube, server: access.server.as_str().into() })
    }

    /// Makes the object as `body` says, by server-side apply under our own field manager; with `dry_run` only says what
    /// it would be. What others own of it is taken over.
    ///
    /// # Errors
    /// As every call; Secrets are never applied: the answer would show what is in them.
    pub async fn apply(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        body: &Value,
        dry_run: bool,
    ) -> Result<Value, ClientError> {
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={MANAGED_BY}&force=true{dry}", place(resource, namespace, Some(name))?);
        let sent = ("application/apply-patch+yaml", body);
        self.json(Method::PATCH, &path, Some(sent), readable(resource)?).await
    }

    /// Makes a new object; one of that name that is there stays as it is.
    ///
    /// # Errors
    /// As every call.
    pub async fn create(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        body: &Value,
        dry_run: bool,
    ) -> Result<Created, ClientError> {
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={MANAGED_BY}{dry}", place(resource, namespace, None)?);
        let answer = self.raw(Method::POST, &path, Some(("application/json", body))).await?;
        match answer.status {
            200..=299 if resource == Resource::Secret => Ok(Created::New(Value::Null)),
            200..=299 => Ok(Created::New(read(&answer.body)?)),
            409 if reason(&answer.body) == "AlreadyExists" => Ok(Created::Exists),
            status => Err(ClientError::of_answer(status, &answer.body, Some(resource))),
        }
    }

    /// The object; none when it is not there.
    ///
    /// # Errors
    /// As every call; Secrets are never read.
    pub async fn get(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ClientError> {
        let path = place(readable(resource)?, namespace, Some(name))?;
        there(self.json(Method::GET, &path, None, resource).await)
    }

    /// All objects in the namespace (or everywhere) that both selectors fit; either may be empty.
    ///
    /// # Errors
    /// As every call; more than can be looked at; [`ClientError::Expired`] when the list took too long; Secrets are
    /// never read.
    pub async fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        selector: &str,
        fields: &str,
    ) -> Result<Listed, ClientError> {
        let base = place(readable(resource)?, namespace, None)?;
        let base = format!("{base}?limit={PAGE}{}{}", query("labelSelector", selector), query("fieldSelector", fields));
        let (mut items, mut next) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let path = format!("{base}{}", query("continue", &next));
            let mut page = self.json(Method::GET, &path, None, resource).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            let meta = |name: &str| page["metadata"][name].as_str().unwrap_or_default().to_owned();
            next = meta("continue");
            if next.is_empty() {
                return Ok(Listed { items, version: meta("resourceVersion") });
            }
        }
        Err(ClientError::TooLarge)
    }

    /// Deletes the object, and in the background what hangs on it; whether it was there. `grace` is in seconds.
    ///
    /// # Errors
    /// As every call.
    pub async fn delete(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        grace: Option<u32>,
    ) -> Result<bool, ClientError> {
        let mut options =
            serde_json::json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        if let Some(seconds) = grace {
            options["gracePeriodSeconds"] = seconds.into();
        }
        let path = place(resource, namespace, Some(name))?;
        let answer = self.raw(Method::DELETE, &path, Some(("application/json", &options))).await?;
        match answer.status {
            200..=299 => Ok(true),
            404 => Ok(false),
            status => Err(ClientError::of_answer(status, &answer.body, Some(resource))),
        }
    }

    /// Changes fields of the object (JSON merge patch); none when it is not there.
    ///
    /// # Errors
    /// As every call; Secrets are never patched.
    pub async fn merge(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Option<Value>, ClientError> {
        let path = format!("{}?fieldManager={MANAGED_BY}", place(readable(resource)?, namespace, Some(name))?);
        there(self.json(Method::PATCH, &path, Some(("application/merge-patch+json", patch)), resource).await)
    }

    /// Which Kubernetes it is, like `v1.34.4`.
    ///
    /// # Errors
    /// As every call.
    pub async fn version(&self) -> Result<String, ClientError> {
        let answer = self.raw(Method::GET, "/version", None).await?;
        if answer.status != 200 {
            return Err(ClientError::of_answer(answer.status, &answer.body, None));
        }
        let version = read(&answer.body)?;
        let version = version["gitVersion"].as_str().filter(|text| text.len() <= 64);
        version.map(str::to_owned).ok_or_else(|| ClientError::Broken("it does not say its version".into()))
    }

    /// What the cluster calls us.
    ///
    /// # Errors
    /// As every call; [`ClientError::Unauthorized`] when it takes us for nobody.
    pub(super) async fn whoami(&self) -> Result<String, ClientError> {
        let ask = serde_json::json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let answer = self.raw(Method::POST, path, Some(("application/json", &ask))).await?;
        if !(200..300).contains(&answer.status) {
            return Err(ClientError::of_answer(answer.status, &answer.body, None));
        }
        let name = read(&answer.body)?["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned();
        match name.as_str() {
            "" | "system:anonymous" => Err(ClientError::Unauthorized("it takes us for nobody".into())),
            _ => Ok(name.chars().filter(|c| !c.is_control()).take(256).collect()),
        }
    }

    /// Calls and reads the answer as JSON.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        sent: Option<(&str, &Value)>,
        about: Resource,
    ) -> Result<Value, ClientError> {
        let answer = self.raw(method, path, sent).await?;
        if (200..300).contains(&answer.status) {
            return read(&answer.body);
        }
        Err(ClientError::of_answer(answer.status, &answer.body, Some(about)))
    }

    /// Calls and reads the answer as bytes, whatever its status.
    pub(super) async fn raw(
        &self,
        method: Method,
        path: &str,
        sent: Option<(&str, &Value)>,
    ) -> Result<Answer, ClientError> {
        let call = async {
            let response = self.send(method, path, sent).await?;
            let status = response.status().as_u16();
            let date = response.headers().get(http::header::DATE).and_then(|v| v.to_str().ok()).map(str::to_owned);
            let body = self.collect(response.into_body()).await?;
            Ok(Answer { status, date, body })
        };
        tokio::time::timeout(CALL, call).await.unwrap_or_else(|_| Err(self.silent()))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        sent: Option<(&str, &Value)>,
    ) -> Result<Response<Body>, ClientError> {
        let mut request = Request::builder().method(method).uri(path).header(http::header::ACCEPT, "application/json");
        let body = match sent {
            Some((kind, value)) => {
                request = request.header(http::header::CONTENT_TYPE, kind);
                serde_json::to_vec(value).map_err(|_| ClientError::Invalid("it is no JSON".into()))?
            }
            None => Vec::new(),
        };
        let request =
            request.body(Body::from(body)).map_err(|_| ClientError::Invalid("a name that is none".to_owned()))?;
        self.kube.send(request).await.map_err(|error| ClientError::of_kube(&error, &self.server))
    }

    async fn collect(&self, mut body: Body) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::of_kube(&error, &self.server))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > ANSWER_MAX {
                return Err(ClientError::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }

    /// It does not answer in time.
    fn silent(&self) -> ClientError {
        ClientError::Unreachable(format!("{}: it does not answer in {} seconds", self.server, CALL.as_secs()))
    }
}

/// Secrets are created and deleted, and nothing else: every other call would show what is in them.
fn readable(resource: Resource) -> Result<Resource, ClientError> {
    if resource == Resource::Secret {
        return Err(ClientError::Forbidden("Holdfast never reads a Secret".into()));
    }
    Ok(resource)
}

/// The path of the object or list; what is no name does not get into a path.
fn place(resource: Resource, namespace: Option<&str>, name: Option<&str>) -> Result<String, ClientError> {
    let is_name = |text: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        text.len() <= NAME_MAX
            && edge(text.bytes().next())
            && edge(text.bytes().last())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            && !text.contains("..")
    };
    if [namespace, name].into_iter().flatten().all(is_name) {
        return Ok(resource.path(namespace, name));
    }
    Err(ClientError::Invalid(format!("not a name of a {}", resource.kind())))
}

/// `&key=value`, or nothing for an empty value.
fn query(key: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    let mut text = format!("&{key}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn read(body: &[u8]) -> Result<Value, ClientError> {
    serde_json::from_slice(body).map_err(|_| ClientError::Broken("it is not JSON".into()))
}

fn reason(body: &[u8]) -> String {
    serde_json::from_slice::<error::Status>(body).unwrap_or_default().reason
}

fn there(answer: Result<Value, ClientError>) -> Result<Option<Value>, ClientError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ClientError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_gets_into_no_path() {
        for bad in ["", "..", "a/b", "a?b", "-a", "a.", "a b", "a%2fb", "é"] {
            assert!(place(Resource::Pod, Some("a"), Some(bad)).is_err(), "{bad}");
            assert!(place(Resource::Pod, Some(bad), Some("a")).is_err(), "{bad}");
        }
        assert_eq!(place(Resource::Pod, Some("a"), Some("b-1.c")).expect("a name"), "/api/v1/namespaces/a/pods/b-1.c");
    }

    #[test]
    fn a_selector_is_escaped() {
        assert_eq!(query("labelSelector", "a/b=c,d"), "&labelSelector=a%2Fb%3Dc%2Cd");
        assert_eq!(query("continue", ""), "");
    }

    #[test]
    fn nothing_but_creating_and_deleting_is_done_with_secrets() {
        assert!(readable(Resource::Secret).is_err());
        assert!(Resource::ALL.iter().filter(|r| **r != Resource::Secret).all(|r| readable(*r).is_ok()));
    }
}
