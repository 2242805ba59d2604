//! The engine against a naive oracle over random trees, grants and policies.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::types::{Id, Slug, Timestamp};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

const ORGANIZATIONS: u8 = 2;
const PROJECTS: u8 = 2;
const ENVIRONMENTS: u8 = 4;

/// A node of the fixed forest: organization, project in it, environment in that (0 roots, then chains by `parent_of`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Organization(u8),
    Project(u8, u8),
    Environment(u8, u8, u8),
}

impl Place {
    fn above(self) -> Option<Self> {
        match self {
            Self::Organization(_) => None,
            Self::Project(o, _) => Some(Self::Organization(o)),
            // 0 and 1 are roots, 2 is a child of 0, 3 a child of 2.
            Self::Environment(o, p, 2) => Some(Self::Environment(o, p, 0)),
            Self::Environment(o, p, 3) => Some(Self::Environment(o, p, 2)),
            Self::Environment(o, p, _) => Some(Self::Project(o, p)),
        }
    }

    fn tenant(self) -> u8 {
        match self {
            Self::Organization(o) | Self::Project(o, _) | Self::Environment(o, ..) => o,
        }
    }

    fn node(self) -> Node {
        let bytes = |kind: u8, o: u8, p: u8, e: u8| [kind, o, p, e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        match self {
            Self::Organization(o) => Node::Organization(Id::from_bytes(bytes(1, o, 0, 0))),
            Self::Project(o, p) => Node::Project(Id::from_bytes(bytes(2, o, p, 0))),
            Self::Environment(o, p, e) => Node::Environment(Id::from_bytes(bytes(3, o, p, e))),
        }
    }

    fn resource(self) -> Resource {
        let Node::Organization(organization) = Self::Organization(self.tenant()).node() else { unreachable!() };
        let (mut project, mut environments, mut at) = (None, Vec::new(), Some(self));
        while let Some(place) = at {
            match place.node() {
                Node::Environment(id) => environments.push(id),
                Node::Project(id) => project = Some(id),
                Node::Organization(_) => {}
            }
            at = place.above();
        }
        match (project, environments.split_first()) {
            (Some(project), Some((own, parents))) => Resource::environment(organization, project, *own, parents),
            (Some(project), None) => Resource::project(organization, project),
            (None, _) => Resource::organization(organization),
        }
    }

    /// The oracle's own walk upwards.
    fn is_in_subtree_of(self, other: Self) -> bool {
        self == other || self.above().is_some_and(|a| a.is_in_subtree_of(other))
    }
}

fn places() -> impl Strategy<Value = Place> {
    (0..ORGANIZATIONS, 0..PROJECTS, 0..ENVIRONMENTS, 0..4_u8).prop_map(|(o, p, e, level)| match level {
        0 => Place::Organization(o),
        1 => Place::Project(o, p),
        _ => Place::Environment(o, p, e),
    })
}

fn permission_sets() -> impl Strategy<Value = PermissionSet> {
    any::<u128>()
        .prop_map(|bits| Permission::all().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, p)| p).collect())
}

fn roles() -> impl Strategy<Value = Role> {
    let custom = (0..3_u8, permission_sets()).prop_map(|(n, set)| {
        let name = Slug::parse(&format!("custom-{n}")).expect("a slug");
        Role::Custom(Arc::new(RoleFacts::new(name, set).expect("not built in")))
    });
    prop_oneof![4 => proptest::sample::select(BuiltinRole::ALL).prop_map(Role::Builtin), 1 => custom]
}

/// Grants that can be written down; at most one version of each custom role, as in a database.
fn grants() -> impl Strategy<Value = Vec<(Place, GrantFact)>> {
    proptest::collection::vec((roles(), places()), 0..5).prop_map(|pairs| {
        let mut kept: Vec<(Place, GrantFact)> = Vec::new();
        for (role, place) in pairs {
            let other_version = kept.iter().any(|(_, g)| g.role().name() == role.name() && *g.role() != role);
            if let (false, Ok(grant)) = (other_version, GrantFact::new(role, place.node())) {
                kept.push((place, grant));
            }
        }
        kept
    })
}

fn principal(tenant: u8, machine: bool, grants: &[(Place, GrantFact)]) -> Principal {
    let Node::Organization(organization) = Place::Organization(tenant).node() else { unreachable!() };
    Principal {
        id: if machine {
            PrincipalId::ServiceAccount(Id::from_bytes([9; 16]))
        } else {
            PrincipalId::User(Id::from_bytes([8; 16]))
        },
        organization,
        instance_operator: !machine,
        grants: grants.iter().map(|(_, g)| g.clone()).collect(),
    }
}

