//! Replacing keys of a running server: where the root key comes from, who may, what a kill leaves, and that every value
//! opens at any moment.

use crate::support::api::{Api, environment, refused, secret};
use crate::support::app::TestApp;
use crate::support::cli::{Done, Shell};
use crate::support::data::{change, copy, doctor, ledger_key, sql, verify};
use crate::support::http::{self, Response};
use crate::support::server::Server;
use crate::support::variable;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const STAGING: &str = "shop/staging";
/// How often a rotation is looked at before a test gives up; each look is [`A_MOMENT`] after the one before.
const LOOKS: usize = 3_000;
const A_MOMENT: Duration = Duration::from_millis(20);
/// Servers killed while keys are replaced, unless `HOLDFAST_TEST_KILLS` says how many.
const KILLS: u64 = 10;
/// Secrets whose rows are sealed anew under every kill: some steps of the work.
const SECRETS: usize = 600;

fn filled(server: &Server) -> Api {
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment(STAGING, json!({}));
    owner.set(STAGING, "KEPT", "as it was");
    owner
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A clock that cannot oversleep: nobody ever sends.
fn wait(time: Duration) {
    let (_keep, clock): (_, Receiver<()>) = mpsc::channel();
    assert_eq!(clock.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}

/// The rotation once it has come to this state.
fn rotation_is(owner: &Api, state: &str) -> Value {
    for _ in 0..LOOKS {
        let now = owner.get("/keys/rotation").expect(200);
        if now["state"] == state {
            return now;
        }
        wait(A_MOMENT);
    }
    panic!("not {state}: {}", owner.get("/keys/rotation").text());
}

/// The last line of a verification.
fn report(answer: &Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let last = answer.text().lines().last().expect("a report");
    let report: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"));
    assert_eq!(report["kind"], "report", "{report}");
    report
}

fn fingerprint(done: &Done) -> String {
    done.expect(0);
    done.json()["root_key"].as_str().expect("a fingerprint").to_owned()
}

/// The states of the keys of this kind, oldest first.
fn states(owner: &Api, path: &str, kind: &str) -> Vec<String> {
    let page = owner.get(path).expect(200);
    let keys = page["items"].as_array().expect("a list").iter().filter(|key| key["kind"] == kind);
    keys.rev().map(|key| key["state"].as_str().expect("a state").to_owned()).collect()
}

#[test]
fn a_root_key_the_server_owns_is_replaced_in_its_place_and_the_old_one_kept() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[]);
    let owner = filled(&server);
    let ada = Shell::new(server.base());
    ada.file("token", owner.token());
    let kit = owner.post("/instance/recovery-kit", json!({})).expect(201);
    let first = owner.get("/instance").expect(200)["key_fingerprint"].as_str().expect("shown").to_owned();
    let done = ada.run("keys rotate-root --json --token-file token");
    done.expect(0);
    let new = done.json();
    assert_eq!((&new["in_place"], &new["recovery_sealed"]), (&json!(true), &json!(true)), "{new}");
    assert_eq!((&new["previous_fingerprint"], &new["version"]), (&json!(first), &json!(2)));
    let second = new["fingerprint"].as_str().expect("shown").to_owned();
    assert_eq!(owner.get("/instance").expect(200)["key_fingerprint"], second);
    let old_file = PathBuf::from(new["previous_file"].as_str().expect("kept"));
    for file in [&data.join("root.key"), &old_file] {
        assert_eq!(fs::metadata(file).expect("there").permissions().mode() & 0o777, 0o400, "{}", file.display());
    }
    assert_eq!(states(&owner, "/instance/keys", "root"), ["readable", "current"]);
    let listed = ada.run("keys list --instance --token-file token");
    assert!(listed.expect(0).contains(&first) && listed.stdout.contains(&second), "{}", listed.stdout);
    // A token made before and an organization made between the two: both files open both.
    let token = owner.token().to_owned();
    let between = owner.post("/organizations", json!({ "slug": "between" })).expect(201);
    let between = between["token"].as_str().expect("shown once").to_owned();
    assert!(server.stop().success());
    for key in [old_file.clone(), data.join("root.key")] {
        let server = Server::start_in(&data, &[("HOLDFAST_ROOT_KEY_FILE", &text(&key))]);
        assert_eq!(server.log().contains("root_key_superseded"), key == old_file, "{}", server.log());
        let owner = Api::new(server.base(), &token);
        assert_eq!(owner.value(STAGING, "KEPT"), "as it was");
        owner.with_token(&between).get("/whoami").expect(200);
        assert!(server.stop().success());
    }
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &token);
    let wish = |key: &str| json!({ "fingerprint": key });
    refused(&owner.post("/instance/root-key/retire", wish(&second)), 409, "root_key_in_use");
    refused(&owner.post("/instance/root-key/retire", wish("0000-0000-0000-0000")), 404, "root_key_unknown");
    refused(&owner.post("/instance/root-key/retire", wish("none")), 400, "invalid_value");
    owner.post("/instance/root-key/retire", wish(&first)).expect(200);
    assert_eq!(states(&owner, "/instance/keys", "root"), ["retired", "current"]);
    assert_eq!(owner.value(STAGING, "KEPT"), "as it was");
    assert!(server.stop().success());
    doctor(&data).expect(0);
    let refusal = Server::refused(&data, &[], &[("HOLDFAST_ROOT_KEY_FILE", &text(&old_file))]);
    assert!(refusal.stderr.contains(&first) && refusal.stderr.contains(&second), "{}", refusal.stderr);
    // The kit printed before the rotation gives the new key back.
    fs::remove_file(data.join("root.key")).expect("ours");
    let page = kit["kit"].as_str().expect("shown once");
    let private = page.lines().find(|line| line.starts_with("HFRK1")).expect("a recovery key");
    let (place, key) = (text(&data), text(&data.join("root.key")));
    let arguments = ["keys", "recover", "--json", "--data-dir", &place, "--file", &key, "--kit-file", "-"];
    let recovered = Shell::offline().call(arguments, private.as_bytes());
    assert_eq!(fingerprint(&recovered), second);
    let server = Server::start_in(&data, &[]);
    assert_eq!(Api::new(server.base(), &token).value(STAGING, "KEPT"), "as it was");
}

