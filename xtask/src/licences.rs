//! Licences that a dependency may have, and crates that no build may contain.

use spdx::{Expression, ParseMode};

use crate::crates::Crates;
use crate::report::Problems;

/// SPDX identifiers of licences that go with Apache-2.0 and ask for no more than a notice
/// (MPL-2.0: changes to its own files are published).
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that no build may contain, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "openssl",
        "rustls does TLS; OpenSSL would have to be found on each machine",
    ),
    (
        "openssl-sys",
        "rustls does TLS; OpenSSL would have to be found on each machine",
    ),
    ("native-tls", "rustls does TLS, the same on each machine"),
    (
        "aws-lc-rs",
        "rustls uses ring; aws-lc needs cmake and minutes of building",
    ),
    (
        "aws-lc-sys",
        "rustls uses ring; aws-lc needs cmake and minutes of building",
    ),
    (
        "aws-lc-fips-sys",
        "rustls uses ring; aws-lc needs cmake and minutes of building",
    ),
    ("boring", "rustls does TLS"),
    ("boring-sys", "rustls does TLS"),
    (
        "duckdb",
        "its bundled build takes over 20 minutes on 2 cores",
    ),
    (
        "libduckdb-sys",
        "its bundled build takes over 20 minutes on 2 cores",
    ),
    ("datafusion", "252 crates"),
    ("sea-orm", "sqlx is the one way to the database"),
    ("diesel", "sqlx is the one way to the database"),
];

/// Packages whose licence is not among the allowed ones.
pub fn licences(crates: &Crates) -> Problems {
    let mut problems = Problems::new();
    for package in crates.0.values() {
        let name = format!("{} {}", package.name, package.version);
        let Some(text) = &package.licence else {
            problems.push(format!("{name} names no licence: take it out"));
            continue;
        };
        match Expression::parse_mode(text, ParseMode::LAX) {
            Err(error) => problems.push(format!(
                "{name} has the licence {text:?}, which is no SPDX expression ({}): take it out",
                error.reason
            )),
            Ok(expression) if !expression.evaluate(allowed) => problems.push(format!(
                "{name} has the licence {text}, which is not among the allowed ones: take it out, or allow it in \
                 xtask/src/licences.rs when it goes with Apache-2.0"
            )),
            Ok(_) => {}
        }
    }
    problems
}

/// An exception (`Apache-2.0 WITH LLVM-exception`) only ever permits more than its licence does.
fn allowed(requirement: &spdx::LicenseReq) -> bool {
    requirement
        .license
        .id()
        .is_some_and(|id| ALLOWED.contains(&id.name))
}

/// Packages that are banned.
pub fn bans(crates: &Crates) -> Problems {
    let mut problems = Problems::new();
    for package in crates.0.values() {
        let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == package.name) else {
            continue;
        };
        let users: Vec<&str> = crates
            .0
            .values()
            .filter(|user| {
                crates
                    .named(&user.uses)
                    .chain(crates.named(&user.uses_in_build))
                    .any(|used| used.name == *name)
            })
            .map(|user| user.name.as_str())
            .collect();
        problems.push(format!(
            "{name} is banned ({why}), but {} uses it: turn that feature off",
            users.join(", ")
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(licence: &str) -> Problems {
        licences(
            &Crates::default()
                .with_foreign("thing", &[])
                .licensed("thing", licence),
        )
    }

    #[test]
    fn one_allowed_choice_is_enough_but_every_part_of_an_and_counts() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(one(good), Problems::new(), "{good}");
        }
        for bad in [
            "GPL-3.0-only",
            "AGPL-3.0-or-later",
            "MIT AND GPL-2.0-only",
            "Proprietary-Thing",
        ] {
            assert_eq!(one(bad).len(), 1, "{bad}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let mut crates = Crates::default().with_foreign("thing", &[]);
        crates.0.get_mut("thing").expect("added above").licence = None;
        assert_eq!(
            licences(&crates),
            ["thing 1.0.0 names no licence: take it out"]
        );
    }

    #[test]
    fn a_banned_crate_is_named_with_its_user() {
        let crates = Crates::default()
            .with_foreign("client", &["openssl"])
            .with_foreign("openssl", &[]);
        let problems = bans(&crates);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("but client uses it"));
    }
}
