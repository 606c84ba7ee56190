//! State that many requests share and that must be quick: pool leases, spent nonces, rate limits, places of calls, queues.
//!
//! In process, or leases and nonces in a Valkey that several servers share. Never the only copy of what must last.

mod counts;
mod in_process;
mod places;
mod queues;
mod valkey;

use std::sync::Arc;

use ringfence_model::{
    AccountId, Duration, Lease, LeaseId, NumberId, PoolId, Source, Timestamp, VisitId,
};

use places::Places;

pub use counts::AnsweredBefore;
pub use in_process::{InProcess, LeaseOutcome, NewLease, RateLimit, SpendError};
pub use places::{AccountPlaces, AgentSays, Deciding, Place};
pub use queues::Ticket;
pub use ringfence_tracking::{Held, RecentLease};
pub use valkey::{AccountRows, BadUrl, Building, Valkey, ValkeyFacts};

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
            nonces: 2_000_000,
        }
    }
}

/// Why shared state could not be used. In process it always can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// Valkey gave no answer in time, or a wrong one; whether it did what it was asked is not known.
    #[error("expected Valkey to answer in time, it did not; ringfence doctor looks at it")]
    Away,
    /// Valkey knows nothing of the account, or what it knows is of another process: build it from rows.
    #[error("expected Valkey to know the account, it does not; build it from rows")]
    Unbuilt,
}

/// Where leases and spent nonces are.
#[derive(Debug)]
enum Leases {
    /// In this process, which alone answers number requests.
    InProcess,
    /// Where other servers see them too.
    Valkey(Box<Valkey>),
}

/// The shared state.
#[derive(Debug)]
pub struct Live {
    leases: Leases,
    own: InProcess,
    places: Places,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Empty state of one process with the default limits.
    pub fn new() -> Self {
        Self::with_limits(LiveLimits::default())
    }

    /// Empty state of one process.
    pub fn with_limits(limits: LiveLimits) -> Self {
        Self {
            leases: Leases::InProcess,
            own: InProcess::with_limits(limits),
            places: Places::default(),
        }
    }

    /// The same, with leases and spent nonces in a Valkey.
    #[must_use]
    pub fn over(self, valkey: Valkey) -> Self {
        Self {
            leases: Leases::Valkey(Box::new(valkey)),
            ..self
        }
    }

    /// The Valkey that leases and spent nonces are in.
    pub fn valkey(&self) -> Option<&Valkey> {
        match &self.leases {
            Leases::InProcess => None,
            Leases::Valkey(valkey) => Some(valkey),
        }
    }

    /// Puts leases back from their rows, in this process only; see [`InProcess::restore`].
    pub fn restore(&self, leases: &[Lease]) {
        self.own.restore(leases);
    }

    /// Says that a nonce was spent, in this process only.
    pub fn restore_spent(&self, nonce: [u8; 16], expires_at: Timestamp, now: Timestamp) {
        self.own.spend(nonce, expires_at, now).ok();
    }

