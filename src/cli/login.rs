//! `holdfast login`, `logout` and `whoami`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::args::body;
use super::client::{Client, Renewing, Request};
use super::context::Context;
use super::error::{CliError, Exit};
use super::output::Column;
use crate::config::{Credential, Credentials, Renewal};
use crate::types::SecretString;

const LOGIN_HELP: &str = "\
The token is kept in credentials.toml, mode 0600, one per server, in ~/.config/holdfast or
HOLDFAST_CONFIG_DIR. It works for an hour and is replaced by itself for thirty days, until
holdfast logout ends the login.

Examples:
  holdfast login --url https://holdfast.example.com --email ada@example.com
  holdfast login --url https://holdfast.example.com --device
  holdfast login --url https://holdfast.example.com --token-file token.txt";

/// Questions to the server at most: one every five seconds for ten minutes, and some that came too early.
const QUESTIONS_MAX: u32 = 150;

/// How to log in.
#[derive(Debug, Args)]
#[command(after_help = LOGIN_HELP)]
pub struct LoginArgs {
    /// Without a password here: show a code, to be confirmed where you are signed in
    #[arg(long, conflicts_with_all = ["token_file", "email", "password_file", "code_file", "organization"])]
    device: bool,
    /// Your e-mail address
    #[arg(long, conflicts_with = "token_file")]
    email: Option<String>,
    /// A file with your password; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    password_file: Option<PathBuf>,
    /// A file with a code of your authenticator, or a recovery code; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    code_file: Option<PathBuf>,
    /// The organization, if you are in several
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
}

const WHO: &[Column] = &[
    ("who", "/actor"),
    ("kind", "/actor/kind"),
    ("name", "/actor/name"),
    ("organization", "/organization/slug"),
    ("token", "/credential/name"),
    ("expires", "/credential/expires_at"),
    ("addresses", "/credential/cidrs"),
    ("operator", "/instance_operator"),
    ("grants", "/grants"),
    ("permissions", "/permissions"),
];

/// Logs in with a password, or keeps a token that exists.
///
/// # Errors
/// Wrong credentials, or the credential file cannot be written.
pub fn login(context: &Context, args: &LoginArgs) -> Result<(), CliError> {
    let (token, refresh) = match &context.flags.token_file {
        Some(file) => (context.input.line(Some(file), "Token:", "--token-file")?, None),
        None if args.device => with_device(context)?,
        None => with_password(context, args)?,
    };
    let url = context.config()?.url.value.as_str();
    let who = Client::new(url, Some(SecretString::new(token.expose().clone())))?.json(&Request::get(&["whoami"]))?;
    remember(context, token, refresh, &who)?;
    let output = &context.output;
    if output.structured() {
        return output.answer(&who);
    }
    output.say(&format!("logged in to {url} as {}", name_of(&who)));
    output.next("holdfast setup");
    Ok(())
}

/// Shows a code and waits until somebody confirmed it elsewhere. Needs no browser and no keyboard here.
fn with_device(context: &Context) -> Result<Tokens, CliError> {
    let client = context.anonymous()?;
    let begun = client.json(&Request::post(&["device", "authorize"]))?;
    let text = |name: &str| begun.get(name).and_then(Value::as_str).unwrap_or_default();
    let output = &context.output;
    output.say(&format!("Confirm this code where you are signed in, within ten minutes: {}", text("user_code")));
    output.say(&format!("In a browser: {}", text("verification_uri")));
    output.say(&format!("On a command line: holdfast sessions approve {}", text("user_code")));
    let interval = begun.get("interval").and_then(Value::as_u64).unwrap_or(5).clamp(1, 60);
    let ask = json!({ "device_code": text("device_code") });
    for _ in 0..QUESTIONS_MAX {
        client.pause(std::time::Duration::from_secs(interval));
        match client.json(&Request::post(&["device", "token"]).body(&ask)) {
            Err(error) if matches!(error.code(), Some("authorization_pending" | "slow_down")) => {}
            answer => return tokens_of(answer?),
        }
    }
    Err(CliError::failed("nobody confirmed the code").hint("holdfast login --device shows another one"))
}

