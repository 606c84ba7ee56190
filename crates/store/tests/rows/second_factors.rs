//! Second factors: counted from their first code on, each code once, and gone with all that hangs on them.

use ringfence_model::{AccountId, PendingSignIn, Role, Session, User, UserId};

use crate::world::{World, at, on_both_engines};

on_both_engines! {
    a_drawn_secret_counts_once_its_first_code_was_right
    a_step_is_spent_once_whoever_asks_at_the_same_time
    refused_codes_are_counted_until_one_is_right
    a_recovery_code_works_once_and_for_its_user_alone
    what_hangs_on_a_factor_goes_with_it
    a_sign_in_that_waits_has_its_tries_and_its_time
    a_user_has_five_sign_ins_that_wait_and_no_more
    a_new_password_and_a_disabled_user_end_what_waits
    a_rule_is_owed_by_who_has_no_factor_that_counts
}

async fn person(world: &World, account: AccountId, email: &str) -> User {
    let user = User {
        id: world.user_id(),
        account,
        email: email.into(),
        name: email.into(),
        role: Role::Agent,
        password_hash: "$argon2id$old".into(),
        created_at: at(2),
        disabled_at: None,
        last_sign_in_at: None,
    };
    world.db.add_user(&user).await.unwrap();
    user
}

/// A factor of `user` that counts, with these recovery codes.
async fn turned_on(world: &World, user: &User, codes: &[[u8; 32]]) {
    let (db, account) = (&world.db, user.account);
    let drawn = db.draw_second_factor(account, user.id, &[1, 2, 3], at(5));
    assert!(drawn.await.unwrap());
    let drawn = db.second_factor(account, user.id).await.unwrap().unwrap();
    let confirmed = db.confirm_second_factor(&drawn, 100, codes, at(6));
    assert!(confirmed.await.unwrap());
}

async fn waits(world: &World, user: &User, hash: u8) -> PendingSignIn {
    let pending = PendingSignIn {
        account: user.account,
        user: user.id,
        token_hash: vec![hash; 32],
        tries: 0,
        created_at: at(10 + u64::from(hash)),
        expires_at: at(100),
    };
    world.db.add_pending_sign_in(&pending).await.unwrap();
    pending
}

async fn is_waiting(world: &World, hash: u8) -> bool {
    let found = world.db.pending_sign_in(&[hash; 32], at(50)).await;
    found.unwrap().is_some()
}

async fn a_drawn_secret_counts_once_its_first_code_was_right(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    assert_eq!(db.second_factor(account, ann.id).await.unwrap(), None);
    let draw = async |secret: &[u8]| {
        let drawn = db.draw_second_factor(account, ann.id, secret, at(5));
        drawn.await.unwrap()
    };
    assert!(draw(b"one").await);
    let one = db.second_factor(account, ann.id).await.unwrap().unwrap();
    assert_eq!((one.confirmed_at, one.last_step), (None, 0));
    assert!(!db.has_second_factor(account, ann.id).await.unwrap());
    assert!(!db.spend_step(account, ann.id, 7).await.unwrap());
    assert!(draw(b"two").await, "another one, before the first code");
    let stale = db.confirm_second_factor(&one, 7, &[], at(6));
    assert!(!stale.await.unwrap(), "another secret was drawn since");
    let two = db.second_factor(account, ann.id).await.unwrap().unwrap();
    let confirmed = db.confirm_second_factor(&two, 7, &[[1; 32], [2; 32]], at(6));
    assert!(confirmed.await.unwrap());
    let known = db.second_factor(account, ann.id).await.unwrap().unwrap();
    assert_eq!((known.confirmed_at, known.last_step), (Some(at(6)), 7));
    assert_eq!(known.secret, b"two");
    assert!(!draw(b"three").await, "one that counts is not drawn anew");
    assert_eq!(db.recovery_codes_left(account, ann.id).await.unwrap(), 2);
    assert_eq!(
        db.users_with_second_factor(account).await.unwrap(),
        [ann.id]
    );
    let other = world.account().await;
    assert_eq!(db.second_factor(other, ann.id).await.unwrap(), None);
    assert!(!db.has_second_factor(other, ann.id).await.unwrap());
}

