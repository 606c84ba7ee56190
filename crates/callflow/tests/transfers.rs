//! Transfers: whoever talks with the caller has it put through, in every way that this may go.

use std::time::Duration;

use ringfence_callflow::{
    Action, Call, DECIDED_WITHIN, Input, LegFailure, Options, Output, Sound, TransferAsk,
};
use ringfence_model::{
    CallEventKind, CallId, Disposition, LegId, LegOutcome, Party, TargetId, Timestamp,
};
use ringfence_routing::{Candidate, Route};

const START: Timestamp = Timestamp::from_micros(1_000_000);

fn leg(n: u128) -> LegId {
    LegId::new(START, n)
}

fn candidate(n: u128) -> Candidate {
    Candidate {
        leg: leg(n),
        target: TargetId::new(START, n),
        name: format!("Target {n}"),
        uri: format!("sip:t{n}@example.com"),
        ring_timeout: Duration::from_secs(20),
        shown: None,
        reason: "next".into(),
    }
}

/// A call whose first leg talks.
struct Run {
    call: Call,
    now: Timestamp,
    actions: Vec<Action>,
    events: Vec<CallEventKind>,
    asked: Vec<TransferAsk>,
    wake: Option<Timestamp>,
}

impl Run {
    fn new() -> Self {
        let route = Route {
            candidates: vec![candidate(0)],
            refuse: None,
        };
        let mut run = Self {
            call: Call::new(route, Options::default(), START),
            now: START,
            actions: Vec::new(),
            events: Vec::new(),
            asked: Vec::new(),
            wake: None,
        };
        run.give(Input::Timeout);
        run.give(Input::Answered { leg: leg(0) });
        run
    }

    /// The same, and it wants the caller put through.
    fn wanting() -> Self {
        let mut run = Self::new();
        run.wants();
        run
    }

    /// The same, and the caller is to be joined with whom that one has called.
    fn joining() -> Self {
        let mut run = Self::new();
        run.give(Input::Held { by: Party::Callee });
        let with = CallId::new(START, 7);
        run.give(Input::Join { leg: leg(0), with });
        assert_eq!(run.asked, [TransferAsk::Join { leg: leg(0), with }]);
        run.give(Input::JoinWith {
            candidate: candidate(1),
            reason: "Ann joins the caller with Ben".into(),
        });
        assert!(run.did(&Action::TakeOver { leg: leg(1) }));
        let plays = |action: &Action| matches!(action, Action::Play { .. } | Action::Ring(_));
        assert_eq!(run.actions.iter().filter(|one| plays(one)).count(), 1);
        run
    }

    fn wants(&mut self) {
        self.give(Input::Transfer {
            leg: leg(0),
            to: "102".into(),
        });
    }

    fn give(&mut self, input: Input) {
        self.call.handle(input, self.now);
        loop {
            match self.call.poll() {
                Output::Do(action) => self.actions.push(action),
                Output::Emit(event) => self.events.push(event),
                Output::AskTransfer(ask) => self.asked.push(ask),
                Output::Ask(outcome) => panic!("{outcome:?} is asked of the plan"),
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                Output::Idle => {
                    self.wake = None;
                    return;
                }
            }
        }
    }

    fn put_through(&mut self, legs: &[u128]) {
        self.give(Input::TransferTo {
            candidates: legs.iter().copied().map(candidate).collect(),
            reason: "Ann puts the caller through to Ben".into(),
            meanwhile: Sound::repeated("builtin:ringback"),
        });
    }

    fn fails(&mut self, n: u128, code: u16) {
        self.give(Input::LegFailed {
            leg: leg(n),
            failure: LegFailure::Response {
                code,
                phrase: "No".into(),
            },
        });
    }

    fn refuses(&mut self, code: u16) {
        self.give(Input::TransferRefused {
            code,
            reason: "nobody is left".into(),
        });
    }

    fn time_out(&mut self) {
        self.now = self.wake.expect("a timer runs");
        self.give(Input::Timeout);
    }

