//! The past as operations show it, against a replay of everything that was written.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{item, now, seen, set, text, write};
use crate::ledger::{self, Outcome};
use crate::op::Op;
use crate::orgs::environment::{EnvironmentUpdate, FlowWish, environment_delete, environment_move, environment_update};
use crate::orgs::testing::{START, World, code};
use crate::policy::BuiltinRole;
use crate::types::{Clock as _, Id, Limit, SecretBytes, Timestamp, kinds};
use crate::vault::model::Visibility;
use crate::vault::secret::{ListSecrets, ReadSecret, Wish, secret_get, secret_list};
use crate::vault::store::VersionState;
use crate::vault::time::Instant;
use crate::vault::uses::Uses;

async fn listed(op: &Op, environment: &str, at: Instant) -> Vec<String> {
    let (project, environment) = ("shop".into(), environment.into());
    let ask = ListSecrets { project, environment, at: Some(at), ..ListSecrets::default() };
    let page = secret_list(op, &ask, Limit::default(), None).await.unwrap();
    page.items.into_iter().filter(|s| s.state == VersionState::Set).map(|s| s.name.to_string()).collect()
}

fn size(world: &World) -> u64 {
    world.core.db.read(ledger::size).unwrap()
}

const ENVIRONMENTS: [&str; 3] = ["base", "staging", "feat"];
const NAMES: [&str; 3] = ["A", "B", "C"];

#[derive(Debug, Clone)]
enum Act {
    Set(usize, usize, u8),
    Unset(usize, usize),
    Delete(usize, usize),
    Move(usize, Option<usize>),
    /// Forward or back, in seconds.
    Clock(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let (environment, name) = (0..ENVIRONMENTS.len(), 0..NAMES.len());
    let act = prop_oneof![
        6 => (environment.clone(), name.clone(), any::<u8>()).prop_map(|(e, n, v)| Act::Set(e, n, v)),
        1 => (environment.clone(), name.clone()).prop_map(|(e, n)| Act::Unset(e, n)),
        2 => (environment.clone(), name).prop_map(|(e, n)| Act::Delete(e, n)),
        2 => (environment.clone(), proptest::option::of(environment)).prop_map(|(e, p)| Act::Move(e, p)),
        4 => (-30_i64..60).prop_map(Act::Clock),
    ];
    proptest::collection::vec(act, 1..30)
}

/// Everything after one change: what a replay up to it makes.
#[derive(Clone)]
struct Frame {
    at: Timestamp,
    /// The place of its event.
    seq: u64,
    secrets: BTreeMap<(usize, usize), Option<u8>>,
    parents: [Option<usize>; 3],
}

impl Frame {
    fn variables(&self, environment: usize) -> Vec<String> {
        let name = |n: usize| {
            let mut next = Some(environment);
            while let Some(e) = next {
                if let Some(stored) = self.secrets.get(&(e, n)) {
                    return stored.map(|v| format!("{}={v}", NAMES[n]));
                }
                next = self.parents[e];
            }
            None
        };
        (0..NAMES.len()).filter_map(name).collect()
    }
}

/// Does it, and says whether it was done.
async fn act(world: &World, op: &Op, frame: &mut Frame, act: &Act) -> bool {
    let put = |e: usize, n: usize, wish| write(op, ENVIRONMENTS[e], vec![item(NAMES[n], wish)]);
    match *act {
        Act::Set(e, n, v) => {
            put(e, n, text(&v.to_string())).await.unwrap();
            frame.secrets.insert((e, n), Some(v));
            true
        }
        Act::Unset(e, n) => {
            put(e, n, Wish::Unset).await.unwrap();
            frame.secrets.insert((e, n), None);
            true
        }
        Act::Delete(e, n) => put(e, n, Wish::Delete).await.is_ok() && frame.secrets.remove(&(e, n)).is_some(),
        Act::Move(e, parent) => {
            let to = parent.map(|p| ENVIRONMENTS[p].to_owned());
            let moved = environment_move(op, "shop".into(), ENVIRONMENTS[e].into(), to, false).await.is_ok();
            // Where it was already: nothing changed, so no moment begins.
            moved && std::mem::replace(&mut frame.parents[e], parent) != parent
        }
        Act::Clock(seconds) => {
            world.clock.set(Timestamp::from_micros(world.clock.now().as_micros() + seconds * 1_000_000));
            false
        }
    }
}

/// Plays the acts, then asks for every moment again.
async fn check(acts: &[Act]) -> Result<(), TestCaseError> {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    let seq = size(&world) - 1;
    let parents = [None, Some(0), Some(1)];
    let mut frames = vec![Frame { at: START, seq, secrets: BTreeMap::new(), parents }];
    for one in acts {
        let mut next = frames.last().unwrap().clone();
        let seq = size(&world);
        if act(&world, &op, &mut next, one).await {
            frames.push(Frame { at: world.clock.now(), seq, ..next });
        }
    }
    world.clock.set(frames.iter().map(|f| f.at).max().unwrap().plus(Duration::from_hours(1)));
    let micro = Duration::from_micros(1);
    let times = frames.iter().flat_map(|f| [f.at.minus(micro), f.at, f.at.plus(micro)]).filter(|t| *t >= START);
    let upto = |t: Timestamp| frames.iter().rfind(|f| f.at <= t).unwrap();
    let after = |n: u64| frames.iter().rfind(|f| f.seq <= n).unwrap();
    let moments = times.map(|t| (Instant::Time(t), upto(t)));
    let moments = moments.chain((seq..size(&world)).map(|n| (Instant::Seq(n), after(n))));
    for (count, (moment, frame)) in moments.collect::<Vec<_>>().into_iter().enumerate() {
        for (e, environment) in ENVIRONMENTS.iter().enumerate() {
            let expected = frame.variables(e);
            let names: Vec<_> = expected.iter().map(|v| v[..1].to_owned()).collect();
            prop_assert_eq!(listed(&op, environment, moment).await, names, "{} at {}", environment, moment);
            // Each read of values waits for the disk: a sample of them.
            if (count + e).is_multiple_of(11) {
                prop_assert_eq!(seen(&op, environment, Some(moment)).await.unwrap(), expected);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_moment_is_the_replay_of_all_writes_up_to_it(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&acts))?;
    }
}

#[tokio::test]
async fn a_clock_set_back_shows_no_mixture() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    set(&op, "base", "A", "first").await;
    world.clock.advance(Duration::from_hours(100));
    set(&op, "base", "A", "from a wrong future").await;
    world.clock.set(START.plus(Duration::from_hours(1)));
    set(&op, "base", "B", "after it was mended").await;
    let at = |hours| Some(Instant::Time(START.plus(Duration::from_hours(hours))));
    assert_eq!(seen(&op, "base", at(0)).await.unwrap(), ["A=first"]);
    assert_eq!(seen(&op, "base", at(1)).await.unwrap(), ["A=from a wrong future", "B=after it was mended"]);
    world.clock.advance(Duration::from_hours(200));
    assert_eq!(seen(&op, "base", at(100)).await.unwrap().len(), 2, "the later write is not taken back");
}

#[tokio::test]
async fn references_of_then_find_values_of_then() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    set(&op, "base", "HOST", "old").await;
    set(&op, "staging", "URL", "pg://${HOST}").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    set(&op, "base", "HOST", "new").await;
    set(&op, "staging", "URL", "${HOST}").await;
    assert_eq!(seen(&op, "feat", Some(then)).await.unwrap(), ["HOST=old", "URL=pg://old"]);
    assert_eq!(seen(&op, "feat", None).await.unwrap(), ["HOST=new", "URL=new"]);
}

