//! What the controller keeps of an object it is shown: a hash and a handful of numbers, never the object.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cluster::Resource;
use crate::keys::offline;
use crate::runtime::render::LABEL_SERVICE;

/// Longest message of the cluster that is kept, in characters.
const MESSAGE_MAX: usize = 300;
/// Containers of a pod that are looked at.
const CONTAINERS_MAX: usize = 16;

/// Labels and annotations that are ours begin so.
const OURS: [&str; 2] = ["holdfast.dev/", "app.kubernetes.io/"];

/// A hash of what an object asks for: its spec and data, and what of its labels and annotations is ours. What clusters
/// fill in later is left out, so that it stays the same until somebody changes the object.
pub(super) fn digest(resource: Resource, object: &Value) -> Vec<u8> {
    let mut text = String::with_capacity(2_048);
    let metadata = &object["metadata"];
    for field in ["labels", "annotations"] {
        let ours = metadata[field].as_object().into_iter().flatten();
        let mut ours: Vec<_> = ours.filter(|(key, _)| OURS.iter().any(|prefix| key.starts_with(prefix))).collect();
        ours.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in ours {
            let _infallible = write!(text, "{key}=");
            canonical(&mut text, value, &[]);
        }
    }
    let filled_in: &[&str] = match resource {
        Resource::PersistentVolumeClaim => &["volumeName"],
        // A job counts what it is told to do; scaling by hand is ours to undo.
        _ => &[],
    };
    if let Some(fields) = object.as_object() {
        let mut fields: Vec<_> = fields
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status" | "apiVersion" | "kind"))
            .collect();
        fields.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in fields {
            let _infallible = write!(text, "{key}:");
            canonical(&mut text, value, filled_in);
        }
    }
    offline::digest(&[text.as_bytes()])[..16].to_vec()
}

/// JSON with its members in order.
fn canonical(text: &mut String, value: &Value, skip: &[&str]) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(key, _)| !skip.contains(&key.as_str())).collect();
            members.sort_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, value) in members {
                let _infallible = write!(text, "{key:?}:");
                canonical(text, value, skip);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(text, item, skip);
                text.push(',');
            }
            text.push(']');
        }
        scalar => {
            let _infallible = write!(text, "{scalar}");
        }
    }
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DeploymentFacts {
    pub(super) wanted: u32,
    pub(super) updated: u32,
    pub(super) ready: u32,
    pub(super) total: u32,
    /// Whether the numbers are of the newest spec.
    pub(super) is_observed: bool,
    /// It gave up.
    pub(super) is_late: bool,
    /// Its pods begin with the gate.
    pub(super) is_gated: bool,
}

impl DeploymentFacts {
    /// Every pod that is wished for is of the newest spec and ready, and no other is left.
    pub(super) const fn is_settled(&self) -> bool {
        self.is_observed && self.updated == self.wanted && self.ready == self.wanted && self.total == self.wanted
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

fn is_true(conditions: &Value, kind: &str) -> bool {
    conditions.as_array().into_iter().flatten().any(|c| c["type"] == kind && c["status"] == "True")
}

fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect()
}

/// Reads a deployment.
pub(super) fn deployment(object: &Value) -> DeploymentFacts {
    let (spec, status) = (&object["spec"], &object["status"]);
    let late = status["conditions"].as_array().into_iter().flatten();
    let mut late = late.filter(|c| c["type"] == "Progressing" && c["status"] == "False");
    let is_observed = status["observedGeneration"].as_u64() >= object["metadata"]["generation"].as_u64();
    DeploymentFacts {
        wanted: spec["replicas"].as_u64().map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        updated: number(&status["updatedReplicas"]),
        ready: number(&status["readyReplicas"]),
        total: number(&status["replicas"]),
        is_observed,
        // What is said of an older spec says nothing of this one.
        is_late: is_observed && late.any(|c| c["reason"] == "ProgressDeadlineExceeded"),
        is_gated: spec["template"]["spec"]["initContainers"][0]["name"] == GATE,
    }
}

/// A job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobFacts {
    Running,
    Done,
    Failed,
}

