//! A random account: targets, groups, caps, hours and a plan that passes validation.

use std::collections::BTreeMap;
use std::time::Duration;

use ringfence_model::{
    AccountId, Caps, Case, Conditions, ForwardStep, GroupProfile, HourRange, Hours, LanguageUse,
    MatchStep, MemberProfile, MenuStep, PlanDocument, QueueStep, RingStep, SayStep, ScheduleStep,
    Step, Strategy, Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, TargetProfile,
    Timestamp, TrunkId, VoicemailStep, Week,
};
use ringfence_routing::{Destinations, validate};

use crate::random::Random;

/// Monday 2026-11-23, 08:00 UTC.
pub(crate) const BEGINS: Timestamp = Timestamp::from_micros(1_795_420_800_000_000);

const LANGUAGES: [&str; 4] = ["de", "en", "fr", "de-AT"];

/// How a target behaves, in percent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) answers: u64,
    pub(crate) busy: u64,
}

/// An account and how its targets behave.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) destinations: Destinations,
    pub(crate) plan: PlanDocument,
    /// In the order of their making; what is drawn by lot is drawn from these.
    pub(crate) targets: Vec<TargetId>,
    pub(crate) groups: Vec<TargetGroupId>,
    pub(crate) agents: Vec<TargetId>,
    pub(crate) manners: BTreeMap<TargetId, Manners>,
}

impl World {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut world = Self {
            destinations: Destinations::default(),
            plan: PlanDocument {
                start: String::new(),
                steps: BTreeMap::new(),
            },
            targets: Vec::new(),
            groups: Vec::new(),
            agents: Vec::new(),
            manners: BTreeMap::new(),
        };
        world.destinations.trunks.insert(TrunkId::new(BEGINS, 1));
        for n in 0..=random.number(20) {
            world.add_target(n.into(), random);
        }
        let groups = 1 + random.number(5);
        world.groups = (0..groups)
            .map(|n| TargetGroupId::new(BEGINS, n.into()))
            .collect();
        for n in 0..world.groups.len() {
            world.add_group(n, random);
        }
        world.plan = world.draw_plan(random);
        world
    }

    fn add_target(&mut self, n: u128, random: &mut Random) {
        let id = TargetId::new(BEGINS, n);
        let target = Target {
            id,
            account: AccountId::new(BEGINS, 1),
            name: format!("T{n}"),
            uri: format!("sip:t{n}@example.com"),
            enabled: random.percent(95),
        };
        let profile = TargetProfile {
            languages: (0..random.number(3))
                .map(|_| (*random.one_of(&LANGUAGES)).to_owned())
                .collect(),
            caps: draw_caps(random, 3),
            hours: random.percent(20).then(|| draw_hours(random)),
            wrap_up: if random.percent(30) {
                random.number(40)
            } else {
                0
            },
            break_after: 0,
            trunk: None,
        };
        let answers = random.below(90);
        self.manners.insert(
            id,
            Manners {
                answers,
                busy: random.below(100 - answers),
            },
        );
        if random.percent(40) {
            self.agents.push(id);
        }
        self.targets.push(id);
        self.destinations.targets.insert(id, target);
        self.destinations.profiles.insert(id, profile);
    }

    fn add_group(&mut self, n: usize, random: &mut Random) {
        let id = self.groups[n];
        let members: Vec<TargetGroupMember> = (0..random.number(9))
            .map(|_| TargetGroupMember {
                target: *random.one_of(&self.targets),
                ring_timeout: Duration::from_secs(5 + random.below(25)),
            })
            .collect();
        let profile = GroupProfile {
            strategy: *random.one_of(Strategy::ALL),
            caps: draw_caps(random, 6),
            language: *random.one_of(LanguageUse::ALL),
            languages: vec!["en".into()],
            overflow: random.percent(40).then(|| *random.one_of(&self.groups)),
            explore: 10,
            members: members
                .iter()
                .map(|member| {
                    let profile = MemberProfile {
                        weight: random.number(5),
                        priority: 1 + random.number(3),
                    };
                    (member.target, profile)
                })
                .collect(),
        };
        let group = TargetGroup {
            id,
            account: AccountId::new(BEGINS, 1),
            name: format!("G{n}"),
            members,
        };
        self.destinations.groups.insert(id, group);
        self.destinations.group_profiles.insert(id, profile);
    }

    /// Draws plans until one passes; a ring alone when none does.
    fn draw_plan(&self, random: &mut Random) -> PlanDocument {
        for _ in 0..200 {
            let steps = 1 + random.number(9);
            let plan = PlanDocument {
                start: "0".into(),
                steps: (0..steps)
                    .map(|n| (n.to_string(), self.draw_step(n, steps, random)))
                    .collect(),
            };
            if validate(&plan, Some(&self.destinations)).is_ok() {
                return plan;
            }
        }
        PlanDocument {
            start: "0".into(),
            steps: [("0".to_owned(), Step::ring(self.groups[0], None))].into(),
        }
    }

    fn draw_step(&self, n: u32, steps: u32, random: &mut Random) -> Step {
        // Mostly onwards, so that most plans pass; backwards now and then, where a caller may go round.
        let mut on = |random: &mut Random| {
            let next = if random.percent(90) && n + 1 < steps {
                n + 1 + random.number(steps - n - 1)
            } else {
                random.number(steps)
            };
            next.to_string()
        };
        let otherwise = |random: &mut Random, on: &mut dyn FnMut(&mut Random) -> String| {
            random.percent(80).then(|| on(random))
        };
        let group = *random.one_of(&self.groups);
        match random.number(16) {
            0 => Step::Schedule(ScheduleStep {
                open: on(random),
                otherwise: on(random),
                hours: draw_hours(random),
            }),
            1 | 2 => Step::Match(MatchStep {
                otherwise: on(random),
                cases: (0..=random.number(3))
                    .map(|_| Case {
                        step: on(random),
                        when: draw_conditions(random),
                    })
                    .collect(),
            }),
            3 | 4 => Step::Menu(MenuStep {
                prompt: "menu".into(),
                tries: 1 + u8::try_from(random.number(3)).expect("below 3"),
                timeout: 1 + random.number(10),
                otherwise: otherwise(random, &mut on),
                keys: (0..=random.number(4))
                    .map(|key| (key.to_string(), on(random)))
                    .collect(),
            }),
            5 => Step::Say(SayStep {
                prompt: "say".into(),
                next: otherwise(random, &mut on),
            }),
            6..=10 => Step::Ring(RingStep {
                strategy: random.percent(50).then(|| *random.one_of(Strategy::ALL)),
                timeout: random.percent(50).then(|| 3 + random.number(30)),
                otherwise: otherwise(random, &mut on),
                ..RingStep::of(group)
            }),
            11 | 12 => Step::Queue(QueueStep {
                longest_wait: 10 + random.number(200),
                length: 1 + random.number(6),
                call_back_key: Some("9".into()),
                otherwise: otherwise(random, &mut on),
                ..QueueStep::of(group)
            }),
            13 => Step::Voicemail(VoicemailStep {
                prompt: None,
                longest: 1 + random.number(120),
            }),
            14 => Step::Forward(ForwardStep {
                number: "+442079460123".parse().expect("it is a number"),
                trunk: TrunkId::new(BEGINS, 1),
                timeout: 5 + random.number(30),
                otherwise: otherwise(random, &mut on),
            }),
            _ if random.percent(30) => Step::Goto { step: on(random) },
            _ => Step::Reject {
                code: *random.one_of(&[480, 486, 503, 603]),
            },
        }
    }
}

