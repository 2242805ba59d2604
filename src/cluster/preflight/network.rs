//! Whether network policies are enforced: not asked, tried. Three pods in a namespace of their own: the prober, which is
//! open; `closed`, which a policy closes but for one way; and `control`, which nothing closes. The gate, which is first in every pod
//! of an environment, must find `closed` closed and `control` open: a gate that finds everything closed proves nothing.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{failed, ok, unknown};
use crate::cluster::client::{Client, ClientError};
use crate::cluster::manifest::{ENFORCE, LABEL};
use crate::cluster::model::Check;
use crate::cluster::resource::{MANAGED_BY, Resource};
use crate::types::{Id, Timestamp, kinds};

/// What says that a namespace is a preflight's.
const MARK: &str = "holdfast.dev/preflight";
const ROLE: &str = "holdfast.dev/probe";
/// How long everything may take: less than a command waits for its answer.
const ALL: Duration = Duration::from_secs(48);
/// How long the prober may take to run, with the pull of its image.
const START: Duration = Duration::from_secs(20);
/// How often a pod is looked at.
const LOOK: Duration = Duration::from_millis(400);
/// After how long what an earlier preflight left is certainly nobody's any more.
const LEFT: Duration = Duration::from_mins(5);
/// The ports of the prober and of the gate.
const ASK: u16 = 8_481;
const OPEN: u16 = 8_482;
const GATE: u16 = 8_483;
/// How the gate ends when it was still open after its time.
const STILL_OPEN: i64 = 3;
const ENFORCER: &str =
    "run a network that enforces NetworkPolicy (k3s: without --disable-network-policy; else Calico or Cilium)";

/// How the probing ended.
#[derive(Debug, PartialEq, Eq)]
enum Probed {
    /// The gates ended with these codes: the closed one, the control.
    Ended(i64, i64),
    /// An image is not to be had.
    NoImage(String),
    /// Something else was in the way.
    Stuck(String),
}

/// The checks of images and policies.
pub(super) async fn checks(client: &Client, image: Option<&str>, now: Timestamp) -> [Check; 2] {
    clear(client, now).await;
    let Some(image) = image else {
        let why = "not tried: no Holdfast image is set for the cluster's pods";
        let fix = "holdfast clusters update NAME --image IMAGE";
        return [unknown("images", why, fix), unknown("network_policy", why, fix)];
    };
    let id = Id::<kinds::Request>::new(now).to_string();
    // The end of an id is what is random in it.
    let namespace = format!("hf-preflight-{}", &id[id.len() - 10..]);
    let probed = timeout(ALL, probe(client, &namespace, image)).await;
    if let Err(error) = client.delete(Resource::Namespace, None, &namespace, None).await {
        tracing::warn!(%error, namespace, "the namespace of a preflight is left: the next one deletes it");
    }
    told(match probed {
        Ok(Ok(probed)) => probed,
        Ok(Err(error)) => Probed::Stuck(error.to_string()),
        Err(_) => Probed::Stuck(format!("the pods did not end within {} seconds", ALL.as_secs())),
    })
}

/// Deletes what a preflight that was killed has left.
async fn clear(client: &Client, now: Timestamp) {
    let Ok(left) = client.list(Resource::Namespace, None, &format!("{MARK}=true,{LABEL}={MANAGED_BY}"), "").await
    else {
        return;
    };
    for namespace in left.items {
        let meta = &namespace["metadata"];
        let made = meta["creationTimestamp"].as_str().and_then(|at| Timestamp::parse(at).ok());
        if let (Some(name), Some(made)) = (meta["name"].as_str(), made)
            && now.since(made) > LEFT
            && let Err(error) = client.delete(Resource::Namespace, None, name, None).await
        {
            tracing::warn!(%error, name, "what an earlier preflight left is still there");
        }
    }
}

fn told(probed: Probed) -> [Check; 2] {
    let pulled = || ok("images", "the Holdfast image runs there");
    match probed {
        Probed::Ended(0, STILL_OPEN) => {
            [pulled(), ok("network_policy", "a closed pod was closed both ways, an open one was open")]
        }
        Probed::Ended(STILL_OPEN, _) => {
            [pulled(), failed("network_policy", "a pod that a policy closes stayed open for 20 seconds", ENFORCER)]
        }
        Probed::Ended(0, 0) => {
            let found = "a pod that nothing closes was found closed, so nothing is proven";
            [pulled(), failed("network_policy", found, "see what closes pods there that no policy of ours closes")]
        }
        Probed::Ended(closed, control) => {
            let found = format!("the probes ended with {closed} and {control}, which says nothing");
            [pulled(), unknown("network_policy", found, "test again; see that pods can reach one another")]
        }
        Probed::NoImage(why) => {
            let fix = "push the image where the cluster's machines find it, or name another: holdfast clusters update NAME --image IMAGE";
            [failed("images", why, fix), unknown("network_policy", "not tried: the probes have no image", fix)]
        }
        Probed::Stuck(why) => [unknown("images", "not seen", ""), unknown("network_policy", why, "test again")],
    }
}

