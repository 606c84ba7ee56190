//! What a softphone is told.

use std::net::SocketAddr;
use std::time::Duration;

/// What SIP runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// Streams.
    Tcp,
}

/// What a softphone does once it has rung.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Takes the call.
    Answer(Answer),
    /// 486 Busy Here.
    Busy,
    /// Rings until the caller gives up; with no time to ring, it only says 100 Trying.
    Silent,
    /// Refuses with this status code, 300-699.
    Refuse(u16),
}

/// How an answered call goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The tone that the other side hears, in Hz.
    pub tone_hz: f64,
    /// Hangs up by itself this long after answering; `None` waits for the other side.
    pub hang_up_after: Option<Duration>,
}

/// What a softphone does with calls that come in.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// How long it rings (180) before it does anything else; zero skips the ringing.
    pub ring: Duration,
    /// What it does then.
    pub then: Then,
    /// Rings with sound: 183 with SDP and the tone of [`Answer`] (or 440 Hz) instead of 180.
    pub early_media: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            ring: Duration::from_millis(200),
            then: Then::Answer(Answer {
                tone_hz: 880.0,
                hang_up_after: None,
            }),
            early_media: false,
        }
    }
}

/// How a softphone is started.
#[derive(Debug, Clone)]
pub struct SoftphoneConfig {
    /// The address that SIP (and, on ports of its own, RTP) is bound on; port 0 takes a free one.
    pub bind: SocketAddr,
    /// What SIP runs over, for calls that come in and calls that are made.
    pub transport: Transport,
    /// What it does with calls that come in.
    pub behaviour: Behaviour,
    /// The tones, in Hz, that it listens for in calls that come in.
    pub expect: Vec<f64>,
}

impl Default for SoftphoneConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            transport: Transport::Udp,
            behaviour: Behaviour::default(),
            expect: vec![440.0, 620.0, 880.0],
        }
    }
}

/// A call to make.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// Where the INVITE goes.
    pub server: SocketAddr,
    /// The number dialled: the user part of the request URI and of To.
    pub to: String,
    /// The caller's number: the user part of From; `anonymous` withholds it.
    pub from: String,
    /// The tone that the other side hears, in Hz.
    pub tone_hz: f64,
    /// Hangs up this long after the answer.
    pub talk: Duration,
    /// Gives up (CANCEL) when nobody has answered after this long.
    pub give_up_after: Option<Duration>,
    /// The tones to listen for, in Hz.
    pub expect: Vec<f64>,
}

/// A pause in a call that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// How long after the answer the other side is put on hold (`a=sendonly`, RFC 3264 §8.4).
    pub after: Duration,
    /// How long it stays there.
    pub length: Duration,
}
