//! The second factor as a browser meets it: set up, asked for at the door, required, lost and taken away.

use std::time::Duration;

use reqwest::header::SET_COOKIE;
use reqwest::{Response, StatusCode};
use ringfence_model::{AuditFilter, KeyScope, Role, User};
use ringfence_platform::accounts::second_factor::{FactorError, FactorStanding};
use ringfence_platform::accounts::second_step::PENDING_LIFE;
use ringfence_platform::accounts::{AccountError, totp};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send, session_of};
use crate::world::{PASSWORD, World};

on_both_engines!(
    a_factor_is_on_once_its_first_code_was_right_and_asked_for_ever_after,
    a_code_opens_one_sign_in_and_a_recovery_code_too,
    codes_are_guessed_no_faster_than_passwords,
    a_sign_in_that_waits_opens_nothing_and_ends,
    a_link_asks_for_the_code_as_a_password_does,
    turning_it_off_takes_the_code_or_the_password,
    who_owes_a_factor_sets_it_up_before_anything_else,
    a_lost_factor_is_taken_away_by_who_manages_its_user,
    no_secret_is_readable_in_the_rows,
);

/// The octets of a secret that a page shows.
fn octets(base32: &str) -> Vec<u8> {
    let (mut bits, mut held, mut octets) = (0_u32, 0, Vec::new());
    for letter in base32.bytes().filter(|octet| *octet != b' ') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            _ => letter - b'2' + 26,
        };
        bits = (bits << 5) | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from((bits >> held) & 255).unwrap());
        }
    }
    octets
}

fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{page}"));
    rest.split_once(after).unwrap().0
}

/// Somebody's app.
struct App {
    secret: Vec<u8>,
    next: i64,
}

impl App {
    fn new(secret: Vec<u8>) -> Self {
        Self { secret, next: 0 }
    }

    /// A code that was not used yet; the clock of a phone may be one step ahead, so two are there at once.
    async fn code(&mut self) -> String {
        while self.next > totp::step_at(now()) + 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let step = self.next.max(totp::step_at(now()));
        self.next = step + 1;
        totp::code_of(&self.secret, step)
    }
}

