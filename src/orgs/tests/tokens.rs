//! Signing in, one's own tokens, and what ends them.

use std::time::Duration;

use crate::auth::Cidrs;
use crate::auth::credential::Wishes;
use crate::auth::password::Passwords;
use crate::ledger::Outcome;
use crate::op::{Op, Who};
use crate::orgs::OrgError;
use crate::orgs::access::Sessions;
use crate::orgs::project::{ProjectCreate, project_create, project_list};
use crate::orgs::session::{Gives, SignIn, SignedIn, session_end, session_end_one, sign_in as sign_in_with};
use crate::orgs::testing::{PASSWORD, START, World, code, passwords, secret, slug};
use crate::orgs::token::{credential_expire_due, token_create, token_list, token_revoke};
use crate::policy::BuiltinRole::{Admin, Viewer};
use crate::types::{Clock as _, Email, Id, Limit, kinds};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

fn wishes(life: Option<Duration>, cidrs: &[&str]) -> Wishes {
    let cidrs = Cidrs::parse(cidrs).unwrap();
    Wishes { name: "ci".into(), expires_at: life.map(|l| START.plus(l)), cidrs, stepped_up: None }
}

async fn sign_in(
    world: &World,
    passwords: &Passwords,
    email: &str,
    password: &str,
    organization: Option<&str>,
) -> Result<SignedIn, OrgError> {
    let wish = SignIn {
        email: Email::parse(email).unwrap(),
        password: secret(password),
        code: None,
        organization: organization.map(str::to_owned),
        gives: Gives::Token { name: None, life: Some(Duration::from_hours(30 * 24)) },
    };
    sign_in_with(&world.op(Who::Anonymous), passwords, wish).await
}

async fn project(op: &Op, name: &str) -> Result<(), OrgError> {
    project_create(op, ProjectCreate { slug: slug(name), name: None, description: None }).await.map(drop)
}

#[tokio::test]
async fn whatever_is_wrong_costs_one_computation_and_one_event_and_is_answered_alike() {
    let world = World::new().await;
    world.clock.advance(HOUR);
    let other = world.elsewhere().await;
    world.person("bob", &[]).await;
    let own = Passwords::new().unwrap();
    let tries = [
        ("nobody@example.com", PASSWORD, None),
        ("ada@example.com", "wrong password", None),
        ("ada@example.com", PASSWORD, Some("initech")),
        ("bob@example.com", PASSWORD, None),
        ("bob@example.com", PASSWORD, Some("globex")),
    ];
    for (done, (email, password, organization)) in tries.into_iter().enumerate() {
        let Err(error) = sign_in(&world, &own, email, password, organization).await else { panic!("{email}") };
        assert_eq!(error.to_string(), "the e-mail address or the password is wrong");
        assert_eq!(own.computed(), done as u64 + 1, "{email} {organization:?}");
    }
    let ours = world.events("session.failed", Outcome::Denied);
    let unknown = world.events_of(None, "session.failed", Outcome::Denied);
    let theirs = world.events_of(Some(other.organization), "session.failed", Outcome::Denied);
    assert_eq!((ours.len(), unknown.len(), theirs.len()), (2, 3, 0));
    assert_eq!(unknown[2].personal.as_ref().unwrap().text.as_deref(), Some("nobody@example.com"));
}

#[tokio::test]
async fn signing_in_is_fresh_for_ten_minutes_and_lasts_thirty_days() {
    let world = World::new().await;
    let own = Passwords::new().unwrap();
    let signed = sign_in(&world, &own, "Ada@Example.com", PASSWORD, None).await.unwrap();
    assert_eq!(own.computed(), 1);
    let token = signed.minted.token;
    let op = || world.op_with(&token, None);
    assert!(op().unwrap().require_step_up().is_ok());
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(code(op().unwrap().require_step_up()), "step_up_required");
    assert_eq!(world.events("session.created", Outcome::Allowed).len(), 1);
    world.clock.set(START.plus(DAY * 30).minus(Duration::from_micros(1)));
    assert!(op().is_ok());
    world.clock.set(START.plus(DAY * 30));
    assert_eq!(code(op().map(drop)), "token_expired");
}

#[tokio::test]
async fn signing_out_ends_this_token_and_no_other() {
    let world = World::new().await;
    let fresh = world.fresh(&world.owner).await;
    session_end(&world.op_as(&fresh)).await.unwrap();
    assert_eq!(code(world.op_with(&fresh.token, None).map(drop)), "token_invalid");
    assert!(world.op_with(&world.owner.token, None).is_ok());
    assert_eq!(world.events("session.ended", Outcome::Allowed).len(), 1);
}

