//! Which number of the pool, and what happens when there is none.

use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::place::{Answer, Layout, Place};

on_both_engines!(
    a_full_pool_shows_its_overflow_number_and_says_nothing_else_is_left,
    a_full_pool_without_an_overflow_number_leaves_the_pages_own,
    a_number_that_leaves_its_pool_stays_with_the_visit_that_was_shown_it,
);

async fn a_full_pool_shows_its_overflow_number_and_says_nothing_else_is_left(engine: Engine) {
    let place = Place::laid_out(
        engine,
        Layout {
            numbers: 2,
            ..Layout::default()
        },
    )
    .await;
    let (one, two) = (place.visit().await, place.visit().await);
    let (three, four) = (place.visit().await, place.visit().await);
    assert_ne!(one.e164(), two.e164());
    assert_eq!(three.e164(), place.numbers[2].e164.as_str());
    assert_eq!(four.e164(), three.e164());
    let lease_id = three.body["number"]["lease"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let lease = place
        .platform
        .db
        .lease(place.account.id, lease_id)
        .await
        .unwrap()
        .unwrap();
    assert!(lease.overflow);
    let beat = json!({"site": place.site.key, "visit": three.credential(), "lease": lease_id});
    let beat = place
        .post("/t/beat", beat.to_string())
        .header("Origin", &place.origin);
    assert_eq!(Answer::of(beat).await.status, 200);
}

async fn a_full_pool_without_an_overflow_number_leaves_the_pages_own(engine: Engine) {
    let place = Place::laid_out(
        engine,
        Layout {
            numbers: 1,
            overflow: false,
            ..Layout::default()
        },
    )
    .await;
    assert_eq!(place.visit().await.status, 200);
    let token = place.token(&place.page("")).await;
    let refused = place.ask(Some(&place.origin), &place.body(&token)).await;
    refused.assert_refused(200, "pool_exhausted");
    assert_eq!(refused.allowed_origin(), Some(place.origin.as_str()));
    let again = place.ask(Some(&place.origin), &place.body(&token)).await;
    again.assert_refused(200, "pool_exhausted");
}

async fn a_number_that_leaves_its_pool_stays_with_the_visit_that_was_shown_it(engine: Engine) {
    let place = Place::laid_out(
        engine,
        Layout {
            numbers: 2,
            ..Layout::default()
        },
    )
    .await;
    let first = place.visit().await;
    let gone = ringfence_model::TrackingNumber {
        pool: None,
        ..place.numbers[0].clone()
    };
    assert_eq!(first.e164(), gone.e164.as_str());
    assert!(place.platform.db.update_number(&gone).await.unwrap());
    place.platform.tag_facts.changed();
    assert_eq!(place.visit().await.e164(), place.numbers[1].e164.as_str());
    assert_eq!(
        place.visit().await.e164(),
        place.numbers[2].e164.as_str(),
        "the overflow number"
    );
    let mut body = place.body("");
    body["token"] = Value::Null;
    body["visit"] = json!(first.credential());
    let again = place.ask(Some(&place.origin), &body).await;
    assert_eq!(again.e164(), first.e164());
}
