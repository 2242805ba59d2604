//! One's own links.

use super::create::require_person;
use super::model::Link;
use super::{CREATED, LinkError, store};
use crate::op::Op;
use crate::types::{Cursor, Id, Limit, Page};

/// A page of the links of whoever asks, newest first, with what became of those that ended lately.
///
/// # Errors
/// A service account asks.
pub async fn link_list(op: &Op, limit: Limit, cursor: Option<Cursor>) -> Result<Page<Link>, LinkError> {
    op.read(|reader| {
        let (_, own) = op.principal(reader)?;
        let maker = require_person(op, own.id, CREATED)?;
        let before = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let rows = store::link_list(reader, own.organization, maker, before, limit.rows() + 1)?;
        Ok(Page::cut(rows, limit, |l| l.id.to_string()))
    })
    .await
}
