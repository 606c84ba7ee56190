//! Sums over the call log for reports. All cover calls that started in `[from, to)`.

use ringfence_model::{AccountId, E164, NumberId, SourceKind, TargetId, Timestamp};

use crate::{Db, StoreError};

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
        todo!()
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
        todo!()
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
        todo!()
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
        todo!()
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
        todo!()
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
        todo!()
    }
}
