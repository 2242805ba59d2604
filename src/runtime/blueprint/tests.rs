//! The reader, its schema and its writer against one another, and mistakes with their lines.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A blueprint with every field.
pub(super) const FULL: &str = include_str!("tests/full.yaml");

fn errors(text: &str) -> Vec<(&'static str, usize, String)> {
    match read(text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|e| (e.code, e.at.line, e.message)).collect(),
    }
}

fn only(text: &str) -> (&'static str, usize, String) {
    let mut all = errors(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// A blueprint with these lines in its only service.
fn service(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(|l| format!("    {l}\n")).collect();
    format!("name: shop\nservices:\n  - name: web\n    image: nginx:1.27\n{}", lines.concat())
}

#[test]
fn everything_is_read() {
    let read = read(FULL).unwrap_or_else(|e| panic!("{e:#?}")).blueprint;
    assert_eq!(read.services.len(), 3);
    let api = &read.services[0];
    assert_eq!(api.depends_on.iter().map(Label::as_str).collect::<Vec<_>>(), ["db"]);
    assert_eq!(api.secrets[0].length.get(), 48);
    assert_eq!(api.env.len(), 2);
    assert!(matches!(&api.expose, Exposure::Shown(e) if e.auth == Auth::Share));
    assert!(matches!(&api.volumes[2].source, VolumeSource::File { variable } if variable.as_str() == "TLS_CA"));
    assert_eq!(read.ttl.as_ref().map(Lasting::seconds), Some(604_800));
    assert!(!read.auto_shutdown_enabled);
}

#[test]
fn what_is_not_written_has_its_usual_value() {
    let read = read(&service("")).expect("short").blueprint;
    assert_eq!(read.auto_shutdown_delay_minutes.get(), 30);
    assert!(read.auto_shutdown_enabled);
    let web = &read.services[0];
    assert_eq!((web.replicas.get(), web.delivery, &web.expose), (1, Delivery::Env, &Exposure::Hidden));
    assert_eq!(web.variables, Variables::Listed(Vec::new()));
}

#[test]
fn mistakes_of_fields_are_told_with_their_line() {
    for (lines, code, line, words) in [
        ("replica: 2", "unknown_field", 5, "unknown field `replica`"),
        ("replicas: two", "wrong_kind", 5, "`replicas` is a number, and this is a text"),
        ("replicas: 51", "invalid_value", 5, "from 0 to 50"),
        ("replicas: 1.5", "invalid_value", 5, "whole number"),
        ("replicas:", "wrong_kind", 5, "this is empty"),
        ("ports: 80", "wrong_kind", 5, "`ports` is a list"),
        ("ports:\n- {name: http, containerPort: 80, protocol: tcp}", "unknown_value", 6, "cannot be `tcp`"),
        ("ports:\n- containerPort: 80", "missing_field", 6, "needs the field `name`"),
        ("ports: [{name: http, containerPort: 0}]", "invalid_value", 5, "from 1 to 65535"),
        ("variables: everything", "wrong_kind", 5, "or `all`"),
        ("variables: [\"A B\"]", "invalid_value", 5, "right form"),
        ("env: {A: \"${B\"}", "invalid_value", 5, "not closed"),
        ("env: {1A: x}", "invalid_value", 5, "name of a variable"),
        ("secrets: [{name: a, envKey: A, value: x}]", "unknown_value", 5, "cannot be `x`"),
        ("resources: {limits: {memory: 64MB}}", "invalid_value", 5, "memory"),
        ("probes: {readiness: {http: readyz}}", "invalid_value", 5, "path"),
        ("probes: {readiness: {}}", "conflicting_fields", 5, "exactly one"),
        ("probes: {readiness: {tcp: 80, port: 80}}", "conflicting_fields", 5, "`port` belongs to `http`"),
        ("expose: yes", "wrong_kind", 5, "true, false or a mapping"),
        ("expose: {auth: all}", "unknown_value", 5, "cannot be `all`"),
        ("volumes: [{name: a, mountPath: /a, type: pvc}]", "conflicting_fields", 5, "needs a size"),
        ("volumes: [{name: a, mountPath: /a, type: file}]", "conflicting_fields", 5, "needs a variable"),
        ("volumes: [{name: a, mountPath: /a, type: empty, readOnly: true}]", "conflicting_fields", 5, "do not belong"),
        ("volumes: [{name: a, mountPath: a/../b, type: empty}]", "invalid_value", 5, "path"),
        ("egress: [\"example.com:443\"]", "invalid_value", 5, "way out"),
        ("security: {profile: baseline}", "unknown_value", 5, "cannot be `baseline`"),
        ("mock: {}", "unknown_field", 5, "unknown field `mock`"),
        ("args: [a, [b]]", "wrong_kind", 5, "is a text, and this is a list"),
    ] {
        let (found, at, message) = only(&service(lines));
        assert_eq!((found, at), (code, line), "{lines}: {message}");
        assert!(message.contains(words), "{lines}: {message}");
    }
}

#[test]
fn mistakes_between_fields_are_told_with_their_line() {
    let ports = "ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 81}]\n";
    let two = "ports: [{name: a, containerPort: 80}, {name: b, containerPort: 81}]\n";
    for (lines, code, line, words) in [
        ("dependsOn: [db]".to_owned(), "unknown_service", 5, "no service `db`"),
        ("dependsOn: [web]".to_owned(), "dependency_cycle", 5, "web -> web"),
        (format!("{ports}expose: {{port: htp}}"), "unknown_port", 6, "no port `htp`"),
        (format!("{ports}expose: {{port: 82}}"), "unknown_port", 6, "no port `82`"),
        (format!("{two}expose: true"), "port_needed", 6, "which port"),
        ("probes: {liveness: {http: /}}".to_owned(), "port_needed", 5, "which port"),
        (format!("{ports}probes: {{liveness: {{http: /, port: x}}}}"), "unknown_port", 6, "no port `x`"),
        ("ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]".to_owned(), "duplicate_name", 5, "`a`"),
        ("ports: [{name: a, containerPort: 1}, {name: b, containerPort: 1}]".to_owned(), "duplicate_name", 5, "1/TCP"),
        ("variables: [A]\nenv: {A: b}".to_owned(), "duplicate_name", 6, "first on line 5"),
        ("env: {A: b}\nsecrets: [{name: s, envKey: A, value: auto-generated}]".to_owned(), "duplicate_name", 6, "`A`"),
        ("resources: {requests: {cpu: 2}, limits: {cpu: 500m}}".to_owned(), "request_over_limit", 5, "cpu"),
        ("volumes: [{name: a, mountPath: /tmp, type: empty}]".to_owned(), "reserved_path", 5, "/tmp"),
        ("volumes: [{name: a, mountPath: /proc/x, type: empty}]".to_owned(), "reserved_path", 5, "/proc"),
        ("security: {writable: [/a, /a]}".to_owned(), "duplicate_name", 5, "the path `/a`"),
        ("image: other:1".to_owned(), "duplicate_field", 5, "`image` is there twice, first on line 4"),
    ] {
        let (found, at, message) = only(&service(&lines));
        assert_eq!((found, at), (code, line), "{lines}: {message}");
        assert!(message.contains(words), "{lines}: {message}");
    }
}

#[test]
fn mistakes_between_services_are_told() {
    let base = |a: &str, b: &str| {
        format!("name: x\nservices:\n  - {{name: a, image: i:1, {a}}}\n  - {{name: b, image: i:1, {b}}}\n")
    };
    let volume = |size: &str| format!("volumes: [{{name: v, mountPath: /v, type: pvc, size: {size}}}]");
    let secret = |n: u8| format!("secrets: [{{name: s, envKey: S, value: auto-generated, length: {n}}}]");
    let (code, line, message) = only(&base("dependsOn: [b]", "dependsOn: [a]"));
    assert_eq!((code, line), ("dependency_cycle", 3));
    assert!(message.contains("a -> b -> a"), "{message}");
    let (code, line, message) = only("name: x\nservices:\n  - {name: a--b, image: i:1}\n");
    assert_eq!((code, line), ("reserved_name", 3), "{message}");
    assert_eq!(only(&base(&volume("1Gi"), &volume("2Gi"))).0, "different_twice");
    assert_eq!(only(&base(&secret(32), &secret(33))).0, "different_twice");
    assert!(errors(&base(&volume("1Gi"), &volume("1024Mi"))).is_empty());
    let twice = base("replicas: 1", "replicas: 1").replace("name: b", "name: a");
    assert_eq!(only(&twice).0, "duplicate_name");
    let plans = base("replicas: 1", "replicas: 1") + "plans: {small: {services: {ab: {replicas: 1}}}}\n";
    let (code, line, message) = only(&plans);
    assert_eq!((code, line), ("unknown_service", 5), "{message}");
}

#[test]
fn several_mistakes_are_told_at_once_and_in_order() {
    let all = errors("services:\n  - nam: web\n    image: A\n    replicas: x\ntll: 7d\n");
    let lines: Vec<_> = all.iter().map(|(code, line, _)| (*code, *line)).collect();
    let expected = [
        ("missing_field", 1),
        ("unknown_field", 2),
        ("missing_field", 2),
        ("invalid_value", 3),
        ("wrong_kind", 4),
        ("unknown_field", 5),
    ];
    assert_eq!(lines.len(), expected.len(), "{all:#?}");
    assert!(expected.iter().all(|e| lines.contains(e)), "{all:#?}");
    assert!(lines.is_sorted_by_key(|(_, line)| *line));
}

#[test]
fn bombs_are_refused_with_the_line() {
    let many: Vec<_> = (0..10_000).map(|i| format!("  - {{name: s{i}, image: i:1}}\n")).collect();
    let (code, line, _) = only(&format!("name: x\nservices:\n{}", many.concat()));
    assert_eq!((code, line), ("too_large", 203));
    let (code, line, message) = only(&format!("name: x\nservices:\n  - name: {}\n    image: i:1\n", "a".repeat(200)));
    assert_eq!((code, line), ("invalid_value", 3));
    assert!(message.len() < 100, "{message}");
    let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
        let aliases = vec![format!("*{of}"); 10].join(", ");
        laughs.extend([name, ": &", name, " [", &aliases, "]\n"]);
    }
    assert_eq!(only(&laughs).0, "too_large");
    assert_eq!(only(&"x".repeat(MAX_BYTES + 1)).0, "too_large");
    assert!(errors(&"- ".repeat(100_000)).len() == 1);
    let fields: Vec<_> = (0..30_000).map(|i| format!("f{i}: 1\n")).collect();
    assert_eq!(errors(&fields.concat()).len(), MAX_DIAGNOSTICS);
}

#[test]
fn aliases_and_merged_fields_are_what_they_stand_for() {
    let text = "name: x\nservices:\n  - &web {name: a, image: i:1, replicas: 2}\n  - {<<: *web, name: b}\n";
    let read = read(text).unwrap_or_else(|e| panic!("{e:#?}")).blueprint;
    assert_eq!((read.services[1].name.as_str(), read.services[1].replicas.get()), ("b", 2));
}

#[test]
fn a_written_blueprint_is_read_again() {
    let first = read(FULL).expect("good").blueprint;
    let text = write(&first, &Notes::new());
    let again = read(&text).unwrap_or_else(|e| panic!("{e:#?}\n{text}")).blueprint;
    assert_eq!(first, again, "{text}");
    let notes = Notes::from([
        ("services[0].image".to_owned(), "from the\nDockerfile".to_owned()),
        ("services[0].ports[0].containerPort".to_owned(), "EXPOSE".to_owned()),
    ]);
    let noted = write(&first, &notes);
    assert!(noted.contains(" # from the Dockerfile\n") && noted.contains("containerPort: 8080 # EXPOSE\n"), "{noted}");
    assert_eq!(read(&noted).unwrap_or_else(|e| panic!("{e:#?}\n{noted}")).blueprint, first);
}

#[test]
fn codes_are_listed() {
    let listed: Vec<_> = CODES.iter().map(|(code, _)| *code).collect();
    let sources =
        [include_str!("check.rs"), include_str!("form.rs"), include_str!("tree.rs"), include_str!("shape.rs")];
    let is_used = |code: &str| sources.iter().any(|s| s.contains(&format!("\"{code}\"")));
    for code in &listed {
        assert!(is_used(code), "{code} is listed and never told");
    }
}

const MANUAL: &str = include_str!("../../../assets/help/blueprints.md");

#[test]
fn the_manual_has_every_field_and_code_and_its_examples_are_valid() {
    let schema = schema();
    for (_, definition) in schema["$defs"].as_object().expect("definitions") {
        for field in definition["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            assert!(MANUAL.contains(&format!("{field}:")), "the manual lacks an example of `{field}`");
        }
    }
    for (code, words) in CODES {
        assert!(MANUAL.contains(&format!("| `{code}` | {words} |")), "the manual lacks `{code}`");
    }
    let blocks: Vec<_> = MANUAL.split("```yaml\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    let ports = "ports: [{name: http, containerPort: 8080}]\n";
    for block in &blocks {
        let text = if block.starts_with("name:") { (*block).to_owned() } else { service(&format!("{ports}{block}")) };
        assert!(read(&text).is_ok(), "{:#?}\n{text}", read(&text).err());
    }
    assert_eq!(blocks.len(), 4);
    let rows = MANUAL.split("## A service\n").nth(1).and_then(|s| s.split("\n## ").next()).expect("there");
    let examples = rows.lines().filter_map(|l| l.strip_prefix("| `")?.split("` |").next());
    let mut count = 0;
    for example in examples.filter(|e| !e.starts_with("name:") && !e.starts_with("image:")) {
        let example = example.replace("dependsOn: [db]", "dependsOn: []");
        let ports = if example.starts_with("ports") { "" } else { ports };
        let text = service(&format!("{ports}{example}"));
        assert!(read(&text).is_ok(), "{:#?}\n{text}", read(&text).err());
        count += 1;
    }
    assert_eq!(count, 17);
}

#[test]
fn the_demo_shop_is_valid_and_clean() {
    let text = include_str!("../../../packaging/demo/blueprint.yaml");
    let document = read(text).unwrap_or_else(|e| panic!("{e:#?}"));
    let names = ["DATABASE_PASSWORD", "DATABASE_URL", "QUEUE_PASSWORD", "QUEUE_URL"].map(str::to_owned).into();
    let findings: Vec<_> = lint::lint(text, &document, Some(&names)).into_iter().map(|f| f.said).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    let script = |s: &Service| s.init.as_ref().map(|init| init.script.as_str().to_owned());
    let schema = document.blueprint.services.iter().find_map(script);
    assert_eq!(schema.as_deref(), Some(include_str!("../../../packaging/demo/db/schema.sql")));
    let services: Vec<_> = document.blueprint.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(services, ["web", "catalog", "orders", "worker", "db", "queue"]);
}

/// Whether a JSON schema takes a value: the words our schema uses, and none it does not.
fn takes(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(words) = schema else { return schema.as_bool().expect("a schema") };
    words.iter().all(|(word, says)| takes_word(root, schema, word, says, value))
}

fn takes_word(root: &Value, schema: &Value, word: &str, says: &Value, value: &Value) -> bool {
    let all = |says: &Value| says.as_array().expect("a list").clone();
    let number = |says: &Value| says.as_u64().expect("a number");
    let pattern = |text: &str| {
        // Compiled once: a property asks the same few thousands of times.
        static KNOWN: Mutex<BTreeMap<String, regex::Regex>> = Mutex::new(BTreeMap::new());
        let source = says.as_str().expect("a pattern").to_owned();
        let mut known = KNOWN.lock().expect("no test panics here");
        known.entry(source).or_insert_with_key(|s| regex::Regex::new(s).expect("valid")).is_match(text)
    };
    match word {
        "$schema" | "title" | "description" | "$defs" => true,
        "$ref" => {
            let at = says.as_str().and_then(|r| r.strip_prefix('#')).expect("a reference");
            takes(root, root.pointer(at).expect("there"), value)
        }
        "allOf" => all(says).iter().all(|s| takes(root, s, value)),
        "oneOf" => all(says).iter().filter(|s| takes(root, s, value)).count() == 1,
        "not" => !takes(root, says, value),
        "const" => value == says,
        "enum" => all(says).contains(value),
        "type" => match says {
            Value::Array(kinds) => kinds.iter().any(|kind| is_kind(kind, value)),
            kind => is_kind(kind, value),
        },
        "required" => {
            value.as_object().is_none_or(|v| all(says).iter().all(|k| v.contains_key(k.as_str().expect("a name"))))
        }
        "properties" => {
            let known = says.as_object().expect("fields");
            value.as_object().is_none_or(|v| v.iter().all(|(k, v)| known.get(k).is_none_or(|s| takes(root, s, v))))
        }
        "additionalProperties" => value.as_object().is_none_or(|v| {
            let known = schema["properties"].as_object();
            v.iter()
                .filter(|(k, _)| known.is_none_or(|known| !known.contains_key(*k)))
                .all(|(_, v)| takes(root, says, v))
        }),
        "propertyNames" => value.as_object().is_none_or(|v| v.keys().all(|k| takes(root, says, &json!(k)))),
        "maxProperties" => value.as_object().is_none_or(|v| v.len() as u64 <= number(says)),
        "items" => value.as_array().is_none_or(|v| v.iter().all(|v| takes(root, says, v))),
        "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= number(says)),
        "maxItems" => value.as_array().is_none_or(|v| v.len() as u64 <= number(says)),
        "maxLength" => value.as_str().is_none_or(|v| v.chars().count() as u64 <= number(says)),
        "pattern" => value.as_str().is_none_or(pattern),
        "minimum" => value.as_f64().is_none_or(|v| v >= says.as_f64().expect("a number")),
        "maximum" => value.as_f64().is_none_or(|v| v <= says.as_f64().expect("a number")),
        other => panic!("the schema has a word this test does not know: {other}"),
    }
}

fn is_kind(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a kind") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        other => panic!("{other}"),
    }
}

fn full() -> Value {
    serde_saphyr::from_str(FULL).expect("YAML")
}

/// Every place in a document.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| places(v, &format!("{at}/{k}"), all)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), all)),
        _ => {}
    }
}

