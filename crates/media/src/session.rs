//! One call's sound: two sides, what was carried between them, and its recording.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::engine::Open;
use crate::ports::PortPair;
use crate::recorder::Recorder;
use crate::relay::{self, Ends};
use crate::{RecordingPlan, RecordingReport};

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
    /// A side pressed a key (RFC 4733), once for each press.
    Key {
        /// Who.
        side: Side,
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
    caller_port: u16,
    callee_port: u16,
    notices: mpsc::Sender<Notice>,
    notice_receiver: Option<mpsc::Receiver<Notice>>,
    last_recording: Mutex<Option<RecordingReport>>,
    relay: JoinHandle<()>,
    _open: Open,
}

/// Notices that wait for the owner of a session.
const NOTICES: usize = 16;

impl Session {
    pub(crate) fn new(
        caller: PortPair,
        callee: PortPair,
        recorder: Arc<Recorder>,
        silence: Duration,
        open: Open,
    ) -> Self {
        let (notices, notice_receiver) = mpsc::channel(NOTICES);
        let ends = Arc::new(Mutex::new(Ends::new(Instant::now())));
        Self {
            caller_port: caller.port(),
            callee_port: callee.port(),
            relay: tokio::spawn(relay::run(
                caller,
                callee,
                ends.clone(),
                notices.clone(),
                silence,
            )),
            ends,
            recorder,
            notices,
            notice_receiver: Some(notice_receiver),
            last_recording: Mutex::default(),
            _open: open,
        }
    }

    /// The UDP port on which a side's RTP is received; RTCP is on the next. It goes into the SDP sent to that side.
    pub const fn port(&self, side: Side) -> u16 {
        match side {
            Side::Caller => self.caller_port,
            Side::Callee => self.callee_port,
        }
    }

    /// Where a side listens. The same address again changes nothing but the codecs; another one starts latching afresh.
    pub fn set_remote(&self, side: Side, remote: Remote) {
        let mut ends = self.ends.lock();
        ends.end(side).latch.set(&remote);
        ends.set_codecs(side, remote.codecs);
    }

    /// Forgets a side, for the next target: its packets are ignored until [`Session::set_remote`].
    pub fn reset(&self, side: Side) {
        self.ends.lock().reset(side);
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