    /// What the leg that wanted it was told.
    fn told(&self) -> Vec<u16> {
        let told = self.actions.iter().filter_map(|action| match action {
            Action::TellTransfer { leg: to, code, .. } if *to == leg(0) => Some(*code),
            _ => None,
        });
        told.collect()
    }

    fn did(&self, action: &Action) -> bool {
        self.actions.contains(action)
    }

    fn ended(&self) -> Option<(Disposition, &str)> {
        match self.events.last() {
            Some(CallEventKind::Ended {
                disposition,
                reason,
                ..
            }) => Some((*disposition, reason)),
            _ => None,
        }
    }
}

const CALLER: Action = Action::HangUp {
    party: Party::Caller,
};
const CALLEE: Action = Action::HangUp {
    party: Party::Callee,
};

#[test]
fn a_caller_is_put_through_from_outside_as_by_who_talks_with_it() {
    let mut run = Run::new();
    assert!(!run.call.is_transferring());
    run.give(Input::PutThrough { leg: leg(0) });
    assert_eq!(run.asked, [TransferAsk::PutThrough { leg: leg(0) }]);
    assert!(run.call.is_transferring());
    run.give(Input::TransferTo {
        candidates: vec![candidate(1)],
        reason: "ann@example.com puts the caller through to Ben".into(),
        meanwhile: Sound::repeated("builtin:ringback"),
    });
    assert!(run.did(&Action::Ring(candidate(1))));
    // Who talked hangs up before Ben answers, and nobody is hung up for it.
    run.give(Input::HungUp { by: Party::Callee });
    assert!(run.events.contains(&CallEventKind::Left { leg: leg(0) }));
    assert!(run.call.is_talking());
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.did(&Action::HandOver { leg: leg(1) }));
    assert!(!run.call.is_transferring());
}

#[test]
fn the_caller_hears_ringing_and_is_handed_over_even_when_who_wanted_it_has_left() {
    for leaves in [false, true] {
        let mut run = Run::wanting();
        let wished = TransferAsk::Wished {
            leg: leg(0),
            to: "102".into(),
        };
        assert_eq!(run.asked, [wished]);
        if leaves {
            run.give(Input::HungUp { by: Party::Callee });
            assert!(!run.did(&CALLER));
        }
        run.put_through(&[1]);
        let heard =
            |action: &Action| matches!(action, Action::Play { sound, .. } if sound.repeated);
        assert!(run.actions.iter().any(heard));
        run.give(Input::Answered { leg: leg(1) });
        assert!(run.did(&Action::HandOver { leg: leg(1) }));
        assert_eq!(run.told(), [200]);
        let left = CallEventKind::Left { leg: leg(0) };
        let times = run.events.iter().filter(|event| **event == left).count();
        assert_eq!(times, 1, "{:?}", run.events);
        run.give(Input::HungUp { by: Party::Caller });
        assert!(run.did(&CALLEE), "the new callee is hung up");
        assert_eq!(
            run.ended(),
            Some((Disposition::Answered, "the caller hung up"))
        );
    }
}

#[test]
fn when_nobody_takes_it_the_caller_is_with_who_wanted_it_or_alone_and_hung_up() {
    for leaves in [false, true] {
        let mut run = Run::wanting();
        run.put_through(&[1, 2]);
        if leaves {
            run.give(Input::HungUp { by: Party::Callee });
        }
        run.fails(1, 486);
        assert_eq!(run.asked.len(), 1, "the other one rings");
        run.time_out();
        let cancel = Action::Cancel {
            leg: leg(2),
            elsewhere: false,
        };
        assert!(run.did(&cancel));
        assert_eq!(run.asked.last(), Some(&TransferAsk::Next));
        run.put_through(&[3]);
        run.fails(3, 486);
        run.refuses(480);
        assert_eq!(run.told(), [486], "what the last one answered");
        assert_eq!(run.call.is_talking(), !leaves);
        assert_eq!(run.did(&CALLER), leaves);
        let stops = |action: &Action| matches!(action, Action::StopPlaying { .. });
        assert!(run.actions.iter().any(stops));
        let began = |event: &&CallEventKind| matches!(event, CallEventKind::Transferring { .. });
        assert_eq!(run.events.iter().filter(began).count(), 1);
        // An answer that crosses the CANCEL is hung up.
        run.give(Input::Answered { leg: leg(2) });
        assert!(run.did(&Action::Release { leg: leg(2) }));
        if leaves {
            let reason = "whoever talked with the caller has left, and nobody is left";
            assert_eq!(run.ended(), Some((Disposition::Answered, reason)));
        } else {
            // It may try again.
            run.wants();
            run.put_through(&[4]);
            run.give(Input::Answered { leg: leg(4) });
            assert!(run.did(&Action::HandOver { leg: leg(4) }));
        }
    }
}

