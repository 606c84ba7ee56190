//! A pool's leases as a machine: `decide` proposes, `apply` takes, and who lost a race decides again.
//!
//! One ordered set holds every number by the instant from which it is free: for a free number that lies in the past,
//! for a leased one it is the lease's end. Its first element is the number that has been free the longest, or tells
//! that there is none, so that ten thousand numbers are no slower than ten.

use ringfence_model::{LeaseId, NumberId, Timestamp, VisitId};
use std::collections::{BTreeSet, HashMap};

/// Which number is bound to which visit until when, for the numbers of one pool.
#[derive(Debug, Default)]
pub struct PoolLeases {
    slots: HashMap<NumberId, Slot>,
    by_visit: HashMap<VisitId, NumberId>,
    /// `(free from, when it was added, number)`; numbers that were removed are not in it.
    free_from: BTreeSet<(Timestamp, u64, NumberId)>,
    added: u64,
}

#[derive(Debug)]
struct Slot {
    free_from: Timestamp,
    added: u64,
    generation: u64,
    /// The last lease, live or over.
    last: Option<Last>,
    /// No longer one of the pool's; kept until its lease is over.
    removed: bool,
    /// It went from one pool to another under its last lease, which both know.
    elsewhere: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    lease: LeaseId,
    visit: VisitId,
    started_at: Timestamp,
    /// When the number was free before this lease, for taking it back.
    free_before: Timestamp,
}

/// What `decide` proposes for a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// The visit holds this number already, or held it last and nobody has been given it since.
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

/// What a pool knew of a number that goes to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    /// The number.
    pub number: NumberId,
    /// The instant from which it is free.
    pub free_from: Timestamp,
    /// Its lease, when that is live.
    pub held: Option<Held>,
}

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

impl PoolLeases {
    /// A pool of numbers, none of them leased. Those that come first are leased first.
    pub fn new(numbers: impl IntoIterator<Item = NumberId>) -> Self {
        let mut pool = Self::default();
        for number in numbers {
            pool.add(number);
        }
        pool
    }

    /// Adds a number that was never leased; one that was removed comes back as it left.
    pub fn add(&mut self, number: NumberId) {
        if let Some(slot) = self.slots.get_mut(&number) {
            if slot.removed {
                slot.removed = false;
                self.free_from.insert((slot.free_from, slot.added, number));
            }
            return;
        }
        let slot = Slot {
            free_from: Timestamp::from_micros(i64::MIN),
            added: self.added,
            generation: 0,
            last: None,
            removed: false,
            elsewhere: false,
        };
        self.added += 1;
        self.free_from.insert((slot.free_from, slot.added, number));
        self.slots.insert(number, slot);
    }

    /// Leases a number no more; who holds it keeps it until its lease is over, and it is not extended any more.
    pub fn remove(&mut self, number: NumberId) {
        if let Some(slot) = self.slots.get_mut(&number)
            && !slot.removed
        {
            slot.removed = true;
            self.free_from.remove(&(slot.free_from, slot.added, number));
        }
    }

    /// [`remove`](Self::remove), and what the pool that the number goes to has to know; `None` when nothing is known of it
    /// here. Who held it last, and holds it no more, does not come back to it. A number that left before may be asked for
    /// again.
    pub fn give_up(&mut self, number: NumberId, now: Timestamp) -> Option<GivenUp> {
        self.remove(number);
        let held = self.holder(number, now);
        if held.is_none() {
            self.forget_last(number);
        }
        let slot = self.slots.get_mut(&number)?;
        slot.elsewhere = held.is_some();
        Some(GivenUp {
            number,
            free_from: slot.free_from,
            held,
        })
    }

