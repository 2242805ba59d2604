//! What the account may do, what it must not be able to do, and what refuses it the rest.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};

use super::{failed, ok, unknown, warning};
use crate::cluster::access::{Access, Credential};
use crate::cluster::client::{Client, ClientError};
use crate::cluster::manifest::{ACCOUNT, ENFORCE, LABEL, NEVER, NUMBER, NUMBER_KEY, RULES};
use crate::cluster::model::Check;
use crate::cluster::resource::{MANAGED_BY, Resource, SYSTEM_NAMESPACE};
use crate::types::Timestamp;

/// Questions that are asked at once.
const AT_ONCE: usize = 8;
/// Rights that are named in one text.
const NAMED: usize = 8;
/// When a token's end is told of.
const ENDS_SOON: std::time::Duration = std::time::Duration::from_hours(30 * 24);
const APPLY: &str = "apply the account as an administrator: holdfast cluster manifest | kubectl apply -f -";
const SWITCH: &str = "apply the account (holdfast cluster manifest | kubectl apply -f -), and give Holdfast its token: holdfast clusters rotate NAME";

/// One question: may this account do that?
#[derive(Clone)]
struct Ask {
    group: &'static str,
    resource: &'static str,
    verb: &'static str,
    name: &'static str,
}

impl Ask {
    fn words(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }

    /// Whether it may; `Err` when the cluster does not say.
    async fn put(self, client: &Client) -> (Self, Result<bool, ClientError>) {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let body = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "group": self.group,
                "resource": resource,
                "subresource": subresource,
                "verb": self.verb,
                "name": self.name,
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = client.json(Method::POST, path, Some(("application/json", &body)), Resource::ServiceAccount).await;
        let allowed = answer.map(|review| review["status"]["allowed"] == true);
        (self, allowed)
    }
}

/// Rights that are needed and rights that are too many.
pub(super) async fn checks(client: &Client) -> [Check; 2] {
    let needed = RULES.iter().flat_map(|rule| {
        rule.resources.iter().flat_map(move |resource| {
            let name = rule.names.first().copied().unwrap_or_default();
            rule.verbs.iter().map(move |verb| Ask { group: rule.group, resource, verb, name })
        })
    });
    let never = NEVER.iter().map(|(group, resource, verb)| Ask { group, resource, verb, name: "" });
    [needs(ask(client, needed.collect()).await), excess(ask(client, never.collect()).await)]
}

type Answers = Vec<(Ask, Result<bool, ClientError>)>;

async fn ask(client: &Client, all: Vec<Ask>) -> Answers {
    stream::iter(all).map(|one| one.put(client)).buffered(AT_ONCE).collect().await
}

fn silence(answers: &Answers) -> Option<String> {
    answers.iter().find_map(|(_, answer)| answer.as_ref().err()).map(ToString::to_string)
}

fn needs(answers: Answers) -> Check {
    if let Some(why) = silence(&answers) {
        return unknown("permissions", why, APPLY);
    }
    let lacking: Vec<String> =
        answers.iter().filter(|(_, answer)| matches!(answer, Ok(false))).map(|(ask, _)| ask.words()).collect();
    if lacking.is_empty() {
        return ok("permissions", format!("all {} rights are there", answers.len()));
    }
    failed("permissions", format!("lacking: {}", listed(&lacking)), APPLY)
}

fn excess(answers: Answers) -> Check {
    if let Some(why) = silence(&answers) {
        return unknown("least_privilege", why, SWITCH);
    }
    let surplus: Vec<String> =
        answers.iter().filter(|(_, answer)| matches!(answer, Ok(true))).map(|(ask, _)| ask.words()).collect();
    if surplus.is_empty() {
        return ok("least_privilege", "it can read no Secret and give itself no right");
    }
    failed("least_privilege", format!("the account may do what it must not: {}", listed(&surplus)), SWITCH)
}

fn listed(all: &[String]) -> String {
    let mut text = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        let _ = write!(text, ", and {} more", all.len() - NAMED);
    }
    text
}

