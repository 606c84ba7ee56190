//! Destinations of conversions, and conversions that are made with the rows that they tell of: one a call and destination.

use ringfence_model::{
    AccountId, Call, CallId, CaseEvidence, Confidence, ConsentRule, Conversion,
    ConversionDestination, ConversionDestinationId, ConversionPlatform, ConversionRule,
    ConversionState, CountedCalls, DeliveryAttempt, Disposition, EvidenceKind, Lead, Timestamp,
    UserId, Visit, Whose, Worth,
};
use ringfence_store::{ConversionResult, Write};

use crate::cases::{case, evidence};
use crate::world::{Tenant, World, at, on_both_engines};

on_both_engines! {
    a_call_of_a_sure_visit_is_told_once_to_each_destination
    calls_from_before_a_destination_and_beside_it_are_not_told
    what_is_said_of_a_call_makes_one_due_again_that_was_passed_over
    an_attempt_is_claimed_by_one_and_never_after_something_new_was_said
    what_was_taken_is_never_due_again
    nothing_is_due_while_an_account_is_frozen_and_it_is_afterwards
    erasing_a_caller_or_a_visit_takes_what_platforms_were_told
    another_account_neither_sees_nor_changes_a_destination
}

const RULE: ConversionRule = ConversionRule {
    counts: CountedCalls::Qualified,
    seconds: 30,
    first_only: true,
    consent: ConsentRule::Told,
    hashed_caller: false,
};

async fn destination(world: &World, account: AccountId, second: u64) -> ConversionDestination {
    let destination = ConversionDestination {
        id: ConversionDestinationId::new(at(second), world.draw()),
        account,
        platform: ConversionPlatform::Meta,
        target: "123456789012345".into(),
        event: "Lead".into(),
        rule: RULE,
        secret: vec![1, 2, 3],
        enabled: true,
        failing_since: None,
        created_at: at(second),
    };
    let added = world.db.add_conversion_destination(&destination);
    added.await.unwrap();
    destination
}

/// A call with a visit, over after 50 s.
async fn call(world: &World, tenant: &Tenant, second: u64) -> (Call, Visit) {
    let visit = world.visit(tenant, at(second));
    world.write_visit(&visit).await;
    let mut call = world.call(tenant, at(second + 10));
    call.visit = Some(visit.id);
    call.source = Some(visit.source.clone());
    call.confidence = Confidence::Certain;
    let writes = story(&call, second + 50);
    world.db.write(writes).await.unwrap();
    (call, visit)
}

fn story(call: &Call, ends: u64) -> Vec<Write> {
    vec![
        Write::CallBegun(Box::new(call.clone())),
        Write::CallEnded {
            account: call.account,
            call: call.id,
            at: at(ends),
            disposition: Disposition::Answered,
            reason: None,
            failed_over: false,
        },
    ]
}

async fn of_call(world: &World, account: AccountId, call: CallId) -> Vec<Conversion> {
    let found = world.db.conversions_of_call(account, call);
    found.await.unwrap()
}

async fn due(world: &World, to: &ConversionDestination, now: Timestamp) -> Vec<Conversion> {
    // What was acknowledged a moment ago may still be on its way to the tables; the log waits for it.
    let log = world.db.conversions(to.account, to.id, None, None, 1);
    log.await.unwrap();
    let found = world.db.due_conversions(to.account, to.id, now, 10);
    found.await.unwrap()
}

async fn say(world: &World, call: &Call, lead: Lead, second: u64) {
    let worth = Worth {
        lead: Some(lead),
        changed_at: at(second),
        ..Worth::none(call.account, call.id, call.started_at)
    };
    world.db.set_worth(&worth).await.unwrap();
}

fn attempt(second: u64) -> DeliveryAttempt {
    DeliveryAttempt {
        number: 1,
        at: at(second),
        duration_ms: 12,
        status: Some(200),
        outcome: "taken".into(),
    }
}

