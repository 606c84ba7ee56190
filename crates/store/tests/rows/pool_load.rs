//! How leases begin and end, minute by minute.

use std::time::Duration;

use ringfence_model::{Lease, LeaseId};
use ringfence_store::{PoolMinute, Write};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    leases_are_counted_in_the_minutes_in_which_they_begin_and_end
}

async fn leases_are_counted_in_the_minutes_in_which_they_begin_and_end(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let visit = world.visit(&tenant, at(0));
    let lease = |from: u64, until: u64, overflow: bool| Lease {
        id: LeaseId::new(START, world.draw()),
        started_at: at(from),
        expires_at: at(until),
        overflow,
        ..world.lease(&tenant, &visit)
    };
    let leases = [
        lease(0, 30, false),   // over before
        lease(10, 130, false), // under way when the time begins
        lease(65, 600, false),
        lease(119, 300, true),
        lease(120, 125, false),
    ];
    let mut writes = vec![Write::Visit(Box::new(visit.clone()))];
    writes.extend(
        leases
            .into_iter()
            .map(|lease| Write::Lease(Box::new(lease))),
    );
    db.write(writes).await.unwrap();

    let loads = db
        .pool_loads(tenant.account, at(60), at(400))
        .await
        .unwrap();
    let load = &loads[&tenant.pool.id];
    assert_eq!((loads.len(), load.standing), (1, 1));
    let first = at(60).as_micros() / 60_000_000;
    let minutes: Vec<_> = load
        .minutes
        .iter()
        .map(|(at, minute)| (at - first, *minute))
        .collect();
    let secs = Duration::from_secs;
    assert_eq!(
        minutes,
        [
            (
                0,
                PoolMinute {
                    begun: 2,
                    overflow: 1,
                    length: secs(535 + 181),
                    ended: 0
                }
            ),
            (
                1,
                PoolMinute {
                    begun: 1,
                    overflow: 0,
                    length: secs(5),
                    ended: 2
                }
            ),
        ]
    );
    let other = world.tenant(2).await.account;
    assert!(
        db.pool_loads(other, at(0), at(400))
            .await
            .unwrap()
            .is_empty()
    );
}
