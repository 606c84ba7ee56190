//! What a page that may ask is shown.

use std::collections::HashSet;

use ringfence_model::SourceKind;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::place::{Answer, Place, token_in};

on_both_engines!(
    a_page_of_a_proved_host_is_shown_a_number_whose_lease_is_durable,
    a_visit_keeps_its_number_on_later_pages,
    a_first_page_of_the_same_site_is_where_the_visit_came_from,
    a_beat_moves_the_end_of_the_lease_on_and_a_release_ends_it,
    a_restart_keeps_leases_and_spent_tokens,
    a_lease_that_cannot_be_stored_is_shown_to_nobody_and_taken_back,
);

async fn a_page_of_a_proved_host_is_shown_a_number_whose_lease_is_durable(engine: Engine) {
    let place = Place::new(engine).await;
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
    assert_eq!(answer.body["swap"], json!(["+44 20 7946 0999"]));
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

async fn a_visit_keeps_its_number_on_later_pages(engine: Engine) {
    let place = Place::new(engine).await;
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

async fn a_first_page_of_the_same_site_is_where_the_visit_came_from(engine: Engine) {
    let place = Place::new(engine).await;
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

async fn a_beat_moves_the_end_of_the_lease_on_and_a_release_ends_it(engine: Engine) {
    let place = Place::new(engine).await;
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
    assert_eq!(place.leased().await, 0);
    send("/t/beat", beat, &place.origin)
        .await
        .assert_refused(200, "lease_expired");
}

async fn a_restart_keeps_leases_and_spent_tokens(engine: Engine) {
    let mut place = Place::new(engine).await;
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

async fn a_lease_that_cannot_be_stored_is_shown_to_nobody_and_taken_back(engine: Engine) {
    let place = Place::new(engine).await;
    assert_eq!(place.visit().await.status, 200);
    let body = place.body(&place.token(&place.page("")).await);
    place.platform.db.close().await;
    place
        .ask(Some(&place.origin), &body)
        .await
        .assert_refused(503, "unavailable");
    assert_eq!(place.leased().await, 1);
}
