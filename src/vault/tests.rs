//! What the operations promise beyond the resolver: rights, records, plans and what is hidden.

use super::model::Origin;
use super::secret::{
    BatchRequest, Item, ListSecrets, PlannedAction, ReadSecret, Wish, secret_batch, secret_get, secret_list,
    secret_search,
};
use super::uses::Uses;
use super::variables::{Etags, ReadVariables, Variables, variables};
use super::{VaultError, impact};
use crate::ledger::Outcome;
use crate::op::Op;
use crate::orgs::environment::{self, EnvironmentUpdate, FlowWish};
use crate::orgs::testing::{World, code};
use crate::policy::BuiltinRole;
use crate::types::{Limit, SecretBytes};

fn set(name: &str, value: &str) -> Item {
    Item {
        name: name.into(),
        path: None,
        wish: Wish::Set { value: SecretBytes::new(value.into()), interpolate: true, visibility: None },
        comment: None,
        tags: None,
        base_version: None,
    }
}

fn write(environment: &str, items: Vec<Item>) -> BatchRequest {
    let (project, environment) = ("shop".into(), environment.into());
    BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false }
}

fn ask(environment: &str) -> ReadVariables {
    ReadVariables { project: "shop".into(), environment: environment.into(), ..ReadVariables::default() }
}

fn list(environment: &str) -> ListSecrets {
    ListSecrets { project: "shop".into(), environment: environment.into(), ..ListSecrets::default() }
}

async fn seen(op: &Op, environment: &str) -> Result<Vec<String>, VaultError> {
    match variables(op, &Uses::default(), &Etags::default(), &ask(environment)).await? {
        Variables::Changed { variables, .. } => {
            let shown =
                |v: super::variables::Variable| format!("{}={}", v.name, String::from_utf8_lossy(v.value.expose()));
            Ok(variables.into_iter().map(shown).collect())
        }
        Variables::Unchanged { .. } => Ok(Vec::new()),
    }
}

#[tokio::test]
async fn a_child_has_what_its_parent_has_with_its_own_overrides_in_references() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    secret_batch(&owner, write("base", vec![set("HOST", "db"), set("URL", "pg://${HOST}")])).await.unwrap();
    secret_batch(&owner, write("staging", vec![set("HOST", "db2")])).await.unwrap();
    assert_eq!(seen(&owner, "base").await.unwrap(), ["HOST=db", "URL=pg://db"]);
    assert_eq!(seen(&owner, "feat").await.unwrap(), ["HOST=db2", "URL=pg://db2"]);
    let listed = secret_list(&owner, &list("staging"), Limit::default(), None).await.unwrap();
    assert!(matches!(listed.items[0].origin.origin, Origin::Overrides { .. }));
    assert!(matches!(listed.items[1].origin.origin, Origin::Inherited { .. }));
}

#[tokio::test]
async fn a_read_is_recorded_with_its_versions_and_a_denied_one_too() {
    let world = World::new().await;
    world.shop().await;
    secret_batch(&world.owner(), write("staging", vec![set("A", "1")])).await.unwrap();
    let viewer = world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await;
    let refused = seen(&world.op_as(&viewer), "staging").await;
    assert_eq!(code(refused), "permission_denied");
    assert_eq!(world.events("secret.use", Outcome::Denied).len(), 1);
    seen(&world.owner(), "staging").await.unwrap();
    assert_eq!(world.events("secret.use", Outcome::Allowed).len(), 1);
}

#[tokio::test]
async fn a_viewer_lists_names_and_has_no_value() {
    let world = World::new().await;
    world.shop().await;
    secret_batch(&world.owner(), write("staging", vec![set("A", "1")])).await.unwrap();
    let viewer = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    let listed = secret_list(&viewer, &list("staging"), Limit::default(), None).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    let ask = ReadSecret {
        project: "shop".into(),
        environment: "staging".into(),
        name: "A".into(),
        reveal: true,
        ..ReadSecret::default()
    };
    assert_eq!(code(secret_get(&viewer, &Uses::default(), &ask).await), "permission_denied");
}

#[tokio::test]
async fn a_plan_changes_nothing_and_says_what_is_the_same() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    secret_batch(&owner, write("base", vec![set("A", "1"), set("B", "1")])).await.unwrap();
    let wished = || vec![set("A", "1"), set("B", "2"), set("C", "3")];
    let plan = secret_batch(&owner, BatchRequest { dry_run: true, ..write("base", wished()) }).await.unwrap();
    let actions: Vec<_> = plan.items.iter().map(|i| (i.action, i.version)).collect();
    let expected = [(PlannedAction::Same, 1), (PlannedAction::Change, 2), (PlannedAction::Add, 1)];
    assert_eq!(actions, expected);
    assert_eq!(seen(&owner, "base").await.unwrap(), ["A=1", "B=1"]);
    let done = secret_batch(&owner, write("base", wished())).await.unwrap();
    assert_eq!(done.items.iter().map(|i| (i.action, i.version)).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_would_break_a_descendant_is_a_warning_and_what_breaks_here_is_refused() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    assert_eq!(code(secret_batch(&owner, write("base", vec![set("URL", "${HOST}")])).await), "reference_broken");
    secret_batch(&owner, write("base", vec![set("HOST", "db"), set("URL", "${HOST}")])).await.unwrap();
    secret_batch(&owner, write("staging", vec![set("DSN", "${HOST}/x")])).await.unwrap();
    let unset = Item { wish: Wish::Unset, ..set("HOST", "") };
    let refused = secret_batch(&owner, write("base", vec![unset])).await;
    assert_eq!(code(refused), "reference_broken", "URL of base itself refers to it");
    let both = vec![Item { wish: Wish::Unset, ..set("HOST", "") }, set("URL", "fixed")];
    let done = secret_batch(&owner, write("base", both)).await.unwrap();
    assert!(done.warnings.iter().any(|w| w.code == "breaks_descendant" && w.detail.contains("shop/staging:/DSN")));
    assert_eq!(code(seen(&owner, "staging").await), "reference_broken");
}

