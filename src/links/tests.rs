//! Links over a whole appliance: who may, how often, until when, and what stays behind.

use std::time::Duration;

use super::*;
use crate::keys::link::{PROOF_LEN, SEALED_MIN};
use crate::ledger::Outcome;
use crate::op::{Op, Who};
use crate::orgs::member::member_remove;
use crate::orgs::testing::{START, World, code};
use crate::policy::BuiltinRole;
use crate::types::{Clock as _, Failure as _, Id, Limit, kinds};

const HOUR: Duration = Duration::from_hours(1);
const PROOF: [u8; PROOF_LEN] = [7; PROOF_LEN];

async fn world() -> World {
    World::with_actions(&[ACTIONS]).await
}

fn nobody(world: &World) -> Op {
    world.op(Who::Anonymous)
}

fn job(world: &World) -> Op {
    world.op(Who::Job("expire_links"))
}

async fn made(op: &Op, views: u32, life: Duration) -> Id<kinds::Link> {
    let new = NewLink::parse(vec![1; SEALED_MIN + 5], &PROOF, false, Some(views), Some(life), None, op.now());
    link_create(op, new.unwrap()).await.unwrap().id
}

async fn ends(op: &Op) -> Vec<Option<End>> {
    link_list(op, Limit::default(), None).await.unwrap().items.iter().map(|l| l.end.map(|e| e.1)).collect()
}

#[tokio::test]
async fn the_last_view_takes_the_ciphertext_along() {
    let world = world().await;
    let ada = world.owner();
    let id = made(&ada, 2, HOUR).await;
    for left in [1, 0] {
        assert_eq!(link_get(&nobody(&world), id).await.unwrap().views_left, left + 1, "asking changes nothing");
        let opened = link_open(&nobody(&world), id, &PROOF).await.unwrap();
        assert_eq!((opened.views_left, opened.ciphertext.len()), (left, SEALED_MIN + 5));
    }
    assert_eq!(code(link_open(&nobody(&world), id, &PROOF).await), "link_gone");
    assert_eq!(code(link_get(&nobody(&world), id).await), "link_gone");
    assert_eq!(ends(&ada).await, [Some(End::Opened)]);
    assert_eq!(world.events("link.opened", Outcome::Allowed).len(), 2);
}

#[tokio::test]
async fn wrong_proofs_use_up_no_view_and_the_tenth_ends_the_link() {
    let world = world().await;
    let ada = world.owner();
    let id = made(&ada, 1, HOUR).await;
    for left in (1..TRIES_MAX).rev() {
        let refused = link_open(&nobody(&world), id, &[8; PROOF_LEN]).await.unwrap_err();
        assert!(matches!(refused, LinkError::Wrong { left: l } if l == left), "{refused}");
    }
    assert_eq!(link_get(&nobody(&world), id).await.unwrap().views_left, 1);
    assert_eq!(code(link_open(&nobody(&world), id, &[8; PROOF_LEN]).await), "link_key_wrong");
    assert_eq!(code(link_open(&nobody(&world), id, &PROOF).await), "link_gone", "the right key comes too late");
    assert_eq!(ends(&ada).await, [Some(End::Blocked)]);
    assert_eq!(world.events("link.opened", Outcome::Denied).len(), TRIES_MAX as usize);
    for bad in [&[][..], &[7; PROOF_LEN - 1], &[7; PROOF_LEN + 1]] {
        assert_eq!(code(link_open(&nobody(&world), id, bad).await), "invalid_value");
    }
}

#[tokio::test]
async fn a_proof_is_of_one_link() {
    let world = world().await;
    let ada = world.owner();
    let (one, other) = (made(&ada, 1, HOUR).await, made(&ada, 1, HOUR).await);
    // The same proof, stored for each: neither row says that they are the same.
    let proofs: Vec<Vec<u8>> =
        [one, other].map(|id| ada.core().db.read(|r| store::link_sealed(r, id)).unwrap().1).into();
    assert_ne!(proofs[0], proofs[1]);
    assert!(proofs.iter().all(|p| p != &PROOF));
}

#[tokio::test]
async fn time_ends_a_link_for_good_whatever_the_clock_says_later() {
    let world = world().await;
    let ada = world.owner();
    let (opened_late, swept) = (made(&ada, 1, HOUR).await, made(&ada, 1, HOUR).await);
    world.clock.advance(HOUR);
    assert_eq!(code(link_get(&nobody(&world), opened_late).await), "link_gone");
    assert_eq!(code(link_open(&nobody(&world), opened_late, &PROOF).await), "link_gone");
    assert_eq!(link_expire_due(&job(&world), 10).await.unwrap(), 1, "the other one ended when it was asked for");
    let before = world.clock.now().minus(HOUR);
    world.clock.set(before);
    for id in [opened_late, swept] {
        assert_eq!(
            code(link_open(&nobody(&world), id, &PROOF).await),
            "link_gone",
            "a clock set back gives nothing back"
        );
    }
    assert_eq!(world.events("link.expired", Outcome::Allowed).len(), 2);
    world.clock.set(before.plus(KEPT + HOUR * 2));
    assert_eq!(link_purge(&job(&world), 10).await.unwrap(), 2);
    assert!(ends(&world.owner()).await.is_empty());
}

