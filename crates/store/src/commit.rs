//! Group commit: one task writes, and while it waits for the disk the next group gathers.
//!
//! A group is first tried as one transaction with as few statements as it takes. When a row of it cannot be written,
//! the group is tried again, still in one transaction but batch by batch behind savepoints, so that a bad batch fails
//! alone and costs the others one more transaction, not one each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ringfence_model::{AuditEntry, E164};
use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use tokio::sync::{mpsc, oneshot};

use crate::ahead::Ahead;
use crate::audit;
use crate::bulk::Rows;
use crate::call_sums;
use crate::marks::Mark;
use crate::record;
use crate::sqlite::{self, Checkpoints, File};
use crate::value::{Value, postgres_query};
use crate::{StoreError, Write};

/// Batches that wait for the writer before [`crate::Db::write`] itself waits.
pub(crate) const QUEUE: usize = 4096;
/// Batches that share a transaction at most.
pub(crate) const GROUP: usize = 1024;

/// After so many batches, PostgreSQL is made to look at its tables, see [`WriterPool::look_at_new_tables`].
const LOOKS: [usize; 3] = [200, 4000, 60_000];
const NEW_TABLES: &str = "SELECT COUNT(*) FROM pg_class \
    WHERE oid IN ('visits'::regclass, 'calls'::regclass) AND reltuples < 10000";
const LOOK: &str = "ANALYZE visits, leases, calls, legs, call_events, recordings";

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct Statement {
    sql: &'static str,
    args: Vec<Value>,
    number: Option<E164>,
    decides: bool,
    if_changed: bool,
    /// It changes nothing that anybody asked for.
    is_aside: bool,
}

impl Statement {
    pub fn new(sql: &'static str, args: Vec<Value>) -> Self {
        Self {
            sql,
            args,
            number: None,
            decides: false,
            if_changed: false,
            is_aside: false,
        }
    }

    /// When this statement changes no row, those of its batch that follow are left out, and count as changing none.
    pub fn decides(mut self) -> Self {
        self.decides = true;
        self
    }

    /// Left out when the statements before it in its batch changed nothing.
    pub fn if_changed(mut self) -> Self {
        self.if_changed = true;
        self
    }

    /// What it changes counts for none of the statements after it.
    pub fn aside(mut self) -> Self {
        self.is_aside = true;
        self
    }

    /// Names the tracking number that this statement writes, for [`StoreError::NumberTaken`].
    pub fn concerning(mut self, number: &E164) -> Self {
        self.number = Some(number.clone());
        self
    }

    async fn execute(&self, connection: &mut Connection) -> Result<u64, StoreError> {
        let done = connection.execute(self.sql, self.args.clone()).await;
        match (done, &self.number) {
            (Err(StoreError::Taken(what)), Some(number)) if what == "tracking_numbers.e164" => {
                Err(StoreError::NumberTaken(number.clone()))
            }
            (done, _) => done,
        }
    }
}

/// Hands batches to the task that writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
    /// What stands in front of SQLite; PostgreSQL has nothing in front.
    ahead: Option<Ahead>,
    /// What is written down with the statements of this handle.
    entries: Arc<[AuditEntry]>,
    /// What has to be as it was read for the statements of this handle.
    unmarked: Option<Mark>,
    /// Whether PostgreSQL is asked that no number has two live leases, see [`lease_guard`](crate::lease_guard).
    guards_leases: Arc<AtomicBool>,
}

