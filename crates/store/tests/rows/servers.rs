//! Servers over the same rows.

use ringfence_model::{Server, ServerId, Timestamp};
use ringfence_store::Write;
use uuid::Uuid;

use crate::world::{World, at, on_both_engines};

on_both_engines! {
    a_server_gives_signs_of_life_until_it_is_given_up
    of_those_who_give_a_server_up_one_does_and_one_closes
    a_closer_that_stops_is_followed_by_another
    open_calls_are_those_of_their_server_and_its_name
    servers_with_another_key_are_counted
    what_is_closed_stays_as_it_was_closed
}

fn server(world: &World, name: &str, started_at: Timestamp) -> Server {
    Server {
        id: ServerId::new(started_at, world.draw()),
        name: name.into(),
        place: Uuid::from_u128(world.draw()),
        started_at,
        seen_at: started_at,
        stopped_at: None,
        closed_at: None,
    }
}

async fn added(world: &World, name: &str, started_at: Timestamp) -> Server {
    let server = server(world, name, started_at);
    world.db.add_server(&server, "0011", "own").await.unwrap();
    server
}

async fn a_server_gives_signs_of_life_until_it_is_given_up(world: World) {
    let db = &world.db;
    let one = added(&world, "calls-1", at(1)).await;
    assert_eq!(db.servers(at(0)).await.unwrap(), std::slice::from_ref(&one));
    assert!(db.server_seen(one.id, at(6)).await.unwrap());
    assert!(
        !db.give_up_server(one.id, at(1), at(7)).await.unwrap(),
        "it was seen since"
    );
    assert!(db.give_up_server(one.id, at(6), at(40)).await.unwrap());
    assert!(!db.server_seen(one.id, at(41)).await.unwrap());
    let known = db.servers(at(100)).await.unwrap();
    assert_eq!(known.len(), 1, "what it left open is not closed");
    assert_eq!(
        (known[0].seen_at, known[0].stopped_at),
        (at(6), Some(at(40)))
    );
    db.server_closed(one.id, at(42)).await.unwrap();
    assert!(db.servers(at(100)).await.unwrap().is_empty());
    assert_eq!(db.servers(at(39)).await.unwrap().len(), 1);
}

async fn of_those_who_give_a_server_up_one_does_and_one_closes(world: World) {
    let db = &world.db;
    let dead = added(&world, "calls-1", at(1)).await;
    let mut others = Vec::new();
    for n in 2..6 {
        others.push(added(&world, &format!("calls-{n}"), at(1)).await);
    }
    assert!(
        !db.take_server(dead.id, others[0].id).await.unwrap(),
        "it runs"
    );
    let tries = others
        .iter()
        .map(|_| db.give_up_server(dead.id, at(1), at(40)));
    let gave_up = futures::future::try_join_all(tries).await.unwrap();
    assert_eq!(gave_up.iter().filter(|up| **up).count(), 1);
    let tries = others.iter().map(|other| db.take_server(dead.id, other.id));
    let took = futures::future::try_join_all(tries).await.unwrap();
    assert_eq!(took.iter().filter(|took| **took).count(), 1);
}

async fn a_closer_that_stops_is_followed_by_another(world: World) {
    let db = &world.db;
    let dead = added(&world, "calls-1", at(1)).await;
    let two = added(&world, "calls-2", at(1)).await;
    let three = added(&world, "calls-3", at(1)).await;
    db.server_stopped(dead.id, at(2)).await.unwrap();
    assert!(db.take_server(dead.id, two.id).await.unwrap());
    assert!(db.take_server(dead.id, two.id).await.unwrap(), "it goes on");
    assert!(!db.take_server(dead.id, three.id).await.unwrap());
    db.server_stopped(two.id, at(3)).await.unwrap();
    assert!(db.take_server(dead.id, three.id).await.unwrap());
    db.server_closed(dead.id, at(4)).await.unwrap();
    assert!(!db.take_server(dead.id, three.id).await.unwrap());
}

