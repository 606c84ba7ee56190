//! Recordings: from packets to a stereo WAV file, on threads of their own.
//!
//! The relay puts packets into a bounded queue per recording and never waits. Each writer empties the queues of its
//! recordings once per flush. What is over goes to another thread, so that syncing and hashing delay no one's flush.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::rtp::Header;
use crate::stream::samples;
use crate::{MediaError, Notice, Side, finish, writer};

/// Octets of sound that may wait for the disk: 16 s of both sides.
const QUEUE_OCTETS: usize = 256 * 1024;
/// Packets that may wait for the disk.
const QUEUE_PACKETS: usize = 4096;

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
pub enum Command {
    Open(Job),
    Finish(Arc<Feed>, Instant, Option<Reply>),
}

/// Where the report of a finished recording goes.
pub type Reply = oneshot::Sender<Option<RecordingReport>>;

/// A recording to make.
pub struct Job {
    pub feed: Arc<Feed>,
    pub path: PathBuf,
    pub notices: mpsc::Sender<Notice>,
}

/// The relay's end of a recording. Dropped without [`Recording::finish`], the file is finished all the same.
#[derive(Debug)]
pub struct Recording {
    feed: Arc<Feed>,
    thread: Sender<Command>,
    finished: bool,
}

/// What stands between the relay and the writer.
#[derive(Debug)]
pub struct Feed {
    pub started: Instant,
    pub queue: Mutex<Queue>,
}

/// Packets on their way to the writer, their payloads end to end.
#[derive(Debug, Default)]
pub struct Queue {
    pub packets: Vec<Queued>,
    pub payloads: Vec<u8>,
    pub missed: u64,
    pub closed: bool,
}

/// A packet without its payload.
#[derive(Debug)]
pub struct Queued {
    pub side: Side,
    pub header: Header,
    /// In frames since the recording began.
    pub arrival: u64,
    pub length: usize,
}

impl Recorder {
    pub fn start(writers: usize, flush: Duration) -> Result<Self, MediaError> {
        let flush = flush.clamp(Duration::from_millis(50), Duration::from_secs(5));
        let writers = writers.clamp(1, 64);
        let (over, finished) = channel();
        let finished = Arc::new(Mutex::new(finished));
        let mut threads = Vec::new();
        for number in 0..writers {
            let finished = finished.clone();
            thread::Builder::new()
                .name(format!("recorder-end-{number}"))
                .spawn(move || finish::until_nobody_asks(&finished))
                .map_err(MediaError::Thread)?;
            let (sender, receiver) = channel();
            let over = over.clone();
            thread::Builder::new()
                .name(format!("recorder-{number}"))
                .spawn(move || writer::until_nobody_asks(&receiver, &over, flush))
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

    fn send_finish(&mut self, now: Instant, reply: Option<Reply>) {
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
