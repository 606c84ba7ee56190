//! One call's sound: two sides, what was carried between them, and its recording.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clip::Piece;
use crate::ends::Ends;
use crate::engine::Open;
use crate::player::Player;
use crate::ports::{PortPair, PortPool};
use crate::recorder::Recorder;
use crate::relay;
use crate::{MediaError, RecordingPlan, RecordingReport};

/// One of the two ends of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The inbound leg; the left channel of a recording.
    Caller,
    /// The outbound leg; the right channel of a recording.
    Callee,
}

impl Side {
    /// The far side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// A callee's line in a session. The first is there from the beginning; each further one has ports of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Line(pub(crate) u8);

impl Line {
    /// The line that [`Side::Callee`] means.
    pub const FIRST: Self = Self(0);
    /// The most lines of a session.
    pub const MOST: usize = 16;

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose ear, and whose mouth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ear {
    /// The caller's.
    Caller,
    /// That of one of the callees.
    Callee(Line),
}

impl Ear {
    /// Its side of the call.
    pub const fn side(self) -> Side {
        match self {
            Self::Caller => Side::Caller,
            Self::Callee(_) => Side::Callee,
        }
    }
}

impl From<Side> for Ear {
    fn from(side: Side) -> Self {
        match side {
            Side::Caller => Self::Caller,
            Side::Callee => Self::Callee(Line::FIRST),
        }
    }
}

/// What a side said in its SDP that it can receive. PCMU is payload type 0 and PCMA 8 (RFC 3551 §6).
///
/// A packet in the one of the two that the far side does not take is transcoded into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codecs {
    /// It takes PCMU (G.711 µ-law).
    pub pcmu: bool,
    /// It takes PCMA (G.711 A-law).
    pub pcma: bool,
    /// The payload type under which it takes telephone events (RFC 4733), 96-127; `None` when it takes none.
    pub telephone_event: Option<u8>,
}

impl Default for Codecs {
    fn default() -> Self {
        Self {
            pcmu: true,
            pcma: true,
            telephone_event: None,
        }
    }
}

/// Where a side listens and whom to believe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// The RTP address of its SDP. Port 0 or an unspecified address (`0.0.0.0`) mean: send it nothing (hold).
    pub rtp: SocketAddr,
    /// What it can receive.
    pub codecs: Codecs,
    /// It wants to hear something now. Of a side that does not (hold), what is played to it waits until it does.
    pub receives: bool,
    /// Packets may come from another host than `rtp`'s: the first to arrive decides. Without it, only another port may.
    pub nat: bool,
}

/// Something that the owner of a session should know while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The recording broke off; sound goes on, and the file is valid as far as it got.
    RecordingFailed {
        /// Why, in words that are shown.
        reason: String,
    },
    /// What was played into an ear was heard to its end. Never lost: it waits for room in the queue.
    Played {
        /// Whose.
        ear: Ear,
        /// What its owner calls it.
        playing: u64,
    },
    /// The caller has said nothing for this long since [`Session::listen`]. Said once, and never lost.
    Quiet {
        /// How long.
        after: Duration,
    },
    /// A side pressed a key (RFC 4733), once for each press.
    Key {
        /// Who.
        from: Ear,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// Neither side has sent anything for this long. Said once, and again only after sound has come back.
    Silent {
        /// How long.
        after: Duration,
    },
}

/// What came from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SideReport {
    /// RTP packets taken from it.
    pub packets: u64,
    /// Their size in octets, headers included.
    pub octets: u64,
    /// Packets that its sequence numbers say are missing (RFC 3550 §6.4.1).
    pub lost: u64,
    /// Datagrams that were thrown away: no RTP, no agreed payload, or from somebody else.
    pub ignored: u64,
}

/// What a session carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaReport {
    /// What came from the caller.
    pub caller: SideReport,
    /// What came from the callee (all of them, one after another).
    pub callee: SideReport,
    /// The recording that was still open, or the last one stopped; `None` when nothing is on disk.
    pub recording: Option<RecordingReport>,
}

/// One call's sound. Dropping it frees the ports and finishes the recording without a report.
#[derive(Debug)]
pub struct Session {
    ends: Arc<Mutex<Ends>>,
    recorder: Arc<Recorder>,
    ports: Arc<PortPool>,
    caller_port: u16,
    notices: mpsc::Sender<Notice>,
    notice_receiver: Option<mpsc::Receiver<Notice>>,
    last_recording: Mutex<Option<RecordingReport>>,
    relay: JoinHandle<()>,
    _open: Open,
}

/// Notices that wait for the owner of a session.
const NOTICES: usize = 32;

impl Session {
    pub(crate) fn new(
        ports: Arc<PortPool>,
        (caller, callee): (PortPair, PortPair),
        recorder: Arc<Recorder>,
        silence: Duration,
        open: Open,
    ) -> Self {
        let (notices, notice_receiver) = mpsc::channel(NOTICES);
        let caller_port = caller.port();
        let ends = Ends::new(Arc::new(caller), Arc::new(callee), Instant::now());
        let ends = Arc::new(Mutex::new(ends));
        Self {
            caller_port,
            ports,
            relay: tokio::spawn(relay::run(ends.clone(), notices.clone(), silence)),
            ends,
            recorder,
            notices,
            notice_receiver: Some(notice_receiver),
            last_recording: Mutex::default(),
            _open: open,
        }
    }

