//! The tag's endpoint over real HTTP and real rows: who is shown a number, and who is not.

mod place;

use place::{Answer, BROWSER, Layout, Place, token_in};
use ringfence_model::{Duration, HostProof, SourceKind};
use ringfence_platform::now;
use ringfence_platform::visits::TokenRequest;
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn a_page_of_a_proved_host_is_shown_a_number_whose_lease_is_durable() {
    let place = Place::new().await;
    let page = place.page("?utm_source=google&utm_medium=cpc&utm_campaign=boilers&gclid=abc");
    let script = place
        .get(&format!("/tag.js?site={}", place.site.key))
        .header("Referer", format!("{}/", place.origin))
        .send()
        .await
        .unwrap();
    assert_eq!(script.headers()["cache-control"], "private, max-age=300");
    assert!(
        script.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/javascript")
    );
    let token = token_in(&script.text().await.unwrap());
    let mut body = place.body(&token);
    body["page"] = json!(page);
    body["referrer"] = json!("https://www.google.com/");

    let answer = place.ask(Some(&place.origin), &body).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.allowed_origin(), Some(place.origin.as_str()));
    assert_eq!(answer.headers["vary"], "Origin");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let number = &answer.body["number"];
    assert_eq!(number["e164"], "+442079460000");
    assert_eq!(number["national"], "020 7946 0000");
    assert_eq!(number["international"], "+44 20 7946 0000");
    assert_eq!(number["campaign"], "boilers");
    assert_eq!(answer.body["swap"], json!(["020 7946 0999"]));
    assert_eq!(answer.body["beat"], 60);
    let lease_id = number["lease"].as_str().unwrap().parse().unwrap();
    let lease = place
        .platform
        .db
        .lease(place.account.id, lease_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.number, place.numbers[0].id);
    assert_eq!(number["expires"], lease.expires_at.to_string());
    let visit = place
        .platform
        .db
        .visit(place.account.id, lease.visit)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(visit.landing_page, page);
    assert_eq!(
        (visit.source.kind, visit.source.name.as_str()),
        (SourceKind::Paid, "Google Ads")
    );
    assert_eq!(visit.click_id.unwrap().value, "abc");
    assert_eq!(visit.language.as_deref(), Some("en-GB"));
    assert_eq!(visit.device.as_deref(), Some("desktop"));
    assert_eq!(visit.address_prefix.as_deref(), Some("127.0.0.0/24"));
}

#[tokio::test]
async fn a_token_can_be_asked_for_when_the_script_has_none() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_token_of_a_script_without_a_site_holds_for_the_pages_site() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_visit_keeps_its_number_on_later_pages() {
    let place = Place::new().await;
    let first = place.visit().await;
    let other = place.visit().await;
    assert_ne!(first.e164(), other.e164());
    let mut body = place.body("");
    body["token"] = Value::Null;
    body["visit"] = json!(first.credential());
    body["page"] = json!(place.page("?next"));
    let again = place.ask(Some(&place.origin), &body).await;
    assert_eq!(again.e164(), first.e164());
    assert_eq!(again.body["number"]["lease"], first.body["number"]["lease"]);
}

