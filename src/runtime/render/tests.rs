//! The objects of two blueprints in full, and what is true of those of any.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Stage::{InitAfter, InitBefore, Reach, Workload};
use super::*;
use crate::runtime::blueprint::{self, EnvName, EnvValue, Image, Init, InitKind, Services};
use crate::types::{Id, SecretBytes, Slug, kinds};

const DEMO: &str = include_str!("../../../packaging/demo/blueprint.yaml");
const EVERYTHING: &str = include_str!("tests/everything.yaml");

fn read(text: &str) -> Blueprint {
    blueprint::read(text).unwrap_or_else(|e| panic!("{e:#?}")).blueprint
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).expect("a slug")
}

fn id() -> Id<kinds::Environment> {
    Id::parse("env_01jb2v3w4x5y6z7a8b9cadbecf").expect("an id")
}

fn names() -> Names {
    Names::new(&slug("acme"), &slug("shop"), &slug("staging"), id())
}

fn gate() -> Gate {
    Gate {
        image: "localhost/holdfast:1".to_owned(),
        ask: "10.43.7.7:8481".parse().expect("an address"),
        open: "10.43.7.7:8482".parse().expect("an address"),
        port: GATE_PORT,
    }
}

/// What is desired, with everything it borrows.
struct World {
    names: Names,
    gate: Gate,
    blueprint: Blueprint,
    plan: Option<Label>,
    images: BTreeMap<Label, String>,
    provided: Vec<Provided>,
    replicas: BTreeMap<Label, u32>,
    restarts: BTreeMap<Label, i64>,
    initialized: BTreeSet<Label>,
    running: bool,
    revision: u64,
}

impl World {
    /// Every service has the values it asks for; the environment has `variables`.
    fn new(blueprint: Blueprint, variables: &[&str]) -> Self {
        let provided = blueprint.services.iter().filter_map(|service| {
            let keys: Vec<String> = wanted(service, variables.iter().copied()).into_iter().map(|w| w.key).collect();
            let object = format!("values-{}", service.name.as_str());
            (!keys.is_empty()).then(|| Provided { service: service.name.clone(), object, keys })
        });
        let provided = provided.collect();
        let (images, replicas) = (BTreeMap::new(), BTreeMap::new());
        let (names, gate) = (names(), gate());
        Self {
            names,
            gate,
            blueprint,
            plan: None,
            images,
            provided,
            replicas,
            restarts: BTreeMap::new(),
            initialized: BTreeSet::new(),
            running: true,
            revision: 7,
        }
    }

    fn render(&self) -> Vec<Object> {
        render(&Desired {
            names: &self.names,
            revision: self.revision,
            blueprint: &self.blueprint,
            plan: self.plan.as_ref(),
            images: &self.images,
            provided: &self.provided,
            gate: &self.gate,
            running: self.running,
            replicas: &self.replicas,
            restarts: &self.restarts,
            initialized: &self.initialized,
            storage_class: Some("local-path"),
        })
    }

    fn of(&self, resource: Resource, name: &str) -> Value {
        let all = self.render();
        let found = all.iter().find(|o| o.resource == resource && o.name == name);
        found.unwrap_or_else(|| panic!("no {} {name}", resource.kind())).body.clone()
    }

    fn container(&self, service: &str) -> Value {
        self.of(Resource::Deployment, service)["spec"]["template"]["spec"]["containers"][0].clone()
    }
}

const VARIABLES: &[&str] = &["DATABASE_URL", "SMTP_HOST", "SMTP_PORT", "TLS_CA", "NAME", "OTHER"];

fn everything() -> World {
    World::new(read(EVERYTHING), VARIABLES)
}

fn demo() -> World {
    World::new(read(DEMO), &["DATABASE_PASSWORD", "QUEUE_PASSWORD", "DATABASE_URL", "QUEUE_URL"])
}

fn bodies(objects: &[Object]) -> Vec<&Value> {
    objects.iter().map(|o| &o.body).collect()
}

#[test]
fn the_demo_shop_in_full() {
    insta::assert_json_snapshot!(bodies(&demo().render()));
}

#[test]
fn everything_in_full() {
    insta::assert_json_snapshot!(bodies(&everything().render()));
}

#[test]
fn the_prober_in_full() {
    insta::assert_json_snapshot!(bodies(&prober("localhost/holdfast:1")));
}

