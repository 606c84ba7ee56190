//! What is played into an ear: whole, at an even pace, in one stream with what the far side says.

#![expect(
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "caller and callee are the field's own words; a test that cannot go on may stop"
)]

mod peer;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use peer::{Peer, channels, engine, talk};
use ringfence_media::tone::{Tone, level};
use ringfence_media::{
    Clip, Ear, Line, MediaError, Notice, Piece, RecordingPlan, Side, decode_prompt,
};
use tokio::time::timeout;

fn tone(hz: u16, milliseconds: u64) -> Vec<Piece> {
    let lasting = Duration::from_millis(milliseconds);
    vec![Piece::Clip(Arc::new(Clip::tone(hz, lasting)))]
}

#[tokio::test]
async fn a_prompt_speaks_over_the_far_side_in_the_same_stream_and_is_recorded_as_the_callee() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut session = engine(15_000).open().unwrap();
    let mut notices = session.take_notices().unwrap();
    let mut caller = Peer::new(440.0, session.port(Side::Caller)).await;
    let mut callee = Peer::new(880.0, session.port(Side::Callee)).await;
    session.set_remote(Side::Caller, caller.remote());
    session.set_remote(Side::Callee, callee.remote());
    assert!(session.start_recording(RecordingPlan { path: path.clone() }));
    talk(&mut caller, &mut callee, 25).await;
    assert!(session.play(Ear::Caller, 7, tone(1400, 500), false));
    talk(&mut caller, &mut callee, 40).await;
    let heard = caller.hear().await;
    assert!(level(&heard.samples[..3000], 8000, 880.0) > 0.4);
    assert!(level(&heard.samples[4800..7200], 8000, 1400.0) > 0.2);
    assert!(level(&heard.samples[4800..7200], 8000, 880.0) < 0.02);
    for pair in heard.headers.windows(2) {
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert!(pair[1].timestamp.wrapping_sub(pair[0].timestamp) < 8000);
    }
    let played = timeout(Duration::from_secs(5), notices.recv()).await;
    let expected = Notice::Played {
        ear: Ear::Caller,
        playing: 7,
    };
    assert_eq!(played.unwrap(), Some(expected));
    assert!(level(&callee.hear().await.samples, 8000, 440.0) > 0.4);
    session.stop_recording().await.unwrap();
    let (left, right) = channels(&path);
    assert!(level(&left[800..8000], 8000, 440.0) > 0.4);
    assert!(level(&right[5600..7200], 8000, 1400.0) > 0.2);
    assert!(level(&right[5600..7200], 8000, 880.0) < 0.05);
}

#[tokio::test]
async fn lines_have_ears_of_their_own_and_give_their_ports_back() {
    let engine = engine(15_020);
    let mut session = engine.open().unwrap();
    let _notices = session.take_notices();
    session.join(None);
    let first = session.open_line().unwrap();
    let second = session.open_line().unwrap();
    assert_eq!(first, Line::FIRST);
    let one = Peer::new(440.0, session.line_port(first)).await;
    let other = Peer::new(440.0, session.line_port(second)).await;
    session.set_remote(Ear::Callee(first), one.remote());
    session.set_remote(Ear::Callee(second), other.remote());
    session.play(Ear::Callee(first), 1, tone(620, 200), false);
    session.play(Ear::Callee(second), 2, tone(880, 200), false);
    let (one, other) = (one.hear().await, other.hear().await);
    assert_eq!((one.headers.len(), other.headers.len()), (10, 10));
    assert!(level(&one.samples, 8000, 620.0) > 0.2 && level(&one.samples, 8000, 880.0) < 0.02);
    assert!(level(&other.samples, 8000, 880.0) > 0.2);
    // The range has room for ten pairs: two are the session's own.
    for _ in 0..3 {
        let mut more = Vec::new();
        let refused = loop {
            match session.open_line() {
                Ok(line) => more.push(line),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, MediaError::PortsExhausted { .. }));
        assert!((5..=7).contains(&more.len()), "{}", more.len());
        for line in more {
            session.close_line(line);
        }
        // The task that had the sockets lets go of them when it runs next.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[test]
fn files_of_other_rates_and_channels_become_ours_and_what_is_no_audio_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stereo.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for sample in Tone::new(44_100, 1000.0, 0.5).take(44_100) {
        writer.write_sample(sample).unwrap();
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let samples = decode_prompt(&path).unwrap();
    assert!(samples.len().abs_diff(8000) < 20, "{}", samples.len());
    assert!((level(&samples, 8000, 1000.0) - 0.5).abs() < 0.02);
    // What a telephone carries is left, and what 8 kHz would turn into another tone is not.
    for (hertz, expected) in [(300.0, 0.5), (3000.0, 0.5), (5000.0, 0.0)] {
        let path = folder.path().join("48.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 48_000,
            ..spec
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for sample in Tone::new(48_000, hertz, 0.5).take(48_000) {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        let samples = decode_prompt(&path).unwrap();
        let heard = [hertz, (8000.0 - hertz).abs()].map(|at| level(&samples, 8000, at));
        let loudest = heard[0].max(heard[1]);
        assert!((loudest - expected).abs() < 0.02, "{hertz} Hz: {heard:?}");
    }
    let nonsense = folder.path().join("nonsense.wav");
    fs::write(&nonsense, [7; 5000]).unwrap();
    let refused = decode_prompt(&nonsense).unwrap_err();
    assert!(matches!(refused, MediaError::NotAudio { .. }), "{refused}");
    let missing = decode_prompt(&folder.path().join("none.wav")).unwrap_err();
    assert!(matches!(missing, MediaError::File { .. }));
}
