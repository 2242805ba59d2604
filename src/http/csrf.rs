//! Whether a request with a cookie is meant by whoever holds it: a browser sends cookies along with what others wrote.
//!
//! Four answers, each enough against most of it, and together against what one of them misses:
//! - `Host` is the public URL's, or on a loopback listener a loopback name: a name that leads here by somebody else's
//!   DNS gets no answer.
//! - `Sec-Fetch-Site` is `same-origin` or `none`. Another site may only lead here: a navigation to a page, by GET.
//! - `Origin`, where it is sent, is ours.
//! - Everything that is no GET shows a token that is a keyed hash of the session: in `X-CSRF-Token`, or for a page's own
//!   form in a field. It is of one session and one instance, and compared in constant time.
//!
//! Requests with a bearer token pass none of this: no browser adds one by itself.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage as _, HttpRequest};
use data_encoding::HEXLOWER;

use super::error::Problem;
use super::extract::Caller;
use super::proxy;
use super::state::State;
use crate::auth::{AuthError, Credential};
use crate::config::BaseUrl;
use crate::keys::{KeyError, Mac, MacPurpose, fill_random};
use crate::op::Op;

/// Where a script shows the token.
pub(crate) const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// Bytes of the token.
const TOKEN_BYTES: usize = 32;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

fn mac(op: &Op, credential: &Credential) -> Mac {
    op.keyring().instance().mac(MacPurpose::CsrfToken, &[credential.id.as_bytes()])
}

/// The token a page of this session sends back.
pub(crate) fn token(op: &Op, credential: &Credential) -> String {
    mac(op, credential).to_hex(TOKEN_BYTES)
}

/// The same token as a page has it: covered by bytes drawn for this answer, so that it looks different each time and
/// the length of a packed page says nothing of it.
pub(crate) fn masked(op: &Op, credential: &Credential) -> Result<String, KeyError> {
    let mut cover = [0_u8; TOKEN_BYTES];
    fill_random(&mut cover)?;
    let token = HEXLOWER.decode(token(op, credential).as_bytes()).unwrap_or_default();
    let covered: Vec<u8> = token.iter().zip(cover).map(|(byte, cover)| byte ^ cover).collect();
    Ok(HEXLOWER.encode(&[&cover[..], &covered].concat()))
}

/// Whether `given` is the token of this session, plain or covered; in constant time.
pub(crate) fn matches(op: &Op, credential: &Credential, given: &str) -> bool {
    let Ok(bytes) = HEXLOWER.decode(given.as_bytes()) else { return false };
    let bytes = match bytes.split_at_checked(TOKEN_BYTES) {
        Some((cover, covered)) if covered.len() == TOKEN_BYTES => {
            cover.iter().zip(covered).map(|(cover, byte)| cover ^ byte).collect()
        }
        _ => bytes,
    };
    mac(op, credential).verify(&bytes)
}

/// Whoever sent a page's form, whose field `given` is: for extractors of forms. A request whose header showed the token
/// passes as well.
pub(crate) fn proven(req: &HttpRequest, given: &str) -> Result<(Op, Arc<Credential>), Problem> {
    match req.extensions_mut().remove::<Caller>() {
        Some(Caller::Known(op, credential)) => Ok((op, credential)),
        Some(Caller::Unproven(op, credential)) if matches(&op, &credential, given) => Ok((op, credential)),
        Some(Caller::Unproven(..)) => Err(refused()),
        Some(Caller::Refused(problem) | Caller::Lapsed(_, problem)) => Err(problem),
        Some(Caller::Anonymous(_)) | None => Err(AuthError::Missing.into()),
    }
}

/// The answer to a change by cookie without the token, or with a wrong one.
pub(crate) fn refused() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "csrf_token_wrong",
        "the request does not show that the session's owner meant it",
    )
    .hint("send the session's csrf_token, which GET /api/v1/whoami tells, in X-CSRF-Token; reload a page that is old")
}

/// Whether a method changes nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a request comes from a page of ours, as far as the browser tells.
pub(crate) fn same_origin(state: &State, req: &HttpRequest) -> Result<(), Problem> {
    let host = proxy::host(state, req).unwrap_or_default();
    if !["https", "http"].iter().any(|scheme| is_ours(state, &format!("{scheme}://{host}"))) {
        let detail = format!("this server is {}, and not the host that was asked for", state.public_url);
        let problem = Problem::new(StatusCode::FORBIDDEN, "host_unknown", detail);
        return Err(problem.hint("use that address, or set server.public_url"));
    }
    let text = |name: &HeaderName| req.headers().get(name).map(|v| v.to_str().unwrap_or_default());
    let leads_here = || {
        let is_page = !req.path().starts_with("/api/") && is_safe(req.method());
        is_page && text(&SEC_FETCH_MODE) == Some("navigate") && text(&SEC_FETCH_DEST) == Some("document")
    };
    let site = match text(&SEC_FETCH_SITE) {
        None | Some("same-origin" | "none") => true,
        Some(_) => leads_here(),
    };
    let origin = text(&header::ORIGIN).is_none_or(|origin| is_ours(state, origin));
    if site && origin {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::FORBIDDEN, "cross_site_request", "the request comes from another site");
    Err(problem.hint("use the pages of this server, or a token in the Authorization header"))
}

/// Whether the browser said at all where the request comes from. A form that signs somebody in must: it has no session
/// yet whose token it could show, and browsers of today say it with every POST.
pub(crate) fn has_origin(req: &HttpRequest) -> bool {
    req.headers().contains_key(header::ORIGIN) || req.headers().contains_key(SEC_FETCH_SITE)
}

/// Whether an origin is the public URL's; or, on a loopback listener, a loopback name at its port.
fn is_ours(state: &State, origin: &str) -> bool {
    let Ok(given) = BaseUrl::parse(origin) else { return false };
    if given == state.public_url {
        return true;
    }
    let listen = state.listen;
    let scheme = if state.tls { "https" } else { "http" };
    listen.ip().to_canonical().is_loopback()
        && ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|name| BaseUrl::parse(&format!("{scheme}://{name}:{}", listen.port())).is_ok_and(|own| own == given))
}

/// Where a page may send somebody on after a form: a path of ours, and nothing a browser reads as another host.
pub(crate) fn local_path(next: &str) -> &str {
    let is_local = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 2_048
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for ours in ["/", "/projects/shop?tab=access#x", "/a//b"] {
            assert_eq!(local_path(ours), ours);
        }
        for theirs in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/\t/evil", "evil", "/ä"]
        {
            assert_eq!(local_path(theirs), "/", "{theirs}");
        }
        assert_eq!(local_path(&format!("/{}", "x".repeat(2_048))), "/");
    }
}
