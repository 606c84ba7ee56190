//! A call's ways, one by one, and then any sequence of inputs whatever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use ringfence_callflow::{Action, Call, Input, LegFailure, Options, Output};
use ringfence_model::{
    CallEventKind, Disposition, LegId, LegOutcome, Party, RecordingId, TargetId, Timestamp,
};
use ringfence_routing::{Candidate, Refusal, Route};

const START: Timestamp = Timestamp::from_micros(1_000_000);

fn leg(n: u128) -> LegId {
    LegId::new(START, n)
}

fn cancel(leg: LegId) -> Action {
    Action::Cancel {
        leg,
        elsewhere: false,
    }
}

fn recording() -> RecordingId {
    RecordingId::new(START, 9)
}

fn route(candidates: u128, refuse: Option<u16>) -> Route {
    Route {
        candidates: (0..candidates)
            .map(|n| Candidate {
                leg: leg(n),
                target: TargetId::new(START, n),
                name: format!("Target {n}"),
                uri: format!("sip:t{n}@example.com"),
                ring_timeout: Duration::from_secs(20),
                shown: None,
                reason: "next".into(),
            })
            .collect(),
        refuse: refuse.map(|code| Refusal {
            code,
            reason: "the plan says so".into(),
        }),
    }
}

/// A call and everything that came out of it.
struct Run {
    call: Call,
    now: Timestamp,
    actions: Vec<Action>,
    events: Vec<CallEventKind>,
    wake: Option<Timestamp>,
}

impl Run {
    fn new(route: Route) -> Self {
        let mut run = Self {
            call: Call::new(route, Options::default(), START),
            now: START,
            actions: Vec::new(),
            events: Vec::new(),
            wake: None,
        };
        run.give(Input::Timeout);
        run
    }

