//! Calls split by what they have.

use ringfence_model::{Call, Disposition, Lead, Split, Timestamp, Worth};
use ringfence_store::{CallFilter, Offsets, SplitCount, Write};

use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    calls_are_split_by_each_property_and_by_two
    hours_and_days_are_those_of_the_accounts_clock
    another_accounts_calls_are_not_counted
}

const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));

/// In microseconds.
const HOUR: i64 = 3_600_000_000;

/// UTC all the time.
const UTC: Offsets = Offsets {
    until: [(Timestamp::from_micros(i64::MIN), 0); 3],
    then: 0,
};

async fn split(
    world: &World,
    tenant: &Tenant,
    split: (Split, Option<Split>),
    offsets: &Offsets,
    filter: &CallFilter,
) -> Vec<SplitCount> {
    let db = &world.db;
    let rows = db.split_calls(tenant.account, EVER, split, offsets, filter, 100);
    rows.await.unwrap()
}

/// A call that was answered for two seconds when `answered`, and came of an advertisement when `ad`.
async fn call(world: &World, tenant: &Tenant, second: u64, ad: bool, answered: bool) -> Call {
    let mut call = world.call(tenant, at(second));
    let mut writes = Vec::new();
    if ad {
        let mut visit = world.visit(tenant, at(second));
        visit.language = Some("de".into());
        call.source = Some(visit.source.clone());
        call.visit = Some(visit.id);
        writes.push(Write::Visit(Box::new(visit)));
    }
    writes.push(Write::CallBegun(Box::new(call.clone())));
    if answered {
        writes.push(Write::CallAnswered {
            account: call.account,
            call: call.id,
            at: at(second + 1),
            target: tenant.target.id,
            group: None,
            failed_over: false,
        });
    }
    writes.push(Write::CallEnded {
        account: call.account,
        call: call.id,
        at: at(second + 3),
        disposition: if answered {
            Disposition::Answered
        } else {
            Disposition::Missed
        },
        reason: None,
        failed_over: false,
    });
    world.db.write(writes).await.unwrap();
    call
}

fn words(rows: &[SplitCount]) -> Vec<(Option<&str>, Option<&str>, u64)> {
    let word = |row: &SplitCount| row.calls;
    rows.iter()
        .map(|row| (row.one.as_deref(), row.other.as_deref(), word(row)))
        .collect()
}

async fn calls_are_split_by_each_property_and_by_two(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let first = call(&world, &tenant, 1, true, true).await;
    call(&world, &tenant, 2, true, false).await;
    call(&world, &tenant, 3, true, true).await;
    call(&world, &tenant, 4, false, true).await;
    let worth = Worth {
        lead: Some(Lead::Converted),
        value: Some(9_500),
        ..Worth::none(first.account, first.id, first.started_at)
    };
    db.set_worth(&worth).await.unwrap();

    let all = CallFilter::default();
    let by = async |one, other| split(&world, &tenant, (one, other), &UTC, &all).await;
    let sources = by(Split::Source, None).await;
    assert_eq!(
        words(&sources),
        [(Some("Google Ads"), None, 3), (None, None, 1)]
    );
    let ads = &sources[0];
    assert_eq!((ads.answered, ads.missed, ads.talk), (2, 1, 4_000_000));
    assert_eq!((ads.qualified, ads.converted, ads.value), (1, 1, 9_500));
    let pairs = by(Split::Source, Some(Split::Disposition)).await;
    let (answered, missed) = (Some("answered"), Some("missed"));
    let expected = [
        (Some("Google Ads"), answered, 2),
        (Some("Google Ads"), missed, 1),
        (None, answered, 1),
    ];
    let mut pairs = words(&pairs);
    pairs.sort_by(|one, other| other.cmp(one));
    let mut expected = expected.to_vec();
    expected.sort_by(|one, other| other.cmp(one));
    assert_eq!(pairs, expected);
    for (one, value, calls) in [
        (Split::Campaign, Some("Spring"), 3),
        (Split::Language, Some("de"), 3),
        (Split::Number, Some(tenant.number.e164.as_str()), 4),
        (Split::Target, Some(tenant.target.name.as_str()), 3),
        (Split::Disposition, answered, 3),
        (Split::Lead, None, 3),
    ] {
        let rows = by(one, None).await;
        assert_eq!(words(&rows)[0], (value, None, calls), "{one:?}");
    }
    for one in Split::ALL {
        let rows = by(*one, Some(Split::Hour)).await;
        let calls: u64 = rows.iter().map(|row| row.calls).sum();
        assert_eq!(calls, 4, "{one:?}");
    }
    let missed_alone = CallFilter {
        disposition: Some(Disposition::Missed),
        source: Some("Google Ads".into()),
        number: Some(tenant.number.id),
        ..CallFilter::default()
    };
    let rows = split(&world, &tenant, (Split::Target, None), &UTC, &missed_alone).await;
    assert_eq!(words(&rows), [(None, None, 1)]);
}

async fn hours_and_days_are_those_of_the_accounts_clock(world: World) {
    let tenant = world.tenant(1).await;
    let (early, late) = (at(10), at(20));
    call(&world, &tenant, 10, false, true).await;
    call(&world, &tenant, 20, false, true).await;
    // Clocks are changed between the two, from an hour before UTC to three after it.
    let none = (Timestamp::from_micros(i64::MIN), 0);
    let offsets = Offsets {
        until: [(at(15), -HOUR), none, none],
        then: 3 * HOUR,
    };
    let all = CallFilter::default();
    let hour = |at: Timestamp, off: i64| ((at.as_micros() + off) / HOUR).rem_euclid(24).to_string();
    let rows = split(&world, &tenant, (Split::Hour, None), &offsets, &all).await;
    let mut found: Vec<String> = rows.into_iter().map(|row| row.one.unwrap()).collect();
    found.sort();
    let mut expected = vec![hour(early, -HOUR), hour(late, 3 * HOUR)];
    expected.sort();
    assert_eq!(found, expected);
    // The tests begin on Monday, 24 November 2025.
    let weekday = "0".to_owned();
    let rows = split(
        &world,
        &tenant,
        (Split::Weekday, Some(Split::Day)),
        &UTC,
        &all,
    )
    .await;
    let day = (early.as_micros() / (24 * HOUR)).to_string();
    let expected = (Some(weekday.as_str()), Some(day.as_str()), 2);
    assert_eq!(words(&rows), [expected]);
}

async fn another_accounts_calls_are_not_counted(world: World) {
    let (one, other) = (world.tenant(1).await, world.tenant(2).await);
    call(&world, &one, 1, true, true).await;
    let all = CallFilter::default();
    let rows = split(&world, &other, (Split::Source, None), &UTC, &all).await;
    assert_eq!(rows, []);
}
