//! The resolver's promises: by example, by attack, and against a naive second implementation.

mod attacks;
mod checks;
mod examples;
mod oracle;
mod properties;
mod world;
