//! Grants: a role given to somebody on a node of the tree, reaching everything beneath it.

pub(crate) mod store;

use crate::policy::{BuiltinRole, Node, PrincipalId};
use crate::types::{Id, Timestamp, kinds};

/// A role given on a node.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Its id.
    pub id: Id<kinds::Grant>,
    /// The tenant.
    pub organization: Id<kinds::Organization>,
    /// To whom.
    pub principal: PrincipalId,
    /// Which role.
    pub role: BuiltinRole,
    /// Where.
    pub node: Node,
    /// When.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}
