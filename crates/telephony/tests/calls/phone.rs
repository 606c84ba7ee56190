//! A phone of sockets alone, which SIPp is not: it hears what is played to it, speaks a tone and presses keys.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ringfence_media::g711::Law;
use ringfence_media::rtp::{self, Header, Packet, TelephoneEvent};
use ringfence_media::tone::{Tone, level};

use crate::harness::NUMBER;

/// One side of one call.
pub struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    peer: SocketAddr,
    /// The headers of our own requests in the dialog.
    dialog: String,
    target: String,
    sequence: u32,
    sound_to: Option<SocketAddr>,
    header: Header,
}

/// What a phone heard.
#[derive(Default)]
pub struct Heard {
    pub samples: Vec<i16>,
    pub headers: Vec<Header>,
}

impl Heard {
    pub fn level(&self, hz: f64) -> f64 {
        level(&self.samples, 8000, hz)
    }

    /// One stream: every packet follows the one before it, 20 ms later by the stream's own clock or more.
    pub fn assert_coherent(&self) {
        for pair in self.headers.windows(2) {
            assert_eq!(pair[1].ssrc, pair[0].ssrc, "its source stays");
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            if pair.iter().any(|header| header.payload_type >= 96) {
                continue;
            }
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert!((160..80_000).contains(&step), "{step}");
        }
    }
}

