//! The manual, inside the binary: `GET /help` lists its pages, `GET /help/{page}` is one, as Markdown.
//!
//! It needs no token and no set-up: whoever sets the appliance up, or lost the way in, reads it first. It is served
//! from memory and holds nothing of this instance.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::ServiceConfig;
use rust_embed::RustEmbed;

use super::api::Answer;
use super::error::Problem;
use super::extract::Names;
use super::routes::at;

/// Where the manual begins.
const HELP: &str = "/help";
const MARKDOWN: &str = "text/markdown; charset=utf-8";

#[derive(RustEmbed)]
#[folder = "assets/help"]
struct Pages;

/// Whether the path is of the manual: open before the set-up.
pub(super) fn is_help(path: &str) -> bool {
    path.strip_prefix(HELP).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The manual's routes. They are no part of the API, so its document does not list them.
pub(super) fn help_routes(app: &mut ServiceConfig) {
    app.service(at("/help").get(index).done());
    app.service(at("/help/{page}").get(page).done());
}

/// The pages, by name, each with its title.
async fn index() -> HttpResponse {
    let mut names: Vec<_> = Pages::iter().collect();
    names.sort_unstable();
    let mut text = String::from("# Holdfast: the manual\n\n");
    for file in names {
        let Some(content) = Pages::get(&file) else { continue };
        let name = file.trim_end_matches(".md");
        let _infallible = writeln!(text, "- [{}]({HELP}/{name})", title(&content.data).unwrap_or(name));
    }
    markdown(text.into_bytes())
}

/// One page, named with or without `.md`, so that links between pages work.
async fn page(Names([name]): Names<1>) -> Answer {
    let name = name.strip_suffix(".md").unwrap_or(&name);
    let found = Pages::get(&format!("{name}.md"));
    let found = found.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "page_not_found", "the manual has no such page");
        problem.hint("the pages are listed at /help")
    })?;
    Ok(markdown(found.data.into_owned()))
}

fn markdown(text: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::Ok().content_type(MARKDOWN).body(text);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The first heading.
fn title(page: &[u8]) -> Option<&str> {
    std::str::from_utf8(page).ok()?.lines().find_map(|line| line.strip_prefix("# "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_title_and_a_name_that_fits_an_address() {
        let mut count = 0;
        for file in Pages::iter() {
            let name = file.strip_suffix(".md").expect("pages end with .md");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            let content = Pages::get(&file).expect("it is listed").data;
            assert!(title(&content).is_some_and(|t| !t.is_empty()), "{name}");
            count += 1;
        }
        assert!(count > 0, "the manual is empty");
    }

    #[test]
    fn only_the_manual_is_open() {
        assert!(is_help("/help") && is_help("/help/cli"));
        assert!(!is_help("/helpless") && !is_help("/api/v1/help"));
    }
}