    fn give(&mut self, input: Input) {
        self.call.handle(input, self.now);
        loop {
            match self.call.poll() {
                Output::Do(action) => self.actions.push(action),
                Output::Emit(event) => self.events.push(event),
                Output::Ask(outcome) => panic!("a route says everything, and {outcome:?} is asked"),
                Output::AskTransfer(ask) => panic!("nobody wants a transfer, and {ask:?} is asked"),
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

    fn fails(&mut self, n: u128, code: u16) {
        self.give(Input::LegFailed {
            leg: leg(n),
            failure: LegFailure::Response {
                code,
                phrase: "No".into(),
            },
        });
    }

    fn progresses(&mut self, n: u128, code: u16, early_media: bool) {
        self.give(Input::Progress {
            leg: leg(n),
            code,
            early_media,
        });
    }

    fn time_out(&mut self) {
        self.now = self.wake.expect("a timer runs");
        self.give(Input::Timeout);
    }

    fn ended(&self) -> (Disposition, Option<u16>) {
        match self.events.last() {
            Some(CallEventKind::Ended {
                disposition, code, ..
            }) => (*disposition, *code),
            other => panic!("expected the end, got {other:?}"),
        }
    }

    fn rung(&self) -> Vec<LegId> {
        self.actions
            .iter()
            .filter_map(|action| match action {
                Action::Ring(candidate) => Some(candidate.leg),
                _ => None,
            })
            .collect()
    }

    fn refusal(&self) -> Option<u16> {
        self.actions.iter().find_map(|action| match action {
            Action::RefuseCaller { code, .. } => Some(*code),
            _ => None,
        })
    }

    fn outcomes(&self) -> Vec<LegOutcome> {
        self.events
            .iter()
            .filter_map(|event| match event {
                CallEventKind::LegFailed { outcome, .. } => Some(*outcome),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn an_answered_call_ends_when_the_callee_hangs_up() {
    let mut run = Run::new(route(2, None));
    run.progresses(0, 180, false);
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::HungUp { by: Party::Callee });
    assert_eq!(run.ended(), (Disposition::Answered, None));
    assert_eq!(
        run.actions[1..],
        [
            Action::RelayProgress {
                leg: leg(0),
                code: 180,
                early_media: false
            },
            bridge(0),
            Action::HangUp {
                party: Party::Caller
            },
        ]
    );
    assert_eq!(run.call.poll(), Output::Idle);
}

#[test]
fn a_busy_target_passes_the_call_to_the_next() {
    let mut run = Run::new(route(2, None));
    run.fails(0, 486);
    assert_eq!(run.rung(), [leg(0), leg(1)]);
    run.give(Input::Answered { leg: leg(1) });
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(run.outcomes(), [LegOutcome::Busy]);
    assert_eq!(run.ended().0, Disposition::Answered);
}

#[test]
fn a_target_that_rings_out_is_cancelled_and_the_next_one_rings() {
    let mut run = Run::new(route(2, None));
    run.progresses(0, 180, false);
    run.time_out();
    assert_eq!(run.outcomes(), [LegOutcome::NoAnswer]);
    assert!(run.actions.contains(&cancel(leg(0))));
    assert_eq!(run.rung(), [leg(0), leg(1)]);
    run.time_out();
    assert_eq!(
        run.outcomes(),
        [LegOutcome::NoAnswer, LegOutcome::Failed],
        "the second never said a word"
    );
    assert_eq!(run.ended(), (Disposition::Missed, Some(480)));
}

#[test]
fn busy_everywhere_tells_the_caller_busy() {
    let mut run = Run::new(route(2, None));
    run.fails(0, 486);
    run.fails(1, 600);
    assert_eq!(run.refusal(), Some(486));
    assert_eq!(run.ended(), (Disposition::Missed, Some(486)));
}

#[test]
fn errors_everywhere_tell_the_caller_that_the_service_is_unavailable() {
    let mut run = Run::new(route(2, None));
    run.fails(0, 503);
    run.give(Input::LegFailed {
        leg: leg(1),
        failure: LegFailure::Unreachable("no such host".into()),
    });
    assert_eq!(run.ended(), (Disposition::Missed, Some(503)));
}

#[test]
fn a_redirection_is_not_followed() {
    let mut run = Run::new(route(1, None));
    run.fails(0, 302);
    assert_eq!(run.outcomes(), [LegOutcome::Refused]);
    assert_eq!(run.rung(), [leg(0)]);
    assert_eq!(run.ended(), (Disposition::Missed, Some(480)));
}

#[test]
fn a_plan_that_refuses_at_once_rejects_the_call() {
    let run = Run::new(route(0, Some(603)));
    assert_eq!(run.ended(), (Disposition::Rejected, Some(603)));
    assert_eq!(run.refusal(), Some(603));
}

#[test]
fn a_caller_who_gives_up_abandons_the_call() {
    let mut run = Run::new(route(2, None));
    run.progresses(0, 180, false);
    run.give(Input::CallerCancelled);
    assert_eq!(run.ended(), (Disposition::Abandoned, Some(487)));
    assert_eq!(run.outcomes(), [LegOutcome::Cancelled]);
    assert_eq!(run.rung(), [leg(0)]);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_released_and_changes_nothing() {
    let mut run = Run::new(route(1, None));
    run.give(Input::CallerCancelled);
    let events = run.events.len();
    run.give(Input::Answered { leg: leg(0) });
    assert_eq!(
        run.actions.last(),
        Some(&Action::Release { leg: leg(0) }),
        "the late answer is hung up"
    );
    run.give(Input::Answered { leg: leg(0) });
    assert_eq!(run.actions.len(), 4, "once");
    assert_eq!(run.events.len(), events);
}

#[test]
fn an_answer_after_the_ring_timeout_does_not_disturb_the_next_target() {
    let mut run = Run::new(route(2, None));
    run.time_out();
    run.give(Input::Answered { leg: leg(0) });
    assert!(run.actions.contains(&Action::Release { leg: leg(0) }));
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.actions.contains(&bridge(1)));
}

#[test]
fn a_cancel_that_comes_after_the_answer_changes_nothing() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::CallerCancelled);
    assert!(run.call.is_talking());
}

#[test]
fn hold_and_resume_are_told_once_each() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    for by in [Party::Caller, Party::Callee] {
        run.give(Input::Held { by });
        run.give(Input::Held { by });
        run.give(Input::Resumed { by });
        run.give(Input::Resumed { by });
    }
    assert_eq!(
        run.events[2..],
        [
            CallEventKind::Held { by: Party::Caller },
            CallEventKind::Resumed { by: Party::Caller },
            CallEventKind::Held { by: Party::Callee },
            CallEventKind::Resumed { by: Party::Callee },
        ]
    );
}

#[test]
fn silence_ends_a_call_unless_somebody_is_on_hold() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    let silence = Input::Silence {
        lasting: Duration::from_mins(1),
    };
    run.give(Input::Held { by: Party::Caller });
    run.give(silence.clone());
    assert!(run.call.is_talking());
    run.give(Input::Resumed { by: Party::Caller });
    run.give(silence);
    assert_eq!(run.ended().0, Disposition::Answered);
    assert!(
        run.events
            .contains(&CallEventKind::HungUp { by: Party::Server })
    );
}

#[test]
fn a_side_that_is_gone_ends_an_answered_call_on_both_sides() {
    let mut run = Run::new(route(1, None));
    let gone = Input::Gone {
        party: Party::Callee,
        reason: "the callee gave no sign of life".into(),
    };
    run.give(gone.clone());
    assert!(
        run.events
            .iter()
            .all(|e| !matches!(e, CallEventKind::Ended { .. }))
    );
    run.give(Input::Answered { leg: leg(0) });
    run.give(gone);
    assert_eq!(run.ended().0, Disposition::Answered);
    for party in [Party::Caller, Party::Callee] {
        assert!(run.actions.contains(&Action::HangUp { party }));
    }
}

fn bridge(n: u128) -> Action {
    Action::Bridge {
        leg: leg(n),
        record: true,
    }
}

#[test]
fn the_longest_length_ends_a_call_on_both_sides() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    assert_eq!(run.wake, Some(START + Options::default().max_length));
    run.time_out();
    assert_eq!(run.ended().0, Disposition::Answered);
    assert_eq!(
        run.actions
            .iter()
            .filter(|action| matches!(action, Action::HangUp { .. }))
            .count(),
        2
    );
}

#[test]
fn the_end_waits_for_the_recording() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::RecordingStarted {
        recording: recording(),
    });
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(run.actions.last(), Some(&Action::CloseRecording));
    assert!(!run.call.is_over());
    run.give(Input::RecordingClosed {
        whole: Some(recording()),
    });
    assert_eq!(
        run.events[run.events.len() - 2],
        CallEventKind::RecordingFinished {
            recording: recording()
        }
    );
    assert_eq!(run.ended().0, Disposition::Answered);
}

