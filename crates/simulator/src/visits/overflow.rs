//! The books of overflow numbers, which many visits see at once.

use std::collections::{HashMap, VecDeque};

use ringfence_model::{Confidence, LeaseId, Timestamp, VisitId};
use ringfence_tracking::Attribution;

use super::pages::{Broken, Within, expected};

/// The newest leases of an overflow number are those that a call is weighed by.
const NEWEST_OF_OVERFLOW: usize = 50;
/// Leases of one that are looked back at: a clock that was ahead made many that seem newer than they are.
const LOOKED_BACK: usize = 4000;

/// The leases of overflow numbers, the newest last.
#[derive(Debug, Default)]
pub(super) struct OverflowBooks(HashMap<usize, VecDeque<(LeaseId, VisitId, Timestamp)>>);

impl OverflowBooks {
    pub(super) fn shown(&mut self, number: usize, lease: LeaseId, visit: VisitId, now: Timestamp) {
        let shown = self.0.entry(number).or_default();
        shown.push_back((lease, visit, now));
        if shown.len() > LOOKED_BACK {
            shown.pop_front();
        }
    }

    /// A visit whose lease of an overflow number is live calls: it is one of those that are weighed, unless as many
    /// came after it.
    pub(super) fn called(
        &self,
        number: usize,
        lease: LeaseId,
        at: Timestamp,
        attribution: &Attribution,
        considered: &[LeaseId],
    ) -> Result<(), Broken> {
        let shown = self.0.get(&number);
        let known = || shown.into_iter().flatten();
        let own = known().position(|(of, _, _)| *of == lease);
        // By the order in which they were shown, or by the clock as rows are read back.
        let newer = own.map(|own| {
            let began = shown.map(|shown| shown[own].2);
            let later = |(place, (_, _, started)): &(usize, &(LeaseId, VisitId, Timestamp))| {
                *place > own || Some(*started) > began
            };
            known().enumerate().filter(later).count()
        });
        // A clock that was set back is behind the beginning of some.
        let clear = known().all(|(_, _, started)| *started <= at);
        let weighed = considered.contains(&lease);
        let right = !clear
            || newer.is_none_or(|newer| newer >= NEWEST_OF_OVERFLOW)
            || weighed && attribution.confidence == Confidence::Shared;
        expected(right, Within::Lease, || {
            format!("a call at {at} to overflow number {number} by {lease}, {newer:?} after it, got {attribution:?} of {considered:?}")
        })
        .map(drop)
    }
}
