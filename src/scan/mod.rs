//! Finding secrets in text that should hold none: source files, staged changes, a repository's history.
//!
//! Invariants, and what each one stops:
//! - It reads bytes and answers places: no file, no program, no network. Whoever walks a tree or calls git is a door.
//! - Any bytes are input: no encoding, line length, name or diff makes it panic, recurse, or hold more than its limits.
//! - What was found is `SecretBytes`: a report names rule, file, line and length, never the text.
//! - A baseline holds salted tags of 24 bits: enough to know a finding again, too few to recover what was found
//!   ([`baseline`]).
//! - One pass of an Aho-Corasick automaton says where a rule may match; patterns run on those few bytes only, so that
//!   a tree is read as fast as the disk gives it.
//!
//! Own values are told apart without being told: [`own`] makes keyed hashes of what stands in the text, and the server
//! compares them with those of its values. What that reveals to whom is in `vault::scan`.
//!
//! It does not ask a provider whether what it found is alive: that would send it out.

pub mod baseline;
mod benign;
pub mod diff;
mod engine;
mod entropy;
mod generic;
mod ignored;
pub mod own;
pub mod report;
mod rules;
mod structured;

pub use engine::{Finding, Scanner};
pub use rules::{OWN, RuleInfo, catalogue};

/// Bytes at the beginning of a file that are looked at to tell text from other data.
const SNIFFED: usize = 8 * 1024;

/// Whether this is no text: it has a NUL near its beginning, and is not UTF-16 with a byte order mark.
pub fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(SNIFFED)]).is_some() && utf16(content).is_none()
}

/// UTF-16 text with a byte order mark as UTF-8; none for everything else. Windows writes `.env` files like this.
pub fn utf16(content: &[u8]) -> Option<String> {
    let read = |f: fn([u8; 2]) -> u16| content[2..].chunks_exact(2).map(move |b| f([b[0], b[1]])).collect::<Vec<_>>();
    let units = match content {
        [0xff, 0xfe, ..] => read(u16::from_le_bytes),
        [0xfe, 0xff, ..] => read(u16::from_be_bytes),
        _ => return None,
    };
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests;
