//! Connections that read an SQLite file, a few of them, each on a blocking thread while a statement runs.
//!
//! A driver that hands each row from its own thread to the asker's costs more than the row: the asker is woken for every one
//! of them. Here a statement's rows are turned into what was asked for on the thread that finds them.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, Statement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::StoreError;
use crate::db::{PATIENCE, STATEMENTS};
use crate::error::open_error;
use crate::row::Columns;
use crate::sqlite::{File, bind};
use crate::value::Value;

/// Connections that read at the same time.
const READERS: u32 = 8;

/// What is done with each row.
pub(crate) type EachRow = Box<dyn FnMut(&dyn Columns) -> Result<(), StoreError> + Send>;

/// How many rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HowMany {
    First,
    All,
}

/// The connections of a file that read. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    /// As many permits as there may be connections; closed when the readers are.
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens the first connection; the others are opened when they are needed.
    pub async fn open(file: File) -> Result<Self, StoreError> {
        let readers = Self(Arc::new(Shared {
            file,
            turns: Arc::new(Semaphore::new(READERS as usize)),
            idle: Mutex::default(),
        }));
        let mut loan = readers.lend().await.map_err(open_error)?;
        let each: EachRow = Box::new(|_| Ok(()));
        loan.each_row("SELECT 1", Vec::new(), HowMany::First, each)
            .await
            .map_err(open_error)?;
        drop(loan);
        Ok(readers)
    }

    /// A connection for one statement or several.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when all are at work for five seconds, or were closed.
    pub async fn lend(&self) -> Result<Loan, StoreError> {
        self.lend_within(PATIENCE).await
    }

    async fn lend_within(&self, patience: Duration) -> Result<Loan, StoreError> {
        let turn = Arc::clone(&self.0.turns).acquire_owned();
        let turn = match tokio::time::timeout(patience, turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(StoreError::Unavailable("it was closed".into())),
            Err(_) => {
                let why = format!("all {READERS} connections that read it were at work");
                return Err(StoreError::Unavailable(why));
            }
        };
        Ok(Loan(Some(Lent {
            connection: self.0.idle.lock().pop(),
            shared: Arc::clone(&self.0),
            _turn: turn,
        })))
    }

    /// Waits for statements under way, then lets go of every connection. What is asked later is refused.
    pub async fn close(&self) {
        let all = Arc::clone(&self.0.turns).acquire_many_owned(READERS).await;
        self.0.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.0.idle.lock());
        // The last connection to a file writes its log back.
        tokio::task::spawn_blocking(move || drop(idle)).await.ok();
    }
}

/// A connection, from the readers and back to them.
pub(crate) struct Loan(Option<Lent>);

struct Lent {
    /// None before it is opened.
    connection: Option<Connection>,
    shared: Arc<Shared>,
    _turn: OwnedSemaphorePermit,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // One that cannot end its transaction is closed, which ends it.
        if connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok() {
            self.shared.idle.lock().push(connection);
        }
    }
}

