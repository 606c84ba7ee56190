//! Visits and leases.

use std::time::Duration;

use ringfence_model::{Lease, Source, SourceKind, Utm, Visit};
use ringfence_store::{Db, StoreError, Write};

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_visit_is_read_as_it_was_written
    a_visit_is_seen_again_and_never_earlier
    a_beat_moves_a_lease_on_and_an_end_cuts_it_short
    a_clock_that_is_set_back_ends_no_lease_before_its_beginning
    leases_that_have_not_ended_are_live
    visits_are_found_by_their_identifiers
    of_a_lease_that_is_written_twice_the_later_one_counts
    leases_are_listed_from_a_time_on
    the_last_leases_of_a_number_are_found
}

/// Only where several servers can be.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_has_a_lease_is_leased_to_nobody_else_by_whichever_server() {
    let world = World::postgresql().await;
    let tenant = world.tenant(1).await;
    let another = Db::open(world.database.url()).await.unwrap();
    for db in [&world.db, &another] {
        db.guard_leases();
    }
    let wanted = |seconds: u64| {
        let visit = world.visit(&tenant, at(seconds));
        let lease = world.lease(&tenant, &visit);
        let writes = vec![
            Write::Visit(Box::new(visit)),
            Write::Lease(Box::new(lease.clone())),
        ];
        (lease, writes)
    };
    // Ten servers' worth of requests for the same ten minutes of one number: rows take one of them.
    let mut racing = Vec::new();
    for n in 0..10 {
        let db = [&world.db, &another][n % 2].clone();
        let (lease, writes) = wanted(1);
        racing.push(tokio::spawn(async move { (lease, db.write(writes).await) }));
    }
    let mut written = Vec::new();
    for one in racing {
        match one.await.unwrap() {
            (lease, Ok(())) => written.push(lease),
            (_, Err(error)) => assert!(matches!(error, StoreError::NumberLeased), "{error}"),
        }
    }
    assert_eq!(written.len(), 1);
    let first = written.remove(0);
    let beat = |lease: &Lease, seconds| {
        vec![Write::LeaseExtended {
            account: lease.account,
            lease: lease.id,
            expires_at: at(seconds),
        }]
    };
    another.write(beat(&first, 1000)).await.unwrap();
    let (_, too_early) = wanted(999);
    let refused = another.write(too_early).await.unwrap_err();
    assert!(matches!(refused, StoreError::NumberLeased), "{refused}");
    let (_, in_time) = wanted(1000);
    world.db.write(in_time).await.unwrap();
    let refused = another.write(beat(&first, 1001)).await.unwrap_err();
    assert!(matches!(refused, StoreError::NumberLeased), "{refused}");
    let found = world.db.lease(first.account, first.id).await.unwrap();
    assert_eq!(found.map(|lease| lease.expires_at), Some(at(1000)));
    let live = world.db.live_leases_of_account(tenant.account, at(1000));
    assert_eq!(live.await.unwrap().len(), 1);
    another.close().await;
}

async fn show(world: &World, tenant: &Tenant, seconds: u64) -> (Lease, Visit) {
    let visit = world.visit(tenant, at(seconds));
    let lease = world.lease(tenant, &visit);
    let writes = vec![
        Write::Visit(Box::new(visit.clone())),
        Write::Lease(Box::new(lease.clone())),
    ];
    world.db.write(writes).await.unwrap();
    (lease, visit)
}

async fn a_visit_is_read_as_it_was_written(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let full = world.visit(&tenant, at(1));
    let bare = Visit {
        landing_page: "https://www.example.com/ü?q='; DROP TABLE visits; --".into(),
        referrer: None,
        source: Source {
            kind: SourceKind::Direct,
            name: "Direct".into(),
            campaign: None,
            keyword: None,
        },
        utm: Utm::default(),
        click_id: None,
        language: None,
        device: None,
        address_prefix: None,
        ..world.visit(&tenant, at(2))
    };
    for visit in [full, bare] {
        db.write(vec![Write::Visit(Box::new(visit.clone()))])
            .await
            .unwrap();
        let found = db.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found, Some(visit));
    }
}

async fn a_visit_is_seen_again_and_never_earlier(world: World) {
    let tenant = world.tenant(1).await;
    let visit = world.visit(&tenant, at(1));
    let seen = |seconds| {
        Write::Visit(Box::new(Visit {
            seen_at: at(seconds),
            landing_page: "https://www.example.com/other".into(),
            ..visit.clone()
        }))
    };
    let first = Write::Visit(Box::new(visit.clone()));
    world.db.write(vec![first]).await.unwrap();
    world
        .db
        .write(vec![seen(9), seen(12), seen(10)])
        .await
        .unwrap();
    world.db.write(vec![seen(3)]).await.unwrap();
    let found = world.db.visit(tenant.account, visit.id).await.unwrap();
    let expected = Visit {
        seen_at: at(12),
        ..visit
    };
    assert_eq!(found, Some(expected), "the first page stands");
}

