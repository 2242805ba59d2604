//! The vault: environments, the secrets in them, and what a program receives.

pub mod format;
