//! The promises of the composition root, in temporary data directories.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;

use super::serve::{Asked, Door, run};
use super::*;
use crate::auth::password::Passwords;
use crate::config::{Env, Overrides, Settings};
use crate::keys::KeyError;
use crate::ledger::{self, EventFilter};
use crate::notify::Mailer;
use crate::op::{Op, Origin, Who};
use crate::orgs::access::Sessions;
use crate::orgs::setup::{self, Redeem, Redeemed};
use crate::types::{Clock, Email, Failure as _, Id, Limit, ManualClock, Secret, Slug, Timestamp};

struct Machine {
    root: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Machine {
    fn new() -> Self {
        let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
        Self { root: tempfile::tempdir().unwrap(), clock: Arc::new(ManualClock::at(now)) }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn key(&self) -> PathBuf {
        self.dir().join("root.key")
    }

    fn settings_with(&self, overrides: Overrides) -> Arc<Settings> {
        let env = Env::from_variables(self.root.path(), [("HOME", self.root.path())]);
        let overrides = Overrides { data_dir: Some(self.dir()), listen: Some("127.0.0.1:0".into()), ..overrides };
        Arc::new(Settings::load(&env, None, overrides).unwrap().settings)
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings_with(Overrides::default())
    }

    fn try_open(&self) -> Result<Opened, AppError> {
        open(self.settings(), Arc::clone(&self.clock) as _)
    }

    fn open(&self) -> Opened {
        self.try_open().unwrap()
    }

    fn refused(&self) -> AppError {
        match self.try_open() {
            Ok(_) => panic!("it opened"),
            Err(error) => error,
        }
    }

    fn doctor(&self) -> doctor::Report {
        doctor::examine(&self.settings(), &*self.clock)
    }
}

fn op(opened: &Opened) -> Op {
    Op::new(Arc::clone(&opened.core), Who::System, Origin::default(), Id::new(opened.core.clock.now()))
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn set_up(opened: &Opened) -> Redeemed {
    let (op, dir) = (op(opened), opened.settings.data.dir.clone());
    wait(async {
        let token = setup_token::ensure(&op, &dir).await.unwrap().expect("no owner yet");
        let wish = Redeem {
            token,
            organization: Slug::parse("acme").unwrap(),
            organization_name: None,
            email: Email::parse("ada@example.com").unwrap(),
            password: Secret::new("correct horse battery".into()),
            session: None,
        };
        setup::redeem(&op, &Passwords::new().unwrap(), wish).await.unwrap()
    })
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn check<'a>(report: &'a doctor::Report, name: &str) -> &'a doctor::Check {
    report.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name} in {report:#?}"))
}

#[test]
fn the_first_start_makes_everything_and_the_second_finds_it() {
    let machine = Machine::new();
    let first = machine.open();
    assert!(first.is_new && first.new_root_key.as_deref() == Some(&machine.key()));
    assert_eq!((mode(&machine.dir()), mode(&machine.key())), (0o700, 0o400));
    assert_eq!((mode(&database_path(&machine.dir())), mode(&machine.dir().join("holdfast.db-wal"))), (0o600, 0o600));
    assert_eq!(first.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["root_key_beside_database"]);
    let (instance, key) = (first.instance, first.ledger_key_text());
    drop(first);
    let second = machine.open();
    assert!(!second.is_new && second.new_root_key.is_none());
    assert_eq!((second.instance, second.ledger_key_text()), (instance, key));
}

#[test]
fn a_start_that_was_killed_half_way_is_finished_by_the_next() {
    let machine = Machine::new();
    std::fs::create_dir(machine.dir()).unwrap();
    chmod(&machine.dir(), 0o700);
    let key = crate::keys::root::create(&machine.key()).unwrap();
    std::fs::write(database_path(&machine.dir()), "").unwrap();
    let opened = machine.open();
    assert!(opened.is_new && opened.new_root_key.is_none());
    assert_eq!(opened.core.keyring.fingerprint(), key.fingerprint());
}

#[test]
fn a_second_process_is_refused_by_the_first_ones_number() {
    let machine = Machine::new();
    let first = machine.open();
    let line = machine.refused().line();
    let expected = format!("another holdfast (pid {}) uses this data directory", std::process::id());
    assert!(line.starts_with(&expected) && !line.contains('\n'), "{line}");
    drop(first);
    machine.open();
}

#[test]
fn a_wrong_root_key_is_one_line_with_both_fingerprints() {
    let machine = Machine::new();
    let wanted = machine.open().core.keyring.fingerprint();
    let other = machine.root.path().join("other.key");
    let given = crate::keys::root::create(&other).unwrap().fingerprint();
    let settings = machine.settings_with(Overrides { root_key_file: Some(other), ..Overrides::default() });
    let Err(error) = open(settings, Arc::clone(&machine.clock) as _) else { panic!("it opened") };
    assert_eq!(error.code(), "root_key_wrong");
    let line = error.line();
    assert!(line.contains(&wanted.to_string()) && line.contains(&given.to_string()) && !line.contains('\n'), "{line}");
}

#[test]
fn a_fresh_key_is_never_made_over_data() {
    let machine = Machine::new();
    let wanted = machine.open().core.keyring.fingerprint();
    std::fs::remove_file(machine.key()).unwrap();
    let error = machine.refused();
    assert!(matches!(error, AppError::Keys(KeyError::RootKeyMissing { .. })), "{error:?}");
    assert!(error.line().contains(&wanted.to_string()));
    assert!(!machine.key().exists());
    let report = machine.doctor();
    assert!(!report.ok && check(&report, "root_key").detail.contains(&wanted.to_string()));
    assert!(check(&report, "root_key").fix.as_deref().unwrap().contains("keys recover"));
}

#[test]
fn a_key_others_can_read_is_refused_with_the_command_that_fixes_it() {
    let machine = Machine::new();
    drop(machine.open());
    chmod(&machine.key(), 0o444);
    let error = machine.refused();
    assert_eq!(error.code(), "root_key_readable_by_others");
    assert!(error.line().contains("chmod 0400"), "{}", error.line());
    let report = machine.doctor();
    let files = check(&report, "files");
    assert!(!report.ok && files.fix.as_deref().unwrap().starts_with("chmod go= "), "{files:?}");
}

#[test]
fn a_newer_database_is_refused_before_anything_is_written() {
    let machine = Machine::new();
    let opened = machine.open();
    opened
        .core
        .db
        .write_blocking(|tx| {
            let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                       VALUES (9999, 'x', '2026-01-01T00:00:00Z', '1')";
            tx.sql().execute(sql, []).map_err(crate::db::DbError::from)
        })
        .unwrap();
    drop(opened);
    let error = machine.refused();
    assert_eq!(error.code(), "database_newer");
    assert!(error.line().contains("9999") && !error.line().contains('\n'));
    assert!(!check(&machine.doctor(), "schema").ok);
}

fn post() -> jobs::Post {
    jobs::Post { mailer: Arc::new(Mailer::new(None).unwrap()), server: "http://localhost".into() }
}

#[test]
fn every_job_has_a_schedule_and_every_action_one_name() {
    let machine = Machine::new();
    let opened = machine.open();
    let mut names: Vec<_> =
        jobs::all(&opened, post()).iter().map(|job| (job.name(), job.schedule().to_string())).collect();
    names.sort_unstable();
    let names: Vec<_> = names.iter().map(|(name, schedule)| (*name, schedule.as_str())).collect();
    assert_eq!(
        names,
        [
            ("checkpoint", "every 60s"),
            ("expire_approvals", "* * * * *"),
            ("expire_links", "* * * * *"),
            ("expire_tokens", "* * * * *"),
            ("look_at_clusters", "every 30s"),
            ("purge_deleted", "7 * * * *"),
            ("remind_expiring", "23 6 * * *"),
            ("reseal_secrets", "17 * * * *"),
            ("tell_people", "* * * * *"),
            ("tidy", "37 * * * *"),
            ("warn_ending", "* * * * *")
        ]
    );
    assert!(registry().unwrap().names().any(|name| name == "secret.reveal"));
}

#[test]
fn a_setup_token_is_kept_while_it_works_and_gone_once_it_was_used() {
    let machine = Machine::new();
    let opened = machine.open();
    let (dir, file) = (machine.dir(), machine.dir().join("setup-token"));
    let ensure = || wait(setup_token::ensure(&op(&opened), &dir)).unwrap().map(|token| token.expose().clone());
    let first = ensure().expect("no owner yet");
    assert_eq!((mode(&file), std::fs::read_to_string(&file).unwrap()), (0o600, format!("{first}\n")));
    assert_eq!(ensure().as_ref(), Some(&first));
    machine.clock.advance(setup::TOKEN_LIFE);
    let second = ensure().expect("no owner yet");
    assert_ne!(second, first);
    std::fs::write(&file, "nonsense").unwrap();
    assert_ne!(ensure().expect("no owner yet"), second);
    set_up(&opened);
    assert_eq!(ensure(), None);
    assert!(!file.exists());
}

/// Asks to stop when it is told to.
struct Told(Arc<Notify>);

impl Asked for Told {
    async fn asked(&mut self) {
        self.0.notified().await;
    }
}

#[test]
fn a_server_leaves_its_traces_while_it_runs_and_stops_in_order() {
    let machine = Machine::new();
    let opened = Arc::new(machine.open());
    let (dir, stop, up) = (machine.dir(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let told = Told(Arc::clone(&stop));
    let door = {
        let (dir, up) = (dir.clone(), Arc::clone(&up));
        move |_: crate::http::ServerParts| {
            assert!(dir.join("setup-token").exists(), "before the listener");
            let address = SocketAddr::from(([0, 0, 0, 0], 8420));
            up.notify_one();
            Ok(Door { address, stop: async {}.boxed() })
        }
    };
    let passwords = Arc::new(Passwords::new().unwrap());
    let mut server = runtime.spawn(run(Arc::clone(&opened), door, passwords, told));
    runtime.block_on(async {
        tokio::select! {
            ended = &mut server => panic!("{ended:?}"),
            () = up.notified() => {}
        }
    });
    // The socket comes a moment after the door: ask until it is there.
    let asked = loop {
        match setup_token_new(&dir) {
            Err(AppError::NotRunning(_)) if !server.is_finished() => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(asked, dir.join("setup-token"));
    assert_eq!(std::fs::read_to_string(dir.join("address")).unwrap(), "http://127.0.0.1:8420\n");
    assert_eq!(mode(&dir.join("control.sock")), 0o600);
    assert!(machine.doctor().server_running);
    stop.notify_one();
    runtime.block_on(server).unwrap().unwrap();
    assert!(!dir.join("address").exists() && !dir.join("control.sock").exists());
    assert!(matches!(setup_token_new(&dir), Err(AppError::NotRunning(_))));
    let signed = opened.core.db.read(ledger::checkpoint_newest).unwrap().expect("a last checkpoint");
    assert_eq!(signed.0.size, opened.core.db.read(ledger::size).unwrap());
    opened.core.db.close();
    let log = std::fs::metadata(dir.join("holdfast.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "the write-ahead log is folded in");
}

#[test]
fn the_real_door_answers_and_an_idle_connection_does_not_hold_the_stop() {
    use std::io::{Read as _, Write as _};
    let machine = Machine::new();
    let opened = Arc::new(machine.open());
    let stop = Arc::new(Notify::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (bound, address) = std::sync::mpsc::channel();
    let door = move |parts: crate::http::ServerParts| {
        let door = serve::http(parts)?;
        bound.send(door.address).unwrap();
        Ok(door)
    };
    let passwords = Arc::new(Passwords::new().unwrap());
    let server = runtime.spawn(run(Arc::clone(&opened), door, passwords, Told(Arc::clone(&stop))));
    let mut idle = std::net::TcpStream::connect(address.recv().unwrap()).unwrap();
    idle.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 512];
    let read = idle.read(&mut answer).unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..read]));
    stop.notify_one();
    let stopped = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), server).await });
    stopped.expect("well before the ten seconds").unwrap().unwrap();
}

#[test]
fn the_control_socket_reads_one_short_line_and_no_more() {
    use std::io::{Read as _, Write as _};
    let machine = Machine::new();
    let opened = Arc::new(machine.open());
    set_up(&opened);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    let control = control::Control::listen(&machine.dir()).unwrap();
    let task = runtime.spawn({
        let opened = Arc::clone(&opened);
        control.serve(move || op(&opened))
    });
    for (sent, answer) in [
        ("nonsense\n".to_owned(), "invalid_request"),
        (r#"{"op":"setup-token-new","more":1}"#.to_owned() + "\n", "invalid_request"),
        ("x".repeat(4_096), "invalid_request"),
        (r#"{"op":"setup-token-new"}"#.to_owned() + "\n", "already_set_up"),
    ] {
        let mut stream = std::os::unix::net::UnixStream::connect(control::path(&machine.dir())).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).unwrap();
        assert!(got.contains(answer), "{sent:.40}: {got}");
    }
    assert!(matches!(setup_token_new(&machine.dir()), Err(AppError::Refused { .. })));
    task.abort();
}

#[test]
fn a_rescued_owner_gets_a_token_that_works_and_the_ledger_says_so() {
    let machine = Machine::new();
    let opened = machine.open();
    set_up(&opened);
    drop(opened);
    let nobody = rescue::rescue_in(&machine.open(), Email::parse("eve@example.com").unwrap());
    assert_eq!(nobody.unwrap_err().code(), "not_found");
    let rescued = rescue::rescue_in(&machine.open(), Email::parse("ada@example.com").unwrap()).unwrap();
    assert_eq!(rescued.organization_slug, "acme");
    assert!(!format!("{rescued:?}").contains(rescued.token.expose().as_str()));
    let core = machine.open().core;
    let session =
        Sessions::default().check(&core.db, &core.keyring, &rescued.token, None, machine.clock.now()).unwrap();
    assert_eq!(session.identity.principal.organization, rescued.organization);
    let filter = EventFilter {
        organization: Some(rescued.organization),
        action: Some("setup.owner_rescued".into()),
        ..EventFilter::default()
    };
    let found = core.db.read(|reader| ledger::list(reader, &filter, Limit::default(), None)).unwrap();
    assert_eq!(found.items.len(), 1);
}

#[test]
fn tools_begin_no_new_appliance() {
    let machine = Machine::new();
    let Err(error) = open_existing(machine.settings(), Arc::clone(&machine.clock) as _) else { panic!("it opened") };
    assert_eq!(error.code(), "no_database");
    assert!(!machine.dir().exists());
    assert!(matches!(keys::fingerprints_of(&machine.settings()), Err(AppError::NoData(_))));
    let options = audit::VerifyOptions { data: machine.dir(), ..Default::default() };
    assert!(matches!(audit::verify(&options, &mut |_, _| ()), Err(AppError::NoData(_))));
}

#[test]
fn a_kit_gives_the_lost_root_key_back_and_overwrites_nothing() {
    let machine = Machine::new();
    let first = keys::recovery_kit_in(&machine.open()).unwrap();
    let kit = keys::recovery_kit_in(&machine.open()).unwrap();
    std::fs::remove_file(machine.key()).unwrap();
    let recover =
        |kit: &crate::keys::recovery::RecoveryKit| keys::recover_in(&machine.dir(), &kit.private_key, &machine.key());
    assert_eq!(recover(&first).unwrap_err().code(), "recovery_key_wrong");
    assert_eq!(recover(&kit).unwrap(), kit.fingerprint.to_string());
    assert_eq!(recover(&kit).unwrap_err().code(), "root_key_exists");
    let found = keys::fingerprints_of(&machine.settings()).unwrap();
    assert_eq!(found.root_key, Some(found.root_key_wanted));
    assert_eq!(found.ledger_public_key, Some(machine.open().ledger_key_text()));
}

#[test]
fn offline_verification_tells_what_was_changed_and_what_was_rolled_back() {
    let machine = Machine::new();
    let opened = machine.open();
    let key = opened.ledger_key_text();
    let older = machine.root.path().join("older");
    std::fs::create_dir(&older).unwrap();
    opened.core.db.close();
    drop(opened);
    std::fs::copy(database_path(&machine.dir()), database_path(&older)).unwrap();

    let opened = machine.open();
    set_up(&opened);
    wait(jobs::checkpoint(&opened.core)).unwrap();
    let note = opened.core.db.read(ledger::checkpoint_newest).unwrap().unwrap().0;
    opened.core.db.close();
    drop(opened);
    let verify = |data: &Path| {
        let checkpoints = vec![note.note().to_owned()];
        let options =
            audit::VerifyOptions { data: data.to_owned(), key: Some(key.clone()), instance: None, checkpoints };
        audit::verify(&options, &mut |_, _| ()).unwrap()
    };
    let good = verify(&machine.dir());
    assert!(good.ok && good.key_pinned && good.signed_size == note.size, "{good:?}");
    assert_eq!(good, verify(&database_path(&machine.dir())));
    assert!(!verify(&older).ok, "an older copy was put back");

    let opened = machine.open();
    let changed = opened.core.db.write_blocking(|tx| {
        let sql = "UPDATE ledger_events SET at = at - 1 WHERE seq = 0";
        tx.sql().execute(sql, []).map_err(crate::db::DbError::from)
    });
    assert_eq!(changed.unwrap(), 1);
    drop(opened);
    assert!(!verify(&machine.dir()).ok, "an event was changed");
    let report = machine.doctor();
    assert!(!report.ok && check(&report, "ledger").fix.as_deref().unwrap().contains("audit verify"));
}

#[test]
fn doctor_finds_a_healthy_appliance_healthy_running_or_not() {
    let machine = Machine::new();
    let opened = machine.open();
    set_up(&opened);
    assert_eq!(check(&machine.doctor(), "ledger").severity, doctor::Severity::Warning, "nothing is signed yet");
    wait(jobs::checkpoint(&opened.core)).unwrap();
    let running = machine.doctor();
    drop(opened);
    for report in [running, machine.doctor()] {
        assert!(report.ok, "{report:#?}");
        let wrong: Vec<_> = report.checks.iter().filter(|check| !check.ok).map(|check| check.name).collect();
        let disk_is_small = wrong.contains(&"disk");
        assert_eq!(wrong.len() - usize::from(disk_is_small), 1, "{wrong:?}");
        assert_eq!(check(&report, "root_key_place").severity, doctor::Severity::Warning);
        assert!(report.checks.iter().all(|check| check.ok == check.fix.is_none()));
    }
}

#[test]
fn doctor_sees_a_clock_before_the_newest_event_and_data_that_is_not_there() {
    let machine = Machine::new();
    let opened = machine.open();
    set_up(&opened);
    drop(opened);
    machine.clock.set(machine.clock.now().minus(Duration::from_hours(1)));
    let report = machine.doctor();
    let clock = check(&report, "clock");
    assert!(!report.ok && clock.fix.as_deref() == Some("timedatectl set-ntp true"), "{clock:?}");
    std::fs::remove_file(database_path(&machine.dir())).unwrap();
    assert!(!check(&machine.doctor(), "database").ok);
    std::fs::write(database_path(&machine.dir()), "this is no database, whatever its name says").unwrap();
    assert!(!check(&machine.doctor(), "database").ok);
    std::fs::remove_dir_all(machine.dir()).unwrap();
    assert!(!check(&machine.doctor(), "data_dir").ok);
}
