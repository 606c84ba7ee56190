//! Sums over the call log for reports. All cover calls that started in `[from, to)`. Where there are sums already
//! (`call_sums.rs`) they are read, and calls one by one only at the ends of the span.

use ringfence_model::{AccountId, E164, NumberId, SourceKind, TargetId, Timestamp};

use crate::call_sums::{QUARTER, Span, parts};
use crate::overview_sums::{OVERVIEW, read_overview};
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const TOTALS: &str = concat!(
    "SELECT CAST(COALESCE(SUM(calls), 0) AS BIGINT), CAST(COALESCE(SUM(answered), 0) AS BIGINT), \
     CAST(COALESCE(SUM(missed), 0) AS BIGINT), CAST(COALESCE(SUM(abandoned), 0) AS BIGINT), \
     CAST(COALESCE(SUM(voicemail), 0) AS BIGINT), CAST(COALESCE(SUM(rejected), 0) AS BIGINT), \
     CAST(COALESCE(SUM(failed), 0) AS BIGINT), CAST(COALESCE(SUM(under_way), 0) AS BIGINT), \
     CAST(COALESCE(SUM(failed_over), 0) AS BIGINT), CAST(COALESCE(SUM(attributed), 0) AS BIGINT), \
     CAST(COALESCE(SUM(talk), 0) AS BIGINT), CAST(COALESCE(SUM(talked), 0) AS BIGINT) FROM ",
    parts!("call_sums", "", "")
);
const BY_HOUR: &str = concat!(
    "SELECT (start + $8) / 3600000000 * 3600000000 - $8, CAST(SUM(answered) AS BIGINT), \
     CAST(SUM(missed) + SUM(abandoned) AS BIGINT), CAST(SUM(calls) AS BIGINT) FROM ",
    parts!("call_sums", "", ""),
    " GROUP BY 1 HAVING SUM(calls) > 0 ORDER BY 1"
);
/// Without a source the class is empty.
const BY_SOURCE: &str = concat!(
    "SELECT NULLIF(source_kind, ''), CASE WHEN source_kind <> '' THEN source_name END, \
     CAST(SUM(calls) AS BIGINT), CAST(SUM(answered) AS BIGINT), \
     CAST(SUM(missed) + SUM(abandoned) AS BIGINT) FROM ",
    parts!(
        "call_sums_by_source",
        "source_kind, source_name, ",
        "COALESCE(source_kind, '') AS source_kind, COALESCE(source_name, '') AS source_name, "
    ),
    " GROUP BY source_kind, source_name HAVING SUM(calls) > 0 \
     ORDER BY 3 DESC, source_kind = '', source_name, source_kind"
);
const BY_NUMBER: &str = concat!(
    "SELECT tracking_numbers.id, tracking_numbers.e164, tracking_numbers.label, counted.calls, counted.answered, \
     counted.missed FROM (SELECT number, CAST(SUM(calls) AS BIGINT) AS calls, \
         CAST(SUM(answered) AS BIGINT) AS answered, CAST(SUM(missed) + SUM(abandoned) AS BIGINT) AS missed FROM ",
    parts!("call_sums_by_number", "number, ", "number, "),
    " GROUP BY number HAVING SUM(calls) > 0) AS counted \
     JOIN tracking_numbers ON tracking_numbers.account = $1 AND tracking_numbers.id = counted.number \
     ORDER BY 4 DESC, 2, 1"
);
const BY_TARGET: &str = "SELECT targets.id, targets.name, COUNT(*), \
    COUNT(CASE WHEN outcome = 'answered' THEN 1 END), \
    CAST(COALESCE(SUM(CASE WHEN outcome = 'answered' THEN ended_at - answered_at END), 0) \
        AS BIGINT) \
    FROM legs JOIN targets ON targets.account = legs.account AND targets.id = legs.target \
    WHERE legs.account = $1 AND started_at >= $2 AND started_at < $3 \
    GROUP BY targets.id, targets.name ORDER BY 3 DESC, 2, 1";
const ROW_COUNTS: &str = "SELECT \
    (SELECT COUNT(*) FROM visits WHERE account = $1 AND started_at >= $2 AND started_at < $3), \
    (SELECT COUNT(*) FROM leases \
        WHERE account = $1 AND expires_at >= $2 AND started_at >= $2 AND started_at < $3), \
    (SELECT COUNT(*) FROM recordings \
        WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND state <> 'failed')";

/// An account's calls in a span of time, summed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallTotals {
    /// All of them, also those still under way.
    pub calls: u64,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed.
    pub missed: u64,
    /// Ended as abandoned.
    pub abandoned: u64,
    /// Ended with a message left.
    pub voicemail: u64,
    /// Ended as rejected.
    pub rejected: u64,
    /// Ended as failed.
    pub failed: u64,
    /// Not ended yet.
    pub under_way: u64,
    /// Different callers' numbers that called the account in the span and never before it. Withheld numbers are not counted.
    pub first_time_callers: u64,
    /// With at least one recording.
    pub recorded: u64,
    /// For which more than one target was rung.
    pub failed_over: u64,
    /// With a source.
    pub attributed: u64,
    /// From answer to end, in milliseconds, the mean over answered calls that have ended; `None` without any.
    pub average_talk_ms: Option<u64>,
}

