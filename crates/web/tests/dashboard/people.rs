//! Inviting, joining, roles, disabling, and one's own sessions.

use reqwest::StatusCode;
use reqwest::header::USER_AGENT;
use ringfence_model::Role;
use ringfence_platform::accounts::people::INVITATION_LIFE;
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send, session_of};
use crate::world::{PASSWORD, World};

on_both_engines!(
    somebody_is_invited_joins_is_given_a_role_and_loses_it,
    an_invitation_works_once_and_ends,
    an_admin_manages_everybody_but_owners,
    the_last_owner_cannot_be_removed,
    a_browser_is_signed_out_from_another_one,
    a_new_password_signs_out_everywhere_else,
    an_agent_sees_calls_and_nothing_else,
);

/// The path of the link that an invitation shows once.
async fn invited(browser: &Browser, email: &str, role: &str) -> String {
    let fields = [("email", email), ("role", role)];
    let (status, page) = send(browser, "/people/invitations", &fields).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let (_, rest) = page.split_once("/invitation?token=").unwrap();
    let token = rest.split_once('<').unwrap().0;
    assert!(!browser.page("/people").await.contains(token));
    format!("/invitation?token={token}")
}

async fn join(browser: &mut Browser, link: &str, name: &str) {
    let token = link.split_once('=').unwrap().1;
    let fields = [("token", token), ("name", name), ("password", PASSWORD)];
    let answer = browser.post("/invitation", &fields).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    browser.cookie = session_of(&answer);
}

async fn user_id(world: &World, email: &str) -> String {
    let user = world.platform.db.user_by_email(email).await.unwrap();
    user.unwrap().id.to_string()
}

