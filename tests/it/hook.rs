//! The shell hook in real shells: what a directory brings, what it takes away again, and that nothing comes unasked.

use crate::support::api::Api;
use crate::support::cli::{Done, Shell, finish};
use crate::support::server::Server;
use serde_json::json;
use std::path::Path;

/// A shell, how it is started without anybody's settings, and how it is told to look where it is.
struct Kind {
    program: &'static str,
    flags: &'static [&'static str],
    /// Prints `NAME` and `KEPT`, `-` for what is not set.
    show: &'static str,
    /// What stands for a prompt.
    prompt: &'static str,
    install: &'static str,
}

const SHELLS: [Kind; 3] = [
    Kind {
        program: "bash",
        flags: &["--norc", "--noprofile"],
        show: "echo \"<${NAME--}|${KEPT--}>\"",
        prompt: "_holdfast_hook",
        install: "eval \"$(holdfast hook bash)\"",
    },
    Kind {
        program: "zsh",
        flags: &["-f"],
        show: "echo \"<${NAME--}|${KEPT--}>\"",
        prompt: "_holdfast_hook",
        install: "eval \"$(holdfast hook zsh)\"",
    },
    Kind {
        program: "fish",
        flags: &["--no-config"],
        show: "set -q NAME; and set n $NAME; or set n -; set -q KEPT; and set k $KEPT; or set k -; echo \"<$n|$k>\"",
        prompt: "emit fish_prompt",
        install: "holdfast hook fish | source",
    },
];

/// A value that no quoting mistake survives.
const VALUE: &str = "it's \\ \"$HOME\" `x` $(y) \\n two\nlines é ";

fn begin() -> (Server, Api, Shell) {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    owner.set("shop/staging", "NAME", "one");
    owner.set("shop/staging", "KEPT", "theirs");
    let ada = Shell::new(server.base());
    let login = ada.file("login", owner.token());
    std::fs::create_dir_all(ada.dir().join("shop/deep")).expect("ours");
    std::fs::create_dir_all(ada.dir().join("elsewhere")).expect("ours");
    ada.file("shop/holdfast.toml", "project = \"shop\"\nenvironment = \"staging\"\n");
    ada.run(&format!("login --token-file {}", login.display())).expect(0);
    (server, owner, ada)
}

/// Runs lines in a shell whose `holdfast` is ours.
fn shell(ada: &Shell, kind: &Kind, flags: &[&str], lines: &[&str]) -> Done {
    let mut command = ada.program(Path::new(kind.program));
    let ours = Path::new(env!("CARGO_BIN_EXE_holdfast")).parent().expect("a directory").display().to_string();
    let path = crate::support::variable("PATH").expect("a path").to_string_lossy().into_owned();
    command.env("PATH", format!("{ours}:{path}")).env("KEPT", "mine").env("HISTFILE", "/dev/null");
    command.args(kind.flags).args(flags);
    finish(command, (lines.join("\n") + "\n").as_bytes())
}

/// The lines a shell printed about `NAME` and `KEPT`.
fn shown(done: &Done) -> Vec<&str> {
    let open = done.expect(0).split('<').skip(1);
    open.map(|rest| rest.split('>').next().expect("closed")).collect()
}

#[test]
fn a_directory_brings_its_variables_and_takes_them_away_again() {
    let (_server, _owner, ada) = begin();
    for kind in &SHELLS {
        let Kind { show, prompt, install, .. } = kind;
        let done = shell(
            &ada,
            kind,
            &[],
            &[
                install,
                "cd shop",
                prompt,
                show,
                "holdfast hook allow",
                prompt,
                show,
                "cd deep",
                prompt,
                show,
                "cd ../../elsewhere",
                prompt,
                show,
            ],
        );
        assert_eq!(shown(&done), ["-|mine", "one|theirs", "one|theirs", "-|mine"], "{}\n{}", kind.program, done.stderr);
        assert!(
            done.stderr.contains("is not trusted yet") && done.stderr.contains("holdfast hook allow"),
            "{}",
            done.stderr
        );
        assert!(!done.stderr.contains("theirs"), "no value is shown: {}", done.stderr);
        std::fs::remove_file(ada.dir().join("../settings/hook.json")).expect("each shell asks anew");
    }
}

#[test]
fn every_byte_of_a_value_arrives() {
    let (_server, owner, ada) = begin();
    owner.write("shop/staging", "NAME", json!({ "value": VALUE, "interpolate": false }));
    ada.run("hook allow shop").expect(0);
    for kind in &SHELLS {
        let done = shell(&ada, kind, &[], &[kind.install, "cd shop", kind.prompt, "printenv NAME", "exit"]);
        assert_eq!(done.expect(0), format!("{VALUE}\n"), "{}\n{}", kind.program, done.stderr);
    }
}

