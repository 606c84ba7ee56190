//! Keys of programs.

use ringfence_model::{AccountId, ApiKey, ApiKeyId, KeyScope};
use ringfence_store::StoreError;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_key_opens_its_account_until_it_is_over
    a_revoked_key_opens_nothing
    another_account_neither_sees_nor_revokes_a_key
}

fn key(world: &World, account: AccountId, hash: u8) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(START, world.draw()),
        account,
        name: "Warehouse".into(),
        scope: KeyScope::Read,
        key_hash: vec![hash; 32],
        created_at: at(1),
        expires_at: Some(at(60)),
        revoked_at: None,
    }
}

async fn a_key_opens_its_account_until_it_is_over(world: World) {
    let db = &world.db;
    let account = world.account().await;
    let key = key(&world, account, 1);
    db.add_api_key(&key).await.unwrap();
    let (found, owner) = db.living_api_key(&[1; 32], at(59)).await.unwrap().unwrap();
    assert_eq!((found, owner.id), (key.clone(), account));
    assert_eq!(db.living_api_key(&[1; 32], at(60)).await.unwrap(), None);
    assert_eq!(db.living_api_key(&[2; 32], at(2)).await.unwrap(), None);
    let again = ApiKey {
        id: ApiKeyId::new(START, world.draw()),
        ..key.clone()
    };
    let taken = db.add_api_key(&again).await;
    assert!(matches!(taken, Err(StoreError::Taken(_))), "{taken:?}");
    assert_eq!(db.api_keys(account).await.unwrap(), [key]);
}

async fn a_revoked_key_opens_nothing(world: World) {
    let db = &world.db;
    let account = world.account().await;
    let key = key(&world, account, 1);
    db.add_api_key(&key).await.unwrap();
    assert!(db.revoke_api_key(account, key.id, at(5)).await.unwrap());
    assert!(!db.revoke_api_key(account, key.id, at(6)).await.unwrap());
    assert_eq!(db.living_api_key(&[1; 32], at(6)).await.unwrap(), None);
    let rows = db.api_keys(account).await.unwrap();
    assert_eq!(rows[0].revoked_at, Some(at(5)));
}

async fn another_account_neither_sees_nor_revokes_a_key(world: World) {
    let db = &world.db;
    let (ours, theirs) = (world.account().await, world.account().await);
    let key = key(&world, theirs, 1);
    db.add_api_key(&key).await.unwrap();
    assert_eq!(db.api_keys(ours).await.unwrap(), []);
    assert!(!db.revoke_api_key(ours, key.id, at(5)).await.unwrap());
    assert!(db.living_api_key(&[1; 32], at(6)).await.unwrap().is_some());
}
