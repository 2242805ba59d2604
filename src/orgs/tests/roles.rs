//! Roles of one's own and teams: nobody makes, changes or joins more than they hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::ledger::Outcome;
use crate::op::Op;
use crate::orgs::OrgError;
use crate::orgs::access::{self, PrincipalName};
use crate::orgs::grant::{GrantWish, HolderName, grant_create};
use crate::orgs::member::member_remove;
use crate::orgs::role::{self, RoleChange, RoleCreate, role_create, role_delete, role_update};
use crate::orgs::team::{self, MemberName, member_add, team_create, team_delete};
use crate::orgs::testing::{Person, World, code, names, slug, wish};
use crate::policy::BuiltinRole::{Admin, Developer, Owner, Viewer};
use crate::policy::{Action, Permission, PermissionSet, Resource, effective};

fn wished(name: &str, permissions: &[&str]) -> RoleCreate {
    let permissions = permissions.iter().map(ToString::to_string).collect();
    RoleCreate { name: slug(name), description: None, permissions }
}

async fn make(op: &Op, name: &str, permissions: &[&str]) -> &'static str {
    code(role_create(op, wished(name, permissions)).await)
}

async fn change(op: &Op, name: &str, permissions: &[&str]) -> &'static str {
    let permissions = Some(permissions.iter().map(ToString::to_string).collect());
    code(role_update(op, name.to_owned(), RoleChange { permissions, ..RoleChange::default() }).await)
}

fn named(role: &str, node: &str) -> GrantWish {
    let (project, environment) = names(node);
    GrantWish { role: slug(role), project, environment }
}

fn team(name: &str) -> HolderName {
    HolderName::Team(name.to_owned())
}

async fn join(op: &Op, into: &str, who: &Person) -> &'static str {
    code(member_add(op, into.to_owned(), MemberName::User(who.email.clone())).await)
}

async fn nest(op: &Op, into: &str, inner: &str) -> &'static str {
    code(member_add(op, into.to_owned(), MemberName::Team(inner.to_owned())).await)
}

async fn may(op: &Op, action: Action, node: &str) -> bool {
    let (project, environment) = names(node);
    let asked = op.read(|reader| {
        let at = access::node(op, reader, project.as_deref(), environment.as_deref())?;
        Ok::<_, OrgError>(op.permits(reader, action, &at)?)
    });
    asked.await.unwrap_or(false)
}

#[tokio::test]
async fn a_role_holds_what_is_said_and_a_change_of_it_counts_at_once() {
    let world = World::new().await;
    world.shop().await;
    let (owner, bob) = (world.owner(), world.person("bob", &[]).await);
    assert_eq!(make(&owner, "reader", &["project.read", "environment.read", "secret.use"]).await, "ok");
    grant_create(&owner, bob.name(), named("reader", "shop/staging")).await.unwrap();
    let op = world.op_as(&bob);
    assert!(may(&op, Action::SecretUse, "shop/staging").await && may(&op, Action::SecretUse, "shop/feat").await);
    assert!(!may(&op, Action::SecretUse, "shop/base").await && !may(&op, Action::SecretReveal, "shop/staging").await);
    assert_eq!(change(&owner, "reader", &["project.read", "environment.read", "secret.reveal"]).await, "ok");
    assert!(may(&op, Action::SecretReveal, "shop/staging").await && !may(&op, Action::SecretUse, "shop/staging").await);
    let changed = world.events("role.manage", Outcome::Allowed);
    assert_eq!(changed[0].details["gained"], serde_json::json!(["secret.reveal"]));
    assert_eq!(code(role_delete(&owner, "reader".into(), false).await), "role_in_use");
    let stale = RoleChange { base_version: Some(1), ..RoleChange::default() };
    assert_eq!(code(role_update(&owner, "reader".into(), stale).await), "version_mismatch");
}

