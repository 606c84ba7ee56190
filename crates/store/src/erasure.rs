//! Erasing what calls and recordings tell of people: those whose time is over, and a person's on request.
//!
//! The row of a call stays, for reports count it, and nothing of what sums are made of is changed
//! (`call_sums.rs`): number, source, campaign, times, ending and target. A call is erased together with its events and in
//! one transaction with the word that its recordings are to go; their files go after that, by whoever comes to it.
//! Calls under way are left alone. Why so: `docs/decisions/0034-erasure.md`.

use std::time::Duration;

use ringfence_model::{
    AccountId, CallId, Erased, ErasedBy, RecordingId, Timestamp, VisitId, Whose,
};
use uuid::Uuid;

use crate::commit::Statement;
use crate::retention::visit_emptied;
use crate::row::Reader;
use crate::value::{Value, args};
use crate::{Db, StoreError};

/// After its end a call counts as under way so long still: what came last may be on its way to the rows.
const SETTLES: Duration = Duration::from_mins(1);

/// Two programs that erase the same rows would wait for each other's.
const LOCK: &str = "LOCK TABLE erasure_progress IN SHARE ROW EXCLUSIVE MODE";

/// Nothing of the call is written any more, and it was not erased before.
macro_rules! is_over {
    () => {
        "erased_at IS NULL AND NOT EXISTS (SELECT 1 FROM recordings WHERE recordings.account = calls.account \
         AND recordings.call = calls.id AND recordings.state = 'open')"
    };
}
/// One call, unless it ended after `$3`.
macro_rules! one {
    () => {
        concat!(
            "account = $1 AND id = $2 AND ended_at < $3 AND ",
            is_over!()
        )
    };
}
/// Calls that began from `$2` on and before `$3`.
macro_rules! aged {
    () => {
        concat!(
            "account = $1 AND started_at >= $2 AND started_at < $3 AND ended_at IS NOT NULL AND ",
            is_over!()
        )
    };
}

/// What happened stays, the words about it go: a carrier's or a plan's may hold the caller's number.
macro_rules! erase_events {
    ($without_reason:expr, $which:expr) => {
        concat!(
            "UPDATE call_events SET kind = ",
            $without_reason,
            " WHERE account = $1 AND kind LIKE '%\"reason\":\"%' AND call IN (SELECT id FROM calls WHERE ",
            $which,
            ")"
        )
    };
}
macro_rules! in_sqlite {
    () => {
        "json_set(kind, '$.reason', '')"
    };
}
/// Not by its functions for JSON, which refuse what a text may well hold (`\u0000`).
macro_rules! in_postgres {
    () => {
        r#"regexp_replace(kind, '"reason":"([^"\\]|\\.)*"', '"reason":""')"#
    };
}
macro_rules! mark_recordings {
    ($which:expr) => {
        concat!(
            "UPDATE recordings SET state = 'erasing', erased_at = $4, erased_by = $5 WHERE account = $1 \
             AND state IN ('closed', 'recovered', 'failed') AND call IN (SELECT id FROM calls WHERE ",
            $which,
            ")"
        )
    };
}
/// What was said of a call in somebody's own words; what came of it and its value are counted still.
macro_rules! erase_worths {
    ($which:expr) => {
        concat!(
            "UPDATE call_worths SET tags = '', note = '' WHERE account = $1 AND call IN (SELECT id FROM calls WHERE ",
            $which,
            ")"
        )
    };
}
/// What platforms were told of a call, and what they said to it; that it was told stays, so that it is not told again.
macro_rules! erase_attempts {
    ($which:expr) => {
        concat!(
            "DELETE FROM webhook_attempts WHERE account = $1 AND delivery IN (SELECT id FROM conversions \
             WHERE account = $1 AND call IN (SELECT id FROM calls WHERE ",
            $which,
            "))"
        )
    };
}
macro_rules! erase_conversions {
    ($which:expr) => {
        concat!(
            "UPDATE conversions SET visit = NULL, sent = NULL, said = NULL WHERE account = $1 \
             AND call IN (SELECT id FROM calls WHERE ",
            $which,
            ")"
        )
    };
}
macro_rules! erase_calls {
    ($which:expr) => {
        concat!(
            "UPDATE calls SET caller = NULL, sip_call_id = '', reason = NULL, visit = NULL, keyword = NULL, \
             erased_at = $4, erased_by = $5 WHERE ",
            $which
        )
    };
}

