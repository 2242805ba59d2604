//! Importers of files: real npm `dotenvx` and real `git`; exports of the others as their products write them.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Newcomer, places, tool};
use crate::support::cli::finish;

/// A program in a directory of the newcomer; panics unless it ends well.
fn run(new: &Newcomer, program: &Path, arguments: &[&str]) -> String {
    let mut command: Command = new.shell.program(program);
    command.args(arguments);
    let done = finish(command, b"");
    done.expect(0).to_owned()
}

#[test]
fn what_the_real_dotenvx_encrypts_is_what_it_decrypts() {
    let new = Newcomer::new();
    let dotenvx = tool("npm/node_modules/.bin/dotenvx");
    let plain = "HELLO=World\nWORDS=\"two words\"\nSINGLE='single ${X} \\n'\nREFERS=\"a ${HELLO}\"\nEMPTY=\n\
                 LINES=\"line1\nline2\"\nUNICODE=\"gr\u{fc}n \u{1f511}\"\n";
    new.shell.file(".env.production", plain);
    run(&new, &dotenvx, &["encrypt", "-f", ".env.production", "--quiet"]);
    let file = std::fs::read_to_string(new.shell.dir().join(".env.production")).expect("it is there");
    assert!(file.contains("encrypted:") && !file.contains("World"), "dotenvx encrypted nothing:\n{file}");
    let theirs = run(&new, &dotenvx, &["get", "-f", ".env.production", "--format", "json"]);
    let theirs: Value = serde_json::from_str(theirs.trim()).expect("JSON");
    let done = new.import("dotenvx .env.production --path /moved --yes --json");
    done.expect(0);
    let names = ["EMPTY", "HELLO", "LINES", "REFERS", "SINGLE", "UNICODE", "WORDS"];
    assert_eq!(new.names(), names.map(|n| format!("/moved {n}")));
    for name in names.into_iter().filter(|n| *n != "REFERS") {
        assert_eq!(json!(new.history("/moved", name)[0].0), theirs[name], "{name}");
    }
    assert_eq!(theirs["REFERS"], "a World");
    assert_eq!(new.history("/moved", "REFERS")[0].0, "a ${HELLO}", "a reference is text unless asked for");
    assert_eq!(places(&done.json(), "changed"), [".env.production: REFERS"]);
    new.import("dotenvx .env.production --path /alive --interpolate --yes").expect(0);
    let variables = new.owner.get("/projects/shop/environments/staging/variables?path=/alive").expect(200);
    for name in names {
        assert_eq!(variables["variables"][name], theirs[name], "{name}");
    }
    new.import("dotenvx .env.production --keys-file none --yes").refused(3, "no file");
    new.shell.file("other.keys", format!("DOTENV_PRIVATE_KEY_PRODUCTION={}\n", "11".repeat(32)));
    let done = new.import("dotenvx .env.production --path /not --keys-file other.keys --yes");
    done.refused(1, "does not open with a private key");
    assert!(!new.names().iter().any(|n| n.starts_with("/not")), "{:?}", new.names());
}

#[test]
fn files_of_sops_come_with_their_folders_and_not_when_anything_was_changed() {
    let new = Newcomer::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/importers/sops.mjs");
    let modules = tool("npm/node_modules");
    let npm = modules.parent().expect("the folder of npm");
    run(&new, Path::new("node"), &[script, &npm.display().to_string(), "."]);
    let import = |file: &str, folder: &str| {
        new.import(&format!("sops {file} --path {folder} --identity-file keys.txt --yes --json"))
    };
    for (file, folder) in [("secrets.yaml", "/yaml"), ("secrets.json", "/json")] {
        import(file, folder).expect(0);
        assert_eq!(new.history(folder, "HELLO")[0].0, "W\u{f6}rld ${X}", "{file}");
        assert_eq!(new.history(folder, "PLAIN_UNENCRYPTED")[0].0, "as it is", "{file}");
        assert_eq!(new.history(&format!("{folder}/app"), "PORT")[0].0, "5432", "{file}");
        assert_eq!(new.history(&format!("{folder}/app/db"), "PASSWORD")[0].0, "line1\nline2", "{file}");
    }
    import("prod.env", "/env").expect(0);
    import("app.ini", "/ini").expect(0);
    assert_eq!(new.history("/env", "HELLO")[0].0, "W\u{f6}rld ${X}");
    assert_eq!(new.history("/ini/app", "HELLO")[0].0, "W\u{f6}rld ${X}");
    let again = import("secrets.yaml", "/yaml").json();
    assert_eq!(again["counts"]["versions"], 0, "{again}");
    let before = new.names();
    let refused = |arguments: &str, words: &str| {
        let done = new.import(&format!("sops {arguments} --path /not --yes"));
        let said = done.refused(1, words);
        assert!(!said.contains("rld ${X}") && !said.contains("AGE-SECRET-KEY"), "{said}");
    };
    refused("secrets.yaml --identity-file other.txt", "none of the identities");
    refused("secrets.yaml --identity-file keys.txt --format json", "not JSON");
    let yaml = std::fs::read_to_string(new.shell.dir().join("secrets.yaml")).expect("written");
    new.shell.file("changed.yaml", yaml.replace("as it is", "as it is not"));
    refused("changed.yaml --identity-file keys.txt", "MAC");
    new.shell.file("moved.yaml", yaml.replacen("HELLO:", "OTHER:", 1));
    refused("moved.yaml --identity-file keys.txt", "does not open");
    new.shell.file("cut.yaml", &yaml[..yaml.len() / 2]);
    refused("cut.yaml --identity-file keys.txt", "");
    new.import("sops secrets.yaml --identity-file none --path /not --yes").refused(3, "no file");
    assert_eq!(new.names(), before);
}

