//! Decides: the role table as Cedar policies, evaluated over the facts of one request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use cedar_policy::{Authorizer, Entities, EntityUid, Policy, PolicyId, PolicySet, Request, Response};

use super::cedar::{self, ROLE_PREFIX, TENANCY, Vocabulary};
use super::forbid::Part;
use super::{Action, BuiltinRole, Decision, ForbidSet, InstancePermission, Node, Principal, Resource, Role, RoleFacts};
use crate::types::Timestamp;

/// How many custom roles are kept compiled; beyond that all are forgotten and compiled again when met.
const MAX_COMPILED: usize = 1_024;

const CONTRADICTION: &str = "the facts contradict themselves, which denies; report this as a bug";

/// What a decision depends on besides principal, action and resource.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The organization's own policies. They are asked only when a role permits, and only ever forbid.
    pub forbids: Option<&'a ForbidSet>,
    /// When and from where. Without them, policies that look at them are not asked, and the decision says so.
    pub circumstances: Option<&'a Circumstances>,
}

/// What policies may look at that is no fact of principal or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub address: Option<IpAddr>,
}

/// The policies, parsed once. Shared by all threads.
pub struct Engine {
    authorizer: Authorizer,
    vocabulary: Vocabulary,
    /// One policy set per subset of the built-in roles, by bit mask of [`BuiltinRole`], for unprotected and protected
    /// resources: evaluating policies of roles that somebody does not hold, or of the other protection, costs time
    /// and can permit nothing. Made when first met: of the subsets there could be, an organization has a few.
    slices: [Vec<OnceLock<PolicySet>>; 2],
    /// The two policies of each built-in role.
    roles: Vec<[Policy; 2]>,
    tenancy: Policy,
    instance: PolicySet,
    custom: RwLock<HashMap<Arc<RoleFacts>, [Policy; 2]>>,
    source: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// Builds and parses the built-in policies. Takes milliseconds: once per process.
    pub fn new() -> Self {
        let tenancy = parse(TENANCY, cedar::TENANCY_SOURCE);
        let operator_source = cedar::operator_source();
        let operator = parse(cedar::INSTANCE_OPERATOR, &operator_source);
        let mut source = format!("{}\n{operator_source}", cedar::TENANCY_SOURCE);
        let mut roles = Vec::with_capacity(BuiltinRole::ALL.len());
        for role in BuiltinRole::ALL {
            let texts = cedar::role_sources(role.as_str(), role.permissions());
            for (_, text) in &texts {
                source.push('\n');
                source.push_str(text);
            }
            roles.push(texts.map(|(id, text)| parse(&id, &text)));
        }
        Self {
            authorizer: Authorizer::new(),
            vocabulary: Vocabulary::new(),
            slices: [0, 1].map(|_| vec![OnceLock::new(); 1 << roles.len()]),
            instance: set_of([&operator, &tenancy]),
            roles,
            tenancy,
            custom: RwLock::default(),
            source,
        }
    }

    /// The built-in policies as Cedar text, in a stable order.
    pub fn policy_source(&self) -> &str {
        &self.source
    }

    /// Whether `principal` may do `action` to `resource`, and why. Tens of microseconds: see [`super::DecisionCache`].
    pub fn decide(&self, principal: &Principal, action: Action, resource: &Resource, context: Context<'_>) -> Decision {
        let empty = cedar_policy::Context::empty();
        let asked = self.question(principal, action, resource, empty).zip(self.slice(principal, resource));
        let Some((question, policies)) = asked else {
            return Decision::denied(Vec::new(), vec![CONTRADICTION.to_owned()]);
        };
        let answer = Answer::new(question.ask(&self.authorizer, &policies));
        if !answer.errors.is_empty() {
            return Decision::denied(answer.policies, answer.errors);
        }
        if !answer.allow {
            return if answer.policies.is_empty() {
                Decision::lacking(action.permission(resource.is_protected()))
            } else {
                Decision::denied(answer.policies, vec!["it belongs to another organization".to_owned()])
            };
        }
        let reasons = grants_that_gave(principal, action, resource, &answer.policies);
        let decision = Decision::allowed(answer.policies, reasons);
        let forbids = context.forbids.filter(|f| !f.is_empty() && !cannot_be_forbidden(principal, action, resource));
        let Some(forbids) = forbids else { return decision };
        let ask = |part: &Part| Satisfied::new(question.ask(&self.authorizer, &part.fixed));
        let mut decision = forbidden(decision, ask(&forbids.enforced), || ask(&forbids.observed));
        decision.conditional = decision.allow && forbids.varies(action);
        match context.circumstances {
            Some(at) if decision.conditional => self.narrow(&decision, principal, action, resource, forbids, at),
            _ => decision,
        }
    }

