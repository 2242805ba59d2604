//! `holdfast scan` beside the real detect-secrets, on a corpus made here: it finds at least as much of what is secret,
//! and raises fewer false alarms. Nothing realistic is in this file: secrets are put together at run time.

use crate::support::cli::{Shell, finish};
use crate::support::variable;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A line of a file.
type Line = (String, u64);

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).expect("48 bits") % n
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let all: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| all[self.below(all.len())]).collect()
    }

    fn alnum(&mut self, length: usize) -> String {
        self.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }

    fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }
}

/// Files, and which of their lines hold a secret.
#[derive(Default)]
struct Corpus {
    files: Vec<(String, String)>,
    secret: BTreeSet<Line>,
}

impl Corpus {
    /// Adds a file; lines given with `true` hold a secret.
    fn file(&mut self, name: &str, lines: &[(String, bool)]) {
        for (number, (_, is_secret)) in (1_u64..).zip(lines) {
            if *is_secret {
                self.secret.insert((name.to_owned(), number));
            }
        }
        let text: String = lines.iter().flat_map(|(line, _)| [line.as_str(), "\n"]).collect();
        self.files.push((name.to_owned(), text));
    }
}

fn bad(line: String) -> (String, bool) {
    (line, true)
}

fn good(line: impl Into<String>) -> (String, bool) {
    (line.into(), false)
}

/// Tokens that say by their form whose they are, as both tools know them, and some only one does.
fn provider_tokens(d: &mut Dice) -> Vec<(&'static str, String)> {
    let join = |parts: &[&str]| parts.concat();
    let jwt = {
        let part = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}.{}", part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), part("{\"sub\":\"42\"}"), d.alnum(43))
    };
    vec![
        ("aws", join(&["AK", "IA", &d.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)])),
        ("github", join(&["ghp", "_", &d.alnum(36)])),
        ("github_server", join(&["ghs", "_", &d.alnum(36)])),
        ("gitlab", join(&["glpat", "-", &d.alnum(20)])),
        ("slack", join(&["xoxb", "-", &d.text("0123456789", 12), "-", &d.text("0123456789", 12), "-", &d.alnum(24)])),
        ("stripe", join(&["sk", "_live_", &d.alnum(24)])),
        ("sendgrid", join(&["SG", ".", &d.alnum(22), ".", &d.alnum(43)])),
        ("npm", join(&["npm", "_", &d.alnum(36)])),
        ("pypi", join(&["pypi-AgEIcHlwaS5vcmc", "C", &d.alnum(70)])),
        ("twilio", join(&["S", "K", &d.hex(32)])),
        ("mailchimp", join(&[&d.hex(32), "-us", "12"])),
        ("telegram", join(&[&d.text("123456789", 10), ":AA", &d.alnum(33)])),
        ("square", join(&["sq0csp", "-", &d.alnum(43)])),
        ("openai", join(&["sk", "-", &d.alnum(20), "T3Blbk", "FJ", &d.alnum(20)])),
        ("google", join(&["AI", "za", &d.alnum(35)])),
        ("anthropic", join(&["sk-", "ant-api03-", &d.alnum(93), "AA"])),
        ("digitalocean", join(&["dop", "_v1_", &d.hex(64)])),
        ("vault", join(&["hvs", ".", &d.alnum(90)])),
        ("jwt", jwt),
    ]
}

fn config(corpus: &mut Corpus, d: &mut Dice, round: usize) {
    let mut env = vec![good("# settings"), good("PORT=8080"), good("LOG_LEVEL=debug")];
    let mut yaml = vec![good("service:"), good("  replicas: 2"), good("  image: registry.example/shop/api:1.4.2")];
    for (name, token) in provider_tokens(d) {
        env.push(bad(format!("{}_CREDENTIAL={token}", name.to_uppercase())));
        yaml.push(bad(format!("  {name}: \"{token}\"")));
    }
    for name in ["DB_PASSWORD", "SESSION_SECRET", "API_KEY", "AUTH_TOKEN"] {
        let value = d.alnum(24 + round);
        env.push(bad(format!("{name}={value}")));
        env.push(bad(format!("MORE_{name}='{}'", d.alnum(28))));
        yaml.push(bad(format!("  {}: {}", name.to_lowercase(), d.alnum(30))));
        env.push(good(format!("OTHER_{name}=${{{name}}}")));
        env.push(good(format!("{name}_FILE=/run/secrets/{}", name.to_lowercase())));
        yaml.push(good(format!("  {}Name: shop-{}", name.to_lowercase(), name.to_lowercase().replace('_', "-"))));
    }
    env.push(bad(format!("DATABASE_URL=postgres://app:{}@db.internal:5432/shop", d.alnum(16))));
    env.push(good("DATABASE_URL_TEMPLATE=postgres://app:${DB_PASSWORD}@db.internal:5432/shop"));
    env.push(good("EXAMPLE_TOKEN=<your-token-here>"));
    yaml.push(good("  valueFrom: { secretKeyRef: { name: shop-db, key: password } }"));
    yaml.push(good(format!("  commit: {}", d.hex(40))));
    corpus.file(&format!("deploy/{round}.env"), &env);
    corpus.file(&format!("deploy/{round}.yaml"), &yaml);
}

