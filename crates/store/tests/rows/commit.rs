//! Writes of many callers: together, but each for itself.

use ringfence_model::{CallEvent, CallEventKind, LeaseId, Recording};
use ringfence_store::{StoreError, Write};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_bad_batch_in_a_group_fails_alone
    a_batch_is_written_whole_or_not_at_all
    writing_the_same_again_is_no_error_and_changes_nothing
    many_rows_of_one_kind_are_all_written
    writing_nothing_is_no_error
    what_was_handed_in_before_closing_is_written
}

async fn a_bad_batch_in_a_group_fails_alone(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let mut leases = Vec::new();
    let mut tasks = Vec::new();
    for i in 0..300_u64 {
        let visit = world.visit(&tenant, at(i));
        let mut lease = world.lease(&tenant, &visit);
        if i % 50 == 9 {
            // A visit that does not exist.
            lease.visit = ringfence_model::VisitId::new(START, world.draw());
        }
        leases.push(lease.clone());
        let db = db.clone();
        tasks.push(tokio::spawn(async move {
            let writes = vec![Write::Visit(Box::new(visit)), Write::Lease(Box::new(lease))];
            db.write(writes).await
        }));
    }
    for (i, (task, lease)) in tasks.into_iter().zip(leases).enumerate() {
        let result = task.await.unwrap();
        let found = db.lease(tenant.account, lease.id).await.unwrap();
        match i % 50 {
            9 => assert!(
                matches!(result, Err(StoreError::MissingParent(_))),
                "{result:?}"
            ),
            _ => result.unwrap(),
        }
        assert_eq!(found.is_some(), i % 50 != 9, "{i}");
    }
    let counts = db.row_counts(tenant.account, at(0), at(300)).await.unwrap();
    assert_eq!((counts.visits, counts.leases), (294, 294));
}

async fn a_batch_is_written_whole_or_not_at_all(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    let unknown = Write::LeaseExtended {
        account: tenant.account,
        lease: LeaseId::new(START, world.draw()),
        expires_at: at(9),
    };
    let result = db
        .write(vec![Write::CallBegun(Box::new(call.clone())), unknown])
        .await;
    assert!(
        matches!(result, Err(StoreError::MissingParent(_))),
        "{result:?}"
    );
    assert_eq!(db.call(call.account, call.id).await.unwrap(), None);
}

async fn writing_the_same_again_is_no_error_and_changes_nothing(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let visit = world.visit(&tenant, at(1));
    let lease = world.lease(&tenant, &visit);
    let call = world.call(&tenant, at(2));
    let leg = world.leg(&tenant, &call, 0);
    let recording = world.recording(&call);
    let event = CallEvent {
        call: call.id,
        account: call.account,
        sequence: 0,
        at: at(2),
        kind: CallEventKind::Arrived,
    };
    // In an order in which no engine would accept them one by one.
    let writes = vec![
        Write::CallEvent(event.clone()),
        Write::RecordingOpened(recording.clone()),
        Write::LegBegun(leg.clone()),
        Write::CallBegun(Box::new(call.clone())),
        Write::Lease(Box::new(lease.clone())),
        Write::Visit(Box::new(visit.clone())),
    ];
    let doubled = [writes.clone(), writes.clone()].concat();
    for writes in [writes.clone(), writes, doubled] {
        db.write(writes).await.unwrap();
    }
    let account = tenant.account;
    assert_eq!(db.visit(account, visit.id).await.unwrap(), Some(visit));
    assert_eq!(db.lease(account, lease.id).await.unwrap(), Some(lease));
    assert_eq!(db.legs(account, call.id).await.unwrap(), [leg]);
    assert_eq!(db.call_events(account, call.id).await.unwrap(), [event]);
    let found: Option<Recording> = db.recording(account, recording.id).await.unwrap();
    assert_eq!(found, Some(recording));
    assert_eq!(db.call(account, call.id).await.unwrap(), Some(call));
}

async fn many_rows_of_one_kind_are_all_written(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    db.write(vec![Write::CallBegun(Box::new(call.clone()))])
        .await
        .unwrap();
    // 128 + 128 + 64 + 32 + 16 + 8 + 4 + 2 + 1 rows: a statement of each size.
    let events: Vec<CallEvent> = (0..383)
        .map(|sequence| CallEvent {
            call: call.id,
            account: call.account,
            sequence,
            at: at(sequence.into()),
            kind: CallEventKind::Arrived,
        })
        .collect();
    let writes = events.iter().cloned().map(Write::CallEvent).collect();
    db.write(writes).await.unwrap();
    assert_eq!(db.call_events(call.account, call.id).await.unwrap(), events);
}

async fn writing_nothing_is_no_error(world: World) {
    world.db.write(vec![]).await.unwrap();
}

async fn what_was_handed_in_before_closing_is_written(world: World) {
    let tenant = world.tenant(1).await;
    let mut tasks = Vec::new();
    for i in 0..50 {
        let write = Write::Visit(Box::new(world.visit(&tenant, at(i))));
        let db = world.db.clone();
        tasks.push(tokio::spawn(async move { db.write(vec![write]).await }));
    }
    // Spawned tasks of this runtime's one thread have handed in their batch before this one goes on.
    tokio::task::yield_now().await;
    world.db.close().await;
    let mut written = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => written += 1,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
    }
    let again = ringfence_store::Db::open(world.database.url())
        .await
        .unwrap();
    let counts = again
        .row_counts(tenant.account, at(0), at(99))
        .await
        .unwrap();
    assert_eq!(counts.visits, written);
    assert!(written > 0);
    again.close().await;
}
