//! The two engines behind one handle.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::StoreError;
use crate::ahead::{Recovered, recover};
use crate::commit::{Statement, Writer};
use crate::error::open_error;
use crate::journal::{self, FILE_OCTETS};
use crate::migrations;
use crate::row::{Read, Reader};
use crate::sqlite::File;
use crate::sqlite_readers::{EachRow, HowMany, Loan, Readers};
use crate::value::{Value, postgres_query};

/// How long a connection waits for another program's lock, and a caller for a connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Connections that read a server at the same time.
const READERS: u32 = 8;
/// Prepared statements that a connection keeps.
pub(crate) const STATEMENTS: usize = 256;

/// A database; clones share its connections and its writer.
#[derive(Debug, Clone)]
pub enum Db {
    /// A file on this machine.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

/// The embedded engine: one connection writes, the others only read.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// Boxed, for they are many and rarely looked at.
    pub(crate) options: Box<SqliteConnectOptions>,
    file: File,
    readers: Readers,
    writer: Writer,
}

/// The server engine.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub(crate) readers: PgPool,
    writer: Writer,
}

impl Db {
    /// Opens `sqlite:PATH` (made when it does not exist) or `postgres://…`. Tables are made by [`Db::migrate`].
    ///
    /// `sqlite:PATH?journal_octets=N` keeps each of the journal's two files below `N` octets, 32 MiB otherwise.
    /// `sqlite:PATH?max_page_count=N` keeps the file from growing beyond `N` pages of 4,096 octets: what does not fit is
    /// refused as [`StoreError::DiskFull`] before the disk is.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], or [`StoreError::Unavailable`] when nothing answers there.
    pub fn open(url: &str) -> BoxFuture<'_, Result<Self, StoreError>> {
        Box::pin(async move {
            let bad_url = || StoreError::BadUrl(without_password(url));
            match url.split_once(':') {
                Some(("sqlite", path)) if !path.is_empty() && !path.contains(":memory:") => {
                    let (url, limits) = Limits::taken_from(url).ok_or_else(bad_url)?;
                    let options = SqliteConnectOptions::from_str(&url).map_err(|_| bad_url())?;
                    open_sqlite(options, limits).await
                }
                Some(("postgres" | "postgresql", _)) => {
                    let options = PgConnectOptions::from_str(url).map_err(|_| bad_url())?;
                    open_postgres(options).await
                }
                _ => Err(bad_url()),
            }
        })
    }

    /// Brings the tables to this version; does nothing when they are.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when a migration fails or the tables are of a newer version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrations::run(self).await
    }

    /// A number (CRC-32) that changes with each migration, and with nothing else: what [`Db::migrate`] has made of an
    /// empty database may be kept under it and copied.
    pub fn tables_checksum() -> u32 {
        migrations::checksum()
    }

    /// Keeps a journal in front of an SQLite file from now on: visits, leases and calls are durable, and acknowledged,
    /// when they are in the journal, and reach the tables soon after. For the one program that serves; others may read
    /// and write beside it. Does nothing for PostgreSQL. The tables have to be [there](Self::migrate).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when another program keeps the file's journal, [`StoreError::Journal`] when the
    /// journal is not that of these tables.
    pub async fn keep_journal(&self) -> Result<(), StoreError> {
        self.writer().keep_journal().await
    }

    /// Batches that were acknowledged and did not reach the tables yet.
    pub fn behind(&self) -> u64 {
        self.writer().behind()
    }

    /// Asks the database whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.row("SELECT 1", Vec::new(), |_| Ok(())).await.map(drop)
    }

    /// Writes what was handed in before, then lets go of every connection. Later calls fail as unavailable.
    pub async fn close(&self) {
        self.writer().close().await;
        match self {
            Self::Sqlite(sqlite) => sqlite.readers.close().await,
            Self::Postgres(postgres) => postgres.readers.close().await,
        }
    }

    /// `SQLite` or `PostgreSQL`.
    pub fn engine_name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Every row that `sql` finds.
    pub(crate) async fn rows<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        read: Read<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (each, rows) = collected(read);
        self.find(sql, args, HowMany::All, each).await?;
        Ok(rows())
    }

    /// The first row that `sql` finds.
    pub(crate) async fn row<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        read: Read<T>,
    ) -> Result<Option<T>, StoreError> {
        let (each, rows) = collected(read);
        self.find(sql, args, HowMany::First, each).await?;
        Ok(rows().pop())
    }

    /// Hands the first row, or all, to `each`. Boxed, like [`settled`](Self::settled): what an `async fn` does is compiled
    /// where it is awaited, so that the engines' code would be compiled again for every kind of row and by every crate.
    fn find(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        how_many: HowMany,
        mut each: EachRow,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self {
                Self::Sqlite(sqlite) => {
                    let mut loan = sqlite.readers.lend().await?;
                    loan.each_row(sql, args, how_many, each).await
                }
                Self::Postgres(postgres) => {
                    let query = postgres_query(sql, args);
                    let rows = if how_many == HowMany::First {
                        let row = query.fetch_optional(&postgres.readers).await?;
                        row.into_iter().collect()
                    } else {
                        query.fetch_all(&postgres.readers).await?
                    };
                    rows.iter().try_for_each(|row| each(row))
                }
            }
        })
    }

    /// [`rows`](Self::rows) of tables that [`Db::write`] writes: what was acknowledged before is among them.
    pub(crate) async fn written_rows<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        read: Read<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.settled().await?;
        self.rows(sql, args, read).await
    }

    /// [`row`](Self::row) of tables that [`Db::write`] writes: what was acknowledged before counts.
    pub(crate) async fn written_row<T: Send + 'static>(
        &self,
        sql: &'static str,
        args: Vec<Value>,
        read: Read<T>,
    ) -> Result<Option<T>, StoreError> {
        self.settled().await?;
        self.row(sql, args, read).await
    }

    /// What was acknowledged before, as it is now: what is read of it is of one instant, whatever is written meanwhile.
    pub(crate) fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(async move {
            self.settled().await?;
            Ok(match self {
                Self::Sqlite(sqlite) => {
                    let mut loan = sqlite.readers.lend().await?;
                    loan.begin().await?;
                    Snapshot::Sqlite(loan)
                }
                Self::Postgres(postgres) => {
                    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                    Snapshot::Postgres(postgres.readers.begin_with(begin).await?)
                }
            })
        })
    }

    /// Waits until readers see what was acknowledged before, by whichever program.
    fn settled(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self {
                Self::Sqlite(sqlite) if !sqlite.writer.keeps_journal() => sqlite.settled().await,
                _ => {
                    self.writer().settled().await;
                    Ok(())
                }
            }
        })
    }

    /// Carries out all of `statements` or none, durably; answers how many rows each changed.
    pub(crate) async fn run(&self, statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        self.writer().statements(statements).await
    }

    /// Carries out one statement, durably; answers how many rows it changed.
    pub(crate) async fn run_one(
        &self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        let changed = self.run(vec![Statement::new(sql, args)]).await?;
        Ok(changed.into_iter().sum())
    }

    pub(crate) fn writer_mut(&mut self) -> &mut Writer {
        match self {
            Self::Sqlite(sqlite) => &mut sqlite.writer,
            Self::Postgres(postgres) => &mut postgres.writer,
        }
    }

    pub(crate) fn writer(&self) -> &Writer {
        match self {
            Self::Sqlite(sqlite) => &sqlite.writer,
            Self::Postgres(postgres) => &postgres.writer,
        }
    }
}

