use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::types::{Failure as _, Secret};
use crate::vault::reference::{Segment, Template};

/// What the resolver makes of an entry without references; `None` when there is one.
fn resolved(entry: &Entry) -> Option<Vec<u8>> {
    let bytes = entry.value.expose().clone();
    if !entry.interpolate {
        return Some(bytes);
    }
    let text = String::from_utf8(bytes).unwrap();
    let template = Template::parse(&text).ok()?;
    let pieces = template.segments().iter().map(|segment| match segment {
        Segment::Literal(range) => Some(&text.as_bytes()[range.clone()]),
        Segment::Reference(_) => None,
    });
    pieces.collect::<Option<Vec<_>>>().map(|pieces| pieces.concat())
}

pub(super) fn values(entries: &[Entry]) -> Vec<(String, Vec<u8>)> {
    entries.iter().map(|e| (e.name.clone(), resolved(e).expect("no reference"))).collect()
}

fn texts(entries: &[Entry]) -> Vec<(&str, &str, bool, u32)> {
    let text = |e: &'_ Entry| String::from_utf8(e.value.expose().clone()).unwrap().leak() as &str;
    entries.iter().map(|e| (e.name.as_str(), text(e), e.interpolate, e.line)).collect()
}

fn dotenv(text: &str) -> Vec<(String, String, bool, u32)> {
    let entries = parse_dotenv(text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    texts(&entries).into_iter().map(|(n, v, i, l)| (n.to_owned(), v.to_owned(), i, l)).collect()
}

/// The value and the interpolate flag of the one variable in `text`.
fn one(text: &str) -> (String, bool) {
    let mut all = dotenv(text);
    assert_eq!(all.len(), 1, "{text:?}");
    let (_, value, interpolate, _) = all.remove(0);
    (value, interpolate)
}

pub(super) fn object() -> ObjectName {
    ObjectName::of("shop", "staging")
}

pub(super) fn exported(format: Format, pairs: &[(&str, &[u8])]) -> Result<Vec<u8>, FormatError> {
    let variables: Vec<_> = pairs.iter().map(|(name, value)| Variable { name, value }).collect();
    write(format, &object(), &variables).map(|bytes| bytes.expose().clone())
}

pub(super) fn exported_text(format: Format, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    String::from_utf8(exported(format, &pairs).unwrap()).unwrap()
}

pub(super) fn refused(format: Format, text: &str) -> (&'static str, Option<u32>, String) {
    let error = parse(format, text.as_bytes()).expect_err(text);
    assert!(!error.hint().is_empty() && !error.to_string().contains('\n'));
    (error.code(), error.line(), error.name().unwrap_or_default().to_owned())
}

#[test]
fn dotenv_reads_comments_quotes_and_export() {
    let text = "\u{feff}# first\r\n\r\nexport A=1 # one\r\n  B = two words  \r\nC='it # stays'#c\r\nD=\"x\\ty\"\r\nE=\nF=a#b\n\
                G= # none\nH=#x\nexport=1\nI=`b'\"q`\n";
    let expected = [
        ("A", "1", true, 3),
        ("B", "two words", true, 4),
        ("C", "it # stays", false, 5),
        ("D", "x\ty", true, 6),
        ("E", "", true, 7),
        ("F", "a#b", true, 8),
        ("G", "", true, 9),
        ("H", "#x", true, 10),
        ("export", "1", true, 11),
        ("I", "b'\"q", false, 12),
    ];
    assert_eq!(texts(&parse_dotenv(text.as_bytes()).unwrap()), expected);
}

#[test]
fn dotenv_reads_values_of_several_lines_and_counts_them() {
    let text = "A='1\r\n2\r3'\nB=\"x\n\\\"y\\\"\nz\" # end\nC=3";
    assert_eq!(
        dotenv(text),
        [
            ("A".into(), "1\n2\n3".into(), false, 1),
            ("B".into(), "x\n\"y\"\nz".into(), true, 4),
            ("C".into(), "3".into(), true, 7),
        ]
    );
}

#[test]
fn dotenv_double_quotes_keep_references_and_escape_dollars() {
    for (text, template) in [
        (r#"A="${X}""#, "${X}"),
        (r#"A="\${X}""#, "$${X}"),
        (r#"A="$${X}""#, "$${X}"),
        (r#"A="$\${X}""#, "$$${X}"),
        (r#"A="\$\${X}""#, "$$${X}"),
        (r#"A="\$$${X}""#, "$$${X}"),
        (r#"A="\$HOME $5 \$5""#, "$HOME $5 $5"),
        (r#"A="\\${X}""#, r"\${X}"),
        (r#"A="\d \' \a \n""#, "\\d \\' \\a \n"),
        (r"A=\${X}", r"\${X}"),
        (r"A=a${X}b", "a${X}b"),
    ] {
        assert_eq!(one(text), (template.to_owned(), true), "{text}");
    }
    assert_eq!(one("A='${X} $${Y}'"), ("${X} $${Y}".to_owned(), false));
    assert_eq!(refused(Format::Dotenv, r#"A="\$${X}""#), ("format_invalid_value", Some(1), "A".into()));
}

#[test]
fn dotenv_of_one_name_twice_keeps_the_last_and_says_so() {
    let entries = parse_dotenv(b"A=1\nB=2\nA=3\nA=4\n").unwrap();
    assert_eq!(texts(&entries), [("B", "2", true, 2), ("A", "4", true, 4)]);
    assert_eq!(entries.iter().map(|e| e.replaces).collect::<Vec<_>>(), [None, Some(3)]);
}

#[test]
fn dotenv_with_one_bad_line_gives_nothing_and_its_line() {
    for (text, code, line, name) in [
        ("A=1\nB='x\nC=2\n", "format_unclosed_quote", 2, "B"),
        ("A=1\n\n\nB=\"x\\\"\n", "format_unclosed_quote", 4, "B"),
        ("B=`x\n", "format_unclosed_quote", 1, "B"),
        ("A=\"x\nB=\"y\"\n", "format_unclosed_quote", 1, "A"),
        ("A=1\nB=\"x\"y\n", "format_invalid_value", 2, "B"),
        ("A=1\nKEY\n", "format_syntax", 2, ""),
        ("A=1\nexport KEY\n", "format_syntax", 2, ""),
        ("=1\n", "format_syntax", 1, ""),
        ("'A'=1\n", "format_syntax", 1, ""),
        ("A: 1\n", "format_syntax", 1, ""),
        ("A B=1\n", "format_syntax", 1, ""),
        ("A=1\nB=\0", "format_syntax", 2, ""),
    ] {
        assert_eq!(refused(Format::Dotenv, text), (code, Some(line), name.to_owned()), "{text:?}");
    }
    assert_eq!(parse_dotenv(b"A=1\r\nB=\xff\n").unwrap_err(), FormatError::InvalidUtf8 { line: 2 });
}

#[test]
fn limits_hold_at_their_edge() {
    let value = |n| format!("A=1\nBIG='{}'\n", "x".repeat(n));
    assert!(parse_dotenv(value(MAX_VALUE_BYTES).as_bytes()).is_ok());
    assert_eq!(refused(Format::Dotenv, &value(MAX_VALUE_BYTES + 1)), ("format_too_large", Some(2), "BIG".into()));
    let many = |n| (0..n).map(|i| format!("A{i}=")).collect::<Vec<_>>().join("\n");
    assert_eq!(parse_dotenv(many(MAX_ENTRIES).as_bytes()).unwrap().len(), MAX_ENTRIES);
    assert_eq!(refused(Format::Dotenv, &many(MAX_ENTRIES + 1)), ("format_too_large", Some(10_001), String::new()));
    let huge = vec![b'\n'; MAX_INPUT_BYTES + 1];
    for format in Format::ALL.into_iter().filter(|format| format.can_import()) {
        assert_eq!(parse(format, &huge).unwrap_err(), FormatError::InputTooLarge);
    }
    assert!(parse_dotenv(&huge[1..]).unwrap().is_empty());
}

#[test]
fn json_keeps_the_text_of_numbers_and_refuses_what_is_nested() {
    let text = "{\"A\": \"x\\u0000\\n\", \"B\": 1.10,\n \"C\": 1e400, \"D\": true, \"E\": {\"encoding\": \"base64\", \"value\": \"/wA=\"}}";
    let entries = parse_json(text.as_bytes()).unwrap();
    let expected: [(String, Vec<u8>); 5] = [
        ("A".into(), b"x\0\n".to_vec()),
        ("B".into(), b"1.10".to_vec()),
        ("C".into(), b"1e400".to_vec()),
        ("D".into(), b"true".to_vec()),
        ("E".into(), vec![0xff, 0]),
    ];
    assert_eq!(values(&entries), expected);
    assert_eq!(entries.iter().map(|e| e.line).collect::<Vec<_>>(), [1, 1, 2, 2, 2]);
    assert!(entries.iter().all(|e| !e.interpolate));
    for bad in [
        "null",
        "[1]",
        "{}",
        "{\"value\": \"AA==\"}",
        "{\"value\": {}}",
        "{\"value\": \"*\", \"encoding\": \"base64\"}",
    ] {
        let refusal = refused(Format::Json, &format!("{{\n\"K\": {bad}}}"));
        assert_eq!(refusal, ("format_invalid_value", Some(2), "K".to_owned()), "{bad}");
    }
    for bad in [
        "",
        "[]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":-}",
        "{\"a\":1,}",
        "{\"a\":\"x",
        "{}{}",
        "{\"a\":\"\\x\"}",
    ] {
        assert_eq!(refused(Format::Json, bad).0, "format_syntax", "{bad}");
    }
    assert_eq!(refused(Format::Json, "{\"a\":1,\n\"a\":2}"), ("format_duplicate_name", Some(2), "a".into()));
}

#[test]
fn a_json_bomb_is_refused_at_its_second_level() {
    let bomb = format!("{{\"A\": {}", "[".repeat(1_000_000));
    assert_eq!(refused(Format::Json, &bomb), ("format_invalid_value", Some(1), "A".into()));
    let bomb = "{\"A\":".repeat(1_000_000);
    assert_eq!(refused(Format::Json, &bomb), ("format_invalid_value", Some(1), "A".into()));
}

#[test]
fn yaml_keeps_the_source_text_of_scalars() {
    let text = "# c\nA: 0123\nB: 1.10\nC: yes # c\nD: |\n  two\n  lines\nE: >-\n  folded\n  text\nF: 'it''s'\nG: \"\\u0041\\n\\0\"\n\
                H: 0x1F\nI: !!str null\nJ: \"\"\nK: 2001-01-01\nL: &x one\nM: *x\nN: !!binary /wA=\nO: {value: /wA=, encoding: base64}\n12: n\n";
    let expected: Vec<(String, Vec<u8>)> = [
        ("A", &b"0123"[..]),
        ("B", b"1.10"),
        ("C", b"yes"),
        ("D", b"two\nlines\n"),
        ("E", b"folded text"),
        ("F", b"it's"),
        ("G", b"A\n\0"),
        ("H", b"0x1F"),
        ("I", b"null"),
        ("J", b""),
        ("K", b"2001-01-01"),
        ("L", b"one"),
        ("M", b"one"),
        ("N", b"\xff\0"),
        ("O", b"\xff\0"),
        ("12", b"n"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_vec()))
    .into();
    let entries = parse_yaml(text.as_bytes()).unwrap();
    assert_eq!(values(&entries), expected);
    assert_eq!(entries[0].line, 2);
    assert_eq!(entries[4].line, 8);
    for empty in ["", "# c\n", "---\n", "{}\n", "---\n{}\n...\n"] {
        assert!(parse_yaml(empty.as_bytes()).unwrap().is_empty(), "{empty}");
    }
}

#[test]
fn yaml_refuses_what_is_not_one_flat_mapping_of_text() {
    for bad in ["~", "null", "", "[1]", "{}", "{a: b}", "!secret x", "!!null x", "{value: AA==}", "!!binary '*'"] {
        let (code, line, name) = refused(Format::Yaml, &format!("A: 1\nK: {bad}\n"));
        assert_eq!((code, name.as_str()), ("format_invalid_value", "K"), "{bad}");
        assert!(matches!(line, Some(2 | 3)), "{bad}: {line:?}");
    }
    for bad in ["- a\n", "text\n", "A: 1\n---\nB: 2\n", "A: 'x\n", "A: *b\n", "? [a]\n: b\n", "~: x\n"] {
        assert_eq!(refused(Format::Yaml, bad).0, "format_syntax", "{bad}");
    }
    assert_eq!(refused(Format::Yaml, "A: 1\nA: 2\n"), ("format_duplicate_name", Some(2), "A".into()));
    assert_eq!(refused(Format::Yaml, "A: &a {b: 1}\nC:\n  <<: *a\n").0, "format_invalid_value");
}

#[test]
fn a_yaml_alias_bomb_is_refused_before_it_grows() {
    let nested = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n";
    assert_eq!(refused(Format::Yaml, nested), ("format_invalid_value", Some(1), "a".into()));
    let line = "x".repeat(60_000);
    let flat = (0..1_000).map(|i| format!("k{i}: *x")).collect::<Vec<_>>().join("\n");
    assert_eq!(refused(Format::Yaml, &format!("k: &x \"{line}\"\n{flat}")).0, "format_too_large");
    assert_eq!(refused(Format::Yaml, &"[".repeat(1_000_000)).0, "format_syntax");
    assert_eq!(refused(Format::Yaml, &format!("a: {}", "[".repeat(1_000_000))).0, "format_invalid_value");
}

#[test]
fn dotenv_is_written_in_single_quotes_where_they_mean_the_same_everywhere() {
    for (value, line) in [
        ("", "A=''\n"),
        ("plain", "A='plain'\n"),
        ("two\nlines # ${X}", "A='two\nlines # ${X}'\n"),
        (r"C:\dir", "A='C:\\dir'\n"),
        ("it's", "A=\"it's\"\n"),
        ("it's ${X} $${Y} $5", "A=\"it's \\${X} $\\${Y} $5\"\n"),
        ("a\rb", "A=\"a\\rb\"\n"),
        ("end\\", "A=\"end\\\\\"\n"),
        ("it's \"so\" \\d \\n", "A=\"it's \\\"so\\\" \\d \\\\n\"\n"),
    ] {
        assert_eq!(exported_text(Format::Dotenv, &[("A", value)]), line);
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused_by_name() {
    let refused = |format, name: &str, value: &[u8]| {
        let error = exported(format, &[("OK", b"1"), (name, value)]).unwrap_err();
        assert_eq!((error.code(), error.name()), ("format_not_representable", Some(name)), "{name:?}");
    };
    for format in [Format::Dotenv, Format::Shell, Format::Docker] {
        refused(format, "N", b"a\0b");
        refused(format, "", b"x");
        refused(format, "a b", b"x");
        refused(format, "a=b", b"x");
    }
    refused(Format::Dotenv, "N", b"\xff");
    refused(Format::Docker, "N", b"\xff");
    refused(Format::Dotenv, "a'b", b"x");
    refused(Format::Dotenv, "a#b", b"x");
    for name in ["1A", "A-B", "A.B", "Ä"] {
        refused(Format::Shell, name, b"x");
    }
    refused(Format::Docker, "#A", b"x");
    refused(Format::Docker, "N", b"a\nb");
    refused(Format::Docker, "N", b"a\r");
    refused(Format::Docker, "N", &vec![b'x'; 64 * 1024 - 2]);
    assert!(exported(Format::Docker, &[("N", &vec![b'x'; 64 * 1024 - 3])]).is_ok());
    assert_eq!(parse(Format::Shell, b"").unwrap_err().code(), "format_export_only");
}

#[test]
fn the_other_formats_are_written_as_documented() {
    let pairs = [("A", "it's \"x\""), ("NO", "é\u{85}\n")];
    assert_eq!(exported_text(Format::Json, &pairs), "{\n  \"A\": \"it's \\\"x\\\"\",\n  \"NO\": \"é\\u0085\\n\"\n}\n");
    assert_eq!(exported_text(Format::Yaml, &pairs), "A: \"it's \\\"x\\\"\"\n\"NO\": \"é\\u0085\\n\"\n");
    assert_eq!(exported_text(Format::Shell, &pairs), "export A='it'\\''s \"x\"'\nexport NO='é\u{85}\n'\n");
    assert_eq!(exported_text(Format::Docker, &[("A", " it's # \"x\" ")]), "A= it's # \"x\" \n");
    assert_eq!(
        exported(Format::Json, &[("B", b"\xff")]).unwrap(),
        b"{\n  \"B\": {\"value\": \"/w==\", \"encoding\": \"base64\"}\n}\n"
    );
    assert_eq!(
        exported(Format::Yaml, &[("B", b"\xff")]).unwrap(),
        b"B: {\"value\": \"/w==\", \"encoding\": \"base64\"}\n"
    );
    assert_eq!((exported_text(Format::Json, &[]), exported_text(Format::Yaml, &[])), ("{}\n".into(), "{}\n".into()));
}

const FILES: &[(&str, Format)] = &[
    ("a.json", Format::Json),
    ("x/a.YML", Format::Yaml),
    (".env", Format::Dotenv),
    (".env.production", Format::Dotenv),
    ("json", Format::Dotenv),
    ("-", Format::Dotenv),
    ("Cargo.toml", Format::Toml),
    ("a.csv", Format::Csv),
    ("conf.d/app", Format::Dotenv),
    ("application.properties", Format::Properties),
    ("/home/ada/.npmrc", Format::Ini),
    ("compose.yaml", Format::Compose),
    ("docker-compose.yml", Format::Compose),
];

#[test]
fn formats_are_named_and_guessed() {
    for format in Format::ALL {
        assert_eq!(Format::parse(format.as_str()), Ok(format));
    }
    let error = Format::parse("xml").unwrap_err();
    assert!(error.code() == "format_unknown" && Format::ALL.iter().all(|f| error.hint().contains(f.as_str())));
    for (file, format) in FILES.iter().copied() {
        assert_eq!(Format::guess(file), format);
    }
}

/// Text that hits the special characters often.
pub(super) fn tricky_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab '\"`\\\\$\\{\\}#=\n\r\tnrt:-]{0,24}",
        "\\PC{0,16}",
        any::<String>(),
        vec(
            prop_oneof![Just("${"), Just("$"), Just("\\"), Just("'"), Just("\""), Just("{"), Just("\r\n"), Just("n")],
            0..12
        )
        .prop_map(|parts| parts.concat()),
    ]
}

pub(super) fn tricky_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => tricky_text().prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..32)]
}

/// What a POSIX shell makes of the assignments `write_shell` writes.
fn unshell(script: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut rest = script;
    let mut out = Vec::new();
    while let Some(after) = rest.strip_prefix(b"export ") {
        let equals = after.iter().position(|b| *b == b'=').unwrap();
        let (name, mut tail) = (String::from_utf8(after[..equals].to_vec()).unwrap(), &after[equals + 1..]);
        let mut value = Vec::new();
        loop {
            match tail {
                [b'\'', inner @ ..] => {
                    let end = inner.iter().position(|b| *b == b'\'').unwrap();
                    value.extend_from_slice(&inner[..end]);
                    tail = &inner[end + 1..];
                }
                [b'\\', escaped, after @ ..] => {
                    value.push(*escaped);
                    tail = after;
                }
                [b'\n', after @ ..] => break rest = after,
                other => panic!("unquoted {other:?}"),
            }
        }
        out.push((name, value));
    }
    assert!(rest.is_empty());
    out
}

proptest! {
    #[test]
    fn what_dotenv_can_hold_comes_back(pairs in btree_map("[A-Za-z_ÄÖ][A-Za-z0-9_.ß-]{0,8}", tricky_text(), 0..6)) {
        let pairs: Vec<(String, Vec<u8>)> = pairs.into_iter().map(|(n, v)| (n, v.replace('\0', "").into_bytes())).collect();
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        let file = exported(Format::Dotenv, &borrowed).unwrap();
        prop_assert_eq!(values(&parse_dotenv(&file).unwrap()), pairs);
    }

    #[test]
    fn every_name_and_value_comes_back_from_json_and_yaml(pairs in btree_map(tricky_text(), tricky_bytes(), 0..6)) {
        let pairs: Vec<(String, Vec<u8>)> = pairs.into_iter().collect();
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        let json = exported(Format::Json, &borrowed).unwrap();
        prop_assert_eq!(&values(&parse_json(&json).unwrap()), &pairs);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok_and(|v| v.is_object()));
        let yaml = exported(Format::Yaml, &borrowed).unwrap();
        prop_assert_eq!(&values(&parse_yaml(&yaml).unwrap()), &pairs);
        prop_assert_eq!(&values(&parse_yaml(&json).unwrap()), &pairs);
    }

    #[test]
    fn what_the_shell_can_hold_comes_back(pairs in btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", tricky_bytes(), 0..6)) {
        let mut pairs: Vec<(String, Vec<u8>)> = pairs.into_iter().collect();
        for (_, value) in &mut pairs {
            value.retain(|b| *b != 0);
        }
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        prop_assert_eq!(unshell(&exported(Format::Shell, &borrowed).unwrap()), pairs);
    }

    #[test]
    fn docker_lines_are_raw_or_refused(value in tricky_bytes()) {
        let fits = std::str::from_utf8(&value).is_ok() && !value.iter().any(|b| matches!(b, 0 | b'\n')) && !value.ends_with(b"\r");
        let file = exported(Format::Docker, &[("A", &value)]);
        prop_assert_eq!(file.is_ok(), fits);
        if let Ok(file) = file {
            prop_assert_eq!(&file[2..file.len() - 1], &value[..]);
        }
    }

    #[test]
    fn a_literal_template_resolves_to_the_text(text in tricky_text()) {
        let value = Secret::new(literal_to_template(&text)).into_bytes();
        let entry = Entry { name: String::new(), value, interpolate: true, line: 1, replaces: None };
        prop_assert_eq!(resolved(&entry), Some(text.into_bytes()));
    }

    #[test]
    fn arbitrary_input_never_panics_and_errors_stay_one_line(input in prop_oneof![tricky_bytes(), vec(any::<u8>(), 0..200)]) {
        for format in Format::ALL {
            if let Err(error) = parse(format, &input) {
                prop_assert!(!error.to_string().contains(['\n', '\r']));
            }
        }
    }

    #[test]
    fn lines_of_dotenv_pieces_never_panic(parts in vec(prop_oneof![
        Just("A"), Just("="), Just("export "), Just("'"), Just("\""), Just("`"), Just("\n"), Just("\r"), Just(" "), Just("#"),
        Just("\\"), Just("$"), Just("{"), Just("é"), Just("\u{a0}"), Just(":"),
    ], 0..30)) {
        let text = parts.concat();
        if let Ok(entries) = parse_dotenv(text.as_bytes()) {
            prop_assert!(entries.iter().all(|e| !e.name.is_empty() && e.line >= 1));
        }
    }

    #[test]
    fn lines_of_json_and_yaml_pieces_never_panic(parts in vec(prop_oneof![
        Just("a"), Just(": "), Just("{"), Just("}"), Just("["), Just("]"), Just("\""), Just("\\"), Just("\n"), Just("  "), Just("- "),
        Just("&a "), Just("*a"), Just("!!str "), Just("|"), Just("? "), Just(","), Just("1"), Just("null"), Just("---\n"), Just("#"),
    ], 0..30)) {
        let text = parts.concat();
        let _ = parse_yaml(text.as_bytes());
        let ours = parse_json(text.as_bytes()).is_ok();
        prop_assert!(!ours || serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
