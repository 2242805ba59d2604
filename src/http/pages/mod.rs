//! The web pages: askama templates around the operations every door calls, with htmx where a region suffices.
//!
//! Invariants, and what each one stops:
//! - A page holds no rule and no SQL: what is shown, hidden or refused was decided by the operation.
//! - No script and no style but ours runs (nonce, Trusted Types), and no text becomes markup: templates escape, scripts
//!   write text.
//! - No value is in a page except in the answer to a reveal, which nobody stores; no form shows what was typed as a
//!   value again.
//! - Nothing changes by GET, and a form is taken only from our own pages.
//! - Every page can be read, and its main form sent, without JavaScript.

mod access;
mod account;
mod approvals;
mod arrange;
mod assets;
mod audit;
mod blueprint;
mod care;
mod chosen;
mod clusters;
mod compare;
mod deleted;
mod device;
mod environment;
pub(crate) mod failure;
mod folders;
mod form;
mod frame;
mod governance;
mod guest;
pub(super) mod help;
mod home;
mod import;
mod instance;
mod invite;
mod links;
mod machines;
mod members;
mod new;
mod operate;
mod packed;
mod past;
mod project;
mod running;
mod search;
mod secret;
mod services;
mod settings;
mod show_as;
pub(super) mod sign_in;
mod step_up;
mod switch;
mod theme;
mod ui;
mod visitor;
mod welcome;

use super::api;
use super::routes::{Routes, at};

/// The pages' routes. They are no part of the API, so its document does not list them.
pub(super) fn page_routes(app: &mut Routes) {
    app.service(at("/").get(home::page).done());
    app.service(at("/assets/ui/{file}").get(assets::file).done());
    app.service(at("/setup").get(guest::setup).post(guest::setup_submit).done());
    app.service(at("/welcome").get(welcome::page).done());
    app.service(at("/welcome/recovery-kit").post(welcome::kit).done());
    app.service(at("/welcome/mail-test").post(welcome::mail_test).done());
    app.service(at("/join").get(guest::join).post(guest::join_submit).done());
    app.service(at("/forgot").get(guest::forgot).post(guest::forgot_submit).done());
    app.service(at("/reset").get(guest::reset_form).post(guest::reset_submit).done());
    app.service(at("/email").get(guest::email::page).post(guest::email::submit).done());
    app.service(at("/theme").post(theme::set).done());
    app.service(at("/search").get(search::page).done());
    app.service(at("/new-project").get(new::project).post(new::project_create).done());
    app.service(at("/projects/{project}").get(project::page).done());
    app.service(at("/projects/{project}/settings").get(project::settings::page).post(project::settings::update).done());
    app.service(at("/projects/{project}/delete").post(project::settings::delete).done());
    app.service(at("/projects/{project}/new-environment").get(new::environment).post(new::environment_create).done());
    app.service(at("/members").get(members::page).post(members::add).done());
    app.service(at("/members/{user}/remove").get(members::remove).post(members::removed).done());
    app.service(at("/invite").get(invite::page).post(invite::create).done());
    app.service(at("/invite/{invitation}/revoke").post(invite::revoke).done());
    app.service(at("/machines").get(machines::page).post(machines::create).done());
    app.service(at("/machines/{machine}").get(machines::one).done());
    app.service(at("/machines/{machine}/settings").post(machines::update).done());
    app.service(at("/machines/{machine}/delete").get(machines::delete).post(machines::deleted).done());
    app.service(at("/machines/{machine}/keys").post(machines::key_create).done());
    app.service(at("/machines/{machine}/keys/{key}/revoke").post(machines::key_delete).done());
    app.service(at("/clusters").get(clusters::list).post(clusters::add).done());
    app.service(at("/clusters/{cluster}").get(clusters::page).post(clusters::update).done());
    app.service(at("/clusters/{cluster}/test").post(clusters::test).done());
    app.service(at("/clusters/{cluster}/credential").post(clusters::rotate).done());
    app.service(at("/clusters/{cluster}/remove").post(clusters::remove).done());
    app.service(at("/running").get(running::page).done());
    app.service(at("/expiring").get(care::expiring).done());
    app.service(at("/stale").get(care::stale).done());
    app.service(at("/deleted").get(deleted::page).done());
    app.service(at("/deleted/{deletion}/restore").post(deleted::restore).done());
    app.service(at("/links").get(links::page).post(links::create).done());
    app.service(at("/links/{link}/revoke").post(links::revoke).done());
    app.service(at("/approvals").get(approvals::list).done());
    app.service(at("/approvals/{approval}").get(approvals::one).post(approvals::decide).done());
    app.service(at("/audit").get(audit::list).done());
    app.service(at("/audit/{event}").get(audit::event).done());
    app.service(at("/projects/{project}/compare").get(compare::page).done());
    live_routes(app);
    instance_routes(app);
    account_routes(app);
    environment_routes(app);
    services_routes(app);
    arranging_routes(app);
    runtime_routes(app);
    governance::governance_routes(app);
    governance::usage_routes(app);
}

/// The appliance itself, for its operators.
fn live_routes(app: &mut Routes) {
    app.service(at("/jobs").get(operate::jobs).done());
    app.service(at("/jobs/{job}").get(operate::job).done());
    app.service(at("/jobs/{job}/run").post(operate::job_run).done());
    app.service(at("/health").get(operate::health).post(operate::health_anew).done());
}