pub(crate) enum Request {
    Batch(Batch),
    KeepJournal(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

pub(crate) struct Batch {
    pub job: Job,
    /// The same for the journal; empty when it has no place there.
    pub records: Vec<u8>,
    /// How many rows each statement changed.
    pub done: oneshot::Sender<Outcome>,
}

pub(crate) enum Job {
    Writes(Vec<Write>),
    Statements(Vec<Statement>),
}

impl Writer {
    /// Starts the threads that write to an SQLite file. They end by themselves when every [`Writer`] is gone.
    pub fn to_sqlite(file: File) -> Result<Self, StoreError> {
        let (queue, ahead) = Ahead::start(file)?;
        Ok(Self {
            queue,
            ahead: Some(ahead),
            entries: Arc::default(),
            unmarked: None,
            guards_leases: Arc::default(),
        })
    }

    /// Starts the task that writes to PostgreSQL. It ends by itself when every [`Writer`] is gone.
    pub fn to_postgres(pool: PgPool) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE);
        let guards_leases = Arc::new(AtomicBool::new(false));
        let source = Source::Postgres(pool, Arc::clone(&guards_leases));
        tokio::spawn(work(source, requests));
        Self {
            queue,
            ahead: None,
            entries: Arc::default(),
            unmarked: None,
            guards_leases,
        }
    }

    /// Has PostgreSQL asked from now on that no number has two live leases.
    pub fn guard_leases(&self) {
        self.guards_leases.store(true, Ordering::Relaxed);
    }

    pub async fn writes(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.submit(Job::Writes(writes)).await.map(drop)
    }

    /// Has entries of the audit log written with each batch of statements from now on, if they change anything.
    pub fn record(&mut self, entries: Vec<AuditEntry>) {
        self.entries = entries.into();
    }

    /// Has each batch of statements from now on carried out only when this was not changed since.
    pub fn unless_changed(&mut self, mark: Mark) {
        self.unmarked = Some(mark);
    }

    /// Answers how many rows each statement changed; the entries that are written with them are not among them.
    pub async fn statements(&self, mut statements: Vec<Statement>) -> Result<Vec<u64>, StoreError> {
        let asked = statements.len();
        statements.extend(self.entries.iter().flat_map(audit::statements));
        let Some(mark) = &self.unmarked else {
            let mut changed = self.submit(Job::Statements(statements)).await?;
            changed.truncate(asked);
            return Ok(changed);
        };
        statements.insert(0, mark.statement());
        let mut changed = self.submit(Job::Statements(statements)).await?;
        if changed.first() == Some(&0) {
            return Err(StoreError::Overtaken);
        }
        changed.remove(0);
        changed.truncate(asked);
        Ok(changed)
    }

    /// Has a journal kept from now on, where there is one.
    pub async fn keep_journal(&self) -> Result<(), StoreError> {
        let (done, kept) = oneshot::channel();
        self.queue
            .send(Request::KeepJournal(done))
            .await
            .map_err(|_| closed())?;
        kept.await.map_err(|_| closed())?
    }

    /// This program keeps a journal.
    pub fn keeps_journal(&self) -> bool {
        self.ahead.as_ref().is_some_and(Ahead::is_kept)
    }

    /// Waits until readers see what was acknowledged before.
    pub async fn settled(&self) {
        if let Some(ahead) = &self.ahead {
            ahead.settled().await;
        }
    }

    /// Batches that were acknowledged and that readers do not see yet.
    pub fn behind(&self) -> u64 {
        self.ahead.as_ref().map_or(0, Ahead::behind)
    }

    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Request::Close(done)).await.is_ok() {
            // An error means that the task is gone already.
            closed.await.ok();
        }
    }

    async fn submit(&self, job: Job) -> Outcome {
        let records = match &job {
            Job::Writes(writes) if self.keeps_journal() => record::encode(writes)?,
            _ => Vec::new(),
        };
        let (done, result) = oneshot::channel();
        self.queue
            .send(Request::Batch(Batch { job, records, done }))
            .await
            .map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it was closed".to_owned())
}

async fn work(mut source: Source, mut requests: mpsc::Receiver<Request>) {
    let mut waiting = Vec::with_capacity(GROUP);
    let mut written = 0;
    while requests.recv_many(&mut waiting, GROUP).await > 0 {
        let mut batches = Vec::with_capacity(waiting.len());
        let mut closing = None;
        for request in waiting.drain(..) {
            match request {
                Request::Batch(batch) => batches.push(batch),
                // PostgreSQL keeps its own.
                Request::KeepJournal(done) => done.send(Ok(())).unwrap_or_default(),
                Request::Close(done) => closing = Some(done),
            }
        }
        if !batches.is_empty() {
            let before = written;
            written += batches.len();
            commit(&mut source, batches, |_| {}).await;
            if LOOKS.iter().any(|look| (before..written).contains(look)) {
                source.look_at_new_tables().await;
            }
        }
        if let Some(done) = closing {
            source.close().await;
            // An error means that nobody waits for the answer.
            done.send(()).ok();
            return;
        }
    }
}

