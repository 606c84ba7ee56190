//! The way of a call through its plan.

mod world;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ringfence_model::{PlanDocument, Step, Strategy as Order, Timestamp};
use ringfence_routing::{
    Chance, Decision, Instruction, MAX_STEPS_OF_A_CALL, RingMode, StepOutcome, Walk, validate,
};
use world::{NOW, World, any_plan, bits, group_id, plan, target_id, words};

fn next_at(walk: &mut Walk, world: &World, now: Timestamp) -> Decision {
    let mut bits = bits(1);
    walk.next(&world.view(), now, &mut Chance::new(&mut bits))
}

fn next(walk: &mut Walk, world: &World) -> Decision {
    next_at(walk, world, NOW)
}

fn path(decision: &Decision) -> Vec<String> {
    decision
        .path
        .iter()
        .map(|entry| format!("{}: {}", entry.step, entry.reason))
        .collect()
}

fn from_toml(text: &str) -> PlanDocument {
    let plan: PlanDocument = toml::from_str(text).expect("it has the form of a plan");
    validate(&plan, None).expect("it is sound");
    plan
}

fn begin(text: &str) -> Walk {
    Walk::begin(Arc::new(from_toml(text)))
}

/// A shop: hours, a case for German, a menu, a queue, a voice mail.
const SHOP: &str = r#"
start = "hours"
[steps.hours.schedule]
open = "language"
otherwise = "mailbox"
[steps.hours.schedule.hours]
zone = "Europe/London"
week.mon = ["09:00-17:30"]
[steps.language.match]
otherwise = "menu"
cases = [{ step = "german", when = { visitor_language = ["de"] } }]
[steps.german.ring]
group = "00000000-0000-7000-8000-000000000000"
otherwise = "menu"
[steps.menu.menu]
prompt = "welcome"
tries = 2
keys = { 1 = "sales", 2 = "wait" }
otherwise = "sales"
[steps.sales.ring]
group = "00000000-0000-7000-8000-000000000001"
strategy = "simultaneous"
timeout = 12
whisper = "sales"
otherwise = "mailbox"
[steps.wait.queue]
group = "00000000-0000-7000-8000-000000000001"
length = 2
longest_wait = 90
call_back_key = "9"
otherwise = "mailbox"
[steps.mailbox.voicemail]
longest = 60
"#;

#[test]
fn the_language_case_of_the_field() {
    let mut world = World::of(&[&[1], &[2, 3]]);
    world.facts.visitor_languages = words(&["de-AT"]);
    let mut walk = begin(SHOP);
    let german = next(&mut walk, &world);
    assert_eq!(
        path(&german),
        [
            "hours: open: Mon 10:00 in Europe/London lies in 09:00-17:30; on to \"language\"",
            "language: case 1 holds: the visitor's language is \"de-AT\"; on to \"german\"",
            "german: 1 of group \"G0\" can be rung",
        ]
    );
    let Instruction::Ring { choices, mode, .. } = german.instruction else {
        panic!("{:?}", german.instruction);
    };
    assert_eq!(choices[0].target, target_id(1));
    assert_eq!(mode, RingMode::Sequential);
    walk.outcome(StepOutcome::NotAnswered {
        reason: "no answer in 20 s".into(),
    });
    let menu = next(&mut walk, &world);
    assert_eq!(
        path(&menu),
        [
            "german: nobody answered: no answer in 20 s; on to \"menu\"",
            "menu: asks \"welcome\", try 1 of 2"
        ]
    );
    walk.outcome(StepOutcome::Answered);
    assert!(walk.is_over());
}

#[test]
fn a_menu_asks_again_and_then_goes_on() {
    let world = World::of(&[&[1], &[2, 3]]);
    let mut walk = begin(SHOP);
    let first = next(&mut walk, &world);
    assert!(matches!(
        first.instruction,
        Instruction::Menu { attempt: 1, .. }
    ));
    walk.outcome(StepOutcome::Key('7'));
    let second = next(&mut walk, &world);
    assert_eq!(
        path(&second),
        ["menu: the caller pressed 7; asks again, try 2 of 2"]
    );
    assert!(matches!(
        second.instruction,
        Instruction::Menu { attempt: 2, .. }
    ));
    walk.outcome(StepOutcome::NoKey);
    let sales = next(&mut walk, &world);
    assert_eq!(
        sales.path[0].reason,
        "the caller pressed no key; on to \"sales\""
    );
    let Instruction::Ring {
        choices,
        mode,
        options,
        strategy,
        ..
    } = sales.instruction
    else {
        panic!("{:?}", sales.instruction);
    };
    assert_eq!(
        (mode, strategy),
        (RingMode::Simultaneous, Order::Simultaneous)
    );
    assert_eq!(options.whisper.as_deref(), Some("sales"));
    assert_eq!(choices.len(), 2);
    assert_eq!(choices[0].ring_timeout, Duration::from_secs(12));
}

