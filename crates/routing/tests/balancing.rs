//! Whom a group rings, in which order, and why not the others.

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use ringfence_model::{
    AgentState, BreakReason, Caps, HourRange, Hours, LanguageUse, Strategy as Order, Week,
};
use ringfence_routing::{Balanced, Breaker, CallFacts, Chance, MAX_CANDIDATES, Skip, balance};
use world::{NOW, World, any_order, bits, group_id, number, target_id, trunk_id, words};

fn balanced(world: &World, strategy: Order, seed: u64) -> Balanced {
    let mut bits = bits(seed);
    let chance = &mut Chance::new(&mut bits);
    balance(
        group_id(0),
        Some(strategy),
        None,
        &world.view(),
        NOW,
        chance,
    )
}

fn order(balanced: &Balanced) -> Vec<usize> {
    balanced
        .choices
        .iter()
        .map(|choice| number(choice.target))
        .collect()
}

fn ordered(world: &World, strategy: Order) -> Vec<usize> {
    order(&balanced(world, strategy, 1))
}

fn skips(balanced: &Balanced) -> BTreeMap<usize, String> {
    balanced
        .passed
        .iter()
        .map(|passed| (number(passed.target), passed.skip.to_string()))
        .collect()
}

/// How often each target was first, over so many calls.
fn firsts(world: &mut World, strategy: Order, calls: u64) -> BTreeMap<usize, u64> {
    let mut firsts = BTreeMap::new();
    let mut bits = bits(7);
    for cursor in 0..calls {
        world.group_load(0).cursor = cursor;
        let balanced = balance(
            group_id(0),
            Some(strategy),
            None,
            &world.view(),
            NOW,
            &mut Chance::new(&mut bits),
        );
        let first = balanced.choices[0].target;
        *firsts.entry(number(first)).or_default() += 1;
        world.group_load(0).turns.insert(first, cursor);
        let at = NOW + Duration::from_secs(cursor);
        world.load(number(first)).last_rung_at = Some(at);
    }
    firsts
}

#[test]
fn weights_are_met_within_one_percent_over_a_hundred_thousand_calls() {
    let mut world = World::of(&[&[1, 2, 3, 4, 5]]);
    let weights = [50, 30, 15, 4, 1];
    for (n, weight) in (1..).zip(weights) {
        world.member(0, n).weight = weight;
    }
    let firsts = firsts(&mut world, Order::Weighted, 100_000);
    for (n, weight) in (1..).zip(weights) {
        let expected = u64::from(weight) * 1000;
        // One percent of its own share, not of all calls: 10 calls of the least one's 1,000.
        assert!(
            firsts[&n].abs_diff(expected) <= expected / 100,
            "target {n}: {} calls instead of {expected}",
            firsts[&n]
        );
    }
}

#[test]
fn a_weight_of_zero_is_a_spare() {
    let mut world = World::of(&[&[1, 2, 3]]);
    world.member(0, 1).weight = 0;
    for seed in 0..50 {
        let order = order(&balanced(&world, Order::Weighted, seed));
        assert_eq!(order.len(), 3);
        assert_eq!(order[2], 1);
    }
    world.target(2).enabled = false;
    world.target(3).enabled = false;
    assert_eq!(ordered(&world, Order::Weighted), [1]);
}

#[test]
fn round_robin_gives_each_the_same_number_of_calls() {
    let mut world = World::of(&[&[1, 2, 3, 4]]);
    let firsts = firsts(&mut world, Order::RoundRobin, 1000);
    assert_eq!(firsts, [(1, 250), (2, 250), (3, 250), (4, 250)].into());
}

#[test]
fn nobody_starves_but_by_priority() {
    for strategy in [
        Order::Weighted,
        Order::RoundRobin,
        Order::LeastBusy,
        Order::LongestIdle,
        Order::Sticky,
        Order::Performance,
    ] {
        let mut world = World::of(&[&[1, 2, 3, 4, 5]]);
        // One that hardly ever answers, and one that always does.
        (world.load(2).rung, world.load(2).answered) = (1000, 1);
        (world.load(3).rung, world.load(3).answered) = (1000, 1000);
        let firsts = firsts(&mut world, strategy, 2000);
        for n in 1..=5 {
            let calls = firsts.get(&n).copied().unwrap_or(0);
            assert!(
                calls >= 20,
                "{strategy:?} gave target {n} {calls} of 2000 calls"
            );
        }
    }
}

