//! What was said of calls.

use ringfence_model::{Call, Lead, SourceKind, Worth};
use ringfence_store::{CallFilter, Write};

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    what_is_said_of_a_call_takes_the_place_of_what_was_said_before
    calls_are_found_by_lead_and_tag
    what_calls_were_worth_is_summed_by_source
    another_accounts_worths_are_not_seen
}

/// A call at a second, from a source when `ad` is set.
async fn call(world: &World, tenant: &Tenant, second: u64, ad: bool) -> Call {
    let mut call = world.call(tenant, at(second));
    if ad {
        call.source = Some(world.visit(tenant, at(second)).source);
    }
    let write = Write::CallBegun(Box::new(call.clone()));
    world.db.write(vec![write]).await.unwrap();
    call
}

fn worth(call: &Call, lead: Option<Lead>, value: Option<i64>, tags: &[&str]) -> Worth {
    Worth {
        lead,
        value,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        note: "it rained".into(),
        changed_at: at(9_000),
        ..Worth::none(call.account, call.id, call.started_at)
    }
}

async fn what_is_said_of_a_call_takes_the_place_of_what_was_said_before(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let call = call(&world, &tenant, 1, true).await;
    assert_eq!(db.worth(tenant.account, call.id).await.unwrap(), None);
    let first = worth(&call, Some(Lead::Qualified), Some(9_500), &["quote", "vip"]);
    db.set_worth(&first).await.unwrap();
    let found = db.worth(tenant.account, call.id).await.unwrap();
    assert_eq!(found, Some(first));
    let second = worth(&call, None, None, &[]);
    db.set_worth(&second).await.unwrap();
    let found = db.worth(tenant.account, call.id).await.unwrap();
    assert_eq!(found, Some(second));
    let used = db.used_tags(tenant.account, 10).await.unwrap();
    assert_eq!(used, [""; 0]);
}

async fn calls_are_found_by_lead_and_tag(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let mut calls = Vec::new();
    for second in 0..4 {
        calls.push(call(&world, &tenant, second, false).await);
    }
    for said in [
        worth(&calls[0], Some(Lead::Converted), Some(1), &["quote"]),
        worth(&calls[1], Some(Lead::Converted), None, &["quotes", "vip"]),
        worth(&calls[2], Some(Lead::Unqualified), None, &["vip"]),
    ] {
        db.set_worth(&said).await.unwrap();
    }
    let found = async |lead: Option<Lead>, tag: Option<&str>| {
        let filter = CallFilter {
            lead,
            tag: tag.map(str::to_owned),
            ..CallFilter::default()
        };
        let page = db.calls(tenant.account, &filter, None, 10).await.unwrap();
        let place = |id| calls.iter().position(|call| call.id == id).unwrap();
        let found: Vec<usize> = page.calls.iter().map(|call| place(call.id)).collect();
        found
    };
    assert_eq!(found(Some(Lead::Converted), None).await, [1, 0]);
    assert_eq!(found(None, Some("Quote ")).await, [0], "not quotes");
    assert_eq!(found(None, Some("vip")).await, [2, 1]);
    assert_eq!(found(Some(Lead::Converted), Some("vip")).await, [1]);
    assert_eq!(found(Some(Lead::Qualified), None).await, [0; 0]);
    let used = db.used_tags(tenant.account, 2).await.unwrap();
    assert_eq!(used, ["vip", "quote"]);
    let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
    let worths = db.worths(tenant.account, &ids).await.unwrap();
    assert_eq!(worths.len(), 3);
    assert_eq!(worths[&ids[1]].tags, ["quotes", "vip"]);
    assert_eq!(db.worths(tenant.account, &[]).await.unwrap().len(), 0);
}

async fn what_calls_were_worth_is_summed_by_source(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for (second, ad, lead, value) in [
        (10, true, Some(Lead::Converted), Some(10_000)),
        (20, true, Some(Lead::Qualified), Some(2_550)),
        (30, true, Some(Lead::Unqualified), None),
        (40, false, Some(Lead::Converted), Some(700)),
        (90, true, Some(Lead::Converted), Some(1)),
    ] {
        let call = call(&world, &tenant, second, ad).await;
        db.set_worth(&worth(&call, lead, value, &[])).await.unwrap();
    }
    let sums = db.worth_by_source(tenant.account, at(10), at(90)).await;
    let sums = sums.unwrap();
    let [ads, none] = sums.as_slice() else {
        panic!("{sums:?}")
    };
    let (kind, name) = ads.source.clone().unwrap();
    assert_eq!((kind, name.as_str()), (SourceKind::Paid, "Google Ads"));
    assert_eq!((ads.qualified, ads.converted, ads.value), (2, 1, 12_550));
    assert_eq!(none.source, None);
    assert_eq!((none.qualified, none.converted, none.value), (1, 1, 700));
}

async fn another_accounts_worths_are_not_seen(world: World) {
    let (db, one, other) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    let call = call(&world, &one, 1, true).await;
    let said = worth(&call, Some(Lead::Converted), Some(1), &["vip"]);
    db.set_worth(&said).await.unwrap();
    assert_eq!(db.worth(other.account, call.id).await.unwrap(), None);
    let worths = db.worths(other.account, &[call.id]).await.unwrap();
    assert_eq!(worths.len(), 0);
    assert_eq!(db.used_tags(other.account, 9).await.unwrap(), [""; 0]);
    let sums = db.worth_by_source(other.account, at(0), at(9)).await;
    assert_eq!(sums.unwrap(), []);
}
