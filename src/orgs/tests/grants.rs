//! Nobody gives more than they hold, and the last owner stays.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::ledger::Outcome;
use crate::op::Op;
use crate::orgs::access::PrincipalName;
use crate::orgs::grant::{GrantFilter, grant_create, grant_delete, grant_list};
use crate::orgs::testing::{START, World, code, names, wish};
use crate::orgs::{OrgError, access};
use crate::policy::{BuiltinRole, effective};
use crate::types::{Id, Limit};

use BuiltinRole::{Admin, Developer, Maintainer, Owner, Viewer};

async fn give(by: &Op, to: &str, role: BuiltinRole, node: &str) -> &'static str {
    code(grant_create(by, PrincipalName::User(to.to_owned()), wish(role, node)).await)
}

#[tokio::test]
async fn a_maintainer_of_a_project_gives_in_it_and_nowhere_else() {
    let world = World::new().await;
    world.shop().await;
    world.person("bob", &[]).await;
    let mia = world.person("mia", &[(Maintainer, "shop")]).await;
    let op = world.op_as(&mia);
    let bob = "bob@example.com";
    assert_eq!(give(&op, bob, Developer, "shop/staging").await, "ok");
    assert_eq!(give(&op, bob, Maintainer, "shop/production").await, "ok");
    assert_eq!(give(&op, bob, Maintainer, "shop/production").await, "already_exists");
    assert_eq!(give(&op, bob, Viewer, "").await, "permission_denied");
    assert_eq!(give(&op, bob, Admin, "shop").await, "invalid_value");
    assert_eq!(give(&op, "nobody@example.com", Viewer, "shop").await, "not_found");
}

#[tokio::test]
async fn what_is_lacking_is_named_and_the_refusal_is_recorded_though_nothing_changed() {
    let world = World::new().await;
    let mia = world.person("mia", &[(Maintainer, "")]).await;
    let to = PrincipalName::User(mia.email.clone());
    let refused = grant_create(&world.op_as(&mia), to, wish(Admin, "")).await;
    let Err(OrgError::CannotGrantMore { missing }) = refused else { panic!("given") };
    assert!(missing.contains(&"audit.read".to_owned()) && !missing.contains(&"secret.use".to_owned()), "{missing:?}");
    let denied = world.events("grant.manage", Outcome::Denied);
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].code.as_deref(), Some("cannot_grant_more"));
    assert_eq!(denied[0].target.as_ref().unwrap().id, mia.id.to_string());
}

#[tokio::test]
async fn ownership_needs_an_owner_who_signed_in_freshly() {
    let world = World::new().await;
    world.person("bob", &[]).await;
    let admin = world.person("ann", &[(Admin, "")]).await;
    let owner = world.person("oda", &[(Owner, "")]).await;
    let bob = "bob@example.com";
    let fresh = world.fresh(&admin).await;
    assert_eq!(give(&world.op_as(&fresh), bob, Owner, "").await, "permission_denied");
    assert_eq!(give(&world.op_as(&owner), bob, Owner, "").await, "step_up_required");
    let denied = world.events("owner.grant", Outcome::Denied);
    let codes: Vec<_> = denied.iter().map(|e| e.code.as_deref().unwrap()).collect();
    assert_eq!(codes, ["step_up_required", "permission_denied"]);
    let fresh = world.fresh(&owner).await;
    assert_eq!(give(&world.op_as(&fresh), bob, Owner, "").await, "ok");
}

#[tokio::test]
async fn the_last_owner_stays() {
    let world = World::new().await;
    let op = world.owner();
    let own = GrantFilter { holder: Some(PrincipalName::Own.into()), ..GrantFilter::default() };
    let id = grant_list(&op, own, Limit::default(), None).await.unwrap().items[0].grant.id;
    assert_eq!(code(grant_delete(&op, id, false).await), "last_owner");
    assert_eq!(code(grant_delete(&op, id, true).await), "last_owner");
    world.person("oda", &[(Owner, "")]).await;
    assert_eq!(code(grant_delete(&op, id, true).await), "ok");
    assert_eq!(code(grant_delete(&op, id, false).await), "ok");
    assert_eq!(code(grant_delete(&op, id, false).await), "not_found");
}

#[tokio::test]
async fn what_is_not_held_cannot_be_taken_either() {
    let world = World::new().await;
    let admin = world.person("ann", &[(Admin, "")]).await;
    let mia = world.person("mia", &[(Maintainer, "")]).await;
    let of_admin = GrantFilter { holder: Some(admin.name().into()), ..GrantFilter::default() };
    let id = grant_list(&world.owner(), of_admin, Limit::default(), None).await.unwrap().items[0].grant.id;
    assert_eq!(code(grant_delete(&world.op_as(&mia), id, false).await), "cannot_grant_more");
    assert_eq!(code(grant_delete(&world.op_as(&admin), id, false).await), "ok");
}

