//! Compose files in all their forms become valid blueprints, and nothing is lost without a word.

use proptest::prelude::*;

use super::super::lint::lint;
use super::super::{read, write};
use super::*;

fn imported(text: &str) -> Imported {
    import(text, "shop").unwrap_or_else(|e| panic!("{e:#?}"))
}

/// The blueprint as text, and the remarks as lines.
fn both(text: &str) -> (String, Vec<String>) {
    let imported = imported(text);
    let yaml = imported.to_yaml("compose.yaml");
    assert!(read(&yaml).is_ok(), "{yaml}");
    let remarks = imported.remarks.iter().map(|r| format!("{}: {}", r.line, r.text)).collect();
    (write(&imported.blueprint, &Notes::new()), remarks)
}

const SHOP: &str = r#"name: Tea Shop
x-common: &common
  restart: unless-stopped
  networks: [inside]
services:
  web:
    <<: *common
    image: ghcr.io/acme/web:${TAG:-1.4}
    build: ./web
    command: ["node", "server.js", "--port", 8080]
    ports: ["80:8080", "9229:9229"]
    environment:
      DATABASE_URL: postgres://shop:${DB_PASSWORD}@db_main:5432/shop
      SESSION_SECRET: kf83jfkd93jf8
      LOG_LEVEL: ${LOG_LEVEL:-info}
      SMTP_HOST:
      COST: $$5
    depends_on:
      db_main: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
    healthcheck:
      test: ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"]
      interval: 5s
      timeout: 2s
      retries: 3
      start_period: 30s
    deploy:
      replicas: 2
      resources:
        limits: {cpus: '0.50', memory: 256M}
        reservations: {memory: 64M}
    secrets: [api_key]
    configs: [{source: app, target: /etc/app.conf}]
    volumes: ["uploads:/srv/uploads", "./html:/srv/html:ro", "/srv/cache"]
    tmpfs: /run/web
    user: "1000:1000"
    read_only: true
    working_dir: /srv
    privileged: true
    logging: {driver: json-file}
  db_main:
    image: postgres:16
    environment: [POSTGRES_PASSWORD=postgres, POSTGRES_DB=shop, TZ]
    env_file: [.env, {path: more.env}]
    ports: ["5432:5432"]
    volumes:
      - {type: volume, source: data, target: /var/lib/postgresql/data}
      - {type: tmpfs, target: /scratch, tmpfs: {size: 64m}}
    healthcheck: {test: pg_isready -U postgres}
    mem_limit: 1g
    cpus: 1.5
    profiles: [full]
  migrate:
    build: .
    entrypoint: sh -c "exec migrate up"
volumes:
  data:
  uploads: {external: true}
networks:
  inside:
secrets:
  api_key: {file: ./api_key.txt}
configs:
  app: {file: ./app.conf}
"#;

