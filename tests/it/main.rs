//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod cli_help;
mod architecture;
mod dotenv_differential;
mod policy_matrix;
mod shell_export;
