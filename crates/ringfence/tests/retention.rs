//! A running server erases what visits tell of people once their time is over.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::{Duration, Instant};

use ringfence_model::{Source, SourceKind, Timestamp, Utm, Visit, VisitId, VisitorId};
use ringfence_platform::{now, random};
use ringfence_store::Write;
use ringfence_testing::{Engine, on_both_engines};
use support::{Rows, World};

on_both_engines!(what_is_past_its_time_is_erased_and_the_rest_stays);

fn visit(rows: &Rows, started_at: Timestamp) -> Visit {
    Visit {
        id: VisitId::new(started_at, random()),
        account: rows.account,
        site: rows.site,
        visitor: VisitorId::new(started_at, random()),
        started_at,
        seen_at: started_at,
        landing_page: "https://www.example.com/?utm_source=mail".into(),
        referrer: Some("https://search.example/".into()),
        source: Source {
            kind: SourceKind::Mail,
            name: "mail".into(),
            campaign: Some("Spring".into()),
            keyword: None,
        },
        utm: Utm::default(),
        click_id: None,
        language: Some("en-GB".into()),
        device: Some("phone".into()),
        address_prefix: Some("203.0.113.0/24".into()),
    }
}

async fn what_is_past_its_time_is_erased_and_the_rest_stays(engine: Engine) {
    let mut world = World::new(engine.database().await);
    world.more = "[retention]\nvisits = \"2 days\"\n".into();
    let rows = world
        .rows(&["sip:desk@127.0.0.1:9".into()], Duration::from_secs(5), 1)
        .await;
    let db = world.db().await;
    let old = visit(&rows, now() - Duration::from_hours(49));
    let new = visit(&rows, now() - Duration::from_hours(47));
    let write = |visit: &Visit| Write::Visit(Box::new(visit.clone()));
    db.write(vec![write(&old), write(&new)]).await.unwrap();

    let _server = world.serve();
    let until = Instant::now() + Duration::from_mins(1);
    let erased = loop {
        let found = db.visit(rows.account, old.id).await.unwrap().unwrap();
        if found != old {
            break found;
        }
        assert!(Instant::now() < until, "not erased:\n{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(erased.landing_page, "");
    assert_eq!(erased.referrer, None);
    assert_eq!(erased.address_prefix, None);
    assert_ne!(erased.visitor, old.visitor);
    assert_eq!(erased.source, old.source);
    assert_eq!(db.visit(rows.account, new.id).await.unwrap(), Some(new));
}
