//! The whole of it: precedence, the table of keys, the manual.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

const MANUAL: &str = include_str!("../../assets/help/configuration.md");

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary directory"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("directory");
        write_private_file(&path, text.as_bytes()).expect("written");
        path
    }

    fn env(&self, variables: &[(&str, &str)]) -> Env {
        let home = self.path("home").display().to_string();
        let mut variables = variables.to_vec();
        variables.push(("HOME", &home));
        Env::from_variables(self.0.path(), variables)
    }

    /// Loads with the file `text` and these variables; messages have `F` for the file.
    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let path = self.write("h.toml", text);
        Settings::load(&self.env(variables), Some(&path), Overrides::default())
    }

    fn refused(&self, text: &str, variables: &[(&str, &str)]) -> String {
        let error = self.load(text, variables).expect_err("refused");
        error.to_string().replace(&self.path("h.toml").display().to_string(), "F")
    }
}

#[test]
fn without_a_file_the_defaults_hold() {
    let machine = Machine::new();
    let loaded = Settings::load(&machine.env(&[]), None, Overrides::default()).expect("defaults are valid");
    let settings = loaded.settings;
    assert_eq!((loaded.file, loaded.warnings), (None, Vec::new()));
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(settings.server.public_url(4711, false).as_str(), "http://localhost:4711");
    assert_eq!(settings.server.graceful_stop, Duration::from_secs(10));
    assert_eq!(settings.data.dir, machine.path("home/.local/share/holdfast"));
    assert_eq!(settings.keys.source, RootKeySource::DataDir(machine.path("home/.local/share/holdfast/root.key")));
    assert_eq!(settings.vault.cipher, Cipher::XChaCha20Poly1305);
    assert!(settings.rate_limits.enabled && settings.jobs.enabled && settings.tls.is_none());
    assert_eq!(settings.rate_limits.machines_per_minute.get(), 6000);
    assert_eq!(settings.retention.restore_window, Duration::from_hours(30 * 24));
    assert!(settings.sentry.dsn.is_none() && settings.metrics.listen.is_none());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let machine = Machine::new();
    let file = machine.write("h.toml", "[server]\nlisten = '127.0.0.1:1'\n[log]\nlevel = 'debug'");
    let listen = |variables: &[(&str, &str)], flag: Option<&str>| {
        let overrides = Overrides { listen: flag.map(str::to_owned), ..Overrides::default() };
        let loaded = Settings::load(&machine.env(variables), Some(&file), overrides).expect("loads");
        assert_eq!(loaded.settings.log.level, LogLevel::Debug);
        loaded.settings.server.listen.port()
    };
    let variable = [("HOLDFAST_SERVER_LISTEN", "127.0.0.1:2")];
    assert_eq!(listen(&[], None), 1);
    assert_eq!(listen(&variable, None), 2);
    assert_eq!(listen(&variable, Some("localhost:3")), 3);
    // An empty variable counts as not set.
    assert_eq!(listen(&[("HOLDFAST_SERVER_LISTEN", "")], None), 1);
}

#[test]
fn the_systems_file_is_read_where_there_is_one_and_a_named_one_must_exist() {
    let machine = Machine::new();
    let path = machine.write("etc/holdfast/holdfast.toml", "[rate_limits]\nenabled = false");
    let loaded = Settings::load(&machine.env(&[]), None, Overrides::default()).expect("loads");
    assert_eq!(loaded.file.as_deref(), Some(path.as_path()));
    assert!(!loaded.settings.rate_limits.enabled);
    let missing = machine.path("none.toml");
    let error = Settings::load(&machine.env(&[]), Some(&missing), Overrides::default()).expect_err("missing");
    assert_eq!(error.code(), "file_unavailable");
}

