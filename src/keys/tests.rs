//! Promises of the keyring on a real file.
