//! Trunks, targets and target groups.

use std::slice;
use std::time::Duration;

use ringfence_model::{
    GroupProfile, Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Trunk, TrunkId,
    TrunkLogin, TrunkRegister, TrunkRegistered,
};
use ringfence_store::{LoginChange, StoreError};

use crate::world::{START, World, on_both_engines};

on_both_engines! {
    trunks_of_all_accounts_are_listed_for_the_edge
    a_target_is_changed
    a_trunk_is_saved_and_removed_as_a_whole
    a_group_is_saved_and_removed_as_a_whole
    a_group_keeps_the_order_of_its_members
    a_group_rings_only_its_accounts_targets
}

async fn trunks_of_all_accounts_are_listed_for_the_edge(world: World) {
    let db = &world.db;
    let mut trunks = Vec::new();
    for name in ["One", "Two"] {
        let account = world.account().await;
        let trunk = Trunk {
            id: TrunkId::new(START, world.draw()),
            account,
            name: name.into(),
            addresses: vec!["203.0.113.7".into(), "2001:db8::/48".into()],
            country: None,
        };
        db.add_trunk(&trunk).await.unwrap();
        assert_eq!(db.trunks(account).await.unwrap(), slice::from_ref(&trunk));
        let changed = Trunk {
            addresses: vec!["203.0.113.0/28".into()],
            country: Some("GB".into()),
            ..trunk
        };
        assert!(db.update_trunk(&changed).await.unwrap());
        let found = db.trunk(account, changed.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&changed));
        trunks.push(changed);
    }
    trunks.sort_by_key(|trunk| trunk.id);
    assert_eq!(db.all_trunks().await.unwrap(), trunks);
}

async fn a_trunk_is_saved_and_removed_as_a_whole(world: World) {
    let db = &world.db;
    let (account, other) = (world.account().await, world.account().await);
    let trunk = Trunk {
        id: TrunkId::new(START, world.draw()),
        account,
        name: "Carrier".into(),
        addresses: vec!["203.0.113.7".into()],
        country: None,
    };
    let login = TrunkLogin {
        account,
        trunk: trunk.id,
        user: "12345".into(),
        secret: vec![1, 2, 3],
        realm: None,
        challenge: true,
        md5_only: false,
    };
    let register = TrunkRegister {
        account,
        trunk: trunk.id,
        registrars: vec!["sip:sip.example.com".into()],
        identity: None,
        expiry: 600,
    };
    let set = LoginChange::Set(login.clone());
    let (route, whole) = (Some("sip:sbc.example.com"), Some(&register));
    db.save_trunk(&trunk, route, &set, whole, false)
        .await
        .unwrap();
    let stands = TrunkRegistered {
        until: Some(START),
        ..TrunkRegistered::default()
    };
    let stood = db.set_trunk_registered(account, trunk.id, &stands).await;
    assert!(stood.unwrap());
    let renamed = Trunk {
        name: "Other".into(),
        ..trunk.clone()
    };
    let kept = db.save_trunk(&renamed, route, &LoginChange::Keep, whole, true);
    kept.await.unwrap();
    assert_eq!(db.trunks(account).await.unwrap(), slice::from_ref(&renamed));
    assert_eq!(db.trunk_logins(account).await.unwrap(), [login]);
    let routes = db.trunk_routes(account).await.unwrap();
    assert_eq!(routes.get(&trunk.id).map(String::as_str), route);
    let registers = db.trunk_registers(account).await.unwrap();
    assert_eq!(registers, [(register, stands)], "how it stands is kept");

    assert!(!db.remove_trunk(other, trunk.id).await.unwrap());
    assert_eq!(db.trunk_logins(account).await.unwrap().len(), 1);
    let bare = db.save_trunk(&renamed, None, &LoginChange::Remove, None, true);
    bare.await.unwrap();
    assert!(db.trunk_logins(account).await.unwrap().is_empty());
    assert!(db.trunk_registers(account).await.unwrap().is_empty());
    assert!(db.trunk_routes(account).await.unwrap().is_empty());
    db.save_trunk(&renamed, route, &set, None, true)
        .await
        .unwrap();
    assert!(db.remove_trunk(account, trunk.id).await.unwrap());
    assert!(!db.remove_trunk(account, trunk.id).await.unwrap());
    assert!(db.trunks(account).await.unwrap().is_empty());
}

async fn a_group_is_saved_and_removed_as_a_whole(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let group = TargetGroup {
        id: TargetGroupId::new(START, world.draw()),
        ..tenant.group.clone()
    };
    let profile = GroupProfile {
        explore: 5,
        ..GroupProfile::default()
    };
    db.save_target_group(&group, &profile, false).await.unwrap();
    let changed = TargetGroup {
        name: "Other".into(),
        members: Vec::new(),
        ..group.clone()
    };
    let plain = GroupProfile::default();
    db.save_target_group(&changed, &plain, true).await.unwrap();
    let found = db.target_group(tenant.account, group.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&changed));
    let profiles = db.group_profiles(tenant.account).await.unwrap();
    assert_eq!(profiles.get(&group.id), Some(&plain));
    db.save_target_group(&group, &plain, true).await.unwrap();
    let other = world.account().await;
    assert!(!db.remove_target_group(other, group.id).await.unwrap());
    let found = db.target_group(tenant.account, group.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&group));
    let removed = db.remove_target_group(tenant.account, group.id).await;
    assert!(removed.unwrap());
    let found = db.target_group(tenant.account, group.id).await.unwrap();
    assert_eq!(found, None);
}

async fn a_target_is_changed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let changed = Target {
        name: "Back office".into(),
        uri: "sip:office@192.0.2.11;transport=tcp".into(),
        enabled: false,
        ..tenant.target.clone()
    };
    assert_eq!(
        db.target(tenant.account, tenant.target.id).await.unwrap(),
        Some(tenant.target)
    );
    assert!(db.update_target(&changed).await.unwrap());
    assert_eq!(db.targets(tenant.account).await.unwrap(), [changed]);
}

async fn a_group_keeps_the_order_of_its_members(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let mut members = tenant.group.members.clone();
    for seconds in [5, 7, 9] {
        let target = Target {
            id: TargetId::new(START, world.draw()),
            ..tenant.target.clone()
        };
        db.add_target(&target).await.unwrap();
        members.insert(
            0,
            TargetGroupMember {
                target: target.id,
                ring_timeout: Duration::from_secs(seconds),
            },
        );
    }
    let changed = TargetGroup {
        name: "Everybody".into(),
        members,
        ..tenant.group.clone()
    };
    assert!(db.update_target_group(&changed).await.unwrap());
    let empty = TargetGroup {
        id: TargetGroupId::new(START, world.draw()),
        name: "Nobody".into(),
        members: vec![],
        ..tenant.group
    };
    db.add_target_group(&empty).await.unwrap();
    let found = db.target_group(tenant.account, changed.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&changed));
    assert_eq!(
        db.target_groups(tenant.account).await.unwrap(),
        [changed, empty]
    );
}

async fn a_group_rings_only_its_accounts_targets(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    let wrong = TargetGroup {
        name: "Wrong".into(),
        members: other.group.members,
        ..tenant.group.clone()
    };
    assert!(matches!(
        db.update_target_group(&wrong).await,
        Err(StoreError::MissingParent(_))
    ));
    let found = db.target_group(tenant.account, tenant.group.id).await;
    assert_eq!(found.unwrap(), Some(tenant.group));
}
