//! Pools and their leases, each behind its own lock.

use parking_lot::{Mutex, RwLock};
use ringfence_model::{Duration, Lease, LeaseId, NumberId, PoolId, Timestamp, VisitId};
use ringfence_tracking::{GivenUp, Held, LostRace, PoolLeases, Proposal};
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

/// Numbers that left a pool are forgotten this long after their last lease: a clock that is set back by less finds them as
/// they were.
const KNOWN_FOR: Duration = Duration::from_hours(2);

/// Pools by their identifier. Reading it is all that leasing needs, so that pools do not wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    known: RwLock<HashMap<PoolId, Arc<Mutex<PoolLeases>>>>,
    /// Pools that have leases from rows, and whose numbers are not known yet.
    unset: Mutex<HashSet<PoolId>>,
}

impl Pools {
    pub(crate) fn set(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) {
        let leases = self.known(pool);
        // Rows tell of numbers that may have been in other pools since.
        let here: HashSet<NumberId> = if self.unset.lock().remove(&pool) {
            HashSet::new()
        } else {
            leases.lock().numbers().collect()
        };
        let new: Vec<NumberId> = numbers
            .iter()
            .copied()
            .filter(|number| !here.contains(number))
            .collect();
        let given_up = self.given_up_elsewhere(pool, &new, now);
        let mut leases = leases.lock();
        for number in &given_up {
            leases.take_over(number);
        }
        let wanted: HashSet<NumberId> = numbers.iter().copied().collect();
        let gone: Vec<NumberId> = leases.numbers().filter(|n| !wanted.contains(n)).collect();
        for number in gone {
            leases.remove(number);
        }
        for &number in numbers {
            leases.add(number);
        }
        leases.sweep(now - KNOWN_FOR);
    }

    /// Numbers that come from other pools, in their order: those lease them no more, whether or not they know already
    /// that they left, and leases that are live there go on here.
    fn given_up_elsewhere(
        &self,
        pool: PoolId,
        numbers: &[NumberId],
        now: Timestamp,
    ) -> Vec<GivenUp> {
        if numbers.is_empty() {
            return Vec::new();
        }
        let mut given_up = Vec::new();
        for other in self.others(pool) {
            let mut other = other.lock();
            let from_there = numbers
                .iter()
                .enumerate()
                .filter_map(|(place, &number)| Some((place, other.give_up(number, now)?)));
            given_up.extend(from_there);
        }
        given_up.sort_by_key(|(place, _)| *place);
        given_up.into_iter().map(|(_, number)| number).collect()
    }

    fn others(&self, pool: PoolId) -> Vec<Arc<Mutex<PoolLeases>>> {
        let pools = self.known.read();
        let others = pools.iter().filter(|(id, _)| **id != pool);
        others.map(|(_, leases)| Arc::clone(leases)).collect()
    }

    pub(crate) fn restore(&self, lease: &Lease) {
        self.unset.lock().insert(lease.pool);
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
            let (applied, moved) = {
                let mut leases = leases.lock();
                let moved = match proposal {
                    Proposal::Take { number, .. } if leases.is_known_elsewhere(number) => {
                        Some(number)
                    }
                    _ => None,
                };
                let applied = leases.apply(proposal, new.visit, new.lease, new.now, new.expires_at);
                (applied, moved.filter(|_| applied.is_ok()))
            };
            if let Some(number) = moved {
                // A clock that is set back would have its last holder come back to it by the pool that it left.
                for other in self.others(pool) {
                    other.lock().forget_last(number);
                }
            }
            match (applied, proposal) {
                (Err(LostRace), _) => {}
                (Ok(None), _) => return LeaseOutcome::Exhausted,
                (Ok(Some(held)), Proposal::Keep { .. }) => return LeaseOutcome::Kept(held),
                (Ok(Some(held)), _) => return LeaseOutcome::New(held),
            }
        }
    }

    /// Ends a lease in this pool, and in those that its number went to or came from under it.
    pub(crate) fn release(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Option<Held> {
        let release = |leases: &mut PoolLeases| {
            let held = leases.held(visit).filter(|held| held.lease == lease)?;
            let moved = leases.is_known_elsewhere(held.number);
            leases.release(visit, now).map(|held| (held, moved))
        };
        let (held, moved) = self.with(pool, release).flatten()?;
        if moved {
            for other in self.others(pool) {
                release(&mut other.lock());
            }
        }
        Some(held)
    }

    /// Of these pools, the one that a visit's number is in; else the one that it left last.
    pub(crate) fn holding(
        &self,
        pools: impl IntoIterator<Item = PoolId>,
        visit: VisitId,
    ) -> Option<PoolId> {
        let mut left: Option<(Timestamp, PoolId)> = None;
        for pool in pools {
            let held = self.with(pool, |leases| {
                let held = leases.held(visit)?;
                Some((leases.has(held.number), held.expires_at))
            });
            match held.flatten() {
                Some((true, _)) => return Some(pool),
                // Its lease was moved on for as long as it was there.
                Some((false, until)) if left.is_none_or(|(known, _)| known < until) => {
                    left = Some((until, pool));
                }
                _ => {}
            }
        }
        left.map(|(_, pool)| pool)
    }

    pub(crate) fn with<T>(
        &self,
        pool: PoolId,
        act: impl FnOnce(&mut PoolLeases) -> T,
    ) -> Option<T> {
        self.find(pool).map(|leases| act(&mut leases.lock()))
    }

    fn find(&self, pool: PoolId) -> Option<Arc<Mutex<PoolLeases>>> {
        self.known.read().get(&pool).cloned()
    }

    fn known(&self, pool: PoolId) -> Arc<Mutex<PoolLeases>> {
        if let Some(leases) = self.find(pool) {
            return leases;
        }
        self.known.write().entry(pool).or_default().clone()
    }
}