#[tokio::test]
async fn a_token_is_good_for_one_number_only() {
    let place = Place::new().await;
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

#[tokio::test]
async fn of_many_requests_with_one_token_one_is_shown_a_number() {
    let place = Place::new().await;
    let body = place.body(&place.token(&place.page("")).await);
    let asked = (0..8).map(|_| place.ask(Some(&place.origin), &body));
    let answers = futures::future::join_all(asked).await;
    let shown = answers.iter().filter(|answer| !answer.e164().is_empty());
    assert_eq!(shown.count(), 1);
    assert_eq!(place.platform.live.occupancy(place.pool.id, now()).0, 1);
}

#[tokio::test]
async fn a_token_that_is_not_this_pages_is_refused_by_name() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_token_of_another_browser_is_refused() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_token_is_too_old_after_five_minutes() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_page_that_is_not_on_a_proved_host_is_shown_nothing() {
    let place = Place::new().await;
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
    assert_eq!(place.platform.live.occupancy(place.pool.id, now).0, 0);
    let refusals = place.platform.refusals(place.site.id);
    assert_eq!(
        (refusals[0].0.as_str(), refusals[0].1),
        ("host_not_proved", 2)
    );
}

#[tokio::test]
async fn origin_page_and_site_must_agree() {
    let place = Place::new().await;
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

#[tokio::test]
async fn another_sites_host_is_not_this_sites() {
    let place = Place::new().await;
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

#[tokio::test]
async fn what_is_no_request_of_the_tag_is_refused_with_what_is_wrong() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_full_pool_shows_its_overflow_number_and_says_nothing_else_is_left() {
    let place = Place::laid_out(Layout {
        numbers: 2,
        ..Layout::default()
    })
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

#[tokio::test]
async fn a_full_pool_without_an_overflow_number_leaves_the_pages_own() {
    let place = Place::laid_out(Layout {
        numbers: 1,
        overflow: false,
        ..Layout::default()
    })
    .await;
    assert_eq!(place.visit().await.status, 200);
    let token = place.token(&place.page("")).await;
    let refused = place.ask(Some(&place.origin), &place.body(&token)).await;
    refused.assert_refused(200, "pool_exhausted");
    assert_eq!(refused.allowed_origin(), Some(place.origin.as_str()));
    let again = place.ask(Some(&place.origin), &place.body(&token)).await;
    again.assert_refused(200, "pool_exhausted");
}

#[tokio::test]
async fn a_restart_keeps_leases_and_spent_tokens() {
    let mut place = Place::new().await;
    let spent = place.body(&place.token(&place.page("")).await);
    let first = place.ask(Some(&place.origin), &spent).await;
    assert_eq!(first.status, 200);
    place.restart().await;
    place
        .ask(Some(&place.origin), &spent)
        .await
        .assert_refused(200, "token_spent");
    let mut shown = HashSet::from([first.e164().to_string()]);
    for _ in 0..4 {
        let other = place.visit().await;
        assert!(
            shown.insert(other.e164().to_string()),
            "{} is shown twice",
            other.e164()
        );
    }
    let mut body = place.body("");
    body["token"] = Value::Null;
    body["visit"] = json!(first.credential());
    let again = place.ask(Some(&place.origin), &body).await;
    assert_eq!(again.e164(), first.e164());
}

#[tokio::test]
async fn a_number_that_leaves_its_pool_stays_with_the_visit_that_was_shown_it() {
    let place = Place::laid_out(Layout {
        numbers: 2,
        ..Layout::default()
    })
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

#[tokio::test]
async fn a_beat_moves_the_end_of_the_lease_on_and_a_release_ends_it() {
    let place = Place::new().await;
    let shown = place.visit().await;
    let lease_id = shown.body["number"]["lease"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let lease = || async {
        place
            .platform
            .db
            .lease(place.account.id, lease_id)
            .await
            .unwrap()
            .unwrap()
    };
    let before = lease().await.expires_at;
    let send = |path: &str, body: Value, origin: &str| {
        let request = place.post(path, body.to_string()).header("Origin", origin);
        Answer::of(request)
    };
    let beat = json!({"site": place.site.key, "visit": shown.credential(), "lease": lease_id});
    let answer = send("/t/beat", beat.clone(), &place.origin).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let extended = lease().await.expires_at;
    assert!(extended > before);
    assert_eq!(answer.body["expires"], extended.to_string());

    let mut forged = beat.clone();
    forged["visit"] = json!("x");
    send("/t/beat", forged, &place.origin)
        .await
        .assert_refused(403, "visit_malformed");
    send("/t/beat", beat.clone(), "https://evil.test")
        .await
        .assert_refused(403, "host_not_proved");

    let mut event = beat.clone();
    event["kind"] = json!("event");
    event["name"] = json!("form_sent");
    event["data"] = json!({"value": 7});
    assert_eq!(
        send("/t/event", event.clone(), &place.origin).await.status,
        204
    );
    event["kind"] = json!("release");
    assert_eq!(send("/t/event", event, &place.origin).await.status, 204);
    assert!(lease().await.expires_at <= now());
    assert_eq!(place.platform.live.occupancy(place.pool.id, now()).0, 0);
    send("/t/beat", beat, &place.origin)
        .await
        .assert_refused(200, "lease_expired");
}

#[tokio::test]
async fn a_preflight_is_answered_for_proved_hosts() {
    let place = Place::new().await;
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

#[tokio::test]
async fn a_network_that_asks_too_often_has_to_wait() {
    let place = Place::laid_out(Layout {
        requests_per_minute: 1,
        ..Layout::default()
    })
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

#[tokio::test]
async fn a_network_that_tries_many_site_keys_has_to_wait_and_others_do_not() {
    let place = Place::laid_out(Layout {
        requests_per_minute: 2,
        ..Layout::default()
    })
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

#[tokio::test]
async fn a_lease_that_cannot_be_stored_is_shown_to_nobody_and_taken_back() {
    let place = Place::new().await;
    assert_eq!(place.visit().await.status, 200);
    let body = place.body(&place.token(&place.page("")).await);
    place.platform.db.close().await;
    place
        .ask(Some(&place.origin), &body)
        .await
        .assert_refused(503, "unavailable");
    assert_eq!(place.platform.live.occupancy(place.pool.id, now()).0, 1);
}

#[tokio::test]
async fn a_first_page_of_the_same_site_is_where_the_visit_came_from() {
    let place = Place::new().await;
    let mut body = place.body(&place.token(&place.page("")).await);
    body["first"] =
        json!({"page": place.page("?utm_source=flyer"), "referrer": "https://news.test/"});
    body["campaign"] = json!("spring");
    let shown = place.ask(Some(&place.origin), &body).await;
    assert_eq!(shown.body["number"]["campaign"], "spring");
    let mut foreign = place.body(&place.token(&place.page("")).await);
    foreign["first"] = json!({"page": "https://evil.test/?gclid=1", "referrer": null});
    let other = place.ask(Some(&place.origin), &foreign).await;
    let source = async |answer: &Answer| {
        let lease = answer.body["number"]["lease"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let lease = place
            .platform
            .db
            .lease(place.account.id, lease)
            .await
            .unwrap()
            .unwrap();
        let visit = place
            .platform
            .db
            .visit(place.account.id, lease.visit)
            .await
            .unwrap();
        visit.unwrap().source
    };
    let first = source(&shown).await;
    assert_eq!(
        (first.kind, first.name.as_str()),
        (SourceKind::Campaign, "flyer")
    );
    assert_eq!(first.campaign.as_deref(), Some("spring"));
    assert_eq!(source(&other).await.kind, SourceKind::Direct);
}
