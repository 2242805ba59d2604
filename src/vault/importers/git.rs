//! A Git history: each commit that changed a dotenv file is a version of the names in it.

use serde_json::{Map, Value};

use super::{Dollar, Found, Remark, kv_names, shown};
use crate::vault::format::parse_dotenv_literal;

/// A commit that changed the file.
#[derive(Debug)]
pub struct Commit {
    /// Its hash.
    pub hash: String,
    /// When it was made.
    pub at: String,
    /// Who wrote it.
    pub author: String,
    /// The file after it; none: it deleted the file.
    pub content: Option<Vec<u8>>,
}

/// Reads the commits of a file, oldest first. A commit whose file does not parse is named and left out; so are names that
/// the newest file has not.
pub fn git_history(place: &str, commits: Vec<Commit>) -> Found {
    let mut remarks = Vec::new();
    let mut versions = Vec::with_capacity(commits.len());
    for commit in commits {
        let short: String = commit.hash.chars().take(12).collect();
        let at = format!("{place} of commit {short}");
        let Some(content) = commit.content else {
            remarks
                .push(Remark::changed(&at, "the file was deleted here; what it held before is imported all the same"));
            continue;
        };
        let entries = match parse_dotenv_literal(&content) {
            Ok(entries) => entries,
            Err(error) => {
                remarks.push(Remark::skipped(&at, error.to_string()));
                continue;
            }
        };
        let mut values = Map::with_capacity(entries.len());
        for entry in entries {
            // A dotenv file is UTF-8, so its values are.
            let text = String::from_utf8_lossy(entry.value.expose()).into_owned();
            values.insert(entry.name, Value::String(text));
        }
        versions.push((Some(format!("commit {short} of {} by {}", commit.at, shown(&commit.author))), values));
    }
    let mut found = kv_names(place, &[], &[], versions, Dollar::Reference);
    remarks.append(&mut found.remarks);
    Found { items: found.items, remarks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_that_changed_a_value_is_a_version_and_the_rest_is_named() {
        let commit = |hash: &str, content: Option<&str>| Commit {
            hash: hash.repeat(40),
            at: "2026-01-02T03:04:05Z".into(),
            author: "Ada\u{1b}".into(),
            content: content.map(|c| c.as_bytes().to_vec()),
        };
        let commits = vec![
            commit("a", Some("A=1\nB=1\nGONE=x\n")),
            commit("b", Some("A=2\nB=1\n")),
            commit("c", Some("A='s3cret\n")),
            commit("d", None),
            commit("e", Some("A=3\nB=1\n")),
        ];
        let found = git_history(".env", commits);
        let versions: Vec<_> = found.items[0].versions.iter().map(|v| v.value.expose().as_slice()).collect();
        assert_eq!(versions, [b"1", b"2", b"3"]);
        let label = found.items[0].versions[0].label.as_deref();
        assert_eq!(label, Some("commit aaaaaaaaaaaa of 2026-01-02T03:04:05Z by Ada\u{fffd}"));
        assert_eq!(found.items[1].versions.len(), 1);
        let places: Vec<_> = found.remarks.iter().map(|r| r.place.as_str()).collect();
        assert_eq!(places, [".env of commit cccccccccccc", ".env of commit dddddddddddd", ".env: GONE"]);
        assert!(!format!("{:?}", found.remarks).contains("s3cret"));
    }
}
