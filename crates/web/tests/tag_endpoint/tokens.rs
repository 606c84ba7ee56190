//! One token, one page, one number.

use ringfence_model::Duration;
use ringfence_platform::now;
use ringfence_platform::visits::TokenRequest;
use ringfence_testing::{Engine, on_both_engines};

use crate::place::{Answer, BROWSER, Place, token_in};

on_both_engines!(
    a_token_can_be_asked_for_when_the_script_has_none,
    a_token_of_a_script_without_a_site_holds_for_the_pages_site,
    a_token_is_good_for_one_number_only,
    of_many_requests_with_one_token_one_is_shown_a_number,
    a_token_that_is_not_this_pages_is_refused_by_name,
    a_token_of_another_browser_is_refused,
    a_token_is_too_old_after_five_minutes,
);

async fn a_token_can_be_asked_for_when_the_script_has_none(engine: Engine) {
    let place = Place::new(engine).await;
    let script = place
        .get("/tag.js")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(
        token_in(&script),
        "",
        "without a Referer there is nothing to bind a token to"
    );
    let path = format!("/t/token?site={}", place.site.key);
    let answer = Answer::of(place.get(&path).header("Origin", &place.origin)).await;
    assert_eq!(answer.allowed_origin(), Some(place.origin.as_str()));
    let shown = place
        .ask(
            Some(&place.origin),
            &place.body(answer.body["token"].as_str().unwrap()),
        )
        .await;
    assert_eq!(shown.status, 200);
    Answer::of(place.get(&path))
        .await
        .assert_refused(403, "origin_missing");
    Answer::of(place.get(&path).header("Origin", "https://evil.test"))
        .await
        .assert_refused(403, "host_not_proved");
    Answer::of(
        place
            .get("/t/token?site=nobody")
            .header("Origin", &place.origin),
    )
    .await
    .assert_refused(404, "unknown_site");
}

async fn a_token_of_a_script_without_a_site_holds_for_the_pages_site(engine: Engine) {
    let place = Place::new(engine).await;
    let script = place
        .get("/tag.js")
        .header("Referer", place.page(""))
        .send()
        .await
        .unwrap();
    let token = token_in(&script.text().await.unwrap());
    assert_eq!(
        place
            .ask(Some(&place.origin), &place.body(&token))
            .await
            .status,
        200
    );
}

async fn a_token_is_good_for_one_number_only(engine: Engine) {
    let place = Place::new(engine).await;
    let body = place.body(&place.token(&place.page("")).await);
    assert_eq!(place.ask(Some(&place.origin), &body).await.status, 200);
    let replayed = place.ask(Some(&place.origin), &body).await;
    replayed.assert_refused(200, "token_spent");
    assert_eq!(
        replayed.allowed_origin(),
        Some(place.origin.as_str()),
        "so that the tag can ask for a new one"
    );
    let refusals = place.platform.refusals(place.site.id);
    assert_eq!(refusals.len(), 1);
    assert_eq!((refusals[0].0.as_str(), refusals[0].1), ("token_spent", 1));
}

async fn of_many_requests_with_one_token_one_is_shown_a_number(engine: Engine) {
    let place = Place::new(engine).await;
    let body = place.body(&place.token(&place.page("")).await);
    let asked = (0..8).map(|_| place.ask(Some(&place.origin), &body));
    let answers = futures::future::join_all(asked).await;
    let shown = answers.iter().filter(|answer| !answer.e164().is_empty());
    assert_eq!(shown.count(), 1);
    assert_eq!(place.leased().await, 1);
}

async fn a_token_that_is_not_this_pages_is_refused_by_name(engine: Engine) {
    let place = Place::new(engine).await;
    let origin = Some(place.origin.as_str());
    let good = place.token(&place.page("")).await;
    let mut forged = good.clone().into_bytes();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    place
        .ask(origin, &place.body(&forged))
        .await
        .assert_refused(403, "token_forged");
    place
        .ask(origin, &place.body("nonsense"))
        .await
        .assert_refused(403, "token_malformed");
    let other_host = place.token("https://www.example.com/").await;
    place
        .ask(origin, &place.body(&other_host))
        .await
        .assert_refused(403, "token_wrong_host");
    let other_site = place
        .get("/tag.js?site=another")
        .header("Referer", place.page(""))
        .send()
        .await
        .unwrap();
    let other_site = token_in(&other_site.text().await.unwrap());
    place
        .ask(origin, &place.body(&other_site))
        .await
        .assert_refused(403, "token_wrong_site");
    let from = |name, value: &str| {
        place
            .post("/t/number", place.body(&good).to_string())
            .header("Origin", &place.origin)
            .header(name, value)
    };
    Answer::of(from("X-Forwarded-For", "203.0.113.7"))
        .await
        .assert_refused(403, "token_wrong_address");
    let mut none = place.body("");
    none.as_object_mut().unwrap().remove("token");
    place
        .ask(origin, &none)
        .await
        .assert_refused(403, "token_missing");
    assert_eq!(
        place.ask(origin, &place.body(&good)).await.status,
        200,
        "the good one is still good"
    );
}

async fn a_token_of_another_browser_is_refused(engine: Engine) {
    let place = Place::new(engine).await;
    let request = TokenRequest {
        site: Some(&place.site.key),
        page: &place.origin,
        user_agent: "another browser",
        address: "127.0.0.1".parse().unwrap(),
    };
    let token = place.platform.issue_token(&request, now()).unwrap();
    place
        .ask(Some(&place.origin), &place.body(&token))
        .await
        .assert_refused(403, "token_wrong_browser");
}

async fn a_token_is_too_old_after_five_minutes(engine: Engine) {
    let place = Place::new(engine).await;
    let request = TokenRequest {
        site: Some(&place.site.key),
        page: &place.origin,
        user_agent: BROWSER,
        address: "127.0.0.1".parse().unwrap(),
    };
    let token = place
        .platform
        .issue_token(&request, now() - Duration::from_mins(6))
        .unwrap();
    place
        .ask(Some(&place.origin), &place.body(&token))
        .await
        .assert_refused(200, "token_expired");
}
