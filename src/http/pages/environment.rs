//! The environment page: the table of its secrets, own and inherited. Values are not in it; each is shown on its own.

use askama::Template;
use serde::Deserialize;

use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::api::time::moment;
use crate::http::extract::{Names, Query};
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::{Action, Tier};
use crate::types::Timestamp;
use crate::vault::model::{Origin, Visibility};
use crate::vault::secret::{self, NameCounts, NamedOrigin, TABLE_MAX, TableAsk, TableRow};
use crate::vault::store::VersionState;

/// What the page shows or hides.
const ASKED: &[Action] = &[
    Action::SecretWrite,
    Action::SecretDelete,
    Action::SecretReveal,
    Action::SecretUse,
    Action::EnvironmentUpdate,
    Action::EnvironmentLock,
    Action::EnvironmentDelete,
    Action::EnvironmentProtect,
    Action::EnvironmentCreate,
    Action::EnvironmentMove,
    Action::AccessExplain,
    Action::SecretAccessesRead,
    Action::BlueprintRead,
    Action::BlueprintWrite,
    Action::RuntimeRead,
    Action::RuntimeLogsRead,
    Action::RuntimeStop,
    Action::RuntimeDestroy,
    Action::DeployPreview,
    Action::DeployProduction,
];

/// Which part of the table, as the address says it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TableQuery {
    /// Words to search for.
    #[serde(default)]
    q: String,
    /// `own`, `inherited`, `overrides`, `restricted`, or all.
    #[serde(default)]
    show: String,
    /// The moment, in place of now.
    #[serde(default)]
    at: String,
    /// What was done before.
    done: Option<String>,
    /// The name that was deleted before, with its folder.
    deleted: Option<String>,
    #[serde(default)]
    path: String,
}

/// The tabs of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Secrets,
    Blueprint,
    Services,
    Import,
    Time,
    Access,
    Settings,
}

/// What is above every page of an environment.
pub(super) struct Head {
    pub(super) placed: Placed,
    /// `/projects/shop/environments/staging`.
    pub(super) base: String,
    pub(super) parent: Option<String>,
    pub(super) may: Vec<Action>,
    pub(super) tab: Tab,
}

impl Head {
    /// The head of an environment's page, and the frame around it.
    pub(super) async fn of(
        visitor: &Visitor,
        project: &str,
        environment: &str,
        tab: Tab,
        title: &str,
    ) -> Result<(Frame, Self), crate::http::error::Problem> {
        let placed = crate::orgs::environment::environment_get(&visitor.op, project, environment).await?;
        Self::around(visitor, placed, None, tab, title).await
    }

    async fn around(
        visitor: &Visitor,
        placed: Placed,
        parent: Option<String>,
        tab: Tab,
        title: &str,
    ) -> Result<(Frame, Self), crate::http::error::Problem> {
        let e = &placed.environment;
        let (project, slug) = (e.project_slug.to_string(), e.slug.to_string());
        let may = access::may(&visitor.op, Some(&project), Some(&slug), ASKED).await?;
        let title = if title.is_empty() { placed.path() } else { format!("{title} · {}", placed.path()) };
        let frame = visitor.frame(title, Section::Projects, Some(&project)).await?;
        let frame = frame.crumb("Home", "/").about(&placed);
        let base = format!("/projects/{project}/environments/{slug}");
        let parent = parent.or_else(|| {
            let above = frame.siblings().iter().rev().skip_while(|b| !b.is_here).skip(1);
            let depth = frame.siblings().iter().find(|b| b.is_here).map_or(0, |b| b.depth);
            above.filter(|b| b.depth + 1 == depth).map(|b| b.slug.to_string()).next()
        });
        Ok((frame, Self { placed, base, parent, may, tab }))
    }

    pub(super) fn may_write(&self) -> bool {
        self.may.contains(&Action::SecretWrite) && self.placed.environment.lock.is_none()
    }

