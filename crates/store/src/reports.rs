//! Sums over the call log for reports. All cover calls that started in `[from, to)`.

use ringfence_model::{AccountId, E164, NumberId, SourceKind, TargetId, Timestamp};

use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

const TOTALS: &str = "SELECT COUNT(*), \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'missed' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'abandoned' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'voicemail' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'rejected' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'failed' THEN 1 END), \
    COUNT(CASE WHEN ended_at IS NULL THEN 1 END), \
    COUNT(CASE WHEN EXISTS (SELECT 1 FROM recordings WHERE recordings.account = calls.account \
        AND recordings.call = calls.id AND recordings.state <> 'failed') THEN 1 END), \
    COUNT(CASE WHEN failed_over THEN 1 END), \
    COUNT(source_name), \
    CAST(COALESCE(SUM(CASE WHEN disposition = 'answered' THEN ended_at - answered_at END), 0) \
        AS BIGINT), \
    COUNT(CASE WHEN disposition = 'answered' THEN ended_at - answered_at END) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3";
const FIRST_TIME_CALLERS: &str = "SELECT COUNT(DISTINCT caller) FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND caller IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM calls AS earlier WHERE earlier.account = calls.account \
        AND earlier.caller = calls.caller AND earlier.started_at < $2)";
/// Division of whole numbers: both engines drop the remainder.
const BY_HOUR: &str = "SELECT (started_at + $4) / 3600000000 * 3600000000 - $4, \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition IN ('missed', 'abandoned') THEN 1 END), COUNT(*) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
    GROUP BY 1 ORDER BY 1";
const BY_SOURCE: &str = "SELECT source_kind, source_name, COUNT(*), \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition IN ('missed', 'abandoned') THEN 1 END) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
    GROUP BY source_kind, source_name \
    ORDER BY 3 DESC, source_name IS NULL, source_name, source_kind";
const BY_NUMBER: &str = "SELECT tracking_numbers.id, tracking_numbers.e164, \
    tracking_numbers.label, COUNT(*), \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition IN ('missed', 'abandoned') THEN 1 END) \
    FROM calls JOIN tracking_numbers ON tracking_numbers.account = calls.account \
        AND tracking_numbers.id = calls.number \
    WHERE calls.account = $1 AND started_at >= $2 AND started_at < $3 \
    GROUP BY tracking_numbers.id, tracking_numbers.e164, tracking_numbers.label \
    ORDER BY 4 DESC, 2, 1";
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
        let args = args![account, from, to];
        let first_time_callers = self
            .written_row(FIRST_TIME_CALLERS, args.clone(), read_count)
            .await?;
        let totals = self.written_row(TOTALS, args, read_totals).await?;
        Ok(CallTotals {
            first_time_callers: first_time_callers.unwrap_or_default(),
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
        self.written_rows(BY_HOUR, args![account, from, to, offset], read_hour)
            .await
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
        self.written_rows(BY_SOURCE, args![account, from, to], read_source)
            .await
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
        self.written_rows(BY_NUMBER, args![account, from, to], read_number)
            .await
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

fn read_totals(row: &mut Reader<'_>) -> Result<CallTotals, StoreError> {
    let mut totals = CallTotals {
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
        abandoned: row.number()?,
        voicemail: row.number()?,
        rejected: row.number()?,
        failed: row.number()?,
        under_way: row.number()?,
        recorded: row.number()?,
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

fn read_source(row: &mut Reader<'_>) -> Result<SourceCount, StoreError> {
    let kind = row.optional_word(SourceKind::from_word)?;
    let name = row.optional_text()?;
    Ok(SourceCount {
        source: kind.zip(name),
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
    })
}

fn read_number(row: &mut Reader<'_>) -> Result<NumberCount, StoreError> {
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
