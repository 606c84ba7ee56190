//! The books of overflow numbers, which many visits see at once.

use std::collections::HashMap;

use ringfence_model::{Confidence, LeaseId, Timestamp, VisitId};
use ringfence_tracking::Attribution;

use super::pages::{Broken, Within, expected};

/// The newest leases of an overflow number are those that a call is weighed by.
const NEWEST_OF_OVERFLOW: usize = 50;

/// The leases of overflow numbers, the newest last. None is forgotten: rows are read back in the order of their
/// beginnings, so those that a clock which was ahead made seem the newest, however many came after them.
#[derive(Debug, Default)]
pub(super) struct OverflowBooks(HashMap<usize, ShownTo>);

#[derive(Debug, Default)]
struct ShownTo {
    leases: Vec<(LeaseId, VisitId, Timestamp)>,
    latest: Timestamp,
}

impl OverflowBooks {
    pub(super) fn shown(&mut self, number: usize, lease: LeaseId, visit: VisitId, now: Timestamp) {
        let shown = self.0.entry(number).or_default();
        shown.latest = shown.latest.max(now);
        shown.leases.push((lease, visit, now));
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
        let leases = shown.map_or(&[][..], |shown| &shown.leases);
        // By the order in which they were shown, or by the clock as rows are read back. More than are weighed are not counted.
        let newer = leases
            .iter()
            .rposition(|(of, _, _)| *of == lease)
            .map(|own| {
                let (before, after) = leases.split_at(own + 1);
                let later = before
                    .iter()
                    .filter(|(_, _, started)| *started > leases[own].2);
                after.iter().chain(later).take(NEWEST_OF_OVERFLOW).count()
            });
        // A clock that was set back is behind the beginning of some.
        let clear = shown.is_none_or(|shown| shown.latest <= at);
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