/// Reads a job.
pub(super) fn job(object: &Value) -> JobFacts {
    let conditions = &object["status"]["conditions"];
    if is_true(conditions, "Complete") {
        JobFacts::Done
    } else if is_true(conditions, "Failed") {
        JobFacts::Failed
    } else {
        JobFacts::Running
    }
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts, each of which may be without the others")]
pub(super) struct PodFacts {
    pub(super) service: String,
    pub(super) is_init: bool,
    /// The job it did to its end, well.
    pub(super) did: Option<String>,
    pub(super) is_leaving: bool,
    /// What is wrong, if anything is.
    pub(super) trouble: Option<Trouble>,
    /// The gate still waits for the network to be closed.
    pub(super) is_closing: bool,
    /// Its program runs and is not ready.
    pub(super) is_unready: bool,
    pub(super) restarts: u32,
    pub(super) image: String,
}

/// What is wrong with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// One word in camel case.
    pub(super) reason: String,
    /// For people.
    pub(super) message: String,
}

impl Trouble {
    fn new(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), message: message.into() }
    }
}

/// The name of the container every pod starts with.
const GATE: &str = "gate";
/// The exit code of a gate that was left open.
const STILL_OPEN: u64 = 3;

/// Reads a pod; none when it is of no service.
pub(super) fn pod(object: &Value) -> Option<PodFacts> {
    let (metadata, status) = (&object["metadata"], &object["status"]);
    let service = metadata["labels"][LABEL_SERVICE].as_str()?;
    let owners = metadata["ownerReferences"].as_array();
    let all = |field: &str| status[field].as_array().into_iter().flatten().take(CONTAINERS_MAX);
    let restarts = all("containerStatuses").map(|c| number(&c["restartCount"])).sum();
    // What a cluster puts beside a service's own container is not it.
    let own = all("containerStatuses").find(|c| c["name"] == service);
    let main = own.or_else(|| all("containerStatuses").next());
    let image = main.map(|c| {
        let id = text(&c["imageID"]);
        if id.is_empty() { text(&c["image"]) } else { id }
    });
    let gate = all("initContainerStatuses").find(|c| c["name"] == GATE);
    let job = owners.into_iter().flatten().find(|owner| owner["kind"] == "Job");
    Some(PodFacts {
        service: service.to_owned(),
        is_init: job.is_some(),
        did: job.filter(|_| status["phase"] == "Succeeded").and_then(|job| job["name"].as_str()).map(str::to_owned),
        is_leaving: metadata["deletionTimestamp"].is_string(),
        trouble: trouble(status),
        is_closing: gate.is_some_and(|g| g["state"]["running"].is_object()),
        is_unready: main.is_some_and(|c| c["state"]["running"].is_object() && c["ready"] == false),
        restarts,
        image: image.unwrap_or_default(),
    })
}

fn trouble(status: &Value) -> Option<Trouble> {
    if status["phase"] == "Failed" {
        let reason = text(&status["reason"]);
        return Some(Trouble::new(if reason.is_empty() { "Failed" } else { &reason }, text(&status["message"])));
    }
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut unscheduled = conditions.filter(|c| c["type"] == "PodScheduled" && c["status"] == "False");
    if let Some(c) = unscheduled.next() {
        return Some(Trouble::new("Unschedulable", format!("no machine has room: {}", text(&c["message"]))));
    }
    let both = ["initContainerStatuses", "containerStatuses"];
    let mut containers = both.iter().flat_map(|f| status[*f].as_array().into_iter().flatten().take(CONTAINERS_MAX));
    containers.find_map(container)
}

