//! The pages of the books: a number each, with its last leases.

use std::collections::VecDeque;
use std::time::Duration;

use ringfence_model::{LeaseId, Timestamp, VisitId};

use super::invariants::VisitInvariant;

/// A lease as the books have it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are facts of their own")]
pub(super) struct Entry {
    pub(super) lease: LeaseId,
    pub(super) visit: VisitId,
    pub(super) pool: usize,
    pub(super) started: Timestamp,
    /// When it ends by what a restart would find.
    pub(super) row_ends: Timestamp,
    /// When it ends by what was promised; later than the row where writing the row failed.
    pub(super) held_until: Timestamp,
    /// Its row is durable, and the visitor sees the number.
    pub(super) shown: bool,
    /// It was extended, or given back by its visit.
    pub(super) touched: bool,
    pub(super) released: bool,
    /// Its number went to another pool since.
    pub(super) moved: bool,
    /// Its number was given to another visit since, whose lease did not become durable.
    pub(super) replaced: bool,
    /// It never became durable, and the pool that its number went to meanwhile may not have heard of that.
    pub(super) undone: bool,
}

/// A number as the books have it.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: VecDeque<Entry>,
    /// The pool that it belongs to, unless it rests.
    pub(super) pool: Option<usize>,
    /// It rests until then by the clock.
    pub(super) rests: Option<Timestamp>,
    /// Pools whose reader may not know yet that it left, until that true time.
    pub(super) stale: Vec<(usize, Duration)>,
    /// Somebody may not know yet to which pool it belongs, until that true time.
    pub(super) unsettled: Duration,
}

impl Page {
    pub(super) fn may_come_from(&self, pool: usize, elapsed: Duration) -> bool {
        self.pool == Some(pool)
            || self
                .stale
                .iter()
                .any(|&(left, until)| left == pool && elapsed <= until)
    }

    pub(super) fn everybody_knows(&mut self) {
        self.stale.clear();
        self.unsettled = Duration::ZERO;
    }
}

impl Entry {
    pub(super) fn begun(
        (visit, lease, pool): (VisitId, LeaseId, usize),
        now: Timestamp,
        ends: Timestamp,
    ) -> Self {
        Self {
            lease,
            visit,
            pool,
            started: now,
            row_ends: ends,
            held_until: ends,
            shown: false,
            touched: false,
            released: false,
            moved: false,
            replaced: false,
            undone: false,
        }
    }

    /// Some visit is promised the number past `now`: not one that was undone, unless another page of it went on with it.
    pub(super) fn is_promised(&self, now: Timestamp) -> bool {
        self.held_until.max(self.row_ends) > now && (self.touched || !self.undone)
    }
}

/// What does not hold, and what was found.
pub(super) type Broken = (VisitInvariant, String);

/// Where a call fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// Into a lease.
    Lease,
    /// Shortly after one.
    Late,
    /// Into none.
    Nobody,
    /// Before the number's last lease, by a clock that was set back.
    Unsure,
}

pub(super) fn expected(
    right: bool,
    within: Within,
    detail: impl FnOnce() -> String,
) -> Result<Within, Broken> {
    if right {
        Ok(within)
    } else {
        Err((VisitInvariant::CallsBelongToTheirVisit, detail()))
    }
}
