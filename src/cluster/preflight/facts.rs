//! What a cluster is and has: version, time, names, storage, metrics, encryption.

use http::Method;
use serde_json::Value;

use super::{failed, ok, unknown, warning};
use crate::cluster::Resource;
use crate::cluster::client::Client;
use crate::cluster::model::Check;
use crate::types::Timestamp;

/// The oldest minor version of Kubernetes 1 that is served.
const MINOR_MIN: u32 = 33;
/// From how many seconds on two clocks differ: tokens and certificates have a beginning and an end.
const SKEW_WARNS: u64 = 5;
const SKEW_FAILS: u64 = 60;

pub(super) fn version(version: &str) -> Check {
    let fix = format!("update the cluster to Kubernetes 1.{MINOR_MIN} or newer");
    match minor(version) {
        Some((1, minor)) if minor >= MINOR_MIN => ok("version", version),
        Some(_) => failed("version", format!("{version} is older than 1.{MINOR_MIN}"), fix),
        None => unknown("version", format!("{version} is no version that is known"), fix),
    }
}

/// Major and minor of `v1.34.4+k3s1`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) async fn clock(client: &Client, now: Timestamp) -> Check {
    let date = match client.raw(Method::GET, "/version", None).await {
        Ok(answer) => answer.date,
        Err(error) => return unknown("clock", error.to_string(), ""),
    };
    let read = date.and_then(|text| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&text).ok());
    let Some(theirs) = read.map(|at| Timestamp::from_micros(at.as_microsecond())) else {
        return unknown("clock", "the cluster does not say what time it is", "");
    };
    let skew = now.since(theirs).max(theirs.since(now)).as_secs();
    let found = format!("the clocks differ by {skew} s");
    let fix = "let this machine and the cluster's machines take their time from the same place (NTP)";
    match skew {
        // The header has whole seconds, and the answer was on its way.
        0..=1 => ok("clock", "the clocks agree"),
        2..SKEW_WARNS => ok("clock", found),
        SKEW_WARNS..SKEW_FAILS => warning("clock", found, fix),
        _ => failed("clock", found, fix),
    }
}

pub(super) async fn dns(client: &Client) -> Check {
    let fix = "install CoreDNS in kube-system: services find one another by name";
    let pods = match client.list(Resource::Pod, Some("kube-system"), "k8s-app=kube-dns", "").await {
        Ok(pods) => pods.items,
        Err(error) => return unknown("dns", error.to_string(), "apply the account: holdfast cluster manifest"),
    };
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    match (pods.len(), ready) {
        (0, _) => warning("dns", "no pods labelled k8s-app=kube-dns in kube-system", fix),
        (all, 0) => {
            failed("dns", format!("none of {all} DNS pods is ready"), "see why: kubectl -n kube-system get pods")
        }
        (all, ready) => ok("dns", format!("{ready} of {all} DNS pods ready")),
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

pub(super) async fn storage(client: &Client) -> Check {
    let fix = "install a provisioner and mark its class as the default one";
    let classes = match client.list(Resource::StorageClass, None, "", "").await {
        Ok(classes) => classes.items,
        Err(error) => return unknown("storage", error.to_string(), "apply the account: holdfast cluster manifest"),
    };
    let is_default = |c: &&Value| c["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true";
    let name = |c: &Value| c["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    match (classes.iter().find(is_default), classes.first()) {
        (Some(class), _) => ok("storage", format!("volumes come from {}", name(class))),
        (None, Some(class)) => {
            warning("storage", format!("{} is there, but no class is the default", name(class)), fix)
        }
        (None, None) => failed("storage", "no storage class: services cannot keep anything", fix),
    }
}

pub(super) async fn metrics(client: &Client) -> Check {
    let fix = "install metrics-server: without it usage is not shown";
    match client.raw(Method::GET, "/apis/metrics.k8s.io/v1beta1/nodes?limit=1", None).await {
        Ok(answer) if answer.status == 200 => ok("metrics", "usage is measured"),
        Ok(answer) if answer.status == 403 => {
            warning("metrics", "the account may not read metrics", "apply the account: holdfast cluster manifest")
        }
        Ok(answer) => warning("metrics", format!("no metrics API ({})", answer.status), fix),
        Err(error) => unknown("metrics", error.to_string(), fix),
    }
}

/// Whether Secrets are encrypted on the cluster's disk: only where the API server is itself a pod its flags can be seen.
pub(super) async fn encryption(client: &Client) -> Check {
    let fix = "make sure that the API server has --encryption-provider-config (k3s: --secrets-encryption)";
    let servers = client.list(Resource::Pod, Some("kube-system"), "component=kube-apiserver", "").await;
    let servers = servers.map(|listed| listed.items).unwrap_or_default();
    if servers.is_empty() {
        return warning("encryption", "whether Secrets are encrypted at rest cannot be known from outside", fix);
    }
    let has_flag = |pod: &Value| pod["spec"]["containers"].to_string().contains("--encryption-provider-config");
    if servers.iter().all(has_flag) {
        return ok("encryption", "the API server has an encryption configuration");
    }
    failed("encryption", "the API server keeps Secrets unencrypted on its disk", fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::model::CheckState;

    #[test]
    fn versions_are_read_as_clusters_write_them() {
        for (text, state) in [
            ("v1.34.4", CheckState::Ok),
            ("v1.33.0+k3s1", CheckState::Ok),
            ("v1.32.9", CheckState::Failed),
            ("v0.99.0", CheckState::Failed),
            ("dev", CheckState::Unknown),
        ] {
            assert_eq!(version(text).state, state, "{text}");
        }
    }
}
