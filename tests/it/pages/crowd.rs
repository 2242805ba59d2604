//! Pages of an organization that has a thousand of everything, or as many as there may be: each answers, stays of a size a
//! browser shows at once, and leads on to the rest.

use holdfast::db::DbError;
use rusqlite::Connection;
use serde_json::json;

use super::plain::ask;
use super::world::World;
use crate::support::app::{Client, TestApp, at};
use crate::support::browser::Browser;

/// Most bytes of a page, unpacked.
const BYTES_MAX: usize = 1_600_000;
const STAGING: &str = "/projects/shop/environments/staging";

/// That many rows to copy for, as `n.i` from 1.
fn times(rows: u32) -> String {
    format!("(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n)")
}

/// Copies the first row `of` a table for each row of `n`, with these columns changed.
fn copy(sql: &Connection, table: &str, of: &str, n: &str, changed: &[(&str, &str)]) -> Result<(), DbError> {
    let mut statement = sql.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
    let columns = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    let value = |column: &String| {
        let changed = changed.iter().find(|(name, _)| name == column).map(|(_, value)| (*value).to_owned());
        changed.unwrap_or_else(|| format!("o.\"{column}\""))
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    let statement = format!(
        "INSERT INTO {table} (\"{}\") SELECT {} FROM (SELECT * FROM {table} WHERE {of} LIMIT 1) o, {n} n",
        columns.join("\", \""),
        values.join(", ")
    );
    assert!(sql.execute(&statement, ())? > 0, "nothing to copy: {statement}");
    Ok(())
}

const ID: (&str, &str) = ("id", "randomblob(16)");

fn people(sql: &Connection) -> Result<(), DbError> {
    let named = |email| format!("(SELECT id FROM users WHERE email LIKE '{email}')");
    let (grace, crowd) = (named("grace@%"), named("u0%"));
    let address = "printf('u%04d@example.com', n.i)";
    let changed = [ID, ("email", address), ("email_canonical", address), ("password_hash", "NULL")];
    copy(sql, "users", "email LIKE 'grace@%'", &times(1_000), &changed)?;
    copy(sql, "members", &format!("user_id = {grace}"), &crowd, &[("user_id", "n.id")])?;
    copy(sql, "grants", &format!("principal_id = {grace}"), &crowd, &[ID, ("principal_id", "n.id")])?;
    copy(sql, "service_accounts", "name = 'ci'", &times(1_000), &[ID, ("name", "printf('ci-%04d', n.i)")])?;
    let key = |letter: &str| format!("printf('{letter}%05d', n.i)");
    copy(sql, "credentials", "kind = 'pat'", &times(990), &[ID, ("public_id", &key("p"))])?;
    copy(sql, "credentials", "kind = 'sa'", &times(1_000), &[ID, ("public_id", &key("k"))])?;
    let of = format!("kind = 'cli' AND owner_id = {grace}");
    copy(sql, "credentials", &of, &times(600), &[ID, ("public_id", &key("s"))])?;
    let signed_in = "(SELECT id FROM credentials WHERE public_id LIKE 's0____')";
    copy(sql, "sign_ins", &format!("user_id = {grace}"), signed_in, &[("credential_id", "n.id")])?;
    let changed = [ID, ("public_id", &key("i")), ("email", "printf('i%04d@example.com', n.i)")];
    copy(sql, "invitations", "TRUE", &times(999), &changed)?;
    copy(sql, "roles", "name = 'release-manager'", &times(190), &[ID, ("name", "printf('r-%04d', n.i)")])?;
    copy(sql, "teams", "name = 'web'", &times(490), &[ID, ("name", "printf('t-%04d', n.i)")])?;
    let teams = "(SELECT id FROM teams WHERE name LIKE 't-%')";
    copy(sql, "team_members", "member_kind = 'user'", teams, &[("team_id", "n.id")])?;
    let some = format!("(SELECT id FROM {crowd} LIMIT 400)");
    copy(sql, "team_members", "member_kind = 'user'", &some, &[("member_id", "n.id")])
}

fn organizations(sql: &Connection) -> Result<(), DbError> {
    copy(sql, "organizations", "slug = 'acme'", &times(400), &[ID, ("slug", "printf('o-%04d', n.i)")])?;
    let ada = "(SELECT id FROM users WHERE email LIKE 'ada@%')";
    let others = "(SELECT id FROM organizations WHERE slug LIKE 'o-%')";
    copy(sql, "members", &format!("user_id = {ada}"), others, &[("organization_id", "n.id")])
}

fn places(sql: &Connection) -> Result<(), DbError> {
    copy(sql, "projects", "slug = 'billing'", &times(1_000), &[ID, ("slug", "printf('p-%04d', n.i)")])?;
    copy(sql, "environments", "slug = 'pr-212'", &times(950), &[ID, ("slug", "printf('e-%04d', n.i)")])?;
    let crowd = "(SELECT id, slug FROM environments WHERE slug LIKE 'e-%')";
    copy(
        sql,
        "environment_places",
        "environment_id = (SELECT id FROM environments WHERE slug = 'pr-212')",
        crowd,
        &[("environment_id", "n.id")],
    )?;
    let some = format!("(SELECT * FROM {crowd} LIMIT 490)");
    copy(sql, "runtimes", "TRUE", &some, &[("environment_id", "n.id"), ("namespace", "'hf-' || n.slug")])?;
    copy(sql, "runtime_revisions", "TRUE", &times(49), &[("revision", "n.i + 10"), ("state", "'superseded'")])?;
    copy(sql, "blueprint_versions", "version = 2", &times(197), &[("version", "n.i + 2")])?;
    copy(sql, "clusters", "name = 'helsinki'", &times(48), &[ID, ("name", "printf('c-%04d', n.i)")])?;
    copy(sql, "folders", "path = '/empty'", &times(1_000), &[ID, ("path", "printf('/f%04d', n.i)")])?;
    copy(sql, "deletions", "kind = 'project'", &times(1_000), &[ID, ("name", "printf('gone-%04d', n.i)")])?;
    copy(sql, "links", "ended = 'revoked'", &times(990), &[ID])?;
    let run = [ID, ("started_at", "o.started_at + n.i")];
    copy(sql, "job_runs", "name = 'checkpoint'", &times(1_000), &run)?;
    let ended = [ID, ("digest", "randomblob(32)"), ("state", "'withdrawn'"), ("ended_at", "o.created_at")];
    copy(sql, "approval_requests", "state = 'open'", &times(1_000), &ended)?;
    let requests = "(SELECT id FROM approval_requests WHERE state = 'withdrawn')";
    copy(sql, "approval_items", "TRUE", requests, &[("request_id", "n.id")])
}

fn values(sql: &Connection) -> Result<(), DbError> {
    let of = "name = 'DATABASE_URL' AND environment_id = (SELECT id FROM environments WHERE slug = 'staging')";
    copy(sql, "secrets", of, &times(1_000), &[ID, ("name", "printf('MANY_%04d', n.i)")])?;
    let crowd = "(SELECT id, version FROM secrets WHERE name LIKE 'MANY%')";
    let of = format!("secret_id = (SELECT id FROM secrets WHERE {of})");
    let newest = format!("{of} AND version = 2");
    copy(sql, "secret_versions", &newest, crowd, &[("secret_id", "n.id")])?;
    copy(sql, "secret_references", &of, crowd, &[("secret_id", "n.id")])?;
    copy(sql, "secret_expiries", "TRUE", crowd, &[("secret_id", "n.id")])
}

fn governed(sql: &Connection) -> Result<(), DbError> {
    copy(sql, "policies", "name = 'night'", &times(190), &[ID, ("name", "printf('y-%04d', n.i)")])?;
    let of = "policy_id = (SELECT id FROM policies WHERE name = 'night')";
    let crowd = "(SELECT id FROM policies WHERE name LIKE 'y-%')";
    copy(sql, "policy_versions", of, crowd, &[("policy_id", "n.id")])?;
    copy(sql, "policy_versions", of, &times(199), &[("version", "n.i + 1")])?;
    sql.execute("UPDATE policies SET version = 200 WHERE name = 'night'", ())?;
    Ok(())
}

fn fill(app: &TestApp, part: fn(&Connection) -> Result<(), DbError>) {
    app.core.db.write_blocking(move |tx| part(tx.sql())).expect("rows as the tables take them");
}

/// The crowd, and what only the appliance itself can write.
fn crowded(app: &TestApp, owner: &Client) {
    owner.post("/invitations", json!({ "email": "first@example.com", "link": true })).expect(201);
    owner.post(&format!("{}/folders", at("shop/staging")), json!({ "path": "/empty" })).expect(201);
    for part in [people, places, values] {
        fill(app, part);
    }
    // What is remembered of before is void with the next change of rights, and of a value.
    owner.create_environment("billing", "later", None);
    owner.set_secret("shop/staging", "LAST", "value");
    for _ in 0..130 {
        owner.get(&format!("{}/secrets/REDIS_URL?reveal=true", at("shop/staging"))).expect(200);
    }
}

/// Where the list of a page goes on.
fn next(page: &str) -> Option<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let found = links.filter(|href| href.contains("cursor=")).last()?;
    Some(found.replace("&amp;", "&").replace("&#38;", "&"))
}

