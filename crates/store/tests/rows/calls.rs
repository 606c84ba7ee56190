//! The call log.

use std::time::Duration;

use ringfence_model::{
    Call, CallEvent, CallEventKind, CallId, Confidence, Disposition, Leg, LegOutcome, Party,
    Recording, RecordingState, Source, SourceKind,
};
use ringfence_store::{CallFilter, RangCount, Write};

use crate::world::{Tenant, World, at, caller, london, on_both_engines};

on_both_engines! {
    a_call_is_followed_from_its_invite_to_its_end
    a_call_ends_once
    legs_are_read_in_the_order_in_which_they_rang
    events_are_written_once_and_read_in_order
    a_recording_is_opened_and_closed
    each_part_of_the_filter_picks_its_calls
    a_filter_that_fits_no_call_finds_none
    digits_of_many_callers_find_the_same_as_those_of_few
    letters_that_mean_something_to_like_stand_for_themselves
    earlier_calls_are_those_of_the_same_caller_to_the_same_account
}

async fn begin(world: &World, call: &Call) {
    let write = Write::CallBegun(Box::new(call.clone()));
    world.db.write(vec![write]).await.unwrap();
}

fn ended(call: &Call, seconds: u64, disposition: Disposition, reason: &str) -> Write {
    Write::CallEnded {
        account: call.account,
        call: call.id,
        at: at(seconds),
        disposition,
        reason: Some(reason.into()),
        failed_over: true,
    }
}

async fn a_call_is_followed_from_its_invite_to_its_end(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let visit = world.visit(&tenant, at(1));
    let mut call = Call {
        visit: Some(visit.id),
        source: Some(visit.source),
        confidence: Confidence::Certain,
        ..world.call(&tenant, at(2))
    };
    let withheld = Call {
        caller: None,
        plan: None,
        source: Some(Source {
            kind: SourceKind::Referral,
            name: "news.example.com".into(),
            campaign: None,
            keyword: None,
        }),
        ..world.call(&tenant, at(1))
    };
    begin(&world, &call).await;
    begin(&world, &withheld).await;
    assert_eq!(
        db.call(call.account, call.id).await.unwrap(),
        Some(call.clone())
    );
    assert_eq!(
        db.open_calls().await.unwrap(),
        [withheld.clone(), call.clone()]
    );

    db.write(vec![Write::CallAnswered {
        group: None,
        account: call.account,
        call: call.id,
        at: at(5),
        target: tenant.target.id,
        failed_over: true,
    }])
    .await
    .unwrap();
    call.answered_at = Some(at(5));
    call.target = Some(tenant.target.id);
    call.failed_over = true;
    assert_eq!(
        db.call(call.account, call.id).await.unwrap(),
        Some(call.clone())
    );

    for disposition in Disposition::ALL {
        let each = world.call(&tenant, at(3));
        begin(&world, &each).await;
        db.write(vec![ended(&each, 9, *disposition, "because")])
            .await
            .unwrap();
        let found = db.call(each.account, each.id).await.unwrap().unwrap();
        assert_eq!(found.disposition, Some(*disposition));
        assert_eq!(found.ended_at, Some(at(9)));
        assert_eq!(found.reason.as_deref(), Some("because"));
    }
    assert_eq!(db.open_calls().await.unwrap(), [withheld, call]);
}

async fn a_call_ends_once(world: World) {
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    begin(&world, &call).await;
    for write in [
        ended(&call, 4, Disposition::Missed, "486 Busy Here"),
        ended(&call, 9, Disposition::Failed, "interrupted"),
    ] {
        world.db.write(vec![write]).await.unwrap();
    }
    let found = world.db.call(call.account, call.id).await.unwrap().unwrap();
    assert_eq!(found.ended_at, Some(at(4)));
    assert_eq!(found.disposition, Some(Disposition::Missed));
    assert_eq!(found.reason.as_deref(), Some("486 Busy Here"));
}