/// How calls are erased: the events for SQLite, for PostgreSQL, what was said of them, what platforms were told and said,
/// the recordings, and last the calls themselves.
struct Erase([&'static str; 7]);

const ERASE_ONE: Erase = Erase([
    erase_events!(in_sqlite!(), one!()),
    erase_events!(in_postgres!(), one!()),
    erase_worths!(one!()),
    erase_attempts!(one!()),
    erase_conversions!(one!()),
    mark_recordings!(one!()),
    erase_calls!(one!()),
]);
const ERASE_AGED: Erase = Erase([
    erase_events!(in_sqlite!(), aged!()),
    erase_events!(in_postgres!(), aged!()),
    erase_worths!(aged!()),
    erase_attempts!(aged!()),
    erase_conversions!(aged!()),
    mark_recordings!(aged!()),
    erase_calls!(aged!()),
]);

const MARK_AGED: &str = "UPDATE recordings SET state = 'erasing', erased_at = $4, erased_by = $5 \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND state IN ('closed', 'recovered', 'failed')";
const LAST_OF_CALLS: &str = "SELECT started_at FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 ORDER BY started_at LIMIT 1 OFFSET $4";
const LAST_OF_RECORDINGS: &str = "SELECT started_at FROM recordings \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 ORDER BY started_at LIMIT 1 OFFSET $4";
const CALLS_LEFT: &str = "SELECT MIN(started_at) FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND erased_at IS NULL";
const RECORDINGS_LEFT: &str = "SELECT MIN(started_at) FROM recordings \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND state = 'open'";

const THROUGH: &str = "SELECT through FROM erasure_progress WHERE account = $1 AND kind = $2";
const SET_THROUGH: &str = "INSERT INTO erasure_progress (account, kind, through) VALUES ($1, $2, $3) \
    ON CONFLICT (account, kind) DO UPDATE SET through = excluded.through";

const TO_REMOVE: &str = "SELECT id, path, started_at, (SELECT servers.name FROM calls \
    JOIN servers ON servers.id = calls.server WHERE calls.account = recordings.account AND calls.id = recordings.call) \
    FROM recordings WHERE account = $1 AND state = 'erasing' \
    AND (started_at, id) > ($2, $3) ORDER BY started_at, id LIMIT $4";
const REMOVED: &str = "UPDATE recordings SET state = 'erased', path = '', sha256 = NULL \
    WHERE account = $1 AND id = $2 AND state = 'erasing'";

const CALL_ERASED: &str = "SELECT erased_at, erased_by FROM calls WHERE account = $1 AND id = $2";
const RECORDING_ERASED: &str =
    "SELECT erased_at, erased_by FROM recordings WHERE account = $1 AND id = $2";

const ERASE_VISIT_EVENTS: &str = "DELETE FROM visit_events WHERE account = $1 AND visit = $2";
const ERASE_TOLD_OF_VISIT: &str =
    "UPDATE conversions SET sent = NULL, said = NULL WHERE account = $1 AND visit = $2";
const ERASE_SAID_OF_VISIT: &str = "DELETE FROM webhook_attempts WHERE account = $1 AND delivery IN \
    (SELECT id FROM conversions WHERE account = $1 AND visit = $2)";
const ERASE_VISIT: &str = concat!(
    "UPDATE visits SET ",
    visit_emptied!(),
    ", erased_at = $3 WHERE account = $1 AND id = $2 AND erased_at IS NULL"
);

/// The calls of somebody; a visit that merely may have led to a call makes it nobody's.
macro_rules! calls_of {
    (caller) => {
        "account = $1 AND caller = $2"
    };
    (call) => {
        "account = $1 AND id = $2"
    };
    (visit) => {
        "account = $1 AND confidence IN ('certain', 'likely') AND visit IN (SELECT id FROM visits \
         WHERE account = $1 AND visitor = (SELECT visitor FROM visits WHERE account = $1 AND id = $2))"
    };
}
/// Their calls that can be erased: over before `$3`.
macro_rules! settled {
    ($whose:ident) => {
        concat!(calls_of!($whose), " AND ended_at < $3 AND ", is_over!())
    };
}

/// The visits of somebody that are not erased yet, and began before `$3`.
macro_rules! visits_of {
    (visit) => {
        "account = $1 AND erased_at IS NULL \
         AND visitor = (SELECT visitor FROM visits WHERE account = $1 AND id = $2) AND started_at <= $3"
    };
    ($whose:ident) => {
        concat!(
            "account = $1 AND erased_at IS NULL AND visitor IN (SELECT visitor FROM visits \
             WHERE account = $1 AND id IN (SELECT visit FROM calls WHERE ",
            settled!($whose),
            " AND confidence IN ('certain', 'likely'))) AND started_at <= $3"
        )
    };
}
/// What is asked about somebody.
struct Asked {
    counts: &'static str,
    calls: &'static str,
    visits: &'static str,
}

macro_rules! asked {
    ($whose:ident) => {
        Asked {
            counts: concat!(
                "SELECT (SELECT COUNT(*) FROM calls WHERE ",
                settled!($whose),
                "), (SELECT COUNT(*) FROM calls WHERE ",
                calls_of!($whose),
                " AND erased_at IS NULL), (SELECT COUNT(*) FROM recordings WHERE account = $1 \
                 AND state IN ('closed', 'recovered') AND call IN (SELECT id FROM calls WHERE ",
                settled!($whose),
                ")), (SELECT COUNT(*) FROM visits WHERE ",
                visits_of!($whose),
                ")"
            ),
            calls: concat!(
                "SELECT id FROM calls WHERE ",
                settled!($whose),
                " ORDER BY started_at, id LIMIT $4"
            ),
            visits: concat!(
                "SELECT id FROM visits WHERE ",
                visits_of!($whose),
                " ORDER BY started_at, id LIMIT $4"
            ),
        }
    };
}

const OF_CALLER: Asked = asked!(caller);
const OF_CALL: Asked = asked!(call);
const OF_VISIT: Asked = asked!(visit);

/// Where an account's own setup names a number; that is not erased.
const SETUP_WITH: &str = "SELECT 'call plan ' || name FROM call_plans \
      WHERE account = $1 AND document LIKE '%' || $2 || '%' \
    UNION SELECT 'an earlier version of the call plan ' || name FROM call_plan_versions \
      WHERE account = $1 AND document LIKE '%' || $2 || '%' \
    UNION SELECT 'target ' || name FROM targets WHERE account = $1 AND uri LIKE '%' || $2 || '%' ORDER BY 1";

/// What has an age of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// What calls tell of their callers, with their recordings.
    Calls,
    /// Recordings and messages alone.
    Recordings,
}

impl Aged {
    const fn word(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Recordings => "recordings",
        }
    }
}

