//! What the resolver asks the world for.

use std::rc::Rc;

use crate::types::{Id, SecretBytes, Slug, kinds};
use crate::vault::model::{Flow, FolderPath, SecretName, Visibility};

/// The id of an environment.
pub type EnvironmentId = Id<kinds::Environment>;
/// The id of a secret, the same for all its versions.
pub type SecretId = Id<kinds::SecretRow>;

/// What is known of an environment.
#[derive(Debug, Clone)]
pub struct EnvironmentFacts {
    /// Its id.
    pub id: EnvironmentId,
    /// Its project.
    pub project: Id<kinds::Project>,
    /// The project's slug, for messages.
    pub project_slug: Slug,
    /// Its own slug, for messages.
    pub slug: Slug,
    /// The environment it inherits from, of the same project.
    pub parent: Option<EnvironmentId>,
    /// Where its values may go.
    pub flow: Flow,
    /// Itself and what it is beneath, for flows that list environments, where that is not its chain: the past is
    /// resolved along the parents of then, and let in by the flows and places of today.
    pub listed_as: Option<Vec<EnvironmentId>>,
}

/// Whether a stored name holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Value,
    /// It does not, and hides what would be inherited.
    Unset,
}

/// What is known of a stored secret without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its id.
    pub id: SecretId,
    /// The version meant, from 1.
    pub version: u32,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether `${` in its value begins a reference.
    pub interpolate: bool,
    /// Value or unset.
    pub state: State,
}

/// A secret at its place, as a listing gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The rest.
    pub facts: SecretFacts,
}

/// The world as one actor sees it at one moment: the present in a read transaction, the past for `--at`,
/// or the future in a check before a write ([`super::check::Proposed`]).
///
/// It answers with what is stored, without deleted rows and without inheritance. Where the actor has a
/// personal override at a level, it stands in for the secret of that level here, so the resolver needs no
/// rule for it. It may be asked for one thing more than once.
pub trait Source {
    /// Why it cannot answer; passed through as it is.
    type Error;

    /// The facts of an environment; none when there is no such environment.
    fn environment(&self, id: EnvironmentId) -> Result<Option<EnvironmentFacts>, Self::Error>;

    /// The environment with this slug in the project with that slug, or in the project of `seen_from` when
    /// none is named. Never one of another organization than that of `seen_from`.
    fn find_environment(
        &self,
        seen_from: &EnvironmentFacts,
        project: Option<&Slug>,
        environment: &Slug,
    ) -> Result<Option<EnvironmentId>, Self::Error>;

    /// One secret of one folder of one environment.
    fn secret(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        name: &SecretName,
    ) -> Result<Option<SecretFacts>, Self::Error>;

    /// All secrets of one folder of one environment; with `beneath` also those of the folders beneath it.
    fn secrets(
        &self,
        environment: EnvironmentId,
        path: &FolderPath,
        beneath: bool,
    ) -> Result<Vec<StoredSecret>, Self::Error>;

    /// The plaintext of one version of one secret. Asked only for what is used.
    fn value(&self, secret: SecretId, version: u32) -> Result<Rc<SecretBytes>, Self::Error>;
}
