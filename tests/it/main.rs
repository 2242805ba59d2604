//! The one integration binary: one module per subject, one `TestApp` with verbs.

mod cli_help;
