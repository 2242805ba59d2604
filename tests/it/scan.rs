//! `holdfast scan`: trees, staged lines, histories, own values, reports, and everything that is no text.

use crate::support::api::{Api, refused};
use crate::support::cli::{Done, Shell, finish};
use crate::support::server::Server;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Drawn at run time: no credential stands in this file.
fn drawn(shell: &Shell, length: usize) -> String {
    shell.run(&format!("generate random --length {length}")).expect(0).trim_end().to_owned()
}

fn github(shell: &Shell) -> String {
    format!("ghp{}{}", '_', drawn(shell, 36))
}

fn git(shell: &Shell, line: &str) -> Done {
    let mut command = shell.program(Path::new("git"));
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]);
    command.args(line.split_whitespace());
    let done = finish(command, b"");
    done.expect(0);
    done
}

fn places(answer: &Value) -> Vec<String> {
    let place = |f: &Value| {
        let text = |at: &str| f[at].as_str().unwrap_or_else(|| panic!("{f}")).to_owned();
        format!("{}:{} {}", text("path"), f["line"], text("rule"))
    };
    let mut all: Vec<_> = answer["findings"].as_array().expect("findings").iter().map(place).collect();
    all.sort();
    all
}

#[test]
fn a_tree_is_scanned_as_gitignore_says_and_the_exit_code_tells() {
    let shell = Shell::offline();
    let token = github(&shell);
    shell.run("scan --json").expect(0);
    fs::create_dir_all(shell.dir().join("src/deep")).expect("ours");
    shell.file("src/deep/a.py", format!("x = 1\ntoken = \"{token}\"\n"));
    shell.file(".env", format!("DB_PASSWORD={}\n", drawn(&shell, 20)));
    shell.file("passes.py", format!("t = \"{token}\"  # holdfast:ignore\n"));
    shell.file("left-out.py", format!("t = \"{token}\"\n"));
    shell.file("vendored.js", format!("t = \"{token}\"\n"));
    shell.file(".holdfastignore", "left-out.py\n");
    let found = shell.run("scan --json --exclude vendored.*");
    found.expect(7);
    assert_eq!(places(&found.json()), [".env:1 assigned-secret", "src/deep/a.py:2 github-token"]);
    assert!(!found.stdout.contains(&token), "a report holds no secret");
    let table = shell.run("scan src");
    assert_eq!(table.expect(7), "src/deep/a.py:2:10\tgithub-token\tGitHub token\n");
    shell.run("scan src/deep/a.py").expect(7);
    shell.run("scan nowhere").refused(3, "there is no nowhere");
    assert!(shell.run("scan --list-rules").expect(0).contains("aws-access-key\tAWS access key id"));
}

#[test]
fn what_is_known_passes_and_what_is_new_does_not() {
    let shell = Shell::offline();
    let (old, new) = (github(&shell), github(&shell));
    shell.file("a.txt", format!("{old}\n"));
    shell.run("scan --write-baseline").expect(0);
    let baseline = fs::read_to_string(shell.dir().join(".holdfast-scan.json")).expect("written");
    assert!(!baseline.contains(&old[4..]));
    let known = shell.run("scan --json");
    known.expect(0);
    assert_eq!(known.json()["known"], json!(1));
    // Moved down a line it is still known; another one is not.
    shell.file("a.txt", format!("\n{old}\n{new}\n"));
    let found = shell.run("scan --json");
    found.expect(7);
    assert_eq!(places(&found.json()), ["a.txt:3 github-token"]);
    shell.run("scan --write-baseline").expect(0);
    let again = fs::read_to_string(shell.dir().join(".holdfast-scan.json")).expect("written");
    let tag = |text: &str| serde_json::from_str::<Value>(text).expect("JSON")["findings"]["a.txt"][0]["tag"].clone();
    assert_eq!(tag(&baseline), tag(&again), "what stays known keeps its line in a commit");
    shell.file(".holdfast-scan.json", "{");
    shell.run("scan").refused(1, "cannot use the baseline");
    shell.run("scan --baseline none.json").refused(1, "cannot use the baseline");
}

