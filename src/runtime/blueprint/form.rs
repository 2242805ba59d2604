//! The forms of a blueprint: one table of fields makes a type, its reader, its writer and its JSON schema.
//!
//! [`form!`] is for mappings, [`words!`] for a choice of words, [`number!`] for a number in a range, [`text!`] for a text
//! with a pattern. What fits none of them implements [`Form`] by hand, over a form that does (`shape`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::diagnostic::{Diagnostic, Place, Step, short, shown};
use super::tree::{Kind, Node, Scalar, Word};
use super::{MAX_DIAGNOSTICS, MAX_SERVICES};
use crate::config::nearest;

/// Something a blueprint may hold.
pub(super) trait Form: Sized {
    /// Reads it; what is wrong is the reader's to tell.
    fn read(node: &Node, reader: &mut Reader) -> Option<Self>;
    /// What is written; none where it is as if it were not there.
    fn write(&self) -> Option<Yaml>;
    /// Its JSON schema.
    fn schema(definitions: &mut Definitions) -> Value;
    /// What it is when it is not there; none where it has to be.
    fn absent() -> Option<Self> {
        None
    }
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// A number, a boolean: written as it is.
    Plain(String),
    /// Quoted where it must be.
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// Named schemas.
#[derive(Debug, Default)]
pub(super) struct Definitions(BTreeMap<String, Value>);

impl Definitions {
    /// A schema under a name, and the reference to it. Made once.
    pub(super) fn named(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.0.contains_key(name) {
            let made = make(self);
            self.0.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// A mapping of these fields: name, words about it, schema, whether it is needed.
    pub(super) fn object(about: &str, fields: Vec<(&str, &str, Value, bool)>) -> Value {
        let required: Vec<_> = fields.iter().filter(|f| f.3).map(|f| f.0).collect();
        let mut properties = Map::new();
        for (name, words, mut schema, _) in fields {
            if let Value::Object(schema) = &mut schema {
                schema.insert("description".to_owned(), json!(words.trim()));
            }
            properties.insert(name.to_owned(), schema);
        }
        let mut object = json!({
            "type": "object",
            "description": about.trim(),
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    }

    pub(super) fn finish(self) -> Value {
        json!(self.0)
    }
}

/// Reads forms and keeps what is wrong.
#[derive(Debug)]
pub(super) struct Reader {
    path: Vec<Step>,
    errors: Vec<Diagnostic>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { path: Vec::new(), errors: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.errors
    }

    pub(super) fn within<T>(&mut self, step: impl Into<Step>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step.into());
        let read = read(self);
        self.path.pop();
        read
    }

    pub(super) fn error(&mut self, code: &'static str, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        // Somewhat more than are shown: they are put in order first.
        if self.errors.len() < 4 * MAX_DIAGNOSTICS {
            let path = shown(&self.path);
            self.errors.push(Diagnostic { code, message: message.into(), hint: hint.into(), at, path });
        }
    }

    /// What the thing being read is called.
    pub(super) fn subject(&self) -> String {
        match self.path.iter().rev().find_map(|s| if let Step::Key(key) = s { Some(key) } else { None }) {
            Some(name) => format!("`{}`", short(name)),
            None => "a blueprint".to_owned(),
        }
    }

    /// Whether it is a mapping; unknown fields are told.
    pub(super) fn mapping(&mut self, node: &Node, known: &[&str]) -> bool {
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong_kind(node, "a mapping");
            return false;
        }
        for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("unknown field `{}`", short(&entry.key));
            let hint = nearest(&entry.key, known.iter().copied())
                .map_or_else(|| format!("known here: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
            self.error("unknown_field", entry.key_at, message, hint);
        }
        true
    }

    /// A field of a mapping, or what stands for it when it is not there.
    pub(super) fn field<T: Form>(&mut self, node: &Node, key: &str, default: Option<T>) -> Option<T> {
        if let Some(value) = node.get(key) {
            return self.within(key, |reader| T::read(value, reader));
        }
        let missing = default.or_else(T::absent);
        if missing.is_none() {
            let of = self.subject();
            // The whole of a mapping is many lines: where it begins is enough.
            let at = Place { end: node.at.start, ..node.at };
            let message = format!("{of} needs the field `{key}`");
            self.error("missing_field", at, message, format!("add `{key}: …`"));
        }
        missing
    }

    pub(super) fn wrong_kind(&mut self, node: &Node, wanted: &str) {
        let found = match &node.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(Scalar { word: Word::Null, .. }) => "empty",
            Kind::Scalar(Scalar { word: Word::Number, .. }) => "a number",
            Kind::Scalar(Scalar { word: Word::Boolean, .. }) => "true or false",
            Kind::Scalar(_) => "a text",
        };
        let hint = match (&node.kind, wanted) {
            (Kind::Scalar(Scalar { word: Word::Null, .. }), _) => "give it a value, or leave the field out",
            (Kind::Scalar(Scalar { word: Word::Number | Word::Boolean, .. }), "a text") => "put quotes around it",
            (Kind::Scalar(_), "a number") => "take the quotes away; a number has no unit here",
            (_, "a list") => "put it in brackets: [a, b]",
            (_, "a mapping") => "fields are written `name: value`",
            _ => "the manual has an example of every field: /help/blueprints",
        };
        let message = format!("{} is {wanted}, and this is {found}", self.subject());
        let at = if matches!(node.kind, Kind::Scalar(_)) { node.at } else { Place { end: node.at.start, ..node.at } };
        self.error("wrong_kind", at, message, hint);
    }

    /// The scalar, if it is one that is not null.
    pub(super) fn scalar<'n>(&mut self, node: &'n Node, wanted: &str) -> Option<&'n Scalar> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.word != Word::Null => Some(scalar),
            _ => {
                self.wrong_kind(node, wanted);
                None
            }
        }
    }
}

