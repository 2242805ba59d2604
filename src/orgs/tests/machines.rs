//! Service accounts and their keys are never a way to more.

use std::time::Duration;

use crate::auth::credential::Wishes;
use crate::ledger::Outcome;
use crate::op::Op;
use crate::orgs::access::PrincipalName;
use crate::orgs::grant::grant_create;
use crate::orgs::service_account::{
    ServiceAccountCreate, ServiceAccountUpdate, key_list, key_mint, key_revoke, service_account_create,
    service_account_delete, service_account_get, service_account_list, service_account_update,
};
use crate::orgs::testing::{World, code, names, wish};
use crate::policy::BuiltinRole::{Admin, Developer, Maintainer, Owner, Viewer};
use crate::policy::{BuiltinRole, Node};
use crate::types::Limit;

fn key() -> Wishes {
    Wishes { name: "key".into(), ..Wishes::default() }
}

async fn make(op: &Op, name: &str, node: &str, grants: &[(BuiltinRole, &str)]) -> &'static str {
    let (project, environment) = names(node);
    let grants = grants.iter().map(|(role, node)| wish(*role, node)).collect();
    let new = ServiceAccountCreate { name: name.to_owned(), project, environment, grants };
    code(service_account_create(op, new).await)
}

fn disabled(disabled: bool) -> ServiceAccountUpdate {
    ServiceAccountUpdate { name: None, disabled: Some(disabled) }
}

#[tokio::test]
async fn an_account_holds_only_what_is_beneath_its_node_and_its_maker_holds() {
    let world = World::new().await;
    world.shop().await;
    let mia = world.person("mia", &[(Maintainer, "shop")]).await;
    let op = world.op_as(&mia);
    assert_eq!(make(&op, "a", "shop/staging", &[(Developer, "shop/feat"), (Viewer, "")]).await, "ok");
    assert_eq!(make(&op, "a", "shop", &[]).await, "already_exists");
    assert_eq!(make(&op, "b", "shop/staging", &[(Viewer, "shop/base")]).await, "invalid_value");
    assert_eq!(make(&op, "b", "shop/staging", &[(Viewer, "shop")]).await, "invalid_value");
    assert_eq!(make(&op, "b", "shop", &[(Admin, "")]).await, "invalid_value");
    assert_eq!(make(&op, "b", "", &[]).await, "permission_denied");
    assert_eq!(make(&world.owner(), "b", "", &[(Owner, "")]).await, "invalid_value");
    let org = world.person("max", &[(Maintainer, "")]).await;
    assert_eq!(make(&world.op_as(&org), "b", "", &[(Admin, "")]).await, "cannot_grant_more");
    assert_eq!(world.events("grant.manage", Outcome::Denied).len(), 1);
    let a = service_account_get(&op, "a").await.unwrap();
    let own = a.grants.iter().find(|g| g.grant.role == Viewer.into()).unwrap();
    assert_eq!((own.grant.node, own.place.environment.as_ref().unwrap().1.as_str()), (a.account.node, "staging"));
    assert!(matches!(a.account.node, Node::Environment(_)));
}

#[tokio::test]
async fn an_account_made_in_part_is_not_made() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    assert_eq!(make(&op, "half", "shop", &[(Viewer, "shop"), (Admin, "shop")]).await, "invalid_value");
    assert_eq!(code(service_account_get(&op, "half").await), "not_found");
    assert_eq!(world.events("serviceaccount.manage", Outcome::Allowed).len(), 0);
}

#[tokio::test]
async fn a_key_is_minted_only_by_who_holds_what_it_opens() {
    let world = World::new().await;
    let strong = world.machine("strong", Admin, "").await;
    let mia = world.person("mia", &[(Maintainer, "")]).await;
    let (op, owner) = (world.op_as(&mia), world.owner());
    assert_eq!(code(key_mint(&op, "strong".into(), key()).await), "cannot_grant_more");
    assert_eq!(world.events("serviceaccount.manage", Outcome::Denied).len(), 1);
    let minted = key_mint(&owner, "strong".into(), key()).await.unwrap();
    assert!(world.op_with(&minted.token, None).unwrap().is_machine());
    assert_eq!(code(service_account_update(&op, "strong".into(), disabled(true)).await), "ok");
    assert_eq!(code(world.op_with(&minted.token, None).map(drop)), "token_invalid");
    assert_eq!(code(service_account_update(&op, "strong".into(), disabled(false)).await), "cannot_grant_more");
    assert_eq!(code(service_account_delete(&op, "strong".into(), false).await), "cannot_grant_more");
    assert_eq!(code(service_account_update(&owner, "strong".into(), disabled(false)).await), "ok");
    assert!(world.op_with(&minted.token, None).is_ok());
    let keys = key_list(&op, "strong", Limit::default(), None).await.unwrap().items;
    assert_eq!(keys.len(), 2);
    assert_eq!(code(key_revoke(&op, "strong".into(), minted.credential.id, true).await), "ok");
    assert!(world.op_with(&minted.token, None).is_ok());
    assert_eq!(code(key_revoke(&op, "strong".into(), minted.credential.id, false).await), "ok");
    assert_eq!(code(world.op_with(&minted.token, None).map(drop)), "token_invalid");
    assert!(world.op_with(&strong.token, None).is_ok());
}

