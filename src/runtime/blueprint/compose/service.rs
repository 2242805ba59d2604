//! One service of a Compose file.

use super::super::model::Service;
use super::super::scalar::{Image, Label, MountPath, UserId};
use super::super::shape::{Expose, Exposure, PortRef};
use super::super::tree::{Entry, Kind, Node};
use super::Importer;
use super::ports::{self, Found};

/// Fields that say what a cluster does anyway, or what nobody misses.
const PASSED: &[&str] = &[
    "image",
    "build",
    "ports",
    "expose",
    "container_name",
    "hostname",
    "restart",
    "pull_policy",
    "platform",
    "stdin_open",
    "tty",
    "init",
    "cap_drop",
    "read_only",
    "security_opt",
    "stop_grace_period",
    "version",
];
/// Fields that ask for more than the profile `restricted` lets a pod have.
const REFUSED: &[&str] = &[
    "privileged",
    "cap_add",
    "devices",
    "network_mode",
    "pid",
    "ipc",
    "userns_mode",
    "cgroup",
    "cgroup_parent",
    "sysctls",
    "device_cgroup_rules",
    "group_add",
];

impl<'a> Importer<'a> {
    pub(super) fn service(&mut self, entry: &'a Entry) -> Option<Service> {
        let name = self.names.get(entry.key.as_str())?.clone();
        let image = self.image(entry, &name)?;
        let mut service = Service::new(name, image);
        let mut found: Vec<Found> = Vec::new();
        for field in entry.value.entries() {
            match field.key.as_str() {
                "ports" | "expose" => self.ports(&service, field, &mut found),
                _ => self.field(&mut service, field),
            }
        }
        service.ports = ports::named(&found);
        self.exposure(&mut service, entry, &found);
        Some(service)
    }

    fn image(&mut self, entry: &Entry, name: &Label) -> Option<Image> {
        let stand_in = format!("registry.invalid/{}:unbuilt", name.as_str());
        let named = entry.value.get("image");
        let read = named.and_then(|node| self.plain(&format!("image of `{}`", name.as_str()), node));
        if let Some(image) = read.as_deref().and_then(|text| Image::parse(text).ok()) {
            if let Some(build) = entry.value.entry("build") {
                let text = format!(
                    "build of `{}`: nothing is built here: build {} and push it",
                    name.as_str(),
                    image.as_str()
                );
                self.remark(build.key_at, text);
            }
            return Some(image);
        }
        let at = named.map_or(entry.key_at, |node| node.at);
        let text = format!(
            "`{}` has no image that can be pulled: build one, push it, and write it in place of {stand_in}",
            name.as_str()
        );
        self.remark(at, text);
        Image::parse(&stand_in).ok()
    }

    fn field(&mut self, service: &mut Service, field: &Entry) {
        let node = &field.value;
        let of = service.name.as_str().to_owned();
        match field.key.as_str() {
            "environment" => self.environment(service, node),
            "env_file" => self.env_file(&of, node),
            "command" => service.args = self.command(&format!("command of `{of}`"), node),
            "entrypoint" => service.command = self.command(&format!("entrypoint of `{of}`"), node),
            "working_dir" => {
                let path = self.plain(&format!("working_dir of `{of}`"), node);
                service.working_dir = path.and_then(|p| MountPath::parse(&p).ok());
                if service.working_dir.is_none() {
                    self.remark(node.at, format!("working_dir of `{of}` is no path that fits"));
                }
            }
            "user" => self.user(service, node),
            "depends_on" => self.depends_on(service, node),
            "healthcheck" => self.healthcheck(service, field),
            "volumes" => self.volumes(service, node),
            "tmpfs" => {
                let list =
                    if let Kind::List(items) = &node.kind { items.as_slice() } else { std::slice::from_ref(node) };
                for item in list {
                    if let Some(path) = item.text() {
                        self.empty(service, item, path, None);
                    }
                }
            }
            "secrets" | "configs" => self.files(service, field),
            "deploy" => self.deploy(service, node),
            "scale" => self.replicas(service, node),
            "mem_limit" | "cpus" | "mem_reservation" => self.old_sizes(service, field),
            "restart" if matches!(node.text(), Some("no" | "on-failure")) => {
                self.remark(field.key_at, format!("restart of `{of}`: a service that ends is started again"));
            }
            "profiles" => {
                self.remark(field.key_at, format!("profiles of `{of}`: it is taken over like every other service"));
            }
            key if PASSED.contains(&key) || key.starts_with("x-") => {}
            key if REFUSED.contains(&key) => {
                self.remark(
                    field.key_at,
                    format!("{key} of `{of}`: pods are restricted, which does not let them have it"),
                );
            }
            "networks" => {}
            key => self.remark(field.key_at, format!("{key} of `{of}`: has no counterpart")),
        }
    }

    fn env_file(&mut self, of: &str, node: &Node) {
        let list = if let Kind::List(items) = &node.kind { items.as_slice() } else { std::slice::from_ref(node) };
        for item in list {
            let path = item.text().or_else(|| item.get("path").and_then(Node::text)).unwrap_or("?");
            let text = format!("env_file of `{of}`: holdfast import {path}, then list its names under `variables`");
            self.remark(item.at, text);
        }
    }

