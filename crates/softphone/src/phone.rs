//! What a softphone is told and what it tells back.

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
    /// Rings until the caller gives up.
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

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HungUpBy {
    /// This softphone: it had talked long enough, or gave up.
    Us,
    /// The other side: BYE, or a final refusal.
    Them,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Heard {
    /// The loudest of the expected tones in Hz; `None` when there was none of them.
    pub tone_hz: Option<f64>,
    /// Its amplitude, 0.0 to 1.0 (full scale).
    pub level: f64,
    /// RTP packets with sound.
    pub packets: u64,
    /// Packets that the sequence numbers say are missing.
    pub lost: u64,
    /// Distinct synchronization sources: more than one means that the stream broke.
    pub sources: u32,
}

/// What came of a call that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// The final status code: 200, 486, 487 after giving up; 408 when none came.
    pub final_code: u16,
    /// Somebody answered.
    pub answered: bool,
    /// From the INVITE to its final response.
    pub setup: Duration,
    /// The provisional responses that came, in order: 100, 180, 183.
    pub provisional: Vec<u16>,
    /// What was heard from the answer to the end (before it, when there was early media only).
    pub heard: Heard,
    /// What was heard before the answer.
    pub heard_early: Heard,
    /// Who ended it.
    pub hung_up_by: HungUpBy,
}

/// Calls that came in, by what became of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counters {
    /// INVITEs.
    pub offered: u64,
    /// Answered, and acknowledged.
    pub answered: u64,
    /// Refused, busy included.
    pub refused: u64,
    /// Given up by the caller while it rang.
    pub cancelled: u64,
    /// Answered calls under way.
    pub active: u64,
    /// Answered calls that are over.
    pub ended: u64,
    /// What was heard in the last answered call that is over.
    pub last_heard: Option<Heard>,
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum SoftphoneError {
    /// The address could not be bound.
    #[error(
        "expected to bind {address} for SIP; check that the address is this machine's and the port is free"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something to dial is no user part of a SIP URI (RFC 3261 §25.1).
    #[error("expected a number to dial or to call from, got {0:?}")]
    Number(String),
    /// The SIP stack refused.
    #[error("expected the SIP stack to go along, got: {0}")]
    Sip(String),
}

/// A telephone in software. Cheap to clone; [`Softphone::shutdown`] ends it.
#[derive(Debug, Clone)]
pub struct Softphone {}

impl Softphone {
    /// Binds and begins to take calls.
    ///
    /// # Errors
    /// [`SoftphoneError::Bind`].
    #[expect(clippy::unused_async, reason = "skeleton")]
    pub async fn start(config: SoftphoneConfig) -> Result<Self, SoftphoneError> {
        let _ = config;
        todo!()
    }

    /// The SIP URI under which it is called: `sip:softphone@127.0.0.1:49152`.
    pub fn uri(&self) -> String {
        todo!()
    }

    /// The address that SIP is bound on.
    pub fn local_addr(&self) -> SocketAddr {
        todo!()
    }

    /// What it does with calls that come in from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        let _ = behaviour;
        todo!()
    }

    /// Calls that came in so far.
    pub fn counters(&self) -> Counters {
        todo!()
    }

    /// Makes a call and stays with it to its end.
    ///
    /// # Errors
    /// [`SoftphoneError::Number`], [`SoftphoneError::Bind`] for the RTP port, [`SoftphoneError::Sip`]. A call that is
    /// refused is no error.
    #[expect(clippy::unused_async, reason = "skeleton")]
    pub async fn call(&self, request: CallRequest) -> Result<CallResult, SoftphoneError> {
        let _ = request;
        todo!()
    }

    /// Ends all calls and frees the port.
    #[expect(clippy::unused_async, reason = "skeleton")]
    pub async fn shutdown(&self) {
        todo!()
    }
}
