//! What fields say about each other.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Step, shown, steps};
use super::model::{Blueprint, Resources, Secret, Service};
use super::shape::{Check, Exposure, PortRef, Probe, Variables, VolumeSource};
use super::tree::Node;
use crate::config::nearest;

/// Folders that are not mounted over: Holdfast's own, and those of the system.
const RESERVED: &[&str] = &["/run/holdfast", "/proc", "/sys", "/dev"];
/// The folder every service may write to.
const TEMPORARY: &str = "/tmp";

/// Everything about a blueprint that no field says alone.
pub(super) fn check(blueprint: &Blueprint, tree: &Node) -> Vec<Diagnostic> {
    let mut checker = Checker { tree, errors: Vec::new() };
    checker.names(blueprint);
    for (index, service) in blueprint.services.iter().enumerate() {
        checker.ports(index, service);
        checker.variables(index, service);
        checker.resources(&steps!["services", index, "resources"], &service.resources);
        checker.volumes(index, service);
    }
    checker.shared_volumes(blueprint);
    checker.shared_secrets(blueprint);
    checker.plans(blueprint);
    checker.dependencies(blueprint);
    checker.errors
}

/// The port that is meant when none is named: the only one, or the one called `http`.
pub fn usual_port(service: &Service) -> Option<&super::model::Port> {
    match service.ports.as_slice() {
        [only] => Some(only),
        ports => ports.iter().find(|port| port.name.as_str() == "http"),
    }
}

