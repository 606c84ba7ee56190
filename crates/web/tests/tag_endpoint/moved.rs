//! Pages that were written for Retreaver: with our script they are shown a number, and without it nobody is.

use ringfence_model::AuditFilter;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::place::{Answer, Place, token_in_script};

on_both_engines!(
    a_page_with_our_script_is_shown_a_number_in_the_vendors_form,
    a_second_request_of_the_visit_is_shown_the_same_number,
    the_vendors_own_client_gets_no_number,
    nobody_without_a_token_gets_a_number_by_a_script_element,
    no_page_has_a_number_rung,
    a_key_asks_for_the_site_that_has_proved_the_pages_host,
    a_key_is_taken_from_one_site_and_given_to_another,
);

const SCRIPT: &str = "/jsapi/v1/retreaver.min.js";
const NUMBERS: &str = "/api/v1/numbers?&campaign_key=abc";
const PREFIX: &str = "/**/answer(";

/// The token that our script carries into this page.
async fn token(place: &Place, page: &str) -> String {
    let script = place.get(SCRIPT).header("Referer", page).send().await;
    let bundle = include_str!("../../../../tag/dist/moved.js");
    token_in_script(bundle, &script.unwrap().text().await.unwrap())
}

async fn place(engine: Engine) -> Place {
    let place = Place::new(engine).await;
    let (account, site) = (place.account.id, place.site.id);
    let added = place
        .platform
        .add_campaign_key(account, site, "abc", "Spring");
    added.await.unwrap();
    place
}

async fn ask(place: &Place, path: &str, body: &Value) -> Answer {
    let request = place.post(path, body.to_string());
    Answer::of(request.header("Origin", &place.origin)).await
}

async fn a_page_with_our_script_is_shown_a_number_in_the_vendors_form(engine: Engine) {
    let place = place(engine).await;
    let token = token(&place, &place.page("")).await;
    let body = json!({"token": token, "page": place.page(""), "tags": {"plan": "gold"}});
    let shown = ask(&place, NUMBERS, &body).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    assert_eq!(shown.allowed_origin(), Some(place.origin.as_str()));
    let number = &shown.body["number"];
    let e164 = number["number"].as_str().unwrap();
    let plain = e164.replace("+44", "0");
    assert!(
        place
            .numbers
            .iter()
            .any(|known| known.e164.as_str() == e164)
    );
    assert_eq!(number["plain_number"], json!(plain));
    assert!(
        number["formatted_number"]
            .as_str()
            .unwrap()
            .starts_with("020 7946 00")
    );
    assert_eq!(number["campaign_key"], "abc");
    assert_eq!(number["tag_values"], json!({"plan": "gold"}));
    let lease = number["id"].as_str().unwrap();
    assert_eq!(place.leased().await, 1);
    let follow_up =
        json!({"site": shown.body["site"], "visit": shown.credential(), "lease": lease});
    let beat = ask(&place, "/t/beat", &follow_up).await;
    assert_eq!(beat.status, 200, "what our script says later is taken");
    let again = ask(&place, NUMBERS, &body).await;
    again.assert_refused(200, "token_spent");
    assert!(again.body["error"].as_str().is_some(), "the vendor's word");
}

async fn a_second_request_of_the_visit_is_shown_the_same_number(engine: Engine) {
    let place = place(engine).await;
    let answer = Answer::of(
        place
            .get("/api/v1/token?campaign_key=abc")
            .header("Origin", &place.origin),
    )
    .await;
    let body = json!({"token": answer.body["token"], "page": place.page("")});
    let first = ask(&place, NUMBERS, &body).await;
    let body = json!({"visit": first.credential(), "page": place.page("?next")});
    let second = ask(&place, NUMBERS, &body).await;
    assert_eq!(second.body["number"]["id"], first.body["number"]["id"]);
    assert_eq!(
        second.body["number"]["number"],
        first.body["number"]["number"]
    );
}

/// What it sends has no proof: the page's address in base64, and tags in a form of their own.
async fn the_vendors_own_client_gets_no_number(engine: Engine) {
    use base64::Engine as _;
    let place = place(engine).await;
    let page = base64::engine::general_purpose::STANDARD.encode(place.page(""));
    let body = json!({"u": page, "st": "JmE9MQ==", "ou": page});
    let json_of_it = |path: &str| {
        place
            .post(path, body.to_string())
            .header("Content-Type", "application/json")
            .header("Origin", &place.origin)
    };
    let preflight = Answer::of(place.options(NUMBERS).header("Origin", &place.origin)).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.allowed_origin(), Some(place.origin.as_str()));
    let refused = Answer::of(json_of_it(NUMBERS)).await;
    refused.assert_refused(403, "token_missing");
    assert_eq!(refused.body["error"], refused.body["detail"]);
    for call in ["ping", "tag", "replace_tags", "untag", "untag/keys"] {
        let path = format!("/api/v1/numbers/{call}");
        Answer::of(json_of_it(&path))
            .await
            .assert_refused(403, "token_missing");
    }
    // With a token of another page, or of our own tag for another site, neither.
    let strange = token(&place, "https://www.example.com/").await;
    let body = json!({"token": strange, "page": place.page("")});
    ask(&place, NUMBERS, &body)
        .await
        .assert_refused(403, "token_wrong_host");
    let good = token(&place, &place.page("")).await;
    let body = json!({"token": good, "page": place.page("")});
    ask(&place, "/api/v1/numbers?campaign_key=unknown", &body)
        .await
        .assert_refused(404, "unknown_campaign_key");
    let elsewhere = place.post(NUMBERS, body.to_string());
    Answer::of(elsewhere)
        .await
        .assert_refused(403, "origin_missing");
    assert_eq!(place.leased().await, 0);
}

