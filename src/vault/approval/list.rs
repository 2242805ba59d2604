//! Looking at requests: who asks for what, as a diff without values.

use super::decide::find;
use super::model::{ActWish, Request, RequestItem, RequestKind, RequestNote, RequestState, Scope, Verdict};
use super::{NOTES_MAX, act, store};
use crate::db::Reader;
use crate::keys::MacPurpose;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::types::{Cursor, Id, Limit, Page, kinds};
use crate::vault::VaultError;
use crate::vault::store as secrets;

/// What a request would do to one name.
#[derive(Debug, Clone)]
pub struct ItemView {
    /// The item.
    pub item: RequestItem,
    /// The version that is there now; 0: none.
    pub current_version: u32,
    /// Tells the value that is there from others; only for who may be shown it.
    pub current_fingerprint: Option<String>,
    /// Tells the proposed value from others; only for who may be shown it.
    pub fingerprint: Option<String>,
}

/// A request, and where it stands.
#[derive(Debug, Clone)]
pub struct RequestView {
    /// The request.
    pub request: Request,
    /// `shop/production`, or how the organization is called.
    pub environment: String,
    /// How the requester is called; none for somebody who is gone.
    pub requester: Option<String>,
    /// How many approved.
    pub approved: usize,
    /// Whether its time is over although nothing has noted it yet.
    pub is_late: bool,
    /// What it would do; empty in a list.
    pub items: Vec<ItemView>,
    /// What it would do to the organization itself, and the version of that now; none in a list.
    pub act: Option<(ActWish, u32)>,
    /// What was said to it; empty in a list.
    pub notes: Vec<(RequestNote, Option<String>)>,
}

/// A page of the requests whoever asks may know of, newest first: their own, and those of environments whose secrets
/// they may list. A page may be short, even empty, and still name a next one.
///
/// # Errors
/// The cursor is none of ours.
pub async fn approval_list(
    op: &Op,
    state: Option<RequestState>,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<RequestView>, VaultError> {
    op.read(|reader| {
        let before = cursor.map(|c| Id::parse(c.key())).transpose()?;
        let (_, own) = op.principal(reader)?;
        let rows = store::request_list(reader, own.organization, state, before, limit.rows() + 1)?;
        let page = Page::cut(rows, limit, |r| r.id.to_string());
        let mut items = Vec::with_capacity(page.items.len());
        for request in page.items {
            match find(op, reader, request.id) {
                Ok((request, scope)) => items.push(view(op, reader, request, &scope)?),
                Err(VaultError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// One request, with what it would do and what was said to it.
///
/// # Errors
/// Unknown or not visible.
pub async fn approval_get(op: &Op, id: Id<kinds::Approval>) -> Result<RequestView, VaultError> {
    op.read(|reader| {
        let (request, scope) = find(op, reader, id)?;
        let mut view = view(op, reader, request, &scope)?;
        if let Scope::Environment(placed) = &scope {
            let may_compare = op.permits(reader, Action::SecretReveal, &placed.resource())?;
            for item in store::item_list(reader, id)? {
                view.items.push(compared(op, reader, placed, item, may_compare)?);
            }
        }
        if let (RequestKind::Act(act), Some(wish)) = (view.request.kind, store::act_get(reader, id)?) {
            let (_, version) = act::standing(op, reader, &view.request, &wish, act)?;
            view.act = Some((wish, version));
        }
        for note in store::note_list(reader, id, NOTES_MAX)? {
            let name = access::principal_label(reader, crate::policy::PrincipalId::User(note.user))?;
            view.notes.push((note, name));
        }
        Ok(view)
    })
    .await
}

fn view(op: &Op, reader: &Reader<'_>, request: Request, scope: &Scope) -> Result<RequestView, VaultError> {
    let notes = store::note_list(reader, request.id, NOTES_MAX)?;
    Ok(RequestView {
        environment: scope.path(),
        requester: access::principal_label(reader, request.requester)?,
        approved: notes.iter().filter(|n| n.verdict == Some(Verdict::Approve)).count(),
        is_late: request.state == RequestState::Open && request.expires_at <= op.now(),
        request,
        items: Vec::new(),
        act: None,
        notes: Vec::new(),
    })
}

/// Equality is told by a keyed fingerprint, and only to who might look at the values themselves.
fn compared(
    op: &Op,
    reader: &Reader<'_>,
    placed: &Placed,
    item: RequestItem,
    may_compare: bool,
) -> Result<ItemView, VaultError> {
    let there = secrets::secret_get(reader, placed.environment.id, &item.path, &item.name)?;
    let keys = op.keyring().organization(reader, placed.environment.organization)?;
    let print = |tag: &[u8]| {
        let shown = may_compare && !tag.is_empty();
        shown.then(|| keys.mac(MacPurpose::ClientState, &[b"approval", tag]).to_hex(8))
    };
    let is_value = matches!(item.action.as_str(), "add" | "change");
    Ok(ItemView {
        current_version: there.as_ref().map_or(0, |t| t.newest),
        current_fingerprint: there
            .as_ref()
            .filter(|t| t.state == secrets::VersionState::Set)
            .and_then(|t| print(&t.value_tag)),
        fingerprint: if is_value { print(&item.value_tag) } else { None },
        item,
    })
}
