//! What client commands need to know: which server, which token, which project and environment.

use std::path::{Path, PathBuf};

use super::client_file::{ClientFile, FOLDER, NAME, URL, find_project_file, parse_folder, parse_name};
use super::credentials::{Credentials, is_token, read_token_file};
use super::document::shorten;
use super::env::Env;
use super::error::{ConfigError, Origin, Warning};
use super::settings::unknown_variables;
use super::url::BaseUrl;
use crate::types::{Secret, SecretString};

/// The port of a server that nothing else is known of.
const DEFAULT_PORT: u16 = 8420;

/// A variable that client commands read.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientVariable {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
}

impl ClientVariable {
    /// The variable's row in the manual's table. A test holds the manual to it.
    pub fn manual_row(&self) -> String {
        format!("| `{}` | {} |", self.name, self.help)
    }
}

/// Every variable that client commands read.
pub fn client_variables() -> &'static [ClientVariable] {
    &[
        ClientVariable { name: "HOLDFAST_URL", help: "The server." },
        ClientVariable { name: "HOLDFAST_TOKEN", help: "The token." },
        ClientVariable { name: "HOLDFAST_TOKEN_FILE", help: "A file with the token, mode 0600." },
        ClientVariable { name: "HOLDFAST_PROJECT", help: "The project, by slug or id." },
        ClientVariable { name: "HOLDFAST_ENVIRONMENT", help: "The environment, by slug or id." },
        ClientVariable {
            name: "HOLDFAST_CONFIG_DIR",
            help: "The folder with `config.toml` and `credentials.toml`, in place of `~/.config/holdfast`.",
        },
    ]
}

