//! What pages tell beside asking: which numbers stand on them, and what happened in their visits.

use ringfence_model::{VisitEvent, VisitEventKind};
use ringfence_testing::{Engine, on_both_engines};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

on_both_engines!(
    a_beat_tells_what_stands_on_the_page,
    a_page_elsewhere_tells_nothing,
    what_happens_in_a_visit_is_kept,
    what_is_too_much_is_refused_and_not_kept,
);

/// Sends what a page of the place sends after it was shown a number.
async fn send(place: &Place, shown: &Answer, path: &str, more: Value) -> Answer {
    let mut body = json!({"site": place.site.key, "visit": shown.credential()});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let request = place.post(path, body.to_string());
    Answer::of(request.header("Origin", &place.origin)).await
}

async fn told(place: &Place, shown: &Answer) -> Vec<VisitEvent> {
    let lease = shown.body["number"]["lease"].as_str().unwrap();
    let account = place.account.id;
    let lease = place
        .platform
        .db
        .lease(account, lease.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    place
        .platform
        .visit_events(account, lease.visit)
        .await
        .unwrap()
}

async fn a_beat_tells_what_stands_on_the_page(engine: Engine) {
    let place = Place::new(engine).await;
    let shown = place.visit().await;
    let targets = json!([["+44 20 7946 0999", false], ["+44 20 7946 0998", true]]);
    let body = json!({"page": place.page("?utm_source=news"), "targets": targets});
    let answer = send(&place, &shown, "/t/beat", body.clone()).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let reports = || place.platform.page_reports(place.account.id, place.site.id);
    let [report] = <[_; 1]>::try_from(reports().await.unwrap()).unwrap();
    let host = place.origin.split_once("//").unwrap().1;
    assert_eq!(report.page, format!("{host}/offers"), "without its query");
    assert_eq!((report.found(), report.targets.len()), (1, 2));
    assert!(!report.targets[0].found);

    // The same again is not written again, but for a page that is being tested.
    send(&place, &shown, "/t/beat", body).await;
    assert_eq!(reports().await.unwrap(), std::slice::from_ref(&report));
    let test = json!({"page": place.page("?rf-test=1"), "targets": targets});
    send(&place, &shown, "/t/beat", test).await;
    assert!(reports().await.unwrap()[0].at > report.at);
}

async fn a_page_elsewhere_tells_nothing(engine: Engine) {
    let place = Place::new(engine).await;
    let shown = place.visit().await;
    for page in ["https://evil.test/", "no page", "", "data:text/html,x"] {
        let body = json!({"page": page, "targets": [["+44 20 7946 0999", true]]});
        let answer = send(&place, &shown, "/t/beat", body).await;
        assert_eq!(answer.status, 200, "the beat was right: {answer:?}");
    }
    let nothing = json!({"page": place.page(""), "targets": []});
    send(&place, &shown, "/t/beat", nothing).await;
    let kept = place
        .platform
        .page_reports(place.account.id, place.site.id)
        .await;
    assert_eq!(kept.unwrap(), []);
}

async fn what_happens_in_a_visit_is_kept(engine: Engine) {
    let place = Place::new(engine).await;
    let token = place.token(&place.page("")).await;
    let mut body = place.body(&token);
    body["tags"] = json!({"plan": "gold"});
    let shown = place.ask(Some(&place.origin), &body).await;
    let event = json!({"kind": "event", "name": "quote", "data": {"amount": 95}});
    assert_eq!(send(&place, &shown, "/t/event", event).await.status, 204);
    let words = json!({"kind": "tag", "data": {"plan": "silver"}});
    for turn in ["new", "said before"] {
        let answer = send(&place, &shown, "/t/event", words.clone()).await;
        assert_eq!(answer.status, 204, "{turn}");
    }

    let kept = told(&place, &shown).await;
    let kinds = kept.iter().map(|event| (event.kind, event.name.as_deref()));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            (VisitEventKind::Tag, None),
            (VisitEventKind::Event, Some("quote")),
            (VisitEventKind::Tag, None)
        ]
    );
    assert_eq!(kept[0].data["plan"], "gold");
    assert_eq!(kept[1].data["amount"], 95);
    assert_eq!(kept[2].data["plan"], "silver");
}

async fn what_is_too_much_is_refused_and_not_kept(engine: Engine) {
    let place = Place::new(engine).await;
    let shown = place.visit().await;
    for (name, data) in [
        ("x".repeat(101), json!({})),
        ("long".into(), json!({"text": "x".repeat(2_100)})),
    ] {
        let event = json!({"kind": "event", "name": name, "data": data});
        let answer = send(&place, &shown, "/t/event", event).await;
        answer.assert_refused(413, "body_too_large");
    }
    assert_eq!(told(&place, &shown).await, []);
}
