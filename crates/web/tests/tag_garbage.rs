//! Whatever a stranger sends to `/t/`, the server answers, and never with an error of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod place;

use place::{Answer, Place};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringfence_testing::Engine;
use serde_json::{Value, json};

/// Any JSON at all, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A good request with one field replaced by anything.
fn nearly_good(place: &Place) -> impl Strategy<Value = String> + use<> {
    let good = json!({
        "site": place.site.key, "token": "AQ", "visit": "Aw", "page": place.page("?a=b"),
        "referrer": "https://news.test/", "first": {"page": place.page(""), "referrer": ""},
        "language": "en", "campaign": null, "tags": {}, "lease": null, "kind": "event",
    });
    let names: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    let removed = proptest::sample::subsequence(names.clone(), 0..=6);
    (proptest::sample::select(names), any_json(), removed).prop_map(
        move |(name, value, removed)| {
            let mut body = good.clone();
            body[name] = value;
            for name in removed {
                body.as_object_mut().unwrap().remove(&name);
            }
            body.to_string()
        },
    )
}

#[test]
fn on_sqlite_no_body_and_no_header_makes_the_server_fail() {
    garbage(Engine::Sqlite);
}

#[test]
fn on_postgresql_no_body_and_no_header_makes_the_server_fail() {
    garbage(Engine::Postgres);
}

fn garbage(engine: Engine) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = runtime.block_on(Place::new(engine));
    let bodies = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        nearly_good(&place).prop_map(String::into_bytes),
    ];
    let paths = proptest::sample::select(vec!["/t/number", "/t/beat", "/t/event"]);
    let origins = prop_oneof![
        Just(place.origin.clone().into_bytes()),
        proptest::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff], 0..60),
    ];
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(paths, bodies, origins), |(path, body, origin)| {
            let origin = reqwest::header::HeaderValue::from_bytes(&origin).unwrap();
            let request = place.post(path, body).header("Origin", origin);
            let answer = runtime.block_on(Answer::of(request));
            prop_assert!(
                (400..500).contains(&answer.status) || answer.status == 200,
                "{answer:?}"
            );
            prop_assert!(!answer.reason().is_empty(), "{answer:?}");
            Ok(())
        })
        .unwrap();
}
