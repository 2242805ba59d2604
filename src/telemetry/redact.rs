//! Takes credentials out of text that is about to leave. A second line of defence: nobody should put them in.

use std::borrow::Cow;
use std::fmt;

/// What every Holdfast token begins with: `hf_<kind>_…`.
const TOKEN_PREFIX: &str = "hf_";

/// The one kind a log may carry: it is shown to whoever starts the server, and works once.
const SETUP_KIND: &str = "set";

/// Stands in a log field where a value would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redacted;

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `text` without bearer tokens (`hf_pat_…`) and without user and query parts of URLs. Allocates only when there is
/// something to take out.
pub fn redact(text: &str) -> Cow<'_, str> {
    redact_but(text, None)
}

/// The same for log lines, where a setup token stays.
pub(super) fn redact_log(text: &str) -> Cow<'_, str> {
    redact_but(text, Some(SETUP_KIND))
}

fn redact_but<'a>(text: &'a str, kept: Option<&str>) -> Cow<'a, str> {
    let urls = if text.contains("://") { strip_urls(text, kept) } else { Cow::Borrowed(text) };
    match urls {
        Cow::Borrowed(text) => strip_tokens(text, kept),
        Cow::Owned(text) => match strip_tokens(&text, kept) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text),
        },
    }
}

fn strip_tokens<'a>(text: &'a str, kept: Option<&str>) -> Cow<'a, str> {
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find(TOKEN_PREFIX) {
        let kind_start = from + found + TOKEN_PREFIX.len();
        from = kind_start;
        let kind_len = text[kind_start..].bytes().take_while(u8::is_ascii_lowercase).count();
        let kind_end = kind_start + kind_len;
        if kind_len == 0 || text.as_bytes().get(kind_end) != Some(&b'_') {
            continue;
        }
        let body = kind_end + 1;
        let len = text[body..].bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        from = body + len;
        if len == 0 || kept == Some(&text[kind_start..kind_end]) {
            continue;
        }
        let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(&text[copied..body]);
        out.push('…');
        copied = from;
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Whether what follows a URL's path is `#` and a token of the kind that stays.
fn is_kept(rest: &str, kept: Option<&str>) -> bool {
    let token = rest.strip_prefix('#').and_then(|rest| rest.strip_prefix(TOKEN_PREFIX));
    let body = token.zip(kept).and_then(|(token, kind)| token.strip_prefix(kind)?.strip_prefix('_'));
    body.is_some_and(|body| body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// Takes `user:password@` and everything from `?` or `#` out of URLs; a URL ends at white space or a closing sign.
fn strip_urls<'a>(text: &'a str, kept: Option<&str>) -> Cow<'a, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let start = from + found + 3;
        let rest = &text[start..];
        let len = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '`' | '\\'))
            .unwrap_or(rest.len());
        let url = &rest[..len];
        from = start + len;
        let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
        if let Some(at) = url[..authority].rfind('@') {
            out.push_str(&text[copied..start]);
            out.push('…');
            copied = start + at;
        }
        let query = url.find(['?', '#']).filter(|query| query + 1 < url.len());
        if let Some(query) = query.filter(|query| !is_kept(&url[*query..], kept)) {
            out.push_str(&text[copied..=start + query]);
            out.push('…');
            copied = start + len;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_lose_everything_but_their_kind() {
        assert_eq!(redact("got hf_pat_abc_DEF-123, and hf_sa_x."), "got hf_pat_…, and hf_sa_….");
        assert_eq!(redact("\"hf_cli_abc\""), "\"hf_cli_…\"");
        assert_eq!(redact("xhf_pat_abc"), "xhf_pat_…");
        assert_eq!(redact("hf_pat_hf_sa_abc"), "hf_pat_…");
        for plain in ["hf_", "hf_pat_", "hf__x", "hf_Pat_x", "nothing here"] {
            assert!(matches!(redact(plain), Cow::Borrowed(_)), "{plain}");
        }
    }

    #[test]
    fn a_log_may_carry_a_setup_token_and_a_report_may_not() {
        assert_eq!(redact_log("hf_set_abc hf_pat_abc"), "hf_set_abc hf_pat_…");
        assert_eq!(redact("hf_set_abc"), "hf_set_…");
        let page = "open http://localhost:8420/setup#hf_set_abc_d";
        assert_eq!(redact_log(page), page);
        assert_eq!(redact(page), "open http://localhost:8420/setup#…");
        for other in ["http://a/#hf_pat_abc", "http://a/#hf_set_a&b=c", "http://a/?t=hf_set_a"] {
            assert!(redact_log(other).ends_with('…'), "{other}");
        }
    }

    #[test]
    fn urls_lose_user_and_query() {
        assert_eq!(
            redact("for url (https://u:p@a.example/x?key=1#f) failed"),
            "for url (https://…@a.example/x?…) failed"
        );
        assert_eq!(redact("https://a.example/x http://b?c"), "https://a.example/x http://b?…");
        assert_eq!(redact("{\"url\":\"http://a/?k=v\",\"n\":1}"), "{\"url\":\"http://a/?…\",\"n\":1}");
        assert_eq!(redact("http://a/?t=hf_pat_x"), "http://a/?…");
        assert_eq!(redact("http://a/x@y"), "http://a/x@y");
    }

    proptest! {
        #[test]
        fn no_token_survives_anywhere(
            before in ".{0,20}", kind in "[a-z]{1,5}", body in "[a-zA-Z0-9_]{6,40}", after in "[^a-zA-Z0-9_-]{0,5}",
        ) {
            let text = format!("{before}hf_{kind}_{body}{after}");
            let clean = redact(&text);
            prop_assert!(!clean.contains(&format!("_{body}")), "{clean}");
            let again = redact(&clean).into_owned();
            prop_assert_eq!(again, clean.clone().into_owned());
        }

        #[test]
        fn any_text_is_survived(text in "([a-zä:/?#@ _\"]|hf_|://){0,60}") {
            let _ = redact(&text);
        }
    }
}
