//! Accounts, users and sessions.

use std::time::Duration;

use ringfence_model::{Account, AccountId, Role, Session, User};
use ringfence_store::StoreError;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    an_account_is_read_as_it_was_added
    a_user_signs_in_with_an_address_in_any_case
    an_address_belongs_to_one_user_in_all_accounts
    a_session_ends_when_its_time_is_over_or_it_is_ended
    a_new_password_ends_the_sessions
    the_engine_answers_and_says_its_name
}

async fn an_account_is_read_as_it_was_added(world: World) {
    let db = &world.db;
    assert_eq!(db.first_account().await.unwrap(), None);
    let newer = Account {
        id: AccountId::new(START, world.draw()),
        name: "Zoë & Söhne".into(),
        country: "DE".into(),
        time_zone: "Europe/Berlin".into(),
        money: None,
        created_at: at(9),
    };
    let older = Account {
        id: AccountId::new(START, world.draw()),
        created_at: at(1),
        ..newer.clone()
    };
    db.add_account(&newer).await.unwrap();
    db.add_account(&older).await.unwrap();
    assert_eq!(db.account(newer.id).await.unwrap().as_ref(), Some(&newer));
    assert_eq!(db.accounts().await.unwrap(), [older.clone(), newer.clone()]);
    assert_eq!(db.first_account().await.unwrap(), Some(older));
    assert!(matches!(
        db.add_account(&newer).await,
        Err(StoreError::Taken(_))
    ));
}

async fn user(world: &World, email: &str) -> User {
    User {
        id: world.user_id(),
        account: world.account().await,
        email: email.into(),
        name: "Ada".into(),
        role: Role::Admin,
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into(),
        created_at: at(2),
        disabled_at: None,
        last_sign_in_at: None,
    }
}

async fn a_user_signs_in_with_an_address_in_any_case(world: World) {
    let db = &world.db;
    let user = user(&world, "ada@example.com").await;
    let written = User {
        email: "Ada@Example.com".into(),
        ..user.clone()
    };
    db.add_user(&written).await.unwrap();
    let found = db.user_by_email(" ADA@example.COM ").await.unwrap();
    assert_eq!(found.as_ref(), Some(&user));
    assert_eq!(db.users(user.account).await.unwrap(), [user]);
    assert_eq!(db.user_by_email("eve@example.com").await.unwrap(), None);
}

async fn an_address_belongs_to_one_user_in_all_accounts(world: World) {
    let db = &world.db;
    db.add_user(&user(&world, "ada@example.com").await)
        .await
        .unwrap();
    let again = db.add_user(&user(&world, "ADA@example.com").await).await;
    assert!(
        matches!(&again, Err(StoreError::Taken(what)) if what == "users.email"),
        "{again:?}"
    );
    let nobodys = User {
        account: AccountId::new(START, world.draw()),
        email: "other@example.com".into(),
        ..user(&world, "").await
    };
    assert!(matches!(
        db.add_user(&nobodys).await,
        Err(StoreError::MissingParent(_))
    ));
}

async fn session(world: &World, user: &User, hash: u8) -> Session {
    let session = Session {
        id: world.session_id(),
        user: user.id,
        token_hash: vec![hash; 32],
        created_at: at(10),
        expires_at: at(20),
        browser: "Mozilla/5.0".into(),
    };
    world.db.add_session(&session).await.unwrap();
    session
}

async fn a_session_ends_when_its_time_is_over_or_it_is_ended(world: World) {
    let db = &world.db;
    let user = user(&world, "ada@example.com").await;
    db.add_user(&user).await.unwrap();
    let one = session(&world, &user, 1).await;
    let two = session(&world, &user, 2).await;

    let found = db.session_by_token_hash(&[1; 32], at(19)).await.unwrap();
    let signed_in = User {
        last_sign_in_at: Some(one.created_at),
        ..user.clone()
    };
    assert_eq!(found, Some((one.clone(), signed_in)));
    assert_eq!(
        db.session_by_token_hash(&[1; 32], at(20)).await.unwrap(),
        None
    );
    assert_eq!(
        db.session_by_token_hash(&[9; 32], at(19)).await.unwrap(),
        None
    );

    assert!(db.end_session(one.id).await.unwrap());
    assert!(!db.end_session(one.id).await.unwrap());
    assert_eq!(
        db.session_by_token_hash(&[1; 32], at(19)).await.unwrap(),
        None
    );

    assert_eq!(db.purge_sessions(at(19)).await.unwrap(), 0);
    assert_eq!(db.purge_sessions(two.expires_at).await.unwrap(), 1);

    let unknown = Session {
        id: world.session_id(),
        user: world.user_id(),
        ..two
    };
    assert!(matches!(
        db.add_session(&unknown).await,
        Err(StoreError::MissingParent(_))
    ));
}

async fn a_new_password_ends_the_sessions(world: World) {
    let db = &world.db;
    let user = user(&world, "ada@example.com").await;
    db.add_user(&user).await.unwrap();
    session(&world, &user, 1).await;
    assert!(
        db.set_password(user.account, user.id, "$argon2id$new")
            .await
            .unwrap()
    );
    let now = at(10) + Duration::from_secs(1);
    assert_eq!(db.session_by_token_hash(&[1; 32], now).await.unwrap(), None);
    let changed = db.user_by_email(&user.email).await.unwrap().unwrap();
    assert_eq!(changed.password_hash, "$argon2id$new");
}

async fn the_engine_answers_and_says_its_name(world: World) {
    world.db.ping().await.unwrap();
    let name = world.db.engine_name();
    assert!(["SQLite", "PostgreSQL"].contains(&name));
    let again = world.db.clone();
    again.close().await;
    assert!(matches!(
        world.db.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(matches!(
        world.db.end_session(world.session_id()).await,
        Err(StoreError::Unavailable(_))
    ));
}
