//! Joining, leaving and being removed.

use std::time::Duration;

use crate::auth::password::Passwords;
use crate::ledger::Outcome;
use crate::op::{Op, Who};
use crate::orgs::member::{MemberAdd, member_add, member_list, member_remove};
use crate::orgs::project::{ProjectCreate, project_create};
use crate::orgs::session::{Gives, SignIn, sign_in as sign_in_with};
use crate::orgs::testing::{PASSWORD, World, code, newcomer, passwords, secret, slug};
use crate::policy::BuiltinRole;
use crate::policy::BuiltinRole::{Admin, Developer, Maintainer, Owner, Viewer};
use crate::types::{Email, Limit};

async fn sign_in(world: &World, email: &str, password: &str, organization: &str) -> &'static str {
    let wish = SignIn {
        email: Email::parse(email).unwrap(),
        password: secret(password),
        code: None,
        organization: Some(organization.to_owned()),
        gives: Gives::Token { name: None, life: Some(Duration::from_hours(30 * 24)) },
    };
    code(sign_in_with(&world.op(Who::Anonymous), passwords(), wish).await)
}

fn with_password(new: MemberAdd, password: &str) -> MemberAdd {
    MemberAdd { password: Some(secret(password)), ..new }
}

#[tokio::test]
async fn a_password_set_in_one_organization_opens_no_other() {
    let world = World::new().await;
    let other = world.elsewhere().await;
    let there = world.op_as(&other);
    let theirs = with_password(newcomer("victim"), "set by a stranger");
    let first = member_add(&there, passwords(), theirs).await.unwrap();
    let ours = with_password(newcomer("victim"), PASSWORD);
    let second = member_add(&world.owner(), passwords(), ours).await.unwrap();
    assert_eq!(first.user.id, second.user.id);
    assert_eq!((second.user.name.as_str(), second.user.instance_operator), ("victim", false));
    let email = "victim@example.com";
    assert_eq!(sign_in(&world, email, "set by a stranger", "acme").await, "credentials_wrong");
    assert_eq!(sign_in(&world, email, PASSWORD, "acme").await, "ok");
    assert_eq!(sign_in(&world, email, "set by a stranger", "globex").await, "ok");
    assert_eq!(sign_in(&world, email, PASSWORD, "globex").await, "credentials_wrong");
}

#[tokio::test]
async fn joining_again_changes_nothing_and_ones_own_password_stays() {
    let world = World::new().await;
    let again = with_password(newcomer("ada"), "not hers at all");
    assert_eq!(code(member_add(&world.owner(), passwords(), again).await), "already_exists");
    assert_eq!(sign_in(&world, "ADA@example.com", PASSWORD, "acme").await, "ok");
    assert_eq!(sign_in(&world, "ada@example.com", "not hers at all", "acme").await, "credentials_wrong");
}

#[tokio::test]
async fn who_may_not_add_anybody_costs_no_hash_and_is_recorded() {
    let world = World::new().await;
    world.shop().await;
    let own = Passwords::new().unwrap();
    let dev = world.person("dev", &[(Developer, "shop")]).await;
    let new = with_password(newcomer("eve"), PASSWORD);
    assert_eq!(code(member_add(&world.op_as(&dev), &own, new).await), "permission_denied");
    assert_eq!(own.computed(), 0);
    assert_eq!(world.events("member.invite", Outcome::Denied).len(), 1);
}

#[tokio::test]
async fn a_first_role_is_given_with_the_membership_or_neither_is() {
    let world = World::new().await;
    world.shop().await;
    let mia = world.person("mia", &[(Maintainer, "shop")]).await;
    let op = world.op_as(&mia);
    let at = |role: BuiltinRole, project: Option<&str>| MemberAdd {
        role: Some(slug(role.as_str())),
        project: project.map(str::to_owned),
        ..newcomer("new")
    };
    assert_eq!(code(member_add(&op, passwords(), at(Viewer, None)).await), "permission_denied");
    assert_eq!(code(member_add(&op, passwords(), at(Admin, Some("shop"))).await), "invalid_value");
    let added = member_add(&op, passwords(), at(Developer, Some("shop"))).await.unwrap();
    assert_eq!(added.grants[0].place.project.as_ref().unwrap().1, slug("shop"));
}