/// Writes a group and answers each of its batches, after `learn` was told what went well.
pub(crate) async fn commit(
    source: &mut Source,
    batches: Vec<Batch>,
    mut learn: impl FnMut(&[Write]),
) {
    let began = Instant::now();
    let (jobs, answers): (Vec<_>, Vec<_>) = batches
        .into_iter()
        .map(|batch| (batch.job, batch.done))
        .unzip();
    let results = match source.acquire().await {
        Ok(mut connection) => {
            let results = connection.group(&jobs).await;
            source.release(connection);
            results
        }
        Err(error) => Err(error),
    };
    metrics::histogram!("ringfence_store_commit_seconds").record(began.elapsed().as_secs_f64());
    metrics::counter!("ringfence_store_batches_total").increment(jobs.len() as u64);
    let results = results.unwrap_or_else(|error| {
        tracing::error!(%error, batches = jobs.len(), "rows were not written");
        metrics::counter!("ringfence_store_failed_commits_total").increment(1);
        vec![Err(error); jobs.len()]
    });
    for ((job, answer), result) in jobs.iter().zip(answers).zip(results) {
        if let (Job::Writes(writes), Ok(_)) = (job, &result) {
            learn(writes);
        }
        // An error means that the caller no longer waits.
        answer.send(result).ok();
    }
    source.written(jobs.iter().map(Job::len).sum());
}

impl Job {
    /// Nobody knows of statements.
    fn may_change_calls(&self) -> bool {
        match self {
            Self::Writes(writes) => writes.iter().any(|write| {
                matches!(
                    write,
                    Write::CallBegun(_) | Write::CallAnswered { .. } | Write::CallEnded { .. }
                )
            }),
            Self::Statements(_) => true,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Writes(writes) => writes.len(),
            Self::Statements(statements) => statements.len(),
        }
    }
}

/// Where the connection that writes comes from.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each open database"
)]
pub(crate) enum Source {
    Sqlite {
        file: File,
        /// None while it is in use, and after it failed in a way that it cannot come back from.
        connection: Option<rusqlite::Connection>,
        checkpoints: Checkpoints,
    },
    Postgres(PgPool, Arc<AtomicBool>),
}

impl Source {
    async fn acquire(&mut self) -> Result<Connection, StoreError> {
        Ok(match self {
            Self::Sqlite {
                file, connection, ..
            } => Connection::Sqlite(match connection.take() {
                Some(connection) => connection,
                None => file.open()?,
            }),
            Self::Postgres(pool, guards_leases) => {
                Connection::Postgres(pool.acquire().await?, guards_leases.load(Ordering::Relaxed))
            }
        })
    }

    fn release(&mut self, used: Connection) {
        if let (Self::Sqlite { connection, .. }, Connection::Sqlite(used)) = (self, used) {
            // One that is still inside a transaction could not roll back: begin afresh.
            *connection = used.is_autocommit().then_some(used);
        }
    }

    pub fn written(&mut self, writes: usize) {
        if let Self::Sqlite {
            connection: Some(connection),
            checkpoints,
            ..
        } = self
        {
            checkpoints.committed(writes, connection);
        }
    }

    pub async fn close(&mut self) {
        match self {
            Self::Sqlite {
                connection,
                checkpoints,
                ..
            } => {
                *connection = None;
                checkpoints.stop();
            }
            Self::Postgres(pool, _) => pool.close().await,
        }
    }

