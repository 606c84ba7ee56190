//! The thread that writes to an SQLite file: frames of the journal, many in one transaction, and what is written directly.
//!
//! A transaction of frames says in the same breath which frame it ended with, so each is carried out once, whatever
//! happens. It is not forced to the disk, for the journal is; before a file of the journal may be written over, one that
//! is forced makes sure of all before it. Nothing but writing is done here, and what comes is carried out in its order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::StoreError;
use crate::call_sums::add_changes_to_sqlite;
use crate::commit::{Batch, Source, commit};
use crate::db::PATIENCE;
use crate::journal::{Frame, Journal};
use crate::known::Known;
use crate::progress::Progress;
use crate::record::{Statements, described, records};
use crate::sqlite::File;

/// How long frames are gathered while nobody waits for them: ten times as long as it took to apply the last ones, and
/// this at least. Rows that come one after the other share pages, and a page is written to the log once a transaction.
const GATHER_AT_LEAST: Duration = Duration::from_millis(100);
/// And this at most.
const GATHER_AT_MOST: Duration = Duration::from_millis(200);
/// Octets of records that are applied without further waiting: some thousands of leases.
const MUCH: usize = 2 << 20;
/// Between two tries to write while that is not possible.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Batches that may wait to be written directly.
const DIRECT: usize = 4096;

/// What the thread is told.
pub(crate) enum Apply {
    /// A frame that is durable.
    Frame(Frame, usize),
    /// A file of the journal is full: what it has must be in the tables for good.
    Turned,
    /// The journal is given up; the tables have, or will never have, what it was given up to this frame.
    GivenUp(u64),
    /// Batches that the database itself has to judge.
    Direct(Vec<Batch>),
    /// Somebody wants to read.
    Hurry,
    /// Nothing more comes. The journal's files are taken away when the tables have all of them.
    Close(Option<Box<Journal>>, Option<oneshot::Sender<()>>),
}

/// Where the thread finds what it is told.
#[derive(Default)]
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    arrived: Condvar,
}

#[derive(Default)]
struct Letters {
    waiting: Vec<Apply>,
    octets: usize,
    direct: usize,
    urgent: bool,
}

impl Inbox {
    pub fn put(&self, letter: Apply) {
        let mut letters = self.letters.lock();
        match &letter {
            Apply::Frame(frame, _) => {
                letters.octets += frame.records.len();
                letters.urgent |= letters.octets >= MUCH;
            }
            Apply::Direct(batches) => {
                letters.direct += batches.len();
                letters.urgent = true;
            }
            Apply::Turned | Apply::GivenUp(_) | Apply::Hurry | Apply::Close(..) => {
                letters.urgent = true;
            }
        }
        letters.waiting.push(letter);
        if letters.urgent || letters.waiting.len() == 1 {
            self.arrived.notify_one();
        }
    }

    /// Whether more may be written directly.
    pub fn has_room(&self) -> bool {
        self.letters.lock().direct < DIRECT
    }

    /// Waits for letters, `patience` at most, and then a little for more of them.
    fn take(&self, patience: Option<Duration>, gather: Duration) -> Vec<Apply> {
        let mut letters = self.letters.lock();
        match patience {
            None => self
                .arrived
                .wait_while(&mut letters, |letters| letters.waiting.is_empty()),
            Some(patience) => {
                let empty = |letters: &mut Letters| letters.waiting.is_empty();
                self.arrived.wait_while_for(&mut letters, empty, patience);
            }
        }
        if !letters.waiting.is_empty() {
            let calm = |letters: &mut Letters| !letters.urgent;
            self.arrived.wait_while_for(&mut letters, calm, gather);
        }
        std::mem::take(&mut *letters).waiting
    }
}

pub(crate) struct Applier {
    file: File,
    source: Source,
    /// Writes frames; made when the first one comes.
    bulk: Option<Connection>,
    inbox: Arc<Inbox>,
    progress: Arc<Progress>,
    known: Arc<Mutex<Known>>,
    /// With the number of batches in each.
    frames: VecDeque<(Frame, usize)>,
    direct: Vec<Batch>,
    behind_since: Option<Instant>,
    /// No frame up to this one is of use any more.
    given_up: Option<u64>,
    /// The next transaction is forced to the disk.
    forced: bool,
    gather: Duration,
}

impl Applier {
    pub fn new(
        file: File,
        source: Source,
        inbox: Arc<Inbox>,
        progress: Arc<Progress>,
        known: Arc<Mutex<Known>>,
    ) -> Self {
        Self {
            file,
            source,
            bulk: None,
            inbox,
            progress,
            known,
            frames: VecDeque::new(),
            direct: Vec::new(),
            behind_since: None,
            given_up: None,
            forced: false,
            gather: Duration::ZERO,
        }
    }

    pub fn run(mut self) {
        loop {
            let patience = self.is_behind().then_some(RETRY_AFTER);
            let mut closing = None;
            for letter in self.inbox.take(patience, self.gather) {
                match letter {
                    Apply::Frame(frame, batches) => self.frames.push_back((frame, batches)),
                    Apply::Turned => self.forced = true,
                    Apply::GivenUp(frame) => {
                        self.given_up = Some(frame);
                        self.forced = true;
                    }
                    Apply::Direct(batches) => self.direct.extend(batches),
                    Apply::Hurry => {}
                    Apply::Close(journal, done) => closing = Some((journal, done)),
                }
            }
            self.forced |= matches!(closing, Some((Some(_), _)));
            let behind = self.catch_up().err();
            self.write_directly(behind.as_ref(), closing.is_some());
            if let Some((journal, done)) = closing {
                self.close(journal.filter(|_| behind.is_none()), done);
                return;
            }
        }
    }

