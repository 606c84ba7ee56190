//! Places are taken in time and given back, however a call ends.

use std::collections::HashSet;

use ringfence_callflow::{Action, LegFailure};
use ringfence_live::Live;
use ringfence_model::{
    AccountId, CallId, Confidence, GroupProfile, NumberId, NumberState, Party, Registration,
    SipTransport, Step, Strategy, Target, TargetGroup, TargetGroupMember, TargetProfile,
    TrackingNumber,
};
use ringfence_routing::Destinations;
use ringfence_tracking::Attribution;
use tokio::sync::mpsc;

use super::*;
use crate::arrangement::Reach;
use crate::calls::colleagues::Colleagues;
use crate::calls::switchboard::Switchboard;
use crate::calls::transferring::{CallOrigin, Desk, FactsWanted};
use crate::minutes::Minutes;

pub(in crate::calls) const NOW: Timestamp = Timestamp::from_micros(1_000_000);

pub(in crate::calls) fn account() -> AccountId {
    AccountId::new(NOW, 1)
}

pub(in crate::calls) fn target(n: u128) -> TargetId {
    TargetId::new(NOW, n)
}

pub(in crate::calls) fn group() -> TargetGroupId {
    TargetGroupId::new(NOW, 1)
}

/// Two targets with a place each, in one group with room for two calls.
pub(in crate::calls) fn known(strategy: Strategy) -> Arc<NumberFacts> {
    let mut destinations = Destinations::default();
    let caps = |most| Caps {
        concurrent: Some(most),
        ..Caps::default()
    };
    let mut members = Vec::new();
    for n in 1..=2 {
        let row = Target {
            id: target(n),
            account: account(),
            name: format!("Target {n}"),
            uri: format!("sip:t{n}@example.com"),
            enabled: true,
        };
        let profile = TargetProfile {
            caps: caps(1),
            ..TargetProfile::default()
        };
        destinations.targets.insert(row.id, row);
        destinations.profiles.insert(target(n), profile);
        members.push(TargetGroupMember {
            target: target(n),
            ring_timeout: Duration::from_secs(20),
        });
    }
    let row = TargetGroup {
        id: group(),
        account: account(),
        name: "Sales".into(),
        members,
    };
    let profile = GroupProfile {
        strategy,
        caps: caps(2),
        ..GroupProfile::default()
    };
    destinations.groups.insert(group(), row);
    destinations.group_profiles.insert(group(), profile);
    Arc::new(NumberFacts {
        zone: jiff::tz::TimeZone::UTC,
        number: TrackingNumber {
            id: NumberId::new(NOW, 1),
            account: account(),
            e164: "+442079460001".parse().unwrap(),
            label: String::new(),
            state: NumberState::Assigned,
            pool: None,
            plan: None,
            created_at: NOW,
        },
        plan: None,
        destinations,
        prompts: Arc::default(),
        reach: Reach::default(),
        fixed: None,
        shown: HashSet::new(),
        asks_for_the_visit: false,
        withheld: crate::calls::withheld::Withheld::default(),
        asks_for_the_caller: false,
    })
}

/// A call of its own, what it rings, and what it tells.
pub(in crate::calls) struct Run {
    pub flow: PlannedCall,
    /// Calls of phones to each other.
    pub colleagues: Colleagues,
    /// Where somebody else asks something of it.
    pub switchboard: Switchboard,
    /// What it asks about its transfers.
    pub desk: mpsc::Receiver<FactsWanted>,
    pub rung: Vec<LegId>,
    pub told: Vec<String>,
    /// What came of transfers.
    pub transfers: Vec<CallEventKind>,
    /// Why it is over.
    pub ended: Option<String>,
}

/// The call.
pub(in crate::calls) fn call() -> CallId {
    CallId::new(NOW, 1)
}

/// Transfers of a call that came in by the first trunk.
fn transferring(
    colleagues: &Colleagues,
    switchboard: &Switchboard,
) -> (Transferring, mpsc::Receiver<FactsWanted>) {
    let (desk, wanted) = Desk::open();
    let origin = CallOrigin {
        dialled: "+442079460001".parse().unwrap(),
        trunk: TrunkId::new(NOW, 1),
        attribution: Attribution {
            confidence: Confidence::Unknown,
            visit: None,
            source: None,
            reason: String::new(),
            runners_up: Vec::new(),
        },
        received_at: NOW,
    };
    let line = switchboard.enter(call(), account());
    let transferring = Transferring::new(desk, origin, colleagues.clone(), line);
    (transferring, wanted)
}

