//! What requests share, and what a restart and a clock that is set back make of it: the same in process and over Valkey.

use super::*;
use ringfence_testing::TestValkey;
use std::collections::HashSet;

/// Makes two tests of each `async fn(Town)` that is named.
macro_rules! on_both_backends {
    ($($test:ident),+ $(,)?) => {
        mod in_process {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test(super::Town::in_process()).await;
                }
            )+
        }
        mod over_valkey {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    super::$test(super::Town::over_valkey().await).await;
                }
            )+
        }
    };
}

on_both_backends! {
    threads_that_race_for_numbers_never_share_one,
    a_nonce_is_spent_once_until_what_it_was_spent_for_came_to_nothing,
    a_lease_that_is_taken_back_leaves_its_number_as_free_as_before,
    beats_move_an_end_on_and_never_back,
    a_pool_that_was_never_set_is_unknown,
    a_restart_keeps_leases_and_the_order_of_free_numbers,
    numbers_that_leave_a_pool_are_leased_no_more,
    a_number_that_moves_to_another_pool_is_free_there_when_its_lease_is_over,
    a_pool_that_has_not_heard_yet_leases_no_number_that_another_pool_has,
    who_comes_back_late_does_not_get_a_number_that_another_pool_leased_since,
    after_a_restart_a_number_that_came_back_to_a_pool_is_still_its_last_holders,
    a_clock_that_is_set_back_behind_a_lease_frees_no_number_that_was_moved,
    a_clock_that_is_set_back_gives_nobody_a_number_back_that_another_pool_gave_away,
    a_restart_gives_nobody_a_number_back_that_another_pool_gave_away,
    a_number_that_was_moved_is_given_back_in_every_pool,
    a_lease_goes_on_in_the_pool_that_its_number_is_in_and_not_in_one_that_it_left,
}

/// What one account's requests share.
struct Town {
    live: Live,
    valkey: Option<TestValkey>,
}

impl Town {
    fn in_process() -> Self {
        Self {
            live: Live::new(),
            valkey: None,
        }
    }

    async fn over_valkey() -> Self {
        let server = TestValkey::start();
        let town = Self {
            live: over(&server),
            valkey: Some(server),
        };
        town.restore(&[]).await;
        town
    }

    /// Another of the same kind that knows nothing.
    async fn another(&self) -> Self {
        match self.valkey {
            None => Self::in_process(),
            Some(_) => Self::over_valkey().await,
        }
    }

    async fn restore(&self, leases: &[Lease]) {
        if self.valkey.is_none() {
            return self.live.restore(leases);
        }
        let rows = AccountRows {
            leases: leases.to_vec(),
            ..AccountRows::default()
        };
        self.live.forget(account()).await.unwrap();
        let building = self.live.begin_build(account(), 7).await.unwrap().unwrap();
        assert!(self.live.build(&building, &rows, at(0)).await.unwrap());
    }

    async fn set_pool(&self, pool: PoolId, numbers: &[NumberId], now: Timestamp) {
        let set = self.live.set_pool(account(), pool, numbers, now).await;
        set.unwrap();
    }

    async fn lease(&self, pool: PoolId, new: &NewLease) -> LeaseOutcome {
        self.live.lease(account(), pool, new).await.unwrap()
    }

    async fn extend(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        expires_at: Timestamp,
    ) -> Option<Held> {
        let extended = self.live.extend(account(), pool, visit, lease, expires_at);
        extended.await.unwrap()
    }

