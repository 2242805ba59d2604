//! YAML as a tree with places, under limits. Aliases become what they stand for and count as that; `<<` takes the
//! fields of another mapping over, as Compose files have it.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::diagnostic::{Diagnostic, Place, Step, short};

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) depth: usize,
    /// Scalars, lists and mappings, what aliases stand for included.
    pub(super) nodes: usize,
    pub(super) anchors: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) at: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A field of a mapping.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Place,
    pub(super) value: Node,
}

/// A text, as the parser gives it.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) word: Word,
    /// Without quotes: other readers may take it for something else.
    pub(super) is_plain: bool,
}

/// What YAML's core schema takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Text,
    Number,
    Boolean,
    Null,
}

impl Scalar {
    fn new(text: String, style: ScalarStyle, tag: Option<&Tag>) -> Option<Self> {
        let is_plain = style == ScalarStyle::Plain;
        let name = tag.map(ToString::to_string);
        let name = name.as_deref().map(|tag| tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag));
        let word = match name {
            None if is_plain => word(&text),
            None | Some("!" | "str") => Word::Text,
            Some("int" | "float") => Word::Number,
            Some("bool") => Word::Boolean,
            Some("null") => Word::Null,
            Some(_) => return None,
        };
        Some(Self { text, word, is_plain })
    }
}

/// What a plain scalar is (YAML 1.2.2, 10.3.2).
fn word(text: &str) -> Word {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Word::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Word::Boolean,
        _ => {}
    }
    if is_number(text) { Word::Number } else { Word::Text }
}

fn is_number(text: &str) -> bool {
    let digits = |t: &str, ok: fn(&u8) -> bool| !t.is_empty() && t.bytes().all(|b| ok(&b));
    if let Some(rest) = text.strip_prefix("0x") {
        return digits(rest, u8::is_ascii_hexdigit);
    }
    if let Some(rest) = text.strip_prefix("0o") {
        return digits(rest, |b| (b'0'..=b'7').contains(b));
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = body.split_once(['e', 'E']).map_or((body, None), |(m, e)| (m, Some(e)));
    let exponent = exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e), u8::is_ascii_digit));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let decimal = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    exponent && decimal(whole) && decimal(fraction) && !(whole.is_empty() && fraction.is_empty())
}

impl Node {
    /// The value of a field.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A field.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The fields of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Kind::List(items) = &self.kind { items } else { &[] }
    }

    /// The text of a scalar that is not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.word != Word::Null => Some(&scalar.text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.word == Word::Null)
    }

    /// What is at a path; where it ends early, the deepest that is there.
    pub(super) fn deepest(&self, path: &[Step]) -> &Self {
        self.walk(path).0
    }

    /// Where a path leads: of a mapping or a list its name where it has one, of what is not there what is around it.
    pub(super) fn place(&self, path: &[Step]) -> Place {
        let (node, name) = self.walk(path);
        match (&node.kind, name) {
            (Kind::Scalar(_), _) | (_, None) => node.at,
            (_, Some(name)) => name,
        }
    }

    fn walk(&self, path: &[Step]) -> (&Self, Option<Place>) {
        let (mut node, mut name) = (self, None);
        for step in path {
            let next = match step {
                Step::Key(key) => node.entry(key).map(|e| (&e.value, Some(e.key_at))),
                Step::Index(index) => node.items().get(*index).map(|item| (item, None)),
            };
            let Some(next) = next else { break };
            (node, name) = next;
        }
        (node, name)
    }

    fn height(&self) -> usize {
        match &self.kind {
            Kind::Scalar(_) => 1,
            Kind::List(items) => 1 + items.iter().map(Self::height).max().unwrap_or(0),
            Kind::Map(entries) => 1 + entries.iter().map(|e| e.value.height()).max().unwrap_or(0),
        }
    }

    fn count(&self) -> usize {
        match &self.kind {
            Kind::Scalar(_) => 1,
            Kind::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Kind::Map(entries) => 1 + entries.iter().map(|e| 1 + e.value.count()).sum::<usize>(),
        }
    }
}