impl Run {
    pub fn new(live: &Live, strategy: Strategy) -> Self {
        let step = Step::ring(group(), None);
        Self::of(live, known(strategy), PhoneDirectory::default(), step)
    }

    /// By `performance`, of which nobody is rung by lot.
    fn without_lots(live: &Live) -> Self {
        let mut known = Arc::into_inner(known(Strategy::Performance)).unwrap();
        let profiles = &mut known.destinations.group_profiles;
        profiles
            .entry(group())
            .and_modify(|profile| profile.explore = 0);
        Self::with(live, Arc::new(known), PhoneDirectory::default())
    }

    pub fn with(live: &Live, known: Arc<NumberFacts>, phones: PhoneDirectory) -> Self {
        Self::of(live, known, phones, Step::ring(group(), None))
    }

    pub fn of(live: &Live, known: Arc<NumberFacts>, phones: PhoneDirectory, step: Step) -> Self {
        Self::counted(live, known, phones, step, &Minutes::new(600))
    }

    /// A call whose account has dialled these minutes.
    pub fn counted(
        live: &Live,
        known: Arc<NumberFacts>,
        phones: PhoneDirectory,
        step: Step,
        minutes: &Minutes,
    ) -> Self {
        let plan = Arc::new(PlanDocument {
            start: "sales".into(),
            steps: [("sales".into(), step)].into(),
        });
        let about = CallFacts::default();
        let colleagues = Colleagues::default();
        let switchboard = Switchboard::default();
        let (transferring, desk) = transferring(&colleagues, &switchboard);
        let surroundings = Surroundings {
            places: live.places(account()),
            phones,
            minutes: minutes.of_call(account(), NOW),
            transferring,
        };
        let mut run = Self {
            flow: PlannedCall::new(surroundings, &plan, known, about, true, NOW),
            colleagues,
            switchboard,
            desk,
            rung: Vec::new(),
            told: Vec::new(),
            transfers: Vec::new(),
            ended: None,
        };
        run.give(Input::Timeout);
        run
    }

    pub fn give(&mut self, input: Input) {
        self.give_at(NOW, input);
    }

    pub fn give_at(&mut self, now: Timestamp, input: Input) {
        self.flow.handle(input, now);
        loop {
            match self.flow.poll() {
                Output::Do(Action::Ring(candidate)) => self.rung.push(candidate.leg),
                Output::Do(Action::TakeOver { leg }) => self.rung.push(leg),
                Output::Emit(CallEventKind::Decided { reason, .. }) => self.told.push(reason),
                Output::Emit(
                    event @ (CallEventKind::Transferring { .. }
                    | CallEventKind::TransferFailed { .. }),
                ) => self.transfers.push(event),
                Output::Emit(CallEventKind::Ended { reason, .. }) => self.ended = Some(reason),
                Output::Do(_) | Output::Emit(_) => {}
                Output::Ask(outcome) => panic!("{outcome:?} is asked of the driver"),
                Output::AskTransfer(ask) => panic!("{ask:?} is asked of the driver"),
                Output::Timeout(_) | Output::Idle => return,
            }
        }
    }

    pub fn last_fails(&mut self) {
        let leg = *self.rung.last().unwrap();
        let failure = LegFailure::Unreachable("gone".into());
        self.give(Input::LegFailed { leg, failure });
    }
}

/// Calls at the first target, the second one, and in the group.
pub(in crate::calls) fn active(live: &Live) -> [u32; 3] {
    let places = live.places(account());
    let deciding = places.decide();
    let loads = deciding.loads();
    let of = |n| loads.targets.get(&target(n)).map_or(0, |load| load.active);
    let group = loads.groups.get(&group()).map_or(0, |load| load.active);
    [of(1), of(2), group]
}

