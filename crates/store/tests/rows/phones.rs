//! Phones, their registrations, and the logins of trunks.

use std::net::SocketAddr;

use ringfence_model::{
    Phone, Registration, SipTransport, Target, TargetId, Trunk, TrunkId, TrunkLogin, TrunkRegister,
    TrunkRegistered,
};
use ringfence_store::StoreError;

use crate::world::{START, Tenant, World, at, on_both_engines};

on_both_engines! {
    a_phone_is_changed_and_forgets_where_it_was
    a_user_is_one_phones_only
    registrations_replace_each_other_and_expire
    another_account_neither_sees_nor_changes_a_phone
    a_trunks_login_is_what_was_said_last
    where_we_register_is_what_was_said_last_and_how_it_stands_is_kept
}

fn phone(tenant: &Tenant, user: &str) -> Phone {
    Phone {
        account: tenant.account,
        target: tenant.target.id,
        user: user.into(),
        secret: vec![1, 2, 3],
    }
}

fn registration(tenant: &Tenant, contact: &str, expires: u64) -> Registration {
    Registration {
        target: tenant.target.id,
        contact: contact.into(),
        instance: Some("<urn:uuid:1>".into()),
        transport: SipTransport::Tcp,
        address: SocketAddr::from(([192, 0, 2, 9], 40_000)),
        call_id: "c1".into(),
        sequence: u32::MAX,
        agent: None,
        registered_at: at(1),
        expires_at: at(expires),
    }
}

async fn a_phone_is_changed_and_forgets_where_it_was(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let account = tenant.account;
    db.set_phone(&phone(&tenant, "ann")).await.unwrap();
    let known = registration(&tenant, "sip:ann@192.0.2.9", 60);
    db.replace_registrations(account, tenant.target.id, std::slice::from_ref(&known))
        .await
        .unwrap();
    assert_eq!(db.registrations(account, at(2)).await.unwrap(), [known]);
    let changed = Phone {
        secret: vec![4],
        ..phone(&tenant, "anna")
    };
    db.set_phone(&changed).await.unwrap();
    let known = db.phones(account).await.unwrap();
    assert_eq!(known, std::slice::from_ref(&changed));
    assert_eq!(db.all_phones().await.unwrap(), [changed]);
    assert_eq!(db.registrations(account, at(2)).await.unwrap(), []);
    assert!(db.remove_phone(account, tenant.target.id).await.unwrap());
    assert!(!db.remove_phone(account, tenant.target.id).await.unwrap());
    // A registration that was under way meanwhile leaves nothing behind.
    let late = registration(&tenant, "sip:ann@192.0.2.9", 60);
    db.replace_registrations(account, tenant.target.id, &[late])
        .await
        .unwrap();
    assert_eq!(db.all_registrations(at(2)).await.unwrap(), []);
}

async fn a_user_is_one_phones_only(world: World) {
    let db = &world.db;
    let (one, other) = (world.tenant(1).await, world.tenant(2).await);
    db.set_phone(&phone(&one, "ann")).await.unwrap();
    let refused = db.set_phone(&phone(&other, "ann")).await;
    assert!(matches!(refused, Err(StoreError::Taken(_))), "{refused:?}");
    let taken = async |user: &str, tenant: &Tenant| {
        db.phone_user_taken(user, tenant.account, tenant.target.id)
            .await
            .unwrap()
    };
    assert!(taken("ann", &other).await);
    assert!(!taken("ann", &one).await, "it is its own");
    assert!(!taken("bob", &other).await);
}

async fn registrations_replace_each_other_and_expire(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let (account, target) = (tenant.account, tenant.target.id);
    db.set_phone(&phone(&tenant, "ann")).await.unwrap();
    let desk = registration(&tenant, "sip:ann@192.0.2.9", 60);
    let mobile = Registration {
        transport: SipTransport::Udp,
        address: "[2001:db8::9]:5060".parse().unwrap(),
        instance: None,
        agent: Some("Example 1".into()),
        ..registration(&tenant, "sip:ann@[2001:db8::9]", 90)
    };
    let both = [desk, mobile.clone()];
    db.replace_registrations(account, target, &both)
        .await
        .unwrap();
    db.replace_registrations(account, target, &both)
        .await
        .unwrap();
    assert_eq!(db.all_registrations(at(59)).await.unwrap(), both);
    assert_eq!(db.all_registrations(at(60)).await.unwrap(), [mobile]);
    assert_eq!(db.purge_registrations(at(60)).await.unwrap(), 1);
    assert_eq!(db.registrations(account, at(2)).await.unwrap().len(), 1);
    db.replace_registrations(account, target, &[])
        .await
        .unwrap();
    assert_eq!(db.all_registrations(at(2)).await.unwrap(), []);
}