/// A place the server takes its root key from and cannot write to.
struct Elsewhere {
    variables: Vec<(&'static str, String)>,
    /// The file with what it takes.
    current: PathBuf,
    /// Somebody puts what is new here first.
    new: PathBuf,
    field: &'static str,
}

fn private(path: &Path, content: &str) {
    // A file of mode 0400 is replaced, not written.
    let _absent = fs::remove_file(path);
    fs::write(path, content).expect("ours");
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).expect("ours");
}

/// All three of them, each with its first key in place and a new one beside it.
fn elsewhere(dir: &Path) -> Vec<Elsewhere> {
    let generated = |name: &str| {
        let path = dir.join(name);
        let arguments = ["keys", "generate-root", "--json", &text(&path)];
        fingerprint(&Shell::offline().call(arguments, b""));
        path
    };
    let credentials = dir.join("credentials");
    fs::create_dir(&credentials).expect("ours");
    let (phrase, new_phrase) = (dir.join("phrase"), dir.join("new-phrase"));
    private(&phrase, "four words of a test\n");
    private(&new_phrase, "four other words of a test\n");
    let printed = generated("printed");
    vec![
        Elsewhere {
            variables: vec![("CREDENTIALS_DIRECTORY", text(&credentials))],
            current: generated("credentials/holdfast-root-key"),
            new: generated("new-credential"),
            field: "new_root_key_file",
        },
        Elsewhere {
            variables: vec![("HOLDFAST_KEYS_COMMAND", format!("[\"cat\", \"{}\"]", text(&printed)))],
            current: printed,
            new: generated("new-printed"),
            field: "new_root_key_file",
        },
        Elsewhere {
            variables: vec![("HOLDFAST_KEYS_PASSPHRASE_FILE", text(&phrase))],
            current: phrase,
            new: new_phrase,
            field: "new_passphrase_file",
        },
    ]
}

