//! What is erased of callers: when calls and recordings are past their time, and on request; and what stays.

use std::time::Duration;

use ringfence_model::{
    Call, CallEvent, CallEventKind, Confidence, Disposition, E164, Erased, ErasedBy, Lead,
    LegOutcome, Recording, RecordingState, Timestamp, Visit, VisitEvent, VisitEventId,
    VisitEventKind, VisitorId, Webhook, WebhookEvent, WebhookId, Whose, Worth,
};
use ringfence_store::{Aged, CallFilter, Db, Erasable, Write};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::world::{START, Tenant, World, at, caller, on_both_engines};

on_both_engines! {
    no_column_of_any_table_holds_the_number_of_a_caller_who_was_erased
    no_column_of_any_table_holds_the_number_once_calls_are_past_their_time
    what_is_counted_of_calls_is_the_same_before_and_after
    a_call_under_way_is_not_touched_and_found_again
    another_accounts_calls_of_the_same_caller_stay
    a_visit_that_merely_may_have_led_to_a_call_is_left_alone
    who_is_erased_by_a_visit_is_erased_with_the_calls_that_came_of_it
    a_withheld_number_is_erased_with_its_one_call
    two_who_erase_the_same_caller_at_once_erase_each_call_once
    a_run_over_old_calls_that_was_cut_goes_on_where_it_stopped
    a_recording_past_its_time_is_silent_at_once_and_erased_when_its_file_is_gone
    an_open_recording_is_left_alone_and_found_again
    pages_that_nobody_told_of_since_are_forgotten
    where_the_setup_names_a_number_is_told
}

const EVER: Timestamp = Timestamp::from_micros(0);
/// Long after everything.
const LATER: u64 = 100_000;

/// Somebody's number wherever it may come to stand: as the caller's, in the carrier's identifier, in reasons in words
/// and in what their visit tells.
struct Story {
    call: Call,
    recording: Recording,
    visit: Visit,
}

fn event(call: &Call, sequence: u32, kind: CallEventKind) -> Write {
    Write::CallEvent(CallEvent {
        call: call.id,
        account: call.account,
        sequence,
        at: call.started_at,
        kind,
    })
}

async fn told(world: &World, tenant: &Tenant, number: &E164, second: u64) -> Story {
    let digits = number.as_str();
    let mut visit = world.visit(tenant, at(second));
    visit.landing_page = format!("https://www.example.com/?tel={digits}");
    visit.referrer = Some(format!("https://search.example/?q={digits}"));
    let mut call = world.call(tenant, at(second + 10));
    call.caller = Some(number.clone());
    call.sip_call_id = format!("{digits}@192.0.2.1");
    call.visit = Some(visit.id);
    call.source = Some(visit.source.clone());
    call.confidence = Confidence::Certain;
    let leg = world.leg(tenant, &call, 0);
    let mut recording = world.recording(&call);
    recording.path = format!("{}.wav", call.id);
    let reasons = [
        CallEventKind::Arrived,
        CallEventKind::Attributed {
            confidence: Confidence::Certain,
            source: Some("Google Ads".into()),
            reason: format!("{digits} was shown it"),
        },
        CallEventKind::Decided {
            step: "menu".into(),
            // As JSON has it: quotes, a backslash, a character that is none.
            reason: format!("\"{digits}\" \\ \u{0} begins with +1, \"reason\":\"{digits}\""),
        },
        CallEventKind::LegFailed {
            leg: leg.id,
            outcome: LegOutcome::Refused,
            code: Some(603),
            reason: format!("no calls from {digits}"),
        },
        CallEventKind::Ended {
            disposition: Disposition::Missed,
            code: Some(480),
            reason: format!("nobody for {digits}"),
        },
    ];
    let mut writes = vec![
        Write::Visit(Box::new(visit.clone())),
        Write::Lease(Box::new(world.lease(tenant, &visit))),
        Write::CallBegun(Box::new(call.clone())),
        Write::LegBegun(leg.clone()),
        Write::RecordingOpened(recording.clone()),
    ];
    writes.extend(
        (0..)
            .zip(reasons)
            .map(|(nth, kind)| event(&call, nth, kind)),
    );
    writes.push(Write::LegEnded {
        account: call.account,
        leg: leg.id,
        answered_at: None,
        ended_at: call.started_at + Duration::from_secs(5),
        outcome: LegOutcome::Refused,
        code: Some(603),
    });
    writes.push(closed(&recording));
    writes.push(Write::CallEnded {
        account: call.account,
        call: call.id,
        at: call.started_at + Duration::from_secs(9),
        disposition: Disposition::Missed,
        reason: Some(format!("nobody for {digits}")),
        failed_over: false,
    });
    world.db.write(writes).await.unwrap();
    let event = VisitEvent {
        id: VisitEventId::new(visit.started_at, world.draw()),
        account: visit.account,
        visit: visit.id,
        at: visit.started_at,
        kind: VisitEventKind::Event,
        name: Some(format!("typed {digits}")),
        data: [("tel".into(), json!(digits))].into(),
    };
    assert!(world.db.add_visit_event(&event).await.unwrap());
    let worth = Worth {
        lead: Some(Lead::Converted),
        value: Some(100),
        tags: vec![format!("call {digits}")],
        note: format!("call {digits} back"),
        ..Worth::none(call.account, call.id, call.started_at)
    };
    world.db.set_worth(&worth).await.unwrap();
    Story {
        call,
        recording,
        visit,
    }
}

