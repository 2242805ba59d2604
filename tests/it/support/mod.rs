//! What end-to-end tests share: the real binary on a fresh data directory, its command line, and a small HTTP client
//! to speak to it.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod browser;
pub(crate) mod cli;
pub(crate) mod data;
pub(crate) mod http;
pub(crate) mod server;
pub(crate) mod smtp;
pub(crate) mod stream;

use std::ffi::OsString;

/// A variable of the machine the tests run on: where tools are, never how a test behaves.
#[expect(clippy::disallowed_methods, reason = "config reads what the server is told; this is the test's own machine")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
