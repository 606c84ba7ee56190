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
    opening_hours_are_set_shown_and_taken_away,
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

async fn opening_hours_are_set_shown_and_taken_away(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let desk = [("name", "Desk"), ("address", "sip:desk@192.0.2.10")];
    let page = ann.page("/targets").await;
    assert!(
        page.contains("value=\"Europe/London\""),
        "the account's zone is offered"
    );
    let mut hours = desk.to_vec();
    hours.extend([
        ("takes", "hours"),
        ("zone", "Europe/London"),
        ("mon", "09:00-12:00, 13:00-17:30"),
        ("holidays", "2026-12-25"),
        ("exceptions", "2000-12-24 09:00-12:00\n2000-12-31"),
    ]);
    let id = saved(&ann, &hours).await;
    let kept = async || {
        let profiles = platform.db.target_profiles(account).await.unwrap();
        profiles[&id.parse().unwrap()].hours.clone()
    };
    let first = kept().await.unwrap();
    assert_eq!(first.week.mon.len(), 2);
    assert_eq!((first.holidays.len(), first.exceptions.len()), (1, 2));
    let form = ann.page(&format!("/targets?edit={id}")).await;
    assert!(
        form.contains("value=\"09:00-12:00, 13:00-17:30\""),
        "{form}"
    );
    assert!(
        form.contains("2000-12-24 09:00-12:00\n2000-12-31</textarea>"),
        "{form}"
    );

    // One day a week at most is open, and never for a whole minute of it: closed, and why.
    let mut closed = desk.to_vec();
    closed.extend([
        ("id", id.as_str()),
        ("takes", "hours"),
        ("zone", "UTC"),
        ("exceptions", "2000-01-01 00:00-00:01"),
    ]);
    saved(&ann, &closed).await;
    let page = ann.page("/targets").await;
    assert!(
        page.contains("Closed now") && page.contains("is a day without hours"),
        "{page}"
    );

    for (field, value) in [
        ("zone", "Mars/Base"),
        ("mon", "9-17"),
        ("tue", "17:00-09:00"),
        ("exceptions", "tomorrow"),
        ("takes", "always"),
    ] {
        let mut fields = closed.clone();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let (status, page) = send(&ann, "/targets", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        assert!(
            page.contains("id=\"hours-wrong\""),
            "{field} {value}: {page}"
        );
    }
    let mut always = desk.to_vec();
    always.extend([("id", id.as_str()), ("takes", "always"), ("zone", "UTC")]);
    saved(&ann, &always).await;
    assert_eq!(kept().await, None);
    let filter = AuditFilter {
        object: Some(id.parse::<ringfence_model::TargetId>().unwrap().0),
        ..AuditFilter::default()
    };
    let (log, _) = platform.audit_log(account, &filter, 10).await.unwrap();
    assert!(log[0].before.as_ref().unwrap().contains("2000-01-01"));
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
