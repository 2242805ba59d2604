//! What runs once for each revision: a Job, and its script in a ConfigMap of the same name.
//!
//! The script is at `/run/holdfast/init/script`; the step has the service's variables and its ways out. What its image has
//! to bring: `/bin/sh`, and for `sql` also `psql`, in the path or where Debian's packages put it. `sql` is PostgreSQL's:
//! `DATABASE_URL` says where, when the service gets it (as a variable or a file); without it, psql's own variables do
//! (`PGUSER`, `PGPASSWORD`, …), with the service's name and port for what is not set. The script is one transaction, so
//! one that fails leaves nothing.

use serde_json::json;

use super::names::ROLE_INIT;
use super::pod::{Pod, user};
use super::storage::Mounts;
use super::values::{environment, literal};
use super::{Object, One, Stage, reach};
use crate::cluster::Resource;
use crate::runtime::blueprint::{Init, InitKind, Label};

/// Where the script is.
const FOLDER: &str = "/run/holdfast/init";
/// How often a step is tried again.
const RETRIES: u32 = 2;
/// How long all its tries may take, in seconds, images and the gate included.
const DEADLINE: u32 = 900;

const SQL: &str = r#"set -eu
for bin in /usr/lib/postgresql/*/bin; do [ ! -d "$bin" ] || PATH="$PATH:$bin"; done
export PATH PGAPPNAME=holdfast-init PGCONNECT_TIMEOUT=10
url=${DATABASE_URL:-}
[ -n "$url" ] || [ ! -r /run/holdfast/variables/DATABASE_URL ] || url=$(cat /run/holdfast/variables/DATABASE_URL)
export PGHOST="${PGHOST:-$HOLDFAST_SERVICE}" PGPORT="${PGPORT:-$HOLDFAST_PORT}"
exec psql ${url:+"$url"} --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 --single-transaction --file /run/holdfast/init/script
"#;

/// The step that runs before its service.
pub(super) fn before(one: &One<'_>) -> Vec<Object> {
    step(one, InitKind::Command, Stage::InitBefore)
}

/// The step that runs when its service is ready.
pub(super) fn after(one: &One<'_>) -> Vec<Object> {
    step(one, InitKind::Sql, Stage::InitAfter)
}

fn step(one: &One<'_>, kind: InitKind, stage: Stage) -> Vec<Object> {
    match &one.service.init {
        Some(init) if init.kind == kind => vec![script(one, init, stage), job(one, init, stage)],
        _ => Vec::new(),
    }
}

fn name(one: &One<'_>) -> String {
    job_name(&one.service.name, one.desired.revision)
}

/// The name of the init step of a service. 63 characters hold for every number below 10^17, and no environment is deployed
/// that often.
pub fn job_name(service: &Label, revision: u64) -> String {
    format!("{}-init-{revision}", service.as_str())
}

fn script(one: &One<'_>, init: &Init, stage: Stage) -> Object {
    let metadata = one.desired.of_service(&name(one), &one.service.name, ROLE_INIT);
    let body = json!({ "immutable": true, "data": { "script": init.script.as_str() } });
    Object::new(Resource::ConfigMap, stage, metadata, body)
}

fn job(one: &One<'_>, init: &Init, stage: Stage) -> Object {
    let image = init.image.as_ref().map_or(one.image(), |image| image.as_str());
    let labels = one.desired.pod_labels(&one.service.name, ROLE_INIT, image);
    let metadata = one.desired.metadata(&name(one), labels.clone());
    let mut env = environment(one);
    let mut mounts = Mounts::of(one);
    let command = match init.kind {
        InitKind::Command => {
            mounts.own(one);
            json!(["/bin/sh", format!("{FOLDER}/script")])
        }
        // Storage stays with the service, which is running.
        InitKind::Sql => {
            let port = one.service.ports.first().map_or(5432, |port| port.container_port.get());
            for (name, value) in [("HOLDFAST_SERVICE", one.name().to_owned()), ("HOLDFAST_PORT", port.to_string())] {
                env.retain(|variable| variable["name"] != name);
                env.push(json!({ "name": name, "value": value }));
            }
            json!(["/bin/sh", "-c", literal(SQL)])
        }
    };
    mounts.script(&name(one), FOLDER);
    let mut container = json!({ "name": "init", "image": image, "command": command, "resources": one.sizes.json() });
    if !env.is_empty() {
        container["env"] = json!(env);
    }
    if let (Some(folder), InitKind::Command) = (&one.service.working_dir, init.kind) {
        container["workingDir"] = json!(folder.as_str());
    }
    let pod = Pod {
        labels,
        account: one.name(),
        user: user(one.service),
        gate: Some(one.desired.gate),
        after: match init.kind {
            InitKind::Command => reach::after(one),
            InitKind::Sql => reach::way(one.service).into_iter().collect(),
        },
        container,
        mounts,
        restart: "Never",
    };
    let mut template = pod.template();
    template["metadata"]["labels"][super::LABEL_REVISION] = json!(one.desired.revision.to_string());
    let spec = json!({
        "backoffLimit": RETRIES,
        "activeDeadlineSeconds": DEADLINE,
        "completions": 1,
        "parallelism": 1,
        "template": template,
    });
    Object::new(Resource::Job, stage, metadata, json!({ "spec": spec }))
}