/// What the command line said.
#[derive(Debug, Clone, Default)]
pub struct ClientOverrides {
    /// `--url URL`.
    pub url: Option<String>,
    /// `--token-file FILE`.
    pub token_file: Option<PathBuf>,
    /// `--project PROJECT`.
    pub project: Option<String>,
    /// `--environment ENVIRONMENT`.
    pub environment: Option<String>,
    /// `--path FOLDER`.
    pub path: Option<String>,
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

/// The token a command sends.
#[derive(Debug)]
pub struct Token {
    /// The bearer token.
    pub value: SecretString,
    /// Where it comes from; the credential file is a [`Origin::File`].
    pub origin: Origin,
    /// The slug of its organization, where the login left one.
    pub organization: Option<String>,
    /// The first token of the login, where the token is replaced from time to time: what is sealed under it opens while
    /// the login stands.
    pub first: Option<SecretString>,
}

/// What a client command works with.
#[derive(Debug)]
pub struct ClientConfig {
    /// The server.
    pub url: Sourced<BaseUrl>,
    /// The token; `None` when nobody is logged in.
    pub token: Option<Token>,
    /// The project, by slug or id.
    pub project: Option<Sourced<String>>,
    /// The environment, by slug or id.
    pub environment: Option<Sourced<String>>,
    /// The folder.
    pub path: Option<Sourced<String>>,
    /// The project file that was found.
    pub project_file: Option<PathBuf>,
    /// Odd things that stop nothing.
    pub warnings: Vec<Warning>,
}

impl ClientConfig {
    /// Reads flags, variables, the project file, the user's and the system's file, and the stored login, in
    /// this order. Without any of them the server is `http://localhost:8420`.
    ///
    /// Project, environment and folder belong together: where `--project` names another project than a file
    /// does, that file's environment and folder do not apply.
    ///
    /// # Errors
    /// A file with an unknown key or bad value, a token file others can read, or a token of the environment that
    /// would go to a server only a project file names ([`ConfigError::UntrustedUrl`]).
    pub fn load(env: &Env, overrides: ClientOverrides) -> Result<Self, ConfigError> {
        let config_dir = env.user_config_dir().ok();
        let project_file = find_project_file(env.working_dir());
        let mut stored = config_dir.as_deref().map(Credentials::load).transpose()?;
        let (flags, token_file) = from_flags(overrides)?;
        let layers = [
            flags,
            from_variables(env)?,
            read_if_any(project_file.as_deref())?,
            read_if_any(config_dir.map(|dir| dir.join("config.toml")).as_deref())?,
            ClientFile::read(&env.system_dir().join("client.toml"))?,
        ];

        let [flags, variables, bound, user, system] = &layers;
        let own_url = [flags, variables].into_iter().find_map(|layer| layer.url.as_ref());
        let known_url = [user, system].into_iter().find_map(|layer| layer.url.as_ref());
        let url = own_url.or(bound.url.as_ref()).or(known_url).cloned().unwrap_or_else(|| Sourced {
            value: stored
                .as_ref()
                .and_then(Credentials::current)
                .cloned()
                .unwrap_or_else(|| BaseUrl::localhost(DEFAULT_PORT, false)),
            origin: Origin::Default,
        });
        let login =
            stored.as_mut().and_then(|stored| stored.take(&url.value).map(|one| (stored.path().to_owned(), one)));
        let trusted = own_url.is_some()
            || bound.url.is_none()
            || login.is_some()
            || [user, system].into_iter().filter_map(|layer| layer.url.as_ref()).any(|known| known.value == url.value);
        let token = match given_token(env, token_file.as_deref())? {
            Some(token) if trusted => Some(token),
            Some(token) => {
                return Err(ConfigError::UntrustedUrl {
                    token: token.origin,
                    url: url.value.to_string(),
                    origin: url.origin,
                });
            }
            None => login.map(|(path, login)| Token {
                value: login.token,
                origin: Origin::File { path, line: 1, column: 1 },
                organization: login.organization,
                first: login.renewal.map(|renewal| renewal.first_token),
            }),
        };
        let (project, environment, path) = place(&layers);
        Ok(Self { url, token, project, environment, path, project_file, warnings: unknown_variables(env) })
    }
}

type Place = (Option<Sourced<String>>, Option<Sourced<String>>, Option<Sourced<String>>);

/// Project, environment and folder. A layer that names another project than the one in force has nothing to say
/// about the environment: `--project other` must not end up in the `staging` this directory is bound to.
fn place(layers: &[ClientFile]) -> Place {
    let agrees = |said: &Option<Sourced<String>>, in_force: &Option<Sourced<String>>| match (said, in_force) {
        (Some(said), Some(in_force)) => said.value == in_force.value,
        _ => true,
    };
    let project = layers.iter().find_map(|layer| layer.project.clone());
    let in_project = || layers.iter().filter(|layer| agrees(&layer.project, &project));
    let environment = in_project().find_map(|layer| layer.environment.clone());
    let path =
        in_project().filter(|layer| agrees(&layer.environment, &environment)).find_map(|layer| layer.path.clone());
    (project, environment, path)
}

fn read_if_any(path: Option<&Path>) -> Result<ClientFile, ConfigError> {
    path.map_or_else(|| Ok(ClientFile::default()), ClientFile::read)
}

fn from_flags(flags: ClientOverrides) -> Result<(ClientFile, Option<PathBuf>), ConfigError> {
    let layer = ClientFile {
        url: checked(flags.url.as_deref(), "--url", flag("--url"), URL, parse_url)?,
        project: checked(flags.project.as_deref(), "--project", flag("--project"), NAME, parse_name)?,
        environment: checked(flags.environment.as_deref(), "--environment", flag("--environment"), NAME, parse_name)?,
        path: checked(flags.path.as_deref(), "--path", flag("--path"), FOLDER, parse_folder)?,
    };
    Ok((layer, flags.token_file))
}

fn flag(name: &'static str) -> Origin {
    Origin::Flag(name)
}

fn from_variables(env: &Env) -> Result<ClientFile, ConfigError> {
    Ok(ClientFile {
        url: variable(env, "HOLDFAST_URL", URL, parse_url)?,
        project: variable(env, "HOLDFAST_PROJECT", NAME, parse_name)?,
        environment: variable(env, "HOLDFAST_ENVIRONMENT", NAME, parse_name)?,
        path: None,
    })
}

fn parse_url(text: &str) -> Option<BaseUrl> {
    BaseUrl::parse(text).ok()
}

fn variable<T>(
    env: &Env,
    name: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<Sourced<T>>, ConfigError> {
    checked(env.text(name)?, name, Origin::Variable(name.to_owned()), expected, parse)
}

fn checked<T>(
    text: Option<&str>,
    key: &str,
    origin: Origin,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<Sourced<T>>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    match parse(text) {
        Some(value) => Ok(Some(Sourced { value, origin })),
        None => Err(ConfigError::BadValue {
            key: key.to_owned(),
            origin,
            got: Some(shorten(text)),
            expected: expected.to_owned(),
        }),
    }
}

/// `--token-file`, then `HOLDFAST_TOKEN`, then `HOLDFAST_TOKEN_FILE`.
fn given_token(env: &Env, file: Option<&Path>) -> Result<Option<Token>, ConfigError> {
    let bad = |origin: &Origin| ConfigError::BadValue {
        key: "token".to_owned(),
        origin: origin.clone(),
        got: None,
        expected: "a token: one line of letters, digits and signs".to_owned(),
    };
    let from_file = |path: &Path, origin: Origin| {
        let value = read_token_file(&env.working_dir().join(path))?.ok_or_else(|| bad(&origin))?;
        Ok(Some(Token { value, origin, organization: None, first: None }))
    };
    if let Some(path) = file {
        return from_file(path, Origin::Flag("--token-file"));
    }
    if let Some(text) = env.text("HOLDFAST_TOKEN")? {
        let origin = Origin::Variable("HOLDFAST_TOKEN".to_owned());
        let text = text.trim();
        let value = is_token(text).then(|| Secret::new(text.to_owned())).ok_or_else(|| bad(&origin))?;
        return Ok(Some(Token { value, origin, organization: None, first: None }));
    }
    match env.text("HOLDFAST_TOKEN_FILE")? {
        Some(path) => from_file(Path::new(path), Origin::Variable("HOLDFAST_TOKEN_FILE".to_owned())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::credentials::Credential;
    use super::super::files::write_private_file;
    use super::*;

    /// A home with a settings folder, a system folder and a working directory.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().expect("temporary directory"));
            for dir in ["conf", "etc/holdfast", "work/deep"] {
                std::fs::create_dir_all(machine.0.path().join(dir)).expect("directory");
            }
            machine
        }

        fn write(&self, path: &str, text: &str) -> &Self {
            write_private_file(&self.0.path().join(path), text.as_bytes()).expect("written");
            self
        }

        fn log_in(&self, url: &str, token: &str) -> &Self {
            let mut credentials = Credentials::load(&self.0.path().join("conf")).expect("readable");
            let token = Secret::new(token.to_owned());
            let url = BaseUrl::parse(url).expect("valid");
            credentials.set(url, Credential { token, organization: Some("acme".to_owned()), renewal: None });
            credentials.save().expect("saved");
            self
        }

        fn load(&self, variables: &[(&str, &str)], flags: ClientOverrides) -> Result<ClientConfig, ConfigError> {
            let conf = self.0.path().join("conf").display().to_string();
            let mut variables: Vec<(&str, &str)> = variables.to_vec();
            variables.push(("HOLDFAST_CONFIG_DIR", &conf));
            let env = Env::from_variables(self.0.path(), variables).with_working_dir(self.0.path().join("work/deep"));
            ClientConfig::load(&env, flags)
        }

        fn url(&self, variables: &[(&str, &str)], flags: ClientOverrides) -> String {
            self.load(variables, flags).expect("loads").url.value.to_string()
        }
    }

    #[test]
    fn the_order_is_flag_variable_project_user_system_login_default() {
        let machine = Machine::new();
        let flags = || ClientOverrides { url: Some("http://flag".to_owned()), ..ClientOverrides::default() };
        let none = ClientOverrides::default;
        assert_eq!(machine.url(&[], none()), "http://localhost:8420");
        machine.log_in("http://login", "t");
        assert_eq!(machine.url(&[], none()), "http://login");
        machine.write("etc/holdfast/client.toml", "url = 'http://system'");
        assert_eq!(machine.url(&[], none()), "http://system");
        machine.write("conf/config.toml", "url = 'http://user'");
        assert_eq!(machine.url(&[], none()), "http://user");
        machine.write("work/.holdfast.toml", "url = 'http://project'");
        assert_eq!(machine.url(&[], none()), "http://project");
        assert_eq!(machine.url(&[("HOLDFAST_URL", "http://variable")], none()), "http://variable");
        assert_eq!(machine.url(&[("HOLDFAST_URL", "http://variable")], flags()), "http://flag");
    }

    #[test]
    fn a_stored_token_goes_only_to_the_server_it_is_for() {
        let machine = Machine::new();
        machine.log_in("http://mine", "mine");
        let token = machine.load(&[], ClientOverrides::default()).expect("loads").token.expect("logged in");
        assert_eq!((token.value.expose().as_str(), token.organization.as_deref()), ("mine", Some("acme")));
        machine.write("work/holdfast.toml", "url = 'http://other'");
        assert!(machine.load(&[], ClientOverrides::default()).expect("loads").token.is_none());
    }

    #[test]
    fn a_token_of_the_environment_is_not_sent_where_only_a_project_file_points() {
        let machine = Machine::new();
        machine.write("work/holdfast.toml", "url = 'http://other'");
        let token = [("HOLDFAST_TOKEN", "sesame")];
        let error = machine.load(&token, ClientOverrides::default()).expect_err("untrusted");
        assert_eq!(error.code(), "url_untrusted");
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("sesame"));
        // Said by the user, or known from a login, it is fine.
        assert!(machine.load(&[token[0], ("HOLDFAST_URL", "http://other")], ClientOverrides::default()).is_ok());
        machine.log_in("http://other", "stored");
        let config = machine.load(&token, ClientOverrides::default()).expect("known server");
        assert_eq!(config.token.expect("given").value.expose(), "sesame");
    }

    #[test]
    fn another_project_by_flag_does_not_take_this_directorys_environment() {
        let machine = Machine::new();
        machine.write("work/holdfast.toml", "project = 'shop'\nenvironment = 'staging'\npath = '/api'");
        let value = |sourced: Option<Sourced<String>>| sourced.map(|sourced| sourced.value);
        let place = |flags: ClientOverrides| {
            let config = machine.load(&[], flags).expect("loads");
            (value(config.project), value(config.environment), value(config.path))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(place(ClientOverrides::default()), (some("shop"), some("staging"), some("/api")));
        let other = ClientOverrides { project: some("blog"), ..ClientOverrides::default() };
        assert_eq!(place(other), (some("blog"), None, None));
        let sibling = ClientOverrides { environment: some("qa"), ..ClientOverrides::default() };
        assert_eq!(place(sibling), (some("shop"), some("qa"), None));
    }

    #[test]
    fn token_sources_have_an_order_and_bad_ones_are_not_quoted() {
        let machine = Machine::new();
        machine.write("work/deep/token", "from-file\n");
        let path = |flags: Option<&str>| ClientOverrides {
            token_file: flags.map(PathBuf::from),
            ..ClientOverrides::default()
        };
        let token = |variables: &[(&str, &str)], flags| {
            machine.load(variables, flags).map(|config| config.token.expect("given").value.expose().clone())
        };
        let both = [("HOLDFAST_TOKEN", "from-variable"), ("HOLDFAST_TOKEN_FILE", "token")];
        assert_eq!(token(&both, path(Some("token"))).expect("read"), "from-file");
        assert_eq!(token(&both, path(None)).expect("read"), "from-variable");
        assert_eq!(token(&both[1..], path(None)).expect("read"), "from-file");
        let error = token(&[("HOLDFAST_TOKEN", "ses ame")], path(None)).expect_err("two words");
        assert_eq!(
            error.to_string(),
            "token (from HOLDFAST_TOKEN): the value is not a token: one line of letters, digits and signs"
        );
    }

    #[test]
    fn works_without_a_home() {
        let root = tempfile::tempdir().expect("temporary directory");
        let env = Env::from_variables(root.path(), [("HOLDFAST_URL", "http://a"), ("HOLDFAST_TOKEN", "t")]);
        let config = ClientConfig::load(&env, ClientOverrides::default()).expect("loads");
        assert_eq!(config.url.value.as_str(), "http://a");
    }

    #[test]
    fn bad_values_name_the_flag_or_variable() {
        let machine = Machine::new();
        let flags = ClientOverrides { project: Some("a/b".to_owned()), ..ClientOverrides::default() };
        let error = machine.load(&[], flags).expect_err("a slash");
        assert_eq!(error.to_string(), "--project: `a/b` is not a slug or an id");
        let error =
            machine.load(&[("HOLDFAST_URL", "localhost:8420")], ClientOverrides::default()).expect_err("no scheme");
        assert_eq!(
            error.to_string(),
            "HOLDFAST_URL: `localhost:8420` is not a URL like https://holdfast.example.com, without a path"
        );
    }
}
