//! Schema changes: each is applied to data of the version before it, and none is edited once it is there.

use holdfast::db::{Db, DbError};
use refinery::{Migration, Runner, Target};
use ring::digest::{SHA256, digest};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/migrations");
const SUMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/migrations.sha256");

/// A row for every table, by the version that makes the table: what an appliance of that version could hold.
const ROWS: &[(u32, &str, &str)] = &[
    (1, "instance", "(one, id, created_at) VALUES (1, zeroblob(16), 7)"),
    (2, "root_keys", "(version, fingerprint, key_check, created_at) VALUES (1, zeroblob(8), zeroblob(32), 7)"),
    (2, "root_passphrase", "VALUES (1, zeroblob(16), 2, 19456, 1)"),
    (
        2,
        "encryption_keys",
        "(owner, version, kind, fingerprint, created_at) VALUES (zeroblob(16), 1, 'instance', zeroblob(8), 7)",
    ),
    (2, "wrapped_keys", "VALUES (zeroblob(16), 1, 1, X'01')"),
    (2, "mac_keys", "VALUES (zeroblob(16), 1, 1, X'01', 7)"),
    (2, "ledger_keys", "(version, public, sealed, created_at) VALUES (1, zeroblob(32), X'01', 7)"),
    (2, "recovery_keys", "(version, public, created_at) VALUES (1, zeroblob(32), 7)"),
    (2, "recovery_seals", "VALUES (1, 1, X'01')"),
    (
        3,
        "ledger_events",
        "(seq, at, outcome, action, actor, leaf_hash, record) VALUES (0, 7, 1, 'a', 'system', zeroblob(32), X'01')",
    ),
    (3, "ledger_personal", "(seq, salt, content) VALUES (0, zeroblob(16), X'01')"),
    (3, "ledger_nodes", "VALUES (1, 0, zeroblob(32))"),
    (3, "ledger_blocks", "VALUES (0, 7, 7, X'01')"),
    (3, "ledger_checkpoints", "VALUES (1, 1, zeroblob(32), 7, 'note')"),
    (3, "ledger_restores", "VALUES (2, 0)"),
    (4, "organizations", "(id, slug, name, created_at, updated_at) VALUES (X'10000000000000000000000000000001', 'acme', 'Acme', 7, 7)"),
    (
        4,
        "deletions",
        "(id, organization_id, kind, target_id, name, deleted_at, restorable_until, deleted_by) VALUES
         (X'20000000000000000000000000000001', X'10000000000000000000000000000001', 'project', zeroblob(16), 'old', 7, 9, 'system')",
    ),
    (
        5,
        "users",
        "(id, email, email_canonical, name, created_at) VALUES
         (X'30000000000000000000000000000001', 'Ada@example.com', 'ada@example.com', 'Ada', 7)",
    ),
    (5, "members", "VALUES (X'10000000000000000000000000000001', X'30000000000000000000000000000001', 7)"),
    (
        6,
        "projects",
        "(id, organization_id, slug, name, description, created_at, updated_at) VALUES
         (X'40000000000000000000000000000001', X'10000000000000000000000000000001', 'shop', 'Shop', '', 7, 7)",
    ),
    (
        7,
        "environments",
        "(id, organization_id, project_id, slug, name, description, tier, protected, flow, any_names, created_at,
          updated_at) VALUES
         (X'50000000000000000000000000000001', X'10000000000000000000000000000001', X'40000000000000000000000000000001',
          'staging', 'Staging', '', 'staging', 0, 'tree', 0, 7, 7)",
    ),
    (7, "environment_flows", "VALUES (X'50000000000000000000000000000001', X'50000000000000000000000000000001')"),
    (7, "folders", "VALUES (X'60000000000000000000000000000001', X'50000000000000000000000000000001', '/api', 7)"),
    (
        8,
        "service_accounts",
        "(id, organization_id, name, node_kind, node_id, created_at, created_by) VALUES
         (X'70000000000000000000000000000001', X'10000000000000000000000000000001', 'ci', 'organization',
          X'10000000000000000000000000000001', 7, 'system')",
    ),
    (
        9,
        "grants",
        "VALUES (X'80000000000000000000000000000001', X'10000000000000000000000000000001', 'user',
                 X'30000000000000000000000000000001', 'owner', 'organization', X'10000000000000000000000000000001', 7, 'system')",
    ),
    (
        10,
        "credentials",
        "(id, public_id, organization_id, kind, owner_kind, owner_id, name, hash, created_at) VALUES
         (X'90000000000000000000000000000001', 'public', X'10000000000000000000000000000001', 'pat', 'user',
          X'30000000000000000000000000000001', 'laptop', X'01', 7)",
    ),
    (10, "credential_uses", "VALUES (X'90000000000000000000000000000001', 7, '127.0.0.1')"),
    (
        11,
        "secrets",
        "VALUES (X'A0000000000000000000000000000001', X'10000000000000000000000000000001',
                 X'50000000000000000000000000000001', '/', 'NAME', 1, 7)",
    ),
    (
        11,
        "secret_versions",
        "VALUES (X'A0000000000000000000000000000001', 1, 'set', 'masked', 1, X'01', X'01', '', '', 7, 'system')",
    ),
    (
        11,
        "secret_references",
        "VALUES (X'A0000000000000000000000000000001', X'50000000000000000000000000000001', 1, '/', 'OTHER')",
    ),
    (11, "secret_uses", "VALUES (X'A0000000000000000000000000000001', 7, 'system')"),
    (
        51,
        "approval_rules",
        "VALUES (X'C1000000000000000000000000000001', X'10000000000000000000000000000001',
                 X'50000000000000000000000000000001', '/', 'write,reveal', 2, 60, 7, 'system')",
    ),
    (
        51,
        "approval_requests",
        "(id, organization_id, environment_id, kind, requester_kind, requester_id, credential_id, force, approvals, digest,
          created_at, expires_at, state) VALUES
         (X'C2000000000000000000000000000001', X'10000000000000000000000000000001',
          X'50000000000000000000000000000001', 'change', 'user', X'30000000000000000000000000000001',
          X'90000000000000000000000000000001', 0, 2, X'01', 7, 9, 'open')",
    ),
    (
        51,
        "approval_items",
        "VALUES (X'C2000000000000000000000000000001', 0, X'A0000000000000000000000000000001', '/', 'NAME', 'change', 1,
                 'masked', 1, '', '', X'01', X'01')",
    ),
    (
        51,
        "approval_notes",
        "VALUES (X'C2000000000000000000000000000001', 8, X'30000000000000000000000000000001', 'approve', 'yes')",
    ),
    (
        52,
        "approval_acts",
        "VALUES (X'C2000000000000000000000000000001', 'save', 'night', 'pol@1', 1, '{}', '+ a line')",
    ),
    (
        52,
        "approval_organization_rules",
        "VALUES (X'C3000000000000000000000000000001', X'10000000000000000000000000000001', 'policy', 2, 60, 7, 'system')",
    ),
    (
        50,
        "links",
        "(id, organization_id, created_by, note, ciphertext, size, proof, passphrase, views, views_left, tries_left,
          created_at, expires_at) VALUES
         (X'C0000000000000000000000000000001', X'10000000000000000000000000000001',
          X'30000000000000000000000000000001', 'for Eve', X'01', 1, zeroblob(32), 0, 1, 1, 10, 7, 9)",
    ),
    (
        29,
        "personal_overrides",
        "VALUES (X'C0000000000000000000000000000001', X'10000000000000000000000000000001',
                 X'50000000000000000000000000000001', X'30000000000000000000000000000001', '/', 'NAME', 1, 1, X'01', 7, 7)",
    ),
    (
        61,
        "sign_ins",
        "VALUES (X'90000000000000000000000000000001', X'30000000000000000000000000000001', 'a browser', '127.0.0.1', 1)",
    ),
    (62, "authenticators", "VALUES (X'30000000000000000000000000000001', X'01', 7, 8, 0)"),
    (62, "recovery_codes", "VALUES (X'30000000000000000000000000000001', zeroblob(32))"),
    (64, "sign_in_tries", "VALUES (zeroblob(32), 3, 7, 7)"),
    (
        65,
        "device_logins",
        "VALUES ('public', zeroblob(32), zeroblob(32), 'holdfast', '127.0.0.1', 7, 9, NULL, 0,
                 X'90000000000000000000000000000001', X'10000000000000000000000000000001')",
    ),
    (64, "sign_in_places", "VALUES (zeroblob(32), 7)"),
    (
        91,
        "refresh_tokens",
        "VALUES (X'90000000000000000000000000000001', 'newest', zeroblob(32), 7, 'spent', zeroblob(32))",
    ),
    (93, "told", "VALUES (1, 7)"),
    (108, "known_devices", "VALUES (X'30000000000000000000000000000001', zeroblob(32), 7)"),
    (
        92,
        "passkeys",
        "VALUES (X'F1000000000000000000000000000001', X'30000000000000000000000000000001', NULL, X'01', 'Laptop', X'01', 7, 8)",
    ),
    (30, "secret_expiries", "VALUES (X'A0000000000000000000000000000001', 9, 'system', 'nothing')"),
    (80, "password_resets", "VALUES (X'30000000000000000000000000000001', 'public', zeroblob(32), 7, 9)"),
    (
        103,
        "email_changes",
        "(user_id, email, only_verifies, new_public_id, new_hash, created_at, expires_at) VALUES
         (X'30000000000000000000000000000001', 'Ada@example.com', 1, 'public', zeroblob(32), 7, 9)",
    ),
    (
        81,
        "invitations",
        "(id, organization_id, email, teams, mailed, public_id, hash, invited_by_kind, invited_by, credential_id,
          created_at, expires_at) VALUES
         (X'F0000000000000000000000000000001', X'10000000000000000000000000000001', 'eve@example.com', '', 1, 'public',
          zeroblob(32), 'user', X'30000000000000000000000000000001', X'90000000000000000000000000000001', 7, 9)",
    ),
    (12, "idempotency", "VALUES (X'90000000000000000000000000000001', 'key', X'01', 201, '{}', 7)"),
    (13, "jobs", "(name, schedule, next_run_at) VALUES ('tidy', '* * * * *', 7)"),
    (13, "job_runs", "(id, name, started_at, detail) VALUES (X'B0000000000000000000000000000001', 'tidy', 7, '')"),
    (14, "setup_token", "VALUES (1, 'public', X'01', 7)"),
    (21, "key_holds", "VALUES (zeroblob(16), 1, 'backup', NULL)"),
    (
        22,
        "key_rotations",
        "(organization_id, to_version, state, total, started_at, started_by, updated_at) VALUES
         (X'10000000000000000000000000000001', 2, 'running', 1, 7, 'system', 7)",
    ),
    (25, "environment_places", "VALUES (X'50000000000000000000000000000001', 9, NULL)"),
    (26, "moments", "VALUES (X'10000000000000000000000000000001', 10, 7, 9223372036854775807)"),
    (
        40,
        "roles",
        "VALUES (X'C0000000000000000000000000000001', X'10000000000000000000000000000001', 'readers', '', 'secret.list', 1,
                 7, 'system', 7)",
    ),
    (
        41,
        "teams",
        "VALUES (X'D0000000000000000000000000000001', X'10000000000000000000000000000001', 'web', '', 7, 'system')",
    ),
    (
        41,
        "team_members",
        "VALUES (X'D0000000000000000000000000000001', 'user', X'30000000000000000000000000000001',
                 X'10000000000000000000000000000001', 7, 'system')",
    ),
    (
        43,
        "policies",
        "VALUES (X'E0000000000000000000000000000001', X'10000000000000000000000000000001', 'night', 1, 7, 'system')",
    ),
    (
        43,
        "policy_versions",
        "VALUES (X'E0000000000000000000000000000001', 1, 'observe', '', 'forbid (principal, action, resource);', '[]',
                 7, 'system')",
    ),
    (
        120,
        "blueprint_versions",
        "VALUES (X'50000000000000000000000000000001', 1, 'name: shop', zeroblob(32), '', 7, 'system')",
    ),
    (
        110,
        "clusters",
        "(id, organization_id, name, kind, server, authority, credential_number, sealed, state, state_since, created_at,
          created_by) VALUES
         (X'C1000000000000000000000000000001', X'10000000000000000000000000000001', 'home', 'remote', 'https://127.0.0.1:1',
          '', 1, X'01', 'untested', 7, 7, 'system')",
    ),
    (110, "cluster_uses", "VALUES (X'C1000000000000000000000000000001', X'50000000000000000000000000000001', 7)"),
    (
        130,
        "runtimes",
        "VALUES (X'50000000000000000000000000000001', X'10000000000000000000000000000001',
          X'C1000000000000000000000000000001', 'hf-shop-staging-aaaaaaaa', 'running', 1, 1, 1, 'ready', 7, 'system', 7,
          NULL)",
    ),
    (
        130,
        "runtime_revisions",
        "VALUES (X'50000000000000000000000000000001', 1, 1, NULL, '[]', '{}', '{}', 'stay', 'healthy', '', 'system', 7, 7)",
    ),
    (
        130,
        "runtime_conditions",
        "VALUES (X'50000000000000000000000000000001', 'Accepted', 'true', 'Accepted', '', 1, 7)",
    ),
    (
        130,
        "runtime_services",
        "VALUES (X'50000000000000000000000000000001', 'api', 0, 1, 1, 'ready', '', 'api:1', 0, 7)",
    ),
    (
        130,
        "runtime_objects",
        "VALUES (X'50000000000000000000000000000001', 'Service', 'api', X'01', X'02')",
    ),
    (140, "quotas", "VALUES (X'10000000000000000000000000000001', 0, 'cpu', 4000)"),
    (140, "environment_quotas", "VALUES (X'50000000000000000000000000000001', 'cpu', NULL)"),
    (140, "prices", "VALUES (X'10000000000000000000000000000001', 'EUR', 30000, 4000, 100000, 7, 'system')"),
    (140, "runtime_demands", "VALUES (X'50000000000000000000000000000001', 10, 50, 1000, 512, 1, 1, 1)"),
    (141, "runtime_ends", "VALUES (X'50000000000000000000000000000001', 7, NULL)"),
];

