//! The k3s on this host: with the kubeconfig of its administrator Holdfast makes the account of the manifest, takes a
//! token of it, and forgets the administrator. So a local cluster is held to the same word as any other.

use http::Method;
use serde_json::{Value, json};

use super::access::Access;
use super::client::{Client, ClientError};
use super::manifest::{ACCOUNT, objects};
use super::resource::{MANAGED_BY, Resource, SYSTEM_NAMESPACE};
use super::{AccessError, ClusterError};
use crate::types::SecretString;

/// How long the token is asked for: a year. The preflight tells when it ends.
const TOKEN_SECONDS: u32 = 365 * 86_400;

/// Makes the account, and gives what opens the cluster as it.
///
/// # Errors
/// The cluster cannot be reached, or does not let the administrator do that.
pub(super) async fn adopt(administrator: &Access) -> Result<Access, ClusterError> {
    let client = Client::new(administrator)?;
    for object in objects() {
        let path = format!("{}?fieldManager={MANAGED_BY}&force=true", path(&object)?);
        let sent = ("application/apply-patch+yaml", &object);
        client.json(Method::PATCH, &path, Some(sent), Resource::ServiceAccount).await?;
    }
    let ask = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_SECONDS},
    });
    let path = format!("{}/token", Resource::ServiceAccount.path(Some(SYSTEM_NAMESPACE), Some(ACCOUNT)));
    // What is wrong with this answer is told without its words: they could hold the token.
    let mut answer = client.json(Method::POST, &path, Some(("application/json", &ask)), Resource::Secret).await?;
    let Value::String(token) = answer["status"]["token"].take() else {
        return Err(AccessError::Credential("the cluster gave no token").into());
    };
    let authority = administrator.authority.as_deref();
    Ok(Access::by_token(administrator.server(), authority, SecretString::new(token))?)
}

/// Where an object of the manifest lies in the API.
fn path(object: &Value) -> Result<String, ClientError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&object["metadata"]["name"]);
    let (group, plural) = match text(&object["kind"]).as_str() {
        "Namespace" => ("/api/v1", "namespaces"),
        "ServiceAccount" => return Ok(Resource::ServiceAccount.path(Some(SYSTEM_NAMESPACE), Some(&name))),
        "ValidatingAdmissionPolicy" => ("/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicies"),
        "ValidatingAdmissionPolicyBinding" => {
            ("/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings")
        }
        "ClusterRole" => ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
        "ClusterRoleBinding" => ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
        _ => return Err(ClientError::Invalid("the manifest has a kind that is not known".into())),
    };
    Ok(format!("{group}/{plural}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_the_manifest_has_its_place() {
        for object in objects() {
            let path = path(&object).expect("a place");
            assert!(path.ends_with(object["metadata"]["name"].as_str().expect("a name")), "{path}");
        }
    }
}
