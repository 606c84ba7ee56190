//! `cargo xtask check`: everything that can be told without running the program's tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::MetadataCommand;

use crate::crates::Crates;
use crate::report::{Problems, Report, captured, on_path, tail};
use crate::{cargo, floors, install, licences, tracked};

/// Runs every check and prints a line for each.
pub fn run(root: &Path) -> Report {
    let mut report = Report::default();
    match crates(root) {
        Err(error) => report.add("Cargo.lock is current", Err(error)),
        Ok(crates) => {
            report.add("Cargo.lock is current", Ok(Problems::new()));
            report.add(
                "each crate uses only floors below its own",
                Ok(floors::edges(&crates)),
            );
            report.add(
                "floors 0 and 1 cannot do I/O, wait or draw lots",
                Ok(floors::purity(&crates)),
            );
            report.add(
                "nothing for development ships",
                Ok(floors::shipping(&crates)),
            );
            report.add("every licence is allowed", Ok(licences::licences(&crates)));
            report.add("no banned crate is built", Ok(licences::bans(&crates)));
        }
    }
    report.add(
        "floors 0 and 1 may not ask for the time",
        Ok(clock_lints(root)),
    );
    report.add(
        "tracked files name no machine and no private registry",
        tracked::problems(root),
    );
    report.add(
        "the code is formatted",
        cargo(root, &["fmt", "--all", "--check"], "run cargo fmt --all"),
    );
    report.add(
        "clippy has nothing to say",
        cargo(
            root,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            "mend each, or state the exception with #[expect(…, reason = \"…\")]",
        ),
    );
    report.add(
        "docs/configuration.md is current",
        said(root, "reference", "docs/configuration.md"),
    );
    report.add(
        "docs/openapi.json is current",
        said(root, "api", "docs/openapi.json"),
    );
    report.add("tag/dist is current", tag_dist(root));
    report
}

fn crates(root: &Path) -> anyhow::Result<Crates> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata --locked failed: run cargo check and commit Cargo.lock")?;
    Crates::from_metadata(&metadata)
}

fn cargo(root: &Path, arguments: &[&str], remedy: &str) -> anyhow::Result<Problems> {
    let (success, out, err) = captured(cargo::cargo(root).args(arguments))?;
    if success {
        return Ok(Problems::new());
    }
    let said = tail(&format!("{out}{err}"), 60);
    Ok(vec![format!(
        "cargo {} says:\n{said}\n{remedy}",
        arguments.join(" ")
    )])
}

/// Each pure crate carries a `clippy.toml` that refuses clocks; clippy reads it from the crate's folder.
fn clock_lints(root: &Path) -> Problems {
    let mut problems = Problems::new();
    for folder in floors::pure_folders() {
        let path = format!("crates/{folder}/clippy.toml");
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        for clock in ["std::time::SystemTime::now", "std::time::Instant::now"] {
            if !text.contains(clock) {
                problems.push(format!(
                    "{path} does not refuse {clock}: copy crates/model/clippy.toml there"
                ));
            }
        }
    }
    problems
}

/// Reference pages are what the program says of itself: `ringfence config …`.
fn said(root: &Path, command: &str, page: &str) -> anyhow::Result<Problems> {
    let program = program(root)?;
    let (success, said, err) = captured(Command::new(&program).args(["config", command]))?;
    if !success {
        return Ok(vec![format!(
            "ringfence config {command} failed:\n{}",
            tail(&err, 20)
        )]);
    }
    let written = fs::read_to_string(root.join(page)).unwrap_or_default();
    if said == written {
        return Ok(Problems::new());
    }
    Ok(vec![format!(
        "{page} differs from the program: run cargo run -- config {command} > {page}"
    )])
}

/// Builds the program and says where it is. The whole workspace is built, as the tests build it: one package
/// alone would get other features of its dependencies, and so build most of them a second time.
///
/// # Errors
/// When it does not build.
pub fn program(root: &Path) -> anyhow::Result<PathBuf> {
    let build = ["build", "--quiet", "--workspace", "--bins", "--locked"];
    let (success, _, err) = captured(cargo::cargo(root).args(build))?;
    ensure!(
        success,
        "cargo {} failed:\n{}",
        build.join(" "),
        tail(&err, 30)
    );
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    Ok(metadata
        .target_directory
        .join("debug/ringfence")
        .into_std_path_buf())
}

/// Builds the tag once more and compares.
fn tag_dist(root: &Path) -> anyhow::Result<Problems> {
    let tag = root.join("tag");
    if on_path("npm").is_none() {
        return Ok(if std::env::var_os("CI").is_some() {
            vec!["npm is missing: install nodejs and npm".into()]
        } else {
            println!("skipped tag/dist is current: npm is missing, install nodejs and npm");
            Problems::new()
        });
    }
    install::npm(&tag)?;
    let (success, out, err) =
        captured(Command::new("npm").args(["run", "check"]).current_dir(&tag))?;
    if success {
        return Ok(Problems::new());
    }
    let said = tail(&format!("{out}{err}"), 30);
    Ok(vec![format!(
        "npm run check in tag/ says:\n{said}\nrun npm run build there and commit dist/"
    )])
}
