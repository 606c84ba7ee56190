//! Recordings hold what was said, each side on its own channel, at its own time.

#![expect(
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "caller and callee are the field's own words; a test that cannot go on may stop"
)]

mod peer;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use peer::{Peer, assert_whole, channels, engine, extent, talk};
use ring::digest::{SHA256, digest};
use ringfence_media::{Notice, RecordingPlan, Session, Side, recover, waveform};
use tokio::time::{interval, timeout};

async fn session(first: u16) -> (Session, Peer, Peer) {
    let session = engine(first).open().unwrap();
    let caller = Peer::new(440.0, session.port(Side::Caller)).await;
    let callee = Peer::new(880.0, session.port(Side::Callee)).await;
    session.set_remote(Side::Caller, caller.remote());
    session.set_remote(Side::Callee, callee.remote());
    (session, caller, callee)
}

fn plan(path: &Path) -> RecordingPlan {
    RecordingPlan {
        path: path.to_path_buf(),
    }
}

#[tokio::test]
async fn the_caller_is_left_and_the_callee_right_both_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("2026/11/call.wav");
    let (session, mut caller, mut callee) = session(12_200).await;
    assert!(session.start_recording(plan(&path)));
    assert!(!session.start_recording(plan(&path)), "one at a time");
    talk(&mut caller, &mut callee, 75).await;
    callee.hear().await;
    let report = session.close().await.recording.unwrap();

    let (left, right) = channels(&path);
    for (samples, hz) in [(&left, 440.0), (&right, 880.0)] {
        let (first, last) = extent(samples);
        assert!(first < 4000, "begins within half a second: {first}");
        assert!(
            (11_990..=12_000).contains(&(last - first)),
            "1.5 s: {}",
            last - first
        );
        assert_whole(&samples[first..last], hz);
    }
    let octets = fs::read(&path).unwrap();
    assert_eq!(report.size, octets.len() as u64);
    assert_eq!(report.sha256, digest(&SHA256, &octets).as_ref());
    assert_eq!(report.duration_ms, left.len() as u64 / 8);
    assert_eq!((report.missed_packets, report.failure), (0, None));
    let picture = waveform(&path, 100).unwrap();
    assert_eq!(picture.duration_ms, report.duration_ms);
    assert!(picture.left[40] > 100 && picture.right[40] > 100);
}

#[tokio::test]
async fn five_percent_loss_and_a_pause_keep_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (session, mut caller, mut callee) = session(12_220).await;
    session.start_recording(plan(&path));
    let mut pace = interval(Duration::from_millis(20));
    for number in 0..100 {
        pace.tick().await;
        // Every twentieth is lost; from 40 to 59 the caller says nothing.
        caller
            .step(number % 20 != 10 && !(40..60).contains(&number))
            .await;
        callee.step(number % 20 != 10).await;
    }
    callee.hear().await;
    let report = session.close().await;
    assert_eq!(report.callee.lost, 5);
    let (left, right) = channels(&path);
    for samples in [&left, &right] {
        let (first, last) = extent(samples);
        assert!(
            (15_990..=16_000).contains(&(last - first)),
            "2 s: {}",
            last - first
        );
        let lost = &samples[first + 1600..first + 1750];
        assert!(
            lost.iter().all(|&sample| sample == 0),
            "what was lost is silence in its place"
        );
    }
    let (first, _) = extent(&left);
    assert_whole(&left[first..first + 1600], 440.0);
    assert!(
        left[first + 6400..first + 9600]
            .iter()
            .all(|&sample| sample == 0)
    );
    assert_whole(&left[first + 12_000..first + 13_600], 440.0);
}

#[tokio::test]
async fn another_target_is_heard_from_when_it_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (session, mut caller, mut callee) = session(12_240).await;
    session.start_recording(plan(&path));
    talk(&mut caller, &mut callee, 25).await;
    session.reset(Side::Callee);
    let mut next = Peer::new(620.0, session.port(Side::Callee)).await;
    next.header.ssrc = 5;
    next.header.timestamp = 123;
    session.set_remote(Side::Callee, next.remote());
    talk(&mut caller, &mut next, 25).await;
    next.hear().await;
    session.close().await;
    let (left, right) = channels(&path);
    let ((left_first, left_last), (right_first, right_last)) = (extent(&left), extent(&right));
    assert!(left_first.abs_diff(right_first) < 400 && left_last.abs_diff(right_last) < 400);
    assert_whole(&right[right_first..right_first + 3600], 880.0);
    assert_whole(&right[right_last - 3600..right_last], 620.0);
}