#[test]
fn a_recording_that_never_closes_does_not_keep_the_call_open() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::RecordingStarted {
        recording: recording(),
    });
    run.give(Input::HungUp { by: Party::Caller });
    run.time_out();
    assert_eq!(run.ended().0, Disposition::Answered);
    assert!(matches!(
        run.events[run.events.len() - 2],
        CallEventKind::RecordingFailed { .. }
    ));
}

#[test]
fn a_recording_that_fails_leaves_the_call_going() {
    let mut run = Run::new(route(1, None));
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::RecordingFailed {
        reason: "the disk is full".into(),
    });
    assert!(run.call.is_talking());
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(run.ended().0, Disposition::Answered);
}

#[test]
fn a_call_that_cannot_begin_rings_nobody() {
    let mut call = Call::new(route(2, None), Options::default(), START);
    call.handle(
        Input::Broken {
            code: 488,
            reason: "no common codec".into(),
        },
        START,
    );
    let first = call.poll();
    assert_eq!(
        first,
        Output::Emit(CallEventKind::HungUp { by: Party::Server })
    );
    assert!(matches!(
        call.poll(),
        Output::Do(Action::RefuseCaller { code: 488, .. })
    ));
}

#[test]
fn a_stop_ends_ringing_and_talking_calls() {
    let mut ringing = Run::new(route(2, None));
    ringing.give(Input::Stop);
    assert_eq!(ringing.ended(), (Disposition::Failed, Some(503)));
    let mut talking = Run::new(route(1, None));
    talking.give(Input::Answered { leg: leg(0) });
    talking.give(Input::Stop);
    assert_eq!(talking.ended(), (Disposition::Answered, None));
}

#[test]
fn all_candidates_together_ring_no_longer_than_the_limit() {
    let mut run = Run::new(route(50, None));
    let mut rounds = 0;
    while run.wake.is_some() {
        run.time_out();
        rounds += 1;
        assert!(rounds < 100);
    }
    assert_eq!(run.now, START + Options::default().max_ringing);
    assert_eq!(run.rung().len(), 9);
}

