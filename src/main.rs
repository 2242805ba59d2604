//! The `holdfast` binary. Everything is in the library; this only starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The TLS library has no provider of its own here. It fails only if one is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    holdfast::cli::main()
}
