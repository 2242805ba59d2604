//! Secrets told by the name they are given to, or by looking drawn at random.

use memchr::memchr;

use super::benign::{beside_digest, has, is_lock, is_placeholder, is_structured};
use super::entropy::{Classes, looks_drawn, shannon};
use super::ignored::line_around;
use super::structured::Span;

/// Parts of a name that say its value is secret.
pub(super) const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "_pass",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "private-key",
    "auth_key",
    "authkey",
    "encryption_key",
    "encryptionkey",
    "signing_key",
    "signingkey",
    "master_key",
    "credential",
    "connectionstring",
    "connection_string",
    "_auth",
    "sharedkey",
    "shared_key",
    "account_key",
    "accountkey",
];

/// What may follow such a part and makes the name one of something else.
const ABOUT: &[&str] = &[
    "type",
    "url",
    "uri",
    "name",
    "id",
    "field",
    "label",
    "input",
    "len",
    "min",
    "max",
    "path",
    "file",
    "expir",
    "ttl",
    "count",
    "hash",
    "regex",
    "pattern",
    "env",
    "header",
    "prefix",
    "suffix",
    "endpoint",
    "hint",
    "error",
    "err",
    "msg",
    "message",
    "policy",
    "lifetime",
    "timeout",
    "index",
    "size",
    "version",
    "provider",
    "manager",
    "store",
    "service",
    "class",
    "ref",
    "arn",
    "scope",
    "issuer",
    "audience",
    "algorithm",
    "alg",
    "format",
    "placeholder",
    "title",
    "text",
    "description",
    "help",
    "confirm",
    "reset",
    "change",
    "rotat",
    "require",
    "valid",
    "enabled",
    "disabled",
    "public",
    "isset",
    "exists",
    "list",
    "s_per",
    "_count",
    "izer",
    "ize",
    "usage",
    "limit",
    "budget",
    "mode",
    "strength",
];

/// Longest value that is looked at.
const VALUE_MAX: usize = 512;
/// Bytes beside a value whose words say what it is: a minified file is one line.
const BESIDE: usize = 96;
/// Shortest text between quotes that may look drawn.
const DRAWN_MIN: usize = 20;

/// What a file is, as far as it says where a value begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Values stand without quotes: `.env`, YAML, ini, properties.
    pub(super) is_config: bool,
    /// Full of digests that are no secrets.
    pub(super) is_lock: bool,
}

impl Kind {
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let ending = name.rsplit_once('.').map_or("", |(_, e)| e);
        let endings =
            ["env", "yaml", "yml", "ini", "properties", "cfg", "conf", "config", "cnf", "toml", "tfvars", "npmrc"];
        let is_config = endings.iter().any(|e| ending.eq_ignore_ascii_case(e))
            || [".env", "env.", ".npmrc", ".netrc", ".pgpass", "credentials"].iter().any(|n| name.starts_with(n));
        Self { is_config, is_lock: is_lock(path) }
    }
}

/// The value given to the name with a telling part that ends at `end`.
pub(super) fn assigned(content: &[u8], kind: Kind, begin: usize, end: usize) -> Option<Span> {
    let (_, line_end) = line_around(content, begin);
    let line = &content[..line_end];
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let name_end = end + line[end..].iter().take(64).take_while(|b| is_name(**b)).count();
    if is_about(&line[end..name_end]) {
        return None;
    }
    let (at, sign) = sign(line, name_end)?;
    let quote = line.get(at).copied().filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    let from = at + usize::from(quote.is_some());
    let window = &line[from..line.len().min(from + VALUE_MAX)];
    let value = if let Some(quote) = quote {
        &window[..memchr(quote, window)?]
    } else {
        // `NAME=value` of a shell has no space around the sign; `name = value` of a program is an expression.
        let tight = sign == b'=' && line.get(name_end) == Some(&b'=') && at == name_end + 1;
        if !kind.is_config && !tight {
            return None;
        }
        unquoted(window)
    };
    let span = (from, from + value.len());
    let is_password = ["pass", "pwd"].iter().any(|w| has(&content[begin..end], w));
    is_secret_value(value, quote.is_some(), is_password).then_some(span)
}

