//! The connection that writes to an SQLite file, and the thread that writes its log back.
//!
//! Writing goes through rusqlite on a thread of its own: a driver that hands each statement to another thread and waits
//! for it costs more than the statement, and a commit has a dozen of them. The log is written back beside the commits
//! (a checkpoint, <https://www.sqlite.org/wal.html#ckpt>), so that no caller waits for tens of megabytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Statement};

use crate::StoreError;
use crate::db::{PATIENCE, STATEMENTS};
use crate::error::open_error;
use crate::value::Value;

/// Writes after which the log is written back: a megabyte or two of it. The disk makes everything durable that it was
/// given before it answers that a frame of the journal is, so what is written back at once is what calls wait for.
const CHECKPOINT_AFTER: usize = 1024;
/// Between two of these at least: the pages that many writes share are written back once.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);
/// How long a transaction of frames waits for another program's lock before it is tried again.
const BRIEFLY: Duration = Duration::from_millis(250);
/// Pages of log after which SQLite writes it back inside a commit, should nothing else have done so: 128 MiB.
const LOG_PAGES_MAX: u32 = 32_768;

/// A database file and how it is written to.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub path: PathBuf,
    /// Pages of 4,096 octets that the file may have.
    pub max_page_count: Option<u32>,
    /// Octets that each of the journal's two files may have.
    pub journal_octets: u64,
}

impl File {
    /// Opens the file for writing; makes it when it does not exist.
    pub fn open(&self) -> Result<Connection, StoreError> {
        self.connect().map_err(open_error)
    }

    /// Opens the file for frames of the journal: not every transaction is forced to the disk, and what rows point to was
    /// made sure of before.
    pub fn open_for_frames(&self) -> Result<Connection, StoreError> {
        let connection = self.open()?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", false)?;
        // Nobody waits for them; who wants to read waits for one try.
        connection.busy_timeout(BRIEFLY)?;
        Ok(connection)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // 64 MiB of pages. What a statement would undo is kept in memory: a seventh of all time went into a temporary
        // file for it.
        connection.pragma_update(None, "cache_size", -65_536)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
        // What is deleted or shortened is written over with zeros where its page is written anyway; pages that become free
        // keep what they held (<https://www.sqlite.org/pragma.html#pragma_secure_delete>, and docs/privacy.md).
        connection.query_row("PRAGMA secure_delete = FAST", (), |_| Ok(()))?;
        if let Some(pages) = self.max_page_count {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    }
}

/// Carries out a statement; answers how many rows it changed.
///
/// To SQLite `$3` is a name, numbered by where it stands first and not by what it says
/// (<https://www.sqlite.org/lang_expr.html#varparam>).
pub(crate) fn execute(connection: &Connection, sql: &str, args: &[Value]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, args)?;
    Ok(statement.raw_execute()? as u64)
}

/// Gives a statement its arguments.
pub(crate) fn bind(statement: &mut Statement<'_>, args: &[Value]) -> rusqlite::Result<()> {
    for parameter in 1..=statement.parameter_count() {
        let name = statement.parameter_name(parameter).unwrap_or_default();
        let number: Option<usize> = name.strip_prefix('$').and_then(|text| text.parse().ok());
        let value = number
            .and_then(|number| args.get(number.checked_sub(1)?))
            .ok_or_else(|| rusqlite::Error::InvalidParameterName(name.to_owned()))?;
        statement.raw_bind_parameter(parameter, value)?;
    }
    Ok(())
}

/// Tells the thread that writes the log back when there is enough of it.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    /// None once it was stopped.
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The thread is done with most of it; what came meanwhile is left.
    rest: Arc<AtomicBool>,
    writes: usize,
    began: Option<Instant>,
}

impl Checkpoints {
    /// Starts the thread. It ends by itself when the [`Checkpoints`] are gone.
    pub fn start(file: &File) -> Result<Self, StoreError> {
        let (due, told) = sync_channel(1);
        let rest = Arc::new(AtomicBool::new(false));
        let connection = file.open()?;
        let done = Arc::clone(&rest);
        let thread = std::thread::Builder::new()
            .name("ringfence-log".into())
            .spawn(move || write_back(&connection, &told, &done))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            due: Some(due),
            thread: Some(thread),
            rest,
            writes: 0,
            began: None,
        })
    }

    /// Counts what was committed. The log begins anew only when all of it is written back and nobody writes, so the
    /// writer itself writes back the little that came while the thread was at work.
    pub fn committed(&mut self, writes: usize, connection: &Connection) {
        self.writes += writes;
        if self.rest.swap(false, Ordering::AcqRel) {
            checkpoint(connection);
        }
        let rested = self
            .began
            .is_none_or(|began| began.elapsed() >= CHECKPOINT_EVERY);
        if self.writes >= CHECKPOINT_AFTER && rested {
            (self.writes, self.began) = (0, Some(Instant::now()));
            // Full: the thread is at it.
            self.due.as_ref().map(|due| due.try_send(()));
        }
    }

    /// Ends the thread and waits until its connection is closed, on whose account SQLite would leave its log behind
    /// else: whoever closes last writes it back and takes it away.
    pub fn stop(&mut self) {
        self.due = None;
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread that writes the database's log back had panicked");
        }
    }
}

fn write_back(connection: &Connection, due: &Receiver<()>, done: &AtomicBool) {
    while due.recv().is_ok() {
        checkpoint(connection);
        done.store(true, Ordering::Release);
    }
}

/// Writes back what no reader needs in the log any more, without waiting for anybody.
fn checkpoint(connection: &Connection) {
    let result = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
    if let Err(error) = result {
        metrics::counter!("ringfence_store_failed_checkpoints_total").increment(1);
        tracing::warn!(%error, "the database's log was not written back; it is tried again later");
    }
}
