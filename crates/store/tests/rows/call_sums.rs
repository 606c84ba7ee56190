//! Sums of calls are what counting the calls gives, whatever happens to calls.

use std::time::Duration;

use ringfence_model::{
    Call, CallId, Disposition, Lead, NumberId, Recording, RecordingState, Source, SourceKind,
    Timestamp, Worth,
};
use ringfence_store::{Db, Write};

use crate::world::{
    Tenant, World, at, caller, count, draw_below as draw, execute, literal, on_both_engines,
};

on_both_engines! {
    every_report_of_a_month_is_what_counting_its_calls_gives
    a_wrong_sum_is_found_and_made_anew
    calls_from_before_there_were_sums_are_counted_by_the_migration
    two_programs_add_to_the_same_sums
    a_caller_is_known_only_while_a_call_has_the_number
}

const DAY: u64 = 86_400;

fn drawn_call(world: &World, tenant: &Tenant, numbers: &[NumberId], started_at: Timestamp) -> Call {
    let sources = [
        None,
        Some((SourceKind::Paid, "Google Ads")),
        Some((SourceKind::Search, "Google")),
        Some((SourceKind::Search, "Google Ads")),
    ];
    let draw = |below: usize| usize::try_from(draw(world, below as u64)).unwrap();
    Call {
        number: numbers[draw(numbers.len())],
        caller: Some(draw(40)).filter(|who| *who > 0).map(|who| {
            // Some call often, many once or twice.
            caller(u32::try_from(if who < 8 { who } else { draw(100) }).unwrap())
        }),
        source: sources[draw(sources.len())].map(|(kind, name)| Source {
            kind,
            name: name.into(),
            campaign: None,
            keyword: None,
        }),
        ..world.call(tenant, started_at)
    }
}

fn answered(call: &Call, tenant: &Tenant, failed_over: bool) -> Write {
    Write::CallAnswered {
        account: call.account,
        call: call.id,
        at: call.started_at + Duration::from_secs(3),
        target: tenant.target.id,
        group: None,
        failed_over,
    }
}

fn ended(call: &Call, disposition: Disposition, seconds: u64) -> Write {
    Write::CallEnded {
        account: call.account,
        call: call.id,
        at: call.started_at + Duration::from_secs(3 + seconds),
        disposition,
        reason: None,
        failed_over: seconds.is_multiple_of(3),
    }
}

/// A month of calls: some come late, some twice, some never end; some are corrected, some erased.
async fn month(world: &World, tenant: &Tenant) -> Vec<CallId> {
    let db = &world.db;
    let more = [
        world.number(tenant.account, 2),
        world.number(tenant.account, 3),
    ];
    db.add_numbers(more.to_vec()).await.unwrap();
    let numbers = [tenant.number.id, more[0].id, more[1].id];
    let mut calls = Vec::new();
    for day in 0..30 {
        for _ in 0..8 {
            // One in four comes days late, and many on the border of a quarter of an hour.
            let late = if draw(world, 4) == 0 {
                draw(world, 12)
            } else {
                0
            };
            let quarter = (day + 12 - late) * DAY + draw(world, 96) * 900;
            let beside = [0, 0, 1, draw(world, 900)][usize::try_from(draw(world, 4)).unwrap()];
            let call = drawn_call(world, tenant, &numbers, at(quarter + beside));
            let begun = Write::CallBegun(Box::new(call.clone()));
            let disposition = Disposition::ALL[usize::try_from(draw(world, 6)).unwrap()];
            let mut writes = vec![begun.clone()];
            if disposition == Disposition::Answered {
                writes.push(answered(&call, tenant, draw(world, 2) == 0));
            }
            if draw(world, 9) > 0 {
                writes.push(ended(&call, disposition, draw(world, 600)));
            }
            if draw(world, 3) == 0 {
                // Twice; and an ending that comes after another one does not stand.
                writes.extend(writes.clone());
                writes.push(ended(&call, Disposition::Failed, 700));
            }
            // Together or one by one, in this transaction or in many.
            if draw(world, 2) == 0 {
                db.write(writes).await.unwrap();
            } else {
                for write in writes {
                    db.write(vec![write]).await.unwrap();
                }
            }
            if draw(world, 3) == 0 {
                recorded(world, &call).await;
            }
            if draw(world, 3) == 0 {
                said(world, &call).await;
            }
            calls.push(call.id);
        }
    }
    calls
}

