//! References inside a value, and the text around them.
//!
//! `${` always begins a reference, `$${` is a literal `${` (read left to right), a lone `$` is itself.
//! A [`Template`] holds byte ranges of the text, never a copy of it: a plaintext keeps one place in memory.

use std::fmt;
use std::ops::Range;

use crate::types::{Secret, SecretBytes, Slug};

use super::model::{FolderPath, SecretName};

/// Whether a value can hold a reference at all: cheaper than reading it as a template.
pub fn may_refer(value: &[u8]) -> bool {
    value.windows(2).any(|pair| pair == b"${")
}

/// One reference, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Which environment resolves it.
    pub scope: Scope,
    /// The folder, where one is written.
    pub folder: Option<FolderPath>,
    /// The name.
    pub name: SecretName,
}

/// Which environment resolves a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `${NAME}`, `${/folder/NAME}`: the environment being resolved, with its overrides (late binding).
    Late,
    /// `${environment.NAME}`, `${environment:/folder/NAME}`: that environment of the same project, as it resolves itself.
    Environment(Slug),
    /// `${project.environment:/folder/NAME}`: that environment of that project of the organization.
    Project(Slug, Slug),
}

impl Reference {
    /// The folder it looks in, when it stands in a secret of `own` folder.
    pub fn folder_seen_from(&self, own: &FolderPath) -> FolderPath {
        match (&self.folder, &self.scope) {
            (Some(folder), _) => folder.clone(),
            (None, Scope::Late) => own.clone(),
            (None, _) => FolderPath::root(),
        }
    }

    /// Whether it names its environment: its writer needs `secret.use` there.
    pub fn is_qualified(&self) -> bool {
        self.scope != Scope::Late
    }

    /// Reads what stands between `${` and `}`.
    fn parse(body: &str) -> Result<Self, Mistake> {
        let (qualifier, place) = match body.split_once(':') {
            Some((qualifier, place)) if place.starts_with('/') => (Some(qualifier), place),
            Some(_) => return Err(Mistake::FolderWithoutSlash),
            None if body.starts_with('/') => (None, body),
            None => return Self::parse_without_folder(body),
        };
        let (folder, name) = place.rsplit_once('/').ok_or(Mistake::FolderWithoutSlash)?;
        let folder = match folder {
            "" => FolderPath::root(),
            // `//NAME` would be a second spelling of it.
            "/" => return Err(Mistake::Folder),
            folder => FolderPath::parse(folder).map_err(|_| Mistake::Folder)?,
        };
        let scope = qualifier.map_or(Ok(Scope::Late), Scope::parse)?;
        Ok(Self { scope, folder: Some(folder), name: parse_name(name)? })
    }

    fn parse_without_folder(body: &str) -> Result<Self, Mistake> {
        match body.rsplit_once('.') {
            None => Ok(Self { scope: Scope::Late, folder: None, name: parse_name(body)? }),
            Some((qualifier, _)) if qualifier.contains('.') => Err(Mistake::ProjectWithoutFolder),
            Some((environment, name)) => {
                let name = parse_name(name)?;
                Ok(Self { scope: Scope::parse(environment)?, folder: None, name })
            }
        }
    }
}

impl Scope {
    fn parse(qualifier: &str) -> Result<Self, Mistake> {
        let slug = |text: &str| Slug::parse(text).map_err(|_| Mistake::Slug);
        match qualifier.split_once('.') {
            None => Ok(Self::Environment(slug(qualifier)?)),
            Some((project, environment)) => Ok(Self::Project(slug(project)?, slug(environment)?)),
        }
    }
}