/// Reads one document.
///
/// # Errors
/// Not YAML, not one document, over a limit, a field twice, an unknown tag.
pub(super) fn read(text: &str, limits: Limits) -> Result<Node, Vec<Diagnostic>> {
    if text.len() > limits.bytes {
        let at = end_of(text, limits.bytes);
        let message = format!("the file is larger than {} KiB", limits.bytes >> 10);
        return Err(vec![told("too_large", at, message, "split it: one blueprint describes one environment")]);
    }
    let mut builder = Builder::new(text, limits);
    match builder.document() {
        Ok(node) if builder.errors.is_empty() => Ok(node),
        Ok(_) => Err(builder.errors),
        Err(stop) => {
            builder.errors.push(*stop);
            Err(builder.errors)
        }
    }
}

fn end_of(text: &str, bytes: usize) -> Place {
    let mut start = bytes;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let before = &text[..start];
    let line = before.matches('\n').count() + 1;
    let column = before[before.rfind('\n').map_or(0, |n| n + 1)..].chars().count() + 1;
    Place { line, column, start, end: start }
}

fn told(code: &'static str, at: Place, message: impl Into<String>, hint: impl Into<String>) -> Diagnostic {
    Diagnostic { code, message: message.into(), hint: hint.into(), at, path: String::new() }
}

/// What names are written like.
const NAMES: &str = "a name stands before `: `, without brackets and braces";

type Stop = Box<Diagnostic>;

