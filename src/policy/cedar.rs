//! Facts and roles in Cedar's terms: the schema, the built-in policies as text, entities.
//!
//! A set in Cedar holds one type of entity, but a grant may name an organization, a project or an environment. So
//! every node is also in a `Node` of the same id, and a principal carries one tag per role: the set of `Node`s it is
//! given on. A resource carries all its ancestors itself, so that two entities are enough for a decision.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr as _;

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use jiff::tz::TimeZone;

use super::{
    Action, Circumstances, InstancePermission, Node, NodeKind, PermissionSet, Principal, PrincipalId, Resource,
};

/// The policy that keeps tenants apart.
pub(super) const TENANCY: &str = "tenancy";
/// The policy of instance operators.
pub(super) const INSTANCE_OPERATOR: &str = "instance.operator";
/// What precedes a role's name in the names of its policies.
pub(super) const ROLE_PREFIX: &str = "role.";
/// What precedes the name of an organization's own policy.
pub(super) const OWN_PREFIX: &str = "policy.";

/// The text of the tenancy policy.
pub(super) const TENANCY_SOURCE: &str = "\
@id(\"tenancy\")
forbid (principal, action, resource)
unless { resource is Instance || principal.organization == resource.organization };
";

/// The Cedar schema of Holdfast: what an organization's own policy may speak of. The instance and its permissions are
/// not in it: no such policy is asked about them.
pub fn schema_source() -> String {
    let mut text = String::from(
        "\
type Moment = { hour: Long, minute: Long, minutes: Long, weekday: Long, date: String };
entity Node;
entity Organization in [Node] = { organization: Organization, protected: Bool, locked: Bool };
entity Project in [Organization, Node] = { organization: Organization, protected: Bool, locked: Bool };
entity Environment in [Environment, Project, Organization, Node] =
    { organization: Organization, protected: Bool, locked: Bool, tier: String };
entity User = { organization: Organization, operator: Bool } tags Set<Node>;
entity ServiceAccount = { organization: Organization } tags Set<Node>;
",
    );
    let _ = writeln!(text, "action {}", quoted(Action::ALL.iter().map(|a| a.as_str()), ""));
    text.push_str(
        "    appliesTo { principal: [User, ServiceAccount], resource: [Organization, Project, Environment],\n        \
         context: { time: Moment, address?: ipaddr, path?: String } };\n",
    );
    text
}

/// The two policies of a role as (id, text): unprotected and protected resources.
pub(super) fn role_sources(name: &str, permissions: PermissionSet) -> [(String, String); 2] {
    [false, true].map(|protected| {
        let id = format!("{ROLE_PREFIX}{name}{}", if protected { ".protected" } else { "" });
        let actions = Action::ALL.iter().filter(|a| permissions.permits(**a, protected)).map(|a| a.as_str());
        let clause = if protected { "when" } else { "unless" };
        let source = format!(
            "@id(\"{id}\")\npermit (\n    principal,\n    action in [{}],\n    resource\n)\n\
             when {{ principal.hasTag(\"{name}\") && resource in principal.getTag(\"{name}\") }}\n\
             {clause} {{ resource.protected }};\n",
            quoted(actions, "Action::"),
        );
        (id, source)
    })
}

/// The text of the policy of instance operators.
pub(super) fn operator_source() -> String {
    format!(
        "@id(\"{INSTANCE_OPERATOR}\")\npermit (\n    principal is User,\n    action in [{}],\n    resource is Instance\n)\n\
         when {{ principal.operator }};\n",
        quoted(InstancePermission::ALL.iter().map(|p| p.as_str()), "Action::"),
    )
}

/// `"a",\n "b"`, one to a line; names here need no escaping.
fn quoted<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    let lines: Vec<_> = names.map(|n| format!("\n        {prefix}\"{n}\"")).collect();
    lines.join(",")
}

/// The circumstances of a request, times in `zone`. None when Cedar refuses them, which denies.
pub(super) fn context(at: &Circumstances, path: Option<&str>, zone: &TimeZone) -> Option<Context> {
    let moment = jiff::Timestamp::from_microsecond(at.at.as_micros()).ok()?.to_zoned(zone.clone());
    let (hour, minute) = (i64::from(moment.hour()), i64::from(moment.minute()));
    let weekday = i64::from(moment.weekday().to_monday_one_offset());
    let long = RestrictedExpression::new_long;
    let time = RestrictedExpression::new_record([
        ("hour".to_owned(), long(hour)),
        ("minute".to_owned(), long(minute)),
        ("minutes".to_owned(), long(hour * 60 + minute)),
        ("weekday".to_owned(), long(weekday)),
        ("date".to_owned(), RestrictedExpression::new_string(moment.date().to_string())),
    ])
    .ok()?;
    let mut pairs = vec![("time".to_owned(), time)];
    // An IPv4 address that came through an IPv6 socket is written as what it is.
    pairs
        .extend(at.address.map(|a| ("address".to_owned(), RestrictedExpression::new_ip(a.to_canonical().to_string()))));
    pairs.extend(path.map(|p| ("path".to_owned(), RestrictedExpression::new_string(p.to_owned()))));
    Context::from_pairs(pairs).ok()
}

