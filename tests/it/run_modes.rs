//! `holdfast run` where somebody stays beside the program: `--watch`, `--fallback`, `--mount`.

use crate::support::api::Api;
use crate::support::cli::{Shell, finish};
use crate::support::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::{Child, ChildStdout, Stdio};

const PLACE: [&str; 6] = ["-p", "shop", "-e", "staging", "--token-file", "token"];

fn begin() -> (Server, Api, Shell) {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    owner.set("shop/staging", "NAME", "one");
    let ada = Shell::new(server.base());
    ada.file("token", owner.token());
    (server, owner, ada)
}

fn arguments<'a>(flags: &[&'a str], script: &'a str) -> Vec<&'a str> {
    [&["run"][..], &PLACE, flags, &["--", "sh", "-c", script]].concat()
}

/// A `run` that goes on, and what its program says.
struct Watched {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watched {
    fn start(ada: &Shell, flags: &[&str], script: &str) -> Self {
        let mut command = ada.command(arguments(flags, script));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program is there");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines }
    }

    /// The next line the program says; empty when nobody can say one any more.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a pipe");
        line.trim_end().to_owned()
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().expect("the process is ours").code()
    }
}

#[test]
fn a_watched_program_starts_again_with_the_new_values_and_only_then() {
    let (_server, owner, ada) = begin();
    let script = "trap 'echo ending; exit 0' TERM; echo $NAME; while :; do sleep 0.05; done";
    let mut watched = Watched::start(&ada, &["--watch", "--only", "NAME"], script);
    assert_eq!(watched.line(), "one");
    // Not among the chosen: no reason to start again.
    owner.set("shop/staging", "OTHER", "x");
    owner.set("shop/staging", "NAME", "two");
    assert_eq!([watched.line(), watched.line()], ["ending", "two"]);
    owner.set("shop/staging", "NAME", "three");
    assert_eq!([watched.line(), watched.line()], ["ending", "three"]);
    watched.send(Signal::TERM);
    assert_eq!(watched.line(), "ending");
    assert_eq!(watched.code(), Some(0));
}

#[test]
fn a_program_that_does_not_end_is_killed_and_starts_again() {
    let (_server, owner, ada) = begin();
    let mut watched =
        Watched::start(&ada, &["--watch", "--grace", "0"], "trap '' TERM; echo $NAME; while :; do sleep 0.1; done");
    assert_eq!(watched.line(), "one");
    owner.set("shop/staging", "NAME", "two");
    assert_eq!(watched.line(), "two");
    watched.send(Signal::INT);
    assert_eq!(watched.code(), Some(130));
}

#[test]
fn signals_reach_the_program_and_its_end_is_ours() {
    let (_server, _owner, ada) = begin();
    let run = |script| ada.call(arguments(&["--watch"], script), b"");
    run("exit 42").expect(42);
    run("kill -KILL $$").expect(137);
    ada.call([&["run", "--watch"][..], &PLACE, &["--", "no-such-program"]].concat(), b"").expect(127);
    let script = "trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo int; exit 7' INT; echo up; while :; do sleep 0.05; done";
    let mut watched = Watched::start(&ada, &["--watch"], script);
    assert_eq!(watched.line(), "up");
    for (signal, word) in [(Signal::HUP, "hup"), (Signal::USR1, "usr1"), (Signal::INT, "int")] {
        watched.send(signal);
        assert_eq!(watched.line(), word);
    }
    assert_eq!(watched.code(), Some(7));
    let mut watched = Watched::start(&ada, &["--watch"], "echo up; exec sleep 1000");
    assert_eq!(watched.line(), "up");
    watched.send(Signal::TERM);
    assert_eq!(watched.code(), Some(143));
}