#[tokio::test]
async fn only_its_maker_takes_a_link_back_and_only_people_make_one() {
    let world = world().await;
    let ada = world.owner();
    let id = made(&ada, 1, HOUR).await;
    let bob = world.person("bob", &[]).await;
    let bob = world.op_as(&bob);
    assert_eq!(code(link_revoke(&bob, id, false).await), "link_not_found");
    assert!(ends(&bob).await.is_empty());
    link_revoke(&ada, id, true).await.unwrap();
    assert_eq!(ends(&ada).await, [None], "a dry run changes nothing");
    assert_eq!(link_revoke(&ada, id, false).await.unwrap().end.unwrap().1, End::Revoked);
    assert_eq!(code(link_open(&nobody(&world), id, &PROOF).await), "link_gone");
    let machine = world.machine("ci", BuiltinRole::Viewer, "").await;
    let machine = world.op_as(&machine);
    let new = NewLink::parse(vec![1; SEALED_MIN], &PROOF, false, None, None, None, machine.now()).unwrap();
    assert_eq!(code(link_create(&machine, new).await), "people_only");
    assert_eq!(code(link_list(&machine, Limit::default(), None).await), "people_only");
    assert_eq!(world.events("link.created", Outcome::Denied).len(), 2);
}

#[tokio::test]
async fn the_links_of_somebody_who_left_open_nothing() {
    let world = world().await;
    let bob = world.person("bob", &[]).await;
    let id = made(&world.op_as(&bob), 1, HOUR).await;
    assert!(link_get(&nobody(&world), id).await.is_ok());
    member_remove(&world.owner(), bob.email.clone(), false).await.unwrap();
    assert_eq!(code(link_get(&nobody(&world), id).await), "link_gone");
    assert_eq!(code(link_open(&nobody(&world), id, &PROOF).await), "link_gone");
}

#[tokio::test]
async fn an_organization_has_so_many_links_and_so_many_bytes_in_them() {
    let world = world().await;
    let ada = world.owner();
    let large = || NewLink::parse(vec![1; 1 << 20], &PROOF, false, None, None, None, ada.now()).unwrap();
    let fit = BYTES_MAX >> 20;
    for _ in 0..fit {
        link_create(&ada, large()).await.unwrap();
    }
    let refused = link_create(&ada, large()).await.unwrap_err();
    assert_eq!((refused.code(), refused.to_string().contains("bytes")), ("limit_reached", true), "{refused}");
    let all = link_list(&ada, Limit::parse(500).unwrap(), None).await.unwrap().items;
    assert_eq!(all.len() as u64, fit);
    link_open(&nobody(&world), all[0].id, &PROOF).await.unwrap();
    link_create(&ada, large()).await.unwrap();
    let other = world.elsewhere().await;
    let other = world.op_as(&other);
    link_create(&other, large()).await.unwrap();
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    let parse = |len, proof: &[u8], views, life, note: &str| {
        NewLink::parse(vec![1; len], proof, true, views, life, Some(note.to_owned()), START).is_ok()
    };
    assert!(parse(SEALED_MIN, &PROOF, None, None, "for Eve"));
    assert!(parse(crate::keys::link::SEALED_MAX, &PROOF, Some(VIEWS_MAX), Some(LIFE_MAX), &"n".repeat(NOTE_MAX)));
    assert!(!parse(SEALED_MIN - 1, &PROOF, None, None, ""));
    assert!(!parse(crate::keys::link::SEALED_MAX + 1, &PROOF, None, None, ""));
    assert!(!parse(SEALED_MIN, &PROOF[1..], None, None, ""));
    assert!(!parse(SEALED_MIN, &PROOF, Some(0), None, ""));
    assert!(!parse(SEALED_MIN, &PROOF, Some(VIEWS_MAX + 1), None, ""));
    assert!(!parse(SEALED_MIN, &PROOF, None, Some(Duration::ZERO), ""));
    assert!(!parse(SEALED_MIN, &PROOF, None, Some(LIFE_MAX + Duration::from_secs(1)), ""));
    assert!(!parse(SEALED_MIN, &PROOF, None, None, "a\nb"));
    assert!(!parse(SEALED_MIN, &PROOF, None, None, &"n".repeat(NOTE_MAX + 1)));
}
