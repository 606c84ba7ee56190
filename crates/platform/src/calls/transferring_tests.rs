//! A call is put through with the places of who has it and who gets it, or stays where it is.

use ringfence_callflow::LegFailure;
use ringfence_live::Live;
use ringfence_model::{Party, Step, Strategy};
use ringfence_telephony::PhoneDirectory;

use super::*;
use crate::calls::planned::tests::{NOW, Run, account, active, call, group, known, target};

/// A call that the first target talks on, of these facts.
fn talking(live: &Live, known: Arc<NumberFacts>) -> Run {
    let step = Step::ring(group(), None);
    let mut run = Run::of(live, known, PhoneDirectory::default(), step);
    let leg = run.rung[0];
    run.give(Input::Answered { leg });
    assert_eq!(active(live), [1, 0, 1]);
    run
}

fn wants(run: &mut Run, to: &str, known: Known) {
    let leg = run.rung[0];
    let to = to.to_owned();
    asks(run, Input::Transfer { leg, to }, known);
}

fn asks(run: &mut Run, input: Input, known: Known) {
    run.give(input);
    let wanted = run.desk.try_recv().unwrap();
    *wanted.answer.lock() = Some(known);
    run.give(Input::LookAgain);
}

/// What was told of the last transfer, whether it rings or not.
fn told(run: &Run) -> (bool, &str) {
    match run.transfers.last() {
        Some(CallEventKind::Transferring { reason, .. }) => (true, reason),
        Some(CallEventKind::TransferFailed { reason, .. }) => (false, reason),
        other => panic!("expected a transfer, got {other:?}"),
    }
}

#[test]
fn places_go_from_who_had_the_call_to_who_gets_it() {
    let live = Live::new();
    let facts = known(Strategy::Priority);
    let mut run = talking(&live, Arc::clone(&facts));
    wants(&mut run, "target-2", Ok(facts));
    let words = "Target 1 puts the caller through to Target 2";
    assert_eq!(told(&run), (true, words));
    assert_eq!(active(&live), [1, 1, 1], "both have it for now");
    let leg = run.rung[1];
    run.give(Input::Answered { leg });
    assert_eq!(active(&live), [0, 1, 0], "it was not rung for the group");
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(active(&live), [0, 0, 0]);
}

#[test]
fn a_group_is_rung_without_who_has_the_call_and_its_place_goes_along() {
    let live = Live::new();
    let facts = known(Strategy::Priority);
    let mut run = talking(&live, Arc::clone(&facts));
    wants(&mut run, "sales", Ok(Arc::clone(&facts)));
    assert_eq!(
        told(&run),
        (true, "Target 1 puts the caller through to the group Sales")
    );
    assert_eq!(active(&live), [1, 1, 2]);
    run.last_fails();
    assert!(!told(&run).0, "nobody else is in it");
    assert_eq!(active(&live), [1, 0, 1], "as before");
    wants(&mut run, "sales", Ok(facts));
    let by = Party::Callee;
    run.give(Input::HungUp { by });
    assert_eq!(active(&live), [0, 1, 1], "who put it through has left");
    let leg = *run.rung.last().unwrap();
    run.give(Input::Answered { leg });
    assert_eq!(active(&live), [0, 1, 1]);
    run.give(Input::HungUp { by });
    assert_eq!(active(&live), [0, 0, 0]);
}

#[test]
fn who_is_full_nobody_and_who_may_not_be_dialled_are_not_rung_and_the_words_say_why() {
    let live = Live::new();
    let mut facts = Arc::into_inner(known(Strategy::Priority)).unwrap();
    facts.reach.home = "GB".into();
    let facts = Arc::new(facts);
    let mut run = talking(&live, Arc::clone(&facts));
    let other = live.places(facts.number.account);
    let caps = ringfence_model::Caps::default();
    let busy = other
        .decide()
        .take_target(target(2), None::<TargetGroupId>, &caps, NOW);
    for (to, why) in [
        ("target 2", "Target 2 cannot be rung: full: 1 of 1 calls"),
        ("sales", "the group"),
        ("999", "it is none"),
        ("target 1", "it is the one who talks with the caller"),
        ("+449098790123", "[dialling]"),
        ("+12125550123", "numbers of US may not be dialled"),
        ("+442079460123", "no trunk is known to carry it"),
    ] {
        wants(&mut run, to, Ok(Arc::clone(&facts)));
        let (rings, said) = told(&run);
        let begins = format!("Target 1 wanted to put the caller through to {to:?}: ");
        assert!(!rings && said.starts_with(&begins), "{said}");
        assert!(said.contains(why) || to == "sales", "{to}: {said}");
    }
    let held = Err((403, "the number is out of service".to_owned()));
    wants(&mut run, "target 2", held);
    assert!(told(&run).1.ends_with("the number is out of service"));
    assert_eq!(run.rung.len(), 1, "nobody else was rung");
    drop(busy);
    assert_eq!(active(&live), [1, 0, 1]);
}

