//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod architecture;
mod cli_help;
mod cli_run;
mod dotenv_differential;
mod faults;
mod http_api;
mod main_job;
mod migrations;
mod openapi;
mod policy_matrix;
mod shell_export;
mod support;