/// Values that are right in one place and wrong in another.
fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(80),
        json!(-1),
        json!(1.5),
        json!(3.0),
        json!(100_000),
        json!(""),
        json!("x"),
        json!("all"),
        json!("A_*"),
        json!("64Mi"),
        json!("50m"),
        json!("7d"),
        json!("/x"),
        json!("internet:1"),
        json!("nginx:1"),
        json!("a.example.com"),
        json!("x".repeat(300)),
        json!([]),
        json!(["x"]),
        json!([["x"]]),
        json!({}),
        json!({ "x": "y" }),
        json!({ "http": "/x" }),
        json!({ "tcp": 80 }),
        json!({ "port": 80 }),
        json!({ "memory": "1Gi" }),
        json!({ "services": {} }),
    ]
}

fn change(document: &mut Value, at: usize, what: usize, value: usize) {
    let mut all = Vec::new();
    places(document, "", &mut all);
    let path = all[at % all.len()].clone();
    let pool = values();
    let value = pool[value % pool.len()].clone();
    let Some(target) = document.pointer_mut(&path) else { return };
    match (what % 4, target) {
        (0, target) => *target = value,
        (1, Value::Object(fields)) => {
            let key = fields.keys().nth(at % fields.len().max(1)).cloned();
            drop(key.and_then(|key| fields.remove(&key)));
        }
        (2, Value::Object(fields)) => drop(fields.insert("x".to_owned(), value)),
        (1, Value::Array(items)) => drop(items.pop()),
        (2, Value::Array(items)) => items.push(value),
        (3, Value::Array(items)) => {
            if let Some(last) = items.last().cloned() {
                items.push(last);
            }
        }
        _ => {}
    }
}

