//! Sites and hosts.

use std::slice;

use ringfence_model::{CampaignKey, Host, HostProof, PoolId, Site, SiteId};
use ringfence_store::StoreError;

use crate::world::{START, World, at, on_both_engines};

on_both_engines! {
    a_site_is_read_as_it_was_added_and_changed
    a_site_key_names_one_site
    a_site_draws_only_from_its_accounts_pools
    a_host_is_proved_and_the_proof_taken_back
    a_host_stands_once_in_a_site_but_in_several_accounts
    a_campaign_key_stands_once_in_an_account_but_in_several_accounts
}

async fn a_site_is_read_as_it_was_added_and_changed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let found = db.site(tenant.account, tenant.site.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&tenant.site));
    assert_eq!(
        db.site_by_key("site-1").await.unwrap().as_ref(),
        Some(&tenant.site)
    );
    let changed = Site {
        name: "A shop".into(),
        swap_targets: vec![],
        pool: None,
        ..tenant.site.clone()
    };
    assert!(db.update_site(&changed).await.unwrap());
    assert_eq!(db.sites(tenant.account).await.unwrap(), [changed]);
}

async fn a_site_key_names_one_site(world: World) {
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    let again = Site {
        id: SiteId::new(START, world.draw()),
        key: tenant.site.key.clone(),
        ..other.site
    };
    let result = world.db.add_site(&again).await;
    assert!(
        matches!(&result, Err(StoreError::Taken(what)) if what == "sites.key"),
        "{result:?}"
    );
    assert_eq!(world.db.site_by_key("site-3").await.unwrap(), None);
}

async fn a_site_draws_only_from_its_accounts_pools(world: World) {
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    for pool in [other.pool.id, PoolId::new(START, world.draw())] {
        let site = Site {
            pool: Some(pool),
            ..tenant.site.clone()
        };
        assert!(matches!(
            world.db.update_site(&site).await,
            Err(StoreError::MissingParent(_))
        ));
    }
}

async fn a_host_is_proved_and_the_proof_taken_back(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let mut host = Host {
        id: world.host_id(),
        site: tenant.site.id,
        account: tenant.account,
        name: "localhost:8081".into(),
        challenge: "ringfence-abc".into(),
        proof: None,
        proved_at: None,
    };
    db.add_host(&host).await.unwrap();
    assert_eq!(
        db.host(tenant.account, host.id).await.unwrap().as_ref(),
        Some(&host)
    );
    assert_eq!(db.proved_hosts().await.unwrap(), []);

    for proof in HostProof::ALL {
        assert!(
            db.set_host_proof(tenant.account, host.id, Some((*proof, at(5))))
                .await
                .unwrap()
        );
        host.proof = Some(*proof);
        host.proved_at = Some(at(5));
        assert_eq!(db.proved_hosts().await.unwrap(), [host.clone()]);
    }
    assert!(
        db.set_host_proof(tenant.account, host.id, None)
            .await
            .unwrap()
    );
    assert_eq!(db.proved_hosts().await.unwrap(), []);
}

async fn a_host_stands_once_in_a_site_but_in_several_accounts(world: World) {
    let db = &world.db;
    let mut hosts = Vec::new();
    for digits in [1, 2] {
        let tenant = world.tenant(digits).await;
        let host = Host {
            id: world.host_id(),
            site: tenant.site.id,
            account: tenant.account,
            name: "www.example.com".into(),
            challenge: format!("ringfence-{digits}"),
            proof: Some(HostProof::Dns),
            proved_at: Some(at(1)),
        };
        db.add_host(&host).await.unwrap();
        let twice = Host {
            id: world.host_id(),
            ..host.clone()
        };
        assert!(matches!(
            db.add_host(&twice).await,
            Err(StoreError::Taken(_))
        ));
        assert_eq!(
            db.hosts(tenant.account, tenant.site.id).await.unwrap(),
            slice::from_ref(&host)
        );
        hosts.push(host);
    }
    hosts.sort_by_key(|host| host.id);
    assert_eq!(db.hosts_by_name("www.example.com").await.unwrap(), hosts);
    assert_eq!(db.hosts_by_name("example.com").await.unwrap(), []);
}

async fn a_campaign_key_stands_once_in_an_account_but_in_several_accounts(world: World) {
    let db = &world.db;
    let (tenant, other) = (world.tenant(1).await, world.tenant(2).await);
    let key = CampaignKey {
        account: tenant.account,
        site: tenant.site.id,
        key: "abc".into(),
        campaign: Some("Spring".into()),
    };
    let theirs = CampaignKey {
        account: other.account,
        site: other.site.id,
        campaign: None,
        ..key.clone()
    };
    db.add_campaign_key(&key).await.unwrap();
    db.add_campaign_key(&theirs).await.unwrap();
    let again = db.add_campaign_key(&key).await;
    assert!(matches!(again, Err(StoreError::Taken(_))), "{again:?}");
    let foreign = CampaignKey {
        account: tenant.account,
        key: "def".into(),
        ..theirs.clone()
    };
    let foreign = db.add_campaign_key(&foreign).await;
    assert!(
        matches!(foreign, Err(StoreError::MissingParent(_))),
        "{foreign:?}"
    );
    let known = db.campaign_keys(tenant.account, tenant.site.id).await;
    assert_eq!(known.unwrap(), slice::from_ref(&key));
    let host = Host {
        id: world.host_id(),
        site: tenant.site.id,
        account: tenant.account,
        name: "www.example.com".into(),
        challenge: "c".into(),
        proof: Some(HostProof::Dns),
        proved_at: Some(at(1)),
    };
    db.add_host(&host).await.unwrap();
    let unproved = Host {
        id: world.host_id(),
        name: "unproved.example.com".into(),
        proof: None,
        proved_at: None,
        ..host.clone()
    };
    db.add_host(&unproved).await.unwrap();
    let mut all = db.all_campaign_keys().await.unwrap();
    all.sort_by_key(|(key, ..)| key.campaign.is_none());
    let expected = [
        (key, tenant.site.key, Some(host.name)),
        (theirs, other.site.key, None),
    ];
    assert_eq!(all, expected);
    let (account, site) = (tenant.account, tenant.site.id);
    assert!(
        !db.remove_campaign_key(account, other.site.id, "abc")
            .await
            .unwrap()
    );
    assert!(
        !db.remove_campaign_key(other.account, site, "abc")
            .await
            .unwrap()
    );
    assert!(db.remove_campaign_key(account, site, "abc").await.unwrap());
    assert!(!db.remove_campaign_key(account, site, "abc").await.unwrap());
    assert_eq!(db.all_campaign_keys().await.unwrap().len(), 1);
}
