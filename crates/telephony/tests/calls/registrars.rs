//! Trunks at which we register (RFC 3261 §10): what a registrar is sent, whose answers count, and calls over them.

use std::net::SocketAddr;
use std::time::Duration;

use ringfence_model::{Disposition, LegOutcome, SipTransport, TrunkId};
use ringfence_telephony::{
    RegisterFailure, RegisteredTrunk, RegistrarAddress, TrunkIdentity, WayOut,
};
use ringfence_testing::sipp::Sipp;
use tokio::net::UdpSocket;

use crate::harness::{NUMBER, Policy, Server};
use crate::script::Script;

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";

fn trunk(server: &Server) -> TrunkId {
    let trunk = server.trunks.find([127, 0, 0, 1].into());
    trunk.expect("loopback is the trunk").trunk
}

fn identity(server: &Server) -> TrunkIdentity {
    TrunkIdentity {
        trunk: trunk(server),
        user: "+442079460100".into(),
        domain: "example.com".into(),
        contact: "carrier1".into(),
        login: "ringfence".into(),
        password: "correct horse".into(),
        realm: None,
    }
}

fn udp(address: SocketAddr) -> RegistrarAddress {
    RegistrarAddress {
        transport: SipTransport::Udp,
        address,
    }
}

/// The trunk of loopback, at which we are registered.
fn registered(server: &Server, way_out: WayOut) {
    let TrunkIdentity {
        trunk,
        user,
        domain,
        contact,
        ..
    } = identity(server);
    server.trunks.replace_registered(vec![RegisteredTrunk {
        trunk,
        contact,
        user,
        domain,
        place: "carrier.test".into(),
        way_out,
    }]);
}

fn registrar() -> Sipp {
    let proves = |script: Script, found: &[(&str, &str)]| {
        script.gets_proved("REGISTER", "ringfence", "correct horse", found)
    };
    let script = Script::registrar().gets_with(
        "REGISTER",
        &[
            ("CSeq", "1 REGISTER"),
            ("!Authorization", ""),
            ("To", "^ *.sip:.442079460100@example.com.$"),
            ("Contact", "^ *.sip:carrier1@127.0.0.1:[0-9]+.*;expires=300"),
            ("Expires", "300"),
        ],
    );
    let script = script.answers("401 Unauthorized", CHALLENGE, false);
    let script = proves(script, &[("CSeq", "2 REGISTER")]).answers(
        "200 OK",
        "Contact: <sip:carrier1@127.0.0.1>;expires=7",
        false,
    );
    // The next one is proved at once, by the same nonce.
    let script = proves(
        script,
        &[("CSeq", "3 REGISTER"), ("Authorization", "nc=00000002")],
    )
    .answers("423 Interval Too Brief", "Min-Expires: 600", false);
    let script = proves(script, &[("Contact", "expires=600"), ("Expires", "600")]).answers(
        "200 OK",
        "Expires: 500",
        false,
    );
    // A nonce that is forgotten is no wrong password.
    let script = proves(script, &[("Expires", "0")]).answers(
        "401 Unauthorized",
        &CHALLENGE.replace("n1", "n2"),
        false,
    );
    proves(script, &[("Authorization", "nonce=.n2.,.*nc=00000001")])
        .answers("200 OK", "", false)
        .sipp()
}

async fn asks_for_less_and_more_and_to_go(sipp: Sipp, transport: SipTransport) {
    let server = Server::start(Policy::default()).await;
    let address = RegistrarAddress {
        transport,
        address: sipp.address(),
    };
    let sipp = sipp.start().await;
    let mut binding = server.telephony.binding(identity(&server));
    for (asked, granted) in [(300, 7), (300, 500), (0, 0)] {
        let known = binding.ask(address, asked).await;
        assert_eq!(known, Ok(Duration::from_secs(granted)), "{asked}");
    }
    sipp.finish().await.expect("the registrar's side");
}

#[tokio::test]
async fn a_registrar_is_proved_the_password_and_says_for_how_long() {
    asks_for_less_and_more_and_to_go(registrar(), SipTransport::Udp).await;
}

#[tokio::test]
async fn a_registrar_is_reached_over_a_stream_too() {
    asks_for_less_and_more_and_to_go(registrar().tcp(), SipTransport::Tcp).await;
}