#[test]
fn a_number_that_may_be_dialled_rings_over_the_trunk_that_brought_the_call() {
    let live = Live::new();
    let mut facts = Arc::into_inner(known(Strategy::Priority)).unwrap();
    facts.reach.home = "GB".into();
    let send_to = |host: &str| format!("sip:{host}.example.com");
    facts.reach.routes = [
        (TrunkId::new(NOW, 1), send_to("one")),
        (TrunkId::new(NOW, 2), send_to("two")),
    ]
    .into();
    let facts = Arc::new(facts);
    let mut run = talking(&live, Arc::clone(&facts));
    wants(&mut run, "020 7946 0123", Ok(facts));
    let words = "Target 1 puts the caller through to +442079460123";
    assert_eq!(told(&run), (true, words));
    let leg = run.rung[1];
    let failure = LegFailure::Unreachable("gone".into());
    run.give(Input::LegFailed { leg, failure });
    assert_eq!(told(&run), (false, "nobody took the transfer"));
    assert_eq!(active(&live), [1, 0, 1], "as before");
}

#[test]
fn a_call_of_a_server_that_stops_is_put_through_to_nobody() {
    let live = Live::new();
    let mut run = talking(&live, known(Strategy::Priority));
    run.desk.close();
    let leg = run.rung[0];
    run.give(Input::Transfer {
        leg,
        to: "target 2".into(),
    });
    assert_eq!(told(&run), (false, "the server has no time for it"));
}

#[test]
fn a_caller_is_joined_with_the_colleague_of_its_own_callee_whose_place_goes_along() {
    let live = Live::new();
    let facts = known(Strategy::Priority);
    let mut run = talking(&live, Arc::clone(&facts));
    let other = |n| CallId::new(NOW, n);
    let colleagues = run.colleagues.clone();
    let account = facts.number.account;
    let entry = colleagues.enter(other(1), account, target(1)).unwrap();
    let elsewhere = ringfence_model::AccountId::new(NOW, 9);
    let others = [(2, elsewhere, target(1)), (3, account, target(2))]
        .map(|(n, account, by)| colleagues.enter(other(n), account, by));
    assert!(others[0].is_none(), "the phone of one account alone");
    let joins = |run: &mut Run, n| {
        let (leg, with) = (run.rung[0], other(n));
        asks(run, Input::Join { leg, with }, Ok(Arc::clone(&facts)));
    };
    for (n, why) in [
        (1, "not answered yet"),
        (3, "it is none"),
        (4, "it is none"),
    ] {
        joins(&mut run, n);
        let (joined, said) = told(&run);
        assert!(!joined && said.contains(why), "{said}");
        let begins = "Target 1 wanted to join the caller with a colleague: ";
        assert!(said.starts_with(begins), "{said}");
    }
    assert_eq!(active(&live), [1, 0, 1]);
    entry.answered(target(2), NOW);
    // The colleague talks already, and its one place is taken by that.
    let places = live.places(account);
    let caps = ringfence_model::Caps::default();
    let talk = places
        .decide()
        .take_target(target(2), None::<TargetGroupId>, &caps, NOW);
    joins(&mut run, 1);
    let words = "Target 1 joins the caller with Target 2 after a talk of 0 s";
    assert_eq!(told(&run), (true, words));
    drop((talk, entry));
    assert_eq!(active(&live), [1, 1, 1]);
    let leg = run.rung[1];
    run.give(Input::Answered { leg });
    assert_eq!(active(&live), [0, 1, 0]);
    run.give(Input::HungUp { by: Party::Callee });
    assert_eq!(active(&live), [0, 0, 0]);
}

/// Somebody who does not talk in the call wants its caller put through; what that one hears.
async fn wishes(
    run: &mut Run,
    wanted: Wanted,
    known: Option<Known>,
) -> Result<(), PutThroughError> {
    let switchboard = run.switchboard.clone();
    let asked = switchboard.wish(account(), call(), wanted, "ann@example.com".into());
    let looks = async {
        run.give(Input::LookAgain);
        if let Some(known) = known {
            *run.desk.try_recv().unwrap().answer.lock() = Some(known);
            run.give(Input::LookAgain);
        }
    };
    let (said, ()) = tokio::join!(asked, looks);
    said.unwrap()
}