/// Whether what follows the telling part says that the name is of something about a secret.
fn is_about(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    let word = rest.strip_prefix(b"s").filter(|r| r.first().is_none_or(|b| !b.is_ascii_lowercase())).unwrap_or(rest);
    let start = word.iter().position(u8::is_ascii_alphanumeric).unwrap_or(word.len());
    let word = &word[start..];
    ABOUT.iter().any(|about| word.len() >= about.len() && word[..about.len()].eq_ignore_ascii_case(about.as_bytes()))
        || ABOUT.iter().any(|about| {
            let end = rest.len().checked_sub(about.len() + 1);
            end.is_some_and(|at| rest[at + 1..].eq_ignore_ascii_case(about.as_bytes()) && rest[at] == b'_')
        })
}

/// The sign that gives a value to the name that ends at `at`, and where the value begins: `=`, `:`, `=>`, `:=`,
/// after a quote that ends the name, a bracket or a type.
fn sign(line: &[u8], at: usize) -> Option<(usize, u8)> {
    let spaces = |at: usize| at + line[at..].iter().take(32).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let mut at = at;
    while line.get(at).is_some_and(|b| matches!(b, b'"' | b'\'' | b'`' | b']' | b')')) {
        at += 1;
    }
    let at = spaces(at);
    let sign = *line.get(at).filter(|b| matches!(b, b'=' | b':' | b','))?;
    if sign == b',' {
        // `("password", "…")` of a call: only with quotes on both sides.
        let quoted = at > 0 && matches!(line[at - 1], b'"' | b'\'');
        let next = spaces(at + 1);
        return (quoted && line.get(next).is_some_and(|b| matches!(b, b'"' | b'\''))).then_some((next, b','));
    }
    let mut next = at + 1;
    if line.get(next).is_some_and(|b| *b == b'=') && sign == b'=' {
        // A comparison with a text tells as much as an assignment.
        next += 1;
    } else if line.get(next).is_some_and(|b| matches!(b, b'=' | b'>')) {
        next += 1;
    } else if sign == b':'
        && let Some(equals) = memchr(b'=', &line[next..line.len().min(next + 40)])
        && line[next..next + equals].iter().all(|b| b.is_ascii_alphanumeric() || b" &<>'_:".contains(b))
    {
        // `name: &str = "…"`
        return Some((spaces(next + equals + 1), b'='));
    }
    Some((spaces(next), sign))
}

/// A value without quotes: to the next space or comma, or the end of the line.
fn unquoted(window: &[u8]) -> &[u8] {
    let end =
        window.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b',' | b';' | b'"' | b'\'' | b'`' | b'\\'));
    &window[..end.unwrap_or(window.len())]
}

fn is_secret_value(value: &[u8], quoted: bool, is_password: bool) -> bool {
    if value.len() < 6 || is_placeholder(value) || value.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control())
    {
        return false;
    }
    // An expression, a call, an index, a path, a link, a type.
    if value.iter().any(|b| matches!(b, b'(' | b')' | b'[' | b']' | b'{' | b'}')) && (!quoted || !is_password) {
        return false;
    }
    let classes = Classes::of(value);
    let words_only = classes.digits == 0 && classes.upper + classes.lower + dashes(value) == value.len();
    let names_itself = [
        "password",
        "passwd",
        "secret",
        "token",
        "key",
        "credential",
        "null",
        "none",
        "true",
        "false",
        "bearer",
        "basic",
    ]
    .iter()
    .any(|w| has(value, w));
    if words_only {
        // A password may be a word; what is named a token or key and is a word is a name.
        return is_password
            && !names_itself
            && dashes(value) == 0
            && value.len() >= 8
            && quoted_or_mixed(quoted, classes);
    }
    if is_structured(value) && !(is_password && classes.kinds() >= 3) {
        return false;
    }
    if is_password {
        return classes.kinds() >= 2 && !value.iter().all(u8::is_ascii_digit) && !(names_itself && classes.digits == 0);
    }
    classes.digits > 0 && shannon(value) >= 2.8 && value.len() >= 10
}

