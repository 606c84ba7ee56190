//! The call log, page by page and as a file, and one call.

use std::collections::HashSet;

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    pages_follow_each_other_and_the_file_holds_the_same_calls,
    filters_narrow_the_log,
    a_call_tells_its_story_and_its_recording_is_heard,
    the_overview_counts_what_the_log_holds,
    what_cannot_be_understood_is_said,
}

async fn pages_follow_each_other_and_the_file_holds_the_same_calls(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let mut seen = HashSet::new();
    let mut path = "/v1/calls?limit=200".to_owned();
    loop {
        let page = program.get(&path).await;
        for call in page["items"].as_array().unwrap() {
            assert!(
                seen.insert(call["id"].as_str().unwrap().to_owned()),
                "shown twice"
            );
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/calls?limit=200&after={next}");
    }
    assert!(seen.len() > 500, "{}", seen.len());
    let response = program
        .ask(Method::GET, "/v1/calls.csv")
        .send()
        .await
        .unwrap();
    assert!(
        response.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .contains(".csv")
    );
    let file = response.text().await.unwrap();
    let mut lines = csv::Reader::from_reader(file.as_bytes());
    let in_file: HashSet<String> = lines
        .records()
        .map(|line| line.unwrap()[0].to_owned())
        .collect();
    assert_eq!(in_file, seen);
}

async fn filters_narrow_the_log(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let missed = program
        .get("/v1/calls?disposition=missed&source=Google+Ads&limit=1000")
        .await;
    let missed = missed["items"].as_array().unwrap();
    assert!(!missed.is_empty());
    for call in missed {
        assert_eq!(call["disposition"], "missed");
        assert_eq!(call["source"]["name"], "Google Ads");
        assert_eq!(call["talk_seconds"], Value::Null);
    }
    let recorded = program.get("/v1/calls?recorded=true").await;
    assert_eq!(recorded["items"].as_array().unwrap().len(), 1);
    let none = program.get("/v1/calls?to=2000-01-01T00:00:00Z").await;
    assert_eq!(none, json!({"items": [], "next": null}));
}

async fn a_call_tells_its_story_and_its_recording_is_heard(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let id = world.call.unwrap();
    let call = program.get(&format!("/v1/calls/{id}")).await;
    assert_eq!(call["disposition"], "answered");
    assert_eq!(call["failed_over"], true);
    assert_eq!(call["legs"].as_array().unwrap().len(), 2);
    assert_eq!(call["confidence"], "certain");
    let kinds: Vec<_> = call["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["event"]["kind"])
        .collect();
    assert_eq!(
        (kinds[0], kinds[kinds.len() - 1]),
        (&json!("arrived"), &json!("ended"))
    );
    let visit = call["visit"]["id"].as_str().unwrap();
    assert_eq!(
        program.get(&format!("/v1/visits/{visit}")).await,
        call["visit"]
    );
    let path = format!("/v1/calls/{id}/recording");
    let sound = program
        .ask(Method::GET, &path)
        .header("Range", "bytes=0-3")
        .send()
        .await
        .unwrap();
    assert_eq!(sound.status(), 206);
    assert_eq!(&sound.bytes().await.unwrap()[..], b"RIFF");
}

async fn the_overview_counts_what_the_log_holds(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let overview = program.get("/v1/reports/overview?period=30d").await;
    let from = overview["from"].as_str().unwrap();
    let log = program
        .get(&format!("/v1/calls?limit=1000&from={from}"))
        .await;
    let calls = log["items"].as_array().unwrap();
    let count = |disposition: &str| {
        calls
            .iter()
            .filter(|call| call["disposition"] == disposition)
            .count()
    };
    assert_eq!(overview["now"]["calls"], json!(calls.len()));
    assert_eq!(overview["now"]["answered"], json!(count("answered")));
    assert_eq!(overview["now"]["abandoned"], json!(count("abandoned")));
    let by_source: u64 = overview["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["calls"].as_u64().unwrap())
        .sum();
    assert_eq!(json!(by_source), overview["now"]["calls"]);
}

async fn what_cannot_be_understood_is_said(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    for (path, told) in [
        (
            "/v1/calls?disposition=happy",
            "expected one of answered, missed",
        ),
        ("/v1/calls?from=yesterday", "from:"),
        (
            "/v1/calls?after=x",
            "after: expected a place in the call log",
        ),
        ("/v1/calls?limit=0", "limit: expected 1 to 1000"),
        ("/v1/calls?colour=red", "colour"),
        ("/v1/calls?dialled=red", "dialled:"),
        ("/v1/reports/overview?period=century", "expected one of 1h"),
    ] {
        let (status, body) = Program::answer(program.ask(Method::GET, path)).await;
        assert_eq!(status, 400, "{path}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{path}: {detail}");
    }
    let (status, body) = Program::answer(program.ask(Method::DELETE, "/v1/calls")).await;
    assert_eq!((status, &body["reason"]), (405, &json!("bad_method")));
    let (status, body) = Program::answer(program.ask(Method::GET, "/v1/nothing/here")).await;
    assert_eq!((status, &body["reason"]), (404, &json!("not_found")));
    let (status, body) = program
        .post("/v1/sites", &json!({"name": "A", "colour": "red"}))
        .await;
    assert_eq!(status, 400);
    assert!(body["detail"].as_str().unwrap().contains("colour"));
}