/// A name with single hyphens only.
fn single(name: &str) -> String {
    name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

struct Checker<'a> {
    tree: &'a Node,
    errors: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn error(&mut self, path: &[Step], code: &'static str, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (message.into(), hint.into());
        self.errors.push(Diagnostic { code, message, hint, at: self.tree.place(path), path: shown(path) });
    }

    fn twice(&mut self, path: &[Step], what: &str, name: &str, first: &[Step]) {
        let line = self.tree.place(first).line;
        let message = format!("{what} `{name}` is there twice, first on line {line}");
        self.error(path, "duplicate_name", message, "give one of them another name");
    }

    /// Tells each of `names` that was there before.
    fn unique<'n>(&mut self, what: &str, names: impl Iterator<Item = (&'n str, Vec<Step>)>) {
        let mut known: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for (name, path) in names {
            match known.get(name) {
                Some(first) => self.twice(&path, what, name, &first.clone()),
                None => drop(known.insert(name, path)),
            }
        }
    }

    fn names(&mut self, blueprint: &Blueprint) {
        let services = blueprint.services.iter().enumerate();
        self.unique(
            "the service",
            services.clone().map(|(i, s)| (s.name.as_str(), steps!["services", i, "name"].to_vec())),
        );
        // Names with it are made here: of hosts, and of what a service is called once its init step is done.
        for (index, service) in services.filter(|(_, s)| s.name.as_str().contains("--")) {
            let name = service.name.as_str();
            let message = format!("the name `{name}` of a service has two hyphens in a row");
            self.error(
                &steps!["services", index, "name"],
                "reserved_name",
                message,
                format!("write `{}`", single(name)),
            );
        }
    }

    fn ports(&mut self, index: usize, service: &Service) {
        let at = |port: usize, field: &str| steps!["services", index, "ports", port, field].to_vec();
        let ports = service.ports.iter().enumerate();
        self.unique("the port", ports.clone().map(|(i, p)| (p.name.as_str(), at(i, "name"))));
        let numbers: Vec<_> =
            service.ports.iter().map(|p| format!("{}/{}", p.container_port.get(), p.protocol.as_str())).collect();
        self.unique("the port", numbers.iter().enumerate().map(|(i, n)| (n.as_str(), at(i, "containerPort"))));
        if let Exposure::Shown(expose) = &service.expose {
            let path = steps!["services", index, "expose"];
            match &expose.port {
                Some(port) => self.port(&steps!["services", index, "expose", "port"], service, port, true),
                // No port at all is a rule of lint: what there is may still be unwritten.
                None if usual_port(service).is_none() && !service.ports.is_empty() => self.which_port(&path, service),
                None => {}
            }
        }
        let probes = [
            ("readiness", &service.probes.readiness),
            ("liveness", &service.probes.liveness),
            ("startup", &service.probes.startup),
        ];
        for (name, probe) in probes {
            if let Some(probe) = probe {
                self.probe(index, service, name, probe);
            }
        }
    }

    fn probe(&mut self, index: usize, service: &Service, name: &str, probe: &Probe) {
        let path = |field: &str| steps!["services", index, "probes", name, field];
        match &probe.check {
            Check::Http { port: Some(port), .. } => self.port(&path("port"), service, port, false),
            Check::Http { port: None, .. } if usual_port(service).is_none() => self.which_port(&path("http"), service),
            Check::Tcp(port) => self.port(&path("tcp"), service, port, false),
            Check::Http { .. } | Check::Command(_) => {}
        }
    }

    fn which_port(&mut self, path: &[Step], service: &Service) {
        let names: Vec<_> = service.ports.iter().map(|p| p.name.as_str()).collect();
        let hint = if names.is_empty() {
            "list the port under `ports`".to_owned()
        } else {
            format!("name one: `port: {}`", names.join("` or `port: "))
        };
        self.error(path, "port_needed", "it is not said which port is meant", hint);
    }

    /// A number that is not listed is refused where others are to reach it.
    fn port(&mut self, path: &[Step], service: &Service, port: &PortRef, is_listed: bool) {
        let names = || service.ports.iter().map(|p| p.name.as_str());
        let (known, shown) = match port {
            PortRef::Name(name) => (names().any(|n| n == name.as_str()), name.as_str().to_owned()),
            PortRef::Number(number) => {
                let is_known = service.ports.iter().any(|p| p.container_port == *number);
                (is_known || !is_listed, number.get().to_string())
            }
        };
        if known {
            return;
        }
        let hint = match nearest(&shown, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "list it under `ports`".to_owned(),
        };
        let message = format!("the service `{}` has no port `{shown}`", service.name.as_str());
        self.error(path, "unknown_port", message, hint);
    }

    fn variables(&mut self, index: usize, service: &Service) {
        let at = |i: usize, field: &str| steps!["services", index, "secrets", i, field].to_vec();
        let secrets = service.secrets.iter().enumerate();
        self.unique("the secret", secrets.clone().map(|(i, s)| (s.name.as_str(), at(i, "name"))));
        let of_env = service.env.keys().map(|k| (k.as_str(), steps!["services", index, "env", k.as_str()].to_vec()));
        let listed = match &service.variables {
            Variables::Listed(names) => names.as_slice(),
            Variables::All => &[],
        };
        let of_list = listed.iter().enumerate().filter(|(_, name)| name.is_name());
        let of_list = of_list.map(|(i, name)| (name.as_str(), steps!["services", index, "variables", i].to_vec()));
        // The same name twice in the list does no harm; lint says so.
        let mut known = BTreeSet::new();
        let of_list = of_list.filter(|(name, _)| known.insert(*name));
        let keys = secrets.map(|(i, s)| (s.env_key.as_str(), at(i, "envKey")));
        self.unique("the variable", of_list.chain(of_env).chain(keys).collect::<Vec<_>>().into_iter());
    }

    fn resources(&mut self, path: &[Step], resources: &Resources) {
        let Resources { requests, limits } = resources;
        let cpu = requests.cpu.as_ref().zip(limits.cpu.as_ref()).is_some_and(|(r, l)| r.millis() > l.millis());
        let memory = requests.memory.as_ref().zip(limits.memory.as_ref()).is_some_and(|(r, l)| r.bytes() > l.bytes());
        for (is_over, what) in [(cpu, "cpu"), (memory, "memory")] {
            if is_over {
                let path = [path, &steps!["requests", what][..]].concat();
                let message = format!("more {what} is asked for than the limit lets it have");
                self.error(&path, "request_over_limit", message, "raise the limit, or ask for less");
            }
        }
    }

    fn volumes(&mut self, index: usize, service: &Service) {
        let at = |i: usize, field: &str| steps!["services", index, "volumes", i, field].to_vec();
        let volumes = service.volumes.iter().enumerate();
        self.unique("the volume", volumes.clone().map(|(i, v)| (v.name.as_str(), at(i, "name"))));
        let paths = volumes.map(|(i, v)| (v.mount_path.as_str(), at(i, "mountPath")));
        let writable = service.security.writable.iter().enumerate();
        let writable =
            writable.map(|(i, p)| (p.as_str(), steps!["services", index, "security", "writable", i].to_vec()));
        let all: Vec<_> = paths.chain(writable).collect();
        for (path, place) in &all {
            let within =
                |folder: &&&str| path.strip_prefix(**folder).is_some_and(|r| r.is_empty() || r.starts_with('/'));
            if let Some(reserved) = RESERVED.iter().find(within) {
                let message = format!("nothing is mounted at {reserved}");
                self.error(place, "reserved_path", message, "choose another path");
            } else if *path == TEMPORARY {
                let message = "/tmp is there already, and may be written to";
                self.error(place, "reserved_path", message, "leave it out, or choose a folder below it");
            }
        }
        self.unique("the path", all.into_iter());
    }

    fn shared_volumes(&mut self, blueprint: &Blueprint) {
        let mut sizes: BTreeMap<&str, (u64, Vec<Step>)> = BTreeMap::new();
        for (s, service) in blueprint.services.iter().enumerate() {
            for (v, volume) in service.volumes.iter().enumerate() {
                let VolumeSource::Pvc { size, .. } = &volume.source else { continue };
                let path = steps!["services", s, "volumes", v, "size"].to_vec();
                let known = sizes.entry(volume.name.as_str()).or_insert_with(|| (size.bytes(), path.clone())).clone();
                if known.0 != size.bytes() {
                    let line = self.tree.place(&known.1).line;
                    let message = format!("the volume `{}` has another size on line {line}", volume.name.as_str());
                    let hint = "volumes of type pvc with one name are one volume: give them one size, or two names";
                    self.error(&path, "different_twice", message, hint);
                }
            }
        }
    }

    fn shared_secrets(&mut self, blueprint: &Blueprint) {
        let mut known: BTreeMap<&str, (&Secret, Vec<Step>)> = BTreeMap::new();
        for (s, service) in blueprint.services.iter().enumerate() {
            for (i, secret) in service.secrets.iter().enumerate() {
                let path = steps!["services", s, "secrets", i, "length"].to_vec();
                let first = known.entry(secret.name.as_str()).or_insert_with(|| (secret, path.clone())).clone();
                if first.0.length != secret.length {
                    let line = self.tree.place(&first.1).line;
                    let message = format!("the secret `{}` has another length on line {line}", secret.name.as_str());
                    let hint = "secrets with one name are one secret: give them one length, or two names";
                    self.error(&path, "different_twice", message, hint);
                }
            }
        }
    }

    fn plans(&mut self, blueprint: &Blueprint) {
        for (name, plan) in &blueprint.plans {
            for (service, changed) in &plan.services {
                let path = steps!["plans", name.as_str(), "services", service.as_str()];
                if blueprint.services.iter().all(|s| s.name != *service) {
                    self.unknown_service(&path, blueprint, service.as_str());
                }
                if let Some(resources) = &changed.resources {
                    self.resources(&[&path[..], &steps!["resources"]].concat(), resources);
                }
            }
        }
    }

    fn unknown_service(&mut self, path: &[Step], blueprint: &Blueprint, name: &str) {
        let names = || blueprint.services.iter().map(|s| s.name.as_str());
        let hint = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names().take(12).collect::<Vec<_>>().join(", ")),
        };
        self.error(path, "unknown_service", format!("there is no service `{name}`"), hint);
    }

    fn dependencies(&mut self, blueprint: &Blueprint) {
        let index: BTreeMap<&str, usize> =
            blueprint.services.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
        let mut edges: Vec<Vec<usize>> = Vec::new();
        for (s, service) in blueprint.services.iter().enumerate() {
            let mut next = Vec::new();
            for (d, name) in service.depends_on.iter().enumerate() {
                if let Some(other) = index.get(name.as_str()) {
                    next.push(*other);
                } else {
                    self.unknown_service(&steps!["services", s, "dependsOn", d], blueprint, name.as_str());
                }
            }
            edges.push(next);
        }
        if let Some(cycle) = cycle(&edges) {
            let name = |i: &usize| blueprint.services[*i].name.as_str();
            let names: Vec<_> = cycle.iter().map(name).collect();
            let message = format!("these services wait for one another: {}", names.join(" -> "));
            let path = steps!["services", cycle[0], "dependsOn"];
            self.error(&path, "dependency_cycle", message, "take one of them out of `dependsOn`");
        }
    }
}

/// The nodes of one cycle, the first again at the end. Takes away what waits for nothing that is left, so that no depth of
/// the graph is a depth of the stack.
fn cycle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut left: BTreeSet<usize> = (0..edges.len()).collect();
    loop {
        let before = left.len();
        let stuck: BTreeSet<usize> =
            left.iter().copied().filter(|i| edges[*i].iter().any(|n| left.contains(n))).collect();
        left = stuck;
        if left.len() == before {
            break;
        }
    }
    let mut trail = vec![*left.first()?];
    loop {
        let next = edges[*trail.last()?].iter().copied().find(|n| left.contains(n))?;
        let seen = trail.iter().position(|n| *n == next);
        trail.push(next);
        if let Some(start) = seen {
            return Some(trail.split_off(start));
        }
    }
}