#[test]
fn the_fallback_is_used_only_while_nobody_answers_and_only_by_its_token() {
    let (server, owner, ada) = begin();
    owner.set("shop/staging", "NAME", "kept for later");
    let run = |flags: &[&str]| ada.call(arguments(flags, "printf %s \"$NAME\""), b"");
    assert_eq!(run(&["--fallback", "cache"]).expect(0), "kept for later");
    let file = ada.dir().join("cache");
    assert_eq!(std::fs::metadata(&file).expect("written").permissions().mode() & 0o777, 0o600);
    let sealed = std::fs::read(&file).expect("ours");
    assert!(!sealed.windows(8).any(|window| window == b"kept for"), "it is sealed");
    // Not asking is another thing than getting no answer, and is only done when it is said.
    owner.set("shop/staging", "NAME", "changed since");
    let offline = run(&["--fallback", "cache", "--offline"]);
    assert_eq!(offline.expect(0), "kept for later");
    assert!(offline.stderr.contains("these are the variables of"), "{}", offline.stderr);
    run(&["--offline"]).refused(2, "--fallback");
    run(&["--fallback", "nowhere", "--offline"]).refused(6, "the server is not asked");
    run(&["--fallback", "cache", "--offline", "--watch"]).refused(2, "cannot be used with");
    owner.set("shop/staging", "NAME", "kept for later");
    // A refusal is an answer, however fresh the file is.
    ada.file("token", "hf_nonsense");
    run(&["--fallback", "cache"]).expect(4);
    let other = owner.machine("other", "developer", json!({ "project": "shop" }));

    assert!(server.stop().success());
    ada.file("token", owner.token());
    run(&[]).expect(6);
    let done = run(&["--fallback", "cache"]);
    assert_eq!(done.expect(0), "kept for later");
    assert!(done.stderr.contains("cannot be reached") && done.stderr.contains(" ago"), "{}", done.stderr);
    run(&["--fallback", "cache", "--fallback-max-age", "0s"]).refused(6, "--fallback-max-age");
    run(&["--fallback", "nowhere"]).refused(6, "not there yet");
    run(&["--fallback", "cache", "--omit-withheld"]).refused(6, "another token");
    ada.file("token", other.token());
    run(&["--fallback", "cache"]).refused(6, "another token");
    ada.file("token", owner.token());
    std::fs::write(&file, &sealed[..sealed.len() / 2]).expect("ours");
    run(&["--fallback", "cache"]).refused(6, "damaged");
}

#[test]
fn a_mounted_file_is_there_for_the_program_alone() {
    let (_server, _owner, ada) = begin();
    let mounted = ada.dir().join("app.json");
    let script = "cat app.json; stat -c %a app.json; test -z \"$NAME\"; exit $((40 + $?))";
    let done = ada.call(arguments(&["--mount", "app.json"], script), b"");
    assert_eq!(done.expect(40), "{\n  \"NAME\": \"one\"\n}\n600\n");
    assert!(!mounted.exists());
    let toml = ada.call(arguments(&["--mount", "x", "--mount-format", "toml"], "cat x"), b"");
    assert_eq!(toml.expect(0), "NAME = \"one\"\n");
    ada.call(arguments(&["--mount", "x", "--mount-format", "kubernetes-configmap"], "cat x"), b"").expect(2);
    ada.call([&["run", "--mount", "app.json"][..], &PLACE, &["--", "no-such-program"]].concat(), b"").expect(127);
    assert!(!mounted.exists(), "nothing is left of a program that did not start");
    ada.file("app.json", "mine");
    ada.call(arguments(&["--mount", "app.json"], "cat app.json"), b"").refused(1, "is there already");
    assert_eq!(std::fs::read_to_string(&mounted).expect("kept"), "mine");
}

#[test]
fn a_mounted_file_goes_when_the_program_is_ended_and_follows_changes() {
    let (_server, owner, ada) = begin();
    let mounted = ada.dir().join("app.env");
    let flags = ["--watch", "--mount", "app.env"];
    let mut watched = Watched::start(&ada, &flags, "cat app.env; exec sleep 1000");
    assert_eq!(watched.line(), "NAME='one'");
    owner.set("shop/staging", "NAME", "two");
    assert_eq!(watched.line(), "NAME='two'");
    watched.send(Signal::TERM);
    assert_eq!(watched.code(), Some(143));
    assert!(!mounted.exists());
}

#[test]
fn a_pipe_gives_every_reader_all_of_it() {
    let (_server, _owner, ada) = begin();
    let script = "test -p app.env && cat app.env && cat app.env && cat app.env";
    let done = finish(ada.command(arguments(&["--mount", "app.env", "--mount-fifo"], script)), b"");
    assert_eq!(done.expect(0), "NAME='one'\n".repeat(3));
    let left = std::fs::read_dir(ada.dir()).expect("ours");
    let pipes = left.filter(|entry| entry.as_ref().is_ok_and(|e| e.file_type().is_ok_and(|kind| kind.is_fifo())));
    assert_eq!(pipes.count(), 0);
}
