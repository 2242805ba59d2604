//! Letting a machine in that shows a code: what asks, from where and since when, before anything is confirmed.
//!
//! An address may bring the code along, and still nothing is looked up by it: a form is sent first. Whoever was led here
//! by somebody else's link sees then that it is not their machine that asks.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Query;
use crate::orgs::device::{self, Asking};
use crate::types::SecretString;

/// A code the address brings along.
#[derive(Deserialize)]
pub(super) struct DeviceQuery {
    #[serde(default)]
    code: String,
    done: Option<String>,
}

/// A code, and what is to be done.
#[derive(Deserialize)]
pub(super) struct DeviceForm {
    #[serde(default)]
    code: String,
    /// `look`, `approve` or `deny`.
    #[serde(default)]
    act: String,
}

/// The page.
#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    code: String,
    asking: Option<Asking>,
    told: Option<Told>,
}

/// The code as it is written: eight letters in two halves. What is none stays as it was typed.
fn tidy(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    if letters.len() == 8 { format!("{}-{}", &letters[..4], &letters[4..]) } else { text.chars().take(32).collect() }
}

/// Asks for the code.
pub(super) async fn page(visitor: Visitor, Query(query): Query<DeviceQuery>) -> Answer {
    show(&visitor, tidy(&query.code), query.done.as_deref(), None, None).await
}

async fn show(
    visitor: &Visitor,
    code: String,
    done: Option<&str>,
    asking: Option<Asking>,
    problem: Option<&Problem>,
) -> Answer {
    let frame = visitor.frame("Let a machine in", Section::Account, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Account", "/account").crumb("Let a machine in", "/device");
    let frame = frame.help("sign-in").notice(done);
    let page = DevicePage { frame, code, asking, told: problem.map(|problem| Told::of(problem).back_to("/device")) };
    visitor.show_as(problem.map_or(StatusCode::OK, Problem::status), &page)
}

/// Shows what asks, lets it in, or refuses it.
pub(super) async fn submit(Form(visitor, form): Form<DeviceForm>) -> Answer {
    let code = tidy(&form.code);
    if let Some(Err(refused)) = visitor.state.limits.comparison(&visitor.op.identity()?.principal.id) {
        return Err(refused.problem);
    }
    let given = || SecretString::new(code.clone());
    let Some(_) = filled(&code) else {
        let problem = Problem::invalid("form_invalid", "type the code the machine shows");
        return show(&visitor, code, None, None, Some(&problem)).await;
    };
    let looked = device::device_look(&visitor.op, given()).await.map_err(Problem::from);
    let asking = match looked {
        Ok(asking) => asking,
        Err(problem) if matches!(problem.status().as_u16(), 403 | 404) => {
            return show(&visitor, code, None, None, Some(&problem)).await;
        }
        Err(problem) => return Err(problem),
    };
    let approve = match form.act.as_str() {
        "approve" => true,
        "deny" => false,
        _ => return show(&visitor, code, None, Some(asking), None).await,
    };
    match device::device_decide(&visitor.op, given(), approve).await.map_err(Problem::from) {
        Ok(_) if approve => Visitor::go("/account/sessions?done=let-in"),
        Ok(_) => Visitor::go("/device?done=refused"),
        Err(problem) if problem.status() == StatusCode::FORBIDDEN => {
            show(&visitor, code, None, Some(asking), Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_written_in_two_halves() {
        for text in ["bcdf ghjk", "BCDFGHJK", "bcdf-ghjk"] {
            assert_eq!(tidy(text), "BCDF-GHJK");
        }
        assert_eq!(tidy("no code"), "no code");
        assert_eq!(tidy(&"ä".repeat(99)).chars().count(), 32);
    }
}