#[tokio::test]
async fn a_later_grant_follows_the_same_rules() {
    let world = World::new().await;
    world.shop().await;
    let ci = world.machine("ci", Viewer, "shop/staging").await;
    let shop = world.op_as(&world.person("mia", &[(Maintainer, "shop")]).await);
    let feat = world.op_as(&world.person("fay", &[(Maintainer, "shop/feat")]).await);
    let to = || PrincipalName::ServiceAccount("ci".into());
    assert_eq!(code(grant_create(&shop, to(), wish(Developer, "shop/feat")).await), "ok");
    assert_eq!(code(grant_create(&shop, to(), wish(Developer, "shop")).await), "invalid_value");
    assert_eq!(code(grant_create(&feat, to(), wish(Viewer, "shop/feat")).await), "not_found");
    assert_eq!(code(grant_create(&world.op_as(&ci), to(), wish(Viewer, "shop/feat")).await), "permission_denied");
}

#[tokio::test]
async fn a_removed_accounts_keys_are_void_and_its_name_is_free() {
    let world = World::new().await;
    let ci = world.machine("ci", Viewer, "").await;
    let begun = world.op_as(&ci);
    let plan = service_account_delete(&world.owner(), "ci".into(), true).await.unwrap();
    assert_eq!((plan.grants, plan.keys), (1, 1));
    assert_eq!(code(service_account_get(&begun, "ci").await), "ok");
    service_account_delete(&world.owner(), "ci".into(), false).await.unwrap();
    assert_eq!(code(service_account_get(&begun, "ci").await), "token_invalid");
    assert_eq!(code(world.op_with(&ci.token, None).map(drop)), "token_invalid");
    world.machine("ci", Viewer, "").await;
}

#[tokio::test]
async fn who_does_not_manage_an_account_does_not_see_it() {
    let world = World::new().await;
    world.shop().await;
    let ci = world.machine("ci", Viewer, "shop").await;
    world.clock.advance(Duration::from_secs(1));
    world.machine("other", Viewer, "").await;
    let dev = world.op_as(&world.person("dev", &[(Developer, "")]).await);
    let mia = world.op_as(&world.person("mia", &[(Maintainer, "shop")]).await);
    let list = async |op: &Op| -> Vec<String> {
        let items = service_account_list(op, Limit::default(), None).await.unwrap().items;
        items.into_iter().map(|v| v.account.name).collect()
    };
    assert_eq!(list(&dev).await, Vec::<String>::new());
    assert_eq!(list(&mia).await, ["ci"]);
    assert_eq!(list(&world.op_as(&ci)).await, ["ci"]);
    assert_eq!(list(&world.owner()).await, ["ci", "other"]);
    assert_eq!(code(service_account_get(&dev, "ci").await), "not_found");
    assert_eq!(code(key_list(&dev, "ci", Limit::default(), None).await), "not_found");
}

#[tokio::test]
async fn another_organizations_accounts_and_keys_are_unknown() {
    let world = World::new().await;
    let other = world.op_as(&world.elsewhere().await);
    let ci = world.machine("ci", Viewer, "").await;
    world.machine("cd", Viewer, "").await;
    let own_key = key_list(&world.owner(), "ci", Limit::default(), None).await.unwrap().items[0].0.id;
    for name in [ci.id.to_string(), "ci".to_owned()] {
        assert_eq!(code(service_account_get(&other, &name).await), "not_found");
        assert_eq!(code(service_account_delete(&other, name.clone(), false).await), "not_found");
        assert_eq!(code(service_account_update(&other, name.clone(), disabled(true)).await), "not_found");
        assert_eq!(code(key_mint(&other, name.clone(), key()).await), "not_found");
        assert_eq!(code(key_revoke(&other, name.clone(), own_key, false).await), "not_found");
        assert_eq!(
            code(grant_create(&other, PrincipalName::ServiceAccount(name), wish(Viewer, "")).await),
            "not_found"
        );
    }
    assert_eq!(code(key_revoke(&world.owner(), "cd".into(), own_key, false).await), "not_found");
    assert_eq!(make(&other, "x", "shop", &[]).await, "project_not_found");
    assert_eq!(make(&other, "ci", "", &[]).await, "ok");
}
