//! Repositories and what is proposed for them.

use proptest::prelude::*;

use super::super::read;
use super::*;

fn proposed(files: &[(&str, &str)]) -> String {
    let sources: Vec<_> = files.iter().map(|(p, t)| Source { path: (*p).to_owned(), text: (*t).to_owned() }).collect();
    let proposal = propose("My Shop", &sources).unwrap_or_else(|e| panic!("{e:?}")).expect("something to run");
    let yaml = proposal.to_yaml();
    let again = read(&yaml).unwrap_or_else(|e| panic!("{e:#?}\n{yaml}"));
    assert_eq!(again.blueprint, proposal.blueprint);
    yaml
}

fn has(yaml: &str, parts: &[&str]) {
    for part in parts {
        assert!(yaml.contains(part), "lacks {part}:\n{yaml}");
    }
}

#[test]
fn a_dockerfile_tells_port_and_user() {
    let file = "FROM golang:1.24 AS build\nEXPOSE 1\nUSER 5\nRUN x \\\n  y\nFROM --platform=$X debian:12\nEXPOSE 8080/tcp 9090\nEXPOSE 53/udp\nUSER 10001:10001\n";
    let yaml = proposed(&[("services/api/Dockerfile", file), ("services/api/go.mod", "module x\ngo 1.24\n")]);
    has(
        &yaml,
        &[
            "name: my-shop\n",
            "name: api # services/api/Dockerfile\n",
            "image: registry.invalid/api:unbuilt # built by services/api/Dockerfile, on debian:12\n",
            "containerPort: 8080} # services/api/Dockerfile, line 7: EXPOSE\n",
            "- {name: port-9090, containerPort: 9090}",
            "security: {user: 10001} # services/api/Dockerfile, line 9: USER\n",
            "readiness: {tcp: 8080, interval: 5s}",
        ],
    );
    assert!(!yaml.contains("args"), "{yaml}");
}

#[test]
fn a_procfile_is_a_service_for_each_process() {
    let yaml = proposed(&[
        (
            "Procfile",
            "web: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: python worker.py\nrelease: migrate\n# no: x\n",
        ),
        ("requirements.txt", "gunicorn==22\n"),
    ]);
    has(
        &yaml,
        &[
            "name: my-shop # Procfile\n",
            "args: [sh, \"-c\", \"gunicorn app:app --bind 0.0.0.0:$PORT\"] # Procfile: web\n",
            "name: worker",
            "args: [python, worker.py] # Procfile: worker\n",
            "no Dockerfile; Python (requirements.txt)",
        ],
    );
    assert!(!yaml.contains("migrate"), "{yaml}");
}

#[test]
fn a_node_package_is_started_by_its_script() {
    let package = r#"{"scripts": {"start": "node server.js"}, "engines": {"node": ">=20"}}"#;
    let yaml = proposed(&[("web/package.json", package), ("lib/package.json", "{}"), ("bad/package.json", "{")]);
    has(
        &yaml,
        &["args: [npm, start] # web/package.json: scripts.start\n", "no Dockerfile; Node >=20", "containerPort: 3000"],
    );
    assert!(!yaml.contains("name: lib"), "{yaml}");
}

#[test]
fn a_python_project_is_started_by_its_script() {
    let project = "[project]\nrequires-python = \">=3.11\"\ndependencies = [\"fastapi\"]\n[project.scripts]\nserve = \"app:main\"\n";
    let yaml = proposed(&[("api/pyproject.toml", project)]);
    has(&yaml, &["args: [serve] # api/pyproject.toml: project.scripts\n", "Python >=3.11", "containerPort: 8000"]);
}

#[test]
fn a_compose_file_counts_most() {
    let compose = "services:\n  web: {build: ./web, logging: {}}\n  db: {image: 'postgres:16'}\n";
    let yaml = proposed(&[("compose.yaml", compose), ("web/Dockerfile", "FROM x\nEXPOSE 8080\nUSER 7\n")]);
    has(
        &yaml,
        &[
            "#   compose.yaml, line 2: logging of `web`: has no counterpart\n",
            "name: web # compose.yaml\n",
            "containerPort: 8080} # web/Dockerfile, line 2: EXPOSE\n",
            "security: {user: 7} # web/Dockerfile, line 3: USER\n",
            "image: postgres:16\n",
        ],
    );
    let broken = propose("x", &[Source { path: "compose.yml".to_owned(), text: "a: [".to_owned() }]);
    assert_eq!(broken.expect_err("refused").0, "compose.yml");
}

#[test]
fn where_nothing_runs_nothing_is_proposed() {
    assert!(propose("x", &[]).expect("read").is_none());
    let library = Source { path: "package.json".to_owned(), text: "{}".to_owned() };
    assert!(propose("x", &[library]).expect("read").is_none());
    assert!(is_wanted("compose.yml") && is_wanted("Dockerfile") && !is_wanted("main.go") && is_passed("node_modules"));
}

proptest! {
    #[test]
    fn what_is_proposed_is_valid(
        name in "[a-z/A-Z0-9]{0,12}",
        dockerfile in "(FROM x\n|EXPOSE [0-9]{1,6}( [0-9]{1,5})?\n|USER [0-9a-z]{1,3}\n|RUN a \\\\\n|#\n|EXPOSE 80\n){0,8}",
        procfile in "([a-z_-]{1,4}: ?[a-z$' ]{0,8}\n){0,4}",
    ) {
        let file = |path: String, text: &str| Source { path, text: text.to_owned() };
        let sources = [file(format!("{name}/Dockerfile"), &dockerfile), file(format!("{name}/Procfile"), &procfile)];
        if let Ok(Some(proposal)) = propose(&name, &sources) {
            let yaml = proposal.to_yaml();
            prop_assert!(read(&yaml).is_ok(), "{:?}\n{}", read(&yaml).err(), yaml);
        }
    }
}
