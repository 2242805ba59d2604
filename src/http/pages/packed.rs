//! Large pages packed with gzip on their way out, where that tells nobody anything.
//!
//! The length of a packed answer tells whoever sees it on the wire how much of what they put into it was in it already
//! (BREACH). So an answer is packed only where nothing of the request is in it and no other site asked for it:
//! - it answers a GET without a query, that this server's own pages or the person made: nothing to reflect;
//! - the session's token in it is written anew each time (`csrf::masked`), so that its bytes never repeat;
//! - no answer with a value is packed: values are answers to POST.

use std::io::Write as _;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderName};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter answers fit a few packets as they are.
const WORTH_IT: usize = 4 * 1024;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the answer to a request may be packed.
pub(super) fn may_pack(req: &HttpRequest) -> bool {
    let is_ours = req.headers().get(SEC_FETCH_SITE).is_none_or(|v| matches!(v.as_bytes(), b"same-origin" | b"none"));
    req.method() == Method::GET && req.query_string().is_empty() && is_ours && takes_gzip(req)
}

/// Whether a client takes gzip.
pub(super) fn takes_gzip(req: &HttpRequest) -> bool {
    let accepted = req.headers().get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
    accepted.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip"))
}

/// The text packed; none when it is not worth it. Quick rather than small: it is made for one answer.
pub(super) fn pack(text: &str) -> Option<Vec<u8>> {
    if text.len() < WORTH_IT {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn only_what_reflects_nothing_is_packed() {
        let ask = |request: TestRequest| {
            may_pack(&request.insert_header((ACCEPT_ENCODING, "br, gzip;q=0.5")).to_http_request())
        };
        assert!(ask(TestRequest::get().uri("/projects/shop")));
        assert!(ask(TestRequest::get().uri("/").insert_header((SEC_FETCH_SITE, "same-origin"))));
        assert!(!ask(TestRequest::get().uri("/projects/shop?q=guess")), "it is in the answer");
        assert!(!ask(TestRequest::post().uri("/projects/shop")), "it may hold a value");
        assert!(!ask(TestRequest::get().uri("/").insert_header((SEC_FETCH_SITE, "cross-site"))), "asked by others");
        assert!(!may_pack(&TestRequest::get().uri("/").to_http_request()), "not taken");
        assert!(pack("short").is_none() && pack(&"long ".repeat(2_000)).is_some_and(|packed| packed.len() < 500));
    }
}