#[test]
fn a_whole_file_is_taken_over() {
    let (yaml, remarks) = both(SHOP);
    for part in [
        "name: tea-shop\n",
        "image: ghcr.io/acme/web:1.4\n",
        "args: [node, server.js, \"--port\", \"8080\"]",
        "{name: http, containerPort: 8080}",
        "variables: [SESSION_SECRET, SMTP_HOST]",
        "DATABASE_URL: \"postgres://shop:${DB_PASSWORD}@db_main:5432/shop\"",
        "LOG_LEVEL: info",
        "COST: \"$5\"",
        "readiness: {http: /health, port: 8080, interval: 5s, timeout: 2s, failures: 3}",
        "startup: {http: /health, port: 8080, interval: 5s, timeout: 2s, failures: 6}",
        "replicas: 2\n",
        "{requests: {memory: 64Mi}, limits: {cpu: 500m, memory: 256Mi}}",
        "{name: uploads, mountPath: /srv/uploads, type: pvc, size: 1Gi}",
        "{name: scratch-srv-cache, mountPath: /srv/cache, type: empty}",
        "{name: secret-api-key, mountPath: /run/secrets/api_key, type: file, variable: API_KEY}",
        "{name: config-app, mountPath: /etc/app.conf, type: file, variable: APP}",
        "security: {user: 1000}",
        "workingDir: /srv",
        "dependsOn: [db-main]",
        "expose: {port: http}",
        "variables: [POSTGRES_PASSWORD, TZ]",
        "readiness: {command: [sh, \"-c\", \"pg_isready -U postgres\"]}",
        "resources: {limits: {cpu: 1500m, memory: 1Gi}}",
        "image: registry.invalid/migrate:unbuilt",
        "command: [sh, \"-c\", \"exec migrate up\"]",
    ] {
        assert!(yaml.contains(part), "lacks {part}:\n{yaml}");
    }
    assert!(!yaml.contains("kf83") && !yaml.contains("html") && !yaml.contains("privileged"), "{yaml}");
    for (line, words) in [
        (8, "default of TAG"),
        (9, "nothing is built here"),
        (14, "SESSION_SECRET looks like a secret"),
        (15, "LOG_LEVEL has the default of LOG_LEVEL"),
        (11, "`web` is exposed at port 8080"),
        (20, "`migrate` is to have ended"),
        (32, "secrets: `api_key` is the variable API_KEY now"),
        (33, "configs: `app` is the variable APP now"),
        (34, "./html of this machine"),
        (34, "the volume `uploads` gets 1Gi"),
        (39, "privileged of `web`"),
        (40, "logging of `web`"),
        (41, "`db_main` is `db-main` now"),
        (43, "POSTGRES_PASSWORD looks like a secret"),
        (44, "holdfast import .env"),
        (44, "holdfast import more.env"),
        (45, "no web pages"),
        (52, "profiles of `db-main`"),
        (53, "`migrate` has no image"),
        (58, "volumes.uploads.external"),
        (59, "networks:"),
    ] {
        let found = remarks.iter().any(|r| r.starts_with(&format!("{line}: ")) && r.contains(words));
        assert!(found, "lacks line {line}: {words}\n{}", remarks.join("\n"));
    }
    assert!(remarks.iter().all(|r| !r.contains("kf83")), "{remarks:#?}");
}

#[test]
fn remarks_stand_above_the_blueprint() {
    let yaml = imported("services: {a: {image: 'i:1', logging: {}}}\n").to_yaml("compose.yaml");
    let expected = "# Made of compose.yaml. Not taken over, or not as it was:\n#   line 1: logging of `a`: has no counterpart\nname: shop\n";
    assert!(yaml.starts_with(expected), "{yaml}");
    let clean = imported("services: {a: {image: 'i:1'}}\n").to_yaml("compose.yaml");
    assert!(clean.starts_with("# Made of compose.yaml.\nname: shop\n"), "{clean}");
}

#[test]
fn one_name_with_two_secret_values_becomes_two_variables() {
    let (yaml, _) = both(
        "services:\n  a: {image: 'i:1', environment: {DB_PASSWORD: one}}\n  b: {image: 'i:1', environment: {DB_PASSWORD: two}}\n  c: {image: 'i:1', environment: {DB_PASSWORD: one}}\n",
    );
    assert_eq!(yaml.matches("variables: [DB_PASSWORD]").count(), 2, "{yaml}");
    assert!(yaml.contains("env: {DB_PASSWORD: \"${B_DB_PASSWORD}\"}"), "{yaml}");
}

#[test]
fn one_value_under_two_names_is_told() {
    let text = "services:\n  a: {image: 'i:1', environment: {APP_PASSWORD: one}}\n  b: {image: 'i:1', environment: {DB_PASSWORD: one}}\n";
    let (_, remarks) = both(text);
    assert!(
        remarks.iter().any(|r| r.ends_with("secrets set DB_PASSWORD, with the same value as APP_PASSWORD")),
        "{remarks:#?}"
    );
}

#[test]
fn what_contradicts_itself_is_settled() {
    let (yaml, remarks) =
        both("services:\n  a: {image: 'i:1', depends_on: [b, x]}\n  b: {image: 'i:1', depends_on: [a]}\n");
    assert_eq!(yaml.matches("dependsOn").count(), 1, "{yaml}");
    assert!(
        remarks.iter().any(|r| r.contains("wait for one another"))
            && remarks.iter().any(|r| r.contains("no service `x`")),
        "{remarks:#?}"
    );
    let (yaml, remarks) = both(
        "services:\n  a: {image: 'i:1', cpus: 1, deploy: {resources: {reservations: {cpus: '2'}}}}\n  b: {image: 'i:1'}\n",
    );
    assert!(!yaml.contains("name: a\n") && remarks.iter().any(|r| r.contains("`a` is left out")), "{yaml}{remarks:#?}");
}