    /// The decision when also those of the organization's policies are asked that look at the circumstances: the
    /// rest of a decision that is [`Decision::conditional`].
    pub fn narrow(
        &self,
        decision: &Decision,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        forbids: &ForbidSet,
        at: &Circumstances,
    ) -> Decision {
        let ask = |part: &Part| self.ask_varying(part, principal, action, resource, at);
        let decision = Decision { conditional: false, ..decision.clone() };
        forbidden(decision, ask(&forbids.enforced), || ask(&forbids.observed))
    }

    /// Which of these policies, all as they are enforced, forbid an act, whatever roles say of it. What cannot be
    /// evaluated is named like a policy, for it denies.
    pub fn forbidden_by(
        &self,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        forbids: &ForbidSet,
        at: &Circumstances,
    ) -> Vec<String> {
        if cannot_be_forbidden(principal, action, resource) {
            return Vec::new();
        }
        let mut all = self.ask_varying(&forbids.enforced, principal, action, resource, at);
        match self.question(principal, action, resource, cedar_policy::Context::empty()) {
            Some(question) => all.extend(Satisfied::new(question.ask(&self.authorizer, &forbids.enforced.fixed))),
            None => all.errors.push(CONTRADICTION.to_owned()),
        }
        all.policies.into_iter().chain(all.errors).collect()
    }

    /// Whether these policies would forbid an owner to manage policies at any hour of a week, from anywhere.
    pub fn locks_owners_out(&self, owner: &Principal, forbids: &ForbidSet) -> bool {
        const HOUR: i64 = 3_600_000_000;
        let addresses = [None, Some(IpAddr::from([203, 0, 113, 7])), Some(IpAddr::from([10, 0, 0, 7]))];
        let resource = Resource::organization(owner.organization);
        let Some(question) = self.question(owner, Action::PolicyManage, &resource, cedar_policy::Context::empty())
        else {
            return true;
        };
        let fixed = Satisfied::new(question.ask(&self.authorizer, &forbids.enforced.fixed));
        !fixed.is_empty()
            || addresses.iter().any(|address| {
                (0..7 * 24).any(|hour| {
                    let at = Circumstances { at: Timestamp::from_micros(hour * HOUR), address: *address };
                    !self.ask_varying(&forbids.enforced, owner, Action::PolicyManage, &resource, &at).is_empty()
                })
            })
    }

    /// The varying policies that are satisfied, and what cannot be evaluated, which counts as satisfied.
    fn ask_varying(
        &self,
        part: &Part,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        at: &Circumstances,
    ) -> Satisfied {
        let mut all = Satisfied::default();
        for (zone, policies) in &part.varying {
            let context = cedar::context(at, resource.path(), zone);
            let question = context.and_then(|c| self.question(principal, action, resource, c));
            match question {
                Some(question) => all.extend(Satisfied::new(question.ask(&self.authorizer, policies))),
                None => all.errors.push(CONTRADICTION.to_owned()),
            }
        }
        all
    }

    /// Whether `principal` may do what only instance operators may.
    pub fn decide_instance(&self, principal: &Principal, permission: InstancePermission) -> Decision {
        let vocabulary = &self.vocabulary;
        let (who, what) = (vocabulary.principal(principal), vocabulary.instance_action(permission));
        let request = request(who, what, vocabulary.instance(), cedar_policy::Context::empty());
        let entities = vocabulary.entities(principal, None);
        let Some(question) = request.zip(entities).map(|(request, entities)| Question { request, entities }) else {
            return Decision::denied(Vec::new(), vec![CONTRADICTION.to_owned()]);
        };
        let answer = Answer::new(question.ask(&self.authorizer, &self.instance));
        match (answer.allow, answer.errors.is_empty()) {
            (true, true) => {
                let reason = format!("instance operators hold `{permission}`");
                Decision::allowed(answer.policies, vec![reason])
            }
            (false, true) => {
                let reason = format!("only instance operators hold `{permission}`; no organization role does");
                Decision::denied(answer.policies, vec![reason])
            }
            (_, false) => Decision::denied(answer.policies, answer.errors),
        }
    }

    fn question(
        &self,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        context: cedar_policy::Context,
    ) -> Option<Question> {
        let vocabulary = &self.vocabulary;
        let (who, what) = (vocabulary.principal(principal), vocabulary.action(action));
        let request = request(who, what, vocabulary.resource(resource.node()), context)?;
        Some(Question { request, entities: vocabulary.entities(principal, Some(resource))? })
    }

