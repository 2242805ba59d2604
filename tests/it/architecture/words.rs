//! Words that may stand only in one place: each keeps a library, or a kind of effect, behind one door.

use super::Violation;
use super::facts::{Facts, Named};

/// `words` may be named only in files that match `only_in`.
pub(crate) struct Rule {
    /// A crate (`rusqlite`), a path (`std::env`), or a macro (`println!`).
    words: &'static [&'static str],
    /// Below `src/`: a folder (`http/`), a file (`app.rs`), a file of any room (`*/store.rs`), a prefix (`auth/password*`).
    only_in: &'static [&'static str],
    instead: &'static str,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        words: &["actix_web", "actix_http", "actix_rt", "actix_service"],
        only_in: &["http/"],
        instead: "features know no HTTP: return a typed result and let http/ answer",
    },
    Rule {
        words: &["askama"],
        only_in: &["http/pages/", "notify/"],
        instead: "only pages and mails are templates: return data and render it there",
    },
    Rule {
        words: &["rusqlite"],
        only_in: &["db/", "*/store.rs"],
        instead: "SQL lives in the room's store.rs, over db::Tx",
    },
    Rule { words: &["refinery"], only_in: &["db/"], instead: "migrations are run by db/ alone" },
    Rule {
        words: &["ring", "orion", "sha2", "hmac", "hkdf", "aes_gcm", "k256", "chacha20poly1305", "argon2", "crc32fast"],
        only_in: &["keys/", "ledger/", "auth/password*"],
        instead: "ask keys/ to seal, open, MAC or check it",
    },
    Rule {
        words: &["rcgen", "bech32", "diceware_wordlists"],
        only_in: &["vault/generate/"],
        instead: "ask vault/generate/ for a recipe's value",
    },
    Rule {
        words: &["rustls", "tokio_rustls"],
        only_in: &["http/", "app/", "telemetry/", "cluster/", "cli/client.rs", "cli/client_tests.rs", "main.rs"],
        instead: "TLS is set up where listeners and the process start",
    },
    Rule { words: &["kube", "k8s_openapi"], only_in: &["cluster/"], instead: "speak to clusters through cluster/" },
    Rule {
        words: &["hyper_util", "hyper_timeout", "tower"],
        only_in: &["cluster/client/"],
        instead: "connections that are called out on are guarded in cluster/client/",
    },
    Rule { words: &["cedar_policy"], only_in: &["policy/"], instead: "ask policy/ with facts, it answers a decision" },
    Rule {
        words: &["clap", "clap_complete", "clap_mangen", "inquire", "indicatif", "comfy_table"],
        only_in: &["cli/"],
        instead: "the command line is a door: take typed arguments instead",
    },
    Rule {
        words: &["reqwest"],
        // `Url` is what a base URL is parsed by, so that config and client cannot read one differently.
        only_in: &["cli/client.rs", "cli/client/", "config/url.rs"],
        instead: "the CLI's clients are the only ones that call out",
    },
    Rule {
        words: &["tokio_tungstenite"],
        only_in: &["http/api/", "cli/client/"],
        instead: "messages go to and fro at the doors: take and give frames of runtime/inside",
    },
    Rule {
        words: &["webauthn_rs", "webauthn_rs_core"],
        only_in: &["auth/passkey/"],
        instead: "auth::passkey asks for passkeys and checks them",
    },
    Rule { words: &["qrcode"], only_in: &["http/pages/"], instead: "pictures are drawn by the pages" },
    Rule { words: &["lettre"], only_in: &["notify/"], instead: "notify::Mailer sends mail" },
    Rule {
        words: &["minijinja"],
        only_in: &["cli/template.rs"],
        instead: "templates of users are rendered by the command line: no server runs them",
    },
    Rule {
        words: &["anyhow"],
        only_in: &["cli/", "app/", "jobs/", "main.rs"],
        instead: "a feature has one thiserror enum with code() and hint()",
    },
    Rule {
        words: &["std::env"],
        only_in: &["config/", "cli/"],
        instead: "config/ reads the environment and hands typed values on",
    },
    Rule {
        words: &[
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            "Utc::now",
            "Local::now",
            "OffsetDateTime::now_utc",
        ],
        only_in: &["types/clock.rs"],
        instead: "time is an argument: take a `&dyn Clock` or a `Timestamp`",
    },
    Rule {
        words: &["println!", "eprintln!", "print!", "eprint!"],
        only_in: &["cli/output.rs"],
        instead: "use tracing, or cli/output.rs for what a person asked to see",
    },
];

/// Refused everywhere, in tests too.
const NEVER: &[(&str, &str)] = &[
    ("todo!", "finish it, or leave the path out"),
    ("unimplemented!", "finish it, or leave the path out"),
    ("dbg!", "use tracing, or take it out"),
];

