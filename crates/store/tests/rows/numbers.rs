//! Tracking numbers and pools.

use std::slice;
use std::time::Duration;

use ringfence_model::{NumberId, NumberState, Pool, TrackingNumber};
use ringfence_store::StoreError;

use crate::world::{START, World, london, on_both_engines};

on_both_engines! {
    numbers_are_read_as_they_were_added_and_changed
    numbers_are_added_all_or_none
    a_number_that_stands_twice_is_named
    a_released_number_may_be_owned_again
    a_number_belongs_to_its_accounts_pools_and_plans_only
    a_pool_is_changed
    a_mark_tells_that_numbers_changed
}

async fn a_mark_tells_that_numbers_changed(world: World) {
    let db = &world.db;
    let (tenant, other) = (world.tenant(5).await, world.tenant(8).await);
    let mark = || async { db.numbers_mark(tenant.account).await.unwrap() };
    let others = db.numbers_mark(other.account).await.unwrap();
    let before = mark().await;
    assert_eq!(mark().await, before);

    let mut numbers = vec![
        world.number(tenant.account, 6),
        world.number(tenant.account, 7),
    ];
    db.add_numbers(numbers.clone()).await.unwrap();
    let added = mark().await;
    assert!(added.is_some() && added != before, "{added:?} {before:?}");
    assert_eq!(mark().await, added);

    numbers[1].label = "another".into();
    assert!(db.update_number(&numbers[1]).await.unwrap());
    let changed = mark().await;
    assert_ne!(changed, added);
    // Refused, and therefore nothing.
    db.add_numbers(numbers).await.unwrap_err();
    assert_eq!(mark().await, changed);
    assert_eq!(db.numbers_mark(other.account).await.unwrap(), others);
}

async fn numbers_are_read_as_they_were_added_and_changed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(5).await;
    let mut numbers = vec![
        world.number(tenant.account, 7),
        world.number(tenant.account, 6),
    ];
    db.add_numbers(numbers.clone()).await.unwrap();
    db.add_numbers(vec![]).await.unwrap();
    numbers.push(tenant.number.clone());
    numbers.sort_by_key(|number| number.e164.clone());
    assert_eq!(db.numbers(tenant.account).await.unwrap(), numbers);

    for state in NumberState::ALL {
        let changed = TrackingNumber {
            label: "Brochure".into(),
            state: *state,
            pool: Some(tenant.pool.id),
            plan: Some(tenant.plan.id),
            ..numbers[1].clone()
        };
        assert!(db.update_number(&changed).await.unwrap());
        let found = db.number(tenant.account, changed.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&changed));
        let by_digits = db.number_by_e164(&london(6)).await.unwrap();
        assert_eq!(
            by_digits,
            (*state != NumberState::Released).then_some(changed)
        );
    }
}

async fn numbers_are_added_all_or_none(world: World) {
    let db = &world.db;
    let tenant = world.tenant(5).await;
    let other = world.tenant(8).await;
    let numbers = [6, 7, 8, 9].map(|digits| world.number(tenant.account, digits));
    let result = db.add_numbers(numbers.to_vec()).await;
    assert!(
        matches!(&result, Err(StoreError::NumberTaken(number)) if *number == other.number.e164),
        "{result:?}"
    );
    assert_eq!(db.numbers(tenant.account).await.unwrap(), [tenant.number]);
    assert_eq!(db.number_by_e164(&london(6)).await.unwrap(), None);
}

async fn a_number_that_stands_twice_is_named(world: World) {
    let account = world.account().await;
    let numbers = [6, 7, 6].map(|digits| world.number(account, digits));
    let result = world.db.add_numbers(numbers.to_vec()).await;
    assert!(matches!(result, Err(StoreError::NumberTaken(number)) if number == london(6)));
    assert_eq!(world.db.numbers(account).await.unwrap(), []);
}

async fn a_released_number_may_be_owned_again(world: World) {
    let db = &world.db;
    let before = world.tenant(5).await;
    let after = world.account().await;
    let released = TrackingNumber {
        state: NumberState::Released,
        ..before.number
    };
    assert!(db.update_number(&released).await.unwrap());
    let bought = world.number(after, 5);
    db.add_numbers(vec![bought.clone()]).await.unwrap();
    assert_eq!(db.number_by_e164(&london(5)).await.unwrap(), Some(bought));

    let back = TrackingNumber {
        state: NumberState::Available,
        ..released
    };
    let result = db.update_number(&back).await;
    assert!(matches!(result, Err(StoreError::NumberTaken(number)) if number == london(5)));
}

async fn a_number_belongs_to_its_accounts_pools_and_plans_only(world: World) {
    let tenant = world.tenant(5).await;
    let other = world.tenant(6).await;
    let of_pool = TrackingNumber {
        pool: Some(other.pool.id),
        ..world.number(tenant.account, 7)
    };
    let of_plan = TrackingNumber {
        plan: Some(other.plan.id),
        ..world.number(tenant.account, 7)
    };
    for number in [of_pool, of_plan] {
        assert!(matches!(
            world.db.add_numbers(vec![number]).await,
            Err(StoreError::MissingParent(_))
        ));
    }
}

async fn a_pool_is_changed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(5).await;
    let found = db.pool(tenant.account, tenant.pool.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&tenant.pool));
    let changed = Pool {
        name: "Bigger pool".into(),
        hold: Duration::from_micros(1_500_001),
        overflow: Some(tenant.number.id),
        ..tenant.pool
    };
    assert!(db.update_pool(&changed).await.unwrap());
    assert_eq!(
        db.pools(tenant.account).await.unwrap(),
        slice::from_ref(&changed)
    );
    let wrong = Pool {
        overflow: Some(NumberId::new(START, world.draw())),
        ..changed
    };
    assert!(matches!(
        db.update_pool(&wrong).await,
        Err(StoreError::MissingParent(_))
    ));
}
