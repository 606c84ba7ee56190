//! Sums of calls by quarter of an hour and by day of UTC, of an account and of each of its sources and numbers.
//!
//! Triggers note what a call was counted as and is counted as now, whoever changes it; [`add_changes`] adds that to the
//! sums at the end of the same transaction. So sums and calls are never apart, whatever comes late, twice or corrected.
//! Why so, and what is not summed: `docs/decisions/0031-call-sums.md`.

use ringfence_model::{AccountId, Timestamp};
use rusqlite::OptionalExtension as _;

use crate::commit::{Connection, Statement};
use crate::overview_sums;
use crate::row::{Reader, read_count};
use crate::value::{Value, args};
use crate::{Db, StoreError};

/// In microseconds. Every zone of today is off UTC by whole quarters of an hour, so that its days are sums of them.
pub(crate) const QUARTER: i64 = 900_000_000;
pub(crate) const DAY: i64 = 86_400_000_000;

macro_rules! sum_columns {
    () => {
        "calls, answered, missed, abandoned, voicemail, rejected, failed, under_way, failed_over, attributed, talk, \
         talked"
    };
}

/// The sums of signed contributions, in the order of [`sum_columns`].
macro_rules! summed {
    () => {
        "SUM(sign), \
         SUM(CASE WHEN disposition = 'answered' THEN sign ELSE 0 END), \
         SUM(CASE WHEN disposition = 'missed' THEN sign ELSE 0 END), \
         SUM(CASE WHEN disposition = 'abandoned' THEN sign ELSE 0 END), \
         SUM(CASE WHEN disposition = 'voicemail' THEN sign ELSE 0 END), \
         SUM(CASE WHEN disposition = 'rejected' THEN sign ELSE 0 END), \
         SUM(CASE WHEN disposition = 'failed' THEN sign ELSE 0 END), \
         SUM(CASE WHEN ended_at IS NULL THEN sign ELSE 0 END), \
         SUM(CASE WHEN failed_over THEN sign ELSE 0 END), \
         SUM(CASE WHEN source_name IS NOT NULL THEN sign ELSE 0 END), \
         SUM(COALESCE(sign * talk, 0)), \
         SUM(CASE WHEN talk IS NOT NULL THEN sign ELSE 0 END)"
    };
}

/// A call's own sums, in the order of [`sum_columns`].
macro_rules! contributed {
    () => {
        "1 AS calls, \
         CASE WHEN disposition = 'answered' THEN 1 ELSE 0 END AS answered, \
         CASE WHEN disposition = 'missed' THEN 1 ELSE 0 END AS missed, \
         CASE WHEN disposition = 'abandoned' THEN 1 ELSE 0 END AS abandoned, \
         CASE WHEN disposition = 'voicemail' THEN 1 ELSE 0 END AS voicemail, \
         CASE WHEN disposition = 'rejected' THEN 1 ELSE 0 END AS rejected, \
         CASE WHEN disposition = 'failed' THEN 1 ELSE 0 END AS failed, \
         CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END AS under_way, \
         CASE WHEN failed_over THEN 1 ELSE 0 END AS failed_over, \
         CASE WHEN source_name IS NOT NULL THEN 1 ELSE 0 END AS attributed, \
         COALESCE(CASE WHEN disposition = 'answered' THEN ended_at - answered_at END, 0) AS talk, \
         CASE WHEN disposition = 'answered' AND ended_at - answered_at IS NOT NULL THEN 1 ELSE 0 END AS talked"
    };
}

/// The sums of a [`Span`], whose arguments are `$1` to `$7`, piece by piece: `start`, the keys of `$table`, and
/// [`sum_columns`]. `$of_calls` is what the keys are of a call.
macro_rules! parts {
    ($table:literal, $keys:literal, $of_calls:literal) => {
        concat!(
            "(SELECT started_at AS start, ",
            $of_calls,
            $crate::call_sums::contributed!(),
            " FROM calls \
               WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
             UNION ALL SELECT start, ",
            $keys,
            $crate::call_sums::sum_columns!(),
            " FROM ",
            $table,
            " \
               WHERE account = $1 AND width = 900 AND start >= $3 AND start < $4 \
             UNION ALL SELECT start, ",
            $keys,
            $crate::call_sums::sum_columns!(),
            " FROM ",
            $table,
            " \
               WHERE account = $1 AND width = 86400 AND start >= $4 AND start < $5 \
             UNION ALL SELECT start, ",
            $keys,
            $crate::call_sums::sum_columns!(),
            " FROM ",
            $table,
            " \
               WHERE account = $1 AND width = 900 AND start >= $5 AND start < $6 \
             UNION ALL SELECT started_at, ",
            $of_calls,
            $crate::call_sums::contributed!(),
            " FROM calls \
               WHERE account = $1 AND started_at >= $6 AND started_at < $7) AS parts"
        )
    };
}
pub(crate) use {contributed, parts, sum_columns};

