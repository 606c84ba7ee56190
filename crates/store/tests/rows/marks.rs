//! Marks of what changes, and requests that are carried out once.

use ringfence_model::{
    AccountId, Actor, ActorKind, ApiKeyId, AuditEntry, AuditId, AuditObject, Trunk, TrunkId,
};
use ringfence_store::{LoginChange, RepeatedRequest, StoreError};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_change_of_what_somebody_else_changed_is_refused
    of_two_who_read_the_same_one_is_told
    a_mark_belongs_to_its_account
    a_request_is_begun_once_and_answered_the_same
    a_request_that_came_to_nothing_may_be_begun_again
    requests_are_forgotten_and_bounded
}

fn trunk(world: &World, account: AccountId) -> Trunk {
    Trunk {
        id: TrunkId::new(START, world.draw()),
        account,
        name: "Carrier".into(),
        addresses: Vec::new(),
        country: None,
    }
}

fn entry(world: &World, trunk: &Trunk) -> AuditEntry {
    AuditEntry {
        id: AuditId::new(at(1), world.draw()),
        account: trunk.account,
        at: at(1),
        actor: Actor {
            kind: ActorKind::Key,
            id: None,
            name: "Warehouse".into(),
        },
        action: "trunk.change".into(),
        object: AuditObject {
            kind: "trunk".into(),
            id: trunk.id.0,
            name: trunk.name.clone(),
        },
        before: None,
        after: None,
    }
}

/// Gives a trunk another country, as somebody who read it when its mark was this.
async fn change(world: &World, trunk: &Trunk, mark: u64, country: &str) -> Result<(), StoreError> {
    let changed = Trunk {
        country: Some(country.into()),
        ..trunk.clone()
    };
    let rows = world.db.recorded(entry(world, trunk));
    let rows = rows.unless_changed(trunk.account, trunk.id.0, mark);
    rows.save_trunk(&changed, None, &LoginChange::Keep, None, true)
        .await
}

async fn country(world: &World, trunk: &Trunk) -> Option<String> {
    let known = world.db.trunk(trunk.account, trunk.id).await.unwrap();
    known.unwrap().country
}

async fn a_change_of_what_somebody_else_changed_is_refused(world: World) {
    let account = world.account().await;
    let trunk = trunk(&world, account);
    world.db.add_trunk(&trunk).await.unwrap();
    let read = world.db.mark(account, trunk.id.0).await.unwrap();
    assert_eq!(read, 0, "nothing was written down yet");
    change(&world, &trunk, read, "GB").await.unwrap();
    let late = change(&world, &trunk, read, "IE").await;
    assert!(matches!(late, Err(StoreError::Overtaken)), "{late:?}");
    assert_eq!(country(&world, &trunk).await.as_deref(), Some("GB"));
    let all = ringfence_model::AuditFilter::default();
    let log = world.db.audit_log(account, &all, 9).await.unwrap();
    assert_eq!(log.len(), 1, "what was refused is not written down");
    let read = world.db.mark(account, trunk.id.0).await.unwrap();
    change(&world, &trunk, read, "IE").await.unwrap();
    // Whoever says nothing of what was read counts as well.
    let read = world.db.mark(account, trunk.id.0).await.unwrap();
    let rows = world.db.recorded(entry(&world, &trunk));
    let said = rows.save_trunk(&trunk, None, &LoginChange::Keep, None, true);
    said.await.unwrap();
    let late = change(&world, &trunk, read, "FR").await;
    assert!(matches!(late, Err(StoreError::Overtaken)), "{late:?}");
    assert_eq!(country(&world, &trunk).await, None);
}

async fn of_two_who_read_the_same_one_is_told(world: World) {
    let account = world.account().await;
    let trunk = trunk(&world, account);
    world.db.add_trunk(&trunk).await.unwrap();
    let (one, other) = futures::future::join(
        change(&world, &trunk, 0, "GB"),
        change(&world, &trunk, 0, "IE"),
    )
    .await;
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    let won = if one.is_ok() { "GB" } else { "IE" };
    assert_eq!(country(&world, &trunk).await.as_deref(), Some(won));
}

async fn a_mark_belongs_to_its_account(world: World) {
    let account = world.account().await;
    let trunk = trunk(&world, account);
    world.db.add_trunk(&trunk).await.unwrap();
    change(&world, &trunk, 0, "GB").await.unwrap();
    let eve = world.account().await;
    assert_eq!(world.db.mark(eve, trunk.id.0).await.unwrap(), 0);
    assert_ne!(world.db.mark(account, trunk.id.0).await.unwrap(), 0);
}

async fn begin(world: &World, (account, key): (AccountId, ApiKeyId), name: &str) -> bool {
    let begun = world
        .db
        .begin_request((account, key, name), &[7; 32], at(100), at(50), 2);
    begun.await.unwrap()
}

async fn a_request_is_begun_once_and_answered_the_same(world: World) {
    let account = world.account().await;
    let key = ApiKeyId::new(START, world.draw());
    assert!(begin(&world, (account, key), "a").await);
    assert!(!begin(&world, (account, key), "a").await);
    let known = world.db.repeated_request((account, key, "a")).await;
    let begun = RepeatedRequest {
        request_hash: vec![7; 32],
        answer: None,
    };
    assert_eq!(known.unwrap(), Some(begun.clone()));
    let answered = world.db.answer_request((account, key, "a"), 201, b"sealed");
    answered.await.unwrap();
    let known = world.db.repeated_request((account, key, "a")).await;
    let answer = Some((201, b"sealed".to_vec()));
    assert_eq!(known.unwrap(), Some(RepeatedRequest { answer, ..begun }));
    // Another program and another account have keys of their own.
    let other = ApiKeyId::new(START, world.draw());
    assert!(begin(&world, (account, other), "a").await);
    let eve = world.account().await;
    let theirs = world.db.repeated_request((eve, key, "a")).await.unwrap();
    assert_eq!(theirs, None);
}

async fn a_request_that_came_to_nothing_may_be_begun_again(world: World) {
    let account = world.account().await;
    let key = ApiKeyId::new(START, world.draw());
    assert!(begin(&world, (account, key), "a").await);
    let back = world.db.take_request_back((account, key, "a")).await;
    back.unwrap();
    assert!(begin(&world, (account, key), "a").await);
    let answered = world.db.answer_request((account, key, "a"), 200, b"");
    answered.await.unwrap();
    // What was answered stays.
    let back = world.db.take_request_back((account, key, "a")).await;
    back.unwrap();
    assert!(!begin(&world, (account, key), "a").await);
}

async fn requests_are_forgotten_and_bounded(world: World) {
    let account = world.account().await;
    let key = ApiKeyId::new(START, world.draw());
    assert!(begin(&world, (account, key), "a").await);
    assert!(begin(&world, (account, key), "b").await);
    assert!(!begin(&world, (account, key), "c").await, "two are enough");
    let later = world
        .db
        .begin_request((account, key, "c"), &[7; 32], at(200), at(150), 2);
    assert!(later.await.unwrap(), "the others are forgotten");
    let known = world.db.repeated_request((account, key, "a")).await;
    assert_eq!(known.unwrap(), None);
}
