//! What stands before any service does: the namespace, accounts without a token, and bounds of the whole.

use serde_json::{Map, Value, json};

use super::names::ROLE_SERVICE;
use super::sizes::{self, Sizes};
use super::{Desired, Object, Stage};
use crate::cluster::Resource;

/// The version of the pod security rules that a namespace holds its pods to: fixed, so that a newer cluster does not
/// refuse tomorrow what it takes today.
const POD_SECURITY: &str = "v1.33";

/// The namespace, its bounds and the accounts.
pub(super) fn before(desired: &Desired<'_>) -> Vec<Object> {
    let mut objects = vec![namespace(desired)];
    objects.extend(desired.blueprint.services.iter().map(|service| {
        let metadata = desired.of_service(service.name.as_str(), &service.name, ROLE_SERVICE);
        let body = json!({ "automountServiceAccountToken": false });
        Object::new(Resource::ServiceAccount, Stage::Foundation, metadata, body)
    }));
    objects.push(quota(desired));
    objects.push(limit_range(desired));
    objects
}

fn namespace(desired: &Desired<'_>) -> Object {
    let mut metadata = desired.shared(&desired.names.namespace);
    if let Value::Object(metadata) = &mut metadata {
        metadata.remove("namespace");
    }
    for mode in ["enforce", "audit", "warn"] {
        metadata["labels"][format!("pod-security.kubernetes.io/{mode}")] = json!("restricted");
        metadata["labels"][format!("pod-security.kubernetes.io/{mode}-version")] = json!(POD_SECURITY);
    }
    Object::new(Resource::Namespace, Stage::Foundation, metadata, json!({}))
}

/// What the namespace may use in all: twice what its services may use, because a rollout runs old and new side by side,
/// and one Job for each init step. It bounds what a mistake of ours or a stranger in the namespace could take.
fn quota(desired: &Desired<'_>) -> Object {
    let (mut pods, mut total) = (0_u64, sizes::Amounts::default());
    let mut asked = sizes::Amounts::default();
    for service in desired.blueprint.services.iter() {
        let sizes = Sizes::of(desired, service);
        let copies = 2 * u64::from(sizes.wanted.max(1)) + u64::from(service.init.is_some());
        pods += copies;
        total.add(&sizes.limits.or_more(&sizes::GATE_LIMITS), copies);
        asked.add(&sizes.requests.or_more(&sizes::GATE_REQUESTS), copies);
    }
    let claims = super::storage::sizes(desired.blueprint);
    let storage: u64 = claims.values().map(|claim| claim.0).fold(0, u64::saturating_add);
    let mut hard = Map::new();
    for (what, amount) in [
        ("pods", pods.to_string()),
        ("requests.cpu", sizes::cpu(asked.cpu)),
        ("requests.memory", sizes::memory(asked.memory)),
        ("limits.cpu", sizes::cpu(total.cpu)),
        ("limits.memory", sizes::memory(total.memory)),
        ("persistentvolumeclaims", claims.len().to_string()),
        ("requests.storage", sizes::memory(storage)),
        ("services.nodeports", "0".to_owned()),
        ("services.loadbalancers", "0".to_owned()),
    ] {
        hard.insert(what.to_owned(), json!(amount));
    }
    let body = json!({ "spec": { "hard": hard } });
    Object::new(Resource::ResourceQuota, Stage::Foundation, desired.shared("environment"), body)
}

/// What a container gets that says nothing. Ours all say it; this is for what gets in some other way.
fn limit_range(desired: &Desired<'_>) -> Object {
    let body = json!({ "spec": { "limits": [{
        "type": "Container",
        "default": sizes::USUAL_LIMITS.json(),
        "defaultRequest": sizes::USUAL_REQUESTS.json(),
    }] } });
    Object::new(Resource::LimitRange, Stage::Foundation, desired.shared("environment"), body)
}
