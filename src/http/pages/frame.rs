//! What is around every page: the rail with the tree, the bar with where one is, and what the page may say of itself.

use super::assets;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::orgs::access::Outline;
use crate::orgs::environment::Placed;
use crate::policy::{Action, PermissionSet, Tier};
use crate::types::{Slug, Timestamp};

/// Most environments of a project that the rail and the switch list; its page has them all.
const BRANCHES_MAX: usize = 100;
/// Most organizations the menu of the account lists; their page has them all.
const ORGANIZATIONS_MAX: usize = 20;

/// The parts of the rail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Home,
    Projects,
    Approvals,
    Links,
    Care,
    Members,
    Machines,
    Running,
    Clusters,
    Policies,
    Audit,
    Jobs,
    Health,
    Instance,
    Settings,
    Help,
    /// One's own: in the bar, not in the rail.
    Account,
}

/// An entry of the rail.
pub(super) struct Entry {
    pub(super) section: Section,
    pub(super) href: &'static str,
    pub(super) icon: &'static str,
    pub(super) label: &'static str,
}

const fn entry(section: Section, href: &'static str, icon: &'static str, label: &'static str) -> Entry {
    Entry { section, href, icon, label }
}

/// An environment of the rail's tree.
pub(super) struct Branch {
    pub(super) slug: Slug,
    pub(super) href: String,
    pub(super) depth: usize,
    pub(super) tier: Tier,
    pub(super) is_locked: bool,
    pub(super) is_here: bool,
}

/// A project of the rail.
pub(super) struct Trunk {
    pub(super) slug: Slug,
    pub(super) href: String,
    pub(super) is_open: bool,
    pub(super) branches: Vec<Branch>,
}

impl Trunk {
    /// The branches that are listed: the first, and the one that is looked at.
    pub(super) fn listed(&self) -> Vec<&Branch> {
        let listed = self.branches.iter().enumerate().filter(|(at, branch)| *at < BRANCHES_MAX || branch.is_here);
        listed.map(|(_, branch)| branch).collect()
    }

    /// How many are not.
    pub(super) fn rest(&self) -> usize {
        self.branches.len() - self.listed().len()
    }
}

/// A step of the breadcrumb.
pub(super) struct Crumb {
    pub(super) label: String,
    pub(super) href: String,
}

/// The environment a page is about: its colour is on the whole frame.
pub(super) struct Here {
    pub(super) tier: Tier,
    pub(super) is_protected: bool,
    pub(super) is_locked: bool,
}

/// What is around a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) section: Section,
    pub(super) now: Timestamp,
    pub(super) nonce: String,
    pub(super) csrf: String,
    pub(super) theme: Theme,
    pub(super) here: String,
    /// The address people and machines reach this server by.
    pub(super) base: String,
    pub(super) organization: String,
    /// The organizations to switch between, by slug and name, and whether it is this one.
    pub(super) organizations: Vec<(Slug, String, bool)>,
    pub(super) actor: String,
    pub(super) permissions: PermissionSet,
    /// Whether whoever looks operates the instance.
    pub(super) is_operator: bool,
    pub(super) trunks: Vec<Trunk>,
    /// Whether there are more projects than these.
    pub(super) is_cut: bool,
    pub(super) crumbs: Vec<Crumb>,
    pub(super) place: Option<Here>,
    /// The page of the manual that goes with it.
    pub(super) help: &'static str,
    pub(super) notice: Option<&'static str>,
    pub(super) style: String,
    pub(super) script: String,
}

impl Frame {
    pub(super) fn new(title: String, section: Section, now: Timestamp, outline: Outline) -> Self {
        let open = outline.project.as_ref().map(|(project, _)| project.id);
        let mut branches = outline.project.map(|(_, tree)| tree.iter().map(branch).collect::<Vec<_>>());
        let trunks = outline.projects.into_iter().map(|project| {
            let is_open = open == Some(project.id);
            let branches = if is_open { branches.take().unwrap_or_default() } else { Vec::new() };
            Trunk { href: format!("/projects/{}", project.slug), slug: project.slug, is_open, branches }
        });
        Self {
            title,
            section,
            now,
            trunks: trunks.collect(),
            is_cut: outline.is_cut,
            organizations: outline
                .organizations
                .into_iter()
                .map(|o| (o.slug, o.name, o.id == outline.organization.id))
                .collect(),
            organization: outline.organization.name,
            actor: outline.actor,
            permissions: outline.permissions,
            is_operator: false,
            nonce: String::new(),
            csrf: String::new(),
            theme: Theme::System,
            here: String::new(),
            base: String::new(),
            crumbs: Vec::new(),
            place: None,
            help: "",
            notice: None,
            style: assets::url("app.css"),
            script: assets::url("app.js"),
        }
    }

    pub(super) fn seen_by(mut self, visitor: &Visitor) -> Self {
        visitor.nonce().clone_into(&mut self.nonce);
        visitor.csrf.clone_into(&mut self.csrf);
        visitor.here.clone_into(&mut self.here);
        self.theme = visitor.theme();
        visitor.state.public_url.as_str().clone_into(&mut self.base);
        self.is_operator = visitor.op.identity().is_ok_and(|identity| identity.principal.instance_operator);
        self
    }

    /// The same with a step of the way to it.
    pub(super) fn crumb(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push(Crumb { label: label.into(), href: href.into() });
        self
    }

    /// The same, with the page of the manual that explains it.
    pub(super) fn help(mut self, page: &'static str) -> Self {
        self.help = page;
        self
    }

    /// The same, after something was done.
    pub(super) fn notice(mut self, done: Option<&str>) -> Self {
        self.notice = done.and_then(notice);
        self
    }

