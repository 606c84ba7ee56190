//! Pages that ask for numbers are looked at, over real HTTP: honest ones get theirs, others open a case.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod open;
mod place;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use ringfence_model::{CaseState, EvidenceKind, LookOutcome};
use ringfence_platform::fence::{FenceSettings, ReleaseAnswer};
use ringfence_platform::now;
use ringfence_platform::visits::Refusal;
use ringfence_testing::{Engine, on_both_engines};

use place::{BROWSER, HONEST, LOCK, Place, html, kinds, opaque, quick};

on_both_engines!(
    an_honest_page_of_a_new_account_is_seen_and_gets_its_number,
    a_lock_page_opens_a_case_and_shows_no_number,
    a_page_that_turns_loses_its_number_with_the_next_look,
    a_page_that_shows_another_face_to_some_browsers_is_seen,
    a_page_that_shows_another_face_to_who_comes_from_an_advertisement_is_seen,
    a_page_that_shows_another_face_in_a_language_is_seen,
    a_page_that_cannot_be_read_opens_a_case_and_keeps_its_number,
    a_false_alarm_is_not_raised_again,
    a_page_that_cannot_be_had_gets_its_number_after_three_tries,
    an_older_account_does_not_wait,
    two_hundred_requests_make_one_look,
    an_endless_page_and_endless_redirects_end,
    a_page_that_leads_to_a_private_address_is_not_fetched_there,
);

async fn an_honest_page_of_a_new_account_is_seen_and_gets_its_number(engine: Engine) {
    let place = Place::new(engine, FenceSettings::default()).await;
    place
        .ask("/offers?utm_source=mail&token=secret")
        .await
        .unwrap();
    let look = place.last_look("/offers").await;
    assert_eq!(look.outcome, LookOutcome::Clean);
    assert_eq!(look.views.len(), 6, "{look:?}");
    assert!(look.views.iter().all(|view| view.failed.is_none()));
    let asked = place.asked_for();
    assert!(asked.iter().any(|path| path.contains("utm_source=mail")));
    assert!(
        !asked.iter().any(|path| path.contains("secret")),
        "{asked:?}"
    );
    place.assert_no_case().await;

    let before = place.times_asked();
    place.ask("/offers").await.unwrap();
    place.platform.page_looks.settled().await;
    assert_eq!(place.times_asked(), before, "a look holds for a while");
    let later = now() + Duration::from_mins(2);
    let answer = place.ask_as("/offers", BROWSER, "en-GB", later).await;
    assert!(answer.is_ok(), "{answer:?}");
    place.platform.page_looks.settled().await;
    assert!(place.times_asked() > before, "it is looked at again later");
}

async fn a_lock_page_opens_a_case_and_shows_no_number(engine: Engine) {
    let place = Place::new(engine, FenceSettings::default()).await;
    place.shows(|_, _| html(LOCK));
    assert_eq!(
        place.ask("/alert?phone=1").await.unwrap_err(),
        Refusal::Withheld
    );
    let file = place.case().await;
    assert!(file.held);
    assert_eq!(file.case.state, CaseState::Open);
    assert!(file.case.risk >= 700, "{:?}", file.case);
    let look = &file.evidence[0];
    assert_eq!(look.kind, EvidenceKind::Look);
    assert!(look.what.contains("the visitor's browser"), "{look:?}");
    assert!(kinds(look).contains(&"full_screen"), "{look:?}");
    let page = look.page.as_ref().unwrap();
    assert_eq!(page.length, LOCK.len() as u64);
    let kept = place
        .platform
        .db
        .evidence_page(look.account, look.case, look.id);
    assert_eq!(kept.await.unwrap().unwrap(), LOCK.as_bytes());
    let last = file.evidence.last().unwrap();
    assert_eq!((last.kind, last.by), (EvidenceKind::Held, None));
    assert_eq!(file.evidence.len(), 2, "one page, seen by all: {file:?}");

    let before = place.times_asked();
    assert_eq!(place.ask("/").await.unwrap_err(), Refusal::Withheld);
    assert_eq!(place.times_asked(), before, "a held site is not looked at");
}

async fn a_page_that_turns_loses_its_number_with_the_next_look(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    let shown = place.ask("/").await.unwrap();
    place.platform.page_looks.settled().await;
    assert_eq!(place.beat(&shown).await, Ok(()));
    place.shows(|_, _| html(LOCK));
    // Known pages do not wait for a look.
    place.ask("/").await.unwrap();
    place.platform.page_looks.settled().await;
    assert_eq!(place.beat(&shown).await, Err(Refusal::Withheld));
    assert_eq!(place.ask("/").await.unwrap_err(), Refusal::Withheld);
    assert!(place.case().await.held);
}

