//! The formats of other programs: what each holds comes back, what it cannot hold is refused by name, and nothing
//! hostile costs more than a scan.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::tests::{exported, exported_text, refused, tricky_bytes, tricky_text, values};
use super::*;
use crate::types::Failure as _;

/// Formats that hold every name and value.
const ALL_BYTES: [Format; 2] = [Format::Toml, Format::Csv];

fn read(format: Format, text: &str) -> Vec<(String, String)> {
    let entries = parse(format, text.as_bytes()).unwrap_or_else(|error| panic!("{format}: {text:?}: {error}"));
    assert!(entries.iter().all(|entry| !entry.interpolate), "what other programs wrote is literal");
    values(&entries).into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn not_held(format: Format, name: &str, value: &[u8]) {
    let error = exported(format, &[("OK", b"1"), (name, value)]).expect_err(name);
    let shown = name.replace('\n', "\u{fffd}");
    assert_eq!((error.code(), error.name()), ("format_not_representable", Some(shown.as_str())), "{format} {name:?}");
}

#[test]
fn toml_keeps_the_source_text_of_scalars() {
    let text = "# c\nA = \"x\\u0000\\n\" # c\r\n\"B c\" = 'it\\s'\nC=1_000\nD = 1.10\nE = 0x1F\nF = true\nG = 1979-05-27T07:32:00Z\n\
                H = \"\"\"\ntwo\nlines \"\"\"\"\nI = '''a'b''''\nJ = {encoding = \"base64\", value = \"/wA=\"}\nK = \"#=\" \nL = inf\n";
    let entries = parse_toml(text.as_bytes()).unwrap();
    let expected: Vec<(String, Vec<u8>)> = [
        ("A", &b"x\0\n"[..]),
        ("B c", b"it\\s"),
        ("C", b"1_000"),
        ("D", b"1.10"),
        ("E", b"0x1F"),
        ("F", b"true"),
        ("G", b"1979-05-27T07:32:00Z"),
        ("H", b"two\nlines \""),
        ("I", b"a'b'"),
        ("J", b"\xff\0"),
        ("K", b"#="),
        ("L", b"inf"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_vec()))
    .into();
    assert_eq!(values(&entries), expected);
    assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15]);
}

#[test]
fn toml_that_is_not_one_flat_table_is_refused_with_its_line() {
    for (text, code, name) in [
        ("[section]\n", "format_syntax", ""),
        ("[[list]]\n", "format_syntax", ""),
        ("a.b = 1\n", "format_syntax", ""),
        ("a\n", "format_syntax", ""),
        ("= 1\n", "format_syntax", ""),
        ("a b = 1\n", "format_syntax", ""),
        ("a = [1]\n", "format_invalid_value", "a"),
        ("a = {}\n", "format_invalid_value", "a"),
        ("a = {value = \"AA==\"}\n", "format_invalid_value", "a"),
        ("a = {value = \"*\", encoding = \"base64\"}\n", "format_invalid_value", "a"),
        ("a = {value = \"AA==\", encoding = \"base64\", more = 1}\n", "format_invalid_value", "a"),
        ("a = \"x\n", "format_invalid_value", "a"),
        ("a = \"x\" y\n", "format_invalid_value", "a"),
        ("a = \n", "format_invalid_value", "a"),
        ("a = 1 b = 2\n", "format_invalid_value", "a"),
        ("a = \"\"\"x\n", "format_invalid_value", "a"),
        ("a = {b = [1\n", "format_invalid_value", "a"),
        ("a = \"\\q\"\n", "format_invalid_value", "a"),
    ] {
        assert_eq!(refused(Format::Toml, &format!("OK = 1\n{text}")), (code, Some(2), name.to_owned()), "{text:?}");
    }
    assert_eq!(refused(Format::Toml, "A = 1\nA = 2\n"), ("format_duplicate_name", Some(2), "A".into()));
}

