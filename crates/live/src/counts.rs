//! How many calls targets and groups had this hour, this day and this month: what their caps are compared with.
//!
//! A call counts when it is answered, in the periods in which it is. While it rings it counts already, so that no two
//! calls are rung for the last one of a cap; when nobody answers, it never did.

use std::collections::HashMap;

use ringfence_model::{TargetGroupId, TargetId, Timestamp};
use ringfence_routing::{Loads, Periods};

/// Calls that were answered before the program began, at one target for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredBefore {
    /// Who answered.
    pub target: TargetId,
    /// For which group, when that is known.
    pub group: Option<TargetGroupId>,
    /// Since the hour, the day and the month began.
    pub calls: [u32; 3],
}

/// The counts of an account.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// When the hour, the day and the month began that are counted.
    begins: Option<[Timestamp; 3]>,
    targets: HashMap<TargetId, Counted>,
    groups: HashMap<TargetGroupId, Counted>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    ringing: u32,
    answered: [u32; 3],
}

impl Counted {
    fn all(self) -> [u32; 3] {
        self.answered.map(|answered| answered + self.ringing)
    }

    /// A call rings.
    pub fn rings(&mut self) {
        self.ringing += 1;
    }

    /// A call that rang was answered.
    pub fn answers(&mut self) {
        self.stops_ringing();
        self.add([1; 3]);
    }

    /// A call that rang was not answered.
    pub fn stops_ringing(&mut self) {
        self.ringing = self.ringing.saturating_sub(1);
    }

    fn add(&mut self, calls: [u32; 3]) {
        for (answered, calls) in self.answered.iter_mut().zip(calls) {
            *answered = answered.saturating_add(calls);
        }
    }
}

impl Counts {
    /// Begins to count anew what has begun anew. A clock that goes back changes nothing: what it had counted stays counted
    /// until time is where it was.
    pub fn keep_time(&mut self, periods: &Periods, loads: &mut Loads) {
        let now = [periods.hour, periods.day, periods.month].map(|period| period.begin);
        let before = *self.begins.get_or_insert(now);
        if now.iter().zip(before).all(|(now, before)| *now <= before) {
            return;
        }
        let mut begins = before;
        for (of, (now, before)) in now.into_iter().zip(before).enumerate() {
            if now > before {
                begins[of] = now;
                let all = self.targets.values_mut().chain(self.groups.values_mut());
                all.for_each(|counted| counted.answered[of] = 0);
            }
        }
        self.begins = Some(begins);
        let targets: Vec<TargetId> = self.targets.keys().copied().collect();
        for target in targets {
            self.of_target(target, loads, |_| ());
        }
        let groups: Vec<TargetGroupId> = self.groups.keys().copied().collect();
        for group in groups {
            self.of_group(group, loads, |_| ());
        }
    }

    /// Counts what was answered before.
    pub fn restore(&mut self, periods: &Periods, before: &[AnsweredBefore], loads: &mut Loads) {
        self.keep_time(periods, loads);
        for one in before {
            self.of_target(one.target, loads, |counted| counted.add(one.calls));
            if let Some(group) = one.group {
                self.of_group(group, loads, |counted| counted.add(one.calls));
            }
        }
    }

    /// Changes a target's counts, and shows them in its load.
    pub fn of_target(
        &mut self,
        target: TargetId,
        loads: &mut Loads,
        change: impl FnOnce(&mut Counted),
    ) {
        let counted = self.targets.entry(target).or_default();
        change(counted);
        let load = loads.targets.entry(target).or_default();
        [load.hour, load.day, load.month] = counted.all();
    }

    /// Changes a group's counts, and shows them in its load.
    pub fn of_group(
        &mut self,
        group: TargetGroupId,
        loads: &mut Loads,
        change: impl FnOnce(&mut Counted),
    ) {
        let counted = self.groups.entry(group).or_default();
        change(counted);
        let load = loads.groups.entry(group).or_default();
        [load.hour, load.day, load.month] = counted.all();
    }
}