/// Asks for a page, and for the one after it where it `goes_on`; what is wrong with either.
fn look(app: &TestApp, token: &str, path: &str, goes_on: bool) -> Option<String> {
    let answer = ask(app, "GET", path, token, &[], "");
    let (status, bytes) = (answer.status, answer.body.len());
    if status != 200 || bytes > BYTES_MAX {
        return Some(format!("{path}: {status}, {bytes} bytes"));
    }
    match next(answer.text()) {
        None if goes_on => Some(format!("{path}: no way on")),
        Some(more) if goes_on => {
            let second = ask(app, "GET", &more, token, &[], "");
            let is_another = next(second.text()).is_none_or(|then| then != more);
            let fits = second.status == 200 && second.body.len() <= BYTES_MAX && is_another;
            (!fits).then(|| format!("{more}: {}, {} bytes", second.status, second.body.len()))
        }
        _ => None,
    }
}

/// What is beyond the first rows is found, and counted as it is.
fn beyond(app: &TestApp, world: &World) {
    let page = |path: &str| ask(app, "GET", path, &world.owner.token, &[], "").text().to_owned();
    let last = page("/projects/p-0999");
    assert!(last.contains("href=\"/projects/p-0999\" aria-current=\"page\""), "the rail has the project one is in");
    assert!(last.contains("All projects"), "and a way to the others");
    let late = page("/projects/shop/environments/e-0900");
    assert!(
        late.contains("e-0900\" data-tier=\"preview\" aria-current=\"page\"") && late.contains(" more</"),
        "{late}"
    );
    assert!(page("/search?q=p-0999").contains("href=\"/projects/p-0999\""));
    assert!(page("/search?q=shop/e-0900").contains("href=\"/projects/shop/environments/e-0900\""));
    let people = page("/access/people?project=shop");
    assert!(people.contains("staging") && people.contains("production"), "{people}");
    // Counted as they are, not as they are shown.
    let browser = Browser::signed_in(app, "ada@example.com");
    let settings = browser.raw("GET", "/organization", &[("accept", "text/html")], b"");
    let (_, toll) = settings.text().split_once("<p>Deletes ").expect("what goes with it");
    assert!(toll.starts_with("1,002 projects with"), "{}", &toll[..80]);
    fill(app, organizations);
    world.owner.create_environment("billing", "last", None);
    let organizations = browser.raw("GET", "/instance/organizations", &[("accept", "text/html")], b"");
    assert_eq!(organizations.text().matches("action=\"/switch\"").count(), 401, "the menu, and one for each other");
    assert!(organizations.text().contains("All of them"));
}

