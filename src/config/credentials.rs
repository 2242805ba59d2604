//! The credential file: one token per server, mode 0600, in the user's settings folder. It works where there is
//! no keyring.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::ConfigError;
use super::files::{create_private_dir, read_secret_text, write_private_file};
use super::url::BaseUrl;
use crate::types::{Secret, SecretString};

const FILE: &str = "credentials.toml";
/// Beside it, and never replaced: what commands hold while they change the other.
const LOCK: &str = "credentials.lock";

/// What a login left for one server.
#[derive(Debug)]
pub struct Credential {
    /// The bearer token.
    pub token: SecretString,
    /// The slug of the organization the token is bound to.
    pub organization: Option<String>,
    /// What replaces the token, where it is short-lived.
    pub renewal: Option<Renewal>,
}

/// What a login with short-lived tokens left besides the token.
#[derive(Debug)]
pub struct Renewal {
    /// Replaces the token, once.
    pub refresh_token: SecretString,
    /// The first token of the login. It opens nothing any more; what is kept for offline is sealed under it, since it
    /// stays while the login does.
    pub first_token: SecretString,
}

/// Held while the file is read, changed and written by one command. The kernel gives it back when the process dies.
#[derive(Debug)]
pub struct CredentialsLock {
    _file: File,
}

/// All stored logins. Two commands that log in at the same moment: the last one wins, and no file is ever half
/// written.
#[derive(Debug)]
pub struct Credentials {
    path: PathBuf,
    current: Option<BaseUrl>,
    servers: BTreeMap<BaseUrl, Credential>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredFile {
    current: Option<String>,
    #[serde(default)]
    servers: BTreeMap<String, StoredCredential>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCredential {
    token: SecretString,
    organization: Option<String>,
    refresh_token: Option<SecretString>,
    first_token: Option<SecretString>,
}

impl Credentials {
    /// Waits until no other command changes the file, and keeps others from it.
    ///
    /// # Errors
    /// The directory or the file beside it cannot be made.
    pub fn lock(config_dir: &Path) -> Result<CredentialsLock, ConfigError> {
        create_private_dir(config_dir)?;
        let path = config_dir.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let held = options.open(&path).and_then(|file| file.lock().map(|()| file));
        let file = held.map_err(|source| ConfigError::Io { action: "lock", path, source })?;
        Ok(CredentialsLock { _file: file })
    }

    /// Reads `credentials.toml` in `config_dir`; without it there are no logins.
    ///
    /// # Errors
    /// Others can read it, or it is not a credential file.
    pub fn load(config_dir: &Path) -> Result<Self, ConfigError> {
        let path = config_dir.join(FILE);
        let text = match read_secret_text(&path) {
            Err(ConfigError::Io { source, .. })
                if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self { path, current: None, servers: BTreeMap::new() });
            }
            other => other?,
        };
        // The parser's own message may quote a token: it is dropped.
        let bad = || ConfigError::BadCredentials { path: path.clone() };
        let stored: StoredFile = toml::from_str(&text).map_err(|_| bad())?;
        let url = |text: &str| BaseUrl::parse(text).map_err(|_| bad());
        let current = stored.current.as_deref().map(url).transpose()?;
        let mut servers = BTreeMap::new();
        for (name, one) in stored.servers {
            let StoredCredential { token, organization, refresh_token, first_token } = one;
            let all = [Some(&token), refresh_token.as_ref(), first_token.as_ref()];
            if all.into_iter().flatten().any(|token| !is_token(token.expose())) {
                return Err(bad());
            }
            let renewal = refresh_token.zip(first_token);
            let renewal = renewal.map(|(refresh_token, first_token)| Renewal { refresh_token, first_token });
            servers.insert(url(&name)?, Credential { token, organization, renewal });
        }
        Ok(Self { path, current, servers })
    }

    /// Where the file is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The server logged in to last: the one meant when nothing names another.
    pub fn current(&self) -> Option<&BaseUrl> {
        self.current.as_ref()
    }

    /// The login for a server.
    pub fn get(&self, url: &BaseUrl) -> Option<&Credential> {
        self.servers.get(url)
    }

    /// The login for a server, taken out.
    pub fn take(&mut self, url: &BaseUrl) -> Option<Credential> {
        self.servers.remove(url)
    }

    /// Remembers a login and makes its server the current one. [`Credentials::save`] makes it last.
    pub fn set(&mut self, url: BaseUrl, credential: Credential) {
        self.current = Some(url.clone());
        self.servers.insert(url, credential);
    }

    /// Makes this the server meant when nothing names another.
    pub fn restore_current(&mut self, url: Option<BaseUrl>) {
        self.current = url;
    }

    /// Forgets a login; false when there was none.
    pub fn remove(&mut self, url: &BaseUrl) -> bool {
        if self.current.as_ref() == Some(url) {
            self.current = None;
        }
        self.servers.remove(url).is_some()
    }

    /// Writes the file, mode 0600, all or nothing; makes its directory, mode 0700, where it is missing. Answers
    /// where the file is.
    ///
    /// # Errors
    /// The directory cannot be made or written to.
    pub fn save(&self) -> Result<&Path, ConfigError> {
        if let Some(dir) = self.path.parent() {
            create_private_dir(dir)?;
        }
        write_private_file(&self.path, self.render().as_bytes())?;
        Ok(&self.path)
    }

