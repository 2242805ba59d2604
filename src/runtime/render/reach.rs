//! How services are reached: by their name inside the environment, at one port from outside.

use serde_json::{Value, json};

use super::names::{LABEL_ROLE, ROLE_SERVICE};
use super::{LABEL_SERVICE, Object, One, Stage};
use crate::cluster::Resource;
use crate::runtime::blueprint::{Exposure, PortRef, Service, usual_port};

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
