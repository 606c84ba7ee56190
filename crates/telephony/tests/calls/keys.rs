//! Keys that are pressed in a call reach whoever decides about it, once each.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ringfence_media::rtp::{Header, Packet, TelephoneEvent};
use ringfence_model::{Disposition, Party};

use crate::harness::{NUMBER, Policy, Server};
use crate::script::Script;

/// A caller of sockets alone, which SIPp is not: it presses keys between its RTP packets.
struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    server: SocketAddr,
}

impl Phone {
    fn new(server: SocketAddr) -> Self {
        let socket = || UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let sip = socket();
        sip.set_read_timeout(Some(Duration::from_secs(10)))
            .expect("it can be set");
        Self {
            sip,
            rtp: socket(),
            server,
        }
    }

    fn send(&self, method: &str, sequence: u32, to_tag: &str, body: &str) {
        let from = self.sip.local_addr().expect("it is bound");
        let branch: u64 = rand::random();
        let request = format!(
            "{method} sip:{NUMBER}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch}\r\n\
             From: <sip:+441632960001@127.0.0.1>;tag=phone\r\nTo: <sip:{NUMBER}@127.0.0.1>{to_tag}\r\n\
             Call-ID: phone-{from}\r\nCSeq: {sequence} {method}\r\nContact: <sip:phone@{from}>\r\n\
             Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        self.sip
            .send_to(request.as_bytes(), self.server)
            .expect("it can be sent");
    }

    fn hear(&self, code: &str) -> String {
        let mut buffer = [0; 8_192];
        loop {
            let (length, _) = self.sip.recv_from(&mut buffer).expect("an answer comes");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if answer.starts_with(&format!("SIP/2.0 {code}")) {
                return answer;
            }
        }
    }

    /// Calls, presses the keys, hangs up.
    fn presses(&self, events: &[u8]) {
        let rtp = self.rtp.local_addr().expect("it is bound").port();
        let offer = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {rtp} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        );
        self.send("INVITE", 1, "", &offer);
        let answer = self.hear("200");
        let port: u16 = answer
            .split("m=audio ")
            .nth(1)
            .and_then(|line| line.split(' ').next())
            .and_then(|port| port.parse().ok())
            .expect("the answer has a port");
        let to = answer
            .lines()
            .find_map(|line| line.strip_prefix("To: "))
            .expect("the answer has To");
        let tag = format!(";tag={}", to.split("tag=").nth(1).expect("it has a tag"));
        self.send("ACK", 1, &tag, "");
        let mut datagram = Vec::new();
        let mut sequence = 100;
        for (timestamp, event) in (1_000..).step_by(4_000).zip(events) {
            for (duration, end) in [
                (160, false),
                (320, false),
                (800, true),
                (800, true),
                (800, true),
            ] {
                let payload = TelephoneEvent {
                    event: *event,
                    end,
                    volume: 10,
                    duration,
                }
                .to_payload();
                let header = Header {
                    marker: duration == 160,
                    payload_type: 101,
                    sequence,
                    timestamp,
                    ssrc: 1,
                };
                sequence += 1;
                Packet {
                    header,
                    payload: &payload,
                }
                .write(&mut datagram);
                self.rtp
                    .send_to(&datagram, ("127.0.0.1", port))
                    .expect("it can be sent");
            }
        }
        // The key that proves that all before it were taken: the other side presses it when it is told.
        self.hear_info();
        self.send("BYE", 3, &tag, "");
        self.hear("200 OK");
    }

    /// Answers an INFO of the other side.
    fn hear_info(&self) {
        let mut buffer = [0; 8_192];
        loop {
            let (length, _) = self.sip.recv_from(&mut buffer).expect("a request comes");
            let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !request.starts_with("INFO") {
                continue;
            }
            let taken = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let headers: Vec<&str> = request
                .lines()
                .filter(|line| taken.iter().any(|name| line.starts_with(name)))
                .collect();
            let answer = format!(
                "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
                headers.join("\r\n")
            );
            self.sip
                .send_to(answer.as_bytes(), self.server)
                .expect("it can be sent");
            return;
        }
    }
}

#[tokio::test]
async fn keys_between_rtp_packets_are_told_once_each_though_their_end_is_sent_three_times() {
    let callee = Script::target(&[])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .pauses(500)
        .sends(
            "INFO",
            "",
            Some(("application/dtmf-relay", "Signal=9\nDuration=160")),
        )
        .hears(200)
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let phone = Phone::new(server.address);
    tokio::task::spawn_blocking(move || phone.presses(&[1, 1, 11]))
        .await
        .expect("the phone's side");
    callee.finish().await.expect("the target's side");
    let log = server.ended().await;
    assert_eq!(log.ended(), (Disposition::Answered, None));
    let by = |party| -> String {
        let keys = log.keys.iter().filter(|(by, _)| *by == party);
        keys.map(|(_, key)| *key).collect()
    };
    assert_eq!(by(Party::Caller), "11#");
    assert_eq!(by(Party::Callee), "9");
}

#[tokio::test]
async fn an_info_of_another_kind_is_passed_on_and_no_key() {
    let callee = Script::target(&[])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_with("INFO", &[("", "Signal=5")])
        .answers("200 OK", "", false)
        .gets_hung_up()
        .sipp();
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .sends("INFO", "", Some(("text/plain", "Signal=5")))
        .hears(200)
        .hangs_up();
    let caller = caller.sipp().remote(server.address, NUMBER).run().await;
    caller.expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.keys, []);
}
