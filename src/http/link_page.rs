//! The page that opens a one-time link: `GET /l/{link}`, the same bytes for every link and for none.
//!
//! It is a file, not a template: the server knows neither the key nor whether somebody may look, so it has nothing to
//! say. The script asks the API, and only its POST uses up a view; a program that fetches the address to preview it
//! sees this page and changes nothing. Scripts and styles come from here alone, and nothing is made from text
//! (Trusted Types).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, X_FRAME_OPTIONS};
use rust_embed::RustEmbed;

use super::api::Answer;
use super::error::Problem;
use super::extract::Names;
use super::routes::{Routes, at};

/// What the page may do: its own script, style, icon and API, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types 'none'";
/// A window that opened this one cannot reach into it.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Search engines that found a link somewhere keep out.
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

#[derive(RustEmbed)]
#[folder = "assets/link"]
struct Files;

/// The page's routes. They are no part of the API, so its document does not list them.
pub(super) fn link_routes(app: &mut Routes) {
    app.service(at("/l/{link}").get(page).done());
    app.service(at("/assets/link/{file}").get(file).done());
}

async fn page() -> Answer {
    let mut response = answer("index.html")?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
    Ok(response)
}

async fn file(Names([name]): Names<1>) -> Answer {
    answer(&name)
}

fn answer(name: &str) -> Answer {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "page_not_found", "there is no such file");
    let found = Files::get(name).ok_or_else(missing)?;
    let kind = kind(name).ok_or_else(missing)?;
    let mut response = HttpResponse::Ok().content_type(kind).body(found.data.into_owned());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_kind_and_the_page_has_nothing_inline() {
        for file in Files::iter() {
            assert!(kind(&file).is_some(), "{file}");
        }
        let page = Files::get("index.html").expect("the page").data;
        let page = std::str::from_utf8(&page).expect("text");
        for inline in [" style=", " onclick=", "javascript:", "<style", "http://", "https://"] {
            assert!(!page.contains(inline), "{inline}");
        }
        assert!(page.split("<script").skip(1).all(|s| s.starts_with(" type=\"module\" src=\"/assets/link/")));
    }
}