struct Builder<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    limits: Limits,
    nodes: usize,
    anchors: HashMap<usize, Node>,
    errors: Vec<Diagnostic>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, limits: Limits) -> Self {
        let mut options = Options::default();
        options.emit_comments = false;
        options.flow_nesting_limit = limits.depth;
        options.block_nesting_limit = limits.depth;
        let parser = Parser::new_from_str_with_options(text, options);
        Self { text, parser, limits, nodes: 0, anchors: HashMap::new(), errors: Vec::new() }
    }

    fn place(&self, span: Span) -> Place {
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        let range = span.byte_range().unwrap_or(0..0);
        let start = range.start.min(self.text.len());
        Place { line, column, start, end: range.end.clamp(start, self.text.len()) }
    }

    /// The next event. The parser's own message is left out: it may quote the text.
    fn event(&mut self) -> Result<(Event<'a>, Place), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.place(span))),
            Some(Err(error)) => Err(Box::new(self.broken(&error))),
            None => Ok((Event::StreamEnd, end_of(self.text, self.text.len()))),
        }
    }

    fn broken(&self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let start = marker.byte_offset().unwrap_or(0).min(self.text.len());
        let at = Place { line: marker.line().max(1), column: marker.col() + 1, start, end: start };
        let hint = "look for a quote or bracket that is not closed, a tab in place of spaces, or lines that are not \
                    indented alike; nesting is at most 24 deep";
        told("syntax", at, "this is not valid YAML", hint)
    }

    fn document(&mut self) -> Result<Node, Stop> {
        let node = loop {
            let (event, at) = self.event()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    let at = if at.line == 0 { Place { line: 1, column: 1, ..at } } else { at };
                    return Err(Box::new(told(
                        "syntax",
                        at,
                        "there is nothing in it",
                        "begin with `name:` and `services:`",
                    )));
                }
                event => break self.node(event, at, 0)?,
            }
        };
        loop {
            let (event, at) = self.event()?;
            match event {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(node),
                _ => {
                    return Err(Box::new(told(
                        "syntax",
                        at,
                        "a second document begins here",
                        "one file is one document",
                    )));
                }
            }
        }
    }

    fn count(&mut self, more: usize, at: Place) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > self.limits.nodes {
            let message = format!("there are more than {} values up to here", self.limits.nodes);
            return Err(Box::new(told("too_large", at, message, "aliases count as what they stand for; write less")));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, at: Place, depth: usize) -> Result<Node, Stop> {
        self.count(1, at)?;
        if depth >= self.limits.depth {
            let message = format!("it is nested deeper than {} levels", self.limits.depth);
            return Err(Box::new(told("too_large", at, message, "nothing needs that many levels")));
        }
        let (anchor, node) = match event {
            Event::Alias(anchor) => return self.alias(anchor, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = Scalar::new(text.into_owned(), style, tag.as_deref()).unwrap_or_else(|| {
                    self.unknown_tag(at);
                    Scalar { text: String::new(), word: Word::Text, is_plain: false }
                });
                (anchor, Node { kind: Kind::Scalar(scalar), at })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", at);
                (anchor, self.list(at, depth)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", at);
                (anchor, self.map(at, depth)?)
            }
            _ => {
                return Err(Box::new(told(
                    "syntax",
                    at,
                    "a value is missing here",
                    "every name is followed by `: ` and a value",
                )));
            }
        };
        if anchor != 0 {
            if self.anchors.len() >= self.limits.anchors {
                let message = format!("there are more than {} anchors up to here", self.limits.anchors);
                return Err(Box::new(told("too_large", at, message, "write it out where it is used")));
            }
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, known: &str, at: Place) {
        let name = tag.map(ToString::to_string);
        let name = name.as_deref().map(|tag| tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag));
        if name.is_some_and(|name| name != known && name != "!") {
            self.unknown_tag(at);
        }
    }

    fn unknown_tag(&mut self, at: Place) {
        self.errors.push(told("unknown_tag", at, "this tag means nothing here", "leave out the word after `!`"));
    }

    fn alias(&mut self, anchor: usize, at: Place, depth: usize) -> Result<Node, Stop> {
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            let message = "this alias stands for something it is a part of";
            return Err(Box::new(told("syntax", at, message, "an alias stands for what came before it")));
        };
        self.count(target.count(), at)?;
        if depth + target.height() > self.limits.depth {
            let message = format!("with this alias it is nested deeper than {} levels", self.limits.depth);
            return Err(Box::new(told("too_large", at, message, "nothing needs that many levels")));
        }
        Ok(target)
    }

    fn list(&mut self, at: Place, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, item_at) = self.event()?;
            if event == Event::SequenceEnd {
                let end = item_at.end.max(at.end);
                return Ok(Node { kind: Kind::List(items), at: Place { end, ..at } });
            }
            items.push(self.node(event, item_at, depth + 1)?);
        }
    }

    fn map(&mut self, at: Place, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, key_at) = self.event()?;
            if event == Event::MappingEnd {
                let end = key_at.end.max(at.end);
                let news = merged.into_iter().filter(|e| !known.contains_key(&e.key));
                let news: Vec<_> = first_of_each(news.collect());
                entries.extend(news);
                return Ok(Node { kind: Kind::Map(entries), at: Place { end, ..at } });
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.key(event, key_at, depth)?;
            let (event, value_at) = self.event()?;
            let value = self.node(event, value_at, depth + 1)?;
            if is_merge {
                merge(value, key_at, &mut merged)?;
                continue;
            }
            if let Some(first) = known.get(&key) {
                let message = format!("`{}` is there twice, first on line {first}", short(&key));
                self.errors.push(told("duplicate_field", key_at, message, "leave one of them out"));
                continue;
            }
            known.insert(key.clone(), key_at.line);
            entries.push(Entry { key, key_at, value });
        }
    }

    fn key(&mut self, event: Event<'a>, at: Place, depth: usize) -> Result<String, Stop> {
        self.count(1, at)?;
        let node = match event {
            Event::Scalar(..) | Event::Alias(_) => self.node(event, at, depth)?,
            _ => return Err(Box::new(told("syntax", at, "a name is text, not a list or a mapping", NAMES))),
        };
        match node.kind {
            Kind::Scalar(scalar) => Ok(scalar.text),
            _ => Err(Box::new(told("syntax", at, "a name is text, not a list or a mapping", NAMES))),
        }
    }
}

/// The fields that `<<` takes over.
fn merge(value: Node, at: Place, merged: &mut Vec<Entry>) -> Result<(), Stop> {
    let maps = match value.kind {
        Kind::Map(entries) => vec![entries],
        Kind::List(items) if items.iter().all(|i| matches!(i.kind, Kind::Map(_))) => {
            items.into_iter().map(|i| if let Kind::Map(entries) = i.kind { entries } else { Vec::new() }).collect()
        }
        _ => {
            let hint = "give it an alias of a mapping: `<<: *name`";
            return Err(Box::new(told("syntax", at, "`<<` takes a mapping, or a list of them", hint)));
        }
    };
    merged.extend(maps.into_iter().flatten());
    Ok(())
}