#[test]
fn hostile_toml_costs_a_scan() {
    let list = format!("a = [{}", "1,".repeat(4_000_000));
    assert_eq!(refused(Format::Toml, &list).0, "format_invalid_value");
    let table = format!("a = {{b = [{}]}}", "1,".repeat(4_000_000));
    assert_eq!(refused(Format::Toml, &table), ("format_too_large", Some(1), "a".into()));
    assert_eq!(refused(Format::Toml, &format!("a = {}", "{a=".repeat(1_000_000))).0, "format_invalid_value");
    assert_eq!(refused(Format::Toml, &format!("{} = 1", "a.".repeat(1_000_000))).0, "format_syntax");
    let escaped = format!("a = \"{}\"", "\\U0000000A".repeat(MAX_VALUE_BYTES));
    assert_eq!(parse_toml(escaped.as_bytes()).unwrap()[0].value.expose().len(), MAX_VALUE_BYTES);
}

#[test]
fn csv_is_read_by_its_heading() {
    let text = "\u{feff}Value,KEY\r\n\"a,\"\"b\"\"\r\nc\",A\r\n\r\n x ,B\n,C\r\"\",D";
    assert_eq!(read(Format::Csv, text), pairs(&[("A", "a,\"b\"\r\nc"), ("B", " x "), ("C", ""), ("D", "")]));
    let entries = parse_csv(b"name,value,encoding\nA,/w==,base64\nB,x,\n").unwrap();
    assert_eq!(values(&entries), [("A".to_owned(), vec![0xff]), ("B".to_owned(), b"x".to_vec())]);
    assert_eq!(entries[1].line, 3);
    assert!(parse_csv(b"").unwrap().is_empty() && parse_csv(b"name,value\n").unwrap().is_empty());
}

#[test]
fn csv_that_could_lose_something_is_refused_with_its_line() {
    for (text, line) in [
        ("A,1\n", 1),
        ("name,value,comment\n", 1),
        ("name,name\n", 1),
        ("name;value\n", 1),
        ("name,value\nA,1,2\n", 2),
        ("name,value\n\"A\n\",1\nB\n", 4),
        ("name,value\nA,x\"y\n", 2),
        ("name,value\nA,\"x\"y\n", 2),
        ("name,value\nA,\"x\ny\n", 2),
        ("a,b,c,d,e,f,g,h,i\n", 1),
    ] {
        assert_eq!(refused(Format::Csv, text), ("format_syntax", Some(line), String::new()), "{text:?}");
    }
    let encoding = refused(Format::Csv, "name,value,encoding\nA,x,rot13\n");
    assert_eq!(encoding, ("format_invalid_value", Some(2), "A".into()));
    assert_eq!(refused(Format::Csv, "name,value\nA,1\nA,2\n"), ("format_duplicate_name", Some(3), "A".into()));
    assert_eq!(refused(Format::Csv, &format!("name,value\n{}", ",".repeat(1_000_000))).0, "format_syntax");
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let text = "# c\n! c\n  A = 1 \r\nB:2\rC  3\nD=\\\n   \\ x\\\n  # y\nE\\ \\=\\:=\\u00e9\\uD83D\\uDE00\\q\\\\\nF=\nG=a#b\nA=last";
    let expected =
        [("B", "2"), ("C", "3"), ("D", " x# y"), ("E =:", "é\u{1f600}q\\"), ("F", ""), ("G", "a#b"), ("A", "last")];
    assert_eq!(read(Format::Properties, text), pairs(&expected));
    let entries = parse_properties(text.as_bytes()).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [4, 5, 6, 9, 10, 11, 12]);
    assert_eq!(entries.last().and_then(|entry| entry.replaces), Some(3));
    for (bad, code, name) in [
        ("KEY", "format_syntax", ""),
        ("A=\\u12", "format_invalid_value", "A"),
        ("A=\\u+123", "format_invalid_value", "A"),
        ("A=\\ud83d", "format_invalid_value", "A"),
        ("A=\\ud83dx", "format_invalid_value", "A"),
        ("A=\\ude00", "format_invalid_value", "A"),
        ("A=\\ud83d\\ud83d", "format_invalid_value", "A"),
    ] {
        assert_eq!(refused(Format::Properties, &format!("\n{bad}\n")), (code, Some(2), name.into()), "{bad}");
    }
}

