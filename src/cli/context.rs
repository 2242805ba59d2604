//! What every command gets: where it writes, whom it may ask, which server, which project and environment.

use std::cell::OnceCell;

use serde_json::Value;

use super::args::Globals;
use super::client::{Client, Renewing, Request};
use super::error::{CliError, Exit};
use super::input::Input;
use super::output::{Format, Output};
use crate::config::{ClientConfig, ClientOverrides, ConfigError, Env};
use crate::types::SecretString;

/// The surroundings of one command.
pub struct Context {
    /// Where it writes.
    pub output: Output,
    /// Whom it may ask.
    pub input: Input,
    /// The flags every command has.
    pub flags: Globals,
    /// The process's surroundings.
    pub env: Env,
    config: OnceCell<ClientConfig>,
}

impl Context {
    /// The surroundings of a command with these flags. Reads no file yet: offline commands need none.
    pub fn new(flags: Globals, env: Env) -> Self {
        let format = match (flags.json, flags.output) {
            (true, _) => Format::Json,
            (false, format) => format.unwrap_or(Format::Table),
        };
        let said = |name: &str| env.text(name).ok().flatten().filter(|v| !v.is_empty());
        let plain = said("NO_COLOR").is_some() || said("TERM").is_some_and(|t| t == "dumb");
        let output = Output::new(format, plain, flags.quiet);
        let input = Input::new(flags.no_input);
        Self { output, input, flags, env, config: OnceCell::new() }
    }

    /// Server, token, project and environment, from flags, variables and files.
    ///
    /// # Errors
    /// A file or variable that cannot be read or is wrong.
    pub fn config(&self) -> Result<&ClientConfig, CliError> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let overrides = ClientOverrides {
            url: self.flags.url.clone(),
            token_file: self.flags.token_file.clone(),
            project: self.flags.project.clone(),
            environment: self.flags.environment.clone(),
            path: None,
        };
        let config = ClientConfig::load(&self.env, overrides)?;
        for warning in &config.warnings {
            self.output.warn(&warning.message);
        }
        Ok(self.config.get_or_init(|| config))
    }

    /// A client with the credential there is.
    ///
    /// # Errors
    /// Nobody is logged in to that server.
    pub fn client(&self) -> Result<Client, CliError> {
        let config = self.config()?;
        let url = config.url.value.as_str();
        let Some(token) = &config.token else {
            return Err(CliError::new(Exit::Forbidden, format!("not logged in to {url}"))
                .hint("holdfast login, or set HOLDFAST_TOKEN; on a new server: holdfast init"));
        };
        let client = Client::new(url, Some(SecretString::new(token.value.expose().clone())))?;
        if token.first.is_none() {
            return Ok(client);
        }
        Ok(client.renewing(Renewing { url: config.url.value.clone(), dir: self.env.user_config_dir()? }))
    }

    /// A client that sends no credential, even if there is one.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn anonymous(&self) -> Result<Client, CliError> {
        Client::new(self.config()?.url.value.as_str(), None)
    }

    /// The project meant: `named`, or what flags, variables and files say.
    ///
    /// # Errors
    /// None is named anywhere.
    pub fn project(&self, named: Option<&str>) -> Result<String, CliError> {
        let known = || Ok::<_, CliError>(self.config()?.project.as_ref().map(|p| p.value.clone()));
        match named {
            Some(name) => Ok(name.to_owned()),
            None => known()?.ok_or_else(|| missing("project")),
        }
    }

    /// The project and the environment meant; `named` is the environment if the command names it itself.
    ///
    /// # Errors
    /// One of them is named nowhere.
    pub fn place(&self, named: Option<&str>) -> Result<Place, CliError> {
        let project = self.project(None)?;
        let environment = match named {
            Some(name) => name.to_owned(),
            None => {
                self.config()?.environment.as_ref().map(|e| e.value.clone()).ok_or_else(|| missing("environment"))?
            }
        };
        Ok(Place { project, environment })
    }

    /// The folder meant: `named`, or the one this directory is bound to, or `/`.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub fn path(&self, named: Option<&str>) -> Result<String, CliError> {
        match named {
            Some(path) => Ok(path.to_owned()),
            None => Ok(self.config()?.path.as_ref().map_or_else(|| "/".to_owned(), |p| p.value.clone())),
        }
    }

    /// Sends a request with this person's credential and reads the answer.
    ///
    /// # Errors
    /// Not logged in, not reachable, refused.
    pub fn ask(&self, request: &Request) -> Result<Value, CliError> {
        self.client()?.json(request)
    }

    /// Lists with this person's credential, at most `limit` items.
    ///
    /// # Errors
    /// Not logged in, not reachable, refused.
    pub fn ask_list(&self, request: impl Fn() -> Request, limit: usize) -> Result<Value, CliError> {
        self.client()?.list(request, limit)
    }
}

/// An environment of a project, by slug or id.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
}

impl Place {
    /// The path segments of what lies below this environment.
    pub fn below<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut segments = vec!["projects", &self.project, "environments", &self.environment];
        segments.extend_from_slice(rest);
        segments
    }
}

fn missing(what: &str) -> CliError {
    CliError::usage(format!("no {what} is named"))
        .hint(format!("--{what} {}, or holdfast setup to bind this directory to one", what.to_uppercase()))
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        let own = Self::usage(error.to_string());
        if hint.is_empty() { own } else { own.hint(hint) }
    }
}