async fn cloaked(
    engine: Engine,
    shows_lock: impl Fn(&axum::http::HeaderMap, &axum::http::Uri) -> bool + Send + Sync + 'static,
    user_agent: &str,
    language: &str,
) {
    let place = Place::new(engine, FenceSettings::default()).await;
    place.shows(move |headers, uri| {
        html(if shows_lock(headers, uri) {
            LOCK
        } else {
            HONEST
        })
    });
    let answer = place.ask_as("/", user_agent, language, now()).await;
    assert_eq!(answer.unwrap_err(), Refusal::Withheld);
    let file = place.case().await;
    let difference = &file.evidence[1];
    assert_eq!(difference.kind, EvidenceKind::Difference, "{file:?}");
    assert_eq!(kinds(difference), ["cloaking"]);
    assert!(
        difference.what.contains("scam to") && difference.what.contains("clean to"),
        "{difference:?}"
    );
    let clean = difference.page.as_ref().unwrap();
    assert_eq!(clean.length, HONEST.len() as u64);
    assert!(file.held);
}

async fn a_page_that_shows_another_face_to_some_browsers_is_seen(engine: Engine) {
    let windows =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0";
    let for_victims = |headers: &axum::http::HeaderMap, _: &axum::http::Uri| {
        let agent = headers[header::USER_AGENT].to_str().unwrap();
        agent.contains("Windows") && !agent.contains("Ringfence")
    };
    cloaked(engine, for_victims, windows, "en-GB").await;
}

async fn a_page_that_shows_another_face_to_who_comes_from_an_advertisement_is_seen(engine: Engine) {
    let from_search = |headers: &axum::http::HeaderMap, uri: &axum::http::Uri| {
        let referrer = headers.get(header::REFERER).map(|r| r.to_str().unwrap());
        referrer == Some("https://www.google.com/")
            && uri.query().is_some_and(|query| query.contains("gclid="))
    };
    cloaked(engine, from_search, BROWSER, "en-GB").await;
}

async fn a_page_that_shows_another_face_in_a_language_is_seen(engine: Engine) {
    let in_swedish = |headers: &axum::http::HeaderMap, _: &axum::http::Uri| {
        let language = headers.get(header::ACCEPT_LANGUAGE);
        language.is_some_and(|l| l.to_str().unwrap().starts_with("sv"))
    };
    cloaked(engine, in_swedish, BROWSER, "sv-SE").await;
}

async fn a_page_that_cannot_be_read_opens_a_case_and_keeps_its_number(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    place.shows(|_, _| html(opaque()));
    place.ask("/").await.unwrap();
    let file = place.case().await;
    assert!(!file.held);
    assert!((500..700).contains(&file.case.risk), "{:?}", file.case);
    let before = file.evidence.len();
    place.ask("/").await.unwrap();
    place.platform.page_looks.settled().await;
    let file = place.case().await;
    assert_eq!(file.evidence.len(), before, "the same again is no news");
}

async fn a_false_alarm_is_not_raised_again(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    place.shows(|_, _| html(LOCK));
    place.ask("/").await.unwrap_err();
    let case = place.case().await.case.id;
    let (ann, ben) = (
        place.operator("ann@example.com").await,
        place.operator("ben@example.com").await,
    );
    let platform = &place.platform;
    platform.release_case(case, &ann, now()).await.unwrap();
    let answer = platform.release_case(case, &ben, now()).await.unwrap();
    assert_eq!(answer, ReleaseAnswer::Released);

    place.ask("/").await.unwrap();
    platform.page_looks.settled().await;
    place.ask("/").await.unwrap();
    assert_eq!(place.last_look("/").await.outcome, LookOutcome::Scam);
    assert!(!place.case().await.held, "operators have seen this page");
}