#[test]
fn ini_is_read_as_npm_reads_it() {
    let text = "; c\n# c\nA = 1 ; c\r\n\r\nB=a=b==\n C=\"x;\\n\"\nD='#\\n'\nE=a\\;b\\#c\\\\d\\e#f\nF=\n_auth.token=t\nA=last\n";
    let expected = [
        ("B", "a=b=="),
        ("C", "x;\n"),
        ("D", "#\\n"),
        ("E", "a;b#c\\d\\e"),
        ("F", ""),
        ("_auth.token", "t"),
        ("A", "last"),
    ];
    assert_eq!(read(Format::Ini, text), pairs(&expected));
    let entries = parse_ini(text.as_bytes()).unwrap();
    assert_eq!((entries[0].line, entries[6].line, entries[6].replaces), (5, 11, Some(3)));
    for (bad, code, name) in [
        ("[section]", "format_syntax", ""),
        ("a[] = 1", "format_syntax", ""),
        ("KEY", "format_syntax", ""),
        ("=1", "format_syntax", ""),
        ("\"a\"=1", "format_syntax", ""),
        ("A=\"x", "format_invalid_value", "A"),
        ("A='x", "format_invalid_value", "A"),
        ("A=\"\\q\"", "format_invalid_value", "A"),
        ("A=\"", "format_invalid_value", "A"),
    ] {
        assert_eq!(refused(Format::Ini, &format!("\n{bad}\n")), (code, Some(2), name.into()), "{bad}");
    }
}

#[test]
fn compose_gives_the_variables_of_one_service() {
    let fragment = "environment:\n  A: \"1$$2\"\n  B: 0123\n";
    assert_eq!(read(Format::Compose, fragment), pairs(&[("A", "1$2"), ("B", "0123")]));
    let file = "x-deploy: &d {a: {b: [1, 2]}}\nservices:\n  web:\n    image: x\n    deploy: *d\n    environment:\n      - A=b=c\n      - B=\n  db:\n    \
                image: y\n  empty:\n";
    assert_eq!(read(Format::Compose, file), pairs(&[("A", "b=c"), ("B", "")]));
    assert!(read(Format::Compose, "services:\n  web:\n    image: x\n").is_empty());
    for (bad, code) in [
        ("environment:\n  A: ${HOME}\n", "format_invalid_value"),
        ("environment:\n  A: x$\n", "format_invalid_value"),
        ("environment:\n  A:\n", "format_invalid_value"),
        ("environment:\n  A: [1]\n", "format_invalid_value"),
        ("environment:\n  A: {value: AA==, encoding: base64}\n", "format_invalid_value"),
        ("environment:\n  - A\n", "format_syntax"),
        ("environment:\n  - [A]\n", "format_syntax"),
        ("environment: x\n", "format_syntax"),
        ("services: [web]\n", "format_syntax"),
        ("services:\n  a:\n    environment: {A: x}\n  b:\n    environment: {A: x}\n", "format_syntax"),
        ("environment:\n  <<: *none\n", "format_syntax"),
        ("environment:\n  - A=1\n  - A=2\n", "format_duplicate_name"),
    ] {
        assert_eq!(refused(Format::Compose, bad).0, code, "{bad}");
    }
}

#[test]
fn objects_of_kubernetes_are_read_as_the_server_reads_them() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  managedFields:\n  - f: {a: {b: {}}}\ndata:\n  A: eA==\n  B: |\n    eA\n    ==\n\
                  stringData:\n  C: y\n  D: \"true\"\ntype: Opaque\n";
    assert_eq!(read(Format::KubernetesSecret, secret), pairs(&[("A", "x"), ("B", "x"), ("C", "y"), ("D", "true")]));
    let json = "{\"kind\": \"Secret\", \"data\": {\"A\": \"eA==\"}, \"metadata\": null}";
    assert_eq!(read(Format::KubernetesSecret, json), pairs(&[("A", "x")]));
    let map = "kind: ConfigMap\ndata:\n  A: x\nbinaryData: {B: eA==}\n";
    assert_eq!(read(Format::KubernetesConfigmap, map), pairs(&[("A", "x"), ("B", "x")]));
    assert!(read(Format::KubernetesSecret, "kind: Secret\ndata:\n").is_empty());
    for bad in [
        "",
        "a: b\n",
        "kind: ConfigMap\n",
        "kind: [Secret]\n",
        "kind: Secret\n---\nkind: Secret\n",
        "kind: Secret\ndata: x\n",
    ] {
        assert_eq!(refused(Format::KubernetesSecret, bad).0, "format_syntax", "{bad}");
    }
    for (bad, code) in [
        ("kind: Secret\ndata: {A: '*'}\n", "format_invalid_value"),
        ("kind: Secret\ndata: {A: [1]}\n", "format_invalid_value"),
        ("kind: Secret\nstringData: {A: null}\n", "format_invalid_value"),
        ("kind: Secret\ndata: {A: eA==}\nstringData: {A: x}\n", "format_duplicate_name"),
    ] {
        let (found, _, name) = refused(Format::KubernetesSecret, bad);
        assert_eq!((found, name.as_str()), (code, "A"), "{bad}");
    }
}