fn quoted_or_mixed(quoted: bool, classes: Classes) -> bool {
    quoted || (classes.lower > 0 && classes.upper > 0)
}

fn dashes(value: &[u8]) -> usize {
    value.iter().filter(|b| matches!(b, b'-' | b'_' | b'.' | b'/' | b':')).count()
}

/// A text between quotes that looks drawn, the first of which is at `at`.
pub(super) fn drawn(content: &[u8], kind: Kind, at: usize) -> Option<Span> {
    if kind.is_lock {
        return None;
    }
    let quote = content[at];
    let from = at + 1;
    let window = &content[from..content.len().min(from + VALUE_MAX)];
    let len = window.iter().take_while(|b| is_drawn_byte(**b)).count();
    if len < DRAWN_MIN || window.get(len) != Some(&quote) {
        return None;
    }
    looks_secret(content, (from, from + len)).then_some((from, from + len))
}

/// The value of a line `name = value` or `name: value` of a configuration that looks drawn; the sign is at `at`.
pub(super) fn drawn_unquoted(content: &[u8], kind: Kind, at: usize) -> Option<Span> {
    if kind.is_lock || !kind.is_config {
        return None;
    }
    let spaces = content[at + 1..].iter().take(8).take_while(|b| **b == b' ').count();
    let from = at + 1 + spaces;
    let window = &content[from..content.len().min(from + VALUE_MAX)];
    let len = window.iter().take_while(|b| is_drawn_byte(**b)).count();
    let ends = window.get(len).is_none_or(|b| matches!(b, b'\n' | b'\r' | b' '));
    if len < DRAWN_MIN || !ends {
        return None;
    }
    looks_secret(content, (from, from + len)).then_some((from, from + len))
}

fn is_drawn_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_')
}

fn looks_secret(content: &[u8], (from, to): Span) -> bool {
    let value = &content[from..to];
    let is_hex = value.iter().all(u8::is_ascii_hexdigit);
    if is_hex {
        let classes = Classes::of(value);
        let one_case = classes.lower == 0 || classes.upper == 0;
        if !one_case || classes.digits == 0 || classes.digits == value.len() || value.len() < 24 || shannon(value) < 3.0
        {
            return false;
        }
        return !beside_digest(before(content, from)) && !beside_digest(behind(content, to)) && !is_placeholder(value);
    }
    // Longer than any key as text: an image, a font, a certificate.
    value.len() <= 256
        && looks_drawn(value)
        && !is_structured(value)
        && !is_placeholder(value)
        && !is_integrity(content, from)
}

/// Whether it stands behind a word that makes it a digest of something published.
fn is_integrity(content: &[u8], from: usize) -> bool {
    let words = ["integrity", "checksum", "sha256", "sha512", "digest", "narhash"];
    words.iter().any(|w| has(before(content, from), w))
}

/// What stands before `at` on its line, as far as it says what follows.
fn before(content: &[u8], at: usize) -> &[u8] {
    let from = at.saturating_sub(BESIDE);
    &content[memchr::memrchr(b'\n', &content[from..at]).map_or(from, |n| from + n + 1)..at]
}

/// What stands behind `at` on its line, as far as it says what was before.
fn behind(content: &[u8], at: usize) -> &[u8] {
    let to = content.len().min(at + BESIDE);
    &content[at..memchr(b'\n', &content[at..to]).map_or(to, |n| at + n)]
}