#[test]
fn a_key_leads_to_its_step_at_any_try() {
    let world = World::of(&[&[1], &[2, 3]]);
    for wrong_keys in 0..2 {
        let mut walk = begin(SHOP);
        next(&mut walk, &world);
        for _ in 0..wrong_keys {
            walk.outcome(StepOutcome::Key('*'));
            next(&mut walk, &world);
        }
        walk.outcome(StepOutcome::Key('2'));
        let queue = next(&mut walk, &world);
        assert!(
            matches!(queue.instruction, Instruction::Queue { .. }),
            "{queue:?}"
        );
        assert_eq!(walk.step(), Some("wait"));
    }
}

#[test]
fn a_queue_knows_who_is_free_later_and_turns_away_when_it_is_full() {
    let mut world = World::of(&[&[1], &[2, 3]]);
    world.target(2).enabled = false;
    world.target(3).enabled = false;
    let waiting = |world: &World| {
        let mut walk = begin(SHOP);
        next(&mut walk, world);
        walk.outcome(StepOutcome::Key('2'));
        let decision = next(&mut walk, world);
        (walk, decision)
    };
    let (mut walk, decision) = waiting(&world);
    let Instruction::Queue {
        choices,
        longest_wait,
        call_back_key,
        ..
    } = decision.instruction
    else {
        panic!("{decision:?}");
    };
    assert!(choices.is_empty());
    assert_eq!(longest_wait, Duration::from_secs(90));
    assert_eq!(call_back_key.as_deref(), Some("9"));

    world.target(3).enabled = true;
    let mut bits = bits(1);
    let free = walk
        .free_now(&world.view(), NOW, &mut Chance::new(&mut bits))
        .expect("the call waits");
    assert_eq!(free.choices[0].target, target_id(3));
    walk.outcome(StepOutcome::CallBackAsked);
    let end = next(&mut walk, &world);
    assert_eq!(
        end.instruction,
        Instruction::HangUp {
            reason: "the caller asked to be called back, and the plan ends there".into()
        }
    );

    world.group_load(1).waiting = 2;
    let (_, decision) = waiting(&world);
    assert_eq!(
        path(&decision)[1..],
        [
            "wait: 2 callers wait already, its most are 2; on to \"mailbox\"",
            "mailbox: takes a message of at most 60 s"
        ]
    );
}

#[test]
fn outside_hours_the_mailbox_takes_the_call_and_ends_it() {
    let world = World::of(&[&[1], &[2, 3]]);
    let mut walk = begin(SHOP);
    let night = next_at(&mut walk, &world, NOW + Duration::from_hours(10));
    assert_eq!(
        night.path[0].reason,
        "closed: Mon 20:00 in Europe/London lies outside of 09:00-17:30; on to \"mailbox\""
    );
    assert!(matches!(night.instruction, Instruction::Voicemail { .. }));
    walk.outcome(StepOutcome::Done);
    let end = next_at(&mut walk, &world, NOW);
    assert!(end.instruction.is_last());
    assert!(walk.is_over());
    assert!(next(&mut walk, &world).instruction.is_last(), "asked again");
}

#[test]
fn a_group_of_which_nobody_can_be_rung_is_passed_without_a_ring() {
    let mut world = World::of(&[&[1], &[2, 3]]);
    world.facts.visitor_languages = words(&["de"]);
    world.target(1).enabled = false;
    let mut walk = begin(SHOP);
    let decision = next(&mut walk, &world);
    assert_eq!(
        path(&decision)[2],
        "german: nobody of group \"G0\" can be rung; passed over: T1 (paused); on to \"menu\""
    );
}

#[test]
fn a_plan_that_ends_at_a_ring_leaves_the_word_to_the_targets() {
    let world = World::of(&[&[1]]);
    let mut walk = Walk::begin(Arc::new(plan("a", &[("a", Step::ring(group_id(0), None))])));
    next(&mut walk, &world);
    walk.outcome(StepOutcome::NotAnswered {
        reason: "busy".into(),
    });
    let end = next(&mut walk, &world);
    assert_eq!(
        end.instruction,
        Instruction::HangUp {
            reason: "nobody answered: busy, and the plan ends there".into()
        }
    );
}

#[test]
fn a_call_that_goes_round_is_ended_at_last() {
    let world = World::of(&[&[1]]);
    let again = Step::ring(group_id(0), Some("a".into()));
    let mut walk = Walk::begin(Arc::new(plan("a", &[("a", again)])));
    let mut rings = 0;
    loop {
        match next(&mut walk, &world).instruction {
            Instruction::Ring { .. } => rings += 1,
            last => {
                assert!(
                    matches!(last, Instruction::Reject { code: 480, .. }),
                    "{last:?}"
                );
                break;
            }
        }
        walk.outcome(StepOutcome::NotAnswered {
            reason: "no answer".into(),
        });
    }
    assert_eq!(rings, MAX_STEPS_OF_A_CALL);
}

