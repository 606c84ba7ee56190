//! Pools and their leases, each behind its own lock.

use ringfence_model::{LeaseId, Timestamp, VisitId};
use ringfence_tracking::Held;

/// A wish for a number.
#[derive(Debug, Clone, Copy)]
pub struct NewLease {
    /// Who is to be shown it.
    pub visit: VisitId,
    /// The identifier of the lease, should a new one begin.
    pub lease: LeaseId,
    /// Now.
    pub now: Timestamp,
    /// When the lease ends unless a beat moves this on.
    pub expires_at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// A number was free.
    New(Held),
    /// The visit has one already; its end has moved on.
    Kept(Held),
    /// Every number is leased.
    Exhausted,
    /// The pool is not known: `set_pool` was not called for it.
    UnknownPool,
}
