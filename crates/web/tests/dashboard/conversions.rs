//! Conversions by hand: destinations are added, changed, removed, what is wrong stands beside its field, and what became of a
//! call stands in the log and on its own page. What platforms are told has tests of its own, with servers that speak as they do.

use reqwest::StatusCode;
use ringfence_model::{
    CallId, ConsentRule, ConversionState, CountedCalls, DeliveryAttempt, Disposition, Role,
};
use ringfence_platform::now;
use ringfence_store::{ConversionResult, Write};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::{PASSWORD, World};

on_both_engines!(
    a_destination_is_added_changed_and_removed_and_its_secret_never_shown,
    the_form_has_the_fields_of_the_platform_that_is_chosen_and_no_others,
    mistakes_of_a_destination_are_said_beside_their_fields,
    what_became_of_a_call_stands_in_the_log_and_on_its_page,
    an_agent_sees_what_was_told_of_a_call_and_no_destination,
);

const FORM: [(&str, &str); 7] = [
    ("platform", "meta"),
    ("target", "123456789012345"),
    ("counts", "qualified"),
    ("seconds", "30"),
    ("first_only", "on"),
    ("consent", "waited"),
    ("secret", "open-sesame"),
];

async fn a_destination_is_added_changed_and_removed_and_its_secret_never_shown(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(
        ann.page("/conversions")
            .await
            .contains("No destination yet")
    );
    let (status, _) = send(&ann, "/conversions", &FORM).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let known = async || {
        let known = world.platform.conversion_destinations(world.account.id);
        known.await.unwrap()
    };
    let added = known().await.remove(0);
    assert_eq!((added.event.as_str(), added.enabled), ("Lead", true));
    assert_eq!(added.rule.counts, CountedCalls::Qualified);
    assert_eq!(added.rule.consent, ConsentRule::Waited);
    assert!(added.rule.first_only && !added.rule.hashed_caller);
    let here = format!("/conversions/{}", added.id);
    let page = ann.page(&here).await;
    assert!(page.contains("Nothing told yet") && page.contains("of at least 30 s"));
    assert!(!page.contains("open-sesame"));

    let changed = [
        ("target", "123456789012345"),
        ("event", "Contact"),
        ("counts", "answered"),
        ("consent", "told"),
        ("hashed_caller", "on"),
    ];
    let (status, _) = send(&ann, &here, &changed).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let after = known().await.remove(0);
    assert_eq!((after.event.as_str(), after.enabled), ("Contact", false));
    assert_eq!(
        after.secret, added.secret,
        "it stays unless a new one comes"
    );
    assert!(after.rule.hashed_caller);
    assert!(ann.page("/conversions").await.contains("Off"));
    let (status, _) = send(&ann, &format!("{here}/remove"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(known().await.is_empty());
    let (status, _) = send(&ann, &format!("{here}/remove"), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

async fn the_form_has_the_fields_of_the_platform_that_is_chosen_and_no_others(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let labels = [
        "Measurement ID",
        "API secret",
        "Customer ID",
        "OAuth client ID",
        "Refresh token",
        "Dataset ID (pixel)",
        "Access token",
        "number too, hashed",
    ];
    let google_ads = &[2, 3, 4, 7][..];
    for (path, chosen, shown) in [
        ("/conversions", "google_analytics", &[0, 1][..]),
        ("/conversions?platform=any", "google_analytics", &[0, 1]),
        ("/conversions?platform=google_ads", "google_ads", google_ads),
        ("/conversions?platform=meta", "meta", &[5, 6, 7]),
    ] {
        let page = ann.page(path).await;
        let hidden = format!("name=\"platform\" value=\"{chosen}\"");
        assert!(page.contains(&hidden), "{path}");
        let form = page.split("<form class=\"panel").nth(1).unwrap();
        for (nth, label) in labels.iter().enumerate() {
            assert_eq!(
                form.contains(label),
                shown.contains(&nth),
                "{path}: {label}"
            );
        }
    }
    // One that is there has the fields of its own.
    send(&ann, "/conversions", &FORM).await;
    let known = world.platform.conversion_destinations(world.account.id);
    let here = format!("/conversions/{}", known.await.unwrap()[0].id);
    let page = ann.page(&here).await;
    assert!(page.contains("Access token") && !page.contains("Refresh token"));
}

async fn mistakes_of_a_destination_are_said_beside_their_fields(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let wrong = [
        ("platform", "google_ads"),
        ("target", "12-34"),
        ("event", "a lead"),
        ("counts", "all"),
        ("seconds", "long"),
        ("consent", ""),
        ("secret", "open-sesame"),
        ("client", "somebody"),
    ];
    let (status, page) = send(&ann, "/conversions", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in [
        "target",
        "event",
        "counts",
        "seconds",
        "consent",
        "refresh_token",
    ] {
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{field}");
    }
    assert!(page.contains("value=\"12-34\""), "what was typed stays");
    assert!(!page.contains("open-sesame"), "a secret does not");
    let known = world.platform.conversion_destinations(world.account.id);
    assert!(known.await.unwrap().is_empty());

    assert_eq!(
        send(&ann, "/conversions", &FORM).await.0,
        StatusCode::SEE_OTHER
    );
    let known = world.platform.conversion_destinations(world.account.id);
    let here = format!("/conversions/{}", known.await.unwrap()[0].id);
    let (status, page) = send(&ann, &format!("{here}/test"), &[("code", "")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"code-wrong\""));
}

/// A call that ended after the destination of [`FORM`] was added, and its conversion in this state.
async fn told(world: &World, ann: &Browser, result: ConversionResult) -> (CallId, String) {
    if world
        .platform
        .conversion_destinations(world.account.id)
        .await
        .unwrap()
        .is_empty()
    {
        assert_eq!(
            send(ann, "/conversions", &FORM).await.0,
            StatusCode::SEE_OTHER
        );
    }
    let (db, account) = (&world.platform.db, world.account.id);
    let call = world.call_again().await;
    let ended = Write::CallEnded {
        account,
        call,
        at: now(),
        disposition: Disposition::Answered,
        reason: None,
        failed_over: false,
    };
    db.write(vec![ended]).await.unwrap();
    let conversion = db
        .conversions_of_call(account, call)
        .await
        .unwrap()
        .remove(0);
    let until = now();
    let claimed = db.claim_conversion(&conversion, until, until, "{\"data\":[\"<click>\"]}");
    assert!(claimed.await.unwrap());
    let attempt = DeliveryAttempt {
        number: 1,
        at: now(),
        duration_ms: 9,
        status: Some(400),
        outcome: "The fbc is <b>modified</b>.".into(),
    };
    let noted = db.note_conversion(&conversion, &attempt, result);
    noted.await.unwrap();
    let here = format!("/conversions/{}", conversion.destination);
    (call, format!("{here}/calls/{}/again", conversion.id))
}

async fn what_became_of_a_call_stands_in_the_log_and_on_its_page(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (call, again) = told(&world, &ann, ConversionResult::Failed).await;
    let here = again.split("/calls/").next().unwrap().to_owned();
    for path in [
        format!("{here}?state=failed"),
        format!("/calls/{call}"),
        here.clone(),
    ] {
        let page = ann.page(&path).await;
        assert!(page.contains("Given up"), "{path}");
        assert!(page.contains("The fbc is "), "{path}");
        assert!(
            !page.contains("<b>modified"),
            "what a platform says is text"
        );
        assert!(page.contains("&#60;click&#62;"), "what was sent: {path}");
    }
    let page = ann.page(&format!("{here}?state=sent")).await;
    assert!(page.contains("Nothing fits"));
    let (status, _) = send(&ann, &again, &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let account = world.account.id;
    let found = world.platform.conversions_of_call(account, call).await;
    assert_eq!(found.unwrap()[0].1.state, ConversionState::Pending);
    let (_, again) = told(&world, &ann, ConversionResult::Sent).await;
    let (status, _) = send(&ann, &again, &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "what was taken stays taken");
}

async fn an_agent_sees_what_was_told_of_a_call_and_no_destination(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (call, _) = told(&world, &ann, ConversionResult::Sent).await;
    let page = ann.page(&format!("/calls/{call}")).await;
    assert!(page.contains("Advertising platforms") && page.contains("href=\"/conversions/"));
    let other = ann.page(&format!("/calls/{}", world.call.unwrap())).await;
    assert!(!other.contains("Advertising platforms"));
    let (account, email) = (world.account.id, "eve@example.com");
    let added = world
        .platform
        .add_user(account, email, "Eve", Role::Agent, PASSWORD, now());
    added.await.unwrap();
    let eve = Browser::signed_in(&world, email).await;
    let page = eve.page(&format!("/calls/{call}")).await;
    assert!(page.contains("Advertising platforms") && !page.contains("href=\"/conversions"));
    assert_eq!(eve.status("/conversions").await, StatusCode::FORBIDDEN);
}