impl<T: Form> Form for Option<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::read(node, reader).map(Some)
    }

    fn write(&self) -> Option<Yaml> {
        self.as_ref().and_then(T::write)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        T::schema(definitions)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

/// Most items of any list, and most fields of any mapping of names.
const MAX_ITEMS: usize = MAX_SERVICES;

impl<T: Form> Form for Vec<T> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            reader.wrong_kind(node, "a list");
            return None;
        };
        if let Some(beyond) = items.get(MAX_ITEMS) {
            let message = format!("{} has more than {MAX_ITEMS} entries", reader.subject());
            let at = Place { end: beyond.at.start, ..beyond.at };
            reader.error("too_large", at, message, format!("at most {MAX_ITEMS} are allowed"));
            return None;
        }
        let read = items.iter().enumerate().map(|(i, item)| reader.within(i, |r| T::read(item, r)));
        // All of them, so that every mistake is told.
        let read: Vec<Option<T>> = read.collect();
        read.into_iter().collect()
    }

    fn write(&self) -> Option<Yaml> {
        if self.is_empty() {
            return None;
        }
        Some(Yaml::List(self.iter().filter_map(T::write).collect()))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "type": "array", "items": T::schema(definitions), "maxItems": MAX_ITEMS })
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl<K: Text + Ord, V: Form> Form for BTreeMap<K, V> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            reader.wrong_kind(node, "a mapping");
            return None;
        }
        let entries = node.entries();
        if let Some(beyond) = entries.get(MAX_ITEMS) {
            let message = format!("{} has more than {MAX_ITEMS} entries", reader.subject());
            reader.error("too_large", beyond.key_at, message, format!("at most {MAX_ITEMS} are allowed"));
            return None;
        }
        let mut read = Self::new();
        let mut whole = true;
        for entry in entries {
            let key = reader.within(entry.key.as_str(), |r| parsed::<K>(&entry.key, entry.key_at, r));
            let value = reader.within(entry.key.as_str(), |r| V::read(&entry.value, r));
            match key.zip(value) {
                Some((key, value)) => drop(read.insert(key, value)),
                None => whole = false,
            }
        }
        whole.then_some(read)
    }

    fn write(&self) -> Option<Yaml> {
        if self.is_empty() {
            return None;
        }
        let empty = || Yaml::Map(Vec::new());
        Some(Yaml::Map(self.iter().map(|(k, v)| (k.as_str().to_owned(), v.write().unwrap_or_else(empty))).collect()))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({
            "type": "object",
            "propertyNames": { "pattern": K::PATTERN, "maxLength": K::MAX },
            "additionalProperties": V::schema(definitions),
            "maxProperties": MAX_ITEMS,
        })
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl Form for bool {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Kind::Scalar(Scalar { word: Word::Boolean, text, .. }) = &node.kind {
            return Some(text.eq_ignore_ascii_case("true"));
        }
        reader.wrong_kind(node, "true or false");
        None
    }

    fn write(&self) -> Option<Yaml> {
        Some(Yaml::Plain(self.to_string()))
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "boolean" })
    }
}

/// A text with a pattern.
pub(super) trait Text: Sized {
    /// A regular expression for the whole of it, of what ECMAScript and Rust read alike.
    const PATTERN: &'static str;
    /// Most characters.
    const MAX: usize;
    /// What it is, in words.
    const WHAT: &'static str;
    /// What is right.
    const HINT: &'static str;
    /// Also a number or a boolean, which stands for its own text.
    const IS_LOOSE: bool;

    /// Whether the text matches the pattern.
    fn fits(text: &str) -> bool;
    /// What the pattern cannot say; the text fits it.
    fn make(text: &str) -> Result<Self, &'static str>;
    fn as_str(&self) -> &str;