#[test]
fn each_commit_of_a_real_repository_is_a_version() {
    let new = Newcomer::new();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
        run(&new, Path::new("git"), &[&identity[..], arguments].concat())
    };
    git(&["init", "-q"]);
    std::fs::create_dir_all(new.shell.dir().join("app")).expect("the directory is ours");
    for content in ["KEY=1\nOLD=x\n", "KEY=2\nSAME='a ${b}'\n", "KEY='broken\n", "KEY=3\nSAME='a ${b}'\n"] {
        new.shell.file("app/.env", content);
        git(&["add", "-f", "app/.env"]);
        git(&["commit", "-q", "-m", "change"]);
    }
    git(&["rm", "-q", "app/.env"]);
    git(&["commit", "-q", "-m", "no secrets in here"]);
    let done = new.import("git app/.env --yes --json");
    done.expect(0);
    assert_eq!(new.names(), ["/ KEY", "/ SAME"]);
    let history = new.history("/", "KEY");
    assert_eq!(history.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(history[0].1.starts_with("imported from app/.env, commit ") && history[0].1.ends_with(" by Ada"));
    assert_eq!(new.history("/", "SAME").len(), 1);
    let answer = done.json();
    assert_eq!(places(&answer, "skipped").len(), 2, "{answer}");
    let again = new.import("git app/.env --yes --json");
    assert_eq!(again.json()["counts"]["versions"], 0);
    new.import("git app/.env --revision HEAD~3 --path /early --yes").expect(0);
    assert_eq!(new.history("/early", "KEY").len(), 2);
    new.import("git nothing.env --yes").refused(1, "no commit of HEAD has nothing.env");
    new.import("git app/.env --repository / --yes").refused(1, "no commit");
    new.import("git app/.env --revision=--output=x --yes").refused(2, "--revision is");
    new.import("git /app/.env --yes").refused(2, "as seen from");
}

#[test]
fn exports_of_other_products_are_imported_and_imported_again_changes_nothing() {
    let new = Newcomer::new();
    new.shell.file("i.json", r#"[{"key":"A","value":"a ${b}","type":"shared","comment":"from there"}]"#);
    new.shell.file("i.csv", "Key,Value\nA,1\n");
    new.shell.file("d.json", r#"{"API_KEY":"k","DOPPLER_CONFIG":"dev"}"#);
    new.shell.file("d.env", "API_KEY=\"k\"\n");
    new.shell.file("o.csv", "Title,Username,Password,Archived\nGit Host,ada,pw,false\n");
    new.shell.file(
        "b.json",
        r#"{"items":[{"name":"Host","login":{"password":"new"},"revisionDate":"2026-02-01",
            "passwordHistory":[{"lastUsedDate":"2026-01-01","password":"old"}]}]}"#,
    );
    let cases = [
        ("infisical i.json", "/ij A"),
        ("infisical i.csv", "/ic A"),
        ("doppler d.json", "/dj API_KEY"),
        ("doppler d.env", "/de API_KEY"),
        ("1password o.csv", "/op/Git_Host PASSWORD"),
        ("bitwarden b.json", "/bw/Host PASSWORD"),
    ];
    for (source, expected) in cases {
        let folder = expected.split(['/', ' ']).nth(1).expect("a folder");
        let line = format!("{source} --path /{folder} --yes --json");
        new.import(&line).expect(0);
        assert!(new.names().contains(&expected.to_owned()), "{expected} in {:?}", new.names());
        let again = new.import(&line).json();
        assert_eq!(
            (again["counts"]["versions"].as_u64(), again["counts"]["add"].as_u64()),
            (Some(0), Some(0)),
            "{again}"
        );
    }
    let passwords: Vec<_> = new.history("/bw/Host", "PASSWORD").into_iter().map(|(value, _)| value).collect();
    assert_eq!(passwords, ["old", "new"]);
    assert_eq!(new.history("/ij", "A"), [("a ${b}".to_owned(), "from there".to_owned())]);
}

#[test]
fn a_broken_file_imports_nothing_and_is_told_with_its_line() {
    let new = Newcomer::new();
    let sources = ["infisical", "doppler", "bitwarden", "onepassword"];
    new.shell.file("cut.json", "{\"items\":[{\"name\":\"A\",\n\"secret\":\"s3cret");
    new.shell.file("cut.csv", "Title,name,Password\nA,A,1\nB,B,\"s3cret");
    for source in sources {
        for file in ["cut.json", "cut.csv"] {
            let done = new.import(&format!("{source} {file} --yes"));
            let said = done.refused(1, file);
            assert!(said.contains("line ") && !said.contains("s3cret"), "{source} {file}: {said}");
        }
        new.import(&format!("{source} none --yes")).refused(3, "no file");
    }
    assert!(new.names().is_empty());
    new.import("doppler --yes --dry-run d.json").expect(2);
    new.import("--dry-run doppler d.json").refused(2, "stand behind its name");
}
