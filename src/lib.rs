//! Holdfast keeps a team's secrets in a tree of environments, decides who may do what, and proves what happened.
//!
//! Features (`vault`, `orgs`, `auth`, …) hold their model, SQL and operations together. The ways in (`http`,
//! `cli`, later pages and compatibility APIs) are a separate outer layer and hold no rules of their own.
//! Imports go downwards only; ARCHITECTURE.md has the table and `tests/it/architecture.rs` holds it.
#![forbid(unsafe_code)]

pub mod app;
pub mod auth;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod db;
pub mod governance;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod ledger;
pub mod links;
pub mod notify;
pub mod op;
pub mod orgs;
pub mod policy;
pub mod runtime;
pub mod scan;
pub mod telemetry;
pub mod types;
pub mod vault;
