//! Service accounts: machine identities that belong to a node and outlive whoever made them.

pub(crate) mod store;

use crate::policy::Node;
use crate::types::{Id, Timestamp, kinds};

/// A machine identity.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its id.
    pub id: Id<kinds::ServiceAccount>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// Its name, unique in the organization.
    pub name: String,
    /// The node it belongs to.
    pub node: Node,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Since when its keys do not work.
    pub disabled_at: Option<Timestamp>,
}
