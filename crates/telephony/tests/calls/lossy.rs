//! Calls over a network that loses one message of twenty, in each direction and on both sides.

use std::time::Duration;

use ringfence_model::Disposition;

use crate::harness::{Policy, Server, scenario};

const CALLS: u32 = 40;

/// SIPp loses what it sends and what it receives; it must linger to repeat what got lost.
const LINGER: &str = "9000";

#[tokio::test]
async fn calls_come_through_whole_when_messages_are_lost_on_both_sides() {
    let callee = scenario("target_answers")
        .set("linger", LINGER)
        // A BYE may overtake the ACK that takes the place of a lost one.
        .set("ack_may_be_lost", "true")
        .calls(CALLS)
        .lost(5)
        .within(Duration::from_secs(90));
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server
        .caller("caller_hangs_up")
        .set("talk", "1700")
        .set("linger", LINGER)
        .calls(CALLS)
        .rate(20, CALLS)
        .lost(5)
        .within(Duration::from_secs(90));
    let callers = caller.run().await;
    for _ in 0..CALLS {
        let log = server.ended().await;
        assert_eq!(
            log.ended(),
            (Disposition::Answered, None),
            "{log:?} {callers:?}"
        );
    }
    callers.expect("the callers' side");
    callee.finish().await.expect("the targets' side");
}

#[tokio::test]
async fn targets_that_hang_up_do_so_when_messages_are_lost_on_both_sides() {
    let callee = scenario("target_hangs_up")
        .set("linger", LINGER)
        .set("talk", "500")
        .calls(CALLS)
        .lost(5)
        .within(Duration::from_secs(90));
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = server
        .caller("caller_waits")
        .set("linger", LINGER)
        .calls(CALLS)
        .rate(20, CALLS)
        .lost(5)
        .within(Duration::from_secs(90));
    let callers = caller.run().await;
    for _ in 0..CALLS {
        let log = server.ended().await;
        assert_eq!(
            log.ended(),
            (Disposition::Answered, None),
            "{log:?} {callers:?}"
        );
    }
    callers.expect("the callers' side");
    callee.finish().await.expect("the targets' side");
}
