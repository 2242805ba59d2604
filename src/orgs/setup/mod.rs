//! The first owner: a one-use token from the data directory is redeemed for an organization and an operator.

pub(crate) mod store;

use std::time::Duration;

use super::OrgError;
use super::organization::{self, Organization, display_name};
use crate::auth::credential::{self, Minted};
use crate::auth::password::{PasswordHash, Passwords};
use crate::auth::{self, Cidrs, CredentialKind, NewCredential, SignInFacts, User};
use crate::db::{DbError, Reader, WriteTx};
use crate::keys::{Keyring, PlainToken, TokenKind};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::op::Op;
use crate::policy::PrincipalId;
use crate::types::{Email, Id, Secret, SecretString, Slug, Timestamp, kinds};

/// How long a setup token works.
pub const TOKEN_LIFE: Duration = Duration::from_hours(24);
/// How long what the setup minted counts as freshly signed in.
const STEPPED_UP: Duration = Duration::from_hours(24);

/// A setup token was made.
pub const TOKEN_CREATED: ActionName = ActionName::new("setup.token_created");
/// A setup token was redeemed.
pub const REDEEMED: ActionName = ActionName::new("setup.redeemed");
/// An owner was rescued from the machine.
pub const RESCUED: ActionName = ActionName::new("setup.owner_rescued");
/// What the set-up records that no permission is behind.
pub const ACTIONS: &[ActionName] = &[TOKEN_CREATED, REDEEMED, RESCUED];

/// Makes the instance's row, at the first start.
///
/// # Errors
/// The database failed, or has one already.
pub fn instance_create(tx: &WriteTx<'_>, id: Id<kinds::Instance>, now: Timestamp) -> Result<(), DbError> {
    store::instance_insert(tx, id, now)
}

/// The instance's id; none before the first start.
///
/// # Errors
/// The database failed.
pub fn instance_id(reader: &Reader<'_>) -> Result<Option<Id<kinds::Instance>>, DbError> {
    store::instance_id(reader)
}

/// Whether the first owner is there.
///
/// # Errors
/// The database failed.
pub fn is_set_up(reader: &Reader<'_>) -> Result<bool, DbError> {
    Ok(store::set_up_at(reader)?.is_some())
}

/// When the first owner was made; none before.
///
/// # Errors
/// The database failed.
pub fn set_up_at(reader: &Reader<'_>) -> Result<Option<Timestamp>, DbError> {
    store::set_up_at(reader)
}

/// Makes a new setup token; the one before stops working.
///
/// # Errors
/// The instance is set up already; the keys or the database failed.
pub async fn token_create(op: &Op) -> Result<SecretString, OrgError> {
    op.write(|op, tx| {
        if store::set_up_at(tx)?.is_some() {
            return Err(OrgError::SetUpAlready);
        }
        let token = PlainToken::generate(TokenKind::Setup)?;
        let hash = token.hash(op.keyring().instance().mac_key());
        let ends = op.now().plus(TOKEN_LIFE);
        store::setup_token_set(tx, token.public_id().as_str(), hash.as_bytes(), ends)?;
        op.record(tx, op.event(TOKEN_CREATED, Outcome::Allowed))?;
        Ok(Secret::new(token.expose_text().to_owned()))
    })
    .await
}

/// What the first owner says.
pub struct Redeem {
    /// The setup token.
    pub token: SecretString,
    /// The first organization's slug.
    pub organization: Slug,
    /// Its name; the slug when none.
    pub organization_name: Option<String>,
    /// The owner's address.
    pub email: Email,
    /// The owner's password.
    pub password: SecretString,
    /// How long a session for a browser lasts, when one is wanted in place of a token.
    pub session: Option<Duration>,
}

/// What the first owner gets.
pub struct Redeemed {
    /// The organization.
    pub organization: Organization,
    /// The owner, an instance operator.
    pub user: User,
    /// Their token, freshly signed in for a day.
    pub minted: Minted,
}

