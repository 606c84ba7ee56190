//! Who answers at a target, how they stand, and what is kept of it.

use ringfence_model::{
    AccountId, AgentChange, AgentMeans, AgentState, BreakReason, Role, TargetId, TargetProfile,
    User, UserId,
};
use ringfence_store::{AgentSet, StoreError};

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    an_agent_is_signed_out_at_first_and_every_change_is_kept
    a_wrap_up_takes_nobody_from_a_break_and_nothing_that_is_late_changes_anything
    an_agent_answers_at_one_target
    another_agent_begins_anew_and_the_former_one_is_signed_out
    an_agent_is_its_accounts_alone
}

async fn person(world: &World, account: AccountId, email: &str) -> UserId {
    let user = User {
        id: world.user_id(),
        account,
        email: email.into(),
        name: email.into(),
        role: Role::Agent,
        password_hash: "$argon2id$".into(),
        created_at: at(0),
        disabled_at: None,
        last_sign_in_at: None,
    };
    world.db.add_user(&user).await.unwrap();
    user.id
}

async fn agent(world: &World) -> (Tenant, UserId) {
    let tenant = world.tenant(1).await;
    let user = person(world, tenant.account, "ann@example.com").await;
    let set = AgentSet::Is(Some(user), at(1));
    let db = &world.db;
    db.set_agent(tenant.account, tenant.target.id, set)
        .await
        .unwrap();
    (tenant, user)
}

fn change(tenant: &Tenant, user: UserId, seconds: u64, state: AgentState) -> AgentChange {
    AgentChange {
        account: tenant.account,
        target: tenant.target.id,
        user,
        at: at(seconds),
        state,
        reason: (state == AgentState::OnBreak).then_some(BreakReason::Meal),
        until: (state == AgentState::WrappingUp).then(|| at(seconds + 30)),
        means: AgentMeans::Page,
    }
}

async fn an_agent_is_signed_out_at_first_and_every_change_is_kept(world: World) {
    let (tenant, user) = agent(&world).await;
    let (db, account) = (&world.db, tenant.account);
    let found = db.agents(account).await.unwrap();
    let [first] = found.as_slice() else {
        panic!("expected one agent, got {found:?}");
    };
    assert_eq!((first.user, first.since), (user, at(1)));
    assert_eq!(first.state, AgentState::SignedOut);
    // Once more is no change.
    let set = AgentSet::Is(Some(user), at(2));
    db.set_agent(account, tenant.target.id, set).await.unwrap();
    assert_eq!(db.agents(account).await.unwrap(), found);

    let changes = [
        change(&tenant, user, 10, AgentState::Available),
        change(&tenant, user, 20, AgentState::WrappingUp),
        change(&tenant, user, 30, AgentState::Available),
        change(&tenant, user, 40, AgentState::OnBreak),
    ];
    for change in &changes {
        assert!(db.change_agent(change).await.unwrap());
    }
    let profile = TargetProfile {
        wrap_up: 30,
        ..TargetProfile::default()
    };
    let found = db.agents(account).await.unwrap();
    let all = |profile| vec![(found[0].clone(), profile)];
    assert_eq!(
        db.all_agents().await.unwrap(),
        all(TargetProfile::default())
    );
    db.set_target_profile(account, tenant.target.id, &profile)
        .await
        .unwrap();
    assert_eq!(db.all_agents().await.unwrap(), all(profile));
    assert_eq!(found[0].state, AgentState::OnBreak);
    assert_eq!(found[0].reason, Some(BreakReason::Meal));
    assert_eq!((found[0].since, found[0].until), (at(40), None));
    let kept = db.agent_changes(account, user, at(20), at(40)).await;
    let (before, kept) = kept.unwrap();
    assert_eq!(before.as_ref(), Some(&changes[0]));
    assert_eq!(kept, changes[1..3]);
}

