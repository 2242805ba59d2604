//! From what a caller wishes to what a write does: names read, values checked, versions compared.

use std::collections::HashSet;

use super::{BATCH_MAX, COMMENT_MAX, GENERATED_MAX, TAGS_MAX, VALUE_MAX};
use crate::db::Reader;
use crate::orgs::environment::Environment;
use crate::types::{ParseError, SecretBytes};
use crate::vault::VaultError;
use crate::vault::generate::{Fill, Recipe, Told};
use crate::vault::model::{FolderPath, SecretName, Visibility};
use crate::vault::reference::{Reference, references_of};
use crate::vault::store::{self, SecretVersion, VersionState};

/// What is wished for one name.
pub enum Wish {
    /// This value.
    Set {
        /// The bytes.
        value: SecretBytes,
        /// Whether `${` begins a reference.
        interpolate: bool,
        /// Who may see it; as before when none, masked for a new name.
        visibility: Option<Visibility>,
    },
    /// A value nobody thought up; `${` is text in it.
    Generate {
        /// What to draw.
        recipe: Recipe,
        /// Who may see it; as before when none, masked for a new name.
        visibility: Option<Visibility>,
    },
    /// No value, and none from above.
    Unset,
    /// The same, with who may see the value that comes later.
    UnsetAs(Visibility),
    /// The name gone.
    Delete,
}

/// One item of a write.
pub struct Item {
    /// The name, unread.
    pub name: String,
    /// The folder, unread; `/` when none.
    pub path: Option<String>,
    /// What is wished.
    pub wish: Wish,
    /// What the writer says; as before when none.
    pub comment: Option<String>,
    /// Its tags; as before when none.
    pub tags: Option<Vec<String>>,
    /// The version the change was made for; 0: the name must be new.
    pub base_version: Option<u32>,
}

/// What a write does to one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlannedAction {
    /// A name that was not there.
    Add,
    /// A new version.
    Change,
    /// Nothing: it is the same already.
    Same,
    /// The name goes.
    Delete,
    /// The name hides what would be inherited.
    Unset,
}

impl PlannedAction {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Same => "same",
            Self::Delete => "delete",
            Self::Unset => "unset",
        }
    }
}

/// One item, read and compared with what is there.
pub(super) struct Planned {
    pub(super) path: FolderPath,
    pub(super) name: SecretName,
    pub(super) action: PlannedAction,
    pub(super) before: Option<SecretVersion>,
    pub(super) state: VersionState,
    /// Empty for what has no value.
    pub(super) value: SecretBytes,
    pub(super) interpolate: bool,
    pub(super) visibility: Visibility,
    pub(super) comment: String,
    pub(super) tags: Vec<String>,
    pub(super) tag: [u8; 32],
    pub(super) references: Vec<Reference>,
    /// What is told of a value that was drawn here.
    pub(super) generated: Option<Told>,
}

impl Planned {
    /// The version it becomes.
    pub(super) fn version(&self) -> u32 {
        self.before.as_ref().map_or(1, |b| b.newest + 1)
    }

    /// The name as people write it.
    pub(super) fn shown(&self) -> String {
        if self.path.is_root() { self.name.to_string() } else { format!("{}/{}", self.path, self.name) }
    }
}

/// How a write treats what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Whether the same value with the same marks makes no new version.
    pub(super) skip_same: bool,
}

/// Reads and compares every item. `tag` is the keyed MAC of a value, `random` what values are drawn from.
pub(super) fn plan(
    reader: &Reader<'_>,
    environment: &Environment,
    items: Vec<Item>,
    rules: Rules,
    tag: impl Fn(&[u8]) -> [u8; 32],
    random: &mut Fill<'_>,
) -> Result<Vec<Planned>, VaultError> {
    if items.len() > BATCH_MAX {
        return Err(VaultError::TooMany { len: items.len() });
    }
    if items.iter().filter(|i| matches!(i.wish, Wish::Generate { .. })).count() > GENERATED_MAX {
        return Err(ParseError::new("generate", format!("at most {GENERATED_MAX} in one write")).into());
    }
    let mut seen = HashSet::with_capacity(items.len());
    let mut planned = Vec::with_capacity(items.len());
    for item in items {
        let one = plan_one(reader, environment, item, rules, &tag, random)?;
        if !seen.insert((one.path.clone(), one.name.clone())) {
            return Err(VaultError::Twice { name: one.shown() });
        }
        planned.push(one);
    }
    Ok(planned)
}

