//! Styles, scripts and icons: built from `assets/ui` by `make assets`, in the binary, under names that change with what
//! is in them, so that a browser may keep them for good.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse};
use data_encoding::HEXLOWER;
use rust_embed::RustEmbed;

use super::packed::takes_gzip;
use crate::http::api::Answer;
use crate::http::error::Problem;
use crate::http::extract::Names;

/// Where they are served.
const PLACE: &str = "/assets/ui/";
/// Pages of another origin may not load them.
pub(super) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

#[derive(RustEmbed)]
#[folder = "assets/dist"]
struct Built;

/// The address of a built file: `app.js` is at `/assets/ui/app.1a2b3c4d5e6f.js`.
pub(super) fn url(name: &str) -> String {
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let hash = Built::get(name).map(|file| hash(&file.metadata.sha256_hash())).unwrap_or_default();
    format!("{PLACE}{stem}.{hash}.{end}")
}

fn hash(sha256: &[u8; 32]) -> String {
    HEXLOWER.encode(&sha256[..6])
}

/// One file, under its name of now; a name of before is gone.
pub(super) async fn file(req: HttpRequest, Names([asked]): Names<1>) -> Answer {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "page_not_found", "there is no such file");
    let mut parts = asked.rsplitn(3, '.');
    let (end, wanted, stem) = (parts.next(), parts.next(), parts.next());
    let (Some(end), Some(wanted), Some(stem)) = (end, wanted, stem) else { return Err(missing()) };
    let name = format!("{stem}.{end}");
    let found = Built::get(&name).filter(|f| hash(&f.metadata.sha256_hash()) == wanted).ok_or_else(missing)?;
    let kind = match end {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return Err(missing()),
    };
    let packed = Built::get(&format!("{name}.gz")).filter(|_| takes_gzip(&req));
    let is_packed = packed.is_some();
    let bytes = match packed.unwrap_or(found).data {
        Cow::Borrowed(bytes) => HttpResponse::Ok().body(bytes),
        Cow::Owned(bytes) => HttpResponse::Ok().body(bytes),
    };
    let mut response = bytes;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_name_was_built() {
        for name in ["app.css", "app.js", "icons.svg"] {
            assert!(Built::get(name).is_some(), "{name}");
            assert!(Built::get(&format!("{name}.gz")).is_some(), "{name}.gz");
            assert_eq!(url(name).split('.').nth(1).map(str::len), Some(12), "{}", url(name));
        }
    }
}
