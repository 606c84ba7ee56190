//! The audit log: with the change or not at all, and never again.

use ringfence_model::{
    AccountId, Actor, ActorKind, AuditEntry, AuditFilter, AuditId, AuditObject, Role, User,
};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    an_entry_is_written_with_the_change_it_tells_of
    a_change_that_changes_nothing_leaves_no_entry
    an_entry_of_what_is_no_row_is_written_by_itself
    another_account_reads_no_entry
    entries_are_found_by_who_what_and_page
    no_entry_is_altered_or_removed
}

fn entry(world: &World, account: AccountId, seconds: u64) -> AuditEntry {
    AuditEntry {
        id: AuditId::new(at(seconds), world.draw()),
        account,
        at: at(seconds),
        actor: Actor {
            kind: ActorKind::User,
            id: Some(Uuid::from_u128(7)),
            name: "ann@example.com".into(),
        },
        action: "user.add".into(),
        object: AuditObject {
            kind: "user".into(),
            id: Uuid::from_u128(u128::from(seconds)),
            name: "ben@example.com".into(),
        },
        before: None,
        after: Some(r#"{"role":"agent"}"#.into()),
    }
}

fn user(world: &World, account: AccountId, email: &str) -> User {
    User {
        id: world.user_id(),
        account,
        email: email.into(),
        name: "Ben".into(),
        role: Role::Agent,
        password_hash: "$argon2id$".into(),
        created_at: START,
        disabled_at: None,
        last_sign_in_at: None,
    }
}

async fn log(world: &World, account: AccountId) -> Vec<AuditEntry> {
    let all = AuditFilter::default();
    world.db.audit_log(account, &all, 100).await.unwrap()
}

async fn an_entry_is_written_with_the_change_it_tells_of(world: World) {
    let account = world.account().await;
    let told = entry(&world, account, 1);
    let ben = user(&world, account, "ben@example.com");
    world
        .db
        .recorded(told.clone())
        .add_user(&ben)
        .await
        .unwrap();
    assert_eq!(log(&world, account).await, [told]);
    let again = user(&world, account, "ben@example.com");
    let refused = world
        .db
        .recorded(entry(&world, account, 2))
        .add_user(&again)
        .await;
    assert!(refused.is_err());
    let plain = user(&world, account, "cem@example.com");
    world.db.add_user(&plain).await.unwrap();
    assert_eq!(
        log(&world, account).await.len(),
        1,
        "only what was recorded"
    );
}

async fn an_entry_of_what_is_no_row_is_written_by_itself(world: World) {
    let account = world.account().await;
    let told = entry(&world, account, 1);
    world.db.write_down(&told).await.unwrap();
    assert_eq!(log(&world, account).await, std::slice::from_ref(&told));
    assert!(world.db.write_down(&told).await.is_err(), "once");
}

async fn a_change_that_changes_nothing_leaves_no_entry(world: World) {
    let account = world.account().await;
    let ben = user(&world, account, "ben@example.com");
    world.db.add_user(&ben).await.unwrap();
    let recorded = || world.db.recorded(entry(&world, account, 1));
    let stale = recorded();
    let stale = stale
        .change_role(account, ben.id, Role::Owner, Role::Admin)
        .await;
    assert!(!stale.unwrap());
    let enabled = recorded();
    assert!(
        !enabled
            .enable_user(account, ben.id, ben.role)
            .await
            .unwrap()
    );
    assert_eq!(log(&world, account).await, []);
    let disabled = recorded();
    let disabled = disabled
        .disable_user(account, ben.id, ben.role, at(2))
        .await;
    assert!(disabled.unwrap());
    assert_eq!(log(&world, account).await.len(), 1);
}

async fn another_account_reads_no_entry(world: World) {
    let (account, eve) = (world.account().await, world.account().await);
    let ben = user(&world, account, "ben@example.com");
    world
        .db
        .recorded(entry(&world, account, 1))
        .add_user(&ben)
        .await
        .unwrap();
    assert_eq!(log(&world, eve).await, []);
}

async fn entries_are_found_by_who_what_and_page(world: World) {
    let account = world.account().await;
    let mut told = Vec::new();
    for seconds in 1..=5 {
        let one = entry(&world, account, seconds);
        let user = user(&world, account, &format!("u{seconds}@example.com"));
        world
            .db
            .recorded(one.clone())
            .add_user(&user)
            .await
            .unwrap();
        told.insert(0, one);
    }
    let find = async |filter: AuditFilter| world.db.audit_log(account, &filter, 2).await.unwrap();
    let first = find(AuditFilter::default()).await;
    assert_eq!(first, told[..2]);
    let before = Some(first[1].id);
    let second = find(AuditFilter {
        before,
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(second, told[2..4]);
    let object = Some(told[3].object.id);
    assert_eq!(
        find(AuditFilter {
            object,
            ..AuditFilter::default()
        })
        .await,
        told[3..4]
    );
    let actor = Some(Uuid::from_u128(8));
    assert_eq!(
        find(AuditFilter {
            actor,
            ..AuditFilter::default()
        })
        .await,
        []
    );
    let action = Some("user.add".to_owned());
    assert_eq!(
        find(AuditFilter {
            action,
            ..AuditFilter::default()
        })
        .await,
        told[..2]
    );
}

async fn no_entry_is_altered_or_removed(world: World) {
    let account = world.account().await;
    let told = entry(&world, account, 1);
    let ben = user(&world, account, "ben@example.com");
    world
        .db
        .recorded(told.clone())
        .add_user(&ben)
        .await
        .unwrap();
    let url = world.database.url();
    for sql in [
        "UPDATE audit_log SET actor_name = 'nobody'",
        "DELETE FROM audit_log",
    ] {
        let refused = if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        } else {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        };
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("only ever added"), "{sql}: {error}");
    }
    assert_eq!(log(&world, account).await, [told]);
}
