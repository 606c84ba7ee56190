//! The simulation's own books: what rang, by its own reckoning, beside the table that the product would trust.

use std::collections::BTreeMap;

use ringfence_model::{Caps, TargetGroupId, TargetId, Timestamp};

use crate::counts::windows;

/// Calls at a time, and of this hour, day and month.
#[derive(Debug, Clone, Copy, Default)]
struct Page {
    active: u32,
    /// The window, and the calls in it that were answered or still ring.
    windows: [(i64, u32); 3],
}

impl Page {
    fn begin(&mut self, now: Timestamp) {
        self.active += 1;
        for ((window, count), current) in self.windows.iter_mut().zip(windows(now)) {
            if *window != current {
                (*window, *count) = (current, 0);
            }
            *count += 1;
        }
    }

    fn end(&mut self, began: Timestamp, answered: bool) {
        self.active -= 1;
        if answered {
            return;
        }
        for ((window, count), then) in self.windows.iter_mut().zip(windows(began)) {
            if *window == then {
                *count -= 1;
            }
        }
    }

    fn over(&self, caps: &Caps) -> bool {
        let counts = [
            self.active,
            self.windows[0].1,
            self.windows[1].1,
            self.windows[2].1,
        ];
        [caps.concurrent, caps.hour, caps.day, caps.month]
            .into_iter()
            .zip(counts)
            .any(|(cap, count)| cap.is_some_and(|cap| count > cap))
    }
}

/// What rings and talks, and since when.
#[derive(Debug, Default)]
pub(crate) struct Books {
    targets: BTreeMap<TargetId, Page>,
    groups: BTreeMap<TargetGroupId, Page>,
    legs: BTreeMap<u64, (TargetId, Timestamp)>,
    in_groups: BTreeMap<u64, (TargetGroupId, Timestamp)>,
}

impl Books {
    pub(crate) fn rings(&mut self, leg: u64, target: TargetId, now: Timestamp) {
        self.legs.insert(leg, (target, now));
        self.targets.entry(target).or_default().begin(now);
    }

    pub(crate) fn ends(&mut self, leg: u64, answered: bool) {
        if let Some((target, began)) = self.legs.remove(&leg)
            && let Some(page) = self.targets.get_mut(&target)
        {
            page.end(began, answered);
        }
    }

    pub(crate) fn enters(&mut self, call: u64, group: TargetGroupId, now: Timestamp) {
        self.in_groups.insert(call, (group, now));
        self.groups.entry(group).or_default().begin(now);
    }

    pub(crate) fn leaves(&mut self, call: u64, answered: bool) {
        if let Some((group, began)) = self.in_groups.remove(&call)
            && let Some(page) = self.groups.get_mut(&group)
        {
            page.end(began, answered);
        }
    }

    pub(crate) fn active(&self, target: TargetId) -> u32 {
        self.targets.get(&target).map_or(0, |page| page.active)
    }

    pub(crate) fn active_in(&self, group: TargetGroupId) -> u32 {
        self.groups.get(&group).map_or(0, |page| page.active)
    }

    pub(crate) fn is_over(&self, target: TargetId, caps: &Caps) -> bool {
        self.targets
            .get(&target)
            .is_some_and(|page| page.over(caps))
    }

    pub(crate) fn is_over_in(&self, group: TargetGroupId, caps: &Caps) -> bool {
        self.groups.get(&group).is_some_and(|page| page.over(caps))
    }
}
