//! The names in a path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use data_encoding::HEXUPPER_PERMISSIVE;

use crate::http::error::Problem;
use crate::http::routes::matched;

/// The `{…}` parts of a path, in their order, percent-decoded.
pub(crate) struct Names<const N: usize>(pub(crate) [String; N]);

impl<const N: usize> FromRequest for Names<N> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(names(req).map(Self))
    }
}

fn names<const N: usize>(req: &HttpRequest) -> Result<[String; N], Problem> {
    let raw = req.uri().path();
    if raw.contains('%') {
        require_text(raw)?;
    }
    let mut found: [String; N] = std::array::from_fn(|_| String::new());
    let mut count = 0;
    let (pattern, path) = matched(req).unwrap_or_default();
    let named = pattern.split('/').zip(path.split('/')).filter(|(part, _)| part.starts_with('{'));
    for (slot, (_, text)) in found.iter_mut().zip(named) {
        *slot = if text.contains('%') { decode(text)? } else { text.to_owned() };
        count += 1;
    }
    if count == N { Ok(found) } else { Err(Problem::internal("a route has fewer names than its handler")) }
}

fn not_text() -> Problem {
    Problem::invalid("encoding_invalid", "the address holds bytes that are no text").hint("percent-encode UTF-8")
}

/// Decodes the percent escapes the router left (`%2F`, `%25`, …).
fn decode(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let pair = tail.get(..2).ok_or_else(not_text)?;
            bytes.extend(HEXUPPER_PERMISSIVE.decode(pair).map_err(|_| not_text())?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| not_text())
}

/// Refuses escapes that are broken, no UTF-8, or a NUL: what follows would have to guess.
pub(super) fn require_text(raw: &str) -> Result<(), Problem> {
    if !raw.contains('%') {
        return Ok(());
    }
    let decoded = decode(raw)?;
    if decoded.contains('\0') { Err(not_text()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_escapes_are_refused() {
        for bad in ["%", "%4", "%zz", "%ff", "a%00b", "%c3%28"] {
            assert!(require_text(bad).is_err(), "{bad}");
        }
        assert_eq!(decode("a%2Fb%25").unwrap(), "a/b%");
        assert!(require_text("%c3%a4").is_ok());
    }
}
