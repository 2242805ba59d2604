use bech32::{Bech32, Hrp};
use data_encoding::BASE64;
use proptest::prelude::*;

use super::SopsFormat::{Dotenv, Ini, Json, Yaml};
use super::*;
use crate::keys::age::seal_for_test;
use crate::keys::foreign::sops_seal_for_test;
use crate::keys::pair::x25519_public;

const KEY: [u8; 32] = [0x66; 32];
const AT: &str = "2026-11-25T10:00:00Z";

fn identity() -> String {
    let prefix = Hrp::parse("age-secret-key-").expect("a prefix");
    let text = bech32::encode::<Bech32>(prefix, &[0x11; 32]).expect("short");
    format!("# created by a test\n{}\n", text.to_ascii_uppercase())
}

/// An encrypted value at a place like `app:KEY:`.
fn sealed(kind: &str, value: &str, place: &str) -> String {
    let [nonce, data, tag] = sops_seal_for_test(&KEY, value.as_bytes(), place.as_bytes()).map(|p| BASE64.encode(&p));
    format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:{kind}]")
}

fn mac(values: &[&str], only_encrypted: bool) -> String {
    use data_encoding::HEXUPPER;
    use ring::digest::{Context, SHA256, SHA512, digest};
    let mut context = Context::new(&SHA512);
    if only_encrypted {
        context.update(digest(&SHA256, b"sops").as_ref());
    }
    for value in values {
        context.update(value.as_bytes());
    }
    sealed("str", &HEXUPPER.encode(context.finish().as_ref()), AT)
}

fn armored() -> String {
    let file = seal_for_test(x25519_public(&[0x11; 32]).expect("a key"), &KEY);
    format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", BASE64.encode(&file))
}

/// A file of JSON: `values` is the inside of the object, `covered` what the MAC is over.
fn json(values: &str, covered: &[&str], only_encrypted: bool) -> String {
    let about = serde_json::json!({
        "age": [{ "recipient": "age1made-up", "enc": armored() }], "lastmodified": AT,
        "mac": mac(covered, only_encrypted), "mac_only_encrypted": only_encrypted, "version": "3.9.0",
    });
    format!("{{{values},\n\t\"sops\": {about}}}")
}

fn read(input: &str, format: SopsFormat) -> Result<Found, ImportError> {
    sops("f", input.as_bytes(), format, identity().as_bytes())
}

fn names(found: &Found) -> Vec<(String, String)> {
    let text = |item: &crate::vault::importers::SourceItem| {
        let value = String::from_utf8_lossy(item.versions[0].value.expose()).into_owned();
        (item.folder.iter().chain([&item.key]).map(String::as_str).collect::<Vec<_>>().join("/"), value)
    };
    found.items.iter().map(text).collect()
}