fn any_party() -> impl Strategy<Value = Party> {
    prop_oneof![
        Just(Party::Caller),
        Just(Party::Callee),
        Just(Party::Server)
    ]
}

/// Any input about any of four legs, one of which the route may not have.
fn any_input() -> impl Strategy<Value = Input> {
    let any_leg = || (0..4u128).prop_map(leg);
    prop_oneof![
        3 => Just(Input::Timeout),
        3 => (any_leg(), prop_oneof![Just(100u16), 180..200u16], any::<bool>())
            .prop_map(|(leg, code, early_media)| Input::Progress { leg, code, early_media }),
        2 => any_leg().prop_map(|leg| Input::Answered { leg }),
        3 => (any_leg(), 300..700u16).prop_map(|(leg, code)| Input::LegFailed {
            leg,
            failure: LegFailure::Response { code, phrase: String::new() },
        }),
        1 => any_leg().prop_map(|leg| Input::LegFailed {
            leg,
            failure: LegFailure::Unreachable("no".into()),
        }),
        1 => Just(Input::CallerCancelled),
        1 => any_party().prop_map(|by| Input::HungUp { by }),
        2 => any_party().prop_map(|by| Input::Held { by }),
        2 => any_party().prop_map(|by| Input::Resumed { by }),
        1 => Just(Input::RecordingStarted { recording: recording() }),
        1 => Just(Input::RecordingFailed { reason: "x".into() }),
        1 => proptest::option::of(Just(recording()))
            .prop_map(|whole| Input::RecordingClosed { whole }),
        1 => Just(Input::Silence { lasting: Duration::from_mins(1) }),
        1 => any_party().prop_map(|by| Input::Digit { by, key: '5' }),
        1 => any_party().prop_map(|party| Input::Gone { party, reason: "x".into() }),
        1 => Just(Input::Broken { code: 500, reason: "x".into() }),
        1 => Just(Input::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_a_call_ends_once_and_its_legs_add_up(
        candidates in 0..4u128,
        refuse in proptest::option::of(400..700u16),
        inputs in proptest::collection::vec((any_input(), 0..30u64), 0..60),
    ) {
        let mut run = Run::new(route(candidates, refuse));
        for (input, seconds) in inputs {
            run.now = run.now + Duration::from_secs(seconds);
            run.give(input);
        }
        // Whatever is left open ends by its timers alone.
        let mut rounds = 0;
        while run.wake.is_some() {
            run.time_out();
            rounds += 1;
            prop_assert!(rounds < 100, "it does not end");
        }

        let mut ended = 0;
        let mut answered = 0;
        let mut open: BTreeSet<LegId> = BTreeSet::new();
        for event in &run.events {
            prop_assert_eq!(ended, 0, "something came after the end: {:?}", event);
            match event {
                CallEventKind::Ringing { leg, .. } => {
                    prop_assert!(open.is_empty(), "two legs ring at once");
                    prop_assert!(open.insert(*leg));
                }
                CallEventKind::Answered { leg } => {
                    answered += 1;
                    prop_assert!(open.remove(leg), "a leg that does not ring answered");
                }
                CallEventKind::LegFailed { leg, .. } => prop_assert!(open.remove(leg)),
                CallEventKind::Ended { disposition, code, .. } => {
                    ended += 1;
                    prop_assert_eq!(code.is_none(), answered == 1);
                    if *disposition == Disposition::Answered {
                        prop_assert_eq!(answered, 1);
                    }
                }
                _ => {}
            }
        }
        prop_assert_eq!(ended, 1);
        prop_assert!(answered <= 1);
        prop_assert!(open.is_empty(), "a leg rings for ever");

        // The wire's side: one final answer to the caller; each leg invited once, and each either cancelled,
        // failed by itself or answered.
        let finals = run.actions.iter().filter(|action| matches!(
            action,
            Action::RefuseCaller { .. } | Action::Bridge { .. }
        )).count();
        prop_assert_eq!(finals, 1);
        let mut invited: BTreeMap<LegId, u32> = BTreeMap::new();
        for leg in run.rung() {
            *invited.entry(leg).or_default() += 1;
        }
        prop_assert!(invited.values().all(|times| *times == 1));
        for action in &run.actions {
            if let Action::Release { leg } = action {
                let cancelled = run.actions.contains(&cancel(*leg));
                prop_assert!(cancelled);
            }
        }
    }
}