#[tokio::test]
async fn what_is_no_role_is_refused() {
    let world = World::new().await;
    let owner = world.owner();
    assert_eq!(make(&owner, "owner", &["secret.use"]).await, "invalid_value");
    assert_eq!(make(&owner, "empty", &[]).await, "invalid_value");
    assert_eq!(make(&owner, "wild", &["secret.*"]).await, "invalid_value");
    assert_eq!(make(&owner, "kings", &["owner.grant"]).await, "invalid_value");
    assert_eq!(make(&owner, "ours", &["secret.use"]).await, "ok");
    assert_eq!(make(&owner, "ours", &["secret.use"]).await, "already_exists");
    assert_eq!(change(&owner, "viewer", &["secret.use"]).await, "not_found");
    let other = world.elsewhere().await;
    assert_eq!(change(&world.op_as(&other), "ours", &["secret.list"]).await, "not_found");
    let given = grant_create(&world.op_as(&other), PrincipalName::Own, named("ours", "")).await;
    assert_eq!(code(given), "not_found");
    assert_eq!(code(role_delete(&owner, "ours".into(), false).await), "ok");
    assert_eq!(code(role::role_get(&owner, "ours").await), "not_found");
}

#[tokio::test]
async fn an_admin_makes_no_role_with_more_and_touches_none_that_has_it() {
    let world = World::new().await;
    let (owner, ann) = (world.owner(), world.person("ann", &[(Admin, "")]).await);
    let dan = world.person("dan", &[(Developer, "")]).await;
    assert_eq!(make(&world.op_as(&dan), "mine", &["secret.use"]).await, "permission_denied");
    assert_eq!(make(&owner, "keepers", &["role.manage", "secret.use"]).await, "ok");
    let kim = world.person("kim", &[]).await;
    grant_create(&owner, kim.name(), named("keepers", "")).await.unwrap();
    let op = world.op_as(&kim);
    assert_eq!(make(&op, "more", &["secret.use", "secret.reveal"]).await, "cannot_grant_more");
    assert_eq!(change(&op, "keepers", &["role.manage", "secret.use", "audit.read"]).await, "cannot_grant_more");
    assert_eq!(make(&world.op_as(&ann), "auditors", &["audit.read", "secret.use"]).await, "ok");
    // Neither widening it nor taking from it: others hold it.
    assert_eq!(change(&op, "auditors", &["secret.use"]).await, "cannot_grant_more");
    assert_eq!(code(role_delete(&op, "auditors".into(), false).await), "cannot_grant_more");
    assert_eq!(make(&op, "less", &["secret.use"]).await, "ok");
}

#[tokio::test]
async fn a_team_gives_its_people_what_it_has_until_they_leave() {
    let world = World::new().await;
    world.shop().await;
    let (owner, bob) = (world.owner(), world.person("bob", &[]).await);
    for name in ["all", "web", "front"] {
        team_create(&owner, slug(name), None).await.unwrap();
    }
    assert_eq!(nest(&owner, "all", "web").await, "ok");
    assert_eq!(nest(&owner, "web", "front").await, "ok");
    assert_eq!(join(&owner, "front", &bob).await, "ok");
    assert_eq!(join(&owner, "front", &bob).await, "already_exists");
    grant_create(&owner, team("all"), wish(Developer, "shop/staging")).await.unwrap();
    let op = world.op_as(&bob);
    assert!(may(&op, Action::SecretWrite, "shop/feat").await && !may(&op, Action::SecretWrite, "shop/base").await);
    let me = access::whoami(&op).await.unwrap();
    assert_eq!(me.grants.iter().map(|g| g.holder.as_str()).collect::<Vec<_>>(), ["all"]);
    assert_eq!(code(grant_create(&owner, team("all"), wish(Owner, "")).await), "invalid_value");
    team::member_remove(&owner, "web".into(), MemberName::Team("front".into())).await.unwrap();
    assert!(!may(&op, Action::SecretWrite, "shop/feat").await);
    assert_eq!(nest(&owner, "all", "front").await, "ok");
    assert!(may(&op, Action::SecretWrite, "shop/feat").await);
    team_delete(&owner, "all".into(), false).await.unwrap();
    assert!(!may(&op, Action::SecretWrite, "shop/feat").await);
}

#[tokio::test]
async fn no_team_is_in_itself_and_none_is_nested_deeper_than_three() {
    let world = World::new().await;
    let owner = world.owner();
    for name in ["a", "b", "c", "d"] {
        team_create(&owner, slug(name), None).await.unwrap();
    }
    assert_eq!(nest(&owner, "a", "a").await, "invalid_value");
    assert_eq!(nest(&owner, "a", "b").await, "ok");
    assert_eq!(nest(&owner, "b", "a").await, "invalid_value");
    assert_eq!(nest(&owner, "c", "d").await, "ok");
    // a > b and c > d: b > c would make four.
    assert_eq!(nest(&owner, "b", "c").await, "invalid_value");
    assert_eq!(nest(&owner, "b", "d").await, "ok");
    assert_eq!(nest(&owner, "d", "a").await, "invalid_value");
}