async fn a_beat_moves_a_lease_on_and_an_end_cuts_it_short(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let (lease, _) = show(&world, &tenant, 0).await;
    let account = tenant.account;
    let expires_at = async || {
        db.lease(account, lease.id)
            .await
            .unwrap()
            .unwrap()
            .expires_at
    };
    let extended = |seconds| Write::LeaseExtended {
        account,
        lease: lease.id,
        expires_at: at(seconds),
    };
    let ended = |seconds| Write::LeaseEnded {
        account,
        lease: lease.id,
        at: at(seconds),
    };
    assert_eq!(
        db.lease(account, lease.id).await.unwrap(),
        Some(lease.clone())
    );
    db.write(vec![extended(900)]).await.unwrap();
    assert_eq!(expires_at().await, at(900));
    db.write(vec![extended(800)]).await.unwrap();
    assert_eq!(expires_at().await, at(900));
    db.write(vec![ended(1000)]).await.unwrap();
    assert_eq!(expires_at().await, at(900));
    db.write(vec![ended(20)]).await.unwrap();
    assert_eq!(expires_at().await, at(20));
}

async fn a_clock_that_is_set_back_ends_no_lease_before_its_beginning(world: World) {
    let tenant = world.tenant(1).await;
    let (lease, _) = show(&world, &tenant, 50).await;
    let ended = Write::LeaseEnded {
        account: tenant.account,
        lease: lease.id,
        at: at(20),
    };
    world.db.write(vec![ended]).await.unwrap();
    let found = world.db.lease(tenant.account, lease.id).await.unwrap();
    assert_eq!(found.unwrap().expires_at, lease.started_at);
    // Its token stays spent after a restart.
    let begun = world.db.begun_leases(at(40)).await.unwrap();
    assert_eq!(begun, [(lease.id, lease.started_at)]);
}

async fn leases_that_have_not_ended_are_live(world: World) {
    let mut leases = Vec::new();
    for (digits, seconds) in [(1, 5), (2, 3), (3, 4)] {
        let tenant = world.tenant(digits).await;
        leases.push(show(&world, &tenant, seconds).await.0);
    }
    let [five, three, four] = leases.try_into().unwrap();
    let live = world.db.live_leases(at(600)).await.unwrap();
    assert_eq!(live, [three, four.clone(), five.clone()]);
    let live = world.db.live_leases(at(603)).await.unwrap();
    assert_eq!(live, [four, five]);
    assert_eq!(world.db.live_leases(at(605)).await.unwrap(), []);
}

async fn visits_are_found_by_their_identifiers(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    let mut shown = Vec::new();
    for seconds in 0..20 {
        shown.push(show(&world, &tenant, seconds).await.1);
    }
    let foreign = show(&world, &other, 5).await.1;
    let ids: Vec<_> = shown.iter().map(|visit| visit.id).collect();
    for count in [0, 1, 7, 8, 9, 20] {
        let asked = [&ids[..count], &[foreign.id]].concat();
        let mut found = db.visits(tenant.account, &asked).await.unwrap();
        found.sort_by_key(|visit| visit.id);
        assert_eq!(found, shown[..count]);
    }
    let found = db.visits(tenant.account, &[]).await.unwrap();
    assert_eq!(found, []);
}

async fn of_a_lease_that_is_written_twice_the_later_one_counts(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let (lease, _) = show(&world, &tenant, 0).await;
    let visit = world.visit(&tenant, at(1));
    let again = Lease {
        id: lease.id,
        ..world.lease(&tenant, &visit)
    };
    let writes = vec![
        Write::Lease(Box::new(lease.clone())),
        Write::Visit(Box::new(visit)),
        Write::Lease(Box::new(again.clone())),
    ];
    db.write(writes).await.unwrap();
    let found = db.lease(tenant.account, lease.id).await.unwrap();
    assert_eq!(found, Some(again));
}

async fn leases_are_listed_from_a_time_on(world: World) {
    let tenant = world.tenant(1).await;
    let mut begun = Vec::new();
    for seconds in [1, 2, 3] {
        let (lease, _) = show(&world, &tenant, seconds).await;
        begun.push((lease.id, lease.started_at));
    }
    let since = at(2);
    assert_eq!(world.db.begun_leases(since).await.unwrap(), begun[1..]);
    let later = since + Duration::from_mins(1);
    assert_eq!(world.db.begun_leases(later).await.unwrap(), []);
}

async fn the_last_leases_of_a_number_are_found(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        let visit = world.visit(&tenant, at(n * 1000));
        let lease = world.lease(&tenant, &visit);
        ids.push(lease.id);
        db.write(vec![
            Write::Visit(Box::new(visit)),
            Write::Lease(Box::new(lease)),
        ])
        .await
        .unwrap();
    }
    let found = async |account, seconds, most| {
        let found = db.leases_of_number(account, tenant.number.id, at(seconds), most);
        let found = found.await.unwrap();
        found.into_iter().map(|lease| lease.id).collect::<Vec<_>>()
    };
    assert_eq!(found(tenant.account, 2500, 2).await, [ids[2], ids[1]]);
    assert_eq!(found(tenant.account, 5000, 9).await.len(), 4);
    let stranger = world.tenant(2).await;
    assert!(found(stranger.account, 5000, 9).await.is_empty());
}
