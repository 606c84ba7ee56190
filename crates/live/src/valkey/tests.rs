//! What only several servers, and a Valkey that is away, make of shared leases.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::{AccountId, Lease, LeaseId, NumberId, PoolId, Timestamp, VisitId};
use ringfence_testing::TestValkey;

use super::{AccountRows, Valkey};
use crate::{LeaseOutcome, Live, LiveError, NewLease, SpendError};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn account() -> AccountId {
    AccountId::new(at(0), 1)
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

fn server(valkey: &TestValkey, patience: Duration) -> Live {
    Live::new().over(Valkey::new(&valkey.url(), patience).unwrap())
}

/// The rows of an account with one pool.
fn rows(count: u128, leases: &[Lease]) -> AccountRows {
    AccountRows {
        leases: leases.to_vec(),
        pools: vec![(pool(), numbers(count))],
        spent: Vec::new(),
    }
}

async fn build(live: &Live, rows: &AccountRows) {
    let building = live.begin_build(account(), 7).await.unwrap().unwrap();
    assert!(live.build(&building, rows, at(0)).await.unwrap());
}

fn row(number: NumberId, visit: u128, until: i64) -> Lease {
    Lease {
        id: LeaseId::new(at(0), visit),
        account: account(),
        pool: pool(),
        number,
        e164: "+442079460123".parse().unwrap(),
        visit: VisitId::new(at(0), visit),
        started_at: at(0),
        expires_at: at(until),
        overflow: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_race_for_numbers_never_lease_one_twice() {
    let valkey = TestValkey::start();
    let servers = [0, 1].map(|_| Arc::new(server(&valkey, PATIENCE)));
    build(&servers[0], &rows(200, &[])).await;
    let tasks: Vec<_> = (0..16u128)
        .map(|task| {
            let live = Arc::clone(&servers[usize::from(task % 2 == 0)]);
            tokio::spawn(async move {
                let mut leased = Vec::new();
                for n in 0..20 {
                    let new = wish(task * 1000 + n, 0);
                    if let LeaseOutcome::New(held) =
                        live.lease(account(), pool(), &new).await.unwrap()
                    {
                        leased.push(held.number);
                    }
                }
                leased
            })
        })
        .collect();
    let mut leased = Vec::new();
    for task in tasks {
        leased.extend(task.await.unwrap());
    }
    assert_eq!(leased.len(), 200);
    assert_eq!(leased.iter().collect::<HashSet<_>>().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_leased_and_spent_another_knows() {
    let valkey = TestValkey::start();
    let [one, two] = [0, 1].map(|_| server(&valkey, PATIENCE));
    build(&one, &rows(1, &[])).await;
    let LeaseOutcome::New(held) = one.lease(account(), pool(), &wish(1, 0)).await.unwrap() else {
        panic!("a number is free");
    };
    let kept = two.lease(account(), pool(), &wish(1, 10)).await.unwrap();
    assert!(matches!(kept, LeaseOutcome::Kept(kept) if kept.lease == held.lease));
    let other = two.lease(account(), pool(), &wish(2, 10)).await.unwrap();
    assert_eq!(other, LeaseOutcome::Exhausted);
    one.spend(account(), [1; 16], at(300), at(0)).await.unwrap();
    let again = two.spend(account(), [1; 16], at(300), at(0)).await;
    assert_eq!(again, Err(SpendError::Spent));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_flushed_is_built_from_rows_before_anybody_leases() {
    let valkey = TestValkey::start();
    let [one, two] = [0, 1].map(|_| server(&valkey, PATIENCE));
    build(&one, &rows(2, &[])).await;
    one.lease(account(), pool(), &wish(1, 0)).await.unwrap();
    valkey.flush();
    for live in [&one, &two] {
        let refused = live.lease(account(), pool(), &wish(2, 0)).await;
        assert_eq!(refused, Err(LiveError::Unbuilt));
        let refused = live.spend(account(), [1; 16], at(300), at(0)).await;
        assert_eq!(refused, Err(SpendError::Live(LiveError::Unbuilt)));
    }
    let building = one.begin_build(account(), 8).await.unwrap().unwrap();
    assert!(two.begin_build(account(), 9).await.unwrap().is_none());
    let mut known = rows(2, &[row(numbers(1)[0], 1, 1800)]);
    known.spent.push(([1; 16], at(300)));
    assert!(one.build(&building, &known, at(0)).await.unwrap());
    assert!(!one.build(&building, &known, at(0)).await.unwrap(), "once");
    let LeaseOutcome::New(second) = two.lease(account(), pool(), &wish(2, 10)).await.unwrap()
    else {
        panic!("one number is free");
    };
    assert_eq!(second.number, numbers(2)[1]);
    let spent = two.spend(account(), [1; 16], at(300), at(0)).await;
    assert_eq!(spent, Err(SpendError::Spent));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_held_is_not_believed() {
    let mut valkey = TestValkey::start();
    let live = server(&valkey, PATIENCE);
    build(&live, &rows(2, &[])).await;
    valkey.kill();
    let away = live.lease(account(), pool(), &wish(1, 0)).await;
    assert_eq!(away, Err(LiveError::Away));
    valkey.start_again();
    // As a snapshot that was loaded at the start would have it.
    let epoch = format!("SET ringfence:{{{}}}:epoch of-another-process", account().0);
    assert!(valkey.ask(&epoch).unwrap().contains("OK"));
    assert_eq!(until_there(&live).await, Err(LiveError::Unbuilt));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stands_still_costs_a_quarter_of_a_second_once_and_then_nothing() {
    let valkey = TestValkey::start();
    let patience = Duration::from_millis(250);
    let live = server(&valkey, patience);
    build(&live, &rows(50, &[])).await;
    valkey.pause();
    let begun = Instant::now();
    for n in 0..20 {
        let away = live.lease(account(), pool(), &wish(n, 0)).await;
        assert_eq!(away, Err(LiveError::Away));
    }
    let waited = begun.elapsed();
    assert!(
        waited < Duration::from_secs(2),
        "{waited:?} for 20 requests"
    );
    valkey.resume();
    let leased = until_there(&live).await.unwrap();
    assert!(matches!(leased, LeaseOutcome::New(_)), "{leased:?}");
}

/// The first answer to a request after Valkey was away.
async fn until_there(live: &Live) -> Result<LeaseOutcome, LiveError> {
    let begun = Instant::now();
    loop {
        match live.lease(account(), pool(), &wish(99, 0)).await {
            Err(LiveError::Away) => {}
            answer => return answer,
        }
        assert!(begun.elapsed() < PATIENCE, "it is still away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nothing_is_said_of_a_url_that_is_none() {
    for url in ["", "http://u:secret@h", "redis://u:secret@h:99999/x"] {
        let error = Valkey::new(url, PATIENCE).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
    }
    let valkey = Valkey::new("redis://u:secret@127.0.0.1:1", PATIENCE).unwrap();
    assert!(!format!("{valkey:?}").contains("secret"));
    assert!(!valkey.facts().await.unwrap_err().contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_is() {
    let valkey = TestValkey::start();
    let facts = server(&valkey, PATIENCE).valkey().unwrap().facts().await;
    let facts = facts.unwrap();
    assert_eq!(
        (facts.eviction.as_str(), facts.max_memory),
        ("noeviction", 0)
    );
    let (name, version) = facts.version.split_once(' ').unwrap();
    assert!(["redis", "valkey"].contains(&name) && version.contains('.'));
}
