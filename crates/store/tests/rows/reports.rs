//! Sums over the call log.

use std::time::Duration;

use ringfence_model::{
    Call, Disposition, LegOutcome, Recording, RecordingState, Source, SourceKind, Timestamp,
};
use ringfence_store::{
    CallTotals, HourCount, NumberCount, RowCounts, SiteVisits, SourceCount, TargetCount, Write,
};

use crate::world::{START, Tenant, World, at, caller, london, on_both_engines};

on_both_engines! {
    totals_count_each_disposition_and_the_first_time_callers
    an_account_without_calls_has_totals_of_nothing
    hours_begin_where_the_accounts_clock_says
    sources_are_ordered_by_their_calls
    numbers_are_ordered_by_their_calls
    targets_show_how_often_they_rang_and_how_long_they_talked
    rows_are_counted_in_their_span
    a_caller_waits_to_be_called_back_until_a_later_call_is_answered
    minutes_without_calls_are_left_out
    visits_are_counted_by_site
}

struct Ended<'t> {
    tenant: &'t Tenant,
    at: Timestamp,
    caller: Option<u32>,
    source: Option<(SourceKind, &'t str)>,
    disposition: Option<Disposition>,
    talk: Duration,
}

/// A call that has had all of its life.
async fn live(world: &World, of: Ended<'_>) -> Call {
    let call = Call {
        caller: of.caller.map(caller),
        source: of.source.map(|(kind, name)| Source {
            kind,
            name: name.into(),
            campaign: None,
            keyword: None,
        }),
        ..world.call(of.tenant, of.at)
    };
    let mut writes = vec![Write::CallBegun(Box::new(call.clone()))];
    let answered_at = of.at + Duration::from_secs(2);
    if of.disposition == Some(Disposition::Answered) {
        writes.push(Write::CallAnswered {
            group: None,
            account: call.account,
            call: call.id,
            at: answered_at,
            target: of.tenant.target.id,
            failed_over: true,
        });
    }
    if let Some(disposition) = of.disposition {
        writes.push(Write::CallEnded {
            account: call.account,
            call: call.id,
            at: answered_at + of.talk,
            disposition,
            reason: None,
            failed_over: disposition == Disposition::Answered,
        });
    }
    world.db.write(writes).await.unwrap();
    call
}

fn ended(tenant: &Tenant, seconds: u64, disposition: Disposition) -> Ended<'_> {
    Ended {
        tenant,
        at: at(seconds),
        caller: Some(1),
        source: None,
        disposition: Some(disposition),
        talk: Duration::from_secs(10),
    }
}

async fn totals_count_each_disposition_and_the_first_time_callers(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    // Before the span: a caller who is known from then on. Another account's call makes nobody known.
    live(&world, ended(&tenant, 0, Disposition::Missed)).await;
    let elsewhere = Ended {
        caller: Some(3),
        ..ended(&other, 0, Disposition::Answered)
    };
    live(&world, elsewhere).await;
    for disposition in Disposition::ALL {
        live(&world, ended(&tenant, 100, *disposition)).await;
    }
    let long = Ended {
        caller: Some(2),
        source: Some((SourceKind::Direct, "Direct")),
        talk: Duration::from_secs(21),
        ..ended(&tenant, 150, Disposition::Answered)
    };
    let recorded = live(&world, long).await;
    let again = Ended {
        caller: Some(2),
        ..ended(&tenant, 160, Disposition::Abandoned)
    };
    live(&world, again).await;
    let unfinished = Ended {
        caller: Some(3),
        disposition: None,
        ..ended(&tenant, 199, Disposition::Missed)
    };
    let failed = live(&world, unfinished).await;
    let withheld = Ended {
        caller: None,
        ..ended(&tenant, 170, Disposition::Missed)
    };
    live(&world, withheld).await;
    live(&world, ended(&tenant, 200, Disposition::Missed)).await;
    db.write(vec![
        Write::RecordingOpened(world.recording(&recorded)),
        Write::RecordingOpened(world.recording(&recorded)),
        Write::RecordingOpened(Recording {
            state: RecordingState::Failed,
            ..world.recording(&failed)
        }),
    ])
    .await
    .unwrap();

    let totals = db
        .call_totals(tenant.account, at(100), at(200))
        .await
        .unwrap();
    assert_eq!(
        totals,
        CallTotals {
            calls: 10,
            answered: 2,
            missed: 2,
            abandoned: 2,
            voicemail: 1,
            rejected: 1,
            failed: 1,
            under_way: 1,
            first_time_callers: 2,
            recorded: 1,
            failed_over: 2,
            attributed: 1,
            average_talk_ms: Some(15_500),
        }
    );
}