    /// Reads it from a text.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > 4 * Self::MAX || text.chars().count() > Self::MAX {
            return Err("is too long");
        }
        if Self::fits(text) { Self::make(text) } else { Err("does not have the right form") }
    }
}

pub(super) fn parsed<T: Text>(text: &str, at: Place, reader: &mut Reader) -> Option<T> {
    T::parse(text)
        .map_err(|problem| {
            let most =
                if problem == "is too long" { format!("at most {} characters; ", T::MAX) } else { String::new() };
            reader.error("invalid_value", at, format!("{} {problem}", T::WHAT), format!("{most}{}", T::HINT));
        })
        .ok()
}

/// Reads a [`Text`].
pub(super) fn read_text<T: Text>(node: &Node, reader: &mut Reader) -> Option<T> {
    let scalar = reader.scalar(node, "a text")?;
    if scalar.word != Word::Text && !T::IS_LOOSE {
        reader.wrong_kind(node, "a text");
        return None;
    }
    parsed(&scalar.text, node.at, reader)
}

/// The schema of a [`Text`].
pub(super) fn text_schema<T: Text>() -> Value {
    let kind = if T::IS_LOOSE { json!(["string", "number", "boolean"]) } else { json!("string") };
    let mut schema = json!({ "type": kind, "maxLength": T::MAX });
    if T::PATTERN != ANYTHING {
        schema["pattern"] = json!(T::PATTERN);
    }
    schema
}

/// The pattern of what may be any text.
pub(super) const ANYTHING: &str = "";

/// A text with a pattern, and what the pattern cannot say.
macro_rules! text {
    (
        $(#[doc = $about:literal])*
        $Name:ident, $pattern:expr, most $max:literal, $what:literal, $hint:literal
        $(, loose $loose:literal)? $(, check $check:expr)?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name(String);

        impl $Name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Reads it.
            ///
            /// # Errors
            /// What is wrong with the text, as the end of a sentence.
            pub fn parse(text: &str) -> Result<Self, &'static str> {
                <Self as $crate::runtime::blueprint::form::Text>::parse(text)
            }
        }

        impl $crate::runtime::blueprint::form::Text for $Name {
            const PATTERN: &'static str = $pattern;
            const MAX: usize = $max;
            const WHAT: &'static str = $what;
            const HINT: &'static str = $hint;
            const IS_LOOSE: bool = [$($loose,)? false][0];

            fn fits(text: &str) -> bool {
                static PATTERN: std::sync::LazyLock<regex::Regex> =
                    std::sync::LazyLock::new(|| regex::Regex::new($pattern).expect("the patterns are constants"));
                PATTERN.is_match(text)
            }

            fn make(text: &str) -> Result<Self, &'static str> {
                $( let check: fn(&str) -> Result<(), &'static str> = $check; check(text)?; )?
                Ok(Self(text.to_owned()))
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::runtime::blueprint::form::Form for $Name {
            fn read(
                node: &$crate::runtime::blueprint::tree::Node,
                reader: &mut $crate::runtime::blueprint::form::Reader,
            ) -> Option<Self> {
                $crate::runtime::blueprint::form::read_text(node, reader)
            }

            fn write(&self) -> Option<$crate::runtime::blueprint::form::Yaml> {
                Some($crate::runtime::blueprint::form::Yaml::Text(self.0.clone()))
            }

            fn schema(_: &mut $crate::runtime::blueprint::form::Definitions) -> serde_json::Value {
                $crate::runtime::blueprint::form::text_schema::<Self>()
            }
        }
    };
}
pub(super) use text;

/// A whole number in a range.
macro_rules! number {
    ($(#[doc = $about:literal])* $Name:ident($kind:ty), $low:literal ..= $high:literal) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name($kind);

        impl $Name {
            /// The number, if it is in the range.
            pub fn new(number: $kind) -> Option<Self> {
                ($low..=$high).contains(&number).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> $kind {
                self.0
            }
        }

        impl $crate::runtime::blueprint::form::Form for $Name {
            fn read(
                node: &$crate::runtime::blueprint::tree::Node,
                reader: &mut $crate::runtime::blueprint::form::Reader,
            ) -> Option<Self> {
                $crate::runtime::blueprint::form::whole(node, reader, $low, $high)
                    .and_then(|number| <$kind>::try_from(number).ok())
                    .and_then(Self::new)
            }

            fn write(&self) -> Option<$crate::runtime::blueprint::form::Yaml> {
                Some($crate::runtime::blueprint::form::Yaml::Plain(self.0.to_string()))
            }

            fn schema(_: &mut $crate::runtime::blueprint::form::Definitions) -> serde_json::Value {
                serde_json::json!({ "type": "integer", "minimum": $low, "maximum": $high })
            }
        }
    };
}
pub(super) use number;

/// A whole number between two others.
pub(super) fn whole(node: &Node, reader: &mut Reader, low: u64, high: u64) -> Option<u64> {
    let scalar = reader.scalar(node, "a number")?;
    if scalar.word != Word::Number {
        reader.wrong_kind(node, "a number");
        return None;
    }
    // JSON has one kind of number: 3.0 is 3.
    let text = scalar.text.strip_suffix(".0").unwrap_or(&scalar.text);
    let number = text.parse::<u64>().ok().filter(|n| (low..=high).contains(n) && !text.starts_with('+'));
    if number.is_none() {
        let message = format!("{} is a whole number from {low} to {high}", reader.subject());
        reader.error("invalid_value", node.at, message, "written in digits, without a sign or a unit");
    }
    number
}

/// A choice of words.
macro_rules! words {
    ($(#[doc = $about:literal])* $vis:vis $Name:ident { $($(#[doc = $doc:literal])* $Variant:ident = $word:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $Name {
            $($(#[doc = $doc])* $Variant,)*
        }

        impl $Name {
            /// The word for it.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)*
                }
            }
        }

        impl $crate::runtime::blueprint::form::Form for $Name {
            fn read(
                node: &$crate::runtime::blueprint::tree::Node,
                reader: &mut $crate::runtime::blueprint::form::Reader,
            ) -> Option<Self> {
                match $crate::runtime::blueprint::form::choice(node, reader, &[$($word),*])? {
                    $($word => Some(Self::$Variant),)*
                    _ => None,
                }
            }

            fn write(&self) -> Option<$crate::runtime::blueprint::form::Yaml> {
                Some($crate::runtime::blueprint::form::Yaml::Text(self.as_str().to_owned()))
            }

            fn schema(_: &mut $crate::runtime::blueprint::form::Definitions) -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),*] })
            }
        }
    };
}
pub(super) use words;

