//! What balancing knows of targets and groups, routes of trunks, and what may be dialled.

use std::time::Duration;

use ringfence_model::{
    Caps, Dialling, GroupProfile, Strategy, TargetId, TargetProfile, Trunk, TrunkId,
};
use ringfence_store::{CallFilter, CallerHistory, StoreError, Write};

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    profiles_are_kept_and_changed
    a_profile_of_another_accounts_target_is_refused
    a_trunk_takes_calls_where_it_was_said_last
    what_may_be_dialled_is_kept_by_account
    a_caller_is_remembered_with_the_target_that_answered_last
}

async fn profiles_are_kept_and_changed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    assert!(db.target_profiles(account).await.unwrap().is_empty());
    for languages in [vec!["de".to_owned()], vec!["en".into(), "fr-CA".into()]] {
        let profile = TargetProfile {
            languages,
            caps: Caps {
                concurrent: Some(2),
                ..Caps::default()
            },
            wrap_up: 20,
            break_after: 3,
            ..TargetProfile::default()
        };
        db.set_target_profile(account, tenant.target.id, &profile)
            .await
            .unwrap();
        let found = db.target_profiles(account).await.unwrap();
        assert_eq!(found, [(tenant.target.id, profile)].into());
    }
    for strategy in [Strategy::Weighted, Strategy::Sticky] {
        let mut profile = GroupProfile {
            strategy,
            overflow: Some(tenant.group.id),
            ..GroupProfile::default()
        };
        let member = profile.members.entry(tenant.target.id).or_default();
        member.weight = 7;
        db.set_group_profile(account, tenant.group.id, &profile)
            .await
            .unwrap();
        let found = db.group_profiles(account).await.unwrap();
        assert_eq!(found, [(tenant.group.id, profile)].into());
    }
    let other = world.tenant(2).await.account;
    assert!(db.target_profiles(other).await.unwrap().is_empty());
    assert!(db.group_profiles(other).await.unwrap().is_empty());
}

async fn a_profile_of_another_accounts_target_is_refused(world: World) {
    let db = &world.db;
    let (one, other) = (world.tenant(1).await, world.tenant(2).await);
    let refused = db
        .set_target_profile(one.account, other.target.id, &TargetProfile::default())
        .await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    let refused = db
        .set_group_profile(one.account, other.group.id, &GroupProfile::default())
        .await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
}

async fn a_trunk_takes_calls_where_it_was_said_last(world: World) {
    let db = &world.db;
    let account = world.account().await;
    let trunk = Trunk {
        id: TrunkId::new(START, world.draw()),
        account,
        name: "Carrier".into(),
        addresses: vec!["203.0.113.7".into()],
        country: None,
    };
    db.add_trunk(&trunk).await.unwrap();
    for route in ["sip:sbc.example.com", "sip:203.0.113.7:5070"] {
        db.set_trunk_route(account, trunk.id, Some(route))
            .await
            .unwrap();
        let found = db.trunk_routes(account).await.unwrap();
        assert_eq!(found, [(trunk.id, route.to_owned())].into());
    }
    db.set_trunk_route(account, trunk.id, None).await.unwrap();
    assert!(db.trunk_routes(account).await.unwrap().is_empty());
}

async fn what_may_be_dialled_is_kept_by_account(world: World) {
    let db = &world.db;
    let (account, other) = (world.account().await, world.account().await);
    for countries in [vec!["GB".to_owned()], Vec::new()] {
        let dialling = Dialling {
            countries: Some(countries),
            prefixes: vec!["+4420".into()],
            ..Dialling::default()
        };
        db.set_dialling(account, &dialling).await.unwrap();
        assert_eq!(db.dialling(account).await.unwrap(), Some(dialling));
    }
    assert_eq!(db.dialling(other).await.unwrap(), None);
}

async fn a_caller_is_remembered_with_the_target_that_answered_last(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    let caller = "+441632960001".parse().unwrap();
    let nobody = db.caller_history(account, &caller, at(100)).await.unwrap();
    assert_eq!(nobody, CallerHistory::default());
    let answered_by = TargetId::new(START, world.draw());
    for (seconds, target) in [(1, None), (2, Some(answered_by)), (3, None)] {
        let mut call = world.call(&tenant, at(seconds));
        call.caller = Some(caller.clone());
        call.target = target;
        call.answered_at = target.map(|_| at(seconds) + Duration::from_secs(1));
        db.write(vec![Write::CallBegun(Box::new(call))])
            .await
            .unwrap();
    }
    // A history does not wait for the tables to have what was just written; the call log does.
    let page = db.calls(account, &CallFilter::default(), None, 10).await;
    assert_eq!(page.unwrap().calls.len(), 3);
    let known = db.caller_history(account, &caller, at(100)).await.unwrap();
    assert_eq!(
        known,
        CallerHistory {
            returning: true,
            last_target: Some(answered_by)
        }
    );
    let first = db.caller_history(account, &caller, at(1)).await.unwrap();
    assert_eq!(first, CallerHistory::default());
}