pub(crate) fn check(all: &[Facts]) -> Vec<Violation> {
    let mut found = Vec::new();
    for facts in all {
        for named in &facts.paths {
            for (word, instead) in NEVER.iter().filter(|(word, _)| names(named, word)) {
                found.push(Violation::new(&facts.file, named.line, "words", format!("`{word}` is refused: {instead}")));
            }
        }
        let Some(file) = facts.file.strip_prefix("src/") else { continue };
        for rule in RULES.iter().filter(|rule| !rule.only_in.iter().any(|place| is_in(file, place))) {
            for named in facts.paths.iter().filter(|named| !named.in_test) {
                for word in rule.words.iter().filter(|word| names(named, word)) {
                    let message = format!("`{word}` only in {}: {}", rule.only_in.join(", "), rule.instead);
                    found.push(Violation::new(&facts.file, named.line, "words", message));
                }
            }
        }
    }
    found
}

/// Whether a path is, or goes through, the word.
fn names(named: &Named, word: &str) -> bool {
    let path = &named.segments;
    let parts: Vec<&str> = word.split("::").collect();
    match parts.as_slice() {
        [call] if call.ends_with('!') => path.last().is_some_and(|last| last == call),
        // A lone name outside `use` may be a local variable.
        [library] => path.first().is_some_and(|first| first == library) && (named.is_use || path.len() > 1),
        _ => path.windows(parts.len()).any(|window| window == parts),
    }
}

fn is_in(file: &str, place: &str) -> bool {
    if let Some(name) = place.strip_prefix('*') {
        file.ends_with(name)
    } else if let Some(prefix) = place.strip_suffix('*') {
        file.starts_with(prefix)
    } else if place.ends_with('/') {
        file.starts_with(place)
    } else {
        file == place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, text: &str) -> Vec<String> {
        let facts = Facts::read(file, text).expect("the example parses");
        check(&[facts]).iter().map(ToString::to_string).collect()
    }

    /// For every rule and word: refused outside its place, allowed inside it.
    #[test]
    fn every_word_is_refused_elsewhere_and_allowed_at_home() {
        for rule in RULES {
            for word in rule.words {
                let text = if word.ends_with('!') {
                    format!("fn f() {{ {word}(\"x\"); }}")
                } else {
                    format!("fn f() {{ a::{word}::b(); }}")
                };
                let text = if word.contains("::") || word.ends_with('!') { text } else { format!("use {word}::x;") };
                let elsewhere = messages("src/types/other.rs", &text);
                assert_eq!(elsewhere.len(), 1, "{word} elsewhere: {elsewhere:#?}");
                for place in rule.only_in {
                    let home = place.replace("*/", "vault/").replace('*', ".rs");
                    let home = if home.ends_with('/') { format!("src/{home}mod.rs") } else { format!("src/{home}") };
                    assert!(messages(&home, &text).is_empty(), "{word} in {home}");
                }
            }
        }
    }

    #[test]
    fn the_message_names_file_line_rule_and_remedy() {
        let found = messages("src/vault/get.rs", "//! x\n\nfn f() {\n    println!(\"value\");\n}\n");
        let expected = "src/vault/get.rs:4: [words] `println!` only in cli/output.rs: \
                        use tracing, or cli/output.rs for what a person asked to see";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn words_inside_macros_groups_and_attributes_count() {
        assert_eq!(messages("src/vault/a.rs", "fn f() { assert!(std::env::var(\"A\").is_ok()); }").len(), 1);
        assert_eq!(messages("src/vault/a.rs", "use std::{env, fs};").len(), 1);
        assert_eq!(messages("src/vault/a.rs", "#[derive(clap::Args)] struct A;").len(), 1);
        assert_eq!(messages("src/vault/a.rs", "fn f() { vec![{ eprintln!(\"x\") }]; }").len(), 1);
    }

    #[test]
    fn a_variable_or_module_of_the_same_name_is_not_the_crate() {
        assert!(messages("src/vault/a.rs", "fn f(ring: u8) -> u8 { ring }").is_empty());
        assert!(messages("src/vault/a.rs", "use crate::keys::ring;").is_empty());
        assert!(messages("src/http/a.rs", "use rustls::crypto::ring;").is_empty());
    }

    #[test]
    fn some_words_are_refused_in_tests_too() {
        assert_eq!(messages("src/vault/a.rs", "#[cfg(test)] mod tests { fn f() { todo!() } }").len(), 1);
        assert_eq!(messages("tests/it/a.rs", "fn f() { dbg!(1); unimplemented!() }").len(), 2);
        assert!(messages("src/vault/a.rs", "#[cfg(test)] mod tests { use rusqlite::x; }").is_empty());
    }
}