    /// The UDP port on which a side's RTP is received; RTCP is on the next. It goes into the SDP sent to that side.
    pub fn port(&self, side: Side) -> u16 {
        match side {
            Side::Caller => self.caller_port,
            Side::Callee => self.line_port(Line::FIRST),
        }
    }

    /// The UDP port on which a callee's RTP is received; 0 for a line that was closed.
    pub fn line_port(&self, line: Line) -> u16 {
        let mut ends = self.ends.lock();
        ends.end(Ear::Callee(line)).map_or(0, |end| end.pair.port())
    }

    /// A line for another callee: the first one while it is free, else one with ports of its own. Nobody hears it
    /// before [`Session::join`].
    ///
    /// # Errors
    /// [`MediaError::PortsExhausted`], [`MediaError::Socket`]; [`MediaError::Lines`] beyond [`Line::MOST`].
    pub fn open_line(&self) -> Result<Line, MediaError> {
        if self.ends.lock().take_first() {
            return Ok(Line::FIRST);
        }
        let pair = self.ports.take(1)?;
        let line = self.ends.lock().add_line(pair);
        line.ok_or(MediaError::Lines { most: Line::MOST })
    }

    /// Frees a line's ports, and whoever was joined with it.
    pub fn close_line(&self, line: Line) {
        self.ends.lock().close_line(line);
    }

    /// Lets the caller and one line hear each other, or nobody. A new session has its first line joined.
    pub fn join(&self, line: Option<Line>) {
        self.ends.lock().join(line);
    }

    /// Where an end listens. The same address again changes nothing but the codecs; another one starts latching afresh.
    pub fn set_remote(&self, ear: impl Into<Ear>, remote: Remote) {
        self.ends.lock().set_remote(ear.into(), &remote);
    }

    /// Forgets an end, for the next target: its packets are ignored until [`Session::set_remote`].
    pub fn reset(&self, ear: impl Into<Ear>) {
        self.ends.lock().reset(ear.into());
    }

    /// Plays pieces into one ear, in the place of what it hears from us or from the far side; `repeated` from the
    /// beginning again until it is stopped. The end is told by [`Notice::Played`] with the number `playing`, unless
    /// something else took its place. `false` when there is no such ear.
    pub fn play(&self, ear: Ear, playing: u64, pieces: Vec<Piece>, repeated: bool) -> bool {
        let player = Player::new(playing, pieces, repeated, Instant::now());
        self.ends.lock().play(ear, player)
    }

    /// Stops what is played into an ear, which hears the far side again; the number of what was not over yet.
    pub fn stop(&self, ear: Ear) -> Option<u64> {
        self.ends.lock().stop(ear)
    }

    /// Tells by [`Notice::Quiet`] when the caller has said nothing for `after`; `None` waits for that no more.
    pub fn listen(&self, after: Option<Duration>) {
        self.ends.lock().listen(after, Instant::now());
    }

    /// Begins to record; missing folders are made. Whether the file could be opened is told by a [`Notice`].
    ///
    /// A recording under way goes on: the second plan is refused with `false`.
    pub fn start_recording(&self, plan: RecordingPlan) -> bool {
        let mut ends = self.ends.lock();
        if ends.recording.is_some() {
            return false;
        }
        let recording = self
            .recorder
            .open(plan.path, self.notices.clone(), Instant::now());
        ends.recording = Some(recording);
        true
    }

    /// Ends the recording: the file is whole, on disk and hashed when this resolves. `None` when nothing is on disk.
    pub async fn stop_recording(&self) -> Option<RecordingReport> {
        let recording = self.ends.lock().recording.take()?;
        let report = recording.finish(Instant::now()).await.ok().flatten();
        self.last_recording.lock().clone_from(&report);
        report
    }

    /// What there is to know while the session runs; can be taken once. Full queues drop notices.
    pub const fn take_notices(&mut self) -> Option<mpsc::Receiver<Notice>> {
        self.notice_receiver.take()
    }

    /// What came from a side so far.
    pub fn carried(&self, side: Side) -> SideReport {
        self.ends.lock().report(side)
    }

    /// Ends the session and its recording, frees the ports and tells what was carried.
    pub async fn close(mut self) -> MediaReport {
        self.relay.abort();
        // It ends as cancelled, which is what was asked for; the ports are free then.
        let _ = (&mut self.relay).await;
        self.stop_recording().await;
        let (caller, callee) = {
            let ends = self.ends.lock();
            (ends.report(Side::Caller), ends.report(Side::Callee))
        };
        count(caller, "caller");
        count(callee, "callee");
        MediaReport {
            caller,
            callee,
            recording: self.last_recording.lock().take(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

fn count(report: SideReport, side: &'static str) {
    metrics::counter!("ringfence_media_packets_total", "side" => side).increment(report.packets);
    metrics::counter!("ringfence_media_lost_total", "side" => side).increment(report.lost);
    metrics::counter!("ringfence_media_ignored_total", "side" => side).increment(report.ignored);
}