#[test]
fn the_least_busy_is_first() {
    let mut world = World::of(&[&[1, 2, 3]]);
    world.load(1).active = 2;
    world.load(2).active = 1;
    assert_eq!(ordered(&world, Order::LeastBusy), [3, 2, 1]);
    let balanced = balanced(&world, Order::LeastBusy, 1);
    assert_eq!(
        balanced.choices[1].reason,
        "group \"G0\": number 2 of 3 by calls now (one call now)"
    );
}

#[test]
fn the_longest_idle_is_first_and_a_ring_that_nobody_answered_ends_the_rest() {
    let mut world = World::of(&[&[1, 2, 3, 4]]);
    world.load(1).last_ended_at = Some(NOW - Duration::from_mins(1));
    world.load(2).last_ended_at = Some(NOW - Duration::from_mins(10));
    world.load(3).active = 1;
    assert_eq!(ordered(&world, Order::LongestIdle), [4, 2, 1, 3]);
    world.load(2).last_rung_at = Some(NOW - Duration::from_secs(5));
    assert_eq!(ordered(&world, Order::LongestIdle), [4, 1, 2, 3]);
    let balanced = balanced(&world, Order::LongestIdle, 1);
    assert_eq!(
        balanced.choices[1].reason,
        "group \"G0\": number 2 of 4 by time idle (free for 60 s)"
    );
}

#[test]
fn priorities_come_in_order_and_equals_as_the_group_has_them() {
    let mut world = World::of(&[&[1, 2, 3, 4]]);
    world.member(0, 1).priority = 3;
    world.member(0, 4).priority = 2;
    assert_eq!(ordered(&world, Order::Priority), [2, 3, 4, 1]);
}

#[test]
fn all_ring_in_one_round_when_they_ring_at_once() {
    let world = World::of(&[&[1, 2, 3]]);
    let rounds = |strategy| -> Vec<u16> {
        let balanced = balanced(&world, strategy, 1);
        balanced.choices.iter().map(|choice| choice.round).collect()
    };
    assert_eq!(rounds(Order::Simultaneous), [0, 0, 0]);
    assert_eq!(rounds(Order::Priority), [0, 1, 2]);
}

#[test]
fn who_spoke_last_with_the_caller_stands_before_all_even_before_the_language() {
    let mut world = World::of(&[&[1, 2, 3]]);
    world.facts.last_target = Some(target_id(3));
    world.facts.visitor_languages = words(&["de"]);
    world.profile(2).languages = words(&["de"]);
    assert_eq!(ordered(&world, Order::Sticky), [3, 2, 1]);
    assert_eq!(ordered(&world, Order::LongestIdle), [2, 1, 3]);
    world.target(3).enabled = false;
    assert_eq!(ordered(&world, Order::Sticky), [2, 1]);
}

#[test]
fn who_answers_more_is_first_but_for_a_share_by_lot() {
    let mut world = World::of(&[&[1, 2, 3]]);
    (world.load(1).rung, world.load(1).answered) = (100, 40);
    (world.load(2).rung, world.load(2).answered) = (100, 90);
    world.group(0).explore = 0;
    // Who is new stands in the middle: as good as one who answers half.
    assert_eq!(ordered(&world, Order::Performance), [2, 3, 1]);
    world.group(0).explore = 30;
    let firsts = firsts(&mut world, Order::Performance, 10_000);
    // 70 % and a third of the 30 %.
    assert!((7700..8300).contains(&firsts[&2]), "{firsts:?}");
    assert!(firsts[&1] > 800 && firsts[&3] > 800, "{firsts:?}");
}

#[test]
fn a_german_visitor_reaches_german_then_the_next_best_then_everyone() {
    let mut world = World::of(&[&[1, 2, 3, 4]]);
    world.facts.visitor_languages = words(&["de-AT", "fr"]);
    world.profile(4).languages = words(&["de"]);
    world.profile(3).languages = words(&["fr-CA"]);
    world.profile(2).languages = words(&["en"]);
    world.group(0).languages = words(&["en"]);
    assert_eq!(ordered(&world, Order::Priority), [4, 3, 2, 1]);
    let found = balanced(&world, Order::Priority, 1);
    assert!(
        found.choices[0].reason.ends_with("; speaks de-AT"),
        "{}",
        found.choices[0].reason
    );
    // At once rings language by language, too.
    let at_once = balanced(&world, Order::Simultaneous, 1);
    let rounds: Vec<u16> = at_once.choices.iter().map(|choice| choice.round).collect();
    assert_eq!(rounds, [0, 1, 2, 3]);

    world.group(0).language = LanguageUse::Require;
    let required = balanced(&world, Order::Priority, 1);
    assert_eq!(order(&required), [4, 3, 2]);
    assert_eq!(skips(&required)[&1], "speaks no wanted language");
    world.group(0).language = LanguageUse::Ignore;
    assert_eq!(ordered(&world, Order::Priority), [1, 2, 3, 4]);
}

