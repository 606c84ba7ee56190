//! What stands in front of an SQLite file: the journal that makes batches durable, and the thread that fills it.
//!
//! A batch that is certain to be accepted ([`Known`]) is acknowledged when it is in the journal; the tables get it later
//! (`applier.rs`), and readers wait for that. Every other batch, and everything while nobody keeps a journal, is written
//! to the tables directly and acknowledged after that, in its turn. See `docs/decisions/0016-journal.md`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use parking_lot::Mutex;
use rusqlite::OptionalExtension as _;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;
use crate::applier::{Applier, Apply, Inbox, carry_out};
use crate::commit::{Batch, GROUP, Job, Outcome, QUEUE, Request, Source};
use crate::db::PATIENCE;
use crate::journal::{self, Frame, Journal, Place};
use crate::known::Known;
use crate::progress::Progress;
use crate::sqlite::{Checkpoints, File};

/// Octets of records in one frame.
const FRAME_OCTETS: usize = 1 << 20;
/// Between the beginnings of two frames at least: under load each flush of the disk then serves more of those who wait,
/// who are woken together. A batch that comes after a pause does not wait for it.
const FRAME_EVERY: Duration = Duration::from_millis(2);
/// Between two looks whether another program still keeps the journal.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How callers see it.
#[derive(Clone)]
pub(crate) struct Ahead {
    inbox: Arc<Inbox>,
    progress: Arc<Progress>,
    /// A journal is kept, so that it is worth encoding what is written.
    kept: Arc<AtomicBool>,
}

impl std::fmt::Debug for Ahead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ahead")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Ahead {
    /// Puts into the tables what a process that was killed left in its journal, and starts both threads. They end by
    /// themselves when every sender is gone.
    pub fn start(file: File) -> Result<(mpsc::Sender<Request>, Self), StoreError> {
        let source = Source::Sqlite {
            connection: Some(file.open()?),
            checkpoints: Checkpoints::start(&file)?,
            file: file.clone(),
        };
        // When another program keeps it, that program does it.
        if journal::paths(&file.path)[0].exists()
            && let Recovered::Journal(journal, _) = recover(&file)?
        {
            journal.remove().map_err(|error| disk_error(&error))?;
        }
        let inbox = Arc::new(Inbox::default());
        let progress = Arc::new(Progress::default());
        let known = Arc::new(Mutex::new(Known::default()));
        let kept = Arc::new(AtomicBool::new(false));
        let (relay_to, answers) = mpsc::unbounded_channel();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(relay(answers))),
            Err(_) => drop(answers),
        }
        let applier = Applier::new(
            file.clone(),
            source,
            Arc::clone(&inbox),
            Arc::clone(&progress),
            Arc::clone(&known),
        );
        let front = Front {
            file,
            journal: None,
            inbox: Arc::clone(&inbox),
            progress: Arc::clone(&progress),
            known,
            kept: Arc::clone(&kept),
            relay: relay_to,
        };
        let (queue, requests) = mpsc::channel(QUEUE);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.into())
                .spawn(work)
                .map_err(|error| StoreError::Unavailable(error.to_string()))
        };
        spawn("ringfence-rows", Box::new(move || applier.run()))?;
        spawn(
            "ringfence-ahead",
            Box::new(move || block_on(front.run(requests))),
        )?;
        Ok((
            queue,
            Self {
                inbox,
                progress,
                kept,
            },
        ))
    }

    pub fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Waits until the tables have what was acknowledged before, or cannot be written.
    pub async fn settled(&self) {
        if let Some(missing) = self.progress.missing() {
            self.inbox.put(Apply::Hurry);
            missing.settled().await;
        }
    }

    pub fn behind(&self) -> u64 {
        self.progress.behind()
    }
}

/// The thread that acknowledges.
struct Front {
    file: File,
    journal: Option<Box<Journal>>,
    inbox: Arc<Inbox>,
    progress: Arc<Progress>,
    known: Arc<Mutex<Known>>,
    kept: Arc<AtomicBool>,
    /// Those who wait are answered through it; bounded by the queue of requests, whose senders wait.
    relay: mpsc::UnboundedSender<Answers>,
}

