//! A whole appliance on a temporary database: for the tests of this room and those above it.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::access::{PrincipalName, Sessions, TreePrincipals};
use super::environment::{EnvironmentCreate, Placed};
use super::grant::GrantWish;
use super::member::MemberAdd;
use super::organization::{Organization, organization_create};
use super::project::{Project, ProjectCreate};
use super::service_account::{ServiceAccountCreate, service_account_create};
use super::{OrgError, environment, grant, member, project, setup};
use crate::auth::credential::{self, Minted};
use crate::auth::password::Passwords;
use crate::auth::{AuthError, Cidrs, CredentialKind, NewCredential};
use crate::db::{Db, DbError, Reader, WriteTx};
use crate::keys::{Keyring, RootKey, Suite};
use crate::ledger::{self, ActionName, EventFilter, EventView, Outcome, Registry};
use crate::op::{Core, Decided, Op, Origin, Policies, Remembered, Who, epoch_raise};
use crate::policy::{Action, BuiltinRole, DecisionCache, Engine, ForbidSet, InstancePermission, PrincipalId};
use crate::types::{Clock as _, Email, Failure, Id, Limit, ManualClock, Secret, SecretString, Slug, Timestamp, kinds};

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_795_000_000_000_000);
/// The password of everybody who has one.
pub(crate) const PASSWORD: &str = "a few unrelated words";

/// Somebody with a token.
pub(crate) struct Person {
    pub(crate) id: PrincipalId,
    pub(crate) email: String,
    pub(crate) organization: Id<kinds::Organization>,
    pub(crate) token: SecretString,
}

impl Person {
    /// As a request names them.
    pub(crate) fn name(&self) -> PrincipalName {
        match self.id {
            PrincipalId::User(id) => PrincipalName::User(id.to_string()),
            PrincipalId::ServiceAccount(id) => PrincipalName::ServiceAccount(id.to_string()),
        }
    }
}

/// An appliance with the organization `acme` and its owner, an instance operator who signed in freshly.
pub(crate) struct World {
    pub(crate) core: Arc<Core>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sessions: Sessions,
    pub(crate) organization: Organization,
    pub(crate) owner: Person,
    _dir: tempfile::TempDir,
}

/// Organizations without policies of their own.
struct NoPolicies;

impl Policies for NoPolicies {
    fn forbids(&self, _: &Reader<'_>, _: Id<kinds::Organization>, _: u64, _: bool) -> Result<Arc<ForbidSet>, DbError> {
        Ok(Arc::default())
    }

    fn standing(&self, _: &Reader<'_>, _: Id<kinds::Organization>, _: &str) -> Result<(String, u32), DbError> {
        Ok((String::new(), 0))
    }

    fn carry_out(&self, _: &Op, _: &mut WriteTx<'_>, _: &str) -> Result<(), Box<dyn Failure>> {
        Err(Box::new(OrgError::not_found("policy", "any")))
    }
}

/// A secret text.
pub(crate) fn secret(text: &str) -> SecretString {
    Secret::new(text.to_owned())
}

/// A slug.
pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

/// A role on a node written as ``, `shop` or `shop/staging`.
pub(crate) fn wish(role: BuiltinRole, node: &str) -> GrantWish {
    let (project, environment) = names(node);
    GrantWish { role: slug(role.as_str()), project, environment }
}

/// Project and environment of a node written as ``, `shop` or `shop/staging`.
pub(crate) fn names(node: &str) -> (Option<String>, Option<String>) {
    let mut parts = node.split('/').filter(|p| !p.is_empty()).map(str::to_owned);
    (parts.next(), parts.next())
}

/// The code an operation failed with; `ok` when it did not.
pub(crate) fn code<T, E: Failure>(result: Result<T, E>) -> &'static str {
    result.map_or_else(|e| e.code(), |_| "ok")
}

/// `NAME@example.com` to add, without password or role.
pub(crate) fn newcomer(name: &str) -> MemberAdd {
    let email = Email::parse(&format!("{name}@example.com")).unwrap();
    MemberAdd { email, name: None, password: None, role: None, project: None, environment: None }
}

/// One for all tests: each costs an Argon2 computation to make.
pub(crate) fn passwords() -> &'static Passwords {
    static ALL: OnceLock<Passwords> = OnceLock::new();
    ALL.get_or_init(|| Passwords::new().unwrap())
}

