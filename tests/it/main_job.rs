//! The main job of the README, typed as it stands there, and what happens when it is typed wrongly.

use crate::support::cli::{Done, Shell, finish};
use crate::support::server::Server;
use std::net::TcpListener;
use std::path::Path;

/// What the project's people had in a file before.
const DOTENV: &str = "\
# the shop
DB_HOST=db.staging.example
export DB_URL=\"postgres://shop@${DB_HOST}/orders\"
API_KEY=the one of staging
TEMPLATE='hello ${NOBODY}'
BANNER=\"two
lines\"
";

/// A server and Ada, its owner, who typed the README up to the import.
fn begin() -> (Server, Shell) {
    let server = Server::start();
    let ada = Shell::new(server.base());
    ada.file("pw.txt", "four words of a test\n");
    let token = server.data().join("setup-token");
    let init = format!(
        "init --setup-token-file {} --organization acme --email ada@example.com --password-file pw.txt",
        token.display()
    );
    ada.run(&init).expect(0);
    ada.run("projects create shop").expect(0);
    ada.run("environments create staging --project shop").expect(0);
    ada.run("environments create feat-checkout --project shop --parent staging").expect(0);
    ada.file(".env", DOTENV);
    (server, ada)
}

/// [`begin`], to the end of the README.
fn bound() -> (Server, Shell) {
    let (server, ada) = begin();
    ada.run("import .env --project shop --environment staging").expect(0);
    ada.feed("secrets set API_KEY --project shop --environment feat-checkout", b"s3cret").expect(0);
    ada.run("setup --project shop --environment feat-checkout").expect(0);
    (server, ada)
}

fn shell(ada: &Shell, script: &str) -> Done {
    ada.call(["run", "--", "sh", "-c", script], b"")
}

#[test]
fn the_main_job_of_the_readme() {
    let (_server, ada) = begin();
    let who = ada.run("whoami --json").json();
    assert_eq!(who["actor"]["email"], "ada@example.com");
    assert_eq!(who["organization"]["slug"], "acme");

    let plan = ada.run("import .env --project shop --environment staging --dry-run --json").json();
    assert_eq!((&plan["dry_run"], &plan["counts"]["add"]), (&true.into(), &5.into()), "{plan}");
    assert_eq!(
        ada.run("secrets list --project shop --environment staging --json").json()["items"],
        serde_json::json!([])
    );
    ada.run("import .env --project shop --environment staging").expect(0);
    ada.feed("secrets set API_KEY --project shop --environment feat-checkout", b"s3cret").expect(0);
    ada.feed("secrets set DB_HOST --project shop --environment feat-checkout", b"db.feat.example\n").expect(0);
    ada.run("setup --project shop --environment feat-checkout").expect(0);
    let bound = std::fs::read_to_string(ada.dir().join("holdfast.toml")).expect("setup wrote it");
    assert!(bound.contains("shop") && bound.contains("feat-checkout"), "{bound}");

    // Inherited, overridden, referenced through what was overridden, literal, and several lines.
    let done = shell(&ada, "printf '%s|' \"$API_KEY\" \"$DB_HOST\" \"$DB_URL\" \"$TEMPLATE\" \"$BANNER\"");
    assert_eq!(
        done.expect(0),
        "s3cret|db.feat.example|postgres://shop@db.feat.example/orders|hello ${NOBODY}|two\nlines|"
    );
    let list = ada.run("secrets list --json").json();
    let origins: Vec<_> =
        list["items"].as_array().expect("a list").iter().map(|item| &item["origin"]["kind"]).collect();
    assert_eq!(origins, ["overrides", "inherited", "overrides", "inherited", "inherited"], "{list}");

    let exported = ada.run("export --format dotenv").expect(0).to_owned();
    ada.file("again.env", &exported);
    ada.run("environments create copy").expect(0);
    ada.run("import again.env --environment copy").expect(0);
    assert_eq!(ada.run("export --environment copy").expect(0), exported);

    let verified = ada.run("audit verify --json");
    verified.expect(0);
    assert_eq!(verified.json()["ok"], true);
    assert!(verified.json()["size"].as_u64().is_some_and(|size| size > 10), "{}", verified.stdout);
}

#[test]
fn run_is_the_program_its_exit_code_and_its_signals_are_its_own() {
    let (_server, ada) = bound();
    assert_eq!(shell(&ada, "exit 7").status.code(), Some(7));
    assert_eq!(shell(&ada, "kill -TERM $$").signal(), Some(15));
    assert_eq!(shell(&ada, "kill -KILL $$").signal(), Some(9));
    ada.run("run -- /no/such/program").refused(127, "/no/such/program: command not found");
    // No process stays in between: the program has the id the command was started with.
    let child = ada.command(["run", "--", "sh", "-c", "echo $$"]).stdout(std::process::Stdio::piped()).spawn();
    let child = child.expect("the binary was built");
    let id = child.id().to_string();
    let output = child.wait_with_output().expect("the process is ours");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), id);
    // A signal from outside meets the program as it would without us.
    for (command, trapped) in [(ada.command(["run", "--", "sh", "-c", TRAP]), "with"), (sh(&ada), "without")] {
        assert_eq!(interrupted(command), (Some(42), "ready\ncaught\n".to_owned()), "{trapped} holdfast");
    }
}

/// Says that it waits, and ends with 42 when it is asked to stop. `wait` is interrupted by a signal, `sleep` is not.
const TRAP: &str = "trap 'echo caught; kill $!; exit 42' TERM; tail -f /dev/null & echo ready; wait";