async fn legs_are_read_in_the_order_in_which_they_rang(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    begin(&world, &call).await;
    let mut legs: Vec<Leg> = (0..6).map(|i| world.leg(&tenant, &call, i)).collect();
    let begun = legs.iter().rev().cloned().map(Write::LegBegun);
    db.write(begun.collect()).await.unwrap();
    assert_eq!(db.legs(call.account, call.id).await.unwrap(), legs);

    for (leg, outcome) in legs.iter_mut().zip(LegOutcome::ALL) {
        let answered = *outcome == LegOutcome::Answered;
        leg.answered_at = answered.then_some(at(3));
        leg.ended_at = Some(at(8));
        leg.outcome = Some(*outcome);
        leg.code = (!answered).then_some(486);
        db.write(vec![Write::LegEnded {
            account: leg.account,
            leg: leg.id,
            answered_at: leg.answered_at,
            ended_at: at(8),
            outcome: *outcome,
            code: leg.code,
        }])
        .await
        .unwrap();
    }
    assert_eq!(db.legs(call.account, call.id).await.unwrap(), legs);

    let rang = RangCount {
        target: legs[0].target,
        rung: u32::try_from(LegOutcome::ALL.len() - 1).unwrap(),
        answered: 1,
    };
    let counted = |since, calls| db.rang_counts(call.account, since, calls);
    assert_eq!(counted(at(1), 9).await.unwrap(), [rang]);
    assert_eq!(counted(at(2), 9).await.unwrap(), []);
    assert_eq!(counted(at(1), 0).await.unwrap(), []);
}

async fn events_are_written_once_and_read_in_order(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let call = world.call(&tenant, at(1));
    begin(&world, &call).await;
    let leg = world.leg(&tenant, &call, 0);
    let kinds = [
        CallEventKind::Arrived,
        CallEventKind::Ringing {
            leg: leg.id,
            target: leg.target,
            name: "Front desk".into(),
            group: None,
            reason: "the first of Sales".into(),
        },
        CallEventKind::Progress {
            leg: leg.id,
            code: 183,
            early_media: true,
        },
        CallEventKind::HungUp { by: Party::Caller },
    ];
    let events: Vec<CallEvent> = (0..)
        .zip(kinds)
        .map(|(sequence, kind)| CallEvent {
            call: call.id,
            account: call.account,
            sequence,
            at: at(1) + Duration::from_millis(sequence.into()),
            kind,
        })
        .collect();
    let writes = || {
        events
            .iter()
            .rev()
            .cloned()
            .map(Write::CallEvent)
            .collect::<Vec<_>>()
    };
    db.write(writes()).await.unwrap();
    let other = CallEvent {
        kind: CallEventKind::Held { by: Party::Callee },
        ..events[3].clone()
    };
    let mut again = writes();
    again.push(Write::CallEvent(other));
    db.write(again).await.unwrap();
    assert_eq!(db.call_events(call.account, call.id).await.unwrap(), events);
}

async fn a_recording_is_opened_and_closed(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    for state in [
        RecordingState::Closed,
        RecordingState::Recovered,
        RecordingState::Failed,
    ] {
        let call = world.call(&tenant, at(1));
        begin(&world, &call).await;
        assert_eq!(
            db.recording_of_call(call.account, call.id).await.unwrap(),
            None
        );
        let open = world.recording(&call);
        db.write(vec![Write::RecordingOpened(open.clone())])
            .await
            .unwrap();
        assert_eq!(
            db.open_recordings().await.unwrap(),
            std::slice::from_ref(&open)
        );
        let sha256 = (state != RecordingState::Failed).then(|| vec![7; 32]);
        let closed = Recording {
            duration_ms: 61_000,
            size: 1_952_044,
            sha256,
            state,
            ..open
        };
        db.write(vec![Write::RecordingClosed {
            account: closed.account,
            recording: closed.id,
            duration_ms: closed.duration_ms,
            size: closed.size,
            sha256: closed.sha256.clone(),
            state,
        }])
        .await
        .unwrap();
        assert_eq!(db.open_recordings().await.unwrap(), []);
        let found = db.recording(closed.account, closed.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&closed));
        let of_call = db.recording_of_call(call.account, call.id).await.unwrap();
        assert_eq!(of_call, Some(closed));
    }
}

/// Adds an ended call and answers how many calls `filter` then finds.
async fn count(world: &World, tenant: &Tenant, filter: CallFilter) -> usize {
    let page = world.db.calls(tenant.account, &filter, None, 100).await;
    page.unwrap().calls.len()
}

