//! Comments that say a line is known and meant.

use memchr::{memchr, memmem, memrchr};

/// Bytes of a line looked at on each side of a finding: a minified file is one line.
const REACH: usize = 4 * 1024;

/// Ours, and those of the tools people come from.
const MARKS: &[&[u8]] = &[b"holdfast:ignore", b"pragma: allowlist secret", b"gitleaks:allow"];
const NEXT: &[&[u8]] = &[b"holdfast:ignore-next-line", b"pragma: allowlist nextline secret"];

/// Where the line around `at` begins and ends, as far as it is looked at.
pub(super) fn line_around(content: &[u8], at: usize) -> (usize, usize) {
    let from = at.saturating_sub(REACH);
    let begin = memrchr(b'\n', &content[from..at]).map_or(from, |n| from + n + 1);
    let to = content.len().min(at + REACH);
    let end = memchr(b'\n', &content[at..to]).map_or(to, |n| at + n);
    (begin, end)
}

/// Whether a comment on the line of `at`, or on the one before, says to ignore `rule`.
pub(super) fn is_ignored(content: &[u8], at: usize, rule: &str) -> bool {
    let (begin, end) = line_around(content, at);
    let line = &content[begin..end];
    if MARKS.iter().any(|mark| says(line, mark, rule)) {
        return true;
    }
    let Some(before_end) = begin.checked_sub(1) else { return false };
    let (before, _) = line_around(content, before_end);
    NEXT.iter().any(|mark| says(&content[before..before_end], mark, rule))
}

/// Whether the line has the mark, for every rule or with `[rule]` behind it for this one.
fn says(line: &[u8], mark: &[u8], rule: &str) -> bool {
    let Some(at) = memmem::find(line, mark) else { return false };
    let rest = &line[at + mark.len()..];
    if rest.starts_with(b"-next") {
        return false;
    }
    let Some(inside) = rest.strip_prefix(b"[") else { return true };
    let end = memchr(b']', inside).unwrap_or(inside.len());
    inside[..end].split(|b| *b == b',').any(|one| one.trim_ascii() == rule.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_counts_for_its_line_its_rule_and_the_next_line_when_it_says_so() {
        let at = |text: &str| text.find("SECRET").expect("there");
        for (text, ignored) in [
            ("SECRET # holdfast:ignore", true),
            ("SECRET # holdfast:ignore[aws-access-key]", true),
            ("SECRET # holdfast:ignore[other, aws-access-key]", true),
            ("SECRET # holdfast:ignore[other]", false),
            ("// holdfast:ignore-next-line\nSECRET", true),
            ("// holdfast:ignore-next-line\n\nSECRET", false),
            ("SECRET // holdfast:ignore-next-line", false),
            ("# holdfast:ignore\nSECRET", false),
            ("SECRET  # pragma: allowlist secret", true),
            ("SECRET  # gitleaks:allow", true),
            ("SECRET", false),
        ] {
            assert_eq!(is_ignored(text.as_bytes(), at(text), "aws-access-key"), ignored, "{text:?}");
        }
    }
}