/// The contributions of an account's calls as they are.
macro_rules! calls_of_account {
    () => {
        "(SELECT account, 1 AS sign, started_at, number, source_kind, source_name, disposition, ended_at, \
          failed_over, CASE WHEN disposition = 'answered' THEN ended_at - answered_at END AS talk \
          FROM calls WHERE account = $1) AS contributions"
    };
}

/// Sums of `$from` by span and key; `$keys` are the columns that stand before them, `$by` their positions.
macro_rules! grouped {
    ($from:expr, $keys:literal, $by:literal) => {
        concat!(
            "SELECT account, width, started_at / (width * 1000000) * (width * 1000000) AS start, ",
            $keys,
            summed!(),
            " FROM ",
            $from,
            " CROSS JOIN (SELECT CAST(900 AS BIGINT) AS width UNION ALL SELECT 86400) AS widths WHERE 1 = 1 \
             GROUP BY ",
            $by
        )
    };
}

/// In the order of the key, so that two programs which add to the same rows wait for each other instead of deadlocking.
macro_rules! add {
    ($table:literal, $columns:literal, $key:literal, $from:expr, $keys:literal, $by:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (account, width, start, ",
            $columns,
            sum_columns!(),
            ") ",
            grouped!($from, $keys, $by),
            " ORDER BY ",
            $by,
            " ON CONFLICT (",
            $key,
            ") DO UPDATE SET \
              calls = ",
            $table,
            ".calls + excluded.calls, \
              answered = ",
            $table,
            ".answered + excluded.answered, \
              missed = ",
            $table,
            ".missed + excluded.missed, \
              abandoned = ",
            $table,
            ".abandoned + excluded.abandoned, \
              voicemail = ",
            $table,
            ".voicemail + excluded.voicemail, \
              rejected = ",
            $table,
            ".rejected + excluded.rejected, \
              failed = ",
            $table,
            ".failed + excluded.failed, \
              under_way = ",
            $table,
            ".under_way + excluded.under_way, \
              failed_over = ",
            $table,
            ".failed_over + excluded.failed_over, \
              attributed = ",
            $table,
            ".attributed + excluded.attributed, \
              talk = ",
            $table,
            ".talk + excluded.talk, \
              talked = ",
            $table,
            ".talked + excluded.talked"
        )
    };
}
macro_rules! add_to_all {
    ($from:expr) => {
        add!(
            "call_sums",
            "",
            "account, width, start",
            $from,
            "",
            "1, 2, 3"
        )
    };
}
macro_rules! add_to_sources {
    ($from:expr) => {
        add!(
            "call_sums_by_source",
            "source_kind, source_name, ",
            "account, width, start, source_kind, source_name",
            $from,
            "COALESCE(source_kind, '') AS source_kind, COALESCE(source_name, '') AS source_name, ",
            "1, 2, 3, 4, 5"
        )
    };
}
macro_rules! add_to_numbers {
    ($from:expr) => {
        add!(
            "call_sums_by_number",
            "number, ",
            "account, width, start, number",
            $from,
            "number, ",
            "1, 2, 3, 4"
        )
    };
}

/// SQLite is called and not asked: three statements cost it no more than one.
const ADD: [&str; 4] = [
    add_to_all!("call_changes"),
    add_to_sources!("call_changes"),
    add_to_numbers!("call_changes"),
    "DELETE FROM call_changes",
];
/// PostgreSQL is asked once, for those who wait are answered after it.
const ADD_AT_ONCE: &str = concat!(
    "WITH changes AS (DELETE FROM call_changes RETURNING *), of_all AS (",
    add_to_all!("changes"),
    "), of_sources AS (",
    add_to_sources!("changes"),
    ") ",
    add_to_numbers!("changes")
);

