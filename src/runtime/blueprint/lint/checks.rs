//! The rules themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostic::{Diagnostic, Step, shown, steps};
use super::super::form::Form as _;
use super::super::model::Service;
use super::super::scalar::{Argument, EnvValue, Image, Label};
use super::super::shape::{Auth, Check, Egress, Exposure, Probe, Target, Variables, VolumeSource};
use super::super::tree::{Kind, Scalar, Word};
use super::super::write::{flow, is_ambiguous};
use super::fix::{Edit, after_field, in_quotes, replaced, without_item};
use super::rules::rule;
use super::secretish::Suspicion;
use super::{Finding, Linter};
use crate::config::nearest;

/// Tags that are given to another image with every release.
const MOVING: &[&str] =
    &["latest", "stable", "edge", "nightly", "main", "master", "dev", "develop", "current", "canary"];

/// Images that everybody uses and that run as root when no user is named.
const ROOT_IMAGES: &[&str] = &[
    "alpine",
    "busybox",
    "caddy",
    "debian",
    "golang",
    "haproxy",
    "httpd",
    "mariadb",
    "mongo",
    "mysql",
    "nextcloud",
    "nginx",
    "node",
    "php",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "ruby",
    "traefik",
    "ubuntu",
    "valkey/valkey",
    "wordpress",
];

/// How often a startup probe may fail that is made from a liveness probe: five minutes at the usual interval.
const STARTUP_FAILURES: &str = "30";