#[test]
fn each_reason_to_pass_a_target_over_is_told() {
    let mut world = World::of(&[&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]);
    let cap = Some(2);
    world.target(1).enabled = false;
    world.load(2).agent = Some(AgentState::SignedOut);
    world.load(3).agent = Some(AgentState::OnBreak);
    world.load(3).break_reason = Some(BreakReason::Meal);
    world.target(4).uri = "tel:+442079460123".into();
    world.profile(5).hours = Some(Hours {
        zone: "UTC".into(),
        week: Week {
            mon: vec![HourRange { from: 0, to: 600 }],
            ..Week::default()
        },
        holidays: [].into(),
        exceptions: [].into(),
    });
    world.profile(6).caps = Caps {
        concurrent: cap,
        ..Caps::default()
    };
    world.load(6).active = 2;
    world.profile(7).caps = Caps {
        hour: cap,
        ..Caps::default()
    };
    world.load(7).hour = 3;
    world.profile(8).caps = Caps {
        day: cap,
        ..Caps::default()
    };
    world.load(8).day = 2;
    world.profile(9).caps = Caps {
        month: cap,
        ..Caps::default()
    };
    world.load(9).month = 2;
    world.profile(10).wrap_up = 30;
    world.load(10).last_ended_at = Some(NOW - Duration::from_secs(10));
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| breaker.failed(NOW));
    world.load(11).breaker = breaker;

    let found = balanced(&world, Order::Priority, 1);
    assert!(found.choices.is_empty(), "{:?}", found.choices);
    let told: Vec<String> = skips(&found).into_values().collect();
    assert_eq!(
        told,
        [
            "paused",
            "its agent is signed out",
            "its agent is on a break: meal",
            "a number without a trunk",
            "outside hours: Mon 10:00 in UTC lies outside of 00:00-10:00",
            "full: 2 of 2 calls",
            "full, 2 this hour",
            "full, 2 today",
            "full, 2 this month",
            "wrapping up for another 20 s",
            "calls failed there, next try in 30 s",
        ]
    );
    assert!(
        found.notes[0].starts_with(
            "nobody of group \"G0\" can be rung; passed over: T1 (paused), T2 (its agent is signed out)"
        ),
        "{:?}",
        found.notes
    );
    assert!(found.notes[0].ends_with("and 1 more"), "{:?}", found.notes);
}

#[test]
fn a_number_with_a_trunk_an_available_agent_and_a_rested_one_ring() {
    let mut world = World::of(&[&[1, 2, 3]]);
    world.target(1).uri = "TEL:+442079460123".into();
    world.profile(1).trunk = Some(trunk_id(1));
    world.load(2).agent = Some(AgentState::Available);
    world.profile(3).wrap_up = 30;
    world.load(3).last_ended_at = Some(NOW - Duration::from_secs(30));
    let found = balanced(&world, Order::Priority, 1);
    assert_eq!(order(&found), [1, 2, 3]);
    assert_eq!(found.choices[0].trunk, Some(trunk_id(1)));
}

#[test]
fn an_agent_who_is_ready_has_no_more_rest_and_one_who_said_so_before_the_call_has() {
    let mut world = World::of(&[&[1, 2]]);
    for target in [1, 2] {
        world.profile(target).wrap_up = 30;
        world.load(target).agent = Some(AgentState::Available);
        world.load(target).last_ended_at = Some(NOW - Duration::from_secs(10));
    }
    world.load(1).ready_at = Some(NOW - Duration::from_secs(5));
    world.load(2).ready_at = Some(NOW - Duration::from_secs(15));
    let found = balanced(&world, Order::Priority, 1);
    assert_eq!(order(&found), [1]);
    assert_eq!(skips(&found)[&2], "wrapping up for another 20 s");
}

/// How an agent of a property stands: what it says, and how many seconds ago its call ended and it was ready.
fn any_agent() -> impl Strategy<Value = (Option<AgentState>, Option<u64>, Option<u64>)> {
    let state = proptest::option::of(proptest::sample::select(AgentState::ALL));
    let ago = || proptest::option::of(0_u64..60);
    (state, ago(), ago())
}

