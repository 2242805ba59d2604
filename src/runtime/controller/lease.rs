//! Whose cluster it is: two appliances on one cluster would undo one another's work, so the second one is refused.

use serde_json::{Value, json};

use crate::cluster::{Client, ClientError, MANAGED_BY, Resource, SYSTEM_NAMESPACE};
use crate::types::Timestamp;

/// How long a lease is good after it was renewed, in seconds.
const LASTS: i64 = 60;
const NAME: &str = "holdfast-controller";

/// Who has the cluster.
pub(super) enum Claim {
    /// We.
    Ours,
    /// Another appliance, which renewed it within its time.
    Another(String),
}

/// Takes the cluster, or keeps it.
///
/// # Errors
/// The cluster does not answer, or refuses.
pub(super) async fn claim(client: &Client, instance: &str, now: Timestamp) -> Result<Claim, ClientError> {
    let there = client.get(Resource::Lease, Some(SYSTEM_NAMESPACE), NAME).await?;
    if let Some(other) = there.as_ref().and_then(|lease| held_by_another(lease, instance, now)) {
        return Ok(Claim::Another(other));
    }
    let body = json!({
        "apiVersion": Resource::Lease.api_version(),
        "kind": Resource::Lease.kind(),
        "metadata": {
            "name": NAME,
            "namespace": SYSTEM_NAMESPACE,
            "labels": { "app.kubernetes.io/managed-by": MANAGED_BY },
        },
        "spec": { "holderIdentity": instance, "leaseDurationSeconds": LASTS, "renewTime": now.to_string() },
    });
    client.apply(Resource::Lease, Some(SYSTEM_NAMESPACE), NAME, &body, false).await?;
    Ok(Claim::Ours)
}

/// Who holds it, if that is somebody else and their time is not over.
fn held_by_another(lease: &Value, instance: &str, now: Timestamp) -> Option<String> {
    let holder = lease["spec"]["holderIdentity"].as_str().filter(|holder| *holder != instance)?;
    let renewed = Timestamp::parse(lease["spec"]["renewTime"].as_str()?).ok()?;
    let age = now.as_micros() - renewed.as_micros();
    (age < LASTS * 1_000_000).then(|| holder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_of_another_holds_until_its_time_is_over() {
        let lease = json!({"spec": {"holderIdentity": "ins_a", "renewTime": "2026-01-01T00:00:00.000000Z"}});
        let at = |text| Timestamp::parse(text).expect("a time");
        assert_eq!(held_by_another(&lease, "ins_b", at("2026-01-01T00:00:59Z")).as_deref(), Some("ins_a"));
        assert_eq!(held_by_another(&lease, "ins_b", at("2026-01-01T00:01:00Z")), None);
        assert_eq!(held_by_another(&lease, "ins_a", at("2026-01-01T00:00:01Z")), None, "it is one's own");
    }
}
