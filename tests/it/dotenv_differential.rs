//! Our dotenv reader and writer against the two parsers most files are written for: npm `dotenv` and PyPI
//! `python-dotenv`. They read one generated corpus; every difference must be explained by a rule of `RULES`, every
//! rule must be needed, and the manual page lists the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holdfast::types::Failure as _;
use holdfast::vault::format::{FormatError, Variable, parse_dotenv, write_dotenv};
use serde::Deserialize;

/// What one parser makes of one document; a name without `=` has no value (python-dotenv).
type Variables = BTreeMap<String, Option<String>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parser {
    Npm,
    Python,
}

/// One difference: what stands in the file, and what the two make of it.
struct Difference<'a> {
    parser: Parser,
    /// The lines of the variable in the file.
    source: &'a str,
    /// Our value, as a program would get it with references left as they stand, or our refusal.
    ours: Result<Option<&'a str>, &'a FormatError>,
    theirs: Option<&'a str>,
}

impl Difference<'_> {
    /// What stands after the `=`, without the space around it.
    fn body(&self) -> &str {
        self.source.split_once('=').map_or("", |(_, body)| body.trim())
    }

    /// What stands between the quotes when the value is in quotes of this kind.
    fn quoted(&self, quote: char) -> Option<&str> {
        let inside = self.body().strip_prefix(quote)?;
        let closes = |at: &usize| {
            let backslashes = at - inside[..*at].trim_end_matches('\\').len();
            let after = inside[at + 1..].lines().next().unwrap_or_default().trim();
            (quote != '"' || backslashes.is_multiple_of(2)) && (after.is_empty() || after.starts_with('#'))
        };
        inside.match_indices(quote).map(|(at, _)| at).find(closes).map(|end| &inside[..end])
    }

    fn refused(&self, code: &str, part: &str) -> bool {
        self.ours.as_ref().is_err_and(|e| e.code() == code && e.to_string().contains(part))
    }
}

/// A difference we want, with the reason.
struct Rule {
    name: &'static str,
    why: &'static str,
    explains: fn(&Difference<'_>) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        name: "unclosed-quote",
        why: "they take the quote as text or skip the line; we refuse the file with the line",
        explains: |d| d.refused("format_unclosed_quote", ""),
    },
    Rule {
        name: "text-after-quote",
        why: "npm takes quotes and text as they stand, python-dotenv skips the line; we refuse the file with the line",
        explains: |d| d.refused("format_invalid_value", "text after its closing quote"),
    },
    Rule {
        name: "no-equals",
        why: "npm skips the line or takes `NAME: value`, python-dotenv gives a name without value; we refuse the file",
        explains: |d| d.refused("format_syntax", "no `=`"),
    },
    Rule {
        name: "no-name",
        why: "they skip the line or take a quoted name; we refuse the file with the line",
        explains: |d| d.refused("format_syntax", "expected a name"),
    },
    Rule {
        name: "dollar-before-reference",
        why: "a literal `$` right before a reference cannot be said in a template; we refuse it by name",
        explains: |d| d.refused("format_invalid_value", "right before a reference"),
    },
    Rule {
        name: "escaped-dollar",
        why: "`\\$` in double quotes is a literal dollar here, as in a shell; they keep the backslash",
        explains: |d| d.quoted('"').is_some_and(|inside| inside.contains("\\$")) && theirs_as_modelled(d),
    },
    Rule {
        name: "literal-brace",
        why: "`$${` is our literal `${`; they have no such form",
        explains: |d| {
            let undone = d.theirs.map(|theirs| theirs.replace("$${", "${"));
            d.body().contains("$${") && undone.is_some() && undone.as_deref() == d.ours.ok().flatten()
        },
    },
    Rule {
        name: "npm-hash-without-space",
        why: "npm begins a comment at any `#`; passwords have them, so a comment needs a space before it",
        explains: |d| {
            let cut = d.body().split('#').next().unwrap_or_default().trim();
            d.parser == Parser::Npm && d.body().contains('#') && d.theirs == Some(cut)
        },
    },
    Rule {
        name: "npm-few-escapes",
        why: "npm decodes only `\\n` and `\\r` and keeps the backslash of `\\\"` and `\\\\`, so it cannot hold some values",
        explains: |d| {
            let escaped = |inside: &str| ["\\\"", "\\\\", "\\t"].iter().any(|escape| inside.contains(escape));
            d.parser == Parser::Npm && d.quoted('"').is_some_and(escaped) && theirs_as_modelled(d)
        },
    },
    Rule {
        name: "npm-ascii-names",
        why: "npm skips a name with anything but letters, digits, `_`, `.` and `-`; the vault decides which names it takes",
        explains: |d| {
            let name = d.source.split('=').next().unwrap_or_default().trim();
            let ascii = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            d.parser == Parser::Npm && !ascii && d.theirs.is_none()
        },
    },
    Rule {
        name: "python-single-quote-escapes",
        why: "python-dotenv decodes `\\\\` and `\\'` in single quotes; there everything is literal here, as in a shell",
        explains: |d| {
            d.parser == Parser::Python
                && d.body().starts_with('\'')
                && d.body().contains(['\\'])
                && theirs_as_modelled(d)
        },
    },
    Rule {
        name: "python-more-escapes",
        why: "python-dotenv also decodes `\\'`, `\\a`, `\\b`, `\\f` and `\\v` in double quotes; a shell does not",
        explains: |d| {
            let more = |inside: &str| ["\\'", "\\a", "\\b", "\\f", "\\v"].iter().any(|escape| inside.contains(escape));
            d.parser == Parser::Python && d.quoted('"').is_some_and(more) && theirs_as_modelled(d)
        },
    },
    Rule {
        name: "python-no-backticks",
        why: "python-dotenv has no backtick quotes; npm has, and they are the one place for both other quotes",
        explains: |d| d.parser == Parser::Python && d.body().starts_with('`'),
    },
    Rule {
        name: "python-export-as-name",
        why: "python-dotenv skips `export = x`; the name is `export`",
        explains: |d| d.parser == Parser::Python && d.source.starts_with("export =") && d.theirs.is_none(),
    },
];