proptest! {
    #[test]
    fn only_who_is_available_and_rested_is_rung_whatever_the_strategy(
        agents in proptest::collection::vec(any_agent(), 1..12),
        strategy in any_order(),
        seed in any::<u64>(),
    ) {
        let members: Vec<usize> = (1..).take(agents.len()).collect();
        let mut world = World::of(&[&members]);
        for (&target, (state, ended, ready)) in members.iter().zip(&agents) {
            let ago = |seconds: &u64| NOW - Duration::from_secs(*seconds);
            world.destinations.agents.insert(target_id(target));
            world.profile(target).wrap_up = 30;
            let load = world.load(target);
            load.agent = *state;
            load.last_ended_at = ended.as_ref().map(ago);
            load.ready_at = ready.as_ref().map(ago);
        }
        let found = balanced(&world, strategy, seed);
        let rung: BTreeSet<usize> = order(&found).into_iter().collect();
        let passed = skips(&found);
        for (target, (state, ended, ready)) in members.iter().zip(&agents) {
            let here = matches!(state, Some(AgentState::Available | AgentState::WrappingUp));
            let rests = ended.is_some_and(|ended| {
                ended < 30 && ready.is_none_or(|ready| ready > ended)
            });
            prop_assert_eq!(rung.contains(target), here && !rests, "{} {:?}", target, state);
            prop_assert_eq!(passed.contains_key(target), !here || rests);
        }
    }
}

#[test]
fn who_needs_no_rest_rings_though_its_call_ended_after_this_moment_was_taken() {
    let mut world = World::of(&[&[1, 2]]);
    for target in [1, 2] {
        world.load(target).last_ended_at = Some(NOW + Duration::from_micros(1));
    }
    world.profile(2).wrap_up = 30;
    let found = balanced(&world, Order::Priority, 1);
    assert_eq!(order(&found), [1]);
}

#[test]
fn a_target_whose_calls_failed_is_probed_after_its_pause() {
    let mut world = World::of(&[&[1]]);
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| breaker.failed(NOW - Duration::from_secs(30)));
    world.load(1).breaker = breaker;
    let found = balanced(&world, Order::Priority, 1);
    assert!(found.choices[0].probe);
    assert!(found.choices[0].reason.contains("this one finds out"));
    assert!(world.load(1).breaker.probe(NOW));
    assert!(balanced(&world, Order::Priority, 1).choices.is_empty());
}

#[test]
fn a_full_group_flows_over_and_says_so() {
    let mut world = World::of(&[&[1], &[2], &[3]]);
    world.group(0).caps.concurrent = Some(1);
    world.group_load(0).active = 1;
    world.group(0).overflow = Some(group_id(1));
    world.target(2).enabled = false;
    world.group(1).overflow = Some(group_id(2));
    let found = balanced(&world, Order::Priority, 1);
    assert_eq!(order(&found), [3]);
    assert_eq!(found.group, group_id(2));
    assert_eq!(
        found.notes,
        [
            "group \"G0\" is full: 1 of 1 calls",
            "\"G0\" flows over to another group",
            "nobody of group \"G1\" can be rung; passed over: T2 (paused)",
            "\"G1\" flows over to another group",
            "1 of group \"G2\" can be rung",
        ]
    );
    // Round and round it does not go.
    world.target(3).enabled = false;
    world.group(2).overflow = Some(group_id(0));
    let round = balanced(&world, Order::Priority, 1);
    assert!(round.choices.is_empty());
    assert_eq!(
        round.notes.last().map(String::as_str),
        Some("its overflow comes back to a group that was asked already")
    );
}

#[test]
fn what_the_step_asks_stands_before_what_the_group_says() {
    let mut world = World::of(&[&[1, 2]]);
    world.group(0).strategy = Order::Simultaneous;
    let mut bits = bits(1);
    let mut ask = |strategy, timeout| {
        let chance = &mut Chance::new(&mut bits);
        balance(group_id(0), strategy, timeout, &world.view(), NOW, chance)
    };
    let own = ask(None, None);
    assert_eq!(own.strategy, Order::Simultaneous);
    assert_eq!(own.choices[0].ring_timeout, Duration::from_secs(20));
    let asked = ask(Some(Order::LeastBusy), Some(Duration::from_secs(7)));
    assert_eq!(asked.strategy, Order::LeastBusy);
    assert_eq!(asked.choices[0].ring_timeout, Duration::from_secs(7));
}

/// Paused, with a cap of calls at a time, and with calls.
type Standing = (bool, Option<u32>, u32, Option<u32>, u32);

