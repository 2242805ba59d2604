//! Says what to do where the pages' styles and scripts were not built. It builds nothing and fetches nothing.

use std::path::Path;

const BUILT: &[&str] = &["app.css", "app.js", "passkey.js", "icons.svg"];

fn main() {
    fold();
    let dist = Path::new("assets/dist");
    println!("cargo::rerun-if-changed=assets/dist");
    println!("cargo::rerun-if-changed=templates");
    let passwords = Path::new("assets/built/common-passwords.bin");
    println!("cargo::rerun-if-changed=assets/built");
    if !passwords.is_file() || BUILT.iter().any(|name| !dist.join(name).is_file()) {
        println!("cargo::error=assets/dist is not built: run `make assets` first (it needs Node 20 and npm)");
    }
}

/// A release holds functions that compile to the same bytes once.
fn fold() {
    #[expect(clippy::disallowed_methods, reason = "cargo tells a build script everything this way")]
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    // Rust's own linker, which is what links for this target, can; others may not know the word.
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