async fn a_call_of_a_sure_visit_is_told_once_to_each_destination(world: World) {
    let (ours, theirs) = (world.tenant(1).await, world.tenant(2).await);
    let one = destination(&world, ours.account, 0).await;
    let other = destination(&world, ours.account, 1).await;
    let stranger = destination(&world, theirs.account, 0).await;
    let (call, visit) = call(&world, &ours, 10).await;
    // Rows are tried again when an answer got lost.
    world.db.write(story(&call, 60)).await.unwrap();
    let told = of_call(&world, ours.account, call.id).await;
    let mut to: Vec<_> = told.iter().map(|told| told.destination).collect();
    to.sort();
    let mut expected = [one.id, other.id];
    expected.sort();
    assert_eq!(to, expected);
    assert_eq!(told[0].visit, Some(visit.id));
    assert_eq!(told[0].happened_at, call.started_at);
    assert_eq!(told[0].next_at, at(60));
    assert_eq!(due(&world, &one, at(59)).await, []);
    assert_eq!(due(&world, &one, at(60)).await.len(), 1);
    let places = world.db.due_conversion_destinations(at(60)).await.unwrap();
    assert_eq!(places, [one.clone(), other]);
    assert_eq!(due(&world, &stranger, at(99)).await, []);
    let known = world.db.conversion_destination(ours.account, one.id).await;
    assert_eq!(known.unwrap(), Some(one));
}

async fn calls_from_before_a_destination_and_beside_it_are_not_told(world: World) {
    let tenant = world.tenant(1).await;
    let late = destination(&world, tenant.account, 1_000).await;
    let (before, _) = call(&world, &tenant, 10).await;
    say(&world, &before, Lead::Converted, 2_000).await;
    let (after, _) = call(&world, &tenant, 3_000).await;
    let mut shared = world.call(&tenant, at(4_000));
    shared.visit = after.visit;
    shared.confidence = Confidence::Shared;
    world.db.write(story(&shared, 4_050)).await.unwrap();
    let nobody = world.call(&tenant, at(5_000));
    world.db.write(story(&nobody, 5_050)).await.unwrap();
    let off = ConversionDestination {
        enabled: false,
        ..late.clone()
    };
    assert!(world.db.update_conversion_destination(&off).await.unwrap());
    let (unheard, _) = call(&world, &tenant, 6_000).await;
    for silent in [&before, &shared, &nobody, &unheard] {
        assert_eq!(of_call(&world, tenant.account, silent.id).await, []);
    }
    assert_eq!(of_call(&world, tenant.account, after.id).await.len(), 1);
    let places = world.db.due_conversion_destinations(at(9_000)).await;
    assert_eq!(places.unwrap(), [], "what is off waits");
}

async fn what_is_said_of_a_call_makes_one_due_again_that_was_passed_over(world: World) {
    let tenant = world.tenant(1).await;
    let to = destination(&world, tenant.account, 0).await;
    let (call, _) = call(&world, &tenant, 10).await;
    let first = due(&world, &to, at(60)).await.remove(0);
    let passed = world.db.pass_conversion_over(&first, "no lead");
    assert!(passed.await.unwrap());
    assert_eq!(due(&world, &to, at(999)).await, []);
    let found = of_call(&world, tenant.account, call.id).await.remove(0);
    assert_eq!(found.state, ConversionState::PassedOver);
    assert_eq!(found.said.as_deref(), Some("no lead"));

    say(&world, &call, Lead::Unqualified, 100).await;
    let again = due(&world, &to, at(100)).await.remove(0);
    assert_eq!((again.id, again.attempts), (first.id, 0));
    assert!(world.db.pass_conversion_over(&again, "x").await.unwrap());
    say(&world, &call, Lead::Qualified, 200).await;
    assert_eq!(due(&world, &to, at(200)).await.len(), 1);
}