/// What of somebody can be erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasable {
    /// Calls that are over.
    pub calls: u64,
    /// Calls under way, or over for less than a minute: they are left alone.
    pub under_way: u64,
    /// Recordings and messages of the calls that are over.
    pub recordings: u64,
    /// Visits.
    pub visits: u64,
}

/// A recording whose file is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToRemove {
    /// The recording.
    pub recording: RecordingId,
    /// Where it is, below the recordings folder.
    pub path: String,
    /// When it began: together with `recording` the place in the list.
    pub started_at: Timestamp,
    /// The server that wrote it, when that is known.
    pub server: Option<String>,
}

impl Db {
    /// Before which start everything of a kind is erased: where a run begins. `None` before the first run.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn erased_through(
        &self,
        account: AccountId,
        kind: Aged,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.row(THROUGH, args![account, kind.word()], read_time)
            .await
    }

    /// Remembers how far back everything of a kind is erased.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn set_erased_through(
        &self,
        account: AccountId,
        kind: Aged,
        through: Timestamp,
    ) -> Result<(), StoreError> {
        self.run_one(SET_THROUGH, args![account, kind.word(), through])
            .await
            .map(drop)
    }

    /// Erases about `batch` calls or recordings of an account, the oldest of those that began from `from` on and before
    /// `before`, all or none. Of a call go the caller's number, the link to the visit, the keyword, the carrier's
    /// identifier and every reason in words; its recordings are marked. A recording that is marked is heard by nobody,
    /// and its file is [to be removed](Self::recordings_to_remove). What is under way is left alone.
    ///
    /// Answers how many calls or recordings it was, and where the next batch begins.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read or written; the batch is not erased then.
    pub async fn erase_aged(
        &self,
        account: AccountId,
        kind: Aged,
        (from, before): (Timestamp, Timestamp),
        now: Timestamp,
        batch: u32,
    ) -> Result<(u64, Timestamp), StoreError> {
        let last_of = match kind {
            Aged::Calls => LAST_OF_CALLS,
            Aged::Recordings => LAST_OF_RECORDINGS,
        };
        let last = args![account, from, before, batch.saturating_sub(1)];
        let last = self.row(last_of, last, read_time).await?;
        let next = last.map_or(before, |last| last + Duration::from_micros(1));
        let erased = Erased {
            at: now,
            by: ErasedBy::Retention,
        };
        let span = args![account, from, next];
        let statements = match kind {
            Aged::Calls => self.erasing(&ERASE_AGED, span, erased),
            Aged::Recordings => vec![Statement::new(MARK_AGED, with(span, erased))],
        };
        let changed = self.run(self.alone(statements)).await?;
        Ok((changed.last().copied().unwrap_or_default(), next))
    }

    /// The first of a kind that began from `from` on and before `before` and was left alone; `None` when none was.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn left_of_aged(
        &self,
        account: AccountId,
        kind: Aged,
        (from, before): (Timestamp, Timestamp),
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = match kind {
            Aged::Calls => CALLS_LEFT,
            Aged::Recordings => RECORDINGS_LEFT,
        };
        let first = self.written_row(sql, args![account, from, before], read_optional_time);
        Ok(first.await?.flatten())
    }

    /// Recordings of an account whose files are to go, the oldest first, after a place in the list.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recordings_to_remove(
        &self,
        account: AccountId,
        after: Option<(Timestamp, RecordingId)>,
        limit: u32,
    ) -> Result<Vec<ToRemove>, StoreError> {
        let nothing = (
            Timestamp::from_micros(i64::MIN),
            RecordingId(Uuid::from_u128(0)),
        );
        let (started_at, id) = after.unwrap_or(nothing);
        self.written_rows(TO_REMOVE, args![account, started_at, id, limit], |row| {
            Ok(ToRemove {
                recording: RecordingId(row.uuid()?),
                path: row.text()?,
                started_at: row.time()?,
                server: row.optional_text()?,
            })
        })
        .await
    }

    /// Says that files of recordings are gone for good.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written; they are to be removed still.
    pub async fn recordings_removed(
        &self,
        account: AccountId,
        recordings: &[RecordingId],
    ) -> Result<(), StoreError> {
        let removed = |id: &RecordingId| Statement::new(REMOVED, args![account, *id]);
        self.run(recordings.iter().map(removed).collect())
            .await
            .map(drop)
    }

    /// Whether, when and why a call was erased.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call_erased(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Erased>, StoreError> {
        let found = self.written_row(CALL_ERASED, args![account, call], read_erased);
        Ok(found.await?.flatten())
    }

    /// Whether, when and why a recording was erased.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recording_erased(
        &self,
        account: AccountId,
        recording: RecordingId,
    ) -> Result<Option<Erased>, StoreError> {
        let found = self.written_row(RECORDING_ERASED, args![account, recording], read_erased);
        Ok(found.await?.flatten())
    }

    /// What of somebody can be erased at `now`. A caller's or visitor's is looked for among all calls or visits of the
    /// account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn erasable(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
    ) -> Result<Erasable, StoreError> {
        let (asked, who) = asked(whose);
        let args = vec![Value::from(account), who, Value::from(now - SETTLES)];
        let found = self.written_row(asked.counts, args, |row| {
            let calls: u64 = row.number()?;
            let all: u64 = row.number()?;
            Ok(Erasable {
                calls,
                under_way: all.saturating_sub(calls),
                recordings: row.number()?,
                visits: row.number()?,
            })
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Calls of somebody that can be erased at `now`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn erasable_calls(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<CallId>, StoreError> {
        let (asked, who) = asked(whose);
        let mut args = vec![Value::from(account), who];
        args.extend(args![now - SETTLES, limit]);
        self.written_rows(asked.calls, args, |row| row.uuid().map(CallId))
            .await
    }

    /// Visits of somebody that are not erased, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn erasable_visits(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<VisitId>, StoreError> {
        let (asked, who) = asked(whose);
        let mut args = vec![Value::from(account), who];
        args.extend(args![now - SETTLES, limit]);
        self.written_rows(asked.visits, args, |row| row.uuid().map(VisitId))
            .await
    }

    /// Erases calls on request as [`erase_aged`](Self::erase_aged) does, all or none; those that are under way, or were
    /// erased, are left alone. Answers how many were erased.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written; nothing is erased then.
    pub async fn erase_calls(
        &self,
        account: AccountId,
        calls: &[CallId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let erased = Erased {
            at: now,
            by: ErasedBy::Request,
        };
        let of_call =
            |call: &CallId| self.erasing(&ERASE_ONE, args![account, *call, now - SETTLES], erased);
        let statements: Vec<_> = calls.iter().flat_map(of_call).collect();
        let changed = self.run(self.alone(statements)).await?;
        // The last of each call's six.
        Ok(changed.iter().rev().step_by(6).take(calls.len()).sum())
    }

    /// Erases visits on request, all or none, as [`erase_visits`](Self::erase_visits) does; also those with a live
    /// lease. Answers how many were erased.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written; nothing is erased then.
    pub async fn erase_visits_asked(
        &self,
        account: AccountId,
        visits: &[VisitId],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let of_visit = |visit: &VisitId| {
            [
                Statement::new(ERASE_VISIT_EVENTS, args![account, *visit]),
                Statement::new(ERASE_SAID_OF_VISIT, args![account, *visit]),
                Statement::new(ERASE_TOLD_OF_VISIT, args![account, *visit]),
                Statement::new(ERASE_VISIT, args![account, *visit, now]),
            ]
        };
        let statements: Vec<_> = visits.iter().flat_map(of_visit).collect();
        let changed = self.run(self.alone(statements)).await?;
        Ok(changed.iter().rev().step_by(4).take(visits.len()).sum())
    }

    /// Where an account's setup names a number, in words; that is not erased, but changed by whoever wrote it.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn setup_with_number(
        &self,
        account: AccountId,
        number: &ringfence_model::E164,
    ) -> Result<Vec<String>, StoreError> {
        self.rows(SETUP_WITH, args![account, number], read_text)
            .await
    }

    /// The statements that erase which calls `which` says, in the order in which they find what they need.
    fn erasing(&self, erase: &Erase, which: Vec<Value>, erased: Erased) -> Vec<Statement> {
        let [
            sqlite,
            postgres,
            worths,
            attempts,
            conversions,
            recordings,
            calls,
        ] = erase.0;
        let events = match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        };
        let marked = with(which.clone(), erased);
        vec![
            Statement::new(events, which.clone()),
            Statement::new(worths, which.clone()),
            Statement::new(attempts, which.clone()),
            Statement::new(conversions, which),
            Statement::new(recordings, marked.clone()),
            Statement::new(calls, marked),
        ]
    }

    /// Nobody else erases meanwhile; SQLite has one writer anyway.
    fn alone(&self, statements: Vec<Statement>) -> Vec<Statement> {
        match self {
            Self::Sqlite(_) => statements,
            Self::Postgres(_) => {
                let lock = Statement::new(LOCK, Vec::new());
                std::iter::once(lock).chain(statements).collect()
            }
        }
    }
}

fn asked(whose: &Whose) -> (&'static Asked, Value) {
    match whose {
        Whose::Caller(number) => (&OF_CALLER, Value::from(number)),
        Whose::Call(call) => (&OF_CALL, Value::from(*call)),
        Whose::Visit(visit) => (&OF_VISIT, Value::from(*visit)),
    }
}

fn with(mut args: Vec<Value>, erased: Erased) -> Vec<Value> {
    args.extend(args![erased.at, erased.by.as_str()]);
    args
}

fn read_erased(row: &mut Reader<'_>) -> Result<Option<Erased>, StoreError> {
    let at = row.optional_time()?;
    let by = row.optional_word(ErasedBy::from_word)?;
    Ok(at.zip(by).map(|(at, by)| Erased { at, by }))
}

fn read_time(row: &mut Reader<'_>) -> Result<Timestamp, StoreError> {
    row.time()
}

fn read_optional_time(row: &mut Reader<'_>) -> Result<Option<Timestamp>, StoreError> {
    row.optional_time()
}

fn read_text(row: &mut Reader<'_>) -> Result<String, StoreError> {
    row.text()
}
