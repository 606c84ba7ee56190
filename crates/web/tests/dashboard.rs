//! The dashboard as a browser sees it: a real server over a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use ringfence_model::{CallId, Confidence, TargetId};
use ringfence_platform::board::{BoardCall, BoardChange, BoardState};
use ringfence_platform::{now, random};
use world::{PASSWORD, World};

/// A browser that follows no redirect by itself and keeps one cookie.
struct Browser {
    client: Client,
    base: String,
    cookie: String,
}

impl Browser {
    fn new(world: &World) -> Self {
        // Another test of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            base: world.url(""),
            cookie: String::new(),
        }
    }

    async fn signed_in(world: &World, email: &str) -> Self {
        let mut browser = Self::new(world);
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(
            answer.status(),
            StatusCode::SEE_OTHER,
            "{email} should get in"
        );
        browser.cookie = session_of(&answer);
        browser
    }

    async fn sign_in(&self, email: &str, password: &str) -> Response {
        self.post("/sign-in", &[("email", email), ("password", password)])
            .send()
            .await
            .unwrap()
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie)
    }

    fn post(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.client
            .post(format!("{}{path}", self.base))
            .header(COOKIE, &self.cookie)
            .form(fields)
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.get(path).send().await.unwrap().status()
    }

    async fn form_token(&self) -> String {
        let page = self.page("/sites").await;
        let (_, rest) = page.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

fn session_of(answer: &Response) -> String {
    let cookies = answer.headers().get_all(SET_COOKIE);
    let cookie = cookies
        .iter()
        .find(|cookie| cookie.to_str().unwrap().starts_with("ringfence_session="));
    let cookie = cookie.unwrap().to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

fn location(answer: &Response) -> &str {
    answer.headers()[LOCATION].to_str().unwrap()
}

const PAGES: [&str; 10] = [
    "/",
    "/?period=1h",
    "/?period=24h",
    "/?period=7d",
    "/?period=30d",
    "/live",
    "/calls",
    "/calls?outcome=missed&period=7d&source=Google+Ads&recorded=1&q=020",
    "/numbers?state=assigned&q=7946",
    "/sites",
];

#[tokio::test]
async fn nobody_gets_in_without_a_session() {
    let world = World::empty().await;
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

#[tokio::test]
async fn the_right_password_gets_in_and_the_wrong_one_does_not() {
    let world = World::empty().await;
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

#[tokio::test]
async fn signing_in_leads_nowhere_but_to_this_server() {
    let world = World::empty().await;
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

#[tokio::test]
async fn guessing_is_locked_out() {
    let world = World::empty().await;
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

#[tokio::test]
async fn a_sign_in_link_works_once() {
    let world = World::empty().await;
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

#[tokio::test]
async fn every_page_stands_with_rows_and_without() {
    let mut world = World::empty().await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    for page in PAGES {
        let text = browser.page(page).await;
        assert!(text.contains("<h1>") && text.contains("</html>"), "{page}");
        assert!(
            !text.contains("style=") && !text.contains("onclick="),
            "{page} would break the policy"
        );
    }
    assert!(browser.page("/").await.contains("0 of 6 done"));
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
    assert!(
        !overview.contains("First steps"),
        "nothing is missing any more"
    );
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
}

#[tokio::test]
async fn every_answer_carries_the_policy() {
    let world = World::empty().await;
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

#[tokio::test]
async fn another_accounts_rows_are_not_found() {
    let world = World::full().await;
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

#[tokio::test]
async fn a_form_without_this_sessions_token_changes_nothing() {
    let world = World::full().await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let others = Browser::signed_in(&world, "ben@example.com")
        .await
        .form_token()
        .await;
    for token in [None, Some(""), Some(others.as_str())] {
        let mut fields = vec![("name", "Forged")];
        fields.extend(token.map(|token| ("form_token", token)));
        let answer = browser.post("/sites", &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{token:?}");
    }
    let token = browser.form_token().await;
    let fields = [("form_token", token.as_str()), ("name", "Forged")];
    let foreign = browser
        .post("/sites", &fields)
        .header("origin", "https://evil.example.com");
    assert_eq!(
        foreign.send().await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    assert!(!browser.page("/sites").await.contains("Forged"));
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let world = World::full().await;
    let browser = Browser::signed_in(&world, "ben@example.com").await;
    assert!(!browser.page("/sites").await.contains("Add site"));
    let token = browser.form_token().await;
    let answer = browser
        .post("/sites", &[("form_token", &token), ("name", "Mine")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(!browser.page("/sites").await.contains("Mine"));
}

#[tokio::test]
async fn a_site_and_its_host_are_added_and_mistakes_are_said_beside_the_field() {
    let world = World::full().await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let token = browser.form_token().await;
    let wrong = [
        ("form_token", token.as_str()),
        ("name", "Shop"),
        ("swap", "020 7946 0000, nonsense"),
        ("pool", ""),
    ];
    let answer = browser.post("/sites", &wrong).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("id=\"swap-wrong\"")
            && page.contains("value=\"Shop\"")
            && page.contains("nonsense")
    );

    let right = [
        ("form_token", token.as_str()),
        ("name", "Shop"),
        ("swap", "020 7946 0000"),
        ("pool", ""),
    ];
    let answer = browser.post("/sites", &right).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let site = location(&answer).split_once("#site-").unwrap().1.to_owned();
    assert!(
        browser
            .page("/sites?done=site")
            .await
            .contains("The site was added")
    );

    let hosts = format!("/sites/{site}/hosts");
    let answer = browser
        .post(&hosts, &[("form_token", &token), ("host", "not a host")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("value=\"not a host\"") && page.contains(&format!("id=\"wrong-{site}\""))
    );
    let answer = browser
        .post(&hosts, &[("form_token", &token), ("host", "shop.test")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(browser.page("/sites").await.contains("shop.test"));
}

#[tokio::test]
async fn filters_are_the_url() {
    let world = World::full().await;
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

#[tokio::test]
async fn recordings_are_played_from_anywhere() {
    let world = World::full().await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let path = format!("/calls/{}/recording.wav", world.call.unwrap());
    let whole = browser.get(&path).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    let whole = whole.bytes().await.unwrap();
    assert_eq!(&whole[..4], b"RIFF");
    for (range, expected) in [
        ("bytes=0-3", &whole[..4]),
        ("bytes=1000-1999", &whole[1000..2000]),
        ("bytes=-10", &whole[whole.len() - 10..]),
    ] {
        let part = browser
            .get(&path)
            .header("range", range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert!(
            part.headers()["content-range"]
                .to_str()
                .unwrap()
                .ends_with(&format!("/{}", whole.len()))
        );
        assert_eq!(part.bytes().await.unwrap(), expected, "{range}");
    }
    let beyond = browser
        .get(&path)
        .header("range", "bytes=99999999-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);

    let shape = browser
        .page(&path.replace("recording.wav", "waveform.json"))
        .await;
    let shape: serde_json::Value = serde_json::from_str(&shape).unwrap();
    assert_eq!(shape["duration_ms"], 40_000);
    let loudest = |side: &str| {
        shape[side]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .max()
    };
    assert!(loudest("left") > Some(20) && loudest("right") > Some(20));
}

fn board_call(account: ringfence_model::AccountId) -> BoardCall {
    BoardCall {
        id: CallId::new(now(), random()),
        account,
        caller: Some("+441632960001".parse().unwrap()),
        dialled: "+442079460001".parse().unwrap(),
        started_at: now(),
        source: None,
        confidence: Confidence::Unknown,
        state: BoardState::Arriving,
    }
}

/// The next thing that a stream of events tells.
async fn told(
    stream: &mut (impl futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    buffer: &mut String,
) -> serde_json::Value {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let data = event
                .lines()
                .find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
            *buffer = rest.into();
            if let Some(data) = data {
                return serde_json::from_str(&data).unwrap();
            }
            continue;
        }
        let piece = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        buffer.push_str(
            std::str::from_utf8(&piece.expect("news within ten seconds").unwrap().unwrap())
                .unwrap(),
        );
    }
}

#[tokio::test]
async fn the_live_page_hears_of_its_own_calls_and_starts_anew_after_a_cut() {
    let world = World::empty().await;
    let browser = Browser::signed_in(&world, "ann@example.com").await;
    let board = &world.platform.board;
    let first = board_call(world.account.id);
    let id = first.id;
    board.began(first);
    assert!(
        browser.page("/live").await.contains("01632 960001"),
        "it stands without a script"
    );

    let answer = browser.get("/live/events").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let (mut stream, mut buffer) = (answer.bytes_stream(), String::new());
    let all = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (all["kind"].as_str(), all["rows"].as_array().unwrap().len()),
        (Some("all"), 1)
    );
    board.began(board_call(world.stranger.id));
    let target = TargetId::new(now(), random());
    board.changed(
        id,
        BoardChange::Ringing {
            target,
            name: "Front desk".into(),
            at: now(),
        },
    );
    let news = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (news["kind"].as_str(), news["row"]["id"].as_str()),
        (Some("call"), Some(id.to_string().as_str()))
    );
    assert!(
        news["row"]["html"]
            .as_str()
            .unwrap()
            .contains("rings Front desk")
    );
    drop(stream);

    board.ended(id);
    let second = board_call(world.account.id);
    let later = second.id;
    board.began(second);
    let answer = browser.get("/live/events").send().await.unwrap();
    let (mut stream, mut buffer) = (answer.bytes_stream(), String::new());
    let all = told(&mut stream, &mut buffer).await;
    assert_eq!(all["rows"][0]["id"], later.to_string());
    assert_eq!(all["rows"].as_array().unwrap().len(), 1);
    board.ended(later);
    let gone = told(&mut stream, &mut buffer).await;
    assert_eq!(
        (gone["kind"].as_str(), gone["id"].as_str()),
        (Some("gone"), Some(later.to_string().as_str()))
    );

    world.platform.stopping.cancel();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.next())
        .await
        .unwrap();
    assert!(end.is_none(), "a server that stops ends its streams");
}

#[tokio::test]
async fn text_of_strangers_is_never_markup() {
    let world = World::empty().await;
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

#[tokio::test]
async fn machines_learn_health_and_counts() {
    let world = World::empty().await;
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
