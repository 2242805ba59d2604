//! Every rule finds what it says and passes what is right; fixes change what they are about and nothing else.

use proptest::prelude::*;

use super::super::tests::FULL;
use super::super::{Notes, read, write};
use super::*;

/// A service with nothing to say about.
const CLEAN: &str = "\
name: shop
services:
  - name: web
    image: registry.example/web:1.4
    ports: [{name: http, containerPort: 8080}]
    resources: {limits: {memory: 64Mi}}
    probes: {readiness: {http: /readyz}}
";

fn found_with(text: &str, names: Option<&BTreeSet<String>>) -> Vec<(&'static str, usize)> {
    let document = read(text).unwrap_or_else(|e| panic!("{e:#?}\n{text}"));
    lint(text, &document, names).into_iter().map(|f| (f.rule.id, f.said.at.line)).collect()
}

fn found(text: &str) -> Vec<(&'static str, usize)> {
    found_with(text, None)
}

/// The clean blueprint with a line added to its service, or replaced where it has the field.
fn with(line: &str) -> String {
    let field = line.split(':').next().expect("a field");
    let kept = CLEAN.split_inclusive('\n').filter(|l| !l.trim_start().starts_with(&format!("{field}:")));
    kept.collect::<String>() + &format!("    {line}\n")
}

#[test]
fn a_clean_blueprint_is_clean() {
    assert_eq!(found(CLEAN), []);
}

#[test]
fn every_rule_finds_what_it_says_at_its_line() {
    let token = format!("ghp{}{}", '_', "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    for (id, line, at) in [
        ("HF001", "resources: {requests: {memory: 1Mi}}".to_owned(), 3),
        ("HF002", "probes: {}".to_owned(), 5),
        ("HF003", "image: registry.example/web".to_owned(), 7),
        ("HF003", "image: registry.example/web:latest".to_owned(), 7),
        ("HF003", "init: {type: command, script: x, image: a}".to_owned(), 8),
        ("HF004", "security: {user: 0}".to_owned(), 8),
        ("HF004", "image: nginx:1.27".to_owned(), 7),
        ("HF008", "env: {DATABASE_PASSWORD: postgres}".to_owned(), 8),
        ("HF008", format!("env: {{X: {token}}}"), 8),
        ("HF008", format!("args: [--token, {token}]"), 8),
        ("HF008", format!("init: {{type: command, script: 'export T={token}'}}"), 8),
        ("HF010", "egress: [internet]".to_owned(), 8),
        ("HF010", "egress: [\"0.0.0.0/0:443\"]".to_owned(), 8),
        ("HF012", "probes: {readiness: {http: /readyz}, liveness: {tcp: 8080}}".to_owned(), 7),
        ("HF014", "variables: all".to_owned(), 8),
        ("HF017", "egress: [\"internet:1\", \"internet:1\"]".to_owned(), 8),
        ("HF017", "variables: [SMTP_HOST, \"SMTP_*\"]".to_owned(), 8),
        ("HF017", "variables: [A, A]".to_owned(), 8),
        ("HF018", "env: {MODE: 0755}".to_owned(), 8),
        ("HF018", "env: {MODE: yes}".to_owned(), 8),
        ("HF018", "env: {VERSION: 1.10}".to_owned(), 8),
        ("HF019", "egress: [\"10.1.2.3/24:5432\"]".to_owned(), 8),
    ] {
        let text = with(&line);
        assert_eq!(found(&text), [(id, at)], "{text}");
        for (mark, passes) in [(format!("[{id}]"), true), (String::new(), true), ("[HF999]".to_owned(), false)] {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines[at - 1].extend([" # holdfast:ignore", &mark]);
            assert_eq!(found(&lines.join("\n")).is_empty(), passes, "{mark} on {}", lines[at - 1]);
        }
    }
    assert_eq!(found(&with("expose: {auth: public}")), [("HF016", 8)]);
    let both = "probes: {readiness: {http: /x}, liveness: {http: /x}, startup: {http: /x}}";
    assert_eq!(found(&with(both)), [("HF013", 7)]);
    let exposed = CLEAN
        .replace("    ports: [{name: http, containerPort: 8080}]\n", "    expose: true\n")
        .replace("http: /readyz", "tcp: 1");
    assert_eq!(found(&exposed), [("HF005", 5)]);
    let stored = with("volumes: [{name: d, mountPath: /d, type: pvc, size: 1Gi}]") + "    replicas: 2\n";
    assert_eq!(found(&stored), [("HF011", 9)]);
}