/// Three calls, oldest first, the second of which every part of a filter can tell from the others.
async fn three_calls(world: &World, tenant: &Tenant) -> [Call; 3] {
    let db = &world.db;
    let second = world.number(tenant.account, 2);
    db.add_numbers(vec![second.clone()]).await.unwrap();
    let source = Source {
        kind: SourceKind::Campaign,
        name: "Newsletter".into(),
        campaign: Some("Spring Sale".into()),
        keyword: Some("gutters".into()),
    };
    let plain = world.call(tenant, at(10));
    let rich = Call {
        number: second.id,
        dialled: second.e164.clone(),
        caller: Some(caller(42)),
        source: Some(source),
        ..world.call(tenant, at(20))
    };
    let withheld = Call {
        caller: None,
        ..world.call(tenant, at(30))
    };
    for call in [&plain, &rich, &withheld] {
        begin(world, call).await;
    }
    db.write(vec![
        Write::CallAnswered {
            group: None,
            account: rich.account,
            call: rich.id,
            at: at(21),
            target: tenant.target.id,
            failed_over: false,
        },
        ended(&rich, 25, Disposition::Answered, "the caller hung up"),
        Write::RecordingOpened(world.recording(&rich)),
        Write::RecordingOpened(Recording {
            state: RecordingState::Failed,
            ..world.recording(&withheld)
        }),
    ])
    .await
    .unwrap();
    [plain, rich, withheld]
}

async fn each_part_of_the_filter_picks_its_calls(world: World) {
    let db = &world.db;
    let tenant = world.tenant(1).await;
    let [plain, rich, withheld] = three_calls(&world, &tenant).await;
    let all = db
        .calls(tenant.account, &CallFilter::default(), None, 100)
        .await
        .unwrap();
    let order: Vec<_> = all.calls.iter().map(|call| call.id).collect();
    assert_eq!(order, [withheld.id, rich.id, plain.id]);
    assert_eq!(all.next, None);

    let any = CallFilter::default;
    let only_rich = [
        CallFilter {
            from: Some(at(11)),
            to: Some(at(30)),
            ..any()
        },
        CallFilter {
            disposition: Some(Disposition::Answered),
            ..any()
        },
        CallFilter {
            source: Some("Newsletter".into()),
            ..any()
        },
        CallFilter {
            number: Some(rich.number),
            ..any()
        },
        CallFilter {
            target: Some(tenant.target.id),
            ..any()
        },
        CallFilter {
            caller_contains: Some("555-01 42".into()),
            ..any()
        },
        CallFilter {
            dialled: Some(london(2)),
            ..any()
        },
        CallFilter {
            only_recorded: true,
            ..any()
        },
        CallFilter {
            text: Some("spring s".into()),
            ..any()
        },
        CallFilter {
            text: Some("HUNG UP".into()),
            ..any()
        },
        CallFilter {
            text: Some("GUTTER".into()),
            ..any()
        },
        CallFilter {
            from: Some(at(1)),
            text: Some(" newsletter ".into()),
            only_recorded: true,
            ..any()
        },
    ];
    for filter in only_rich {
        let page = db.calls(tenant.account, &filter, None, 100).await.unwrap();
        let found: Vec<_> = page.calls.iter().map(|call| call.id).collect();
        assert_eq!(found, [rich.id], "{filter:?}");
    }
}

async fn a_filter_that_fits_no_call_finds_none(world: World) {
    let tenant = world.tenant(1).await;
    for seconds in [10, 20, 30] {
        begin(&world, &world.call(&tenant, at(seconds))).await;
    }
    let any = CallFilter::default;
    let none = [
        CallFilter {
            from: Some(at(31)),
            ..any()
        },
        CallFilter {
            to: Some(at(10)),
            ..any()
        },
        CallFilter {
            disposition: Some(Disposition::Voicemail),
            ..any()
        },
        CallFilter {
            source: Some("newsletter".into()),
            ..any()
        },
        CallFilter {
            caller_contains: Some("99999".into()),
            ..any()
        },
        CallFilter {
            text: Some("nothing like it".into()),
            ..any()
        },
    ];
    for filter in none {
        assert_eq!(
            count(&world, &tenant, filter.clone()).await,
            0,
            "{filter:?}"
        );
    }
    let blank = CallFilter {
        text: Some("  ".into()),
        caller_contains: Some("anonymous".into()),
        ..any()
    };
    assert_eq!(count(&world, &tenant, blank).await, 3);
}

