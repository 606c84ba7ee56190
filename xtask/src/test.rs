//! `cargo xtask test`: installs what is missing, runs every suite, and counts.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::cargo::cargo;
use crate::{check, install};

/// What to run, and whether to install.
#[derive(Args)]
pub struct Options {
    /// Run one part alone
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Install nothing; say what is missing
    #[arg(long)]
    no_install: bool,
}

/// The suites.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// `cargo xtask check`
    Check,
    /// Every Rust test, SIP and both databases among them
    Nextest,
    /// Examples in the documentation
    Doc,
    /// The tag's own tests
    Tag,
    /// The product in a real browser
    Browser,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Check,
        Self::Nextest,
        Self::Doc,
        Self::Tag,
        Self::Browser,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Nextest => "nextest",
            Self::Doc => "doc",
            Self::Tag => "tag",
            Self::Browser => "browser",
        }
    }
}

/// What came of a part.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs what `options` ask for; `true` when all of it passed.
///
/// # Errors
/// When what the tests need is missing and cannot be installed.
pub fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    prepare(root, options)?;
    let mut total = Count::default();
    let mut summary = Vec::new();
    for part in Part::ALL {
        if options.only.is_some_and(|only| only != part) {
            continue;
        }
        println!("\n== {} ==", part.name());
        let began = Instant::now();
        let count = run_part(root, part).unwrap_or_else(|error| {
            println!("FAILED  {}: {error:#}", part.name());
            Count {
                failed: 1,
                ..Count::default()
            }
        });
        total.passed += count.passed;
        total.failed += count.failed;
        total.skipped += count.skipped;
        summary.push(format!(
            "{:<8} {:>5} ok {:>4} broken {:>4} left out {:>5} s",
            part.name(),
            count.passed,
            count.failed,
            count.skipped,
            began.elapsed().as_secs()
        ));
    }
    println!("\n{}", summary.join("\n"));
    let skipped = if total.skipped > 0 {
        format!(", {} skipped", total.skipped)
    } else {
        String::new()
    };
    println!("{} passed, {} failed{skipped}", total.passed, total.failed);
    Ok(total.failed == 0 && total.passed > 0)
}

fn prepare(root: &Path, options: &Options) -> anyhow::Result<()> {
    if options.only == Some(Part::Check) {
        return Ok(());
    }
    let missing = install::missing();
    if !missing.is_empty() {
        if options.no_install {
            anyhow::ensure!(
                std::env::var_os("CI").is_none(),
                "the tests need what is missing here; as root: {}",
                install::advice(&missing)
            );
            println!(
                "missing: {}; what needs it will fail. As root: {}",
                missing.join(", "),
                install::advice(&missing)
            );
        } else {
            install::debian(&missing)?;
        }
    }
    install::nextest(root, !options.no_install)
}

fn run_part(root: &Path, part: Part) -> anyhow::Result<Count> {
    match part {
        Part::Check => {
            let report = check::run(root);
            Ok(Count {
                passed: report.passed(),
                failed: report.failed(),
                skipped: 0,
            })
        }
        Part::Nextest => {
            let run = [
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ];
            counted(cargo(root).args(run), nextest_line)
        }
        Part::Doc => {
            let run = ["test", "--workspace", "--doc", "--locked", "--no-fail-fast"];
            counted(cargo(root).args(run), libtest_line)
        }
        Part::Tag => npm_test(&root.join("tag"), None),
        Part::Browser => npm_test(&root.join("tests/browser"), Some(&check::program(root)?)),
    }
}

/// `program` is handed on as `RINGFENCE`, for suites that start it.
fn npm_test(folder: &Path, program: Option<&Path>) -> anyhow::Result<Count> {
    anyhow::ensure!(
        folder.join("package.json").is_file(),
        "{} has no package.json",
        folder.display()
    );
    install::npm(folder)?;
    let mut npm = Command::new("npm");
    npm.arg("test").current_dir(folder);
    if let Some(program) = program {
        npm.env("RINGFENCE", program);
    }
    let count = counted(&mut npm, node_line)?;
    anyhow::ensure!(
        count != Count::default(),
        "npm test in {} ran no test that could be counted",
        folder.display()
    );
    Ok(count)
}

