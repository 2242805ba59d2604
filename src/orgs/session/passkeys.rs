//! One's own passkeys: adding, naming and removing them, and signing in with nothing else; and what is done with one that
//! may have been copied.
//!
//! Who has a password of their own adds a passkey that opens every organization. Everybody else's opens the one they
//! signed in to: whoever set or handed over their password may have been the one who added it.

use std::time::Duration;

use super::{FAILED, Found, SignedIn, end, open};
use crate::auth::credential::Wishes;
use crate::auth::factor::{self, Factor};
use crate::auth::passkey::{self, Answered, Asked, Passkey, Passkeys, Shown};
use crate::auth::{self, AuthError, CredentialKind, User};
use crate::db::{Reader, WriteTx};
use crate::ledger::{ActionName, Actor, Details, Event, Outcome, Target};
use crate::op::{Op, OpError, epoch_raise};
use crate::orgs::access::require_fresh;
use crate::orgs::{OrgError, organization};
use crate::policy::PrincipalId;
use crate::types::{Id, kinds};

/// Somebody has one more passkey.
pub(super) const ADDED: ActionName = ActionName::new("account.passkey_added");
/// Somebody calls a passkey something else.
pub(super) const RENAMED: ActionName = ActionName::new("account.passkey_renamed");
/// Somebody has one passkey less.
pub(super) const REMOVED: ActionName = ActionName::new("account.passkey_removed");

/// A passkey may have been copied, and opens nothing any more. Nobody's act: its target is whose it is.
pub(in crate::orgs) const DISABLED: ActionName = ActionName::new("account.passkey_disabled");
/// Somebody let a passkey of theirs open again.
pub(super) const ENABLED: ActionName = ActionName::new("account.passkey_enabled");

/// Disables a passkey whose counter went back.
pub(super) fn disable_copied(op: &Op, tx: &mut WriteTx<'_>, copied: &Passkey) -> Result<(), OrgError> {
    if !passkey::store::disable(tx, copied.id, op.now())? {
        return Ok(());
    }
    epoch_raise(tx)?;
    let event = Event::new(op.now(), DISABLED, Outcome::Allowed, Actor::Anonymous).request(op.request());
    let event = event.code("passkey_copied").personal(op.personal(None)).target(Target::new("user", copied.user));
    let event = event.details(Details::new().with("passkey", copied.id));
    let joined = organization::store::organization_joined_first(tx, copied.user)?.map(|found| found.id);
    op.record(tx, copied.organization.or(joined).into_iter().fold(event, Event::organization))?;
    Ok(())
}

/// Whose passkeys are meant, and of which organization only; none: all.
struct Own {
    user: User,
    only: Option<Id<kinds::Organization>>,
    is_sign_in: bool,
}

fn own(op: &Op, reader: &Reader<'_>) -> Result<Own, OrgError> {
    let (_, principal) = op.principal(reader)?;
    let PrincipalId::User(id) = principal.id else { return Err(OrgError::PeopleOnly { what: "passkeys" }) };
    let user = auth::store::user_get(reader, id)?.ok_or(OpError::CredentialGone)?;
    let facts = auth::store::sign_in_get(reader, op.identity()?.credential)?;
    let everywhere = facts.as_ref().is_some_and(|facts| facts.everywhere);
    Ok(Own { user, only: (!everywhere).then_some(principal.organization), is_sign_in: facts.is_some() })
}

/// The same of a fresh sign-in, and the event of what it does.
fn changing(op: &Op, reader: &Reader<'_>, action: ActionName) -> Result<(Own, Event), OrgError> {
    let own = own(op, reader)?;
    let event = op.event(action, Outcome::Allowed).target(Target::new("user", own.user.id));
    if !own.is_sign_in {
        op.refuse(&event, "own_sign_in_required");
        return Err(AuthError::OwnSignInOnly.into());
    }
    require_fresh(op, &event)?;
    Ok((own, event))
}

impl Own {
    /// A session of one organization sees and changes only what opens no other.
    fn covers(&self, passkey: &Passkey) -> bool {
        self.only.is_none() || passkey.organization == self.only
    }

    fn named(&self, reader: &Reader<'_>, id: Id<kinds::Passkey>) -> Result<Passkey, OrgError> {
        let found = passkey::list(reader, self.user.id)?.into_iter().find(|p| p.id == id && self.covers(p));
        found.ok_or_else(|| OrgError::not_found("passkey", id.to_string()))
    }
}

/// One's own passkeys, newest first.
///
/// # Errors
/// A service account asks.
pub async fn passkey_list(op: &Op) -> Result<Vec<Passkey>, OrgError> {
    op.read(|reader| {
        let own = own(op, reader)?;
        Ok(passkey::list(reader, own.user.id)?.into_iter().filter(|p| own.covers(p)).collect())
    })
    .await
}

/// Asks the browser for a new passkey.
///
/// # Errors
/// Not freshly signed in; there are too many.
pub async fn passkey_begin(op: &Op, passkeys: &Passkeys) -> Result<Asked, OrgError> {
    op.read(|reader| {
        let (own, _) = changing(op, reader, ADDED)?;
        Ok(passkeys.begin(reader, &own.user, op.now())?)
    })
    .await
}

/// Adds the passkey the browser made. The sign-in it was added with counts as proven by it.
///
/// # Errors
/// [`AuthError::Passkey`]; not freshly signed in; the name is none.
pub async fn passkey_add(
    op: &Op,
    passkeys: &std::sync::Arc<Passkeys>,
    answered: Answered,
    name: String,
) -> Result<Passkey, OrgError> {
    let passkeys = std::sync::Arc::clone(passkeys);
    op.write(move |op, tx| {
        let (own, event) = changing(op, tx, ADDED)?;
        let whose = (own.user.id, own.only);
        let added = passkeys.add(tx, op.keyring().instance(), whose, answered, &name, op.now())?;
        auth::store::sign_in_factor(tx, op.identity()?.credential, Factor::Passkey.as_str())?;
        epoch_raise(tx)?;
        op.record(tx, event.target(Target::new("passkey", added.id)))?;
        Ok(added)
    })
    .await
}

