//! The cookie of a session, and the one a browser is known by.
//!
//! Under TLS its name begins with `__Host-`: a browser takes such a cookie only from this very host over TLS, so no
//! neighbour of the domain and nobody on a plain connection can plant one. `HttpOnly`: no script reads it.
//! `SameSite=Lax`, not `Strict`: whoever follows a link from a chat stays signed in; such a request is a GET, which
//! changes nothing and shows no value, and everything else asks for more (`csrf`).

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;

use crate::auth::device::LIFE;
use crate::types::{Secret, SecretString};

const PLAIN: &str = "holdfast";
const SECURE: &str = "__Host-holdfast";
/// No token of ours is near this.
const TOKEN_MAX: usize = 512;

/// What a request brings.
pub(super) enum Given {
    /// No cookie of ours.
    None,
    /// One.
    One(SecretString),
    /// Several, or one that cannot be a token: somebody planted one beside the right one, and nobody can tell which.
    Unclear,
}

fn name(secure: bool) -> &'static str {
    if secure { SECURE } else { PLAIN }
}

/// The cookie of a request. Under TLS the name without the prefix is not looked at.
pub(super) fn read(req: &HttpRequest, secure: bool) -> Given {
    find(req, name(secure))
}

fn find(req: &HttpRequest, wanted: &str) -> Given {
    let lines = req.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == wanted).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (None, _) | (Some(""), None) => Given::None,
        (Some(token), None) if token.len() <= TOKEN_MAX => Given::One(Secret::new(token.to_owned())),
        _ => Given::Unclear,
    }
}

/// The cookie that carries a session's token.
pub(super) fn set(secure: bool, token: &SecretString, life: std::time::Duration) -> Cookie<'static> {
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    build(secure, token.expose().clone(), CookieDuration::seconds(seconds))
}

/// The cookie that takes it away.
pub(super) fn clear(secure: bool) -> Cookie<'static> {
    build(secure, String::new(), CookieDuration::ZERO)
}

/// The cookie that remembers which organization the pages show.
const CHOSEN: &str = "holdfast_organization";
/// No slug and no id is longer.
const CHOSEN_MAX: usize = 64;

/// Remembers an organization by its slug; nothing that is none.
pub(super) fn choose(secure: bool, organization: &str) -> Cookie<'static> {
    let fits = organization.len() <= CHOSEN_MAX
        && organization.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let value = if fits { organization.to_owned() } else { String::new() };
    let cookie = Cookie::build(CHOSEN, value).path("/").http_only(true).same_site(SameSite::Lax);
    cookie.secure(secure).max_age(CookieDuration::days(365)).finish()
}

/// The organization the pages were told to show.
pub(super) fn chosen(req: &HttpRequest) -> Option<String> {
    let value = req.cookie(CHOSEN)?.value().to_owned();
    (!value.is_empty() && value.len() <= CHOSEN_MAX).then_some(value)
}

fn device_name(secure: bool) -> &'static str {
    if secure { "__Host-holdfast_device" } else { "holdfast_device" }
}

/// What a browser is known by that was signed in with before; nothing where that is unclear.
pub(super) fn device(req: &HttpRequest, secure: bool) -> Option<SecretString> {
    match find(req, device_name(secure)) {
        Given::One(token) => Some(token),
        Given::None | Given::Unclear => None,
    }
}

/// The cookie a browser is known by, whoever signs in with it; it opens nothing.
pub(super) fn remember(secure: bool, token: &SecretString) -> Cookie<'static> {
    let seconds = i64::try_from(LIFE.as_secs()).unwrap_or(i64::MAX);
    named(device_name(secure), secure, token.expose().clone(), CookieDuration::seconds(seconds))
}

fn build(secure: bool, value: String, life: CookieDuration) -> Cookie<'static> {
    named(name(secure), secure, value, life)
}

fn named(name: &'static str, secure: bool, value: String, life: CookieDuration) -> Cookie<'static> {
    let cookie = Cookie::build(name, value).path("/").http_only(true).same_site(SameSite::Lax);
    cookie.secure(secure).max_age(life).finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn given(lines: &[&str], secure: bool) -> Option<String> {
        let mut request = TestRequest::default();
        for line in lines {
            request = request.append_header((header::COOKIE, *line));
        }
        match read(&request.to_http_request(), secure) {
            Given::None => None,
            Given::One(token) => Some(token.expose().clone()),
            Given::Unclear => Some("unclear".into()),
        }
    }

    #[test]
    fn only_the_name_that_cannot_be_planted_counts_under_tls() {
        assert_eq!(given(&["a=b; holdfast=x"], false).as_deref(), Some("x"));
        assert_eq!(given(&["holdfast=x"], true), None);
        assert_eq!(given(&["holdfast=x; __Host-holdfast=y"], true).as_deref(), Some("y"));
        assert_eq!(given(&["__Host-holdfast=y"], false), None);
        assert_eq!(given(&["__host-holdfast=y", "theholdfast=z", "holdfast=", "holdfast"], true), None);
    }

    #[test]
    fn two_of_one_name_are_none() {
        assert_eq!(given(&["holdfast=x; holdfast=y"], false).as_deref(), Some("unclear"));
        assert_eq!(given(&["holdfast=x", "holdfast=x"], false).as_deref(), Some("unclear"));
        assert_eq!(given(&[&format!("holdfast={}", "x".repeat(513))], false).as_deref(), Some("unclear"));
    }

    #[test]
    fn the_attributes_are_those_promised() {
        let token = Secret::new("token".to_owned());
        let day = std::time::Duration::from_hours(24);
        let secure = set(true, &token, day).to_string();
        assert_eq!(secure, "__Host-holdfast=token; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400");
        let plain = set(false, &token, day).to_string();
        assert_eq!(plain, "holdfast=token; HttpOnly; SameSite=Lax; Path=/; Max-Age=86400");
        assert!(clear(true).to_string().contains("Max-Age=0"));
        let known = remember(true, &token).to_string();
        assert_eq!(known, "__Host-holdfast_device=token; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000");
    }
}