async fn probe(client: &Client, namespace: &str, image: &str) -> Result<Probed, ClientError> {
    let labels = json!({LABEL: MANAGED_BY, MARK: "true", ENFORCE: "restricted"});
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
    client.create(Resource::Namespace, None, &body, false).await?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "probe"}, "automountServiceAccountToken": false});
    client.create(Resource::ServiceAccount, Some(namespace), &account, false).await?;
    client.create(Resource::NetworkPolicy, Some(namespace), &policy(), false).await?;
    client.create(Resource::Pod, Some(namespace), &pod("prober", image, &["prober".to_owned()]), false).await?;
    let address = match wait(client, namespace, "prober", START, running).await? {
        Ok(address) => address,
        Err(probed) => return Ok(probed),
    };
    let host = if address.contains(':') { format!("[{address}]") } else { address };
    let args =
        ["gate", "--ask", &format!("{host}:{ASK}"), "--open", &format!("{host}:{OPEN}"), "--port", &GATE.to_string()]
            .map(str::to_owned);
    for name in ["closed", "control"] {
        client.create(Resource::Pod, Some(namespace), &pod(name, image, &args), false).await?;
    }
    let mut codes = [0; 2];
    for (code, name) in codes.iter_mut().zip(["closed", "control"]) {
        match wait(client, namespace, name, ALL, ended).await? {
            Ok(found) => *code = found,
            Err(probed) => return Ok(probed),
        }
    }
    Ok(Probed::Ended(codes[0], codes[1]))
}

/// Closes `closed`, but for the way to the prober's answer.
fn policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed"},
        "spec": {
            "podSelector": {"matchLabels": {ROLE: "closed"}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{
                "to": [{"podSelector": {"matchLabels": {ROLE: "prober"}}}],
                "ports": [{"port": ASK, "protocol": "TCP"}],
            }],
        },
    })
}

/// A pod as the restricted profile wants it.
fn pod(name: &str, image: &str, args: &[String]) -> Value {
    let small = json!({"cpu": "50m", "memory": "64Mi"});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {ROLE: name, LABEL: MANAGED_BY}},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "probe",
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 10_001,
                "runAsGroup": 10_001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "probe",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                // The image's entrypoint is the program itself.
                "args": args,
                "resources": {"requests": small, "limits": small},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

/// Waits until `seen` finds in the pod what is wanted.
async fn wait<T>(
    client: &Client,
    namespace: &str,
    name: &str,
    within: Duration,
    seen: fn(&Value) -> Option<Result<T, Probed>>,
) -> Result<Result<T, Probed>, ClientError> {
    let end = Instant::now() + within;
    loop {
        let found = client.get(Resource::Pod, Some(namespace), name).await?;
        let Some(pod) = found else { return Ok(Err(Probed::Stuck(format!("somebody deleted the pod {name}")))) };
        if let Some(found) = no_image(&pod).map(Err).or_else(|| seen(&pod)) {
            return Ok(found);
        }
        if Instant::now() >= end {
            let phase = pod["status"]["phase"].as_str().unwrap_or("unknown");
            return Ok(Err(Probed::Stuck(format!("the pod {name} is {phase} after {} seconds", within.as_secs()))));
        }
        sleep(LOOK).await;
    }
}

fn state(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["state"]
}

fn no_image(pod: &Value) -> Option<Probed> {
    let waiting = &state(pod)["waiting"];
    let reason = waiting["reason"].as_str()?;
    let about = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"];
    let message: String = waiting["message"].as_str().unwrap_or_default().chars().take(300).collect();
    about.contains(&reason).then(|| Probed::NoImage(format!("{reason}: {message}")))
}

fn running(pod: &Value) -> Option<Result<String, Probed>> {
    if let Some(code) = state(pod)["terminated"]["exitCode"].as_i64() {
        return Some(Err(Probed::Stuck(format!("the prober ended with {code}"))));
    }
    let address = pod["status"]["podIP"].as_str()?;
    (!state(pod)["running"].is_null()).then(|| Ok(address.to_owned()))
}

fn ended(pod: &Value) -> Option<Result<i64, Probed>> {
    state(pod)["terminated"]["exitCode"].as_i64().map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::model::CheckState;

    #[test]
    fn only_a_closed_pod_beside_an_open_one_proves_anything() {
        let state = |probed| told(probed)[1].state;
        assert_eq!(state(Probed::Ended(0, STILL_OPEN)), CheckState::Ok);
        assert_eq!(state(Probed::Ended(STILL_OPEN, STILL_OPEN)), CheckState::Failed);
        assert_eq!(state(Probed::Ended(0, 0)), CheckState::Failed);
        assert_eq!(state(Probed::Ended(1, STILL_OPEN)), CheckState::Unknown);
        assert_eq!(state(Probed::Stuck(String::new())), CheckState::Unknown);
        let [images, policy] = told(Probed::NoImage("ErrImagePull: gone".into()));
        assert_eq!((images.state, policy.state), (CheckState::Failed, CheckState::Unknown));
    }

    #[test]
    fn what_a_pod_says_is_read() {
        let pod = |state: Value| json!({"status": {"podIP": "10.0.0.1", "containerStatuses": [{"state": state}]}});
        assert_eq!(running(&pod(json!({"running": {}}))), Some(Ok("10.0.0.1".into())));
        assert_eq!(running(&pod(json!({"waiting": {"reason": "ContainerCreating"}}))), None);
        assert_eq!(ended(&pod(json!({"terminated": {"exitCode": 3}}))), Some(Ok(3)));
        let waiting = pod(json!({"waiting": {"reason": "ErrImagePull", "message": "gone"}}));
        assert_eq!(no_image(&waiting), Some(Probed::NoImage("ErrImagePull: gone".into())));
        assert_eq!(no_image(&pod(json!({"waiting": {"reason": "ContainerCreating"}}))), None);
    }
}