/// Who waits for a frame, and what they are told.
struct Answers {
    to: Vec<oneshot::Sender<Outcome>>,
    written: Result<(), StoreError>,
}

impl Answers {
    fn give(self) {
        for answer in self.to {
            // An error means that the caller no longer waits.
            answer.send(self.written.clone().map(|()| Vec::new())).ok();
        }
    }
}

/// Answers from within the runtime where those who wait live: there a task is woken by a push onto a worker's own queue;
/// from a thread outside each one takes the lock that all workers share, and perhaps a call of the kernel.
async fn relay(mut answers: mpsc::UnboundedReceiver<Answers>) {
    while let Some(answers) = answers.recv().await {
        answers.give();
    }
}

/// Batches that become a frame.
#[derive(Default)]
struct Gathered {
    records: Vec<u8>,
    answers: Vec<oneshot::Sender<Outcome>>,
}

impl Front {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(GROUP);
        while requests.recv_many(&mut waiting, GROUP).await > 0 {
            let began = Instant::now();
            let mut gathered = Gathered::default();
            let mut direct = Vec::new();
            let mut closing = None;
            for request in waiting.drain(..) {
                match request {
                    Request::Batch(batch) => match self.gather(batch, &mut gathered) {
                        None => {}
                        Some(batch) => direct.push(batch),
                    },
                    Request::KeepJournal(done) => {
                        // An error means that the caller no longer waits.
                        done.send(self.keep()).ok();
                    }
                    Request::Close(done) => closing = Some(done),
                }
            }
            self.write(gathered);
            self.hand_on(direct);
            if let Some(done) = closing {
                self.inbox
                    .put(Apply::Close(self.journal.take(), Some(done)));
                return;
            }
            // Senders do not have to wake a thread that sleeps.
            std::thread::sleep(FRAME_EVERY.saturating_sub(began.elapsed()));
        }
        self.inbox.put(Apply::Close(self.journal.take(), None));
    }

    /// Takes a batch into the frame when it is certain to be accepted; else hands it back.
    fn gather(&mut self, batch: Batch, to: &mut Gathered) -> Option<Batch> {
        let octets = to.records.len() + batch.records.len();
        let Some(journal) = &self.journal else {
            return Some(batch);
        };
        let Job::Writes(writes) = &batch.job else {
            return Some(batch);
        };
        if batch.records.is_empty() || octets > FRAME_OCTETS || !journal.fits(octets) {
            return Some(batch);
        }
        let mut known = self.known.lock();
        if !known.proves(writes) {
            return Some(batch);
        }
        known.learn(writes);
        to.records.extend_from_slice(&batch.records);
        to.answers.push(batch.done);
        None
    }

    fn write(&mut self, gathered: Gathered) {
        let batches = gathered.answers.len();
        if batches == 0 {
            return;
        }
        let began = Instant::now();
        let written = self.append(gathered.records.into(), batches);
        metrics::histogram!("ringfence_store_commit_seconds").record(began.elapsed().as_secs_f64());
        metrics::counter!("ringfence_store_batches_total").increment(batches as u64);
        if let Err(error) = &written {
            tracing::error!(%error, batches, "rows were not written");
            metrics::counter!("ringfence_store_failed_commits_total").increment(1);
            // Some of it was learned from these batches.
            *self.known.lock() = Known::default();
        }
        let answers = Answers {
            to: gathered.answers,
            written,
        };
        if let Err(unsent) = self.relay.send(answers) {
            // The runtime that relayed is gone; who still waits waits elsewhere.
            unsent.0.give();
        }
    }

    fn append(&mut self, records: Arc<[u8]>, batches: usize) -> Result<(), StoreError> {
        let Some(journal) = &mut self.journal else {
            return Err(StoreError::Unavailable("its journal is not kept".into()));
        };
        if let Some(error) = self.progress.refusing() {
            return Err(error);
        }
        let (place, needed) = journal.room(records.len());
        self.progress.wait_durable(needed)?;
        journal
            .grow(place, records.len())
            .map_err(|error| disk_error(&error))?;
        match journal.append(place, &records) {
            Ok(sequence) => {
                if place == Place::Turned {
                    self.inbox.put(Apply::Turned);
                }
                self.inbox
                    .put(Apply::Frame(Frame { sequence, records }, batches));
                self.progress.acknowledge(sequence, batches);
                Ok(())
            }
            Err(error) => {
                self.give_up();
                Err(disk_error(&error))
            }
        }
    }

    /// After a failure nobody knows what the disk has: from now on all is written to the tables directly. The files stay
    /// where they are, locked; the tables will say that nothing in them is of use.
    fn give_up(&mut self) {
        if let Some(journal) = self.journal.take() {
            tracing::error!(
                "the journal could not be written; rows go straight to the tables until the next start"
            );
            metrics::counter!("ringfence_store_journals_given_up_total").increment(1);
            self.kept.store(false, Ordering::Release);
            self.inbox.put(Apply::GivenUp(journal.given_out()));
            // Never dropped: the lock on the files ends with the process.
            std::mem::forget(journal);
        }
    }

    fn hand_on(&self, direct: Vec<Batch>) {
        if direct.is_empty() {
            return;
        }
        if self.inbox.has_room() {
            self.inbox.put(Apply::Direct(direct));
            return;
        }
        let error = StoreError::Unavailable("too much waits to be written to it".into());
        for batch in direct {
            // An error means that the caller no longer waits.
            batch.done.send(Err(error.clone())).ok();
        }
    }

    /// Begins to keep a journal; waits a little for a program that is about to end.
    fn keep(&mut self) -> Result<(), StoreError> {
        if self.journal.is_some() {
            return Ok(());
        }
        let began = Instant::now();
        loop {
            match recover(&self.file)? {
                Recovered::Journal(mut journal, applied) => {
                    self.known.lock().begin(&self.file.open()?)?;
                    journal.begin();
                    self.progress.begin(applied);
                    self.journal = Some(journal);
                    self.kept.store(true, Ordering::Release);
                    return Ok(());
                }
                Recovered::NoTables => {
                    let why = "its tables are not there; bring them to this version first";
                    return Err(StoreError::Unavailable(why.into()));
                }
                Recovered::Locked if began.elapsed() > PATIENCE => {
                    let why = "another program keeps its journal: a second server on the same file";
                    return Err(StoreError::Unavailable(why.into()));
                }
                Recovered::Locked => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }
}

pub(crate) enum Recovered {
    /// Everything up to this frame is in the tables for good.
    Journal(Box<Journal>, u64),
    Locked,
    NoTables,
}

/// Puts what only the journal has into the tables.
pub(crate) fn recover(file: &File) -> Result<Recovered, StoreError> {
    let connection = file.open_for_frames()?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'journal'";
    let exists = connection.query_row(exists, (), |_| Ok(())).optional()?;
    if exists.is_none() {
        return Ok(Recovered::NoTables);
    }
    let identity = connection.query_row("SELECT id FROM journal", (), |row| row.get(0))?;
    let journal = Journal::open(&file.path, identity, file.journal_octets)
        .map_err(|error| disk_error(&error))?;
    let Some(mut journal) = journal else {
        return Ok(Recovered::Locked);
    };
    // Only now: who kept the journal until a moment ago has moved it on.
    let applied: i64 = connection.query_row("SELECT applied FROM journal", (), |row| row.get(0))?;
    let applied = u64::try_from(applied).unwrap_or_default();
    let frames = journal
        .unapplied(applied)
        .map_err(|error| disk_error(&error))?
        .map_err(StoreError::Journal)?;
    let last = frames.last().map(|frame| frame.sequence);
    if last.is_some() {
        let rows = carry_out(&connection, &frames, last)?;
        metrics::counter!("ringfence_store_journal_rows_recovered_total").increment(rows as u64);
        tracing::info!(
            rows,
            "brought the tables up to what was acknowledged before the last stop"
        );
    }
    Ok(Recovered::Journal(
        Box::new(journal),
        last.unwrap_or(applied),
    ))
}

fn disk_error(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => StoreError::Unavailable(format!("its journal could not be used: {error}")),
    }
}
