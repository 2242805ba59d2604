//! The manual, inside the binary: `GET /help` lists its pages, `GET /help/{page}` is one; as Markdown, and for whoever
//! accepts HTML as pages that can be searched.
//!
//! It needs no token and no set-up: whoever sets the appliance up, or lost the way in, reads it first. It is served
//! from memory and holds nothing of this instance.

use std::fmt::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;
use serde::Deserialize;

use super::api::Answer;
use super::error::Problem;
use super::extract::{Names, Query};
use super::pages::help::{self, Chapter};
use super::routes::{Routes, at};

/// Where the manual begins.
const HELP: &str = "/help";
const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// What is searched for.
#[derive(Deserialize)]
struct HelpQuery {
    #[serde(default)]
    q: String,
}

#[derive(RustEmbed)]
#[folder = "assets/help"]
struct Pages;

/// Whether the path is of the manual: open before the set-up.
pub(super) fn is_help(path: &str) -> bool {
    path.strip_prefix(HELP).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The manual's routes. They are no part of the API, so its document does not list them.
pub(super) fn help_routes(app: &mut Routes) {
    app.service(at("/help").get(index).done());
    app.service(at("/help/{page}").get(page).done());
}

/// The pages, by name, each with its title.
async fn index(req: HttpRequest, Query(query): Query<HelpQuery>) -> Answer {
    if help::is_person(&req) {
        let q: String = query.q.trim().chars().take(255).collect();
        let found = chapters(&q.to_lowercase());
        return help::index(&req, q, found);
    }
    let mut names: Vec<_> = Pages::iter().collect();
    names.sort_unstable();
    let mut text = String::from("# Holdfast: the manual\n\n");
    for file in names {
        let Some(content) = Pages::get(&file) else { continue };
        let name = file.trim_end_matches(".md");
        let _infallible = writeln!(text, "- [{}]({HELP}/{name})", title(&content.data).unwrap_or(name));
    }
    Ok(markdown(text.into_bytes()))
}

/// The pages that hold `words`, which are lower case, by title; all when there are none.
fn chapters(words: &str) -> Vec<Chapter> {
    let read = |file: std::borrow::Cow<'static, str>| {
        let content = Pages::get(&file)?;
        let text = std::str::from_utf8(&content.data).ok()?;
        let name = file.trim_end_matches(".md").to_owned();
        let title = title(&content.data).unwrap_or(&name).to_owned();
        text.to_lowercase().contains(words).then_some(Chapter { name, title })
    };
    let mut found: Vec<_> = Pages::iter().filter_map(read).collect();
    found.sort_unstable_by(|a, b| a.title.cmp(&b.title));
    found
}

/// One page, named with or without `.md`, so that links between pages work.
async fn page(req: HttpRequest, Names([name]): Names<1>) -> Answer {
    let name = name.strip_suffix(".md").unwrap_or(&name);
    let found = Pages::get(&format!("{name}.md"));
    let found = found.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "page_not_found", "the manual has no such page");
        problem.hint("the pages are listed at /help")
    })?;
    if let (true, Ok(text)) = (help::is_person(&req), std::str::from_utf8(&found.data)) {
        let chapter = Chapter { name: name.to_owned(), title: title(&found.data).unwrap_or(name).to_owned() };
        return help::page(&req, chapter, text, chapters(""));
    }
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
