//! A writer thread: places packets on the timelines of its recordings, and writes them out once per flush.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::finish::{self, Over};
use crate::recorder::{Command, Feed, Job, Queue, Reply};
use crate::stream::samples;
use crate::timeline::Timeline;
use crate::wav::WavFile;
use crate::{Notice, RecordingReport};

/// How long a packet may be on its way and still find its place.
const HOLD_BACK: u64 = 1600;
/// Frames that are written at once.
const BLOCK: usize = 8000;
/// A WAV file counts its octets in 32 bits; a day stays well within.
const LONGEST: u64 = 24 * 3600 * 8000;

/// Opens, fills and hands over recordings until the last sender of commands is gone.
pub fn until_nobody_asks(commands: &Receiver<Command>, over: &Sender<Over>, flush: Duration) {
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
                if let Some(index) = found {
                    open.swap_remove(index).finish(at, reply, over);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let now = Instant::now();
                for writing in open {
                    writing.finish(now, None, over);
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
                let (label, reason) = finish::describe(&error, &writing.path);
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

    /// Writes the rest and hands the file over.
    fn finish(mut self, at: Instant, reply: Option<Reply>, over: &Sender<Over>) {
        self.feed.queue.lock().closed = true;
        self.drain();
        let stopped = samples(at.saturating_duration_since(self.feed.started));
        self.write_until(stopped.max(self.timeline.end()));
        let missed_packets = self.feed.queue.lock().missed;
        match self.state {
            State::Open(file) => {
                let over = over.send(Over {
                    file,
                    path: self.path,
                    missed_packets,
                    notices: self.notices,
                    reply,
                });
                if over.is_err() {
                    tracing::error!("no thread is left to finish recordings");
                }
            }
            State::Broken(report) => {
                let report = report.map(|report| RecordingReport {
                    missed_packets,
                    ..report
                });
                if let Some(reply) = reply {
                    // Whoever asked may have gone.
                    let _ = reply.send(report);
                }
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
                let (label, reason) = finish::describe(&error, &self.path);
                self.fail(label, reason);
                return;
            }
        }
    }

    /// Breaks the recording off; the call goes on.
    fn fail(&mut self, label: &'static str, reason: String) {
        finish::note_failure(label, &reason, &self.path, &self.notices);
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
            failure: Some(reason),
        }));
        let mut queue = self.feed.queue.lock();
        queue.closed = true;
        queue.packets = Vec::new();
        queue.payloads = Vec::new();
    }
}
