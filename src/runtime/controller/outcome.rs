//! From what was seen to what is told: pure.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{DeploymentFacts, PodFacts, Trouble};
use super::sight::Space;
use crate::runtime::blueprint::{Exposure, Label, Service};
use crate::runtime::lifecycle::{
    Condition, ConditionKind, RevisionState, ServiceState, ServiceWord, Status, Wish, Word, digest_of,
};
use crate::types::Timestamp;

/// Names of objects in one message.
const NAMES_SHOWN: usize = 5;

/// How far a pass came with a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for others.
    Waiting(Vec<Label>),
    /// An init step runs.
    Initializing,
    /// An init step failed.
    InitFailed,
    /// It was asked for.
    Asked,
}

/// What a pass found out beside what its services do.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    /// Why it is not accepted: reason and message.
    pub(super) refused: Option<(&'static str, String)>,
    /// Why values are not those of now: reason and message.
    pub(super) unsynced: Option<(&'static str, String)>,
    /// Why volumes and init steps are not done.
    pub(super) data: Option<(&'static str, String)>,
    /// Objects somebody else had changed or deleted, which were put right.
    pub(super) corrected: Vec<String>,
    /// Objects somebody else changed, which the blueprint says to leave.
    pub(super) left: Vec<String>,
}

/// A service as it is seen now.
pub(super) fn service(
    service: &Service,
    stage: &Stage,
    wanted: u32,
    space: &Space,
    before: Option<&ServiceState>,
    now: Timestamp,
) -> ServiceState {
    let name = service.name.as_str();
    let deployment = space.deployments.get(name);
    let pods: Vec<&PodFacts> = space.pods.values().filter(|p| p.service == name && !p.is_leaving).collect();
    let (word, mut message) = word_of(stage, wanted, deployment, &pods);
    if message.is_empty() && word == ServiceWord::Ready && images_of(&pods).len() > 1 {
        message = format!(
            "its pods run different images: the tag of {} moved; name one that stays, or a digest",
            service.image.as_str()
        );
    }
    let main = || pods.iter().filter(|p| !p.is_init);
    let image = main().map(|p| p.image.clone()).find(|image| !image.is_empty());
    let since = before.filter(|b| b.word == word).map_or(now, |b| b.since);
    ServiceState {
        service: service.name.clone(),
        wanted,
        ready: deployment.map_or(0, |d| d.ready),
        word,
        message,
        image: image.unwrap_or_else(|| service.image.as_str().to_owned()),
        restarts: main().map(|p| p.restarts).sum(),
        since,
    }
}

/// The images that the pods of a service run, where the nodes tell exactly.
fn images_of<'a>(pods: &[&'a PodFacts]) -> BTreeSet<&'a str> {
    pods.iter().filter(|p| !p.is_init).filter_map(|p| digest_of(&p.image)).collect()
}

/// The images that a revision's pods ran, when that is more than was known: only of services all of whose pods are ready
/// and run the same.
pub(super) fn ran(
    services: &[ServiceState],
    space: &Space,
    before: &BTreeMap<Label, String>,
) -> Option<BTreeMap<Label, String>> {
    let mut all = before.clone();
    for state in services.iter().filter(|s| s.wanted > 0 && s.word == ServiceWord::Ready) {
        let name = state.service.as_str();
        let pods: Vec<_> = space.pods.values().filter(|p| p.service == name && !p.is_leaving && !p.is_init).collect();
        let images = images_of(&pods);
        if let (Some(image), 1) = (images.first(), images.len())
            && u32::try_from(pods.len()).is_ok_and(|n| n == state.wanted)
        {
            all.insert(state.service.clone(), (*image).to_owned());
        }
    }
    (all != *before).then_some(all)
}