#[tokio::test]
async fn a_password_that_is_not_taken_is_tried_once() {
    let challenge = CHALLENGE.replace("MD5", "SHA-256");
    let sipp = Script::registrar()
        .gets("REGISTER")
        .answers("401 Unauthorized", &challenge, false)
        .gets_with(
            "REGISTER",
            &[("Authorization", "algorithm=SHA-256, qop=auth")],
        )
        .answers("401 Unauthorized", &challenge, false)
        .sipp();
    let server = Server::start(Policy::default()).await;
    let address = udp(sipp.address());
    let sipp = sipp.start().await;
    let mut binding = server.telephony.binding(identity(&server));
    let refused = binding.ask(address, 300).await;
    assert!(
        matches!(refused, Err(RegisterFailure::Password { code: 401, .. })),
        "{refused:?}"
    );
    sipp.finish().await.expect("the registrar's side");
    let other = TrunkIdentity {
        realm: Some("another.test".into()),
        ..identity(&server)
    };
    let sipp = Script::registrar()
        .gets("REGISTER")
        .answers("401 Unauthorized", CHALLENGE, false)
        .sipp();
    let address = udp(sipp.address());
    let sipp = sipp.start().await;
    let refused = server.telephony.binding(other).ask(address, 300).await;
    assert!(
        matches!(refused, Err(RegisterFailure::Password { .. })),
        "{refused:?}"
    );
    sipp.finish().await.expect("the registrar's side");
}

/// The response to a REGISTER as a registrar would write it.
fn response(register: &str, status: &str) -> String {
    let kept = register.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name)
    });
    let kept: Vec<&str> = kept.collect();
    let kept = kept.join("\r\n");
    let to = kept.replace("\r\nCall-ID", ";tag=registrar\r\nCall-ID");
    format!("SIP/2.0 {status}\r\n{to}\r\nRetry-After: 17 (busy)\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn an_answer_from_elsewhere_is_none() {
    let server = Server::start(Policy::default()).await;
    let [registrar, forger] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0"));
    let (registrar, forger) = (
        registrar.await.expect("a port"),
        forger.await.expect("a port"),
    );
    let address = udp(registrar.local_addr().expect("it is bound"));
    let mut binding = server.telephony.binding(identity(&server));
    let asked = tokio::spawn(async move { binding.ask(address, 300).await });
    let mut request = [0; 2000];
    let (length, from) = registrar.recv_from(&mut request).await.expect("a REGISTER");
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let forged = response(&request, "200 OK");
    let sent = forger.send_to(forged.as_bytes(), from).await;
    sent.expect("it is sent");
    // The forged one was there before: its sender has the same way.
    let told = response(&request, "503 Service Unavailable");
    let sent = registrar.send_to(told.as_bytes(), from).await;
    sent.expect("it is sent");
    let refused = asked.await.expect("it ends");
    let retry_after = Some(Duration::from_secs(17));
    assert!(
        matches!(&refused, Err(RegisterFailure::Refused { code: 503, retry_after: after, .. }) if *after == retry_after),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_call_to_our_contact_is_for_whom_the_registrar_says() {
    let callee = crate::harness::target("target_answers").calls(2);
    let mut server = Server::start(Policy::ringing([&callee])).await;
    registered(&server, WayOut::None);
    let callee = callee.start().await;
    let called = format!("P-Called-Party-ID: <sip:{NUMBER}@example.com>");
    let caller = Script::caller()
        .invites(&called)
        .hears(200)
        .acknowledges()
        .hangs_up();
    let caller = caller.sipp().remote(server.address, "carrier1").run().await;
    caller.expect("the caller's side");
    let log = server.ended().await;
    assert_eq!(log.facts.dialled, NUMBER);
    assert_eq!(log.facts.origin.trunk(), Some(trunk(&server)));
    // Whoever is not that trunk gets nowhere with its contact.
    server.trunks.replace_registered(Vec::new());
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .hangs_up()
        .for_party(NUMBER);
    let caller = caller.sipp().remote(server.address, "carrier1").run().await;
    caller.expect("the caller's side");
    assert_eq!(server.ended().await.facts.dialled, "carrier1");
    callee.finish().await.expect("the target's side");
}

#[tokio::test]
async fn a_call_out_goes_to_the_registrar_that_knows_us_in_its_own_name() {
    let callee = Script::target(&[
        ("From", ".A Caller. .sip:.442079460100@example.com.;tag="),
        ("P-Asserted-Identity", ".sip:.441632960001@example.com."),
    ])
    .answers_invite("200 OK", "", true)
    .gets("ACK")
    .gets_hung_up()
    .sipp();
    let policy = || Policy {
        targets: vec![(
            "sip:+442079460999@carrier.test".into(),
            Duration::from_secs(5),
        )],
        ..Policy::default()
    };
    let mut server = Server::start(policy()).await;
    registered(&server, WayOut::Registrar(udp(callee.address())));
    let callee = callee.start().await;
    let caller = Script::caller().invites("").hears(200).acknowledges();
    let caller = caller.hangs_up().sipp();
    let caller = caller.remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));

    registered(&server, WayOut::None);
    let caller = Script::caller().invites("").hears(503).acknowledges();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    assert_eq!(server.ended().await.outcomes(), [LegOutcome::Failed]);
}
