//! Roles, disabled users, own sessions, and invitations.

use std::time::Duration;

use ringfence_model::{AccountId, Invitation, InvitationId, Role, Session, User, UserId};
use ringfence_store::StoreError;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_role_is_changed_from_what_it_was
    the_last_owner_who_may_sign_in_stays_one
    a_disabled_user_is_signed_out_and_stays_so
    a_user_ends_own_sessions_and_nobody_elses
    a_new_password_of_ones_own_leaves_this_session_alone
    an_invitation_makes_one_user
    an_invitation_that_is_over_makes_none
    who_is_invited_twice_has_one_link
    invitations_go_with_the_rights_of_whoever_made_them
}

async fn person(world: &World, account: AccountId, email: &str, role: Role) -> User {
    let user = User {
        id: world.user_id(),
        account,
        email: email.into(),
        name: email.into(),
        role,
        password_hash: "$argon2id$old".into(),
        created_at: at(2),
        disabled_at: None,
        last_sign_in_at: None,
    };
    world.db.add_user(&user).await.unwrap();
    user
}

async fn session(world: &World, user: UserId, hash: u8) -> Session {
    let session = Session {
        id: world.session_id(),
        user,
        token_hash: vec![hash; 32],
        created_at: at(10 + u64::from(hash)),
        expires_at: at(100),
        browser: "Firefox".into(),
    };
    world.db.add_session(&session).await.unwrap();
    session
}

fn invitation(world: &World, by: &User, email: &str, hash: u8) -> Invitation {
    Invitation {
        id: InvitationId::new(START, world.draw()),
        account: by.account,
        email: email.into(),
        role: Role::Analyst,
        token_hash: vec![hash; 32],
        invited_by: by.id,
        created_at: at(10),
        expires_at: at(20),
    }
}

async fn role_of(world: &World, user: &User) -> Role {
    let users = world.db.users(user.account).await.unwrap();
    users.iter().find(|known| known.id == user.id).unwrap().role
}

async fn a_role_is_changed_from_what_it_was(world: World) {
    let (db, account) = (&world.db, world.account().await);
    person(&world, account, "ann@example.com", Role::Owner).await;
    let user = person(&world, account, "ben@example.com", Role::Agent).await;
    let mut from = user.role;
    for to in Role::ALL {
        assert!(db.change_role(account, user.id, from, *to).await.unwrap());
        assert_eq!(role_of(&world, &user).await, *to);
        from = *to;
    }
    let stale = db.change_role(account, user.id, Role::Owner, Role::Admin);
    assert!(!stale.await.unwrap(), "somebody else was faster");
    assert_eq!(role_of(&world, &user).await, from);
}

async fn the_last_owner_who_may_sign_in_stays_one(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let other = world.account().await;
    person(&world, other, "eve@example.com", Role::Owner).await;
    let ann = person(&world, account, "ann@example.com", Role::Owner).await;
    let ben = person(&world, account, "ben@example.com", Role::Owner).await;
    let demoted = |user: UserId| db.change_role(account, user, Role::Owner, Role::Admin);
    let disabled = |user: UserId| db.disable_user(account, user, Role::Owner, at(5));

    assert!(disabled(ben.id).await.unwrap());
    assert!(!demoted(ann.id).await.unwrap(), "ben may not sign in");
    assert!(!disabled(ann.id).await.unwrap());
    assert!(db.enable_user(account, ben.id, Role::Owner).await.unwrap());
    let (one, two) = tokio::join!(demoted(ann.id), demoted(ben.id));
    assert!(one.unwrap() != two.unwrap(), "one of them has to stay");
}

async fn a_disabled_user_is_signed_out_and_stays_so(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let user = person(&world, account, "ben@example.com", Role::Agent).await;
    session(&world, user.id, 1).await;
    let stale = db.disable_user(account, user.id, Role::Admin, at(30));
    assert!(!stale.await.unwrap());
    assert!(
        db.session_by_token_hash(&[1; 32], at(31))
            .await
            .unwrap()
            .is_some()
    );
    let disabled = db.disable_user(account, user.id, user.role, at(30));
    assert!(disabled.await.unwrap());
    assert_eq!(
        db.session_by_token_hash(&[1; 32], at(31)).await.unwrap(),
        None
    );
    session(&world, user.id, 2).await;
    assert_eq!(
        db.session_by_token_hash(&[2; 32], at(31)).await.unwrap(),
        None
    );
    let known = db.user_by_email(&user.email).await.unwrap().unwrap();
    assert_eq!(known.disabled_at, Some(at(30)));
    assert!(db.enable_user(account, user.id, user.role).await.unwrap());
    assert!(!db.enable_user(account, user.id, user.role).await.unwrap());
    assert!(
        db.session_by_token_hash(&[2; 32], at(31))
            .await
            .unwrap()
            .is_some()
    );
}

async fn a_user_ends_own_sessions_and_nobody_elses(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com", Role::Owner).await;
    let ben = person(&world, account, "ben@example.com", Role::Agent).await;
    let bens = session(&world, ben.id, 9).await;
    let [one, two, three] = [1, 2, 3];
    let one = session(&world, ann.id, one).await;
    let two = session(&world, ann.id, two).await;
    let three = session(&world, ann.id, three).await;
    let listed = db.sessions(account, ann.id, at(50)).await.unwrap();
    assert_eq!(listed, [three.clone(), two.clone(), one.clone()]);
    assert_eq!(db.sessions(account, ann.id, at(100)).await.unwrap(), []);
    assert!(!db.end_session_of(account, ann.id, bens.id).await.unwrap());
    assert!(db.end_session_of(account, ann.id, one.id).await.unwrap());
    let ended = db.end_other_sessions(account, ann.id, three.id).await;
    assert_eq!(ended.unwrap(), 1);
    assert_eq!(db.sessions(account, ann.id, at(50)).await.unwrap(), [three]);
    assert_eq!(db.sessions(account, ben.id, at(50)).await.unwrap(), [bens]);
}