#[tokio::test]
async fn who_manages_teams_gives_and_takes_no_more_than_they_hold() {
    let world = World::new().await;
    world.shop().await;
    let (owner, bob) = (world.owner(), world.person("bob", &[]).await);
    make(&owner, "lead", &["team.manage", "project.read"]).await;
    let lea = world.person("lea", &[(Developer, "shop")]).await;
    grant_create(&owner, lea.name(), named("lead", "")).await.unwrap();
    for name in ["ops", "dev"] {
        team_create(&owner, slug(name), None).await.unwrap();
    }
    grant_create(&owner, team("ops"), wish(Admin, "")).await.unwrap();
    grant_create(&owner, team("dev"), wish(Developer, "shop/staging")).await.unwrap();
    let op = world.op_as(&lea);
    assert_eq!(join(&op, "ops", &lea).await, "cannot_grant_more");
    assert_eq!(nest(&op, "ops", "dev").await, "cannot_grant_more");
    assert_eq!(join(&op, "dev", &bob).await, "ok");
    assert_eq!(nest(&owner, "ops", "dev").await, "ok");
    // Now being in dev gives what ops has, too.
    let out = team::member_remove(&op, "dev".into(), MemberName::User(bob.email.clone())).await;
    assert_eq!(code(out), "cannot_grant_more");
    assert_eq!(code(team_delete(&op, "dev".into(), true).await), "cannot_grant_more");
}

#[tokio::test]
async fn who_leaves_the_organization_leaves_its_teams_for_good() {
    let world = World::new().await;
    world.shop().await;
    let (owner, bob) = (world.owner(), world.person("bob", &[]).await);
    team_create(&owner, slug("dev"), None).await.unwrap();
    grant_create(&owner, team("dev"), wish(Viewer, "shop")).await.unwrap();
    join(&owner, "dev", &bob).await;
    let gone = member_remove(&owner, bob.email.clone(), false).await.unwrap();
    assert_eq!((gone.grants, gone.teams), (0, 1));
    let again = world.person("bob", &[]).await;
    assert!(!may(&world.op_as(&again), Action::ProjectRead, "shop").await);
}

#[tokio::test]
async fn machines_are_in_no_team_and_see_none() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let ci = world.machine("ci", Viewer, "shop").await;
    team_create(&owner, slug("dev"), None).await.unwrap();
    let id = MemberName::parse(&ci.id.to_string());
    assert_eq!(code(member_add(&owner, "dev".into(), id).await), "not_found");
    assert_eq!(code(team::team_list(&world.op_as(&ci)).await), "permission_denied");
    assert_eq!(team::team_list(&world.owner()).await.unwrap().len(), 1);
    let other = world.elsewhere().await;
    assert_eq!(code(team::team_get(&world.op_as(&other), "dev").await), "not_found");
}

/// What the random steps choose from; every role may see, so that a refusal is never about visibility.
const PALETTE: [Action; 7] = [
    Action::SecretUse,
    Action::SecretWrite,
    Action::DeployProduction,
    Action::GrantManage,
    Action::TeamManage,
    Action::RoleManage,
    Action::AuditRead,
];
const NODES: [&str; 4] = ["", "shop", "shop/staging", "shop/feat"];
const TEAMS: [&str; 5] = ["ta", "tb", "tc", "td", "te"];
const ROLES: [&str; 3] = ["ra", "rb", "rc"];
const PEOPLE: [&str; 3] = ["pa", "pb", "pc"];

