//! People as operators see them: who there is, who may sign in, who lost a factor, who needs a new password.

use askama::Template;
use serde::Deserialize;

use super::{Tab, frame};
use crate::auth::User;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::governance::{Confirm, Done, is_told, status_of};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::http::pages::welcome::Nothing;
use crate::orgs::OrgError;
use crate::orgs::email;
use crate::orgs::reset;
use crate::orgs::user::{UserView, user_disable, user_enable, user_factor_reset, user_list, user_passkeys_enable};
use crate::types::{Cursor, Email, Failure as _, Timestamp};

/// How many people a page shows.
const ROWS: u32 = 200;

/// Which page, and whom to look for.
#[derive(Default, Deserialize)]
pub(in crate::http::pages) struct UsersQuery {
    cursor: Option<String>,
    done: Option<String>,
    /// A part of their address or name.
    #[serde(default)]
    search: String,
}

/// The page.
#[derive(Template)]
#[template(path = "instance_users.html")]
struct UsersPage {
    frame: Frame,
    tab: Tab,
    search: String,
    users: Vec<UserView>,
    next: Option<String>,
}

/// Shows everybody on this instance to its operators, and everybody else that they are none.
pub(in crate::http::pages) async fn list(visitor: Visitor, Query(query): Query<UsersQuery>) -> Answer {
    let frame = frame(&visitor, Tab::Users, query.done.as_deref()).await?;
    let search = filled(&query.search).unwrap_or_default();
    let (mut users, mut next) = (Vec::new(), None);
    if frame.is_operator {
        let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
        let page = user_list(&visitor.op, Some(search.clone()), limit, cursor).await?;
        let more = |next: Cursor| format!("/instance/users?search={}&cursor={}", ui::part(&search), next.encode());
        (users, next) = (page.items, page.next.map(more));
    }
    visitor.show(&UsersPage { frame, tab: Tab::Users, search, users, next })
}

