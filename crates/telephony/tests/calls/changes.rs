//! Changes inside a call: UPDATE (RFC 3311), and both sides at once (RFC 3261 §14).

use ringfence_model::{CallEventKind, Disposition, Party};

use crate::harness::{NUMBER, Policy, Server};
use crate::script::Script;

#[tokio::test]
async fn a_side_that_holds_by_update_is_answered_by_the_other_side() {
    let callee = Script::target(&[("Allow", "UPDATE")])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .keeps_request()
        .gets_with("INVITE", &[("", "a=sendonly")])
        .answers_kept("200 OK")
        .gets("ACK")
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears_with(200, &[("Allow", "UPDATE")])
        .acknowledges()
        .pauses(100)
        .holds("UPDATE")
        .hears_with(200, &[("CSeq", "UPDATE"), ("", "a=recvonly")])
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(
        log.has(&CallEventKind::Held { by: Party::Caller }),
        "{log:?}"
    );
    assert_eq!(log.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn when_both_sides_change_at_once_the_second_is_told_to_wait() {
    let callee = Script::target(&[])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .pauses(100)
        .holds("INVITE")
        .hears(100)
        .hears_with(200, &[("", "a=recvonly")])
        .acknowledges()
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .keeps_request()
        .gets_with("INVITE", &[("", "a=sendonly")])
        // The other side's offer is here and not answered: neither of ours may pass it.
        .holds("INVITE")
        .hears(491)
        .acknowledges()
        .holds("UPDATE")
        .hears(491)
        .answers_kept("200 OK")
        .gets("ACK")
        .pauses(100)
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert!(
        log.has(&CallEventKind::Held { by: Party::Callee }),
        "{log:?}"
    );
    assert!(
        !log.has(&CallEventKind::Held { by: Party::Caller }),
        "{log:?}"
    );
}
