//! What every page shows, and to whom it does not.

use reqwest::StatusCode;
use ringfence_model::CallId;
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, on_both_engines};

use crate::board_call;
use crate::browser::{Browser, PAGES};
use crate::world::World;

on_both_engines!(
    every_page_stands_with_rows_and_without,
    every_answer_carries_the_policy,
    another_accounts_rows_are_not_found,
    filters_are_the_url,
    text_of_strangers_is_never_markup,
    machines_learn_health_and_counts,
);

async fn every_page_stands_with_rows_and_without(engine: Engine) {
    let mut world = World::empty(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    for page in PAGES {
        let text = browser.page(page).await;
        assert!(text.contains("<h1>") && text.contains("</html>"), "{page}");
        assert!(
            !text.contains("style=") && !text.contains("onclick="),
            "{page} would break the policy"
        );
    }
    assert!(browser.page("/").await.contains("0 of 8 done"));
    assert!(browser.page("/calls").await.contains("No calls yet"));
    assert!(
        browser
            .page("/numbers")
            .await
            .contains("No tracking numbers yet")
    );
    assert!(browser.page("/sites").await.contains("No site yet"));
    world.furnish().await;
    for page in PAGES {
        browser.page(page).await;
    }
    let overview = browser.page("/").await;
    assert!(!overview.contains("steps-title"), "calls came");
    assert!(overview.contains("Google Ads"));
    let call = browser
        .page(&format!("/calls/{}", world.call.unwrap()))
        .await;
    for told in [
        "Rang Front desk",
        "busy (486)",
        "Rang Maria at home",
        "talked 16 s",
        "On hold",
        "Certain",
        "gclid=",
    ] {
        assert!(call.contains(told), "the call's page should tell {told:?}");
    }
    assert!(browser.page("/sites").await.contains("data-site="));
    let number = browser.page("/numbers").await;
    let (_, number) = number.split_once("href=\"/numbers/").unwrap();
    let (number, _) = number.split_once('"').unwrap();
    let life = browser.page(&format!("/numbers/{number}")).await;
    assert!(life.contains("Its life") && life.contains("became one of your numbers"));
}

async fn every_answer_carries_the_policy(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    for path in ["/", "/nothing/here", "/sign-in/link?token=x"] {
        let answer = browser.get(path).send().await.unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
                .unwrap_or_default()
        };
        let policy = header("content-security-policy");
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cache-control"), "private, no-store", "{path}");
    }
}

async fn another_accounts_rows_are_not_found(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let token = browser.form_token().await;
    let call = world.strangers_call.unwrap();
    let (site, host) = world.strangers_site.unwrap();
    for path in [
        format!("/calls/{call}"),
        format!("/calls/{call}/recording.wav"),
        format!("/calls/{call}/waveform.json"),
        format!("/calls/{}", CallId::new(now(), random())),
        "/calls/not-a-call".into(),
    ] {
        assert_eq!(browser.status(&path).await, StatusCode::NOT_FOUND, "{path}");
    }
    for (path, fields) in [
        (
            format!("/sites/{site}/hosts"),
            [("form_token", token.as_str()), ("host", "www.example.org")],
        ),
        (
            format!("/sites/{site}/hosts/{host}/check"),
            [("form_token", token.as_str()), ("x", "")],
        ),
    ] {
        let answer = browser.post(&path, &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    // What lists rows, or names them in a filter, shows none of the stranger's either.
    let theirs = world.platform.db.numbers(world.stranger.id).await.unwrap()[0].clone();
    let life = format!("/numbers/{}", theirs.id);
    assert_eq!(browser.status(&life).await, StatusCode::NOT_FOUND);
    let filtered = format!("/calls?number={}", theirs.id);
    for path in PAGES
        .into_iter()
        .chain([filtered.as_str(), "/calls?q=212555"])
    {
        let text = browser.page(path).await;
        for secret in [
            theirs.e164.national(),
            call.to_string(),
            site.to_string(),
            "else.test".into(),
        ] {
            assert!(!text.contains(&secret), "{path} shows {secret}");
        }
    }
}

async fn filters_are_the_url(engine: Engine) {
    let world = World::full(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let missed = browser
        .page("/calls?outcome=missed&source=Google+Ads")
        .await;
    assert!(missed.contains("Missed calls from Google Ads, newest first."));
    assert!(
        !missed.contains("answered\"><svg"),
        "only missed calls are shown"
    );
    let waiting = browser.page("/calls?outcome=to_call_back&period=30d").await;
    assert!(waiting.contains("not spoken to since"));
    assert!(waiting.matches("<tr class=\"go\"").count() > 5 && !waiting.contains("Maria at home"));
    let recorded = browser.page("/calls?recorded=1").await;
    assert_eq!(recorded.matches("<tr class=\"go\"").count(), 1);
    assert!(recorded.contains("href=\"/calls.csv?recorded=1\""));
    let file = browser.page("/calls.csv?recorded=1").await;
    assert_eq!(file.lines().count(), 2, "a head and the one call: {file}");
    let nobody = browser.page("/calls?q=%2B15005550000").await;
    assert!(nobody.contains("No call fits"));

    // Pages follow each other without gaps or repeats.
    let mut path = "/calls?period=30d".to_owned();
    let mut seen = std::collections::HashSet::new();
    loop {
        let page = browser.page(&path).await;
        for row in page.split("<a class=\"cover\" href=\"/calls/").skip(1) {
            assert!(
                seen.insert(row.split_once('"').unwrap().0.to_owned()),
                "shown twice"
            );
        }
        let Some((before, _)) = page.split_once("\" rel=\"next\"") else {
            break;
        };
        path = before
            .rsplit_once("href=\"")
            .unwrap()
            .1
            .replace("&#38;", "&")
            .replace("&amp;", "&");
    }
    let from = ringfence_platform::reports::Period::Month
        .begin(now(), &ringfence_platform::reports::zone_of(&world.account));
    let totals = world
        .platform
        .db
        .call_totals(world.account.id, from, now())
        .await
        .unwrap();
    assert_eq!(seen.len() as u64, totals.calls);
}

async fn text_of_strangers_is_never_markup(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let evil = "<script>alert(1)</script>";
    let mut call = board_call(world.account.id);
    call.source = Some(ringfence_model::Source {
        kind: ringfence_model::SourceKind::Referral,
        name: evil.into(),
        campaign: Some(evil.into()),
        keyword: None,
    });
    world.platform.board.began(call);
    for path in [
        "/live".to_owned(),
        "/calls?q=%3Cscript%3Ealert(1)%3C/script%3E&source=%3Cscript%3E".into(),
    ] {
        let page = browser.page(&path).await;
        assert!(!page.contains("<script>"), "{path}");
    }
}

async fn machines_learn_health_and_counts(engine: Engine) {
    let world = World::empty(engine).await;
    let browser = Browser::new(&world);
    assert_eq!(browser.page("/healthz").await, "ok\n");
    assert_eq!(browser.page("/readyz").await, "ready\n");
    assert_eq!(browser.page("/metrics").await, "up 1\n");
    let through_proxy = browser
        .get("/metrics")
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(
        through_proxy.send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}
