//! Our formats against the parsers files of them are made for: Python's `tomllib`, `csv` and `configparser`, PyYAML,
//! PyPI `javaproperties`, npm `ini`. What we write they read back to the same bytes; what they read, we read alike or
//! refuse.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use holdfast::types::Failure as _;
use holdfast::vault::format::{Format, ObjectName, Variable, parse, write};
use serde_json::{Value, json};

/// What one parser makes of one document; none when it does not take it.
type Variables = Option<BTreeMap<String, Vec<u8>>>;

/// Formats Python reads.
const PYTHON: [Format; 8] = [
    Format::Toml,
    Format::Yaml,
    Format::Csv,
    Format::Properties,
    Format::Ini,
    Format::Compose,
    Format::KubernetesSecret,
    Format::KubernetesConfigmap,
];

/// Values whose text means something in one of the formats.
const VALUES: &[&[u8]] = &[
    b"",
    b"plain",
    b" spaces ",
    b"\ttab\t",
    b"two\nlines\n",
    b"crlf\r\nline",
    b"cr\rline",
    b"a,b;c#d!e:f=g",
    b"\"quoted\"",
    b"'quoted'",
    b"it's \"so\"",
    b"back\\slash \\n \\u0041",
    b"end\\",
    b"$HOME ${HOME} $$ $",
    b"100% %s %%",
    b"[section]",
    b"# comment",
    b"; comment",
    b"- item",
    b"{a: b}",
    b"&anchor *alias !tag |",
    b"yes",
    b"null",
    b"~",
    b"0123",
    b"1.10",
    b"true",
    b"2001-01-01",
    b"=formula",
    b"YWJj==",
    "é ß \u{1f600} \u{2028} \u{85} \u{a0}x\u{a0}".as_bytes(),
    "\u{feff}mark".as_bytes(),
    b"\x01\x1b\x7f",
    b"nul \0 byte",
    b"\xff\xfe binary \x80",
];