/// The migrations as they stand in the source, in their order.
fn migrations() -> Vec<Migration> {
    let mut files: Vec<_> = fs::read_dir(FOLDER)
        .expect("the folder of migrations")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("text");
            let sql = fs::read_to_string(path).expect("readable");
            Migration::unapplied(name, &sql).unwrap_or_else(|error| panic!("{name}: {error}"))
        })
        .collect()
}

/// Brings a database of an earlier version to `version`, as the binary of then did.
fn migrate(sql: &mut Connection, version: u32) {
    let runner = Runner::new(&migrations()).set_target(Target::Version(version.try_into().expect("small")));
    runner.run(sql).unwrap_or_else(|error| panic!("to version {version}: {error}"));
}

/// Puts in the rows of the tables that `version` made.
fn fill(sql: &Connection, version: u32) {
    sql.execute_batch("PRAGMA foreign_keys = ON").expect("known to SQLite");
    for (_, table, row) in ROWS.iter().filter(|(of, ..)| *of == version) {
        sql.execute(&format!("INSERT INTO {table} {row}"), []).unwrap_or_else(|error| panic!("{table}: {error}"));
    }
}

/// Every row of every table of ours: its columns by name.
type Rows = BTreeMap<String, Vec<BTreeMap<String, String>>>;