async fn open_calls_are_those_of_their_server_and_its_name(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let before = added(&world, "calls-1", at(1)).await;
    let now = added(&world, "calls-1", at(50)).await;
    let other = added(&world, "calls-2", at(1)).await;
    let mut calls = Vec::new();
    for (n, server) in [None, Some(before.id), Some(now.id), Some(other.id)]
        .into_iter()
        .enumerate()
    {
        let mut call = world.call(&tenant, at(n as u64 + 1));
        call.server = server;
        let begun = Write::CallBegun(Box::new(call.clone()));
        let recording = ringfence_model::Recording {
            id: ringfence_model::RecordingId::new(call.started_at, world.draw()),
            call: call.id,
            account: call.account,
            path: format!("{n}.wav"),
            started_at: call.started_at,
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: ringfence_model::RecordingState::Open,
        };
        db.write(vec![begun, Write::RecordingOpened(recording)])
            .await
            .unwrap();
        calls.push(call);
    }
    assert_eq!(
        db.open_calls_of(other.id).await.unwrap(),
        [calls[3].clone()]
    );
    assert_eq!(
        db.open_calls_before("calls-1", now.id).await.unwrap(),
        [calls[0].clone(), calls[1].clone()]
    );
    let paths = |recordings: Vec<ringfence_model::Recording>| -> Vec<String> {
        recordings.into_iter().map(|one| one.path).collect()
    };
    assert_eq!(
        paths(db.open_recordings_of(other.id).await.unwrap()),
        ["3.wav"]
    );
    assert_eq!(
        paths(db.open_recordings_before("calls-1", now.id).await.unwrap()),
        ["0.wav", "1.wav"]
    );
    db.keep_open_calls_of_name("calls-1", now.id).await.unwrap();
    let of_now = db.open_calls_of(now.id).await.unwrap();
    let ids: Vec<_> = of_now.iter().map(|call| call.id).collect();
    assert_eq!(ids, [calls[1].id, calls[2].id]);
}

async fn servers_with_another_key_are_counted(world: World) {
    let db = &world.db;
    added(&world, "calls-1", at(1)).await;
    let count = |name, mark, since| db.servers_with_other_keys(name, mark, since);
    assert_eq!(count("calls-2", "0011", at(0)).await.unwrap(), 0);
    assert_eq!(count("calls-2", "ffff", at(0)).await.unwrap(), 1);
    assert_eq!(count("calls-1", "ffff", at(0)).await.unwrap(), 0);
    assert_eq!(count("calls-2", "ffff", at(2)).await.unwrap(), 0);
}

/// A server that was given up and comes back writes what it would have written.
async fn what_is_closed_stays_as_it_was_closed(world: World) {
    use ringfence_model::{Disposition, LegOutcome, RecordingState};
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    let leg = world.leg(&tenant, &call, 0);
    let recording = ringfence_model::Recording {
        id: ringfence_model::RecordingId::new(at(2), world.draw()),
        call: call.id,
        account: call.account,
        path: "a.wav".into(),
        started_at: at(2),
        duration_ms: 0,
        size: 0,
        sha256: None,
        state: RecordingState::Open,
    };
    let ends = |disposition, reason: &str, outcome, seconds, state| {
        vec![
            Write::LegEnded {
                account: call.account,
                leg: leg.id,
                answered_at: None,
                ended_at: at(seconds),
                outcome,
                code: None,
            },
            Write::RecordingClosed {
                account: call.account,
                recording: recording.id,
                duration_ms: seconds * 1000,
                size: seconds,
                sha256: Some(vec![1; 32]),
                state,
            },
            Write::CallEnded {
                account: call.account,
                call: call.id,
                at: at(seconds),
                disposition,
                reason: Some(reason.into()),
                failed_over: false,
            },
        ]
    };
    db.write(vec![
        Write::CallBegun(Box::new(call.clone())),
        Write::LegBegun(leg.clone()),
        Write::RecordingOpened(recording.clone()),
    ])
    .await
    .unwrap();
    let first = ends(
        Disposition::Failed,
        "interrupted",
        LegOutcome::Failed,
        9,
        RecordingState::Recovered,
    );
    db.write(first).await.unwrap();
    let rows = async || {
        (
            db.call(call.account, call.id).await.unwrap(),
            db.legs(call.account, call.id).await.unwrap(),
            db.recording(call.account, recording.id).await.unwrap(),
        )
    };
    let closed = rows().await;
    let mut late = vec![Write::CallAnswered {
        account: call.account,
        call: call.id,
        at: at(5),
        target: tenant.target.id,
        group: None,
        failed_over: true,
    }];
    late.extend(ends(
        Disposition::Answered,
        "the caller hung up",
        LegOutcome::Answered,
        60,
        RecordingState::Closed,
    ));
    db.write(late).await.unwrap();
    assert_eq!(rows().await, closed);
    assert_eq!(closed.0.unwrap().disposition, Some(Disposition::Failed));
}