#[test]
fn bombs_in_manifests_are_refused_before_they_grow() {
    let bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nkind: Secret\ndata: *c\n";
    assert_eq!(refused(Format::KubernetesSecret, bomb).0, "format_syntax");
    let line = "x".repeat(60_000);
    let many = (0..1_000).map(|at| format!("  k{at}: *x")).collect::<Vec<_>>().join("\n");
    let flat = format!("x: &x \"{line}\"\nkind: ConfigMap\ndata:\n{many}\n");
    assert_eq!(refused(Format::KubernetesConfigmap, &flat).0, "format_too_large");
    for format in [Format::KubernetesSecret, Format::Compose] {
        assert_eq!(refused(format, &format!("a: {}", "[".repeat(1_000_000))).0, "format_syntax");
        assert_eq!(refused(format, &format!("a: {}", "{a: ".repeat(1_000_000))).0, "format_syntax");
    }
}

#[test]
fn they_are_written_as_documented() {
    let text = [("A", "it's \"x\" $5\n"), ("NO", " é;#")];
    for (format, expected) in [
        (Format::Toml, "A = \"it's \\\"x\\\" $5\\n\"\nNO = \" é;#\"\n"),
        (Format::Csv, "name,value\r\nA,\"it's \"\"x\"\" $5\n\"\r\nNO,\" é;#\"\r\n"),
        (Format::Properties, "A=it's \"x\" $5\\n\nNO=\\ \\u00e9;#\n"),
        (Format::Ini, "A=\"it's \\\"x\\\" $5\\n\"\nNO=\" é;#\"\n"),
        (Format::Compose, "environment:\n  A: \"it's \\\"x\\\" $$5\\n\"\n  \"NO\": \" é;#\"\n"),
        (Format::GithubMask, "::add-mask::it's \"x\" $5%0A\n::add-mask:: é;#\n"),
        (
            Format::KubernetesSecret,
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"shop-staging\"\ntype: Opaque\ndata:\n  A: \"aXQncyAieCIgJDUK\"\n  \
             \"NO\": \"IMOpOyM=\"\n",
        ),
        (
            Format::KubernetesConfigmap,
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"shop-staging\"\ndata:\n  A: \"it's \\\"x\\\" $5\\n\"\n  \
             \"NO\": \" é;#\"\n",
        ),
    ] {
        assert_eq!(exported_text(format, &text), expected, "{format}");
    }
    assert_eq!(
        exported_text(Format::GithubMask, &[("A", "100%\r"), ("B", " \n"), ("C", "")]),
        "::add-mask::100%25%0D\n"
    );
    assert_eq!(exported_text(Format::Compose, &[]), "environment: {}\n");
    assert_eq!(
        exported(Format::Csv, &[("A", b"\xff"), ("B", b"b")]).unwrap(),
        b"name,value,encoding\r\nA,/w==,base64\r\nB,b,\r\n"
    );
    assert_eq!(
        exported(Format::Toml, &[("a b", b"\xff")]).unwrap(),
        b"\"a b\" = {value = \"/w==\", encoding = \"base64\"}\n"
    );
}

#[test]
fn what_they_cannot_hold_is_refused_by_name() {
    for format in [Format::Properties, Format::Ini, Format::Compose, Format::GithubMask] {
        not_held(format, "N", b"\xff");
    }
    for format in [Format::Compose, Format::GithubMask] {
        not_held(format, "N", b"a\0b");
    }
    for name in ["", "a=b", "a;b", "#a", "[a", "a[]", " a", "a\n", "\"a\""] {
        not_held(Format::Ini, name, b"x");
    }
    for name in ["", "a=b", "a\nb"] {
        not_held(Format::Compose, name, b"x");
    }
    for name in ["", "a b", "ä", "..", "..a", ".", "a/b"] {
        not_held(Format::KubernetesSecret, name, b"x");
        not_held(Format::KubernetesConfigmap, name, b"x");
    }
    not_held(Format::KubernetesSecret, "BIG", &vec![b'x'; 1024 * 1024]);
    for format in [Format::Shell, Format::Docker, Format::GithubMask] {
        assert_eq!(parse(format, b"").unwrap_err().code(), "format_export_only");
    }
}