fn closed(recording: &Recording) -> Write {
    Write::RecordingClosed {
        account: recording.account,
        recording: recording.id,
        duration_ms: 4_000,
        size: 64_044,
        sha256: Some(vec![7; 32]),
        state: RecordingState::Closed,
    }
}

/// Where a text stands in the rows of an account, and in the tables that are of no account: every column of every table,
/// so that one which is added is looked through as well.
async fn columns_with(world: &World, tenant: &Tenant, text: &str) -> Vec<String> {
    let url = world.database.url();
    let account = tenant.account.0.simple().to_string();
    let mut found = Vec::new();
    if url.starts_with("sqlite:") {
        let mut rows = SqliteConnection::connect(url).await.unwrap();
        let columns = "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
            WHERE m.type = 'table'";
        let columns: Vec<(String, String)> =
            sqlx::query_as(columns).fetch_all(&mut rows).await.unwrap();
        for (table, column) in &columns {
            let bound = columns.contains(&(table.clone(), "account".into()));
            let whose = if bound {
                format!("account = x'{account}' AND")
            } else {
                String::new()
            };
            let sql = format!(
                "SELECT COUNT(*) FROM \"{table}\" WHERE {whose} \
                 instr(CAST(\"{column}\" AS BLOB), CAST('{text}' AS BLOB)) > 0"
            );
            let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut rows).await;
            if row.unwrap().get::<i64, _>(0) > 0 {
                found.push(format!("{table}.{column}"));
            }
        }
        // One that is only dropped is closed by its thread, some time later, and takes SQLite's files away then.
        rows.close().await.unwrap();
    } else {
        let mut rows = PgConnection::connect(url).await.unwrap();
        let columns = "SELECT table_name::text, column_name::text, data_type::text \
            FROM information_schema.columns WHERE table_schema = 'public'";
        let columns: Vec<(String, String, String)> =
            sqlx::query_as(columns).fetch_all(&mut rows).await.unwrap();
        for (table, column, kind) in &columns {
            let bound = columns.iter().any(|(t, c, _)| t == table && c == "account");
            let whose = if bound {
                format!("account = '{account}' AND")
            } else {
                String::new()
            };
            let holds = if kind == "bytea" {
                format!("position('{text}'::bytea in \"{column}\") > 0")
            } else {
                format!("position('{text}' in \"{column}\"::text) > 0")
            };
            let sql = format!("SELECT COUNT(*) FROM \"{table}\" WHERE {whose} {holds}");
            let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut rows).await;
            if row.unwrap().get::<i64, _>(0) > 0 {
                found.push(format!("{table}.{column}"));
            }
        }
    }
    found.sort();
    found
}

