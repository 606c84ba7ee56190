//! The calls, one by one: who does what, and what has to come of it.

use std::net::UdpSocket;
use std::time::Duration;

use ringfence_model::{Disposition, LegOutcome, Party};

use crate::line::Line;

/// Long enough that both are heard.
const TALK: Duration = Duration::from_millis(1_300);

/// Calls over the network that loses messages.
const LOSSY: u32 = 20;

pub async fn a_call_is_answered_and_both_are_heard(line: Line) {
    let mut desk = line.baresip_target(0).await;
    let mut caller = line.baresip_caller().await;
    caller.dial(&line.uri()).await;
    desk.answer().await;
    caller.event("CALL_ESTABLISHED").await;
    caller.event("CALL_RTPESTAB").await;
    tokio::time::sleep(TALK).await;
    caller.hang_up().await;
    desk.event("CALL_CLOSED").await;

    let told = line.ended().await;
    told.is_plain();
    assert_eq!(told.hung_up(), Some(Party::Caller));
    told.sounds_right();
}

pub async fn a_busy_target_passes_the_call_to_the_next(line: Line) {
    refused_then_answered(line, "486", LegOutcome::Busy).await;
}

pub async fn a_target_out_of_service_passes_the_call_to_the_next(line: Line) {
    refused_then_answered(line, "503", LegOutcome::Failed).await;
}

async fn refused_then_answered(line: Line, code: &str, outcome: LegOutcome) {
    let first = line.unwilling_target(0, "target_refuses").set("code", code);
    let first = first.start().await;
    second_answers(&line).await;
    first.finish().await.expect("the first target's side");
    let told = line.ended().await;
    assert_eq!(
        told.legs(),
        [
            (outcome, Some(code.parse().unwrap())),
            (LegOutcome::Answered, Some(200))
        ]
    );
    is_answered_by_the_second(&told, &["ringing", "leg_failed"]);
}

pub async fn a_target_that_never_says_a_word_passes_the_call_to_the_next(line: Line) {
    let silent = UdpSocket::bind(line.targets[0]).unwrap();
    second_answers(&line).await;
    drop(silent);
    let told = line.ended().await;
    assert_eq!(
        told.legs(),
        [
            (LegOutcome::Failed, None),
            (LegOutcome::Answered, Some(200))
        ]
    );
    is_answered_by_the_second(&told, &["ringing", "leg_failed"]);
}

pub async fn a_target_that_only_rings_is_cancelled_and_the_next_one_answers(line: Line) {
    let first = line.unwilling_target(0, "target_rings").start().await;
    second_answers(&line).await;
    first.finish().await.expect("the first target's side");
    let told = line.ended().await;
    assert_eq!(
        told.legs(),
        [
            (LegOutcome::NoAnswer, None),
            (LegOutcome::Answered, Some(200))
        ]
    );
    is_answered_by_the_second(&told, &["ringing", "progress", "leg_failed"]);
}

/// SIPp calls, and SIPp is the second target, who answers.
async fn second_answers(line: &Line) {
    let second = line
        .sipp_target(1, "target_talks")
        .set("linger", "1")
        .set("ack_may_be_lost", "false")
        .start()
        .await;
    let caller = line
        .sipp_caller("caller_talks")
        .set("linger", "1")
        .set("talk", &TALK.as_millis().to_string());
    caller.run().await.expect("the caller's side");
    second.finish().await.expect("the second target's side");
}

fn is_answered_by_the_second(told: &crate::told::Told, first: &[&str]) {
    assert_eq!(told.ended(), (Disposition::Answered, None));
    let opening = ["arrived", "attributed"];
    let rest = [
        "ringing",
        "progress",
        "answered",
        "recording_started",
        "hung_up",
        "recording_finished",
        "ended",
    ];
    assert_eq!(told.words(), [&opening[..], first, &rest[..]].concat());
    assert_eq!(told.hung_up(), Some(Party::Caller));
    told.sounds_right();
}

pub async fn a_caller_who_gives_up_while_it_rings_abandons_the_call(line: Line) {
    let mut desk = line.baresip_target(0).await;
    let mut caller = line.baresip_caller().await;
    caller.dial(&line.uri()).await;
    desk.event("CALL_INCOMING").await;
    caller.event("CALL_RINGING").await;
    caller.hang_up().await;
    desk.event("CALL_CLOSED").await;

    let told = line.ended().await;
    assert_eq!(told.ended(), (Disposition::Abandoned, Some(487)));
    assert_eq!(told.legs(), [(LegOutcome::Cancelled, None)]);
    assert_eq!(
        told.words(),
        [
            "arrived",
            "attributed",
            "ringing",
            "progress",
            "hung_up",
            "leg_failed",
            "ended"
        ]
    );
    assert_eq!(told.hung_up(), Some(Party::Caller));
    assert!(told.recording.is_none(), "nobody spoke: {told:?}");
}

pub async fn a_caller_puts_the_target_on_hold_and_comes_back(line: Line) {
    let desk = line.sipp_target(0, "target_is_held_and_talks");
    let desk = desk.set("linger", "1").start().await;
    let mut caller = line.baresip_caller().await;
    caller.dial(&line.uri()).await;
    caller.event("CALL_RTPESTAB").await;
    tokio::time::sleep(TALK).await;
    caller.hold().await;
    line.has("held").await;
    caller.resume().await;
    line.has("resumed").await;
    tokio::time::sleep(TALK).await;
    caller.hang_up().await;
    desk.finish().await.expect("the target's side");

    let told = line.ended().await;
    assert_eq!(told.ended(), (Disposition::Answered, None));
    assert_eq!(told.legs(), [(LegOutcome::Answered, Some(200))]);
    assert_eq!(
        told.words(),
        [
            "arrived",
            "attributed",
            "ringing",
            "progress",
            "answered",
            "recording_started",
            "held",
            "resumed",
            "hung_up",
            "recording_finished",
            "ended"
        ]
    );
    told.sounds_right();
}

pub async fn the_callee_hangs_up(line: Line) {
    let desk = line
        .sipp_target(0, "target_talks_and_hangs_up")
        .set("linger", "1")
        .set("talk", &TALK.as_millis().to_string())
        .start()
        .await;
    let caller = line.sipp_caller("caller_talks_and_waits");
    let caller = caller.set("linger", "1").run();
    caller.await.expect("the caller's side");
    desk.finish().await.expect("the target's side");

    let told = line.ended().await;
    told.is_plain();
    assert_eq!(told.hung_up(), Some(Party::Callee));
    told.sounds_right();
}

pub async fn calls_come_through_when_one_message_of_twenty_is_lost_on_both_sides(line: Line) {
    // What was lost is sent again; SIPp has to stay for it.
    const LINGER: &str = "9000";
    let desk = line
        .sipp_target(0, "target_talks")
        .set("linger", LINGER)
        // A BYE may overtake the ACK that takes the place of a lost one.
        .set("ack_may_be_lost", "true")
        .calls(LOSSY)
        .lost(5)
        .within(Duration::from_secs(90))
        .start()
        .await;
    let callers = line
        .sipp_caller("caller_talks")
        .set("linger", LINGER)
        .set("talk", "1700")
        .calls(LOSSY)
        .rate(20, LOSSY)
        .lost(5)
        .within(Duration::from_secs(90));
    let callers = callers.run().await;
    let all = line.all_ended(LOSSY as usize).await;
    for told in &all {
        told.is_plain();
        assert_eq!(told.hung_up(), Some(Party::Caller));
        told.sounds_right();
    }
    callers.expect("the callers' side");
    desk.finish().await.expect("the targets' side");
}
