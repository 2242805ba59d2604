//! What happened to one's account lately.

use askama::Template;

use super::sessions::named;
use super::{Tab, frame};
use crate::http::api::Answer;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::orgs::account::{self, Notice};

/// The page.
#[derive(Template)]
#[template(path = "account_notices.html")]
struct NoticesPage {
    frame: Frame,
    tab: Tab,
    notices: Vec<Notice>,
}

impl NoticesPage {
    /// What happened, in words.
    fn words(notice: &Notice) -> &str {
        match (notice.action.as_str(), notice.allowed) {
            ("session.created", _) => "Signed in",
            ("session.device_created", _) => "A command line was let in by its code",
            ("session.ended", _) => "A sign-in was ended",
            ("session.refreshed", false) => "A spent token of a login was used: the login was ended",
            ("session.failed", _) => "A sign-in failed",
            ("account.password_changed", _) => "The password was changed",
            ("account.password_reset", _) => "A new password was set with a link",
            ("account.password_refused", _) => "The current password was typed wrongly",
            ("account.factor_added", true) => "An authenticator was added",
            ("account.factor_added", false) => "An authenticator was refused",
            ("account.factor_removed", true) => "The authenticator was removed",
            ("account.recovery_codes_made", true) => "New recovery codes were made",
            ("account.passkey_added", true) => "A passkey was added",
            ("account.passkey_removed", true) => "A passkey was removed",
            ("account.passkey_disabled", _) => "A passkey was disabled: there may be a copy of it",
            ("account.passkey_enabled", true) => "A disabled passkey was enabled again",
            ("account.email_change_requested", true) => {
                "Another e-mail address was asked for, or to confirm the one there is"
            }
            ("account.email_change_requested", false) => "A change of the e-mail address was refused",
            ("account.email_verified", true) => "The e-mail address was confirmed",
            ("account.email_changed", true) => "The e-mail address was changed",
            ("account.email_change_cancelled", true) => "A change of the e-mail address was taken back",
            ("token.created", true) => "A personal token was made",
            ("token.revoked", true) => "A personal token was revoked",
            ("user.recover", true) => "An instance operator changed who may sign in to this account, or how",
            (other, _) => other,
        }
    }

    fn is_warning(notice: &Notice) -> bool {
        !notice.allowed || matches!(notice.action.as_str(), "session.failed" | "account.passkey_disabled")
    }

    fn device(notice: &Notice) -> String {
        notice.device.as_deref().map_or_else(String::new, named)
    }
}

/// Shows them.
pub(in crate::http::pages) async fn page(visitor: Visitor) -> Answer {
    let notices = account::notice_list(&visitor.op).await?;
    let frame = frame(&visitor, Tab::Notices, None).await?;
    visitor.show(&NoticesPage { frame, tab: Tab::Notices, notices })
}
