//! Which pool a site's visits draw from.

use ringfence_model::{PoolRule, PoolWish};
use ringfence_store::StoreError;

use crate::world::{World, on_both_engines};

on_both_engines! {
    rules_keep_their_order_and_are_replaced_as_a_whole
    rules_of_another_account_are_not_seen_and_not_made
}

async fn rules_keep_their_order_and_are_replaced_as_a_whole(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let (account, site) = (tenant.account, tenant.site.id);
    let rule = |wish: PoolWish, fixed: bool| PoolRule {
        account,
        site,
        wish,
        pool: tenant.pool.id,
        number: fixed.then_some(tenant.number.id),
    };
    let of_campaign = PoolWish {
        campaign: Some("Radio".into()),
        source: Some("Radio".into()),
        ..PoolWish::default()
    };
    let german = PoolWish {
        language: vec!["de".into()],
        country: vec!["DE".into(), "AT".into()],
        ..PoolWish::default()
    };
    let mut rules = vec![
        rule(german.clone(), false),
        rule(of_campaign, true),
        rule(german, false),
    ];
    db.set_pool_rules(account, site, &rules).await.unwrap();
    assert_eq!(db.pool_rules(account, site).await.unwrap(), rules);
    assert_eq!(db.all_pool_rules(account).await.unwrap(), rules);
    let of_number = db.pool_rules_of_number(account, tenant.number.id).await;
    assert_eq!(of_number.unwrap(), rules[1..2]);

    rules.remove(0);
    rules.reverse();
    db.set_pool_rules(account, site, &rules).await.unwrap();
    assert_eq!(db.pool_rules(account, site).await.unwrap(), rules);
    db.set_pool_rules(account, site, &[]).await.unwrap();
    assert_eq!(db.pool_rules(account, site).await.unwrap(), []);
}

async fn rules_of_another_account_are_not_seen_and_not_made(world: World) {
    let db = &world.db;
    let (tenant, other) = (world.tenant(1).await, world.tenant(2).await);
    let rule = PoolRule {
        account: tenant.account,
        site: tenant.site.id,
        wish: PoolWish::default(),
        pool: tenant.pool.id,
        number: Some(tenant.number.id),
    };
    let rules = [rule.clone()];
    db.set_pool_rules(tenant.account, tenant.site.id, &rules)
        .await
        .unwrap();
    let eve = other.account;
    assert_eq!(db.pool_rules(eve, tenant.site.id).await.unwrap(), []);
    assert_eq!(db.all_pool_rules(eve).await.unwrap(), []);
    let of_number = db.pool_rules_of_number(eve, tenant.number.id).await;
    assert_eq!(of_number.unwrap(), []);
    // Neither by taking away, nor with the site, the pool or the number of somebody else.
    db.set_pool_rules(eve, tenant.site.id, &[]).await.unwrap();
    let kept = db.pool_rules(tenant.account, tenant.site.id).await;
    assert_eq!(kept.unwrap(), rules);
    for (site, pool, number) in [
        (tenant.site.id, other.pool.id, None),
        (other.site.id, tenant.pool.id, None),
        (other.site.id, other.pool.id, Some(tenant.number.id)),
    ] {
        let rule = PoolRule {
            pool,
            number,
            ..rule.clone()
        };
        let made = db.set_pool_rules(eve, site, &[rule]).await;
        assert!(
            matches!(made, Err(StoreError::MissingParent(_))),
            "{made:?}"
        );
    }
}
