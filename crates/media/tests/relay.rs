//! Sound goes both ways, whole, and only between those who were signalled.

#![expect(
    clippy::similar_names,
    clippy::unwrap_used,
    reason = "caller and callee are the field's own words; a test that cannot go on may stop"
)]

mod peer;

use std::time::Duration;

use peer::{Peer, assert_whole, engine, local, talk};
use ringfence_media::g711::Law;
use ringfence_media::rtp::{self, Packet, TelephoneEvent};
use ringfence_media::{Codecs, MediaError, Notice, Remote, Session, Side};
use tokio::net::UdpSocket;
use tokio::time::timeout;

async fn session(first: u16) -> (Session, Peer, Peer) {
    let session = engine(first).open().unwrap();
    let caller = Peer::new(440.0, session.port(Side::Caller)).await;
    let callee = Peer::new(880.0, session.port(Side::Callee)).await;
    session.set_remote(Side::Caller, caller.remote());
    session.set_remote(Side::Callee, callee.remote());
    (session, caller, callee)
}

#[tokio::test]
async fn each_side_hears_the_others_tone_whole() {
    let (session, mut caller, mut callee) = session(12_000).await;
    talk(&mut caller, &mut callee, 50).await;
    let (at_caller, at_callee) = (caller.hear().await, callee.hear().await);
    assert_eq!(at_caller.samples.len(), 8000);
    assert_whole(&at_caller.samples, 880.0);
    assert_eq!(at_callee.samples.len(), 8000);
    assert_whole(&at_callee.samples, 440.0);
    let report = session.close().await;
    assert_eq!(report.caller.packets, 50);
    assert_eq!(report.callee.packets, 50);
    assert_eq!(report.caller.octets, 50 * 172);
    assert_eq!((report.caller.lost, report.callee.lost), (0, 0));
    assert_eq!(report.recording, None);
}

#[tokio::test]
async fn garbage_and_foreign_senders_are_ignored() {
    let (session, mut caller, callee) = session(12_020).await;
    let port = session.port(Side::Caller);
    caller.step(true).await;
    assert_eq!(callee.hear().await.headers.len(), 1);

    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let neighbour = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut voice = Vec::new();
    Packet {
        header: caller.header,
        payload: &[1; 160],
    }
    .write(&mut voice);
    for foreign in [&stranger, &neighbour] {
        foreign.send_to(&voice, local(port)).await.unwrap();
    }
    let mut video = voice.clone();
    video[1] = 97;
    for garbage in [&b"hello"[..], &[0; 300], &[0x80; 11], &video, &[]] {
        caller.socket.send_to(garbage, local(port)).await.unwrap();
    }
    assert_eq!(callee.hear().await.headers.len(), 0);
    assert_eq!(session.carried(Side::Caller).ignored, 7);
    caller.step(true).await;
    assert_eq!(callee.hear().await.headers.len(), 1);
    assert_eq!(session.close().await.caller.packets, 2);
}

#[tokio::test]
async fn the_next_target_continues_the_stream_that_the_caller_hears() {
    let (session, mut caller, mut callee) = session(12_040).await;
    talk(&mut caller, &mut callee, 10).await;
    let before = caller.hear().await;
    session.reset(Side::Callee);
    callee.step(true).await;
    let mut next = Peer::new(620.0, session.port(Side::Callee)).await;
    next.header.sequence = 7;
    next.header.ssrc = 99;
    session.set_remote(Side::Callee, next.remote());
    talk(&mut caller, &mut next, 10).await;
    callee.step(true).await;
    let after = caller.hear().await;
    assert_eq!(before.headers.len(), 10);
    assert_eq!(
        after.headers.len(),
        10,
        "the old target's stragglers are ignored"
    );
    let first = before.headers[0];
    for (index, header) in (0_u16..).zip(before.headers.iter().chain(&after.headers)) {
        assert_eq!(header.ssrc, first.ssrc);
        assert_eq!(header.sequence, first.sequence.wrapping_add(index));
        assert_eq!(header.marker, index == 10);
    }
    let pause = after.headers[0]
        .timestamp
        .wrapping_sub(before.headers[9].timestamp);
    assert!((160..8000).contains(&pause), "{pause} samples");
    assert_whole(&after.samples, 620.0);
    assert_eq!(next.hear().await.headers.len(), 10);
    session.close().await;
}

#[tokio::test]
async fn a_codec_that_the_far_side_does_not_take_is_turned_into_the_other() {
    let (session, mut caller, mut callee) = session(12_060).await;
    session.set_remote(
        Side::Callee,
        Remote {
            codecs: Codecs {
                pcmu: false,
                pcma: true,
                telephone_event: None,
            },
            ..callee.remote()
        },
    );
    callee.law = Law::A;
    talk(&mut caller, &mut callee, 20).await;
    let at_callee = callee.hear().await;
    assert!(
        at_callee
            .headers
            .iter()
            .all(|header| header.payload_type == rtp::PCMA)
    );
    assert_whole(&at_callee.samples, 440.0);
    assert_whole(&caller.hear().await.samples, 880.0);
    session.close().await;
}