#[tokio::test]
async fn a_removed_members_tokens_stop_in_the_middle_of_a_request() {
    let world = World::new().await;
    let ann = world.person("ann", &[(Admin, "")]).await;
    let begun = world.op_as(&ann);
    let plan = member_remove(&world.owner(), ann.email.clone(), true).await.unwrap();
    assert_eq!((plan.grants, plan.credentials), (1, 1));
    assert!(world.op_with(&ann.token, None).is_ok());
    member_remove(&world.owner(), ann.email.clone(), false).await.unwrap();
    assert_eq!(code(world.op_with(&ann.token, None).map(drop)), "token_invalid");
    assert_eq!(code(project(&begun, "late").await), "token_invalid");
    assert_eq!(code(member_remove(&world.owner(), ann.email, false).await), "not_found");
}

async fn project(op: &Op, name: &str) -> Result<(), crate::orgs::OrgError> {
    project_create(op, ProjectCreate { slug: slug(name), name: None, description: None }).await.map(drop)
}

#[tokio::test]
async fn nobody_is_removed_by_who_holds_less() {
    let world = World::new().await;
    let ann = world.person("ann", &[(Admin, "")]).await;
    let oda = world.person("oda", &[(Owner, "")]).await;
    let mia = world.person("mia", &[(Maintainer, "")]).await;
    let bob = world.person("bob", &[(Viewer, "")]).await;
    let remove = async |by, who: &str| code(member_remove(&world.op_as(by), who.to_owned(), true).await);
    assert_eq!(remove(&mia, &ann.email).await, "cannot_grant_more");
    assert_eq!(remove(&ann, &oda.email).await, "permission_denied");
    assert_eq!(remove(&oda, "ada@example.com").await, "step_up_required");
    assert_eq!(remove(&bob, &mia.email).await, "permission_denied");
    assert_eq!(remove(&mia, &bob.email).await, "ok");
}

#[tokio::test]
async fn everybody_may_leave_but_the_last_owner() {
    let world = World::new().await;
    let bob = world.person("bob", &[(Viewer, "")]).await;
    assert_eq!(code(member_remove(&world.op_as(&bob), bob.email.clone(), false).await), "ok");
    assert!(world.op_with(&bob.token, None).is_err());
    assert_eq!(code(member_remove(&world.owner(), "ada@example.com".into(), false).await), "last_owner");
    world.person("oda", &[(Owner, "")]).await;
    assert_eq!(code(member_remove(&world.owner(), "ada@example.com".into(), false).await), "ok");
}

#[tokio::test]
async fn members_of_another_organization_are_unknown() {
    let world = World::new().await;
    let other = world.elsewhere().await;
    world.clock.advance(Duration::from_secs(1));
    let bob = world.person("bob", &[]).await;
    let there = world.op_as(&other);
    assert_eq!(code(member_remove(&there, bob.id.to_string(), false).await), "not_found");
    assert_eq!(code(member_remove(&there, bob.email, false).await), "not_found");
    assert_eq!(member_list(&there, Limit::default(), None).await.unwrap().items.len(), 1);
    let one = Limit::parse(1).unwrap();
    let page = member_list(&world.owner(), one, None).await.unwrap();
    assert_eq!(page.items[0].user.email.as_str(), "ada@example.com");
    let page = member_list(&world.owner(), one, page.next).await.unwrap();
    assert_eq!((page.items[0].user.email.as_str(), page.next), ("bob@example.com", None));
}

#[tokio::test]
async fn a_machine_sees_people_only_when_it_may_invite_them() {
    let world = World::new().await;
    let reader = world.machine("reader", Viewer, "").await;
    let manager = world.machine("manager", Maintainer, "").await;
    let list = async |who| code(member_list(&world.op_as(who), Limit::default(), None).await);
    assert_eq!(list(&reader).await, "permission_denied");
    assert_eq!(list(&manager).await, "ok");
}