/// A transaction that only reads.
pub(crate) enum Snapshot {
    Sqlite(Loan),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Snapshot {
    /// Every row that `sql` finds.
    pub async fn rows<T: Send + 'static>(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
        read: Read<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (each, rows) = collected(read);
        self.find(sql, args, each).await?;
        Ok(rows())
    }

    fn find(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
        mut each: EachRow,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self {
                Self::Sqlite(open) => open.each_row(sql, args, HowMany::All, each).await,
                Self::Postgres(open) => {
                    let rows = postgres_query(sql, args).fetch_all(&mut **open).await?;
                    rows.iter().try_for_each(|row| each(row))
                }
            }
        })
    }
}

/// What reads each row, and what answers with all that were read.
fn collected<T: Send + 'static>(read: Read<T>) -> (EachRow, impl FnOnce() -> Vec<T>) {
    let rows = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&rows);
    let each: EachRow = Box::new(move |row| {
        into.lock().push(read(&mut Reader::new(row))?);
        Ok(())
    });
    (each, move || std::mem::take(&mut *rows.lock()))
}

/// What a file may take, as its URL's query says.
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_page_count: Option<u32>,
    journal_octets: u64,
}

impl Limits {
    /// The URL without what is ours; `None` when that is no number.
    fn taken_from(url: &str) -> Option<(String, Self)> {
        let mut limits = Self {
            max_page_count: None,
            journal_octets: FILE_OCTETS,
        };
        let (file, query) = url.split_once('?').unwrap_or((url, ""));
        let mut others = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("max_page_count", pages)) => {
                    limits.max_page_count = Some(pages.parse().ok()?);
                }
                Some(("journal_octets", octets)) => limits.journal_octets = octets.parse().ok()?,
                _ => others.push(part),
            }
        }
        let url = match others.as_slice() {
            [] => file.to_owned(),
            others => format!("{file}?{}", others.join("&")),
        };
        Some((url, limits))
    }
}

