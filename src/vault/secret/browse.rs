//! Lists of secrets: a folder with what it inherits, and names found by search over a project.

use super::SecretView;
use super::read::{named_origin, view};
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::{environment, project};
use crate::policy::Action;
use crate::types::{Cursor, Limit, Page, ParseError};
use crate::vault::VaultError;
use crate::vault::model::{FolderPath, Origin};
use crate::vault::personal::{self, Overrides};
use crate::vault::resolve::list_folder;
use crate::vault::store::{self, Match, SecretVersion};
use crate::vault::time::{self, Instant};

/// Longest search, in characters.
const WORDS_MAX: usize = 255;
/// Most projects one search looks into.
const PROJECTS_MAX: usize = 10_000;

/// Which secrets to list.
#[derive(Debug, Clone, Default)]
pub struct ListSecrets {
    /// The project, by id or slug.
    pub project: String,
    /// The environment, by id or slug.
    pub environment: String,
    /// The folder.
    pub path: String,
    /// Whether folders beneath it are listed too.
    pub recursive: bool,
    /// Only those with these words in their name, comment or tags, in any case.
    pub words: Option<String>,
    /// The moment whose names they are; now when none.
    pub at: Option<Instant>,
}

/// The secrets of a folder, own and inherited, by folder and name; with `recursive` those beneath it too.
///
/// # Errors
/// Unknown or not visible; not allowed; the folder is none; there is no such moment.
pub async fn secret_list(
    op: &Op,
    ask: &ListSecrets,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SecretView>, VaultError> {
    let path = FolderPath::parse(if ask.path.is_empty() { "/" } else { &ask.path })?;
    let words = ask.words.as_deref().map(wanted).transpose()?;
    op.read(|reader| {
        let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let (source, _) = time::world(op, reader, &placed, ask.at.as_ref())?;
        let after = cursor.as_ref().map(Cursor::key);
        let mine = if ask.at.is_none() { Overrides::of(op, reader)? } else { Overrides::default() };
        let mut listed = list_folder(&mine.over(&source)?, placed.environment.id, &path, ask.recursive)?;
        if let Some(words) = &words {
            let mut found = Vec::new();
            for one in listed {
                let found_here = match mine.get(one.facts.id) {
                    Some(own) => own.name.as_str().to_lowercase().contains(words),
                    None => holds(&*source.version(one.facts.id, one.facts.version)?, words),
                };
                if found_here {
                    found.push(one);
                }
            }
            listed = found;
        }
        let key = |l: &crate::vault::resolve::ListedSecret| format!("{}\n{}", l.path, l.name);
        let rest = listed.into_iter().filter(|l| after.is_none_or(|a| key(l).as_str() > a));
        let page = Page::cut(rest.take(limit.rows() + 1).collect(), limit, key);
        let mut items = Vec::with_capacity(page.items.len());
        for listed in &page.items {
            if let Some(own) = mine.get(listed.facts.id) {
                let origin = Origin::Personal { at: listed.stored_in };
                items.push(personal::view(own, named_origin(op, reader, &placed, origin)?.environment));
                continue;
            }
            let version = source.version(listed.facts.id, listed.facts.version)?;
            items.push(view(op, reader, &placed, listed, &version)?);
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// The words of a search, in lower case.
pub(in crate::vault) fn wanted(words: &str) -> Result<String, ParseError> {
    let words = words.trim().to_lowercase();
    if words.is_empty() || words.chars().count() > WORDS_MAX {
        return Err(ParseError::new("search", format!("must have 1 to {WORDS_MAX} characters")));
    }
    Ok(words)
}

/// Whether a search for `words` finds this version.
pub(in crate::vault) fn holds(version: &SecretVersion, words: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(words);
    has(version.name.as_str()) || has(&version.comment) || version.tags.iter().any(|tag| has(tag))
}

/// A name found by a search, and the environment that stores it.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The name.
    pub found: Match,
    /// `shop/staging`.
    pub environment: String,
}

/// Secrets of a project, or of every project, with `words` in their name, comment or tags, whatever their case, in the
/// environments whoever asks may list. By environment, folder and name.
///
/// # Errors
/// The project is unknown or not visible; the words are empty or too long.
pub async fn secret_search(
    op: &Op,
    project: Option<&str>,
    words: &str,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SearchHit>, VaultError> {
    let words = wanted(words)?;
    op.read(|reader| {
        let projects = match project {
            Some(name) => vec![access::project(op, reader, name)?],
            None => project::store::project_list(reader, op.organization()?, "", PROJECTS_MAX)?,
        };
        let after = After::read(cursor.as_ref());
        let mut hits = Vec::new();
        for project in projects {
            for environment in environment::store::environment_list(reader, project.id)? {
                let placed = environment::store::place(reader, environment)?;
                let path = placed.path();
                let room = (limit.rows() + 1).saturating_sub(hits.len());
                if room == 0 || !after.reaches(&path) || !op.permits(reader, Action::SecretList, &placed.resource())? {
                    continue;
                }
                let found = store::secret_search(reader, placed.environment.id, &words, after.within(&path), room)?;
                hits.extend(found.into_iter().map(|found| SearchHit { found, environment: path.clone() }));
            }
        }
        Ok(Page::cut(hits, limit, |h| format!("{}\n{}\n{}", h.environment, h.found.path, h.found.name)))
    })
    .await
}

/// Where a page of a search begins: behind a place, or at the start.
pub(in crate::vault) struct After<'c> {
    environment: &'c str,
    path: &'c str,
    name: &'c str,
}

impl<'c> After<'c> {
    pub(in crate::vault) fn read(cursor: Option<&'c Cursor>) -> Self {
        let mut parts = cursor.map_or("", Cursor::key).splitn(3, '\n');
        let mut next = || parts.next().unwrap_or("");
        Self { environment: next(), path: next(), name: next() }
    }

    /// Whether an environment can have anything behind it.
    pub(in crate::vault) fn reaches(&self, environment: &str) -> bool {
        environment >= self.environment
    }

    /// The folder and name it stands behind in this environment.
    pub(in crate::vault) fn within(&self, environment: &str) -> (&'c str, &'c str) {
        if environment == self.environment { (self.path, self.name) } else { ("", "") }
    }
}
