//! The floors of the house: a crate may use only floors below its own (ARCHITECTURE.md).

use crate::crates::{Crate, Crates};
use crate::report::Problems;

/// Every crate of the product and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("ringfence-model", 0),
    ("ringfence-routing", 1),
    ("ringfence-tracking", 1),
    ("ringfence-fence", 1),
    ("ringfence-callflow", 1),
    ("ringfence-store", 2),
    ("ringfence-live", 2),
    ("ringfence-media", 2),
    ("ringfence-outbound", 2),
    ("ringfence-telephony", 3),
    ("ringfence-softphone", 3),
    ("ringfence-platform", 4),
    ("ringfence-web", 5),
    ("ringfence-guard", 5),
    ("ringfence", 6),
];

/// Edges between neighbours that are meant: a call's machine walks the plan.
const SAME_FLOOR: &[(&str, &str)] = &[("ringfence-callflow", "ringfence-routing")];

/// Crates that never ship. They may use every floor; nothing that ships may use them.
const DEVELOPMENT: &[&str] = &[
    "ringfence-testing",
    "ringfence-tests",
    "ringfence-bench",
    "ringfence-training",
    "ringfence-simulator",
    "xtask",
];

/// Floors 0 and 1 decide; they must not be able to do I/O, wait, or draw lots.
///
/// `getrandom` is not here: identifiers need `uuid`, and a library elsewhere turns on its random versions for the whole
/// build. That the pure crates do not call them is seen to by `disallowed-methods` in their `clippy.toml`.
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "sqlx",
    "sqlx-core",
    "hyper",
    "reqwest",
    "axum",
    "rand",
    "fastrand",
];

/// Pure crates that get one of [`IMPURE`] through a library, with the reason why that is all right.
const TOLERATED: &[(&str, &str)] = &[];

const HIGHEST_PURE_FLOOR: u8 = 1;

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

fn development(name: &str) -> bool {
    DEVELOPMENT.contains(&name)
}

/// Crates of floors 0 and 1, as folder names below `crates/`.
pub fn pure_folders() -> impl Iterator<Item = &'static str> {
    FLOORS
        .iter()
        .filter(|(_, floor)| *floor <= HIGHEST_PURE_FLOOR)
        .map(|(name, _)| name.trim_start_matches("ringfence-"))
}

/// Edges that go up, or sideways where that is not meant.
pub fn edges(crates: &Crates) -> Problems {
    let mut problems = Problems::new();
    for (_, package) in crates.members() {
        if development(&package.name) {
            continue;
        }
        let Some(own) = floor(&package.name) else {
            problems.push(format!(
                "{} has no floor: give it one in xtask/src/floors.rs and in ARCHITECTURE.md",
                package.name
            ));
            continue;
        };
        for used in crates
            .named(&package.uses)
            .chain(crates.named(&package.uses_in_build))
        {
            problems.extend(edge(package, own, used, false));
        }
        for used in crates.named(&package.uses_in_tests) {
            problems.extend(edge(package, own, used, true));
        }
    }
    problems
}

fn edge(package: &Crate, own: u8, used: &Crate, only_tests: bool) -> Option<String> {
    // Crates without a floor are reported once, by themselves.
    let other = floor(&used.name).filter(|_| used.member)?;
    let meant = SAME_FLOOR.contains(&(package.name.as_str(), used.name.as_str()));
    let allowed = other < own || (other == own && (meant || only_tests));
    if allowed {
        return None;
    }
    let direction = if other == own {
        "its neighbour"
    } else {
        "upwards,"
    };
    let tests = if only_tests { " (in its tests)" } else { "" };
    Some(format!(
        "{} (floor {own}) uses {direction} {} (floor {other}){tests}: let the upper crate call down, or hand the \
         value in; a meant exception goes into xtask/src/floors.rs with a file in docs/decisions/",
        package.name, used.name
    ))
}