/// Whether the other parser did with the quotes what we know it does, so that a rule explains no more than it says.
fn theirs_as_modelled(d: &Difference<'_>) -> bool {
    let (escapes, quote): (&[(char, char)], char) = match (d.parser, d.body().starts_with('"')) {
        (Parser::Npm, true) => {
            let inside = d.quoted('"').unwrap_or_default();
            return d.theirs == Some(&*inside.replace("\\n", "\n").replace("\\r", "\r"));
        }
        (Parser::Npm, false) => return false,
        (Parser::Python, false) => (&[('\\', '\\'), ('\'', '\'')], '\''),
        (Parser::Python, true) => {
            let all = &[
                ('\\', '\\'),
                ('\'', '\''),
                ('"', '"'),
                ('a', '\x07'),
                ('b', '\x08'),
                ('f', '\x0c'),
                ('n', '\n'),
                ('r', '\r'),
                ('t', '\t'),
                ('v', '\x0b'),
            ];
            (all, '"')
        }
    };
    let Some(inside) = d.quoted(quote) else { return false };
    // A last backslash escapes the quote that closes it for us: to python-dotenv the line is broken.
    let backslashes = inside.len() - inside.trim_end_matches('\\').len();
    if backslashes % 2 == 1 {
        return d.theirs.is_none();
    }
    let mut decoded = String::new();
    let mut chars = inside.chars().peekable();
    while let Some(c) = chars.next() {
        let escape =
            if c == '\\' { chars.peek().and_then(|next| escapes.iter().find(|(from, _)| from == next)) } else { None };
        decoded.push(escape.map_or(c, |(_, to)| *to));
        if escape.is_some() {
            chars.next();
        }
    }
    d.theirs == Some(&*decoded)
}

/// A document: the lines of each variable, and how they are put together.
struct Document {
    pieces: Vec<(String, String)>,
    line_end: &'static str,
    byte_order_mark: bool,
}

impl Document {
    fn of(name: &str, source: String) -> Self {
        Self { pieces: vec![(name.to_owned(), source)], line_end: "\n", byte_order_mark: false }
    }

