//! What we play, and to whom; keys that stop it; messages; several legs at once.

use std::time::Duration;

use ringfence_callflow::{Action, Ear, Input, LegFailure, MessageEnd, Piece, Played, Sound};
use ringfence_media::tone::level;
use ringfence_model::Party;

use crate::harness::{Policy, Server};
use crate::phone::Phone;
use crate::script::Script;
use crate::scripted::{Inputs, Scripted};

fn tone(hz: u16) -> Sound {
    Sound {
        pieces: vec![Piece::Tone {
            hz,
            lasting: Duration::from_millis(300),
        }],
        repeated: true,
    }
}

fn play(playing: u32, sound: Sound, to: Ear) -> Action {
    Action::Play {
        playing,
        sound,
        to,
        stop_on_key: true,
    }
}

fn played(playing: u32, outcome: Played) -> Input {
    Input::Played { playing, outcome }
}

async fn server(scripted: Scripted, targets: &[String]) -> Server {
    let targets = targets
        .iter()
        .map(|uri| (uri.clone(), Duration::from_secs(20)));
    let policy = Policy {
        targets: targets.collect(),
        scripted: Some(scripted),
        ..Policy::default()
    };
    Server::start(policy).await
}

/// The call is over, and nothing of it is left.
async fn over(server: &mut Server, inputs: &mut Inputs) -> Vec<Input> {
    server.ended().await;
    assert_eq!(server.telephony.active_calls(), 0);
    // The task that carries its sound is told to stop, and its ports are free when it has.
    for _ in 0..200 {
        if server.media.sessions() == 0 {
            return inputs.all();
        }
        tokio::task::yield_now().await;
    }
    panic!("{} sessions are left", server.media.sessions());
}

fn side(run: impl FnOnce() + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_blocking(run)
}

#[tokio::test]
async fn a_caller_hears_a_menu_a_key_stops_it_and_what_follows_is_the_same_stream() {
    for by_info in [false, true] {
        let (scripted, mut inputs) = Scripted::new(|_| {
            Box::new(|input| match input {
                Input::Timeout => vec![Action::AnswerCaller],
                Input::CallerAnswered => vec![play(1, tone(600), Ear::Caller)],
                Input::Digit { key: '5', .. } => {
                    let sound = Sound::prompt("builtin:beep").then(Piece::Number {
                        value: 3,
                        language: "de".into(),
                    });
                    vec![play(2, sound, Ear::Caller)]
                }
                Input::Played { playing: 2, .. } => vec![Action::HangUp {
                    party: Party::Caller,
                }],
                _ => Vec::new(),
            })
        });
        let mut server = server(scripted, &[]).await;
        let mut phone = Phone::new(server.address);
        side(move || {
            phone.calls();
            let menu = phone.listens(40);
            assert!(menu.level(600.0) > 0.2, "{}", menu.level(600.0));
            if by_info {
                phone.presses_by_info('5');
            } else {
                phone.presses(5);
            }
            phone.gets_hung_up();
            let after = phone.listens(20);
            let mut whole = menu;
            whole.samples = after.samples;
            assert!(
                whole.level(1000.0) > 0.1,
                "the beep: {}",
                whole.level(1000.0)
            );
            whole.headers.extend(after.headers);
            whole.assert_coherent();
        })
        .await
        .expect("the phone's side");
        let told = over(&mut server, &mut inputs).await;
        assert_eq!(
            told[..4],
            [
                Input::CallerAnswered,
                played(1, Played::KeyPressed),
                Input::Digit {
                    by: Party::Caller,
                    key: '5'
                },
                played(2, Played::Finished),
            ]
        );
    }
}