/// The columns in which [`told`] leaves a number.
const WHERE_TOLD: [&str; 11] = [
    "call_events.kind",
    "call_worths.note",
    "call_worths.tags",
    "callers.caller",
    "calls.caller",
    "calls.reason",
    "calls.sip_call_id",
    "visit_events.data",
    "visit_events.name",
    "visits.landing_page",
    "visits.referrer",
];

/// A webhook, so that the tables which tell of calls have rows too.
async fn webhook(world: &World, tenant: &Tenant) {
    let webhook = Webhook {
        id: WebhookId::new(START, world.draw()),
        account: tenant.account,
        url: "https://hooks.example.com/".into(),
        events: WebhookEvent::ALL.to_vec(),
        secret: vec![1; 32],
        enabled: true,
        failing_since: None,
        off_reason: None,
        created_at: at(0),
    };
    world.db.add_webhook(&webhook).await.unwrap();
}

/// Erases somebody as the use case does: what is found by goes last.
async fn erase(db: &Db, tenant: &Tenant, whose: &Whose, now: Timestamp) -> (u64, u64) {
    let (mut calls, mut visits) = (0, 0);
    let calls_first = matches!(whose, Whose::Visit(_));
    for turn in [calls_first, !calls_first] {
        if turn {
            let found = db.erasable_calls(tenant.account, whose, now, 100).await;
            calls += db
                .erase_calls(tenant.account, &found.unwrap(), now)
                .await
                .unwrap();
        } else {
            let found = db.erasable_visits(tenant.account, whose, now, 100).await;
            visits += db
                .erase_visits_asked(tenant.account, &found.unwrap(), now)
                .await
                .unwrap();
        }
    }
    (calls, visits)
}

async fn read(db: &Db, call: &Call) -> Call {
    db.call(call.account, call.id).await.unwrap().unwrap()
}

async fn no_column_of_any_table_holds_the_number_of_a_caller_who_was_erased(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    webhook(&world, &tenant).await;
    let (number, other) = (caller(1), caller(2));
    let story = told(&world, &tenant, &number, 100).await;
    told(&world, &tenant, &number, 300).await;
    let kept = told(&world, &tenant, &other, 500).await;
    let digits = &number.as_str()[1..];
    assert_eq!(columns_with(&world, &tenant, digits).await, WHERE_TOLD);

    let whose = Whose::Caller(number.clone());
    let now = at(LATER);
    let found = db.erasable(tenant.account, &whose, now).await.unwrap();
    let expected = Erasable {
        calls: 2,
        under_way: 0,
        recordings: 2,
        visits: 2,
    };
    assert_eq!(found, expected);
    assert_eq!(erase(db, &tenant, &whose, now).await, (2, 2));
    assert_eq!(columns_with(&world, &tenant, digits).await, [""; 0]);
    let again = db.erasable(tenant.account, &whose, now).await.unwrap();
    assert_eq!(again, Erasable::default());
    assert_eq!(erase(db, &tenant, &whose, now).await, (0, 0));

    // What happened can still be told, without the words.
    let events = db.call_events(tenant.account, story.call.id).await.unwrap();
    assert_eq!(events.len(), 5);
    let CallEventKind::LegFailed { code, reason, .. } = &events[3].kind else {
        panic!("{events:?}");
    };
    assert_eq!((*code, reason.as_str()), (Some(603), ""));
    let call = read(db, &story.call).await;
    let source = call.source.unwrap();
    assert_eq!(source.name, "Google Ads");
    assert_eq!(source.campaign.as_deref(), Some("Spring"));
    assert_eq!((source.keyword, call.visit), (None, None));
    assert_eq!(call.disposition, Some(Disposition::Missed));
    let erased = db.call_erased(tenant.account, call.id).await.unwrap();
    let expected = Erased {
        at: now,
        by: ErasedBy::Request,
    };
    assert_eq!(erased, Some(expected));

    // The other caller is as before.
    assert_eq!(
        columns_with(&world, &tenant, &other.as_str()[1..]).await,
        WHERE_TOLD
    );
    let erased = db.call_erased(tenant.account, kept.call.id).await.unwrap();
    assert_eq!(erased, None);
}

