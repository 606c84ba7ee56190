//! Who has how many calls: the places that calls hold at an account's targets and groups.
//!
//! One lock an account. Whoever decides whom a call rings reads the counts and takes places under it, in one go, so no
//! two calls take the last place, and none waits for another account's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};
use ringfence_model::{
    AccountId, AgentState, BreakReason, Caps, TargetGroupId, TargetId, Timestamp,
};
use ringfence_routing::{Loads, Periods, Skip, full};

use crate::counts::{AnsweredBefore, Counted, Counts};
use crate::queues::Queues;

/// Every account's places.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<AccountId, AccountPlaces>>);

impl Places {
    pub(crate) fn of(&self, account: AccountId) -> AccountPlaces {
        self.0.lock().entry(account).or_default().clone()
    }
}

/// The places of one account: its counts as [`Loads`], and who waits for a place. Targets and groups that never had a
/// call take no room.
#[derive(Debug, Default, Clone)]
pub struct AccountPlaces(pub(crate) Arc<Mutex<Standing>>);

/// What an agent says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentSays {
    /// How it stands.
    pub state: AgentState,
    /// Why, when on a break.
    pub reason: Option<BreakReason>,
    /// When it last said to be ready for calls.
    pub ready_at: Option<Timestamp>,
    /// When a call ended that it wraps up: a restart does not forget it.
    pub ended_at: Option<Timestamp>,
}

/// How an account stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub loads: Loads,
    pub queues: Queues,
    counts: Counts,
}

impl AccountPlaces {
    /// The counts, held still until the answer is dropped. Drop no [`Place`] and no [`Ticket`](crate::Ticket) of this
    /// account meanwhile: it would wait for itself.
    pub fn decide(&self) -> Deciding<'_> {
        Deciding {
            standing: self.0.lock(),
            of: self,
        }
    }

    /// Counts calls that were answered before the program began, in the periods that it begins in.
    pub fn restore(&self, periods: &Periods, before: &[AnsweredBefore]) {
        let Standing { loads, counts, .. } = &mut *self.0.lock();
        counts.restore(periods, before, loads);
    }

    /// Says how a target's agent stands; `None` for a target that has none. Whoever waits for somebody may look again.
    pub fn set_agent(&self, target: TargetId, says: Option<AgentSays>) {
        let mut standing = self.0.lock();
        let Standing { loads, queues, .. } = &mut *standing;
        let load = loads.targets.entry(target).or_default();
        let before = (load.agent, load.break_reason, load.ready_at);
        load.agent = says.map(|says| says.state);
        load.break_reason = says.and_then(|says| says.reason);
        load.ready_at = load.ready_at.max(says.and_then(|says| says.ready_at));
        let ended = says.and_then(|says| says.ended_at);
        load.last_ended_at = load.last_ended_at.max(ended);
        if before != (load.agent, load.break_reason, load.ready_at) {
            queues.changed();
        }
    }

    /// Counts calls that rang at a target before the program began, and how many of them it answered.
    pub fn restore_answer_rate(&self, target: TargetId, rung: u32, answered: u32) {
        let standing = &mut *self.0.lock();
        standing.rang(Key::Target(target), rung, answered.min(rung));
    }
}

/// The counts of an account that nobody else changes now.
#[derive(Debug)]
pub struct Deciding<'a> {
    pub(crate) standing: MutexGuard<'a, Standing>,
    pub(crate) of: &'a AccountPlaces,
}

