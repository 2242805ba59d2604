//! From a source's names to ours: folders, names, comments and tags as Holdfast allows them.

use std::collections::BTreeMap;

use super::{
    Dollar, Found, ImportError, MAX_NAMES, MAX_TOTAL_BYTES, MAX_VERSIONS, Remark, SourceItem, SourceVersion, shown,
};
use crate::types::SecretBytes;
use crate::vault::model::{FolderPath, SecretName};
use crate::vault::secret::{COMMENT_MAX, TAGS_MAX, VALUE_MAX};

/// How names are mapped.
#[derive(Debug, Clone)]
pub struct MapRules {
    /// The folder that is imported into.
    pub folder: FolderPath,
    /// Whether the environment allows any name the operating system allows.
    pub any_names: bool,
    /// Whether `${` in the values is to be a reference.
    pub interpolate: bool,
}

/// A source's items under our names.
#[derive(Debug)]
pub struct Mapped {
    /// What can be written, by folder and name.
    pub names: Vec<MappedName>,
    /// What cannot, or not as it was.
    pub remarks: Vec<Remark>,
}

/// One secret to write.
#[derive(Debug)]
pub struct MappedName {
    /// Where it is in the source.
    pub place: String,
    /// Its folder.
    pub path: FolderPath,
    /// Its name.
    pub name: SecretName,
    /// Its versions, oldest first.
    pub versions: Vec<MappedVersion>,
    /// Its tags; none: as they are.
    pub tags: Option<Vec<String>>,
}

/// One version to write.
#[derive(Debug)]
pub struct MappedVersion {
    /// The value.
    pub value: SecretBytes,
    /// Whether `${` in it is a reference.
    pub interpolate: bool,
    /// The first line of its comment, by which it is known again; none where the source keeps no history.
    pub mark: Option<String>,
    /// The whole comment; none: as it is.
    pub comment: Option<String>,
}

/// Maps everything a source holds.
///
/// # Errors
/// More names, versions or bytes than one import takes.
pub fn map(found: Found, rules: &MapRules) -> Result<Mapped, ImportError> {
    let mut remarks = found.remarks;
    if found.items.len() > MAX_NAMES || found.items.iter().any(|i| i.versions.len() > MAX_VERSIONS) {
        return Err(ImportError::TooMuch);
    }
    let bytes: usize = found.items.iter().flat_map(|i| &i.versions).map(|v| v.value.expose().len()).sum();
    if bytes > MAX_TOTAL_BYTES {
        return Err(ImportError::TooMuch);
    }
    let mut taken: Vec<Taken> = Vec::with_capacity(found.items.len());
    for item in found.items {
        match map_one(item, rules) {
            Ok(mapped) => taken.push(mapped),
            Err(remark) => remarks.push(remark),
        }
    }
    let names = without_collisions(taken, &mut remarks);
    Ok(Mapped { names, remarks })
}

/// A mapped name, before it is known whether another one is called the same.
struct Taken {
    mapped: MappedName,
    /// Whether its folder and name are exactly those of the source.
    exact: bool,
    /// What is to be told if it stays.
    remarks: Vec<Remark>,
}

/// The item under our names.
fn map_one(item: SourceItem, rules: &MapRules) -> Result<Taken, Remark> {
    let whole = format!("{}: {}", item.place, item.key);
    let path = folder_of(&rules.folder, &item.folder).ok_or_else(|| {
        Remark::skipped(&whole, "its path is too long or too deep for a folder (16 segments of 64 bytes, 512 in all)")
    })?;
    let name = name_of(&item.key, rules.any_names)
        .ok_or_else(|| Remark::skipped(&whole, "its name is empty or longer than 255 bytes"))?;
    if let Some(version) = item.versions.iter().find(|v| v.value.expose().len() > VALUE_MAX) {
        let which = version.label.as_deref().map(|l| format!("{l} ")).unwrap_or_default();
        return Err(Remark::skipped(&whole, format!("{which}is larger than {VALUE_MAX} bytes")));
    }
    let mut remarks = Vec::new();
    let same_folder = own_segments(&path, &rules.folder).eq(item.folder.iter().map(String::as_str));
    let exact = same_folder && name.as_str() == item.key;
    // Capitals are how names are written here; anything else is worth a word.
    if !(same_folder && name.as_str().eq_ignore_ascii_case(&item.key)) {
        remarks.push(Remark::changed(&whole, format!("is called {}", full_name(&path, &name))));
    }
    let refers =
        |v: &SourceVersion| v.dollar == Dollar::Reference && v.value.expose().windows(2).any(|pair| pair == b"${");
    if !rules.interpolate && item.versions.iter().any(refers) {
        remarks.push(Remark::changed(&whole, "its `${` is text here; --interpolate takes it for a reference"));
    }
    let (tags, lines) = tags_and_lines(&item.facts);
    let mut tail = clean_comment(&item.comment);
    for line in lines {
        tail.push(line);
    }
    let versions = item.versions.into_iter().map(|v| version(v, rules, &item.place, &tail)).collect::<Vec<_>>();
    if versions.iter().any(|(_, cut)| *cut) {
        remarks.push(Remark::changed(&whole, format!("its comment and metadata are cut to {COMMENT_MAX} characters")));
    }
    let versions = versions.into_iter().map(|(v, _)| v).collect();
    let tags = (!tags.is_empty()).then_some(tags);
    Ok(Taken { mapped: MappedName { place: whole, path, name, versions, tags }, exact, remarks })
}

