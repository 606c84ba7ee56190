//! The table of counts, as `live` keeps it: caps are held by reserving before ringing.

use std::time::Duration;

use ringfence_model::{AgentState, Caps, TargetGroupId, TargetId, Timestamp};
use ringfence_routing::{Destinations, Loads};

use crate::simulation::Fault;

/// The length of an hour, a day and a month of 30 days, in µs.
const WINDOWS: [i64; 3] = [3_600_000_000, 86_400_000_000, 2_592_000_000_000];

/// In which hour, day and month an instant lies.
pub(crate) fn windows(at: Timestamp) -> [i64; 3] {
    WINDOWS.map(|length| at.as_micros().div_euclid(length))
}

/// A reservation, to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserved<Id> {
    pub(crate) id: Id,
    /// The windows that it was counted in.
    at: [i64; 3],
}

/// Counts of this moment.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) loads: Loads,
    /// The windows that are counted now.
    at: [i64; 3],
    /// A fault to be found: reserve whatever the caps say.
    ignores_caps: bool,
    /// A fault to be found: reserve who is paused.
    ignores_pauses: bool,
}

impl Counts {
    pub(crate) fn new(loads: Loads, fault: Option<Fault>) -> Self {
        Self {
            loads,
            at: [0; 3],
            ignores_caps: fault == Some(Fault::IgnoresCaps),
            ignores_pauses: fault == Some(Fault::IgnoresPauses),
        }
    }

    /// Begins new hours, days and months.
    pub(crate) fn roll(&mut self, now: Timestamp) {
        let at = windows(now);
        let began = [0, 1, 2].map(|n| at[n] != self.at[n]);
        if began == [false; 3] {
            return;
        }
        self.at = at;
        let reset = |[hour, day, month]: [&mut u32; 3]| {
            for (count, began) in [hour, day, month].into_iter().zip(began) {
                if began {
                    *count = 0;
                }
            }
        };
        for load in self.loads.targets.values_mut() {
            reset([&mut load.hour, &mut load.day, &mut load.month]);
        }
        for load in self.loads.groups.values_mut() {
            reset([&mut load.hour, &mut load.day, &mut load.month]);
        }
    }

    /// Compares and sets in one go: the target may be rung now, and is counted, or `None`.
    pub(crate) fn reserve(
        &mut self,
        target: TargetId,
        destinations: &Destinations,
        now: Timestamp,
    ) -> Option<Reserved<TargetId>> {
        self.roll(now);
        let at = self.at;
        let load = self.loads.targets.entry(target).or_default();
        let enabled = destinations.targets.get(&target)?.enabled
            && !matches!(
                load.agent,
                Some(AgentState::SignedOut | AgentState::OnBreak)
            );
        if !enabled && !self.ignores_pauses {
            return None;
        }
        let caps = destinations
            .profiles
            .get(&target)
            .map(|profile| profile.caps)
            .unwrap_or_default();
        let counts = [load.active, load.hour, load.day, load.month];
        if reached(&caps, counts) && !self.ignores_caps {
            return None;
        }
        match load.breaker.admission(now) {
            ringfence_routing::Admission::Free => {}
            ringfence_routing::Admission::Probe => {
                load.breaker.probe(now);
            }
            ringfence_routing::Admission::Refused { .. } => return None,
        }
        load.active += 1;
        load.hour += 1;
        load.day += 1;
        load.month += 1;
        load.rung += 1;
        load.last_rung_at = Some(now);
        Some(Reserved { id: target, at })
    }

    /// The same for a group, once for each call that rings there.
    pub(crate) fn reserve_group(
        &mut self,
        group: TargetGroupId,
        destinations: &Destinations,
        now: Timestamp,
    ) -> Option<Reserved<TargetGroupId>> {
        self.roll(now);
        let at = self.at;
        let load = self.loads.groups.entry(group).or_default();
        let caps = destinations
            .group_profiles
            .get(&group)
            .map(|profile| profile.caps)
            .unwrap_or_default();
        let counts = [load.active, load.hour, load.day, load.month];
        if reached(&caps, counts) && !self.ignores_caps {
            return None;
        }
        load.active += 1;
        load.hour += 1;
        load.day += 1;
        load.month += 1;
        Some(Reserved { id: group, at })
    }

    /// Gives a target back. What was not answered does not count for the hour, day and month.
    pub(crate) fn release(&mut self, reserved: Reserved<TargetId>, answered: bool, now: Timestamp) {
        self.roll(now);
        let at = self.at;
        let load = self.loads.targets.entry(reserved.id).or_default();
        load.active = load.active.saturating_sub(1);
        if answered {
            load.last_ended_at = Some(now);
        } else {
            give_back(
                [&mut load.hour, &mut load.day, &mut load.month],
                reserved.at,
                at,
            );
        }
    }

    /// Gives a group back.
    pub(crate) fn release_group(
        &mut self,
        reserved: Reserved<TargetGroupId>,
        answered: bool,
        now: Timestamp,
    ) {
        self.roll(now);
        let at = self.at;
        let load = self.loads.groups.entry(reserved.id).or_default();
        load.active = load.active.saturating_sub(1);
        if !answered {
            give_back(
                [&mut load.hour, &mut load.day, &mut load.month],
                reserved.at,
                at,
            );
        }
    }
}

/// Only in the windows that it was counted in: those that ended since begin with nothing of it.
fn give_back(counts: [&mut u32; 3], reserved: [i64; 3], now: [i64; 3]) {
    for ((count, then), now) in counts.into_iter().zip(reserved).zip(now) {
        if then == now {
            *count = count.saturating_sub(1);
        }
    }
}

pub(crate) fn reached(caps: &Caps, counts: [u32; 4]) -> bool {
    [caps.concurrent, caps.hour, caps.day, caps.month]
        .into_iter()
        .zip(counts)
        .any(|(cap, count)| cap.is_some_and(|cap| count >= cap))
}

/// How old the facts of a decision may be.
pub(crate) const SNAPSHOT_FOR: Duration = Duration::from_secs(1);