    pub(super) fn may_delete(&self) -> bool {
        self.may.contains(&Action::SecretDelete) && self.placed.environment.lock.is_none()
    }

    pub(super) fn may_see_blueprint(&self) -> bool {
        self.may.contains(&Action::BlueprintRead)
    }

    pub(super) fn may_write_blueprint(&self) -> bool {
        self.may.contains(&Action::BlueprintWrite) && self.placed.environment.lock.is_none()
    }

    /// The permission that deploying here takes.
    pub(super) fn deploy_action(&self) -> Action {
        let is_guarded = self.placed.protected || self.placed.environment.tier == Tier::Production;
        if is_guarded { Action::DeployProduction } else { Action::DeployPreview }
    }

    /// Whether whoever looks may deploy here.
    pub(super) fn may_deploy(&self) -> bool {
        self.may.contains(&self.deploy_action()) && self.placed.environment.lock.is_none()
    }

    pub(super) fn may_use(&self) -> bool {
        self.may.contains(&Action::SecretUse)
    }

    pub(super) fn may_explain(&self) -> bool {
        self.may.contains(&Action::AccessExplain)
    }

    pub(super) fn may_see_reads(&self) -> bool {
        self.may.contains(&Action::SecretAccessesRead)
    }

    /// Whether anything of the environment itself may be changed.
    pub(super) fn may_settle(&self) -> bool {
        [Action::EnvironmentUpdate, Action::EnvironmentLock, Action::EnvironmentDelete]
            .iter()
            .any(|action| self.may.contains(action))
    }

    pub(super) fn may_reveal(&self) -> bool {
        self.may.contains(&Action::SecretReveal)
    }
}

/// Where an environment has a name from, as a badge says it.
pub(super) struct Badge {
    pub(super) kind: &'static str,
    pub(super) icon: &'static str,
    pub(super) words: String,
    pub(super) title: String,
}

impl Badge {
    pub(super) fn of(named: &NamedOrigin) -> Self {
        let path = named.environment.as_ref().map(|e| e.path.as_str());
        let slug = path.map_or("another", |p| p.split_once('/').map_or(p, |(_, slug)| slug));
        let from = path.unwrap_or("an environment you may not see");
        match named.origin {
            Origin::Own => {
                Self { kind: "own", icon: "", words: "own".into(), title: "stored here, new in the tree".into() }
            }
            Origin::Inherited { .. } => Self {
                kind: "inherited",
                icon: "arrow-down",
                words: slug.into(),
                title: format!("inherited from {from}"),
            },
            Origin::Overrides { .. } => Self {
                kind: "overrides",
                icon: "arrow-left-right",
                words: slug.into(),
                title: format!("stored here in place of what {from} has"),
            },
            Origin::Personal { .. } => Self {
                kind: "personal",
                icon: "circle-user-round",
                words: "yours".into(),
                title: "your own override: only your credentials have it".into(),
            },
        }
    }
}

/// A row of the table.
struct Row {
    name: String,
    folder: String,
    href: String,
    badge: Badge,
    visibility: Visibility,
    state: VersionState,
    is_blocked: bool,
    version: u32,
    changed_at: Timestamp,
    changed_by: String,
    comment: String,
    tags: Vec<String>,
    references: Vec<String>,
    read_at: Option<Timestamp>,
    read_by: Option<String>,
}

impl Row {
    fn of(base: &str, row: TableRow) -> Self {
        let TableRow { secret, is_blocked, updated_by, accessed_by } = row;
        let folder = if secret.path.is_root() { String::new() } else { secret.path.to_string() };
        Self {
            href: address(base, secret.name.as_str(), &folder),
            badge: Badge::of(&secret.origin),
            name: secret.name.to_string(),
            folder,
            visibility: secret.visibility,
            state: secret.state,
            is_blocked,
            version: secret.version,
            changed_at: secret.updated_at,
            changed_by: updated_by,
            comment: secret.comment,
            tags: secret.tags,
            references: secret.references,
            read_at: secret.last_accessed.map(|(at, _)| at),
            read_by: accessed_by,
        }
    }

