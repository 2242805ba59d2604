//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13).
//!
//! The tag of a thing that counts its changes is `"<version>-<hash of the answer>"`: reads compare the whole tag,
//! so a change from above shows, and writes compare the version, which is what they replace.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};

use crate::http::error::Problem;

/// The version a change was made for; none when nothing was said, or `*`.
pub(crate) struct IfMatch(pub(crate) Option<u32>);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = req.headers().get(header::IF_MATCH).map(|value| parse(value.to_str().unwrap_or_default()));
        ready(found.unwrap_or(Ok(None)).map(Self))
    }
}

fn parse(text: &str) -> Result<Option<u32>, Problem> {
    let text = text.trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    let version = tag.and_then(|t| t.split('-').next()).and_then(|v| v.parse().ok());
    let wrong = || {
        Problem::invalid("if_match_invalid", "If-Match is no tag of ours")
            .hint("send the ETag of the answer the change was made for, with its quotes")
    };
    version.map(Some).ok_or_else(wrong)
}

/// The tag of a thing that counts its changes.
pub(crate) fn etag(version: u32, content: &str) -> String {
    format!("\"{version}-{content}\"")
}

/// Whether the client has this already.
pub(crate) fn not_modified(req: &HttpRequest, etag: &str) -> bool {
    let Some(known) = req.headers().get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()) else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_a_tag() {
        assert_eq!(parse(&etag(7, "ab")).unwrap(), Some(7));
        assert_eq!(parse("\"7\"").unwrap(), Some(7));
        assert_eq!(parse("*").unwrap(), None);
        for bad in ["", "7", "\"\"", "\"x\"", "W/\"7\"", "\"-1\""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
