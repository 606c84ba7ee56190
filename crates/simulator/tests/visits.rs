//! What must hold over many visits, and that a fault does not go unseen.

use ringfence_simulator::{
    VisitFault, VisitInvariant, VisitSettings, VisitSummary, VisitViolation, run_visits,
    run_world_of_visits,
};

fn world(
    seed: u64,
    visits: u64,
    fault: Option<VisitFault>,
) -> Result<VisitSummary, VisitViolation> {
    let settings = VisitSettings {
        seed,
        visits,
        fault,
    };
    run_world_of_visits(settings, None)
}

/// The program does as many as it is told.
fn every_invariant_holds_from(seed: u64) {
    let summary =
        run_visits(25_000, seed, &mut |_| {}).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(summary.visits, 25_000);
    // A world in which nothing happens would keep them, too.
    let VisitSummary {
        new_leases,
        kept_leases,
        beats,
        calls_within_a_lease,
        calls_late,
        ..
    } = summary;
    for happened in [new_leases, kept_leases, beats] {
        assert!(happened > 1000, "{summary:?}");
    }
    assert!(calls_within_a_lease > 500 && calls_late > 50, "{summary:?}");
    assert!(summary.restarts > 5 && summary.moved > 100, "{summary:?}");
}

#[test]
fn the_first_visits_keep_every_invariant() {
    every_invariant_holds_from(1);
}

#[test]
fn the_second_visits_keep_every_invariant() {
    every_invariant_holds_from(101);
}

#[test]
fn the_third_visits_keep_every_invariant() {
    every_invariant_holds_from(201);
}

#[test]
fn the_fourth_visits_keep_every_invariant() {
    every_invariant_holds_from(301);
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let [one, again, other] = [5, 5, 6].map(|seed| world(seed, 2000, None).expect("it holds"));
    assert_eq!(one, again);
    assert_ne!(one.log, other.log);
}

#[test]
fn each_fault_is_found_and_its_world_told() {
    use VisitInvariant::{
        AVisitKeepsItsNumber, CallsBelongToTheirVisit, LeasesEndAsTheyShould,
        NoNumberWithTwoLiveLeases, QuarantineIsKept,
    };
    for (fault, invariants) in [
        (
            VisitFault::IgnoresHold,
            &[NoNumberWithTwoLiveLeases, LeasesEndAsTheyShould][..],
        ),
        (VisitFault::IgnoresQuarantine, &[QuarantineIsKept]),
        (
            VisitFault::AttributesToTheLeaseBefore,
            &[CallsBelongToTheirVisit],
        ),
        (
            VisitFault::ForgetsRows,
            &[
                NoNumberWithTwoLiveLeases,
                AVisitKeepsItsNumber,
                CallsBelongToTheirVisit,
            ],
        ),
        (
            VisitFault::BeatsOnlyInMemory,
            &[
                NoNumberWithTwoLiveLeases,
                AVisitKeepsItsNumber,
                CallsBelongToTheirVisit,
            ],
        ),
        (
            VisitFault::TakesBackWhatIsShown,
            &[
                NoNumberWithTwoLiveLeases,
                AVisitKeepsItsNumber,
                CallsBelongToTheirVisit,
            ],
        ),
    ] {
        let found = (1..60).find_map(|seed| world(seed, 3000, Some(fault)).err());
        let violation = found.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(
            invariants.contains(&violation.invariant),
            "{fault:?}: {violation}"
        );
        let told = violation.to_string();
        let replay = format!("--seed {} --visits {}", violation.seed, violation.visits);
        assert!(told.contains(&replay), "{told}");
        // The world that was told comes to the same point.
        let again = world(violation.seed, violation.visits, Some(fault));
        assert_eq!(again.err(), Some(violation), "{fault:?}");
    }
}
