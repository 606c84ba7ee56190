//! A world of calls under a clock of its own: random plans, groups, caps, hours, agents and failures from one seed.
//!
//! It drives `routing` as the product does, holds its own books of what happened, and asks named [invariants](Invariant)
//! after every event. The same seed gives the same log. For development only.

mod books;
mod call;
mod checks;
mod counts;
mod invariants;
mod queueing;
mod random;
mod red_team;
mod ringing;
mod simulation;
mod timeline;
mod visits;
mod world;

pub use invariants::{Invariant, Violation};
pub use red_team::{Behaviour, HonestRow, RedTeam, RingRow, run_red_team};
pub use simulation::{Fault, Outcome, Settings, run_world};
pub use visits::{
    Tell, VISITS_OF_A_WORLD, VisitFault, VisitInvariant, VisitSettings, VisitSummary,
    VisitViolation, run_visits, run_world_of_visits,
};

/// Calls of one world, unless told otherwise.
pub const CALLS_OF_A_WORLD: u64 = 2_000;

/// One world in so many is run twice, to compare the logs.
const TWICE: u64 = 25;

/// What many worlds came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Worlds.
    pub worlds: u64,
    /// Calls that came and ended.
    pub calls: u64,
    /// Calls that somebody answered.
    pub answered: u64,
    /// Rings of targets.
    pub rings: u64,
    /// Reservations that came too late: the target was full, paused or failing since the decision.
    pub too_late: u64,
    /// Events after which every invariant was asked.
    pub events: u64,
}

/// Runs worlds with the seeds `seed`, `seed + 1`, … until so many calls have ended.
///
/// # Errors
/// The first [`Violation`], with the seed of its world.
pub fn run(calls: u64, seed: u64) -> Result<Summary, Violation> {
    let mut summary = Summary::default();
    while summary.calls < calls {
        let seed = seed.wrapping_add(summary.worlds);
        let settings = Settings {
            seed,
            calls: CALLS_OF_A_WORLD.min(calls - summary.calls),
            fault: None,
        };
        let outcome = run_world(settings, &mut |_, _| {})?;
        if summary.worlds % TWICE == 0 {
            let again = run_world(settings, &mut |_, _| {})?;
            if again != outcome {
                return Err(Violation {
                    invariant: Invariant::SameSeedSameLog,
                    seed,
                    event: outcome.events,
                    detail: format!("log {:016x}, then {:016x}", outcome.log, again.log),
                });
            }
        }
        summary.worlds += 1;
        summary.calls += outcome.calls;
        summary.answered += outcome.answered;
        summary.rings += outcome.rings;
        summary.too_late += outcome.too_late;
        summary.events += outcome.events;
    }
    Ok(summary)
}
