//! The tree of environments: making, changing, moving, locking and deleting nodes of it.

mod change;
mod create;
mod delete;
mod model;
mod relocate;
pub(crate) mod store;

pub use change::{EnvironmentUpdate, Narrowed, environment_lock, environment_unlock, environment_update};
pub(crate) use create::environment_create_in;
pub use create::{EnvironmentCreate, FlowWish, environment_create};
pub use delete::environment_delete;
pub use model::{DEPTH_MAX, Environment, Flow, LISTED_MAX, Lock, Placed};
pub use relocate::{AccessChange, Relocation, environment_move};

use super::{OrgError, access};
use crate::db::Reader;
use crate::op::Op;
use crate::policy::Action;

/// Whether something may be put beneath `parent`: it and everything above it lets values flow down.
///
/// # Errors
/// [`OrgError::ParentClosed`].
pub(crate) fn require_open(reader: &Reader<'_>, parent: &Placed) -> Result<(), OrgError> {
    let closed = |flow: &Flow| !matches!(flow, Flow::Tree);
    if closed(&parent.environment.flow) {
        return Err(OrgError::ParentClosed { parent: parent.path() });
    }
    for id in &parent.parents {
        if let Some(above) = store::environment_get(reader, *id)?
            && closed(&above.flow)
            && !listed_within(&above.flow, parent)
        {
            return Err(OrgError::ParentClosed { parent: format!("{}/{}", above.project_slug, above.slug) });
        }
    }
    Ok(())
}

/// Whether a `listed` flow names the environment or one it is beneath: then what is put there is listed too.
fn listed_within(flow: &Flow, placed: &Placed) -> bool {
    let Flow::Listed(listed) = flow else { return false };
    listed.iter().any(|id| *id == placed.environment.id || placed.parents.contains(id))
}

/// Whether `owner` lets its values go to `asked`.
pub(crate) fn admits(owner: &Environment, asked: &Placed) -> bool {
    asked.environment.id == owner.id
        || match &owner.flow {
            Flow::Tree => asked.environment.project == owner.project,
            Flow::Listed(_) => listed_within(&owner.flow, asked),
            Flow::Closed => false,
        }
}

/// An environment by project and environment, each by id or slug.
///
/// # Errors
/// Unknown or not visible.
pub async fn environment_get(op: &Op, project: &str, name: &str) -> Result<Placed, OrgError> {
    op.read(|reader| access::environment(op, reader, project, name)).await
}

/// The environments of a project whoever asks may see, by slug.
///
/// # Errors
/// The project is unknown or not visible.
pub async fn environment_list(op: &Op, project: &str) -> Result<Vec<Placed>, OrgError> {
    op.read(|reader| {
        let found = access::project(op, reader, project)?;
        let mut shown = Vec::new();
        for environment in store::environment_list(reader, found.id)? {
            let placed = store::place(reader, environment)?;
            if op.permits(reader, Action::EnvironmentRead, &placed.resource())? {
                shown.push(placed);
            }
        }
        Ok(shown)
    })
    .await
}