/// The calls of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourCount {
    /// When the hour began.
    pub start: Timestamp,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
    /// Everything else, also those under way.
    pub other: u64,
}

/// The calls of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCount {
    /// Its class and name; `None` for calls without a source.
    pub source: Option<(SourceKind, String)>,
    /// All of them.
    pub calls: u64,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
}

/// The calls of one tracking number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberCount {
    /// The number.
    pub number: NumberId,
    /// Its digits.
    pub e164: E164,
    /// What people call it.
    pub label: String,
    /// All of them.
    pub calls: u64,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
}

/// The calls that rang one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCount {
    /// The target.
    pub target: TargetId,
    /// What people call it.
    pub name: String,
    /// Legs that rang it.
    pub rung: u64,
    /// Legs that it answered.
    pub answered: u64,
    /// From answer to end, in milliseconds, over all the calls that it answered.
    pub talk_ms: u64,
}

/// How many rows of some kinds an account has from a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Visits that started in it.
    pub visits: u64,
    /// Leases that started in it.
    pub leases: u64,
    /// Recordings that started in it.
    pub recordings: u64,
}

impl Db {
    /// Calls, summed.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call_totals(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<CallTotals, StoreError> {
        let span = Span::of(from, to).args(account);
        let totals = self.written_row(TOTALS, span.clone(), read_totals).await?;
        let sums = self.written_row(OVERVIEW, span, read_overview).await?;
        let sums = sums.unwrap_or_default();
        Ok(CallTotals {
            first_time_callers: sums.first_time,
            recorded: sums.recorded,
            ..totals.unwrap_or_default()
        })
    }
    /// Calls by hour, in order, hours without calls left out. `utc_offset_seconds` says where the account's hours
    /// (and, for zones of half hours, its half hours) begin.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_hour(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
        utc_offset_seconds: i32,
    ) -> Result<Vec<HourCount>, StoreError> {
        let offset = i64::from(utc_offset_seconds) * 1_000_000;
        if offset % QUARTER != 0 {
            // No zone of today, but some of the past.
            return self
                .calls_by_hour_one_by_one(account, from, to, utc_offset_seconds)
                .await;
        }
        let mut args = Span::of_quarters(from, to).args(account);
        args.push(offset.into());
        self.written_rows(BY_HOUR, args, read_hour).await
    }
    /// Calls by source, most calls first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_source(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SourceCount>, StoreError> {
        let span = Span::of(from, to).args(account);
        self.written_rows(BY_SOURCE, span, read_source).await
    }
    /// Calls by tracking number, most calls first; numbers without calls left out.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_number(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<NumberCount>, StoreError> {
        let span = Span::of(from, to).args(account);
        self.written_rows(BY_NUMBER, span, read_number).await
    }
    /// Legs by target, most rung first; targets that were not rung left out.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_target(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<TargetCount>, StoreError> {
        self.written_rows(BY_TARGET, args![account, from, to], read_target)
            .await
    }
    /// Visits, leases and recordings, counted.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn row_counts(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<RowCounts, StoreError> {
        let counts = self
            .written_row(ROW_COUNTS, args![account, from, to], |row| {
                Ok(RowCounts {
                    visits: row.number()?,
                    leases: row.number()?,
                    recordings: row.number()?,
                })
            })
            .await?;
        Ok(counts.unwrap_or_default())
    }
}

pub(crate) fn read_totals(row: &mut Reader<'_>) -> Result<CallTotals, StoreError> {
    let mut totals = CallTotals {
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
        abandoned: row.number()?,
        voicemail: row.number()?,
        rejected: row.number()?,
        failed: row.number()?,
        under_way: row.number()?,
        failed_over: row.number()?,
        attributed: row.number()?,
        ..CallTotals::default()
    };
    let talked: u64 = row.number()?;
    let spoken: u64 = row.number()?;
    totals.average_talk_ms = talked.checked_div(spoken).map(|micros| micros / 1000);
    Ok(totals)
}

pub(crate) fn read_hour(row: &mut Reader<'_>) -> Result<HourCount, StoreError> {
    let start = row.time()?;
    let answered = row.number()?;
    let missed = row.number()?;
    let calls: u64 = row.number()?;
    Ok(HourCount {
        start,
        answered,
        missed,
        other: calls.saturating_sub(answered).saturating_sub(missed),
    })
}

pub(crate) fn read_source(row: &mut Reader<'_>) -> Result<SourceCount, StoreError> {
    let kind = row.optional_word(SourceKind::from_word)?;
    let name = row.optional_text()?;
    Ok(SourceCount {
        source: kind.zip(name),
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
    })
}

pub(crate) fn read_number(row: &mut Reader<'_>) -> Result<NumberCount, StoreError> {
    Ok(NumberCount {
        number: NumberId(row.uuid()?),
        e164: row.e164()?,
        label: row.text()?,
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
    })
}

fn read_target(row: &mut Reader<'_>) -> Result<TargetCount, StoreError> {
    Ok(TargetCount {
        target: TargetId(row.uuid()?),
        name: row.text()?,
        rung: row.number()?,
        answered: row.number()?,
        talk_ms: row.number::<u64>()? / 1000,
    })
}