fn reveal(environment: &str, name: &str, at: Instant) -> ReadSecret {
    let (project, environment, name) = ("shop".into(), environment.into(), name.into());
    ReadSecret { project, environment, name, reveal: true, at: Some(at), ..ReadSecret::default() }
}

#[tokio::test]
async fn the_past_is_read_with_the_rights_of_today_and_recorded() {
    let world = World::new().await;
    world.shop().await;
    let owner = world.owner();
    set(&owner, "base", "A", "1").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    set(&owner, "base", "A", "2").await;
    let read = secret_get(&owner, &Uses::default(), &reveal("base", "A", then)).await.unwrap();
    assert_eq!((read.view.version, read.value.unwrap().expose().as_slice()), (1, &b"1"[..]));
    let events = world.events("secret.reveal", Outcome::Allowed);
    assert!(events[0].details.contains_key("as_of"), "{:?}", events[0].details);
    seen(&owner, "base", Some(then)).await.unwrap();
    let events = world.events("secret.use", Outcome::Allowed);
    assert!(events[0].details.contains_key("as_of"), "{:?}", events[0].details);
    let viewer = world.op_as(&world.person("vera", &[(BuiltinRole::Viewer, "shop")]).await);
    assert_eq!(code(seen(&viewer, "base", Some(then)).await), "permission_denied");
    assert_eq!(code(secret_get(&viewer, &Uses::default(), &reveal("base", "A", then)).await), "permission_denied");
    assert_eq!(listed(&viewer, "base", then).await, ["A"]);
}

