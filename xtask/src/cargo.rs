//! Cargo, started from a program that cargo started.

use std::env;
use std::path::Path;
use std::process::Command;

/// Cargo in the repository's root, without what `cargo run` tells its program about the program's own package: build
/// scripts that read such variables (ring's does) would run again, and all that is above them be compiled again, at
/// each change between this tool and a plain `cargo build`.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root);
    for (name, _) in env::vars_os() {
        let is_of_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_of_package {
            cargo.env_remove(name);
        }
    }
    cargo
}