    async fn release(
        &self,
        pool: PoolId,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Option<Held> {
        let released = self.live.release(account(), pool, visit, lease, now);
        released.await.unwrap()
    }

    async fn holding(
        &self,
        pools: impl IntoIterator<Item = PoolId>,
        visit: VisitId,
    ) -> Option<PoolId> {
        self.live.holding(account(), pools, visit).await.unwrap()
    }

    async fn occupancy(&self, pool: PoolId, now: Timestamp) -> (usize, usize) {
        self.live.occupancy(account(), pool, now).await.unwrap()
    }

    async fn spend(&self, nonce: u8, until: i64, now: i64) -> Result<(), SpendError> {
        let spent = self.live.spend(account(), [nonce; 16], at(until), at(now));
        spent.await
    }
}

/// A server's view of a Valkey.
fn over(server: &TestValkey) -> Live {
    let patience = Duration::from_secs(5);
    Live::new().over(Valkey::new(&server.url(), patience).unwrap())
}

fn account() -> AccountId {
    AccountId::new(at(0), 1)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn pool() -> PoolId {
    PoolId::new(at(0), 1)
}

fn numbers(count: u128) -> Vec<NumberId> {
    (0..count).map(|n| NumberId::new(at(0), n)).collect()
}

fn wish(visit: u128, now: i64) -> NewLease {
    NewLease {
        visit: VisitId::new(at(0), visit),
        lease: LeaseId::new(at(now), visit),
        now: at(now),
        expires_at: at(now) + Duration::from_mins(30),
    }
}

async fn threads_that_race_for_numbers_never_share_one(town: Town) {
    town.set_pool(pool(), &numbers(300), at(0)).await;
    let town = Arc::new(town);
    let tasks: Vec<_> = (0..8u128)
        .map(|task| {
            let town = Arc::clone(&town);
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                for n in 0..50 {
                    outcomes.push(town.lease(pool(), &wish(task * 1000 + n, 0)).await);
                }
                outcomes
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.extend(task.await.unwrap());
    }
    let held: Vec<NumberId> = outcomes.iter().filter_map(new_number).collect();
    assert_eq!(held.len(), 300);
    assert_eq!(held.iter().collect::<HashSet<_>>().len(), 300);
    let exhausted = outcomes
        .iter()
        .filter(|outcome| **outcome == LeaseOutcome::Exhausted)
        .count();
    assert_eq!(exhausted, 100);
    assert_eq!(town.occupancy(pool(), at(1)).await, (300, 300));
}

fn new_number(outcome: &LeaseOutcome) -> Option<NumberId> {
    match outcome {
        LeaseOutcome::New(held) => Some(held.number),
        _ => None,
    }
}

async fn a_nonce_is_spent_once_until_what_it_was_spent_for_came_to_nothing(town: Town) {
    assert_eq!(town.spend(1, 300, 0).await, Ok(()));
    assert_eq!(town.spend(1, 300, 0).await, Err(SpendError::Spent));
    assert_eq!(town.spend(2, 300, 0).await, Ok(()));
    town.live.unspend(account(), [1; 16]).await.unwrap();
    assert_eq!(town.spend(1, 300, 0).await, Ok(()));
}

async fn a_lease_that_is_taken_back_leaves_its_number_as_free_as_before(town: Town) {
    let numbers = numbers(2);
    town.set_pool(pool(), &numbers, at(0)).await;
    let LeaseOutcome::New(held) = town.lease(pool(), &wish(1, 0)).await else {
        panic!("two numbers are free");
    };
    let back = town.live.take_back(account(), pool(), &held);
    back.await.unwrap();
    assert_eq!(town.holding([pool()], held.visit).await, None);
    let again = town.lease(pool(), &wish(2, 1)).await;
    assert_eq!(new_number(&again), Some(held.number));
    let LeaseOutcome::New(extended) = town.lease(pool(), &wish(3, 1)).await else {
        panic!("one number is free");
    };
    let (visit, lease) = (extended.visit, extended.lease);
    town.extend(pool(), visit, lease, at(5000)).await.unwrap();
    let back = town.live.take_back(account(), pool(), &extended);
    back.await.unwrap();
    assert_eq!(town.holding([pool()], visit).await, Some(pool()));
}

async fn beats_move_an_end_on_and_never_back(town: Town) {
    town.set_pool(pool(), &numbers(1), at(0)).await;
    let LeaseOutcome::New(held) = town.lease(pool(), &wish(1, 0)).await else {
        panic!("a number is free");
    };
    let (visit, lease) = (held.visit, held.lease);
    let ends = |held: Option<Held>| held.map(|held| held.expires_at);
    let later = town.extend(pool(), visit, lease, at(4000)).await;
    assert_eq!(ends(later), Some(at(4000)));
    let sooner = town.extend(pool(), visit, lease, at(3000)).await;
    assert_eq!(ends(sooner), Some(at(4000)));
    let of_another = LeaseId::new(at(9), 9);
    let none = town.extend(pool(), visit, of_another, at(9000)).await;
    assert_eq!(ends(none), None);
    let LeaseOutcome::Kept(kept) = town.lease(pool(), &wish(1, 3900)).await else {
        panic!("it is the visit's own");
    };
    assert_eq!((kept.lease, kept.expires_at), (lease, at(5700)));
    assert_eq!(
        town.lease(pool(), &wish(2, 5699)).await,
        LeaseOutcome::Exhausted
    );
    let LeaseOutcome::New(next) = town.lease(pool(), &wish(2, 5700)).await else {
        panic!("the lease is over");
    };
    assert_eq!(town.extend(pool(), visit, lease, at(9000)).await, None);
    assert_eq!(next.started_at, at(5700));
}

async fn a_pool_that_was_never_set_is_unknown(town: Town) {
    assert_eq!(
        town.lease(pool(), &wish(1, 0)).await,
        LeaseOutcome::UnknownPool
    );
    town.set_pool(pool(), &[], at(0)).await;
    assert_eq!(
        town.lease(pool(), &wish(1, 0)).await,
        LeaseOutcome::Exhausted
    );
}

async fn a_restart_keeps_leases_and_the_order_of_free_numbers(town: Town) {
    let live = &town;
    let numbers = numbers(3);
    let row = |n: usize, until: i64, overflow: bool| Lease {
        id: LeaseId::new(at(0), n as u128),
        account: AccountId::new(at(0), 1),
        pool: pool(),
        number: numbers[n],
        e164: "+442079460123".parse().unwrap(),
        visit: VisitId::new(at(0), n as u128),
        started_at: at(0),
        expires_at: at(until),
        overflow,
    };
    live.restore(&[row(0, 900, false), row(1, 50, false), row(2, 900, true)])
        .await;
    live.set_pool(pool(), &numbers, at(100)).await;
    let LeaseOutcome::Kept(kept) = live.lease(pool(), &wish(0, 100)).await else {
        panic!("the visit has its number still");
    };
    assert_eq!(kept.number, numbers[0]);
    let LeaseOutcome::New(first) = live.lease(pool(), &wish(8, 100)).await else {
        panic!("two numbers are free");
    };
    assert_eq!(first.number, numbers[2], "it was never leased alone");
    let LeaseOutcome::New(second) = live.lease(pool(), &wish(9, 100)).await else {
        panic!("one number is free");
    };
    assert_eq!(second.number, numbers[1]);
}

async fn numbers_that_leave_a_pool_are_leased_no_more(town: Town) {
    let live = &town;
    let numbers = numbers(2);
    live.set_pool(pool(), &numbers, at(0)).await;
    live.set_pool(pool(), &numbers[1..], at(1)).await;
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 2)).await else {
        panic!("one number is left");
    };
    assert_eq!(held.number, numbers[1]);
    assert_eq!(
        live.lease(pool(), &wish(2, 2)).await,
        LeaseOutcome::Exhausted
    );
}

async fn a_number_that_moves_to_another_pool_is_free_there_when_its_lease_is_over(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0)).await;
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)).await else {
        panic!("a number is free");
    };
    live.set_pool(other, &numbers, at(10)).await;
    assert_eq!(
        live.lease(other, &wish(2, 10)).await,
        LeaseOutcome::Exhausted
    );
    let later = live
        .extend(pool(), held.visit, held.lease, at(90_000))
        .await;
    assert_eq!(later.unwrap().expires_at, held.expires_at);
    assert!(matches!(
        live.lease(other, &wish(2, 1800)).await,
        LeaseOutcome::New(_)
    ));
}

