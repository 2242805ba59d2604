//! Says what to do where the pages' styles and scripts were not built. It builds nothing and fetches nothing.

use std::path::Path;

const BUILT: &[&str] = &["app.css", "app.js", "passkey.js", "icons.svg"];

fn main() {
    let dist = Path::new("assets/dist");
    println!("cargo::rerun-if-changed=assets/dist");
    println!("cargo::rerun-if-changed=templates");
    let passwords = Path::new("assets/built/common-passwords.bin");
    println!("cargo::rerun-if-changed=assets/built");
    if !passwords.is_file() || BUILT.iter().any(|name| !dist.join(name).is_file()) {
        println!("cargo::error=assets/dist is not built: run `make assets` first (it needs Node 20 and npm)");
    }
}