#[test]
fn rules_about_two_services() {
    let second = "  - name: job\n    image: registry.example/job:1\n    resources: {limits: {memory: 64Mi}}\n";
    let volume = "    volumes: [{name: d, mountPath: /d, type: pvc, size: 1Gi}]\n";
    let read_only = volume.replace("size: 1Gi", "size: 1Gi, readOnly: true");
    let clean = with("variables: [A]");
    assert_eq!(found(&format!("{clean}{volume}{second}{volume}")), [("HF009", 13)]);
    assert_eq!(found(&format!("{clean}{volume}{second}{read_only}")), []);
    assert_eq!(found(&format!("{clean}    dependsOn: [job]\n{second}")), [("HF015", 9)]);
}

#[test]
fn variables_are_compared_with_those_of_the_environment() {
    let names: BTreeSet<String> = ["DATABASE_URL", "SMTP_HOST", "TLS_CA"].map(str::to_owned).into();
    let text = with("variables: [DATABASE_URL, \"SMTP_*\", \"S3_*\", DATABASE_ULR]")
        + "    env: {X: \"${SMTP_HOST}${NONE}\"}\n";
    assert_eq!(found_with(&text, Some(&names)), [("HF006", 8), ("HF006", 8), ("HF006", 9)]);
    assert_eq!(found_with(&text, None), []);
    let document = read(&text).expect("good");
    let said: Vec<_> = lint(&text, &document, Some(&names)).into_iter().map(|f| f.said.message).collect();
    assert!(said[1].contains("did you mean `DATABASE_URL`?"), "{said:?}");
}

#[test]
fn what_looks_like_a_secret_is_not_repeated() {
    let text = with("env: {DATABASE_PASSWORD: hunter2hunter2}");
    let document = read(&text).expect("good");
    for finding in lint(&text, &document, None) {
        let shown = finding.said.show("error", "x", &text) + &finding.json().to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn what_is_about_a_secret_is_none() {
    for line in [
        "env: {PASSWORD_FILE: /run/x, TOKEN: \"${TOKEN}\", REQUIRE_PASSWORD: \"true\", SECRET: \"\"}",
        "env: {DATABASE_URL: \"postgres://shop:${PASSWORD}@db/shop\"}",
        "env: {LOG_LEVEL: info, PORT: 8080, DEBUG: true, RATIO: 0.5}",
    ] {
        assert_eq!(found(&with(line)), [], "{line}");
    }
}

/// The text after its fixes.
fn fixed(text: &str) -> String {
    let document = read(text).unwrap_or_else(|e| panic!("{e:#?}\n{text}"));
    let edits = lint(text, &document, None).into_iter().filter_map(|f| f.fix);
    apply(text, edits).0
}

#[test]
fn fixes_keep_comments_and_layout() {
    for (line, expected) in [
        ("env: {MODE:   0755,  A: b} # why", "env: {MODE:   \"0755\",  A: b} # why"),
        ("variables: [ A , A ,B ] # why", "variables: [ A ,B ] # why"),
        (
            "variables:\n      - SMTP_* # all\n      - SMTP_HOST\n      - B",
            "variables:\n      - SMTP_* # all\n      - B",
        ),
        (
            "variables:\n      - A\n      - A # kept: it has a comment",
            "variables:\n      - A\n      - A # kept: it has a comment",
        ),
        ("egress: ['10.1.2.3/24:1']", "egress: ['10.1.2.0/24:1']"),
        (
            "probes: {readiness: {tcp: 1}, liveness: { tcp: 8080 } }",
            "probes: {readiness: {tcp: 1}, liveness: { tcp: 8080 }, startup: {tcp: 8080, failures: 30} }",
        ),
        (
            "probes:\n      liveness: # it lives\n        http: /healthz # ours\n        failures: 2\n      # more\n      readiness: {tcp: 1}",
            "probes:\n      liveness: # it lives\n        http: /healthz # ours\n        failures: 2\n      startup: {http: /healthz, failures: 30}\n      # more\n      readiness: {tcp: 1}",
        ),
    ] {
        let after = fixed(&with(line));
        assert_eq!(after, with(expected), "{line}");
        assert_eq!(fixed(&after), after, "a second time changes nothing");
    }
}

#[test]
fn the_full_example_has_findings_and_survives_its_fixes() {
    let text = FULL.replace("      startup: {command: [/bin/api, --check]}\n", "").replace("[db]", "[db, db]");
    let after = fixed(&text);
    assert!(after.contains("\n      startup: {tcp: 8080, failures: 30}\n") && after.contains("[db]\n"), "{after}");
    assert!(read(&after).is_ok(), "{after}");
}

#[test]
fn numbers_and_names_are_unique_and_in_order() {
    let ids: Vec<_> = RULES.iter().map(|r| r.id).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|w| w[0] != w[1]));
    let names: BTreeSet<_> = RULES.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), RULES.len());
    assert!(rule("hf003").is_some() && rule("moving-tag").is_some() && rule("HF999").is_none());
}