    fn render(&self) -> Zeroizing<String> {
        let size = self.servers.iter().map(|(url, one)| {
            let renewal = one
                .renewal
                .as_ref()
                .map_or(0, |renewal| 32 + renewal.refresh_token.expose().len() + renewal.first_token.expose().len());
            let organization = one.organization.as_ref().map_or(0, String::len);
            64 + url.as_str().len() + 6 * (one.token.expose().len() + renewal + organization)
        });
        // Large enough from the start: a text that grows leaves copies of tokens behind.
        let mut text = Zeroizing::new(String::with_capacity(BaseUrl::MAX_LEN + 64 + size.sum::<usize>()));
        if let Some(current) = &self.current {
            push_line(&mut text, "current", current.as_str());
        }
        for (url, credential) in &self.servers {
            text.push_str("\n[servers.");
            push_quoted(&mut text, url.as_str());
            text.push_str("]\n");
            if let Some(organization) = &credential.organization {
                push_line(&mut text, "organization", organization);
            }
            push_line(&mut text, "token", credential.token.expose());
            if let Some(renewal) = &credential.renewal {
                push_line(&mut text, "refresh_token", renewal.refresh_token.expose());
                push_line(&mut text, "first_token", renewal.first_token.expose());
            }
        }
        text
    }
}

fn push_line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    push_quoted(text, value);
    text.push('\n');
}

/// A TOML basic string. Written by hand so that no unwiped copy of a token is made.
fn push_quoted(text: &mut String, value: &str) {
    use std::fmt::Write;
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            c if c.is_control() => {
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

/// Whether a text can be a bearer token: it goes into a header as it is. The server knows the rest.
pub(super) fn is_token(text: &str) -> bool {
    (1..=4096).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The token in a file: its only line.
pub(super) fn read_token_file(path: &Path) -> Result<Option<SecretString>, ConfigError> {
    let text = read_secret_text(path)?;
    let token = text.trim();
    Ok(is_token(token).then(|| Secret::new(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> BaseUrl {
        BaseUrl::parse(text).expect("valid")
    }

    fn credential(token: &str) -> Credential {
        let renewal = Renewal {
            refresh_token: Secret::new(format!("refresh-{token}")),
            first_token: Secret::new(format!("first-{token}")),
        };
        let organization = Some("acme".to_owned());
        Credential { token: Secret::new(token.to_owned()), organization, renewal: Some(renewal) }
    }

    #[test]
    fn what_is_saved_is_loaded_and_only_its_owner_can_read_it() {
        let root = tempfile::tempdir().expect("temporary directory");
        let dir = root.path().join("conf");
        let mut credentials = Credentials::load(&dir).expect("nothing there yet");
        credentials.set(url("https://a.example"), credential("one"));
        credentials.set(url("http://localhost:8420"), credential("two"));
        let path = credentials.save().expect("saved").to_owned();
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&dir).expect("there").permissions().mode() & 0o777, 0o700);

        let mut again = Credentials::load(&dir).expect("readable");
        assert_eq!(again.current(), Some(&url("http://localhost:8420")));
        let same = again.get(&url("https://A.example:443/")).expect("same server");
        let renewal = same.renewal.as_ref().expect("kept");
        assert_eq!((same.token.expose().as_str(), renewal.refresh_token.expose().as_str()), ("one", "refresh-one"));
        assert!(again.remove(&url("http://localhost:8420")) && again.current().is_none());
        assert!(!again.remove(&url("http://localhost:8420")));
    }

    #[test]
    fn a_file_others_can_read_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join(FILE);
        std::fs::write(&path, "").expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        let error = Credentials::load(dir.path()).expect_err("exposed");
        assert_eq!(error.hint(), format!("chmod 600 {}", path.display()));
    }

    #[test]
    fn a_broken_file_is_named_and_never_quoted() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let texts = [
            "token = \"sesame",
            "[servers]\n\"http://a\" = \"sesame\"",
            "[servers.\"http://a\"]\ntoken = \"ses ame\"",
            "[servers.sesame]\ntoken = 'x'",
        ];
        for text in texts {
            write_private_file(&dir.path().join(FILE), text.as_bytes()).expect("write");
            let error = Credentials::load(dir.path()).expect_err("broken");
            assert_eq!(error.code(), "credentials_broken");
            assert!(!format!("{error} {error:?}").contains("sesame"), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn any_token_and_organization_survive_the_file(token in "[!-~]{1,80}", organization in ".{0,20}") {
            let mut credentials = Credentials { path: PathBuf::new(), current: None, servers: BTreeMap::new() };
            let secret = Secret::new(token.clone());
            let kept = Credential { token: secret, organization: Some(organization.clone()), renewal: None };
            credentials.set(url("http://a"), kept);
            let text = credentials.render();
            let mut stored: StoredFile = toml::from_str(&text).expect("readable");
            let stored = stored.servers.remove("http://a").expect("there");
            prop_assert_eq!(stored.token.expose(), &token);
            prop_assert_eq!(stored.organization, Some(organization));
        }
    }
}