/// Redeems the setup token: the owner and the end of the token are one transaction.
///
/// # Errors
/// The token is not valid; the password too weak; the instance is set up already.
pub async fn redeem(op: &Op, passwords: &Passwords, wish: Redeem) -> Result<Redeemed, OrgError> {
    // Before the costly hash: a wrong token must not cost one.
    op.core().db.read(|reader| check(reader, op.keyring(), &wish.token, op.now()))?;
    let (token, slug, email, session) = (wish.token, wish.organization, wish.email, wish.session);
    let hash = passwords.hash(wish.password, &[email.as_str(), slug.as_str()]).await?;
    let name = wish.organization_name.map(|n| display_name(&n)).transpose()?;
    op.write(move |op, tx| {
        check(tx, op.keyring(), &token, op.now())?;
        let user = first_user(op, tx, email, &hash)?;
        let organization = organization::insert(op, tx, slug, name, user.id)?;
        let first = first_token(op, &organization, &user);
        let first = match session {
            None => first,
            Some(life) => NewCredential {
                kind: CredentialKind::Session,
                name: "browser".into(),
                expires_at: Some(op.now().plus(life)),
                ..first
            },
        };
        let minted = credential::mint(tx, op.keyring(), first, op.now())?;
        if session.is_some() {
            let origin = op.origin();
            let address = origin.address.map(|a| a.to_canonical().to_string());
            let facts = SignInFacts { device: origin.user_agent.clone(), address, everywhere: true, factor: None };
            auth::store::sign_in_insert(tx, minted.credential.id, user.id, &facts)?;
        }
        store::setup_token_delete(tx)?;
        store::set_up(tx, op.now())?;
        let event = Event::new(op.now(), REDEEMED, Outcome::Allowed, Actor::User(user.id));
        let event = event.request(op.request()).organization(organization.id);
        let event = event.target(Target::new("organization", organization.id));
        op.record(tx, event.details(Details::new().with("slug", &organization.slug)))?;
        Ok(Redeemed { organization, user, minted })
    })
    .await
}

fn first_user(op: &Op, tx: &WriteTx<'_>, email: Email, hash: &PasswordHash) -> Result<User, OrgError> {
    let now = op.now();
    let name = email.as_str().split('@').next().unwrap_or_default().to_owned();
    let user = User { instance_operator: true, ..User::new(email, name, now) };
    auth::store::user_insert(tx, &user, Some(hash.as_stored()))?;
    Ok(user)
}

fn first_token(op: &Op, organization: &Organization, user: &User) -> NewCredential {
    NewCredential {
        organization: organization.id,
        kind: CredentialKind::Personal,
        owner: PrincipalId::User(user.id),
        name: "made at set-up".into(),
        expires_at: None,
        cidrs: Cidrs::default(),
        stepped_up_until: Some(op.now().plus(STEPPED_UP)),
    }
}

fn check(reader: &Reader<'_>, keyring: &Keyring, token: &SecretString, now: Timestamp) -> Result<(), OrgError> {
    if store::set_up_at(reader)?.is_some() {
        return Err(OrgError::SetUpAlready);
    }
    let parsed = PlainToken::parse(token.expose().trim()).map_err(|_| OrgError::SetupToken)?;
    let stored = store::setup_token(reader)?.ok_or(OrgError::SetupToken)?;
    let right = parsed.kind() == TokenKind::Setup
        && parsed.public_id().as_str() == stored.public_id
        && parsed.hash(keyring.instance().mac_key()).verify(&stored.hash)
        && stored.expires_at > now;
    if right { Ok(()) } else { Err(OrgError::SetupToken) }
}

/// Whether this setup token would be taken now.
///
/// # Errors
/// The database failed.
pub fn token_stands(
    reader: &Reader<'_>,
    keyring: &Keyring,
    token: &SecretString,
    now: Timestamp,
) -> Result<bool, OrgError> {
    match check(reader, keyring, token, now) {
        Ok(()) => Ok(true),
        Err(OrgError::SetupToken | OrgError::SetUpAlready) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives an owner a new token, from a shell on the machine with the server stopped; second factors of theirs go.
///
/// # Errors
/// Nobody with this address owns an organization.
pub async fn rescue(op: &Op, email: Email) -> Result<(User, Organization, Minted), OrgError> {
    op.write(move |op, tx| {
        let missing = || OrgError::not_found("owner", email.as_str());
        let user = auth::store::user_by_email(tx, &email)?.ok_or_else(missing)?;
        let id = store::organization_owned_by(tx, user.id)?.ok_or_else(missing)?;
        let organization = organization::store::organization_get(tx, id)?.ok_or_else(missing)?;
        auth::store::user_enable(tx, user.id)?;
        let factor_removed = auth::factor::remove(tx, user.id)?;
        let new = NewCredential { name: "made by rescue".into(), ..first_token(op, &organization, &user) };
        let new = NewCredential { expires_at: Some(op.now().plus(STEPPED_UP)), ..new };
        let minted = credential::mint(tx, op.keyring(), new, op.now())?;
        crate::op::epoch_raise(tx)?;
        let event = op.event(RESCUED, Outcome::Allowed).organization(organization.id);
        let event = event.target(Target::new("user", user.id));
        op.record(
            tx,
            event.details(
                Details::new().with("credential", minted.credential.id).with("factor_removed", factor_removed),
            ),
        )?;
        Ok((user, organization, minted))
    })
    .await
}