async fn a_step_is_spent_once_whoever_asks_at_the_same_time(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    turned_on(&world, &ann, &[]).await;
    let spend = |step: i64| db.spend_step(account, ann.id, step);
    assert!(!spend(100).await.unwrap(), "the first code was of it");
    let (one, two) = tokio::join!(spend(101), spend(101));
    assert!(one.unwrap() != two.unwrap());
    assert!(!spend(99).await.unwrap(), "none before it either");
    assert!(spend(102).await.unwrap());
    let other = world.account().await;
    assert!(!db.spend_step(other, ann.id, 103).await.unwrap());
}

async fn refused_codes_are_counted_until_one_is_right(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    assert!(!db.refuse_code(account, ann.id, at(7)).await.unwrap());
    turned_on(&world, &ann, &[[1; 32]]).await;
    let known = async || db.second_factor(account, ann.id).await.unwrap().unwrap();
    for seconds in [10, 11] {
        assert!(db.refuse_code(account, ann.id, at(seconds)).await.unwrap());
    }
    let factor = known().await;
    assert_eq!((factor.refused, factor.refused_at), (2, Some(at(11))));
    assert!(db.spend_step(account, ann.id, 101).await.unwrap());
    assert_eq!((known().await.refused, known().await.refused_at), (0, None));
    db.refuse_code(account, ann.id, at(12)).await.unwrap();
    let spent = db.spend_recovery_code(account, ann.id, &[1; 32]);
    assert!(spent.await.unwrap());
    assert_eq!(known().await.refused, 0);
}

async fn a_recovery_code_works_once_and_for_its_user_alone(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    let ben = person(&world, account, "ben@example.com").await;
    turned_on(&world, &ann, &[[1; 32], [2; 32]]).await;
    turned_on(&world, &ben, &[[3; 32]]).await;
    let spend = |user: UserId, code: [u8; 32]| async move {
        db.spend_recovery_code(account, user, &code).await.unwrap()
    };
    assert!(!spend(ben.id, [1; 32]).await);
    let (one, two) = tokio::join!(spend(ann.id, [1; 32]), spend(ann.id, [1; 32]));
    assert!(one != two);
    let new = db.replace_recovery_codes(account, ann.id, &[[7; 32], [8; 32], [9; 32]]);
    assert!(new.await.unwrap());
    assert!(!spend(ann.id, [2; 32]).await, "it was replaced");
    assert!(spend(ann.id, [8; 32]).await);
    assert_eq!(db.recovery_codes_left(account, ann.id).await.unwrap(), 2);
    assert_eq!(db.recovery_codes_left(account, ben.id).await.unwrap(), 1);
    let nobody = person(&world, account, "cem@example.com").await;
    let none = db.replace_recovery_codes(account, nobody.id, &[[1; 32]]);
    assert!(!none.await.unwrap(), "who has no factor has no codes");
    assert_eq!(db.recovery_codes_left(account, nobody.id).await.unwrap(), 0);
}

async fn what_hangs_on_a_factor_goes_with_it(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    let ben = person(&world, account, "ben@example.com").await;
    let other = world.account().await;
    for (user, hash) in [(&ann, 1), (&ben, 2)] {
        turned_on(&world, user, &[[hash; 32]]).await;
        waits(&world, user, hash).await;
        let session = Session {
            id: world.session_id(),
            user: user.id,
            token_hash: vec![hash; 32],
            created_at: at(10),
            expires_at: at(100),
            browser: "Firefox".into(),
        };
        db.add_session(&session).await.unwrap();
    }
    let is_in = async |hash: u8| {
        let found = db.session_by_token_hash(&[hash; 32], at(50)).await;
        found.unwrap().is_some()
    };
    let foreign = db.remove_second_factor(other, ann.id, true);
    assert!(!foreign.await.unwrap());
    assert!(is_in(1).await && is_waiting(&world, 1).await);
    let removed = db.remove_second_factor(account, ann.id, true);
    assert!(removed.await.unwrap());
    assert!(!is_in(1).await && !is_waiting(&world, 1).await);
    assert_eq!(db.recovery_codes_left(account, ann.id).await.unwrap(), 0);
    let again = db.remove_second_factor(account, ann.id, true);
    assert!(!again.await.unwrap());
    let off = db.remove_second_factor(account, ben.id, false);
    assert!(off.await.unwrap());
    assert!(is_in(2).await, "who turns it off stays signed in");
    assert!(!is_waiting(&world, 2).await);
}

