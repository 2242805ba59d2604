//! Replacing a token that is over with what the login left for it, for one command at a time.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Client, Request};
use crate::cli::error::CliError;
use crate::config::{BaseUrl, Credential, Credentials, Renewal};
use crate::types::{Secret, SecretString};

/// Where the login lies that a client acts for.
#[derive(Debug)]
pub struct Renewing {
    /// The server.
    pub url: BaseUrl,
    /// The folder of the credential file.
    pub dir: PathBuf,
}

impl Client {
    /// Gets the next token of the login and keeps it; false when there is none to get.
    pub(super) async fn renew(&self) -> Result<bool, CliError> {
        let Some(renewing) = &self.renewing else { return Ok(false) };
        let _others_wait = Credentials::lock(&renewing.dir)?;
        let mut stored = Credentials::load(&renewing.dir)?;
        let Some(kept) = stored.get(&renewing.url) else { return Ok(false) };
        // Another command may have done it while this one waited.
        let is_news = self.token().as_ref().is_none_or(|token| token.expose() != kept.token.expose());
        if is_news {
            *self.token() = Some(copy(&kept.token));
            return Ok(true);
        }
        let Some(renewal) = &kept.renewal else { return Ok(false) };
        let (first_token, organization) = (copy(&renewal.first_token), kept.organization.clone());
        let body = json!({ "refresh_token": renewal.refresh_token.expose() });
        let next = self.ask_renewal(&body).await?;
        let text = |name: &str| next.get(name).and_then(Value::as_str).map(|text| Secret::new(text.to_owned()));
        let (Some(token), Some(refresh_token)) = (text("token"), text("refresh_token")) else {
            return Err(CliError::failed("the server's answer has no token"));
        };
        *self.token() = Some(copy(&token));
        let renewal = Some(Renewal { refresh_token, first_token });
        let current = stored.current().cloned();
        stored.set(renewing.url.clone(), Credential { token, organization, renewal });
        stored.restore_current(current);
        stored.save()?;
        Ok(true)
    }

    /// Asks without the token that is over: a request with it would be refused before it is read.
    async fn ask_renewal(&self, body: &Value) -> Result<Value, CliError> {
        let over = self.token().take();
        let request = Request::post(&["sessions", "refresh"]).body(body);
        let answer = self.once(&request).await;
        *self.token() = over;
        let mut bytes = Vec::new();
        let mut sink = |chunk: &[u8]| {
            bytes.extend_from_slice(chunk);
            if bytes.len() > 1 << 20 { Err(CliError::failed("the server's answer is too long")) } else { Ok(()) }
        };
        self.read(answer?, &mut sink).await?;
        serde_json::from_slice(&bytes).map_err(|_| CliError::failed("the server's answer is not what Holdfast answers"))
    }
}

fn copy(token: &SecretString) -> SecretString {
    SecretString::new(token.expose().clone())
}
