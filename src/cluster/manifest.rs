//! The account Holdfast has on a cluster, and what holds it to its word.
//!
//! The account's rights are one table ([`RULES`]): the manifest grants them, and the preflight asks for each of them. They
//! reach into every namespace, because Kubernetes cannot grant by label; the admission policy takes back what lies
//! outside of namespaces that are labelled as ours. What can only be read is refused by not being granted: an admission policy
//! sees no read. No read of a Secret is granted, and those ways of deleting one are refused that would answer with it.

use serde_json::{Value, json};

use super::resource::{MANAGED_BY, SYSTEM_NAMESPACE};

/// The name of the account, its role and its policy.
pub(super) const ACCOUNT: &str = "holdfast";
/// Raised with every change of what is printed: a cluster that has an older one is told of.
pub(super) const NUMBER: &str = "1";
/// Where the number stands on the policy.
pub(super) const NUMBER_KEY: &str = "holdfast.dev/manifest";
/// What says that a namespace is ours.
pub(super) const LABEL: &str = "app.kubernetes.io/managed-by";
/// What says how strictly a namespace's pods are held.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// Verbs on objects of kinds.
pub(super) struct Rule {
    pub(super) group: &'static str,
    pub(super) resources: &'static [&'static str],
    pub(super) verbs: &'static [&'static str],
    /// Only objects of these names; all when empty.
    pub(super) names: &'static [&'static str],
}

const fn rule(group: &'static str, resources: &'static [&'static str], verbs: &'static [&'static str]) -> Rule {
    Rule { group, resources, verbs, names: &[] }
}

const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
const LOOK: &[&str] = &["get", "list", "watch"];

/// Everything the account may do.
pub(super) const RULES: &[Rule] = &[
    rule("", &["namespaces", "serviceaccounts", "resourcequotas", "limitranges", "configmaps"], OWN),
    rule("", &["persistentvolumeclaims", "services"], OWN),
    rule("networking.k8s.io", &["networkpolicies"], OWN),
    rule("apps", &["deployments"], OWN),
    rule("batch", &["jobs"], OWN),
    rule("coordination.k8s.io", &["leases"], &["get", "list", "watch", "create", "patch", "update", "delete"]),
    // Never read: a value is sent once and can only be deleted.
    rule("", &["secrets"], &["create", "delete"]),
    rule("", &["pods"], &["get", "list", "watch", "create", "delete"]),
    rule("", &["pods/log"], &["get"]),
    // A stream is opened by GET; newer versions ask for `create` as well.
    rule("", &["pods/exec", "pods/portforward"], &["get", "create"]),
    rule("", &["events", "nodes"], LOOK),
    rule("apps", &["replicasets"], LOOK),
    rule("storage.k8s.io", &["storageclasses"], LOOK),
    rule("discovery.k8s.io", &["endpointslices"], LOOK),
    rule("metrics.k8s.io", &["pods", "nodes"], &["get", "list"]),
    rule("authorization.k8s.io", &["selfsubjectaccessreviews"], &["create"]),
    rule("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
    Rule {
        group: "admissionregistration.k8s.io",
        resources: &["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
        verbs: &["get"],
        names: &[ACCOUNT],
    },
];

/// What the account must not be able to do, whoever made it: group, resource, verb.
pub(super) const NEVER: &[(&str, &str, &str)] = &[
    ("", "secrets", "get"),
    ("", "secrets", "list"),
    ("", "secrets", "watch"),
    ("", "secrets", "patch"),
    ("", "secrets", "update"),
    ("", "secrets", "deletecollection"),
    ("", "serviceaccounts/token", "create"),
    ("", "nodes/proxy", "get"),
    ("", "pods/ephemeralcontainers", "patch"),
    ("", "users", "impersonate"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("rbac.authorization.k8s.io", "clusterroles", "bind"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    ("rbac.authorization.k8s.io", "rolebindings", "create"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", "delete"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings", "delete"),
];

/// The objects, in the order they are applied: what binds the account is there before the account has a right.
pub(super) fn objects() -> Vec<Value> {
    let named = |name: &str| json!({"name": name, "labels": {LABEL: MANAGED_BY, "app.kubernetes.io/part-of": ACCOUNT}});
    let mut namespace = named(SYSTEM_NAMESPACE);
    namespace["labels"][ENFORCE] = "restricted".into();
    let mut account = named(ACCOUNT);
    account["namespace"] = SYSTEM_NAMESPACE.into();
    let mut policy = named(ACCOUNT);
    policy["annotations"] = json!({NUMBER_KEY: NUMBER});
    let rules: Vec<Value> = RULES.iter().map(role_rule).collect();
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": policy,
            "spec": policy_spec(),
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": named(ACCOUNT),
            "spec": {"policyName": ACCOUNT, "validationActions": ["Deny"]},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": account,
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": named(ACCOUNT),
            "rules": rules,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": named(ACCOUNT),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM_NAMESPACE}],
        }),
    ]
}

fn role_rule(rule: &Rule) -> Value {
    let mut value = json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.verbs});
    if !rule.names.is_empty() {
        value["resourceNames"] = json!(rule.names);
    }
    value
}

/// Whether the labels of `object` hold this pair, in the language of the policy.
fn has_label(object: &str, key: &str, value: &str) -> String {
    format!(
        "has({object}.metadata.labels) && '{key}' in {object}.metadata.labels && {object}.metadata.labels['{key}'] == '{value}'"
    )
}

fn policy_spec() -> Value {
    let variable = |name: &str, expression: String| json!({"name": name, "expression": expression});
    let rule =
        |expression: &str, message: &str| json!({"expression": expression, "message": message, "reason": "Forbidden"});
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [
            {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]},
        ]},
        "matchConditions": [
            {
                "name": "by-holdfast",
                "expression": format!("request.userInfo.username == 'system:serviceaccount:{SYSTEM_NAMESPACE}:{ACCOUNT}'"),
            },
            {
                "name": "changes-something",
                "expression": "!(request.resource.group in ['authorization.k8s.io', 'authentication.k8s.io'])",
            },
        ],
        "variables": [
            variable("isNamespace", "request.resource.group == '' && request.resource.resource == 'namespaces'".into()),
            variable("isSecret", "request.resource.group == '' && request.resource.resource == 'secrets'".into()),
            variable("inOurs", format!("namespaceObject != null && {}", has_label("namespaceObject", LABEL, MANAGED_BY))),
            variable("isOurs", format!("object != null && {}", has_label("object", LABEL, MANAGED_BY))),
            variable("wasOurs", format!("oldObject != null && {}", has_label("oldObject", LABEL, MANAGED_BY))),
            variable("isRestricted", format!("object != null && {}", has_label("object", ENFORCE, "restricted"))),
        ],
        "validations": [
            rule("variables.isNamespace || variables.inOurs", "Holdfast changes nothing outside of its own namespaces"),
            rule(
                "!variables.isNamespace || request.operation == 'CREATE' || variables.wasOurs",
                "Holdfast changes no namespace that is not its own",
            ),
            rule(
                "!variables.isNamespace || request.operation == 'DELETE' || (variables.isOurs && variables.isRestricted)",
                "a namespace of Holdfast is labelled as its own, and holds its pods to the restricted profile",
            ),
            rule(
                &format!("!variables.isNamespace || request.name != '{SYSTEM_NAMESPACE}'"),
                "the namespace of Holdfast itself is the cluster administrator's to change",
            ),
            rule(
                "!variables.isSecret || request.operation in ['CREATE', 'DELETE']",
                "Holdfast creates and deletes Secrets, and nothing else",
            ),
            rule(
                "!variables.isSecret || request.operation != 'CREATE' || !has(object.metadata.finalizers)",
                "a Secret of Holdfast has no finalizers: deleting it would answer with what is in it",
            ),
            rule(
                "!variables.isSecret || request.operation != 'CREATE' || !has(object.type) || object.type != 'kubernetes.io/service-account-token'",
                "Holdfast makes no tokens of accounts",
            ),
            rule(
                "!variables.isSecret || request.operation != 'DELETE' || oldObject == null || !has(oldObject.metadata.finalizers)",
                "a Secret with finalizers is not Holdfast's to delete: the answer would show what is in it",
            ),
            rule(
                "!variables.isSecret || request.operation != 'DELETE' || ((!has(request.options.propagationPolicy) || request.options.propagationPolicy == 'Background') && !has(request.options.orphanDependents))",
                "a Secret is deleted at once: any other way would answer with what is in it",
            ),
        ],
    })
}

