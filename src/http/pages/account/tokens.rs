//! One's own tokens. A new one is shown once, in the answer that makes it.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::{Tab, frame, is_shown};
use crate::auth::credential::{Listed, Minted, Wishes, parse_life};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::{Names, Query, page_of};
use crate::http::pages::failure::Told;
use crate::http::pages::form::{Form, filled};
use crate::http::pages::frame::{Frame, Section};
use crate::http::pages::ui;
use crate::http::pages::visitor::{Theme, Visitor};
use crate::http::pages::welcome::Nothing;
use crate::orgs::{OrgError, token};
use crate::types::{Id, Timestamp};

/// How many tokens a page shows.
const ROWS: u32 = 100;
/// The lives a token may be given.
const LIVES: &[(&str, &str)] = &[("a day", "1d"), ("30 days", "30d"), ("90 days", "90d"), ("a year", "365d")];
/// How long one may count as freshly signed in.
const FRESH: &[(&str, &str)] = &[("an hour", "1h"), ("8 hours", "8h"), ("24 hours", "24h")];

/// Which page, and what was done before.
#[derive(Default, Deserialize)]
pub(in crate::http::pages) struct TokensQuery {
    cursor: Option<String>,
    done: Option<String>,
}

/// A new token.
#[derive(Clone, Deserialize)]
pub(in crate::http::pages) struct TokenForm {
    #[serde(default)]
    name: String,
    /// For ever when empty.
    #[serde(default)]
    life: String,
    /// Not at all when empty.
    #[serde(default)]
    fresh: String,
    /// Networks, by spaces or commas; anywhere when empty.
    #[serde(default)]
    cidrs: String,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self { name: String::new(), life: "90d".into(), fresh: String::new(), cidrs: String::new() }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "account_tokens.html")]
struct TokensPage {
    frame: Frame,
    tab: Tab,
    tokens: Vec<Listed>,
    next: Option<String>,
    typed: TokenForm,
    /// The token that was made by this request.
    made: Option<Minted>,
    told: Option<Told>,
}

impl TokensPage {
    fn kind(listed: &Listed) -> &'static str {
        match listed.0.kind {
            crate::auth::CredentialKind::Cli => "command line",
            _ => "personal",
        }
    }

    fn fresh_until(&self, listed: &Listed) -> Option<Timestamp> {
        listed.0.stepped_up_until.filter(|until| *until > self.frame.now)
    }

    fn is_over(&self, listed: &Listed) -> bool {
        listed.0.expires_at.is_some_and(|end| end <= self.frame.now)
    }
}

/// Shows them.
pub(in crate::http::pages) async fn page(visitor: Visitor, Query(query): Query<TokensQuery>) -> Answer {
    show(&visitor, query, TokenForm::default(), None, None).await
}

async fn show(
    visitor: &Visitor,
    query: TokensQuery,
    typed: TokenForm,
    made: Option<Minted>,
    problem: Option<&Problem>,
) -> Answer {
    let (limit, cursor) = page_of(Some(ROWS), query.cursor.as_deref())?;
    let found = token::token_list(&visitor.op, limit, cursor).await?;
    let frame = frame(visitor, Tab::Tokens, query.done.as_deref()).await?;
    let next = found.next.map(|next| format!("/account/tokens?cursor={}", next.encode()));
    let (tokens, told) = (found.items, problem.map(|problem| Told::of(problem).back_to("/account/tokens")));
    let page = TokensPage { frame, tab: Tab::Tokens, tokens, next, typed, made, told };
    visitor.show_as(problem.map_or(StatusCode::OK, Problem::status), &page)
}

fn wishes(visitor: &Visitor, form: &TokenForm) -> Result<Wishes, Problem> {
    let life = filled(&form.life).map(|life| parse_life(&life)).transpose()?;
    let cidrs: Vec<String> =
        form.cidrs.split([' ', ',', '\n', '\r', '\t']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let mut wishes = Wishes::parse(&form.name, life, None, &cidrs, visitor.op.now())?;
    wishes.stepped_up = filled(&form.fresh).map(|life| parse_life(&life)).transpose()?;
    Ok(wishes)
}

/// Makes a token and shows it, this once.
pub(in crate::http::pages) async fn create(Form(visitor, form): Form<TokenForm>) -> Answer {
    let made = match wishes(&visitor, &form) {
        Ok(wishes) => token::token_create(&visitor.op, wishes).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match made {
        Ok(minted) => show(&visitor, TokensQuery::default(), TokenForm::default(), Some(minted), None).await,
        Err(problem) if is_shown(&problem) => show(&visitor, TokensQuery::default(), form, None, Some(&problem)).await,
        Err(problem) => Err(problem),
    }
}

/// Revokes one at once.
pub(in crate::http::pages) async fn revoke(Names([id]): Names<1>, Form(visitor, Nothing {}): Form<Nothing>) -> Answer {
    let id = Id::parse(&id).map_err(|_| OrgError::not_found("token", id))?;
    token::token_revoke(&visitor.op, id, false).await?;
    Visitor::go("/account/tokens?done=revoked")
}