fn first_of_each(entries: Vec<Entry>) -> Vec<Entry> {
    let mut known = std::collections::HashSet::new();
    entries.into_iter().filter(|e| known.insert(e.key.clone())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Limits = Limits { bytes: 4_096, depth: 8, nodes: 200, anchors: 3 };

    fn code(text: &str) -> (&'static str, usize) {
        let errors = read(text, SMALL).expect_err("refused");
        (errors[0].code, errors[0].at.line)
    }

    #[test]
    fn places_are_lines_columns_and_bytes() {
        let text = "\u{e4}: 1\nservices:\n  - name: web # the front\n    list: [a, 'b c']\n";
        let tree = read(text, SMALL).expect("read");
        let name = tree.deepest(&super::super::diagnostic::steps!["services", 0, "name"]);
        assert_eq!((name.at.line, name.at.column, &text[name.at.start..name.at.end]), (3, 11, "web"));
        let quoted = tree.deepest(&super::super::diagnostic::steps!["services", 0, "list", 1]);
        assert_eq!(&text[quoted.at.start..quoted.at.end], "'b c'");
        let list = tree.deepest(&super::super::diagnostic::steps!["services", 0, "list"]);
        assert_eq!(&text[list.at.start..list.at.end], "[a, 'b c']");
        let key = tree.entry("services").expect("there").key_at;
        assert_eq!(&text[key.start..key.end], "services");
    }

    #[test]
    fn scalars_are_what_the_core_schema_says() {
        for (text, expected) in [
            ("12", Word::Number),
            ("-1.5e+3", Word::Number),
            ("0x1f", Word::Number),
            (".5", Word::Number),
            ("1.", Word::Number),
            ("1.2.3", Word::Text),
            ("e5", Word::Text),
            (".", Word::Text),
            ("-", Word::Text),
            ("yes", Word::Text),
            ("True", Word::Boolean),
            ("~", Word::Null),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_are_told_with_their_line() {
        let long = format!("a: b\nc: {}\n", "x".repeat(5_000));
        assert_eq!(code(&long), ("too_large", 2));
        assert_eq!(code(&"- a\n".repeat(300)), ("too_large", 200));
        assert_eq!(code("a: &1 x\nb: &2 x\nc: &3 x\nd: &4 x\n"), ("too_large", 4));
        let bomb = "a: &a [x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b]\n";
        assert_eq!(code(bomb), ("too_large", 3));
        let deep = "a: &a [[[[x]]]]\nb: &b [[*a]]\nc: [[*b]]\n";
        assert_eq!(code(deep), ("too_large", 3));
        assert_eq!(code(&format!("{}x{}", "[".repeat(30), "]".repeat(30))).0, "syntax");
    }

    #[test]
    fn what_is_not_one_mapping_of_texts_is_refused() {
        for (text, expected) in [
            ("a: 1\na: 2\n", ("duplicate_field", 2)),
            ("a: !secret x\n", ("unknown_tag", 1)),
            ("a: !reset [x]\n", ("unknown_tag", 1)),
            ("a: 1\n---\nb: 2\n", ("syntax", 2)),
            ("? [a]\n: b\n", ("syntax", 1)),
            ("a: &a [*a]\n", ("syntax", 1)),
            ("a: *b\n", ("syntax", 1)),
            ("a: 'x\n", ("syntax", 1)),
            ("", ("syntax", 1)),
            ("<<: x\n", ("syntax", 1)),
        ] {
            assert_eq!(code(text), expected, "{text:?}");
        }
    }

    #[test]
    fn merged_fields_fill_what_is_not_there() {
        let tree = read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [{c: 4}, *x], a: 0}\n", SMALL).expect("read");
        let text =
            |key: &str, field: &str| tree.get(key).and_then(|n| n.get(field)).and_then(Node::text).map(str::to_owned);
        assert_eq!((text("y", "a"), text("y", "b")), (Some("1".to_owned()), Some("3".to_owned())));
        assert_eq!((text("z", "a"), text("z", "c")), (Some("0".to_owned()), Some("4".to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ a-c:\\-\\[\\]{}&*!|>'\"#\n<,?%@0-9\u{e4}]{0,120}") {
            let within = |n: &Node| n.at.start <= n.at.end && n.at.end <= text.len();
            if let Ok(tree) = read(&text, SMALL) {
                prop_assert!(within(&tree));
            }
        }
    }
}