async fn open_sqlite(options: SqliteConnectOptions, limits: Limits) -> Result<Db, StoreError> {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    // First, for it makes the file.
    let file = File {
        path: options.get_filename().to_owned(),
        max_page_count: limits.max_page_count,
        journal_octets: limits.journal_octets,
    };
    let writer = Writer::to_sqlite(file.clone())?;
    let readers = Readers::open(file.clone()).await?;
    Ok(Db::Sqlite(Sqlite {
        options: Box::new(options),
        file,
        readers,
        writer,
    }))
}

/// Between two looks at how far another program has come.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Sqlite {
    /// Another program may keep the file's journal, or may have been killed while it did.
    async fn settled(&self) -> Result<(), StoreError> {
        if !journal::paths(&self.file.path)[0].exists() {
            return Ok(());
        }
        let (identity, applied) = self.applied().await?;
        let written = journal::last_written(&self.file.path, identity)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if applied >= written {
            return Ok(());
        }
        let file = self.file.clone();
        let recovered = tokio::task::spawn_blocking(move || recover(&file)).await;
        match recovered.map_err(|error| StoreError::Unavailable(error.to_string()))?? {
            Recovered::Journal(..) | Recovered::NoTables => Ok(()),
            Recovered::Locked => {
                let began = Instant::now();
                while self.applied().await?.1 < written && began.elapsed() < PATIENCE {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Ok(())
            }
        }
    }

    async fn applied(&self) -> Result<([u8; 16], u64), StoreError> {
        let (each, rows) = collected(read_applied);
        let mut loan = self.readers.lend().await?;
        let sql = "SELECT id, applied FROM journal";
        loan.each_row(sql, Vec::new(), HowMany::First, each).await?;
        rows()
            .pop()
            .ok_or_else(|| StoreError::Journal("its tables say nothing of one".into()))
    }
}

fn read_applied(row: &mut Reader<'_>) -> Result<([u8; 16], u64), StoreError> {
    let identity = row.bytes()?.try_into().unwrap_or_default();
    let applied = u64::try_from(row.int()?).unwrap_or_default();
    Ok((identity, applied))
}

async fn open_postgres(options: PgConnectOptions) -> Result<Db, StoreError> {
    let options = options
        .application_name("ringfence")
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    let writer = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .connect_with(options.clone())
        .await
        .map_err(open_error)?;
    let readers = PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(open_error)?;
    Ok(Db::Postgres(Postgres {
        readers,
        writer: Writer::to_postgres(writer),
    }))
}

/// For messages: a URL's `user:password@` keeps its user only.
fn without_password(url: &str) -> String {
    let shown = match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = &url[scheme + 3..at];
            let user = user.split(':').next().unwrap_or("");
            format!("{}://{user}{}", &url[..scheme], &url[at..])
        }
        _ => url.to_owned(),
    };
    shown.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_no_engine_is_refused_without_its_password() {
        for url in [
            "",
            "mysql://u:secret@h/d",
            "sqlite:",
            "sqlite::memory:",
            "ringfence.db",
        ] {
            let error = Db::open(url).await.unwrap_err();
            assert!(matches!(error, StoreError::BadUrl(_)), "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