impl Loan {
    /// Begins a transaction; it ends with the loan.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.on_thread(|connection| Ok(connection.execute_batch("BEGIN")?))
            .await
    }

    /// Hands every row, or the first, that `sql` finds to `each`.
    pub async fn each_row(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
        how_many: HowMany,
        mut each: EachRow,
    ) -> Result<(), StoreError> {
        self.on_thread(move |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            bind(&mut statement, &args)?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                each(row)?;
                if how_many == HowMany::First {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    /// Whoever asked may stop waiting: the connection goes back when the thread is done with it.
    async fn on_thread(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let lost = || StoreError::Unavailable("the server is shutting down".into());
        let mut lent = self.0.take().ok_or_else(lost)?;
        let working = tokio::task::spawn_blocking(move || {
            let result = lent.opened().and_then(work);
            (lent, result)
        });
        match working.await {
            Ok((lent, result)) => {
                self.0 = Some(lent);
                result
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(lost()),
        }
    }
}

impl Lent {
    fn opened(&mut self) -> Result<&Connection, StoreError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            empty => Ok(empty.insert(open(&self.shared.file)?)),
        }
    }
}

fn open(file: &File) -> Result<Connection, StoreError> {
    // Whoever reads writes to the index of the log (<https://www.sqlite.org/wal.html#read_only_databases>).
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&file.path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

impl Columns for Row<'_> {
    fn name(&self, column: usize) -> String {
        let statement: &Statement<'_> = self.as_ref();
        statement
            .column_name(column)
            .map_or_else(|_| format!("#{column}"), str::to_owned)
    }

    fn uuid(&self, column: usize) -> Result<Option<Uuid>, String> {
        let octets = self.value(column)?.as_blob_or_null().map_err(words)?;
        octets.map(Uuid::from_slice).transpose().map_err(words)
    }

    fn text(&self, column: usize) -> Result<Option<String>, String> {
        let text = self.value(column)?.as_str_or_null().map_err(words)?;
        Ok(text.map(str::to_owned))
    }

    fn int(&self, column: usize) -> Result<Option<i64>, String> {
        self.value(column)?.as_i64_or_null().map_err(words)
    }

    fn flag(&self, column: usize) -> Result<Option<bool>, String> {
        Ok(self.int(column)?.map(|flag| flag != 0))
    }

    fn bytes(&self, column: usize) -> Result<Option<Vec<u8>>, String> {
        let octets = self.value(column)?.as_blob_or_null().map_err(words)?;
        Ok(octets.map(<[u8]>::to_vec))
    }
}

trait ValueOf {
    fn value(&self, column: usize) -> Result<ValueRef<'_>, String>;
}

impl ValueOf for Row<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>, String> {
        self.get_ref(column).map_err(words)
    }
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn readers() -> (tempfile::TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("readers.db");
        let made = Connection::open(&path).unwrap();
        made.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE things (n INTEGER); INSERT INTO things VALUES (1)")
            .unwrap();
        let file = File {
            path,
            max_page_count: None,
            journal_octets: 0,
        };
        let readers = Readers::open(file).await.unwrap();
        (folder, readers)
    }

    async fn count(loan: &mut Loan) -> Result<i64, StoreError> {
        let counted = Arc::new(Mutex::new(0));
        let into = Arc::clone(&counted);
        let each: EachRow = Box::new(move |row| {
            *into.lock() = row.int(0).unwrap().unwrap();
            Ok(())
        });
        let sql = "SELECT COUNT(*) FROM things";
        loan.each_row(sql, Vec::new(), HowMany::All, each).await?;
        let counted = *counted.lock();
        Ok(counted)
    }

    #[tokio::test]
    async fn a_transaction_reads_one_instant_and_ends_with_its_loan() {
        let (_folder, readers) = readers().await;
        let mut loan = readers.lend().await.unwrap();
        loan.begin().await.unwrap();
        assert_eq!(count(&mut loan).await.unwrap(), 1);
        let writer = Connection::open(&readers.0.file.path).unwrap();
        writer.execute("INSERT INTO things VALUES (2)", ()).unwrap();
        assert_eq!(count(&mut loan).await.unwrap(), 1, "as it was");
        drop(loan);
        let mut loan = readers.lend().await.unwrap();
        assert_eq!(count(&mut loan).await.unwrap(), 2, "the same connection");
    }

    #[tokio::test]
    async fn a_reader_writes_nothing() {
        let (_folder, readers) = readers().await;
        let mut loan = readers.lend().await.unwrap();
        let each: EachRow = Box::new(|_| Ok(()));
        let sql = "DELETE FROM things";
        let error = loan.each_row(sql, Vec::new(), HowMany::All, each).await;
        assert!(error.is_err());
        assert_eq!(count(&mut loan).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn whoever_finds_all_at_work_is_told_so_and_a_turn_comes_back_with_its_loan() {
        let (_folder, readers) = readers().await;
        let mut loans = Vec::new();
        for _ in 0..READERS {
            loans.push(readers.lend().await.unwrap());
        }
        let refused = readers.lend_within(Duration::ZERO).await.err().unwrap();
        assert!(refused.to_string().contains("all 8"), "{refused}");
        loans.pop();
        assert!(readers.lend().await.is_ok());
    }

    #[tokio::test]
    async fn who_stops_waiting_gives_the_connection_back() {
        let (_folder, readers) = readers().await;
        for _ in 0..3 * READERS {
            let mut loan = readers.lend().await.unwrap();
            let asking = count(&mut loan);
            let dropped = futures::poll!(Box::pin(asking));
            assert!(dropped.is_pending() || dropped.is_ready());
        }
        let mut loan = readers.lend().await.unwrap();
        assert_eq!(count(&mut loan).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn after_the_end_reading_is_refused_and_the_log_is_written_back() {
        let (folder, readers) = readers().await;
        let mut loan = readers.lend().await.unwrap();
        assert_eq!(count(&mut loan).await.unwrap(), 1);
        drop(loan);
        readers.close().await;
        let refused = readers.lend().await.err().unwrap();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
        assert!(!folder.path().join("readers.db-wal").exists());
    }
}