#[derive(Debug, Clone)]
enum Step {
    Edit(usize, u8),
    Give(usize, usize, usize),
    GiveTeam(usize, usize, usize),
    Join(usize, usize),
    Nest(usize, usize),
    Leave(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        (0..3_usize, any::<u8>()).prop_map(|(r, bits)| Step::Edit(r, bits)),
        (0..3_usize, 0..3_usize, 0..4_usize).prop_map(|(p, r, n)| Step::Give(p, r, n)),
        (0..5_usize, 0..3_usize, 0..4_usize).prop_map(|(t, r, n)| Step::GiveTeam(t, r, n)),
        (0..5_usize, 0..3_usize).prop_map(|(t, p)| Step::Join(t, p)),
        (0..5_usize, 0..5_usize).prop_map(|(t, u)| Step::Nest(t, u)),
        (0..5_usize, 0..3_usize).prop_map(|(t, p)| Step::Leave(t, p)),
    ];
    // The owner acts most: else nobody comes to hold anything.
    prop::collection::vec((0..8_usize, step), 12..40)
}

fn set_of(bits: u8) -> PermissionSet {
    let seeing = [Action::ProjectRead, Action::EnvironmentRead];
    let chosen = PALETTE.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, a)| *a);
    seeing.into_iter().chain(chosen).map(|a| a.permission(false)).collect()
}

/// The naive reading: lists, and walks without any limit.
#[derive(Default)]
struct Oracle {
    roles: BTreeMap<usize, PermissionSet>,
    given: BTreeSet<(String, usize, usize)>,
    inside: BTreeSet<(usize, String)>,
}

impl Oracle {
    fn is_in(&self, who: &str, team: usize) -> bool {
        self.inside.iter().filter(|(t, _)| *t == team).any(|(_, member)| {
            member == who || TEAMS.iter().position(|t| t == member).is_some_and(|t| self.is_in(who, t))
        })
    }

    fn held(&self, who: &str, node: usize) -> PermissionSet {
        let has =
            |holder: &str| holder == who || TEAMS.iter().position(|t| *t == holder).is_some_and(|t| self.is_in(who, t));
        // Each node of NODES is beneath all before it.
        let reaching = self.given.iter().filter(|(holder, _, at)| *at <= node && has(holder));
        reaching.fold(PermissionSet::EMPTY, |set, (_, role, _)| set.union(self.roles[role]))
    }

    /// What being in a team gives: each role, and where.
    fn gives(&self, team: usize) -> Vec<(PermissionSet, usize)> {
        let around: Vec<_> = (0..TEAMS.len()).filter(|t| *t == team || self.is_in(TEAMS[team], *t)).collect();
        let given = self.given.iter().filter(|(holder, ..)| around.iter().any(|t| TEAMS[*t] == holder));
        given.map(|(_, role, node)| (self.roles[role], *node)).collect()
    }

    fn depth(&self, team: usize) -> usize {
        let inner = self.inside.iter().filter(|(t, _)| *t == team);
        let teams = inner.filter_map(|(_, m)| TEAMS.iter().position(|t| t == m));
        1 + teams.map(|t| self.depth(t)).max().unwrap_or(0)
    }

    fn covers(&self, who: Option<&str>, all: &[(PermissionSet, usize)]) -> bool {
        who.is_none_or(|w| all.iter().all(|(set, node)| set.attenuates(self.held(w, *node))))
    }

    fn holds(&self, who: Option<&str>, action: Action, node: usize) -> bool {
        who.is_none_or(|w| self.held(w, node).permits(action, false))
    }

    /// Takes the step if the rules allow it.
    fn take(&mut self, who: Option<&str>, step: &Step) -> bool {
        match step {
            Step::Edit(role, bits) => {
                let (before, after) = (self.roles[role], set_of(*bits));
                let fits = self.holds(who, Action::RoleManage, 0) && self.covers(who, &[(before.union(after), 0)]);
                if fits {
                    self.roles.insert(*role, after);
                }
                fits
            }
            Step::Give(person, role, node) => self.give(who, PEOPLE[*person], *role, *node),
            Step::GiveTeam(team, role, node) => self.give(who, TEAMS[*team], *role, *node),
            Step::Join(team, person) => self.put(who, *team, PEOPLE[*person]),
            Step::Nest(outer, inner) => {
                let is_there = self.inside.contains(&(*outer, TEAMS[*inner].to_owned()));
                if is_there || outer == inner || self.is_in(TEAMS[*outer], *inner) {
                    return false;
                }
                self.inside.insert((*outer, TEAMS[*inner].to_owned()));
                let too_deep = (0..TEAMS.len()).any(|t| self.depth(t) > 3);
                self.inside.remove(&(*outer, TEAMS[*inner].to_owned()));
                !too_deep && self.put(who, *outer, TEAMS[*inner])
            }
            Step::Leave(team, person) => {
                let fits = self.holds(who, Action::TeamManage, 0) && self.covers(who, &self.gives(*team));
                fits && self.inside.remove(&(*team, PEOPLE[*person].to_owned()))
            }
        }
    }

