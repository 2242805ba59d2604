//! A file of SOPS as a tree whose names keep their order: the seal of the file is over its values in that order.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options;
use serde_saphyr::options::MergeKeyPolicy;

use super::super::{ImportError, MAX_NAMES};
use super::SopsFormat;
use crate::vault::format::MAX_INPUT_BYTES;

/// Deepest nesting of a file.
const NESTING_MAX: usize = 64;

/// Something in a file.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    /// A number, as Go would write it.
    Number(String),
    Bool(bool),
    Null,
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// What stands under a name of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text it is; empty for anything else.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// The list it is; empty for anything else.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }
}

/// Reads a file: its values, and what SOPS says of them.
///
/// # Errors
/// Too large, cut off, not of this format, nested too deep, a name twice, or no file of SOPS.
pub(super) fn read(input: &[u8], format: SopsFormat) -> Result<(Node, Node), ImportError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(ImportError::TooMuch);
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let text = std::str::from_utf8(input).map_err(|_| ImportError::shape("the file", "is not UTF-8"))?;
    let (values, about) = match format {
        SopsFormat::Json => apart(json(text)?),
        SopsFormat::Yaml => apart(yaml(text)?),
        SopsFormat::Dotenv => dotenv(text)?,
        SopsFormat::Ini => ini(text)?,
    };
    match about {
        Some(about) => Ok((values, about)),
        None => Err(ImportError::shape("the file", "has nothing of SOPS in it: it is not encrypted, or cut off")),
    }
}

/// What SOPS added stands beside the values.
fn apart(tree: Node) -> (Node, Option<Node>) {
    let Node::Map(fields) = tree else { return (tree, None) };
    let (about, values): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == "sops");
    (Node::Map(values), about.into_iter().next().map(|(_, node)| node).filter(|n| matches!(n, Node::Map(_))))
}

fn json(text: &str) -> Result<Node, ImportError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Node::deserialize(&mut reader).and_then(|node| reader.end().map(|()| node));
    read.map_err(|e| {
        let problem = match e.classify() {
            serde_json::error::Category::Eof => "the file ends in the middle of it",
            serde_json::error::Category::Data => "a name is there twice, or it is nested too deep",
            _ => "not JSON, or nested too deep",
        };
        ImportError::shape(&format!("line {}", e.line()), problem)
    })
}

fn yaml(text: &str) -> Result<Node, ImportError> {
    let options = options! { strict_booleans: true, merge_keys: MergeKeyPolicy::Error };
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|e| {
        let place = e.location().map_or_else(|| "the file".to_owned(), |at| format!("line {}", at.line()));
        ImportError::shape(&place, "not YAML of one document, a name twice, an alias too many, or nested too deep")
    })
}

/// `NAME=value` lines; `\n` is a line break, and nothing is quoted.
fn dotenv(text: &str) -> Result<(Node, Option<Node>), ImportError> {
    let (mut values, mut about) = (Vec::new(), Vec::new());
    for (line, content) in (1..).zip(text.split('\n')) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let (name, value) = content.split_once('=').ok_or_else(|| no_pair(line))?;
        let value = value.replace("\\n", "\n");
        match name.strip_prefix("sops_") {
            Some(name) => about.push((name.to_owned(), Node::Text(value))),
            None => push(&mut values, line, name, Node::Text(value))?,
        }
    }
    Ok((Node::Map(values), unflattened(about)))
}

