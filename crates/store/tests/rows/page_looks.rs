//! Looks at pages: counted, numbered, kept for a while.

use ringfence_model::{LookOutcome, LookedPage, PageLook, PageView};
use ringfence_store::StoreError;

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_look_is_read_back_and_counted
    a_page_that_cannot_be_seen_keeps_what_was_seen_before
    looks_of_one_moment_keep_their_order
    the_last_looks_are_kept
    another_account_finds_no_look
}

const PAGE: &str = "https://shop.test/offers";

fn view(outcome: LookOutcome) -> PageView {
    PageView {
        vantage: "a browser on a desk".into(),
        failed: (outcome == LookOutcome::Unseen).then(|| "timed out".into()),
        status: Some(200),
        url: Some(PAGE.into()),
        verdict: outcome,
        risk: 12,
        sha256: Some("00ff".into()),
        length: Some(1_024),
        left_out: 1,
    }
}

fn look(tenant: &Tenant, second: u64, outcome: LookOutcome, risk: u16) -> PageLook {
    PageLook {
        account: tenant.account,
        site: tenant.site.id,
        page: PAGE.into(),
        at: at(second),
        outcome,
        risk,
        views: vec![view(outcome)],
    }
}

async fn a_look_is_read_back_and_counted(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let (account, site) = (tenant.account, tenant.site.id);
    assert_eq!(db.looked_page(account, site, PAGE).await.unwrap(), None);
    let first = look(&tenant, 10, LookOutcome::Clean, 12);
    db.add_page_look(&first).await.unwrap();
    let known = LookedPage {
        account,
        site,
        page: PAGE.into(),
        tries: 1,
        looks: 1,
        failures: 0,
        tried_at: at(10),
        looked_at: Some(at(10)),
        outcome: LookOutcome::Clean,
        risk: 12,
    };
    let read = db.looked_page(account, site, PAGE).await.unwrap();
    assert_eq!(read, Some(known.clone()));
    let second = look(&tenant, 20, LookOutcome::Scam, 990);
    db.add_page_look(&second).await.unwrap();
    let read = db.looked_page(account, site, PAGE).await.unwrap().unwrap();
    assert_eq!(
        read,
        LookedPage {
            tries: 2,
            looks: 2,
            tried_at: at(20),
            looked_at: Some(at(20)),
            outcome: LookOutcome::Scam,
            risk: 990,
            ..known
        }
    );
    let looks = db.page_looks(account, site, PAGE, 9).await.unwrap();
    assert_eq!(looks, [second.clone(), first]);
    let last = db.page_looks(account, site, PAGE, 1).await.unwrap();
    assert_eq!(last, [second]);
}

async fn a_page_that_cannot_be_seen_keeps_what_was_seen_before(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let (account, site) = (tenant.account, tenant.site.id);
    for (second, outcome) in [
        (10, LookOutcome::Clean),
        (20, LookOutcome::Unseen),
        (30, LookOutcome::Unseen),
    ] {
        let look = look(&tenant, second, outcome, 0);
        db.add_page_look(&look).await.unwrap();
    }
    let read = db.looked_page(account, site, PAGE).await.unwrap().unwrap();
    assert_eq!((read.tries, read.looks, read.failures), (3, 1, 2));
    assert_eq!((read.tried_at, read.looked_at), (at(30), Some(at(10))));
    let unseen = db.unseen_pages(100).await.unwrap();
    assert!(unseen.contains(&read), "{unseen:?}");
    db.add_page_look(&look(&tenant, 40, LookOutcome::Clean, 0))
        .await
        .unwrap();
    let read = db.looked_page(account, site, PAGE).await.unwrap().unwrap();
    assert_eq!((read.looks, read.failures), (2, 0));
    let unseen = db.unseen_pages(100).await.unwrap();
    assert!(unseen.iter().all(|page| page.account != account));
}

async fn looks_of_one_moment_keep_their_order(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for risk in 1..=9 {
        let look = look(&tenant, 10, LookOutcome::Clean, risk);
        db.add_page_look(&look).await.unwrap();
    }
    let looks = db
        .page_looks(tenant.account, tenant.site.id, PAGE, 20)
        .await
        .unwrap();
    let risks: Vec<u16> = looks.iter().map(|look| look.risk).collect();
    assert_eq!(risks, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

async fn the_last_looks_are_kept(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for risk in 1..=23 {
        let look = look(&tenant, u64::from(risk), LookOutcome::Clean, risk);
        db.add_page_look(&look).await.unwrap();
    }
    let looks = db
        .page_looks(tenant.account, tenant.site.id, PAGE, 100)
        .await
        .unwrap();
    assert_eq!(looks.len(), 20);
    assert_eq!((looks[0].risk, looks[19].risk), (23, 4));
}

async fn another_account_finds_no_look(world: World) {
    let (db, ours, theirs) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    db.add_page_look(&look(&theirs, 10, LookOutcome::Clean, 0))
        .await
        .unwrap();
    let (us, site) = (ours.account, theirs.site.id);
    assert_eq!(db.looked_page(us, site, PAGE).await.unwrap(), None);
    assert_eq!(db.page_looks(us, site, PAGE, 9).await.unwrap(), []);
    let foreign = PageLook {
        account: us,
        ..look(&theirs, 20, LookOutcome::Scam, 999)
    };
    let refused = db.add_page_look(&foreign).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    let read = db.looked_page(theirs.account, site, PAGE).await.unwrap();
    assert_eq!(read.unwrap().tries, 1);
}