async fn a_wrap_up_takes_nobody_from_a_break_and_nothing_that_is_late_changes_anything(
    world: World,
) {
    let (tenant, user) = agent(&world).await;
    let db = &world.db;
    let wraps_up = |seconds| change(&tenant, user, seconds, AgentState::WrappingUp);
    assert!(!db.change_agent(&wraps_up(5)).await.unwrap(), "signed out");
    let on_break = change(&tenant, user, 10, AgentState::OnBreak);
    assert!(db.change_agent(&on_break).await.unwrap());
    assert!(!db.change_agent(&wraps_up(15)).await.unwrap(), "on a break");
    let available = change(&tenant, user, 20, AgentState::Available);
    assert!(db.change_agent(&available).await.unwrap());
    assert!(!db.change_agent(&wraps_up(19)).await.unwrap(), "late");
    assert!(db.change_agent(&wraps_up(21)).await.unwrap());
    assert!(!db.change_agent(&available).await.unwrap(), "late");
    let found = db.agents(tenant.account).await.unwrap();
    assert_eq!(found[0].until, Some(at(51)));
    let kept = db.agent_changes(tenant.account, user, at(0), at(100)).await;
    assert_eq!(kept.unwrap().1, [on_break, available, wraps_up(21)]);
}

async fn an_agent_answers_at_one_target(world: World) {
    let (tenant, user) = agent(&world).await;
    let mut other = tenant.target.clone();
    other.id = TargetId::new(at(0), world.draw());
    world.db.add_target(&other).await.unwrap();
    let set = AgentSet::Is(Some(user), at(3));
    let twice = world.db.set_agent(tenant.account, other.id, set).await;
    assert!(matches!(twice, Err(StoreError::Taken(_))), "{twice:?}");
}

async fn another_agent_begins_anew_and_the_former_one_is_signed_out(world: World) {
    let (tenant, user) = agent(&world).await;
    let (db, account) = (&world.db, tenant.account);
    let available = change(&tenant, user, 10, AgentState::Available);
    assert!(db.change_agent(&available).await.unwrap());
    let other = person(&world, account, "bob@example.com").await;
    let set = AgentSet::Is(Some(other), at(20));
    db.set_agent(account, tenant.target.id, set).await.unwrap();
    let found = db.agents(account).await.unwrap();
    assert_eq!((found.len(), found[0].user), (1, other));
    assert_eq!(found[0].state, AgentState::SignedOut);
    let kept = db.agent_changes(account, user, at(0), at(100)).await;
    let (_, kept) = kept.unwrap();
    assert_eq!((kept.len(), kept[1].at), (2, at(20)));
    assert_eq!(kept[1].state, AgentState::SignedOut);
    let late = change(&tenant, user, 30, AgentState::Available);
    assert!(!db.change_agent(&late).await.unwrap(), "no agent any more");
    let nobody = AgentSet::Is(None, at(40));
    db.set_agent(account, tenant.target.id, nobody)
        .await
        .unwrap();
    assert_eq!(db.agents(account).await.unwrap(), []);
}

async fn an_agent_is_its_accounts_alone(world: World) {
    let (tenant, user) = agent(&world).await;
    let db = &world.db;
    let eve = world.account().await;
    assert_eq!(db.agents(eve).await.unwrap(), []);
    let mut foreign = change(&tenant, user, 10, AgentState::Available);
    foreign.account = eve;
    assert!(!db.change_agent(&foreign).await.unwrap());
    assert_eq!(db.agents(tenant.account).await.unwrap()[0].since, at(1));
    let kept = db.agent_changes(eve, user, at(0), at(100)).await;
    assert_eq!(kept.unwrap(), (None, Vec::new()));
    let theirs = person(&world, eve, "eve@example.com").await;
    let set = AgentSet::Is(Some(theirs), at(20));
    let pointed = db.set_agent(tenant.account, tenant.target.id, set).await;
    assert!(
        matches!(pointed, Err(StoreError::MissingParent(_))),
        "{pointed:?}"
    );
}