/// Documents as people and tools write them.
const DOCUMENTS: &[(Format, &str)] = &[
    (Format::Toml, "A = 'a\\b'\n\"B C\" = \"\\t\\u00e9\\U0001F600\\\"\"\n"),
    (Format::Toml, "A = \"\"\"\nfirst\nsecond \\\n   joined\"\"\"\r\nB = '''\nraw \\n'''\n"),
    (Format::Toml, "# c\r\n  A   =   \"#=[\" # c\r\n'B.C' = \"\"\r\nC = \"\"\"a\"\"b\"\"\"\"\"\n"),
    (Format::Toml, "A = \"x\"\nA = \"y\"\n"),
    (Format::Toml, "A = \"x\" B = \"y\"\n"),
    (Format::Toml, "A = \"\\x\"\n"),
    (Format::Csv, "name,value\nA,1\n\"B\",\"two\nlines\"\n\nC,\"say \"\"x\"\"\"\n"),
    (Format::Csv, "name,value\r\nA, spaced \r\nB,\r\n"),
    (Format::Csv, "name,value\nA,\"open\n"),
    (Format::Csv, "name,value\nA,\"x\"y\n"),
    (Format::Properties, "# c\n! c\nA=1\nB : 2\nC 3\n  D\t=\t4  \nE=a\\\n   b\\\\\nF=\\u00e9\\ud83d\\ude00\\q\\=\\:\n"),
    (Format::Properties, "A\\ B\\=\\:=x\nC=\nD==y\nE=:z\nF==\\ w\n"),
    (Format::Properties, "A=1\nA=2\r\nB=x\\\r\n  y\rC=z"),
    (Format::Ini, "; c\n# c\nA = 1\nB=a=b==\n\nC=x y\n"),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where `tests/formats/install.sh` puts the parsers.
#[expect(clippy::disallowed_methods, reason = "a test finds its tools the way the install script does")]
fn tools() -> PathBuf {
    let set = std::env::var_os("HOLDFAST_TEST_TOOLS").map(PathBuf::from);
    let usual = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/holdfast/tools");
    let tools = set.unwrap_or_else(usual).join("formats");
    assert!(tools.join("stamp").is_file(), "the real parsers are not in {}: run `make test-tools`", tools.display());
    tools
}

fn python() -> Command {
    let mut command = Command::new(tools().join("venv/bin/python"));
    command.arg(here("tests/formats/read.py"));
    command
}

fn npm() -> Command {
    let mut command = Command::new("node");
    command.arg(here("tests/formats/read.mjs")).arg(tools().join("npm"));
    command
}

/// Runs one parser over all documents, in one process.
fn theirs(mut command: Command, documents: &[(Format, String)]) -> Vec<Variables> {
    let input: Vec<_> = documents.iter().map(|(f, text)| json!({ "format": f.as_str(), "text": text })).collect();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run `make test-tools`");
    let mut pipe = child.stdin.take().expect("piped");
    pipe.write_all(Value::Array(input).to_string().as_bytes()).expect("it reads its input");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", output.status);
    let answers: Vec<Option<BTreeMap<String, String>>> = serde_json::from_slice(&output.stdout).expect("one answer");
    assert_eq!(answers.len(), documents.len());
    let decode = |text: String| BASE64.decode(text.as_bytes()).expect("base64");
    let variables = |answer: BTreeMap<_, _>| answer.into_iter().map(|(name, value)| (name, decode(value))).collect();
    answers.into_iter().map(|answer| answer.map(variables)).collect()
}

/// Every value the format holds, each in a document of its own.
fn exported(format: Format) -> Vec<(&'static [u8], String)> {
    let object = ObjectName::parse("test").expect("a name");
    let mut all = Vec::new();
    for value in VALUES {
        match write(format, &object, &[Variable { name: "NAME", value }]) {
            Ok(file) => all.push((*value, String::from_utf8(file.expose().clone()).expect("a format is text"))),
            Err(error) => assert_eq!((error.code(), error.name()), ("format_not_representable", Some("NAME"))),
        }
    }
    all
}

#[test]
fn what_we_write_the_real_parsers_read_back_to_the_same_bytes() {
    for format in PYTHON {
        let files = exported(format);
        assert!(files.len() + 3 > VALUES.len(), "{format} holds all text but NUL, and most hold bytes");
        let documents: Vec<_> = files.iter().map(|(_, text)| (format, text.clone())).collect();
        for ((value, text), theirs) in files.iter().zip(theirs(python(), &documents)) {
            let theirs = theirs.unwrap_or_else(|| panic!("{format} refused: {text:?}"));
            // `configparser` keeps quotes; the manual says so, and npm undoes them.
            if format == Format::Ini && text.starts_with("NAME=\"") {
                continue;
            }
            assert_eq!(theirs.get("NAME").map(Vec::as_slice), Some(*value), "{format}: {text:?}");
        }
    }
}

#[test]
fn what_we_write_as_ini_npm_reads_back_to_the_same_text() {
    let files = exported(Format::Ini);
    let documents: Vec<_> = files.iter().map(|(_, text)| (Format::Ini, text.clone())).collect();
    for ((value, text), theirs) in files.iter().zip(theirs(npm(), &documents)) {
        assert_eq!(theirs.expect("npm takes all").get("NAME").map(Vec::as_slice), Some(*value), "{text:?}");
    }
}

#[test]
fn what_others_write_we_read_as_they_do_or_refuse() {
    let documents: Vec<_> = DOCUMENTS.iter().map(|(format, text)| (*format, (*text).to_owned())).collect();
    let mut alike = 0;
    for ((format, text), theirs) in documents.iter().zip(theirs(python(), &documents)) {
        let ours = parse(*format, text.as_bytes());
        let ours = ours.map(|all| all.into_iter().map(|e| (e.name, e.value.expose().clone())).collect());
        match (ours, theirs) {
            (Ok(ours), theirs) => {
                assert_eq!(Some::<BTreeMap<_, _>>(ours), theirs, "{format}: {text:?}");
                alike += 1;
            }
            (Err(error), None) => assert!(error.line().is_some(), "{error}"),
            (Err(error), Some(theirs)) => panic!("{format}: {text:?}: {error}, and they read {theirs:?}"),
        }
    }
    assert!(alike >= 9, "only {alike} were read at all");
}