async fn no_column_of_any_table_holds_the_number_once_calls_are_past_their_time(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    webhook(&world, &tenant).await;
    let number = caller(1);
    let story = told(&world, &tenant, &number, 100).await;
    let digits = &number.as_str()[1..];
    assert_eq!(columns_with(&world, &tenant, digits).await, WHERE_TOLD);
    let now = at(LATER);
    let span = (EVER, at(200));
    let (calls, next) = db
        .erase_aged(tenant.account, Aged::Calls, span, now, 100)
        .await
        .unwrap();
    assert_eq!((calls, next), (1, at(200)));
    db.erase_visits(tenant.account, EVER, at(200), now, 100)
        .await
        .unwrap();
    assert_eq!(columns_with(&world, &tenant, digits).await, [""; 0]);
    let erased = db.call_erased(tenant.account, story.call.id).await.unwrap();
    assert_eq!(erased.map(|erased| erased.by), Some(ErasedBy::Retention));
    let removing = db.recordings_to_remove(tenant.account, None, 10).await;
    assert_eq!(removing.unwrap()[0].path, story.recording.path);
    let again = db.erase_aged(tenant.account, Aged::Calls, span, now, 100);
    assert_eq!(
        again.await.unwrap().0,
        0,
        "what is erased is not erased again"
    );
}

async fn what_is_counted_of_calls_is_the_same_before_and_after(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for nth in 0..6 {
        told(&world, &tenant, &caller(nth % 3), 1_000 * u64::from(nth)).await;
    }
    let now = at(LATER);
    let totals = || async {
        let mut totals = db.call_totals(tenant.account, EVER, now).await.unwrap();
        // Who calls again after having been erased is new, and nobody who was erased is counted as somebody.
        totals.first_time_callers = 0;
        totals
    };
    let before = totals().await;
    assert_eq!((before.calls, before.recorded), (6, 6));
    let worths = || async { db.worth_by_source(tenant.account, EVER, now).await.unwrap() };
    let worths_before = worths().await;
    assert_eq!(
        (worths_before[0].converted, worths_before[0].value),
        (6, 600)
    );
    let whose = Whose::Caller(caller(0));
    assert_eq!(erase(db, &tenant, &whose, now).await, (2, 2));
    let aged = db.erase_aged(tenant.account, Aged::Calls, (EVER, at(4_500)), now, 100);
    assert_eq!(aged.await.unwrap().0, 3);
    assert_eq!(totals().await, before);
    assert_eq!(worths().await, worths_before);
    let check = db.check_call_sums(tenant.account).await.unwrap();
    assert_eq!((check.calls, check.differing), (6, 0));
    // They are listed as before, and nobody is offered to hear them.
    let all = CallFilter::default();
    let page = db.calls(tenant.account, &all, None, 100).await.unwrap();
    assert_eq!(page.calls.len(), 6);
    let recorded = CallFilter {
        only_recorded: true,
        ..all
    };
    let page = db.calls(tenant.account, &recorded, None, 100).await;
    assert_eq!(page.unwrap().calls.len(), 1);
}

