//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod architecture;
mod cli_help;
mod dotenv_differential;
mod policy_matrix;
mod shell_export;
