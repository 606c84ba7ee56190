//! What `reports.rs` reads from sums, counted from the calls themselves: for what has no sums, and for tests and benches to
//! compare with.

use ringfence_model::{AccountId, Timestamp};

use crate::reports::{read_hour, read_number, read_source, read_totals};
use crate::value::args;
use crate::{CallTotals, Db, HourCount, NumberCount, SourceCount, StoreError};

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
    /// [`Db::call_totals`] without sums, and without first-time callers and recorded calls.
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
        let totals = self.written_row(TOTALS, args, read_totals).await?;
        Ok(totals.unwrap_or_default())
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
