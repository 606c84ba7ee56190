//! Targets by hand: added, changed, paused and removed, with mistakes beside the field and an entry in the audit log.

use reqwest::StatusCode;
use ringfence_model::AuditFilter;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::World;

on_both_engines!(
    targets_are_added_changed_paused_and_removed,
    mistakes_of_a_target_are_said_beside_the_field,
    a_target_that_a_group_rings_is_not_removed,
);

const SECRET: &str = "correct horse battery";

async fn saved(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let token = browser.form_token().await;
    let mut all = vec![("form_token", token.as_str())];
    all.extend_from_slice(fields);
    let answer = browser.post("/targets", &all).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    location(&answer)
        .split_once("#target-")
        .unwrap()
        .1
        .to_owned()
}

async fn targets_are_added_changed_paused_and_removed(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/targets").await.contains("No target yet"));
    let desk = [
        ("name", "Desk"),
        ("kind", "sip"),
        ("address", "desk@192.0.2.10"),
    ];
    let desk = saved(&ann, &desk).await;
    let phone = [
        ("name", "Cem"),
        ("kind", "phone"),
        ("phone", "cem"),
        ("password", SECRET),
        ("languages", "de, en"),
        ("hour", "9"),
    ];
    let phone = saved(&ann, &phone).await;
    let page = ann.page("/targets").await;
    for text in [
        "sip:desk@192.0.2.10",
        "phone cem",
        "de, en, at most 9 an hour",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let form = ann.page(&format!("/targets?edit={phone}")).await;
    assert!(form.contains("Change Cem") && form.contains("value=\"de, en\""));
    assert!(!form.contains(SECRET));

    // Without a password the phone keeps the one that it has.
    let platform = &world.platform;
    let account = world.account.id;
    let phones = platform.db.phones(account).await.unwrap();
    let renamed = [
        ("id", phone.as_str()),
        ("name", "Cem A"),
        ("kind", "phone"),
        ("phone", "cem"),
    ];
    assert_eq!(saved(&ann, &renamed).await, phone);
    assert_eq!(platform.db.phones(account).await.unwrap(), phones);
    assert_eq!(phones.len(), 1);

    for (verb, enabled) in [("pause", false), ("resume", true)] {
        let (status, _) = send(&ann, &format!("/targets/{desk}/{verb}"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let targets = platform.db.targets(account).await.unwrap();
        let target = targets.iter().find(|target| target.name == "Desk");
        assert_eq!(target.unwrap().enabled, enabled);
    }
    for target in [&phone, &desk] {
        let (status, _) = send(&ann, &format!("/targets/{target}/remove"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
    }
    assert!(platform.db.targets(account).await.unwrap().is_empty());
    assert!(platform.db.phones(account).await.unwrap().is_empty());

    let (mut log, _) = platform
        .audit_log(account, &AuditFilter::default(), 100)
        .await
        .unwrap();
    log.retain(|entry| entry.object.kind == "target");
    let told: Vec<_> = log
        .iter()
        .rev()
        .map(|entry| entry.action.as_str())
        .collect();
    let expected = [
        "target.add",
        "target.add",
        "target.change",
        "target.pause",
        "target.resume",
        "target.remove",
        "target.remove",
    ];
    assert_eq!(told, expected);
    assert!(
        log.iter()
            .all(|entry| entry.actor.name == "ann@example.com")
    );
    assert!(!format!("{log:?}").contains(SECRET));
    let renamed = log
        .iter()
        .find(|entry| entry.action == "target.change")
        .unwrap();
    assert!(renamed.before.as_ref().unwrap().contains("\"Cem\""));
    assert!(renamed.after.as_ref().unwrap().contains("\"Cem A\""));
}

async fn mistakes_of_a_target_are_said_beside_the_field(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let desk = [
        ("name", "Desk"),
        ("kind", "sip"),
        ("address", "sip:desk@192.0.2.10"),
    ];
    saved(&ann, &desk).await;
    for (fields, field) in [
        (vec![("name", " "), ("address", "sip:a@192.0.2.1")], "name"),
        (
            vec![("name", "Desk"), ("address", "sip:a@192.0.2.1")],
            "name",
        ),
        (vec![("name", "A"), ("address", "")], "address"),
        (
            vec![
                ("name", "A"),
                ("kind", "number"),
                ("address", "+44 20 7946 0123"),
            ],
            "trunk",
        ),
        (
            vec![
                ("name", "A"),
                ("kind", "phone"),
                ("phone", "A b"),
                ("password", SECRET),
            ],
            "phone",
        ),
        (
            vec![
                ("name", "A"),
                ("kind", "phone"),
                ("phone", "a"),
                ("password", "short"),
            ],
            "password",
        ),
        (
            vec![("name", "A"), ("kind", "phone"), ("phone", "a")],
            "password",
        ),
        (
            vec![
                ("name", "A"),
                ("address", "sip:a@192.0.2.1"),
                ("languages", "german!"),
            ],
            "languages",
        ),
        (
            vec![
                ("name", "A"),
                ("address", "sip:a@192.0.2.1"),
                ("day", "many"),
            ],
            "caps",
        ),
    ] {
        let (status, page) = send(&ann, "/targets", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let marked = format!("id=\"{field}-wrong\"");
        assert!(page.contains(&marked), "{fields:?}: {page}");
        assert!(!page.contains(SECRET));
    }
    let targets = world.platform.db.targets(world.account.id).await.unwrap();
    assert_eq!(targets.len(), 1, "nothing was changed");
}

async fn a_target_that_a_group_rings_is_not_removed(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let groups = platform.db.target_groups(account).await.unwrap();
    let member = groups[0].members[0].target;
    let before = platform.db.targets(account).await.unwrap();
    let (status, page) = send(&ann, &format!("/targets/{member}/remove"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("Nothing was removed") && page.contains(&groups[0].name));
    assert_eq!(platform.db.targets(account).await.unwrap(), before);
}
