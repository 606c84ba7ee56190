//! What the tests need from Debian and crates.io, and how it is brought here.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure};

use crate::cargo::cargo;
use crate::report::{on_path, shown};

/// A program that tests run, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("sipp", "sip-tester"),
    ("baresip", "baresip"),
    ("sox", "sox"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("psql", "postgresql-client"),
    ("redis-server", "redis-server"),
    ("aiosmtpd", "python3-aiosmtpd"),
];

/// Debian keeps the server's programs away from the search path, a folder for each version.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Debian packages whose programs are missing.
pub fn missing() -> Vec<&'static str> {
    let mut packages: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !postgresql_server() {
        packages.push("postgresql");
    }
    packages
}

fn postgresql_server() -> bool {
    fs::read_dir(POSTGRESQL).is_ok_and(|versions| {
        versions
            .flatten()
            .any(|version| version.path().join("bin/initdb").is_file())
    })
}

/// The commands that install `packages`, as a person would type them.
pub fn advice(packages: &[&str]) -> String {
    format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Installs Debian packages, by sudo when not root.
///
/// # Errors
/// When this is no Debian, or installing is not permitted or fails; the message says what to type.
pub fn debian(packages: &[&str]) -> anyhow::Result<()> {
    let advice = advice(packages);
    ensure!(
        on_path("apt-get").is_some(),
        "the tests need {}; this is no Debian, so install them by hand",
        packages.join(", ")
    );
    let root = fs::metadata("/proc/self").is_ok_and(|about| {
        use std::os::unix::fs::MetadataExt as _;
        about.uid() == 0
    });
    if !root && on_path("sudo").is_none() {
        bail!("the tests need {}; as root: {advice}", packages.join(", "));
    }
    let apt = |arguments: &[&str]| {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args([
                "--non-interactive",
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
            ]);
            sudo
        };
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        shown(&mut command)
    };
    println!("installing {}", packages.join(" "));
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    if !apt(&["update"])?.success() || !apt(&install)?.success() {
        bail!("installing failed; as root: {advice}");
    }
    Ok(())
}

/// Installs `cargo-nextest` when it is missing.
///
/// # Errors
/// When cargo cannot install it.
pub fn nextest(root: &Path, may_install: bool) -> anyhow::Result<()> {
    if on_path("cargo-nextest").is_some() {
        return Ok(());
    }
    ensure!(
        may_install,
        "cargo-nextest is missing: cargo install --locked cargo-nextest"
    );
    let status = shown(cargo(root).args(["install", "--locked", "cargo-nextest"]))?;
    ensure!(
        status.success(),
        "cargo install --locked cargo-nextest failed"
    );
    Ok(())
}

/// Brings the npm packages of `folder` when they are missing or older than its lock file.
///
/// # Errors
/// When npm fails.
pub fn npm(folder: &Path) -> anyhow::Result<()> {
    let changed = |name: &str| fs::metadata(folder.join(name)).and_then(|about| about.modified());
    if let (Ok(lock), Ok(installed)) = (
        changed("package-lock.json"),
        changed("node_modules/.package-lock.json"),
    ) && installed >= lock
    {
        return Ok(());
    }
    let status = shown(Command::new("npm").arg("ci").current_dir(folder))?;
    ensure!(status.success(), "npm ci in {} failed", folder.display());
    Ok(())
}