    /// Claims to build an account from its rows, which are read after this; `None` while another server does. `token` is
    /// random.
    ///
    /// # Errors
    /// [`LiveError::Away`].
    pub async fn begin_build(
        &self,
        account: AccountId,
        token: u128,
    ) -> Result<Option<Building>, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(None),
            Leases::Valkey(valkey) => Box::pin(valkey.begin_build(account, token)).await,
        }
    }

    /// Builds an account from its rows; `false` when that took too long and another server may be at it.
    ///
    /// # Errors
    /// [`LiveError::Away`].
    pub async fn build(
        &self,
        building: &Building,
        rows: &AccountRows,
        now: Timestamp,
    ) -> Result<bool, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(true),
            Leases::Valkey(valkey) => Box::pin(valkey.build(building, rows, now)).await,
        }
    }

    /// Rows contradict what is shared of an account: it is built anew before anybody uses it again.
    ///
    /// # Errors
    /// [`LiveError::Away`].
    pub async fn forget(&self, account: AccountId) -> Result<(), LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(()),
            Leases::Valkey(valkey) => Box::pin(valkey.forget(account)).await,
        }
    }

    /// Says which numbers a pool leases; numbers that are new are free since `now`, those that are
    /// gone are leased no more. Leave the pool's overflow number out.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn set_pool(
        &self,
        account: AccountId,
        pool: PoolId,
        numbers: &[NumberId],
        now: Timestamp,
    ) -> Result<(), LiveError> {
        match &self.leases {
            Leases::InProcess => {
                self.own.set_pool(pool, numbers, now);
                Ok(())
            }
            Leases::Valkey(valkey) => Box::pin(valkey.set_pool(account, pool, numbers, now)).await,
        }
    }

    /// Binds a number of `pool` to a visit.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn lease(
        &self,
        account: AccountId,
        pool: PoolId,
        new: &NewLease,
    ) -> Result<LeaseOutcome, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(self.own.lease(pool, new)),
            Leases::Valkey(valkey) => Box::pin(valkey.lease(account, pool, new)).await,
        }
    }

    /// Gives back a lease that could not be made durable; nothing happens when it was extended since.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn take_back(
        &self,
        account: AccountId,
        pool: PoolId,
        held: &Held,
    ) -> Result<(), LiveError> {
        match &self.leases {
            Leases::InProcess => {
                self.own.take_back(pool, held);
                Ok(())
            }
            Leases::Valkey(valkey) => Box::pin(valkey.take_back(account, held)).await,
        }
    }

    /// Moves the end of a visit's lease on; `None` when it is no longer the visit's.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn extend(
        &self,
        account: AccountId,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Result<Option<Held>, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(self.own.extend(pool, visit, lease, expires_at)),
            Leases::Valkey(valkey) => {
                Box::pin(valkey.extend(account, pool, visit, lease, expires_at)).await
            }
        }
    }

    /// Ends a visit's lease now; `None` when it is no longer the visit's.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn release(
        &self,
        account: AccountId,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<Option<Held>, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(self.own.release(pool, visit, lease, now)),
            Leases::Valkey(valkey) => Box::pin(valkey.release(account, visit, lease, now)).await,
        }
    }

    /// Of these pools, the one from which a visit holds a number, or held it last when nobody has been given it since. A
    /// pool that the number is in comes before those that it left, where its lease is not extended any more, and of these
    /// the one where it ends last.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn holding(
        &self,
        account: AccountId,
        pools: impl IntoIterator<Item = PoolId>,
        visit: VisitId,
    ) -> Result<Option<PoolId>, LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(self.own.holding(pools, visit)),
            Leases::Valkey(valkey) => {
                let pools: Vec<PoolId> = pools.into_iter().collect();
                Box::pin(async move { valkey.holding(account, &pools, visit).await }).await
            }
        }
    }

    /// How many leases of a pool are live, and how many numbers it has.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn occupancy(
        &self,
        account: AccountId,
        pool: PoolId,
        now: Timestamp,
    ) -> Result<(usize, usize), LiveError> {
        match &self.leases {
            Leases::InProcess => Ok(self.own.occupancy(pool, now)),
            Leases::Valkey(valkey) => Box::pin(valkey.occupancy(account, pool, now)).await,
        }
    }

    /// Spends a token's nonce, once.
    ///
    /// # Errors
    /// [`SpendError`] when it was spent before, when too many are remembered to be sure, or when what is shared cannot be
    /// used.
    pub async fn spend(
        &self,
        account: AccountId,
        nonce: [u8; 16],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SpendError> {
        match &self.leases {
            Leases::InProcess => self.own.spend(nonce, expires_at, now),
            Leases::Valkey(valkey) => Box::pin(valkey.spend(account, nonce, expires_at, now)).await,
        }
    }

    /// Makes a nonce good again: what it was spent for came to nothing.
    ///
    /// # Errors
    /// [`LiveError`].
    pub async fn unspend(&self, account: AccountId, nonce: [u8; 16]) -> Result<(), LiveError> {
        match &self.leases {
            Leases::InProcess => {
                self.own.unspend(nonce);
                Ok(())
            }
            Leases::Valkey(valkey) => Box::pin(valkey.unspend(account, nonce)).await,
        }
    }

    /// Remembers a lease whose row is durable; others of the number that ended before `forget_before` are forgotten. What
    /// several servers lease is read from rows instead.
    pub fn remember(&self, number: NumberId, lease: RecentLease, forget_before: Timestamp) {
        if self.valkey().is_none() {
            self.own.remember(number, lease, forget_before);
        }
    }

    /// Remembers where the visit of a lease came from.
    pub fn remember_source(&self, number: NumberId, lease: LeaseId, source: Arc<Source>) {
        self.own.remember_source(number, lease, source);
    }

    /// Remembers that a beat moved a lease's end on.
    pub fn remember_extended(&self, number: NumberId, lease: LeaseId, expires_at: Timestamp) {
        self.own.remember_extended(number, lease, expires_at);
    }

    /// Remembers that a lease ended before its time.
    pub fn remember_ended(&self, number: NumberId, lease: LeaseId, at: Timestamp) {
        self.own.remember_ended(number, lease, at);
    }

    /// What this process remembers; see [`InProcess::leases_around`].
    pub fn leases_around(
        &self,
        number: NumberId,
        at: Timestamp,
        late_call_window: Duration,
    ) -> Vec<RecentLease> {
        self.own.leases_around(number, at, late_call_window)
    }

    /// Whether one more request of this address prefix is within its limit.
    pub fn within_limit(&self, prefix: u64, now: Timestamp) -> bool {
        self.own.within_limit(prefix, now)
    }

    /// The places that calls hold at an account's targets and groups.
    pub fn places(&self, account: AccountId) -> AccountPlaces {
        self.places.of(account)
    }
}

#[cfg(test)]
mod tests;
