//! Saved reports over the API.

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_report_is_saved_listed_asked_and_removed,
}

async fn a_report_is_saved_listed_asked_and_removed(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let path = "/v1/reports/saved";
    let new = json!({"name": " Weekly ", "query": "by=source&and=campaign&span=last_week"});
    let (status, weekly) = program.post(path, &new).await;
    assert_eq!(status, 201, "{weekly}");
    assert_eq!(weekly["name"], "Weekly");
    assert_eq!(weekly["query"], "by=source&and=campaign&span=last_week");
    assert_eq!(weekly["made_by"], "Warehouse");
    let (status, usual) = program.post(path, &json!({"name": "A usual one"})).await;
    assert_eq!(status, 201, "{usual}");
    assert_eq!(usual["query"], "by=source&span=last_30_days");
    assert_eq!(program.get(path).await, json!([usual, weekly]));
    let asked = program.get("/v1/reports/calls?span=last_30_days").await;
    let plain = program.get("/v1/reports/calls").await;
    assert_eq!(asked, plain, "the span that is meant without one");
    assert!(asked["all"]["calls"].as_u64() > Some(0), "{asked}");

    for (bad, said) in [
        (json!({"name": "", "query": ""}), "name: expected 1 to 100"),
        (json!({"name": "x".repeat(101)}), "name: expected 1 to 100"),
        (
            json!({"name": "x", "query": "by=colour"}),
            "by: expected one of",
        ),
        (
            json!({"name": "x", "query": "from=2026-11-01"}),
            "to: expected from and to together",
        ),
    ] {
        let (status, answer) = program.post(path, &bad).await;
        assert_eq!(status, 400, "{bad}: {answer}");
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.starts_with(said), "{detail}");
    }
    let (status, _) = program.post(path, &new).await;
    assert_eq!(status, 409, "the name is taken");
    let place = format!("{path}/{}", weekly["id"].as_str().unwrap());
    let removed = Program::answer(program.ask(Method::DELETE, &place)).await;
    assert_eq!(removed.0, 204);
    let removed = Program::answer(program.ask(Method::DELETE, &place)).await;
    assert_eq!(removed.0, 404);
    assert_eq!(program.get(path).await, json!([usual]));
}