fn with_password(context: &Context, args: &LoginArgs) -> Result<Tokens, CliError> {
    let client = context.anonymous()?;
    let email = context.input.text(args.email.as_deref(), "E-mail:", "--email")?;
    let password = context.input.line(args.password_file.as_deref(), "Password:", "--password-file")?;
    let ask = |code: Option<&SecretString>| {
        let fields = body(json!({
            "email": email,
            "password": password.expose(),
            "code": code.map(SecretString::expose),
            "organization": args.organization,
            "refresh": true,
        }));
        client.json(&Request::post(&["sessions"]).body(&fields))
    };
    let given =
        args.code_file.as_deref().map(|file| context.input.line(Some(file), "Code:", "--code-file")).transpose()?;
    match ask(given.as_ref()) {
        // Only who knows the password is told that a code is missing, so only they are asked for one.
        Err(error) if given.is_none() && error.code() == Some("second_factor_required") => {
            let code = context.input.line(None, "Code of your authenticator, or a recovery code:", "--code-file")?;
            tokens_of(ask(Some(&code))?)
        }
        answer => tokens_of(answer?),
    }
}

/// A token, and what replaces it where it is short-lived.
type Tokens = (SecretString, Option<SecretString>);

fn tokens_of(mut answer: Value) -> Result<Tokens, CliError> {
    let refresh = match answer.get_mut("refresh_token").map(Value::take) {
        Some(Value::String(refresh)) => Some(SecretString::new(refresh)),
        _ => None,
    };
    Ok((token_of(answer)?, refresh))
}

/// Takes the token out of an answer that has one.
///
/// # Errors
/// It has none.
pub fn token_of(mut answer: Value) -> Result<SecretString, CliError> {
    match answer.get_mut("token").map(Value::take) {
        Some(Value::String(token)) => Ok(SecretString::new(token)),
        _ => Err(CliError::failed("the server's answer has no token")),
    }
}

/// Keeps a token for the server this command speaks with, and what replaces it; `who` names its organization.
///
/// # Errors
/// The credential file cannot be read or written.
pub fn remember(
    context: &Context,
    token: SecretString,
    refresh: Option<SecretString>,
    who: &Value,
) -> Result<(), CliError> {
    let url = context.config()?.url.value.clone();
    let organization = who.pointer("/organization/slug").and_then(Value::as_str).map(str::to_owned);
    let first_token = SecretString::new(token.expose().clone());
    let renewal = refresh.map(|refresh_token| Renewal { refresh_token, first_token });
    let dir = context.env.user_config_dir()?;
    let _others_wait = Credentials::lock(&dir)?;
    let mut stored = Credentials::load(&dir)?;
    stored.set(url, Credential { token, organization, renewal });
    stored.save()?;
    Ok(())
}

/// Revokes the stored token and forgets it, even if the server does not answer.
///
/// # Errors
/// The credential file cannot be read or written.
pub fn logout(context: &Context) -> Result<(), CliError> {
    let url = context.config()?.url.value.clone();
    let dir = context.env.user_config_dir()?;
    let stored = Credentials::load(&dir)?;
    let Some(credential) = stored.get(&url) else {
        context.output.say(&format!("not logged in to {}", url.as_str()));
        return Ok(());
    };
    let token = SecretString::new(credential.token.expose().clone());
    // A token that is over is replaced once more, so that the login can be ended with it.
    let revoked = Client::new(url.as_str(), Some(token)).and_then(|client| {
        let client = client.renewing(Renewing { url: url.clone(), dir: dir.clone() });
        client.json(&Request::delete(&["sessions", "current"]))
    });
    {
        let _others_wait = Credentials::lock(&dir)?;
        let mut stored = Credentials::load(&dir)?;
        stored.remove(&url);
        stored.save()?;
    }
    match revoked {
        Ok(_) => context.output.say(&format!("logged out of {}", url.as_str())),
        // A token that is not good any more needs no revoking.
        Err(e) if e.exit() == Exit::Forbidden => context.output.say(&format!("logged out of {}", url.as_str())),
        Err(e) => context.output.warn(&format!("the token is forgotten here but not revoked: {e}")),
    }
    Ok(())
}

/// Shows who is logged in.
///
/// # Errors
/// Nobody is.
pub fn whoami(context: &Context) -> Result<(), CliError> {
    context.output.item(&context.ask(&Request::get(&["whoami"]))?, WHO)
}

fn name_of(who: &Value) -> &str {
    let name = |key: &str| who.pointer(key).and_then(Value::as_str);
    name("/actor/email").or_else(|| name("/actor/name")).or_else(|| name("/actor/id")).unwrap_or("?")
}