impl Linter<'_> {
    pub(super) fn run(&mut self, names: Option<&BTreeSet<String>>) {
        let suspicion = Suspicion::new();
        let services = &self.document.blueprint.services;
        let by_name: BTreeMap<&str, &Service> = services.iter().map(|s| (s.name.as_str(), s)).collect();
        for (index, service) in services.iter().enumerate() {
            self.size(index, service);
            self.image(index, service);
            self.user(index, service);
            self.exposure(index, service);
            self.probes(index, service);
            self.waiting(index, service, &by_name);
            self.secrets(index, service, &suspicion);
            self.volumes(index, service);
            self.egress(index, service);
            self.lists(index, service);
            self.quotes(index, service);
            if let Some(names) = names {
                self.variables(index, service, names);
            }
        }
        self.writers();
    }

    fn found(&mut self, id: &str, path: &[Step], message: impl Into<String>, fix: Option<Edit>) {
        let Some(rule) = rule(id) else { return };
        let at = self.document.tree.place(path);
        let hint = rule.remedy.to_owned();
        let said = Diagnostic { code: rule.id, message: message.into(), hint, at, path: shown(path) };
        self.findings.push(Finding { rule, said, fix });
    }

    fn size(&mut self, index: usize, service: &Service) {
        if service.resources.limits.memory.is_none() {
            let message = format!("`{}` has no limit of memory", service.name.as_str());
            self.found("HF001", &steps!["services", index, "name"], message, None);
        }
        let writes = |v: &super::super::Volume| matches!(v.source, VolumeSource::Pvc { read_only: false, .. });
        if service.replicas.get() > 1 && service.volumes.iter().any(writes) {
            let message = format!("`{}` runs more than once and writes to a volume", service.name.as_str());
            self.found("HF011", &steps!["services", index, "replicas"], message, None);
        }
    }

    fn image(&mut self, index: usize, service: &Service) {
        let of_init = service.init.as_ref().and_then(|i| i.image.as_ref());
        let of_init = of_init.map(|image| (image, steps!["services", index, "init", "image"].to_vec()));
        let images = std::iter::once((&service.image, steps!["services", index, "image"].to_vec())).chain(of_init);
        for (image, path) in images {
            if let Some(message) = moving(image) {
                self.found("HF003", &path, message, None);
            }
        }
    }

    fn user(&mut self, index: usize, service: &Service) {
        match service.security.user.map(super::super::UserId::get) {
            Some(0) => {
                let message = format!("`{}` runs as root", service.name.as_str());
                self.found("HF004", &steps!["services", index, "security", "user"], message, None);
            }
            None if ROOT_IMAGES.contains(&service.image.bare()) => {
                let message = format!("the image `{}` runs as root when no user is named", service.image.bare());
                self.found("HF004", &steps!["services", index, "image"], message, None);
            }
            _ => {}
        }
    }

    fn exposure(&mut self, index: usize, service: &Service) {
        let Exposure::Shown(expose) = &service.expose else { return };
        if service.ports.is_empty() {
            let message = format!("`{}` is exposed and lists no port", service.name.as_str());
            self.found("HF005", &steps!["services", index, "expose"], message, None);
        }
        if expose.auth == Auth::Public {
            let message = format!("everybody can reach `{}`", service.name.as_str());
            self.found("HF016", &steps!["services", index, "expose", "auth"], message, None);
        }
    }

    fn probes(&mut self, index: usize, service: &Service) {
        let probes = &service.probes;
        if !service.ports.is_empty() && probes.readiness.is_none() {
            let message = format!("`{}` has ports and no readiness probe", service.name.as_str());
            self.found("HF002", &steps!["services", index, "ports"], message, None);
        }
        let Some(liveness) = &probes.liveness else { return };
        let path = steps!["services", index, "probes", "liveness"];
        if probes.startup.is_none() {
            let message = format!("`{}` has a liveness probe and no startup probe", service.name.as_str());
            let fix = self.startup(index, liveness);
            self.found("HF012", &path, message, fix);
        }
        let asks = |probe: &Probe| match &probe.check {
            Check::Http { path, .. } => Some(path.as_str().to_owned()),
            Check::Tcp(_) | Check::Command(_) => None,
        };
        let is_same = probes.readiness.as_ref().and_then(asks).is_some_and(|path| Some(path) == asks(liveness));
        if is_same {
            let message = format!("liveness and readiness of `{}` ask the same path", service.name.as_str());
            self.found("HF013", &path, message, None);
        }
    }

    fn startup(&self, index: usize, liveness: &Probe) -> Option<Edit> {
        let patient = Probe { failures: None, ..liveness.clone() };
        let line = flow(&patient.write()?)?;
        let line = format!("startup: {}, failures: {STARTUP_FAILURES}}}", line.strip_suffix('}')?);
        let map = self.document.tree.deepest(&steps!["services", index, "probes"]);
        after_field(self.text, map, "liveness", &line)
    }

    fn waiting(&mut self, index: usize, service: &Service, by_name: &BTreeMap<&str, &Service>) {
        for (i, name) in service.depends_on.iter().enumerate() {
            let is_blind = by_name.get(name.as_str()).is_some_and(|other| other.probes.readiness.is_none());
            if is_blind {
                let message = format!("`{}` has no readiness probe, so nothing waits for it", name.as_str());
                self.found("HF015", &steps!["services", index, "dependsOn", i], message, None);
            }
        }
    }

    fn secrets(&mut self, index: usize, service: &Service, suspicion: &Suspicion) {
        for (name, value) in &service.env {
            if suspicion.of_variable(name.as_str(), &without_references(value)) {
                let message = format!("the value of `{}` looks like a secret", name.as_str());
                self.found("HF008", &steps!["services", index, "env", name.as_str()], message, None);
            }
        }
        let texts = |words: &[Argument]| words.iter().map(Argument::as_str).collect::<Vec<_>>().join("\n");
        let script = service.init.as_ref().map(|init| init.script.as_str().to_owned());
        let all = [
            (texts(&service.command), steps!["services", index, "command"].to_vec()),
            (texts(&service.args), steps!["services", index, "args"].to_vec()),
            (script.unwrap_or_default(), steps!["services", index, "init", "type"].to_vec()),
        ];
        for (text, path) in all {
            if !text.is_empty() && suspicion.of_text(&text) {
                let message =
                    format!("something in `{}` looks like a secret", shown(&path[2..]).replace("type", "script"));
                self.found("HF008", &path, message, None);
            }
        }
    }

    fn volumes(&mut self, index: usize, service: &Service) {
        if service.variables == Variables::All {
            let message = format!("`{}` gets every variable of the environment", service.name.as_str());
            self.found("HF014", &steps!["services", index, "variables"], message, None);
        }
    }

    /// Volumes that more than one service writes to.
    fn writers(&mut self) {
        let mut writers: BTreeMap<&str, &str> = BTreeMap::new();
        for (s, service) in self.document.blueprint.services.iter().enumerate() {
            for (v, volume) in service.volumes.iter().enumerate() {
                if !matches!(volume.source, VolumeSource::Pvc { read_only: false, .. }) {
                    continue;
                }
                match writers.get(volume.name.as_str()) {
                    Some(first) => {
                        let (name, second) = (volume.name.as_str(), service.name.as_str());
                        let message = format!("`{first}` and `{second}` both write to the volume `{name}`");
                        self.found("HF009", &steps!["services", s, "volumes", v, "name"], message, None);
                    }
                    None => drop(writers.insert(volume.name.as_str(), service.name.as_str())),
                }
            }
        }
    }

    fn egress(&mut self, index: usize, service: &Service) {
        for (i, way) in service.egress.iter().enumerate() {
            let path = steps!["services", index, "egress", i];
            let (is_everything, net) = match way.target() {
                Target::Internet => (way.port().is_none(), None),
                Target::Net(net) => (net.prefix_len() == 0, Some(net)),
            };
            if is_everything {
                let message = format!("`{}` may go everywhere", service.name.as_str());
                self.found("HF010", &path, message, None);
            }
            if let Some(net) = net.filter(|net| net.trunc() != *net) {
                let (old, new) = (net.to_string(), net.trunc().to_string());
                let fix = replaced(self.text, self.document.tree.deepest(&path), &old, &new);
                self.found("HF019", &path, format!("`{old}` means all of {new}"), fix);
            }
        }
    }

    fn lists(&mut self, index: usize, service: &Service) {
        let names = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let waits = names(service.depends_on.iter().map(Label::as_str).collect());
        let ways = names(service.egress.iter().map(Egress::as_str).collect());
        for (field, items) in [("dependsOn", waits), ("egress", ways)] {
            for (i, item) in items.iter().enumerate().filter(|(i, item)| items[..*i].contains(item)) {
                self.twice(index, field, i, format!("`{item}` is there twice"));
            }
        }
        let Variables::Listed(variables) = &service.variables else { return };
        for (i, one) in variables.iter().enumerate() {
            let others = variables.iter().enumerate().filter(|(j, _)| *j != i);
            let is_repeated = variables[..i].contains(one);
            let taken = others
                .map(|(_, other)| other)
                .find(|other| !other.is_name() && *other != one && other.matches(one.as_str()));
            if is_repeated {
                self.twice(index, "variables", i, format!("`{}` is there twice", one.as_str()));
            } else if let Some(pattern) = taken {
                let message = format!("`{}` takes `{}` already", pattern.as_str(), one.as_str());
                self.twice(index, "variables", i, message);
            }
        }
    }

    fn twice(&mut self, index: usize, field: &str, item: usize, message: String) {
        let list = self.document.tree.deepest(&steps!["services", index, field]);
        let fix = without_item(self.text, list, item);
        self.found("HF017", &steps!["services", index, field, item], message, fix);
    }

    fn quotes(&mut self, index: usize, service: &Service) {
        for name in service.env.keys() {
            let path = steps!["services", index, "env", name.as_str()];
            let node = self.document.tree.deepest(&path);
            let Kind::Scalar(scalar) = &node.kind else { continue };
            if scalar.is_plain && is_read_otherwise(scalar) {
                let fix = in_quotes(node);
                self.found("HF018", &path, format!("the value of `{}` needs quotes", name.as_str()), fix);
            }
        }
    }

    fn variables(&mut self, index: usize, service: &Service, names: &BTreeSet<String>) {
        let mut wanted: Vec<(String, Vec<Step>)> = Vec::new();
        if let Variables::Listed(patterns) = &service.variables {
            for (i, pattern) in patterns.iter().enumerate() {
                let path = steps!["services", index, "variables", i];
                if pattern.is_name() {
                    wanted.push((pattern.as_str().to_owned(), path.to_vec()));
                } else if !names.iter().any(|name| pattern.matches(name)) {
                    self.found(
                        "HF006",
                        &path,
                        format!("the environment has no variable like `{}`", pattern.as_str()),
                        None,
                    );
                }
            }
        }
        for (key, value) in &service.env {
            let path = steps!["services", index, "env", key.as_str()];
            wanted.extend(value.references().iter().map(|name| (name.as_str().to_owned(), path.to_vec())));
        }
        for (i, volume) in service.volumes.iter().enumerate() {
            if let VolumeSource::File { variable } = &volume.source {
                wanted
                    .push((variable.as_str().to_owned(), steps!["services", index, "volumes", i, "variable"].to_vec()));
            }
        }
        for (name, path) in wanted.into_iter().filter(|(name, _)| !names.contains(name)) {
            let near = nearest(&name, names.iter().map(String::as_str));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.found("HF006", &path, format!("the environment has no variable `{name}`{near}"), None);
        }
    }
}

