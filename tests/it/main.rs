//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod dotenv_differential;
mod shell_export;
