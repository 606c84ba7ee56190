//! Numbers by hand: added by their lines, changed one by one or several at once, and removed.

use reqwest::StatusCode;
use ringfence_model::{AuditEntry, AuditFilter, NumberState, TrackingNumber};
use ringfence_platform::now;
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, location, send};
use crate::world::World;

on_both_engines!(
    numbers_are_added_all_of_them_or_none,
    several_numbers_are_changed_at_once_and_one_that_leaves_its_pool_rests,
    a_number_is_changed_on_its_own_page_and_mistakes_are_said_beside_the_field,
    a_number_is_removed_after_it_was_said_what_would_break,
    what_another_account_has_is_neither_changed_nor_named,
);

/// The answer to a form, whose redirect leads to `done`.
async fn done(browser: &Browser, path: &str, fields: &[(&str, &str)], done: &str) {
    let token = browser.token_on("/you").await;
    let mut all = vec![("form_token", token.as_str())];
    all.extend_from_slice(fields);
    let answer = browser.post(path, &all).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path} {fields:?}");
    let told = format!("done={done}");
    assert!(location(&answer).contains(&told), "{}", location(&answer));
}

async fn numbers(world: &World) -> Vec<TrackingNumber> {
    world.platform.db.numbers(world.account.id).await.unwrap()
}

/// What the audit log tells of numbers, the oldest first.
async fn told(world: &World) -> Vec<AuditEntry> {
    let (mut log, _) = world
        .platform
        .audit_log(world.account.id, &AuditFilter::default(), 100)
        .await
        .unwrap();
    log.retain(|entry| entry.object.kind == "number");
    log.reverse();
    log
}

