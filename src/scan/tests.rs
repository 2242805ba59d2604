use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

use super::baseline::Baseline;
use super::report::{Located, Scanned, Skipped};
use super::rules::RULES;
use super::*;

fn found(path: &str, text: &str) -> Vec<(&'static str, usize, String)> {
    let findings = Scanner::new().scan(path, text.as_bytes());
    let secret = |f: &Finding| String::from_utf8_lossy(f.secret.expose()).into_owned();
    findings.iter().map(|f| (f.rule.id, f.line, secret(f))).collect()
}

/// A pattern with its classes written out in ASCII, as our compiled ones read them.
fn ascii(pattern: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in pattern.chars() {
        match c {
            'w' | 'd' | 's' if escaped => {
                out.pop();
                let class = match c {
                    'w' => "A-Za-z0-9_",
                    'd' => "0-9",
                    _ => " ",
                };
                let marks = if inside { ["", ""] } else { ["[", "]"] };
                out.extend([marks[0], class, marks[1]]);
            }
            '[' if !escaped => inside = true,
            ']' if !escaped => inside = false,
            _ => {}
        }
        if !(escaped && matches!(c, 'w' | 'd' | 's')) {
            out.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    out
}

#[test]
fn every_rule_finds_what_its_pattern_describes() {
    let scanner = Scanner::new();
    let mut runner = TestRunner::deterministic();
    for rule in RULES {
        let strategy = string_regex(&ascii(rule.pattern)).unwrap_or_else(|e| panic!("{}: {e}", rule.id));
        let mut hits = 0;
        for _ in 0..20 {
            let sample = strategy.new_tree(&mut runner).expect("a sample").current();
            let text = format!("first line\n  x = ({sample});\n");
            let findings = scanner.scan("src/a.txt", text.as_bytes());
            hits += usize::from(findings.iter().any(|f| f.rule.id == rule.id && f.line == 2));
        }
        // A drawn sample may look like a placeholder or have too little entropy.
        assert!(hits >= 16, "{}: {hits} of 20 samples were found", rule.id);
    }
}

#[test]
fn rules_have_names_of_their_own_and_keywords_in_their_patterns() {
    let mut ids: Vec<_> = catalogue().iter().map(|r| (r.id, r.title)).collect();
    ids.sort_unstable();
    ids.dedup();
    let names = ids.len();
    ids.dedup_by_key(|r| r.0);
    assert_eq!(ids.len(), names, "one id, one title");
    assert!(ids.iter().all(|(id, _)| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')));
}

/// Something drawn: nothing realistic stands in this file.
fn drawn(length: usize, seed: u64) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits")
    };
    (0..length).map(|_| char::from(alphabet[next() % alphabet.len()])).collect()
}

#[test]
fn names_that_say_so_make_their_values_secret() {
    let value = drawn(24, 7);
    for (path, text) in [
        (".env", format!("DB_PASSWORD={value}")),
        ("a.yaml", format!("  client_secret: {value}  # why")),
        ("a.py", format!("api_key = '{value}'")),
        ("a.rs", format!("const TOKEN: &str = \"{value}\";")),
        ("a.js", format!("{{ \"accessToken\": \"{value}\" }}")),
        ("a.go", format!("password := \"{value}\"")),
        ("a.rb", format!(":secret => \"{value}\"")),
        ("a.sh", format!("export AUTH_TOKEN={value}")),
        ("a.php", format!("define('DB_PASSWORD', '{value}');")),
        ("a.tf", format!("  master_password = \"{value}\"")),
        ("a.ini", "password = hunter2rocks".to_owned()),
        ("a.py", "if password == \"Tr0ub4dor&3\":".to_owned()),
    ] {
        assert!(
            found(path, &text).iter().any(|f| f.0 == "assigned-secret"),
            "{path}: {text}: {:?}",
            found(path, &text)
        );
    }
    for (path, text) in [
        ("a.py", "password = os.environ['DB_PASSWORD']"),
        ("a.py", "password = get_password()"),
        ("a.yaml", "password: ${DB_PASSWORD}"),
        ("a.yaml", "secretName: shop-tls-2024"),
        ("a.json", "{ \"password\": \"Enter your password\" }"),
        ("a.json", "{ \"token_type\": \"bearer123456\" }"),
        ("a.rs", "let token_url = \"https://login.example/oauth2/token\";"),
        ("a.py", "PASSWORD_FIELD = 'user_password_2'"),
        ("a.env", "API_KEY=your-api-key-here"),
        ("a.env", "SECRET=changeme123"),
        ("a.md", "Set the token: then run it"),
        ("a.ts", "password: string;"),
        ("a.ts", "const tokenIndex2 = tokens.length3;"),
        ("a.tf", "password = var.db_password_2"),
        ("a.yaml", "key: password"),
    ] {
        assert_eq!(found(path, text), [], "{path}: {text}");
    }
}

#[test]
fn structure_tells_keys_urls_tokens_and_headers() {
    use data_encoding::{BASE64, BASE64URL_NOPAD};
    let body: String = (0..8).map(|n| drawn(64, n) + "\n").collect();
    let pem = |kind: &str| format!("-----BEGIN {kind}-----\n{body}-----END {kind}-----\n");
    for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let hits = found("key.pem", &format!("x\n{}", pem(kind)));
        assert_eq!((hits.len(), hits[0].0, hits[0].1), (1, "private-key", 2), "{kind}: {hits:?}");
    }
    let escaped = pem("PRIVATE KEY").replace('\n', "\\n");
    assert_eq!(found("a.json", &format!("{{\"k\": \"{escaped}\"}}"))[0].0, "private-key");
    assert_eq!(found("a.pem", &pem("PUBLIC KEY")), []);
    assert_eq!(found("a.md", "a file begins with -----BEGIN PRIVATE KEY----- and ends\n"), []);

    let password = drawn(12, 3);
    assert_eq!(found("a.txt", &format!("postgres://app:{password}@db:5432/x"))[0].2, password);
    for text in
        ["https://user:password@host", "https://a.example:8080/@b", "ssh://git@host/x", "http://u:${PW}@h", "x://u:p@h"]
    {
        assert_eq!(found("a.txt", text), [], "{text}");
    }

    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let jwt = format!("{}.{}.{}", part("{\"alg\":\"HS256\"}"), part("{\"sub\":\"1\"}"), drawn(43, 5));
    assert_eq!(found("a.txt", &format!("see {jwt} there"))[0].0, "jwt");
    let unsigned = format!("{}.{}.{}", part("{\"alg\":\"none\"}"), part("{\"sub\":\"1\"}"), drawn(43, 5));
    assert_eq!(found("a.txt", &format!("see {unsigned} there")), []);

    let basic = BASE64.encode(format!("ada:{password}").as_bytes());
    assert_eq!(found("a.http", &format!("Authorization: Basic {basic}"))[0].0, "auth-header");
    assert_eq!(found("a.http", &format!("Authorization: Bearer {}", drawn(40, 2)))[0].0, "auth-header");
    assert_eq!(found("a.md", "Basic authentication and bearer tokens are explained below"), []);
}

#[test]
fn our_own_tokens_are_told_by_their_checksum() {
    let token = crate::keys::PlainToken::generate(crate::keys::TokenKind::Cli).unwrap();
    let text = format!("token here {}", token.expose_text());
    assert_eq!(found("a.md", &text)[0].0, "holdfast-token");
    let mistyped = text.replace(&text[text.len() - 8..text.len() - 6], "00");
    assert!(found("a.md", &mistyped).iter().all(|f| f.0 != "holdfast-token"));
}

#[test]
fn what_looks_drawn_is_found_and_digests_and_identifiers_are_not() {
    let value = drawn(40, 11);
    assert_eq!(found("a.py", &format!("x = \"{value}\""))[0].0, "high-entropy");
    assert_eq!(found(".env", &format!("SOMETHING={value}"))[0].0, "high-entropy");
    let hex = data_encoding::HEXLOWER.encode(&drawn(20, 13).as_bytes()[..20]);
    assert_eq!(found("a.py", &format!("x = '{hex}f3'"))[0].0, "high-entropy");
    for (path, text) in [
        ("a.lock", format!("commit = \"{hex}\"")),
        ("Cargo.lock", format!("x = \"{value}\"")),
        ("a.html", format!("<script integrity=\"sha384-{value}{value}\">")),
        ("a.py", "x = 'com.example.shop.checkout.v2.handlers'".to_owned()),
        ("a.py", "id = '123e4567-e89b-12d3-a456-426614174000'".to_owned()),
        ("a.css", format!("url('data:image/png;base64,{value}')")),
        ("a.rs", "let x = \"getUserAccountSettingsById2\";".to_owned()),
    ] {
        assert_eq!(found(path, &text), [], "{path}: {text}");
    }
}

#[test]
fn one_place_is_found_once_with_its_line_and_column() {
    let token = format!("ghp_{}", drawn(36, 17));
    let text = format!("a\n\u{e4}\u{f6} token = \"{token}\" # x\n{token}\n");
    let hits = Scanner::new().scan("a.py", text.as_bytes());
    let places: Vec<_> = hits.iter().map(|f| (f.rule.id, f.line, f.column)).collect();
    assert_eq!(places, [("github-token", 2, 13), ("github-token", 3, 1)]);
    let ignored = text.replace("# x", "# holdfast:ignore[github-token]");
    assert_eq!(Scanner::new().scan("a.py", ignored.as_bytes()).len(), 1);
}

#[test]
fn a_baseline_knows_what_it_was_given_and_holds_nothing_of_it() {
    let (one, other) = (drawn(30, 19), drawn(30, 23));
    let finding = |value: &str| Scanner::new().scan(".env", format!("A_TOKEN={value}").as_bytes()).remove(0);
    let mut baseline = Baseline::new([7; 32]);
    baseline.add(".env", &finding(&one));
    let text = baseline.to_text();
    assert!(!text.contains(&one) && text.contains("assigned-secret"));
    let read = Baseline::parse(text.as_bytes()).unwrap();
    assert!(read.knows(".env", &finding(&one)));
    assert!(!read.knows(".env", &finding(&other)), "another secret on the same line");
    assert!(!read.knows("b.env", &finding(&one)), "the same secret in another file");
    assert_ne!(text, {
        let mut b = Baseline::new([8; 32]);
        b.add(".env", &finding(&one));
        b.to_text()
    });
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(entry["findings"][".env"][0]["tag"].as_str().unwrap().len(), 6, "24 bits, no more");
    for bad in [
        "",
        "{}",
        "[]",
        "{\"version\":2,\"salt\":\"\",\"findings\":{}}",
        "{\"version\":1,\"salt\":\"00\",\"findings\":{}}",
    ] {
        assert!(Baseline::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_report_names_places_and_never_the_text() {
    let value = drawn(30, 29);
    let finding = Scanner::new().scan(".env", format!("A_TOKEN={value}").as_bytes()).remove(0);
    let path = "a b/\u{e4}\u{1b}[31m%.env".to_owned();
    let found = [Located { path, commit: None, finding, own: Some("shop/dev:/A".into()) }];
    let skipped = vec![Skipped { path: "x".into(), reason: "no".into(), is_problem: true }];
    let scanned = Scanned { files: 1, skipped, ..Scanned::default() };
    let sarif = report::sarif(&found, &scanned, "0.1.0");
    let json = report::json(&found, &scanned);
    for text in [sarif.to_string(), json.to_string(), format!("{found:?}")] {
        assert!(!text.contains(&value), "{text}");
    }
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
    assert_eq!(uri, "a%20b/%C3%A4%1B%5B31m%25.env");
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], run["results"][0]["ruleId"]);
    assert_eq!(
        (json["findings"][0]["secret"].as_str(), run["invocations"][0]["executionSuccessful"].as_bool()),
        (Some("shop/dev:/A"), Some(false))
    );
}

#[test]
fn utf16_and_other_data_are_told_from_text() {
    let text: Vec<u8> = [0xff, 0xfe].into_iter().chain("A=1\r\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(utf16(&text).as_deref(), Some("A=1\r\n"));
    assert!(!is_binary(&text) && is_binary(b"ELF\0") && !is_binary(b"text") && !is_binary(b""));
    assert_eq!(utf16(&[0xff, 0xfe, 1]).as_deref(), Some(""));
}

/// Texts made of what rules look for, so that their edges are met.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "password",
        "=",
        ": \"",
        "'",
        "\"",
        "-----BEGIN ",
        "PRIVATE KEY",
        "-----",
        "-----END ",
        "://",
        "@",
        "eyJ",
        ".",
        "hf_pat_",
        "basic ",
        "Bearer ",
        "ghp_",
        "AKIA",
        "\n",
        "${",
        "holdfast:ignore[",
        "]",
        "\u{e4}",
        "secret_key",
        ",",
        "sk-",
        "-us",
        ":AA",
        "8Q~",
        "\\n",
        "=>",
        ":=",
    ]);
    let piece = prop_oneof![
        words.prop_map(|w| w.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
        "[A-Za-z0-9+/=]{0,80}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_scanned_without_a_panic_and_places_are_in_the_text(text in pieces()) {
        let scanner = Scanner::new();
        for path in [".env", "a.rs", "Cargo.lock", ""] {
            let lines = text.split(|b| *b == b'\n').count();
            for finding in scanner.scan(path, &text) {
                prop_assert!((1..=lines).contains(&finding.line) && finding.column >= 1);
                prop_assert!(memchr::memmem::find(&text, finding.secret.expose()).is_some());
            }
        }
        let mut count = 0;
        own::candidates(&text, |c| count += c.value.len());
        prop_assert!(count <= text.len() * 64, "candidates are bounded by the text");
        let _ = (utf16(&text), is_binary(&text), Baseline::parse(&text));
        diff::added(text.as_slice(), |_| true).expect("memory can be read");
    }
}
