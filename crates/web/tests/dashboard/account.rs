//! The account itself: its name, the zone of its days and its money, changed on its page.

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, Money};
use ringfence_platform::account_edit::AccountWish;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    an_account_is_changed_on_its_page,
    money_stays_what_it_is_once_a_call_has_a_value,
);

async fn an_account_is_changed_on_its_page(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let page = ann.page("/account").await;
    for text in [
        "value=\"Europe/London\"",
        "value=\"GBP\"",
        "<b>GB</b>",
        "<b>0 of 6,000 minutes</b>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let wrong = [("name", " "), ("time_zone", "London"), ("currency", "XXX")];
    let (status, page) = send(&ann, "/account", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "Expected a name of 1 to 200 characters, got 0",
        "Expected a time zone such as Europe/Berlin, got &#34;London&#34;",
        "Expected the three letters of a currency",
        "value=\"London\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let stranger = world.stranger.name.as_str();
    let taken = [
        ("name", stranger),
        ("time_zone", "UTC"),
        ("currency", "GBP"),
    ];
    let (status, page) = send(&ann, "/account", &taken).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Another account has this name"), "{page}");

    let said = [
        ("name", "Porter & Söhne"),
        ("time_zone", "europe/berlin"),
        ("currency", "eur"),
        // Nobody opens another country to an account's calls by a form.
        ("country", "DE"),
    ];
    let (status, _) = send(&ann, "/account", &said).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let account = world.platform.db.account(world.account.id).await.unwrap();
    let account = account.unwrap();
    assert_eq!(account.name, "Porter & Söhne");
    assert_eq!(account.time_zone, "Europe/Berlin");
    assert_eq!(Money::of(&account).code(), "EUR");
    assert_eq!(account.country, "GB");
    let overview = ann.page("/?period=30d").await;
    assert!(overview.contains("Time of Europe/Berlin"), "{overview}");

    let all = AuditFilter::default();
    let (log, _) = world
        .platform
        .audit_log(world.account.id, &all, 10)
        .await
        .unwrap();
    let entry = log.iter().find(|entry| entry.action == "account.change");
    let entry = entry.unwrap();
    let (before, after) = (entry.before.as_ref(), entry.after.as_ref());
    assert!(before.unwrap().contains("Europe/London"), "{before:?}");
    assert!(after.unwrap().contains("Europe/Berlin"), "{after:?}");
}

async fn money_stays_what_it_is_once_a_call_has_a_value(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let worth = format!("/calls/{}/worth", world.call.unwrap());
    send(&ann, &worth, &[("lead", "converted"), ("value", "95")]).await;
    let said = [
        ("name", "Porter"),
        ("time_zone", "Europe/Berlin"),
        ("currency", "JPY"),
    ];
    let (status, page) = send(&ann, "/account", &said).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Calls have values in GBP already"), "{page}");
    let account = world.platform.db.account(world.account.id).await.unwrap();
    assert_eq!(account.as_ref(), Some(&world.account));

    // Another country of the operator's choice leaves the values what they were.
    let wish = AccountWish {
        country: Some("jp".into()),
        ..AccountWish::default()
    };
    let changed = world.platform.change_account(&world.account, wish).await;
    let changed = changed.unwrap();
    assert_eq!(changed.country, "JP");
    assert_eq!(Money::of(&changed).code(), "GBP");
    let read = world.platform.db.account(world.account.id).await.unwrap();
    assert_eq!(read, Some(changed));
}