#[test]
fn what_is_no_compose_file_is_refused() {
    for (text, words) in [
        ("name: x\n", "no services"),
        ("services: []\n", "no services"),
        ("services: {}\n", "no services"),
        ("services: {'42': {image: a}}\n", "none of its services"),
        ("a: [", "not valid YAML"),
    ] {
        let errors = import(text, "x").expect_err("refused");
        assert!(errors[0].message.contains(words), "{text}: {errors:#?}");
    }
    let many: Vec<_> = (0..=MAX_SERVICES).map(|i| format!("  s{i}: {{image: a}}\n")).collect();
    assert_eq!(
        import(&format!("services:\n{}", many.concat()), "x").expect_err("refused")[0].at.line,
        MAX_SERVICES + 2
    );
}

#[test]
fn nothing_secret_is_left_in_what_comes_out() {
    let token = format!("ghp{}{}", '_', "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let text = format!(
        "services:\n  a:\n    image: i:1\n    command: run --token {token}\n    environment: {{X: {token}, Y_PASSWORD: abc}}\n"
    );
    let yaml = imported(&text).to_yaml("x");
    assert!(!yaml.contains(&token) && !yaml.contains("abc"), "{yaml}");
    let document = read(&yaml).expect("valid");
    assert!(lint(&yaml, &document, None).iter().all(|f| f.rule.id != "HF008"));
}

/// Lines a service may have, right and wrong.
const LINES: &[&str] = &[
    "image: nginx:1.27",
    "image: ${IMAGE}",
    "build: {context: .}",
    "ports: ['80:80', 443, '1-99', {target: 53, protocol: udp}]",
    "ports: 80",
    "expose: [5432]",
    "environment: [A=1, A=2, '=x', 'B', C=$$x$Y]",
    "environment: {A: '${B:-${C:-x}}', D: null, E: 1, F: [x], P_TOKEN: abcdef}",
    "environment: {A: '$$${B}'}",
    "command: \"sh -c 'x\"",
    "command: [a, [b]]",
    "entrypoint: []",
    "depends_on: [a, b, c, z]",
    "depends_on: {b: {condition: service_started}, c: null}",
    "healthcheck: {test: [CMD, x], interval: 1h30m, start_period: 1d}",
    "healthcheck: {test: [NONE]}",
    "healthcheck: {test: curl http://localhost/, retries: 0}",
    "volumes: ['d:/d', 'd:/d', 'D:/e:ro', '/x/', './a:/b', 'p:/proc/x', 'a:b:c:d:e']",
    "volumes: [{type: volume, source: d, target: /d}, {type: x}, {}, [x]]",
    "tmpfs: [/run, /tmp, '']",
    "secrets: [s, {source: t, target: /a/../b}]",
    "configs: [c]",
    "deploy: {replicas: 99, resources: {limits: {cpus: x, memory: 1x}}}",
    "deploy: {resources: {limits: {memory: 1M}, reservations: {memory: 2M}}}",
    "mem_limit: 1g",
    "cpus: 0",
    "user: root",
    "user: '0'",
    "working_dir: a/../b",
    "networks: [x]",
    "privileged: true",
    "profiles: [x]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_imported_is_valid(
        services in prop::collection::vec(("[abcABC_1]{1,3}", prop::collection::vec(0..LINES.len(), 0..6)), 1..5),
    ) {
        let mut text = "services:\n".to_owned();
        let mut known = std::collections::BTreeSet::new();
        for (name, lines) in services {
            if !known.insert(name.clone()) {
                continue;
            }
            text.extend(["  ", &name, ":\n    labels: []\n"]);
            let mut fields = std::collections::BTreeSet::from(["labels"]);
            for line in lines.into_iter().map(|i| LINES[i]) {
                if fields.insert(line.split(':').next().expect("a field")) {
                    text.extend(["    ", line, "\n"]);
                }
            }
        }
        if let Ok(imported) = import(&text, "shop") {
            let yaml = imported.to_yaml("x");
            let again = read(&yaml).map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}\n{yaml}")))?;
            prop_assert_eq!(again.blueprint, imported.blueprint);
        }
    }

    #[test]
    fn any_yaml_is_imported_or_refused(text in "(services|image|environment|ports|volumes|- |: |\n|  |\\[|\\]|\\{|\\}|,|x|80|\\$|a=b){0,60}") {
        if let Ok(imported) = import(&text, "shop") {
            prop_assert!(read(&imported.to_yaml("x")).is_ok());
        }
    }
}