#[tokio::test]
async fn a_caller_is_put_through_by_somebody_who_does_not_talk_and_places_go_along() {
    let live = Live::new();
    let facts = known(Strategy::Priority);
    let mut run = talking(&live, Arc::clone(&facts));
    let wanted = || Wanted::Target(target(2));
    let said = wishes(&mut run, wanted(), Some(Ok(Arc::clone(&facts)))).await;
    assert!(said.is_ok(), "{said:?}");
    let words = "ann@example.com puts the caller through to Target 2";
    assert_eq!(told(&run), (true, words));
    assert_eq!(active(&live), [1, 1, 1], "both have it for now");
    let again = wishes(&mut run, wanted(), None).await;
    assert!(matches!(again, Err(PutThroughError::UnderWay)), "{again:?}");
    run.last_fails();
    assert_eq!(told(&run), (false, "nobody took the transfer"));
    assert_eq!(active(&live), [1, 0, 1], "as before");

    let said = wishes(&mut run, wanted(), Some(Ok(facts))).await;
    assert!(said.is_ok(), "{said:?}");
    let leg = run.rung[2];
    run.give(Input::Answered { leg });
    assert_eq!(active(&live), [0, 1, 0]);
    let itself = Wanted::Target(target(2));
    let said = wishes(&mut run, itself, Some(Ok(known(Strategy::Priority)))).await;
    let Err(PutThroughError::Refused(why)) = said else {
        panic!("expected a refusal, got {said:?}");
    };
    assert_eq!(why, "it is the one who talks with the caller");
    run.give(Input::HungUp { by: Party::Caller });
    let switchboard = run.switchboard.clone();
    let late = switchboard.wish(account(), call(), wanted(), String::new());
    assert!(late.await.is_none(), "it is over");
}

#[tokio::test]
async fn whom_a_phone_could_not_put_a_caller_through_to_nobody_else_can() {
    let live = Live::new();
    let mut facts = Arc::into_inner(known(Strategy::Priority)).unwrap();
    facts.reach.home = "GB".into();
    let facts = Arc::new(facts);
    let step = Step::ring(group(), None);
    let mut run = Run::of(&live, Arc::clone(&facts), PhoneDirectory::default(), step);
    let early = wishes(&mut run, Wanted::Group(group()), None).await;
    assert!(matches!(early, Err(PutThroughError::NotAnswered)));
    assert!(run.transfers.is_empty(), "nothing of it is told");
    let leg = run.rung[0];
    run.give(Input::Answered { leg });
    let caps = ringfence_model::Caps::default();
    let busy =
        live.places(account())
            .decide()
            .take_target(target(2), None::<TargetGroupId>, &caps, NOW);
    let number = |text: &str| Wanted::Number(text.to_owned());
    for (wanted, name, why) in [
        (
            Wanted::Target(target(2)),
            "Target 2",
            "Target 2 cannot be rung: full: 1 of 1 calls",
        ),
        (Wanted::Target(target(9)), "a target", "it is none"),
        (
            number("+12125550123"),
            "\"+12125550123\"",
            "numbers of US may not be dialled",
        ),
    ] {
        let said = wishes(&mut run, wanted, Some(Ok(Arc::clone(&facts)))).await;
        let Err(PutThroughError::Refused(heard)) = said else {
            panic!("expected a refusal, got {said:?}");
        };
        assert!(heard.contains(why), "{heard}");
        let words = format!("ann@example.com wanted to put the caller through to {name}: {heard}");
        assert_eq!(told(&run), (false, words.as_str()));
    }
    let held = Err((403, "the number is out of service".to_owned()));
    let said = wishes(&mut run, Wanted::Group(group()), Some(held)).await;
    assert!(matches!(said, Err(PutThroughError::Refused(why)) if why.contains("out of service")));
    assert_eq!(run.rung.len(), 1, "nobody else was rung");
    drop(busy);
    assert_eq!(active(&live), [1, 0, 1]);
}

#[tokio::test]
async fn what_is_known_too_late_takes_nobodys_place() {
    let live = Live::new();
    let facts = known(Strategy::Priority);
    let mut run = talking(&live, Arc::clone(&facts));
    let leg = run.rung[0];
    run.give(Input::Transfer {
        leg,
        to: "target 2".into(),
    });
    let wanted = run.desk.try_recv().unwrap();
    let late = NOW + std::time::Duration::from_secs(6);
    run.give_at(late, Input::Timeout);
    assert!(!told(&run).0, "given up");
    *wanted.answer.lock() = Some(Ok(facts));
    run.give_at(late, Input::LookAgain);
    assert_eq!(active(&live), [1, 0, 1]);
}
