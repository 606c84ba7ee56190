//! A page that locks its visitor in: its tag tells with a beat or with the request, and the number is taken back.

use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

on_both_engines!(
    a_beat_that_tells_of_locks_takes_the_number_from_that_visit_alone,
    a_request_that_tells_of_locks_is_given_no_number,
    counts_of_another_form_are_refused_by_name,
);

fn locks() -> Value {
    json!({"webkitRequestFullscreen": 2, "lock": 1, "addEventListener": 1, "history": 3})
}

async fn beat(place: &Place, visit: &Answer, calls: Value) -> Answer {
    let body = json!({
        "site": place.site.key, "visit": visit.credential(), "lease": visit.body["number"]["lease"],
        "page": place.page(""), "referrer": "https://search.example.com/", "calls": calls,
    });
    let beat = place.post("/t/beat", body.to_string());
    Answer::of(beat.header("Origin", &place.origin)).await
}

async fn a_beat_that_tells_of_locks_takes_the_number_from_that_visit_alone(engine: Engine) {
    let place = Place::new(engine).await;
    let (locked, honest) = (place.visit().await, place.visit().await);
    let answer = beat(&place, &locked, json!({"requestFullscreen": 2})).await;
    assert_eq!(answer.status, 200, "a video: {answer:?}");
    assert!(answer.body["expires"].is_string());

    let answer = beat(&place, &locked, locks()).await;
    answer.assert_refused(200, "withdrawn");
    assert_eq!(answer.allowed_origin(), Some(place.origin.as_str()));
    let detail = answer.body["detail"].as_str().unwrap();
    for word in ["screen", "keyboard", "lock", "dialog"] {
        assert!(!detail.contains(word), "it teaches nothing: {detail}");
    }
    // Whatever it says from then on, and on its next page too.
    let answer = beat(&place, &locked, json!({})).await;
    answer.assert_refused(200, "withdrawn");
    let mut next = place.body("");
    next["token"] = Value::Null;
    next["visit"] = json!(locked.credential());
    let answer = place.ask(Some(&place.origin), &next).await;
    answer.assert_refused(200, "withdrawn");

    let answer = beat(&place, &honest, json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let new = place.visit().await;
    assert!(!new.e164().is_empty() && new.e164() != locked.e164());
}

async fn a_request_that_tells_of_locks_is_given_no_number(engine: Engine) {
    let place = Place::new(engine).await;
    let token = place.token(&place.page("")).await;
    let mut body = place.body(&token);
    body["calls"] = locks();
    let answer = place.ask(Some(&place.origin), &body).await;
    answer.assert_refused(200, "withdrawn");
    body["calls"] = json!({"requestFullscreen": 1, "somethingNew": 4});
    let answer = place.ask(Some(&place.origin), &body).await;
    assert_eq!(answer.status, 200, "the token is not spent: {answer:?}");
    assert!(!answer.e164().is_empty());
}

async fn counts_of_another_form_are_refused_by_name(engine: Engine) {
    let place = Place::new(engine).await;
    let visit = place.visit().await;
    for calls in [
        json!([1, 2]),
        json!({"lock": -1}),
        json!({"lock": "1"}),
        json!({"lock": 5_000_000_000_u64}),
    ] {
        let answer = beat(&place, &visit, calls).await;
        answer.assert_refused(400, "body_malformed");
    }
}
