//! Changes of numbers' states, and quarantines that are over.

use std::time::Duration;

use ringfence_model::{NumberChange, NumberState, TrackingNumber};
use ringfence_store::StoreError;

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_change_and_its_reason_are_written_together
    a_number_has_rested_when_its_quarantine_is_over
    changes_of_another_account_are_not_seen_and_not_made
}

fn quarantined(tenant: &Tenant, from: u64, until: u64) -> (TrackingNumber, NumberChange) {
    let number = TrackingNumber {
        state: NumberState::Quarantined,
        pool: None,
        ..tenant.number.clone()
    };
    let change = NumberChange {
        account: tenant.account,
        number: number.id,
        at: at(from),
        state: NumberState::Quarantined,
        why: "left the pool Pool".into(),
        until: Some(at(until)),
        left: Some(tenant.pool.id),
    };
    (number, change)
}

async fn a_change_and_its_reason_are_written_together(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    let (number, change) = quarantined(&tenant, 10, 100);
    assert!(db.change_number(&number, &change).await.unwrap());
    assert_eq!(
        db.number(account, number.id).await.unwrap(),
        Some(number.clone())
    );
    let back = NumberChange {
        at: at(20),
        state: NumberState::Assigned,
        why: "came back".into(),
        until: None,
        left: None,
        ..change.clone()
    };
    let resting = db.quarantines(account).await.unwrap();
    assert_eq!(resting, std::slice::from_ref(&change));
    assert!(db.change_number(&tenant.number, &back).await.unwrap());
    let changes = db.number_changes(account, number.id).await.unwrap();
    assert_eq!(changes, [change.clone(), back.clone()]);
    assert_eq!(db.quarantines(account).await.unwrap(), []);

    // The second at one instant fails as a whole.
    let refused = db
        .change_number(
            &number,
            &NumberChange {
                at: at(20),
                ..change
            },
        )
        .await;
    assert!(matches!(refused, Err(StoreError::Taken(_))), "{refused:?}");
    let kept = db.number(account, number.id).await.unwrap().unwrap();
    assert_eq!(kept.state, NumberState::Assigned);
}

async fn a_number_has_rested_when_its_quarantine_is_over(world: World) {
    let db = &world.db;
    let (first, second) = (world.tenant(1).await, world.tenant(2).await);
    for (tenant, until) in [(&first, 100), (&second, 200)] {
        let (number, change) = quarantined(tenant, 10, until);
        db.change_number(&number, &change).await.unwrap();
    }
    let rested = async |now: u64| {
        let numbers = db.rested_numbers(at(now)).await.unwrap();
        numbers
            .into_iter()
            .map(|number| number.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(rested(99).await, []);
    assert_eq!(rested(100).await, [first.number.id]);
    let mut both = vec![first.number.id, second.number.id];
    let mut found = rested(200).await;
    found.sort();
    both.sort();
    assert_eq!(found, both);
    // Quarantined anew: the end of the time before does not count any more.
    let (number, change) = quarantined(&first, 50, 500);
    db.change_number(&number, &change).await.unwrap();
    assert_eq!(rested(499).await, [second.number.id]);
    // In use again.
    let (_, change) = quarantined(&second, 60, 0);
    let back = NumberChange {
        state: NumberState::Assigned,
        until: None,
        ..change
    };
    db.change_number(&second.number, &back).await.unwrap();
    assert_eq!(rested(499).await, []);
    assert_eq!(second.pool.quarantine, Duration::from_hours(30 * 24));
}

async fn changes_of_another_account_are_not_seen_and_not_made(world: World) {
    let db = &world.db;
    let (tenant, other) = (world.tenant(1).await, world.tenant(2).await);
    let (number, change) = quarantined(&tenant, 10, 100);
    db.change_number(&number, &change).await.unwrap();
    let eve = other.account;
    assert_eq!(db.number_changes(eve, number.id).await.unwrap(), []);
    assert_eq!(db.quarantines(eve).await.unwrap(), []);
    let theirs = NumberChange {
        account: eve,
        at: at(20),
        ..change
    };
    let number = TrackingNumber {
        account: eve,
        ..number
    };
    let made = db.change_number(&number, &theirs).await;
    assert!(
        matches!(made, Err(StoreError::MissingParent(_))),
        "{made:?}"
    );
    let seen = db.number_changes(tenant.account, tenant.number.id).await;
    assert_eq!(seen.unwrap().len(), 1);
}