/// Those who add wait until the sums are made, and add then what was not there to be counted. One table is enough, for
/// who adds has locked all three before the first row is touched; three would be a deadlock, for they are locked in
/// whatever order a prepared statement has them.
const LOCK: &str = "LOCK TABLE call_sums IN SHARE ROW EXCLUSIVE MODE";
const REBUILD: [&str; 8] = [
    "DELETE FROM call_changes WHERE account = $1",
    "DELETE FROM call_sums WHERE account = $1",
    "DELETE FROM call_sums_by_source WHERE account = $1",
    "DELETE FROM call_sums_by_number WHERE account = $1",
    add_to_all!(calls_of_account!()),
    add_to_sources!(calls_of_account!()),
    add_to_numbers!(calls_of_account!()),
    "DELETE FROM call_sums_due WHERE account = $1",
];

/// Sums that are not as counting the calls would have them; rows of zeros are as good as none.
macro_rules! differing {
    ($table:literal, $columns:literal, $keys:literal, $by:literal) => {
        concat!(
            "WITH counted AS (", grouped!(calls_of_account!(), $keys, $by), "), \
             kept AS (SELECT account, width, start, ", $columns, sum_columns!(), " FROM ", $table,
            " WHERE account = $1 AND (calls <> 0 OR answered <> 0 OR missed <> 0 OR abandoned <> 0 OR voicemail <> 0 \
               OR rejected <> 0 OR failed <> 0 OR under_way <> 0 OR failed_over <> 0 OR attributed <> 0 \
               OR talk <> 0 OR talked <> 0)), \
             differing AS (SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS lacking \
               UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) AS wrong) \
             SELECT COUNT(*), MIN(start) FROM (SELECT DISTINCT ", $columns, "width, start FROM differing) AS keys"
        )
    };
}
const DIFFERING: [&str; 3] = [
    differing!("call_sums", "", "", "1, 2, 3"),
    differing!(
        "call_sums_by_source",
        "source_kind, source_name, ",
        "COALESCE(source_kind, '') AS source_kind, COALESCE(source_name, '') AS source_name, ",
        "1, 2, 3, 4, 5"
    ),
    differing!("call_sums_by_number", "number, ", "number, ", "1, 2, 3, 4"),
];
const CALLS: &str = "SELECT COUNT(*) FROM calls WHERE account = $1";
const DUE: &str = "SELECT account FROM call_sums_due ORDER BY account";

/// What a comparison of an account's sums with its calls found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SumsCheck {
    /// Calls that were counted.
    pub calls: u64,
    /// Sums that are not what counting the calls gives; 0 when all is well.
    pub differing: u64,
    /// When the first span of those begins.
    pub first: Option<Timestamp>,
}

/// Adds what triggers noted to the sums, within the transaction that is open.
pub(crate) async fn add_changes(connection: &mut Connection) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(connection) => add_changes_to_sqlite(connection),
        Connection::Postgres(..) => {
            // First, for it locks what who makes sums anew locks first.
            connection
                .execute(overview_sums::ADD_AT_ONCE, args![])
                .await?;
            connection.execute(ADD_AT_ONCE, args![]).await.map(drop)
        }
    }
}

/// [`add_changes`] for the thread that carries out a journal. What an older version left in its journal may come to
/// tables that have no sums yet.
pub(crate) fn add_changes_to_sqlite(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'call_changes'";
    let mut exists = connection.prepare_cached(exists)?;
    if exists.query_row((), |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    let mut some = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM call_changes)")?;
    if some.query_row((), |row| row.get(0))? {
        for sql in ADD {
            connection.prepare_cached(sql)?.execute(())?;
        }
    }
    overview_sums::add_changes_to_sqlite(connection)
}

fn read_differing(row: &mut Reader<'_>) -> Result<(u64, Option<Timestamp>), StoreError> {
    Ok((row.number()?, row.optional_time()?))
}

