//! State that many requests share and that must be quick: pool leases, spent nonces, rate limits, active calls.
//!
//! In process; rebuilt from rows at start. Never the only copy of what must last.

mod active;
mod limits;
mod nonces;
mod pools;

use ringfence_model::{Lease, LeaseId, NumberId, PoolId, Timestamp, VisitId};

pub use active::ActiveGuard;
pub use limits::RateLimit;
pub use nonces::SpendError;
pub use pools::{LeaseOutcome, NewLease};
pub use ringfence_tracking::Held;

/// How much is held at most.
#[derive(Debug, Clone, Copy)]
pub struct LiveLimits {
    /// Requests of one address prefix.
    pub per_prefix: RateLimit,
    /// Address prefixes that are told apart at one time.
    pub prefixes: usize,
    /// Spent nonces that are remembered at one time.
    pub nonces: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            per_prefix: RateLimit {
                per_minute: 240,
                burst: 120,
            },
            prefixes: 200_000,
            nonces: 1_000_000,
        }
    }
}

/// The shared state of one process.
#[derive(Debug)]
pub struct Live {}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Empty state with the default limits.
    pub fn new() -> Self {
        Self::with_limits(LiveLimits::default())
    }

    /// Empty state.
    pub fn with_limits(limits: LiveLimits) -> Self {
        let _ = limits;
        todo!()
    }

    /// Says which numbers a pool leases; numbers that are new are free since `now`, those that are
    /// gone are leased no more. Leave the pool's overflow number out.
    pub fn set_pool(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) {
        let _ = (pool, numbers, now);
        todo!()
    }

    /// Rebuilds leases and spent nonces from rows, after `set_pool`.
    pub fn restore(&self, leases: &[Lease], now: Timestamp) {
        let _ = (leases, now);
        todo!()
    }

    /// Binds a number of `pool` to a visit.
    pub fn lease(&self, pool: PoolId, new: &NewLease) -> LeaseOutcome {
        let _ = (pool, new);
        todo!()
    }

    /// Gives back a lease that could not be made durable; nothing happens when it was extended since.
    pub fn take_back(&self, pool: PoolId, held: &Held) {
        let _ = (pool, held);
        todo!()
    }

    /// Moves the end of a visit's lease on; `None` when it is no longer the visit's.
    pub fn extend(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Option<Held> {
        let _ = (pool, visit, lease, expires_at);
        todo!()
    }

    /// Ends a visit's lease now; false when it is no longer the visit's.
    pub fn release(&self, pool: PoolId, visit: VisitId, now: Timestamp) -> bool {
        let _ = (pool, visit, now);
        todo!()
    }

    /// How many leases of a pool are live, and how many numbers it has.
    pub fn occupancy(&self, pool: PoolId, now: Timestamp) -> (usize, usize) {
        let _ = (pool, now);
        todo!()
    }

    /// Spends a token's nonce, once.
    ///
    /// # Errors
    /// [`SpendError`] when it was spent before, or when too many are remembered to be sure.
    pub fn spend(
        &self,
        nonce: [u8; 16],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SpendError> {
        let _ = (nonce, expires_at, now);
        todo!()
    }

    /// Makes a nonce good again: what it was spent for came to nothing.
    pub fn unspend(&self, nonce: [u8; 16]) {
        let _ = nonce;
        todo!()
    }

    /// Whether one more request of this address prefix is within its limit.
    pub fn within_limit(&self, prefix: u64, now: Timestamp) -> bool {
        let _ = (prefix, now);
        todo!()
    }

    /// Counts a call as active for `key` (a target's, trunk's or account's id) until the guard is dropped.
    pub fn begin(&self, key: u128) -> ActiveGuard {
        let _ = key;
        todo!()
    }

    /// How many calls are active for `key`.
    pub fn active(&self, key: u128) -> u32 {
        let _ = key;
        todo!()
    }
}
