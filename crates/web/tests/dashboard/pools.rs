//! Pools by hand: added, changed and removed, with mistakes beside the field and an entry in the audit log.

use std::time::Duration;

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, Pool, PoolId};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::World;

on_both_engines!(
    pools_are_added_changed_and_removed,
    mistakes_of_a_pool_are_said_beside_the_field,
    a_pool_that_something_belongs_to_is_not_removed,
);

async fn pools(world: &World) -> Vec<Pool> {
    world.platform.pools(world.account.id).await.unwrap()
}

async fn saved(browser: &Browser, fields: &[(&str, &str)]) -> String {
    let token = browser.token_on("/you").await;
    let mut all = vec![("form_token", token.as_str())];
    all.extend_from_slice(fields);
    let answer = browser.post("/pools", &all).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let id = location(&answer).split_once("#pool-").unwrap().1;
    id.to_owned()
}

async fn pools_are_added_changed_and_removed(engine: Engine) {
    let world = World::empty(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    assert!(ann.page("/pools").await.contains("No pools yet"));
    let sent = [
        ("lines", "020 7946 0999, Overflow"),
        ("country", "GB"),
        ("pool", "none"),
        ("plan", "none"),
    ];
    let (status, _) = send(&ann, "/numbers", &sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let number = world
        .platform
        .own_numbers(world.account.id)
        .await
        .unwrap()
        .remove(0);
    let web = [
        ("name", " Web "),
        ("hold_minutes", "45"),
        ("quarantine_days", "0"),
        ("overflow", "+442079460999"),
    ];
    let id = saved(&ann, &web).await;
    let expected = Pool {
        id: id.parse().unwrap(),
        account: world.account.id,
        name: "Web".into(),
        hold: Duration::from_mins(45),
        overflow: Some(number.id),
        quarantine: Duration::ZERO,
    };
    assert_eq!(pools(&world).await, [expected]);
    let form = ann.page(&format!("/pools?edit={id}")).await;
    assert!(form.contains("Change Web") && form.contains("value=\"45\""));
    assert!(form.contains("value=\"+442079460999\" selected"), "{form}");

    let changed = [
        ("id", id.as_str()),
        ("name", "Web visitors"),
        ("hold_minutes", "30"),
        ("quarantine_days", "7"),
        ("overflow", ""),
    ];
    assert_eq!(saved(&ann, &changed).await, id);
    // The same once more changes nothing, and leaves no entry.
    assert_eq!(saved(&ann, &changed).await, id);
    let after = pools(&world).await.remove(0);
    assert_eq!(
        (after.name.as_str(), after.overflow, after.quarantine),
        ("Web visitors", None, Duration::from_hours(7 * 24))
    );
    let (status, _) = send(&ann, &format!("/pools/{id}/remove"), &[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(pools(&world).await.is_empty());

    let (mut log, _) = world
        .platform
        .audit_log(world.account.id, &AuditFilter::default(), 100)
        .await
        .unwrap();
    log.retain(|entry| entry.object.kind == "pool");
    log.reverse();
    let told: Vec<_> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(told, ["pool.add", "pool.change", "pool.remove"]);
    let before = log[1].before.as_deref().unwrap();
    assert!(
        before.contains("\"hold_minutes\":45") && before.contains("+442079460999"),
        "{before}"
    );
    assert!(log[1].after.as_deref().unwrap().contains("Web visitors"));
}

async fn mistakes_of_a_pool_are_said_beside_the_field(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let before = pools(&world).await;
    let taken = before[0].name.as_str();
    for (field, value) in [
        ("name", " "),
        ("name", taken),
        ("hold_minutes", "0"),
        ("hold_minutes", "soon"),
        ("quarantine_days", "731"),
        // It is in a pool; it is another account's.
        ("overflow", "+442079460100"),
        ("overflow", "+12125550110"),
    ] {
        let mut fields = vec![
            ("name", "Other"),
            ("hold_minutes", "30"),
            ("quarantine_days", "30"),
        ];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let (status, page) = send(&ann, "/pools", &fields).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        assert!(
            page.contains(&format!("id=\"{field}-wrong\"")),
            "{field} {value}: {page}"
        );
    }
    assert_eq!(pools(&world).await, before, "nothing was changed");
    let theirs = world.platform.pools(world.stranger.id).await.unwrap();
    let id = theirs[0].id.to_string();
    let sent = [
        ("id", id.as_str()),
        ("name", "Mine"),
        ("hold_minutes", "30"),
        ("quarantine_days", "30"),
    ];
    let (status, _) = send(&ann, "/pools", &sent).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

async fn a_pool_that_something_belongs_to_is_not_removed(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let before = pools(&world).await;
    let pool: PoolId = before[0].id;
    let (status, page) = send(&ann, &format!("/pools/{pool}/remove"), &[]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains(
            "Nothing was removed: it is used by 10 numbers, the site &#34;Main site&#34;"
        ),
        "{page}"
    );
    assert_eq!(pools(&world).await, before);
}
