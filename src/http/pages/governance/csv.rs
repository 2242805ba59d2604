//! Tables as CSV, to be kept or handed on.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};

/// One line. What a program for tables would take for a formula is made text.
fn line(cells: &[String]) -> String {
    let cell = |text: &String| {
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let text = if is_formula { format!("'{text}") } else { text.clone() };
        if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A table as a file.
pub(super) fn file(name: &str, heading: &[&str], rows: &[Vec<String>]) -> HttpResponse {
    let mut text = line(&heading.iter().map(ToString::to_string).collect::<Vec<_>>());
    for row in rows {
        text.push_str(&line(row));
    }
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}.csv\""));
    let disposition = disposition.unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .body(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_is_no_formula() {
        let cells = ["plain", "a,b", "say \"so\"", "=1+1", "two\nlines"].map(str::to_owned);
        assert_eq!(line(&cells), "plain,\"a,b\",\"say \"\"so\"\"\",'=1+1,\"two\nlines\"\r\n");
    }
}
