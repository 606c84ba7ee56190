//! Every way in which a call may go, through the whole program, with telephones that others wrote: what the caller and the
//! targets do is real, and what came of it is read back from rows and recordings.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod browser;
mod line;
mod office;
mod outage;
mod scenarios;
#[path = "../support/mod.rs"]
mod support;
mod told;

use std::pin::Pin;
use std::sync::Arc;

use ringfence_testing::{Engine, on_both_engines};
use tokio::task::JoinSet;

use line::{Line, LineWish};
use office::Office;

on_both_engines!(every_call_has_its_disposition_its_timeline_and_its_sound);

/// A call, or some of the same kind.
struct Scenario {
    says: &'static str,
    line: LineWish,
    play: fn(Line) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

macro_rules! scenario {
    ($play:ident, $targets:literal targets, $ring:literal s, leased: $leased:literal) => {
        Scenario {
            says: stringify!($play),
            line: LineWish {
                targets: $targets,
                ring_seconds: $ring,
                leased: $leased,
            },
            play: |line| Box::pin(scenarios::$play(line)),
        }
    };
}

const SCENARIOS: [Scenario; 9] = [
    scenario!(a_call_is_answered_and_both_are_heard, 1 targets, 20 s, leased: true),
    scenario!(a_busy_target_passes_the_call_to_the_next, 2 targets, 20 s, leased: true),
    scenario!(a_target_that_never_says_a_word_passes_the_call_to_the_next, 2 targets, 1 s, leased: true),
    scenario!(a_target_that_only_rings_is_cancelled_and_the_next_one_answers, 2 targets, 2 s, leased: true),
    scenario!(a_target_out_of_service_passes_the_call_to_the_next, 2 targets, 20 s, leased: true),
    scenario!(a_caller_who_gives_up_while_it_rings_abandons_the_call, 1 targets, 20 s, leased: true),
    scenario!(a_caller_puts_the_target_on_hold_and_comes_back, 1 targets, 20 s, leased: true),
    scenario!(the_callee_hangs_up, 1 targets, 20 s, leased: false),
    scenario!(calls_come_through_when_one_message_of_twenty_is_lost_on_both_sides, 1 targets, 20 s, leased: true),
];

/// One server for all of them, at the same time: it is slower to start than to take a call.
async fn every_call_has_its_disposition_its_timeline_and_its_sound(engine: Engine) {
    let (office, lines) = Office::open(
        engine.database_with_tables().await,
        &SCENARIOS.map(|scenario| scenario.line),
    )
    .await;
    let mut under_way = JoinSet::new();
    let mut names = std::collections::HashMap::new();
    for (scenario, line) in SCENARIOS.iter().zip(lines) {
        let task = under_way.spawn((scenario.play)(line));
        names.insert(task.id(), scenario.says);
    }
    let mut failed = Vec::new();
    while let Some(ended) = under_way.join_next_with_id().await {
        if let Err(error) = ended {
            failed.push(names[&error.id()]);
        }
    }
    assert!(
        failed.is_empty(),
        "what went wrong is told above: {failed:#?}\n{}",
        office.said()
    );
    Arc::into_inner(office)
        .expect("nobody uses it any more")
        .close()
        .await;
}
