//! The variables of an environment as this client gets them: from the server, or from what was kept of its last answer.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use serde::Deserialize;
use serde_json::Value;

use super::client::{Client, Request};
use super::context::Place;
use super::error::{CliError, Exit};
use super::secrets::decode;
use crate::types::SecretBytes;

/// Which variables.
#[derive(Debug)]
pub struct Asked {
    /// Of which environment.
    pub place: Place,
    /// Of which folder.
    pub path: String,
    /// Whether restricted ones are left out in place of failing.
    pub omit_withheld: bool,
    /// A moment of the past, in place of now.
    pub at: Option<String>,
}

impl Asked {
    /// Asks the server; none when what has this ETag is still true.
    ///
    /// # Errors
    /// Not reachable, refused.
    pub fn send(&self, client: &Client, known: Option<&str>) -> Result<Option<Fetched>, CliError> {
        let request = Request::get(&self.place.below(&["variables"]))
            .query("path", self.path.as_str())
            .query_opt("withheld", self.omit_withheld.then_some("omit"))
            .query_opt("at", self.at.as_deref())
            .if_none_match(known);
        let answer = client.send(&request)?;
        if answer.unchanged {
            return Ok(None);
        }
        let variables = Variables::read(answer.bytes())?;
        Ok(Some(Fetched { variables, etag: answer.etag.clone(), body: SecretBytes::new(answer.bytes().to_vec()) }))
    }
}

/// An answer of the server.
pub struct Fetched {
    /// What is in it.
    pub variables: Variables,
    /// What to name when asking again.
    pub etag: Option<String>,
    /// The answer as it came.
    pub body: SecretBytes,
}

/// The answer of `variables`.
#[derive(Deserialize)]
struct Answer {
    variables: BTreeMap<String, Value>,
    #[serde(default)]
    encodings: BTreeMap<String, Value>,
    #[serde(default)]
    withheld: Vec<String>,
}

/// Names with their values, decoded.
pub struct Variables {
    /// By name.
    pub values: BTreeMap<String, SecretBytes>,
    /// Names left out because they are restricted.
    pub withheld: Vec<String>,
}

impl Variables {
    /// Reads an answer of the server.
    ///
    /// # Errors
    /// It is none.
    pub fn read(body: &[u8]) -> Result<Self, CliError> {
        let answer: Answer = serde_json::from_slice(body).map_err(|_| {
            // The error would quote the answer, which holds values.
            CliError::failed("the server's answer is not what Holdfast answers")
                .hint("check --url (or HOLDFAST_URL), and that client and server have the same version")
        })?;
        let decoded = answer.variables.iter().map(|(name, value)| {
            let bytes = decode(name, Some(value), answer.encodings.get(name))?;
            Ok((name.clone(), SecretBytes::new(bytes)))
        });
        Ok(Self { values: decoded.collect::<Result<_, CliError>>()?, withheld: answer.withheld })
    }

    /// The chosen ones.
    ///
    /// # Errors
    /// A name in `only` that does not exist.
    pub fn choose(mut self, only: &[String], exclude: &[String]) -> Result<Self, CliError> {
        if let Some(missing) = only.iter().find(|name| !self.values.contains_key(*name)) {
            return Err(CliError::new(Exit::NotFound, format!("there is no variable {missing} here"))
                .hint("holdfast secrets list shows the names"));
        }
        let only: BTreeSet<_> = only.iter().collect();
        let exclude: BTreeSet<_> = exclude.iter().collect();
        self.values.retain(|name, _| (only.is_empty() || only.contains(name)) && !exclude.contains(name));
        Ok(self)
    }

    /// As a program's environment takes them.
    ///
    /// # Errors
    /// A name or value that no process environment can hold.
    pub fn injected(&self) -> Result<Vec<(String, OsString)>, CliError> {
        let entry = |(name, value): (&String, &SecretBytes)| {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(CliError::failed(format!("the name {name:?} cannot stand in a program's environment"))
                    .hint(format!("--exclude {name:?} leaves it out")));
            }
            if value.expose().contains(&0) {
                return Err(CliError::failed(format!(
                    "{name} holds a NUL byte, which no program's environment can hold"
                ))
                .hint(format!("--exclude {name}, and in the program: holdfast secrets get {name}")));
            }
            Ok((name.clone(), OsString::from_vec(value.expose().clone())))
        };
        self.values.iter().map(entry).collect()
    }

    /// Whether the values are the same.
    pub fn same(&self, other: &Self) -> bool {
        let pairs = |variables: &'_ Self| variables.values.len();
        pairs(self) == pairs(other)
            && self.values.iter().zip(&other.values).all(|((a, x), (b, y))| a == b && x.expose() == y.expose())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: &Value) -> Variables {
        Variables::read(answer.to_string().as_bytes()).unwrap()
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn only_and_exclude_choose() {
        let abc = || read(&json!({"variables": {"A": "1", "B": "2", "C": "3"}}));
        let chosen = |only: &[&str], exclude: &[&str]| {
            let chosen = abc().choose(&names(only), &names(exclude)).unwrap();
            chosen.values.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[], &[]), ["A", "B", "C"]);
        assert_eq!(chosen(&["C", "A"], &[]), ["A", "C"]);
        assert_eq!(chosen(&[], &["B", "Z"]), ["A", "C"]);
        let missing = abc().choose(&names(&["A", "Z"]), &[]).err().unwrap();
        assert_eq!(missing.exit(), Exit::NotFound);
        assert!(missing.to_string().contains('Z'));
    }

    #[test]
    fn bytes_arrive_as_they_are_and_a_nul_is_refused_by_name() {
        let variables = read(&json!({"variables": {"A": "/w=="}, "encodings": {"A": "base64"}})).injected().unwrap();
        assert_eq!(variables[0].1.clone().into_vec(), [0xff]);
        for (value, encodings) in [("a\0b", json!({})), ("AA==", json!({"KEY": "base64"}))] {
            let given = read(&json!({"variables": {"KEY": value}, "encodings": encodings}));
            assert!(given.injected().unwrap_err().to_string().starts_with("KEY "));
        }
        let excluded = read(&json!({"variables": {"KEY": "a\0b"}})).choose(&[], &names(&["KEY"])).unwrap();
        assert!(excluded.injected().unwrap().is_empty());
        assert!(read(&json!({"variables": {"A=B": "x"}})).injected().is_err());
    }

    #[test]
    fn a_broken_answer_is_refused_without_its_words() {
        let error = Variables::read(b"{\"variables\": {\"A\": \"hush").err().unwrap();
        assert!(!format!("{error:?}").contains("hush"));
    }

    #[test]
    fn the_same_values_are_the_same_and_others_are_not() {
        let one = read(&json!({"variables": {"A": "1"}}));
        assert!(one.same(&read(&json!({"variables": {"A": "1"}}))));
        for other in [json!({"A": "2"}), json!({"B": "1"}), json!({}), json!({"A": "1", "B": "1"})] {
            assert!(!one.same(&read(&json!({ "variables": other }))));
        }
    }
}
