//! Trunks with a user and a password (RFC 3261 §22, RFC 8760), on both ways.

use ringfence_model::{Disposition, LegOutcome};
use ringfence_telephony::TrunkAccount;

use crate::harness::{NUMBER, Policy, Server, target};
use crate::script::Script;

fn account(server: &Server) -> TrunkAccount {
    let trunk = server.trunks.find([127, 0, 0, 1].into());
    TrunkAccount {
        trunk: trunk.expect("loopback is the trunk").trunk,
        host: "127.0.0.1".into(),
        user: "ringfence".into(),
        password: "correct horse".into(),
        realm: None,
        challenge: false,
        md5_only: false,
    }
}

#[tokio::test]
async fn a_target_that_asks_for_the_trunks_password_gets_it_proved_and_so_does_the_hang_up() {
    let proof = r"username=.ringfence., realm=.example.com., nonce=.n1., .*nc=00000001";
    let again = r"username=.ringfence., realm=.example.com., nonce=.n1., .*nc=00000002";
    let callee = Script::target(&[("CSeq", "1 INVITE"), ("!Authorization", "")])
        .answers_invite(
            "401 Unauthorized",
            // The first is none that anybody knows; SIPp checks the one that is MD5.
            "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n0\", algorithm=SHA-512-256, qop=\"auth\"\n\
             WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"",
            false,
        )
        .gets("ACK")
        .gets_proved("INVITE", "ringfence", "correct horse", &[("Authorization", proof), ("CSeq", "2 INVITE")])
        .answers_with_tag("200 OK", "", true)
        .gets("ACK")
        .gets_proved("BYE", "ringfence", "correct horse", &[("Authorization", again)])
        .answers("200 OK", "", false)
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    server.trunks.replace_accounts(vec![account(&server)]);
    let callee = callee.start().await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "50")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_password_that_a_proxy_does_not_take_is_not_tried_again() {
    let challenge = "Proxy-Authenticate: Digest realm=\"example.com\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";
    let callee = Script::target(&[])
        .answers_invite("407 Proxy Authentication Required", challenge, false)
        .gets("ACK")
        .gets_with(
            "INVITE",
            &[("Proxy-Authorization", "algorithm=SHA-256, qop=auth")],
        )
        .answers_with_tag("407 Proxy Authentication Required", challenge, false)
        .gets("ACK")
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    server.trunks.replace_accounts(vec![account(&server)]);
    let callee = callee.start().await;
    let caller = server.caller("caller_is_refused");
    caller
        .set("code", "480")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.outcomes(), [LegOutcome::Refused]);
}

#[tokio::test]
async fn a_caller_of_a_trunk_with_a_password_must_prove_it() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    server.trunks.replace_accounts(vec![TrunkAccount {
        challenge: true,
        md5_only: true,
        ..account(&server)
    }]);
    let callee = callee.start().await;
    let wrong = Script::caller()
        .invites("")
        .gets_challenged(401, "algorithm=MD5")
        .acknowledges()
        .invites("[authentication username=ringfence password=wrong]")
        .gets_challenged(401, "algorithm=MD5")
        .acknowledges();
    let wrong = wrong.sipp().remote(server.address, NUMBER).run().await;
    wrong.expect("the stranger's side");
    assert_eq!(server.telephony.active_calls(), 0);
    let right = Script::caller()
        .invites("")
        .gets_challenged(401, "algorithm=MD5")
        .acknowledges()
        .invites("[authentication username=ringfence password=\"correct horse\"]")
        .hears(200)
        .acknowledges()
        .hangs_up();
    let right = right.sipp().remote(server.address, NUMBER).run().await;
    right.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
}