/// Gives a passkey another name.
///
/// # Errors
/// Unknown; the name is none; the credential came of no sign-in.
pub async fn passkey_rename(op: &Op, id: Id<kinds::Passkey>, name: String) -> Result<Passkey, OrgError> {
    op.write(move |op, tx| {
        let name = passkey::parse_name(&name)?;
        let own = own(op, tx)?;
        let event = op.event(RENAMED, Outcome::Allowed).target(Target::new("passkey", id));
        let found = own.named(tx, id)?;
        if !own.is_sign_in {
            op.refuse(&event, "own_sign_in_required");
            return Err(AuthError::OwnSignInOnly.into());
        }
        passkey::store::rename(tx, own.user.id, id, &name)?;
        op.record(tx, event)?;
        Ok(Passkey { name, ..found })
    })
    .await
}

/// Takes a passkey away. With the last factor the recovery codes go, too.
///
/// # Errors
/// Unknown; not freshly signed in.
pub async fn passkey_remove(op: &Op, id: Id<kinds::Passkey>) -> Result<Passkey, OrgError> {
    op.write(move |op, tx| {
        let found = own(op, tx)?.named(tx, id)?;
        let (own, event) = changing(op, tx, REMOVED)?;
        passkey::store::delete(tx, own.user.id, id)?;
        factor::recovery_trim(tx, own.user.id)?;
        epoch_raise(tx)?;
        op.record(tx, event.target(Target::new("passkey", id)))?;
        Ok(found)
    })
    .await
}

/// Lets a passkey open again that was disabled because there may be a copy of it. Done to one that is not, nothing
/// changes.
///
/// # Errors
/// Unknown; not freshly signed in.
pub async fn passkey_enable(op: &Op, id: Id<kinds::Passkey>) -> Result<Passkey, OrgError> {
    op.write(move |op, tx| {
        let found = own(op, tx)?.named(tx, id)?;
        let (_, event) = changing(op, tx, ENABLED)?;
        if found.disabled_at.is_some() {
            passkey::enable(tx, op.keyring().instance(), &found)?;
            epoch_raise(tx)?;
            op.record(tx, event.target(Target::new("passkey", id)))?;
        }
        Ok(Passkey { disabled_at: None, ..found })
    })
    .await
}

/// Signs a browser in with a passkey and nothing else: it verified its person, so it is both factors.
///
/// # Errors
/// [`AuthError::Passkey`] whatever is wrong.
pub async fn passkey_sign_in(
    op: &Op,
    passkeys: &Passkeys,
    answered: Answered,
    organization: Option<String>,
    (life, previous): (Duration, Option<Id<kinds::Credential>>),
) -> Result<SignedIn, OrgError> {
    let wishes = Wishes::parse("browser", Some(life), None, &[], op.now())?;
    let keys = op.keyring().instance();
    let shown = op.core().db.read(|reader| passkeys.shown_by_anybody(reader, keys, answered, op.now()));
    let done = op.write(move |op, tx| {
        let (user, found, code) = match shown {
            Ok(shown) => (Some(shown.passkey.user), proven(op, tx, &shown, organization.as_deref())?, "passkey_wrong"),
            Err(AuthError::Passkey) => (None, None, "passkey_wrong"),
            Err(AuthError::PasskeyCopied(copied)) => {
                disable_copied(op, tx, &copied)?;
                (Some(copied.user), None, "passkey_copied")
            }
            Err(other) => return Err(other.into()),
        };
        let Some(found) = found else {
            let event = Event::new(op.now(), FAILED, Outcome::Denied, Actor::Anonymous).request(op.request());
            let event = event.code(code).personal(op.personal(None));
            op.record(tx, user.map_or(event.clone(), |user| event.target(Target::new("user", user))))?;
            return Ok(Err(AuthError::Passkey));
        };
        if let Some(previous) = previous {
            end(op, tx, previous)?;
        }
        open(op, tx, found, CredentialKind::Session, wishes, Some(Factor::Passkey)).map(Ok)
    });
    Ok(done.await??)
}

/// Whom a passkey signs in, and where; nobody when they may not.
fn proven(op: &Op, tx: &WriteTx<'_>, shown: &Shown, name: Option<&str>) -> Result<Option<Found>, OrgError> {
    let user = auth::store::user_get(tx, shown.passkey.user)?.filter(|u| u.disabled_at.is_none());
    let Some(user) = user else { return Ok(None) };
    let found = match (shown.passkey.organization, name) {
        (Some(only), _) => organization::store::organization_get(tx, only)?,
        (None, Some(name)) => match Id::parse(name) {
            Ok(id) => organization::store::organization_get(tx, id)?,
            Err(_) => organization::store::organization_by_slug(tx, name)?,
        },
        (None, None) => organization::store::organization_joined_first(tx, user.id)?,
    };
    let Some(found) = found.filter(|o| o.deletion.is_none()) else { return Ok(None) };
    if organization::store::member_since(tx, found.id, user.id)?.is_none() {
        return Ok(None);
    }
    match passkey::used(tx, op.keyring().instance(), shown, found.id, op.now()) {
        Err(AuthError::Passkey) => Ok(None),
        Err(other) => Err(other.into()),
        Ok(()) => Ok(Some(Found { user, organization: found, hash: None, own: shown.passkey.organization.is_none() })),
    }
}
