//! What a run of checks or tests found: one line each while it runs, totals at the end.

use std::fmt::Write as _;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;

/// The result of one check: the problems, each saying what is wrong and what to do. Empty is good.
pub type Problems = Vec<String>;

/// Counts checks and prints a line for each.
#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Prints the check's line, and its problems below it.
    pub fn add(&mut self, name: &str, outcome: anyhow::Result<Problems>) {
        let problems = outcome.unwrap_or_else(|error| vec![format!("{error:#}")]);
        if problems.is_empty() {
            self.passed += 1;
            println!("ok      {name}");
            return;
        }
        self.failed += 1;
        let mut text = format!("FAILED  {name}\n");
        for problem in &problems {
            let _ = writeln!(text, "        {}", problem.replace('\n', "\n        "));
        }
        print!("{text}");
    }

    /// How many checks found nothing.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// How many checks found something.
    pub fn failed(&self) -> usize {
        self.failed
    }
}

/// Runs a command with its output shown as it comes.
///
/// # Errors
/// When the command cannot be started.
pub fn shown(command: &mut Command) -> anyhow::Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// Runs a command and gives back whether it succeeded, with its standard output and its standard error.
///
/// # Errors
/// When the command cannot be started.
pub fn captured(command: &mut Command) -> anyhow::Result<(bool, String, String)> {
    let output = command
        .env("TERM", "dumb")
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// The last `count` lines of a text.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The program, when it is on the search path.
pub fn on_path(program: &str) -> Option<std::path::PathBuf> {
    let sbin = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(sbin)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