fn code(corpus: &mut Corpus, d: &mut Dice, round: usize) {
    let mut python = vec![good("import os"), good("from shop.auth import token_manager, password_policy")];
    let mut script = vec![good("import { tokenStore } from './token-store-v2';")];
    for (name, token) in provider_tokens(d) {
        python.push(bad(format!("{name}_client = connect('{token}')")));
        script.push(bad(format!("const {name}Key = \"{token}\";")));
    }
    for name in ["password", "secret", "api_key", "token"] {
        python.push(bad(format!("{name} = \"{}\"", d.alnum(22))));
        script.push(bad(format!("  {name}: '{}',", d.alnum(26))));
        python.push(good(format!("{name} = os.environ['{}']", name.to_uppercase())));
        python.push(good(format!("{name} = get_{name}(request.headers)")));
        python.push(good(format!("{name}_field = form.fields['{name}_confirmation']")));
        python.push(good(format!("def test_{name}_is_required(): assert validate({name}=None)")));
        script.push(good(format!("  {name}: process.env.{},", name.to_uppercase())));
        script.push(good(format!("  {name}Label: 'Enter your {name}',")));
        script.push(good(format!("  {name}: string;")));
    }
    python.push(bad(format!(
        "signing = '{}'",
        d.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 44)
    )));
    python.push(bad(format!("shared = \"{}\"", d.hex(64))));
    for _ in 0..6 {
        let (sha, md5) = (d.hex(64), d.hex(32));
        python.push(good(format!("EXPECTED_SHA256 = '{sha}'")));
        python.push(good(format!("assert digest(body) == '{md5}'  # md5 of the fixture")));
        script.push(good(format!("  etag: \"{}\",", d.hex(32))));
        script.push(good(format!("  commit: '{}',", d.hex(40))));
        let uuid = [8, 4, 4, 4, 12].map(|n| d.hex(n)).join("-");
        script.push(good(format!("  id: '{uuid}',")));
        let integrity = d.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 86);
        script.push(good(format!("  integrity: 'sha512-{integrity}==',")));
    }
    python.push(good("PERMISSIONS = 'secret.reveal secret.use secret.write'"));
    python.push(good("url('https://docs.example.com/v2/authentication/tokens#bearer')"));
    corpus.file(&format!("src/{round}.py"), &python);
    corpus.file(&format!("src/{round}.ts"), &script);
}