#[test]
fn who_is_full_when_it_would_ring_is_passed_over_and_told() {
    let live = Live::new();
    let mut first = Run::new(&live, Strategy::Priority);
    // The order of the first was made while both were free; the second has taken the other place since.
    let second = Run::new(&live, Strategy::Priority);
    assert_eq!(active(&live), [1, 1, 2]);
    first.last_fails();
    assert_eq!(first.rung.len(), 1);
    assert!(
        first
            .told
            .iter()
            .any(|told| told == "Target 2 is passed over: full: 1 of 1 calls"),
        "{:?}",
        first.told
    );
    assert_eq!(active(&live), [0, 1, 1], "the first call is over");
    drop(second);
    assert_eq!(active(&live), [0, 0, 0], "also when its task is gone");
}

#[test]
fn a_full_group_takes_no_third_call() {
    let live = Live::new();
    let _calls = [0, 1].map(|_| Run::new(&live, Strategy::Priority));
    let third = Run::new(&live, Strategy::Priority);
    assert!(third.rung.is_empty());
    assert_eq!(active(&live), [1, 1, 2]);
}

#[test]
fn however_a_call_ends_its_places_are_given_back() {
    for strategy in [Strategy::Priority, Strategy::Simultaneous] {
        let endings: [fn(&mut Run); 4] = [
            |run| run.give(Input::CallerCancelled),
            |run| run.give(Input::Stop),
            |run| {
                for leg in run.rung.clone() {
                    let failure = LegFailure::HungUp;
                    run.give(Input::LegFailed { leg, failure });
                }
                if run.flow.held.len() == 1 {
                    run.last_fails();
                }
            },
            |run| {
                let leg = run.rung[0];
                run.give(Input::Answered { leg });
                assert_eq!(run.flow.held.len(), 1, "the others have their places back");
                run.give(Input::HungUp { by: Party::Callee });
            },
        ];
        for end in endings {
            let live = Live::new();
            let mut run = Run::new(&live, strategy);
            assert_ne!(active(&live), [0, 0, 0]);
            end(&mut run);
            assert_eq!(active(&live), [0, 0, 0], "{strategy:?}");
        }
    }
}

#[test]
fn who_answers_most_is_rung_first_and_callers_who_leave_are_not_held_against_anybody() {
    let live = Live::new();
    let first_rung = |run: &Run| {
        run.flow.held.iter().find_map(|held| {
            let rings = |n| active(&live)[n] == 1 && !held.legs.is_empty();
            (0..2).find(|n| rings(*n))
        })
    };
    let rate = |n| {
        let places = live.places(account());
        let load = places.decide().loads().targets.get(&target(n)).copied();
        load.map(|load| (load.rung, load.answered))
    };
    // Nobody has been rung yet: the first of the group is.
    let mut run = Run::without_lots(&live);
    assert_eq!(first_rung(&run), Some(0));
    run.give(Input::CallerCancelled);
    assert_eq!(rate(1), Some((0, 0)), "the caller left");

    let mut run = Run::without_lots(&live);
    let rung = first_rung(&run).unwrap();
    let other = 1 - rung;
    run.last_fails();
    let leg = *run.rung.last().unwrap();
    run.give(Input::Answered { leg });
    run.give(Input::HungUp { by: Party::Callee });
    let number = |place: usize| u128::try_from(place).unwrap() + 1;
    assert_eq!(rate(number(rung)), Some((1, 0)));
    assert_eq!(rate(number(other)), Some((1, 1)));

    let run = Run::without_lots(&live);
    assert_eq!(
        first_rung(&run),
        Some(other),
        "who answered is before who did not"
    );
}

/// The first target is a phone that is registered at so many places.
fn with_phone(places: u16) -> (Arc<NumberFacts>, PhoneDirectory) {
    let mut known = Arc::into_inner(known(Strategy::Priority)).unwrap();
    let phone = known.destinations.targets.get_mut(&target(1)).unwrap();
    phone.uri = "phone:ann".into();
    let phones = PhoneDirectory::default();
    phones.replace(vec![ringfence_telephony::Phone {
        target: target(1),
        user: "ann".into(),
        secret: ringfence_telephony::PhoneSecret::new("ann", "correct horse"),
    }]);
    let registrations = (1..=places).map(|place| Registration {
        target: target(1),
        contact: format!("sip:ann@192.0.2.9:{place}"),
        instance: None,
        transport: SipTransport::Udp,
        address: ([192, 0, 2, 9], place).into(),
        call_id: "c".into(),
        sequence: 1,
        agent: None,
        registered_at: NOW,
        expires_at: NOW + Duration::from_mins(1),
    });
    phones.restore(registrations.collect());
    (Arc::new(known), phones)
}

