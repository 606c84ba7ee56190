//! Minutes of calls to telephone numbers, limits and holds.

use std::time::Duration;

use ringfence_model::{AccountId, DiallingHold};
use ringfence_store::StoreError;
use uuid::Uuid;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    minutes_are_summed_over_runs_and_forgotten
    a_limit_is_set_changed_and_taken_away
    a_hold_stands_once_and_its_end_forgives_what_was_before
}

/// The minute of the clock that begins so many after the start.
fn minute(n: u64) -> ringfence_model::Timestamp {
    at(n * 60)
}

async fn minutes_are_summed_over_runs_and_forgotten(world: World) {
    let db = &world.db;
    let (ours, theirs) = (world.account().await, world.account().await);
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let oldest = minute(0);
    let count = async |account, writer, minutes: &[(ringfence_model::Timestamp, u32)]| {
        let counted = db.count_dialled(account, writer, minutes, oldest);
        counted.await.unwrap();
    };
    count(ours, first, &[(minute(1), 3), (minute(2), 4)]).await;
    count(ours, first, &[(minute(2), 5)]).await;
    count(ours, second, &[(minute(2), 10)]).await;
    count(theirs, second, &[(minute(2), 100)]).await;
    assert_eq!(db.dialled(ours, START).await.unwrap(), 18);
    assert_eq!(db.dialled(ours, minute(1)).await.unwrap(), 15);
    assert_eq!(db.dialled(theirs, START).await.unwrap(), 100);
    let elsewhere = db.dialled_elsewhere(first, START).await.unwrap();
    let of = |account: AccountId| elsewhere.iter().find(|(id, _)| *id == account);
    assert_eq!(of(ours), Some(&(ours, 10)));
    assert_eq!(of(theirs), Some(&(theirs, 100)));
    let elsewhere = db.dialled_elsewhere(second, START).await.unwrap();
    assert_eq!(elsewhere, [(ours, 8)]);

    db.count_dialled(ours, first, &[], minute(2)).await.unwrap();
    assert_eq!(
        db.dialled(ours, START).await.unwrap(),
        15,
        "the oldest is gone"
    );
    let nobodys = AccountId::new(START, 99);
    let one = [(minute(1), 1)];
    let counted = db.count_dialled(nobodys, first, &one, oldest);
    assert!(matches!(counted.await, Err(StoreError::MissingParent(_))));
    assert_eq!(db.dialled(nobodys, START).await.unwrap(), 0);
}

async fn a_limit_is_set_changed_and_taken_away(world: World) {
    let db = &world.db;
    let (ours, theirs) = (world.account().await, world.account().await);
    assert_eq!(db.dialling_limit(ours).await.unwrap(), None);
    db.set_dialling_limit(ours, Some(60)).await.unwrap();
    db.set_dialling_limit(ours, Some(0)).await.unwrap();
    assert_eq!(db.dialling_limit(ours).await.unwrap(), Some(0));
    assert_eq!(db.dialling_limit(theirs).await.unwrap(), None);
    assert_eq!(db.dialling_limits().await.unwrap(), [(ours, 0)]);
    db.set_dialling_limit(theirs, None).await.unwrap();
    db.set_dialling_limit(ours, None).await.unwrap();
    assert_eq!(db.dialling_limits().await.unwrap(), []);
}

async fn a_hold_stands_once_and_its_end_forgives_what_was_before(world: World) {
    let db = &world.db;
    let (ours, theirs) = (world.account().await, world.account().await);
    let hold = |account, seconds| DiallingHold {
        account,
        placed_at: at(seconds),
        ended_at: None,
        minutes: 601,
        minutes_per_hour: 600,
    };
    let writer = Uuid::from_u128(1);
    let counts = [(minute(1), 600), (minute(9), 7)];
    for account in [ours, theirs] {
        let counted = db.count_dialled(account, writer, &counts, START);
        counted.await.unwrap();
    }
    assert!(db.hold_dialling(&hold(ours, 100)).await.unwrap());
    assert!(!db.hold_dialling(&hold(ours, 101)).await.unwrap());
    assert_eq!(db.dialling_hold(ours).await.unwrap(), Some(hold(ours, 100)));
    assert_eq!(db.dialling_hold(theirs).await.unwrap(), None);
    assert!(!db.release_dialling(theirs, at(110)).await.unwrap());
    assert_eq!(
        db.dialling_holds(at(1_000)).await.unwrap(),
        [hold(ours, 100)]
    );

    assert!(db.release_dialling(ours, at(120)).await.unwrap());
    assert!(!db.release_dialling(ours, at(121)).await.unwrap());
    assert_eq!(db.dialling_hold(ours).await.unwrap(), None);
    let ended = DiallingHold {
        ended_at: Some(at(120)),
        ..hold(ours, 100)
    };
    assert_eq!(db.dialling_holds(at(119)).await.unwrap(), [ended]);
    assert_eq!(db.dialling_holds(at(120)).await.unwrap(), []);
    assert_eq!(db.dialled(ours, START).await.unwrap(), 7, "forgiven");
    assert_eq!(db.dialled(theirs, START).await.unwrap(), 607);
    let other = Uuid::from_u128(2);
    let mut elsewhere = db.dialled_elsewhere(other, START).await.unwrap();
    elsewhere.sort_by_key(|(_, minutes)| *minutes);
    assert_eq!(elsewhere, [(ours, 7), (theirs, 607)]);
    let again = at(120) + Duration::from_mins(10);
    let next = DiallingHold {
        placed_at: again,
        ..hold(ours, 0)
    };
    assert!(db.hold_dialling(&next).await.unwrap());
}