    /// PostgreSQL knows nothing of a new table until its daemon has come by, a minute later perhaps. Until then it looks
    /// a row's key up by any index that begins with `account`, which is all rows of it: the first minute of a new
    /// database was ten times slower than the next. SQLite knows better without looking.
    async fn look_at_new_tables(&mut self) {
        let Self::Postgres(pool, _) = self else {
            return;
        };
        let pool = &*pool;
        let looked = async {
            let new: i64 = sqlx::query_scalar(NEW_TABLES).fetch_one(pool).await?;
            if new > 0 {
                sqlx::query(LOOK).execute(pool).await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "PostgreSQL did not look at its new tables; it will by itself");
        }
    }
}

/// What a batch is answered.
pub(crate) type Outcome = Result<Vec<u64>, StoreError>;

pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    /// And whether it is asked that no number has two live leases.
    Postgres(PoolConnection<sqlx::Postgres>, bool),
}

impl Connection {
    pub async fn execute(
        &mut self,
        sql: &'static str,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(connection) => sqlite::execute(connection, sql, &args)?,
            Self::Postgres(connection, _) => postgres_query(sql, args)
                .execute(&mut **connection)
                .await?
                .rows_affected(),
        })
    }

    /// One outcome per job, or the error that all of them share.
    async fn group(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        match self.together(jobs).await {
            Ok(changed) => Ok(changed.into_iter().map(Ok).collect()),
            Err(error) if error.is_passing() => Err(error),
            Err(error) if jobs.len() == 1 => Ok(vec![Err(error)]),
            Err(_) => self.one_by_one(jobs).await,
        }
    }

    /// All jobs as one.
    async fn together(&mut self, jobs: &[Job]) -> Result<Vec<Vec<u64>>, StoreError> {
        self.begin().await?;
        let changed = self.apply(jobs).await;
        self.finish(changed).await
    }

    /// Each job behind a savepoint of its own.
    async fn one_by_one(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        self.begin().await?;
        let outcomes = self.apply_one_by_one(jobs).await;
        self.finish(outcomes).await
    }

    async fn apply_one_by_one(&mut self, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            self.execute("SAVEPOINT batch", Vec::new()).await?;
            let outcome = match self.apply(std::slice::from_ref(job)).await {
                Ok(changed) => Ok(changed.into_iter().flatten().collect()),
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => {
                    self.execute("ROLLBACK TO SAVEPOINT batch", Vec::new())
                        .await?;
                    Err(error)
                }
            };
            self.execute("RELEASE SAVEPOINT batch", Vec::new()).await?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Rows first, parents before children; then changes to rows in the order in which they came; then statements.
    async fn apply(&mut self, jobs: &[Job]) -> Result<Vec<Vec<u64>>, StoreError> {
        let writes = jobs.iter().filter_map(|job| match job {
            Job::Writes(writes) => Some(writes.as_slice()),
            Job::Statements(_) => None,
        });
        Rows::gather(writes.flatten()).write(self).await?;
        let mut changed = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mut counts = Vec::new();
            if let Job::Statements(statements) = job {
                // Of the statements that were asked for.
                let mut is_changed = false;
                for statement in statements {
                    if statement.if_changed && !is_changed {
                        counts.push(0);
                        continue;
                    }
                    let count = statement.execute(self).await?;
                    is_changed |= count > 0 && !statement.is_aside;
                    counts.push(count);
                    if statement.decides && counts.last() == Some(&0) {
                        counts.resize(statements.len(), 0);
                        break;
                    }
                }
            }
            changed.push(counts);
        }
        if jobs.iter().any(Job::may_change_calls) {
            call_sums::add_changes(self).await?;
        }
        Ok(changed)
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let sql = match self {
            // Takes the write lock at once: waiting for it later could fail without waiting.
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(..) => "BEGIN",
        };
        self.execute(sql, Vec::new()).await?;
        Ok(())
    }

    /// Commits what went well and rolls back what did not.
    async fn finish<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let result = match result {
            Ok(value) => match self.execute("COMMIT", Vec::new()).await {
                Ok(_) => return Ok(value),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        // SQLite rolls back by itself when the disk is full, and a lost connection cannot: begin afresh.
        if self.execute("ROLLBACK", Vec::new()).await.is_err()
            && let Self::Postgres(connection, _) = self
        {
            connection.close_on_drop();
        }
        result
    }
}
