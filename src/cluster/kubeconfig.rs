//! Reading a kubeconfig: one context of it, and only what needs no file and no program of this machine.

use data_encoding::BASE64;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::access::{Access, AccessError, Credential};
use crate::types::SecretString;

/// Largest kubeconfig, in bytes.
const TEXT_MAX: usize = 1 << 20;
/// What makes one file of a kubeconfig that names others.
const FLATTEN: &str = "take what this prints: kubectl config view --raw --flatten --minify";
const ACCOUNT: &str =
    "make an account of our own: holdfast cluster manifest | kubectl apply -f -; then add it by its token";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    #[serde(default)]
    current_context: Option<String>,
    #[serde(default)]
    clusters: Vec<NamedServer>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedServer {
    name: String,
    cluster: Server,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Server {
    #[serde(rename = "server")]
    address: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<SecretString>,
    #[serde(alias = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<SecretString>,
    username: Option<String>,
    exec: Option<serde::de::IgnoredAny>,
    auth_provider: Option<serde::de::IgnoredAny>,
    r#as: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: String,
}

impl Access {
    /// Reads a kubeconfig: the context that is named, or its current one.
    ///
    /// # Errors
    /// No kubeconfig; no such context; one that runs a program, reads a file, trusts everybody or goes by a proxy.
    pub fn from_kubeconfig(text: &SecretString, context: Option<&str>) -> Result<Self, AccessError> {
        if text.expose().len() > TEXT_MAX {
            return Err(AccessError::Unreadable("it is too long".into()));
        }
        let config: Config = serde_saphyr::from_str(text.expose()).map_err(|error| {
            // The words of the parser may show the text around the mistake: only its place is told.
            let place = error.location().map(|at| format!("see line {}", at.line()));
            AccessError::Unreadable(place.unwrap_or_else(|| "it is not YAML of that kind".into()))
        })?;
        let asked = context.map(str::to_owned).or(config.current_context).unwrap_or_default();
        let known = || config.contexts.iter().map(|c| c.name.clone()).take(20).collect();
        let Some(found) = config.contexts.iter().find(|c| c.name == asked) else {
            return Err(AccessError::Context { asked: shown(&asked), known: known() });
        };
        let missing = |what: &'static str| AccessError::Refused { what, hint: FLATTEN };
        let server = config.clusters.into_iter().find(|c| c.name == found.context.cluster);
        let server = server.ok_or_else(|| missing("its context names a cluster that is not in it"))?.cluster;
        let user = config.users.into_iter().find(|u| u.name == found.context.user);
        let user = user.ok_or_else(|| missing("its context names a user that is not in it"))?.user;
        let authority = server_of(&server)?;
        Self::new(&server.address, authority.as_deref(), credential_of(user)?)
    }
}

fn refuse(what: &'static str, hint: &'static str) -> AccessError {
    AccessError::Refused { what, hint }
}

/// The authority of a server that is reached in a way we go.
fn server_of(server: &Server) -> Result<Option<String>, AccessError> {
    if server.insecure_skip_tls_verify {
        return Err(refuse(
            "it says `insecure-skip-tls-verify`: whoever answers would get the credential",
            "put the cluster's authority into `certificate-authority-data` and remove that line",
        ));
    }
    if server.proxy_url.is_some() {
        return Err(refuse("it goes by a proxy (`proxy-url`)", "give an address that this machine reaches directly"));
    }
    if server.tls_server_name.is_some() {
        return Err(refuse(
            "it expects a certificate for another name (`tls-server-name`)",
            "give an address that the certificate of the API server names",
        ));
    }
    if server.certificate_authority.is_some() && server.certificate_authority_data.is_none() {
        return Err(refuse("its authority is a file (`certificate-authority`)", FLATTEN));
    }
    let Some(data) = &server.certificate_authority_data else { return Ok(None) };
    Ok(Some(decode(data).map_err(|()| AccessError::Authority("it is not base64 of PEM"))?))
}

fn credential_of(user: User) -> Result<Credential, AccessError> {
    if user.exec.is_some() {
        return Err(refuse("it runs a program to get its credential (`exec`)", ACCOUNT));
    }
    if user.auth_provider.is_some() {
        return Err(refuse("it gets its credential from a provider (`auth-provider`)", ACCOUNT));
    }
    if user.r#as.is_some() {
        return Err(refuse("it acts as somebody else (`as`)", ACCOUNT));
    }
    if user.username.is_some() {
        return Err(refuse("it has a name and a password", ACCOUNT));
    }
    if let Some(token) = user.token.filter(|token| !token.expose().is_empty()) {
        return Ok(Credential::Token(token));
    }
    if user.token_file.is_some() {
        return Err(refuse("its token is a file (`tokenFile`)", FLATTEN));
    }
    if (user.client_certificate.is_some() && user.client_certificate_data.is_none())
        || (user.client_key.is_some() && user.client_key_data.is_none())
    {
        return Err(refuse("its certificate or key is a file (`client-certificate`, `client-key`)", FLATTEN));
    }
    let (Some(chain), Some(key)) = (user.client_certificate_data, user.client_key_data) else {
        return Err(refuse("it has neither a token nor a client certificate", FLATTEN));
    };
    let wrong = |()| AccessError::Credential("the client certificate or its key is not base64 of PEM");
    Ok(Credential::Certificate {
        chain: decode(&chain).map_err(wrong)?,
        key: SecretString::new(decode(key.expose()).map_err(wrong)?),
    })
}

/// The text behind base64, which may be broken over lines.
fn decode(data: &str) -> Result<String, ()> {
    let joined: Zeroizing<Vec<u8>> = Zeroizing::new(data.bytes().filter(|b| !b.is_ascii_whitespace()).collect());
    String::from_utf8(BASE64.decode(&joined).map_err(drop)?).map_err(drop)
}

/// A name from the outside, as an error may repeat it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}