#[tokio::test]
async fn a_whisper_is_heard_by_the_callee_alone_and_a_key_of_theirs_takes_the_call() {
    let (scripted, mut inputs) = Scripted::new(|candidates| {
        let leg = candidates[0].leg;
        let mut ringing = candidates.into_iter();
        Box::new(move |input| match input {
            Input::Timeout => vec![Action::AnswerCaller],
            Input::CallerAnswered => {
                let mut actions = vec![play(1, tone(600), Ear::Caller)];
                actions.extend(ringing.next().map(Action::Ring));
                actions
            }
            Input::Answered { .. } => vec![play(2, tone(1400), Ear::Leg(leg))],
            Input::LegDigit { key: '1', .. } => vec![Action::Bridge { leg, record: true }],
            Input::HungUp { by: Party::Caller } => vec![Action::HangUp {
                party: Party::Callee,
            }],
            _ => Vec::new(),
        })
    });
    let mut callee = Phone::new(([127, 0, 0, 1], 9).into());
    let mut server = server(scripted, &[callee.uri()]).await;
    callee.calls_from(server.address);
    let mut caller = Phone::new(server.address);
    let (joined, is_joined) = std::sync::mpsc::channel();
    let callee = side(move || {
        callee.answers();
        let whisper = callee.listens(50);
        assert!(whisper.level(1400.0) > 0.2, "{}", whisper.level(1400.0));
        assert!(whisper.level(600.0) < 0.02, "{}", whisper.level(600.0));
        callee.presses(1);
        joined.send(()).expect("the caller waits");
        let talk = callee.speaks(880.0, 75);
        assert!(talk.level(440.0) > 0.2, "{}", talk.level(440.0));
        callee.gets_hung_up();
    });
    let caller = side(move || {
        caller.calls();
        let before = caller.listens(40);
        assert!(before.level(600.0) > 0.2, "{}", before.level(600.0));
        assert!(before.level(1400.0) < 0.02, "{}", before.level(1400.0));
        is_joined.recv().expect("the callee answers");
        let talk = caller.speaks(440.0, 75);
        assert!(talk.level(880.0) > 0.2, "{}", talk.level(880.0));
        let mut whole = before;
        whole.headers.extend(talk.headers);
        whole.assert_coherent();
        caller.hangs_up();
    });
    caller.await.expect("the caller's side");
    callee.await.expect("the callee's side");
    let told = over(&mut server, &mut inputs).await;
    let is_key = |input: &Input| matches!(input, Input::LegDigit { key: '1', .. });
    let key = told.iter().position(is_key).expect("its key is told");
    assert_eq!(told[key - 1], played(2, Played::KeyPressed));
    assert!(matches!(told[key + 1], Input::HungUp { by: Party::Caller }));
}

#[tokio::test]
async fn a_callee_that_hangs_up_during_the_whisper_leaves_the_caller_where_it_was() {
    let (scripted, mut inputs) = Scripted::new(|candidates| {
        let leg = candidates[0].leg;
        let mut ringing = candidates.into_iter();
        Box::new(move |input| match input {
            Input::Timeout => vec![Action::AnswerCaller],
            Input::CallerAnswered => {
                let mut actions = vec![play(1, tone(600), Ear::Caller)];
                actions.extend(ringing.next().map(Action::Ring));
                actions
            }
            Input::Answered { .. } => vec![play(2, tone(1400), Ear::Leg(leg))],
            _ => Vec::new(),
        })
    });
    let mut callee = Phone::new(([127, 0, 0, 1], 9).into());
    let mut server = server(scripted, &[callee.uri()]).await;
    callee.calls_from(server.address);
    let mut caller = Phone::new(server.address);
    let (left, has_left) = std::sync::mpsc::channel();
    let callee = side(move || {
        callee.answers();
        callee.listens(5);
        callee.hangs_up();
        left.send(()).expect("the caller waits");
    });
    let caller = side(move || {
        caller.calls();
        has_left.recv().expect("the callee leaves");
        let after = caller.listens(50);
        assert!(after.level(600.0) > 0.2);
        caller.hangs_up();
    });
    callee.await.expect("the callee's side");
    caller.await.expect("the caller's side");
    let told = over(&mut server, &mut inputs).await;
    assert!(told.iter().any(|input| matches!(
        input,
        Input::LegFailed {
            failure: LegFailure::HungUp,
            ..
        }
    )));
}

fn voicemail(silence: Duration) -> (Scripted, Inputs) {
    Scripted::new(move |_| {
        Box::new(move |input| match input {
            Input::Timeout => vec![Action::AnswerCaller],
            Input::CallerAnswered => vec![play(1, Sound::prompt("builtin:beep"), Ear::Caller)],
            Input::Played { .. } => vec![Action::TakeMessage {
                longest: Duration::from_secs(20),
                silence,
            }],
            _ => Vec::new(),
        })
    })
}

#[tokio::test]
async fn a_message_is_the_caller_alone_and_ends_by_a_key_a_hang_up_or_silence() {
    for ending in [MessageEnd::Key, MessageEnd::HungUp, MessageEnd::Silence] {
        let (scripted, mut inputs) = voicemail(Duration::from_secs(2));
        let mut server = server(scripted, &[]).await;
        let mut phone = Phone::new(server.address);
        let how = ending.clone();
        let phone = side(move || {
            phone.calls();
            phone.listens(20);
            phone.speaks(440.0, 75);
            match how {
                MessageEnd::Key => phone.presses(11),
                MessageEnd::HungUp => phone.hangs_up(),
                _ => {}
            }
        });
        phone.await.expect("the phone's side");
        let log = server.ended().await;
        let report = log.recorded.expect("it was recorded");
        assert_eq!(report.failure, None);
        let told = inputs.all();
        let Some(Input::MessageTaken {
            recording: Some(_),
            lasting,
            ended,
        }) = told.last()
        else {
            panic!("expected a message, got {told:?}");
        };
        assert_eq!(*ended, ending);
        assert!(*lasting >= Duration::from_millis(1_300), "{lasting:?}");
        let mut reader = hound::WavReader::open(&report.path).expect("it can be read");
        let samples: Vec<i16> = reader
            .samples()
            .map(|sample| sample.expect("whole"))
            .collect();
        let left: Vec<i16> = samples.iter().copied().step_by(2).take(10_000).collect();
        let right: Vec<i16> = samples.iter().copied().skip(1).step_by(2).collect();
        assert!(
            level(&left, 8000, 440.0) > 0.3,
            "{}",
            level(&left, 8000, 440.0)
        );
        assert!(right.iter().all(|sample| *sample == 0), "only the caller");
    }
}

