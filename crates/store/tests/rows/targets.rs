//! Trunks, targets and target groups.

use std::slice;
use std::time::Duration;

use ringfence_model::{
    Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Trunk, TrunkId,
};
use ringfence_store::StoreError;

use crate::world::{START, World, on_both_engines};

on_both_engines! {
    trunks_of_all_accounts_are_listed_for_the_edge
    a_target_is_changed
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
