//! Who may reach whom. A namespace is closed both ways; each policy here opens one thing, and says which by its name.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::names::{LABEL_ROLE, ROLE_SERVICE};
use super::{Desired, LABEL_SERVICE, Object, Stage, reach};
use crate::cluster::{Resource, SYSTEM_NAMESPACE};
use crate::runtime::blueprint::{Egress, Service, Target};

/// Where machines are told who they are and with which rights: link-local addresses, and those of single clouds.
const METADATA: &[&str] =
    &["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fe80::/10", "fd00:ec2::254/128"];

/// What `internet` is not: private, shared, local, reserved addresses, those of groups, and those that stand for another
/// address (so that no detour leads to a closed one). Not `::ffff:0:0/96`: a cluster refuses it, and no packet has it.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// The policies of an environment.
pub(super) fn all(desired: &Desired<'_>) -> Vec<Object> {
    let mut policies = vec![
        policy(desired.shared("default-deny"), json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] })),
        same_environment(desired),
        dns(desired),
        gate(desired),
    ];
    policies.extend(from_edge(desired));
    policies.extend(desired.blueprint.services.iter().filter_map(|service| egress(desired, service)));
    policies
}

fn policy(metadata: Value, spec: Value) -> Object {
    Object::new(Resource::NetworkPolicy, Stage::Foundation, metadata, json!({ "spec": spec }))
}

/// Services reach one another at the ports they list, and at no other: the gate's port is open to nobody.
fn same_environment(desired: &Desired<'_>) -> Object {
    let ports: BTreeSet<(u16, &str)> = desired
        .blueprint
        .services
        .iter()
        .flat_map(|service| &service.ports)
        .map(|port| (port.container_port.get(), port.protocol.as_str()))
        .filter(|(port, _)| *port != desired.gate.port)
        .collect();
    let ports: Vec<_> = ports.iter().map(|(port, protocol)| json!({ "port": port, "protocol": protocol })).collect();
    let mut spec = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
    // A rule with an empty list of ports would open all of them.
    if !ports.is_empty() {
        spec["ingress"] = json!([{ "from": [{ "podSelector": {} }], "ports": ports }]);
        spec["egress"] = json!([{ "to": [{ "podSelector": {} }], "ports": ports }]);
    }
    policy(desired.shared("same-environment"), spec)
}

/// Names are resolved by the cluster's own DNS.
fn dns(desired: &Desired<'_>) -> Object {
    let spec = json!({
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{
            "to": [pods_of("kube-system", "k8s-app", "kube-dns")],
            "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }],
        }],
    });
    policy(desired.shared("dns"), spec)
}

/// Every pod may ask the prober whether it is closed: at the port for asking, and not at the one that must be shut.
fn gate(desired: &Desired<'_>) -> Object {
    let spec = json!({
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{
            "to": [pods_of(SYSTEM_NAMESPACE, "app.kubernetes.io/name", "prober")],
            "ports": [{ "port": desired.gate.ask.port(), "protocol": "TCP" }],
        }],
    });
    policy(desired.shared("gate"), spec)
}

/// Requests from outside come by the router, to exposed services only.
fn from_edge(desired: &Desired<'_>) -> Option<Object> {
    let exposed = desired.blueprint.services.iter().filter_map(|s| Some((s.name.as_str(), reach::exposed_port(s)?)));
    let (services, ports): (Vec<_>, BTreeSet<_>) = exposed.unzip();
    let ports: Vec<_> = ports.into_iter().map(|port| json!({ "port": port, "protocol": "TCP" })).collect();
    (!services.is_empty()).then(|| {
        let spec = json!({
            "podSelector": {
                "matchLabels": { LABEL_ROLE: ROLE_SERVICE },
                "matchExpressions": [{ "key": LABEL_SERVICE, "operator": "In", "values": services }],
            },
            "policyTypes": ["Ingress"],
            "ingress": [{ "from": [pods_of(SYSTEM_NAMESPACE, "app.kubernetes.io/name", "router")], "ports": ports }],
        });
        policy(desired.shared("from-edge"), spec)
    })
}

fn pods_of(namespace: &str, label: &str, value: &str) -> Value {
    json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        "podSelector": { "matchLabels": { label: value } },
    })
}