#[test]
fn what_was_not_allowed_as_it_is_now_brings_nothing() {
    let (_server, _owner, ada) = begin();
    for kind in &SHELLS {
        let Kind { show, prompt, install, .. } = kind;
        let change = "echo '# changed' >> holdfast.toml";
        ada.run("hook allow shop").expect(0);
        let steps = [install, "cd shop", prompt, show, change, prompt, show, "holdfast hook deny", prompt, show];
        let done = shell(&ada, kind, &[], &steps);
        assert_eq!(shown(&done), ["one|theirs", "-|mine", "-|mine"], "{}\n{}", kind.program, done.stderr);
        assert_eq!(
            done.stderr.matches("is not trusted yet").count(),
            1,
            "asked once, and not after a no: {}",
            done.stderr
        );
    }
}

#[test]
fn what_decides_what_a_shell_runs_stays_as_it_is() {
    let (_server, owner, ada) = begin();
    owner.set("shop/staging", "LD_PRELOAD", "/tmp/theirs.so");
    owner.set("shop/staging", "PROMPT_COMMAND", "echo theirs");
    ada.run("hook allow shop").expect(0);
    let bash = &SHELLS[0];
    let done = shell(
        &ada,
        bash,
        &[],
        &[bash.install, "cd shop", bash.prompt, "printenv LD_PRELOAD PROMPT_COMMAND", bash.show],
    );
    assert_eq!(done.expect(0), "<one|theirs>\n");
    assert!(done.stderr.contains("LD_PRELOAD, PROMPT_COMMAND"), "{}", done.stderr);
}

#[test]
fn a_shell_within_puts_back_what_was_before_the_outer_one() {
    let (_server, _owner, ada) = begin();
    ada.run("hook allow shop").expect(0);
    let bash = &SHELLS[0];
    let inner =
        format!("bash --norc --noprofile -c '{}; cd ../elsewhere; _holdfast_hook; {}'", bash.install, bash.show);
    let done = shell(&ada, bash, &[], &[bash.install, "cd shop", bash.prompt, bash.show, &inner]);
    assert_eq!(shown(&done), ["one|theirs", "-|mine"], "{}", done.stderr);
}

#[test]
fn a_prompt_where_nothing_changed_asks_nobody() {
    let (server, owner, ada) = begin();
    ada.run("hook allow shop").expect(0);
    let bash = &SHELLS[0];
    let reads = || {
        let events = owner.get("/audit/events?action=secret.use&limit=500").expect(200);
        events["items"].as_array().expect("a list").len()
    };
    let before = reads();
    let prompts = [bash.prompt; 20].join("\n");
    let done = shell(&ada, bash, &[], &[bash.install, "cd shop", &prompts, bash.show]);
    assert_eq!(shown(&done), ["one|theirs"]);
    assert_eq!(reads(), before + 1);
    // Without a server the shell works on, says so once and has nothing.
    assert!(server.stop().success());
    let done = shell(&ada, bash, &[], &[bash.install, "cd shop", &prompts, bash.show]);
    assert_eq!(shown(&done), ["-|mine"]);
    assert_eq!(done.stderr.matches("nothing is loaded here").count(), 1, "{}", done.stderr);
}

#[test]
fn a_real_prompt_runs_the_hook_and_keeps_the_status() {
    let (_server, _owner, ada) = begin();
    ada.run("hook allow shop").expect(0);
    for kind in &SHELLS[..2] {
        let lines = [
            kind.install,
            kind.install,
            "cd shop",
            kind.show,
            "(exit 3)",
            "echo \"<$?>\"",
            "cd /",
            kind.show,
            "exit 0",
        ];
        let done = shell(&ada, kind, &["-i"], &lines);
        assert_eq!(shown(&done), ["one|theirs", "3", "-|mine"], "{}\n{}", kind.program, done.stderr);
        assert_eq!(done.stderr.matches("2 variables").count(), 1, "installed once: {}", done.stderr);
    }
}

#[test]
fn values_are_not_written_to_a_terminal_and_there_must_be_something_to_allow() {
    let (_server, _owner, ada) = begin();
    ada.run("hook allow elsewhere").refused(3, "no holdfast.toml");
    ada.run("hook").expect(2);
    // Nothing loaded and nothing bound: nothing to say.
    assert_eq!(ada.run("hook export bash").expect(0), "");
}
