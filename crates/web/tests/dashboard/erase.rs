//! Erasing a caller in the dashboard: the page says what will go, asks once, and the call's page says that it is gone.

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, Role};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::{PASSWORD, World};

on_both_engines!(
    a_caller_is_erased_from_a_calls_page,
    a_visitor_is_erased_from_the_page_of_their_call,
    who_may_not_change_things_is_not_offered_to_erase,
);

async fn a_caller_is_erased_from_a_calls_page(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (account, id) = (world.account.id, world.call.unwrap());
    let before = world.platform.db.call(account, id).await.unwrap().unwrap();
    let number = before.caller.unwrap();
    let recording = world.platform.recording(account, id).await.unwrap();
    let file = world.platform.recording_path(&recording.unwrap()).unwrap();
    assert!(file.exists());
    let path = format!("/calls/{id}");
    let page = ann.page(&path).await;
    assert!(page.contains(&format!("href=\"{path}/erase\"")), "{page}");
    let question = ann.page(&format!("{path}/erase")).await;
    assert!(question.contains("1 recording"), "{question}");
    assert!(question.contains("Erase for good"), "{question}");

    let answer = ann.post(&format!("{path}/erase"), &[]).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::FORBIDDEN, "no token");
    assert!(file.exists());
    let token = ann.form_token().await;
    let fields = [("form_token", token.as_str())];
    let answer = ann.post(&format!("{path}/erase"), &fields).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&answer), path);
    assert!(!file.exists());

    let page = ann.page(&path).await;
    assert!(page.contains("erased on request"), "{page}");
    assert!(
        page.contains("The recording was erased on request"),
        "{page}"
    );
    assert!(!page.contains("<audio"), "{page}");
    assert!(!page.contains(&format!("{path}/erase")), "{page}");
    for gone in ["recording.wav", "waveform.json"] {
        let status = ann.status(&format!("{path}/{gone}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{gone}");
    }
    let question = ann.page(&format!("{path}/erase")).await;
    assert!(question.contains("Nothing is left to erase"), "{question}");

    // The entry is there, and the number is not.
    let filter = AuditFilter {
        action: Some("person.erase".into()),
        ..AuditFilter::default()
    };
    let (entries, _) = world
        .platform
        .audit_log(account, &filter, 10)
        .await
        .unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].actor.name, "ann@example.com");
    assert!(!format!("{entries:?}").contains(&number.as_str()[1..]));
    // Who has the number finds it again.
    let whose = ringfence_platform::erasure::Whose::Caller(number);
    let object = world.platform.erasure_object(account, &whose);
    assert_eq!(entries[0].object, object);
    let theirs = world.platform.erasure_object(world.stranger.id, &whose);
    assert_ne!(theirs.id, object.id, "each account's are its own");
}

async fn a_visitor_is_erased_from_the_page_of_their_call(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (account, id) = (world.account.id, world.call.unwrap());
    let call = world.platform.db.call(account, id).await.unwrap().unwrap();
    let path = format!("/visits/{}/erase", call.visit.unwrap());
    let page = ann.page(&format!("/calls/{id}")).await;
    assert!(page.contains(&format!("href=\"{path}\"")), "{page}");
    let question = ann.page(&path).await;
    for part in ["1 call", "1 recording", "1 visit"] {
        assert!(question.contains(part), "{part}: {question}");
    }
    let (status, _) = send(&ann, &path, &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(ann.page(&path).await.contains("Nothing is left to erase"));
    let visit = world.platform.db.visit(account, call.visit.unwrap()).await;
    assert_eq!(visit.unwrap().unwrap().landing_page, "");
    let call = world.platform.db.call(account, id).await.unwrap().unwrap();
    assert_eq!((call.caller, call.visit), (None, None));
}

async fn who_may_not_change_things_is_not_offered_to_erase(engine: Engine) {
    let world = World::full(engine).await;
    let id = world.call.unwrap();
    for (email, role) in [
        ("analyst@example.com", Role::Analyst),
        ("agent@example.com", Role::Agent),
    ] {
        let account = world.account.id;
        let user = world
            .platform
            .add_user(account, email, email, role, PASSWORD, now());
        user.await.unwrap();
        let reader = Browser::signed_in(&world, email).await;
        let page = reader.page(&format!("/calls/{id}")).await;
        assert!(!page.contains("/erase"), "{page}");
        let question = reader.page(&format!("/calls/{id}/erase")).await;
        assert!(!question.contains("Erase for good"), "{question}");
        let (status, _) = send(&reader, &format!("/calls/{id}/erase"), &[]).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
}