#[test]
fn the_manual_has_every_rule() {
    let manual = include_str!("../../../../assets/help/blueprint-rules.md");
    for rule in RULES {
        let fix = if rule.is_fixable { " `--fix` does it." } else { "" };
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let section = format!(
            "## {} {} {}: {} {} {}{fix}",
            rule.id,
            rule.name,
            rule.severity.as_str(),
            rule.finds,
            rule.why,
            rule.remedy
        );
        assert!(
            words(manual).contains(&words(&section)),
            "assets/help/blueprint-rules.md lacks:\n\n## {} {}\n\n{}: {}\n\n{}\n\n{}{fix}\n",
            rule.id,
            rule.name,
            rule.severity.as_str(),
            rule.finds,
            rule.why,
            rule.remedy
        );
    }
}

proptest! {
    #[test]
    fn fixes_change_nothing_that_is_meant(
        mode in "(0755|yes|1\\.10|x|8080|True)",
        space in " {0,3}",
        block in any::<bool>(),
        repeat in any::<bool>(),
    ) {
        let list = if repeat { "[A, B, A]" } else { "[A, B]" };
        let probes = if block {
            format!("probes:\n      liveness:{space} {{tcp: 8080}}\n      readiness: {{tcp: 8080}}")
        } else {
            format!("probes: {{{space}liveness: {{tcp: 8080}}, readiness: {{tcp: 8080}}}}")
        };
        let text = with(&probes) + &format!("    env: {{MODE:{space} {mode}}}\n    variables: {list}\n");
        let before = read(&text).map_err(|e| TestCaseError::fail(format!("{e:?}")))?.blueprint;
        let after = fixed(&text);
        let again = read(&after).map_err(|e| TestCaseError::fail(format!("{e:?}\n{after}")))?.blueprint;
        let mut expected = before;
        let startup = again.services[0].probes.startup.clone();
        prop_assert!(startup.is_some());
        // What is expected: the startup probe, and no name twice.
        let text = write(&expected, &Notes::new()).replace("[A, B, A]", "[A, B]");
        expected = read(&text).map_err(|e| TestCaseError::fail(format!("{e:?}")))?.blueprint;
        let mut without = again.clone();
        without.services = set_startup(&again, None);
        prop_assert_eq!(&without, &expected, "{}", after);
    }
}

fn set_startup(
    of: &super::super::Blueprint,
    startup: Option<super::super::Probe>,
) -> super::super::Filled<super::super::Service> {
    let mut services = of.services.to_vec();
    services[0].probes.startup = startup;
    super::super::Filled::new(services).expect("not empty")
}
