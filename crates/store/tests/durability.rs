//! What was acknowledged stays, and what could not be written says why.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use ringfence_model::{AccountId, LeaseId, Visit};
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
    world.db.close().await;
    let mut writer = Child::start(world.database.url());
    let mut acknowledged = writer.acknowledged(400);
    acknowledged.append(&mut writer.killed());

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

/// This test in a process of its own, where it writes until it is killed.
struct Child {
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    fn start(url: &str) -> Self {
        let name = std::thread::current().name().unwrap().to_owned();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", &name])
            .env(CHILD_URL, url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next `count` leases that were acknowledged to it.
    fn acknowledged(&mut self, count: usize) -> Vec<LeaseId> {
        let lines = self.lines.by_ref().map_while(Result::ok);
        // The harness prints on the same line when it runs one test.
        let leases =
            lines.filter_map(|line| Some(line.split_once(ACKNOWLEDGED)?.1.parse().unwrap()));
        let leases: Vec<LeaseId> = leases.take(count).collect();
        assert_eq!(leases.len(), count, "it ended by itself");
        leases
    }

    /// SIGKILL. Lines that are in the pipe already are still read.
    fn killed(mut self) -> Vec<LeaseId> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let lines = self.lines.map_while(Result::ok);
        lines
            // The last one may be cut.
            .filter_map(|line| line.split_once(ACKNOWLEDGED)?.1.parse().ok())
            .collect()
    }
}

/// Twenty callers, each writing one lease after the other. Ends by itself after a while, should nobody kill it.
async fn write_until_killed(url: &str, world: &World) {
    let db = Db::open(url).await.unwrap();
    db.keep_journal().await.unwrap();
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

/// SIGKILL after the journal has it and before the tables do, for another program locks those all the while.
#[tokio::test]
async fn what_only_the_journal_has_is_there_after_a_kill() {
    let world = World::sqlite().await;
    if let Ok(url) = std::env::var(CHILD_URL) {
        write_until_killed(&url, &world).await;
        return;
    }
    let tenant = world.tenant(1).await;
    world.db.close().await;
    let mut writer = Child::start(world.database.url());
    let mut acknowledged = writer.acknowledged(40);
    let lock = world.database.lock().await;
    // More than can have been on their way when the file was locked.
    acknowledged.append(&mut writer.acknowledged(400));
    acknowledged.append(&mut writer.killed());
    lock.release().await;

    let journal = Files::of(&world.database);
    let again = journal.copied();
    assert!(again.octets().iter().any(|octets| !octets.is_empty()));
    for round in ["first", "second"] {
        // Opening is enough, whoever does it; and it is the same when it is done again.
        let db = Db::open(world.database.url()).await.unwrap();
        for lease in &acknowledged {
            let found = db.lease(tenant.account, *lease).await.unwrap();
            assert!(found.is_some(), "{lease} was acknowledged ({round})");
        }
        let counts = db.row_counts(tenant.account, at(0), at(1_000_000)).await;
        let counts = counts.unwrap();
        assert_eq!(counts.visits, counts.leases);
        db.close().await;
        assert!(journal.are_gone(), "there is nothing in it any more");
        journal.restore(&again);
    }
    let db = Db::open(world.database.url()).await.unwrap();
    db.keep_journal().await.unwrap();
    let visit = world.visit(&tenant, at(1));
    let write = vec![Write::Visit(Box::new(visit.clone()))];
    db.write(write).await.unwrap();
    assert_eq!(
        db.visit(tenant.account, visit.id).await.unwrap(),
        Some(visit)
    );
    db.close().await;
}

/// The two files of a journal.
struct Files([PathBuf; 2]);

impl Files {
    fn of(database: &TestDatabase) -> Self {
        let path = database.url().strip_prefix("sqlite:").unwrap();
        Self(["journal-1", "journal-2"].map(|end| format!("{path}.{end}").into()))
    }

    fn octets(&self) -> [Vec<u8>; 2] {
        self.0.each_ref().map(|path| fs::read(path).unwrap())
    }

    fn copied(&self) -> Self {
        let copies = self.0.each_ref().map(|path| path.with_extension("copy"));
        let copies = [copies[0].with_extension("1"), copies[1].with_extension("2")];
        for (path, copy) in self.0.iter().zip(&copies) {
            fs::copy(path, copy).unwrap();
        }
        Self(copies)
    }

    fn restore(&self, from: &Self) {
        for (path, copy) in self.0.iter().zip(&from.0) {
            fs::copy(copy, path).unwrap();
        }
    }

    fn are_gone(&self) -> bool {
        self.0.iter().all(|path| !path.exists())
    }
}

#[tokio::test]
async fn a_journal_that_is_older_than_its_tables_or_newer_than_they_were_is_told() {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    let visits: Vec<Visit> = (0..3).map(|n| world.visit(&tenant, at(n))).collect();
    let files = Files::of(&world.database);
    world.write_visit(&visits[0]).await;
    let early = files.copied();
    world.write_visit(&visits[1]).await;
    world.db.close().await;

    // What is in the tables already is passed over.
    files.restore(&early);
    let db = Db::open(world.database.url()).await.unwrap();
    db.keep_journal().await.unwrap();
    for visit in &visits[..2] {
        let found = db.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(visit));
    }
    let write = Write::Visit(Box::new(visits[2].clone()));
    db.write(vec![write]).await.unwrap();
    let later = files.copied();
    db.close().await;

    // Somebody put an older copy of the tables back, and between them and the journal something is missing.
    files.restore(&later);
    sqlx::raw_sql("UPDATE journal SET applied = 0")
        .execute(
            &mut sqlx::SqliteConnection::connect(world.database.url())
                .await
                .unwrap(),
        )
        .await
        .unwrap();
    let error = Db::open(world.database.url()).await.unwrap_err();
    assert!(matches!(error, StoreError::Journal(_)), "{error}");
    assert!(error.to_string().contains("frame"), "{error}");
}

#[tokio::test]
async fn a_locked_file_stops_nobody_until_the_journal_is_full() {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    world.db.close().await;
    let url = format!("{}?journal_octets=20000", world.database.url());
    let db = Db::open(&url).await.unwrap();
    db.keep_journal().await.unwrap();
    let lock = world.database.lock().await;
    let mut written = Vec::new();
    let error = loop {
        let visit = world.visit(&tenant, at(1));
        match db.write(vec![Write::Visit(Box::new(visit.clone()))]).await {
            Ok(()) => written.push(visit),
            Err(error) => break error,
        }
        assert!(written.len() < 1000, "the journal is never full");
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(written.len() > 40, "{}", written.len());
    assert_eq!(db.behind(), written.len() as u64);
    lock.release().await;
    for visit in &written {
        let found = db.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(visit));
    }
    // Both files are used again and again.
    for n in 0..200 {
        let visit = world.visit(&tenant, at(n));
        db.write(vec![Write::Visit(Box::new(visit.clone()))])
            .await
            .unwrap();
        written.push(visit);
    }
    db.close().await;
    let db = Db::open(&url).await.unwrap();
    for visit in &written {
        let found = db.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(visit));
    }
    db.close().await;
}