    /// The same, about an environment.
    pub(super) fn about(mut self, placed: &Placed) -> Self {
        let e = &placed.environment;
        for branch in self.trunks.iter_mut().flat_map(|t| &mut t.branches) {
            branch.is_here = branch.slug == e.slug;
        }
        self.place = Some(Here { tier: e.tier, is_protected: placed.protected, is_locked: e.lock.is_some() });
        let project = format!("/projects/{}", e.project_slug);
        let environment = format!("{project}/environments/{}", e.slug);
        self.crumb(e.project_slug.to_string(), project).crumb(e.slug.to_string(), environment)
    }

    /// The environments of the project that is open.
    pub(super) fn siblings(&self) -> &[Branch] {
        self.open().map_or(&[], |t| &t.branches)
    }

    /// The project that is open.
    pub(super) fn open(&self) -> Option<&Trunk> {
        self.trunks.iter().find(|t| t.is_open)
    }

    /// The organizations the menu of the account lists.
    pub(super) fn listed(&self) -> &[(Slug, String, bool)] {
        &self.organizations[..self.organizations.len().min(ORGANIZATIONS_MAX)]
    }

    /// Whether there are more.
    pub(super) fn has_more(&self) -> bool {
        self.organizations.len() > ORGANIZATIONS_MAX
    }

    /// The parts of the rail below the projects that whoever looks may use.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            entry(Section::Approvals, "/approvals", "inbox", "Approvals"),
            entry(Section::Links, "/links", "send", "Links"),
            entry(Section::Care, "/expiring", "hourglass", "Expiring"),
            entry(Section::Members, "/members", "users-round", "Members"),
            entry(Section::Machines, "/machines", "bot", "Machines"),
            entry(Section::Running, "/running", "play", "Running"),
        ];
        if self.permissions.permits(Action::EnvironmentRead, false) {
            entries.push(entry(Section::Clusters, "/clusters", "boxes", "Clusters"));
        }
        if self.permissions.permits(Action::PolicyManage, false) {
            entries.push(entry(Section::Policies, "/policies", "scale", "Policies"));
        }
        if self.may_audit() {
            entries.push(entry(Section::Audit, "/audit", "scroll-text", "Audit"));
        }
        if self.is_operator {
            entries.push(entry(Section::Jobs, "/jobs", "timer", "Jobs"));
            entries.push(entry(Section::Health, "/health", "activity", "Health"));
            entries.push(entry(Section::Instance, "/instance/users", "server", "Instance"));
        }
        entries.push(entry(Section::Settings, "/organization", "settings", "Settings"));
        entries.push(entry(Section::Help, "/help", "book-open", "Help"));
        entries
    }

    /// Whether whoever looks may look into the ledger.
    pub(super) fn may_audit(&self) -> bool {
        self.permissions.permits(Action::AuditRead, false)
    }

    pub(super) fn tier(&self) -> &'static str {
        self.place.as_ref().map_or("", |place| place.tier.as_str())
    }

    /// Where a form that changes the frame leads back to.
    pub(super) fn back(&self) -> String {
        ui::part(&self.here)
    }
}

fn branch((placed, depth): &(Placed, usize)) -> Branch {
    let e = &placed.environment;
    Branch {
        href: format!("/projects/{}/environments/{}", e.project_slug, e.slug),
        slug: e.slug.clone(),
        depth: (*depth).min(8),
        tier: e.tier,
        is_locked: e.lock.is_some(),
        is_here: false,
    }
}

/// What is said once after something was done. Addresses name it by its word: nothing of theirs is shown.
fn notice(done: &str) -> Option<&'static str> {
    Some(match done {
        "saved" => "Saved as a new version.",
        "same" => "Nothing changed: it was the same already.",
        "deleted" => "Deleted. It can be brought back below.",
        "deleted-whole" => "Deleted. It can be brought back here, as a whole, until its date.",
        "moved" => "Moved. It inherits from its new place from now on.",
        "deleted-many" => "Deleted. Each can be brought back in its own page.",
        "restored" => "Brought back.",
        "rolled-back" => "The older version is the newest again.",
        "imported" => "The changes are applied.",
        "reverted" => "The environment's own names are as they were then.",
        "created" => "Created.",
        "changed" => "Changed.",
        "locked" => "Locked: nothing in it changes until it is unlocked.",
        "unlocked" => "Unlocked.",
        "removed" => "Removed.",
        "rotated" => "The new credential is in its place.",
        "decided" => "Your decision is recorded.",
        "started" => "Started.",
        "wished" => "It is written down, and on its way: the state says how far.",
        "due" => "Due now: it begins within a second.",
        "checked" => "Looked at anew.",
        "password" => "The password is changed; your other sign-ins have ended.",
        "email" => "The mails are on their way. Nothing changes before both addresses have confirmed.",
        "email-verify" => "A mail with a link is on its way.",
        "email-withdrawn" => "Taken back: its links work no more.",
        "factor-removed" => "The authenticator is removed.",
        "passkey" => "The passkey is yours.",
        "passkey-enabled" => "The passkey opens again.",
        "passkeys-enabled" => "Their passkeys open again.",
        "passkey-removed" => "The passkey is removed. Remove it from the device as well.",
        "kept-out" => "Kept out: everything of theirs has ended, and nobody signs in as them.",
        "may-again" => "They may sign in again.",
        "factors-gone" => "Their second factors are gone, and their sign-ins have ended.",
        "ended" => "Ended.",
        "revoked" => "Revoked.",
        "let-in" => "Let in. It is listed here, and ends when you end it.",
        "refused" => "Refused. Whatever asked with that code was not let in.",
        _ => return None,
    })
}