    fn text(&self) -> String {
        let mark = if self.byte_order_mark { "\u{feff}" } else { "" };
        let lines: Vec<&str> = self.pieces.iter().map(|(_, source)| source.as_str()).chain([""]).collect();
        mark.to_owned() + &lines.join("\n").replace('\n', self.line_end)
    }

    /// The lines of the variable that begins on or before `line`.
    fn source_at(&self, line: u32) -> &str {
        let mut next = 1;
        let begins = self.pieces.iter().map(|(_, source)| {
            let begin = next;
            next += source.matches('\n').count() + 1;
            (begin, source.as_str())
        });
        let line = usize::try_from(line).expect("a line number fits");
        begins.take_while(|(begin, _)| *begin <= line).last().map_or("", |(_, source)| source)
    }

    fn source_of(&self, name: &str) -> &str {
        let only = self.pieces.len() == 1;
        self.pieces.iter().rfind(|(piece, _)| only || piece == name).map_or("", |(_, source)| source)
    }
}

/// Values that all three read, alone or among others.
const VALUES: &[&str] = &[
    "",
    "plain",
    "two words",
    "a#b",
    "#x",
    "a #c",
    "x  # c # d",
    "é ünï 漢字 🦀",
    "$HOME",
    "${HOME}",
    "$${X}",
    "a$${X}b${Y}",
    "$",
    "$$",
    "a'b",
    "a\"b\"c",
    "it's",
    r"a\nb",
    r"C:\dir\new",
    r"\${X}",
    "https://u:p@h:1/?q=1&r=2",
    "a=b=c",
    "{\"json\": true}",
    "\u{a0}x\u{a0}",
    "tab\tin\tit",
    "trailing   ",
    "'x'",
    "''",
    "'it # stays'",
    "'two\nlines'",
    r"'a\nb'",
    r"'C:\dir'",
    "'${X}'",
    "' spaced '",
    "'dq \" inside'",
    r"'a\\b'",
    "'# no comment'",
    "'\n'",
    "'a\n\n# b\nC=d'",
    "\"x\"",
    "\"\"",
    "\"a b\"",
    "\"two\nlines\"",
    r#""a\nb""#,
    r#""a\rb""#,
    r#""a\tb""#,
    r#""say \"hi\" now""#,
    r#""a\\b""#,
    r#""a\\nb""#,
    r#""\$x""#,
    r#""\${X}""#,
    "\"${X}\"",
    "\"$${X}\"",
    r#""\d\e""#,
    r#""it\'s""#,
    r#""\a\b\f\v""#,
    "\"it's\"",
    "\"a # b\"",
    "\"-----BEGIN X-----\nabc=\n-----END X-----\"",
    "`x`",
    "`a'b\"c`",
    "`two\nlines`",
    "`${X}`",
];

/// What only stands alone: files somebody refuses, and values whose quotes another parser closes elsewhere.
const ALONE: &[&str] = &[
    "A='x",
    "A=\"x",
    "A=`x",
    "A=\"x\nB=\"y\"",
    "A='x\nB='y'",
    "B=1\nA=\"x\\\"",
    "A=\"x\"y",
    "A='x'y",
    "A='x' 'y'",
    "A='it\\'s'",
    "A=\"x\" y # c",
    "A",
    "export A",
    "A B=1",
    "A: x",
    "B=1\nA\nC=2",
    "=x",
    "'A'=x",
    "\"A\"=x",
    "A=\"\\$${X}\"",
    "A='end\\'",
    "A='a\\\\'",
    "A=\"end\\\\\"",
    "Ä=1",
    "A.B=1",
    "A-B=1",
    "A:B=1",
    "A/B=1",
    "1A=1",
    "export=1",
    "export = 1",
    "export export=1",
    "A=1\nB=2\nA=3",
    "# only\n\n  # comments",
    "",
    "\n\n",
    "A=1\n\n\nB=2\n# c\n  # d\n\tC=3",
    "A='x'\n\n'y'\n",
];