    /// Whoever held it last does not come back to it: to be told when another pool gives it to somebody else.
    pub fn forget_last(&mut self, number: NumberId) {
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.elsewhere = false;
            if let Some(last) = slot.last.take()
                && self.by_visit.get(&last.visit) == Some(&number)
            {
                self.by_visit.remove(&last.visit);
            }
        }
    }

    /// Whether another pool knows the last lease of a number too, because it went from one to the other meanwhile: what
    /// ends that lease here ends it there.
    pub fn is_known_elsewhere(&self, number: NumberId) -> bool {
        self.slots.get(&number).is_some_and(|slot| slot.elsewhere)
    }

    /// Whether a number is one of the pool's, and not one that left it.
    pub fn has(&self, number: NumberId) -> bool {
        self.slots.get(&number).is_some_and(|slot| !slot.removed)
    }

    /// Adds a number that another pool gave up: it is free here no sooner than there, and who holds it holds it on.
    pub fn take_over(&mut self, given_up: &GivenUp) {
        let number = given_up.number;
        if let Some(held) = &given_up.held {
            self.restore(held);
            if let Some(slot) = self.slots.get_mut(&number) {
                slot.elsewhere = true;
            }
            return;
        }
        self.add(number);
        if self.slots[&number].free_from < given_up.free_from {
            // It was somebody else's since: who held it here comes back too late.
            self.forget_last(number);
            self.moved(number, given_up.free_from);
        }
    }

    /// The numbers that may be leased, in no order.
    pub fn numbers(&self) -> impl Iterator<Item = NumberId> {
        self.free_from.iter().map(|&(_, _, number)| number)
    }

    /// How many numbers may be leased, leased ones included.
    pub fn len(&self) -> usize {
        self.free_from.len()
    }

    /// There is nothing to lease.
    pub fn is_empty(&self) -> bool {
        self.free_from.is_empty()
    }

    /// How many numbers are leased at `now`. Takes time in proportion to their count: for reports.
    pub fn live(&self, now: Timestamp) -> usize {
        self.free_from
            .iter()
            .rev()
            .take_while(|&&(free_from, _, _)| free_from > now)
            .count()
    }

    /// What to do for a visit that wants a number.
    pub fn decide(&self, visit: VisitId, now: Timestamp) -> Proposal {
        if let Some(held) = self.kept(visit, now) {
            return Proposal::Keep {
                number: held.number,
                lease: held.lease,
                seen: held.generation,
            };
        }
        match self.free_from.first() {
            Some(&(free_from, _, number)) if free_from <= now => Proposal::Take {
                number,
                seen: self.slots[&number].generation,
            },
            _ => Proposal::Overflow,
        }
    }

    /// Does what was proposed: `lease` is the identifier of a new lease, `expires_at` its end. A kept lease's end is
    /// moved on, never back. `None` for an overflow, which binds nothing.
    ///
    /// # Errors
    /// [`LostRace`] when the number changed since the decision.
    pub fn apply(
        &mut self,
        proposal: Proposal,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<Held>, LostRace> {
        let (number, seen) = match proposal {
            Proposal::Overflow => return Ok(None),
            Proposal::Keep { number, seen, .. } | Proposal::Take { number, seen } => (number, seen),
        };
        let takes = matches!(proposal, Proposal::Take { .. });
        if takes && self.kept(visit, now).is_some() {
            return Err(LostRace);
        }
        let slot = self.slots.get_mut(&number).ok_or(LostRace)?;
        if slot.generation != seen || (takes && slot.removed) {
            return Err(LostRace);
        }
        if takes {
            if let Some(last) = slot.last
                && self.by_visit.get(&last.visit) == Some(&number)
            {
                self.by_visit.remove(&last.visit);
            }
            self.by_visit.insert(visit, number);
            slot.elsewhere = false;
            slot.last = Some(Last {
                lease,
                visit,
                started_at: now,
                free_before: slot.free_from,
            });
        }
        let end = match (takes, slot.removed) {
            (true, _) => expires_at.max(now),
            (false, false) => expires_at.max(slot.free_from),
            (false, true) => slot.free_from,
        };
        self.moved(number, end);
        Ok(self.held(visit))
    }

    /// The number that a visit holds, or held last when nobody has been given it since.
    pub fn held(&self, visit: VisitId) -> Option<Held> {
        let number = *self.by_visit.get(&visit)?;
        let slot = &self.slots[&number];
        let last = slot.last.filter(|last| last.visit == visit)?;
        Some(Held {
            number,
            lease: last.lease,
            visit,
            started_at: last.started_at,
            expires_at: slot.free_from,
            generation: slot.generation,
        })
    }

    /// Moves the end of a visit's lease on, never back; `None` when the lease is no longer the visit's.
    pub fn extend(
        &mut self,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Option<Held> {
        let held = self.held(visit).filter(|held| held.lease == lease)?;
        if !self.slots[&held.number].removed {
            self.moved(held.number, expires_at.max(held.expires_at));
        }
        self.held(visit)
    }

    /// Who holds a number at `now`.
    pub fn holder(&self, number: NumberId, now: Timestamp) -> Option<Held> {
        let visit = self.slots.get(&number)?.last?.visit;
        self.held(visit)
            .filter(|held| held.number == number && held.expires_at > now)
    }

    /// What a visit may go on with: not a number that left the pool and whose lease is over.
    fn kept(&self, visit: VisitId, now: Timestamp) -> Option<Held> {
        self.held(visit)
            .filter(|held| held.expires_at > now || !self.slots[&held.number].removed)
    }

    /// Ends a visit's lease at `now` when it would end later. The number is never given back to that visit.
    pub fn release(&mut self, visit: VisitId, now: Timestamp) -> Option<Held> {
        let held = self.held(visit)?;
        // Not before its beginning, whatever the clock did.
        self.moved(held.number, held.expires_at.min(now.max(held.started_at)));
        self.by_visit.remove(&visit);
        Some(held)
    }

    /// Undoes a lease that never became durable: the number is as free as it was. Nothing happens when it was
    /// extended or changed hands since.
    pub fn take_back(&mut self, held: &Held) -> bool {
        let Some(slot) = self.slots.get_mut(&held.number) else {
            return false;
        };
        let Some(last) = slot
            .last
            .filter(|last| slot.generation == held.generation && last.lease == held.lease)
        else {
            return false;
        };
        slot.last = None;
        self.by_visit.remove(&held.visit);
        self.moved(held.number, last.free_before);
        true
    }

    /// Puts a lease back from its row; of several of one number, the one that ends last counts.
    pub fn restore(&mut self, held: &Held) {
        self.add(held.number);
        let slot = self
            .slots
            .get_mut(&held.number)
            .expect("it was added just now");
        if slot.free_from > held.expires_at {
            return;
        }
        if let Some(last) = slot.last
            && self.by_visit.get(&last.visit) == Some(&held.number)
        {
            self.by_visit.remove(&last.visit);
        }
        slot.last = Some(Last {
            lease: held.lease,
            visit: held.visit,
            started_at: held.started_at,
            free_before: slot.free_from,
        });
        self.by_visit.insert(held.visit, held.number);
        self.moved(held.number, held.expires_at);
    }

    /// Forgets removed numbers whose lease is over.
    pub fn sweep(&mut self, now: Timestamp) {
        let by_visit = &mut self.by_visit;
        self.slots.retain(|number, slot| {
            let gone = slot.removed && slot.free_from <= now;
            if gone
                && let Some(last) = slot.last
                && by_visit.get(&last.visit) == Some(number)
            {
                by_visit.remove(&last.visit);
            }
            !gone
        });
    }

    fn moved(&mut self, number: NumberId, free_from: Timestamp) {
        let slot = self
            .slots
            .get_mut(&number)
            .expect("callers found the number before");
        if !slot.removed {
            self.free_from.remove(&(slot.free_from, slot.added, number));
            self.free_from.insert((free_from, slot.added, number));
        }
        slot.free_from = free_from;
        slot.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ringfence_model::Duration;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn number(n: u128) -> NumberId {
        NumberId::new(at(0), n)
    }

    fn visit(n: u128) -> VisitId {
        VisitId::new(at(0), n)
    }

    fn lease_id(n: u128) -> LeaseId {
        LeaseId::new(at(0), n)
    }

    fn take(pool: &mut PoolLeases, v: u128, now: i64, until: i64) -> Option<Held> {
        let proposal = pool.decide(visit(v), at(now));
        pool.apply(
            proposal,
            visit(v),
            lease_id(v * 1_000_000 + u128::try_from(now).unwrap()),
            at(now),
            at(until),
        )
        .unwrap()
    }

    #[test]
    fn a_visit_keeps_its_number_and_its_lease() {
        let mut pool = PoolLeases::new([number(1), number(2)]);
        let first = take(&mut pool, 1, 0, 100).unwrap();
        let again = take(&mut pool, 1, 50, 150).unwrap();
        assert_eq!((first.number, first.lease), (again.number, again.lease));
        assert_eq!(again.expires_at, at(150));
    }

    #[test]
    fn a_visit_that_comes_back_late_gets_its_number_back_if_nobody_has_it() {
        let mut pool = PoolLeases::new([number(1)]);
        let first = take(&mut pool, 1, 0, 100).unwrap();
        let late = take(&mut pool, 1, 500, 600).unwrap();
        assert_eq!(first.lease, late.lease);
        take(&mut pool, 2, 700, 800).unwrap();
        assert_eq!(pool.held(visit(1)), None);
        assert_eq!(take(&mut pool, 1, 750, 850), None, "it is another's now");
    }

    #[test]
    fn the_number_that_was_free_the_longest_comes_first() {
        let mut pool = PoolLeases::new([number(1), number(2), number(3)]);
        let order: Vec<_> = (1..=3)
            .map(|v| {
                take(&mut pool, v, 0, 100 - i64::try_from(v).unwrap())
                    .unwrap()
                    .number
            })
            .collect();
        assert_eq!(order, [number(1), number(2), number(3)]);
        assert_eq!(take(&mut pool, 9, 200, 300).unwrap().number, number(3));
        assert_eq!(take(&mut pool, 8, 200, 300).unwrap().number, number(2));
    }

    #[test]
    fn a_full_pool_overflows_and_a_live_lease_is_never_reused() {
        let mut pool = PoolLeases::new([number(1)]);
        take(&mut pool, 1, 0, 100).unwrap();
        assert_eq!(pool.decide(visit(2), at(99)), Proposal::Overflow);
        assert!(matches!(
            pool.decide(visit(2), at(100)),
            Proposal::Take { .. }
        ));
        assert_eq!(pool.live(at(99)), 1);
        assert_eq!(pool.live(at(100)), 0);
    }

    #[test]
    fn of_two_that_saw_the_same_number_free_the_second_decides_again() {
        let mut pool = PoolLeases::new([number(1), number(2)]);
        let (one, two) = (pool.decide(visit(1), at(0)), pool.decide(visit(2), at(0)));
        assert_eq!(one, two);
        pool.apply(one, visit(1), lease_id(1), at(0), at(9))
            .unwrap();
        assert_eq!(
            pool.apply(two, visit(2), lease_id(2), at(0), at(9)),
            Err(LostRace)
        );
        let again = pool.decide(visit(2), at(0));
        assert!(
            pool.apply(again, visit(2), lease_id(2), at(0), at(9))
                .is_ok()
        );
    }

    #[test]
    fn a_lease_taken_back_leaves_the_number_as_free_as_before() {
        let mut pool = PoolLeases::new([number(1), number(2)]);
        let held = take(&mut pool, 1, 10, 100).unwrap();
        assert!(pool.take_back(&held));
        assert_eq!(pool.held(visit(1)), None);
        assert_eq!(take(&mut pool, 2, 11, 100).unwrap().number, held.number);
        assert!(!pool.take_back(&held), "it is another's now");
    }

    #[test]
    fn a_lease_that_was_extended_is_not_taken_back() {
        let mut pool = PoolLeases::new([number(1)]);
        let held = take(&mut pool, 1, 0, 100).unwrap();
        pool.extend(visit(1), held.lease, at(200)).unwrap();
        assert!(!pool.take_back(&held));
        assert_eq!(pool.held(visit(1)).unwrap().expires_at, at(200));
    }

    #[test]
    fn an_end_is_never_moved_back() {
        let mut pool = PoolLeases::new([number(1)]);
        let held = take(&mut pool, 1, 0, 100).unwrap();
        let same = pool.extend(visit(1), held.lease, at(50)).unwrap();
        assert_eq!(same.expires_at, at(100));
    }

    #[test]
    fn a_released_number_is_free_at_once_and_not_the_visits_any_more() {
        let mut pool = PoolLeases::new([number(1)]);
        take(&mut pool, 1, 0, 100).unwrap();
        pool.release(visit(1), at(10)).unwrap();
        assert_eq!(pool.held(visit(1)), None);
        assert!(take(&mut pool, 2, 10, 100).is_some());
    }

    #[test]
    fn a_removed_number_stays_with_its_holder_and_goes_to_nobody_else() {
        let mut pool = PoolLeases::new([number(1)]);
        take(&mut pool, 1, 0, 100).unwrap();
        pool.remove(number(1));
        let kept = take(&mut pool, 1, 50, 150).unwrap();
        assert_eq!(kept.expires_at, at(100), "its end does not move any more");
        assert_eq!(pool.holder(number(1), at(99)).unwrap().visit, visit(1));
        assert_eq!(pool.decide(visit(1), at(100)), Proposal::Overflow);
        assert_eq!(pool.decide(visit(2), at(200)), Proposal::Overflow);
        pool.sweep(at(200));
        assert_eq!(pool.held(visit(1)), None);
    }

    #[test]
    fn a_restored_lease_is_live_again() {
        let mut pool = PoolLeases::new([number(1), number(2)]);
        let held = take(&mut pool, 1, 0, 100).unwrap();
        let mut after = PoolLeases::default();
        after.restore(&held);
        after.add(number(1));
        after.add(number(2));
        assert_eq!(after.held(visit(1)).unwrap().lease, held.lease);
        assert_eq!(take(&mut after, 2, 10, 100).unwrap().number, number(2));
        assert_eq!(after.decide(visit(3), at(10)), Proposal::Overflow);
    }

    /// What a lease's rows would say: begun, and over for certain at this instant.
    #[derive(Debug, Clone, Copy)]
    struct Row {
        number: NumberId,
        lease: LeaseId,
        from: Timestamp,
        until: Timestamp,
    }

    proptest! {
        #[test]
        fn no_number_ever_has_two_live_leases(
            count in 1u128..6,
            steps in proptest::collection::vec((0u8..8, 0u128..12, -400i64..900, 1u64..600), 1..300),
        ) {
            let mut pool = PoolLeases::new((0..count).map(number));
            let mut rows: Vec<Row> = Vec::new();
            let mut now = at(10_000);
            for (step, (action, v, jump, hold)) in steps.into_iter().enumerate() {
                now = if jump < 0 {
                    now - Duration::from_secs(jump.unsigned_abs())
                } else {
                    now + Duration::from_secs(jump.unsigned_abs() / 6)
                };
                let until = now + Duration::from_secs(hold);
                let v = visit(v);
                match action {
                    0..=4 => {
                        let proposal = pool.decide(v, now);
                        let id = lease_id(step as u128);
                        if let Some(held) = pool.apply(proposal, v, id, now, until).unwrap() {
                            match rows.iter_mut().find(|row| row.lease == held.lease) {
                                Some(row) => row.until = held.expires_at,
                                None => rows.push(Row {
                                    number: held.number,
                                    lease: held.lease,
                                    from: now,
                                    until: held.expires_at,
                                }),
                            }
                            if action == 4 && held.started_at == now && held.lease == id {
                                prop_assert!(pool.take_back(&held));
                                rows.retain(|row| row.lease != id);
                            }
                        } else {
                            let all_live = (0..count).all(|n| {
                                rows.iter().any(|row| row.number == number(n) && row.until > now)
                            });
                            prop_assert!(all_live, "an overflow only when every number is leased");
                        }
                    }
                    5 => {
                        if let Some(lease) = pool.held(v).map(|held| held.lease)
                            && let Some(held) = pool.extend(v, lease, until)
                        {
                            let row = rows.iter_mut().find(|row| row.lease == lease).unwrap();
                            row.until = held.expires_at;
                        }
                    }
                    6 => {
                        if let Some(held) = pool.release(v, now) {
                            let row = rows.iter_mut().find(|row| row.lease == held.lease).unwrap();
                            row.until = row.until.min(now.max(row.from));
                        }
                    }
                    _ => {
                        let n = number(step as u128 % count);
                        pool.remove(n);
                        pool.add(n);
                    }
                }
                for (i, one) in rows.iter().enumerate() {
                    for other in &rows[i + 1..] {
                        let apart = one.until <= other.from || other.until <= one.from;
                        prop_assert!(one.number != other.number || apart, "{one:?} {other:?}");
                    }
                }
                prop_assert_eq!(pool.len() as u128, count);
            }
        }
    }

    #[test]
    fn ten_thousand_numbers_are_leased_one_by_one_without_a_search() {
        let mut pool = PoolLeases::new((0..10_000).map(number));
        for v in 0..10_000u128 {
            assert_eq!(take(&mut pool, v, 0, 100).unwrap().number, number(v));
        }
        assert_eq!(pool.decide(visit(10_001), at(0)), Proposal::Overflow);
    }
}
