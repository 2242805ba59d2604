//! The cluster these tests run on, and what they do there as its administrator.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io::Write as _};

use holdfast::cluster::{Access, Client, manifest};
use holdfast::types::SecretString;
use tempfile::TempDir;

use crate::support::variable;

/// A real cluster, by its administrator's kubeconfig.
pub(super) struct OnCluster {
    /// The kubeconfig of its administrator.
    pub(super) kubeconfig: PathBuf,
    dir: TempDir,
}

/// What a command of kubectl did.
pub(super) struct Told {
    pub(super) done: bool,
    /// Both of its streams.
    pub(super) text: String,
}

impl OnCluster {
    /// The cluster that `make test-cluster` started.
    pub(super) fn get() -> Self {
        let path = variable("HOLDFAST_TEST_KUBECONFIG").expect("HOLDFAST_TEST_KUBECONFIG: run make test-cluster");
        Self { kubeconfig: path.into(), dir: tempfile::tempdir().expect("a directory") }
    }

    /// The Holdfast image its nodes have, where one was built.
    pub(super) fn image() -> Option<String> {
        variable("HOLDFAST_TEST_CLUSTER_IMAGE")?.into_string().ok().filter(|image| !image.is_empty())
    }

    /// A client of ours as the administrator. Where tokio runs.
    pub(super) fn client(&self) -> Client {
        let text = fs::read_to_string(&self.kubeconfig).expect("a kubeconfig");
        let access = Access::from_kubeconfig(&SecretString::new(text), None).expect("a kubeconfig that can be used");
        Client::new(&access).expect("a client")
    }

    /// kubectl as the administrator, with `input` on its stdin.
    pub(super) fn kubectl(&self, line: &str, input: &str) -> Told {
        kubectl(&self.kubeconfig, line, input)
    }

    /// The same, which must succeed.
    pub(super) fn must(&self, line: &str, input: &str) -> String {
        let told = self.kubectl(line, input);
        assert!(told.done, "kubectl {line}: {}", told.text);
        told.text
    }

    /// Applies the manifest and gives the kubeconfig of the account it makes.
    pub(super) fn account(&self) -> PathBuf {
        self.must("apply -f -", &manifest());
        let token = self.must("-n holdfast-system create token holdfast --duration 2h", "");
        let text = self.must("config view --raw --flatten --minify -o json", "");
        let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        config["users"][0]["user"] = serde_json::json!({ "token": token.trim() });
        let path = self.dir.path().join("account");
        fs::write(&path, config.to_string()).expect("written");
        path
    }
}

/// kubectl with this kubeconfig; the words of the line are parted by blanks, `~` stands for one.
pub(super) fn kubectl(kubeconfig: &Path, line: &str, input: &str) -> Told {
    let words = line.split_whitespace().map(|word| word.replace('~', " "));
    let mut child = Command::new("kubectl")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--request-timeout", "10s"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl: make cluster builds it");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let done = child.wait_with_output().expect("ended");
    let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Told { done: done.status.success(), text }
}
