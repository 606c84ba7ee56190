//! Blind transfers by the callee (RFC 3515): decided above, told back, and never a caller's.

use ringfence_model::{CallEventKind, Disposition, LegOutcome, Party};

use crate::harness::{NUMBER, Policy, Server, target};
use crate::script::Script;

const REFER_TO: &str = "Refer-To: <sip:+441632960055@example.com>";

#[tokio::test]
async fn a_callee_puts_the_caller_through_and_is_told_how_it_went() {
    let first = Script::target(&[("Allow", "REFER")])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .pauses(100)
        .sends("REFER", REFER_TO, None)
        .hears(202)
        .gets_with("NOTIFY", &[("Event", "refer"), ("", "SIP/2.0 100 Trying")])
        .answers("200 OK", "", false)
        .gets_with(
            "NOTIFY",
            &[("Subscription-State", "terminated"), ("", "SIP/2.0 200 OK")],
        )
        .answers("200 OK", "", false)
        .gets_hung_up()
        .sipp();
    let second = target("target_answers");
    let policy = Policy {
        transfer_to: Some(second.uri()),
        ..Policy::ringing([&first])
    };
    let mut server = Server::start(policy).await;
    let (first, second) = (first.start().await, second.start().await);
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .gets_with("INVITE", &[("", "a=sendrecv")])
        .answers("200 OK", "", true)
        .gets("ACK")
        .pauses(300)
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    first.finish().await.expect("the side that left");
    second.finish().await.expect("the side that took over");
    let log = server.ended().await;
    let answers = log.words().iter().filter(|w| **w == "answered").count();
    assert_eq!(answers, 2, "{log:?}");
    assert!(log.has(&CallEventKind::HungUp { by: Party::Caller }));
    assert_eq!(log.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_transfer_to_somebody_busy_or_that_may_not_be_called_leaves_the_call_as_it_is() {
    let busy = target("target_refuses").set("code", "486");
    for (to, told) in [(Some(busy.uri()), "SIP/2.0 486"), (None, "SIP/2.0 403")] {
        let callee = Script::target(&[])
            .answers_invite("200 OK", "", true)
            .gets("ACK")
            .pauses(100)
            .sends("REFER", REFER_TO, None)
            .hears(202)
            .gets_with("NOTIFY", &[("", "SIP/2.0 100")])
            .answers("200 OK", "", false)
            .gets_with("NOTIFY", &[("", told)])
            .answers("200 OK", "", false)
            .hangs_up()
            .sipp();
        let is_rung = to.is_some();
        let policy = Policy {
            transfer_to: to,
            ..Policy::ringing([&callee])
        };
        let mut server = Server::start(policy).await;
        let callee = callee.start().await;
        let rung = if is_rung {
            Some(busy.clone().start().await)
        } else {
            None
        };
        let caller = server.caller("caller_waits").set("linger", "1");
        caller.run().await.expect("the caller's side");
        callee.finish().await.expect("the callee's side");
        let log = server.ended().await;
        assert!(
            log.has(&CallEventKind::HungUp { by: Party::Callee }),
            "{log:?}"
        );
        if let Some(rung) = rung {
            rung.finish().await.expect("the busy side");
            assert_eq!(log.outcomes(), [LegOutcome::Busy]);
        }
    }
}

#[tokio::test]
async fn a_caller_cannot_make_a_number_call_another() {
    let callee = target("target_answers");
    let policy = Policy {
        transfer_to: Some("sip:nobody@127.0.0.1:9".into()),
        ..Policy::ringing([&callee])
    };
    let mut server = Server::start(policy).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .sends("REFER", REFER_TO, None)
        .hears(603)
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the callee's side");
    assert_eq!(server.ended().await.outcomes(), []);
}