#[tokio::test]
async fn a_recording_that_cannot_be_opened_is_told_and_sound_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken.wav");
    fs::write(&taken, "something else").unwrap();
    for (number, path) in (0..).zip([taken.clone(), taken.join("below.wav")]) {
        let (mut session, mut caller, mut callee) = session(12_260 + 20 * number).await;
        let mut notices = session.take_notices().unwrap();
        session.start_recording(plan(&path));
        let notice = timeout(Duration::from_secs(5), notices.recv())
            .await
            .unwrap();
        let Some(Notice::RecordingFailed { reason }) = notice else {
            panic!("expected a failure, got {notice:?}");
        };
        assert!(reason.contains("taken.wav"), "{reason}");
        talk(&mut caller, &mut callee, 10).await;
        assert_eq!(callee.hear().await.samples.len(), 1600);
        assert_eq!(session.close().await.recording, None);
    }
    assert_eq!(fs::read_to_string(&taken).unwrap(), "something else");
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_a_whole_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (session, mut caller, mut callee) = session(12_300).await;
    let mut notices = {
        let mut session = session;
        session.start_recording(plan(&path));
        talk(&mut caller, &mut callee, 25).await;
        callee.hear().await;
        session.take_notices().unwrap()
    };
    // The writer lets go of the notices once it is done with the file.
    while timeout(Duration::from_secs(5), notices.recv())
        .await
        .unwrap()
        .is_some()
    {}
    let (left, _) = channels(&path);
    let (first, last) = extent(&left);
    assert_whole(&left[first..last], 440.0);
}

/// The process that is to be killed: it says when it has begun and then speaks until the end.
async fn speak_until_killed(path: &Path) {
    let (session, mut caller, mut callee) = session(12_320).await;
    session.start_recording(plan(path));
    for _ in 0..600 {
        talk(&mut caller, &mut callee, 5).await;
        fs::write(
            path.with_extension("spoken"),
            caller.header.timestamp.to_string(),
        )
        .unwrap();
    }
}

/// This very test program again, running one test of it as `RINGFENCE_MEDIA_CHILD`.
fn child(test: &str, path: &Path, shell: Option<&str>) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = if let Some(before) = shell {
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .args(["--exact", test, "--nocapture"])
        .env("RINGFENCE_MEDIA_CHILD", path);
    command
}

#[tokio::test]
async fn a_recording_cut_by_kill_9_plays_after_recovery_and_lost_a_second_at_most() {
    if let Some(path) = std::env::var_os("RINGFENCE_MEDIA_CHILD") {
        return speak_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let name = "a_recording_cut_by_kill_9_plays_after_recovery_and_lost_a_second_at_most";
    let mut victim = child(name, &path, None).spawn().unwrap();
    let spoken = || -> Option<u32> {
        let timestamp: u32 = fs::read_to_string(path.with_extension("spoken"))
            .ok()?
            .parse()
            .ok()?;
        Some(timestamp.wrapping_sub(u32::MAX - 4000))
    };
    let begun = async {
        while spoken().is_none_or(|samples| samples < 3 * 8000) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), begun).await.unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    let spoken = u64::from(spoken().unwrap()) / 8;

    assert!(
        hound::WavReader::open(&path).unwrap().duration() > 8000,
        "it plays even before"
    );
    let report = recover(&path).unwrap();
    assert!(
        report.duration_ms + 1000 >= spoken,
        "{} of {spoken} ms",
        report.duration_ms
    );
    let (left, right) = channels(&path);
    for (samples, hz) in [(left, 440.0), (right, 880.0)] {
        let (first, last) = extent(&samples);
        assert_whole(&samples[first..last], hz);
    }
    let soxi = Command::new("soxi")
        .arg("-s")
        .arg(&path)
        .output()
        .expect("soxi of Debian's sox");
    assert!(soxi.status.success(), "{soxi:?}");
    assert_eq!(
        String::from_utf8_lossy(&soxi.stdout).trim(),
        ((report.size - 44) / 4).to_string()
    );
    let sox = Command::new("sox")
        .arg(&path)
        .args(["-n", "stat"])
        .output()
        .unwrap();
    assert!(
        sox.status.success() && !String::from_utf8_lossy(&sox.stderr).contains("WARN"),
        "{sox:?}"
    );
}

#[tokio::test]
async fn a_full_disk_breaks_the_recording_off_and_not_the_call() {
    if let Some(path) = std::env::var_os("RINGFENCE_MEDIA_CHILD") {
        return speak_past_the_limit(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    // 32 blocks of 1024 octets: a second. The signal of the limit is ignored, so that it is an error as on a full disk.
    let limit = "trap '' XFSZ; ulimit -f 32";
    let name = "a_full_disk_breaks_the_recording_off_and_not_the_call";
    let mut speaker = child(name, &path, Some(limit));
    let status = tokio::task::spawn_blocking(move || speaker.status().unwrap())
        .await
        .unwrap();
    assert!(status.success());
    let (left, _) = channels(&path);
    assert_eq!(left.len(), (32 * 1024 - 44) / 4, "valid as far as it got");
    let (first, _) = extent(&left);
    assert_whole(&left[first..], 440.0);
}

async fn speak_past_the_limit(path: &Path) {
    let (mut session, mut caller, mut callee) = session(12_340).await;
    let mut notices = session.take_notices().unwrap();
    session.start_recording(plan(path));
    talk(&mut caller, &mut callee, 100).await;
    assert_eq!(
        callee.hear().await.samples.len(),
        16_000,
        "the call goes on"
    );
    let notice = notices.recv().await;
    assert!(
        matches!(&notice, Some(Notice::RecordingFailed { reason }) if reason.contains("limit")),
        "{notice:?}"
    );
    let report = session.close().await.recording.unwrap();
    assert_eq!(report.size, 32 * 1024);
    assert!(report.failure.unwrap().contains("call.wav"));
}