proptest! {
    #[test]
    fn nobody_paused_or_full_is_ever_a_candidate_and_nobody_is_twice(
        strategy in any_order(),
        standings in proptest::collection::vec(
            (any::<bool>(), proptest::option::of(0..4u32), 0..4u32, proptest::option::of(0..4u32), 0..4u32),
            1..70,
        ),
        languages in proptest::collection::vec(0..3usize, 70),
        seed in any::<u64>(),
    ) {
        let members: Vec<usize> = (1..=standings.len()).collect();
        let mut world = World::of(&[&members]);
        world.facts = CallFacts { visitor_languages: words(&["de", "fr"]), ..CallFacts::default() };
        for (&n, standing) in members.iter().zip(&standings) {
            let (enabled, concurrent, active, hour, calls): Standing = *standing;
            world.target(n).enabled = enabled;
            world.profile(n).caps = Caps { concurrent, hour, ..Caps::default() };
            world.profile(n).languages = words(&[["de", "fr", "en"][languages[n - 1]]]);
            (world.load(n).active, world.load(n).hour) = (active, calls);
        }
        let found = balanced(&world, strategy, seed);
        let may = |n: usize| {
            let (enabled, concurrent, active, hour, calls) = standings[n - 1];
            enabled && concurrent.is_none_or(|cap| active < cap) && hour.is_none_or(|cap| calls < cap)
        };
        let mut met = order(&found);
        prop_assert!(met.iter().all(|&n| may(n)));
        // Languages come in order, whatever the strategy.
        prop_assert!(met.iter().map(|n| languages[n - 1]).is_sorted());
        prop_assert!(found.choices.iter().map(|choice| choice.round).is_sorted());
        met.sort_unstable();
        met.dedup();
        prop_assert_eq!(met.len(), found.choices.len(), "somebody is twice");
        let able = members.iter().filter(|&&n| may(n)).count();
        prop_assert_eq!(met.len(), able.min(MAX_CANDIDATES), "somebody was forgotten");
        prop_assert_eq!(found.passed.len(), members.len() - able);
        prop_assert!(found.choices.iter().all(|choice| !choice.reason.is_empty()));
        let paused = |skip: &Skip| *skip == Skip::Paused;
        prop_assert!(found.passed.iter().all(|passed| paused(&passed.skip) != standings[number(passed.target) - 1].0));
    }

    #[test]
    fn round_robin_never_passes_over_who_has_waited_longer(
        pauses in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 5), 1..80),
    ) {
        let mut world = World::of(&[&[1, 2, 3, 4, 5]]);
        let mut last = [None; 5];
        for (cursor, paused) in pauses.into_iter().enumerate() {
            for (n, paused) in (1..).zip(&paused) {
                world.target(n).enabled = !paused;
            }
            world.group_load(0).cursor = cursor as u64;
            let found = balanced(&world, Order::RoundRobin, 1);
            let Some(first) = found.choices.first().map(|choice| choice.target) else { continue };
            let own = last[number(first) - 1];
            for (index, paused) in paused.iter().enumerate() {
                prop_assert!(*paused || last[index] >= own, "{:?} before {:?}", own, last[index]);
            }
            last[number(first) - 1] = Some(cursor);
            world.group_load(0).turns.insert(first, cursor as u64);
        }
    }
}

proptest! {
    // Thousands of calls each.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn weights_are_met_by_whoever_is_there(
        weights in proptest::collection::vec(1..100u32, 2..6),
        start in any::<u64>(),
    ) {
        let members: Vec<usize> = (1..=weights.len()).collect();
        let mut world = World::of(&[&members]);
        for (&n, &weight) in members.iter().zip(&weights) {
            world.member(0, n).weight = weight;
        }
        world.target(1).enabled = false;
        let calls = 5000u64;
        let mut firsts = vec![0u64; weights.len()];
        for call in 0..calls {
            world.group_load(0).cursor = start.wrapping_add(call);
            let found = balanced(&world, Order::Weighted, call);
            firsts[number(found.choices[0].target) - 1] += 1;
        }
        let total: u64 = weights[1..].iter().map(|&weight| u64::from(weight)).sum();
        for (index, &weight) in weights.iter().enumerate().skip(1) {
            let expected = calls * u64::from(weight) / total;
            // The sequence's own error: some calls for any stretch of this length.
            prop_assert!(firsts[index].abs_diff(expected) <= 25, "{firsts:?} of {weights:?}");
        }
    }
}