/// The manifest as YAML, for `kubectl apply -f -`.
pub fn manifest() -> String {
    let mut text = format!(
        "# What Holdfast is on this cluster: an account, what it may do, and a policy that refuses it any change outside of\n\
         # namespaces labelled as its own. Apply it as an administrator of the cluster:\n\
         #   holdfast cluster manifest | kubectl apply -f -\n\
         # then give Holdfast a token of that account:\n\
         #   kubectl -n {SYSTEM_NAMESPACE} create token {ACCOUNT} --duration 8760h\n"
    );
    for object in objects() {
        text.push_str("---\n");
        // Objects of texts, lists and maps are written without fail.
        text.push_str(&serde_saphyr::to_string(&object).unwrap_or_default());
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_never_reads_a_secret_and_never_changes_what_binds_it() {
        for rule in RULES {
            if rule.resources.contains(&"secrets") {
                assert_eq!(rule.verbs, ["create", "delete"]);
                assert_eq!(rule.resources, ["secrets"], "in a rule of its own");
            }
            for (group, resource, verb) in NEVER {
                let grants = rule.group == *group && rule.resources.contains(resource) && rule.verbs.contains(verb);
                assert!(!grants, "{verb} {resource}");
            }
            assert!(!rule.verbs.contains(&"*") && !rule.resources.contains(&"*"), "nothing is granted by a star");
            assert!(rule.group != "rbac.authorization.k8s.io");
        }
    }

    #[test]
    fn the_policy_is_there_before_the_rights() {
        let kinds: Vec<_> = objects().iter().map(|o| o["kind"].as_str().expect("a kind").to_owned()).collect();
        let at = |kind: &str| kinds.iter().position(|k| k == kind).expect("there");
        assert!(at("ValidatingAdmissionPolicyBinding") < at("ClusterRoleBinding"), "{kinds:?}");
    }

    #[test]
    fn what_is_printed_reads_back_as_what_is_meant() {
        let text = manifest();
        let documents: Vec<Value> =
            text.split("---\n").skip(1).map(|document| serde_saphyr::from_str(document).expect("YAML")).collect();
        assert_eq!(documents, objects());
    }

    #[test]
    fn the_manifest_is_as_reviewed() {
        insta::assert_snapshot!("manifest", manifest());
    }
}