/// The instance, for its operators.
fn instance_routes(app: &mut Routes) {
    app.service(at("/instance/users").get(instance::users::list).done());
    app.service(at("/instance/users/{user}").get(instance::users::page).done());
    app.service(at("/instance/users/{user}/disable").post(instance::users::disable).done());
    app.service(at("/instance/users/{user}/enable-passkeys").post(instance::users::passkeys_enable).done());
    app.service(at("/instance/users/{user}/enable").post(instance::users::enable).done());
    app.service(at("/instance/users/{user}/reset-factor").post(instance::users::factor_reset).done());
    app.service(at("/instance/users/{user}/email").post(instance::users::email_links).done());
    app.service(at("/instance/users/{user}/reset-link").post(instance::users::reset_link).done());
    app.service(
        at("/instance/organizations").get(instance::organizations::page).post(instance::organizations::create).done(),
    );
    app.service(at("/instance/organizations/restore").post(instance::organizations::restore).done());
}

/// One's own account, and showing again who one is.
fn account_routes(app: &mut Routes) {
    app.service(at("/account").get(account::page).post(account::rename).done());
    app.service(at("/account/password").post(account::password).done());
    app.service(at("/account/email").post(account::email::change).done());
    app.service(at("/account/email/withdraw").post(account::email::withdraw).done());
    app.service(at("/account/authenticator").post(account::authenticator).done());
    app.service(at("/account/authenticator/confirm").post(account::confirm).done());
    app.service(at("/account/authenticator/remove").post(account::authenticator_remove).done());
    app.service(at("/account/recovery-codes").post(account::recovery_codes).done());
    app.service(at("/account/passkeys").post(api::account::passkey_add).done());
    app.service(at("/account/passkeys/begin").post(api::account::passkey_begin).done());
    app.service(at("/account/passkeys/{passkey}/rename").post(account::passkey_rename).done());
    app.service(at("/account/passkeys/{passkey}/enable").post(account::passkey_enable).done());
    app.service(at("/account/passkeys/{passkey}/remove").post(account::passkey_remove).done());
    app.service(at("/account/sessions").get(account::sessions::page).done());
    app.service(at("/account/sessions/end-others").post(account::sessions::end_others).done());
    app.service(at("/account/sessions/{session}/end").post(account::sessions::end).done());
    app.service(at("/account/tokens").get(account::tokens::page).post(account::tokens::create).done());
    app.service(at("/account/tokens/{token}/revoke").post(account::tokens::revoke).done());
    app.service(at("/account/notices").get(account::notices::page).done());
    app.service(at("/device").get(device::page).post(device::submit).done());
    app.service(at("/step-up").get(step_up::page).post(step_up::submit).done());
    app.service(at("/step-up/passkey/begin").post(api::session::step_up_passkey).done());
    app.service(at("/step-up/passkey").post(step_up::passkey).done());
    app.service(at("/switch").post(switch::set).done());
}

/// Where people work most.
fn environment_routes(app: &mut Routes) {
    app.service(at("/projects/{project}/environments/{environment}").get(environment::page).done());
    app.service(
        at("/projects/{project}/environments/{environment}/import").get(import::page).post(import::submit).done(),
    );
    app.service(at("/projects/{project}/environments/{environment}/selected").post(chosen::submit).done());
    app.service(at("/projects/{project}/environments/{environment}/export").post(import::export).done());
    app.service(at("/projects/{project}/environments/{environment}/history").get(past::page).post(past::revert).done());
    app.service(at("/projects/{project}/environments/{environment}/access").get(access::page).done());
    app.service(
        at("/projects/{project}/environments/{environment}/settings").get(settings::page).post(settings::update).done(),
    );
    app.service(at("/projects/{project}/environments/{environment}/lock").post(settings::lock).done());
    app.service(at("/projects/{project}/environments/{environment}/delete").post(settings::delete).done());
    app.service(
        at("/projects/{project}/environments/{environment}/new-secret").get(secret::fresh).post(secret::create).done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}").get(secret::page).post(secret::save).done(),
    );
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/access").get(secret::access).done());
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/reads").get(secret::reads).done());
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/expiry").post(secret::expire).done());
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/link").get(links::of_secret).done());
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/reveal").post(secret::reveal).done());
    app.service(at("/projects/{project}/environments/{environment}/secrets/{name}/delete").post(secret::delete).done());
    app.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/rollback").post(secret::rollback).done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/secrets/{name}/undelete").post(secret::undelete).done(),
    );
}

/// What runs in an environment.
fn runtime_routes(app: &mut Routes) {
    app.service(
        at("/projects/{project}/environments/{environment}/blueprint")
            .get(blueprint::page)
            .post(blueprint::save)
            .done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/blueprint/versions")
            .get(blueprint::versions::page)
            .post(blueprint::versions::back)
            .done(),
    );
}

/// What runs there now.
fn services_routes(app: &mut Routes) {
    app.service(
        at("/projects/{project}/environments/{environment}/services").get(services::page).post(services::act).done(),
    );
    app.service(at("/projects/{project}/environments/{environment}/services/destroy").post(services::destroy).done());
    app.service(at("/projects/{project}/environments/{environment}/services/quota").post(services::own_quota).done());
    app.service(at("/projects/{project}/environments/{environment}/services/events").get(services::events).done());
    app.service(
        at("/projects/{project}/environments/{environment}/services/{service}/logs").get(services::logs).done(),
    );
}

/// What is arranged in an environment, and with it.
fn arranging_routes(app: &mut Routes) {
    app.service(
        at("/projects/{project}/environments/{environment}/deleted").get(deleted::names).post(deleted::undelete).done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/duplicate")
            .get(arrange::duplicate)
            .post(arrange::duplicated)
            .done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/move")
            .get(arrange::relocate)
            .post(arrange::relocated)
            .done(),
    );
    app.service(
        at("/projects/{project}/environments/{environment}/folders").get(folders::page).post(folders::delete).done(),
    );
}