impl Phone {
    pub fn new(peer: SocketAddr) -> Self {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            socket
                .set_read_timeout(Some(Duration::from_secs(30)))
                .expect("it can be set");
            socket
        };
        Self {
            sip: socket(),
            rtp: socket(),
            peer,
            dialog: String::new(),
            target: String::new(),
            sequence: 1,
            sound_to: None,
            header: Header {
                marker: false,
                payload_type: rtp::PCMU,
                sequence: 100,
                timestamp: 1_000,
                ssrc: rand::random(),
            },
        }
    }

    /// The server that will call it.
    pub fn calls_from(&mut self, server: SocketAddr) {
        self.peer = server;
    }

    pub fn uri(&self) -> String {
        format!("sip:phone@{}", self.here())
    }

    fn here(&self) -> SocketAddr {
        self.sip.local_addr().expect("it is bound")
    }

    pub fn sdp(&self, direction: &str) -> String {
        let port = self.rtp.local_addr().expect("it is bound").port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )
    }

    fn send(&self, text: &str) {
        self.sip
            .send_to(text.as_bytes(), self.peer)
            .expect("it can be sent");
    }

    pub fn request(&self, method: &str, sequence: u32, kind: &str, body: &str) {
        self.request_with(method, sequence, "", kind, body);
    }

    fn request_with(&self, method: &str, sequence: u32, headers: &str, kind: &str, body: &str) {
        let branch: u64 = rand::random();
        let kind = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {kind}\r\n")
        };
        self.send(&format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{branch}\r\n{}CSeq: {sequence} {method}\r\n\
             Contact: <sip:phone@{here}>\r\nMax-Forwards: 70\r\n{headers}{kind}Content-Length: {}\r\n\r\n{body}",
            self.target,
            self.dialog,
            body.len(),
            here = self.here(),
        ));
    }

    /// The next message that begins so.
    pub fn hears(&self, start: &str) -> String {
        let mut buffer = [0; 8_192];
        loop {
            let (length, _) = self
                .sip
                .recv_from(&mut buffer)
                .unwrap_or_else(|error| panic!("expected {start}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.starts_with(start) {
                return message;
            }
        }
    }

    /// Calls, and is answered.
    pub fn calls(&mut self) {
        self.invites(NUMBER);
        self.is_answered();
    }

    /// Calls.
    pub fn invites(&mut self, number: &str) {
        let here = self.here();
        self.target = format!("sip:{number}@{}", self.peer);
        self.dialog = format!(
            "From: <sip:+441632960001@127.0.0.1>;tag=phone\r\nCall-ID: phone-{here}\r\n\
             To: <sip:{number}@127.0.0.1>\r\n"
        );
        self.request("INVITE", 1, "application/sdp", &self.sdp("sendrecv"));
    }

    /// Is answered.
    pub fn is_answered(&mut self) {
        let answer = self.hears("SIP/2.0 200");
        self.sound_to = Some(sound(&answer));
        self.learns(&answer);
        self.request("ACK", 1, "", "");
    }

    /// Learns the other side's tag from a response.
    pub fn learns(&mut self, response: &str) {
        let [from, id] = ["From", "Call-ID"].map(|name| header(&self.dialog, name));
        self.dialog = format!("{from}\r\n{id}\r\n{}\r\n", header(response, "To"));
    }

    /// How others name its dialog (RFC 3891), escaped as in a URI.
    pub fn replaces(&self) -> String {
        let id = header(&self.dialog, "Call-ID");
        let id = id.trim_start_matches("Call-ID:").trim();
        let to = header(&self.dialog, "To");
        let to_tag = to.split("tag=").nth(1).unwrap_or("none");
        format!("{id}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3Dphone")
    }

    /// Asks for the other side to be joined with whoever is at the other end of the dialog that is named so.
    pub fn refers(&mut self, replaces: &str) {
        self.sequence += 1;
        let to = format!("Refer-To: <sip:102@127.0.0.1?Replaces={replaces}>\r\n");
        self.request_with("REFER", self.sequence, &to, "", "");
    }

    /// Is told how that goes.
    pub fn is_told(&self, status: &str) {
        let notify = self.hears("NOTIFY");
        self.reply(&notify, "200 OK", "");
        assert!(notify.contains(&format!("SIP/2.0 {status}")), "{notify}");
    }

    /// Puts the other side on hold, which agrees.
    pub fn holds(&mut self, other: &mut Self) {
        self.sequence += 1;
        let body = self.sdp("sendonly");
        self.request("INVITE", self.sequence, "application/sdp", &body);
        other.is_moved("sendonly", "recvonly");
        self.hears("SIP/2.0 200");
        self.request("ACK", self.sequence, "", "");
    }

    /// Gets a re-INVITE in which sound flows so, and answers it so.
    pub fn is_moved(&mut self, offered: &str, answered: &str) {
        let invite = self.hears("INVITE");
        assert!(invite.contains(&format!("a={offered}")), "{invite}");
        self.sound_to = Some(sound(&invite));
        self.reply(&invite, "200 OK", &self.sdp(answered));
        self.hears("ACK");
    }

    /// Is called, and answers; the INVITE.
    pub fn answers(&mut self) -> String {
        let invite = self.hears("INVITE");
        self.sound_to = Some(sound(&invite));
        self.reply(&invite, "200 OK", &self.sdp("sendrecv"));
        self.hears("ACK");
        let swap = |name: &str, value: String| value.replacen(name, "", 1);
        let from = swap("To:", header(&invite, "To"));
        let to = swap("From:", header(&invite, "From"));
        self.dialog = format!(
            "From:{from};tag=phone\r\nTo:{to}\r\n{}\r\n",
            header(&invite, "Call-ID")
        );
        let contact = header(&invite, "Contact");
        let uri = contact.split(['<', '>']).nth(1);
        uri.expect("a Contact has a URI")
            .clone_into(&mut self.target);
        invite
    }

    pub fn reply(&self, request: &str, status: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            text.push_str(&header(request, name));
            if name == "To"
                && !text.ends_with("tag=phone")
                && !header(request, "To").contains("tag=")
            {
                text.push_str(";tag=phone");
            }
            text.push_str("\r\n");
        }
        self.send(&format!(
            "{text}Contact: <sip:phone@{}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.here(),
            body.len()
        ));
    }

    /// Is hung up.
    pub fn gets_hung_up(&self) -> String {
        let bye = self.hears("BYE");
        self.reply(&bye, "200 OK", "");
        bye
    }

    pub fn hangs_up(&mut self) {
        self.sequence += 1;
        self.request("BYE", self.sequence, "", "");
        self.hears("SIP/2.0 200");
    }

    /// Puts the other side on hold, or comes back.
    pub fn renegotiates(&mut self, direction: &str) {
        self.sequence += 1;
        self.request(
            "INVITE",
            self.sequence,
            "application/sdp",
            &self.sdp(direction),
        );
        self.hears("SIP/2.0 200");
        self.request("ACK", self.sequence, "", "");
    }

    /// Presses a key by INFO.
    pub fn presses_by_info(&mut self, key: char) {
        self.sequence += 1;
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        self.request("INFO", self.sequence, "application/dtmf-relay", &body);
        self.hears("SIP/2.0 200");
    }

    /// Presses a key by RFC 4733.
    pub fn presses(&mut self, event: u8) {
        for (duration, end) in [(160, false), (800, true), (800, true), (800, true)] {
            let payload = TelephoneEvent {
                event,
                end,
                volume: 10,
                duration,
            }
            .to_payload();
            self.sends_sound(101, &payload, 0);
        }
        self.header.timestamp += 4_000;
    }

    /// Speaks a tone for so many packets, at their pace, and keeps what it hears meanwhile.
    pub fn speaks(&mut self, hz: f64, packets: u32) -> Heard {
        let mut tone = Tone::new(8000, hz, 0.5);
        let mut heard = Heard::default();
        let start = Instant::now();
        for packet in 1..=packets {
            let samples: Vec<i16> = tone.by_ref().take(160).collect();
            let mut payload = Vec::new();
            Law::Mu.encode(&samples, &mut payload);
            self.sends_sound(rtp::PCMU, &payload, 160);
            self.listens_until(start + Duration::from_millis(20) * packet, &mut heard);
        }
        heard
    }

    /// Keeps what it hears until it has heard so many packets.
    pub fn listens(&self, packets: usize) -> Heard {
        let mut heard = Heard::default();
        while heard.headers.len() < packets {
            assert!(
                self.takes(Duration::from_secs(30), &mut heard),
                "expected {packets} packets, heard {}",
                heard.headers.len()
            );
        }
        heard
    }

    /// Whether nothing comes for a while, whatever was on its way.
    pub fn hears_nothing(&self) -> bool {
        let mut heard = Heard::default();
        for _ in 0..100 {
            if !self.takes(Duration::from_millis(150), &mut heard) {
                return true;
            }
        }
        false
    }

    fn listens_until(&self, end: Instant, heard: &mut Heard) {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.takes(left, heard) {
                return;
            }
        }
    }

    fn takes(&self, patience: Duration, heard: &mut Heard) -> bool {
        self.rtp
            .set_read_timeout(Some(patience))
            .expect("it can be set");
        let mut datagram = [0; 2048];
        let Ok(length) = self.rtp.recv(&mut datagram) else {
            return false;
        };
        let packet = rtp::parse(&datagram[..length]).expect("it is RTP");
        heard.headers.push(packet.header);
        if let Some(law) = Law::from_payload_type(packet.header.payload_type) {
            law.decode(packet.payload, &mut heard.samples);
        }
        true
    }

    fn sends_sound(&mut self, payload_type: u8, payload: &[u8], step: u32) {
        let mut datagram = Vec::new();
        let header = Header {
            payload_type,
            ..self.header
        };
        Packet { header, payload }.write(&mut datagram);
        let to = self.sound_to.expect("the other side said where");
        self.rtp.send_to(&datagram, to).expect("it can be sent");
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(step);
    }
}

fn sound(message: &str) -> SocketAddr {
    let port = message
        .split("m=audio ")
        .nth(1)
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .expect("it has a port");
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn header(message: &str, name: &str) -> String {
    message
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")))
        .unwrap_or_else(|| panic!("expected {name} in {message}"))
        .to_owned()
}