const FORBIDS: &[&str] = &[
    "forbid (principal, action, resource);",
    "forbid (principal is ServiceAccount, action, resource);",
    "forbid (principal, action in [Action::\"secret.use\", Action::\"secret.reveal\"], resource);",
    "forbid (principal, action, resource) when { resource.protected };",
    "forbid (principal, action, resource is Environment) when { resource.tier == \"development\" };",
    "forbid (principal, action, resource) unless { resource.locked };",
    "forbid (principal, action, resource) when { principal.nothing == 1 };",
    "forbid (principal, action, resource) when { false };",
    "forbid (principal, action, resource) when { context.time.hour < 8 };",
    "@zone(\"Asia/Tokyo\") forbid (principal, action == Action::\"secret.use\", resource) when { context.time.hour < 8 };",
    "forbid (principal, action, resource) when { context has address };",
];

fn forbid_sets() -> impl Strategy<Value = ForbidSet> {
    proptest::sample::subsequence(FORBIDS, 0..=FORBIDS.len()).prop_map(|texts| {
        let named = texts.iter().enumerate().map(|(n, t)| (Slug::parse(&format!("p{n}")).expect("a slug"), *t));
        ForbidSet::parse(named).expect("they forbid")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_decision_is_what_a_naive_reading_of_the_grants_says(
        tenant in 0..ORGANIZATIONS, machine: bool, grants in grants(), place in places(), protected: bool,
    ) {
        let principal = principal(tenant, machine, &grants);
        let resource = place.resource().with_protected(protected);
        let held = effective(&principal, &resource);
        for action in Action::ALL {
            let needed = action.permission(protected && matches!(place, Place::Environment(..)));
            let oracle = place.tenant() == tenant
                && grants.iter().any(|(at, g)| place.is_in_subtree_of(*at) && g.role().permissions().contains(needed));
            let decision = ENGINE.decide(&principal, *action, &resource, Context::default());
            prop_assert_eq!(decision.allow, oracle, "{} on {:?}: {:?}", action, place, decision);
            prop_assert_eq!(held.permits(*action, resource.is_protected()), oracle);
            prop_assert!(!decision.reasons.is_empty());
            prop_assert_eq!(decision.allow, decision.hint().is_none());
            prop_assert!(!oracle || !decision.policies.is_empty());
        }
    }

    #[test]
    fn nothing_is_permitted_outside_a_grants_subtree_or_in_another_organization(
        tenant in 0..ORGANIZATIONS, role in roles(), at in places(), place in places(), action in actions(),
    ) {
        let grants: Vec<_> = GrantFact::new(role, at.node()).into_iter().map(|g| (at, g)).collect();
        let decision = ENGINE.decide(&principal(tenant, false, &grants), action, &place.resource(), Context::default());
        if place.tenant() != tenant || !place.is_in_subtree_of(at) {
            prop_assert!(!decision.allow, "{:?}", decision);
        }
    }

    #[test]
    fn an_organizations_policies_never_turn_deny_into_allow(
        tenant in 0..ORGANIZATIONS, machine: bool, grants in grants(), place in places(), protected: bool,
        forbids in forbid_sets(), action in actions(),
    ) {
        let principal = principal(tenant, machine, &grants);
        let resource = place.resource().with_protected(protected);
        let without = ENGINE.decide(&principal, action, &resource, Context::default());
        let with = ENGINE.decide(&principal, action, &resource, Context { forbids: Some(&forbids), circumstances: None });
        prop_assert!(without.allow || !with.allow);
        prop_assert!(without.allow || without == with, "a policy changed the reason of a denial");
    }

    #[test]
    fn observing_changes_no_decision_and_names_what_enforcing_would_deny(
        tenant in 0..ORGANIZATIONS, grants in grants(), place in places(), action in actions(),
        texts in proptest::sample::subsequence(FORBIDS, 0..=FORBIDS.len()), hour in 0..24_i64,
    ) {
        let principal = principal(tenant, false, &grants);
        let resource = place.resource();
        let names: Vec<_> = (0..texts.len()).map(|n| Slug::parse(&format!("p{n}")).expect("a slug")).collect();
        let set = |mode| ForbidSet::load(names.iter().zip(&texts).map(|(name, source)| OwnPolicy { name, mode, source }));
        let at = Circumstances { at: Timestamp::from_micros(hour * 3_600_000_000), address: None };
        let decide = |forbids: &ForbidSet| {
            ENGINE.decide(&principal, action, &resource, Context { forbids: Some(forbids), circumstances: Some(&at) })
        };
        let without = ENGINE.decide(&principal, action, &resource, Context::default());
        let (observed, enforced) = (decide(&set(Mode::Observe)), decide(&set(Mode::Enforce)));
        prop_assert_eq!(observed.allow, without.allow);
        prop_assert_eq!(&observed.policies, &without.policies);
        prop_assert_eq!(!observed.would_deny.is_empty(), without.allow && !enforced.allow);
        prop_assert!(enforced.would_deny.is_empty() && !enforced.conditional && !observed.conditional);
        // What is kept under the epoch, asked the rest later, is the same decision.
        let forbids = set(Mode::Enforce);
        let fixed = ENGINE.decide(&principal, action, &resource, Context { forbids: Some(&forbids), circumstances: None });
        prop_assert!(fixed.conditional || fixed == enforced);
        if fixed.conditional {
            prop_assert_eq!(ENGINE.narrow(&fixed, &principal, action, &resource, &forbids, &at), enforced);
        }
    }

    #[test]
    fn nobody_gives_more_than_they_hold(
        grants in grants(), place in places(), given in roles(), protected: bool, action in actions(),
    ) {
        let giver = principal(place.tenant(), false, &grants);
        let resource = place.resource().with_protected(protected);
        let Ok(grant) = GrantFact::new(given.clone(), place.node()) else { return Ok(()) };
        let receiver = principal(place.tenant(), true, &[(place, grant)]);
        match may_grant(effective(&giver, &resource), given.permissions()) {
            Ok(()) => {
                let received = ENGINE.decide(&receiver, action, &resource, Context::default()).allow;
                let own = ENGINE.decide(&giver, action, &resource, Context::default()).allow;
                prop_assert!(own || !received);
            }
            Err(lacking) => {
                prop_assert!(!lacking.is_empty());
                prop_assert!(lacking.attenuates(given.permissions()));
                prop_assert!(lacking.iter().all(|p| !effective(&giver, &resource).contains(p)));
            }
        }
    }
}

fn actions() -> impl Strategy<Value = Action> {
    proptest::sample::select(Action::ALL)
}

fn holder(role: BuiltinRole, at: Place) -> Principal {
    principal(0, false, &[(at, GrantFact::new(role, at.node()).expect("grantable"))])
}

const OWN: Place = Place::Environment(0, 0, 2);

#[test]
fn a_decision_names_policy_grant_and_what_is_missing() {
    let developer = holder(BuiltinRole::Developer, Place::Project(0, 0));
    let allowed = ENGINE.decide(&developer, Action::SecretUse, &OWN.resource(), Context::default());
    assert_eq!(*allowed.policies, ["role.developer"]);
    let project = Place::Project(0, 0).node();
    assert_eq!(allowed.reasons, [format!("role `developer` on project {project} gives `secret.use`")]);

    let protected = OWN.resource().with_protected(true);
    let denied = ENGINE.decide(&developer, Action::SecretUse, &protected, Context::default());
    assert!(!denied.allow && denied.policies.is_empty());
    assert_eq!(denied.missing.map(Permission::as_str), Some("secret.use.protected"));
    assert_eq!(denied.held_by, [BuiltinRole::Maintainer, BuiltinRole::Admin, BuiltinRole::Owner]);
    let hint = denied.hint().expect("denied");
    assert!(hint.contains("`maintainer`") && hint.contains("secret.use.protected"), "{hint}");
}

#[test]
fn another_organizations_resource_is_denied_by_tenancy_even_to_a_grant_on_it() {
    let theirs = Place::Organization(1);
    let owner = holder(BuiltinRole::Owner, theirs);
    let decision = ENGINE.decide(&owner, Action::ProjectRead, &theirs.resource(), Context::default());
    assert!(!decision.allow);
    assert_eq!(*decision.policies, ["tenancy"]);
}

#[test]
fn an_own_policy_forbids_and_is_named() {
    let name = Slug::parse("no-reveal").expect("a slug");
    let text = "forbid (principal, action == Action::\"secret.reveal\", resource is Environment) \
                when { resource.tier == \"production\" };";
    let forbids = ForbidSet::parse([(name, text)]).expect("it forbids");
    let context = Context { forbids: Some(&forbids), circumstances: None };
    let owner = holder(BuiltinRole::Owner, Place::Organization(0));
    let production = OWN.resource().with_tier(Tier::Production);
    let decision = ENGINE.decide(&owner, Action::SecretReveal, &production, context);
    assert!(!decision.allow);
    assert_eq!(*decision.policies, ["policy.no-reveal"]);
    assert!(ENGINE.decide(&owner, Action::SecretReveal, &OWN.resource(), context).allow);
    assert!(ENGINE.decide(&owner, Action::SecretUse, &production, context).allow);
}

#[test]
fn an_own_policy_that_cannot_be_evaluated_denies() {
    let name = Slug::parse("broken").expect("a slug");
    let text = "forbid (principal, action, resource) when { principal.nothing == 1 };";
    let forbids = ForbidSet::parse([(name, text)]).expect("it forbids");
    let owner = holder(BuiltinRole::Owner, Place::Organization(0));
    let decision = ENGINE.decide(
        &owner,
        Action::SecretUse,
        &OWN.resource(),
        Context { forbids: Some(&forbids), circumstances: None },
    );
    assert!(!decision.allow);
    assert!(decision.reasons.iter().any(|r| r.contains("policy.broken")), "{decision:?}");
}

#[test]
fn an_owner_can_always_manage_policies_and_an_admin_can_be_forbidden_it() {
    let name = Slug::parse("nothing").expect("a slug");
    let forbids = ForbidSet::parse([(name, "forbid (principal, action, resource);")]).expect("it forbids");
    let context = Context { forbids: Some(&forbids), circumstances: None };
    let here = Place::Organization(0);
    let manage = |role| ENGINE.decide(&holder(role, here), Action::PolicyManage, &here.resource(), context).allow;
    assert!(manage(BuiltinRole::Owner));
    assert!(!manage(BuiltinRole::Admin));
    assert!(!ENGINE.decide(&holder(BuiltinRole::Owner, here), Action::OrgUpdate, &here.resource(), context).allow);
}

#[test]
fn only_a_user_who_is_an_operator_holds_the_instances_permissions() {
    let org = Place::Organization(0);
    let owner = Principal { instance_operator: false, ..holder(BuiltinRole::Owner, org) };
    let operator = Principal { instance_operator: true, grants: Vec::new(), ..owner.clone() };
    let machine = Principal { id: PrincipalId::ServiceAccount(Id::from_bytes([9; 16])), ..operator.clone() };
    for permission in InstancePermission::ALL {
        assert!(!ENGINE.decide_instance(&owner, *permission).allow, "{permission}");
        assert!(!ENGINE.decide_instance(&machine, *permission).allow, "{permission}");
        let decision = ENGINE.decide_instance(&operator, *permission);
        assert!(decision.allow && *decision.policies == ["instance.operator"], "{permission}");
    }
    for action in Action::ALL {
        assert!(!ENGINE.decide(&operator, *action, &org.resource(), Context::default()).allow, "{action}");
    }
}

#[test]
fn locks_are_not_policy() {
    let developer = holder(BuiltinRole::Developer, OWN);
    let open = ENGINE.decide(&developer, Action::SecretWrite, &OWN.resource(), Context::default());
    let locked = ENGINE.decide(&developer, Action::SecretWrite, &OWN.resource().with_locked(true), Context::default());
    assert_eq!(open, locked);
}

#[test]
fn two_versions_of_one_custom_role_deny_instead_of_mixing() {
    let role = |actions: &[Action]| {
        let permissions = actions.iter().map(|a| a.permission(false)).collect();
        let facts = RoleFacts::new(Slug::parse("deployer").expect("a slug"), permissions).expect("not built in");
        Role::Custom(Arc::new(facts))
    };
    let (more, less) = (role(&[Action::SecretUse, Action::SecretList]), role(&[Action::SecretList]));
    let grant = |role: &Role, at: Place| (at, GrantFact::new(role.clone(), at.node()).expect("grantable"));
    let elsewhere = Place::Project(0, 1);
    let ask = |grants: &[(Place, GrantFact)], action| {
        ENGINE.decide(&principal(0, false, grants), action, &OWN.resource(), Context::default()).allow
    };
    assert!(ask(&[grant(&less, OWN)], Action::SecretList));
    assert!(!ask(&[grant(&less, OWN)], Action::SecretUse));
    assert!(!ask(&[grant(&more, elsewhere), grant(&less, OWN)], Action::SecretUse));
}
