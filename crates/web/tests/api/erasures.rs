//! Erasing a caller or a visitor through the API: what would go, that it goes, and that asking twice does no harm.

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_caller_is_erased_and_their_recording_is_gone,
    what_is_not_clear_is_refused,
}

async fn a_caller_is_erased_and_their_recording_is_gone(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let call = world.call.unwrap();
    let story = program.get(&format!("/v1/calls/{call}")).await;
    let caller = story["caller"].as_str().unwrap();
    let recording = format!("/v1/calls/{call}/recording");
    let heard = program.ask(Method::GET, &recording).send().await.unwrap();
    assert_eq!(heard.status(), 200);

    let (status, dry) = program
        .post("/v1/erasures", &json!({"caller": caller, "dry_run": true}))
        .await;
    assert_eq!(status, 200, "{dry}");
    assert_eq!(dry["recordings"], 1, "{dry}");
    assert!(dry["calls"].as_u64().unwrap() >= 1, "{dry}");
    let heard = program.ask(Method::GET, &recording).send().await.unwrap();
    assert_eq!(heard.status(), 200, "it was only asked");

    let wanted = json!({"caller": caller});
    let (status, done) = program.post("/v1/erasures", &wanted).await;
    assert_eq!(status, 200, "{done}");
    for what in ["calls", "visits", "recordings"] {
        assert_eq!(done[what], dry[what], "{what}: {done}");
    }
    assert_eq!(done["recordings_left"], 0);
    let heard = program.ask(Method::GET, &recording).send().await.unwrap();
    assert_eq!(heard.status(), 404);
    let story = program.get(&format!("/v1/calls/{call}")).await;
    assert_eq!(story["caller"], Value::Null);
    assert_eq!(story["visit"], Value::Null);
    assert_eq!(story["erased"]["by"], "request");
    assert_eq!(story["recording"]["state"], "erased");
    assert_eq!(story["recording"]["erased"]["by"], "request");
    assert_eq!(story["disposition"], "answered", "it is still counted");

    let (status, again) = program.post("/v1/erasures", &wanted).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&again["calls"], &again["recordings"], &again["visits"]),
        (&json!(0), &json!(0), &json!(0))
    );
    // One entry, which does not say who it was.
    let audit = program.get("/v1/audit?action=person.erase").await;
    let entries = audit["items"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{audit}");
    assert!(!audit.to_string().contains(&caller[1..]), "{audit}");
    assert_eq!(entries[0]["actor_kind"], "key");
}

async fn what_is_not_clear_is_refused(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    for body in [
        json!({}),
        json!({"caller": "not a number"}),
        json!({"caller": "+441632960001", "visit_id": "019aa0de-0000-7000-8000-000000000000"}),
        json!({"callers": "+441632960001"}),
    ] {
        let (status, problem) = program.post("/v1/erasures", &body).await;
        assert_eq!(status, 400, "{body}: {problem}");
    }
    // Nobody calls from there.
    let (status, none) = program
        .post("/v1/erasures", &json!({"caller": "+442079460998"}))
        .await;
    assert_eq!((status, &none["calls"]), (200, &json!(0)));
}
