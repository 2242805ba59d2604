//! 1Password: the CSV it exports. An item becomes a folder, each of its columns a name in it.

use super::{Dollar, Found, ImportError, MAX_NAMES, Remark};
use crate::types::SecretBytes;
use crate::vault::format::csv_records;

/// Columns that say something of an item and are none of its values.
const FACTS: &[&str] = &["title", "favorite", "archived", "tags"];

/// Reads a file.
///
/// # Errors
/// A file that is cut off, without a title column, or with a record of another length: with the line.
pub fn onepassword(input: &[u8]) -> Result<Found, ImportError> {
    let mut records = csv_records(input, MAX_NAMES)?.into_iter();
    let wrong = || ImportError::shape("line 1", "no heading with a column Title, as 1Password exports it");
    let (heading, _) = records.next().ok_or_else(wrong)?;
    let column = |name: &str| heading.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let title = column("title").ok_or_else(wrong)?;
    let (archived, tags) = (column("archived"), column("tags"));
    let mut found = Found::default();
    for (record, line) in records {
        if record.len() != heading.len() {
            return Err(ImportError::shape(
                &format!("line {line}"),
                "a record with more or fewer fields than the heading",
            ));
        }
        let field = |at: Option<usize>| at.map_or("", |at| record[at].as_str());
        let place = format!("line {line}, {}", super::shown(field(Some(title))));
        if field(archived).eq_ignore_ascii_case("true") {
            found.remarks.push(Remark::skipped(&place, "is archived"));
            continue;
        }
        let folder = match field(Some(title)).trim() {
            "" => format!("item-{line}"),
            title => title.to_owned(),
        };
        let facts: Vec<_> = field(tags)
            .split([',', ';'])
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(|tag| (tag.to_owned(), String::new()))
            .collect();
        for (name, value) in heading.iter().zip(&record) {
            let known = FACTS.iter().any(|fact| name.trim().eq_ignore_ascii_case(fact));
            if known || value.is_empty() {
                continue;
            }
            let bytes = SecretBytes::new(value.as_bytes().to_vec());
            found.push(&place, vec![folder.clone()], name.trim(), bytes, Dollar::Unknown);
            if let Some(item) = found.items.last_mut() {
                item.facts.clone_from(&facts);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_becomes_a_folder_and_its_columns_names() {
        let csv = b"Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes\r\n\
            Git Host,https://h,ada,\"p\"\"w,1\",,false,false,\"dev;ops\",\"two\nlines\"\r\n\
            Old,,ada,pw,,false,true,,\r\n";
        let found = onepassword(csv).expect("an export");
        let names: Vec<_> = found.items.iter().map(|i| format!("{}/{}", i.folder[0], i.key)).collect();
        assert_eq!(names, ["Git Host/Url", "Git Host/Username", "Git Host/Password", "Git Host/Notes"]);
        assert_eq!(found.items[2].versions[0].value.expose(), b"p\"w,1");
        assert_eq!(found.items[0].facts.len(), 2);
        assert_eq!(found.remarks.iter().map(|r| r.place.as_str()).collect::<Vec<_>>(), ["line 4, Old"]);
    }

    #[test]
    fn what_is_cut_off_or_of_another_product_is_refused_with_its_line() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "line 1"),
            (b"name,password\na,s3cret\n", "line 1"),
            (b"Title,Password\nA,\"s3cret", "line 2"),
            (b"Title,Password\nA,b\ns3cret\n", "line 3"),
            (b"Title,Password\nA,\xff\n", "line 2"),
        ];
        for (input, words) in cases {
            let error = onepassword(input).expect_err("broken").to_string();
            assert!(error.contains(words) && !error.contains("s3cret"), "{error}");
        }
    }
}
