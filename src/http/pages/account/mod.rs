//! One's own account: name, password, factors and passkeys; beside it sign-ins, tokens and what happened lately.
//!
//! What asks for a fresh sign-in is answered with the page that asks for one, and leads back here.

pub(super) mod email;
pub(super) mod notices;
pub(super) mod sessions;
pub(super) mod tokens;

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::Form;
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use super::welcome::Nothing;
use crate::auth::User;
use crate::auth::factor::Factors;
use crate::auth::passkey::Passkey;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::orgs::OrgError;
use crate::orgs::account;
use crate::orgs::email::{EmailChange, EmailState, email_get};
use crate::orgs::session::{self, PasswordChange};
use crate::types::{Id, SecretString};

/// The parts of the account, as tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Profile,
    Sessions,
    Tokens,
    Notices,
}

impl Tab {
    /// All of them, with where they are and how they are called.
    pub(super) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Profile, "/account", "Sign-in"),
        (Self::Sessions, "/account/sessions", "Sessions"),
        (Self::Tokens, "/account/tokens", "Tokens"),
        (Self::Notices, "/account/notices", "Notices"),
    ];
}

/// The surroundings of a part of the account.
pub(super) async fn frame(visitor: &Visitor, tab: Tab, done: Option<&str>) -> Result<Frame, Problem> {
    let (_, href, label) = Tab::ALL.into_iter().find(|(one, ..)| *one == tab).unwrap_or(Tab::ALL[0]);
    let frame = visitor.frame(format!("{label} · Account"), Section::Account, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Account", "/account");
    let frame = if tab == Tab::Profile { frame } else { frame.crumb(label, href) };
    Ok(frame.help("sign-in").notice(done))
}

/// Whether what is wrong is shown beside the form it came from.
pub(super) fn is_shown(problem: &Problem) -> bool {
    matches!(problem.status().as_u16(), 400 | 401 | 403 | 404 | 409 | 422 | 429)
}

/// What was done before.
#[derive(Deserialize)]
pub(super) struct DoneQuery {
    pub(super) done: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    tab: Tab,
    user: User,
    /// The address that waits for confirmations.
    change: Option<EmailChange>,
    /// Whether this instance sends mail.
    has_mail: bool,
    /// The address that was typed and not taken.
    typed: String,
    factors: Factors,
    passkeys: Vec<Passkey>,
    /// Whether browsers make passkeys for this server.
    has_passkeys: bool,
    passkey_script: String,
    told: Option<Told>,
}

impl AccountPage {
    fn codes_left(&self) -> String {
        ui::count(self.factors.recovery_codes, "code")
    }
}

/// Shows it.
pub(super) async fn page(visitor: Visitor, Query(query): Query<DoneQuery>) -> Answer {
    show(&visitor, query.done.as_deref(), None).await
}

async fn show(visitor: &Visitor, done: Option<&str>, problem: Option<&Problem>) -> Answer {
    show_typed(visitor, done, problem, String::new()).await
}

/// The same, with an address that was typed and not taken.
async fn show_typed(visitor: &Visitor, done: Option<&str>, problem: Option<&Problem>, typed: String) -> Answer {
    let op = &visitor.op;
    let EmailState { user, change } = email_get(op).await?;
    let has_mail = visitor.state.parts.mailer.is_configured();
    let (factors, passkeys) = (session::factor_list(op).await?, session::passkey_list(op).await?);
    let frame = frame(visitor, Tab::Profile, done).await?;
    let has_passkeys = visitor.state.passkeys.is_some();
    let passkey_script = super::assets::url("passkey.js");
    let told = problem.map(|problem| Told::of(problem).back_to("/account"));
    let tab = Tab::Profile;
    let page = AccountPage {
        frame,
        tab,
        user,
        change,
        has_mail,
        typed,
        factors,
        passkeys,
        has_passkeys,
        passkey_script,
        told,
    };
    visitor.show_as(problem.map_or(StatusCode::OK, Problem::status), &page)
}

/// Back to the page, or the page with what was wrong.
async fn finish<T>(visitor: &Visitor, done: Result<T, impl Into<Problem>>, word: &str) -> Answer {
    match done.map_err(Into::into) {
        Ok(_) => Visitor::go(&format!("/account?done={word}")),
        Err(problem) if is_shown(&problem) => show(visitor, None, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}

/// Another name.
#[derive(Deserialize)]
pub(super) struct NameForm {
    #[serde(default)]
    name: String,
}

/// Changes how one is called.
pub(super) async fn rename(Form(visitor, form): Form<NameForm>) -> Answer {
    finish(&visitor, account::account_rename(&visitor.op, form.name).await, "changed").await
}

/// The password there is, and the one there shall be.
#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
}

/// Changes the password.
pub(super) async fn password(Form(visitor, form): Form<PasswordForm>) -> Answer {
    let wish = PasswordChange { current: SecretString::new(form.current), new: SecretString::new(form.new) };
    let done = session::password_change(&visitor.op, &visitor.state.parts.passwords, wish).await;
    finish(&visitor, done, "password").await
}

/// A new authenticator: its secret, shown this once, and a field for a code of it.
#[derive(Template)]
#[template(path = "authenticator.html")]
struct AuthenticatorPage {
    frame: Frame,
    /// The picture as the path of its dark squares, and how many there are in a row.
    picture: Option<(String, usize)>,
    secret: Option<String>,
    told: Option<Told>,
}

/// Begins one.
pub(super) async fn authenticator(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let new = match session::authenticator_begin(&visitor.op).await.map_err(Problem::from) {
        Ok(new) => new,
        Err(problem) if is_shown(&problem) => return show(&visitor, None, Some(&problem)).await,
        Err(problem) => return Err(problem),
    };
    let frame = frame(&visitor, Tab::Profile, None).await?.crumb("Authenticator", "/account");
    let groups = new.secret.expose().as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>();
    let page =
        AuthenticatorPage { frame, picture: picture(new.uri.expose()), secret: Some(groups.join(" ")), told: None };
    visitor.show(&page)
}

/// A text as a QR code: the path of its dark squares, one unit each, and how many are in a row with the quiet zone.
fn picture(text: &str) -> Option<(String, usize)> {
    const QUIET: usize = 4;
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (index, color) in colors.iter().enumerate() {
        if *color == qrcode::Color::Dark {
            let (x, y) = (index % width + QUIET, index / width + QUIET);
            let _infallible = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    Some((path, width + 2 * QUIET))
}

/// A code of an authenticator.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    code: String,
}

/// Makes the authenticator one's own and shows the recovery codes.
pub(super) async fn confirm(Form(visitor, form): Form<CodeForm>) -> Answer {
    let code = SecretString::new(form.code);
    match session::authenticator_confirm(&visitor.op, code).await.map_err(Problem::from) {
        Ok(codes) => show_codes(&visitor, &codes).await,
        Err(problem) if is_shown(&problem) => {
            let frame = frame(&visitor, Tab::Profile, None).await?.crumb("Authenticator", "/account");
            let told = Some(Told::of(&problem).back_to("/account"));
            let page = AuthenticatorPage { frame, picture: None, secret: None, told };
            visitor.show_as(problem.status(), &page)
        }
        Err(problem) => Err(problem),
    }
}

/// Takes the authenticator away.
pub(super) async fn authenticator_remove(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    finish(&visitor, session::factor_remove(&visitor.op).await, "factor-removed").await
}

/// Ten codes, shown this once.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
}

async fn show_codes(visitor: &Visitor, codes: &[SecretString]) -> Answer {
    let frame = frame(visitor, Tab::Profile, None).await?.crumb("Recovery codes", "/account");
    visitor.show(&CodesPage { frame, codes: codes.iter().map(|code| code.expose().clone()).collect() })
}

/// Makes ten new recovery codes; those before are void.
pub(super) async fn recovery_codes(Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    match session::recovery_codes_renew(&visitor.op).await.map_err(Problem::from) {
        Ok(codes) => show_codes(&visitor, &codes).await,
        Err(problem) if is_shown(&problem) => show(&visitor, None, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}

fn passkey_id(text: &str) -> Result<Id<crate::types::kinds::Passkey>, OrgError> {
    Id::parse(text).map_err(|_| OrgError::not_found("passkey", text))
}

/// Gives a passkey another name.
pub(super) async fn passkey_rename(Names([id]): Names<1>, Form(visitor, form): Form<NameForm>) -> Answer {
    let done = session::passkey_rename(&visitor.op, passkey_id(&id)?, form.name).await;
    finish(&visitor, done, "changed").await
}

/// Lets a passkey open again that may have been copied.
pub(super) async fn passkey_enable(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let done = session::passkey_enable(&visitor.op, passkey_id(&id)?).await;
    finish(&visitor, done, "passkey-enabled").await
}

/// Takes a passkey away.
pub(super) async fn passkey_remove(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let done = session::passkey_remove(&visitor.op, passkey_id(&id)?).await;
    finish(&visitor, done, "passkey-removed").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_three_corners_and_a_quiet_zone() {
        let (path, width) = picture("otpauth://totp/Holdfast:ada@example.com?secret=ABCDEFGH&issuer=Holdfast").unwrap();
        let dark = |x: usize, y: usize| path.contains(&format!("M{x} {y}h1"));
        for (x, y) in [(4, 4), (width - 5, 4), (4, width - 5)] {
            assert!(dark(x, y), "{x} {y}");
        }
        assert!((0..width).all(|i| !dark(i, 0) && !dark(0, i) && !dark(i, width - 1)));
        assert!(!dark(width - 5, width - 5) || width > 21, "no fourth corner in the smallest");
    }
}
