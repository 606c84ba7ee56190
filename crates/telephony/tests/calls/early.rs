//! What is said before the answer: acknowledged provisional responses (RFC 3262), and why a leg is given up.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegOutcome};

use crate::harness::{NUMBER, Policy, Server, target};
use crate::script::Script;

#[tokio::test]
async fn a_caller_that_requires_it_acknowledges_the_ringing_before_it_gets_the_answer() {
    // It sounds, and answers while its sound has not been acknowledged.
    let callee = Script::target(&[("Supported", "100rel")])
        .answers_invite("183 Session Progress", "", true)
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("Require: 100rel")
        .keeps("RSeq", "rseq")
        .hears_with(183, &[("Require", "100rel"), ("", "m=audio")])
        // Long enough for it to be sent again, which SIPp does not show.
        .pauses(800)
        .sends("PRACK", "RAck: 1[$rseq] 1 INVITE", None)
        .hears(481)
        .sends("PRACK", "RAck: [$rseq] 1 INVITE", None)
        .hears_with(200, &[("CSeq", "3 PRACK")])
        .hears_with(200, &[("CSeq", "1 INVITE"), ("!Content-Type", "")])
        .acknowledges_invite(1)
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_targets_reliable_ringing_is_acknowledged_once_and_in_order() {
    let callee = Script::target(&[])
        .answers_invite("183 Session Progress", "Require: 100rel\nRSeq: 41", true)
        .gets_with("PRACK", &[("RAck", "41 1 INVITE"), ("To", "tag=")])
        .answers("200 OK", "", false)
        // The same again, as if the PRACK had been late, and one that is out of order.
        .answers_invite("183 Session Progress", "Require: 100rel\nRSeq: 41", true)
        .answers_invite("180 Ringing", "Require: 100rel\nRSeq: 43", false)
        .answers_invite("180 Ringing", "Require: 100rel\nRSeq: 42", false)
        .gets_with("PRACK", &[("RAck", "42 1 INVITE")])
        .answers("200 OK", "", false)
        // The answer to the offer has come already.
        .answers_invite("200 OK", "", false)
        .gets("ACK")
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears_with(200, &[("", "m=audio")])
        .acknowledges()
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Answered, None));
    assert!(log.events.iter().any(|event| matches!(
        event,
        CallEventKind::Progress {
            code: 183,
            early_media: true,
            ..
        }
    )));
}

#[tokio::test]
async fn a_caller_that_gives_up_before_it_acknowledges_leaves_no_target_behind() {
    let callee = Script::target(&[])
        .answers_invite("183 Session Progress", "", true)
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("Require: 100rel")
        .hears(183)
        .pauses(200)
        .cancels("")
        .hears_with(200, &[("CSeq", "CANCEL")])
        .hears(487)
        .acknowledges();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended().0, Disposition::Answered, "{log:?}");
}

#[tokio::test]
async fn a_target_that_rings_late_is_told_that_another_one_took_the_call() {
    let late = Script::target(&[])
        .pauses(2_500)
        .answers_invite("180 Ringing", "", false)
        .gets_with(
            "CANCEL",
            &[("Reason", "cause=200;text=.Call completed elsewhere.")],
        )
        .answers("200 OK", "", false)
        .answers_invite("487 Request Terminated", "", false)
        .gets("ACK")
        .sipp();
    let second = target("target_answers");
    let mut policy = Policy::ringing([&late, &second]);
    policy.targets[0].1 = Duration::from_secs(1);
    let mut server = Server::start(policy).await;
    let (late, second) = (late.start().await, second.start().await);
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "3000")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    late.finish().await.expect("the late target's side");
    second.finish().await.expect("the second target's side");
    assert_eq!(server.ended().await.outcomes(), [LegOutcome::Failed]);
}

#[tokio::test]
async fn why_a_caller_gave_up_is_told_to_the_target() {
    let callee = Script::target(&[])
        .answers_invite("180 Ringing", "", false)
        .gets_with("CANCEL", &[("Reason", "Q.850;cause=16")])
        .answers("200 OK", "", false)
        .answers_invite("487 Request Terminated", "", false)
        .gets("ACK")
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears(180)
        .cancels("Reason: Q.850;cause=16")
        .hears_with(200, &[("CSeq", "CANCEL")])
        .hears(487)
        .acknowledges();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended().0, Disposition::Abandoned);
}

/// The target sends our own INVITE's words back to us, as a switch would whose routing goes round.
#[tokio::test]
async fn a_call_that_comes_back_for_the_same_number_is_refused_as_a_loop() {
    let kept = [("X-Ringfence-Path", "path")];
    let callee = Script::target_that_keeps(&kept, &[("Max-Forwards", "69")])
        .answers_invite("180 Ringing", "", false)
        .calls_back("INVITE", NUMBER, "X-Ringfence-Path:[$path]")
        .hears(100)
        .hears(482)
        .calls_back("ACK", NUMBER, "")
        .answers_invite("486 Busy Here", "", false)
        .gets("ACK")
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_is_refused");
    caller
        .set("code", "486")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.outcomes(), [LegOutcome::Busy]);
}
