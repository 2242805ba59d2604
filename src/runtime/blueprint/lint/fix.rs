//! Changes of a text by position.

use super::super::tree::{Kind, Node};
use super::super::write::quoted;

/// Characters to put in the place of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// Where what is replaced begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What stands there instead.
    pub text: String,
}

/// The text with these changes. Of two that touch the same characters the first counts; applying the rules again shows
/// what is left.
pub fn apply(text: &str, edits: impl IntoIterator<Item = Edit>) -> (String, usize) {
    let mut edits: Vec<Edit> = edits.into_iter().collect();
    edits.sort();
    edits.dedup();
    let (mut out, mut from, mut done) = (String::with_capacity(text.len()), 0, 0);
    for edit in edits {
        let Some(kept) = text.get(from..edit.start).filter(|_| edit.start <= edit.end && edit.end <= text.len()) else {
            continue;
        };
        out.push_str(kept);
        out.push_str(&edit.text);
        (from, done) = (edit.end, done + 1);
    }
    out.push_str(&text[from..]);
    (out, done)
}

/// Takes an item out of a list, with what separates it from the one before; none where a comment would go with it.
pub(super) fn without_item(text: &str, list: &Node, index: usize) -> Option<Edit> {
    let item = list.items().get(index)?;
    let before = list.items().get(index.checked_sub(1)?)?;
    if text.as_bytes().get(list.at.start) == Some(&b'[') {
        let between = text.get(before.at.end..item.at.start)?;
        let is_bare = between.chars().all(|c| c.is_whitespace() || c == ',');
        return is_bare.then(|| Edit { start: before.at.end, end: item.at.end, text: String::new() });
    }
    let start = text.get(..item.at.start)?.rfind('\n').map_or(0, |n| n + 1);
    let end = text.get(item.at.start..)?.find('\n').map_or(text.len(), |n| item.at.start + n + 1);
    let is_alone = text.get(start..item.at.start)?.trim() == "-" && text.get(item.at.end..end)?.trim().is_empty();
    is_alone.then(|| Edit { start, end, text: String::new() })
}

/// A plain scalar in quotes.
pub(super) fn in_quotes(node: &Node) -> Option<Edit> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.is_plain => {
            Some(Edit { start: node.at.start, end: node.at.end, text: quoted(&scalar.text) })
        }
        _ => None,
    }
}

/// Replaces a part of a scalar, where the text has it as it is.
pub(super) fn replaced(text: &str, node: &Node, old: &str, new: &str) -> Option<Edit> {
    let source = text.get(node.at.start..node.at.end)?;
    let at = source.find(old)?;
    let start = node.at.start + at;
    Some(Edit { start, end: start + old.len(), text: new.to_owned() })
}

/// Puts a field, written on one line, behind another one of a mapping.
pub(super) fn after_field(text: &str, map: &Node, key: &str, line: &str) -> Option<Edit> {
    let entry = map.entry(key)?;
    if text.as_bytes().get(map.at.start) == Some(&b'{') {
        let at = entry.value.at.end;
        let is_inside = map.at.start < at && at < map.at.end;
        return is_inside.then(|| Edit { start: at, end: at, text: format!(", {line}") });
    }
    let begin = text.get(..entry.key_at.start)?.rfind('\n').map_or(0, |n| n + 1);
    let indent = text.get(begin..entry.key_at.start)?;
    if !indent.bytes().all(|b| b == b' ') {
        return None;
    }
    let last = end_of(text, &entry.value)?;
    let end = text.get(last..)?.find('\n').map_or(text.len(), |n| last + n);
    Some(Edit { start: end, end, text: format!("\n{indent}{line}") })
}

/// Where a value ends. Of a block that is where the last thing in it ends; none where that is a block of text, whose end
/// the parser does not tell.
fn end_of(text: &str, node: &Node) -> Option<usize> {
    let is_flow = |at: usize| matches!(text.as_bytes().get(at), Some(b'{' | b'['));
    match &node.kind {
        Kind::Scalar(_) => {
            let is_block = matches!(text.as_bytes().get(node.at.start), Some(b'|' | b'>'));
            let source = text.get(node.at.start..node.at.end)?;
            (!is_block && !source.contains('\n')).then_some(node.at.end)
        }
        _ if is_flow(node.at.start) => Some(node.at.end),
        Kind::List(items) => items.last().and_then(|item| end_of(text, item)),
        Kind::Map(entries) => {
            // Merged fields stand elsewhere, and at the end.
            let last = entries.iter().filter(|e| e.key_at.start >= node.at.start).max_by_key(|e| e.key_at.start)?;
            end_of(text, &last.value)
        }
    }
}