fn word_of(
    stage: &Stage,
    wanted: u32,
    deployment: Option<&DeploymentFacts>,
    pods: &[&PodFacts],
) -> (ServiceWord, String) {
    let nothing = String::new;
    if wanted == 0 {
        return (ServiceWord::Stopped, nothing());
    }
    let trouble = pods.iter().find_map(|p| p.trouble.as_ref());
    let closing = || (ServiceWord::Closing, "its network is not closed yet".to_owned());
    match stage {
        Stage::InitFailed => {
            let message = trouble.map_or_else(|| "its init step failed".to_owned(), |t| t.message.clone());
            return (ServiceWord::Failing, message);
        }
        // What its pods do says nothing yet: what is wished for was not asked of them.
        Stage::Waiting(on) if !deployment.is_some_and(DeploymentFacts::is_settled) => {
            let names: Vec<_> = on.iter().map(Label::as_str).collect();
            return (ServiceWord::Waiting, format!("waits for {}", names.join(", ")));
        }
        Stage::Initializing if trouble.is_none() => {
            return if pods.iter().any(|p| p.is_closing) { closing() } else { (ServiceWord::Initializing, nothing()) };
        }
        _ => {}
    }
    match (deployment, trouble) {
        (_, Some(Trouble { message, .. })) => (ServiceWord::Failing, message.clone()),
        (Some(d), None) if d.is_settled() => (ServiceWord::Ready, nothing()),
        (Some(d), None) if d.is_late => (ServiceWord::Failing, "it did not become ready in its time".to_owned()),
        _ if pods.iter().any(|p| p.is_closing) => closing(),
        _ if pods.iter().any(|p| p.is_unready && !p.is_init) => {
            (ServiceWord::Starting, "it runs, and has not passed its readiness probe yet".to_owned())
        }
        _ => (ServiceWord::Starting, nothing()),
    }
}

/// What the word is made of.
pub(super) struct Told<'a> {
    pub(super) wish: Wish,
    pub(super) revision: u32,
    pub(super) state: RevisionState,
    pub(super) healthy: Option<u32>,
    pub(super) services: &'a [ServiceState],
    pub(super) findings: &'a Findings,
    pub(super) is_exposed: bool,
    pub(super) now: Timestamp,
}

/// Whether every service is ready.
pub(super) fn is_ready(services: &[ServiceState]) -> bool {
    services.iter().all(|s| s.wanted == 0 || s.word == ServiceWord::Ready)
}

/// What is true of an environment, with the time since which it is.
pub(super) fn conditions(told: &Told<'_>, troubles: &[Trouble], before: &[Condition]) -> Vec<Condition> {
    let mut all = Vec::new();
    let mut add = |kind: ConditionKind, status: Status, reason: &str, message: String| {
        let old = before.iter().find(|c| c.kind == kind && c.status == status);
        let since = old.map_or(told.now, |c| c.since);
        all.push(Condition { kind, status, reason: reason.to_owned(), message, revision: told.revision, since });
    };
    let running = told.wish == Wish::Running;
    match &told.findings.refused {
        Some((reason, message)) => add(ConditionKind::Accepted, Status::False, reason, message.clone()),
        None => add(ConditionKind::Accepted, Status::True, "Accepted", String::new()),
    }
    let open = troubles.iter().find(|t| t.reason == "PolicyNotEnforced" || t.reason == "ProbeUnreachable");
    match open {
        Some(trouble) => {
            add(ConditionKind::NetworkIsolated, Status::False, &trouble.reason, trouble.message.clone());
        }
        None if running && !is_ready(told.services) => {
            add(ConditionKind::NetworkIsolated, Status::Unknown, "Starting", String::new());
        }
        None => add(ConditionKind::NetworkIsolated, Status::True, "Proven", String::new()),
    }
    match &told.findings.unsynced {
        Some((reason, message)) => add(ConditionKind::VariablesSynced, Status::False, reason, message.clone()),
        None => add(ConditionKind::VariablesSynced, Status::True, "Synced", String::new()),
    }
    match &told.findings.data {
        Some((reason, message)) => add(ConditionKind::DataReady, Status::False, reason, message.clone()),
        None => add(ConditionKind::DataReady, Status::True, "Ready", String::new()),
    }
    let waiting = told.services.iter().filter(|s| s.wanted > 0 && s.word != ServiceWord::Ready);
    let waiting: Vec<_> = waiting.map(|s| s.service.as_str()).collect();
    let (status, reason) = match (running, waiting.is_empty()) {
        (false, _) => (Status::False, "Suspended"),
        (true, true) => (Status::True, "Ready"),
        (true, false) => (Status::False, "NotReady"),
    };
    add(ConditionKind::WorkloadsAvailable, status, reason, waiting.join(", "));
    if told.is_exposed {
        let message = "the cluster has no router that would show it outside".to_owned();
        add(ConditionKind::Exposed, Status::False, "RouterMissing", message);
    }
    if told.wish == Wish::Stopped {
        add(ConditionKind::Suspended, Status::True, "Stopped", String::new());
    }
    let failing = told.services.iter().filter(|s| s.word == ServiceWord::Failing);
    let mut failing: Vec<_> = failing.map(|s| format!("{}: {}", s.service.as_str(), s.message)).collect();
    let left = (!told.findings.left.is_empty()).then(|| {
        let names = some_of(&told.findings.left);
        format!("somebody changed {names}; it stays, for the blueprint says `drift: report`")
    });
    if !failing.is_empty() {
        let reason = troubles.first().map_or("Failing", |t| t.reason.as_str());
        failing.extend(left);
        add(ConditionKind::Degraded, Status::True, reason, failing.join("; "));
    } else if let Some(message) = left {
        // Whether it does what the blueprint asks for, nobody can say.
        add(ConditionKind::Degraded, Status::Unknown, "DriftLeft", message);
    } else if !told.findings.corrected.is_empty() {
        let message = format!("somebody had changed {}; it was put right", some_of(&told.findings.corrected));
        add(ConditionKind::Degraded, Status::False, "DriftCorrected", message);
    }
    if told.wish == Wish::Destroyed {
        add(ConditionKind::Terminating, Status::True, "Destroyed", String::new());
    }
    all
}

