//! Lists of secrets: a folder with what it inherits, and names found by search over a project.

use super::SecretView;
use super::read::view;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment;
use crate::policy::Action;
use crate::types::{Cursor, Limit, Page, ParseError};
use crate::vault::VaultError;
use crate::vault::model::FolderPath;
use crate::vault::resolve::list_folder;
use crate::vault::store::{self, Match};
use crate::vault::time::{self, Instant};

/// Longest search, in characters.
const WORDS_MAX: usize = 255;

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
    op.read(|reader| {
        let placed = access::environment(op, reader, &ask.project, &ask.environment)?;
        if !op.permits(reader, Action::SecretList, &placed.resource())? {
            op.authorize(reader, Action::SecretList, &placed.resource())?;
        }
        let (source, _) = time::world(op, reader, &placed, ask.at.as_ref())?;
        let after = cursor.as_ref().map(Cursor::key);
        let listed = list_folder(&source, placed.environment.id, &path, ask.recursive)?;
        let key = |l: &crate::vault::resolve::ListedSecret| format!("{}\n{}", l.path, l.name);
        let rest = listed.into_iter().filter(|l| after.is_none_or(|a| key(l).as_str() > a));
        let page = Page::cut(rest.take(limit.rows() + 1).collect(), limit, key);
        let mut items = Vec::with_capacity(page.items.len());
        for listed in &page.items {
            let version = source.version(listed.facts.id, listed.facts.version)?;
            items.push(view(op, reader, &placed, listed, &version)?);
        }
        Ok(Page { items, next: page.next })
    })
    .await
}

/// A name found by a search, and the environment that stores it.
#[derive(Debug, Clone)]
pub struct SearchHit {
    /// The name.
    pub found: Match,
    /// `shop/staging`.
    pub environment: String,
}

/// Names of a project that contain `words`, whatever their case, in the environments whoever asks may list.
///
/// # Errors
/// The project is unknown or not visible; the words are empty or too long.
pub async fn secret_search(
    op: &Op,
    project: &str,
    words: &str,
    limit: Limit,
    cursor: Option<Cursor>,
) -> Result<Page<SearchHit>, VaultError> {
    let words = words.trim().to_lowercase();
    if words.is_empty() || words.chars().count() > WORDS_MAX {
        return Err(ParseError::new("q", format!("must have 1 to {WORDS_MAX} characters")).into());
    }
    op.read(|reader| {
        let found = access::project(op, reader, project)?;
        let key = |h: &SearchHit| format!("{}\n{}\n{}", h.environment, h.found.path, h.found.name);
        let after = cursor.as_ref().map_or("", Cursor::key);
        let mut hits = Vec::new();
        for environment in environment::store::environment_list(reader, found.id)? {
            let placed = environment::store::place(reader, environment)?;
            if hits.len() > limit.rows() {
                break;
            }
            if !op.permits(reader, Action::SecretList, &placed.resource())? {
                continue;
            }
            let rows = usize::from(Limit::MAX) * 20;
            for one in store::secret_search(reader, placed.environment.id, &words, rows)? {
                let hit = SearchHit { found: one, environment: placed.path() };
                if key(&hit).as_str() > after && hits.len() <= limit.rows() {
                    hits.push(hit);
                }
            }
        }
        Ok(Page::cut(hits, limit, key))
    })
    .await
}
