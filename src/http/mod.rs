//! The HTTP door: JSON in, an operation, JSON out. The only place that knows actix-web, bodies and headers.
//!
//! Invariants, and what each one stops:
//! - No rule is here: a handler reads the request, calls one operation and writes its answer. What may be done is
//!   decided where every door passes.
//! - Every request passes one layer (`middleware`) that finds out who asks, counts it, and completes the answer:
//!   no route can forget a header, a limit or the setup gate.
//! - Every failure has one form (RFC 9457) with a stable code; what failed inside goes to the log only.
//! - What is read is read strictly: unknown fields and parameters are errors, bodies are bounded, and no message
//!   repeats what was sent.
//! - An answer with a value is not to be stored by anybody on the way.
//! - SQLite runs in the worker that asks; nothing hops to a blocking pool.
//!
//! - A cookie is believed only with what shows that its owner meant the request (`csrf`), and shows no value by GET.
//!
//! The manual and the page of one-time links are files it serves; `pages` are templates around the same operations. Besides
//! HTTP/1.1 it speaks WebSocket, for what goes both ways (`api/socket.rs`), and deliberately no other protocol; `Host` is looked at for cookies only, because a bearer token cannot be sent by
//! a page of somebody else.

mod api;
mod cookie;
mod csrf;
mod error;
mod extract;
mod help;
mod idempotency;
mod link_page;
mod middleware;
mod openapi;
mod pages;
mod proxy;
mod routes;
mod schema;
pub mod server;
mod sign_in;
mod state;

pub use error::Problem;
pub use openapi::{described as described_document, document, packed as packed_document};
pub use server::{Running, ServerError, start};
pub use state::ServerParts;

use api::secret::{batch, care, history, reach, transfer, usage};
use api::{
    account, audit, deletion, environment, folder, grant, health, instance, job, key, member, organization, policy,
    project, role, scan, secret, service_account, session, setup, team, time, token, user, variables, whoami,
};
use api::{approval, blueprint, link};
use routes::{Routes, at};

use self::api::{
    cluster, condition, device, email, follow, invitation, mail, own_policy, quota, reset, review, runtime,
};

/// Every route. Their order says nothing: words go before names.
fn routes(app: &mut Routes) {
    app.service(at("/healthz").get(health::healthz).done());
    app.under("/api/v1", |v1| {
        secrets(v1);
        arranging(v1);
        own(v1);
        approvals(v1);
        runtimes(v1);
        tree(v1);
        running(v1);
        people(v1);
        ledger(v1);
        appliance(v1);
    });
    app.service(at("/readyz").get(health::readyz).done());
    help::help_routes(app);
    link_page::link_routes(app);
    sign_in::sign_in_routes(app);
    pages::page_routes(app);
}

/// Values, and the names they have.
fn secrets(v1: &mut Routes) {
    // A secret may be called `batch` where any names are allowed: only POST is the batch.
    v1.service(at("/projects/{project}/environments/{environment}/secrets/batch").post(batch::batch).only());
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}")
            .get(secret::get)
            .put(secret::put)
            .delete(secret::delete)
            .done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/secrets/{name}/reveal").post(secret::reveal).done());
    v1.service(at("/projects/{project}/environments/{environment}/variables").get(variables::get).done());
    v1.service(at("/projects/{project}/environments/{environment}/secrets").get(secret::list).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/history").get(history::history).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/rollback").post(history::rollback).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/undelete").post(history::undelete).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/accesses").get(audit::accesses).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/import").post(batch::import).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/folders")
            .get(folder::list)
            .post(folder::create)
            .delete(folder::delete)
            .done(),
    );
    v1.service(at("/scan/candidates").post(scan::candidates).done());
    v1.service(at("/scan/matches").post(scan::matches).done());
    v1.service(at("/projects/{project}/environments/{environment}/folders/undelete").post(time::undelete).done());
    v1.service(at("/projects/{project}/environments/{environment}/diff").get(time::diff).done());
    v1.service(at("/projects/{project}/environments/{environment}/revert").post(time::revert).done());
    v1.service(at("/projects/{project}/search").get(folder::search).done());
}