async fn an_account_without_calls_has_totals_of_nothing(world: World) {
    let account = world.account().await;
    let totals = world.db.call_totals(account, at(0), at(9)).await.unwrap();
    assert_eq!(totals, CallTotals::default());
    let counts = world.db.row_counts(account, at(0), at(9)).await.unwrap();
    assert_eq!(counts, RowCounts::default());
}

async fn hours_begin_where_the_accounts_clock_says(world: World) {
    let tenant = world.tenant(1).await;
    // START is 16:00:00 UTC.
    assert_eq!(START.as_micros() % 3_600_000_000, 0);
    for (minutes, disposition) in [
        (0, Disposition::Answered),
        (29, Disposition::Missed),
        (31, Disposition::Abandoned),
        (59, Disposition::Rejected),
        (150, Disposition::Answered),
    ] {
        live(&world, ended(&tenant, minutes * 60, disposition)).await;
    }
    let hours = async |offset| {
        world
            .db
            .calls_by_hour(tenant.account, at(0), at(86_400), offset)
            .await
            .unwrap()
    };
    let hour = |minutes: i64, answered, missed, other| HourCount {
        start: Timestamp::from_micros(START.as_micros() + minutes * 60_000_000),
        answered,
        missed,
        other,
    };
    let whole = [hour(0, 1, 2, 1), hour(120, 1, 0, 0)];
    assert_eq!(hours(0).await, whole);
    assert_eq!(hours(-5 * 3600).await, whole);
    let half = [hour(-30, 1, 1, 0), hour(30, 0, 1, 1), hour(150, 1, 0, 0)];
    assert_eq!(hours(5 * 3600 + 1800).await, half);
}

async fn sources_are_ordered_by_their_calls(world: World) {
    let tenant = world.tenant(1).await;
    let mail = Some((SourceKind::Mail, "Newsletter"));
    let paid = Some((SourceKind::Paid, "Google Ads"));
    for (seconds, source, disposition) in [
        (1, mail, Disposition::Answered),
        (2, mail, Disposition::Abandoned),
        (3, paid, Disposition::Answered),
        (4, None, Disposition::Missed),
        (5, mail, Disposition::Rejected),
    ] {
        let call = Ended {
            source,
            ..ended(&tenant, seconds, disposition)
        };
        live(&world, call).await;
    }
    let sources = world.db.calls_by_source(tenant.account, at(0), at(9)).await;
    let count = |source: Option<(SourceKind, &str)>, calls, answered, missed| SourceCount {
        source: source.map(|(kind, name)| (kind, name.to_owned())),
        calls,
        answered,
        missed,
    };
    assert_eq!(
        sources.unwrap(),
        [
            count(mail, 3, 1, 1),
            count(paid, 1, 1, 0),
            count(None, 1, 0, 1)
        ]
    );
}

async fn numbers_are_ordered_by_their_calls(world: World) {
    let mut tenant = world.tenant(1).await;
    let first = tenant.number.clone();
    let second = world.number(tenant.account, 2);
    world.db.add_numbers(vec![second.clone()]).await.unwrap();
    live(&world, ended(&tenant, 1, Disposition::Missed)).await;
    tenant.number = second.clone();
    live(&world, ended(&tenant, 2, Disposition::Answered)).await;
    live(&world, ended(&tenant, 3, Disposition::Failed)).await;
    let numbers = world.db.calls_by_number(tenant.account, at(0), at(9)).await;
    assert_eq!(
        numbers.unwrap(),
        [
            NumberCount {
                number: second.id,
                e164: london(2),
                label: "Number 2".into(),
                calls: 2,
                answered: 1,
                missed: 0,
            },
            NumberCount {
                number: first.id,
                e164: london(1),
                label: "Number 1".into(),
                calls: 1,
                answered: 0,
                missed: 1,
            },
        ]
    );
}