async fn an_attempt_is_claimed_by_one_and_never_after_something_new_was_said(world: World) {
    let tenant = world.tenant(1).await;
    let to = destination(&world, tenant.account, 0).await;
    let (call, _) = call(&world, &tenant, 10).await;
    let stale = due(&world, &to, at(60)).await.remove(0);
    say(&world, &call, Lead::Qualified, 61).await;
    let claim = world.db.claim_conversion(&stale, at(90), at(999), "{}");
    assert!(!claim.await.unwrap(), "it was read before");
    assert!(!world.db.pass_conversion_over(&stale, "x").await.unwrap());
    let fresh = due(&world, &to, at(61)).await.remove(0);
    let claim = async || {
        let claim = world.db.claim_conversion(&fresh, at(90), at(999), "{}");
        claim.await.unwrap()
    };
    assert!(claim().await);
    assert!(!claim().await, "somebody has it");
    say(&world, &call, Lead::Converted, 62).await;
    assert_eq!(due(&world, &to, at(89)).await, [], "it is being sent");
    let kept = due(&world, &to, at(90)).await.remove(0);
    assert_eq!((kept.attempts, kept.sent.as_deref()), (1, Some("{}")));
    assert_eq!(kept.retry_until, Some(at(999)));
}

async fn nothing_is_due_while_an_account_is_frozen_and_it_is_afterwards(world: World) {
    let (ours, theirs) = (world.tenant(1).await, world.tenant(2).await);
    let frozen = destination(&world, ours.account, 0).await;
    let free = destination(&world, theirs.account, 0).await;
    for (tenant, to) in [(&ours, &frozen), (&theirs, &free)] {
        call(&world, tenant, 10).await;
        assert_eq!(due(&world, to, at(60)).await.len(), 1);
    }
    let places = async || {
        let places = world.db.due_conversion_destinations(at(60)).await;
        let mut places: Vec<_> = places.unwrap().iter().map(|one| one.id).collect();
        places.sort();
        places
    };
    let mut both = [frozen.id, free.id];
    both.sort();
    assert_eq!(places().await, both);

    let db = &world.db;
    let case = case(&world, &ours, 900);
    db.open_case(&case, &[], true).await.unwrap();
    let by = |kind, second, who: u128| CaseEvidence {
        by: Some(UserId::new(at(0), who)),
        ..evidence(&world, &case, kind, second)
    };
    let confirmed = by(EvidenceKind::Confirmed, 20, 1);
    assert!(db.confirm_case(&confirmed).await.unwrap());
    let freeze = by(EvidenceKind::AccountFrozen, 21, 1);
    assert!(db.freeze_account(&freeze).await.unwrap());
    assert_eq!(places().await, [free.id]);

    for (second, who) in [(30, 1), (31, 2)] {
        let agreed = by(EvidenceKind::ReleaseAgreed, second, who);
        db.agree_to_release(&agreed, 2).await.unwrap();
    }
    assert!(!db.is_frozen(ours.account).await.unwrap());
    assert_eq!(places().await, both, "what waited is told");
}

async fn what_was_taken_is_never_due_again(world: World) {
    let tenant = world.tenant(1).await;
    let to = destination(&world, tenant.account, 0).await;
    let (call, _) = call(&world, &tenant, 10).await;
    let (account, now) = (tenant.account, at(9_000));
    let conversion = due(&world, &to, at(60)).await.remove(0);
    let again = async || {
        let again = world
            .db
            .replay_conversion(account, to.id, conversion.id, now);
        again.await.unwrap()
    };
    let note = async |result| {
        let made = attempt(70);
        let noted = world.db.note_conversion(&conversion, &made, result);
        noted.await.unwrap();
        of_call(&world, account, call.id).await.remove(0)
    };
    let later = note(ConversionResult::Later(at(100))).await;
    assert_eq!(
        (later.state, later.next_at),
        (ConversionState::Pending, at(100))
    );
    let known = world.db.conversion_destination(account, to.id).await;
    assert_eq!(known.unwrap().unwrap().failing_since, Some(at(70)));
    let failed = note(ConversionResult::Failed).await;
    assert_eq!(failed.state, ConversionState::Failed);
    assert!(again().await, "what was given up may be tried again");
    let sent = note(ConversionResult::Sent).await;
    assert_eq!(
        (sent.state, sent.sent_at),
        (ConversionState::Sent, Some(at(70)))
    );
    let known = world.db.conversion_destination(account, to.id).await;
    assert_eq!(known.unwrap().unwrap().failing_since, None);
    assert!(!again().await);
    say(&world, &call, Lead::Converted, 500).await;
    assert_eq!(due(&world, &to, now).await, []);
    let attempts = world.db.delivery_attempts(account, conversion.id).await;
    assert_eq!(attempts.unwrap(), [attempt(70)], "noted once");
    // The log of webhooks is cleared; that a call was told stays.
    world.db.forget_deliveries(at(99_999)).await.unwrap();
    let log = world.db.conversions(account, to.id, None, None, 10).await;
    assert_eq!(log.unwrap().0, [sent]);
}

