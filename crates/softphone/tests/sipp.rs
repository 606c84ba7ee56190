//! The softphone and SIPp understand each other, on a network that loses packets too.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use ringfence_softphone::{
    Answer, Behaviour, CallRequest, HungUpBy, Softphone, SoftphoneConfig, Then,
};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// SIPp with a built-in scenario, on a port of its own and with time to live.
fn sipp(scenario: &str, arguments: &[&str]) -> (Child, SocketAddr) {
    let address = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let port = address.port().to_string();
    let sipp = Command::new("sipp")
        .args([
            "-sn",
            scenario,
            "-i",
            "127.0.0.1",
            "-p",
            &port,
            "-nostdin",
            "-timeout",
            "60s",
        ])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("SIPp: install Debian's sip-tester");
    (sipp, address)
}

#[tokio::test]
async fn sipp_calls_the_softphone_over_a_network_that_loses_five_percent() {
    let phone = Softphone::start(SoftphoneConfig {
        behaviour: Behaviour {
            ring: Duration::from_millis(20),
            then: Then::Answer(Answer {
                tone_hz: 880.0,
                hang_up_after: None,
            }),
            early_media: false,
        },
        ..SoftphoneConfig::default()
    })
    .await
    .unwrap();
    let to = phone.local_addr().to_string();
    // Calls outlive a lost ACK: SIPp takes a repeated 200 to its INVITE for the one to its BYE, and is then content though
    // neither ACK nor BYE ever arrived.
    let (mut caller, _) = sipp(
        "uac",
        &["-m", "20", "-r", "20", "-d", "2000", "-lost", "5", &to],
    );
    let status = timeout(Duration::from_secs(70), caller.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(status.success(), "{status}");
    phone.shutdown().await;
    let counters = phone.counters();
    assert_eq!(
        (
            counters.offered,
            counters.answered,
            counters.active,
            counters.ended
        ),
        (20, 20, 0, 20)
    );
}

#[tokio::test]
async fn the_softphone_calls_sipp_over_a_network_that_loses_five_percent() {
    let (_called, server) = sipp("uas", &["-lost", "5"]);
    let phone = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    for number in 0..10 {
        let call = phone.call(CallRequest {
            server,
            to: "+442079460001".to_owned(),
            from: format!("+44163296000{number}"),
            tone_hz: 440.0,
            talk: Duration::from_millis(50),
            give_up_after: Some(Duration::from_secs(20)),
            expect: Vec::new(),
        });
        let result = timeout(Duration::from_mins(1), call)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((result.final_code, result.answered), (200, true));
        assert_eq!(result.hung_up_by, HungUpBy::Us);
    }
    phone.shutdown().await;
}