#[test]
fn a_root_key_from_a_credential_a_command_or_a_passphrase_is_replaced_by_a_file_somebody_put_there() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (number, place) in elsewhere(dir.path()).into_iter().enumerate() {
        let data = dir.path().join(format!("data-{number}"));
        let variables: Vec<_> = place.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let server = Server::start_in(&data, &variables);
        let owner = filled(&server);
        let token = owner.token().to_owned();
        let first = owner.get("/instance").expect(200)["key_fingerprint"].clone();
        let rotate = |owner: &Api, body: Value| owner.post("/instance/root-key/rotate", body);
        let refusal = refused(&rotate(&owner, json!({})), 422, "root_key_not_writable");
        assert!(refusal["hint"].as_str().is_some_and(|hint| hint.contains("--new-root-key-file")), "{refusal}");
        refused(&rotate(&owner, json!({ place.field: text(&dir.path().join("nothing")) })), 422, "root_key_file");
        refused(&rotate(&owner, json!({ place.field: "relative" })), 400, "invalid_value");
        refused(&rotate(&owner, json!({ place.field: text(&place.current) })), 409, "root_key_known");
        let new = rotate(&owner, json!({ place.field: text(&place.new) })).expect(201);
        assert_eq!((&new["in_place"], &new["previous_fingerprint"]), (&json!(false), &first), "{new}");
        let retire = json!({ "fingerprint": first });
        refused(&owner.post("/instance/root-key/retire", retire.clone()), 409, "root_key_not_in_place");
        assert!(server.stop().success());

        // Started again before anybody put it in its place: everything opens, and no key is made that would be lost.
        let server = Server::start_in(&data, &variables);
        server.wait_for("root_key_superseded");
        let owner = Api::new(server.base(), &token);
        assert_eq!(owner.value(STAGING, "KEPT"), "as it was");
        refused(&owner.post("/organizations", json!({ "slug": "lost" })), 409, "root_key_superseded");
        assert!(server.stop().success());

        let old = fs::read_to_string(&place.current).expect("ours");
        private(&place.current, &fs::read_to_string(&place.new).expect("ours"));
        let server = Server::start_in(&data, &variables);
        let owner = Api::new(server.base(), &token);
        assert_eq!(owner.get("/instance").expect(200)["key_fingerprint"], new["fingerprint"]);
        owner.post("/organizations", json!({ "slug": "kept" })).expect(201);
        owner.post("/instance/root-key/retire", retire).expect(200);
        assert_eq!(owner.value(STAGING, "KEPT"), "as it was");
        assert!(server.stop().success());
        private(&place.current, &old);
        let refusal = Server::refused(&data, &[], &variables);
        for key in [&first, &new["fingerprint"]] {
            assert!(refusal.stderr.contains(key.as_str().expect("text")), "{}", refusal.stderr);
        }
    }
}

#[test]
fn keys_are_replaced_by_who_signed_in_recently_and_the_root_key_by_operators() {
    let app = TestApp::start();
    let owner = Api::new(&app.base, &app.owner().token);
    let other = Api::new(&app.base, &app.second_organization().token);
    assert!(owner.get("/keys").expect(200)["items"].as_array().is_some_and(|keys| keys.len() == 1));
    let theirs = other.get("/keys").expect(200)["items"][0]["owner"].clone();
    assert_ne!(theirs, owner.get("/keys").expect(200)["items"][0]["owner"], "each sees its own");
    let eve = owner.person("eve@example.com", "owner", json!({}));
    eve.get("/keys").expect(200);
    refused(&eve.get("/instance/keys"), 403, "permission_denied");
    refused(&eve.post("/instance/root-key/rotate", json!({})), 403, "permission_denied");
    refused(&owner.get("/keys/rotation"), 404, "not_found");
    app.clock.advance(Duration::from_hours(25));
    for path in ["/keys/rotate", "/instance/root-key/rotate"] {
        refused(&owner.post(path, json!({})), 403, "step_up_required");
    }
    let retire = json!({ "fingerprint": "0000-0000-0000-0000" });
    refused(&owner.post("/instance/root-key/retire", retire), 403, "step_up_required");
    let denied = owner.get("/audit/events?action=instance.key.rotate&decision=deny").expect(200);
    assert_eq!(denied["items"].as_array().map(Vec::len), Some(4), "each refusal is recorded: {denied}");
}