#[test]
fn sarif_is_complete_and_without_the_secret() {
    let shell = Shell::offline();
    let token = github(&shell);
    shell.file("a b.txt", format!("\u{e4} {token}\n"));
    let report = shell.run("scan --sarif");
    report.expect(7);
    let sarif = report.json();
    assert!(!report.stdout.contains(&token));
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((&sarif["version"], &result["ruleId"]), (&json!("2.1.0"), &json!("github-token")));
    assert_eq!(place["artifactLocation"]["uri"], json!("a%20b.txt"));
    assert_eq!(place["region"], json!({ "startLine": 1, "startColumn": 3 }));
    let again = shell.run("scan --sarif").json();
    let print = |s: &Value| s["runs"][0]["results"][0]["partialFingerprints"].clone();
    assert_eq!(print(&sarif), print(&again), "a code host knows it again");
}

#[test]
fn only_staged_lines_count_before_a_commit_and_the_hook_asks() {
    let shell = Shell::offline();
    let (old, new) = (github(&shell), github(&shell));
    git(&shell, "init -q -b main");
    shell.file("old.txt", format!("{old}\n"));
    git(&shell, "add .");
    git(&shell, "commit -q -m one");
    shell.run("scan --staged").expect(0);
    shell.file("old.txt", format!("{old}\nharmless\n"));
    shell.file("new \u{e4} \"x\".txt", format!("a\nb\n{new}\n"));
    shell.run("scan --staged").expect(0);
    git(&shell, "add .");
    let found = shell.run("scan --staged --json");
    found.expect(7);
    assert_eq!(places(&found.json()), ["new \u{e4} \"x\".txt:3 github-token"]);
    // Said to be binary by an attribute, it is read all the same.
    shell.file(".gitattributes", "* -diff\n");
    shell.run("scan --staged").expect(7);

    shell.run("scan --install-hook").expect(0);
    let hook = fs::read_to_string(shell.dir().join(".git/hooks/pre-commit")).expect("written");
    assert!(hook.contains("exec holdfast scan --staged\n"), "{hook}");
    let folder = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().expect("a folder").to_owned();
    let commit = || {
        let mut command = shell.program(Path::new("git"));
        let path = crate::support::variable("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{}", folder.display(), path.to_string_lossy()));
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "two"]);
        finish(command, b"")
    };
    let stopped = commit();
    assert!(stopped.status.code() != Some(0) && !stopped.stderr.contains(&new), "{stopped:?}");
    git(&shell, "reset -q");
    git(&shell, "add old.txt");
    commit().expect(0);
    shell.run("scan --install-hook --own").expect(0);
    shell.file(".git/hooks/pre-commit", "#!/bin/sh\nmake lint\n");
    shell.run("scan --install-hook").refused(1, "not ours");
}

#[test]
fn a_history_is_scanned_where_it_was_written_and_what_was_taken_out_is_found() {
    let shell = Shell::offline();
    let (one, two) = (github(&shell), github(&shell));
    git(&shell, "init -q -b main");
    for (name, text) in [("a.txt", format!("x\n{one}\n")), ("a.txt", "x\n".to_owned()), ("b.txt", format!("{two}\n"))] {
        shell.file(name, text);
        git(&shell, "add .");
        git(&shell, "commit -q -m change");
    }
    let commits: Vec<_> = git(&shell, "rev-list --reverse HEAD").stdout.lines().map(str::to_owned).collect();
    let all = shell.run("scan --history --json");
    all.expect(7);
    assert_eq!(places(&all.json()), ["a.txt:2 github-token", "b.txt:1 github-token"]);
    assert_eq!(all.json()["findings"][0]["commit"], json!(commits[0]));
    let since = shell.run(&format!("scan --since {} --json", commits[1]));
    since.expect(7);
    assert_eq!(places(&since.json()), ["b.txt:1 github-token"]);
    shell.run("scan --since HEAD").expect(0);
    shell.run("scan --since=--output=/dev/null").refused(2, "knows no commit");
    shell.run("scan --since nothing").refused(2, "knows no commit");
    Shell::offline().run("scan --history").refused(1, "git failed");
}

