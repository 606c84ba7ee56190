//! Requests that are sent again under one `Idempotency-Key`.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_request_that_is_sent_again_is_carried_out_once,
    what_was_refused_may_be_sent_again,
    of_many_at_once_one_is_carried_out,
    what_was_begun_goes_on_when_the_program_goes_away,
}

const KEY: (&str, &str) = ("Idempotency-Key", "order-4711");

async fn a_request_that_is_sent_again_is_carried_out_once(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let desk = json!({"name": "Desk", "uri": "sip:desk@192.0.2.10"});
    let first = program
        .sent(Method::POST, "/v1/targets", &[KEY], &desk)
        .await;
    assert_eq!(first.0, 201, "{}", first.2);
    let again = program
        .sent(Method::POST, "/v1/targets", &[KEY], &desk)
        .await;
    assert_eq!(again, first, "with its ETag and all");
    let request = program.ask(Method::POST, "/v1/targets");
    let request = request.header("Content-Type", "application/json");
    let response = request
        .header(KEY.0, KEY.1)
        .body(desk.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["idempotent-replayed"], "true");
    // A secret that is shown once is shown to whoever did not get the answer.
    let hook = json!({"url": "https://hooks.example.com/", "events": ["call.ended"]});
    let key = [("Idempotency-Key", "hook")];
    let shown = program
        .sent(Method::POST, "/v1/webhooks", &key, &hook)
        .await;
    let again = program
        .sent(Method::POST, "/v1/webhooks", &key, &hook)
        .await;
    assert_eq!(again, shown);
    assert!(
        shown.2["secret"].as_str().unwrap().starts_with("whsec_"),
        "{}",
        shown.2
    );

    let other = json!({"name": "Other", "uri": "sip:other@192.0.2.10"});
    let (status, _, problem) = program
        .sent(Method::POST, "/v1/targets", &[KEY], &other)
        .await;
    assert_eq!(
        (status, &problem["reason"]),
        (422, &json!("another_request"))
    );
    let (status, _, _) = program
        .sent(
            Method::POST,
            "/v1/sites",
            &[KEY],
            &json!({"name": "Spring"}),
        )
        .await;
    assert_eq!(status, 422, "the same key elsewhere");
    // Another program's key is its own.
    let till = Program::of(&world, world.account.id, KeyScope::Change).await;
    let (status, _, _) = till.sent(Method::POST, "/v1/targets", &[KEY], &other).await;
    assert_eq!(status, 201);
    let targets = program.get("/v1/targets").await;
    assert_eq!(targets.as_array().unwrap().len(), 2);
    let reads = Program::of(&world, world.account.id, KeyScope::Read).await;
    let (status, _, _) = reads.sent(Method::POST, "/v1/targets", &[KEY], &desk).await;
    assert_eq!(status, 403, "before any key of this kind is looked at");
    let empty = [("Idempotency-Key", "")];
    let (status, _, _) = program
        .sent(Method::POST, "/v1/targets", &empty, &desk)
        .await;
    assert_eq!(status, 400);
}

async fn what_was_refused_may_be_sent_again(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let group = json!({"name": "Sales", "targets": ["Desk"]});
    let (status, _, problem) = program
        .sent(Method::POST, "/v1/groups", &[KEY], &group)
        .await;
    assert_eq!(status, 400, "{problem}");
    let desk = json!({"name": "Desk", "uri": "sip:desk@192.0.2.10"});
    assert_eq!(program.post("/v1/targets", &desk).await.0, 201);
    let (status, _, made) = program
        .sent(Method::POST, "/v1/groups", &[KEY], &group)
        .await;
    assert_eq!(status, 201, "{made}");
}

async fn of_many_at_once_one_is_carried_out(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    // Pools of one name would be refused; sites would not.
    let site = json!({"name": "Spring"});
    let each = (0..8).map(|_| program.sent(Method::POST, "/v1/sites", &[KEY], &site));
    for (status, _, body) in join_all(each).await {
        let under_way = status == 409 && body["reason"] == "under_way";
        assert!(status == 201 || under_way, "{status} {body}");
    }
    let sites = program.get("/v1/sites").await;
    assert_eq!(sites.as_array().unwrap().len(), 1);
}

async fn what_was_begun_goes_on_when_the_program_goes_away(engine: Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    for wait in 0..12 {
        let (name, key) = (format!("Site {wait}"), format!("site-{wait}"));
        let (site, key) = (json!({"name": name}), [("Idempotency-Key", key.as_str())]);
        let sent = program.sent(Method::POST, "/v1/sites", &key, &site);
        // Wherever it is by then, the connection is gone.
        let patience = Duration::from_micros(400 * wait);
        tokio::time::timeout(patience, sent).await.ok();
        let again = async || loop {
            let sent = program.sent(Method::POST, "/v1/sites", &key, &site);
            let (status, _, body) = sent.await;
            if body["reason"] != "under_way" && status != 429 {
                break (status, body);
            }
        };
        let again = tokio::time::timeout(Duration::from_mins(1), again()).await;
        let (status, body) = again.expect("it is over some time");
        assert_eq!((status, &body["name"]), (201, &json!(name)), "{body}");
    }
    // The first one may have asked too often.
    let reader = Program::of(&world, world.account.id, KeyScope::Read).await;
    let sites = reader.get("/v1/sites").await;
    assert_eq!(sites.as_array().unwrap().len(), 12);
    let log = reader.get("/v1/audit?action=site.add").await;
    let entries = log["items"].as_array().unwrap();
    assert!(
        entries
            .iter()
            .all(|entry| entry["actor_name"] == "Warehouse"),
        "{log}"
    );
}
