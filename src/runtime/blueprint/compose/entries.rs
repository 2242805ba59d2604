//! Values of a service: texts with variables, environment, commands, checks, sizes.

use super::super::diagnostic::Place;
use super::super::model::{Quantities, Service};
use super::super::scalar::{
    Argument, Cpu, EnvName, EnvValue, Failures, HttpPath, Lasting, PortNumber, Replicas, VariableName, VariablePattern,
};
use super::super::shape::{Check, PortRef, Probe, Variables};
use super::super::tree::{Entry, Kind, Node};
use super::Importer;
use super::interpolate::{Value, words};
use super::storage::memory;

impl Importer<'_> {
    /// A text without variables: their defaults stand in it.
    pub(super) fn plain(&mut self, what: &str, node: &Node) -> Option<String> {
        let value = Value::read(node.text()?);
        if let Some(problem) = value.problem {
            self.remark(node.at, format!("{what} {problem}"));
            return None;
        }
        let missing = value.variables().next().map(str::to_owned);
        if let Some(name) = missing {
            self.remark(
                node.at,
                format!("{what} needs the variable {name}, which a blueprint takes only in `env`: write its value"),
            );
            return None;
        }
        for name in &value.defaults {
            self.remark(node.at, format!("{what} has the default of {name}"));
        }
        Some(value.literal())
    }

    /// `environment`, as a list or a mapping.
    pub(super) fn environment(&mut self, service: &mut Service, node: &Node) {
        match &node.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    self.variable(service, &entry.key, entry.value.text(), entry.key_at);
                }
            }
            Kind::List(items) => {
                for item in items {
                    let Some(text) = item.text() else { continue };
                    match text.split_once('=') {
                        Some((name, value)) => self.variable(service, name, Some(value), item.at),
                        None => self.variable(service, text, None, item.at),
                    }
                }
            }
            Kind::Scalar(_) => {}
        }
    }

    fn variable(&mut self, service: &mut Service, name: &str, value: Option<&str>, at: Place) {
        let Ok(key) = EnvName::parse(name) else {
            return self
                .remark(at, format!("environment of `{}`: a name that fits no variable", service.name.as_str()));
        };
        let is_listed = matches!(&service.variables, Variables::Listed(all) if all.iter().any(|v| v.as_str() == name));
        if is_listed || service.env.contains_key(&key) {
            return self.remark(
                at,
                format!("environment of `{}`: {name} is there twice; the first counts", service.name.as_str()),
            );
        }
        let Some(text) = value else { return listed(service, name) };
        let value = Value::read(text);
        if let Some(problem) = value.problem {
            return self.remark(at, format!("environment of `{}`: {name} {problem}", service.name.as_str()));
        }
        if self.suspicion.of_variable(name, &value.literal()) && value.only_variable().is_none() {
            return self.secret(service, &key, text, at);
        }
        if value.only_variable() == Some(name) {
            return listed(service, name);
        }
        let written = value.to_env().and_then(|text| EnvValue::parse(&text).ok());
        let Some(written) = written else {
            let text = format!(
                "environment of `{}`: {name} cannot be written as a plain value: make it a variable",
                service.name.as_str()
            );
            return self.remark(at, text);
        };
        for default in &value.defaults {
            self.remark(at, format!("environment of `{}`: {name} has the default of {default}", service.name.as_str()));
        }
        service.env.insert(key, written);
    }

    /// A value that looks like a secret: a variable of the environment, under its own name where that is free.
    fn secret(&mut self, service: &mut Service, key: &EnvName, value: &str, at: Place) {
        let own = key.as_str().to_owned();
        let longer = format!("{}_{own}", service.name.as_str().to_ascii_uppercase().replace('-', "_"));
        for name in [own, longer] {
            let Ok(variable) = VariableName::parse(&name) else { continue };
            if self.secrets.get(&variable).is_some_and(|known| known != value) {
                continue;
            }
            let same = self.secrets.iter().find(|(known, of)| *of == value && **known != variable);
            let same =
                same.map(|(known, _)| format!(", with the same value as {}", known.as_str())).unwrap_or_default();
            self.secrets.insert(variable, value.to_owned());
            let text = format!(
                "environment of `{}`: {} looks like a secret and is a variable now: holdfast secrets set {name}{same}",
                service.name.as_str(),
                key.as_str()
            );
            self.remark(at, text);
            if name == key.as_str() {
                listed(service, &name);
            } else if let Ok(value) = EnvValue::parse(&format!("${{{name}}}")) {
                service.env.insert(key.clone(), value);
            }
            return;
        }
        self.remark(
            at,
            format!("environment of `{}`: {} looks like a secret and is left out", service.name.as_str(), key.as_str()),
        );
    }

    /// A command line, as a list or a text.
    pub(super) fn command(&mut self, what: &str, node: &Node) -> Vec<Argument> {
        let read = match &node.kind {
            Kind::List(items) => items.iter().map(|item| self.plain(what, item)).collect::<Option<Vec<_>>>(),
            _ if node.is_null() => Some(Vec::new()),
            _ => self.plain(what, node).and_then(|text| words(&text)),
        };
        let Some(read) = read else {
            self.remark(node.at, format!("{what} cannot be read, so it is the image's own"));
            return Vec::new();
        };
        if self.suspicion.of_text(&read.join("\n")) {
            self.remark(
                node.at,
                format!("{what} holds what looks like a secret and is left out: take it from a variable"),
            );
            return Vec::new();
        }
        read.iter().filter_map(|word| Argument::parse(word).ok()).collect()
    }

    /// `healthcheck`: readiness, and patience at the start.
    pub(super) fn healthcheck(&mut self, service: &mut Service, entry: &Entry) {
        let node = &entry.value;
        let text = |key: &str| node.get(key).and_then(Node::text);
        if text("disable") == Some("true") {
            return;
        }
        let Some(check) = node.get("test").and_then(|test| self.check(test)) else {
            return self.remark(
                entry.key_at,
                format!("healthcheck of `{}` has no test that can be taken over", service.name.as_str()),
            );
        };
        let lasting = |key: &str| text(key).and_then(seconds).and_then(Lasting::of_seconds);
        let (interval, timeout) = (lasting("interval"), lasting("timeout"));
        let failures = text("retries").and_then(|n| n.parse().ok()).and_then(Failures::new);
        let probe = Probe { check, interval, timeout, failures };
        if let Some(start) = text("start_period").and_then(seconds).filter(|s| *s > 0) {
            let every = probe.interval.as_ref().map_or(10, Lasting::seconds);
            let times = u32::try_from(start.div_ceil(every)).ok().and_then(Failures::new);
            service.probes.startup = times.map(|times| Probe { failures: Some(times), ..probe.clone() });
        }
        service.probes.readiness = Some(probe);
    }

    fn check(&mut self, test: &Node) -> Option<Check> {
        if let Kind::List(items) = &test.kind {
            let (first, rest) = items.split_first()?;
            let rest = rest.iter().map(|item| self.plain("healthcheck", item)).collect::<Option<Vec<_>>>()?;
            return match first.text()? {
                "CMD" => asked(&rest.join(" ")).or_else(|| command(&rest)),
                "CMD-SHELL" => shell(rest.first()?),
                _ => None,
            };
        }
        shell(&self.plain("healthcheck", test)?)
    }

    /// `cpus` and `memory` of `deploy.resources`.
    pub(super) fn quantities(&mut self, node: &Node, keys: [&str; 2]) -> Quantities {
        let [cpus, amount] = keys.map(|key| node.get(key).filter(|n| n.text().is_some()));
        let cpu = cpus.and_then(|node| {
            let read = self.plain("cpus", node)?.parse::<f64>().ok().and_then(cpu);
            if read.is_none() {
                self.remark(node.at, "this amount of cpus cannot be read");
            }
            read
        });
        let memory = amount.and_then(|node| {
            let read = memory(&self.plain("memory", node)?);
            if read.is_none() {
                self.remark(node.at, "this amount of memory cannot be read");
            }
            read
        });
        Quantities { cpu, memory }
    }

    pub(super) fn replicas(&mut self, service: &mut Service, node: &Node) {
        match node.text().and_then(|n| n.parse().ok()).and_then(Replicas::new) {
            Some(replicas) => service.replicas = replicas,
            None => self.remark(node.at, format!("replicas of `{}` are a number up to 50", service.name.as_str())),
        }
    }
}