#[test]
fn every_list_of_a_thousand_is_a_page_that_leads_on() {
    let app = TestApp::start();
    let world = World::build(&app);
    crowded(&app, &world.owner);
    let (owner, viewer) = (world.owner.token.as_str(), world.viewer.token.as_str());
    let child = "/projects/shop/environments/feat-checkout";
    let paged = [
        "/",
        "/members",
        "/grants",
        "/access/review",
        "/machines",
        "/machines/ci",
        "/running",
        "/links",
        "/invite",
        "/deleted",
        "/approvals?state=all",
        "/audit",
        "/account/tokens",
        "/instance/users",
        "/jobs/checkpoint",
        "/access",
        "/expiring?days=3650",
        &format!("{STAGING}/folders"),
        &format!("{STAGING}/secrets/REDIS_URL/reads"),
    ];
    let whole = [
        "/projects/shop",
        "/projects/shop/compare",
        "/projects/shop/new-environment",
        STAGING,
        "/teams",
        "/teams/web",
        "/roles",
        "/access/people?project=shop",
        "/access/unused",
        "/clusters",
        "/account/notices",
        "/jobs",
        "/organization",
        "/organization/transfer",
        "/instance/organizations",
        "/search?q=e-",
        "/stale?days=1",
        &format!("{STAGING}/blueprint/versions"),
        &format!("{child}/services"),
        &format!("{STAGING}/secrets/DATABASE_PASSWORD/uses"),
        &format!("{STAGING}/duplicate"),
        &format!("{STAGING}/access"),
        &format!("{child}/move"),
        "/projects/shop/environments/e-0900",
    ];
    let mut wrong: Vec<_> = paged.iter().filter_map(|path| look(&app, owner, path, true)).collect();
    wrong.extend(whole.iter().filter_map(|path| look(&app, owner, path, false)));
    wrong.extend(["/account/sessions", "/", STAGING].iter().filter_map(|path| look(&app, viewer, path, false)));
    assert!(wrong.is_empty(), "{wrong:#?}");

    beyond(&app, &world);
    fill(&app, governed);
    world.owner.create_environment("billing", "governed", None);
    let policies = ["/policies", "/policies/night", "/policies/night/versions"];
    let wrong: Vec<_> = policies.iter().filter_map(|path| look(&app, owner, path, false)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
