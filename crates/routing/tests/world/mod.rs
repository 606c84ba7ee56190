//! An account to route in, made of small numbers, and documents of every kind.

#![expect(dead_code, reason = "each file of tests uses its part of the world")]

use std::time::Duration;

use proptest::prelude::*;
use ringfence_model::{
    AccountId, CallerIdShown, Case, Conditions, ConsentPrompt, ForwardStep, GroupProfile,
    HourRange, Hours, MatchStep, MemberProfile, MenuStep, PlanDocument, QueueStep, Record,
    RingStep, SayStep, ScheduleStep, Step, Strategy as Order, Target, TargetGroup, TargetGroupId,
    TargetGroupMember, TargetId, TargetProfile, Timestamp, TrunkId, VoicemailStep, Week,
};
use ringfence_routing::{CallFacts, Destinations, GroupLoad, Loads, TargetLoad, View};

pub const EPOCH: Timestamp = Timestamp::from_micros(0);
/// Monday 2026-11-23, 10:00 UTC.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_428_000_000_000);

pub fn group_id(n: usize) -> TargetGroupId {
    TargetGroupId::new(EPOCH, n as u128)
}

pub fn target_id(n: usize) -> TargetId {
    TargetId::new(EPOCH, n as u128)
}

pub fn trunk_id(n: usize) -> TrunkId {
    TrunkId::new(EPOCH, n as u128)
}

/// The number that [`target_id`] was made from.
pub fn number(target: TargetId) -> usize {
    usize::try_from(target.0.as_u128() & 0xffff).expect("16 bits")
}

pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// Even bits from a seed (splitmix64, G. Steele and others, 2014).
pub fn bits(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// What an account has, how it stands, and who calls.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub destinations: Destinations,
    pub loads: Loads,
    pub facts: CallFacts,
}

impl World {
    /// Each list is a group: the numbers of its targets.
    pub fn of(groups: &[&[usize]]) -> Self {
        let account = AccountId::new(EPOCH, 1);
        let mut world = Self::default();
        for (n, members) in groups.iter().enumerate() {
            for &member in *members {
                let id = target_id(member);
                let target = Target {
                    id,
                    account,
                    name: format!("T{member}"),
                    uri: format!("sip:t{member}@example.com"),
                    enabled: true,
                };
                world.destinations.targets.insert(id, target);
            }
            let group = TargetGroup {
                id: group_id(n),
                account,
                name: format!("G{n}"),
                members: members
                    .iter()
                    .map(|&member| TargetGroupMember {
                        target: target_id(member),
                        ring_timeout: Duration::from_secs(20),
                    })
                    .collect(),
            };
            world.destinations.groups.insert(group.id, group);
        }
        world
    }

    pub fn view(&self) -> View<'_> {
        View {
            facts: &self.facts,
            destinations: &self.destinations,
            loads: &self.loads,
        }
    }

    pub fn target(&mut self, n: usize) -> &mut Target {
        let target = self.destinations.targets.get_mut(&target_id(n));
        target.expect("the world has it")
    }

    pub fn profile(&mut self, n: usize) -> &mut TargetProfile {
        self.destinations.profiles.entry(target_id(n)).or_default()
    }

    pub fn load(&mut self, n: usize) -> &mut TargetLoad {
        self.loads.targets.entry(target_id(n)).or_default()
    }

    pub fn group(&mut self, n: usize) -> &mut GroupProfile {
        self.destinations
            .group_profiles
            .entry(group_id(n))
            .or_default()
    }

    pub fn group_load(&mut self, n: usize) -> &mut GroupLoad {
        self.loads.groups.entry(group_id(n)).or_default()
    }

    pub fn member(&mut self, group: usize, target: usize) -> &mut MemberProfile {
        self.group(group)
            .members
            .entry(target_id(target))
            .or_default()
    }
}

pub fn plan(start: &str, steps: &[(&str, Step)]) -> PlanDocument {
    PlanDocument {
        start: start.to_owned(),
        steps: steps
            .iter()
            .map(|(name, step)| ((*name).to_owned(), step.clone()))
            .collect(),
    }
}

pub fn any_order() -> impl Strategy<Value = Order> {
    proptest::sample::select(Order::ALL)
}

/// Steps are named 0 to 7; the last of them may be missing.
fn any_name() -> impl Strategy<Value = String> {
    (0..8u8).prop_map(|n| n.to_string())
}

fn any_way_on() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(any_name())
}

fn any_prompt() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(proptest::sample::select(words(&[
        "welcome",
        "\"quoted\" – 木",
        "",
    ])))
}