fn rows(sql: &Connection) -> Rows {
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                  AND name <> 'refinery_schema_history' ORDER BY name";
    let mut statement = sql.prepare(tables).expect("the schema");
    let tables = statement.query_map([], |row| row.get::<_, String>(0)).expect("the schema");
    tables.map(|table| table.expect("a name")).map(|table| (table.clone(), rows_of(sql, &table))).collect()
}

fn rows_of(sql: &Connection, table: &str) -> Vec<BTreeMap<String, String>> {
    let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).expect("a table");
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        names.iter().enumerate().map(|(at, name)| Ok((name.clone(), format!("{:?}", row.get_ref(at)?)))).collect()
    });
    rows.expect("its rows").map(|row| row.expect("a row")).collect()
}

/// Panics unless `after` has every row of `before` with at least its columns and their values.
fn survived(before: &Rows, after: &Rows) {
    for (table, rows) in before {
        let now = after.get(table).unwrap_or_else(|| panic!("the table {table} is gone: say here where its rows went"));
        assert_eq!(rows.len(), now.len(), "rows of {table}");
        for (row, now) in rows.iter().zip(now) {
            for (column, value) in row {
                assert_eq!(now.get(column), Some(value), "{table}.{column}");
            }
        }
    }
}

fn open_newest(path: &Path) -> Result<(), DbError> {
    Db::open(path).map(|db| db.close())
}

