//! What looks like a secret and is none: placeholders, references to one, identifiers of other things.

use super::entropy::Classes;

/// Words of which a value with one is a placeholder.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "yourkey",
    "insert",
    "replace",
    "redacted",
    "dummy",
    "sample",
    "xxxx",
    "****",
    "....",
    "<",
    ">",
    "todo",
    "fixme",
    "not_set",
    "notset",
    "undefined",
    "foobar",
    "lorem",
    "1234567890",
    "0000000",
    "-here",
    "_here",
];

/// Beginnings of a value that stands somewhere else.
const REFERENCES: &[&str] = &[
    "${",
    "$(",
    "{{",
    "{%",
    "%(",
    "%{",
    "$env",
    "env.",
    "env:",
    "env[",
    "process.env",
    "os.environ",
    "os.getenv",
    "getenv",
    "secretkeyref",
    "vault:",
    "vault.",
    "ssm:",
    "arn:",
    "op://",
    "secret://",
    "file:",
    "!ref",
    "!sub",
    "var.",
    "local.",
    "self.",
    "this.",
    "config.",
    "settings.",
    "secrets.",
    "@",
    "#{",
    "ref+",
    "projects/",
];

/// Words beside a run of hexadecimal digits that say it is a digest, an id or a colour.
const DIGESTS: &[&str] = &[
    "sha1",
    "sha2",
    "sha3",
    "sha5",
    "sha-",
    "sha_",
    "sha:",
    "sha=",
    "sha\"",
    "sha'",
    "md5",
    "hash",
    "digest",
    "checksum",
    "integrity",
    "commit",
    "revision",
    "rev:",
    "rev =",
    "\"rev\"",
    "fingerprint",
    "etag",
    "uuid",
    "guid",
    "blake",
    "crc",
    "tree",
    "blob",
    "merkle",
    "thumbprint",
    "cache",
    "trace",
    "span",
    "nonce",
    "address",
    "color",
    "colour",
    "resolved",
    "snapshot",
    "version",
    "oid",
    "_id",
    "id:",
    "id\":",
    "id=",
    "git+",
    "@",
    "pinned",
    "content_",
    "narhash",
];

/// Ends of file names that hold digests by the thousand and no secrets of ours.
const LOCKS: &[&str] = &[
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "uv.lock",
    "pipfile.lock",
    "composer.lock",
    "gemfile.lock",
    "go.sum",
    "flake.lock",
    "bun.lock",
    "packages.lock.json",
    ".terraform.lock.hcl",
    "mix.lock",
    "podfile.lock",
    ".sha256",
    ".sha512",
    ".md5",
    "sha256sums",
    "checksums.txt",
    "requirements.txt",
];

/// Whether the file is a list of what is locked, full of digests.
pub(super) fn is_lock(path: &str) -> bool {
    LOCKS.iter().any(|end| path.len() >= end.len() && ends_with_any_case(path.as_bytes(), end.as_bytes()))
}

fn ends_with_any_case(text: &[u8], end: &[u8]) -> bool {
    text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// Whether `text` has `word` in any case. Both are short.
pub(super) fn has(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether the value says itself that it is none.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let begins = |with: &&&str| value.len() >= with.len() && value[..with.len()].eq_ignore_ascii_case(with.as_bytes());
    REFERENCES.iter().any(|r| begins(&r))
        || PLACEHOLDERS.iter().any(|p| has(value, p))
        || memchr::memmem::find(value, b"${").is_some()
        || is_row(value)
}

/// Whether it is few characters again and again, or a row of the keyboard or alphabet.
fn is_row(value: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|s| **s).count();
    let steps = value.windows(2).filter(|w| w[1].wrapping_sub(w[0]) == 1).count();
    distinct < 4 || (value.len() >= 6 && steps * 4 >= value.len() * 3)
}

/// Whether the words around a run of hexadecimal digits say that it is a digest or an id.
pub(super) fn beside_digest(line: &[u8]) -> bool {
    DIGESTS.iter().any(|word| has(line, word))
}

/// A UUID, a date, a version, a path, a MIME type, an address: structured, and not drawn for secrecy.
pub(super) fn is_structured(value: &[u8]) -> bool {
    is_uuid(value)
        || value.starts_with(b"/")
        || value.starts_with(b"./")
        || memchr::memmem::find(value, b"://").is_some()
        || value.starts_with(b"sha256-")
        || value.starts_with(b"sha384-")
        || value.starts_with(b"sha512-")
        || value.starts_with(b"data:")
        || is_words(value)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// Parts between `/`, `.`, `-` or `_` that are words or numbers: a path, a package, a slug.
fn is_words(value: &[u8]) -> bool {
    let parts = value.split(|b| matches!(b, b'/' | b'.' | b'-' | b'_'));
    let mut count = 0;
    for part in parts {
        count += 1;
        let classes = Classes::of(part);
        let word = classes.digits == 0 || classes.lower + classes.upper == 0 || classes.changes <= 2;
        if !word {
            return false;
        }
    }
    count >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_references_are_told() {
        for value in [
            &b"changeme"[..],
            b"your_api_key",
            b"<token>",
            b"${TOKEN}",
            b"xxxxxxxxxxxx",
            b"process.env.TOKEN",
            b"{{ secret }}",
            b"EXAMPLEKEY",
            b"aaaaaaaa",
            b"abcdefgh",
            b"12345678",
            b"os.environ['A']",
            b"a${B}c",
        ] {
            assert!(is_placeholder(value), "{}", String::from_utf8_lossy(value));
        }
        for value in [&b"hunter2rocks"[..], b"Zq8Lr2Vt", b"p4ssw0rd!"] {
            assert!(!is_placeholder(value), "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn structure_is_told_from_noise() {
        for value in [
            &b"123e4567-e89b-12d3-a456-426614174000"[..],
            b"/usr/lib/x86_64-linux-gnu",
            b"https://a.example/b",
            b"com.example.shop2.api",
            b"feature-branch-2024-11",
        ] {
            assert!(is_structured(value), "{}", String::from_utf8_lossy(value));
        }
        assert!(!is_structured(b"Zq8Lr2VtK9x3Wm5Yb7Nd"));
        assert!(is_lock("a/Cargo.lock") && is_lock("package-lock.json") && !is_lock("lock.rs"));
    }
}