#[test]
fn a_phone_rings_at_all_its_places_as_one_call_of_its_target() {
    let live = Live::new();
    let (known, phones) = with_phone(3);
    let mut run = Run::with(&live, known, phones);
    assert_eq!(run.rung.len(), 3);
    assert_eq!(
        active(&live),
        [1, 0, 1],
        "it has one place, and that is one call"
    );
    let failure = || LegFailure::Response {
        code: 486,
        phrase: "Busy Here".into(),
    };
    let rung = run.rung.clone();
    run.give(Input::LegFailed {
        leg: rung[0],
        failure: failure(),
    });
    assert_eq!(active(&live), [1, 0, 1], "it still rings elsewhere");
    run.give(Input::Answered { leg: rung[1] });
    assert_eq!(active(&live), [1, 0, 1]);
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(active(&live), [0, 0, 0]);
}

#[test]
fn a_phone_that_is_nowhere_is_passed_over_and_the_next_one_rings() {
    let live = Live::new();
    let (known, phones) = with_phone(0);
    let run = Run::with(&live, known, phones);
    assert_eq!(run.rung.len(), 1);
    assert_eq!(active(&live), [0, 1, 1]);
    let told = "Target 1 is passed over: the phone ann is not registered";
    assert!(run.told.iter().any(|one| one == told), "{:?}", run.told);
}

#[test]
fn who_did_not_answer_a_caller_in_a_queue_is_left_alone_for_a_while_and_free_for_the_next() {
    let live = Live::new();
    let queue = || {
        let step = Step::Queue(ringfence_model::QueueStep::of(group()));
        Run::of(
            &live,
            known(Strategy::Priority),
            PhoneDirectory::default(),
            step,
        )
    };
    let mut first = queue();
    first.last_fails();
    first.last_fails();
    assert_eq!(first.rung.len(), 2, "both were rung once");
    first.give(Input::CallerAnswered);
    first.give(Input::LookAgain);
    first.give(Input::LookAgain);
    assert_eq!(first.rung.len(), 2, "and are left alone");
    assert_eq!(active(&live), [0, 0, 0]);
    let second = queue();
    assert_eq!((second.rung.len(), active(&live)), (1, [1, 0, 1]));
    let later = NOW + Duration::from_secs(30);
    first.give_at(later, Input::Timeout);
    assert_eq!((first.rung.len(), active(&live)), (3, [1, 1, 2]));
    drop((first, second));
    let waiting = |live: &Live| {
        let places = live.places(account());
        let deciding = places.decide();
        deciding.loads().groups[&group()].waiting
    };
    assert_eq!((waiting(&live), active(&live)), (0, [0, 0, 0]));
}

#[test]
fn a_caller_who_hangs_up_leaves_the_queue_and_it_is_told_at_which_place() {
    let live = Live::new();
    let queue = || {
        let step = Step::Queue(ringfence_model::QueueStep::of(group()));
        Run::of(
            &live,
            known(Strategy::Priority),
            PhoneDirectory::default(),
            step,
        )
    };
    let _busy = [0, 1].map(|_| Run::new(&live, Strategy::Priority));
    let mut runs = [0, 1].map(|_| queue());
    let [first, second] = &mut runs;
    for run in [&mut *first, &mut *second] {
        run.give(Input::CallerAnswered);
        assert!(run.rung.is_empty());
    }
    let left = |place| format!("the caller hung up after 7 s in the queue, at place {place}");
    for (run, place) in [(second, 2), (first, 1)] {
        let by = Party::Caller;
        run.give_at(NOW + Duration::from_secs(7), Input::HungUp { by });
        assert_eq!(run.told.last(), Some(&left(place)), "{:?}", run.told);
    }
}