/// One of these words.
pub(super) fn choice<'n>(node: &'n Node, reader: &mut Reader, known: &[&str]) -> Option<&'n str> {
    let scalar = reader.scalar(node, "a text")?;
    if scalar.word != Word::Text {
        reader.wrong_kind(node, "a text");
        return None;
    }
    if known.contains(&scalar.text.as_str()) {
        return Some(&scalar.text);
    }
    let message = format!("{} cannot be `{}`", reader.subject(), short(&scalar.text));
    let hint = nearest(&scalar.text, known.iter().copied())
        .map_or_else(|| format!("it is {}", known.join(" or ")), |near| format!("did you mean `{near}`?"));
    reader.error("unknown_value", node.at, message, hint);
    None
}

/// A mapping with these fields. A field with `or` has that value when it is not there, and is not written when it has it.
macro_rules! form {
    (
        $(#[doc = $about:literal])*
        $vis:vis $Name:ident { $($(#[doc = $doc:literal])* $field:ident : $kind:ty = $key:literal $(or $default:expr)?,)* }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $vis struct $Name {
            $($(#[doc = $doc])* $vis $field: $kind,)*
        }

        impl $crate::runtime::blueprint::form::Form for $Name {
            fn read(
                node: &$crate::runtime::blueprint::tree::Node,
                reader: &mut $crate::runtime::blueprint::form::Reader,
            ) -> Option<Self> {
                if !reader.mapping(node, &[$($key),*]) {
                    return None;
                }
                $(
                    let default: Vec<$kind> = vec![$($default)?];
                    let $field = reader.field::<$kind>(node, $key, default.into_iter().next());
                )*
                Some(Self { $($field: $field?,)* })
            }

            fn write(&self) -> Option<$crate::runtime::blueprint::form::Yaml> {
                let mut fields = Vec::new();
                $(
                    let default: Vec<$kind> = vec![$($default)?];
                    if default.first() != Some(&self.$field)
                        && let Some(written) = self.$field.write()
                    {
                        fields.push(($key.to_owned(), written));
                    }
                )*
                Some($crate::runtime::blueprint::form::Yaml::Map(fields))
            }

            fn schema(definitions: &mut $crate::runtime::blueprint::form::Definitions) -> serde_json::Value {
                definitions.named(stringify!($Name), |definitions| {
                    let fields = vec![$((
                        $key,
                        concat!($($doc),*),
                        <$kind as $crate::runtime::blueprint::form::Form>::schema(definitions),
                        <$kind as $crate::runtime::blueprint::form::Form>::absent().is_none()
                            && <[&str]>::is_empty(&[$(stringify!($default))?]),
                    )),*];
                    $crate::runtime::blueprint::form::Definitions::object(concat!($($about),*), fields)
                })
            }
        }
    };
}
pub(super) use form;
