//! Volumes, secrets and configs of Compose files.

use super::super::model::Service;
use super::super::scalar::{Label, Memory, MountPath, VariableName};
use super::super::shape::{Volume, VolumeSource};
use super::super::tree::{Entry, Kind, Node};
use super::Importer;

/// The size of a volume that the file does not tell.
const SIZE: &str = "1Gi";

impl Importer<'_> {
    pub(super) fn volume_definitions(&mut self, node: &Node) {
        for entry in node.entries() {
            let told = ["external", "driver", "driver_opts"].iter().find(|key| entry.value.get(key).is_some());
            if let Some(told) = told {
                let text = format!(
                    "volumes.{}.{told}: has no counterpart; the environment gets an empty volume of its own",
                    entry.key
                );
                self.remark(entry.key_at, text);
            }
        }
    }

    pub(super) fn volumes(&mut self, service: &mut Service, node: &Node) {
        for item in node.items() {
            match &item.kind {
                Kind::Map(_) => self.long_volume(service, item),
                _ => self.short_volume(service, item),
            }
        }
    }

    /// `data:/var/lib/data:ro`, `./html:/srv`, `/scratch`.
    fn short_volume(&mut self, service: &mut Service, item: &Node) {
        let Some(text) = item.text() else { return };
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [target] => self.empty(service, item, target, None),
            [source, target, rest @ ..] if rest.len() < 2 => {
                let is_read_only = rest.first().is_some_and(|mode| mode.split(',').any(|m| m == "ro"));
                if source.starts_with(['.', '/', '~']) || source.contains('$') {
                    self.bind(item, source, target);
                } else {
                    self.named(service, item, source, target, is_read_only);
                }
            }
            _ => self.remark(item.at, format!("volumes of `{}`: this entry cannot be read", service.name.as_str())),
        }
    }

    fn long_volume(&mut self, service: &mut Service, item: &Node) {
        let text = |key: &str| item.get(key).and_then(Node::text);
        let target = text("target").unwrap_or_default().to_owned();
        let is_read_only = text("read_only") == Some("true");
        match (text("type").unwrap_or("volume"), text("source")) {
            ("volume", Some(source)) => self.named(service, item, source, &target, is_read_only),
            ("volume", None) => self.empty(service, item, &target, None),
            ("tmpfs", _) => {
                let size = item.get("tmpfs").and_then(|t| t.get("size")).and_then(Node::text).and_then(memory);
                self.empty(service, item, &target, size);
            }
            ("bind", source) => self.bind(item, source.unwrap_or("?"), &target),
            (kind, _) => self.remark(item.at, format!("a volume of type {kind} has no counterpart")),
        }
    }

    fn bind(&mut self, item: &Node, source: &str, target: &str) {
        let text = format!(
            "{source} of this machine is not on a cluster, so nothing is mounted at {target}: build it into the image, or make it \
             a variable and a volume of type file"
        );
        self.remark(item.at, text);
    }

    fn named(&mut self, service: &mut Service, item: &Node, name: &str, target: &str, read_only: bool) {
        let label = match self.volumes.get(name) {
            Some(label) => Some(label.clone()),
            None => Label::near(name).filter(|label| self.volumes.values().all(|known| known != label)),
        };
        let (Some(label), Ok(size)) = (label, Memory::parse(SIZE)) else {
            return self.remark(item.at, format!("the volume `{name}` has no name that fits: rename it"));
        };
        if self.volumes.insert(name.to_owned(), label.clone()).is_none() {
            let text = format!("the volume `{}` gets {SIZE}, which is a guess, and begins empty", label.as_str());
            self.remark(item.at, text);
        }
        self.mount(service, item, label, target, VolumeSource::Pvc { size, read_only });
    }

    /// A folder that goes with the pod.
    pub(super) fn empty(&mut self, service: &mut Service, item: &Node, target: &str, size: Option<Memory>) {
        let path = target.split(':').next().unwrap_or(target);
        if path == "/tmp" {
            return;
        }
        let name = format!("scratch{}", path.replace(['/', '.', '_'], "-"));
        let Some(label) = Label::near(&name) else { return };
        self.mount(service, item, label, path, VolumeSource::Empty { size });
    }

    fn mount(&mut self, service: &mut Service, item: &Node, name: Label, target: &str, source: VolumeSource) {
        let Ok(mount_path) = MountPath::parse(target.trim_end_matches('/')) else {
            return self.remark(item.at, format!("nothing can be mounted at `{target}`"));
        };
        let is_taken = service.volumes.iter().any(|v| v.mount_path == mount_path || v.name == name);
        let system = ["/run/holdfast", "/proc", "/sys", "/dev", "/tmp"];
        let within = |folder: &&str| {
            mount_path.as_str().strip_prefix(folder).is_some_and(|r| r.is_empty() || r.starts_with('/'))
        };
        if is_taken || system[..4].iter().any(within) || mount_path.as_str() == system[4] {
            let text = format!(
                "`{}` cannot be mounted at {} in `{}`",
                name.as_str(),
                mount_path.as_str(),
                service.name.as_str()
            );
            return self.remark(item.at, text);
        }
        service.volumes.push(Volume { name, mount_path, source });
    }

    /// `secrets` and `configs` of a service: files with the values of variables.
    pub(super) fn files(&mut self, service: &mut Service, entry: &Entry) {
        let kind = entry.key.as_str();
        for item in entry.value.items() {
            let source = item.text().or_else(|| item.get("source").and_then(Node::text));
            let Some(source) = source else {
                self.remark(item.at, format!("{kind}: this entry cannot be read"));
                continue;
            };
            let target = item.get("target").and_then(Node::text).unwrap_or(source);
            let folder = if kind == "secrets" { "/run/secrets/" } else { "/" };
            let target = if target.starts_with('/') { target.to_owned() } else { format!("{folder}{target}") };
            let definition = self.tree.get(kind).and_then(|all| all.get(source));
            let told = |key: &str| definition.and_then(|d| d.get(key)).and_then(Node::text);
            let variable = told("environment").map_or_else(|| variable_name(source), str::to_owned);
            let label = Label::near(&format!("{}-{source}", kind.trim_end_matches('s')));
            let (Ok(variable), Some(label)) = (VariableName::parse(&variable), label) else {
                self.remark(item.at, format!("{kind}: `{source}` has no name that fits"));
                continue;
            };
            let from = match told("file") {
                Some(file) => format!("--value-file {file}"),
                None => "--value-file FILE".to_owned(),
            };
            let text = format!(
                "{kind}: `{source}` is the variable {0} now: holdfast secrets set {0} {from}",
                variable.as_str()
            );
            self.remark(item.at, text);
            self.mount(service, item, label, &target, VolumeSource::File { variable });
        }
    }
}

