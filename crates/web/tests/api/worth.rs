//! What calls were worth, as programs say it.

use reqwest::Method;
use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::Program;
use crate::world::World;

on_both_engines! {
    a_program_says_what_a_call_was_worth_part_by_part,
    what_cannot_be_said_is_refused_and_changes_nothing,
}

async fn a_program_says_what_a_call_was_worth_part_by_part(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let call = world.call.unwrap();
    let here = format!("/v1/calls/{call}");
    assert_eq!(program.get(&here).await["worth"], Value::Null);
    let say = async |said: Value| {
        let request = program.ask(Method::PATCH, &format!("{here}/worth"));
        let (status, body) = Program::answer(request.json(&said)).await;
        assert_eq!(status, 200, "{body}");
        body
    };
    let first = say(json!({"lead": "qualified", "tags": ["Quote"]})).await;
    assert_eq!(
        (&first["lead"], &first["tags"]),
        (&json!("qualified"), &json!(["quote"]))
    );
    assert_eq!(
        (&first["value"], &first["currency"]),
        (&Value::Null, &json!("GBP"))
    );
    let second = say(json!({"lead": "converted", "value": "95.5"})).await;
    assert_eq!(second["value"], "95.50");
    assert_eq!(second["tags"], json!(["quote"]), "what is left out stays");
    assert_eq!(program.get(&here).await["worth"], second);
    let found = program.get("/v1/calls?lead=converted&tag=quote").await;
    assert_eq!(found["items"][0]["worth"], second);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let overview = program.get("/v1/reports/overview?period=30d").await;
    assert_eq!(overview["now"]["converted"], 1);
    assert_eq!(overview["now"]["value"], "95.50");
    assert_eq!(overview["currency"], "GBP");
    let by_source: Vec<&Value> = overview["sources"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["converted"] == 1)
        .collect();
    assert_eq!(by_source.len(), 1);
    assert_eq!(by_source[0]["value"], "95.50");
    let taken_back = say(json!({"lead": null, "value": null, "tags": null, "note": null})).await;
    assert_eq!(taken_back["lead"], Value::Null);
    assert_eq!(taken_back["tags"], json!([]));
}

async fn what_cannot_be_said_is_refused_and_changes_nothing(engine: Engine) {
    let world = World::full(engine).await;
    let program = Program::of(&world, world.account.id, KeyScope::Change).await;
    let worth = format!("/v1/calls/{}/worth", world.call.unwrap());
    for (said, word) in [
        (json!({"lead": "sold"}), "lead"),
        (json!({"value": "-5"}), "GBP"),
        (json!({"value": 5}), "value"),
        (json!({"tags": ["a,b"]}), "commas"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let request = program.ask(Method::PATCH, &worth).json(&said);
        let (status, body) = Program::answer(request).await;
        assert!((400..500).contains(&status), "{said}: {body}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{said}: {detail}");
    }
    let reads = Program::of(&world, world.account.id, KeyScope::Read).await;
    let request = reads.ask(Method::PATCH, &worth);
    let (status, _) = Program::answer(request.json(&json!({"lead": "converted"}))).await;
    assert_eq!(status, 403);
    let stranger = Program::of(&world, world.stranger.id, KeyScope::Change).await;
    let request = stranger.ask(Method::PATCH, &worth);
    let (status, _) = Program::answer(request.json(&json!({"lead": "converted"}))).await;
    assert_eq!(status, 404);
    let path = format!("/v1/calls/{}", world.call.unwrap());
    assert_eq!(reads.get(&path).await["worth"], Value::Null);
}