#[test]
fn what_is_no_text_stops_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let shell = Shell::offline();
    let token = github(&shell);
    let dir = shell.dir();
    shell.file("program", [&b"\x7fELF\0\0"[..], token.as_bytes()].concat());
    shell.file("broken.txt", [&b"\xff\xc3 \x80 "[..], token.as_bytes(), b"\xff\n"].concat());
    shell.file("long.js", format!("{}; t=\"{token}\"; {}", "a=1;".repeat(500_000), "b=2;".repeat(500_000)));
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(token.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    shell.file("windows.env", utf16);
    shell.file("empty", "");
    let name = std::ffi::OsStr::from_bytes(b"\x1b[31m\xff\n.txt");
    fs::write(dir.join(name), &token).expect("any name will do");
    fs::create_dir(dir.join("loop")).expect("ours");
    symlink("..", dir.join("loop/up")).expect("ours");
    symlink("/nowhere", dir.join("nowhere")).expect("ours");
    let mut pipe = shell.program(Path::new("mkfifo"));
    pipe.arg("pipe");
    finish(pipe, b"").expect(0);
    let found = shell.run("scan --json");
    found.expect(7);
    let report = found.json();
    let files: Vec<_> = places(&report).iter().map(|p| p.rsplit_once(':').expect("a line").0.to_owned()).collect();
    let hostile = "\u{1b}[31m\u{fffd}\n.txt".to_owned();
    assert_eq!(files, [hostile, "broken.txt".into(), "long.js".into(), "windows.env".into()], "{report}");
    let table = shell.run("scan");
    assert!(!table.stdout.contains('\u{1b}') && !table.stderr.contains('\u{1b}'), "{table:?}");
    assert!(shell.run("scan --max-size 1 --json").json()["skipped"].to_string().contains("larger than 1 MiB"));

    let locked = shell.file("locked", "x");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("ours");
    // Root may read everything: then there is nothing to see here.
    if fs::read(&locked).is_err() {
        let incomplete = shell.run("scan locked");
        incomplete.expect(1);
        assert!(incomplete.stderr.contains("not scanned: locked"), "{}", incomplete.stderr);
    }
}

struct Own {
    _server: Server,
    owner: Api,
    shell: Shell,
}

impl Own {
    fn start() -> Self {
        let server = Server::start();
        let owner = Api::new(server.base(), &server.set_up());
        owner.project("shop");
        owner.environment("shop/dev", json!({}));
        owner.environment("shop/qa", json!({}));
        let shell = Shell::new(server.base());
        Self { _server: server, owner, shell }
    }

    fn scan(&self, who: &Api, more: &str) -> Done {
        let token = self.shell.file("../token", who.token());
        self.shell.run(&format!("scan --own --json --token-file {} {more}", token.display()))
    }
}

fn secrets(done: &Done) -> Vec<String> {
    let report = done.json();
    let found = report["findings"].as_array().expect("findings").iter();
    let mut all: Vec<_> = found.filter_map(|f| f["secret"].as_str().map(str::to_owned)).collect();
    all.sort();
    all
}

#[test]
fn own_values_are_found_wherever_they_stand_and_are_named_not_shown() {
    let own = Own::start();
    // Nothing a rule would find: words, as people choose them.
    let value = "blue horse, 7 stables!";
    own.owner.write("shop/dev", "STABLE", json!({ "value": value, "interpolate": false }));
    own.owner.write("shop/qa", "SAME", json!({ "value": value, "interpolate": false }));
    own.owner.set("shop/dev", "PORT", "8080");
    own.owner.write("shop/dev", "OPEN", json!({ "value": "public-value-1", "visibility": "unmasked" }));
    let pair = own.owner.write("shop/dev", "KEY", json!({ "generate": { "kind": "ssh_key" } }));
    assert!(pair["generated"]["public"].is_string());
    let key = own.owner.value("shop/dev", "KEY");
    own.shell.file("notes.md", format!("port 8080, public-value-1\n\n    motto: \"{value}\"\n"));
    own.shell.file("id", &key);
    own.shell.file("token.txt", drawn(&own.shell, 20));
    let found = own.scan(&own.owner, "");
    found.expect(7);
    assert_eq!(secrets(&found), ["shop/dev:/KEY", "shop/dev:/STABLE and 1 more"], "{}", found.stdout);
    assert!(!found.stdout.contains(value) && !found.stderr.contains(value));
    // Three own values can be compared: a number of four digits and an unmasked one cannot.
    assert_eq!(found.json()["compared"], json!(3));
    let narrowed = own.scan(&own.owner, "-p shop -e qa");
    assert_eq!(secrets(&narrowed), ["shop/qa:/SAME"]);
    own.shell.run("scan --own").refused(4, "");
}

