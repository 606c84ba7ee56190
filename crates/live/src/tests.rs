//! What requests share, and what a restart and a clock that is set back make of it.

use super::*;
use ringfence_model::Duration;
use std::collections::HashSet;

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

#[test]
fn threads_that_race_for_numbers_never_share_one() {
    let live = Live::new();
    live.set_pool(pool(), &numbers(300), at(0));
    let outcomes: Vec<LeaseOutcome> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u128)
            .map(|thread| {
                let live = &live;
                scope.spawn(move || {
                    (0..50)
                        .map(|n| live.lease(pool(), &wish(thread * 1000 + n, 0)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let held: Vec<NumberId> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            LeaseOutcome::New(held) => Some(held.number),
            _ => None,
        })
        .collect();
    assert_eq!(held.len(), 300);
    assert_eq!(held.iter().collect::<HashSet<_>>().len(), 300);
    let exhausted = outcomes
        .iter()
        .filter(|outcome| **outcome == LeaseOutcome::Exhausted)
        .count();
    assert_eq!(exhausted, 100);
    assert_eq!(live.occupancy(pool(), at(1)), (300, 300));
}

#[test]
fn a_pool_that_was_never_set_is_unknown() {
    assert_eq!(
        Live::new().lease(pool(), &wish(1, 0)),
        LeaseOutcome::UnknownPool
    );
}

#[test]
fn a_restart_keeps_leases_and_the_order_of_free_numbers() {
    let live = Live::new();
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
    live.restore(&[row(0, 900, false), row(1, 50, false), row(2, 900, true)]);
    live.set_pool(pool(), &numbers, at(100));
    let LeaseOutcome::Kept(kept) = live.lease(pool(), &wish(0, 100)) else {
        panic!("the visit has its number still");
    };
    assert_eq!(kept.number, numbers[0]);
    let LeaseOutcome::New(first) = live.lease(pool(), &wish(8, 100)) else {
        panic!("two numbers are free");
    };
    assert_eq!(first.number, numbers[2], "it was never leased alone");
    let LeaseOutcome::New(second) = live.lease(pool(), &wish(9, 100)) else {
        panic!("one number is free");
    };
    assert_eq!(second.number, numbers[1]);
}

#[test]
fn numbers_that_leave_a_pool_are_leased_no_more() {
    let live = Live::new();
    let numbers = numbers(2);
    live.set_pool(pool(), &numbers, at(0));
    live.set_pool(pool(), &numbers[1..], at(1));
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 2)) else {
        panic!("one number is left");
    };
    assert_eq!(held.number, numbers[1]);
    assert_eq!(live.lease(pool(), &wish(2, 2)), LeaseOutcome::Exhausted);
}

#[test]
fn a_number_that_moves_to_another_pool_is_free_there_when_its_lease_is_over() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0));
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)) else {
        panic!("a number is free");
    };
    live.set_pool(other, &numbers, at(10));
    assert_eq!(live.lease(other, &wish(2, 10)), LeaseOutcome::Exhausted);
    let later = live.extend(pool(), held.visit, held.lease, at(90_000));
    assert_eq!(later.unwrap().expires_at, held.expires_at);
    assert!(matches!(
        live.lease(other, &wish(2, 1800)),
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

#[test]
fn a_pool_that_has_not_heard_yet_leases_no_number_that_another_pool_has() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0));
    live.set_pool(other, &numbers, at(10));
    assert_eq!(live.lease(pool(), &wish(1, 11)), LeaseOutcome::Exhausted);
    assert!(matches!(
        live.lease(other, &wish(2, 11)),
        LeaseOutcome::New(_)
    ));
}

#[test]
fn who_comes_back_late_does_not_get_a_number_that_another_pool_leased_since() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0));
    assert!(matches!(
        live.lease(pool(), &wish(1, 0)),
        LeaseOutcome::New(_)
    ));
    live.set_pool(other, &numbers, at(10));
    live.set_pool(pool(), &[], at(10));
    let LeaseOutcome::New(second) = live.lease(other, &wish(2, 2000)) else {
        panic!("the first lease is over");
    };
    live.set_pool(pool(), &numbers, at(4000));
    live.set_pool(other, &[], at(4000));
    let LeaseOutcome::New(third) = live.lease(pool(), &wish(1, 4001)) else {
        panic!("the number was another's since");
    };
    assert!(third.started_at >= second.expires_at);
}