async fn somebody_is_invited_joins_is_given_a_role_and_loses_it(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let link = invited(&ann, "Cem@Example.com", "analyst").await;
    assert!(ann.page("/people").await.contains("cem@example.com"));

    let mut cem = Browser::new(&world);
    let page = cem.page(&link).await;
    assert!(page.contains("Join Harbour Dental") && page.contains("cem@example.com"));
    let token = link.split_once('=').unwrap().1;
    let short = [("token", token), ("name", ""), ("password", "short")];
    let answer = cem.post("/invitation", &short).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("name-wrong"));
    join(&mut cem, &link, "Cem Aydin").await;
    assert!(cem.page("/").await.contains("Cem Aydin"));
    assert!(cem.page("/people").await.contains("Ann Porter"));
    assert!(!cem.page("/people").await.contains("Make the link"));
    let (status, _) = send(&cem, "/sites", &[("name", "Mine")]).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    let id = user_id(&world, "cem@example.com").await;
    let role = format!("/people/{id}/role");
    let (status, _) = send(&ann, &role, &[("role", "admin")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = send(&cem, "/sites", &[("name", "Mine")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "the next request counts");

    let (status, _) = send(&ann, &format!("/people/{id}/disable"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(cem.status("/").await, StatusCode::SEE_OTHER, "signed out");
    let answer = cem.sign_in("cem@example.com", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(answer.text().await.unwrap().contains("disabled"));
    assert!(ann.page("/people").await.contains("Disabled"));
    let (status, _) = send(&ann, &format!("/people/{id}/enable"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    Browser::signed_in(&world, "cem@example.com").await;
}

async fn an_invitation_works_once_and_ends(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let link = invited(&ann, "cem@example.com", "agent").await;
    let again = [("email", "cem@example.com"), ("role", "agent")];
    let (status, page) = send(&ann, "/people/invitations", &again).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"email-wrong\""));
    let mut cem = Browser::new(&world);
    join(&mut cem, &link, "Cem").await;
    assert_eq!(cem.status(&link).await, StatusCode::FORBIDDEN);
    for other in ["/invitation?token=x", &format!("{link}x")] {
        assert_eq!(cem.status(other).await, StatusCode::FORBIDDEN);
    }

    let link = invited(&ann, "dee@example.com", "agent").await;
    let platform = &world.platform;
    let waiting = platform.invitations(world.account.id, now()).await.unwrap();
    let withdraw = format!("/people/invitations/{}/withdraw", waiting[0].id);
    assert_eq!(send(&ann, &withdraw, &[]).await.0, StatusCode::SEE_OTHER);
    assert_eq!(cem.status(&link).await, StatusCode::FORBIDDEN);

    let link = invited(&ann, "eli@example.com", "agent").await;
    let token = link.split_once('=').unwrap().1;
    let late = now() + INVITATION_LIFE;
    let accepted = platform.accept_invitation(token, "Eli", PASSWORD, "", late);
    assert!(accepted.await.is_err());
    let wrong = [("email", "nobody"), ("role", "agent")];
    let (status, page) = send(&ann, "/people/invitations", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("value=\"nobody\""));
}

async fn an_admin_manages_everybody_but_owners(engine: Engine) {
    let world = World::empty(engine).await;
    let account = world.account.id;
    let admin = world.platform.add_user(
        account,
        "abe@example.com",
        "Abe",
        Role::Admin,
        PASSWORD,
        now(),
    );
    let admin = admin.await.unwrap().id.to_string();
    let abe = Browser::signed_in(&world, "abe@example.com").await;
    let ann = world.owner.id.to_string();
    for (path, fields) in [
        (format!("/people/{ann}/role"), vec![("role", "agent")]),
        (format!("/people/{ann}/disable"), vec![]),
        (format!("/people/{admin}/role"), vec![("role", "owner")]),
        (
            "/people/invitations".to_owned(),
            vec![("email", "cem@example.com"), ("role", "owner")],
        ),
    ] {
        let (status, _) = send(&abe, &path, &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    let ben = world.analyst.id.to_string();
    let (status, _) = send(&abe, &format!("/people/{ben}/role"), &[("role", "admin")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let users = world.platform.people(account).await.unwrap();
    let role = |name: &str| users.iter().find(|user| user.name == name).unwrap().role;
    assert_eq!(role("Ann Porter"), Role::Owner);
    assert_eq!(role("Abe"), Role::Admin);
    assert_eq!(role("Ben Reed"), Role::Admin);
}

async fn the_last_owner_cannot_be_removed(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let id = world.owner.id.to_string();
    let (status, page) = send(&ann, &format!("/people/{id}/role"), &[("role", "admin")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("another owner"), "{page}");
    let (status, _) = send(&ann, &format!("/people/{id}/disable"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let ben = world.analyst.id.to_string();
    let (status, _) = send(&ann, &format!("/people/{ben}/role"), &[("role", "owner")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = send(&ann, &format!("/people/{id}/role"), &[("role", "agent")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(ann.status("/people").await, StatusCode::FORBIDDEN);
}

async fn a_browser_is_signed_out_from_another_one(engine: Engine) {
    let world = World::empty(engine).await;
    let here = Browser::signed_in(&world, "ann@example.com").await;
    let mut phone = Browser::new(&world);
    let answer = phone
        .post(
            "/sign-in",
            &[("email", "ann@example.com"), ("password", PASSWORD)],
        )
        .header(USER_AGENT, "Mozilla/5.0 (Android 16) Firefox/140.0")
        .send()
        .await
        .unwrap();
    phone.cookie = session_of(&answer);
    let tablet = Browser::signed_in(&world, "ann@example.com").await;
    let page = here.page("/you").await;
    assert!(page.contains("Firefox on Android") && page.contains("This device"));
    let ben = Browser::signed_in(&world, "ben@example.com").await;

    let sessions = world
        .platform
        .db
        .sessions(world.account.id, world.owner.id, now());
    let sessions = sessions.await.unwrap();
    let phones = sessions
        .iter()
        .find(|session| session.browser.contains("Android"));
    let end = format!("/you/sessions/{}/end", phones.unwrap().id);
    assert_eq!(send(&ben, &end, &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(phone.status("/").await, StatusCode::OK);
    assert_eq!(send(&here, &end, &[]).await.0, StatusCode::SEE_OTHER);
    assert_eq!(phone.status("/").await, StatusCode::SEE_OTHER);
    assert_eq!(tablet.status("/").await, StatusCode::OK);
    let others = send(&here, "/you/sessions/end-others", &[]).await;
    assert_eq!(others.0, StatusCode::SEE_OTHER);
    assert_eq!(tablet.status("/").await, StatusCode::SEE_OTHER);
    assert_eq!(here.status("/").await, StatusCode::OK);
    assert_eq!(ben.status("/").await, StatusCode::OK);
}

async fn a_new_password_signs_out_everywhere_else(engine: Engine) {
    let world = World::empty(engine).await;
    let here = Browser::signed_in(&world, "ann@example.com").await;
    let other = Browser::signed_in(&world, "ann@example.com").await;
    let new = "a longer horse battery";
    let wrong = [("present", "not this one"), ("new", new)];
    let (status, page) = send(&here, "/you/password", &wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"present-wrong\"") && !page.contains("not this one"));
    let short = [("present", PASSWORD), ("new", "short")];
    let (status, page) = send(&here, "/you/password", &short).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"new-wrong\""));
    assert_eq!(other.status("/").await, StatusCode::OK);
    let right = [("present", PASSWORD), ("new", new)];
    let (status, _) = send(&here, "/you/password", &right).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(here.status("/").await, StatusCode::OK);
    assert_eq!(other.status("/").await, StatusCode::SEE_OTHER);
    let old = other.sign_in("ann@example.com", PASSWORD).await;
    assert_eq!(old.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = other.sign_in("ann@example.com", new).await;
    assert_eq!(location(&answer), "/");
}

async fn an_agent_sees_calls_and_nothing_else(engine: Engine) {
    let world = World::full(engine).await;
    let account = world.account.id;
    let agent = world.platform.add_user(
        account,
        "gil@example.com",
        "Gil",
        Role::Agent,
        PASSWORD,
        now(),
    );
    agent.await.unwrap();
    let gil = Browser::signed_in(&world, "gil@example.com").await;
    let page = gil.page("/calls").await;
    assert!(page.contains("href=\"/live\"") && !page.contains("href=\"/sites\""));
    for (path, status) in [
        ("/", StatusCode::OK),
        ("/live", StatusCode::OK),
        ("/you", StatusCode::OK),
        ("/calls.csv", StatusCode::FORBIDDEN),
        ("/numbers", StatusCode::FORBIDDEN),
        ("/pools", StatusCode::FORBIDDEN),
        ("/sites", StatusCode::FORBIDDEN),
        ("/people", StatusCode::FORBIDDEN),
        ("/cases", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(gil.status(path).await, status, "{path}");
    }
}