    fn user(&mut self, service: &mut Service, node: &Node) {
        let of = service.name.as_str().to_owned();
        let Some(text) = self.plain(&format!("user of `{of}`"), node) else { return };
        let user = text.split(':').next().unwrap_or_default();
        match user.parse().ok().and_then(UserId::new) {
            Some(id) if id.get() > 0 => service.security.user = Some(id),
            _ => self.remark(node.at, format!("user of `{of}`: pods run as a user with a number above 0, like 10001")),
        }
    }

    fn depends_on(&mut self, service: &mut Service, node: &Node) {
        let of = service.name.as_str().to_owned();
        let mut wanted: Vec<(&str, &Node, Option<&str>)> = Vec::new();
        wanted.extend(node.items().iter().filter_map(|item| Some((item.text()?, item, None))));
        let condition = |entry: &'_ Entry| entry.value.get("condition").and_then(Node::text).map(str::to_owned);
        let conditions: Vec<Option<String>> = node.entries().iter().map(condition).collect();
        wanted.extend(node.entries().iter().zip(&conditions).map(|(e, c)| (e.key.as_str(), &e.value, c.as_deref())));
        for (name, at, condition) in wanted {
            let at = node.entry(name).map_or(at.at, |entry| entry.key_at);
            let Some(label) = self.names.get(name).cloned() else {
                self.remark(at, format!("depends_on of `{of}`: there is no service `{name}`"));
                continue;
            };
            if condition == Some("service_completed_successfully") {
                let text = format!("depends_on of `{of}`: `{name}` is to have ended, which is what `init` is for");
                self.remark(at, text);
            } else if !service.depends_on.contains(&label) {
                service.depends_on.push(label);
            }
        }
    }

    fn deploy(&mut self, service: &mut Service, node: &Node) {
        let of = service.name.as_str().to_owned();
        for field in node.entries() {
            match field.key.as_str() {
                "replicas" => self.replicas(service, &field.value),
                "resources" => {
                    for (key, is_limit) in [("limits", true), ("reservations", false)] {
                        let Some(amounts) = field.value.get(key) else { continue };
                        let read = self.quantities(amounts, ["cpus", "memory"]);
                        let target =
                            if is_limit { &mut service.resources.limits } else { &mut service.resources.requests };
                        *target = read;
                        if let Some(devices) = amounts.entry("devices") {
                            self.remark(devices.key_at, format!("devices of `{of}`: have no counterpart"));
                        }
                    }
                }
                "mode" | "restart_policy" | "update_config" | "rollback_config" | "labels" => {}
                key => self.remark(field.key_at, format!("deploy.{key} of `{of}`: has no counterpart")),
            }
        }
    }

    fn old_sizes(&mut self, service: &mut Service, field: &Entry) {
        let one = Node { kind: Kind::Map(vec![field.clone()]), at: field.key_at };
        let read = self.quantities(&one, ["cpus", if field.key == "cpus" { "" } else { field.key.as_str() }]);
        let target = if field.key == "mem_reservation" {
            &mut service.resources.requests
        } else {
            &mut service.resources.limits
        };
        target.cpu = read.cpu.or_else(|| target.cpu.take());
        target.memory = read.memory.or_else(|| target.memory.take());
    }

    fn ports(&mut self, service: &Service, field: &Entry, found: &mut Vec<Found>) {
        for item in field.value.items() {
            let of = service.name.as_str();
            let read = match &item.kind {
                Kind::Map(_) => ports::read(item),
                _ => self.plain(&format!("{} of `{of}`", field.key), item).and_then(|text| ports::short(&text)),
            };
            match read {
                Some(read) => found.extend(read),
                None => self.remark(item.at, format!("{} of `{of}`: this entry cannot be read", field.key)),
            }
        }
    }

    /// What is published for browsers gets a host, for members only.
    fn exposure(&mut self, service: &mut Service, entry: &Entry, found: &[Found]) {
        let published: Vec<_> = found.iter().filter(|f| f.is_for_browsers()).collect();
        let of_published = service.ports.iter().filter(|p| published.iter().any(|f| f.number == p.container_port));
        let port = of_published.clone().find(|p| p.name.as_str() == "http").or_else(|| of_published.clone().next());
        let at = entry.value.entry("ports").map_or(entry.key_at, |e| e.key_at);
        let of = service.name.as_str();
        if let Some(port) = port {
            let text = format!(
                "`{of}` is exposed at port {}, to signed-in members of the organization",
                port.container_port.get()
            );
            let port = (service.ports.len() > 1).then(|| PortRef::Name(port.name.clone()));
            self.remark(at, text);
            service.expose = Exposure::Shown(Expose { port, ..Expose::MEMBERS });
        } else if found.iter().any(|f| f.is_published) {
            self.remark(at, format!("`{of}` publishes ports that are no web pages: only the environment reaches them"));
        }
    }
}