fn row(number: NumberId, pool: PoolId, visit: u128, from: i64, until: i64) -> Lease {
    Lease {
        id: LeaseId::new(at(from), visit),
        account: AccountId::new(at(0), 1),
        pool,
        number,
        e164: "+442079460123".parse().unwrap(),
        visit: VisitId::new(at(0), visit),
        started_at: at(from),
        expires_at: at(until),
        overflow: false,
    }
}

async fn a_pool_that_has_not_heard_yet_leases_no_number_that_another_pool_has(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0)).await;
    live.set_pool(other, &numbers, at(10)).await;
    assert_eq!(
        live.lease(pool(), &wish(1, 11)).await,
        LeaseOutcome::Exhausted
    );
    assert!(matches!(
        live.lease(other, &wish(2, 11)).await,
        LeaseOutcome::New(_)
    ));
}

async fn who_comes_back_late_does_not_get_a_number_that_another_pool_leased_since(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0)).await;
    assert!(matches!(
        live.lease(pool(), &wish(1, 0)).await,
        LeaseOutcome::New(_)
    ));
    live.set_pool(other, &numbers, at(10)).await;
    live.set_pool(pool(), &[], at(10)).await;
    let LeaseOutcome::New(second) = live.lease(other, &wish(2, 2000)).await else {
        panic!("the first lease is over");
    };
    live.set_pool(pool(), &numbers, at(4000)).await;
    live.set_pool(other, &[], at(4000)).await;
    let LeaseOutcome::New(third) = live.lease(pool(), &wish(1, 4001)).await else {
        panic!("the number was another's since");
    };
    assert!(third.started_at >= second.expires_at);
}