fn listed(service: &mut Service, name: &str) {
    if let (Variables::Listed(all), Ok(pattern)) = (&mut service.variables, VariablePattern::parse(name)) {
        all.push(pattern);
    }
}

fn cpu(cores: f64) -> Option<Cpu> {
    if !(0.001..=1_000.0).contains(&cores) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and a million")]
    let millis = (cores * 1_000.0).round() as u32;
    let text = if millis.is_multiple_of(1_000) { (millis / 1_000).to_string() } else { format!("{millis}m") };
    Cpu::parse(&text).ok()
}

fn command(words: &[String]) -> Option<Check> {
    let words: Vec<_> = words.iter().filter_map(|word| Argument::parse(word).ok()).collect();
    (!words.is_empty()).then_some(Check::Command(words))
}

fn shell(text: &str) -> Option<Check> {
    asked(text).or_else(|| command(&["sh".to_owned(), "-c".to_owned(), text.to_owned()]))
}

/// The address that curl or wget asks of the container itself: the kubelet can ask that, and the image needs neither.
fn asked(text: &str) -> Option<Check> {
    let is_asking = text.starts_with("curl ") || text.starts_with("wget ");
    let plain = text.split(" || ").next().unwrap_or(text);
    if !is_asking
        || plain.contains(['|', ';', '&', '>', '$'])
        || plain.contains(" -X")
        || plain.contains("--header")
        || plain.contains(" -H")
    {
        return None;
    }
    let (_, rest) = plain.split_once("http://")?;
    let address = rest.split([' ', '\'', '"']).next()?;
    let (host, path) = address.split_once('/').map_or((address, String::new()), |(host, path)| (host, path.to_owned()));
    let (host, port) = host.split_once(':').unwrap_or((host, "80"));
    if !["localhost", "127.0.0.1", "0.0.0.0"].contains(&host) {
        return None;
    }
    let path = HttpPath::parse(&format!("/{path}")).ok()?;
    let port = PortNumber::new(port.parse().ok()?)?;
    Some(Check::Http { path, port: Some(PortRef::Number(port)) })
}