/// When the token ends, where it says so.
pub(super) fn credential(access: &Access, now: Timestamp) -> Option<Check> {
    let Credential::Token(token) = &access.credential else { return None };
    let claims = token.expose().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()?;
    let end = Timestamp::from_micros(claims["exp"].as_i64()?.checked_mul(1_000_000)?);
    let fix = "give it a new token: holdfast clusters rotate NAME";
    let left = end.since(now);
    let days = left.as_secs() / 86_400;
    Some(if left.is_zero() {
        failed("credential", "the token has expired", fix)
    } else if left < ENDS_SOON {
        warning("credential", format!("the token ends in {days} days"), fix)
    } else {
        ok("credential", format!("the token is good for {days} days"))
    })
}

/// Whether the admission policy is there and does what it is for: what must be refused is tried, with `dryRun`.
pub(super) async fn admission(client: &Client) -> Check {
    let object = |kind: &str, labels: Value| {
        let name = format!("{MANAGED_BY}-preflight");
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels}})
    };
    let (map, plain) = (object("ConfigMap", json!({})), object("Namespace", json!({ENFORCE: "restricted"})));
    let labelled = object("Namespace", json!({LABEL: MANAGED_BY, ENFORCE: "restricted"}));
    let tries = [
        (Resource::ConfigMap, Some("kube-system"), &map, false, "write into kube-system"),
        (Resource::ConfigMap, Some("default"), &map, false, "write into the namespace default"),
        (Resource::Namespace, None, &plain, false, "make a namespace that is not labelled as its own"),
        (Resource::ConfigMap, Some(SYSTEM_NAMESPACE), &map, true, "write into holdfast-system"),
        (Resource::Namespace, None, &labelled, true, "make a namespace of its own"),
    ];
    for (resource, namespace, body, may, words) in tries {
        match (client.create(resource, namespace, body, true).await, may) {
            (Ok(_), true) | (Err(ClientError::Forbidden(_) | ClientError::Invalid(_)), false) => {}
            (Ok(_), false) => return failed("admission", format!("the account can {words}"), SWITCH),
            (Err(error), true) => return failed("admission", format!("the account cannot {words}: {error}"), APPLY),
            (Err(error), false) => return unknown("admission", error.to_string(), APPLY),
        }
    }
    let path = format!("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{ACCOUNT}");
    match client.json(Method::GET, &path, None, Resource::ConfigMap).await {
        Ok(policy) if policy["metadata"]["annotations"][NUMBER_KEY] == NUMBER => {
            ok("admission", "refused outside of its own namespaces, and let in inside")
        }
        Ok(_) => warning("admission", "the admission policy is of another version of Holdfast", APPLY),
        Err(error) => warning("admission", format!("the admission policy cannot be seen: {error}"), APPLY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::model::CheckState;
    use crate::types::SecretString;

    fn ask() -> Ask {
        Ask { group: "", resource: "secrets", verb: "get", name: "" }
    }

    #[test]
    fn a_right_too_few_and_a_right_too_many_are_named() {
        let check = needs(vec![(ask(), Ok(false))]);
        assert_eq!((check.state, check.found.as_str()), (CheckState::Failed, "lacking: get secrets"));
        assert_eq!(needs(vec![(ask(), Ok(true))]).state, CheckState::Ok);
        let check = excess(vec![(ask(), Ok(true))]);
        assert_eq!(check.state, CheckState::Failed);
        assert!(check.found.ends_with("must not: get secrets"), "{}", check.found);
        assert_eq!(excess(vec![(ask(), Ok(false))]).state, CheckState::Ok);
        let silent = vec![(ask(), Err(ClientError::Throttled))];
        assert_eq!(excess(silent).state, CheckState::Unknown, "not being told is no proof");
    }

    #[test]
    fn the_end_of_a_token_is_told() {
        let at = |days: i64| {
            let claims = BASE64URL_NOPAD.encode(json!({"exp": days * 86_400}).to_string().as_bytes());
            let token = SecretString::new(format!("x.{claims}.y"));
            let access = Access::by_token("https://127.0.0.1:1", None, token).expect("an access");
            credential(&access, Timestamp::from_micros(100 * 86_400 * 1_000_000)).map(|check| check.state)
        };
        assert_eq!(at(99), Some(CheckState::Failed));
        assert_eq!(at(110), Some(CheckState::Warning));
        assert_eq!(at(400), Some(CheckState::Ok));
        let opaque = Access::by_token("https://127.0.0.1:1", None, SecretString::new("abc".into())).expect("an access");
        assert_eq!(credential(&opaque, Timestamp::from_micros(0)), None);
    }
}
