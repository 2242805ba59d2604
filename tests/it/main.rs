//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod architecture;
mod arranging;
mod authorization_coverage;
mod cli_help;
mod cli_run;
mod dotenv_differential;
mod errors;
mod faults;
mod format_differential;
mod formats;
mod http_api;
mod http_appliance;
mod http_people;
mod importers;
mod link_page;
mod links;
mod main_job;
mod migrations;
mod openapi;
mod operating;
mod policy_matrix;
mod schemathesis;
mod shell_export;
mod support;
mod time_travel;