async fn numbers_are_added_all_of_them_or_none(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let before = numbers(&world).await;
    let lines = "020 7946 0900, Spring leaflet\r\nhello\r\n\r\n020 7946 0100\r\n+44 20 7946 0900\r\n+12125550100";
    let sent = [
        ("lines", lines),
        ("country", "gb"),
        ("pool", "none"),
        ("plan", "none"),
    ];
    let (status, page) = send(&ann, "/numbers", &sent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for wrong in [
        "Line 2: expected a phone number such as +442079460123, got &#34;hello&#34;",
        "Line 4: +442079460100 belongs to this account already",
        "Line 5: +442079460900 stands in line 1 already",
        "Line 6: +12125550100 belongs to another account already",
    ] {
        assert!(page.contains(wrong), "{wrong}: {page}");
    }
    assert!(page.contains("Nothing was added") && page.contains("Spring leaflet"));
    assert_eq!(numbers(&world).await, before);
    for (sent, field) in [
        (
            [("lines", ""), ("country", "GB"), ("pool", "none")],
            "lines",
        ),
        (
            [
                ("lines", "020 7946 0900"),
                ("country", "Britain"),
                ("pool", "none"),
            ],
            "country",
        ),
        (
            [
                ("lines", "020 7946 0900"),
                ("country", "ZZ"),
                ("pool", "none"),
            ],
            "country",
        ),
    ] {
        let (status, page) = send(&ann, "/numbers", &sent).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{sent:?}");
        assert!(
            page.contains(&format!("id=\"{field}-wrong\"")),
            "{sent:?}: {page}"
        );
    }
    assert!(told(&world).await.is_empty());

    let pools = world.platform.pools(world.account.id).await.unwrap();
    let plans = world.platform.plan_names(world.account.id).await.unwrap();
    let (pool, plan) = (pools[0].id.to_string(), plans[0].0.to_string());
    let lines = "020 7946 0900, Spring leaflet\n+44 20 7946 0901\n(0)20 7946 0902\tVan";
    let sent = [
        ("lines", lines),
        ("country", "GB"),
        ("pool", pool.as_str()),
        ("plan", plan.as_str()),
    ];
    done(&ann, "/numbers", &sent, "added").await;
    let added: Vec<_> = numbers(&world)
        .await
        .into_iter()
        .filter(|number| before.iter().all(|old| old.id != number.id))
        .collect();
    let labels: Vec<_> = added.iter().map(|number| number.label.as_str()).collect();
    assert_eq!(labels, ["Spring leaflet", "+44 20 7946 0901", "Van"]);
    for number in &added {
        assert_eq!(number.state, NumberState::Assigned);
        assert_eq!(
            (number.pool, number.plan),
            (Some(pools[0].id), Some(plans[0].0))
        );
    }
    let log = told(&world).await;
    assert_eq!(log.len(), 3, "an entry for each number");
    assert!(
        log.iter()
            .all(|entry| entry.action == "number.add" && entry.actor.name == "ann@example.com")
    );
    assert!(log[0].after.as_ref().unwrap().contains("Web site visitors"));
}

async fn several_numbers_are_changed_at_once_and_one_that_leaves_its_pool_rests(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let before = numbers(&world).await;
    let page = ann.page("/numbers").await;
    assert!(page.contains("name=\"tick-") && page.contains("Change those that are ticked"));
    let (inside, outside) = (&before[0], &before[10]);
    assert!(inside.pool.is_some() && outside.pool.is_none());
    let ticks = [
        format!("tick-{}", inside.id),
        format!("tick-{}", outside.id),
    ];
    let (one, two) = (ticks[0].as_str(), ticks[1].as_str());
    for nothing in [
        vec![("pool", "none")],
        vec![(one, "on"), ("pool", ""), ("plan", "")],
    ] {
        let (status, page) = send(&ann, "/numbers/change", &nothing).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("Nothing was changed"), "{page}");
    }
    let sent = [(one, "on"), (two, "on"), ("pool", "none"), ("plan", "none")];
    done(&ann, "/numbers/change", &sent, "rests").await;
    let after = numbers(&world).await;
    assert_eq!(
        (after[0].state, after[0].pool, after[0].plan),
        (NumberState::Quarantined, None, None)
    );
    assert_eq!(
        (after[10].state, after[10].plan),
        (NumberState::Available, None)
    );
    assert_eq!(after[1..10], before[1..10]);
    let life = world
        .platform
        .number_life(world.account.id, inside.id, now())
        .await;
    let life = life.unwrap().unwrap();
    assert!(life.until.is_some());
    assert!(
        life.changes[0].change.why.contains("left the pool"),
        "{life:?}"
    );
    let log = told(&world).await;
    assert_eq!(log.len(), 2);
    let of_inside = log
        .iter()
        .find(|entry| entry.object.id == inside.id.0)
        .unwrap();
    assert!(of_inside.before.as_ref().unwrap().contains("\"assigned\""));
    assert!(
        of_inside
            .after
            .as_ref()
            .unwrap()
            .contains("\"quarantined\"")
    );

    // Given back to its pool it is in use at once; the whole list is changed by its filter.
    let pool = inside.pool.unwrap().to_string();
    done(
        &ann,
        &format!("/numbers/{}", inside.id),
        &[("label", "Back"), ("pool", &pool), ("plan", "none")],
        "changed",
    )
    .await;
    assert_eq!(numbers(&world).await[0].state, NumberState::Assigned);
    let plan = before[1].plan.unwrap().to_string();
    let whole = [
        ("all", "on"),
        ("state", "assigned"),
        ("q", ""),
        ("pool", ""),
        ("plan", plan.as_str()),
    ];
    done(&ann, "/numbers/change", &whole, "changed").await;
    let after = numbers(&world).await;
    assert_eq!(after[0].plan, before[1].plan);
    assert_eq!(after[10].plan, None, "it was not on the list");
}