    fn give(&mut self, who: Option<&str>, holder: &str, role: usize, node: usize) -> bool {
        let fits = self.holds(who, Action::GrantManage, node) && self.covers(who, &[(self.roles[&role], node)]);
        fits && self.given.insert((holder.to_owned(), role, node))
    }

    fn put(&mut self, who: Option<&str>, team: usize, member: &str) -> bool {
        let fits = self.holds(who, Action::TeamManage, 0) && self.covers(who, &self.gives(team));
        fits && self.inside.insert((team, member.to_owned()))
    }
}

fn email(person: usize) -> String {
    format!("{}@example.com", PEOPLE[person])
}

async fn act(op: &Op, step: &Step) -> Result<(), OrgError> {
    match step {
        Step::Edit(role, bits) => {
            let permissions = Some(set_of(*bits).iter().map(|p| p.as_str().to_owned()).collect());
            let change = RoleChange { permissions, ..RoleChange::default() };
            role_update(op, ROLES[*role].to_owned(), change).await.map(drop)
        }
        Step::Give(person, role, node) => {
            grant_create(op, PrincipalName::User(email(*person)), named(ROLES[*role], NODES[*node])).await.map(drop)
        }
        Step::GiveTeam(t, role, node) => {
            grant_create(op, team(TEAMS[*t]), named(ROLES[*role], NODES[*node])).await.map(drop)
        }
        Step::Join(t, person) => member_add(op, TEAMS[*t].to_owned(), MemberName::User(email(*person))).await.map(drop),
        Step::Nest(t, inner) => {
            member_add(op, TEAMS[*t].to_owned(), MemberName::Team(TEAMS[*inner].to_owned())).await.map(drop)
        }
        Step::Leave(t, person) => {
            team::member_remove(op, TEAMS[*t].to_owned(), MemberName::User(email(*person))).await.map(drop)
        }
    }
}

#[test]
fn roles_and_nested_teams_do_what_a_naive_reading_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 6, max_shrink_iters: 64, ..Config::default() });
    let outcome = runner.run(&steps(), |steps| runtime.block_on(run(&steps)));
    outcome.unwrap();
}

async fn run(steps: &[(usize, Step)]) -> Result<(), TestCaseError> {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    let mut oracle = Oracle::default();
    for (n, name) in ROLES.iter().enumerate() {
        let set = set_of(0x7f >> n);
        role_create(&owner, wished(name, &set.iter().map(Permission::as_str).collect::<Vec<_>>())).await.unwrap();
        oracle.roles.insert(n, set);
    }
    for name in TEAMS {
        team_create(&owner, slug(name), None).await.unwrap();
    }
    let mut people = Vec::new();
    for name in PEOPLE {
        people.push(world.person(name, &[]).await);
    }
    for (actor, step) in steps {
        let who = PEOPLE.get(*actor).copied();
        let op = people.get(*actor).map_or_else(|| world.owner(), |p| world.op_as(p));
        let (done, expected) = (act(&op, step).await, oracle.take(who, step));
        prop_assert_eq!(done.is_ok(), expected, "{:?} by {:?}: {:?}", step, who, done.err());
        for (name, person) in PEOPLE.iter().zip(&people) {
            for (n, node) in NODES.iter().enumerate() {
                let held = held(&world, person, node).await;
                prop_assert_eq!(held, oracle.held(name, n), "{} at {:?} after {:?}", name, node, step);
            }
        }
    }
    Ok(())
}

async fn held(world: &World, person: &Person, node: &str) -> PermissionSet {
    let (owner, (project, environment)) = (world.owner(), names(node));
    let found = owner.read(|reader| {
        let at: Resource = access::node(&owner, reader, project.as_deref(), environment.as_deref())?;
        let facts = access::principal_facts(reader, world.organization.id, person.id)?;
        Ok::<_, OrgError>(facts.map_or(PermissionSet::EMPTY, |f| effective(&f, &at)))
    });
    found.await.unwrap()
}
