//! Visits and leases.

use std::slice;
use std::time::Duration;

use ringfence_model::{Lease, Source, SourceKind, Utm, Visit};
use ringfence_store::{StoreError, Write};

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_visit_is_read_as_it_was_written
    a_visit_is_seen_again_and_never_earlier
    a_beat_moves_a_lease_on_and_an_end_cuts_it_short
    leases_that_have_not_ended_are_live
    leases_of_a_number_come_with_their_visits_newest_first
    a_nonce_is_spent_once
    nonces_are_listed_from_a_time_on
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

async fn leases_of_a_number_come_with_their_visits_newest_first(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    let first = show(&world, &tenant, 0).await;
    let second = show(&world, &tenant, 700).await;
    let third = show(&world, &tenant, 800).await;
    show(&world, &other, 750).await;
    let (account, number) = (tenant.account, tenant.number.id);
    let found = async |before, after, limit| {
        db.leases_for_number(account, number, at(before), at(after), limit)
            .await
            .unwrap()
    };
    assert_eq!(
        found(800, 0, 10).await,
        [third.clone(), second.clone(), first.clone()]
    );
    assert_eq!(found(799, 600, 10).await, [second.clone(), first]);
    assert_eq!(found(799, 601, 10).await, slice::from_ref(&second));
    assert_eq!(found(9000, 0, 2).await, [third, second]);
}

async fn a_nonce_is_spent_once(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    let (lease, _) = show(&world, &tenant, 0).await;
    let visit = world.visit(&other, at(1));
    let again = Lease {
        nonce: lease.nonce.clone(),
        ..world.lease(&other, &visit)
    };
    let result = db
        .write(vec![
            Write::Visit(Box::new(visit.clone())),
            Write::Lease(Box::new(again.clone())),
        ])
        .await;
    assert!(matches!(result, Err(StoreError::NonceSpent)), "{result:?}");
    assert_eq!(db.visit(other.account, visit.id).await.unwrap(), None);
    assert_eq!(db.lease(other.account, again.id).await.unwrap(), None);

    for _ in 0..2 {
        let unsigned = Lease {
            nonce: None,
            ..show(&world, &other, 3).await.0
        };
        db.write(vec![Write::Lease(Box::new(Lease {
            id: ringfence_model::LeaseId::new(at(4), world.draw()),
            ..unsigned
        }))])
        .await
        .unwrap();
    }
}

async fn nonces_are_listed_from_a_time_on(world: World) {
    let tenant = world.tenant(1).await;
    let mut spent = Vec::new();
    for seconds in [1, 2, 3] {
        let (lease, _) = show(&world, &tenant, seconds).await;
        spent.push((lease.nonce.unwrap(), lease.started_at));
    }
    let since = at(2);
    assert_eq!(world.db.spent_nonces(since).await.unwrap(), spent[1..]);
    let later = since + Duration::from_mins(1);
    assert_eq!(world.db.spent_nonces(later).await.unwrap(), []);
}