#[test]
fn objects_come_in_the_order_they_are_needed() {
    let objects = everything().render();
    let first = objects.iter().position(|o| o.stage != Stage::Foundation).expect("services");
    assert!(objects[first..].iter().all(|o| o.stage != Stage::Foundation && o.service.is_some()));
    let later: Vec<_> =
        objects[first..].iter().map(|o| (o.service.as_ref().map_or("", Label::as_str), o.stage)).collect();
    let mut once = later.clone();
    once.dedup();
    let expected = [
        ("db", Reach),
        ("db", Workload),
        ("db", InitAfter),
        ("api", InitBefore),
        ("api", Reach),
        ("api", Workload),
        ("reports", Workload),
    ];
    assert_eq!(once, expected);
    assert_eq!(objects[0].resource, Resource::Namespace);
    let levels = |text: &str| -> Vec<Vec<String>> {
        order(&read(text)).iter().map(|l| l.iter().map(|n| n.as_str().to_owned()).collect()).collect()
    };
    assert_eq!(levels(DEMO), [vec!["db", "queue"], vec!["catalog", "orders"], vec!["web", "worker"]]);
}

#[test]
fn names_of_namespaces_are_readable_short_and_never_shared() {
    let of = |project: &str, environment: &str, id: &str| {
        Names::new(&slug("acme"), &slug(project), &slug(environment), Id::parse(id).expect("an id")).namespace
    };
    let one = "env_01jb2v3w4x5y6z7a8b9cadbecf";
    let short = of("shop", "staging", one);
    assert!(short.starts_with("hf-shop-staging-") && short.len() == "hf-shop-staging-".len() + 8, "{short}");
    let long = "a-".repeat(15) + "ab";
    let cut = of(&long, &long, one);
    assert!(cut.len() <= 63 && !cut.contains("--"), "{cut}");
    assert_ne!(of(&long, &long, one), of(&long, &long, "env_01jb2v3w4x5y6z7a8b9cadbecg"));
    assert_eq!(cut[cut.len() - 8..], short[short.len() - 8..], "the end follows from the id alone");
}

