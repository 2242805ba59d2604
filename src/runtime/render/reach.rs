//! How services are reached: by their name inside the environment, at one port from outside.

use serde_json::{Value, json};

use super::names::{LABEL_ROLE, ROLE_INIT, ROLE_SERVICE};
use super::{LABEL_SERVICE, Object, One, Stage};
use crate::cluster::Resource;
use crate::runtime::blueprint::{Exposure, InitKind, PortRef, Protocol, Service, usual_port};

/// The name and address of a service; none for one that listens nowhere.
pub(super) fn service(one: &One<'_>) -> Option<Object> {
    let ports: Vec<Value> = one
        .service
        .ports
        .iter()
        .map(|port| {
            let number = port.container_port.get();
            let (name, protocol) = (port.name.as_str(), port.protocol.as_str());
            json!({ "name": name, "port": number, "targetPort": number, "protocol": protocol })
        })
        .collect();
    (!ports.is_empty()).then(|| {
        let metadata = one.desired.of_service(one.name(), &one.service.name, ROLE_SERVICE);
        let spec = json!({ "type": "ClusterIP", "selector": selector(one.service), "ports": ports });
        Object::new(Resource::Service, Stage::Reach, metadata, json!({ "spec": spec }))
    })
}

/// The second name of a service whose init step runs when it is ready: it leads to the service once that step is done, and
/// nowhere before. What depends on the service waits for this one.
pub(super) fn initialized(one: &One<'_>) -> Option<Object> {
    let port = has_late_step(one.service).then(|| first_port(one.service))??;
    let mut selector = selector(one.service);
    if !one.desired.initialized.contains(&one.service.name) {
        selector[LABEL_ROLE] = json!(NOBODY);
    }
    let metadata = one.desired.of_service(&initialized_name(one.service), &one.service.name, ROLE_INIT);
    let ports = json!([{ "name": "initialized", "port": port, "targetPort": port, "protocol": "TCP" }]);
    let spec = json!({ "type": "ClusterIP", "selector": selector, "ports": ports });
    Some(Object::new(Resource::Service, Stage::Reach, metadata, json!({ "spec": spec })))
}

/// The role that no pod has.
const NOBODY: &str = "none";

fn initialized_name(service: &Service) -> String {
    format!("{}--initialized", service.name.as_str())
}

/// Whether an init step of a service runs once the service is ready.
pub fn has_late_step(service: &Service) -> bool {
    service.init.as_ref().is_some_and(|init| init.kind == InitKind::Sql)
}

fn first_port(service: &Service) -> Option<u16> {
    service.ports.iter().find(|port| port.protocol == Protocol::Tcp).map(|port| port.container_port.get())
}

/// Where a service answers, as `name:port`; none for one that listens at no TCP port.
pub(super) fn way(service: &Service) -> Option<String> {
    Some(format!("{}:{}", service.name.as_str(), first_port(service)?))
}

/// What a service waits for before it starts, as `name:port`.
pub(super) fn after(one: &One<'_>) -> Vec<String> {
    let services = || one.desired.blueprint.services.iter();
    let depends = one.service.depends_on.iter().filter_map(|name| services().find(|s| s.name == *name));
    depends
        .filter_map(|dependency| {
            if has_late_step(dependency) {
                Some(format!("{}:{}", initialized_name(dependency), first_port(dependency)?))
            } else {
                way(dependency)
            }
        })
        .collect()
}

/// Whether the pods of what depends on this service can wait for it by themselves.
pub fn is_waited_for_inside(service: &Service) -> bool {
    first_port(service).is_some()
}

/// The pods that answer for a service; those of its init step do not.
pub(super) fn selector(service: &Service) -> Value {
    json!({ LABEL_SERVICE: service.name.as_str(), LABEL_ROLE: ROLE_SERVICE })
}

/// The port that requests from outside come to; none for a service without a host, or without a port.
pub(super) fn exposed_port(service: &Service) -> Option<u16> {
    let Exposure::Shown(expose) = &service.expose else { return None };
    match &expose.port {
        Some(port) => number(service, port),
        None => usual_port(service).map(|port| port.container_port.get()),
    }
}

/// The number of a port.
pub(super) fn number(service: &Service, port: &PortRef) -> Option<u16> {
    match port {
        PortRef::Number(number) => Some(number.get()),
        PortRef::Name(name) => service.ports.iter().find(|p| p.name == *name).map(|p| p.container_port.get()),
    }
}
