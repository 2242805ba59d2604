//! A real OpenBao server: in memory, unsealed, with one listener for the test and one with TLS for our binary.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::tool;
use crate::support::http::{self, Response};

/// A running server. Dropping it kills the process by its id.
pub(super) struct OpenBao {
    child: Child,
    base: String,
    tls: u16,
    root: String,
    dir: tempfile::TempDir,
}

impl OpenBao {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        fs::write(dir.path().join("cert.pem"), made.cert.pem()).expect("the directory is ours");
        fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("the directory is ours");
        // Ports that were free a moment ago may be taken when OpenBao asks for them.
        let (child, plain, tls) = (0..5).find_map(|_| serve(dir.path())).expect("two ports stay free for a moment");
        let base = format!("http://127.0.0.1:{plain}");
        let mut bao = Self { child, base, tls, root: String::new(), dir };
        let keys = bao.call("PUT", "sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).json();
        bao.call("PUT", "sys/unseal", json!({ "key": keys["keys_base64"][0] })).expect(200);
        keys["root_token"].as_str().expect("a token").clone_into(&mut bao.root);
        bao
    }

    /// Mounts a key-value engine; a new one prepares itself for a moment.
    pub(super) fn mount(&self, path: &str, version: &str) {
        let body = json!({ "type": "kv", "options": { "version": version } });
        self.call("POST", &format!("sys/mounts/{path}"), body).expect(204);
        let ready = |_: &i32| {
            let probe = if version == "2" { format!("{path}/config") } else { format!("{path}/probe") };
            matches!(self.call("GET", &probe, Value::Null).status, 200 | 404)
        };
        assert!((0..1_000).any(|n| ready(&n)), "{path} does not come up");
    }

    /// Any request below `/v1` with the root token.
    pub(super) fn call(&self, method: &str, path: &str, body: Value) -> Response {
        self.call_in("", method, path, body)
    }

    /// The same in a namespace.
    pub(super) fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> Response {
        let headers =
            [("x-vault-token", self.root.as_str()), ("x-vault-request", "true"), ("x-vault-namespace", namespace)];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::send(&self.base, method, &format!("/v1/{path}"), &headers, body.as_bytes())
    }

    /// Writes one more version of a secret of version 2; answers its number.
    pub(super) fn put(&self, path: &str, data: Value) -> u64 {
        let (mount, rest) = path.split_once('/').expect("mount/path");
        // Until its upgrade is done a new mount of version 2 refuses writes.
        for _ in 0..1_000 {
            let answer = self.call("POST", &format!("{mount}/data/{rest}"), json!({ "data": data }));
            if answer.status == 200 {
                return answer.json()["data"]["version"].as_u64().expect("a version");
            }
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
        panic!("{path} takes no versions")
    }

    /// A token that holds this policy and nothing else.
    pub(super) fn token(&self, policy: &str) -> String {
        self.call("PUT", "sys/policies/acl/limited", json!({ "policy": policy })).expect(204);
        let wanted = json!({ "policies": ["limited"], "no_default_policy": true });
        let made = self.call("POST", "auth/token/create", wanted).expect(200);
        made["auth"]["client_token"].as_str().expect("a token").to_owned()
    }

    /// The root token.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// The address with TLS.
    pub(super) fn address(&self) -> String {
        format!("https://localhost:{}", self.tls)
    }

    /// The address without.
    pub(super) fn plain_address(&self) -> &str {
        &self.base
    }

    /// The certificate that vouches for the address with TLS.
    pub(super) fn ca(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server on two free ports; none when it ended at once.
fn serve(dir: &std::path::Path) -> Option<(Child, u16, u16)> {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let (plain, tls) = (free(), free());
    let shown = dir.display();
    let config = format!(
        "storage \"inmem\" {{}}\napi_addr = \"http://127.0.0.1:{plain}\"\n\
         listener \"tcp\" {{\n  address = \"127.0.0.1:{plain}\"\n  cluster_address = \"127.0.0.1:{}\"\n  tls_disable = true\n}}\n\
         listener \"tcp\" {{\n  address = \"127.0.0.1:{tls}\"\n  cluster_address = \"127.0.0.1:{}\"\n\
         \x20 tls_cert_file = \"{shown}/cert.pem\"\n  tls_key_file = \"{shown}/key.pem\"\n}}\n",
        free(),
        free(),
    );
    fs::write(dir.join("config.hcl"), config).expect("the directory is ours");
    let mut command = Command::new(tool("openbao/bao"));
    command.arg("server").arg(format!("-config={shown}/config.hcl"));
    command.env_clear().env("HOME", dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("bao was installed by its install.sh");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
        if line.contains("server started") {
            // Read on, or the server blocks on a full pipe.
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return Some((child, plain, tls));
        }
        line.clear();
    }
    let _ = child.wait();
    None
}