impl Db {
    /// Compares an account's sums, and its callers, with its calls. Each kind of sums is compared with the calls of the same instant, so
    /// that nobody has to stop writing.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn check_call_sums(&self, account: AccountId) -> Result<SumsCheck, StoreError> {
        let calls = self.written_row(CALLS, args![account], read_count).await?;
        let mut check = SumsCheck {
            calls: calls.unwrap_or_default(),
            ..SumsCheck::default()
        };
        for sql in DIFFERING.into_iter().chain(overview_sums::DIFFERING) {
            let found = self
                .written_row(sql, args![account], read_differing)
                .await?;
            let (differing, first) = found.unwrap_or_default();
            check.differing += differing;
            check.first = [check.first, first].into_iter().flatten().min();
        }
        Ok(check)
    }

    /// Makes an account's sums and callers anew from its calls, in one transaction; what is written meanwhile waits, and is added.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written; the sums stay as they were then.
    pub async fn rebuild_call_sums(&self, account: AccountId) -> Result<(), StoreError> {
        let lock = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(Statement::new(LOCK, args![])),
        };
        let rebuild = REBUILD.into_iter().chain(overview_sums::REBUILD);
        let rebuild = rebuild.map(|sql| Statement::new(sql, args![account]));
        self.run(lock.into_iter().chain(rebuild).collect()).await?;
        Ok(())
    }

    /// Accounts from before there were sums, whose sums are not made yet.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn accounts_without_call_sums(&self) -> Result<Vec<AccountId>, StoreError> {
        self.rows(DUE, args![], |row| row.uuid().map(AccountId))
            .await
    }
}

/// How a span of time is put together: calls one by one up to the first whole quarter of an hour, quarters up to the
/// first whole day of UTC, days, and the same backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: Timestamp,
    pub quarters_from: Timestamp,
    pub days_from: Timestamp,
    pub days_to: Timestamp,
    pub quarters_to: Timestamp,
    pub to: Timestamp,
}

impl Span {
    pub fn of(from: Timestamp, to: Timestamp) -> Self {
        let (quarters_from, quarters_to) = whole(QUARTER, from, to);
        let (days_from, days_to) = whole(DAY, quarters_from, quarters_to);
        Self {
            from,
            quarters_from,
            days_from,
            days_to,
            quarters_to,
            to,
        }
    }

    /// Of quarters alone.
    pub fn of_quarters(from: Timestamp, to: Timestamp) -> Self {
        let span = Self::of(from, to);
        Self {
            days_from: span.quarters_to,
            days_to: span.quarters_to,
            ..span
        }
    }

    /// The arguments of [`parts`].
    pub fn args(self, account: AccountId) -> Vec<Value> {
        args![
            account,
            self.from,
            self.quarters_from,
            self.days_from,
            self.days_to,
            self.quarters_to,
            self.to
        ]
    }
}

/// The whole multiples of `width` within `[from, to)`; nothing, at its end, when there is none.
fn whole(width: i64, from: Timestamp, to: Timestamp) -> (Timestamp, Timestamp) {
    // Far beyond any call, and far from where numbers end.
    let clamp = |time: Timestamp| time.as_micros().clamp(i64::MIN / 4, i64::MAX / 4);
    let first = -(-clamp(from)).div_euclid(width) * width;
    let last = clamp(to).div_euclid(width) * width;
    if first < last {
        (Timestamp::from_micros(first), Timestamp::from_micros(last))
    } else {
        (to, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(micros: [i64; 6]) -> Span {
        let [from, quarters_from, days_from, days_to, quarters_to, to] =
            micros.map(Timestamp::from_micros);
        Span {
            from,
            quarters_from,
            days_from,
            days_to,
            quarters_to,
            to,
        }
    }

    fn of(from: i64, to: i64) -> Span {
        Span::of(Timestamp::from_micros(from), Timestamp::from_micros(to))
    }

    #[test]
    fn a_span_is_days_with_quarters_and_calls_around_them() {
        assert_eq!(
            of(1, 3 * DAY + QUARTER + 5),
            span([
                1,
                QUARTER,
                DAY,
                3 * DAY,
                3 * DAY + QUARTER,
                3 * DAY + QUARTER + 5
            ])
        );
        assert_eq!(of(0, DAY), span([0, 0, 0, DAY, DAY, DAY]));
        let end = 2 * QUARTER;
        assert_eq!(of(5, end + 7), span([5, QUARTER, end, end, end, end + 7]));
        let end = QUARTER - 1;
        assert_eq!(of(5, end), span([5, end, end, end, end, end]));
    }

    #[test]
    fn a_span_of_all_time_is_days() {
        let all = of(i64::MIN, i64::MAX);
        assert!(all.from < all.quarters_from && all.quarters_from <= all.days_from);
        assert!(all.days_to <= all.quarters_to && all.quarters_to < all.to);
        assert!(
            all.days_from < Timestamp::from_micros(0) && Timestamp::from_micros(0) < all.days_to
        );
    }
}
