//! All that runs of an organization: in which order, which of it, page by page, and who sees what.

use serde_json::Value;

use crate::runtime::{SHOP, add_cluster, deploy, member, store_blueprint};
use crate::support::app::{Client, TestApp};
use crate::support::browser::Browser;
use crate::support::cli::Shell;

/// The words that environments are given in turn: a third is wrong, a third moves, a third is settled.
const WORDS: &[&str] = &["ready", "failed", "provisioning"];
const ROWS: usize = 24;

/// An environment of `shop` that was deployed, and as many of the same that `fleet` runs elsewhere.
fn fleet(app: &TestApp) -> Client {
    let ada = app.owner();
    ada.create_project("shop");
    ada.create_environment("shop", "dev", None);
    store_blueprint(&ada, "shop/dev", SHOP);
    for name in ["DATABASE_URL", "API_KEY"] {
        ada.set_secret("shop/dev", name, "value");
    }
    add_cluster(&ada, "home");
    deploy(&ada, "shop/dev");
    add_cluster(&ada, "away");
    ada.create_project("fleet");
    for n in 0..ROWS {
        ada.create_environment("fleet", &format!("e-{n:02}"), None);
    }
    let written = app.core.db.write_blocking(|tx| {
        let sql = tx.sql();
        for n in 0..ROWS {
            sql.execute(
                "INSERT INTO runtimes (environment_id, organization_id, cluster_id, namespace, wish, revision, healthy,
                    generation, word, changed_at, changed_by, seen_at, expires_at)
                 SELECT e.id, r.organization_id, (SELECT id FROM clusters WHERE name = 'away'), 'hf-' || e.slug, r.wish,
                    r.revision, r.healthy, r.generation, ?2, r.changed_at, r.changed_by, r.seen_at, r.expires_at
                 FROM runtimes r, environments e
                 WHERE r.environment_id = (SELECT id FROM environments WHERE slug = 'dev') AND e.slug = ?1",
                (format!("e-{n:02}"), WORDS[n % WORDS.len()]),
            )?;
        }
        // Two of three are to run, of which one is ready.
        for (service, wanted, ready) in [("api", 2, 1), ("db", 1, 1), ("worker", 0, 0)] {
            sql.execute(
                "INSERT OR REPLACE INTO runtime_services (environment_id, service, place, wanted, ready, state, message,
                    image, restarts, since)
                 SELECT id, ?1, 0, ?2, ?3, 'ready', '', 'registry.example/x:1', 0, 0 FROM environments WHERE slug = 'e-01'",
                (service, wanted, ready),
            )?;
        }
        Ok::<_, holdfast::db::DbError>(())
    });
    written.expect("the database is writable");
    ada
}

/// The paths of an answer.
fn paths(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().expect("a list").iter();
    items.map(|item| item["environment"]["path"].as_str().expect("a path").to_owned()).collect()
}

/// Environments of `fleet` that were given this word of `WORDS`, in order.
fn given(word: usize) -> Vec<String> {
    (0..ROWS).filter(|n| n % WORDS.len() == word).map(|n| format!("fleet/e-{n:02}")).collect()
}