/// Every name that Cedar is given, parsed once: parsing costs ten times what using it does.
pub(super) struct Vocabulary {
    organization: EntityTypeName,
    project: EntityTypeName,
    environment: EntityTypeName,
    node: EntityTypeName,
    user: EntityTypeName,
    service_account: EntityTypeName,
    instance: EntityUid,
    actions: Vec<EntityUid>,
    instance_actions: Vec<EntityUid>,
}

impl Vocabulary {
    pub(super) fn new() -> Self {
        let name = |text: &str| EntityTypeName::from_str(text).expect("a fixed identifier");
        let action = name("Action");
        let uid = |ty: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id));
        Self {
            instance: uid(&name("Instance"), "instance"),
            actions: Action::ALL.iter().map(|a| uid(&action, a.as_str())).collect(),
            instance_actions: InstancePermission::ALL.iter().map(|p| uid(&action, p.as_str())).collect(),
            organization: name("Organization"),
            project: name("Project"),
            environment: name("Environment"),
            node: name("Node"),
            user: name("User"),
            service_account: name("ServiceAccount"),
        }
    }

    pub(super) fn action(&self, action: Action) -> EntityUid {
        self.actions[action as usize].clone()
    }

    pub(super) fn instance_action(&self, permission: InstancePermission) -> EntityUid {
        self.instance_actions[permission as usize].clone()
    }

    pub(super) fn instance(&self) -> EntityUid {
        self.instance.clone()
    }

    pub(super) fn principal(&self, principal: &Principal) -> EntityUid {
        let kind = match principal.id {
            PrincipalId::User(_) => &self.user,
            PrincipalId::ServiceAccount(_) => &self.service_account,
        };
        EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(principal.id.to_string()))
    }

    pub(super) fn resource(&self, node: Node) -> EntityUid {
        EntityUid::from_type_name_and_id(self.kind(node).clone(), EntityId::new(node.to_string()))
    }

    fn kind(&self, node: Node) -> &EntityTypeName {
        match node.kind() {
            NodeKind::Organization => &self.organization,
            NodeKind::Project => &self.project,
            NodeKind::Environment => &self.environment,
        }
    }

    fn node(&self, node: Node) -> EntityUid {
        EntityUid::from_type_name_and_id(self.node.clone(), EntityId::new(node.to_string()))
    }

    /// The entities of one decision. None when Cedar refuses them, which denies.
    pub(super) fn entities(&self, principal: &Principal, resource: Option<&Resource>) -> Option<Entities> {
        let mut entities = Vec::with_capacity(2);
        entities.push(self.principal_entity(principal)?);
        if let Some(resource) = resource {
            entities.push(self.resource_entity(resource)?);
        }
        Entities::from_entities(entities, None).ok()
    }

    fn principal_entity(&self, principal: &Principal) -> Option<Entity> {
        let organization = self.resource(Node::Organization(principal.organization));
        let mut attributes = vec![("organization".to_owned(), RestrictedExpression::new_entity_uid(organization))];
        if matches!(principal.id, PrincipalId::User(_)) {
            attributes.push(("operator".to_owned(), RestrictedExpression::new_bool(principal.instance_operator)));
        }
        let mut nodes: BTreeMap<&str, Vec<RestrictedExpression>> = BTreeMap::new();
        for grant in &principal.grants {
            let node = RestrictedExpression::new_entity_uid(self.node(grant.node()));
            nodes.entry(grant.role().name()).or_default().push(node);
        }
        let tags = nodes.into_iter().map(|(role, nodes)| (role.to_owned(), RestrictedExpression::new_set(nodes)));
        Entity::new_with_tags(self.principal(principal), attributes, [], tags).ok()
    }

    fn resource_entity(&self, resource: &Resource) -> Option<Entity> {
        let organization = self.resource(Node::Organization(resource.organization_id()));
        let mut attributes = vec![
            ("organization".to_owned(), RestrictedExpression::new_entity_uid(organization)),
            ("protected".to_owned(), RestrictedExpression::new_bool(resource.is_protected())),
            ("locked".to_owned(), RestrictedExpression::new_bool(resource.is_locked())),
        ];
        if let Some(tier) = resource.tier() {
            let tier = RestrictedExpression::new_string(tier.as_str().to_owned());
            attributes.push(("tier".to_owned(), tier));
        }
        let above = resource.chain().skip(1).map(|n| self.resource(n));
        let parents = above.chain(resource.chain().map(|n| self.node(n)));
        Entity::new_with_tags(self.resource(resource.node()), attributes, parents, []).ok()
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

    use super::InstancePermission;

    #[test]
    fn the_built_in_policies_are_valid_in_the_schema_in_strict_mode() {
        let permissions = InstancePermission::ALL.iter().map(|p| format!("\"{p}\"")).collect::<Vec<_>>().join(", ");
        let instance = format!(
            "entity Instance;\naction {permissions} appliesTo {{ principal: [User, ServiceAccount], resource: [Instance] }};"
        );
        let source = super::schema_source() + &instance;
        let (schema, _) = Schema::from_cedarschema_str(&source).expect("the schema parses");
        let source = super::super::Engine::new().policy_source().to_owned();
        let policies: PolicySet = source.parse().expect("the policies parse");
        let result = Validator::new(schema).validate(&policies, ValidationMode::Strict);
        assert!(result.validation_passed_without_warnings(), "{result}");
    }
}