async fn erasing_a_caller_or_a_visit_takes_what_platforms_were_told(world: World) {
    let tenant = world.tenant(1).await;
    let to = destination(&world, tenant.account, 0).await;
    let account = tenant.account;
    let (mut told, made) = (Vec::new(), attempt(9_000));
    for second in [1_000, 2_000, 3_000] {
        let (call, visit) = call(&world, &tenant, second).await;
        let conversion = due(&world, &to, at(second + 50)).await.remove(0);
        let claimed = world
            .db
            .claim_conversion(&conversion, at(9_000), at(9_999), "abc123");
        assert!(claimed.await.unwrap());
        let noted = world
            .db
            .note_conversion(&conversion, &made, ConversionResult::Sent);
        noted.await.unwrap();
        told.push((call, visit, conversion.id));
    }
    let now = at(100_000);
    let erased = world.db.erase_calls(account, &[told[0].0.id], now).await;
    assert_eq!(erased.unwrap(), 1);
    let visits = world
        .db
        .erase_visits_asked(account, &[told[1].1.id], now)
        .await;
    assert_eq!(visits.unwrap(), 1);
    for (nth, (call, _, id)) in told.iter().enumerate() {
        let left = of_call(&world, account, call.id).await.remove(0);
        assert_eq!(left.state, ConversionState::Sent, "that it was told stays");
        let kept = nth == 2;
        assert_eq!(left.sent.is_some(), kept, "{nth}");
        assert_eq!(left.said.is_some(), kept, "{nth}");
        let attempts = world.db.delivery_attempts(account, *id).await.unwrap();
        assert_eq!(attempts.is_empty(), !kept, "{nth}");
    }
    let first = of_call(&world, account, told[0].0.id).await.remove(0);
    assert_eq!(
        first.visit, None,
        "nothing leads from the call to its visit"
    );
    let batch = world.db.erase_visits(account, at(0), at(50_000), now, 100);
    assert_eq!(batch.await.unwrap().visits, 2);
    let last = of_call(&world, account, told[2].0.id).await.remove(0);
    assert_eq!((last.sent, last.said), (None, None));
    let whose = Whose::Call(told[2].0.id);
    let left = world.db.erasable(account, &whose, now).await.unwrap();
    assert_eq!(left.calls, 1);
}

async fn another_account_neither_sees_nor_changes_a_destination(world: World) {
    let (ours, theirs) = (world.tenant(1).await, world.tenant(2).await);
    let own = destination(&world, ours.account, 0).await;
    let (call, _) = call(&world, &ours, 10).await;
    let conversion = due(&world, &own, at(60)).await.remove(0);
    let (db, them) = (&world.db, theirs.account);
    assert_eq!(db.conversion_destinations(them).await.unwrap(), []);
    let seen = db.conversion_destination(them, own.id).await.unwrap();
    assert_eq!(seen, None);
    let log = db.conversions(them, own.id, None, None, 10).await.unwrap();
    assert_eq!(log, (Vec::new(), None));
    assert_eq!(of_call(&world, them, call.id).await, []);
    let seen = db.conversion(them, own.id, conversion.id).await.unwrap();
    assert_eq!(seen, None);
    let again = db.replay_conversion(them, own.id, conversion.id, at(99));
    assert!(!again.await.unwrap());
    let claimed = ConversionDestination {
        account: them,
        ..own.clone()
    };
    assert!(!db.update_conversion_destination(&claimed).await.unwrap());
    assert!(
        !db.remove_conversion_destination(them, own.id)
            .await
            .unwrap()
    );
    let known = db.conversion_destinations(ours.account).await.unwrap();
    assert_eq!(known, std::slice::from_ref(&own));
    let gone = db.remove_conversion_destination(ours.account, own.id);
    assert!(gone.await.unwrap());
    assert_eq!(of_call(&world, ours.account, call.id).await, []);
}
