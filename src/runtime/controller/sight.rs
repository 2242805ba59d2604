//! What is seen of a cluster: fed by its watches, asked by every pass. Bounded by what is ours in the cluster.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::facts::{self, DeploymentFacts, JobFacts, PodFacts};
use crate::cluster::{Resource, Watched};
use crate::runtime::render::{LABEL_ENVIRONMENT, MADE};

/// What is watched, of everything that carries our label.
pub(super) fn watched() -> impl Iterator<Item = Resource> {
    MADE.iter().copied().chain([Resource::Pod])
}

/// One namespace.
#[derive(Debug, Default, Clone)]
pub(super) struct Space {
    /// The environment it says it is of; none while the namespace itself was not seen.
    pub(super) environment: Option<String>,
    pub(super) is_there: bool,
    pub(super) is_leaving: bool,
    /// Hashes of what is there.
    pub(super) objects: HashMap<(Resource, String), Vec<u8>>,
    pub(super) deployments: BTreeMap<String, DeploymentFacts>,
    pub(super) jobs: BTreeMap<String, JobFacts>,
    pub(super) pods: BTreeMap<String, PodFacts>,
}

impl Space {
    /// How a job came out. A pod that did it says so seconds before the cluster has counted it.
    pub(super) fn job(&self, name: &str) -> Option<JobFacts> {
        let did = |pod: &PodFacts| pod.did.as_deref() == Some(name);
        if self.pods.values().any(did) { Some(JobFacts::Done) } else { self.jobs.get(name).copied() }
    }
}

/// A cluster as it was last seen.
#[derive(Debug, Default)]
pub(super) struct Sight {
    spaces: HashMap<String, Space>,
    /// Namespaces of which something changed.
    moved: HashSet<String>,
}

/// Where an object is kept: a namespace is kept with what is in it.
fn place(resource: Resource, object: &Value) -> Option<(String, String)> {
    let name = object["metadata"]["name"].as_str()?.to_owned();
    let space = if resource == Resource::Namespace {
        name.clone()
    } else {
        object["metadata"]["namespace"].as_str()?.to_owned()
    };
    Some((space, name))
}

impl Sight {
    /// A namespace; an empty one when nothing of it was seen.
    pub(super) fn space(&self, namespace: &str) -> Space {
        self.spaces.get(namespace).cloned().unwrap_or_default()
    }

    /// The namespaces of which something changed since this was last asked.
    pub(super) fn take_moved(&mut self) -> HashSet<String> {
        std::mem::take(&mut self.moved)
    }

    /// Starts anew with all there is of a resource.
    pub(super) fn replace(&mut self, resource: Resource, all: &[Value]) {
        for (name, space) in &mut self.spaces {
            let before = space.objects.len();
            space.objects.retain(|(kind, _), _| *kind != resource);
            if space.objects.len() != before {
                self.moved.insert(name.clone());
            }
            match resource {
                Resource::Deployment => space.deployments.clear(),
                Resource::Job => space.jobs.clear(),
                Resource::Pod => space.pods.clear(),
                Resource::Namespace => space.is_there = false,
                _ => {}
            }
        }
        for object in all {
            self.put(resource, object);
        }
        self.spaces.retain(|_, space| space.is_there || !space.objects.is_empty() || !space.pods.is_empty());
    }

    /// Takes in what a watch shows.
    pub(super) fn note(&mut self, resource: Resource, shown: &Watched) {
        match shown {
            Watched::Changed(object) => self.put(resource, object),
            Watched::Gone(object) => self.remove(resource, object),
            Watched::Mark(_) => {}
        }
    }

    /// Takes in what was just made, before the watch shows it.
    pub(super) fn put(&mut self, resource: Resource, object: &Value) {
        let Some((space, name)) = place(resource, object) else { return };
        self.moved.insert(space.clone());
        let space = self.spaces.entry(space).or_default();
        match resource {
            Resource::Namespace => {
                space.is_there = true;
                space.is_leaving = object["metadata"]["deletionTimestamp"].is_string();
                let label = object["metadata"]["labels"][LABEL_ENVIRONMENT].as_str();
                space.environment = label.map(str::to_owned);
            }
            Resource::Deployment => drop(space.deployments.insert(name.clone(), facts::deployment(object))),
            Resource::Job => drop(space.jobs.insert(name.clone(), facts::job(object))),
            Resource::Pod => {
                if let Some(pod) = facts::pod(object) {
                    space.pods.insert(name, pod);
                }
                return;
            }
            _ => {}
        }
        space.objects.insert((resource, name), facts::digest(resource, object));
    }

    fn remove(&mut self, resource: Resource, object: &Value) {
        let Some((at, name)) = place(resource, object) else { return };
        self.moved.insert(at.clone());
        let Some(space) = self.spaces.get_mut(&at) else { return };
        match resource {
            Resource::Namespace => {
                self.spaces.remove(&at);
                return;
            }
            Resource::Deployment => drop(space.deployments.remove(&name)),
            Resource::Job => drop(space.jobs.remove(&name)),
            Resource::Pod => drop(space.pods.remove(&name)),
            _ => {}
        }
        space.objects.remove(&(resource, name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(namespace: &str, name: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name, "labels": {"holdfast.dev/service": "api"}}})
    }

    #[test]
    fn a_list_replaces_what_was_missed() {
        let mut sight = Sight::default();
        sight.replace(Resource::Service, &[object("a", "one"), object("a", "two")]);
        sight.replace(Resource::Pod, &[object("a", "pod")]);
        drop(sight.take_moved());
        sight.replace(Resource::Service, &[object("a", "two")]);
        let space = sight.space("a");
        assert_eq!(space.objects.keys().collect::<Vec<_>>(), [&(Resource::Service, "two".to_owned())]);
        assert_eq!(space.pods.len(), 1, "other resources stay");
        assert!(sight.take_moved().contains("a"));
    }

    #[test]
    fn a_job_is_done_when_a_pod_of_it_is() {
        let pod = |phase: &str| {
            let mut pod = object("a", "step-1");
            pod["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": "step"}]);
            pod["status"] = json!({"phase": phase});
            pod
        };
        let mut sight = Sight::default();
        assert_eq!(sight.space("a").job("step"), None);
        sight.put(Resource::Job, &object("a", "step"));
        sight.put(Resource::Pod, &pod("Failed"));
        assert_eq!(sight.space("a").job("step"), Some(JobFacts::Running), "it is tried again");
        sight.put(Resource::Pod, &pod("Succeeded"));
        assert_eq!(sight.space("a").job("step"), Some(JobFacts::Done));
        assert_eq!(sight.space("a").job("other"), None);
    }

    #[test]
    fn a_namespace_that_is_gone_takes_all_with_it() {
        let mut sight = Sight::default();
        sight.put(
            Resource::Namespace,
            &json!({"metadata": {"name": "a", "labels": {"holdfast.dev/environment-id": "env_1"}}}),
        );
        sight.put(Resource::Service, &object("a", "one"));
        assert_eq!(sight.space("a").environment.as_deref(), Some("env_1"));
        sight.note(Resource::Namespace, &Watched::Gone(json!({"metadata": {"name": "a"}})));
        assert!(!sight.space("a").is_there && sight.space("a").objects.is_empty());
    }
}
