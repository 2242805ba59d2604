//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod architecture;
mod authorization_coverage;
mod cli_help;
mod dotenv_differential;
mod errors;
mod http_api;
mod http_people;
mod openapi;
mod policy_matrix;
mod shell_export;
mod support;