/// Runs a suite, shows its output and adds up what its lines say. A suite that fails counts one failure
/// at least, whatever its lines say.
fn counted(command: &mut Command, line: fn(&str) -> Option<Count>) -> anyhow::Result<Count> {
    let (success, output) = watched(command)?;
    let mut total = Count::default();
    for count in output.iter().filter_map(|text| line(&without_colour(text))) {
        total.passed += count.passed;
        total.failed += count.failed;
        total.skipped += count.skipped;
    }
    if !success {
        total.failed = total.failed.max(1);
    }
    Ok(total)
}

/// Runs a command, shows its output as it comes, and keeps it.
fn watched(command: &mut Command) -> anyhow::Result<(bool, Vec<String>)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (sender, receiver) = mpsc::channel();
    let outputs: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|output| Box::new(output) as _),
        child.stderr.take().map(|output| Box::new(output) as _),
    ];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut lines = Vec::new();
    let mut screen = std::io::stdout();
    for line in receiver {
        let _ = writeln!(screen, "{line}");
        lines.push(line);
    }
    Ok((child.wait()?.success(), lines))
}

fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' {
            // A control sequence ends with a letter (ECMA-48 §5.4).
            rest.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// `Summary [ 1.2s] 8 tests run: 7 passed (1 slow), 1 timed out, 3 skipped`
fn nextest_line(line: &str) -> Option<Count> {
    let rest = line.trim().strip_prefix("Summary [")?;
    let (_, results) = rest.split_once(" run: ")?;
    let mut count = Count::default();
    for part in outside_brackets(results).split(',') {
        let (number, word) = part.trim().split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match word.trim() {
            "passed" => count.passed += number,
            "skipped" => count.skipped += number,
            _ => count.failed += number,
        }
    }
    Some(count)
}

fn outside_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    text.chars()
        .filter(|letter| match letter {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`
fn libtest_line(line: &str) -> Option<Count> {
    let (_, results) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |word: &str| {
        results
            .split(';')
            .filter_map(|part| part.trim().split_once(' '))
            .find(|(_, found)| *found == word)
            .and_then(|(number, _)| number.parse().ok())
            .unwrap_or(0)
    };
    Some(Count {
        passed: number("passed"),
        failed: number("failed"),
        skipped: number("ignored"),
    })
}

/// Node's own runner (`# pass 12`, `ℹ fail 1`) and Playwright (`  12 passed (3.1s)`).
fn node_line(line: &str) -> Option<Count> {
    let line = line.trim();
    let mut count = Count::default();
    if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
        let (word, number) = rest.split_once(' ')?;
        let number = number.trim().parse().ok()?;
        match word {
            "pass" => count.passed = number,
            "fail" | "cancelled" => count.failed = number,
            "skipped" | "todo" => count.skipped = number,
            _ => return None,
        }
        return Some(count);
    }
    let (number, word) = line.split_once(' ')?;
    let number = number.parse().ok()?;
    match word.split(" (").next()? {
        "passed" => count.passed = number,
        "failed" | "flaky" | "interrupted" => count.failed = number,
        "skipped" | "did not run" => count.skipped = number,
        _ => return None,
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_counts_every_kind_of_failure() {
        let line = "     Summary [   2.500s] 12 tests run: 8 passed (1 slow, 2 leaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped";
        assert_eq!(
            nextest_line(line),
            Some(Count {
                passed: 8,
                failed: 4,
                skipped: 3
            })
        );
        assert_eq!(nextest_line("        PASS [   0.1s] a_test"), None);
        let one = "     Summary [   0.011s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(
            nextest_line(one),
            Some(Count {
                passed: 1,
                failed: 0,
                skipped: 0
            })
        );
    }

    #[test]
    fn doc_tests_are_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(
            libtest_line(line),
            Some(Count {
                passed: 3,
                failed: 1,
                skipped: 2
            })
        );
    }

    #[test]
    fn both_runners_of_node_are_counted() {
        assert_eq!(
            node_line("# pass 12"),
            Some(Count {
                passed: 12,
                ..Count::default()
            })
        );
        assert_eq!(
            node_line("ℹ fail 2"),
            Some(Count {
                failed: 2,
                ..Count::default()
            })
        );
        assert_eq!(
            node_line("  5 passed (3.1s)"),
            Some(Count {
                passed: 5,
                ..Count::default()
            })
        );
        assert_eq!(
            node_line("  1 did not run"),
            Some(Count {
                skipped: 1,
                ..Count::default()
            })
        );
        assert_eq!(node_line("# duration_ms 200"), None);
    }

    #[test]
    fn colours_do_not_hide_the_summary() {
        assert_eq!(without_colour("\u{1b}[32;1m# pass 3\u{1b}[0m"), "# pass 3");
    }
}