#[test]
fn an_object_has_a_name_the_server_takes() {
    assert_eq!(ObjectName::of("shop", "staging").as_str(), "shop-staging");
    assert_eq!(ObjectName::of("prj_01ABC", "env_02").as_str(), "prj-01abc-env-02");
    assert_eq!(ObjectName::of("a/b", "c").as_str(), "holdfast");
    for bad in ["", "-a", "a-", "A", "a_b", "a..b", ".a", &"a".repeat(254)] {
        assert!(ObjectName::parse(bad).is_err(), "{bad}");
    }
    assert!(ObjectName::parse("a-1.b").is_ok());
}

/// Names a format of objects takes.
fn key() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_.-]{0,8}"
}

fn comes_back(format: Format, pairs: &[(String, Vec<u8>)]) -> Result<(), TestCaseError> {
    let borrowed: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    let file = exported(format, &borrowed).map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
    let read = parse(format, &file).map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
    let mut read = values(&read);
    read.sort_unstable();
    prop_assert_eq!(read, pairs, "{}", format);
    Ok(())
}

proptest! {
    #[test]
    fn every_name_and_value_comes_back_from_toml_and_csv(pairs in btree_map(tricky_text(), tricky_bytes(), 0..6)) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        for format in ALL_BYTES {
            comes_back(format, &pairs)?;
        }
    }

    #[test]
    fn every_text_comes_back_from_properties(pairs in btree_map(tricky_text(), tricky_text(), 0..6)) {
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        comes_back(Format::Properties, &pairs)?;
    }

    #[test]
    fn every_text_comes_back_from_ini_and_what_compose_can_hold(pairs in btree_map(key(), tricky_text(), 0..6)) {
        let mut pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        comes_back(Format::Ini, &pairs)?;
        for (_, value) in &mut pairs {
            value.retain(|byte| *byte != 0);
        }
        comes_back(Format::Compose, &pairs)?;
    }

    #[test]
    fn every_value_comes_back_from_objects_of_kubernetes(pairs in btree_map(key(), tricky_bytes(), 0..6)) {
        let pairs: Vec<_> = pairs.into_iter().collect();
        comes_back(Format::KubernetesSecret, &pairs)?;
        comes_back(Format::KubernetesConfigmap, &pairs)?;
    }

    #[test]
    fn a_name_or_value_is_held_or_refused_by_name(name in tricky_text(), value in tricky_bytes()) {
        for format in Format::ALL.into_iter().filter(|format| format.can_import()) {
            match exported(format, &[(&name, &value)]) {
                // A template of dotenv has dollars of its own; it has a test of its own.
                Ok(_) if format == Format::Dotenv => {}
                Ok(file) => {
                    let read = parse(format, &file).map_err(|error| TestCaseError::fail(format!("{format}: {error}")))?;
                    prop_assert_eq!(values(&read), vec![(name.clone(), value.clone())], "{}", format);
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), "format_not_representable");
                    prop_assert!(error.name().is_some());
                }
            }
        }
    }

    #[test]
    fn pieces_of_any_format_never_panic(parts in vec(prop_oneof![
        Just("A"), Just("="), Just(" = "), Just("\""), Just("\"\"\""), Just("'"), Just("'''"), Just("{"), Just("}"), Just("["), Just("]"),
        Just("\n"), Just("\r"), Just("\\"), Just("\\u"), Just("d83d"), Just(","), Just("#"), Just(";"), Just(":"), Just(": "), Just("  "),
        Just("- "), Just("name,value\n"), Just("environment:\n"), Just("kind: Secret\n"), Just("data:\n"), Just("$"), Just("&a "), Just("*a"),
        Just("é"), Just("1"),
    ], 0..30)) {
        let text = parts.concat();
        for format in Format::ALL {
            if let Err(error) = parse(format, text.as_bytes()) {
                prop_assert!(!error.to_string().contains(['\n', '\r']));
            }
        }
    }
}