#[test]
fn bad_values_name_key_place_value_and_what_is_right() {
    let machine = Machine::new();
    assert_eq!(
        machine.refused("[server]\ngraceful_stop_seconds = 11", &[]),
        "server.graceful_stop_seconds (from F:2:1): `11` is not a number from 0 to 10"
    );
    assert_eq!(
        machine.refused("", &[("HOLDFAST_RATE_LIMITS_ENABLED", "off")]),
        "rate_limits.enabled (from HOLDFAST_RATE_LIMITS_ENABLED): `off` is not true or false"
    );
    assert_eq!(
        machine.refused("[rate_limits]\nenabled = 'false'", &[]),
        "rate_limits.enabled (from F:2:1): `false` is not true or false"
    );
    assert_eq!(
        machine.refused("[vault]\ncipher = 'rot13'", &[]),
        "vault.cipher (from F:2:1): `rot13` is not one of xchacha20-poly1305, aes-256-gcm"
    );
    assert_eq!(
        machine.refused("[server]\nworkers = -1", &[]),
        "server.workers (from F:2:1): `-1` is not a number from 1 to 256"
    );
    assert_eq!(machine.refused("[data]\ndir = { a = 1 }", &[]), "data.dir (from F:2:1): `table` is not a path");
}

#[test]
fn a_secret_value_is_never_quoted_nor_shown() {
    let machine = Machine::new();
    for (text, variables) in [("[sentry]\ndsn = 'sesame'", &[][..]), ("", &[("HOLDFAST_SENTRY_DSN", "sesame")])] {
        let error = machine.load(text, variables).expect_err("not a DSN");
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("sesame"), "{error:?}");
    }
    let loaded = machine.load("[sentry]\ndsn = 'https://sesame@errors.example/1'", &[]).expect("a DSN");
    assert!(!format!("{loaded:?}").contains("sesame"));
    let shown = loaded.effective.iter().find(|shown| shown.key.dotted() == "sentry.dsn").expect("shown");
    assert_eq!(shown.value.as_deref(), Some("(set)"));
}

#[test]
fn every_key_of_the_table_can_be_set_by_its_variable_and_by_the_file() {
    let machine = Machine::new();
    let sample = |kind: Kind| match kind {
        Kind::Boolean => ("true".to_owned(), "true".to_owned()),
        Kind::Integer { min, .. } => (min.to_string(), min.to_string()),
        Kind::Choice(words) => (words[0].to_owned(), format!("'{}'", words[0])),
        Kind::Address => ("127.0.0.1:9".to_owned(), "'127.0.0.1:9'".to_owned()),
        Kind::Url => ("https://a.example".to_owned(), "'https://a.example'".to_owned()),
        Kind::Path => ("/a".to_owned(), "'/a'".to_owned()),
        Kind::List => ("[\"a\"]".to_owned(), "['a']".to_owned()),
        Kind::Host => ("mail.a.example".to_owned(), "'mail.a.example'".to_owned()),
        Kind::Email => ("a@a.example".to_owned(), "'a@a.example'".to_owned()),
        Kind::Text => ("a".to_owned(), "'a'".to_owned()),
        Kind::Networks => (r#"["10.0.0.0/8","192.0.2.7"]"#.to_owned(), "['10.0.0.0/8', '192.0.2.7']".to_owned()),
        Kind::Dsn => ("https://k@a.example/1".to_owned(), "'https://k@a.example/1'".to_owned()),
    };
    let pairs: Vec<(String, String)> = keys().map(|key| (key.variable(), sample(key.kind).0)).collect();
    let variables: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let by_variable = machine.load("", &variables).expect("every variable is read");
    let lines: Vec<String> = keys().map(|key| format!("{} = {}", key.dotted(), sample(key.kind).1)).collect();
    let by_file = machine.load(&lines.join("\n"), &[]).expect("every key is read");

    assert_eq!(by_variable.effective.len(), keys().count(), "a key of the table that nothing reads");
    for (shown, key) in by_variable.effective.iter().zip(keys()) {
        assert_eq!(shown.origin, Origin::Variable(key.variable()), "{}", shown.key.dotted());
    }
    for shown in &by_file.effective {
        assert!(matches!(shown.origin, Origin::File { .. }), "{} is from {}", shown.key.dotted(), shown.origin);
    }
    let unknown = by_variable.warnings.iter().filter(|warning| warning.code == "config_unknown_variable");
    assert_eq!(unknown.count(), 0);
}

#[test]
fn keys_and_variables_are_unique() {
    let dotted: BTreeSet<String> = keys().map(Key::dotted).collect();
    let variables: BTreeSet<String> = keys().map(Key::variable).collect();
    assert_eq!((dotted.len(), variables.len()), (keys().count(), keys().count()));
    assert!(client_variables().iter().all(|variable| !variables.contains(variable.name)));
}

#[test]
fn the_manual_has_every_key_and_variable() {
    let rows = keys().map(Key::manual_row).chain(client_variables().iter().map(ClientVariable::manual_row));
    let missing: Vec<String> = rows.filter(|row| !MANUAL.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "assets/help/configuration.md lacks these lines:\n{}", missing.join("\n"));
    let of_keys = MANUAL.lines().filter(|line| line.contains("| `HOLDFAST_")).count();
    assert_eq!(of_keys, keys().count() + client_variables().len(), "the manual has rows of keys that are gone");
}

#[test]
fn unknown_variables_are_warned_of_with_the_nearest_known_one() {
    let machine = Machine::new();
    let variables = [
        ("HOLDFAST_SERVER_LISEN", "x"),
        ("HOLDFAST_TOKEN", "t"),
        ("HOLDFAST_ROOT_KEY_FILE", "/k"),
        ("HOLDFAST_TEST_ANYTHING", "x"),
        ("HOLDFAST_COLOUR_OF_THE_SKY", "x"),
    ];
    let warnings = machine.load("", &variables).expect("only warnings").warnings;
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "nothing reads the variable HOLDFAST_COLOUR_OF_THE_SKY (unset it)",
            "nothing reads the variable HOLDFAST_SERVER_LISEN (did you mean HOLDFAST_SERVER_LISTEN?)",
        ]
    );
}

