//! Numbers that are moved between pools and rest, by `tracking`'s decision; and the timer that ends their rest.

use std::time::Duration;

use ringfence_model::{AccountId, NumberChange, NumberState};
use ringfence_tracking::{PoolMove, move_number};

use super::invariants::VisitInvariant;
use super::server::FRESH_FOR;
use super::simulation::{Held, VisitSimulation};
use super::world::number_id;
use crate::world::BEGINS;

impl VisitSimulation<'_> {
    /// Somebody gives some numbers to other pools, or to none; here, or by another process that nobody hears of until
    /// facts are read again.
    pub(super) fn moves(&mut self) -> Held {
        let wanted = self.random.index(self.world.pools.len() + 1);
        let wanted = (wanted < self.world.pools.len()).then_some(wanted);
        let here = self.random.percent(50);
        let count = 1 + match self.random.below(10) {
            0 => self.random.index(200),
            _ => self.random.index(4),
        };
        for _ in 0..count {
            let number = self.random.index(self.world.numbers.len().max(1));
            let shared = |id| {
                self.world
                    .pools
                    .iter()
                    .any(|of| of.pool.overflow == Some(id))
            };
            if number < self.world.numbers.len() && !shared(number_id(number)) {
                self.moves_one(number, wanted, here)?;
            }
        }
        if here {
            self.everybody_reads_again();
        }
        Ok(())
    }

    pub(super) fn everybody_reads_again(&mut self) {
        self.server.changed();
        self.books.everybody_knows();
    }

    fn moves_one(&mut self, number: usize, wanted: Option<usize>, here: bool) -> Held {
        let now = self.clock();
        let old = self.world.numbers[number].clone();
        let before = self
            .world
            .pools
            .iter()
            .position(|of| Some(of.pool.id) == old.pool);
        let quarantine = before.map_or(Duration::ZERO, |n| self.world.pools[n].pool.quarantine);
        let pool = wanted.map(|n| self.world.pools[n].pool.id);
        let resting = self.resting.get(&number).cloned();
        let moved = move_number(&old, pool, resting.as_ref(), quarantine, now);
        self.summary.moved += 1;

        let (in_pool, rests) = self.books.standing(number);
        let due = match (rests, in_pool) {
            (Some(_), _)
                if wanted.is_some() && pool == resting.as_ref().and_then(|change| change.left) =>
            {
                PoolMove::Back
            }
            (Some(_), _) => PoolMove::GoesOn,
            (None, Some(left)) if Some(left) != wanted && !quarantine.is_zero() => {
                PoolMove::Rests(now + quarantine)
            }
            (None, _) => PoolMove::InUse,
        };
        if moved != due {
            let detail = format!(
                "number {number} in {in_pool:?}, resting {rests:?}, goes to {wanted:?}: {moved:?}, not {due:?}"
            );
            return Err(self.violation((VisitInvariant::QuarantineIsKept, detail)));
        }
        let rests = match moved {
            PoolMove::Rests(until) => {
                self.summary.rested += 1;
                self.resting.insert(
                    number,
                    NumberChange {
                        account: AccountId::new(BEGINS, 1),
                        number: old.id,
                        at: now,
                        state: NumberState::Quarantined,
                        why: String::new(),
                        until: Some(until),
                        left: old.pool,
                    },
                );
                Some(until)
            }
            PoolMove::GoesOn => rests,
            PoolMove::InUse | PoolMove::Back => {
                self.resting.remove(&number);
                None
            }
        };
        let state = match (rests, wanted) {
            (Some(_), _) => NumberState::Quarantined,
            (None, Some(_)) => NumberState::Assigned,
            (None, None) => NumberState::Available,
        };
        self.log("moves", number as u64, wanted.map_or(99, |n| n as u64));
        let lagging = (!here).then(|| self.elapsed() + FRESH_FOR * 2);
        let usable = rests.is_none().then_some(wanted).flatten();
        self.books.moved(number, usable, rests, lagging);
        self.assign(number, wanted, state);
        Ok(())
    }

    /// The timer of rests: those that are over by the clock.
    pub(super) fn ends_rests(&mut self) -> Held {
        let now = self.clock();
        let over: Vec<usize> = self
            .resting
            .iter()
            .filter(|(_, change)| change.until.is_some_and(|until| until <= now))
            .map(|(number, _)| *number)
            .collect();
        for &number in &over {
            self.resting.remove(&number);
            let pool = self.world.numbers[number].pool;
            let waits = self
                .world
                .pools
                .iter()
                .position(|of| Some(of.pool.id) == pool);
            let ended = self.books.rested(number, waits, now);
            ended.map_err(|broken| self.violation(broken))?;
            let state = match waits {
                Some(_) => NumberState::Assigned,
                None => NumberState::Available,
            };
            self.log("has rested", number as u64, 0);
            self.assign(number, waits, state);
        }
        if !over.is_empty() {
            self.everybody_reads_again();
        }
        Ok(())
    }

    /// Writes down to which pool a number belongs, and what pools may lease.
    fn assign(&mut self, number: usize, pool: Option<usize>, state: NumberState) {
        let read_all = self.fault_reads_all();
        for (n, of) in self.world.pools.iter_mut().enumerate() {
            let member = Some(n) == pool && super::server::is_usable(state);
            let changed = if member {
                of.members.insert(number)
            } else {
                of.members.remove(&number)
            };
            if changed || read_all {
                self.server.versions[n] += 1;
            }
        }
        let row = &mut self.world.numbers[number];
        row.state = state;
        row.pool = pool.map(|n| self.world.pools[n].pool.id);
    }
}