#[test]
fn data_of_every_version_survives_to_the_newest() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // One database grows from version to version; a copy of each goes to the newest at once.
    let growing = dir.path().join("growing.db");
    let mut sql = Connection::open(&growing).expect("a new database");
    sql.execute_batch("PRAGMA synchronous = OFF").expect("known to SQLite");
    let versions: BTreeSet<_> = migrations().iter().map(|m| u32::try_from(m.version()).expect("small")).collect();
    for version in versions {
        migrate(&mut sql, version);
        fill(&sql, version);
        let path = dir.path().join(format!("{version}.db"));
        fs::copy(&growing, &path).expect("a copy");
        let before = rows(&sql);
        open_newest(&path).unwrap_or_else(|error| panic!("from version {version}: {error}"));
        let opened = Connection::open(&path).expect("the database");
        survived(&before, &rows(&opened));
        let found: u32 = opened
            .query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
            .expect("the history");
        assert_eq!(found, Db::schema_version());
        let broken: u32 =
            opened.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).expect("a count");
        assert_eq!(broken, 0, "rows that refer to nothing, from version {version}");
    }
}

#[test]
fn versions_of_before_are_placed_at_the_write_that_was_recorded_before_them() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("placed.db");
    let mut sql = Connection::open(&path).expect("a new database");
    for step in 1..=16 {
        migrate(&mut sql, step);
        fill(&sql, step);
    }
    // A write at 7 is version 1; a read; a write at 20; and one after the clock was set back to 9.
    for (seq, at, action) in
        [(1, 7, "secret.write"), (2, 8, "secret.use"), (3, 20, "secret.write"), (4, 9, "secret.write")]
    {
        let event = "INSERT INTO ledger_events (seq, at, outcome, organization, action, actor, leaf_hash)
                     VALUES (?1, ?2, 0, X'10000000000000000000000000000001', ?3, 'system', zeroblob(32))";
        sql.execute(event, (seq, at, action)).expect("an event");
    }
    for (version, at) in [(2, 21), (3, 9)] {
        let row = "INSERT INTO secret_versions VALUES
            (X'A0000000000000000000000000000001', ?1, 'set', 'masked', 1, X'01', X'01', '', '', ?2, 'system')";
        sql.execute(row, (version, at)).expect("a version");
    }
    drop(sql);
    open_newest(&path).expect("to the newest");
    let sql = Connection::open(&path).expect("the database");
    let all = |query: &str| {
        let mut statement = sql.prepare(query).expect("a query");
        let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).expect("its rows");
        rows.collect::<Result<Vec<[i64; 3]>, _>>().expect("numbers")
    };
    let versions = all("SELECT version, created_at, seq FROM secret_versions ORDER BY version");
    assert_eq!(versions, [[1, 7, 1], [2, 21, 3], [3, 9, 4]]);
    let moments = all("SELECT seq, at, until FROM moments ORDER BY seq");
    assert_eq!(moments, [[0, 7, 7], [1, 7, 9], [3, 21, 9], [4, 9, i64::MAX]]);
}