fn registry(more: &[&[ActionName]]) -> Registry {
    let permissions: Vec<_> = Action::ALL
        .iter()
        .map(|a| a.as_str())
        .chain(InstancePermission::ALL.iter().map(|p| p.as_str()))
        .map(ActionName::new)
        .collect();
    let lists: Vec<_> = [&permissions[..]].into_iter().chain(super::ACTIONS.iter().copied()).collect();
    Registry::freeze(&[&lists[..], more].concat()).unwrap()
}

impl World {
    /// A new world that knows the actions of this room.
    pub(crate) async fn new() -> Self {
        Self::with_actions(&[]).await
    }

    /// A new world whose ledger also takes the actions of rooms above.
    pub(crate) async fn with_actions(more: &[&[ActionName]]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("holdfast.db")).unwrap();
        let instance: Id<kinds::Instance> = Id::new(START);
        let keyring = db.write(move |tx| {
            setup::instance_create(tx, instance, START)?;
            let root = RootKey::generate()?;
            Ok::<_, OrgError>(Keyring::create(tx, root, instance, Suite::XChaCha20Poly1305, START)?)
        });
        let keyring = Arc::new(keyring.await.unwrap());
        ledger::start(&db, registry(more), instance).unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let core = Arc::new(Core {
            db,
            keyring,
            policy: Engine::new(),
            decisions: DecisionCache::default(),
            facts: Remembered::of_rights(),
            values: Remembered::of_values(),
            clock: clock.clone(),
            principals: Box::new(TreePrincipals),
            policies: Box::new(NoPolicies),
            restore_window: Duration::from_hours(30 * 24),
            decided: Decided::default(),
        });
        let op = |who| Op::new(Arc::clone(&core), who, Origin::default(), Id::new(START));
        let token = setup::token_create(&op(Who::System)).await.unwrap();
        let redeem = setup::Redeem {
            token,
            organization: slug("acme"),
            organization_name: None,
            email: Email::parse("ada@example.com").unwrap(),
            password: secret(PASSWORD),
            session: None,
        };
        let first = setup::redeem(&op(Who::Anonymous), passwords(), redeem).await.unwrap();
        let owner = Person {
            id: PrincipalId::User(first.user.id),
            email: first.user.email.to_string(),
            organization: first.organization.id,
            token: first.minted.token,
        };
        Self { core, clock, sessions: Sessions::default(), organization: first.organization, owner, _dir: dir }
    }

    /// A context for `who`, from nowhere in particular.
    pub(crate) fn op(&self, who: Who) -> Op {
        Op::new(Arc::clone(&self.core), who, Origin::default(), Id::new(self.clock.now()))
    }

    /// A context for whoever this token is, checked like a request's.
    pub(crate) fn op_with(&self, token: &SecretString, address: Option<IpAddr>) -> Result<Op, AuthError> {
        let (core, now) = (&self.core, self.clock.now());
        let session = self.sessions.check(&core.db, &core.keyring, token, address, now)?;
        let origin = Origin { address, ..Origin::default() };
        Ok(Op::new(Arc::clone(core), Who::Known(session.identity), origin, Id::new(now)))
    }

    /// A context for somebody whose token works.
    pub(crate) fn op_as(&self, person: &Person) -> Op {
        self.op_with(&person.token, None).unwrap()
    }

    /// A context for the owner.
    pub(crate) fn owner(&self) -> Op {
        self.op_as(&self.owner)
    }

    /// A project made by the owner.
    pub(crate) async fn project(&self, name: &str) -> Project {
        self.project_in(&self.owner(), name).await
    }

    /// A project made by somebody else.
    pub(crate) async fn project_in(&self, op: &Op, name: &str) -> Project {
        let new = ProjectCreate { slug: slug(name), name: None, description: None };
        project::project_create(op, new).await.unwrap()
    }

    /// An environment `shop/staging` made by the owner, beneath a parent of the same project.
    pub(crate) async fn environment(&self, path: &str, parent: Option<&str>) -> Placed {
        self.environment_with(&self.owner(), path, parent, |_| {}).await
    }

    /// An environment made by somebody, with whatever else is wished.
    pub(crate) async fn environment_with(
        &self,
        op: &Op,
        path: &str,
        parent: Option<&str>,
        change: impl FnOnce(&mut EnvironmentCreate),
    ) -> Placed {
        let (project, name) = path.split_once('/').unwrap();
        let mut new = EnvironmentCreate {
            project: project.to_owned(),
            slug: slug(name),
            name: None,
            description: None,
            parent: parent.map(str::to_owned),
            tier: None,
            protected: None,
            flow: None,
            any_names: false,
        };
        change(&mut new);
        environment::environment_create(op, new).await.unwrap()
    }

    /// The project `shop` with `base` (open), `base` > `staging` > `feat`, and `production` (protected, closed).
    pub(crate) async fn shop(&self) {
        self.project("shop").await;
        self.environment("shop/base", None).await;
        self.environment("shop/staging", Some("base")).await;
        self.environment("shop/feat", Some("staging")).await;
        self.environment("shop/production", None).await;
    }

    /// A member `NAME@example.com` with roles on nodes written as ``, `shop` or `shop/staging`, and a token that is
    /// not freshly signed in.
    pub(crate) async fn person(&self, name: &str, roles: &[(BuiltinRole, &str)]) -> Person {
        let owner = self.owner();
        let new = newcomer(name);
        let email = new.email.to_string();
        let id = PrincipalId::User(member::member_add(&owner, passwords(), new).await.unwrap().user.id);
        for (role, node) in roles {
            let to = PrincipalName::User(email.clone());
            grant::grant_create(&owner, to, wish(*role, node)).await.unwrap();
        }
        let token = self.mint(id, |_| {}).await.token;
        Person { id, email, organization: self.organization.id, token }
    }

    /// A service account of a node with a role on it, and a key.
    pub(crate) async fn machine(&self, name: &str, role: BuiltinRole, node: &str) -> Person {
        let (project, environment) = names(node);
        let grants = vec![wish(role, "")];
        let new = ServiceAccountCreate { name: name.to_owned(), project, environment, grants };
        let made = service_account_create(&self.owner(), new).await.unwrap();
        let id = PrincipalId::ServiceAccount(made.account.id);
        let token = self.mint(id, |_| {}).await.token;
        Person { id, email: made.account.name, organization: self.organization.id, token }
    }

    /// A token of somebody in `acme`, past every rule: for what the rules do not give.
    pub(crate) async fn mint(&self, owner: PrincipalId, change: impl FnOnce(&mut NewCredential)) -> Minted {
        let kind = match owner {
            PrincipalId::User(_) => CredentialKind::Personal,
            PrincipalId::ServiceAccount(_) => CredentialKind::ServiceAccount,
        };
        let mut new = NewCredential {
            organization: self.organization.id,
            kind,
            owner,
            name: "test".into(),
            expires_at: None,
            cidrs: Cidrs::default(),
            stepped_up_until: None,
        };
        change(&mut new);
        let (keyring, now) = (Arc::clone(&self.core.keyring), self.clock.now());
        let minted = self.core.db.write(move |tx| {
            epoch_raise(tx)?;
            credential::mint(tx, &keyring, new, now)
        });
        minted.await.unwrap()
    }

    /// The same person with a token that is freshly signed in for an hour.
    pub(crate) async fn fresh(&self, person: &Person) -> Person {
        let until = self.clock.now().plus(Duration::from_hours(1));
        let token = self.mint(person.id, |new| new.stepped_up_until = Some(until)).await.token;
        Person { id: person.id, email: person.email.clone(), organization: person.organization, token }
    }

    /// The owner in another organization, `globex`, which has a project `lab` with an environment `lab/bench`.
    pub(crate) async fn elsewhere(&self) -> Person {
        let (made, minted) = organization_create(&self.owner(), slug("globex"), None).await.unwrap();
        let token = minted.token;
        let person = Person { id: self.owner.id, email: self.owner.email.clone(), organization: made.id, token };
        let op = self.op_as(&person);
        self.project_in(&op, "lab").await;
        self.environment_with(&op, "lab/bench", None, |_| {}).await;
        person
    }

    /// The newest events of `acme` with this action and outcome, newest first.
    pub(crate) fn events(&self, action: &str, outcome: Outcome) -> Vec<EventView> {
        self.events_of(Some(self.organization.id), action, outcome)
    }

    /// The newest events of an organization, or of the instance.
    pub(crate) fn events_of(
        &self,
        organization: Option<Id<kinds::Organization>>,
        action: &str,
        outcome: Outcome,
    ) -> Vec<EventView> {
        let filter = EventFilter {
            organization,
            action: Some(action.to_owned()),
            outcome: Some(outcome),
            ..EventFilter::default()
        };
        self.core.db.read(|reader| ledger::list(reader, &filter, Limit::default(), None)).unwrap().items
    }
}
