//! Webhooks over the API: added, changed, their log, and that messages are as the document says.

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_webhook_is_added_changed_and_deleted,
    a_message_has_what_the_document_says,
}

async fn a_webhook_is_added_changed_and_deleted(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let new = json!({"url": "https://hooks.example.com/a", "events": ["call.ended", "call.ended"]});
    let (status, added) = program.post("/v1/webhooks", &new).await;
    assert_eq!(status, 201, "{added}");
    let secret = added["secret"].as_str().unwrap();
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    assert_eq!(added["webhook"]["events"], json!(["call.ended"]));
    let list = program.get("/v1/webhooks").await;
    assert_eq!(list, json!([added["webhook"]]));
    assert!(!list.to_string().contains(secret), "shown once");
    let path = format!("/v1/webhooks/{}", added["webhook"]["id"].as_str().unwrap());
    let change = async |body: Value| {
        let request = program.ask(Method::PATCH, &path);
        let request = request.header("Content-Type", "application/json");
        Program::answer(request.body(body.to_string())).await
    };
    let (status, off) = change(json!({"enabled": false})).await;
    assert_eq!((status, &off["enabled"]), (200, &json!(false)), "{off}");
    for bad in [
        json!({"events": []}),
        json!({"events": ["call.lost"]}),
        json!({"url": "nowhere"}),
        json!({"secret": "whsec_"}),
    ] {
        let (status, body) = change(bad.clone()).await;
        let reason = &body["reason"];
        assert_eq!(
            (status, reason),
            (400, &json!("bad_request")),
            "{bad} {body}"
        );
    }
    assert_eq!(program.get(&path).await, off);
    let wish = json!({"since": "yesterday"});
    let (status, _) = program.post(&format!("{path}/replay"), &wish).await;
    assert_eq!(status, 400);
    let gone = Program::answer(program.ask(Method::DELETE, &path)).await;
    assert_eq!(gone.0, 204);
    let gone = Program::answer(program.ask(Method::GET, &path)).await;
    assert_eq!(gone.0, 404);
}

/// The names of a schema's properties, and those that may be missing.
fn properties<'d>(document: &'d Value, name: &str) -> (Vec<&'d String>, Vec<&'d Value>) {
    let schema = &document["components"]["schemas"][name];
    let names = schema["properties"].as_object().unwrap().keys();
    let required = schema["required"].as_array().unwrap();
    (names.collect(), required.iter().collect())
}

async fn a_message_has_what_the_document_says(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let new = json!({"url": "https://hooks.example.com/a",
        "events": ["call.started", "call.answered", "call.ended", "recording.ready"]});
    let (_, added) = program.post("/v1/webhooks", &new).await;
    let path = format!(
        "/v1/webhooks/{}/deliveries",
        added["webhook"]["id"].as_str().unwrap()
    );
    world.a_whole_call().await;
    let document = program.get("/v1/openapi.json").await;
    let log = program.get(&path).await;
    let log = log["items"].as_array().unwrap();
    assert_eq!(log.len(), 4, "{log:?}");
    for told in log {
        let one = format!("{path}/{}", told["id"].as_str().unwrap());
        let story = program.get(&one).await;
        assert_eq!(story["delivery"], *told);
        let message = &story["message"];
        assert_eq!(message["type"], told["event"]);
        assert_eq!(message["timestamp"], told["happened_at"]);
        let schema = match told["event"].as_str().unwrap() {
            "recording.ready" => "RecordingData",
            _ => "CallData",
        };
        let (names, required) = properties(&document, schema);
        let data = message["data"].as_object().unwrap();
        for name in data.keys() {
            assert!(names.contains(&name), "{name} is in no {schema}");
        }
        for name in &required {
            assert!(
                data.contains_key(name.as_str().unwrap()),
                "{name}: {message}"
            );
        }
        if told["event"] == "call.ended" {
            assert_eq!(data.len(), names.len(), "the last event has everything");
        }
        let replayed = program.post(&format!("{one}/replay"), &json!({})).await;
        assert_eq!(replayed.0, 202);
    }
    let all = program.get(&format!("{path}?state=pending&limit=3")).await;
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
    let next = format!("{path}?limit=3&after={}", all["next"].as_str().unwrap());
    assert_eq!(
        program.get(&next).await["items"].as_array().unwrap().len(),
        1
    );
}
