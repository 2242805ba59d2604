//! Importers against the real thing: what other products keep is put there by them, and read by our binary.

mod files;
mod openbao;
mod vault;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::api::{Api, environment};
use crate::support::cli::{Done, Shell, finish};
use crate::support::server::Server;
use crate::support::variable;

/// Where everything is imported to.
const STAGING: &str = "shop/staging";

/// What `tests/importers/install.sh` puts under this name.
fn tool(name: &str) -> PathBuf {
    let home = || PathBuf::from(variable("HOME").expect("HOME is set")).join(".cache/holdfast/tools");
    let tools = variable("HOLDFAST_TEST_TOOLS").map_or_else(home, PathBuf::from);
    let program = tools.join("importers").join(name);
    assert!(program.exists(), "{} is missing: run `make test-tools`", program.display());
    program
}

/// Somebody who moves to Holdfast: a server with an empty environment, and a shell bound to it.
struct Newcomer {
    _server: Server,
    owner: Api,
    shell: Shell,
}

impl Newcomer {
    fn new() -> Self {
        let server = Server::start();
        let owner = Api::new(server.base(), &server.set_up());
        owner.project("shop");
        owner.environment(STAGING, json!({}));
        let shell = Shell::new(server.base());
        Self { _server: server, owner, shell }
    }

    /// `holdfast import …` into the environment, not run yet.
    fn command(&self, arguments: &str) -> Command {
        let mut command = self.shell.command(["import"].into_iter().chain(arguments.split_whitespace()));
        command.env("HOLDFAST_TOKEN", self.owner.token());
        command.env("HOLDFAST_PROJECT", "shop").env("HOLDFAST_ENVIRONMENT", "staging");
        command
    }

    fn import(&self, arguments: &str) -> Done {
        finish(self.command(arguments), b"")
    }

    /// The versions of a secret, oldest first: value and first line of the comment.
    fn history(&self, path: &str, name: &str) -> Vec<(String, String)> {
        let at = format!("{}/secrets/{name}", environment(STAGING));
        let listed = self.owner.get(&format!("{at}/history?path={path}&limit=500")).expect(200);
        let mut versions: Vec<u64> = listed["items"].as_array().expect("a list").iter().map(number).collect();
        versions.sort_unstable();
        let read = |version: u64| {
            let one = self.owner.get(&format!("{at}?path={path}&reveal=true&version={version}")).expect(200);
            let comment = one["comment"].as_str().expect("a comment").lines().next().unwrap_or_default().to_owned();
            (one["value"].as_str().expect("a value").to_owned(), comment)
        };
        versions.into_iter().map(read).collect()
    }

    /// The names the environment has, each with its folder.
    fn names(&self) -> Vec<String> {
        let path = format!("{}/secrets?recursive=true&limit=500", environment(STAGING));
        let items = self.owner.get(&path).expect(200)["items"].take();
        let named = |i: &Value| format!("{} {}", i["path"].as_str().expect("path"), i["name"].as_str().expect("name"));
        items.as_array().expect("a list").iter().map(named).collect()
    }
}

fn number(item: &Value) -> u64 {
    item["version"].as_u64().expect("a version")
}

/// The places of an answer's remarks of one kind.
fn places(answer: &Value, kind: &str) -> Vec<String> {
    let remarks = answer["remarks"].as_array().expect("remarks").iter().filter(|r| r["kind"] == kind);
    remarks.map(|r| r["place"].as_str().expect("a place").to_owned()).collect()
}