fn any_hours() -> impl Strategy<Value = Hours> {
    let range = (0..=1440u16, 0..=1440u16).prop_map(|(from, to)| HourRange { from, to });
    let ranges = || proptest::collection::vec(range.clone(), 0..3);
    let date = (1..=28i8).prop_map(|day| ringfence_model::Date::constant(2026, 11, day));
    (
        proptest::sample::select(words(&[
            "UTC",
            "Europe/London",
            "America/New_York",
            "Mars/Base",
        ])),
        ranges(),
        ranges(),
        proptest::collection::btree_set(date.clone(), 0..3),
        proptest::collection::btree_map(date, ranges(), 0..3),
    )
        .prop_map(|(zone, mon, sat, holidays, exceptions)| Hours {
            zone,
            week: Week {
                mon,
                sat,
                ..Week::default()
            },
            holidays,
            exceptions,
        })
}

fn any_conditions() -> impl Strategy<Value = Conditions> {
    let list = |all: &[&str]| proptest::sample::subsequence(words(all), 0..=all.len());
    (
        list(&["de", "en-GB"]),
        list(&["DE", "GB"]),
        list(&["paid", "Google Ads"]),
        list(&["+4420*", "withheld"]),
        proptest::option::of(any::<bool>()),
        proptest::option::of(0..=100u8),
    )
        .prop_map(
            |(visitor_language, country, source, caller, returning, percent)| Conditions {
                visitor_language,
                country,
                source,
                caller,
                returning,
                percent,
                ..Conditions::default()
            },
        )
}

fn any_record() -> impl Strategy<Value = Option<Record>> {
    proptest::option::of(prop_oneof![
        any::<bool>().prop_map(Record::Always),
        Just(Record::AfterConsent(ConsentPrompt {
            consent: "we record".into()
        })),
    ])
}

fn any_seconds() -> impl Strategy<Value = u32> {
    0..400u32
}

fn any_step() -> impl Strategy<Value = Step> {
    let case = (any_name(), any_conditions()).prop_map(|(step, when)| Case { step, when });
    let key = proptest::sample::select(words(&["0", "1", "9", "*", "#", "A", ""]));
    prop_oneof![
        (any_name(), any_name(), any_hours()).prop_map(|(open, otherwise, hours)| {
            Step::Schedule(ScheduleStep {
                open,
                otherwise,
                hours,
            })
        }),
        (any_name(), proptest::collection::vec(case, 0..4))
            .prop_map(|(otherwise, cases)| Step::Match(MatchStep { otherwise, cases })),
        (
            0..5u8,
            any_seconds(),
            any_way_on(),
            proptest::collection::btree_map(key.clone(), any_name(), 0..4)
        )
            .prop_map(|(tries, timeout, otherwise, keys)| Step::Menu(MenuStep {
                prompt: "welcome".into(),
                tries,
                timeout,
                otherwise,
                keys,
            })),
        any_way_on().prop_map(|next| Step::Say(SayStep {
            prompt: "hello".into(),
            next
        })),
        (
            0..5usize,
            proptest::option::of(any_order()),
            proptest::option::of(any_seconds()),
            proptest::option::of(key.clone()),
            any_record(),
            any_way_on()
        )
            .prop_map(
                |(group, strategy, timeout, accept_key, record, otherwise)| {
                    Step::Ring(RingStep {
                        strategy,
                        timeout,
                        accept_key,
                        caller_id: CallerIdShown::Dialled,
                        record,
                        otherwise,
                        ..RingStep::of(group_id(group))
                    })
                }
            ),
        (
            0..5usize,
            any_seconds(),
            0..4u32,
            any_prompt(),
            proptest::option::of(key),
            any_way_on()
        )
            .prop_map(
                |(group, longest_wait, length, music, call_back_key, otherwise)| {
                    Step::Queue(QueueStep {
                        longest_wait,
                        length,
                        music,
                        call_back_key,
                        otherwise,
                        ..QueueStep::of(group_id(group))
                    })
                }
            ),
        (any_prompt(), any_seconds())
            .prop_map(|(prompt, longest)| Step::Voicemail(VoicemailStep { prompt, longest })),
        (0..3usize, any_seconds(), any_way_on()).prop_map(|(trunk, timeout, otherwise)| {
            Step::Forward(ForwardStep {
                number: "+442079460123".parse().expect("a number"),
                trunk: trunk_id(trunk),
                timeout,
                otherwise,
            })
        }),
        (390..710u16).prop_map(|code| Step::Reject { code }),
        any_name().prop_map(|step| Step::Goto { step }),
    ]
}

/// Any document that has the form of a plan, most of them with mistakes.
pub fn any_plan() -> impl Strategy<Value = PlanDocument> {
    (
        any_name(),
        proptest::collection::btree_map(any_name(), any_step(), 0..9),
    )
        .prop_map(|(start, steps)| PlanDocument { start, steps })
}