#[tokio::test]
async fn what_was_revoked_between_the_check_and_the_commit_does_nothing() {
    let world = World::new().await;
    let ann = world.person("ann", &[(Admin, "")]).await;
    let begun = world.op_as(&ann);
    assert_eq!(code(project(&begun, "early").await), "ok");
    let own = token_list(&begun, Limit::default(), None).await.unwrap().items;
    token_revoke(&world.op_as(&ann), own[0].0.id, false).await.unwrap();
    assert_eq!(code(project(&begun, "late").await), "token_invalid");
    assert_eq!(code(token_create(&begun, wishes(None, &[])).await), "token_invalid");
    assert_eq!(code(token_list(&begun, Limit::default(), None).await), "token_invalid");
    let projects = project_list(&world.owner(), Limit::default(), None).await.unwrap().items;
    assert_eq!(projects.iter().map(|p| p.slug.as_str()).collect::<Vec<_>>(), ["early"]);
}

#[tokio::test]
async fn a_token_mints_nothing_wider_than_itself() {
    let world = World::new().await;
    let bob = world.person("bob", &[]).await;
    let minted = world.mint(bob.id, |new| {
        new.expires_at = Some(START.plus(DAY));
        new.cidrs = Cidrs::parse(&["10.0.0.0/8"]).unwrap();
        new.stepped_up_until = Some(START.plus(DAY * 3));
    });
    let token = minted.await.token;
    let op = world.op_with(&token, Some("10.1.2.3".parse().unwrap())).unwrap();
    assert_eq!(code(token_create(&op, wishes(Some(DAY * 2), &[])).await), "invalid_value");
    assert_eq!(code(token_create(&op, wishes(None, &["0.0.0.0/0"])).await), "invalid_value");
    let stepped_up = Wishes { stepped_up: Some(DAY * 2), ..wishes(None, &[]) };
    let made = token_create(&op, stepped_up).await.unwrap().credential;
    assert_eq!(made.expires_at, Some(START.plus(DAY)));
    assert_eq!(made.cidrs.to_texts(), ["10.0.0.0/8"]);
    assert_eq!(made.stepped_up_until, Some(START.plus(DAY)));
    let made = token_create(&op, wishes(None, &[])).await.unwrap().credential;
    assert_eq!(made.stepped_up_until, None, "it was not asked to be");
    let made = token_create(&op, wishes(Some(HOUR), &["10.1.0.0/16"])).await.unwrap().credential;
    assert_eq!((made.expires_at, made.cidrs.to_texts()), (Some(START.plus(HOUR)), vec!["10.1.0.0/16".to_owned()]));
}

#[tokio::test]
async fn a_token_is_as_fresh_as_it_was_asked_to_be_and_a_stale_sign_in_mints_none() {
    let world = World::new().await;
    let bob = world.person("bob", &[]).await;
    let fresh = world.fresh(&bob).await;
    world.clock.advance(HOUR / 2);
    let stepped_up = || Wishes { stepped_up: Some(DAY), ..wishes(None, &[]) };
    let made = token_create(&world.op_as(&fresh), stepped_up()).await.unwrap();
    assert_eq!(made.credential.stepped_up_until, Some(START.plus(HOUR)));
    let made = token_create(&world.op_as(&fresh), wishes(None, &[])).await.unwrap();
    assert_eq!(made.credential.stepped_up_until, None);
    world.clock.advance(HOUR);
    assert_eq!(code(token_create(&world.op_as(&fresh), stepped_up()).await), "step_up_required");
}

#[tokio::test]
async fn a_service_account_has_no_personal_tokens_and_its_try_is_recorded() {
    let world = World::new().await;
    let ci = world.machine("ci", Viewer, "").await;
    assert_eq!(code(token_create(&world.op_as(&ci), wishes(None, &[])).await), "people_only");
    assert_eq!(world.events("token.created", Outcome::Denied)[0].actor.id, ci.id.to_string());
}

#[tokio::test]
async fn only_ones_own_tokens_are_there() {
    let world = World::new().await;
    let other = world.elsewhere().await;
    let bob = world.person("bob", &[]).await;
    let own = token_list(&world.op_as(&bob), Limit::default(), None).await.unwrap().items;
    assert_eq!(own.len(), 1);
    assert_eq!(code(token_revoke(&world.owner(), own[0].0.id, false).await), "not_found");
    let ada = token_list(&world.owner(), Limit::default(), None).await.unwrap().items[0].0.id;
    assert_eq!(code(token_revoke(&world.op_as(&other), ada, false).await), "not_found");
    assert_eq!(code(token_revoke(&world.owner(), ada, true).await), "ok");
    assert!(world.op_with(&world.owner.token, None).is_ok());
}