async fn a_sign_in_that_waits_has_its_tries_and_its_time(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    let pending = waits(&world, &ann, 1).await;
    let found = db.pending_sign_in(&[1; 32], at(99)).await.unwrap();
    assert_eq!(found, Some(pending));
    assert_eq!(db.pending_sign_in(&[1; 32], at(100)).await.unwrap(), None);
    let tried = |seconds: u64| db.try_code(&[1; 32], 3, at(seconds));
    assert!(!tried(100).await.unwrap(), "it is over");
    let all = tokio::join!(tried(50), tried(50), tried(50), tried(50));
    let all = [all.0, all.1, all.2, all.3].map(Result::unwrap);
    assert_eq!(all.iter().filter(|taken| **taken).count(), 3, "{all:?}");
    assert!(db.end_pending_sign_in(&[1; 32]).await.unwrap());
    assert!(!db.end_pending_sign_in(&[1; 32]).await.unwrap());
}

async fn a_user_has_five_sign_ins_that_wait_and_no_more(world: World) {
    let account = world.account().await;
    let ann = person(&world, account, "ann@example.com").await;
    let ben = person(&world, account, "ben@example.com").await;
    waits(&world, &ben, 1).await;
    for hash in 2..9 {
        waits(&world, &ann, hash).await;
    }
    let mut waiting = Vec::new();
    for hash in 1..9 {
        if is_waiting(&world, hash).await {
            waiting.push(hash);
        }
    }
    assert_eq!(waiting, [1, 4, 5, 6, 7, 8], "the newest, and another's");
}

async fn a_new_password_and_a_disabled_user_end_what_waits(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    waits(&world, &ann, 1).await;
    let set = db.set_password(account, ann.id, "$argon2id$set");
    assert!(set.await.unwrap());
    assert!(!is_waiting(&world, 1).await);
    waits(&world, &ann, 2).await;
    let kept = world.session_id();
    let changed = db.change_password(account, ann.id, "$argon2id$set", "$argon2id$new", kept);
    assert!(changed.await.unwrap());
    assert!(!is_waiting(&world, 2).await);
    waits(&world, &ann, 3).await;
    let disabled = db.disable_user(account, ann.id, ann.role, at(30));
    assert!(disabled.await.unwrap());
    assert!(!is_waiting(&world, 3).await);
}

async fn a_rule_is_owed_by_who_has_no_factor_that_counts(world: World) {
    let (db, account) = (&world.db, world.account().await);
    let ann = person(&world, account, "ann@example.com").await;
    let ben = person(&world, account, "ben@example.com").await;
    let other = world.account().await;
    let eve = person(&world, other, "eve@example.com").await;
    turned_on(&world, &ann, &[]).await;
    let drawn = db.draw_second_factor(account, ben.id, b"drawn", at(5));
    assert!(drawn.await.unwrap());
    let owes = async |user: &User| {
        let owes = db.owes_second_factor(user.account, user.id).await;
        owes.unwrap()
    };
    assert!(!owes(&ann).await && !owes(&ben).await);
    let require = async |required, seconds| {
        let changed = db.require_second_factor(account, required, at(seconds));
        changed.await.unwrap()
    };
    assert!(require(true, 20).await && !require(true, 21).await);
    let since = db.second_factor_required_since(account).await.unwrap();
    assert_eq!(since, Some(at(20)));
    assert!(!owes(&ann).await && owes(&ben).await && !owes(&eve).await);
    assert!(require(false, 22).await && !require(false, 23).await);
    assert!(!owes(&ben).await);
}
