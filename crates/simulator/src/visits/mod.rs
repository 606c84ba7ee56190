//! A world of visits: random pools, arrivals with peaks, a clock that jumps, restarts, numbers that are moved and rest.
//!
//! It drives `tracking` and `live` as the product does, keeps [books](books) that share nothing with them, and asks named
//! [invariants](VisitInvariant) of every lease, beat and call. A world is made and dropped as a whole, so that any number
//! of visits takes the memory of one world.

mod books;
mod calls;
mod invariants;
mod life;
mod overflow;
mod pages;
mod requests;
mod server;
mod simulation;
mod world;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::available_parallelism;
use std::time::Duration;

use serde::Serialize;

pub use invariants::{VisitInvariant, VisitViolation};
use simulation::VisitSimulation;

/// Visits of one world.
pub const VISITS_OF_A_WORLD: u64 = 20_000;

/// One world in so many is run twice, to compare the logs.
const TWICE: u64 = 50;

/// A fault that is put in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitFault {
    /// Leases end a second after the last sign of their visit.
    IgnoresHold,
    /// Pools lease numbers that rest.
    IgnoresQuarantine,
    /// A call is attributed to the lease before the one that it belongs to.
    AttributesToTheLeaseBefore,
    /// A restart reads no rows back.
    ForgetsRows,
    /// Beats move a lease's end on in memory, and not in its row.
    BeatsOnlyInMemory,
    /// A number is taken back though its lease became durable.
    TakesBackWhatIsShown,
}

/// Which world, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct VisitSettings {
    /// From which everything follows.
    pub seed: u64,
    /// Visits that come before it ends.
    pub visits: u64,
    /// A fault that is put in on purpose.
    pub fault: Option<VisitFault>,
}

/// What worlds came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VisitSummary {
    /// Worlds.
    pub worlds: u64,
    /// Visits that came.
    pub visits: u64,
    /// Numbers that were given to a visit that did not have them.
    pub new_leases: u64,
    /// Numbers that a visit was given again.
    pub kept_leases: u64,
    /// Requests that found no free number.
    pub found_none: u64,
    /// Of these, those that were shown the overflow number.
    pub overflow_leases: u64,
    /// Of these, those that were shown none.
    pub without_number: u64,
    /// Requests whose rows could not be written.
    pub failed_writes: u64,
    /// Signs of life.
    pub beats: u64,
    /// Of these, those whose number was another's, or rested.
    pub refused_beats: u64,
    /// Numbers that were given back.
    pub released: u64,
    /// Calls within a lease, each attributed to its visit and source as certain.
    pub calls_within_a_lease: u64,
    /// Calls shortly after a lease, each attributed to its visit as likely.
    pub calls_late: u64,
    /// Calls to an overflow number, attributed to those who may have seen it.
    pub calls_shared: u64,
    /// Calls to numbers that nobody saw, or long after; attributed to nobody.
    pub calls_of_nobody: u64,
    /// Calls before the number's last lease by a clock that was set back: to no stranger, and not asked more of.
    pub calls_behind_the_clock: u64,
    /// Numbers that were given to another pool, or to none.
    pub moved: u64,
    /// Of these, those that had to rest.
    pub rested: u64,
    /// Restarts.
    pub restarts: u64,
    /// Jumps of the clock, either way.
    pub clock_jumps: u64,
    /// Events.
    pub events: u64,
    /// A hash of the log; of many worlds, of their logs.
    pub log: u64,
}

impl VisitSummary {
    const fn new() -> Self {
        Self {
            worlds: 0,
            visits: 0,
            new_leases: 0,
            kept_leases: 0,
            found_none: 0,
            overflow_leases: 0,
            without_number: 0,
            failed_writes: 0,
            beats: 0,
            refused_beats: 0,
            released: 0,
            calls_within_a_lease: 0,
            calls_late: 0,
            calls_shared: 0,
            calls_of_nobody: 0,
            calls_behind_the_clock: 0,
            moved: 0,
            rested: 0,
            restarts: 0,
            clock_jumps: 0,
            events: 0,
            log: 0xcbf2_9ce4_8422_2325,
        }
    }

