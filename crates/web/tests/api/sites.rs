//! Sites and hosts: added by a program, and proved.

use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_program_adds_a_site_and_a_host_and_is_told_how_to_prove_it,
    numbers_are_listed_with_what_they_brought,
}

async fn a_program_adds_a_site_and_a_host_and_is_told_how_to_prove_it(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let new = json!({"name": "Spring", "swap": ["020 7946 0000"]});
    let (status, site) = program.post("/v1/sites", &new).await;
    assert_eq!(status, 201, "{site}");
    assert!(
        site["tag"]
            .as_str()
            .unwrap()
            .contains(site["key"].as_str().unwrap())
    );
    let hosts = format!("/v1/sites/{}/hosts", site["id"].as_str().unwrap());
    // Nothing listens there, so that it cannot be proved.
    let (status, host) = program.post(&hosts, &json!({"name": "localhost:1"})).await;
    assert_eq!(status, 201, "{host}");
    let challenge = host["prove_by"]["content"].as_str().unwrap();
    assert!(
        host["prove_by"]["meta"]
            .as_str()
            .unwrap()
            .contains(challenge)
    );
    let check = format!("/v1/hosts/{}/check", host["id"].as_str().unwrap());
    let (status, body) = program.post(&check, &json!({})).await;
    assert_eq!(
        (status, &body["reason"]),
        (409, &json!("conflict")),
        "{body}"
    );
    let sites = program.get("/v1/sites").await;
    let listed = sites
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["id"] == site["id"]);
    assert_eq!(listed.unwrap()["hosts"][0]["proof"], json!(null));
    let (status, body) = program.post(&hosts, &json!({"name": "not a host"})).await;
    assert_eq!(
        (status, &body["reason"]),
        (400, &json!("bad_request")),
        "{body}"
    );
}

async fn numbers_are_listed_with_what_they_brought(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Read).await;
    let numbers = program.get("/v1/numbers").await;
    let numbers = numbers.as_array().unwrap();
    assert_eq!(numbers.len(), 12);
    assert!(
        numbers
            .iter()
            .any(|number| number["calls"].as_u64().unwrap() > 0)
    );
    assert!(
        numbers
            .iter()
            .any(|number| number["state"] == "quarantined")
    );
}
