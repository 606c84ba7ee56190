//! Groups by hand: members taken in, moved and taken out without a script, saved, changed and removed, with mistakes beside
//! the field and an entry in the audit log.

use std::time::Duration;

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, LanguageUse, Strategy};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    a_group_is_kept_and_shown_as_it_was_typed,
    groups_are_changed_and_removed_and_the_log_tells_of_it,
    buttons_move_members_and_save_nothing,
    mistakes_of_a_group_are_said_beside_their_fields_all_at_once,
    a_group_that_a_plan_rings_is_not_removed,
);

async fn with_targets(browser: &Browser, names: &[&str]) {
    for name in names {
        let address = format!("sip:{}@192.0.2.10", name.to_lowercase());
        let fields = [
            ("name", *name),
            ("kind", "sip"),
            ("address", address.as_str()),
        ];
        let (status, page) = send(browser, "/targets", &fields).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    }
}

/// The names of the members that the form holds, in order.
fn members(page: &str) -> Vec<&str> {
    let parts = page.split("name=\"member-").skip(1);
    let values = parts.filter_map(|part| part.split_once("value=\"")?.1.split('"').next());
    values.collect()
}

/// Adds the groups Night and Sales, of which Night takes over for Sales.
async fn with_groups(ann: &Browser) {
    assert!(ann.page("/groups").await.contains("No group yet"));
    with_targets(ann, &["Zoe", "Yan", "Xia"]).await;
    let plain = [("name", "Night"), ("take-0", "Xia"), ("do", "save")];
    let (status, page) = send(ann, "/groups", &plain).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let sales = [
        ("name", "Sales"),
        ("member-0", "Zoe"),
        ("weight-0", "3"),
        ("member-1", "Yan"),
        ("priority-1", "2"),
        ("ring_seconds", "15"),
        ("strategy", "performance"),
        ("explore", "5"),
        ("language", "require"),
        ("languages", "de, en"),
        ("concurrent", "2"),
        ("month", "500"),
        ("overflow", "Night"),
        ("do", "save"),
    ];
    let (status, page) = send(ann, "/groups", &sales).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
}

