//! The demo as a new user runs it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use ringfence_testing::{Engine, on_both_engines};
use support::World;

on_both_engines!(
    thirty_seconds_of_demo_show_the_whole_path,
    a_database_that_is_somebodys_is_not_played_on,
);

async fn thirty_seconds_of_demo_show_the_whole_path(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let database = engine.database().await;
    let arguments = [
        "demo",
        "--for",
        "30s",
        "--json",
        "--port",
        "0",
        "--site-port",
        "0",
        "--sip-port",
        "0",
        "--data",
        data.to_str().unwrap(),
        "--database",
        database.url(),
    ];
    // Without the option, a new user's demo makes a file of its own.
    let arguments = match engine {
        Engine::Sqlite => &arguments[..arguments.len() - 2],
        Engine::Postgres => &arguments[..],
    };
    let (code, said, complained) = support::run(arguments, folder.path());
    let line = said.lines().last().unwrap_or_default();
    let summary: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said}\n{complained}"));
    assert_eq!(code, Some(0), "{summary}\n{complained}");

    let figures: HashMap<&str, u64> = [
        ("visits", "/visits"),
        ("leases", "/leases"),
        ("calls", "/calls/total"),
        ("answered", "/calls/answered"),
        ("failed", "/calls/failed"),
        ("failed_over", "/calls/failed_over"),
        ("attributed", "/attributed"),
        ("recordings", "/recordings/total"),
        ("verified", "/recordings/verified"),
    ]
    .into_iter()
    .map(|(name, pointer)| {
        (
            name,
            summary
                .pointer(pointer)
                .and_then(serde_json::Value::as_u64)
                .unwrap_or(0),
        )
    })
    .collect();
    assert!(figures["visits"] >= 20, "{summary}");
    assert!(figures["leases"] >= 20, "{summary}");
    assert!(figures["calls"] >= 10, "{summary}");
    assert!(figures["failed_over"] >= 1, "{summary}");
    assert_eq!(figures["failed"], 0, "{summary}");
    assert_eq!(figures["attributed"], figures["calls"], "{summary}");
    assert_eq!(figures["recordings"], figures["answered"], "{summary}");
    assert_eq!(figures["verified"], figures["answered"], "{summary}");
}

async fn a_database_that_is_somebodys_is_not_played_on(engine: Engine) {
    let world = World::new(engine.database().await);
    let rows = world.rows(&[], Duration::from_secs(5), 1).await;
    let data = world.folder.path().join("demo");
    let demo = [
        "demo",
        "--for",
        "1s",
        "--json",
        "--database",
        world.database.url(),
    ];
    let data = ["--data", data.to_str().unwrap()];
    let (code, out, said) = support::run(&[&demo[..], &data].concat(), world.folder.path());
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(
        said.contains("expected an empty database") && said.contains("Test"),
        "{said}"
    );
    let db = world.db().await;
    assert_eq!(db.numbers(rows.account).await.unwrap().len(), 1);
    assert!(db.users(rows.account).await.unwrap().is_empty());
    db.close().await;
}