async fn digits_of_many_callers_find_the_same_as_those_of_few(world: World) {
    let tenant = world.tenant(1).await;
    let other = world.number(tenant.account, 2);
    world.db.add_numbers(vec![other.clone()]).await.unwrap();
    // More numbers than are looked up one by one: +1 212 555 01xx and some in London.
    let mut calls = Vec::new();
    for nth in 0..130_u32 {
        let caller = if nth < 100 { caller(nth) } else { london(nth) };
        for call in 0..2 {
            calls.push(Call {
                caller: Some(caller.clone()),
                number: if nth == 7 { other.id } else { tenant.number.id },
                ..world.call(&tenant, at(u64::from(nth % 50 + 1_000 * call)))
            });
        }
    }
    let begun = |call: &Call| Write::CallBegun(Box::new(call.clone()));
    world
        .db
        .write(calls.iter().map(begun).collect())
        .await
        .unwrap();
    calls.sort_by_key(|call| std::cmp::Reverse((call.started_at, call.id)));
    for digits in ["0", "2125550107", "794601", "12125550", "55501 0", "107"] {
        for number in [None, Some(other.id), Some(tenant.number.id)] {
            let filter = CallFilter {
                caller_contains: Some(digits.into()),
                number,
                ..CallFilter::default()
            };
            let wanted: String = digits.chars().filter(char::is_ascii_digit).collect();
            let fits = |call: &&Call| {
                let caller = call
                    .caller
                    .as_ref()
                    .is_some_and(|caller| caller.as_str().contains(&wanted));
                caller && number.is_none_or(|number| call.number == number)
            };
            let expected: Vec<CallId> = calls.iter().filter(fits).map(|call| call.id).collect();
            // Page by page, also where many began at once.
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = world
                    .db
                    .calls(tenant.account, &filter, after, 7)
                    .await
                    .unwrap();
                found.extend(page.calls.iter().map(|call| call.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "{digits}, {number:?}");
        }
    }
}

async fn letters_that_mean_something_to_like_stand_for_themselves(world: World) {
    let tenant = world.tenant(1).await;
    for (seconds, reason) in [(1, "100% sure!"), (2, "a_b"), (3, "plain")] {
        let call = world.call(&tenant, at(seconds));
        begin(&world, &call).await;
        let write = ended(&call, seconds, Disposition::Failed, reason);
        world.db.write(vec![write]).await.unwrap();
    }
    for (text, expected) in [
        ("%", 1),
        ("_", 1),
        ("!", 1),
        ("0% s", 1),
        ("\\", 0),
        ("'", 0),
    ] {
        let filter = CallFilter {
            text: Some(text.into()),
            ..CallFilter::default()
        };
        assert_eq!(count(&world, &tenant, filter).await, expected, "{text}");
    }
}

async fn earlier_calls_are_those_of_the_same_caller_to_the_same_account(world: World) {
    let (here, elsewhere) = (world.tenant(1).await, world.tenant(2).await);
    let by = |tenant: &Tenant, seconds, from| Call {
        caller: from,
        ..world.call(tenant, at(seconds))
    };
    let last = by(&here, 9, Some(caller(1)));
    let withheld = by(&here, 9, None);
    for call in [
        by(&here, 1, Some(caller(1))),
        by(&here, 2, Some(caller(1))),
        by(&here, 3, Some(caller(2))),
        by(&here, 4, None),
        by(&here, 10, Some(caller(1))),
        by(&elsewhere, 5, Some(caller(1))),
        last.clone(),
        withheld.clone(),
    ] {
        begin(&world, &call).await;
    }
    assert_eq!(world.db.earlier_calls(&last, 99).await.unwrap(), 2);
    assert_eq!(world.db.earlier_calls(&last, 1).await.unwrap(), 1);
    assert_eq!(world.db.earlier_calls(&withheld, 99).await.unwrap(), 0);
}
