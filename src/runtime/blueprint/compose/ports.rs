//! Ports: what is published, what is listened on, and what a check asks.

use super::super::model::{Port, Protocol};
use super::super::scalar::{PortName, PortNumber};
use super::super::tree::{Kind, Node};

/// Most ports of one range.
const RANGE_MAX: u16 = 20;

/// Ports that speak something else than HTTP, by name.
const KNOWN: &[(u16, &str)] = &[
    (22, "ssh"),
    (25, "smtp"),
    (53, "dns"),
    (587, "smtp"),
    (1025, "smtp"),
    (1433, "mssql"),
    (1883, "mqtt"),
    (2181, "zookeeper"),
    (2379, "etcd"),
    (3306, "mysql"),
    (4222, "nats"),
    (5432, "postgres"),
    (5672, "amqp"),
    (6379, "redis"),
    (9092, "kafka"),
    (11211, "memcached"),
    (27017, "mongodb"),
    (50051, "grpc"),
];
/// Ports that speak HTTP, most likely.
const WEB: &[u16] = &[80, 3000, 4000, 4200, 5000, 5173, 8000, 8001, 8080, 8081, 8888, 9000];

/// A port as a Compose file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) number: PortNumber,
    pub(super) protocol: Protocol,
    pub(super) name: Option<PortName>,
    pub(super) is_published: bool,
}

impl Found {
    /// Whether it may be meant for browsers: it is published, and is not the port of a database or the like.
    pub(super) fn is_for_browsers(&self) -> bool {
        self.is_published && self.protocol == Protocol::Tcp && KNOWN.iter().all(|(n, _)| *n != self.number.get())
    }
}

/// `8080`, `80:8080`, `127.0.0.1:80:8080/udp`, `3000-3002:3000-3002`.
pub(super) fn short(text: &str) -> Option<Vec<Found>> {
    let (rest, protocol) = match text.split_once('/') {
        Some((rest, protocol)) => (rest, protocol_of(protocol)?),
        None => (text, Protocol::Tcp),
    };
    let container = rest.rsplit(':').next()?;
    let is_published = rest.contains(':');
    let (first, last) = container.split_once('-').unwrap_or((container, container));
    let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
    if last < first || last - first >= RANGE_MAX {
        return None;
    }
    let found = |number| Some(Found { number: PortNumber::new(number)?, protocol, name: None, is_published });
    (first..=last).map(found).collect()
}

/// `{target: 8080, published: 80, protocol: tcp, name: web}`.
pub(super) fn long(node: &Node) -> Option<Vec<Found>> {
    let text = |key: &str| node.get(key).and_then(Node::text);
    let number = PortNumber::new(text("target")?.parse().ok()?)?;
    let protocol = text("protocol").map_or(Some(Protocol::Tcp), protocol_of)?;
    let name = text("name").and_then(|name| PortName::parse(name).ok());
    Some(vec![Found { number, protocol, name, is_published: text("published").is_some() }])
}

/// One entry of `ports` or `expose`.
pub(super) fn read(node: &Node) -> Option<Vec<Found>> {
    match &node.kind {
        Kind::Map(_) => long(node),
        _ => short(node.text()?),
    }
}

fn protocol_of(text: &str) -> Option<Protocol> {
    match text {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    }
}

/// Ports with names, each once.
pub(super) fn named(found: &[Found]) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for one in found {
        if ports.iter().any(|p| p.container_port == one.number && p.protocol == one.protocol) {
            continue;
        }
        let is_free = |name: &PortName| ports.iter().all(|p| p.name != *name);
        let number = one.number.get();
        let usual = match one.protocol {
            Protocol::Udp => None,
            Protocol::Tcp if WEB.contains(&number) => Some("http"),
            Protocol::Tcp => KNOWN.iter().find(|(n, _)| *n == number).map(|(_, name)| *name),
        };
        let kind = if one.protocol == Protocol::Udp { "udp" } else { "port" };
        let candidates = [
            one.name.as_ref().map(|n| n.as_str().to_owned()),
            usual.map(str::to_owned),
            Some(format!("{kind}-{number}")),
        ];
        let name = candidates.into_iter().flatten().filter_map(|n| PortName::parse(&n).ok()).find(is_free);
        if let Some(name) = name {
            ports.push(Port { name, container_port: one.number, protocol: one.protocol });
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Option<Vec<(u16, bool)>> {
        short(text).map(|found| found.iter().map(|f| (f.number.get(), f.is_published)).collect())
    }

    #[test]
    fn ports_are_read_in_every_form() {
        assert_eq!(numbers("8080"), Some(vec![(8080, false)]));
        assert_eq!(numbers("80:8080"), Some(vec![(8080, true)]));
        assert_eq!(numbers("127.0.0.1:80:8080/tcp"), Some(vec![(8080, true)]));
        assert_eq!(numbers("3000-3001:4000-4001"), Some(vec![(4000, true), (4001, true)]));
        assert_eq!(short("53:53/udp").map(|f| f[0].protocol), Some(Protocol::Udp));
        for wrong in ["", "x", "0", "1-99", "80/sctp", "99999", "2-1"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ports_get_names_once() {
        let found: Vec<_> =
            ["80", "8080", "5432", "9999", "53/udp", "80"].iter().flat_map(|t| short(t).expect("a port")).collect();
        let names: Vec<_> = named(&found).iter().map(|p| p.name.as_str().to_owned()).collect();
        assert_eq!(names, ["http", "port-8080", "postgres", "port-9999", "udp-53"]);
    }
}