#[tokio::test]
async fn key_presses_arrive_under_the_payload_type_that_the_far_side_asked_for() {
    let (session, caller, callee) = session(12_080).await;
    let events = |remote: Remote, telephone_event| Remote {
        codecs: Codecs {
            telephone_event,
            ..remote.codecs
        },
        ..remote
    };
    session.set_remote(Side::Caller, events(caller.remote(), Some(101)));
    session.set_remote(Side::Callee, events(callee.remote(), Some(96)));
    let press = TelephoneEvent {
        event: 11,
        end: true,
        volume: 10,
        duration: 800,
    };
    let mut datagram = Vec::new();
    let mut header = caller.header;
    header.payload_type = 101;
    Packet {
        header,
        payload: &press.to_payload(),
    }
    .write(&mut datagram);
    let to = local(session.port(Side::Caller));
    caller.socket.send_to(&datagram, to).await.unwrap();
    let length = timeout(Duration::from_secs(5), callee.socket.recv(&mut datagram))
        .await
        .unwrap()
        .unwrap();
    let packet = rtp::parse(&datagram[..length]).unwrap();
    assert_eq!(packet.header.payload_type, 96);
    assert_eq!(
        TelephoneEvent::parse(packet.payload).unwrap().key(),
        Some('#')
    );

    session.set_remote(Side::Callee, callee.remote());
    caller
        .socket
        .send_to(&datagram[..length], to)
        .await
        .unwrap();
    assert_eq!(
        callee.hear().await.headers.len(),
        0,
        "it takes none any more"
    );
    session.close().await;
}

#[tokio::test]
async fn rtcp_is_passed_on_to_the_next_port() {
    let (session, mut caller, callee) = session(12_100).await;
    caller.step(true).await;
    callee.hear().await;
    let above = callee.socket.local_addr().unwrap().port() + 1;
    let Ok(control) = UdpSocket::bind(local(above)).await else {
        // Another test has the port above; the one it would have come to is checked in `latch`.
        return;
    };
    let mut report = vec![0x80, 201, 0, 1];
    report.extend_from_slice(&caller.header.ssrc.to_be_bytes());
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = local(session.port(Side::Caller) + 1);
    sender.send_to(b"not RTCP", to).await.unwrap();
    sender.send_to(&report, to).await.unwrap();
    let mut datagram = [0; 100];
    let length = timeout(Duration::from_secs(5), control.recv(&mut datagram))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(datagram[..length], report[..]);
    session.close().await;
}

#[tokio::test]
async fn silence_on_both_sides_is_told_once_until_sound_returns() {
    let (mut session, mut caller, callee) = session(12_120).await;
    let mut notices = session.take_notices().unwrap();
    assert!(session.take_notices().is_none());
    for _ in 0..2 {
        let notice = timeout(Duration::from_secs(5), notices.recv())
            .await
            .unwrap();
        assert_eq!(
            notice,
            Some(Notice::Silent {
                after: Duration::from_millis(300)
            })
        );
        caller.step(true).await;
        callee.hear().await;
    }
    session.close().await;
}

#[tokio::test]
async fn a_range_that_is_full_refuses_a_session_and_serves_the_next_after_one_ends() {
    let engine = engine(12_140);
    let mut sessions: Vec<Session> = std::iter::from_fn(|| engine.open().ok()).collect();
    assert_eq!(sessions.len(), 5);
    assert_eq!(engine.sessions(), 5);
    let refusal = engine.open().unwrap_err();
    assert!(
        matches!(refusal, MediaError::PortsExhausted { open: 5, .. }),
        "{refusal}"
    );
    sessions.pop().unwrap().close().await;
    assert!(engine.open().is_ok());
}

#[tokio::test]
async fn a_held_side_is_sent_nothing_until_it_resumes() {
    let (session, mut caller, mut callee) = session(12_160).await;
    talk(&mut caller, &mut callee, 2).await;
    assert_eq!(callee.hear().await.headers.len(), 2);
    session.set_remote(
        Side::Callee,
        Remote {
            rtp: "0.0.0.0:9".parse().unwrap(),
            ..callee.remote()
        },
    );
    talk(&mut caller, &mut callee, 2).await;
    assert_eq!(callee.hear().await.headers.len(), 0);
    session.set_remote(Side::Callee, callee.remote());
    talk(&mut caller, &mut callee, 2).await;
    assert_eq!(callee.hear().await.headers.len(), 2);
    session.close().await;
}