fn plan_one(
    reader: &Reader<'_>,
    environment: &Environment,
    item: Item,
    rules: Rules,
    tag: &impl Fn(&[u8]) -> [u8; 32],
    random: &mut Fill<'_>,
) -> Result<Planned, VaultError> {
    let path = FolderPath::parse(item.path.as_deref().unwrap_or("/"))?;
    let name = parse_name(environment, &item.name)?;
    let before = store::secret_get(reader, environment.id, &path, &name)?;
    let current = before.as_ref().map_or(0, |b| b.newest);
    if item.base_version.is_some_and(|v| v != current && !(v == 0 && is_gone(before.as_ref()))) {
        return Err(VaultError::Stale { name: name.to_string(), current });
    }
    let there = before.as_ref().filter(|b| b.state != VersionState::Deleted);
    let kept = there.map_or(Visibility::Masked, |b| b.visibility);
    let mut generated = None;
    let (state, value, interpolate, visibility) = match item.wish {
        Wish::Set { value, interpolate, visibility } => {
            (VersionState::Set, value, interpolate, visibility.unwrap_or(kept))
        }
        Wish::UnsetAs(visibility) => (VersionState::Unset, SecretBytes::new(Vec::new()), false, visibility),
        Wish::Generate { recipe, visibility } => {
            let drawn = recipe.draw(random)?;
            generated = Some(drawn.told);
            (VersionState::Set, drawn.value, false, visibility.unwrap_or(kept))
        }
        Wish::Unset => (VersionState::Unset, SecretBytes::new(Vec::new()), false, kept),
        Wish::Delete if there.is_none() => return Err(VaultError::not_found("secret", name.to_string())),
        Wish::Delete => (VersionState::Deleted, SecretBytes::new(Vec::new()), false, kept),
    };
    let references = check_value(&name, &value, interpolate)?;
    let comment = item.comment.map_or_else(|| Ok(there.map_or_else(String::new, |b| b.comment.clone())), comment)?;
    let tags = item.tags.map_or_else(|| Ok(there.map_or_else(Vec::new, |b| b.tags.clone())), tags)?;
    let tag = tag(value.expose());
    let mut planned = Planned {
        path,
        name,
        action: PlannedAction::Add,
        before,
        state,
        value,
        interpolate,
        visibility,
        comment,
        tags,
        tag,
        references,
        generated,
    };
    planned.action = action(&planned, rules);
    Ok(planned)
}

fn is_gone(before: Option<&SecretVersion>) -> bool {
    before.is_none_or(|b| b.state == VersionState::Deleted)
}

fn action(p: &Planned, rules: Rules) -> PlannedAction {
    let there = p.before.as_ref().filter(|b| b.state != VersionState::Deleted);
    let same = rules.skip_same
        && there.is_some_and(|b| {
            b.state == p.state
                && b.value_tag == p.tag
                && b.interpolate == p.interpolate
                && b.visibility == p.visibility
                && b.comment == p.comment
                && b.tags == p.tags
        });
    match (p.state, there) {
        _ if same => PlannedAction::Same,
        (VersionState::Deleted, _) => PlannedAction::Delete,
        (VersionState::Unset, _) => PlannedAction::Unset,
        (VersionState::Set, None) => PlannedAction::Add,
        (VersionState::Set, Some(_)) => PlannedAction::Change,
    }
}

/// Reads a name as this environment allows it.
pub(in crate::vault) fn parse_name(environment: &Environment, text: &str) -> Result<SecretName, VaultError> {
    Ok(if environment.any_names { SecretName::parse_any(text)? } else { SecretName::parse(text)? })
}

/// Checks a value's length and its references.
pub(in crate::vault) fn check_value(
    name: &SecretName,
    value: &SecretBytes,
    interpolate: bool,
) -> Result<Vec<Reference>, VaultError> {
    let len = value.expose().len();
    if len > VALUE_MAX {
        return Err(VaultError::TooLong { name: name.to_string(), len });
    }
    if interpolate && std::str::from_utf8(value.expose()).is_err() {
        let problem = format!("{name} is not UTF-8; store it with interpolate false");
        return Err(ParseError::new("interpolate", problem).into());
    }
    references_of(value.expose(), interpolate).map_err(|error| VaultError::Template { name: name.to_string(), error })
}

fn comment(text: String) -> Result<String, ParseError> {
    let control = text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if text.chars().count() > COMMENT_MAX || control {
        return Err(ParseError::new("comment", format!("must have at most {COMMENT_MAX} printable characters")));
    }
    Ok(text)
}

fn tags(tags: Vec<String>) -> Result<Vec<String>, ParseError> {
    let is_tag = |t: &String| {
        (1..=64).contains(&t.len())
            && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
    };
    if tags.len() > TAGS_MAX || !tags.iter().all(is_tag) {
        let allowed = format!("at most {TAGS_MAX}, each 1 to 64 of A-Z a-z 0-9 - _ . :");
        return Err(ParseError::new("tags", allowed));
    }
    let mut tags = tags;
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}
