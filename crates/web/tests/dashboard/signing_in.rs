//! Who gets in, and how.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, PAGES, location, session_of};
use crate::world::{PASSWORD, World};

on_both_engines!(
    nobody_gets_in_without_a_session,
    the_right_password_gets_in_and_the_wrong_one_does_not,
    signing_in_leads_nowhere_but_to_this_server,
    guessing_is_locked_out,
    a_sign_in_link_works_once,
);

async fn nobody_gets_in_without_a_session(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::new(&world);
    for page in PAGES {
        let answer = browser.get(page).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{page}");
        assert!(location(&answer).starts_with("/sign-in"), "{page}");
    }
    let events = browser
        .get("/live/events")
        .header("accept", "text/event-stream");
    assert_eq!(
        events.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    for path in ["/sites", "/sign-out", "/theme"] {
        let answer = browser.post(path, &[("name", "x")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let mut stranger = Browser::new(&world);
    stranger.cookie = format!("ringfence_session={}", "A".repeat(43));
    assert_eq!(stranger.status("/calls").await, StatusCode::SEE_OTHER);
}

async fn the_right_password_gets_in_and_the_wrong_one_does_not(engine: Engine) {
    let world = World::empty(engine).await;
    let mut browser = Browser::new(&world);
    for (email, password) in [
        ("ann@example.com", "not her password"),
        ("nobody@example.com", PASSWORD),
        ("", ""),
    ] {
        let answer = browser.sign_in(email, password).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{email}");
        assert!(answer.headers().get(SET_COOKIE).is_none());
        assert!(answer.text().await.unwrap().contains("do not fit together"));
    }
    let fields = [
        ("email", " Ann@Example.com "),
        ("password", PASSWORD),
        ("next", "/calls?outcome=missed"),
    ];
    let answer = browser.post("/sign-in", &fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&answer), "/calls?outcome=missed");
    browser.cookie = session_of(&answer);
    assert!(browser.page("/").await.contains("Harbour Dental"));

    let token = browser.form_token().await;
    let left = browser
        .post("/sign-out", &[("form_token", &token)])
        .send()
        .await
        .unwrap();
    assert_eq!(left.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        browser.status("/").await,
        StatusCode::SEE_OTHER,
        "the old cookie is worth nothing"
    );
}

async fn signing_in_leads_nowhere_but_to_this_server(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::new(&world);
    for next in [
        "https://evil.example.com/",
        "//evil.example.com",
        "/\\evil.example.com",
    ] {
        let fields = [
            ("email", "ann@example.com"),
            ("password", PASSWORD),
            ("next", next),
        ];
        let answer = browser.post("/sign-in", &fields).send().await.unwrap();
        assert_eq!(location(&answer), "/", "{next}");
    }
}

async fn guessing_is_locked_out(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::new(&world);
    let mut last = StatusCode::OK;
    for _ in 0..8 {
        last = browser
            .sign_in("ann@example.com", "a wrong password")
            .await
            .status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = browser.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(
        right.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "the right one has to wait as well"
    );
}

async fn a_sign_in_link_works_once(engine: Engine) {
    let world = World::empty(engine).await;
    let mut browser = Browser::new(&world);
    let link = world
        .platform
        .sign_in_link(&world.owner, Duration::from_mins(1), now());
    let path = format!("/sign-in/link?token={link}");
    let answer = browser.get(&path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let spent = browser.get(&path).send().await.unwrap();
    assert_eq!(spent.status(), StatusCode::FORBIDDEN);
    browser.cookie = session_of(&answer);
    assert_eq!(browser.status("/").await, StatusCode::OK);
    let old = world
        .platform
        .sign_in_link(&world.owner, Duration::ZERO, now());
    assert_eq!(
        browser.status(&format!("/sign-in/link?token={old}")).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        browser.status("/sign-in/link?token=nonsense").await,
        StatusCode::FORBIDDEN
    );
}