/// Sections of `name = value` lines. What stands before the first section is in the one called `DEFAULT`.
fn ini(text: &str) -> Result<(Node, Option<Node>), ImportError> {
    let mut sections: Vec<(String, Vec<(String, Node)>)> = vec![("DEFAULT".to_owned(), Vec::new())];
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = content.strip_prefix('[') {
            let name = section.strip_suffix(']').ok_or_else(|| no_pair(line))?.trim().to_owned();
            if sections.iter().any(|(there, _)| *there == name) && name != "DEFAULT" {
                return Err(ImportError::shape(&format!("line {line}"), "a section is there twice"));
            }
            if name != "DEFAULT" {
                sections.push((name, Vec::new()));
            }
            continue;
        }
        let at = content.find(['=', ':']).ok_or_else(|| no_pair(line))?;
        let (name, value) = (content[..at].trim_end(), content[at + 1..].trim_start());
        let value = unquoted(value).ok_or_else(|| {
            ImportError::shape(&format!("line {line}"), "a value opens a quote that is not closed on the line")
        })?;
        if let Some((_, fields)) = sections.last_mut() {
            push(fields, line, name, Node::Text(value.to_owned()))?;
        }
    }
    let (about, values): (Vec<_>, Vec<_>) = sections.into_iter().partition(|(name, _)| name == "sops");
    let undo = |(name, node): (String, Node)| (name, Node::Text(node.text().replace("\\n", "\n")));
    let about = about.into_iter().flat_map(|(_, fields)| fields).map(undo).collect();
    let values = values.into_iter().map(|(name, fields)| (name, Node::Map(fields)));
    Ok((Node::Map(values.collect()), unflattened(about)))
}

fn unquoted(value: &str) -> Option<&str> {
    match value.chars().next() {
        Some(quote @ ('"' | '`' | '\'')) => value[1..].strip_suffix(quote),
        _ => Some(value),
    }
}

fn no_pair(line: u32) -> ImportError {
    ImportError::shape(&format!("line {line}"), "no `NAME=value`")
}

fn push(fields: &mut Vec<(String, Node)>, line: u32, name: &str, node: Node) -> Result<(), ImportError> {
    if fields.len() >= MAX_NAMES {
        return Err(ImportError::TooMuch);
    }
    // A file of so many names is looked through once, not once for each.
    if fields.len() < 1_000 && fields.iter().any(|(there, _)| there == name) {
        return Err(ImportError::shape(&format!("line {line}"), "a name is there twice"));
    }
    fields.push((name.to_owned(), node));
    Ok(())
}

/// `age__list_0__map_enc` as the tree it was: for formats that know no trees.
fn unflattened(flat: Vec<(String, Node)>) -> Option<Node> {
    if flat.is_empty() {
        return None;
    }
    let mut root = Vec::new();
    for (name, value) in flat {
        let mut steps = name.split("__map_").flat_map(|part| part.split("__list_")).map(str::to_owned);
        let first = steps.next().unwrap_or_default();
        insert(&mut root, first, steps.take(NESTING_MAX).collect(), value);
    }
    Some(listed(Node::Map(root)))
}

fn insert(fields: &mut Vec<(String, Node)>, name: String, mut steps: Vec<String>, value: Node) {
    if steps.is_empty() {
        fields.push((name, value));
        return;
    }
    let next = steps.remove(0);
    let at = fields.iter().position(|(there, _)| *there == name).unwrap_or_else(|| {
        fields.push((name, Node::Map(Vec::new())));
        fields.len() - 1
    });
    if let Node::Map(inner) = &mut fields[at].1 {
        insert(inner, next, steps, value);
    }
}

/// A map of numbers is a list.
fn listed(node: Node) -> Node {
    let Node::Map(fields) = node else { return node };
    let is_list = !fields.is_empty() && fields.iter().all(|(name, _)| name.parse::<u16>().is_ok());
    let inner = fields.into_iter().map(|(name, node)| (name, listed(node)));
    if is_list { Node::List(inner.map(|(_, node)| node).collect()) } else { Node::Map(inner.collect()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Node, E> {
        Ok(Node::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Node, E> {
        Ok(Node::Number(v.to_string()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Node, E> {
        Ok(Node::Number(v.to_string()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Node, E> {
        Ok(Node::Number(v.to_string()))
    }

    fn visit_str<E>(self, v: &str) -> Result<Node, E> {
        Ok(Node::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Node, E> {
        Ok(Node::Text(v))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Node::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut all: Vec<(String, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((name, node)) = fields.next_entry::<String, Node>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom("twice"));
            }
            all.push((name, node));
        }
        Ok(Node::Map(all))
    }
}