#[test]
fn an_organizations_key_is_replaced_while_it_is_used_and_the_command_line_tells_how_far() {
    let server = Server::start();
    let owner = filled(&server);
    let ada = Shell::new(server.base());
    ada.file("token", owner.token());
    let machine = owner.machine("ci", "developer", json!({}));
    let tag = owner.variables(STAGING).header("etag").expect("a tag").to_owned();
    assert_eq!(ada.run("keys rotate-org --json --token-file token").json()["to_version"], 2);
    let done = rotation_is(&owner, "done");
    assert_eq!((&done["sealed"], &done["total"], &done["unopened"]), (&json!(1), &json!(1), &json!(0)), "{done}");
    assert_eq!(states(&owner, "/keys", "organization"), ["destroyed", "current"]);
    assert_eq!(machine.value(STAGING, "KEPT"), "as it was");
    assert_eq!(owner.variables(STAGING).header("etag"), Some(tag.as_str()), "nothing that is seen has changed");
    let shown = ada.run("keys progress --token-file token");
    assert!(shown.expect(0).contains("state\tdone"), "{}", shown.stdout);
    let checked = ada.run("keys verify --json --token-file token").json();
    assert_eq!((&checked["ok"], &checked["by_key_version"]), (&json!(true), &json!({ "2": 1 })), "{checked}");
    change(server.data(), "UPDATE secret_versions SET interpolate = 1 - interpolate");
    let broken = ada.run("keys verify --token-file token");
    broken.expect(1);
    assert!(broken.stderr.contains("KEPT") && broken.stderr.contains("ciphertext_invalid"), "{}", broken.stderr);
    assert!(!broken.stdout.contains("as it was") && !broken.stderr.contains("as it was"));
    refused(&owner.post("/keys/rotation/resume", json!({})), 409, "key_rotation_done");
}

#[test]
fn without_a_server_every_value_is_opened_and_what_does_not_open_is_told() {
    let server = Server::start();
    let owner = filled(&server);
    owner.set(STAGING, "BROKEN", "soon");
    owner.post("/organizations", json!({ "slug": "umbrella", "name": "Umbrella" })).expect(201);
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let copied = elsewhere.path().join("copied");
    // Beside a running server, and on a copy of a stopped one.
    let offline = |data: &Path, more: &[&str]| {
        let data = text(data);
        let arguments = [&["keys", "verify", "--json", "--data-dir", data.as_str()], more].concat();
        Shell::offline().call(arguments, b"")
    };
    let found = offline(server.data(), &[]);
    found.expect(0);
    let report = found.json();
    let slugs: Vec<_> =
        report["organizations"].as_array().expect("a list").iter().map(|o| &o["organization"]).collect();
    assert_eq!((&report["ok"], slugs.len(), slugs[1]), (&json!(true), 2, &json!("umbrella")), "{report}");
    assert_eq!(
        (&report["organizations"][0]["checked"], &report["organizations"][0]["unbound"]),
        (&json!(2), &json!(0))
    );
    let data = server.data().to_owned();
    change(
        &data,
        "UPDATE secret_versions SET comment = 'by hand' WHERE secret_id = (SELECT id FROM secrets WHERE name = 'BROKEN')",
    );
    let broken = offline(&data, &[]);
    let report = broken.json();
    broken.expect(1);
    assert_eq!(report["problems"][0]["code"], "ciphertext_invalid", "{report}");
    assert!(report["problems"][0]["row"].as_str().is_some_and(|row| row.contains("BROKEN")), "{report}");
    assert!(!report.to_string().contains("soon"), "{report}");
    copy(&data, &copied);
    // A copy without its root key is nothing to open; with it, named, it is.
    fs::rename(copied.join("root.key"), elsewhere.path().join("kept.key")).expect("ours");
    offline(&copied, &[]).refused(1, "root key");
    let kept = text(&elsewhere.path().join("kept.key"));
    assert_eq!(offline(&copied, &["--root-key-file", &kept]).json()["organizations"][0]["unopened"], 1);
    offline(elsewhere.path(), &[]).refused(3, "no database");
    Shell::offline().run("keys verify --root-key-file x").refused(2, "--data-dir");
}