/// The first of many names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The one word.
pub(super) fn word(told: &Told<'_>, before: Word) -> Word {
    if told.findings.refused.is_some() {
        return Word::Blocked;
    }
    let failing = told.services.iter().any(|s| s.word == ServiceWord::Failing);
    let gone = || told.services.iter().all(|s| s.ready == 0 && s.word == ServiceWord::Stopped);
    match told.wish {
        Wish::Destroyed => Word::Deleting,
        Wish::Stopped if gone() => Word::Stopped,
        Wish::Stopped => Word::Stopping,
        Wish::Running if is_ready(told.services) => Word::Ready,
        Wish::Running if told.state == RevisionState::Failed && told.healthy.is_none() => Word::Failed,
        Wish::Running if failing || told.state == RevisionState::Failed => Word::Degraded,
        // What was ready once and is not any more, with nothing new asked for.
        Wish::Running if told.state == RevisionState::Healthy && before == Word::Degraded => Word::Degraded,
        Wish::Running if before == Word::Waking => Word::Waking,
        Wish::Running => Word::Provisioning,
    }
}

/// Whether any service is to be seen from outside.
pub(super) fn is_exposed<'a>(mut services: impl Iterator<Item = &'a Service>) -> bool {
    services.any(|service| matches!(service.expose, Exposure::Shown(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(word: ServiceWord, wanted: u32) -> ServiceState {
        ServiceState {
            service: Label::parse("api").expect("a label"),
            wanted,
            ready: u32::from(word == ServiceWord::Ready),
            word,
            message: String::new(),
            image: String::new(),
            restarts: 0,
            since: Timestamp::from_micros(0),
        }
    }

    fn word_for(wish: Wish, state: RevisionState, healthy: Option<u32>, services: &[ServiceState]) -> Word {
        let findings = Findings::default();
        let now = Timestamp::from_micros(9);
        let told = Told { wish, revision: 2, state, healthy, services, findings: &findings, is_exposed: false, now };
        word(&told, Word::Queued)
    }

    #[test]
    fn the_word_follows_from_wish_and_services() {
        let rolling = RevisionState::Rolling;
        assert_eq!(word_for(Wish::Running, rolling, None, &[state(ServiceWord::Starting, 1)]), Word::Provisioning);
        assert_eq!(word_for(Wish::Running, rolling, None, &[state(ServiceWord::Ready, 1)]), Word::Ready);
        assert_eq!(word_for(Wish::Running, rolling, Some(1), &[state(ServiceWord::Failing, 1)]), Word::Degraded);
        let failed = RevisionState::Failed;
        assert_eq!(word_for(Wish::Running, failed, None, &[state(ServiceWord::Starting, 1)]), Word::Failed);
        assert_eq!(word_for(Wish::Running, failed, Some(1), &[state(ServiceWord::Starting, 1)]), Word::Degraded);
        assert_eq!(word_for(Wish::Stopped, rolling, None, &[state(ServiceWord::Stopped, 0)]), Word::Stopped);
        let mut leaving = state(ServiceWord::Stopped, 0);
        leaving.ready = 1;
        assert_eq!(word_for(Wish::Stopped, rolling, None, &[leaving]), Word::Stopping);
        assert_eq!(word_for(Wish::Destroyed, rolling, None, &[]), Word::Deleting);
    }

    #[test]
    fn a_condition_keeps_its_time_while_it_stays_true() {
        let findings = Findings::default();
        let services = [state(ServiceWord::Ready, 1)];
        let told = |now| Told {
            wish: Wish::Running,
            revision: 1,
            state: RevisionState::Rolling,
            healthy: None,
            services: &services,
            findings: &findings,
            is_exposed: true,
            now: Timestamp::from_micros(now),
        };
        let first = conditions(&told(1), &[], &[]);
        let second = conditions(&told(2), &[], &first);
        assert_eq!(first, second);
        let exposed = first.iter().find(|c| c.kind == ConditionKind::Exposed).expect("told");
        assert_eq!((exposed.status, exposed.reason.as_str()), (Status::False, "RouterMissing"));
    }

    #[test]
    fn what_ran_is_noted_once_all_pods_run_the_same() {
        let digest = |c: &str| format!("registry.example/api@sha256:{}", c.repeat(64));
        let pod = |image: &str| {
            super::super::facts::pod(&serde_json::json!({
                "metadata": { "labels": { "holdfast.dev/service": "api" } },
                "status": { "containerStatuses": [
                    { "name": "helper", "imageID": digest("9") },
                    { "name": "api", "imageID": image, "ready": true },
                ] },
            }))
            .expect("a pod of a service")
        };
        let space = |images: &[&str]| {
            let pods = images.iter().enumerate().map(|(n, image)| (format!("api-{n}"), pod(image)));
            Space { pods: pods.collect(), ..Space::default() }
        };
        let (one, two) = (digest("1"), digest("2"));
        let ready = [state(ServiceWord::Ready, 2)];
        let noted = ran(&ready, &space(&[&one, &one]), &BTreeMap::new()).expect("something new");
        assert_eq!(noted.values().collect::<Vec<_>>(), [&one]);
        assert_eq!(ran(&ready, &space(&[&one, &one]), &noted), None, "nothing new");
        let none = BTreeMap::new();
        assert_eq!(ran(&ready, &space(&[&one]), &none), None, "one pod is not there yet");
        assert_eq!(ran(&ready, &space(&[&one, &two]), &none), None, "the tag moved between two pulls");
        assert_eq!(ran(&[state(ServiceWord::Starting, 2)], &space(&[&one, &one]), &none), None);
        let pods = space(&[&one, &two]);
        let mixed: Vec<_> = pods.pods.values().collect();
        assert_eq!(images_of(&mixed).len(), 2);
    }

    #[test]
    fn what_somebody_changed_is_told_whether_it_stays_or_not() {
        let services = [state(ServiceWord::Ready, 1)];
        let degraded = |findings: &Findings, services: &[ServiceState]| {
            let told = Told {
                wish: Wish::Running,
                revision: 1,
                state: RevisionState::Healthy,
                healthy: Some(1),
                services,
                findings,
                is_exposed: false,
                now: Timestamp::from_micros(1),
            };
            assert_eq!(word(&told, Word::Ready) == Word::Ready, services[0].word == ServiceWord::Ready);
            conditions(&told, &[], &[]).into_iter().find(|c| c.kind == ConditionKind::Degraded)
        };
        assert_eq!(degraded(&Findings::default(), &services), None);
        let names: Vec<String> = (1..=7).map(|n| format!("Service s{n}")).collect();
        let corrected = Findings { corrected: names.clone(), ..Findings::default() };
        let told = degraded(&corrected, &services).expect("told");
        assert_eq!((told.status, told.reason.as_str()), (Status::False, "DriftCorrected"));
        assert!(told.message.contains("Service s5 and 2 more"), "{}", told.message);
        let left = Findings { left: vec!["Deployment api".to_owned()], ..corrected };
        let told = degraded(&left, &services).expect("told");
        assert_eq!((told.status, told.reason.as_str()), (Status::Unknown, "DriftLeft"));
        assert!(told.message.contains("Deployment api"), "{}", told.message);
        let failing = [state(ServiceWord::Failing, 1)];
        let told = degraded(&left, &failing).expect("told");
        assert!(told.status == Status::True && told.message.contains("Deployment api"), "{}", told.message);
    }
}