/// The segments of a folder beneath `base`.
fn own_segments<'a>(path: &'a FolderPath, base: &FolderPath) -> impl Iterator<Item = &'a str> {
    let beneath = if base.is_root() { path.as_str() } else { path.as_str().strip_prefix(base.as_str()).unwrap_or("") };
    beneath.split('/').filter(|s| !s.is_empty())
}

/// A name as people write it: `/app/DB_URL`.
fn full_name(path: &FolderPath, name: &SecretName) -> String {
    format!("{}/{name}", if path.is_root() { "" } else { path.as_str() })
}

/// The version, and whether its comment had to be cut.
fn version(version: SourceVersion, rules: &MapRules, place: &str, tail: &[String]) -> (MappedVersion, bool) {
    let mark = version.label.map(|label| mark(place, &label));
    let lines = mark.iter().chain(tail).map(String::as_str).collect::<Vec<_>>().join("\n");
    let comment: String = lines.chars().take(COMMENT_MAX).collect();
    let cut = comment.len() < lines.len();
    let comment = (!comment.is_empty()).then_some(comment);
    let text = std::str::from_utf8(version.value.expose()).is_ok();
    let interpolate = rules.interpolate && text && version.dollar != Dollar::Text;
    (MappedVersion { value: version.value, interpolate, mark, comment }, cut)
}

/// The line that says which version of the source a version of ours is.
fn mark(place: &str, label: &str) -> String {
    format!("imported from {}, {}", shown(place), shown(label))
}

/// Where two would be one, the one whose name it is exactly stays; without such a one none does.
fn without_collisions(taken: Vec<Taken>, remarks: &mut Vec<Remark>) -> Vec<MappedName> {
    let mut by_name: BTreeMap<(FolderPath, SecretName), Vec<Taken>> = BTreeMap::new();
    for one in taken {
        by_name.entry((one.mapped.path.clone(), one.mapped.name.clone())).or_default().push(one);
    }
    let mut names = Vec::with_capacity(by_name.len());
    for ((path, name), same) in by_name {
        let called = full_name(&path, &name);
        let places: Vec<_> = same.iter().map(|t| shown(&t.mapped.place)).collect();
        let stays = places.len() == 1 || same.iter().filter(|t| t.exact).count() == 1;
        for (at, one) in same.into_iter().enumerate() {
            if stays && (one.exact || places.len() == 1) {
                remarks.extend(one.remarks);
                names.push(one.mapped);
                continue;
            }
            let others = places.iter().enumerate().filter(|(other, _)| *other != at).take(3);
            let others: Vec<_> = others.map(|(_, place)| place.as_str()).collect();
            let detail = format!("would be {called}, like {}", others.join(", "));
            remarks.push(Remark::skipped(&one.mapped.place, detail));
        }
    }
    names
}

/// The folder beneath `base`; characters that a folder cannot have become `_`.
fn folder_of(base: &FolderPath, folder: &[String]) -> Option<FolderPath> {
    let mut path = if base.is_root() { String::new() } else { base.as_str().to_owned() };
    for segment in folder {
        path.push('/');
        if !segment.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            path.push('_');
        }
        path.extend(segment.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }));
    }
    FolderPath::parse(if path.is_empty() { "/" } else { &path }).ok()
}

/// The name as it is where the environment allows it, else in capitals with `_` for what a name cannot have.
fn name_of(key: &str, any_names: bool) -> Option<SecretName> {
    if any_names && let Ok(name) = SecretName::parse_any(key) {
        return Some(name);
    }
    if key.is_empty() {
        return None;
    }
    let mut name: String = key
        .chars()
        .map(|c| c.to_ascii_uppercase())
        .map(|c| if c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    SecretName::parse(&name).ok()
}

/// Facts as tags `key:value`, and as lines of a comment those that are no tag.
fn tags_and_lines(facts: &[(String, String)]) -> (Vec<String>, Vec<String>) {
    let (mut tags, mut lines) = (Vec::new(), Vec::new());
    for (key, value) in facts {
        let tag = if value.is_empty() { key.clone() } else { format!("{key}:{value}") };
        let fits = (1..=64).contains(&tag.len())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        if fits && tags.len() < TAGS_MAX {
            tags.push(tag);
        } else {
            lines.extend(clean_comment(&format!("{key}: {value}")));
        }
    }
    tags.sort_unstable();
    tags.dedup();
    (tags, lines)
}

/// The lines of a comment, without control characters.
fn clean_comment(text: &str) -> Vec<String> {
    let clean = |line: &str| line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
    text.trim().lines().map(clean).collect()
}
