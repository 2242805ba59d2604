//! One member: what they hold and by which way, what that reaches, and what can be done about it.

use askama::Template;

use super::{Done, node_text};
use crate::http::api::Answer;
use crate::http::extract::{Names, Query};
use crate::http::pages::access::{Reach, TOLD, place};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::access::{self, PrincipalName};
use crate::orgs::grant::GrantView;
use crate::orgs::member::{self, MemberDetail, Removal};
use crate::policy::{Action, PrincipalId};
use crate::types::Limit;

/// How many projects are looked through for what somebody reaches.
const PROJECTS: u32 = 100;

/// The page.
#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each part of the page is shown by a right of its own")]
#[template(path = "member.html")]
struct MemberPage {
    frame: Frame,
    detail: MemberDetail,
    /// What it reaches, place by place; none where whoever looks may not ask.
    reach: Option<Vec<Reach>>,
    is_cut: bool,
    /// What would go with them; none where they may not be removed.
    toll: Option<Removal>,
    is_self: bool,
    is_owner: bool,
    /// Whether whoever looks may hand their own ownership to this member.
    may_transfer: bool,
    may_grant: bool,
}

impl MemberPage {
    fn place(grant: &GrantView) -> String {
        place(&grant.place)
    }

    fn node(grant: &GrantView) -> String {
        ui::part(&node_text(&grant.place))
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<Done>) -> Answer {
    let op = &visitor.op;
    let detail = member::member_get(op, &name).await?;
    let user = detail.member.user.id;
    let own = op.identity()?.principal.clone();
    let is_self = own.id == PrincipalId::User(user);
    let asked = [Action::AccessExplain, Action::GrantManage, Action::OwnerGrant];
    let may = access::may(op, None, None, &asked).await?;
    let (mut reach, mut is_cut) = (None, false);
    if is_self || may.contains(&Action::AccessExplain) {
        let about = PrincipalName::User(user.to_string());
        let page = access::reach(op, &about, None, Limit::parse(PROJECTS)?, None).await?;
        is_cut = page.next.is_some();
        reach = Some(page.items.into_iter().map(Reach::of).collect());
    }
    // Who may not remove them, or is asked to sign in again for it, is not told what would go.
    let toll = member::member_remove(op, user.to_string(), true).await.ok();
    let held = detail.member.grants.iter().chain(detail.through.iter().map(|(_, grant)| grant));
    let is_owner = held.clone().any(|g| g.grant.role.is_owner());
    let may_transfer = may.contains(&Action::OwnerGrant) && !is_self;
    let may_grant = may.contains(&Action::GrantManage);
    let email = detail.member.user.email.to_string();
    let frame = visitor.frame(email.as_str(), Section::Members, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Members", "/members").crumb(email, format!("/members/{user}"));
    let frame = frame.help("people").notice(query.done.as_deref());
    visitor.show(&MemberPage { frame, detail, reach, is_cut, toll, is_self, is_owner, may_transfer, may_grant })
}
