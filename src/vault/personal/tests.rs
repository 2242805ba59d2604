//! What personal overrides promise: they count for one person, everywhere for that person, and gain them nothing.

use super::*;
use crate::orgs::testing::{World, code};
use crate::policy::BuiltinRole;
use crate::types::Limit;
use crate::vault::secret::{BatchRequest, Item, ListSecrets, Wish, secret_batch, secret_list};
use crate::vault::uses::Uses;
use crate::vault::variables::{Etags, ReadVariables, Variables, variables};

async fn set(op: &Op, environment: &str, all: &[(&str, &str, Visibility)]) {
    let item = |(name, value, visibility): &(&str, &str, Visibility)| Item {
        name: (*name).into(),
        path: None,
        wish: Wish::Set { value: SecretBytes::new((*value).into()), interpolate: true, visibility: Some(*visibility) },
        comment: None,
        tags: None,
        base_version: None,
    };
    let items = all.iter().map(item).collect();
    let (project, environment) = ("shop".into(), environment.into());
    let request = BatchRequest { project, environment, items, skip_same: true, force: false, dry_run: false };
    secret_batch(op, request).await.unwrap();
}

fn which(environment: &str, name: &str) -> Which {
    Which { project: "shop".into(), environment: environment.into(), path: "/".into(), name: name.into() }
}

async fn mine(op: &Op, environment: &str, name: &str, value: &str) -> Result<(SecretView, bool), VaultError> {
    personal_set(op, which(environment, name), SecretBytes::new(value.into()), true).await
}

async fn seen_with(op: &Op, etags: &Etags, environment: &str, known: Option<String>) -> (Vec<String>, String) {
    let ask = ReadVariables {
        project: "shop".into(),
        environment: environment.into(),
        if_none_match: known,
        ..ReadVariables::default()
    };
    match variables(op, &Uses::default(), etags, &ask).await.unwrap() {
        Variables::Changed { variables, etag, .. } => {
            let shown = variables.iter().map(|v| format!("{}={}", v.name, String::from_utf8_lossy(v.value.expose())));
            (shown.collect(), etag)
        }
        Variables::Unchanged { etag } => (vec!["unchanged".into()], etag),
    }
}

async fn seen(op: &Op, environment: &str) -> Vec<String> {
    seen_with(op, &Etags::default(), environment, None).await.0
}

fn list(environment: &str) -> ListSecrets {
    ListSecrets { project: "shop".into(), environment: environment.into(), ..ListSecrets::default() }
}

#[tokio::test]
async fn an_override_counts_for_its_owner_at_every_level_and_for_nobody_else() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let masked = Visibility::Masked;
    set(&owner, "base", &[("HOST", "db", masked), ("URL", "pg://${HOST}", masked)]).await;
    set(&owner, "feat", &[("HOST", "feat", masked)]).await;
    let dora = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop")]).await);
    let robot = world.op_as(&world.machine("robot", BuiltinRole::Maintainer, "shop").await);
    let (view, is_new) = mine(&dora, "base", "HOST", "localhost").await.unwrap();
    assert!(is_new && matches!(view.origin.origin, Origin::Personal { .. }));
    assert_eq!(seen(&dora, "base").await, ["HOST=localhost", "URL=pg://localhost"]);
    assert_eq!(seen(&dora, "staging").await, ["HOST=localhost", "URL=pg://localhost"]);
    assert_eq!(seen(&dora, "feat").await, ["HOST=feat", "URL=pg://feat"], "the nearest environment counts first");
    mine(&dora, "feat", "HOST", "mine").await.unwrap();
    assert_eq!(seen(&dora, "feat").await, ["HOST=mine", "URL=pg://mine"]);
    for other in [&owner, &robot] {
        assert_eq!(seen(other, "base").await, ["HOST=db", "URL=pg://db"]);
        assert_eq!(seen(other, "feat").await, ["HOST=feat", "URL=pg://feat"]);
        let listed = secret_list(other, &list("base"), Limit::default(), None).await.unwrap();
        assert!(listed.items.iter().all(|s| !matches!(s.origin.origin, Origin::Personal { .. })));
    }
    let listed = secret_list(&dora, &list("staging"), Limit::default(), None).await.unwrap();
    let origin = &listed.items[0].origin;
    assert!(matches!(origin.origin, Origin::Personal { .. }));
    assert_eq!(origin.environment.as_ref().map(|e| e.path.as_str()), Some("shop/base"));
    assert_eq!(code(personal_get(&owner, &which("base", "HOST"), true).await), "not_found");
    let (_, value) = personal_get(&dora, &which("base", "HOST"), true).await.unwrap();
    assert_eq!(value.unwrap().expose(), b"localhost");
    personal_delete(&dora, which("base", "HOST"), false).await.unwrap();
    assert_eq!(seen(&dora, "base").await, ["HOST=db", "URL=pg://db"]);
}

#[tokio::test]
async fn a_kept_answer_of_one_person_is_not_true_for_another() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", &[("HOST", "db", Visibility::Masked)]).await;
    let dora = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop")]).await);
    let etags = Etags::default();
    let (_, shared) = seen_with(&dora, &etags, "base", None).await;
    mine(&dora, "base", "HOST", "localhost").await.unwrap();
    let (values, own) = seen_with(&dora, &etags, "base", Some(shared.clone())).await;
    assert_eq!(values, ["HOST=localhost"]);
    assert_eq!(seen_with(&dora, &etags, "base", Some(own.clone())).await.0, ["unchanged"]);
    assert_eq!(seen_with(&owner, &etags, "base", Some(own)).await.0, ["HOST=db"]);
    assert_eq!(seen_with(&owner, &etags, "base", Some(shared)).await.0, ["unchanged"]);
}

#[tokio::test]
async fn an_override_gains_its_owner_nothing() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let both = [("HOST", "db", Visibility::Masked), ("TOP", "t", Visibility::Restricted)];
    set(&owner, "base", &both).await;
    set(&owner, "production", &[("LIVE", "l", Visibility::Masked)]).await;
    let vera = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(mine(&vera, "base", "HOST", "x").await), "permission_denied");
    let robot = world.op_as(&world.machine("robot", BuiltinRole::Maintainer, "shop").await);
    assert_eq!(code(mine(&robot, "base", "HOST", "x").await), "personal_people_only");
    let dora = world.op_as(&world.person("dora", &[(BuiltinRole::Developer, "shop/base")]).await);
    assert_eq!(code(mine(&dora, "base", "X", "${production.LIVE}").await), "environment_not_found");
    assert_eq!(code(mine(&dora, "base", "X", "${NOWHERE}").await), "reference_broken");
    assert_eq!(code(mine(&dora, "base", "lower", "x").await), "invalid_value");
    mine(&dora, "base", "X", "${TOP}").await.unwrap();
    let ask = ReadVariables { project: "shop".into(), environment: "base".into(), ..ReadVariables::default() };
    let withheld = variables(&dora, &Uses::default(), &Etags::default(), &ask).await;
    assert_eq!(code(withheld), "variables_withheld");
    mine(&dora, "base", "TOP", "my own").await.unwrap();
    assert_eq!(seen(&dora, "base").await, ["HOST=db", "TOP=my own", "X=my own"], "in place of the restricted one");
}
