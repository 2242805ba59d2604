//! What a running environment is given: every variable of its top folder, resolved once, whoever is to get it.
//!
//! No rights are asked here, and nothing is recorded: who deploys is asked for `secret.use` (and for
//! `secret.use.restricted`) before, and what is sent to a cluster is recorded by who sends it.

use super::VaultError;
use super::model::{FolderPath, Visibility};
use super::resolve::{Options, Part, resolve_folder};
use super::source::StoreSource;
use crate::db::Reader;
use crate::keys::Keyring;
use crate::types::{Id, SecretBytes, kinds};

/// One variable as a service would get it.
pub struct Injected {
    /// Its name.
    pub name: String,
    /// Whether something restricted is in it.
    pub restricted: bool,
    /// Its value.
    pub value: SecretBytes,
    /// Every version it was built from.
    pub parts: Vec<Part>,
}

impl Injected {
    /// One that is to be made yet: a plan counts it as there.
    pub fn unmade(name: String) -> Self {
        Self { name, restricted: false, value: SecretBytes::new(Vec::new()), parts: Vec::new() }
    }
}

/// The variables of the top folder of an environment, in order of name; personal overrides are nobody's here.
///
/// # Errors
/// A reference that leads nowhere, with its whole path; the rows were changed by hand; the database failed.
pub fn injection(
    reader: &Reader<'_>,
    keyring: &Keyring,
    organization: Id<kinds::Organization>,
    environment: Id<kinds::Environment>,
) -> Result<Vec<Injected>, VaultError> {
    let keys = keyring.organization(reader, organization)?;
    let source = StoreSource::new(reader, keys);
    let options = Options { may_use_restricted: true };
    let resolved = resolve_folder(&source, environment, &FolderPath::root(), options)?;
    let injected = resolved.entries.into_iter().map(|e| Injected {
        name: e.name.to_string(),
        restricted: e.visibility == Visibility::Restricted,
        value: std::rc::Rc::try_unwrap(e.value).unwrap_or_else(|shared| SecretBytes::new(shared.expose().clone())),
        parts: e.parts,
    });
    Ok(injected.collect())
}