/// What a service may reach outside, as it lists it; its init step, too.
fn egress(desired: &Desired<'_>, service: &Service) -> Option<Object> {
    let rules: Vec<Value> = service.egress.iter().filter_map(|way| rule(way, desired.gate.open.ip())).collect();
    (!rules.is_empty()).then(|| {
        let metadata = desired.of_service(&format!("egress-{}", service.name.as_str()), &service.name, ROLE_SERVICE);
        let spec = json!({
            "podSelector": { "matchLabels": { LABEL_SERVICE: service.name.as_str() } },
            "policyTypes": ["Egress"],
            "egress": rules,
        });
        policy(metadata, spec)
    })
}

/// One way out; none where nothing of it is open.
fn rule(way: &Egress, probe: IpAddr) -> Option<Value> {
    let to: Vec<Value> = match way.target() {
        Target::Internet => {
            ["0.0.0.0/0", "::/0"].iter().filter_map(|net| block(&parse(net), NOT_PUBLIC, probe)).collect()
        }
        Target::Net(net) => block(&net.trunc(), METADATA, probe).into_iter().collect(),
    };
    if to.is_empty() {
        return None;
    }
    let protocol = if way.is_udp() { "UDP" } else { "TCP" };
    let port = match way.port() {
        Some(port) => json!({ "port": port.get(), "protocol": protocol }),
        None => json!({ "protocol": protocol }),
    };
    Some(json!({ "to": to, "ports": [port] }))
}

/// A network without what is closed of it, and without the probe that must stay unreachable.
fn block(net: &IpNet, closed: &[&str], probe: IpAddr) -> Option<Value> {
    let closed = closed.iter().map(|text| parse(text)).chain([IpNet::from(probe)]);
    let mut except: Vec<IpNet> = Vec::new();
    for part in closed {
        if part.contains(net) {
            return None;
        }
        if net.contains(&part) && !except.iter().any(|known| known.contains(&part)) {
            except.push(part);
        }
    }
    let mut block = json!({ "cidr": net.to_string() });
    if !except.is_empty() {
        block["except"] = json!(except.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    Some(json!({ "ipBlock": block }))
}

fn parse(text: &str) -> IpNet {
    text.parse().expect("the networks are constants, and a test reads them all")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 43, 7, 7));

    fn ways(text: &str) -> Option<Value> {
        rule(&Egress::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")), PROBE)
    }

    #[test]
    fn the_constants_are_networks() {
        for text in METADATA.iter().chain(NOT_PUBLIC) {
            let net = parse(text);
            assert_eq!(net, net.trunc(), "{text}");
        }
    }

    #[test]
    fn the_internet_has_no_private_address_and_no_metadata() {
        let rule = ways("internet:443").expect("open");
        let closed = rule.to_string();
        for net in NOT_PUBLIC {
            assert!(closed.contains(&format!("\"{net}\"")), "{net} is open");
        }
        for net in METADATA {
            assert!(NOT_PUBLIC.iter().any(|closed| parse(closed).contains(&parse(net))), "{net} is open");
        }
        assert_eq!(rule["ports"], json!([{ "port": 443, "protocol": "TCP" }]));
    }

    #[test]
    fn metadata_is_closed_whatever_is_listed() {
        let all = ways("0.0.0.0/0").expect("open");
        assert!(all.to_string().contains("169.254.0.0/16"), "{all}");
        assert_eq!(all["ports"], json!([{ "protocol": "TCP" }]));
        assert_eq!(ways("168.63.129.16:80"), None);
        assert_eq!(ways("[fd00:ec2::254]:80"), None);
        assert!(ways("[fd00::/8]:443").expect("open").to_string().contains("fd00:ec2::254/128"));
        let some = ways("100.100.0.0/16:80").expect("open");
        assert_eq!(some["to"][0]["ipBlock"]["except"], json!(["100.100.100.200/32"]));
    }

    #[test]
    fn a_network_is_written_as_one_and_keeps_the_probe_out() {
        assert_eq!(ways("10.1.2.3/24:53/udp").expect("open")["to"], json!([{ "ipBlock": { "cidr": "10.1.2.0/24" } }]));
        let wide = ways("10.0.0.0/8:80").expect("open");
        assert_eq!(wide["to"][0]["ipBlock"]["except"], json!(["10.43.7.7/32"]));
        assert_eq!(ways("10.43.7.7:8482"), None);
    }
}
