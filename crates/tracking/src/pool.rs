//! A pool's leases as a machine: `decide` proposes, `apply` takes, and who lost a race decides again.

use ringfence_model::{LeaseId, NumberId, Timestamp, VisitId};

/// Which number is bound to which visit until when, for the numbers of one pool.
#[derive(Debug, Default)]
pub struct PoolLeases {}

/// What `decide` proposes for a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// The visit holds this number already.
    Keep {
        /// The number that it holds.
        number: NumberId,
        /// Its lease.
        lease: LeaseId,
        /// The number's generation that the decision saw.
        seen: u64,
    },
    /// The number that has been free the longest.
    Take {
        /// The number.
        number: NumberId,
        /// The number's generation that the decision saw.
        seen: u64,
    },
    /// Every number is leased.
    Overflow,
}

/// Somebody else took the number between `decide` and `apply`: decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number was taken between the decision and its application; decide again")]
pub struct LostRace;

/// A number that a visit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The number.
    pub number: NumberId,
    /// Its lease.
    pub lease: LeaseId,
    /// The visit.
    pub visit: VisitId,
    /// When the lease began.
    pub started_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Changes whenever the number changes hands or the lease is extended.
    pub generation: u64,
}
