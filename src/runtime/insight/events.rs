//! What the cluster says happened in an environment's namespace.

use serde_json::Value;

use super::{running, told};
use crate::cluster::{self, Client, Resource};
use crate::op::Op;
use crate::orgs::access;
use crate::policy::Action;
use crate::runtime::lifecycle::{At, RuntimeError};
use crate::runtime::render::LABEL_ENVIRONMENT;
use crate::types::Timestamp;

/// Most events that are told.
pub const EVENTS_MAX: usize = 200;
/// Longest message of one, in characters.
const MESSAGE_MAX: usize = 500;
/// Longest word of one, in characters.
const WORD_MAX: usize = 100;

/// Something that happened, as the cluster says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When it happened last; none when the cluster does not say.
    pub at: Option<Timestamp>,
    /// Whether the cluster calls it a warning.
    pub is_warning: bool,
    /// Why, as one word in camel case.
    pub reason: String,
    /// In the cluster's words.
    pub message: String,
    /// What it happened to: `Pod/api-5d9c7b6f4-x2x7k`.
    pub object: String,
    /// How often.
    pub count: u32,
}

/// What the cluster says happened in an environment, newest first, at most [`EVENTS_MAX`]. Clusters forget after an hour
/// or so.
///
/// # Errors
/// Unknown or not allowed; nothing runs; the cluster cannot be asked.
pub async fn runtime_events(op: &Op, at: &At) -> Result<Vec<Happening>, RuntimeError> {
    let (access, runtime) = op
        .read(|reader| {
            let placed = access::environment(op, reader, &at.project, &at.environment)?;
            op.authorize(reader, Action::RuntimeRead, &placed.resource())?;
            let (runtime, _) = running(reader, &placed)?;
            Ok::<_, RuntimeError>((cluster::access(reader, op.keyring(), runtime.cluster)?, runtime))
        })
        .await?;
    let client = Client::new(&access)?;
    let namespace = runtime.namespace.as_str();
    let there = client.get(Resource::Namespace, None, namespace).await?;
    let label = there.as_ref().and_then(|n| n["metadata"]["labels"][LABEL_ENVIRONMENT].as_str());
    if label != Some(runtime.environment.to_string().as_str()) {
        return Ok(Vec::new());
    }
    let listed = client.list(Resource::Event, Some(namespace), "", "").await?;
    let mut happened: Vec<_> = listed.items.iter().map(happening).collect();
    happened.sort_by_key(|h| std::cmp::Reverse(h.at));
    happened.truncate(EVENTS_MAX);
    Ok(happened)
}

fn happening(event: &Value) -> Happening {
    let text = |value: &Value, most: usize| told(value.as_str(), most);
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["metadata"]["creationTimestamp"],
    ];
    let at = times.into_iter().find_map(|time| Timestamp::parse(time.as_str()?).ok());
    let about = &event["involvedObject"];
    let count = [&event["series"]["count"], &event["count"]].into_iter().find_map(Value::as_u64);
    Happening {
        at,
        is_warning: event["type"] == "Warning",
        reason: text(&event["reason"], WORD_MAX),
        message: text(&event["message"], MESSAGE_MAX),
        object: format!("{}/{}", text(&about["kind"], WORD_MAX), text(&about["name"], WORD_MAX * 3)),
        count: count.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_read_in_both_of_its_forms() {
        let old = happening(&json!({
            "type": "Warning", "reason": "BackOff", "message": "Back-off\nrestarting", "count": 4,
            "lastTimestamp": "2026-11-27T08:00:00Z", "eventTime": null,
            "involvedObject": {"kind": "Pod", "name": "api-1"},
        }));
        assert_eq!((old.is_warning, old.count, old.object.as_str()), (true, 4, "Pod/api-1"));
        assert_eq!(old.message, "Back-off restarting", "on one line");
        assert_eq!(old.at, Timestamp::parse("2026-11-27T08:00:00Z").ok());
        let new = happening(&json!({
            "type": "Normal", "reason": "Scheduled", "eventTime": "2026-11-27T08:00:01.000000Z",
            "lastTimestamp": null, "involvedObject": {"kind": "Pod", "name": "api-1"},
        }));
        assert_eq!((new.is_warning, new.count), (false, 1));
        assert!(new.at > old.at);
    }
}