    /// Whether this environment itself stores it.
    fn is_own(&self) -> bool {
        matches!(self.badge.kind, "own" | "overrides")
    }

    /// Whether its value may be shown to a person.
    fn is_shown(&self) -> bool {
        self.state == VersionState::Set && self.visibility != Visibility::Restricted && !self.is_blocked
    }
}

/// The address of a secret's page.
pub(super) fn address(base: &str, name: &str, folder: &str) -> String {
    let place = format!("{base}/secrets/{}", ui::part(name));
    if folder.is_empty() || folder == "/" { place } else { format!("{place}?path={}", ui::part(folder)) }
}

/// A filter as a link.
struct Filter {
    word: &'static str,
    label: &'static str,
    count: usize,
    href: String,
}

/// The page.
#[derive(Template)]
#[template(path = "environment.html")]
struct EnvironmentPage {
    frame: Frame,
    head: Head,
    query: TableQuery,
    counts: NameCounts,
    filters: Vec<Filter>,
    rows: Vec<Row>,
    total: usize,
    is_cut: bool,
    undo: Option<String>,
    /// Whether rows can be ticked: now, by who may do something with them.
    may_choose: bool,
}

/// Shows it.
pub(super) async fn page(
    visitor: Visitor,
    Names([project, environment]): Names<2>,
    Query(query): Query<TableQuery>,
) -> Answer {
    let words = Some(query.q.trim().to_owned()).filter(|q| !q.is_empty());
    let at = moment(Some(query.at.as_str()).filter(|at| !at.is_empty()))?;
    let ask = TableAsk { project, environment, words, at };
    let table = secret::secret_table(&visitor.op, &ask).await?;
    let parent = table.parent.as_ref().and_then(|p| Some(p.path.split_once('/')?.1.to_owned()));
    let (frame, head) = Head::around(&visitor, table.placed, parent, Tab::Secrets, "").await?;
    let frame = frame.help("access").notice(query.done.as_deref());
    let counts = table.counts;
    let filters = filters(&head.base, &query, counts);
    let rows: Vec<_> = table.rows.into_iter().map(|row| Row::of(&head.base, row)).collect();
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().filter(|row| matches(&query.show, row)).collect();
    let undo = query.deleted.as_deref().map(|name| {
        let place = format!("{}/secrets/{}/undelete", head.base, ui::part(name));
        if query.path.is_empty() { place } else { format!("{place}?path={}", ui::part(&query.path)) }
    });
    let is_cut = table.is_cut;
    let may_choose = query.at.is_empty() && (head.may_write() || head.may_use()) && rows.iter().any(Row::is_own);
    visitor.show(&EnvironmentPage { frame, head, query, counts, filters, rows, total, is_cut, undo, may_choose })
}

fn matches(show: &str, row: &Row) -> bool {
    match show {
        "restricted" => row.visibility == Visibility::Restricted,
        "own" | "inherited" | "overrides" => row.badge.kind == show,
        _ => true,
    }
}

fn filters(base: &str, query: &TableQuery, counts: NameCounts) -> Vec<Filter> {
    let all = counts.own + counts.inherited + counts.overrides;
    let words = [
        ("", "All", all),
        ("own", "Own", counts.own),
        ("inherited", "Inherited", counts.inherited),
        ("overrides", "Overrides", counts.overrides),
    ];
    let filter = |(word, label, count): (&'static str, &'static str, usize)| {
        let mut href = base.to_owned();
        let mut sign = '?';
        for (name, value) in [("show", word), ("q", query.q.trim()), ("at", query.at.as_str())] {
            if !value.is_empty() {
                href.push(sign);
                href.extend([name, "=", &ui::part(value)]);
                sign = '&';
            }
        }
        Filter { word, label, count, href }
    };
    words.into_iter().map(filter).collect()
}
