//! What there is to do after the set-up, until it is done: the recovery kit, mail, the first project, the first guest.

use askama::Template;
use serde::Deserialize;

use super::form::Form;
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::governance;
use crate::http::api::Answer;
use crate::orgs::access;
use crate::orgs::member;
use crate::types::Limit;

/// The page.
#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "a checklist is made of answers")]
#[template(path = "welcome.html")]
struct WelcomePage {
    frame: Frame,
    url: String,
    has_tls: bool,
    has_mail: bool,
    has_project: bool,
    has_guest: bool,
    is_operator: bool,
    /// Where the test mail went, or what the SMTP server said.
    tried: Option<Result<String, String>>,
}

/// The kit, shown this once.
#[derive(Template)]
#[template(path = "recovery_kit.html")]
struct KitPage {
    frame: Frame,
    kit: String,
    fingerprint: String,
}

/// A form without fields of its own.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// The checklist.
pub(super) async fn page(visitor: Visitor) -> Answer {
    show(&visitor, None).await
}

async fn show(visitor: &Visitor, tried: Option<Result<String, String>>) -> Answer {
    let frame = visitor.frame("First steps", Section::Home, None).await?;
    let frame = frame.crumb("Home", "/").crumb("First steps", "/welcome").help("people");
    let members = member::member_list(&visitor.op, Limit::parse(2)?, None).await?;
    let state = &visitor.state;
    let page = WelcomePage {
        frame,
        url: state.public_url.to_string(),
        has_tls: state.public_url.as_str().starts_with("https://"),
        has_mail: state.parts.mailer.is_configured(),
        has_project: !access::forest(&visitor.op).await?.is_empty(),
        is_operator: visitor.op.identity()?.principal.instance_operator,
        has_guest: members.items.len() > 1,
        tried,
    };
    visitor.show(&page)
}

/// Makes a recovery kit and shows it; the kits before it are void.
pub(super) async fn kit(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let kit = governance::recovery_kit_create(&visitor.op).await?;
    let frame = visitor.frame("Recovery kit", Section::Home, None).await?;
    let frame = frame.crumb("Home", "/").crumb("First steps", "/welcome").help("keys");
    let (kit, fingerprint) = (kit.expose_page().expose().clone(), kit.fingerprint.to_string());
    visitor.show(&KitPage { frame, kit, fingerprint })
}

/// Sends a mail to whoever asks, and tells how it went.
pub(super) async fn mail_test(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let server = visitor.state.public_url.as_str();
    let sent = governance::mail_test(&visitor.op, &visitor.state.parts.mailer, server).await;
    let tried = sent.map(|to| to.to_string()).map_err(|error| error.to_string());
    show(&visitor, Some(tried)).await
}