#[tokio::test]
async fn what_was_made_restricted_since_is_restricted_then_too() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    set(&op, "base", "KEY", "1").await;
    set(&op, "base", "URL", "x${KEY}").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    let wish = Wish::Set {
        value: SecretBytes::new(b"2".to_vec()),
        interpolate: false,
        visibility: Some(Visibility::Restricted),
    };
    write(&op, "base", vec![item("KEY", wish)]).await.unwrap();
    assert_eq!(code(seen(&op, "base", Some(then)).await), "variables_withheld");
    for name in ["KEY", "URL"] {
        let read = secret_get(&op, &Uses::default(), &reveal("base", name, then)).await;
        assert_eq!(code(read), "secret_restricted", "{name}");
    }
    write(&op, "base", vec![item("KEY", Wish::Delete)]).await.unwrap();
    assert_eq!(code(seen(&op, "base", Some(then)).await), "variables_withheld", "a deletion loosens nothing");
}

async fn narrow(op: &Op, environment: &str, mode: &str, environments: &[&str]) {
    let environments = environments.iter().map(|e| (*e).to_owned()).collect();
    let flow = Some(FlowWish { mode: mode.into(), environments });
    let change = EnvironmentUpdate { flow, ..EnvironmentUpdate::default() };
    environment_update(op, "shop".into(), environment.into(), change).await.unwrap();
}

#[tokio::test]
async fn the_parents_of_then_give_what_their_flow_of_today_lets_out() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    set(&op, "base", "A", "1").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    environment_move(&op, "shop".into(), "staging".into(), None, false).await.unwrap();
    assert_eq!(seen(&op, "feat", None).await.unwrap(), [""; 0]);
    assert_eq!(seen(&op, "feat", Some(then)).await.unwrap(), ["A=1"]);
    // Listed are the environments beneath `staging` as they hang today: `feat` is, and then is not any more.
    narrow(&op, "base", "listed", &["staging"]).await;
    assert_eq!(seen(&op, "feat", Some(then)).await.unwrap(), ["A=1"]);
    environment_move(&op, "shop".into(), "feat".into(), None, false).await.unwrap();
    assert_eq!(code(seen(&op, "feat", Some(then)).await), "reference_broken");
    assert_eq!(seen(&op, "staging", Some(then)).await.unwrap(), ["A=1"]);
    narrow(&op, "base", "closed", &[]).await;
    assert_eq!(code(seen(&op, "staging", Some(then)).await), "reference_broken");
}

#[tokio::test]
async fn a_parent_that_is_deleted_today_gives_nothing() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    set(&op, "base", "A", "1").await;
    let then = now(&world);
    world.clock.advance(Duration::from_secs(1));
    environment_move(&op, "shop".into(), "staging".into(), None, false).await.unwrap();
    environment_delete(&op, "shop".into(), "base".into(), false).await.unwrap();
    assert_eq!(code(seen(&op, "staging", Some(then)).await), "reference_broken");
    assert_eq!(code(seen(&op, "base", Some(then)).await), "environment_not_found");
}

#[tokio::test]
async fn a_moment_that_is_none_is_refused_by_name() {
    let world = World::new().await;
    world.shop().await;
    let op = world.owner();
    world.clock.advance(Duration::from_secs(1));
    let before = world.clock.now();
    world.clock.advance(Duration::from_secs(1));
    world.environment("shop/late", None).await;
    let refused = |at| {
        let op = op.clone();
        async move { code(seen(&op, "late", Some(at)).await) }
    };
    assert_eq!(refused(Instant::Time(before)).await, "environment_not_found");
    assert_eq!(refused(Instant::Time(START.minus(Duration::from_hours(1)))).await, "environment_not_found");
    assert_eq!(refused(Instant::Time(world.clock.now().plus(Duration::from_micros(1)))).await, "invalid_value");
    assert_eq!(refused(Instant::Seq(size(&world))).await, "invalid_value");
    assert_eq!(refused(Instant::Event(Id::new(START))).await, "invalid_value");
    let elsewhere = world.elsewhere().await;
    let events = world.events_of(Some(elsewhere.organization), "environment.create", Outcome::Allowed);
    let foreign = Id::<kinds::Event>::parse(&events[0].id).unwrap();
    assert_eq!(refused(Instant::Event(foreign)).await, "invalid_value", "an event of others is not there");
    let own = world.events("environment.create", Outcome::Allowed);
    let own = Id::<kinds::Event>::parse(&own[0].id).unwrap();
    assert_eq!(refused(Instant::Event(own)).await, "ok");
    let mut both = reveal("late", "A", Instant::Event(own));
    both.version = Some(1);
    assert_eq!(code(secret_get(&op, &Uses::default(), &both).await), "invalid_value");
}
