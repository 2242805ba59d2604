//! Letting an owner back in, from the machine itself.

use std::path::PathBuf;
use std::sync::Arc;

use super::{AppError, Opened, Place, open_existing};
use crate::config::Env;
use crate::op::{Op, Origin, Who};
use crate::orgs::setup;
use crate::types::{Email, Id, SecretString, SystemClock, Timestamp, kinds};

/// A new credential of an owner; what has no secret in it may be printed again.
#[derive(Debug)]
pub struct Rescued {
    /// The owner.
    pub user: Id<kinds::User>,
    /// Their address.
    pub email: String,
    /// The organization the token opens.
    pub organization: Id<kinds::Organization>,
    /// Its slug.
    pub organization_slug: String,
    /// The token, to be shown once.
    pub token: SecretString,
    /// Its end.
    pub expires_at: Option<Timestamp>,
    /// Where the data is.
    pub data_dir: PathBuf,
}

/// Makes a new credential for the owner with this address and records it in the ledger. Needs root and a server that
/// does not run.
///
/// # Errors
/// Not root; a server has the data; nobody of that address owns an organization.
pub fn rescue(place: &Place, owner: &str) -> Result<Rescued, AppError> {
    let env = Env::from_process();
    if !env.is_root() {
        return Err(AppError::NotRoot("rescue"));
    }
    let email = Email::parse(owner)?;
    let settings = place.load(&env)?.settings;
    let opened = open_existing(Arc::new(settings), Arc::new(SystemClock))?;
    rescue_in(&opened, email)
}

pub(super) fn rescue_in(opened: &Opened, email: Email) -> Result<Rescued, AppError> {
    let op = Op::new(Arc::clone(&opened.core), Who::Local, Origin::default(), Id::new(opened.core.clock.now()));
    let (user, organization, minted) = super::keys::block_on(opened, setup::rescue(&op, email))??;
    opened.core.db.close();
    Ok(Rescued {
        user: user.id,
        email: user.email.to_string(),
        organization: organization.id,
        organization_slug: organization.slug.to_string(),
        expires_at: minted.credential.expires_at,
        token: minted.token,
        data_dir: opened.settings.data.dir.clone(),
    })
}