/// One recording or two, some of which fail.
async fn recorded(world: &World, call: &Call) {
    for _ in 0..=draw(world, 2) {
        let recording = world.recording(call);
        let open = Write::RecordingOpened(recording.clone());
        world.db.write(vec![open]).await.unwrap();
        let closed = Write::RecordingClosed {
            account: call.account,
            recording: recording.id,
            duration_ms: 1,
            size: 1,
            sha256: None,
            state: [RecordingState::Closed, RecordingState::Failed]
                [usize::try_from(draw(world, 2)).unwrap()],
        };
        world.db.write(vec![closed]).await.unwrap();
    }
    let failed = Write::RecordingOpened(Recording {
        state: RecordingState::Failed,
        ..world.recording(call)
    });
    world.db.write(vec![failed]).await.unwrap();
}

/// Something, and then perhaps something else.
async fn said(world: &World, call: &Call) {
    let leads = [
        None,
        Some(Lead::Unqualified),
        Some(Lead::Qualified),
        Some(Lead::Converted),
    ];
    for _ in 0..=draw(world, 2) {
        let worth = Worth {
            lead: leads[usize::try_from(draw(world, 4)).unwrap()],
            value: (draw(world, 2) == 0).then(|| i64::try_from(draw(world, 900)).unwrap()),
            tags: vec!["quote".into()],
            ..Worth::none(call.account, call.id, call.started_at)
        };
        world.db.set_worth(&worth).await.unwrap();
    }
}

/// Every report by sums and by counting, for spans that begin and end anywhere.
async fn compare(world: &World, tenant: &Tenant) {
    let (db, account) = (&world.db, tenant.account);
    let mut spans = vec![(at(0), at(60 * DAY)), (at(12 * DAY), at(42 * DAY))];
    for _ in 0..24 {
        let begin = draw(world, 40 * DAY);
        let length = [900, 7_200, DAY, 30 * DAY][usize::try_from(draw(world, 4)).unwrap()];
        spans.push((at(begin), at(begin + draw(world, length))));
        let begin = begin / 900 * 900;
        spans.push((at(begin), at(begin + draw(world, 200) * 900)));
    }
    for (from, to) in spans {
        let counted = db.call_totals_one_by_one(account, from, to).await.unwrap();
        let summed = db.call_totals(account, from, to).await.unwrap();
        assert_eq!(summed, counted, "{from:?} to {to:?}");
        let summed = db.callers_to_call_back(account, from, to).await.unwrap();
        let counted = db.callers_to_call_back_one_by_one(account, from, to).await;
        assert_eq!(summed, counted.unwrap(), "{from:?} to {to:?}");
        let summed = db.worth_by_source(account, from, to).await.unwrap();
        let counted = db.worth_by_source_one_by_one(account, from, to).await;
        assert_eq!(summed, counted.unwrap(), "{from:?} to {to:?}");
        let summed = db.calls_by_source(account, from, to).await.unwrap();
        let counted = db.calls_by_source_one_by_one(account, from, to).await;
        assert_eq!(summed, counted.unwrap(), "{from:?} to {to:?}");
        let summed = db.calls_by_number(account, from, to).await.unwrap();
        let counted = db.calls_by_number_one_by_one(account, from, to).await;
        assert_eq!(summed, counted.unwrap(), "{from:?} to {to:?}");
        // London, Kolkata, Kathmandu, St John's, and Amsterdam before 1937.
        for offset in [3_600, 19_800, 20_700, -12_600, 1_172] {
            let summed = db.calls_by_hour(account, from, to, offset).await.unwrap();
            let counted = db.calls_by_hour_one_by_one(account, from, to, offset).await;
            assert_eq!(summed, counted.unwrap(), "{from:?} to {to:?} at {offset}");
        }
    }
    let check = db.check_call_sums(account).await.unwrap();
    assert_eq!((check.differing, check.first), (0, None));
}

