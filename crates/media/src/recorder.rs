//! Recordings: from packets to a stereo WAV file, on threads of their own.
//!
//! The relay puts packets into a bounded queue per recording and never waits. Each thread empties the queues of its
//! recordings once per flush, places the samples and writes them with a header that is right.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::rtp::Header;
use crate::stream::samples;
use crate::timeline::Timeline;
use crate::wav::WavFile;
use crate::{MediaError, Notice, Side};

/// Octets of sound that may wait for the disk: 16 s of both sides.
const QUEUE_OCTETS: usize = 256 * 1024;
/// Packets that may wait for the disk.
const QUEUE_PACKETS: usize = 4096;
/// How long a packet may be on its way and still find its place.
const HOLD_BACK: u64 = 1600;
/// Frames that are written at once.
const BLOCK: usize = 8000;
/// A WAV file counts its octets in 32 bits; a day stays well within.
const LONGEST: u64 = 24 * 3600 * 8000;

/// What to record into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPlan {
    /// The file to make; one that exists is refused.
    pub path: PathBuf,
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingReport {
    /// The file.
    pub path: PathBuf,
    /// Its length in milliseconds.
    pub duration_ms: u64,
    /// Its size in octets.
    pub size: u64,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Packets that came while the queue to the writer was full: they are silence in the file.
    pub missed_packets: u64,
    /// Why it broke off before its end, in words that are shown; `None` when it is whole.
    pub failure: Option<String>,
}

/// The writer threads. They end with the last sender to them, after finishing what is open.
#[derive(Debug)]
pub struct Recorder {
    threads: Vec<Sender<Command>>,
    next: AtomicUsize,
}

/// Two commands a session at most, so the channel is as bounded as the sessions are.
enum Command {
    Open(Job),
    Finish(
        Arc<Feed>,
        Instant,
        Option<oneshot::Sender<Option<RecordingReport>>>,
    ),
}

struct Job {
    feed: Arc<Feed>,
    path: PathBuf,
    notices: mpsc::Sender<Notice>,
}

/// The relay's end of a recording. Dropped without [`Recording::finish`], the file is finished all the same.
#[derive(Debug)]
pub struct Recording {
    feed: Arc<Feed>,
    thread: Sender<Command>,
    finished: bool,
}

#[derive(Debug)]
struct Feed {
    started: Instant,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    packets: Vec<Queued>,
    payloads: Vec<u8>,
    missed: u64,
    closed: bool,
}

#[derive(Debug)]
struct Queued {
    side: Side,
    header: Header,
    arrival: u64,
    length: usize,
}

impl Recorder {
    pub fn start(writers: usize, flush: Duration) -> Result<Self, MediaError> {
        let flush = flush.clamp(Duration::from_millis(50), Duration::from_secs(5));
        let mut threads = Vec::new();
        for number in 0..writers.clamp(1, 64) {
            let (sender, receiver) = channel();
            thread::Builder::new()
                .name(format!("recorder-{number}"))
                .spawn(move || write_until_nobody_asks(&receiver, flush))
                .map_err(MediaError::Thread)?;
            threads.push(sender);
        }
        Ok(Self {
            threads,
            next: AtomicUsize::new(0),
        })
    }

    pub fn open(&self, path: PathBuf, notices: mpsc::Sender<Notice>, now: Instant) -> Recording {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        let thread = self.threads[number].clone();
        let feed = Arc::new(Feed {
            started: now,
            queue: Mutex::default(),
        });
        let job = Job {
            feed: feed.clone(),
            path,
            notices,
        };
        // A thread that is gone has panicked: the recording then reports that nothing is on disk.
        let _ = thread.send(Command::Open(job));
        Recording {
            feed,
            thread,
            finished: false,
        }
    }
}