#[test]
fn nested_values_of_all_types_come_with_their_folders() {
    let values = format!(
        r#""B": "{}", "app": {{ "PORT": "{}", "ON": "{}", "LIST": ["{}", {{"x": "{}"}}] }}, "EMPTY": "", "N": null, "a_unencrypted": 3"#,
        sealed("str", "b", "B:"),
        sealed("int", "80", "app:PORT:"),
        sealed("bool", "True", "app:ON:"),
        sealed("str", "one", "app:LIST:"),
        sealed("float", "1.5", "app:LIST:x:"),
    );
    let found = read(&json(&values, &["b", "80", "True", "one", "1.5", "3"], false), Json).expect("a file");
    let expected = [
        ("B", "b"),
        ("app/PORT", "80"),
        ("app/ON", "true"),
        ("app/LIST", r#"["one",{"x":1.5}]"#),
        ("EMPTY", ""),
        ("a_unencrypted", "3"),
    ];
    assert_eq!(names(&found), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let remarks: Vec<_> = found.remarks.iter().map(|r| r.place.as_str()).collect();
    assert_eq!(remarks, ["f: app.LIST", "f: N"]);
}

#[test]
fn yaml_dotenv_and_ini_are_read_like_json() {
    let (a, b) = (sealed("str", "one\ntwo", "A:"), sealed("str", "2", "B:"));
    let mac_of = |values: &[&str]| mac(values, false);
    let enc = armored();
    let yaml = format!(
        "A: {a}\n# a comment\nB: {b}\nsops:\n    age:\n        - recipient: age1x\n          enc: |\n{}\n    \
         lastmodified: \"{AT}\"\n    mac: {}\n    version: 3.9.0\n",
        enc.lines().map(|l| format!("            {l}")).collect::<Vec<_>>().join("\n"),
        mac_of(&["one\ntwo", "2"])
    );
    let flat = enc.replace('\n', "\\n");
    let dotenv = format!(
        "#ENC[of a comment]\nA={a}\nB={b}\nsops_age__list_0__map_enc={flat}\nsops_age__list_0__map_recipient=age1x\n\
         sops_lastmodified={AT}\nsops_mac={}\nsops_version=3.9.0\n",
        mac_of(&["one\ntwo", "2"])
    );
    let expected = [("A".to_owned(), "one\ntwo".to_owned()), ("B".to_owned(), "2".to_owned())];
    assert_eq!(names(&read(&yaml, Yaml).expect("YAML")), expected);
    assert_eq!(names(&read(&dotenv, Dotenv).expect("dotenv")), expected);
    let ini = format!(
        "A = {}\n\n[app]\n; a comment\nB    = {}\n\n[sops]\nage__list_0__map_enc = {flat}\nlastmodified = {AT}\nmac = {}\n",
        sealed("str", "1", "DEFAULT:A:"),
        sealed("str", "2", "app:B:"),
        mac_of(&["1", "2"])
    );
    let expected = [("A".to_owned(), "1".to_owned()), ("app/B".to_owned(), "2".to_owned())];
    assert_eq!(names(&read(&ini, Ini).expect("INI")), expected);
}

#[test]
fn what_the_mac_does_not_cover_is_left_out_and_named() {
    let values = format!(r#""A": "{}", "PLAIN": "by anybody", "L": ["by anybody"]"#, sealed("str", "a", "A:"));
    let found = read(&json(&values, &["a"], true), Json).expect("a file");
    assert_eq!(names(&found), [("A".to_owned(), "a".to_owned())]);
    assert!(found.remarks.iter().all(|r| r.detail.contains("does not cover")) && found.remarks.len() == 2);
    // The same with a MAC over everything, which a stranger cannot make.
    assert!(read(&json(&values, &["a"], false), Json).is_err());
}

#[test]
fn values_that_were_swapped_moved_dropped_or_changed_import_nothing() {
    let (a, b) = (sealed("str", "a", "A:"), sealed("str", "b", "B:"));
    let file = |first: &str, second: &str| json(&format!(r#""A": "{first}", "B": "{second}""#), &["a", "b"], false);
    assert!(read(&file(&a, &b), Json).is_ok());
    for wrong in [file(&b, &a), file(&a, &a), file(&a, ""), file(&a, "b2"), file(&a, &b[..b.len() - 4])] {
        let error = read(&wrong, Json).expect_err("changed").to_string();
        assert!(!error.contains("ENC["), "{error}");
    }
    let dropped = json(&format!(r#""A": "{a}""#), &["a", "b"], false);
    assert!(read(&dropped, Json).expect_err("dropped").to_string().contains("MAC"));
    let other = format!("{}\n", identity().lines().last().expect("a key")).replace("# ", "");
    assert!(sops("f", file(&a, &b).as_bytes(), Json, other.as_bytes()).is_ok());
    for keys in ["", "# none\n", "AGE-PLUGIN-YUBIKEY-1X\n", "age1x\n"] {
        let error = sops("f", file(&a, &b).as_bytes(), Json, keys.as_bytes()).expect_err(keys).to_string();
        assert!(error.starts_with("identity file"), "{error}");
    }
    let kms = file(&a, &b).replace("\"age\"", "\"kms\"");
    assert!(read(&kms, Json).expect_err("no age").to_string().contains("kms"));
    assert!(read("{\"A\": \"b\"}", Json).expect_err("plain").to_string().contains("nothing of SOPS"));
    // Every place where the file is cut off.
    let whole = file(&a, &b);
    for at in 0..whole.len() - 1 {
        assert!(read(&whole[..at], Json).is_err(), "cut at {at}");
    }
}

#[test]
fn files_made_to_hurt_are_refused() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(read(&deep, Json).is_err());
    assert!(read(&"a: {".repeat(100_000), Yaml).is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert!(read(bomb, Yaml).is_err());
    let flat = format!("sops_{}=x\n", "a__map_".repeat(100_000));
    assert!(read(&flat, Dotenv).is_err());
    assert!(read("[x\n", Ini).is_err() && read("x\n", Dotenv).is_err());
    let large = "A".repeat(crate::vault::format::MAX_INPUT_BYTES + 1);
    assert_eq!(read(&large, Json).err(), Some(ImportError::TooMuch));
    assert!(sops("f", b"\xff\xfe", Ini, identity().as_bytes()).is_err());
}

#[test]
fn a_name_tells_the_format() {
    let guessed =
        ["a.yaml", "a.YML", "prod.env", ".env.production", "a.ini", "a.json", "secrets.bin"].map(SopsFormat::guess);
    assert_eq!(guessed, [Yaml, Yaml, Dotenv, Dotenv, Ini, Json, Json]);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(input in ".{0,400}", format in 0..4_usize) {
        let format = [Dotenv, Json, Yaml, Ini][format];
        prop_assert!(read(&input, format).is_err());
        let with_these_keys = sops("f", b"{}", format, input.as_bytes());
        prop_assert!(with_these_keys.is_err());
    }
}