/// Secrets put in order: copied, moved, renamed, and found again.
fn arranging(v1: &mut Routes) {
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/copy").post(transfer::secret_copy).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/move").post(transfer::secret_move).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/transfer").post(transfer::secrets_transfer).done());
    v1.service(at("/projects/{project}/environments/{environment}/folders/copy").post(transfer::folder_copy).done());
    v1.service(at("/projects/{project}/environments/{environment}/folders/move").post(transfer::folder_move).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/usage").get(usage::secret_usage).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/access").get(reach::secret_access).done(),
    );
    v1.service(at("/projects/{project}/compare").get(environment::arrange::compare).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/duplicate").post(environment::arrange::duplicate).done(),
    );
    v1.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/expiry")
            .get(care::expiry_get)
            .put(care::expiry_put)
            .done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/edit").post(care::edit).done());
    v1.service(at("/secrets/stale").get(care::stale).done());
    v1.service(at("/secrets/expiring").get(care::expiring).done());
    v1.service(at("/values/lookup").post(usage::value_lookup).done());
    v1.service(at("/search").get(folder::search_all).done());
}

/// What runs in environments.
fn runtimes(v1: &mut Routes) {
    v1.service(
        at("/projects/{project}/environments/{environment}/blueprint").get(blueprint::get).put(blueprint::put).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/blueprint/versions").get(blueprint::versions).done());
    v1.service(at("/projects/{project}/environments/{environment}/blueprint/diff").get(blueprint::diff).done());
}

/// What waits for others.
fn approvals(v1: &mut Routes) {
    v1.service(
        at("/projects/{project}/environments/{environment}/approval-rules")
            .get(approval::rule_list)
            .put(approval::rule_set)
            .delete(approval::rule_remove)
            .done(),
    );
    v1.service(at("/approval-rules").get(approval::organization_rule_list).done());
    v1.service(
        at("/approval-rules/{act}")
            .put(approval::organization_rule_set)
            .delete(approval::organization_rule_remove)
            .done(),
    );
    v1.service(at("/approvals").get(approval::list).done());
    v1.service(at("/approvals/{approval}").get(approval::get).done());
    v1.service(at("/approvals/{approval}/approve").post(approval::approve).done());
    v1.service(at("/approvals/{approval}/reject").post(approval::reject).done());
    v1.service(at("/approvals/{approval}/withdraw").post(approval::withdraw).done());
    v1.service(at("/approvals/{approval}/override").post(approval::pass).done());
    v1.service(at("/approvals/{approval}/comments").post(approval::comment).done());
}

/// Whoever asks: signing in, tokens, what this is.
fn own(v1: &mut Routes) {
    v1.service(at("/setup").post(setup::setup).done());
    v1.service(at("/whoami").get(whoami::whoami).done());
    v1.service(at("/sessions").get(session::list).post(session::create).delete(session::end_others).done());
    v1.service(at("/sessions/current").delete(session::delete).done());
    v1.service(at("/password-resets").post(reset::request).done());
    v1.service(at("/password-resets/complete").post(reset::complete).done());
    v1.service(at("/invitations/offer").post(invitation::offer).done());
    v1.service(at("/invitations/accept").post(invitation::accept).done());
    v1.service(at("/sessions/refresh").post(session::refresh).done());
    v1.service(at("/sessions/{session}").delete(session::end_one).done());
    v1.service(at("/sessions/current/step-up").post(session::step_up).done());
    v1.service(at("/sessions/current/step-up/passkey").post(session::step_up_passkey).done());
    v1.service(at("/account").get(account::get).patch(account::rename).done());
    v1.service(at("/account/email").get(email::get).post(email::change).delete(email::withdraw).done());
    v1.service(at("/email-changes/offer").post(email::offer).done());
    v1.service(at("/email-changes/confirm").post(email::confirm).done());
    v1.service(at("/email-changes/cancel").post(email::cancel).done());
    v1.service(at("/account/notices").get(account::notices).done());
    v1.service(at("/account/factors").get(account::factors).done());
    v1.service(
        at("/account/factors/authenticator")
            .post(account::authenticator_begin)
            .delete(account::authenticator_remove)
            .done(),
    );
    v1.service(at("/account/factors/authenticator/confirm").post(account::authenticator_confirm).done());
    v1.service(at("/account/factors/recovery-codes").post(account::recovery_codes).done());
    v1.service(at("/account/passkeys").get(account::passkeys).post(account::passkey_add).done());
    v1.service(at("/account/passkeys/begin").post(account::passkey_begin).done());
    v1.service(at("/account/passkeys/{passkey}").patch(account::passkey_rename).delete(account::passkey_remove).done());
    v1.service(at("/account/passkeys/{passkey}/enable").post(account::passkey_enable).done());
    v1.service(at("/device/authorize").post(device::authorize).done());
    v1.service(at("/device/token").post(device::token).done());
    v1.service(at("/device/lookup").post(device::lookup).done());
    v1.service(at("/device/approve").post(device::approve).done());
    v1.service(at("/device/deny").post(device::deny).done());
    v1.service(at("/account/password").put(account::password).done());
    v1.service(at("/tokens").get(token::list).post(token::create).done());
    v1.service(at("/tokens/{token}").delete(token::delete).done());
    v1.service(at("/links").get(link::list).post(link::create).done());
    v1.service(at("/links/{link}").get(link::get).delete(link::delete).done());
    v1.service(at("/links/{link}/open").post(link::open).done());
    v1.service(at("/openapi.json").get(openapi::serve).done());
    v1.service(at("/blueprint-schema").get(blueprint::schema).done());
}

/// Organizations, projects and environments, and what was deleted of them.
fn tree(v1: &mut Routes) {
    v1.service(at("/organizations").get(organization::list).post(organization::create).done());
    v1.service(
        at("/organizations/{organization}")
            .get(organization::get)
            .patch(organization::update)
            .delete(organization::delete)
            .done(),
    );
    v1.service(
        at("/organizations/{organization}/security")
            .get(organization::security_get)
            .put(organization::security_set)
            .done(),
    );
    v1.service(at("/organizations/{organization}/transfer").post(organization::transfer).done());
    v1.service(at("/organizations/{organization}/restore").post(organization::restore).done());

    v1.service(at("/projects").get(project::list).post(project::create).done());
    v1.service(at("/projects/{project}").get(project::get).patch(project::update).delete(project::delete).done());
    v1.service(at("/projects/{project}/restore").post(project::restore).done());

    v1.service(at("/projects/{project}/environments").get(environment::list).post(environment::create).done());
    v1.service(
        at("/projects/{project}/environments/{environment}")
            .get(environment::get)
            .patch(environment::update)
            .delete(environment::delete)
            .done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/lock").post(environment::lock).done());
    v1.service(at("/projects/{project}/environments/{environment}/unlock").post(environment::unlock).done());
    v1.service(at("/projects/{project}/environments/{environment}/move").post(environment::relocate).done());
    v1.service(at("/projects/{project}/environments/{environment}/restore").post(environment::restore).done());

    v1.service(at("/deletions").get(deletion::list).done());
    v1.service(at("/deletions/{deletion}/restore").post(deletion::restore).done());
}

/// What runs.
fn running(v1: &mut Routes) {
    v1.service(at("/runtimes").get(runtime::list).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/runtime").get(runtime::get).delete(runtime::destroy).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/runtime/follow").get(runtime::follow).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/deploy").post(runtime::deploy).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/plan").post(runtime::plan).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/stop").post(runtime::stop).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/resume").post(runtime::resume).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/retry").post(runtime::retry).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/restart").post(runtime::restart).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/scale").post(runtime::scale).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/rollback").post(runtime::rollback).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/extend").post(runtime::extend).done());
    v1.service(at("/quota").get(quota::get).put(quota::set).done());
    v1.service(at("/prices").get(quota::prices_get).put(quota::prices_set).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/quota").get(quota::own_get).put(quota::own_set).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/runtime/revisions").get(runtime::revisions).done());
    v1.service(at("/projects/{project}/environments/{environment}/runtime/events").get(runtime::events).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/runtime/services/{service}/logs").get(runtime::logs).done(),
    );
    v1.service(at("/projects/{project}/environments/{environment}/runtime/exec").get(runtime::exec).done());
    v1.service(
        at("/projects/{project}/environments/{environment}/runtime/port-forward").get(runtime::port_forward).done(),
    );
}

