//! Pages and networks that are shown nothing.

use ringfence_model::HostProof;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::place::{Answer, Layout, Place};

on_both_engines!(
    a_page_that_is_not_on_a_proved_host_is_shown_nothing,
    origin_page_and_site_must_agree,
    another_sites_host_is_not_this_sites,
    what_is_no_request_of_the_tag_is_refused_with_what_is_wrong,
    a_preflight_is_answered_for_proved_hosts,
    a_network_that_asks_too_often_has_to_wait,
    a_network_that_tries_many_site_keys_has_to_wait_and_others_do_not,
);

async fn a_page_that_is_not_on_a_proved_host_is_shown_nothing(engine: Engine) {
    let place = Place::new(engine).await;
    let now = now();
    place
        .platform
        .add_host(place.account.id, place.site.id, "unproved.example.com", now)
        .await
        .unwrap();
    for host in ["unproved.example.com", "evil.test"] {
        let origin = format!("https://{host}");
        let page = format!("{origin}/lock");
        let mut body = place.body(&place.token(&page).await);
        body["page"] = json!(page);
        let answer = place.ask(Some(&origin), &body).await;
        answer.assert_refused(403, "host_not_proved");
        assert_eq!(answer.allowed_origin(), None);
    }
    assert_eq!(place.leased().await, 0);
    let refusals = place.platform.refusals(place.site.id);
    assert_eq!(
        (refusals[0].0.as_str(), refusals[0].1),
        ("host_not_proved", 2)
    );
}

async fn origin_page_and_site_must_agree(engine: Engine) {
    let place = Place::new(engine).await;
    let token = place.token(&place.page("")).await;
    let body = place.body(&token);
    place
        .ask(None, &body)
        .await
        .assert_refused(403, "origin_missing");
    let foreign = place.ask(Some("https://evil.test"), &body).await;
    foreign.assert_refused(403, "foreign_origin");
    assert_eq!(foreign.allowed_origin(), None);
    place
        .ask(Some("null"), &body)
        .await
        .assert_refused(403, "foreign_origin");
    let mut elsewhere = body.clone();
    elsewhere["page"] = json!("https://evil.test/");
    place
        .ask(Some(&place.origin), &elsewhere)
        .await
        .assert_refused(403, "page_mismatch");
    let mut nowhere = body.clone();
    nowhere["page"] = json!("about:blank");
    place
        .ask(Some(&place.origin), &nowhere)
        .await
        .assert_refused(400, "page_malformed");
    let mut unknown = body.clone();
    unknown["site"] = json!("nobody");
    place
        .ask(Some(&place.origin), &unknown)
        .await
        .assert_refused(404, "unknown_site");
    assert_eq!(place.ask(Some(&place.origin), &body).await.status, 200);
}

async fn another_sites_host_is_not_this_sites(engine: Engine) {
    let place = Place::new(engine).await;
    let now = now();
    let other = place
        .platform
        .add_site(place.account.id, "Other", vec![], Some(place.pool.id), now)
        .await
        .unwrap();
    let host = place
        .platform
        .add_host(place.account.id, other.id, "other.example.com", now)
        .await
        .unwrap();
    let proof = Some((HostProof::File, now));
    place
        .platform
        .db
        .set_host_proof(place.account.id, host.id, proof)
        .await
        .unwrap();
    place.platform.tag_facts.changed();
    let page = "https://other.example.com/";
    let mut body = place.body(&place.token(page).await);
    body["page"] = json!(page);
    let answer = place.ask(Some("https://other.example.com"), &body).await;
    answer.assert_refused(403, "host_not_proved");
    assert_eq!(answer.allowed_origin(), Some("https://other.example.com"));
}

async fn what_is_no_request_of_the_tag_is_refused_with_what_is_wrong(engine: Engine) {
    let place = Place::new(engine).await;
    let origin = place.origin.clone();
    let post = |body: String| Answer::of(place.post("/t/number", body).header("Origin", &origin));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "7",
        "{\"site\":7}",
        "{\"site\":\"x\"}",
        "\u{0}\u{1}",
    ] {
        post(body.into())
            .await
            .assert_refused(400, "body_malformed");
    }
    let mut strange = place.body("x");
    strange["colour"] = json!("red");
    let answer = post(strange.to_string()).await;
    answer.assert_refused(400, "body_malformed");
    assert!(
        answer.body["detail"].as_str().unwrap().contains("colour"),
        "{answer:?}"
    );
    let mut huge = place.body("x");
    huge["referrer"] = json!("a".repeat(9000));
    post(huge.to_string())
        .await
        .assert_refused(413, "body_too_large");
    let form = place
        .post("/t/number", "a=b")
        .header("Origin", &origin)
        .header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(Answer::of(form).await.status, 400);
    let mut long = place.body("x");
    long["page"] = json!(format!("{}?{}", place.page(""), "a".repeat(5000)));
    post(long.to_string())
        .await
        .assert_refused(400, "page_malformed");
}

async fn a_preflight_is_answered_for_proved_hosts(engine: Engine) {
    let place = Place::new(engine).await;
    let ask = |origin: &str| Answer::of(place.options("/t/number").header("Origin", origin));
    let allowed = ask(&place.origin).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.allowed_origin(), Some(place.origin.as_str()));
    assert_eq!(
        allowed.headers["access-control-allow-headers"],
        "Content-Type"
    );
    assert_eq!(ask("https://evil.test").await.allowed_origin(), None);
}

async fn a_network_that_asks_too_often_has_to_wait(engine: Engine) {
    let place = Place::laid_out(
        engine,
        Layout {
            requests_per_minute: 1,
            ..Layout::default()
        },
    )
    .await;
    assert_eq!(place.visit().await.status, 200);
    assert_eq!(place.visit().await.status, 200);
    let refused = place.visit().await;
    refused.assert_refused(429, "too_many_requests");
    assert!(refused.headers.contains_key("retry-after"));
    let elsewhere = place
        .post("/t/number", place.body("x").to_string())
        .header("Origin", &place.origin)
        .header("X-Forwarded-For", "203.0.113.7");
    Answer::of(elsewhere)
        .await
        .assert_refused(403, "token_malformed");
}

async fn a_network_that_tries_many_site_keys_has_to_wait_and_others_do_not(engine: Engine) {
    let place = Place::laid_out(
        engine,
        Layout {
            requests_per_minute: 2,
            ..Layout::default()
        },
    )
    .await;
    let ask = |key: String, from: &'static str| {
        let request = place
            .get(&format!("/t/token?site={key}"))
            .header("Origin", &place.origin)
            .header("X-Forwarded-For", from);
        Answer::of(request)
    };
    let mut reasons = Vec::new();
    for n in 0..6 {
        reasons.push(
            ask(format!("guess{n}"), "203.0.113.7")
                .await
                .reason()
                .to_string(),
        );
    }
    assert_eq!(reasons[..4], ["unknown_site"; 4]);
    assert_eq!(reasons[4..], ["too_many_requests"; 2]);
    let mine = ask(place.site.key.clone(), "198.51.100.7").await;
    assert_eq!(mine.status, 200);
}