#[tokio::test]
async fn a_grant_reaches_the_subtree_at_once_and_is_gone_at_once() {
    let world = World::new().await;
    world.shop().await;
    let bob = world.person("bob", &[]).await;
    let op = world.op_as(&bob);
    let may = async |op: &Op| code(access_environment(op, "feat").await);
    assert_eq!(may(&op).await, "environment_not_found");
    let given = grant_create(&world.owner(), bob.name(), wish(Viewer, "shop/staging")).await.unwrap();
    assert_eq!(may(&op).await, "ok");
    assert_eq!(code(access_environment(&op, "base").await), "environment_not_found");
    grant_delete(&world.owner(), given.grant.id, false).await.unwrap();
    assert_eq!(may(&op).await, "environment_not_found");
}

async fn access_environment(op: &Op, name: &str) -> Result<(), OrgError> {
    op.read(|reader| access::environment(op, reader, "shop", name).map(drop)).await
}

#[tokio::test]
async fn a_viewer_sees_only_their_own_grants() {
    let world = World::new().await;
    world.shop().await;
    let bob = world.person("bob", &[(Viewer, "shop")]).await;
    let mia = world.person("mia", &[(Maintainer, "shop/staging"), (Viewer, "shop")]).await;
    let count = async |op| grant_list(&op, GrantFilter::default(), Limit::default(), None).await.unwrap().items.len();
    assert_eq!(count(world.op_as(&bob)).await, 1);
    assert_eq!(count(world.op_as(&mia)).await, 2);
    assert_eq!(count(world.owner()).await, 4);
    let staging = GrantFilter { project: Some("shop".into()), environment: Some("staging".into()), holder: None };
    let found = grant_list(&world.owner(), staging, Limit::default(), None).await.unwrap().items;
    assert_eq!(found.iter().map(|g| g.holder.as_str()).collect::<Vec<_>>(), ["mia@example.com"]);
}

#[tokio::test]
async fn another_organizations_ids_are_unknown_here() {
    let world = World::new().await;
    world.shop().await;
    let other = world.elsewhere().await;
    let theirs = grant_list(&world.op_as(&other), GrantFilter::default(), Limit::default(), None).await.unwrap();
    let bob = world.person("bob", &[]).await;
    let (here, there) = (world.owner(), world.op_as(&other));
    assert_eq!(code(grant_delete(&here, theirs.items[0].grant.id, false).await), "not_found");
    assert_eq!(code(grant_delete(&here, Id::new(START), false).await), "not_found");
    assert_eq!(code(grant_create(&there, bob.name(), wish(Viewer, "")).await), "not_found");
    assert_eq!(code(grant_create(&there, PrincipalName::User(bob.email), wish(Viewer, "")).await), "not_found");
    assert_eq!(code(grant_create(&here, PrincipalName::Own, wish(Viewer, "lab")).await), "project_not_found");
    assert_eq!(code(grant_create(&here, PrincipalName::Own, wish(Viewer, "lab/bench")).await), "project_not_found");
    assert_eq!(code(grant_create(&there, PrincipalName::Own, wish(Viewer, "shop")).await), "project_not_found");
}

const NODES: [&str; 5] = ["", "shop", "shop/base", "shop/staging", "shop/production"];

#[test]
fn whatever_is_given_was_held_there() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    runtime.block_on(world.shop());
    runtime.block_on(world.person("receiver", &[]));
    let held = prop::collection::vec((0_usize..5, 0_usize..5), 0..3);
    let n = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let outcome = runner.run(&(held, 0_usize..5, 0_usize..5), |(held, role, node)| {
        let role_on = |(r, n): &(usize, usize)| (BuiltinRole::ALL[if *n == 0 { *r } else { *r % 3 }], NODES[*n]);
        let mut held: Vec<_> = held.iter().map(role_on).collect();
        held.dedup();
        let (role, node) = role_on(&(role, node));
        runtime.block_on(async {
            n.set(n.get() + 1);
            let giver = world.person(&format!("giver{}", n.get()), &held).await;
            let op = world.op_as(&world.fresh(&giver).await);
            let owner = world.owner();
            let expected = owner.read(|reader| {
                let (project, environment) = names(node);
                let at = access::node(&owner, reader, project.as_deref(), environment.as_deref())?;
                let facts = access::principal_facts(reader, world.organization.id, giver.id)?.unwrap();
                let has = effective(&facts, &at);
                Ok::<_, OrgError>(
                    role.permissions().attenuates(has) && has.permits(role.grant_action(), at.is_protected()),
                )
            });
            let expected = expected.await.unwrap();
            let to = PrincipalName::User("receiver@example.com".into());
            match grant_create(&op, to, wish(role, node)).await {
                Ok(given) => {
                    prop_assert!(expected, "{held:?} gave {role} on {node}");
                    grant_delete(&world.owner(), given.grant.id, false).await.unwrap();
                }
                Err(error) => prop_assert!(!expected, "{held:?} could not give {role} on {node}: {error}"),
            }
            Ok(())
        })
    });
    outcome.unwrap();
}
