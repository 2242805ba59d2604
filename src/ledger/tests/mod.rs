//! The promises of the ledger, on a real file.
