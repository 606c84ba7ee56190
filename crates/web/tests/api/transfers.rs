//! Putting callers through as programs do it: what is refused, in which words. That somebody is rung is seen where calls are.

use ringfence_model::{KeyScope, ServerId};
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_caller_who_cannot_be_put_through_is_refused_in_a_word_of_its_own,
}

async fn a_caller_who_cannot_be_put_through_is_refused_in_a_word_of_its_own(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let over = world.call.unwrap();
    let rings = world.call_again().await;
    let elsewhere = ServerId::new(now(), random());
    let elsewhere = world.talking_call(Some(elsewhere)).await;
    let number = json!({"number": "+442079460123"});
    for (call, reason) in [
        (over, "call_over"),
        (rings, "not_answered"),
        (elsewhere, "on_another_server"),
    ] {
        let path = format!("/v1/calls/{call}/transfer");
        let (status, problem) = program.post(&path, &number).await;
        assert_eq!((status, &problem["reason"]), (409, &json!(reason)));
        assert_eq!(problem["title"], "The caller is not put through");
    }
    let path = format!("/v1/calls/{rings}/transfer");
    let targets = world.platform.db.targets(world.account.id).await.unwrap();
    for body in [
        json!({}),
        json!({"target": "Front desk", "group": "Reception"}),
        json!({"target": "Nobody"}),
        json!({"group": targets[0].id.to_string()}),
        json!({"to": "Front desk"}),
    ] {
        let (status, problem) = program.post(&path, &body).await;
        assert_eq!(
            (status, &problem["reason"]),
            (400, &json!("bad_request")),
            "{body}"
        );
    }
    for body in [
        json!({"target": "Front desk"}),
        json!({"target": targets[0].id.to_string()}),
        json!({"group": "Reception"}),
    ] {
        let (status, problem) = program.post(&path, &body).await;
        assert_eq!(
            (status, &problem["reason"]),
            (409, &json!("not_answered")),
            "{body}"
        );
    }
    let audit = program.get("/v1/audit?action=call.transfer").await;
    assert_eq!(audit["items"], json!([]), "nothing was done");
    let reader = Program::of(&world, world.account.id, KeyScope::Read).await;
    let (status, problem) = reader.post(&path, &number).await;
    assert_eq!(
        (status, &problem["reason"]),
        (403, &json!("may_not_change"))
    );
}
