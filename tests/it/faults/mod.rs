//! Bad input and faults: a clear error, and nothing lost. One module for each kind of trouble.

mod clock;
mod crash;
mod input;
mod rollback;
mod start;
mod tamper;
mod tokens;
mod tree;
mod writes;

use crate::support::api::Api;
use crate::support::app::TestApp;
use crate::support::server::Server;
use serde_json::json;

/// A server with its owner and `shop/staging`.
fn shop() -> (Server, Api) {
    let server = Server::start();
    let owner = Api::new(server.base(), &server.set_up());
    owner.project("shop");
    owner.environment("shop/staging", json!({}));
    (server, owner)
}

/// An appliance in this process, whose clock the test moves, and its owner.
fn in_process() -> (TestApp, Api) {
    let app = TestApp::start();
    let owner = Api::new(&app.base, &app.owner().token);
    (app, owner)
}
