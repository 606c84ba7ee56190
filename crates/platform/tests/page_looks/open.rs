//! Pages that stay open and show a number: they are looked at, and lose it when they lock their visitors in.

use std::time::Duration;

use ringfence_model::{CaseState, EvidenceKind, LookOutcome};
use ringfence_platform::fence::{FenceSettings, ReleaseAnswer};
use ringfence_platform::now;
use ringfence_platform::visits::{PageCalls, Refusal};
use ringfence_testing::{Engine, on_both_engines};

use super::place::{BROWSER, HONEST, LOCK, Place, html, kinds, opaque, quick};

on_both_engines!(
    a_page_that_turns_while_its_visit_only_beats_is_looked_at,
    a_page_that_locks_its_visitor_in_loses_its_number_and_the_case_shows_what_it_did,
    a_video_in_full_screen_costs_nothing,
    what_is_counted_while_a_look_is_under_way_leads_to_one_more,
    whoever_forges_counts_loses_his_own_number_and_the_site_nothing,
    forged_counts_use_up_no_looks_that_requests_need,
    a_page_that_locks_before_it_asks_is_given_none,
    what_is_counted_on_a_clean_page_stands_in_the_case_that_the_site_has,
    where_it_is_switched_off_counts_take_nothing,
);

/// Looks that are over soon, and come again for a reason only.
fn rarely() -> FenceSettings {
    FenceSettings {
        look_again_after: Duration::from_hours(6),
        ..quick()
    }
}

fn locks() -> PageCalls {
    let counted = [
        ("requestFullscreen", 3),
        ("lock", 1),
        ("alert", 12),
        ("addEventListener", 1),
    ];
    PageCalls::named(counted)
}

fn full_screen() -> PageCalls {
    PageCalls::named([("requestFullscreen", 9)])
}

/// What leads to a look and takes no number.
fn a_game() -> PageCalls {
    PageCalls::named([("requestFullscreen", 1), ("requestPointerLock", 1)])
}

async fn a_page_that_turns_while_its_visit_only_beats_is_looked_at(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    let shown = place.ask("/offers").await.unwrap();
    let nothing = PageCalls::default();
    assert_eq!(place.beat_from(&shown, "/offers", nothing).await, Ok(()));
    place.platform.page_looks.settled().await;
    place.shows(|_, _| html(LOCK));
    // Nobody waits for the look.
    assert_eq!(place.beat_from(&shown, "/offers", nothing).await, Ok(()));
    place.platform.page_looks.settled().await;
    let refused = place.beat_from(&shown, "/offers", nothing).await;
    assert_eq!(refused, Err(Refusal::Withheld));
    let file = place.case().await;
    let kinds: Vec<_> = file.evidence.iter().map(|piece| piece.kind).collect();
    assert_eq!(kinds, [EvidenceKind::Look, EvidenceKind::Held]);

    // The page of another host, and none at all, is not looked at.
    let place = Place::new(engine, quick()).await;
    let shown = place.ask("/").await.unwrap();
    let before = place.times_asked();
    place.beat(&shown).await.unwrap();
    let elsewhere = place.beat_from(&shown, ".evil.test/", nothing).await;
    assert_eq!(elsewhere, Ok(()));
    place.platform.page_looks.settled().await;
    assert_eq!(place.times_asked(), before);
}

async fn a_page_that_locks_its_visitor_in_loses_its_number_and_the_case_shows_what_it_did(
    engine: Engine,
) {
    let place = Place::new(engine, rarely()).await;
    let (shown, other) = (place.ask("/").await.unwrap(), place.ask("/").await.unwrap());
    place.shows(|_, _| html(LOCK));
    let refused = place.beat_from(&shown, "/?rf=1#top", locks()).await;
    assert_eq!(refused, Err(Refusal::Withdrawn));
    place.platform.page_looks.settled().await;

    let file = place.case().await;
    assert!(file.held);
    let of_kind: Vec<_> = file.evidence.iter().map(|piece| piece.kind).collect();
    assert_eq!(
        of_kind,
        [EvidenceKind::Look, EvidenceKind::Sensor, EvidenceKind::Held]
    );
    let counted = &file.evidence[1];
    assert_eq!(
        kinds(counted),
        [
            "full_screen",
            "keyboard_lock",
            "dialog_loop",
            "leave_blocked"
        ]
    );
    assert!(
        counted.what.contains("asked for full screen 3 times")
            && counted.what.contains("showed a dialog 12 times"),
        "{counted:?}"
    );
    assert_eq!(counted.by, None);
    // What the look found holds for everybody.
    assert_eq!(place.beat(&other).await, Err(Refusal::Withheld));

    let (ann, ben) = (
        place.operator("ann@example.com").await,
        place.operator("ben@example.com").await,
    );
    let (platform, case) = (&place.platform, file.case.id);
    platform.release_case(case, &ann, now()).await.unwrap();
    let answer = platform.release_case(case, &ben, now()).await.unwrap();
    assert_eq!(answer, ReleaseAnswer::Released);
    assert_eq!(
        place.beat(&shown).await,
        Ok(()),
        "and it has its number back"
    );
}

async fn a_video_in_full_screen_costs_nothing(engine: Engine) {
    let place = Place::new(engine, rarely()).await;
    let shown = place.ask("/").await.unwrap();
    let before = place.times_asked();
    for _ in 0..4 {
        assert_eq!(place.beat_from(&shown, "/", full_screen()).await, Ok(()));
    }
    place.platform.page_looks.settled().await;
    assert_eq!(place.times_asked(), before, "not even a look");
    assert_eq!(place.beat_from(&shown, "/", a_game()).await, Ok(()));
    place.platform.page_looks.settled().await;
    assert_eq!(place.times_asked(), before + 6, "a game is looked at");
    assert_eq!(place.beat_from(&shown, "/", a_game()).await, Ok(()));
    place.assert_no_case().await;
}