/// Links to hand over, shown this once.
struct Handed {
    /// What each is called, and its address.
    links: Vec<(&'static str, String)>,
    expires_at: Timestamp,
    /// What they do.
    note: &'static str,
}

const PASSWORD_NOTE: &str = "Hand it over yourself. It works once; the new password ends every sign-in of theirs. Whoever \
    has the link sets it.";
const EMAIL_NOTE: &str = "Hand both over yourself. The address changes when both were confirmed, and counts as one that no \
    mail has confirmed. New links void these.";

/// What an operator may know of somebody.
struct Known {
    user: User,
    /// Credentials that would end with them.
    credentials: usize,
    has_factor: bool,
    /// Passkeys that are disabled because there may be a copy of them.
    passkeys_disabled: usize,
}

/// One person.
#[derive(Template)]
#[template(path = "instance_user.html")]
struct UserPage {
    frame: Frame,
    /// Who, as the address says it.
    who: String,
    /// None where that asks for a fresh sign-in, or for somebody else: nobody disables themselves.
    known: Option<Known>,
    is_own: bool,
    handed: Option<Handed>,
    told: Option<Told>,
}

/// Shows one person.
pub(in crate::http::pages) async fn page(
    visitor: Visitor,
    Names([who]): Names<1>,
    Query(query): Query<Done>,
) -> Answer {
    show(&visitor, &who, query.done.as_deref(), None, None).await
}

async fn show(visitor: &Visitor, who: &str, done: Option<&str>, handed: Option<Handed>, told: Option<Told>) -> Answer {
    let (mut told, mut known, mut is_own) = (told, None, false);
    match user_disable(&visitor.op, who.to_owned(), true).await {
        Ok(plan) => {
            let factor = user_factor_reset(&visitor.op, who.to_owned(), true).await;
            let disabled = user_passkeys_enable(&visitor.op, who.to_owned(), true).await;
            known = Some(Known {
                user: plan.user,
                credentials: plan.credentials,
                has_factor: factor.is_ok(),
                passkeys_disabled: disabled.map_or(0, |(_, passkeys)| passkeys),
            });
        }
        Err(OrgError::Parse(_)) => is_own = true,
        Err(error) if error.code() == "step_up_required" => {
            told = told.or_else(|| Some(Told::of(&Problem::from(error))));
        }
        Err(error) => return Err(error.into()),
    }
    let shown = known.as_ref().map_or_else(|| who.to_owned(), |known| known.user.email.to_string());
    let frame = frame(visitor, Tab::Users, done).await?;
    let frame = frame.crumb(shown.clone(), format!("/instance/users/{}", ui::part(who)));
    let status = status_of(told.as_ref());
    visitor.show_as(status, &UserPage { frame, who: shown, known, is_own, handed, told })
}

/// Where a change leads: on, or back to the person with what is wrong.
async fn answer<T>(visitor: &Visitor, who: &str, done: Result<T, Problem>, word: &str) -> Answer {
    match done {
        Ok(_) => Visitor::go(&format!("/instance/users/{}?done={word}", ui::part(who))),
        Err(problem) if is_told(&problem) && !matches!(problem.status().as_u16(), 403 | 404) => {
            show(visitor, who, None, None, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// Keeps somebody out, when their address was typed.
pub(in crate::http::pages) async fn disable(Names([who]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let plan = user_disable(&visitor.op, who.clone(), true).await.map_err(Problem::from);
    let done = match plan.and_then(|plan| form.require(plan.user.email.as_str())) {
        Ok(()) => user_disable(&visitor.op, who.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, &who, done, "kept-out").await
}

/// Lets somebody sign in again.
pub(in crate::http::pages) async fn enable(Names([who]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let done = user_enable(&visitor.op, who.clone()).await.map_err(Problem::from);
    answer(&visitor, &who, done, "may-again").await
}

/// Lets the passkeys of somebody open again that may have been copied.
pub(in crate::http::pages) async fn passkeys_enable(
    Names([who]): Names<1>,
    Form(visitor, Nothing {}): Form<Nothing>,
) -> Answer {
    let done = user_passkeys_enable(&visitor.op, who.clone(), false).await.map_err(Problem::from);
    answer(&visitor, &who, done, "passkeys-enabled").await
}

/// Takes somebody's second factors away, when their address was typed.
pub(in crate::http::pages) async fn factor_reset(Names([who]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let plan = user_factor_reset(&visitor.op, who.clone(), true).await.map_err(Problem::from);
    let done = match plan.and_then(|plan| form.require(plan.user.email.as_str())) {
        Ok(()) => user_factor_reset(&visitor.op, who.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    answer(&visitor, &who, done, "factors-gone").await
}

/// Makes a link for a new password and shows it, this once.
pub(in crate::http::pages) async fn reset_link(
    Names([who]): Names<1>,
    Form(visitor, Nothing {}): Form<Nothing>,
) -> Answer {
    let made = match user_disable(&visitor.op, who.clone(), true).await {
        Ok(plan) => reset::reset_link(&visitor.op, plan.user.email).await,
        Err(error) => Err(error),
    };
    match made.map_err(Problem::from) {
        Ok(made) => {
            let url = reset::link(visitor.state.public_url.as_str(), &made.token).expose().clone();
            let links = vec![("A link for a new password", url)];
            let handed = Handed { links, expires_at: made.expires_at, note: PASSWORD_NOTE };
            show(&visitor, &who, None, Some(handed), None).await
        }
        Err(problem) => answer(&visitor, &who, Err::<(), _>(problem), "").await,
    }
}

/// The address somebody shall have.
#[derive(Deserialize)]
pub(in crate::http::pages) struct EmailForm {
    #[serde(default)]
    email: String,
}

/// Makes both links of another address and shows them, this once.
pub(in crate::http::pages) async fn email_links(
    Names([who]): Names<1>,
    Form(visitor, form): Form<EmailForm>,
) -> Answer {
    let made = match user_disable(&visitor.op, who.clone(), true).await {
        Ok(plan) => match Email::parse(&form.email) {
            Ok(new) => email::email_change_links(&visitor.op, plan.user.email, new).await.map_err(Problem::from),
            Err(error) => Err(Problem::from(error).field("email", "email_invalid")),
        },
        Err(error) => Err(error.into()),
    };
    match made {
        Ok(made) => {
            let url = |token| email::link(visitor.state.public_url.as_str(), token).expose().clone();
            let links = vec![("For the address there is", url(&made.current)), ("For the new one", url(&made.new))];
            let handed = Handed { links, expires_at: made.expires_at, note: EMAIL_NOTE };
            show(&visitor, &who, None, Some(handed), None).await
        }
        Err(problem) => answer(&visitor, &who, Err::<(), _>(problem), "").await,
    }
}