async fn a_new_password_of_ones_own_leaves_this_session_alone(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let user = person(&world, account, "ann@example.com", Role::Owner).await;
    let this = session(&world, user.id, 1).await;
    session(&world, user.id, 2).await;
    let stale = db.change_password(account, user.id, "$argon2id$other", "x", this.id);
    assert!(!stale.await.unwrap());
    assert_eq!(
        db.sessions(account, user.id, at(50)).await.unwrap().len(),
        2
    );
    let (from, to) = (user.password_hash.as_str(), "$argon2id$new");
    let changed = db.change_password(account, user.id, from, to, this.id);
    assert!(changed.await.unwrap());
    assert_eq!(db.sessions(account, user.id, at(50)).await.unwrap(), [this]);
    let known = db.user_by_email(&user.email).await.unwrap().unwrap();
    assert_eq!(known.password_hash, to);
}

async fn an_invitation_makes_one_user(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com", Role::Owner).await;
    let made = invitation(&world, &ann, "cem@example.com", 1);
    db.add_invitation(&made).await.unwrap();
    assert_eq!(
        db.invitations(account, at(19)).await.unwrap(),
        std::slice::from_ref(&made)
    );
    let found = db.invitation_by_token_hash(&[1; 32], at(19)).await.unwrap();
    assert_eq!(found, Some(made));
    let accept = |at| {
        let user = world.user_id();
        db.accept_invitation(&[1; 32], user, "Cem", "$argon2id$cem", at)
    };
    let (one, two) = tokio::join!(accept(at(19)), accept(at(19)));
    assert!(one.unwrap() != two.unwrap(), "it is spent once");
    let user = db.user_by_email("cem@example.com").await.unwrap().unwrap();
    assert_eq!((user.account, user.role), (account, Role::Analyst));
    assert_eq!((user.name.as_str(), user.created_at), ("Cem", at(19)));
    assert_eq!(db.invitations(account, at(19)).await.unwrap(), []);
}

async fn an_invitation_that_is_over_makes_none(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com", Role::Owner).await;
    let made = invitation(&world, &ann, "cem@example.com", 1);
    db.add_invitation(&made).await.unwrap();
    let over = db.invitation_by_token_hash(&[1; 32], at(20)).await.unwrap();
    assert_eq!(over, None);
    let user = world.user_id();
    let late = db.accept_invitation(&[1; 32], user, "Cem", "x", at(20));
    assert!(!late.await.unwrap());
    assert_eq!(db.user_by_email("cem@example.com").await.unwrap(), None);
    let eve = world.account().await;
    assert!(!db.withdraw_invitation(eve, made.id).await.unwrap());
    assert!(db.withdraw_invitation(account, made.id).await.unwrap());
    assert!(!db.withdraw_invitation(account, made.id).await.unwrap());
    let again = Invitation {
        created_at: at(30),
        expires_at: at(40),
        ..made
    };
    db.add_invitation(&again).await.unwrap();
    person(&world, eve, "cem@example.com", Role::Owner).await;
    let user = world.user_id();
    let taken = db
        .accept_invitation(&[1; 32], user, "Cem", "x", at(35))
        .await;
    assert!(matches!(&taken, Err(StoreError::Taken(what)) if what == "users.email"));
    assert_eq!(db.invitations(account, at(35)).await.unwrap().len(), 1);
}

async fn who_is_invited_twice_has_one_link(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com", Role::Owner).await;
    let first = invitation(&world, &ann, "cem@example.com", 1);
    db.add_invitation(&first).await.unwrap();
    let second = invitation(&world, &ann, "cem@example.com", 2);
    assert!(matches!(
        db.add_invitation(&second).await,
        Err(StoreError::Taken(_))
    ));
    let later = Invitation {
        created_at: first.expires_at,
        expires_at: first.expires_at + Duration::from_secs(10),
        ..second
    };
    db.add_invitation(&later).await.unwrap();
    assert_eq!(db.invitations(account, at(21)).await.unwrap(), [later]);
}

async fn invitations_go_with_the_rights_of_whoever_made_them(world: World) {
    let (db, account) = (&world.db, world.account().await);
    person(&world, account, "ann@example.com", Role::Owner).await;
    let ben = person(&world, account, "ben@example.com", Role::Admin).await;
    for (email, hash) in [("cem@example.com", 1), ("dee@example.com", 2)] {
        db.add_invitation(&invitation(&world, &ben, email, hash))
            .await
            .unwrap();
        assert_eq!(db.invitations(account, at(15)).await.unwrap().len(), 1);
        if hash == 1 {
            let demoted = db.change_role(account, ben.id, Role::Admin, Role::Agent);
            assert!(demoted.await.unwrap());
        } else {
            let disabled = db.disable_user(account, ben.id, Role::Agent, at(15));
            assert!(disabled.await.unwrap());
        }
        assert_eq!(db.invitations(account, at(15)).await.unwrap(), []);
    }
}
