//! The single checks. Each says what it found and, where it is wrong, the command that puts it right.

use std::cmp::Ordering;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::{Check, store};
use crate::app::keys::fingerprints_of;
use crate::app::open::{KEY_TABLES, key_warning, source_file, suite};
use crate::app::{AppError, database_path, setup_token};
use crate::config::{RootKeySource, Settings};
use crate::db::{self, Db, Reader};
use crate::keys::{self, Keyring, PassphraseParameters, Source};
use crate::ledger::{self, Trust};
use crate::types::{Failure as _, Timestamp};

const MIB: u64 = 1 << 20;
/// Below this the next write may fail.
const DISK_PROBLEM: u64 = 64 * MIB;
/// Below this somebody should look.
const DISK_WARNING: u64 = 1024 * MIB;
/// How far the clock may lie before the newest event: two clocks of one network differ less.
const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_mins(1);
/// Lines of SQLite's own check that are shown.
const LINES_MAX: u32 = 5;

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Whether only the owner can read what is in the data directory, and it is one owner's.
pub(super) fn files(settings: &Settings, checks: &mut Vec<Check>) {
    let dir = &settings.data.dir;
    let Ok(metadata) = std::fs::metadata(dir) else {
        let start = format!("holdfast serve --data-dir {}", quoted(dir));
        checks.push(Check::problem("data_dir", format!("{} is not there", dir.display()), start));
        return;
    };
    let mode = metadata.permissions().mode() & 0o7777;
    checks.push(if mode.trailing_zeros() >= 6 {
        Check::ok("data_dir", format!("{} (mode {mode:04o})", dir.display()))
    } else {
        let detail = format!("others may enter {} (mode {mode:04o})", dir.display());
        Check::warning("data_dir", detail, format!("chmod 700 {}", quoted(dir)))
    });
    let mut open = Vec::new();
    let names = ["holdfast.db", "holdfast.db-wal", "holdfast.db-shm", "lock", "address", "control.sock"];
    let mut paths: Vec<_> = names.iter().map(|name| dir.join(name)).chain([setup_token::path(dir)]).collect();
    let source = Source::from(&settings.keys.source);
    // systemd shows the mask of its access list as the group's bits; the key's own reader judges that.
    if !matches!(settings.keys.source, RootKeySource::Credential(_)) {
        paths.extend(source_file(&source).map(Path::to_owned));
    }
    for path in paths {
        let Ok(file) = std::fs::symlink_metadata(&path) else { continue };
        if file.permissions().mode() & 0o077 != 0 && !file.file_type().is_symlink() {
            open.push(quoted(&path));
        } else if file.uid() != metadata.uid() && path.starts_with(dir) {
            let fix = format!("chown --reference={} {}", quoted(dir), quoted(&path));
            checks.push(Check::problem("files", format!("{} has another owner than its folder", path.display()), fix));
        }
    }
    checks.push(if open.is_empty() {
        Check::ok("files", "only their owner can read them")
    } else {
        Check::problem("files", format!("others can read {}", open.join(", ")), format!("chmod go= {}", open.join(" ")))
    });
}

/// Whether there is room for what comes.
pub(super) fn disk(dir: &Path, checks: &mut Vec<Check>) {
    let Ok(disk) = rustix::fs::statvfs(dir) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let detail = format!("{} MiB free on the disk of {}", free / MIB, dir.display());
    let fix = format!("du -xh --max-depth=1 {} | sort -h  # then free space there, or on its disk", quoted(dir));
    checks.push(match free {
        free if free < DISK_PROBLEM => Check::problem("disk", detail, fix),
        free if free < DISK_WARNING => Check::warning("disk", detail, fix),
        _ => Check::ok("disk", detail),
    });
}

/// The database and what is in it.
pub(super) fn database(settings: &Settings, now: Timestamp, checks: &mut Vec<Check>) {
    checks.push(Check::ok("sqlite", Db::sqlite_version()));
    let path = database_path(&settings.data.dir);
    if !path.is_file() {
        let start = format!("holdfast serve --data-dir {}", quoted(&settings.data.dir));
        checks.push(Check::problem("database", format!("{} is not there", path.display()), start));
        return;
    }
    let mut found = Vec::new();
    let looked = db::read_offline(&path, |reader| inside(reader, settings, now, &mut found));
    checks.append(&mut found);
    if let Err(error) = looked {
        checks.push(Check::problem("database", error.to_string(), restore_hint(&path)));
    }
}

fn restore_hint(path: &Path) -> String {
    format!("stop the server, keep a copy (cp -a {0} {0}.damaged), then put a backup in its place", quoted(path))
}