async fn a_number_is_changed_on_its_own_page_and_mistakes_are_said_beside_the_field(
    engine: Engine,
) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let before = numbers(&world).await;
    let path = format!("/numbers/{}", before[0].id);
    let pool = before[0].pool.unwrap().to_string();
    let plan = before[0].plan.unwrap().to_string();
    let sent = [
        ("label", "Autumn leaflet"),
        ("pool", &pool),
        ("plan", &plan),
    ];
    done(&ann, &path, &sent, "changed").await;
    let after = numbers(&world).await;
    assert_eq!(
        after[0],
        TrackingNumber {
            label: "Autumn leaflet".into(),
            ..before[0].clone()
        }
    );
    done(&ann, &path, &sent, "same").await;
    assert_eq!(
        told(&world).await.len(),
        1,
        "what changes nothing leaves no entry"
    );

    let long = "a".repeat(101);
    let (status, page) = send(&ann, &path, &[("label", &long), ("pool", &pool)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("id=\"label-wrong\"") && page.contains(&long));

    // What a pool shows when it is full belongs to none.
    let spare = &before[10];
    let mut full = platform.pools(account).await.unwrap().remove(0);
    full.overflow = Some(spare.id);
    platform.db.update_pool(&full).await.unwrap();
    let (status, page) = send(&ann, &format!("/numbers/{}", spare.id), &[("pool", &pool)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("id=\"pool-wrong\"") && page.contains("is full"),
        "{page}"
    );
    assert_eq!(numbers(&world).await, after);
}

async fn a_number_is_removed_after_it_was_said_what_would_break(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, account) = (&world.platform, world.account.id);
    let call = platform
        .db
        .call(account, world.call.unwrap())
        .await
        .unwrap()
        .unwrap();
    let before = numbers(&world).await;
    let mut pool = platform.pools(account).await.unwrap().remove(0);
    let spare = &before[10];
    pool.overflow = Some(spare.id);
    platform.db.update_pool(&pool).await.unwrap();
    let page = ann.page(&format!("/numbers/{}", spare.id)).await;
    assert!(
        page.contains("shows it when all its other numbers are taken"),
        "{page}"
    );
    let page = ann.page(&format!("/numbers/{}", call.number)).await;
    assert!(
        page.contains("in the last 30 days: whoever calls it again"),
        "{page}"
    );

    for number in [call.number, spare.id] {
        done(&ann, &format!("/numbers/{number}/remove"), &[], "removed").await;
        let number = platform.db.number(account, number).await.unwrap().unwrap();
        assert_eq!(
            (number.state, number.pool, number.plan),
            (NumberState::Released, None, None)
        );
        assert_eq!(
            platform.db.number_by_e164(&number.e164).await.unwrap(),
            None
        );
        let page = ann.page(&format!("/numbers/{}", number.id)).await;
        assert!(page.contains("removed from the account") && !page.contains("Remove it for good"));
        let (status, _) = send(&ann, &format!("/numbers/{}/remove", number.id), &[]).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert_eq!(platform.pools(account).await.unwrap()[0].overflow, None);
    let again = platform.db.call(account, call.id).await.unwrap().unwrap();
    assert_eq!(again, call, "the history of calls stays");
    assert!(
        ann.page(&format!("/calls/{}", call.id))
            .await
            .contains("7946 0")
    );
    let log = told(&world).await;
    assert!(
        log.iter()
            .all(|entry| entry.action == "number.remove" && entry.after.is_none())
    );
    assert_eq!(log.len(), 2);

    // It may come back as a new one.
    let lines = call.dialled.as_str();
    done(
        &ann,
        "/numbers",
        &[
            ("lines", lines),
            ("country", "GB"),
            ("pool", "none"),
            ("plan", "none"),
        ],
        "added",
    )
    .await;
}

async fn what_another_account_has_is_neither_changed_nor_named(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let (platform, stranger) = (&world.platform, world.stranger.id);
    let theirs = platform.db.numbers(stranger).await.unwrap();
    let (pool, plan) = (
        theirs[0].pool.unwrap().to_string(),
        theirs[0].plan.unwrap().to_string(),
    );
    let tick = format!("tick-{}", theirs[0].id);
    let (status, _) = send(&ann, "/numbers/change", &[(&tick, "on"), ("pool", "none")]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let own = numbers(&world).await;
    let path = format!("/numbers/{}", own[0].id);
    for (field, id) in [("pool", &pool), ("plan", &plan)] {
        let (status, page) = send(&ann, &path, &[(field, id)]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{page}");
        let sent = [("lines", "020 7946 0900"), ("country", "GB"), (field, id)];
        let (status, _) = send(&ann, "/numbers", &sent).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(numbers(&world).await, own);
    assert_eq!(platform.db.numbers(stranger).await.unwrap(), theirs);
}