#[test]
fn a_scan_compares_only_with_what_the_caller_may_be_shown_and_leaves_events() {
    let own = Own::start();
    let (mine, theirs, hidden) = ("my own value 1", "their own value 2", "restricted value 3");
    own.owner.set("shop/dev", "MINE", mine);
    own.owner.set("shop/qa", "THEIRS", theirs);
    own.owner.write("shop/dev", "HIDDEN", json!({ "value": hidden, "visibility": "restricted" }));
    own.owner.set("shop/dev", "BUILT", "x ${MINE} y and more");
    own.shell
        .file("a.txt", format!("a = \"{mine}\"\nb = \"{theirs}\"\nc = \"{hidden}\"\nd = \"x ${{MINE}} y and more\"\n"));
    let node = json!({ "project": "shop", "environment": "dev" });
    let developer = own.owner.person("dev@example.com", "developer", node.clone());
    let viewer = own.owner.person("view@example.com", "viewer", node.clone());
    let machine = own.owner.machine("ci", "developer", node.clone());
    assert_eq!(secrets(&own.scan(&developer, "")), ["shop/dev:/MINE"]);
    assert_eq!(secrets(&own.scan(&machine, "")), ["shop/dev:/MINE"]);
    assert_eq!(secrets(&own.scan(&own.owner, "")), ["shop/dev:/MINE", "shop/qa:/THEIRS"]);
    own.scan(&viewer, "").refused(4, "secret.reveal");
    own.scan(&developer, "-p shop -e qa").refused(3, "");

    let events = own.owner.get("/audit/events?action=secret.scan&limit=50").expect(200);
    let found = events["items"].as_array().expect("events");
    assert!(found.iter().all(|e| e["outcome"] == "allowed") && found.len() >= 6, "{events}");
    let text = events.to_string();
    let id = own.owner.get("/projects/shop/environments/dev/secrets/MINE").expect(200)["id"].clone();
    assert!(text.contains(id.as_str().expect("an id")) && !text.contains(mine), "{text}");
    let denied = own.owner.get("/audit/events?action=secret.reveal&decision=deny").expect(200);
    assert!(!denied["items"].as_array().expect("events").is_empty(), "the viewer's scan is recorded");
    let read = own.owner.get("/projects/shop/environments/dev/secrets/MINE").expect(200);
    assert!(read["last_accessed_by"].is_string(), "who found it has it: {read}");
}

#[test]
fn in_a_protected_environment_a_scan_asks_for_a_fresh_sign_in() {
    let own = Own::start();
    own.owner.environment("shop/live", json!({ "protected": true }));
    own.owner.set("shop/live", "LIVE", "the live value 1");
    own.shell.file("a.txt", "\"the live value 1\"\n");
    assert_eq!(secrets(&own.scan(&own.owner, "")), ["shop/live:/LIVE"], "who just set the server up is fresh");
    let node = json!({ "project": "shop", "environment": "live" });
    let machine = own.owner.machine("ci", "maintainer", node);
    assert_eq!(secrets(&own.scan(&machine, "")), ["shop/live:/LIVE"], "machines are never asked");
}

#[test]
fn what_is_asked_badly_is_refused() {
    let own = Own::start();
    let key = "0".repeat(64);
    for (path, body) in [
        ("candidates", json!({ "key": "short", "prefixes": [] })),
        ("candidates", json!({ "key": key, "prefixes": ["abc"] })),
        ("candidates", json!({ "key": key, "prefixes": ["ABCDEF"] })),
        ("candidates", json!({ "key": key, "prefixes": ["aabbccdd"] })),
        ("matches", json!({ "key": key, "digests": ["aabbcc"] })),
        ("matches", json!({ "key": key, "digests": [key, 3] })),
        ("matches", json!({ "key": key, "prefixes": [] })),
        ("matches", json!({ "key": key, "digests": [], "environment": "dev" })),
        ("matches", json!({ "key": key, "digests": vec![key.clone(); 10_001] })),
    ] {
        let answer = own.owner.post(&format!("/scan/{path}"), body);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    let unknown = json!({ "key": key, "digests": [], "project": "none" });
    refused(&own.owner.post("/scan/matches", unknown), 404, "project_not_found");
    let answer = own.owner.post("/scan/candidates", json!({ "key": key, "prefixes": [] })).expect(200);
    assert_eq!(answer, json!({ "compared": 0, "candidates": [] }));
}

#[test]
fn a_guesser_is_slowed_down() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start_in(&dir.path().join("data"), &[("HOLDFAST_RATE_LIMITS_ENABLED", "true")]);
    let owner = Api::new(server.base(), &server.set_up());
    let ask = || owner.post("/scan/candidates", json!({ "key": "0".repeat(64), "prefixes": [] }));
    assert!((0..200).any(|_| ask().status == 429), "far fewer than a person's 600 a minute");
    assert_eq!(owner.get("/whoami").status, 200, "everything else goes on");
}