#[tokio::test]
async fn two_targets_ring_at_once_the_first_takes_the_call_and_the_other_is_told_so() {
    let (scripted, mut inputs) = Scripted::new(|candidates| {
        let (slow, quick) = (candidates[0].leg, candidates[1].leg);
        let mut ringing = Some(candidates);
        Box::new(move |input| match input {
            Input::Timeout => ringing
                .take()
                .into_iter()
                .flatten()
                .map(Action::Ring)
                .collect(),
            Input::Answered { leg } if *leg == quick => vec![
                Action::Bridge {
                    leg: quick,
                    record: true,
                },
                Action::Cancel {
                    leg: slow,
                    elsewhere: true,
                },
            ],
            Input::HungUp { by: Party::Caller } => vec![Action::HangUp {
                party: Party::Callee,
            }],
            _ => Vec::new(),
        })
    });
    let slow = Script::target(&[])
        .answers_invite("180 Ringing", "", false)
        .gets_with(
            "CANCEL",
            &[("Reason", "SIP;cause=200;text=.Call completed elsewhere.")],
        )
        .answers("200 OK", "", false)
        .answers_invite("487 Request Terminated", "", false)
        .gets("ACK")
        .sipp();
    let mut quick = Phone::new(([127, 0, 0, 1], 9).into());
    let mut server = server(scripted, &[slow.uri(), quick.uri()]).await;
    quick.calls_from(server.address);
    let slow = slow.start().await;
    let mut caller = Phone::new(server.address);
    let quick = side(move || {
        quick.answers();
        let talk = quick.speaks(880.0, 75);
        assert!(talk.level(440.0) > 0.2, "{}", talk.level(440.0));
        quick.gets_hung_up();
    });
    let caller = side(move || {
        caller.calls();
        let talk = caller.speaks(440.0, 70);
        assert!(talk.level(880.0) > 0.2, "{}", talk.level(880.0));
        caller.hangs_up();
    });
    caller.await.expect("the caller's side");
    quick.await.expect("the quick target's side");
    slow.finish().await.expect("the slow target's side");
    over(&mut server, &mut inputs).await;
}

#[tokio::test]
async fn a_caller_on_hold_hears_nothing_and_goes_on_where_it_was() {
    let (scripted, mut inputs) = Scripted::new(|_| {
        Box::new(|input| match input {
            Input::Timeout => vec![Action::AnswerCaller],
            Input::CallerAnswered => {
                vec![play(1, Sound::repeated("builtin:music"), Ear::Caller)]
            }
            _ => Vec::new(),
        })
    });
    let mut server = server(scripted, &[]).await;
    let mut phone = Phone::new(server.address);
    let phone = side(move || {
        phone.calls();
        phone.listens(10);
        phone.renegotiates("sendonly");
        assert!(phone.hears_nothing(), "it is on hold");
        phone.renegotiates("sendrecv");
        phone.listens(10).assert_coherent();
        phone.hangs_up();
    });
    phone.await.expect("the phone's side");
    let told = over(&mut server, &mut inputs).await;
    assert_eq!(told.last(), Some(&Input::HungUp { by: Party::Caller }));
}

#[tokio::test]
async fn a_prompt_that_is_not_there_is_told_and_the_call_goes_on() {
    let (scripted, mut inputs) = Scripted::new(|_| {
        Box::new(|input| match input {
            Input::Timeout => vec![Action::AnswerCaller],
            Input::CallerAnswered => vec![play(1, Sound::prompt("welcome"), Ear::Caller)],
            Input::Played { playing: 1, .. } => {
                vec![play(2, Sound::prompt("builtin:en/goodbye"), Ear::Caller)]
            }
            _ => Vec::new(),
        })
    });
    let mut server = server(scripted, &[]).await;
    let mut phone = Phone::new(server.address);
    let phone = side(move || {
        phone.calls();
        phone.listens(5);
        phone.hangs_up();
    });
    phone.await.expect("the phone's side");
    let told = over(&mut server, &mut inputs).await;
    let Input::Played {
        playing: 1,
        outcome: Played::Failed { reason },
    } = &told[1]
    else {
        panic!("expected a failure, got {told:?}");
    };
    assert!(reason.contains("\"welcome\""), "{reason}");
}
