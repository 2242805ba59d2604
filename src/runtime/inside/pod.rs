//! Which pod of a service is entered.

use serde_json::Value;

/// Most pods that are looked at: as many as a service may have, and those of a rollout.
const PODS_MAX: usize = 256;

/// A pod of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) container: String,
    began: String,
    is_running: bool,
    is_ready: bool,
}

/// What became of a choice.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen<'a> {
    One(&'a Pod),
    /// None is called that.
    Unknown {
        name: String,
        there: Vec<String>,
    },
    /// None is ready, or the one that was named does not run.
    NoneReady {
        running: Vec<String>,
    },
}

/// The pods, oldest first. Those that are being deleted are left out.
pub(super) fn read(objects: &[Value]) -> Vec<Pod> {
    let mut pods: Vec<_> = objects.iter().filter_map(of).collect();
    pods.sort_by(|a, b| (&a.began, &a.name).cmp(&(&b.began, &b.name)));
    pods.truncate(PODS_MAX);
    pods
}

fn of(object: &Value) -> Option<Pod> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (metadata, status) = (&object["metadata"], &object["status"]);
    if !metadata["deletionTimestamp"].is_null() {
        return None;
    }
    let container = text(&object["spec"]["containers"][0]["name"])?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_running = list(&status["containerStatuses"])
        .iter()
        .any(|one| one["name"] == container.as_str() && one["state"]["running"].is_object());
    let is_ready = list(&status["conditions"]).iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
    let began = text(&metadata["creationTimestamp"]).unwrap_or_default();
    Some(Pod { name: text(&metadata["name"])?, container, began, is_running, is_ready: is_ready && is_running })
}

/// The pod that is meant: the named one if it runs, ready or not; else the oldest that is ready.
pub(super) fn choose<'a>(pods: &'a [Pod], named: Option<&str>) -> Chosen<'a> {
    let names = |which: fn(&Pod) -> bool| -> Vec<String> {
        pods.iter().filter(|pod| which(pod)).map(|pod| pod.name.clone()).collect()
    };
    let running = || names(|pod| pod.is_running && !pod.is_ready);
    let Some(name) = named else {
        return pods
            .iter()
            .find(|pod| pod.is_ready)
            .map_or_else(|| Chosen::NoneReady { running: running() }, Chosen::One);
    };
    let by_number = || name.parse::<usize>().ok().and_then(|number| pods.get(number));
    match pods.iter().find(|pod| pod.name == name).or_else(by_number) {
        Some(pod) if pod.is_running => Chosen::One(pod),
        Some(_) => Chosen::NoneReady { running: names(|pod| pod.is_running) },
        None => Chosen::Unknown { name: super::told(Some(name), 253), there: names(|_| true) },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, began: u32, is_running: bool, is_ready: bool) -> Value {
        let state =
            if is_running { json!({"running": {}}) } else { json!({"waiting": {"reason": "CrashLoopBackOff"}}) };
        let ready = if is_ready { "True" } else { "False" };
        json!({
            "metadata": {"name": name, "creationTimestamp": format!("2026-11-27T08:00:{began:02}Z")},
            "spec": {"containers": [{"name": "api"}]},
            "status": {
                "containerStatuses": [{"name": "api", "state": state}],
                "conditions": [{"type": "Ready", "status": ready}],
            },
        })
    }

    fn name<'a>(chosen: &'a Chosen<'_>) -> &'a str {
        match chosen {
            Chosen::One(pod) => &pod.name,
            _ => "-",
        }
    }

    #[test]
    fn the_oldest_that_is_ready_is_entered_unless_one_is_named() {
        let mut going = object("api-0", 0, true, true);
        going["metadata"]["deletionTimestamp"] = json!("2026-11-27T09:00:00Z");
        let all =
            [object("api-3", 3, true, true), object("api-1", 1, true, false), object("api-2", 2, true, true), going];
        let pods = read(&all);
        assert_eq!(name(&choose(&pods, None)), "api-2");
        assert_eq!(name(&choose(&pods, Some("api-3"))), "api-3");
        assert_eq!(name(&choose(&pods, Some("api-1"))), "api-1", "one that is not ready, because it was named");
        assert_eq!(name(&choose(&pods, Some("0"))), "api-1", "counted from the oldest");
        let there = ["api-1", "api-2", "api-3"].map(str::to_owned).to_vec();
        for gone in ["api-0", "3", "99999999999999999999"] {
            assert_eq!(choose(&pods, Some(gone)), Chosen::Unknown { name: gone.to_owned(), there: there.clone() });
        }
    }

    #[test]
    fn what_does_not_run_is_not_entered() {
        let pods = read(&[object("api-1", 1, false, true), object("api-2", 2, true, false)]);
        let running = vec!["api-2".to_owned()];
        assert_eq!(choose(&pods, None), Chosen::NoneReady { running: running.clone() });
        assert_eq!(choose(&pods, Some("api-1")), Chosen::NoneReady { running });
        assert_eq!(choose(&[], None), Chosen::NoneReady { running: Vec::new() });
        assert!(read(&[json!({"metadata": {"name": "odd"}}), json!(null)]).is_empty());
    }
}