impl Recording {
    /// Hands a packet over; counted as missed when the queue is full.
    pub fn push(&self, side: Side, header: &Header, payload: &[u8], now: Instant) {
        let mut queue = self.feed.queue.lock();
        if queue.closed {
            return;
        }
        if queue.packets.len() >= QUEUE_PACKETS
            || queue.payloads.len() + payload.len() > QUEUE_OCTETS
        {
            queue.missed += 1;
            return;
        }
        queue.payloads.extend_from_slice(payload);
        queue.packets.push(Queued {
            side,
            header: *header,
            arrival: samples(now.saturating_duration_since(self.feed.started)),
            length: payload.len(),
        });
    }

    /// Ends the recording at `now`; the answer comes when the file is whole, on disk and hashed.
    pub fn finish(mut self, now: Instant) -> oneshot::Receiver<Option<RecordingReport>> {
        let (sender, receiver) = oneshot::channel();
        self.send_finish(now, Some(sender));
        receiver
    }

    fn send_finish(
        &mut self,
        now: Instant,
        reply: Option<oneshot::Sender<Option<RecordingReport>>>,
    ) {
        if !self.finished {
            self.finished = true;
            let _ = self
                .thread
                .send(Command::Finish(self.feed.clone(), now, reply));
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.send_finish(Instant::now(), None);
    }
}

fn write_until_nobody_asks(commands: &Receiver<Command>, flush: Duration) {
    let mut open: Vec<Writing> = Vec::new();
    loop {
        let wait = open
            .iter()
            .map(|writing| writing.due)
            .min()
            .map_or(flush, |due| due.saturating_duration_since(Instant::now()));
        match commands.recv_timeout(wait) {
            Ok(Command::Open(job)) => open.push(Writing::open(job, flush)),
            Ok(Command::Finish(feed, at, reply)) => {
                let found = open
                    .iter()
                    .position(|writing| Arc::ptr_eq(&writing.feed, &feed));
                let report = found.and_then(|index| open.swap_remove(index).finish(at));
                if let Some(reply) = reply {
                    // Whoever asked may have gone; the file is whole all the same.
                    let _ = reply.send(report);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let now = Instant::now();
                for writing in open {
                    writing.finish(now);
                }
                return;
            }
        }
        let now = Instant::now();
        for writing in open.iter_mut().filter(|writing| writing.due <= now) {
            writing.due = now + flush;
            writing.flush(now);
        }
    }
}

/// A recording as its thread sees it.
struct Writing {
    feed: Arc<Feed>,
    path: PathBuf,
    notices: mpsc::Sender<Notice>,
    due: Instant,
    timeline: Timeline,
    /// What was taken from the queue; kept for its room.
    batch: Queue,
    block: Vec<i16>,
    state: State,
}

enum State {
    Open(WavFile),
    /// It broke off; what is on disk, if anything is.
    Broken(Option<RecordingReport>),
}

impl Writing {
    fn open(job: Job, flush: Duration) -> Self {
        let Job {
            feed,
            path,
            notices,
        } = job;
        let mut writing = Self {
            due: feed.started + flush,
            feed,
            notices,
            timeline: Timeline::default(),
            batch: Queue::default(),
            block: Vec::new(),
            state: State::Broken(None),
            path,
        };
        match WavFile::create(&writing.path) {
            Ok(file) => writing.state = State::Open(file),
            Err(error) => {
                let (label, reason) = describe(&error, &writing.path);
                writing.fail(label, reason);
            }
        }
        writing
    }

    /// Writes what no packet on its way can change any more.
    fn flush(&mut self, now: Instant) {
        self.drain();
        let until =
            samples(now.saturating_duration_since(self.feed.started)).saturating_sub(HOLD_BACK);
        self.write_until(until);
    }

    fn finish(mut self, at: Instant) -> Option<RecordingReport> {
        self.feed.queue.lock().closed = true;
        self.drain();
        let until =
            samples(at.saturating_duration_since(self.feed.started)).max(self.timeline.end());
        self.write_until(until);
        let missed = self.feed.queue.lock().missed;
        let summary = match std::mem::replace(&mut self.state, State::Broken(None)) {
            State::Open(file) => file.finish(),
            State::Broken(report) => {
                return report.map(|report| RecordingReport {
                    missed_packets: missed,
                    ..report
                });
            }
        };
        match summary {
            Ok(summary) => Some(RecordingReport {
                path: self.path,
                duration_ms: summary.duration_ms,
                size: summary.size,
                sha256: summary.sha256,
                missed_packets: missed,
                failure: None,
            }),
            Err(error) => {
                let (label, reason) = describe(&error, &self.path);
                self.fail(label, reason.clone());
                let report = crate::recover(&self.path).ok()?;
                Some(RecordingReport {
                    missed_packets: missed,
                    failure: Some(reason),
                    ..report
                })
            }
        }
    }

    fn drain(&mut self) {
        {
            let mut queue = self.feed.queue.lock();
            std::mem::swap(&mut self.batch.packets, &mut queue.packets);
            std::mem::swap(&mut self.batch.payloads, &mut queue.payloads);
        }
        let packets = std::mem::take(&mut self.batch.packets);
        let payloads = std::mem::take(&mut self.batch.payloads);
        let mut rest = payloads.as_slice();
        for packet in &packets {
            let (payload, following) = rest.split_at(packet.length);
            rest = following;
            // After a wait for the disk: what is far behind this packet is written before it is placed.
            self.write_until(packet.arrival.saturating_sub(HOLD_BACK + BLOCK as u64));
            self.timeline
                .place(packet.side, &packet.header, payload, packet.arrival);
        }
        self.batch.packets = packets;
        self.batch.payloads = payloads;
        self.batch.packets.clear();
        self.batch.payloads.clear();
    }

    fn write_until(&mut self, until: u64) {
        while let State::Open(file) = &mut self.state {
            let left = until.saturating_sub(self.timeline.taken());
            let frames = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            if frames == 0 {
                return;
            }
            if self.timeline.taken() >= LONGEST {
                self.fail(
                    "too_long",
                    "the call lasted longer than a recording may, 24 hours".into(),
                );
                return;
            }
            self.timeline.take(frames, &mut self.block);
            if let Err(error) = file.append(&self.block) {
                let (label, reason) = describe(&error, &self.path);
                self.fail(label, reason);
                return;
            }
        }
    }

    /// Breaks the recording off; the call goes on.
    fn fail(&mut self, label: &'static str, reason: String) {
        metrics::counter!("ringfence_recording_failures_total", "reason" => label).increment(1);
        tracing::error!(path = %self.path.display(), %reason, "recording broke off");
        let state = std::mem::replace(&mut self.state, State::Broken(None));
        let mended = match state {
            State::Open(file) => file.break_off().ok(),
            State::Broken(_) => None,
        };
        self.state = State::Broken(mended.map(|summary| RecordingReport {
            path: self.path.clone(),
            duration_ms: summary.duration_ms,
            size: summary.size,
            sha256: summary.sha256,
            missed_packets: 0,
            failure: Some(reason.clone()),
        }));
        let mut queue = self.feed.queue.lock();
        queue.closed = true;
        queue.packets = Vec::new();
        queue.payloads = Vec::new();
        // The owner may be gone or have fallen behind; the report says it too.
        let _ = self.notices.try_send(Notice::RecordingFailed { reason });
    }
}

/// A label for counting, and words to show.
fn describe(error: &io::Error, path: &Path) -> (&'static str, String) {
    use io::ErrorKind::{
        AlreadyExists, FileTooLarge, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    let path = path.display();
    match error.kind() {
        StorageFull | QuotaExceeded => (
            "disk_full",
            format!("the disk is full: free space for the recording {path}"),
        ),
        FileTooLarge => (
            "file_limit",
            format!("the system's limit on file sizes cut the recording {path}: raise it"),
        ),
        PermissionDenied | ReadOnlyFilesystem | NotFound | NotADirectory => (
            "unwritable",
            format!(
                "the recording {path} cannot be written: {error}; check the folder and its permissions"
            ),
        ),
        AlreadyExists => (
            "exists",
            format!("the recording {path} exists already and was left as it is"),
        ),
        _ => (
            "io",
            format!("the recording {path} cannot be written: {error}"),
        ),
    }
}
