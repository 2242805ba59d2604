//! From a request to what an operation takes. Everything here refuses rather than guesses: unknown fields and
//! parameters, doubled ones, wrong types, bytes that are no text.

mod body;
mod caller;
mod matching;
mod path;
mod query;

pub(crate) use body::{Json, OptionalJson, collect};
pub(crate) use caller::{Anonymous, Caller, Known};
pub(crate) use matching::{IfMatch, etag, not_modified};
pub(crate) use path::Names;
pub(crate) use query::{DryRun, ListQuery, Query, page_of};
