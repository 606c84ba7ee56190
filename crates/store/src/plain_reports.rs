//! What `reports.rs` reads from sums, counted from the calls themselves: for what has no sums, and for tests and benches to
//! compare with.

use ringfence_model::{AccountId, Timestamp};

use crate::call_worths::read_source_worth;
use crate::reports::{read_hour, read_number, read_source, read_totals};
use crate::row::read_count;
use crate::value::args;
use crate::{CallTotals, Db, HourCount, NumberCount, SourceCount, SourceWorth, StoreError};

const TOTALS: &str = "SELECT COUNT(*), \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'missed' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'abandoned' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'voicemail' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'rejected' THEN 1 END), \
    COUNT(CASE WHEN disposition = 'failed' THEN 1 END), \
    COUNT(CASE WHEN ended_at IS NULL THEN 1 END), \
    COUNT(CASE WHEN failed_over THEN 1 END), \
    COUNT(source_name), \
    CAST(COALESCE(SUM(CASE WHEN disposition = 'answered' THEN ended_at - answered_at END), 0) \
        AS BIGINT), \
    COUNT(CASE WHEN disposition = 'answered' THEN ended_at - answered_at END) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3";
const RECORDED: &str = "SELECT COUNT(*) FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
    AND EXISTS (SELECT 1 FROM recordings WHERE recordings.account = calls.account \
        AND recordings.call = calls.id AND recordings.state <> 'failed')";
const FIRST_TIME_CALLERS: &str = "SELECT COUNT(DISTINCT caller) FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND caller IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM calls AS earlier WHERE earlier.account = calls.account \
        AND earlier.caller = calls.caller AND earlier.started_at < $2)";
const TO_CALL_BACK: &str = "SELECT COUNT(DISTINCT caller) FROM calls \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 AND caller IS NOT NULL \
    AND disposition IN ('missed', 'abandoned') \
    AND NOT EXISTS (SELECT 1 FROM calls AS later WHERE later.account = calls.account \
        AND later.caller = calls.caller AND later.started_at > calls.started_at \
        AND later.answered_at IS NOT NULL)";
/// A call that was converted was qualified too.
const WORTH_BY_SOURCE: &str = "SELECT source_kind, source_name, \
    COUNT(CASE WHEN lead IN ('qualified', 'converted') THEN 1 END), \
    COUNT(CASE WHEN lead = 'converted' THEN 1 END), CAST(COALESCE(SUM(value), 0) AS BIGINT) \
    FROM calls JOIN call_worths ON call_worths.account = calls.account AND call_worths.call = calls.id \
    WHERE calls.account = $1 AND calls.started_at >= $2 AND calls.started_at < $3 \
    GROUP BY 1, 2 ORDER BY 5 DESC, 4 DESC, COALESCE(source_name, ''), COALESCE(source_kind, '')";
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

impl Db {
    /// [`Db::call_totals`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call_totals_one_by_one(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<CallTotals, StoreError> {
        let args = args![account, from, to];
        let totals = self.written_row(TOTALS, args.clone(), read_totals).await?;
        let recorded = self.written_row(RECORDED, args.clone(), read_count).await?;
        let first_time_callers = self.written_row(FIRST_TIME_CALLERS, args, read_count);
        Ok(CallTotals {
            recorded: recorded.unwrap_or_default(),
            first_time_callers: first_time_callers.await?.unwrap_or_default(),
            ..totals.unwrap_or_default()
        })
    }

    /// [`Db::callers_to_call_back`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn callers_to_call_back_one_by_one(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u64, StoreError> {
        let args = args![account, from, to];
        let count = self.written_row(TO_CALL_BACK, args, read_count).await?;
        Ok(count.unwrap_or_default())
    }

    /// [`Db::worth_by_source`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn worth_by_source_one_by_one(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SourceWorth>, StoreError> {
        let args = args![account, from, to];
        self.written_rows(WORTH_BY_SOURCE, args, read_source_worth)
            .await
    }

    /// [`Db::calls_by_hour`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_hour_one_by_one(
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

    /// [`Db::calls_by_source`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_source_one_by_one(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<SourceCount>, StoreError> {
        self.written_rows(BY_SOURCE, args![account, from, to], read_source)
            .await
    }

    /// [`Db::calls_by_number`] without sums.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_number_one_by_one(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<NumberCount>, StoreError> {
        self.written_rows(BY_NUMBER, args![account, from, to], read_number)
            .await
    }
}