#[test]
fn plain_http_beyond_loopback_must_be_asked_for() {
    let machine = Machine::new();
    let listen = ("HOLDFAST_SERVER_LISTEN", "0.0.0.0:8420");
    assert_eq!(machine.load("", &[listen]).expect_err("insecure").code(), "config_insecure_listen");
    assert!(machine.load("", &[listen, ("HOLDFAST_SERVER_INSECURE_LISTEN", "true")]).is_ok());
    assert!(machine.load("[tls]\ncert = 'c'\nkey = 'k'", &[listen]).is_ok());
    for loopback in ["127.0.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(machine.load("", &[("HOLDFAST_SERVER_LISTEN", loopback)]).is_ok(), "{loopback}");
    }
}

#[test]
fn a_certificate_needs_its_key_and_relative_paths_start_at_the_file() {
    let machine = Machine::new();
    assert_eq!(machine.refused("[tls]\ncert = 'c'", &[]), "tls.cert is set, but tls.key is not");
    assert_eq!(machine.refused("[tls]\nkey = 'c'", &[]), "tls.key is set, but tls.cert is not");
    let path = machine.write("conf/h.toml", "tls = { cert = 'c.pem', key = '/k.pem' }");
    let env = machine.env(&[("HOLDFAST_DATA_DIR", "data")]);
    let settings = Settings::load(&env, Some(&path), Overrides::default()).expect("loads").settings;
    let tls = settings.tls.expect("on");
    assert_eq!((tls.cert, tls.key), (machine.path("conf/c.pem"), PathBuf::from("/k.pem")));
    assert_eq!(settings.data.dir, machine.path("data"), "a variable's path starts at the working directory");
    assert_eq!(settings.server.public_url(443, true).as_str(), "https://localhost");
}

