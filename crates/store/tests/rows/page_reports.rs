//! What the tag found on pages, and what pages told of visits.

use std::collections::BTreeMap;

use ringfence_model::{PageReport, TargetSeen, VisitEvent, VisitEventId, VisitEventKind};
use ringfence_store::StoreError;
use serde_json::json;

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_page_has_one_report_the_last
    the_last_pages_of_a_site_are_kept
    what_a_page_tells_of_its_visit_is_kept_in_order
    so_much_is_kept_of_a_visit
    another_account_finds_nothing_and_adds_nothing
}

fn report(tenant: &Tenant, page: &str, second: u64, found: bool) -> PageReport {
    let seen = |target: &str, found| TargetSeen {
        target: target.into(),
        found,
    };
    PageReport {
        account: tenant.account,
        site: tenant.site.id,
        page: page.into(),
        at: at(second),
        targets: vec![
            seen("+44 20 7946 0000", found),
            seen("+44 1632 960000", true),
        ],
    }
}

fn event(
    world: &World,
    tenant: &Tenant,
    visit: &ringfence_model::Visit,
    second: u64,
) -> VisitEvent {
    VisitEvent {
        id: VisitEventId::new(at(second), world.draw()),
        account: tenant.account,
        visit: visit.id,
        at: at(second),
        kind: VisitEventKind::Event,
        name: Some("quote".into()),
        data: BTreeMap::from([("amount".into(), json!(95))]),
    }
}

async fn a_page_has_one_report_the_last(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let (account, site) = (tenant.account, tenant.site.id);
    assert_eq!(db.page_reports(account, site, 9).await.unwrap(), []);
    let before = report(&tenant, "shop.test/", 10, false);
    let other = report(&tenant, "shop.test/prices", 20, true);
    let last = report(&tenant, "shop.test/", 30, true);
    for report in [&before, &other, &last] {
        db.put_page_report(report).await.unwrap();
    }
    assert_eq!((before.found(), last.found()), (1, 2));
    let kept = db.page_reports(account, site, 9).await.unwrap();
    assert_eq!(kept, [last.clone(), other]);
    assert_eq!(db.page_reports(account, site, 1).await.unwrap(), [last]);
}

async fn the_last_pages_of_a_site_are_kept(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for page in 0..205 {
        let report = report(&tenant, &format!("shop.test/{page}"), page, true);
        db.put_page_report(&report).await.unwrap();
    }
    let kept = db
        .page_reports(tenant.account, tenant.site.id, 999)
        .await
        .unwrap();
    assert_eq!(kept.len(), 200);
    assert_eq!(kept[0].page, "shop.test/204");
    assert_eq!(kept[199].page, "shop.test/5");
}

async fn what_a_page_tells_of_its_visit_is_kept_in_order(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let visit = world.visit(&tenant, at(1));
    world.write_visit(&visit).await;
    let first = event(&world, &tenant, &visit, 3);
    let words = VisitEvent {
        kind: VisitEventKind::Tag,
        name: None,
        data: BTreeMap::from([("plan".into(), json!("gold"))]),
        ..event(&world, &tenant, &visit, 2)
    };
    assert!(db.add_visit_event(&first).await.unwrap());
    assert!(db.add_visit_event(&words).await.unwrap());
    let kept = db.visit_events(tenant.account, visit.id).await.unwrap();
    assert_eq!(kept, [words, first]);
}

async fn so_much_is_kept_of_a_visit(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let visit = world.visit(&tenant, at(1));
    world.write_visit(&visit).await;
    for second in 0..52 {
        let kept = db
            .add_visit_event(&event(&world, &tenant, &visit, second))
            .await
            .unwrap();
        assert_eq!(kept, second < 50, "piece {second}");
    }
    let kept = db.visit_events(tenant.account, visit.id).await.unwrap();
    assert_eq!(kept.len(), 50);
    let unknown = world.visit(&tenant, at(9));
    assert!(
        !db.add_visit_event(&event(&world, &tenant, &unknown, 9))
            .await
            .unwrap()
    );
}

async fn another_account_finds_nothing_and_adds_nothing(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let theirs = world.tenant(2).await;
    let visit = world.visit(&theirs, at(1));
    world.write_visit(&visit).await;
    db.put_page_report(&report(&theirs, "shop.test/", 10, true))
        .await
        .unwrap();
    db.add_visit_event(&event(&world, &theirs, &visit, 2))
        .await
        .unwrap();
    let account = tenant.account;
    assert_eq!(
        db.page_reports(account, theirs.site.id, 9).await.unwrap(),
        []
    );
    assert_eq!(db.visit_events(account, visit.id).await.unwrap(), []);
    let mine = PageReport {
        account,
        ..report(&theirs, "shop.test/", 11, false)
    };
    assert!(matches!(
        db.put_page_report(&mine).await,
        Err(StoreError::MissingParent(_))
    ));
    assert!(
        !db.add_visit_event(&event(&world, &tenant, &visit, 3))
            .await
            .unwrap()
    );
    assert_eq!(
        db.visit_events(theirs.account, visit.id)
            .await
            .unwrap()
            .len(),
        1
    );
}