impl Deciding<'_> {
    /// How targets and groups stand.
    pub fn loads(&self) -> &Loads {
        &self.standing.loads
    }

    /// Counts anew what has begun anew: the hour, the day, the month. Before loads are read or places taken.
    pub fn keep_time(&mut self, periods: &Periods) {
        let Standing { loads, counts, .. } = &mut *self.standing;
        counts.keep_time(periods, loads);
    }

    /// Counts that a group was asked to spread a call, and takes a place in it for that call.
    ///
    /// # Errors
    /// When it is full.
    pub fn take_group(&mut self, group: TargetGroupId, caps: &Caps) -> Result<Place, Skip> {
        let Standing { loads, counts, .. } = &mut *self.standing;
        let load = loads.groups.entry(group).or_default();
        if let Some(skip) = full(caps, [load.active, load.hour, load.day, load.month]) {
            return Err(skip);
        }
        load.active += 1;
        load.cursor += 1;
        counts.of_group(group, loads, Counted::rings);
        Ok(self.place(Key::Group(group)))
    }

    /// Takes a place at a target, which rings now for `group`, or by itself.
    ///
    /// # Errors
    /// When it is full.
    pub fn take_target(
        &mut self,
        target: TargetId,
        group: impl Into<Option<TargetGroupId>>,
        caps: &Caps,
        now: Timestamp,
    ) -> Result<Place, Skip> {
        let Standing { loads, counts, .. } = &mut *self.standing;
        let load = loads.targets.entry(target).or_default();
        if let Some(skip) = full(caps, [load.active, load.hour, load.day, load.month]) {
            return Err(skip);
        }
        load.active += 1;
        load.last_rung_at = Some(now);
        counts.of_target(target, loads, Counted::rings);
        if let Some(group) = group.into() {
            let group = loads.groups.entry(group).or_default();
            let cursor = group.cursor;
            group.turns.insert(target, cursor);
        }
        Ok(self.place(Key::Target(target)))
    }

    fn place(&self, key: Key) -> Place {
        Place {
            of: self.of.clone(),
            key,
            talked: false,
        }
    }
}

/// Calls of which the answer rate is made, at most: with one more, all that were count half, so that who has changed is seen.
const LATELY: u32 = 200;

#[derive(Debug, Clone, Copy)]
enum Key {
    Target(TargetId),
    Group(TargetGroupId),
}

/// One call at a target or in a group; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    of: AccountPlaces,
    key: Key,
    talked: bool,
}

impl Place {
    /// The call was answered: it counts for this hour, day and month, and a target's rest begins when the place is given
    /// back. Not while somebody decides: it would wait for itself.
    pub fn answered(&mut self) {
        if !std::mem::replace(&mut self.talked, true) {
            let standing = &mut *self.of.0.lock();
            standing.count(self.key, Counted::answers);
            standing.rang(self.key, 1, 1);
        }
    }

    /// Whom the place was taken at let the call ring, was busy, refused it or could not be reached. A call that is given
    /// up, because its caller left or another answered, says nothing of who is rung. Not while somebody decides, as
    /// [`answered`](Self::answered).
    pub fn missed(&mut self) {
        if !self.talked {
            self.of.0.lock().rang(self.key, 1, 0);
        }
    }
}

impl Standing {
    /// Calls rang at a target, and so many of them were answered.
    fn rang(&mut self, key: Key, rung: u32, answered: u32) {
        if let Key::Target(target) = key {
            let load = self.loads.targets.entry(target).or_default();
            load.rung = load.rung.saturating_add(rung);
            load.answered = load.answered.saturating_add(answered);
            while load.rung > LATELY {
                load.rung /= 2;
                load.answered /= 2;
            }
        }
    }

