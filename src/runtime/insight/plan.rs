//! What destroying takes, told before it is done.

use super::running;
use crate::op::Op;
use crate::orgs::access;
use crate::orgs::environment::Placed;
use crate::policy::Action;
use crate::runtime::blueprint::{Blueprint, VolumeSource};
use crate::runtime::lifecycle::{At, Runtime, RuntimeError};
use crate::runtime::stored;

/// Storage that goes with what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedVolume {
    /// Its name.
    pub name: String,
    /// How large it is, as the blueprint says it.
    pub size: String,
    /// The services that have it mounted.
    pub services: Vec<String>,
}

/// What destroying would take.
#[derive(Debug, Clone)]
pub struct DestroyPlan {
    /// The environment.
    pub placed: Placed,
    /// What runs.
    pub runtime: Runtime,
    /// The services that end.
    pub services: Vec<String>,
    /// The storage that is lost.
    pub volumes: Vec<PlannedVolume>,
}

/// What destroying what runs here would take. The blueprint and the secrets stay in any case.
///
/// # Errors
/// Unknown or not allowed; nothing runs; it is protected.
pub async fn destroy_plan(op: &Op, at: &At) -> Result<DestroyPlan, RuntimeError> {
    op.read(|reader| {
        let placed = access::environment(op, reader, &at.project, &at.environment)?;
        let event = op.authorize(reader, Action::RuntimeDestroy, &placed.resource())?;
        let (runtime, revision) = running(reader, &placed)?;
        if placed.protected {
            op.refuse(&event, "environment_protected");
            return Err(RuntimeError::Protected(placed.path()));
        }
        let stored = stored::version(reader, runtime.environment, revision.blueprint)?;
        let (services, volumes) = stored.map(|stored| taken(&stored.blueprint)).unwrap_or_default();
        Ok(DestroyPlan { placed, runtime, services, volumes })
    })
    .await
}

fn taken(blueprint: &Blueprint) -> (Vec<String>, Vec<PlannedVolume>) {
    let services = blueprint.services.iter().map(|service| service.name.as_str().to_owned()).collect();
    let mut volumes: Vec<PlannedVolume> = Vec::new();
    for service in blueprint.services.iter() {
        for volume in &service.volumes {
            let VolumeSource::Pvc { size, .. } = &volume.source else { continue };
            let (name, user) = (volume.name.as_str(), service.name.as_str().to_owned());
            match volumes.iter_mut().find(|known| known.name == name) {
                Some(known) => known.services.push(user),
                None => volumes.push(PlannedVolume {
                    name: name.to_owned(),
                    size: size.as_str().to_owned(),
                    services: vec![user],
                }),
            }
        }
    }
    (services, volumes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::blueprint;

    #[test]
    fn a_volume_of_two_services_is_lost_once() {
        let text = "name: a\nservices:\n  - name: one\n    image: a:1\n    volumes: [{name: data, mountPath: /d, type: pvc, size: 1Gi}, {name: tmp, mountPath: /t, type: empty}]\n  - name: two\n    image: a:1\n    volumes: [{name: data, mountPath: /d, type: pvc, size: 1Gi, readOnly: true}]\n";
        let document = blueprint::read(text).expect("a blueprint");
        let (services, volumes) = taken(&document.blueprint);
        assert_eq!(services, ["one", "two"]);
        assert_eq!(volumes.len(), 1, "what is empty anyway is not lost: {volumes:?}");
        assert_eq!((volumes[0].name.as_str(), volumes[0].size.as_str()), ("data", "1Gi"));
        assert_eq!(volumes[0].services, ["one", "two"]);
    }
}
