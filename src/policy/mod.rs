//! May you: actions, roles, facts and their evaluation by Cedar.
//!
//! Pure: everything a decision depends on is passed in, nothing is read here and nothing is written.
//!
//! Invariants, and what each one stops:
//! - Permits come only from grants of roles; an organization's own policies are parsed as `forbid` or refused, and
//!   are asked only after the roles have permitted: no policy text can widen access.
//! - Principal and resource must be of one organization, as a `forbid` of its own: a grant row that names another
//!   tenant's node opens nothing.
//! - A policy that cannot be evaluated denies. Cedar by itself skips it, and a skipped `forbid` is an open door.
//! - `admin` and `owner` exist on organizations only ([`GrantFact`] cannot hold another pairing), and a custom role
//!   cannot take a built-in role's name.
//! - An action names the permission; the protection of the resource, not the caller, selects its `.protected` form:
//!   nobody can ask the cheaper question.
//! - A decision that depends on the circumstances says so and is never kept whole: what is kept is its fixed part,
//!   and the rest is asked each time.
//! - A cached decision is found only under the authorization epoch it was made in and the organization acted in.
//!
//! It deliberately does not know locks (a locked environment answers 409 whoever asks), flow, visibility, step-up,
//! credentials or names of things; the rooms above add those.

mod action;
mod cache;
mod case;
mod cedar;
mod decision;
mod engine;
mod facts;
mod forbid;
mod matrix;
mod role;
#[cfg(test)]
mod tests;

pub use action::{Action, InstancePermission, Permission, PermissionSet};
pub use cache::{CacheKey, DecisionCache, EpochCache};
pub use case::{Case, CaseActor, CaseResource};
pub use cedar::schema_source;
pub use decision::Decision;
pub use engine::{Circumstances, Context, Engine};
pub use facts::{GrantFact, Node, NodeKind, Principal, PrincipalId, Resource, Tier, effective, may_grant};
pub use forbid::{Fault, ForbidSet, Mode, OwnPolicy, PolicyError};
pub use matrix::{Cell, InstanceRow, Matrix, MatrixRow};
pub use role::{BuiltinRole, Role, RoleFacts};
