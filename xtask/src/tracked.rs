//! Tracked files must hold on every machine: no paths of one machine, no registry but the public ones.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::report::{Problems, captured};

/// Beginnings of paths that exist on one machine only. (Written in two parts, so that this file passes.)
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Where lock files may say that packages come from.
const REGISTRIES: &[&str] = &[
    "https://github.com/rust-lang/crates.io-index",
    "https://registry.npmjs.org/",
];

/// Text files larger than this are not looked into; octets.
const LARGEST: u64 = 4 << 20;

/// Looks through every tracked file.
///
/// # Errors
/// When git cannot list them.
pub fn problems(root: &Path) -> anyhow::Result<Problems> {
    let (success, list, err) = captured(
        Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(root),
    )?;
    ensure!(success, "git ls-files failed: {err}");
    let mut problems = Problems::new();
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let path = root.join(name);
        // A file removed but not yet committed is not there.
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        if !about.is_file() || about.len() > LARGEST {
            continue;
        }
        let octets = fs::read(&path).with_context(|| format!("cannot read {name}"))?;
        if let Ok(text) = std::str::from_utf8(&octets) {
            problems.extend(in_file(name, text));
        }
    }
    Ok(problems)
}

fn in_file(name: &str, text: &str) -> Problems {
    let lock = name.ends_with("Cargo.lock") || name.ends_with("package-lock.json");
    let mut problems = Problems::new();
    for (number, line) in text.lines().enumerate() {
        let place = PLACES.iter().find(|place| stands_in(line, place));
        if let Some(place) = place {
            problems.push(format!(
                "{name}:{}: names {place}, a place on one machine: use a path relative to the repository",
                number + 1
            ));
        }
        if lock && foreign_source(line) {
            problems.push(format!(
                "{name}:{}: comes from another registry than the public one: {}",
                number + 1,
                line.trim()
            ));
        }
    }
    problems
}

/// `place` begins a path in this line; `https://example.com/work/` does not.
fn stands_in(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || ".-_}*)".contains(before))
    })
}

fn foreign_source(line: &str) -> bool {
    let line = line.trim();
    let names_source = line.starts_with("source = ") || line.starts_with("\"resolved\": ");
    names_source
        && line.contains("://")
        && !REGISTRIES.iter().any(|registry| line.contains(registry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found_with_its_line() {
        let text = format!("first\nlook in {}x/y\n", PLACES[2]);
        let problems = in_file("notes.md", &text);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("notes.md:2: "));
    }

    #[test]
    fn the_path_of_a_web_page_is_no_place_on_a_machine() {
        let text = format!("https://www.example.com{}fences\n", PLACES[0]);
        assert_eq!(in_file("page.html", &text), Problems::new());
    }

    #[test]
    fn a_lock_file_may_only_name_public_registries() {
        let good =
            "      \"resolved\": \"https://registry.npmjs.org/esbuild/-/esbuild-0.25.0.tgz\",\n";
        let bad = "      \"resolved\": \"https://mirror.example.com/esbuild-0.25.0.tgz\",\n";
        assert_eq!(in_file("tag/package-lock.json", good), Problems::new());
        assert_eq!(in_file("tag/package-lock.json", bad).len(), 1);
        assert_eq!(
            in_file("Cargo.lock", "source = \"git+https://example.com/x\"\n").len(),
            1
        );
    }
}