#[tokio::test]
async fn who_has_an_answer_is_asked_for_the_right_again_and_gets_no_event() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    secret_batch(&owner, write("base", vec![set("A", "1")])).await.unwrap();
    let (uses, etags) = (Uses::default(), Etags::default());
    let Variables::Changed { etag, .. } = variables(&owner, &uses, &etags, &ask("base")).await.unwrap() else {
        panic!("the first answer has values");
    };
    let again = ReadVariables { if_none_match: Some(etag), ..ask("base") };
    assert!(matches!(variables(&owner, &uses, &etags, &again).await.unwrap(), Variables::Unchanged { .. }));
    assert_eq!(world.events("secret.use", Outcome::Allowed).len(), 1);
    secret_batch(&owner, write("base", vec![set("A", "2")])).await.unwrap();
    assert!(matches!(variables(&owner, &uses, &etags, &again).await.unwrap(), Variables::Changed { .. }));
    let nobody = world.op_as(&world.person("nora", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(variables(&nobody, &uses, &etags, &again).await), "permission_denied");
}

#[tokio::test]
async fn narrowing_a_flow_lists_who_loses_first_and_breaks_them_after() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    secret_batch(&owner, write("base", vec![set("A", "1")])).await.unwrap();
    let close = |dry_run| EnvironmentUpdate {
        flow: Some(FlowWish { mode: "closed".into(), environments: Vec::new() }),
        dry_run,
        ..EnvironmentUpdate::default()
    };
    let update = |change| environment::environment_update(&owner, "shop".into(), "base".into(), change);
    let (after, narrowed) = update(close(true)).await.unwrap();
    assert!(narrowed.flow.is_some());
    let losers = impact::of_flow(&owner, &after.environment).await.unwrap();
    let mut places: Vec<_> = losers.iter().map(|p| p.field.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["shop/feat", "shop/staging"]);
    assert!(seen(&owner, "feat").await.is_ok(), "a dry run changes nothing");
    update(close(false)).await.unwrap();
    assert_eq!(code(seen(&owner, "feat").await), "reference_broken");
}

#[tokio::test]
async fn a_search_shows_only_environments_that_may_be_listed() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    for environment in ["base", "staging"] {
        secret_batch(&owner, write(environment, vec![set("DB_HOST", "x"), set("OTHER", "y")])).await.unwrap();
    }
    let found = secret_search(&owner, Some("shop"), "host", Limit::default(), None).await.unwrap();
    assert_eq!(found.items.len(), 2);
    let dev = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop/staging")]).await);
    let found = secret_search(&dev, None, "Host", Limit::default(), None).await.unwrap();
    assert_eq!(found.items.iter().map(|h| h.environment.as_str()).collect::<Vec<_>>(), ["shop/staging"]);
}

#[tokio::test]
async fn comments_and_tags_are_searched_and_pages_are_full() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let items = (0..7).map(|n| Item {
        comment: Some(if n % 2 == 0 { "Rotated by Ada".into() } else { String::new() }),
        tags: Some(if n == 3 { vec!["pci:Ada".into()] } else { Vec::new() }),
        ..set(&format!("K{n}"), "x")
    });
    secret_batch(&owner, write("base", items.collect())).await.unwrap();
    secret_batch(&owner, write("staging", vec![set("ADA", "x"), set("OTHER", "x")])).await.unwrap();
    let limit = Limit::parse(2).unwrap();
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = secret_search(&owner, Some("shop"), "aDa", limit, cursor).await.unwrap();
        assert!(page.items.len() == 2 || page.next.is_none(), "only the last page may be short");
        names.extend(page.items.iter().map(|h| format!("{}:{}", h.environment, h.found.name)));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(
        names,
        ["shop/base:K0", "shop/base:K2", "shop/base:K3", "shop/base:K4", "shop/base:K6", "shop/staging:ADA"]
    );
    let browse = ListSecrets { words: Some("ada".into()), ..list("staging") };
    let page = secret_list(&owner, &browse, limit, None).await.unwrap();
    assert_eq!(page.items.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["ADA", "K0"]);
    let rest = secret_list(&owner, &browse, Limit::default(), page.next).await.unwrap();
    assert_eq!(rest.items.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["K2", "K3", "K4", "K6"]);
}
