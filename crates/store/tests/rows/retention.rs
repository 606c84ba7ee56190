//! What is erased of visits once their time is over, and what stays.

use std::collections::BTreeMap;

use ringfence_model::{
    Source, Timestamp, Utm, Visit, VisitEvent, VisitEventId, VisitEventKind, VisitorId,
};
use ringfence_store::{Db, Write};
use serde_json::json;

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    what_is_due_loses_what_it_tells_of_a_person_and_nothing_else_does
    a_visit_with_a_live_lease_is_left_alone_and_found_again
    another_accounts_visits_stay
    a_run_that_was_cut_goes_on_where_it_stopped
    counts_are_the_same_before_and_after
    a_sign_of_life_that_comes_late_brings_nothing_back
}

const EVER: Timestamp = Timestamp::from_micros(0);

fn erased(visit: &Visit) -> Visit {
    Visit {
        visitor: VisitorId(visit.id.0),
        landing_page: String::new(),
        referrer: None,
        source: Source {
            keyword: None,
            ..visit.source.clone()
        },
        utm: Utm::default(),
        click_id: None,
        language: None,
        device: None,
        address_prefix: None,
        ..visit.clone()
    }
}

async fn written(world: &World, tenant: &Tenant, second: u64) -> Visit {
    let visit = world.visit(tenant, at(second));
    world.write_visit(&visit).await;
    let event = VisitEvent {
        id: VisitEventId::new(at(second), world.draw()),
        account: tenant.account,
        visit: visit.id,
        at: at(second),
        kind: VisitEventKind::Event,
        name: Some("quote".into()),
        data: BTreeMap::from([("name".into(), json!("Ann Example"))]),
    };
    assert!(world.db.add_visit_event(&event).await.unwrap());
    visit
}

async fn read(db: &Db, visit: &Visit) -> Visit {
    db.visit(visit.account, visit.id).await.unwrap().unwrap()
}

async fn events(db: &Db, visit: &Visit) -> usize {
    db.visit_events(visit.account, visit.id)
        .await
        .unwrap()
        .len()
}

async fn what_is_due_loses_what_it_tells_of_a_person_and_nothing_else_does(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let due = written(&world, &tenant, 10).await;
    let kept = written(&world, &tenant, 20).await;
    let batch = db
        .erase_visits(tenant.account, EVER, at(20), at(99), 100)
        .await
        .unwrap();
    assert_eq!((batch.visits, batch.next), (1, at(20)));
    assert_eq!(read(db, &due).await, erased(&due));
    assert_eq!(events(db, &due).await, 0);
    assert_eq!(read(db, &kept).await, kept);
    assert_eq!(events(db, &kept).await, 1);
    let again = db
        .erase_visits(tenant.account, EVER, at(20), at(99), 100)
        .await
        .unwrap();
    assert_eq!(again.visits, 0, "what is erased is not erased again");
}

async fn a_visit_with_a_live_lease_is_left_alone_and_found_again(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let (held, after) = (world.visit(&tenant, at(10)), world.visit(&tenant, at(20)));
    let lease = world.lease(&tenant, &held);
    let ends = lease.expires_at;
    // Not waited for: both may still be in the journal when the batch is handed in.
    world
        .db
        .write(vec![
            Write::Visit(Box::new(held.clone())),
            Write::Lease(Box::new(lease.clone())),
            Write::Visit(Box::new(after.clone())),
        ])
        .await
        .unwrap();
    let batch = db
        .erase_visits(tenant.account, EVER, at(50), at(60), 100)
        .await
        .unwrap();
    assert_eq!(batch.visits, 1);
    assert_eq!(read(db, &held).await, held);
    assert_eq!(read(db, &after).await, erased(&after));
    let through = db.visits_erased_through(tenant.account).await.unwrap();
    assert_eq!(through, Some(held.started_at));

    let batch = db
        .erase_visits(tenant.account, through.unwrap(), at(50), ends, 100)
        .await
        .unwrap();
    assert_eq!(batch.visits, 1);
    assert_eq!(read(db, &held).await, erased(&held));
    let kept = db.lease(tenant.account, lease.id).await.unwrap();
    assert_eq!(kept, Some(lease));
}

async fn another_accounts_visits_stay(world: World) {
    let (db, tenant, other) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    written(&world, &tenant, 10).await;
    let theirs = written(&world, &other, 10).await;
    db.erase_visits(tenant.account, EVER, at(50), at(60), 100)
        .await
        .unwrap();
    assert_eq!(read(db, &theirs).await, theirs);
    assert_eq!(events(db, &theirs).await, 1);
    let through = db.visits_erased_through(other.account).await.unwrap();
    assert_eq!(through, None);
}

async fn a_run_that_was_cut_goes_on_where_it_stopped(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let mut visits = Vec::new();
    for second in 0..5 {
        visits.push(written(&world, &tenant, second).await);
    }
    let first = db
        .erase_visits(tenant.account, EVER, at(50), at(60), 2)
        .await
        .unwrap();
    assert_eq!(first.visits, 2);
    assert_eq!(read(db, &visits[2]).await, visits[2]);

    // Another process, which knows nothing but the rows.
    db.close().await;
    let db = Db::open(world.database.url()).await.unwrap();
    let mut from = db
        .visits_erased_through(tenant.account)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(from, first.next);
    let mut more = 0;
    while from < at(50) {
        let batch = db
            .erase_visits(tenant.account, from, at(50), at(61), 2)
            .await
            .unwrap();
        more += batch.visits;
        from = batch.next;
    }
    assert_eq!(more, 3);
    for visit in &visits {
        assert_eq!(read(&db, visit).await, erased(visit));
        assert_eq!(events(&db, visit).await, 0);
    }
}

async fn counts_are_the_same_before_and_after(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for second in 0..3 {
        written(&world, &tenant, second).await;
    }
    let counts = || db.row_counts(tenant.account, at(0), at(99));
    let before = counts().await.unwrap();
    db.erase_visits(tenant.account, EVER, at(50), at(60), 100)
        .await
        .unwrap();
    assert_eq!(before.visits, 3);
    assert_eq!(counts().await.unwrap(), before);
}

async fn a_sign_of_life_that_comes_late_brings_nothing_back(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let visit = written(&world, &tenant, 10).await;
    db.erase_visits(tenant.account, EVER, at(50), at(60), 100)
        .await
        .unwrap();
    let seen = Visit {
        seen_at: at(70),
        ..visit
    };
    world.write_visit(&seen).await;
    assert_eq!(read(db, &seen).await, erased(&seen));
}
