//! The id of a request: the ledger's own, and what the client calls it.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

use crate::types::{Id, Timestamp, kinds};

/// The header, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id a client may give, in bytes.
const MAX: usize = 128;

/// The id of a request.
pub(crate) struct RequestId {
    /// What events carry.
    pub(crate) inner: Id<kinds::Request>,
    /// What is answered: the client's own when it gave one that is safe to repeat.
    pub(crate) shown: HeaderValue,
}

impl RequestId {
    pub(crate) fn of(req: &ServiceRequest, now: Timestamp) -> Self {
        let given = req.headers().get(X_REQUEST_ID).filter(|v| is_safe(v.as_bytes()));
        let parsed = given.and_then(|v| Id::parse(v.to_str().ok()?).ok());
        let inner = parsed.unwrap_or_else(|| Id::new(now));
        let shown = given.cloned().or_else(|| HeaderValue::try_from(inner.to_string()).ok());
        Self { inner, shown: shown.unwrap_or(HeaderValue::from_static("-")) }
    }

    /// The text that is shown.
    pub(crate) fn text(&self) -> &str {
        self.shown.to_str().unwrap_or("-")
    }
}

/// Nothing that could break a log line or a header.
fn is_safe(bytes: &[u8]) -> bool {
    (1..=MAX).contains(&bytes.len()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_repeated() {
        assert!(is_safe(b"a-b_c.d:1"));
        for bad in [&b""[..], b"a b", b"a\"b", b"a\nb", "ä".as_bytes(), &[b'a'; MAX + 1]] {
            assert!(!is_safe(bad));
        }
    }
}
