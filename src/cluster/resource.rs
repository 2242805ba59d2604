//! The kinds of object Holdfast has to do with, and where the API keeps them.

/// The value of `app.kubernetes.io/managed-by` on everything that is ours, and the name we own fields under.
pub const MANAGED_BY: &str = "holdfast";
/// Where what serves the whole cluster runs: the probe every new pod is held against, the router.
pub const SYSTEM_NAMESPACE: &str = "holdfast-system";

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident $kind:literal $group:literal $version:literal $plural:literal $namespaced:literal;)*) => {
        /// A kind of object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Resource {
            $($(#[$doc])* $name,)*
        }

        impl Resource {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The kind, as an object names it.
            pub const fn kind(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
            }

            /// The API group; empty for the core.
            pub const fn group(self) -> &'static str {
                match self { $(Self::$name => $group,)* }
            }

            /// The version of the group.
            pub const fn version(self) -> &'static str {
                match self { $(Self::$name => $version,)* }
            }

            /// The plural, as paths name it.
            pub const fn plural(self) -> &'static str {
                match self { $(Self::$name => $plural,)* }
            }

            /// Whether it lies in a namespace.
            pub const fn is_namespaced(self) -> bool {
                match self { $(Self::$name => $namespaced,)* }
            }
        }
    };
}

resources! {
    /// A namespace: one for each running environment.
    Namespace "Namespace" "" "v1" "namespaces" false;
    /// An account of a service; it has no token.
    ServiceAccount "ServiceAccount" "" "v1" "serviceaccounts" true;
    /// Who may reach whom.
    NetworkPolicy "NetworkPolicy" "networking.k8s.io" "v1" "networkpolicies" true;
    /// What a namespace may use in all.
    ResourceQuota "ResourceQuota" "" "v1" "resourcequotas" true;
    /// What a container gets that names no limits.
    LimitRange "LimitRange" "" "v1" "limitranges" true;
    /// Values of variables. Only created and deleted, never read.
    Secret "Secret" "" "v1" "secrets" true;
    /// Scripts of init steps, routes.
    ConfigMap "ConfigMap" "" "v1" "configmaps" true;
    /// Storage that stays.
    PersistentVolumeClaim "PersistentVolumeClaim" "" "v1" "persistentvolumeclaims" true;
    /// Pods of a service.
    Deployment "Deployment" "apps" "v1" "deployments" true;
    /// Which pods a deployment made, by revision.
    ReplicaSet "ReplicaSet" "apps" "v1" "replicasets" true;
    /// What runs once.
    Job "Job" "batch" "v1" "jobs" true;
    /// A name and address of a service.
    Service "Service" "" "v1" "services" true;
    /// One running copy.
    Pod "Pod" "" "v1" "pods" true;
    /// What the cluster says happened.
    Event "Event" "" "v1" "events" true;
    /// Whose cluster it is.
    Lease "Lease" "coordination.k8s.io" "v1" "leases" true;
    /// What storage can be asked for.
    StorageClass "StorageClass" "storage.k8s.io" "v1" "storageclasses" false;
    /// A machine of the cluster.
    Node "Node" "" "v1" "nodes" false;
}

impl Resource {
    /// `v1`, `apps/v1`: as an object's `apiVersion` says it.
    pub fn api_version(self) -> String {
        if self.group().is_empty() { self.version().to_owned() } else { format!("{}/{}", self.group(), self.version()) }
    }

    /// The resource of a kind's name.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| r.kind() == kind)
    }

    /// The path of the API for one of them (`name`), or for all in `namespace` or everywhere.
    pub fn path(self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = if self.group().is_empty() {
            format!("/api/{}", self.version())
        } else {
            format!("/apis/{}/{}", self.group(), self.version())
        };
        if let Some(namespace) = namespace.filter(|_| self.is_namespaced()) {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(self.plural());
        if let Some(name) = name {
            path.push('/');
            path.push_str(name);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(Resource::Pod.path(Some("a"), Some("b")), "/api/v1/namespaces/a/pods/b");
        assert_eq!(Resource::Deployment.path(None, None), "/apis/apps/v1/deployments");
        assert_eq!(Resource::Node.path(Some("a"), None), "/api/v1/nodes", "nodes lie in no namespace");
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for resource in Resource::ALL {
            assert_eq!(Resource::of_kind(resource.kind()), Some(*resource));
        }
        assert_eq!(Resource::of_kind("ClusterRole"), None);
    }
}