#[test]
fn the_deletion_of_an_organization_names_the_day_nothing_of_it_opens() {
    let server = Server::start();
    let owner = filled(&server);
    let ask = |query: &str| owner.delete(&format!("/organizations/acme{query}")).expect(200);
    let plan = ask("?dry_run=true");
    let day = plan["deletion"]["restorable_until"].clone();
    assert_eq!(plan["shredding"], json!({ "keys_destroyed_at": day, "complete_at": day }));
    let hold = |until: &str| {
        let row = format!(
            "INSERT OR REPLACE INTO key_holds SELECT owner, 1, 'a backup', {until} FROM encryption_keys
             WHERE kind = 'organization'"
        );
        change(server.data(), &row);
    };
    hold("NULL");
    assert_eq!(ask("?dry_run=true")["shredding"]["complete_at"], Value::Null, "a backup without an end");
    hold("4102444800000000");
    let done = ask("");
    assert_eq!(done["shredding"]["complete_at"], "2100-01-01T00:00:00.000000Z", "{done}");
    assert_eq!(done["dry_run"], false);
}

/// Values as they were acknowledged.
type Values = BTreeMap<String, String>;

/// A request that may meet the end of the server.
fn attempt(base: &str, token: &str, method: &str, path: &str, body: Option<&Value>) -> Option<Response> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(body.map(|_| ("content-type", "application/json")));
    let bytes = body.map(Value::to_string).unwrap_or_default();
    http::try_send(base, method, &format!("/api/v1{path}"), &headers, bytes.as_bytes()).ok()
}

/// Replaces the root key again and again, retiring what was before, until the server is gone; how often it did.
fn root_keys(base: String, token: String) -> JoinHandle<u32> {
    thread::spawn(move || {
        for count in 0..1_000 {
            let Some(made) = attempt(&base, &token, "POST", "/instance/root-key/rotate", None) else { return count };
            assert!(matches!(made.status, 201 | 409 | 503), "{}", made.text());
            let Some(keys) = attempt(&base, &token, "GET", "/instance/keys?limit=500", None) else { return count };
            if keys.status != 200 {
                return count;
            }
            let keys = keys.json();
            let all = keys["items"].as_array().expect("a list");
            for key in all.iter().filter(|key| key["kind"] == "root" && key["state"] == "readable") {
                let wish = json!({ "fingerprint": key["fingerprint"] });
                let done = attempt(&base, &token, "POST", "/instance/root-key/retire", Some(&wish));
                let Some(done) = done else { return count };
                assert_eq!(done.status, 200, "{}", done.text());
            }
        }
        1_000
    })
}

/// Replaces the organization's key as soon as the rotation before is done, until the server is gone.
fn organization_keys(base: String, token: String) -> JoinHandle<u32> {
    thread::spawn(move || {
        let mut begun = 0;
        loop {
            let Some(made) = attempt(&base, &token, "POST", "/keys/rotate", None) else { return begun };
            assert!(matches!(made.status, 201 | 409), "{}", made.text());
            begun += u32::from(made.status == 201);
            wait(A_MOMENT);
        }
    })
}

