//! A real SMTP server (aiosmtpd) in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::app::TestApp;
use super::variable;

/// A running SMTP server; what it takes comes out of it as JSON.
pub(crate) struct Smtp {
    child: Child,
    port: u16,
    taken: Lines<BufReader<ChildStdout>>,
    dir: TempDir,
}

impl Smtp {
    /// One in a mode: `none`, `starttls` or `tls`.
    pub(crate) fn start(mode: &str) -> Self {
        let tools = PathBuf::from(variable("HOLDFAST_TEST_TOOLS").expect("make test names the tools"));
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        fs::write(&cert, made.cert.pem()).expect("a file");
        fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
        let mut child = Command::new(tools.join("mail/venv/bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/server.py"))
            .arg(mode)
            .args([&cert, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/mail/install.sh installs it");
        let mut taken = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let port = taken.next().expect("a line").expect("text").parse().expect("a port");
        Self { child, port, taken, dir }
    }

    /// The next mail; waits for it.
    pub(crate) fn next(&mut self) -> Value {
        serde_json::from_str(&self.taken.next().expect("a mail").expect("text")).expect("JSON")
    }

    /// The settings that send to it.
    pub(crate) fn settings(&self, mode: &str, password: &str) -> Vec<(&'static str, String)> {
        let file = self.dir.path().join("password");
        fs::write(&file, format!("{password}\n")).expect("a file");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
        let text = |path: &Path| path.display().to_string();
        let mut all = vec![
            ("HOLDFAST_MAIL_HOST", if mode == "none" { "127.0.0.1" } else { "localhost" }.to_owned()),
            ("HOLDFAST_MAIL_PORT", self.port.to_string()),
            ("HOLDFAST_MAIL_SECURITY", mode.to_owned()),
            ("HOLDFAST_MAIL_FROM", "holdfast@example.com".to_owned()),
        ];
        if mode != "none" {
            all.push(("HOLDFAST_MAIL_CA_FILE", text(&self.dir.path().join("cert.pem"))));
            all.push(("HOLDFAST_MAIL_USERNAME", "holdfast".to_owned()));
            all.push(("HOLDFAST_MAIL_PASSWORD_FILE", text(&file)));
        }
        all
    }

    /// An appliance that sends to it.
    pub(crate) fn app(&self, mode: &str, password: &str) -> TestApp {
        let settings = self.settings(mode, password);
        TestApp::with(&settings.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _code = self.child.wait();
    }
}

/// The token of the only link in a mail; both parts must have it.
pub(crate) fn token(mail: &Value) -> String {
    let part = |kind: &str| mail["parts"][kind].as_str().unwrap_or_else(|| panic!("no {kind} in {mail}")).to_owned();
    let (plain, html) = (part("text/plain"), part("text/html"));
    let (_, rest) = plain.split_once('#').expect("a link");
    let token = rest.split_whitespace().next().expect("a token").to_owned();
    assert!(html.contains(&format!("#{token}\"")), "the button opens the same link");
    token
}
