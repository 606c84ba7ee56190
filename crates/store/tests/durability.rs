//! What was acknowledged stays, and what could not be written says why.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use ringfence_model::{AccountId, LeaseId};
use ringfence_store::{Db, StoreError, Write};
use ringfence_testing::TestDatabase;
use sqlx::{Connection as _, PgConnection};

mod world;
use world::{START, Tenant, World, at, on_both_engines};

on_both_engines! {
    every_lease_that_a_killed_process_acknowledged_is_there
}

/// In the child: the database that it writes to.
const CHILD_URL: &str = "RINGFENCE_TEST_CHILD_URL";
/// Lines that the child prints, between those of the test harness.
const ACKNOWLEDGED: &str = "acknowledged ";

async fn every_lease_that_a_killed_process_acknowledged_is_there(world: World) {
    if let Ok(url) = std::env::var(CHILD_URL) {
        write_until_killed(&url, &world).await;
        return;
    }
    let tenant = world.tenant(1).await;
    let name = std::thread::current().name().unwrap().to_owned();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &name])
        .env(CHILD_URL, world.database.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<LeaseId> = Vec::new();
    for line in lines.map_while(Result::ok) {
        // The harness prints on the same line when it runs one test.
        if let Some((_, id)) = line.split_once(ACKNOWLEDGED) {
            acknowledged.push(id.parse().unwrap());
        }
        if acknowledged.len() == 400 {
            // SIGKILL. Lines that are in the pipe already are still read.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 400, "{}", acknowledged.len());

    let db = Db::open(world.database.url()).await.unwrap();
    db.migrate().await.unwrap();
    for lease in &acknowledged {
        let found = db.lease(tenant.account, *lease).await.unwrap();
        assert!(found.is_some(), "{lease} was acknowledged");
    }
    // And it can be written to.
    let visit = world.visit(&tenant, at(1));
    db.write(vec![Write::Visit(Box::new(visit))]).await.unwrap();
    db.close().await;
}

/// Twenty callers, each writing one lease after the other. Ends by itself after a while, should nobody kill it.
async fn write_until_killed(url: &str, world: &World) {
    let db = Db::open(url).await.unwrap();
    let tenant = tenant_of(&db).await;
    for round in 0..1000_u64 {
        let mut tasks = Vec::new();
        for caller in 0..20 {
            let visit = world.visit(&tenant, at(round * 20 + caller));
            let lease = world.lease(&tenant, &visit);
            let db = db.clone();
            tasks.push(tokio::spawn(async move {
                let id = lease.id;
                db.write(vec![
                    Write::Visit(Box::new(visit)),
                    Write::Lease(Box::new(lease)),
                ])
                .await
                .unwrap();
                println!("{ACKNOWLEDGED}{id}");
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// What the parent made before it started the child.
async fn tenant_of(db: &Db) -> Tenant {
    let account: AccountId = db.first_account().await.unwrap().unwrap().id;
    Tenant {
        account,
        site: db.sites(account).await.unwrap().remove(0),
        pool: db.pools(account).await.unwrap().remove(0),
        number: db.numbers(account).await.unwrap().remove(0),
        plan: db.plans(account).await.unwrap().remove(0),
        target: db.targets(account).await.unwrap().remove(0),
        group: db.target_groups(account).await.unwrap().remove(0),
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_lost() {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    world.db.close().await;

    // Some pages more than the empty tables take.
    let small = Db::open(&format!("{}?max_page_count=100", world.database.url()))
        .await
        .unwrap();
    let mut written = Vec::new();
    let error = loop {
        let mut visit = world.visit(&tenant, at(1));
        visit.landing_page = format!("https://www.example.com/{}", "a".repeat(2000));
        match small
            .write(vec![Write::Visit(Box::new(visit.clone()))])
            .await
        {
            Ok(()) => written.push(visit),
            Err(error) => break error,
        }
        assert!(written.len() < 1000, "the disk is never full");
    };
    assert!(matches!(error, StoreError::DiskFull), "{error:?}");
    assert!(error.is_passing());
    assert!(!written.is_empty());

    // It goes on reading, and refusing.
    let found = small.visit(tenant.account, written[0].id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&written[0]));
    let mut large = world.visit(&tenant, at(2));
    large.referrer = Some("b".repeat(100_000));
    let again = small
        .write(vec![Write::Visit(Box::new(large.clone()))])
        .await;
    assert!(matches!(again, Err(StoreError::DiskFull)), "{again:?}");
    small.close().await;

    // Somebody made room.
    let roomy = Db::open(world.database.url()).await.unwrap();
    roomy
        .write(vec![Write::Visit(Box::new(large.clone()))])
        .await
        .unwrap();
    written.push(large);
    for visit in written {
        let found = roomy.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found, Some(visit));
    }
    roomy.close().await;
}

#[tokio::test]
async fn a_lost_connection_is_replaced() {
    let world = World::postgresql().await;
    let tenant = world.tenant(1).await;
    let mut administration = PgConnection::connect(world.database.url()).await.unwrap();
    for i in 0..3 {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut administration)
        .await
        .unwrap();
        let visit = world.visit(&tenant, at(i));
        let write = Write::Visit(Box::new(visit.clone()));
        world.db.write(vec![write]).await.unwrap();
        let found = world.db.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found, Some(visit));
    }
}

#[tokio::test]
async fn a_database_that_is_gone_is_unavailable() {
    let world = World::postgresql().await;
    let tenant = world.tenant(1).await;
    let World { db, database, .. } = world;
    drop(database);
    let reading = db.site(tenant.account, tenant.site.id).await.unwrap_err();
    assert!(matches!(reading, StoreError::Unavailable(_)), "{reading:?}");
    let writing = db.purge_sessions(START).await.unwrap_err();
    assert!(matches!(writing, StoreError::Unavailable(_)), "{writing:?}");
    assert!(writing.is_passing());

    let nowhere = TestDatabase::sqlite();
    let url = format!("{}/missing/rows.db", nowhere.url());
    let opening = Db::open(&url).await.unwrap_err();
    assert!(matches!(opening, StoreError::Unavailable(_)), "{opening:?}");
    let opening = Db::open("postgres://nobody@127.0.0.1:1/nothing").await;
    assert!(
        matches!(opening, Err(StoreError::Unavailable(_))),
        "{opening:?}"
    );
}