    fn is_behind(&self) -> bool {
        !self.frames.is_empty() || self.forced
    }

    /// Applies everything that waits; what cannot be applied waits on.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let mut together = usize::MAX;
        while self.is_behind() {
            let Err(error) = self.apply(together) else {
                continue;
            };
            // It may be in the middle of something.
            self.bulk = None;
            if !matches!(error, StoreError::Unavailable(_)) && together > 1 {
                // As far as there is room, say.
                together = 1;
                continue;
            }
            metrics::counter!("ringfence_store_failed_commits_total").increment(1);
            tracing::error!(%error, frames = self.frames.len(), "acknowledged rows wait in the journal");
            self.behind_since.get_or_insert_with(Instant::now);
            self.progress.failing(error.clone());
            return Err(error);
        }
        self.behind_since = None;
        Ok(())
    }

    /// Applies the first frames, as many as `together`.
    fn apply(&mut self, together: usize) -> Result<(), StoreError> {
        let began = Instant::now();
        let connection = match self.bulk.take() {
            Some(connection) => connection,
            None => self.file.open_for_frames()?,
        };
        let count = self.frames.len().min(together);
        let (forced, all) = (self.forced, count == self.frames.len());
        let last = match self.frames.get(count.wrapping_sub(1)) {
            _ if all && self.given_up.is_some() => self.given_up,
            last => last.map(|(frame, _)| frame.sequence),
        };
        if forced {
            connection.pragma_update(None, "synchronous", "FULL")?;
        }
        let frames = self.frames.iter().take(count).map(|(frame, _)| frame);
        let rows = carry_out(&connection, frames, last)?;
        if forced {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
        }
        self.bulk = Some(connection);
        let batches = self.frames.drain(..count).map(|(_, batches)| batches).sum();
        if all {
            (self.forced, self.given_up) = (false, None);
        }
        let last = last.unwrap_or_else(|| self.progress.has_applied());
        self.progress.applied(last, batches, forced);
        let took = began.elapsed();
        metrics::histogram!("ringfence_store_apply_seconds").record(took.as_secs_f64());
        self.gather = (took * 10).clamp(GATHER_AT_LEAST, GATHER_AT_MOST);
        self.source.written(rows);
        Ok(())
    }

    /// Writes what has to be judged by the database. It waits for what came before it, but not for ever.
    fn write_directly(&mut self, behind: Option<&StoreError>, closing: bool) {
        if self.direct.is_empty() {
            return;
        }
        let Some(error) = behind else {
            let known = Arc::clone(&self.known);
            let batches = std::mem::take(&mut self.direct);
            block_on(commit(&mut self.source, batches, |writes| {
                known.lock().learn(writes);
            }));
            return;
        };
        let patient = self
            .behind_since
            .is_some_and(|since| since.elapsed() < PATIENCE);
        if patient && !closing && matches!(error, StoreError::Unavailable(_)) {
            return;
        }
        for batch in self.direct.drain(..) {
            // An error means that the caller no longer waits.
            batch.done.send(Err(error.clone())).ok();
        }
    }

    fn close(mut self, journal: Option<Box<Journal>>, done: Option<oneshot::Sender<()>>) {
        self.bulk = None;
        block_on(self.source.close());
        if let Some(journal) = journal
            && let Err(error) = journal.remove()
        {
            tracing::warn!(%error, "the journal's files were left behind; the next start takes them away");
        }
        if let Some(done) = done {
            // An error means that nobody waits for the answer.
            done.send(()).ok();
        }
    }
}

/// Carries out frames and remembers the last one, all in one transaction. Answers how many records there were.
pub(crate) fn carry_out<'f>(
    connection: &Connection,
    frames: impl IntoIterator<Item = &'f Frame>,
    last: Option<u64>,
) -> Result<usize, StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let carried_out = carry_out_all(connection, frames, last).and_then(|rows| {
        connection.execute_batch("COMMIT")?;
        Ok(rows)
    });
    if carried_out.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    carried_out
}

fn carry_out_all<'f>(
    connection: &Connection,
    frames: impl IntoIterator<Item = &'f Frame>,
    last: Option<u64>,
) -> Result<usize, StoreError> {
    let mut statements = Statements::of(connection);
    let mut rows = 0;
    for frame in frames {
        for record in records(&frame.records) {
            let record = record?;
            if statements.carry_out(&record)? == 0 && record.is_change() {
                metrics::counter!("ringfence_store_changes_of_no_row_total").increment(1);
                tracing::error!(
                    record = described(&record),
                    "a row that was changed is not there"
                );
            }
            rows += 1;
        }
    }
    add_changes_to_sqlite(connection)?;
    // Also when it is the same: a transaction that writes nothing is not forced to the disk.
    let sql = "UPDATE journal SET applied = COALESCE(?1, applied)";
    let last = last.map(|last| i64::try_from(last).unwrap_or(i64::MAX));
    connection.prepare_cached(sql)?.execute([last])?;
    Ok(rows)
}