#[test]
fn a_service_gets_its_values_by_reference_and_texts_as_they_are_meant() {
    let world = everything();
    let api = world.container("api");
    let variable = |name: &str| api["env"].as_array().expect("a list").iter().find(|v| v["name"] == name).cloned();
    let by_key = |name: &str| {
        let from = json!({ "secretKeyRef": { "name": "values-api", "key": name } });
        Some(json!({ "name": name, "valueFrom": from }))
    };
    for name in ["DATABASE_URL", "SMTP_HOST", "SESSION_KEY", "GREETING"] {
        assert_eq!(variable(name), by_key(name), "{name}");
    }
    assert_eq!((variable("OTHER"), variable("TLS_CA"), variable(".volume.ca")), (None, None, None));
    // The kubelet makes `$` of `$$`, and takes nothing for a reference.
    assert_eq!(variable("PRICE").expect("there")["value"], json!("$$$$5 $$(HOSTNAME) $${X}"));
    assert_eq!(api["args"][2], json!("--shell=$$(HOSTNAME) costs $$5"));
    assert_eq!(api["startupProbe"]["exec"]["command"][1], json!("--check=$(HOSTNAME)"));
    let db = world.of(Resource::Deployment, "db");
    let pod = &db["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0].get("env"), None, "all of them are files");
    let items = pod["volumes"].as_array().expect("a list").iter().find(|v| v["name"] == "variables").expect("files");
    assert_eq!(items["secret"]["items"].as_array().map(Vec::len), Some(VARIABLES.len()));
}

#[test]
fn what_is_wanted_is_named_by_its_key() {
    let blueprint = read(EVERYTHING);
    let api = wanted(&blueprint.services[0], ["SMTP_HOST", "OTHER"].into_iter());
    let keys: Vec<_> = api.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(keys, [".volume.ca", "DATABASE_URL", "GREETING", "SESSION_KEY", "SMTP_HOST"]);
    assert_eq!(api[0].from, WantedFrom::Variable("TLS_CA".to_owned()));
    assert_eq!(api[3].from, WantedFrom::Generated("session-key".to_owned()));
    let text = "name: a\nservices: [{name: b, image: c:1, variables: all, env: {A: \"x\", B: \"${C}\"}}]";
    let keys: Vec<_> = wanted(&read(text).services[0], ["A", "B", "C"].into_iter()).into_iter().collect();
    let from = |text: &str| WantedFrom::Composed(EnvValue::parse(text).expect("a value"));
    assert_eq!(keys[0], Wanted { key: "B".to_owned(), from: from("${C}") }, "a text of `env` goes before a variable");
    assert_eq!(keys.len(), 2);
}

#[test]
fn a_plan_and_a_hand_change_how_large_and_how_often() {
    let mut world = everything();
    let sizes = |world: &World| {
        let resources = &world.container("api")["resources"];
        let memory = |which: &str| resources[which]["memory"].as_str().expect("a text").to_owned();
        let replicas = world.of(Resource::Deployment, "api")["spec"]["replicas"].as_u64().expect("a number");
        (replicas, memory("requests"), memory("limits"))
    };
    let is = |replicas, asked: &str, most: &str| (replicas, asked.to_owned(), most.to_owned());
    assert_eq!(sizes(&world), is(2, "64Mi", "256Mi"));
    world.plan = Some(label("small"));
    assert_eq!(sizes(&world), is(1, "48Mi", "48Mi"), "nothing asks for more than it may have");
    world.replicas.insert(label("api"), 5);
    assert_eq!(sizes(&world).0, 5);
    let quota = world.of(Resource::ResourceQuota, "environment");
    world.running = false;
    assert_eq!(sizes(&world).0, 0);
    assert_eq!(world.of(Resource::ResourceQuota, "environment"), quota, "waking up needs no other bounds");
    assert_eq!(world.container("db")["resources"]["limits"]["memory"], json!("512Mi"));
    assert_eq!(world.container("db")["resources"]["requests"]["cpu"], json!("10m"));
}

#[test]
fn only_what_is_claimed_is_recreated() {
    let world = everything();
    let strategy = |name: &str| world.of(Resource::Deployment, name)["spec"]["strategy"]["type"].clone();
    assert_eq!(
        (strategy("api"), strategy("db"), strategy("reports")),
        (json!("RollingUpdate"), json!("Recreate"), json!("Recreate"))
    );
    let claims = world.render().into_iter().filter(|o| o.resource == Resource::PersistentVolumeClaim).count();
    assert_eq!(claims, 1, "one name is one volume");
}

#[test]
fn another_revision_starts_no_pod_anew() {
    let mut world = everything();
    let template = |world: &World| world.of(Resource::Deployment, "api")["spec"].clone();
    let before = template(&world);
    world.revision = 8;
    assert_eq!(template(&world), before);
    world.provided[0].object = "values-other".to_owned();
    assert_ne!(template(&world), before, "another value does");
}

#[test]
fn services_answer_for_their_own_pods_only() {
    let world = everything();
    let service = world.of(Resource::Service, "db");
    let selector = service["spec"]["selector"].as_object().expect("labels").clone();
    let selects = |template: &Value| {
        let labels = template["metadata"]["labels"].as_object().expect("labels");
        selector.iter().all(|(label, value)| labels.get(label) == Some(value))
    };
    assert!(selects(&world.of(Resource::Deployment, "db")["spec"]["template"]));
    assert!(!selects(&world.of(Resource::Job, "db-init-7")["spec"]["template"]));
    assert!(
        world.render().iter().all(|o| o.resource != Resource::Service || o.name != "reports"),
        "it listens nowhere"
    );
}

#[test]
fn policies_open_what_they_say() {
    let world = everything();
    let policy = |name: &str| world.of(Resource::NetworkPolicy, name)["spec"].clone();
    assert_eq!(policy("default-deny"), json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
    let same = policy("same-environment");
    let ports: Vec<_> =
        same["ingress"][0]["ports"].as_array().expect("ports").iter().map(|p| p["port"].clone()).collect();
    assert_eq!(ports, [5353, 5432, 8080, 9090]);
    assert_eq!(same["egress"][0]["ports"], same["ingress"][0]["ports"]);
    let edge = policy("from-edge");
    assert_eq!(edge["podSelector"]["matchExpressions"][0]["values"], json!(["api"]));
    assert_eq!(edge["ingress"][0]["ports"], json!([{ "port": 8080, "protocol": "TCP" }]));
    assert_eq!(policy("gate")["egress"][0]["ports"], json!([{ "port": 8481, "protocol": "TCP" }]));
    assert_eq!(policy("egress-api")["podSelector"], json!({ "matchLabels": { LABEL_SERVICE: "api" } }));
    let quiet = World::new(read("name: a\nservices: [{name: b, image: c:1}]"), &[]);
    let names: Vec<_> =
        quiet.render().into_iter().filter(|o| o.resource == Resource::NetworkPolicy).map(|o| o.name).collect();
    assert_eq!(names, ["default-deny", "same-environment", "dns", "gate"]);
    let same = quiet.of(Resource::NetworkPolicy, "same-environment")["spec"].clone();
    assert_eq!((same.get("ingress"), same.get("egress")), (None, None), "no port is not every port");
    let mut own =
        World::new(read("name: a\nservices: [{name: b, image: c:1, ports: [{name: p, containerPort: 8483}]}]"), &[]);
    own.gate.port = 8483;
    let same = own.of(Resource::NetworkPolicy, "same-environment")["spec"].clone();
    assert_eq!(same.get("ingress"), None, "the gate's port is open to nobody");
}

#[test]
fn a_secret_has_the_values_and_shows_none() {
    let values = [("A".to_owned(), SecretBytes::new(b"hunter2".to_vec()))];
    let body = secret(&names(), &label("api"), "values-api", &values);
    assert_eq!(body.expose()["data"], json!({ "A": "aHVudGVyMg==" }));
    assert_eq!(body.expose()["immutable"], json!(true));
    assert_eq!(body.expose()["metadata"]["labels"][LABEL_ENVIRONMENT], json!(id().to_string()));
    assert_eq!(format!("{body:?}"), "SecretBody(…)");
}

fn list(value: &Value, field: &str) -> Vec<Value> {
    value[field].as_array().cloned().unwrap_or_default()
}

/// Everything about pods that no blueprint changes.
fn check_pod(template: &Value, has_gate: bool) {
    let spec = &template["spec"];
    let (first, own) = (list(spec, "initContainers"), list(spec, "containers"));
    if has_gate {
        assert_eq!((first.len(), &first[0]["name"]), (1, &json!("gate")));
    }
    for container in first.iter().chain(&own) {
        for which in ["requests", "limits"] {
            for what in ["cpu", "memory", "ephemeral-storage"] {
                assert!(container["resources"][which][what].is_string(), "no {which} of {what}");
            }
        }
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], json!(true));
        assert_eq!(security["allowPrivilegeEscalation"], json!(false));
        assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
        assert_eq!(container["imagePullPolicy"], json!("IfNotPresent"));
    }
    assert_eq!(spec["securityContext"]["runAsNonRoot"], json!(true));
    assert_eq!(spec["automountServiceAccountToken"], json!(false));
    assert_eq!(spec["enableServiceLinks"], json!(false));
    for field in ["hostNetwork", "hostPID", "hostIPC", "hostUsers", "shareProcessNamespace"] {
        assert_eq!(spec.get(field), None, "{field}");
    }
    for volume in list(spec, "volumes") {
        assert_eq!(volume.get("hostPath"), None);
        assert!(volume.get("emptyDir").is_none_or(|v| v["sizeLimit"].is_string()), "a folder without a bound");
    }
    let mut known = BTreeSet::new();
    assert!(list(spec, "volumes").iter().all(|v| known.insert(v["name"].to_string())), "two volumes of one name");
}