fn parse_name(text: &str) -> Result<SecretName, Mistake> {
    if text.is_empty() {
        return Err(Mistake::NoName);
    }
    SecretName::parse(text).map_err(|_| Mistake::Name)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("${")?;
        match &self.scope {
            Scope::Late => {}
            Scope::Environment(environment) => write!(f, "{environment}")?,
            Scope::Project(project, environment) => write!(f, "{project}.{environment}")?,
        }
        match (&self.scope, &self.folder) {
            (Scope::Late, None) => {}
            (_, None) => f.write_str(".")?,
            (scope, Some(folder)) => {
                let colon = if *scope == Scope::Late { "" } else { ":" };
                let folder = if folder.is_root() { "" } else { folder.as_str() };
                write!(f, "{colon}{folder}/")?;
            }
        }
        write!(f, "{}}}", self.name)
    }
}

/// What is wrong with a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// `${` without `}` behind it.
    Unclosed,
    /// No name: `${}`, `${staging.}`.
    NoName,
    /// The name is not one that can be referenced.
    Name,
    /// The folder is not one.
    Folder,
    /// `${environment:folder/NAME}`.
    FolderWithoutSlash,
    /// The project or environment is not a slug.
    Slug,
    /// `${project.environment.NAME}`.
    ProjectWithoutFolder,
}

/// A value whose references cannot be read. Never holds a part of the value: that may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reference at byte {offset} {}", self.mistake.problem())]
pub struct TemplateError {
    /// Where the `$` of the reference stands, in bytes from the beginning of the value.
    pub offset: usize,
    /// What is wrong there.
    pub mistake: Mistake,
}

impl Mistake {
    const fn problem(self) -> &'static str {
        match self {
            Self::Unclosed => "has no closing brace",
            Self::NoName => "names nothing",
            Self::Name => "has a name that cannot be referenced",
            Self::Folder => "has a folder that is not one",
            Self::FolderWithoutSlash => "has a folder that does not begin with a slash",
            Self::Slug => "names a project or environment that cannot exist",
            Self::ProjectWithoutFolder => "names a project but no folder",
        }
    }
}

impl TemplateError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        "reference_syntax"
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self.mistake {
            Mistake::Unclosed | Mistake::NoName => {
                "write ${NAME}; for the two characters themselves write $${, or set interpolate to false"
            }
            Mistake::Name => {
                "names in references are A-Z, 0-9 and _; for a literal ${ write $${, or set interpolate to false"
            }
            Mistake::Folder | Mistake::FolderWithoutSlash => {
                "write ${/folder/NAME} or ${environment:/folder/NAME}, with a folder like /api/v2"
            }
            Mistake::Slug => {
                "write ${environment.NAME} or ${project.environment:/folder/NAME}, with slugs like feat-checkout"
            }
            Mistake::ProjectWithoutFolder => "write ${project.environment:/NAME}",
        }
    }
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// These bytes of the text, as they are.
    Literal(Range<usize>),
    /// What this reference resolves to.
    Reference(Reference),
}

/// A value taken apart into literals and references, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

impl Template {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// The first reference that cannot be read, with its byte offset.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut literal_start = 0;
        let mut scan_from = 0;
        while let Some(brace) = find_opening(text, scan_from) {
            let dollar = brace - 1;
            let escaped = dollar > literal_start && text.as_bytes()[dollar - 1] == b'$';
            if escaped {
                // `$${`: the literal so far ends before the first dollar, the next one begins with the second.
                push_literal(&mut segments, literal_start..dollar - 1);
                literal_start = dollar;
                scan_from = brace + 1;
                continue;
            }
            push_literal(&mut segments, literal_start..dollar);
            let error = |mistake| TemplateError { offset: dollar, mistake };
            let length = text[brace + 1..].find('}').ok_or(error(Mistake::Unclosed))?;
            let body = &text[brace + 1..brace + 1 + length];
            segments.push(Segment::Reference(Reference::parse(body).map_err(error)?));
            literal_start = brace + 1 + length + 1;
            scan_from = literal_start;
        }
        push_literal(&mut segments, literal_start..text.len());
        Ok(Self { segments })
    }

    /// The pieces, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The text anew, each reference replaced by what `with` has in its place; one `with` has nothing for stays.
    pub fn replaced(&self, text: &str, with: &[Option<Reference>]) -> SecretBytes {
        let written: Vec<Option<String>> = with.iter().map(|r| r.as_ref().map(ToString::to_string)).collect();
        // Growing would leave copies of the plaintext behind.
        let room: usize = written.iter().flatten().map(String::len).sum();
        let mut bytes = Vec::with_capacity(text.len() + room);
        let mut written = written.into_iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(range) => push_escaped(&mut bytes, &text[range.clone()]),
                Segment::Reference(old) => {
                    let new = written.next().flatten().unwrap_or_else(|| old.to_string());
                    bytes.extend_from_slice(new.as_bytes());
                }
            }
        }
        Secret::new(bytes)
    }

    /// The references, in order, repeated where they repeat.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Reference(reference) => Some(reference),
            Segment::Literal(_) => None,
        })
    }
}

