//! An RTP endpoint on a loopback socket: sends a tone at its pace and keeps what it hears.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ringfence_media::g711::Law;
use ringfence_media::rtp::{self, Header, Packet};
use ringfence_media::tone::{Tone, dominant, level};
use ringfence_media::{Codecs, MediaConfig, MediaEngine, Remote};
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

pub const RATE: u32 = 8000;

/// An engine on a port range of its own.
pub fn engine(first: u16) -> MediaEngine {
    MediaEngine::new(MediaConfig {
        ports: first..=first + 19,
        flush: Duration::from_millis(200),
        silence: Duration::from_millis(300),
        ..MediaConfig::default()
    })
    .unwrap()
}

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub struct Peer {
    pub socket: UdpSocket,
    pub tone: Tone,
    pub law: Law,
    pub header: Header,
    to: SocketAddr,
}

/// What a peer heard.
#[derive(Debug, Default)]
pub struct Heard {
    pub samples: Vec<i16>,
    pub headers: Vec<Header>,
}

impl Peer {
    /// One that plays `hz` to the relay's `port`.
    pub async fn new(hz: f64, port: u16) -> Self {
        Self {
            socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            tone: Tone::new(RATE, hz, 0.5),
            law: Law::Mu,
            header: Header {
                marker: false,
                payload_type: rtp::PCMU,
                sequence: 65_500,
                timestamp: u32::MAX - 4000,
                ssrc: 0x1000 + u32::from(port),
            },
            to: local(port),
        }
    }

    pub fn remote(&self) -> Remote {
        Remote {
            rtp: self.socket.local_addr().unwrap(),
            codecs: Codecs::default(),
            receives: true,
            nat: false,
        }
    }

    /// The next 20 ms; `sent` says whether they leave.
    pub async fn step(&mut self, sent: bool) {
        let samples: Vec<i16> = self.tone.by_ref().take(160).collect();
        let mut payload = Vec::new();
        self.law.encode(&samples, &mut payload);
        let mut datagram = Vec::new();
        self.header.payload_type = self.law.payload_type();
        Packet {
            header: self.header,
            payload: &payload,
        }
        .write(&mut datagram);
        if sent {
            self.socket.send_to(&datagram, self.to).await.unwrap();
        }
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(160);
    }

    /// Whatever has come in, until nothing has for a while.
    pub async fn hear(&self) -> Heard {
        let mut heard = Heard::default();
        let mut datagram = [0; 2048];
        while let Ok(arrived) =
            timeout(Duration::from_millis(200), self.socket.recv(&mut datagram)).await
        {
            let packet = rtp::parse(&datagram[..arrived.unwrap()]).unwrap();
            heard.headers.push(packet.header);
            if let Some(law) = Law::from_payload_type(packet.header.payload_type) {
                law.decode(packet.payload, &mut heard.samples);
            }
        }
        heard
    }
}

/// Both speak for `packets` times 20 ms at their pace.
pub async fn talk(one: &mut Peer, other: &mut Peer, packets: usize) {
    let mut pace = interval(Duration::from_millis(20));
    for _ in 0..packets {
        pace.tick().await;
        one.step(true).await;
        other.step(true).await;
    }
}

/// The channels of a recording.
pub fn channels(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut reader = hound::WavReader::open(path).unwrap();
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    samples
        .chunks_exact(2)
        .map(|frame| (frame[0], frame[1]))
        .unzip()
}

/// Where the first and after the last sound is.
pub fn extent(samples: &[i16]) -> (usize, usize) {
    let loud = |sample: &i16| sample.unsigned_abs() > 500;
    let first = samples.iter().position(loud).expect("some sound");
    let last = samples.iter().rposition(loud).expect("some sound");
    (first, last + 1)
}

/// Asserts that samples are the tone `hz` from one end to the other, in every stretch of 50 ms.
pub fn assert_whole(samples: &[i16], hz: f64) {
    for (index, stretch) in samples.chunks_exact(400).enumerate() {
        let found = dominant(stretch, RATE, &[440.0, 620.0, 880.0]);
        assert_eq!(found.map(|(hz, _)| hz), Some(hz), "stretch {index}");
        let level = level(stretch, RATE, hz);
        assert!((level - 0.5).abs() < 0.1, "stretch {index}: level {level}");
    }
}
