//! What must hold over many calls, and that a fault does not go unseen.

use ringfence_simulator::{Fault, Invariant, Outcome, Settings, Violation, run, run_world};

fn world(seed: u64, fault: Option<Fault>) -> Result<Outcome, Violation> {
    let settings = Settings {
        seed,
        calls: 1000,
        fault,
    };
    run_world(settings, &mut |_, _| {})
}

/// Five worlds; `run` of the program does as many as it is told.
fn every_invariant_holds_from(seed: u64) {
    let summary = run(10_000, seed).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(summary.calls, 10_000);
    // A world in which nothing happens would keep them, too.
    assert!(summary.rings > summary.calls / 5, "{summary:?}");
    assert!(summary.answered > summary.calls / 20, "{summary:?}");
    assert!(
        summary.too_late > 0,
        "no decision was ever too old: {summary:?}"
    );
}

#[test]
fn the_first_ten_thousand_calls_keep_every_invariant() {
    every_invariant_holds_from(1);
}

#[test]
fn the_second_ten_thousand_calls_keep_every_invariant() {
    every_invariant_holds_from(6);
}

#[test]
fn the_third_ten_thousand_calls_keep_every_invariant() {
    every_invariant_holds_from(11);
}

#[test]
fn the_fourth_ten_thousand_calls_keep_every_invariant() {
    every_invariant_holds_from(16);
}

#[test]
fn the_fifth_ten_thousand_calls_keep_every_invariant() {
    every_invariant_holds_from(21);
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let [one, again, other] = [5, 5, 6].map(|seed| world(seed, None).expect("it holds"));
    assert_eq!(one, again);
    assert_ne!(one.log, other.log);
}

#[test]
fn each_fault_is_found_and_its_seed_told() {
    for (fault, invariant) in [
        (Fault::IgnoresCaps, Invariant::NoCapExceeded),
        (Fault::IgnoresPauses, Invariant::NobodyPausedRung),
        (Fault::ForgetsToRelease, Invariant::TheEndedHoldNothing),
        (Fault::LetsOthersRing, Invariant::OneTalksAndNoneRings),
    ] {
        let found = (1..200).find_map(|seed| world(seed, Some(fault)).err());
        let violation = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert_eq!(violation.invariant, invariant, "{violation}");
        let told = violation.to_string();
        assert!(
            told.contains(&format!("replay {}", violation.seed)),
            "{told}"
        );
    }
}
