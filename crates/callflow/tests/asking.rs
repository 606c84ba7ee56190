//! Calls that ask what to do: rounds that ring at once, prompts, menus, a message, and then any inputs and answers whatever.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use ringfence_callflow::{
    Action, Call, Ear, Input, LegFailure, Manner, MessageEnd, Next, Options, Output, Piece, Played,
    Recorded, Sound,
};
use ringfence_model::{
    CallEventKind, Disposition, LegId, LegOutcome, Party, RecordingId, TargetId, Timestamp,
};
use ringfence_routing::{Candidate, Refusal, StepOutcome};

const START: Timestamp = Timestamp::from_micros(1_000_000);

fn leg(n: u128) -> LegId {
    LegId::new(START, n)
}

fn recording() -> RecordingId {
    RecordingId::new(START, 9)
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

fn ring(legs: std::ops::Range<u128>) -> Next {
    ring_so(legs, Manner::default())
}

fn ring_so(legs: std::ops::Range<u128>, manner: Manner) -> Next {
    Next::Ring {
        candidates: legs.map(candidate).collect(),
        manner,
    }
}

fn say() -> Next {
    Next::Say(Sound::prompt("hello"))
}

fn menu() -> Next {
    Next::Menu {
        sound: Sound::prompt("which"),
        timeout: Duration::from_secs(5),
    }
}

fn message() -> Next {
    Next::TakeMessage {
        greeting: Sound::prompt("leave").then(Piece::Prompt("builtin:beep".into())),
        longest: Duration::from_mins(1),
    }
}

/// A call, what it is told to do, and everything that came out of it.
struct Run {
    call: Call,
    now: Timestamp,
    next: VecDeque<Next>,
    asked: Vec<Option<StepOutcome>>,
    actions: Vec<Action>,
    events: Vec<CallEventKind>,
    wake: Option<Timestamp>,
}

impl Run {
    fn new(next: impl IntoIterator<Item = Next>) -> Self {
        let mut run = Self {
            call: Call::asking(Options::default(), START),
            now: START,
            next: next.into_iter().collect(),
            asked: Vec::new(),
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
                Output::AskTransfer(ask) => panic!("nobody wants a transfer, and {ask:?} is asked"),
                Output::Do(action) => self.actions.push(action),
                Output::Emit(event) => self.events.push(event),
                Output::Ask(outcome) => {
                    self.asked.push(outcome);
                    let next = self.next.pop_front().unwrap_or(Next::End {
                        reason: Some("nothing is left".into()),
                    });
                    self.call.proceed(next, self.now);
                }
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

    fn played(&mut self, playing: u32, outcome: Played) {
        self.give(Input::Played { playing, outcome });
    }

    fn presses(&mut self, key: char) {
        self.give(Input::Digit {
            by: Party::Caller,
            key,
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

    fn did(&self, action: &Action) -> bool {
        self.actions.contains(action)
    }
}

/// Waits until so many seconds after the start.
fn wait(announcement: Option<&str>, until: u64) -> Next {
    Next::Wait {
        music: music(),
        announcement: announcement.map(Sound::prompt),
        until: START + Duration::from_secs(until),
    }
}

fn music() -> Sound {
    Sound::repeated("builtin:music")
}

fn bridge(n: u128, record: bool) -> Action {
    Action::Bridge {
        leg: leg(n),
        record,
    }
}

fn whispered() -> Manner {
    Manner {
        whisper: Some(Sound::prompt("sales")),
        ..Manner::default()
    }
}

fn with_a_key() -> Manner {
    Manner {
        accept_key: Some('1'),
        ..whispered()
    }
}

fn after_consent() -> Manner {
    Manner {
        record: Recorded::AfterConsent(Sound::prompt("recorded")),
        ..Manner::default()
    }
}

fn hang_up_caller() -> Action {
    Action::HangUp {
        party: Party::Caller,
    }
}

#[test]
fn of_those_who_ring_at_once_the_first_has_the_call_and_the_others_are_told() {
    let mut run = Run::new([ring(0..3)]);
    run.give(Input::Progress {
        leg: leg(0),
        code: 183,
        early_media: true,
    });
    run.give(Input::Progress {
        leg: leg(1),
        code: 180,
        early_media: false,
    });
    let relayed = run
        .actions
        .iter()
        .filter(|action| matches!(action, Action::RelayProgress { .. }));
    assert_eq!(relayed.count(), 1, "to the caller it rings, once");
    run.give(Input::LegFailed {
        leg: leg(2),
        failure: LegFailure::Response {
            code: 486,
            phrase: "Busy Here".into(),
        },
    });
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.call.is_talking());
    assert!(run.did(&bridge(1, true)));
    let elsewhere = |n| Action::Cancel {
        leg: leg(n),
        elsewhere: true,
    };
    assert!(run.did(&elsewhere(0)));
    assert!(!run.did(&elsewhere(2)), "it had failed by itself");
    let cancelled = run.events.iter().any(|event| {
        matches!(
            event,
            CallEventKind::LegFailed { leg: failed, outcome: LegOutcome::Cancelled, reason, .. }
                if *failed == leg(0) && reason == "answered elsewhere"
        )
    });
    assert!(cancelled, "{:?}", run.events);
    // Both picked up at once: the second is let go.
    run.give(Input::Answered { leg: leg(0) });
    assert!(run.did(&Action::Release { leg: leg(0) }));
}

#[test]
fn when_none_of_a_round_answers_it_is_asked_once_with_the_last_ones_words() {
    let mut run = Run::new([ring(0..2), ring(2..3)]);
    run.time_out();
    assert_eq!(run.asked.len(), 2);
    let reason = "not a word in 20 s".to_owned();
    assert_eq!(run.asked[1], Some(StepOutcome::NotAnswered { reason }));
    run.give(Input::Answered { leg: leg(2) });
    assert!(run.call.is_talking());
}

#[test]
fn a_prompt_answers_the_caller_once_and_the_call_goes_on_after_it() {
    let mut run = Run::new([say(), say(), ring(0..1)]);
    assert!(run.did(&Action::AnswerCaller));
    assert_eq!(
        run.actions.len(),
        1,
        "nothing is played to who cannot hear it yet"
    );
    run.give(Input::CallerAnswered);
    run.played(1, Played::Finished);
    run.played(
        2,
        Played::Failed {
            reason: "its file is gone".into(),
        },
    );
    let answers = run
        .actions
        .iter()
        .filter(|action| **action == Action::AnswerCaller);
    assert_eq!(answers.count(), 1);
    let reason = "its file is gone".to_owned();
    assert_eq!(
        run.asked,
        [
            None,
            Some(StepOutcome::Done),
            Some(StepOutcome::Failed { reason })
        ]
    );
    // The caller was answered already, so it hears it ring from us.
    assert!(run.did(&Action::Play {
        playing: 3,
        sound: Sound::repeated("builtin:ringback"),
        to: Ear::Caller,
        stop_on_key: false,
    }));
    run.give(Input::Answered { leg: leg(0) });
    assert!(run.call.is_talking());
}

#[test]
fn a_caller_who_only_heard_something_was_sent_away_and_is_hung_up() {
    let mut run = Run::new([say()]);
    run.give(Input::CallerAnswered);
    run.played(1, Played::Finished);
    assert!(run.did(&hang_up_caller()));
    assert_eq!(run.ended(), (Disposition::Rejected, None));
    let mut refused = Run::new([
        say(),
        ring(0..1),
        Next::Refuse(Refusal {
            code: 486,
            reason: "no".into(),
        }),
    ]);
    refused.give(Input::CallerAnswered);
    refused.played(1, Played::Finished);
    refused.time_out();
    assert!(refused.did(&hang_up_caller()));
    assert_eq!(refused.ended(), (Disposition::Missed, None));
}

#[test]
fn a_key_ends_a_menu_while_it_plays_or_after_and_no_key_does_when_its_time_is_over() {
    let mut run = Run::new([menu(), menu(), menu()]);
    run.presses('1');
    run.give(Input::CallerAnswered);
    assert_eq!(run.asked.len(), 1, "a key before the menu chooses nothing");
    run.played(1, Played::KeyPressed);
    run.presses('2');
    run.played(2, Played::Finished);
    assert_eq!(run.wake, Some(run.now + Duration::from_secs(5)));
    run.presses('#');
    run.played(3, Played::Finished);
    run.time_out();
    let key = |key| Some(StepOutcome::Key(key));
    assert_eq!(
        run.asked[1..],
        [key('2'), key('#'), Some(StepOutcome::NoKey)]
    );
    assert_eq!(run.ended(), (Disposition::Missed, None));
}

#[test]
fn a_message_is_voicemail_when_something_was_said() {
    for (seconds, ended, left, disposition) in [
        (7, MessageEnd::Key, false, Disposition::Voicemail),
        (7, MessageEnd::HungUp, true, Disposition::Voicemail),
        (7, MessageEnd::Silence, false, Disposition::Voicemail),
        (5, MessageEnd::Silence, false, Disposition::Missed),
        (0, MessageEnd::HungUp, true, Disposition::Missed),
    ] {
        let mut run = Run::new([message()]);
        run.give(Input::CallerAnswered);
        run.played(1, Played::Finished);
        let takes = |action: &Action| matches!(action, Action::TakeMessage { .. });
        assert!(run.actions.iter().any(takes));
        run.give(Input::RecordingStarted {
            recording: recording(),
        });
        if left {
            run.give(Input::HungUp { by: Party::Caller });
            assert!(run.wake.is_some(), "it is over when its message is on disk");
        }
        run.give(Input::MessageTaken {
            recording: Some(recording()),
            lasting: Duration::from_secs(seconds),
            ended: ended.clone(),
        });
        assert_eq!(run.ended(), (disposition, None), "{seconds} s, {ended:?}");
        assert_eq!(run.did(&hang_up_caller()), !left);
        let finished = CallEventKind::RecordingFinished {
            recording: recording(),
        };
        assert!(run.events.contains(&finished));
    }
}

#[test]
fn a_stop_closes_the_message_first() {
    let mut run = Run::new([message()]);
    run.give(Input::CallerAnswered);
    run.played(1, Played::Finished);
    run.give(Input::Stop);
    assert!(run.did(&Action::CloseRecording));
    run.give(Input::MessageTaken {
        recording: Some(recording()),
        lasting: Duration::from_secs(3),
        ended: MessageEnd::Stopped,
    });
    assert_eq!(run.ended(), (Disposition::Voicemail, None));
}

#[test]
fn a_caller_who_leaves_a_menu_has_abandoned_the_call() {
    let mut run = Run::new([menu()]);
    run.give(Input::CallerAnswered);
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(run.ended(), (Disposition::Abandoned, None));
    assert!(!run.did(&hang_up_caller()), "it is gone");
}

fn any_next() -> impl Strategy<Value = u8> {
    0..13u8
}

/// The `n`th answer of a run; its legs are its own.
fn next(kind: u8, n: u128) -> Next {
    match kind {
        0 => ring(n * 3..n * 3 + 1),
        1 => ring(n * 3..n * 3 + 3),
        2 => say(),
        3 => menu(),
        4 => message(),
        5 => Next::Refuse(Refusal {
            code: 486,
            reason: "no".into(),
        }),
        6 => ring(0..0),
        7 => ring_so(n * 3..n * 3 + 2, whispered()),
        8 => ring_so(n * 3..n * 3 + 3, with_a_key()),
        9 => ring_so(n * 3..n * 3 + 1, after_consent()),
        10 => wait(None, 20 + u64::try_from(n).expect("there are few")),
        11 => wait(Some("you-are-number"), 30),
        _ => ring_so(
            n * 3..n * 3 + 2,
            Manner {
                record: after_consent().record,
                ..with_a_key()
            },
        ),
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    let any_leg = || (0..12u128).prop_map(leg);
    let any_played = prop_oneof![
        Just(Played::Finished),
        Just(Played::KeyPressed),
        Just(Played::Stopped),
        Just(Played::Failed { reason: "x".into() }),
    ];
    prop_oneof![
        3 => Just(Input::Timeout),
        2 => (any_leg(), 100..200u16, any::<bool>())
            .prop_map(|(leg, code, early_media)| Input::Progress { leg, code, early_media }),
        2 => any_leg().prop_map(|leg| Input::Answered { leg }),
        4 => (any_leg(), 300..700u16).prop_map(|(leg, code)| Input::LegFailed {
            leg,
            failure: LegFailure::Response { code, phrase: String::new() },
        }),
        4 => Just(Input::CallerAnswered),
        6 => (1..6u32, any_played).prop_map(|(playing, outcome)| Input::Played { playing, outcome }),
        2 => Just(Input::Digit { by: Party::Caller, key: '5' }),
        2 => Just(Input::LookAgain),
        3 => (any_leg(), prop_oneof![Just('1'), Just('2')])
            .prop_map(|(leg, key)| Input::LegDigit { leg, key }),
        2 => proptest::option::of(Just(recording())).prop_map(|recording| Input::MessageTaken {
            recording,
            lasting: Duration::from_secs(3),
            ended: MessageEnd::Key,
        }),
        1 => Just(Input::RecordingStarted { recording: recording() }),
        1 => Just(Input::RecordingClosed { whole: None }),
        1 => Just(Input::CallerCancelled),
        1 => Just(Input::HungUp { by: Party::Caller }),
        1 => Just(Input::HungUp { by: Party::Callee }),
        1 => Just(Input::Gone { party: Party::Caller, reason: "x".into() }),
        1 => Just(Input::Broken { code: 500, reason: "x".into() }),
        1 => Just(Input::Stop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_asked_and_happens_a_call_ends_once_and_its_legs_add_up(
        kinds in proptest::collection::vec(any_next(), 0..6),
        inputs in proptest::collection::vec((any_input(), 0..20u64), 0..60),
    ) {
        let mut run = Run::new((0..).zip(kinds).map(|(n, kind)| next(kind, n)));
        for (input, seconds) in inputs {
            run.now = run.now + Duration::from_secs(seconds);
            run.give(input);
        }
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
                CallEventKind::Ringing { leg, .. } => prop_assert!(open.insert(*leg)),
                CallEventKind::Answered { leg } => {
                    answered += 1;
                    prop_assert!(open.remove(leg));
                }
                CallEventKind::LegFailed { leg, .. } => prop_assert!(open.remove(leg)),
                CallEventKind::Ended { .. } => ended += 1,
                _ => {}
            }
        }
        prop_assert_eq!(ended, 1);
        prop_assert!(answered <= 1);
        prop_assert!(open.is_empty(), "a leg rings for ever");
        // The caller gets one final word: a refusal, an answer of ours, or that of a leg.
        let ours = run.did(&Action::AnswerCaller);
        let refused = run.actions.iter().any(|action| matches!(action, Action::RefuseCaller { .. }));
        prop_assert!(!(ours && refused), "a caller that was answered was refused");
        prop_assert!(ours || refused || answered == 1);
    }
}

/// Those that picked up and do not have the call are hung up, and no leg is joined before it has picked up.
#[test]
fn a_whisper_comes_before_the_conversation_and_the_caller_hears_it_ring_meanwhile() {
    let mut run = Run::new([ring_so(0..2, whispered())]);
    run.give(Input::Progress {
        leg: leg(0),
        code: 183,
        early_media: true,
    });
    assert!(run.did(&Action::RelayProgress {
        leg: leg(0),
        code: 180,
        early_media: false
    }));
    run.give(Input::Answered { leg: leg(0) });
    assert!(run.did(&Action::Play {
        playing: 1,
        sound: Sound::prompt("sales"),
        to: Ear::Leg(leg(0)),
        stop_on_key: false,
    }));
    assert!(run.did(&Action::Cancel {
        leg: leg(1),
        elsewhere: true
    }));
    assert!(!run.call.is_talking() && !run.did(&Action::AnswerCaller));
    run.played(1, Played::Finished);
    assert!(run.call.is_talking());
    assert!(run.did(&bridge(0, true)));
}

#[test]
fn whoever_presses_the_key_first_has_the_call_and_whoever_presses_none_does_not() {
    let mut run = Run::new([ring_so(0..3, with_a_key()), ring(3..4)]);
    for n in 0..2 {
        run.give(Input::Answered { leg: leg(n) });
    }
    run.played(1, Played::KeyPressed);
    run.give(Input::LegDigit {
        leg: leg(0),
        key: '7',
    });
    assert!(!run.call.is_talking(), "a wrong key takes nothing");
    run.give(Input::LegDigit {
        leg: leg(1),
        key: '1',
    });
    assert!(run.did(&bridge(1, true)));
    assert!(
        run.did(&Action::Release { leg: leg(0) }),
        "it had picked up"
    );
    assert!(run.did(&Action::Cancel {
        leg: leg(2),
        elsewhere: true
    }));

    let mut run = Run::new([ring_so(0..1, with_a_key()), ring(1..2)]);
    run.give(Input::Answered { leg: leg(0) });
    run.played(1, Played::Finished);
    run.time_out();
    assert!(run.did(&Action::Release { leg: leg(0) }));
    let outcome = run.asked.last().expect("it asked").clone();
    assert_eq!(
        outcome,
        Some(StepOutcome::NotAnswered {
            reason: "somebody picked up, and did not press 1 within 10 s".into()
        })
    );
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.did(&bridge(1, true)));
}

#[test]
fn a_callee_whose_whisper_cannot_be_played_has_the_call_all_the_same_and_it_is_told() {
    let mut run = Run::new([ring_so(0..1, whispered())]);
    run.give(Input::Answered { leg: leg(0) });
    let reason = "no such prompt".to_owned();
    run.played(1, Played::Failed { reason });
    assert!(run.did(&bridge(0, true)));
    let told = |event: &CallEventKind| matches!(event, CallEventKind::SoundFailed { reason } if reason.ends_with("no such prompt"));
    assert!(run.events.iter().any(told), "{:?}", run.events);
}

#[test]
fn nothing_is_recorded_before_both_sides_have_heard_that_it_will_be() {
    for fails in [false, true] {
        let mut run = Run::new([ring_so(0..1, after_consent())]);
        run.give(Input::Answered { leg: leg(0) });
        assert_eq!(run.actions.last(), Some(&Action::AnswerCaller));
        run.give(Input::CallerAnswered);
        for (playing, to) in [(1, Ear::Caller), (2, Ear::Leg(leg(0)))] {
            assert!(run.did(&Action::Play {
                playing,
                sound: Sound::prompt("recorded"),
                to,
                stop_on_key: false,
            }));
        }
        run.played(2, Played::Finished);
        assert!(!run.call.is_talking());
        let outcome = if fails {
            Played::Failed { reason: "x".into() }
        } else {
            Played::Finished
        };
        run.played(1, outcome);
        assert!(run.call.is_talking());
        assert!(run.did(&bridge(0, !fails)), "{:?}", run.actions);
    }
}

#[test]
fn a_callee_who_leaves_before_it_is_joined_leaves_the_call_to_the_next() {
    let manner = Manner {
        record: Recorded::No,
        ..Manner::default()
    };
    let mut run = Run::new([ring_so(0..1, after_consent()), ring_so(1..2, manner)]);
    run.give(Input::Answered { leg: leg(0) });
    run.give(Input::CallerAnswered);
    run.give(Input::LegFailed {
        leg: leg(0),
        failure: LegFailure::HungUp,
    });
    let ringback = Sound::repeated("builtin:ringback");
    let rings = |action: &Action| matches!(action, Action::Play { sound, to: Ear::Caller, .. } if *sound == ringback);
    assert!(run.actions.iter().any(rings), "{:?}", run.actions);
    run.give(Input::Answered { leg: leg(1) });
    assert!(run.did(&bridge(1, false)));
}

#[test]
fn a_caller_who_leaves_hangs_up_whoever_picked_up() {
    for manner in [with_a_key(), after_consent()] {
        let mut run = Run::new([ring_so(0..1, manner)]);
        run.give(Input::Answered { leg: leg(0) });
        run.give(Input::HungUp { by: Party::Caller });
        assert!(run.did(&Action::Release { leg: leg(0) }));
        assert_eq!(run.ended().0, Disposition::Abandoned);
    }
}

/// What the caller was played, by its name.
fn heard(run: &Run) -> Vec<String> {
    let played = run.actions.iter().filter_map(|action| match action {
        Action::Play {
            sound,
            to: Ear::Caller,
            ..
        } => match &sound.pieces[0] {
            Piece::Prompt(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    });
    played.collect()
}

#[test]
fn a_caller_who_waits_hears_its_place_and_music_that_goes_on_while_others_ring() {
    let manner = Manner {
        meanwhile: music(),
        ..Manner::default()
    };
    let mut run = Run::new([
        wait(Some("you-are-number"), 30),
        wait(None, 30),
        ring_so(0..1, manner.clone()),
        wait(None, 60),
        ring_so(1..2, manner),
    ]);
    assert_eq!(run.actions, [Action::AnswerCaller]);
    run.give(Input::CallerAnswered);
    run.give(Input::LookAgain);
    run.give(Input::LookAgain);
    // It rings, and the announcement is heard to its end all the same.
    assert_eq!(heard(&run), ["you-are-number"]);
    run.played(1, Played::Finished);
    assert_eq!(heard(&run), ["you-are-number", "builtin:music"]);
    run.give(Input::LegFailed {
        leg: leg(0),
        failure: LegFailure::HungUp,
    });
    run.time_out();
    assert_eq!(run.asked.last(), Some(&Some(StepOutcome::Done)));
    run.give(Input::Answered { leg: leg(1) });
    assert_eq!(heard(&run).len(), 2, "the music is not begun anew");
    assert!(run.did(&bridge(1, true)));
}

#[test]
fn what_a_caller_waits_for_and_comes_before_it_waits_is_not_lost() {
    let mut run = Run::new([wait(None, 30), ring(0..1)]);
    run.give(Input::LookAgain);
    run.give(Input::CallerAnswered);
    assert_eq!(run.wake, Some(run.now));
    run.time_out();
    assert!(run.did(&Action::Ring(candidate(0))));
}

#[test]
fn who_waited_in_vain_was_missed_and_who_left_has_abandoned() {
    let mut run = Run::new([wait(None, 30)]);
    run.give(Input::CallerAnswered);
    run.time_out();
    assert_eq!(run.ended(), (Disposition::Missed, None));
    assert!(run.did(&hang_up_caller()));
    let mut run = Run::new([wait(None, 30)]);
    run.give(Input::CallerAnswered);
    run.give(Input::HungUp { by: Party::Caller });
    assert_eq!(run.ended(), (Disposition::Abandoned, None));
}