#[test]
fn every_table_has_a_row_in_this_test() {
    let mut sql = Connection::open_in_memory().expect("memory");
    migrate(&mut sql, Db::schema_version());
    let tables: BTreeSet<String> = rows(&sql).into_keys().collect();
    let told: BTreeSet<String> = ROWS.iter().map(|(_, table, _)| (*table).to_owned()).collect();
    assert_eq!(tables, told, "a new table needs a row in ROWS, so that later versions are tested with data in it");
}

#[test]
fn a_migration_that_was_edited_after_it_was_applied_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("edited.db");
    let mut sql = Connection::open(&path).expect("a new database");
    migrate(&mut sql, 3);
    sql.execute("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 2", []).expect("the history");
    drop(sql);
    let error = open_newest(&path).err().map(|error| error.code());
    assert_eq!(error, Some("migration_failed"));
}

#[test]
fn no_migration_is_edited_once_it_is_there() {
    let known = fs::read_to_string(SUMS).expect("the checksums");
    let mut now = Vec::new();
    for migration in migrations() {
        let name = format!("V{:04}__{}.sql", migration.version(), migration.name());
        let bytes = fs::read(Path::new(FOLDER).join(&name)).expect("readable");
        let sum = data_encoding::HEXLOWER.encode(digest(&SHA256, &bytes).as_ref());
        now.push(format!("{sum}  {name}"));
    }
    let edited: Vec<_> = known.lines().filter(|line| !now.iter().any(|is| is == line)).collect();
    assert!(edited.is_empty(), "edited or removed: {edited:#?}\nput it back, and write a new migration");
    let new: Vec<_> = now.iter().filter(|line| !known.lines().any(|was| was == line.as_str())).cloned().collect();
    assert!(new.is_empty(), "new: add these lines to {SUMS}\n{}", new.join("\n"));
}