/// Everything about objects that no blueprint changes.
fn check(objects: &[Object], names: &Names) {
    let mut known = BTreeSet::new();
    for object in objects {
        let Object { resource, name, body, .. } = object;
        assert!(known.insert((*resource, name.clone())), "{} {name} is there twice", resource.kind());
        assert!(name.len() <= 63 && !name.is_empty(), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
        assert_eq!(body["metadata"]["name"], json!(name));
        let namespace = (*resource != Resource::Namespace).then_some(names.namespace.as_str());
        assert_eq!(object.namespace(), namespace);
        assert_ne!(*resource, Resource::Secret);
        for (label, value) in body["metadata"]["labels"].as_object().expect("labels") {
            let value = value.as_str().expect("a text");
            let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            assert!(
                value.len() <= 63 && is_end(value.chars().next()) && is_end(value.chars().last()),
                "{label}: {value}"
            );
        }
        assert_eq!(body["metadata"]["labels"][LABEL_ENVIRONMENT], json!(names.environment_id.to_string()));
        if matches!(resource, Resource::Deployment | Resource::Job) {
            check_pod(&body["spec"]["template"], true);
        }
    }
}

#[test]
fn the_rules_hold_for_the_examples_and_the_prober() {
    for world in [demo(), everything()] {
        check(&world.render(), &world.names);
    }
    for object in prober("localhost/holdfast:1") {
        if object.resource == Resource::Deployment {
            check_pod(&object.body["spec"]["template"], false);
        }
    }
}

prop_compose! {
    fn any_service(index: usize)(
        tail in "[a-z0-9]{1,30}",
        image in "[a-z]{1,20}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?",
        init in prop::option::of(prop::bool::ANY),
        port in prop::option::of(1_u16..),
        env in prop::collection::btree_map("[A-Z_]{1,9}", "[ -~]{0,20}(\\$\\{HIDDEN\\})?", 0..4),
        user in prop::option::of(0_u32..2_000_000_000),
        waits in prop::bool::ANY,
    ) -> Service {
        let name = label(&format!("s{index}-{tail}"));
        let mut service = Service::new(name, Image::parse(&image).expect("an image"));
        service.init = init.map(|is_sql| Init {
            script: blueprint::Script::parse("select 1").expect("a script"),
            kind: if is_sql { InitKind::Sql } else { InitKind::Command },
            image: None,
        });
        service.ports = port.into_iter().map(|number| blueprint::Port {
            name: blueprint::PortName::parse("http").expect("a name"),
            container_port: blueprint::PortNumber::new(number).expect("a port"),
            protocol: blueprint::Protocol::Tcp,
        }).collect();
        service.env = env.iter().filter_map(|(name, value)| {
            Some((EnvName::parse(name).ok()?, EnvValue::parse(value).ok()?))
        }).collect();
        service.security.user = user.and_then(blueprint::UserId::new);
        service.expose = if waits { blueprint::Exposure::Shown(blueprint::Expose::MEMBERS) } else { service.expose };
        service
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_rules_hold_for_any_blueprint(
        services in (any_service(0), any_service(1), any_service(2)),
        project in "[a-z][a-z0-9]{0,15}(-[a-z0-9]{1,8}){0,1}",
        environment in "[a-z][a-z0-9]{0,15}(-[a-z0-9]{1,8}){0,1}",
        revision in 1_u64..10_000_000_000_000_000,
        running in prop::bool::ANY,
    ) {
        let services = Services::new(vec![services.0, services.1, services.2]).expect("three");
        let mut world = World::new(Blueprint::new(label("b"), services), &["HIDDEN", "OTHER"]);
        world.names = Names::new(&slug("acme"), &slug(&project), &slug(&environment), id());
        (world.revision, world.running) = (revision, running);
        let objects = world.render();
        check(&objects, &world.names);
        for (service, object) in world.blueprint.services.iter().flat_map(|s| objects.iter().map(move |o| (s, o))) {
            let is_its = object.resource == Resource::Deployment && object.service.as_ref() == Some(&service.name);
            for variable in list(&object.body["spec"]["template"]["spec"]["containers"][0], "env").iter().filter(|_| is_its) {
                // What is made of a variable comes from the Secret, and its recipe is nowhere.
                let name = variable["name"].as_str().expect("a name");
                let is_plain = service.env.iter().any(|(n, v)| n.as_str() == name && v.references().is_empty());
                prop_assert_eq!(variable.get("value").is_some(), is_plain);
                prop_assert_eq!(variable.get("valueFrom").is_some(), !is_plain);
            }
        }
        prop_assert_eq!(world.render(), objects);
    }
}

#[test]
fn a_service_that_was_told_to_start_anew_has_another_template_and_no_other_has() {
    let mut world = demo();
    let template = |world: &World, service: &str| world.of(Resource::Deployment, service)["spec"]["template"].clone();
    let (api, other) = (template(&world, "catalog"), template(&world, "orders"));
    world.restarts.insert(label("catalog"), 7);
    assert_ne!(template(&world, "catalog"), api);
    assert_eq!(template(&world, "orders"), other);
}