async fn every_report_of_a_month_is_what_counting_its_calls_gives(world: World) {
    let tenant = world.tenant(1).await;
    let other = world.tenant(9).await;
    let calls = month(&world, &tenant).await;
    compare(&world, &tenant).await;

    let whole = db_totals(&world, &tenant).await;
    assert!(whole.0 > 20 && whole.1 > 5 && whole.2 > 20, "{whole:?}");
    let corrections = [
        "disposition = 'voicemail', ended_at = started_at + 5",
        "source_kind = 'referral', source_name = 'example.com'",
        "source_kind = NULL, source_name = NULL",
        "started_at = started_at - 86400000001",
        "answered_at = started_at, ended_at = started_at + 7000000, disposition = 'answered'",
        "ended_at = NULL, disposition = NULL",
        "caller = NULL, campaign = 'erased', keyword = NULL",
        "caller = '+12125550101'",
        "disposition = 'missed'",
        "disposition = 'abandoned', answered_at = NULL",
        "answered_at = started_at",
    ];
    for (nth, call) in calls.iter().enumerate().filter(|(nth, _)| nth % 3 == 0) {
        let call = literal(&world, *call);
        let sql = match corrections.get(nth / 3 % (corrections.len() + 1)) {
            Some(change) => format!("UPDATE calls SET {change} WHERE id = {call}"),
            None => format!(
                "DELETE FROM recordings WHERE call = {call}; DELETE FROM calls WHERE id = {call}"
            ),
        };
        execute(&world, &sql).await;
    }
    for (nth, call) in calls.iter().enumerate().filter(|(nth, _)| nth % 5 == 0) {
        let call = literal(&world, *call);
        let sql = [
            format!("UPDATE recordings SET state = 'closed' WHERE call = {call}"),
            format!("UPDATE recordings SET state = 'failed' WHERE call = {call}"),
            format!("UPDATE recordings SET state = 'erased' WHERE call = {call}"),
            format!("DELETE FROM recordings WHERE call = {call} AND state = 'closed'"),
            format!("DELETE FROM call_worths WHERE call = {call}"),
            format!("UPDATE call_worths SET lead = NULL, value = 7 WHERE call = {call}"),
        ];
        execute(&world, &sql[nth / 5 % sql.len()]).await;
    }
    // What was done past the writer is added with the next call, of whichever account.
    let call = world.call(&other, at(0));
    let begun = vec![Write::CallBegun(Box::new(call))];
    world.db.write(begun).await.unwrap();
    compare(&world, &tenant).await;

    world.db.rebuild_call_sums(tenant.account).await.unwrap();
    compare(&world, &tenant).await;
    let totals = world.db.call_totals(other.account, at(0), at(DAY)).await;
    assert_eq!(totals.unwrap().calls, 1, "another account's sums stay");
}

/// First-time callers, callers to call back and recorded calls of all.
async fn db_totals(world: &World, tenant: &Tenant) -> (u64, u64, u64) {
    let (db, account, ever) = (&world.db, tenant.account, (at(0), at(60 * DAY)));
    let totals = db.call_totals(account, ever.0, ever.1).await.unwrap();
    let waiting = db.callers_to_call_back(account, ever.0, ever.1).await;
    (totals.first_time_callers, waiting.unwrap(), totals.recorded)
}

async fn a_wrong_sum_is_found_and_made_anew(world: World) {
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1_000));
    let writes = vec![
        Write::CallBegun(Box::new(call.clone())),
        ended(&call, Disposition::Missed, 1),
    ];
    world.db.write(writes).await.unwrap();
    said(&world, &call).await;
    for sql in [
        "UPDATE call_sums SET missed = missed + 1 WHERE width = 900",
        "DELETE FROM call_sums_by_source WHERE width = 86400",
        "UPDATE call_sums_by_number SET talk = 1 WHERE width = 900",
        "UPDATE overview_sums SET to_call_back = 0 WHERE width = 86400",
        "UPDATE worth_sums SET value = 1 WHERE width = 900",
    ] {
        world.db.call(tenant.account, call.id).await.unwrap();
        execute(&world, sql).await;
        let check = world.db.check_call_sums(tenant.account).await.unwrap();
        assert_eq!((check.calls, check.differing), (1, 1), "{sql}");
        assert!(check.first.is_some_and(|first| first <= at(1_000)));
        world.db.rebuild_call_sums(tenant.account).await.unwrap();
        let check = world.db.check_call_sums(tenant.account).await.unwrap();
        assert_eq!((check.differing, check.first), (0, None), "{sql}");
    }
}

