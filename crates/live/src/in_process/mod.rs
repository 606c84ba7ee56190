//! Leases, spent nonces and limits of one process: each call answers at once, and nobody else knows of it.

mod limits;
mod nonces;
mod pools;
mod recent;

use std::collections::HashMap;
use std::sync::Arc;

use ringfence_model::{Duration, Lease, LeaseId, NumberId, PoolId, Source, Timestamp, VisitId};
use ringfence_tracking::{Held, RecentLease};

use crate::LiveLimits;
use limits::RateLimits;
use nonces::SpentNonces;
use pools::Pools;
use recent::Recent;

pub use limits::RateLimit;
pub use nonces::SpendError;
pub use pools::{LeaseOutcome, NewLease};

/// The leases, spent nonces and limits of one process.
#[derive(Debug)]
pub struct InProcess {
    pools: Pools,
    recent: Recent,
    nonces: SpentNonces,
    limits: RateLimits,
}

impl Default for InProcess {
    fn default() -> Self {
        Self::with_limits(LiveLimits::default())
    }
}

impl InProcess {
    /// Empty state.
    pub fn with_limits(limits: LiveLimits) -> Self {
        Self {
            pools: Pools::default(),
            recent: Recent::default(),
            nonces: SpentNonces::new(limits.nonces),
            limits: RateLimits::new(limits.per_prefix, limits.prefixes),
        }
    }

    /// Says which numbers a pool leases; numbers that are new are free since `now`, those that are
    /// gone are leased no more. Leave the pool's overflow number out.
    pub fn set_pool(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) {
        self.pools.set(pool, numbers, now);
    }

    /// Puts leases back from their rows, before or after `set_pool`. Leases that are over count too: they tell which
    /// numbers have been free the longest, and whom a late call came from. Those of overflow numbers bind nothing.
    pub fn restore(&self, leases: &[Lease]) {
        // Of a number that was in several pools, only the last lease counts in any of them.
        let mut last: HashMap<NumberId, &Lease> = HashMap::new();
        for lease in leases.iter().filter(|lease| !lease.overflow) {
            let known = last.entry(lease.number).or_insert(lease);
            if known.expires_at <= lease.expires_at {
                *known = lease;
            }
        }
        for lease in leases {
            if last
                .get(&lease.number)
                .is_some_and(|last| last.id == lease.id)
            {
                self.pools.restore(lease);
            }
            // Only those that are wanted are read.
            let forget_before = Timestamp::from_micros(i64::MIN);
            self.remember(lease.number, lease.into(), forget_before);
        }
    }

    /// Remembers a lease whose row is durable. Others of the number that ended before `forget_before` are forgotten.
    pub fn remember(&self, number: NumberId, lease: RecentLease, forget_before: Timestamp) {
        self.recent.remember(number, lease, forget_before);
    }

    /// Remembers where the visit of a lease came from.
    pub fn remember_source(&self, number: NumberId, lease: LeaseId, source: Arc<Source>) {
        self.recent
            .with(number, |leases| leases.know_source(lease, source));
    }

    /// Remembers that a beat moved a lease's end on.
    pub fn remember_extended(&self, number: NumberId, lease: LeaseId, expires_at: Timestamp) {
        self.recent
            .with(number, |leases| leases.extend(lease, expires_at));
    }

    /// Remembers that a lease ended before its time.
    pub fn remember_ended(&self, number: NumberId, lease: LeaseId, at: Timestamp) {
        self.recent.with(number, |leases| leases.end(lease, at));
    }

    /// A number's leases that were live `at`, or ended at most `late_call_window` before, the newest first; at most
    /// [`RECENT_MAX`](ringfence_tracking::RECENT_MAX).
    pub fn leases_around(
        &self,
        number: NumberId,
        at: Timestamp,
        late_call_window: Duration,
    ) -> Vec<RecentLease> {
        self.recent.around(number, at, late_call_window)
    }

    /// Binds a number of `pool` to a visit.
    pub fn lease(&self, pool: PoolId, new: &NewLease) -> LeaseOutcome {
        self.pools.lease(pool, new)
    }

    /// Gives back a lease that could not be made durable; nothing happens when it was extended since.
    pub fn take_back(&self, pool: PoolId, held: &Held) {
        self.pools.with(pool, |leases| leases.take_back(held));
    }

    /// Moves the end of a visit's lease on; `None` when it is no longer the visit's.
    pub fn extend(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Option<Held> {
        self.pools
            .with(pool, |leases| leases.extend(visit, lease, expires_at))
            .flatten()
    }

    /// Ends a visit's lease now; `None` when it is no longer the visit's.
    pub fn release(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Option<Held> {
        self.pools.release(pool, visit, lease, now)
    }

    /// Of these pools, the one from which a visit holds a number, or held it last when nobody has been given it since. A
    /// pool that the number is in comes before those that it left, where its lease is not extended any more, and of these
    /// the one where it ends last.
    pub fn holding(
        &self,
        pools: impl IntoIterator<Item = PoolId>,
        visit: VisitId,
    ) -> Option<PoolId> {
        self.pools.holding(pools, visit)
    }

    /// How many leases of a pool are live, and how many numbers it has.
    pub fn occupancy(&self, pool: PoolId, now: Timestamp) -> (usize, usize) {
        self.pools
            .with(pool, |leases| (leases.live(now), leases.len()))
            .unwrap_or((0, 0))
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
        self.nonces.spend(nonce, expires_at, now)
    }

    /// Makes a nonce good again: what it was spent for came to nothing.
    pub fn unspend(&self, nonce: [u8; 16]) {
        self.nonces.unspend(nonce);
    }

    /// Whether one more request of this address prefix is within its limit.
    pub fn within_limit(&self, prefix: u64, now: Timestamp) -> bool {
        self.limits.within(prefix, now)
    }
}
