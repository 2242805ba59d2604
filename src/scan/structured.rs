//! Secrets told by their structure: private keys, passwords in URLs, tokens that can be read, headers.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use memchr::{memchr, memchr2, memmem};

use super::benign::is_placeholder;
use super::entropy::shannon;
use crate::keys::PlainToken;

/// Bytes of a private key that are taken for its fingerprint.
const KEY_MAX: usize = 16 * 1024;
/// Bytes after a key's heading in which its body must begin.
const HEADING: usize = 400;
/// Fewest characters of base64 in a row that make a body.
const BODY_MIN: usize = 32;
/// Longest user and password of a URL.
const USERINFO_MAX: usize = 256;
/// Longest JSON Web Token.
const JWT_MAX: usize = 8 * 1024;

/// Where a secret lies: begin and end.
pub(super) type Span = (usize, usize);

/// A private key whose heading has `PRIVATE KEY` at `at`: one with a body, not a word about keys.
pub(super) fn private_key(content: &[u8], at: usize) -> Option<Span> {
    let from = at.saturating_sub(48);
    let begin = from + memmem::rfind(&content[from..at], b"-----BEGIN ")?;
    if memchr2(b'\n', b'"', &content[begin..at]).is_some() {
        return None;
    }
    let heading_end = at + memmem::find(&content[at..content.len().min(at + 40)], b"-----")? + 5;
    let window = &content[heading_end..content.len().min(heading_end + HEADING)];
    let body = body(window);
    if body.len() < BODY_MIN || shannon(body) < 3.5 {
        return None;
    }
    let rest = &content[heading_end..content.len().min(heading_end + KEY_MAX)];
    let end = memmem::find(rest, b"-----END").unwrap_or(window.len());
    Some((begin, heading_end + end))
}

/// The first line of a key's body, behind line ends (real, or written `\n` in a string) and the headings of old PEM.
fn body(window: &[u8]) -> &[u8] {
    let mut rest = window;
    while let Some(first) = rest.first() {
        if first.is_ascii_whitespace() || matches!(first, b'"' | b'\'' | b'+' | b',') {
            rest = &rest[1..];
        } else if rest.starts_with(b"\\n") || rest.starts_with(b"\\r") {
            rest = &rest[2..];
        } else if rest.starts_with(b"Proc-Type:") || rest.starts_with(b"DEK-Info:") {
            rest = &rest[memchr2(b'\n', b'\\', rest).unwrap_or(rest.len())..];
        } else {
            break;
        }
    }
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    &rest[..rest.iter().position(|b| !is_base64(b)).unwrap_or(rest.len())]
}

/// The password of a URL whose `://` is at `at`.
pub(super) fn url_password(content: &[u8], at: usize) -> Option<Span> {
    let scheme = content[..at].iter().rev().take(16).take_while(|b| b.is_ascii_alphanumeric() || **b == b'+').count();
    let begin = at + 3;
    let window = &content[begin..content.len().min(begin + USERINFO_MAX)];
    let end = window.iter().position(|b| {
        b.is_ascii_whitespace()
            || b.is_ascii_control()
            || matches!(b, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b'|')
    });
    let window = &window[..end.unwrap_or(window.len())];
    let host = memchr::memrchr(b'@', window)?;
    let colon = memchr(b':', &window[..host])?;
    let password = &window[colon + 1..host];
    let named = ["password", "passwd", "pass", "secret", "token", "pwd", "user", "pw"];
    let is_word = named.iter().any(|w| password.eq_ignore_ascii_case(w.as_bytes()));
    let is_variable = password.iter().any(|b| matches!(b, b'$' | b'{' | b'}' | b'(' | b'[' | b'*'));
    let same_as_user = password == &window[..colon];
    if scheme == 0 || password.len() < 4 || is_word || is_variable || same_as_user || is_placeholder(password) {
        return None;
    }
    Some((begin + colon + 1, begin + host))
}

/// A JSON Web Token that begins at `at`: its heading must say so.
pub(super) fn jwt(content: &[u8], at: usize) -> Option<Span> {
    let window = &content[at..content.len().min(at + JWT_MAX)];
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let end = window.iter().position(|b| !is_part(b) && *b != b'.').unwrap_or(window.len());
    let mut parts = window[..end].split(|b| *b == b'.');
    let (heading, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.len() < 20 || !claims.starts_with(b"eyJ") {
        return None;
    }
    let heading: serde_json::Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(heading).ok()?).ok()?;
    let signed = heading.get("alg").and_then(serde_json::Value::as_str).is_some_and(|alg| alg != "none");
    signed.then_some((at, at + end))
}

/// One of our own tokens that begins at `at`: the checksum tells it from whatever only looks like one.
pub(super) fn holdfast(content: &[u8], at: usize) -> Option<Span> {
    let window = &content[at..content.len().min(at + 128)];
    let end = window.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(window.len());
    let text = std::str::from_utf8(&window[..end]).ok()?;
    PlainToken::parse(text).is_ok().then_some((at, at + end))
}

/// The credentials behind `Basic ` or `Bearer `, which end at `at`.
pub(super) fn auth_header(content: &[u8], at: usize, is_basic: bool) -> Option<Span> {
    let window = &content[at..content.len().min(at + 2_048)];
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=');
    let end = window.iter().position(|b| !is_token(b)).unwrap_or(window.len());
    let token = &window[..end];
    let found = if is_basic {
        let decoded = BASE64.decode(token).ok()?;
        let colon = memchr(b':', &decoded)?;
        let password = &decoded[colon + 1..];
        let is_text = std::str::from_utf8(&decoded).is_ok_and(|t| !t.chars().any(char::is_control));
        is_text && password.len() >= 4 && !is_placeholder(password)
    } else {
        token.len() >= 20 && token.iter().any(u8::is_ascii_digit) && shannon(token) >= 3.6 && !is_placeholder(token)
    };
    found.then_some((at, at + end))
}
