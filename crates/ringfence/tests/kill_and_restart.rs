//! A power cut under load: what was answered has its row, what was open is closed, what was cut plays.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::collections::HashMap;
use std::time::Duration;

use ringfence_media::tone;
use ringfence_model::{Call, Disposition, RecordingState};
use ringfence_softphone::{Answer, Behaviour, CallRequest, Softphone, SoftphoneConfig, Then};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::{Engine, on_both_engines};
use support::{Rows, World};
use tokio::task::JoinHandle;

const CALLS_PER_SECOND: u64 = 50;
const SECONDS: u64 = 4;

on_both_engines!(a_killed_server_loses_no_answered_call);

async fn a_killed_server_loses_no_answered_call(engine: Engine) {
    let agent = Softphone::start(SoftphoneConfig {
        behaviour: Behaviour {
            ring: Duration::ZERO,
            then: Then::Answer(Answer {
                tone_hz: 880.0,
                hang_up_after: None,
            }),
            early_media: false,
        },
        ..SoftphoneConfig::default()
    })
    .await
    .unwrap();
    let world = World::new(engine.database_with_tables().await);
    let rows = world.rows(&[agent.uri()], Duration::from_secs(5), 10).await;
    let server = world.serve();

    let callers = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let made = place_calls(&world, &rows, &callers).await;
    let before = agent.counters();
    assert!(
        before.answered > 50,
        "the load never came: {before:?}\n{}",
        world.said()
    );
    server.kill();
    // Nobody answers the callers' BYE any more, so their phones are shut and each call is told as it stood.
    callers.shutdown().await;
    agent.shutdown().await;

    let restarted = world.serve();
    let db = world.db().await;
    let calls = all_calls(&db, rows.account).await;
    let mut by_caller: HashMap<String, Vec<&Call>> = HashMap::new();
    for call in &calls {
        let caller = call
            .caller
            .as_ref()
            .expect("every caller showed a number")
            .to_string();
        by_caller.entry(caller).or_default().push(call);
    }
    let mut seen_200 = 0;
    for (from, answered) in made {
        if answered.await.unwrap() {
            seen_200 += 1;
            assert_eq!(
                by_caller.get(&from).map(Vec::len),
                Some(1),
                "{from} got a 200 and has no row of its own"
            );
        }
    }
    assert!(seen_200 > 50, "only {seen_200} calls were answered");

    let interrupted: Vec<&Call> = calls
        .iter()
        .filter(|call| {
            call.reason
                .as_deref()
                .is_some_and(|reason| reason.contains("interrupted"))
        })
        .collect();
    assert!(!interrupted.is_empty(), "no call was cut");
    assert!(
        calls
            .iter()
            .all(|call| call.ended_at.is_some() && call.disposition.is_some())
    );
    assert!(
        interrupted
            .iter()
            .all(|call| call.disposition == Some(Disposition::Failed))
    );

    let played = play_cut_recordings(&db, &world, &rows, &interrupted).await;
    assert!(played > 10, "only {played} cut recordings play");
    db.close().await;
    restarted.stop();
}

/// Calls at a steady rate, and what became of each once its softphone is shut.
async fn place_calls(
    world: &World,
    rows: &Rows,
    callers: &Softphone,
) -> Vec<(String, JoinHandle<bool>)> {
    let mut made = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / CALLS_PER_SECOND));
    for index in 0..CALLS_PER_SECOND * SECONDS {
        beat.tick().await;
        let from = format!("+441632960{index:03}");
        let number = usize::try_from(index).unwrap() % rows.numbers.len();
        let request = CallRequest {
            server: world.sip,
            to: rows.numbers[number].e164.to_string(),
            from: from.clone(),
            tone_hz: 440.0,
            // Every third call is over before the cut, the others are cut.
            talk: Duration::from_millis(if index % 3 == 0 { 800 } else { 30_000 }),
            give_up_after: None,
            expect: vec![440.0, 880.0],
        };
        let callers = callers.clone();
        let answered = tokio::spawn(async move {
            callers
                .call(request)
                .await
                .is_ok_and(|result| result.answered)
        });
        made.push((from, answered));
    }
    made
}

/// How many of the cut recordings hold both tones, each on its own channel.
async fn play_cut_recordings(db: &Db, world: &World, rows: &Rows, interrupted: &[&Call]) -> usize {
    let mut played = 0;
    for call in interrupted {
        if let Some(recording) = db.recording_of_call(rows.account, call.id).await.unwrap() {
            assert_eq!(recording.state, RecordingState::Recovered, "{recording:?}");
            let path = world.recordings().join(&recording.path);
            let mut wav = hound::WavReader::open(&path).unwrap();
            let samples: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).collect();
            // A telephone that was cut right after the answer may have sent nothing yet: each side is judged from its
            // first sound on, and half a second of it holds that side's tone.
            let sides = [0, 1].map(|side| -> Vec<i16> {
                let side = samples.iter().copied().skip(side).step_by(2);
                side.skip_while(|sample| sample.unsigned_abs() < 200)
                    .collect()
            });
            let long = sides.each_ref().map(|side| side.len() >= 4_000);
            for ((side, long), tone) in sides.iter().zip(long).zip([440.0, 880.0]) {
                if long {
                    let heard = tone::dominant(side, 8_000, &[440.0, 880.0]).map(|(hz, _)| hz);
                    assert_eq!(heard, Some(tone), "{}", path.display());
                }
            }
            if long == [true, true] {
                played += 1;
            }
        }
    }
    played
}

async fn all_calls(db: &Db, account: ringfence_model::AccountId) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut after = None;
    loop {
        let page = db
            .calls(account, &CallFilter::default(), after, 500)
            .await
            .unwrap();
        calls.extend(page.calls);
        after = page.next;
        if after.is_none() {
            return calls;
        }
    }
}