#[test]
fn what_may_not_be_rings_nobody_and_nobody_waits_for_ever_for_who_decides() {
    let mut run = Run::wanting();
    run.refuses(403);
    assert_eq!(run.told(), [403]);
    assert!(run.call.is_talking());
    assert!(!run.did(&CALLER));
    run.wants();
    assert_eq!(run.wake, Some(START + DECIDED_WITHIN));
    run.time_out();
    assert_eq!(run.told(), [403, 503]);
    // What comes too late changes nothing.
    run.put_through(&[1]);
    assert!(!run.did(&Action::Ring(candidate(1))));
}

#[test]
fn of_those_who_ring_together_the_others_are_given_up() {
    let mut run = Run::wanting();
    run.put_through(&[1, 2]);
    run.give(Input::Answered { leg: leg(2) });
    let cancel = Action::Cancel {
        leg: leg(1),
        elsewhere: true,
    };
    assert!(run.did(&cancel));
    let failed = run.events.iter().filter_map(|event| match event {
        CallEventKind::LegFailed { outcome, .. } => Some(*outcome),
        _ => None,
    });
    assert_eq!(failed.collect::<Vec<_>>(), [LegOutcome::Cancelled]);
}

#[test]
fn a_caller_that_hangs_up_meanwhile_ends_all_of_it() {
    let mut run = Run::wanting();
    run.put_through(&[1]);
    run.give(Input::HungUp { by: Party::Caller });
    assert!(run.did(&Action::Cancel {
        leg: leg(1),
        elsewhere: false
    }));
    assert!(run.did(&CALLEE));
    assert_eq!(run.told(), [487]);
    assert_eq!(
        run.ended(),
        Some((Disposition::Answered, "the caller hung up"))
    );
}

#[test]
fn a_call_is_put_through_so_often_and_no_more() {
    let mut run = Run::wanting();
    for _ in 0..30 {
        run.refuses(404);
        run.wants();
    }
    assert_eq!(run.asked.len(), 20);
    assert_eq!(run.told().last(), Some(&603));
}

#[test]
fn a_caller_is_joined_with_whom_the_callee_has_called() {
    let mut run = Run::joining();
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.did(&Action::HandOver { leg: leg(1) }));
    assert_eq!(run.told(), [200]);
    assert!(run.events.contains(&CallEventKind::Left { leg: leg(0) }));
    run.give(Input::HungUp { by: Party::Callee });
    assert!(run.did(&CALLER));
    assert_eq!(
        run.ended(),
        Some((Disposition::Answered, "the callee hung up"))
    );
}

#[test]
fn when_the_colleague_is_gone_the_caller_stays_and_one_that_comes_too_late_is_hung_up() {
    let mut run = Run::joining();
    run.give(Input::LegFailed {
        leg: leg(1),
        failure: LegFailure::HungUp,
    });
    assert_eq!(run.asked.last(), Some(&TransferAsk::Next));
    run.refuses(480);
    assert_eq!(run.told(), [503]);
    assert!(run.call.is_talking() && !run.did(&CALLER));

    let mut run = Run::joining();
    run.give(Input::HungUp { by: Party::Caller });
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.did(&Action::Release { leg: leg(1) }));
}

#[test]
fn a_call_whose_callee_was_taken_over_is_over_and_the_callee_not_hung_up() {
    let mut run = Run::new();
    run.give(Input::TakenOver);
    assert!(run.did(&CALLER) && !run.did(&CALLEE));
    let reason = "the callee was joined with another caller";
    assert_eq!(run.ended(), Some((Disposition::Answered, reason)));
}
