//! The project's own tools: `cargo xtask check` and `cargo xtask test`.
//!
//! They run on a developer's machine and in CI, the same way. Nothing here is part of the program.

mod cargo;
mod check;
mod crates;
mod floors;
mod install;
mod licences;
mod report;
mod test;
mod tracked;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Checks and tests of the whole repository"
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Floors, licences, bans, format, lints, generated files
    Check,
    /// Install what the tests need from Debian and npm, then run everything
    Test(test::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<bool> {
    let root = root()?;
    match task {
        Task::Check => Ok(check::run(&root).failed() == 0),
        Task::Test(options) => test::run(&root, &options),
    }
}

/// The repository's root: the folder above this package.
fn root() -> anyhow::Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .context("xtask lies directly below the repository's root")
}
