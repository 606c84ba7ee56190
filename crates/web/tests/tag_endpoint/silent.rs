//! A server that asks on behalf of visitors, and an office that does not.

use ringfence_model::EvidenceKind;
use ringfence_platform::fence::ReleaseAnswer;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::place::{Answer, Place, token_in};

on_both_engines!(
    a_server_that_asks_for_visitors_is_refused_and_operators_are_told_once,
    an_office_whose_pages_beat_is_never_refused,
);

/// What docs/fence.md says.
const UNPROVED_MAX: usize = 120;
const SERVER: &str = "203.0.113.7";

/// A new visit of a browser at an address.
async fn visit_from(place: &Place, address: &str) -> Answer {
    let script = place
        .get(&format!("/tag.js?site={}", place.site.key))
        .header("Referer", place.page(""))
        .header("X-Forwarded-For", address)
        .send()
        .await
        .unwrap();
    let token = token_in(&script.text().await.unwrap());
    let request = place
        .post("/t/number", place.body(&token).to_string())
        .header("Origin", &place.origin)
        .header("X-Forwarded-For", address);
    Answer::of(request).await
}

async fn beat(place: &Place, visit: &Answer, address: &str) -> Answer {
    let lease = &visit.body["number"]["lease"];
    let body = json!({"site": place.site.key, "visit": visit.credential(), "lease": lease});
    let beat = place
        .post("/t/beat", body.to_string())
        .header("Origin", &place.origin)
        .header("X-Forwarded-For", address);
    Answer::of(beat).await
}

async fn a_server_that_asks_for_visitors_is_refused_and_operators_are_told_once(engine: Engine) {
    let place = Place::new(engine).await;
    let platform = &place.platform;
    let mut first = None;
    for nth in 0..UNPROVED_MAX {
        let shown = visit_from(&place, SERVER).await;
        assert!(!shown.e164().is_empty(), "request {nth}: {shown:?}");
        first.get_or_insert(shown);
    }
    for _ in 0..3 {
        let refused = visit_from(&place, SERVER).await;
        refused.assert_refused(200, "network_withheld");
    }
    let refusals = platform.refusals(place.site.id);
    assert_eq!(
        (refusals[0].0.as_str(), refusals[0].1),
        ("network_withheld", 3)
    );

    let case = platform
        .db
        .open_case_of(place.account.id, place.site.id)
        .await
        .unwrap()
        .unwrap();
    let file = platform.case_file(case.id).await.unwrap().unwrap();
    let kinds: Vec<_> = file.evidence.iter().map(|piece| piece.kind).collect();
    assert_eq!(kinds, [EvidenceKind::Silence]);
    let what = &file.evidence[0].what;
    assert!(
        what.contains("203.0.113.0/24 asked for 120 numbers"),
        "{what}"
    );
    assert!(!file.held, "the site's own visitors do not suffer for it");
    let honest = visit_from(&place, "198.51.100.7").await;
    assert!(!honest.e164().is_empty(), "{honest:?}");

    // Two operators call it a false alarm: the network begins anew.
    for (nth, email) in ["ann@example.com", "ben@example.com"]
        .into_iter()
        .enumerate()
    {
        let user = place.operator(email).await;
        let answer = platform.release_case(case.id, &user, now()).await.unwrap();
        let expected = [ReleaseAnswer::OneMore, ReleaseAnswer::Released][nth];
        assert_eq!(answer, expected);
    }
    let again = visit_from(&place, SERVER).await;
    assert!(!again.e164().is_empty(), "{again:?}");
}

async fn an_office_whose_pages_beat_is_never_refused(engine: Engine) {
    let place = Place::new(engine).await;
    let mut waiting = Vec::new();
    // All sixty come at once, and beat only when all of them are there; then they come again.
    for _ in 0..3 {
        for _ in 0..60 {
            let shown = visit_from(&place, SERVER).await;
            assert!(!shown.e164().is_empty(), "{shown:?}");
            waiting.push(shown);
        }
        for visit in waiting.drain(..) {
            assert_eq!(beat(&place, &visit, SERVER).await.status, 200);
        }
    }
    let case = place
        .platform
        .db
        .open_case_of(place.account.id, place.site.id)
        .await
        .unwrap();
    assert!(case.is_none(), "{case:?}");
}