#[tokio::test]
async fn a_token_works_from_its_networks_only() {
    let world = World::new().await;
    let bob = world.person("bob", &[]).await;
    let narrow = world.mint(bob.id, |new| new.cidrs = Cidrs::parse(&["10.0.0.0/8", "2001:db8::/32"]).unwrap());
    let token = narrow.await.token;
    let from = |address: &str| code(world.op_with(&token, Some(address.parse().unwrap())).map(drop));
    assert_eq!((from("10.9.9.9"), from("::ffff:10.9.9.9"), from("2001:db8::1")), ("ok", "ok", "ok"));
    assert_eq!((from("11.0.0.1"), from("2001:db9::1")), ("token_address_not_allowed", "token_address_not_allowed"));
    assert_eq!(code(world.op_with(&token, None).map(drop)), "token_address_not_allowed");
}

#[tokio::test]
async fn the_job_voids_what_is_over_and_says_so_once() {
    let world = World::new().await;
    let bob = world.person("bob", &[]).await;
    let token = world.mint(bob.id, |new| new.expires_at = Some(START.plus(HOUR))).await.token;
    let job = world.op(Who::Job("expire_tokens"));
    assert_eq!(credential_expire_due(&job, 100).await.unwrap(), 0);
    world.clock.advance(HOUR);
    assert_eq!(code(world.op_with(&token, None).map(drop)), "token_expired");
    assert_eq!(credential_expire_due(&job, 100).await.unwrap(), 1);
    assert_eq!(credential_expire_due(&job, 100).await.unwrap(), 0);
    assert_eq!(code(world.op_with(&token, None).map(drop)), "token_expired");
    let events = world.events_of(None, "job.expire_tokens", Outcome::Allowed);
    assert_eq!(events.iter().map(|e| e.details["expired"].as_u64().unwrap()).collect::<Vec<_>>(), [1]);
    assert!(world.op_with(&bob.token, None).is_ok());
}

#[tokio::test]
async fn a_use_is_news_once_a_minute() {
    let world = World::new().await;
    let bob = world.person("bob", &[]).await;
    let check = || {
        let core = &world.core;
        world.sessions.check(&core.db, &core.keyring, &bob.token, None, world.clock.now()).unwrap()
    };
    let first = check();
    assert!(first.note && !check().note);
    Sessions::note_use(&world.core.db, &first, "::ffff:192.0.2.7".parse().unwrap(), START).await.unwrap();
    let own = token_list(&world.op_as(&bob), Limit::default(), None).await.unwrap().items;
    assert_eq!(own[0].1, Some((START, "192.0.2.7".to_owned())));
    world.clock.advance(Duration::from_mins(1));
    assert!(check().note);
}

fn browser(previous: Option<Id<kinds::Credential>>) -> Gives {
    Gives::Session { life: Duration::from_hours(24), previous }
}

#[tokio::test]
async fn a_session_that_ended_in_between_does_nothing_more() {
    let world = World::new().await;
    let (core, now) = (&world.core, world.clock.now());
    let wish = SignIn {
        email: Email::parse("ada@example.com").unwrap(),
        password: secret(PASSWORD),
        code: None,
        organization: None,
        gives: browser(None),
    };
    let signed_in = sign_in_with(&world.op(Who::Anonymous), passwords(), wish).await.unwrap();
    let (token, id) = (signed_in.minted.token, signed_in.minted.credential.id);
    let check =
        |wanted: Option<&str>| world.sessions.check_cookie(&core.db, &core.keyring, &token, (wanted, true), now);
    let op = world.op(Who::Known(check(None).unwrap().identity));
    let elsewhere = world.elsewhere().await;
    let away = world.op(Who::Known(check(Some("globex")).unwrap().identity));
    assert_eq!(away.organization().unwrap(), elsewhere.organization);
    assert_eq!(code(project(&away, "before").await), "ok");
    // The request was let in; what it is about to do finds the session gone in its own transaction.
    session_end_one(&world.owner(), id, false).await.unwrap();
    assert_eq!(code(project(&op, "after").await), "token_invalid");
    assert_eq!(code(project(&away, "after").await), "token_invalid");
    assert_eq!(code(check(None)), "session_ended");
    assert_eq!(code(world.op_with(&token, None)), "token_invalid", "a cookie's token is no bearer token");
}