/// Writes and reads until the server is gone; what it acknowledged.
fn traffic(base: String, token: String, round: u64, known: Values) -> JoinHandle<Values> {
    thread::spawn(move || {
        let mut written = Values::new();
        for (number, (name, value)) in known.iter().cycle().take(100_000).enumerate() {
            let read = attempt(&base, &token, "GET", &format!("{}?reveal=true", secret(STAGING, name)), None);
            let Some(read) = read else { return written };
            assert_eq!((read.status, read.json()["value"].as_str()), (200, Some(value.as_str())), "{}", read.text());
            if number % 40 == 0 {
                let (name, value) = (format!("W_{round}_{number}"), format!("written {round} {number}"));
                let body = json!({ "value": value });
                let put = attempt(&base, &token, "PUT", &secret(STAGING, &name), Some(&body));
                let Some(put) = put else { return written };
                assert_eq!(put.status, 201, "{}", put.text());
                written.insert(name, value);
            }
        }
        written
    })
}

/// Panics unless everything that was acknowledged opens.
fn all_open(owner: &Api, known: &Values) {
    let report = report(&owner.get("/keys/verification"));
    assert_eq!(report["ok"], true, "{report}");
    assert!(report["checked"].as_u64().is_some_and(|checked| checked >= known.len() as u64), "{report}");
    let variables = owner.variables(STAGING).expect(200)["variables"].clone();
    for (name, value) in known {
        assert_eq!(variables[name], *value, "{name}");
    }
}

#[test]
fn killed_at_any_moment_of_both_rotations_nothing_is_lost_and_they_go_on() {
    let kills = variable("HOLDFAST_TEST_KILLS").and_then(|text| text.to_str()?.parse().ok()).unwrap_or(KILLS);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let server = Server::start_in(&data, &[]);
    let owner = filled(&server);
    let token = owner.token().to_owned();
    let mut known: Values = (0..SECRETS).map(|n| (format!("S_{n}"), format!("value {n}"))).collect();
    let items: Vec<_> = known.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    owner.post(&format!("{}/secrets/batch", environment(STAGING)), json!({ "items": items })).expect(200);
    assert!(server.stop().success());
    let (mut rooted, mut begun) = (0, 0);
    for round in 0..kills {
        let mut server = Server::start_in(&data, &[]);
        let owner = Api::new(server.base(), &token);
        all_open(&owner, &known);
        let base = || server.base().to_owned();
        let roots = root_keys(base(), token.clone());
        let organizations = organization_keys(base(), token.clone());
        let traffic = traffic(base(), token.clone(), round, known.clone());
        // Steps of an odd number of milliseconds go through all of them: some at once, some after the job's tick.
        wait(Duration::from_micros((round * 7_919_317) % 1_500_000));
        server.kill();
        known.extend(traffic.join().expect("every read gave its value"));
        rooted += roots.join().expect("only the end stops it");
        begun += organizations.join().expect("only the end stops it");
    }
    let server = Server::start_in(&data, &[]);
    let owner = Api::new(server.base(), &token);
    rotation_is(&owner, "done");
    all_open(&owner, &known);
    let keys = states(&owner, "/keys?limit=500", "organization");
    assert!(keys.len() > 2 && rooted > 2 && begun > 0, "too little was replaced: {keys:?}, {rooted}, {begun}");
    let (newest, older) = keys.split_last().expect("keys");
    assert!(newest == "current" && older.iter().all(|state| state == "destroyed"), "{keys:?}");
    let left: u32 = sql(&data)
        .query_row("SELECT count(*) FROM job_runs WHERE outcome = 'failed'", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(left, 0, "no run of a job failed by itself");
    let pinned = ledger_key(&data);
    assert!(server.stop().success());
    verify(&data, &pinned, None).expect(0);
    doctor(&data).expect(0);
}