async fn what_is_counted_while_a_look_is_under_way_leads_to_one_more(engine: Engine) {
    let place = Place::new(engine, rarely()).await;
    let shown = place.ask("/").await.unwrap();
    // A look that hangs until its time is over.
    let waits = place.beat_from(&shown, "/hangs", a_game()).await;
    assert_eq!(waits, Ok(()));
    let refused = place.beat_from(&shown, "/hangs", locks()).await;
    assert_eq!(refused, Err(Refusal::Withdrawn));
    place.platform.page_looks.settled().await;
    let page = format!("{}/hangs", place.origin);
    let looks = place
        .platform
        .db
        .page_looks(place.account.id, place.site.id, &page, 9);
    // The first one led to a look less than a minute ago.
    assert_eq!(looks.await.unwrap().len(), 1);

    let place = Place::new(
        engine,
        FenceSettings {
            new_account_for: Duration::ZERO,
            ..rarely()
        },
    )
    .await;
    let shown = place.ask("/hangs").await.unwrap();
    let refused = place.beat_from(&shown, "/hangs", locks()).await;
    assert_eq!(refused, Err(Refusal::Withdrawn));
    place.platform.page_looks.settled().await;
    let page = format!("{}/hangs", place.origin);
    let looks = place
        .platform
        .db
        .page_looks(place.account.id, place.site.id, &page, 9);
    assert_eq!(looks.await.unwrap().len(), 2);
}

async fn whoever_forges_counts_loses_his_own_number_and_the_site_nothing(engine: Engine) {
    let place = Place::new(engine, rarely()).await;
    let honest = place.ask("/").await.unwrap();
    for _ in 0..3 {
        let forger = place.ask("/").await.unwrap();
        let refused = place.beat_from(&forger, "/", locks()).await;
        assert_eq!(refused, Err(Refusal::Withdrawn));
        let again = place.ask_again(&forger, "/").await;
        assert_eq!(again.unwrap_err(), Refusal::Withdrawn);
        place.platform.page_looks.settled().await;
    }
    assert_eq!(
        place.times_asked(),
        12,
        "one look at first, and one more a minute"
    );
    assert_eq!(place.last_look("/").await.outcome, LookOutcome::Clean);
    place.assert_no_case().await;
    assert_eq!(place.beat_from(&honest, "/", full_screen()).await, Ok(()));
    place.ask_again(&honest, "/next").await.unwrap();
    place.ask("/").await.unwrap();
    let withdrawn = place.platform.refusals(place.site.id);
    assert_eq!(withdrawn[0], (Refusal::Withdrawn, 6));
}

async fn forged_counts_use_up_no_looks_that_requests_need(engine: Engine) {
    let place = Place::new(engine, rarely()).await;
    let forger = place.ask("/").await.unwrap();
    for nth in 0..60 {
        let path = format!("/made-up/{nth}");
        assert_eq!(place.beat_from(&forger, &path, a_game()).await, Ok(()));
    }
    place.platform.page_looks.settled().await;
    let looks = place.times_asked() / 6;
    assert!((10..=21).contains(&looks), "{looks}");
    place.ask("/honest-and-new").await.unwrap();
}

async fn a_page_that_locks_before_it_asks_is_given_none(engine: Engine) {
    let place = Place::new(engine, rarely()).await;
    place.shows(|_, _| html(LOCK));
    let asked = place.ask_after("/", BROWSER, "en-GB", locks(), now());
    assert_eq!(asked.await.unwrap_err(), Refusal::Withdrawn);
    place.platform.page_looks.settled().await;
    assert!(place.case().await.held);
    assert_eq!(place.ask("/").await.unwrap_err(), Refusal::Withheld);
}

async fn what_is_counted_on_a_clean_page_stands_in_the_case_that_the_site_has(engine: Engine) {
    let place = Place::new(engine, quick()).await;
    place.shows(|_, _| html(opaque()));
    let shown = place.ask("/").await.unwrap();
    place.platform.page_looks.settled().await;
    let before = place.case().await;
    assert_eq!((before.case.state, before.held), (CaseState::Open, false));
    place.shows(|_, _| html(HONEST));
    let refused = place.beat_from(&shown, "/", locks()).await;
    assert_eq!(refused, Err(Refusal::Withdrawn));
    place.platform.page_looks.settled().await;
    assert_eq!(place.last_look("/").await.outcome, LookOutcome::Clean);
    let after = place.case().await;
    assert!(!after.held, "a browser's word holds nobody");
    let added = &after.evidence[before.evidence.len()..];
    let kinds: Vec<_> = added.iter().map(|piece| piece.kind).collect();
    assert_eq!(kinds, [EvidenceKind::Sensor]);
}

async fn where_it_is_switched_off_counts_take_nothing(engine: Engine) {
    let place = Place::new(
        engine,
        FenceSettings {
            withdraw_from_locking_pages: false,
            ..rarely()
        },
    )
    .await;
    let shown = place.ask("/").await.unwrap();
    let before = place.times_asked();
    assert_eq!(place.beat_from(&shown, "/", locks()).await, Ok(()));
    place.platform.page_looks.settled().await;
    assert_eq!(place.times_asked(), before);
}
