//! Numbers are dialled as long as their account's minutes last; whoever is no number is rung all the same.

use std::sync::Arc;
use std::time::Duration;

use ringfence_callflow::{Input, LegFailure};
use ringfence_live::Live;
use ringfence_model::{ForwardStep, LegId, Party, Step, Strategy, TrunkId};
use ringfence_telephony::PhoneDirectory;

use super::facts::NumberFacts;
use super::planned::tests::{NOW, Run, account, active, group, known, target};
use crate::minutes::Minutes;

fn trunk() -> TrunkId {
    TrunkId::new(NOW, 1)
}

/// The first target is a number over the trunk, the second an address.
fn with_a_number(strategy: Strategy) -> Arc<NumberFacts> {
    let mut facts = Arc::into_inner(known(strategy)).unwrap();
    facts.reach.home = "GB".into();
    facts.reach.routes = [(trunk(), "sip:one.example.com".to_owned())].into();
    let targets = &mut facts.destinations.targets;
    targets
        .entry(target(1))
        .and_modify(|target| target.uri = "tel:+442079460123".into());
    let profiles = &mut facts.destinations.profiles;
    profiles
        .entry(target(1))
        .and_modify(|profile| profile.trunk = Some(trunk()));
    Arc::new(facts)
}

fn call(live: &Live, minutes: &Minutes, strategy: Strategy) -> Run {
    let step = Step::ring(group(), None);
    let phones = PhoneDirectory::default();
    Run::counted(live, with_a_number(strategy), phones, step, minutes)
}

/// Takes the account's only minute.
fn spend(minutes: &Minutes) {
    let mut spent = minutes.of_call(account(), NOW);
    let leg = LegId::new(NOW, 77);
    spent.begin(leg, NOW).unwrap();
    spent.answered(leg, NOW);
    spent.all_ended(NOW + Duration::from_secs(5));
}

#[test]
fn a_number_beyond_the_limit_is_passed_over_with_the_reason_and_an_address_is_rung() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    spend(&minutes);
    assert_eq!(minutes.held(account()), None, "as many as may be");
    let run = call(&live, &minutes, Strategy::Priority);
    assert_eq!(run.rung.len(), 1);
    assert_eq!(active(&live), [0, 1, 1], "no place is kept at the number");
    let why = "Target 1 is passed over: the account's calls to telephone numbers are held: 2 \
               minutes were dialled within an hour, and 1 may be; whoever runs this server releases it";
    assert!(run.told.iter().any(|told| told == why), "{:?}", run.told);
    assert!(minutes.held(account()).is_some());
}

#[test]
fn a_number_that_rings_in_vain_takes_no_minute_and_one_that_answers_does() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    let mut run = call(&live, &minutes, Strategy::Priority);
    run.last_fails();
    assert_eq!(run.rung.len(), 2, "the address is next");
    drop(run);
    let mut run = call(&live, &minutes, Strategy::Priority);
    assert_eq!(active(&live), [1, 0, 1]);
    let leg = run.rung[0];
    run.give(Input::Answered { leg });
    run.give(Input::HungUp { by: Party::Caller });
    let run = call(&live, &minutes, Strategy::Priority);
    assert_eq!(active(&live), [0, 1, 1], "the minute is spent");
    drop(run);
}

#[test]
fn a_number_that_is_full_takes_no_minute() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    let first = call(&live, &minutes, Strategy::Priority);
    // Its only place is taken, whoever of the account asks.
    let second = call(&live, &minutes, Strategy::Priority);
    assert_eq!(active(&live), [1, 1, 2]);
    assert_eq!(minutes.held(account()), None);
    drop((first, second));
}

#[test]
fn a_call_under_way_goes_on_when_its_account_is_held() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    let mut run = call(&live, &minutes, Strategy::Priority);
    let leg = run.rung[0];
    run.give(Input::Answered { leg });
    let mut other = minutes.of_call(account(), NOW);
    let next = LegId::new(NOW, 78);
    assert!(other.begin(next, NOW).is_err());
    assert_eq!(active(&live), [1, 0, 1], "it talks");
    run.give(Input::HungUp { by: Party::Callee });
    assert_eq!(active(&live), [0, 0, 0]);
}

#[test]
fn a_forward_beyond_the_limit_fails_with_the_reason() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    spend(&minutes);
    let mut facts = Arc::into_inner(known(Strategy::Priority)).unwrap();
    facts.reach.home = "GB".into();
    facts.reach.routes = [(trunk(), "sip:one.example.com".to_owned())].into();
    let step = Step::Forward(ForwardStep {
        number: "+442079460124".parse().unwrap(),
        trunk: trunk(),
        timeout: 20,
        otherwise: None,
    });
    let run = Run::counted(
        &live,
        Arc::new(facts),
        PhoneDirectory::default(),
        step,
        &minutes,
    );
    assert!(run.rung.is_empty());
    let said = run.ended.unwrap();
    assert!(said.contains("telephone numbers are held"), "{said}");
}

#[test]
fn a_number_that_is_dialled_is_given_up_with_its_call() {
    let (live, minutes) = (Live::new(), Minutes::new(1));
    let mut run = call(&live, &minutes, Strategy::Priority);
    let leg = run.rung[0];
    let failure = LegFailure::Unreachable("gone".into());
    run.give(Input::LegFailed { leg, failure });
    run.give(Input::CallerCancelled);
    let next = call(&live, &minutes, Strategy::Priority);
    assert_eq!(active(&live), [1, 0, 1], "the minute was not taken");
    drop(next);
}