/// Turns a factor on by the pages; answers the app and the recovery codes.
async fn turn_on(browser: &Browser) -> (App, Vec<String>) {
    let (status, _) = send(browser, "/you/second-factor", &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let page = browser.page("/you/second-factor").await;
    assert!(page.contains("<svg class=\"qr\""), "{page}");
    let secret = between(&page, "id=\"secret\">", "<").to_owned();
    let mut app = App::new(octets(&secret));
    let code = app.code().await;
    let (status, page) = send(browser, "/you/second-factor/confirm", &[("code", &code)]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let codes: Vec<String> = between(&page, "id=\"recovery-codes\">", "<")
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(codes.len(), 10, "{codes:?}");
    let after = browser.page("/you/second-factor").await;
    assert!(!after.contains(&codes[0]) && !after.contains(&secret));
    (app, codes)
}

fn pending_of(answer: &Response) -> String {
    let cookies = answer.headers().get_all(SET_COOKIE);
    let cookie = cookies
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .find(|cookie| cookie.starts_with("ringfence_pending="))
        .unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("Path=/sign-in;"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

/// A browser in which the password was right.
async fn half_in(world: &World, email: &str) -> Browser {
    let mut browser = Browser::new(world);
    let answer = browser.sign_in(email, PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert!(location(&answer).starts_with("/sign-in/code"));
    browser.cookie = pending_of(&answer);
    browser
}

async fn enter(browser: &Browser, code: &str) -> Response {
    let fields = [("code", code), ("next", "/calls")];
    browser.post("/sign-in/code", &fields).send().await.unwrap()
}

/// Somebody of another account.
async fn eve(world: &World) -> Browser {
    let email = "eve@else.test";
    let added = world.platform.add_user(
        world.stranger.id,
        email,
        "Eve",
        Role::Owner,
        PASSWORD,
        now(),
    );
    added.await.unwrap();
    Browser::signed_in(world, email).await
}

async fn actions(world: &World) -> Vec<String> {
    let entries = world
        .platform
        .audit_log(world.account.id, &AuditFilter::default(), 100)
        .await;
    let entries = entries.unwrap().0;
    entries.into_iter().map(|entry| entry.action).collect()
}

async fn a_factor_is_on_once_its_first_code_was_right_and_asked_for_ever_after(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let other = Browser::signed_in(&world, "ann@example.com").await;
    send(&ann, "/you/second-factor", &[]).await;
    let wrong = [("code", "00000")];
    let (status, page) = send(&ann, "/you/second-factor/confirm", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"code-wrong\""), "{page}");
    Browser::signed_in(&world, "ann@example.com").await;

    let (mut app, _) = turn_on(&ann).await;
    assert!(ann.page("/you").await.contains("10 recovery codes left"));
    assert!(ann.page("/people").await.contains("1 of 2 have one"));
    assert_eq!(other.status("/").await, StatusCode::OK, "it was in before");
    let again = send(&ann, "/you/second-factor", &[]).await;
    assert_eq!(again.0, StatusCode::SEE_OTHER);
    assert!(
        !ann.page("/you/second-factor")
            .await
            .contains("id=\"secret\"")
    );

    let door = half_in(&world, "ann@example.com").await;
    let page = door.page("/sign-in/code?next=%2Fcalls").await;
    assert!(page.contains("one-time-code") && page.contains("value=\"/calls\""));
    let answer = enter(&door, &app.code().await).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&answer), "/calls");
    let mut inside = Browser::new(&world);
    inside.cookie = session_of(&answer);
    assert_eq!(inside.status("/").await, StatusCode::OK);
    assert!(actions(&world).await.contains(&"user.factor_on".to_owned()));
    Browser::signed_in(&world, "ben@example.com").await;
}

async fn a_code_opens_one_sign_in_and_a_recovery_code_too(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (mut app, codes) = turn_on(&ann).await;
    let (one, two) = (
        half_in(&world, "ann@example.com").await,
        half_in(&world, "ann@example.com").await,
    );
    let code = app.code().await;
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(enter(&one, &spaced).await.status(), StatusCode::SEE_OTHER);
    let used = enter(&two, &code).await;
    assert_eq!(used.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(used.headers().get(SET_COOKIE).is_none());
    let gone = enter(&one, &code).await;
    assert_eq!(gone.status(), StatusCode::FORBIDDEN, "it was spent");

    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(enter(&two, &typed).await.status(), StatusCode::SEE_OTHER);
    let three = half_in(&world, "ann@example.com").await;
    let again = enter(&three, &codes[3]).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = ann.page("/you").await;
    assert!(page.contains("9 recovery codes left"), "{page}");
    assert!(page.contains("1 code was refused"), "{page}");
    let done = actions(&world).await;
    for action in ["user.recovery_code", "user.code_refused"] {
        assert!(done.iter().any(|known| known == action), "{done:?}");
    }
}

async fn codes_are_guessed_no_faster_than_passwords(engine: Engine) {
    let world = World::empty(engine).await;
    let platform = &world.platform;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (app, _) = turn_on(&ann).await;
    // One moment for all of it, so that a slow machine waits no lock out.
    let (at, address) = (now(), "192.0.2.1".parse().unwrap());
    let guess = async |door: &Browser, code: &str, seconds: u64| {
        let token = door.cookie.split_once('=').unwrap().1;
        let at = at + Duration::from_secs(seconds);
        let entered = platform.sign_in_with_code(token, code, address, "", at);
        entered.await.map(drop)
    };
    let door = half_in(&world, "ann@example.com").await;
    for nth in 0..4 {
        let wrong = guess(&door, &format!("wrong {nth}"), 0).await;
        assert!(matches!(wrong, Err(FactorError::WrongCode)), "{wrong:?}");
    }
    let last = guess(&door, "00000", 0).await;
    assert!(matches!(last, Err(FactorError::NotWaiting)), "{last:?}");
    let door = half_in(&world, "ann@example.com").await;
    let sixth = guess(&door, "000", 0).await;
    assert!(matches!(sixth, Err(FactorError::WrongCode)), "{sixth:?}");
    let right = totp::code_of(&app.secret, totp::step_at(at) + 1);
    let locked = guess(&door, &right, 0).await;
    let is_locked =
        |error: &FactorError| matches!(error, FactorError::Account(AccountError::LockedOut { .. }));
    assert!(
        locked.as_ref().is_err_and(is_locked),
        "the right one has to wait as well: {locked:?}"
    );
    let ben = platform.sign_in("ben@example.com", PASSWORD, address, "", at);
    assert!(
        matches!(ben.await, Err(AccountError::LockedOut { .. })),
        "the address has failed, whoever it asks for"
    );
    // 2, 4, 8 and 16 s: long enough for whoever asks by the page.
    for seconds in [1, 3, 7, 15] {
        let wrong = guess(&door, "000", seconds).await;
        assert!(wrong.is_err_and(|error| !is_locked(&error)), "{seconds}");
    }
    let door = half_in(&world, "ann@example.com").await;
    let answer = enter(&door, &right).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text().await.unwrap().contains("Try again in"));
    let refused = actions(&world).await;
    let refused = refused
        .iter()
        .filter(|action| *action == "user.code_refused");
    assert_eq!(refused.count(), 10);
    let (status, _) = send(&ann, "/you/second-factor/remove", &[("proof", &right)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "nor elsewhere");
}

async fn a_sign_in_that_waits_opens_nothing_and_ends(engine: Engine) {
    let world = World::empty(engine).await;
    let platform = &world.platform;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (mut app, _) = turn_on(&ann).await;
    let mut door = half_in(&world, "ann@example.com").await;
    let token = door.cookie.split_once('=').unwrap().1.to_owned();
    assert_eq!(door.status("/").await, StatusCode::SEE_OTHER);
    door.cookie = format!("ringfence_session={token}");
    assert_eq!(door.status("/").await, StatusCode::SEE_OTHER, "no session");
    assert_eq!(door.status("/you").await, StatusCode::SEE_OTHER);

    let address = "192.0.2.1".parse().unwrap();
    let late = platform.sign_in_with_code(&token, "000000", address, "", now() + PENDING_LIFE);
    assert!(matches!(late.await, Err(FactorError::NotWaiting)));
    for token in ["", "nonsense", &"A".repeat(43)] {
        let mut stranger = Browser::new(&world);
        stranger.cookie = format!("ringfence_pending={token}");
        let shown = stranger.get("/sign-in/code").send().await.unwrap();
        assert_eq!(location(&shown), "/sign-in");
        let answer = enter(&stranger, &app.code().await).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{token:?}");
        assert!(!answer.headers().iter().any(|(name, value)| {
            *name == SET_COOKIE && value.to_str().unwrap().contains("ringfence_session=")
        }));
        app.next = 0;
    }

    let door = half_in(&world, "ann@example.com").await;
    platform
        .set_password(&world.owner, "another long password")
        .await
        .unwrap();
    let answer = enter(&door, &app.code().await).await;
    assert_eq!(
        answer.status(),
        StatusCode::FORBIDDEN,
        "of the old password"
    );
}

async fn a_link_asks_for_the_code_as_a_password_does(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (mut app, _) = turn_on(&ann).await;
    let link = world
        .platform
        .sign_in_link(&world.owner, Duration::from_mins(1), now());
    let mut browser = Browser::new(&world);
    let path = format!("/sign-in/link?token={link}");
    let answer = browser.get(&path).send().await.unwrap();
    assert!(location(&answer).starts_with("/sign-in/code"));
    browser.cookie = pending_of(&answer);
    let answer = enter(&browser, &app.code().await).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    browser.cookie = session_of(&answer);
    assert_eq!(browser.status("/").await, StatusCode::OK);
}

async fn turning_it_off_takes_the_code_or_the_password(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (mut app, codes) = turn_on(&ann).await;
    for path in ["/you/second-factor/remove", "/you/second-factor/codes"] {
        let wrong = [("proof", "not the password")];
        let (status, page) = send(&ann, path, &wrong).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("id=\"proof-wrong\""), "{page}");
    }
    let code = app.code().await;
    let renewed = [("proof", code.as_str())];
    let (status, page) = send(&ann, "/you/second-factor/codes", &renewed).await;
    assert_eq!(status, StatusCode::OK);
    let new = between(&page, "id=\"recovery-codes\">", "\n").to_owned();
    let (status, _) = send(&ann, "/you/second-factor/remove", &renewed).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a code once");
    let door = half_in(&world, "ann@example.com").await;
    let old = enter(&door, &codes[0]).await;
    assert_eq!(old.status(), StatusCode::UNPROCESSABLE_ENTITY, "replaced");
    assert_eq!(enter(&door, &new).await.status(), StatusCode::SEE_OTHER);

    let (status, _) = send(&ann, "/you/second-factor/remove", &[("proof", PASSWORD)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(
        ann.page("/you/second-factor?done=off")
            .await
            .contains("is off")
    );
    Browser::signed_in(&world, "ann@example.com").await;
    let done = actions(&world).await;
    for action in ["user.factor_off", "user.factor_codes"] {
        assert!(done.iter().any(|known| known == action), "{done:?}");
    }
}

async fn who_owes_a_factor_sets_it_up_before_anything_else(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    let token = ben.token_on("/you").await;
    let key = world
        .platform
        .add_api_key(world.account.id, "Key", KeyScope::Read, None, now());
    let key = key.await.unwrap().1;
    turn_on(&ann).await;
    let (status, _) = send(&ben, "/people/second-factor", &[("require", "yes")]).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an analyst requires nothing");
    let (status, _) = send(&ann, "/people/second-factor", &[("require", "yes")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(
        ann.page("/people")
            .await
            .contains("Required from everybody")
    );

    for path in ["/", "/calls", "/you", "/people", "/live"] {
        let answer = ben.get(path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(location(&answer), "/you/second-factor", "{path}");
    }
    for (path, accept) in [
        ("/calls.csv", "text/csv"),
        ("/live/events", "text/event-stream"),
    ] {
        let answer = ben.get(path).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let call = world.call.unwrap();
    let worth = [("form_token", token.as_str()), ("lead", "converted")];
    for path in [
        &format!("/calls/{call}/worth"),
        "/you/password",
        "/you/second-factor/codes",
    ] {
        let answer = ben.post(path, &worth).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let answer = world
        .platform
        .db
        .owes_second_factor(world.account.id, world.analyst.id);
    assert!(answer.await.unwrap());
    let calls = ben.api(reqwest::Method::GET, "/v1/calls", &key);
    assert_eq!(
        calls.send().await.unwrap().status(),
        StatusCode::OK,
        "a key is no person"
    );
    let eve = eve(&world).await;
    assert_eq!(eve.status("/").await, StatusCode::OK, "another account");

    let page = ben.page("/you/second-factor").await;
    assert!(page.contains("requires a second factor"), "{page}");
    let drawn = ben.post("/you/second-factor", &[("form_token", token.as_str())]);
    assert_eq!(drawn.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let page = ben.page("/you/second-factor").await;
    let mut app = App::new(octets(between(&page, "id=\"secret\">", "<")));
    let code = app.code().await;
    let fields = [("form_token", token.as_str()), ("code", code.as_str())];
    let on = ben.post("/you/second-factor/confirm", &fields);
    assert_eq!(on.send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ben.status("/").await, StatusCode::OK);

    let (status, _) = send(&ann, "/people/second-factor", &[("require", "no")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let changes = actions(&world).await;
    let changes = changes
        .iter()
        .filter(|action| *action == "account.second_factor");
    assert_eq!(changes.count(), 2);
}

async fn a_lost_factor_is_taken_away_by_who_manages_its_user(engine: Engine) {
    let world = World::empty(engine).await;
    let (account, platform) = (world.account.id, &world.platform);
    let abe = platform.add_user(
        account,
        "abe@example.com",
        "Abe",
        Role::Admin,
        PASSWORD,
        now(),
    );
    let abe_user: User = abe.await.unwrap();
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let abe = Browser::signed_in(&world, "abe@example.com").await;
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    for browser in [&ann, &abe, &ben] {
        turn_on(browser).await;
    }
    let waiting = half_in(&world, "ben@example.com").await;
    let take = |user: &User| format!("/people/{}/second-factor/remove", user.id);
    let (status, _) = send(&ben, &take(&world.owner), &[]).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an analyst takes nothing");
    let (status, page) = send(&abe, &take(&world.owner), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    let (status, page) = send(&abe, &take(&abe_user), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("on the page You"), "{page}");
    let eve = eve(&world).await;
    let (status, _) = send(&eve, &take(&world.analyst), &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(ben.status("/").await, StatusCode::OK);

    let (status, _) = send(&abe, &take(&world.analyst), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(ben.status("/").await, StatusCode::SEE_OTHER, "signed out");
    let over = enter(&waiting, "000000").await;
    assert_eq!(over.status(), StatusCode::FORBIDDEN);
    Browser::signed_in(&world, "ben@example.com").await;
    assert!(
        actions(&world)
            .await
            .contains(&"user.factor_reset".to_owned())
    );
    let (status, _) = send(&abe, &take(&world.analyst), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "there is none");
}

async fn no_secret_is_readable_in_the_rows(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (app, codes) = turn_on(&ann).await;
    let platform = &world.platform;
    let (account, user) = (world.account.id, world.owner.id);
    let factor = platform.db.second_factor(account, user).await.unwrap();
    let sealed = factor.unwrap().secret;
    assert!(sealed.len() > app.secret.len());
    assert!(
        !sealed
            .windows(8)
            .any(|part| app.secret.windows(8).any(|open| open == part))
    );
    let token = ann.cookie.split_once('=').unwrap().1;
    let viewer = platform.viewer(token, now()).await.unwrap().unwrap();
    let standing = platform.own_second_factor(&viewer).await.unwrap();
    let said = format!("{standing:?}");
    assert!(matches!(
        standing,
        FactorStanding::On {
            recovery_codes: 10,
            ..
        }
    ));
    assert!(!said.contains(&codes[0]));
    let log = platform
        .audit_log(account, &AuditFilter::default(), 100)
        .await;
    let log = format!("{:?}", log.unwrap().0);
    assert!(!log.contains(&codes[0]) && !log.contains(&totp::base32(&app.secret)));
}
