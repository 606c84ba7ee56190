//! Conversions over the API: destinations added, changed and deleted, and their log. What platforms are told has tests of its
//! own, with servers that speak as they do.

use reqwest::Method;
use ringfence_model::{Disposition, KeyScope};
use ringfence_platform::now;
use ringfence_store::Write;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_destination_is_added_changed_in_parts_and_deleted,
    what_became_of_a_call_stands_in_the_log_and_is_looked_at_again,
}

async fn added(program: &Program) -> (String, Value) {
    let new = json!({
        "platform": "meta", "target": "123456789012345", "counts": "qualified", "seconds": 30,
        "consent": "waited", "secret": "open-sesame",
    });
    let (status, added) = program.post("/v1/conversions", &new).await;
    assert_eq!(status, 201, "{added}");
    let id = added["id"].as_str().unwrap();
    (format!("/v1/conversions/{id}"), added)
}

async fn a_destination_is_added_changed_in_parts_and_deleted(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let (path, new) = added(&program).await;
    assert_eq!(
        (&new["event"], &new["enabled"]),
        (&json!("Lead"), &json!(true))
    );
    let list = program.get("/v1/conversions").await;
    assert_eq!(list, json!([new]));
    assert!(!list.to_string().contains("open-sesame"), "never shown");
    let sealed = async || {
        let known = world.platform.conversion_destinations(world.account.id);
        known.await.unwrap().remove(0).secret
    };
    let before = sealed().await;
    let change = async |body: Value| {
        let request = program.ask(Method::PATCH, &path);
        Program::answer(request.json(&body)).await
    };
    let (status, changed) = change(json!({"seconds": 45, "hashed_caller": true})).await;
    assert_eq!(status, 200, "{changed}");
    let mut expected = new.clone();
    expected["seconds"] = json!(45);
    expected["hashed_caller"] = json!(true);
    assert_eq!(changed, expected, "what is left out stays");
    assert_eq!(sealed().await, before, "credentials too");
    let (status, off) = change(json!({"enabled": false, "secret": "another"})).await;
    assert_eq!((status, &off["enabled"]), (200, &json!(false)));
    assert_ne!(sealed().await, before);
    for (bad, field) in [
        (json!({"platform": "google_ads"}), "platform"),
        (json!({"target": "pixel"}), "target"),
        (json!({"counts": "all"}), "counts"),
        (json!({"seconds": 90_000}), "seconds"),
        (json!({"client": "somebody"}), "client"),
        (json!({"url": "https://example.com"}), "url"),
    ] {
        let (status, problem) = change(bad.clone()).await;
        assert_eq!(status, 400, "{bad}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{bad}: {detail}");
    }
    assert_eq!(program.get(&path).await, off);
    let (status, problem) = program.post("/v1/conversions", &json!({})).await;
    assert_eq!(status, 400, "{problem}");
    // Meta's page shows a code, without which nothing is sent.
    let (status, problem) = program.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("Test Events"));

    let gone = Program::answer(program.ask(Method::DELETE, &path)).await;
    assert_eq!(gone.0, 204);
    for method in [Method::GET, Method::DELETE] {
        let gone = Program::answer(program.ask(method, &path)).await;
        assert_eq!(gone.0, 404);
    }
}

async fn what_became_of_a_call_stands_in_the_log_and_is_looked_at_again(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let (path, _) = added(&program).await;
    let call = world.call_again().await;
    let ended = Write::CallEnded {
        account: world.account.id,
        call,
        at: now(),
        disposition: Disposition::Answered,
        reason: None,
        failed_over: false,
    };
    let db = &world.platform.db;
    db.write(vec![ended]).await.unwrap();
    let log = async |query: &str| {
        let page = program.get(&format!("{path}/calls{query}")).await;
        page["items"].as_array().unwrap().clone()
    };
    let waits = log("").await.remove(0);
    assert_eq!(waits["call_id"], call.to_string());
    assert_eq!(waits["state"], "pending");
    assert!(waits["next_at"].is_string());
    let again = format!("{path}/calls/{}/again", waits["id"].as_str().unwrap());
    let (status, _) = program.post(&again, &json!({})).await;
    assert_eq!(status, 404, "it waits already");

    let told = db.conversions_of_call(world.account.id, call).await;
    let passed = told.unwrap().remove(0);
    let passed = db.pass_conversion_over(&passed, "no lead yet").await;
    assert!(passed.unwrap());
    let passed = log("?state=passed_over").await.remove(0);
    assert_eq!(
        (&passed["said"], &passed["next_at"]),
        (&json!("no lead yet"), &Value::Null)
    );
    assert!(log("?state=sent").await.is_empty());
    let (status, _) = program.post(&again, &json!({})).await;
    assert_eq!(status, 202);
    assert_eq!(log("?state=pending").await.len(), 1);
    for query in ["?state=told", "?after=yesterday"] {
        let asked = program.ask(Method::GET, &format!("{path}/calls{query}"));
        assert_eq!(Program::answer(asked).await.0, 400, "{query}");
    }
}
