//! A project: its tree with lines, and what each node adds.

pub(super) mod settings;

use std::collections::HashMap;

use askama::Template;
use serde::Deserialize;

use super::frame::{Frame, Section, Trunk};
use super::services::chip;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::extract::{Names, Query};
use crate::orgs::OrgError;
use crate::orgs::access;
use crate::orgs::project::Project;
use crate::policy::Action;
use crate::runtime::lifecycle::{RunningFilter, Word, runtime_list};
use crate::types::{Id, Limit, kinds};
use crate::vault::secret::{self, TreeNode};

/// What was done before.
#[derive(Deserialize)]
pub(super) struct ProjectQuery {
    done: Option<String>,
}

/// A node of the tree as it is drawn.
struct Node {
    tree: TreeNode,
    /// For each level above: whether its line goes on below this node.
    lines: Vec<bool>,
    /// Whether a sibling follows.
    has_next: bool,
    /// The word for what runs in it.
    word: Option<Word>,
}

/// The page.
#[derive(Template)]
#[template(path = "project.html")]
struct ProjectPage {
    frame: Frame,
    project: Project,
    nodes: Vec<Node>,
    may_create: bool,
    may_settle: bool,
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<ProjectQuery>) -> Answer {
    let (project, tree) = secret::secret_tree(&visitor.op, &name).await?;
    let slug = project.slug.to_string();
    let frame = visitor.frame(&slug, Section::Projects, Some(&slug)).await?;
    let frame = frame.crumb("Home", "/").crumb(&slug, format!("/projects/{slug}"));
    let frame = frame.help("access").notice(query.done.as_deref());
    let asked = [Action::EnvironmentCreate, Action::ProjectUpdate, Action::ProjectDelete];
    let may = access::may(&visitor.op, Some(&slug), None, &asked).await?;
    let may_create = may.contains(&Action::EnvironmentCreate);
    let may_settle = may.iter().any(|action| *action != Action::EnvironmentCreate);
    let of_it = RunningFilter { project: Some(slug.clone()), ..RunningFilter::default() };
    let all = Limit::parse(u32::from(Limit::MAX))?;
    let words = runtime_list(&visitor.op, &of_it, all, None).await?.items.into_iter();
    let words = words.map(|running| (running.runtime.environment, running.runtime.word)).collect();
    let nodes = drawn(tree, &words);
    visitor.show(&ProjectPage { frame, project, nodes, may_create, may_settle })
}

/// The environments of a project as the rail shows them.
#[derive(Template)]
#[template(path = "branches.html")]
struct Branches<'a> {
    trunk: &'a Trunk,
}

/// Shows them in the rail; whoever asks for them as a page is led to the project.
pub(super) async fn branches(visitor: Visitor, Names([name]): Names<1>) -> Answer {
    let frame = visitor.frame("Environments", Section::Projects, Some(&name)).await?;
    if !visitor.is_partial {
        return Visitor::go(&format!("/projects/{}", ui::part(&name)));
    }
    let trunk = frame.open().ok_or_else(|| OrgError::not_found("project", name))?;
    visitor.show(&Branches { trunk })
}

/// The lines a tree is drawn with.
fn drawn(tree: Vec<TreeNode>, words: &HashMap<Id<kinds::Environment>, Word>) -> Vec<Node> {
    let depths: Vec<usize> = tree.iter().map(|node| node.depth).collect();
    let goes_on = |from: usize, level: usize| {
        let rest = depths.get(from + 1..).unwrap_or_default();
        rest.iter().take_while(|depth| **depth >= level).any(|depth| *depth == level)
    };
    let nodes = tree.into_iter().enumerate().map(|(index, tree)| {
        let lines = (1..tree.depth).map(|level| goes_on(index, level)).collect();
        let has_next = goes_on(index, tree.depth);
        let word = words.get(&tree.placed.environment.id).copied();
        Node { tree, lines, has_next, word }
    });
    nodes.collect()
}
