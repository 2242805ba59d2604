//! Telling one's own values in a text, by keyed hash.
//!
//! The key is drawn for one scan and known to both sides. It hides nothing from the server, which has the values; it
//! keeps hashes of one scan from being compared with those of another, or with a list made before.

use memchr::{memchr, memchr_iter, memmem};

use super::entropy::Classes;
use crate::keys::{MacKey, MacPurpose};

/// Bytes of a hash that are sent first: few enough that the server learns nothing of what is not its own.
pub const PREFIX_LEN: usize = 3;
/// Bytes of a whole hash.
pub const DIGEST_LEN: usize = 32;
/// Shortest value that is compared, in bytes: a shorter one is everywhere, and can be guessed.
const VALUE_MIN: usize = 8;
/// Longest value that is compared, in bytes, keys in PEM apart.
const VALUE_MAX: usize = 4 * 1024;
/// Longest key in PEM that is compared, in bytes.
const PEM_MAX: usize = 64 * 1024;
/// Bytes of a line that are looked at.
const LINE_MAX: usize = 64 * 1024;

/// The key of one scan.
#[derive(Debug)]
pub struct ScanKey(MacKey);

impl ScanKey {
    /// This key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(MacKey::shared(key))
    }

    /// The hash of a value.
    pub fn digest(&self, value: &[u8]) -> [u8; DIGEST_LEN] {
        *self.0.mac(MacPurpose::ScanValue, &[value]).as_bytes()
    }
}

/// A value as it is compared: without line ends behind it, and only if it could not stand in a text by chance. Both
/// sides ask the same, so what is no candidate here is none there.
pub fn comparable(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii_end();
    let is_pem = value.starts_with(b"-----BEGIN ");
    let most = if is_pem { PEM_MAX } else { VALUE_MAX };
    if !(VALUE_MIN..=most).contains(&value.len()) {
        return None;
    }
    let mut seen = [false; 256];
    for byte in value {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|s| **s).count();
    let kinds = Classes::of(&value[..value.len().min(256)]).kinds();
    (distinct >= 5 && (kinds >= 2 || value.len() >= 20)).then_some(value)
}

/// Something in a text that may be a value.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'c> {
    /// Its line, from 1.
    pub line: usize,
    /// What stands before it on its line.
    pub before: &'c [u8],
    /// The value.
    pub value: &'c [u8],
}

/// Calls `each` with everything in the text that may be a value: words, what stands between quotes or behind the first
/// `=` or `:` of a line, their parts, and keys in PEM. A value over several lines other than PEM is not found.
pub fn candidates<'c>(content: &'c [u8], mut each: impl FnMut(Candidate<'c>)) {
    let mut begin = 0;
    let ends = memchr_iter(b'\n', content).chain(std::iter::once(content.len()));
    for (number, end) in (1..).zip(ends) {
        let line = &content[begin..end.min(begin + LINE_MAX)];
        if line.len() >= VALUE_MIN {
            of_line(number, line, &mut each);
            if let Some(at) = memmem::find(line, b"-----BEGIN ")
                && let Some(value) = pem(content, begin + at)
            {
                each(Candidate { line: number, before: &line[..at], value });
            }
        }
        begin = (end + 1).min(content.len());
    }
}

fn of_line<'c>(number: usize, line: &'c [u8], each: &mut impl FnMut(Candidate<'c>)) {
    let mut give = |part: &'c [u8]| {
        if let Some(value) = comparable(part) {
            let before = &line[..value.as_ptr().addr() - line.as_ptr().addr()];
            each(Candidate { line: number, before, value });
        }
    };
    // Behind the sign, to the end of the line.
    if let Some(sign) = memchr::memchr2(b'=', b':', line) {
        let rest = line[sign + 1..].trim_ascii();
        give(rest);
        give(stripped(rest));
    }
    for quote in [b'"', b'\'', b'`'] {
        let mut from = None;
        for at in memchr_iter(quote, line) {
            if let Some(from) = from.replace(at + 1) {
                give(&line[from..at]);
            }
        }
    }
    for word in line.split(u8::is_ascii_whitespace).filter(|w| w.len() >= VALUE_MIN) {
        give(word);
        give(stripped(word));
        if let Some(sign) = memchr::memchr2(b'=', b':', word) {
            give(&word[sign + 1..]);
            give(stripped(&word[sign + 1..]));
        }
        let apart = |b: &u8| {
            !b.is_ascii_alphanumeric()
                && !matches!(
                    b,
                    b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'!' | b'$' | b'%' | b'^' | b'*' | b'~' | b'#'
                )
                && b.is_ascii()
        };
        word.split(apart).for_each(&mut give);
        let narrow = |b: &u8| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'_') && b.is_ascii();
        word.split(narrow).for_each(&mut give);
    }
}