async fn after_a_restart_a_number_that_came_back_to_a_pool_is_still_its_last_holders(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.restore(&[
        row(numbers[0], pool(), 1, 0, 100),
        row(numbers[0], other, 2, 200, 2000),
    ])
    .await;
    live.set_pool(pool(), &numbers, at(300)).await;
    live.set_pool(other, &[], at(300)).await;
    assert_eq!(
        live.lease(pool(), &wish(3, 300)).await,
        LeaseOutcome::Exhausted
    );
    assert!(matches!(
        live.lease(pool(), &wish(3, 2000)).await,
        LeaseOutcome::New(_)
    ));
}

async fn a_clock_that_is_set_back_behind_a_lease_frees_no_number_that_was_moved(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0)).await;
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)).await else {
        panic!("a number is free");
    };
    live.set_pool(pool(), &[], at(3600)).await;
    live.set_pool(other, &numbers, at(3600)).await;
    let before_its_end = wish(2, 60);
    assert_eq!(
        live.lease(other, &before_its_end).await,
        LeaseOutcome::Exhausted
    );
    assert!(matches!(
        live.lease(other, &wish(2, 1800)).await,
        LeaseOutcome::New(next) if next.started_at == held.expires_at
    ));
}

async fn a_clock_that_is_set_back_gives_nobody_a_number_back_that_another_pool_gave_away(
    town: Town,
) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0)).await;
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)).await else {
        panic!("a number is free");
    };
    live.set_pool(other, &numbers, at(10)).await;
    live.set_pool(pool(), &[], at(10)).await;
    let LeaseOutcome::Kept(kept) = live.lease(pool(), &wish(1, 11)).await else {
        panic!("who holds a number keeps it, whatever pool it goes to");
    };
    assert_eq!(kept.lease, held.lease);
    assert!(matches!(
        live.lease(other, &wish(2, 2000)).await,
        LeaseOutcome::New(_)
    ));
    assert_eq!(
        live.lease(pool(), &wish(1, 1000)).await,
        LeaseOutcome::Exhausted,
        "by this clock the first lease is not over"
    );
    let beat = live.extend(pool(), held.visit, held.lease, at(2800)).await;
    assert_eq!(beat, None);
}

async fn a_restart_gives_nobody_a_number_back_that_another_pool_gave_away(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.restore(&[
        row(numbers[0], pool(), 1, 0, 1800),
        row(numbers[0], other, 2, 2000, 3800),
    ])
    .await;
    live.set_pool(pool(), &[], at(1000)).await;
    live.set_pool(other, &numbers, at(1000)).await;
    assert_eq!(
        live.lease(pool(), &wish(1, 1000)).await,
        LeaseOutcome::Exhausted
    );
    assert!(matches!(
        live.lease(other, &wish(2, 1000)).await,
        LeaseOutcome::Kept(_)
    ));
}

async fn a_number_that_was_moved_is_given_back_in_every_pool(town: Town) {
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    for given_back_in in [pool(), other] {
        let town = town.another().await;
        let live = &town;
        live.set_pool(pool(), &numbers, at(0)).await;
        let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)).await else {
            panic!("a number is free");
        };
        live.set_pool(pool(), &[], at(10)).await;
        live.set_pool(other, &numbers, at(10)).await;
        let released = live
            .release(given_back_in, held.visit, held.lease, at(20))
            .await;
        assert_eq!(released.map(|held| held.number), Some(numbers[0]));
        assert_eq!(live.holding([pool(), other], held.visit).await, None);
        assert!(matches!(
            live.lease(other, &wish(2, 20)).await,
            LeaseOutcome::New(_)
        ));
    }
}

async fn a_lease_goes_on_in_the_pool_that_its_number_is_in_and_not_in_one_that_it_left(town: Town) {
    let live = &town;
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    let both = [pool(), other];
    live.set_pool(other, &numbers, at(0)).await;
    let LeaseOutcome::New(held) = live.lease(other, &wish(1, 0)).await else {
        panic!("a number is free");
    };
    live.set_pool(pool(), &numbers, at(10)).await;
    live.set_pool(other, &[], at(10)).await;
    assert_eq!(live.holding(both, held.visit).await, Some(pool()));
    live.set_pool(other, &numbers, at(20)).await;
    live.set_pool(pool(), &[], at(20)).await;
    assert_eq!(live.holding(both, held.visit).await, Some(other));
    let beat = live.extend(other, held.visit, held.lease, at(3000)).await;
    assert_eq!(beat.map(|held| held.expires_at), Some(at(3000)));
    live.set_pool(other, &[], at(30)).await;
    assert_eq!(
        live.holding(both, held.visit).await,
        Some(other),
        "neither has it, and there it is seen longer"
    );
    assert_eq!(live.holding([pool()], VisitId::new(at(0), 9)).await, None);
}