fn moving(image: &Image) -> Option<String> {
    if image.has_digest() {
        return None;
    }
    match image.tag() {
        None => Some(format!("the image `{}` has no tag, which means `latest`", image.bare())),
        Some(tag) if MOVING.contains(&tag) => Some(format!("the tag `{tag}` is another image tomorrow")),
        Some(_) => None,
    }
}

/// A value without what is taken from variables: that is no secret of the file.
fn without_references(value: &EnvValue) -> String {
    let mut text = value.as_str().to_owned();
    for name in value.references() {
        text = text.replace(&format!("${{{}}}", name.as_str()), "");
    }
    text
}

/// Whether a plain scalar is something else than its own text to another reader.
fn is_read_otherwise(scalar: &Scalar) -> bool {
    let text = scalar.text.as_str();
    match scalar.word {
        Word::Null => false,
        Word::Boolean => !matches!(text, "true" | "false"),
        Word::Number => {
            let is_whole = text.parse::<i64>().is_ok_and(|n| n.to_string() == text);
            let is_decimal = text.parse::<f64>().is_ok_and(|n| n.to_string() == text);
            !is_whole && !is_decimal
        }
        Word::Text => is_ambiguous(text) || is_grouped(text),
    }
}

/// `1_000`, which YAML 1.1 takes for a number.
fn is_grouped(text: &str) -> bool {
    text.contains('_')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}