/// Where the next `${` has its brace, looking from `from`.
fn find_opening(text: &str, from: usize) -> Option<usize> {
    let mut dollars = text[from..].match_indices('$').map(|(at, _)| from + at);
    dollars.find(|dollar| text.as_bytes().get(dollar + 1) == Some(&b'{')).map(|dollar| dollar + 1)
}

/// Adds a literal as it is typed.
fn push_escaped(bytes: &mut Vec<u8>, literal: &str) {
    for (index, part) in literal.split("${").enumerate() {
        bytes.extend_from_slice(if index > 0 { b"$${" } else { b"" });
        bytes.extend_from_slice(part.as_bytes());
    }
}

fn push_literal(segments: &mut Vec<Segment>, range: Range<usize>) {
    if !range.is_empty() {
        segments.push(Segment::Literal(range));
    }
}

/// Every reference a stored value makes: none when it does not interpolate or is not text. This is what an
/// index of dependents is built from, and what the writer's rights are checked against.
///
/// # Errors
/// The first reference that cannot be read.
pub fn references_of(value: &[u8], interpolate: bool) -> Result<Vec<Reference>, TemplateError> {
    match std::str::from_utf8(value) {
        Ok(text) if interpolate => Ok(Template::parse(text)?.references().cloned().collect()),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text a template was read from, written anew.
    fn render(template: &Template, text: &str) -> String {
        String::from_utf8(template.replaced(text, &[]).expose().clone()).expect("text")
    }

    fn only_reference(text: &str) -> Reference {
        let template = Template::parse(text).expect("valid");
        let [Segment::Reference(reference)] = template.segments() else { panic!("{template:?}") };
        reference.clone()
    }

    fn literals(text: &str) -> String {
        let template = Template::parse(text).expect("valid");
        let literal = |segment: &Segment| match segment {
            Segment::Literal(range) => text[range.clone()].to_owned(),
            Segment::Reference(reference) => format!("<{}>", reference.name),
        };
        template.segments().iter().map(literal).collect()
    }

    fn begins_reference(text: &str, offset: usize) -> bool {
        text[offset..].starts_with("${")
    }

    fn slug(text: &str) -> Slug {
        Slug::parse(text).expect("valid")
    }

    /// Text that is dense in what matters.
    fn spiky() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("$"),
            Just("{"),
            Just("}"),
            Just("${"),
            Just("$${"),
            Just("${A}"),
            Just("${/f/B}"),
            Just("${e.C}"),
            Just("${e:/D}"),
            Just("${p.e:/f/g/E}"),
            Just("${e://F}"),
            Just("a"),
            Just("."),
            Just(":"),
            Just("/"),
            Just("é"),
            Just(""),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error(text in "\\PC{0,60}") {
            if let Err(error) = Template::parse(&text) {
                prop_assert!(begins_reference(&text, error.offset));
            }
        }

        #[test]
        fn what_is_read_is_written_the_same(text in spiky()) {
            match Template::parse(&text) {
                Ok(template) => prop_assert_eq!(render(&template, &text), text),
                Err(error) => prop_assert!(begins_reference(&text, error.offset)),
            }
        }

        #[test]
        fn text_without_an_opening_is_itself(text in "[^{]{0,40}") {
            prop_assert_eq!(literals(&text), text);
        }
    }

    #[test]
    fn only_the_named_references_are_replaced() {
        let text = "$${A} ${A}-${b.C}${A}é";
        let template = Template::parse(text).expect("valid");
        let new = || Some(only_reference("${e:/f/B}"));
        let replaced = template.replaced(text, &[new(), None, new()]);
        assert_eq!(replaced.expose(), "$${A} ${e:/f/B}-${b.C}${e:/f/B}é".as_bytes());
    }

    #[test]
    fn every_form_is_understood() {
        let late = only_reference("${DB_HOST}");
        assert_eq!((late.scope, late.folder, late.name.as_str()), (Scope::Late, None, "DB_HOST"));

        let in_folder = only_reference("${/api/v2/DB_HOST}");
        assert_eq!(in_folder.scope, Scope::Late);
        assert_eq!(in_folder.folder, FolderPath::parse("/api/v2").ok());

        let environment = only_reference("${feat-checkout._X}");
        assert_eq!(environment.scope, Scope::Environment(slug("feat-checkout")));
        assert_eq!(environment.folder, None);

        assert_eq!(only_reference("${staging:/X}").folder, Some(FolderPath::root()));
        let project = only_reference("${shop.staging:/api/X}");
        assert_eq!(project.scope, Scope::Project(slug("shop"), slug("staging")));
        assert_eq!(project.folder, FolderPath::parse("/api").ok());
    }

    #[test]
    fn a_reference_without_folder_looks_in_its_own_one_only_when_it_binds_late() {
        let own = FolderPath::parse("/api").expect("valid");
        assert_eq!(only_reference("${X}").folder_seen_from(&own), own);
        assert_eq!(only_reference("${staging.X}").folder_seen_from(&own), FolderPath::root());
        assert_eq!(only_reference("${/X}").folder_seen_from(&own), FolderPath::root());
    }

    #[test]
    fn dollars_are_read_from_the_left() {
        assert_eq!(literals("$"), "$");
        assert_eq!(literals("cost: 5$ {a}"), "cost: 5$ {a}");
        assert_eq!(literals("$${A}"), "${A}");
        assert_eq!(literals("$$${A}"), "$${A}");
        assert_eq!(literals("$$a${A}$"), "$$a<A>$");
        assert_eq!(literals("${A}$${B}${C}"), "<A>${B}<C>");
        assert_eq!(literals("${A}${A}"), "<A><A>");
        assert_eq!(literals("$${$${"), "${${");
        assert_eq!(literals("$${${A}"), "${<A>");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            ("a${B", 1, Mistake::Unclosed),
            ("${}", 0, Mistake::NoName),
            ("${staging.}", 0, Mistake::NoName),
            ("é${lower}", 2, Mistake::Name),
            ("${A B}", 0, Mistake::Name),
            ("${A:-default}", 0, Mistake::FolderWithoutSlash),
            ("${staging:api/X}", 0, Mistake::FolderWithoutSlash),
            ("${/../X}", 0, Mistake::Folder),
            ("${staging://X}", 0, Mistake::Folder),
            ("${Staging.X}", 0, Mistake::Slug),
            ("${a.b.c:/X}", 0, Mistake::Slug),
            ("${:/X}", 0, Mistake::Slug),
            ("${shop.staging.X}", 0, Mistake::ProjectWithoutFolder),
            ("${A}${", 4, Mistake::Unclosed),
            ("$${ok}${${A}}", 6, Mistake::Name),
        ];
        for (text, offset, mistake) in cases {
            assert_eq!(Template::parse(text), Err(TemplateError { offset, mistake }), "{text}");
        }
    }

    #[test]
    fn only_interpolated_text_makes_references() {
        assert_eq!(references_of(b"${A}${B}", true).map(|r| r.len()), Ok(2));
        assert_eq!(references_of(b"${A", false), Ok(vec![]));
        assert_eq!(references_of(b"\xff${A", true), Ok(vec![]));
        assert!(references_of(b"${A", true).is_err());
    }
}