#[test]
fn a_change_of_the_plan_reaches_no_call_that_has_begun() {
    let world = World::of(&[&[1]]);
    let mut current = Arc::new(plan("a", &[("a", Step::Reject { code: 486 })]));
    let mut walk = Walk::begin(Arc::clone(&current));
    Arc::make_mut(&mut current).steps.clear();
    let decision = next(&mut walk, &world);
    assert!(matches!(
        decision.instruction,
        Instruction::Reject { code: 486, .. }
    ));
}

/// What may come of anything, fitting or not.
fn any_outcome() -> impl Strategy<Value = Option<StepOutcome>> {
    let failed = |reason: &str| reason.to_owned();
    proptest::option::weighted(
        0.9,
        prop_oneof![
            Just(StepOutcome::Done),
            proptest::sample::select(vec!['0', '1', '9', '*', '#', 'x', 'é'])
                .prop_map(StepOutcome::Key),
            Just(StepOutcome::NoKey),
            Just(StepOutcome::NotAnswered {
                reason: failed("busy")
            }),
            Just(StepOutcome::WaitedTooLong),
            Just(StepOutcome::CallBackAsked),
            Just(StepOutcome::Failed {
                reason: failed("broken")
            }),
        ],
    )
}

proptest! {
    #[test]
    fn any_plan_ends_whatever_comes_of_its_steps(
        plan in any_plan(),
        outcomes in proptest::collection::vec(any_outcome(), 1..8),
        paused in proptest::collection::vec(any::<bool>(), 5),
        hours in 0..24 * 14u64,
        seed in any::<u64>(),
    ) {
        let mut world = World::of(&[&[1, 2], &[3], &[4, 5], &[]]);
        for (n, paused) in (1..).zip(paused) {
            world.target(n).enabled = !paused;
        }
        let sound = validate(&plan, Some(&world.destinations)).is_ok();
        let mut walk = Walk::begin(Arc::new(plan.clone()));
        let mut bits = bits(seed);
        let now = NOW + Duration::from_hours(hours);
        let mut instructions = 0;
        for outcome in outcomes.iter().cycle() {
            let decision = walk.next(&world.view(), now, &mut Chance::new(&mut bits));
            prop_assert!(decision.path.iter().all(|entry| !entry.reason.is_empty()));
            match &decision.instruction {
                Instruction::Ring { choices, .. } => prop_assert!(!choices.is_empty()),
                Instruction::Reject { code, .. } => {
                    prop_assert!((400..=699).contains(code));
                    // A sound plan refuses with a code of its own, or because it goes round.
                    let own = plan.steps.values().any(|step| *step == Step::Reject { code: *code });
                    prop_assert!(!sound || own || *code == 480, "{code} is not the plan's");
                }
                _ => {}
            }
            if decision.instruction.is_last() {
                break;
            }
            instructions += 1;
            prop_assert!(instructions <= MAX_STEPS_OF_A_CALL, "it goes on for ever");
            if let Some(outcome) = outcome {
                walk.outcome(outcome.clone());
            }
        }
        prop_assert!(walk.is_over());
    }

    #[test]
    fn the_same_call_at_the_same_time_with_the_same_chance_goes_the_same_way(
        plan in any_plan(),
        seed in any::<u64>(),
    ) {
        let world = World::of(&[&[1, 2], &[3], &[4, 5], &[]]);
        let way = || {
            let mut walk = Walk::begin(Arc::new(plan.clone()));
            let mut bits = bits(seed);
            let mut decisions = Vec::new();
            while !walk.is_over() {
                decisions.push(walk.next(&world.view(), NOW, &mut Chance::new(&mut bits)));
            }
            decisions
        };
        prop_assert_eq!(way(), way());
    }

    #[test]
    fn toml_and_json_carry_any_plan_there_and_back(plan in any_plan()) {
        let toml = toml::to_string(&plan).expect("it can be written");
        prop_assert_eq!(&toml::from_str::<PlanDocument>(&toml).expect("it can be read"), &plan);
        let json = serde_json::to_string(&plan).expect("it can be written");
        prop_assert_eq!(&serde_json::from_str::<PlanDocument>(&json).expect("it can be read"), &plan);
    }

    #[test]
    fn validation_takes_any_plan_and_says_something_of_each_mistake(plan in any_plan()) {
        let world = World::of(&[&[1, 2], &[3], &[4, 5], &[]]);
        if let Err(error) = validate(&plan, Some(&world.destinations)) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| !problem.to_string().is_empty()));
        }
    }
}