fn others(corpus: &mut Corpus, d: &mut Dice) {
    let base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut lock = vec![good("{"), good("  \"packages\": {")];
    let mut words = vec![good("{")];
    for number in 0..40 {
        lock.push(good(format!("    \"left-pad-{number}\": {{ \"integrity\": \"sha512-{}==\",", d.text(base64, 86))));
        lock.push(good(format!(
            "      \"resolved\": \"https://registry.example/left-pad-{number}.tgz#{}\" }},",
            d.hex(40)
        )));
        words.push(good(format!("  \"password_{number}\": \"Choose a password with {number} characters\",")));
        words.push(good(format!("  \"token_hint_{number}\": \"The token is shown once\",")));
    }
    corpus.file("package-lock.json", &lock);
    corpus.file("locales/en.json", &words);
    let body = |d: &mut Dice| (0..12).map(|_| good(d.text(base64, 64))).collect::<Vec<_>>();
    for (name, kind) in [("rsa", "RSA PRIVATE KEY"), ("pkcs8", "PRIVATE KEY"), ("ssh", "OPENSSH PRIVATE KEY")] {
        let heading = vec![bad(["-----BEGIN ", kind, "-----"].concat())];
        corpus.file(
            &format!("keys/{name}.pem"),
            &[heading, body(d), vec![good(["-----END ", kind, "-----"].concat())]].concat(),
        );
    }
    let certificate = vec![good("-----BEGIN CERTIFICATE-----")];
    corpus.file("keys/ca.crt", &[certificate, body(d), vec![good("-----END CERTIFICATE-----")]].concat());
    let manual = [
        good("# Tokens"),
        good("Send `Authorization: Bearer <token>`; a token looks like `ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`."),
        good("Set `password: \"changeme\"` first, or `password = \"your-password\"`."),
        good("A key begins with -----BEGIN RSA PRIVATE KEY----- and ends likewise."),
        good("    api_key = \"YOUR_API_KEY_GOES_HERE_1234\""),
        bad(format!("    curl -H 'Authorization: Bearer {}'", d.alnum(48))),
    ];
    corpus.file("docs/tokens.md", &manual);
}

fn corpus() -> Corpus {
    let mut corpus = Corpus::default();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..4 {
        config(&mut corpus, &mut dice, round);
        code(&mut corpus, &mut dice, round);
    }
    others(&mut corpus, &mut dice);
    corpus
}

fn detect_secrets() -> PathBuf {
    let home = || PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache/holdfast/tools");
    let tools = variable("HOLDFAST_TEST_TOOLS").map_or_else(home, PathBuf::from);
    let program = tools.join("scan/venv/bin/detect-secrets");
    assert!(program.exists(), "{} is missing: run `make test-tools`", program.display());
    program
}

fn theirs(shell: &Shell) -> BTreeSet<Line> {
    let mut command = shell.program(&detect_secrets());
    // One process: its pool of workers is nothing to wait for here. No verification: nothing is sent anywhere.
    command.args(["-c", "1", "scan", "--all-files", "--no-verify", "."]);
    let report = finish(command, b"");
    report.expect(0);
    let report = report.json();
    assert_eq!(report["version"], "1.5.0");
    let mut lines = BTreeSet::new();
    for (path, found) in report["results"].as_object().expect("results") {
        let path = path.trim_start_matches("./").to_owned();
        lines.extend(
            found.as_array().expect("a list").iter().filter_map(|f| Some((path.clone(), f["line_number"].as_u64()?))),
        );
    }
    lines
}

fn ours(shell: &Shell) -> BTreeSet<Line> {
    let report = shell.run("scan --json");
    report.expect(7);
    let line = |f: &Value| Some((f["path"].as_str()?.to_owned(), f["line"].as_u64()?));
    report.json()["findings"].as_array().expect("findings").iter().filter_map(line).collect()
}

#[test]
fn it_finds_at_least_what_detect_secrets_finds_and_raises_fewer_false_alarms() {
    let shell = Shell::offline();
    let corpus = corpus();
    for (name, text) in &corpus.files {
        let path = shell.dir().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("ours");
        std::fs::write(path, text).expect("ours");
    }
    let (ours, theirs) = (ours(&shell), theirs(&shell));
    let hits = |found: &BTreeSet<Line>| found.intersection(&corpus.secret).count();
    let alarms = |found: &BTreeSet<Line>| found.difference(&corpus.secret).count();
    let missed: Vec<_> = corpus.secret.difference(&ours).collect();
    let wrong: Vec<_> = ours.difference(&corpus.secret).collect();
    let figures = format!(
        "of {} secrets: ours {} and {} false alarms, theirs {} and {}\nmissed {missed:?}\nwrong {wrong:?}",
        corpus.secret.len(),
        hits(&ours),
        alarms(&ours),
        hits(&theirs),
        alarms(&theirs),
    );
    assert!(hits(&theirs) * 2 > corpus.secret.len(), "the comparison is not with a tool that finds nothing: {figures}");
    assert!(hits(&ours) >= hits(&theirs) && hits(&ours) * 100 >= corpus.secret.len() * 97, "{figures}");
    assert!(alarms(&ours) < alarms(&theirs) && alarms(&ours) * 50 <= corpus.secret.len(), "{figures}");
}