/// The name of a variable for a name of a file.
fn variable_name(source: &str) -> String {
    let upper = source.to_ascii_uppercase();
    upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// An amount of memory as Compose writes it: `512m`, `1gb`, `1.5g`, bytes.
pub(super) fn memory(text: &str) -> Option<Memory> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: f64 = match lower[digits.len()..].trim_end_matches('b') {
        "" => 1.0,
        "k" | "ki" => 1_024.0,
        "m" | "mi" => 1_048_576.0,
        "g" | "gi" => 1_073_741_824.0,
        _ => return None,
    };
    let bytes = digits.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0)? * unit;
    if bytes > 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1e15")]
    let bytes = bytes as u64;
    let (amount, unit) = [(1_u64 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")]
        .into_iter()
        .find(|(unit, _)| bytes.is_multiple_of(*unit))
        .map_or((bytes, ""), |(unit, word)| (bytes / unit, word));
    Memory::parse(&format!("{amount}{unit}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_units_of_two() {
        let read = |text: &str| memory(text).map(|m| m.as_str().to_owned());
        assert_eq!(read("512m"), Some("512Mi".to_owned()));
        assert_eq!(read("1GB"), Some("1Gi".to_owned()));
        assert_eq!(read("1.5g"), Some("1536Mi".to_owned()));
        assert_eq!(read("1000"), Some("1000".to_owned()));
        assert!(["", "x", "-1m", "0", "1t", "1e30"].iter().all(|t| read(t).is_none()));
    }
}