#[test]
fn root_uses_the_services_folder_where_it_exists_or_a_file_is_used() {
    let machine = Machine::new();
    let service = machine.path("var/lib/holdfast");
    let dir = |env: &Env, file: Option<&Path>| {
        Settings::load(env, file, Overrides::default()).expect("loads").settings.data.dir
    };
    let (root, user) = (machine.env(&[]).with_root(true), machine.env(&[]));
    let home = machine.path("home/.local/share/holdfast");
    assert_eq!(dir(&root, None), home);
    let file = machine.write("h.toml", "");
    assert_eq!(dir(&root, Some(&file)), service);
    assert_eq!(dir(&user, Some(&file)), home);
    std::fs::create_dir_all(&service).expect("directory");
    assert_eq!(dir(&root, None), service);
    assert_eq!(dir(&user, None), home);
}

#[test]
fn the_root_key_comes_from_the_first_source_and_the_others_are_named() {
    let machine = Machine::new();
    machine.write("creds/holdfast-root-key", "k");
    let creds = machine.path("creds").display().to_string();
    let all = [
        ("CREDENTIALS_DIRECTORY", creds.as_str()),
        ("HOLDFAST_ROOT_KEY_FILE", "/short"),
        ("HOLDFAST_KEYS_PASSPHRASE_FILE", "/pass"),
        ("HOLDFAST_KEYS_COMMAND", "[\"kms\", \"sesame\"]"),
    ];
    let load = |variables: &[(&str, &str)], flag: Option<&str>| {
        let overrides = Overrides { root_key_file: flag.map(PathBuf::from), ..Overrides::default() };
        let loaded = Settings::load(&machine.env(variables), None, overrides).expect("loads");
        (loaded.settings.keys.source, loaded.warnings.len())
    };
    let command = vec!["kms".to_owned(), "sesame".to_owned()];
    assert_eq!(load(&all, Some("/flag")), (RootKeySource::File("/flag".into()), 3));
    assert_eq!(load(&all, None), (RootKeySource::Credential(machine.path("creds/holdfast-root-key")), 3));
    assert_eq!(load(&all[1..], None), (RootKeySource::File("/short".into()), 2));
    let both = [("HOLDFAST_ROOT_KEY_FILE", "/short"), ("HOLDFAST_KEYS_ROOT_KEY_FILE", "/long")];
    assert_eq!(load(&both, None), (RootKeySource::File("/long".into()), 0));
    assert_eq!(load(&all[2..], None), (RootKeySource::Passphrase("/pass".into()), 1));
    assert_eq!(load(&all[3..], None), (RootKeySource::Command(command), 0));
    let shown = machine.load("", &all[1..2]).expect("loads").effective;
    let shown = shown.iter().find(|shown| shown.key.dotted() == "keys.root_key_file").expect("shown");
    assert_eq!(shown.origin.to_string(), "HOLDFAST_ROOT_KEY_FILE");
}

#[test]
fn a_variable_beats_the_files_root_key() {
    let machine = Machine::new();
    let text = "[keys]\nroot_key_file = 'file.key'";
    let source = |variables: &[(&str, &str)]| machine.load(text, variables).expect("loads").settings.keys.source;
    assert_eq!(source(&[]), RootKeySource::File(machine.path("file.key")));
    assert_eq!(source(&[("HOLDFAST_ROOT_KEY_FILE", "/short")]), RootKeySource::File("/short".into()));
}

#[test]
fn commands_are_lists_and_never_empty() {
    let machine = Machine::new();
    for bad in ["kms decrypt", "[]", "[\"\"]", "[1]"] {
        let message = machine.refused("", &[("HOLDFAST_KEYS_COMMAND", bad)]);
        assert!(message.ends_with("is not a list like [\"program\", \"argument\"]"), "{message}");
    }
}

#[test]
fn a_file_beyond_its_limit_or_not_text_is_refused() {
    let machine = Machine::new();
    let long = format!("#{}", "x".repeat(256 * 1024));
    assert_eq!(machine.load(&long, &[]).expect_err("too large").code(), "file_too_large");
    let path = machine.path("bytes.toml");
    std::fs::write(&path, [0xff, 0xfe]).expect("written");
    let error = Settings::load(&machine.env(&[]), Some(&path), Overrides::default()).expect_err("bytes");
    assert_eq!(error.code(), "file_not_text");
}