/// Who may do what.
fn people(v1: &mut Routes) {
    v1.service(at("/members").get(member::list).post(member::create).done());
    v1.service(at("/invitations").get(invitation::list).post(invitation::create).done());
    v1.service(at("/invitations/{invitation}").delete(invitation::delete).done());
    v1.service(at("/members/{user}").get(member::get).delete(member::delete).done());
    v1.service(at("/service-accounts").get(service_account::list).post(service_account::create).done());
    v1.service(
        at("/service-accounts/{service_account}")
            .get(service_account::get)
            .patch(service_account::update)
            .delete(service_account::delete)
            .done(),
    );
    v1.service(
        at("/service-accounts/{service_account}/keys")
            .get(service_account::key_list)
            .post(service_account::key_create)
            .done(),
    );
    v1.service(at("/service-accounts/{service_account}/keys/{key}").delete(service_account::key_delete).done());
    v1.service(at("/grants").get(grant::list).post(grant::create).done());
    v1.service(at("/grants/{grant}").delete(grant::delete).done());
    v1.service(at("/roles").get(role::list).post(role::create).done());
    v1.service(at("/roles/{role}").get(role::get).patch(role::update).delete(role::delete).done());
    v1.service(at("/teams").get(team::list).post(team::create).done());
    v1.service(at("/teams/{team}").get(team::get).patch(team::update).delete(team::delete).done());
    v1.service(at("/teams/{team}/members").post(team::member_add).done());
    v1.service(at("/teams/{team}/members/{member}").delete(team::member_remove).done());
    v1.service(at("/clusters").get(cluster::list).post(cluster::create).done());
    v1.service(at("/clusters/{cluster}").get(cluster::get).patch(cluster::update).delete(cluster::delete).done());
    v1.service(at("/clusters/{cluster}/credential").put(cluster::credential).done());
    v1.service(at("/clusters/{cluster}/test").post(cluster::test).done());
    v1.service(at("/cluster-manifest").get(cluster::manifest).done());
    v1.service(at("/policies").get(own_policy::list).done());
    v1.service(at("/policies/{policy}").get(own_policy::get).put(own_policy::put).delete(own_policy::delete).done());
    v1.service(at("/policies/{policy}/versions").get(own_policy::versions).done());
    v1.service(at("/policies/{policy}/diff").get(own_policy::diff).done());
    v1.service(at("/policies/{policy}/rollback").post(own_policy::rollback).done());
    v1.service(at("/policy/simulate").post(own_policy::simulate).done());
    v1.service(at("/policy/templates").get(own_policy::templates).done());
    v1.service(at("/policy/schema").get(own_policy::schema).done());
    v1.service(at("/policy/evaluate").post(policy::evaluate).done());
    v1.service(at("/access/review").get(review::review).done());
    v1.service(at("/access/reach").get(review::reach).done());
    v1.service(at("/access/unused").get(review::unused).done());
    v1.service(at("/access/matrix").get(policy::matrix).done());
}