fn inside(reader: &Reader<'_>, settings: &Settings, now: Timestamp, checks: &mut Vec<Check>) -> Result<(), AppError> {
    let path = database_path(&settings.data.dir);
    let lines = db::quick_check(reader, LINES_MAX)?;
    let dangling = if lines.is_empty() { store::dangling_count(reader)? } else { 0 };
    checks.push(match (lines.is_empty(), dangling) {
        (true, 0) => Check::ok("database", "sound"),
        (true, n) => {
            Check::problem("database", format!("{n} rows refer to rows that are not there"), restore_hint(&path))
        }
        (false, _) => Check::problem("database", lines.join("; "), restore_hint(&path)),
    });
    let (found, known) = (db::applied_version(reader)?, Db::schema_version());
    checks.push(match found.cmp(&known) {
        Ordering::Greater => {
            let detail = format!("version {found}, this binary knows up to {known}");
            Check::problem("schema", detail, "start the newer holdfast, or restore a backup made by this one")
        }
        Ordering::Less => {
            Check::warning("schema", format!("version {found} of {known}"), "holdfast serve  # brings it up to date")
        }
        Ordering::Equal => Check::ok("schema", format!("version {found}")),
    });
    if found > known || found < KEY_TABLES {
        return Ok(());
    }
    root_key(settings, checks);
    if found == known {
        let broken = store::secret_broken_count(reader)?;
        checks.push(if broken == 0 {
            Check::ok("secrets", "the versions of each are complete")
        } else {
            Check::problem("secrets", format!("{broken} secrets have versions missing"), restore_hint(&path))
        });
        events(reader, settings, now, checks);
    }
    Ok(())
}

/// Whether the root key is there and is the one the database wants, and where it lies.
fn root_key(settings: &Settings, checks: &mut Vec<Check>) {
    checks.push(match fingerprints_of(settings) {
        Ok(found) => match found.root_key {
            Some(given) if given != found.root_key_wanted && found.ledger_public_key.is_none() => Check::problem(
                "root_key",
                format!("the database wants {}, given was {given}", found.root_key_wanted),
                "holdfast serve --root-key-file FILE  # the file with the key wanted",
            ),
            Some(_) if found.ledger_public_key.is_none() => Check::problem(
                "root_key",
                format!("{} does not open the keys in the database: they were changed", found.root_key_wanted),
                restore_hint(&database_path(&settings.data.dir)),
            ),
            Some(given) if given != found.root_key_wanted => Check::warning(
                "root_key",
                format!("{given} was replaced by {}, and still opens the database", found.root_key_wanted),
                "holdfast serve --root-key-file FILE  # the file with the newest key",
            ),
            Some(given) => Check::ok("root_key", given),
            None => Check::problem(
                "root_key",
                format!("the database wants {}, given was none", found.root_key_wanted),
                "holdfast keys recover  # with the recovery kit; or put the key file back",
            ),
        },
        Err(error) => Check::problem("root_key", error.to_string(), error.hint()),
    });
    if let Some(warning) = key_warning(&Source::from(&settings.keys.source), &settings.data.dir) {
        checks.push(Check::warning("root_key_place", warning.message, warning.hint));
    }
}

/// The ledger, and the clock beside its newest event.
fn events(reader: &Reader<'_>, settings: &Settings, now: Timestamp, checks: &mut Vec<Check>) {
    let verify = format!(
        "holdfast audit verify --data-dir {} --key KEY --checkpoint FILE  # and keep a copy of the data",
        quoted(&settings.data.dir)
    );
    let is_signed = !matches!(ledger::checkpoint_newest(reader), Ok(None));
    // The key the root key vouches for; a pinned one proves more, and only an auditor has it.
    let key = if is_signed { trusted_key(reader, settings) } else { None };
    let trust = Trust { key, ..Trust::default() };
    checks.push(match ledger::verify(reader, &trust, &mut |_, _| ()) {
        Ok(report) if report.ok && !is_signed && report.size > 0 => {
            let detail = format!("{} events, and no checkpoint of them", report.size);
            Check::warning("ledger", detail, "holdfast jobs run checkpoint")
        }
        Ok(report) if report.ok => {
            Check::ok("ledger", format!("{} events, {} of them signed", report.size, report.signed_size))
        }
        Ok(report) => {
            let first = report.problems.first().map_or("unknown", |problem| problem.words.as_str());
            let count = report.problems.len() as u64 + report.more;
            Check::problem("ledger", format!("{count} problems; the first: {first}"), verify)
        }
        Err(error) => Check::problem("ledger", error.to_string(), verify),
    });
    let newest = ledger::size(reader).ok().filter(|size| *size > 0);
    let newest = newest.and_then(|size| ledger::event_get(reader, size - 1).ok());
    let Some(newest) = newest else { return };
    checks.push(if now.plus(CLOCK_SLACK) < newest.at {
        let detail = format!("it is {now} here, and the newest event is of {}", newest.at);
        Check::problem("clock", detail, "timedatectl set-ntp true")
    } else {
        Check::ok("clock", now.to_string())
    });
}

fn trusted_key(reader: &Reader<'_>, settings: &Settings) -> Option<[u8; 32]> {
    let stored = PassphraseParameters::stored(reader).ok()?;
    let root = keys::root::load(&Source::from(&settings.keys.source), stored.as_ref()).ok()??;
    let keyring = Keyring::unlock(reader, root, suite(settings)).ok()?;
    Some(keyring.instance().ledger_signer().public_key())
}
