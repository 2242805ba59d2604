//! Where one is signed in, and ending it.

use askama::Template;

use super::{DoneQuery, Tab, frame};
use crate::auth::CredentialKind;
use crate::http::api::Answer;
use crate::http::extract::{Names, Query};
use crate::http::pages::form::Form;
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::http::pages::welcome::Nothing;
use crate::orgs::OrgError;
use crate::orgs::session::{self, SessionView};
use crate::types::Id;

/// The page.
#[derive(Template)]
#[template(path = "account_sessions.html")]
struct SessionsPage {
    frame: Frame,
    tab: Tab,
    sessions: Vec<SessionView>,
}

impl SessionsPage {
    fn kind(view: &SessionView) -> &'static str {
        if view.sign_in.credential.kind == CredentialKind::Session { "browser" } else { "command line" }
    }

    fn device(view: &SessionView) -> String {
        view.sign_in.facts.device.as_deref().map_or_else(|| "unknown device".to_owned(), named)
    }

    fn factor(view: &SessionView) -> &'static str {
        match view.sign_in.facts.factor.as_deref() {
            Some("totp") => "password and code",
            Some("passkey") => "passkey",
            Some("recovery_code") => "password and recovery code",
            _ => "password",
        }
    }

    fn others(&self) -> usize {
        self.sessions.iter().filter(|view| !view.current).count()
    }
}

/// A client's name for itself in a few words: the browser and its system, or the program as it is.
pub(super) fn named(agent: &str) -> String {
    const BROWSERS: &[(&str, &str)] =
        &[("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    const SYSTEMS: &[(&str, &str)] = &[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let known =
        |list: &[(&str, &'static str)]| list.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    match (agent.starts_with("Mozilla/"), known(BROWSERS), known(SYSTEMS)) {
        (true, Some(browser), Some(system)) => format!("{browser} on {system}"),
        (true, Some(browser), None) => browser.to_owned(),
        _ => agent.to_owned(),
    }
}

/// Shows them.
pub(in crate::http::pages) async fn page(visitor: Visitor, Query(query): Query<DoneQuery>) -> Answer {
    let sessions = session::session_list(&visitor.op, visitor.state.parts.sessions.idle()).await?;
    let frame = frame(&visitor, Tab::Sessions, query.done.as_deref()).await?;
    visitor.show(&SessionsPage { frame, tab: Tab::Sessions, sessions })
}

/// Ends one at once.
pub(in crate::http::pages) async fn end(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("session", id))?;
    session::session_end_one(&visitor.op, id, false).await?;
    Visitor::go("/account/sessions?done=ended")
}

/// Ends all but this one at once.
pub(in crate::http::pages) async fn end_others(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    session::session_end_others(&visitor.op, visitor.state.parts.sessions.idle(), false).await?;
    Visitor::go("/account/sessions?done=ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_its_name_and_its_system() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36";
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19 Safari/604.1";
        for (agent, name) in [(chrome, "Chrome on Linux"), (safari, "Safari on iPhone"), ("curl/8.1", "curl/8.1")] {
            assert_eq!(named(agent), name);
        }
    }
}
