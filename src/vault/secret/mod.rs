//! Secrets of one environment: writing, reading, listing, and what one write may hold.

mod browse;
mod dependents;
mod history;
mod plan;
mod read;
mod store;
mod table;
mod write;

pub(in crate::vault) use browse::{After, holds, wanted};
pub use browse::{ListSecrets, SearchHit, secret_list, secret_search};
pub(in crate::vault) use history::again;
pub use history::{SecretVersionView, secret_history, secret_rollback, secret_undelete};
pub use plan::{Item, PlannedAction, Wish};
pub(in crate::vault) use plan::{check_value, parse_name};
pub use read::{ReadSecret, SecretRead, secret_get};
pub use table::{
    NameCounts, SecretTable, Spotted, TABLE_MAX, TableAsk, TableRow, TreeNode, author_names, secret_spot, secret_table,
    secret_tree,
};
pub use write::{BatchOutcome, BatchRequest, ItemOutcome, secret_batch};
pub(in crate::vault) use write::{apply, apply_approved, apply_ending};

use super::model::{FolderPath, Origin, SecretName, Visibility};
use super::reference::Scope;
use super::store::VersionState;
use crate::types::{Id, Slug, Timestamp, kinds};

/// Longest value, in bytes.
pub const VALUE_MAX: usize = 64 * 1024;
/// Most items of one write.
pub const BATCH_MAX: usize = 10_000;
/// Most values that are drawn in one write: a key pair takes a tenth of a millisecond of the writer's time.
pub const GENERATED_MAX: usize = 1_000;
/// Longest comment, in characters.
pub const COMMENT_MAX: usize = 2_000;
/// Most tags of a secret.
pub const TAGS_MAX: usize = 32;

/// An environment a secret comes from, as answers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentName {
    /// Its id.
    pub id: Id<kinds::Environment>,
    /// `shop/staging`.
    pub path: String,
}

/// The scope of a reference to a named environment.
fn scope_of(named: &EnvironmentName) -> Option<Scope> {
    let (project, environment) = named.path.split_once('/')?;
    Some(Scope::Project(Slug::parse(project).ok()?, Slug::parse(environment).ok()?))
}

/// Where an environment has a name from, with the other environment's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedOrigin {
    /// The kind and the id.
    pub origin: Origin,
    /// How the other environment is called; none for own, or when whoever asks may not see it.
    pub environment: Option<EnvironmentName>,
}

/// What is told of a secret without its value.
#[derive(Debug, Clone)]
pub struct SecretView {
    /// Its id.
    pub id: Id<kinds::SecretRow>,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// The version told of.
    pub version: u32,
    /// Where the environment has it from.
    pub origin: NamedOrigin,
    /// Set, unset or deleted.
    pub state: VersionState,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether `${` begins a reference in it.
    pub interpolate: bool,
    /// What its writer said.
    pub comment: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// When the secret was first written.
    pub created_at: Timestamp,
    /// When this version was.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
    /// What the newest version refers to, as written in full: `${/HOST}`, `${shop.base:/HOST}`. Empty for an older
    /// one; without environments whoever asks may not see.
    pub references: Vec<String>,
    /// When its value stops being good; none when that was not said.
    pub expires_at: Option<Timestamp>,
    /// Who had the value last, and when; to the minute.
    pub last_accessed: Option<(Timestamp, String)>,
}
