//! Keys: what opens an account, and how often.

use std::time::Duration;

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_platform::now;
use ringfence_testing::on_both_engines;
use serde_json::json;

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_key_opens_its_account_until_it_is_revoked,
    a_key_that_reads_changes_nothing,
    what_is_no_key_opens_nothing,
    too_many_requests_are_told_to_wait,
}

async fn a_key_opens_its_account_until_it_is_revoked(engine: ringfence_testing::Engine) {
    let world = World::empty(engine).await;
    let platform = &world.platform;
    let added = platform
        .add_api_key(world.account.id, "Warehouse", KeyScope::Read, None, now())
        .await;
    let (key, text) = added.unwrap();
    let program = Program::with_key(&world, &text);
    assert_eq!(program.get("/v1/calls").await["items"], json!([]));
    platform
        .revoke_api_key(world.account.id, key.id, now())
        .await
        .unwrap();
    let (status, body) = Program::answer(program.ask(Method::GET, "/v1/calls")).await;
    assert_eq!((status, &body["reason"]), (401, &json!("no_key")));
    let over = platform
        .add_api_key(
            world.account.id,
            "Short",
            KeyScope::Read,
            Some(Duration::from_mins(1)),
            now() - Duration::from_secs(61),
        )
        .await;
    let program = Program::with_key(&world, &over.unwrap().1);
    assert_eq!(
        Program::answer(program.ask(Method::GET, "/v1/calls"))
            .await
            .0,
        401
    );
}

async fn a_key_that_reads_changes_nothing(engine: ringfence_testing::Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let before = program.get("/v1/sites").await;
    let (status, body) = program.post("/v1/sites", &json!({"name": "Another"})).await;
    assert_eq!((status, &body["reason"]), (403, &json!("may_not_change")));
    assert_eq!(program.get("/v1/sites").await, before);
}

async fn what_is_no_key_opens_nothing(engine: ringfence_testing::Engine) {
    let world = World::empty(engine).await;
    for key in [
        "",
        "rfk_",
        "rfk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "x",
    ] {
        let program = Program::with_key(&world, key);
        for path in ["/v1/calls", "/v1/nothing", "/v1/calls.csv"] {
            let (status, body) = Program::answer(program.ask(Method::GET, path)).await;
            assert_eq!(
                (status, &body["reason"]),
                (401, &json!("no_key")),
                "{key} {path}"
            );
        }
    }
}

async fn too_many_requests_are_told_to_wait(engine: ringfence_testing::Engine) {
    let world = World::empty(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let mut refused = None;
    for _ in 0..1_000 {
        let response = program.ask(Method::GET, "/v1/sites").send().await.unwrap();
        assert!(response.headers().contains_key("ratelimit"));
        if response.status() == 429 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.unwrap();
    let wait = refused.headers()["retry-after"].to_str().unwrap().parse();
    assert!((1..=60).contains(&wait.unwrap_or(0_u64)));
    let other = Program::of(&world, world.stranger.id, KeyScope::Read).await;
    assert_eq!(
        other.get("/v1/sites").await,
        json!([]),
        "each key has its own allowance"
    );
}