async fn a_call_under_way_is_not_touched_and_found_again(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let mut open = world.call(&tenant, at(10));
    open.sip_call_id = "under-way".into();
    let begun = Write::CallBegun(Box::new(open.clone()));
    world.db.write(vec![begun]).await.unwrap();
    let over = told(&world, &tenant, &caller(1), 20).await;
    let whose = Whose::Caller(caller(1));
    let now = at(LATER);
    let found = db.erasable(tenant.account, &whose, now).await.unwrap();
    assert_eq!((found.calls, found.under_way), (1, 1));
    assert_eq!(erase(db, &tenant, &whose, now).await.0, 1);
    // Named by whoever read it before it was a call under way.
    let named = [open.id];
    let erased = db.erase_calls(tenant.account, &named, now).await.unwrap();
    assert_eq!(erased, 0);
    assert_eq!(read(db, &open).await, open);
    assert_eq!(read(db, &over.call).await.caller, None);

    // By retention neither, and the next run begins with it.
    let span = (EVER, at(LATER));
    let aged = db.erase_aged(tenant.account, Aged::Calls, span, now, 100);
    assert_eq!(aged.await.unwrap().0, 0);
    let left = db.left_of_aged(tenant.account, Aged::Calls, span).await;
    assert_eq!(left.unwrap(), Some(open.started_at));

    // Over, it is left alone for a minute more.
    let ended = Write::CallEnded {
        account: open.account,
        call: open.id,
        at: now,
        disposition: Disposition::Missed,
        reason: None,
        failed_over: false,
    };
    db.write(vec![ended]).await.unwrap();
    let soon = now + Duration::from_secs(59);
    assert_eq!(erase(db, &tenant, &whose, soon).await.0, 0);
    let later = now + Duration::from_secs(61);
    assert_eq!(erase(db, &tenant, &whose, later).await.0, 1);
    assert_eq!(read(db, &open).await.caller, None);
}

async fn another_accounts_calls_of_the_same_caller_stay(world: World) {
    let (db, tenant, other) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    let ours = told(&world, &tenant, &caller(1), 10).await;
    let theirs = told(&world, &other, &caller(1), 10).await;
    let whose = Whose::Caller(caller(1));
    assert_eq!(erase(db, &tenant, &whose, at(LATER)).await, (1, 1));
    let number = caller(1);
    let digits = &number.as_str()[1..];
    assert_eq!(columns_with(&world, &other, digits).await, WHERE_TOLD);
    // Nor are they reached by their names.
    let now = at(LATER);
    let calls = db.erase_calls(tenant.account, &[theirs.call.id], now).await;
    assert_eq!(calls.unwrap(), 0);
    let visits = [theirs.visit.id];
    let visits = db.erase_visits_asked(tenant.account, &visits, now).await;
    assert_eq!(visits.unwrap(), 0);
    for whose in [Whose::Call(theirs.call.id), Whose::Visit(theirs.visit.id)] {
        let found = db.erasable(tenant.account, &whose, now).await.unwrap();
        assert_eq!(found, Erasable::default());
    }
    let recordings = [theirs.recording.id, ours.recording.id];
    db.recordings_removed(tenant.account, &recordings)
        .await
        .unwrap();
    let kept = db.recording(other.account, theirs.recording.id).await;
    assert_eq!(kept.unwrap().unwrap().state, RecordingState::Closed);
    let removing = db.recordings_to_remove(other.account, None, 10).await;
    assert_eq!(removing.unwrap(), []);
    let aged = db.erase_aged(tenant.account, Aged::Recordings, (EVER, now), now, 100);
    aged.await.unwrap();
    let removing = db.recordings_to_remove(other.account, None, 10).await;
    assert_eq!(removing.unwrap(), []);
    assert_eq!(columns_with(&world, &other, digits).await, WHERE_TOLD);
}

async fn a_visit_that_merely_may_have_led_to_a_call_is_left_alone(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let visit = world.visit(&tenant, at(10));
    world.write_visit(&visit).await;
    let mut call = world.call(&tenant, at(20));
    call.visit = Some(visit.id);
    call.confidence = Confidence::Shared;
    let ended = Write::CallEnded {
        account: call.account,
        call: call.id,
        at: at(30),
        disposition: Disposition::Missed,
        reason: None,
        failed_over: false,
    };
    let begun = Write::CallBegun(Box::new(call.clone()));
    db.write(vec![begun, ended]).await.unwrap();
    let by_visit = Whose::Visit(visit.id);
    let found = db.erasable(tenant.account, &by_visit, at(LATER)).await;
    let found = found.unwrap();
    assert_eq!((found.calls, found.visits), (0, 1));
    let by_caller = Whose::Caller(caller(1));
    assert_eq!(erase(db, &tenant, &by_caller, at(LATER)).await, (1, 0));
    let kept = db.visit(tenant.account, visit.id).await.unwrap();
    assert_eq!(kept, Some(visit));
    assert_eq!(read(db, &call).await.visit, None);
}