async fn targets_show_how_often_they_rang_and_how_long_they_talked(world: World) {
    let tenant = world.tenant(1).await;
    let call = live(&world, ended(&tenant, 1, Disposition::Answered)).await;
    let busy = world.leg(&tenant, &call, 0);
    let answered = world.leg(&tenant, &call, 1);
    let ended = |leg, answered_at, outcome| Write::LegEnded {
        account: tenant.account,
        leg,
        answered_at,
        ended_at: at(60),
        outcome,
        code: None,
    };
    let writes = vec![
        Write::LegBegun(busy.clone()),
        Write::LegBegun(answered.clone()),
        Write::LegBegun(world.leg(&tenant, &call, 2)),
        ended(busy.id, None, LegOutcome::Busy),
        ended(answered.id, Some(at(20)), LegOutcome::Answered),
    ];
    world.db.write(writes).await.unwrap();
    let targets = world.db.calls_by_target(tenant.account, at(0), at(9)).await;
    assert_eq!(
        targets.unwrap(),
        [TargetCount {
            target: tenant.target.id,
            name: "Front desk".into(),
            rung: 3,
            answered: 1,
            talk_ms: 40_000,
        }]
    );
}

async fn rows_are_counted_in_their_span(world: World) {
    let tenant = world.tenant(1).await;
    for seconds in [1, 5, 9, 10] {
        let visit = world.visit(&tenant, at(seconds));
        let lease = world.lease(&tenant, &visit);
        world
            .db
            .write(vec![
                Write::Lease(Box::new(lease)),
                Write::Visit(Box::new(visit)),
            ])
            .await
            .unwrap();
    }
    let call = live(&world, ended(&tenant, 1, Disposition::Answered)).await;
    let open = Write::RecordingOpened(world.recording(&call));
    world.db.write(vec![open]).await.unwrap();
    let counts = world.db.row_counts(tenant.account, at(2), at(10)).await;
    assert_eq!(
        counts.unwrap(),
        RowCounts {
            visits: 2,
            leases: 2,
            recordings: 1
        }
    );
}

async fn a_caller_waits_to_be_called_back_until_a_later_call_is_answered(world: World) {
    let tenant = world.tenant(1).await;
    let call = async |who, seconds, disposition| {
        let call = Ended {
            caller: who,
            ..ended(&tenant, seconds, disposition)
        };
        live(&world, call).await;
    };
    // Waits, though an earlier call was answered.
    call(Some(1), 10, Disposition::Answered).await;
    call(Some(1), 20, Disposition::Missed).await;
    call(Some(1), 30, Disposition::Abandoned).await;
    // Got through in the end, after the span.
    call(Some(2), 20, Disposition::Missed).await;
    call(Some(2), 900, Disposition::Answered).await;
    // Cannot be called back; was refused; called at another time.
    call(None, 20, Disposition::Missed).await;
    call(Some(3), 20, Disposition::Rejected).await;
    call(Some(4), 100, Disposition::Missed).await;
    let waiting = world
        .db
        .callers_to_call_back(tenant.account, at(0), at(100));
    assert_eq!(waiting.await.unwrap(), 1);
}

async fn minutes_without_calls_are_left_out(world: World) {
    let tenant = world.tenant(1).await;
    for (seconds, disposition) in [
        (0, Disposition::Answered),
        (59, Disposition::Missed),
        (180, Disposition::Failed),
    ] {
        live(&world, ended(&tenant, seconds, disposition)).await;
    }
    let minutes = world
        .db
        .calls_by_minute(tenant.account, at(0), at(600))
        .await;
    let minute = |seconds, answered, missed, other| HourCount {
        start: at(seconds),
        answered,
        missed,
        other,
    };
    assert_eq!(minutes.unwrap(), [minute(0, 1, 1, 0), minute(180, 0, 0, 1)]);
}

async fn visits_are_counted_by_site(world: World) {
    let tenant = world.tenant(1).await;
    let other = world.tenant(2).await;
    for (tenant, seconds) in [(&tenant, 1), (&tenant, 5), (&tenant, 7), (&other, 6)] {
        let mut visit = world.visit(tenant, at(seconds));
        visit.seen_at = at(100 - seconds);
        let write = Write::Visit(Box::new(visit));
        world.db.write(vec![write]).await.unwrap();
    }
    let visits = world.db.visits_by_site(tenant.account, at(5)).await;
    assert_eq!(
        visits.unwrap(),
        [SiteVisits {
            site: tenant.site.id,
            visits: 2,
            last_seen: at(95),
        }]
    );
}