async fn another_account_neither_sees_nor_changes_a_phone(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let eve = world.tenant(2).await;
    db.set_phone(&phone(&tenant, "ann")).await.unwrap();
    let known = [registration(&tenant, "sip:ann@192.0.2.9", 60)];
    db.replace_registrations(tenant.account, tenant.target.id, &known)
        .await
        .unwrap();
    assert_eq!(db.phones(eve.account).await.unwrap(), []);
    assert_eq!(db.registrations(eve.account, at(2)).await.unwrap(), []);
    assert!(
        !db.remove_phone(eve.account, tenant.target.id)
            .await
            .unwrap()
    );
    db.replace_registrations(eve.account, tenant.target.id, &[])
        .await
        .unwrap();
    let theirs = Phone {
        account: eve.account,
        ..phone(&tenant, "eve")
    };
    let refused = db.set_phone(&theirs).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    assert_eq!(db.all_registrations(at(2)).await.unwrap(), known);
    // Another target of the same account is another phone.
    let second = Target {
        id: TargetId::new(START, world.draw()),
        ..tenant.target.clone()
    };
    db.add_target(&second).await.unwrap();
    let second = Phone {
        target: second.id,
        ..phone(&tenant, "bob")
    };
    db.set_phone(&second).await.unwrap();
    assert_eq!(db.phones(tenant.account).await.unwrap().len(), 2);
}

async fn a_trunks_login_is_what_was_said_last(world: World) {
    let db = &world.db;
    let (account, other) = (world.account().await, world.account().await);
    let trunk = Trunk {
        id: TrunkId::new(START, world.draw()),
        account,
        name: "Carrier".into(),
        addresses: vec!["203.0.113.7".into()],
        country: None,
    };
    db.add_trunk(&trunk).await.unwrap();
    let mut login = TrunkLogin {
        account,
        trunk: trunk.id,
        user: "ringfence".into(),
        secret: vec![1],
        realm: None,
        challenge: false,
        md5_only: true,
    };
    for realm in [None, Some("example.com".to_owned())] {
        login.challenge = realm.is_some();
        login.realm = realm;
        db.set_trunk_login(&login).await.unwrap();
        let known = db.trunk_logins(account).await.unwrap();
        assert_eq!(known, std::slice::from_ref(&login));
        let known = db.all_trunk_logins().await.unwrap();
        assert_eq!(known, std::slice::from_ref(&login));
    }
    assert_eq!(db.trunk_logins(other).await.unwrap(), []);
    assert!(!db.remove_trunk_login(other, trunk.id).await.unwrap());
    let theirs = TrunkLogin {
        account: other,
        ..login
    };
    let refused = db.set_trunk_login(&theirs).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    assert!(db.remove_trunk_login(account, trunk.id).await.unwrap());
    assert_eq!(db.all_trunk_logins().await.unwrap(), []);
}

async fn where_we_register_is_what_was_said_last_and_how_it_stands_is_kept(world: World) {
    let db = &world.db;
    let (account, other) = (world.account().await, world.account().await);
    let trunk = Trunk {
        id: TrunkId::new(START, world.draw()),
        account,
        name: "Carrier".into(),
        addresses: Vec::new(),
        country: None,
    };
    db.add_trunk(&trunk).await.unwrap();
    let mut register = TrunkRegister {
        account,
        trunk: trunk.id,
        registrars: vec!["sip:one.example.com".into()],
        identity: None,
        expiry: 3600,
    };
    let mut stands = TrunkRegistered::default();
    for identity in [None, Some("sip:1@example.com".to_owned())] {
        register.identity = identity;
        register.registrars.push("sip:two.example.com".into());
        db.set_trunk_register(&register).await.unwrap();
        let known = db.trunk_registers(account).await.unwrap();
        assert_eq!(known, [(register.clone(), stands)]);
        let known = db.all_trunk_registers().await.unwrap();
        assert_eq!(known, std::slice::from_ref(&register));
        stands = TrunkRegistered {
            until: Some(at(60)),
            failing_since: Some(at(30)),
            reason: Some("nothing came back".into()),
            registrar: Some("udp 192.0.2.1:5060".into()),
        };
        let told = db.set_trunk_registered(account, trunk.id, &stands).await;
        assert!(told.unwrap());
    }
    assert_eq!(db.trunk_registers(other).await.unwrap(), []);
    let nothing = TrunkRegistered::default();
    let told = db.set_trunk_registered(other, trunk.id, &nothing).await;
    assert!(!told.unwrap());
    assert!(!db.remove_trunk_register(other, trunk.id).await.unwrap());
    let theirs = TrunkRegister {
        account: other,
        ..register.clone()
    };
    let refused = db.set_trunk_register(&theirs).await;
    assert!(
        matches!(refused, Err(StoreError::MissingParent(_))),
        "{refused:?}"
    );
    let known = db.trunk_registers(account).await.unwrap();
    assert_eq!(known, [(register, stands)]);
    assert!(db.remove_trunk_register(account, trunk.id).await.unwrap());
    assert_eq!(db.all_trunk_registers().await.unwrap(), []);
}