async fn who_is_erased_by_a_visit_is_erased_with_the_calls_that_came_of_it(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let story = told(&world, &tenant, &caller(1), 10).await;
    // An earlier visit of the same browser, and one of another.
    let earlier = Visit {
        visitor: story.visit.visitor,
        ..world.visit(&tenant, at(5))
    };
    let other = world.visit(&tenant, at(6));
    world.write_visit(&earlier).await;
    world.write_visit(&other).await;
    let whose = Whose::Visit(earlier.id);
    let found = db.erasable(tenant.account, &whose, at(LATER)).await;
    let expected = Erasable {
        calls: 1,
        under_way: 0,
        recordings: 1,
        visits: 2,
    };
    assert_eq!(found.unwrap(), expected);
    assert_eq!(erase(db, &tenant, &whose, at(LATER)).await, (1, 2));
    let number = caller(1);
    let digits = &number.as_str()[1..];
    assert_eq!(columns_with(&world, &tenant, digits).await, [""; 0]);
    let gone = db.visit(tenant.account, earlier.id).await.unwrap().unwrap();
    assert_eq!(gone.landing_page, "");
    assert_eq!(gone.visitor, VisitorId(earlier.id.0));
    let kept = db.visit(tenant.account, other.id).await.unwrap();
    assert_eq!(kept, Some(other));
}

async fn a_withheld_number_is_erased_with_its_one_call(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let story = told(&world, &tenant, &caller(1), 10).await;
    let kept = told(&world, &tenant, &caller(1), 100).await;
    let whose = Whose::Call(story.call.id);
    let found = db.erasable(tenant.account, &whose, at(LATER)).await;
    assert_eq!(found.unwrap().calls, 1);
    assert_eq!(erase(db, &tenant, &whose, at(LATER)).await, (1, 1));
    assert_eq!(read(db, &story.call).await.caller, None);
    assert_eq!(read(db, &kept.call).await.caller, Some(caller(1)));
}

async fn two_who_erase_the_same_caller_at_once_erase_each_call_once(world: World) {
    let tenant = world.tenant(1).await;
    for nth in 0..12 {
        told(&world, &tenant, &caller(1), 100 * nth).await;
    }
    // Another program over the same rows, and the same one twice.
    let second = Db::open(world.database.url()).await.unwrap();
    let whose = Whose::Caller(caller(1));
    let now = at(LATER);
    let erase = async |db: &Db| {
        // Both find everything before one erases.
        let visits = db.erasable_visits(tenant.account, &whose, now, 100).await;
        let calls = db.erasable_calls(tenant.account, &whose, now, 100).await;
        let (visits, mut calls) = (visits.unwrap(), calls.unwrap());
        // In whatever order.
        calls.reverse();
        let visits = db.erase_visits_asked(tenant.account, &visits, now).await;
        let calls = db.erase_calls(tenant.account, &calls, now).await;
        (calls.unwrap(), visits.unwrap())
    };
    let (first, second, third) = tokio::join!(erase(&world.db), erase(&second), erase(&world.db));
    assert_eq!(first.0 + second.0 + third.0, 12);
    assert_eq!(first.1 + second.1 + third.1, 12);
    let number = caller(1);
    let digits = &number.as_str()[1..];
    assert_eq!(columns_with(&world, &tenant, digits).await, [""; 0]);
    let check = world.db.check_call_sums(tenant.account).await.unwrap();
    assert_eq!(check.differing, 0);
}