    /// The policies of the roles that `principal` holds anywhere, and tenancy. None when the facts contradict
    /// themselves, which denies.
    fn slice(&self, principal: &Principal, resource: &Resource) -> Option<Cow<'_, PolicySet>> {
        let protected = usize::from(resource.is_protected());
        let mut mask = 0_usize;
        let mut custom: Vec<&Arc<RoleFacts>> = Vec::new();
        for grant in &principal.grants {
            match grant.role() {
                Role::Builtin(role) => mask |= 1 << (*role as usize),
                Role::Custom(facts) if !custom.contains(&facts) => custom.push(facts),
                Role::Custom(_) => {}
            }
        }
        let slice = self.slices[protected][mask].get_or_init(|| {
            let held = self.roles.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
            set_of(held.map(|(_, policies)| &policies[protected]).chain([&self.tenancy]))
        });
        if custom.is_empty() {
            return Some(Cow::Borrowed(slice));
        }
        let mut set = slice.clone();
        for facts in custom {
            let [plain, guarded] = self.compiled(facts);
            // Fails on a name met before: two versions of one role, and no telling which one is granted where.
            set.add(if protected == 1 { guarded } else { plain }).ok()?;
        }
        Some(Cow::Owned(set))
    }

    fn compiled(&self, facts: &Arc<RoleFacts>) -> [Policy; 2] {
        if let Some(policies) = self.custom.read().unwrap_or_else(PoisonError::into_inner).get(facts) {
            return policies.clone();
        }
        let role = Role::Custom(Arc::clone(facts));
        let policies = cedar::role_sources(role.name(), role.permissions()).map(|(id, text)| parse(&id, &text));
        let mut custom = self.custom.write().unwrap_or_else(PoisonError::into_inner);
        if custom.len() >= MAX_COMPILED {
            custom.clear();
        }
        custom.insert(Arc::clone(facts), policies.clone());
        policies
    }
}

/// The organization's policies that are satisfied.
#[derive(Default)]
struct Satisfied {
    policies: Vec<String>,
    errors: Vec<String>,
}

impl Satisfied {
    /// From a set that holds only forbids: Cedar never allows, and names those that are satisfied.
    fn new(response: Response) -> Self {
        let answer = Answer::new(response);
        Self { policies: answer.policies, errors: answer.errors }
    }

    fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.errors.is_empty()
    }

    fn extend(&mut self, more: Self) {
        self.policies.extend(more.policies);
        self.errors.extend(more.errors);
        self.policies.sort_unstable();
    }
}

/// The decision with what the organization's policies say of it: an enforced one denies, an observed one is noted.
fn forbidden(decision: Decision, enforced: Satisfied, observed: impl FnOnce() -> Satisfied) -> Decision {
    if !enforced.is_empty() {
        let forbidden = enforced.policies.iter().map(|p| format!("the organization's policy `{p}` forbids it"));
        let reasons = forbidden.chain(enforced.errors).collect();
        return Decision::denied(enforced.policies, reasons);
    }
    let observed = observed();
    if observed.is_empty() {
        return decision;
    }
    let noted = decision.would_deny.iter().cloned().chain(observed.policies).chain(observed.errors);
    Decision { would_deny: noted.collect(), ..decision }
}

/// Owners can always repair policies, their own mistakes included.
fn cannot_be_forbidden(principal: &Principal, action: Action, resource: &Resource) -> bool {
    let organization = Node::Organization(resource.organization_id());
    let owner = Role::Builtin(BuiltinRole::Owner);
    action == Action::PolicyManage && principal.grants.iter().any(|g| g.node() == organization && *g.role() == owner)
}

/// One sentence per grant that permitted, nearest node first.
fn grants_that_gave(principal: &Principal, action: Action, resource: &Resource, policies: &[String]) -> Vec<String> {
    let permission = action.permission(resource.is_protected());
    let names = policies.iter().filter_map(|p| p.strip_prefix(ROLE_PREFIX));
    let names: Vec<&str> = names.map(|n| n.strip_suffix(".protected").unwrap_or(n)).collect();
    let mut reasons = Vec::with_capacity(1);
    for node in resource.chain() {
        for grant in principal.grants.iter().filter(|g| g.node() == node && names.contains(&g.role().name())) {
            let through = grant.team().map(|t| format!(" through the team `{t}`")).unwrap_or_default();
            let (role, kind) = (grant.role().name(), node.kind().as_str());
            let reason = format!("role `{role}` on {kind} {node}{through} gives `{permission}`");
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
    }
    reasons
}

struct Question {
    request: Request,
    entities: Entities,
}

impl Question {
    fn ask(&self, authorizer: &Authorizer, policies: &PolicySet) -> Response {
        authorizer.is_authorized(&self.request, policies, &self.entities)
    }
}

struct Answer {
    allow: bool,
    policies: Vec<String>,
    errors: Vec<String>,
}

impl Answer {
    fn new(response: Response) -> Self {
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort_unstable();
        let errors = response.diagnostics().errors().map(|e| format!("a policy that cannot be evaluated denies: {e}"));
        Self { allow: response.decision() == cedar_policy::Decision::Allow, policies, errors: errors.collect() }
    }
}

/// Without a schema nothing is checked and this cannot fail; none still denies.
fn request(
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    context: cedar_policy::Context,
) -> Option<Request> {
    Request::new(principal, action, resource, context, None).ok()
}

fn parse(id: &str, source: &str) -> Policy {
    Policy::parse(Some(PolicyId::new(id)), source).expect("made here, of permission names and a slug")
}

fn set_of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> PolicySet {
    PolicySet::from_policies(policies.into_iter().cloned()).expect("each policy has an id of its own")
}