    fn add(&mut self, world: &Self) {
        let Self {
            worlds,
            visits,
            new_leases,
            kept_leases,
            found_none,
            overflow_leases,
            without_number,
            failed_writes,
            beats,
            refused_beats,
            released,
            calls_within_a_lease,
            calls_late,
            calls_shared,
            calls_of_nobody,
            calls_behind_the_clock,
            moved,
            rested,
            restarts,
            clock_jumps,
            events,
            log,
        } = world;
        self.worlds += worlds + 1;
        self.visits += visits;
        self.new_leases += new_leases;
        self.kept_leases += kept_leases;
        self.found_none += found_none;
        self.overflow_leases += overflow_leases;
        self.without_number += without_number;
        self.failed_writes += failed_writes;
        self.beats += beats;
        self.refused_beats += refused_beats;
        self.released += released;
        self.calls_within_a_lease += calls_within_a_lease;
        self.calls_late += calls_late;
        self.calls_shared += calls_shared;
        self.calls_of_nobody += calls_of_nobody;
        self.calls_behind_the_clock += calls_behind_the_clock;
        self.moved += moved;
        self.rested += rested;
        self.restarts += restarts;
        self.clock_jumps += clock_jumps;
        self.events += events;
        self.log = (self.log ^ log).wrapping_mul(0x0100_0000_01b3);
    }
}

/// Runs worlds with the seeds `seed`, `seed + 1`, … until so many visits have come, one on each core; `progress` hears of
/// each in the order of their seeds.
///
/// # Errors
/// The first [`VisitViolation`], with the seed of its world.
pub fn run_visits(
    visits: u64,
    seed: u64,
    progress: &mut dyn FnMut(&VisitSummary),
) -> Result<VisitSummary, VisitViolation> {
    let mut summary = VisitSummary::new();
    let next = AtomicU64::new(0);
    let (finished, worlds) = channel();
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(1, NonZeroUsize::get) {
            let (next, finished) = (&next, finished.clone());
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let before = place.saturating_mul(VISITS_OF_A_WORLD);
                    if before >= visits {
                        break;
                    }
                    let settings = VisitSettings {
                        seed: seed.wrapping_add(place),
                        visits: VISITS_OF_A_WORLD.min(visits - before),
                        fault: None,
                    };
                    let world = run_one(settings, place.is_multiple_of(TWICE));
                    // Nobody listens any more once an invariant did not hold.
                    if finished.send((place, world)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(finished);
        // In their order, so that the same seed tells of the same world.
        let mut waiting = BTreeMap::new();
        for (place, world) in worlds {
            waiting.insert(place, world);
            while let Some(world) = waiting.remove(&summary.worlds) {
                summary.add(&world?);
                progress(&summary);
            }
        }
        Ok(summary)
    })
}

/// Runs one world; twice, when its logs are to be compared.
fn run_one(settings: VisitSettings, twice: bool) -> Result<VisitSummary, VisitViolation> {
    let world = run_world_of_visits(settings, None)?;
    if twice {
        let again = run_world_of_visits(settings, None)?;
        if again != world {
            return Err(VisitViolation {
                invariant: VisitInvariant::SameSeedSameLog,
                seed: settings.seed,
                visits: settings.visits,
                detail: format!("{world:?}, then {again:?}"),
            });
        }
    }
    Ok(world)
}

/// Gets each line of a log, and how long after the beginning it is.
pub type Tell<'a> = &'a mut dyn FnMut(Duration, &str);

/// Runs one world; `tell` gets each line of its log, and how long after the beginning it is.
///
/// # Errors
/// The first [`VisitViolation`].
pub fn run_world_of_visits(
    settings: VisitSettings,
    tell: Option<Tell<'_>>,
) -> Result<VisitSummary, VisitViolation> {
    VisitSimulation::new(settings, tell).run()
}