async fn a_run_over_old_calls_that_was_cut_goes_on_where_it_stopped(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    for nth in 0..5 {
        told(&world, &tenant, &caller(1), 100 * nth).await;
    }
    let (span, now) = ((EVER, at(LATER)), at(LATER));
    let first = db.erase_aged(tenant.account, Aged::Calls, span, now, 2);
    let (calls, next) = first.await.unwrap();
    assert_eq!(calls, 2);
    let set = db.set_erased_through(tenant.account, Aged::Calls, next);
    set.await.unwrap();

    // Another process, which knows nothing but the rows.
    db.close().await;
    let db = Db::open(world.database.url()).await.unwrap();
    let through = db.erased_through(tenant.account, Aged::Calls).await;
    let mut from = through.unwrap().unwrap();
    assert_eq!(from, next);
    let of_recordings = db.erased_through(tenant.account, Aged::Recordings).await;
    assert_eq!(of_recordings.unwrap(), None);
    let mut more = 0;
    while from < span.1 {
        let batch = db.erase_aged(tenant.account, Aged::Calls, (from, span.1), now, 2);
        let (calls, next) = batch.await.unwrap();
        more += calls;
        from = next;
    }
    assert_eq!(more, 3);
    let removing = db.recordings_to_remove(tenant.account, None, 10).await;
    assert_eq!(removing.unwrap().len(), 5);
}

async fn a_recording_past_its_time_is_silent_at_once_and_erased_when_its_file_is_gone(
    world: World,
) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let old = told(&world, &tenant, &caller(1), 10).await;
    let new = told(&world, &tenant, &caller(1), 1_000).await;
    let (span, now) = ((EVER, at(500)), at(LATER));
    let marked = db.erase_aged(tenant.account, Aged::Recordings, span, now, 100);
    assert_eq!(marked.await.unwrap(), (1, at(500)));
    let read = async |recording: &Recording| {
        let found = db.recording(tenant.account, recording.id).await.unwrap();
        found.unwrap()
    };
    assert_eq!(read(&old.recording).await.state, RecordingState::Erasing);
    assert_eq!(read(&new.recording).await.state, RecordingState::Closed);
    // The call itself is as it was.
    let call = db.call(tenant.account, old.call.id).await.unwrap().unwrap();
    assert_eq!(call.caller, Some(caller(1)));

    let list = db.recordings_to_remove(tenant.account, None, 10).await;
    let list = list.unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].path, old.recording.path);
    let place = Some((list[0].started_at, list[0].recording));
    let after = db.recordings_to_remove(tenant.account, place, 10).await;
    assert_eq!(after.unwrap(), [], "what could not be removed is passed");

    // One that is not to go is not said to be gone.
    let gone = [old.recording.id, new.recording.id];
    db.recordings_removed(tenant.account, &gone).await.unwrap();
    let erased = read(&old.recording).await;
    assert_eq!(erased.state, RecordingState::Erased);
    assert_eq!((erased.path.as_str(), erased.sha256), ("", None));
    assert_eq!((erased.duration_ms, erased.size), (4_000, 64_044));
    assert_eq!(read(&new.recording).await.state, RecordingState::Closed);
    let why = db.recording_erased(tenant.account, old.recording.id).await;
    let expected = Erased {
        at: now,
        by: ErasedBy::Retention,
    };
    assert_eq!(why.unwrap(), Some(expected));
    let list = db.recordings_to_remove(tenant.account, None, 10).await;
    assert_eq!(list.unwrap(), []);
}

async fn an_open_recording_is_left_alone_and_found_again(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let call = world.call(&tenant, at(10));
    let recording = world.recording(&call);
    let ended = Write::CallEnded {
        account: call.account,
        call: call.id,
        at: at(30),
        disposition: Disposition::Missed,
        reason: None,
        failed_over: false,
    };
    let begun = Write::CallBegun(Box::new(call.clone()));
    let opened = Write::RecordingOpened(recording.clone());
    db.write(vec![begun, opened, ended]).await.unwrap();
    let (span, now) = ((EVER, at(LATER)), at(LATER));
    for kind in [Aged::Calls, Aged::Recordings] {
        let batch = db.erase_aged(tenant.account, kind, span, now, 100);
        assert_eq!(batch.await.unwrap().0, 0, "{kind:?}");
        let left = db.left_of_aged(tenant.account, kind, span).await;
        assert!(left.unwrap().is_some(), "{kind:?}");
    }
    let whose = Whose::Caller(caller(1));
    let found = db.erasable(tenant.account, &whose, now).await.unwrap();
    assert_eq!((found.calls, found.under_way), (0, 1));
    db.write(vec![closed(&recording)]).await.unwrap();
    for kind in [Aged::Calls, Aged::Recordings] {
        db.erase_aged(tenant.account, kind, span, now, 100)
            .await
            .unwrap();
        let left = db.left_of_aged(tenant.account, kind, span).await;
        assert_eq!(left.unwrap(), None, "{kind:?}");
    }
    let found = db.recording(tenant.account, recording.id).await.unwrap();
    assert_eq!(found.unwrap().state, RecordingState::Erasing);
    assert_eq!(read(db, &call).await.caller, None);
}