fn sh(ada: &Shell) -> std::process::Command {
    let mut command = ada.program(Path::new("sh"));
    command.args(["-c", TRAP]);
    command
}

/// Sends SIGTERM once the program has said `ready`; answers its exit code and all it said.
fn interrupted(mut command: std::process::Command) -> (Option<i32>, String) {
    use std::io::{BufRead as _, Read as _};
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the program is there");
    let mut output = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut said = String::new();
    output.read_line(&mut said).expect("text");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .expect("the process is ours and not yet waited for");
    output.read_to_string(&mut said).expect("text");
    (child.wait().expect("the process is ours").code(), said)
}

#[test]
fn a_program_gets_the_variables_and_not_the_right_to_fetch_others() {
    let (_server, ada) = bound();
    let token = ada.run("tokens create laptop --json").json()["token"].as_str().expect("shown once").to_owned();
    let run = |arguments: &[&str]| {
        let mut command = ada.command(["run"]);
        command.args(arguments).args(["--", "sh", "-c", "echo \"$API_KEY,$DB_HOST,${HOLDFAST_TOKEN-none}\""]);
        command.env("HOLDFAST_TOKEN", &token);
        finish(command, b"").expect(0).to_owned()
    };
    assert_eq!(run(&[]), "s3cret,db.staging.example,none\n");
    assert_eq!(run(&["--keep-token"]), format!("s3cret,db.staging.example,{token}\n"));
    assert_eq!(run(&["--only", "DB_HOST"]), ",db.staging.example,none\n");
    assert_eq!(run(&["--exclude", "DB_HOST,DB_URL"]), "s3cret,,none\n");
    ada.run("run --only NOPE -- true").refused(3, "NOPE");
}

#[test]
fn what_is_typed_wrongly_says_what_and_ends_with_its_own_code() {
    let (_server, ada) = bound();
    // 1: understood, and failed.
    let broken = ada.feed("secrets set URL", b"${NOBODY}");
    broken.refused(1, "shop/feat-checkout:/URL → shop/feat-checkout:/NOBODY: not found");
    assert!(broken.stderr.contains("hint: "), "{}", broken.stderr);
    ada.file("bad.env", "GOOD=1\nBAD=\"never closed\n");
    ada.run("import bad.env").refused(1, "line 2");
    ada.run("secrets get GOOD").refused(3, "GOOD");
    // 2: usage.
    assert_eq!(ada.run("projects create").status.code(), Some(2));
    assert_eq!(ada.run("no-such-command").status.code(), Some(2));
    let typed = ada.run("secrets set API_KEY typed-as-an-argument");
    typed.refused(2, "stdin");
    assert!(!typed.stderr.contains("typed-as-an-argument"), "{}", typed.stderr);
    Shell::offline().run("setup --url http://127.0.0.1:9/x?y").expect(2);
    // 3: not there.
    ada.run("secrets get NOPE").refused(3, "NOPE");
    ada.run("secrets list --project nope").refused(3, "nope");
    ada.run("setup --environment nope").refused(3, "nope");
    // 4: not logged in, or not allowed.
    let mut stranger = ada.command(["whoami"]);
    stranger.env("HOLDFAST_CONFIG_DIR", ada.dir().join("nobody"));
    finish(stranger, b"").refused(4, "not logged in");
    let mut guess = ada.command(["whoami"]);
    guess.env("HOLDFAST_TOKEN", "hf_pat_guessed");
    finish(guess, b"").expect(4);
    ada.file("wrong.txt", "not the password at all\n");
    ada.run("login --email ada@example.com --password-file wrong.txt").refused(4, "wrong");
    // 5: somebody was first.
    ada.run("projects create shop").refused(5, "shop");
    ada.feed("secrets set API_KEY --base-version 7", b"x").refused(5, "version");
    // 6: nobody answers.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port nobody has");
    ada.run(&format!("whoami --url http://{closed}")).expect(4);
    let mut unreachable = ada.command(["whoami", "--url"]);
    unreachable.arg(format!("http://{closed}")).env("HOLDFAST_TOKEN", "hf_pat_any");
    finish(unreachable, b"").expect(6);
    // 0: after all that, everything is as it was.
    assert_eq!(shell(&ada, "printf %s \"$API_KEY\"").expect(0), "s3cret");
}

#[test]
fn an_init_that_is_typed_wrongly_can_be_typed_again() {
    let server = Server::start();
    let ada = Shell::new(server.base());
    let early = ada.command(["projects", "list"]);
    let mut early = early;
    early.env("HOLDFAST_TOKEN", "hf_pat_early");
    finish(early, b"").refused(1, "set up");
    ada.file("pw.txt", "four words of a test\n");
    ada.file("short.txt", "short\n");
    ada.file("no-token", "hf_set_guessed\n");
    let real = server.data().join("setup-token").display().to_string();
    let init = |token: &str, password: &str, organization: &str| {
        ada.run(&format!(
            "init --setup-token-file {token} --organization {organization} --email ada@example.com --password-file {password} --json"
        ))
    };
    init("no-token", "pw.txt", "acme").expect(4);
    init(&real, "short.txt", "acme").refused(1, "characters");
    init(&real, "pw.txt", "Not-A-Slug").refused(1, "organization");
    let done = init(&real, "pw.txt", "acme");
    done.expect(0);
    assert!(done.json()["token"].as_str().is_some_and(|token| token.starts_with("hf_")), "shown once");
    init(&real, "pw.txt", "other").expect(5);
    assert_eq!(ada.run("whoami --json").json()["organization"]["slug"], "acme");
}
