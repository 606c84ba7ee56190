//! Calls that nobody answers, or not at once.

use std::net::UdpSocket;
use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegOutcome, Party};

use crate::harness::{Log, Policy, Server, target};

/// A first target that does not take the call, a second one that does.
async fn fails_over(first: &str, code: &str) -> Log {
    let first = target(first).set("code", code);
    let second = target("target_answers");
    let mut policy = Policy::ringing([&first, &second]);
    policy.targets[0].1 = Duration::from_secs(2);
    let mut server = Server::start(policy).await;
    let first = first.start().await;
    let second = second.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "50")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    first.finish().await.expect("the first target's side");
    second.finish().await.expect("the second target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Answered, None));
    log
}

#[tokio::test]
async fn a_busy_target_passes_the_call_to_the_next() {
    let log = fails_over("target_refuses", "486").await;
    assert_eq!(log.outcomes(), [LegOutcome::Busy]);
    assert_eq!(
        log.words(),
        [
            "ringing",
            "leg failed",
            "ringing",
            "progress",
            "answered",
            "hung up",
            "ended"
        ]
    );
}

#[tokio::test]
async fn a_target_out_of_service_passes_the_call_to_the_next() {
    let log = fails_over("target_refuses", "503").await;
    assert_eq!(log.outcomes(), [LegOutcome::Failed]);
}

#[tokio::test]
async fn a_redirection_is_not_followed_and_the_next_target_rings() {
    let log = fails_over("target_refuses", "302").await;
    assert_eq!(log.outcomes(), [LegOutcome::Refused]);
}

#[tokio::test]
async fn a_target_that_only_rings_is_cancelled_and_the_next_one_rings() {
    let log = fails_over("target_rings", "").await;
    assert_eq!(log.outcomes(), [LegOutcome::NoAnswer]);
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let log = fails_over("target_answers_the_cancel", "").await;
    assert_eq!(log.outcomes(), [LegOutcome::NoAnswer]);
    let answers = log.words().iter().filter(|w| **w == "answered").count();
    assert_eq!(answers, 1);
}

#[tokio::test]
async fn a_silent_target_passes_the_call_to_the_next() {
    // Bound, so that nobody else takes the port, and never read.
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("it is bound");
    let second = target("target_answers");
    let mut policy = Policy::ringing([&second]);
    policy
        .targets
        .insert(0, (format!("sip:silent@{address}"), Duration::from_secs(1)));
    let mut server = Server::start(policy).await;
    let second = second.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "50")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    second.finish().await.expect("the second target's side");
    let log = server.ended().await;
    assert_eq!(log.outcomes(), [LegOutcome::Failed]);
    assert_eq!(log.ended(), (Disposition::Answered, None));
}

/// Nobody answers; the caller expects `code`.
async fn is_refused(policy: Policy, code: &str) -> Log {
    let mut server = Server::start(policy).await;
    let caller = server.caller("caller_is_refused");
    caller
        .set("code", code)
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    server.ended().await
}

#[tokio::test]
async fn busy_everywhere_tells_the_caller_busy() {
    let targets = [(); 2].map(|()| target("target_refuses").set("code", "486"));
    let policy = Policy::ringing(&targets);
    let [first, second] = targets;
    let (first, second) = (first.start().await, second.start().await);
    let log = is_refused(policy, "486").await;
    assert_eq!(log.outcomes(), [LegOutcome::Busy, LegOutcome::Busy]);
    assert_eq!(log.ended(), (Disposition::Missed, Some(486)));
    first.finish().await.expect("the first target's side");
    second.finish().await.expect("the second target's side");
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_is_told_as_such() {
    let mut policy = Policy::default();
    for uri in [
        // Nobody listens there, and TCP says so at once.
        "sip:nobody@127.0.0.1:9;transport=tcp",
        "sips:nobody@127.0.0.1",
        "not a URI",
        "sip:nobody@host.invalid",
    ] {
        policy.targets.push((uri.into(), Duration::from_secs(10)));
    }
    let log = is_refused(policy, "503").await;
    assert_eq!(log.outcomes(), [LegOutcome::Failed; 4]);
    assert_eq!(log.ended(), (Disposition::Missed, Some(503)));
}

#[tokio::test]
async fn a_call_with_nobody_to_ring_is_missed() {
    let log = is_refused(Policy::default(), "480").await;
    assert_eq!(log.ended(), (Disposition::Missed, Some(480)));
}

#[tokio::test]
async fn a_caller_who_gives_up_while_it_rings_abandons_the_call() {
    let callee = target("target_rings");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_cancels").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Abandoned, Some(487)));
    assert_eq!(log.outcomes(), [LegOutcome::Cancelled]);
    assert!(log.has(&CallEventKind::HungUp { by: Party::Caller }));
}

#[tokio::test]
async fn an_answer_that_crosses_the_callers_cancel_is_hung_up() {
    let callee = target("target_answers_the_cancel");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_cancels").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended().0, Disposition::Abandoned);
}

#[tokio::test]
async fn a_caller_without_a_codec_of_ours_gets_488() {
    let mut server = Server::start(Policy::default()).await;
    let body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 18";
    let caller = server.caller("caller_sends");
    caller
        .set("header", "X-Test: codec")
        .set("body", body)
        .set("code", "488")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    assert_eq!(
        server.ended().await.ended(),
        (Disposition::Failed, Some(488))
    );
}