/// Floors 0 and 1 that link a library which does I/O, waits or draws lots.
pub fn purity(crates: &Crates) -> Problems {
    let mut problems = Problems::new();
    for (id, package) in crates.members() {
        if floor(&package.name).is_none_or(|floor| floor > HIGHEST_PURE_FLOOR) {
            continue;
        }
        for (linked, way) in crates.linked(id) {
            let name = crates.0[&linked].name.as_str();
            let tolerated = TOLERATED
                .iter()
                .any(|(library, _)| way.contains(&format!("-> {library} -> ")));
            if IMPURE.contains(&name) && !tolerated {
                problems.push(format!(
                    "{} must decide without I/O, clocks and chance, but links {name} ({way}): take the library out, \
                     or move what needs it to floor 2",
                    package.name
                ));
            }
        }
    }
    problems
}

/// Crates that never ship, but are linked into what does.
pub fn shipping(crates: &Crates) -> Problems {
    let mut problems = Problems::new();
    for (id, package) in crates.members() {
        if development(&package.name) {
            continue;
        }
        for (linked, way) in crates.linked(id) {
            let linked = &crates.0[&linked];
            if linked.member && development(&linked.name) {
                problems.push(format!(
                    "{} never ships, but {} links it ({way}): use it under [dev-dependencies] only",
                    linked.name, package.name
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_uses_lower_floors_passes() {
        let crates = Crates::default()
            .with_member("ringfence-model", &[])
            .with_member("ringfence-routing", &["ringfence-model"])
            .with_member("ringfence-store", &["ringfence-model", "tokio"])
            .with_foreign("tokio", &[]);
        assert_eq!(edges(&crates), Problems::new());
        assert_eq!(purity(&crates), Problems::new());
    }

    #[test]
    fn an_upward_edge_fails_and_names_both_ends() {
        let crates = Crates::default()
            .with_member("ringfence-store", &["ringfence-platform"])
            .with_member("ringfence-platform", &[]);
        let problems = edges(&crates);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with(
                "ringfence-store (floor 2) uses upwards, ringfence-platform (floor 4)"
            )
        );
    }

    #[test]
    fn an_upward_edge_in_tests_fails_too_but_a_neighbour_is_fine_there() {
        let crates = Crates::default()
            .with_member("ringfence-telephony", &[])
            .with_member("ringfence-softphone", &[])
            .with_member("ringfence-web", &[])
            .tested_with(
                "ringfence-telephony",
                &["ringfence-softphone", "ringfence-web"],
            );
        let problems = edges(&crates);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("ringfence-web (floor 5) (in its tests)"));
    }

    #[test]
    fn neighbours_are_refused_but_for_the_meant_edge() {
        let crates = Crates::default()
            .with_member("ringfence-callflow", &["ringfence-routing"])
            .with_member("ringfence-routing", &["ringfence-tracking"])
            .with_member("ringfence-tracking", &[]);
        let problems = edges(&crates);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("ringfence-routing (floor 1) uses its neighbour"));
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        let problems = edges(&Crates::default().with_member("ringfence-attic", &[]));
        assert!(problems[0].starts_with("ringfence-attic has no floor"));
    }

    #[test]
    fn a_pure_crate_that_links_tokio_through_another_fails_with_the_way() {
        let crates = Crates::default()
            .with_member("ringfence-fence", &["innocent"])
            .with_foreign("innocent", &["tokio"])
            .with_foreign("tokio", &[]);
        let problems = purity(&crates);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("(ringfence-fence -> innocent -> tokio)"));
    }

    #[test]
    fn what_only_the_compiler_runs_does_not_count() {
        let mut crates = Crates::default()
            .with_member("ringfence-fence", &["tables"])
            .with_foreign("tables", &["rand"])
            .with_foreign("rand", &[]);
        crates
            .0
            .get_mut("tables")
            .expect("added above")
            .compile_time = true;
        assert_eq!(purity(&crates), Problems::new());
    }

    #[test]
    fn a_crate_for_development_must_not_ship() {
        let crates = Crates::default()
            .with_member("ringfence", &["ringfence-web"])
            .with_member("ringfence-web", &["ringfence-bench"])
            .with_member("ringfence-bench", &[]);
        let problems = shipping(&crates);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("(ringfence -> ringfence-web -> ringfence-bench)"));
    }
}