async fn pages_that_nobody_told_of_since_are_forgotten(world: World) {
    let (db, tenant, other) = (&world.db, world.tenant(1).await, world.tenant(2).await);
    let report = |tenant: &Tenant, page: &str, second| ringfence_model::PageReport {
        account: tenant.account,
        site: tenant.site.id,
        page: page.into(),
        at: at(second),
        targets: Vec::new(),
    };
    for report in [
        report(&tenant, "www.example.com/old", 10),
        report(&tenant, "www.example.com/new", 20),
        report(&other, "www.example.com/old", 10),
    ] {
        db.put_page_report(&report).await.unwrap();
    }
    let forgotten = db.forget_page_reports(tenant.account, at(20)).await;
    assert_eq!(forgotten.unwrap(), 1);
    let pages = |tenant: &Tenant| db.page_reports(tenant.account, tenant.site.id, 10);
    assert_eq!(pages(&tenant).await.unwrap().len(), 1);
    assert_eq!(pages(&other).await.unwrap().len(), 1);
}

async fn where_the_setup_names_a_number_is_told(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let number: E164 = "+442079460777".parse().unwrap();
    let named = db.setup_with_number(tenant.account, &number).await.unwrap();
    assert_eq!(named, [""; 0]);
    let target = ringfence_model::Target {
        id: ringfence_model::TargetId::new(START, world.draw()),
        account: tenant.account,
        name: "Ann at home".into(),
        uri: "tel:+442079460777".into(),
        enabled: true,
    };
    db.add_target(&target).await.unwrap();
    let named = db.setup_with_number(tenant.account, &number).await.unwrap();
    assert_eq!(named, ["target Ann at home"]);
    let other = world.tenant(2).await;
    let theirs = db.setup_with_number(other.account, &number).await.unwrap();
    assert_eq!(theirs, [""; 0]);
}

/// What is left of an erased caller in the octets of an SQLite file and beside it, as docs/privacy.md says.
#[tokio::test]
async fn after_a_clean_stop_no_octet_of_sqlites_files_holds_the_number() {
    let world = World::sqlite().await;
    let tenant = world.tenant(1).await;
    let number = caller(1);
    for nth in 0..40 {
        told(&world, &tenant, &number, 100 * nth).await;
        told(&world, &tenant, &caller(2), 100 * nth + 50).await;
    }
    let path = world.database.url().strip_prefix("sqlite:").unwrap();
    let files_with = |text: &str| {
        let folder = std::path::Path::new(path).parent().unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let octets = std::fs::read(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
            if octets
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(file.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
        found.sort();
        found
    };
    let digits = &number.as_str()[1..];
    let whose = Whose::Caller(number.clone());
    assert_eq!(erase(&world.db, &tenant, &whose, at(LATER)).await, (40, 40));
    assert_eq!(columns_with(&world, &tenant, digits).await, [""; 0]);
    let running = files_with(digits);
    assert!(
        running.iter().any(|file| file.contains("journal-")),
        "the journal is written over later: {running:?}"
    );
    world.db.close().await;
    assert_eq!(files_with(digits), [""; 0]);
    assert_ne!(files_with(&caller(2).as_str()[1..]), [""; 0]);
}