/// Values to export; among them everything that makes a writer choose.
const EXPORTED: &[&str] = &[
    "",
    " ",
    "plain",
    "a\nb\n",
    "a # b",
    "#",
    "it's",
    "say \"hi\"",
    "it's \"so\"",
    "a`b",
    "it's a `b` \"c\"",
    "\\",
    "a\\b",
    "a\\\\b",
    "a\\",
    "\\'",
    "it's\\d",
    "it's\\n",
    "${X}",
    "it's ${X}",
    "it's $${X} $5 $",
    "a\rb",
    "a\r\nb",
    "\t",
    "é🦀\u{a0}",
    "'",
    "\"",
    "=",
    "export A=1",
    "\u{feff}x",
    "-----BEGIN X-----\nabc=\n-----END X-----\n",
    "it's\nlong\n",
    "\u{7}\u{1b}[0m",
    "{\"a\": [1, '2']}",
];

/// A small deterministic generator (splitmix64).
struct Picks(u64);

impl Picks {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("below n")
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn corpus() -> Vec<Document> {
    let mut picks = Picks(8420);
    let mut documents: Vec<Document> = VALUES.iter().map(|value| Document::of("A", format!("A={value}"))).collect();
    documents.extend(ALONE.iter().map(|source| Document::of("A", (*source).to_owned())));
    for _ in 0..400 {
        let mut pieces = Vec::new();
        for n in 0..=picks.below(7) {
            let (before, equals) =
                (picks.of(&["", "", "export ", "  ", "\t", "export\t "]), picks.of(&["=", "=", " = ", "= ", "\t="]));
            let value = picks.of(VALUES);
            let after = picks.of(&["", "", "  ", " # c", "\t# it's \"c\"", " # `"]);
            pieces.push((format!("K{n}"), format!("{before}K{n}{equals}{value}{after}")));
            if picks.below(4) == 0 {
                pieces.push((String::new(), picks.of(&["", "# comment", "   # it's \"one\"", " \t"]).to_owned()));
            }
        }
        let line_end = picks.of(&["\n", "\n", "\r\n", "\r"]);
        documents.push(Document { pieces, line_end, byte_order_mark: picks.below(6) == 0 });
    }
    documents
}

/// Our reading: references as they stand, the literal form undone, or the refusal.
fn ours(text: &str) -> Result<Variables, FormatError> {
    let entries = parse_dotenv(text.as_bytes())?;
    let value = |bytes: &[u8], template| {
        let text = std::str::from_utf8(bytes).expect("dotenv is text");
        if template { text.replace("$${", "${") } else { text.to_owned() }
    };
    Ok(entries.into_iter().map(|e| (e.name, Some(value(e.value.expose(), e.interpolate)))).collect())
}

/// What a parser script prints.
#[derive(Deserialize)]
struct Answer {
    version: String,
    variables: Vec<Variables>,
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where `tests/dotenv/install.sh` puts the parsers.
#[expect(clippy::disallowed_methods, reason = "a test finds its tools the way the install script does")]
fn tools() -> PathBuf {
    let set = std::env::var_os("HOLDFAST_TEST_TOOLS").map(PathBuf::from);
    let usual = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/holdfast/tools");
    set.unwrap_or_else(usual).join("dotenv")
}

/// Runs one parser over all documents, in one process, and checks that it is the version we pin.
fn theirs(parser: Parser, documents: &[String]) -> Vec<Variables> {
    let tools = tools();
    let (mut command, pins, pin) = match parser {
        Parser::Npm => {
            let mut command = Command::new("node");
            command.arg(here("tests/dotenv/parse.mjs")).arg(tools.join("npm"));
            (command, "tests/dotenv/package.json", "\"dotenv\": \"{}\"")
        }
        Parser::Python => {
            let mut command = Command::new(tools.join("venv/bin/python"));
            command.arg(here("tests/dotenv/parse.py"));
            (command, "tests/dotenv/requirements.txt", "python-dotenv=={} ")
        }
    };
    assert!(
        tools.join("stamp").is_file(),
        "the real dotenv parsers are not in {}: run `make test-tools`",
        tools.display()
    );
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run `make test-tools`");
    let input = serde_json::to_vec(documents).expect("strings are JSON");
    child.stdin.take().expect("piped").write_all(&input).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{parser:?}: {}", output.status);
    let answer: Answer = serde_json::from_slice(&output.stdout).expect("it prints one JSON answer");
    let pinned = std::fs::read_to_string(here(pins)).expect("it is in the repository");
    assert!(
        pinned.contains(&pin.replace("{}", &answer.version)),
        "{parser:?} {} is not the pinned one: run `make test-tools`",
        answer.version
    );
    assert_eq!(answer.variables.len(), documents.len());
    answer.variables
}

/// Marks the rules that explain a difference; says what is not explained.
fn explain(difference: &Difference<'_>, used: &mut BTreeSet<&'static str>) -> Result<(), String> {
    let rules: Vec<_> = RULES.iter().filter(|rule| (rule.explains)(difference)).map(|rule| rule.name).collect();
    used.extend(&rules);
    let Difference { parser, source, ours, theirs } = difference;
    if rules.is_empty() { Err(format!("{parser:?} {source:?}\n   ours {ours:?}\n theirs {theirs:?}")) } else { Ok(()) }
}

#[test]
fn every_difference_from_the_real_dotenv_parsers_is_one_we_want() {
    let documents = corpus();
    let texts: Vec<String> = documents.iter().map(Document::text).collect();
    let mut used = BTreeSet::new();
    let mut unexplained = Vec::new();
    let mut compared = 0;
    for parser in [Parser::Npm, Parser::Python] {
        for ((document, text), theirs) in documents.iter().zip(&texts).zip(theirs(parser, &texts)) {
            let ours = match ours(text) {
                Ok(ours) => ours,
                Err(e) => {
                    let source = document.source_at(e.line().expect("a line"));
                    let refusal = Difference { parser, source, ours: Err(&e), theirs: None };
                    unexplained.extend(explain(&refusal, &mut used).err());
                    continue;
                }
            };
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                let (ours, theirs) = (ours.get(name).cloned().flatten(), theirs.get(name).cloned().flatten());
                compared += 1;
                if ours != theirs {
                    let source = document.source_of(name);
                    let difference =
                        Difference { parser, source, ours: Ok(ours.as_deref()), theirs: theirs.as_deref() };
                    unexplained.extend(explain(&difference, &mut used).err());
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{} unexplained:\n{}", unexplained.len(), unexplained.join("\n"));
    assert!(compared > 2_000, "the corpus shrank to {compared} values");
    let unused: Vec<_> = RULES.iter().map(|rule| rule.name).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "rules no document needs: {unused:?}");
}

#[test]
fn what_we_export_is_read_alike_unless_the_manual_says_otherwise() {
    let lines: Vec<String> = EXPORTED
        .iter()
        .map(|value| {
            let file = write_dotenv(&[Variable { name: "A", value: value.as_bytes() }]).expect("dotenv holds it");
            String::from_utf8(file.expose().clone()).expect("text")
        })
        .collect();
    let mut alike = 0;
    for parser in [Parser::Npm, Parser::Python] {
        for ((value, line), theirs) in EXPORTED.iter().zip(&lines).zip(theirs(parser, &lines)) {
            assert_eq!(ours(line).expect("ours")["A"].as_deref(), Some(*value), "{line:?}");
            let theirs = theirs.get("A").cloned().flatten();
            if theirs.as_deref() == Some(*value) {
                alike += 1;
                continue;
            }
            assert!(line.starts_with("A=\""), "{parser:?} reads single quotes as {theirs:?}: {line:?}");
            let source = line.trim_end();
            let difference = Difference { parser, source, ours: Ok(Some(value)), theirs: theirs.as_deref() };
            explain(&difference, &mut BTreeSet::new()).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    assert!(alike * 5 >= EXPORTED.len() * 2 * 4, "fewer than four in five are read alike: {alike}");
}

#[test]
fn the_manual_lists_exactly_these_differences() {
    let manual = std::fs::read_to_string(here("assets/help/dotenv.md")).expect("the manual page");
    let row = |line: &str| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned());
    let (_, differences) = manual.split_once("## Where we differ").expect("the heading");
    let listed: BTreeSet<String> = differences.lines().filter_map(row).collect();
    let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(listed, rules);
    assert!(RULES.iter().all(|rule| !rule.why.is_empty()));
}
