//! The instance, for its operators: who may sign in at all, and the organizations on it.

pub(super) mod organizations;
pub(super) mod users;

use super::frame::{Frame, Section};
use super::visitor::Visitor;
use crate::http::error::Problem;

/// The parts, as tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Users,
    Organizations,
}

impl Tab {
    /// All of them, with where they are and how they are called.
    pub(super) const ALL: [(Self, &'static str, &'static str); 2] =
        [(Self::Users, "/instance/users", "Users"), (Self::Organizations, "/instance/organizations", "Organizations")];
}

/// The surroundings of a part.
async fn frame(visitor: &Visitor, tab: Tab, done: Option<&str>) -> Result<Frame, Problem> {
    let (_, href, label) = Tab::ALL.into_iter().find(|(one, ..)| *one == tab).unwrap_or(Tab::ALL[0]);
    let frame = visitor.frame(format!("{label} · Instance"), Section::Instance, None).await?;
    Ok(frame.crumb("Home", "/").crumb(label, href).help("people").notice(done))
}