async fn a_group_is_kept_and_shown_as_it_was_typed(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    with_groups(&ann).await;
    let groups = platform.db.target_groups(account).await.unwrap();
    let [night, sales] = groups.as_slice() else {
        panic!("{groups:?}");
    };
    let rings: Vec<_> = sales
        .members
        .iter()
        .map(|member| member.ring_timeout)
        .collect();
    assert_eq!(rings, [Duration::from_secs(15); 2]);
    let profiles = platform.db.group_profiles(account).await.unwrap();
    let profile = &profiles[&sales.id];
    assert_eq!(profile.strategy, Strategy::Performance);
    assert_eq!(
        (profile.explore, profile.language),
        (5, LanguageUse::Require)
    );
    assert_eq!(profile.languages, ["de", "en"]);
    assert_eq!(
        (profile.caps.concurrent, profile.caps.month),
        (Some(2), Some(500))
    );
    assert_eq!(profile.overflow, Some(night.id));
    assert_eq!(profile.member(sales.members[0].target).weight, 3);
    assert_eq!(profile.member(sales.members[1].target).priority, 2);

    let page = ann.page("/groups").await;
    for text in [
        "Zoe, Yan",
        "Who answers most of their calls · 15 s each · de · en · at most 2 at once · at most 500 a month · then the group Night",
        "Takes over for Sales",
        "No plan rings it",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let id = sales.id;
    let form = ann.page(&format!("/groups?edit={id}")).await;
    assert_eq!(members(&form), ["Zoe", "Yan"]);
    for text in [
        "Change Sales",
        "<option value=\"performance\" selected>",
        "<option value=\"require\" selected>",
        "<option value=\"Night\" selected>",
        "value=\"de, en\"",
        "value=\"15\"",
    ] {
        assert!(form.contains(text), "{text}: {form}");
    }
}

async fn groups_are_changed_and_removed_and_the_log_tells_of_it(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    with_groups(&ann).await;
    let groups = platform.db.target_groups(account).await.unwrap();
    let (other, id) = (groups[0].id.to_string(), groups[1].id.to_string());
    let changed = [
        ("id", id.as_str()),
        ("name", "Sales"),
        ("member-0", "Yan"),
        ("member-1", "Zoe"),
        ("strategy", "sticky"),
        ("do", "save"),
    ];
    let (status, page) = send(&ann, "/groups", &changed).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let form = ann.page(&format!("/groups?edit={id}")).await;
    assert_eq!(members(&form), ["Yan", "Zoe"]);
    assert!(form.contains("<option value=\"sticky\" selected>"));
    for group in [&id, &other] {
        let (status, _) = send(&ann, &format!("/groups/{group}/remove"), &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
    }
    assert!(platform.db.target_groups(account).await.unwrap().is_empty());
    assert!(
        platform
            .db
            .group_profiles(account)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(platform.db.targets(account).await.unwrap().len(), 3);

    let (mut log, _) = platform
        .audit_log(account, &AuditFilter::default(), 100)
        .await
        .unwrap();
    log.retain(|entry| entry.object.kind == "group");
    let told: Vec<_> = log
        .iter()
        .rev()
        .map(|entry| entry.action.as_str())
        .collect();
    let expected = [
        "group.add",
        "group.add",
        "group.change",
        "group.remove",
        "group.remove",
    ];
    assert_eq!(told, expected);
    let (before, after) = (
        log[2].before.as_ref().unwrap(),
        log[2].after.as_ref().unwrap(),
    );
    assert!(before.contains("\"performance\"") && before.contains("[\"Zoe\",\"Yan\"]"));
    assert!(after.contains("\"sticky\"") && after.contains("[\"Yan\",\"Zoe\"]"));
}

async fn buttons_move_members_and_save_nothing(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    with_targets(&ann, &["Zoe", "Yan", "Xia"]).await;
    let fresh = ann.page("/groups").await;
    for name in ["Zoe", "Yan", "Xia"] {
        assert!(
            fresh.contains(&format!("value=\"{name}\"> <span")),
            "{fresh}"
        );
    }
    let ticked = [
        ("name", "Sales"),
        ("ring_seconds", "soon"),
        ("take-0", "Zoe"),
        ("take-2", "Yan"),
        ("do", "take"),
    ];
    let (status, page) = send(&ann, "/groups", &ticked).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(members(&page), ["Yan", "Zoe"]);
    assert!(page.contains("value=\"Sales\"") && page.contains("value=\"soon\""));
    assert!(
        !page.contains("<p class=\"wrong\""),
        "nothing was to be saved"
    );
    let moved = [
        ("member-0", "Yan"),
        ("weight-0", "7"),
        ("member-1", "Zoe"),
        ("do", "down-0"),
    ];
    let (_, page) = send(&ann, "/groups", &moved).await;
    assert_eq!(members(&page), ["Zoe", "Yan"]);
    assert!(page.contains("name=\"weight-1\" value=\"7\""), "{page}");
    let out = [("member-0", "Zoe"), ("member-1", "Yan"), ("do", "out-0")];
    let (_, page) = send(&ann, "/groups", &out).await;
    assert_eq!(members(&page), ["Yan"]);
    let groups = world.platform.db.target_groups(world.account.id);
    assert!(groups.await.unwrap().is_empty());
}

async fn mistakes_of_a_group_are_said_beside_their_fields_all_at_once(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    with_targets(&ann, &["Zoe"]).await;
    let (status, _) = send(&ann, "/groups", &[("name", "Night"), ("take-0", "Zoe")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let before = world
        .platform
        .db
        .target_groups(world.account.id)
        .await
        .unwrap();
    for (fields, wrong) in [
        (
            vec![
                ("name", " "),
                ("member-0", "Nobody"),
                ("weight-0", "heavy"),
                ("ring_seconds", "301"),
                ("explore", "101"),
                ("languages", "german!"),
                ("day", "many"),
                ("overflow", "Nothing"),
            ],
            vec![
                "name",
                "targets",
                "members",
                "ring_seconds",
                "explore",
                "languages",
                "caps",
                "overflow",
            ],
        ),
        (vec![("name", "Night"), ("take-0", "Zoe")], vec!["name"]),
        (
            vec![("name", "A"), ("member-0", "Zoe"), ("weight-0", "10001")],
            vec!["members"],
        ),
    ] {
        let (status, page) = send(&ann, "/groups", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        let marked: Vec<_> = page.match_indices("<p class=\"wrong\"").collect();
        assert_eq!(marked.len(), wrong.len(), "{fields:?}: {page}");
        for field in wrong {
            let marked = format!("id=\"{field}-wrong\"");
            assert!(page.contains(&marked), "{field} of {fields:?}: {page}");
        }
    }
    let groups = world.platform.db.target_groups(world.account.id).await;
    assert_eq!(groups.unwrap(), before, "nothing was changed");
}

async fn a_group_that_a_plan_rings_is_not_removed(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let before = platform.db.target_groups(account).await.unwrap();
    let plans = platform.db.plans(account).await.unwrap();
    let rung = &before[0];
    let plan = plans
        .iter()
        .find(|plan| format!("{:?}", plan.document).contains(&rung.id.to_string()))
        .unwrap();
    let (status, page) = send(&ann, &format!("/groups/{}/remove", rung.id), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let said = format!("it is used by the plan {}", plan.name);
    assert!(
        page.contains("Nothing was removed") && page.contains(&said),
        "{page}"
    );
    assert_eq!(platform.db.target_groups(account).await.unwrap(), before);
}
