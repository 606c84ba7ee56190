//! A site whose numbers are withheld.

use ringfence_model::Role;
use ringfence_platform::fence::{CaseError, ReleaseAnswer};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::json;

use crate::place::{Answer, Place};

on_both_engines!(
    a_held_site_shows_no_number_until_two_operators_release_it,
    a_frozen_account_shows_no_number_on_any_site_until_the_case_is_released,
);

async fn beat(place: &Place, visit: &Answer) -> Answer {
    let lease = &visit.body["number"]["lease"];
    let body = json!({"site": place.site.key, "visit": visit.credential(), "lease": lease});
    let beat = place.post("/t/beat", body.to_string());
    Answer::of(beat.header("Origin", &place.origin)).await
}

async fn a_held_site_shows_no_number_until_two_operators_release_it(engine: Engine) {
    let place = Place::new(engine).await;
    let platform = &place.platform;
    let (ann, ben) = (
        place.operator("ann@example.com").await,
        place.operator("ben@example.com").await,
    );
    let before = place.visit().await;
    assert_eq!(before.status, 200, "{before:?}");
    let case = platform
        .hold_site(
            place.account.id,
            place.site.id,
            "a complaint",
            ann.id,
            now(),
        )
        .await
        .unwrap();

    place.visit().await.assert_refused(200, "withheld");
    beat(&place, &before).await.assert_refused(200, "withheld");
    let refusals = platform.refusals(place.site.id);
    assert_eq!(refusals[0].0.as_str(), "withheld");
    assert_eq!(refusals[0].1, 2);

    let stranger = platform
        .add_user(
            place.account.id,
            "eve@example.com",
            "Eve",
            Role::Owner,
            "correct horse",
            now(),
        )
        .await
        .unwrap();
    let refused = platform.release_case(case, &stranger, now()).await;
    assert!(
        matches!(refused, Err(CaseError::NotAnOperator(_))),
        "{refused:?}"
    );
    let answer = platform.release_case(case, &ann, now()).await.unwrap();
    assert_eq!(answer, ReleaseAnswer::OneMore);
    let refused = platform.release_case(case, &ann, now()).await;
    assert!(matches!(refused, Err(CaseError::SamePerson)), "{refused:?}");
    place.visit().await.assert_refused(200, "withheld");
    let answer = platform.release_case(case, &ben, now()).await.unwrap();
    assert_eq!(answer, ReleaseAnswer::Released);

    assert_eq!(place.visit().await.status, 200);
    assert_eq!(
        beat(&place, &before).await.status,
        200,
        "a visit that was stopped goes on with its number"
    );
    let file = platform.case_file(case).await.unwrap().unwrap();
    let who: Vec<_> = file.evidence.iter().map(|piece| piece.by).collect();
    assert_eq!(who, [Some(ann.id), Some(ann.id), Some(ben.id)]);
    assert!(!file.held);
}

async fn a_frozen_account_shows_no_number_on_any_site_until_the_case_is_released(engine: Engine) {
    let place = Place::new(engine).await;
    let platform = &place.platform;
    let (ann, ben) = (
        place.operator("ann@example.com").await,
        place.operator("ben@example.com").await,
    );
    // Not the site that is asked for a number.
    let other = platform.add_site(place.account.id, "Other", Vec::new(), None, now());
    let other = other.await.unwrap();
    let case = platform.hold_site(place.account.id, other.id, "a complaint", ann.id, now());
    let case = case.await.unwrap();
    assert_eq!(place.visit().await.status, 200);
    let early = platform.freeze_account(case, &ann, now()).await;
    assert!(matches!(early, Err(CaseError::NotConfirmed)), "{early:?}");
    let agreed = platform.release_case(case, &ben, now()).await.unwrap();
    assert_eq!(agreed, ReleaseAnswer::OneMore);
    platform.confirm_case(case, &ann, now()).await.unwrap();
    platform.freeze_account(case, &ann, now()).await.unwrap();
    let again = platform.freeze_account(case, &ann, now()).await;
    assert!(matches!(again, Err(CaseError::Frozen)), "{again:?}");
    place.visit().await.assert_refused(200, "withheld");

    for (who, answer) in [
        (&ann, ReleaseAnswer::OneMore),
        (&ben, ReleaseAnswer::Released),
    ] {
        place.visit().await.assert_refused(200, "withheld");
        let said = platform.release_case(case, who, now()).await.unwrap();
        assert_eq!(said, answer, "what was agreed before counts no more");
    }
    assert_eq!(place.visit().await.status, 200);
    let file = platform.case_file(case).await.unwrap().unwrap();
    assert!(!file.frozen && !file.held);
}
