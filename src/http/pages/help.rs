//! The manual for people: its Markdown as pages, and a search over all of it. It needs no sign-in: whoever lost the way
//! in reads it first.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use askama::Template;
use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, html as markup};

use super::assets;
use super::ui;
use super::visitor::{Theme, html};
use crate::http::api::Answer;

/// A page of the manual.
pub(in crate::http) struct Chapter {
    /// Its name in addresses.
    pub(in crate::http) name: String,
    /// Its first heading.
    pub(in crate::http) title: String,
}

/// The list, and what a search finds.
#[derive(Template)]
#[template(path = "help_index.html")]
struct HelpIndex {
    title: &'static str,
    theme: Theme,
    style: String,
    q: String,
    chapters: Vec<Chapter>,
}

/// One page.
#[derive(Template)]
#[template(path = "help_page.html")]
struct HelpPage {
    title: String,
    theme: Theme,
    style: String,
    /// Made here from the manual that was compiled in, and from nothing anybody typed.
    text: String,
    chapters: Vec<Chapter>,
    name: String,
}

/// Whether a person asks, with a browser.
pub(in crate::http) fn is_person(req: &HttpRequest) -> bool {
    req.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// The list of pages, or of those that hold what is searched for.
pub(in crate::http) fn index(req: &HttpRequest, q: String, chapters: Vec<Chapter>) -> Answer {
    let style = assets::url("app.css");
    html(StatusCode::OK, &HelpIndex { title: "Manual", theme: Theme::of(req), style, q, chapters }, None)
}

/// One page, from its Markdown.
pub(in crate::http) fn page(req: &HttpRequest, chapter: Chapter, source: &str, chapters: Vec<Chapter>) -> Answer {
    let (style, text) = (assets::url("app.css"), rendered(source));
    let Chapter { name, title } = chapter;
    html(StatusCode::OK, &HelpPage { title, theme: Theme::of(req), style, text, chapters, name }, None)
}

/// Markdown as HTML: no markup of its own, no inline style, and what is wide can be scrolled by keyboard.
fn rendered(source: &str) -> String {
    let events = Parser::new_ext(source, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Table(columns)) => Event::Start(Tag::Table(vec![Alignment::None; columns.len()])),
        other => other,
    });
    let mut text = String::with_capacity(source.len() * 2);
    markup::push_html(&mut text, events);
    text.replace("<pre>", "<pre tabindex=\"0\">")
        .replace(
            "<table>",
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table class=\"table\">",
        )
        .replace("</table>", "</table></div>")
}

#[cfg(test)]
mod tests {
    use super::rendered;

    #[test]
    fn markup_in_the_manual_is_text_and_nothing_is_inline() {
        let text = rendered("# A\n\n<script>x</script> `b`\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n    code\n");
        assert!(!text.contains("<script") && text.contains("&lt;script"), "{text}");
        assert!(!text.contains("style="), "{text}");
        assert!(text.contains("<pre tabindex=\"0\">") && text.contains("<table class=\"table\">"), "{text}");
    }
}
