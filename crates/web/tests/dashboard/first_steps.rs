//! First steps: each ticks itself off, they can be put away and come back.

use reqwest::StatusCode;
use reqwest::header::SET_COOKIE;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    each_step_ticks_itself_off_and_says_what_is_next,
    they_are_put_away_and_come_back,
);

/// Where a form is sent, its fields, how many steps are done then, and what is said to be next.
type Change<'a> = (&'a str, &'a [(&'a str, &'a str)], usize, &'a str);

async fn each_step_ticks_itself_off_and_says_what_is_next(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    let done = async |expected: usize, next: &str| {
        for path in ["/", "/first-steps"] {
            let page = ann.page(path).await;
            assert!(
                page.contains(&format!("{expected} of 8 done")),
                "{path}: {page}"
            );
            assert!(page.contains(next), "{next}: {page}");
        }
    };
    done(0, "/sites#add-site").await;
    assert!(
        !ben.page("/").await.contains("steps-title"),
        "who changes nothing has nothing to do"
    );
    let changes: [Change; 4] = [
        (
            "/sites",
            &[("name", "Shop"), ("swap", "020 7946 0000")],
            0,
            "Your site has no pool yet",
        ),
        (
            "/targets",
            &[
                ("name", "Desk"),
                ("address", "sip:desk@192.0.2.1"),
                ("takes", "always"),
            ],
            1,
            "/pools#edit",
        ),
        (
            "/pools",
            &[
                ("name", "Web"),
                ("hold_minutes", "30"),
                ("quarantine_days", "30"),
            ],
            1,
            "/numbers#add",
        ),
        (
            "/numbers",
            &[("lines", "020 7946 0101"), ("country", "GB")],
            1,
            "None of your numbers has both",
        ),
    ];
    for (path, fields, expected, next) in changes {
        let (status, page) = send(&ann, path, fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}: {page}");
        done(expected, next).await;
    }
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(!ann.page("/").await.contains("steps-title"), "calls came");
    assert!(ann.page("/first-steps").await.contains("8 of 8 done"));
}

async fn they_are_put_away_and_come_back(engine: Engine) {
    let world = World::empty(engine).await;
    let mut ann = Browser::signed_in(&world, "ann@example.com").await;
    let session = ann.cookie.clone();
    for (choice, shown) in [("hidden", false), ("shown", true)] {
        let token = ann.token_on("/you").await;
        let fields = [("form_token", token.as_str()), ("overview", choice)];
        let answer = ann.post("/first-steps", &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        let (cookie, _) = cookie.split_once(';').unwrap();
        ann.cookie = format!("{session}; {cookie}");
        let overview = ann.page("/").await;
        assert_eq!(overview.contains("steps-title"), shown);
        assert!(overview.contains("href=\"/first-steps\""));
        let page = ann.page("/first-steps").await;
        assert_eq!(page.contains("Show them on the overview again"), !shown);
    }
}