/// `1m30s`, `10s`, `500ms`, in whole seconds, at least one.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0.0_f64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit_end = rest[end..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |n| end + n);
        let unit = match &rest[end..unit_end] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[unit_end..];
    }
    if !(0.0..=31_000_000.0).contains(&total) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and a year")]
    let whole = total.ceil() as u64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_rounded_up() {
        assert_eq!(
            (seconds("10s"), seconds("1m30s"), seconds("500ms"), seconds("0s")),
            (Some(10), Some(90), Some(1), Some(0))
        );
        assert_eq!((seconds("x"), seconds("5"), seconds("9999d"), seconds("1.2.3s")), (None, None, None, None));
    }

    #[test]
    fn a_call_of_oneself_is_a_path() {
        let http = |text: &str| match shell(text) {
            Some(Check::Http { path, port: Some(PortRef::Number(port)) }) => {
                Some((path.as_str().to_owned(), port.get()))
            }
            _ => None,
        };
        assert_eq!(http("curl -f http://localhost:8080/health || exit 1"), Some(("/health".to_owned(), 8080)));
        assert_eq!(http("wget -qO- http://127.0.0.1"), Some(("/".to_owned(), 80)));
        for other in [
            "curl -f http://db/health",
            "curl http://localhost | grep ok",
            "pg_isready",
            "curl -X POST http://localhost/",
        ] {
            assert!(http(other).is_none() && matches!(shell(other), Some(Check::Command(_))), "{other}");
        }
    }
}