#[test]
fn what_is_wrong_comes_first_page_by_page() {
    let app = TestApp::start();
    let ada = fleet(&app);
    let whole = paths(&ada.get("/runtimes?limit=500").expect(200));
    let moving = [given(2), vec!["shop/dev".to_owned()]].concat();
    assert_eq!(whole, [given(1), moving, given(0)].concat(), "what was just deployed is queued");
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..=ROWS {
        let page = ada.get(&format!("/runtimes?limit=7{cursor}")).expect(200);
        all.extend(paths(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all, whole, "each once, in the same order");
    let first = ada.get("/runtimes?limit=1").expect(200)["items"][0].clone();
    assert_eq!((&first["environment"]["path"], &first["state"]), (&"fleet/e-01".into(), &"failed".into()));
    assert_eq!((&first["services_ready"], &first["services_wanted"]), (&1.into(), &2.into()), "{first}");
}

#[test]
fn the_list_is_narrowed_by_state_cluster_and_project() {
    let app = TestApp::start();
    let ada = fleet(&app);
    let asked = |query: &str| paths(&ada.get(&format!("/runtimes?{query}")).expect(200));
    assert_eq!(asked("state=wrong"), given(1));
    assert_eq!(asked("state=settled&project=fleet"), given(0));
    assert_eq!(asked("project=shop"), ["shop/dev"]);
    assert_eq!(asked("cluster=home"), ["shop/dev"]);
    assert_eq!(asked("cluster=away&state=moving"), given(2));
    assert!(asked("cluster=home&project=fleet").is_empty());
    assert_eq!(ada.get("/runtimes?cluster=nowhere").expect(404)["code"], "cluster_not_found");
    assert_eq!(ada.get("/runtimes?project=nothing").status, 404);
    for bad in ["state=ready", "cursor=%00", "limit=0", "wrong=1"] {
        assert_eq!(ada.get(&format!("/runtimes?{bad}")).status, 400, "{bad}");
    }
    let shell = Shell::new(&app.base);
    shell.file("token", &ada.token);
    let run = |line: &str| shell.run(&format!("env list {line} --token-file token")).expect(0).to_owned();
    let wrong = run("--state wrong");
    assert!(wrong.contains("fleet/e-01\tfailed\taway\t1\t1/2\t"), "{wrong}");
    assert!(!wrong.contains("e-00") && !wrong.contains("shop/dev"), "{wrong}");
    let here = run("-p shop --cluster home");
    assert!(here.contains("shop/dev") && !here.contains("fleet"), "{here}");
}

#[test]
fn what_may_not_be_seen_is_not_listed() {
    let app = TestApp::start();
    let ada = fleet(&app);
    let grace = member(&app, "grace@example.com", "viewer");
    assert_eq!(paths(&grace.get("/runtimes?limit=500").expect(200)).len(), ROWS + 1);
    let ci = app.service_account("ci", "developer", "shop/dev");
    assert_eq!(paths(&ci.get("/runtimes").expect(200)), ["shop/dev"]);
    assert_eq!(paths(&ci.get("/runtimes?cluster=home&state=moving").expect(200)), ["shop/dev"]);
    assert!(paths(&ci.get("/runtimes?cluster=home&state=wrong").expect(200)).is_empty());
    assert_eq!(ci.get("/runtimes?cluster=away").status, 404, "it sees nothing there, so the name is not told");
    assert_eq!(ci.get("/runtimes?project=fleet").status, 404);
    let eve = app.second_organization();
    assert!(paths(&eve.get("/runtimes").expect(200)).is_empty());
    for query in ["project=fleet", "cluster=home"] {
        assert_eq!(eve.get(&format!("/runtimes?{query}")).status, 404, "{query}");
    }
    drop(ada);
}

#[test]
fn the_page_tells_the_same_and_home_leads_to_what_is_wrong() {
    let app = TestApp::start();
    let page = |browser: &Browser, path: &str| {
        let answer = browser.raw("GET", path, &[("accept", "text/html")], b"");
        assert_eq!(answer.status, 200, "{path}");
        answer.text().to_owned()
    };
    let empty = {
        let _ada = app.owner();
        let browser = Browser::signed_in(&app, "ada@example.com");
        assert!(!page(&browser, "/").contains("need a look"));
        page(&browser, "/running")
    };
    assert!(empty.contains("Nothing runs") && empty.contains("holdfast env up"), "{empty}");
    let _ada = fleet(&app);
    let browser = Browser::signed_in(&app, "ada@example.com");
    let home = page(&browser, "/");
    assert!(home.contains("href=\"/running?state=wrong\">8 environments need a look<"), "{home}");
    let wrong = page(&browser, "/running?state=wrong");
    assert!(wrong.contains("/projects/fleet/environments/e-01/services") && wrong.contains("1 of 2"), "{wrong}");
    assert!(!wrong.contains("/projects/fleet/environments/e-00/services"), "{wrong}");
    assert!(page(&browser, "/running?state=wrong&project=shop").contains("Nothing that runs matches."));
}