async fn calls_from_before_there_were_sums_are_counted_by_the_migration(world: World) {
    let tenant = world.tenant(1).await;
    for seconds in [0, DAY, 3 * DAY] {
        let call = world.call(&tenant, at(seconds));
        let begun = vec![Write::CallBegun(Box::new(call))];
        world.db.write(begun).await.unwrap();
    }
    world
        .db
        .call_totals(tenant.account, at(0), at(1))
        .await
        .unwrap();
    // As the tables were left by the migration: calls, no sums, and the account to be done.
    execute(
        &world,
        "DELETE FROM call_sums; DELETE FROM call_sums_by_source; DELETE FROM call_sums_by_number; \
         DELETE FROM callers; DELETE FROM overview_sums; DELETE FROM worth_sums; \
         INSERT INTO call_sums_due SELECT id FROM accounts",
    )
    .await;
    let due = world.db.accounts_without_call_sums().await.unwrap();
    assert_eq!(due, [tenant.account]);
    world.db.migrate().await.unwrap();
    assert_eq!(world.db.accounts_without_call_sums().await.unwrap(), []);
    let check = world.db.check_call_sums(tenant.account).await.unwrap();
    assert_eq!((check.calls, check.differing), (3, 0));
}

async fn two_programs_add_to_the_same_sums(world: World) {
    let tenant = world.tenant(1).await;
    let second = Db::open(world.database.url()).await.unwrap();
    let calls: Vec<Call> = (0..60).map(|nth| world.call(&tenant, at(nth))).collect();
    let write = async |db: &Db, calls: &[Call]| {
        for call in calls {
            let begun = vec![Write::CallBegun(Box::new(call.clone()))];
            db.write(begun).await.unwrap();
            let over = vec![ended(call, Disposition::Missed, 1)];
            db.write(over).await.unwrap();
        }
    };
    let rebuild = async {
        for _ in 0..5 {
            second.rebuild_call_sums(tenant.account).await.unwrap();
        }
    };
    tokio::join!(
        write(&world.db, &calls[..30]),
        write(&second, &calls[30..]),
        rebuild
    );
    let check = world.db.check_call_sums(tenant.account).await.unwrap();
    assert_eq!((check.calls, check.differing), (60, 0));
    second.close().await;
}

async fn a_caller_is_known_only_while_a_call_has_the_number(world: World) {
    let tenant = world.tenant(1).await;
    let known = async || count(&world, "SELECT COUNT(*) FROM callers").await;
    let call = |who, seconds| Call {
        caller: Some(caller(who)),
        ..world.call(&tenant, at(seconds))
    };
    let calls = [call(1, 10), call(1, 2 * DAY), call(2, 20)];
    for call in &calls {
        let writes = vec![
            Write::CallBegun(Box::new(call.clone())),
            ended(call, Disposition::Missed, 1),
        ];
        world.db.write(writes).await.unwrap();
    }
    assert_eq!(db_totals(&world, &tenant).await, (2, 2, 0));
    assert_eq!(known().await, 2);
    let whose = [calls[0].id];
    let erased = world.db.erase_calls(tenant.account, &whose, at(9 * DAY));
    assert_eq!(erased.await.unwrap(), 1);
    // Who called before and was erased is new with the call that is left.
    let second_day = world.db.call_totals(tenant.account, at(DAY), at(3 * DAY));
    assert_eq!(second_day.await.unwrap().first_time_callers, 1);
    let whose = [calls[1].id, calls[2].id];
    let erased = world.db.erase_calls(tenant.account, &whose, at(9 * DAY));
    assert_eq!(erased.await.unwrap(), 2);
    assert_eq!(db_totals(&world, &tenant).await, (0, 0, 0));
    assert_eq!(known().await, 0);
    assert_eq!(
        count(&world, "SELECT COUNT(*) FROM caller_changes").await,
        0
    );
}