async fn nobody_without_a_token_gets_a_number_by_a_script_element(engine: Engine) {
    let place = place(engine).await;
    let good = token(&place, &place.page("")).await;
    let asked = format!("{NUMBERS}&token={good}&callback=answer");
    let response = place.get(&asked).header("Referer", place.page(""));
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 200, "else the page would hear nothing");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let text = response.text().await.unwrap();
    let said = text.strip_prefix(PREFIX).unwrap();
    let said: Value = serde_json::from_str(said.strip_suffix(");").unwrap()).unwrap();
    assert_eq!(said["reason"], "token_missing");
    assert!(said["error"].as_str().unwrap().len() > 20);
    assert_eq!(said.get("number"), None);
    for callback in ["alert(1)//", "a.b", "%3Cscript%3E", ""] {
        let path = format!("{NUMBERS}&callback={callback}");
        let response = place.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 400, "{callback}");
        assert!(!response.text().await.unwrap().contains("alert"));
    }
    assert_eq!(place.leased().await, 0);
}

async fn no_page_has_a_number_rung(engine: Engine) {
    let place = place(engine).await;
    let body = json!({"dial": "+442079460999", "ids": ["1"], "campaign_key": "abc"});
    let refused = ask(&place, "/api/v1/numbers/initiate_call", &body).await;
    refused.assert_refused(403, "call_back_refused");
    assert_eq!(refused.body["error"], refused.body["detail"]);
    assert_eq!(refused.allowed_origin(), Some(place.origin.as_str()));
}

async fn a_key_asks_for_the_site_that_has_proved_the_pages_host(engine: Engine) {
    let place = place(engine).await;
    let platform = &place.platform;
    // Older rows come first: a stranger's account with the same key must not take the page's visits.
    let long_ago = now() - ringfence_model::Duration::from_hours(48);
    let stranger = platform.add_account("Somebody", "GB", "Europe/London", long_ago);
    let stranger = stranger.await.unwrap().id;
    let theirs = platform.add_site(stranger, "Theirs", Vec::new(), None, now());
    let theirs = theirs.await.unwrap();
    platform
        .add_campaign_key(stranger, theirs.id, "abc", "")
        .await
        .unwrap();
    let asked = platform.asked_for("abc", Some(&place.origin), now()).await;
    let asked = asked.unwrap();
    assert_eq!(asked.site, place.site.key);
    assert_eq!(asked.campaign.as_deref(), Some("Spring"));
    let body = json!({"token": token(&place, &place.page("")).await, "page": place.page("")});
    let shown = ask(&place, NUMBERS, &body).await;
    assert_eq!(shown.body["site"], json!(place.site.key));
    let foreign = place.post(NUMBERS, body.to_string());
    let foreign = Answer::of(foreign.header("Origin", "https://evil.test")).await;
    assert_eq!(
        (foreign.status, &foreign.body["number"]),
        (403, &Value::Null)
    );
}

async fn a_key_is_taken_from_one_site_and_given_to_another(engine: Engine) {
    let place = place(engine).await;
    let (platform, account) = (&place.platform, place.account.id);
    let other = platform.add_site(account, "Other", Vec::new(), None, now());
    let other = other.await.unwrap().id;
    for (key, campaign, wrong) in [
        ("abc", "", "belongs to a site of this account already"),
        ("a b", "", "expected a campaign key"),
        ("", "", "expected a campaign key"),
        ("d", "x".repeat(65).as_str(), "expected a campaign of"),
    ] {
        let refused = platform
            .add_campaign_key(account, other, key, campaign)
            .await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(wrong), "{said}");
    }
    let missing = platform.remove_campaign_key(account, other, "abc").await;
    assert!(missing.is_err(), "it is not that site's");
    let removed = platform.remove_campaign_key(account, place.site.id, "abc");
    removed.await.unwrap();
    let body = json!({"token": token(&place, &place.page("")).await, "page": place.page("")});
    ask(&place, NUMBERS, &body)
        .await
        .assert_refused(404, "unknown_campaign_key");
    let added = platform.add_campaign_key(account, other, " abc ", "");
    added.await.unwrap();
    ask(&place, NUMBERS, &body)
        .await
        .assert_refused(403, "host_not_proved");
    let all = AuditFilter::default();
    let log = platform.audit_log(account, &all, 10);
    let log: Vec<(String, Option<String>, Option<String>)> = log
        .await
        .unwrap()
        .0
        .into_iter()
        .filter(|entry| entry.action.starts_with("campaign_key."))
        .map(|entry| (entry.action, entry.before, entry.after))
        .collect();
    let spring = json!({"campaign_key": "abc", "campaign": "Spring"}).to_string();
    let none = json!({"campaign_key": "abc", "campaign": null}).to_string();
    let expected = [
        ("campaign_key.add", None, Some(none)),
        ("campaign_key.remove", Some(spring.clone()), None),
        ("campaign_key.add", None, Some(spring)),
    ];
    assert_eq!(
        log,
        expected.map(|(action, before, after)| (action.to_owned(), before, after))
    );
}