/// What happened.
fn ledger(v1: &mut Routes) {
    v1.service(at("/audit/events").get(audit::list).done());
    v1.service(at("/audit/events/stream").get(follow::follow).done());
    v1.service(at("/audit/events/{event}").get(audit::get).done());
    v1.service(at("/audit/events/{event}/proof").get(audit::proof).done());
    v1.service(at("/audit/export").get(audit::export).done());
    v1.service(at("/audit/checkpoint").get(audit::checkpoint).done());
    v1.service(at("/audit/verify").post(audit::verify).done());
}

/// The appliance itself.
fn appliance(v1: &mut Routes) {
    v1.service(at("/instance").get(instance::get).done());
    v1.service(at("/instance/users").get(user::list).done());
    v1.service(at("/instance/users/{account}/enable-passkeys").post(user::enable_passkeys).done());
    v1.service(at("/instance/users/{account}/disable").post(user::disable).done());
    v1.service(at("/instance/users/{account}/reset-factor").post(user::reset_factor).done());
    v1.service(at("/instance/users/{account}/enable").post(user::enable).done());
    v1.service(at("/instance/recovery-kit").post(instance::recovery_kit).done());
    v1.service(at("/instance/health").get(condition::get).done());
    v1.service(at("/instance/health/check").post(condition::check).done());
    v1.service(at("/instance/mail").get(mail::get).done());
    v1.service(at("/instance/mail/test").post(mail::test).done());
    v1.service(at("/instance/password-resets").post(reset::link).done());
    v1.service(at("/instance/email-changes").post(email::links).done());
    v1.service(at("/keys").get(key::list).done());
    v1.service(at("/keys/rotate").post(key::rotate).done());
    v1.service(at("/keys/rotation").get(key::rotation).done());
    v1.service(at("/keys/rotation/pause").post(key::pause).done());
    v1.service(at("/keys/rotation/resume").post(key::resume).done());
    v1.service(at("/keys/verification").get(key::verify).done());
    v1.service(at("/instance/keys").get(key::instance_list).done());
    v1.service(at("/instance/root-key/rotate").post(key::rotate_root).done());
    v1.service(at("/instance/root-key/retire").post(key::retire_root).done());
    v1.service(at("/jobs").get(job::list).done());
    v1.service(at("/jobs/{job}/history").get(job::history).done());
    v1.service(at("/jobs/{job}/run").post(job::run).done());
}