#[test]
fn after_a_restart_a_number_that_came_back_to_a_pool_is_still_its_last_holders() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.restore(&[
        row(numbers[0], pool(), 1, 0, 100),
        row(numbers[0], other, 2, 200, 2000),
    ]);
    live.set_pool(pool(), &numbers, at(300));
    live.set_pool(other, &[], at(300));
    assert_eq!(live.lease(pool(), &wish(3, 300)), LeaseOutcome::Exhausted);
    assert!(matches!(
        live.lease(pool(), &wish(3, 2000)),
        LeaseOutcome::New(_)
    ));
}

#[test]
fn a_clock_that_is_set_back_behind_a_lease_frees_no_number_that_was_moved() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0));
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)) else {
        panic!("a number is free");
    };
    live.set_pool(pool(), &[], at(3600));
    live.set_pool(other, &numbers, at(3600));
    let before_its_end = wish(2, 60);
    assert_eq!(live.lease(other, &before_its_end), LeaseOutcome::Exhausted);
    assert!(matches!(
        live.lease(other, &wish(2, 1800)),
        LeaseOutcome::New(next) if next.started_at == held.expires_at
    ));
}

#[test]
fn a_clock_that_is_set_back_gives_nobody_a_number_back_that_another_pool_gave_away() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.set_pool(pool(), &numbers, at(0));
    let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)) else {
        panic!("a number is free");
    };
    live.set_pool(other, &numbers, at(10));
    live.set_pool(pool(), &[], at(10));
    let LeaseOutcome::Kept(kept) = live.lease(pool(), &wish(1, 11)) else {
        panic!("who holds a number keeps it, whatever pool it goes to");
    };
    assert_eq!(kept.lease, held.lease);
    assert!(matches!(
        live.lease(other, &wish(2, 2000)),
        LeaseOutcome::New(_)
    ));
    assert_eq!(
        live.lease(pool(), &wish(1, 1000)),
        LeaseOutcome::Exhausted,
        "by this clock the first lease is not over"
    );
    let beat = live.extend(pool(), held.visit, held.lease, at(2800));
    assert_eq!(beat, None);
}

#[test]
fn a_restart_gives_nobody_a_number_back_that_another_pool_gave_away() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    live.restore(&[
        row(numbers[0], pool(), 1, 0, 1800),
        row(numbers[0], other, 2, 2000, 3800),
    ]);
    live.set_pool(pool(), &[], at(1000));
    live.set_pool(other, &numbers, at(1000));
    assert_eq!(live.lease(pool(), &wish(1, 1000)), LeaseOutcome::Exhausted);
    assert!(matches!(
        live.lease(other, &wish(2, 1000)),
        LeaseOutcome::Kept(_)
    ));
}

#[test]
fn a_number_that_was_moved_is_given_back_in_every_pool() {
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    for given_back_in in [pool(), other] {
        let live = Live::new();
        live.set_pool(pool(), &numbers, at(0));
        let LeaseOutcome::New(held) = live.lease(pool(), &wish(1, 0)) else {
            panic!("a number is free");
        };
        live.set_pool(pool(), &[], at(10));
        live.set_pool(other, &numbers, at(10));
        let released = live.release(given_back_in, held.visit, held.lease, at(20));
        assert_eq!(released.map(|held| held.number), Some(numbers[0]));
        assert_eq!(live.holding([pool(), other], held.visit), None);
        assert!(matches!(
            live.lease(other, &wish(2, 20)),
            LeaseOutcome::New(_)
        ));
    }
}

#[test]
fn a_lease_goes_on_in_the_pool_that_its_number_is_in_and_not_in_one_that_it_left() {
    let live = Live::new();
    let (numbers, other) = (numbers(1), PoolId::new(at(0), 2));
    let both = [pool(), other];
    live.set_pool(other, &numbers, at(0));
    let LeaseOutcome::New(held) = live.lease(other, &wish(1, 0)) else {
        panic!("a number is free");
    };
    live.set_pool(pool(), &numbers, at(10));
    live.set_pool(other, &[], at(10));
    assert_eq!(live.holding(both, held.visit), Some(pool()));
    live.set_pool(other, &numbers, at(20));
    live.set_pool(pool(), &[], at(20));
    assert_eq!(live.holding(both, held.visit), Some(other));
    let beat = live.extend(other, held.visit, held.lease, at(3000));
    assert_eq!(beat.map(|held| held.expires_at), Some(at(3000)));
    live.set_pool(other, &[], at(30));
    assert_eq!(
        live.holding(both, held.visit),
        Some(other),
        "neither has it, and there it is seen longer"
    );
    assert_eq!(live.holding([pool()], VisitId::new(at(0), 9)), None);
}