async fn a_page_that_cannot_be_had_gets_its_number_after_three_tries(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    let begin = now();
    let (path, first) = ("/hangs", place.ask("/hangs").await);
    assert_eq!(first.unwrap_err(), Refusal::NotLookedAt);
    let look = place.last_look(path).await;
    assert_eq!(look.outcome, LookOutcome::Unseen);
    let why = look.views[0].failed.as_deref().unwrap();
    assert!(why.contains("expected an answer within"), "{why}");
    // Too early for another try.
    let asked = place.times_asked();
    let refused = place.ask_as(path, BROWSER, "en", begin + Duration::from_secs(2));
    assert_eq!(refused.await.unwrap_err(), Refusal::NotLookedAt);
    assert_eq!(place.times_asked(), asked);
    let refused = place.ask_as(path, BROWSER, "en", begin + Duration::from_secs(20));
    assert_eq!(refused.await.unwrap_err(), Refusal::NotLookedAt);
    let third = place.ask_as(path, BROWSER, "en", begin + Duration::from_secs(90));
    third.await.unwrap();
    place.assert_no_case().await;
    let unseen = place.platform.db.unseen_pages(100).await.unwrap();
    let ours = unseen.iter().find(|page| page.site == place.site.id);
    assert_eq!(ours.unwrap().failures, 3);

    let strict = FenceSettings {
        show_on_unseen_pages: false,
        ..quick()
    };
    let place = Place::new(engine, strict).await;
    place.shows(|_, _| StatusCode::FORBIDDEN.into_response());
    for seconds in [0, 20, 90, 900] {
        let at = begin + Duration::from_secs(seconds);
        let refused = place.ask_as("/", BROWSER, "en", at).await;
        assert_eq!(refused.unwrap_err(), Refusal::NotLookedAt);
    }
    let why = place.last_look("/").await.views[0].failed.clone();
    assert_eq!(why.as_deref(), Some("the server answered 403"));
}

async fn an_older_account_does_not_wait(engine: Engine) {
    let settings = FenceSettings {
        new_account_for: Duration::ZERO,
        ..quick()
    };
    let place = Place::new(engine, settings).await;
    place.ask("/hangs").await.unwrap();
    place.shows(|_, _| html(LOCK));
    place.ask("/").await.unwrap();
    place.platform.page_looks.settled().await;
    assert_eq!(place.ask("/").await.unwrap_err(), Refusal::Withheld);
    assert!(place.case().await.held);
}

async fn two_hundred_requests_make_one_look(engine: Engine) {
    let place = Place::new(engine, FenceSettings::default()).await;
    let place = std::sync::Arc::new(place);
    let mut visitors = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let place = std::sync::Arc::clone(&place);
        visitors.spawn(async move { place.ask("/").await.map(drop) });
    }
    let answers = visitors.join_all().await;
    let refused = answers.iter().filter_map(|answer| answer.err());
    // Nine numbers are soon gone; that is the only thing that may be lacking.
    assert!(refused.clone().all(|why| why == Refusal::PoolExhausted));
    assert_eq!(answers.len() - refused.count(), 9);
    assert_eq!(place.times_asked(), 6, "a look is six vantages");
}

async fn an_endless_page_and_endless_redirects_end(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    place.shows(|_, _| {
        let piece = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 4096]));
        html(Body::from_stream(futures::stream::repeat_with(piece)))
    });
    place.ask("/endless").await.unwrap();
    let look = place.last_look("/endless").await;
    let lengths: Vec<_> = look.views.iter().filter_map(|view| view.length).collect();
    assert!(
        lengths.iter().all(|length| *length <= 64 * 1024),
        "{look:?}"
    );

    place.shows(|_, uri| {
        let onward = format!("{}x", uri.path());
        (StatusCode::FOUND, [(header::LOCATION, onward)]).into_response()
    });
    let refused = place.ask("/round").await;
    assert_eq!(refused.unwrap_err(), Refusal::NotLookedAt);
    let why = place.last_look("/round").await.views[0]
        .failed
        .clone()
        .unwrap();
    assert!(why.contains("redirects"), "{why}");

    place.shows(|_, _| {
        let away = [(header::LOCATION, "http://127.0.0.1:1/")];
        (StatusCode::FOUND, away).into_response()
    });
    assert_eq!(place.ask("/away").await.unwrap_err(), Refusal::NotLookedAt);
}

async fn a_page_that_leads_to_a_private_address_is_not_fetched_there(engine: Engine) {
    let place = Place::within(engine, quick(), false).await;
    assert_eq!(place.ask("/").await.unwrap_err(), Refusal::NotLookedAt);
    let why = place.last_look("/").await.views[0].failed.clone().unwrap();
    assert!(why.contains("no public address"), "{why}");
    assert_eq!(place.times_asked(), 0);
}
