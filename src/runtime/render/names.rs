//! What things are called, and how they are labelled.

use serde_json::{Map, Value, json};

use super::Desired;
use crate::cluster::MANAGED_BY;
use crate::runtime::blueprint::Label;
use crate::types::{Id, Slug, kinds};

/// The label with the id of the environment: what is ours is found by it, and by nothing a person can change.
pub const LABEL_ENVIRONMENT: &str = "holdfast.dev/environment-id";
/// The label with the name of the service.
pub const LABEL_SERVICE: &str = "holdfast.dev/service";
/// The label with the number of the deploy that wrote an object.
pub const LABEL_REVISION: &str = "holdfast.dev/revision";
/// The label that tells the pods of a service from those of its init step.
pub const LABEL_ROLE: &str = "app.kubernetes.io/component";
/// The role of what answers for a service.
pub const ROLE_SERVICE: &str = "service";
/// The role of an init step.
pub(super) const ROLE_INIT: &str = "init";
/// The role of what all services share.
const ROLE_ENVIRONMENT: &str = "environment";

/// Longest name of a namespace, and longest value of a label.
pub(super) const MAX: usize = 63;

/// Where an environment runs, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Its namespace.
    pub namespace: String,
    /// The slug of its organization.
    pub organization: String,
    /// The slug of its project.
    pub project: String,
    /// Its own slug.
    pub environment: String,
    /// Its id.
    pub environment_id: Id<kinds::Environment>,
}

impl Names {
    /// The names of an environment. Its namespace is `hf-<project>-<environment, cut>-<8 characters of its id's hash>`:
    /// readable, and two environments of any organizations never share one.
    pub fn new(organization: &Slug, project: &Slug, environment: &Slug, id: Id<kinds::Environment>) -> Self {
        let mark = mark(id);
        let head = format!("hf-{}-", project.as_str());
        let room = MAX - head.len() - 1 - mark.len();
        let cut: String = environment.as_str().chars().take(room).collect();
        Self {
            namespace: format!("{head}{}-{mark}", cut.trim_end_matches('-')),
            organization: organization.as_str().to_owned(),
            project: project.as_str().to_owned(),
            environment: environment.as_str().to_owned(),
            environment_id: id,
        }
    }

    /// The labels of everything of the environment.
    pub(super) fn labels(&self) -> Map<String, Value> {
        let mut labels = Map::new();
        labels.insert("app.kubernetes.io/instance".to_owned(), json!(self.namespace));
        labels.insert("app.kubernetes.io/managed-by".to_owned(), json!(MANAGED_BY));
        labels.insert("holdfast.dev/organization".to_owned(), json!(self.organization));
        labels.insert("holdfast.dev/project".to_owned(), json!(self.project));
        labels.insert("holdfast.dev/environment".to_owned(), json!(self.environment));
        labels.insert(LABEL_ENVIRONMENT.to_owned(), json!(self.environment_id.to_string()));
        labels
    }
}

/// Eight characters that stand for an environment wherever a name has no room for its id.
fn mark(id: Id<kinds::Environment>) -> String {
    let hash = crate::keys::sha256(id.to_string().as_bytes());
    data_encoding::BASE32_NOPAD.encode(&hash[..5]).to_ascii_lowercase()
}

impl Desired<'_> {
    /// The labels of what all services share.
    fn shared_labels(&self) -> Map<String, Value> {
        let mut labels = self.names.labels();
        labels.insert("app.kubernetes.io/name".to_owned(), json!(self.blueprint.name.as_str()));
        labels.insert("app.kubernetes.io/part-of".to_owned(), json!(self.blueprint.name.as_str()));
        labels.insert(LABEL_ROLE.to_owned(), json!(ROLE_ENVIRONMENT));
        labels
    }

    /// The labels of a pod of a service: the same for as long as the service is.
    pub(super) fn pod_labels(&self, service: &Label, role: &str, image: &str) -> Map<String, Value> {
        let mut labels = self.shared_labels();
        labels.insert("app.kubernetes.io/name".to_owned(), json!(service.as_str()));
        labels.insert(LABEL_ROLE.to_owned(), json!(role));
        labels.insert(LABEL_SERVICE.to_owned(), json!(service.as_str()));
        if let Some(version) = version(image) {
            labels.insert("app.kubernetes.io/version".to_owned(), json!(version));
        }
        labels
    }

    /// The metadata of an object that all services share.
    pub(super) fn shared(&self, name: &str) -> Value {
        self.metadata(name, self.shared_labels())
    }

    /// The metadata of an object of a service.
    pub(super) fn of_service(&self, name: &str, service: &Label, role: &str) -> Value {
        let mut labels = self.pod_labels(service, role, "");
        labels.remove("app.kubernetes.io/version");
        self.metadata(name, labels)
    }

    /// The metadata of an object in the namespace, with the revision that writes it.
    pub(super) fn metadata(&self, name: &str, mut labels: Map<String, Value>) -> Value {
        labels.insert(LABEL_REVISION.to_owned(), json!(self.revision.to_string()));
        json!({ "name": name, "namespace": self.names.namespace, "labels": labels })
    }
}

/// Which version an image is, as a label can say it: its tag, or the beginning of its digest.
fn version(image: &str) -> Option<String> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let last = name.rsplit('/').next().unwrap_or(name);
    let text = match (last.split_once(':'), digest) {
        (Some((_, tag)), _) => tag,
        (None, Some(digest)) => digest.trim_start_matches("sha256:").get(..12)?,
        (None, None) => return None,
    };
    let cut: String = text.chars().take(MAX).collect();
    let cut = cut.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    (!cut.is_empty()).then(|| cut.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_tag_or_the_beginning_of_the_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (image, says) in [
            ("registry.example:5000/shop/api:1.4", Some("1.4")),
            ("localhost:5000/api", None),
            (&format!("api@{digest}"), Some("abababababab")),
            (&format!("api:2@{digest}"), Some("2")),
            ("api:_", None),
        ] {
            assert_eq!(version(image).as_deref(), says, "{image}");
        }
        let long = version(&format!("a:{}", "x-".repeat(60))).expect("a version");
        assert!(long.len() <= MAX && long.ends_with('x'), "{long}");
    }
}