    fn count(&mut self, key: Key, change: fn(&mut Counted)) {
        match key {
            Key::Group(group) => self.counts.of_group(group, &mut self.loads, change),
            Key::Target(target) => self.counts.of_target(target, &mut self.loads, change),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut standing = self.of.0.lock();
        if !self.talked {
            standing.count(self.key, Counted::stops_ringing);
        }
        let Standing { loads, queues, .. } = &mut *standing;
        match self.key {
            Key::Group(group) => {
                if let Some(load) = loads.groups.get_mut(&group) {
                    load.active = load.active.saturating_sub(1);
                }
            }
            Key::Target(target) => {
                if let Some(load) = loads.targets.get_mut(&target) {
                    load.active = load.active.saturating_sub(1);
                    if self.talked {
                        load.last_ended_at = Some(Timestamp::from(SystemTime::now()));
                    }
                }
            }
        }
        queues.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_routing::Period;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn ids() -> (AccountId, TargetId, TargetGroupId) {
        (
            AccountId::new(NOW, 1),
            TargetId::new(NOW, 2),
            TargetGroupId::new(NOW, 3),
        )
    }

    fn at_most(concurrent: u32) -> Caps {
        Caps {
            concurrent: Some(concurrent),
            ..Caps::default()
        }
    }

    #[test]
    fn threads_that_race_for_places_never_have_more_than_there_are() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let taken: Vec<Result<Place, Skip>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let take = || places.decide().take_target(target, group, &at_most(5), NOW);
                        (0..20).map(|_| take()).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(taken.iter().filter(|place| place.is_ok()).count(), 5);
        let full = Skip::Concurrent { active: 5, cap: 5 };
        assert!(
            taken
                .iter()
                .filter_map(|place| place.as_ref().err())
                .all(|skip| *skip == full)
        );
        drop(taken);
        assert_eq!(places.decide().loads().targets[&target].active, 0);
    }

    #[test]
    fn a_place_is_given_back_with_the_rest_of_who_talked() {
        let (account, target, group) = ids();
        let all = Places::default();
        let places = all.of(account);
        let mut place = places
            .decide()
            .take_target(target, group, &at_most(1), NOW)
            .unwrap();
        assert!(
            all.of(account)
                .decide()
                .take_target(target, group, &at_most(1), NOW)
                .is_err()
        );
        place.answered();
        drop(place);
        let load = places.decide().loads().targets[&target];
        assert_eq!((load.active, load.last_rung_at), (0, Some(NOW)));
        assert!(load.last_ended_at > Some(NOW));
        let other = all.of(AccountId::new(NOW, 9));
        assert!(other.decide().loads().targets.is_empty());
    }

    #[test]
    fn a_group_counts_its_calls_and_whose_turn_it_was() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        for turn in 1..=3 {
            let mut deciding = places.decide();
            let call = deciding.take_group(group, &at_most(1)).unwrap();
            assert!(deciding.take_group(group, &at_most(1)).is_err());
            let leg = deciding
                .take_target(target, group, &at_most(1), NOW)
                .unwrap();
            assert_eq!(deciding.loads().groups[&group].turns[&target], turn);
            drop(deciding);
            drop((call, leg));
        }
        assert_eq!(places.decide().loads().groups[&group].active, 0);
    }

    fn an_hour(hour: i64) -> Periods {
        let at = |hours: i64| Timestamp::from_micros(hours * 3_600_000_000);
        let period = |begin, end| Period { begin, end };
        Periods {
            hour: period(at(hour), at(hour + 1)),
            day: period(at(hour / 24 * 24), at(hour / 24 * 24 + 24)),
            month: period(at(0), at(720)),
        }
    }

    fn capped(hour: Option<u32>, day: Option<u32>) -> Caps {
        Caps {
            hour,
            day,
            ..Caps::default()
        }
    }