#[test]
fn the_schema_takes_what_is_good_and_knows_every_field() {
    let schema = schema();
    assert!(takes(&schema, &schema, &full()));
    let api = &schema["$defs"]["Service"]["properties"];
    assert!(api["dependsOn"]["description"].as_str().is_some_and(|d| d.contains("ready before")));
    assert_eq!(schema["$defs"]["Blueprint"]["required"], json!(["name", "services"]));
}

#[test]
fn the_full_example_has_every_field() {
    let schema = schema();
    let text: String = FULL.to_owned();
    for (_, definition) in schema["$defs"].as_object().expect("definitions") {
        for field in definition["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            assert!(text.contains(&format!("{field}:")), "tests/full.yaml lacks `{field}`");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn schema_and_reader_agree(changes in prop::collection::vec((any::<usize>(), any::<usize>(), any::<usize>()), 0..4)) {
        let mut document = full();
        for (at, what, value) in changes {
            change(&mut document, at, what, value);
        }
        let schema = schema();
        let text = document.to_string();
        let taken = takes(&schema, &schema, &document);
        match read(&text) {
            Ok(read) => {
                prop_assert!(taken, "the reader takes it, the schema does not: {}", text);
                let written = write(&read.blueprint, &Notes::new());
                let again = super::read(&written).map_err(|e| TestCaseError::fail(format!("{e:?}\n{written}")))?;
                prop_assert_eq!(&read.blueprint, &again.blueprint, "{}", written);
            }
            Err(errors) => {
                // What one field's pattern cannot say, and what fields say about each other.
                let shape = ["unknown_field", "missing_field", "wrong_kind", "unknown_value", "conflicting_fields"];
                let of_shape = errors.iter().find(|e| shape.contains(&e.code));
                prop_assert!(!taken || of_shape.is_none(), "the schema takes it, the reader does not: {:?}\n{}", of_shape, text);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn any_yaml_is_read_or_refused(text in "(name|services|image|env|ports|- |: |\n|  |\\[|\\]|\\{|\\}|,|x|80|&a|\\*a|<<|\"|'|#){0,60}") {
        if let Err(errors) = read(&text) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|e| e.at.line >= 1 && !e.show("error", "x", &text).is_empty()));
            prop_assert!(errors.iter().all(|e| !e.hint.is_empty() && CODES.iter().any(|(code, _)| *code == e.code)), "{:?}", errors);
        }
    }

    #[test]
    fn any_text_survives_being_written(value in "[ -~\n\t\u{e4}\u{2028}:#'\"]{0,60}") {
        let mut document = full();
        document["services"][0]["env"] = json!({ "A": value.replace('$', "") });
        document["services"][0]["args"] = json!([value]);
        document["services"][1]["init"]["script"] = json!(value);
        let first = read(&document.to_string()).map_err(|e| TestCaseError::fail(format!("{e:?}")))?.blueprint;
        let written = write(&first, &Notes::new());
        let again = read(&written).map_err(|e| TestCaseError::fail(format!("{e:?}\n{written}")))?.blueprint;
        prop_assert_eq!(first, again, "{}", written);
    }
}
