//! Storage that stays, and what is mounted into a pod.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::ROLE_SERVICE;
use super::values::FILE_KEY;
use super::{Desired, Object, One, Stage, sizes};
use crate::cluster::Resource;
use crate::runtime::blueprint::{Blueprint, Delivery, Label, Memory, Service, VolumeSource};

/// Where a service that asks for files finds its variables.
const VARIABLES: &str = "/run/holdfast/variables";
/// Owner and group read.
const READ: u32 = 0o440;

/// The claims of a blueprint by name: bytes, the amount as it is written, and the first service that has it.
pub(in crate::runtime) fn sizes(blueprint: &Blueprint) -> BTreeMap<&Label, (u64, &str, &Service)> {
    let mut claims = BTreeMap::new();
    for service in blueprint.services.iter() {
        for volume in &service.volumes {
            if let VolumeSource::Pvc { size, .. } = &volume.source {
                claims.entry(&volume.name).or_insert((size.bytes(), size.as_str(), service));
            }
        }
    }
    claims
}

/// The claims: one for each name, whoever mounts it.
pub(super) fn claims(desired: &Desired<'_>) -> Vec<Object> {
    let claim = |(name, (_, size, service)): (&Label, (u64, &str, &Service))| {
        let metadata = desired.of_service(name.as_str(), &service.name, ROLE_SERVICE);
        let mut spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } });
        if let Some(class) = desired.storage_class {
            spec["storageClassName"] = json!(class);
        }
        Object::new(Resource::PersistentVolumeClaim, Stage::Foundation, metadata, json!({ "spec": spec }))
    };
    sizes(desired.blueprint).into_iter().map(claim).collect()
}

/// Whether one copy has to be gone before the next can start.
pub(super) fn is_claimed(service: &Service) -> bool {
    service.volumes.iter().any(|v| matches!(v.source, VolumeSource::Pvc { .. }))
}

/// Volumes of a pod, and where its container has them.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) volumes: Vec<Value>,
    pub(super) mounts: Vec<Value>,
}

impl Mounts {
    /// What every pod of a service has: its folders that can be written to, and its values as files.
    pub(super) fn of(one: &One<'_>) -> Self {
        let mut all = Self::default();
        all.folder("tmp", "/tmp", sizes::FOLDER);
        for (index, path) in one.service.security.writable.iter().enumerate() {
            all.folder(&format!("writable-{index}"), path.as_str(), sizes::FOLDER);
        }
        all.variables(one);
        all
    }

    /// The volumes that the service itself lists.
    pub(super) fn own(&mut self, one: &One<'_>) {
        for volume in &one.service.volumes {
            // A prefix: a blueprint may call a volume `tmp`, too.
            let (name, path) = (format!("volume-{}", volume.name.as_str()), volume.mount_path.as_str());
            match &volume.source {
                VolumeSource::Empty { size } => {
                    self.folder(&name, path, size.as_ref().map_or(sizes::FOLDER, Memory::bytes));
                }
                VolumeSource::Pvc { read_only, .. } => {
                    let mut mount = json!({ "name": name, "mountPath": path });
                    if *read_only {
                        mount["readOnly"] = json!(true);
                    }
                    let claim = json!({ "claimName": volume.name.as_str() });
                    self.add(json!({ "name": name, "persistentVolumeClaim": claim }), mount);
                }
                VolumeSource::File { .. } => {
                    let key = format!("{FILE_KEY}{}", volume.name.as_str());
                    let provided = one.provided.filter(|provided| provided.keys.contains(&key));
                    if let Some(provided) = provided {
                        let items = json!([{ "key": key, "path": "file" }]);
                        let secret = json!({ "secretName": provided.object, "items": items, "defaultMode": READ });
                        let mount = json!({ "name": name, "mountPath": path, "subPath": "file", "readOnly": true });
                        self.add(json!({ "name": name, "secret": secret }), mount);
                    }
                }
            }
        }
    }

    /// A file of a ConfigMap of the same name as the Job it is for.
    pub(super) fn script(&mut self, config_map: &str, path: &str) {
        let volume = json!({ "name": "script", "configMap": { "name": config_map, "defaultMode": READ } });
        self.add(volume, json!({ "name": "script", "mountPath": path, "readOnly": true }));
    }

    fn variables(&mut self, one: &One<'_>) {
        let Some(provided) = one.provided.filter(|_| one.service.delivery == Delivery::Files) else { return };
        let mut keys: Vec<&String> =
            provided.keys.iter().filter(|key| super::values::is_variable(one.service, key)).collect();
        keys.sort();
        if keys.is_empty() {
            return;
        }
        let items: Vec<Value> = keys.into_iter().map(|key| json!({ "key": key, "path": key })).collect();
        let secret = json!({ "secretName": provided.object, "items": items, "defaultMode": READ });
        let mount = json!({ "name": "variables", "mountPath": VARIABLES, "readOnly": true });
        self.add(json!({ "name": "variables", "secret": secret }), mount);
    }

    fn folder(&mut self, name: &str, path: &str, most: u64) {
        let volume = json!({ "name": name, "emptyDir": { "sizeLimit": sizes::memory(most) } });
        self.add(volume, json!({ "name": name, "mountPath": path }));
    }

    fn add(&mut self, volume: Value, mount: Value) {
        self.volumes.push(volume);
        self.mounts.push(mount);
    }
}
