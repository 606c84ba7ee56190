//! Session timers (RFC 4028), trap 4 of the notes on SIP: a BYE that got lost must not let a call live for ever.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, Party};
use ringfence_telephony::TelephonyConfig;

use crate::harness::{NUMBER, Policy, Server, target};
use crate::script::Script;

/// Each side is asked after 2 s, and given up 2.7 s after it last gave a sign of life.
fn short() -> TelephonyConfig {
    TelephonyConfig {
        session_interval: Duration::from_secs(4),
        session_minimum: Duration::from_secs(2),
        ..TelephonyConfig::default()
    }
}

#[tokio::test]
async fn trap_4_a_target_that_vanished_without_a_bye_is_given_up() {
    let callee = Script::target(&[("Session-Expires", "^ *4$"), ("Supported", "timer")])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .sipp();
    let mut server = Server::start_with(Policy::ringing([&callee]), short()).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("Supported: timer\nAllow: UPDATE")
        .hears_with(200, &[("Session-Expires", "4;refresher=uas")])
        .acknowledges()
        .gets_with("UPDATE", &[("Session-Expires", "4;refresher=uac")])
        .answers("200 OK", "Session-Expires: 4;refresher=uac", false)
        .gets_hung_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(log.has(&CallEventKind::HungUp { by: Party::Server }));
    assert_eq!(log.ended().0, Disposition::Answered);
    assert!(
        log.reason().contains("the callee gave no sign of life"),
        "{}",
        log.reason()
    );
}

#[tokio::test]
async fn trap_4_a_caller_that_was_to_refresh_and_does_not_is_given_up() {
    let callee = target("target_answers");
    let policy = Policy::ringing([&callee]);
    let config = TelephonyConfig {
        session_interval: Duration::ZERO,
        ..short()
    };
    let mut server = Server::start_with(policy, config).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("Supported: timer\nSession-Expires: 3;refresher=uac")
        .hears_with(
            200,
            &[("Session-Expires", "3;refresher=uac"), ("Require", "timer")],
        )
        .acknowledges();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(
        log.reason().contains("the caller gave no sign of life"),
        "{}",
        log.reason()
    );
}

#[tokio::test]
async fn sides_that_answer_a_refresh_go_on_beyond_the_interval() {
    // This one is asked by UPDATE, the caller by re-INVITE: it does not say that it takes UPDATE.
    let callee = Script::target(&[])
        .answers_invite(
            "200 OK",
            "Allow: INVITE, ACK, BYE, UPDATE\nSession-Expires: 4;refresher=uac",
            true,
        )
        .gets("ACK")
        .gets("UPDATE")
        .answers("200 OK", "Session-Expires: 4;refresher=uac", false)
        .pauses(1_500)
        .hangs_up()
        .sipp();
    let mut server = Server::start_with(Policy::ringing([&callee]), short()).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears_with(200, &[("", "m=audio")])
        .acknowledges()
        .gets_with(
            "INVITE",
            &[("", "m=audio"), ("Session-Expires", "refresher=uac")],
        )
        .answers("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(
        log.has(&CallEventKind::HungUp { by: Party::Callee }),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_side_that_refreshes_by_itself_is_answered_and_goes_on() {
    let callee = Script::target(&[])
        .answers_invite(
            "200 OK",
            "Require: timer\nSession-Expires: 4;refresher=uas",
            true,
        )
        .gets("ACK")
        .pauses(1_500)
        .sends(
            "UPDATE",
            "Supported: timer\nSession-Expires: 4;refresher=uac",
            None,
        )
        .hears_with(200, &[("Session-Expires", "4;refresher=uac")])
        .pauses(1_500)
        .hangs_up()
        .sipp();
    let config = TelephonyConfig {
        session_interval: Duration::ZERO,
        ..short()
    };
    let mut server = Server::start_with(Policy::ringing([&callee]), config).await;
    let callee = callee.start().await;
    let caller = server.caller("caller_waits").set("linger", "1");
    caller.run().await.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(
        log.has(&CallEventKind::HungUp { by: Party::Callee }),
        "{log:?}"
    );
}

#[tokio::test]
async fn an_interval_that_is_too_short_is_refused_and_a_longer_one_taken() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("Supported: timer\nSession-Expires: 30")
        .hears_with(422, &[("Min-SE", "90")])
        .acknowledges()
        .invites("Supported: timer\nSession-Expires: 90\nMin-SE: 90")
        .hears_with(200, &[("Session-Expires", "90;refresher=uas")])
        .acknowledges()
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_target_that_wants_a_longer_interval_is_asked_again() {
    let callee = Script::target(&[("Session-Expires", "1800")])
        .answers_invite("422 Session Interval Too Small", "Min-SE: 3600", false)
        .gets("ACK")
        .gets_with("INVITE", &[("Session-Expires", "3600"), ("Min-SE", "3600")])
        .answers_with_tag("486 Busy Here", "", false)
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
    assert_eq!(server.ended().await.ended().0, Disposition::Missed);
}