/// Without quotes, brackets and marks around it.
fn stripped(text: &[u8]) -> &[u8] {
    let is_mark = |b: &u8| {
        matches!(
            b,
            b'"' | b'\'' | b'`' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b':' | b'='
        )
    };
    let begin = text.iter().position(|b| !is_mark(b)).unwrap_or(text.len());
    let end = text.iter().rposition(|b| !is_mark(b)).map_or(begin, |n| n + 1);
    &text[begin..end]
}

/// The key in PEM that begins at `begin`, whole.
fn pem(content: &[u8], begin: usize) -> Option<&[u8]> {
    let window = &content[begin..content.len().min(begin + PEM_MAX)];
    let footer = memmem::find(window, b"-----END ")?;
    let last = memmem::find(&window[footer + 9..], b"-----")?;
    let end = footer + 9 + last + 5;
    if memchr(b'\n', &window[footer..end]).is_some() {
        return None;
    }
    comparable(&window[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        candidates(text.as_bytes(), |c| {
            let line = text.split('\n').nth(c.line - 1).expect("a line of the text").as_bytes();
            let first = c.value.split(|b| *b == b'\n').next().expect("not empty");
            assert!(line.starts_with(&[c.before, first].concat()), "the place is right");
            all.push(String::from_utf8_lossy(c.value).into_owned());
        });
        all
    }

    #[test]
    fn a_value_is_a_candidate_wherever_people_write_it() {
        let values = ["Zq8Lr2Vt", "a b c d1 e", "p@ss:w0rd=x", "sk/Ab+9==", "k-1_2.3!x$", "Zq8 \u{e4}\u{f6}Lr2"];
        for value in values {
            for text in [
                format!("PASSWORD={value}"),
                format!("PASSWORD=\"{value}\"\n"),
                format!("  password: {value}\r\n"),
                format!("let x = \"{value}\";"),
                format!("  '{value}', // why"),
                value.to_owned(),
            ] {
                let spaced = value.contains(' ') && !text.contains(['"', '\'', '=', ':']);
                assert!(spaced || found(&text).iter().any(|f| f == value), "{value:?} in {text:?}: {:?}", found(&text));
            }
        }
        assert!(found("postgres://app:Zq8Lr2Vt@db:5432/x").contains(&"Zq8Lr2Vt".to_owned()));
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\nBQYDK2Vw\n-----END PRIVATE KEY-----";
        assert!(found(&format!("x\n{key}\ny")).contains(&key.to_owned()));
    }

    #[test]
    fn what_could_stand_anywhere_is_not_compared() {
        for value in ["", "8080", "true", "12345678", "aaaaaaaaaaaaaaaaaaaaaaaa", "password", "production"] {
            assert_eq!(comparable(value.as_bytes()), None, "{value}");
        }
        assert_eq!(comparable(b"hunter2x\n"), Some(&b"hunter2x"[..]));
    }

    #[test]
    fn keys_make_hashes_that_cannot_be_compared() {
        let (one, other) = (ScanKey::new(&[1; 32]), ScanKey::new(&[2; 32]));
        assert_eq!(one.digest(b"x"), ScanKey::new(&[1; 32]).digest(b"x"));
        assert!(one.digest(b"x") != other.digest(b"x") && one.digest(b"x") != one.digest(b"y"));
    }
}