    #[test]
    fn a_call_that_rings_counts_and_one_that_nobody_answered_never_did() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let caps = capped(Some(2), None);
        let take = |hour| {
            let mut deciding = places.decide();
            deciding.keep_time(&an_hour(hour));
            deciding.take_target(target, group, &caps, NOW)
        };
        let (mut first, second) = (take(5).unwrap(), take(5).unwrap());
        assert_eq!(take(5).unwrap_err(), Skip::Hour(2));
        drop(second);
        first.answered();
        first.answered();
        drop(first);
        let mut third = take(5).unwrap();
        third.answered();
        assert_eq!(take(5).unwrap_err(), Skip::Hour(2));
        // It rings from one hour into the next, and is answered there.
        let mut over = take(6).unwrap();
        drop(take(6).unwrap());
        assert_eq!(places.decide().loads().targets[&target].hour, 1);
        drop(third);
        {
            let mut deciding = places.decide();
            deciding.keep_time(&an_hour(7));
            assert_eq!(deciding.loads().targets[&target].hour, 1, "it rings still");
        }
        over.answered();
        let load = places.decide().loads().targets[&target];
        assert_eq!((load.hour, load.day, load.month), (1, 3, 3));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nobody_more_calls() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let take = |hour| {
            let mut deciding = places.decide();
            deciding.keep_time(&an_hour(hour));
            deciding.take_target(target, group, &capped(Some(1), Some(2)), NOW)
        };
        take(30).unwrap().answered();
        assert_eq!(take(29).unwrap_err(), Skip::Hour(1));
        assert_eq!(take(30).unwrap_err(), Skip::Hour(1));
        take(31).unwrap().answered();
        assert_eq!(take(32).unwrap_err(), Skip::Day(2));
        assert_eq!(take(20).unwrap_err(), Skip::Day(2));
        take(48).unwrap().answered();
    }

    #[test]
    fn what_was_answered_before_a_start_counts_after_it() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let before = AnsweredBefore {
            target,
            group: Some(group),
            calls: [1, 4, 9],
        };
        let other = AnsweredBefore {
            group: None,
            calls: [0, 1, 1],
            ..before
        };
        places.restore(&an_hour(30), &[before, other]);
        let mut deciding = places.decide();
        deciding.keep_time(&an_hour(30));
        let load = deciding.loads().targets[&target];
        assert_eq!((load.hour, load.day, load.month), (1, 5, 10));
        let refused = deciding.take_group(group, &capped(None, Some(4)));
        assert_eq!(refused.unwrap_err(), Skip::Day(4));
        deciding.keep_time(&an_hour(31));
        let load = &deciding.loads().groups[&group];
        assert_eq!((load.hour, load.day, load.month), (0, 4, 9));
    }

    #[test]
    fn the_answer_rate_counts_what_was_answered_and_missed_lately_and_not_what_was_given_up() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let take = || {
            places
                .decide()
                .take_target(target, group, &Caps::default(), NOW)
                .unwrap()
        };
        let rate = || {
            let load = places.decide().loads().targets[&target];
            (load.rung, load.answered)
        };
        take().answered();
        take().missed();
        drop(take());
        assert_eq!(rate(), (2, 1));
        let mut both = take();
        both.answered();
        both.missed();
        drop(both);
        assert_eq!(rate(), (3, 2), "who answered has not missed it");
        (0..1_000).for_each(|_| take().missed());
        let (rung, answered) = rate();
        assert!(rung <= LATELY && rung > LATELY / 4, "{rung}");
        assert_eq!(answered, 0, "what was long ago counts less and less");
        places.restore_answer_rate(target, 10 * LATELY, 9 * LATELY);
        let (rung, answered) = rate();
        assert!(
            (80..=95).contains(&(100 * answered / rung)),
            "{answered} of {rung}"
        );
    }

    #[test]
    fn threads_that_race_for_the_calls_of_an_hour_never_have_more() {
        let (account, target, group) = ids();
        let places = Places::default().of(account);
        let answered: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let places = &places;
                    scope.spawn(move || {
                        let mut answered = 0;
                        for call in 0..40 {
                            let caps = capped(Some(7), None);
                            let taken = places.decide().take_target(target, group, &caps, NOW);
                            if let Ok(mut place) = taken
                                && (call + thread) % 3 == 0
                            {
                                place.answered();
                                answered += 1;
                            }
                        }
                        answered
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert!(answered <= 7, "{answered} of 7");
        let take = || {
            places
                .decide()
                .take_target(target, group, &capped(Some(7), None), NOW)
        };
        let left = std::iter::from_fn(|| take().ok().map(|mut place| place.answered())).count();
        assert_eq!(answered + left, 7);
    }
}