#[tokio::test]
async fn one_program_keeps_the_journal_and_others_write_beside_it() {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    let beside = Db::open(world.database.url()).await.unwrap();
    let refused = beside.keep_journal().await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(why)) if why.contains("second server")),
        "{refused:?}"
    );
    let visits: Vec<Visit> = (0..20).map(|n| world.visit(&tenant, at(n))).collect();
    for (n, visit) in visits.iter().enumerate() {
        let db = if n % 2 == 0 { &beside } else { &world.db };
        db.write(vec![Write::Visit(Box::new(visit.clone()))])
            .await
            .unwrap();
    }
    world.db.close().await;
    beside.keep_journal().await.unwrap();
    for visit in visits {
        let found = beside.visit(tenant.account, visit.id).await.unwrap();
        assert_eq!(found, Some(visit));
    }
    beside.close().await;
}

#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_lost() {
    full_disk(false).await;
}

#[tokio::test]
async fn a_full_disk_under_the_tables_is_named_and_the_journal_loses_nothing() {
    full_disk(true).await;
}

async fn full_disk(journal: bool) {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    world.db.close().await;

    // Some pages more than the empty tables take.
    let small = Db::open(&format!("{}?max_page_count=100", world.database.url()))
        .await
        .unwrap();
    if journal {
        small.keep_journal().await.unwrap();
    }
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
