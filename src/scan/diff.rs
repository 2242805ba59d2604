//! The added lines of a diff as git writes it with `--unified=0`, file by file, in bounded memory.
//!
//! A hunk says how many lines it has, so a line of content can never be taken for a heading, whatever it holds.

use std::io::{self, BufRead};

/// Longest line that is kept, in bytes; the rest of it is skipped.
const LINE_MAX: usize = 1 << 20;
/// Most added bytes handed on at once; a larger file comes in several pieces.
const PIECE_MAX: usize = 16 << 20;

/// Added lines of one file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Added {
    /// The commit, when the diff is of a history.
    pub commit: Option<String>,
    /// The file, with `/`.
    pub path: String,
    /// The lines.
    pub text: Vec<u8>,
    /// Where hunks begin: the line in `text`, and the line in the file.
    hunks: Vec<(usize, usize)>,
    lines: usize,
}

impl Added {
    /// The line in the file of a line in `text`, both from 1.
    pub fn line(&self, line: usize) -> usize {
        let hunk = self.hunks.iter().rev().find(|(first, _)| *first <= line);
        hunk.map_or(line, |(first, in_file)| in_file.saturating_add(line - first))
    }

    fn next_piece(&mut self, in_file: usize) -> Self {
        let next = Self { commit: self.commit.clone(), path: self.path.clone(), ..Self::default() };
        let full = std::mem::replace(self, next);
        self.hunks.push((1, in_file));
        full
    }
}

/// Reads a diff and hands on the added lines of each file. Headings `commit ID` stand before a commit's files.
/// `each` says whether to go on.
///
/// # Errors
/// The source cannot be read.
pub fn added(mut source: impl BufRead, mut each: impl FnMut(&Added) -> bool) -> io::Result<()> {
    let mut current = Added::default();
    let mut commit = None;
    let mut line = Vec::new();
    // Lines of the hunk that are still to come: taken away, added.
    let (mut minus, mut plus, mut in_file) = (0_usize, 0_usize, 0_usize);
    while read_line(&mut source, &mut line)? {
        match line.first() {
            Some(b'-') if minus > 0 => minus -= 1,
            Some(b'+') if plus > 0 => {
                if current.text.len() + line.len() > PIECE_MAX && !each(&current.next_piece(in_file)) {
                    return Ok(());
                }
                current.text.extend_from_slice(&line[1..]);
                current.text.push(b'\n');
                current.lines += 1;
                plus -= 1;
                in_file = in_file.saturating_add(1);
            }
            // "\ No newline at end of file"
            Some(b'\\') => {}
            _ => {
                (minus, plus) = (0, 0);
                if let Some(id) = line.strip_prefix(b"commit ") {
                    commit = Some(String::from_utf8_lossy(id).into_owned());
                } else if line.starts_with(b"diff --git ") {
                    if !hand_on(&mut current, &mut each) {
                        return Ok(());
                    }
                } else if let Some(name) = line.strip_prefix(b"+++ ") {
                    current.path = unquoted(name);
                    current.commit.clone_from(&commit);
                } else if let Some((taken, given, first)) = hunk(&line) {
                    (minus, plus, in_file) = (taken, given, first);
                    current.hunks.push((current.lines + 1, first));
                }
            }
        }
    }
    hand_on(&mut current, &mut each);
    Ok(())
}

fn hand_on(current: &mut Added, each: &mut impl FnMut(&Added) -> bool) -> bool {
    let done = std::mem::take(current);
    done.text.is_empty() || each(&done)
}

/// One line without its end; what is longer than [`LINE_MAX`] is cut. False at the end.
fn read_line(source: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let take = end.unwrap_or(buffer.len());
        let room = LINE_MAX.saturating_sub(line.len());
        line.extend_from_slice(&buffer[..take.min(room)]);
        source.consume(take + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// `@@ -1,2 +3,4 @@`: lines taken away, lines added, the first added line.
fn hunk(line: &[u8]) -> Option<(usize, usize, usize)> {
    let text = std::str::from_utf8(&line[..line.len().min(80)]).unwrap_or_default();
    let mut parts = text.strip_prefix("@@ -")?.split(' ');
    let count = |range: &str| match range.split_once(',') {
        Some((first, count)) => Some((first.parse().ok()?, count.parse().ok()?)),
        None => Some((range.parse().ok()?, 1)),
    };
    let (_, taken): (usize, usize) = count(parts.next()?)?;
    let (first, given) = count(parts.next()?.strip_prefix('+')?)?;
    Some((taken, given, first))
}

/// A name behind `+++ `: without `b/`, and as it is where git wrote it in quotes with C's escapes.
fn unquoted(name: &[u8]) -> String {
    let name = name.strip_suffix(b"\t").unwrap_or(name);
    let Some(inside) = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")) else {
        return String::from_utf8_lossy(name.strip_prefix(b"b/").unwrap_or(name)).into_owned();
    };
    let mut out = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(next @ b'0'..=b'7') = bytes.peek().copied() {
                        value = value * 8 + u32::from(next - b'0');
                        bytes.next();
                    }
                }
                out.push(u8::try_from(value & 0xff).unwrap_or(b'?'));
            }
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(out.strip_prefix(b"b/").unwrap_or(&out)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(diff: &[u8]) -> Vec<Added> {
        let mut found = Vec::new();
        added(diff, |a| {
            found.push(a.clone());
            true
        })
        .expect("memory can be read");
        found
    }

    const HISTORY: &[u8] = b"commit 11aa\n\ndiff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n\
@@ -1,2 +1,3 @@\n-gone\n-gone too\n+one\n+++ b/evil.txt\n+diff --git a/x b/x\n@@ -9,0 +12 @@ fn f() {\n+twelve\n\
diff --git \"a/\\303\\244 b\" \"b/\\303\\244 b\"\n--- /dev/null\n+++ \"b/\\303\\244 b\"\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n\
commit 22bb\n\ndiff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -3 +2,0 @@\n-minus\n";

    #[test]
    fn added_lines_come_with_their_file_commit_and_line() {
        let found = all(HISTORY);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].path.as_str(), found[0].commit.as_deref()), ("a.txt", Some("11aa")));
        assert_eq!(found[0].text, b"one\n++ b/evil.txt\ndiff --git a/x b/x\ntwelve\n");
        assert_eq!([1, 3, 4].map(|l| found[0].line(l)), [1, 3, 12]);
        assert_eq!((found[1].path.as_str(), found[1].text.as_slice()), ("\u{e4} b", &b"x\n"[..]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        for cut in 0..HISTORY.len() {
            all(&HISTORY[..cut]);
            all(&HISTORY[cut..]);
        }
        all(b"@@ -99999999999999999999 +1 @@\n+x\n@@ -1 +18446744073709551615,5 @@\n+a\n+b\n\"\\");
        all(b"+++ \"b/\\777\\\"\n@@ -0,0 +1 @@\n+x\n");
        let long = [&b"diff --git a/a b/a\n+++ b/a\n@@ -0,0 +1 @@\n+"[..], &vec![b'x'; 3 << 20]].concat();
        assert_eq!(all(&long)[0].text.len(), LINE_MAX);
    }
}
