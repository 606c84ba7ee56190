//! Who has how many calls: the places that calls hold at an account's targets and groups.
//!
//! One lock an account. Whoever decides whom a call rings reads the counts and takes places under it, in one go, so no
//! two calls take the last place, and none waits for another account's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, MutexGuard};
use ringfence_model::{AccountId, Caps, TargetGroupId, TargetId, Timestamp};
use ringfence_routing::{Loads, Skip, full};

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

/// How an account stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub loads: Loads,
    pub queues: Queues,
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

    /// Counts that a group was asked to spread a call, and takes a place in it for that call.
    ///
    /// # Errors
    /// When it is full.
    pub fn take_group(&mut self, group: TargetGroupId, caps: &Caps) -> Result<Place, Skip> {
        let load = self.standing.loads.groups.entry(group).or_default();
        if let Some(skip) = full(caps, [load.active, load.hour, load.day, load.month]) {
            return Err(skip);
        }
        load.active += 1;
        load.cursor += 1;
        Ok(self.place(Key::Group(group)))
    }

    /// Takes a place at a target, which rings now for `group`.
    ///
    /// # Errors
    /// When it is full.
    pub fn take_target(
        &mut self,
        target: TargetId,
        group: TargetGroupId,
        caps: &Caps,
        now: Timestamp,
    ) -> Result<Place, Skip> {
        let load = self.standing.loads.targets.entry(target).or_default();
        if let Some(skip) = full(caps, [load.active, load.hour, load.day, load.month]) {
            return Err(skip);
        }
        load.active += 1;
        load.last_rung_at = Some(now);
        let group = self.standing.loads.groups.entry(group).or_default();
        let cursor = group.cursor;
        group.turns.insert(target, cursor);
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
    /// The target answered: its rest begins when the place is given back.
    pub const fn answered(&mut self) {
        self.talked = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut standing = self.of.0.lock();
        let Standing { loads, queues } = &mut *standing;
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
}