fn container(status: &Value) -> Option<Trouble> {
    let name = status["name"].as_str().unwrap_or_default();
    let last = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
    let last = last.into_iter().find(|state| state.is_object()).unwrap_or(&Value::Null);
    let code = last["exitCode"].as_u64();
    if name == GATE && code.is_some_and(|code| code != 0) {
        let (reason, message) = if code == Some(STILL_OPEN) {
            (
                "PolicyNotEnforced",
                "the cluster does not enforce network policies: the service was not started".to_owned(),
            )
        } else {
            ("ProbeUnreachable", format!("the gate could not be held against its probe: {}", text(&last["message"])))
        };
        return Some(Trouble::new(reason, message));
    }
    let waiting = &status["state"]["waiting"];
    let message = text(&waiting["message"]);
    let (reason, message) = match waiting["reason"].as_str().unwrap_or_default() {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            ("ImageNotPulled", format!("image {} is not to be had: {message}", text(&status["image"])))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => ("ContainerNotMade", message),
        "CrashLoopBackOff" if last["reason"] == "OOMKilled" => {
            ("OutOfMemory", format!("{name} went over its memory and was killed, again and again"))
        }
        "CrashLoopBackOff" => {
            ("Crashing", format!("{name} ends with exit code {}, again and again", code.unwrap_or(0)))
        }
        _ => return None,
    };
    Some(Trouble::new(reason, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_cluster_fills_in_later_is_no_change() {
        let made = json!({"metadata": {"labels": {"holdfast.dev/service": "db"}, "resourceVersion": "1"},
            "spec": {"resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"}});
        let later = json!({"kind": "PersistentVolumeClaim", "metadata": {"resourceVersion": "7",
            "annotations": {"pv.kubernetes.io/bind-completed": "yes"}, "labels": {"holdfast.dev/service": "db"}},
            "spec": {"volumeName": "pvc-1", "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Bound"}});
        let resource = Resource::PersistentVolumeClaim;
        assert_eq!(digest(resource, &made), digest(resource, &later));
        let mut edited = later;
        edited["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
        assert_ne!(digest(resource, &made), digest(resource, &edited));
    }

    #[test]
    fn a_label_of_ours_that_was_taken_away_is_a_change() {
        let made = json!({"metadata": {"labels": {"holdfast.dev/service": "db", "team": "x"}}});
        let stripped = json!({"metadata": {"labels": {"team": "x"}}});
        assert_ne!(digest(Resource::Service, &made), digest(Resource::Service, &stripped));
        let foreign = json!({"metadata": {"labels": {"holdfast.dev/service": "db"}}});
        assert_eq!(digest(Resource::Service, &made), digest(Resource::Service, &foreign), "others may label it");
    }

    #[test]
    fn a_deployment_is_settled_when_only_new_ready_pods_are_left() {
        let object = |observed: u64, updated: u32, ready: u32, total: u32| {
            deployment(&json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status":
                {"observedGeneration": observed, "updatedReplicas": updated, "readyReplicas": ready, "replicas": total}}))
        };
        assert!(object(2, 2, 2, 2).is_settled());
        assert!(!object(1, 2, 2, 2).is_settled(), "the numbers are of an older spec");
        assert!(!object(2, 1, 2, 2).is_settled());
        assert!(!object(2, 2, 2, 3).is_settled(), "an old pod is left");
    }

    fn failing(statuses: Value) -> Option<Trouble> {
        pod(&json!({"metadata": {"labels": {"holdfast.dev/service": "api"}}, "status": statuses}))?.trouble
    }

    #[test]
    fn a_deployment_is_late_only_with_the_spec_it_was_late_with() {
        let object = |observed: u64| {
            deployment(&json!({"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status":
                {"observedGeneration": observed, "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}))
        };
        assert!(object(2).is_late);
        assert!(!object(1).is_late, "another spec was asked for since");
    }

    #[test]
    fn what_is_wrong_with_a_pod_is_named() {
        let waiting = |reason: &str, last: Value| {
            json!({"containerStatuses": [{"name": "api", "image": "a:1", "lastState": {"terminated": last},
                "state": {"waiting": {"reason": reason, "message": "m"}}}]})
        };
        let reason = |status| failing(status).map(|t| t.reason);
        assert_eq!(reason(waiting("ImagePullBackOff", Value::Null)).as_deref(), Some("ImageNotPulled"));
        assert_eq!(reason(waiting("CrashLoopBackOff", json!({"exitCode": 1}))).as_deref(), Some("Crashing"));
        let killed = json!({"exitCode": 137, "reason": "OOMKilled"});
        assert_eq!(reason(waiting("CrashLoopBackOff", killed)).as_deref(), Some("OutOfMemory"));
        assert_eq!(reason(waiting("ContainerCreating", Value::Null)), None);
        let gate = |code: u64| json!({"initContainerStatuses": [{"name": "gate", "state": {"terminated": {"exitCode": code}}}]});
        assert_eq!(reason(gate(3)).as_deref(), Some("PolicyNotEnforced"));
        assert_eq!(reason(gate(4)).as_deref(), Some("ProbeUnreachable"));
        assert_eq!(reason(gate(0)), None);
    }
}