fn draw_caps(random: &mut Random, most: u32) -> Caps {
    let mut cap = |percent, bound: u32| random.percent(percent).then(|| random.number(bound) + 1);
    Caps {
        concurrent: cap(60, most),
        hour: cap(20, 20),
        day: cap(20, 100),
        month: cap(10, 400),
    }
}

fn draw_hours(random: &mut Random) -> Hours {
    let mut day = || {
        let from = u16::try_from(random.number(1200)).expect("below 1,200");
        let length =
            u16::try_from(60 + random.number(1440 - u32::from(from) - 60)).expect("below 1,440");
        let range = HourRange {
            from,
            to: from + length,
        };
        if random.percent(15) {
            vec![]
        } else {
            vec![range]
        }
    };
    let week = Week {
        mon: day(),
        tue: day(),
        wed: day(),
        thu: day(),
        fri: day(),
        sat: day(),
        sun: day(),
    };
    let zones = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata"];
    Hours {
        zone: (*random.one_of(&zones)).to_owned(),
        week,
        holidays: [ringfence_model::Date::constant(2026, 11, 25)].into(),
        exceptions: BTreeMap::new(),
    }
}

fn draw_conditions(random: &mut Random) -> Conditions {
    let mut when = Conditions::default();
    match random.number(5) {
        0 => when.visitor_language = vec![(*random.one_of(&LANGUAGES)).to_owned()],
        1 => when.returning = Some(random.percent(50)),
        2 => when.country = vec![(*random.one_of(&["DE", "GB"])).to_owned()],
        3 => when.caller = vec!["+4420*".into()],
        _ => when.percent = Some(1 + u8::try_from(random.number(40)).expect("below 40")),
    }
    when
}

/// Who calls, and what is known of it.
pub(crate) fn draw_caller(world: &World, random: &mut Random) -> ringfence_routing::CallFacts {
    ringfence_routing::CallFacts {
        caller: random.percent(80).then(|| {
            let number = format!("+44207946{:04}", random.number(1000));
            number.parse().expect("it is a number")
        }),
        visitor_languages: (0..random.number(3))
            .map(|_| (*random.one_of(&LANGUAGES)).to_owned())
            .collect(),
        country: random
            .percent(60)
            .then(|| (*random.one_of(&["DE", "GB", "FR"])).to_owned()),
        returning: random.percent(30),
        last_target: random.percent(30).then(|| *random.one_of(&world.targets)),
        ..ringfence_routing::CallFacts::default()
    }
}
