//! Pools and their leases, each behind its own lock.

use parking_lot::{Mutex, RwLock};
use ringfence_model::{Lease, LeaseId, NumberId, PoolId, Timestamp, VisitId};
use ringfence_tracking::{Held, LostRace, PoolLeases, Proposal};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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

/// Pools by their identifier. Reading it is all that leasing needs, so that pools do not wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Pools(RwLock<HashMap<PoolId, Arc<Mutex<PoolLeases>>>>);

impl Pools {
    pub(crate) fn set(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) {
        let leases = self.known(pool);
        let known: HashSet<NumberId> = leases.lock().numbers().collect();
        let new: Vec<NumberId> = numbers
            .iter()
            .copied()
            .filter(|number| !known.contains(number))
            .collect();
        let moved_in = self.held_elsewhere(pool, &new, now);
        let mut leases = leases.lock();
        for held in &moved_in {
            leases.restore(held);
        }
        let wanted: HashSet<NumberId> = numbers.iter().copied().collect();
        let gone: Vec<NumberId> = leases.numbers().filter(|n| !wanted.contains(n)).collect();
        for number in gone {
            leases.remove(number);
        }
        for &number in numbers {
            leases.add(number);
        }
        leases.sweep(now);
    }

    /// Leases of numbers that come from another pool: they are live there until they end.
    fn held_elsewhere(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) -> Vec<Held> {
        if numbers.is_empty() {
            return Vec::new();
        }
        let others: Vec<_> = {
            let pools = self.0.read();
            let others = pools.iter().filter(|(id, _)| **id != pool);
            others.map(|(_, leases)| Arc::clone(leases)).collect()
        };
        let mut held = Vec::new();
        for other in others {
            let mut other = other.lock();
            let here = numbers
                .iter()
                .filter_map(|&number| other.holder(number, now));
            let here: Vec<Held> = here.collect();
            for moved in &here {
                other.remove(moved.number);
            }
            held.extend(here);
        }
        held
    }

    pub(crate) fn restore(&self, lease: &Lease) {
        self.known(lease.pool).lock().restore(&Held {
            number: lease.number,
            lease: lease.id,
            visit: lease.visit,
            started_at: lease.started_at,
            expires_at: lease.expires_at,
            generation: 0,
        });
    }

    pub(crate) fn lease(&self, pool: PoolId, new: &NewLease) -> LeaseOutcome {
        let Some(leases) = self.find(pool) else {
            return LeaseOutcome::UnknownPool;
        };
        loop {
            // Two steps, as they are when the state lives on another machine: there, `apply` is what is atomic.
            let proposal = leases.lock().decide(new.visit, new.now);
            let applied =
                leases
                    .lock()
                    .apply(proposal, new.visit, new.lease, new.now, new.expires_at);
            match (applied, proposal) {
                (Err(LostRace), _) => {}
                (Ok(None), _) => return LeaseOutcome::Exhausted,
                (Ok(Some(held)), Proposal::Keep { .. }) => return LeaseOutcome::Kept(held),
                (Ok(Some(held)), _) => return LeaseOutcome::New(held),
            }
        }
    }

    pub(crate) fn with<T>(
        &self,
        pool: PoolId,
        act: impl FnOnce(&mut PoolLeases) -> T,
    ) -> Option<T> {
        self.find(pool).map(|leases| act(&mut leases.lock()))
    }

    fn find(&self, pool: PoolId) -> Option<Arc<Mutex<PoolLeases>>> {
        self.0.read().get(&pool).cloned()
    }

    fn known(&self, pool: PoolId) -> Arc<Mutex<PoolLeases>> {
        if let Some(leases) = self.find(pool) {
            return leases;
        }
        self.0.write().entry(pool).or_default().clone()
    }
}
